package workspace

// The entries of workspace.yaml: which kinds there are, what each may hold, default names, and the rules for paths. Forms, names
// and rules are Dagster's for its kinds; ours have the same shape.

import (
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/assetdev/assetdev/internal/diag"
)

// Text is text from a file and where it stands. The zero Text is absent.
type Text struct {
	Value string
	Pos   diag.Pos
}

// A form is how an entry of one kind is written.
type form struct {
	main    string   // the key that the scalar form gives; "" when there is no scalar form
	keys    []string // of the mapping form; nil when this version cannot know them
	missing string   // why this version cannot load the kind; "" when it can
}

const (
	noSQL    = "SQL code locations are not in this version yet"
	noComm   = "command code locations are not in this version yet"
	noServer = "grpc_server is not supported: assetdev starts code locations itself and connects to no server; use python_module or python_file"
	noLegacy = "python_environment is not supported (Dagster dropped it in 0.13): use python_module or python_file with executable_path"
	noCloud  = "cloud storage is not in this version yet"
	notYet   = "not in this version yet"
)

var forms = map[Kind]form{
	PythonPackage: {
		main: "package_name",
		keys: []string{"package_name", "attribute", "working_directory", "location_name", "executable_path"},
	},
	PythonModule: {
		main: "module_name",
		keys: []string{"module_name", "attribute", "working_directory", "location_name", "executable_path"},
	},
	PythonFile: {
		main: "relative_path",
		keys: []string{"relative_path", "attribute", "working_directory", "location_name", "executable_path"},
	},
	AutoloadDefsModule: {
		main: "module_name",
		keys: []string{"module_name", "attribute", "working_directory", "location_name", "executable_path"},
	},
	GoPackage:         {main: "package_name", keys: []string{"package_name", "location_name", "working_directory"}},
	SQL:               {missing: noSQL},
	Command:           {missing: noComm},
	GRPCServer:        {missing: noServer, keys: []string{"host", "port", "socket", "location_name", "ssl", "additional_metadata"}},
	PythonEnvironment: {missing: noLegacy},
}

func (f form) known() bool { return f.keys != nil || f.missing != "" }

// keysOfForms are keys that people write beside a kind instead of within it.
var keysOfForms = []string{"package_name", "module_name", "relative_path", "attribute", "working_directory", "location_name", "executable_path"}

// kindsToOffer are the kinds that a message about an unknown kind names.
var kindsToOffer = []string{
	string(PythonPackage), string(PythonModule), string(PythonFile), string(AutoloadDefsModule),
	string(GoPackage), string(SQL), string(Command),
}

// readWorkspace fills w from workspace.yaml.
func (w *Workspace) readWorkspace(p *parser, content []byte) {
	w.IOManager = IOManager{Kind: "filesystem", BaseDir: DefaultBaseDir, Dir: filepath.Join(w.Dir, DefaultBaseDir)}
	doc := p.document(content)
	if doc == nil {
		return
	}
	allowed := []string{"load_from", "io_manager"}
	top, ok := p.mapping(doc, "the file", allowed, topForeign...)
	if !ok {
		return
	}
	for _, name := range top.names {
		switch {
		case slices.Contains(allowed, name):
		case name == "repository":
			p.failAt(top.field[name].key, "name the code in load_from, for example with python_file or python_module",
				"the old key %q is not supported", name)
		default:
			p.failAt(top.field[name].key, fmt.Sprintf("%s belongs into %s beside this file; %s", name, SettingsName, allowedHint("", allowed)),
				"unknown key %q", name)
		}
	}
	first := map[string]diag.Pos{}
	for i, n := range top.list("load_from") {
		l, ok := w.entry(p, n, i)
		if !ok {
			continue
		}
		if at, twice := first[l.Name]; twice {
			p.fail(l.Pos, fmt.Sprintf("the first is in line %d; give one of them another location_name", at.Line),
				"cannot have multiple locations with the same name, got multiple %s", quote(l.Name))
			continue
		}
		first[l.Name] = l.Pos
		w.Locations = append(w.Locations, l)
	}
	if top.has("io_manager") {
		w.readIOManager(p, top.field["io_manager"].value)
	}
}

// topForeign are keys that are known at the top of workspace.yaml only in order to be refused with a better sentence.
var topForeign = append([]string{"repository"}, slices.DeleteFunc(slices.Clone(settingsKeys), func(k string) bool { return k == "io_manager" })...)

