package golang

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
	"github.com/assetdev/assetdev/loader/location/locationtest"
)

// cache is shared by the tests, so that equal programs are built once.
var cache string

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	os.Exit(func() int {
		var err error
		if cache, err = os.MkdirTemp("", "assetdev-golang"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(cache) }()
		return m.Run()
	}())
}

func grant(t testing.TB) trust.Grant {
	t.Helper()
	g, err := trust.Once(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func environment(more ...string) []string {
	return append(os.Environ(), append([]string{"GOFLAGS=", "GOWORK=off", "GOPROXY=off"}, more...)...)
}

func openAt(t testing.TB, c Config) *golang {
	t.Helper()
	if c.Env == nil {
		c.Env = environment()
	}
	if c.CacheDir == "" {
		c.CacheDir = cache
	}
	if c.Package == "" {
		c.Package = "."
	}
	l, err := Open(c, grant(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*golang)
}

type harness struct{ dir string }

func (h harness) Open(t *testing.T, b locationtest.Behaviour) location.Location {
	t.Helper()
	return openAt(t, Config{Name: "misbehave", Dir: h.dir, Env: environment("LOCATIONTEST=" + string(b)), Timeout: b.Timeout()})
}

func (harness) Lacks(b locationtest.Behaviour) string {
	if b == locationtest.Leaves && runtime.GOOS != "linux" {
		return "the program starts itself by /proc"
	}
	return ""
}

func misbehave(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("testdata", "misbehave"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestConformance(t *testing.T) { locationtest.Run(t, harness{misbehave(t)}) }

// write writes a module of the files; "" is go.mod unless there is one.
func write(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	if _, ok := files["go.mod"]; !ok && !exists(filepath.Join(dir, "go.mod")) {
		files["go.mod"] = "module example.com/m\n\ngo 1.24\n"
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func module(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return write(t, dir, files)
}

func TestOpenRefuses(t *testing.T) {
	good := Config{Dir: "/x", CacheDir: "/y", Package: "."}
	if _, err := Open(good, trust.Grant{}); err == nil {
		t.Error("without a grant: got no error")
	}
	for _, c := range []Config{
		{Dir: "x", CacheDir: "/y", Package: "."},
		{Dir: "/x", CacheDir: "y", Package: "."},
		{Dir: "/x", CacheDir: "/y"},
		{Dir: "/x", CacheDir: "/y", Package: "-x"},
		{Dir: "/x", CacheDir: "/y", Package: "./..."},
	} {
		if _, err := Open(c, grant(t)); err == nil {
			t.Errorf("%+v: got no error", c)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	program := "package main\n\nfunc main() {}\n"
	for _, test := range []struct {
		name    string
		files   map[string]string
		pkg     string
		env     string
		message string
		file    string // below the module
		line    int
		hint    string
	}{
		{
			"compile error",
			map[string]string{"assets/a.go": "package main\n\nfunc main() {\n\tx := undefinedName\n\ty := 1\n}\n"},
			"./assets", "",
			"undefined: undefinedName (and ", "assets/a.go", 4, "",
		},
		{"syntax error", map[string]string{"a.go": "package main\n\nfunc main() {\n"}, ".", "", "syntax error", "a.go", 4, ""},
		{"no such folder", map[string]string{"assets/a.go": program}, "./asets", "", `package "./asets": there is no folder`, "", 0, `did you mean "./assets"?`},
		{"no such folder at all", map[string]string{"a.go": program}, "./other", "", "there is no folder", "", 0, "correct package_name"},
		{"no program", map[string]string{"lib/a.go": "package lib\n"}, "./lib", "", `package "./lib" is not a program`, "", 0, "asset.Main"},
		{"no main function", map[string]string{"a.go": "package main\n"}, ".", "", "function main is undeclared", "", 0, "func main"},
		{"no Go files", map[string]string{"assets/a.txt": ""}, "./assets", "", "no Go files in", "", 0, "package_name"},
		{"missing module", map[string]string{"a.go": "package main\n\nimport _ \"example.org/none\"\n\nfunc main() {}\n"}, ".", "", "no required module provides package example.org/none", "a.go", 3, "go get example.org/none"},
		{"not in std", map[string]string{"a.go": "package main\n\nimport _ \"helpers\"\n\nfunc main() {}\n"}, ".", "", "package helpers is not in std", "a.go", 3, "go.mod names"},
		{"broken go.mod", map[string]string{"go.mod": "module m\n\nnonsense x\n", "a.go": program}, ".", "", "unknown directive: nonsense", "go.mod", 3, ""},
		{"newer go", map[string]string{"go.mod": "module m\n\ngo 1.99\n", "a.go": program}, ".", "GOTOOLCHAIN=local", "requires go >= 1.99", "", 0, "GOTOOLCHAIN"},
		{"no go command", map[string]string{"a.go": program}, ".", "PATH=/none", "go command", "", 0, "https://go.dev/dl/"},
		{"embedded file missing", map[string]string{"a.go": "package main\n\nimport _ \"embed\"\n\n//go:embed none.txt\nvar s string\n\nfunc main() {}\n"}, ".", "", "pattern none.txt: no matching files found", "a.go", 5, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.name == "no go command" && exists("/usr/local/go/bin/go") {
				t.Skip("it is found without PATH here")
			}
			dir := module(t, test.files)
			l := openAt(t, Config{Dir: dir, Package: test.pkg, Env: environment(test.env)})
			_, err := l.Describe(t.Context())
			e, ok := errors.AsType[*location.Error](err)
			if !ok || !strings.Contains(e.Message, test.message) || !strings.Contains(e.Hint, test.hint) || e.Interrupted {
				t.Fatalf("got %+v, want %q with the hint %q", err, test.message, test.hint)
			}
			if test.file != "" && (e.File != filepath.Join(dir, test.file) || e.Line != test.line) {
				t.Errorf("got %s:%d, want %s:%d", e.File, e.Line, test.file, test.line)
			}
			if left, _ := filepath.Glob(filepath.Join(cache, "bin", l.prefix()+"*")); len(left) > 0 {
				t.Errorf("a binary was left: %v", left)
			}
		})
	}
}

func TestNoModule(t *testing.T) {
	dir := t.TempDir()
	_, err := openAt(t, Config{Dir: dir}).Describe(t.Context())
	if e, ok := errors.AsType[*location.Error](err); !ok || !strings.Contains(e.Message, "no go.mod") || !strings.Contains(e.Hint, "go mod init") {
		t.Errorf("got %+v", err)
	}
	_, err = openAt(t, Config{Dir: filepath.Join(dir, "none")}).Describe(t.Context())
	if e, ok := errors.AsType[*location.Error](err); !ok || !strings.Contains(e.Message, "does not exist") {
		t.Errorf("got %+v", err)
	}
}

// speaker is a program that says that it has the one asset of the name.
func speaker(name string) string {
	return `package main

import "os"

func main() {
	f := os.NewFile(3, "")
	f.WriteString("{\"type\":\"hello\",\"hello\":{\"protocol\":1}}\n")
	f.Read(make([]byte, 1000))
	f.WriteString("{\"type\":\"asset\",\"asset\":{\"key\":\"` + name + `\"}}\n{\"type\":\"definitions\",\"definitions\":{}}\n")
}
`
}

func keys(d location.Description) []string {
	var out []string
	for _, a := range d.Assets {
		out = append(out, a.Key)
	}
	return out
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	dir := module(t, map[string]string{})
	bin := t.TempDir()
	l := openAt(t, Config{Dir: dir, CacheDir: bin})
	builds := map[string]bool{}
	describe := func(text, want string) {
		t.Helper()
		write(t, dir, map[string]string{"main.go": text})
		d, err := l.Describe(t.Context())
		if err != nil || !slices.Equal(keys(d), []string{want}) {
			t.Fatalf("got %v, %v, want %q", keys(d), err, want)
		}
		builds[d.Build] = true
	}
	for i := range 5 {
		describe(speaker(fmt.Sprint("a", i)), fmt.Sprint("a", i))
	}
	if len(builds) != 5 {
		t.Errorf("got %d builds, want 5", len(builds))
	}
	left, err := os.ReadDir(filepath.Join(bin, "bin"))
	if len(left) != keepBinaries || err != nil {
		t.Errorf("got %v, %v, want %d binaries", left, err, keepBinaries)
	}
	// Going back to a state whose binary is there builds nothing, so no go command is needed.
	l.tools.path = "/none/go"
	describe(speaker("a3"), "a3")
	if len(builds) != 5 {
		t.Errorf("got %d builds, want the one of before", len(builds))
	}
	// One in use is not pruned.
	d, err := l.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !l.hold(l.path(d.Build)) {
		t.Fatal("the binary is gone")
	}
	l.tools = toolchain{}
	for i := range 4 {
		describe(speaker(fmt.Sprint("b", i)), fmt.Sprint("b", i))
	}
	if !exists(l.path(d.Build)) {
		t.Error("a binary in use was removed")
	}
	// One that a cleaner removed is built again.
	if err := os.RemoveAll(filepath.Join(bin, "bin")); err != nil {
		t.Fatal(err)
	}
	describe(speaker("b3"), "b3")
}

// A save during a build: the older build is ended, and whoever waited for it gets the new code.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	dir := module(t, map[string]string{"main.go": speaker("old")})
	// This go command builds "old" only when it is told to.
	goDir := t.TempDir()
	other := openAt(t, Config{Dir: dir})
	path, err := other.command()
	if err != nil {
		t.Fatal(err)
	}
	started := filepath.Join(goDir, "started")
	script := "#!/bin/sh\nif [ \"$1\" = build ] && grep -q old main.go; then echo $$ > " + started + "; exec sleep 1000; fi\nexec " + path + " \"$@\"\n"
	fake := filepath.Join(goDir, "go")
	if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	l := openAt(t, Config{Dir: dir, CacheDir: t.TempDir(), Go: fake})
	var calls sync.WaitGroup
	want := func() {
		d, err := l.Describe(t.Context())
		if err != nil || !slices.Equal(keys(d), []string{"new"}) {
			t.Errorf("got %v, %v, want the new code", keys(d), err)
		}
	}
	calls.Go(want)
	for deadline := time.Now().Add(30 * time.Second); !exists(started); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the build did not begin")
		}
	}
	write(t, dir, map[string]string{"main.go": speaker("new")})
	calls.Go(want)
	calls.Wait()
}

// A save while the go command runs, which nobody else reports: what was built may be of either state and is thrown away.
func TestChangedDuringBuild(t *testing.T) {
	t.Parallel()
	dir := module(t, map[string]string{"main.go": speaker("old")})
	other := openAt(t, Config{Dir: dir})
	path, err := other.command()
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "next.go")
	if err := os.WriteFile(next, []byte(speaker("new")), 0o600); err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(t.TempDir(), "go")
	script := "#!/bin/sh\n" + path + " \"$@\" || exit 1\nif [ \"$1\" = build ]; then cp " + next + " main.go; fi\n"
	if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	d, err := openAt(t, Config{Dir: dir, CacheDir: bin, Go: fake}).Describe(t.Context())
	if err != nil || !slices.Equal(keys(d), []string{"new"}) {
		t.Errorf("got %v, %v, want the new code", keys(d), err)
	}
	if left, err := os.ReadDir(filepath.Join(bin, "bin")); len(left) != 1 || err != nil {
		t.Errorf("got %v, %v, want one binary", left, err)
	}
}

func TestCancelBuild(t *testing.T) {
	t.Parallel()
	dir := module(t, map[string]string{"main.go": speaker("a")})
	started := filepath.Join(t.TempDir(), "started")
	path, err := openAt(t, Config{Dir: dir}).command()
	if err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(t.TempDir(), "go")
	script := "#!/bin/sh\nif [ \"$1\" = build ]; then : > " + started + "; exec sleep 1000; fi\nexec " + path + " \"$@\"\n"
	if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	l := openAt(t, Config{Dir: dir, CacheDir: t.TempDir(), Go: fake})
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for !exists(started) && t.Context().Err() == nil {
			runtime.Gosched()
		}
		cancel()
	})
	_, err = l.Describe(ctx)
	waiting.Wait()
	if e, ok := errors.AsType[*location.Error](err); !ok || !e.Interrupted || !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, want it interrupted", err)
	}
	if err := l.Close(); err != nil { // waits for the build
		t.Error(err)
	}
	if l.building != nil {
		t.Error("the build goes on")
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"go.mod": "module m\n\ngo 1.24\n\nreplace example.com/x v1.2.3 => ../x // here\n\nreplace (\n\texample.com/y => \"../y\"\n\texample.com/z => example.com/zz v1.0.0\n)\n",
		"a.go":   "package main\n\nimport _ \"embed\"\n\n//go:embed all:data \"one file.txt\"\nvar s string\n",
	}
	root := module(t, map[string]string{
		"x/go.mod": "module x\n", "x/x.go": "package x\n", "y/go.mod": "module y\n", "y/y.go": "package y\n",
		"m/data/.hidden/f": "1", "m/one file.txt": "1", "m/other.txt": "1", "m/a_test.go": "package main\n",
		"m/.git/x.go": "package x\n", "m/nested/go.mod": "module nested\n", "m/nested/n.go": "package nested\n",
		"m/lib/lib.go": "package lib\n", "m/lib/c.h": "",
	})
	dir := write(t, filepath.Join(root, "m"), files)
	digest := func() string {
		t.Helper()
		m, err := findModules(dir, []string{"GOWORK=off"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{dir, filepath.Join(root, "x"), filepath.Join(root, "y")}, m.dirs); diff != "" {
			t.Fatalf("modules (-want +got):\n%s", diff)
		}
		d, err := m.digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	last := digest()
	for _, step := range []struct {
		file    string
		changes bool
	}{
		{"m/a.go", true},
		{"m/lib/lib.go", true},
		{"m/lib/c.h", true},
		{"m/go.mod", true},
		{"m/go.sum", true},
		{"x/x.go", true},
		{"y/go.mod", true},
		{"m/data/.hidden/f", true},
		{"m/one file.txt", true},
		{"m/new.go", true},
		{"m/other.txt", false},
		{"m/a_test.go", false},
		{"m/.git/x.go", false},
		{"m/nested/n.go", false},
	} {
		old, _ := os.ReadFile(filepath.Join(root, step.file))
		write(t, root, map[string]string{step.file: string(old) + "\n// more\n"})
		now := digest()
		if (now != last) != step.changes {
			t.Errorf("%s: changed %v, want %v", step.file, now != last, step.changes)
		}
		last = now
	}
}

func TestWork(t *testing.T) {
	t.Parallel()
	root := module(t, map[string]string{
		"go.work": "go 1.24\n\nuse ./a\nuse (\n\t./b\n)\nreplace example.com/c => ./c\n", "go.work.sum": "",
		"a/go.mod": "module a\n\ngo 1.24\n", "b/go.mod": "module b\n\ngo 1.24\n\nreplace example.com/d => ../d\n", "a/x/x.go": "package x\n",
	})
	l := openAt(t, Config{Dir: filepath.Join(root, "a", "x"), Env: []string{"A=1"}})
	var want []string
	for _, name := range []string{"a", "b", "c", "d", "go.work", "go.work.sum"} {
		want = append(want, filepath.Join(root, name))
	}
	if diff := cmp.Diff(want, l.Files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	l = openAt(t, Config{Dir: filepath.Join(root, "a", "x"), Env: []string{"GOWORK=off"}})
	if diff := cmp.Diff([]string{filepath.Join(root, "a")}, l.Files()); diff != "" {
		t.Errorf("files without go.work (-want +got):\n%s", diff)
	}
}

func TestDigestAndCodeVersionsAreInjected(t *testing.T) {
	t.Parallel()
	dir := module(t, map[string]string{"main.go": speaker("a")})
	content := "1"
	l := openAt(t, Config{
		Dir: dir, CacheDir: t.TempDir(), Digest: func(context.Context) (string, error) { return content, nil },
		CodeVersions: func(_ context.Context, assets []wire.Asset) (map[string]location.Version, error) {
			return map[string]location.Version{assets[0].Key: {Line: 5}}, nil
		},
	})
	first, err := l.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"main.go": speaker("b")}) // the digest says that nothing changed
	second, err := l.Describe(t.Context())
	if err != nil || second.Build != first.Build {
		t.Errorf("got %v, %v, want the same build", second.Build, err)
	}
	content = "2"
	third, err := l.Describe(t.Context())
	if err != nil || third.Build == first.Build || keys(third)[0] != "b" {
		t.Errorf("got %v, %v, want another build", third, err)
	}
	versions, err := l.CodeVersions(t.Context(), []wire.Asset{{Key: "a"}})
	if err != nil || versions["a"].Line != 5 {
		t.Errorf("got %v, %v", versions, err)
	}
}

func TestManyAssets(t *testing.T) {
	t.Parallel()
	dir := module(t, map[string]string{"main.go": `package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	f := os.NewFile(3, "")
	f.WriteString("{\"type\":\"hello\",\"hello\":{\"protocol\":1}}\n")
	f.Read(make([]byte, 1000))
	w := bufio.NewWriter(f)
	for i := 0; ; i++ {
		fmt.Fprintf(w, "{\"type\":\"asset\",\"asset\":{\"key\":\"a%d\"}}\n", i)
	}
}
`})
	_, err := openAt(t, Config{Dir: dir, CacheDir: t.TempDir()}).Describe(t.Context())
	if e, ok := errors.AsType[*location.Error](err); !ok || e.Message != "the process defines more than 100000 assets" {
		t.Errorf("got %+v", err)
	}
}

func TestExplainPanic(t *testing.T) {
	const trace = `2024/01/01 starting
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.helper(...)
	/home/me/go/pkg/mod/example.com/x@v1/x.go:10
main.main()
	/repo/assets/main.go:42 +0x1d
	/repo/assets/outer.go:50 +0x1d
exit status 2
`
	e, ok := explainPanic(trace, []string{"/repo"})
	if !ok || e.Message != "panic: runtime error: index out of range [5] with length 3" || e.File != "/repo/assets/main.go" || e.Line != 42 {
		t.Errorf("got %+v, %v", e, ok)
	}
	if e, ok := explainPanic("no panic: here\n", nil); ok {
		t.Errorf("got %+v, want nothing", e)
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("# m\na.go:1:2: undefined: x\n\tgo get x\n")
	f.Add("panic: x\n\t/a.go:1 +0x1\n")
	f.Add("go: errors parsing go.mod:\n/x/go.mod:3: unknown directive: x\n")
	f.Fuzz(func(t *testing.T, text string) {
		e := explainBuild(text, "/dir")
		if e.File != "" && !filepath.IsAbs(e.File) || strings.Contains(e.Message, "\n") || len(e.Trace) > 64<<10 {
			t.Errorf("got %+v", e)
		}
		if e, ok := explainPanic(text, []string{"/"}); ok && (e.Message == "" || len(e.Message) > 1000 || strings.Contains(e.Message, "\n")) {
			t.Errorf("got %+v", e)
		}
	})
}

func FuzzDirectives(f *testing.F) {
	f.Add("replace a => \"b\" // c\nreplace (\n\ta v1 => ./b\n)\n")
	f.Add("use ( \n./a\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"use", "replace"} {
			for _, words := range directives(text, name) {
				if len(words) == 0 {
					t.Error("got a directive without words")
				}
			}
		}
	})
}

func BenchmarkDescribe(b *testing.B) {
	l := openAt(b, Config{Dir: misbehave(b), Env: environment("LOCATIONTEST=ok")})
	if _, err := l.Describe(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := l.Describe(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
