package tui

// The log of the step of the asset under the cursor. It is pulled, at most once a frame, and only while it can be seen.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/printable"
	"github.com/assetdev/assetdev/tui/logview"
)

const (
	keptLines   = 20_000 // of one log
	pulledLines = 2_000  // at a time; a step that writes faster is shown with gaps
	pullEvery   = 33 * time.Millisecond
)

type logPane struct {
	view *logview.View
	run  string
	key  graph.Key
	last int64 // number of the newest line that is shown
	came int64 // number of the newest line there is; more than last while the reader stands still
	busy bool
	at   time.Time // of the newest pull
	err  string
	due  bool // a pull waits for its time
	idle bool // the newest pull brought nothing
	done bool // the step has ended, and all of its log was read
	// counted says that the step has ended and came is final, though not all is shown.
	counted bool

	merged bool // all steps of the run together; key is zero then
	parts  map[graph.Key]logPart
}

// A logPart is how far the log of one step was read for the merged one.
type logPart struct {
	last int64 // number of the newest line that was read
	done bool  // the step has ended, and all of its log was read
}

type logMsg struct {
	run     string
	key     graph.Key
	lines   []logview.Line
	skipped int64
	last    int64
	live    bool // the step had not ended when it was asked for
	stands  bool // the reader stands still: only came was asked for
	came    int64
	parts   map[graph.Key]logPart // of a merged log
	err     error
}

type pullMsg struct{}

// reset makes the log empty. Whether lines are wrapped and logs merged stays.
func (p *logPane) reset() {
	wrap := p.view != nil && p.view.Wrapping()
	clean := func(s string) string { return printable.Log([]byte(s)) }
	color := func(s string) string { return printable.LogColors([]byte(s)) }
	*p = logPane{view: logview.New(keptLines, clean, color), merged: p.merged, parts: map[graph.Key]logPart{}}
	p.view.SetWrap(wrap)
}

// mergeable says why the logs of a run's steps cannot be shown together, "" when they can.
func mergeable(m *Model) string {
	if m.snap.Run == nil {
		return "no run of this session is known"
	}
	return ""
}

func (m *Model) toggleMerged() tea.Cmd {
	m.logs.merged = !m.logs.merged
	m.logs.reset()
	return nil
}

// nextError goes to the next line of the log that tells of an error.
func (m *Model) nextError(direction int) tea.Cmd {
	if !m.logs.view.NextError(direction) {
		return m.say(calm, "no line tells of an error")
	}
	return nil
}

// logRun is the run whose log is shown for an asset: the active one, or the last that it took part in.
func (m *Model) logRun(key graph.Key) string {
	a := m.snap.Assets[key]
	switch {
	case a == nil:
		return ""
	case m.snap.Run != nil && (a.Step != nil && a.Step.State != "want" && a.Step.State != "ready"):
		return m.snap.Run.ID
	case a.Stored.Last != nil && a.Stored.Last.Run != "":
		return a.Stored.Last.Run
	case a.Stored.Record != nil:
		return a.Stored.Record.Run
	}
	return ""
}

func (m *Model) loadLogs(key graph.Key) tea.Cmd {
	p := &m.logs
	if p.merged && m.snap.Run != nil {
		return m.loadMerged(m.snap.Run)
	}
	run := m.logRun(key)
	if p.key != key || p.run != run {
		p.reset()
		p.key, p.run = key, run
	}
	a := m.snap.Assets[key]
	live := a != nil && a.Step != nil && !event.Final(a.Step.State)
	p.done = p.done && !live
	if run == "" || p.busy || p.due || p.done || !live && p.counted && !p.view.Following() {
		return nil
	}
	every := pullEvery
	if p.idle {
		every = 4 * pullEvery
	}
	if wait := every - m.opts.Now().Sub(p.at); wait > 0 && !p.at.IsZero() {
		p.due = true
		return m.opts.Tick(wait, pullMsg{})
	}
	return m.pull(run, key, live)
}

// pull reads what came since the last time. When that is more than can be shown, it reads the end and says how much it left out;
// but while the reader stands still nothing that is read is let go of, and what came is only counted.
func (m *Model) pull(run string, key graph.Key, live bool) tea.Cmd {
	p := &m.logs
	p.busy, p.at = true, m.opts.Now()
	front, since := m.front, p.last
	stands, full := !p.view.Following(), p.view.Below() > keptLines/2
	return func() tea.Msg {
		if stands && full {
			_, last, _, err := front.Log(run, key, since, 1)
			return logMsg{run: run, key: key, err: err, live: live, stands: true, came: last}
		}
		lines, last, _, err := front.Log(run, key, since, pulledLines)
		if err == nil && len(lines) > 0 && last-lines[len(lines)-1].Seq > 0 {
			if tail, _, _, err := front.Log(run, key, max(since, last-pulledLines), pulledLines); err == nil && len(tail) > 0 {
				lines = tail
			}
		}
		if stands && err == nil && len(lines) > 0 && lines[0].Seq > since+1 {
			return logMsg{run: run, key: key, live: live, stands: true, came: last}
		}
		msg := logMsg{run: run, key: key, last: since, err: err, live: live}
		if len(lines) > 0 {
			msg.last = lines[len(lines)-1].Seq
			msg.skipped = max(0, lines[0].Seq-since-1)
		}
		for _, l := range lines {
			msg.lines = append(msg.lines, logLine(l, ""))
		}
		return msg
	}
}

