package layout

import (
	"math/bits"
	"slices"
)

// arrangeLanes puts lanes that share many edges near each other: the sum over all edges of how many lanes they pass is as small
// as can be, exactly for up to ten lanes. Of an order and its reverse it takes the one in which more edges lead down.
func (b *builder) arrangeLanes() {
	n := max(len(b.in.Lanes), 1)
	b.lanes, b.rank = make([]int32, n), make([]int32, n)
	for i := range b.lanes {
		b.lanes[i] = int32(i)
	}
	if n > 1 && n <= 512 {
		between := make([]int32, n*n) // edges from lane to lane
		for s := range int32(b.n) {
			from := b.laneOf(s)
			for _, t := range b.to[b.out[s]:b.out[s+1]] {
				if to := b.laneOf(t); from != to {
					between[int(from)*n+int(to)]++
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
			b.lanes = bestArrangement(n, both)
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

// bestArrangement finds the minimum linear arrangement by going through all sets of lanes that can stand on the top.
func bestArrangement(n int, both []int32) []int32 {
	cost, last, cut := make([]int32, 1<<n), make([]int8, 1<<n), make([]int32, 1<<n)
	degree := make([]int32, n)
	for i := range n {
		for j := range n {
			degree[i] += both[i*n+j]
		}
	}
	for set := 1; set < 1<<n; set++ {
		// What the cut below this set costs: that of the set without its first member, plus the member's edges out, less those in.
		first := bits.TrailingZeros(uint(set))
		rest := set &^ (1 << first)
		c := cut[rest] + degree[first]
		for s := rest; s != 0; s &= s - 1 {
			c -= 2 * both[first*n+bits.TrailingZeros(uint(s))]
		}
		cut[set] = c
		cost[set] = 1 << 30
		for s := set; s != 0; s &= s - 1 {
			i := bits.TrailingZeros(uint(s))
			if before := cost[set&^(1<<i)]; before < cost[set] {
				cost[set], last[set] = before, int8(i)
			}
		}
		cost[set] += c
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
		cut, passed, best, at := int32(0), int32(0), int32(1<<30), 0
		costs := make([]int32, len(lanes)+1)
		for p := range costs {
			for k, l := range lanes {
				d := k - p
				if d >= 0 {
					d++
				} else {
					d = -d
				}
				costs[p] += both[next*n+int(l)] * int32(d)
			}
			if costs[p]+cut < best {
				best, at = costs[p]+cut, p
			}
			if p < len(lanes) {
				for k, l := range lanes {
					if k > p {
						cut += both[int(lanes[p])*n+int(l)]
					} else if k < p {
						cut -= both[int(lanes[p])*n+int(l)]
					}
				}
			}
		}
		_ = passed
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

// arrange orders the vertices of each column so that few edges cross. Lanes stay apart, and the groups of a lane start
// beside each other.
func (b *builder) arrange() {
	b.start()
	a := newArranger(b)
	a.minimise()
}

// start puts the vertices into the columns by lane, group and index; trunks stand where their source does, nodes without
// edges last.
func (b *builder) start() {
	total := len(b.layer)
	keys := make([]uint64, b.n)
	for v := range b.n {
		lonely := uint64(0)
		if b.arc[v] == b.arc[v+1] && b.back[v] == b.back[v+1] {
			lonely = 1
		}
		keys[v] = uint64(b.lane[v])<<49 | lonely<<48 | uint64(uint32(b.in.Nodes[v].Group)&0xffffff)<<24 | uint64(v)&0xffffff
	}
	slices.Sort(keys)
	b.column = make([]int32, b.count+1)
	for _, l := range b.layer {
		b.column[l+1]++
	}
	for l := range b.count {
		b.column[l+1] += b.column[l]
	}
	next := slices.Clone(b.column)
	b.order, b.pos = make([]int32, total), make([]int32, total)
	put := func(v int32) {
		l := b.layer[v]
		b.order[next[l]], b.pos[v] = v, next[l]-b.column[l]
		next[l]++
	}
	for _, key := range keys {
		v := int32(key & 0xffffff)
		put(v)
		for t := b.trunk[v]; t < b.trunk[v+1]; t++ {
			put(t)
		}
	}
}

// A run is the vertices of one lane in one column: places from first to end in order.
type run struct{ first, end, layer int32 }

type arranger struct {
	*builder
	runs    []run
	runAt   []int32 // for each layer its first run
	keys    []uint64
	sums    []int32 // Fenwick tree
	best    []int32
	bestSum int64
	crossed []int64 // per gap, of order as it is
	dirty   []bool  // per layer
}

func newArranger(b *builder) *arranger {
	a := &arranger{builder: b}
	longest := int32(0)
	a.runAt = make([]int32, b.count+1)
	for l := range b.count {
		first, end := b.column[l], b.column[l+1]
		longest = max(longest, end-first)
		for i := first; i < end; {
			j := i + 1
			for j < end && b.lane[b.order[j]] == b.lane[b.order[i]] {
				j++
			}
			a.runs = append(a.runs, run{i, j, int32(l)})
			i = j
		}
		a.runAt[l+1] = int32(len(a.runs))
	}
	a.keys = make([]uint64, 0, longest)
	a.sums = make([]int32, longest+1)
	a.best = make([]int32, len(b.order))
	a.crossed = make([]int64, b.count)
	a.dirty = make([]bool, b.count)
	return a
}

// minimise goes down and up through the columns, each time ordering one by the other, and keeps the best order.
func (a *arranger) minimise() {
	rounds := 24
	total := len(a.order)
	switch {
	case total > 50000:
		rounds = 4
	case total > 5000:
		rounds = 8
	case total > 500:
		rounds = 16
	}
	a.bestSum = a.count_()
	copy(a.best, a.order)
	idle := 0
	for i := range rounds {
		if i%2 == 0 {
			for l := 1; l < a.count; l++ {
				a.sweep(l, true, i/2%2 == 1)
			}
		} else {
			for l := a.count - 2; l >= 0; l-- {
				a.sweep(l, false, i/2%2 == 1)
			}
		}
		a.transpose()
		if sum := a.count_(); sum < a.bestSum {
			a.bestSum, idle = sum, 0
			copy(a.best, a.order)
		} else if idle++; idle > 6 {
			break
		}
	}
	copy(a.order, a.best)
	for l := range a.count {
		for i := a.column[l]; i < a.column[l+1]; i++ {
			a.pos[a.order[i]] = i - a.column[l]
		}
	}
}

// sweep orders column l by the places of the neighbours in the column before (or behind) it: by their mean, or their median.
func (a *arranger) sweep(l int, before, median bool) {
	start, list, weights := a.arc, a.arcTo, a.weight
	if before {
		start, list, weights = a.back, a.backFrom, a.backW
	}
	for _, r := range a.runs[a.runAt[l]:a.runAt[l+1]] {
		if r.end-r.first < 2 {
			continue
		}
		keys := a.keys[:0]
		for i := r.first; i < r.end; i++ {
			v := a.order[i]
			first, end := start[v], start[v+1]
			var key uint64
			switch d := end - first; {
			case d == 0:
				continue
			case d == 1:
				key = uint64(a.pos[list[first]]) << 8
			case median && d == 2:
				key = uint64(a.pos[list[first]]+a.pos[list[first+1]]) << 7
			case median && d < 64:
				key = a.median(list[first:end]) << 8
			default:
				sum, all := uint64(0), uint64(0)
				for k := first; k < end; k++ {
					w := uint64(weights[k])
					sum += uint64(a.pos[list[k]]) * w
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
		column := a.column[l]
		moved := a.sums[:0]
		for _, k := range keys {
			moved = append(moved, a.order[uint32(k)])
		}
		at := 0
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

func (a *arranger) median(list []int32) uint64 {
	var space [64]int32
	places := space[:0]
	for _, u := range list {
		p := a.pos[u]
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

// count_ counts the crossings of edges in all gaps.
func (a *arranger) count_() int64 {
	total := int64(0)
	for l := range a.count - 1 {
		a.crossed[l] = a.countGap(l)
		total += a.crossed[l]
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
		first, end := a.arc[u], a.arc[u+1]
		for k := first; k < end; k++ {
			under := int64(0)
			for i := a.pos[a.arcTo[k]] + 1; i > 0; i &= i - 1 {
				under += int64(sums[i])
			}
			crossings += (before - under) * int64(a.weight[k])
		}
		for k := first; k < end; k++ {
			w := a.weight[k]
			before += int64(w)
			for i := int(a.pos[a.arcTo[k]]) + 1; i <= size; i += i & -i {
				sums[i] += w
			}
		}
	}
	return crossings
}

// transpose exchanges neighbours of a column as long as that takes crossings away.
func (a *arranger) transpose() {
	for l := range a.dirty {
		a.dirty[l] = true
	}
	for range 10 {
		better := false
		for l := range a.count {
			if !a.dirty[l] {
				continue
			}
			a.dirty[l] = false
			if a.transposeColumn(l) {
				better = true
				a.dirty[l] = true
				if l > 0 {
					a.dirty[l-1] = true
				}
				if l+1 < a.count {
					a.dirty[l+1] = true
				}
			}
		}
		if !better {
			return
		}
	}
}

func (a *arranger) transposeColumn(l int) bool {
	better := false
	for _, r := range a.runs[a.runAt[l]:a.runAt[l+1]] {
		for i := r.first; i+1 < r.end; i++ {
			u, v := a.order[i], a.order[i+1]
			gain := a.gain(a.back, a.backFrom, a.backW, u, v) + a.gain(a.arc, a.arcTo, a.weight, u, v)
			if gain > 0 {
				a.order[i], a.order[i+1] = v, u
				a.pos[u]++
				a.pos[v]--
				better = true
			}
		}
	}
	return better
}

// gain returns how many crossings on one side go away when u, which stands directly above v, changes places with it.
func (a *arranger) gain(start, list, weights []int32, u, v int32) int32 {
	us, ue, vs, ve := start[u], start[u+1], start[v], start[v+1]
	if us == ue || vs == ve || (ue-us)*(ve-vs) > 4096 {
		return 0
	}
	gain := int32(0)
	for i := us; i < ue; i++ {
		p, w := a.pos[list[i]], weights[i]
		for j := vs; j < ve; j++ {
			q := a.pos[list[j]]
			if p > q {
				gain += w * weights[j]
			} else if p < q {
				gain -= w * weights[j]
			}
		}
	}
	return gain
}
