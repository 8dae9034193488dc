// Package locationtest is the conformance suite of code locations: every kind runs all of it, against code that behaves well and code that
// misbehaves in each way that was thought of. What it tests are the invariants (b) and (c) of package location: the harm stays within the
// call, the error says what happened, and nothing outlives the call.
package locationtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
)

// A Behaviour is what the code of a location does. It does the same when it is described and when it materializes, unless said otherwise.
//
// Well-behaved code defines the assets "a/b" (group "g") and "c" (which has the input "a/b") and the problem "d is wrong". It
// materializes "a/b" so: it prints "view " and the values of SHARED_ASSETS_PATH, ASSETDEV_VIEW, ASSETDEV_RUN and ASSETDEV_ASSET to stdout, logs the warning "careful", reports the progress 0.5
// "half", the metadata text "words" and number 3, writes "data" to the output, and has the result arrow, 5 rows, data version "v1".
// Any other asset is the error `no asset "KEY" here`.
//
// Where processes are involved each prints "pid N" to stdout when it starts.
type Behaviour string

// The behaviours.
const (
	OK       Behaviour = "ok"
	Prints   Behaviour = "prints"   // moreover prints a protocol message and binary to stdout, "on stderr" to stderr, and a line without end
	Floods   Behaviour = "floods"   // moreover prints 100 MiB without an end of line
	Leaves   Behaviour = "leaves"   // moreover leaves a child behind that left its session, ignores signals and holds its output
	Lingers  Behaviour = "lingers"  // answers and then does not end
	Dies     Behaviour = "dies"     // prints "cannot find my configuration" to stderr and ends with code 1 at once
	Silent   Behaviour = "silent"   // ends with code 0 at once
	Panics   Behaviour = "panics"   // dies of a mistake in its code before it says anything
	Exits    Behaviour = "exits"    // says hello, prints "giving up" to stderr and ends with code 3
	Hangs    Behaviour = "hangs"    // prints "ready" and never answers
	Stubborn Behaviour = "stubborn" // the same, and takes no notice of SIGINT and SIGTERM
	Protocol Behaviour = "protocol" // speaks protocol 99
	Garbage  Behaviour = "garbage"  // says what is no JSON, and goes on
	Binary   Behaviour = "binary"   // says bytes, and goes on
	Wrong    Behaviour = "wrong"    // answers describe with a result and materialize with definitions
	Huge     Behaviour = "huge"     // sends a message of 2 MiB
	Closes   Behaviour = "closes"   // closes its channel without an answer, and goes on
	Cut      Behaviour = "cut"      // ends in the middle of a message
	Fails    Behaviour = "fails"    // answers with an error: "it cannot be done", "the trace", /x/assets.go:7
)

// Timeout is what a kind that has a time limit for Describe sets it to.
func (b Behaviour) Timeout() time.Duration {
	if b == Hangs || b == Stubborn {
		return 300 * time.Millisecond
	}
	return time.Minute
}

// A Harness makes locations of one kind.
type Harness interface {
	// Open returns a location whose code behaves so. The suite closes it.
	Open(t *testing.T, b Behaviour) location.Location
	// Lacks returns why a behaviour cannot be had with this kind, "" when it can.
	Lacks(b Behaviour) string
}

// A want is what Describe and Materialize have in common.
type want struct {
	message     []string // of which words the error's message consists, none for success
	interrupted bool
}

