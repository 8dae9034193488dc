package tui

import (
	"fmt"
	"testing"
	"time"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/tui/tuitest"
)

// crowd is a snapshot of n assets in 8 locations, the first of which runs.
func crowd(n int) *engine.Snapshot {
	var all []graph.Definitions
	for l := range 8 {
		d := graph.Definitions{Location: fmt.Sprintf("location_%d", l)}
		for i := l; i < n; i += 8 {
			a := graph.Asset{Key: graph.MustKey(fmt.Sprintf("team_%d/asset_%05d", l, i)), Location: d.Location, Executable: true}
			for _, up := range []int{i - 8, i - 24} {
				if up >= 0 {
					a.Deps = append(a.Deps, graph.MustKey(fmt.Sprintf("team_%d/asset_%05d", l, up)))
				}
			}
			d.Assets = append(d.Assets, a)
		}
		all = append(all, d)
	}
	g := graph.New(all, nil)
	s := &engine.Snapshot{
		Seq: 1, AssetsSeq: 1, At: epoch, Graph: g, Assets: map[graph.Key]*engine.Asset{}, Auto: engine.Auto{Mode: "off"},
		Freshness: graph.NewFreshness(g, func(graph.Key) graph.Stored { return graph.Stored{} }, epoch), Workspace: engine.Workspace{Trusted: true, Name: "crowd"},
	}
	for _, k := range g.Keys() {
		s.Assets[k] = &engine.Asset{Key: k, Word: "missing", ForecastMS: -1}
	}
	step := engine.Step{Key: graph.MustKey("team_0/asset_00000"), Location: "location_0", State: event.Running, Started: epoch, Fraction: -1, Rows: -1, Forecast: -1}
	s.Run = &engine.Run{ID: "r1", State: event.Running, Started: epoch, Steps: []engine.Step{step}, ETA: -1}
	s.Assets[step.Key].Step, s.Assets[step.Key].Word = &step, "running"
	s.Words = map[string]int{"running": 1, "missing": n - 1}
	return s
}

// BenchmarkKey is the time from a key to its frame, without the terminal: the cursor moves while the log of all steps is on the
// screen. Promised are 16 ms with the terminal.
func BenchmarkKey(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("assets=%d", n), func(b *testing.B) {
			f := &fake{snap: crowd(n), lines: 1_000_000}
			clock := tuitest.NewClock(epoch)
			m, err := New(b.Context(), f, Options{Now: clock.Now, Tick: clock.Tick, Getenv: func(k string) string {
				return map[string]string{"TERM": "xterm-256color", "LANG": "C.UTF-8"}[k]
			}})
			if err != nil {
				b.Fatal(err)
			}
			d := tuitest.New(m, clock, 160, 45)
			d.Press("L", "A", "esc")
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Update(tuitest.Key([]string{"j", "j", "j", "k"}[i%4]))
				m.View()
			}
		})
		b.Run(fmt.Sprintf("log/assets=%d", n), func(b *testing.B) { // what comes between: a frame with new lines of the log
			f := &fake{snap: crowd(n), lines: 1_000_000}
			clock := tuitest.NewClock(epoch)
			m, err := New(b.Context(), f, Options{Now: clock.Now, Tick: clock.Tick, Getenv: func(k string) string {
				return map[string]string{"TERM": "xterm-256color", "LANG": "C.UTF-8"}[k]
			}})
			if err != nil {
				b.Fatal(err)
			}
			d := tuitest.New(m, clock, 160, 45)
			d.Press("L", "A")
			b.ReportAllocs()
			for b.Loop() {
				f.lines += 3_300
				d.Advance(40 * time.Millisecond)
			}
		})
		b.Run(fmt.Sprintf("snapshot/assets=%d", n), func(b *testing.B) { // another snapshot, in which one asset differs
			f := &fake{snap: crowd(n)}
			clock := tuitest.NewClock(epoch)
			m, err := New(b.Context(), f, Options{Now: clock.Now, Tick: clock.Tick, Getenv: func(string) string { return "" }})
			if err != nil {
				b.Fatal(err)
			}
			tuitest.New(m, clock, 160, 45)
			b.ReportAllocs()
			for b.Loop() {
				next := *m.snap
				next.Seq++
				next.AssetsSeq++
				m.Update(batchMsg{engine.Batch{Snapshot: &next}})
				m.View()
			}
		})
	}
}
