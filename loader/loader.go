// Package loader turns a workspace into definitions and keeps them current: the code locations, what they define, and the
// code version of each asset.
//
// The nouns: a [Loader] holds the code locations of one workspace; a [State] is what it knows of one of them. What was known
// when assetdev last ran is the stored graph, a file in the state folder: with it a screen shows the whole graph before any
// location answered, and a location whose files did not change is not asked at all.
//
// Invariants:
//
//	(a) Before [Loader.Trust] nothing of the workspace is executed and no file of a location is read.
//	(b) A location that does not load keeps its last good definitions, marked so, and takes no other location with it.
//	(c) A State is immutable; every method may be called from any goroutine.
//
// Deliberately absent: freshness, plans, runs.
package loader

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
	"github.com/assetdev/assetdev/loader/location/python"
	"github.com/assetdev/assetdev/loader/workspace"
)

// Options say where a Loader keeps things.
type Options struct {
	StateDir string   // for the stored graph; made when first written
	CacheDir string   // for built programs, outside the repositories
	Environ  []string // environment of the steps; nil is this process's
}

// A State is what is known of one code location.
type State struct {
	Name, Kind, Dir string
	Note            string // which path rule was used
	Loaded          bool   // Assets are what the code defines now
	LastGood        bool   // Assets are those of an earlier load
	Assets          []graph.Asset
	Problems        []string // wrong declarations; the other assets count
	Err             *location.Error
	Took            time.Duration
	Environment     location.Environment
	Jobs            []graph.Job
	About           About
}

// An About is what a location says beside its assets and jobs, for people.
type About struct {
	Notices   []string // what is worth knowing and not wrong
	Schedules []string // names; the framework runs them, assetdev does not
	Sensors   []string
	Resources []string // "name: type"
	Framework string   // its name and version, as "dagster 1.13.27"
}

// A Loader holds the code locations of one workspace.
type Loader struct {
	ws    *workspace.Workspace
	opts  Options
	names []string
	units map[string]*unit

	contents contents // of files that steps read

	saving  sync.Mutex
	servers func() *python.Servers // of all Python locations, made by the first
}

// A unit is one code location. mu guards everything below it.
type unit struct {
	entry workspace.Location

	mu      sync.Mutex // held while the location is asked: calls for one location queue
	open    opened
	openErr error
	grant   trust.Grant
	kept    keptLocation // what the stored graph holds of it
	now     sync.Mutex   // guards what follows, and writing kept
	state   State
	saved   bool     // kept is what the file of the stored graph holds
	roots   []string // as of the last refresh
	granted bool     // grant is valid

	dotEnv  string   // what the .env files said when it was opened
	retired []opened // opened before they changed; what they run goes on
	closed  bool
}

// opened is a location with what the loader needs beside the contract.
type opened interface {
	location.Location
	// Stamp changes whenever a file or tool that the location's meaning hangs on may have changed; it reads no content. ok is
	// false when a change just now could have been missed.
	Stamp(ctx context.Context) (stamp string, ok bool)
	// LookupEnv returns a variable of the environment of the location's steps.
	LookupEnv(name string) (value string, ok bool)
}

// Open reads the stored graph. It executes nothing and reads no file of a location. A stored graph that cannot be understood
// is as good as none.
func Open(ws *workspace.Workspace, opts Options) *Loader {
	l := &Loader{ws: ws, opts: opts, units: map[string]*unit{}}
	l.servers = sync.OnceValue(l.openServers)
	l.contents.file = filepath.Join(opts.StateDir, "reads")
	kept := l.readKept()
	for _, entry := range ws.Locations {
		u := &unit{entry: entry}
		if k, ok := kept[entry.Name]; ok && k.Kind == string(entry.Kind) {
			u.kept, u.saved = k, true
		}
		u.state = l.fromKept(u)
		l.names = append(l.names, entry.Name)
		l.units[entry.Name] = u
	}
	return l
}

func (l *Loader) fromKept(u *unit) State {
	s := State{Name: u.entry.Name, Kind: string(u.entry.Kind), Dir: u.entry.WorkingDirectory, Note: u.entry.PathRule, Environment: u.kept.Environment}
	if u.entry.Broken != "" {
		s.Err = &location.Error{Message: u.entry.Broken, File: l.relative(l.ws.File), Line: u.entry.Pos.Line}
		return s
	}
	s.Assets, s.Problems = l.definitions(u.entry.Name, &u.kept, u.kept.Versions)
	s.Problems = append(s.Problems, u.kept.Problems...)
	s.Jobs, s.About = jobs(u.kept.Jobs), u.kept.About
	s.LastGood = u.kept.Assets != nil
	return s
}

