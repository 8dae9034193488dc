package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
)

// defaultBudget is how long a step may be forecast to take when auto-run starts it by itself.
const defaultBudget = 10 * time.Second

// keptAuto is what is remembered of auto-run per workspace.
type keptAuto struct {
	Mode      string `json:"mode"`
	Selection string `json:"selection,omitempty"`
}

func (e *Engine) autoFile() string { return filepath.Join(e.state, "auto.json") }

// firstAuto says how auto-run stands when the workspace is opened: as the options say, as it was left, as the settings say,
// else on unless the storage is shared.
func (e *Engine) firstAuto() Auto {
	if !e.opts.Watch {
		return Auto{Mode: "off"}
	}
	if a := e.opts.Auto; a != nil {
		if a.Selection == "" {
			return Auto{Mode: "all"}
		}
		return Auto{Mode: "selection", Selection: a.Selection}
	}
	var kept keptAuto
	data, err := os.ReadFile(e.autoFile())
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &kept); err == nil && (kept.Mode == "off" || kept.Mode == "all" || kept.Mode == "selection") {
			return Auto{Mode: kept.Mode, Selection: kept.Selection}
		}
	case !errors.Is(err, fs.ErrNotExist):
		e.notice(diag.New("state", "%w", err))
	}
	switch selection := e.ws.Settings.AutoRun.Select.Value; {
	case selection == "off":
		return Auto{Mode: "off"}
	case selection != "" && selection != "all":
		return Auto{Mode: "selection", Selection: selection}
	case e.ws.Settings.Shared:
		return Auto{Mode: "off"}
	}
	return Auto{Mode: "all"}
}

func (e *Engine) setAuto(c SetAutoRun) error {
	switch c.Mode {
	case "off", "all":
		c.Selection = ""
	case "selection":
		if _, err := graph.ParseSelection(c.Selection); err != nil {
			return err
		}
	default:
		return fmt.Errorf("auto-run is off, selection or all, not %q", c.Mode)
	}
	e.auto.Mode, e.auto.Selection = c.Mode, c.Selection
	e.autoRun()
	e.touch()
	if err := os.MkdirAll(e.state, 0o700); err != nil {
		return fmt.Errorf("remember auto-run: %w", err)
	}
	data, err := json.Marshal(keptAuto(c))
	if err != nil {
		return fmt.Errorf("remember auto-run: %w", err)
	}
	if err := os.WriteFile(e.autoFile(), data, 0o600); err != nil {
		return fmt.Errorf("remember auto-run: %w", err)
	}
	return nil
}

// policy returns what auto-run may start now.
func (e *Engine) policy() autoPolicy {
	p := autoPolicy{selected: map[graph.Key]bool{}, budget: defaultBudget, outside: e.ws.Settings.AutoRun.Outside}
	if e.ws.Settings.AutoRun.Budget > 0 {
		p.budget = e.ws.Settings.AutoRun.Budget
	}
	if a := e.opts.Auto; a != nil {
		p.budget, p.catchUp = a.Budget, a.CatchUp
	}
	switch e.auto.Mode {
	case "all":
		for _, key := range e.graph.Keys() {
			p.selected[key] = true
		}
	case "selection":
		sel, err := graph.ParseSelection(e.auto.Selection)
		if err != nil {
			return p
		}
		keys, err := graph.Select(e.graph, e.judge(), sel)
		if err != nil {
			return p
		}
		for _, key := range keys {
			p.selected[key] = true
		}
	}
	return p
}

// autoRun starts what saves made stale and the policy allows, and says of the rest why it waits. While a run is active it
// waits for its end.
func (e *Engine) autoRun() {
	e.auto.Waiting = nil
	if e.auto.Mode == "off" || !e.grant.Valid() {
		e.waits(nil)
		clear(e.autoMade)
		return
	}
	if e.run != nil || e.anyLoading() || e.ctx.Err() != nil {
		return
	}
	fresh := e.judge()
	policy := e.policy()
	var made []graph.Key
	stale := e.staleForAuto(fresh)
	for _, key := range e.graph.Keys() {
		if stale(key) && (e.autoMade[key] || policy.catchUp) {
			made = append(made, key)
		}
	}
	start, waiting := policy.decide(e.graph, made, stale, func(key graph.Key) autoInput {
		asset, _ := e.graph.Asset(key)
		stored := fresh.Stored(key)
		stored.Last = e.stored[e.latest(key)].Last // a failure of another partition does not count
		return autoInput{asset: asset, stored: stored, forecastMS: e.forecast(key), code: asset.Code.Version, inputs: e.inputVersions(e.latest(key))}
	})
	for key := range e.autoMade {
		if waiting[key] == "" {
			delete(e.autoMade, key)
		}
	}
	e.waits(waiting)
	if len(start) == 0 {
		return
	}
	for i, key := range start {
		start[i] = e.latest(key)
	}
	if _, err := e.materialize(Materialize{Keys: start, By: "auto", Confirmed: true}); err != nil {
		e.notice(diag.New("auto", "auto-run: %w", err))
	}
}

