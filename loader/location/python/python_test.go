package python

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
	"github.com/assetdev/assetdev/loader/location/locationtest"
)

// cache is shared by the tests.
var cache string

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	// Most of what the tests do is wait for processes.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(func() int {
		var err error
		if cache, err = os.MkdirTemp("", "assetdev-python"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(cache) }()
		return m.Run()
	}())
}

func grant(t testing.TB) trust.Grant {
	t.Helper()
	g, err := trust.Once(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// bare returns an interpreter that is there, and its version: no package is needed.
func bare(t testing.TB) (python, version string) {
	t.Helper()
	for _, name := range []string{"python3", "python3.13", "python3.12", "python3.11", "python3.10"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.Command(path, "-c", "import sys; print(sys.executable, '%d.%d.%d' % sys.version_info[:3], sys.version_info >= (3, 10))").Output()
		if fields := strings.Fields(string(out)); err == nil && len(fields) == 3 && fields[2] == "True" {
			return fields[0], fields[1]
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no Python of 3.10 or later")
	}
	t.Skip("there is no Python of 3.10 or later")
	return "", ""
}

// write writes files below a folder, and returns it.
func write(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pretend makes a virtual environment by hand that looks as if Dagster were installed in it.
func pretend(t testing.TB, dir, dagster string) string {
	t.Helper()
	python, version := bare(t)
	minor := strings.Join(strings.Split(version, ".")[:2], ".")
	write(t, dir, map[string]string{
		"pyvenv.cfg": "home = " + filepath.Dir(python) + "\ninclude-system-site-packages = false\nversion = " + version + "\n",
		"lib/python" + minor + "/site-packages/dagster-" + dagster + ".dist-info/RECORD": "",
	})
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(python, filepath.Join(dir, "bin", "python")); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "bin", "python")
}

// A harness runs the conformance suite against a stand-in for the part of the bundled Python that knows Dagster.
type harness struct {
	lib, dir string
	servers  *Servers
}

func newHarness(t *testing.T, mode Mode) harness {
	t.Helper()
	files, _, err := bundledFiles()
	if err != nil {
		t.Fatal(err)
	}
	lib := t.TempDir()
	texts := map[string]string{}
	for name, text := range files {
		texts[name] = string(text)
	}
	stand, err := os.ReadFile(filepath.Join("testdata", "misbehave", "main.py"))
	if err != nil {
		t.Fatal(err)
	}
	texts["assetdev_bridge/real_main.py"], texts["assetdev_bridge/main.py"] = texts["assetdev_bridge/main.py"], string(stand)
	write(t, lib, texts)
	dir := t.TempDir()
	pretend(t, filepath.Join(dir, ".venv"), "1.13.0")
	write(t, dir, map[string]string{"mistaken.py": "def f():\n    return None.x\n\n\nf()\n"})
	servers := NewServers(ServerOptions{CacheDir: t.TempDir(), Mode: mode})
	t.Cleanup(func() {
		if err := servers.Close(); err != nil {
			t.Errorf("close the servers: %v", err)
		}
	})
	return harness{lib, dir, servers}
}

func (h harness) Open(t *testing.T, b locationtest.Behaviour) location.Location {
	t.Helper()
	l, err := Open(Config{
		Name: "misbehave", Kind: "python_module", Target: "x", Attribute: string(b), Dir: h.dir, WorkspaceDir: h.dir, CacheDir: cache, Lib: h.lib,
		Servers: h.servers, Timeout: b.Timeout(),
	}, grant(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (harness) Lacks(locationtest.Behaviour) string { return "" }

func TestConformance(t *testing.T) {
	for _, mode := range []Mode{Cold, Fork, Spare} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, mode)
			// Not of the suite's subtests, which end after this function: they hold the servers.
			t.Run("suite", func(t *testing.T) { locationtest.Run(t, h) })
			if reports := h.servers.Reports(); mode == Fork && (len(reports) != 1 || reports[0].Err != "") {
				t.Errorf("got the servers %+v, want one", reports)
			}
		})
	}
}

// A recorder keeps what a step prints.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Log(_, _, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, text)
}

func (r *recorder) Progress(float64, string) {}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

func (r *recorder) has(text string) bool { return slices.Contains(r.all(), text) }

func materializeRequest(t testing.TB) wire.Request {
	t.Helper()
	return wire.Request{Type: wire.Materialize, Run: "r", Attempt: 1, Asset: "a/b", View: t.TempDir(), Output: filepath.Join(t.TempDir(), "output.arrow")}
}
