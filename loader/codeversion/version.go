package codeversion

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/graph"
)

// How a closure becomes a version and its parts.

const (
	algorithm = "go1:"
	// maxFiles is how many files of one glob are parts of their own; more become one part, so that a record stays small.
	maxFiles = 200
)

// Version returns the code version of symbol, as of the last [Index.Refresh]. symbol is what the Go runtime calls a function:
// "import/path.f", "import/path.(*T).M", "main.f"; a function literal is its outer function. declaredFiles are globs relative
// to Options.WorkingDir ("**" is any number of folders), declaredEnv names of environment variables: they count beside the
// code. A version that the author gave takes the place of all that the code says; declared files and variables still count.
// The error is an *Error when the module does not parse.
func (x *Index) Version(symbol string, declaredFiles, declaredEnv []string, author string) (Result, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.broken != nil:
		return Result{}, x.broken
	case x.program == nil:
		return Result{}, errors.New("the module was not read yet")
	}
	var result Result
	start, coarse := x.program.find(symbol)
	if len(start) == 0 && author == "" {
		return Result{}, fmt.Errorf("no function %q in %s", symbol, x.options.Root)
	}
	salt := symbol
	if len(start) > 0 {
		n := x.program.nodes[start[0]]
		if coarse == "" {
			result.Doc, result.File, result.Line = n.doc, n.source.path, n.line
		}
		salt = n.symbol // however it was spelled
	}
	names := slices.Clone(declaredEnv)
	var parts []hashed
	if author == "" {
		c := x.program.reach(start)
		if coarse != "" {
			c.coarse = append([]string{coarse}, c.coarse...)
		}
		result.Code.Coarse = strings.Join(c.coarse, "; ")
		parts = x.codeParts(c)
		names = append(names, x.program.environment(c)...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		parts = append(parts, x.variable(salt, name))
	}
	files, err := x.declared(declaredFiles)
	if err != nil {
		return Result{}, err
	}
	parts = append(parts, files...)
	slices.SortStableFunc(parts, func(a, b hashed) int { return strings.Compare(a.Symbol, b.Symbol) })
	for i := range parts {
		if i > 0 && parts[i].Symbol == parts[i-1].Symbol {
			parts[i].Symbol += "'"
		}
		result.Code.Parts = append(result.Code.Parts, parts[i].Part)
	}
	switch {
	case author == "":
		result.Code.Version = algorithm + sumParts(parts)
	case len(parts) == 0:
		result.Code.Author, result.Code.Version = true, "author:"+author
	default:
		result.Code.Author, result.Code.Version = true, "author:"+author+" +"+sumParts(parts)[:8]
	}
	return result, nil
}

// hashed is a part with all of its hash.
type hashed struct {
	graph.Part
	full [sha256.Size]byte
}

