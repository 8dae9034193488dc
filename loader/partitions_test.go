package loader

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/workspace"
)

func saidParts(at time.Time) keptLocation {
	return keptLocation{
		Kind: string(workspace.GoPackage),
		Assets: []wire.Asset{
			{Key: "raw", Partitions: "daily"},
			{Key: "clean", Inputs: []string{"raw"}, Partitions: "daily"},
			{Key: "weekly", Inputs: []string{"clean"}, Partitions: "weekly"},
			{Key: "odd", Partitions: "odd"},
			{Key: "folds", Partitions: "folds"},
			{Key: "lost", Partitions: "nowhere"},
		},
		Parts: newParts([]wire.Partitions{
			{ID: "daily", Kind: "time_window", Keys: []string{"d1", "d2", "d2"}},
			{ID: "weekly", Kind: "static", Keys: []string{"w1"}},
			{ID: "odd", Kind: "static", Keys: []string{"good", "b\nad", ""}},
			{ID: "folds", Kind: "static", Keys: []string{"US", "us"}},
		}, []wire.Mapping{{Asset: "weekly", Input: "clean", Table: map[string][]string{"w1": {"d1", "d2"}}}, {Asset: "gone", Input: "clean", All: true}}, []wire.MadePartitions{
			{Asset: "raw", Partitions: map[string]wire.Made{"d1": {Run: "r1", Path: "/data/raw/d1"}, "gone": {Run: "r0"}}}, {Asset: "nobody"},
		}, at),
	}
}

// TestStoredPartitions: partitions are known before any location was asked, and assets share their definition.
func TestStoredPartitions(t *testing.T) {
	dir := t.TempDir()
	ws := &workspace.Workspace{Dir: dir, Locations: []workspace.Location{{Name: "north", Kind: workspace.GoPackage, WorkingDirectory: dir}}}
	l := Open(ws, Options{StateDir: filepath.Join(dir, ".assetdev")})
	at := time.Date(2026, 11, 24, 8, 10, 0, 0, time.UTC)
	l.units["north"].kept = saidParts(at)
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	l = Open(ws, Options{StateDir: filepath.Join(dir, ".assetdev")})
	s := l.State("north")
	if len(s.Assets) != 6 || len(s.Problems) != 3 {
		t.Fatalf("got %d assets and the problems %q", len(s.Assets), s.Problems)
	}
	raw, clean, weekly := s.Assets[0], s.Assets[1], s.Assets[2]
	if got := raw.Partitions.Keys(); !slices.Equal(got, []string{"d1", "d2"}) || raw.Partitions != clean.Partitions || raw.Partitions.Kind != graph.Windows {
		t.Errorf("got %v of kind %s", got, raw.Partitions.Kind)
	}
	if m := weekly.Mappings[graph.MustKey("clean")]; m == nil || m.All || !slices.Equal(m.Table["w1"], []string{"d1", "d2"}) {
		t.Errorf("got the mapping %+v", m)
	}
	if m := raw.MadeAt["d1"]; len(raw.MadeAt) != 1 || m == nil || m.Run != "r1" || m.Path != "/data/raw/d1" {
		t.Errorf("made elsewhere: got %+v", raw.MadeAt)
	}
	for i, why := range []string{"is empty", "differ by case only", "does not say which partitions"} {
		if a := s.Assets[3+i]; a.Executable || !strings.Contains(a.Why, why) {
			t.Errorf("%s: executable %v: %q", a.Key, a.Executable, a.Why)
		}
	}
	if l.WindowsDue("north", at.Add(40*time.Minute)) || !l.WindowsDue("north", at.Add(50*time.Minute)) {
		t.Error("windows are due with the hour")
	}
}
