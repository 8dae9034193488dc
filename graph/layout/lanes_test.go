package layout_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/layout"
	"github.com/assetdev/assetdev/graph/layout/layouttest"
)

// check fails when nodes overlap or an edge is neither a line from its source to its target nor a stub.
func check(t *testing.T, p *layout.Placed) {
	t.Helper()
	w, h := p.Size()
	columns := map[int][]layout.Rect{}
	for i := range p.Len() {
		r := p.Rect(i)
		if r.X < 0 || r.Y < 0 || r.X+r.W > w || r.Y+r.H > h {
			t.Fatalf("node %d at %v is outside of %d×%d", i, r, w, h)
		}
		if at, ok := p.At(r.X+r.W-1, r.Y+r.H-1); !ok || at != i {
			t.Fatalf("node %d is at %v; there is %d", i, r, at)
		}
		columns[r.X] = append(columns[r.X], r)
		inside := false
		for _, band := range p.Bands() {
			inside = inside || int(p.Node(i).Lane) == band.Lane && r.Y > band.Y && r.Y+r.H <= band.Y+band.H
		}
		if !inside {
			t.Fatalf("node %d at %v is not in its band: %v", i, r, p.Bands())
		}
	}
	for _, rects := range columns {
		slices.SortFunc(rects, func(a, b layout.Rect) int { return a.Y - b.Y })
		for i := 1; i < len(rects); i++ {
			if rects[i-1].Y+rects[i-1].H > rects[i].Y {
				t.Fatalf("%v and %v overlap", rects[i-1], rects[i])
			}
		}
	}
	var points []layout.Point
	for e := range p.Edges() {
		if p.Stub(e) {
			continue
		}
		edge := p.Edge(e)
		from, to := p.Rect(int(edge.From)), p.Rect(int(edge.To))
		points = p.Route(e, points[:0])
		first, last := points[0], points[len(points)-1]
		if first != (layout.Point{X: from.X + from.W + 1, Y: from.Y}) || last != (layout.Point{X: to.X - 1, Y: to.Y}) {
			t.Fatalf("edge %v runs from %v to %v, nodes are at %v and %v", edge, first, last, from, to)
		}
		for i := 1; i < len(points); i++ {
			if points[i].X < points[i-1].X || points[i].X != points[i-1].X && points[i].Y != points[i-1].Y {
				t.Fatalf("edge %v runs %v", edge, points)
			}
		}
	}
}

func nodes(n int, lane func(i int) int) []layout.Node {
	list := make([]layout.Node, n)
	for i := range list {
		list[i] = layout.Node{Key: fmt.Sprint("n", i), Lane: int32(lane(i)), Width: int32(3 + i%20)}
	}
	return list
}

func titles(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("lane ", i)
	}
	return list
}

