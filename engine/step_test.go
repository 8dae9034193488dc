package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/wire"
)

// A stage is an opened workspace whose locations say and make what a test wants: testdata/fake.
type stage struct{ *shop }

// newStage writes a workspace with these locations; describe holds for each the messages that describe it, one asset a line.
func newStage(t *testing.T, describe map[string]string) *stage {
	t.Helper()
	s := &stage{&shop{t: t, dir: t.TempDir()}}
	entries := "load_from:\n"
	for _, name := range []string{"north", "south"} {
		if describe[name] == "" {
			continue
		}
		dir := filepath.Join(s.dir, name)
		if err := os.CopyFS(dir, os.DirFS("testdata/fake")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "go.mod.tmpl"), filepath.Join(dir, "go.mod")); err != nil {
			t.Fatal(err)
		}
		s.describe(name, describe[name])
		s.makes(name, "{}")
		entries += fmt.Sprintf("  - go_package: {package_name: ./assets, location_name: %[1]s, working_directory: ./%[1]s}\n", name)
	}
	s.write("workspace.yaml", entries)
	return s
}

// describe writes what a location says: lines of an asset's JSON, or of a whole message. An asset without a code version has one.
func (s *stage) describe(location, lines string) {
	s.t.Helper()
	var messages []string
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		if line = strings.TrimSpace(line); !strings.Contains(line, `"type"`) {
			if !strings.Contains(line, `"code_version"`) {
				line = `{"code_version": "1", ` + strings.TrimPrefix(line, "{")
			}
			line = `{"type": "asset", "asset": ` + line + `}`
		}
		messages = append(messages, line)
	}
	s.write(location+"/describe.jsonl", strings.Join(messages, "\n")+"\n")
}

func (s *stage) makes(location, things string) {
	s.t.Helper()
	if !json.Valid([]byte(things)) {
		s.t.Fatalf("no JSON: %s", things)
	}
	s.write(location+"/make.json", things)
}

// asked returns the newest request for an asset, as its first.
func (s *stage) asked(location, asset string) wire.Request {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, location, "asked", strings.ReplaceAll(asset, "/", "_")+".json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var q wire.Request
	if err := json.Unmarshal(data, &q); err != nil {
		s.t.Fatal(err)
	}
	return q
}

func (s *stage) record(key string) *graph.Record {
	s.t.Helper()
	r := s.engine.Snapshot().Assets[graph.MustKey(key)].Stored.Record
	if r == nil {
		s.t.Fatalf("%s has no record", key)
	}
	return r
}

func (s *stage) reload() {
	s.t.Helper()
	if _, err := s.engine.Do(s.t.Context(), Reload{}); err != nil {
		s.t.Fatal(err)
	}
	s.until("everything is loaded", func(b *Snapshot) bool { return !b.Loading })
}

