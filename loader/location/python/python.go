// Package python is the kind of code location that is a Dagster project: it is described and run by its own interpreter, through
// Dagster's public API, by a few Python files that are part of assetdev.
//
// The nouns: a Location is what one entry of a workspace loads; its environment is the interpreter with what is installed for it; its own code
// are the files below its roots: the working directory and what is installed in place. A worker is the process that answers one
// request. Servers fork workers from a process that has imported what they need; without them each worker starts cold.
//
// Invariants:
//
//	(a) A worker runs the user's code as the files are when it starts: own code is never imported by a server, and never read from byte code.
//	(b) Which way a worker was started changes nothing but the time it takes. What goes wrong with a server before the worker said hello
//	    costs a cold start.
//	(c) Nothing is written to the repository: the bundled Python and what was learnt lie below Config.CacheDir.
//
// Deliberately absent: what Dagster is (lib/assetdev_bridge knows), watching, retries of steps. No compatibility promise.
package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	Name         string
	Kind         string // python_package, python_module, python_file or autoload_defs_module
	Target       string // a module's name, or the absolute path of a file
	Attribute    string
	Dir          string // working directory, absolute
	WorkspaceDir string // absolute: the current folder of the user's code, as for Dagster
	Executable   string // the interpreter: absolute, or a bare name for PATH; "" finds the environment of the project
	// Env is the whole environment of the user's code; nil is that of this process.
	Env []string
	// CacheDir is a folder outside the repository, absolute. Locations may share it.
	CacheDir string
	// Servers starts workers and analyses code. It outlives the location. With nil the location has its own, and workers start cold.
	Servers *Servers
	// Instance says what is done with Dagster's own instance: "none", "read", or "report", which is read and told what was materialized.
	Instance string
	// IOManagers says who stores what resources of the location handle, as in [wire.Request].
	IOManagers map[string]string
	// Timeout is how long the project may take to load; 0 is three minutes, as in Dagster.
	Timeout time.Duration
	// Lib is the folder of the package assetdev_bridge; "" is the bundled one.
	Lib string
}

const defaultTimeout = 3 * time.Minute

// firstWord is how long a forked worker may take to say hello, which takes milliseconds: then it hangs.
const firstWord = 20 * time.Second

// describeGrace is short: a program that describes itself has nothing to lose.
var describeGrace = child.Grace{Interrupt: 500 * time.Millisecond, Terminate: 500 * time.Millisecond}

// A Location is one open Python code location. It fulfils [location.Location].
type Location struct {
	config  Config
	sources sources
	servers *Servers
	own     *Servers // servers, when they end with the location
	gate    *location.Gate

	mu      sync.Mutex
	reads   []string        // files that were read when the location was last described: no Python, or Python outside of the roots
	counts  []wire.Asset    // that count further files as code: declared ones, and those of components
	claimed map[string]bool // files that assets name as their own code: they count for no other
	seen    Environment
	stamped string // Digest of the environment that the last Stamp saw

	versioning sync.Mutex                  // held while code is analysed; guards what follows
	versions   map[string]location.Version // of the last answer; nil when the process that gave it is another one now
	lastKey    string
	lastAnswer answer
	covered    []string // files of all modules that code versions cover, as of the last answer
}

