package workspace

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	dgProjectFile = "[project]\nname = \"north\"\n\n[tool.dg]\ndirectory_type = \"project\"\n\n[tool.dg.project]\nroot_module = \"north\"\n"
	dgWorkspace   = "directory_type = \"workspace\"\n\n[workspace]\n\n[[workspace.projects]]\npath = \"projects/north\"\n\n[[workspace.projects]]\npath = \"projects/south\"\n"
)

func TestProjects(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		open  string
		want  string
	}{
		{
			"a dg project",
			map[string]string{"pyproject.toml": dgProjectFile},
			"pyproject.toml",
			`pyproject.toml:8:1: location "NAME": python_module module=north.definitions
  in $DIR: the project's folder
`,
		},
		{
			"dg.toml wins",
			map[string]string{
				"pyproject.toml": "[tool.dagster]\nmodule_name = \"other\"\n",
				"dg.toml":        "directory_type = \"project\"\n[project]\nroot_module = 'north'\ncode_location_name = \"North\"\ncode_location_target_module = \"north.all\"\n",
			},
			"dg.toml",
			`dg.toml:3:1: location "North": python_module module=north.all
  in $DIR: the project's folder
`,
		},
		{
			"autoload",
			map[string]string{"pyproject.toml": dgProjectFile + "autoload_defs = true\ndefs_module = \"north.things\"\n"},
			"pyproject.toml",
			`pyproject.toml:8:1: location "NAME": autoload_defs_module module=north.things
  in $DIR: the project's folder
`,
		},
		{
			"dagster dev",
			map[string]string{"pyproject.toml": "[tool.dagster]\nmodule_name = \"a.b\"\ncode_location_name = \"ab\"\n"},
			"pyproject.toml",
			`pyproject.toml:2:1: location "ab": python_module module=a.b
  in $DIR: the project's folder
`,
		},
		{
			"modules",
			map[string]string{"pyproject.toml": "[tool.dagster]\nmodules = [{type = \"module\", name = \"a\"}, {type = \"module\", name = \"b\"}]\n"},
			"pyproject.toml",
			`pyproject.toml:2:30: location "a": python_module module=a
  in $DIR: the project's folder
pyproject.toml:2:61: location "b": python_module module=b
  in $DIR: the project's folder
`,
		},
		{
			"a dg workspace",
			map[string]string{
				"dg.toml": dgWorkspace, "projects/north/pyproject.toml": dgProjectFile,
				"projects/south/dg.toml": "directory_type = \"project\"\n[project]\nroot_module = \"south\"\n",
			},
			"dg.toml",
			`projects/north/pyproject.toml:8:1: location "north": python_module module=north.definitions
  in $DIR/projects/north: the project's folder
projects/south/dg.toml:3:1: location "south": python_module module=south.definitions
  in $DIR/projects/south: the project's folder
`,
		},
		{
			"members that are none",
			map[string]string{"dg.toml": dgWorkspace, "projects/south/pyproject.toml": "[tool.dg\n"},
			"dg.toml",
			`dg.toml:6:1: location "north": python_module
  in $DIR/projects/north: the folder that the workspace names
  broken: there is neither a dg.toml nor a pyproject.toml with tool.dg in $DIR/projects/north
dg.toml:9:1: location "south": python_module
  in $DIR/projects/south: the folder that the workspace names
  broken: projects/south/pyproject.toml: line 1: expected character ]
`,
		},
		{
			"two of one name",
			map[string]string{
				"dg.toml":                       "directory_type = \"workspace\"\n[[workspace.projects]]\npath = \"x/n\"\n[[workspace.projects]]\npath = \"y/n\"\n",
				"x/n/pyproject.toml":            dgProjectFile,
				"y/n/pyproject.toml":            dgProjectFile,
				"projects/south/pyproject.toml": dgProjectFile,
			},
			"dg.toml",
			`x/n/pyproject.toml:8:1: location "n": python_module module=north.definitions
  in $DIR/x/n: the project's folder
y/n/pyproject.toml:8:1: cannot have multiple locations with the same name, got multiple "n"
hint: give one of them another code_location_name
`,
		},
		{
			"no code",
			map[string]string{"dg.toml": "directory_type = \"project\"\n"},
			"dg.toml",
			`dg.toml:1:1: it names no code: there is neither a project, nor a workspace, nor tool.dagster with module_name
hint: a project says directory_type = "project" and, in the table project, root_module = "NAME"
`,
		},
		{
			"no root module",
			map[string]string{"dg.toml": "directory_type = \"project\"\n[project]\ndefs_module = \"x\"\n"},
			"dg.toml",
			`dg.toml:1:1: location "NAME": python_module module=.definitions
  in $DIR: the project's folder
  broken: dg.toml: the project has no root_module
`,
		},
		{
			"wrong type",
			map[string]string{"dg.toml": "directory_type = \"project\"\n[project]\nroot_module = 5\n"},
			"dg.toml",
			`dg.toml:3:15: cannot decode TOML integer into struct field workspace.dgProject.RootModule of type string
`,
		},
		{
			"no TOML",
			map[string]string{"dg.toml": "directory_type = \n"},
			"dg.toml",
			`dg.toml:1:18: incomplete number
`,
		},
		{
			"no projects",
			map[string]string{"dg.toml": "directory_type = \"workspace\"\n"},
			"dg.toml",
			`notice: dg.toml: it names no projects
hint: add a table [[workspace.projects]] with path = "FOLDER" for each
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range test.files {
				write(t, filepath.Join(dir, name), text)
			}
			w, err := Load(filepath.Join(dir, test.open), Options{Cwd: dir, Getenv: environment})
			got := strings.ReplaceAll(strings.ReplaceAll(picture(w, err), dir, "$DIR"), "\""+filepath.Base(dir)+"\"", `"NAME"`)
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if len(w.Commands()) == 0 {
				t.Error("no commands to trust")
			}
		})
	}
}

// TestProjectTrust: a pyproject.toml is to be trusted anew when it names other code, not when a dependency is added.
func TestProjectTrust(t *testing.T) {
	dir := t.TempDir()
	hash := func(text string) string {
		write(t, filepath.Join(dir, PyprojectName), text)
		w, err := Load(filepath.Join(dir, PyprojectName), Options{Cwd: dir})
		if err != nil {
			t.Fatal(err)
		}
		return w.Commands()[0].Hash
	}
	before := hash(dgProjectFile)
	if got := hash(dgProjectFile + "\n[tool.other]\nx = 1\n"); got != before {
		t.Error("another table counts")
	}
	if got := hash(strings.Replace(dgProjectFile, `root_module = "north"`, `root_module = "south"`, 1)); got == before {
		t.Error("another module does not count")
	}
}

func TestFindProject(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ws/dg.toml":                       dgWorkspace,
		"ws/projects/north/pyproject.toml": dgProjectFile,
		"ws/projects/north/src/north/x.py": "",
		"ws/projects/other/pyproject.toml": dgProjectFile,
		"plain/pyproject.toml":             "[project]\nname = \"x\"\n",
		"yaml/workspace.yaml":              "load_from: []\n",
		"yaml/north/pyproject.toml":        dgProjectFile,
		"broken/pyproject.toml":            "[tool.dg\n",
		"broken2/dg.toml":                  "x =\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	for start, want := range map[string]string{
		"ws":                             "ws/dg.toml",
		"ws/projects/north":              "ws/dg.toml",
		"ws/projects/north/src/north":    "ws/dg.toml",
		"ws/projects/other":              "ws/projects/other/pyproject.toml",
		"ws/projects":                    "ws/dg.toml",
		"yaml/north":                     "yaml/workspace.yaml",
		"plain":                          "",
		"broken":                         "",
		"broken2":                        "broken2/dg.toml",
		"ws/projects/south/not/made/yet": "ws/dg.toml",
	} {
		got, err := Find(filepath.Join(dir, start))
		if want == "" {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: got %q, %v, want none", start, got, err)
			}
			continue
		}
		if err != nil || got != filepath.Join(dir, want) {
			t.Errorf("%s: got %q, %v, want %q", start, got, err, want)
		}
	}
	if got, err := In(filepath.Join(dir, "ws")); err != nil || got != filepath.Join(dir, "ws/dg.toml") {
		t.Errorf("in ws: got %q, %v", got, err)
	}
	if _, err := In(filepath.Join(dir, "plain")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in plain: got %v", err)
	}
}

func FuzzProject(f *testing.F) {
	for _, text := range []string{dgProjectFile, dgWorkspace, "[tool.dagster]\nmodules = [{}]\n", "[project]\nroot_module = \"\\u0000::/\"\n", "=", ""} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, dg bool) {
		name := PyprojectName
		if dg {
			name = DgName
		}
		dir := t.TempDir()
		w, err := Load(write(t, filepath.Join(dir, name), text), Options{Cwd: dir, Getenv: environment})
		checkErrors(t, err)
		for _, l := range w.Locations {
			if !validName(l.Name) || l.Name == "" {
				t.Errorf("a location of the name %q", l.Name)
			}
		}
	})
}
