package demo

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What Init finds in a folder: Dagster projects by their configuration, else by their definitions.py, and Go programs of assets. Only names and
// texts of files are looked at. Nothing is executed, links are not followed, and what lies deep is not searched for.

const (
	findDepth   = 4       // folders below the one that is searched
	findEntries = 20_000  // of all folders
	findBytes   = 1 << 20 // of a file
)

// A Project is code that a workspace can load.
type Project struct {
	Kind   string `json:"kind"`   // as in workspace.yaml: python_module, autoload_defs_module, python_file or go_package
	Target string `json:"target"` // the module, the file or the package
	Dir    string `json:"dir"`    // the working directory, slash-separated and relative to the folder that was searched
	Name   string `json:"name"`   // the name of the code location
	Why    string `json:"why"`    // what it was found by, for people
}

// FindProjects returns the projects in dir and the folders below, in the order of their folders.
func FindProjects(dir string) ([]Project, error) {
	f := finder{root: dir}
	if err := f.folder(".", 0); err != nil {
		return nil, fmt.Errorf("look for projects in %q: %w", dir, err)
	}
	slices.SortFunc(f.found, func(a, b Project) int { return cmp.Or(cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Target, b.Target)) })
	names := map[string]int{}
	for i := range f.found {
		name := f.found[i].Name
		if names[name]++; names[name] > 1 {
			f.found[i].Name = fmt.Sprintf("%s-%d", name, names[name])
		}
	}
	return f.found, nil
}

type finder struct {
	root  string
	seen  int
	found []Project
}

