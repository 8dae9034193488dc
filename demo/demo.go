// Package demo holds the example workspace and writes it: two repositories with thirteen assets, as two Go modules or as two Dagster projects.
//
// The nouns: the demo is the workspace of the founding example, with code and data of our own, which [Write] writes; a project is a folder
// of the user's, into which [Init] writes what is missing; the SDK is the source of package asset, which both bring along, because
// its module path is not published.
//
// Invariants:
//
//	(a) A folder holds a whole demo or is not taken for one: the demo is written into a folder of its own in there, and its entries are
//	    moved to their places under a marker that says unfinished until the last one is there.
//	(b) Nothing is overwritten or removed but the entries of a demo that the marker in the folder says we wrote.
//	(c) What is written builds without the network where the module cache has Apache Arrow, also with -mod=readonly.
//	(d) The Python demo is Dagster's as much as ours: dagster dev opens what is written, from its folder, in the environment that
//	    [MakeEnvironment] makes.
//
// The repositories lie in this folder as ordinary packages, so that they are compiled, vetted and tested with the rest, and this folder is
// a workspace that can be opened. Their go.mod files exist only where they are written: with one in the tree, go:embed would leave
// the whole folder out without a word.
//
// The Python demo lies in python/, with its keys, groups, dependencies and columns as in the other; only its models are no tables but what
// scikit-learn makes.
//
// Deliberately absent: trusting and opening what was written, the go command, and the network, but for [MakeEnvironment]. No
// compatibility promise.
package demo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/git"
)

//go:embed workspace.yaml README.md go.mod.tmpl init/*.tmpl
//go:embed repo-analytics/*.go repo-analytics/.gitignore repo-analytics/README.md
//go:embed repo-ml/*.go repo-ml/.gitignore repo-ml/README.md
//go:embed python/workspace.yaml python/README.md python/requirements.txt
//go:embed python/repo-*/pyproject.toml python/repo-*/.gitignore python/repo-*/README.md python/repo-*/tests/*.py
//go:embed python/repo-*/src/*/*.py python/repo-*/src/*/defs/*.py
var embedded embed.FS

const (
	marker      = ".assetdev-demo"
	stagePrefix = ".assetdev-demo.new-"
	unfinished  = "unfinished\n"
	finished    = "assetdev demo wrote this folder. assetdev demo --reset writes it anew, and removes only what it wrote and .assetdev.\n"
	ofPython    = "assetdev demo --python wrote this folder. assetdev demo --python --reset writes it anew, and removes only what it wrote and .assetdev.\n"
	pythonDir   = "python/" // where the Python demo is embedded
)

// repositories are the demo's git repositories with their module paths.
var repositories = []struct{ dir, module string }{
	{"repo-analytics", "example.com/analytics"},
	{"repo-ml", "example.com/ml"},
}

// entries are what a demo consists of. A reset removes these, and .assetdev with the data and history.
var entries = []string{"workspace.yaml", "README.md", "repo-analytics", "repo-ml", "sdk", requirements}

// Options say how [Write] writes.
type Options struct {
	Reset  bool  // start over where a demo is already
	Python bool  // as Dagster projects instead of Go modules
	SDK    fs.FS // the source of the SDK: the root of assetdev's own module, or what main embeds of it; not needed with Python
}

// A Written is what [Write] left behind.
type Written struct {
	Dir     string   // absolute
	Existed bool     // a demo was there and is as it was
	Python  bool     // it is the one of Dagster projects, and needs [MakeEnvironment]
	Notices []string // what the user should know, one sentence each
}

// Write writes the demo into dir, which is made when it does not exist. A demo that is there stays as it is, unless Options.Reset says
// otherwise; one that was interrupted while it was written is written anew. The error is a [diag.Error] of kind "usage" when dir
// is a file, holds the demo in Go where that in Python is wanted, or holds anything else; a Python environment in .venv may be there.
//
// Without git, the repositories are plain folders and a notice says so.
func Write(ctx context.Context, dir string, options Options) (Written, error) {
	written, err := write(ctx, dir, options)
	if err != nil {
		return Written{}, fmt.Errorf("write the demo: %w", err)
	}
	return written, nil
}

func write(ctx context.Context, dir string, options Options) (Written, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Written{}, err
	}
	written := Written{Dir: abs}
	found, err := look(abs)
	switch {
	case err != nil:
		return Written{}, err
	case found == foundFile:
		return Written{}, diag.New("usage", "%q is not a folder", dir).WithHint("name another folder: assetdev demo DIR")
	case found == foundOther:
		return Written{}, diag.New("usage", "folder %q is not empty, and what it holds is no demo", dir).WithHint("name another folder: assetdev demo DIR")
	case found == foundDemo && options.Python && !options.Reset:
		return Written{}, diag.New("usage", "the demo in %q is the one in Go", dir).
			WithHint("name another folder: assetdev demo --python DIR\nor start over: assetdev demo --python --reset %s", dir)
	case (found == foundDemo || found == foundPython) && !options.Reset:
		if _, err := os.Stat(filepath.Join(abs, "workspace.yaml")); errors.Is(err, fs.ErrNotExist) {
			flags := "--reset"
			if found == foundPython {
				flags = "--python --reset"
			}
			return Written{}, diag.New("usage", "the demo in %q has no workspace.yaml any more", dir).WithHint("start over: assetdev demo %s %s", flags, dir)
		}
		written.Existed, written.Python = true, found == foundPython
		return written, nil
	case found == foundUnfinished:
		written.Notices = append(written.Notices, "an earlier assetdev demo was interrupted here; it is written anew")
	}
	var files map[string][]byte
	if options.Python {
		files, err = pythonFiles()
	} else {
		files, err = demoFiles(options.SDK)
	}
	if err != nil {
		return Written{}, err
	}
	written.Python = options.Python

	if err := os.MkdirAll(abs, 0o755); err != nil {
		return Written{}, err
	}
	stage, err := os.MkdirTemp(abs, stagePrefix)
	if err != nil {
		return Written{}, err
	}
	notice, err := place(ctx, abs, stage, files)
	err = errors.Join(err, os.RemoveAll(stage))
	if err != nil {
		if found == foundNothing {
			_ = os.Remove(abs) // fails when something is in it, which then should stay
		}
		return Written{}, err
	}
	if notice != "" {
		written.Notices = append(written.Notices, notice)
	}
	return written, nil
}

