package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/engine/history"
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

// StoredRuns returns the newest runs of a workspace, newest first, each with a tab and its state behind it, as completion shows them.
// It executes nothing.
func StoredRuns(file string) ([]string, error) {
	const most = 30
	runs, err := history.Open(filepath.Join(filepath.Dir(file), ".assetdev")).Runs(most)
	words := make([]string, len(runs))
	for i, r := range runs {
		words[i] = r.Run + "\t" + r.State
	}
	return words, err
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
	if out.Runs, err = e.prune(dryRun); err != nil {
		return out, err
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

// prune removes what the settings do not keep of the history, and returns how many runs that were; with dryRun it only counts them.
func (e *Engine) prune(dryRun bool) (int, error) {
	keep := e.ws.Settings.Keep
	var before time.Time
	if keep.RunsFor > 0 {
		before = time.Now().Add(-keep.RunsFor)
	}
	return e.history.Prune(before, keep.Runs, dryRun)
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

// examine returns what there is to say of one location: whether it loads, what runs it, where it looks for its code. trusted says whether
// the workspace's code may run: else nobody asked the location.
func (l Location) examine(trusted bool) []Finding {
	check := "location " + l.Name
	var out []Finding
	switch {
	case l.State == "broken":
		remedy := l.Hint
		if remedy == "" {
			remedy = "repair the code; its last good graph stays until then"
		}
		out = append(out, Finding{Check: check, State: "error", Text: l.Error.Message, File: l.Error.File, Line: l.Error.Line, Remedy: remedy})
	case !trusted && l.State != "loaded":
		text := "not loaded: the workspace is not trusted, so none of its code was asked"
		if l.LastGood {
			text += "; its stored graph has " + plural(l.Assets, "asset")
		}
		out = append(out, Finding{Check: check, State: "warning", Text: text, Remedy: "look at what it would execute, and trust it: assetdev trust"})
	default:
		out = append(out, Finding{Check: check, State: "ok", Text: fmt.Sprintf("%s, %s", l.State, plural(l.Assets, "asset"))})
	}
	if l.Executable != "" {
		text := l.Executable
		if l.Version != "" {
			text += ", " + l.Version
		}
		if l.Dagster != "" {
			text += ", Dagster " + l.Dagster
		}
		out = append(out, Finding{Check: "environment " + l.Name, State: "ok", Text: text})
	}
	if strings.Contains(l.Note, "Dagster would") {
		out = append(out, Finding{Check: "path " + l.Name, State: "warning", Text: l.Dir + ": " + l.Note, Remedy: "write an absolute working_directory, or start both tools in the same folder"})
	}
	for _, n := range l.Notices {
		out = append(out, Finding{Check: check, State: "warning", Text: n})
	}
	return out
}

// baseDir finds the folder in what a location says of a resource, as `io_manager: FilesystemIOManager(base_dir="~/data")`.
var baseDir = regexp.MustCompile(`^([^:]+): .*\bbase_dir=["']?([^"',)]+)`)

// differingFolders warns about I/O managers whose folders are not what they look like: one that begins with "~" or is relative means
// another folder for each process that uses it, and files of one location that another looks for elsewhere are not found.
func differingFolders(s *Snapshot) []Finding {
	var out []Finding
	users := map[string][]string{} // by folder
	for _, l := range s.Locations {
		for _, r := range l.Resources {
			found := baseDir.FindStringSubmatch(r)
			if found == nil {
				continue
			}
			name, dir := found[1], found[2]
			add := func(text, remedy string) {
				out = append(out, Finding{Check: "base_dir " + l.Name, State: "warning", Text: fmt.Sprintf("resource %s: base_dir %q %s", name, dir, text), Remedy: remedy})
			}
			switch {
			case strings.HasPrefix(dir, "~"):
				add(`is taken as it is written: Dagster makes a folder named "~" in the folder it was started in`, "expand it: os.path.expanduser, or an absolute path")
				dir = filepath.Join(s.Workspace.Dir, dir)
			case !filepath.IsAbs(dir):
				add("is relative to the folder in which a process was started", "write an absolute path")
				dir = filepath.Join(s.Workspace.Dir, dir)
			}
			if dir = filepath.Clean(dir); !slices.Contains(users[dir], l.Name) {
				users[dir] = append(users[dir], l.Name)
			}
		}
	}
	if len(users) < 2 {
		return out
	}
	var parts []string
	for _, dir := range slices.Sorted(maps.Keys(users)) {
		parts = append(parts, strings.Join(users[dir], ", ")+" in "+dir)
	}
	return append(out, Finding{
		Check: "base_dir", State: "warning", Text: "code locations store their files in different folders: " + strings.Join(parts, "; "),
		Remedy: "steps that assetdev runs find their inputs all the same; elsewhere give all of them one absolute folder",
	})
}

// unreadable warns about data that is no table and is read by another location: a pickle or another value that only the code which wrote it
// can read.
func unreadable(s *Snapshot) []Finding {
	var out []Finding
	for i, key := range s.Graph.Keys() {
		what := ""
		switch stored := s.Assets[key].Stored; {
		case stored.Record != nil && strings.HasSuffix(stored.Record.File, opaqueSuffix):
			what = "a value that is no table"
		case stored.Record == nil && stored.Data == graph.DataForeign && !strings.HasPrefix(stored.Text, "a Parquet file"):
			what = stored.Text
		}
		if what == "" {
			continue
		}
		own := s.Graph.At(i).Location
		for _, reader := range s.Graph.ReadBy(i) {
			if by := s.Graph.At(int(reader)); by.Location != own {
				out = append(out, Finding{
					Check: "data " + key.String(), State: "warning", Text: fmt.Sprintf("it is %s, and %s (%s) may expect Parquet", what, by.Key, by.Location),
					Remedy: fmt.Sprintf("let it return a table, and run: assetdev materialize %s", key),
				})
				break
			}
		}
	}
	return out
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
	if slices.ContainsFunc(s.Locations, func(l Location) bool { return l.Kind == string(workspace.GoPackage) }) || len(s.Locations) == 0 {
		if path, err := exec.LookPath("go"); err == nil {
			add("go", "ok", path, "")
		} else {
			add("go", "error", "there is no go in PATH", "install Go, https://go.dev/dl")
		}
	}
	if git.Available() {
		add("git", "ok", "git is there", "")
	} else {
		add("git", "warning", "there is no git in PATH: records do not say which commit made the data", "install git")
	}
	for _, l := range s.Locations {
		out = append(out, l.examine(s.Workspace.Trusted)...)
	}
	for _, r := range e.loader.PythonServers() {
		parts := []string{fmt.Sprintf("%s: %s imported once, in %.1f s", r.Environment, plural(r.Preloaded, "module"), r.Took.Seconds())}
		if r.Err != "" {
			add("fork server", "warning", r.Environment+": "+r.Err, "code is run all the same, each time by a new process")
			continue
		}
		for i, m := range r.LeftOut {
			if i == 5 {
				parts = append(parts, fmt.Sprintf("and %d more", len(r.LeftOut)-i))
				break
			}
			parts = append(parts, fmt.Sprintf("%s is imported by each step: %s", m.Name, m.Why))
		}
		add("fork server", "ok", strings.Join(parts, "; "), "")
	}
	if err := writable(e.manager.BaseDir()); err != nil {
		add("storage", "error", err.Error(), "make the folder writable, or name another one: io_manager: {filesystem: {base_dir: …}}")
	} else {
		add("storage", "ok", s.Workspace.Storage, "")
	}
	out = append(out, differingFolders(s)...)
	out = append(out, unreadable(s)...)
	for _, key := range s.Graph.Keys() {
		if a, _ := s.Graph.Asset(key); s.Graph.IsExternal(key) && !a.External {
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
