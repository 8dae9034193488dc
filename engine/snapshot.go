package engine

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
)

// A Snapshot is an immutable picture of one opened workspace. Front ends hold it as long as they like, from any goroutine.
type Snapshot struct {
	Seq       uint64 // grows with each snapshot
	At        time.Time
	Workspace Workspace
	Locations []Location
	Graph     *graph.Graph
	Freshness *graph.Freshness
	Assets    map[graph.Key]*Asset
	AssetsSeq uint64         // grows with each snapshot whose Assets differ from those before
	Words     map[string]int // how many assets have each word
	Run       *Run           // the active run, or the last one that ended while this engine was open; nil before the first
	Question  *Question
	Auto      Auto
	Save      *Save // what the last save did; nil before the first
	Told      *Told // the newest answer to a command that had to wait; nil before the first
	Problems  []*diag.Error
	Notices   []*diag.Error
	Loading   bool // some location has not answered yet; what is shown of it is the stored graph
}

// A Workspace is what is open.
type Workspace struct {
	File         string // absolute
	Dir          string // absolute
	Base         string // absolute folder of the storage
	Name         string // name of the folder
	Storage      string // as "filesystem …/assets"
	Shared       bool   // others work on the same storage
	ConfirmSteps int    // more steps than this do not start without a word
	StorageSize  int64  // bytes of kept data, -1 unknown
	Trusted      bool
	Trust        *TrustQuestion // what to ask when it is not trusted
	Selections   []NamedSelection
}

// A NamedSelection is one of the setting selections, in the order of their names.
type NamedSelection struct{ Name, Selection string }

// A Told is what came of a command that had to wait for the end of a run or of loading, and started nothing.
type Told struct {
	At   time.Time
	Text string // one line, as "nothing to do: customer_risk_scores is fresh"
}

// A TrustQuestion is what the user decides on before anything of a workspace is executed.
type TrustQuestion struct {
	Text     string   // one or two sentences: new workspace, or what changed since it was trusted
	Commands []string // what would be executed, as "go build ./assets in repo-ml"
	Files    []string // files that name commands, relative to the workspace
}

// A Location is the state of one code location.
type Location struct {
	Name       string
	Kind       string // as in workspace.yaml: go_package, python_module, …
	Dir        string // working directory, absolute
	State      string // loaded, broken or loading
	Error      *event.Error
	Assets     int
	LoadMS     int64 // 0 before it was loaded
	Executable string
	Version    string
	Hint       string      // what to do about Error, "" when nothing is known; may be several lines
	Dagster    string      // version of Dagster in its environment, "" when it has none
	Framework  string      // name and version of what its definitions are written with, as "dagster 1.13.27"; "" is assetdev's own
	Notices    []string    // what is worth knowing of it and not wrong
	Jobs       []graph.Job // a selection job:NAME takes their assets
	Schedules  []string    // names; the framework runs them, assetdev does not
	Sensors    []string    // the same
	Resources  []string    // "name: type"
	Note       string      // which path rule was used, "" when it does not matter
	LastGood   bool        // it is broken or loading, and its assets are those of an earlier load
	Since      time.Time   // when loading began, zero when it is not loading
}

// An Asset is what a front end shows of one asset beside what the Graph and its freshness say.
type Asset struct {
	Key    graph.Key
	Word   string // the screen's one word: running, queued, failed, check failed, stale, missing, overdue, unknown, external, fresh
	Stored graph.Stored
	Step   *Step // its step in the active run, nil when it has none
	// ForecastMS is the median of its last runs, -1 when unknown.
	ForecastMS int64
	// Waiting says why auto-run did not start it, "" when it is not waiting.
	Waiting string
	// ReadBy lists locations other than its own that read it.
	ReadBy []string
}

// A Step is the state of one step of a run. States are those of package event, and "want" and "ready" before they are queued.
type Step struct {
	Key      graph.Key
	Location string
	State    string
	Attempt  int
	After    []graph.Key // steps it waits for
	Why      string
	Started  time.Time
	MS       int64   // so far, or in all when final
	Forecast int64   // ms, -1 unknown
	Fraction float64 // progress in [0, 1], negative when unknown
	Text     string  // last progress text or log line
	Rows     int64   // -1 unknown
	Error    *event.Error

	restored bool // its data was put back from a kept version
}

// A Run is one execution of a plan.
type Run struct {
	ID        string
	State     string // running, or a final state
	By        string // user, auto or ci
	Selection string
	Started   time.Time
	MS        int64
	ETA       int64          // ms until it ends, -1 unknown
	Steps     []Step         // in the plan's order
	Counts    map[string]int // final states of steps
}

// Active reports whether the run still goes on.
func (r *Run) Active() bool { return r != nil && !event.Final(r.State) }

// A Question is a plan that waits for the user's word, because design §7 does not let it start by itself.
type Question struct {
	ID      string   // for Confirm
	Why     []string // why it was not started at once, as "27 steps"
	Plan    graph.Plan
	Request Materialize
	TotalMS int64 // forecast, -1 unknown
}

