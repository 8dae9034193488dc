package layout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/assetdev/assetdev/graph/layout"
	"github.com/assetdev/assetdev/graph/layout/layouttest"
)

// Held against: what was promised for one core of a machine that others use, in ms of processor time.
var anchors = map[int]struct{ fresh, warm, moved float64 }{
	100: {0.35, 0.05, 1}, 1000: {5, 0.5, 0.5}, 10000: {60, 3, 0.2}, 100000: {500, 20, 0.1},
}

var sizes = []int{100, 1000, 10000, 100000}

// BenchmarkLanes measures layouts from nothing, with the promised figure beside the measured one.
func BenchmarkLanes(b *testing.B) {
	for _, cross := range []float64{0.05, 0.2} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("cross=%v/assets=%d", cross, n), func(b *testing.B) {
				in := layouttest.Generate(layouttest.Shape{Assets: n, Cross: cross})
				p := layout.Lanes(in, layout.Options{}, nil)
				b.ReportAllocs()
				stop := cpu(b)
				for b.Loop() {
					p = layout.Lanes(in, layout.Options{}, nil)
				}
				stop()
				stubs := 0
				for e := range p.Edges() {
					if p.Stub(e) {
						stubs++
					}
				}
				w, h := p.Size()
				b.ReportMetric(anchors[n].fresh, "promised-ms")
				b.ReportMetric(float64(layout.Lanes(in, layout.Options{MaxRows: -1, Tracks: 1 << 20}, nil).Crossings()), "crossings")
				b.ReportMetric(float64(w), "cells-wide")
				b.ReportMetric(float64(h), "rows")
				b.ReportMetric(100*float64(stubs)/float64(p.Edges()), "%stubs")
			})
		}
	}
}

// forward adds an edge that leads to the right within a location.
func forward(in *layout.Input, layers []int32, random *rand.Rand) *layout.Input {
	more := &layout.Input{Lanes: in.Lanes, Nodes: in.Nodes}
	for {
		e := layout.Edge{From: random.Int32N(int32(len(in.Nodes))), To: random.Int32N(int32(len(in.Nodes)))}
		if in.Nodes[e.From].Lane == in.Nodes[e.To].Lane && layers[e.From] < layers[e.To] && !slices.Contains(in.Edges, e) {
			i := slices.IndexFunc(in.Edges, func(o layout.Edge) bool { return o.From > e.From || o.From == e.From && o.To > e.To })
			if i < 0 {
				i = len(in.Edges)
			}
			more.Edges = slices.Insert(slices.Clone(in.Edges), i, e)
			return more
		}
	}
}

// BenchmarkLanesAgain measures what one edge more costs, and which part of the assets changes its row or column by it, less
// what all move together: the mean over 100 random forward edges within a location. As after a reload, the nodes are a copy.
func BenchmarkLanesAgain(b *testing.B) {
	for _, cross := range []float64{0.05, 0.2} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("cross=%v/assets=%d", cross, n), func(b *testing.B) {
				in := layouttest.Generate(layouttest.Shape{Assets: n, Cross: cross})
				before, layers := layout.Lanes(in, layout.Options{}, nil), in.Layers()
				in = &layout.Input{Lanes: in.Lanes, Nodes: slices.Clone(in.Nodes), Edges: in.Edges}
				random := rand.New(rand.NewPCG(1, 1))
				var mores []*layout.Input
				moved, anew, others := 0.0, 0.0, 0
				for range 100 {
					more := forward(in, layers, random)
					mores = append(mores, more)
					moved += share(before, layout.Lanes(more, layout.Options{}, before))
					if n <= 1000 || others < 3 {
						anew += share(before, layout.Lanes(more, layout.Options{}, nil))
						others++
					}
				}
				b.ReportAllocs()
				next := 0
				stop := cpu(b)
				for b.Loop() {
					layout.Lanes(mores[next%len(mores)], layout.Options{}, before)
					next++
				}
				stop()
				b.ReportMetric(anchors[n].warm, "promised-ms")
				b.ReportMetric(moved, "%moved")
				b.ReportMetric(anchors[n].moved, "promised-%moved")
				b.ReportMetric(100*anew/float64(others), "%moved-anew")
			})
		}
	}
}

// share returns which part of the nodes has another column of nodes, or another row less the median of all shifts.
func share(a, b *layout.Placed) float64 {
	columns := func(p *layout.Placed) []int {
		var xs []int
		for i := range p.Len() {
			xs = append(xs, p.Rect(i).X)
		}
		slices.Sort(xs)
		return slices.Compact(xs)
	}
	ca, cb := columns(a), columns(b)
	shifts := make([]int, a.Len())
	for i := range shifts {
		shifts[i] = b.Rect(i).Y - a.Rect(i).Y
	}
	sorted := slices.Sorted(slices.Values(shifts))
	median, moved := sorted[len(sorted)/2], 0
	for i, s := range shifts {
		ka, _ := slices.BinarySearch(ca, a.Rect(i).X)
		kb, _ := slices.BinarySearch(cb, b.Rect(i).X)
		if s != median || ka != kb {
			moved++
		}
	}
	return float64(moved) / float64(len(shifts))
}

// cpu measures the processor time of what follows.
func cpu(b *testing.B) (stop func()) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Nanoseconds())/1e6/float64(b.N), "cpu-ms/op") }
}
