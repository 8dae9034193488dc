package tui

// The lanes: the graph as a drawing from left to right, a band for each code location. What is shown, the cursor and the marks are
// those of the list; only places are decided here, by package layout, and never because a status changed.
//
// How much one place stands for follows from how many assets are shown: up to 30 are cards of three lines where the pane is not too low, up to 1,000 a line each;
// of more, each group is one line with counts until it is opened, and of more than 10,000 each code location.

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/draw"
	"github.com/assetdev/assetdev/graph/layout"
)

// A density says how much one place of the drawing stands for.
type density int

const (
	cards density = iota
	singles
	groups
	repositories
)

// The most assets that a density is for, and the lines that cards need to be of any use.
const (
	mostCards, mostSingles, mostGroups = 30, 1000, 10000

	cardsHeight = 14
)

// A cluster is a place that stands for several assets.
type cluster struct {
	id      string // also of what opens it
	name    string
	members []graph.Key
}

type lanesPane struct {
	on     bool
	extra  int             // coarser than the number of assets asks for
	coarse narrowing       // what extra is for
	open   map[string]bool // clusters whose members are shown
	placed *layout.Placed
	stored *layout.Placed // of the last session, until it was used
	in     *layout.Input  // of placed
	graph  *graph.Graph
	shown  []graph.Key // what placed was made of
	how    density
	narrow narrowing // what placed is drawn for
	whole  drawing   // of all assets, while fewer are shown

	keys     []graph.Key // asset of each node, zero for a cluster
	clusters []cluster   // of each node
	names    []string
	node     map[graph.Key]int // also of the members of a cluster

	view    layout.Rect
	canvas  draw.Canvas
	tallies []tally // of each node
	tallied tallyKey
	near    []bool // nodes that stand out
	lit     []int32
	litFor  litKey
	outside layout.Outside
}

// A drawing is where assets were placed, and where its view was.
type drawing struct {
	placed *layout.Placed
	how    density
	view   layout.Rect
}

// A tally says how many of the assets of a place have each of [statusWords].
type tally [len(statusWords)]int

func (t tally) failed() int { return t[0] + t[1] }

// A tallyKey is what the tallies depend on.
type tallyKey struct {
	placed *layout.Placed
	assets uint64
}

// A litKey is what the lit lines depend on.
type litKey struct {
	placed *layout.Placed
	node   int
	impact bool
	marks  [2]graph.Key
}

// An around is the neighbourhood that the screen is narrowed to.
type around struct {
	on       bool
	key      graph.Key
	levels   int
	from, to graph.Key // a path instead, when they are not zero
	hidden   int
}

// A narrowing is what the user chose to see of the graph.
type narrowing struct {
	filter        string
	on            bool
	key, from, to graph.Key
}

func (m *Model) narrowing() narrowing {
	return narrowing{m.list.filter, m.around.on, m.around.key, m.around.from, m.around.to}
}

// toggleLanes switches between list and lanes.
func (m *Model) toggleLanes() tea.Cmd {
	m.lanesView.on = !m.lanesView.on
	m.focus = PaneAssets
	return nil
}

