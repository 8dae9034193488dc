package python

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
	"github.com/assetdev/assetdev/loader/location/locationtest"
)

// waitFor waits until something holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

func describeOK(t *testing.T, l location.Location) location.Description {
	t.Helper()
	d, err := l.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func onlyServer(t *testing.T, s *Servers) Report {
	t.Helper()
	var reports []Report
	waitFor(t, "a server", func() bool {
		reports = s.Reports()
		return len(reports) == 1
	})
	return reports[0]
}

// TestServerIsKept: requests of a location come from one server; when it dies the next request has another one, and after several deaths workers start cold.
func TestServerIsKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	l := h.Open(t, locationtest.OK)
	defer l.Close()
	describeOK(t, l)
	first := onlyServer(t, h.servers)
	describeOK(t, l)
	if again := onlyServer(t, h.servers); again.PID != first.PID {
		t.Errorf("got the servers %d and %d, want one", first.PID, again.PID)
	}
	pid := first.PID
	for range mostDeaths {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the end of the server", func() bool { return len(h.servers.Reports()) == 0 })
		describeOK(t, l)
		reports := h.servers.Reports()
		if len(reports) == 0 {
			pid = 0
			break
		}
		pid = reports[0].PID
	}
	if pid != 0 {
		t.Errorf("after %d deaths there is still a server", mostDeaths)
	}
}

// TestServerDiesUnderAWorker: a step whose server is killed comes to an end, and its process too.
func TestServerDiesUnderAWorker(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	l := h.Open(t, locationtest.Hangs)
	defer l.Close()
	r := materializeRequest(t)
	out := &recorder{}
	var step sync.WaitGroup
	var err error
	step.Go(func() { _, err = l.Materialize(t.Context(), r, out) })
	waitFor(t, "the worker", func() bool { return out.has("ready") })
	if err := syscall.Kill(onlyServer(t, h.servers).PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	step.Wait()
	if err == nil {
		t.Error("got no error")
	}
	for _, line := range out.all() {
		if text, ok := strings.CutPrefix(line, "pid "); ok {
			pid, _ := strconv.Atoi(text)
			if syscall.Kill(pid, 0) == nil && !zombie(pid) {
				t.Errorf("the worker %d lives on", pid)
			}
		}
	}
}

func zombie(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(text), ") Z ")
}

// TestServerIsSwapped: when something is installed the next request has a new server, and a running worker of the old one finishes.
func TestServerIsSwapped(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	l, hanging := h.Open(t, locationtest.OK), h.Open(t, locationtest.Hangs)
	defer l.Close()
	describeOK(t, l)
	first := onlyServer(t, h.servers)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &recorder{}
	var step sync.WaitGroup
	step.Go(func() { _, _ = hanging.Materialize(ctx, materializeRequest(t), out) })
	waitFor(t, "the worker", func() bool { return out.has("ready") })

	site, err := filepath.Glob(filepath.Join(h.dir, ".venv", "lib", "python*", "site-packages"))
	if err != nil || len(site) != 1 {
		t.Fatal(site, err)
	}
	write(t, site[0], map[string]string{"pandas-3.0.0.dist-info/RECORD": ""})
	before := describeOK(t, l).Build
	second := onlyServer(t, h.servers)
	if second.PID == first.PID {
		t.Error("the server is still the old one")
	}
	if syscall.Kill(first.PID, 0) != nil {
		t.Error("the old server ended while it had a worker")
	}
	cancel()
	step.Wait()
	waitFor(t, "the end of the old server", func() bool { return syscall.Kill(first.PID, 0) != nil || zombie(first.PID) })
	write(t, site[0], map[string]string{"pandas-3.0.1.dist-info/RECORD": ""})
	if after := describeOK(t, l).Build; after == before {
		t.Error("what is installed is not part of the build")
	}
	_ = hanging.Close()
}

// TestServerLearns: modules that workers imported are known to the next server, also of another assetdev.
func TestServerLearns(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	h.servers.quiet = 10 * time.Millisecond
	l := h.Open(t, locationtest.OK)
	defer l.Close()
	describeOK(t, l) // it says that it imported json
	file := h.servers.modulesFile(Environment{Python: filepath.Join(h.dir, ".venv", "bin", "python")})
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), `"json"`) {
		t.Fatalf("got %s, %v, want json in it", text, err)
	}
	var other Servers
	other.known, other.options = map[string]learnt{}, h.servers.options
	w := want{environment: Environment{Python: filepath.Join(h.dir, ".venv", "bin", "python")}}
	if got := other.modules(w); !slices.Contains(got.Modules, "json") {
		t.Errorf("another assetdev knows %q", got.Modules)
	}
	l.(*Location).Warm()
	first := onlyServer(t, h.servers)
	h.servers.learn(w, []string{"wave"})
	waitFor(t, "a server that knows more", func() bool {
		reports := h.servers.Reports()
		return len(reports) == 1 && reports[0].PID == first.PID && reports[0].Preloaded > first.Preloaded
	})
	describeOK(t, l)
}

