package tui

// The list: one row per asset with rails, in the order of the graph. Rows are projected when the graph or the filter changes
// and never because a status did; what a row says is looked up while it is drawn, for the rows on the screen only.

import (
	"maps"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/layout"
)

type listRow struct {
	key      graph.Key // zero on a row that holds rails only
	name     string
	location string
	external bool
	pale     bool          // last good definition of a location that does not load
	rails    []layout.Cell // left of the name
}

type listPane struct {
	graph    *graph.Graph
	rows     []listRow
	at       []int // index into rows of each asset
	cursor   int   // index into at
	top      int   // first row on the screen
	height   int
	total    int // assets without the filter
	filter   string
	wanted   string // cursor of the last session
	begun    bool   // the cursor has found its place: all is loaded, or the user moved it
	problem  string // why the filter is not understood
	railsW   int
	nameW    int
	locW     int
	seq      uint64
	fresh    *graph.Freshness
	statuses map[graph.Key]rowStatus

	counts    []wordCount
	countsSeq uint64
	countsOf  *graph.Graph
}

// A rowStatus is the status column of one asset: the screen's one word and what it adds to it.
type rowStatus struct {
	word, detail string
}

func (p *listPane) key() (graph.Key, bool) {
	if p.cursor < 0 || p.cursor >= len(p.at) {
		return graph.Key{}, false
	}
	return p.rows[p.at[p.cursor]].key, true
}

// show puts the cursor on key and reports whether it is in the list.
func (p *listPane) show(key graph.Key) bool {
	for i, row := range p.at {
		if p.rows[row].key == key {
			p.cursor = i
			p.scroll()
			return true
		}
	}
	return false
}

// start puts the cursor where a session begins: where the last one ended, else on the first asset that needs attention, else on
// the first of our own.
func (m *Model) start() {
	if key, err := graph.ParseKey(m.list.wanted); err == nil && m.list.show(key) {
		return
	}
	for _, good := range []bool{false, true} {
		for i, row := range m.list.at {
			if r := &m.list.rows[row]; !r.external && (good || m.word(r.key) != "fresh") {
				m.list.cursor = i
				return
			}
		}
	}
}

func (p *listPane) move(n int) {
	p.cursor = max(0, min(p.cursor+n, len(p.at)-1))
	p.scroll()
}

// scroll keeps the cursor on the screen, with some rows around it.
func (p *listPane) scroll() {
	if len(p.at) == 0 {
		p.top = 0
		return
	}
	row, around := p.at[max(0, min(p.cursor, len(p.at)-1))], min(2, max(0, p.height-1)/2)
	if p.cursor == 0 {
		row = 0
	}
	p.top = min(p.top, max(0, row-around))
	p.top = max(p.top, row+around-p.height+1)
	p.top = max(0, min(p.top, len(p.rows)-p.height))
}

// project makes the rows anew, keeping the cursor on its asset and that on its line of the screen.
func (m *Model) project() {
	p := &m.list
	key, had := p.key()
	line := 0
	if had {
		line = p.at[p.cursor] - p.top
	}
	g := m.snap.Graph
	p.graph, p.rows, p.at, p.railsW, p.nameW, p.locW = g, nil, nil, 0, 0, 0
	visible, problem := m.filtered(p.filter)
	visible = m.narrowed(visible)
	p.problem = problem
	p.total = len(m.keysOfGraph())
	for _, row := range m.railsOf(visible) {
		p.railsW = max(p.railsW, railsWidth(row.rails))
		if !row.key.IsZero() {
			a, _ := g.Asset(row.key)
			row.name, row.location, row.external, row.pale = clean(row.key.String()), clean(a.Location), g.IsExternal(row.key), a.Stale
			p.nameW, p.locW = max(p.nameW, cells(row.name)), max(p.locW, cells(row.location))
			p.at = append(p.at, len(p.rows))
		}
		p.rows = append(p.rows, row)
	}
	before := p.cursor
	switch {
	case !p.begun && len(p.at) > 0:
		m.start()
	case had && p.show(key):
		p.top = p.at[p.cursor] - line
	default:
		p.cursor = max(0, min(before, len(p.at)-1))
	}
	p.begun = p.begun || !m.snap.Loading && len(p.at) > 0
	p.scroll()
	m.dirty = true
}

func (m *Model) keysOfGraph() []graph.Key {
	if m.snap.Graph == nil {
		return nil
	}
	return m.snap.Graph.Keys()
}

