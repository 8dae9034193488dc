package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	"github.com/assetdev/assetdev/internal/git"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/iomanager"
	"github.com/assetdev/assetdev/loader"
	"github.com/assetdev/assetdev/loader/location"
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
	limits := run.Limits{Jobs: jobs, PerLocation: map[string]int{}}
	for _, l := range e.ws.Locations {
		limits.PerLocation[l.Name] = l.Jobs
	}
	r := &activeRun{
		id: id, request: m, started: time.Now(), state: event.Running, writer: writer,
		steps: map[graph.Key]*Step{}, stops: map[graph.Key]context.CancelFunc{}, outcomes: map[graph.Key]history.Outcome{}, gits: map[string]*graph.Git{},
		schedule: run.New(plan.Steps, limits, m.FailFast, func(key graph.Key) int { a, _ := e.graph.Asset(key); return a.Retries }),
	}
	for _, s := range plan.Steps {
		r.steps[s.Asset] = &Step{Key: s.Asset, Location: s.Location, State: "want", After: s.After, Why: s.Why, Forecast: -1, Fraction: -1, Rows: -1}
		if s.ForecastMS != nil {
			r.steps[s.Asset].Forecast = *s.ForecastMS
		}
	}
	e.run = r
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
	if r.steps[key].Why == "forced" {
		return true
	}
	fresh := e.judge()
	status := fresh.Status(key)
	if status == graph.Stale && !r.request.Only {
		// Only upstreams that are stale for a reason outside this run: nothing new to read.
		return slices.ContainsFunc(fresh.Reasons(key), func(reason graph.Reason) bool { return reason.Kind != graph.UpstreamStale }) || r.request.Only
	}
	return status != graph.Fresh
}

// tellStep tells a step's new state.
func (e *Engine) tellStep(r *activeRun, s run.Effect) {
	key := s.Key
	step := r.steps[key]
	step.State, step.Attempt = s.State.String(), s.Attempt
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
			step.Rows = record.Rows
			ev.Rows, ev.Bytes, ev.DataVersion = &record.Rows, &record.Bytes, record.DataVersion
		}
		ev.Error = step.Error
		e.remember(r, key, s.State, step)
	}
	e.emit(ev)
}

// remember keeps how the step ended for the asset's history.
func (e *Engine) remember(r *activeRun, key graph.Key, state run.State, step *Step) {
	asset, _ := e.graph.Asset(key)
	last := graph.LastRun{Run: r.id, State: state.String(), At: time.Now(), Code: asset.Code.Version, Inputs: e.inputVersions(asset)}
	if step.Error != nil {
		last.Error = step.Error.Message
	}
	o := history.Outcome{Last: last, TookMS: -1}
	if (state == run.Succeeded || state == run.Unchanged) && step.Attempt > 0 && !step.restored {
		o.TookMS = step.MS
	}
	r.outcomes[key] = o
	stored := e.stored[key]
	stored.Last = &last
	e.stored[key] = stored
	known := e.remembered[key]
	known.Last = &last
	if o.TookMS >= 0 {
		known.Took = append(slices.Clone(known.Took), o.TookMS)
		known.Took = known.Took[max(0, len(known.Took)-5):]
	}
	e.remembered[key] = known
}

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
			e.notice(diag.New("run", "%s", reply.Text))
		}
	}
	if e.run == nil && e.ctx.Err() == nil {
		e.autoRun()
	}
}

// tidy applies retention and measures the storage, after a run.
func (e *Engine) tidy(ctx context.Context) {
	_, collectErr := e.manager.Collect(ctx, false)
	_, pruneErr := e.prune()
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
	if !key.IsZero() && e.run.steps[key] == nil {
		return Reply{}, fmt.Errorf("%s has no step in the active run", key)
	}
	if key.IsZero() {
		e.queue = nil
	}
	id := e.run.id
	e.perform(e.run.schedule.Next(run.Cancel{Key: key}))
	return Reply{Run: id, Text: "cancelling"}, nil
}

