package golang

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/loader/location"
)

// keepBinaries is how many binaries of a location stay, apart from those in use.
const keepBinaries = 3

// maxRebuilds is how often a call begins again because files changed.
const maxRebuilds = 20

// A build is one run of go build. Its fields below mu of the location are guarded by that.
type build struct {
	key     string
	cancel  context.CancelCauseFunc
	waiters int           // guarded; when the last one leaves the build is cancelled
	done    chan struct{} // closed when err is final
	err     error
}

var (
	errSuperseded = errors.New("files changed: a newer build has begun")
	errChanged    = errors.New("files changed during the build")
	errUnwanted   = errors.New("nobody waits for the build")
)

type binary struct{ path, key string }

// binary returns the binary of the files as they are, and builds it when there is none. The caller releases it.
func (l *golang) binary(ctx context.Context) (binary, error) {
	for range maxRebuilds {
		key, err := l.key(ctx)
		if err != nil {
			return binary{}, asError(ctx, err)
		}
		bin := binary{path: l.path(key), key: key}
		if l.hold(bin.path) {
			return bin, nil
		}
		err = l.join(ctx, key)
		if err == nil || errors.Is(err, errSuperseded) || errors.Is(err, errChanged) {
			continue // the next round finds the binary or builds the new one
		}
		return binary{}, asError(ctx, err)
	}
	return binary{}, &location.Error{
		Message: "the files of the module change faster than they can be built",
		Hint:    "does a program, or the asset's own code, write .go or embedded files into the module?",
	}
}

func asError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &location.Error{Message: "the build was cancelled", Interrupted: true, Cause: ctx.Err()}
	}
	if e, ok := errors.AsType[*location.Error](err); ok {
		return e
	}
	return &location.Error{Message: err.Error(), Cause: err}
}

// key hashes all that decides what the binary does: the files, where they lie, the package, and the toolchain.
func (l *golang) key(ctx context.Context) (string, error) {
	m, err := findModules(l.config.Dir, l.config.Env)
	if err != nil {
		return "", err
	}
	digest := l.config.Digest
	if digest == nil {
		digest = m.digest
	}
	content, err := digest(ctx)
	if err != nil {
		return "", err
	}
	tools, err := l.toolchain(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "v1\n%q\n%q\n%q\n%q\n%q\n%s", content, m.dirs, l.config.Dir, l.config.Package, l.flags(tools), tools.text()))
	return hex.EncodeToString(sum[:16]), nil
}

// path returns the name of a binary: those of one location begin with the same letters.
func (l *golang) path(key string) string {
	return filepath.Join(l.config.CacheDir, "bin", l.prefix()+key)
}

func (l *golang) prefix() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q\n%q", l.config.Dir, l.config.Package))
	return hex.EncodeToString(sum[:4]) + "-"
}

// flags are those of go build. Without symbols and DWARF linking takes half the time; traces keep their lines.
func (l *golang) flags(tools toolchain) []string {
	flags := []string{"-buildvcs=false"}
	if !strings.Contains(tools.variables["GOFLAGS"], "-ldflags") {
		flags = append(flags, "-ldflags=-s -w")
	}
	return flags
}

// hold says whether the binary is there, and if so keeps it from being pruned until release.
func (l *golang) hold(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // pruning keeps the newest; a courtesy
	l.inUse[path]++
	return true
}

func (l *golang) release(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inUse[path]--; l.inUse[path] == 0 {
		delete(l.inUse, path)
	}
}

// join waits for the build of the key, which it begins when it is not under way. A build of another key is ended first, if the files
// still say so.
func (l *golang) join(ctx context.Context, key string) error {
	l.mu.Lock()
	b := l.building
	if b != nil && b.key != key {
		l.mu.Unlock()
		// Which of the two is out of date?
		if now, err := l.key(ctx); err != nil || now != key {
			return errors.Join(err, errSuperseded)
		}
		b.cancel(errSuperseded)
		select {
		case <-b.done:
			return errSuperseded // look again
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if b == nil {
		b = &build{key: key, done: make(chan struct{})}
		var life context.Context
		life, b.cancel = context.WithCancelCause(l.gate.Life())
		l.building = b
		l.gate.Go(func() {
			b.err = l.run(life, key)
			if cause := context.Cause(life); cause != nil && b.err != nil {
				b.err = cause
			}
			b.cancel(nil)
			l.mu.Lock()
			l.building = nil
			l.mu.Unlock()
			close(b.done)
		})
	}
	b.waiters++
	l.mu.Unlock()
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		l.mu.Lock()
		if b.waiters--; b.waiters == 0 {
			b.cancel(errUnwanted)
		}
		l.mu.Unlock()
		return ctx.Err()
	}
}

// run builds the binary of the key.
func (l *golang) run(ctx context.Context, key string) error {
	tools, err := l.toolchain(ctx)
	if err != nil {
		return err
	}
	if err := l.checkPackage(); err != nil {
		return err
	}
	path := l.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(path), "build-*")
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	out := filepath.Join(work, "program")

	ring, err := child.NewRing(child.RingOptions{MaxBytes: 1 << 20, MaxLines: 2000})
	if err != nil {
		return err
	}
	p, err := child.Start(child.Command{
		Path: tools.path, Args: append(append([]string{"build"}, l.flags(tools)...), "-o", out, l.config.Package),
		Dir: l.config.Dir, Env: buildEnv(l.config.Env), Stdout: ring.Stream("stdout"), Stderr: ring.Stream("stderr"),
		// An interrupt lets it remove its temporary files.
		Grace: child.Grace{Interrupt: time.Second, Terminate: 500 * time.Millisecond},
	})
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop(context.WithoutCancel(ctx))
		return ctx.Err()
	}
	exit := p.Wait()
	after, err := l.key(ctx)
	if err != nil {
		return err
	}
	if after != key {
		return errChanged
	}
	if exit.Code != 0 {
		var said strings.Builder
		for _, line := range ring.Tail(2000) {
			said.WriteString(line.Text + "\n")
		}
		e := explainBuild(said.String(), l.config.Dir)
		if e.Message == "" {
			e.Message = "go build ended with " + exit.String()
		}
		return e
	}
	// go build writes a library that is asked for by name as an archive that cannot be executed.
	info, err := os.Stat(out)
	if err == nil && info.Mode()&0o111 == 0 || errors.Is(err, fs.ErrNotExist) {
		return &location.Error{
			Message: fmt.Sprintf("package %q is not a program: its files do not say package main", l.config.Package),
			Hint:    "package_name must name the folder whose func main calls asset.Main(…)",
		}
	}
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if err := os.Rename(out, path); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	l.prune(path)
	return nil
}