// filtered returns the assets that a filter leaves, in the order of the graph. A filter with an operator that parses is a
// selection; any other is text that a key holds, or else whose letters a key holds in this order.
func (m *Model) filtered(filter string) (keys []graph.Key, problem string) {
	all := m.keysOfGraph()
	filter = strings.TrimSpace(filter)
	if filter == "" {
		return all, ""
	}
	if selectionLike(filter) {
		set, err := m.selection(filter)
		if err == nil {
			return slices.DeleteFunc(slices.Clone(all), func(k graph.Key) bool { return !set[k] }), ""
		}
		problem = clean(err.Error())
	}
	low := strings.ToLower(filter)
	for _, match := range []func(string) bool{
		func(s string) bool { return strings.Contains(s, low) },
		func(s string) bool { _, ok := fuzzy(low, s); return ok },
	} {
		for _, k := range all {
			if match(strings.ToLower(k.String())) {
				keys = append(keys, k)
			}
		}
		if len(keys) > 0 {
			return keys, ""
		}
	}
	return nil, problem
}

func selectionLike(s string) bool {
	if strings.ContainsAny(s, "+:*()\"") {
		return true
	}
	for word := range strings.FieldsSeq(s) {
		if word == "and" || word == "or" || word == "not" {
			return true
		}
	}
	return false
}

// columns are the widths of the list's columns, 0 for one that is not shown.
type columns struct{ rails, name, location, status, age, rows, took int }

func (p *listPane) columns(w int) columns {
	c := columns{rails: max(1, min(p.railsW, w/4)), age: 4, rows: 5, took: 6}
	room := w - 2 - c.rails - 1
	least := min(max(p.nameW, 8), 22)
	if w < 56 {
		c.age, c.rows, c.took = 0, 0, 0
		c.status = 10
		c.name = max(6, min(p.nameW, room-c.status-2))
		c.status = room - c.name - 2
		return c
	}
	c.status, c.location = 16, min(p.locW, 16)
	spare := func() int {
		n := room - least - 2 - c.status
		for _, column := range []int{c.location, c.age, c.rows, c.took} {
			if column > 0 {
				n -= column + 2
			}
		}
		return n
	}
	if spare() < 0 {
		c.location = min(c.location, 8)
	}
	for _, drop := range []*int{&c.took, &c.location, &c.rows, &c.age} {
		if spare() >= 0 {
			break
		}
		*drop = 0
	}
	extra := max(0, spare())
	c.name = least + min(extra, max(0, p.nameW-least))
	extra -= c.name - least
	if c.location > 0 {
		n := min(extra, max(0, p.locW-c.location))
		c.location += n
		extra -= n
	}
	c.status += extra
	return c
}

func (m *Model) listLines(w, h int, focused bool) []string {
	p := &m.list
	if p.height != h {
		p.height = h
		p.scroll()
	}
	lines := make([]string, 0, h)
	if len(p.at) == 0 {
		return trim(m.emptyList(w), w, h)
	}
	current, c := p.at[p.cursor], p.columns(w)
	for i := p.top; i < len(p.rows) && len(lines) < h; i++ {
		lines = append(lines, m.listLine(&p.rows[i], c, w, i == current, focused))
	}
	return trim(lines, w, h)
}

func (m *Model) emptyList(w int) []string {
	text := "no assets yet"
	switch {
	case m.list.problem != "":
		text = m.list.problem
	case m.list.filter != "":
		text = "nothing matches " + clean(m.list.filter) + "; esc clears the filter"
	case m.snap.Loading:
		text = "loading the code locations"
	case m.needsTrust():
		text = "this workspace is not trusted, so none of its code was asked; t asks again"
	case len(m.snap.Locations) > 0:
		text = "the code locations define no assets"
	}
	lines := []string{space(w)}
	for _, l := range wrap(text, w-4) {
		lines = append(lines, m.th.line(w).put("", "  ").put(m.th.Dim, l).end())
	}
	nameW := 0
	for _, loc := range m.snap.Locations {
		nameW = max(nameW, cells(clean(loc.Name)))
	}
	for _, loc := range m.snap.Locations {
		l := m.th.line(w).put("", "  ")
		switch {
		case loc.Error != nil:
			l.put(m.th.Bad, m.th.glyph("failed")+" ").col("", clean(loc.Name), min(nameW, w/2), false).put("", clean(firstLine(loc.Error.Message)))
		case !loc.Since.IsZero():
			l.put(m.th.Busy, m.glyphOf(event.Running)+" ").col("", clean(loc.Name), min(nameW, w/2), false)
			l.put(m.th.Dim, loadingWord(loc.Kind)+"  "+shortSeconds(max(0, m.opts.Now().Sub(loc.Since).Milliseconds())))
		case m.snap.Loading:
			l.put(m.th.Good, m.th.glyph("succeeded")+" ").col("", clean(loc.Name), min(nameW, w/2), false).put(m.th.Dim, plural(loc.Assets, "asset"))
		default:
			continue
		}
		lines = append(lines, l.end())
	}
	return lines
}

