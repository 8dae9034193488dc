package layout

import "sort"

// What the screen asks of a layout: what is where, what lies outside, where to go from here.

// At returns the node whose label covers the cell.
func (p *Placed) At(x, y int) (node int, ok bool) {
	l := p.columnAt(x)
	if l < 0 {
		return 0, false
	}
	for i := p.below(l, y-p.o.Height+1); i < int(p.column[l+1]) && p.row(p.order[i]) <= y; i++ {
		if v := int(p.order[i]); v < len(p.nodes) && p.Rect(v).Contains(x, y) {
			return v, true
		}
	}
	return 0, false
}

// columnAt returns the last column that begins at or left of x, −1 when none does.
func (p *Placed) columnAt(x int) int {
	return sort.Search(len(p.x), func(i int) bool { return int(p.x[i]) > x }) - 1
}

// below returns the first place in order of a vertex of column l whose line runs in row y or below.
func (p *Placed) below(l, y int) int {
	first, end := int(p.column[l]), int(p.column[l+1])
	return first + sort.Search(end-first, func(i int) bool { return p.row(p.order[first+i]) >= y })
}

// Visible appends the nodes that have a cell in the viewport, by column, then row.
func (p *Placed) Visible(view Rect, nodes []int32) []int32 {
	for l := max(p.columnAt(view.X), 0); l < len(p.x) && int(p.x[l]) < view.X+view.W; l++ {
		for i := p.below(l, view.Y-p.o.Height+1); i < int(p.column[l+1]); i++ {
			v := p.order[i]
			if p.row(v) >= view.Y+view.H {
				break
			}
			if int(v) < len(p.nodes) && p.Rect(int(v)).Overlaps(view) {
				nodes = append(nodes, v)
			}
		}
	}
	return nodes
}

// Outside lists what lies outside a viewport, in the lists of o, whose space is used again.
func (p *Placed) Outside(view Rect, o *Outside) {
	o.Left, o.Right, o.Above, o.Below = o.Left[:0], o.Right[:0], o.Above[:0], o.Below[:0]
	for i := range p.nodes {
		switch r := p.Rect(i); {
		case r.X+r.W <= view.X:
			o.Left = append(o.Left, int32(i))
		case r.X >= view.X+view.W:
			o.Right = append(o.Right, int32(i))
		case r.Y+r.H <= view.Y:
			o.Above = append(o.Above, int32(i))
		case r.Y >= view.Y+view.H:
			o.Below = append(o.Below, int32(i))
		}
	}
}

// Neighbour returns where a step in a direction leads: left to what the node reads and right to what reads it, to the nearest
// row first; up and down to the next node of the same column. False when there is nothing.
func (p *Placed) Neighbour(node int, d Direction) (int, bool) {
	best, found := 0, false
	nearer := func(v int) {
		if v == node {
			return
		}
		if !found || p.farther(node, best, v) {
			best, found = v, true
		}
	}
	switch d {
	case Left:
		for _, e := range p.In(node) {
			nearer(int(p.Edge(int(e)).From))
		}
	case Right:
		for e, end := p.Out(node); e < end; e++ {
			nearer(int(p.to[e]))
		}
	case Up, Down:
		step, l := 1, int(p.layer[node])
		if d == Up {
			step = -1
		}
		for i := p.below(l, p.row(int32(node))) + step; i >= int(p.column[l]) && i < int(p.column[l+1]); i += step {
			if v := int(p.order[i]); v < len(p.nodes) {
				return v, true
			}
		}
	}
	return best, found
}

// farther reports whether a is farther from the node than b: by rows, then columns, then order.
func (p *Placed) farther(node, a, b int) bool {
	distance := func(v int) (int, int) {
		return abs(p.row(int32(v)) - p.row(int32(node))), abs(int(p.layer[v] - p.layer[node]))
	}
	rowsA, columnsA := distance(a)
	rowsB, columnsB := distance(b)
	switch {
	case rowsA != rowsB:
		return rowsA > rowsB
	case columnsA != columnsB:
		return columnsA > columnsB
	}
	return a > b
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}

// from returns the vertex from which an edge enters the column of its target.
func (p *Placed) from(s, t int32) int32 {
	if span := p.layer[t] - p.layer[s]; span > 1 {
		return p.trunk[s] + span - 2
	}
	return s
}

// vertex returns the vertex of the source s in a column at or behind its own: s itself or a trunk.
func (p *Placed) vertex(s, l int32) int32 {
	if k := l - p.layer[s]; k > 0 {
		return p.trunk[s] + k - 1
	}
	return s
}

// trackX returns the column of cells of the track of a vertex's net.
func (p *Placed) trackX(v int32) int { return p.gap(int(p.layer[v])) + 1 + int(p.track[v]) }

// gap returns where the gap behind column l begins. Its first cell is for horizontal lines alone, then come the tracks, then
// the cells where lines come back from spare rows (jog), then arrows.
func (p *Placed) gap(l int) int { return int(p.x[l]) + int(p.width[l]) }

