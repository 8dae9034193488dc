package iomanager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/store"
	"github.com/assetdev/assetdev/iomanager/store/storetest"
)

// Several processes work on one asset of one storage. Each operation on the store waits until the scheduler lets it go on, in an
// order and with faults that rapid chooses; processes die and the machine loses power. Then a process without faults looks at it.

// A process is one writer. It does one thing at a time.
type process struct {
	world   *world
	name    string
	manager *Manager
	client  *storetest.Client
	busy    bool
	waiting chan storetest.Fault // where the operation waits for its fault; nil when none waits
	base    int64                // newest number that it has seen
}

type event struct {
	process *process
	reply   chan storetest.Fault // nil: what the process did is done
}

// An answer is what a commit said.
type answer struct {
	run     string
	base    int64
	record  graph.Record
	outcome Outcome
	err     error
}

type world struct {
	t       *rapid.T
	dir     string
	key     graph.Key
	memory  *storetest.Memory
	events  chan event
	answers []answer // of one process each, appended before its event
	runs    int
	started int
}

func (w *world) open(name string, st store.Store) *Manager {
	m, err := Open(context.Background(), Config{StateDir: filepath.Join(w.dir, name), Store: st, Tables: plain{}, Keep: Keep{Versions: 2}})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) start() *process {
	w.started++
	p := &process{world: w, name: fmt.Sprint("p", w.started)}
	p.client = w.memory.Client(func(context.Context, storetest.Op) storetest.Fault {
		reply := make(chan storetest.Fault)
		w.events <- event{p, reply}
		return <-reply
	})
	return p
}

// act begins something on an idle process.
func (p *process) act() {
	w := p.world
	p.busy = true
	what := rapid.SampledFrom([]string{"commit", "commit", "commit", "restore", "stored", "collect"}).Draw(w.t, p.name)
	w.runs++
	run := fmt.Sprint("r", w.runs)
	text := rapid.SampledFrom([]string{"one\n", "two\n", "three\n"}).Draw(w.t, "text")
	pick := rapid.IntRange(0, 9).Draw(w.t, "pick")
	go func() { // the scheduler waits for its event
		if p.manager == nil {
			p.manager = w.open(p.name, p.client)
		}
		ctx := context.Background()
		m := p.manager
		var a *answer
		switch what {
		case "commit":
			out := filepath.Join(w.dir, run)
			if err := os.WriteFile(out, []byte(text), 0o600); err != nil {
				panic(err)
			}
			d := Draft{Record: record(w.key.String(), run), Output: out, Format: FormatArrow, BaseSeq: p.base}
			a = &answer{run: run, base: p.base}
			a.record, a.outcome, a.err = m.Commit(ctx, d)
			if errors.Is(a.err, store.ErrAmbiguous) {
				a.record, a.outcome, a.err = m.Commit(ctx, d)
			}
		case "restore":
			versions, err := m.Versions(ctx, w.key)
			if err != nil || len(versions) == 0 {
				break
			}
			update := record(w.key.String(), run)
			update.Code.Version = text
			a = &answer{run: run}
			a.record, a.outcome, a.err = m.Restore(ctx, w.key, versions[pick%len(versions)], update)
		case "stored":
			_, _ = m.Stored(ctx, []graph.Key{w.key}) // what it says is checked when nobody interferes
		case "collect":
			_, _ = m.Collect(ctx, false) // likewise
		}
		latest, err := m.Latest(ctx, w.key)
		if err == nil && latest != nil {
			p.base = latest.Seq
		}
		if a != nil {
			w.answers = append(w.answers, *a) // the scheduler lets one process run at a time
		}
		w.events <- event{p, nil}
	}()
}

// settle waits until the process waits or is done.
func (w *world) settle() {
	e := <-w.events
	e.process.waiting = e.reply
	if e.reply == nil {
		e.process.busy = false
	}
}

func (w *world) release(p *process, fault storetest.Fault) {
	reply := p.waiting
	p.waiting = nil
	reply <- fault
	w.settle()
}

func TestProtocol(t *testing.T) {
	base, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o700); err != nil {
			rt.Fatal(err)
		}
		w := &world{t: rt, dir: dir, key: graph.MustKey("a/b"), memory: &storetest.Memory{Now: time.Now}, events: make(chan event)}
		for range rapid.IntRange(1, 3).Draw(rt, "phases") {
			w.check(w.phase())
		}
	})
}

