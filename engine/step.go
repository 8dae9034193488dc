package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine/event"
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

// What one process does for a run, from pinned inputs to commits.
//
//	(a) A process makes one asset, or all wanted assets of one multi-asset step. Each of them gets a record, an outcome and an error of its own.
//	(b) What is read by two of them, and made by one, is committed before the other: its reader pins what this very process made.
//	(c) A failure of the process fails what was not committed.

// A stepJob is all that a worker needs to run one process; it holds nothing of the owner's.
type stepJob struct {
	run, dir string
	location string
	assets   []stepAsset // in the order of the plan: what is read stands before its reader
	together bool        // none of them can be made without the others
	attempt  int
	inputs   []stepInput // of all of them, without those that are among them
	timeout  time.Duration
	git      *graph.Git
	user     string
	config   json.RawMessage
	debug    bool
	alone    bool // the run has no other step
}

// A stepAsset is one asset that a process makes.
type stepAsset struct {
	asset   graph.Asset   // its Key is the partition's, where there is one
	reads   []graph.Input // what it reads
	made    *graph.Made   // what the framework's own history says of it
	baseSeq int64
	restore bool // data of an earlier version with the same code and inputs may be put back
	// configured says that the request gives it a run config.
	configured bool
}

// A stepInput is an input of a step, an asset or a partition of one, and what is known of it beside its record.
type stepInput struct {
	iomanager.Pinned
	owner    string // location that makes it, "" for none
	storedBy string
	made     *graph.Made
}

// A stepResult is what a worker reports: one outcome for each asset of the job.
type stepResult struct {
	made    []assetResult
	git     *graph.Git
	foreign map[graph.Key]graph.Stored // what was found of inputs that something else made
}

// An assetResult is what became of one asset.
type assetResult struct {
	key      graph.Key
	outcome  run.State
	record   *graph.Record
	restored bool
	kept     bool // the step chose not to make it
	// rewritten names files that the step read and that say something else already.
	rewritten []graph.Read
	err       *event.Error
	checks    []wire.Check
}

// held reports whether a check of the data holds up what reads it.
func (r *assetResult) held() bool {
	return r.outcome.Good() && r.record != nil && slices.ContainsFunc(r.record.Checks, graph.CheckResult.Holds)
}

// startStep starts the worker of a process that makes a step, and what is made together with it.
func (e *Engine) startStep(r *activeRun, key graph.Key) {
	keys := r.schedule.Together(key)
	first := r.schedule.Step(key)
	job := stepJob{
		run: r.id, dir: filepath.Join(e.state, "steps", r.id+"-"+key.FileName()), location: first.Location,
		together: first.Together, attempt: first.Attempt, git: r.gits[first.Location], user: e.user, config: r.request.Config, debug: r.request.Debug,
		alone: len(keys) == len(r.steps),
	}
	pinned := map[graph.Key]bool{}
	for _, key := range keys {
		asset, _ := e.graph.Asset(key)
		asset.Key = key
		stored := e.stored[key]
		a := stepAsset{asset: asset, reads: e.graph.Inputs(key), made: e.made[key]}
		if stored.Record != nil {
			a.baseSeq = stored.Record.Seq
		}
		step := r.schedule.Step(key)
		switch status := e.judge().Status(key); status {
		case graph.Missing, graph.Stale:
			a.restore = !forced(step.Step) && (stored.Record == nil || len(stored.Record.Changed) == 0)
		case graph.Fresh:
			a.restore = step.Sibling
		case graph.External, graph.Unknown, graph.Overdue:
		}
		if a.configured = givesConfig(asset, job.config); a.configured {
			a.restore = false
		}
		job.assets = append(job.assets, a)
		job.timeout = max(job.timeout, asset.Timeout)
		for _, reads := range a.reads {
			for _, dep := range keysOf(reads) {
				if pinned[dep] || slices.Contains(keys, dep) {
					continue
				}
				pinned[dep] = true
				in := stepInput{Pinned: iomanager.Pinned{Key: dep, Record: e.stored[dep].Record}}
				if up, ok := e.graph.Asset(dep); ok {
					in.owner, in.storedBy, in.made = up.Location, up.StoredBy, e.made[dep]
				}
				job.inputs = append(job.inputs, in)
			}
		}
	}
	if r.request.Timeout > 0 {
		job.timeout = r.request.Timeout
	}
	if job.debug {
		job.timeout = 0
	}
	ctx, stop := context.WithCancel(e.ctx)
	for _, key := range keys {
		r.stops[key] = stop
	}
	e.workers.Go(func() {
		defer stop()
		result := e.runStep(ctx, job)
		e.post(func() { e.stepEnded(r, result) })
	})
}

