package workspace

// Workspaces without a workspace.yaml: dg.toml and pyproject.toml, as dg and dagster dev read them. A file of a dg workspace names projects; a
// project's file says which module holds its definitions. Nothing else of a pyproject.toml is looked at. This is the only file that
// knows TOML.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/assetdev/assetdev/internal/diag"
)

// Names of the files that Dagster's own tools read where there is no workspace.yaml.
const (
	DgName        = "dg.toml"
	PyprojectName = "pyproject.toml"
)

// A dgFile is what dg reads: the whole of a dg.toml, and the table tool.dg of a pyproject.toml.
type dgFile struct {
	DirectoryType string     `toml:"directory_type"`
	Project       *dgProject `toml:"project"`
	Workspace     *struct {
		Projects []struct {
			Path string `toml:"path"`
		} `toml:"projects"`
	} `toml:"workspace"`
}

type dgProject struct {
	RootModule       string `toml:"root_module"`
	DefsModule       string `toml:"defs_module"`
	TargetModule     string `toml:"code_location_target_module"`
	CodeLocationName string `toml:"code_location_name"`
	AutoloadDefs     bool   `toml:"autoload_defs"`
}

// dagsterTable is the table tool.dagster of a pyproject.toml, which dagster dev reads.
type dagsterTable struct {
	ModuleName       string `toml:"module_name"`
	CodeLocationName string `toml:"code_location_name"`
	Modules          []struct {
		Type string `toml:"type"`
		Name string `toml:"name"`
	} `toml:"modules"`
}

// A project is what of such a file counts.
type project struct {
	file    string // absolute
	content []byte
	dg      *dgFile
	dagster *dagsterTable
}

func (p project) isWorkspace() bool { return p.dg != nil && p.dg.DirectoryType == "workspace" }

func (p project) isProject() bool {
	return p.dg != nil && p.dg.Project != nil || p.dagster != nil && (p.dagster.ModuleName != "" || len(p.dagster.Modules) > 0)
}

// counts reports whether the file says anything to Dagster's tools.
func (p project) counts() bool { return p.dg != nil || p.dagster != nil }

// readProject reads a dg.toml or pyproject.toml. The error of what is no TOML is a *toml.DecodeError.
func readProject(file string) (project, error) {
	content, err := readSmall(file)
	if err != nil {
		return project{}, err
	}
	p := project{file: file, content: content}
	if filepath.Base(file) == PyprojectName {
		var all struct {
			Tool struct {
				Dg      *dgFile       `toml:"dg"`
				Dagster *dagsterTable `toml:"dagster"`
			} `toml:"tool"`
		}
		err = toml.Unmarshal(content, &all)
		p.dg, p.dagster = all.Tool.Dg, all.Tool.Dagster
		return p, err
	}
	p.dg = &dgFile{}
	err = toml.Unmarshal(content, p.dg)
	return p, err
}

// In returns the absolute path of the workspace file in a folder: workspace.yaml, else a dg.toml or pyproject.toml that says something to
// Dagster's tools. The error wraps [fs.ErrNotExist] when there is none.
func In(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", diag.New("workspace", "find %s: %w", FileName, err)
	}
	if file := filepath.Join(dir, FileName); isFile(file) {
		return file, nil
	}
	if p, ok := projectIn(dir); ok {
		return p.file, nil
	}
	e := diag.New("workspace", "there is no %s in %q", FileName, dir)
	e.Err = fs.ErrNotExist
	return "", e.WithHint("nor a %s or %s with tool.dg or tool.dagster; name a file with -w FILE, or try: assetdev init", DgName, PyprojectName)
}

// projectIn returns the file in a folder that Dagster's tools would take. One that is no TOML counts when it is a dg.toml: that is told when it
// is loaded.
func projectIn(dir string) (project, bool) {
	for _, name := range []string{DgName, PyprojectName} {
		file := filepath.Join(dir, name)
		if !isFile(file) {
			continue
		}
		p, err := readProject(file)
		if err != nil && name == DgName {
			return project{file: file}, true
		}
		if err == nil && p.counts() {
			return p, true
		}
	}
	return project{}, false
}

