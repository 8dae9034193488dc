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
	offers  []offer                                 // texts to choose from with the arrows
	chosen  int                                     // of the offers that match, counted from 1; 0 none
	typed   string                                  // text before one was chosen
}

// matching are the offers for what was typed.
func (p *prompt) matching() []offer {
	if p.chosen > 0 {
		return matching(p.offers, p.typed)
	}
	return matching(p.offers, p.text)
}

// choose takes the next offer, or the one before it.
func (p *prompt) choose(step int) tea.Cmd {
	found := p.matching()
	if len(found) == 0 {
		return nil
	}
	if p.chosen == 0 {
		p.typed = p.text
	}
	p.chosen = max(0, min(p.chosen+step, len(found)))
	if p.text = p.typed; p.chosen > 0 {
		p.text = found[p.chosen-1].text
	}
	if p.changed != nil {
		return p.changed(p.text)
	}
	return nil
}

// maxOffers is how many offers are shown at once.
const maxOffers = 8

// box returns the offers as a box above the prompt, nil when there are none.
func (p *prompt) box(m *Model, w, h int) []string {
	found := p.matching()
	n := min(len(found), maxOffers, h-6)
	if n <= 0 {
		return nil
	}
	first := max(0, min(p.chosen-n, len(found)-n))
	var lines []string
	for i := first; i < first+n; i++ {
		l := m.th.line(w - 4)
		if i == p.chosen-1 {
			l.over = m.th.Select
		}
		note := clean(found[i].note)
		l.put("", clip(clean(found[i].text), w-6-min(cells(note)+2, w/2), m.th.G.Ellipsis))
		note = clip(note, w-6-l.n, m.th.G.Ellipsis)
		lines = append(lines, l.to(w-4-cells(note)).put(m.th.Dim, note).end())
	}
	bare := m.rects.Bare
	m.rects.Bare = false
	defer func() { m.rects.Bare = bare }()
	return m.box(Rect{W: w, H: n + 2}, false, label{"Selections", "Selections"}, label{}, m.th.G.Up+" "+m.th.G.Down+" choose   enter takes it", lines)
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
	switch key {
	case "down", "ctrl+n", "tab":
		return p.choose(1)
	case "up", "ctrl+p", "shift+tab":
		return p.choose(-1)
	}
	if text, ok := edit(p.text, key); ok {
		p.text, p.chosen = text, 0
		if p.changed != nil {
			return p.changed(text)
		}
	}
	return nil
}

// paste adds pasted text as one line.
func (p *prompt) paste(text string) tea.Cmd {
	p.chosen = 0
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
