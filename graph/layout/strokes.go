package layout

import "sort"

// A Pen is what a layout is drawn with: [Placed.Draw] calls it for everything that may have a cell in a viewport, and the pen
// clips. Lines come in any order, and one cell may get several.
type Pen interface {
	// Label is the place of a node.
	Label(node int, r Rect)
	// Row is a horizontal line from the middle of cell x1 to the middle of x2, with left and right on to the border of the cell.
	Row(x1, x2, y int, left, right bool, l Line)
	// Column is a vertical line from the middle of cell y1 to the middle of y2.
	Column(x, y1, y2 int, l Line)
	// Join marks a cell in which a horizontal and a vertical line touch, in contrast to a mere crossing.
	Join(x, y int)
	// Arrow is the end of a line, before the label of a node.
	Arrow(x, y int, l Line)
}

// A Line says what a line stands for.
type Line struct {
	Collects bool // several sources share it, and it leads to a single node: whoever joins it does not leave it before
	Crosses  bool // an edge that it belongs to leads to another lane
}

// Draw calls the pen for the nodes and lines in a viewport. It allocates nothing.
func (p *Placed) Draw(view Rect, pen Pen) {
	last := view.X + view.W
	for l := max(p.columnAt(view.X), 0); l < len(p.x) && int(p.x[l]) < last; l++ {
		p.drawColumn(l, view, pen)
		if l+1 < len(p.x) && p.gap(l) < last {
			p.drawGap(l, view, pen)
		}
		if l+1 < len(p.x) && int(p.x[l+1]) >= last && p.arrow(l+1) < last {
			break
		}
	}
}

// drawColumn draws labels, what leads from them to the end of the column, and trunks that pass.
func (p *Placed) drawColumn(l int, view Rect, pen Pen) {
	end := p.gap(l)
	for i := p.below(l, view.Y-p.o.Height); i < int(p.column[l+1]); i++ {
		v := p.order[i]
		y := p.row(v)
		if y >= view.Y+view.H {
			return
		}
		x := int(p.x[l])
		if int(v) < len(p.nodes) {
			r := p.Rect(int(v))
			pen.Label(int(v), r)
			x += r.W + 1
		}
		if p.arc[v] < p.arc[v+1] && x < end {
			pen.Row(x, end-1, y, true, true, Line{Crosses: p.crosses[v]})
		}
	}
}

// drawGap draws what leads from column l to the next.
func (p *Placed) drawGap(l int, view Rect, pen Pen) {
	x0 := p.gap(l)
	for i := p.below(l, view.Y); i < int(p.column[l+1]); i++ {
		u := p.order[i]
		y := p.row(u)
		if y >= view.Y+view.H {
			break
		}
		if p.track[u] >= 0 { // what runs straight is drawn with its target
			x := p.trackX(u)
			pen.Row(x0, x, y, true, false, Line{Crosses: p.crosses[u]})
			pen.Join(x, y)
		}
	}
	for i := p.below(l+1, view.Y-1); i < int(p.column[l+2]); i++ {
		t := p.order[i]
		if p.row(t) >= view.Y+view.H {
			break
		}
		if p.back[t] < p.back[t+1] {
			p.drawEntry(l, t, pen)
		}
	}
	for k := range int(p.firstTrack[l+1] - p.firstTrack[l]) {
		x := x0 + 1 + k
		if x < view.X || x >= view.X+view.W {
			continue
		}
		nets := p.inTrack(l, k)
		j := sort.Search(len(nets), func(i int) bool { return int(p.bottom[nets[i]]) >= view.Y })
		for _, u := range nets[j:] {
			if int(p.top[u]) >= view.Y+view.H {
				break
			}
			pen.Column(x, int(p.top[u]), int(p.bottom[u]), Line{Crosses: p.crosses[u]})
		}
	}
}

// drawEntry draws how the nets of gap l arrive at the vertex t. Those that arrive in one row form one line there: that of one
// source up to where the second joins it, collecting from there on.
func (p *Placed) drawEntry(l int, t int32, pen Pen) {
	y, arrow := p.row(t), p.arrow(l+1)
	jog, count, crosses := arrow-1, 0, false
	for row := y + 1; row >= y; row-- {
		first, second, here, crossesHere := jog, jog, 0, false
		for _, u := range p.backFrom[p.back[t]:p.back[t+1]] {
			if p.entry(u, t) != row {
				continue
			}
			x := p.gap(l)
			if p.track[u] >= 0 {
				x = p.trackX(u)
				pen.Join(x, row)
			}
			if x < first {
				first, second = x, first
			} else {
				second = min(second, x)
			}
			here++
			crossesHere = crossesHere || p.arcCrosses(u, t)
		}
		if here == 0 {
			continue
		}
		line := Line{Crosses: crossesHere}
		pen.Row(first, second, row, first == p.gap(l), false, line)
		line.Collects = here > 1
		if second < jog {
			pen.Row(second, jog, row, false, false, line)
		}
		if row > y {
			pen.Column(jog, y, row, line)
		}
		count += here
		crosses = crosses || crossesHere
	}
	line := Line{Collects: count > 1, Crosses: crosses}
	if int(t) < len(p.nodes) {
		pen.Row(jog, jog, y, false, true, line)
		pen.Arrow(arrow, y, line)
	} else {
		pen.Row(jog, arrow, y, false, true, line)
	}
}

// arcCrosses reports whether an edge from u by way of t leads to another lane.
func (p *Placed) arcCrosses(u, t int32) bool {
	if int(t) >= len(p.nodes) {
		return p.crosses[t]
	}
	return p.nodes[t].Lane != p.nodes[p.origin(u)].Lane
}
