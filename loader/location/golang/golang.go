// Package golang is the kind of code location that is a Go program: it is built with the go command and executed once for each
// request.
//
// The nouns: a Location is one main package; its sources are the files that a build can read; a build turns them into a binary that is named
// by their content, so that a binary is never overwritten and what was built before is not built again.
//
// Invariants:
//
//	(a) A binary is made of exactly the files that its name stands for: they are hashed before and after the build, and when they
//	    differ it is built again.
//	(b) At most one build of a location runs. A build whose files have changed is given up for the new one, and who waited for it
//	    waits for that.
//	(c) Nothing is written to the repository: binaries are below Config.CacheDir, and go.mod is read only as GOFLAGS says.
//
// Deliberately absent: what the code means (Config.CodeVersions has it), watching, and retries. No compatibility promise.
package golang

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
)

// A Config describes a location of this kind.
type Config struct {
	Name    string
	Dir     string   // working directory, absolute
	Package string   // the main package: "./assets" below Dir, or an import path
	Env     []string // whole environment of the go command and of the program; nil is that of this process
	// CacheDir is a folder outside the repository for binaries, absolute. Locations may share it.
	CacheDir string
	// Go is the go command; "" looks in PATH and in the usual places.
	Go string
	// Timeout is how long the program may take to describe itself; 0 is 30 seconds. The build is not part of it.
	Timeout time.Duration
	// Digest hashes the content of all that a build reads of the repository. Nil hashes all Go, C and embedded files of the module, and of the
	// modules that go.work and replace directives name by a folder.
	Digest func(ctx context.Context) (string, error)
	// CodeVersions answers the method of that name. Nil knows none.
	CodeVersions func(ctx context.Context, assets []wire.Asset) (map[string]location.Version, error)
}

const defaultTimeout = 30 * time.Second

// describeGrace is short: a program that describes itself has nothing to lose.
var describeGrace = child.Grace{Interrupt: 500 * time.Millisecond, Terminate: 500 * time.Millisecond}

type golang struct {
	config Config
	gate   *location.Gate // of Describe and Materialize, and of builds

	mu       sync.Mutex
	building *build
	inUse    map[string]int // binaries that are or will be executed, by path
	tools    toolchain
}

// Open opens a location. It reads nothing and starts nothing; errors of the module come from the methods. The error says what of
// the Config is wrong.
func Open(config Config, grant trust.Grant) (location.Location, error) {
	switch {
	case !grant.Valid():
		return nil, errors.New("open Go location: the workspace is not trusted")
	case !filepath.IsAbs(config.Dir):
		return nil, fmt.Errorf("open Go location: working directory %q is not absolute", config.Dir)
	case !filepath.IsAbs(config.CacheDir):
		return nil, fmt.Errorf("open Go location: cache folder %q is not absolute", config.CacheDir)
	case config.Package == "" || strings.HasPrefix(config.Package, "-") || strings.Contains(config.Package, "..."):
		return nil, fmt.Errorf("open Go location: %q is not the path of one package", config.Package)
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Env == nil {
		config.Env = os.Environ()
	}
	l := &golang{config: config, gate: location.NewGate(), inUse: map[string]int{}}
	return l, nil
}

// Describe builds the program when needed and asks it what it defines.
func (l *golang) Describe(ctx context.Context) (location.Description, error) {
	answer, key, err := l.ask(ctx, wire.Request{Type: wire.Describe}, l.config.Timeout, describeGrace, nil)
	if err != nil {
		return location.Description{}, err
	}
	return location.Description{
		Assets: answer.Assets, Problems: answer.Problems, Hello: answer.Hello, Build: key,
		Definitions: answer.Definitions, Partitions: answer.Partitions, Mappings: answer.Mappings,
	}, nil
}

// Build returns the name of the binary that the files make now. It builds nothing.
func (l *golang) Build(ctx context.Context) (string, error) {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return l.key(ctx)
}

// Materialize builds the program when needed and has it make one asset.
func (l *golang) Materialize(ctx context.Context, request wire.Request, out location.Output) (location.Result, error) {
	answer, key, err := l.ask(ctx, request, 0, child.Grace{}, out)
	if err != nil {
		return location.Result{Checks: answer.Checks}, err
	}
	return location.Result{Result: answer.Result, Metadata: answer.Metadata, Checks: answer.Checks, Build: key}, nil
}

func (l *golang) ask(ctx context.Context, request wire.Request, timeout time.Duration, grace child.Grace, out location.Output) (location.Answer, string, error) {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return location.Answer{}, "", err
	}
	defer leave()
	for again := true; ; again = false {
		bin, err := l.binary(ctx)
		if err != nil {
			return location.Answer{}, "", err
		}
		answer, err := location.Call{
			Command: child.Command{Path: bin.path, Dir: l.config.Dir, Env: l.config.Env, Grace: grace},
			Timeout: timeout,
			Output:  out,
			Explain: func(stderr string) (location.Error, bool) { return explainPanic(stderr, l.roots()) },
			Silent:  "the last statement of func main must be asset.Main(…) of github.com/assetdev/assetdev/asset",
		}.Do(ctx, request)
		l.release(bin.path)
		if _, gone := os.Stat(bin.path); again && err != nil && errors.Is(err, os.ErrNotExist) && gone != nil {
			continue // another assetdev or a cleaner removed the binary between build and start
		}
		return answer, bin.key, err
	}
}

// CodeVersions asks Config.CodeVersions.
func (l *golang) CodeVersions(ctx context.Context, assets []wire.Asset) (map[string]location.Version, error) {
	if l.config.CodeVersions == nil {
		return map[string]location.Version{}, nil
	}
	return l.config.CodeVersions(ctx, assets)
}

// Files returns the folders of the modules that a build reads, and go.work. For a folder without a module it is the working directory.
func (l *golang) Files() []string {
	m, err := findModules(l.config.Dir, l.config.Env)
	if err != nil {
		return []string{l.config.Dir}
	}
	return append(slices.Clone(m.dirs), m.files...)
}

// roots are the folders whose files are the user's.
func (l *golang) roots() []string {
	m, err := findModules(l.config.Dir, l.config.Env)
	if err != nil {
		return []string{l.config.Dir}
	}
	return m.dirs
}

// Environment names the go command and its version. The first call after go.mod changed starts it.
func (l *golang) Environment() location.Environment {
	ctx, leave, err := l.gate.Enter(context.Background())
	if err != nil {
		return location.Environment{}
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var e location.Environment
	if tools, err := l.toolchain(ctx); err == nil {
		e = location.Environment{Executable: tools.path, Version: tools.variables["GOVERSION"]}
	}
	return e
}

// Close ends builds and programs and waits for them.
func (l *golang) Close() error {
	l.gate.Close()
	return nil
}

// A toolchain is the go command and what of its settings changes a binary.
type toolchain struct {
	path      string
	variables map[string]string
	of        string // what it was read for
}

// settings are the variables of go env that change what is built.
var settings = []string{
	"GOVERSION", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOFLAGS", "GOEXPERIMENT", "GOFIPS140", "CGO_ENABLED",
	"CC", "CXX", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS", "GOWORK", "GOMOD",
}

// text is the same for equal toolchains and settings.
func (t toolchain) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(t.variables)) {
		fmt.Fprintf(&b, "%s=%q\n", name, t.variables[name])
	}
	return b.String()
}
