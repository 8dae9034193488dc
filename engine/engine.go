// Package engine is one opened workspace: reload, freshness, plan, run, commit, auto-run, history. One goroutine owns its
// state; front ends send [Command]s and get immutable [Snapshot]s and events.
//
// Invariants:
//
//	(a) All state of an Engine belongs to its owner goroutine. Workers send it messages and hold no pointers into it.
//	(b) Deciding is pure (graph, engine/run, autorun.go); the owner performs what was decided.
//	(c) Nothing of the workspace is executed before it was trusted.
//	(d) A front end that does not listen never slows a run; the end of a step or run is never lost.
//
// Deliberately absent: drawing, printing, flags, exit codes.
package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/engine/history"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/iomanager"
	"github.com/assetdev/assetdev/iomanager/page"
	"github.com/assetdev/assetdev/loader"
	"github.com/assetdev/assetdev/loader/watch"
	"github.com/assetdev/assetdev/loader/workspace"
)

// A Batch is what happened since the last one.
type Batch struct {
	Snapshot *Snapshot
	Events   []event.Event // in order; progress and logs may be missing (Dropped), ends never are
	Dropped  int64
}

// A LogLine is one line of a step's log.
type LogLine struct {
	Seq    int64 // position, from 1; gaps are dropped lines
	At     time.Time
	Stream string // stdout, stderr or log
	Level  string // debug, info, warning, error; "" for stdout and stderr
	Text   string // unsanitised
}

// A PageRequest asks for a window of an asset's rows.
type PageRequest struct {
	Asset   graph.Key
	Version string // "" is the newest
	Offset  int64
	Limit   int64
	Columns []string // nil is all
	// MaxCellBytes is the length to which texts, binaries and nested values are cut; such a cell says that it is Cut. 0 cuts nothing.
	MaxCellBytes int
}

// A StatsRequest asks for the statistics of one column.
type StatsRequest struct {
	Asset   graph.Key
	Version string // "" is the newest
	Column  string
}

// A SortRequest asks for the first rows in the order of one column.
type SortRequest struct {
	Asset        graph.Key
	Version      string // "" is the newest
	Column       string
	Descending   bool
	Limit        int64 // at most MaxSorted
	MaxCellBytes int
}

// MaxSorted is the largest Limit of a SortRequest.
const MaxSorted = 10_000

// Front is what front ends need of an engine; *Engine fulfils it. All methods may be called from any goroutine.
type Front interface {
	// Snapshot returns the current picture, never nil.
	Snapshot() *Snapshot
	// Wait returns when something changed since the last Wait, at most 30 times a second.
	Wait(ctx context.Context) (Batch, error)
	// Do carries out a command. It returns as soon as the command is accepted, not when a run has ended.
	Do(ctx context.Context, c Command) (Reply, error)
	// Plan says what Materialize would run, and starts nothing.
	Plan(ctx context.Context, m Materialize) (graph.Plan, error)
	// Preview returns rows.
	Preview(ctx context.Context, r PageRequest) (page.Page, error)
	// Stats reads a whole column and describes its values. It takes as long as that; ctx ends it.
	Stats(ctx context.Context, r StatsRequest) (page.Stats, error)
	// Sorted reads a whole column and returns the first rows in its order. It takes as long as that; ctx ends it.
	Sorted(ctx context.Context, r SortRequest) (page.Page, error)
	// Versions returns the kept versions of an asset, newest first.
	Versions(ctx context.Context, key graph.Key) ([]graph.Record, error)
	// Log returns up to max lines of a step's log after the line with number since, the number of the last line there is, and how many were dropped.
	Log(run string, key graph.Key, since int64, max int) (lines []LogLine, last, dropped int64, err error)
	// Runs returns the history, newest first, at most max.
	Runs(ctx context.Context, max int) ([]RunSummary, error)
	// Source returns the lines of the file that defines an asset and the number of its first line of interest.
	Source(key graph.Key) (file string, lines []string, line int, err error)
	// Why returns the status of an asset and every chain of reasons from it down to its cause; what is about changed code holds
	// the difference.
	Why(ctx context.Context, key graph.Key) (graph.Status, [][]graph.Reason, error)
	// Close cancels what runs, waits for every child and goroutine, and returns.
	Close() error
}

