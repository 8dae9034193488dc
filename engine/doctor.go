package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/git"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/loader"
	"github.com/assetdev/assetdev/loader/workspace"
	"golang.org/x/sys/unix"
)

// NeedsTrust is the error of what would execute code of a workspace that is not trusted.
type NeedsTrust = trust.NeedsTrust

// LoadPersonal reads the user's own settings, config.yaml in the user's configuration folder.
func LoadPersonal() (workspace.Personal, error) {
	file, err := workspace.PersonalFile()
	if err != nil {
		return workspace.Personal{}, err
	}
	return workspace.LoadPersonal(file)
}

// LoadRunConfig joins run config as users give it: YAML or JSON files, the later over the earlier, and JSON text over all; nil when nothing
// is given.
func LoadRunConfig(files []string, text string) (json.RawMessage, error) {
	return workspace.LoadRunConfig(files, text)
}

// FindWorkspace returns the absolute path of the workspace file: the one named, or the nearest one upwards when none is.
func FindWorkspace(named string) (string, error) {
	if named == "" {
		return workspace.Find("")
	}
	if info, err := os.Stat(named); err == nil && info.IsDir() {
		return workspace.In(named)
	}
	return filepath.Abs(named)
}

// StoredWords returns what a selection can name in the stored graph: asset keys and, with attributes, words such as
// group:raw_data. It reads two files and executes nothing.
func StoredWords(file string, attributes bool) ([]string, error) {
	ws, err := workspace.Load(file, workspace.Options{})
	if err != nil {
		return nil, err
	}
	l := loader.Open(ws, loader.Options{StateDir: filepath.Join(ws.Dir, ".assetdev")})
	var words []string
	for _, name := range l.Names() {
		if attributes {
			words = append(words, fmt.Sprintf("code_location:%q", name))
		}
		for _, a := range l.State(name).Assets {
			words = append(words, a.Key.String())
			if attributes && a.Group != "" {
				words = append(words, "group:"+a.Group)
			}
			for _, kind := range a.Kinds {
				if attributes {
					words = append(words, "kind:"+kind)
				}
			}
		}
	}
	if attributes {
		for _, s := range graph.Statuses {
			words = append(words, "status:"+s.String())
		}
	}
	slices.Sort(words)
	return slices.Compact(words), nil
}

// FileName returns the workspace file relative to its folder: its name.
func (w Workspace) FileName() string { return filepath.Base(w.File) }

// DataFile returns a record's file as JSON shows it: relative to the workspace's folder where it lies below it.
func (w Workspace) DataFile(file string) string {
	if file == "" {
		return ""
	}
	path := filepath.Join(w.Base, filepath.FromSlash(file))
	if rel, err := filepath.Rel(w.Dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}

// StateDir returns the folder beside the workspace file that holds assetdev's own state.
func (e *Engine) StateDir() string { return e.state }

// RevokeTrust forgets that the workspace was trusted, and reports whether it was.
func (e *Engine) RevokeTrust() (bool, error) { return e.memory.Revoke(e.ws.Dir) }

// A Collected is what retention removed.
type Collected struct {
	Versions int
	Bytes    int64
	Runs     int
	Kept     int64 // bytes
}

// Collect applies retention now.
func (e *Engine) Collect(ctx context.Context, dryRun bool) (Collected, error) {
	report, err := e.manager.Collect(ctx, dryRun)
	if err != nil {
		return Collected{}, err
	}
	out := Collected{Versions: len(report.Deleted), Bytes: report.Bytes}
	if !dryRun {
		if out.Runs, err = e.prune(); err != nil {
			return out, err
		}
	}
	out.Kept, err = e.manager.Size(ctx)
	return out, err
}

// writable returns an error when a folder, or the nearest one above it that exists, cannot be written.
func writable(dir string) error {
	for {
		err := unix.Access(dir, unix.W_OK)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			if err != nil {
				return fmt.Errorf("%s cannot be written: %w", dir, err)
			}
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

// prune removes what the settings do not keep of the history, and returns how many runs that were.
func (e *Engine) prune() (int, error) {
	keep := e.ws.Settings.Keep
	var before time.Time
	if keep.RunsFor > 0 {
		before = time.Now().Add(-keep.RunsFor)
	}
	return e.history.Prune(before, keep.Runs)
}

// RunAssets returns the assets that have a step in a run of the history, in the order in which the steps first spoke.
func (e *Engine) RunAssets(run string) ([]graph.Key, error) {
	var keys []graph.Key
	err := e.history.Events(run, func(ev event.Event) bool {
		if ev.Kind == event.KindStep && ev.Asset != nil && !slices.Contains(keys, *ev.Asset) {
			keys = append(keys, *ev.Asset)
		}
		return true
	})
	return keys, err
}

// A Finding is one thing that doctor or verify looked at.
type Finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning or error
	Text   string `json:"text"`
	Remedy string `json:"remedy"`
	File   string `json:"file"`
	Line   int    `json:"line"`
}

// Verify checks all stored data against its records; it reads every byte.
func (e *Engine) Verify(ctx context.Context) ([]Finding, error) {
	found, err := e.manager.Fsck(ctx)
	if err != nil {
		return nil, err
	}
	var out []Finding
	for _, f := range found {
		out = append(out, Finding{Check: f.Check, State: f.State, Text: f.Text, Remedy: f.Remedy, File: f.File})
	}
	return out, nil
}

// Doctor looks at what the workspace needs to work.
func (e *Engine) Doctor() []Finding {
	s := e.Snapshot()
	var out []Finding
	add := func(check, state, text, remedy string) {
		out = append(out, Finding{Check: check, State: state, Text: text, Remedy: remedy})
	}
	add("workspace", "ok", s.Workspace.File, "")
	for _, n := range slices.Concat(s.Notices, s.Problems) {
		out = append(out, Finding{Check: n.Kind, State: "warning", Text: n.What, Remedy: n.Hint, File: n.Pos.File, Line: n.Pos.Line})
	}
	if s.Workspace.Trusted {
		add("trust", "ok", "the workspace is trusted", "")
	} else {
		add("trust", "warning", "the workspace is not trusted, its code is not run", "assetdev trust")
	}
	if path, err := exec.LookPath("go"); err == nil {
		add("go", "ok", path, "")
	} else {
		add("go", "error", "there is no go in PATH", "install Go, https://go.dev/dl")
	}
	if git.Available() {
		add("git", "ok", "git is there", "")
	} else {
		add("git", "warning", "there is no git in PATH: records do not say which commit made the data", "install git")
	}
	for _, l := range s.Locations {
		if l.State != "broken" {
			add("location "+l.Name, "ok", fmt.Sprintf("%s, %s", l.State, plural(l.Assets, "asset")), "")
			continue
		}
		out = append(out, Finding{Check: "location " + l.Name, State: "error", Text: l.Error.Message, File: l.Error.File, Line: l.Error.Line, Remedy: "repair the code; its last good graph stays until then"})
	}
	if err := writable(e.manager.BaseDir()); err != nil {
		add("storage", "error", err.Error(), "make the folder writable, or name another one: io_manager: {filesystem: {base_dir: …}}")
	} else {
		add("storage", "ok", s.Workspace.Storage, "")
	}
	for _, key := range s.Graph.Keys() {
		if s.Graph.IsExternal(key) {
			text := fmt.Sprintf("%s is read and no code location defines it", key)
			remedy := ""
			if near, ok := s.Graph.Suggestion(key); ok {
				remedy = fmt.Sprintf("did you mean %s?", near)
			}
			add("dependencies", "warning", text, remedy)
		}
	}
	return out
}
