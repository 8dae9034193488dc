package tui

// The active run, or the one that ended last: a gauge, and one row per step in the order of the plan.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

type assetState = engine.Asset

type runPane struct {
	id     string // run that cursor and closed belong to
	cursor int    // step, when the pane has the focus
	top    int
	height int
	closed bool // an ended run that the user put away
}

// shownRun is the run that the pane shows, nil when it shows none.
func (m *Model) shownRun() *engine.Run {
	r := m.snap.Run
	if r == nil || m.run.closed && m.run.id == r.ID && !r.Active() {
		return nil
	}
	return r
}

func (m *Model) runLinesWanted() int {
	if r := m.shownRun(); r != nil {
		return len(r.Steps) + 1
	}
	return 0
}

// runOver reports whether the run has ended and left nothing to look after.
func (m *Model) runOver() bool {
	r := m.shownRun()
	return r != nil && r.State == event.Succeeded
}

func (m *Model) runTitle() label {
	r := m.shownRun()
	if r == nil {
		return label{"Run", "Run"}
	}
	title := "Run"
	if r.Selection != "" {
		title += ": " + clean(r.Selection)
	}
	if r.By == "auto" {
		title += " (auto-run)"
	}
	return label{title, title}
}

func (m *Model) runRight() label {
	r := m.shownRun()
	switch {
	case r == nil:
		return label{}
	case r.Active():
		return m.plainLabel(m.th.Key, keyName(m.keys.first("cancel"))+" cancel")
	}
	return m.plainLabel(m.th.style(r.State), m.th.glyph(r.State)+" "+spoken(r.State))
}

// progress is how far a run is, in [0, 1], weighed by forecasts where all are known, and how many steps have ended.
func progress(r *engine.Run) (fraction float64, ended int) {
	known := !slices.ContainsFunc(r.Steps, func(s engine.Step) bool { return s.Forecast <= 0 && !event.Final(s.State) })
	done, total := 0.0, 0.0
	for _, s := range r.Steps {
		weight := 1.0
		if known {
			weight = max(1, float64(s.Forecast))
		}
		total += weight
		switch {
		case event.Final(s.State):
			done += weight
			ended++
		case s.State == event.Running && s.Fraction > 0:
			done += weight * min(1, s.Fraction)
		case s.State == event.Running && s.Forecast > 0:
			done += weight * min(0.95, float64(s.MS)/float64(s.Forecast))
		}
	}
	if total == 0 {
		return 0, 0
	}
	return done / total, ended
}

func (m *Model) elapsed(s *engine.Step) int64 {
	if s.State == event.Running && !s.Started.IsZero() {
		return max(s.MS, m.opts.Now().Sub(s.Started).Milliseconds())
	}
	return s.MS
}

func (m *Model) eta(r *engine.Run) string {
	if r.ETA < 0 {
		return "eta " + m.dash()
	}
	return "eta " + shortSeconds(r.ETA)
}

func (m *Model) dash() string {
	if m.th.G.ASCII {
		return "-"
	}
	return "–"
}

// runStatus is the run on one line, where there is no room for a pane.
func (m *Model) runStatus(w int) string {
	r := m.shownRun()
	if r == nil {
		return space(w)
	}
	return m.th.line(w).put("", " ").raw(m.gaugeLine(r, w-2), w-2).end()
}

func (m *Model) gaugeLine(r *engine.Run, w int) string {
	if !r.Active() {
		return m.endLine(r, w)
	}
	fraction, ended := progress(r)
	text := fmt.Sprintf("  %d/%d   %d%%   %s", ended, len(r.Steps), int(fraction*100), m.eta(r))
	bar := max(4, w-cells(text)-1)
	return m.th.line(w).raw(m.th.gauge(fraction, bar), bar).put("", text).end()
}

func (m *Model) endLine(r *engine.Run, w int) string {
	l := m.th.line(w).put(m.th.style(r.State), m.th.glyph(r.State)+" "+spoken(r.State)).put(m.th.Dim, " in "+shortDuration(r.MS))
	for _, state := range []string{event.Succeeded, event.Unchanged, event.CutOff, event.Superseded, event.Failed, event.Skipped, event.Cancelled, event.Interrupted} {
		if n := r.Counts[state]; n > 0 {
			l.put("", "   ").put(m.th.style(state), fmt.Sprintf("%s %d %s", m.th.glyph(state), n, spoken(state)))
		}
	}
	return l.end()
}

