package python

// Code versions: what the Python code of an asset means is told by lib/assetdev_bridge/codeversion.py, which reads files and executes nothing of
// them, in a process of the location's own interpreter that lives as long as the Servers and answers line by line. What was answered for the
// same files, packages and variables is kept below the cache folder, so that nothing is started when nothing changed.

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/codeversion"
	"github.com/assetdev/assetdev/loader/location"
)

// Limits of what is kept and read for code versions.
const (
	keptAnswers   = 20   // by location, on disk
	componentMost = 2000 // files of a component's folder
)

// analysed is an asset as codeversion.py is asked for it.
type analysed struct {
	Key      string `json:"key"`
	Module   string `json:"module,omitempty"`
	QualName string `json:"qualname,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`

	Also      []symbol `json:"also,omitempty"`
	Resources []string `json:"resources,omitempty"`
}

func (a analysed) equal(b analysed) bool {
	return a.Key == b.Key && a.Module == b.Module && a.QualName == b.QualName && a.File == b.File && a.Line == b.Line &&
		slices.Equal(a.Also, b.Also) && slices.Equal(a.Resources, b.Resources)
}

// A symbol is a function or class of a module.
type symbol struct {
	Module   string `json:"module"`
	QualName string `json:"qualname"`
}

type entryPoint struct {
	Module string `json:"module,omitempty"`
	File   string `json:"file,omitempty"`
	Walk   bool   `json:"walk,omitempty"`
}

// analysis is its answer for one asset.
type analysis struct {
	Version   string   `json:"version"`
	Unchanged bool     `json:"unchanged"`
	Coarse    string   `json:"coarse"`
	Doc       string   `json:"doc"`
	File      string   `json:"file"`
	Line      int      `json:"line"`
	Files     []string `json:"files"` // of the entry point: those of all modules that were looked at
	Parts     []struct {
		Kind   string `json:"kind"`
		Symbol string `json:"symbol"`
		Hash   string `json:"hash"`
		File   string `json:"file"`
		Line   int    `json:"line"`
		Text   string `json:"text"`
	} `json:"parts"`
	Error *struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Message string `json:"message"`
	} `json:"error"`
}

// CodeVersions returns what the code of the assets means. It executes nothing of the workspace.
func (l *Location) CodeVersions(ctx context.Context, assets []wire.Asset) (map[string]location.Version, error) {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	e, err := l.environment(ctx)
	if err != nil {
		return nil, err
	}
	build, err := l.build(ctx, e)
	if err != nil {
		return nil, err
	}
	l.versioning.Lock()
	defer l.versioning.Unlock()
	found, err := l.analyse(ctx, e, build, assets)
	if err != nil {
		if ctx.Err() != nil {
			return nil, &location.Error{Message: "cancelled", Interrupted: true, Cause: ctx.Err()}
		}
		return nil, err
	}
	out := make(map[string]location.Version, len(found))
	for _, a := range assets {
		v, ok := found[a.Key]
		if !ok {
			return nil, &location.Error{Message: "nothing is known of the code of asset " + a.Key}
		}
		if out[a.Key], err = l.complete(a, v); err != nil {
			return nil, &location.Error{Message: err.Error(), Cause: err}
		}
	}
	entry := found[""]
	reads, err := l.readParts(l.readFiles())
	if err != nil {
		return nil, &location.Error{Message: err.Error(), Cause: err}
	}
	// What lies beside a file that was read, and is of its kind, would have been read too if it had been there: a new component, one query more.
	for _, file := range l.unread() {
		reads = append(reads, graph.Part{Kind: graph.PartFile, Symbol: l.named(file), Hash: "was not read"})
	}
	reads = append(reads, l.history()...)
	reads = append(reads, graph.Part{Kind: graph.PartEnvironment, Symbol: "assetdev", Hash: describer()})
	entry.Code.Version = versionOf(entry.Code.Version, reads)
	entry.Code.Parts = append(slices.Clip(entry.Code.Parts), reads...)
	out[""] = entry
	for key, v := range out {
		v.Code.Parts = slices.Clone(v.Code.Parts)
		for i := range v.Code.Parts {
			v.Code.Parts[i].File = l.placed(v.Code.Parts[i].File)
		}
		out[key] = v
	}
	return out, nil
}

// placed returns the path as definitions name it: relative to the workspace's folder where it lies below it.
func (l *Location) placed(file string) string {
	if rel, err := filepath.Rel(l.config.WorkspaceDir, file); file != "" && err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return file
}

