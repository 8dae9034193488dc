package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/assetdev/assetdev/graph"
)

// A Command is something that a front end asks the engine to do. The list of commands is closed: a test in each front end
// goes through [Commands], so that every action has its twin.
type Command interface{ command() }

// Materialize brings a selection up to date.
type Materialize struct {
	Selection string      // Dagster's syntax; used when Keys is nil
	Keys      []graph.Key // assets named one by one, as by the cursor or by marks
	Only      bool        // without upstreams
	Force     bool        // fresh ones too
	FailFast  bool
	Jobs      int           // 0 is the setting
	Timeout   time.Duration // of each step, 0 is none
	By        string        // user, auto or ci
	Confirmed bool          // start without asking
	Marked    bool          // Keys are marks: always asks

	Partitions Partitions // of the selected assets that have some; zero is the latest of each

	Config json.RawMessage // run config of the steps, an object; nil is none
	Debug  bool            // one step after the other, each with the terminal of this process, for a debugger
}

// Partitions says which partitions of assets are meant, each by the order of its keys.
type Partitions struct {
	Keys     []string
	From, To string // a range, both included
	Missing  bool   // all that were never made or whose data is gone; with a range, those of it
}

// IsZero reports whether nothing is said.
func (p Partitions) IsZero() bool {
	return len(p.Keys) == 0 && p.From == "" && p.To == "" && !p.Missing
}

// Confirm starts the plan of Snapshot.Question.
type Confirm struct{ ID string }

// Dismiss drops the plan of Snapshot.Question.
type Dismiss struct{ ID string }

// Cancel ends the active run, or one step of it.
type Cancel struct{ Asset graph.Key } // zero: the whole run

// Retry runs the failed steps of the last run again, and what they held up.
type Retry struct{}

// Reload loads all code locations anew.
type Reload struct{}

// SetAutoRun changes what a save starts by itself. Mode is off, selection or all.
type SetAutoRun struct{ Mode, Selection string }

// Trust lets the engine execute this workspace's code: for this engine only, or remembered.
type Trust struct{ Remember bool }

// Rollback makes a kept version the newest data of an asset.
type Rollback struct {
	Asset   graph.Key
	Version string // run-attempt, as `assetdev versions` shows it
}

// Adopt gives assets that were made elsewhere a record, without running.
type Adopt struct{ Keys []graph.Key }

func (Materialize) command() {}
func (Confirm) command()     {}
func (Dismiss) command()     {}
func (Cancel) command()      {}
func (Retry) command()       {}
func (Reload) command()      {}
func (SetAutoRun) command()  {}
func (Trust) command()       {}
func (Rollback) command()    {}
func (Adopt) command()       {}

// Commands lists one of each kind.
var Commands = []Command{Materialize{}, Confirm{}, Dismiss{}, Cancel{}, Retry{}, Reload{}, SetAutoRun{}, Trust{}, Rollback{}, Adopt{}}

// A Reply is the answer to a Command that was carried out.
type Reply struct {
	Run      string      // id of the run it started
	Plan     *graph.Plan // of Materialize
	Question string      // id of the question that waits for Confirm
	Text     string      // one line for the user, as "nothing to do: customer_risk_scores is fresh"

	wait func(context.Context) (Reply, error) // the rest of the command
}
