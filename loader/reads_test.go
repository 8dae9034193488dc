package loader

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/filekey"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location/python"
	"github.com/assetdev/assetdev/loader/location/python/pythontest"
)

// TestReadsOfAStep: what a step of a Python location read besides its code is told, and noticed when it says something else.
func TestReadsOfAStep(t *testing.T) {
	interpreter := pythontest.Python(t, pythontest.Newest)
	dir := t.TempDir()
	writeOld(t, dir, map[string]string{
		"workspace.yaml": "load_from:\n  - python_module: {module_name: assets, working_directory: repo, location_name: repo}\n",
		"repo/assets.py": "import importlib, os\nimport dagster as dg\nimport names\n\nHERE = os.path.dirname(__file__)\n\n\n@dg.asset\ndef a():\n    return [{'x': open(os.path.join(HERE, 'data', 'x.csv')).read(), 'y': importlib.import_module(names.PLUGIN).y}]\n",
		"repo/names.py":  "PLUGIN = 'plug' + 'in'\n", "repo/plugin.py": "y = 1\n", "repo/data/x.csv": "1\n",
	})
	if err := os.Symlink(filepath.Dir(filepath.Dir(interpreter)), filepath.Join(dir, ".venv")); err != nil {
		t.Fatal(err)
	}
	l := reopen(t, dir, python.Cold)
	if s := l.Refresh(t.Context(), "repo", IfNeeded).State; s.Err != nil {
		t.Fatal(s.Err)
	}
	before, err := l.Pin(t.Context(), "repo", graph.MustKey("a"))
	if err != nil {
		t.Fatal(err)
	}
	view := t.TempDir()
	said, err := l.Materialize(t.Context(), "repo", wire.Request{Type: wire.Materialize, Run: "r", Attempt: 1, Asset: "a", View: view, Output: filepath.Join(view, "out")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if said.Build != before.Build {
		t.Errorf("build %s ran, %s was pinned", said.Build, before.Build)
	}
	reads := l.Reads("repo", said.Files)
	var paths []string
	for _, r := range reads {
		paths = append(paths, r.Path)
	}
	if diff := cmp.Diff([]string{"data/x.csv", "plugin.py"}, paths); diff != "" {
		t.Fatalf("what it read (-want +got):\n%s", diff)
	}
	if got := l.Rewritten("repo", reads); got != nil {
		t.Errorf("nothing was written, and %v says something else", got)
	}
	file := filepath.Join(dir, "repo", "data", "x.csv")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !l.HasRead("repo", reads, []string{file}) || l.HasRead("repo", reads, []string{filepath.Join(dir, "repo", "assets.py")}) {
		t.Error("HasRead does not tell its files from others")
	}
	write := func(text string, at time.Time) { // with the length and the times that it had
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("2\n", info.ModTime())
	if diff := cmp.Diff([]graph.Read{{Path: "repo/data/x.csv", Hash: reads[0].Hash}}, l.Rewritten("repo", reads)); diff != "" {
		t.Errorf("after an edit (-want +got):\n%s", diff)
	}
	write("1\n", time.Now())
	if got := l.Rewritten("repo", reads); got != nil {
		t.Errorf("it says again what it said, and %v says something else", got)
	}
	if untrusted := Open(l.ws, l.opts); untrusted.Rewritten("repo", []graph.Read{{Path: "data/x.csv", Hash: "0"}}) != nil {
		t.Error("a file of a location was read before it was trusted")
	}
}

// TestContents: hashes of large files outlive the process, and what stat says decides whether they count.
func TestContents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "large")
	at := time.Now().Add(-time.Hour)
	write := func(last byte) {
		data := make([]byte, large)
		data[large-1] = last
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	c := contents{file: filepath.Join(dir, "reads")}
	first := c.of(file)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	c.known = map[string]contentHash{file: {filekey.Of(info).String(), first, large}}
	c.write()
	kept := contents{file: c.file}
	if got := kept.of(file); got != first || kept.known[file].Hash != first {
		t.Errorf("got %s, kept %v, want %s", got, kept.known, first)
	}
	write(2)
	if got := kept.of(file); got == first {
		t.Error("a file with the size and the time that it had is taken for what it was")
	}
	if got := kept.of(filepath.Join(dir, "none")); got != graph.NoSuchFile {
		t.Errorf("got %q for a file that is not there", got)
	}
}
