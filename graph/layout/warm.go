package layout

import "slices"

// again places the nodes and edges where they were in a previous layout with the same options, and what is new where there is
// room, as near as can be to what it belongs to. Nothing moves but nodes that an edge forces into another column, what leads on
// from these, and lanes below one that has become too small.
func (b *builder) again(previous *Placed) {
	w := &warm{builder: b, was: previous, taken: map[[2]int32][]bool{}}
	w.matchLanes()
	w.matchNodes()
	w.matchEdges()
	w.columns()
	w.bundle()
	w.put()
	w.keep()
}

type warm struct {
	*builder
	was     *Placed
	old     []int32 // for each node its number in the previous layout, −1 for none
	now     []int32 // the other way round
	wasLane []int32 // for each lane its number then, −1 for none
	stays   []bool  // nodes that keep their place
	taken   map[[2]int32][]bool
	missing []int32 // vertices without a place
	gone    []int32 // gaps behind which an edge ended that is no more
}

// matchLanes keeps the order of the lanes; new ones come last.
func (w *warm) matchLanes() {
	n := max(len(w.in.Lanes), 1)
	w.wasLane, w.lanes, w.rank, w.size = make([]int32, n), make([]int32, 0, n), make([]int32, n), make([]int32, n)
	name := func(l int32) string {
		if int(l) < len(w.in.Lanes) {
			return w.in.Lanes[l]
		}
		return ""
	}
	byTitle := make(map[string]int32, n)
	for l := range int32(n) {
		w.wasLane[l] = -1
		byTitle[name(l)] = l
	}
	seen := make([]bool, n)
	for _, band := range w.was.bands {
		if l, ok := byTitle[band.Title]; ok && !seen[l] {
			seen[l] = true
			w.wasLane[l] = int32(band.Lane)
			w.lanes = append(w.lanes, l)
		}
	}
	for l := range int32(n) {
		if !seen[l] {
			w.lanes = append(w.lanes, l)
		}
	}
	for r, l := range w.lanes {
		w.rank[l] = int32(r)
		if old := w.wasLane[l]; old >= 0 {
			w.size[r] = w.was.units[old]
		}
	}
}

// matchNodes finds the nodes that were there, in the same lane. Most stand where they stood, or a little farther on.
func (w *warm) matchNodes() {
	was := w.was.nodes
	w.old, w.now = make([]int32, w.n), make([]int32, len(was))
	for i := range w.now {
		w.now[i] = -1
	}
	var byKey map[string]int32
	next := 0
	for i := range w.n {
		w.old[i] = -1
		node := &w.in.Nodes[i]
		found := int32(-1)
		for k := next; k < min(next+4, len(was)); k++ {
			if was[k].Key == node.Key {
				found = int32(k)
				break
			}
		}
		if found < 0 {
			if byKey == nil {
				byKey = make(map[string]int32, len(was))
				for k := range was {
					byKey[was[k].Key] = int32(k)
				}
			}
			if k, ok := byKey[node.Key]; ok {
				found = k
			}
		}
		if found >= 0 {
			next = int(found) + 1
			if w.now[found] < 0 && w.wasLane[w.laneOf(int32(i))] == was[found].Lane {
				w.old[i], w.now[found] = found, int32(i)
			}
		}
	}
}

// matchEdges takes over which edges are stubs, and lists the new ones.
func (w *warm) matchEdges() {
	was := w.was
	for s := range int32(w.n) {
		old := w.old[s]
		k, end, same := int32(0), int32(0), int32(0)
		if old >= 0 {
			k, end = was.out[old], was.out[old+1]
		}
		for e := w.out[s]; e < w.out[s+1]; e++ {
			t := w.old[w.to[e]]
			at := int32(-1)
			if k < end && t >= 0 {
				if was.to[k] == t {
					at = k
				} else {
					for i := was.out[old]; i < end; i++ {
						if was.to[i] == t {
							at = i
							break
						}
					}
				}
			}
			if at >= 0 {
				w.stub[e] = was.stub[at]
				k = at + 1
				same++
			} else {
				w.fresh = append(w.fresh, e)
			}
		}
		if old < 0 || same == end-was.out[old] {
			continue
		}
		for i := was.out[old]; i < end; i++ { // some are no more
			if t := w.now[was.to[i]]; t >= 0 && !was.stub[i] && !slices.Contains(w.to[w.out[s]:w.out[s+1]], t) {
				w.gone = append(w.gone, was.layer[was.to[i]]-1)
			}
		}
	}
}

