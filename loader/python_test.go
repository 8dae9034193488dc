package loader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
	"github.com/assetdev/assetdev/loader/location/python"
	"github.com/assetdev/assetdev/loader/location/python/pythontest"
	"github.com/assetdev/assetdev/loader/workspace"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// openDagster opens a copy of the two repositories of testdata/dagster with the interpreter, and returns its folder.
func openDagster(t testing.TB, interpreter string, mode python.Mode) (*Loader, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "dagster"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(filepath.Dir(interpreter)), filepath.Join(dir, ".venv")); err != nil {
		t.Fatal(err)
	}
	return reopen(t, dir, mode), dir
}

func reopen(t testing.TB, dir string, mode python.Mode) *Loader {
	t.Helper()
	ws, err := workspace.Load(filepath.Join(dir, workspace.FileName), workspace.Options{Cwd: dir})
	if err != nil {
		t.Fatal(err)
	}
	l := Open(ws, Options{
		StateDir: filepath.Join(dir, ".assetdev"), CacheDir: filepath.Join(dir, "cache"),
		Environ: append(os.Environ(), python.ModeVariable+"="+string(mode)),
	})
	grant, err := trust.Once(dir)
	if err != nil {
		t.Fatal(err)
	}
	l.Trust(grant)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// eachMode runs f with a fork server and without: with the newest Dagster, with the oldest too, and on each further interpreter whose
// environment was made. ASSETDEV_HEAVY=1 runs both modes on all of them.
func eachMode(t *testing.T, newestOnly bool, f func(t *testing.T, interpreter string, mode python.Mode)) {
	t.Helper()
	heavy := os.Getenv("ASSETDEV_HEAVY") != ""
	newest := pythontest.Python(t, pythontest.Newest)
	pythontest.Python(t, pythontest.Oldest)
	for _, e := range pythontest.All() {
		if !e.There() || newestOnly && !heavy && e.Packages != pythontest.Newest {
			continue
		}
		interpreter := e.Make(t)
		for _, mode := range []python.Mode{python.Fork, python.Cold} {
			if !heavy && mode == python.Cold && interpreter != newest {
				continue
			}
			t.Run(e.Name()+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				f(t, interpreter, mode)
			})
		}
	}
}

// A said is what a step said.
type said struct {
	mu    sync.Mutex
	lines []string
	on    map[string]func()
}

func (s *said) Log(stream, _, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, stream+" "+text)
	if f := s.on[text]; f != nil {
		f()
	}
}

func (s *said) Progress(float64, string) {}

func (s *said) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.lines, func(line string) bool { return strings.Contains(line, text) })
}

func materialize(ctx context.Context, t testing.TB, l *Loader, name, key string, out *said, inputs ...wire.Input) (location.Result, string, error) {
	t.Helper()
	request := wire.Request{
		Type: wire.Materialize, Run: "r", Attempt: 1, Asset: key, View: t.TempDir(), Output: filepath.Join(t.TempDir(), "output"), Inputs: inputs,
	}
	r, err := l.Materialize(ctx, name, request, out)
	return r, request.Output, err
}