// events returns those of the last run, once its end was told.
func (s *stage) events(kind string) []event.Event {
	s.t.Helper()
	run := s.engine.Snapshot().Run.ID
	for !slices.ContainsFunc(s.seen, func(ev event.Event) bool { return ev.Kind == event.KindRun && ev.Run == run && event.Final(ev.State) }) {
		b, err := s.engine.Wait(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		s.seen = append(s.seen, b.Events...)
	}
	var found []event.Event
	for _, ev := range s.seen {
		if ev.Kind == kind && ev.Run == run {
			found = append(found, ev)
		}
	}
	return found
}

func TestOneProcessMakesSeveralAssets(t *testing.T) {
	s := newStage(t, map[string]string{"north": `
		{"key": "a", "step": "ab", "together": true}
		{"key": "b", "step": "ab", "together": true, "deps": ["a"]}
		{"key": "c", "step": "cd"}
		{"key": "d", "step": "cd"}
		{"key": "x", "deps": ["b"]}`})
	s.makes("north", `{
		"a": {"format": "opaque", "text": "one", "metadata": {"n": 1, "who": "a"}, "print": "both are made here"},
		"b": {"format": "opaque", "text": "two", "version": "b1"},
		"c": {"format": "opaque", "text": "three"}, "d": {"format": "opaque", "text": "four"},
		"x": {"format": "opaque", "text": "x"}}`)
	s.open(Options{})
	if got := s.states(s.run(Materialize{Selection: "x, c"})); got != "a succeeded, b succeeded, c succeeded, x succeeded" && got != "a succeeded, c succeeded, b succeeded, x succeeded" &&
		got != "a succeeded, b succeeded, x succeeded, c succeeded" {
		t.Errorf("got %s", got)
	}
	q := s.asked("north", "a")
	if len(q.Outputs) != 2 || q.Outputs[0].Asset != "a" || q.Outputs[1].Asset != "b" || q.Outputs[0].Output == q.Outputs[1].Output || len(q.Inputs) != 0 {
		t.Errorf("asked for %+v", q)
	}
	if q := s.asked("north", "c"); len(q.Outputs) != 0 {
		t.Errorf("c alone: asked for %+v", q.Outputs)
	}
	a, b := s.record("a"), s.record("b")
	if a.Metadata["n"] != "1" || a.Metadata["who"] != "a" || b.DataVersion != "b1" || b.Inputs[graph.MustKey("a")] != a.DataVersion || a.Run != b.Run {
		t.Errorf("a: %+v\nb: %+v", a, b)
	}
	for _, key := range []string{"a", "b"} { // one log, under the key of each
		for range 2 {
			lines, _, _, err := s.engine.Log(a.Run, graph.MustKey(key), 0, 10)
			if err != nil || len(lines) != 1 || lines[0].Text != "both are made here" {
				t.Errorf("log of %s: got %v, %v", key, lines, err)
			}
			if err := s.engine.logs.close(); err != nil { // then from its file
				t.Fatal(err)
			}
		}
	}

	// The same data: what reads it is cut off. Both are made, though one would do.
	s.describe("north", `
		{"key": "a", "step": "ab", "together": true}
		{"key": "b", "step": "ab", "together": true, "deps": ["a"], "code_version": "2"}
		{"key": "c", "step": "cd"}
		{"key": "d", "step": "cd"}
		{"key": "x", "deps": ["b"]}`)
	s.reload()
	if got := s.states(s.run(Materialize{Selection: "x"})); got != "a unchanged, b unchanged, x cut_off" {
		t.Errorf("after a change of b: got %s", got)
	}
	// Those that can be made one by one are, and what is missing of the others comes back from its version.
	if got := s.states(s.run(Materialize{Selection: "c, d", Force: true})); got != "c unchanged, d succeeded" {
		t.Errorf("c and d: got %s", got)
	}
	for _, file := range []string{"a.opaque", "c.opaque"} {
		if err := os.Remove(filepath.Join(s.dir, ".assetdev/assets", file)); err != nil {
			t.Fatal(err)
		}
	}
	s.makes("north", `{"a": {"error": "must not run"}}`)
	if got := s.states(s.run(Materialize{Selection: "x, c, d"})); !strings.Contains(got, "a unchanged") || !strings.Contains(got, "b unchanged") || !strings.Contains(got, "c unchanged") || strings.Contains(got, "failed") {
		t.Errorf("after deleting files: got %s", got)
	}
}

func TestWhatBecomesOfEachAssetOfAStep(t *testing.T) {
	s := newStage(t, map[string]string{"north": `
		{"key": "a", "step": "s", "together": true}
		{"key": "b", "step": "s", "together": true}
		{"key": "c", "step": "s", "together": true}
		{"key": "d", "step": "s", "together": true}
		{"key": "of_a", "deps": ["a"]}
		{"key": "of_b", "deps": ["b"]}
		{"key": "of_c", "deps": ["c"]}`})
	// One is made, one the step chose not to make, of one it says nothing, and one is no Parquet file.
	s.makes("north", `{
		"a": {"format": "opaque", "text": "one"}, "b": {"format": "skipped"}, "d": {"format": "parquet", "text": "no table"},
		"of_a": {"format": "none"}, "of_b": {"format": "none"}, "of_c": {"format": "none"}}`)
	s.open(Options{})
	r := s.run(Materialize{Selection: "of_a, of_b, of_c"})
	got := map[string]string{}
	for _, step := range r.Steps {
		got[step.Key.String()] = step.State
		if step.Error != nil {
			got[step.Key.String()] += ": " + step.Error.Message
		}
	}
	for key, want := range map[string]string{
		"a": "succeeded", "of_a": "succeeded", "b": "skipped", "of_b": "skipped", "of_c": "skipped", "c": "failed: the process ended well and said nothing of this asset", "d": "failed: not a Parquet file",
	} {
		if !strings.HasPrefix(got[key], want) || want == "skipped" && got[key] != want {
			t.Errorf("%s: got %q, want %q", key, got[key], want)
		}
	}
	// What was made is kept for the one that chose not to make it again.
	s.makes("north", `{
		"a": {"format": "opaque", "text": "one"}, "b": {"format": "opaque", "text": "two"}, "c": {"format": "opaque", "text": "3"}, "d": {"format": "none"}, "of_b": {"format": "none"}}`)
	s.run(Materialize{Selection: "of_b"})
	s.makes("north", `{"a": {"format": "opaque", "text": "other"}, "b": {"format": "skipped"}, "c": {"format": "skipped"}, "d": {"format": "skipped"}}`)
	if got := s.states(s.run(Materialize{Selection: "a, of_b", Force: true})); !strings.HasPrefix(got, "a succeeded, b unchanged, c unchanged, d unchanged") {
		t.Errorf("chose not to: got %s", got)
	}
	// A failure of the process fails all.
	s.makes("north", `{"a": {"format": "opaque"}, "b": {"error": "no more"}}`)
	r = s.run(Materialize{Selection: "a", Force: true})
	if got := s.states(r); got != "a failed, b failed, c failed, d failed" || r.Steps[3].Error.Message != "no more" {
		t.Errorf("failed: got %s", got)
	}
	if a := s.record("a"); !strings.HasPrefix(a.DataVersion, "bytes1:") || s.engine.Snapshot().Freshness.Status(graph.MustKey("a")) != graph.Fresh {
		t.Errorf("after a failure: %+v", a)
	}
}

func TestChecks(t *testing.T) {
	s := newStage(t, map[string]string{"north": `
		{"key": "a", "checks": [{"name": "not_empty", "blocking": true, "description": "has rows"}, {"name": "never_run"}]}
		{"key": "b", "deps": ["a"]}
		{"key": "c"}`})
	checks := func(passed bool, severity string) string {
		return fmt.Sprintf(`[{"type": "check", "check": {"asset": "a", "name": "not_empty", "passed": %v, "severity": %q, "description": "0 rows", "metadata": {"rows": 0}}},
			{"type": "check", "check": {"asset": "elsewhere", "name": "not_ours", "passed": false, "severity": "ERROR", "blocking": true}}]`, passed, severity)
	}
	makes := func(passed bool, severity string) {
		s.makes("north", fmt.Sprintf(`{"a": {"format": "opaque", "text": "one", "checks": %s}, "b": {"format": "none"}, "c": {"format": "none"}}`, checks(passed, severity)))
	}
	makes(false, "ERROR")
	s.open(Options{})
	r := s.run(Materialize{Selection: "b"})
	if got := s.states(r); got != "a succeeded, b skipped" || r.State != event.Failed {
		t.Errorf("%s: %s", r.State, got)
	}
	found := s.events(event.KindCheck)
	if len(found) != 1 || found[0].Name != "not_empty" || *found[0].Passed || found[0].Severity != "ERROR" || string(found[0].Metadata["rows"]) != "0" || found[0].Text != "0 rows" {
		t.Errorf("events: got %+v", found)
	}
	snap := s.engine.Snapshot()
	a := snap.Assets[graph.MustKey("a")]
	if a.Word != "check failed" || snap.Freshness.Status(a.Key) != graph.Fresh || len(a.Stored.Record.Checks) != 1 || !a.Stored.Record.Checks[0].Holds() {
		t.Errorf("a: got %q, %v, %+v", a.Word, snap.Freshness.Status(a.Key), a.Stored.Record.Checks)
	}
	// It is still known to who opens the workspace later.
	if err := s.engine.Close(); err != nil {
		t.Fatal(err)
	}
	s.open(Options{})
	if word := s.engine.Snapshot().Assets[graph.MustKey("a")].Word; word != "check failed" {
		t.Errorf("opened again: got %q", word)
	}
	// A warning holds up nothing.
	makes(false, "WARN")
	if got := s.states(s.run(Materialize{Selection: "b", Force: true})); got != "b succeeded" {
		t.Errorf("b alone: got %s", got)
	}
	if got := s.states(s.run(Materialize{Selection: "a, b", Force: true})); got != "a unchanged, b unchanged" && got != "a unchanged, b succeeded" {
		t.Errorf("a warning: got %s", got)
	}
	if word := s.engine.Snapshot().Assets[graph.MustKey("a")].Word; word != "fresh" {
		t.Errorf("after a warning: got %q", word)
	}
	// A step that fails tells its checks as well.
	s.makes("north", `{"a": {"error": "no", "checks": `+checks(false, "ERROR")+`}}`)
	s.run(Materialize{Selection: "a", Force: true})
	if got := s.events(event.KindCheck); len(got) != 1 {
		t.Errorf("of a step that failed: got %+v", got)
	}
}