func sumParts(parts []hashed) string {
	h := sha256.New()
	var buf []byte
	for _, p := range parts {
		buf = append(buf[:0], byte(p.Kind))
		buf = binary.AppendUvarint(buf, uint64(len(p.Symbol)))
		buf = append(buf, p.Symbol...)
		buf = append(buf, p.full[:]...)
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (x *Index) place(file string) string { return relative(x.options.WorkspaceDir, file) }

// codeParts lists declarations, embedded files, files of other languages, packages that count as wholes, outside modules, and
// the toolchain.
func (x *Index) codeParts(c *closure) []hashed {
	parts := make([]hashed, 0, len(c.nodes)+8)
	files := map[string]bool{}
	addFile := func(pk *pack, file string) {
		if hash, ok := x.tracked[file]; ok && !files[file] {
			files[file] = true
			parts = append(parts, hashed{graph.Part{Kind: graph.PartCode, Symbol: pk.label + "/" + relative(pk.dir, file), Hash: short(hash), File: x.place(file), Line: 1}, hash})
		}
	}
	for _, id := range c.nodes {
		n := x.program.nodes[id]
		if n.part.Symbol == "" {
			n.part = graph.Part{
				Kind: graph.PartCode, Symbol: n.symbol, Hash: short(n.sum()), File: x.place(n.source.path), Line: n.line, Text: n.file.src[n.from:n.to],
			}
		}
		parts = append(parts, hashed{n.part, n.sum()})
		for _, pattern := range n.embeds {
			for _, file := range n.pack.embedded[pattern] {
				addFile(n.pack, file)
			}
		}
	}
	for _, pk := range c.packs {
		if pk.coarse == "" {
			continue
		}
		for _, file := range pk.other {
			addFile(pk, file)
		}
		for _, s := range pk.files {
			if s.parsed.cgo { // its comments are C
				addFile(pk, s.path)
			}
		}
	}
	parts = append(parts, x.outsideParts(c.outside)...)
	text := x.toolchain(x.modules)
	return append(parts, hashed{graph.Part{Kind: graph.PartEnvironment, Symbol: "go", Hash: text, Text: text}, hashText(text)})
}

// outsideParts lists packages that count as wholes, with those they import, and outside modules, each of which stands for
// the modules that it needs as well.
func (x *Index) outsideParts(paths []string) []hashed {
	var parts []hashed
	seen := map[string]bool{}
	direct := map[string][]string{} // outside module → packages of it that are imported
	for queue := slices.Clone(paths); len(queue) > 0; {
		importPath := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if seen[importPath] {
			continue
		}
		seen[importPath] = true
		if pk := x.program.byPath[importPath]; pk != nil {
			sum := sha256.New()
			for _, s := range pk.files {
				sum.Write(s.hash[:])
			}
			for _, file := range pk.other {
				hash := x.tracked[file]
				sum.Write(hash[:])
			}
			hash := [sha256.Size]byte(sum.Sum(nil))
			parts = append(parts, hashed{graph.Part{Kind: graph.PartEnvironment, Symbol: importPath, Hash: short(hash), File: x.place(pk.dir)}, hash})
			queue = append(queue, pk.imports...)
			continue
		}
		if t, ok := x.modules.resolve(importPath); ok && t.outside {
			direct[t.module] = append(direct[t.module], importPath)
		}
	}
	for module, packages := range direct {
		var needs []string
		for need := range x.outsideModules(x.modules, packages) {
			if _, outside := x.modules.versions[need]; outside && need != module {
				needs = append(needs, x.modules.identity(need))
			}
		}
		slices.Sort(needs)
		hash := hashText(x.modules.identity(module) + "\n" + strings.Join(needs, "\n"))
		version := x.modules.versions[module]
		parts = append(parts, hashed{graph.Part{
			Kind: graph.PartEnvironment, Symbol: module, Hash: version + " " + short(hash)[:8], Text: module + "@" + version,
		}, hash})
	}
	return parts
}

// environment lists the variables that the closure reads by constant names.
func (p *program) environment(c *closure) []string {
	var names []string
	for _, id := range c.nodes {
		n := p.nodes[id]
		for _, read := range n.env {
			switch {
			case read.ident != "": // os.Getenv(constant)
				for _, id := range p.declared(n, selector{path: read.callee.path, name: read.ident}) {
					if value, ok := p.nodes[id].values[read.ident]; ok {
						names = append(names, value)
					}
				}
			case read.callee.name == "": // os.Getenv("NAME")
				names = append(names, read.literal)
			case slices.ContainsFunc(p.declared(n, read.callee), func(id int32) bool { return p.nodes[id].readsEnv }): // getenv("NAME", …)
				names = append(names, read.literal)
			}
		}
	}
	return names
}

// secretWords are what the names of credentials contain.
var secretWords = []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "AUTH"}

// isSecret reports whether a name looks like a credential, of which nothing but the name may be kept.
func isSecret(name string) bool {
	upper := strings.ToUpper(name)
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(upper, word) }) || strings.HasSuffix(upper, "_PAT")
}