// Options say what to open and how.
type Options struct {
	File      string // workspace.yaml, absolute
	CacheDir  string // for built programs; "" is the user's cache folder
	TrustDir  string // for the memory of trust; "" is the user's state folder
	TrustOnce bool   // trust for this engine only
	Passive   bool   // load nothing and watch nothing: only look
	Watch     bool   // watch files; with it auto-run may start steps
	LogEvents bool   // batches carry log events; without, logs are read with Log
	Jobs      int    // steps at once; 0 is the setting, else the number of processors
	By        string // who starts runs: user or ci; "" is user
	Auto      *AutoOptions
	Getenv    func(string) (string, bool) // nil is os.LookupEnv
}

// AutoOptions replace what the workspace says of auto-run, for `assetdev watch`.
type AutoOptions struct {
	Selection string
	Budget    time.Duration // 0: no bound
	CatchUp   bool          // also what is stale already
}

// An Engine is one opened workspace. It fulfils [Front].
type Engine struct {
	opts    Options
	state   string // folder of our own files beside the workspace file
	ws      *workspace.Workspace
	loader  *loader.Loader
	manager *iomanager.Manager
	history *history.History
	memory  *trust.Store
	grant   trust.Grant
	mail    *mailbox
	logs    *logbook
	user    string

	ctx     context.Context // ends when the engine closes
	cancel  context.CancelFunc
	inbox   chan func()
	done    chan struct{} // closed when the owner has ended
	last    *Snapshot     // the picture that stays; written before done is closed
	workers sync.WaitGroup

	// All below belongs to the owner goroutine.
	watcher    *watch.Watcher
	needsTrust *trust.NeedsTrust
	graph      *graph.Graph
	fresh      *graph.Freshness
	stored     map[graph.Key]graph.Stored
	commits    int                       // grows with each commit of our own: an answer of the storage from before it is out of date
	made       map[graph.Key]*graph.Made // what was made elsewhere, of the graph
	reports    reporting                 // to Dagster's own instance
	remembered map[graph.Key]history.Asset
	loading    map[string]int // refreshes under way, by location
	// loadingSince is when the first of them began.
	loadingSince map[string]time.Time
	locations    map[string]Location
	untold       map[string][]graph.Key // assets that a refresh under way has changed so far, by location
	run          *activeRun
	lastRun      *Run
	queue        []Materialize
	question     *Question
	auto         Auto
	autoWhy      map[graph.Key]string
	autoMade     map[graph.Key]bool // made stale by saves, not yet decided
	save         *Save
	size         int64
	problems     []*diag.Error
	notices      []*diag.Error
	seq          uint64
	snap         *Snapshot
	pictures     pictures // of the assets in the last snapshot
	told         *Told
	named        []NamedSelection
	overdue      *time.Timer
	definedAt    int  // grows when definitions changed: the graph is stale
	graphAt      int  // definedAt of graph
	judged       bool // fresh is of graph and stored
}

// measureAfter is how long after opening the storage is measured.
const measureAfter = 3 * time.Second

