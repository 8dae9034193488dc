package graph

import "slices"

// Plans know nothing of partitions: unfold makes a graph in which each partition that a request may touch is an asset of its own, with
// the judgement of that. Its order is that of the graph, then that of the partitions, which is one from upstreams to readers.

// unfolding is the graph that is being made.
type unfolding struct {
	g      *Graph
	f      *Freshness
	latest bool // see PlanRequest.LatestOnly
	in     [][]bool
	todo   []spot
	steps  map[stepName][]int32
}

// A spot is an asset (cell -1) or a partition.
type spot struct{ i, cell int32 }

// unfold returns the graph of all that the request may touch: what is selected, what it is made with, and all that these read. The
// selected assets that have no partition to run come back as blocked.
func unfold(g *Graph, f *Freshness, r PlanRequest) (*Graph, *Freshness, PlanRequest, []Blocked) {
	u := &unfolding{g: g, f: f, latest: r.LatestOnly, in: make([][]bool, len(g.nodes)), steps: map[stepName][]int32{}}
	for i := range g.nodes {
		if a := &g.nodes[i].asset; a.Step != "" {
			name := stepName{a.Location, a.Step}
			u.steps[name] = append(u.steps[name], int32(i))
		}
	}
	var empty []Blocked
	choose := func(keys []Key, blocks bool) []Key {
		out := make([]Key, 0, len(keys))
		for _, key := range keys {
			i, cell, ok := g.spot(key)
			if !ok {
				continue
			}
			p := g.nodes[i].parts()
			switch {
			case p == nil || cell >= 0:
			case len(p.keys) == 0:
				if blocks {
					empty = append(empty, Blocked{g.nodes[i].key, "it has no partitions"})
				}
				continue
			default:
				cell = int32(len(p.keys) - 1)
			}
			u.add(i, cell)
			out = append(out, u.key(spot{i, cell}))
		}
		return out
	}
	r.Selected, r.Named = choose(r.Selected, true), choose(r.Named, false)
	for len(u.todo) > 0 {
		s := u.todo[len(u.todo)-1]
		u.todo = u.todo[:len(u.todo)-1]
		u.eachRead(s, func(_ int, read spot) { u.add(read.i, read.cell) })
		u.addSiblings(s)
	}
	parted := u.build()
	return parted, u.judged(parted), r, empty
}

func (u *unfolding) key(s spot) Key {
	n := &u.g.nodes[s.i]
	if s.cell >= 0 {
		return n.part.keys[s.cell]
	}
	return n.key
}

func (u *unfolding) add(i, cell int32) {
	if u.in[i] == nil {
		u.in[i] = make([]bool, max(1, u.g.nodes[i].asset.Partitions.Len()))
	}
	if at := max(cell, 0); !u.in[i][at] {
		u.in[i][at] = true
		u.todo = append(u.todo, spot{i, cell})
	}
}

// eachRead calls yield with all that an asset or partition reads, and the number of the dependency.
func (u *unfolding) eachRead(s spot, yield func(j int, read spot)) {
	n := &u.g.nodes[s.i]
	var list []int32
	for j, to := range n.reads {
		if to < 0 {
			continue
		}
		e := n.edge(j)
		switch e.kind {
		case edgePlain:
			yield(j, spot{to, -1})
			continue
		case edgeWhole:
			list = u.whole(to, list[:0])
		case edgeSame, edgeOne, edgeSome:
			list = e.at(s.cell, list[:0])
		}
		for _, c := range list {
			yield(j, spot{to, c})
		}
	}
}

// whole returns the partitions that a reader of all has to wait for.
func (u *unfolding) whole(i int32, list []int32) []int32 {
	n, c := &u.g.nodes[i], u.f.parts[i]
	last := int32(len(c.stored)) - 1
	if last < 0 {
		return list
	}
	switch {
	case !u.latest:
		list = append(list, c.exist...)
	case !due(n) && len(c.exist) > 0:
		return append(list, c.exist[len(c.exist)-1])
	}
	if !slices.Contains(list, last) && (due(n) || len(c.exist) == 0 || c.stored[last].exists()) {
		list = append(list, last)
	}
	return list
}

