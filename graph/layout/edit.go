package layout

import (
	"slices"
	"sort"
)

// An editor makes a layout from a previous one of the same nodes and nearly the same edges, in which everything keeps its place. It
// looks at every node and edge once; beyond that only at what changes. What does not change at all the two layouts share, and the
// rest is copied in long pieces. It gives what [warm] would give, which can more and takes longer.
type editor struct {
	was, p *Placed
	edges  []int32 // for each edge of was its number now, −1 for none
	fresh  []int32 // edges that were not in was
	gone   []int32 // edges of was that are no more
	ends   []int32 // the targets of lines that are new or no more, rising
	starts []int32 // their sources

	// Vertices keep their order, so those whose number changes do so in long pieces.
	pieces   []piece
	vertices []int32 // for each vertex of was its number now, −1 for none; nil when all keep theirs
	more     []int32 // trunks that were not in was
}

// A piece is vertices that follow each other in both layouts.
type piece struct{ was, now, count int32 }

// A list replaces the one that a vertex had.
type list struct {
	vertex int32
	items  []int32
}

// edit returns nil when something has to move, and when nodes or lanes are new or no more.
func edit(in *Input, was *Placed) *Placed {
	p := *was
	e := &editor{was: was, p: &p}
	if !e.nodes(in) || !e.match(in.Edges) {
		return nil
	}
	p.nodes = in.Nodes
	p.changed += len(e.fresh)
	p.width, p.room = slices.Clone(was.width), slices.Clone(was.room)
	if len(e.fresh)+len(e.gone) > 0 {
		e.byTarget()
		if !e.cut() {
			return nil
		}
		for again := true; again; again = e.cutFar() {
			e.touch()
			e.trunks()
			if !e.put() {
				return nil
			}
		}
		if len(e.starts) > 0 {
			e.link()
			if p.route(e.keep()) {
				return nil
			}
		}
	}
	p.measureNodes()
	for _, k := range e.fresh {
		p.measureStub(p.Source(int(k)), int(k))
	}
	p.stand()
	return &p
}

// nodes reports whether nodes and lanes are the same.
func (e *editor) nodes(in *Input) bool {
	was := e.was.nodes
	if len(in.Nodes) != len(was) || !slices.Equal(in.Lanes, e.was.lanes) {
		return false
	}
	if len(was) == 0 || &was[0] == &in.Nodes[0] {
		return true
	}
	for i := range was {
		if was[i].Lane != in.Nodes[i].Lane || was[i].Key != in.Nodes[i].Key {
			return false
		}
	}
	return true
}

// match takes over the edges that were there, and lists those that were not and those that are no more. It reports whether the
// edges are valid and in order.
func (e *editor) match(edges []Edge) bool {
	was, p := e.was, e.p
	n := int32(len(was.nodes))
	p.out, p.to, p.stub = make([]int32, n+1), make([]int32, len(edges)), make([]bool, len(edges))
	e.edges = make([]int32, len(was.to))
	k := 0
	for s := range n {
		p.out[s] = int32(k)
		old, end, last := was.out[s], was.out[s+1], int32(-1)
		for ; k < len(edges) && edges[k].From == s; k++ {
			t := edges[k].To
			if t <= last || t >= n {
				return false
			}
			p.to[k], last = t, t
			for ; old < end && was.to[old] < t; old++ {
				e.lose(old)
			}
			if old < end && was.to[old] == t {
				e.edges[old], p.stub[k] = int32(k), was.stub[old]
				old++
			} else {
				e.fresh = append(e.fresh, int32(k))
			}
		}
		for ; old < end; old++ {
			e.lose(old)
		}
	}
	p.out[n] = int32(k)
	return k == len(edges)
}

func (e *editor) lose(old int32) {
	e.edges[old] = -1
	e.gone = append(e.gone, old)
}

// byTarget lists the edges by target.
func (e *editor) byTarget() {
	was, p := e.was, e.p
	var ends []int32
	for _, k := range e.fresh {
		ends = append(ends, p.to[k])
	}
	for _, old := range e.gone {
		ends = append(ends, was.to[old])
	}
	var lists []list
	for _, t := range rising(ends) {
		var items []int32
		for _, old := range was.edges[was.in[t]:was.in[t+1]] {
			if k := e.edges[old]; k >= 0 {
				items = append(items, k)
			}
		}
		for _, k := range e.fresh {
			if p.to[k] == t {
				items = append(items, k)
			}
		}
		slices.Sort(items)
		lists = append(lists, list{t, items})
	}
	n := int32(len(was.nodes))
	p.in, p.edges = splice([]piece{{count: n}}, n, was.in, was.edges, e.edges, lists)
}

