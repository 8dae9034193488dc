package tui

// Boxes over the panes. While one is open it takes all keys.

import (
	"fmt"
	"strconv"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
)

type overlay interface {
	key(m *Model, key string) tea.Cmd
	paste(m *Model, text string) tea.Cmd
	// draw returns the title, the lines of exactly w cells, at most h, and what the keys do.
	draw(m *Model, w, h int) (title string, lines []string, foot string)
	// size is the width and height the content would like.
	size(m *Model) (w, h int)
}

// drawOverlay lays the open box over a frame.
func (m *Model) drawOverlay(frame []string) {
	w, h := m.overlay.size(m)
	w = max(10, min(w, m.w-8))
	if h = max(1, min(h, m.h-5)); m.h < 16 {
		h = max(1, min(h, m.h-4))
	}
	title, lines, foot := m.overlay.draw(m, w, h)
	r := Rect{W: w + 4, H: len(trim(lines, w, min(h, max(1, len(lines))))) + 2}
	bare := m.rects.Bare
	m.rects.Bare = false
	box := m.box(r, true, label{title, title}, label{}, foot, trim(lines, w, r.H-2))
	m.rects.Bare = bare
	lay(frame, box, (m.w-r.W)/2, max(1, (m.h-r.H)/2), r.W, m.w)
}

// openQuestions opens what the engine asks, and closes what it no longer asks.
func (m *Model) openQuestions() {
	q := m.snap.Question
	if o, ok := m.overlay.(*question); ok && (q == nil || q.ID != o.q.ID) {
		m.overlay = nil
	}
	if _, ok := m.overlay.(*trustOverlay); ok && !m.needsTrust() {
		m.overlay = nil
	}
	if m.overlay != nil || m.prompt != nil {
		return
	}
	switch {
	case m.needsTrust() && !m.distrust:
		m.overlay = &trustOverlay{}
	case q != nil && q.ID != m.dismissed:
		m.overlay = &question{q: q}
	}
}

// A choice is one key of a box that asks.
type choice struct {
	key, text string
	run       func(m *Model) tea.Cmd // nil just closes
}

// confirm asks for one of a few keys.
type confirm struct {
	title, text string
	keys        []choice
	also        map[string]string // further keys, by the one they stand for
}

func (c *confirm) key(m *Model, key string) tea.Cmd {
	if other, ok := c.also[key]; ok {
		key = other
	}
	if key == "q" {
		key = "esc"
	}
	for _, k := range c.keys {
		if k.key == key {
			m.overlay = nil
			if k.run != nil {
				return k.run(m)
			}
			return nil
		}
	}
	return nil
}

func (c *confirm) paste(*Model, string) tea.Cmd { return nil }

func (c *confirm) size(m *Model) (w, h int) {
	w = min(60, m.w-8)
	return w, len(wrap(c.text, w)) + 1 + len(c.keys)
}

func (c *confirm) draw(m *Model, w, _ int) (title string, lines []string, foot string) {
	s := &sheet{th: m.th, w: w}
	s.text("", c.text)
	s.blank()
	for _, k := range c.keys {
		s.lines = append(s.lines, m.th.line(w).put("", "  ").put(m.th.Key, k.key).to(8).put("", k.text).end())
	}
	return c.title, s.lines, ""
}

func newQuit() overlay {
	return &confirm{title: "A run is active", text: "Quitting ends it.", keys: []choice{
		{"c", "cancel the run and quit", func(*Model) tea.Cmd { return tea.Quit }},
		{"w", "wait for its end, then quit", func(m *Model) tea.Cmd { m.waiting = true; return m.say(calm, "quits when the run has ended") }},
		{"esc", "go on", func(m *Model) tea.Cmd { m.waiting = false; return nil }},
	}}
}

// question shows a plan that waits for the user's word.
type question struct {
	q   *engine.Question
	top int
	h   int
}

