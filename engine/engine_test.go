package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/demo/demotest"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/child"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	m.Run()
}

// A shop is an opened workspace of the two small repositories of package demotest.
type shop struct {
	t      *testing.T
	dir    string
	engine *Engine
	seen   []event.Event
}

// openShop writes the workspace, trusts it and opens it.
func openShop(t *testing.T, o Options) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir()}
	if err := demotest.Shop(s.dir); err != nil {
		t.Fatal(err)
	}
	s.write("assetdev.yaml", "auto_run: {budget: 1h}\n") // however slow this machine is today
	s.open(o)
	return s
}

func (s *shop) open(o Options) {
	s.t.Helper()
	o.File, o.CacheDir, o.TrustDir = filepath.Join(s.dir, "workspace.yaml"), filepath.Join(s.dir, ".cache"), filepath.Join(s.dir, ".trust")
	o.TrustOnce = true
	e, err := Open(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.engine = e
	s.t.Cleanup(func() {
		if err := e.Close(); err != nil {
			s.t.Error(err)
		}
	})
	s.until("everything is loaded", func(b *Snapshot) bool { return !b.Loading })
}

func (s *shop) write(file, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, file), []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) save(file, before, after string) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		s.t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(before)) {
		s.t.Fatalf("%s does not hold %q", file, before)
	}
	s.write(file, strings.ReplaceAll(string(data), before, after))
}

// until waits for a snapshot with the property; events that come by are collected.
func (s *shop) until(what string, holds func(*Snapshot) bool) *Snapshot {
	s.t.Helper()
	deadline := time.After(5 * time.Minute) // under the race detector, on a machine that has other things to do
	for snap := s.engine.Snapshot(); ; {
		s.checkPictures()
		if holds(snap) {
			return snap
		}
		got := make(chan Batch, 1)
		failed := make(chan error, 1)
		go func() {
			b, err := s.engine.Wait(s.t.Context())
			if err != nil {
				failed <- err
				return
			}
			got <- b
		}()
		select {
		case b := <-got:
			snap = b.Snapshot
			s.seen = append(s.seen, b.Events...)
		case err := <-failed:
			s.t.Fatalf("waiting until %s: %v", what, err)
		case <-deadline:
			s.t.Fatalf("never: %s; run %+v, notices %v", what, snap.Run, snap.Notices)
		}
	}
}

// checkPictures compares the pictures that the snapshots went on with, with ones painted anew.
func (s *shop) checkPictures() {
	s.t.Helper()
	e := s.engine
	if err := e.call(s.t.Context(), func() {
		snap := e.snapshot()
		if len(snap.Assets) != e.graph.Len() {
			s.t.Errorf("%d pictures of %d assets", len(snap.Assets), e.graph.Len())
		}
		words := map[string]int{}
		for _, a := range snap.Assets {
			words[a.Word]++
		}
		if !maps.Equal(words, snap.Words) {
			s.t.Errorf("counted %v, the snapshot says %v", words, snap.Words)
		}
		for i, key := range e.graph.Keys() {
			old, anew := *snap.Assets[key], e.picture(key, time.Now())
			anew.ReadBy = e.readBy(i)
			for _, a := range []*Asset{&old, &anew} {
				if a.Step != nil {
					step := *a.Step
					step.MS = 0
					a.Step = &step
				}
			}
			if !reflect.DeepEqual(old, anew) {
				s.t.Errorf("the picture of %s was not painted anew:\ngot  %+v %+v\nwant %+v %+v", key, old, old.Step, anew, anew.Step)
			}
		}
	}); err != nil {
		s.t.Error(err)
	}
}

// run materializes and waits for the end.
func (s *shop) run(m Materialize) *Run {
	s.t.Helper()
	m.Confirmed = true
	reply, err := s.engine.Do(s.t.Context(), m)
	if err != nil {
		s.t.Fatal(err)
	}
	if reply.Run == "" {
		s.t.Fatalf("nothing ran: %+v", reply)
	}
	return s.until("run "+reply.Run+" has ended", func(b *Snapshot) bool { return b.Run != nil && b.Run.ID == reply.Run && !b.Run.Active() }).Run
}