// Open opens a location. It reads nothing and starts nothing; errors of the project come from the methods. The error says what of the
// Config is wrong.
func Open(config Config, grant trust.Grant) (*Location, error) {
	switch {
	case !grant.Valid():
		return nil, errors.New("open Python location: the workspace is not trusted")
	case !filepath.IsAbs(config.Dir) || !filepath.IsAbs(config.WorkspaceDir):
		return nil, fmt.Errorf("open Python location: working directory %q or workspace %q is not absolute", config.Dir, config.WorkspaceDir)
	case !filepath.IsAbs(config.CacheDir):
		return nil, fmt.Errorf("open Python location: cache folder %q is not absolute", config.CacheDir)
	case config.Target == "":
		return nil, errors.New("open Python location: it names no code")
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Env == nil {
		config.Env = os.Environ()
	}
	if config.Instance == "" {
		config.Instance = "none"
	}
	l := &Location{config: config, gate: location.NewGate(), servers: config.Servers}
	if l.servers == nil {
		l.own = NewServers(ServerOptions{CacheDir: config.CacheDir, Env: config.Env, Mode: Cold})
		l.servers = l.own
	}
	return l, nil
}

// environment finds the environment anew: it may have been made or changed meanwhile.
func (l *Location) environment(ctx context.Context) (Environment, error) {
	if !isDir(l.config.Dir) {
		return Environment{}, &location.Error{
			Message: fmt.Sprintf("the working directory %q does not exist", l.config.Dir),
			Hint:    "correct working_directory of this location in the workspace file",
		}
	}
	s := search{dir: l.config.Dir, workspace: l.config.WorkspaceDir, executable: l.config.Executable, env: l.config.Env, cache: l.config.CacheDir}
	e, err := s.find(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Python != "" {
		l.seen = e
	}
	return e, err
}

// roots returns the folders of the location's own code: the working directory, what is installed in place, and PYTHONPATH.
func (l *Location) roots(e Environment) []string {
	roots := []string{l.config.Dir}
	if l.config.Kind == "python_file" {
		if dir := filepath.Dir(l.config.Target); !within(dir, l.config.Dir) {
			roots = append(roots, dir)
		}
	}
	for _, dir := range slices.Concat(e.Own, l.pythonPath()) {
		if isDir(dir) && !e.installed(dir) && !slices.ContainsFunc(roots, func(root string) bool { return within(dir, root) }) {
			roots = append(roots, dir)
		}
	}
	return roots
}

// pythonPath returns the folders of PYTHONPATH, absolute: relative ones are meant from the current folder of the user's code.
func (l *Location) pythonPath() []string {
	var dirs []string
	for dir := range strings.SplitSeq(lookup(l.config.Env, "PYTHONPATH"), string(filepath.ListSeparator)) {
		if dir == "" {
			continue
		}
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(l.config.WorkspaceDir, dir)
		}
		dirs = append(dirs, filepath.Clean(dir))
	}
	return dirs
}

// Describe asks the project what it defines.
func (l *Location) Describe(ctx context.Context) (location.Description, error) {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return location.Description{}, err
	}
	defer leave()
	var answer location.Answer
	var build string
	for range describeTries {
		before, known := l.moment(ctx)
		if answer, build, err = l.ask(ctx, wire.Request{Type: wire.Describe, IOManagers: l.config.IOManagers}, l.config.Timeout, describeGrace, nil); err != nil {
			return location.Description{}, err
		}
		l.Known(answer.Assets, answer.Definitions.Files)
		if after, _ := l.moment(ctx); !known || after == before {
			break
		}
		// Files were saved meanwhile: nobody can tell whether what was said is what they say now.
	}
	return location.Description{
		Assets: answer.Assets, Problems: answer.Problems, Hello: answer.Hello, Build: build,
		Definitions: answer.Definitions, Partitions: answer.Partitions, Mappings: answer.Mappings, Made: answer.Made,
	}, nil
}

// describeTries is how often a location is asked again while its files are being written.
const describeTries = 3

// moment names the state of what a description hangs on: the own code and Dagster's history.
func (l *Location) moment(ctx context.Context) (stamp string, ok bool) {
	e, err := l.environment(ctx)
	if err != nil {
		return "", false
	}
	files, err := list(ctx, l.roots(e), l.historyFiles())
	if err != nil {
		return "", false
	}
	stamp, _ = stampOf(files, e)
	return stamp, true
}

// Known says what the location answered when an earlier process described it: its assets, and which files, absolute, were read: they
// count as code, and a change of one can change the location.
func (l *Location) Known(assets []wire.Asset, files []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads, l.counts, l.claimed = slices.Clone(files), nil, map[string]bool{}
	for _, a := range assets {
		if len(a.Files) > 0 || len(a.CodeFiles) > 0 || isComponent(a) {
			l.counts = append(l.counts, a)
		}
		for _, file := range a.CodeFiles {
			l.claimed[file] = true
		}
	}
}

// Materialize has the project make one asset, or those of one step.
func (l *Location) Materialize(ctx context.Context, request wire.Request, out location.Output) (location.Result, error) {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return location.Result{}, err
	}
	defer leave()
	if request.IOManagers == nil {
		request.IOManagers = l.config.IOManagers
	}
	answer, build, err := l.ask(ctx, request, 0, child.Grace{}, out)
	if err != nil {
		return location.Result{Checks: answer.Checks}, err
	}
	files, same := l.beside(answer.Files)
	if !same {
		build = ""
	}
	return location.Result{Result: answer.Result, Metadata: answer.Metadata, Checks: answer.Checks, Build: build, Files: files}, nil
}

