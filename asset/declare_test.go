package asset

import (
	"context"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/internal/wire"
)

type rowA struct{ N int }

func TestWrongDeclarations(t *testing.T) {
	source := func() []rowA { return nil }
	for _, test := range []struct {
		asset Asset
		want  []string
	}{
		{New("", source), []string{"the asset key is empty"}},
		{New("a//b", source), []string{`asset key "a//b": a segment between slashes is empty`}},
		{New("a", nil), []string{`asset "a": it is made by a <nil>; it must be a function`}},
		{New("a", source()), []string{`made by a []asset.rowA; it must be a function`}},
		{New("a", (func())(nil)), []string{"its function is nil"}},
		{New("a", func(...int) {}), []string{"variable number of arguments"}},
		{New("a", func(int) {}), []string{"argument int is neither a context.Context in the first place nor a struct"}},
		{New("a", func(struct{ B []rowA }, context.Context) {}), []string{"argument context.Context is neither"}},
		{New("a", func(time.Time) {}), []string{"argument time.Time has no exported field"}},
		{New("a", func() int { return 0 }), []string{"its result: int is no table"}},
		{New("a", func() (int, []rowA) { return 0, nil }), []string{"has 2 results"}},
		{New("a", func() ([]rowA, []rowA, error) { return nil, nil, nil }), []string{"has 2 results besides the error"}},
		{New("a", func() []*rowA { return nil }), []string{"[]*asset.rowA is no table"}},
		{New("a", func() []time.Time { return nil }), []string{"[]time.Time is no table"}},
		{New("a", func() []struct{ A time.Duration } { return nil }), []string{"its result: struct { A time.Duration }.A: time.Duration has no column type in Parquet"}},
		{New("a", func() func(func(rowA) bool) { return nil }), []string{"is no table; a table is []T or T with a struct T, iter.Seq2[T, error]"}},
		{New("a", func(struct{ B []int }) {}), []string{"input B: []int is no table"}},
		{New("a", func(struct {
			B []rowA `asset:"x"`
			C []rowA `asset:"x"`
		}) {
		}), []string{`input C: the key "x" is read twice`}},
		{New("a", func(struct {
			B []rowA `asset:"x,optional"`
		}) {
		}), []string{`input B: unknown option "optional"`}},
		{New("a", func(struct {
			b []rowA `asset:"x"`
		}) {
		}), []string{"input b is not exported"}},
		{New("a", func(struct {
			B []rowA `asset:"-x"`
		}) {
		}), []string{`it depends on a wrong key: asset key "-x"`}},
		{New("a", func(struct{ A []rowA }) {}), []string{"it depends on itself"}},
		{New("a", source, Deps("a")), []string{"it depends on itself"}},
		{New("a", source, FreshWithin(-time.Hour), Timeout(0), Retry(-1), CodeVersion("")), []string{
			"asset.FreshWithin(-1h0m0s)", "asset.Timeout(0s)", "asset.Retry(-1)", "asset.CodeVersion needs a text",
		}},
	} {
		err := test.asset.Err()
		if err == nil {
			t.Errorf("%v is accepted", test.want)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(test.want) {
			t.Errorf("got %q, want %q", lines, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(lines[i], "/declare_test.go:") || !strings.Contains(lines[i], want) {
				t.Errorf("got %q, want %q with a place", lines[i], want)
			}
		}
	}
}

func TestDeclaration(t *testing.T) {
	type inputs struct {
		B           []rowA `asset:"x/b"`
		CustomerRaw []rowA
		Not         func() `asset:"-"`
		hidden      int
	}
	a := New("a", func(context.Context, inputs) {}, Deps("x/b", "d", "d"), nil, Tags(map[string]string{"t": "1"}), Tags(map[string]string{"u": "2"}), Kinds("k"), Kinds("l"))
	if err := a.Err(); err != nil {
		t.Fatal(err)
	}
	_ = inputs{}.hidden
	got := a.d.wire
	got.File, got.Line, got.Symbol = "", 0, ""
	want := wire.Asset{
		Key: "a", Inputs: []string{"x/b", "customer_raw"}, Deps: []string{"d"}, Kinds: []string{"k", "l"},
		Tags: map[string]string{"t": "1", "u": "2"}, NoData: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("declaration (-want +got):\n%s", diff)
	}
	if schema, ok := a.InputSchema("customer_raw"); !ok || schema.String() != "schema:\n  fields: 1\n    - n: type=int64" {
		t.Errorf("got %v, %v", schema, ok)
	}
	if _, ok := a.InputSchema("d"); ok {
		t.Error("a dependency has a schema")
	}
}

type maker struct{ n int }

func (m maker) Value()    { _ = m.n }
func (m *maker) Pointer() { m.n++ }

func generic[T any]() []rowA { return nil }

// small is nothing but an inlined function: its first instruction is of that.
func small(p *int) int { return inlined(p) }

func inlined(p *int) int { return *p }

var closure = func() {}

//go:noinline
func outer() (func(), func() func()) {
	return func() {}, func() func() { return func() {} }
}

func TestPlace(t *testing.T) {
	const here = "github.com/assetdev/assetdev/asset."
	one, two := outer()
	for _, test := range []struct {
		f       any
		symbol  string
		snippet string
	}{
		{small, here + "small", "func small("},
		{generic[int], here + "generic", "func generic["},
		{closure, here + "init", "var closure ="},
		{one, here + "outer", "return func() {}, func()"},
		{two(), here + "outer", "return func() {}, func()"},
		{maker{}.Value, here + "maker.Value", ""},
		{(&maker{}).Pointer, here + "(*maker).Pointer", ""},
		{maker.Value, here + "maker.Value", "func (m maker) Value"},
		{func() {}, here + "TestPlace", "{func() {}, here"},
	} {
		file, line, symbol := place(reflect.ValueOf(test.f).Pointer())
		if symbol != test.symbol {
			t.Errorf("got %s, want %s", symbol, test.symbol)
		}
		if test.snippet == "" { // a method value's code has no place in the source
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Split(string(text), "\n")[line-1]; !strings.Contains(got, test.snippet) {
			t.Errorf("%s: %s:%d is %q, want %q", symbol, file, line, got, test.snippet)
		}
	}
	for name, want := range map[string]string{
		"main.f":                                 "example.com/shop/assets.f",
		"main.main.func1":                        "example.com/shop/assets.main",
		"main.main.func2.1":                      "example.com/shop/assets.main",
		"main.main.gowrap1":                      "example.com/shop/assets.main",
		"main.(*T).Method-fm":                    "example.com/shop/assets.(*T).Method",
		"main.main.makeLoader.func2":             "example.com/shop/assets.makeLoader",
		"main.init.makeLoader.func2":             "example.com/shop/assets.makeLoader",
		"main.main.(*U).Ptr.func7":               "example.com/shop/assets.(*U).Ptr",
		"main.init.func1":                        "example.com/shop/assets.init",
		"main.T.Method":                          "example.com/shop/assets.T.Method",
		"main.(*T).Method.func1":                 "example.com/shop/assets.(*T).Method",
		"main.T.Method.func1":                    "example.com/shop/assets.T.Method",
		"main.glob..func1":                       "example.com/shop/assets.init",
		"main.f[...]":                            "example.com/shop/assets.f",
		"main.f[...].func1":                      "example.com/shop/assets.f",
		"main.f.func1.g.func2":                   "example.com/shop/assets.f",
		"gopkg.in/yaml%2ev3.Parse":               "gopkg.in/yaml.v3.Parse",
		"gopkg.in/yaml.v3/inner.Parse.func1":     "gopkg.in/yaml.v3/inner.Parse",
		"example.com/a/main.f":                   "example.com/a/main.f",
		"example.com/a/b.(*List[...]).Add":       "example.com/a/b.(*List).Add",
		"example.com/a/b.(*List[...]).Add.func3": "example.com/a/b.(*List).Add",
	} {
		if got := symbolOf(name, "example.com/shop/assets"); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// A program that serves assets is linked anew after every edit, so what it links must stay small: of Arrow the arrays and the
// IPC format, and nothing of what assetdev itself needs. This walks the imports of the non-test files from this package on, as far as
// the house and Arrow go; of other modules only what stands here may be imported.
func TestLinksLittle(t *testing.T) {
	const house, arrowModule = "github.com/assetdev/assetdev", "github.com/apache/arrow/go/v17"
	_, here, _, _ := runtime.Caller(0)
	reader := runtime.FuncForPC(reflect.ValueOf(ipc.NewFileReader).Pointer())
	ipcFile, _ := reader.FileLine(reader.Entry())
	roots := map[string]string{
		house:       filepath.Dir(filepath.Dir(here)),
		arrowModule: filepath.Dir(filepath.Dir(filepath.Dir(ipcFile))),
	}
	allowed := []string{
		"github.com/goccy/go-json", "github.com/google/flatbuffers/go", "github.com/klauspost/compress/zstd", "github.com/pierrec/lz4/v4",
		"github.com/zeebo/xxh3", "golang.org/x/exp/constraints", "golang.org/x/sys/cpu", "golang.org/x/xerrors", "github.com/klauspost/cpuid/v2",
	}
	direct := []string{house + "/internal/wire", arrowModule + "/arrow", arrowModule + "/arrow/array", arrowModule + "/arrow/decimal128", arrowModule + "/arrow/ipc", arrowModule + "/arrow/memory"}

	seen := map[string]bool{}
	var walk func(pkg string)
	walk = func(pkg string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		if strings.Contains(pkg, "parquet") {
			t.Errorf("%s is linked: it doubles the time to link", pkg)
		}
		module := house
		if strings.HasPrefix(pkg, arrowModule) {
			module = arrowModule
		}
		dir := filepath.Join(roots[module], filepath.FromSlash(strings.TrimPrefix(pkg, module)))
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		files := 0
		for _, entry := range entries {
			name := entry.Name()
			if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ImportsOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if name == "tools.go" { // never built: it keeps the tools of go generate in go.mod
				continue
			}
			files++
			for _, spec := range file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				first, _, _ := strings.Cut(path, "/")
				own := path == house || strings.HasPrefix(path, house+"/")
				switch {
				case !strings.Contains(first, ".") || path == "C":
				case pkg == house+"/asset" && !slices.Contains(direct, path):
					t.Errorf("package asset imports %s; it may import %s", path, direct)
				case own || strings.HasPrefix(path, arrowModule+"/"):
					walk(path)
				case !slices.Contains(allowed, path):
					t.Errorf("%s (%s) imports %s, which is not in the list of what a program with assets links", pkg, name, path)
				}
			}
		}
		if files == 0 {
			t.Errorf("%s: no files in %s", pkg, dir)
		}
	}
	walk(house + "/asset")
	if len(seen) < 10 {
		t.Errorf("only %d packages were looked at", len(seen))
	}
}
