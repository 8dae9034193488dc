package codeversion

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/internal/filekey"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/graph"
)

// base is a workspace with one Go module of two assets, features and plain, and what surrounds it.
var base = map[string]string{
	"ml/go.mod": `module example.com/ml

go 1.26

require (
	example.com/shared v0.0.0
	github.com/assetdev/assetdev v0.0.0
	github.com/outside/go-lib v1.0.0
	github.com/outside/unused v1.0.0
	github.com/outside/below v1.0.0 // indirect
)

replace (
	github.com/assetdev/assetdev => ../sdk
	example.com/shared => ../shared
)
`,
	"ml/assets/main.go": `// Command assets.
package main

import (
	"example.com/ml/segments"
	"github.com/assetdev/assetdev/asset"

	_ "example.com/ml/extension"
	_ "example.com/ml/plugin"
)

func main() {
	segments.Limit = 5
	asset.Main(asset.New("features", features), asset.New("plain", plain))
}
`,
	"ml/assets/features.go": `package main

import (
	"context"
	_ "embed"
	"os"
	"time"

	"example.com/ml/segments"
	"example.com/shared"
	"github.com/assetdev/assetdev/asset"
	"github.com/outside/go-lib"
)

//go:embed query.sql
var query string

const modelVar = "MODEL_PATH"

// features describes each customer.
func features(ctx context.Context, in struct {
	Orders []Order ` + "`asset:\"orders\"`" + `
}) ([]Feature, error) {
	asset.Progress(ctx, 0.5, "scoring")
	local := lib.Normalise(query) // a comment
	var scorer segments.Scorer = segments.Pick()
	out := []Feature{{Tier: segments.Tier(3), Score: scorer.Score(2), Path: os.Getenv(modelVar), At: time.Now()}}
	if local != "" && getenv("REGION", "eu") != "" && os.Getenv("API_TOKEN") != "" {
		return out, nil
	}
	return weigh(out), shared.Check(choose(1))
}

func getenv(name, other string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return other
}

var choose = func(x int) int { return helperOfChoose(x) }

func helperOfChoose(x int) int { return x + 1 }

func weigh(in []Feature) []Feature {
	for i := range in {
		in[i].Score *= half(in[i].Score)
	}
	return in
}

func half(x float64) float64 { return x / 2 }

// An Order is read.
type Order struct {
	ID int64 ` + "`asset:\"id\"`" + `
}

// A Feature is made.
type Feature struct {
	Tier  string ` + "`asset:\"tier\"`" + `
	Score float64
	Path  string
	At    time.Time
}

// String is called by fmt alone.
func (f Feature) String() string { return f.Tier }

func (f Feature) unused() string { return "x" }

func unused() int { return 1 }
`,
	"ml/assets/plain.go": `package main

// plain reaches nothing.
func plain() ([]int64, error) { return []int64{answer}, nil }

const answer = 42
`,
	"ml/assets/query.sql":      "select 1",
	"ml/assets/unmentioned.md": "nothing",
	"ml/assets/main_test.go":   "package main\n\nfunc testOnly() int { return 1 }\n",
	"ml/segments/segments.go": `package segments

// Level is a tier.
type Level int

// Levels.
const (
	Low Level = iota
	Medium
	High
)

const threshold = 10

// Limit is changed by main.
var Limit = 1

var table = map[string]int{"a": 1}

// Tier names a tier.
func Tier(x int) string {
	if x > threshold+Limit+table["a"] && Level(x) == High {
		return names(x)
	}
	return ""
}

// Scorer scores.
type Scorer interface{ Score(x float64) float64 }

type linear struct{ factor float64 }

func (l linear) Score(x float64) float64 { return x * l.factor }

var registry = map[string]Scorer{}

// Register adds a scorer.
func Register(name string, s Scorer) { registry[name] = s }

// Extend adds to the table.
func Extend(name string, x int) { table[name] = x }

// Pick returns a scorer.
func Pick() Scorer { return registry["x"] }
`,
	"ml/segments/names.go":                             "package segments\n\nfunc names(x int) string { return \"tier\" }\n",
	"ml/segments/setup.go":                             "package segments\n\nfunc init() { table[\"b\"] = 2 }\n",
	"ml/segments/names_windows.go":                     "package segments\n\nfunc onlyThere() int { return 1 }\n",
	"ml/plugin/plugin.go":                              "package plugin\n\nimport \"example.com/ml/segments\"\n\ntype square struct{}\n\nfunc (square) Score(x float64) float64 { return x * x }\n\nfunc init() { segments.Register(\"x\", square{}) }\n",
	"ml/extension/extension.go":                        "package extension\n\nimport \"example.com/ml/segments\"\n\nvar own = 1\n\nfunc init() { own = 2 }\n\nfunc init() { segments.Extend(\"k\", weight()) }\n\nfunc weight() int { return 7 }\n",
	"ml/elsewhere/elsewhere.go":                        "package elsewhere\n\nfunc Score() {}\n",
	"shared/go.mod":                                    "module example.com/shared\n",
	"shared/shared.go":                                 "package shared\n\n// Check checks.\nfunc Check(x int) error { return nil }\n\n// Other is another.\nfunc Other() {}\n",
	"sdk/go.mod":                                       "module github.com/assetdev/assetdev\n",
	"sdk/asset/asset.go":                               "package asset\n\nimport \"github.com/assetdev/assetdev/internal/wire\"\n\nfunc Main(_ ...any) { wire.Run() }\n\nfunc New(_ string, _ any) any { return nil }\n\nfunc Progress(_ ...any) {}\n",
	"sdk/internal/wire/wire.go":                        "package wire\n\nfunc Run() {}\n",
	"cache/github.com/outside/go-lib@v1.0.0/lib.go":    "package lib\n\nimport \"github.com/outside/below/deep\"\n\nfunc Normalise(s string) string { return deep.F(s) }\n",
	"cache/github.com/outside/go-lib@v1.1.0/lib.go":    "package lib\n\nimport \"github.com/outside/below/deep\"\n\nfunc Normalise(s string) string { return deep.F(s) }\n",
	"cache/github.com/outside/below@v1.0.0/deep/d.go":  "package deep\n\nfunc F(s string) string { return s }\n",
	"cache/github.com/outside/below@v1.1.0/deep/d.go":  "package deep\n\nfunc F(s string) string { return s }\n",
	"cache/github.com/outside/unused@v1.0.0/unused.go": "package unused\n",
}

