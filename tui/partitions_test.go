package tui

import (
	"reflect"
	"slices"
	"testing"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
)

// partedShop is shop with partitions for stg_orders: one fresh, one missing, one with a name that would move the cursor.
func partedShop() *engine.Snapshot {
	s := shop()
	var all []graph.Definitions
	for _, l := range s.Graph.Locations() {
		d := graph.Definitions{Location: l}
		for i := range s.Graph.Len() {
			if a := s.Graph.At(i); a.Location == l {
				if a.Key == at("stg_orders") {
					a.Partitions = graph.NewPartitions("daily", graph.Windows, []string{"2026-11-22", "2026-11-23\x1b[2J", "2026-11-24"})
				}
				d.Assets = append(d.Assets, a)
			}
		}
		all = append(all, d)
	}
	old := s.Freshness
	s.Graph = graph.New(all, nil)
	s.Freshness = graph.NewFreshness(s.Graph, func(k graph.Key) graph.Stored {
		if k == at("stg_orders").At("2026-11-24") {
			return graph.Stored{}
		}
		stored := old.Stored(k.Asset())
		if stored.Record != nil && k.Partition() != "" {
			r := *stored.Record
			a, _ := s.Graph.Asset(k)
			r.Key, r.Code = k, a.Code
			stored.Record = &r
		}
		return stored
	}, epoch)
	for _, k := range s.Graph.Keys() {
		s.Assets[k].Stored = s.Freshness.Stored(k)
	}
	return s
}

func TestPartitionPicker(t *testing.T) {
	f := &fake{snap: partedShop()}
	d, m := driven(t, f, 120, 30, nil)
	cursor(t, m, "stg_orders")
	has(t, d, "2/3") // in the status column
	d.Press("p")
	has(t, d, "partition 2026-11-23\\x1b[2J") // whose rows are shown: of the last that exists
	d.Press("m")
	has(t, d, "Partitions of stg_orders")
	has(t, d, "3, 2 fresh, 1 missing")
	has(t, d, `2026-11-23\x1b[2J`)
	d.Press("enter") // the latest is under the cursor
	d.Press("m", "k", "V", "k", "enter")
	d.Press("m", "x", "m")
	d.Press("m", "g", "space", "j", "space", "enter")
	d.Press("m", "esc")
	key := at("stg_orders")
	first, second, third := key.At("2026-11-22"), key.At("2026-11-23\x1b[2J"), key.At("2026-11-24")
	want := []engine.Command{
		engine.Materialize{Keys: []graph.Key{third}, By: "user"},
		engine.Materialize{Keys: []graph.Key{first, second}, By: "user"},
		engine.Materialize{Keys: []graph.Key{third}, By: "user"},
		engine.Materialize{Keys: []graph.Key{first, third}, By: "user"},
	}
	if !reflect.DeepEqual(f.done, want) {
		t.Errorf("got %+v\nwant %+v", f.done, want)
	}
	d.Press("M", "p", "g", "v")
	if m.overlay != nil || f.pages[len(f.pages)-1].Asset != first {
		t.Errorf("rows of %s are shown", f.pages[len(f.pages)-1].Asset)
	}
	has(t, d, "partition 2026-11-22 ")
	if !slices.ContainsFunc(f.pages, func(r engine.PageRequest) bool { return r.Asset == second }) {
		t.Errorf("got %v", f.pages)
	}
}