// keysOf returns what is read of an input: the asset, or partitions of it.
func keysOf(in graph.Input) []graph.Key {
	if in.Partitions != nil {
		return in.Partitions
	}
	return []graph.Key{in.Key}
}

// stepEnded takes a worker's result.
func (e *Engine) stepEnded(r *activeRun, result stepResult) {
	differs := result.foreign
	if differs == nil {
		differs = map[graph.Key]graph.Stored{}
	}
	for _, made := range result.made {
		delete(r.stops, made.key)
		if made.record != nil {
			stored := e.stored[made.key]
			stored.Record, stored.Data, stored.Text, stored.Rewritten = made.record, graph.DataPresent, "", made.rewritten
			differs[made.key] = stored
		}
	}
	e.commits++
	e.changed(differs)
	e.report(result.made)
	for _, made := range result.made {
		if result.git != nil {
			r.gits[r.steps[made.key].Location] = result.git
		}
		step := r.steps[made.key]
		step.Error, step.restored = made.err, made.restored
		for _, c := range made.checks {
			e.tellCheck(r, made.key, c)
		}
	}
	for _, made := range result.made {
		if e.run == r {
			e.perform(r.schedule.Next(run.Ended{Key: made.key, Outcome: made.outcome, Held: made.held()}))
		}
	}
}

// tellCheck tells the outcome of a check.
func (e *Engine) tellCheck(r *activeRun, key graph.Key, c wire.Check) {
	e.emit(event.Event{
		Kind: event.KindCheck, Run: r.id, Asset: &key, Name: c.Name, Passed: &c.Passed, Severity: severity(c), Blocking: &c.Blocking, Text: c.Description, Metadata: c.Metadata,
	})
}

func severity(c wire.Check) string {
	if c.Severity == "WARN" {
		return "WARN"
	}
	return "ERROR"
}

// A stepError is why a process made nothing.
func stepError(err error) *event.Error {
	if e, ok := errors.AsType[*location.Error](err); ok {
		return &event.Error{Message: e.Message, Trace: e.Trace, File: e.File, Line: e.Line}
	}
	if d, ok := errors.AsType[*diag.Error](err); ok {
		text := d.What
		if d.Hint != "" {
			text += " (" + d.Hint + ")"
		}
		return &event.Error{Message: text, File: d.Pos.File, Line: d.Pos.Line}
	}
	return &event.Error{Message: err.Error()}
}

// A stepRun is one process at work. It belongs to its worker.
type stepRun struct {
	*Engine
	job      stepJob
	began    time.Time
	pins     []loader.Pin         // of each asset
	versions map[graph.Key]string // of each input, and of what was committed here
	result   stepResult
}

// runStep runs one process from pinned inputs to commits. It runs on a worker.
func (e *Engine) runStep(ctx context.Context, job stepJob) stepResult {
	s := &stepRun{Engine: e, job: job, began: time.Now(), versions: map[graph.Key]string{}}
	for _, a := range job.assets {
		s.result.made = append(s.result.made, assetResult{key: a.asset.Key, outcome: run.Want})
	}
	err := s.all(ctx)
	for i := range s.result.made {
		made := &s.result.made[i]
		if made.record != nil {
			made.rewritten = s.loader.Rewritten(made.record.Location, made.record.Reads)
		}
		switch {
		case made.outcome != run.Want:
		case ctx.Err() != nil:
			made.outcome = run.Cancelled
		default:
			made.outcome, made.err = run.Failed, stepError(err)
		}
	}
	return s.result
}

