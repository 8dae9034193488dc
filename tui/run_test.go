package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/tui/tuitest"
)

// still is a fake whose Wait blocks until the end, as an engine's does where nothing happens.
type still struct {
	*fake
	panics bool
}

func (s *still) Wait(ctx context.Context) (engine.Batch, error) {
	<-ctx.Done()
	return engine.Batch{}, ctx.Err()
}

func (s *still) Source(graph.Key) (file string, lines []string, line int, err error) {
	if s.panics {
		panic("the front broke")
	}
	return s.fake.Source(graph.Key{})
}

// terminal is the other end of a pty: what the program wrote so far.
type terminal struct {
	*os.File
	mu   sync.Mutex
	text string
}

func (t *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := t.Read(buf)
		t.mu.Lock()
		t.text += string(buf[:n])
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (t *terminal) wait(test *testing.T, what string, from int) {
	test.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		t.mu.Lock()
		text := t.text
		t.mu.Unlock()
		if from <= len(text) && strings.Contains(text[from:], what) {
			return
		}
		if time.Now().After(end) {
			test.Fatalf("%q did not appear in %q", what, text)
		}
	}
}

func (t *terminal) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.text)
}

// open holds terminals that outlive their test, so that no finalizer closes them.
var open []*os.File

// TestRun drives the whole program on a pty: the terminal is restored after quit, after a panic and when the context ends, and an
// answer to the question for the background is no key.
func TestRun(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, term *terminal, f *still, cancel func())
		want func(s Summary, err error) string
	}{
		{
			"quit", func(t *testing.T, term *terminal, _ *still, _ func()) {
				term.wait(t, "\x1b]11;?", 0)
				at := term.size()
				fmt.Fprint(term, "\x1b]11;rgb:ffff/ffff/ffff\x1b\\w")
				term.wait(t, "because", at)
				at = term.size()
				if err := pty.Setsize(term.File, &pty.Winsize{Rows: 12, Cols: 41}); err != nil {
					t.Fatal(err)
				}
				if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil { // the pty is nobody's controlling terminal
					t.Fatal(err)
				}
				term.wait(t, "Why 2/6", at)
				fmt.Fprint(term, "q")
			}, func(s Summary, err error) string {
				if err != nil || s.Interrupted || len(s.Lines) != 0 {
					return fmt.Sprintf("got %+v, %v", s, err)
				}
				return ""
			},
		},
		{
			"signal", func(_ *testing.T, _ *terminal, _ *still, cancel func()) { cancel() }, func(s Summary, err error) string {
				if err != nil || !s.Interrupted {
					return fmt.Sprintf("got %+v, %v", s, err)
				}
				return ""
			},
		},
		{
			"panic", func(_ *testing.T, term *terminal, f *still, _ func()) {
				f.panics = true
				fmt.Fprint(term, "c")
			}, func(_ Summary, err error) string {
				var e *diag.Error
				if !errors.As(err, &e) || e.Kind != "internal" || !strings.Contains(e.What, "the front broke") {
					return fmt.Sprintf("got %v", err)
				}
				return ""
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if raceDetector && (test.name == "panic" || test.name == "signal") {
				t.Skip("Bubble Tea 1.3 does not wait for its reader when it is killed, and closes what that reads")
			}
			master, tty, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			// The terminal's own end stays open: Bubble Tea does not wait for its reader when a signal ends it.
			open = append(open, tty)
			defer func() { _ = master.Close() }()
			if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
				t.Fatal(err)
			}
			before, err := termios(tty)
			if err != nil {
				t.Fatal(err)
			}
			term := &terminal{File: master}
			go term.read()
			f := &still{fake: &fake{snap: shop()}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			type result struct {
				s   Summary
				err error
			}
			done := make(chan result, 1)
			dir := t.TempDir()
			go func() {
				s, err := Run(ctx, f, Options{In: tty, Out: tty, StatePath: dir + "/state.json", Getenv: func(k string) string {
					return map[string]string{"TERM": "xterm-256color", "LANG": "C.UTF-8"}[k]
				}})
				done <- result{s, err}
			}()
			term.wait(t, "stg_orders", 0)
			test.do(t, term, f, cancel)
			select {
			case r := <-done:
				if problem := test.want(r.s, r.err); problem != "" {
					t.Error(problem)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it did not end")
			}
			if after, err := termios(tty); err != nil || after != before {
				t.Errorf("the terminal's modes are not restored: %+v, before %+v (%v)", after, before, err)
			}
			term.wait(t, "\x1b[?1049l", 0)
			term.wait(t, "\x1b[?25h", 0)
		})
	}
}

// big is a workspace of n assets in ten locations.
func big(n int) *engine.Snapshot {
	s := shop()
	var defs []graph.Definitions
	for l := range 10 {
		d := graph.Definitions{Location: fmt.Sprintf("location-%d", l)}
		for i := l; i < n; i += 10 {
			a := graph.Asset{Key: at(fmt.Sprintf("group/asset_%04d", i)), Location: d.Location, Executable: true, Code: graph.Code{Version: "x"}}
			for _, up := range []int{i - 1, i - 7, i / 2} {
				if up >= 0 && up < i {
					a.Deps = append(a.Deps, at(fmt.Sprintf("group/asset_%04d", up)))
				}
			}
			d.Assets = append(d.Assets, a)
		}
		defs = append(defs, d)
	}
	s.Graph = graph.New(defs, nil)
	s.Freshness = graph.NewFreshness(s.Graph, func(graph.Key) graph.Stored { return graph.Stored{} }, epoch)
	s.Assets = map[graph.Key]*engine.Asset{}
	for _, k := range s.Graph.Keys() {
		s.Assets[k] = &engine.Asset{Key: k, Word: "missing", ForecastMS: -1}
	}
	s.Run = &engine.Run{ID: "r1", State: event.Running, ETA: -1}
	for _, k := range s.Graph.Keys() {
		s.Run.Steps = append(s.Run.Steps, engine.Step{Key: k, State: "want", Fraction: -1, Rows: -1, Forecast: -1})
	}
	for i := range 8 {
		s.Run.Steps[i].State = event.Running
	}
	return s
}

func benchmarked(b *testing.B, f *fake, w, h int) (*tuitest.Driver, *Model, *fake) {
	clock := tuitest.NewClock(epoch)
	m, err := New(b.Context(), f, Options{Now: clock.Now, Tick: clock.Tick, Getenv: func(string) string { return "UTF-8" }})
	if err != nil {
		b.Fatal(err)
	}
	return tuitest.New(m, clock, w, h), m, f
}

func BenchmarkKeyToFrame(b *testing.B) {
	f := &fake{snap: big(1000), lines: 1_000_000}
	d, _, _ := benchmarked(b, f, 160, 45)
	b.ReportAllocs()
	keys := []string{"j", "k"}
	for i := 0; b.Loop(); i++ {
		d.Press(keys[i%2])
	}
}

func BenchmarkBatch(b *testing.B) {
	f := &fake{snap: big(1000), lines: 1_000_000}
	d, m, _ := benchmarked(b, f, 160, 45)
	b.ReportAllocs()
	for b.Loop() {
		next := *f.snap
		next.Seq++
		push(d, m, f, &next)
	}
}

func BenchmarkFirstFrame(b *testing.B) {
	f := &fake{snap: big(1000), lines: 1_000_000}
	b.ReportAllocs()
	for b.Loop() {
		benchmarked(b, f, 160, 45)
	}
}