// complete adds what is no Python code to the version of an asset: files that were read for its definition, declared files and variables. A
// version that its author gave takes the place of all code.
func (l *Location) complete(a wire.Asset, v location.Version) (location.Version, error) {
	var more []graph.Part
	for _, name := range a.Env {
		value, ok := l.LookupEnv(name)
		hash := "unset"
		if ok {
			sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%d:%s%s", len(a.Key), a.Key, len(name), name, value))
			hash = hex.EncodeToString(sum[:8])
		}
		more = append(more, graph.Part{Kind: graph.PartEnvironment, Symbol: name, Hash: hash})
	}
	for _, glob := range a.Files {
		files, err := codeversion.Expand(l.config.Dir, glob)
		if err != nil {
			return v, fmt.Errorf("declared files %q: %w", glob, err)
		}
		if len(files) == 0 {
			more = append(more, graph.Part{Kind: graph.PartFile, Symbol: glob, Hash: "no such file"})
		}
		for _, file := range files {
			sum, err := l.sources.content(file)
			if err != nil {
				return v, fmt.Errorf("declared files %q: %w", glob, err)
			}
			more = append(more, graph.Part{Kind: graph.PartFile, Symbol: l.named(file), Hash: sum, File: file})
		}
	}
	if a.StoredBy == "own" || a.StoredBy == "both" { // when that changes, its data are not where they will be looked for
		more = append(more, graph.Part{Kind: graph.PartEnvironment, Symbol: "io_managers", Hash: a.StoredBy + " "})
	}
	if a.CodeVersion != "" {
		v.Code = graph.Code{Version: versionOf("author:"+a.CodeVersion, more), Author: true, Parts: more}
		return v, nil
	}
	reads, err := l.readParts(l.readsOf(a))
	if err != nil {
		return v, err
	}
	more = append(more, reads...)
	v.Code.Version = versionOf(v.Code.Version, more)
	v.Code.Parts = slices.Concat(v.Code.Parts, more) // a new one: the answer is kept
	slices.SortStableFunc(v.Code.Parts, func(x, y graph.Part) int { return strings.Compare(x.Symbol, y.Symbol) })
	for i := range v.Code.Parts {
		if i > 0 && v.Code.Parts[i].Symbol == v.Code.Parts[i-1].Symbol {
			v.Code.Parts[i].Symbol += "'"
		}
	}
	return v, nil
}

// versionOf returns the version with further parts; without any it stays.
func versionOf(version string, parts []graph.Part) string {
	if len(parts) == 0 {
		return version
	}
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d\x00%s\x00%s\x00", p.Kind, p.Symbol, p.Hash)
	}
	return version + "+" + hex.EncodeToString(h.Sum(nil)[:8])
}