// Open opens a workspace: the stored graph and the storage's records are there when it returns; code locations that changed
// load in the background. An invalid workspace file is an error that joins [*diag.Error]s. A workspace that is not trusted
// opens all the same: its Snapshot asks, and what would execute code fails with a [*trust.NeedsTrust].
func Open(ctx context.Context, opts Options) (*Engine, error) {
	if opts.Getenv == nil {
		opts.Getenv = os.LookupEnv
	}
	if opts.By == "" {
		opts.By = "user"
	}
	ws, err := workspace.Load(opts.File, workspace.Options{Getenv: opts.Getenv})
	if err != nil {
		return nil, err
	}
	state := filepath.Join(ws.Dir, ".assetdev")
	if opts.CacheDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find the user's cache folder: %w", err)
		}
		opts.CacheDir = filepath.Join(cache, "assetdev")
	}
	base, err := iomanager.ResolveBaseDir(ws.IOManager.BaseDir, ws.Dir)
	if err != nil {
		return nil, err
	}
	keep := ws.Settings.Keep
	memory, err := trust.Open(opts.TrustDir)
	if err != nil {
		return nil, err
	}
	manager, err := iomanager.Open(ctx, iomanager.Config{
		BaseDir: base, StateDir: state, ReadOnly: ws.Settings.ReadOnly,
		Keep: iomanager.Keep{Versions: keep.Versions, Size: keep.Size, Runs: keep.RunsFor}, WorkingDir: workingDir(ws),
	})
	if err != nil {
		return nil, err
	}
	e := &Engine{
		opts: opts, state: state, ws: ws, manager: manager, memory: memory,
		history: history.Open(state), loader: loader.Open(ws, loader.Options{StateDir: state, CacheDir: opts.CacheDir}),
		mail: newMailbox(), inbox: make(chan func(), 64), done: make(chan struct{}),
		stored: map[graph.Key]graph.Stored{}, loading: map[string]int{}, loadingSince: map[string]time.Time{}, locations: map[string]Location{}, untold: map[string][]graph.Key{}, autoMade: map[graph.Key]bool{},
		size: -1, definedAt: 1, notices: slices.Clone(ws.Notices),
	}
	e.logs = newLogbook(e.history)
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if u, err := user.Current(); err == nil {
		e.user = u.Username
	}
	e.auto = e.firstAuto()
	e.nameSelections()
	if _, err := e.history.Interrupted(); err != nil {
		e.notice(diag.New("state", "%w", err))
	}
	if e.remembered, err = e.history.Assets(); err != nil {
		e.notice(diag.New("state", "%w", err).WithHint("the next run starts this file anew"))
	}
	for _, name := range e.loader.Names() {
		e.takeLocation(name)
	}
	e.checkTrust()
	e.rebuild()
	e.readStored(ctx, nil)
	if e.grant.Valid() && !opts.Passive {
		e.startLoading(loader.IfNeeded)
		if opts.Watch {
			if err := e.startWatching(); err != nil {
				return nil, errors.Join(err, e.abandon())
			}
		}
	}
	if opts.Watch {
		e.work(func(ctx context.Context) {
			// Nobody waits for the size, and walking the storage would hold up the first frame.
			timer := time.NewTimer(measureAfter)
			defer timer.Stop()
			select {
			case <-timer.C:
				e.measure(ctx)
			case <-ctx.Done():
			}
		})
		e.work(e.watchStorage)
	} else if e.readsForeign() {
		e.lookAtForeign()
	}
	e.overdue = time.NewTimer(overdueEvery)
	go e.own()
	return e, nil
}

// workingDir returns the folder of a code location by its name; the workspace's for one that there is not.
func workingDir(ws *workspace.Workspace) func(string) string {
	return func(name string) string {
		if l, ok := ws.Location(name); ok {
			return l.WorkingDirectory
		}
		return ws.Dir
	}
}

// abandon undoes an Open that fails after it started work.
func (e *Engine) abandon() error {
	e.cancel()
	e.drainUntilIdle()
	return errors.Join(e.loader.Close(), e.logs.close(), e.manager.Close())
}

// drainUntilIdle drops what workers post until all have ended.
func (e *Engine) drainUntilIdle() {
	idle := make(chan struct{})
	go func() {
		e.workers.Wait()
		close(idle)
	}()
	for {
		select {
		case <-e.inbox:
		case <-idle:
			return
		}
	}
}

// overdueEvery is how often the engine looks whether something became overdue by the passing of time.
const overdueEvery = 30 * time.Second

// own is the owner goroutine: everything that reads or changes the engine's state happens here, one thing after the other.
func (e *Engine) own() {
	defer close(e.done)
	for {
		var changes <-chan watch.Batch
		if e.watcher != nil {
			changes = e.watcher.Changes()
		}
		select {
		case f := <-e.inbox:
			f()
		case batch, ok := <-changes:
			if ok {
				e.filesChanged(batch)
			}
		case <-e.overdue.C:
			e.overdue.Reset(overdueEvery)
			e.lookForWindows()
			e.lookAtEnvironments()
			if e.lookForOverdue() {
				e.touch()
			}
		case <-e.ctx.Done():
			e.overdue.Stop()
			e.endRunNow()
			e.drainUntilIdle()
			e.last = e.snapshot()
			return
		}
	}
}

// post sends work to the owner. Workers use it for their results; after the engine closed it is dropped.
func (e *Engine) post(f func()) {
	select {
	case e.inbox <- f:
	case <-e.done:
	}
}

// call runs f on the owner goroutine and waits for it.
func (e *Engine) call(ctx context.Context, f func()) error {
	ran := make(chan struct{})
	select {
	case e.inbox <- func() { f(); close(ran) }:
	case <-e.ctx.Done():
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ran:
		return nil
	case <-e.ctx.Done():
		// The owner perhaps runs f still, or drops it: closing waits for the caller, so the caller must not wait for the owner.
		return errClosed
	}
}

var errClosed = errors.New("the workspace is closed")