// entry reads one entry of load_from. With ok false not even its kind is known.
func (w *Workspace) entry(p *parser, n *yaml.Node, index int) (Location, bool) {
	what := fmt.Sprintf("entry %d of load_from", index+1)
	m, ok := p.mapping(n, what, kindsToOffer, append([]string{string(GRPCServer), string(PythonEnvironment)}, keysOfForms...)...)
	misplaced := slices.DeleteFunc(slices.Clone(m.names), func(name string) bool { return forms[Kind(name)].known() })
	switch {
	case !ok:
		return Location{}, false
	case len(misplaced) > 0:
		hint := "a kind comes first; " + allowedHint("", kindsToOffer)
		if len(misplaced) < len(m.names) {
			hint = "indent it further, so that it lies within its kind"
		}
		p.failAt(m.field[misplaced[0]].key, hint, "unknown key %q", misplaced[0])
		return Location{}, false
	case len(m.names) == 0:
		if len(resolve(n).Content) == 0 {
			p.failAt(n, allowedHint("", kindsToOffer), "%s is empty", what)
		}
		return Location{}, false
	case len(m.names) > 1:
		p.failAt(m.field[m.names[1]].key, "begin another entry with \"- \", or indent this key below its kind",
			"%s has two kinds, %s and %s", what, m.names[0], m.names[1])
	}
	name := m.names[0]
	l := Location{Kind: Kind(name), Pos: p.pos(m.field[name].key)}
	problems := len(p.problems)
	w.fill(p, &l, m, name)
	if l.Broken = forms[l.Kind].missing; len(p.problems) > problems {
		l.Broken = p.problems[problems].Error()
	}
	return l, l.Name != ""
}

// fill reads what the entry's kind holds.
func (w *Workspace) fill(p *parser, l *Location, entry mapping, kind string) {
	f := forms[l.Kind]
	value := resolve(entry.field[kind].value)
	scalar := value.Kind == yaml.ScalarNode && !isNull(value) && (f.main != "" || f.keys == nil)
	m := mapping{p: p, what: kind, field: map[string]field{}}
	if scalar {
		text := entry.text(kind)
		if text.Value == "" {
			return
		}
		main := f.main
		if main == "" {
			main = "location_name"
		}
		m.names = []string{main}
		m.field[main] = entry.field[kind]
	} else {
		if f.main != "" && value.Kind != yaml.MappingNode {
			p.failAt(entry.place(kind), allowedHint("", f.keys), "%s must be text or a mapping, not %s", kind, describe(value))
			return
		}
		var ok bool
		if m, ok = entry.sub(kind, kind, f.keys); !ok {
			return
		}
	}

	main := Text{}
	if f.main != "" {
		_, given := m.field[f.main]
		if main = m.source(f.main); !given {
			p.fail(l.Pos, allowedHint("", f.keys), "%s needs %s", kind, f.main)
		}
	}
	name := m.locationName()
	switch l.Kind {
	case PythonPackage, PythonModule, PythonFile, AutoloadDefsModule:
		l.Attribute = m.source("attribute").Value
		executable := m.source("executable_path")
		l.ExecutablePath = w.executable(p, executable.Value)
		l.Name = main.Value
		if l.Kind == PythonFile && main.Value != "" {
			l.File, l.Name = w.fromDir(p, main.Value), filepath.Base(main.Value)
		} else if l.Kind == PythonPackage {
			l.Package = main.Value
		} else {
			l.Module = main.Value
		}
		if l.Attribute != "" && l.Kind != AutoloadDefsModule {
			l.Name += ":" + l.Attribute
		}
		w.workingDirectory(p, l, m.source("working_directory"), l.Kind == PythonFile)
	case GoPackage:
		l.Package = main.Value
		w.workingDirectory(p, l, m.source("working_directory"), true)
		l.Name = path.Base(path.Clean(filepath.ToSlash(main.Value)))
		if l.Name == "." || l.Name == ".." || l.Name == "/" {
			l.Name = filepath.Base(filepath.Join(l.WorkingDirectory, main.Value))
		}
		switch {
		case strings.HasPrefix(main.Value, "-"):
			p.fail(main.Pos, "write a folder, such as ./assets, or an import path", "package_name %s begins with \"-\"", quote(main.Value))
		case strings.Contains(main.Value, "..."):
			p.fail(main.Pos, "make one entry for each package", "package_name %s stands for many packages", quote(main.Value))
		}
	case GRPCServer:
		l.Name = m.grpcName(l.Pos)
	case SQL, Command, PythonEnvironment:
		l.Name = kind
	}
	if name.Value != "" {
		l.Name = name.Value
	}
	if main.Value == "" && f.main != "" && name.Value == "" {
		l.Name = fmt.Sprintf("%s (line %d)", kind, l.Pos.Line) // so that a broken entry can be shown
	}
}

// locationName returns the name that an entry gives its location. It stands before "::" in the keys of assets, hence its limits.
func (m mapping) locationName() Text {
	name := m.source("location_name")
	if !validName(name.Value) {
		m.p.fail(name.Pos, "at most 100 bytes, without /, \\, :: and control characters", "location_name %s cannot stand in an asset key", quote(name.Value))
		return Text{}
	}
	return name
}

// validName reports whether a location's name may stand in an asset key.
func validName(name string) bool {
	bad := strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' })
	return !bad && !strings.Contains(name, "::") && len(name) <= 100
}