func (l *Location) named(file string) string {
	if rel, err := filepath.Rel(l.config.Dir, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	if rel, err := filepath.Rel(l.config.WorkspaceDir, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}

func (l *Location) readFiles() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads
}

// readsOf returns which of the files that were read for the definitions belong to an asset. One that is defined in a file that is no
// Python is of a component: all files of its folder count. Of others those count that lie beside or below its module; when none does,
// all of them that are of no component, since any may have shaped it. What lies outside of the location's own folders always counts.
// An asset that names the files of its code has those and no others.
func (l *Location) readsOf(a wire.Asset) []string {
	if len(a.CodeFiles) > 0 {
		return a.CodeFiles
	}
	l.mu.Lock()
	claimed := l.claimed
	l.mu.Unlock()
	reads := slices.DeleteFunc(slices.Clone(l.readFiles()), func(file string) bool { return claimed[file] })
	if a.File == "" {
		return reads
	}
	// What lies outside of the location's own folders is beside no module.
	l.mu.Lock()
	roots := l.roots(l.seen)
	l.mu.Unlock()
	var outside, inside, near, components []string
	for _, file := range reads {
		if isDefinition(file) {
			components = append(components, filepath.Dir(file))
		}
	}
	for _, file := range reads {
		if !slices.ContainsFunc(roots, func(root string) bool { return within(file, root) }) {
			outside = append(outside, file)
			continue
		}
		if within(file, filepath.Dir(a.File)) {
			near = append(near, file)
		}
		if !slices.ContainsFunc(components, func(dir string) bool { return within(file, dir) }) && !isProject(file) {
			inside = append(inside, file)
		}
	}
	switch {
	case isComponent(a):
		return append(outside, componentFiles(filepath.Dir(a.File))...)
	case len(near) == 0:
		return append(outside, inside...)
	}
	return append(outside, near...)
}

// isDefinition reports whether a file defines a component.
func isDefinition(file string) bool {
	name := filepath.Base(file)
	return name == "defs.yaml" || name == "component.yaml"
}

// isProject reports whether a file says how a project is set up, which shapes no single asset.
func isProject(file string) bool {
	name := filepath.Base(file)
	return name == "pyproject.toml" || name == "dg.toml"
}

// isComponent reports whether an asset is defined in a file that is no Python.
func isComponent(a wire.Asset) bool { return a.File != "" && filepath.Ext(a.File) != ".py" }

// unread returns the files that lie beside one that was read for the definitions, have its extension, and were not read, sorted.
func (l *Location) unread() []string {
	reads := l.readFiles()
	read := map[string]bool{}
	kinds := map[string]map[string]bool{} // by folder, the extensions
	for _, file := range reads {
		read[file] = true
		dirs := []string{filepath.Dir(file)}
		if isDefinition(file) { // of a component: a new one has a folder of its own
			siblings, _ := os.ReadDir(filepath.Dir(dirs[0])) // what cannot be read is not there
			for _, s := range siblings {
				if s.IsDir() {
					dirs = append(dirs, filepath.Join(filepath.Dir(dirs[0]), s.Name()))
				}
			}
		}
		for _, dir := range dirs {
			if kinds[dir] == nil {
				kinds[dir] = map[string]bool{}
			}
			kinds[dir][filepath.Ext(file)] = true
		}
	}
	var found []string
	for dir, of := range kinds {
		entries, _ := os.ReadDir(dir) // what cannot be read is not there
		for _, entry := range entries {
			if file := filepath.Join(dir, entry.Name()); entry.Type().IsRegular() && of[filepath.Ext(file)] && filepath.Ext(file) != ".py" && !read[file] {
				found = append(found, file)
			}
		}
	}
	slices.Sort(found)
	return found
}

// countedFiles returns the files that count besides the Python code and what was read for the definitions.
func (l *Location) countedFiles() ([]string, error) {
	l.mu.Lock()
	assets := l.counts
	l.mu.Unlock()
	files := slices.Concat(l.unread(), l.historyFiles())
	folders := map[string]bool{}
	for _, a := range assets {
		for _, glob := range a.Files {
			found, err := codeversion.Expand(l.config.Dir, glob)
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		}
		files = append(files, a.CodeFiles...)
		if dir := filepath.Dir(a.File); isComponent(a) && len(a.CodeFiles) == 0 && !folders[dir] {
			folders[dir] = true
			files = append(files, componentFiles(dir)...)
		}
	}
	return files, nil
}

// historyFiles are what changes when Dagster materializes something by itself, with its usual storage.
func (l *Location) historyFiles() []string {
	home := lookup(l.config.Env, "DAGSTER_HOME")
	if l.config.Instance == "none" || home == "" {
		return nil
	}
	var files []string
	for _, name := range []string{"dagster.yaml", "history/runs/index.db", "history/runs/index.db-wal"} {
		files = append(files, filepath.Join(home, filepath.FromSlash(name)))
	}
	return files
}

// history says in which state Dagster's own history is, by what stat says of its files.
func (l *Location) history() []graph.Part {
	files := l.historyFiles()
	if files == nil {
		return nil
	}
	h := sha256.New()
	for _, file := range files {
		fmt.Fprintf(h, "%s\x00%s\x00", file, statText(file))
	}
	return []graph.Part{{Kind: graph.PartFile, Symbol: "DAGSTER_HOME", Hash: hex.EncodeToString(h.Sum(nil)[:8])}}
}

// componentFiles returns the files in a folder and below, sorted, without hidden ones and byte code.
func componentFiles(dir string) []string {
	var files []string
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // what cannot be read is not there
		case d.IsDir() && path != dir && skipped(path, d.Name()):
			return filepath.SkipDir
		case len(files) >= componentMost:
			return filepath.SkipAll
		case d.Type().IsRegular() && !strings.HasPrefix(d.Name(), "."):
			files = append(files, path)
		}
		return nil
	})
	return files
}

