package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
)

// find returns the workspace file: the one named, else the nearest one upwards.
func (a *app) find() (string, error) {
	file, err := engine.FindWorkspace(a.workspace)
	if err != nil {
		return "", &exit{exitUsage, err}
	}
	return file, nil
}

// open opens the workspace for a command. Notices go to stderr.
func (a *app) open(o engine.Options) (*engine.Engine, error) {
	if o.File == "" {
		file, err := a.find()
		if err != nil {
			return nil, err
		}
		o.File = file
	}
	o.TrustOnce = o.TrustOnce || a.trust
	o.CacheDir, o.TrustDir = os.Getenv("ASSETDEV_CACHE_DIR"), os.Getenv("ASSETDEV_STATE_DIR")
	if os.Getenv("CI") != "" {
		o.By = "ci"
	}
	e, err := engine.Open(a.ctx, o)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// A use is what a command does with an open workspace.
type use func(e *engine.Engine, s *engine.Snapshot) error

// with opens the workspace, waits until every location has answered, runs f, and closes it.
func (a *app) with(o engine.Options, f use) error {
	e, err := a.open(o)
	if err != nil {
		return err
	}
	return a.use(e, f)
}

// withStored is with for commands about what was made, whose answer no location can change: none is loaded, unless one of the
// keys is new since the graph was stored.
func (a *app) withStored(f use, keys ...graph.Key) error {
	e, err := a.open(engine.Options{Passive: true})
	if err != nil {
		return err
	}
	s := e.Snapshot()
	isNew := func(k graph.Key) bool {
		_, known := s.Graph.Asset(k)
		return !known
	}
	if s.Workspace.Trusted && slices.ContainsFunc(keys, isNew) {
		if err := e.Close(); err != nil {
			return err
		}
		return a.with(engine.Options{}, f)
	}
	return a.use(e, f)
}

// use runs f on the workspace and closes it.
func (a *app) use(e *engine.Engine, f use) (err error) {
	defer func() { err = errors.Join(err, e.Close()) }()
	s, err := ready(a.ctx, e)
	if err != nil {
		return err
	}
	a.tellNotices(s)
	return f(e, s)
}

// withGraph is with for commands whose answer hangs on what the code says. Without trust they print what is stored, and exit 4
// where nothing stronger holds.
func (a *app) withGraph(f use) error {
	return a.with(engine.Options{}, func(e *engine.Engine, s *engine.Snapshot) error {
		err := f(e, s)
		if !s.Workspace.Trusted {
			err = errors.Join(err, done(exitNotTrusted))
		}
		return err
	})
}

// ready waits until nothing is loading any more.
func ready(ctx context.Context, e *engine.Engine) (*engine.Snapshot, error) {
	s := e.Snapshot()
	for s.Loading {
		b, err := e.Wait(ctx)
		if err != nil {
			return s, err
		}
		s = b.Snapshot
	}
	return s, nil
}

// tellNotices prints what is wrong without keeping the command from its work.
func (a *app) tellNotices(s *engine.Snapshot) {
	if a.quiet || a.json {
		return
	}
	for _, n := range append(append([]*diag.Error(nil), s.Notices...), s.Problems...) {
		fmt.Fprintln(a.Stderr, safeText(diag.Text(n)))
	}
	if !s.Workspace.Trusted {
		fmt.Fprintln(a.Stderr, "assetdev: this workspace is not trusted: its code was not run, what is shown is the stored graph\nhint: assetdev trust")
	}
}

// tellBroken prints which locations do not load, on stderr, for commands whose result is about something else.
func (a *app) tellBroken(s *engine.Snapshot) {
	if a.json {
		return
	}
	for _, l := range s.Locations {
		if l.State == "broken" {
			fmt.Fprintf(a.Stderr, "%s\nassetdev: code location %s does not load\n", headline(place(l.Error)), safe(l.Name))
		}
	}
}

// selected returns the assets that a selection names, all of the graph for an empty one.
func selected(s *engine.Snapshot, args []string) ([]graph.Key, error) {
	if len(args) == 0 {
		return s.Graph.Keys(), nil
	}
	sel, err := graph.ParseSelections(args)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	keys, err := graph.Select(s.Graph, s.Freshness, sel)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return keys, nil
}

// broken reports whether some location does not load.
func broken(s *engine.Snapshot) bool {
	for _, l := range s.Locations {
		if l.State == "broken" {
			return true
		}
	}
	return false
}

// done returns the error that carries the exit code of a command that printed everything.
func done(code int) error {
	if code == exitDone {
		return nil
	}
	return &exit{code: code}
}