// narrowed leaves what lies around the asset that the user chose.
func (m *Model) narrowed(visible []graph.Key) []graph.Key {
	a := &m.around
	a.hidden = 0
	if !a.on || m.snap.Graph == nil {
		return visible
	}
	set := m.onPath(a.from, a.to)
	if a.to.IsZero() {
		set = map[graph.Key]bool{a.key: true}
		for _, next := range []func(graph.Key) []graph.Key{m.snap.Graph.Upstreams, m.snap.Graph.Downstreams} {
			m.reach(a.key, next, a.levels, set)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(visible), func(k graph.Key) bool { return !set[k] })
	if len(kept) == 0 { // it is gone
		a.on = false
		return visible
	}
	a.hidden = len(visible) - len(kept)
	return kept
}

// reach adds what lies up to n steps from an asset to a set; n < 0 is any number.
func (m *Model) reach(from graph.Key, next func(graph.Key) []graph.Key, n int, set map[graph.Key]bool) {
	seen := map[graph.Key]bool{from: true}
	for layer := []graph.Key{from}; len(layer) > 0 && n != 0; n-- {
		var more []graph.Key
		for _, k := range layer {
			for _, to := range next(k) {
				if !seen[to] {
					seen[to], set[to] = true, true
					more = append(more, to)
				}
			}
		}
		layer = more
	}
}

// A reached is what a change of an asset reaches.
type reached struct {
	graph     *graph.Graph
	key       graph.Key
	set       map[graph.Key]bool
	elsewhere int // how many of them lie in other locations
}

// reaches returns what a change of the asset under the cursor reaches, computed once for each asset.
func (m *Model) reaches() map[graph.Key]bool {
	r := &m.reached
	key, ok := m.list.key()
	if !ok || m.snap.Graph == nil || r.graph == m.snap.Graph && r.key == key {
		return r.set
	}
	*r = reached{graph: m.snap.Graph, key: key, set: map[graph.Key]bool{}}
	m.reach(key, m.snap.Graph.Downstreams, -1, r.set)
	delete(r.set, key)
	location := m.asset(key).Location
	for k := range r.set {
		if m.asset(k).Location != location {
			r.elsewhere++
		}
	}
	return r.set
}

func (m *Model) reachedText() string {
	n := len(m.reaches())
	switch {
	case n == 0:
		return "nothing depends on it"
	case n == 1 && m.reached.elsewhere == 1:
		return "1 asset downstream, in another location"
	case m.reached.elsewhere == n:
		return plural(n, "asset") + " downstream, all in other locations"
	case m.reached.elsewhere > 0:
		return fmt.Sprintf("%s downstream, %d in other locations", plural(n, "asset"), m.reached.elsewhere)
	}
	return plural(n, "asset") + " downstream"
}

// onPath returns the assets on the paths between two, in whichever direction there are some.
func (m *Model) onPath(a, b graph.Key) map[graph.Key]bool {
	if a.IsZero() || b.IsZero() || m.snap.Graph == nil {
		return nil
	}
	for range 2 {
		down, up := map[graph.Key]bool{a: true}, map[graph.Key]bool{b: true}
		m.reach(a, m.snap.Graph.Downstreams, -1, down)
		m.reach(b, m.snap.Graph.Upstreams, -1, up)
		if down[b] {
			for k := range down {
				if !up[k] {
					delete(down, k)
				}
			}
			return down
		}
		a, b = b, a
	}
	return map[graph.Key]bool{a: true, b: true}
}

// twoMarks returns the marked assets when they are exactly two.
func (m *Model) twoMarks() (marks [2]graph.Key, ok bool) {
	if len(m.marks) != 2 {
		return marks, false
	}
	i := 0
	for k := range m.marks {
		marks[i] = k
		i++
	}
	if marks[1].String() < marks[0].String() {
		marks[0], marks[1] = marks[1], marks[0]
	}
	return marks, true
}

// focusAround narrows the screen to the asset under the cursor and its neighbours, or to what lies between two marked ones.
func (m *Model) focusAround() tea.Cmd {
	key, ok := m.list.key()
	marks, two := m.twoMarks()
	switch {
	case m.around.on && (!ok || key == m.around.key || two):
		m.around = around{}
	case two:
		m.around = around{on: true, key: marks[0], from: marks[0], to: marks[1]}
	case ok:
		m.around = around{on: true, key: key, levels: max(1, m.around.levels)}
	}
	m.project()
	return nil
}

// widen changes how many levels the narrowed screen shows.
func (m *Model) widen(n int) tea.Cmd {
	m.around.levels = max(1, min(m.around.levels+n, 99))
	m.project()
	return nil
}

func narrowedNow(m *Model) string {
	switch {
	case !m.around.on:
		return "nothing is focused; " + keyName(m.keys.first("focus")) + " does"
	case !m.around.to.IsZero():
		return "a path has no levels"
	}
	return ""
}

func lanesShown(m *Model) string {
	if !m.lanesView.on {
		return "only in the lanes; " + keyName(m.keys.first("lanes")) + " shows them"
	}
	return ""
}

// layLanes places what is shown, moving as little as it can. The asset under the cursor keeps its place on the screen.
func (m *Model) layLanes() {
	p := &m.lanesView
	how := m.densityOf(len(m.list.at), m.lanesRoom())
	if p.placed != nil && p.graph == m.snap.Graph && p.how == how && m.lanesShow() {
		return
	}
	visible := make([]graph.Key, len(m.list.at))
	for i, row := range m.list.at {
		visible[i] = m.list.rows[row].key
	}
	anchor := ""
	if n, ok := m.cursorNode(); ok {
		anchor = p.placed.Node(n).Key
	}
	before := m.drawnBefore(how)
	if how != p.how {
		before = nil
	}
	m.placeLanes(visible, how, before)
	switch {
	case before == nil:
		p.view.X, p.view.Y = 0, 0
	case anchor != "":
		dx, dy := p.placed.Shift(before, anchor)
		p.view.X, p.view.Y = p.view.X+dx, p.view.Y+dy
	}
	m.followCursor()
}

// drawnBefore returns what the drawing is to be like. A neighbourhood is drawn for itself, so that it has no gaps where others are hidden; the
// whole is as it was before.
func (m *Model) drawnBefore(how density) *layout.Placed {
	p, now := &m.lanesView, m.narrowing()
	was := p.narrow
	p.narrow = now
	if p.placed == nil && p.stored != nil {
		p.whole = drawing{placed: p.stored, how: how, view: p.view} // layout ignores it when it was made otherwise
		p.stored = nil
		if now != (narrowing{}) {
			return nil
		}
		p.how = how
		return p.whole.placed
	}
	p.stored = nil
	switch {
	case now == was:
		return p.placed
	case now == narrowing{}:
		if p.whole.placed == nil {
			return p.placed
		}
		p.how, p.view = p.whole.how, p.whole.view
		return p.whole.placed
	case was == narrowing{}:
		p.whole = drawing{placed: p.placed, how: p.how, view: p.view}
	}
	if was.filter = now.filter; now != was {
		return nil
	}
	return p.placed
}

// lanesShow reports whether the lanes are made of what the list shows.
func (m *Model) lanesShow() bool {
	shown := m.lanesView.shown
	if len(shown) != len(m.list.at) {
		return false
	}
	for i, row := range m.list.at {
		if shown[i] != m.list.rows[row].key {
			return false
		}
	}
	return true
}

func (m *Model) densityOf(n, room int) density {
	how := repositories
	switch {
	case n <= mostCards && room >= cardsHeight:
		how = cards
	case n <= mostSingles:
		how = singles
	case n <= mostGroups:
		how = groups
	}
	if m.lanesView.coarse != m.narrowing() { // the neighbours of one asset are not groups because the whole graph had to be
		return how
	}
	return min(how+density(m.lanesView.extra), repositories)
}

// placeLanes makes the layout of the visible assets.
func (m *Model) placeLanes(visible []graph.Key, how density, before *layout.Placed) {
	p := &m.lanesView
	p.graph, p.shown, p.how = m.snap.Graph, visible, how
	o := layout.Options{Height: 1, MaxWidth: 40}
	if how == cards { // two lines would take as much room as three
		o = layout.Options{Height: 3, MaxWidth: 28}
	}
	in := layout.Of(m.snap.Graph, visible, func(k graph.Key) int {
		w := 2 + cells(clean(k.String()))
		if how == cards {
			w = max(w, 18)
		}
		return w
	})
	p.keys, p.clusters = visible, make([]cluster, len(visible))
	if how >= groups {
		in = m.clustered(in, visible, how)
	}
	p.names, p.node = make([]string, len(p.keys)), make(map[graph.Key]int, len(visible))
	for i, k := range p.keys {
		if p.names[i] = clean(p.clusters[i].name); !k.IsZero() {
			p.names[i] = clean(k.String())
			p.node[k] = i
		}
		for _, member := range p.clusters[i].members {
			p.node[member] = i
		}
	}
	p.in, p.placed = in, layout.Lanes(in, o, before)
}

// clustered collapses groups, or whole code locations, that are not open.
func (m *Model) clustered(in *layout.Input, visible []graph.Key, how density) *layout.Input {
	p := &m.lanesView
	var nodes []layout.Node
	var keys []graph.Key
	var clusters []cluster
	at := map[string]int{}
	into := make([]int32, len(visible))
	members := map[string]int{}
	ids := func(k graph.Key) (location, group string) {
		a := m.asset(k)
		return "location " + a.Location, "group " + a.Location + " " + a.Group
	}
	for _, k := range visible {
		location, group := ids(k)
		members[location]++
		members[group]++
	}
	for i, k := range visible {
		a := m.asset(k)
		location, group := ids(k)
		id, name := "", ""
		switch {
		case how == repositories && members[location] > 1 && !p.open[location]:
			id, name = location, a.Location
		case members[group] > 1 && !p.open[group]:
			id, name = group, cmp.Or(a.Group, "no group")
		}
		if id == "" {
			into[i] = int32(len(nodes))
			nodes, keys, clusters = append(nodes, in.Nodes[i]), append(keys, k), append(clusters, cluster{})
			continue
		}
		n, ok := at[id]
		if !ok {
			n = len(nodes)
			at[id] = n
			node := in.Nodes[i]
			node.Key, node.Width = id, int32(min(40, cells(clean(name))+len(strconv.Itoa(members[id]))+22))
			nodes, keys, clusters = append(nodes, node), append(keys, graph.Key{}), append(clusters, cluster{id: id, name: name})
		}
		clusters[n].members = append(clusters[n].members, k)
		into[i] = int32(n)
	}
	p.keys, p.clusters = keys, clusters
	return in.Collapse(into, nodes)
}

// lanesSize is how many columns and lines the drawing has, 0 while the list is shown.
func (m *Model) lanesSize() (w, h int) {
	if !m.lanesView.on {
		return 0, 0
	}
	if m.lanesView.placed == nil {
		return 0, max(1, 4*m.list.total)
	}
	w, h = m.lanesView.placed.Size()
	return w, max(1, h)
}

// lanesRoom is how many lines the pane of the lanes has at most.
func (m *Model) lanesRoom() int {
	r := Layout(m.w, m.h, Shape{Zoom: m.zoom, Rows: m.list.total, Lanes: 1 << 20, Sizes: m.sizes})
	return r.Panes[PaneAssets].H - 2
}

// cursorNode is the node that the cursor stands on.
func (m *Model) cursorNode() (int, bool) {
	key, ok := m.list.key()
	if !ok || m.lanesView.placed == nil {
		return 0, false
	}
	n, ok := m.lanesView.node[key]
	return n, ok
}

// followCursor moves the view so that the cursor is in it, with a little around it.
func (m *Model) followCursor() {
	p := &m.lanesView
	n, ok := m.cursorNode()
	if !ok || p.view.W == 0 || p.view.H == 0 {
		return
	}
	r := p.placed.Rect(n)
	w, h := p.placed.Size()
	follow := func(at, size, pos, length, total, margin int) int {
		if total <= size && at >= min(0, total-size) && at <= max(0, total-size) {
			return at
		}
		margin = max(0, min(margin, (size-length)/2))
		from, to := pos-margin, pos+length+margin // but nothing beyond the drawing, where nothing is
		if pos >= 0 && pos+length <= total {
			from, to = max(from, 0), min(to, max(total, size))
		}
		at = min(max(at, to-size), from)
		return min(at, max(pos, 0))
	}
	p.view.X = follow(p.view.X, p.view.W, r.X, r.W, w, 6)
	p.view.Y = follow(p.view.Y, p.view.H, r.Y, r.H, h, 2)
}

// goNode puts the cursor on a node.
func (m *Model) goNode(n int) {
	p := &m.lanesView
	if key := p.keys[n]; !key.IsZero() {
		m.list.show(key)
	} else if key, ok := m.list.key(); len(p.clusters[n].members) > 0 && (!ok || p.node[key] != n) {
		m.list.show(p.clusters[n].members[0])
	}
	m.followCursor()
}

// nowhere says why the cursor does not move in a direction.
var nowhere = [...]string{
	layout.Left: "it depends on nothing that is shown", layout.Right: "nothing that is shown depends on it",
	layout.Up: "nothing is above it", layout.Down: "nothing is below it",
}

// walk moves along edges and siblings.
func (m *Model) walk(lines, columns int) tea.Cmd {
	n, ok := m.cursorNode()
	if !ok {
		return nil
	}
	at := n
	d, steps := layout.Down, lines
	switch {
	case columns < 0:
		d, steps = layout.Left, -columns
	case columns > 0:
		d, steps = layout.Right, columns
	case lines < 0:
		d, steps = layout.Up, -lines
	}
	for range min(steps, m.lanesView.placed.Len()) {
		next, ok := m.lanesView.placed.Neighbour(n, d)
		if !ok {
			break
		}
		n = next
	}
	m.goNode(n)
	if n != at {
		return nil
	}
	return m.say(calm, nowhere[d])
}

// beyond goes to the nearest node outside the view in a direction.
func (m *Model) beyond(d layout.Direction) tea.Cmd {
	p := &m.lanesView
	if p.placed == nil {
		return nil
	}
	p.placed.Outside(p.view, &p.outside)
	list := [...][]int32{layout.Left: p.outside.Left, layout.Right: p.outside.Right, layout.Up: p.outside.Above, layout.Down: p.outside.Below}[d]
	if len(list) == 0 {
		return m.say(calm, "nothing lies beyond this edge")
	}
	at, _ := m.cursorNode()
	from := p.placed.Rect(at)
	away := func(n int32) int {
		r := p.placed.Rect(int(n))
		return max(r.X-from.X, from.X-r.X) + 4*max(r.Y-from.Y, from.Y-r.Y)
	}
	n := slices.MinFunc(list, func(a, b int32) int { return cmp.Compare(away(a), away(b)) })
	if key, ok := m.list.key(); ok {
		m.visited = append(m.visited, key)
	}
	m.goNode(int(n))
	return nil
}

// fitLanes makes the drawing as coarse as it has to be to fit, and the next time as fine as at first.
func (m *Model) fitLanes() tea.Cmd {
	p := &m.lanesView
	if p.placed == nil {
		return nil
	}
	fits := func() bool {
		w, h := p.placed.Size()
		return w <= p.view.W && h <= p.view.H
	}
	if now := m.narrowing(); p.coarse != now {
		p.coarse, p.extra = now, 0
	}
	switch {
	case !fits() && p.how < repositories:
		for !fits() && p.how < repositories {
			p.extra++
			m.layLanes()
		}
	default:
		p.extra = 0
		m.layLanes()
	}
	if fits() {
		p.view.X, p.view.Y = 0, 0
	}
	m.followCursor()
	return nil
}

// openCluster shows the members of what the cursor stands on, and reports whether it stands for several.
func (m *Model) openCluster() bool {
	n, ok := m.cursorNode()
	if !m.lanesView.on || !ok || m.lanesView.clusters[n].id == "" {
		return false
	}
	if m.lanesView.open == nil {
		m.lanesView.open = map[string]bool{}
	}
	m.lanesView.open[m.lanesView.clusters[n].id] = true
	m.relayLanes()
	return true
}

// closeCluster collapses the group of the asset under the cursor again, or else its code location.
func (m *Model) closeCluster() tea.Cmd {
	key, ok := m.list.key()
	if !ok {
		return nil
	}
	a := m.asset(key)
	for _, id := range []string{"group " + a.Location + " " + a.Group, "location " + a.Location} {
		if m.lanesView.open[id] {
			delete(m.lanesView.open, id)
			m.relayLanes()
			return nil
		}
	}
	return m.say(calm, "no group is open here")
}

// relayLanes places the same assets anew, from where they are.
func (m *Model) relayLanes() {
	m.lanesView.shown = nil
	m.layLanes()
}

// A tidyMsg is a drawing that was made anew, without regard for the one on the screen.
type tidyMsg struct {
	placed, of *layout.Placed
	moved      int
}

// tidy makes the drawing anew, away from the loop that draws.
func (m *Model) tidy() tea.Cmd {
	p := &m.lanesView
	if p.placed == nil {
		return nil
	}
	of, in := p.placed, p.in
	return func() tea.Msg {
		placed := layout.Lanes(in, of.Options(), nil)
		moved := 0
		for i := range placed.Len() {
			if placed.Rect(i) != of.Rect(i) {
				moved++
			}
		}
		return tidyMsg{placed, of, moved}
	}
}

func (m *Model) gotTidy(msg tidyMsg) tea.Cmd {
	p := &m.lanesView
	if p.placed != msg.of {
		return nil
	}
	if msg.moved == 0 {
		return m.say(calm, "the drawing is as tidy as it gets")
	}
	if n, ok := m.cursorNode(); ok {
		dx, dy := msg.placed.Shift(msg.of, msg.of.Node(n).Key)
		p.view.X, p.view.Y = p.view.X+dx, p.view.Y+dy
	}
	p.placed = msg.placed
	m.dirty = true
	m.followCursor()
	return m.say(calm, fmt.Sprintf("tidied: %d of %s moved", msg.moved, plural(msg.placed.Len(), "place")))
}

// light decides which lines and nodes stand out: the neighbours of the cursor, all that its change would reach, or what lies between
// two marked assets.
func (m *Model) light() {
	p := &m.lanesView
	n, ok := m.cursorNode()
	if !ok {
		n = -1
	}
	marks, two := m.twoMarks()
	now := litKey{p.placed, n, m.impact, marks}
	if p.litFor == now && len(p.near) == p.placed.Len() {
		return
	}
	p.litFor, p.lit = now, p.lit[:0]
	p.near = slices.Grow(p.near[:0], p.placed.Len())[:p.placed.Len()]
	clear(p.near)
	switch {
	case two && !m.impact:
		for k := range m.onPath(marks[0], marks[1]) {
			if i, ok := p.node[k]; ok {
				p.near[i] = true
			}
		}
		for e := range p.placed.Edges() {
			if edge := p.placed.Edge(e); p.near[edge.From] && p.near[edge.To] {
				p.lit = append(p.lit, int32(e))
			}
		}
	case n < 0:
	case m.impact:
		p.near[n] = true
		for queue := []int{n}; len(queue) > 0; queue = queue[1:] {
			first, end := p.placed.Out(queue[0])
			for e := first; e < end; e++ {
				p.lit = append(p.lit, int32(e))
				if to := p.placed.Target(e); !p.near[to] {
					p.near[to] = true
					queue = append(queue, to)
				}
			}
		}
	default:
		p.near[n] = true
		first, end := p.placed.Out(n)
		for e := first; e < end; e++ {
			p.lit = append(p.lit, int32(e))
			p.near[p.placed.Target(e)] = true
		}
		for _, e := range p.placed.In(n) {
			p.lit = append(p.lit, e)
			p.near[p.placed.Source(int(e))] = true
		}
	}
}

// lanesTexts is what stands in the places.
type lanesTexts struct{ m *Model }

func (t lanesTexts) Name(n int) string { return t.m.lanesView.names[n] }

func (t lanesTexts) Title(band layout.Band) string {
	if band.Title == "" {
		return "external"
	}
	return clean(band.Title)
}

func (t lanesTexts) Line(n, i int) string {
	m, p := t.m, &t.m.lanesView
	key := p.keys[n]
	if key.IsZero() {
		return m.clusterText(n)
	}
	sign := "  "
	if m.marks[key] {
		sign = " " + m.th.G.Mark
	}
	var age, rows, took string
	if i > 0 {
		age, rows, took = m.numbers(key)
	}
	switch i {
	case 1:
		s := m.status(key)
		text := "  " + s.word
		if s.detail != "" {
			text += " " + s.detail
		}
		if a := m.snap.Assets[key]; a != nil && a.Stored.Record != nil {
			text += " " + age
		}
		return text
	case 2:
		if a := m.snap.Assets[key]; a == nil || a.Stored.Record == nil && a.Step == nil {
			return ""
		}
		return "  " + rows + " rows " + took
	}
	return sign + p.names[n]
}

// clusterText is the line of a place that stands for several assets: its name, how many they are, and how many of each status.
func (m *Model) clusterText(n int) string {
	p := &m.lanesView
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d ", m.th.G.Right, p.names[n], len(p.clusters[n].members))
	for i, word := range statusWords {
		if count := p.tallies[n][i]; count > 0 {
			fmt.Fprintf(&b, " %s%d", m.th.glyph(word), count)
		}
	}
	return b.String()
}

// tally counts the statuses of what is placed, unless that is still so.
func (m *Model) tally() {
	p := &m.lanesView
	now := tallyKey{p.placed, m.assetsSeq()}
	if p.tallied == now {
		return
	}
	p.tallied = now
	p.tallies = slices.Grow(p.tallies[:0], len(p.keys))[:len(p.keys)]
	clear(p.tallies)
	for n := range p.keys {
		for _, k := range m.placeMembers(n) {
			if i := slices.Index(statusWords[:], m.word(k)); i >= 0 {
				p.tallies[n][i]++
			}
		}
	}
}

// placeMembers returns the assets that a place stands for.
func (m *Model) placeMembers(n int) []graph.Key {
	p := &m.lanesView
	if members := p.clusters[n].members; len(members) > 0 {
		return members
	}
	return p.keys[n : n+1]
}

// lanesLines draws the lanes.
func (m *Model) lanesLines(w, h int, focused bool) []string {
	p := &m.lanesView
	if len(m.list.at) == 0 {
		return trim(m.emptyList(w), w, h)
	}
	resized := p.view.W != w || p.view.H != h
	p.view.W, p.view.H = w, h
	m.layLanes()
	if resized {
		all, tall := p.placed.Size()
		p.view.X, p.view.Y = max(0, min(p.view.X, all-w)), max(0, min(p.view.Y, tall-h))
		m.followCursor()
	}
	m.tally()
	m.light()
	p.canvas.Paint(p.placed, p.view, lanesTexts{m}, m.th.G.ASCII, p.lit)
	cursor, ok := m.cursorNode()
	if !ok {
		cursor = -1
	}
	m.glyphs()
	m.cutNames()
	m.titles()
	m.edges()
	lines := make([]string, h)
	var b []byte
	for y := range h {
		b = m.lanesLine(b[:0], y, cursor, focused)
		lines[y] = string(b)
	}
	return lines
}

// glyphs writes the sign of its status before each name.
func (m *Model) glyphs() {
	p := &m.lanesView
	for i := range p.placed.Len() {
		if p.keys[i].IsZero() {
			continue
		}
		r := p.placed.Rect(i)
		if c := p.canvas.At(r.X, r.Y); c != nil {
			for _, sign := range m.glyphOf(m.word(p.keys[i])) {
				c.Rune = sign
				break
			}
		}
	}
}

// cutNames puts an ellipsis where the border of the view cuts what stands in a place, so that a part is no other name.
func (m *Model) cutNames() {
	p := &m.lanesView
	for y := range p.canvas.H {
		row := p.canvas.Row(y)
		for _, x := range []int{0, len(row) - 1} {
			if x < 0 || row[x].Role != draw.Label || row[x].Rune == ' ' || row[x].Rune == 0 || row[x].Node < 0 {
				continue
			}
			n := int(row[x].Node)
			r := p.placed.Rect(n)
			if seen := p.view.X + x + 1 - r.X; x == 0 && seen > 1 || x > 0 && cells(lanesTexts{m}.Line(n, p.view.Y+y-r.Y)) > seen {
				for _, sign := range m.th.G.Ellipsis {
					row[x].Rune = sign
				}
			}
		}
	}
}

// titles writes the names of lanes whose own title has left the view.
func (m *Model) titles() {
	p := &m.lanesView
	for _, band := range p.placed.Bands() {
		y := max(band.Y-p.view.Y, 0)
		if p.view.X <= 0 && band.Y >= p.view.Y || y >= p.view.H || band.Y+band.H-p.view.Y < 2 {
			continue
		}
		m.writeOver(0, y, m.th.G.Left+" "+lanesTexts{m}.Title(band)+" ")
	}
}

// writeOver writes text over the drawing.
func (m *Model) writeOver(x, y int, text string) {
	row := m.lanesView.canvas.Row(y)
	for _, r := range text {
		n := 1
		if !single(r) {
			n = cells(string(r))
		}
		for i := range n {
			if x >= 0 && x < len(row) {
				row[x] = draw.Cell{Rune: r, Node: -1, Role: draw.Title}
				if i > 0 {
					row[x].Rune = 0
				}
			}
			x++
		}
	}
}

// edges writes how many assets lie outside the view at its four sides.
func (m *Model) edges() {
	p := &m.lanesView
	p.placed.Outside(p.view, &p.outside)
	g := m.th.G
	for _, side := range []struct {
		nodes         []int32
		before, after string
		place         func(n int) (x, y int)
	}{
		{p.outside.Left, g.Left + " ", "", func(int) (int, int) { return 0, p.view.H / 2 }},
		{p.outside.Right, "", " " + g.Right, func(n int) (int, int) { return p.view.W - n, p.view.H / 2 }},
		{p.outside.Above, g.Up + " ", "", func(n int) (int, int) { return (p.view.W - n) / 2, 0 }},
		{p.outside.Below, g.Down + " ", "", func(n int) (int, int) { return (p.view.W - n) / 2, p.view.H - 1 }},
	} {
		count, failed := 0, 0
		for _, n := range side.nodes {
			count += len(m.placeMembers(int(n)))
			failed += p.tallies[n].failed()
		}
		if count == 0 {
			continue
		}
		text := side.before + strconv.Itoa(count)
		if failed > 0 {
			text += fmt.Sprintf(", %d failed", failed)
		}
		text = " " + text + side.after + " "
		x, y := side.place(cells(text))
		if row := p.canvas.Row(y); y+1 < p.view.H && row[max(0, min(x, len(row)-1))].Role == draw.Title {
			y++ // the name of a lane stays readable
		}
		m.writeOver(x, y, text)
	}
}

// lanesLine appends one line of the canvas with its styles.
func (m *Model) lanesLine(b []byte, y, cursor int, focused bool) []byte {
	p := &m.lanesView
	now, counts := Style(""), Style("")
	row := p.canvas.Row(y)
	for x := range row {
		c := row[x]
		// A wide character that something was written over leaves half of it behind.
		if c.Rune == 0 && (x == 0 || row[x-1].Node != c.Node || row[x-1].Role != c.Role) {
			c.Rune = ' '
		}
		if c.Rune != 0 && x+1 < len(row) && row[x+1].Rune != 0 || x+1 == len(row) {
			if c.Rune < 0 || c.Rune > 0 && !single(c.Rune) {
				if character := string(p.canvas.AppendCell(nil, c)); cells(character) > 1 {
					c.Rune = ' '
				}
			}
		}
		st := m.cellStyle(c, p.view.X+x, p.view.Y+y, cursor, focused)
		if c.Role == draw.Label && c.Node >= 0 && p.keys[c.Node].IsZero() && st != m.th.Select {
			// What a place that stands for several says of each status has its colour.
			switch {
			case c.Rune == ' ':
				counts = ""
			case x > 0 && row[x-1].Rune == ' ' && x+1 < len(row) && row[x+1].Rune >= '0' && row[x+1].Rune <= '9':
				counts = m.th.style(m.th.byGlyph[c.Rune])
			}
			if counts != "" {
				st = counts
			}
		}
		if st != now {
			if now != "" {
				b = append(b, reset...)
			}
			b = append(b, st...)
			now = st
		}
		b = p.canvas.AppendCell(b, c)
	}
	if now != "" {
		b = append(b, reset...)
	}
	return b
}

func (m *Model) cellStyle(c draw.Cell, x, y, cursor int, focused bool) Style {
	p, th := &m.lanesView, m.th
	switch c.Role {
	case draw.Blank:
		if cursor >= 0 && focused && p.placed.Rect(cursor).Contains(x, y) {
			return th.Select // a card is one block
		}
	case draw.Rule, draw.Edge, draw.Stub:
		return th.Dim
	case draw.Title:
		return th.Bold
	case draw.CrossEdge:
		return ""
	case draw.Lit:
		return th.Key
	case draw.Label:
		n := int(c.Node)
		if n < 0 {
			return ""
		}
		r := p.placed.Rect(n)
		switch {
		case n == cursor && focused:
			return th.Select
		case !p.keys[n].IsZero() && (x == r.X && y == r.Y || y == r.Y+1):
			return th.style(m.word(p.keys[n]))
		case n == cursor:
			return th.Bold
		case !p.near[n] || !p.keys[n].IsZero() && m.asset(p.keys[n]).Stale:
			return th.Dim
		}
	}
	return ""
}

// lanesFoot says where the cursor is, and when the drawing has become worse than it has to be.
func (m *Model) lanesFoot() string {
	foot := m.listFoot()
	p := &m.lanesView
	if p.placed == nil {
		return foot
	}
	switch p.how {
	case cards, singles:
	case groups:
		foot += "  groups, enter opens one"
	case repositories:
		foot += "  repositories, enter opens one"
	}
	if o := &p.outside; len(o.Left)+len(o.Right)+len(o.Above)+len(o.Below) > 0 {
		foot += "  shift+arrows go to what is outside"
		if p.how < repositories {
			foot += ", " + keyName(m.keys.first("fit")) + " fits"
		}
	}
	if p.placed.Drift() > 0.05 {
		foot += "  " + keyName(m.keys.first("tidy")) + " tidies"
	}
	return foot
}

// clickLanes puts the cursor on what stands in a cell of the pane.
func (m *Model) clickLanes(x, y int) {
	if p := &m.lanesView; p.placed != nil {
		if n, ok := p.placed.At(p.view.X+x, p.view.Y+y); ok {
			m.goNode(n)
		}
	}
}
