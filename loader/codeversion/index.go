// Package codeversion says what Go code means: a version per function that changes when something the function statically
// reaches changes, and not when comments, formatting or unrelated code do. It reads files and executes nothing.
//
// The nouns: an [Index] is the parsed source of one module; a declaration is a function, method, type, variable, constant or
// iota group at the top level of a file; its normal form is its syntax tree without comments, positions and parentheses; the
// version of a symbol is a hash of the normal forms of everything it reaches, and of what else decides what they do.
//
// What a declaration reaches is over-approximated, without a type checker:
//
//   - every name in it that its package, or an imported package of the module, declares;
//   - for x.M, every method M of the module; with a type, its exported methods (interfaces, reflection, templates call them);
//   - with a variable, whatever assigns to it, and statements of main that do so, by functions and methods that they call, too;
//   - what main changes outside of the module before it hands over to the SDK, as the environment;
//   - with a package, its init functions, its variables "_", and those whose initialisers change others, with their order; the same of every
//     package of the program that reaches into it by them, and of packages it imports with "_" when they reach outside;
//   - files that //go:embed names, by content; //go: directives by text;
//   - packages of modules in folders (replace, go.work) like those of the module; the SDK's and vendored ones as wholes;
//   - outside modules by version, with the versions of all that they require; the Go version, target, tags, cgo, go line;
//   - environment variables read by a constant name, also through a function that hands its argument to os.Getenv.
//
// With cgo, assembly, //go:linkname or a function without a body the whole package counts, with MethodByName every package;
// Code.Coarse says so.
//
// Known holes: environment variables with computed names or from struct tags; files that code opens by itself; what init
// functions of packages that are not reached do to other modules; -ldflags -X; generated code that is not on disk. Harmless re-executions: a renamed local
// variable, a change to a method or variable that only shares its name.
//
// Invariants:
//
//	(a) No absolute path, host, user, time or map order enters a version.
//	(b) A value of the environment is never kept; its hash is salted with the symbol. Of names that look like credentials the
//	    name alone counts.
//	(c) Source that does not parse is an [*Error], never a version.
//	(d) A stat key only saves work: files that changed less than 2 s before they were read are read again.
//
// Deliberately absent: the go tool, type checking, a cache on disk (1,000 functions parse in less than 100 ms).
package codeversion

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/filekey"
)

// Options say which module an [Index] reads and for which build.
type Options struct {
	Root         string   // folder of the module's go.mod, absolute
	WorkspaceDir string   // folder of the workspace file; files below it are named relative to it
	WorkingDir   string   // declared globs are relative to it; "" is Root
	Main         string   // import path, or "./dir" relative to Root, of the main package; "" takes every package of the module
	GoVersion    string   // of the go tool that builds, as "go1.26.0"; "" takes what go.mod says
	GOOS, GOARCH string   // "" is this machine's
	Tags         []string // build tags
	Cgo          bool
	// LookupEnv reads the environment of the steps; nil is os.LookupEnv.
	LookupEnv func(name string) (value string, ok bool)
}

// An Index is the parsed source of one module. Its methods may be called from any goroutine; calls wait for each other.
type Index struct {
	options Options
	build   build.Context
	now     func() time.Time
	parsed  atomic.Int64 // files parsed so far; tests count them

	mu      sync.Mutex
	blobs   map[string]*blob
	sources map[string]*source
	cached  map[string][]string          // memory of outsideImports, by folder
	tracked map[string][sha256.Size]byte // files that can influence the build, as of the last refresh
	digest  string
	modules *resolver
	program *program // nil before the first successful refresh
	broken  error    // of the last refresh
}

// A Result is the meaning of one symbol.
type Result struct {
	Code graph.Code
	Doc  string // doc comment as plain text
	File string // absolute
	Line int
}

// An Error is Go source that does not parse. The location does not load; it is no new version.
type Error struct {
	File         string // absolute
	Line, Column int
	Message      string
}

