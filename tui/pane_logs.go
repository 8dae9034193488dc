package tui

// The log of the step of the asset under the cursor. It is pulled, at most once a frame, and only while it can be seen.

import (
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

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
	err     error
}

type pullMsg struct{}

func (p *logPane) reset() {
	*p = logPane{view: logview.New(keptLines, func(s string) string { return printable.Log([]byte(s)) })}
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
			prefix := ""
			if !l.At.IsZero() {
				prefix = l.At.Local().Format("15:04:05")
			}
			level := l.Level
			if level == "" && l.Stream == "stderr" {
				level = "stderr"
			}
			msg.lines = append(msg.lines, logview.Line{Prefix: prefix, Level: level, Text: l.Text})
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
	p.last = max(p.last, msg.last)
	p.came = p.last
}

func (m *Model) logLines(w, h int) []string {
	p := &m.logs
	key, _ := m.list.key()
	kept, _ := p.view.Len()
	text := ""
	switch {
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
	foot := "run " + clean(p.run) + "   " + grouped(int64(kept)+before+p.came-p.last) + " lines"
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