func (x *Index) variable(salt, name string) hashed {
	state := "unset"
	hash := hashText("")
	switch value, ok := x.options.LookupEnv(name); {
	case isSecret(name):
		state = "by name only"
	case ok:
		var salted []byte
		for _, s := range []string{"assetdev environment", salt, name, value} {
			salted = binary.AppendUvarint(salted, uint64(len(s)))
			salted = append(salted, s...)
		}
		hash = sha256.Sum256(salted)
		state = short(hash)
	}
	return hashed{graph.Part{Kind: graph.PartEnvironment, Symbol: name, Hash: state}, hash}
}

// declared hashes the files that globs name.
func (x *Index) declared(globs []string) ([]hashed, error) {
	var parts []hashed
	seen := map[string]bool{}
	for _, glob := range globs {
		if seen[glob] {
			continue
		}
		seen[glob] = true
		files, err := expand(x.options.WorkingDir, glob)
		if err != nil {
			return nil, fmt.Errorf("declared files %q: %w", glob, err)
		}
		if len(files) == 0 {
			parts = append(parts, hashed{graph.Part{Kind: graph.PartFile, Symbol: glob, Hash: "no such file"}, hashText("")})
			continue
		}
		var one []hashed
		for _, file := range files {
			b, err := x.content(file, false)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it went away between listing and reading
			}
			if err != nil {
				return nil, fmt.Errorf("declared files %q: %w", glob, err)
			}
			name := filepath.ToSlash(file)
			if rel, err := filepath.Rel(x.options.WorkingDir, file); err == nil {
				name = filepath.ToSlash(rel)
			}
			if !seen["file "+name] {
				seen["file "+name] = true
				one = append(one, hashed{graph.Part{Kind: graph.PartFile, Symbol: name, Hash: short(b.hash), File: x.place(file)}, b.hash})
			}
		}
		if len(one) > maxFiles {
			sum := sumParts(one)
			one = []hashed{{graph.Part{Kind: graph.PartFile, Symbol: glob, Hash: sum[:16]}, hashText(sum)}}
		}
		parts = append(parts, one...)
	}
	return parts, nil
}

// expand lists the files that a glob names, absolute and sorted; a folder stands for all files in it. "**" is any number of
// folders. Folders that are named with a leading dot are found only by a pattern that says so.
func expand(dir, glob string) ([]string, error) {
	pattern := filepath.ToSlash(glob)
	if !path.IsAbs(pattern) {
		pattern = path.Join(filepath.ToSlash(escapeGlob(dir)), pattern)
	}
	pattern = path.Clean(pattern)
	elements := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	var files []string
	var walk func(at string, elements []string) error
	walk = func(at string, elements []string) error {
		info, err := os.Stat(at)
		if err != nil {
			return nil //nolint:nilerr // it matches nothing
		}
		if len(elements) == 0 {
			switch {
			case info.Mode().IsRegular():
				files = append(files, at)
			case info.IsDir():
				return walk(at, []string{"**", "*"})
			}
			return nil
		}
		if !info.IsDir() {
			return nil
		}
		element := elements[0]
		if !strings.ContainsAny(element, `*?[\`) {
			return walk(filepath.Join(at, element), elements[1:])
		}
		if element == "**" {
			if len(elements) == 1 {
				elements = []string{"**", "*"}
			}
			if err := walk(at, elements[1:]); err != nil {
				return err
			}
		} else if _, err := path.Match(element, ""); err != nil {
			return err
		}
		entries, err := os.ReadDir(at)
		if err != nil {
			return err
		}
		for _, e := range entries {
			switch {
			case element == "**":
				if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
					err = walk(filepath.Join(at, e.Name()), elements)
				}
			case strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(element, "."):
			default:
				var ok bool
				if ok, err = path.Match(element, e.Name()); ok && (len(elements) > 1 || !e.IsDir() || element != "*") {
					err = walk(filepath.Join(at, e.Name()), elements[1:])
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(filepath.VolumeName(dir)+string(filepath.Separator), elements); err != nil {
		return nil, err
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// Expand lists the files that a declared glob names, absolute and sorted; see [Index.Version].
func Expand(dir, glob string) ([]string, error) { return expand(dir, glob) }