// Error returns "file:line:column: message".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Open returns an index that has read nothing yet; [Index.Refresh] reads.
func Open(options Options) *Index {
	options.Root = filepath.Clean(options.Root)
	options.WorkingDir = cmp.Or(options.WorkingDir, options.Root)
	options.GOOS, options.GOARCH = cmp.Or(options.GOOS, runtime.GOOS), cmp.Or(options.GOARCH, runtime.GOARCH)
	if options.LookupEnv == nil {
		options.LookupEnv = os.LookupEnv
	}
	x := &Index{options: options, now: time.Now, blobs: map[string]*blob{}, sources: map[string]*source{}, cached: map[string][]string{}}
	x.build = build.Default
	x.build.GOOS, x.build.GOARCH, x.build.CgoEnabled = options.GOOS, options.GOARCH, options.Cgo
	x.build.BuildTags = slices.Clone(options.Tags)
	for flag := range strings.FieldsSeq(x.env("GOFLAGS")) {
		if tags, ok := strings.CutPrefix(strings.TrimLeft(flag, "-"), "tags="); ok {
			x.build.BuildTags = append(x.build.BuildTags, strings.Split(tags, ",")...)
		}
	}
	return x
}

func (x *Index) env(name string) string {
	value, _ := x.options.LookupEnv(name)
	return value
}

// Refresh reads what changed since the last call: it asks the file system about every file, reads those whose stat key
// changed and parses those whose content did. The error is an *Error when a file cannot be parsed; it stays until the file
// is mended, and [Index.Version] returns it too.
func (x *Index) Refresh(ctx context.Context) (changed bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.refresh(ctx)
}

// Digest refreshes, and returns a hash of the content of every file that can influence a go build of the main package, of the
// build's settings, and of nothing else. Source that does not parse has a digest like any other.
func (x *Index) Digest(ctx context.Context) (string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, err := x.refresh(ctx)
	if _, syntax := errors.AsType[*Error](err); err != nil && !syntax {
		return "", err
	}
	return x.digest, nil
}

// Files returns the folders of the packages that are read, and the module files, absolute and sorted, as of the last Refresh.
func (x *Index) Files() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	seen := map[string]bool{}
	for file := range x.tracked {
		switch filepath.Base(file) {
		case "go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt":
			seen[file] = true
		default:
			seen[filepath.Dir(file)] = true
		}
	}
	files := make([]string, 0, len(seen))
	for file := range seen {
		files = append(files, file)
	}
	slices.Sort(files)
	return files
}

func (x *Index) refresh(ctx context.Context) (bool, error) {
	x.tracked = map[string][sha256.Size]byte{}
	modules, err := x.resolver()
	if err != nil {
		return false, x.fail(fmt.Errorf("read module: %w", err))
	}
	packages, err := x.load(ctx, modules)
	if err != nil {
		return false, x.fail(err)
	}
	for _, p := range packages {
		for _, s := range p.files {
			if p.isMain {
				modules.godebug = append(modules.godebug, s.parsed.debug...)
			}
		}
	}
	digest := x.sumUp(modules)
	if digest == x.digest && x.modules != nil {
		return false, x.broken
	}
	x.digest, x.modules, x.broken = digest, modules, firstBroken(packages)
	if x.broken != nil {
		x.program = nil
		return true, x.broken
	}
	x.program = link(packages)
	return true, nil
}

// fail notes that the module could not be read.
func (x *Index) fail(err error) error {
	x.program, x.modules, x.broken, x.digest = nil, nil, err, ""
	return err
}

