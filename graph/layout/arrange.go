package layout

import (
	"math"
	"math/bits"
	"slices"
)

// arrangeLanes puts lanes that share many edges near each other, so that what passes a lane crosses few of its edges: exactly for up
// to ten lanes, nearly for up to 256; more stay as given. Of an order and its reverse it takes the one in which more edges lead down.
func (b *builder) arrangeLanes() {
	n := max(len(b.in.Lanes), 1)
	b.lanes, b.rank = make([]int32, n), make([]int32, n)
	for i := range b.lanes {
		b.lanes[i] = int32(i)
	}
	if n > 1 && n <= 256 {
		between := make([]int32, n*n) // edges from lane to lane
		load := make([]int32, n)      // edges within a lane
		for l := range load {
			load[l] = 1
		}
		for s := range int32(b.n) {
			from := b.laneOf(s)
			for _, t := range b.to[b.out[s]:b.out[s+1]] {
				if to := b.laneOf(t); from != to {
					between[int(from)*n+int(to)]++
				} else {
					load[from]++
				}
			}
		}
		both := make([]int32, n*n)
		for i := range n {
			for j := range n {
				both[i*n+j] = between[i*n+j] + between[j*n+i]
			}
		}
		if n <= 10 {
			b.lanes = bestArrangement(n, both, load)
		} else {
			b.lanes = goodArrangement(n, both)
		}
		down := 0
		for i, x := range b.lanes {
			for _, y := range b.lanes[i+1:] {
				down += int(between[int(x)*n+int(y)] - between[int(y)*n+int(x)])
			}
		}
		if down < 0 || down == 0 && b.lanes[0] > b.lanes[n-1] {
			slices.Reverse(b.lanes)
		}
	}
	for i, l := range b.lanes {
		b.rank[l] = int32(i)
	}
}

// bestArrangement finds the order of lanes in which edges pass the least of others, by going through all sets of lanes that can
// stand on the top. Passing a lane costs its load.
func bestArrangement(n int, both, load []int32) []int32 {
	cost, last := make([]int64, 1<<n), make([]int8, 1<<n)
	cut := make([]int32, 1<<n)    // edges between the set and the others
	to := make([]int32, n*(1<<n)) // of these, those to each of the others
	for set := 1; set < 1<<n; set++ {
		first := bits.TrailingZeros(uint(set))
		rest := to[(set&(set-1))*n:][:n]
		row, edges := to[set*n:][:n], both[first*n:][:n]
		sum := int32(0)
		for others := 1<<n - 1 - set; others != 0; others &= others - 1 {
			i := bits.TrailingZeros(uint(others))
			row[i] = rest[i] + edges[i]
			sum += row[i]
		}
		cut[set] = sum
		best := int64(math.MaxInt64)
		for s := set; s != 0; s &= s - 1 {
			i := bits.TrailingZeros(uint(s))
			above := set &^ (1 << i)
			if c := cost[above] + int64(load[i])*int64(cut[above]-to[above*n+i]); c < best {
				best, last[set] = c, int8(i)
			}
		}
		cost[set] = best
	}
	lanes := make([]int32, n)
	for set, i := 1<<n-1, n-1; i >= 0; i-- {
		lanes[i] = int32(last[set])
		set &^= 1 << last[set]
	}
	return lanes
}

// goodArrangement puts the lanes one after the other, that with most edges to those that stand already first, where it costs
// least, and then exchanges neighbours as long as that helps.
func goodArrangement(n int, both []int32) []int32 {
	tied := make([]int32, n)
	placed := make([]bool, n)
	lanes := make([]int32, 0, n)
	for len(lanes) < n {
		next := -1
		for i := range n {
			if !placed[i] && (next < 0 || tied[i] > tied[next]) {
				next = i
			}
		}
		placed[next] = true
		for i := range n {
			tied[i] += both[next*n+i]
		}
		// A place costs the distances to all others, and one more for each edge between what it parts.
		best, at, apart := int32(1<<30), 0, int32(0)
		for p := range len(lanes) + 1 {
			cost := int32(0)
			for k, l := range lanes {
				d := k - p
				if d >= 0 {
					d++
				} else {
					d = -d
				}
				cost += both[next*n+int(l)] * int32(d)
			}
			// What stands apart on both sides of it moves one farther apart.
			if cost += apart; cost < best {
				best, at = cost, p
			}
			if p < len(lanes) {
				for k, l := range lanes {
					switch {
					case k > p:
						apart += both[int(lanes[p])*n+int(l)]
					case k < p:
						apart -= both[int(lanes[p])*n+int(l)]
					}
				}
			}
		}
		lanes = slices.Insert(lanes, at, int32(next))
	}
	for range 20 {
		better := false
		for i := range n - 1 {
			x, y, gain := int(lanes[i]), int(lanes[i+1]), int32(0)
			for k, l := range lanes {
				switch {
				case k < i:
					gain += both[x*n+int(l)] - both[y*n+int(l)]
				case k > i+1:
					gain += both[y*n+int(l)] - both[x*n+int(l)]
				}
			}
			if gain < 0 {
				lanes[i], lanes[i+1] = lanes[i+1], lanes[i]
				better = true
			}
		}
		if !better {
			break
		}
	}
	return lanes
}