// cut makes stubs of new edges, as far as that can be told by their ends, and reports whether all others lead to the right.
func (e *editor) cut() bool {
	p, fixed := e.p, columnsGiven(e.p.nodes)
	for _, k := range e.fresh {
		s, t := int32(p.Source(int(k))), p.to[k]
		span := p.layer[t] - p.layer[s]
		if span <= 0 && s != t && !fixed {
			return false
		}
		p.stub[k] = span <= 0 || span > maxSpan || p.far(s, t)
	}
	return true
}

// cutFar makes stubs of new edges that a trunk does not bring near enough to their target, and reports whether there are any.
func (e *editor) cutFar() (cut bool) {
	p := e.p
	for _, k := range e.fresh {
		s, t := int32(p.Source(int(k))), p.to[k]
		if !p.stub[k] && p.far(p.from(s, t), t) {
			p.stub[k], cut = true, true
		}
	}
	return cut
}

// touch lists the ends of the lines that are new or no more.
func (e *editor) touch() {
	e.starts, e.ends = e.starts[:0], e.ends[:0]
	for _, k := range e.fresh {
		if !e.p.stub[k] {
			e.starts, e.ends = append(e.starts, int32(e.p.Source(int(k)))), append(e.ends, e.p.to[k])
		}
	}
	for _, old := range e.gone {
		if !e.was.stub[old] {
			e.starts, e.ends = append(e.starts, int32(e.was.Source(int(old)))), append(e.ends, e.was.to[old])
		}
	}
	e.starts, e.ends = rising(e.starts), rising(e.ends)
}

// trunks makes those of the sources in starts as long as they have to be.
func (e *editor) trunks() {
	was, p, n, total := e.was, e.p, int32(len(e.was.nodes)), int32(len(e.was.layer))
	trunk, filled := make([]int32, n+1), int32(0)
	last, shift := piece{}, int32(0) // shift: how much higher the numbers are by now
	fill := func(end int32) {
		for ; filled <= end; filled++ {
			trunk[filled] = was.trunk[filled] + shift
		}
	}
	e.pieces, e.more = e.pieces[:0], e.more[:0]
	for _, s := range e.starts {
		fill(s)
		need := int32(0)
		for k := p.out[s]; k < p.out[s+1]; k++ {
			if !p.stub[k] {
				need = max(need, p.layer[p.to[k]]-p.layer[s]-1)
			}
		}
		first, end := was.trunk[s], was.trunk[s+1]
		if need == end-first {
			continue
		}
		last.count = min(first+need, end) - last.was
		e.pieces = append(e.pieces, last)
		for v := end; v < first+need; v++ {
			e.more = append(e.more, v+shift)
		}
		shift += first + need - end
		last = piece{was: end, now: end + shift}
	}
	fill(n)
	last.count = total - last.was
	e.pieces = append(e.pieces, last)
	if len(e.pieces) == 1 {
		e.vertices = nil
		p.trunk, p.source, p.layer, p.unit = was.trunk, was.source, was.layer, was.unit
		return
	}
	e.vertices = make([]int32, total)
	for v := range e.vertices {
		e.vertices[v] = -1
	}
	for _, k := range e.pieces {
		for i := range k.count {
			e.vertices[k.was+i] = k.now + i
		}
	}
	total += shift
	p.trunk, p.source = trunk, make([]int32, total-n)
	for s := range n {
		for v := trunk[s]; v < trunk[s+1]; v++ {
			p.source[v-n] = s
		}
	}
	p.layer, p.unit = carry(e.pieces, total, was.layer), carry(e.pieces, total, was.unit)
	for _, v := range e.more {
		s := p.source[v-n]
		p.layer[v] = p.layer[s] + 1 + v - trunk[s]
	}
}

// put gives the new trunks the nearest free places, and reports whether there are enough.
func (e *editor) put() bool {
	p := e.p
	if len(e.pieces) == 1 {
		p.column, p.order = e.was.column, e.was.order
		return true
	}
	slices.SortStableFunc(e.more, func(a, b int32) int { return int(p.layer[a] - p.layer[b]) })
	for i, v := range e.more {
		s := p.origin(v)
		wish := p.unit[s]
		if v > p.trunk[s] {
			wish = p.unit[v-1]
		}
		lane := p.nodes[s].Lane
		first, end := p.start[lane], p.start[lane]+p.units[lane]
		at := int32(-1)
		for d := int32(0); d <= p.units[lane] && at < 0; d++ {
			switch {
			case wish+d < end && e.free(v, wish+d, e.more[:i]):
				at = wish + d
			case wish-d >= first && e.free(v, wish-d, e.more[:i]):
				at = wish - d
			}
		}
		if at < 0 {
			return false
		}
		p.unit[v] = at
	}
	p.sortColumns()
	return true
}

// free reports whether nothing stands in a unit of the column of v, where those of more that come before v have their places.
func (e *editor) free(v, unit int32, before []int32) bool {
	was, l := e.was, e.p.layer[v]
	for _, u := range before {
		if e.p.layer[u] == l && e.p.unit[u] == unit {
			return false
		}
	}
	column := was.order[was.column[l]:was.column[l+1]]
	for i := sort.Search(len(column), func(i int) bool { return was.unit[column[i]] > unit }) - 1; i >= 0; i-- {
		switch u := column[i]; {
		case e.vertices[u] < 0:
		case int(u) < len(was.nodes):
			return was.unit[u]+was.o.units() <= unit
		default:
			return was.unit[u] < unit
		}
	}
	return true
}