// arrow returns the cell of arrows in front of column l.
func (p *Placed) arrow(l int) int { return int(p.x[l]) - 1 }

// entry returns the row in which a net arrives at the vertex t.
func (p *Placed) entry(u, t int32) int {
	if p.escape[t] && p.unit[u] != p.unit[t] {
		return p.row(t) + 1
	}
	return p.row(t)
}

// Route appends the corners of the line of an edge, from the cell behind the label of its source to the arrow. A stub has
// none.
func (p *Placed) Route(edge int, points []Point) []Point {
	if p.stub[edge] {
		return points
	}
	e := p.Edge(edge)
	r := p.Rect(int(e.From))
	points = append(points, Point{r.X + r.W + 1, r.Y})
	for u := e.From; ; {
		l := p.layer[u] + 1
		next := e.To
		if l < p.layer[e.To] {
			next = p.vertex(e.From, l)
		}
		if p.unit[u] != p.unit[next] {
			x, y := p.trackX(u), p.entry(u, next)
			points = append(points, Point{x, p.row(u)}, Point{x, y})
			if y != p.row(next) {
				jog := p.arrow(int(l)) - 1
				points = append(points, Point{jog, y}, Point{jog, y - 1})
			}
		}
		if next == e.To {
			return append(points, Point{p.arrow(int(l)), p.row(next)})
		}
		u = next
	}
}

// EdgesAt appends the edges whose line passes the cell.
func (p *Placed) EdgesAt(x, y int, edges []int32) []int32 {
	l := p.columnAt(x)
	if l < 0 || y < 0 || y >= p.h {
		return edges
	}
	if x >= p.gap(l) && l+1 < len(p.x) {
		return p.edgesInGap(l, x, y, edges)
	}
	if i := p.below(l, y); i < int(p.column[l+1]) {
		if v := p.order[i]; p.row(v) == y && (int(v) >= len(p.nodes) || x > p.Rect(int(v)).X+p.Rect(int(v)).W) {
			return p.net(v, edges, func(int32) bool { return true })
		}
	}
	return edges
}

// net appends the edges of the net of u that run on to a vertex that pass accepts.
func (p *Placed) net(u int32, edges []int32, pass func(next int32) bool) []int32 {
	s, l := p.origin(u), p.layer[u]+1
	for e := p.out[s]; e < p.out[s+1]; e++ {
		t := p.to[e]
		if p.stub[e] || p.layer[t] < l {
			continue
		}
		if next := p.vertexOf(s, t, l); pass(next) {
			edges = append(edges, e)
		}
	}
	return edges
}

// vertexOf returns the vertex of the edge from s to t in column l.
func (p *Placed) vertexOf(s, t, l int32) int32 {
	if p.layer[t] == l {
		return t
	}
	return p.vertex(s, l)
}

func (p *Placed) edgesInGap(l, x, y int, edges []int32) []int32 {
	jog := p.arrow(l+1) - 1
	own := int32(-1) // the vertex whose line runs in row y to its track
	if i := p.below(l, y); i < int(p.column[l+1]) && p.row(p.order[i]) == y {
		own = p.order[i]
	}
	if own >= 0 && p.track[own] >= 0 && x < p.trackX(own) {
		edges = p.net(own, edges, func(int32) bool { return true })
	}
	// Lines that arrive in this row, or come back from its spare row.
	for _, row := range [2]int{y, y - 1} {
		i := p.below(l+1, row)
		if i >= int(p.column[l+2]) || p.row(p.order[i]) != row {
			continue
		}
		t := p.order[i]
		for _, u := range p.backFrom[p.back[t]:p.back[t+1]] {
			at, first := p.entry(u, t), p.gap(l)
			if p.track[u] >= 0 {
				first = p.trackX(u)
			}
			if y == at && x >= first && (at == row || x <= jog) || y == row && at != row && x >= jog {
				edges = p.net(u, edges, func(next int32) bool { return next == t })
			}
		}
	}
	// A track.
	if k := x - p.gap(l) - 1; k >= 0 && k < int(p.firstTrack[l+1]-p.firstTrack[l]) {
		if u := p.netAt(l, k, y); u >= 0 {
			edges = p.net(u, edges, func(next int32) bool {
				a, b := p.row(u), p.entry(u, next)
				return p.unit[next] != p.unit[u] && y >= min(a, b) && y <= max(a, b)
			})
		}
	}
	return unique(edges)
}

// unique removes what is there twice; the lists are short.
func unique(edges []int32) []int32 {
	kept := edges[:0]
	for i, e := range edges {
		seen := false
		for _, k := range kept {
			seen = seen || k == e
		}
		if !seen {
			kept = append(kept, edges[i])
		}
	}
	return kept
}

// netAt returns the net that runs in track k of gap l in row y, −1 when none does.
func (p *Placed) netAt(l, k, y int) int32 {
	nets := p.inTrack(l, k)
	i := sort.Search(len(nets), func(i int) bool { return int(p.bottom[nets[i]]) >= y })
	if i < len(nets) && int(p.top[nets[i]]) <= y {
		return nets[i]
	}
	return -1
}