// A run is the vertices of one lane in one column: places from first to end in order.
type run struct{ first, end, layer, lane int32 }

// An arc leads to a vertex of a neighbouring column; weight edges share it.
type arc struct{ to, weight int32 }

// An arranger orders the vertices of each column so that few edges cross. Lanes stay apart, and the groups of a lane start
// beside each other. It has its own numbers for vertices: those of one column, and there of one lane, follow each other.
type arranger struct {
	b      *builder
	vertex []int32 // the builder's numbers
	number []int32 // the other way round
	column []int32 // where each column begins, also in order
	outs   []int32 // where the arcs of each vertex begin
	out    []arc
	ins    []int32
	in     []arc
	runs   []run
	runAt  []int32 // for each column its first run
	runOf  []int32 // of each vertex
	lane   []int32
	order  []int32
	pos    []int32 // place in the column
	unit   []int32 // within the lane, from 0
	keys   []uint64
	sums   []int32 // Fenwick tree
	best   []int32
	dirty  []bool // per run
	flip   bool   // exchange also what makes no difference: a way out of dead ends
}

// arrange numbers the vertices by column, lane, group and index; trunks stand where their source does, nodes without edges last.
func (b *builder) arrange() *arranger {
	total, count := len(b.layer), b.count
	keys := make([]uint64, b.n)
	for v := range b.n {
		lonely := uint64(0)
		if b.alone[v] {
			lonely = 1
		}
		keys[v] = uint64(b.lane[v])<<49 | lonely<<48 | uint64(uint32(b.in.Nodes[v].Group)&0xffffff)<<24 | uint64(v)&0xffffff
	}
	slices.Sort(keys)
	ints := make([]int32, 10*total+2*count+6)
	take := func(n int) []int32 {
		part := ints[:n:n]
		ints = ints[n:]
		return part
	}
	a := &arranger{
		b: b, vertex: take(total), number: take(total), column: take(count + 1), outs: take(total + 1), ins: take(total + 1),
		runOf: take(total), lane: take(total), order: take(total), pos: take(total), unit: take(total), best: take(total),
	}
	for _, l := range b.layer {
		a.column[l+1]++
	}
	longest := int32(0)
	for l := range count {
		longest = max(longest, a.column[l+1])
		a.column[l+1] += a.column[l]
	}
	next := take(count)
	copy(next, a.column)
	put := func(v int32) {
		l := b.layer[v]
		a.vertex[next[l]], a.number[v] = v, next[l]
		next[l]++
	}
	for _, key := range keys {
		v := int32(key & 0xffffff)
		put(v)
		for t := b.trunk[v]; t < b.trunk[v+1]; t++ {
			put(t)
		}
	}
	for i := range int32(total) {
		a.order[i] = i
	}
	a.link()
	a.runAt = make([]int32, count+1)
	for l := range int32(count) {
		first, end := a.column[l], a.column[l+1]
		for i := first; i < end; i++ {
			if lane := b.lane[a.vertex[i]]; i == first || lane != a.runs[len(a.runs)-1].lane {
				a.runs = append(a.runs, run{i, i, l, lane})
			}
			a.runs[len(a.runs)-1].end++
			a.runOf[i] = int32(len(a.runs) - 1)
			a.pos[i], a.lane[i] = i-first, b.lane[a.vertex[i]]
		}
		a.runAt[l+1] = int32(len(a.runs))
	}
	a.keys = make([]uint64, 0, longest)
	a.sums = make([]int32, longest+1)
	a.dirty = make([]bool, len(a.runs))
	return a
}