// findProject returns the file of the dg workspace in the folder or above it that names the project there, else that of the project.
func findProject(dir string) (string, bool) {
	nearest := ""
	for at := dir; ; at = filepath.Dir(at) {
		if p, ok := projectIn(at); ok {
			switch {
			case nearest == "":
				nearest = p.file
			case p.isWorkspace() && p.dg.Workspace != nil:
				of := filepath.Dir(nearest)
				for _, member := range p.dg.Workspace.Projects {
					if filepath.Join(at, member.Path) == of {
						return p.file, true
					}
				}
			}
		}
		if at == filepath.Dir(at) {
			return nearest, nearest != ""
		}
	}
}

// readProjects fills w from a dg.toml or pyproject.toml.
func (w *Workspace) readProjects(p *parser) {
	w.IOManager = IOManager{Kind: "filesystem", BaseDir: DefaultBaseDir, Dir: filepath.Join(w.Dir, DefaultBaseDir)}
	first, err := readProject(w.File)
	if err != nil {
		w.addCommand(w.File, first.content)
		p.toml(err)
		return
	}
	w.addProject(first)
	switch {
	case first.isWorkspace():
		if first.dg.Workspace == nil || len(first.dg.Workspace.Projects) == 0 {
			w.Notices = append(w.Notices, diag.New("workspace", "it names no projects").At(diag.Pos{File: p.shown}).
				WithHint("add a table [[workspace.projects]] with path = \"FOLDER\" for each"))
			return
		}
		seen := map[string]bool{}
		for i, member := range first.dg.Workspace.Projects {
			at := first.place(p.shown, "path", member.Path)
			if member.Path == "" {
				p.fail(at, "write path = \"FOLDER\"", "project %d of the workspace has no path", i+1)
				continue
			}
			if dir := filepath.Join(w.Dir, member.Path); !seen[dir] {
				seen[dir] = true
				w.addMember(p, dir, at)
			}
		}
	case first.isProject():
		w.addLocations(p, first, p.shown)
	default:
		p.fail(diag.Pos{File: p.shown, Line: 1, Column: 1}, "a project says directory_type = \"project\" and, in the table project, root_module = \"NAME\"",
			"it names no code: there is neither a project, nor a workspace, nor tool.dagster with module_name")
	}
	names := map[string]int{}
	for _, l := range w.Locations {
		if names[l.Name]++; names[l.Name] == 2 {
			p.fail(l.Pos, "give one of them another code_location_name", "cannot have multiple locations with the same name, got multiple %s", quote(l.Name))
		}
	}
	if seen := map[string]bool{}; len(names) < len(w.Locations) {
		w.Locations = slices.DeleteFunc(w.Locations, func(l Location) bool { defer func() { seen[l.Name] = true }(); return seen[l.Name] })
	}
}

// addMember adds what a project of a workspace defines; one that cannot be read is a broken location.
func (w *Workspace) addMember(p *parser, dir string, at diag.Pos) {
	broken := func(why string) {
		w.Locations = append(w.Locations, Location{
			Name: filepath.Base(dir), Kind: PythonModule, Pos: at, WorkingDirectory: dir, PathRule: "the folder that the workspace names", Broken: why,
		})
	}
	member, ok := projectIn(dir)
	if !ok {
		if file := filepath.Join(dir, PyprojectName); isFile(file) {
			if _, err := readProject(file); err != nil {
				broken(shown(file, p.opts.Cwd) + ": " + tomlProblem(err))
				return
			}
		}
		broken(fmt.Sprintf("there is neither a %s nor a %s with tool.dg in %s", DgName, PyprojectName, dir))
		return
	}
	again, err := readProject(member.file)
	switch name := shown(member.file, p.opts.Cwd); {
	case err != nil:
		broken(name + ": " + tomlProblem(err))
	case !again.isProject():
		broken(name + " describes no project: it has no table project with root_module")
	default:
		w.addProject(again)
		w.addLocations(p, again, name)
	}
}