// work starts a worker. It is counted before it starts; the engine waits for it.
func (e *Engine) work(f func(ctx context.Context)) {
	e.workers.Go(func() { f(e.ctx) })
}

// touch says that the next snapshot differs from the last.
func (e *Engine) touch() {
	e.snap = nil
	e.mail.touch()
}

func (e *Engine) notice(err *diag.Error) {
	e.notices = append(e.notices, err)
	e.touch()
}

// emit tells everybody what happened, and keeps it when it belongs to a run.
func (e *Engine) emit(ev event.Event) {
	if ev.At.IsZero() {
		ev.At = time.Now()
	}
	if e.run != nil && ev.Run == e.run.id {
		e.run.keep(e, ev)
	}
	e.mail.put(ev)
	e.snap = nil
}

// Close cancels what runs, waits for every child and goroutine, and returns.
func (e *Engine) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), reportsAtEnd)
	_ = e.Reported(ctx) // what failed is a notice
	stop()
	e.cancel()
	<-e.done
	var problems []error
	if e.watcher != nil {
		problems = append(problems, e.watcher.Close())
	}
	return errors.Join(append(problems, e.loader.Close(), e.logs.close(), e.manager.Close())...)
}

// Wait returns when something changed since the last Wait, at most 30 times a second. One goroutine may wait at a time.
func (e *Engine) Wait(ctx context.Context) (Batch, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(e.ctx, func() { stop(errClosed) })()
	events, dropped, err := e.mail.take(ctx)
	if err != nil {
		if context.Cause(ctx) == errClosed { //nolint:errorlint // the cause is this very value
			return Batch{}, errClosed
		}
		return Batch{}, err
	}
	return Batch{Snapshot: e.Snapshot(), Events: events, Dropped: dropped}, nil
}

// Snapshot returns the current picture, never nil.
func (e *Engine) Snapshot() *Snapshot {
	var snap *Snapshot
	if err := e.call(context.Background(), func() { snap = e.snapshot() }); err != nil {
		<-e.done
		return e.last
	}
	return snap
}

// rebuild joins the definitions of all locations into the graph, when they changed.
func (e *Engine) rebuild() {
	if e.graphAt == e.definedAt {
		return
	}
	var all []graph.Definitions
	e.problems = nil
	for _, name := range e.loader.Names() {
		s := e.loader.State(name)
		d := graph.Definitions{Location: name, Assets: s.Assets, Jobs: s.Jobs}
		if s.Err != nil {
			d.Broken = s.Err.Message
		}
		all = append(all, d)
		for _, p := range s.Problems {
			e.problems = append(e.problems, diag.New("location", "code location %s: %s", name, p))
		}
	}
	e.graph = graph.New(all, e.owners())
	e.problems = append(e.problems, e.graph.Problems()...)
	e.findMade()
	e.graphAt = e.definedAt
	e.judged = false
	e.snap = nil
}

func (e *Engine) owners() map[graph.Key]string {
	owners := map[graph.Key]string{}
	for text, location := range e.ws.Settings.Owners {
		if key, err := graph.ParseKey(text); err == nil {
			owners[key] = location.Value
		}
	}
	return owners
}

// judge brings the freshness up to date and returns it.
func (e *Engine) judge() *graph.Freshness {
	e.rebuild()
	if !e.judged {
		e.fresh = graph.NewFreshness(e.graph, func(k graph.Key) graph.Stored { return e.stored[k] }, time.Now())
		e.judged = true
		e.snap = nil
	}
	return e.fresh
}

// lookForOverdue judges anew where statuses can change by the passing of time alone, and reports whether one did.
func (e *Engine) lookForOverdue() bool {
	if e.judged && e.graphAt == e.definedAt && !e.hangsOnTime() {
		return false
	}
	before := e.fresh
	e.judged = false
	after := e.judge()
	return before == nil || !maps.Equal(before.Counts(), after.Counts())
}

// hangsOnTime reports whether some asset may become overdue, or get partitions.
func (e *Engine) hangsOnTime() bool {
	for i := range e.graph.Len() {
		if a := e.graph.At(i); a.MaxAge > 0 || a.Partitions != nil {
			return true
		}
	}
	return false
}

// A RunSummary is one run of the history.
type RunSummary struct {
	Run       string         `json:"run"`
	State     string         `json:"state"`
	At        time.Time      `json:"at"`
	MS        int64          `json:"ms"`
	By        string         `json:"by"`
	Selection string         `json:"selection"`
	Counts    map[string]int `json:"counts"`
}