// readParts returns files that count as code.
func (l *Location) readParts(files []string) ([]graph.Part, error) {
	var parts []graph.Part
	for _, file := range files {
		sum, err := l.sources.content(file)
		if err != nil {
			return nil, err
		}
		p := graph.Part{Kind: graph.PartCode, Symbol: l.named(file), Hash: sum, File: file, Line: 1}
		if strings.HasPrefix(filepath.Base(file), ".env") {
			parts = append(parts, p) // what is in there is nobody's business
			continue
		}
		if text, err := readSmall(file); err == nil && len(text) <= 64<<10 {
			p.Text = text
		}
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b graph.Part) int { return strings.Compare(a.Symbol, b.Symbol) })
	return parts, nil
}

// An answer is what is kept of the analysis of one state of the files: of all assets that were asked for in it.
type answer struct {
	Asked     map[string]analysed
	Salt      string
	Variables map[string]bool // names of variables that the code reads
	Values    string          // hash of their values
	Files     []string        // of all modules that were looked at
	Versions  map[string]location.Version
}

// analyse returns the versions of the assets' Python code, and of the entry point under "".
func (l *Location) analyse(ctx context.Context, e Environment, build string, assets []wire.Asset) (map[string]location.Version, error) {
	lib, err := l.lib()
	if err != nil {
		return nil, &location.Error{Message: err.Error(), Cause: err}
	}
	asked := make([]analysed, len(assets))
	for i, a := range assets {
		module, name, _ := strings.Cut(a.Symbol, ":")
		asked[i] = analysed{Key: a.Key, Module: module, QualName: name, File: a.File, Line: a.Line, Resources: a.Resources}
		for _, text := range a.Also {
			module, name, _ := strings.Cut(text, ":")
			asked[i].Also = append(asked[i].Also, symbol{Module: module, QualName: name})
		}
		if a.File != "" && filepath.Ext(a.File) != ".py" {
			asked[i].File = "" // of a component: the class that makes it lies elsewhere
		}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%q", lib, build, e.Digest, l.config.Kind, l.config.Target, l.config.Dir, e.Version, l.pythonPath())
	key := hex.EncodeToString(h.Sum(nil)[:16])
	kept := l.recall(key)
	if kept.has(asked) {
		l.covered = kept.Files
		return kept.Versions, nil
	}
	entry := entryPoint{Module: l.config.Target, Walk: l.config.Kind == "autoload_defs_module"}
	if l.config.Kind == "python_file" {
		entry = entryPoint{File: l.config.Target}
	}
	answers, err := l.servers.analyse(ctx, e, lib, l, asked, entry)
	if err != nil {
		return nil, err
	}
	variables := map[string]bool{}
	found := make(map[string]location.Version, len(answers))
	for key, a := range answers {
		if a.Error != nil {
			return nil, &location.Error{Message: a.Error.Message, File: a.Error.File, Line: a.Error.Line, Column: a.Error.Column}
		}
		v := location.Version{Code: graph.Code{Version: a.Version, Coarse: a.Coarse}, Doc: a.Doc, File: a.File, Line: a.Line}
		if a.Unchanged {
			v = l.versions[key]
			if a.Line > 0 {
				v.File, v.Line = a.File, a.Line
			}
		} else {
			for _, p := range a.Parts {
				part := graph.Part{Kind: graph.PartCode, Symbol: p.Symbol, Hash: p.Hash, File: p.File, Line: p.Line, Text: p.Text}
				switch p.Kind {
				case "environment":
					part.Kind = graph.PartEnvironment
				case "file":
					part.Kind = graph.PartFile
				}
				v.Code.Parts = append(v.Code.Parts, part)
			}
		}
		for _, p := range v.Code.Parts {
			if p.Kind == graph.PartEnvironment {
				variables[p.Symbol] = true
			}
		}
		found[key] = v
	}
	if len(assets) > 1 || l.versions == nil { // not for the pin of one asset: the others are still worth having
		l.versions = found
	} else {
		maps.Copy(l.versions, found)
	}
	all := map[string]analysed{}
	maps.Copy(all, kept.Asked)
	for _, a := range asked {
		all[a.Key] = a
	}
	whole := maps.Clone(kept.Versions)
	if whole == nil {
		whole = map[string]location.Version{}
	}
	maps.Copy(whole, found)
	maps.Copy(variables, kept.Variables)
	files := slices.Compact(slices.Sorted(slices.Values(slices.Concat(kept.Files, answers[""].Files))))
	if files == nil {
		files = []string{}
	}
	l.covered = files
	// What was read while it was being written is of no state that has a name: kept, it would be told of another.
	if after, err := l.build(ctx, e); err != nil || after != build {
		return found, nil
	}
	l.keep(key, answer{Asked: all, Variables: variables, Versions: whole, Files: files})
	return found, nil
}

// has reports whether the answer covers what is asked.
func (a answer) has(asked []analysed) bool {
	if a.Versions == nil || a.Files == nil {
		return false
	}
	for _, one := range asked {
		if known, ok := a.Asked[one.Key]; !ok || !known.equal(one) {
			return false
		}
	}
	return true
}

// knownVersions returns the versions of the last answer, for telling only what changed.
func (l *Location) knownVersions() map[string]string {
	known := make(map[string]string, len(l.versions))
	for key, v := range l.versions {
		known[key] = v.Code.Version
	}
	return known
}

func (l *Location) valuesOf(a answer) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00", a.Salt)
	for _, name := range slices.Sorted(maps.Keys(a.Variables)) {
		value, ok := l.LookupEnv(name)
		fmt.Fprintf(h, "%s=%t%q\x00", name, ok, value)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// keptAt names the folder of this location's answers.
func (l *Location) keptAt() string {
	sum := sha256.Sum256([]byte(l.config.WorkspaceDir + "\x00" + l.config.Name))
	return filepath.Join(l.config.CacheDir, "versions", hex.EncodeToString(sum[:8]))
}

// recall returns the kept answer for the state of the files, the zero answer when there is none.
func (l *Location) recall(key string) answer {
	if l.lastKey == key && l.lastAnswer.Values == l.valuesOf(l.lastAnswer) {
		return l.lastAnswer
	}
	text, err := os.ReadFile(filepath.Join(l.keptAt(), key+".json"))
	var a answer
	if err != nil || json.Unmarshal(text, &a) != nil || a.Versions == nil || a.Values != l.valuesOf(a) {
		return answer{}
	}
	l.lastKey, l.lastAnswer = key, a
	return a
}

// keep keeps an answer without the source texts, which the loader keeps by their hash. It is a cache: errors cost an analysis.
func (l *Location) keep(key string, a answer) {
	a.Salt = rand.Text()
	a.Values = l.valuesOf(a)
	l.lastKey, l.lastAnswer = key, a
	bare := a
	bare.Versions = make(map[string]location.Version, len(a.Versions))
	for name, v := range a.Versions {
		v.Code.Parts = slices.Clone(v.Code.Parts)
		for i := range v.Code.Parts {
			v.Code.Parts[i].Text = ""
		}
		bare.Versions[name] = v
	}
	if text, err := json.Marshal(bare); err == nil {
		_ = writeFile(filepath.Join(l.keptAt(), key+".json"), text)
	}
	entries, err := os.ReadDir(l.keptAt())
	if err != nil || len(entries) <= 2*keptAnswers {
		return
	}
	type file struct {
		name string
		at   time.Time
	}
	var files []file
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			files = append(files, file{entry.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return b.at.Compare(a.at) })
	for _, f := range files[min(keptAnswers, len(files)):] {
		_ = os.Remove(filepath.Join(l.keptAt(), f.name))
	}
}

// An analyser is a running codeversion.py. It is told apart by environment, and holds an index for each location.
type analyser struct {
	proc *child.Process
	ring *child.Ring

	mu     sync.Mutex        // one question at a time
	opened map[string]string // index → what it was opened with
	lines  *bufio.Reader
	next   int
}

// analyseWithin bounds one answer: a thousand files take a second.
const analyseWithin = 5 * time.Minute

// analyse asks for the versions of a location's assets. A process that fails is replaced once.
func (s *Servers) analyse(ctx context.Context, e Environment, lib string, l *Location, assets []analysed, entry entryPoint) (map[string]analysis, error) {
	for again := true; ; again = false {
		a, err := s.analyser(e, lib)
		if err == nil {
			var answers map[string]analysis
			if answers, err = a.versions(ctx, e, l, assets, entry); err == nil {
				return answers, nil
			}
		}
		if ctx.Err() != nil {
			return nil, &location.Error{Message: "cancelled", Interrupted: true, Cause: ctx.Err()}
		}
		if !again {
			return nil, &location.Error{Message: "the code could not be analysed: " + err.Error(), Cause: err}
		}
	}
}

// analyser returns the process for an environment, and starts it when there is none that works.
func (s *Servers) analyser(e Environment, lib string) (*analyser, error) {
	key := e.Python + "\x00" + e.Digest + "\x00" + lib
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, location.ErrClosed
	}
	if a := s.analysers[key]; a != nil && !a.broken() {
		return a, nil
	}
	for other, a := range s.analysers {
		if strings.HasPrefix(other, e.Python+"\x00") && other != key { // the environment changed
			delete(s.analysers, other)
			s.work.Go(a.end)
		}
	}
	a, err := startAnalyser(e, lib)
	if err != nil {
		return nil, err
	}
	s.analysers[key] = a
	return a, nil
}

// analyserCode makes the channel the standard input and output that codeversion.py speaks on, so that what a library prints does not disturb.
const analyserCode = `import os; os.dup2(3, 0); os.dup2(3, 1); os.close(3)
from assetdev_bridge.codeversion import main; main()`

func startAnalyser(e Environment, lib string) (*analyser, error) {
	ring, err := child.NewRing(child.RingOptions{MaxBytes: 64 << 10, MaxLines: 1000})
	if err != nil {
		return nil, err
	}
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "PYTHON") })
	p, err := child.Start(child.Command{
		Path: e.Python, Args: []string{"-X", "utf8", "-S", "-c", analyserCode}, Dir: lib, Env: append(env, "PYTHONPATH="+lib), Channel: true,
		Stderr: ring.Stream("stderr"), Grace: child.Grace{Interrupt: -1, Terminate: 200 * time.Millisecond}, Drain: 100 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	return &analyser{proc: p, ring: ring, opened: map[string]string{}, lines: bufio.NewReaderSize(p.Channel(), 64<<10)}, nil
}

func (a *analyser) broken() bool {
	select {
	case <-a.proc.Done():
		return true
	default:
		return false
	}
}

// end ends the process and waits for it.
func (a *analyser) end() {
	_ = a.proc.Channel().Close() // the end of its input ends it
	a.proc.Stop(context.Background())
}

// ask sends one request and reads its answer.
func (a *analyser) ask(ctx context.Context, request map[string]any, answer any) error {
	a.next++
	request["id"] = a.next
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	channel := a.proc.Channel()
	_ = channel.SetDeadline(time.Now().Add(analyseWithin))
	stop := context.AfterFunc(ctx, func() { _ = channel.SetDeadline(time.Now()) })
	defer stop()
	if _, err = channel.Write(append(line, '\n')); err == nil {
		line, err = a.lines.ReadBytes('\n')
	}
	if err != nil {
		// Its answer may come later, and would be taken for that of the next question.
		a.proc.Kill()
		if said := text(a.ring); said != "" {
			return fmt.Errorf("%w: %s", err, said)
		}
		return err
	}
	var failed struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(line, &failed); err != nil {
		return err
	}
	if failed.Error != "" {
		return errors.New(failed.Error)
	}
	return json.Unmarshal(line, answer)
}

func text(ring *child.Ring) string {
	lines, _, _ := ring.Since(0, 0)
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1].Text
}