// A fixture is a workspace on disk and an index of its module.
type fixture struct {
	t   testing.TB
	dir string
	env map[string]string
	x   *Index
}

func (f *fixture) write(files map[string]string) {
	f.t.Helper()
	for name, text := range files {
		path := filepath.Join(f.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
}

func newFixture(t testing.TB, files map[string]string, change func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), env: map[string]string{"MODEL_PATH": "/models/1", "REGION": "eu", "API_TOKEN": "secret", "OTHER": "1"}}
	f.env["GOMODCACHE"] = filepath.Join(f.dir, "cache")
	f.env["GOWORK"] = ""
	f.write(files)
	options := Options{
		Root: filepath.Join(f.dir, "ml"), WorkspaceDir: f.dir, Main: "./assets", GoVersion: "go1.26.0", GOOS: "linux", GOARCH: "amd64",
		LookupEnv: func(name string) (string, bool) { value, ok := f.env[name]; return value, ok },
	}
	if change != nil {
		change(&options)
	}
	f.x = Open(options)
	return f
}

func (f *fixture) refresh() bool {
	f.t.Helper()
	changed, err := f.x.Refresh(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return changed
}

func (f *fixture) version(symbol string) Result {
	f.t.Helper()
	r, err := f.x.Version(symbol, nil, nil, "")
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// An edit changes the workspace; the versions of the assets in changes must change, those of the others must not.
type edit struct {
	name    string
	file    string
	old     string // "" appends
	new     string
	changes string
	do      func(f *fixture) // instead of old and new
}

var edits = []edit{
	{name: "comment", file: "ml/assets/features.go", old: "// a comment", new: "// another"},
	{name: "doc comment", file: "ml/assets/features.go", old: "describes each customer", new: "describes all customers"},
	{name: "formatting", file: "ml/assets/features.go", old: "{ return x / 2 }", new: "{\n\n\treturn x /\n\t\t2\n}"},
	{name: "trailing comma", file: "ml/assets/features.go", old: `asset.Progress(ctx, 0.5, "scoring")`, new: "asset.Progress(\n\tctx,\n\t0.5,\n\t\"scoring\",\n)"},
	{name: "parentheses", file: "ml/assets/features.go", old: "return x / 2", new: "return (x / 2)"},
	{name: "what a type implements, said by a variable _", file: "ml/assets/features.go", new: "\n\ntype stays int\n\nvar (\n\t_ any = stays(0)\n\t_ any = new(stays)\n\t_ any = (*stays)(nil)\n\t_ any = stays.next\n)\n\nfunc (stays) next() {}\n"},
	{name: "a variable _ that registers", file: "ml/assets/features.go", new: "\n\nvar _ = register(5)\n\nfunc register(x int) int { return x }\n", changes: "features plain"},
	{name: "the function itself", file: "ml/assets/features.go", old: "0.5", new: "0.6", changes: "features"},
	{name: "helper", file: "ml/assets/features.go", old: "*= half", new: "+= half", changes: "features"},
	{name: "helper of a helper", file: "ml/assets/features.go", old: "x / 2", new: "x / 3", changes: "features"},
	{name: "swapped operands", file: "ml/assets/features.go", old: "x / 2", new: "2 / x", changes: "features"},
	{name: "helper in another package", file: "ml/segments/names.go", old: `"tier"`, new: `"level"`, changes: "features"},
	{name: "constant", file: "ml/segments/segments.go", old: "threshold = 10", new: "threshold = 11", changes: "features"},
	{name: "constant of the other asset", file: "ml/assets/plain.go", old: "42", new: "43", changes: "plain"},
	{name: "iota shift", file: "ml/segments/segments.go", old: "\tMedium\n", new: "\tMedium\n\tHigher\n", changes: "features"},
	{name: "struct tag of an input", file: "ml/assets/features.go", old: `asset:"id"`, new: `asset:"order_id"`, changes: "features"},
	{name: "tag in the signature", file: "ml/assets/features.go", old: `asset:"orders"`, new: `asset:"all_orders"`, changes: "features"},
	{name: "field type", file: "ml/assets/features.go", old: "Score float64", new: "Score float32", changes: "features"},
	{name: "method through an interface", file: "ml/segments/segments.go", old: "x * l.factor", new: "x + l.factor", changes: "features"},
	{name: "method that only fmt calls", file: "ml/assets/features.go", old: "return f.Tier }", new: "return f.Path }", changes: "features"},
	{name: "function variable", file: "ml/assets/features.go", old: "helperOfChoose(x) }", new: "helperOfChoose(x+1) }", changes: "features"},
	{name: "what a function variable calls", file: "ml/assets/features.go", old: "x + 1", new: "x + 2", changes: "features"},
	{name: "init in another file", file: "ml/segments/setup.go", old: "= 2", new: "= 3", changes: "features"},
	{name: "init of a package imported for its effects", file: "ml/plugin/plugin.go", old: `Register("x"`, new: `Register("y"`, changes: "features"},
	{name: "init that reaches into a package by a function", file: "ml/extension/extension.go", old: `"k"`, new: `"l"`, changes: "features"},
	{name: "what such an init calls", file: "ml/extension/extension.go", old: "return 7", new: "return 8", changes: "features"},
	{name: "what such an init registers", file: "ml/plugin/plugin.go", old: "x * x", new: "x * x * x", changes: "features"},
	{name: "variable that main sets", file: "ml/assets/main.go", old: "Limit = 5", new: "Limit = 6", changes: "features"},
	{name: "another asset in main", file: "ml/assets/main.go", old: `asset.New("plain", plain)`, new: `asset.New("plain", plain), asset.New("third", unused)`},
	{name: "file of another system", file: "ml/segments/names_windows.go", old: "return 1", new: "return 2"},
	{name: "build tag that does not hold", file: "ml/segments/tagged.go", new: "//go:build other\n\npackage segments\n\nfunc init() { table[\"z\"] = 1 }\n"},
	{name: "build tag that holds", file: "ml/segments/tagged.go", new: "//go:build linux\n\npackage segments\n\nfunc init() { table[\"z\"] = 1 }\n", changes: "features"},
	{name: "function moved to another file", do: func(f *fixture) {
		text := base["ml/assets/features.go"]
		half := "func half(x float64) float64 { return x / 2 }\n"
		f.write(map[string]string{"ml/assets/features.go": strings.Replace(text, half, "", 1), "ml/assets/aaa.go": "package main\n\n" + half})
	}},
	{name: "declarations in another order", do: func(f *fixture) {
		text := base["ml/assets/features.go"]
		half := "func half(x float64) float64 { return x / 2 }\n"
		f.write(map[string]string{"ml/assets/features.go": strings.Replace(text, half, "", 1) + "\n" + half})
	}},
	{name: "file renamed", do: func(f *fixture) {
		if err := os.Rename(filepath.Join(f.dir, "ml/segments/names.go"), filepath.Join(f.dir, "ml/segments/zzz.go")); err != nil {
			f.t.Fatal(err)
		}
	}},
	{name: "embedded file", file: "ml/assets/query.sql", old: "1", new: "2", changes: "features"},
	{name: "file beside it", file: "ml/assets/unmentioned.md", old: "nothing", new: "something"},
	{name: "directive", file: "ml/assets/features.go", old: "func half", new: "//go:noinline\nfunc half", changes: "features"},
	{name: "version of an imported module", file: "ml/go.mod", old: "go-lib v1.0.0", new: "go-lib v1.1.0", changes: "features"},
	{name: "version of a module that it needs", file: "ml/go.mod", old: "below v1.0.0", new: "below v1.1.0", changes: "features"},
	{name: "version of a module nobody imports", file: "ml/go.mod", old: "unused v1.0.0", new: "unused v1.1.0"},
	{name: "comment in go.mod", file: "ml/go.mod", old: "go 1.26\n", new: "go 1.26\n\n// a comment\n"},
	{name: "go:debug", file: "ml/assets/main.go", old: "package main", new: "//go:debug panicnil=1\npackage main", changes: "features plain"},
	{name: "go line", file: "ml/go.mod", old: "go 1.26\n", new: "go 1.25\n", changes: "features plain"},
	{name: "module in a folder", file: "shared/shared.go", old: "return nil", new: "return error(nil)", changes: "features"},
	{name: "another function of a module in a folder", file: "shared/shared.go", old: "Other() {}", new: "Other() { println() }"},
	{name: "the SDK", file: "sdk/asset/asset.go", old: "Progress(_ ...any) {}", new: "Progress(_ ...any) { println() }", changes: "features"},
	{name: "what the SDK imports", file: "sdk/internal/wire/wire.go", old: "{}", new: "{ println() }", changes: "features"},
	{name: "unused function", file: "ml/assets/features.go", old: "return 1 }", new: "return 2 }"},
	{name: "unused method", file: "ml/assets/features.go", old: `return "x"`, new: `return "y"`},
	{name: "test file", file: "ml/assets/main_test.go", old: "return 1", new: "return 2"},
	{name: "package that is not imported", file: "ml/elsewhere/elsewhere.go", old: "{}", new: "{ println() }"},
	{name: "variable of the environment", do: func(f *fixture) { f.env["MODEL_PATH"] = "/models/2" }, changes: "features"},
	{name: "variable read through a helper", do: func(f *fixture) { f.env["REGION"] = "us" }, changes: "features"},
	{name: "variable that is not set any more", do: func(f *fixture) { delete(f.env, "REGION") }, changes: "features"},
	{name: "credential", do: func(f *fixture) { f.env["API_TOKEN"] = "other" }},
	{name: "another variable", do: func(f *fixture) { f.env["OTHER"] = "2" }},
	// Harmless: it would be right not to see a change.
	{name: "local rename", file: "ml/assets/features.go", old: "local", new: "value", changes: "features"},
}

func (e edit) apply(f *fixture) {
	f.t.Helper()
	switch {
	case e.do != nil:
		e.do(f)
	case e.old == "":
		f.write(map[string]string{e.file: base[e.file] + e.new})
	case !strings.Contains(base[e.file], e.old):
		f.t.Fatalf("%s has no %q", e.file, e.old)
	default:
		f.write(map[string]string{e.file: strings.ReplaceAll(base[e.file], e.old, e.new)})
	}
}

func TestEdits(t *testing.T) {
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, base, nil)
			f.refresh()
			before := map[string]Result{"features": f.version("main.features"), "plain": f.version("main.plain")}
			e.apply(f)
			f.refresh()
			for name, was := range before {
				is := f.version("example.com/ml/assets." + name)
				want := slices.Contains(strings.Fields(e.changes), name)
				if got := is.Code.Version != was.Code.Version; got != want {
					t.Errorf("%s: changed %v, want %v; parts\n%s", name, got, want, cmp.Diff(summary(was), summary(is)))
				}
				if changed := !maps.Equal(summary(was), summary(is)); changed != (is.Code.Version != was.Code.Version) {
					t.Errorf("%s: the parts say %v, the version another thing", name, changed)
				}
			}
			// The same from scratch: nothing hangs on what the index has seen before.
			fresh := Open(f.x.options)
			if _, err := fresh.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			for name := range before {
				got, err := fresh.Version("main."+name, nil, nil, "")
				if err != nil {
					t.Fatal(err)
				}
				if again := f.version("main." + name); got.Code.Version != again.Code.Version {
					t.Errorf("%s: %s from scratch, %s by refresh", name, got.Code.Version, again.Code.Version)
				}
			}
		})
	}
}

