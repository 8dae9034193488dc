package engine

import (
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
	Run       *Run // the active run, or the last one that ended while this engine was open; nil before the first
	Question  *Question
	Auto      Auto
	Save      *Save // what the last save did; nil before the first
	Problems  []*diag.Error
	Notices   []*diag.Error
	Loading   bool // some location has not answered yet; what is shown of it is the stored graph
}

// A Workspace is what is open.
type Workspace struct {
	File        string // absolute
	Dir         string // absolute
	Name        string // name of the folder
	Storage     string // as "filesystem …/assets"
	Shared      bool   // others work on the same storage
	StorageSize int64  // bytes of kept data, -1 unknown
	Trusted     bool
	Trust       *TrustQuestion // what to ask when it is not trusted
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
	Note       string // which path rule was used, "" when it does not matter
	LastGood   bool   // it is broken or loading, and its assets are those of an earlier load
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