// link makes the arcs.
func (a *arranger) link() {
	b := a.b
	each := func(f func(u, v, edges int32)) {
		var through [maxSpan + 2]int32
		for _, s := range a.vertex {
			if int(s) >= b.n {
				continue
			}
			first, end := b.trunk[s], b.trunk[s+1]
			if first < end {
				span := end - first + 1
				clear(through[:span+2])
				for e := b.out[s]; e < b.out[s+1]; e++ {
					if !b.stub[e] {
						through[b.layer[b.to[e]]-b.layer[s]]++
					}
				}
				for k := span; k > 0; k-- {
					through[k] += through[k+1]
				}
				from := a.number[s]
				for v := first; v < end; v++ {
					f(from, a.number[v], through[v-first+2])
					from = a.number[v]
				}
			}
			for e := b.out[s]; e < b.out[s+1]; e++ {
				if t := b.to[e]; !b.stub[e] {
					from := s
					if k := b.layer[t] - b.layer[s]; k > 1 {
						from = first + k - 2
					}
					f(a.number[from], a.number[t], 1)
				}
			}
		}
	}
	each(func(u, v, _ int32) {
		a.outs[u+1]++
		a.ins[v+1]++
	})
	total := len(a.vertex)
	for v := range total {
		a.outs[v+1] += a.outs[v]
		a.ins[v+1] += a.ins[v]
	}
	arcs := make([]arc, 2*a.outs[total])
	a.out, a.in = arcs[:a.outs[total]], arcs[a.outs[total]:]
	nextOut, nextIn := a.order, a.pos // not in use yet
	copy(nextOut, a.outs)
	copy(nextIn, a.ins)
	each(func(u, v, w int32) {
		a.out[nextOut[u]] = arc{v, w}
		nextOut[u]++
		a.in[nextIn[v]] = arc{u, w}
		nextIn[v]++
	})
	for i := range int32(total) {
		a.order[i] = i
	}
}

// unfold orders each lane so that neighbours stand near each other, over all columns: by how far a vertex is from one at the
// end of its lane, evened out between neighbours. It gives the search that follows a picture of the whole, which going from
// column to column does not find.
func (a *arranger) unfold() {
	total := len(a.order)
	space, y := make([]int32, 2*total), a.unit
	level, queue := space[:total], space[total:total]
	walk := func(start, base int32) {
		from := len(queue)
		queue = append(queue, start)
		level[start] = base
		for i := from; i < len(queue); i++ {
			v := queue[i]
			lane, next := a.lane[v], level[v]+1
			for _, to := range a.out[a.outs[v]:a.outs[v+1]] {
				if level[to.to] < 0 && a.lane[to.to] == lane {
					level[to.to] = next
					queue = append(queue, to.to)
				}
			}
			for _, to := range a.in[a.ins[v]:a.ins[v+1]] {
				if level[to.to] < 0 && a.lane[to.to] == lane {
					level[to.to] = next
					queue = append(queue, to.to)
				}
			}
		}
	}
	for i := range level {
		level[i] = -1
	}
	base := make([]int32, len(a.b.lanes)) // where the next part of each lane begins
	for v := range int32(total) {
		if level[v] >= 0 {
			continue
		}
		begin := len(queue)
		walk(v, 0)
		start := queue[len(queue)-1]
		for _, u := range queue[begin:] {
			level[u] = -1
		}
		queue = queue[:begin]
		walk(start, base[a.lane[v]])
		base[a.lane[v]] = level[queue[len(queue)-1]] + 3
	}
	for v := range y {
		y[v] = level[v] << 8
	}
	even := func(v int32) {
		sum, weight, lane := y[v], int32(1), a.lane[v]
		for _, to := range a.out[a.outs[v]:a.outs[v+1]] {
			if a.lane[to.to] == lane {
				sum += y[to.to]
				weight++
			}
		}
		for _, to := range a.in[a.ins[v]:a.ins[v+1]] {
			if a.lane[to.to] == lane {
				sum += y[to.to]
				weight++
			}
		}
		if weight > 1 {
			y[v] = sum / weight
		}
	}
	for range 3 {
		for v := range int32(total) {
			even(v)
		}
		for v := int32(total) - 1; v >= 0; v-- {
			even(v)
		}
	}
	for _, r := range a.runs {
		keys := a.keys[:0]
		for v := r.first; v < r.end; v++ {
			keys = append(keys, uint64(y[v])<<32|uint64(v))
		}
		sortKeys(keys)
		for k, key := range keys {
			a.set(r, r.first+int32(k), int32(uint32(key)))
		}
	}
}

// set puts a vertex into a place of order.
func (a *arranger) set(r run, place, v int32) {
	a.order[place] = v
	a.pos[v] = place - a.column[r.layer]
}

// minimise looks for an order with few crossings: it begins with the one given, or with one that unfold finds when there are many
// vertices, and the more there are, the less it does for each.
func (a *arranger) minimise() {
	switch total := len(a.order); {
	case total > 4000:
		a.unfold()
		a.disturbAll()
		a.transpose(3)
	case total > 500:
		a.unfold()
		a.search()
		a.disturbAll()
		a.transpose(3)
		a.sift()
	default:
		if a.search() == 0 {
			return
		}
		a.sift()
		for range 3 {
			a.disturbAll()
			a.flip = true
			a.transpose(1)
			a.flip = false
			a.sift()
		}
	}
}