// all does everything; the error is that of all assets that have no outcome yet.
func (s *stepRun) all(ctx context.Context) error {
	job := &s.job
	for _, a := range job.assets {
		pin, err := s.loader.Pin(ctx, job.location, a.asset.Key)
		if err != nil {
			return err
		}
		s.pins = append(s.pins, pin)
	}
	// Inputs are pinned now, as they are stored, not as they were known when the step was planned.
	pins, err := s.newestInputs(ctx)
	if err != nil {
		return err
	}
	for i := range job.inputs {
		in := &job.inputs[i]
		if pin := pins[i]; pin.exists || in.Key.Partition() == "" {
			in.Record, s.versions[in.Key] = pin.record, pin.version
		} else {
			in.Record = nil
		}
	}
	for i := range job.assets {
		a := &job.assets[i]
		own, err := s.manager.Latest(ctx, a.asset.Key)
		if err != nil {
			return err
		}
		if own != nil {
			a.baseSeq = own.Seq
		}
	}
	if job.git == nil {
		if dir := s.loader.State(job.location).Dir; dir != "" {
			if state, ok, err := git.State(ctx, s.grant, dir); err == nil && ok {
				job.git = &graph.Git{Commit: state.Commit, Dirty: state.Dirty, Branch: state.Branch}
			}
		}
	}
	s.result.git = job.git
	if err := s.restoreAll(ctx); err != nil {
		return err
	}
	if !slices.ContainsFunc(s.result.made, func(made assetResult) bool { return made.outcome == run.Want }) {
		return nil
	}
	return s.process(ctx)
}

// An inputPin is what there is of one input.
type inputPin struct {
	record  *graph.Record
	version string
	exists  bool
}

// newestInputs looks at every input of the job. Partitions may be many, so they are asked for together.
func (s *stepRun) newestInputs(ctx context.Context) ([]inputPin, error) {
	pins := make([]inputPin, len(s.job.inputs))
	var parts []graph.Key
	for i, in := range s.job.inputs {
		if in.Key.Partition() != "" {
			parts = append(parts, in.Key)
			continue
		}
		var err error
		if pins[i].record, pins[i].version, err = s.newest(ctx, in.Key, in.made); err != nil {
			return nil, err
		}
		pins[i].exists = true
	}
	if len(parts) == 0 {
		return pins, nil
	}
	found, err := s.manager.Stored(ctx, parts)
	if err != nil {
		return nil, err
	}
	for i, in := range s.job.inputs {
		stored := found[in.Key]
		switch {
		case in.Key.Partition() == "":
		case stored.Data == graph.DataUnreachable:
			return nil, fmt.Errorf("input %s: %s", in.Key, stored.Text)
		case stored.Record != nil:
			pins[i] = inputPin{stored.Record, stored.Record.DataVersion, true}
		case stored.Data == graph.DataForeign:
			version, err := s.manager.ForeignVersion(ctx, in.Key)
			if err != nil {
				return nil, err
			}
			pins[i] = inputPin{nil, version, true}
		case in.made != nil:
			version, err := s.madeVersion(ctx, in.made)
			if err != nil {
				return nil, err
			}
			pins[i] = inputPin{nil, version, true}
		}
	}
	return pins, nil
}

// restoreAll puts back what kept versions with the same code and inputs hold: each by itself, or, where none can be made without the
// others, all or none.
func (s *stepRun) restoreAll(ctx context.Context) error {
	found := make([]*graph.Record, len(s.job.assets))
	for i, a := range s.job.assets {
		if !a.restore {
			continue
		}
		inputs, known := s.inputsOf(ctx, i, found)
		if !known {
			continue
		}
		earlier, err := s.manager.FindVersion(ctx, a.asset.Key, s.pins[i].Code.Version, inputs)
		if err != nil {
			return err
		}
		young := a.asset.MaxAge == 0 || earlier != nil && time.Since(earlier.At) < a.asset.MaxAge
		if earlier != nil && earlier.File != "" && young && s.loader.Rewritten(earlier.Location, earlier.Reads) == nil {
			found[i] = earlier
		}
	}
	if s.job.together && slices.Contains(found, nil) {
		return nil
	}
	for i, earlier := range found {
		if earlier == nil {
			continue
		}
		asset := s.job.assets[i].asset
		update := *earlier // its data is as old as it was
		update.Run, update.Attempt, update.By, update.Git, update.Code = s.job.run, s.job.attempt, s.job.user, s.job.git, bare(s.pins[i].Code)
		restored, outcome, err := s.manager.Restore(ctx, asset.Key, *earlier, update)
		switch {
		case err == nil || s.behind(asset.Key, err):
			made := &s.result.made[i]
			made.record, made.restored, made.outcome = &restored, true, run.Unchanged
			if outcome == iomanager.Superseded {
				made.outcome = run.Superseded
			}
			s.versions[asset.Key] = restored.DataVersion
		case !errors.Is(err, fs.ErrNotExist):
			return err
		case s.job.together:
			return s.again(i)
		}
		// Else the kept data is gone or damaged: make it anew.
	}
	return nil
}

