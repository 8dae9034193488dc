package demo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/internal/diag"
)

func writePython(t *testing.T, dir string, reset bool) Written {
	t.Helper()
	written, err := Write(t.Context(), dir, Options{Python: true, Reset: reset})
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func TestWritePython(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	if written := writePython(t, dir, false); !written.Python || written.Existed || len(written.Notices) > 0 {
		t.Errorf("got %+v", written)
	}
	if got, want := list(t, dir), []string{".assetdev-demo", "README.md", "repo-analytics", "repo-ml", requirements, "workspace.yaml"}; !slices.Equal(got, want) {
		t.Errorf("the folder holds %v, want %v", got, want)
	}
	for _, repo := range repositories {
		files := strings.Fields(output(t, filepath.Join(dir, repo.dir), nil, "git", "ls-files"))
		for _, want := range []string{"pyproject.toml", "README.md", ".gitignore"} {
			if !slices.Contains(files, want) {
				t.Errorf("%s lacks %s: %v", repo.dir, want, files)
			}
		}
		packages := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return filepath.Base(f) != "__init__.py" })
		if len(packages) != 2 { // the package and its defs
			t.Errorf("%s has these __init__.py: %v", repo.dir, packages)
		}
		for _, f := range files {
			if strings.Contains(f, "__pycache__") || strings.HasSuffix(f, ".go") {
				t.Errorf("%s has %s", repo.dir, f)
			}
		}
	}
	if written := writePython(t, dir, false); !written.Existed || !written.Python {
		t.Errorf("the second time: got %+v", written)
	}
	// Without the flag it is opened as what it is.
	if written := mustWrite(t, dir, false); !written.Existed || !written.Python {
		t.Errorf("opened without Python: got %+v", written)
	}
}

// A storage module is the same text in both repositories, and the versions of what the projects ask for are pinned.
func TestPythonFilesAgree(t *testing.T) {
	files, err := pythonFiles()
	if err != nil {
		t.Fatal(err)
	}
	if a, b := files["repo-analytics/src/analytics/storage.py"], files["repo-ml/src/ml_platform/storage.py"]; len(a) == 0 || string(a) != string(b) {
		t.Error("storage.py differs between the repositories")
	}
	for line := range strings.Lines(string(files[requirements])) {
		pin, _, _ := strings.Cut(strings.TrimSpace(line), " ;")
		if name, version, ok := strings.Cut(pin, "=="); !strings.HasPrefix(line, "#") && (!ok || name == "" || strings.ContainsAny(version, "* <>")) {
			t.Errorf("%s: %q is not pinned", requirements, line)
		}
	}
	for _, name := range []string{"dagster", "pandas", "pyarrow", "scikit-learn"} {
		if !strings.Contains(string(files[requirements]), "\n"+name+"==") {
			t.Errorf("%s lacks %s", requirements, name)
		}
	}
}

func TestWritePythonOverGo(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, dir, false)
	before := snapshot(t, dir)
	_, err := Write(t.Context(), dir, Options{Python: true})
	if d, ok := errors.AsType[*diag.Error](err); !ok || d.Kind != "usage" || !strings.Contains(d.Hint, "--python --reset") {
		t.Errorf("got error %v, want one of kind usage that says how to start over", err)
	}
	if snapshot(t, dir) != before {
		t.Error("the folder was changed")
	}

	writePython(t, dir, true)
	if _, err := os.Stat(filepath.Join(dir, "sdk")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the SDK is still there: %v", err)
	}
	put(t, filepath.Join(dir, environmentDir, environmentMark), "0123\n")
	writePython(t, dir, true)
	if _, err := os.Stat(filepath.Join(dir, environmentDir)); err != nil {
		t.Errorf("the environment is gone, which the next demo may use: %v", err)
	}
	mustWrite(t, dir, true)
	for _, name := range []string{environmentDir, requirements} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of the Python demo is still there: %v", name, err)
		}
	}
}

