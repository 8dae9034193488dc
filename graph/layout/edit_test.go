package layout

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestEditGivesWhatWarmGives for one edge more or less, and for a change of widths, in every slice.
func TestEditGivesWhatWarmGives(t *testing.T) {
	edits, lines := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		in := &Input{}
		for range rapid.IntRange(1, 3).Draw(t, "lanes") {
			in.Lanes = append(in.Lanes, string(rune('a'+len(in.Lanes))))
		}
		n := int32(rapid.IntRange(1, 40).Draw(t, "nodes"))
		for i := range n {
			in.Nodes = append(in.Nodes, Node{
				Key: string('A' + i), Lane: int32(rapid.IntRange(0, len(in.Lanes)-1).Draw(t, "lane")), Width: 3 + i%30,
				Layer: rapid.SampledFrom([]int32{0, 0, 0, 0, 0, 0, 0, 0, 0, 3}).Draw(t, "layer"),
			})
		}
		edge := func() Edge {
			from, to := rapid.Int32Range(0, n-1).Draw(t, "from"), rapid.Int32Range(0, n-1).Draw(t, "to")
			if rapid.IntRange(0, 9).Draw(t, "back") > 0 && from > to {
				from, to = to, from
			}
			return Edge{from, to}
		}
		sorted := func(edges []Edge) []Edge {
			slices.SortFunc(edges, compareEdges)
			return slices.Compact(edges)
		}
		for range rapid.IntRange(0, 60).Draw(t, "edges") {
			in.Edges = append(in.Edges, edge())
		}
		in.Edges = sorted(in.Edges)
		o := Options{Height: rapid.SampledFrom([]int{1, 3}).Draw(t, "height"), MaxRows: rapid.SampledFrom([]int{-1, 0, 6, 12}).Draw(t, "rows"), Tracks: rapid.SampledFrom([]int{0, 3}).Draw(t, "tracks")}.normal()
		was := Lanes(in, o, nil)
		for range 6 {
			next := &Input{Lanes: in.Lanes, Nodes: slices.Clone(in.Nodes), Edges: slices.Clone(in.Edges)}
			switch rapid.IntRange(0, 4).Draw(t, "change") {
			case 0:
				next.Nodes[rapid.IntRange(0, int(n)-1).Draw(t, "node")].Width += 9
			case 1:
				if len(next.Edges) > 0 {
					i := rapid.IntRange(0, len(next.Edges)-1).Draw(t, "edge")
					next.Edges = slices.Delete(next.Edges, i, i+1)
				}
			default:
				next.Edges = sorted(append(next.Edges, edge()))
			}
			got := edit(next, was)
			b := &builder{o: o}
			b.read(next)
			b.again(was)
			want := b.finish(was)
			if got != nil {
				edits++
				if len(got.arcTo) != len(was.arcTo) {
					lines++
				}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(Placed{}), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("-warm +edit\n%s", diff)
				}
			}
			in, was = next, want
		}
	})
	if edits < 100 || lines < 20 {
		t.Errorf("%d edits, %d of which changed lines, are too few", edits, lines)
	}
}