func (s *shop) states(r *Run) string {
	var out []string
	for _, step := range r.Steps {
		out = append(out, step.Key.String()+" "+step.State)
	}
	return strings.Join(out, ", ")
}

func (s *shop) statuses() string {
	snap := s.engine.Snapshot()
	var out []string
	for _, key := range snap.Graph.Keys() {
		out = append(out, key.String()+" "+snap.Freshness.Status(key).String())
	}
	return strings.Join(out, ", ")
}

func TestOneRunOverTwoRepositories(t *testing.T) {
	s := openShop(t, Options{LogEvents: true})
	if got := s.states(s.run(Materialize{Selection: "report"})); got != "orders succeeded, prices succeeded, order_totals succeeded, report succeeded" {
		t.Errorf("got %s", got)
	}
	reply, err := s.engine.Do(t.Context(), Materialize{Selection: "report", Confirmed: true})
	if err != nil || reply.Text != "nothing to do: report is fresh" {
		t.Errorf("again: got %q, %v", reply.Text, err)
	}
	// The step's log reached who listens, and its lines can be read afterwards.
	if !slices.ContainsFunc(s.seen, func(e event.Event) bool { return e.Kind == event.KindLog && strings.Contains(e.Text, "pricing") }) {
		t.Error("no log event says pricing")
	}
	run := s.engine.Snapshot().Run.ID
	lines, last, _, err := s.engine.Log(run, graph.MustKey("order_totals"), 0, 100)
	if err != nil || last != int64(len(lines)) || !slices.ContainsFunc(lines, func(l LogLine) bool { return strings.Contains(l.Text, "pricing") }) {
		t.Errorf("log: got %v, %v", lines, err)
	}
	page, err := s.engine.Preview(t.Context(), PageRequest{Asset: graph.MustKey("order_totals"), Limit: 10})
	if err != nil || page.RowsTotal != 3 {
		t.Errorf("preview: got %+v, %v", page, err)
	}
}

func TestAPlanWhoseDurationIsNotKnownAsks(t *testing.T) {
	s := openShop(t, Options{})
	reply, err := s.engine.Do(t.Context(), Materialize{Keys: []graph.Key{graph.MustKey("report")}})
	if err != nil || reply.Question == "" {
		t.Fatalf("got %+v, %v, want a question", reply, err)
	}
	q := s.engine.Snapshot().Question
	if q == nil || len(q.Plan.Steps) != 4 || len(q.Why) == 0 {
		t.Fatalf("got %+v", q)
	}
	if _, err := s.engine.Do(t.Context(), Confirm{ID: q.ID}); err != nil {
		t.Fatal(err)
	}
	s.until("the run has ended", func(b *Snapshot) bool { return b.Run != nil && !b.Run.Active() })
	// Now the durations are known, and a cheap plan starts at once.
	reply, err = s.engine.Do(t.Context(), Materialize{Keys: []graph.Key{graph.MustKey("report")}, Force: true})
	if err != nil || reply.Run == "" {
		t.Errorf("got %+v, %v, want a run", reply, err)
	}
	s.until("the run has ended", func(b *Snapshot) bool { return b.Run.ID == reply.Run && !b.Run.Active() })
}

