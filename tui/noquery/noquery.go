// Package noquery keeps Bubble Tea's package initialisation from asking the terminal for its background colour, which on a
// terminal that does not answer holds every start of the program up for five seconds, even of `assetdev version`.
//
// It works because Go initialises packages that are ready in the order of their import paths, and
// "github.com/assetdev/…" sorts before "github.com/charmbracelet/bubbletea". The main package imports it for its effect.
//
// Deliberately absent: everything else. It imports Lip Gloss alone; one more import could make it ready too late.
package noquery

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
