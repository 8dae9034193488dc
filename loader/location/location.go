// Package location is the contract between assetdev and a code location of any kind: what it defines, what its code means,
// how it is run, and which files it is made of. loader/location/locationtest holds the conformance suite of all kinds.
//
// Invariants of every kind:
//
//	(a) A Location starts processes only after it was opened with a [trust.Grant].
//	(b) Whatever the user's code does (print, hang, die, lie) breaks only the call in which it does it, with an [*Error].
//	(c) Every process it started has ended when the call that started it returns.
package location

import (
	"context"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/wire"
)

// A Location is one open code location. All methods may be called from any goroutine; calls may overlap.
type Location interface {
	// Describe returns what the location defines now. It runs the location's code. On failure the error is an *Error and
	// the caller keeps the last good definitions.
	Describe(ctx context.Context) (Description, error)
	// CodeVersions returns the code version of each asset, by its key, from files alone: it executes nothing of the workspace.
	// Under the key "" it returns that of the entry point: while it stays, so do the definitions.
	// The error is an *Error with a place when a file cannot be parsed.
	CodeVersions(ctx context.Context, assets []wire.Asset) (map[string]Version, error)
	// Build identifies the code that a Materialize which starts now would run, as in [Result.Build]: equal builds, equal code.
	Build(ctx context.Context) (string, error)
	// Materialize runs one step. Log lines and progress go to out while it runs. The error is an *Error, or the context's; the outcomes of checks
	// are in the Result also of a step that failed.
	Materialize(ctx context.Context, request wire.Request, out Output) (Result, error)
	// Files returns the folders and single files, absolute, whose change can change the location.
	Files() []string
	// Environment describes what runs the code.
	Environment() Environment
	// Close ends what is still running and waits for it.
	Close() error
}

// A Description is the answer of Describe.
type Description struct {
	Assets   []wire.Asset
	Problems []wire.Error // wrong declarations
	Hello    wire.Hello
	Build    string // identifies the code that answered, for comparing it with what Materialize runs
	// Definitions is what else the last message said; its Problems are those above.
	Definitions wire.Definitions
	// Partitions holds each partitions definition once, with all its keys; Mappings has one for each pair of asset and input.
	Partitions []wire.Partitions
	Mappings   []wire.Mapping
	// Made has one for each asset of whose partitions the framework's own history knows.
	Made []wire.MadePartitions
}

// A Version is the code version of one symbol and what it covers.
type Version struct {
	Code graph.Code
	Doc  string // doc comment of the symbol, as plain text
	File string // absolute
	Line int
}

// An Environment names the interpreter or compiler of a location.
type Environment struct {
	Executable string `json:"executable"`
	Version    string `json:"version"`
	Dagster    string `json:"dagster,omitempty"`
}

// An Output receives what a running step says. Its methods do not block and may be called from several goroutines.
type Output interface {
	// Log takes one line; stream is "stdout", "stderr" or "log", level is set only for "log".
	Log(stream, level, text string)
	Progress(fraction float64, text string)
}

// A Result is the outcome of a step that succeeded.
type Result struct {
	wire.Result
	Metadata map[string]string
	Checks   []wire.Check
	Build    string // the code that ran, as in Description; "" when what was loaded is not what the files say afterwards
	// Files are those that it read and that its code version does not cover.
	Files []wire.File
}

// An Error is a failure that the user's code or its build is responsible for.
type Error struct {
	Message string // one line where possible
	Trace   string // compiler output, stack, last lines of stderr
	File    string // absolute, or relative to the working directory
	Line    int
	Column  int    // in bytes, as compilers count; 0 when not known
	Hint    string // what to do about it, "" when nothing is known; may be several lines
	// Interrupted says that the process was ended by us (cancel, timeout), not by itself.
	Interrupted bool
	// Cause is for errors.Is: the context's error of an interrupted call, what a program could not be started for.
	Cause error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
