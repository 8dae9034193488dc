// Package event is the one stream that everything about a run is told with: --json prints it, events.jsonl keeps it, the
// screen draws it. Pure: kinds and their JSON, nothing else. The shapes are promised in docs/json.md.
package event

import (
	"time"

	"github.com/assetdev/assetdev/graph"
)

// Kinds of an event.
const (
	KindPlan     = "plan"
	KindStep     = "step"
	KindProgress = "progress"
	KindLog      = "log"
	KindCheck    = "check"
	KindReload   = "reload"
	KindRun      = "run"
	KindWaiting  = "waiting" // auto-run did not start a step, and why
)

// States of a step, as events tell them, and of a run.
const (
	Queued      = "queued"
	Running     = "running"
	Succeeded   = "succeeded"
	Unchanged   = "unchanged"
	CutOff      = "cut_off"
	Superseded  = "superseded"
	Failed      = "failed"
	Skipped     = "skipped"
	Cancelled   = "cancelled"
	Interrupted = "interrupted" // of a run whose assetdev ended without saying so
)

// Final reports whether a step or run in the state goes no further.
func Final(state string) bool {
	switch state {
	case Succeeded, Unchanged, CutOff, Superseded, Failed, Skipped, Cancelled, Interrupted:
		return true
	}
	return false
}

// Good reports whether the state leaves the asset's readers free to run.
func Good(state string) bool {
	switch state {
	case Succeeded, Unchanged, CutOff, Superseded:
		return true
	}
	return false
}

// An Event is one thing that happened. Which fields count depends on Kind; the JSON names are promised.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"event"`
	Run  string    `json:"run,omitempty"`

	Asset     *graph.Key `json:"asset,omitempty"`
	Partition string     `json:"partition,omitempty"`
	Location  string     `json:"location,omitempty"`
	Attempt   int        `json:"attempt,omitempty"`
	State     string     `json:"state,omitempty"`
	MS        *int64     `json:"ms,omitempty"`

	Steps   []graph.Step    `json:"steps,omitempty"`     // plan
	Blocked []graph.Blocked `json:"blocked,omitempty"`   // plan
	By      string          `json:"by,omitempty"`        // plan: user, auto, ci
	Select  string          `json:"selection,omitempty"` // plan

	Rows        *int64 `json:"rows,omitempty"` // step
	Bytes       *int64 `json:"bytes,omitempty"`
	DataVersion string `json:"data_version,omitempty"`
	Error       *Error `json:"error,omitempty"`

	Fraction *float64 `json:"fraction,omitempty"` // progress
	Text     string   `json:"text,omitempty"`     // progress, log, waiting

	Stream string `json:"stream,omitempty"` // log
	Level  string `json:"level,omitempty"`

	Changed []graph.Key `json:"changed,omitempty"` // reload

	Counts map[string]int `json:"counts,omitempty"` // run: final states of its steps
}

// An Error is a failure as told to users and scripts.
type Error struct {
	Message string `json:"message"`
	Trace   string `json:"trace,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}