// again takes the outcomes of those back that were restored before the data of one turned out to be gone: all are made anew.
func (s *stepRun) again(until int) error {
	for i := range until {
		made := &s.result.made[i]
		if made.record != nil {
			s.job.assets[i].baseSeq = made.record.Seq
		}
		*made = assetResult{key: made.key, outcome: run.Want}
		delete(s.versions, made.key)
	}
	return nil
}

// inputsOf returns the data versions that the asset at i reads. What this process makes itself is known when it was committed, or is
// about to be put back; restored may be nil.
func (s *stepRun) inputsOf(_ context.Context, i int, restored []*graph.Record) (versions map[graph.Key]string, known bool) {
	versions, known = map[graph.Key]string{}, true
	for _, in := range s.job.assets[i].reads {
		versions[in.Key] = pinned(in, func(dep graph.Key) (string, bool) {
			version, ok := s.versions[dep]
			if ok {
				return version, true
			}
			at := slices.IndexFunc(s.job.assets, func(a stepAsset) bool { return a.asset.Key == dep })
			switch {
			case at >= 0 && at < len(restored) && restored[at] != nil:
				return restored[at].DataVersion, true
			case at >= 0 || dep.Partition() == "":
				known = false
			}
			return "", false
		})
	}
	return versions, known
}

// process runs the process for what is still wanted, and commits what it made.
func (s *stepRun) process(ctx context.Context) error {
	job := &s.job
	if err := os.MkdirAll(job.dir, 0o700); err != nil {
		return fmt.Errorf("make a folder for the step: %w", err)
	}
	defer func() {
		if err := os.RemoveAll(job.dir); err != nil {
			s.post(func() { s.notice(diag.New("state", "remove the step's folder: %w", err)) })
		}
	}()
	request, wanted, err := s.request(ctx)
	if err != nil {
		return err
	}
	keys := make([]graph.Key, len(wanted))
	for k, i := range wanted {
		keys[k] = job.assets[i].asset.Key
	}
	ring, err := s.logs.open(job.run, keys[0], func(line child.Line) { s.logLine(job.run, keys[0], line) })
	if err != nil {
		return err
	}
	s.logs.share(job.run, keys)
	stepCtx := ctx
	if job.timeout > 0 {
		var cancel context.CancelFunc
		stepCtx, cancel = context.WithTimeout(ctx, job.timeout)
		defer cancel()
	}
	said, err := s.loader.Materialize(stepCtx, job.location, request, &stepOutput{s.Engine, job.run, keys, ring})
	if closeErr := errors.Join(ring.Close(), s.logs.shareFile(job.run, keys)); closeErr != nil {
		s.post(func() { s.notice(diag.New("state", "log of %s: %w", keys[0], closeErr)) })
	}
	for _, i := range wanted {
		made := &s.result.made[i]
		for _, c := range said.Checks {
			if c.Asset == wireKey(made.key) {
				c.Blocking = c.Blocking || slices.ContainsFunc(job.assets[i].asset.Checks, func(spec graph.CheckSpec) bool { return spec.Name == c.Name && spec.Blocking })
				made.checks = append(made.checks, c)
			}
		}
	}
	if err != nil {
		if stepCtx.Err() != nil && ctx.Err() == nil {
			err = &location.Error{Message: fmt.Sprintf("timed out after %s", job.timeout)}
		}
		return err
	}
	outputs, err := s.outputs(request, wanted, said)
	if err != nil {
		return err
	}
	changed, err := s.compare(ctx)
	if err != nil {
		return err
	}
	for k, i := range wanted {
		if err := s.commit(ctx, i, outputs[k], changed, said); err != nil {
			if ctx.Err() != nil {
				return err
			}
			made := &s.result.made[i]
			made.outcome, made.err = run.Failed, stepError(err)
		}
	}
	return nil
}