func firstBroken(packages []*pack) error {
	var first *Error
	for _, p := range packages {
		for _, s := range p.files {
			if s.parsed.err != nil && (first == nil || s.path < first.File) {
				first = &Error{s.path, s.parsed.err.Line, s.parsed.err.Column, s.parsed.err.Message}
			}
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// sumUp hashes everything that was tracked.
func (x *Index) sumUp(modules *resolver) string {
	paths := make([]string, 0, len(x.tracked))
	for path := range x.tracked {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	h := sha256.New()
	for _, path := range append(paths, x.toolchain(modules)) {
		name := path
		if rel, err := filepath.Rel(x.options.Root, path); err == nil && filepath.IsAbs(path) {
			name = filepath.ToSlash(rel)
		}
		sum := x.tracked[path]
		h.Write(binary.AppendUvarint(nil, uint64(len(name))))
		io.WriteString(h, name) //nolint:errcheck // a hash takes everything
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// toolchain says, readably, what compiles the code and for what.
func (x *Index) toolchain(modules *resolver) string {
	version := x.options.GoVersion
	if version == "" {
		version = "go" + modules.language
	}
	words := []string{version, x.options.GOOS + "/" + x.options.GOARCH}
	if x.options.Cgo {
		words = append(words, "cgo")
	}
	if modules.language != "" {
		words = append(words, "language="+modules.language)
	}
	if tags := slices.Sorted(slices.Values(x.build.BuildTags)); len(tags) > 0 {
		words = append(words, "tags="+strings.Join(tags, ","))
	}
	for _, setting := range modules.godebug {
		words = append(words, "godebug="+setting)
	}
	for _, name := range []string{"GOEXPERIMENT", "GOAMD64", "GOARM64", "GODEBUG"} {
		if value := x.env(name); value != "" {
			words = append(words, name+"="+value)
		}
	}
	return strings.Join(words, " ")
}

// A blob is a file known by content.
type blob struct {
	key  filekey.Key
	racy bool
	hash [sha256.Size]byte
	text string // of module files
}

// text returns the content of a small file that can influence the build.
func (x *Index) text(path string) (string, error) {
	b, err := x.content(path, true)
	if err != nil {
		return "", err
	}
	x.tracked[path] = b.hash
	return b.text, nil
}

// content returns a file's hash, and its text when keep is set.
func (x *Index) content(path string, keep bool) (*blob, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is no file")}
	}
	key := filekey.Of(info)
	if b := x.blobs[path]; b != nil && b.key == key && !b.racy && (b.text != "" || !keep) {
		return b, nil
	}
	b := &blob{key: key, racy: key.Racy(x.now())}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if keep {
		data, err := io.ReadAll(file)
		if err != nil {
			return nil, err
		}
		b.text, b.hash = string(data), sha256.Sum256(data)
	} else {
		h := sha256.New()
		if _, err := io.Copy(h, file); err != nil {
			return nil, err
		}
		h.Sum(b.hash[:0])
	}
	x.blobs[path] = b
	return b, nil
}

// A source is one Go file.
type source struct {
	path    string
	key     filekey.Key
	racy    bool
	known   bool // it was read
	shallow bool // imports only
	hash    [sha256.Size]byte
	matched bool // the build constraints hold
	parsed  *parsed
	err     error
}

// A pack is one package in a folder.
type pack struct {
	path     string // import path
	dir      string
	label    string // what its symbols begin with
	opaque   bool   // counts as a whole
	isMain   bool
	name     string
	files    []*source // those that are built, by name
	other    []string  // C, assembly and the like
	imports  []string  // sorted
	embedded map[string][]string
	coarse   string // why all of it counts, "" when it does not

	names   map[string][]int32 // declared names → declarations
	methods map[string][]int32 // type → its exported methods
	effects []int32            // what runs when the package is initialised
}

var otherFiles = map[string]bool{
	".c": true, ".cc": true, ".cpp": true, ".cxx": true, ".m": true, ".h": true, ".hh": true, ".hpp": true, ".hxx": true, ".f": true, ".F": true,
	".for": true, ".f90": true, ".s": true, ".S": true, ".sx": true, ".swig": true, ".swigcxx": true, ".syso": true,
}

// load reads the main package, or every package of the module, and all that they import from folders.
func (x *Index) load(ctx context.Context, modules *resolver) ([]*pack, error) {
	var level []*pack
	if x.options.Main != "" {
		p, err := x.mainPackage(modules)
		if err != nil {
			return nil, err
		}
		level = append(level, p)
	} else {
		level = x.allPackages(modules)
	}
	seen := map[string]bool{}
	for _, p := range level {
		seen[p.path] = true
	}
	var all []*pack
	for len(level) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := x.read(level); err != nil {
			return nil, err
		}
		var next []*pack
		for _, p := range level {
			for _, path := range p.imports {
				t, ok := modules.resolve(path)
				if !ok || t.outside || seen[path] {
					continue
				}
				seen[path] = true
				next = append(next, &pack{path: path, dir: t.dir, label: modules.label(path), opaque: t.opaque || p.opaque && isSDK(path)})
			}
		}
		all = append(all, level...)
		level = next
	}
	slices.SortFunc(all, func(a, b *pack) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

func (x *Index) mainPackage(modules *resolver) (*pack, error) {
	path := x.options.Main
	if rel, local := strings.CutPrefix(filepath.ToSlash(path), "./"); local || path == "." {
		path = strings.TrimSuffix(modules.main.path+"/"+strings.TrimSuffix(strings.TrimPrefix(rel, "."), "/"), "/")
	}
	t, ok := modules.resolve(path)
	if !ok || t.outside {
		return nil, fmt.Errorf("package %q is not in the module %q in %s", x.options.Main, modules.main.path, x.options.Root)
	}
	return &pack{path: path, dir: t.dir, label: modules.label(path), isMain: true}, nil
}

func (x *Index) allPackages(modules *resolver) []*pack {
	var all []*pack
	root := modules.main.dir
	_ = filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error { // what cannot be read is no package
		if err != nil || !d.IsDir() {
			return nil
		}
		path := modules.main.path
		if dir != root {
			name := d.Name()
			if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor" || name == "node_modules" {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				return filepath.SkipDir
			}
			rel, _ := filepath.Rel(root, dir)
			path += "/" + filepath.ToSlash(rel)
		}
		all = append(all, &pack{path: path, dir: dir, label: modules.label(path), opaque: isSDK(path)})
		return nil
	})
	return all
}

// label shortens the import path of a package of the main module for people.
func (r *resolver) label(importPath string) string {
	if rest, ok := strings.CutPrefix(importPath, r.main.path+"/"); ok {
		return rest
	}
	if importPath == r.main.path {
		return importPath[strings.LastIndexByte(importPath, '/')+1:]
	}
	return importPath
}

// read reads the files of packages: it looks at all of them, then reads and parses the changed ones on all cores.
func (x *Index) read(packages []*pack) error {
	var changed []*source
	found := map[*pack][]*source{}
	for _, p := range packages {
		entries, err := os.ReadDir(p.dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read package %s: %w", p.path, err)
		}
		for _, e := range entries {
			name := e.Name()
			ext := filepath.Ext(name)
			if name[0] == '.' || name[0] == '_' || e.IsDir() || strings.HasSuffix(name, "_test.go") || ext != ".go" && !otherFiles[ext] {
				continue
			}
			path := filepath.Join(p.dir, name)
			if ext != ".go" {
				p.other = append(p.other, path)
				continue
			}
			info, err := os.Stat(path)
			if err != nil || !info.Mode().IsRegular() {
				continue // a dead link, or it went away: the build says so
			}
			key := filekey.Of(info)
			s := x.sources[path]
			if s == nil || s.shallow != p.opaque {
				s = &source{path: path, shallow: p.opaque}
				x.sources[path] = s
			}
			if !s.known || s.racy || s.key != key || s.err != nil {
				s.key, s.racy = key, key.Racy(x.now())
				changed = append(changed, s)
			}
			found[p] = append(found[p], s)
		}
	}
	x.parse(changed)
	for _, p := range packages {
		for _, s := range found[p] {
			if s.err != nil {
				return fmt.Errorf("read package %s: %w", p.path, s.err)
			}
		}
		if err := x.complete(p, found[p]); err != nil {
			return err
		}
	}
	return nil
}

// parse reads the sources and parses those whose content changed.
func (x *Index) parse(sources []*source) {
	var workers sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), 8, len(sources)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(sources) {
					return
				}
				x.parseOne(sources[i])
			}
		})
	}
	workers.Wait()
}

