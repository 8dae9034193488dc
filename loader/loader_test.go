package loader

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/packed"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
	"github.com/assetdev/assetdev/loader/workspace"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDotEnv(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for dir, text := range map[string]string{
		first:  "# a comment\nexport A=1\nB = \"two # words\" # why\nC=three # why\nnot a line\n=x\nA=again\n",
		second: "A=never\nD='it is'\nE=\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := withDotEnv([]string{"C=set"}, first, second, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"C=set", "A=1", "B=two # words", "D=it is", "E="}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzDotEnv(f *testing.F) {
	f.Add("A=1\nexport B='x'\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range parseDotEnv(text) {
			if v[0] == "" {
				t.Errorf("a variable without a name from %q", text)
			}
		}
	})
}

// dagsterAsset is an asset with all that a framework can say of one.
func dagsterAsset() wire.Asset {
	return wire.Asset{
		Key: "d", Step: "both", NotExecutable: "it is observable only", StoredBy: "own", IOManager: "warehouse", Together: true,
		Checks: []wire.CheckSpec{{Name: "not_empty", Blocking: true, Description: "has rows"}}, Pool: "db",
		Config:     []wire.ConfigField{{Name: "n", Type: "Int", Required: true, Description: "how many"}, {Name: "m", Default: json.RawMessage("1")}},
		ConfigPath: []string{"ops", "d", "config"}, CodeFiles: []string{"/d/a.sql"}, Automation: "eager", Freshness: "by 9:00",
		Made: &wire.Made{At: "2026-11-24T08:00:00Z", Run: "r1", Path: "/data/d", Metadata: map[string]string{"rows": "3"}},
	}
}

// TestStoredGraph: what one loader stored is what the next one knows before it asked anybody.
func TestStoredGraph(t *testing.T) {
	dir := t.TempDir()
	ws := &workspace.Workspace{Dir: dir, Locations: []workspace.Location{{Name: "north", Kind: workspace.GoPackage, WorkingDirectory: dir}}}
	shared := graph.Part{Symbol: "assets.helper", Hash: "h1", File: "helper.go", Line: 3}
	l := Open(ws, Options{StateDir: filepath.Join(dir, ".assetdev")})
	l.units["north"].kept = keptLocation{
		Kind: string(workspace.GoPackage), Stamp: "s",
		Jobs:   []wire.Job{{Name: "daily", Assets: []string{"a", "b"}}, {Name: "none"}},
		About:  About{Notices: []string{"src is not on the path"}, Schedules: []string{"nightly"}, Sensors: []string{"s"}, Resources: []string{"db: DuckDB"}, Framework: "dagster 1.13.27"},
		Assets: []wire.Asset{dagsterAsset(), {Key: "a", Symbol: "assets.a", Group: "raw"}, {Key: "b", Symbol: "assets.b", Inputs: []string{"a"}, Deps: []string{"x", "a"}}},
		Versions: map[string]location.Version{
			"a": {Code: graph.Code{Version: "go1:1", Parts: []graph.Part{{Symbol: "assets.a", Hash: "ha"}, shared}}, Doc: "a is first."},
			"b": {Code: graph.Code{Version: "go1:2", Parts: []graph.Part{shared}}, File: filepath.Join(dir, "b.go"), Line: 7},
		},
	}
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	s := Open(ws, Options{StateDir: filepath.Join(dir, ".assetdev")}).State("north")
	if !s.LastGood || s.Loaded || len(s.Assets) != 3 || len(s.Problems) != 0 {
		t.Fatalf("got %+v", s)
	}
	if diff := cmp.Diff(l.units["north"].kept.About, s.About); diff != "" {
		t.Errorf("about: %s", diff)
	}
	if len(s.Jobs) != 2 || s.Jobs[0].Name != "daily" || len(s.Jobs[0].Assets) != 2 || s.Jobs[0].Assets[1] != graph.MustKey("b") {
		t.Errorf("jobs: got %+v", s.Jobs)
	}
	want := graph.Asset{
		Key: graph.MustKey("d"), Location: "north", Executable: false, Why: "it is observable only", StoredBy: "own", Step: "both", Together: true, IOManager: "warehouse",
		Checks: []graph.CheckSpec{{Name: "not_empty", Blocking: true, Description: "has rows"}}, Pool: "db", Automation: "eager", Policy: "by 9:00",
		Config:     []graph.ConfigField{{Name: "n", Type: "Int", Required: true, Description: "how many"}, {Name: "m", Default: "1"}},
		ConfigPath: []string{"ops", "d", "config"},
		Made:       &graph.Made{At: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), Run: "r1", Path: "/data/d", Metadata: map[string]string{"rows": "3"}},
	}
	if diff := cmp.Diff(want, s.Assets[0], cmp.Comparer(func(a, b graph.Key) bool { return a == b })); diff != "" {
		t.Errorf("d: %s", diff)
	}
	a, b := s.Assets[1], s.Assets[2]
	if a.Description != "a is first." || a.Group != "raw" || len(a.Code.Parts) != 2 || a.Code.Parts[1] != shared {
		t.Errorf("a: got %+v", a)
	}
	if len(b.Deps) != 2 || b.Deps[0].String() != "a" || b.Deps[1].String() != "x" || b.Source.File != "b.go" || b.Source.Line != 7 {
		t.Errorf("b: got %+v", b)
	}
	for path, want := range map[string]os.FileMode{".assetdev": 0o700, ".assetdev/graph": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, ".assetdev/.gitignore")); err != nil || string(data) != "*\n" {
		t.Errorf(".gitignore: got %q, %v", data, err)
	}
}