// folder looks at a folder, and at those below.
func (f *finder) folder(dir string, depth int) error {
	entries, err := os.ReadDir(f.path(dir))
	if err != nil {
		if depth > 0 {
			return nil // one that may not be read holds none that we could load
		}
		return err
	}
	if f.seen += len(entries); f.seen > findEntries {
		return nil
	}
	has := map[string]bool{}
	var folders []string
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		} else if e.Type().IsRegular() {
			has[e.Name()] = true
		}
	}
	if has["pyvenv.cfg"] { // a Python environment
		return nil
	}
	inDagster := f.dagster(dir, has)
	if !inDagster && has["definitions.py"] && mentions(f.read(path.Join(dir, "definitions.py")), dagsterImport) {
		f.definitions(dir)
	}
	f.golang(dir, has)
	if depth == findDepth {
		return nil
	}
	for _, name := range folders {
		skip := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || slices.Contains([]string{"node_modules", "site-packages", "testdata", "tests", "vendor", sdkDir, "sdk"}, name)
		if skip || inDagster && name == "src" { // what is in there belongs to the project
			continue
		}
		if inDagster && f.exists(path.Join(dir, name, "__init__.py")) {
			continue
		}
		if err := f.folder(path.Join(dir, name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

func (f *finder) exists(name string) bool {
	_, err := os.Lstat(f.path(name))
	return err == nil
}

// read returns the text of a small regular file, or "".
func (f *finder) read(name string) string {
	info, err := os.Lstat(f.path(name))
	if err != nil || !info.Mode().IsRegular() || info.Size() > findBytes {
		return ""
	}
	text, err := os.ReadFile(f.path(name))
	if err != nil {
		return ""
	}
	return string(text)
}

// dagster adds the Dagster project whose configuration lies in a folder, and reports whether there is one.
func (f *finder) dagster(dir string, has map[string]bool) bool {
	if has["dg.toml"] {
		if t := readTOML(f.read(path.Join(dir, "dg.toml"))); f.dgProject(dir, "dg.toml", t, "project") {
			return true
		}
	}
	if !has["pyproject.toml"] {
		return false
	}
	t := readTOML(f.read(path.Join(dir, "pyproject.toml")))
	if f.dgProject(dir, "pyproject.toml, tool.dg", t, "tool.dg.project") {
		return true
	}
	module := t.text("tool.dagster", "module_name")
	if module == "" {
		return false
	}
	f.add(Project{Kind: "python_module", Target: module, Name: cmp.Or(t.text("tool.dagster", "code_location_name"), module), Why: "pyproject.toml, tool.dagster"},
		path.Join(dir, filepath.ToSlash(t.text("tool.dagster", "working_directory"))))
	return true
}

// dgProject adds the project that a table [tool.dg.project] describes.
func (f *finder) dgProject(dir, why string, t tomlText, table string) bool {
	root := t.text(table, "root_module")
	if root == "" {
		return false
	}
	p := Project{Kind: "python_module", Target: cmp.Or(t.text(table, "code_location_target_module"), root+".definitions"), Why: why}
	if t[table]["autoload_defs"] == "true" {
		p.Kind, p.Target = "autoload_defs_module", cmp.Or(t.text(table, "defs_module"), root+".defs")
	}
	p.Name = cmp.Or(t.text(table, "code_location_name"), f.nameOf(dir))
	f.add(p, dir)
	return true
}

// nameOf is the name of a folder of which dir is the path.
func (f *finder) nameOf(dir string) string {
	if dir != "." {
		return path.Base(dir)
	}
	abs, err := filepath.Abs(f.root)
	if err != nil {
		return dir
	}
	return filepath.Base(abs)
}

// add adds a project of Python in dir. Where its package lies in src, that is the working directory, so that Dagster finds it too.
func (f *finder) add(p Project, dir string) {
	p.Dir = dir
	top, _, _ := strings.Cut(p.Target, ".")
	if !f.exists(path.Join(dir, top)) && !f.exists(path.Join(dir, top+".py")) && f.exists(path.Join(dir, "src", top)) {
		p.Dir = path.Join(dir, "src")
	}
	f.found = append(f.found, p)
}

var dagsterImport = regexp.MustCompile(`(?m)^\s*(?:import|from)\s+dagster\b`)

func mentions(text string, what *regexp.Regexp) bool { return what.MatchString(text) }

// definitions adds a definitions.py that belongs to no project: as a module where it lies in a package.
func (f *finder) definitions(dir string) {
	module, top := "definitions", dir
	for f.exists(path.Join(top, "__init__.py")) && top != "." {
		module, top = path.Base(top)+"."+module, path.Dir(top)
	}
	if top == dir {
		f.found = append(f.found, Project{Kind: "python_file", Target: path.Join(dir, "definitions.py"), Dir: dir, Name: f.nameOf(dir), Why: "definitions.py"})
		return
	}
	f.found = append(f.found, Project{Kind: "python_module", Target: module, Dir: top, Name: strings.TrimSuffix(module, ".definitions"), Why: "definitions.py"})
}

var assetMain = regexp.MustCompile(`(?m)^[^/"]*\basset\.Main\(`)

// golang adds the Go programs of assets in a folder of a module.
func (f *finder) golang(dir string, has map[string]bool) {
	for _, name := range sortedKeys(has) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text := f.read(path.Join(dir, name))
		if !strings.Contains(text, `"`+modulePath+`/asset"`) || !mentions(text, assetMain) {
			continue
		}
		top := dir
		for top != "." && !f.exists(path.Join(top, "go.mod")) {
			top = path.Dir(top)
		}
		if !f.exists(path.Join(top, "go.mod")) {
			return
		}
		target := "."
		if dir != top {
			target = "./" + strings.TrimPrefix(strings.TrimPrefix(dir, top), "/")
		}
		f.found = append(f.found, Project{Kind: "go_package", Target: target, Dir: top, Name: f.nameOf(top), Why: "asset.Main in " + path.Join(dir, name)})
		return
	}
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// entry is the project as an entry of workspace.yaml, below load_from.
func (p Project) entry() string {
	var b strings.Builder
	main := map[string]string{"python_file": "relative_path", "go_package": "package_name"}[p.Kind]
	fmt.Fprintf(&b, "  - %s:\n      %s: %s\n      location_name: %s\n", p.Kind, cmp.Or(main, "module_name"), yamlText(p.Target), yamlText(p.Name))
	if p.Kind != "python_file" && p.Dir != "." {
		fmt.Fprintf(&b, "      working_directory: %s\n", yamlText("./"+p.Dir))
	}
	return b.String()
}

var plainYAML = regexp.MustCompile(`^[A-Za-z_./][A-Za-z0-9_./-]*$`)

// yamlText quotes what YAML would not read as text.
func yamlText(text string) string {
	if plainYAML.MatchString(text) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "."}, strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text)
}

// A tomlText is the values of a TOML file by table and key: strings without their quotes, and other values of one line as they stand.
type tomlText map[string]map[string]string

func (t tomlText) text(table, key string) string {
	value := t[table][key]
	if value == "true" || value == "false" {
		return ""
	}
	return value
}

// readTOML reads the tables and one-line values of a TOML file, which is all that we ask for. What it does not understand it leaves out.
func readTOML(text string) tomlText {
	t, table, within := tomlText{}, "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if within != "" { // a string of several lines
			if strings.Contains(line, within) {
				within = ""
			}
			continue
		}
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			name, _, _ := strings.Cut(strings.TrimLeft(line, "["), "]")
			parts := strings.Split(name, ".")
			for i := range parts {
				parts[i] = strings.Trim(parts[i], " \t\"'")
			}
			table = strings.Join(parts, ".")
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok {
				continue
			}
			key, value = strings.Trim(key, " \t\"'"), strings.TrimSpace(value)
			for _, quotes := range []string{`"""`, "'''"} {
				if strings.HasPrefix(value, quotes) && !strings.Contains(value[3:], quotes) {
					within = quotes
				}
			}
			in, name := table, key
			if i := strings.LastIndexByte(key, '.'); i >= 0 { // a dotted key
				in, name = strings.TrimPrefix(table+"."+key[:i], "."), key[i+1:]
			}
			if t[in] == nil {
				t[in] = map[string]string{}
			}
			t[in][name] = tomlValue(value)
		}
	}
	return t
}

func tomlValue(value string) string {
	if value == "" {
		return ""
	}
	switch quote := value[0]; quote {
	case '\'':
		text, _, _ := strings.Cut(value[1:], "'")
		return text
	case '"':
		for i := 1; i < len(value); i++ {
			switch value[i] {
			case '\\':
				i++
			case '"':
				if text, err := strconv.Unquote(value[:i+1]); err == nil {
					return text
				}
				return ""
			}
		}
		return ""
	}
	word, _, _ := strings.Cut(value, "#")
	return strings.TrimSpace(word)
}
