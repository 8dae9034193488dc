package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, `{"type"`) {
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

func (s *stage) wantStatus(key string, want graph.Status) {
	s.t.Helper()
	f := s.engine.Snapshot().Freshness
	if got := f.Status(graph.MustKey(key)); got != want {
		s.t.Errorf("%s is %s, want %s: %v", key, got, want, f.Reasons(graph.MustKey(key)))
	}
}

func TestDataThatLiesElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.bin")
	if err := os.WriteFile(path, []byte("made by somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, map[string]string{"north": fmt.Sprintf(`
		{"key": "up"}
		{"key": "a", "deps": ["up"], "stored_by": "own", "made": {"at": "2026-11-24T08:00:00Z", "run": "r1", "path": %q, "metadata": {"rows": "3"}}}
		{"key": "b", "deps": ["a"]}
		{"key": "w", "stored_by": "own"}`, path), "south": `
		{"key": "a", "external": true, "description": "declared here as well"}
		{"key": "feed", "external": true, "made": {"run": "r9"}}
		{"key": "c", "deps": ["feed"]}`})
	s.makes("north", `{"up": {"format": "opaque", "text": "up"}, "a": {"format": "none", "metadata": {"table": "db.a"}}, "b": {"format": "opaque", "text": "b"}}`)
	s.makes("south", `{"c": {"format": "none"}}`)
	s.open(Options{})
	s.wantStatus("a", graph.Unknown)
	if r := s.engine.Snapshot().Freshness.Reasons(graph.MustKey("a")); len(r) != 1 || r[0].Kind != graph.MadeElsewhere || !strings.Contains(r[0].Text, "by run r1") {
		t.Errorf("a: reasons %v", r)
	}
	s.wantStatus("feed", graph.External)
	page, err := s.engine.Preview(t.Context(), PageRequest{Asset: graph.MustKey("a"), Limit: 10})
	if err != nil || page.Note == "" || page.RowsTotal != 4 || page.Rows[3][0].Value != "rows" || page.Rows[3][1].Value != "3" {
		t.Errorf("preview of a: got %+v, %v", page, err)
	}

	// It is read as it is, and nothing above it runs for its sake.
	if got := s.states(s.run(Materialize{Selection: "b, c"})); got != "b succeeded, c succeeded" {
		t.Errorf("got %s", got)
	}
	s.run(Materialize{Selection: "up"})
	in := s.asked("north", "b").Inputs
	if len(in) != 1 || !in[0].Elsewhere || in[0].Parquet != "" || !strings.HasPrefix(in[0].DataVersion, "bytes1:") {
		t.Errorf("b was given %+v", in)
	}
	if in := s.asked("south", "c").Inputs; len(in) != 1 || !in[0].Elsewhere || in[0].DataVersion != "made:r9" {
		t.Errorf("c was given %+v", in)
	}
	s.wantStatus("b", graph.Fresh)

	// Other data in its place is other data.
	if err := os.WriteFile(path, []byte("made again"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.lookAtStorage(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantStatus("b", graph.Stale)
	s.run(Materialize{Selection: "b"})

	// Made once more by its framework: what reads it is judged by the bytes, as soon as that is known.
	again, err := os.ReadFile(filepath.Join(s.dir, "north/describe.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("north/describe.jsonl", strings.Replace(string(again), `"r1"`, `"r2"`, 1))
	s.reload()
	s.wantStatus("b", graph.Fresh)
	if r := s.engine.Snapshot().Freshness.Reasons(graph.MustKey("a")); len(r) != 1 || !strings.Contains(r[0].Text, "by run r2") {
		t.Errorf("a after run r2: reasons %v", r)
	}

	// Adopted, it is judged like any other, and what reads it stays fresh.
	if _, err := s.engine.Do(t.Context(), Adopt{Keys: []graph.Key{graph.MustKey("a"), graph.MustKey("w")}}); err != nil {
		t.Fatal(err)
	}
	a := s.record("a")
	if !a.Adopted || a.File != "" || a.Metadata["rows"] != "3" || a.Metadata["path"] != path || a.DataVersion != s.record("b").Inputs[a.Key] || !s.record("w").Adopted {
		t.Errorf("adopted: %+v", a)
	}
	s.wantStatus("b", graph.Fresh)
	s.wantStatus("w", graph.Fresh)
	s.wantStatus("a", graph.Fresh)
	if _, err := s.engine.Do(t.Context(), Adopt{Keys: []graph.Key{graph.MustKey("b")}}); err == nil {
		t.Error("b was adopted, though assetdev made it")
	}

	// Overwritten, it is no longer what was adopted, until it is adopted again.
	if err := os.WriteFile(path, []byte("made by somebody, later"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.lookAtStorage(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantStatus("a", graph.Stale)
	s.reload()
	s.wantStatus("a", graph.Stale)
	if _, err := s.engine.Do(t.Context(), Adopt{Keys: []graph.Key{graph.MustKey("a")}}); err != nil {
		t.Fatal(err)
	}
	s.wantStatus("a", graph.Fresh)

	// Made by its own I/O manager: no file of ours, a version for each run, and its readers go there, too.
	if got := s.states(s.run(Materialize{Selection: "a, b", Force: true})); got != "a succeeded, b unchanged" {
		t.Errorf("got %s", got)
	}
	if a := s.record("a"); a.File != "" || a.DataVersion != a.Run || a.Adopted {
		t.Errorf("a: %+v", a)
	}
	if in := s.asked("north", "b").Inputs; !in[0].Elsewhere || in[0].Opaque != "" {
		t.Errorf("b was given %+v", in)
	}
	if in := s.asked("north", "a").Inputs; in[0].Opaque == "" || in[0].Parquet != "" || in[0].Elsewhere {
		t.Errorf("a was given %+v, want the opaque value of up", in)
	}
	if page, err := s.engine.Preview(t.Context(), PageRequest{Asset: graph.MustKey("up"), Limit: 10}); err != nil || page.Note == "" || page.RowsTotal != 3 {
		t.Errorf("preview of an opaque value: got %+v, %v", page, err)
	}
}

func TestAPickleInOurStorageIsReadByWhoWroteIt(t *testing.T) {
	s := newStage(t, map[string]string{"north": `
		{"key": "a"}
		{"key": "b", "deps": ["a"]}`})
	s.makes("north", `{"b": {"format": "none"}}`)
	if err := os.MkdirAll(filepath.Join(s.dir, ".assetdev/assets"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(".assetdev/assets/a", "\x80\x04K\x01.") // as Dagster's own I/O manager leaves it
	s.open(Options{})
	s.wantStatus("a", graph.Unknown)
	if got := s.states(s.run(Materialize{Selection: "b"})); got != "b succeeded" {
		t.Errorf("got %s", got)
	}
	if in := s.asked("north", "b").Inputs; !in[0].Elsewhere || in[0].Parquet != "" || in[0].Opaque != "" || in[0].DataVersion == "" {
		t.Errorf("b was given %+v", in)
	}
	page, err := s.engine.Preview(t.Context(), PageRequest{Asset: graph.MustKey("a"), Limit: 10})
	if err != nil || !strings.Contains(page.Note, "a pickle") {
		t.Errorf("preview: got %+v, %v", page, err)
	}
}

func TestRunConfig(t *testing.T) {
	s := newStage(t, map[string]string{"north": `
		{"key": "a", "config": [{"name": "limit", "type": "Int", "required": true}, {"name": "mode", "required": true, "default": "fast"}, {"name": "note"}], "config_path": ["ops", "a", "config"]}
		{"key": "b", "deps": ["a"]}`})
	s.makes("north", `{"a": {"format": "none"}, "b": {"format": "none"}}`)
	s.open(Options{})
	const text = "its run config needs limit (Int): give it with --config FILE or --config-json TEXT, under ops: a: config"
	plan, err := s.engine.Plan(t.Context(), Materialize{Selection: "b"})
	if err != nil || len(plan.Steps) != 0 || len(plan.Blocked) != 2 || plan.Blocked[0].Text != text || plan.Blocked[1].Text != "waits for a: "+text {
		t.Errorf("without: got %+v, %v", plan, err)
	}
	for _, config := range []string{`{"ops": {"a": {"config": {}}}}`, `{"ops": {"a": 3}}`, `{}`, `[]`} {
		if plan, err := s.engine.Plan(t.Context(), Materialize{Selection: "a", Config: json.RawMessage(config)}); err != nil || len(plan.Steps) != 0 {
			t.Errorf("with %s: got %+v, %v", config, plan, err)
		}
	}
	const config = `{"ops":{"a":{"config":{"limit":3}}}}`
	if got := s.states(s.run(Materialize{Selection: "b", Config: json.RawMessage(config)})); got != "a succeeded, b succeeded" {
		t.Errorf("with %s: got %s", config, got)
	}
	if got := string(s.asked("north", "a").Config); got != config {
		t.Errorf("the process got %s", got)
	}
}

// Data that a given run config made is not what the code makes by itself.
func TestRunConfigCounts(t *testing.T) {
	s := newStage(t, map[string]string{"north": `
		{"key": "a", "config": [{"name": "mode", "default": "fast"}], "config_path": ["ops", "a", "config"]}
		{"key": "b", "deps": ["a"]}`})
	s.makes("north", `{"a": {"format": "opaque", "text": "one"}, "b": {"format": "none"}}`)
	s.open(Options{})
	slow, fast := json.RawMessage(`{"ops":{"a":{"config":{"mode":"slow"}}}}`), json.RawMessage(`{"ops":{"a":{"config":{"mode":"fast"}}}}`)
	for _, step := range []struct {
		config json.RawMessage
		want   string
		status graph.Status
	}{
		{nil, "a succeeded", graph.Fresh},
		{fast, "", graph.Fresh}, // as it is by default
		{slow, "a unchanged", graph.Stale},
		{slow, "a unchanged", graph.Stale},
		{nil, "a unchanged", graph.Fresh},
		{nil, "", graph.Fresh},
	} {
		plan, err := s.engine.Plan(t.Context(), Materialize{Selection: "a", Config: step.config})
		if err != nil || (len(plan.Steps) > 0) != (step.want != "") {
			t.Fatalf("with %s: got the plan %+v, %v, want %q", step.config, plan, err, step.want)
		}
		if step.want != "" {
			if got := s.states(s.run(Materialize{Selection: "a", Config: step.config})); got != step.want {
				t.Errorf("with %s: got %s, want %s", step.config, got, step.want)
			}
		}
		s.wantStatus("a", step.status)
	}
}

func TestPoolsBoundARun(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	s := newStage(t, map[string]string{"north": `{"key": "a", "pool": "db"}`, "south": `
		{"key": "b", "pool": "db"}
		{"key": "c", "pool": "web"}`})
	s.write("assetdev.yaml", "pools: {db: 1}\njobs: 4\n")
	s.makes("north", fmt.Sprintf(`{"a": {"format": "none", "gate": %q}}`, gate))
	s.makes("south", fmt.Sprintf(`{"b": {"format": "none", "gate": %[1]q}, "c": {"format": "none", "gate": %[1]q}}`, gate))
	s.open(Options{})
	if _, err := s.engine.Do(t.Context(), Materialize{Selection: "*", Confirmed: true}); err != nil {
		t.Fatal(err)
	}
	running := func(b *Snapshot) string {
		var keys []string
		for _, step := range b.Run.Steps {
			if step.State == event.Running {
				keys = append(keys, step.Key.String())
			}
		}
		return strings.Join(keys, " ")
	}
	snap := s.until("two run", func(b *Snapshot) bool { return b.Run != nil && len(strings.Fields(running(b))) >= 2 })
	if got := running(snap); got != "a c" {
		t.Errorf("%s run at once, want a and c", got)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	snap = s.until("the run has ended", func(b *Snapshot) bool { return !b.Run.Active() })
	if snap.Run.State != event.Succeeded {
		t.Errorf("got %s: %s", snap.Run.State, s.states(snap.Run))
	}
}

func TestDoctor(t *testing.T) {
	s := newStage(t, map[string]string{"north": `
		{"key": "a"}
		{"key": "model"}
		{"key": "declared", "external": true}
		{"type": "definitions", "definitions": {"resources": ["io_manager: FilesystemIOManager(base_dir=\"~/data\")", "db: DuckDB"], "notices": ["found in src"]}}`, "south": `
		{"key": "b", "deps": ["a", "model", "declared", "modell"]}
		{"type": "definitions", "definitions": {"resources": ["lake: Lake(base_dir='lake', mode=1)"]}}`})
	s.makes("north", `{"model": {"format": "opaque", "text": "m"}}`)
	if err := os.MkdirAll(filepath.Join(s.dir, ".assetdev/assets"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(".assetdev/assets/a", "\x80\x04K\x01.")
	s.open(Options{})
	s.run(Materialize{Selection: "model"})
	var got []string
	for _, f := range s.engine.Doctor() {
		got = append(got, fmt.Sprintf("%s %s: %s", f.State, f.Check, f.Text))
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{
		"ok location north: loaded, ", "ok environment north: ", "warning location north: found in src",
		`warning base_dir north: resource io_manager: base_dir "~/data" is taken as it is written`, `warning base_dir south: resource lake: base_dir "lake" is relative`,
		"warning base_dir: code locations store their files in different folders: ", "warning data a: it is a pickle", "warning data model: it is a value that is no table, and b (south)",
		"warning dependencies: modell is read and no code location defines it",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no finding %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "declared is read") {
		t.Errorf("what is declared counts as defined by nobody:\n%s", all)
	}
}

func TestWhatALocationSaysOfItself(t *testing.T) {
	s := newStage(t, map[string]string{"north": `
		{"key": "a"}
		{"key": "n", "not_executable": "it is observed, not made"}
		{"type": "definitions", "definitions": {"notices": ["found in src"], "jobs": [{"name": "daily", "assets": ["a", "n"]}], "schedules": ["nightly"], "sensors": ["watch"], "resources": ["db: DuckDB"], "framework": "dagster 1.13.27"}}`})
	s.makes("north", `{"a": {"format": "none"}}`)
	s.open(Options{})
	for range 2 {
		l := s.engine.Snapshot().Locations[0]
		if fmt.Sprintf("%v %v %v %v %v", l.Notices, l.Schedules, l.Sensors, l.Resources, l.Framework) != "[found in src] [nightly] [watch] [db: DuckDB] dagster 1.13.27" || len(l.Jobs) != 1 {
			t.Errorf("got %+v", l)
		}
		plan, err := s.engine.Plan(t.Context(), Materialize{Selection: "job:daily", Force: true})
		if err != nil || len(plan.Steps) != 1 || len(plan.Blocked) != 1 || plan.Blocked[0].Text != "it is observed, not made" {
			t.Errorf("job: got %+v, %v", plan, err)
		}
		if err := s.engine.Close(); err != nil { // then from the stored graph
			t.Fatal(err)
		}
		s.open(Options{Passive: true})
	}
}

// Readers that are directed to the view find what lies elsewhere.
// What the framework makes by itself after assetdev did, where assetdev stores nothing, takes the place of what assetdev made.
func TestMadeAfterwards(t *testing.T) {
	made := graph.Made{At: time.Now(), Run: "r2"}
	before, after := made.At.Add(-time.Hour), made.At.Add(time.Hour)
	for _, test := range []struct {
		name   string
		record *graph.Record
		path   string
		want   bool
	}{
		{"made before", &graph.Record{At: after}, "", false},
		{"made after", &graph.Record{At: before}, "", true},
		{"in our storage", &graph.Record{At: before, File: "a"}, "", false},
		{"adopted", &graph.Record{At: after, Adopted: true, DataVersion: "made:r2"}, "", false},
		{"adopted, and made again", &graph.Record{At: after, Adopted: true, DataVersion: "made:r1"}, "", true},
		{"an adopted file, whose bytes tell", &graph.Record{At: before, Adopted: true, DataVersion: "bytes1:00"}, "/a", false},
		{"never made by us", nil, "", false},
	} {
		m := made
		m.Path = test.path
		if got := overwritten(test.record, &m); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestShowElsewhere(t *testing.T) {
	dir, view := t.TempDir(), filepath.Join(t.TempDir(), "view")
	path := filepath.Join(dir, "old name.parquet")
	if err := os.WriteFile(path, []byte("rows"), 0o600); err != nil {
		t.Fatal(err)
	}
	record := func(path string) *graph.Record { return &graph.Record{Metadata: map[string]string{"path": path}} }
	for _, test := range []struct {
		key    string
		record *graph.Record
		made   *graph.Made
		want   string // in the view
	}{
		{"adopted", record(path), &graph.Made{Path: "/nowhere"}, "adopted.parquet"},
		{"marts/made", nil, &graph.Made{Path: path}, "marts/made.parquet"},
		{"relative", record("old name.parquet"), nil, ""},
		{"gone", nil, &graph.Made{Path: path + ".gone"}, ""},
		{"folder", nil, &graph.Made{Path: dir}, ""},
		{"table", &graph.Record{}, nil, ""},
		{"nothing", nil, nil, ""},
	} {
		for range 2 { // a second time it is there
			if err := showElsewhere(view, graph.MustKey(test.key), placeOf(test.record, test.made)); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(filepath.Join(view, filepath.FromSlash(test.want)))
		if test.want != "" && string(data) != "rows" {
			t.Errorf("%s: %q, %v", test.key, data, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(view, "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("the view holds %v, %v; want adopted.parquet and marts", files, err)
	}
}
