package loader

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/filekey"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/codeversion"
	"github.com/assetdev/assetdev/loader/location"
	"github.com/assetdev/assetdev/loader/location/golang"
	"github.com/assetdev/assetdev/loader/workspace"
)

// openLocation opens one code location.
func (l *Loader) openLocation(entry workspace.Location, grant trust.Grant) (opened, error) {
	switch entry.Kind {
	case workspace.GoPackage:
		return l.openGo(entry, grant)
	case workspace.PythonPackage, workspace.PythonModule, workspace.PythonFile, workspace.AutoloadDefsModule:
		return l.openPython(entry, grant)
	case workspace.SQL, workspace.Command, workspace.GRPCServer, workspace.PythonEnvironment:
	}
	return nil, diag.New("location", "code locations of kind %s cannot be loaded", entry.Kind).At(entry.Pos)
}

// environ returns the environment of a location's processes: that of the settings, the entry's variables, and what .env files add.
func (l *Loader) environ(entry workspace.Location) ([]string, error) {
	environ := slices.Clone(l.inherited())
	for _, name := range slices.Sorted(maps.Keys(entry.Env)) {
		environ = append(environ, name+"="+entry.Env[name])
	}
	return withDotEnv(environ, entry.WorkingDirectory, l.ws.Dir)
}

// inherited returns the environment that all locations begin with.
func (l *Loader) inherited() []string {
	if l.opts.Environ == nil {
		return os.Environ()
	}
	return l.opts.Environ
}

// A goLocation is a Go program with the index of what its code means.
type goLocation struct {
	location.Location
	entry   workspace.Location
	environ []string
	main    string                    // symbol of the entry point
	index   func() *codeversion.Index // opened at first use: it needs the version of the go command, which only running it tells
}

func (l *Loader) openGo(entry workspace.Location, grant trust.Grant) (opened, error) {
	root, module, err := moduleOf(entry.WorkingDirectory)
	if err != nil {
		return nil, err
	}
	environ, err := l.environ(entry)
	if err != nil {
		return nil, err
	}
	g := &goLocation{entry: entry, environ: environ, main: mainPackage(root, module, entry.WorkingDirectory, entry.Package) + ".main"}
	g.index = sync.OnceValue(func() *codeversion.Index {
		return codeversion.Open(codeversion.Options{
			Root: root, WorkspaceDir: l.ws.Dir, WorkingDir: entry.WorkingDirectory, Main: strings.TrimSuffix(g.main, ".main"), Cgo: cgo(environ),
			GoVersion: g.Environment().Version,
			LookupEnv: g.LookupEnv,
		})
	})
	g.Location, err = golang.Open(golang.Config{
		Name: entry.Name, Dir: entry.WorkingDirectory, Package: entry.Package, Env: environ, CacheDir: filepath.Join(l.opts.CacheDir, "go"),
		Digest: func(ctx context.Context) (string, error) { return g.index().Digest(ctx) }, CodeVersions: g.codeVersions,
	}, grant)
	return g, err
}

// lookup finds a variable in an environment; later entries win.
func lookup(environ []string, name string) (string, bool) {
	for _, entry := range slices.Backward(environ) {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// LookupEnv returns a variable of the environment of the location's steps.
func (g *goLocation) LookupEnv(name string) (string, bool) { return lookup(g.environ, name) }

// cgo says whether the go command would use cgo.
func cgo(environ []string) bool {
	if v, ok := lookup(environ, "CGO_ENABLED"); ok {
		return v == "1"
	}
	_, err := exec.LookPath("gcc")
	return err == nil
}

// moduleOf returns the folder of the go.mod that holds dir, and the module's path.
func moduleOf(dir string) (root, module string, err error) {
	for root = dir; ; root = filepath.Dir(root) {
		data, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err == nil {
			for line := range strings.SplitSeq(string(data), "\n") {
				if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
					module, _, _ := strings.Cut(rest, "//")
					return root, strings.Trim(strings.TrimSpace(module), `"`), nil
				}
			}
			return "", "", &location.Error{Message: "go.mod names no module", File: filepath.Join(root, "go.mod"), Line: 1}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", &location.Error{Message: err.Error()}
		}
		if root == filepath.Dir(root) {
			return "", "", &location.Error{Message: fmt.Sprintf("there is no go.mod in %s or a folder above it: go mod init makes one", dir)}
		}
	}
}

// mainPackage returns the import path of the package that an entry names.
func mainPackage(root, module, dir, pkg string) string {
	if pkg != "." && !strings.HasPrefix(pkg, "./") && !strings.HasPrefix(pkg, "../") {
		return pkg
	}
	rel, err := filepath.Rel(root, filepath.Join(dir, pkg))
	if err != nil {
		return pkg
	}
	return path.Join(module, filepath.ToSlash(rel))
}

// codeVersions answers CodeVersions of the contract from files alone.
func (g *goLocation) codeVersions(ctx context.Context, assets []wire.Asset) (map[string]location.Version, error) {
	if _, err := g.index().Refresh(ctx); err != nil {
		return nil, parseError(err)
	}
	out := map[string]location.Version{}
	add := func(key string, a wire.Asset) error {
		r, err := g.index().Version(a.Symbol, a.Files, a.Env, a.CodeVersion)
		if err != nil {
			return parseError(err)
		}
		out[key] = location.Version{Code: r.Code, Doc: r.Doc, File: r.File, Line: r.Line}
		return nil
	}
	if err := add("", wire.Asset{Symbol: g.main}); err != nil {
		return nil, err
	}
	for _, a := range assets {
		if err := add(a.Key, a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func parseError(err error) error {
	if e, ok := errors.AsType[*codeversion.Error](err); ok {
		return &location.Error{Message: e.Message, File: e.File, Line: e.Line}
	}
	return err
}

// Stamp hashes the stat keys of every file below the location's folders and of the go command, and the variables that steer it.
func (g *goLocation) Stamp(ctx context.Context) (string, bool) {
	h := sha256.New()
	sure := true
	now := time.Now()
	file := func(path string, info fs.FileInfo) {
		key := filekey.Of(info)
		fmt.Fprintf(h, "%s\x00%s\x00", path, key)
		sure = sure && !key.Racy(now)
	}
	for _, root := range g.Files() {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			}
			if d.IsDir() {
				if name := d.Name(); path != root && (name == ".git" || name == ".assetdev" || name == "node_modules") {
					return fs.SkipDir
				}
				return nil
			}
			info, err := d.Info()
			if err == nil {
				file(path, info)
			}
			if d.Type()&fs.ModeSymlink != 0 {
				if target, err := os.Stat(path); err == nil {
					file(path, target)
				}
			}
			return nil
		})
		if err != nil {
			return "", false
		}
	}
	if path, err := exec.LookPath("go"); err == nil {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(h, "%s\x00%s\x00", path, filekey.Of(info))
		}
	}
	for _, name := range []string{"GOFLAGS", "GOOS", "GOARCH", "CGO_ENABLED", "GOTOOLCHAIN", "GOEXPERIMENT"} {
		value, ok := g.LookupEnv(name)
		fmt.Fprintf(h, "%s=%t%q\x00", name, ok, value)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), sure
}
