package tui

// Colours say again what a glyph and a word say already; nothing depends on them. No background is ever set, and a selection is
// reverse.
//
// There are three palettes. Where the terminal has 256 colours and it is known whether its background is dark, the screen uses
// those of the 256 that every terminal shows alike: chosen so that all text is legible and people who see no difference between
// red and green tell the statuses apart. On a background that nobody told they could be illegible, so there, and with the theme
// "terminal", it is the sixteen colours that the user chose for the terminal. Without colour, bold, faint and reverse remain.

import (
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/assetdev/assetdev/tui/grid"
	"github.com/assetdev/assetdev/tui/logview"
)

// A Style is an opening SGR sequence, "" for the terminal's own text. It is closed by reset.
type Style string

const reset = "\x1b[0m"

// A Theme is what everything is drawn with.
type Theme struct {
	Bold, Dim, Title, Border, Focus, Key, Select, Match Style
	Good, Warn, Bad, Busy, Info                         Style

	G Glyphs

	words   map[string]Style
	byGlyph map[rune]string // the status that a glyph stands for
	grid    grid.Look
	log     logview.Look
}

// Glyphs are the signs of the screen, one cell and one meaning each.
type Glyphs struct {
	Words                                                           map[string]string // of a status or state
	Spinner                                                         []string
	Cursor, Mark, Ellipsis, Null                                    string
	Full, Rest                                                      string
	Partial                                                         []string // eighths of a cell of the gauge, from one to seven
	TopLeft, TopRight, BottomLeft, BottomRight, H, V, LeftT, RightT string
	Rule, Left, Right, Up, Down, Arrow, Dot, Return                 string
	ASCII                                                           bool
}

var unicodeGlyphs = Glyphs{
	Words: map[string]string{
		"fresh": "●", "stale": "◐", "missing": "○", "failed": "✗", "running": "⠿", "queued": "◌", "ready": "◌", "want": "◌", "external": "◇",
		"overdue": "◷", "unknown": "?", "check failed": "△", "cycle": "!",
		"succeeded": "✓", "unchanged": "≡", "cut_off": "⊣", "superseded": "⇄", "skipped": "↷", "cancelled": "⊘", "interrupted": "∥",
	},
	Spinner: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"},
	Cursor:  "▸", Mark: "◆", Ellipsis: "…", Null: "∅", Full: "█", Rest: "·",
	Partial: []string{"▏", "▎", "▍", "▌", "▋", "▊", "▉"},
	TopLeft: lipgloss.RoundedBorder().TopLeft, TopRight: lipgloss.RoundedBorder().TopRight,
	BottomLeft: lipgloss.RoundedBorder().BottomLeft, BottomRight: lipgloss.RoundedBorder().BottomRight,
	H: lipgloss.RoundedBorder().Top, V: lipgloss.RoundedBorder().Left, LeftT: "├", RightT: "┤",
	Rule: "│", Left: "‹", Right: "›", Up: "↑", Down: "↓", Arrow: "→", Dot: "·", Return: "↵",
}

var asciiGlyphs = Glyphs{
	Words: map[string]string{
		"fresh": "*", "stale": "~", "missing": "o", "failed": "x", "running": "/", "queued": ".", "ready": ".", "want": ".", "external": "^",
		"overdue": "@", "unknown": "?", "check failed": "X", "cycle": "!",
		"succeeded": "+", "unchanged": "=", "cut_off": "<", "superseded": "$", "skipped": "-", "cancelled": "%", "interrupted": "&",
	},
	Spinner: []string{"|", "/", "-", "\\"},
	Cursor:  ">", Mark: "#", Ellipsis: "~", Null: "NULL", Full: "#", Rest: ".",
	TopLeft: "+", TopRight: "+", BottomLeft: "+", BottomRight: "+", H: "-", V: "|", LeftT: "+", RightT: "+",
	Rule: "|", Left: "<", Right: ">", Up: "^", Down: "v", Arrow: "->", Dot: ".", Return: "$", ASCII: true,
}

// A depth is which colours a theme uses.
type depth int

const (
	noColours  depth = iota
	ownColours       // the terminal's own
	tuned            // of the 256
)

// A palette is the SGR code of each use of a colour.
type palette struct{ dim, border, focus, good, warn, bad, busy, info, odd string }

