package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/loader"
	"github.com/assetdev/assetdev/loader/watch"
)

// checkTrust asks the memory of trust whether the workspace's code may be executed.
func (e *Engine) checkTrust() {
	var err error
	if e.opts.TrustOnce {
		e.grant, err = trust.Once(e.ws.Dir)
	} else {
		e.grant, err = e.memory.Check(e.ws.Dir, e.trustFiles())
	}
	e.takeGrant(err)
}

// trustFiles are the files that say what the workspace executes.
func (e *Engine) trustFiles() []trust.File {
	var files []trust.File
	for _, f := range e.ws.Commands() {
		files = append(files, trust.File{Path: f.Path, Hash: f.Hash, Content: f.Content})
	}
	return files
}

func (e *Engine) takeGrant(err error) {
	e.needsTrust = nil
	var needs *trust.NeedsTrust
	switch {
	case errors.As(err, &needs):
		e.needsTrust = needs
	case err != nil:
		e.notice(diag.New("trust", "%w", err))
		e.needsTrust = &trust.NeedsTrust{Workspace: e.ws.Dir}
	default:
		e.loader.Trust(e.grant)
	}
}

// trustNow grants trust, as the user said.
func (e *Engine) trustNow(remember bool) error {
	grant, err := trust.Once(e.ws.Dir)
	if remember {
		grant, err = e.memory.Grant(e.ws.Dir, e.trustFiles())
	}
	if err != nil {
		return err
	}
	e.grant = grant
	e.takeGrant(nil)
	e.touch()
	if e.opts.Passive {
		return nil
	}
	e.startLoading(loader.IfNeeded)
	if e.opts.Watch && e.watcher == nil {
		return e.startWatching()
	}
	e.touch()
	return nil
}

// startLoading refreshes every location in the background.
func (e *Engine) startLoading(depth loader.Depth) {
	for _, name := range e.loader.Names() {
		e.refresh(name, depth, nil)
	}
}

// refresh brings one location up to date in the background. done, which may be nil, runs on the owner afterwards.
func (e *Engine) refresh(name string, depth loader.Depth, done func(r loader.Refreshed)) {
	began := time.Now()
	if e.loading[name]++; e.loading[name] == 1 {
		e.loadingSince[name] = began
	}
	e.snap = nil
	e.work(func(ctx context.Context) {
		r := e.loader.Refresh(ctx, name, depth)
		e.post(func() { e.refreshed(name, depth, r, began, done) })
	})
}

func (e *Engine) refreshed(name string, depth loader.Depth, r loader.Refreshed, began time.Time, done func(loader.Refreshed)) {
	e.untold[name] = append(e.untold[name], e.take(name, r)...)
	if depth == loader.Static && r.Ask {
		e.refresh(name, loader.IfNeeded, nil)
	} else {
		changed := e.untold[name]
		delete(e.untold, name)
		slices.SortFunc(changed, graph.Key.Compare)
		e.reported(name, r, slices.Compact(changed), began)
	}
	e.loading[name]--
	e.keepGraph()
	if done != nil {
		done(r)
	}
	if !e.anyLoading() && e.run == nil {
		e.startQueued()
	}
	e.touch()
}

// take puts what a refresh found into the engine's state and returns the assets whose code version or definition changed.
func (e *Engine) take(name string, r loader.Refreshed) []graph.Key {
	before, made := e.graph, e.made
	e.takeLocation(name)
	if r.Same && e.locations[name].State == "loaded" && e.sameDefinitions(name, r.State) {
		return nil
	}
	e.definedAt++
	e.rebuild()
	change := graph.Diff(before, e.graph)
	var unknown []graph.Key
	for _, key := range e.graph.StoredKeys() {
		if _, ok := e.stored[key]; !ok {
			unknown = append(unknown, key)
		}
	}
	elsewhere := madeDiffers(made, e.made)
	if unknown = append(unknown, elsewhere...); len(unknown) > 0 {
		e.readStored(e.ctx, unknown)
	}
	if len(elsewhere) > 0 && e.readsForeign() {
		e.lookAtForeign()
	}
	changed := slices.Concat(change.Added, change.Changed, change.DepsChanged)
	slices.SortFunc(changed, graph.Key.Compare)
	return slices.Compact(changed)
}

// sameDefinitions reports whether the graph already holds the state's assets as they are.
func (e *Engine) sameDefinitions(name string, s loader.State) bool {
	for _, a := range s.Assets {
		old, ok := e.graph.Asset(a.Key)
		if ok && a.External && old.Location != name {
			continue // another location makes what this one declares
		}
		if !ok || old.Location != name || old.Stale != a.Stale || old.Code.Version != a.Code.Version {
			return false
		}
	}
	return true
}

func (e *Engine) takeLocation(name string) {
	s := e.loader.State(name)
	l := Location{
		Name: name, Kind: s.Kind, Dir: s.Dir, Note: s.Note, LoadMS: s.Took.Milliseconds(),
		Executable: s.Environment.Executable, Version: s.Environment.Version, Dagster: s.Environment.Dagster, LastGood: s.LastGood, State: "loading",
		Jobs: s.Jobs, Notices: s.About.Notices, Schedules: s.About.Schedules, Sensors: s.About.Sensors, Resources: s.About.Resources, Framework: s.About.Framework,
	}
	for _, a := range s.Assets {
		if !a.External {
			l.Assets++
		}
	}
	switch {
	case s.Err != nil:
		l.State = "broken"
		l.Error = &event.Error{Message: s.Err.Message, Trace: s.Err.Trace, File: s.Err.File, Line: s.Err.Line}
		l.Hint = s.Err.Hint
	case s.Loaded:
		l.State = "loaded"
	}
	e.locations[name] = l
}