// touchRunning restarts the steps whose code a save changed while they run.
func (e *Engine) touchRunning(changed []graph.Key) {
	for _, key := range changed {
		if e.run != nil && e.run.steps[key] != nil {
			e.perform(e.run.schedule.Next(run.Touched{Key: key}))
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

// A stepJob is all that a worker needs to run one step; it holds nothing of the owner's.
type stepJob struct {
	run, dir string
	asset    graph.Asset
	attempt  int
	inputs   []iomanager.Pinned
	owners   map[graph.Key]string // location of each input, "" for none
	baseSeq  int64
	restore  bool // data of an earlier version with the same code and inputs may be put back
	timeout  time.Duration
	git      *graph.Git
	user     string
}

// A stepResult is what a worker reports.
type stepResult struct {
	outcome  run.State
	record   *graph.Record
	restored bool
	err      *event.Error
	git      *graph.Git
	foreign  map[graph.Key]graph.Stored // what was found of inputs that something else made
}

// startStep pins the step's inputs and starts its worker.
func (e *Engine) startStep(r *activeRun, key graph.Key) {
	asset, _ := e.graph.Asset(key)
	stored := e.stored[key]
	job := stepJob{
		run: r.id, dir: filepath.Join(e.state, "steps", r.id+"-"+strings.ReplaceAll(key.String(), "/", "%2F")), asset: asset, attempt: r.schedule.Step(key).Attempt,
		owners: map[graph.Key]string{}, timeout: asset.Timeout, git: r.gits[asset.Location], user: e.user,
	}
	if r.request.Timeout > 0 {
		job.timeout = r.request.Timeout
	}
	if stored.Record != nil {
		job.baseSeq = stored.Record.Seq
	}
	for _, dep := range asset.Deps {
		job.inputs = append(job.inputs, iomanager.Pinned{Key: dep, Record: e.stored[dep].Record})
		if a, ok := e.graph.Asset(dep); ok {
			job.owners[dep] = a.Location
		}
	}
	switch status := e.judge().Status(key); status {
	case graph.Missing, graph.Stale:
		job.restore = r.steps[key].Why != "forced" && (stored.Record == nil || len(stored.Record.Changed) == 0)
	case graph.External, graph.Unknown, graph.Overdue, graph.Fresh:
	}
	ctx, stop := context.WithCancel(e.ctx)
	r.stops[key] = stop
	e.workers.Go(func() {
		defer stop()
		result := e.runStep(ctx, job)
		e.post(func() { e.stepEnded(r, key, result) })
	})
}

// stepEnded takes a worker's result.
func (e *Engine) stepEnded(r *activeRun, key graph.Key, result stepResult) {
	delete(r.stops, key)
	differs := result.foreign
	if differs == nil {
		differs = map[graph.Key]graph.Stored{}
	}
	if result.record != nil {
		stored := e.stored[key]
		stored.Record, stored.Data, stored.Text = result.record, graph.DataPresent, ""
		differs[key] = stored
	}
	e.commits++
	e.changed(differs)
	if result.git != nil {
		asset, _ := e.graph.Asset(key)
		r.gits[asset.Location] = result.git
	}
	step := r.steps[key]
	step.Error, step.restored = result.err, result.restored
	if e.run != r {
		return
	}
	e.perform(r.schedule.Next(run.Ended{Key: key, Outcome: result.outcome}))
}

func failed(err error) stepResult {
	if e, ok := errors.AsType[*location.Error](err); ok {
		return stepResult{outcome: run.Failed, err: &event.Error{Message: e.Message, Trace: e.Trace, File: e.File, Line: e.Line}}
	}
	if d, ok := errors.AsType[*diag.Error](err); ok {
		text := d.What
		if d.Hint != "" {
			text += " (" + d.Hint + ")"
		}
		return stepResult{outcome: run.Failed, err: &event.Error{Message: text, File: d.Pos.File, Line: d.Pos.Line}}
	}
	return stepResult{outcome: run.Failed, err: &event.Error{Message: err.Error()}}
}

// runStep runs one step from its pinned inputs to its commit. It runs on a worker.
func (e *Engine) runStep(ctx context.Context, job stepJob) (result stepResult) {
	began := time.Now()
	asset := job.asset
	pin, err := e.loader.Pin(ctx, asset.Location, asset.Key)
	if err != nil {
		return e.stopped(ctx, failed(err))
	}
	code := pin.Code
	// Inputs are pinned now, as they are stored, not as they were known when the step was planned.
	inputs := map[graph.Key]string{}
	for i := range job.inputs {
		in := &job.inputs[i]
		if in.Record, inputs[in.Key], err = e.newest(ctx, in.Key); err != nil {
			return e.stopped(ctx, failed(err))
		}
	}
	own, err := e.manager.Latest(ctx, asset.Key)
	if err != nil {
		return e.stopped(ctx, failed(err))
	}
	if own != nil {
		job.baseSeq = own.Seq
	}
	record := graph.Record{Key: asset.Key, Run: job.run, Attempt: job.attempt, Location: asset.Location, Code: bare(code), Inputs: inputs, By: job.user}
	if job.git == nil {
		if dir := e.loader.State(asset.Location).Dir; dir != "" {
			if state, ok, err := git.State(ctx, e.grant, dir); err == nil && ok {
				job.git = &graph.Git{Commit: state.Commit, Dirty: state.Dirty, Branch: state.Branch}
			}
		}
	}
	record.Git = job.git
	result.git = job.git

	if job.restore {
		earlier, err := e.manager.FindVersion(ctx, asset.Key, code.Version, inputs)
		if err != nil {
			return e.stopped(ctx, failed(err))
		}
		young := asset.MaxAge == 0 || earlier != nil && time.Since(earlier.At) < asset.MaxAge
		if earlier != nil && earlier.File != "" && young {
			update := *earlier // its data is as old as it was
			update.Run, update.Attempt, update.By, update.Git, update.Code = job.run, job.attempt, job.user, job.git, record.Code
			restored, outcome, err := e.manager.Restore(ctx, asset.Key, *earlier, update)
			switch {
			case err == nil || e.behind(asset.Key, err):
				result.record, result.restored, result.outcome = &restored, true, run.Unchanged
				if outcome == iomanager.Superseded {
					result.outcome = run.Superseded
				}
				return result
			case !errors.Is(err, fs.ErrNotExist):
				return e.stopped(ctx, failed(err))
			}
			// The kept data is gone or damaged: make it anew.
		}
	}

	if err := os.MkdirAll(job.dir, 0o700); err != nil {
		return failed(fmt.Errorf("make a folder for the step: %w", err))
	}
	defer func() {
		if err := os.RemoveAll(job.dir); err != nil {
			e.post(func() { e.notice(diag.New("state", "remove the step's folder: %w", err)) })
		}
	}()
	view, err := e.manager.View(ctx, filepath.Join(job.dir, "view"), job.inputs, true)
	if err != nil {
		return e.stopped(ctx, failed(err))
	}
	request := wire.Request{
		Type: wire.Materialize, Run: job.run, Asset: asset.Key.Bare().String(), Attempt: job.attempt,
		View: filepath.Join(job.dir, "view"), Output: filepath.Join(job.dir, "output"),
	}
	for _, in := range view {
		request.Inputs = append(request.Inputs, wire.Input{
			Asset: in.Key.String(), Parquet: in.Parquet, Arrow: in.Arrow, DataVersion: in.DataVersion, Location: job.owners[in.Key],
			Command: "assetdev materialize " + in.Key.String(),
		})
	}
	ring, err := e.logs.open(job.run, asset.Key, func(line child.Line) { e.logLine(job.run, asset.Key, line) })
	if err != nil {
		return failed(err)
	}
	stepCtx := ctx
	if job.timeout > 0 {
		var cancel context.CancelFunc
		stepCtx, cancel = context.WithTimeout(ctx, job.timeout)
		defer cancel()
	}
	said, err := e.loader.Materialize(stepCtx, asset.Location, request, &stepOutput{e, job.run, asset.Key, ring})
	if closeErr := ring.Close(); closeErr != nil {
		e.post(func() { e.notice(diag.New("state", "log of %s: %w", asset.Key, closeErr)) })
	}
	if err != nil {
		if stepCtx.Err() != nil && ctx.Err() == nil {
			err = &location.Error{Message: fmt.Sprintf("timed out after %s", job.timeout)}
		}
		return e.stopped(ctx, failed(err))
	}
	record.Metadata = said.Metadata

	// Compare again what was pinned: what changed while the step ran marks its result.
	after, err := e.loader.Pin(ctx, asset.Location, asset.Key)
	var changed bool
	record.Code, changed = ranCode(pin, after, said.Build)
	record.Code = bare(record.Code)
	if err != nil || changed {
		record.Changed = append(record.Changed, "code")
	}
	for _, in := range job.inputs {
		_, now, err := e.newest(ctx, in.Key)
		if err != nil {
			return e.stopped(ctx, failed(err))
		}
		if now != inputs[in.Key] {
			record.Changed = append(record.Changed, in.Key.String())
		}
	}
	var foreign []graph.Key
	for _, in := range job.inputs {
		if in.Record == nil && inputs[in.Key] != "" {
			foreign = append(foreign, in.Key)
		}
	}
	if len(foreign) > 0 {
		if result.foreign, err = e.manager.Stored(ctx, foreign); err != nil {
			return e.stopped(ctx, failed(err))
		}
	}
	record.At = time.Now()
	record.Took = record.At.Sub(began)
	committed, outcome, err := e.manager.Commit(ctx, iomanager.Draft{
		Record: record, Output: request.Output, Format: said.Format, AuthorDataVersion: said.DataVersion, Unordered: asset.Unordered, BaseSeq: job.baseSeq,
	})
	if err != nil && !e.behind(asset.Key, err) {
		return e.stopped(ctx, failed(err))
	}
	result.record = &committed
	switch outcome {
	case iomanager.Succeeded:
		result.outcome = run.Succeeded
	case iomanager.Unchanged:
		result.outcome = run.Unchanged
	case iomanager.Superseded:
		result.outcome = run.Superseded
	}
	return result
}

// newest returns the newest record of an input and its data version; of data that something else made there is no record, and the
// version is that of the file as it is.
func (e *Engine) newest(ctx context.Context, key graph.Key) (*graph.Record, string, error) {
	record, err := e.manager.Latest(ctx, key)
	if err != nil || record != nil {
		return record, versionOf(record), err
	}
	version, err := e.manager.ForeignVersion(ctx, key)
	return nil, version, err
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

// stopped turns a failure into a cancellation when the step was stopped.
func (e *Engine) stopped(ctx context.Context, result stepResult) stepResult {
	if ctx.Err() != nil {
		result.outcome, result.err = run.Cancelled, nil
	}
	return result
}

// bare returns the code version as records keep it.
func bare(code graph.Code) graph.Code {
	code.Parts = slices.Clone(code.Parts)
	for i := range code.Parts {
		code.Parts[i].Text = ""
	}
	return code
}

// A stepOutput passes on what a running step says.
type stepOutput struct {
	engine *Engine
	run    string
	key    graph.Key
	ring   *child.Ring
}

func (o *stepOutput) Log(stream, level, text string) { o.ring.Add(stream, level, text) }

func (o *stepOutput) Progress(fraction float64, text string) {
	o.engine.post(func() {
		e := o.engine
		if e.run == nil || e.run.id != o.run {
			return
		}
		step := e.run.steps[o.key]
		step.Fraction, step.Text = fraction, text
		e.emit(event.Event{Kind: event.KindProgress, Run: o.run, Asset: &o.key, Fraction: &fraction, Text: text})
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
