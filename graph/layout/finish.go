package layout

import (
	"slices"
	"unicode/utf8"
)

// finish turns columns and units into cells: it stacks the lanes, drops what has become stubs, and routes the nets of each gap.
func (b *builder) finish(previous *Placed) *Placed {
	in := b.in
	p := &Placed{o: b.o, lanes: slices.Clone(in.Lanes), nodes: in.Nodes, out: b.out, to: b.to, in: b.inFirst, edges: b.edges, stub: b.stub}
	for i := range p.nodes {
		if l := b.laneOf(int32(i)); l != p.nodes[i].Lane {
			p.nodes = slices.Clone(in.Nodes)
			for i := range p.nodes {
				p.nodes[i].Lane = b.laneOf(int32(i))
			}
			break
		}
	}
	if len(p.lanes) == 0 {
		p.lanes = []string{""}
	}
	p.start, p.units = make([]int32, len(p.lanes)), make([]int32, len(p.lanes))
	used := make([]bool, len(p.lanes))
	for i := range p.nodes {
		used[p.nodes[i].Lane] = true
	}
	at := int32(0)
	for r, l := range b.lanes {
		if !used[l] {
			continue
		}
		p.start[l], p.units[l] = at+1, b.size[r]
		p.bands = append(p.bands, Band{Lane: int(l), Title: p.lanes[l], Y: 2 * int(at), H: 2 * int(b.size[r]+1)})
		at += b.size[r] + 1
	}
	p.h = 2 * int(at)
	for l, old := range b.kept.lanes() {
		if old >= 0 && p.start[l] != previous.start[old] {
			b.kept = nil // all rows change
		}
	}
	unit := b.unit
	for v := range unit {
		unit[v] += p.start[b.lanes[b.lane[v]]]
	}
	p.layer, p.unit, p.trunk, p.source = b.layer, unit, b.trunk, b.source
	p.width, p.room = make([]int32, b.count), make([]int32, b.count)
	cut := false // edges became stubs
	if previous != nil {
		copy(p.width, previous.width)
		copy(p.room, previous.room)
		p.changed = previous.changed + b.changes
		for _, e := range b.fresh {
			cut = p.limitRows(p.Source(int(e)), e, e+1) || cut
		}
	} else {
		for s := range p.nodes {
			cut = p.limitRows(s, p.out[s], p.out[s+1]) || cut
		}
	}
	for k := b.kept; ; k, cut = nil, true {
		p.link(cut)
		if !p.route(k) {
			break
		}
	}
	p.measure()
	return p
}

// limitRows makes stubs of those edges of a node, from first up to end, that bridge too many rows, and reports whether there are any.
func (p *Placed) limitRows(node int, first, end int32) (cut bool) {
	s := int32(node)
	for e := first; e < end; e++ {
		if t := p.to[e]; !p.stub[e] && (p.far(s, t) || p.far(p.from(s, t), t)) {
			p.stub[e], cut = true, true
		}
	}
	return cut
}

// far reports whether more rows lie between two vertices than a line may bridge.
func (p *Placed) far(u, v int32) bool {
	limit, d := int32(p.o.MaxRows+1)/2, p.unit[u]-p.unit[v]
	return p.o.MaxRows >= 0 && (d > limit || -d > limit)
}

// dropTrunks drops those that lead nowhere any more.
func (p *Placed) dropTrunks() {
	n := int32(len(p.nodes))
	next := n
	for s := range n {
		span := int32(1)
		for e := p.out[s]; e < p.out[s+1]; e++ {
			if !p.stub[e] {
				span = max(span, p.layer[p.to[e]]-p.layer[s])
			}
		}
		first := p.trunk[s]
		p.trunk[s] = next
		for k := range span - 1 {
			p.layer[next], p.unit[next], p.source[next-n] = p.layer[first+k], p.unit[first+k], s
			next++
		}
	}
	p.trunk[n] = next
	p.layer, p.unit, p.source = p.layer[:next], p.unit[:next], p.source[:next-n]
}