// phase lets some processes work, and reports whether nothing went wrong.
func (w *world) phase() (calm bool) {
	processes := make([]*process, rapid.IntRange(1, 3).Draw(w.t, "processes"))
	for i := range processes {
		processes[i] = w.start()
	}
	faulty := rapid.SampledFrom([]int{0, 5, 30}).Draw(w.t, "faults in 100")
	for range rapid.IntRange(0, 150).Draw(w.t, "steps") {
		i := rapid.IntRange(0, len(processes)-1).Draw(w.t, "process")
		p := processes[i]
		switch {
		case p.waiting != nil:
			fault := storetest.None
			if rapid.IntRange(0, 99).Draw(w.t, "luck") < faulty {
				fault = rapid.SampledFrom(storetest.Faults).Draw(w.t, "fault")
			}
			w.release(p, fault)
		case p.client.Dead():
			processes[i] = w.start()
		default:
			p.act()
			w.settle()
		}
	}
	end := rapid.SampledFrom([]string{"finish", "die", "power"}).Draw(w.t, "end")
	for _, p := range processes {
		for p.waiting != nil {
			if end == "finish" {
				w.release(p, storetest.None)
			} else {
				w.release(p, storetest.Die)
			}
		}
	}
	if end == "power" {
		w.memory.Crash()
	}
	return faulty == 0 && end == "finish"
}