// loadingWord says what a location of a kind does before it can say what it defines.
func loadingWord(kind string) string {
	switch {
	case kind == "go_package":
		return "building, the first time for a minute or so"
	case strings.HasPrefix(kind, "python_"), kind == "autoload_defs_module":
		return "importing"
	}
	return "loading"
}

// waitsForLocations reports whether the list says how long locations have been loading, so that it has to go on saying it.
func (m *Model) waitsForLocations() bool { return len(m.list.at) == 0 && m.snap.Loading }

func (m *Model) listLine(row *listRow, c columns, w int, current, focused bool) string {
	l := m.th.line(w)
	if current && focused {
		l.over = m.th.Select
	}
	sign := "  "
	switch {
	case row.key.IsZero():
	case m.marks[row.key]:
		sign = m.th.G.Mark + " "
	case current:
		sign = m.th.G.Cursor + " "
	}
	l.put(m.th.Key, sign)
	var s rowStatus
	glyph, style := "", Style("")
	if !row.key.IsZero() {
		s = m.status(row.key)
		glyph, style = m.glyphOf(s.word), m.th.style(s.word)
	}
	m.railLine(l, row.rails, c.rails, glyph, style)
	if row.key.IsZero() {
		return l.end()
	}
	l.to(2+c.rails).put("", " ")
	nameStyle := Style("")
	switch {
	case row.pale || row.external:
		nameStyle = m.th.Dim
	case m.impact:
		if nameStyle = m.th.Dim; current || m.reaches()[row.key] {
			nameStyle = m.th.Bold
		}
	case current:
		nameStyle = m.th.Bold
	}
	l.col(nameStyle, row.name, c.name, false)
	if c.location > 0 {
		l.col(m.th.Dim, row.location, c.location, false)
	}
	at := l.n
	l.put(style, clip(glyph+" "+s.word, c.status, m.th.G.Ellipsis))
	if s.detail != "" && l.n+2 < at+c.status {
		l.put("", " ").put(m.th.Dim, clip(s.detail, at+c.status-l.n, m.th.G.Ellipsis))
	}
	l.to(at + c.status)
	if c.age+c.rows+c.took == 0 {
		return l.end()
	}
	age, rows, took := m.numbers(row.key)
	l.put("", "  ")
	for _, n := range []struct {
		text string
		w    int
	}{{age, c.age}, {rows, c.rows}, {took, c.took}} {
		if n.w > 0 {
			l.col(m.th.Dim, n.text, n.w, true)
		}
	}
	return l.end()
}

// glyphOf is the glyph of a word; a running one turns.
func (m *Model) glyphOf(word string) string {
	if word == event.Running {
		return m.th.G.Spinner[m.spin%len(m.th.G.Spinner)]
	}
	return m.th.glyph(word)
}

// numbers are the age, rows and duration of the newest data, or of the step that runs.
func (m *Model) numbers(key graph.Key) (age, rows, took string) {
	none := "–"
	if m.th.G.ASCII {
		none = "-"
	}
	age, rows, took = none, none, none
	a := m.snap.Assets[key]
	if a == nil {
		return age, rows, took
	}
	if r := a.Stored.Record; r != nil {
		age, took = shortAge(m.opts.Now().Sub(r.At)), shortDuration(r.Took.Milliseconds())
		if r.Rows >= 0 && r.File != "" {
			rows = shortCount(r.Rows)
		}
	}
	if a.Step != nil && a.Step.State == event.Running {
		took = shortDuration(m.elapsed(a.Step))
		if a.Step.Rows >= 0 {
			rows = shortCount(a.Step.Rows)
		}
	}
	return age, rows, took
}

// counts returns how many assets have each word, in the order of the header, computed once while no asset changes.
func (m *Model) counts() []wordCount {
	if m.list.counts != nil && m.list.countsSeq == m.assetsSeq() && m.list.countsOf == m.snap.Graph {
		return m.list.counts
	}
	n := maps.Clone(m.snap.Words)
	if n == nil {
		n = map[string]int{}
		for _, key := range m.keysOfGraph() {
			n[m.word(key)]++
		}
	}
	out := []wordCount{}
	for _, word := range []string{"fresh", "stale", "failed", "check failed", "missing", "overdue", "running", "queued", "unknown", "external"} {
		if n[word] > 0 {
			out = append(out, wordCount{word, n[word]})
			delete(n, word)
		}
	}
	for _, word := range slices.Sorted(maps.Keys(n)) {
		out = append(out, wordCount{word, n[word]})
	}
	m.list.counts, m.list.countsSeq, m.list.countsOf = out, m.assetsSeq(), m.snap.Graph
	return out
}

type wordCount struct {
	word string
	n    int
}

// click puts the cursor on line y of the pane.
func (p *listPane) click(y int) {
	for i, row := range p.at {
		if row == p.top+y {
			p.cursor = i
			return
		}
	}
}