var wants = map[Behaviour]want{
	OK: {}, Prints: {}, Floods: {}, Leaves: {}, Lingers: {},
	Dies:     {message: []string{"exit code 1", "cannot find my configuration"}},
	Silent:   {message: []string{"without a word"}},
	Panics:   {message: []string{""}}, // in the words of the language
	Exits:    {message: []string{"exit code 3", "giving up"}},
	Hangs:    {message: []string{"within 300ms"}, interrupted: true},
	Stubborn: {message: []string{"within 300ms"}, interrupted: true},
	Protocol: {message: []string{"protocol 99"}},
	Garbage:  {message: []string{"protocol", "Hello, world"}},
	Binary:   {message: []string{"protocol"}},
	Wrong:    {message: []string{"protocol"}},
	Huge:     {message: []string{"more than 1048576 bytes"}},
	Closes:   {message: []string{"closed its channel"}},
	Cut:      {message: []string{"before it answered", "exit code 0"}},
	Fails:    {message: []string{"it cannot be done"}},
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for b, w := range wants {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			if why := h.Lacks(b); why != "" {
				t.Skip(why)
			}
			l := open(t, h, b)
			t.Run("describe", func(t *testing.T) { describe(t, l, b, w) })
			if b != Hangs && b != Stubborn { // see cancel
				t.Run("materialize", func(t *testing.T) { materialize(t, l, b, w) })
			}
		})
	}
	t.Run("cancel", func(t *testing.T) {
		for _, b := range []Behaviour{Hangs, Stubborn} {
			t.Run(string(b), func(t *testing.T) {
				t.Parallel()
				cancel(t, open(t, h, b))
			})
		}
	})
	t.Run("unknown asset", func(t *testing.T) {
		t.Parallel()
		r := request(t)
		r.Asset = "z"
		_, err := open(t, h, OK).Materialize(t.Context(), r, &Output{})
		checkError(t, err, OK, want{message: []string{`no asset "z" here`}})
	})
	t.Run("overlap", func(t *testing.T) {
		t.Parallel()
		l := open(t, h, OK)
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() { describe(t, l, OK, want{}) })
			calls.Go(func() { materialize(t, l, OK, want{}) })
		}
		calls.Wait()
	})
	t.Run("close", func(t *testing.T) {
		t.Parallel()
		closeWhileRunning(t, open(t, h, Hangs))
	})
	t.Run("done context", func(t *testing.T) {
		t.Parallel()
		l := open(t, h, OK)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Describe(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("describe: got %v, want context.Canceled", err)
		}
		if _, err := l.Materialize(ctx, request(t), &Output{}); !errors.Is(err, context.Canceled) {
			t.Errorf("materialize: got %v, want context.Canceled", err)
		}
	})
	t.Run("files and environment", func(t *testing.T) {
		t.Parallel()
		l := open(t, h, OK)
		files := l.Files()
		if len(files) == 0 {
			t.Error("files: got none")
		}
		for _, file := range files {
			if _, err := os.Stat(file); err != nil || !filepath.IsAbs(file) {
				t.Errorf("file %q: got %v, want an absolute path of what there is", file, err)
			}
		}
		if e := l.Environment(); e.Executable == "" || e.Version == "" {
			t.Errorf("environment: got %+v, want an executable and its version", e)
		}
	})
}