func summary(r Result) map[string]string {
	m := map[string]string{}
	for _, p := range r.Code.Parts {
		m[p.Symbol] = p.Hash
	}
	return m
}

func TestResult(t *testing.T) {
	f := newFixture(t, base, nil)
	f.write(map[string]string{"ml/data/a.csv": "1", "ml/data/deep/b.csv": "2", "ml/data/c.txt": "3"})
	f.refresh()
	r, err := f.x.Version("main.features", []string{"data/**/*.csv", "absent.csv"}, []string{"OTHER"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Doc != "features describes each customer." || r.File != filepath.Join(f.dir, "ml/assets/features.go") || r.Line != 21 {
		t.Errorf("got %q %s:%d", r.Doc, r.File, r.Line)
	}
	if !strings.HasPrefix(r.Code.Version, "go1:") || r.Code.Author || r.Code.Coarse != "" {
		t.Errorf("got %+v", r.Code)
	}
	if !slices.IsSortedFunc(r.Code.Parts, func(a, b graph.Part) int { return strings.Compare(a.Symbol, b.Symbol) }) {
		t.Error("the parts are not sorted")
	}
	var got []string
	for _, p := range r.Code.Parts {
		if filepath.IsAbs(p.File) {
			t.Errorf("%s: %s is absolute", p.Symbol, p.File)
		}
		got = append(got, fmt.Sprintf("%d %s", p.Kind, p.Symbol))
	}
	want := []string{
		"2 API_TOKEN", "2 MODEL_PATH", "2 OTHER", "2 REGION",
		"1 absent.csv",
		"0 assets.Feature", "0 assets.Feature.String", "0 assets.Order", "0 assets.choose", "0 assets.features", "0 assets.getenv", "0 assets.half",
		"0 assets.helperOfChoose", "0 assets.main Limit", "0 assets.modelVar", "0 assets.query", "0 assets.weigh", "0 assets/query.sql",
		"1 data/a.csv", "1 data/deep/b.csv",
		"0 example.com/shared.Check",
		"0 extension.init", "0 extension.init#2", "0 extension.own", "0 extension.weight",
		"2 github.com/assetdev/assetdev/asset", "2 github.com/assetdev/assetdev/internal/wire", "2 github.com/outside/go-lib",
		"2 go",
		"0 plugin.init", "0 plugin.square", "0 plugin.square.Score",
		"0 segments.Extend", "0 segments.Level", "0 segments.Limit", "0 segments.Low", "0 segments.Pick", "0 segments.Register", "0 segments.Scorer", "0 segments.Tier", "0 segments.init",
		"0 segments.linear", "0 segments.linear.Score", "0 segments.names", "0 segments.registry", "0 segments.table", "0 segments.threshold",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	for _, p := range r.Code.Parts {
		if p.Symbol == "assets.half" {
			want := graph.Part{Symbol: "assets.half", Hash: p.Hash, File: "ml/assets/features.go", Line: 52, Text: "func half(x float64) float64 { return x / 2 }"}
			if diff := cmp.Diff(want, p); diff != "" || len(p.Hash) != 16 {
				t.Errorf("part (-want +got):\n%s", diff)
			}
		}
		if p.Symbol == "go" && p.Hash != "go1.26.0 linux/amd64 language=1.26" {
			t.Errorf("toolchain %q", p.Hash)
		}
		for _, secret := range []string{"/models/1", "secret"} {
			if strings.Contains(fmt.Sprint(p), secret) {
				t.Errorf("%s holds the value of a variable", p.Symbol)
			}
		}
	}
	plain := f.version("main.plain")
	if got := slices.Sorted(maps.Keys(summary(plain))); !slices.Equal(got, []string{"assets.answer", "assets.plain", "go"}) {
		t.Errorf("parts of plain: %q", got)
	}
}

func TestDeclaredFilesAndVariables(t *testing.T) {
	f := newFixture(t, base, nil)
	f.write(map[string]string{"ml/data/a.csv": "1"})
	f.refresh()
	version := func(author string) string {
		t.Helper()
		r, err := f.x.Version("main.plain", []string{"data/*.csv"}, []string{"OTHER"}, author)
		if err != nil {
			t.Fatal(err)
		}
		if r.Code.Author != (author != "") || author != "" && !strings.HasPrefix(r.Code.Version, "author:"+author) {
			t.Errorf("got %+v", r.Code)
		}
		return r.Code.Version
	}
	for _, author := range []string{"", "v1"} {
		seen := []string{version(author)}
		f.write(map[string]string{"ml/data/a.csv": "2" + author})
		seen = append(seen, version(author))
		f.write(map[string]string{"ml/data/b.csv": "1"})
		seen = append(seen, version(author))
		f.env["OTHER"] += "+"
		seen = append(seen, version(author))
		f.write(map[string]string{"ml/data/b.txt": "1"})
		if again := version(author); again != seen[3] {
			t.Errorf("%q: a file that the glob does not name changes the version", author)
		}
		slices.Sort(seen)
		if len(slices.Compact(seen)) != 4 {
			t.Errorf("%q: got %q, want four versions", author, seen)
		}
		if err := os.Remove(filepath.Join(f.dir, "ml/data/b.csv")); err != nil {
			t.Fatal(err)
		}
	}
	before := version("v1")
	f.write(map[string]string{"ml/assets/plain.go": strings.Replace(base["ml/assets/plain.go"], "42", "43", 1)})
	f.refresh()
	if got := version("v1"); got != before {
		t.Errorf("the author's version %q changed to %q with the code", before, got)
	}
	if r, err := f.x.Version("main.plain", nil, nil, "v1"); err != nil || r.Code.Version != "author:v1" || r.Doc == "" {
		t.Errorf("got %+v %v", r, err)
	}
	if _, err := f.x.Version("main.plain", []string{"["}, nil, ""); err == nil {
		t.Error("a bad glob is no error")
	}
}

func TestManyDeclaredFilesAreOnePart(t *testing.T) {
	f := newFixture(t, base, nil)
	files := map[string]string{}
	for i := range maxFiles + 1 {
		files[fmt.Sprintf("ml/data/%d.csv", i)] = "1"
	}
	f.write(files)
	f.refresh()
	part := func() graph.Part {
		r, err := f.x.Version("main.plain", []string{"data"}, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Code.Parts {
			if p.Kind == graph.PartFile {
				return p
			}
		}
		return graph.Part{}
	}
	before := part()
	f.write(map[string]string{"ml/data/7.csv": "2"})
	if after := part(); before.Symbol != "data" || before.Hash == after.Hash {
		t.Errorf("got %+v then %+v", before, after)
	}
}

func TestSymbols(t *testing.T) {
	files := maps.Clone(base)
	files["ml/dot.ted/d.go"] = `package dotted

type T struct{}

func (t *T) M() {}
func (t T) V() {}

type G[K any] struct{}

func (g *G[K]) M() {}

func F[K any]() {}

var literal = func() {}
`
	files["ml/assets/dotted.go"] = "package main\n\nimport \"example.com/ml/dot.ted\"\n\nvar _ = dotted.T{}\n"
	f := newFixture(t, files, nil)
	f.refresh()
	for symbol, want := range map[string]string{
		"example.com/ml/dot%2eted.(*T).M":                        "5 ",
		"example.com/ml/dot%2eted.(*T).M-fm":                     "5 ",
		"example.com/ml/dot%2eted.T.V":                           "6 ",
		"example.com/ml/dot%2eted.(*G[...]).M":                   "10 ",
		"example.com/ml/dot%2eted.F[...]":                        "12 ",
		"example.com/ml/dot%2eted.F[go.shape.int]":               "12 ",
		"example.com/ml/dot%2eted.F[example.com/ml/segments.L].": "12 ",
		"example.com/ml/dot.ted.F":                               "12 ",
		"example.com/ml/dot%2eted.init.func1":                    "0 a function literal outside of functions in dot.ted",
		"example.com/ml/dot%2eted.glob..func1":                   "0 a function literal outside of functions in dot.ted",
		"main.main.func1":                                        "12 ",
		"main.features.func1.2":                                  "21 ",
	} {
		r, err := f.x.Version(symbol, nil, nil, "")
		if got := fmt.Sprint(r.Line, " ", r.Code.Coarse); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q %v, want %q", symbol, got, err, want)
		}
	}
	for _, symbol := range []string{"", "main", "main.", "main.absent", "example.com/ml/absent.f", "x.y", "[", ".", "main.(*", "main.(*T)"} {
		if r, err := f.x.Version(symbol, nil, nil, ""); err == nil {
			t.Errorf("%q: got %+v, want an error", symbol, r)
		}
		if _, err := f.x.Version(symbol, nil, nil, "v1"); err != nil {
			t.Errorf("%q with the author's version: %v", symbol, err)
		}
	}
}

func TestSyntaxError(t *testing.T) {
	f := newFixture(t, base, nil)
	f.refresh()
	before := f.version("main.features")
	digest, err := f.x.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.write(map[string]string{"ml/segments/names.go": "package segments\n\nfunc names(x int) string { return ( }\n"})
	_, err = f.x.Refresh(t.Context())
	e, ok := errors.AsType[*Error](err)
	if !ok || e.File != filepath.Join(f.dir, "ml/segments/names.go") || e.Line != 3 || e.Column != 37 || e.Message == "" {
		t.Fatalf("got %v, want a syntax error in 3:37", err)
	}
	if _, err := f.x.Version("main.features", nil, nil, ""); !errors.Is(err, e) {
		t.Errorf("Version says %v, want the syntax error", err)
	}
	if changed, err := f.x.Refresh(t.Context()); changed || !errors.Is(err, e) {
		t.Errorf("the second Refresh says %v %v, want the syntax error", changed, err)
	}
	if broken, err := f.x.Digest(t.Context()); err != nil || broken == digest {
		t.Errorf("digest %s %v, want another one", broken, err)
	}
	f.write(map[string]string{"ml/segments/names.go": base["ml/segments/names.go"]})
	f.refresh()
	if after := f.version("main.features"); after.Code.Version != before.Code.Version {
		t.Error("once it is mended, the version is another")
	}
}

func TestErrors(t *testing.T) {
	f := newFixture(t, base, nil)
	if _, err := f.x.Version("main.plain", nil, nil, ""); err == nil {
		t.Error("Version before Refresh is no error")
	}
	f = newFixture(t, base, func(o *Options) { o.Main = "./absent" })
	if _, err := f.x.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), `"./absent"`) {
		t.Errorf("got %v, want an error that names the package", err)
	}
	f = newFixture(t, base, func(o *Options) { o.Root += "/absent" })
	if _, err := f.x.Refresh(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is no go.mod", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f = newFixture(t, base, nil)
	if _, err := f.x.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestCoarse(t *testing.T) {
	for _, test := range []struct {
		name, want, file, text, old, new string
	}{
		{"linkname", "//go:linkname", "ml/segments/link.go", "package segments\n\nimport _ \"unsafe\"\n\n//go:linkname now runtime.nanotime\nfunc now() int64\n\nfunc alone() {}\n", "alone() {}", "alone() { println() }"},
		{"linkname into a package", "//go:linkname", "ml/assets/link.go", "package main\n\nimport _ \"unsafe\"\n\n//go:linkname push example.com/ml/segments.push\nfunc push() {}\n\nfunc alone() {}\n", "alone() {}", "alone() { println() }"},
		{"no body", "without a body", "ml/segments/body.go", "package segments\n\nfunc now() int64\n\nfunc alone() {}\n", "alone() {}", "alone() { println() }"},
		{"assembly", "another language", "ml/segments/now_amd64.s", "TEXT ·now(SB), $0\n", "$0", "$8"},
		{"MethodByName", "MethodByName", "ml/segments/names.go", "package segments\n\nimport \"reflect\"\n\nfunc names(x int) string { reflect.ValueOf(x).MethodByName(\"A\"); return \"\" }\n\nfunc alone() {}\n", "alone() {}", "alone() { println() }"},
		{"cgo", "cgo", "ml/segments/c.go", "package segments\n\n// int one() { return 1; }\nimport \"C\"\n\nfunc one() int { return int(C.one()) }\n", "return 1;", "return 2;"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, base, func(o *Options) { o.Cgo = true })
			f.write(map[string]string{test.file: test.text})
			f.refresh()
			before := f.version("main.features")
			if !strings.Contains(before.Code.Coarse, test.want) {
				t.Errorf("coarse %q, want %q", before.Code.Coarse, test.want)
			}
			f.write(map[string]string{test.file: strings.Replace(test.text, test.old, test.new, 1)})
			f.refresh()
			if after := f.version("main.features"); after.Code.Version == before.Code.Version {
				t.Error("a change in what counts as a whole is not seen")
			}
		})
	}
}

func TestCgoFilesDoNotCountWithoutCgo(t *testing.T) {
	f := newFixture(t, base, nil)
	f.refresh()
	before := f.version("main.features")
	f.write(map[string]string{"ml/segments/c.go": "package segments\n\nimport \"C\"\n\nfunc init() { C.one() }\n"})
	f.refresh()
	if after := f.version("main.features"); after.Code.Version != before.Code.Version {
		t.Error("a file that is not built changes the version")
	}
}

func TestWorkspaceAndVendor(t *testing.T) {
	files := maps.Clone(base)
	files["go.work"] = "go 1.26\n\nuse (\n\t./ml\n\t./member\n)\n"
	files["member/go.mod"] = "module github.com/outside/go-lib\n\nrequire github.com/outside/below v1.2.0\n"
	files["member/lib.go"] = "package lib\n\nfunc Normalise(s string) string { return s }\n"
	f := newFixture(t, files, nil)
	f.refresh()
	before := f.version("main.features")
	if !slices.Contains(slices.Collect(maps.Keys(summary(before))), "github.com/outside/go-lib.Normalise") {
		t.Errorf("parts %q, want the function of the workspace's member", slices.Sorted(maps.Keys(summary(before))))
	}
	f.write(map[string]string{"member/lib.go": "package lib\n\nfunc Normalise(s string) string { return s + s }\n"})
	f.refresh()
	if f.version("main.features").Code.Version == before.Code.Version {
		t.Error("a change in a member of go.work is not seen")
	}
	f.env["GOWORK"] = "off"
	f.refresh()
	if _, ok := summary(f.version("main.features"))["github.com/outside/go-lib"]; !ok {
		t.Error("GOWORK=off does not turn the workspace off")
	}

	files = maps.Clone(base)
	files["ml/vendor/modules.txt"] = "# github.com/outside/go-lib v1.0.0\n"
	files["ml/vendor/github.com/outside/go-lib/lib.go"] = "package lib\n\nfunc Normalise(s string) string { return s }\n"
	f = newFixture(t, files, nil)
	f.refresh()
	before = f.version("main.features")
	f.write(map[string]string{"ml/vendor/github.com/outside/go-lib/lib.go": "package lib\n\nfunc Normalise(s string) string { return s + s }\n"})
	f.refresh()
	if f.version("main.features").Code.Version == before.Code.Version {
		t.Error("a change in a vendored package is not seen")
	}
}

func TestModuleCacheThatLacksAModule(t *testing.T) {
	f := newFixture(t, base, nil)
	if err := os.RemoveAll(filepath.Join(f.dir, "cache/github.com/outside/below@v1.0.0")); err != nil {
		t.Fatal(err)
	}
	f.refresh()
	before := f.version("main.features")
	f.write(map[string]string{"ml/go.mod": strings.Replace(base["ml/go.mod"], "unused v1.0.0", "unused v1.1.0", 1)})
	f.refresh()
	if f.version("main.features").Code.Version == before.Code.Version {
		t.Error("what an outside package needs is not known, and yet not every module counts")
	}
}

func TestReadHead(t *testing.T) {
	long := strings.Repeat("// a licence that says var x and func y\nfunc in a comment\n", 300)
	body := "\n\nfunc f() {}\n" + strings.Repeat("// text\n", 2000)
	for name, src := range map[string]string{
		"short":            "package p\n\nimport \"a\"\n",
		"long body":        "package p\n\nimport \"a\"" + body,
		"long licence":     "/*\n" + long + "*/\n\npackage p\n\nimport \"a\"" + body,
		"comments between": "package p\n\n" + strings.Repeat("// func\n", 3000) + "import \"a\"" + body,
		"late import":      "package p\n\nimport (\n" + strings.Repeat("\t// var\n", 2000) + "\t\"a\"\n)" + body,
		"only imports":     "package p\n\nimport \"a\"\n" + strings.Repeat("// func\n", 3000),
	} {
		file := filepath.Join(t.TempDir(), "f.go")
		if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
		head, err := readHead(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := parseImports(head).imports; len(got) != 1 || got[0].path != "a" {
			t.Errorf("%s: got %v, want the import of a", name, got)
		}
		if name == "long body" && len(head) == len(src) {
			t.Errorf("%s: all %d bytes were read", name, len(src))
		}
	}
}

func TestRefreshReadsWhatChanged(t *testing.T) {
	f := newFixture(t, base, nil)
	if !f.refresh() {
		t.Error("the first Refresh says that nothing changed")
	}
	all := f.x.parsed.Load()
	if f.refresh() || f.x.parsed.Load() != all {
		t.Errorf("nothing changed; parsed %d files again", f.x.parsed.Load()-all)
	}
	f.write(map[string]string{"ml/assets/plain.go": base["ml/assets/plain.go"]})
	if f.refresh() || f.x.parsed.Load() != all {
		t.Error("a file that was saved with equal content is parsed again")
	}
	f.write(map[string]string{"ml/assets/plain.go": base["ml/assets/plain.go"] + "\n"})
	if !f.refresh() || f.x.parsed.Load() != all+1 {
		t.Errorf("one file changed; parsed %d", f.x.parsed.Load()-all)
	}
	// Equal size, and the time kept: the file is racy, so that it is read all the same.
	path := filepath.Join(f.dir, "ml/assets/plain.go")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f.write(map[string]string{"ml/assets/plain.go": strings.Replace(base["ml/assets/plain.go"], "42", "43", 1) + "\n"})
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if !f.refresh() {
		t.Error("a change of equal size and time is not seen")
	}
	// Equal in all that stat says, as within one tick of the file system's clock.
	for _, racy := range []bool{true, false} {
		f.write(map[string]string{"ml/assets/plain.go": fmt.Sprintf("package main\n\nfunc plain() bool { return %v }\n", racy)})
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		f.x.sources[path].key, f.x.sources[path].racy = filekey.Of(info), racy
		if got := f.refresh(); got != racy {
			t.Errorf("racy %v: the change is seen %v", racy, got)
		}
	}
}

func TestDigest(t *testing.T) {
	f := newFixture(t, base, nil)
	digest := func() string {
		t.Helper()
		d, err := f.x.Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := digest()
	if digest() != first {
		t.Error("nothing changed, the digest did")
	}
	for name, want := range map[string]bool{
		"ml/assets/features.go": true, "ml/assets/query.sql": true, "ml/go.mod": true, "shared/shared.go": true, "sdk/internal/wire/wire.go": true,
		"ml/assets/main_test.go": false, "ml/elsewhere/elsewhere.go": false, "ml/segments/names_windows.go": false, "ml/assets/unmentioned.md": false,
	} {
		f.write(map[string]string{name: base[name] + "\n"})
		if got := digest() != first; got != want {
			t.Errorf("%s: the digest changed %v, want %v", name, got, want)
		}
		f.write(map[string]string{name: base[name]})
		if digest() != first {
			t.Errorf("%s: it is back, the digest is not", name)
		}
	}
	f.write(map[string]string{"ml/go.sum": "github.com/outside/go-lib v1.0.0 h1:abc=\n"})
	if digest() == first {
		t.Error("go.sum does not count")
	}
	other := newFixture(t, base, nil)
	if d, err := other.x.Digest(t.Context()); err != nil || d != first {
		t.Errorf("in another folder it is %s %v, want %s", d, err, first)
	}
}

func TestNewFilesAreSeen(t *testing.T) {
	f := newFixture(t, base, nil)
	f.refresh()
	before := f.version("main.features").Code.Version
	f.write(map[string]string{"ml/segments/more.go": "package segments\n\nfunc init() { table[\"more\"] = 1 }\n"})
	f.refresh()
	with := f.version("main.features").Code.Version
	if err := os.Remove(filepath.Join(f.dir, "ml/segments/more.go")); err != nil {
		t.Fatal(err)
	}
	f.refresh()
	if after := f.version("main.features").Code.Version; with == before || after != before {
		t.Errorf("versions %s, with another init %s, without it %s", before, with, after)
	}
}

func TestWithoutMain(t *testing.T) {
	f := newFixture(t, base, func(o *Options) { o.Main = "" })
	f.refresh()
	if r := f.version("main.plain"); r.Line != 4 {
		t.Errorf("got line %d, want 4", r.Line)
	}
	if r := f.version("example.com/ml/elsewhere.Score"); r.Line != 3 {
		t.Errorf("got line %d, want 3", r.Line)
	}
}

// The version does not hang on which file a declaration stands in, and on the order in them.
func TestVersionIsIndependentOfFiles(t *testing.T) {
	decls := []string{
		"func entry() int { return a(1) + b(2) + C + int(x.M()) }", "func a(n int) int { return n + K }", "func b(n int) int { return v * n }",
		"const C = 3", "const (\n\tJ = iota\n\tK\n)", "var v = a(5)", "type X int", "func (x X) M() X { return x + 1 }", "var x X = 2", "func unused() {}", "func init() { v++ }",
	}
	want := ""
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.Permutation(decls).Draw(rt, "order")
		files := map[string]string{"ml/go.mod": "module example.com/ml\n\ngo 1.26\n"}
		count := rapid.IntRange(1, 3).Draw(rt, "files")
		for i, d := range order {
			name := fmt.Sprintf("ml/assets/f%d.go", i%count)
			if files[name] == "" {
				files[name] = "package assets\n"
			}
			files[name] += rapid.SampledFrom([]string{"\n", "\n\n// comment\n", "\n\n\n"}).Draw(rt, "space") + d + "\n"
		}
		f := newFixture(t, files, nil)
		f.refresh()
		got := f.version("example.com/ml/assets.entry").Code.Version
		if want == "" {
			want = got
		}
		if got != want {
			rt.Fatalf("got %s, want %s", got, want)
		}
	})
}

// TestEveryFormCounts: no two of these functions, of which many differ by one token, have one version, whatever part of Go's syntax they
// differ in.
func TestEveryFormCounts(t *testing.T) {
	bodies := []string{
		"", "return", "{}", ";", "go g()", "defer g()", "g()", "_ = g", "x := 1; _ = x", "var x = 1; _ = x", "var x int = 1; _ = x", "var x int; _ = x",
		"const x = 1; _ = x", "const x = iota; _ = x", "const (_ = iota; x); _ = x", "var x, y int; _, _ = x, y", "x, y := 1, 2; _, _ = x, y", "x, y := 2, 1; _, _ = x, y",
		"for {}", "for ; ; i = 0 {}", "for i = 0; ; {}", "for i == 0 {}", "for i = 0; i == 0; {}", "for ; i == 0; i = 0 {}", "for i = 0; ; i = 0 {}", "for i = 0; i == 0; i = 0 {}",
		"for range l {}", "for i = range l {}", "for _, i = range l {}", "for i := range l { _ = i }", "for _, i := range l { _ = i }", "for i, i = range l {}",
		"if i == 0 {}", "if i != 0 {}", "if i = 0; i == 0 {}", "if i == 0 {} else {}", "if i == 0 {} else if i == 1 {}", "if i == 0 { g() }", "if i == 0 {} else { g() }", "if i == 0 {}; g()",
		"switch {}", "switch i {}", "switch i = 0; {}", "switch i = 0; i {}", "switch i { case 0: }", "switch i { default: }", "switch i { case 0, 1: }", "switch i { case 0: case 1: }",
		"switch i { case 0: fallthrough; case 1: }", "switch a.(type) {}", "switch a := a.(type) { case int: _ = a }", "switch i = 0; a.(type) {}",
		"select {}", "select { default: }", "select { case <-c: }", "select { case c <- 0: }", "select { case i = <-c: }", "c <- 0", "<-c", "i = <-c", "_, ok = <-c",
		"i++", "i--", "i += 1", "i -= 1", "i = 1", "i = -1", "i = +1", "i = ^1", "i = 1 + 2", "i = 1 - 2", "i = 2 + 1", "i = (1 + 2) * 3", "i = 1 + 2*3", "ok = !ok", "ok = ok && ok", "ok = ok || ok",
		"a = 'a'", "a = \"a\"", "a = 97", "a = 97.0", "a = 97i", "a = `a b`", "a = nil", "a = true", "a = g", "a = g()", "a = &i", "a = *p", "*p = i", "p = &l[0]",
		"a = l", "a = l[:]", "a = l[1:]", "a = l[:1]", "a = l[1:1]", "a = l[:1:1]", "a = l[1:1:1]", "a = l[1]", "a = m[\"k\"]", "a = a.(int)", "a = a.([]int)", "a, ok = a.(int)",
		"a = []int{}", "a = [0]int{}", "a = [...]int{}", "a = [...]int{1}", "a = []int{1: 1}", "a = map[string]int{}", "a = map[int]string{}", "a = struct{}{}", "a = struct{ x int }{}", "a = struct{ x, y int }{}",
		"a = struct{ int }{}", "a = struct{ x int `t` }{}", "a = func() {}", "a = func(int) {}", "a = func(...int) {}", "a = func() int { return 0 }", "a = func() (int, int) { return 0, 0 }", "a = func() (x int) { return }",
		"a = make(chan int)", "a = make(chan<- int)", "a = make(<-chan int)", "var x interface{}; _ = x", "var x any; _ = x", "var x interface{ M() }; _ = x", "var x interface{ M(int) }; _ = x", "var x func(); _ = x",
		"type x int", "type x = int", "type x struct{}", "type x []int", "type x [1]int", "L: for { break L }", "L: for { break }", "L: for { continue L }", "L: for { continue }", "L: goto L", "{ g() }", "{ { g() } }",
		"g(h)", "g(h...)", "g(h())", "h(g)", "g.h()", "gen[int]()", "gen[string]()", "gen2[int, string]()", "gen2[string, int]()",
	}
	files := maps.Clone(base)
	f := newFixture(t, files, nil)
	seen := map[string]string{}
	try := func(text string) {
		t.Helper()
		f.write(map[string]string{"ml/assets/form.go": "package main\n\n" + text + "\n"})
		f.refresh()
		version := f.version("main.form").Code.Version
		if same, ok := seen[version]; ok {
			t.Errorf("%s has one version with %s", text, same)
		}
		seen[version] = text
	}
	for _, body := range bodies {
		try("func form() {\n" + body + "\n}")
	}
	for _, head := range []string{"(x int)", "(x, y int)", "(x int, y int8)", "(x ...int)", "(x []int)", "(x int) int", "(int, int)", "[T any]()", "[T any](x T)", "[T comparable]()", "[T ~int]()", "[T int]()", "[T int | int8]()"} {
		try("func form" + head + " { panic(0) }")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range base {
		f.Add([]byte(text))
	}
	f.Add([]byte("package p\n//go:embed \"a\nvar x, y = f[int]()\nfunc (*T[K]) m() { x.y.z++; delete(a.b, 1) }\ntype T = struct{}"))
	f.Add([]byte("package p; import . \"x\"; import \"gopkg.in/yaml.v3\"; const (a = iota; b); func _() {}; func f()"))
	f.Fuzz(func(t *testing.T, src []byte) {
		p := parse(src)
		again := parse(src)
		if len(p.decls) != len(again.decls) {
			t.Fatalf("%d declarations, then %d", len(p.decls), len(again.decls))
		}
		for i, d := range p.decls {
			if d.hash != again.decls[i].hash {
				t.Fatalf("%s has two hashes", d.name)
			}
			_ = p.src[d.from:d.to]
		}
		parseImports(src)
		parseMod(string(src))
	})
}

func FuzzSymbol(f *testing.F) {
	p := link([]*pack{{path: "a/b", name: "main", isMain: true, label: "b", files: []*source{{parsed: parse([]byte("package main\ntype T int\nfunc (T) M() {}\nfunc f() {}"))}}}})
	for _, s := range []string{"main.f", "a/b.(*T).M-fm", "a/b.T.M.func1", "a/b.f[...]", "main.(*", "..", "main.init.0"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, symbol string) {
		ids, _ := p.find(symbol)
		p.reach(ids)
	})
}

// large generates a module of 200 files with 1,000 functions that call each other within and across packages.
func large() map[string]string {
	files := map[string]string{"ml/go.mod": "module example.com/ml\n\ngo 1.26\n"}
	for i := range 200 {
		var b strings.Builder
		pkg := i / 10
		fmt.Fprintf(&b, "package p%d\n\nimport (\n\t\"fmt\"\n\t\"strings\"\n", pkg)
		if pkg > 0 {
			fmt.Fprintf(&b, "\n\t\"example.com/ml/p%d\"\n", pkg-1)
		}
		fmt.Fprintf(&b, ")\n\n// Row%d is a row.\ntype Row%d struct {\n\tID int64 `asset:\"id\"`\n\tName string\n}\n\nconst limit%d = %d\n", i, i, i, i)
		for j := range 5 {
			fmt.Fprintf(&b, "\n// F%d_%d does something.\nfunc F%d_%d(rows []Row%d) (string, error) {\n", i, j, i, j, i)
			for k := range 4 {
				fmt.Fprintf(&b, "\tif len(rows) > limit%d+%d { // compare\n\t\trows[%d].Name = strings.ToUpper(fmt.Sprintf(\"%%d-%%s\", rows[%d].ID, rows[0].Name))\n\t}\n", i, k, k, k)
			}
			if j > 0 {
				fmt.Fprintf(&b, "\t_, _ = F%d_%d(rows)\n", i, j-1)
			} else if pkg > 0 && i%10 < 3 {
				fmt.Fprintf(&b, "\t_, _ = p%d.F%d_%d(nil)\n", pkg-1, i-10, 4)
			}
			b.WriteString("\treturn \"\", nil\n}\n")
		}
		files[fmt.Sprintf("ml/p%d/f%d.go", pkg, i)] = b.String()
	}
	return files
}

func BenchmarkParseAndIndex(b *testing.B) {
	f := newFixture(b, large(), func(o *Options) { o.Main = "" })
	bytes := 0
	for _, text := range large() {
		bytes += len(text)
	}
	b.SetBytes(int64(bytes))
	for b.Loop() {
		x := Open(f.x.options)
		if _, err := x.Refresh(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefreshUnchanged(b *testing.B) {
	f := newFixture(b, large(), func(o *Options) { o.Main = "" })
	f.refresh()
	for b.Loop() {
		f.refresh()
	}
}

func BenchmarkVersions(b *testing.B) {
	f := newFixture(b, large(), func(o *Options) { o.Main = "" })
	f.refresh()
	parts := 0
	for b.Loop() {
		parts = 0
		for i := range 200 {
			for j := range 5 {
				r, err := f.x.Version(fmt.Sprintf("example.com/ml/p%d.F%d_%d", i/10, i, j), nil, nil, "")
				if err != nil {
					b.Fatal(err)
				}
				parts += len(r.Code.Parts)
			}
		}
	}
	b.ReportMetric(float64(parts)/1000, "parts/version")
}
