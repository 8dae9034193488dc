package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/engine/history"
	"github.com/assetdev/assetdev/engine/run"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager"
	"github.com/assetdev/assetdev/loader"
)

// An activeRun is the run that goes on. It belongs to the owner goroutine.
type activeRun struct {
	id       string
	request  Materialize
	schedule *run.Run
	started  time.Time
	state    string
	steps    map[graph.Key]*Step
	stops    map[graph.Key]context.CancelFunc
	writer   *history.Writer
	outcomes map[graph.Key]history.Outcome
	gits     map[string]*graph.Git // by location
	ended    *Run                  // the picture after the end

	partitions map[graph.Key][]graph.Key // of each asset, those that have a step
}

// stepOf returns the step of an asset, nil when there is none. Of the steps of its partitions that is one that runs, else one that waits,
// else the last.
func (r *activeRun) stepOf(key graph.Key) *Step {
	found := r.steps[key]
	for _, partition := range r.partitions[key] {
		switch step := r.steps[partition]; {
		case step.State == event.Running:
			return step
		case found == nil || event.Final(found.State):
			found = step
		}
	}
	return found
}

// keep writes an event into the run's history. A history that cannot be written is told once and does not stop the run.
func (r *activeRun) keep(e *Engine, ev event.Event) {
	if r.writer == nil {
		return
	}
	if err := r.writer.Append(ev); err != nil {
		problem := errors.Join(err, r.writer.Close())
		r.writer = nil
		e.notice(diag.New("state", "%w", problem))
	}
}

func (e *Engine) newRunID() string { return history.NewID(time.Now(), rand.Uint32()) }

// start begins a run of the plan.
func (e *Engine) start(m Materialize, plan graph.Plan) error {
	id := e.newRunID()
	writer, err := e.history.Begin(id)
	if err != nil {
		return err
	}
	jobs := e.ws.Settings.Jobs
	if e.opts.Jobs > 0 {
		jobs = e.opts.Jobs
	}
	if m.Jobs > 0 {
		jobs = m.Jobs
	}
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	if m.Debug {
		jobs = 1 // there is one terminal
	}
	limits := run.Limits{Jobs: jobs, PerLocation: map[string]int{}, PerPool: e.ws.Settings.Pools}
	for _, l := range e.ws.Locations {
		limits.PerLocation[l.Name] = l.Jobs
	}
	r := &activeRun{
		id: id, request: m, started: time.Now(), state: event.Running, writer: writer,
		steps: map[graph.Key]*Step{}, stops: map[graph.Key]context.CancelFunc{}, outcomes: map[graph.Key]history.Outcome{}, gits: map[string]*graph.Git{},
		schedule: run.New(plan.Steps, limits, m.FailFast, func(key graph.Key) int { a, _ := e.graph.Asset(key); return a.Retries }),
	}
	r.partitions = map[graph.Key][]graph.Key{}
	for _, s := range plan.Steps {
		if s.Asset.Partition() != "" {
			r.partitions[s.Asset.Asset()] = append(r.partitions[s.Asset.Asset()], s.Asset)
		}
		r.steps[s.Asset] = &Step{Key: s.Asset, Location: s.Location, State: "want", After: s.After, Why: s.Why, Forecast: -1, Fraction: -1, Rows: -1}
		if s.ForecastMS != nil {
			r.steps[s.Asset].Forecast = *s.ForecastMS
		}
	}
	e.run = r
	e.repaintSteps(r)
	e.question = nil
	selection := m.Selection
	if m.Keys != nil {
		selection = joinKeys(m.Keys)
	}
	e.emit(event.Event{Kind: event.KindPlan, Run: id, Steps: plan.Steps, Blocked: plan.Blocked, By: m.By, Select: selection})
	e.emit(event.Event{Kind: event.KindRun, Run: id, State: event.Running})
	e.perform(r.schedule.Next(run.Begin{}))
	return nil
}

func joinKeys(keys []graph.Key) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.String()
	}
	return strings.Join(texts, " or ")
}