// request makes the view, and says what is asked of the process: which of the job's assets it is to make.
func (s *stepRun) request(ctx context.Context) (request wire.Request, wanted []int, err error) {
	job := &s.job
	for i := range s.result.made {
		if s.result.made[i].outcome == run.Want {
			wanted = append(wanted, i)
		}
	}
	first := job.assets[wanted[0]].asset.Key
	request = wire.Request{
		Type: wire.Materialize, Run: job.run, Asset: wireKey(first), Partition: first.Partition(), Attempt: job.attempt, Config: job.config, Debug: job.debug, Alone: job.alone,
		View: filepath.Join(job.dir, "view"), Output: filepath.Join(job.dir, "output"),
	}
	if len(wanted) > 1 {
		for k, i := range wanted {
			output := request.Output
			if k > 0 {
				output = fmt.Sprintf("%s-%d", request.Output, k+1)
			}
			request.Outputs = append(request.Outputs, wire.Output{Asset: wireKey(job.assets[i].asset.Key), Output: output})
		}
	}
	pinned, err := s.pinned(ctx, wanted)
	if err != nil {
		return request, nil, err
	}
	pins := make([]iomanager.Pinned, len(pinned))
	of := map[graph.Key]int{} // how many partitions of an asset there are to read
	for _, in := range pinned {
		of[in.Key.Asset()]++
	}
	for i, in := range pinned {
		pins[i] = in.Pinned
		pins[i].Alone = of[in.Key.Asset()] == 1
	}
	view, err := s.manager.View(ctx, request.View, pins, true)
	if err != nil {
		return request, nil, err
	}
	places := map[graph.Key]int{} // of the inputs with partitions in the request
	for i, in := range view {
		known := pinned[i]
		if in.Key.Partition() != "" {
			if err := s.addPartition(&request, places, in, known); err != nil {
				return request, nil, err
			}
			continue
		}
		input := wire.Input{
			Asset: in.Key.String(), Parquet: in.Parquet, Arrow: in.Arrow, DataVersion: in.DataVersion, Location: known.owner, Command: "assetdev materialize " + in.Key.String(),
		}
		switch {
		case known.Record != nil && known.Record.File == "":
			input.Elsewhere = known.storedBy == "own" || known.Record.Adopted
		case known.Record != nil && in.Parquet == "":
			input.Opaque = in.File
		case known.Record == nil && in.Parquet == "":
			// What something else made is read by who knows how it was stored.
			input.Elsewhere = in.File != "" || known.made != nil
			if input.DataVersion == "" {
				input.DataVersion = s.versions[in.Key]
			}
		}
		if input.Elsewhere && in.File == "" {
			if err := showElsewhere(request.View, in.Key, placeOf(known.Record, known.made)); err != nil {
				return request, nil, err
			}
		}
		request.Inputs = append(request.Inputs, input)
	}
	return request, wanted, nil
}

// wireKey is how a process calls an asset of its own.
func wireKey(key graph.Key) string { return key.Bare().Asset().String() }

// addPartition adds a partition to the input that its asset is in the request.
func (s *stepRun) addPartition(request *wire.Request, places map[graph.Key]int, in iomanager.Input, known stepInput) error {
	whole := in.Key.Asset()
	at, ok := places[whole]
	if !ok {
		at = len(request.Inputs)
		places[whole] = at
		request.Inputs = append(request.Inputs, wire.Input{
			Asset: whole.String(), Location: known.owner, Command: "assetdev materialize " + whole.String() + " --partition " + shellWord(in.Key.Partition()),
		})
	}
	part := wire.InputPartition{Key: in.Key.Partition(), Parquet: in.Parquet, DataVersion: in.DataVersion}
	switch {
	case known.Record != nil && known.Record.File == "":
		part.Elsewhere = known.storedBy == "own" || known.Record.Adopted
	case known.Record != nil && in.Parquet == "":
		part.Opaque = in.File
	case known.Record == nil && in.Parquet == "":
		part.Elsewhere = in.File != "" || known.made != nil
	}
	if part.DataVersion == "" {
		part.DataVersion = s.versions[in.Key]
	}
	if part.Elsewhere && in.File == "" {
		if err := showElsewhere(request.View, in.Key, placeOf(known.Record, known.made)); err != nil {
			return err
		}
	}
	input := &request.Inputs[at]
	input.Elsewhere = part.Elsewhere && (len(input.Partitions) == 0 || input.Elsewhere)
	input.Partitions = append(input.Partitions, part)
	return nil
}