// palettes are those for a light and a dark background. The test of this file measures the ones of 256 colours.
var palettes = map[depth][2]palette{
	noColours: {{dim: "2", border: "2", focus: "1", bad: "1"}, {dim: "2", border: "2", focus: "1", bad: "1"}},
	ownColours: {
		{dim: "2", border: "2", focus: "34", good: "32", warn: "35", bad: "1;31", busy: "34", info: "34", odd: "35"},
		{dim: "2", border: "2", focus: "36", good: "32", warn: "33", bad: "1;31", busy: "36", info: "94", odd: "35"},
	},
	tuned: {
		{dim: "38;5;242", border: "38;5;245", focus: "38;5;24", good: "38;5;22", warn: "38;5;130", bad: "1;38;5;124", busy: "38;5;24", info: "38;5;27", odd: "38;5;127"},
		{dim: "38;5;246", border: "38;5;243", focus: "38;5;80", good: "38;5;121", warn: "38;5;214", bad: "1;38;5;203", busy: "38;5;73", info: "38;5;153", odd: "38;5;171"},
	},
}

// statusWords are the screen's words for the status of an asset, the most urgent first; the first two are failures.
var statusWords = [...]string{"failed", "check failed", "running", "queued", "stale", "missing", "overdue", "unknown", "fresh"}

// newTheme builds a theme.
func newTheme(dark bool, colours depth, ascii bool) *Theme {
	of := palettes[colours][0]
	if dark {
		of = palettes[colours][1]
	}
	c := func(code string) Style {
		if code == "" {
			return ""
		}
		return Style("\x1b[" + code + "m")
	}
	th := &Theme{
		Bold: "\x1b[1m", Dim: c(of.dim), Select: "\x1b[7m", Match: "\x1b[4m",
		Title: "\x1b[1m", Border: c(of.border), Focus: c(of.focus), Key: c("1;" + of.focus),
		Good: c(of.good), Warn: c(of.warn), Bad: c(of.bad), Busy: c(of.busy), Info: c(of.info),
		G: unicodeGlyphs,
	}
	if colours == noColours {
		th.Key = th.Bold
	}
	if ascii {
		th.G = asciiGlyphs
	}
	th.words = map[string]Style{
		"fresh": th.Good, "stale": th.Warn, "missing": th.Info, "failed": th.Bad, "check failed": th.Bad, "running": th.Busy,
		"queued": th.Busy, "ready": th.Dim, "want": th.Dim, "external": th.Dim, "overdue": c(of.odd), "unknown": c(of.odd),
		"succeeded": th.Good, "unchanged": th.Good, "cut_off": th.Dim, "superseded": th.Good, "skipped": th.Dim, "cancelled": th.Warn, "interrupted": th.Warn,
	}
	th.byGlyph = map[rune]string{}
	for _, word := range statusWords {
		for _, r := range th.glyph(word) {
			th.byGlyph[r] = word
		}
	}
	th.grid = grid.Look{
		Header: string(th.Bold), Type: string(th.Dim), Null: string(th.Dim), Dim: string(th.Dim), Cursor: string(th.Select), Row: string(th.Bold),
		Selected: string(th.Select), Other: string(th.Info), Reset: reset, Rule: th.G.Rule, Ellipsis: th.G.Ellipsis, NullSign: th.G.Null, Left: th.G.Left, Right: th.G.Right,
		Return: th.G.Return, Up: th.G.Up, Down: th.G.Down,
	}
	th.log = logview.Look{
		Dim: string(th.Dim), Warning: string(th.Warn), Error: string(th.Bad), Match: "\x1b[7m", Reset: reset, Ellipsis: th.G.Ellipsis, Down: th.G.Down, Color: colours != noColours,
	}
	return th
}

// glyph returns the sign of a status or state, "?" for one it does not know.
func (th *Theme) glyph(word string) string {
	if g, ok := th.G.Words[word]; ok {
		return g
	}
	return "?"
}

// style returns the colour of a status or state.
func (th *Theme) style(word string) Style { return th.words[word] }

// gauge draws a bar of w cells. A fraction above 0 shows at least a trace.
func (th *Theme) gauge(fraction float64, w int) string {
	if w <= 0 {
		return ""
	}
	fraction = max(0, min(1, fraction))
	eighths := int(fraction * float64(w) * 8)
	if fraction > 0 {
		eighths = max(1, eighths)
	}
	n := eighths / 8
	bar := strings.Repeat(th.G.Full, n)
	if part := eighths % 8; part > 0 && n < w {
		if len(th.G.Partial) > 0 {
			bar += th.G.Partial[part-1]
		} else {
			bar += th.G.Full
		}
		n++
	}
	out := string(th.Busy) + bar
	if th.Busy != "" {
		out += reset
	}
	if n < w {
		out += string(th.Dim) + strings.Repeat(th.G.Rest, w-n) + reset
	}
	return out
}