// search goes up and down through the columns, each time ordering one by the other. Of the last orders it takes that with the
// fewest crossings, and returns how many these are.
func (a *arranger) search() int64 {
	const rounds, counted = 8, 3
	best := int64(math.MaxInt64)
	for i := range rounds {
		median := i%4 > 1
		if i%2 == 0 {
			for l := a.b.count - 2; l >= 0; l-- {
				a.sweep(l, a.outs, a.out, median)
			}
		} else {
			for l := 1; l < a.b.count; l++ {
				a.sweep(l, a.ins, a.in, median)
			}
		}
		if i < rounds-counted {
			continue
		}
		if sum := a.count(); sum < best {
			best = sum
			copy(a.best, a.order)
		}
	}
	for _, r := range a.runs {
		for i := r.first; i < r.end; i++ {
			a.set(r, i, a.best[i])
		}
	}
	return best
}

// sift moves each vertex to the best place in its run.
func (a *arranger) sift() {
	for _, r := range a.runs {
		if r.end-r.first < 3 {
			continue
		}
		for k := r.first; k < r.end; k++ {
			v := k // vertices of a run are numbered like its places
			ins, outs := a.in[a.ins[v]:a.ins[v+1]], a.out[a.outs[v]:a.outs[v+1]]
			at := a.pos[v] + a.column[r.layer]
			best, to, sum := int32(0), at, int32(0)
			for i := at - 1; i >= r.first; i-- { // up
				u := a.order[i]
				if len(ins) > 0 && a.ins[u] < a.ins[u+1] {
					sum -= a.gain(a.in[a.ins[u]:a.ins[u+1]], ins)
				}
				if len(outs) > 0 && a.outs[u] < a.outs[u+1] {
					sum -= a.gain(a.out[a.outs[u]:a.outs[u+1]], outs)
				}
				if sum < best {
					best, to = sum, i
				}
			}
			sum = 0
			for i := at + 1; i < r.end; i++ { // down
				u := a.order[i]
				if len(ins) > 0 && a.ins[u] < a.ins[u+1] {
					sum -= a.gain(ins, a.in[a.ins[u]:a.ins[u+1]])
				}
				if len(outs) > 0 && a.outs[u] < a.outs[u+1] {
					sum -= a.gain(outs, a.out[a.outs[u]:a.outs[u+1]])
				}
				if sum < best {
					best, to = sum, i
				}
			}
			for ; at > to; at-- {
				a.set(r, at, a.order[at-1])
			}
			for ; at < to; at++ {
				a.set(r, at, a.order[at+1])
			}
			a.set(r, at, v)
		}
	}
}

func (a *arranger) disturbAll() {
	for r := range a.dirty {
		a.dirty[r] = true
	}
}

// sweep orders column l by the places of its neighbours on one side: by their mean, or their median.
func (a *arranger) sweep(l int, start []int32, arcs []arc, median bool) {
	for _, r := range a.runs[a.runAt[l]:a.runAt[l+1]] {
		if r.end-r.first < 2 {
			continue
		}
		keys := a.keys[:0]
		for i := r.first; i < r.end; i++ {
			v := a.order[i]
			list := arcs[start[v]:start[v+1]]
			var key uint64
			switch {
			case len(list) == 0:
				continue
			case len(list) == 1:
				key = uint64(a.pos[list[0].to]) << 8
			case median && len(list) == 2:
				key = uint64(a.pos[list[0].to]+a.pos[list[1].to]) << 7
			case median && len(list) < 64:
				key = a.median(list) << 8
			default:
				sum, all := uint64(0), uint64(0)
				for _, to := range list {
					w := uint64(to.weight)
					sum += uint64(a.pos[to.to]) * w
					all += w
				}
				key = sum << 8 / all
			}
			keys = append(keys, key<<32|uint64(i))
		}
		if len(keys) < 2 {
			continue
		}
		sortKeys(keys)
		// Those without neighbours keep their places; the others fill the rest in their new order.
		moved := a.sums[:0]
		for _, k := range keys {
			moved = append(moved, a.order[uint32(k)])
		}
		column, at := a.column[l], 0
		for i := r.first; i < r.end; i++ {
			if v := a.order[i]; start[v] == start[v+1] {
				continue
			}
			a.order[i] = moved[at]
			a.pos[moved[at]] = i - column
			at++
		}
	}
}

