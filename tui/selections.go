package tui

// Selections that need not be typed: those that the team gave names, and those that were used last.

import (
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// recentKept is how many filters are remembered.
const recentKept = 20

// An offer is a filter to choose.
type offer struct{ text, note string }

// offers lists the named selections, then the last filters.
func (m *Model) offers() []offer {
	var out []offer
	for _, s := range m.snap.Workspace.Selections {
		out = append(out, offer{s.Selection, s.Name})
	}
	for _, text := range m.recent {
		if !slices.ContainsFunc(out, func(o offer) bool { return o.text == text }) {
			out = append(out, offer{text, "used before"})
		}
	}
	return out
}

// named returns the selection that a name stands for, else the text as it is.
func (m *Model) named(text string) string {
	for _, s := range m.snap.Workspace.Selections {
		if s.Name == strings.TrimSpace(text) {
			return s.Selection
		}
	}
	return text
}

// filterBy shows what a selection, the name of one, or a text means, and remembers it.
func (m *Model) filterBy(text string) tea.Cmd {
	m.focus = PaneAssets
	text = m.named(text)
	m.setFilter(text)
	m.used(text)
	return nil
}

// used puts a filter in front of those that are remembered.
func (m *Model) used(text string) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 500 {
		return
	}
	m.recent = slices.DeleteFunc(m.recent, func(old string) bool { return old == text })
	m.recent = slices.Insert(m.recent, 0, text)
	m.recent = m.recent[:min(len(m.recent), recentKept)]
}

// matching returns the offers that hold a text in their name or selection; nothing typed matches all.
func matching(offers []offer, text string) []offer {
	low := strings.ToLower(strings.TrimSpace(text))
	if low == "" {
		return offers
	}
	var out []offer
	for _, o := range offers {
		if o.text == strings.TrimSpace(text) {
			continue // it stands there already
		}
		if strings.Contains(strings.ToLower(o.text), low) || o.note != "used before" && strings.Contains(strings.ToLower(o.note), low) {
			out = append(out, o)
		}
	}
	return out
}
