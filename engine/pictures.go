package engine

// The pictures of assets in a snapshot. They are immutable, so that the next snapshot takes over those of assets about which nothing
// has changed: a run of one step in a workspace of 10,000 assets paints one picture a snapshot.

import (
	"maps"
	"slices"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
)

// pictures are those of the last snapshot, and what they were painted from.
type pictures struct {
	assets map[graph.Key]*Asset // never changed once it is in a snapshot
	words  map[string]int       // how many assets have each word; never changed either
	seq    uint64
	graph  *graph.Graph
	fresh  *graph.Freshness
	stale  map[graph.Key]bool // assets about which something else than their status changed
}

// repaint says that what a picture of key shows, beside the asset's status, has changed.
func (e *Engine) repaint(key graph.Key) {
	key = key.Asset()
	if e.pictures.stale == nil {
		e.pictures.stale = map[graph.Key]bool{}
	}
	e.pictures.stale[key] = true
	e.snap = nil
}

// repaintSteps is repaint for all assets of a run that begins or ends.
func (e *Engine) repaintSteps(r *activeRun) {
	for key := range r.steps {
		e.repaint(key)
	}
}

// paint returns the pictures of now, and a number that grows when they differ from the last ones.
func (e *Engine) paint(now time.Time) (map[graph.Key]*Asset, uint64) {
	p := &e.pictures
	keys := e.graph.Keys()
	switch {
	case p.assets == nil || p.graph != e.graph:
		all := make([]Asset, len(keys))
		assets := make(map[graph.Key]*Asset, len(keys))
		for i, key := range keys {
			all[i] = e.picture(key, now)
			all[i].ReadBy = e.readBy(i)
			assets[key] = &all[i]
		}
		p.assets, p.words = assets, map[string]int{}
		for i := range all {
			p.words[all[i].Word]++
		}
		p.seq++
	case len(p.stale) > 0 || p.fresh != e.fresh:
		anew := slices.Collect(maps.Keys(p.stale))
		for i, key := range keys {
			if p.fresh == e.fresh {
				break
			}
			if old := p.assets[key]; !p.stale[key] && word(e.fresh.StatusAt(i), old) != old.Word {
				anew = append(anew, key)
			}
		}
		anew = slices.DeleteFunc(anew, func(key graph.Key) bool { return p.assets[key] == nil }) // in the storage, and no longer defined
		if len(anew) == 0 {
			break
		}
		p.assets, p.words = maps.Clone(p.assets), maps.Clone(p.words)
		for _, key := range anew {
			painted := e.picture(key, now)
			painted.ReadBy = p.assets[key].ReadBy
			if old := p.assets[key].Word; old != painted.Word {
				if p.words[old]--; p.words[old] == 0 {
					delete(p.words, old)
				}
				p.words[painted.Word]++
			}
			p.assets[key] = &painted
		}
		p.seq++
	}
	p.graph, p.fresh, p.stale = e.graph, e.fresh, nil
	return p.assets, p.seq
}

// picture paints one asset, without who reads it.
func (e *Engine) picture(key graph.Key, now time.Time) Asset {
	a := Asset{Key: key, Stored: e.stored[key], ForecastMS: e.forecast(key), Waiting: e.autoWhy[key]}
	if e.graph.Partitioned() && e.graph.PartitionKeys(key) != nil {
		a.Stored = e.fresh.Stored(key)
		a.Stored.Last = e.stored[key].Last
	}
	if e.run != nil && !event.Final(e.run.state) {
		if step := e.run.stepOf(key); step != nil {
			copied := *step
			if step.State == event.Running {
				copied.MS = now.Sub(step.Started).Milliseconds()
			}
			a.Step = &copied
		}
	}
	a.Word = word(e.fresh.Status(key), &a)
	return a
}

// readBy names the other locations that read the i-th asset of the graph.
func (e *Engine) readBy(i int) (names []string) {
	own := e.graph.At(i).Location
	for _, reader := range e.graph.ReadBy(i) {
		if location := e.graph.At(int(reader)).Location; location != own && location != "" && !slices.Contains(names, location) {
			names = append(names, location)
		}
	}
	return names
}

// nameSelections takes over the setting selections; those that are none are told.
func (e *Engine) nameSelections() {
	for _, name := range slices.Sorted(maps.Keys(e.ws.Settings.Selections)) {
		text := e.ws.Settings.Selections[name]
		if _, err := graph.ParseSelection(text.Value); err != nil {
			e.notices = append(e.notices, diag.New("workspace", "selections: %s: %w", name, err).At(text.Pos).WithHint("the name is left out"))
			continue
		}
		e.named = append(e.named, NamedSelection{Name: name, Selection: text.Value})
	}
}