func (m *Model) runLines(w, h int, focused bool) []string {
	r := m.shownRun()
	if r == nil {
		return trim(nil, w, h)
	}
	p := &m.run
	p.height = max(1, h-1)
	p.cursor = max(0, min(p.cursor, len(r.Steps)-1))
	p.top = m.runTop(r, focused)
	lines := []string{m.gaugeLine(r, w)}
	nameW, locW := 0, 0
	for _, s := range r.Steps {
		nameW, locW = max(nameW, cells(clean(s.Key.String()))), max(locW, cells(clean(s.Location)))
	}
	nameW, locW = min(nameW, max(8, w/3)), min(locW, 14)
	if w < 90 {
		locW = 0
	}
	for i := p.top; i < len(r.Steps) && len(lines) < h; i++ {
		lines = append(lines, m.stepLine(&r.Steps[i], w, nameW, locW, focused && i == p.cursor))
	}
	return trim(lines, w, h)
}

// runTop is the first step on the screen: what keeps the cursor there, or without the focus the first that still goes on.
func (m *Model) runTop(r *engine.Run, focused bool) int {
	p, n := &m.run, len(r.Steps)
	want := p.cursor
	if !focused {
		want = n - 1
		for i, s := range r.Steps {
			if s.State == event.Running || s.State == event.Failed && !r.Active() {
				want = min(n-1, i+p.height/2)
				break
			}
		}
		if !r.Active() && want == n-1 && r.Counts[event.Failed] == 0 {
			want = 0
		}
	}
	top := p.top
	if focused || want < top || want >= top+p.height {
		top = min(top, want)
		top = max(top, want-p.height+1)
	}
	return max(0, min(top, n-p.height))
}

func (m *Model) stepLine(s *engine.Step, w, nameW, locW int, current bool) string {
	th := m.th
	l := th.line(w)
	if current {
		l.over = th.Select
	}
	l.put(th.style(s.State), m.glyphOf(s.State)).put("", " ").col("", clean(s.Key.String()), nameW, false)
	if locW > 0 {
		l.col(th.Dim, clean(s.Location), locW, false)
	}
	switch {
	case s.State == event.Running:
		l.col("", shortDuration(m.elapsed(s)), 6, true)
		if s.Rows >= 0 {
			l.put("", shortCount(s.Rows)+" rows   ")
		}
		if s.Fraction >= 0 {
			percent := fmt.Sprintf("%3d%%", int(min(1, s.Fraction)*100))
			if w-l.n > 50 {
				l.raw(th.gauge(s.Fraction, 10), 10).put("", " ")
			}
			l.put("", percent+"  ")
		}
		l.put(th.Dim, clean(s.Text))
	case s.State == event.Failed:
		l.col(th.Dim, shortDuration(s.MS), 6, true)
		text := "failed"
		if s.Error != nil {
			text = clean(firstLine(s.Error.Message))
		}
		l.put(th.Bad, text)
	case event.Final(s.State):
		if s.MS > 0 || s.State == event.Succeeded {
			l.col(th.Dim, shortDuration(s.MS), 6, true)
		} else {
			l.col("", "", 6, true)
		}
		l.put(th.style(s.State), spoken(s.State))
		if s.Rows >= 0 {
			l.put(th.Dim, "   "+shortCount(s.Rows)+" rows")
		}
		if s.Text != "" && s.State == event.Skipped {
			l.put(th.Dim, "   "+clean(s.Text))
		}
	default:
		text := spoken(s.State)
		if waits := m.waitsFor(s); len(waits) > 0 {
			text = "waits for " + strings.Join(waits, ", ")
		}
		l.col("", "", 6, true)
		if s.Forecast > 0 {
			forecast := "est " + shortDuration(s.Forecast)
			l.put(th.Dim, clip(text, w-l.n-cells(forecast)-2, th.G.Ellipsis)).to(w-cells(forecast)).put(th.Dim, forecast)
		} else {
			l.put(th.Dim, text)
		}
	}
	return l.end()
}

// waitsFor names the steps that still hold s up.
func (m *Model) waitsFor(s *engine.Step) []string {
	r := m.snap.Run
	if r == nil || len(s.After) == 0 {
		return nil
	}
	open := map[graph.Key]bool{}
	for _, other := range r.Steps {
		open[other.Key] = !event.Final(other.State)
	}
	var names []string
	for _, k := range s.After {
		if open[k] {
			names = append(names, clean(k.String()))
		}
	}
	return names
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
