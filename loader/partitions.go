package loader

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/wire"
)

// keptParts is what a location said of partitions, and what became of it: assets share a definition, so it is made once.
type keptParts struct {
	Partitions []wire.Partitions
	Mappings   []wire.Mapping
	Made       []wire.MadePartitions
	At         time.Time // when it was said: windows of time come by themselves

	definitions map[string]*graph.Partitions
	wrong       map[string]string // by id why its assets cannot be made
}

// newParts checks what a location said of partitions.
func newParts(partitions []wire.Partitions, mappings []wire.Mapping, made []wire.MadePartitions, at time.Time) *keptParts {
	k := &keptParts{Partitions: partitions, Mappings: mappings, Made: made, At: at, definitions: map[string]*graph.Partitions{}, wrong: map[string]string{}}
	for _, p := range partitions {
		good := make([]string, 0, len(p.Keys))
		for _, key := range p.Keys {
			if err := graph.CheckPartition(key); err != nil {
				k.wrong[p.ID] = err.Error()
				continue
			}
			good = append(good, key)
		}
		d := graph.NewPartitions(p.ID, p.Kind, good)
		if a, b, clash := d.Clash(); clash {
			k.wrong[p.ID] = fmt.Sprintf("its partitions %q and %q differ by case only, and many file systems fold case", a, b)
		}
		k.definitions[p.ID] = d
	}
	return k
}

// windowsEvery is how often windows of time are asked for again: most begin with an hour.
const windowsEvery = time.Hour

// outdated reports whether there may be windows of time that the location did not name yet.
func (k *keptParts) outdated(now time.Time) bool {
	return k != nil && !now.Truncate(windowsEvery).Equal(k.At.Truncate(windowsEvery)) &&
		slices.ContainsFunc(k.Partitions, func(p wire.Partitions) bool { return p.Kind == graph.Windows })
}

// give puts partitions and mappings into the definitions of assets.
func (k *keptParts) give(said []wire.Asset, assets []graph.Asset) (problems []string) {
	if k == nil || len(k.Partitions)+len(k.Mappings) == 0 {
		return nil
	}
	of := map[string]string{}
	for _, w := range said {
		if w.Partitions != "" {
			of[w.Key] = w.Partitions
		}
	}
	at := make(map[string]int, len(assets))
	for i := range assets {
		a := &assets[i]
		at[a.Key.String()] = i
		id := of[a.Key.String()]
		if id == "" {
			continue
		}
		a.Partitions = k.definitions[id]
		why := k.wrong[id]
		if a.Partitions == nil {
			a.Partitions, why = graph.NewPartitions(id, "", nil), "its code location does not say which partitions it has"
		}
		if why != "" {
			problems = append(problems, fmt.Sprintf("asset %s: %s", a.Key, why))
			if a.Executable {
				a.Executable, a.Why = false, why
			}
		}
	}
	for _, m := range k.Mappings {
		i, known := at[m.Asset]
		input, err := graph.ParseKey(m.Input)
		if !known || err != nil {
			continue // its asset was left out, and that was told
		}
		if assets[i].Mappings == nil {
			assets[i].Mappings = map[graph.Key]*graph.Mapping{}
		}
		assets[i].Mappings[input] = &graph.Mapping{All: m.All, Table: m.Table}
	}
	for _, m := range k.Made {
		i, known := at[m.Asset]
		if !known || assets[i].Partitions == nil {
			continue
		}
		assets[i].MadeAt = make(map[string]*graph.Made, len(m.Partitions))
		for key, of := range m.Partitions {
			if _, ok := assets[i].Partitions.Index(key); ok {
				assets[i].MadeAt[key] = made(&of)
			}
		}
	}
	return problems
}

// WindowsDue reports whether a location should be asked again because time has passed: its partitions are windows of time.
func (l *Loader) WindowsDue(name string, now time.Time) bool {
	u := l.units[name]
	u.now.Lock()
	defer u.now.Unlock()
	return u.kept.Parts.outdated(now)
}

func (w *keptWriter) parts(k *keptParts) {
	w.Flag(k != nil)
	if k == nil {
		return
	}
	w.Number(k.At.Unix())
	w.Number(int64(len(k.Partitions)))
	for _, p := range k.Partitions {
		w.Text(p.ID)
		w.Text(p.Kind)
		w.Texts(p.Keys)
	}
	w.Number(int64(len(k.Made)))
	for _, m := range k.Made {
		w.Text(m.Asset)
		w.Number(int64(len(m.Partitions)))
		for _, key := range slices.Sorted(maps.Keys(m.Partitions)) {
			w.Text(key)
			w.made(m.Partitions[key])
		}
	}
	w.Number(int64(len(k.Mappings)))
	for _, m := range k.Mappings {
		w.Text(m.Asset)
		w.Text(m.Input)
		w.Flag(m.All)
		w.Number(int64(len(m.Table)))
		for _, key := range slices.Sorted(maps.Keys(m.Table)) {
			w.Text(key)
			w.Texts(m.Table[key])
		}
	}
}

func (r *keptReader) parts() *keptParts {
	if !r.Flag() {
		return nil
	}
	at := time.Unix(r.Number(), 0)
	partitions := make([]wire.Partitions, r.Count())
	for i := range partitions {
		partitions[i] = wire.Partitions{ID: r.Text(), Kind: r.Text(), Keys: r.Texts()}
	}
	made := make([]wire.MadePartitions, r.Count())
	for i := range made {
		made[i].Asset = r.Text()
		n := r.Count()
		made[i].Partitions = make(map[string]wire.Made, n)
		for range n {
			if r.Bad {
				break
			}
			key := r.Text()
			made[i].Partitions[key] = r.made()
		}
	}
	mappings := make([]wire.Mapping, r.Count())
	for i := range mappings {
		m := &mappings[i]
		m.Asset, m.Input, m.All = r.Text(), r.Text(), r.Flag()
		n := r.Count()
		if n > 0 {
			m.Table = make(map[string][]string, n)
		}
		for range n {
			if r.Bad {
				break
			}
			key := r.Text()
			m.Table[key] = r.Texts()
		}
	}
	if r.Bad {
		return nil
	}
	return newParts(partitions, mappings, made, at)
}