// perform does what the schedule asks for.
func (e *Engine) perform(effects []run.Effect) {
	r := e.run
	for len(effects) > 0 {
		effect := effects[0]
		effects = effects[1:]
		switch effect.Kind {
		case run.NeedCheck:
			effects = append(effects, r.schedule.Next(run.Checked{Key: effect.Key, Needed: e.needed(effect.Key)})...)
		case run.Start:
			e.startStep(r, effect.Key)
		case run.Stop:
			if stop := r.stops[effect.Key]; stop != nil {
				stop()
			}
		case run.Changed:
			e.tellStep(r, effect)
		case run.Done:
			e.endRun(r, r.schedule.Outcome())
			return
		}
		if err := r.schedule.Check(); err != nil {
			// A bug: better an error with its place than a hang.
			e.notice(diag.New("internal", "run %s: %w", r.id, err).WithHint("please report this"))
			effects = append(effects, r.schedule.Next(run.Cancel{})...)
		}
	}
	e.touch()
}

// needed says whether a step whose upstreams in the run have all ended still has to run.
func (e *Engine) needed(key graph.Key) bool {
	r := e.run
	step := r.schedule.Step(key)
	if forced(step.Step) && !step.Sibling {
		return true
	}
	fresh := e.judge()
	status := fresh.Status(key)
	if status == graph.Stale && !r.request.Only {
		// Only upstreams that are stale for a reason outside this run: nothing new to read. Those that one process makes together with it
		// are not made yet.
		return slices.ContainsFunc(fresh.Reasons(key), func(reason graph.Reason) bool {
			up := r.schedule.Step(reason.Asset)
			together := up != nil && up.Asset != key && !up.Unit.IsZero() && up.Unit == step.Unit
			return reason.Kind != graph.UpstreamStale || together && e.needed(reason.Asset)
		})
	}
	return status != graph.Fresh
}

// forced reports whether a step was asked for whatever its asset is worth: it is not cut off, and nothing is put back in its place.
func forced(s graph.Step) bool {
	return slices.ContainsFunc(s.Reasons, func(r graph.Reason) bool { return r.Kind == graph.Forced })
}

// tellStep tells a step's new state.
func (e *Engine) tellStep(r *activeRun, s run.Effect) {
	key := s.Key
	step := r.steps[key]
	step.State, step.Attempt = s.State.String(), s.Attempt
	e.repaint(key)
	ev := event.Event{Kind: event.KindStep, Run: r.id, Asset: &key, Location: step.Location, Attempt: s.Attempt, State: step.State}
	switch s.State {
	case run.Want, run.Ready:
		e.touch()
		return
	case run.Queued:
	case run.Running:
		step.Started = time.Now()
		step.Fraction, step.Text, step.Error = -1, "", nil
	case run.Succeeded, run.Unchanged, run.CutOff, run.Superseded, run.Failed, run.Skipped, run.Cancelled:
		if !step.Started.IsZero() {
			step.MS = time.Since(step.Started).Milliseconds()
		}
		ev.MS = &step.MS
		if record := e.stored[key].Record; record != nil && s.State.Good() {
			ev.DataVersion = record.DataVersion
			if record.File != "" { // else it handed over no data
				step.Rows = record.Rows
				ev.Rows, ev.Bytes = &record.Rows, &record.Bytes
			}
		}
		ev.Error = step.Error
		e.remember(r, key, s.State, step)
	}
	e.emit(ev)
}

// remember keeps how the step ended for the asset's history.
func (e *Engine) remember(r *activeRun, key graph.Key, state run.State, step *Step) {
	asset, _ := e.graph.Asset(key)
	last := graph.LastRun{Run: r.id, State: state.String(), At: time.Now(), Code: asset.Code.Version, Inputs: e.inputVersions(key)}
	if step.Error != nil {
		last.Error = step.Error.Message
	}
	o := history.Outcome{Last: last, TookMS: -1}
	if (state == run.Succeeded || state == run.Unchanged) && step.Attempt > 0 && !step.restored {
		o.TookMS = step.MS
	}
	r.outcomes[key] = o
	history.Note(e.remembered, key, o)
	stored := e.stored[key]
	was := stored.Last
	stored.Last = e.remembered[key].Last
	e.stored[key] = stored
	e.repaint(key)
	if whole := key.Asset(); whole != key {
		stored := e.stored[whole]
		stored.Last = e.remembered[whole].Last
		e.stored[whole] = stored
		if failed(was) || failed(e.stored[key].Last) { // it is counted
			e.changed(map[graph.Key]graph.Stored{key: e.stored[key]})
		}
	}
}