// Names returns the names of the locations, in the workspace's order.
func (l *Loader) Names() []string { return l.names }

// State returns what is known of a location now.
func (l *Loader) State(name string) State {
	u := l.units[name]
	u.now.Lock()
	defer u.now.Unlock()
	return u.state
}

// Trust permits the loader to execute the locations' code. Nothing is executed yet.
func (l *Loader) Trust(grant trust.Grant) {
	for _, name := range l.names {
		u := l.units[name]
		u.mu.Lock()
		if !u.grant.Valid() {
			u.grant = grant
			u.now.Lock()
			u.granted = true
			u.now.Unlock()
			if u.entry.Broken == "" {
				l.openUnit(u)
				l.look(u)
			}
		}
		u.mu.Unlock()
	}
}

// openUnit opens a location with the environment of now. Its lock is held.
func (l *Loader) openUnit(u *unit) {
	u.dotEnv = dotEnvText(u.entry.WorkingDirectory, l.ws.Dir)
	u.open, u.openErr = l.openLocation(u.entry, u.grant)
	if p, ok := u.open.(*python.Location); ok {
		p.Known(u.kept.Assets, u.kept.Reads)
	}
}

// renew opens a location anew when its .env files changed. Its lock is held.
func (l *Loader) renew(u *unit) {
	if u.entry.Broken != "" || !u.grant.Valid() || u.closed || u.dotEnv == dotEnvText(u.entry.WorkingDirectory, l.ws.Dir) {
		return
	}
	if u.open != nil {
		u.retired = append(u.retired, u.open)
	}
	l.openUnit(u)
}

// errNotTrusted is what a location answers before Trust.
var errNotTrusted = &location.Error{Message: "the workspace is not trusted, so its code is not run"}

// use returns the open location with its lock held; the caller unlocks.
func (u *unit) use() (opened, *location.Error) {
	switch {
	case u.entry.Broken != "":
		return nil, &location.Error{Message: u.entry.Broken}
	case !u.grant.Valid():
		return nil, errNotTrusted
	case u.openErr != nil:
		return nil, asError(u.openErr)
	}
	return u.open, nil
}

func (u *unit) trusted() bool {
	u.now.Lock()
	defer u.now.Unlock()
	return u.granted
}

func asError(err error) *location.Error {
	if e, ok := errors.AsType[*location.Error](err); ok {
		return e
	}
	e := &location.Error{Message: err.Error()}
	if d, ok := errors.AsType[*diag.Error](err); ok {
		e.File, e.Line = d.Pos.File, d.Pos.Line
	}
	return e
}

// A Depth says how far Refresh goes.
type Depth uint8

// The depths of a Refresh.
const (
	// Static reads files and runs nothing: new code versions of the definitions that are known.
	Static Depth = iota
	// IfNeeded goes on to ask the location when its entry point changed or nothing is known of it.
	IfNeeded
	// Always asks the location.
	Always
)

// A Refreshed is the outcome of a Refresh.
type Refreshed struct {
	State State
	// Ask says that the definitions may have changed: only asking the location tells.
	Ask bool
	// Same says that nothing was touched since the stored graph was written.
	Same bool
}