// addLocations adds the code locations of a project, by dg's rules where it has a table for dg, else by those of dagster dev.
func (w *Workspace) addLocations(p *parser, from project, name string) {
	dir := filepath.Dir(from.file)
	l := Location{Kind: PythonModule, WorkingDirectory: dir, PathRule: "the project's folder"}
	if from.dg != nil && from.dg.Project != nil {
		dg := from.dg.Project
		l.Pos = from.place(name, "root_module", dg.RootModule)
		switch {
		case dg.CodeLocationName != "":
			l.Name = dg.CodeLocationName
		case from.dagster != nil && from.dagster.CodeLocationName != "":
			l.Name = from.dagster.CodeLocationName
		default:
			l.Name = filepath.Base(dir)
		}
		switch {
		case dg.AutoloadDefs:
			l.Kind, l.Module = AutoloadDefsModule, orElse(dg.DefsModule, dg.RootModule, ".defs")
		case from.dagster != nil && from.dagster.ModuleName != "" && dg.TargetModule == "":
			l.Module = from.dagster.ModuleName
		default:
			l.Module = orElse(dg.TargetModule, dg.RootModule, ".definitions")
		}
		if dg.RootModule == "" {
			l.Broken = name + ": the project has no root_module"
		}
		w.addNamed(p, l)
		return
	}
	modules := []string{from.dagster.ModuleName}
	if from.dagster.ModuleName == "" {
		modules = nil
		for _, m := range from.dagster.Modules {
			if m.Type == "module" && m.Name != "" {
				modules = append(modules, m.Name)
			}
		}
	}
	for _, module := range modules {
		l.Module, l.Name = module, module
		l.Pos = from.place(name, "(?:module_)?name", module)
		if from.dagster.CodeLocationName != "" {
			l.Name = from.dagster.CodeLocationName
			if len(modules) > 1 {
				l.Name += " " + module
			}
		}
		w.addNamed(p, l)
	}
}

func orElse(given, root, end string) string {
	if given != "" {
		return given
	}
	return root + end
}

// addNamed adds a location whose name may stand in an asset key.
func (w *Workspace) addNamed(p *parser, l Location) {
	if !validName(l.Name) {
		p.fail(l.Pos, "at most 100 bytes, without /, \\, :: and control characters", "the name %s of the code location cannot stand in an asset key", quote(l.Name))
		return
	}
	w.Locations = append(w.Locations, l)
}

// addProject adds what of a file is to be trusted: a whole dg.toml; of a pyproject.toml, which changes with every dependency, only what names code.
func (w *Workspace) addProject(p project) {
	content := p.content
	if filepath.Base(p.file) == PyprojectName {
		var b strings.Builder
		if p.dg != nil && p.dg.Workspace != nil {
			for _, member := range p.dg.Workspace.Projects {
				fmt.Fprintf(&b, "project %q\n", member.Path)
			}
		}
		if p.dg != nil && p.dg.Project != nil {
			fmt.Fprintf(&b, "tool.dg.project root_module=%q defs_module=%q code_location_target_module=%q autoload_defs=%v\n",
				p.dg.Project.RootModule, p.dg.Project.DefsModule, p.dg.Project.TargetModule, p.dg.Project.AutoloadDefs)
		}
		if p.dagster != nil {
			fmt.Fprintf(&b, "tool.dagster module_name=%q modules=%q\n", p.dagster.ModuleName, p.dagster.Modules)
		}
		content = []byte(b.String())
	}
	sum := sha256.Sum256(content)
	w.commands = append(w.commands, TrustFile{Path: w.relative(p.file), Hash: hex.EncodeToString(sum[:]), Content: content})
}

// place finds the line with key = "value", the beginning of the file when there is none.
func (p project) place(shown, key, value string) diag.Pos {
	line := regexp.MustCompile(`(?m)\b` + key + `\s*=\s*["']` + regexp.QuoteMeta(value) + `["']`)
	pos := diag.Pos{File: shown, Line: 1, Column: 1}
	if at := line.FindIndex(p.content); at != nil {
		before := string(p.content[:at[0]])
		pos.Line += strings.Count(before, "\n")
		pos.Column = len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
	}
	return pos
}

// toml records why a file cannot be read.
func (p *parser) toml(err error) {
	pos := diag.Pos{File: p.shown, Line: 1, Column: 1}
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		pos.Line, pos.Column = bad.Position()
		p.fail(pos, "", "%s", said(bad))
		return
	}
	p.fail(diag.Pos{File: p.shown}, "", "cannot be read: %w", err)
}

func tomlProblem(err error) string {
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, _ := bad.Position()
		return fmt.Sprintf("line %d: %s", row, said(bad))
	}
	return cause(err).Error()
}

// said returns the parser's message, in which a character of the file may stand as it is.
func said(bad *toml.DecodeError) string {
	quoted := strconv.Quote(strings.TrimPrefix(bad.Error(), "toml: "))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// isProjectFile reports whether the name is that of a file of Dagster's own tools.
func isProjectFile(file string) bool {
	name := filepath.Base(file)
	return name == DgName || name == PyprojectName
}