// columns gives each node its column: the one it had, or the first behind what it reads.
func (w *warm) columns() {
	w.layer = make([]int32, w.n, w.n+w.n/2)
	w.stays = make([]bool, w.n)
	w.count = len(w.was.width)
	for i := range w.n {
		if old := w.old[i]; old >= 0 {
			w.layer[i], w.stays[i] = w.was.layer[old], true
		}
	}
	for i := range int32(w.n) {
		if w.old[i] < 0 {
			w.layer[i] = w.guess(i)
		}
	}
	w.forwards(columnsGiven(w.in.Nodes))
	for _, e := range w.fresh {
		s, t := w.sourceOf(e), w.to[e]
		w.stub[e] = w.stub[e] || w.layer[t]-w.layer[s] > maxSpan || w.stays[s] && w.stays[t] && w.was.far(w.old[s], w.old[t])
	}
	for _, l := range w.layer {
		w.count = max(w.count, int(l)+1)
	}
}

// forwards sees to it that edges lead to the right. When a new one does not, nodes move to the right as far as they have to;
// new edges that would close a cycle become stubs, and where columns are given nothing moves.
func (w *warm) forwards(fixed bool) {
	back := false
	for _, e := range w.fresh {
		s, t := w.sourceOf(e), w.to[e]
		if w.layer[s] < w.layer[t] {
			continue
		}
		if s == t || fixed {
			w.stub[e] = true
		} else {
			back = true
		}
	}
	if !back {
		return
	}
	if !w.topological() {
		// Every cycle has a new edge that does not lead to the right, and all of it is missing here.
		sorted := make([]bool, w.n)
		for _, v := range w.topo {
			sorted[v] = true
		}
		for _, e := range w.fresh {
			s, t := w.sourceOf(e), w.to[e]
			if !sorted[s] && !sorted[t] && w.layer[s] >= w.layer[t] {
				w.stub[e] = true
			}
		}
		w.topological()
	}
	for _, v := range w.topo {
		for e := w.out[v]; e < w.out[v+1]; e++ {
			if t := w.to[e]; !w.stub[e] && w.layer[t] <= w.layer[v] {
				w.layer[t], w.stays[t] = w.layer[v]+1, false
			}
		}
	}
	for s := range int32(w.n) {
		for e := w.out[s]; e < w.out[s+1]; e++ {
			w.stub[e] = w.stub[e] || w.layer[w.to[e]]-w.layer[s] > maxSpan
		}
	}
}

// sourceOf returns the node that an edge leaves.
func (w *warm) sourceOf(e int32) int32 {
	first, _ := slices.BinarySearchFunc(w.out, e, func(first, e int32) int {
		if first <= e {
			return -1
		}
		return 1
	})
	return int32(first) - 1
}

// guess returns the column of a new node: behind what it reads, or else before what reads it.
func (w *warm) guess(v int32) int32 {
	if at := w.in.Nodes[v].Layer; at > 0 {
		best, column := int32(-1), int32(0)
		for i := range w.n {
			if l := w.in.Nodes[i].Layer; w.old[i] >= 0 && l > 0 && l <= at && l > best {
				best, column = l, w.layer[i]
			}
		}
		return column
	}
	column, found := int32(0), false
	for _, u := range w.from[w.inFirst[v]:w.inFirst[v+1]] {
		if u != v && (w.old[u] >= 0 || u < v) {
			column, found = max(column, w.layer[u]+1), true
		}
	}
	if found {
		return column
	}
	for _, t := range w.to[w.out[v]:w.out[v+1]] {
		if w.old[t] >= 0 && (!found || w.layer[t]-1 < column) {
			column, found = max(w.layer[t]-1, 0), true
		}
	}
	return column
}

