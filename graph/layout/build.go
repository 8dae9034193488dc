package layout

import "slices"

// A builder is a layout in the making. Its slices are indexed as those of [Placed].
type builder struct {
	in *Input
	o  Options
	n  int

	out, to       []int32
	inFirst, from []int32 // by target: sources
	edges         []int32 // by target: edges
	stub          []bool

	layer   []int32
	count   int // layers
	topo    []int32
	lanes   []int32 // top to bottom
	rank    []int32 // of each lane in lanes
	trunk   []int32
	source  []int32
	unit    []int32 // within the lane, from 0
	lane    []int32 // rank of the lane of each vertex
	alone   []bool  // nodes without edges
	size    []int32 // units of each lane, by rank
	fresh   []int32 // with a previous layout: the edges that were not in it
	kept    *kept   // what of a previous layout needs no routing
	changes int     // how many nodes and edges are new, or have to move
}

// maxSpan is how many columns an edge may bridge; those that bridge more are stubs. It bounds the number of trunks.
const maxSpan = 24

// units is how many units a node takes.
func (o Options) units() int32 { return int32(o.Height+2) / 2 }

func place(in *Input, o Options, previous *Placed) *Placed {
	warm := previous != nil && previous.o == o
	if warm {
		if p := edit(in, previous); p != nil {
			return p
		}
	}
	b := &builder{o: o}
	b.read(in)
	if warm {
		b.again(previous)
		return b.finish(previous)
	}
	b.layers()
	b.arrangeLanes()
	b.bundle()
	a := b.arrange()
	a.minimise()
	a.rows()
	b.unit = make([]int32, len(b.layer))
	for i, v := range a.vertex {
		b.unit[v] = a.unit[i]
	}
	return b.finish(nil)
}

// read sorts the edges by source and target, without repetition.
func (b *builder) read(in *Input) {
	n := len(in.Nodes)
	b.in, b.n = in, n
	b.out = make([]int32, n+1)
	if b.sorted() {
		b.to = make([]int32, len(in.Edges))
		for i, e := range in.Edges {
			b.to[i] = e.To
			b.out[e.From+1]++
		}
		for i := range n {
			b.out[i+1] += b.out[i]
		}
	} else {
		b.sort()
	}
	b.incoming()
	b.stub = make([]bool, len(b.to))
}

// incoming lists the edges by target.
func (b *builder) incoming() {
	n := b.n
	kept := len(b.to)
	b.inFirst = make([]int32, n+1)
	for _, t := range b.to {
		b.inFirst[t+1]++
	}
	for i := range n {
		b.inFirst[i+1] += b.inFirst[i]
	}
	next := slices.Clone(b.inFirst)
	b.from, b.edges = make([]int32, kept), make([]int32, kept)
	for s := range n {
		for e := b.out[s]; e < b.out[s+1]; e++ {
			t := b.to[e]
			b.from[next[t]], b.edges[next[t]] = int32(s), e
			next[t]++
		}
	}
}

// sorted reports whether the edges are in order, valid and without repetition.
func (b *builder) sorted() bool {
	last, n := Edge{-1, -1}, int32(b.n)
	for _, e := range b.in.Edges {
		if e.From < last.From || e.From == last.From && e.To <= last.To || e.From >= n || uint32(e.To) >= uint32(n) {
			return false
		}
		last = e
	}
	return true
}

// sort fills out and to by two counting sorts, by target, then by source, and leaves out what is invalid or there already.
func (b *builder) sort() {
	n, in := b.n, b.in
	valid := func(e Edge) bool { return e.From >= 0 && int(e.From) < n && e.To >= 0 && int(e.To) < n }
	start := make([]int32, n+1)
	total := 0
	for _, e := range in.Edges {
		if valid(e) {
			start[e.To+1]++
			total++
		}
	}
	for i := range n {
		start[i+1] += start[i]
	}
	byTarget := make([]Edge, total)
	for _, e := range in.Edges {
		if valid(e) {
			byTarget[start[e.To]] = e
			start[e.To]++
			b.out[e.From+1]++
		}
	}
	for i := range n {
		b.out[i+1] += b.out[i]
	}
	next := slices.Clone(b.out)
	b.to = make([]int32, total)
	for _, e := range byTarget {
		b.to[next[e.From]] = e.To
		next[e.From]++
	}
	kept, first := int32(0), int32(0)
	for i := range n {
		begin, end := first, b.out[i+1]
		first = end
		for k := begin; k < end; k++ {
			if k == begin || b.to[k] != b.to[k-1] {
				b.to[kept] = b.to[k]
				kept++
			}
		}
		b.out[i+1] = kept
	}
	b.to = b.to[:kept]
}

