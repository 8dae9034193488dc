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
	TookMS      int64
}

// entry returns the code version of the entry point.
func (k keptLocation) entry() string { return k.Versions[""].Code.Version }

// keptFormat is the number of the stored graph's format. Another number is ignored: the file is disposable.
const keptFormat = 2

// The stored graph as JSON. Assets of one location share most of what they reach, so parts are listed once.
type (
	keptGraph struct {
		Format    int                 `json:"format"`
		Locations map[string]keptJSON `json:"locations"`
	}
	keptJSON struct {
		Kind        string                 `json:"kind"`
		Stamp       string                 `json:"stamp,omitempty"`
		Assets      []wire.Asset           `json:"assets"`
		Parts       []graph.Part           `json:"parts"`
		Versions    map[string]keptVersion `json:"versions"`
		Problems    []string               `json:"problems,omitempty"`
		Environment location.Environment   `json:"environment"`
		TookMS      int64                  `json:"took_ms"`
	}
	keptVersion struct {
		Version string `json:"version"`
		Author  bool   `json:"author,omitempty"`
		Coarse  string `json:"coarse,omitempty"`
		Parts   []int  `json:"parts"`
		Doc     string `json:"doc,omitempty"`
		File    string `json:"file,omitempty"`
		Line    int    `json:"line,omitempty"`
	}
)

func (k keptLocation) toJSON() keptJSON {
	out := keptJSON{Kind: k.Kind, Stamp: k.Stamp, Assets: k.Assets, Problems: k.Problems, Environment: k.Environment, TookMS: k.TookMS, Versions: map[string]keptVersion{}}
	index := map[graph.Part]int{}
	for _, key := range slices.Sorted(maps.Keys(k.Versions)) {
		v := k.Versions[key]
		kept := keptVersion{Version: v.Code.Version, Author: v.Code.Author, Coarse: v.Code.Coarse, Doc: v.Doc, File: v.File, Line: v.Line, Parts: make([]int, 0, len(v.Code.Parts))}
		for _, p := range v.Code.Parts {
			p.Text = ""
			i, known := index[p]
			if !known {
				i = len(out.Parts)
				index[p] = i
				out.Parts = append(out.Parts, p)
			}
			kept.Parts = append(kept.Parts, i)
		}
		out.Versions[key] = kept
	}
	return out
}

// fromJSON is the inverse of toJSON, but for the texts. It fails on an index that names no part.
func fromJSON(j keptJSON) (keptLocation, error) {
	out := keptLocation{Kind: j.Kind, Stamp: j.Stamp, Assets: j.Assets, Problems: j.Problems, Environment: j.Environment, TookMS: j.TookMS, Versions: make(map[string]location.Version, len(j.Versions))}
	for key, v := range j.Versions {
		code := graph.Code{Version: v.Version, Author: v.Author, Coarse: v.Coarse, Parts: make([]graph.Part, len(v.Parts))}
		for i, part := range v.Parts {
			if part < 0 || part >= len(j.Parts) {
				return keptLocation{}, fmt.Errorf("part %d of %d", part, len(j.Parts))
			}
			code.Parts[i] = j.Parts[part]
		}
		out.Versions[key] = location.Version{Code: code, Doc: v.Doc, File: v.File, Line: v.Line}
	}
	return out, nil
}

func (l *Loader) keptFile() string { return filepath.Join(l.opts.StateDir, "graph.json") }

// readKept reads the stored graph; one that cannot be understood is as good as none.
func (l *Loader) readKept() map[string]keptLocation {
	var kept keptGraph
	data, err := os.ReadFile(l.keptFile())
	if err != nil || json.Unmarshal(data, &kept) != nil || kept.Format != keptFormat {
		return nil
	}
	out := map[string]keptLocation{}
	for name, j := range kept.Locations {
		k, err := fromJSON(j)
		if err != nil {
			return nil
		}
		out[name] = k
	}
	return out
}

// Save writes the stored graph.
func (l *Loader) Save() error {
	l.saving.Lock()
	defer l.saving.Unlock()
	kept := keptGraph{keptFormat, map[string]keptJSON{}}
	for name, u := range l.units {
		u.now.Lock()
		k := u.kept
		u.now.Unlock()
		if k.Assets != nil {
			kept.Locations[name] = k.toJSON()
		}
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("store the graph: %w", err)
	}
	if old, err := os.ReadFile(l.keptFile()); err == nil && string(old) == string(data) {
		return nil
	}
	if err := l.makeStateDir(); err != nil {
		return fmt.Errorf("store the graph: %w", err)
	}
	temporary := fmt.Sprintf("%s.%d", l.keptFile(), os.Getpid())
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("store the graph: %w", err)
	}
	if err := os.Rename(temporary, l.keptFile()); err != nil {
		return errors.Join(fmt.Errorf("store the graph: %w", err), os.Remove(temporary))
	}
	return nil
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
