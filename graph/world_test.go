package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// noon is the time at which tests judge, unless they say otherwise.
var noon = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

// defs reads definitions, one asset a line: "location key: dep dep". Assets are executable and have the code version "go1:1".
func defs(text string) []Definitions {
	var all []Definitions
	for line := range strings.Lines(text) {
		head, deps, _ := strings.Cut(strings.TrimSpace(line), ":")
		location, key, ok := strings.Cut(head, " ")
		if !ok {
			continue
		}
		a := Asset{Key: MustKey(key), Executable: true, Code: Code{Version: "go1:1"}}
		for dep := range strings.FieldsSeq(deps) {
			a.Deps = append(a.Deps, MustKey(dep))
		}
		i := slices.IndexFunc(all, func(d Definitions) bool { return d.Location == location })
		if i < 0 {
			i = len(all)
			all = append(all, Definitions{Location: location})
		}
		all[i].Assets = append(all[i].Assets, a)
	}
	return all
}

// asset returns the definition of a key, to be changed.
func asset(all []Definitions, key string) *Asset {
	for l := range all {
		for a := range all[l].Assets {
			if all[l].Assets[a].Key.String() == key {
				return &all[l].Assets[a]
			}
		}
	}
	panic("no asset " + key)
}

func keysOf(text string) []Key {
	keys := []Key{}
	for word := range strings.FieldsSeq(text) {
		keys = append(keys, MustKey(word))
	}
	return keys
}

func words(keys []Key) string {
	var names []string
	for _, k := range keys {
		names = append(names, k.String())
	}
	return strings.Join(names, " ")
}

// A world is definitions with what the storage knows of them, for tests that let time pass.
type world struct {
	defs   []Definitions
	owners map[Key]string
	stored map[Key]Stored
	now    time.Time
	runs   int
}

func newWorld(text string) *world {
	return &world{defs: defs(text), stored: map[Key]Stored{}, now: noon}
}

func (w *world) graph() *Graph { return New(w.defs, w.owners) }

func (w *world) judge() *Freshness {
	return NewFreshness(w.graph(), func(k Key) Stored { return w.stored[k] }, w.now)
}

// run materializes a key; with data "" it makes new data, else the data version that data says.
func (w *world) run(key Key, data string) { w.runIn(w.graph(), key, data) }

func (w *world) runIn(g *Graph, key Key, data string) {
	a, _ := g.Asset(key)
	w.runs++
	if data == "" {
		data = fmt.Sprintf("v%d", w.runs)
	}
	inputs := map[Key]string{}
	for _, u := range g.Upstreams(key) {
		inputs[u] = w.version(u)
	}
	before := int64(0)
	if r := w.stored[key].Record; r != nil {
		before = r.Seq
	}
	w.stored[key] = Stored{Data: DataPresent, Record: &Record{
		Key: key, Seq: before + 1, Location: a.Location, At: w.now, Code: a.Code,
		DataVersion: data, Inputs: inputs, File: key.String() + ".parquet",
	}}
}

func (w *world) version(key Key) string {
	if s := w.stored[key]; s.Record != nil {
		return s.Record.DataVersion
	} else if s.Data == DataForeign {
		return s.Version
	}
	return ""
}

// runAll materializes every executable asset, upstreams first.
func (w *world) runAll() *world {
	g := w.graph()
	for i := range g.Len() {
		if !g.nodes[i].external {
			w.runIn(g, g.Key(i), "")
		}
	}
	return w
}

// change replaces the record of a key by a changed copy.
func (w *world) change(key string, f func(s *Stored, r *Record)) {
	s := w.stored[MustKey(key)]
	if s.Record != nil {
		r := *s.Record
		s.Record = &r
	}
	f(&s, s.Record)
	w.stored[MustKey(key)] = s
}