// topological fills topo with the nodes so that edges that are no stubs lead forwards, and reports whether that is all.
func (b *builder) topological() bool {
	missing := make([]int32, b.n)
	for e, t := range b.to {
		if !b.stub[e] {
			missing[t]++
		}
	}
	b.topo = make([]int32, 0, b.n)
	for v := range b.n {
		if missing[v] == 0 {
			b.topo = append(b.topo, int32(v))
		}
	}
	for i := 0; i < len(b.topo); i++ {
		v := b.topo[i]
		for e := b.out[v]; e < b.out[v+1]; e++ {
			if b.stub[e] {
				continue
			}
			if t := b.to[e]; missing[t] == 1 {
				b.topo = append(b.topo, t)
			} else {
				missing[t]--
			}
		}
	}
	return len(b.topo) == b.n
}

// cutCycles makes stubs of the edges that lead back in a walk from the first node on.
func (b *builder) cutCycles() {
	state := make([]uint8, b.n) // 1: on the path, 2: done
	next := slices.Clone(b.out[:b.n])
	var path []int32
	for start := range b.n {
		if state[start] != 0 {
			continue
		}
		path = append(path[:0], int32(start))
		state[start] = 1
		for len(path) > 0 {
			v := path[len(path)-1]
			if next[v] == b.out[v+1] {
				state[v] = 2
				path = path[:len(path)-1]
				continue
			}
			e := next[v]
			next[v]++
			switch t := b.to[e]; {
			case b.stub[e]:
			case state[t] == 1:
				b.stub[e] = true
			case state[t] == 0:
				state[t] = 1
				path = append(path, t)
			}
		}
	}
}

// columnsGiven reports whether nodes say in which column they stand.
func columnsGiven(nodes []Node) bool {
	return slices.ContainsFunc(nodes, func(n Node) bool { return n.Layer > 0 })
}

// layers gives each node its column: as far left as its edges allow, then nearer to where most of its edges lead.
func (b *builder) layers() {
	fixed := columnsGiven(b.in.Nodes)
	at := func(v int32) int32 { return b.in.Nodes[v].Layer - 1 }
	for s := range int32(b.n) {
		for e := b.out[s]; e < b.out[s+1]; e++ {
			t := b.to[e]
			if s == t || fixed && at(s) >= 0 && at(t) >= 0 && at(s) >= at(t) {
				b.stub[e] = true
			}
		}
	}
	if !b.topological() {
		b.cutCycles()
		b.topological()
	}
	b.layer = make([]int32, b.n, 2*b.n)
	for _, v := range b.topo {
		if fixed && at(v) >= 0 {
			b.layer[v] = at(v)
		}
		for e := b.out[v]; e < b.out[v+1]; e++ {
			if t := b.to[e]; !b.stub[e] {
				b.layer[t] = max(b.layer[t], b.layer[v]+1)
			}
		}
	}
	if fixed {
		for s := range int32(b.n) {
			for e := b.out[s]; e < b.out[s+1]; e++ {
				b.stub[e] = b.stub[e] || b.layer[s] >= b.layer[b.to[e]]
			}
		}
	}
	b.tighten(fixed)
	// Columns without nodes are left out.
	least, most := int32(0), int32(0)
	for _, l := range b.layer {
		least = min(least, l)
	}
	for i := range b.layer {
		b.layer[i] -= least
		most = max(most, b.layer[i])
	}
	used := make([]int32, most+2)
	for _, l := range b.layer {
		used[l+1] = 1
	}
	for i := range most + 1 {
		used[i+1] += used[i]
	}
	for i, l := range b.layer {
		b.layer[i] = used[l]
	}
	b.count = int(used[most+1])
	b.spread()
	for s := range int32(b.n) {
		for e := b.out[s]; e < b.out[s+1]; e++ {
			b.stub[e] = b.stub[e] || b.layer[b.to[e]]-b.layer[s] > maxSpan
		}
	}
}