func failed(last *graph.LastRun) bool { return last != nil && last.State == event.Failed }

// endRun ends the run, and starts what waited for its end.
func (e *Engine) endRun(r *activeRun, outcome string) {
	counts := map[string]int{}
	for state, n := range r.schedule.Counts() {
		counts[state.String()] = n
	}
	ms := time.Since(r.started).Milliseconds()
	r.state = outcome
	e.emit(event.Event{Kind: event.KindRun, Run: r.id, State: outcome, MS: &ms, Counts: counts})
	if r.writer != nil {
		if err := r.writer.Close(); err != nil {
			e.notice(diag.New("state", "%w", err))
		}
		r.writer = nil
	}
	if err := e.history.Remember(r.outcomes); err != nil {
		e.notice(diag.New("state", "%w", err))
	}
	r.ended = e.pictureOf(r)
	r.ended.MS = ms
	e.lastRun = r.ended
	e.run = nil
	e.repaintSteps(r)
	e.touch()
	if e.ctx.Err() != nil {
		return
	}
	e.work(func(ctx context.Context) { e.tidy(ctx) })
	e.startQueued()
}

// startQueued starts what waited for the end of a run or of loading; when that is nothing, auto-run has its turn.
func (e *Engine) startQueued() {
	for len(e.queue) > 0 && e.run == nil && e.question == nil && !e.anyLoading() && e.ctx.Err() == nil {
		m := e.queue[0]
		e.queue = e.queue[1:]
		reply, err := e.materialize(m)
		switch {
		case err != nil:
			e.notice(diag.New("run", "%w", err))
		case reply.Run == "" && reply.Question == "":
			e.told = &Told{At: time.Now(), Text: reply.Text}
			e.touch()
		}
	}
	if e.run == nil && e.ctx.Err() == nil {
		e.autoRun()
	}
}

// tidy applies retention and measures the storage, after a run.
func (e *Engine) tidy(ctx context.Context) {
	_, collectErr := e.manager.Collect(ctx, false)
	_, pruneErr := e.prune(false)
	if err := errors.Join(collectErr, pruneErr); err != nil && ctx.Err() == nil {
		e.post(func() { e.notice(diag.New("storage", "retention: %w", err)) })
	}
	e.measure(ctx)
}

// measure looks how much the storage holds.
func (e *Engine) measure(ctx context.Context) {
	size, err := e.manager.Size(ctx)
	e.post(func() {
		if err != nil {
			e.notice(diag.New("storage", "measure the storage: %w", err))
			return
		}
		e.size = size
		e.touch()
	})
}

// cancelRun ends the active run, or one step of it.
func (e *Engine) cancelRun(key graph.Key) (Reply, error) {
	if e.run == nil && len(e.queue) > 0 {
		e.queue = nil
		e.touch()
		return Reply{Text: "what waited is not started"}, nil
	}
	if e.run == nil {
		return Reply{Text: "nothing runs"}, nil
	}
	r := e.run
	if !key.IsZero() && r.stepOf(key) == nil {
		return Reply{}, fmt.Errorf("%s has no step in the active run", key)
	}
	if key.IsZero() {
		e.queue = nil
	}
	keys := []graph.Key{key}
	if parts := r.partitions[key]; len(parts) > 0 && r.steps[key] == nil {
		keys = parts
	}
	for _, key := range keys {
		if e.run == r {
			e.perform(r.schedule.Next(run.Cancel{Key: key}))
		}
	}
	return Reply{Run: r.id, Text: "cancelling"}, nil
}

// touchRunning restarts the steps whose code a save changed while they run.
func (e *Engine) touchRunning(changed []graph.Key) {
	for _, asset := range changed {
		if e.run == nil {
			return
		}
		for _, key := range append(slices.Clone(e.run.partitions[asset]), asset) {
			if e.run != nil && e.run.steps[key] != nil {
				e.perform(e.run.schedule.Next(run.Touched{Key: key}))
			}
		}
	}
}

