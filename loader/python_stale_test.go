package loader

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/assetdev/assetdev/loader/location/python"
	"github.com/assetdev/assetdev/loader/location/python/pythontest"
)

// writeOld writes files below a folder, as if that had been done an hour ago: their times then say whether they changed.
func writeOld(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-time.Hour)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func codeVersion(t testing.TB, l *Loader, name, key string) string {
	t.Helper()
	s := l.State(name)
	if s.Err != nil {
		t.Fatalf("location %s: %+v", name, s.Err)
	}
	for _, a := range s.Assets {
		if a.Key.String() == key {
			return a.Code.Version
		}
	}
	t.Fatalf("no asset %s in %v", key, s.Assets)
	return ""
}

// Whatever of a project is changed that an asset hangs on changes its code version, for who opens the workspace anew and for who has it open.
func TestChangesThatCount(t *testing.T) {
	interpreter := pythontest.Python(t, pythontest.Newest)
	for _, test := range []struct {
		name   string
		files  map[string]string
		change map[string]string
	}{
		{
			name: "declared file",
			files: map[string]string{
				"repo/assets.py": "import dagster as dg\n\n\n@dg.asset(metadata={'assetdev/files': ['*.csv']})\ndef a():\n    return 1\n", "repo/a.csv": "1\n",
			},
			change: map[string]string{"repo/a.csv": "2\n"},
		},
		{
			name: "another declared file",
			files: map[string]string{
				"repo/assets.py": "import dagster as dg\n\n\n@dg.asset(metadata={'assetdev/files': ['*.csv']})\ndef a():\n    return 1\n", "repo/a.csv": "1\n",
			},
			change: map[string]string{"repo/b.csv": "2\n"},
		},
		{
			name: "helper on PYTHONPATH",
			files: map[string]string{
				"repo/assets.py": "import dagster as dg\nimport outer\n\n\n@dg.asset\ndef a():\n    return outer.f()\n", "lib/outer.py": "def f():\n    return 1\n",
				".env": "PYTHONPATH=lib\n",
			},
			change: map[string]string{"lib/outer.py": "def f():\n    return 2\n"},
		},
		{
			name: "helper on sys.path",
			files: map[string]string{
				"repo/assets.py": "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))\nimport dagster as dg\nimport outer\n\n\n@dg.asset\ndef a():\n    return outer.f()\n",
				"lib/outer.py":   "def f():\n    return 1\n",
			},
			change: map[string]string{"lib/outer.py": "def f():\n    return 2\n"},
		},
		{
			name: "file beside the repository",
			files: map[string]string{
				"repo/assets.py": "import pathlib\nimport dagster as dg\n\nTEXT = (pathlib.Path(__file__).parent.parent / 'q.sql').read_text()\n\n\n@dg.asset\ndef a():\n    return TEXT\n", "q.sql": "1\n",
			},
			change: map[string]string{"q.sql": "2\n"},
		},
		{
			name: "file in another folder of the repository",
			files: map[string]string{
				"repo/assets.py": "import dagster as dg\nfrom jobs.one import a\n\ndefs = dg.Definitions(assets=[a])\n", "repo/jobs/__init__.py": "",
				"repo/jobs/one.py": "import pathlib\nimport dagster as dg\n\nTEXT = (pathlib.Path(__file__).parent.parent / 'sql' / 'q.sql').read_text()\n\n\n@dg.asset\ndef a():\n    return TEXT\n",
				"repo/sql/q.sql":   "1\n",
			},
			change: map[string]string{"repo/sql/q.sql": "2\n"},
		},
		{
			name: "variable of .env",
			files: map[string]string{
				"repo/assets.py": "import os\nimport dagster as dg\n\n\n@dg.asset\ndef a():\n    return os.environ['RATE']\n", ".env": "RATE=1\n",
			},
			change: map[string]string{".env": "RATE=2\n"},
		},
		{
			name: "variable of .env for a resource",
			files: map[string]string{
				"repo/assets.py": "import dagster as dg\n\n\nclass R(dg.ConfigurableResource):\n    rate: str\n\n\n@dg.asset\ndef a(r: R):\n    return r.rate\n\n\ndefs = dg.Definitions(assets=[a], resources={'r': R(rate=dg.EnvVar('RATE'))})\n", ".env": "RATE=1\n",
			},
			change: map[string]string{".env": "RATE=2\n"},
		},
		{
			name: "one query more",
			files: map[string]string{
				"repo/assets.py": "import pathlib\nimport dagster as dg\n\nPARTS = [p.read_text() for p in (pathlib.Path(__file__).parent / 'sql').glob('*.sql')]\n\n\n@dg.asset\ndef a():\n    return PARTS\n", "repo/sql/a.sql": "1",
			},
			change: map[string]string{"repo/sql/b.sql": "1"},
		},
		{
			name: "helper that hides an installed one",
			files: map[string]string{
				"repo/assets.py":      "import dagster as dg\nimport tomlkit_own\n\n\n@dg.asset\ndef a():\n    import yaml\n    return yaml.X\n",
				"repo/tomlkit_own.py": "X=1\n",
			},
			change: map[string]string{"repo/yaml.py": "X = 2\n"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if os.Getenv("ASSETDEV_HEAVY") == "" && !slices.Contains([]string{"declared file", "helper on PYTHONPATH", "variable of .env"}, test.name) {
				t.Skip("with ASSETDEV_HEAVY=1")
			}
			t.Parallel()
			dir := t.TempDir()
			writeOld(t, dir, map[string]string{"workspace.yaml": "load_from:\n  - python_module: {module_name: assets, working_directory: repo, location_name: repo}\n"})
			writeOld(t, dir, test.files)
			if err := os.Symlink(filepath.Dir(filepath.Dir(interpreter)), filepath.Join(dir, ".venv")); err != nil {
				t.Fatal(err)
			}
			l := reopen(t, dir, python.Cold)
			l.Refresh(t.Context(), "repo", IfNeeded)
			l.Refresh(t.Context(), "repo", IfNeeded)
			before := codeVersion(t, l, "repo", "a")
			// Files that were put there less than two seconds ago prove nothing, whatever time they carry: nothing is the same until then.
			for end, same := time.Now().Add(time.Minute), false; !same; {
				if err := l.Save(); err != nil {
					t.Fatal(err)
				}
				l = reopen(t, dir, python.Cold)
				if same = l.Refresh(t.Context(), "repo", IfNeeded).Same; !same && time.Now().After(end) {
					t.Fatal("nothing changed, and it is never taken for the same")
				}
			}
			writeOld(t, dir, test.change)
			later := reopen(t, dir, python.Cold)
			r := later.Refresh(t.Context(), "repo", IfNeeded)
			if after := codeVersion(t, later, "repo", "a"); after == before {
				t.Errorf("opened anew (same: %v) the version is still %s", r.Same, before)
			}
			r = l.Refresh(t.Context(), "repo", IfNeeded)
			if after := codeVersion(t, l, "repo", "a"); after == before {
				t.Errorf("in the open workspace (same: %v) the version is still %s", r.Same, before)
			}
		})
	}
}