// Refresh brings what is known of a location up to date. A location that fails keeps its definitions; the State says so.
// Calls for one location wait for each other.
func (l *Loader) Refresh(ctx context.Context, name string, depth Depth) Refreshed {
	u := l.units[name]
	u.mu.Lock()
	defer u.mu.Unlock()
	began := time.Now()
	l.renew(u)
	loc, bad := u.use()
	if bad != nil {
		return l.fail(u, bad)
	}
	defer l.look(u)
	before := l.State(name)
	stamp, sure := loc.Stamp(ctx)
	if depth != Always && sure && stamp != "" && stamp+l.settings()+variables(u.kept.Versions, loc.LookupEnv) == u.kept.Stamp && u.kept.Assets != nil && before.Err == nil &&
		!u.kept.Parts.outdated(time.Now()) {
		// Nothing was touched since the stored graph was written.
		s := before
		s.Loaded, s.LastGood = true, false
		s.Took = time.Duration(u.kept.TookMS) * time.Millisecond
		u.set(s)
		return Refreshed{State: s, Same: true}
	}
	versions, err := loc.CodeVersions(ctx, u.kept.Assets)
	if err != nil {
		return l.fail(u, asError(err))
	}
	entry := versions[""].Code.Version
	ask := u.kept.Assets == nil || entry == "" || entry != u.kept.entry() || before.Err != nil || u.kept.Settings != l.settings() || u.kept.Parts.outdated(time.Now())
	if depth == Static && ask {
		if u.kept.Assets == nil {
			return Refreshed{State: before, Ask: true}
		}
		// Show what is known to be stale now, without waiting for the location.
		s := before
		s.Assets, _ = l.definitions(name, &u.kept, versions)
		u.set(s)
		return Refreshed{State: s, Ask: true}
	}
	kept := u.kept
	if ask || depth == Always {
		said, err := loc.Describe(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return Refreshed{State: before}
			}
			// What the files say is known all the same: what they make stale must not look fresh.
			s := before
			s.Assets, _ = l.definitions(name, &u.kept, versions)
			u.set(s)
			return l.fail(u, asError(err))
		}
		d := said.Definitions
		kept = keptLocation{
			Reads: d.Files, Parts: newParts(said.Partitions, said.Mappings, said.Made, time.Now()),
			Kind: string(u.entry.Kind), Assets: said.Assets, Environment: loc.Environment(), Jobs: d.Jobs, Settings: l.settings(),
			About: About{Notices: d.Notices, Schedules: d.Schedules, Sensors: d.Sensors, Resources: d.Resources, Framework: d.Framework},
		}
		if kept.Assets == nil {
			kept.Assets = []wire.Asset{}
		}
		for _, p := range said.Problems {
			text := p.Message
			if p.File != "" {
				text = fmt.Sprintf("%s:%d: %s", l.relative(p.File), p.Line, p.Message)
			}
			kept.Problems = append(kept.Problems, text)
		}
		if versions, err = loc.CodeVersions(ctx, said.Assets); err != nil {
			return l.fail(u, asError(err))
		}
		kept.TookMS = time.Since(began).Milliseconds()
	}
	kept.Versions, kept.Stamp = versions, ""
	if after, ok := loc.Stamp(ctx); ok && after == stamp {
		kept.Stamp = stamp + l.settings() + variables(kept.Versions, loc.LookupEnv)
	}
	if err := l.keepTexts(versions); err != nil {
		kept.Problems = append(kept.Problems, err.Error())
	}
	s := State{Name: name, Kind: before.Kind, Dir: before.Dir, Note: before.Note, Loaded: true, Environment: kept.Environment, Took: time.Since(began)}
	s.Assets, s.Problems = l.definitions(name, &kept, kept.Versions)
	s.Problems = append(s.Problems, kept.Problems...)
	s.Jobs, s.About = jobs(kept.Jobs), kept.About
	u.now.Lock()
	u.kept, u.saved = kept, false
	u.now.Unlock()
	u.set(s)
	return Refreshed{State: s}
}