// versions asks for the versions of a location's assets; l.versioning is held.
func (a *analyser) versions(ctx context.Context, e Environment, l *Location, assets []analysed, entry entryPoint) (map[string]analysis, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	index := l.config.WorkspaceDir + "\x00" + l.config.Name
	paths := slices.Concat([]string{l.config.Dir}, l.pythonPath(), e.Packages)
	paths = append(paths, filepath.Join(l.config.Dir, "src"))
	env := map[string]string{}
	for _, entry := range l.config.Env {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	about := fmt.Sprintf("%q %q %q", paths, l.roots(e), l.config.Env)
	if a.opened[index] != about {
		if err := a.ask(ctx, map[string]any{
			"op": "open", "index": index, "workspace_roots": l.roots(e), "sys_path": paths, "cache_dir": filepath.Join(l.config.CacheDir, "code"), "env": env,
		}, &struct{}{}); err != nil {
			return nil, err
		}
		a.opened[index] = about
		l.versions = nil
	}
	var told struct {
		Versions map[string]analysis `json:"versions"`
	}
	err := a.ask(ctx, map[string]any{
		"op": "versions", "index": index, "update": nil, "assets": assets, "entry": entry, "known": l.knownVersions(), "texts": true,
	}, &told)
	return told.Versions, err
}