// grpcName checks what Dagster checks of a grpc_server, and returns its default name.
func (m mapping) grpcName(pos diag.Pos) string {
	host, port := m.source("host").Value, ""
	if host == "" {
		host = "localhost"
	}
	if m.has("port") {
		v := resolve(m.field["port"].value)
		switch {
		case v.Kind == yaml.MappingNode:
			port, _ = m.p.variable(v, "port")
		case v.Kind == yaml.ScalarNode && v.ShortTag() == "!!int":
			port = v.Value
		default:
			m.wrong("port", "a whole number or {env: NAME}")
		}
		if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
			m.p.failAt(v, "", "port must be a number from 1 to 65535, not %s", quote(port))
		}
	}
	socket := m.source("socket").Value
	if m.has("ssl") {
		m.boolean("ssl")
	}
	if m.has("port") == m.has("socket") {
		m.p.fail(pos, "", "grpc_server must supply either a socket or a port")
	}
	if port == "" {
		return "grpc:" + host + ":" + socket
	}
	return "grpc:" + net.JoinHostPort(host, port)
}

// fromDir makes a path absolute from the workspace's folder.
func (w *Workspace) fromDir(p *parser, file string) string {
	file = expandHome(file, p.opts.Getenv)
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	return filepath.Join(w.Dir, file)
}

// workingDirectory sets the folder and the rule that gave it. With rebase the workspace's folder decides, as Dagster does for
// python_file; otherwise Dagster would take the current folder.
func (w *Workspace) workingDirectory(p *parser, l *Location, given Text, rebase bool) {
	dir := expandHome(given.Value, p.opts.Getenv)
	fromCwd, fromFile := filepath.Join(p.opts.Cwd, dir), filepath.Join(w.Dir, dir)
	switch {
	case given.Value == "":
		l.WorkingDirectory, l.PathRule = w.Dir, "the folder of "+FileName
		if !rebase && p.opts.Cwd != w.Dir {
			l.PathRule += " (Dagster would take the current folder)"
		}
	case filepath.IsAbs(dir):
		l.WorkingDirectory, l.PathRule = filepath.Clean(dir), "as written"
	case rebase || fromCwd == fromFile:
		l.WorkingDirectory, l.PathRule = fromFile, "relative to the folder of "+FileName
	case isDir(fromCwd):
		l.WorkingDirectory, l.PathRule = fromCwd, "relative to the current folder, as in Dagster"
	default:
		l.WorkingDirectory, l.PathRule = fromFile, "relative to the folder of "+FileName+", because the current folder has no such folder (Dagster would look only there)"
	}
	if given.Value != "" && !isDir(l.WorkingDirectory) {
		w.Notices = append(w.Notices, diag.New("workspace", "working_directory %s does not exist", quote(given.Value)).At(given.Pos).
			WithHint("looked for %s", l.WorkingDirectory))
	}
}

// executable resolves an interpreter: "~" is expanded, a relative path is taken from the current folder as in Dagster when it
// exists there, else from the workspace's folder; a bare name is left for PATH.
func (w *Workspace) executable(p *parser, file string) string {
	file = expandHome(file, p.opts.Getenv)
	if file == "" || filepath.IsAbs(file) || !strings.ContainsRune(file, filepath.Separator) {
		return file
	}
	if fromCwd := filepath.Join(p.opts.Cwd, file); isFile(fromCwd) {
		return fromCwd
	}
	return filepath.Join(w.Dir, file)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// readIOManager fills w.IOManager from the value of io_manager of either file.
func (w *Workspace) readIOManager(p *parser, n *yaml.Node) {
	m, ok := p.mapping(n, "io_manager", []string{"filesystem", "s3", "gcs", "azure_blob"})
	switch {
	case !ok:
		return
	case len(m.names) == 0:
		if len(resolve(n).Content) == 0 {
			p.failAt(n, allowedHint("", []string{"filesystem"}), "io_manager is empty")
		}
		return
	case len(m.names) > 1:
		p.failAt(m.field[m.names[1]].key, "keep one", "io_manager names two storages, %s and %s", m.names[0], m.names[1])
		return
	case m.names[0] != "filesystem":
		p.failAt(m.field[m.names[0]].key, "use filesystem", "%s: %s", m.names[0], noCloud)
		return
	}
	fs, ok := m.sub("filesystem", "filesystem", []string{"base_dir"})
	if !ok {
		return
	}
	if _, given := fs.field["base_dir"]; !given {
		p.failAt(m.field["filesystem"].key, "", "filesystem needs base_dir")
		return
	}
	if base := fs.source("base_dir"); base.Value != "" {
		w.IOManager = IOManager{Kind: "filesystem", BaseDir: base.Value, Dir: w.fromDir(p, base.Value), Pos: base.Pos}
	}
}
