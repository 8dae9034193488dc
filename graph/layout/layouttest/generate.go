// Package layouttest makes graphs to lay out: for tests, for benchmarks and for comparisons with other tools. The same shape
// gives the same graph.
package layouttest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/assetdev/assetdev/graph/layout"
)

// A Shape says what a generated graph looks like. It is that of what several teams build together: 8 code locations, groups of
// some 20 assets, 1.6 edges an asset, half of them within a group, a fifth of them over more than one step, some assets read by
// many, and as many steps from the first to the last as grow with the logarithm of the size.
type Shape struct {
	Assets int
	Lanes  int     // code locations; 0 is 8
	Cross  float64 // which part of the edges leads from one location to another; 0 is 0.05
	Seed   uint64
	Width  int32 // of labels in cells; 0 is 12 to 24
}

type asset struct{ lane, group, depth int }

// Generate returns a graph without cycles.
func Generate(s Shape) *layout.Input {
	if s.Lanes == 0 {
		s.Lanes = min(8, max(s.Assets, 1))
	}
	if s.Cross == 0 {
		s.Cross = 0.05
	}
	random := rand.New(rand.NewPCG(s.Seed, uint64(s.Assets)))
	depth := max(3, int(4*math.Log10(float64(s.Assets+1)))-2)
	assets := make([]asset, s.Assets)
	in := &layout.Input{Nodes: make([]layout.Node, s.Assets)}
	for l := range s.Lanes {
		in.Lanes = append(in.Lanes, fmt.Sprintf("repo-%d", l))
	}
	perLane := max(1, s.Assets/s.Lanes)
	groups := max(1, perLane/20) // per lane
	first := make([]int, s.Lanes*groups)
	for g := range first {
		first[g] = g % groups * depth / groups // groups follow each other
		first[g] = min(max(0, first[g]+random.IntN(3)-1), max(0, depth-4))
	}
	members := make([][]int, s.Lanes*groups)
	names := random.Perm(s.Lanes * groups) // that groups follow each other shows in their edges alone
	for i := range assets {
		l := i * s.Lanes / s.Assets
		g := l*groups + random.IntN(groups)
		d := min(first[g]+random.IntN(4), depth-1)
		if groups == 1 {
			d = random.IntN(depth)
		}
		assets[i] = asset{l, g, d}
		members[g] = append(members[g], i)
		width := s.Width
		if width == 0 {
			width = 12 + random.Int32N(13)
		}
		in.Nodes[i] = layout.Node{Key: fmt.Sprintf("repo_%d/table_%d", l, i), Lane: int32(l), Group: int32(names[g]), Width: width}
	}
	pick := func(g int) int {
		if len(members[g]) == 0 {
			return -1
		}
		u := random.Float64()
		return members[g][int(u*u*float64(len(members[g])))]
	}
	seen := map[layout.Edge]bool{}
	for tries := 0; len(in.Edges) < s.Assets*8/5 && tries < s.Assets*400; tries++ {
		to := random.IntN(s.Assets)
		var from int
		t := assets[to]
		switch kind := random.Float64(); {
		case kind < s.Cross && s.Lanes > 1:
			l := random.IntN(s.Lanes - 1)
			if l >= t.lane {
				l++
			}
			from = pick(l*groups + random.IntN(groups))
		case kind < s.Cross+0.44 && groups > 1:
			g := t.group%groups + random.IntN(5) - 2
			if g < 0 || g >= groups || g == t.group%groups {
				continue
			}
			from = pick(t.lane*groups + g)
		default:
			from = pick(t.group)
		}
		if from < 0 {
			continue
		}
		step := t.depth - assets[from].depth
		if step <= 0 || step > 1 && random.Float64() > 0.05 {
			continue
		}
		if e := (layout.Edge{From: int32(from), To: int32(to)}); !seen[e] {
			seen[e] = true
			in.Edges = append(in.Edges, e)
		}
	}
	slices.SortFunc(in.Edges, func(a, b layout.Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return in
}
