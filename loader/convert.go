package loader

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
)

// assets turns what a location's process said, and what its code means, into definitions: the only place where the wire's
// types become the graph's. What cannot be turned is left out and told as a problem.
func (l *Loader) assets(name string, said []wire.Asset, versions map[string]location.Version) ([]graph.Asset, []string) {
	out := make([]graph.Asset, 0, len(said))
	var problems []string
	seen := make(map[graph.Key]bool, len(said))
	files := map[string]string{} // many assets lie in one file
	relative := func(file string) string {
		short, known := files[file]
		if !known {
			short = l.relative(file)
			files[file] = short
		}
		return short
	}
	for _, w := range said {
		key, err := graph.ParseKey(w.Key)
		switch {
		case err != nil:
			problems = append(problems, err.Error())
			continue
		case key != key.Bare():
			problems = append(problems, fmt.Sprintf("asset key %q: a location cannot define a key of another one", w.Key))
			continue
		case seen[key]:
			problems = append(problems, fmt.Sprintf("asset %s is defined twice", key))
			continue
		}
		seen[key] = true
		a := graph.Asset{
			Key: key, Location: name, Group: w.Group, Description: w.Description, Owners: w.Owners, Kinds: w.Kinds, Tags: w.Tags, Metadata: w.Metadata,
			MaxAge:     time.Duration(w.MaxAgeMS) * time.Millisecond,
			Timeout:    time.Duration(w.TimeoutMS) * time.Millisecond,
			Executable: true, StoredBy: "assetdev", Outside: w.Outside, Step: w.Step, Unordered: w.Unordered, Retries: w.Retries,
			Source: graph.Source{File: relative(w.File), Line: w.Line, Symbol: w.Symbol},
		}
		if entry, ok := l.ws.Location(name); ok && entry.ReadOnly {
			a.Executable, a.Why = false, "its code location is read only"
		}
		if w.NoData {
			a.StoredBy = "none"
		}
		for _, c := range w.Columns {
			a.Columns = append(a.Columns, graph.Column{Name: c.Name, Type: c.Type})
		}
		for _, text := range slices.Concat(w.Inputs, w.Deps) {
			dep, err := graph.ParseKey(text)
			if err != nil {
				problems = append(problems, fmt.Sprintf("asset %s: %v", key, err))
				continue
			}
			if !slices.Contains(a.Deps, dep) {
				a.Deps = append(a.Deps, dep)
			}
		}
		if v, ok := versions[w.Key]; ok {
			a.Code = v.Code
			if a.Description == "" {
				a.Description = v.Doc
			}
			if v.Line > 0 {
				a.Source.File, a.Source.Line = relative(v.File), v.Line
			}
		}
		out = append(out, a)
	}
	return out, problems
}

// relative returns the path as definitions name it: relative to the workspace's folder where it lies below it.
func (l *Loader) relative(file string) string {
	if rel, err := filepath.Rel(l.ws.Dir, file); file != "" && err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return file
}
