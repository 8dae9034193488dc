package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"golang.org/x/sys/unix"
)

// An Asset is what the history remembers of one asset.
type Asset struct {
	Last *graph.LastRun `json:"last,omitempty"`
	Took []int64        `json:"took,omitempty"` // ms of its last runs that did the work, oldest first, at most keepTook
}

const keepTook = 5

// Forecast returns the median of the remembered durations in ms; ok is false when there is none.
func (a Asset) Forecast() (ms int64, ok bool) {
	if len(a.Took) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(a.Took))
	return sorted[len(sorted)/2], true
}

func (h *History) assetsFile() string { return filepath.Join(h.dir, "history.json") }

// Assets returns what is remembered of all assets. A file that cannot be understood is an error; the map is then empty, and
// the next Remember starts anew.
func (h *History) Assets() (map[graph.Key]Asset, error) {
	assets := map[graph.Key]Asset{}
	data, err := os.ReadFile(h.assetsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return assets, nil
	}
	if err != nil {
		return assets, fmt.Errorf("read the history of assets: %w", err)
	}
	if err := json.Unmarshal(data, &assets); err != nil {
		return map[graph.Key]Asset{}, fmt.Errorf("read the history of assets in %s: %w", h.assetsFile(), err)
	}
	return assets, nil
}

// Remember merges the outcome of steps into what is remembered: each replaces the last run of its asset, and a duration that
// is not negative joins the asset's durations; see Note for partitions.
func (h *History) Remember(outcomes map[graph.Key]Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return fmt.Errorf("remember how assets ran: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(h.dir, "history.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("remember how assets ran: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("remember how assets ran: lock: %w", err)
	}
	assets, _ := h.Assets() // one that cannot be understood was reported when it was read
	for key, o := range outcomes {
		Note(assets, key, o)
	}
	data, err := json.Marshal(assets)
	if err != nil {
		return fmt.Errorf("remember how assets ran: %w", err)
	}
	temporary := h.assetsFile() + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("remember how assets ran: %w", err)
	}
	if err := os.Rename(temporary, h.assetsFile()); err != nil {
		return fmt.Errorf("remember how assets ran: %w", err)
	}
	return nil
}

// Note puts the outcome of a step into what is remembered. What a partition took, and how it ended, is remembered of its asset; of the
// partition itself only an end that was not good: there may be many thousands.
func Note(assets map[graph.Key]Asset, key graph.Key, o Outcome) {
	a := assets[key.Asset()]
	if key.Partition() == "" || a.Last == nil || a.Last.Run != o.Last.Run || event.Good(a.Last.State) || !event.Good(o.Last.State) {
		a.Last = &o.Last // of several partitions in one run one that failed
	}
	if o.TookMS >= 0 {
		a.Took = append(slices.Clone(a.Took), o.TookMS)
		a.Took = a.Took[max(0, len(a.Took)-keepTook):]
	}
	assets[key.Asset()] = a
	switch {
	case key.Partition() == "":
	case event.Good(o.Last.State):
		delete(assets, key)
	default:
		assets[key] = Asset{Last: &o.Last}
	}
}

// An Outcome is how one step ended.
type Outcome struct {
	Last   graph.LastRun
	TookMS int64 // -1 when it did not do the work
}

// Interrupted finds runs that ended without saying so, writes their end into their events, and remembers their unfinished
// steps as interrupted. It returns how many it found. When there is none it reads one folder.
func (h *History) Interrupted() (int, error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, "active"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for interrupted runs: %w", err)
	}
	outcomes := map[graph.Key]Outcome{}
	found := 0
	known, err := h.Assets()
	for _, entry := range entries {
		run := entry.Name()
		if !ValidID(run) || h.locked(run) {
			continue
		}
		s, readErr := h.summary(run)
		if readErr != nil {
			err = errors.Join(err, readErr, os.Remove(h.active(run)))
			continue
		}
		w, beginErr := h.Begin(run)
		if beginErr != nil {
			continue // another process found it first
		}
		found++
		states := map[graph.Key]string{}
		ended := false
		last := s.At
		err = errors.Join(err, h.Events(run, func(e event.Event) bool {
			last = e.At
			if e.Kind == event.KindStep && e.Asset != nil {
				states[*e.Asset] = e.State
			}
			ended = ended || e.Kind == event.KindRun && event.Final(e.State)
			return true
		}))
		for key, state := range states {
			if k, ok := known[key]; state != event.Running || ended || ok && k.Last != nil && k.Last.Run > run {
				continue
			}
			outcomes[key] = Outcome{TookMS: -1, Last: graph.LastRun{Run: run, State: event.Interrupted, At: last, Error: "assetdev ended while the step ran"}}
		}
		if !ended {
			err = errors.Join(err, w.Append(event.Event{At: last, Kind: event.KindRun, Run: run, State: event.Interrupted, MS: &s.MS, Counts: s.Counts}))
		}
		err = errors.Join(err, w.Close())
	}
	return found, errors.Join(err, h.Remember(outcomes))
}