// TestDamagedStoredGraph: a stored graph that cannot be understood is as good as none.
func TestDamagedStoredGraph(t *testing.T) {
	dir := t.TempDir()
	ws := &workspace.Workspace{Dir: dir, Locations: []workspace.Location{{Name: "north", Kind: workspace.GoPackage}}}
	var part keptWriter
	part.location(keptLocation{Kind: string(workspace.GoPackage), Assets: []wire.Asset{{Key: "a"}}, Versions: map[string]location.Version{
		"a": {Code: graph.Code{Parts: []graph.Part{{Symbol: "p"}}}},
	}})
	good := append(packedText("north"), part.Out...)
	beyond := append(slices.Clone(good[:len(good)-1]), 14) // the last number is the index of the part
	sealed := func(body []byte) string { return string(packed.Seal(keptLine, body)) }
	for _, text := range []string{"", "{", `{"format":2}`, keptLine, sealed(good)[:60], sealed(good[:len(good)-1]), sealed(beyond)} {
		if err := os.WriteFile(filepath.Join(dir, "graph"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s := Open(ws, Options{StateDir: dir}).State("north"); len(s.Assets) != 0 || s.LastGood {
			t.Errorf("%q: got %+v, want nothing", text, s)
		}
	}
}

func packedText(s string) []byte {
	var w packed.Writer
	w.Text(s)
	return w.Out
}

// TestKeptUnchanged: the stored graph is written when something changed, and only then.
func TestKeptUnchanged(t *testing.T) {
	dir := t.TempDir()
	ws := &workspace.Workspace{Dir: dir, Locations: []workspace.Location{{Name: "north", Kind: workspace.GoPackage, WorkingDirectory: dir}}}
	l := Open(ws, Options{StateDir: dir})
	l.units["north"].kept = keptLocation{Kind: string(workspace.GoPackage), Assets: []wire.Asset{{Key: "a"}}}
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	read := Open(ws, Options{StateDir: dir})
	if err := os.Remove(l.keptFile()); err != nil {
		t.Fatal(err)
	}
	written := func(l *Loader) bool {
		if err := l.Save(); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(l.keptFile())
		return err == nil
	}
	if written(l) || written(read) {
		t.Error("written, though nothing changed")
	}
	read.units["north"].saved = false
	if !written(read) {
		t.Error("not written, though something changed")
	}
}

func FuzzKept(f *testing.F) {
	f.Add(string(appendKept(map[string]keptLocation{"north": {
		Assets:   []wire.Asset{{Key: "a", Tags: map[string]string{"x": "y"}, Columns: []wire.Column{{Name: "c", Type: "t"}}}},
		Versions: map[string]location.Version{"a": {Code: graph.Code{Parts: []graph.Part{{Symbol: "p"}}}}},
	}})))
	f.Add(string(appendKept(map[string]keptLocation{"north": saidParts(time.Unix(0, 0))})))
	f.Fuzz(func(t *testing.T, body string) {
		kept, ok := parseKept(body)
		if !ok {
			return
		}
		again, ok := parseKept(string(appendKept(kept)))
		if diff := cmp.Diff(kept, again, cmpopts.IgnoreUnexported(keptParts{})); !ok || diff != "" {
			t.Error(ok, diff)
		}
	})
}

func TestWhatCannotBeADefinition(t *testing.T) {
	l := Open(&workspace.Workspace{Dir: t.TempDir()}, Options{})
	assets, problems := l.assets("north", []wire.Asset{{Key: "a"}, {Key: "a"}, {Key: "b//c"}, {Key: "other::a"}, {Key: "d", Inputs: []string{""}}}, nil)
	if len(assets) != 2 || len(problems) != 4 {
		t.Errorf("got %d assets and %d problems, want 2 and 4: %q", len(assets), len(problems), problems)
	}
}