// A found is what a folder holds before the demo is written.
type found int

const (
	foundNothing    found = iota // it does not exist
	foundEmpty                   // nothing, or only what an interrupted call left before it moved anything
	foundDemo                    // a finished demo in Go
	foundPython                  // a finished demo in Python
	foundUnfinished              // a demo of which not all is in its place
	foundOther                   // something else
	foundFile                    // it is no folder
)

func look(dir string) (found, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return foundNothing, nil
	case err != nil:
		return 0, err
	case !info.IsDir():
		return foundFile, nil
	}
	switch text, err := os.ReadFile(filepath.Join(dir, marker)); {
	case err == nil && string(text) == unfinished:
		return foundUnfinished, nil
	case err == nil && strings.HasPrefix(string(text), "assetdev demo --python "):
		return foundPython, nil
	case err == nil && strings.HasPrefix(string(text), "assetdev demo "):
		return foundDemo, nil
	case err == nil:
		return foundOther, nil
	case !errors.Is(err, fs.ErrNotExist):
		return 0, err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	if slices.ContainsFunc(list, func(e fs.DirEntry) bool {
		return !strings.HasPrefix(e.Name(), stagePrefix) && e.Name() != environmentDir
	}) {
		return foundOther, nil
	}
	return foundEmpty, nil
}

// place writes the files below stage, makes repositories of the two folders, and moves everything to its place in dir.
func place(ctx context.Context, dir, stage string, files map[string][]byte) (notice string, err error) {
	fresh, old := filepath.Join(stage, "new"), filepath.Join(stage, "old")
	for _, name := range sorted(files) {
		if err := create(filepath.Join(fresh, filepath.FromSlash(name)), files[name]); err != nil {
			return "", err
		}
	}
	for _, repo := range repositories {
		if notice, err = initRepository(ctx, filepath.Join(fresh, repo.dir)); err != nil {
			return "", err
		}
		if notice != "" {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}

	// From here on the folder is a demo, if an unfinished one.
	if err := mark(dir, stage, unfinished); err != nil {
		return "", err
	}
	if err := os.Mkdir(old, 0o755); err != nil {
		return "", err
	}
	_, python := files[requirements]
	remove := append([]string{".assetdev"}, entries...)
	if made, err := environmentMadeFor(dir); err != nil {
		return "", err
	} else if made != "" && !python {
		remove = append(remove, environmentDir) // else it is good for the new demo too, or MakeEnvironment makes it anew
	}
	for _, name := range remove {
		err := os.Rename(filepath.Join(dir, name), filepath.Join(old, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	text := finished
	if python {
		text = ofPython
	}
	for _, name := range entries {
		err := os.Rename(filepath.Join(fresh, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // each demo has one that the other does not have
			return "", err
		}
	}
	if err := mark(dir, stage, text); err != nil {
		return "", err
	}
	return notice, clean(dir)
}

// mark replaces the marker in one step.
func mark(dir, stage, text string) error {
	next := filepath.Join(stage, "marker")
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(dir, marker))
}

// clean removes what calls that were interrupted left in dir.
func clean(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if strings.HasPrefix(entry.Name(), stagePrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}

const commitMessage = "Assets of the assetdev demo\n\nWritten by assetdev demo.\n"

// initRepository makes a git repository of dir, or says why it remains a plain folder.
func initRepository(ctx context.Context, dir string) (notice string, err error) {
	if !git.Available() {
		return "there is no git, so the two repositories are plain folders", nil
	}
	err = git.Init(ctx, dir, nil, commitMessage)
	if err == nil {
		return "", nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	// A git that is too old, or broken: the demo is worth having without it.
	if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
		return "", err
	}
	return fmt.Sprintf("the repositories are plain folders, because git does not make them: %v", err), nil
}

// demoFiles returns the content of the demo by slash-separated path.
func demoFiles(source fs.FS) (map[string][]byte, error) {
	sdk, err := readSDK(source)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, text := range sdk.files {
		files["sdk/"+name] = text
	}
	err = fs.WalkDir(embedded, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".tmpl" || strings.HasPrefix(name, pythonDir) {
			return err
		}
		files[name], err = embedded.ReadFile(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, repo := range repositories {
		if files[repo.dir+"/go.mod"], err = sdk.goMod(repo.module, "../sdk"); err != nil {
			return nil, err
		}
		files[repo.dir+"/go.sum"] = sdk.goSum
	}
	return files, nil
}

// pythonFiles returns the content of the Python demo by slash-separated path.
func pythonFiles() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(embedded, path.Clean(pythonDir), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[strings.TrimPrefix(name, pythonDir)], err = embedded.ReadFile(name)
		return err
	})
	return files, err
}

// create writes a file that does not exist, and its folder.
func create(name string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
