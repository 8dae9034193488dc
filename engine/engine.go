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
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/page"
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
}

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
	// Versions returns the kept versions of an asset, newest first.
	Versions(ctx context.Context, key graph.Key) ([]graph.Record, error)
	// Log returns up to max lines of a step's log after the line with number since, the number of the last line there is, and how many were dropped.
	Log(run string, key graph.Key, since int64, max int) (lines []LogLine, last, dropped int64, err error)
	// Runs returns the history, newest first, at most max.
	Runs(ctx context.Context, max int) ([]RunSummary, error)
	// Source returns the lines of the file that defines an asset and the number of its first line of interest.
	Source(key graph.Key) (file string, lines []string, line int, err error)
	// Close cancels what runs, waits for every child and goroutine, and returns.
	Close() error
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
