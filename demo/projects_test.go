package demo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "my-project")
	for _, file := range txtar.Parse([]byte(archive)).Files {
		put(t, filepath.Join(dir, file.Name), string(file.Data))
	}
	return dir
}

func TestFindProjects(t *testing.T) {
	for name, test := range map[string]struct {
		archive string
		want    []Project
	}{
		"a dg project with src": {"-- pyproject.toml --\n[project]\nname = \"x\"\n\n[tool.dg]\ndirectory_type = \"project\"\n\n[tool.dg.project]\nroot_module = \"shop\"\n-- src/shop/__init__.py --\n-- src/shop/definitions.py --\nimport dagster as dg\n", []Project{
			{Kind: "python_module", Target: "shop.definitions", Dir: "src", Name: "my-project", Why: "pyproject.toml, tool.dg"},
		}},
		"all that a dg project says": {"-- a/pyproject.toml --\n[tool.dg.project]\nroot_module = 'shop' # ours\ncode_location_target_module = \"shop.main\"\ncode_location_name = \"Shop \\u00e9\"\n-- a/shop/__init__.py --\n", []Project{
			{Kind: "python_module", Target: "shop.main", Dir: "a", Name: "Shop é", Why: "pyproject.toml, tool.dg"},
		}},
		"autoload": {"-- pyproject.toml --\n[tool.dg]\nproject.root_module = \"shop\"\nproject.autoload_defs = true\n-- shop/defs/__init__.py --\n", []Project{
			{Kind: "autoload_defs_module", Target: "shop.defs", Dir: ".", Name: "my-project", Why: "pyproject.toml, tool.dg"},
		}},
		"dg.toml": {"-- dg.toml --\ndirectory_type = \"workspace\"\n[[workspace.projects]]\npath = \"projects/a\"\n-- projects/a/dg.toml --\ndirectory_type = \"project\"\n[project]\nroot_module = \"a\"\n-- projects/a/src/a/definitions.py --\nimport dagster\n", []Project{
			{Kind: "python_module", Target: "a.definitions", Dir: "projects/a/src", Name: "a", Why: "dg.toml"},
		}},
		"tool.dagster": {"-- x/pyproject.toml --\n[tool.dagster]\nmodule_name = \"shop\"\n-- x/shop/__init__.py --\n-- y/pyproject.toml --\n[tool.dagster]\nmodule_name = \"shop\"\nworking_directory = \"code\"\n-- y/code/shop.py --\n", []Project{
			{Kind: "python_module", Target: "shop", Dir: "x", Name: "shop", Why: "pyproject.toml, tool.dagster"},
			{Kind: "python_module", Target: "shop", Dir: "y/code", Name: "shop-2", Why: "pyproject.toml, tool.dagster"},
		}},
		"definitions": {"-- definitions.py --\nfrom dagster import Definitions\n-- lib/shop/__init__.py --\n-- lib/shop/etl/__init__.py --\n-- lib/shop/etl/definitions.py --\nimport dagster as dg\n-- other/definitions.py --\nDAGSTER = 'import dagster'\n", []Project{
			{Kind: "python_file", Target: "definitions.py", Dir: ".", Name: "my-project", Why: "definitions.py"},
			{Kind: "python_module", Target: "shop.etl.definitions", Dir: "lib", Name: "shop.etl", Why: "definitions.py"},
		}},
		"Go": {"-- go.mod --\nmodule x\n-- assets/main.go --\npackage main\n\nimport \"github.com/assetdev/assetdev/asset\"\n\nfunc main() {\n\tasset.Main()\n}\n-- assets/main_test.go --\npackage main\n-- web/main.go --\npackage main\n\nimport \"github.com/assetdev/assetdev/asset\"\n\n// asset.Main() is not called.\nfunc main() {}\n-- nomod/main.go --\npackage main\n", []Project{
			{Kind: "go_package", Target: "./assets", Dir: ".", Name: "my-project", Why: "asset.Main in assets/main.go"},
		}},
		"what is not searched": {"-- .venv/definitions.py --\nimport dagster\n-- env/pyvenv.cfg --\n-- env/lib/definitions.py --\nimport dagster\n-- node_modules/definitions.py --\nimport dagster\n-- a/b/c/d/e/definitions.py --\nimport dagster\n", nil},
		"not Dagster":          {"-- pyproject.toml --\n[project]\nname = \"x\"\ndescription = \"\"\"\n[tool.dg.project]\nroot_module = \"no\"\n\"\"\"\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FindProjects(unpack(t, test.archive))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindProjectsOfTheDemo(t *testing.T) {
	dir := t.TempDir()
	writePython(t, dir, false)
	if err := os.Symlink(dir, filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	found, err := FindProjects(dir)
	if err != nil || len(found) != 2 {
		t.Fatalf("got %v, %v", found, err)
	}
	workspace := text(t, filepath.Join(dir, "workspace.yaml"))
	if missing, err := Unnamed(dir, found); err != nil || len(missing) > 0 {
		t.Errorf("not named are %v, %v", missing, err)
	}
	// Without its workspace.yaml, Init writes the same entries.
	if err := os.Remove(filepath.Join(dir, "workspace.yaml")); err != nil {
		t.Fatal(err)
	}
	files, err := Init(dir, InitOptions{Projects: found})
	if err != nil || !slices.Equal(files, []string{"workspace.yaml"}) {
		t.Fatalf("got %v, %v", files, err)
	}
	_, want, _ := strings.Cut(workspace, "load_from:")
	if _, got, _ := strings.Cut(text(t, filepath.Join(dir, "workspace.yaml")), "load_from:"); got != want {
		t.Errorf("workspace.yaml names%s\nwant%s", got, want)
	}
	other := append(slices.Clone(found), Project{Kind: "go_package", Target: ".", Dir: "third", Name: "on"})
	if missing, err := Unnamed(dir, other); err != nil || len(missing) != 1 || missing[0] != "  - go_package:\n      package_name: \".\"\n      location_name: \"on\"\n      working_directory: ./third\n" {
		t.Errorf("not named are %q, %v", missing, err)
	}
}

func FuzzReadTOML(f *testing.F) {
	f.Add("[tool.dg.project]\nroot_module = \"a\\\"b\"\nx = '''\n[a]\n'''\n")
	f.Add("a.b = [1, 2\n]\n[[x]]\n= \n\"q\" = \"")
	f.Fuzz(func(t *testing.T, text string) {
		for table, values := range readTOML(text) {
			for key, value := range values {
				if strings.ContainsAny(table+key, "\n") || len(value) > 4*len(text) {
					t.Errorf("[%q] %q = %q", table, key, value)
				}
			}
		}
	})
}