// shellWord quotes a text for a command line, where that is needed.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune("-_.:=+/,@", r)
	}
	if strings.TrimLeftFunc(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// pinned returns the inputs of the process: those of the job, and those of the job's assets that are not made by it because they are
// there already and are read by others.
func (s *stepRun) pinned(ctx context.Context, wanted []int) ([]stepInput, error) {
	single := map[graph.Key]bool{} // partitions that are read by name, whether they exist or not
	for _, w := range wanted {
		for _, in := range s.job.assets[w].reads {
			if !in.Set && in.Partitions != nil {
				single[in.Partitions[0]] = true
			}
		}
	}
	var inputs []stepInput
	for _, in := range s.job.inputs {
		if _, exists := s.versions[in.Key]; exists || single[in.Key] {
			inputs = append(inputs, in)
		}
	}
	for i, a := range s.job.assets {
		read := slices.ContainsFunc(wanted, func(w int) bool {
			return slices.ContainsFunc(s.job.assets[w].reads, func(in graph.Input) bool { return slices.Contains(keysOf(in), a.asset.Key) })
		})
		if !read || slices.Contains(wanted, i) {
			continue
		}
		made := a.made
		record, _, err := s.newest(ctx, a.asset.Key, made)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, stepInput{Pinned: iomanager.Pinned{Key: a.asset.Key, Record: record}, owner: a.asset.Location, storedBy: a.asset.StoredBy, made: made})
	}
	return inputs, nil
}

// An output is what the process says of one asset.
type output struct {
	wire.OutputResult
	file     string
	metadata map[string]string
}

// outputs returns what the process says of each wanted asset.
func (s *stepRun) outputs(request wire.Request, wanted []int, said location.Result) ([]output, error) {
	if len(request.Outputs) == 0 {
		single := said.Result
		if len(single.Outputs) == 1 && single.Outputs[0].Asset == request.Asset {
			return []output{{single.Outputs[0], request.Output, asTexts(said.Metadata, single.Outputs[0].Metadata)}}, nil
		}
		return []output{{
			wire.OutputResult{Asset: request.Asset, Format: single.Format, Rows: single.Rows, DataVersion: single.DataVersion}, request.Output, said.Metadata,
		}}, nil
	}
	outputs := make([]output, len(wanted))
	for k, o := range request.Outputs {
		at := slices.IndexFunc(said.Outputs, func(r wire.OutputResult) bool { return r.Asset == o.Asset })
		if at < 0 {
			outputs[k] = output{OutputResult: wire.OutputResult{Asset: o.Asset}}
			continue
		}
		outputs[k] = output{said.Outputs[at], o.Output, asTexts(said.Metadata, said.Outputs[at].Metadata)}
	}
	if len(said.Outputs) == 0 {
		return nil, &location.Error{Message: fmt.Sprintf("the process was asked for %d assets and said nothing of each", len(wanted))}
	}
	return outputs, nil
}

// asTexts returns metadata as records keep them: texts, and what is no text as JSON.
func asTexts(common map[string]string, more map[string]json.RawMessage) map[string]string {
	if len(more) == 0 {
		return common
	}
	texts := make(map[string]string, len(common)+len(more))
	maps.Copy(texts, common)
	for name, raw := range more {
		text := string(raw)
		_ = json.Unmarshal(raw, &text) // what is no string stays JSON
		texts[name] = text
	}
	return texts
}

// compare compares again what was pinned: what changed while the process ran marks what it made. It returns the inputs that changed.
func (s *stepRun) compare(ctx context.Context) (map[graph.Key]bool, error) {
	changed := map[graph.Key]bool{}
	var foreign []graph.Key
	pins, err := s.newestInputs(ctx)
	if err != nil {
		return nil, err
	}
	for i, in := range s.job.inputs {
		if before, existed := s.versions[in.Key]; pins[i].version != before || pins[i].exists != existed {
			changed[in.Key] = true
		}
		if in.Record == nil && s.versions[in.Key] != "" {
			foreign = append(foreign, in.Key)
		}
	}
	if len(foreign) == 0 {
		return changed, nil
	}
	found, err := s.manager.Stored(ctx, foreign)
	if err != nil {
		return nil, err
	}
	for key, stored := range found {
		if stored.Data != graph.DataForeign { // made elsewhere, and not in our storage
			delete(found, key)
		}
	}
	s.result.foreign = found
	return changed, nil
}