// buildEnv makes compiler and linker collect less garbage, unless the user says how much: a relink takes an eighth less.
func buildEnv(env []string) []string {
	if lookup(env, "GOGC") != "" {
		return env
	}
	return append(slices.Clone(env), "GOGC=400")
}

// prune removes the older binaries of the location, but none in use.
func (l *golang) prune(newest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	type old struct {
		path string
		used time.Time
	}
	var all []old
	paths, _ := filepath.Glob(filepath.Join(filepath.Dir(newest), l.prefix()+"*"))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && path != newest {
			all = append(all, old{path, info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b old) int { return b.used.Compare(a.used) })
	for i, b := range all {
		if i >= keepBinaries-1 && l.inUse[b.path] == 0 {
			_ = os.Remove(b.path) // the next build tries again
		}
	}
}

// checkPackage finds out before the go command does, and says better, that a folder is not there.
func (l *golang) checkPackage() error {
	name := l.config.Package
	if name != "." && !strings.HasPrefix(name, "./") && !strings.HasPrefix(name, "../") {
		return nil
	}
	dir := filepath.Join(l.config.Dir, name)
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	e := &location.Error{
		Message: fmt.Sprintf("package %q: there is no folder %q", name, dir),
		Hint:    "correct package_name of this location in the workspace file",
	}
	var beside []string
	entries, _ := os.ReadDir(filepath.Dir(dir))
	for _, entry := range entries {
		if goFiles, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), entry.Name(), "*.go")); len(goFiles) > 0 {
			beside = append(beside, entry.Name())
		}
	}
	if near := diag.Nearest(filepath.Base(dir), beside); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", strings.TrimSuffix(name, filepath.Base(dir))+near)
	}
	return e
}

// toolchain finds the go command and asks for its settings, once for each state of the files that decide them.
func (l *golang) toolchain(ctx context.Context) (toolchain, error) {
	path, err := l.command()
	if err != nil {
		return toolchain{}, err
	}
	m, err := findModules(l.config.Dir, l.config.Env)
	if err != nil {
		return toolchain{}, err
	}
	var of strings.Builder
	files := append([]string{path, filepath.Join(m.main, "go.mod")}, m.files...)
	if settings := lookup(l.config.Env, "GOENV"); settings != "" {
		files = append(files, settings)
	} else if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "go", "env"))
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintf(&of, "%q %d %d\n", file, info.Size(), info.ModTime().UnixNano())
		}
	}
	l.mu.Lock()
	known := l.tools
	l.mu.Unlock()
	if known.of == of.String() {
		return known, nil
	}
	said, err := child.Output(ctx, child.Command{Path: path, Args: append([]string{"env", "-json"}, settings...), Dir: l.config.Dir, Env: l.config.Env}, 1<<20)
	if err != nil {
		if e, ok := errors.AsType[*child.ExitError](err); ok {
			if found := explainBuild(e.Stderr, l.config.Dir); found.Message != "" {
				return toolchain{}, found
			}
		}
		return toolchain{}, fmt.Errorf("ask for the settings of Go: %w", err)
	}
	tools := toolchain{path: path, of: of.String()}
	if err := json.Unmarshal(said, &tools.variables); err != nil {
		return toolchain{}, fmt.Errorf("ask for the settings of Go: %w", err)
	}
	l.mu.Lock()
	l.tools = tools
	l.mu.Unlock()
	return tools, nil
}

// command returns the path of the go command: as configured, in PATH, or where it is usually installed.
func (l *golang) command() (string, error) {
	name := l.config.Go
	if name == "" {
		name = "go"
	}
	if filepath.IsAbs(name) {
		if exists(name) {
			return name, nil
		}
	} else {
		for dir := range strings.SplitSeq(lookup(l.config.Env, "PATH"), string(filepath.ListSeparator)) {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(path) {
				return path, nil
			}
		}
		if l.config.Go == "" {
			usual := []string{"/usr/local/go/bin/go", "/opt/homebrew/bin/go"}
			if root := lookup(l.config.Env, "GOROOT"); root != "" {
				usual = append([]string{filepath.Join(root, "bin", "go")}, usual...)
			}
			for _, path := range usual {
				if exists(path) {
					return path, nil
				}
			}
		}
	}
	return "", &location.Error{
		Message: fmt.Sprintf("the go command %q was not found; it builds this location", name),
		Hint:    "install Go (https://go.dev/dl/, for " + runtime.GOOS + "/" + runtime.GOARCH + ") and see that it is in PATH: go version",
		Cause:   exec.ErrNotFound,
	}
}
