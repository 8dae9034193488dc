package loader

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/packed"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
)

// A keptLocation is a location in the stored graph.
type keptLocation struct {
	Kind        string
	Stamp       string // of the files that Versions were computed from; "" when they were just being written
	Assets      []wire.Asset
	Versions    map[string]location.Version // by asset key; "" is the entry point
	Problems    []string
	Environment location.Environment
	Settings    string // of the workspace, under which it was asked
	Jobs        []wire.Job
	About       About
	Reads       []string // absolute paths that were read for the definitions and are no code
	Parts       *keptParts
	TookMS      int64
}

// entry returns the code version of the entry point.
func (k keptLocation) entry() string { return k.Versions[""].Code.Version }

// keptLine begins the file of the stored graph. What follows changes with the types that are written; then the number does. A file
// with another line is as good as none.
const keptLine = "assetdev graph 7\n"

func (l *Loader) keptFile() string { return filepath.Join(l.opts.StateDir, "graph") }

// readKept reads the stored graph; one that cannot be understood is as good as none.
func (l *Loader) readKept() map[string]keptLocation {
	data, err := os.ReadFile(l.keptFile())
	if err != nil {
		return nil
	}
	body, ok := packed.Open(keptLine, data)
	if !ok {
		return nil
	}
	kept, ok := parseKept(body)
	if !ok {
		return nil
	}
	return kept
}

// Save writes the stored graph, unless nothing changed since it was read or written.
func (l *Loader) Save() error {
	l.saving.Lock()
	defer l.saving.Unlock()
	same := true
	kept := map[string]keptLocation{}
	for name, u := range l.units {
		u.now.Lock()
		same = same && u.saved
		u.saved = true
		if u.kept.Assets != nil {
			kept[name] = u.kept
		}
		u.now.Unlock()
	}
	if same {
		return nil
	}
	if err := l.write(packed.Seal(keptLine, appendKept(kept))); err != nil {
		for _, u := range l.units {
			u.now.Lock()
			u.saved = false
			u.now.Unlock()
		}
		return fmt.Errorf("store the graph: %w", err)
	}
	return nil
}

func (l *Loader) write(data []byte) error {
	if err := l.makeStateDir(); err != nil {
		return err
	}
	temporary := fmt.Sprintf("%s.%d", l.keptFile(), os.Getpid())
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(temporary, l.keptFile()); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}

// A keptWriter and a keptReader write and read the stored graph in the same order. Assets of one location share most of what they
// reach, so parts are written once.
type (
	keptWriter struct{ packed.Writer }
	keptReader struct{ packed.Reader }
)

func appendKept(kept map[string]keptLocation) []byte {
	var w keptWriter
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		w.Text(name)
		w.location(kept[name])
	}
	return w.Out
}

// parseKept is the inverse of appendKept, but for the texts of parts.
func parseKept(body string) (map[string]keptLocation, bool) {
	r := keptReader{packed.Reader{In: body}}
	kept := map[string]keptLocation{}
	for r.In != "" {
		name := r.Text()
		kept[name] = r.location()
	}
	return kept, !r.Bad
}

func (w *keptWriter) location(k keptLocation) {
	w.Text(k.Kind)
	w.Text(k.Stamp)
	w.Texts(k.Problems)
	w.Text(k.Environment.Executable)
	w.Text(k.Environment.Version)
	w.Text(k.Environment.Dagster)
	w.Number(k.TookMS)
	w.Text(k.Settings)
	w.Number(int64(len(k.Jobs)))
	for _, j := range k.Jobs {
		w.Text(j.Name)
		w.Texts(j.Assets)
	}
	for _, texts := range [][]string{k.About.Notices, k.About.Schedules, k.About.Sensors, k.About.Resources} {
		w.Texts(texts)
	}
	w.Text(k.About.Framework)
	w.Texts(k.Reads)
	w.parts(k.Parts)
	w.Number(int64(len(k.Assets)))
	for i := range k.Assets {
		w.asset(&k.Assets[i])
	}
	var parts, versions keptWriter
	index := map[graph.Part]int{}
	uses := 0
	for _, key := range slices.Sorted(maps.Keys(k.Versions)) {
		v := k.Versions[key]
		versions.Text(key)
		versions.Text(v.Code.Version)
		versions.Flag(v.Code.Author)
		versions.Text(v.Code.Coarse)
		versions.Text(v.Doc)
		versions.Text(v.File)
		versions.Number(int64(v.Line))
		versions.Number(int64(len(v.Code.Parts)))
		uses += len(v.Code.Parts)
		for _, p := range v.Code.Parts {
			p.Text = ""
			i, known := index[p]
			if !known {
				i = len(index)
				index[p] = i
				parts.Number(int64(p.Kind))
				parts.Text(p.Symbol)
				parts.Text(p.Hash)
				parts.Text(p.File)
				parts.Number(int64(p.Line))
			}
			versions.Number(int64(i))
		}
	}
	w.Number(int64(len(index)))
	w.Out = append(w.Out, parts.Out...)
	w.Number(int64(uses))
	w.Number(int64(len(k.Versions)))
	w.Out = append(w.Out, versions.Out...)
}