func (o *question) key(m *Model, key string) tea.Cmd {
	steps := len(o.q.Plan.Steps) + len(o.q.Plan.Blocked)
	switch key {
	case "enter", "m":
		m.overlay, m.dismissed = nil, o.q.ID
		return m.do(engine.Confirm{ID: o.q.ID})
	case "esc", "q", "n":
		m.overlay, m.dismissed = nil, o.q.ID
		return m.do(engine.Dismiss{ID: o.q.ID})
	case "j", "down":
		o.top++
	case "k", "up":
		o.top--
	case "pgdown", "ctrl+d", "space":
		o.top += max(1, o.h/2)
	case "pgup", "ctrl+u":
		o.top -= max(1, o.h/2)
	case "g", "home":
		o.top = 0
	case "G", "end":
		o.top = steps
	}
	o.top = max(0, min(o.top, steps-o.h))
	return nil
}

func (o *question) paste(*Model, string) tea.Cmd { return nil }

func (o *question) size(m *Model) (w, h int) {
	return min(112, m.w-8), 3 + len(o.q.Plan.Steps) + len(o.q.Plan.Blocked)
}

func (o *question) draw(m *Model, w, h int) (title string, lines []string, foot string) {
	head := planHead(o.q.Plan, o.q.TotalMS)
	if len(o.q.Why) > 0 {
		head += ". Not started at once: " + cleanList(o.q.Why)
	}
	s := &sheet{th: m.th, w: w}
	s.text("", head)
	if len(s.lines) < h-2 {
		s.blank()
	}
	steps := planLines(m, o.q.Plan, w)
	o.h = max(1, h-len(s.lines))
	o.top = max(0, min(o.top, len(steps)-o.h))
	s.lines = append(s.lines, steps[o.top:]...)
	foot = "enter, m start   esc leave it"
	if len(steps) > o.h {
		foot += fmt.Sprintf("   j k %d of %d", min(len(steps), o.top+o.h), len(steps))
	}
	return "Plan", s.lines[:min(len(s.lines), h)], foot
}

func planHead(p graph.Plan, total int64) string {
	head := plural(len(p.Steps), "step")
	if total >= 0 {
		head += ", about " + shortDuration(total)
	} else {
		head += ", duration unknown"
	}
	cut := 0
	for _, s := range p.Steps {
		if s.MayBeCutOff {
			cut++
		}
	}
	if cut > 0 {
		head += fmt.Sprintf(", %d may be cut off", cut)
	}
	if len(p.Blocked) > 0 {
		head += fmt.Sprintf(", %d blocked", len(p.Blocked))
	}
	return head
}

// planLines draws the steps of a plan.
func planLines(m *Model, p graph.Plan, w int) []string {
	th := m.th
	name, number := 0, len(strconv.Itoa(len(p.Steps)))
	for _, s := range p.Steps {
		name = max(name, cells(clean(s.Asset.String())))
	}
	name = min(name, max(10, w/3))
	var lines []string
	for i, s := range p.Steps {
		l := th.line(w).put(th.Dim, fmt.Sprintf("%*d ", number, i+1)).put(th.style(s.Why), th.glyph(s.Why)).put("", " ").col("", clean(s.Asset.String()), name, false)
		if w >= 70 {
			l.col(th.Dim, clean(s.Location), 14, false)
		}
		l.col(th.style(s.Why), s.Why, 7, false)
		forecast := m.dash()
		if s.ForecastMS != nil {
			forecast = shortDuration(*s.ForecastMS)
		}
		reason := ""
		if len(s.Reasons) > 0 {
			reason = clean(s.Reasons[0].Text)
		}
		if s.MayBeCutOff {
			reason = "may be cut off: " + reason
		}
		room := w - l.n - 8
		l.put(th.Dim, clip(reason, room, th.G.Ellipsis)).to(w-6).put("", space(6-cells(forecast))+forecast)
		lines = append(lines, l.end())
	}
	for _, b := range p.Blocked {
		lines = append(lines, th.line(w).put(th.Bad, th.glyph("failed")+" ").put("", clean(b.Asset.String())+"  ").put(th.Dim, clean(b.Text)).end())
	}
	return lines
}