func open(t *testing.T, h Harness, b Behaviour) location.Location {
	t.Helper()
	l := h.Open(t, b)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func request(t *testing.T) wire.Request {
	t.Helper()
	return wire.Request{
		Type: wire.Materialize, Run: "r1", Asset: "a/b", Attempt: 1,
		View: t.TempDir(), Output: filepath.Join(t.TempDir(), "output.arrow"),
	}
}

func describe(t *testing.T, l location.Location, b Behaviour, w want) {
	got, err := l.Describe(t.Context())
	if len(w.message) > 0 {
		checkError(t, err, b, w)
		return
	}
	if err != nil {
		t.Errorf("describe: %v", err)
		return
	}
	assets := []wire.Asset{{Key: "a/b", Group: "g"}, {Key: "c", Inputs: []string{"a/b"}}}
	if diff := cmp.Diff(assets, got.Assets); diff != "" {
		t.Errorf("assets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]wire.Error{{Message: "d is wrong"}}, got.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if got.Hello.Protocol != wire.Version || got.Hello.SDK == "" || got.Build == "" {
		t.Errorf("got hello %+v, build %q, want both", got.Hello, got.Build)
	}
	gone(t, got.Hello.PID)
}

func materialize(t *testing.T, l location.Location, b Behaviour, w want) {
	r := request(t)
	out := &Output{}
	got, err := l.Materialize(t.Context(), r, out)
	defer out.gone(t)
	if len(w.message) > 0 {
		checkError(t, err, b, w)
		return
	}
	if err != nil {
		t.Errorf("materialize: %v", err)
		return
	}
	if diff := cmp.Diff(wire.Result{Format: wire.Arrow, Rows: 5, DataVersion: "v1"}, got.Result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"text": "words", "number": "3"}, got.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if text, err := os.ReadFile(r.Output); string(text) != "data" || err != nil {
		t.Errorf("output: got %q, %v, want %q", text, err, "data")
	}
	if got.Build == "" {
		t.Error("got no build")
	}
	lines := []string{"log warning careful", fmt.Sprintf("stdout  view %s %s %s %s", r.View, r.View, r.Run, r.Asset), "progress 0.5 half"}
	if b == Prints {
		lines = append(lines, `stdout  {"type":"result","result":{"format":"none"}}`, "stderr  on stderr", "stdout  \x00\xff\x1b[2J")
	}
	if b == Prints { // what comes next continues the line without end
		lines[1] = "stdout  no end of line" + strings.TrimPrefix(lines[1], "stdout  ")
	}
	if b == Floods {
		lines = slices.Delete(lines, 1, 2)
		if !slices.ContainsFunc(out.lines, func(line string) bool { return strings.HasPrefix(line, "stdout  xxxx") && len(line) < 1<<20 }) {
			t.Error("the flood is not in the log, cut")
		}
	}
	for _, line := range lines {
		if !slices.Contains(out.lines, line) {
			t.Errorf("log: got %.2000q, want %q in it", out.lines, line)
		}
	}
}

func checkError(t *testing.T, err error, b Behaviour, w want) {
	t.Helper()
	e, ok := errors.AsType[*location.Error](err)
	if !ok {
		t.Errorf("got %v, want a *location.Error", err)
		return
	}
	for _, words := range w.message {
		if e.Message == "" || !strings.Contains(e.Message, words) {
			t.Errorf("got the message %q, want %q in it", e.Message, words)
		}
	}
	if len(e.Message) > 4<<10 || len(e.Trace) > 256<<10 {
		t.Errorf("got a message of %d and a trace of %d bytes", len(e.Message), len(e.Trace))
	}
	if e.Interrupted != w.interrupted {
		t.Errorf("got interrupted %v, want %v", e.Interrupted, w.interrupted)
	}
	switch b { //nolint:exhaustive // these have a place or a hint
	case Panics:
		if e.File == "" || e.Line == 0 || e.Trace == "" {
			t.Errorf("got %+v, want a place and a trace", e)
		}
	case Silent:
		if e.Hint == "" {
			t.Error("got no hint")
		}
	case Fails:
		if e.File != "/x/assets.go" || e.Line != 7 || e.Trace != "the trace" {
			t.Errorf("got %+v, want /x/assets.go:7 and the trace", e)
		}
	case Dies:
		if !strings.Contains(e.Trace, "cannot find my configuration") {
			t.Errorf("got the trace %q", e.Trace)
		}
	}
}

func cancel(t *testing.T, l location.Location) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &Output{say: map[string]func(){"stdout  ready": stop}}
	_, err := l.Materialize(ctx, request(t), out)
	checkError(t, err, Hangs, want{message: []string{""}, interrupted: true})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled in it", err)
	}
	out.gone(t)
}

func closeWhileRunning(t *testing.T, l location.Location) {
	var closing sync.WaitGroup
	out := &Output{say: map[string]func(){"stdout  ready": func() {
		closing.Go(func() {
			if err := l.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}}}
	_, err := l.Materialize(t.Context(), request(t), out)
	closing.Wait()
	checkError(t, err, Hangs, want{message: []string{""}, interrupted: true})
	out.gone(t)
	if _, err := l.Describe(t.Context()); err == nil {
		t.Error("describe after close: got no error")
	}
}

// An Output records what a step says.
type Output struct {
	mu    sync.Mutex
	lines []string
	say   map[string]func() // called when the line comes
}

// Log records "STREAM LEVEL TEXT".
func (o *Output) Log(stream, level, text string) { o.add(stream + " " + level + " " + text) }

// Progress records "progress FRACTION TEXT".
func (o *Output) Progress(fraction float64, text string) {
	o.add(fmt.Sprintf("progress %v %s", fraction, text))
}

func (o *Output) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, line)
	if f := o.say[line]; f != nil {
		f()
	}
}

// gone checks that all processes whose numbers were printed have ended.
func (o *Output) gone(t *testing.T) {
	t.Helper()
	found := 0
	for _, line := range o.lines {
		if text, ok := strings.CutPrefix(line, "stdout  pid "); ok {
			pid, err := strconv.Atoi(text)
			if err != nil {
				t.Errorf("line %q: %v", line, err)
				continue
			}
			gone(t, pid)
			found++
		}
	}
	if found == 0 {
		t.Errorf("no process told its number: %.1000q", o.lines)
	}
}

func gone(t *testing.T, pid int) {
	t.Helper()
	if pid <= 1 || syscall.Kill(pid, 0) != nil {
		return
	}
	if runtime.GOOS == "linux" {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])); err != nil || len(fields) == 0 || fields[0] == "Z" {
			return
		}
	}
	t.Errorf("process %d outlived its call", pid)
}