func (r *keptReader) location() keptLocation {
	k := keptLocation{Kind: r.Text(), Stamp: r.Text(), Problems: r.Texts()}
	k.Environment = location.Environment{Executable: r.Text(), Version: r.Text(), Dagster: r.Text()}
	k.TookMS, k.Settings = r.Number(), r.Text()
	if n := r.Count(); n > 0 {
		k.Jobs = make([]wire.Job, n)
		for i := range k.Jobs {
			k.Jobs[i] = wire.Job{Name: r.Text(), Assets: r.Texts()}
		}
	}
	k.About = About{Notices: r.Texts(), Schedules: r.Texts(), Sensors: r.Texts(), Resources: r.Texts(), Framework: r.Text()}
	k.Reads = r.Texts()
	k.Parts = r.parts()
	k.Assets = make([]wire.Asset, r.Count())
	for i := range k.Assets {
		if !r.Bad {
			k.Assets[i] = r.asset()
		}
	}
	parts := make([]graph.Part, r.Count())
	for i := range parts {
		parts[i] = graph.Part{Kind: graph.PartKind(r.Number()), Symbol: r.Text(), Hash: r.Text(), File: r.Text(), Line: int(r.Number())}
	}
	free := make([]graph.Part, r.Count())
	versions := r.Count()
	k.Versions = make(map[string]location.Version, versions)
	for range versions {
		key := r.Text()
		v := location.Version{Code: graph.Code{Version: r.Text(), Author: r.Flag(), Coarse: r.Text()}, Doc: r.Text(), File: r.Text(), Line: int(r.Number())}
		n := r.Count()
		if n > len(free) {
			r.Bad = true
		}
		if r.Bad {
			break
		}
		v.Code.Parts, free = free[:n:n], free[n:]
		for i := range v.Code.Parts {
			if at := r.Index(len(parts)); at >= 0 {
				v.Code.Parts[i] = parts[at]
			}
		}
		k.Versions[key] = v
	}
	return k
}

func (w *keptWriter) asset(a *wire.Asset) {
	w.Text(a.Key)
	w.Texts(a.Inputs)
	w.Texts(a.Deps)
	w.Text(a.Group)
	w.Text(a.Description)
	w.Texts(a.Owners)
	w.Texts(a.Kinds)
	w.pairs(a.Tags)
	w.pairs(a.Metadata)
	w.Text(a.CodeVersion)
	w.Number(a.MaxAgeMS)
	w.Number(a.TimeoutMS)
	w.Number(int64(a.Retries))
	w.Texts(a.Files)
	w.Texts(a.Env)
	w.Flag(a.Unordered)
	w.Text(a.Step)
	w.Flag(a.NoData)
	w.Flag(a.Outside)
	w.Number(int64(len(a.Columns)))
	for _, c := range a.Columns {
		w.Text(c.Name)
		w.Text(c.Type)
	}
	w.Text(a.File)
	w.Number(int64(a.Line))
	w.Text(a.Symbol)
	w.framework(a)
}

// framework writes what only assets of a framework have: one flag for all others.
func (w *keptWriter) framework(a *wire.Asset) {
	plain := a.NotExecutable == "" && !a.External && a.StoredBy == "" && a.IOManager == "" && !a.Together && a.Partitions == "" && a.Checks == nil && a.Pool == "" &&
		a.Config == nil && a.ConfigPath == nil && a.Automation == "" && a.Freshness == "" && a.Made == nil && a.CodeFiles == nil && a.Also == nil && a.Resources == nil
	w.Flag(!plain)
	if plain {
		return
	}
	for _, text := range []string{a.NotExecutable, a.StoredBy, a.IOManager, a.Partitions, a.Pool, a.Automation, a.Freshness} {
		w.Text(text)
	}
	w.Flag(a.External)
	w.Flag(a.Together)
	w.Texts(a.ConfigPath)
	w.Texts(a.CodeFiles)
	w.Texts(a.Also)
	w.Texts(a.Resources)
	w.Number(int64(len(a.Checks)))
	for _, c := range a.Checks {
		w.Text(c.Name)
		w.Flag(c.Blocking)
		w.Text(c.Description)
	}
	w.Number(int64(len(a.Config)))
	for _, f := range a.Config {
		w.Text(f.Name)
		w.Text(f.Type)
		w.Flag(f.Required)
		w.Text(string(f.Default))
		w.Text(f.Description)
	}
	w.Flag(a.Made != nil)
	if a.Made != nil {
		w.made(*a.Made)
	}
}