// settings names the settings that change what locations answer, "" when they are the usual ones.
func (l *Loader) settings() string {
	s := l.ws.Settings
	if len(s.IOManagers) == 0 && (s.DagsterInstance == "" || s.DagsterInstance == "read") {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q", s.DagsterInstance)
	for _, name := range slices.Sorted(maps.Keys(s.IOManagers)) {
		fmt.Fprintf(h, "%q=%q", name, s.IOManagers[name])
	}
	return "-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// variables hashes the values of the environment variables that code versions name.
func variables(versions map[string]location.Version, lookup func(string) (string, bool)) string {
	names := map[string]bool{}
	for _, v := range versions {
		for _, p := range v.Code.Parts {
			if p.Kind == graph.PartEnvironment && p.Symbol != "go" && !strings.ContainsAny(p.Symbol, "./") {
				names[p.Symbol] = true
			}
		}
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		value, ok := lookup(name)
		fmt.Fprintf(h, "%s=%t%q\x00", name, ok, value)
	}
	return "-" + hex.EncodeToString(h.Sum(nil)[:8])
}

func (u *unit) set(s State) {
	u.now.Lock()
	defer u.now.Unlock()
	u.state = s
}

// fail marks a location as broken and keeps its definitions.
func (l *Loader) fail(u *unit, err *location.Error) Refreshed {
	s := l.State(u.entry.Name)
	e := *err
	if e.File != "" && !filepath.IsAbs(e.File) && u.entry.Broken == "" {
		e.File = filepath.Join(u.entry.WorkingDirectory, e.File)
	}
	e.File = l.relative(e.File)
	s.Err, s.Loaded, s.LastGood = &e, false, len(s.Assets) > 0
	s.Assets = slices.Clone(s.Assets)
	for i := range s.Assets {
		s.Assets[i].Stale = true
	}
	u.set(s)
	return Refreshed{State: s}
}

// A Pin is what the files of a location say at one moment of one asset.
type Pin struct {
	Code  graph.Code
	Build string // what a step that starts now would run, see [location.Location]
}

// pinTries is how often Pin looks again while files are being written.
const pinTries = 5

// Pin returns the code version of one asset and the build that belongs to it. The error is an *location.Error when the code
// does not load.
func (l *Loader) Pin(ctx context.Context, name string, key graph.Key) (Pin, error) {
	u := l.units[name]
	if u == nil {
		return Pin{}, fmt.Errorf("no code location %q", name)
	}
	loc, said, err := u.asset(key)
	if err != nil {
		return Pin{}, err
	}
	for range pinTries {
		before, err := loc.Build(ctx)
		if err != nil {
			return Pin{}, err
		}
		versions, err := loc.CodeVersions(ctx, []wire.Asset{said})
		if err != nil {
			return Pin{}, err
		}
		after, err := loc.Build(ctx)
		if err != nil {
			return Pin{}, err
		}
		if before == after {
			return Pin{versions[said.Key].Code, before}, nil
		}
	}
	return Pin{}, &location.Error{Message: "its files change faster than they can be read"}
}

func (u *unit) asset(key graph.Key) (location.Location, wire.Asset, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	loc, bad := u.use()
	if bad != nil {
		return nil, wire.Asset{}, bad
	}
	i := slices.IndexFunc(u.kept.Assets, func(a wire.Asset) bool { return a.Key == key.Bare().Asset().String() })
	if i < 0 {
		return nil, wire.Asset{}, fmt.Errorf("code location %s does not define %s", u.entry.Name, key.Bare())
	}
	return loc, u.kept.Assets[i], nil
}

// Materialize runs the step of an asset in its location.
func (l *Loader) Materialize(ctx context.Context, name string, request wire.Request, out location.Output) (location.Result, error) {
	u := l.units[name]
	if u == nil {
		return location.Result{}, fmt.Errorf("no code location %q", name)
	}
	u.mu.Lock()
	loc, bad := u.use()
	u.mu.Unlock()
	if bad != nil {
		return location.Result{}, bad
	}
	request.IOManagers = l.ws.Settings.IOManagers
	return loc.Materialize(ctx, request, out)
}

// Inputs returns the keys that an asset reads by arguments; its further dependencies are order only.
func (l *Loader) Inputs(name string, key graph.Key) []string {
	u := l.units[name]
	if u == nil {
		return nil
	}
	u.now.Lock()
	defer u.now.Unlock()
	for _, a := range u.kept.Assets {
		if a.Key == key.Bare().String() {
			return a.Inputs
		}
	}
	return nil
}

// look asks the location which files it is made of, for Roots. Its lock is held.
func (l *Loader) look(u *unit) {
	if u.open == nil || u.openErr != nil {
		return
	}
	roots := u.open.Files()
	for _, file := range dotEnvFiles(u.entry.WorkingDirectory, l.ws.Dir) {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			roots = append(roots, file)
		}
	}
	u.now.Lock()
	defer u.now.Unlock()
	u.roots = roots
}

// Roots returns, by location, the folders and files whose change can change it, as of its last refresh. It does not wait for a
// refresh that is under way.
func (l *Loader) Roots() map[string][]string {
	roots := map[string][]string{}
	for name, u := range l.units {
		u.now.Lock()
		if u.roots != nil {
			roots[name] = u.roots
		}
		u.now.Unlock()
	}
	return roots
}

// Affected returns the locations that one of the changed paths can change, in the workspace's order.
func (l *Loader) Affected(paths []string) []string {
	roots := l.Roots()
	var names []string
	for _, name := range l.names {
		if slices.ContainsFunc(roots[name], func(root string) bool {
			return slices.ContainsFunc(paths, func(path string) bool {
				return path == root || strings.HasPrefix(path, root+string(filepath.Separator))
			})
		}) {
			names = append(names, name)
		}
	}
	return names
}

// Close ends everything that the locations still run, and waits for it.
func (l *Loader) Close() error {
	var problems []error
	for _, name := range l.names {
		u := l.units[name]
		u.mu.Lock()
		for _, open := range u.retired {
			problems = append(problems, open.Close())
		}
		if u.open != nil {
			problems = append(problems, u.open.Close())
			u.open = nil
			u.openErr = fs.ErrClosed
		}
		u.retired, u.closed = nil, true
		u.mu.Unlock()
	}
	problems = append(problems, l.servers().Close())
	return errors.Join(problems...)
}