// check looks at the storage with a process of its own, without faults.
func (w *world) check(calm bool) {
	w.started++
	ctx := context.Background()
	m := w.open(fmt.Sprint("check", w.started), w.memory)
	if h, err := m.head(ctx, w.key); err != nil {
		w.t.Fatal(err)
	} else if calm && h.newest != nil { // nothing to put right
		if same, err := m.holds(ctx, h.newest.wellKnown(), h.newest.Bytes, h.newest.Sum); err != nil || !same {
			w.t.Fatalf("nothing went wrong, and the copy is not the data of the newest record: %v", err)
		}
	}
	found, err := m.Stored(ctx, []graph.Key{w.key})
	if err != nil {
		w.t.Fatal(err)
	}
	s := found[w.key]
	switch s.Data {
	case graph.DataAbsent:
	case graph.DataPresent:
	case graph.DataMissing: // a crash before the very first copy
		if _, outcome, err := m.Restore(ctx, w.key, *s.Record, *s.Record); err != nil || outcome != Unchanged {
			w.t.Fatalf("restore: outcome %d, %v", outcome, err)
		}
	case graph.DataChanged, graph.DataForeign, graph.DataUnreachable:
		w.t.Fatalf("state %d, %q", s.Data, s.Text)
	}
	m.now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	entries, damaged, err := m.entries(ctx, w.key)
	if err != nil || len(damaged) > 0 {
		w.t.Fatalf("log: %v, %v", damaged, err)
	}
	if (len(entries) > 0) != (s.Record != nil) || s.Record != nil && s.Record.Seq != entries[0].Seq {
		w.t.Fatalf("the record is %+v, and the log has %d", s.Record, len(entries))
	}
	w.checkAnswers(entries)
	findings, err := m.Fsck(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range findings {
		if f.State == FindingError || f.Check == "copy" {
			w.t.Fatalf("fsck: %+v", f)
		}
	}
	for _, e := range entries[:min(1, len(entries))] {
		if same, err := m.holds(ctx, e.wellKnown(), e.Bytes, e.Sum); err != nil || !same {
			w.t.Fatalf("the copy is not the data of the newest record: %v", err)
		}
	}
	m.cfg.Keep.Versions = 1
	if _, err := m.Collect(ctx, false); err != nil {
		w.t.Fatal(err)
	}
	findings, err = m.Fsck(ctx)
	if err != nil || slices.ContainsFunc(findings, func(f Finding) bool { return f.State == FindingError }) {
		w.t.Fatalf("after retention: %+v, %v", findings, err)
	}
}

// checkAnswers compares what commits were told with what is in the log, newest first.
func (w *world) checkAnswers(entries []*entry) {
	byRun := map[string]*entry{}
	for i, e := range entries {
		if byRun[e.Run] != nil {
			w.t.Fatalf("run %s has two records: %d and %d", e.Run, byRun[e.Run].Seq, e.Seq)
		}
		byRun[e.Run] = e
		if i > 0 && entries[i-1].Seq <= e.Seq {
			w.t.Fatalf("the log is out of order: %d before %d", entries[i-1].Seq, e.Seq)
		}
	}
	newest := int64(0)
	if len(entries) > 0 {
		newest = entries[0].Seq
	}
	for _, a := range w.answers {
		mine := byRun[a.run]
		switch {
		case a.outcome == Succeeded || a.outcome == Unchanged:
			if a.record.Run != a.run { // Restore put the copy back and needed no record
				continue
			}
			if mine == nil && a.record.Seq > newest-recentRecords {
				w.t.Fatalf("run %s was told %d, number %d, and has no record", a.run, a.outcome, a.record.Seq)
			}
			if mine == nil {
				continue
			}
			if mine.Seq != a.record.Seq || mine.DataVersion != a.record.DataVersion {
				w.t.Fatalf("run %s was told %+v and has %+v", a.run, a.record, mine.Record)
			}
			for _, e := range entries {
				if e.Seq < mine.Seq && e.Seq > a.base && a.base > 0 {
					w.t.Fatalf("run %s began from %d, has number %d, and nobody told it of %d by %s", a.run, a.base, mine.Seq, e.Seq, e.Run)
				}
			}
		case a.outcome == Superseded:
			if mine != nil || a.record.Run == a.run {
				w.t.Fatalf("run %s was told that it is superseded by %s, and has record %v", a.run, a.record.Run, mine)
			}
		case errors.Is(a.err, store.ErrAmbiguous) || errors.Is(a.err, store.ErrUnreachable) || errors.Is(a.err, storetest.ErrDead):
		case a.err == nil:
			w.t.Fatalf("run %s was told nothing", a.run)
		case mine != nil:
			w.t.Fatalf("run %s was told that it failed (%v), and has record %d", a.run, a.err, mine.Seq)
		}
	}
}

// Two processes on one folder: each sees what the other does, whatever its index says.
// TestLostAnswers: each write of a commit and of a restore may succeed without an answer, once; it is done all the same.
func TestLostAnswers(t *testing.T) {
	t.Run("commit", func(t *testing.T) { testLostAnswers(t, false) })
	t.Run("restore", func(t *testing.T) { testLostAnswers(t, true) })
}

func testLostAnswers(t *testing.T, restore bool) {
	key := graph.MustKey("a")
	for lost := 0; ; lost++ {
		writes, losing := 0, false
		memory := &storetest.Memory{}
		client := memory.Client(func(_ context.Context, op storetest.Op) storetest.Fault {
			if losing && op.Write {
				if writes++; writes == lost+1 {
					return storetest.LostAnswer
				}
			}
			return storetest.None
		})
		m, err := Open(t.Context(), Config{StateDir: t.TempDir(), Store: client, Tables: plain{}, Keep: Keep{Versions: 5}})
		if err != nil {
			t.Fatal(err)
		}
		var made []graph.Record
		var got graph.Record
		var outcome Outcome
		for i, text := range []string{"one\n", "two\n", "three\n"} {
			if losing = i == 2; losing && restore {
				got, outcome, err = m.Restore(t.Context(), key, made[0], record("a", "back"))
				break
			}
			out := filepath.Join(t.TempDir(), "out")
			if err := os.WriteFile(out, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, outcome, err = m.Commit(t.Context(), Draft{Record: record("a", fmt.Sprint("r", i)), Output: out, Format: FormatArrow, BaseSeq: int64(i)})
			if err != nil {
				break
			}
			made = append(made, got)
		}
		losing = false
		if err != nil || outcome != Succeeded || got.Seq != 3 || restore && got.DataVersion != made[0].DataVersion {
			t.Errorf("the answer of write %d is lost: got %+v, outcome %v, %v; want number 3", lost+1, got, outcome, err)
		}
		if found, err := m.Fsck(t.Context()); err != nil || len(found) != 1 || found[0].State != "ok" {
			t.Errorf("the answer of write %d is lost: got %v, %v; want a sound storage", lost+1, found, err)
		}
		if writes <= lost {
			if lost < 3 {
				t.Errorf("it wrote %d times only", lost)
			}
			return
		}
	}
}

func TestTwoManagers(t *testing.T) {
	a := newBench(t)
	b := a.reopen(true)
	a = openBench(t, a.cfg)
	for i := range 5 {
		text := fmt.Sprintln(i)
		a.runs, b.runs = 10*i, 10*i+5
		a.write("x", "a"+text)
		b.wantState("x", graph.DataPresent, "")
		a.wantState("x", graph.DataPresent, "")
		b.write("x", "b"+text)
		if s := a.wantState("x", graph.DataPresent, ""); !strings.HasPrefix(s.Record.Run, "r") || s.Record.Seq != int64(2*i+2) {
			t.Fatalf("got %+v, want number %d", s.Record, 2*i+2)
		}
	}
	a.sound()
}