func (m *Model) gotLog(msg logMsg) {
	p := &m.logs
	if msg.run != p.run || msg.key != p.key {
		p.busy = false
		return
	}
	if msg.parts != nil {
		p.parts = msg.parts
	}
	p.busy, p.err, p.idle = false, "", len(msg.lines) == 0
	p.done = !msg.live && len(msg.lines) == 0
	if msg.err != nil {
		p.err, p.done = clean(msg.err.Error()), !msg.live
		return
	}
	if msg.stands {
		p.idle, p.came = p.came == msg.came, msg.came
		p.counted = !msg.live
		return
	}
	p.view.Append(msg.lines, msg.skipped)
	if p.last = max(p.last, msg.last); msg.parts != nil {
		p.last = 0
	}
	p.came = p.last
}

func (m *Model) logLines(w, h int) []string {
	p := &m.logs
	key, _ := m.list.key()
	kept, _ := p.view.Len()
	text := ""
	switch {
	case p.key.IsZero() && p.run != "" && kept > 0 && p.err == "":
		return p.view.Lines(w, h, &m.th.log)
	case m.logRun(key) == "":
		text = "no run of it is known"
	case p.err != "":
		text = p.err
	case kept == 0 && p.last == 0 && p.busy:
		text = "reading" + m.th.G.Ellipsis
	case kept == 0:
		text = "it wrote nothing"
		if e := m.lastError(key); e != "" {
			text += ", and failed: " + cleanText(strings.TrimSpace(e))
		}
	default:
		return p.view.Lines(w, h, &m.th.log)
	}
	s := &sheet{th: m.th, w: w}
	s.blank()
	s.text(m.th.Dim, text)
	return trim(s.lines, w, h)
}

func (m *Model) logFoot() string {
	p := &m.logs
	kept, before := p.view.Len()
	if kept == 0 {
		return ""
	}
	foot := "run " + clean(p.run) + "   " + plural64(int64(kept)+before+p.came-p.last, "line")
	if p.merged && p.key.IsZero() {
		foot += "   all steps"
	}
	if p.view.Wrapping() {
		foot += "   wrapped"
	}
	if p.view.Following() {
		foot += "   follow"
	} else if n := p.view.Below() + p.came - p.last; n > 0 {
		foot += fmt.Sprintf("   %s %s new", m.th.G.Down, grouped(n))
	}
	if s := p.view.Searching(); s != "" {
		foot += "   /" + clean(s)
	}
	return foot
}

// loadMerged asks for what all steps of a run have written since the last time.
func (m *Model) loadMerged(r *engine.Run) tea.Cmd {
	p := &m.logs
	if !p.key.IsZero() || p.run != r.ID {
		p.reset()
		p.run = r.ID
	}
	p.done = p.done && !r.Active()
	if p.busy || p.due || p.done || !p.view.Following() && p.view.Below() > keptLines/2 {
		return nil
	}
	every := pullEvery
	if p.idle {
		every = 4 * pullEvery
	}
	if wait := every - m.opts.Now().Sub(p.at); wait > 0 && !p.at.IsZero() {
		p.due = true
		return m.opts.Tick(wait, pullMsg{})
	}
	p.busy, p.at = true, m.opts.Now()
	type step struct {
		name  string
		key   graph.Key
		ended bool
	}
	var steps []step
	for _, s := range r.Steps {
		if s.State != "want" && s.State != "ready" && s.State != event.Queued && !p.parts[s.Key].done {
			steps = append(steps, step{clean(s.Key.String()), s.Key, event.Final(s.State)})
		}
	}
	parts := maps.Clone(p.parts)
	front, run, live := m.front, r.ID, r.Active()
	return func() tea.Msg {
		msg := logMsg{run: run, live: live, parts: parts}
		type line struct {
			at   time.Time
			line logview.Line
		}
		var lines []line
		for _, s := range steps {
			part := parts[s.key]
			each := max(50, pulledLines/len(steps))
			got, last, _, err := front.Log(run, s.key, part.last, each)
			if err == nil && len(got) > 0 && last > got[len(got)-1].Seq { // it writes faster than it can be shown: the end of it
				got, _, _, err = front.Log(run, s.key, max(part.last, last-int64(each)), each)
			}
			if err != nil {
				msg.err = err
				continue
			}
			if len(got) > 0 {
				msg.skipped += max(0, got[0].Seq-part.last-1)
				part.last = got[len(got)-1].Seq
			}
			part.done = s.ended && len(got) == 0
			parts[s.key] = part
			for _, l := range got {
				lines = append(lines, line{l.At, logLine(l, s.name)})
			}
		}
		slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
		for _, l := range lines {
			msg.lines = append(msg.lines, l.line)
		}
		msg.last = int64(len(lines)) // how many of them there are hangs on no number
		return msg
	}
}

// logLine is a line of the engine's as the view takes it.
func logLine(l engine.LogLine, name string) logview.Line {
	prefix := name
	if !l.At.IsZero() {
		prefix = strings.TrimRight(l.At.Local().Format("15:04:05")+" "+name, " ")
	}
	level := l.Level
	if level == "" && l.Stream == "stderr" {
		level = "stderr"
	}
	return logview.Line{Prefix: prefix, Level: level, Text: l.Text}
}