// endRunNow ends the run because the engine closes: children are stopped by the context; what was not ended is cancelled.
func (e *Engine) endRunNow() {
	if e.run == nil {
		return
	}
	e.queue = nil
	idle := make(chan struct{})
	e.perform(e.run.schedule.Next(run.Cancel{}))
	go func() {
		e.workers.Wait()
		close(idle)
	}()
	for e.run != nil {
		select {
		case f := <-e.inbox:
			f()
		case <-idle:
			select {
			case f := <-e.inbox:
				f()
			default:
				// Nothing will report any more: what still counts as running is over.
				for _, s := range slices.Clone(e.run.schedule.Steps) {
					if e.run != nil && s.State == run.Running {
						e.perform(e.run.schedule.Next(run.Ended{Key: s.Asset, Outcome: run.Cancelled}))
					}
				}
				return
			}
		}
	}
}

// newest returns the newest record of an input and its data version; of data that something else made there is no record, and the
// version is that of the file as it is.
func (e *Engine) newest(ctx context.Context, key graph.Key, made *graph.Made) (*graph.Record, string, error) {
	record, err := e.manager.Latest(ctx, key)
	if err != nil || record != nil {
		return record, versionOf(record), err
	}
	version, err := e.manager.ForeignVersion(ctx, key)
	if err == nil && version == "" && made != nil {
		version, err = e.madeVersion(ctx, made)
	}
	return nil, version, err
}

// madeVersion returns the data version of what the framework's own history says was made: of its file, where it names one that can be
// read, else of the materialization.
func (e *Engine) madeVersion(ctx context.Context, made *graph.Made) (string, error) {
	if made.Path != "" {
		version, err := e.manager.FileVersion(ctx, made.Path)
		if err == nil || ctx.Err() != nil {
			return version, err
		}
	}
	return made.Version(), nil
}

func versionOf(record *graph.Record) string {
	if record == nil {
		return ""
	}
	return record.DataVersion
}

// behind reports whether an error says that a commit is valid and only the file at the well-known path is not the newest data;
// that is told, and is no failure.
func (e *Engine) behind(key graph.Key, err error) bool {
	if !errors.Is(err, iomanager.ErrBehind) {
		return false
	}
	e.post(func() { e.notice(diag.New("storage", "%s: %w", key, err)) })
	return true
}

// ranCode returns the code version of what a step ran, given what the files said before and after it, and whether the result is
// marked: because the code changed meanwhile, or because it cannot be told which code ran.
func ranCode(before, after loader.Pin, build string) (graph.Code, bool) {
	switch {
	case before.Code.Version == after.Code.Version && (build == before.Build || build == after.Build):
		return before.Code, false
	case build == before.Build:
		return before.Code, true
	case build == after.Build:
		// The edit came before the program was built: what ran is what the files say now. Declared files and variables were
		// perhaps read as they were before.
		return after.Code, !slices.Equal(notCode(before.Code), notCode(after.Code))
	}
	return before.Code, true
}

// notCode returns the parts that are no code of the program.
func notCode(code graph.Code) []graph.Part {
	return slices.DeleteFunc(slices.Clone(code.Parts), func(p graph.Part) bool { return p.Kind == graph.PartCode })
}

// bare returns the code version as records keep it.
func bare(code graph.Code) graph.Code {
	code.Parts = slices.Clone(code.Parts)
	for i := range code.Parts {
		code.Parts[i].Text = ""
	}
	return code
}

// A stepOutput passes on what a running step says; its progress is that of all assets which it makes.
type stepOutput struct {
	engine *Engine
	run    string
	keys   []graph.Key
	ring   *child.Ring
}

func (o *stepOutput) Log(stream, level, text string) { o.ring.Add(stream, level, text) }

func (o *stepOutput) Progress(fraction float64, text string) {
	o.engine.post(func() {
		e := o.engine
		if e.run == nil || e.run.id != o.run {
			return
		}
		for _, key := range o.keys {
			step := e.run.steps[key]
			step.Fraction, step.Text = fraction, text
			e.repaint(key)
		}
		e.emit(event.Event{Kind: event.KindProgress, Run: o.run, Asset: &o.keys[0], Fraction: &fraction, Text: text})
	})
}

// logLine passes a log line on to who listens for them. It runs on the goroutine that reads the step's output.
func (e *Engine) logLine(runID string, key graph.Key, line child.Line) {
	if !e.opts.LogEvents {
		return
	}
	level := line.Level
	if level == "" {
		level = "info"
	}
	e.mail.put(event.Event{At: line.Time, Kind: event.KindLog, Run: runID, Asset: &key, Stream: line.Stream, Level: level, Text: line.Text})
}
