package history

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func write(t *testing.T, h *History, run string, events ...event.Event) *Writer {
	t.Helper()
	w, err := h.Begin(run)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		e.At, e.Run = noon.Add(time.Duration(i)*time.Second), run
		if err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func step(key, state string) event.Event {
	k := graph.MustKey(key)
	return event.Event{Kind: event.KindStep, Asset: &k, State: state}
}

func TestRunsNewestFirst(t *testing.T) {
	h := Open(t.TempDir())
	ms := int64(1500)
	for _, run := range []string{"20261124-120000-000001", "20261124-120500-000002"} {
		w := write(t, h, run, event.Event{Kind: event.KindPlan, By: "user", Select: "a"}, step("a", event.Running), step("a", event.Succeeded),
			event.Event{Kind: event.KindRun, State: event.Succeeded, MS: &ms, Counts: map[string]int{"succeeded": 1}})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := h.Runs(1)
	if err != nil {
		t.Fatal(err)
	}
	want := []Summary{{Run: "20261124-120500-000002", State: "succeeded", At: noon, MS: 1500, By: "user", Selection: "a", Counts: map[string]int{"succeeded": 1}}}
	if diff := cmp.Diff(want, runs); diff != "" {
		t.Error(diff)
	}
}

func TestARunWithoutAnEndWasInterrupted(t *testing.T) {
	h := Open(t.TempDir())
	run := "20261124-120000-000001"
	w := write(t, h, run, event.Event{Kind: event.KindPlan, By: "user"}, step("a", event.Succeeded), step("b", event.Running), step("c", event.Queued))
	if runs, err := h.Runs(0); err != nil || runs[0].State != event.Running {
		t.Fatalf("while it is written: got %v, %v, want running", runs, err)
	}
	if n, err := h.Interrupted(); err != nil || n != 0 {
		t.Fatalf("while it is written: found %d, %v, want none", n, err)
	}
	if err := w.file.Close(); err != nil { // as a killed process leaves it
		t.Fatal(err)
	}
	if n, err := h.Interrupted(); err != nil || n != 1 {
		t.Fatalf("found %d, %v, want 1", n, err)
	}
	if n, err := h.Interrupted(); err != nil || n != 0 {
		t.Fatalf("the second time: found %d, %v, want none", n, err)
	}
	assets, err := h.Assets()
	if err != nil {
		t.Fatal(err)
	}
	if last := assets[graph.MustKey("b")].Last; last == nil || last.State != event.Interrupted {
		t.Errorf("b: got %v, want interrupted", last)
	}
	if _, ok := assets[graph.MustKey("c")]; ok {
		t.Errorf("c never ran and is remembered")
	}
}

func TestADamagedTailIsPassedOver(t *testing.T) {
	h := Open(t.TempDir())
	run := "20261124-120000-000001"
	w := write(t, h, run, step("a", event.Running))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.Dir(run), "events.jsonl")
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"at":"2026-11-24T12:00:00Z","event":"st`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w = write(t, h, run, event.Event{Kind: event.KindRun, State: event.Cancelled})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if runs, err := h.Runs(0); err != nil || runs[0].State != event.Cancelled {
		t.Errorf("got %v, %v, want the end that was written after the damage", runs, err)
	}
}

func TestRememberMergesAndForecasts(t *testing.T) {
	dir := t.TempDir()
	a, b := graph.MustKey("a"), graph.MustKey("b")
	for i := range 7 {
		if err := Open(dir).Remember(map[graph.Key]Outcome{a: {TookMS: int64(i * 10), Last: graph.LastRun{Run: "r", State: event.Succeeded, At: noon}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := Open(dir).Remember(map[graph.Key]Outcome{b: {TookMS: -1, Last: graph.LastRun{State: event.Failed, Error: "boom"}}}); err != nil {
		t.Fatal(err)
	}
	assets, err := Open(dir).Assets()
	if err != nil {
		t.Fatal(err)
	}
	if ms, ok := assets[a].Forecast(); !ok || ms != 40 {
		t.Errorf("forecast of a: got %d, %t, want the median 40 of the last five", ms, ok)
	}
	if _, ok := assets[b].Forecast(); ok || assets[b].Last.Error != "boom" {
		t.Errorf("b: got %v, want its failure and no forecast", assets[b])
	}
}

func TestPruneKeepsTheNewest(t *testing.T) {
	h := Open(t.TempDir())
	for _, run := range []string{"20261124-120000-000001", "20261124-120500-000002"} {
		w := write(t, h, run, event.Event{Kind: event.KindPlan}, event.Event{Kind: event.KindRun, State: event.Succeeded})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := h.Prune(noon.Add(time.Hour), 0, true); err != nil || n != 1 {
		t.Errorf("a dry run: got %d, %v, want 1", n, err)
	}
	if n, err := h.Prune(noon.Add(time.Hour), 0, false); err != nil || n != 1 {
		t.Fatalf("removed %d, %v, want 1", n, err)
	}
	if runs, _ := h.Runs(0); len(runs) != 1 || runs[0].Run != "20261124-120500-000002" {
		t.Errorf("left %v, want the newest", runs)
	}
}

func TestFoldersAreForTheUserAlone(t *testing.T) {
	h := Open(filepath.Join(t.TempDir(), "state"))
	w := write(t, h, "20261124-120000-000001", step("a", event.Running))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{h.dir: 0o700, h.Dir("20261124-120000-000001"): 0o700, filepath.Join(h.Dir("20261124-120000-000001"), "events.jsonl"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

func TestARunIDThatIsAPathIsRefused(t *testing.T) {
	for _, run := range []string{"", "..", "../x", "a/b", `a\b`, "A"} {
		if ValidID(run) {
			t.Errorf("ValidID(%q) = true", run)
		}
	}
}
