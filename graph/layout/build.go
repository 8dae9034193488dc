package layout

import "slices"

// A builder is a layout in the making. Its slices are indexed as those of [Placed].
type builder struct {
	in *Input
	o  Options
	n  int

	out, to   []int32
	in_, from []int32 // by target: sources
	edges     []int32 // by target: edges
	stub      []bool

	layer    []int32
	count    int // layers
	topo     []int32
	lanes    []int32 // top to bottom
	rank     []int32 // of each lane in lanes
	trunk    []int32
	source   []int32
	arc      []int32
	arcTo    []int32
	weight   []int32 // of each arc: edges
	back     []int32
	backFrom []int32
	backW    []int32
	column   []int32
	order    []int32
	pos      []int32 // place in the column
	unit     []int32 // within the lane, from 0
	lane     []int32 // rank of the lane of each vertex
	size     []int32 // units of each lane
}

// maxSpan is how many columns an edge may bridge; those that bridge more are stubs. It bounds the number of trunks.
const maxSpan = 24

// units is how many units a node takes.
func (o Options) units() int32 { return int32(o.Height+2) / 2 }

func place(in *Input, o Options, previous *Placed) *Placed {
	b := &builder{o: o}
	b.read(in)
	b.layers()
	b.arrangeLanes()
	b.bundle()
	b.arrange()
	b.rows()
	return b.finish()
}

// read sorts the edges by source and target, without repetition.
func (b *builder) read(in *Input) {
	n := len(in.Nodes)
	b.in, b.n = in, n
	valid := func(e Edge) bool { return e.From >= 0 && int(e.From) < n && e.To >= 0 && int(e.To) < n }
	// Twice a counting sort: by target, then by source.
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
		}
	}
	b.out = make([]int32, n+1)
	for _, e := range byTarget {
		b.out[e.From+1]++
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
	b.in_ = make([]int32, n+1)
	for _, t := range b.to {
		b.in_[t+1]++
	}
	for i := range n {
		b.in_[i+1] += b.in_[i]
	}
	copy(next, b.in_)
	b.from, b.edges = make([]int32, kept), make([]int32, kept)
	for s := range n {
		for e := b.out[s]; e < b.out[s+1]; e++ {
			t := b.to[e]
			b.from[next[t]], b.edges[next[t]] = int32(s), e
			next[t]++
		}
	}
	b.stub = make([]bool, kept)
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

// layers gives each node its column: as far left as its edges allow, then nearer to where most of its edges lead.
func (b *builder) layers() {
	fixed := false
	for i := range b.in.Nodes {
		fixed = fixed || b.in.Nodes[i].Layer > 0
	}
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
	most := int32(0)
	for _, l := range b.layer {
		most = max(most, l)
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
	for s := range int32(b.n) {
		for e := b.out[s]; e < b.out[s+1]; e++ {
			b.stub[e] = b.stub[e] || b.layer[b.to[e]]-b.layer[s] > maxSpan
		}
	}
}

// tighten moves nodes towards the side on which they have more edges, as long as that shortens edges.
func (b *builder) tighten(fixed bool) {
	for pass := range 8 {
		moved := false
		for i := range b.topo {
			v := b.topo[len(b.topo)-1-i]
			if pass%2 == 1 {
				v = b.topo[i]
			}
			if fixed && b.in.Nodes[v].Layer > 0 {
				continue
			}
			low, high, ins, outs := int32(-1), int32(1<<30), 0, 0
			for k := b.in_[v]; k < b.in_[v+1]; k++ {
				if !b.stub[b.edges[k]] {
					low, ins = max(low, b.layer[b.from[k]]), ins+1
				}
			}
			for e := b.out[v]; e < b.out[v+1]; e++ {
				if !b.stub[e] {
					high, outs = min(high, b.layer[b.to[e]]), outs+1
				}
			}
			to := b.layer[v]
			switch {
			case outs > ins:
				to = high - 1
			case ins > outs:
				to = low + 1
			}
			if to != b.layer[v] {
				b.layer[v], moved = to, true
			}
		}
		if !moved {
			return
		}
	}
}

// bundle makes the trunks and the arcs between vertices of neighbouring columns.
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
	b.source = make([]int32, int(next)-n)
	total := int(next)
	layer := make([]int32, total)
	copy(layer, b.layer[:n])
	b.layer = layer
	b.lane = make([]int32, total)
	b.arc = make([]int32, total+1)
	b.back = make([]int32, total+1)
	for s := range int32(n) {
		b.lane[s] = b.rank[b.laneOf(s)]
		for v := b.trunk[s]; v < b.trunk[s+1]; v++ {
			b.source[v-int32(n)] = s
			b.lane[v] = b.lane[s]
			b.layer[v] = b.layer[s] + 1 + v - b.trunk[s]
			b.back[v+1] = 1
			from := v - 1
			if v == b.trunk[s] {
				from = s
			}
			b.arc[from+1]++
		}
		for e := b.out[s]; e < b.out[s+1]; e++ {
			if !b.stub[e] {
				b.arc[b.entryFrom(s, b.to[e])+1]++
				b.back[b.to[e]+1]++
			}
		}
	}
	for v := range total {
		b.arc[v+1] += b.arc[v]
		b.back[v+1] += b.back[v]
	}
	arcs := b.arc[total]
	b.arcTo, b.weight = make([]int32, arcs), make([]int32, arcs)
	b.backFrom, b.backW = make([]int32, arcs), make([]int32, arcs)
	nextArc, nextBack := slices.Clone(b.arc[:total]), slices.Clone(b.back[:total])
	join := func(u, v, w int32) {
		b.arcTo[nextArc[u]], b.weight[nextArc[u]] = v, w
		nextArc[u]++
		b.backFrom[nextBack[v]], b.backW[nextBack[v]] = u, w
		nextBack[v]++
	}
	through := make([]int32, maxSpan+2)
	for s := range int32(n) {
		if b.trunk[s] < b.trunk[s+1] {
			clear(through)
			for e := b.out[s]; e < b.out[s+1]; e++ {
				if !b.stub[e] {
					through[b.layer[b.to[e]]-b.layer[s]]++
				}
			}
			for k := maxSpan; k > 0; k-- {
				through[k] += through[k+1]
			}
			from := s
			for v := b.trunk[s]; v < b.trunk[s+1]; v++ {
				join(from, v, through[b.layer[v]-b.layer[s]+1])
				from = v
			}
		}
		for e := b.out[s]; e < b.out[s+1]; e++ {
			if !b.stub[e] {
				join(b.entryFrom(s, b.to[e]), b.to[e], 1)
			}
		}
	}
}

func (b *builder) laneOf(s int32) int32 {
	return min(max(b.in.Nodes[s].Lane, 0), int32(max(len(b.in.Lanes), 1)-1))
}

// entryFrom returns the vertex from which an edge enters the column of its target.
func (b *builder) entryFrom(s, t int32) int32 {
	if span := b.layer[t] - b.layer[s]; span > 1 {
		return b.trunk[s] + span - 2
	}
	return s
}