// beside returns those of the files that a step hung on which no code version covers. same is false when the code that was loaded is not what
// the files say now: it was edited meanwhile, perhaps there and back, and nobody can tell what ran.
func (l *Location) beside(files []wire.File) (beside []wire.File, same bool) {
	l.versioning.Lock()
	covered := map[string]bool{}
	for _, file := range l.covered {
		covered[file] = true
	}
	l.versioning.Unlock()
	for _, file := range l.readFiles() {
		covered[file] = true
	}
	same = true
	for _, f := range files {
		if filepath.Ext(f.Path) != ".py" {
			beside = append(beside, f)
			continue
		}
		if sum, err := l.sources.content(f.Path); err != nil || sum != f.Hash {
			same = false
		}
		real, err := filepath.EvalSymlinks(f.Path)
		if !covered[f.Path] && (err != nil || !covered[real]) {
			beside = append(beside, f)
		}
	}
	return beside, same
}

// reportWithin bounds one report.
const reportWithin = time.Minute

// Report tells Dagster's own instance, that of DAGSTER_HOME, what was materialized, by Dagster as the location has it installed.
func (l *Location) Report(ctx context.Context, reports []wire.Reported) error {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	_, _, err = l.ask(ctx, wire.Request{Type: wire.Report, Reports: reports, Alone: true}, reportWithin, child.Grace{}, nil)
	return err
}

// target is what a worker is told to load.
type target struct {
	Kind        string   `json:"kind"`
	Target      string   `json:"target"`
	Attribute   string   `json:"attribute"`
	Dir         string   `json:"working_directory"`
	Name        string   `json:"name"`
	Roots       []string `json:"roots"`
	DagsterHome string   `json:"dagster_home"`
	Workspace   string   `json:"workspace_root"`
	Instance    string   `json:"instance"`
}

// ask makes one request, by a server where there is one.
func (l *Location) ask(ctx context.Context, q wire.Request, timeout time.Duration, grace child.Grace, out location.Output) (location.Answer, string, error) {
	if ctx.Err() != nil {
		return location.Answer{}, "", &location.Error{Message: "cancelled", Interrupted: true, Cause: ctx.Err()}
	}
	e, err := l.environment(ctx)
	if err != nil {
		return location.Answer{}, "", err
	}
	build, err := l.build(ctx, e)
	if err != nil {
		return location.Answer{}, "", err
	}
	lib, err := l.lib()
	if err != nil {
		return location.Answer{}, "", &location.Error{Message: err.Error(), Cause: err}
	}
	roots := l.roots(e)
	about, err := json.Marshal(target{
		Kind: l.config.Kind, Target: l.config.Target, Attribute: l.config.Attribute, Dir: l.config.Dir, Name: l.config.Name,
		Roots: roots, DagsterHome: lookup(l.config.Env, "DAGSTER_HOME"), Workspace: l.config.WorkspaceDir, Instance: l.config.Instance,
	})
	if err != nil {
		return location.Answer{}, "", &location.Error{Message: err.Error(), Cause: err}
	}
	env := append(withLib(e.environ(l.config.Env), lib), "ASSETDEV_TARGET="+string(about))
	call := location.Call{
		Command: child.Command{Path: e.Python, Args: workerArgs("worker"), Dir: l.config.WorkspaceDir, Env: env, Grace: grace},
		Timeout: timeout, Output: out,
		Explain: func(stderr string) (location.Error, bool) { return explain(stderr, roots) },
		Silent:  "the process that runs the project was replaced or ended by code that runs at its very start, as sitecustomize or a .pth file of " + e.Prefix,
	}
	w := want{environment: e, lib: lib, env: l.config.Env, roots: roots}
	answer, err := l.forked(ctx, call, q, w)
	if errors.Is(err, errCold) {
		answer, err = call.Do(ctx, q)
	}
	if len(answer.Modules) > 0 {
		l.servers.learn(w, answer.Modules)
	}
	if failed, ok := errors.AsType[*location.Error](err); ok && failed.Hint == "" {
		failed.Hint = l.hint(failed.Message, e)
	}
	return answer, build, err
}

// errCold says that no server can make a call.
var errCold = errors.New("no server")

