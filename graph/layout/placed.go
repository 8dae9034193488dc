package layout

import "cmp"

// A Rect is a rectangle of cells: X and Y of its upper left cell, and its size.
type Rect struct{ X, Y, W, H int }

// Contains reports whether the cell lies in the rectangle.
func (r Rect) Contains(x, y int) bool { return x >= r.X && x < r.X+r.W && y >= r.Y && y < r.Y+r.H }

// Overlaps reports whether two rectangles share a cell.
func (r Rect) Overlaps(o Rect) bool {
	return r.X < o.X+o.W && o.X < r.X+r.W && r.Y < o.Y+o.H && o.Y < r.Y+r.H
}

// A Point is a cell.
type Point struct{ X, Y int }

// A Band is the place of one lane: rows Y to Y+H−1 over the whole width. Its title stands in row Y, where no edge runs
// horizontally.
type Band struct {
	Lane  int // index in the input's lanes
	Title string
	Y, H  int
}

// A Direction is where something lies in the lanes view: upstream is to the left, downstream to the right.
type Direction uint8

// The directions.
const (
	Left Direction = iota
	Right
	Up
	Down
)

// Outside lists, for each side of a viewport, the nodes that lie wholly beyond it, in their order. A node beyond two sides is
// listed left or right.
type Outside struct{ Left, Right, Above, Below []int32 }

// A Placed is a finished layout. It is immutable and safe for any number of readers. Nodes have the indexes of the input;
// edges are numbered by source, then target, without the repeated ones. Slices that methods return belong to the Placed
// unless they were handed in: nobody may write to them.
//
// Invariants:
//
//	(a) No two nodes share a cell, nor do a node and a line.
//	(b) Where a line of one source touches a line of another they run to the same node; else they cross at right angles.
//	(c) Every edge is drawn from node to node without a gap, or is a stub at both ends.
//	(d) The same input, options and previous layout give the same cells.
//
// Rows are counted in units of two: a node or a trunk that stands in unit u has its lines in row 2u−1, and row 2u is spare,
// for what would touch a foreign line in row 2u−1 (escape) and for the text of stubs. A trunk is the line of all edges of one
// source that lead farther than the next column. A gap is what lies between two columns; a net is what leaves one node or
// trunk there: it goes right to its track, a vertical line, and from the track right to each of its targets.
type Placed struct {
	o     Options
	lanes []string
	nodes []Node
	bands []Band  // top to bottom
	start []int32 // for each lane its first unit
	units []int32 // for each lane how many units it has
	w, h  int

	// Edges by source, and their numbers by target.
	out, to   []int32
	in, edges []int32
	stub      []bool

	// Vertices: the nodes, then the trunks, for each source those in the columns behind it.
	trunk          []int32 // for each node its first trunk; the next one's first is the end
	source         []int32 // for each trunk the node whose edges it bundles
	layer          []int32
	unit           []int32
	arc, arcTo     []int32 // from each vertex to those in the next column
	back, backFrom []int32

	column, order []int32 // vertices by layer, then unit; column is where each layer begins
	x, width      []int32 // of the columns, in cells
	room          []int32 // how many tracks each gap has room for
	track         []int32 // of the net of each vertex, −1 for none: nothing leaves it, or it runs straight on
	escape        []bool  // the lines of other nets arrive at it one row lower
	top, bottom   []int32 // rows of the track of each vertex's net
	crosses       []bool  // an edge of the vertex's net leads to another lane
	tracks, nets  []int32 // nets by gap and track, top to bottom; tracks is where each track begins
	firstTrack    []int32 // for each gap its first in tracks
	changed       int     // nodes and edges that were added, or forced to move, since everything was placed anew
}

func compareEdges(a, b Edge) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
}

// Size returns the width and height of the whole drawing in cells.
func (p *Placed) Size() (w, h int) { return p.w, p.h }

// Len returns how many nodes there are.
func (p *Placed) Len() int { return len(p.nodes) }

// Node returns node i as it was given.
func (p *Placed) Node(i int) Node { return p.nodes[i] }

// Find returns the node with the key. It looks at all of them.
func (p *Placed) Find(key string) (int, bool) {
	for i := range p.nodes {
		if p.nodes[i].Key == key {
			return i, true
		}
	}
	return 0, false
}

// Options returns the options that it was made with, those that were 0 filled in.
func (p *Placed) Options() Options { return p.o }

// Bands returns the lanes from top to bottom.
func (p *Placed) Bands() []Band { return p.bands }

// TitleWidth returns how many cells from the left the title of a lane may take without covering a line.
func (p *Placed) TitleWidth() int {
	if len(p.width) == 0 {
		return 0
	}
	return int(p.width[0])
}

// row returns the row in which the lines of a vertex run.
func (p *Placed) row(v int32) int { return 2*int(p.unit[v]) - 1 }

// origin returns the node whose edges leave a vertex.
func (p *Placed) origin(v int32) int32 {
	if n := len(p.nodes); int(v) >= n {
		return p.source[int(v)-n]
	}
	return v
}

