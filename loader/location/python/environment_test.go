package python

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/loader/location"
)

// link makes a file that looks like an interpreter.
func link(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/false\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// machine makes a Python without packages, as an operating system has one.
func machine(t testing.TB, path string) {
	t.Helper()
	link(t, path)
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '{\"Version\": \"3.12.1\", \"Prefix\": \"/usr\", \"Packages\": []}'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// venv makes what finding an environment looks at.
func venv(t testing.TB, prefix, version, dagster string) {
	t.Helper()
	link(t, filepath.Join(prefix, "bin", "python"))
	minor := strings.Join(strings.Split(version, ".")[:2], ".")
	files := map[string]string{"pyvenv.cfg": "home = /usr/bin\nversion_info = " + version + ".final.0\n", "lib/python" + minor + "/site-packages/x.py": ""}
	if dagster != "" {
		files["lib/python"+minor+"/site-packages/dagster-"+dagster+".dist-info/RECORD"] = ""
	}
	write(t, prefix, files)
}

func TestFind(t *testing.T) {
	real := func(t *testing.T, dir string) string {
		t.Helper()
		path, err := filepath.EvalSymlinks(dir)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct {
		name       string
		set        func(t *testing.T, ws string)
		dir        string // below the workspace
		executable string
		env        []string
		python     string // below the workspace
		rule       string
		message    string // of the error
		hint       string
	}{
		{
			name: ".venv of the working directory", dir: "repo",
			set: func(t *testing.T, ws string) {
				venv(t, ws+"/repo/.venv", "3.11.7", "1.13.27")
				venv(t, ws+"/.venv", "3.11.7", "1.13.27")
			},
			python: "repo/.venv/bin/python", rule: ".venv of repo",
		},
		{
			name: ".venv above", dir: "repo/src",
			set:    func(t *testing.T, ws string) { venv(t, ws+"/.venv", "3.12.1", "1.9.0") },
			python: ".venv/bin/python", rule: ".venv of the workspace's folder",
		},
		{
			name: "not above the workspace", dir: "repo", env: []string{"PATH=$WS/bin"},
			set: func(t *testing.T, ws string) {
				link(t, ws+"/bin/python3")
				venv(t, filepath.Dir(ws)+"/.venv", "3.12.1", "1.9.0")
				write(t, ws, map[string]string{"repo/uv.lock": ""})
			},
			message: "there is no Python environment for this location: no .venv in repo, the workspace's folder", hint: "cd $WS/repo && uv sync",
		},
		{
			name: "the machine's Python without Dagster", dir: "repo", env: []string{"PATH=$WS/bin"},
			set: func(t *testing.T, ws string) {
				machine(t, ws+"/bin/python3")
				write(t, ws, map[string]string{"repo/pyproject.toml": "[project]\nname = 'shop'\ndependencies = ['pandas']\n"})
			},
			message: "there is no Python environment for this location: no .venv in repo, the workspace's folder, and python3 of PATH",
			hint:    "cd $WS/repo && python3 -m venv .venv && .venv/bin/pip install -e . dagster",
		},
		{
			name: "the machine's Python without Dagster, and uv", dir: "repo", env: []string{"PATH=$WS/bin"},
			set: func(t *testing.T, ws string) {
				machine(t, ws+"/bin/python3")
				link(t, ws+"/bin/uv")
				write(t, ws, map[string]string{"repo/requirements.txt": "dagster\n"})
			},
			message: "there is no Python environment", hint: "cd $WS/repo && uv venv && uv pip install -r requirements.txt",
		},
		{
			name: "above the workspace when a uv workspace is there", dir: "repo",
			set: func(t *testing.T, ws string) {
				up := filepath.Dir(ws)
				venv(t, up+"/.venv", "3.12.1", "1.9.0")
				write(t, up, map[string]string{"pyproject.toml": "[project]\nname='x'\n[tool.uv.workspace]\nmembers = ['*']\n"})
			},
			python: "../.venv/bin/python", rule: ".venv of $UP",
		},
		{
			name: "executable_path", dir: "repo", executable: "other/bin/python",
			set: func(t *testing.T, ws string) {
				venv(t, ws+"/repo/.venv", "3.11.7", "1.13.27")
				venv(t, ws+"/other", "3.11.7", "1.13.27")
			},
			python: "other/bin/python", rule: "executable_path",
		},
		{
			name: "executable_path that is not there", dir: "repo", executable: "other/bin/python",
			set:     func(t *testing.T, ws string) { venv(t, ws+"/repo/.venv", "3.11.7", "1.13.27") },
			message: `executable_path "$WS/other/bin/python" does not exist`, hint: "python3 -m venv .venv && .venv/bin/pip install dagster",
		},
		{
			name: "pixi", dir: "repo",
			set:    func(t *testing.T, ws string) { venv(t, ws+"/repo/.pixi/envs/default", "3.11.7", "1.13.27") },
			python: "repo/.pixi/envs/default/bin/python", rule: ".pixi/envs/default of repo",
		},
		{
			name: "conda", dir: "repo",
			set: func(t *testing.T, ws string) {
				link(t, ws+"/repo/.conda/bin/python")
				write(t, ws+"/repo/.conda", map[string]string{
					"conda-meta/python-3.12.4-h955ad1f_1.json": "", "conda-meta/python-dateutil-2.9.0-py312_0.json": "",
					"lib/python3.12/site-packages/dagster-1.10.2.dist-info/RECORD": "",
				})
			},
			python: "repo/.conda/bin/python", rule: ".conda of repo",
		},
		{
			name: "UV_PROJECT_ENVIRONMENT", dir: "repo", env: []string{"UV_PROJECT_ENVIRONMENT=../named"},
			set: func(t *testing.T, ws string) {
				venv(t, ws+"/named", "3.11.7", "1.13.27")
				write(t, ws, map[string]string{"repo/uv.lock": ""})
			},
			python: "named/bin/python", rule: "UV_PROJECT_ENVIRONMENT",
		},
		{
			name: "poetry", dir: "repo",
			set: func(t *testing.T, ws string) {
				write(t, ws, map[string]string{"repo/pyproject.toml": "[tool.poetry]\nname = \"My Shop\"\n", "repo/poetry.lock": ""})
				sum := sha256.Sum256([]byte(real(t, ws+"/repo")))
				hash := base64.URLEncoding.EncodeToString(sum[:])[:8]
				venv(t, ws+"/home/.cache/pypoetry/virtualenvs/my_shop-"+hash+"-py3.11", "3.11.7", "1.13.27")
				venv(t, ws+"/home/.cache/pypoetry/virtualenvs/my_shop-AAAAAAAA-py3.11", "3.11.7", "1.13.27")
			},
			python: "home/.cache/pypoetry/virtualenvs/my_shop-*/bin/python", rule: "poetry's environment of repo",
		},
		{
			name: "VIRTUAL_ENV", dir: "repo", env: []string{"VIRTUAL_ENV=$WS/active"},
			set:    func(t *testing.T, ws string) { venv(t, ws+"/active", "3.11.7", "1.13.27") },
			python: "active/bin/python", rule: "VIRTUAL_ENV",
		},
		{
			name: "nothing at all", dir: "repo", set: func(t *testing.T, ws string) { write(t, ws, map[string]string{"repo/pyproject.toml": "[project]\n"}) },
			message: "there is no Python for this location: no .venv in repo, the workspace's folder, no VIRTUAL_ENV, no python3 in PATH",
			hint:    "cd $WS/repo && python3 -m venv .venv && .venv/bin/pip install -e .",
		},
		{
			name: "poetry without an environment", dir: "repo", env: []string{"PATH=$WS/bin"},
			set: func(t *testing.T, ws string) {
				link(t, ws+"/bin/python3")
				write(t, ws, map[string]string{"repo/pyproject.toml": "[tool.poetry]\nname = \"x\"\n", "repo/poetry.lock": ""})
			},
			message: "there is no Python environment for this location", hint: "cd $WS/repo && poetry install",
		},
		{
			name: "an old Python", dir: "repo",
			set:     func(t *testing.T, ws string) { venv(t, ws+"/repo/.venv", "3.9.18", "1.9.0") },
			message: "Python 3.9.18 ($WS/repo/.venv/bin/python) is too old: 3.10 or later is needed", hint: "python3.12 -m venv",
		},
		{
			name: "an old Dagster", dir: "repo",
			set:     func(t *testing.T, ws string) { venv(t, ws+"/repo/.venv", "3.11.7", "1.8.13") },
			message: "Dagster 1.8.13 in $WS/repo/.venv is too old: 1.9 or later is needed", hint: "uv pip install --python $WS/repo/.venv/bin/python 'dagster>=1.9'",
		},
		{
			name: "no Dagster", dir: "repo",
			set: func(t *testing.T, ws string) {
				venv(t, ws+"/repo/.venv", "3.11.7", "")
				write(t, ws, map[string]string{"repo/.venv/lib/python3.11/site-packages/pip/x.py": ""})
			},
			message: "Dagster is not installed in the Python environment of this location ($WS/repo/.venv, .venv of repo)",
			hint:    "$WS/repo/.venv/bin/python -m pip install dagster",
		},
		{
			name: "Dagster's developers", dir: "repo",
			set:    func(t *testing.T, ws string) { venv(t, ws+"/repo/.venv", "3.11.7", "1!0+dev") },
			python: "repo/.venv/bin/python", rule: ".venv of repo",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			up := t.TempDir()
			ws := filepath.Join(up, "ws")
			if err := os.MkdirAll(filepath.Join(ws, test.dir), 0o700); err != nil {
				t.Fatal(err)
			}
			test.set(t, ws)
			env := []string{"HOME=" + ws + "/home", "PATH=/nowhere"}
			for _, e := range test.env {
				env = append(env, strings.ReplaceAll(e, "$WS", ws))
			}
			s := search{dir: filepath.Join(ws, test.dir), workspace: ws, env: env, cache: t.TempDir()}
			if test.executable != "" {
				s.executable = filepath.Join(ws, test.executable)
			}
			e, err := s.find(t.Context())
			show := func(text string) string { return strings.ReplaceAll(strings.ReplaceAll(text, ws, "$WS"), up, "$UP") }
			if test.message != "" {
				failed, ok := errors.AsType[*location.Error](err)
				if !ok || !strings.HasPrefix(show(failed.Message), test.message) || !strings.Contains(show(failed.Hint), test.hint) {
					t.Errorf("got %+v, want %q and the hint %q", err, test.message, test.hint)
				}
				return
			}
			if err != nil {
				t.Fatalf("got %v", err)
			}
			rel, _ := filepath.Rel(ws, e.Python)
			if ok, _ := filepath.Match(test.python, rel); !ok || show(e.Rule) != test.rule {
				t.Errorf("got %s by %q, want %s by %q", rel, show(e.Rule), test.python, test.rule)
			}
			if e.Version == "" || e.Dagster == "" || len(e.Packages) != 1 || !e.Virtual || e.Digest == "" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// TestInstalled: the digest changes with all that is installed, and code that is installed in place is the user's own.
func TestInstalled(t *testing.T) {
	t.Parallel()
	ws := t.TempDir()
	venv(t, ws+"/.venv", "3.11.7", "1.13.27")
	site := ws + "/.venv/lib/python3.11/site-packages/"
	write(t, ws, map[string]string{"editable/src/e/x.py": "", "path/x.py": "", "pth/x.py": "", "wheel/x.py": ""})
	s := search{dir: ws, workspace: ws, env: []string{"HOME=/nowhere", "PATH="}, cache: t.TempDir()}
	last := ""
	for _, step := range []struct {
		name    string
		do      func()
		own     []string
		changes bool
	}{
		{"as made", func() {}, nil, true},
		{"again", func() {}, nil, false},
		{"a package", func() { write(t, site, map[string]string{"pandas-2.0.0.dist-info/RECORD": "x"}) }, nil, true},
		{"the same package anew", func() { write(t, site, map[string]string{"pandas-2.0.0.dist-info/RECORD": "x,y"}) }, nil, true},
		{"an editable install", func() {
			write(t, site, map[string]string{"e-1.dist-info/RECORD": "", "e-1.dist-info/direct_url.json": `{"url": "file://` + ws + `/editable", "dir_info": {"editable": true}}`})
		}, []string{"editable"}, true},
		{"a path dependency", func() {
			write(t, site, map[string]string{"p-1.dist-info/RECORD": "", "p-1.dist-info/direct_url.json": `{"url": "file://` + ws + `/path", "dir_info": {}}`})
		}, []string{"editable", "path"}, true},
		{"a wheel by its URL", func() {
			write(t, site, map[string]string{"w-1.dist-info/RECORD": "", "w-1.dist-info/direct_url.json": `{"url": "file://` + ws + `/wheel", "archive_info": {}}`})
		}, []string{"editable", "path"}, true},
		{"a path file", func() {
			write(t, site, map[string]string{"x.pth": "# comment\nimport os; os.abort()\n" + ws + "/pth\n/usr/lib/python3/dist-packages\n" + ws + "/gone\n"})
		}, []string{"editable", "path", "pth"}, true},
		{"a module in site-packages", func() { write(t, site, map[string]string{"loose.py": ""}) }, []string{"editable", "path", "pth"}, false},
		{"the interpreter", func() { write(t, ws, map[string]string{".venv/pyvenv.cfg": "version = 3.11.8\n"}) }, []string{"editable", "path", "pth"}, true},
	} {
		step.do()
		e, err := s.find(t.Context())
		if err != nil {
			t.Fatal(step.name, err)
		}
		var want []string
		for _, name := range step.own {
			want = append(want, filepath.Join(ws, name))
		}
		if diff := cmp.Diff(want, e.Own); diff != "" {
			t.Errorf("%s: own code (-want +got):\n%s", step.name, diff)
		}
		if (e.Digest != last) != step.changes {
			t.Errorf("%s: the digest changed %v, want %v", step.name, e.Digest != last, step.changes)
		}
		last = e.Digest
	}
}

// TestProbe asks a real interpreter that no file describes, once.
func TestProbe(t *testing.T) {
	t.Parallel()
	python, version := bare(t)
	cache := t.TempDir()
	s := search{dir: t.TempDir(), workspace: "/", env: os.Environ(), cache: cache}
	first, err := s.probe(t.Context(), python)
	if err != nil || first.Version != version || first.Prefix == "" {
		t.Fatalf("got %+v, %v, want version %s", first, err, version)
	}
	kept, err := filepath.Glob(filepath.Join(cache, "probe", "*.json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	write(t, "/", map[string]string{kept[0]: `{"Version": "3.99.0"}`})
	if again, err := s.probe(t.Context(), python); err != nil || again.Version != "3.99.0" {
		t.Errorf("got %+v, %v: it was asked again", again, err)
	}
	bad := filepath.Join(t.TempDir(), "python3")
	link(t, bad)
	if _, err := s.probe(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "does not work as a Python interpreter") {
		t.Errorf("got %v", err)
	}
}

func TestUnshim(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, version := range []string{"3.11.7", "3.11.10", "3.12.1"} {
		link(t, filepath.Join(root, "versions", version, "bin", "python3"))
	}
	shim := filepath.Join(root, "shims", "python3")
	link(t, shim)
	write(t, root, map[string]string{"version": "3.12.1\n", "repo/.python-version": "# why\n3.11\n", "other/.python-version": "3.8.1\n"})
	write(t, root, map[string]string{"repo/.python-version": "3.11\n"})
	for _, test := range []struct{ dir, env, want string }{
		{"none", "", "versions/3.12.1"},
		{"repo/deep", "", "versions/3.11.10"},
		{"repo", "PYENV_VERSION=3.11.7", "versions/3.11.7"},
		{"other", "", "shims"},
	} {
		s := search{dir: filepath.Join(root, test.dir), env: []string{test.env}}
		got := s.unshim(shim)
		if !strings.HasPrefix(got, filepath.Join(root, test.want)) {
			t.Errorf("%+v: got %s", test, got)
		}
	}
	if got := (search{}).unshim("/usr/bin/python3"); got != "/usr/bin/python3" {
		t.Errorf("got %s", got)
	}
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		version, than string
		want          bool
	}{
		{"1.9.0", "1.9", false},
		{"1.8.13", "1.9", true},
		{"1.10", "1.9", false},
		{"2", "1.9", false},
		{"1", "1.9", true},
		{"1.9rc1", "1.9", false},
		{"1!0+dev", "1.9", false},
		{"", "1.9", true},
		{"3.9.18", "3.10", true},
		{"3.13.0a1", "3.10", false},
	} {
		if got := older(test.version, test.than); got != test.want {
			t.Errorf("%q older than %q: got %v", test.version, test.than, got)
		}
	}
}

// TestBundled: the files that Python needs are in the binary, and no others.
func TestBundled(t *testing.T) {
	t.Parallel()
	files, hash, err := bundledFiles()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, path := range glob(t, "lib/assetdev_bridge/*.py") {
		want = append(want, strings.TrimPrefix(path, "lib/"))
	}
	var got []string
	for name := range files {
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || !slices.Contains(got, "assetdev_bridge/__init__.py") {
		t.Errorf("bundled (-want +got):\n%s", diff)
	}
	if more := glob(t, "lib/assetdev_bridge/*/*.py"); len(more) > 0 {
		t.Errorf("%v are not bundled", more)
	}
	cache := t.TempDir()
	dir, err := unpack(cache)
	if err != nil || filepath.Base(dir) != "lib-"+hash {
		t.Fatalf("got %s, %v", dir, err)
	}
	// What was damaged is written anew.
	broken := filepath.Join(dir, "assetdev_bridge", "main.py")
	if err := os.WriteFile(broken, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(cache); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(broken); err != nil || string(text) != string(files["assetdev_bridge/main.py"]) {
		t.Errorf("got %.20q, %v", text, err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, stderr string
		want         location.Error
		ok           bool
	}{
		{
			"a traceback", "noise\nTraceback (most recent call last):\n  File \"/repo/a.py\", line 3, in f\n    g()\n  File \"/repo/b.py\", line 9, in g\n    pandas.x()\n" +
				"  File \"/repo/.venv/lib/python3.11/site-packages/pandas/x.py\", line 99, in x\nValueError: no\n  more\n",
			location.Error{Message: "ValueError: no", File: "/repo/b.py", Line: 9},
			true,
		},
		{
			"the last of several", "Traceback (most recent call last):\n  File \"/repo/a.py\", line 3, in f\nKeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\n" +
				"Traceback (most recent call last):\n  File \"/repo/a.py\", line 5, in f\nTypeError: 2\n",
			location.Error{Message: "TypeError: 2", File: "/repo/a.py", Line: 5},
			true,
		},
		{
			"a crash", "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  File \"/usr/lib/python3.11/ctypes/x.py\", line 1 in s\n" +
				"  File \"/repo/a.py\", line 3 in inner\n  File \"/repo/a.py\", line 30 in outer\n",
			location.Error{Message: "Python crashed: Segmentation fault", File: "/repo/a.py", Line: 3},
			true,
		},
		{"an interrupt", "Traceback (most recent call last):\n  File \"/repo/a.py\", line 3, in f\nKeyboardInterrupt\n", location.Error{}, false},
		{"nothing", "hello\n", location.Error{}, false},
		{"half a traceback", "Traceback (most recent call last):\n", location.Error{}, false},
	} {
		got, ok := explain(test.stderr, []string{"/repo"})
		if ok != test.ok || ok && (got.Message != test.want.Message || got.File != test.want.File || got.Line != test.want.Line) {
			t.Errorf("%s: got %+v, %v", test.name, got, ok)
		}
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("Traceback (most recent call last):\n  File \"/repo/a.py\", line 3, in f\nKeyError: 1\n")
	f.Add("Fatal Python error: Aborted\n  File \"/repo/a.py\", line 3 in f\n")
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := explain(text, []string{"/repo"})
		if ok && (e.Message == "" || strings.Contains(e.Message, "\n") || len(e.Message) > 1100) || e.File != "" && !within(e.File, "/repo") {
			t.Errorf("got %+v, %v", e, ok)
		}
	})
}

func FuzzEnvironmentFiles(f *testing.F) {
	f.Add("[tool.poetry]\nname = \"x\"\n", "tool.poetry", "name")
	f.Add("version_info = 3.11.7.final.0\n", "", "version")
	f.Add("import os\n../x\n/abs\n", "", "")
	f.Fuzz(func(t *testing.T, text, section, key string) {
		_ = sectionText(text, section, key)
		_ = hasSection(text, section)
		_ = configValue(text, key)
		for _, folder := range pathFile(text, "/site") {
			if !filepath.IsAbs(folder) || filepath.Clean(folder) != folder {
				t.Errorf("got %q", folder)
			}
		}
		for _, name := range importLine.FindAllStringSubmatch(text, -1) {
			if name[1]+name[2] == "" {
				t.Error("an import of nothing")
			}
		}
	})
}

// TestImportsOf: the first server imports what the files do, but nothing of their own.
func TestImportsOf(t *testing.T) {
	t.Parallel()
	dir := write(t, t.TempDir(), map[string]string{
		"src/own/__init__.py": "import pandas as pd, numpy\nfrom sklearn.ensemble import RandomForest\nfrom . import x\nimport own.helper\n    import inner\n",
		"own2.py":             "from  dagster import asset\nimport own2\nfrom own import y\ntext = '''\nimport quoted'''\n",
		".venv/pyvenv.cfg":    "", ".venv/lib/python3.11/site-packages/z.py": "import zzz\n", "node_modules/n.py": "import nnn\n",
	})
	if diff := cmp.Diff([]string{"dagster", "pandas", "quoted", "sklearn.ensemble"}, importsOf([]string{dir})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDigest: what counts as code of a location.
func TestDigest(t *testing.T) {
	t.Parallel()
	dir := write(t, t.TempDir(), map[string]string{"a.py": "1", "b/c.py": "1", "data.csv": "1", "defs.yaml": "1", ".hidden/x.py": "1", "env/pyvenv.cfg": "", "env/x.py": "1", "b/__pycache__/c.py": "1"})
	var s sources
	digest := func() string {
		t.Helper()
		files, err := list(t.Context(), []string{dir, dir}, []string{filepath.Join(dir, "defs.yaml"), filepath.Join(dir, "later.yaml")})
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.digest(files)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	last := digest()
	for _, step := range []struct {
		file    string
		changes bool
	}{
		{"a.py", true},
		{"b/c.py", true},
		{"b/new.py", true},
		{"defs.yaml", true},
		{"later.yaml", true},
		{"data.csv", false},
		{".hidden/x.py", false},
		{"env/x.py", false},
		{"b/__pycache__/c.py", false},
	} {
		write(t, dir, map[string]string{step.file: "2"}) // of the same size, within the same second
		now := digest()
		if (now != last) != step.changes {
			t.Errorf("%s: changed %v, want %v", step.file, now != last, step.changes)
		}
		last = now
	}
	if err := os.Remove(filepath.Join(dir, "a.py")); err != nil {
		t.Fatal(err)
	}
	if digest() == last {
		t.Error("a file that is gone changes nothing")
	}
}
