package codeversion

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What import paths mean: go.mod, go.work and vendor, read without the go tool.

// A modFile is what counts of a go.mod or go.work file.
type modFile struct {
	module   string
	language string            // the go line
	require  map[string]string // module → version
	replace  []replacement
	use      []string // go.work
	godebug  []string
}

// A replacement is one replace directive. To is a folder when Version is "".
type replacement struct{ from, fromVersion, to, version string }

func parseMod(data string) modFile {
	m := modFile{require: map[string]string{}}
	block := ""
	for line := range strings.Lines(data) {
		line, _, _ = strings.Cut(line, "//")
		words := modWords(line)
		if len(words) == 0 {
			continue
		}
		switch {
		case block != "" && words[0] == ")":
			block = ""
			continue
		case block != "":
			words = append([]string{block}, words...)
		case len(words) == 2 && words[1] == "(":
			block = words[0]
			continue
		}
		args := words[1:]
		switch words[0] {
		case "module":
			if len(args) == 1 {
				m.module = args[0]
			}
		case "go":
			if len(args) == 1 {
				m.language = args[0]
			}
		case "godebug":
			m.godebug = append(m.godebug, strings.Join(args, " "))
		case "require":
			if len(args) == 2 {
				m.require[args[0]] = args[1]
			}
		case "use":
			if len(args) == 1 {
				m.use = append(m.use, args[0])
			}
		case "replace":
			arrow := slices.Index(args, "=>")
			if arrow < 1 || arrow > 2 || len(args) < arrow+2 {
				continue
			}
			r := replacement{from: args[0], to: args[arrow+1]}
			if arrow == 2 {
				r.fromVersion = args[1]
			}
			if len(args) > arrow+2 {
				r.version = args[arrow+2]
			}
			m.replace = append(m.replace, r)
		}
	}
	return m
}

