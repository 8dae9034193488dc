package tui

// What there is to know about the workspace as a whole, in a box: its code locations and what is wrong with them, findings about
// the definitions, and what the footer said lately, in full. Places in files can be opened in the editor from here.

import (
	"fmt"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/internal/diag"
)

type problems struct {
	top, total, height int
	places             []place
	at                 int // of the places, the one that e opens
}

// A place is a line of a file, and the line of the box that names it.
type place struct {
	file string
	line int
	row  int
}

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

// brokenLocation returns the error of a location that does not load, nil when it loads.
func (m *Model) brokenLocation(name string) *event.Error {
	for _, l := range m.snap.Locations {
		if l.Name == name && l.State == "broken" {
			return l.Error
		}
	}
	return nil
}

func (o *problems) key(m *Model, key string) tea.Cmd {
	switch key {
	case "esc", "q", "!":
		m.overlay = nil
	case "e", "enter":
		if o.at < len(o.places) {
			m.overlay = nil
			return m.editAt(o.places[o.at].file, o.places[o.at].line)
		}
	case "n", "tab":
		o.goTo(o.at + 1)
	case "N", "shift+tab":
		o.goTo(o.at - 1)
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

// goTo chooses a place and brings it onto the screen.
func (o *problems) goTo(i int) {
	if len(o.places) == 0 {
		return
	}
	o.at = (i + len(o.places)) % len(o.places)
	row := o.places[o.at].row
	o.top = max(min(o.top, row-1), row-o.height+2)
}

func (o *problems) paste(*Model, string) tea.Cmd { return nil }

func (o *problems) size(m *Model) (w, h int) {
	w = min(110, m.w-8)
	return w, len(o.text(m, w))
}

func (o *problems) text(m *Model, w int) []string {
	th := m.th
	s := &sheet{th: th, w: w}
	o.places = o.places[:0]
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
		if l.LastGood && l.State == "broken" {
			s.indented(th.Dim, "its assets are those of an earlier load")
		}
		if l.Note != "" {
			s.indented(th.Dim, "its paths are "+clean(l.Note))
		}
		if l.Error == nil {
			continue
		}
		s.indented(th.Bad, cleanText(l.Error.Message))
		o.place(m, s, l.Error.File, l.Error.Line)
		if l.Error.Trace != "" {
			for _, part := range cutLines(cleanText(l.Error.Trace)) {
				s.indented(th.Dim, part)
			}
		}
	}
	o.findings(m, s, "Problems", th.Bad, m.snap.Problems)
	o.findings(m, s, "Notices", th.Dim, m.snap.Notices)
	s.blank()
	s.text(th.Bold, "Workspace")
	s.field("file", clean(m.snap.Workspace.File))
	s.field("storage", clean(m.snap.Workspace.Storage))
	if size := m.snap.Workspace.StorageSize; size >= 0 {
		s.field("data", shortBytes(size)+" with the kept versions")
	}
	if len(m.said) > 0 {
		s.blank()
		s.text(th.Bold, "Messages, newest first")
		for _, n := range slices.Backward(m.said) {
			s.field(n.at.Format("15:04:05"), n.text)
		}
	}
	o.at = max(0, min(o.at, len(o.places)-1))
	return s.lines
}

// place names a line of a file, with the cursor when it is the one that e opens.
func (o *problems) place(m *Model, s *sheet, file string, ln int) {
	if file == "" {
		return
	}
	sign := "  "
	if len(o.places) == o.at {
		sign = m.th.G.Cursor + " "
	}
	at, n := m.placeText(file, ln, s.w-4)
	s.lines = append(s.lines, m.th.line(s.w).put(m.th.Key, sign).raw(at, n).end())
	o.places = append(o.places, place{file: file, line: ln, row: len(s.lines) - 1})
}

func (o *problems) findings(m *Model, s *sheet, title string, st Style, list []*diag.Error) {
	if len(list) == 0 {
		return
	}
	s.blank()
	s.text(m.th.Bold, title)
	for _, e := range list {
		s.text(st, clean(e.What))
		o.place(m, s, e.Pos.File, e.Pos.Line)
		if e.Hint != "" {
			s.indented(m.th.Dim, "hint: "+cleanText(e.Hint))
		}
	}
}

func (o *problems) draw(m *Model, w, h int) (title string, lines []string, foot string) {
	lines = o.text(m, w)
	o.total, o.height = len(lines), h
	o.top = max(0, min(o.top, o.total-h))
	foot = "esc close"
	switch len(o.places) {
	case 0:
	case 1:
		foot = "e edit   " + foot
	default:
		foot = "e edit   n next place   " + foot
	}
	if o.total > h {
		foot += fmt.Sprintf("   j k %d of %d", min(o.total, o.top+h), o.total)
	}
	return "Code locations, problems and messages", lines[o.top:], foot
}