// inTrack returns the nets in track k of gap l, top to bottom.
func (p *Placed) inTrack(l, k int) []int32 {
	i := int(p.firstTrack[l]) + k
	return p.nets[p.tracks[i]:p.tracks[i+1]]
}

// Rect returns the cells of a node.
func (p *Placed) Rect(node int) Rect {
	w := min(max(int(p.nodes[node].Width), 1), p.o.MaxWidth)
	return Rect{X: int(p.x[p.layer[node]]), Y: p.row(int32(node)), W: w, H: p.o.Height}
}

// Column returns the cells below which all nodes of the column of a node stand: the place for its label and for what is
// written under it.
func (p *Placed) Column(node int) (x, w int) {
	l := p.layer[node]
	return int(p.x[l]), int(p.width[l])
}

// Edges returns how many edges there are, stubs included.
func (p *Placed) Edges() int { return len(p.to) }

// Edge returns the ends of an edge.
func (p *Placed) Edge(edge int) Edge {
	from, to := 0, len(p.nodes)-1
	for from < to {
		middle := (from + to + 1) / 2
		if int(p.out[middle]) <= edge {
			from = middle
		} else {
			to = middle - 1
		}
	}
	return Edge{From: int32(from), To: p.to[edge]}
}

// Stub reports whether an edge is drawn as a pair of stubs: its source names its target, and the other way round.
func (p *Placed) Stub(edge int) bool { return p.stub[edge] }

// CrossesLanes reports whether an edge leads from one lane to another.
func (p *Placed) CrossesLanes(edge int) bool {
	e := p.Edge(edge)
	return p.nodes[e.From].Lane != p.nodes[e.To].Lane
}

// Out returns the edges that leave a node: those from first up to, but not including, end.
func (p *Placed) Out(node int) (first, end int) { return int(p.out[node]), int(p.out[node+1]) }

// In returns the edges that lead to a node.
func (p *Placed) In(node int) []int32 { return p.edges[p.in[node]:p.in[node+1]] }

// Source returns the node that an edge leaves.
func (p *Placed) Source(edge int) int { return int(p.Edge(edge).From) }

// Target returns the node that an edge leads to.
func (p *Placed) Target(edge int) int { return int(p.to[edge]) }

// Shift returns how far the node with this key moved since a previous layout: added to the origin of a viewport it keeps
// the node in its cell of the screen. A key that is not in both gives 0, 0.
func (p *Placed) Shift(previous *Placed, key string) (dx, dy int) {
	if previous == nil {
		return 0, 0
	}
	now, ok := p.Find(key)
	before, was := previous.Find(key)
	if !ok || !was {
		return 0, 0
	}
	a, b := previous.Rect(before), p.Rect(now)
	return b.X - a.X, b.Y - a.Y
}

// Drift returns which part of the nodes and edges were added, or forced to move, since everything was placed anew: from a
// twentieth on it is worth offering to do that again.
func (p *Placed) Drift() float64 {
	return float64(p.changed) / float64(max(1, len(p.nodes)+len(p.to)))
}

// Crossings returns how many pairs of edges cross that are drawn as lines. It counts them: a tenth of the work of a layout.
func (p *Placed) Crossings() int64 { return p.count(false) }

// LineCrossings counts as [Placed.Crossings] does, but edges that share a line as one.
func (p *Placed) LineCrossings() int64 { return p.count(true) }

func (p *Placed) count(lines bool) int64 {
	total := len(p.layer)
	weight := make([]int32, total) // of the way on from a vertex by its trunk
	for s := range int32(len(p.nodes)) {
		for e := p.out[s]; e < p.out[s+1]; e++ {
			if t := p.to[e]; !p.stub[e] && p.layer[t]-p.layer[s] > 1 {
				weight[p.from(s, t)]++
			}
		}
		for v := p.trunk[s+1] - 1; v > p.trunk[s]; v-- {
			weight[v-1] += weight[v]
		}
	}
	crossings, sums := int64(0), []int32(nil)
	place := make([]int32, total)
	for l := range len(p.x) - 1 {
		next := p.order[p.column[l+1]:p.column[l+2]]
		for i, v := range next {
			place[v] = int32(i) + 1
		}
		sums = append(sums[:0], make([]int32, len(next)+1)...)
		before := int64(0)
		for _, u := range p.order[p.column[l]:p.column[l+1]] {
			arcs := p.arcTo[p.arc[u]:p.arc[u+1]]
			count := func(v int32) int32 {
				if lines || int(v) < len(p.nodes) {
					return 1
				}
				return weight[v]
			}
			for _, v := range arcs {
				under := int64(0)
				for i := place[v]; i > 0; i &= i - 1 {
					under += int64(sums[i])
				}
				crossings += (before - under) * int64(count(v))
			}
			for _, v := range arcs {
				before += int64(count(v))
				for i := int(place[v]); i < len(sums); i += i & -i {
					sums[i] += count(v)
				}
			}
		}
	}
	return crossings
}