// spread deals out the nodes without edges over the columns, each into the one in which its lane is lowest, so that they do not
// stand in one long column.
func (b *builder) spread() {
	var alone []int32
	for v := range int32(b.n) {
		if b.out[v] == b.out[v+1] && b.inFirst[v] == b.inFirst[v+1] && b.in.Nodes[v].Layer <= 0 {
			alone = append(alone, v)
		}
	}
	lanes := max(len(b.in.Lanes), 1)
	columns := b.count
	for columns < 8 && columns*columns*4 < len(alone)/lanes {
		columns++
	}
	if len(alone) == 0 || lanes*columns > 1<<22 {
		return
	}
	height := make([]int32, lanes*columns)
	for v := range int32(b.n) {
		height[int(b.laneOf(v))*columns+int(b.layer[v])]++
	}
	for _, v := range alone {
		heights := height[int(b.laneOf(v))*columns:][:columns]
		heights[b.layer[v]]--
		lowest := 0
		for c, h := range heights {
			if h < heights[lowest] {
				lowest = c
			}
		}
		heights[lowest]++
		b.layer[v] = int32(lowest)
		b.count = max(b.count, lowest+1)
	}
}

// tighten shortens edges. It moves a node, with all that stands in its way, as far as that makes the sum of all spans smaller:
// to the right, then to the left, until nothing changes or there was enough of it.
func (b *builder) tighten(fixed bool) {
	t := tightener{builder: b, mark: make([]int32, b.n), slope: make([]int32, b.n)}
	t.outAt, t.inAt = make([]int32, b.n+1), make([]int32, b.n+1)
	t.outs, t.ins = make([]int32, 0, len(b.to)), make([]int32, 0, len(b.to))
	for v := range b.n {
		for e := b.out[v]; e < b.out[v+1]; e++ {
			if !b.stub[e] {
				t.outs = append(t.outs, b.to[e])
			}
		}
		for k := b.inFirst[v]; k < b.inFirst[v+1]; k++ {
			if !b.stub[b.edges[k]] {
				t.ins = append(t.ins, b.from[k])
			}
		}
		t.outAt[v+1], t.inAt[v+1] = int32(len(t.outs)), int32(len(t.ins))
	}
	for v := range int32(b.n) {
		if fixed && b.in.Nodes[v].Layer > 0 {
			t.mark[v] = -1
		}
		for e := b.out[v]; e < b.out[v+1]; e++ {
			if !b.stub[e] {
				t.slope[v]--
				t.slope[b.to[e]]++
			}
		}
	}
	awake := make([]bool, b.n)
	for v := range awake {
		awake[v] = true
	}
	t.awake = awake
	t.budget = 60 * (b.n + len(b.to))
	most := min(8+b.n/25, maxTogether)
	t.limit = most / 2
	for moved := true; (moved || t.limit < most) && t.budget > 0; {
		if !moved {
			t.limit = most
			for v := range awake {
				awake[v] = true
			}
		}
		moved = false
		for i := range b.topo {
			if v := b.topo[len(b.topo)-1-i]; t.slope[v] < 0 && awake[v] {
				awake[v] = t.move(v, 1)
				t.budget -= len(t.set)
				moved = moved || awake[v]
			}
		}
		for _, v := range b.topo {
			if t.slope[v] > 0 && awake[v] {
				awake[v] = t.move(v, -1)
				t.budget -= len(t.set)
				moved = moved || awake[v]
			}
		}
	}
}

// maxTogether is how many nodes tighten moves at once, fewer in small graphs, where that brings nothing.
const maxTogether = 24