func (x *Index) parseOne(s *source) {
	var data []byte
	data, s.err = os.ReadFile(s.path)
	if s.err != nil {
		return
	}
	hash := sha256.Sum256(data)
	if s.known && hash == s.hash {
		return
	}
	s.known, s.hash = true, hash
	x.parsed.Add(1)
	if s.shallow {
		s.parsed = parseImports(data)
	} else {
		s.parsed = parse(data)
	}
	s.matched = x.matches(s.path, data) && (x.options.Cgo || !s.parsed.cgo)
}

// matches evaluates the build constraints of a file.
func (x *Index) matches(path string, data []byte) bool {
	name := filepath.Base(path)
	if !strings.Contains(name, "_") && !bytes.Contains(data, []byte("//go:build")) && !bytes.Contains(data, []byte("+build")) {
		return true
	}
	ctx := x.build
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	ok, err := ctx.MatchFile(filepath.Dir(path), name)
	return ok || err != nil // a file that go/build cannot read is broken source: the parser says where
}

// complete fills in what a package is, from its files.
func (x *Index) complete(p *pack, sources []*source) error {
	cgo, linkname, bodyless := false, false, false
	for _, s := range sources {
		if !s.matched {
			continue
		}
		p.files = append(p.files, s)
		x.tracked[s.path] = s.hash
		for _, imp := range s.parsed.imports {
			p.imports = append(p.imports, imp.path)
		}
		if p.name == "" {
			p.name = s.parsed.pkg
		}
		for _, d := range s.parsed.decls {
			for _, pattern := range d.embeds {
				if p.embedded == nil {
					p.embedded = map[string][]string{}
				}
				p.embedded[pattern] = embeddedFiles(p.dir, pattern)
			}
			bodyless = bodyless || d.bodyless
		}
		cgo = cgo || s.parsed.cgo
		linkname = linkname || len(s.parsed.linknames) > 0
	}
	slices.Sort(p.imports)
	p.imports = slices.Compact(p.imports)
	switch {
	case cgo:
		p.coarse = "cgo in " + p.label
	case linkname:
		p.coarse = "//go:linkname in " + p.label
	case len(p.other) > 0:
		p.coarse = "files of another language in " + p.label
	case bodyless:
		p.coarse = "a function without a body in " + p.label
	}
	for _, path := range p.other {
		b, err := x.content(path, false)
		if err != nil {
			return fmt.Errorf("read package %s: %w", p.path, err)
		}
		x.tracked[path] = b.hash
	}
	for _, files := range p.embedded {
		for _, path := range files {
			b, err := x.content(path, false)
			if err != nil {
				continue // it went away: the build says so
			}
			x.tracked[path] = b.hash
		}
	}
	return nil
}

// embeddedFiles lists what a pattern of //go:embed names, absolute and sorted.
func embeddedFiles(dir, pattern string) []string {
	pattern, all := strings.CutPrefix(pattern, "all:")
	if filepath.IsAbs(pattern) || slices.Contains(strings.Split(pattern, "/"), "..") {
		return nil // the build refuses it
	}
	matches, err := filepath.Glob(filepath.Join(escapeGlob(dir), filepath.FromSlash(pattern)))
	if err != nil {
		return nil
	}
	var files []string
	for _, match := range matches {
		_ = filepath.WalkDir(match, func(path string, d fs.DirEntry, err error) error { // what cannot be read is not embedded
			switch {
			case err != nil:
				return nil
			case path != match && !all && strings.ContainsRune("._", rune(d.Name()[0])):
				if d.IsDir() {
					return filepath.SkipDir
				}
			case d.IsDir():
				if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != dir {
					return filepath.SkipDir
				}
			case d.Type().IsRegular():
				files = append(files, path)
			}
			return nil
		})
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// escapeGlob makes a path match itself alone.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func hashText(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

// short is the form of a hash in a part.
func short(hash [sha256.Size]byte) string { return hex.EncodeToString(hash[:8]) }