func TestASaveRunsWhatItMadeStale(t *testing.T) {
	s := openShop(t, Options{Watch: true})
	s.run(Materialize{Selection: "*"})
	before := s.engine.Snapshot().Run.ID
	s.save("north/assets/main.go", "discount = 0.0", "discount = 0.25")
	snap := s.until("auto-run has ended", func(b *Snapshot) bool { return b.Run.ID != before && !b.Run.Active() && !b.Loading })
	if got := s.states(snap.Run); got != "order_totals succeeded, report succeeded, summary unchanged" || snap.Run.By != "auto" {
		t.Errorf("%s ran: %s", snap.Run.By, got)
	}
	s.save("north/assets/main.go", "// orders lists what was ordered.", "// orders: what was ordered.")
	snap = s.until("the save was looked at", func(b *Snapshot) bool { return strings.Contains(b.Save.Text, "no change of meaning") })
	if got := s.statuses(); strings.Contains(got, "stale") {
		t.Errorf("after a comment: %s", got)
	}

	// Off: stale, and nothing runs.
	if _, err := s.engine.Do(t.Context(), SetAutoRun{Mode: "off"}); err != nil {
		t.Fatal(err)
	}
	last := snap.Run.ID
	s.save("north/assets/main.go", "discount = 0.25", "discount = 0.5")
	snap = s.until("the change is seen", func(b *Snapshot) bool {
		return b.Freshness.Status(graph.MustKey("order_totals")) == graph.Stale && !b.Loading
	})
	if snap.Run.ID != last {
		t.Errorf("run %s started although auto-run is off", snap.Run.ID)
	}
}

func TestCancelEndsTheRun(t *testing.T) {
	s := openShop(t, Options{})
	t.Setenv("GATE", filepath.Join(s.dir, "never"))
	if err := s.engine.Close(); err != nil { // the environment of steps is that of the moment of opening
		t.Fatal(err)
	}
	s.open(Options{})
	if _, err := s.engine.Do(t.Context(), Materialize{Selection: "report", Confirmed: true}); err != nil {
		t.Fatal(err)
	}
	s.until("prices runs", func(b *Snapshot) bool {
		a := b.Assets[graph.MustKey("prices")]
		return a.Step != nil && a.Step.State == event.Running
	})
	if _, err := s.engine.Do(t.Context(), Cancel{}); err != nil {
		t.Fatal(err)
	}
	snap := s.until("the run has ended", func(b *Snapshot) bool { return !b.Run.Active() })
	if got := s.states(snap.Run); snap.Run.State != event.Cancelled || !strings.Contains(got, "prices cancelled, order_totals cancelled, report cancelled") {
		t.Errorf("%s: %s", snap.Run.State, got)
	}
}

func TestClosingWhileARunGoesOn(t *testing.T) {
	s := openShop(t, Options{})
	t.Setenv("GATE", filepath.Join(s.dir, "never"))
	if err := s.engine.Close(); err != nil {
		t.Fatal(err)
	}
	s.open(Options{})
	reply, err := s.engine.Do(t.Context(), Materialize{Selection: "prices", Confirmed: true})
	if err != nil {
		t.Fatal(err)
	}
	s.until("prices runs", func(b *Snapshot) bool {
		a := b.Assets[graph.MustKey("prices")]
		return a.Step != nil && a.Step.State == event.Running
	})
	if err := s.engine.Close(); err != nil {
		t.Fatal(err)
	}
	runs, err := s.engine.Runs(t.Context(), 1)
	if err != nil || runs[0].Run != reply.Run || runs[0].State != event.Cancelled {
		t.Errorf("got %+v, %v, want run %s cancelled", runs, err, reply.Run)
	}
	if _, err := s.engine.Do(t.Context(), Reload{}); err == nil {
		t.Error("a closed engine takes commands")
	}
}

