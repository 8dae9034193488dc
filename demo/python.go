package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/diag"
)

// One environment serves both repositories of the Python demo. It lies above them, where assetdev looks for it when a repository has no .venv of
// its own; so one fork server serves both, and it is installed once.

const (
	environmentDir = ".venv"
	requirements   = "requirements.txt"
	// environmentMark lies in an environment that we made, and says for which requirements, or that it is unfinished.
	environmentMark = ".assetdev-demo"
)

// The versions of Python for which there are wheels of all requirements.
const (
	oldestPython = 10 // 3.10
	newestPython = 14
)

// MakeEnvironment makes the Python environment of the demo in dir, with the versions that its requirements.txt says: by uv where that is on the
// PATH, else by the first suitable Python there and its pip. It needs the network, unless the packages are in uv's or pip's cache. progress is
// called, from one goroutine at a time, with what happens, a few words each.
//
// An environment that is complete, or that the user made, stays as it is; one that was interrupted is made anew. The error is a [diag.Error] of
// kind "environment" when there is no Python, no network, or a package that cannot be installed.
func MakeEnvironment(ctx context.Context, dir string, progress func(text string)) error {
	text, err := os.ReadFile(filepath.Join(dir, requirements))
	if err != nil {
		return fmt.Errorf("make the Python environment: %w", err)
	}
	e := environment{ctx: ctx, dir: dir, hash: hashOf(text), progress: progress}
	for line := range strings.Lines(string(text)) {
		if name, _, ok := strings.Cut(line, "=="); ok && !strings.HasPrefix(line, "#") {
			e.packages = append(e.packages, name)
		}
	}
	e.packages = slices.Compact(e.packages)
	if err := e.make(); err != nil {
		if _, ours := errors.AsType[*diag.Error](err); ours || ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("make the Python environment in %q: %w", dir, err)
	}
	return nil
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

type environment struct {
	ctx      context.Context
	dir      string
	hash     string
	packages []string // that requirements.txt names
	progress func(text string)
}

func (e *environment) path(names ...string) string {
	return filepath.Join(append([]string{e.dir, environmentDir}, names...)...)
}

func (e *environment) size() string {
	if len(e.packages) == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", len(e.packages))
}

func (e *environment) make() error {
	switch made, err := environmentMadeFor(e.dir); {
	case err != nil:
		return err
	case made == e.hash:
		return nil
	case made == "":
		if _, err := os.Stat(e.path()); err == nil {
			return nil // the user's own; doctor says what it lacks
		}
	}
	if err := os.RemoveAll(e.path()); err != nil {
		return err
	}
	with, err := e.tool()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.path(), 0o755); err != nil {
		return err
	}
	mark := e.path(environmentMark)
	if err := os.WriteFile(mark, []byte(unfinished), 0o644); err != nil {
		return err
	}
	for _, command := range with.commands {
		if err := e.run(command); err != nil {
			return err
		}
	}
	return os.WriteFile(mark, []byte(e.hash+"\n"), 0o644)
}

// environmentMadeFor returns the hash of the requirements for which we made the environment in dir, "unfinished" for half an environment of ours,
// or "" for one that is not ours or not there.
func environmentMadeFor(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, environmentDir, environmentMark))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// A tool is how an environment is made.
type tool struct{ commands [][]string }

// tool finds uv, or a Python.
func (e *environment) tool() (tool, error) {
	if _, err := e.output("uv", "--version"); err == nil {
		e.progress("making a Python environment with uv: " + e.size())
		between := fmt.Sprintf(">=3.%d,<3.%d", oldestPython, newestPython+1)
		return tool{[][]string{
			{"uv", "venv", "--no-project", "--allow-existing", "--python", between, environmentDir},
			{"uv", "pip", "install", "--python", filepath.Join(environmentDir, "bin", "python"), "--requirement", requirements},
		}}, nil
	}
	if err := e.ctx.Err(); err != nil {
		return tool{}, err
	}
	python, version, err := e.python()
	if err != nil {
		return tool{}, err
	}
	e.progress(fmt.Sprintf("making a Python environment with Python %s and pip: %s", version, e.size()))
	return tool{[][]string{
		{python, "-m", "venv", environmentDir},
		{
			filepath.Join(environmentDir, "bin", "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off",
			"--retries", "1", "--requirement", requirements,
		},
	}}, nil
}

// python returns the first Python on the PATH that the requirements fit. Some of the names may be shims that do not start.
func (e *environment) python() (path, version string, err error) {
	names := []string{"python3"}
	for minor := newestPython - 1; minor >= oldestPython; minor-- {
		names = append(names, fmt.Sprintf("python3.%d", minor))
	}
	names = append(names, fmt.Sprintf("python3.%d", newestPython), "python")
	var seen []string
	for _, name := range names {
		out, err := e.output(name, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])")
		if e.ctx.Err() != nil {
			return "", "", e.ctx.Err()
		}
		version = strings.TrimSpace(out)
		if parts := strings.Split(version, "."); err == nil && len(parts) == 3 {
			minor, err := strconv.Atoi(parts[1])
			if err == nil && parts[0] == "3" && minor >= oldestPython && minor <= newestPython {
				return name, version, nil
			}
			seen = append(seen, fmt.Sprintf("%s is %s", name, version))
		}
	}
	found := "there is none"
	if len(seen) > 0 {
		found = strings.Join(seen, ", ")
	}
	return "", "", diag.New("environment", "the Python demo needs Python 3.%d to 3.%d, and on the PATH %s", oldestPython, newestPython, found).
		WithHint("install uv, which brings its own Python (https://docs.astral.sh/uv), or a newer Python, then: %s", again(e.dir))
}