// TestMuteWorker: a forked worker that hangs before it says a word is killed, and its request is made cold.
func TestMuteWorker(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	h.servers.word = 300 * time.Millisecond
	main := filepath.Join(h.lib, "assetdev_bridge", "main.py")
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	// Only a forked one has the server's module.
	mute := strings.Replace(string(text), "def serve():\n", "def serve():\n    if 'assetdev_bridge.server' in sys.modules:\n        time.sleep(3600)\n", 1)
	if err := os.WriteFile(main, []byte(mute), 0o600); err != nil {
		t.Fatal(err)
	}
	l := h.Open(t, locationtest.OK)
	defer l.Close()
	describeOK(t, l)
	if onlyServer(t, h.servers).Err != "" {
		t.Error("there was no server")
	}
}

// TestServerThatDoesNotStart costs a cold start.
func TestServerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	if err := os.WriteFile(filepath.Join(h.lib, "assetdev_bridge", "server.py"), []byte("raise SystemExit('no')\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := h.Open(t, locationtest.OK)
	defer l.Close()
	for range mostDeaths + 1 {
		describeOK(t, l)
	}
}

func TestMode(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]Mode{"on": Fork, "off": Cold, "spare": Spare} {
		if got := NewServers(ServerOptions{Env: []string{ModeVariable + "=" + value}}).mode; got != want {
			t.Errorf("%s: got %s", value, got)
		}
	}
}

// TestAlone: a step that is all of its run starts no server, and uses the one that is there.
func TestAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	l := h.Open(t, locationtest.OK)
	defer l.Close()
	forked := func(alone bool) int {
		t.Helper()
		q := wire.Request{Type: wire.Materialize, Run: "r1", Asset: "a/b", Attempt: 1, View: t.TempDir(), Output: filepath.Join(t.TempDir(), "output.arrow"), Alone: alone}
		if _, err := l.Materialize(t.Context(), q, nil); err != nil {
			t.Fatal(err)
		}
		h.servers.mu.Lock()
		defer h.servers.mu.Unlock()
		requests := 0
		for _, srv := range h.servers.all {
			srv.mu.Lock()
			requests += srv.next
			srv.mu.Unlock()
		}
		return requests
	}
	for i, step := range []struct {
		alone bool
		want  int
	}{{true, 0}, {false, 1}, {true, 2}} {
		if got := forked(step.alone); got != step.want {
			t.Errorf("step %d: %d steps were forked, want %d", i+1, got, step.want)
		}
	}
}

// TestNobodyWaitsForAllImports: a request is served while a server still has much to import that the request does not need, and a
// server in the midst of its imports ends at once.
func TestNobodyWaitsForAllImports(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	begun := filepath.Join(t.TempDir(), "begun")
	write(t, h.lib, map[string]string{"endless.py": "import time\n\nopen(" + strconv.Quote(begun) + ", 'w').close()\nwhile True:\n    time.sleep(1)\n"})
	l := h.Open(t, locationtest.OK).(*Location)
	defer l.Close()
	e, err := l.environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.servers.learn(want{environment: e}, []string{"json", "endless"})
	describeOK(t, l)
	first := onlyServer(t, h.servers)
	if first.PID == 0 || first.Err != "" {
		t.Fatalf("got the server %+v, want one that runs", first)
	}
	l.Warm() // all of it: it comes to no end
	waitFor(t, "the endless import", func() bool { return exists(begun) })
	if err := h.servers.Close(); err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(first.PID, 0) == nil && !zombie(first.PID) {
		t.Error("the server lives on")
	}
}

// TestWhatServersImportedIsKnown: what two locations of one environment import, and what starts threads, is known to the next server.
func TestWhatServersImportedIsKnown(t *testing.T) {
	t.Parallel()
	h := newHarness(t, Fork)
	write(t, h.lib, map[string]string{"starts_one.py": "import threading\n\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"})
	dir := write(t, t.TempDir(), map[string]string{"more.py": "import colorsys\nimport starts_one\n", "tests/test_more.py": "import wave\n"})
	write(t, h.dir, map[string]string{"mine.py": "import bisect\n"})
	var w want
	for _, dir := range []string{h.dir, dir} {
		l, err := Open(Config{
			Name: "misbehave", Kind: "python_module", Target: "x", Attribute: string(locationtest.OK), Dir: dir, WorkspaceDir: dir, CacheDir: cache, Lib: h.lib,
			Servers: h.servers, Executable: filepath.Join(h.dir, ".venv", "bin", "python"),
		}, grant(t))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		e, err := l.environment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w = want{environment: e}
		describeOK(t, l)
	}
	var got learnt
	waitFor(t, "what was learnt", func() bool {
		got = h.servers.modules(w)
		return len(got.LeftOut) == 1 && slices.Contains(got.Modules, "colorsys")
	})
	if got.LeftOut[0].Name != "starts_one" || slices.Contains(got.Modules, "wave") {
		t.Errorf("got %+v, want starts_one left out, and nothing of what tests import", got)
	}
	reports := h.servers.Reports()
	if len(reports) != 1 || len(reports[0].LeftOut) != 1 {
		t.Errorf("got the servers %+v, want one that shows what it left out", reports)
	}
	w.environment.Digest = "another"
	if got := h.servers.modules(w); len(got.LeftOut) > 0 {
		t.Errorf("got %+v, want none left out after something was installed", got.LeftOut)
	}
}