func TestNothingRunsBeforeTrust(t *testing.T) {
	s := openShop(t, Options{})
	if err := s.engine.Close(); err != nil { // the stored graph is written
		t.Fatal(err)
	}
	e, err := Open(t.Context(), Options{File: filepath.Join(s.dir, "workspace.yaml"), CacheDir: filepath.Join(s.dir, ".cache"), TrustDir: filepath.Join(s.dir, "other")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	snap := e.Snapshot()
	if snap.Workspace.Trusted || snap.Workspace.Trust == nil || snap.Graph.Len() != 5 {
		t.Errorf("trusted %t, question %+v, %d assets; want the stored graph and a question", snap.Workspace.Trusted, snap.Workspace.Trust, snap.Graph.Len())
	}
	for _, c := range []Command{Materialize{Selection: "*"}, Reload{}} {
		var needs *NeedsTrust
		if _, err := e.Do(t.Context(), c); !errors.As(err, &needs) {
			t.Errorf("%T: got %v, want NeedsTrust", c, err)
		}
	}
	if _, err := e.Do(t.Context(), Trust{Remember: true}); err != nil {
		t.Fatal(err)
	}
	if !e.Snapshot().Workspace.Trusted {
		t.Error("still not trusted")
	}
}

func TestWhatOthersDoIsSeen(t *testing.T) {
	s := openShop(t, Options{Watch: true})
	s.run(Materialize{Selection: "*"})
	if err := os.Remove(s.engine.Path(graph.MustKey("report"))); err != nil {
		t.Fatal(err)
	}
	s.until("the deletion is seen", func(b *Snapshot) bool { return b.Freshness.Status(graph.MustKey("report")) == graph.Missing })
	// At once, too, when somebody asks for a run.
	if err := os.Remove(s.engine.Path(graph.MustKey("orders"))); err != nil {
		t.Fatal(err)
	}
	if got := s.states(s.run(Materialize{Selection: "report"})); got != "orders unchanged, order_totals cut_off, report unchanged" {
		t.Errorf("got %s", got)
	}
}

// TestClosingAtOnce: whatever is under way when an engine closes, it closes. Workers that ask the owner for something must not wait
// for an owner that waits for them.
func TestClosingAtOnce(t *testing.T) {
	s := openShop(t, Options{})
	if err := s.engine.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		e, err := Open(t.Context(), Options{File: filepath.Join(s.dir, "workspace.yaml"), CacheDir: filepath.Join(s.dir, ".cache"), TrustDir: filepath.Join(s.dir, ".trust"), TrustOnce: i%2 == 0, Watch: true})
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- e.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("engine %d does not close", i)
		}
	}
}

func TestWaitEndsWhenTheEngineCloses(t *testing.T) {
	s := openShop(t, Options{})
	if err := s.engine.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := s.engine.Wait(context.Background()); err != nil {
			break
		}
	}
	if s.engine.Snapshot() == nil {
		t.Error("no last snapshot")
	}
}

func TestEveryCommandIsAnswered(t *testing.T) {
	s := openShop(t, Options{})
	for _, c := range Commands {
		if _, err := s.engine.Do(t.Context(), c); err != nil && strings.Contains(err.Error(), "unknown command") {
			t.Errorf("%s: %v", fmt.Sprintf("%T", c), err)
		}
	}
}

func TestRollback(t *testing.T) {
	s := openShop(t, Options{})
	s.run(Materialize{Selection: "orders"})
	s.save("north/assets/main.go", "orderedPears = 5", "orderedPears = 6")
	if _, err := s.engine.Do(t.Context(), Reload{}); err != nil {
		t.Fatal(err)
	}
	s.until("it is stale", func(b *Snapshot) bool {
		return !b.Loading && b.Freshness.Status(graph.MustKey("orders")) == graph.Stale
	})
	s.run(Materialize{Selection: "orders"})
	versions, err := s.engine.Versions(t.Context(), graph.MustKey("orders"))
	if err != nil || len(versions) != 2 {
		t.Fatalf("got %d versions, %v, want 2", len(versions), err)
	}
	if _, err := s.engine.Do(t.Context(), Rollback{Asset: graph.MustKey("orders"), Version: VersionName(versions[1])}); err != nil {
		t.Fatal(err)
	}
	snap := s.engine.Snapshot()
	if got := snap.Assets[graph.MustKey("orders")].Stored.Record.DataVersion; got != versions[1].DataVersion {
		t.Errorf("data version %s, want the earlier %s", got, versions[1].DataVersion)
	}
	if got := snap.Freshness.Status(graph.MustKey("orders")); got != graph.Stale {
		t.Errorf("data of other code is %s, want stale", got)
	}
}