// commit makes what the process made of one asset its newest data.
func (s *stepRun) commit(ctx context.Context, i int, out output, changed map[graph.Key]bool, said location.Result) error {
	job, made := &s.job, &s.result.made[i]
	a := &job.assets[i]
	asset := a.asset
	if out.Format == "" {
		return &location.Error{Message: "the process ended well and said nothing of this asset"}
	}
	record := graph.Record{
		Key: asset.Key, Run: job.run, Attempt: job.attempt, Location: asset.Location, Inputs: map[graph.Key]string{}, By: job.user, Git: job.git, Metadata: out.metadata,
	}
	after, err := s.loader.Pin(ctx, job.location, asset.Key)
	var edited bool
	record.Code, edited = ranCode(s.pins[i], after, said.Build)
	record.Code = bare(record.Code)
	if !record.Code.Author { // who gives a code version says what counts
		record.Reads = s.loader.Reads(job.location, said.Files)
	}
	if err != nil || edited {
		record.Changed = append(record.Changed, "code")
	}
	if a.configured && !needsConfig(asset) {
		record.Changed = append(record.Changed, graph.RunConfig)
	}
	for _, in := range a.reads {
		var problem error
		record.Inputs[in.Key] = pinned(in, func(dep graph.Key) (string, bool) {
			version, known := s.versions[dep]
			if known || !slices.ContainsFunc(job.assets, func(other stepAsset) bool { return other.asset.Key == dep }) {
				return version, known
			}
			own, err := s.manager.Latest(ctx, dep) // made by this process, which chose not to make it now, or failed to
			problem = errors.Join(problem, err)
			return versionOf(own), own != nil
		})
		if problem != nil {
			return problem
		}
		if slices.ContainsFunc(keysOf(in), func(dep graph.Key) bool { return changed[dep] }) {
			record.Changed = append(record.Changed, in.Key.String())
		}
	}
	record.At = time.Now()
	record.Took = record.At.Sub(s.began)
	for _, c := range made.checks {
		record.Checks = append(record.Checks, checkResult(c, record.At))
	}
	if out.Format == wire.Skipped {
		return s.keep(ctx, i, record)
	}
	draft := iomanager.Draft{
		Record: record, Output: out.file, Format: out.Format, AuthorDataVersion: out.DataVersion, Unordered: asset.Unordered, BaseSeq: a.baseSeq,
	}
	if out.Format == wire.Opaque {
		draft.Suffix = opaqueSuffix
	}
	committed, outcome, err := s.manager.Commit(ctx, draft)
	if err != nil && !s.behind(asset.Key, err) {
		return err
	}
	made.record, made.outcome = &committed, outcomeOf(outcome)
	s.versions[asset.Key] = committed.DataVersion
	return nil
}

// opaqueSuffix is the extension of values that only the code of their location can read.
const opaqueSuffix = ".opaque"

// keep is what becomes of an asset that its step chose not to make: the data that is there counts as what the step made of its inputs.
// Where there is none, the asset stays missing and what reads it is skipped.
func (s *stepRun) keep(ctx context.Context, i int, record graph.Record) error {
	made := &s.result.made[i]
	latest, err := s.manager.Latest(ctx, record.Key)
	if err != nil {
		return err
	}
	if latest == nil {
		made.outcome = run.Skipped
		return nil
	}
	if record.Metadata == nil {
		record.Metadata = latest.Metadata
	}
	if record.Checks == nil {
		record.Checks = latest.Checks
	}
	var kept graph.Record
	var outcome iomanager.Outcome
	if latest.File == "" {
		kept, outcome, err = s.manager.Commit(ctx, iomanager.Draft{Record: record, Format: iomanager.FormatNone, AuthorDataVersion: latest.DataVersion, BaseSeq: s.job.assets[i].baseSeq})
	} else {
		kept, outcome, err = s.manager.Restore(ctx, record.Key, *latest, record)
	}
	if err != nil && !s.behind(record.Key, err) {
		return err
	}
	made.record, made.outcome, made.kept = &kept, run.Unchanged, true
	if outcome == iomanager.Superseded {
		made.outcome = run.Superseded
	}
	s.versions[record.Key] = kept.DataVersion
	return nil
}

func outcomeOf(outcome iomanager.Outcome) run.State {
	switch outcome {
	case iomanager.Unchanged:
		return run.Unchanged
	case iomanager.Superseded:
		return run.Superseded
	case iomanager.Succeeded:
	}
	return run.Succeeded
}

// checkResult is a check's outcome as records keep it.
func checkResult(c wire.Check, at time.Time) graph.CheckResult {
	return graph.CheckResult{Name: c.Name, Passed: c.Passed, Severity: severity(c), Blocking: c.Blocking, At: at, Text: c.Description, Metadata: asTexts(nil, c.Metadata)}
}
