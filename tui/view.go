package tui

// From the model to one frame: header, panes, footer, and the overlay on top.

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assetdev/assetdev/graph"
)

// View returns the frame. It is drawn anew only when Update changed something.
func (m *Model) View() string {
	defer m.caught()
	if m.w == 0 || m.h == 0 {
		return ""
	}
	if m.dirty {
		m.dirty = false
		m.frames++
		lines := m.draw()
		if m.out != nil {
			m.out.Draw(lines, m.answers)
			m.answers = false
			return ""
		}
		m.frame = strings.Join(lines, "\n")
	}
	return m.frame
}

// Frames returns how many frames were drawn so far: an idle screen draws none.
func (m *Model) Frames() int { return m.frames }

// place computes where everything stands.
func (m *Model) place() {
	if m.lanesView.on && m.lanesView.placed == nil && len(m.list.at) > 0 {
		m.layLanes() // the drawing says how large its pane is
	}
	wide, tall := m.lanesSize()
	m.rects = Layout(m.w, m.h, Shape{Focus: m.focus, Zoom: m.zoom, Rows: m.list.total, Lanes: tall, Wide: wide, Run: m.runLinesWanted(), Over: m.runOver(), Sizes: m.sizes})
}

func (m *Model) draw() []string {
	m.place()
	if m.rects.TooSmall {
		return m.tooSmall()
	}
	rows := make([]strings.Builder, m.h)
	put := func(r Rect, lines []string) {
		for i, l := range lines {
			rows[r.Y+i].WriteString(l)
		}
	}
	put(m.rects.Header, []string{m.header(m.w)})
	for pane, r := range m.rects.Panes {
		if !r.empty() {
			put(r, m.drawPane(Pane(pane), r))
		}
	}
	if !m.rects.Status.empty() {
		put(m.rects.Status, []string{m.runStatus(m.rects.Status.W)})
	}
	put(m.rects.Footer, []string{m.footer(m.w)})
	out := make([]string, m.h)
	for i := range rows {
		out[i] = rows[i].String()
	}
	if m.overlay != nil {
		m.drawOverlay(out)
	} else if m.prompt != nil {
		w := min(72, m.w)
		if box := m.prompt.box(m, w, m.h); box != nil {
			lay(out, box, 0, m.h-1-len(box), w, m.w)
		}
	}
	return out
}

func (m *Model) tooSmall() []string {
	text := fmt.Sprintf("assetdev needs %dx%d (now %dx%d)", minWidth, minHeight, m.w, m.h)
	if !m.th.G.ASCII {
		text = fmt.Sprintf("assetdev needs %d×%d (now %d×%d)", minWidth, minHeight, m.w, m.h)
	}
	lines := make([]string, m.h)
	for i := range lines {
		lines[i] = space(m.w)
	}
	parts := wrap(text, m.w)
	for i, part := range parts {
		if y := (m.h-len(parts))/2 + i; y >= 0 && y < m.h {
			left := (m.w - cells(part)) / 2
			lines[y] = fit(space(left)+part, m.w, "")
		}
	}
	return lines
}

// inner is the part of a pane that its content is drawn into.
func (m *Model) inner(r Rect) (w, h int) {
	if m.rects.Bare {
		return r.W, r.H - 2
	}
	return r.W - 4, r.H - 2
}

func (m *Model) drawPane(pane Pane, r Rect) []string {
	w, h := m.inner(r)
	focused := pane == m.focus
	switch pane {
	case PaneAssets:
		if m.lanesView.on {
			body := m.lanesLines(w, h, focused)
			return m.box(r, focused, m.listTitle(), m.listMode(), m.lanesFoot(), body)
		}
		return m.box(r, focused, m.listTitle(), m.listMode(), m.listFoot(), m.listLines(w, h, focused))
	case PaneDetail:
		body, foot := m.detailLines(w, h, focused)
		return m.box(r, focused, m.detailTitle(), m.tabTitles(r.W-cells(m.detailTitle().text)-8), foot, body)
	case PaneRun:
		return m.box(r, focused, m.runTitle(), m.runRight(), "", m.runLines(w, h, focused))
	case paneCount:
	}
	return nil
}

// A label is text in a border, styled where it is not the border's own.
type label struct {
	text   string // plain, for its width
	styled string
}

func (m *Model) plainLabel(st Style, text string) label {
	if st == "" || text == "" {
		return label{text, text}
	}
	return label{text, string(st) + text + reset}
}

