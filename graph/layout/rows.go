package layout

// rows gives each vertex its unit within its lane: in the order of its column, as near to its neighbours as can be, so that
// many lines run straight. How high a lane is says its fullest column.
func (b *builder) rows() {
	total := len(b.layer)
	b.unit = make([]int32, total)
	b.size = make([]int32, len(b.lanes))
	node := b.o.units()
	size := func(v int32) int32 {
		if int(v) < b.n {
			return node
		}
		return 1
	}
	var runs []run
	for l := range b.count {
		first, end := b.column[l], b.column[l+1]
		for i := first; i < end; {
			lane, at := b.lane[b.order[i]], int32(0)
			j := i
			for ; j < end && b.lane[b.order[j]] == lane; j++ {
				b.unit[b.order[j]] = at
				at += size(b.order[j])
			}
			b.size[lane] = max(b.size[lane], at)
			runs = append(runs, run{i, j, int32(l)})
			i = j
		}
	}
	for l := range b.size {
		b.size[l] += 1 + b.size[l]/16
	}
	p := pav{b: b, size: size}
	for pass := range 6 {
		if pass%2 == 0 {
			for _, r := range runs {
				p.place(r, pass < 4, false, pass >= 4)
			}
		} else {
			for i := range runs {
				p.place(runs[len(runs)-1-i], false, pass < 4, pass >= 4)
			}
		}
	}
}

// A pav places runs by isotonic regression: pool adjacent violators.
type pav struct {
	b      *builder
	size   func(v int32) int32
	blocks []block
}

// A block is vertices that stand directly below each other. Its wish is where the first would like to stand, as a weighted sum.
type block struct {
	sum, weight int64
	count       int32
}

func (b block) at() int64 { return (2*b.sum + b.weight) / (2 * b.weight) }

func (p *pav) place(r run, before, behind, both bool) {
	b := p.b
	blocks := p.blocks[:0]
	offset, lane := int32(0), b.lane[b.order[r.first]]
	all := int32(0)
	for i := r.first; i < r.end; i++ {
		all += p.size(b.order[i])
	}
	room := int64(b.size[lane] - all)
	for i := r.first; i < r.end; i++ {
		v := b.order[i]
		want, weight := int64(b.unit[v]), int64(1)
		if w, heavy := p.wish(v, lane, before || both, behind || both); heavy > 0 {
			want, weight = w, heavy
		}
		want = min(max(want-int64(offset), 0), room)
		blocks = append(blocks, block{want * weight, weight, 1})
		for n := len(blocks); n > 1 && blocks[n-2].at() >= blocks[n-1].at() && blocks[n-2].sum*blocks[n-1].weight > blocks[n-1].sum*blocks[n-2].weight; n = len(blocks) {
			blocks[n-2].sum += blocks[n-1].sum
			blocks[n-2].weight += blocks[n-1].weight
			blocks[n-2].count += blocks[n-1].count
			blocks = blocks[:n-1]
		}
		offset += p.size(v)
	}
	i, offset := r.first, 0
	for _, k := range blocks {
		at := int32(k.at())
		for range k.count {
			v := b.order[i]
			b.unit[v] = at + offset
			offset += p.size(v)
			i++
		}
	}
	p.blocks = blocks
}

// wish returns the unit in which a vertex would like to stand, by its neighbours in its lane, and how strongly; 0 when it has none.
func (p *pav) wish(v, lane int32, before, behind bool) (unit, weight int64) {
	b := p.b
	trunk := int(v) >= b.n
	add := func(list, weights []int32) {
		for k, u := range list {
			if b.lane[u] != lane {
				continue
			}
			w := int64(2)
			if trunk && int(u) >= b.n {
				w = 16
			}
			_ = weights[k]
			unit += w * int64(b.unit[u])
			weight += w
		}
	}
	if before {
		add(b.backFrom[b.back[v]:b.back[v+1]], b.backW[b.back[v]:b.back[v+1]])
	}
	if behind {
		add(b.arcTo[b.arc[v]:b.arc[v+1]], b.weight[b.arc[v]:b.arc[v+1]])
	}
	if weight == 0 {
		return 0, 0
	}
	return (2*unit + weight) / (2 * weight), weight
}