// waits tells which assets auto-run does not start, and why.
func (e *Engine) waits(waiting map[graph.Key]string) {
	e.auto.Waiting = nil
	for _, key := range e.graph.Keys() {
		why, ok := waiting[key]
		if !ok {
			continue
		}
		e.auto.Waiting = append(e.auto.Waiting, key)
		if e.autoWhy[key] != why {
			e.emit(event.Event{Kind: event.KindWaiting, Asset: &key, Text: why})
		}
	}
	for key := range e.autoWhy {
		e.repaint(key)
	}
	for key := range waiting {
		e.repaint(key)
	}
	e.autoWhy = waiting
}

// latest returns the key of the partition of an asset that auto-run may start: the latest, where that is due, else the last that exists. Of any
// other asset it is the key.
func (e *Engine) latest(key graph.Key) graph.Key {
	keys := e.graph.PartitionKeys(key)
	if len(keys) == 0 || key.Partition() != "" {
		return key
	}
	if asset, _ := e.graph.Asset(key); asset.Partitions.Kind == graph.Windows {
		return keys[len(keys)-1]
	}
	return e.judge().Default(key)
}

// staleForAuto returns whether an asset is not up to date, as far as auto-run can do something about it: of an asset with partitions only
// the latest counts, also for who reads all of them.
func (e *Engine) staleForAuto(fresh *graph.Freshness) func(graph.Key) bool {
	known := map[graph.Key]bool{}
	var stale func(graph.Key) bool
	stale = func(key graph.Key) bool {
		key = e.latest(key)
		switch status := fresh.Status(key); {
		case status == graph.Missing || status == graph.Overdue:
			return true
		case status != graph.Stale || !e.graph.Partitioned():
			return status == graph.Stale
		}
		found, ok := known[key]
		if !ok {
			found = slices.ContainsFunc(fresh.Reasons(key), func(r graph.Reason) bool {
				return r.Kind != graph.UpstreamStale || stale(r.Asset) || fresh.Status(r.Asset) == graph.Unknown
			})
			known[key] = found
		}
		return found
	}
	return stale
}

// forecast returns how long the step of an asset or a partition takes, in ms, -1 when unknown.
func (e *Engine) forecast(key graph.Key) int64 {
	if ms, ok := e.remembered[key.Asset()].Forecast(); ok {
		return ms
	}
	if r := e.stored[key].Record; r != nil && r.Took > 0 {
		return r.Took.Milliseconds()
	}
	return -1
}

// inputVersions returns the data versions that an asset or a partition would read now.
func (e *Engine) inputVersions(key graph.Key) map[graph.Key]string {
	inputs := e.graph.Inputs(key)
	versions := make(map[graph.Key]string, len(inputs))
	for _, in := range inputs {
		versions[in.Key] = pinned(in, func(key graph.Key) (string, bool) {
			s := e.stored[key]
			if s.Record != nil {
				return s.Record.DataVersion, true
			}
			return s.Version, s.Data == graph.DataForeign
		})
	}
	return versions
}

// pinned returns the version that is pinned of an input, given the version of each asset or partition and whether it exists.
func pinned(in graph.Input, version func(graph.Key) (string, bool)) string {
	if !in.Set {
		key := in.Key
		if in.Partitions != nil {
			key = in.Partitions[0]
		}
		v, _ := version(key)
		return v
	}
	var keys, versions []string
	for _, key := range in.Partitions {
		if v, exists := version(key); exists {
			keys, versions = append(keys, key.Partition()), append(versions, v)
		}
	}
	return graph.SetVersion(keys, versions)
}