// TestDagster takes two Dagster projects from their files to rows, with real Dagster.
func TestDagster(t *testing.T) {
	t.Parallel()
	eachMode(t, false, func(t *testing.T, interpreter string, mode python.Mode) {
		l, dir := openDagster(t, interpreter, mode)
		for _, name := range []string{"north", "south"} {
			if r := l.Refresh(t.Context(), name, IfNeeded); r.State.Err != nil || !r.State.Loaded || len(r.State.Problems) > 0 {
				t.Fatalf("%s: got %+v, %v", name, r.State, r.State.Err)
			}
		}
		north, south := l.State("north"), l.State("south")
		var got []string
		for _, a := range slices.Concat(north.Assets, south.Assets) {
			got = append(got, fmt.Sprintf("%s of %s in %s:%d external %v after %v", a.Key, a.Location, a.Source.File, a.Source.Line, a.External, a.Deps))
		}
		want := []string{
			"orders of north in north/src/north/definitions.py:7 external false after []",
			"sales of north in north/src/north/definitions.py:13 external false after [orders]",
			"forecast of south in south/assets.py:5 external false after [sales]",
			"sales of south in south/assets.py:11 external true after []",
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("assets (-want +got):\n%s", diff)
		}
		if !slices.ContainsFunc(north.About.Notices, func(text string) bool { return strings.Contains(text, "src") }) {
			t.Errorf("got the notices %q, want one about src", north.About.Notices)
		}
		if e := north.Environment; e.Dagster == "" || !strings.HasPrefix(e.Version, "3.") || e.Executable != filepath.Join(dir, ".venv", "bin", "python") {
			t.Errorf("got the environment %+v", e)
		}

		orders, file, err := materialize(t.Context(), t, l, "north", "orders", &said{})
		if err != nil || orders.Format != wire.Arrow || orders.Rows != 3 {
			t.Fatalf("orders: got %+v, %v", orders, err)
		}
		out := &said{}
		sales, file, err := materialize(t.Context(), t, l, "north", "sales", out, wire.Input{Asset: "orders", Arrow: file})
		if err != nil || sales.Rows != 3 || !out.has("so many orders: 3") {
			t.Fatalf("sales: got %+v, %v, log %q", sales, err, out.lines)
		}
		forecast, _, err := materialize(t.Context(), t, l, "south", "forecast", &said{}, wire.Input{Asset: "sales", Arrow: file})
		if err != nil || forecast.Rows != 1 {
			t.Fatalf("forecast: got %+v, %v", forecast, err)
		}
		pin, err := l.Pin(t.Context(), "north", graph.MustKey("sales"))
		if err != nil || pin.Build != sales.Build {
			t.Errorf("pin: got %+v, %v, want the build %s", pin, err, sales.Build)
		}

		// An edit of a helper makes stale what reaches it, by files alone; a comment does not.
		versions := func(l *Loader) map[string]string {
			m := map[string]string{}
			for _, a := range l.State("north").Assets {
				m[a.Key.String()] = a.Code.Version
			}
			return m
		}
		helper := filepath.Join(dir, "north/src/north/prices.py")
		before := versions(l)
		write(t, helper, "# of the year\nTAX = 0.2\n\n\ndef with_tax(net):\n    return net * (1 + TAX)\n")
		if r := l.Refresh(t.Context(), "north", Static); r.Ask {
			t.Error("a comment makes it ask")
		}
		if diff := cmp.Diff(before, versions(l)); diff != "" {
			t.Errorf("a comment changes versions:\n%s", diff)
		}
		write(t, helper, "# of the year\nTAX = 0.2\n\n\ndef with_tax(net):\n    return net * (1 + TAX) + 0\n")
		l.Refresh(t.Context(), "north", Static)
		after := versions(l)
		if after["orders"] != before["orders"] || after["sales"] == before["sales"] {
			t.Errorf("got %v before and %v after, want that of sales changed", before, after)
		}
		again, _, err := materialize(t.Context(), t, l, "north", "sales", &said{}, wire.Input{Asset: "orders", Arrow: file})
		if err != nil || again.Build == sales.Build {
			t.Errorf("after an edit: got %+v, %v, want another build", again, err)
		}

		// Who comes later knows all that without asking.
		if err := l.Save(); err != nil {
			t.Fatal(err)
		}
		later := reopen(t, dir, mode)
		if diff := cmp.Diff(after, versions(later)); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	})
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// An outcome is what is the same however a step's process was started.
type outcome struct {
	Message, Place string
	Interrupted    bool
	Rows           int64
}

func outcomeOf(dir string, r location.Result, err error) outcome {
	o := outcome{Rows: r.Rows}
	if e, ok := errors.AsType[*location.Error](err); ok {
		o.Message, o.Interrupted = e.Message, e.Interrupted
		if e.File != "" {
			if rel, err := filepath.Rel(dir, e.File); err == nil {
				o.Place = fmt.Sprintf("%s:%d", rel, e.Line)
			}
		}
	}
	return o
}

// TestDagsterFailures: whatever the code does breaks its own step or location only, is said in the same words with a fork server and without, and
// leaves nothing behind.
func TestDagsterFailures(t *testing.T) {
	t.Parallel()
	eachMode(t, true, func(t *testing.T, interpreter string, mode python.Mode) {
		l, dir := openDagster(t, interpreter, mode)
		for name, want := range map[string]outcome{
			"import": {Message: "ModuleNotFoundError: No module named 'nowhere_to_be_found'", Place: "south/does_not_import.py:5"},
			"syntax": {Message: "invalid syntax", Place: "south/does_not_parse.py:5"},
		} {
			r := l.Refresh(t.Context(), name, IfNeeded)
			if r.State.Err == nil {
				t.Errorf("%s: got no error", name)
				continue
			}
			e := r.State.Err
			if got := (outcome{Message: e.Message, Place: fmt.Sprintf("%s:%d", e.File, e.Line)}); got != want {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
		}
		if r := l.Refresh(t.Context(), "fails", IfNeeded); r.State.Err != nil {
			t.Fatal(r.State.Err)
		}
		for key, want := range map[string]outcome{
			"fine":           {Rows: 1},
			"raises":         {Message: "ValueError: there is no such customer", Place: "south/fails.py:19"},
			"leaves_by_exit": {Message: "the code ended the process: sys.exit(3)", Place: "south/fails.py:26"},
			"crashes":        {Message: "Python crashed: Segmentation fault", Place: "south/fails.py:31"},
			"never_ends":     {Message: "cancelled", Interrupted: true},
			"prints_binary":  {Rows: 1},
			"leaves_threads": {Rows: 1},
			"leaves_a_child": {Rows: 1},
		} {
			t.Run(key, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				out := &said{on: map[string]func(){"begun": cancel}}
				r, _, err := materialize(ctx, t, l, "fails", key, out)
				if got := outcomeOf(dir, r, err); got != want {
					t.Errorf("got %+v (%v), want %+v; it said %q", got, err, want, out.lines)
				}
				if key == "prints_binary" && (!out.has("\x00\xff\x1b[2J{}") || !out.has("and text")) {
					t.Errorf("the log is %q", out.lines)
				}
				if key == "leaves_a_child" && !out.has("left behind") {
					t.Errorf("the log does not tell of the child: %q", out.lines)
				}
			})
		}
	})
}

// BenchmarkDagster: what a warm fork server makes of describing a location and of one step, and what the questions around a step cost.
func BenchmarkDagster(b *testing.B) {
	interpreter := pythontest.Python(b, pythontest.Newest)
	l, _ := openDagster(b, interpreter, python.Fork)
	if r := l.Refresh(b.Context(), "north", IfNeeded); r.State.Err != nil {
		b.Fatal(r.State.Err)
	}
	for range 2 {
		if _, _, err := materialize(b.Context(), b, l, "north", "orders", &said{}); err != nil {
			b.Fatal(err)
		}
		time.Sleep(6 * time.Second) // the server learns
	}
	b.Run("describe", func(b *testing.B) {
		for b.Loop() {
			if r := l.Refresh(b.Context(), "north", Always); r.State.Err != nil {
				b.Fatal(r.State.Err)
			}
		}
	})
	b.Run("materialize", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := materialize(b.Context(), b, l, "north", "orders", &said{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("pin", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Pin(b.Context(), "north", graph.MustKey("orders")); err != nil {
				b.Fatal(err)
			}
		}
	})
}
