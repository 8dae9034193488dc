package tui

// The one line of input: a filter, a search, the number of a row.

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	tea "github.com/charmbracelet/bubbletea"
)

// A prompt takes all keys until enter or esc.
type prompt struct {
	title   string
	text    string
	hint    string
	changed func(text string) tea.Cmd               // after each key; may be nil
	done    func(text string, entered bool) tea.Cmd // enter, or esc
}

// edit applies a key to a text that has its cursor at the end, and reports whether it was one that edits.
func edit(text, key string) (string, bool) {
	switch key {
	case "backspace", "ctrl+h":
		if text == "" {
			return text, true
		}
		last := ""
		for g := range graphemes(text) {
			last = g
		}
		return strings.TrimSuffix(text, last), true
	case "ctrl+u":
		return "", true
	case "ctrl+w":
		text = strings.TrimRight(text, " ")
		return text[:strings.LastIndexByte(text, ' ')+1], true
	case "space":
		return text + " ", true
	}
	if utf8.RuneCountInString(key) == 1 && clean(key) == key {
		return text + key, true
	}
	return text, false
}

func graphemes(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for s != "" {
			g, _ := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
			if g == "" {
				_, n := utf8.DecodeRuneInString(s)
				g = s[:n]
			}
			if !yield(g) {
				return
			}
			s = s[len(g):]
		}
	}
}

func (p *prompt) key(m *Model, key string) tea.Cmd {
	switch key {
	case "enter", "esc":
		m.prompt = nil
		return p.done(p.text, key == "enter")
	}
	if text, ok := edit(p.text, key); ok {
		p.text = text
		if p.changed != nil {
			return p.changed(text)
		}
	}
	return nil
}

// paste adds pasted text as one line.
func (p *prompt) paste(text string) tea.Cmd {
	p.text += clean(strings.Join(strings.Fields(text), " "))
	if p.changed != nil {
		return p.changed(p.text)
	}
	return nil
}

func (p *prompt) draw(m *Model, w int) string {
	l := m.th.line(w).put("", " ").put(m.th.Key, p.title)
	room := w - l.n - 2
	l.put("", clipLeft(p.text, room, m.th.G.Ellipsis)).put(m.th.Select, " ")
	if p.hint != "" && l.n+3+cells(p.hint) < w {
		l.to(w-cells(p.hint)-1).put(m.th.Dim, p.hint)
	}
	return l.end()
}