func (e *Engine) reported(name string, r loader.Refreshed, changed []graph.Key, began time.Time) {
	ms := time.Since(began).Milliseconds()
	ev := event.Event{Kind: event.KindReload, Location: name, State: e.locations[name].State, MS: &ms, Changed: changed}
	if r.State.Err != nil {
		ev.Error = e.locations[name].Error
	}
	e.emit(ev)
}

// keepGraph stores the graph once nothing is loading any more.
func (e *Engine) keepGraph() {
	if e.anyLoading() {
		return
	}
	e.work(func(context.Context) {
		if err := e.loader.Save(); err != nil {
			e.post(func() { e.notice(diag.New("state", "%w", err)) })
		}
	})
}

func (e *Engine) anyLoading() bool {
	for _, refreshes := range e.loading {
		if refreshes > 0 {
			return true
		}
	}
	return false
}

// startWatching watches the folders of all locations with one watcher.
func (e *Engine) startWatching() error {
	w, err := watch.Open(watch.Options{Roots: e.watchRoots(), Ignore: []string{e.state, e.manager.BaseDir()}})
	if err != nil {
		return fmt.Errorf("watch the workspace: %w", err)
	}
	e.watcher = w
	e.work(func(context.Context) { e.loader.Warm() })
	if text := w.Status(); text != "" {
		e.notice(diag.New("watch", "%s", text))
	}
	return nil
}

func (e *Engine) watchRoots() []watch.Root {
	roots := []watch.Root{{Files: []string{e.ws.File, e.ws.SettingsFile}}}
	for _, paths := range e.loader.Roots() {
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				roots = append(roots, watch.Root{Files: []string{path}})
			} else {
				roots = append(roots, watch.Root{Dir: filepath.Clean(path)})
			}
		}
	}
	return roots
}

// filesChanged is where a save arrives: code versions first, from files alone, then what the location itself says, then
// auto-run for what this save made stale.
func (e *Engine) filesChanged(batch watch.Batch) {
	if slices.Contains(batch.Paths, e.ws.File) || slices.Contains(batch.Paths, e.ws.SettingsFile) {
		e.notice(diag.New("workspace", "%s changed", filepath.Base(e.ws.File)).WithHint("open assetdev again to take it over"))
	}
	names, readers := e.loader.Affected(batch.Paths), e.readersOf(batch.Paths)
	if len(names) == 0 && len(readers) == 0 {
		return
	}
	before := e.statuses()
	began := time.Now()
	if len(readers) > 0 {
		e.readStored(e.ctx, readers)
		if len(names) == 0 {
			e.saved(batch.Paths, nil, "", before, began)
			return
		}
	}
	waiting := len(names)
	var changed []graph.Key
	broken := ""
	for _, name := range names {
		codes := e.codes(name)
		e.refresh(name, loader.Static, func(r loader.Refreshed) {
			for _, a := range e.loader.State(name).Assets {
				if old, ok := codes[a.Key]; ok && old != a.Code.Version {
					changed = append(changed, a.Key)
				}
			}
			if r.State.Err != nil && !r.Ask {
				broken = name
			}
			if waiting--; waiting > 0 {
				return
			}
			e.saved(batch.Paths, changed, broken, before, began)
		})
	}
}

// codes returns the code versions of a location's assets as known now.
func (e *Engine) codes(name string) map[graph.Key]string {
	codes := map[graph.Key]string{}
	for _, a := range e.loader.State(name).Assets {
		codes[a.Key] = a.Code.Version
	}
	return codes
}

func (e *Engine) statuses() map[graph.Key]graph.Status {
	fresh := e.judge()
	statuses := make(map[graph.Key]graph.Status, e.graph.Len())
	for _, key := range e.graph.Keys() {
		statuses[key] = fresh.Status(key)
	}
	return statuses
}

// saved tells what a save did and starts what auto-run may start.
func (e *Engine) saved(paths []string, changed []graph.Key, broken string, before map[graph.Key]graph.Status, began time.Time) {
	fresh := e.judge()
	stale := 0
	for _, key := range e.graph.Keys() {
		now := fresh.Status(key)
		was, known := before[key]
		made := now == graph.Stale && (!known || was != graph.Stale) || now == graph.Missing && !known
		if made {
			stale++
		}
		if made || slices.Contains(changed, key) && now != graph.Fresh {
			e.autoMade[key] = true
		}
	}
	s := &Save{At: time.Now(), Changed: changed, MS: time.Since(began).Milliseconds()}
	for _, path := range paths[:min(len(paths), 5)] {
		s.Paths = append(s.Paths, e.relative(path))
	}
	what := s.Paths[0]
	if len(paths) > 1 {
		what = fmt.Sprintf("%s and %d more", what, len(paths)-1)
	}
	switch {
	case broken != "":
		s.Text = fmt.Sprintf("%s: %s does not load; its last good graph stays", what, broken)
	case len(changed) == 0 && stale == 0:
		s.Text = what + ": no change of meaning, nothing became stale"
	case stale == 0:
		s.Text = fmt.Sprintf("%s: %s changed, nothing became stale", what, plural(len(changed), "asset"))
	default:
		s.Text = fmt.Sprintf("%s: %s changed, %d became stale", what, plural(len(changed), "asset"), stale)
	}
	e.save = s
	if e.run != nil {
		e.touchRunning(changed)
	}
	e.autoRun()
	e.touch()
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (e *Engine) relative(path string) string {
	if rel, err := filepath.Rel(e.ws.Dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}