// put gives each vertex its unit: the one that it had, or the nearest that is free to what it is connected with.
func (w *warm) put() {
	was := w.was
	total := int32(len(w.layer))
	w.unit = make([]int32, total)
	missing := w.missing[:0]
	for s := range int32(w.n) {
		old := w.old[s]
		if !w.stays[s] {
			missing = append(missing, s)
		}
		first := int32(0)
		if w.stays[s] {
			first = was.start[was.nodes[old].Lane]
			w.unit[s] = was.unit[old] - first
		}
		for v := w.trunk[s]; v < w.trunk[s+1]; v++ {
			if k := v - w.trunk[s]; w.stays[s] && k < was.trunk[old+1]-was.trunk[old] {
				w.unit[v] = was.unit[was.trunk[old]+k] - first
			} else {
				missing = append(missing, v)
			}
		}
	}
	slices.SortStableFunc(missing, func(a, b int32) int { return int(w.layer[a]) - int(w.layer[b]) })
	placed := make(map[int32]bool, len(missing))
	waits := make(map[int32]bool, len(missing))
	for _, v := range missing {
		waits[v] = true
	}
	w.missing, w.changes = missing, len(w.fresh)
	has := func(v int32) bool { return !waits[v] || placed[v] }
	for _, v := range missing {
		if int(v) < w.n {
			w.changes++
		}
		w.unit[v] = w.take(v, w.wish(v, has))
		placed[v] = true
	}
}

// wish returns the unit in which a vertex would like to stand, −1 for the end of its lane.
func (w *warm) wish(v int32, has func(v int32) bool) int32 {
	if int(v) >= w.n {
		if s := w.source[v-int32(w.n)]; v == w.trunk[s] {
			return w.unit[s]
		}
		return w.unit[v-1]
	}
	sum, count := int32(0), int32(0)
	add := func(u int32) {
		if has(u) && w.lane[u] == w.lane[v] {
			sum += w.unit[u]
			count++
		}
	}
	for k := w.inFirst[v]; k < w.inFirst[v+1]; k++ {
		if s := w.from[k]; !w.stub[w.edges[k]] {
			if span := w.layer[v] - w.layer[s]; span > 1 {
				s = w.trunk[s] + span - 2
			}
			add(s)
		}
	}
	if count == 0 {
		for e := w.out[v]; e < w.out[v+1]; e++ {
			if !w.stub[e] {
				add(w.to[e])
			}
		}
	}
	if count == 0 {
		if old := w.old[v]; old >= 0 {
			return w.was.unit[old] - w.was.start[w.was.nodes[old].Lane]
		}
		return -1
	}
	return sum / count
}

// take finds the free units that are nearest to the wish; a lane without any becomes larger.
func (w *warm) take(v, wish int32) int32 {
	need := int32(1)
	if int(v) < w.n {
		need = w.o.units()
	}
	lane, l := w.lane[v], w.layer[v]
	taken := w.takenIn(l, lane)
	if wish < 0 {
		wish = int32(len(taken))
	}
	free := func(at int32) bool {
		if at < 0 || at+need > w.size[lane] {
			return false
		}
		for k := at; k < at+need; k++ {
			if int(k) < len(taken) && taken[k] {
				return false
			}
		}
		return true
	}
	at := int32(-1)
	for d := int32(0); d <= w.size[lane] && at < 0; d++ {
		switch {
		case free(wish + d):
			at = wish + d
		case free(wish - d):
			at = wish - d
		}
	}
	if at < 0 {
		at = w.size[lane]
		for at > 0 && (int(at) > len(taken) || !taken[at-1]) {
			at--
		}
		w.size[lane] = at + need
	}
	for int(at+need) > len(taken) {
		taken = append(taken, false)
	}
	for k := at; k < at+need; k++ {
		taken[k] = true
	}
	w.taken[[2]int32{l, lane}] = taken
	return at
}

// takenIn returns which units of a lane are taken in a column, by what stays there.
func (w *warm) takenIn(l, lane int32) []bool {
	key := [2]int32{l, lane}
	taken, ok := w.taken[key]
	if ok {
		return taken
	}
	taken = make([]bool, w.size[lane])
	was := w.was
	if int(l) < len(was.width) {
		for _, old := range was.order[was.column[l]:was.column[l+1]] {
			s, need := w.now[was.origin(old)], int32(1)
			if s < 0 || !w.stays[s] || w.lane[s] != lane {
				continue
			}
			if int(old) < len(was.nodes) {
				need = w.o.units()
			} else if l-w.layer[s] > w.trunk[s+1]-w.trunk[s] {
				continue // this trunk is not needed any more
			}
			at := was.unit[old] - was.start[was.nodes[was.origin(old)].Lane]
			for k := at; k < at+need; k++ {
				taken[k] = true
			}
		}
	}
	w.taken[key] = taken
	return taken
}