// planOverlay shows what a dry run would do.
type planOverlay struct {
	question
	err string
}

func (o *planOverlay) key(m *Model, key string) tea.Cmd {
	switch key {
	case "esc", "q", "enter":
		m.overlay = nil
		return nil
	case "m", "n":
		return nil
	}
	return o.question.key(m, key)
}

func (o *planOverlay) draw(m *Model, w, h int) (title string, lines []string, foot string) {
	if o.err != "" {
		s := &sheet{th: m.th, w: w}
		s.text(m.th.Bad, o.err)
		return "Dry run", s.lines, "esc close"
	}
	_, lines, _ = o.question.draw(m, w, h)
	return "Dry run: nothing was started", lines, "esc close"
}

func (m *Model) gotPlan(msg planMsg) {
	o := &planOverlay{question: question{q: &engine.Question{Plan: msg.plan, TotalMS: total(msg.plan)}}}
	if msg.err != nil {
		o.err = clean(msg.err.Error())
	} else if len(msg.plan.Steps)+len(msg.plan.Blocked) == 0 {
		o.err = "nothing to do: all of it is fresh"
	}
	if m.overlay == nil {
		m.overlay, m.dirty = o, true
	}
}

// total is the sum of the forecasts, -1 when one is unknown.
func total(p graph.Plan) int64 {
	n := int64(0)
	for _, s := range p.Steps {
		if s.ForecastMS == nil {
			return -1
		}
		n += *s.ForecastMS
	}
	return n
}

// trustOverlay asks whether the workspace's code may be executed.
type trustOverlay struct{ top int }

func (o *trustOverlay) key(m *Model, key string) tea.Cmd {
	switch key {
	case "y":
		m.overlay = nil
		return m.do(engine.Trust{Remember: true})
	case "o":
		m.overlay = nil
		return m.do(engine.Trust{})
	case "n", "esc", "q":
		m.overlay, m.distrust = nil, true
		return m.say(calm, "not trusted: everything can be looked at, nothing of it is executed; t asks again")
	case "j", "down":
		o.top++
	case "k", "up":
		o.top = max(0, o.top-1)
	}
	return nil
}

func (o *trustOverlay) paste(*Model, string) tea.Cmd { return nil }

func (o *trustOverlay) text(m *Model, w int) []string {
	t := m.snap.Workspace.Trust
	s := &sheet{th: m.th, w: w}
	if t == nil {
		return nil
	}
	s.text("", cleanText(t.Text))
	if len(t.Commands) > 0 {
		s.blank()
		s.text(m.th.Bold, "It would execute")
		for _, c := range t.Commands {
			for _, part := range wrap(clean(c), max(8, w-2)) {
				s.lines = append(s.lines, m.th.line(w).put("", "  "+part).end())
			}
		}
	}
	if len(t.Files) > 0 {
		s.blank()
		s.text(m.th.Bold, "Named in")
		s.text("", cleanList(t.Files))
	}
	return s.lines
}

func (o *trustOverlay) size(m *Model) (w, h int) {
	w = min(76, m.w-8)
	return w, len(o.text(m, w)) + 5
}

func (o *trustOverlay) draw(m *Model, w, h int) (title string, lines []string, foot string) {
	keys := &sheet{th: m.th, w: w}
	for _, k := range [][2]string{{"y", "trust it, and remember"}, {"o", "trust it this once"}, {"n", "no: look at everything, execute nothing"}} {
		keys.lines = append(keys.lines, m.th.line(w).put("", "  ").put(m.th.Key, k[0]).to(6).put("", k[1]).end())
	}
	text := o.text(m, w)
	room := max(1, h-len(keys.lines)-1)
	o.top = max(0, min(o.top, len(text)-room))
	text = text[o.top:min(len(text), o.top+room)]
	lines = append(lines, text...)
	if len(lines)+len(keys.lines) < h {
		lines = append(lines, space(w))
	}
	return "Trust " + clean(m.snap.Workspace.Name) + "?", append(lines, keys.lines...), "y, o or n"
}