// forked makes the call by a worker that a server forks. The error is errCold when that cannot be done, and nothing of the user's was run.
func (l *Location) forked(ctx context.Context, call location.Call, q wire.Request, w want) (location.Answer, error) {
	if q.Debug || q.Alone && !l.servers.has(w) {
		return location.Answer{}, errCold // the imports of a server cost more than those of one step
	}
	materializes := q.Type == wire.Materialize
	start, done := l.servers.worker(ctx, w, materializes, materializes && !q.Alone)
	if start == nil {
		return location.Answer{}, errCold
	}
	defer done()
	refused := false
	call.FirstWord = l.servers.word
	call.Start = func(c child.Command) (*child.Process, error) {
		p, err := start(c)
		refused = err != nil
		return p, err
	}
	answer, err := call.Do(ctx, q)
	if err != nil && ctx.Err() == nil && (refused || errors.Is(err, location.ErrNoHello)) {
		return location.Answer{}, errCold
	}
	return answer, err
}

// workerArgs are the arguments of Python for one of the bundled programs: text is UTF-8 whatever the locale. Byte code of own code is
// neither written nor read by them; that of what is installed is Python's business, as ever.
func workerArgs(program string) []string {
	return []string{"-X", "utf8", "-m", "assetdev_bridge." + program}
}

// withLib returns the environment with the bundled Python at the end of Python's path.
func withLib(env []string, lib string) []string {
	path := lib
	if given := lookup(env, "PYTHONPATH"); given != "" {
		path = given + string(filepath.ListSeparator) + lib
	}
	return append(slices.Clip(env), "PYTHONPATH="+path)
}

func (l *Location) lib() (string, error) {
	if l.config.Lib != "" {
		return l.config.Lib, nil
	}
	return unpack(l.config.CacheDir)
}

// noModule is Python's message about a module that is not there.
var noModule = regexp.MustCompile(`No module named '([\w.]+)'`)

// hint says what to do about a failure of the user's code, "" when nothing is known.
func (l *Location) hint(message string, e Environment) string {
	m := noModule.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	top, _, _ := strings.Cut(m[1], ".")
	own, _, _ := strings.Cut(l.config.Target, ".")
	if top == own && l.config.Kind != "python_file" {
		return fmt.Sprintf("%s is looked for in %s and in what is installed in %s: correct working_directory of this location, or install the project: %s",
			top, l.config.Dir, e.Prefix, l.search().install(e, "-e "+quoted(l.config.Dir)))
	}
	return "if it is a package, install it: " + l.search().install(e, top)
}

func (l *Location) search() search {
	return search{dir: l.config.Dir, workspace: l.config.WorkspaceDir, executable: l.config.Executable, env: l.config.Env, cache: l.config.CacheDir}
}

// build hashes the location's own code and what is installed.
func (l *Location) build(ctx context.Context, e Environment) (string, error) {
	files, err := l.files(ctx, e)
	if err == nil {
		var sum string
		if sum, err = l.sources.digest(files); err == nil {
			return sum + "-" + e.Digest[:min(16, len(e.Digest))], nil
		}
	}
	if ctx.Err() != nil {
		return "", &location.Error{Message: "cancelled", Interrupted: true, Cause: ctx.Err()}
	}
	return "", &location.Error{Message: err.Error(), Cause: err}
}

func (l *Location) files(ctx context.Context, e Environment) ([]source, error) {
	l.mu.Lock()
	reads := l.reads
	l.mu.Unlock()
	if l.config.Kind == "python_file" {
		reads = append(slices.Clip(reads), l.config.Target)
	}
	return list(ctx, l.roots(e), reads)
}

// Build hashes the location's own code and what is installed. It starts nothing.
func (l *Location) Build(ctx context.Context) (string, error) {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	e, err := l.environment(ctx)
	if err != nil {
		return "", err
	}
	return l.build(ctx, e)
}

// Stamp changes whenever a file that the location's meaning hangs on may have changed, or what is installed; it reads no content. ok is false
// when a change just now could have been missed.
func (l *Location) Stamp(ctx context.Context) (stamp string, ok bool) {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return "", false
	}
	defer leave()
	e, err := l.environment(ctx)
	if err != nil {
		l.mu.Lock()
		l.stamped = ""
		l.mu.Unlock()
		return "", false
	}
	files, err := l.files(ctx, e)
	if err != nil {
		return "", false
	}
	l.mu.Lock()
	l.stamped = e.Digest
	l.mu.Unlock()
	more, err := l.countedFiles()
	if err != nil {
		return "", false
	}
	known := map[string]bool{}
	for _, s := range files {
		known[s.path] = true
	}
	more = slices.DeleteFunc(more, func(file string) bool { return known[file] })
	further, err := list(ctx, nil, more)
	if err != nil {
		return "", false
	}
	return stampOf(append(files, further...), e)
}

