package layout

import (
	"slices"

	"github.com/assetdev/assetdev/graph"
)

// A Node is one thing that the lanes view places: an asset, or a group or a code location that stands for many.
type Node struct {
	Key   string // what it is called from one layout to the next; unique among the nodes
	Lane  int32  // index in [Input].Lanes
	Group int32  // any number: nodes of one group of a lane start beside each other
	Width int32  // of its label in cells, including whatever stands before the name; less than 1 counts as 1
	Layer int32  // 0 lets the edges decide; else it stands in column Layer−1, and edges that do not lead to the right are stubs
}

// An Edge leads from a node to a node that reads it, as indexes in [Input].Nodes.
type Edge struct{ From, To int32 }

// An Input is what [Lanes] places. The order of the nodes breaks ties, so it should not depend on a status; that of lanes and
// edges has no meaning, though edges in the order of their sources, then targets, are read fastest. Edges may be given twice,
// lead back, or from a node to itself. A layout keeps the nodes: they must not be changed afterwards.
type Input struct {
	Lanes []string // the title of each lane, normally the name of a code location; unique
	Nodes []Node
	Edges []Edge
}

// Options say how large things are. They belong to a layout: with other ones than before, [Lanes] starts anew.
type Options struct {
	Height   int // lines of a node: 1, or 3 for cards; anything below 1 is 1
	MaxWidth int // cells that a label gets at most; 0 is 40
	MaxRows  int // an edge that bridges more rows becomes a pair of stubs; 0 is 60, below 0 is no limit
	Tracks   int // vertical lines between two columns at most, what finds no place becomes stubs; 0 is 24
}

// Cells that [Options] means by 0.
const (
	defaultMaxWidth = 40
	defaultMaxRows  = 60
	defaultTracks   = 24
)

func (o Options) normal() Options {
	o.Height = max(o.Height, 1)
	if o.MaxWidth <= 0 {
		o.MaxWidth = defaultMaxWidth
	}
	if o.MaxRows == 0 {
		o.MaxRows = defaultMaxRows
	}
	if o.Tracks <= 0 {
		o.Tracks = defaultTracks
	}
	return o
}

// Of returns the visible assets of a graph as an input, a lane for each code location and one titled "" for external assets.
// Node i is visible[i], so visible must name assets of g, each once; the graph's own order is the one to give. Width says how
// many cells an asset's label takes.
func Of(g *graph.Graph, visible []graph.Key, width func(graph.Key) int) *Input {
	in := &Input{Nodes: make([]Node, 0, len(visible))}
	place := make([]int32, g.Len())
	for i := range place {
		place[i] = -1
	}
	lanes, groups := map[string]int32{}, map[string]int32{}
	number := func(m map[string]int32, name string) int32 {
		n, ok := m[name]
		if !ok {
			n = int32(len(m))
			m[name] = n
		}
		return n
	}
	for _, key := range visible {
		p, ok := g.Index(key)
		if !ok {
			continue
		}
		a := g.At(p)
		place[p] = int32(len(in.Nodes))
		in.Nodes = append(in.Nodes, Node{Key: key.String(), Lane: number(lanes, a.Location), Group: number(groups, a.Group), Width: int32(width(key))})
	}
	in.Lanes = make([]string, len(lanes))
	for name, n := range lanes {
		in.Lanes[n] = name
	}
	for p, from := range place {
		if from < 0 {
			continue
		}
		for _, down := range g.ReadBy(p) {
			if to := place[down]; to >= 0 {
				in.Edges = append(in.Edges, Edge{From: from, To: to})
			}
		}
	}
	if !slices.IsSortedFunc(in.Edges, compareEdges) {
		slices.SortFunc(in.Edges, compareEdges)
	}
	return in
}

// Collapse returns an input of the given nodes, each of which stands for all nodes of in that into maps to it (−1 leaves a
// node out). An edge leads from one to another when any edge of their members does; edges within one are not drawn. A node
// whose Layer is 0 gets the mean layer of its members, because the graph of groups is full of cycles where that of their
// members has none.
func (in *Input) Collapse(into []int32, nodes []Node) *Input {
	out := &Input{Lanes: slices.Clone(in.Lanes), Nodes: slices.Clone(nodes)}
	sum, count := make([]int64, len(nodes)), make([]int64, len(nodes))
	for i, layer := range in.Layers() {
		if to := into[i]; to >= 0 {
			sum[to] += int64(layer)
			count[to]++
		}
	}
	for i := range out.Nodes {
		if out.Nodes[i].Layer == 0 && count[i] > 0 {
			out.Nodes[i].Layer = 1 + int32((sum[i]+count[i]/2)/count[i])
		}
	}
	for _, e := range in.Edges {
		if from, to := into[e.From], into[e.To]; from >= 0 && to >= 0 && from != to {
			out.Edges = append(out.Edges, Edge{From: from, To: to})
		}
	}
	slices.SortFunc(out.Edges, compareEdges)
	out.Edges = slices.Compact(out.Edges)
	return out
}

// Layers returns the column of each node as [Lanes] would give it without a previous layout.
func (in *Input) Layers() []int32 {
	var b builder
	b.read(in)
	b.layers()
	return slices.Clone(b.layer[:len(in.Nodes)])
}

// Lanes places the nodes and their edges in character cells: columns from left to right, so that edges lead to the right, and
// a horizontal band for each lane. It is deterministic, and bounded: about 2 µs for each node and edge.
//
// With a previous layout it changes as little as it can: lanes keep their order, and a node stays in its row unless an
// edge forces it into another column. How much of it has become makeshift tells [Placed.Drift]; without a previous layout everything
// is placed anew. A previous layout made with other options is ignored.
func Lanes(in *Input, o Options, previous *Placed) *Placed {
	return place(in, o.normal(), previous)
}