// modWords splits a line of go.mod; words may be quoted.
func modWords(line string) []string {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' || line[0] == '`' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return words
			}
			word, _ := strconv.Unquote(quoted)
			words, line = append(words, word), line[len(quoted):]
			continue
		}
		end := strings.IndexAny(line, " \t\r")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words
}

// A module is one whose source is in a folder: the main one, a member of go.work, or the target of a replace.
type module struct{ path, dir string }

// A resolver says where the package of an import path is.
type resolver struct {
	main     module
	local    map[string]module
	versions map[string]string // modules that are not in folders → version that the build selects
	sums     map[string]string // "module version" → hash of its content, from go.sum
	language string
	godebug  []string
	vendor   string // folder, "" when the build does not use it
	modCache string
	found    map[string]target
}

// A target is the meaning of an import path.
type target struct {
	dir     string // of a package in a folder
	module  string // of a package in a folder, or outside
	opaque  bool   // its folder counts as a whole
	outside bool
}

// sdk is the module whose packages for authors count as wholes: it belongs to the tool, not to what its users change.
const sdk = "github.com/assetdev/assetdev"

func isSDK(importPath string) bool {
	rest, ok := strings.CutPrefix(importPath, sdk+"/")
	return ok && (rest == "asset" || strings.HasPrefix(rest, "asset/") || strings.HasPrefix(rest, "internal/"))
}

// resolver reads the module files. Each of them is noted as one that can influence the build.
func (x *Index) resolver() (*resolver, error) {
	root := x.options.Root
	r := &resolver{
		local: map[string]module{}, versions: map[string]string{}, sums: map[string]string{}, found: map[string]target{},
	}
	data, err := x.text(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	main := parseMod(data)
	r.main = module{main.module, root}
	r.local[main.module] = r.main
	r.language, r.godebug = main.language, main.godebug
	members := []modFile{main}
	var work modFile
	base := root
	if file := x.workFile(); file != "" {
		text, err := x.text(file)
		if err != nil {
			return nil, err
		}
		work, base = parseMod(text), filepath.Dir(file)
		for _, use := range work.use {
			dir := under(base, use)
			text, err := x.text(filepath.Join(dir, "go.mod"))
			if err != nil || dir == root {
				continue // go build will say what is wrong with it
			}
			member := parseMod(text)
			r.local[member.module] = module{member.module, dir}
			members = append(members, member)
		}
		r.godebug = append(slices.Clip(r.godebug), work.godebug...)
		x.sums(r, filepath.Join(base, "go.work.sum"))
	}
	for _, m := range members {
		for path, version := range m.require {
			if compareVersions(version, r.versions[path]) > 0 {
				r.versions[path] = version
			}
		}
	}
	for i, m := range append(members, work) {
		dir := base
		if i < len(members) {
			dir = r.local[m.module].dir
		}
		for _, to := range m.replace {
			if to.fromVersion != "" && to.fromVersion != r.versions[to.from] {
				continue
			}
			if to.version != "" {
				r.versions[to.from] = to.to + "@" + to.version
				continue
			}
			dir := under(dir, to.to)
			r.local[to.from] = module{to.from, dir}
			if text, err := x.text(filepath.Join(dir, "go.mod")); err == nil {
				for path, version := range parseMod(text).require { // only what an untidy go.mod does not list
					if _, ok := r.versions[path]; !ok {
						r.versions[path] = version
					}
				}
			}
		}
	}
	for path := range r.local {
		delete(r.versions, path)
	}
	for _, m := range r.local {
		x.sums(r, filepath.Join(m.dir, "go.sum"))
	}
	vendor := filepath.Join(base, "vendor")
	if _, err := x.text(filepath.Join(vendor, "modules.txt")); err == nil && !strings.Contains(x.env("GOFLAGS"), "-mod=mod") {
		r.vendor = vendor
	}
	r.modCache = x.env("GOMODCACHE")
	if r.modCache == "" {
		gopath, _, _ := strings.Cut(x.env("GOPATH"), string(filepath.ListSeparator))
		if gopath == "" {
			gopath = filepath.Join(x.env("HOME"), "go")
		}
		r.modCache = filepath.Join(gopath, "pkg", "mod")
	}
	return r, nil
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// workFile finds the go.work file that the go tool would use.
func (x *Index) workFile() string {
	switch work := x.env("GOWORK"); work {
	case "off":
		return ""
	case "":
	default:
		return work
	}
	for dir := x.options.Root; ; dir = filepath.Dir(dir) {
		file := filepath.Join(dir, "go.work")
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// sums reads a go.sum file.
func (x *Index) sums(r *resolver, file string) {
	text, err := x.text(file)
	if err != nil {
		return // without it nothing is known beyond the version
	}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 3 && !strings.HasSuffix(words[1], "/go.mod") {
			r.sums[words[0]+" "+words[1]] = words[2]
		}
	}
}

// resolve returns where the package of an import path is; false is the standard library, "C", or nowhere.
func (r *resolver) resolve(importPath string) (target, bool) {
	t, ok := r.found[importPath]
	if !ok {
		t = r.find(importPath)
		r.found[importPath] = t
	}
	return t, t.module != ""
}

func (r *resolver) find(importPath string) target {
	// The longest module path that holds the package wins.
	for prefix := importPath; prefix != "."; {
		if m, ok := r.local[prefix]; ok {
			if dir, ok := m.holds(strings.TrimPrefix(importPath[len(prefix):], "/")); ok {
				return target{dir: dir, module: prefix, opaque: isSDK(importPath)}
			}
		}
		if _, ok := r.versions[prefix]; ok {
			if r.vendor != "" {
				return target{dir: filepath.Join(r.vendor, filepath.FromSlash(importPath)), module: prefix, opaque: true}
			}
			return target{module: prefix, outside: true}
		}
		cut := strings.LastIndexByte(prefix, '/')
		if cut < 0 {
			break
		}
		prefix = prefix[:cut]
	}
	return target{}
}

// holds returns the folder of a package of the module; false when there is none, or it belongs to a module within.
func (m module) holds(rel string) (string, bool) {
	dir := filepath.Join(m.dir, filepath.FromSlash(rel))
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", false
	}
	for d := dir; d != m.dir && len(d) > len(m.dir); d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return "", false
		}
	}
	return dir, true
}

// outsideModules returns the modules, in folders or not, that the given packages need, directly or not. It reads the imports of
// outside packages in the module cache. Where one is not there, which no build can have used, it returns all modules.
func (x *Index) outsideModules(r *resolver, packages []string) map[string]bool {
	needed := map[string]bool{}
	seen := map[string]bool{}
	for queue := slices.Clone(packages); len(queue) > 0; {
		importPath := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		t, ok := r.resolve(importPath)
		if !ok || seen[importPath] {
			continue
		}
		seen[importPath] = true
		needed[t.module] = true
		if !t.outside {
			continue // its folder is read
		}
		imports, ok := x.outsideImports(r, importPath, t.module)
		if !ok {
			for module := range r.versions {
				needed[module] = true
			}
			return needed
		}
		queue = append(queue, imports...)
	}
	return needed
}

// outsideImports returns what a package in the module cache imports in this build. Modules in the cache never change, so that
// it is read once.
func (x *Index) outsideImports(r *resolver, importPath, module string) ([]string, bool) {
	from, version := r.selected(module)
	dir := filepath.Join(r.modCache, escapeModule(from)+"@"+version, filepath.FromSlash(strings.TrimPrefix(importPath, module)))
	if imports, ok := x.cached[dir]; ok {
		return imports, true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, false
	}
	imports := []string{}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".go" || strings.HasSuffix(e.Name(), "_test.go") || e.Name()[0] == '_' || e.Name()[0] == '.' {
			continue
		}
		file := filepath.Join(dir, e.Name())
		data, err := readHead(file)
		if err != nil {
			return nil, false
		}
		if p := parseImports(data); x.matches(file, data) && (x.options.Cgo || !p.cgo) {
			for _, imp := range p.imports {
				imports = append(imports, imp.path)
			}
		}
	}
	slices.Sort(imports)
	imports = slices.Compact(imports)
	x.cached[dir] = imports
	return imports, true
}

var declarationBegins = regexp.MustCompile(`\n(func|type|var|const)\b`)

// readHead reads a Go file as far as its imports go, or all of it when that is not plain.
func readHead(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := make([]byte, 8<<10)
	n, err := io.ReadFull(file, head)
	switch head = head[:n]; {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return head, nil
	case err != nil:
		return nil, err
	case declarationBegins.Match(withoutComments(head)):
		return head, nil
	}
	rest, err := io.ReadAll(file)
	return append(head, rest...), err
}

// withoutComments cuts comments off, in a part of a Go file where no string holds what looks like one, or where it does not
// matter: after the imports.
func withoutComments(head []byte) []byte {
	var out []byte
	for len(head) > 0 {
		line := bytes.Index(head, []byte("//"))
		block := bytes.Index(head, []byte("/*"))
		var end int
		switch {
		case line >= 0 && (block < 0 || line < block):
			out = append(out, head[:line]...)
			end = bytes.IndexByte(head[line:], '\n') + line
			if end < line {
				return out
			}
		case block >= 0:
			out = append(out, head[:block]...)
			end = bytes.Index(head[block+2:], []byte("*/")) + block + 4
			if end < block+4 {
				return out
			}
		default:
			return append(out, head...)
		}
		head = head[end:]
	}
	return out
}

// selected returns the module and version that the build takes for an outside module.
func (r *resolver) selected(module string) (path, version string) {
	if to, v, ok := strings.Cut(r.versions[module], "@"); ok {
		return to, v
	}
	return module, r.versions[module]
}

// identity is what identifies the content of an outside module.
func (r *resolver) identity(module string) string {
	path, version := r.selected(module)
	return path + " " + version + " " + r.sums[path+" "+version]
}

// escapeModule writes a module path as the module cache does: an exclamation mark before each capital, in lower case.
func escapeModule(path string) string {
	var b strings.Builder
	for _, c := range path {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('!')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return filepath.FromSlash(b.String())
}

// compareVersions orders semantic versions well enough to find the one that a workspace selects.
func compareVersions(a, b string) int {
	if a == "" || b == "" {
		return strings.Compare(a, b)
	}
	split := func(v string) (numbers []string, pre string) {
		v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "+")
		v, pre, _ = strings.Cut(v, "-")
		return strings.Split(v, "."), pre
	}
	an, ap := split(a)
	bn, bp := split(b)
	for i := range min(len(an), len(bn)) {
		if c := compareNumbers(an[i], bn[i]); c != 0 {
			return c
		}
	}
	switch {
	case ap == bp:
		return 0
	case ap == "":
		return 1
	case bp == "":
		return -1
	}
	as, bs := strings.Split(ap, "."), strings.Split(bp, ".")
	for i := range min(len(as), len(bs)) {
		if c := compareNumbers(as[i], bs[i]); c != 0 {
			return c
		}
	}
	return len(as) - len(bs)
}

// compareNumbers orders numbers by value, anything else as text.
func compareNumbers(a, b string) int {
	x, errA := strconv.ParseUint(a, 10, 64)
	y, errB := strconv.ParseUint(b, 10, 64)
	switch {
	case errA != nil || errB != nil:
		return strings.Compare(a, b)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