// box draws the border of a pane around its body, which has the inner size.
func (m *Model) box(r Rect, focused bool, title, right label, foot string, body []string) []string {
	g, border := m.th.G, m.th.Border
	titleStyle := Style("")
	if focused {
		border, titleStyle = m.th.Focus, m.th.Title
	}
	if title.styled == title.text {
		title = m.plainLabel(titleStyle, title.text)
	}
	lines := make([]string, 0, r.H)
	corner := func(c string) string {
		if m.rects.Bare {
			return g.H
		}
		return c
	}
	room := r.W - 6 // corner, rule, space, …, space, rule, corner
	if cells(right.text) > 0 && cells(title.text)+cells(right.text)+3 > room {
		if cells(right.text)+12 > room {
			right = label{}
		} else {
			title = m.plainLabel(titleStyle, clip(title.text, room-3-cells(right.text), g.Ellipsis))
		}
	}
	if cells(title.text) > room {
		title = m.plainLabel(titleStyle, clip(title.text, room, g.Ellipsis))
	}
	top := m.th.line(r.W)
	top.put(border, corner(g.TopLeft)+g.H)
	if title.text != "" {
		top.put("", " ").raw(title.styled, cells(title.text)).put("", " ")
	}
	if right.text != "" {
		top.put(border, strings.Repeat(g.H, max(0, r.W-top.n-cells(right.text)-4))).put("", " ").raw(right.styled, cells(right.text)).put("", " ")
	}
	top.put(border, strings.Repeat(g.H, max(0, r.W-top.n-1))+corner(g.TopRight))
	lines = append(lines, top.end())
	side := ""
	if !m.rects.Bare {
		side = g.V
		if border != "" {
			side = string(border) + g.V + reset
		}
	}
	for _, l := range trim(body, 0, r.H-2) {
		if m.rects.Bare {
			lines = append(lines, l)
		} else {
			lines = append(lines, side+" "+l+" "+side)
		}
	}
	bottom := m.th.line(r.W).put(border, corner(g.BottomLeft)+g.H)
	if foot != "" {
		foot = clip(foot, r.W-6, g.Ellipsis)
		bottom.put("", " ").put(m.th.Dim, foot).put("", " ")
	}
	bottom.put(border, strings.Repeat(g.H, max(0, r.W-bottom.n-1))+corner(g.BottomRight))
	return append(lines, bottom.end())
}

// A part is a piece of the header; those of the highest rank go first when it does not fit.
type part struct {
	rank int
	text label
	gap  int
}

func (m *Model) header(w int) string {
	s := m.snap
	var counts, plainCounts strings.Builder
	for i, c := range m.counts() {
		if i > 0 {
			counts.WriteString(" ")
			plainCounts.WriteString(" ")
		}
		glyph := m.th.glyph(c.word)
		text := glyph + strconv.Itoa(c.n)
		if w >= 150 {
			text = glyph + " " + strconv.Itoa(c.n) + " " + c.word
			if i > 0 {
				plainCounts.WriteString("  ")
				counts.WriteString("  ")
			}
		}
		plainCounts.WriteString(text)
		counts.WriteString(m.plainLabel(m.th.style(c.word), text).styled)
	}
	auto, autoStyle := "auto "+s.Auto.Mode, m.th.Dim
	if s.Auto.Mode == "selection" {
		auto = "auto " + clean(s.Auto.Selection)
	}
	if s.Auto.Mode != "off" && s.Auto.Mode != "" {
		autoStyle = m.th.Good
	}
	if n := len(s.Auto.Waiting); n > 0 {
		auto += fmt.Sprintf(" (%d wait)", n)
	}
	locations := plural(len(s.Locations), "location")
	if w < 100 {
		locations = strconv.Itoa(len(s.Locations)) + " loc"
	}
	broken := 0
	for _, l := range s.Locations {
		if l.State == "broken" {
			broken++
		}
	}
	parts := []part{
		{2, m.plainLabel(m.th.Title, "assetdev"), 1},
		{0, m.plainLabel("", clip(clean(s.Workspace.Name), max(10, min(30, w/4)), m.th.G.Ellipsis)), 1},
		{4, m.plainLabel(m.th.Dim, locations+" "+plural(m.list.total, "asset")), 3},
		{1, label{plainCounts.String(), counts.String()}, 3},
		{3, m.plainLabel(autoStyle, auto), 3},
		{7, m.plainLabel(m.th.Dim, clean(s.Workspace.Storage)), 3},
		{6, m.plainLabel(m.th.Dim, m.opts.Now().Format("15:04")), 3},
	}
	if broken > 0 {
		parts = append(parts, part{1, m.plainLabel(m.th.Bad, strconv.Itoa(broken)+" broken"), 3})
	}
	if s.Loading {
		parts = append(parts, part{5, m.plainLabel(m.th.Busy, "loading"), 3})
	}
	if m.needsTrust() {
		parts = append(parts, part{1, m.plainLabel(m.th.Warn, "not trusted"), 3})
	}
	if s.Workspace.Shared {
		parts = append(parts, part{5, m.plainLabel(m.th.Warn, "shared"), 2})
	}
	if m.mouse {
		parts = append(parts, part{5, m.plainLabel(m.th.Dim, "mouse: "+keyName(m.keys.first("mouse"))+" frees it"), 3})
	}
	// Parts take room by rank, whole or not at all.
	room, shown := w-1, make([]bool, len(parts))
	for rank := range 9 {
		for i := range parts {
			p := &parts[i]
			n := p.gap + cells(p.text.text)
			if p.rank == rank && p.text.text != "" && n <= room {
				shown[i] = true
				room -= n
			}
		}
	}
	l := m.th.line(w)
	for i, p := range parts {
		if shown[i] {
			l.put("", space(p.gap)).raw(p.text.styled, cells(p.text.text))
		}
	}
	return l.end()
}