func (r *keptReader) framework(a *wire.Asset) {
	if !r.Flag() {
		return
	}
	for _, text := range []*string{&a.NotExecutable, &a.StoredBy, &a.IOManager, &a.Partitions, &a.Pool, &a.Automation, &a.Freshness} {
		*text = r.Text()
	}
	a.External, a.Together, a.ConfigPath, a.CodeFiles, a.Also, a.Resources = r.Flag(), r.Flag(), r.Texts(), r.Texts(), r.Texts(), r.Texts()
	if n := r.Count(); n > 0 {
		a.Checks = make([]wire.CheckSpec, n)
		for i := range a.Checks {
			a.Checks[i] = wire.CheckSpec{Name: r.Text(), Blocking: r.Flag(), Description: r.Text()}
		}
	}
	if n := r.Count(); n > 0 {
		a.Config = make([]wire.ConfigField, n)
		for i := range a.Config {
			f := &a.Config[i]
			f.Name, f.Type, f.Required = r.Text(), r.Text(), r.Flag()
			if text := r.Text(); text != "" {
				f.Default = json.RawMessage(text)
			}
			f.Description = r.Text()
		}
	}
	if r.Flag() {
		made := r.made()
		a.Made = &made
	}
}

func (w *keptWriter) made(m wire.Made) {
	w.Text(m.At)
	w.Text(m.Run)
	w.Text(m.Path)
	w.pairs(m.Metadata)
}

func (r *keptReader) made() wire.Made {
	return wire.Made{At: r.Text(), Run: r.Text(), Path: r.Text(), Metadata: r.pairs()}
}

func (r *keptReader) asset() wire.Asset {
	a := wire.Asset{
		Key: r.Text(), Inputs: r.Texts(), Deps: r.Texts(), Group: r.Text(), Description: r.Text(), Owners: r.Texts(), Kinds: r.Texts(), Tags: r.pairs(), Metadata: r.pairs(),
		CodeVersion: r.Text(), MaxAgeMS: r.Number(), TimeoutMS: r.Number(), Retries: int(r.Number()), Files: r.Texts(), Env: r.Texts(), Unordered: r.Flag(), Step: r.Text(),
		NoData: r.Flag(), Outside: r.Flag(),
	}
	if n := r.Count(); n > 0 {
		a.Columns = make([]wire.Column, n)
		for i := range a.Columns {
			a.Columns[i] = wire.Column{Name: r.Text(), Type: r.Text()}
		}
	}
	a.File, a.Line, a.Symbol = r.Text(), int(r.Number()), r.Text()
	r.framework(&a)
	return a
}

func (w *keptWriter) pairs(m map[string]string) {
	w.Number(int64(len(m)))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		w.Text(name)
		w.Text(m[name])
	}
}

func (r *keptReader) pairs() map[string]string {
	n := r.Count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		name := r.Text()
		m[name] = r.Text()
	}
	return m
}

// makeStateDir makes the folder of our own files, which git leaves alone.
func (l *Loader) makeStateDir() error {
	if err := os.MkdirAll(l.opts.StateDir, 0o700); err != nil {
		return err
	}
	ignore := filepath.Join(l.opts.StateDir, ".gitignore")
	if _, err := os.Stat(ignore); err == nil {
		return nil
	}
	return os.WriteFile(ignore, []byte("*\n"), 0o600)
}

// keepTexts keeps the source text of what code versions cover, by hash, so that it can be shown later what changed.
func (l *Loader) keepTexts(versions map[string]location.Version) error {
	seen := map[string]bool{}
	for _, v := range versions {
		for _, p := range v.Code.Parts {
			if p.Text == "" || p.Kind != graph.PartCode || seen[p.Hash] {
				continue
			}
			seen[p.Hash] = true
			file := l.textFile(p.Hash)
			if _, err := os.Stat(file); err == nil {
				continue
			}
			if err := l.makeStateDir(); err != nil {
				return fmt.Errorf("keep the code's text: %w", err)
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				return fmt.Errorf("keep the code's text: %w", err)
			}
			if err := os.WriteFile(file, []byte(p.Text), 0o600); err != nil {
				return fmt.Errorf("keep the code's text: %w", err)
			}
		}
	}
	return nil
}

// textFile names the file of a text by its hash, of which only letters and digits count: records are not to be trusted.
func (l *Loader) textFile(hash string) string {
	return filepath.Join(l.opts.StateDir, "code", strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, hash[:min(len(hash), 100)]))
}

// Text returns the source text of a part of a code version, "" when it is not known any more.
func (l *Loader) Text(p graph.Part) string {
	if p.Text != "" || p.Hash == "" {
		return p.Text
	}
	data, err := os.ReadFile(l.textFile(p.Hash))
	if err != nil {
		return ""
	}
	return string(data)
}
