// Package codeversion says what Go code means: a version per function that changes when something the function statically
// reaches changes, and not when comments, formatting or unrelated code do. It executes nothing.
package codeversion

import (
	"context"
	"fmt"

	"github.com/assetdev/assetdev/graph"
)

// Options say which module an [Index] reads and for which build.
type Options struct {
	Root         string   // folder of the module's go.mod, absolute
	WorkspaceDir string   // folder of the workspace file; files below it are named relative to it
	WorkingDir   string   // declared globs are relative to it; "" is Root
	Main         string   // import path, or "./dir" relative to Root, of the main package; "" when not known
	GoVersion    string   // of the go tool that builds, as "go1.26.0"; "" takes what go.mod says
	GOOS, GOARCH string   // "" is this machine's
	Tags         []string // build tags
	Cgo          bool
	// LookupEnv reads the environment of the steps; nil is os.LookupEnv.
	LookupEnv func(name string) (value string, ok bool)
}

// An Index is the parsed source of one module. Its methods may be called from any goroutine.
type Index struct{ options Options }

// A Result is the meaning of one symbol.
type Result struct {
	Code graph.Code
	Doc  string // doc comment as plain text
	File string // absolute
	Line int
}

// An Error is Go source that does not parse. The location does not load; it is no new version.
type Error struct {
	File         string // absolute
	Line, Column int
	Message      string
}

// Error returns "file:line:column: message".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Open returns an index that has read nothing yet; [Index.Refresh] reads.
func Open(options Options) *Index { return &Index{options: options} }

// Refresh reads what changed since the last call. The error is an *Error when a file cannot be parsed.
func (x *Index) Refresh(_ context.Context) (changed bool, err error) { return false, nil }

// Version returns the code version of symbol, as of the last Refresh.
func (x *Index) Version(_ string, _, _ []string, _ string) (Result, error) {
	return Result{}, nil
}

// Digest refreshes, and returns a hash of the content of every file that can influence a go build of the main package.
func (x *Index) Digest(_ context.Context) (string, error) { return "", nil }