// link makes the arcs anew that belong to the edges of starts, and to those that lead to ends.
func (e *editor) link() {
	was, p, total := e.was, e.p, int32(len(e.p.layer))
	var out, back []list
	p.crosses = carry(e.pieces, total, was.crosses)
	for _, s := range e.starts {
		across := int32(0) // how far lines to other lanes lead
		for k := p.out[s]; k < p.out[s+1]; k++ {
			if t := p.to[k]; !p.stub[k] && p.nodes[t].Lane != p.nodes[s].Lane {
				across = max(across, p.layer[t]-p.layer[s])
			}
		}
		p.crosses[s] = across > 0
		for v := p.trunk[s]; v < p.trunk[s+1]; v++ {
			p.crosses[v] = across > p.layer[v]-p.layer[s]
		}
		out = append(out, list{s, p.leaving(s, s)})
	}
	for _, t := range e.ends {
		var items []int32
		for _, k := range p.In(int(t)) {
			if !p.stub[k] {
				items = append(items, p.from(int32(p.Source(int(k))), t))
			}
		}
		back = append(back, list{t, items})
	}
	for _, s := range e.starts {
		u := s
		for v := p.trunk[s]; v < p.trunk[s+1]; v++ {
			out, back = append(out, list{v, p.leaving(s, v)}), append(back, list{v, []int32{u}})
			u = v
		}
	}
	p.arc, p.arcTo = splice(e.pieces, total, was.arc, was.arcTo, e.vertices, out)
	p.back, p.backFrom = splice(e.pieces, total, was.back, was.backFrom, e.vertices, back)
}

// leaving lists to where the arcs of a vertex of the node s lead.
func (p *Placed) leaving(s, v int32) []int32 {
	var to []int32
	if next := p.vertex(s, p.layer[v]+1); next < p.trunk[s+1] {
		to = append(to, next)
	}
	for k := p.out[s]; k < p.out[s+1]; k++ {
		if t := p.to[k]; !p.stub[k] && p.layer[t] == p.layer[v]+1 {
			to = append(to, t)
		}
	}
	return to
}

// keep finds the gaps that look as before.
func (e *editor) keep() *kept {
	was, p := e.was, e.p
	k := newKept(was, e.vertices, len(p.width))
	for _, v := range e.more {
		k.column(p.layer[v])
	}
	for i := 1; i < len(e.pieces); i++ {
		for v := e.pieces[i-1].was + e.pieces[i-1].count; v < e.pieces[i].was; v++ {
			k.column(was.layer[v])
		}
	}
	for _, t := range e.ends {
		k.changed[p.layer[t]-1] = true
	}
	return k
}

// carry copies what belongs to vertices.
func carry[T any](pieces []piece, total int32, from []T) []T {
	to := make([]T, total)
	for _, k := range pieces {
		copy(to[k.now:k.now+k.count], from[k.was:])
	}
	return to
}

// splice copies the lists of vertices, which begin where first says, with other ones for some of them, which rise. Numbers says
// what has become of each item; nil stands for no change.
func splice(pieces []piece, total int32, first, items, numbers []int32, others []list) (firstNow, itemsNow []int32) {
	more := 0
	for _, o := range others {
		more += len(o.items)
	}
	firstNow, itemsNow = make([]int32, total+1), make([]int32, 0, len(items)+more)
	for v := int32(0); v < total; {
		if len(others) > 0 && others[0].vertex == v {
			firstNow[v] = int32(len(itemsNow))
			itemsNow = append(itemsNow, others[0].items...)
			others = others[1:]
			v++
			continue
		}
		for pieces[0].now+pieces[0].count <= v {
			pieces = pieces[1:]
		}
		end := pieces[0].now + pieces[0].count
		if len(others) > 0 {
			end = min(end, others[0].vertex)
		}
		from, to := v+pieces[0].was-pieces[0].now, end+pieces[0].was-pieces[0].now
		begin := int32(len(itemsNow)) - first[from]
		for i, f := range first[from:to] {
			firstNow[int(v)+i] = f + begin
		}
		if taken := items[first[from]:first[to]]; numbers == nil {
			itemsNow = append(itemsNow, taken...)
		} else {
			for _, i := range taken {
				itemsNow = append(itemsNow, numbers[i])
			}
		}
		v = end
	}
	firstNow[total] = int32(len(itemsNow))
	return firstNow, itemsNow
}

// rising sorts numbers and leaves out what is there twice.
func rising(numbers []int32) []int32 {
	slices.Sort(numbers)
	return slices.Compact(numbers)
}