// kept says which gaps look as they did in a previous layout.
type kept struct {
	was      *Placed
	vertices []int32 // for each vertex then its number now, −1 for none; nil when all kept theirs
	nodes    []int32 // the same for nodes, where vertices follow from them and from the trunks
	wasLane  []int32 // for each lane what it was; nil when all are the same
	changed  []bool  // gaps
}

// newKept keeps the gaps between columns that were there.
func newKept(was *Placed, vertices []int32, count int) *kept {
	k := &kept{was: was, vertices: vertices, changed: make([]bool, count+1)}
	for l := max(len(was.width)-1, 0); l <= count; l++ {
		k.changed[l] = true
	}
	return k
}

// keep finds the gaps on both sides of which nothing is new or gone, and through which no other edges run than before.
func (w *warm) keep() {
	was := w.was
	k := newKept(was, nil, w.count)
	k.nodes, k.wasLane = w.now, w.wasLane
	for _, v := range w.missing {
		k.column(w.layer[v])
	}
	for old, s := range w.now {
		stays := int32(0) // how many of its vertices
		if s >= 0 && w.stays[s] {
			stays = 1 + w.trunk[s+1] - w.trunk[s]
		} else {
			k.nodes[old] = -1
		}
		for i := stays; i <= was.trunk[old+1]-was.trunk[old]; i++ {
			k.column(was.layer[old] + i)
		}
	}
	for _, e := range w.fresh {
		if l := w.layer[w.to[e]]; !w.stub[e] {
			k.changed[l-1] = true
		}
	}
	for _, l := range w.gone {
		k.changed[l] = true
	}
	w.kept = k
}

// column says that something in a column changed.
func (k *kept) column(l int32) {
	k.changed[l] = true
	if l > 0 {
		k.changed[l-1] = true
	}
}

// lanes returns for each lane what it was.
func (k *kept) lanes() []int32 {
	if k == nil {
		return nil
	}
	return k.wasLane
}

func (k *kept) keeps(l int) bool { return k != nil && !k.changed[l] }

// carry takes over what was found for all vertices that stay; that of gaps that changed does not hold any more.
func (k *kept) carry(p *Placed) {
	if k == nil {
		return
	}
	was := k.was
	if k.nodes != nil {
		k.number(p)
	}
	if k.vertices == nil {
		copy(p.track, was.track)
		copy(p.top, was.top)
		copy(p.bottom, was.bottom)
		copy(p.escape, was.escape)
		return
	}
	for old, v := range k.vertices {
		if v >= 0 {
			p.track[v], p.top[v], p.bottom[v], p.escape[v] = was.track[old], was.top[old], was.bottom[old], was.escape[old]
		}
	}
}

// number finds the numbers of vertices: a trunk keeps its beginning.
func (k *kept) number(p *Placed) {
	was := k.was
	k.vertices = make([]int32, len(was.layer))
	copy(k.vertices, k.nodes)
	for old, s := range k.nodes {
		first, end := was.trunk[old], was.trunk[old+1]
		if first == end {
			continue
		}
		length := int32(0)
		if s >= 0 {
			length = p.trunk[s+1] - p.trunk[s]
		}
		for i := range end - first {
			if k.vertices[first+i] = -1; i < length {
				k.vertices[first+i] = p.trunk[s] + i
			}
		}
	}
}

// nets takes over the nets of gap l in their tracks.
func (k *kept) nets(p *Placed, l int) {
	was := k.was
	for t := was.firstTrack[l]; t < was.firstTrack[l+1]; t++ {
		nets := was.nets[was.tracks[t]:was.tracks[t+1]]
		if k.vertices == nil {
			p.nets = append(p.nets, nets...)
		} else {
			for _, old := range nets {
				p.nets = append(p.nets, k.vertices[old])
			}
		}
		p.tracks = append(p.tracks, int32(len(p.nets)))
	}
}