// TestHardGraphs places what is unusual, in bounded time.
func TestHardGraphs(t *testing.T) {
	one := func(int) int { return 0 }
	edge := func(from, to int) layout.Edge { return layout.Edge{From: int32(from), To: int32(to)} }
	random := rand.New(rand.NewPCG(5, 5))
	for _, test := range []struct {
		name string
		in   func() *layout.Input
	}{
		{"nothing", func() *layout.Input { return &layout.Input{} }},
		{"no lane", func() *layout.Input { return &layout.Input{Nodes: nodes(3, one), Edges: []layout.Edge{edge(0, 1)}} }},
		{"wrong numbers", func() *layout.Input {
			return &layout.Input{Lanes: titles(2), Nodes: nodes(3, func(i int) int { return i*5 - 5 }), Edges: []layout.Edge{edge(0, 7), edge(-1, 2), edge(0, 1), edge(0, 1)}}
		}},
		{"a self-loop", func() *layout.Input {
			return &layout.Input{Lanes: titles(1), Nodes: nodes(1, one), Edges: []layout.Edge{edge(0, 0)}}
		}},
		{"a cycle of 500", func() *layout.Input {
			in := &layout.Input{Lanes: titles(1), Nodes: nodes(500, one)}
			for i := range 500 {
				in.Edges = append(in.Edges, edge(i, (i+1)%500))
			}
			return in
		}},
		{"a chain of 300 columns with shortcuts", func() *layout.Input {
			in := &layout.Input{Lanes: titles(1), Nodes: nodes(300, one)}
			for i := range 299 {
				in.Edges = append(in.Edges, edge(i, i+1), edge(i, i+1+random.IntN(299-i)))
			}
			return in
		}},
		{"2,000 readers of one", func() *layout.Input {
			in := &layout.Input{Lanes: titles(1), Nodes: nodes(2001, one)}
			for i := range 2000 {
				in.Edges = append(in.Edges, edge(0, i+1))
			}
			return in
		}},
		{"one reads 2,000", func() *layout.Input {
			in := &layout.Input{Lanes: titles(3), Nodes: nodes(2001, func(i int) int { return i % 3 })}
			for i := range 2000 {
				in.Edges = append(in.Edges, edge(i+1, 0))
			}
			return in
		}},
		{"200 by 200, everything", func() *layout.Input {
			in := &layout.Input{Lanes: titles(2), Nodes: nodes(400, func(i int) int { return i / 200 })}
			for i := range 200 {
				for j := range 200 {
					in.Edges = append(in.Edges, edge(i, 200+j))
				}
			}
			return in
		}},
		{"2,000 without edges", func() *layout.Input { return &layout.Input{Lanes: titles(1), Nodes: nodes(2000, one)} }},
		{"one lane with 5,000", func() *layout.Input {
			in := layouttest.Generate(layouttest.Shape{Assets: 5000, Lanes: 1})
			return in
		}},
		{"200 lanes with one each", func() *layout.Input {
			in := &layout.Input{Lanes: titles(200), Nodes: nodes(200, func(i int) int { return i })}
			for i := range 200 {
				if j := random.IntN(200); i < j {
					in.Edges = append(in.Edges, edge(i, j))
				}
			}
			return in
		}},
		{"600 lanes", func() *layout.Input {
			return layouttest.Generate(layouttest.Shape{Assets: 1200, Lanes: 600, Cross: 0.5})
		}},
		{"names of 200 cells", func() *layout.Input {
			in := layouttest.Generate(layouttest.Shape{Assets: 60, Width: 200})
			in.Lanes[0] = strings.Repeat("repository", 20)
			return in
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			in := test.in()
			for _, o := range []layout.Options{{}, {Height: 3, MaxRows: -1}, {Tracks: 1, MaxRows: 4}} {
				p := layout.Lanes(in, o, nil)
				check(t, p)
				check(t, layout.Lanes(in, o, p))
				for i := range p.Len() {
					for _, d := range []layout.Direction{layout.Left, layout.Right, layout.Up, layout.Down} {
						if next, ok := p.Neighbour(i, d); ok && next == i {
							t.Fatalf("the neighbour of %d is %d", i, i)
						}
					}
				}
			}
			t.Logf("%d nodes, %d edges: %v", len(in.Nodes), len(in.Edges), time.Since(began))
		})
	}
}

// TestAnEdgeMovesNothing that it does not have to: what stands in a column before its target keeps its row, in all lanes.
func TestAnEdgeMovesNothing(t *testing.T) {
	for _, n := range []int{100, 1000} {
		in := layouttest.Generate(layouttest.Shape{Assets: n})
		before, layers := layout.Lanes(in, layout.Options{}, nil), in.Layers()
		random := rand.New(rand.NewPCG(1, uint64(n)))
		moved := 0.0
		for range 100 {
			after := layout.Lanes(forward(in, layers, random), layout.Options{}, before)
			check(t, after)
			moved += share(before, after)
		}
		if moved > 1 {
			t.Errorf("%d assets: %.2f %% moved, want at most 1", n, moved)
		}
	}
}

// TestChanges adds and removes nodes and edges one after the other: whoever keeps column and lane keeps its row there.
func TestChanges(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	all := layouttest.Generate(layouttest.Shape{Assets: 150, Lanes: 5})
	here := make([]bool, len(all.Nodes))
	for i := range here {
		here[i] = random.IntN(3) > 0
	}
	var before *layout.Placed
	for step := range 60 {
		for range random.IntN(6) {
			i := random.IntN(len(here))
			here[i] = !here[i]
		}
		in, place := &layout.Input{Lanes: all.Lanes}, make([]int32, len(here))
		for i, n := range all.Nodes {
			if place[i] = -1; here[i] {
				place[i] = int32(len(in.Nodes))
				in.Nodes = append(in.Nodes, n)
			}
		}
		for _, e := range all.Edges {
			if from, to := place[e.From], place[e.To]; from >= 0 && to >= 0 {
				in.Edges = append(in.Edges, layout.Edge{From: from, To: to})
			}
		}
		after := layout.Lanes(in, layout.Options{}, before)
		check(t, after)
		if before != nil {
			keptRows(t, step, before, after)
		}
		before = after
	}
	if before.Drift() <= 0 {
		t.Errorf("drift: got %v after 60 changes", before.Drift())
	}
	if p := layout.Lanes(all, layout.Options{}, nil); p.Drift() != 0 {
		t.Errorf("drift: got %v of a new layout, want 0", p.Drift())
	}
}

