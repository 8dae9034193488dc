package tui

// The state of the code locations, and everything that is wrong with the workspace, in a box.

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/internal/diag"
)

type problems struct{ top, total, height int }

// problemCount is the number of broken locations and of findings about the definitions.
func (m *Model) problemCount() int {
	n := len(m.snap.Problems)
	for _, l := range m.snap.Locations {
		if l.State == "broken" {
			n++
		}
	}
	return n
}

func (o *problems) key(m *Model, key string) tea.Cmd {
	switch key {
	case "esc", "q", "enter", "!":
		m.overlay = nil
	case "j", "down":
		o.top++
	case "k", "up":
		o.top--
	case "ctrl+d", "pgdown", "space":
		o.top += max(1, o.height-1)
	case "ctrl+u", "pgup":
		o.top -= max(1, o.height-1)
	case "g", "home":
		o.top = 0
	case "G", "end":
		o.top = o.total
	}
	o.top = max(0, min(o.top, o.total-o.height))
	return nil
}

func (o *problems) paste(*Model, string) tea.Cmd { return nil }

func (o *problems) size(m *Model) (w, h int) {
	w = min(110, m.w-8)
	return w, len(o.text(m, w))
}

func (o *problems) text(m *Model, w int) []string {
	th := m.th
	s := &sheet{th: th, w: w}
	for _, l := range m.snap.Locations {
		word, st := "fresh", th.Good
		switch l.State {
		case "broken":
			word, st = "failed", th.Bad
		case "loading":
			word, st = "queued", th.Busy
		}
		out := th.line(w).put(st, th.glyph(word)+" ").col(th.Bold, clean(l.Name), 16, false).put(st, l.State).put(th.Dim, "  "+clean(l.Kind)+"  "+plural(l.Assets, "asset"))
		if l.LoadMS > 0 {
			out.put(th.Dim, "  "+shortDuration(l.LoadMS))
		}
		s.lines = append(s.lines, out.put(th.Dim, "  "+clean(l.Version)).end())
		if l.LastGood {
			s.text(th.Dim, "  its assets are those of an earlier load")
		}
		if l.Note != "" {
			s.text(th.Dim, "  "+clean(l.Note))
		}
		if l.Error == nil {
			continue
		}
		for _, part := range wrap(cleanText(l.Error.Message), w-2) {
			s.lines = append(s.lines, th.line(w).put("", "  "+part).end())
		}
		if l.Error.File != "" {
			at, n := m.placeText(l.Error.File, l.Error.Line, w-2)
			s.lines = append(s.lines, th.line(w).put("", "  ").raw(at, n).end())
		}
		if l.Error.Trace != "" {
			for _, part := range cutLines(cleanText(l.Error.Trace)) {
				s.lines = append(s.lines, th.line(w).put(th.Dim, "  "+part).end())
			}
		}
	}
	o.findings(m, s, "Problems", th.Bad, m.snap.Problems)
	o.findings(m, s, "Notices", th.Dim, m.snap.Notices)
	return s.lines
}

func (o *problems) findings(m *Model, s *sheet, title string, st Style, list []*diag.Error) {
	if len(list) == 0 {
		return
	}
	s.blank()
	s.text(m.th.Bold, title)
	for _, e := range list {
		s.text(st, clean(e.What))
		if e.Pos.File != "" {
			at, n := m.placeText(e.Pos.File, e.Pos.Line, s.w-2)
			s.lines = append(s.lines, m.th.line(s.w).put("", "  ").raw(at, n).end())
		}
		if e.Hint != "" {
			for _, part := range wrap("hint: "+cleanText(e.Hint), s.w-2) {
				s.lines = append(s.lines, m.th.line(s.w).put("", "  ").put(m.th.Dim, part).end())
			}
		}
	}
}

func (o *problems) draw(m *Model, w, h int) (title string, lines []string, foot string) {
	lines = o.text(m, w)
	o.total, o.height = len(lines), h
	o.top = max(0, min(o.top, o.total-h))
	foot = "esc close"
	if o.total > h {
		foot += fmt.Sprintf("   j k %d of %d", min(o.total, o.top+h), o.total)
	}
	return "Code locations", lines[o.top:], foot
}
