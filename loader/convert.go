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
			Source:   graph.Source{File: relative(w.File), Line: w.Line, Symbol: w.Symbol},
			External: w.External, Together: w.Together && w.Step != "", IOManager: w.IOManager, Pool: w.Pool, Automation: w.Automation, Policy: w.Freshness,
			ConfigPath: w.ConfigPath, Made: made(w.Made),
		}
		switch {
		case w.External:
			a.Executable, a.Why = false, "it is external: no code here makes it"
		case w.NotExecutable != "":
			a.Executable, a.Why = false, w.NotExecutable
		}
		switch w.StoredBy {
		case "own", "both", "none":
			a.StoredBy = w.StoredBy
		}
		for _, c := range w.Checks {
			a.Checks = append(a.Checks, graph.CheckSpec(c))
		}
		for _, f := range w.Config {
			a.Config = append(a.Config, graph.ConfigField{Name: f.Name, Type: f.Type, Required: f.Required, Default: string(f.Default), Description: f.Description})
		}
		if entry, ok := l.ws.Location(name); ok && entry.ReadOnly && !w.External {
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
			if v.Line > 0 && v.File != "" && (w.File == "" || filepath.Ext(w.File) == filepath.Ext(v.File)) { // people edit the YAML of a component, the SQL of a model
				a.Source.File, a.Source.Line = relative(v.File), v.Line
			}
		}
		out = append(out, a)
	}
	return out, problems
}

// definitions is assets with the partitions that the location named.
func (l *Loader) definitions(name string, kept *keptLocation, versions map[string]location.Version) ([]graph.Asset, []string) {
	out, problems := l.assets(name, kept.Assets, versions)
	return out, append(problems, kept.Parts.give(kept.Assets, out)...)
}

func made(w *wire.Made) *graph.Made {
	if w == nil {
		return nil
	}
	m := &graph.Made{Run: w.Run, Metadata: w.Metadata, Path: w.Path}
	if !filepath.IsAbs(m.Path) {
		m.Path = ""
	}
	if at, err := time.Parse(time.RFC3339Nano, w.At); err == nil {
		m.At = at
	}
	return m
}

// jobs turns the jobs that a location's process named into the graph's. Keys that are none are left out.
func jobs(said []wire.Job) []graph.Job {
	var out []graph.Job
	for _, w := range said {
		j := graph.Job{Name: w.Name}
		for _, text := range w.Assets {
			if key, err := graph.ParseKey(text); err == nil {
				j.Assets = append(j.Assets, key.Bare())
			}
		}
		out = append(out, j)
	}
	return out
}

// relative returns the path as definitions name it: relative to the workspace's folder where it lies below it.
func (l *Loader) relative(file string) string {
	if rel, err := filepath.Rel(l.ws.Dir, file); file != "" && err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return file
}