// Auto is the state of auto-run.
type Auto struct {
	Mode      string // off, selection or all
	Selection string
	Waiting   []graph.Key // assets that a save made stale and that wait for a key; Asset.Waiting says why
}

// A Save is what the last save of a file did.
type Save struct {
	At      time.Time
	Paths   []string    // relative to the workspace, at most a few
	Changed []graph.Key // assets whose code version changed
	Text    string      // as "reformatted, nothing became stale"
	MS      int64
}

// snapshot returns the picture of now; the owner calls it.
func (e *Engine) snapshot() *Snapshot {
	fresh := e.judge()
	if e.snap != nil {
		return e.snap
	}
	e.seq++
	now := time.Now()
	s := &Snapshot{
		Seq: e.seq, At: now, Graph: e.graph, Freshness: fresh, Question: e.question, Auto: e.auto, Save: e.save,
		Problems: e.problems, Notices: slices.Clone(e.notices), Loading: e.anyLoading(), Run: e.lastRun, Told: e.told,
		Workspace: Workspace{
			File: e.ws.File, Dir: e.ws.Dir, Base: e.manager.BaseDir(), Name: filepath.Base(e.ws.Dir), Storage: e.manager.String(), ConfirmSteps: e.ws.Settings.Confirm.Steps, Shared: e.ws.Settings.Shared, StorageSize: e.size,
			Trusted: e.grant.Valid(), Selections: e.named,
		},
	}
	if !s.Workspace.Trusted {
		s.Workspace.Trust = e.trustQuestion()
	}
	for _, name := range e.loader.Names() {
		s.Locations = append(s.Locations, e.locations[name])
		if l := &s.Locations[len(s.Locations)-1]; e.loading[name] > 0 {
			l.Since = e.loadingSince[name]
			if l.State != "broken" {
				l.State = "loading"
			}
		}
	}
	if e.run != nil {
		s.Run = e.pictureOf(e.run)
	}
	s.Assets, s.AssetsSeq = e.paint(now)
	s.Words = e.pictures.words
	e.snap = s
	return s
}

// CheckFailed is the word of an asset whose data did not pass a check of severity ERROR.
const CheckFailed = "check failed"

// word is the screen's one word of an asset, the strongest that holds.
func word(status graph.Status, a *Asset) string {
	if a.Step != nil {
		switch a.Step.State {
		case event.Running:
			return event.Running
		case "want", "ready", event.Queued:
			return event.Queued
		}
	}
	if last := a.Stored.Last; last != nil && last.State == event.Failed && status != graph.Fresh && status != graph.External {
		return event.Failed
	}
	if r := a.Stored.Record; r != nil && status != graph.External && slices.ContainsFunc(r.Checks, graph.CheckResult.Failed) {
		return CheckFailed
	}
	return status.String()
}

// pictureOf copies a run for a snapshot.
func (e *Engine) pictureOf(r *activeRun) *Run {
	out := &Run{
		ID: r.id, State: r.state, By: r.request.By, Selection: r.request.Selection, Started: r.started, MS: time.Since(r.started).Milliseconds(),
		Counts: map[string]int{}, ETA: -1,
	}
	if r.request.Keys != nil {
		out.Selection = joinKeys(r.request.Keys)
	}
	for i := range r.schedule.Steps {
		step := *r.steps[r.schedule.Steps[i].Asset]
		if step.State == event.Running {
			step.MS = time.Since(step.Started).Milliseconds()
		}
		if event.Final(step.State) {
			out.Counts[step.State]++
		}
		out.Steps = append(out.Steps, step)
	}
	out.ETA = eta(out.Steps)
	return out
}

// eta returns the ms until the run ends: the longest chain of forecasts among the steps that are not final, -1 when one of
// them is unknown. Steps come upstreams first.
func eta(steps []Step) int64 {
	ends := map[graph.Key]int64{}
	longest := int64(0)
	for _, s := range steps {
		if event.Final(s.State) {
			continue
		}
		if s.Forecast < 0 {
			return -1
		}
		rest := s.Forecast
		if s.State == event.Running {
			rest = max(0, s.Forecast-s.MS)
		}
		start := int64(0)
		for _, up := range s.After {
			start = max(start, ends[up])
		}
		ends[s.Key] = start + rest
		longest = max(longest, ends[s.Key])
	}
	return longest
}

// trustQuestion says what would be executed.
func (e *Engine) trustQuestion() *TrustQuestion {
	q := &TrustQuestion{Text: "assetdev has not run code of this workspace before."}
	for _, l := range e.ws.Locations {
		if l.Broken == "" {
			q.Commands = append(q.Commands, l.Runs(e.relative(l.WorkingDirectory)))
		}
	}
	for _, f := range e.ws.Commands() {
		q.Files = append(q.Files, f.Path)
	}
	if e.needsTrust != nil && e.needsTrust.Known {
		q.Text = "Files that say what is executed changed since you trusted this workspace."
		q.Files = nil
		for _, f := range e.needsTrust.Files {
			if f.Why != "same" {
				q.Files = append(q.Files, f.Path+" ("+f.Why+")")
			}
		}
	}
	return q
}
