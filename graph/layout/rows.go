package layout

import "slices"

// rows gives each vertex its unit within its lane: in the order of its column, as near to its neighbours as can be, so that
// many lines run straight. How high a lane is says its fullest column.
func (a *arranger) rows() {
	b := a.b
	b.size = make([]int32, len(b.lanes))
	p := pav{arranger: a, node: b.o.units(), all: make([]int32, len(a.runs))}
	for i, r := range a.runs {
		at := int32(0)
		for _, v := range a.order[r.first:r.end] {
			a.unit[v] = at
			at += p.size(v)
		}
		p.all[i] = at
		b.size[r.lane] = max(b.size[r.lane], at)
	}
	for l, size := range b.size {
		b.size[l] += spare(size)
	}
	const passes = 4
	for pass := range passes {
		both := pass >= passes-2
		for i := range a.runs {
			if pass%2 == 0 {
				p.place(i, true, both)
			} else {
				p.place(len(a.runs)-1-i, both, true)
			}
		}
	}
	p.trim()
}

// spare returns how many units a lane gets for what may come.
func spare(units int32) int32 { return min(units/3, 1) + units/16 }

// trim takes away what is empty at the top and the bottom of each lane.
func (p *pav) trim() {
	top, bottom := slices.Clone(p.b.size), make([]int32, len(p.b.size))
	for v, unit := range p.unit {
		l := p.lane[v]
		top[l], bottom[l] = min(top[l], unit), max(bottom[l], unit+p.size(int32(v)))
	}
	for v := range p.unit {
		p.unit[v] -= top[p.lane[v]]
	}
	for l := range top {
		used := bottom[l] - top[l]
		p.b.size[l] = min(p.b.size[l], max(used, 0)+spare(used))
	}
}

// A pav places runs by isotonic regression: pool adjacent violators.
type pav struct {
	*arranger
	node   int32   // units of a node
	all    []int32 // units of all vertices of each run
	blocks []block
}

// A block is vertices that stand directly below each other. Its wish is where the first would like to stand, as a weighted sum.
type block struct {
	sum, weight int64
	count       int32
}

func (b block) at() int64 { return (2*b.sum + b.weight) / (2 * b.weight) }

func (p *pav) size(v int32) int32 {
	if int(p.vertex[v]) < p.b.n {
		return p.node
	}
	return 1
}

func (p *pav) place(i int, before, behind bool) {
	r := p.runs[i]
	blocks, offset := p.blocks[:0], int32(0)
	room := int64(p.b.size[r.lane] - p.all[i])
	for _, v := range p.order[r.first:r.end] {
		want, weight := int64(p.unit[v]), int64(1)
		if w, heavy := p.wish(v, r.lane, before, behind); heavy > 0 {
			want, weight = w, heavy
		}
		want = min(max(want-int64(offset), 0), room)
		last := block{want * weight, weight, 1}
		for n := len(blocks); n > 0 && blocks[n-1].sum*last.weight > last.sum*blocks[n-1].weight; n = len(blocks) {
			last.sum += blocks[n-1].sum
			last.weight += blocks[n-1].weight
			last.count += blocks[n-1].count
			blocks = blocks[:n-1]
		}
		blocks = append(blocks, last)
		offset += p.size(v)
	}
	place, offset := r.first, 0
	for _, k := range blocks {
		at := int32(k.at())
		for range k.count {
			v := p.order[place]
			p.unit[v] = at + offset
			offset += p.size(v)
			place++
		}
	}
	p.blocks = blocks
}

// wish returns the unit in which a vertex would like to stand, by its neighbours in its lane, and how strongly: 0 when it has
// none. Trunks would like to run straight.
func (p *pav) wish(v, lane int32, before, behind bool) (unit, weight int64) {
	trunk := int(p.vertex[v]) >= p.b.n
	if before {
		unit, weight = p.pull(p.in[p.ins[v]:p.ins[v+1]], lane, trunk)
	}
	if behind {
		u, w := p.pull(p.out[p.outs[v]:p.outs[v+1]], lane, trunk)
		unit, weight = unit+u, weight+w
	}
	if weight == 0 {
		return 0, 0
	}
	return (2*unit + weight) / (2 * weight), weight
}

func (p *pav) pull(arcs []arc, lane int32, trunk bool) (unit, weight int64) {
	for _, to := range arcs {
		if p.lane[to.to] != lane {
			continue
		}
		w := int64(2)
		if trunk && int(p.vertex[to.to]) >= p.b.n {
			w = 16
		}
		unit += w * int64(p.unit[to.to])
		weight += w
	}
	return unit, weight
}