// fakes is a folder with programs that are shell scripts, as the only PATH. What they need is at absolute paths.
func fakes(t *testing.T, scripts map[string]string) {
	t.Helper()
	bin := t.TempDir()
	for name, script := range scripts {
		put(t, filepath.Join(bin, name), "#!/bin/sh\n"+script)
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
}

func TestMakeEnvironmentFails(t *testing.T) {
	const python = `case "$1 $2" in
"-c import"*) echo 3.12.1;;
"-m venv") /bin/mkdir -p .venv/bin; /bin/cp "$0" .venv/bin/python;;
"-m pip") `
	for name, test := range map[string]struct {
		scripts map[string]string
		what    string
		hint    string
	}{
		"no Python":      {nil, "Python 3.10 to 3.14, and on the PATH there is none", "install uv"},
		"old Python":     {map[string]string{"python3": "echo 3.8.10"}, "on the PATH python3 is 3.8.10", "install uv"},
		"new Python":     {map[string]string{"python3": "echo 3.99.0"}, "on the PATH python3 is 3.99.0", "install uv"},
		"shims only":     {map[string]string{"python3.12": "exit 127", "python3": "echo 3.9.1"}, "on the PATH python3 is 3.9.1", "install uv"},
		"no venv":        {map[string]string{"python3": "case $1 in -c) echo 3.11.2;; *) echo 'The virtual environment was not created successfully because ensurepip is not available.'; exit 1;; esac"}, "no venv with pip", "python3-venv"},
		"no network":     {map[string]string{"python3": python + "echo \"WARNING: Retrying: NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution\"; exit 1;; esac"}, "does not reach its package index", "connect to the network"},
		"no such wheel":  {map[string]string{"python3": python + "echo 'ERROR: No matching distribution found for six==1.17.0'; exit 1;; esac"}, "ERROR: No matching distribution found for six==1.17.0", "assetdev demo --python"},
		"uv off line":    {map[string]string{"uv": "case $1 in --version) echo uv 0.9;; venv) ;; *) echo 'error: Request failed after 3 retries. Caused by: dns error' >&2; exit 2;; esac"}, "uv does not reach", "connect to the network"},
		"a broken uv":    {map[string]string{"uv": "exit 1"}, "there is none", "install uv"},
		"a signalled uv": {map[string]string{"uv": "case $1 in --version) echo uv 0.9;; *) kill -9 $$;; esac"}, "uv venv", "mend that"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, requirements), "six==1.17.0\n")
			fakes(t, test.scripts)
			err := MakeEnvironment(t.Context(), dir, func(string) {})
			d, ok := errors.AsType[*diag.Error](err)
			if !ok || d.Kind != "environment" || !strings.Contains(d.What, test.what) || !strings.Contains(d.Hint, test.hint) || !strings.Contains(d.Hint, "assetdev demo --python") {
				t.Errorf("got error %v, want one of kind environment with %q and the hint %q", err, test.what, test.hint)
			}
		})
	}
}

// What was interrupted is made anew, what is complete or the user's own is kept.
func TestMakeEnvironmentAgain(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, requirements), "six==1.17.0\ncolorama==0.4.6 ; sys_platform == 'win32'\n")
	fakes(t, map[string]string{"uv": `case $1 in --version) echo uv 0.9;; venv) echo venv >>calls; echo Using CPython 3.12.1;; *) echo "$@" >>calls; echo Resolved 2 packages in 1ms >&2; echo " + six==1.17.0" >&2; test ! -e fail;; esac`})
	var said []string
	environment := func() error {
		said = nil
		return MakeEnvironment(t.Context(), dir, func(text string) { said = append(said, text) })
	}
	put(t, filepath.Join(dir, "fail"), "")
	if err := environment(); err == nil {
		t.Fatal("got no error of a uv that fails")
	}
	junk := filepath.Join(dir, environmentDir, "junk")
	put(t, junk, "of the first try")
	if err := os.Remove(filepath.Join(dir, "fail")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is done
		if err := environment(); err != nil {
			t.Fatal(err)
		}
		want := "venv\npip install --python .venv/bin/python --requirement requirements.txt\n"
		if got := text(t, filepath.Join(dir, "calls")); got != want+want {
			t.Errorf("uv was called with\n%swant\n%s", got, want+want)
		}
	}
	if _, err := os.Stat(junk); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the first try left: got %v, want that it is gone", err)
	}
	if len(said) > 0 {
		t.Errorf("with nothing to do it says %q", said)
	}

	put(t, filepath.Join(dir, requirements), "six==1.16.0\n")
	if err := environment(); err != nil {
		t.Fatal(err)
	}
	want := []string{"making a Python environment with uv: 1 package", "using CPython 3.12.1", "resolved 2 packages in 1ms"}
	if !slices.Equal(said, want) {
		t.Errorf("with other requirements it says %q, want %q", said, want)
	}

	// The user's own has no mark of ours.
	if err := os.Remove(filepath.Join(dir, environmentDir, environmentMark)); err != nil {
		t.Fatal(err)
	}
	if err := environment(); err != nil || len(said) > 0 {
		t.Errorf("the user's own environment: got %v and %q", err, said)
	}
}

func TestMakeEnvironmentCancelled(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, requirements), "six==1.17.0\n")
	fakes(t, map[string]string{"uv": `case $1 in --version) echo uv 0.9;; *) echo Using CPython; exec /bin/sleep 600;; esac`})
	ctx, cancel := context.WithCancel(t.Context())
	err := MakeEnvironment(ctx, dir, func(text string) {
		if strings.HasPrefix(text, "using") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
}

// TestMakeEnvironment makes a real environment of one small package.
func TestMakeEnvironment(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, requirements), "toposort==1.10\n")
	start := time.Now()
	var said []string
	err := MakeEnvironment(t.Context(), dir, func(text string) { said = append(said, text) })
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("no Python, or no network: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v in %v", said, time.Since(start))
	if len(said) == 0 {
		t.Error("it says nothing of what it does")
	}
	output(t, dir, nil, filepath.Join(environmentDir, "bin", "python"), "-c", "import toposort")
}
