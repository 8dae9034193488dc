package tui

// What the footer says for a while, what a session sums up at its end, and the bell.

import (
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

type mood int

const (
	calm mood = iota
	good
	bad
)

// A note is one line at the right of the footer.
type note struct {
	text   string
	mood   mood
	number int
	at     time.Time
}

// noteStays is how long a note is shown that is no bad news.
const noteStays = 8 * time.Second

// saidKept is how many notes can be read again.
const saidKept = 50

func (n note) style(th *Theme) Style {
	switch n.mood {
	case good:
		return th.Good
	case bad:
		return th.Bad
	case calm:
	}
	return th.Dim
}

// say shows a note until the next one, or until it has been there long enough to be read. Text must be clean.
func (m *Model) say(mood mood, text string) tea.Cmd {
	m.note = note{text: text, mood: mood, number: m.note.number + 1, at: m.opts.Now()}
	m.said = append(m.said, m.note)
	m.said = m.said[max(0, len(m.said)-saidKept):]
	m.dirty = true
	stay := noteStays
	if mood == bad {
		stay = 20 * time.Second
	}
	return m.opts.Tick(stay, noteMsg(m.note.number))
}

// write sends a sequence to the terminal in one piece, between frames.
func (m *Model) write(seq string) tea.Cmd {
	out := m.out
	if out == nil {
		return nil
	}
	return func() tea.Msg {
		out.Write(seq)
		return nil
	}
}

type runLine struct {
	id, state, text string
	failures        []string
}

// failed keeps a failure for the summary.
func (m *Model) failed(run string, key graph.Key, text string) {
	r := m.runOf(run)
	r.failures = append(r.failures, fmt.Sprintf("%s failed%s; its log: assetdev logs %s %s", clean(key.String()), text, clean(run), clean(key.String())))
}

func (m *Model) runOf(id string) *runLine {
	for i := range m.runs {
		if m.runs[i].id == id {
			return &m.runs[i]
		}
	}
	m.runs = append(m.runs, runLine{id: id})
	return &m.runs[len(m.runs)-1]
}

// ended takes the end of a run: a note, a line of the summary, and the bell when the user looks elsewhere.
func (m *Model) ended(e event.Event) tea.Cmd {
	var counts []string
	for _, state := range []string{event.Succeeded, event.Unchanged, event.CutOff, event.Superseded, event.Failed, event.Skipped, event.Cancelled} {
		if n := e.Counts[state]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, spoken(state)))
		}
	}
	text := "run " + spoken(e.State)
	took := int64(0)
	if e.MS != nil {
		took = *e.MS
		text += " in " + shortDuration(took)
	}
	if len(counts) > 0 {
		text += ": " + strings.Join(counts, ", ")
	}
	r := m.runOf(e.Run)
	r.state, r.text = e.State, text
	mood := bad
	if e.State == event.Succeeded {
		mood = good
	}
	cmds := []tea.Cmd{m.say(mood, m.th.glyph(e.State)+" "+text)}
	if m.away && m.opts.Bell >= 0 && took >= m.opts.Bell.Milliseconds() {
		m.rang++
		cmds = append(cmds, m.write(m.caps.Notify("assetdev: "+text)))
	}
	return tea.Batch(cmds...)
}

// summaryLines bounds what is left on the terminal after quitting.
const summaryLines = 10

func (m *Model) summary() Summary {
	var s Summary
	if r := m.snap.Run; r.Active() {
		active := m.runOf(r.ID)
		active.text = "the run of " + clean(r.Selection) + " was still active and is cancelled"
	}
	for i, r := range m.runs {
		if r.text == "" {
			r.text = "run " + clean(r.id) + " was still active"
		}
		s.Lines = append(s.Lines, r.text)
		for _, f := range r.failures {
			s.Lines = append(s.Lines, "  "+f)
		}
		s.Failed = s.Failed || i == len(m.runs)-1 && (len(r.failures) > 0 || r.state == event.Failed)
	}
	if extra := len(s.Lines) - summaryLines; extra > 0 {
		s.Lines = append([]string{fmt.Sprintf("%d earlier lines are left out; assetdev runs shows all runs", extra+1)}, s.Lines[extra+1:]...)
	}
	return s
}
