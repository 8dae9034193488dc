package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

// many is an engine with a graph of n assets in 8 locations, and nothing behind it.
func many(n int) *Engine {
	var all []graph.Definitions
	for l := range 8 {
		d := graph.Definitions{Location: fmt.Sprintf("location_%d", l)}
		for i := l; i < n; i += 8 {
			a := graph.Asset{Key: graph.MustKey(fmt.Sprintf("asset_%05d", i)), Location: d.Location, Executable: true}
			for _, up := range []int{i - 8, i - 13} {
				if up >= 0 {
					a.Deps = append(a.Deps, graph.MustKey(fmt.Sprintf("asset_%05d", up)))
				}
			}
			d.Assets = append(d.Assets, a)
		}
		all = append(all, d)
	}
	e := &Engine{stored: map[graph.Key]graph.Stored{}, graph: graph.New(all, nil)}
	e.fresh = graph.NewFreshness(e.graph, func(graph.Key) graph.Stored { return graph.Stored{} }, time.Time{})
	return e
}

// TestPaintsWhatChanged: what nothing is said about keeps its picture, and pictures that somebody holds never change.
func TestPaintsWhatChanged(t *testing.T) {
	e, now := many(100), time.Now()
	first, seq := e.paint(now)
	if again, same := e.paint(now); same != seq || len(again) != 100 {
		t.Errorf("nothing changed, and the number went from %d to %d", seq, same)
	}
	key := graph.MustKey("asset_00042")
	e.run = &activeRun{state: event.Running, steps: map[graph.Key]*Step{key: {Key: key, State: event.Running, Fraction: 0.5}}}
	e.repaintSteps(e.run)
	next, changed := e.paint(now)
	if changed != seq+1 || first[key].Word != "missing" || next[key].Word != event.Running {
		t.Errorf("got number %d after %d, %q became %q", changed, seq, first[key].Word, next[key].Word)
	}
	for k, a := range first {
		if k != key && next[k] != a {
			t.Errorf("%s was painted anew", k)
		}
	}
	e.fresh = graph.NewFreshness(e.graph, func(k graph.Key) graph.Stored {
		if k == key {
			return graph.Stored{}
		}
		return graph.Stored{Data: graph.DataForeign}
	}, now)
	if last, _ := e.paint(now); last[graph.MustKey("asset_00001")].Word != e.fresh.Status(graph.MustKey("asset_00001")).String() || last[key] != next[key] {
		t.Error("another status did not show, or showed too much")
	}
}

// BenchmarkSnapshot paints after the progress of one step, and whole.
func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		e := many(n)
		key := graph.MustKey("asset_00042")
		e.run = &activeRun{state: event.Running, steps: map[graph.Key]*Step{key: {Key: key, State: event.Running}}}
		b.Run(fmt.Sprintf("progress/assets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.repaint(key)
				e.paint(time.Time{})
			}
		})
		b.Run(fmt.Sprintf("whole/assets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.pictures = pictures{}
				e.paint(time.Time{})
			}
		})
	}
}