func (m *Model) listTitle() label {
	title := "Assets"
	if m.list.filter != "" {
		title += "  /" + clean(m.list.filter)
		for _, s := range m.snap.Workspace.Selections {
			if s.Selection == m.list.filter {
				title = "Assets  " + clean(s.Name)
			}
		}
	}
	switch a := &m.around; {
	case !a.on:
	case !a.to.IsZero():
		title += fmt.Sprintf("  from %s to %s, %d hidden", clean(a.from.String()), clean(a.to.String()), a.hidden)
	default:
		title += fmt.Sprintf("  around %s %d, %d hidden", clean(a.key.String()), a.levels, a.hidden)
	}
	if m.impact {
		title += "  impact: " + m.reachedText()
	}
	return label{title, title}
}

func (m *Model) listMode() label {
	if m.lanesView.on {
		return m.plainLabel(m.th.Dim, "lanes")
	}
	return m.plainLabel(m.th.Dim, "list")
}

func (m *Model) listFoot() string {
	p := &m.list
	if len(p.at) == 0 {
		return "0/" + strconv.Itoa(p.total)
	}
	foot := fmt.Sprintf("%d/%d", p.cursor+1, len(p.at))
	if len(p.at) != p.total {
		foot += fmt.Sprintf(" of %d", p.total)
	}
	if n := len(m.marks); n > 0 {
		foot += fmt.Sprintf("  %d marked", n)
	}
	return foot
}

func (m *Model) detailTitle() label {
	title := "no asset"
	if key, ok := m.list.key(); ok {
		title = clean(key.String())
	}
	return label{title, title}
}

// tabTitles names the tabs; where there is no room for all, the current one.
func (m *Model) tabTitles(room int) label {
	var plain, styled strings.Builder
	for i := range tabCount {
		if i > 0 {
			plain.WriteString("  ")
			styled.WriteString("  ")
		}
		text, st := tabNames[i], m.th.Dim
		if i == m.tab {
			st = m.th.Key
			if m.th.Key == "\x1b[1m" { // without colour
				text, st = "["+text+"]", m.th.Bold
			}
		}
		plain.WriteString(text)
		styled.WriteString(string(st) + text + reset)
	}
	if cells(plain.String()) > room {
		return m.plainLabel(m.th.Key, fmt.Sprintf("%s %d/%d", tabNames[m.tab], m.tab+1, tabCount))
	}
	return label{plain.String(), styled.String()}
}

// footer shows the prompt, or what works now, with the newest note at its right.
func (m *Model) footer(w int) string {
	l := m.th.line(w)
	if m.prompt != nil {
		return m.prompt.draw(m, w)
	}
	note, noteStyle := m.note.text, m.note.style(m.th)
	room := w - 1
	if note != "" {
		most := w / 2 // the most useful keys stay
		if m.note.mood == bad {
			most = max(w-14, most)
		}
		if cells(note) > most {
			more := "  " + keyName(m.keys.first("problems")) + " all of it"
			if most < 40 {
				more = ""
			}
			note = clip(note, most-cells(more), m.th.G.Ellipsis) + more
		}
		room = w - cells(note) - 3
	}
	l.put("", " ")
	hints := m.hints()
	last := func(a *Action) int { return cells(keyName(m.keys.first(a.ID))) + 1 + cells(a.hint(m)) }
	var help *Action // keeps its place at the end, whatever else is left out
	if i := slices.IndexFunc(hints, func(a *Action) bool { return a.ID == "help" }); i >= 0 {
		help = hints[i]
		hints = slices.Delete(hints, i, i+1)
		room -= last(help) + 2
	}
	put := func(a *Action) { l.put(m.th.Key, keyName(m.keys.first(a.ID))).put("", " ").put(m.th.Dim, a.hint(m)) }
	for _, a := range hints {
		if l.n+last(a)+2 > room+2 {
			break
		}
		put(a)
		l.put("", "  ")
	}
	if help != nil && (room > 0 || note == "") {
		put(help)
	}
	if note != "" {
		l.to(w-cells(note)-1).put(noteStyle, note)
	}
	return l.end()
}

// file returns the absolute path of a file as reasons and sources name it.
func (m *Model) file(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(m.snap.Workspace.Dir, path)
}

// placeText writes file:line as a link where the terminal knows links.
func (m *Model) placeText(file string, ln int, w int) (styled string, n int) {
	text := clean(file)
	if ln > 0 {
		text += ":" + strconv.Itoa(ln)
	}
	text = clipLeft(text, w, m.th.G.Ellipsis)
	n = cells(text)
	return m.caps.Link(clean(m.file(file)), text), n
}

func (m *Model) needsTrust() bool { return m.snap.Workspace.Trust != nil && !m.snap.Workspace.Trusted }

func (m *Model) asset(key graph.Key) graph.Asset {
	if m.snap.Graph == nil {
		return graph.Asset{}
	}
	a, _ := m.snap.Graph.Asset(key)
	return a
}