// Moved reports whether something was installed, removed or made anew since the last Stamp: environments are not watched.
func (l *Location) Moved(ctx context.Context) bool {
	ctx, leave, err := l.gate.Enter(ctx)
	if err != nil {
		return false
	}
	defer leave()
	e, err := l.environment(ctx)
	if ctx.Err() != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil { // it is told once, by the refresh that then comes
		return l.stamped != ""
	}
	return l.stamped != e.Digest
}

// LookupEnv returns a variable of the environment of the user's code.
func (l *Location) LookupEnv(name string) (string, bool) {
	for _, entry := range slices.Backward(l.config.Env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// Files returns the folders of the location's own code, and single files elsewhere that were read for its definitions.
func (l *Location) Files() []string {
	l.mu.Lock()
	e, reads := l.seen, l.reads
	l.mu.Unlock()
	if e.Python == "" {
		if ctx, leave, err := l.gate.Enter(context.Background()); err == nil {
			e, _ = l.environment(ctx)
			leave()
		}
	}
	var files []string
	for _, dir := range l.roots(e) {
		if isDir(dir) {
			files = append(files, dir)
		}
	}
	dirs := len(files)
	for _, file := range reads {
		if isFile(file) && !slices.ContainsFunc(files[:dirs], func(dir string) bool { return within(file, dir) }) {
			files = append(files, file)
		}
	}
	if config := filepath.Join(e.Prefix, "pyvenv.cfg"); e.Virtual && isFile(config) {
		files = append(files, config)
	}
	return files
}

// Environment names the interpreter, its version and Dagster's, as files tell them.
func (l *Location) Environment() location.Environment {
	ctx, leave, err := l.gate.Enter(context.Background())
	if err != nil {
		return location.Environment{}
	}
	defer leave()
	e, _ := l.environment(ctx)
	return location.Environment{Executable: e.Python, Version: e.Version, Dagster: e.Dagster}
}

// Warm starts the fork server of the location's environment, so that the next request need not wait for its imports. It does not wait.
func (l *Location) Warm() {
	ctx, leave, err := l.gate.Enter(context.Background())
	if err != nil {
		return
	}
	defer leave()
	e, err := l.environment(ctx)
	if err != nil {
		return // the next request tells
	}
	if lib, err := l.lib(); err == nil {
		l.servers.warm(want{environment: e, lib: lib, env: l.config.Env, roots: l.roots(e)})
	}
}

// Close ends workers and waits for them.
func (l *Location) Close() error {
	l.gate.Close()
	if l.own != nil {
		return l.own.Close()
	}
	return nil
}

// frame is the line of a traceback that names a place; the first form is Python's own, the second that of faulthandler.
var frame = regexp.MustCompile(`^\s+File "([^"\n]+)", line (\d+)(?:, in | in )`)

// explain finds in what a process wrote to stderr the last traceback, or what faulthandler wrote when it crashed, and as its place the innermost
// frame of the user's files.
func explain(stderr string, roots []string) (location.Error, bool) {
	var e location.Error
	lines := strings.Split(stderr, "\n")
	const traceback, fatal = "Traceback (most recent call last):", "Fatal Python error: "
	start, crashed := -1, false
	for i, line := range lines {
		if strings.HasPrefix(line, fatal) {
			start, crashed = i, true
			break
		}
		if line == traceback {
			start = i
		}
	}
	if start < 0 {
		return e, false
	}
	for _, line := range lines[start:] {
		m := frame.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		own := slices.ContainsFunc(roots, func(root string) bool { return within(m[1], root) }) && !strings.Contains(m[1], "site-packages")
		if !own || crashed && e.File != "" { // faulthandler names the innermost frame first
			continue
		}
		e.File = m[1]
		e.Line, _ = strconv.Atoi(m[2])
	}
	if crashed {
		e.Message = "Python crashed: " + wire.Cut(strings.TrimSpace(strings.TrimPrefix(lines[start], fatal)), 1000)
		return e, true
	}
	for _, line := range lines[start+1:] {
		if line != "" && line[0] != ' ' && line[0] != '\t' {
			e.Message = wire.Cut(line, 1000)
			break
		}
	}
	if e.Message == "KeyboardInterrupt" {
		return location.Error{}, false // that was us
	}
	return e, e.Message != ""
}