func (a *arranger) median(list []arc) uint64 {
	var space [64]int32
	places := space[:0]
	for _, to := range list {
		p := a.pos[to.to]
		i := len(places)
		places = append(places, p)
		for ; i > 0 && places[i-1] > p; i-- {
			places[i] = places[i-1]
		}
		places[i] = p
	}
	m := len(places) / 2
	if len(places)%2 == 1 {
		return uint64(places[m])
	}
	return uint64(places[m-1]+places[m]) / 2
}

func sortKeys(keys []uint64) {
	if len(keys) > 24 {
		slices.Sort(keys)
		return
	}
	for i := 1; i < len(keys); i++ {
		k, j := keys[i], i
		for ; j > 0 && keys[j-1] > k; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = k
	}
}

// count counts the pairs of edges that cross in all gaps.
func (a *arranger) count() int64 {
	total := int64(0)
	for l := range a.b.count - 1 {
		total += a.countGap(l)
	}
	return total
}

// countGap counts the pairs of edges that cross between column l and the next, with a Fenwick tree over the latter's places.
func (a *arranger) countGap(l int) int64 {
	size := int(a.column[l+2] - a.column[l+1])
	sums := a.sums[:size+1]
	clear(sums)
	crossings, before := int64(0), int64(0)
	for _, u := range a.order[a.column[l]:a.column[l+1]] {
		list := a.out[a.outs[u]:a.outs[u+1]]
		for _, to := range list {
			under := int64(0)
			for i := a.pos[to.to] + 1; i > 0; i &= i - 1 {
				under += int64(sums[i])
			}
			crossings += (before - under) * int64(to.weight)
		}
		for _, to := range list {
			before += int64(to.weight)
			for i := int(a.pos[to.to]) + 1; i <= size; i += i & -i {
				sums[i] += to.weight
			}
		}
	}
	return crossings
}

// transpose exchanges neighbours in the runs that are dirty, as long as that takes crossings away, at most so many times for
// each. What changes makes the runs of its neighbours dirty.
func (a *arranger) transpose(times int) {
	for range times {
		better := false
		for r := range a.runs {
			if a.dirty[r] {
				a.dirty[r] = false
				better = a.transposeRun(a.runs[r]) || better
			}
		}
		if !better {
			return
		}
	}
}

func (a *arranger) transposeRun(r run) bool {
	better := false
	u := a.order[r.first]
	uIn, uOut := a.in[a.ins[u]:a.ins[u+1]], a.out[a.outs[u]:a.outs[u+1]]
	for i := r.first; i+1 < r.end; i++ {
		v := a.order[i+1]
		vIn, vOut := a.in[a.ins[v]:a.ins[v+1]], a.out[a.outs[v]:a.outs[v+1]]
		gain := int32(0)
		if len(uIn) > 0 && len(vIn) > 0 {
			gain = a.gain(uIn, vIn)
		}
		if len(uOut) > 0 && len(vOut) > 0 {
			gain += a.gain(uOut, vOut)
		}
		if gain < 0 || gain == 0 && !a.flip {
			u, uIn, uOut = v, vIn, vOut
			continue
		}
		a.order[i], a.order[i+1] = v, u
		a.pos[u]++
		a.pos[v]--
		if gain > 0 {
			better = true
			a.disturb(u)
			a.disturb(v)
		}
	}
	return better
}

// disturb makes the runs of a vertex and of its neighbours dirty.
func (a *arranger) disturb(v int32) {
	a.dirty[a.runOf[v]] = true
	for _, u := range a.in[a.ins[v]:a.ins[v+1]] {
		a.dirty[a.runOf[u.to]] = true
	}
	for _, u := range a.out[a.outs[v]:a.outs[v+1]] {
		a.dirty[a.runOf[u.to]] = true
	}
}

// gain returns how many crossings on one side go away when one vertex, which stands directly above another, changes places
// with it; given are the arcs of both.
func (a *arranger) gain(us, vs []arc) int32 {
	pos := a.pos
	if len(us) == 1 && len(vs) == 1 {
		switch p, q := pos[us[0].to], pos[vs[0].to]; {
		case p > q:
			return us[0].weight * vs[0].weight
		case p < q:
			return -us[0].weight * vs[0].weight
		}
		return 0
	}
	if len(us)*len(vs) > 4096 {
		return 0
	}
	gain := int32(0)
	for _, x := range us {
		p, sum := pos[x.to], int32(0)
		for _, y := range vs {
			if q := pos[y.to]; p > q {
				sum += y.weight
			} else if p < q {
				sum -= y.weight
			}
		}
		gain += sum * x.weight
	}
	return gain
}