// again is the command that goes on where this one ended.
func again(dir string) string { return fmt.Sprintf("assetdev demo --python %q", dir) }

func (e *environment) output(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(e.ctx, 30*time.Second)
	defer cancel()
	out, err := child.Output(ctx, child.Command{Path: name, Args: args, Dir: e.dir, Grace: child.Grace{Interrupt: -1, Terminate: time.Second}}, 64<<10)
	return string(out), err
}

// run runs a command of uv, venv or pip to its end.
func (e *environment) run(command []string) error {
	said := &installOutput{progress: e.progress, all: len(e.packages)}
	// The environment may be inside another one, whose settings are not meant for it.
	env := append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "VIRTUAL_ENV=") || strings.HasPrefix(v, "PYTHONHOME=") || strings.HasPrefix(v, "PYTHONPATH=")
	}), "LC_ALL=C.UTF-8", "NO_COLOR=1", "PYTHONUNBUFFERED=1")
	p, err := child.Start(child.Command{Path: command[0], Args: command[1:], Dir: e.dir, Env: env, Stdout: said, Stderr: said, Grace: child.Grace{Interrupt: -1, Terminate: time.Second}})
	if err != nil {
		return err
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(e.ctx, func() {
		defer close(stopped)
		p.Stop(context.WithoutCancel(e.ctx))
	})
	exit := p.Wait()
	if !stop() {
		<-stopped
		return e.ctx.Err()
	}
	if exit.Code == 0 && exit.Signal == 0 {
		return nil
	}
	return e.explain(command, said.tail())
}

// What uv and pip say when they reach nobody.
var noNetwork = regexp.MustCompile(`(?i)name resolution|failed to resolve|nodename nor servname|network is unreachable|failed to establish a new connection|` +
	`are you offline|dns error|error sending request|failed to fetch|connecttimeout|connection (refused|reset|timed out)|network connectivity is disabled`)

// explain says in one sentence why a command failed.
func (e *environment) explain(command []string, said string) error {
	byHand := fmt.Sprintf("then: %s", again(e.dir))
	switch {
	case noNetwork.MatchString(said):
		return diag.New("environment", "the packages of the Python demo cannot be downloaded: %s does not reach its package index", command[0]).
			WithHint("connect to the network, or set the index that you use (PIP_INDEX_URL, UV_INDEX_URL), %s", byHand)
	case strings.Contains(said, "ensurepip"):
		return diag.New("environment", "this Python has no venv with pip").WithHint("install uv (https://docs.astral.sh/uv), or the package python3-venv, %s", byHand)
	}
	return diag.New("environment", "%s ended with an error while it made the Python environment:\n%s", strings.Join(command, " "), said).
		WithHint("mend that, %s", byHand)
}

// An installOutput takes what uv, venv and pip print: it keeps the end, and tells what matters as progress. One goroutine writes, and has ended
// before tail is called.
type installOutput struct {
	progress func(text string)
	all      int

	rest []byte
	last []string
	seen int
}

const keepLines = 12

func (o *installOutput) Write(p []byte) (int, error) {
	o.rest = append(o.rest, p...)
	for {
		line, rest, ok := bytes.Cut(o.rest, []byte("\n"))
		if !ok {
			if len(o.rest) > child.MaxLine {
				o.rest = nil
			}
			return len(p), nil
		}
		o.line(strings.TrimRight(string(line), "\r "))
		o.rest = rest
	}
}

var _ io.Writer = (*installOutput)(nil)

func (o *installOutput) line(line string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	o.last = append(o.last, line)
	if len(o.last) > keepLines {
		o.last = o.last[1:]
	}
	words := strings.Fields(line)
	switch {
	case words[0] == "Collecting" && len(words) > 1: // pip: "Collecting numpy==2.4.6 (from -r requirements.txt (line 40))"
		o.seen++
		name, _, _ := strings.Cut(words[1], "==")
		o.progress(fmt.Sprintf("collecting %s (%d of %d)", name, min(o.seen, o.all), o.all))
	case words[0] == "Installing" && len(words) > 1: // pip: "Installing collected packages: …"
		o.progress("installing the packages")
	case slices.Contains([]string{"Using", "Resolved", "Downloading", "Downloaded", "Prepared", "Installed", "Building", "Built"}, words[0]) && !strings.HasPrefix(line, " "): // uv, and pip's wheels
		o.progress(strings.ToLower(line[:1]) + strings.TrimSpace(line[1:]))
	}
}

func (o *installOutput) tail() string {
	o.line(string(o.rest))
	o.rest = nil
	return strings.Join(o.last, "\n")
}