// link sorts the columns and makes the arcs; when edges became stubs it drops the trunks that these alone had.
func (p *Placed) link(cut bool) {
	if cut {
		p.dropTrunks()
	}
	p.sortColumns()
	n, total := int32(len(p.nodes)), len(p.layer)
	p.arc, p.back = make([]int32, total+2), make([]int32, total+2)
	p.crosses = make([]bool, total)
	// Both lists are counted two places further on, so that filling them moves the beginnings to where they belong.
	arc, back := p.arc[2:], p.back[2:]
	for s := range n {
		first, end := p.trunk[s], p.trunk[s+1]
		if first < end {
			arc[s]++
			for v := first; v < end; v++ {
				back[v]++
				if v+1 < end {
					arc[v]++
				}
			}
		}
		for e := p.out[s]; e < p.out[s+1]; e++ {
			if !p.stub[e] {
				t := p.to[e]
				arc[p.from(s, t)]++
				back[t]++
			}
		}
	}
	for v := range total {
		p.arc[v+1] += p.arc[v]
		p.back[v+1] += p.back[v]
	}
	p.arc[total+1] += p.arc[total]
	p.back[total+1] += p.back[total]
	arcs := make([]int32, 2*p.arc[total+1])
	p.arcTo, p.backFrom = arcs[:len(arcs)/2], arcs[len(arcs)/2:]
	arc, back = p.arc[1:], p.back[1:]
	for s := range n {
		u := s
		for v := p.trunk[s]; v < p.trunk[s+1]; v++ {
			p.arcTo[arc[u]] = v
			arc[u]++
			p.backFrom[back[v]] = u
			back[v]++
			u = v
		}
		lane := p.nodes[s].Lane
		for e := p.out[s]; e < p.out[s+1]; e++ {
			if p.stub[e] {
				continue
			}
			t := p.to[e]
			u := p.from(s, t)
			p.arcTo[arc[u]] = t
			arc[u]++
			p.backFrom[back[t]] = u
			back[t]++
			if p.nodes[t].Lane != lane {
				p.crosses[u] = true
			}
		}
		if first := p.trunk[s]; first < p.trunk[s+1] {
			for v := p.trunk[s+1] - 1; v > first; v-- {
				p.crosses[v-1] = p.crosses[v-1] || p.crosses[v]
			}
			p.crosses[s] = p.crosses[s] || p.crosses[first]
		}
	}
	p.arc, p.back = p.arc[:total+1], p.back[:total+1]
}

// sortColumns orders the vertices by column and unit, by counting.
func (p *Placed) sortColumns() {
	count, total := len(p.width), len(p.layer)
	rows := p.h/2 + 1
	byUnit := make([]int32, rows+1)
	for _, u := range p.unit {
		byUnit[u+1]++
	}
	for u := range rows {
		byUnit[u+1] += byUnit[u]
	}
	sorted := make([]int32, total)
	for v, u := range p.unit {
		sorted[byUnit[u]] = int32(v)
		byUnit[u]++
	}
	p.column = make([]int32, count+1)
	for _, l := range p.layer {
		p.column[l+1]++
	}
	for l := range count {
		p.column[l+1] += p.column[l]
	}
	next := slices.Clone(p.column)
	p.order = make([]int32, total)
	for _, v := range sorted {
		l := p.layer[v]
		p.order[next[l]] = v
		next[l]++
	}
}

// route gives the nets of each gap their tracks. When some find none their edges become stubs, and it reports that everything
// has to be done again. What k keeps is copied.
func (p *Placed) route(k *kept) (again bool) {
	total := len(p.layer)
	space := make([]int32, 4*total)
	p.track, p.top, p.bottom, p.nets = space[:total], space[total:2*total], space[2*total:3*total], space[3*total:3*total]
	p.escape = make([]bool, total)
	p.firstTrack = make([]int32, len(p.width)+1)
	p.tracks = make([]int32, 1, 1+24*len(p.width))
	k.carry(p)
	var r router
	for l := range p.width {
		switch {
		case l+1 == len(p.width):
		case k.keeps(l):
			k.nets(p, l)
		default:
			again = r.gap(p, l) || again
		}
		p.firstTrack[l+1] = int32(len(p.tracks) - 1)
	}
	return again
}

// A router keeps space between gaps.
type router struct {
	keys  []uint64
	low   []int32 // for each track the top of its last net
	lists [][]int32
}

// gap routes one gap.
func (r *router) gap(p *Placed, l int) (again bool) {
	// Nets from the bottom up: what begins lower gets a track further to the left, where lines that lead down do not cross.
	r.keys = r.keys[:0]
	for _, u := range p.order[p.column[l]:p.column[l+1]] {
		p.track[u] = -1
		if p.arc[u] == p.arc[u+1] {
			continue
		}
		top, bottom := p.unit[u], p.unit[u]
		for _, v := range p.arcTo[p.arc[u]:p.arc[u+1]] {
			top, bottom = min(top, p.unit[v]), max(bottom, p.unit[v])
		}
		if top == bottom {
			continue
		}
		p.top[u], p.bottom[u] = top, bottom
		r.keys = append(r.keys, uint64(^uint32(top))<<32|uint64(u))
	}
	slices.Sort(r.keys)
	r.low = r.low[:0]
	for i := range r.lists {
		r.lists[i] = r.lists[i][:0]
	}
	for _, key := range r.keys {
		u := int32(uint32(key))
		t := 0
		for t < len(r.low) && r.low[t] <= p.bottom[u] {
			t++
		}
		if t == len(r.low) {
			if t == p.o.Tracks {
				p.dropNet(u)
				again = true
				continue
			}
			r.low = append(r.low, 0)
			if t == len(r.lists) {
				r.lists = append(r.lists, nil)
			}
		}
		r.low[t] = p.top[u]
		r.lists[t] = append(r.lists[t], u)
		p.track[u] = int32(t)
	}
	for t := range r.low {
		slices.Reverse(r.lists[t])
		p.nets = append(p.nets, r.lists[t]...)
		p.tracks = append(p.tracks, int32(len(p.nets)))
	}
	if used := int32(len(r.low)); used > 0 {
		p.room[l] = max(p.room[l], used+1) // one is always free, so that the last is told from what comes behind it
	}
	p.room[l] = max(p.room[l], 1)
	r.escapes(p, l)
	return again
}