func keptRows(t *testing.T, step int, before, after *layout.Placed) {
	t.Helper()
	top := func(p *layout.Placed, lane int32) int {
		for _, b := range p.Bands() {
			if b.Lane == int(lane) {
				return b.Y
			}
		}
		return 0
	}
	order := func(p *layout.Placed, xs map[int]int) {
		for i := range p.Len() {
			xs[p.Rect(i).X] = 0
		}
	}
	columns := map[int]int{}
	order(before, columns)
	for i := range before.Len() {
		j, ok := after.Find(before.Node(i).Key)
		if !ok {
			continue
		}
		a, b := before.Rect(i), after.Rect(j)
		rowA, rowB := a.Y-top(before, before.Node(i).Lane), b.Y-top(after, after.Node(j).Lane)
		if dx, dy := after.Shift(before, before.Node(i).Key); dx != b.X-a.X || dy != b.Y-a.Y {
			t.Fatalf("shift: got %d, %d", dx, dy)
		}
		if rowA != rowB && !forced(before, after, i, j) {
			t.Fatalf("step %d: node %s was in row %d of its lane and is in row %d", step, before.Node(i).Key, rowA, rowB)
		}
	}
}

// forced reports whether the column of a node changed, by the number of columns before it that have nodes in both layouts.
func forced(before, after *layout.Placed, i, j int) bool {
	behind := func(p, other *layout.Placed, node int) map[string]bool {
		set := map[string]bool{}
		for k := range p.Len() {
			if p.Rect(k).X == p.Rect(node).X {
				set[p.Node(k).Key] = true
			}
		}
		return set
	}
	a, b := behind(before, after, i), behind(after, before, j)
	for key := range a {
		if _, ok := after.Find(key); ok && !b[key] {
			return true
		}
	}
	return false
}

// TestOf lists assets by location, with the edges between those that are visible.
func TestOf(t *testing.T) {
	asset := func(key string, deps ...string) graph.Asset {
		a := graph.Asset{Key: graph.MustKey(key), Executable: true, Group: "g"}
		for _, d := range deps {
			a.Deps = append(a.Deps, graph.MustKey(d))
		}
		return a
	}
	g := graph.New([]graph.Definitions{
		{Location: "north", Assets: []graph.Asset{asset("a", "raw"), asset("b", "a")}},
		{Location: "south", Assets: []graph.Asset{asset("c", "a", "b")}},
	}, nil)
	in := layout.Of(g, g.Keys(), func(k graph.Key) int { return len(k.String()) })
	var got []string
	for _, n := range in.Nodes {
		got = append(got, fmt.Sprintf("%s in %q, %d cells", n.Key, in.Lanes[n.Lane], n.Width))
	}
	for _, e := range in.Edges {
		got = append(got, in.Nodes[e.From].Key+" → "+in.Nodes[e.To].Key)
	}
	slices.Sort(got)
	want := []string{`a in "north", 1 cells`, "a → b", "a → c", `b in "north", 1 cells`, "b → c", `c in "south", 1 cells`, `raw in "", 3 cells`, "raw → a"}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	groups := in.Collapse([]int32{0, 0, 0, 1}, []layout.Node{{Key: "x", Width: 3}, {Key: "y", Width: 3, Lane: 1}})
	if diff := cmp.Diff([]layout.Edge{{From: 0, To: 1}}, groups.Edges); diff != "" {
		t.Errorf("edges between groups: -want +got\n%s", diff)
	}
	check(t, layout.Lanes(groups, layout.Options{}, nil))
}