// randomWorld returns a world after some random edits, runs and accidents. Cycles, external assets and data made elsewhere
// occur; steps of several assets too when steps is set.
func randomWorld(t *rapid.T, steps bool) *world {
	n := rapid.IntRange(1, 9).Draw(t, "assets")
	key := func(i int) Key { return MustKey(fmt.Sprintf("k%d", i)) }
	w := newWorld("")
	w.defs = []Definitions{{Location: "l0"}, {Location: "l1"}}
	pick := func(name string, odds int) bool { return rapid.IntRange(1, odds).Draw(t, name) == 1 }
	deps := func(i int) []Key {
		var list []Key
		for range rapid.IntRange(0, 3).Draw(t, "deps") {
			to := rapid.IntRange(0, n).Draw(t, "dep") // key n is defined by nobody
			if to != n && to >= i && !pick("cycle", 12) {
				continue
			}
			if !slices.Contains(list, key(to)) {
				list = append(list, key(to))
			}
		}
		return list
	}
	for i := range n {
		a := Asset{Key: key(i), Executable: !pick("stub", 15), Deps: deps(i), Code: Code{Version: "go1:0"}}
		if pick("policy", 5) {
			a.MaxAge = time.Hour
		}
		l := &w.defs[rapid.IntRange(0, 1).Draw(t, "location")]
		if steps && pick("step", 3) {
			a.Step = rapid.SampledFrom([]string{"s", "apart"}).Draw(t, "of")
			a.Together = a.Step == "s"
		}
		l.Assets = append(l.Assets, a)
	}
	for range rapid.IntRange(0, 25).Draw(t, "events") {
		w.now = w.now.Add(10 * time.Minute)
		i := rapid.IntRange(0, n-1).Draw(t, "of")
		a := asset(w.defs, key(i).String())
		switch rapid.IntRange(0, 12).Draw(t, "event") {
		case 0:
			a.Code.Version += "x"
		case 1:
			a.Deps = deps(i)
		case 2:
			if s := w.stored[a.Key]; s.Record != nil {
				s.Data = DataMissing
				w.stored[a.Key] = s
			}
		case 3:
			if s := w.stored[a.Key]; s.Record != nil {
				s.Data = DataChanged
				w.stored[a.Key] = s
			}
		case 4:
			w.stored[a.Key] = Stored{Data: DataForeign}
		case 5:
			w.stored[key(n)] = Stored{Data: DataPresent, Record: &Record{DataVersion: fmt.Sprint("e", w.now.Unix()), At: w.now}}
		case 6:
			if s := w.stored[a.Key]; s.Record != nil && pick("pulled", 2) {
				w.run(a.Key, "")
				w.change(a.Key.String(), func(_ *Stored, r *Record) { r.Changed = []string{"code"} })
			}
		case 7:
			if pick("unreachable", 4) {
				s := w.stored[a.Key]
				s.Data = DataUnreachable
				w.stored[a.Key] = s
			}
		default:
			data := ""
			if r := w.stored[a.Key].Record; r != nil && pick("same data", 2) {
				data = r.DataVersion
			}
			w.run(a.Key, data)
		}
	}
	return w
}

// generate returns definitions of the shape that real workspaces have: 8 locations, 1.6 edges per asset, 5 % of them across
// locations, and a few external assets.
func generate(n int) []Definitions {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	all := make([]Definitions, 8)
	for l := range all {
		all[l].Location = fmt.Sprintf("location-%d", l)
	}
	key := func(i int) Key { return MustKey(fmt.Sprintf("group_%02d/asset_%06d", i%8*4+i/8%4, i)) }
	for i := range n {
		a := Asset{
			Key: key(i), Group: fmt.Sprintf("group_%02d", i%8*4+i/8%4), Executable: true,
			Code:   Code{Version: fmt.Sprintf("go1:%08x", r.Uint32()), Parts: []Part{{Symbol: "repo/assets.f", Hash: "h"}}},
			Source: Source{File: "repo/assets.go", Line: i},
		}
		for range 1 + r.IntN(2) + r.IntN(10)/6 {
			dep := i - 8*(1+r.IntN(40))
			switch r.IntN(40) {
			case 0, 1:
				dep = i - 1 - r.IntN(200)
			case 2:
				a.Deps = append(a.Deps, MustKey(fmt.Sprintf("outside_%d", i)))
				continue
			}
			if dep >= 0 && !slices.Contains(a.Deps, key(dep)) {
				a.Deps = append(a.Deps, key(dep))
			}
		}
		all[i%8].Assets = append(all[i%8].Assets, a)
	}
	return all
}

func TestGeneratedShape(t *testing.T) {
	g := New(generate(1000), nil)
	edges, across := 0, 0
	for i := range g.Len() {
		for _, u := range g.Reads(i) {
			edges++
			if l := g.At(int(u)).Location; l != "" && l != g.At(i).Location {
				across++
			}
		}
	}
	if per := float64(edges) / 1000; per < 1.4 || per > 1.8 {
		t.Errorf("got %.2f edges per asset, want about 1.6", per)
	}
	if share := float64(across) / float64(edges); share < 0.03 || share > 0.07 {
		t.Errorf("got %.3f of the edges across locations, want about 0.05", share)
	}
}