// escapes decides for each vertex of the column behind gap l whether the lines of other nets reach it by its spare row, and
// turns the units of tops and bottoms into rows.
func (r *router) escapes(p *Placed, l int) {
	i, end := p.column[l], p.column[l+1]
	for _, v := range p.order[p.column[l+1]:p.column[l+2]] {
		p.escape[v] = false
		for i < end && p.unit[p.order[i]] < p.unit[v] {
			i++
		}
		if i == end || p.unit[p.order[i]] != p.unit[v] {
			continue
		}
		own := p.order[i] // its line runs in the row of v
		if p.arc[own] == p.arc[own+1] || p.track[own] < 0 {
			continue
		}
		first, mine := int32(1<<30), false
		for _, u := range p.backFrom[p.back[v]:p.back[v+1]] {
			if u == own {
				mine = true
			} else if p.track[u] >= 0 {
				first = min(first, p.track[u])
			}
		}
		if first == 1<<30 {
			continue
		}
		x := p.track[own]
		if mine {
			p.escape[v] = first < x
			continue
		}
		// Between the end of one line and the beginning of the other there has to be a blank.
		blank := false
		for t := x + 1; t < first && !blank; t++ {
			blank = !r.covers(p, t, p.unit[v])
		}
		p.escape[v] = !blank
	}
	for t := range r.low {
		for _, u := range r.lists[t] {
			top := int32(p.row(u))
			bottom := top
			for _, v := range p.arcTo[p.arc[u]:p.arc[u+1]] {
				y := int32(p.entry(u, v))
				top, bottom = min(top, y), max(bottom, y)
			}
			p.top[u], p.bottom[u] = top, bottom
		}
	}
}

// covers reports whether a net of track t passes the unit; tops and bottoms are still units.
func (r *router) covers(p *Placed, t, unit int32) bool {
	list := r.lists[t]
	low, high := 0, len(list)
	for low < high {
		if m := (low + high) / 2; p.bottom[list[m]] < unit {
			low = m + 1
		} else {
			high = m
		}
	}
	return low < len(list) && p.top[list[low]] <= unit
}

// dropNet makes stubs of the edges of a net that do not run straight on.
func (p *Placed) dropNet(u int32) {
	s := p.origin(u)
	l := p.layer[u] + 1
	for e := p.out[s]; e < p.out[s+1]; e++ {
		t := p.to[e]
		if p.stub[e] || p.layer[t] < l {
			continue
		}
		if p.unit[p.vertexOf(s, t, l)] != p.unit[u] {
			p.stub[e] = true
		}
	}
}

// stubWidth is how wide a column is at least in which something is written about stubs.
const stubWidth = 18

// measure finds how wide the columns are and where they begin. A column never becomes narrower than it was.
func (p *Placed) measure() {
	p.measureNodes()
	for s := range p.nodes {
		for e := p.out[s]; e < p.out[s+1]; e++ {
			p.measureStub(s, int(e))
		}
	}
	p.stand()
}

// measureNodes makes the columns as wide as labels need, and the first as wide as titles do.
func (p *Placed) measureNodes() {
	for i := range p.nodes {
		l := p.layer[i]
		p.width[l] = max(p.width[l], min(max(p.nodes[i].Width, 1), int32(p.o.MaxWidth))+1)
	}
	if len(p.width) > 0 {
		for _, title := range p.lanes {
			p.width[0] = max(p.width[0], min(int32(utf8.RuneCountInString(title))+4, int32(p.o.MaxWidth)))
		}
	}
}

// measureStub makes the columns at the ends of an edge as wide as they have to be if it is a stub.
func (p *Placed) measureStub(source, edge int) {
	if p.stub[edge] {
		for _, l := range [2]int32{p.layer[source], p.layer[p.to[edge]]} {
			p.width[l] = max(p.width[l], stubWidth)
		}
	}
}

// stand says where the columns begin.
func (p *Placed) stand() {
	p.x = make([]int32, len(p.width))
	at := int32(0)
	for l := range p.x {
		p.x[l] = at
		at += p.width[l]
		if l+1 < len(p.x) {
			at += p.room[l] + 3
		}
	}
	p.w = int(at)
}