type tightener struct {
	*builder
	slope  []int32 // how much longer edges become when a node moves right by one: edges in less edges out
	mark   []int32 // the last round that a node was part of; −1: it may not move
	round  int32
	set    []int32
	limit  int
	awake  []bool // false: it was tried, and nothing around it moved since
	budget int    // looks at nodes that are left
	// Neighbours by edges that are no stubs.
	outAt, outs, inAt, ins []int32
}

// move moves v by one or more columns in a direction, and what stands in its way, when that shortens edges. When that alone
// does not pay, those that stand against it and would like to move too come along.
func (t *tightener) move(v, direction int32) bool {
	if t.mark[v] < 0 {
		return false
	}
	t.round++
	t.set = append(t.set[:0], v)
	t.mark[v] = t.round
	sum, asked := int32(0), 0
	for i := 0; ; i++ {
		if i == len(t.set) {
			if sum < 0 {
				break
			}
			// Ask those on the other side.
			for ; asked < len(t.set) && i == len(t.set); asked++ {
				t.ask(t.set[asked], direction)
			}
			if i == len(t.set) {
				return false
			}
		}
		u := t.set[i]
		sum += t.slope[u] * direction
		for _, w := range t.ahead(u, direction) {
			slack := (t.layer[w]-t.layer[u])*direction - 1
			if slack > 0 || slack < 0 || t.mark[w] == t.round {
				continue
			}
			if t.mark[w] < 0 {
				return false
			}
			t.mark[w] = t.round
			t.set = append(t.set, w)
		}
		if len(t.set) > t.limit {
			return false
		}
	}
	step := int32(1 << 30)
	for _, u := range t.set {
		for _, w := range t.ahead(u, direction) {
			if slack := (t.layer[w]-t.layer[u])*direction - 1; t.mark[w] != t.round && slack >= 0 {
				step = min(step, slack)
			}
		}
	}
	if step == 1<<30 {
		step = 1
	}
	for _, u := range t.set {
		t.layer[u] += step * direction
		t.awake[u] = true
		for _, w := range t.ahead(u, 1) {
			t.awake[w] = true
		}
		for _, w := range t.ahead(u, -1) {
			t.awake[w] = true
		}
	}
	return true
}

// ask takes along the neighbours directly behind u that would like to move.
func (t *tightener) ask(u, direction int32) {
	for _, w := range t.ahead(u, -direction) {
		if (t.layer[u]-t.layer[w])*direction == 1 && t.mark[w] != t.round && t.mark[w] >= 0 && t.slope[w]*direction < 0 {
			t.mark[w] = t.round
			t.set = append(t.set, w)
		}
	}
}

// ahead returns the neighbours of u in a direction.
func (t *tightener) ahead(u, direction int32) []int32 {
	if direction > 0 {
		return t.outs[t.outAt[u]:t.outAt[u+1]]
	}
	return t.ins[t.inAt[u]:t.inAt[u+1]]
}

// bundle makes the trunks.
func (b *builder) bundle() {
	n := b.n
	b.trunk = make([]int32, n+1)
	next := int32(n)
	for s := range int32(n) {
		b.trunk[s] = next
		span := int32(1)
		for e := b.out[s]; e < b.out[s+1]; e++ {
			if !b.stub[e] {
				span = max(span, b.layer[b.to[e]]-b.layer[s])
			}
		}
		next += span - 1
	}
	b.trunk[n] = next
	total := int(next)
	b.source = make([]int32, total-n)
	layer := make([]int32, total)
	copy(layer, b.layer[:n])
	b.layer = layer
	b.lane = make([]int32, total)
	b.alone = make([]bool, n)
	for s := range int32(n) {
		b.lane[s] = b.rank[b.laneOf(s)]
		b.alone[s] = b.out[s] == b.out[s+1] && b.inFirst[s] == b.inFirst[s+1]
		for v := b.trunk[s]; v < b.trunk[s+1]; v++ {
			b.source[v-int32(n)] = s
			b.lane[v] = b.lane[s]
			b.layer[v] = b.layer[s] + 1 + v - b.trunk[s]
		}
	}
}

func (b *builder) laneOf(s int32) int32 {
	return min(max(b.in.Nodes[s].Lane, 0), int32(max(len(b.in.Lanes), 1)-1))
}