// TestOutside counts every node once: outside on one side, or visible.
func TestOutside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := layouttest.Generate(layouttest.Shape{Assets: rapid.IntRange(1, 80).Draw(t, "assets"), Seed: rapid.Uint64().Draw(t, "seed")})
		p := layout.Lanes(in, layout.Options{}, nil)
		view := layout.Rect{X: rapid.IntRange(-10, 200).Draw(t, "x"), Y: rapid.IntRange(-10, 100).Draw(t, "y"), W: rapid.IntRange(0, 80).Draw(t, "w"), H: rapid.IntRange(0, 40).Draw(t, "h")}
		var o layout.Outside
		p.Outside(view, &o)
		visible := p.Visible(view, nil)
		all := slices.Concat(o.Left, o.Right, o.Above, o.Below, visible)
		slices.Sort(all)
		if len(all) != p.Len() || len(slices.Compact(all)) != p.Len() {
			t.Fatalf("%d nodes: %v outside, %v visible", p.Len(), o, visible)
		}
		for _, v := range visible {
			if !p.Rect(int(v)).Overlaps(view) {
				t.Fatalf("node %d at %v is not in %v", v, p.Rect(int(v)), view)
			}
		}
	})
}

// TestStored layouts are the same when they are read again, also for what is changed afterwards.
func TestStored(t *testing.T) {
	for _, o := range []layout.Options{{}, {Height: 3, MaxRows: 10, Tracks: 2}} {
		in := layouttest.Generate(layouttest.Shape{Assets: 200, Cross: 0.2})
		p := layout.Lanes(in, o, nil)
		more := forward(in, in.Layers(), rand.New(rand.NewPCG(1, 1)))
		p = layout.Lanes(more, o, p)
		data, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var restored layout.Placed
		if err := restored.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		same(t, p, &restored)
		same(t, p, layout.Lanes(more, o, &restored))
		again, err := restored.MarshalBinary()
		if err != nil || !bytes.Equal(data, again) {
			t.Errorf("stored again it differs: %v", err)
		}
	}
}

func same(t *testing.T, a, b *layout.Placed) {
	t.Helper()
	wa, ha := a.Size()
	wb, hb := b.Size()
	if wa != wb || ha != hb || a.Len() != b.Len() || a.Edges() != b.Edges() {
		t.Fatalf("got %d×%d, want %d×%d", wb, hb, wa, ha)
	}
	for i := range a.Len() {
		if a.Rect(i) != b.Rect(i) || a.Node(i) != b.Node(i) {
			t.Fatalf("node %d: got %v %v, want %v %v", i, b.Node(i), b.Rect(i), a.Node(i), a.Rect(i))
		}
	}
	for e := range a.Edges() {
		if !slices.Equal(a.Route(e, nil), b.Route(e, nil)) {
			t.Fatalf("edge %v: got %v, want %v", a.Edge(e), b.Route(e, nil), a.Route(e, nil))
		}
	}
}

// TestSameInputSameLayout whatever the order of the edges.
func TestSameInputSameLayout(t *testing.T) {
	in := layouttest.Generate(layouttest.Shape{Assets: 300})
	p := layout.Lanes(in, layout.Options{}, nil)
	shuffled := &layout.Input{Lanes: in.Lanes, Nodes: in.Nodes, Edges: slices.Concat(in.Edges, in.Edges[:20])}
	random := rand.New(rand.NewPCG(9, 9))
	random.Shuffle(len(shuffled.Edges), func(i, j int) {
		shuffled.Edges[i], shuffled.Edges[j] = shuffled.Edges[j], shuffled.Edges[i]
	})
	same(t, p, layout.Lanes(shuffled, layout.Options{}, nil))
}

// FuzzStored reads anything: an error, or a layout that can be drawn.
func FuzzStored(f *testing.F) {
	for _, o := range []layout.Options{{}, {Height: 3, MaxRows: 6}} {
		data, err := layout.Lanes(layouttest.Generate(layouttest.Shape{Assets: 12, Lanes: 3}), o, nil).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		for i := 20; i < len(data); i += 7 {
			damaged := bytes.Clone(data)
			damaged[i] ^= 1 << (i % 8)
			f.Add(damaged)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p layout.Placed
		if err := p.UnmarshalBinary(data); err != nil {
			return
		}
		check(t, &p)
	})
}
