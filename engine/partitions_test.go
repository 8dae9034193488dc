package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

const daily = `
	{"type": "partitions", "partitions": {"id": "daily", "kind": "time_window", "keys": ["d1", "d2"]}}
	{"type": "partitions", "partitions": {"id": "daily", "kind": "time_window", "keys": ["d3"]}}
	{"type": "partitions", "partitions": {"id": "regions", "kind": "static", "keys": ["eu/west", "us"]}}
	{"key": "raw", "partitions": "daily"}
	{"key": "clean", "partitions": "daily", "deps": ["raw"]}
	{"key": "window", "partitions": "daily", "deps": ["clean"]}
	{"type": "mapping", "mapping": {"asset": "window", "input": "clean", "table": {"d2": ["d1", "d2"], "d3": ["d2", "d3"]}}}
	{"key": "regional", "partitions": "regions", "deps": ["plain"]}
	{"key": "plain"}`

const dailyMakes = `{
	"raw": {"format": "opaque", "text": "raw"}, "raw[d1]": {"format": "opaque", "text": "one"}, "raw[d2]": {"format": "opaque", "text": "two"},
	"clean": {"format": "opaque", "text": "clean"}, "window": {"format": "opaque", "text": "window"}, "regional": {"format": "opaque", "text": "regional"},
	"plain": {"format": "opaque", "text": "plain"}}`

func newDaily(t *testing.T) *stage {
	s := newStage(t, map[string]string{"north": daily, "south": `{"key": "report", "deps": ["clean"]}`})
	s.makes("north", dailyMakes)
	s.makes("south", `{"report": {"format": "opaque", "text": "report"}}`)
	s.open(Options{})
	return s
}

func (s *stage) counts(key string) string {
	s.t.Helper()
	c, ok := s.engine.Snapshot().Freshness.Partitions(graph.MustKey(key))
	if !ok {
		s.t.Fatalf("%s has no partitions", key)
	}
	return fmt.Sprintf("%d: %d fresh, %d stale, %d missing, %d failed", c.Total, c.Fresh, c.Stale, c.Missing, c.Failed)
}

func (s *stage) wantStates(m Materialize, want string) *Run {
	s.t.Helper()
	r := s.run(m)
	var got []string
	for _, step := range r.Steps {
		got = append(got, fmt.Sprintf("%s %s", step.Key, step.State))
	}
	if text := strings.Join(got, ", "); text != want {
		s.t.Errorf("got %s, want %s", text, want)
	}
	return r
}