// addSiblings adds what one step makes together with s: of the equal partition, where they have any.
func (u *unfolding) addSiblings(s spot) {
	a := &u.g.nodes[s.i].asset
	if a.Step == "" {
		return
	}
	for _, i := range u.steps[stepName{a.Location, a.Step}] {
		p := u.g.nodes[i].asset.Partitions
		switch {
		case i == s.i:
		case p == nil:
			u.add(i, -1)
		case s.cell >= 0:
			if c, ok := p.at[a.Partitions.keys[s.cell]]; ok {
				u.add(i, c)
			}
		}
	}
}

func (u *unfolding) build() *Graph {
	g := u.g
	out := &Graph{index: map[Key]int32{}, locations: g.locations, broken: g.broken, empty: g.empty, cycles: make([][]int32, len(g.cycles))}
	var spots []spot
	for i := range g.nodes {
		for c, in := range u.in[i] {
			if !in {
				continue
			}
			s := spot{int32(i), int32(c)}
			if g.nodes[i].asset.Partitions == nil {
				s.cell = -1
			}
			out.index[u.key(s)] = int32(len(spots))
			spots = append(spots, s)
		}
	}
	out.nodes = make([]node, len(spots))
	for at, s := range spots {
		from := &g.nodes[s.i]
		n := &out.nodes[at]
		*n = node{asset: from.asset, key: u.key(s), cycle: from.cycle, external: from.external, owner: from.owner, conflict: from.conflict}
		n.asset.Key, n.asset.Partitions, n.asset.Mappings, n.asset.Deps = n.key, nil, nil, nil
		if n.asset.Step != "" && s.cell >= 0 {
			n.asset.Step += "[" + n.key.Partition() + "]"
		}
		u.eachRead(s, func(_ int, read spot) {
			key := u.key(read)
			n.asset.Deps = append(n.asset.Deps, key)
			n.reads = append(n.reads, out.index[key])
		})
		n.up = slices.Clone(n.reads)
		slices.Sort(n.up)
		n.up = slices.Compact(n.up)
		if n.cycle >= 0 {
			out.cycles[n.cycle] = append(out.cycles[n.cycle], int32(at))
		}
	}
	for at := range out.nodes {
		for _, up := range out.nodes[at].up {
			out.nodes[up].down = append(out.nodes[up].down, int32(at))
		}
	}
	return out
}

func (u *unfolding) judged(g *Graph) *Freshness {
	f := &Freshness{g: g, now: u.f.now, stored: make([]Stored, len(g.nodes)), status: make([]Status, len(g.nodes)), origin: u.f}
	for i := range g.nodes {
		at, cell, _ := u.g.spot(g.nodes[i].key)
		if f.stored[i], f.status[i] = u.f.stored[at], u.f.status[at]; cell >= 0 {
			f.stored[i], f.status[i] = u.f.parts[at].stored[cell], u.f.parts[at].status[cell]
		}
	}
	return f
}

// planReasons returns the reasons of an asset or a partition for a plan: instead of an upstream as a whole they name its partitions.
func (f *Freshness) planReasons(key Key) []Reason {
	var out []Reason
	for _, r := range f.Reasons(key) {
		i, cell, ok := f.g.spot(r.Asset)
		if !ok || cell >= 0 || f.parts[i] == nil || r.Kind != UpstreamStale && r.Kind != UpstreamMissing {
			out = append(out, r)
			continue
		}
		some, n, c := false, &f.g.nodes[i], f.parts[i]
		for k, status := range c.status {
			upstream := r
			upstream.Asset = n.part.keys[k]
			name := f.name(&f.g.nodes[f.at(key)], i, upstream.Asset)
			latest := k == len(c.status)-1 && (due(n) || len(c.exist) == 0)
			switch {
			case status == Stale:
				upstream.Kind, upstream.Text = UpstreamStale, name+" is stale"
			case status == Missing && c.stored[k].exists():
				upstream.Kind, upstream.Text = UpstreamMissing, "the data of "+name+" is gone"
			case status == Missing && latest:
				upstream.Kind, upstream.Text = UpstreamMissing, name+" has never been materialized"
			default:
				continue
			}
			some = true
			out = append(out, upstream)
		}
		if !some {
			out = append(out, r)
		}
	}
	return out
}

func (f *Freshness) at(key Key) int32 {
	i, _ := f.g.resolve(key)
	return i
}
