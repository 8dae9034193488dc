// Package pythontest makes the Python environments that tests run in: the interpreters that this machine has, with the pinned packages of
// loader/location/python/testdata.
//
// An environment is made once, below assetdev-test in the user's cache folder, under a lock of its own so that test binaries wait for each other, and is
// complete when its marker is there. Without network or without an interpreter a test is skipped with a message; with CI=true it fails.
// `go test ./loader/location/python/pythontest -run Setup` makes them all beforehand.
package pythontest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assetdev/assetdev/internal/child"
)

// Packages is one of the lists of pinned packages.
type Packages string

// The lists: the newest Dagster, and the oldest that is supported.
const (
	Newest Packages = "newest"
	Oldest Packages = "oldest"
)

// of are the minor versions of Python 3 that a list can be installed for.
func (p Packages) of(minor int) bool {
	if p == Oldest {
		return minor >= 10 && minor <= 12
	}
	return minor >= 11 && minor <= 13
}

// An Interpreter is a Python that this machine has.
type Interpreter struct {
	Path  string // absolute
	Minor int    // of Python 3
}

// An Environment is an interpreter with a list of packages.
type Environment struct {
	Interpreter
	Packages Packages
	Python   string // the environment's interpreter, once it is made
}

// Name returns "3.11 newest".
func (e Environment) Name() string { return fmt.Sprintf("3.%d %s", e.Minor, e.Packages) }

var interpreters = sync.OnceValue(func() []Interpreter {
	candidates := []string{"python3"}
	for minor := 10; minor <= 14; minor++ {
		candidates = append(candidates, "python3."+strconv.Itoa(minor))
	}
	if home, err := os.UserHomeDir(); err == nil {
		for _, pattern := range []string{".pyenv/versions/*/bin/python3", ".local/share/uv/python/*/bin/python3"} {
			found, _ := filepath.Glob(filepath.Join(home, filepath.FromSlash(pattern)))
			candidates = append(candidates, found...)
		}
	}
	var found []Interpreter
	for _, candidate := range candidates {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		// A shim of pyenv is there for versions that it does not offer: what does not answer is none.
		out, err := child.Output(ctx, child.Command{
			Path: candidate, Args: []string{"-I", "-c", "import sys, venv, ensurepip; print(sys.executable); print(*sys.version_info[:2])"},
		}, 0)
		cancel()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || len(lines) != 2 {
			continue
		}
		major, minor, _ := strings.Cut(lines[1], " ")
		n, err := strconv.Atoi(minor)
		if err != nil || major != "3" || n < 10 || slices.ContainsFunc(found, func(i Interpreter) bool { return i.Minor == n }) {
			continue
		}
		found = append(found, Interpreter{Path: lines[0], Minor: n})
	}
	return found
})

// All returns every environment that the interpreters of this machine can have. None of them need be made yet.
func All() []Environment {
	var all []Environment
	for _, i := range interpreters() {
		for _, packages := range []Packages{Newest, Oldest} {
			if packages.of(i.Minor) {
				all = append(all, Environment{Interpreter: i, Packages: packages})
			}
		}
	}
	return all
}

// Python returns the interpreter of an environment with the packages, made with the first interpreter that can have them. When that
// cannot be done the test is skipped, or fails in CI.
func Python(t testing.TB, packages Packages) string {
	t.Helper()
	for _, e := range All() {
		if e.Packages == packages {
			return e.Make(t)
		}
	}
	lacking(t, fmt.Errorf("there is no interpreter for the %s packages, only %v", packages, interpreters()))
	return ""
}

// Make makes the environment unless it is there, and returns its interpreter. When that cannot be done the test is skipped, or fails in CI.
func (e Environment) Make(t testing.TB) string {
	t.Helper()
	python, err := e.make(t.Context(), t.Logf)
	if err != nil {
		lacking(t, err)
	}
	return python
}

// There reports whether the environment has been made.
func (e Environment) There() bool {
	dir, _, err := e.folder()
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, marker))
	return err == nil
}

func lacking(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("make a Python environment: %v", err)
	}
	t.Skipf("there is no Python environment for this test: %v", err)
}

// marker is a file of an environment that was made to the end.
const marker = "assetdev-complete"

// requirements returns the file with the list.
func (p Packages) requirements() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "testdata", "requirements-"+string(p)+".txt")
}

func (e Environment) folder() (dir, requirements string, err error) {
	requirements = e.Packages.requirements()
	list, err := os.ReadFile(requirements)
	if err != nil {
		return "", "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(list)
	return filepath.Join(cache, "assetdev-test", fmt.Sprintf("%s-3.%d-%s", e.Packages, e.Minor, hex.EncodeToString(sum[:6]))), requirements, nil
}

func (e Environment) make(ctx context.Context, log func(string, ...any)) (string, error) {
	dir, requirements, err := e.folder()
	if err != nil {
		return "", err
	}
	python := filepath.Join(dir, "bin", "python")
	if e.There() {
		return python, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("wait for the environment: %w", err)
	}
	if e.There() {
		return python, nil
	}
	began := time.Now()
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	for _, step := range [][]string{
		{e.Path, "-I", "-m", "venv", dir},
		{python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "-r", requirements},
	} {
		if _, err := child.Output(ctx, child.Command{Path: step[0], Args: step[1:], Dir: filepath.Dir(dir)}, 0); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	if err := os.WriteFile(filepath.Join(dir, marker), nil, 0o666); err != nil {
		return "", err
	}
	log("made %s with the %s packages in %v", dir, e.Packages, time.Since(began).Round(time.Second))
	return python, nil
}