func TestPartitions(t *testing.T) {
	s := newDaily(t)
	s.wantStates(Materialize{Selection: "clean"}, "raw[d3] succeeded, clean[d3] succeeded")
	if q := s.asked("north", "clean"); q.Asset != "clean" || q.Partition != "d3" || len(q.Inputs) != 1 || len(q.Inputs[0].Partitions) != 1 ||
		q.Inputs[0].Partitions[0].Key != "d3" || q.Inputs[0].Partitions[0].Opaque == "" || !strings.HasSuffix(q.Inputs[0].Command, "materialize raw --partition d3") {
		t.Errorf("asked for %+v", q)
	}
	s.wantStates(Materialize{Selection: "window", Partitions: Partitions{Keys: []string{"d2"}}},
		"raw[d1] succeeded, raw[d2] succeeded, clean[d1] succeeded, clean[d2] succeeded, window[d2] succeeded")
	if q := s.asked("north", "window"); len(q.Inputs[0].Partitions) != 2 || q.Inputs[0].Partitions[0].Key != "d1" || q.Inputs[0].Partitions[1].DataVersion == "" {
		t.Errorf("asked for %+v", q)
	}
	if got := s.counts("window"); got != "3: 1 fresh, 0 stale, 2 missing, 0 failed" {
		t.Errorf("got %s", got)
	}
	s.wantStates(Materialize{Selection: "window", Partitions: Partitions{Missing: true}}, "window[d1] succeeded, window[d3] succeeded")
	s.wantStates(Materialize{Selection: "report"}, "report succeeded")
	if q := s.asked("south", "report"); q.Partition != "" || len(q.Inputs[0].Partitions) != 3 || q.Inputs[0].Location != "north" {
		t.Errorf("asked for %+v", q)
	}
	if got := s.statuses(); strings.Count(got, "fresh") != 4 {
		t.Errorf("got %s", got)
	}

	// One partition has other data: what reads it is stale, and nothing else runs.
	s.makes("north", strings.Replace(dailyMakes, `"text": "two"`, `"text": "new"`, 1))
	s.wantStates(Materialize{Selection: "raw", Partitions: Partitions{Keys: []string{"d2"}}, Force: true}, "raw[d2] succeeded")
	snap := s.engine.Snapshot()
	for key, want := range map[string]graph.Status{"clean": graph.Stale, "window": graph.Stale, "report": graph.Stale, "raw": graph.Fresh} {
		if got := snap.Freshness.Status(graph.MustKey(key)); got != want {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
	}
	if got := snap.Freshness.Status(graph.MustKey("window").At("d1")); got != graph.Fresh {
		t.Errorf("window of d1: got %v", got)
	}
	s.wantStates(Materialize{Selection: "report or window", Partitions: Partitions{From: "d1", To: "d3"}},
		"clean[d2] unchanged, window[d2] cut_off, window[d3] cut_off, report cut_off")

	// It survives the end of the process, and versions, logs and rollback are the partition's own.
	if err := s.engine.Close(); err != nil {
		t.Fatal(err)
	}
	s.open(Options{})
	if got := s.counts("window"); got != "3: 3 fresh, 0 stale, 0 missing, 0 failed" {
		t.Errorf("got %s", got)
	}
	key := graph.MustKey("raw").At("d2")
	versions, err := s.engine.Versions(t.Context(), key)
	if err != nil || len(versions) != 2 || versions[0].Key != key {
		t.Fatalf("got %v, %v", versions, err)
	}
	if _, err := s.engine.Do(t.Context(), Rollback{Asset: key, Version: VersionName(versions[1])}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(s.dir, ".assetdev/assets/raw/d2.opaque")); err != nil || string(data) != "two" {
		t.Errorf("got %q, %v", data, err)
	}
	if versions, err = s.engine.Versions(t.Context(), graph.MustKey("raw")); err != nil || len(versions) != 1 || versions[0].Key.Partition() != "d3" {
		t.Errorf("of the asset: got %v, %v", versions, err)
	}
}

func TestPartitionNamesAreForeign(t *testing.T) {
	s := newDaily(t)
	s.wantStates(Materialize{Selection: "regional", Partitions: Partitions{Keys: []string{"eu/west"}}}, "plain succeeded, regional[eu/west] succeeded")
	if _, err := os.Stat(filepath.Join(s.dir, ".assetdev/assets/regional/eu%2Fwest.opaque")); err != nil {
		t.Error(err)
	}
	if got := s.engine.Snapshot().Freshness.Status(graph.MustKey("regional")); got != graph.Fresh {
		t.Errorf("a static partition that was never made: the asset is %v", got)
	}
	for _, ev := range s.events(event.KindStep) {
		data, err := ev.MarshalJSON()
		if ev.State == event.Succeeded && ev.Asset.Partition() != "" && (err != nil || !strings.Contains(string(data), `"asset":"regional","partition":"eu/west"`)) {
			t.Errorf("got %s, %v", data, err)
		}
	}
}

func TestPartitionsThatFail(t *testing.T) {
	s := newDaily(t)
	s.makes("north", strings.Replace(dailyMakes, `"raw[d1]": {`, `"raw[d1]": {"error": "d1 is bad", "print": "here", `, 1))
	s.wantStates(Materialize{Selection: "clean", Partitions: Partitions{From: "d1", To: "d2"}},
		"raw[d1] failed, raw[d2] succeeded, clean[d1] skipped, clean[d2] succeeded")
	if got := s.counts("raw"); got != "3: 1 fresh, 0 stale, 2 missing, 1 failed" {
		t.Errorf("got %s", got)
	}
	run := s.engine.Snapshot().Run.ID
	if lines, _, _, err := s.engine.Log(run, graph.MustKey("raw").At("d1"), 0, 10); err != nil || len(lines) != 1 || lines[0].Text != "here" {
		t.Errorf("got the log %v, %v", lines, err)
	}
	if err := s.engine.Close(); err != nil {
		t.Fatal(err)
	}
	s.open(Options{})
	if got := s.counts("raw"); got != "3: 1 fresh, 0 stale, 2 missing, 1 failed" {
		t.Errorf("after it was opened again: %s", got)
	}
	s.makes("north", dailyMakes)
	if _, err := s.engine.Do(t.Context(), Retry{}); err != nil {
		t.Fatal(err)
	}
	snap := s.until("the retry has ended", func(snap *Snapshot) bool { return snap.Run != nil && !snap.Run.Active() || snap.Question != nil })
	if snap.Question != nil {
		if _, err := s.engine.Do(t.Context(), Confirm{ID: snap.Question.ID}); err != nil {
			t.Fatal(err)
		}
		s.until("the retry has ended", func(snap *Snapshot) bool { return snap.Run != nil && !snap.Run.Active() })
	}
	if got := s.counts("clean"); got != "3: 2 fresh, 0 stale, 1 missing, 0 failed" {
		t.Errorf("after the retry: %s", got)
	}
}

func TestWhichPartitions(t *testing.T) {
	s := newDaily(t)
	for _, test := range []struct {
		selection string
		p         Partitions
		want      string // keys, or what the error says
	}{
		{"raw", Partitions{}, "raw[d3]"},
		{"raw", Partitions{Keys: []string{"d2", "d1", "d2"}}, "raw[d1] raw[d2]"},
		{"raw", Partitions{From: "d2", To: "d3"}, "raw[d2] raw[d3]"},
		{"raw or plain", Partitions{Keys: []string{"d1"}}, "plain raw[d1]"},
		{"raw or regional", Partitions{Keys: []string{"us"}}, "regional[us]"},
		{"raw", Partitions{Missing: true, From: "d1", To: "d2"}, "raw[d1] raw[d2]"},
		{"raw", Partitions{Keys: []string{"d4"}}, `! raw has no partition "d4" (did you mean "d1"?)`},
		{"raw", Partitions{Keys: []string{"2026"}}, `! raw has no partition "2026" (it has 3, from "d1" to "d3")`},
		{"raw", Partitions{From: "d3", To: "d1"}, `! raw: partition "d3" comes after "d1"`},
		{"plain", Partitions{Keys: []string{"d1"}}, "! plain has no partitions"},
		{"raw", Partitions{Keys: []string{"d1"}, Missing: true}, "! name partitions by key, or a range with both ends"},
	} {
		plan, err := s.engine.Plan(t.Context(), Materialize{Selection: test.selection, Only: true, Partitions: test.p})
		got := ""
		if err != nil {
			got = "! " + stepError(err).Message
		} else {
			var keys []string
			for _, step := range plan.Steps {
				keys = append(keys, step.Asset.String())
			}
			slices.Sort(keys)
			got = strings.Join(keys, " ")
		}
		if got != test.want {
			t.Errorf("%s %+v: got %s, want %s", test.selection, test.p, got, test.want)
		}
	}
	if from, to, err := ParseRange("a...b"); err != nil || from != "a" || to != "b" {
		t.Errorf("got %s, %s, %v", from, to, err)
	}
	if _, _, err := ParseRange("a..b"); err == nil {
		t.Error("a..b is no range")
	}
}

// TestAutoRunStartsTheLatestPartition: a thousand keys never start by themselves.
func TestAutoRunStartsTheLatestPartition(t *testing.T) {
	s := newDaily(t)
	s.run(Materialize{Selection: "clean", Partitions: Partitions{From: "d1", To: "d3"}})
	s.run(Materialize{Selection: "report"})
	if err := s.engine.Close(); err != nil {
		t.Fatal(err)
	}
	s.describe("north", strings.Replace(daily, `{"key": "raw"`, `{"code_version": "2", "key": "raw"`, 1))
	s.open(Options{Watch: true, Auto: &AutoOptions{Selection: "+report", CatchUp: true}})
	s.reload()
	snap := s.until("auto-run has run", func(snap *Snapshot) bool { return snap.Run != nil && !snap.Run.Active() && snap.Run.By == "auto" })
	var keys []string
	for _, step := range snap.Run.Steps {
		keys = append(keys, step.Key.String())
	}
	if got := strings.Join(keys, " "); got != "raw[d3] clean[d3] report" {
		t.Errorf("auto-run started %s", got)
	}
	if got := s.counts("raw"); got != "3: 1 fresh, 2 stale, 0 missing, 0 failed" {
		t.Errorf("got %s", got)
	}
}
