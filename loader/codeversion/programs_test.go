package codeversion

import (
	"maps"
	"strings"
	"testing"
)

// TestPrograms: programs, and an edit that changes what their function a returns or does: its code version must change, too.
func TestPrograms(t *testing.T) {
	const mod = "module example.com/ml\n\ngo 1.26\n"
	for _, test := range []struct {
		name           string
		main           string
		more           map[string]string
		file, old, new string // file "" is main.go; old "" puts new in its place
	}{
		{name: "closure over a variable", main: "var f = func() func() int { k := 5; return func() int { return k } }()\nfunc a() int { return f() }", old: "k := 5", new: "k := 6"},
		{name: "map of functions", main: "var m = map[string]func() int{\"x\": five}\nfunc five() int { return 5 }\nfunc a() int { return m[\"x\"]() }", old: "return 5", new: "return 6"},
		{name: "map filled by init", main: "var m = map[string]func() int{}\nfunc init() { m[\"x\"] = func() int { return 5 } }\nfunc a() int { return m[\"x\"]() }", old: "return 5", new: "return 6"},
		{name: "order of init functions", main: "var v int\nfunc init() { v = 1 }\nfunc init() { v = 2 }\nfunc a() int { return v }", old: "func init() { v = 1 }\nfunc init() { v = 2 }", new: "func init() { v = 2 }\nfunc init() { v = 1 }"},
		{name: "order of init functions in files", main: "var v int\nfunc a() int { return v }", more: map[string]string{"one.go": "package main\n\nfunc init() { v = 1 }\n", "two.go": "package main\n\nfunc init() { v = 2 }\n"}, file: "zzz.go", new: "MOVE one.go"},
		{name: "order of package variables", main: "var n int\nvar x, y = next(), next()\nfunc next() int { n++; return n }\nfunc a() int { return x }", old: "var x, y =", new: "var y, x ="},
		{name: "order of package variables in lines", main: "var n int\nvar x = next()\nvar y = next()\nfunc next() int { n++; return n }\nfunc a() int { return x }", old: "var x = next()\nvar y = next()", new: "var y = next()\nvar x = next()"},
		{name: "variable changed through a pointer", main: "var v = 1\nvar p = &v\nfunc init() { *p = 5 }\nfunc a() int { return v }", old: "*p = 5", new: "*p = 6"},
		{name: "variable changed through a pointer by a function", main: "var v = 1\nfunc set(p *int) { *p = 5 }\nfunc init() { set(&v) }\nfunc a() int { return v }", old: "*p = 5", new: "*p = 6"},
		{name: "variable changed by an initialiser", main: "var v = 1\nvar _ = set(5)\nfunc set(x int) int { v = x; return x }\nfunc a() int { return v }", old: "set(5)", new: "set(6)"},
		{name: "variable changed by a named initialiser", main: "var v = 1\nvar w = set(5)\nfunc set(x int) int { v = x; return x }\nfunc a() int { return v }", old: "set(5)", new: "set(6)"},
		{name: "slice that another name shares", main: "var s = []int{1}\nvar u = s\nfunc init() { u[0] = 5 }\nfunc a() int { return s[0] }", old: "= 5", new: "= 6"},
		{name: "map that main fills by a call", main: "var m = map[string]int{}\nfunc fill(m map[string]int) { m[\"x\"] = 5 }\nfunc a() int { return m[\"x\"] }", file: "run.go", old: "fill(m)", new: "fill(map[string]int{})", more: map[string]string{"run.go": "package main\n\nfunc main() { fill(m); println(a()) }\n"}},
		{name: "variable that main sets by a method", main: "type c struct{ v int }\nfunc (c *c) set(x int) { c.v = x }\nvar conf = &c{}\nfunc a() int { return conf.v }", file: "run.go", old: "set(5)", new: "set(6)", more: map[string]string{"run.go": "package main\n\nfunc main() { conf.set(5); println(a()) }\n"}},
		{name: "variable that main sets by a function", main: "var v int\nfunc configure(x int) { v = x }\nfunc a() int { return v }", file: "run.go", old: "configure(5)", new: "configure(6)", more: map[string]string{"run.go": "package main\n\nfunc main() { configure(5); println(a()) }\n"}},
		{name: "variable of another package that main sets by a function", main: "func a() int { return b.V }", file: "run.go", old: "Configure(5)", new: "Configure(6)", more: map[string]string{
			"run.go": "package main\n\nimport \"example.com/ml/b\"\n\nfunc main() { b.Configure(5); println(a()) }\n", "b/b.go": "package b\n\nvar V int\n\nfunc Configure(x int) { V = x }\n",
		}},
		{name: "variable that a function of main sets", main: "var v int\nfunc setup() { v = 5 }\nfunc a() int { return v }", old: "v = 5", new: "v = 6", more: map[string]string{"run.go": "package main\n\nfunc main() { setup(); println(a()) }\n"}},
		{name: "method set by embedding", main: "type in struct{}\nfunc (in) V() int { return 5 }\ntype out struct{ in }\nfunc a() int { return out{}.V() }", old: "return 5", new: "return 6"},
		{name: "method that hides an embedded one", main: "type in struct{}\nfunc (in) V() int { return 5 }\ntype out struct{ in }\nfunc a() int { return out{}.V() }", old: "type out struct{ in }", new: "type out struct{ in }\nfunc (out) V() int { return 6 }"},
		{name: "optional interface", main: "type t struct{}\nfunc (t) x() {}\nfunc a() bool { _, ok := any(t{}).(interface{ Close() error }); return ok }", old: "func (t) x() {}", new: "func (t) Close() error { return nil }"},
		{name: "optional interface of fmt", main: "type t struct{}\nfunc a() string { return fmt.Sprint(t{}) }", old: "type t struct{}", new: "type t struct{}\nfunc (t) String() string { return \"5\" }"},
		{name: "unexported method by an interface", main: "type i interface{ v() int }\ntype t struct{}\nfunc (t) v() int { return 5 }\nvar x i = t{}\nfunc a() int { return x.v() }", old: "return 5", new: "return 6"},
		{name: "generic function", main: "func g[T any](x T) int { return 5 }\nfunc a() int { return g(\"\") }", old: "return 5", new: "return 6"},
		{name: "generic type's method", main: "type g[T any] struct{}\nfunc (g[T]) V() int { return 5 }\nfunc a() int { return g[int]{}.V() }", old: "return 5", new: "return 6"},
		{name: "method of a type argument", main: "type v interface{ V() int }\ntype t struct{}\nfunc (t) V() int { return 5 }\nfunc g[T v]() int { var x T; return x.V() }\nfunc a() int { return g[t]() }", old: "return 5", new: "return 6"},
		{name: "generic instance in a variable", main: "func five[T any]() int { return 5 }\nvar f = five[int]\nfunc a() int { return f() }", old: "return 5", new: "return 6"},
		{name: "type alias", main: "type t struct{}\nfunc (t) V() int { return 5 }\ntype u = t\nfunc a() int { return u{}.V() }", old: "return 5", new: "return 6"},
		{name: "method value", main: "type t struct{}\nfunc (t) v() int { return 5 }\nvar f = t{}.v\nfunc a() int { return f() }", old: "return 5", new: "return 6"},
		{name: "method expression", main: "type t struct{}\nfunc (t) v() int { return 5 }\nvar f = t.v\nfunc a() int { return f(t{}) }", old: "return 5", new: "return 6"},
		{name: "reflection over fields", main: "type t struct{ A int }\nfunc a() string { return reflect.TypeFor[t]().Field(0).Name }", old: "A int", new: "B int"},
		{name: "reflection by a method's name", main: "type t struct{}\nfunc (t) V() int { return 5 }\nfunc a() any { return reflect.ValueOf(t{}).MethodByName(\"V\").Call(nil)[0].Int() }", old: "return 5", new: "return 6"},
		{name: "struct tag in a nested type", main: "type in struct{ X int `json:\"x\"` }\ntype out struct{ I []*in }\nfunc a() string { b, _ := json.Marshal(out{}); return string(b) }", old: "json:\"x\"", new: "json:\"y\""},
		{name: "constant by iota with skips", main: "const (\n\tx = iota\n\t_\n\ty\n)\nfunc a() int { return y }", old: "\t_\n", new: ""},
		{name: "constant of another package", main: "func a() int { return b.C }", more: map[string]string{"b/b.go": "package b\n\nconst C = d\n\nconst d = 5\n"}, file: "b/b.go", old: "5", new: "6"},
		{name: "dot import", main: "func a() int { return Five() }", more: map[string]string{"b/b.go": "package b\n\nfunc Five() int { return 5 }\n"}, file: "b/b.go", old: "return 5", new: "return 6"},
		{name: "embedded folder", main: "//go:embed sql\nvar fsys embed.FS\nfunc a() string { b, _ := fsys.ReadFile(\"sql/x.sql\"); return string(b) }", more: map[string]string{"sql/x.sql": "5"}, file: "sql/x.sql", old: "5", new: "6"},
		{name: "a further embedded file", main: "//go:embed sql/*.sql\nvar fsys embed.FS\nfunc a() int { e, _ := fsys.ReadDir(\"sql\"); return len(e) }", more: map[string]string{"sql/x.sql": "5"}, file: "sql/y.sql", new: "6"},
		{name: "embedded in another package", main: "func a() string { return b.Q }", more: map[string]string{"b/b.go": "package b\n\nimport _ \"embed\"\n\n//go:embed q.sql\nvar Q string\n", "b/q.sql": "5"}, file: "b/q.sql", old: "5", new: "6"},
		{name: "assembly", main: "func five() int\nfunc a() int { return five() }", more: map[string]string{"five_amd64.s": "TEXT ·five(SB),$0\n\tMOVQ $5, ret+0(FP)\n\tRET\n"}, file: "five_amd64.s", old: "$5", new: "$6"},
		{name: "linkname", main: "//go:linkname five example.com/ml/b.five\nfunc five() int\nfunc a() int { return five() }", more: map[string]string{"b/b.go": "package b\n\nfunc five() int { return 5 }\n"}, file: "b/b.go", old: "return 5", new: "return 6"},
		{name: "linkname from the other side", main: "func five() int\nfunc a() int { return five() }", more: map[string]string{"b/b.go": "package b\n\nimport _ \"unsafe\"\n\n//go:linkname five main.five\nfunc five() int { return 5 }\n", "empty.s": ""}, file: "b/b.go", old: "return 5", new: "return 6"},
		{name: "a generated file appears", main: "var v = 5\nfunc a() int { return v }", file: "gen.go", new: "package main\n\nfunc init() { v = 6 }\n"},
		{name: "a package's init registers with the standard library", main: "func a() string { _, f, _ := image.Decode(nil); return f }", more: map[string]string{"b/b.go": "package b\n\nimport \"image\"\n\nfunc init() { image.RegisterFormat(\"x\", \"x\", nil, nil) }\n"}, file: "b/b.go", old: "\"x\", \"x\"", new: "\"y\", \"y\""},
		{name: "init of an imported package that sets the environment", main: "func a() string { return os.Getenv(\"ML_RATE\") }", more: map[string]string{"b/b.go": "package b\n\nimport \"os\"\n\nfunc init() { os.Setenv(\"ML_RATE\", \"5\") }\n"}, file: "b/b.go", old: "5", new: "6"},
		{name: "main sets the environment", main: "func a() string { return os.Getenv(\"ML_RATE\") }", file: "run.go", old: "\"5\"", new: "\"6\"", more: map[string]string{"run.go": "package main\n\nimport \"os\"\n\nfunc main() { os.Setenv(\"ML_RATE\", \"5\"); println(a()) }\n"}},
		{name: "main sets a variable of the standard library", main: "func a() bool { return http.DefaultClient.Timeout == 5 }", file: "run.go", old: "= 5", new: "= 6", more: map[string]string{"run.go": "package main\n\nimport \"net/http\"\n\nfunc main() { http.DefaultClient.Timeout = 5; println(a()) }\n"}},
		{name: "closure in main", main: "var f func() int\nfunc a() int { return f() }", file: "run.go", old: "return 5", new: "return 6", more: map[string]string{"run.go": "package main\n\nfunc main() { f = func() int { return 5 }; println(a()) }\n"}},
		{name: "local of main that is captured", main: "var f func() int\nfunc a() int { return f() }", file: "run.go", old: "k := 5", new: "k := 6", more: map[string]string{"run.go": "package main\n\nfunc main() { k := 5; f = func() int { return k }; println(a()) }\n"}},
		{name: "deferred and recovered", main: "func a() (v int) { defer func() { recover(); v = five() }(); panic(1) }\nfunc five() int { return 5 }", old: "return 5", new: "return 6"},
		{name: "shadowed builtin", main: "func a() int { return len(\"x\") }", file: "len.go", new: "package main\n\nfunc len(string) int { return 6 }\n"},
		{name: "shadowed package", main: "func a() string { return fmt.Sprint(5) }", old: "return fmt.", new: "fmt := other{}; return fmt."},
		{name: "build constraint of a file", main: "func a() int { return v }", more: map[string]string{"x_linux.go": "package main\n\nvar v = 5\n", "x_other.go": "//go:build !linux\n\npackage main\n\nvar v = 6\n"}, file: "x_linux.go", old: "var v = 5", new: "var v = 7"},
		{name: "label and goto", main: "func a() int { x := 5\nagain:\n\tif x < 9 { x++; goto again }\n\treturn x }", old: "x < 9", new: "x < 8"},
		{name: "assignment operator", main: "func a() int { x := 5; x += 2; return x }", old: "+=", new: "-="},
		{name: "channel direction and select default", main: "func a() int { c := make(chan int); select { case v := <-c: return v; default: return 5 } }", old: "default: return 5", new: "default: return 6"},
		{name: "short and long assignment", main: "func a() int { x := 1; { x := 5; _ = x }; return x }", old: "{ x := 5;", new: "{ x = 5;"},
		{name: "vendored module", main: "func a() int { return lib.Five() }", more: map[string]string{"vendor/modules.txt": "# github.com/outside/go-lib v1.0.0\n## explicit\ngithub.com/outside/go-lib\n", "vendor/github.com/outside/go-lib/lib.go": "package lib\n\nfunc Five() int { return 5 }\n", "go.mod": mod + "\nrequire github.com/outside/go-lib v1.0.0\n"}, file: "vendor/github.com/outside/go-lib/lib.go", old: "return 5", new: "return 6"},
		{name: "http handler registered elsewhere", main: "func a() any { h, _ := http.DefaultServeMux.Handler(nil); return h }", more: map[string]string{"b/b.go": "package b\n\nimport \"net/http\"\n\nfunc init() { http.HandleFunc(\"/x\", five) }\n\nfunc five(http.ResponseWriter, *http.Request) {}\n"}, file: "b/b.go", old: "/x", new: "/y"},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			imports := ""
			for _, path := range []string{"embed", "encoding/json", "fmt", "image", "net/http", "os", "reflect"} {
				if name := path[strings.LastIndex(path, "/")+1:]; strings.Contains(test.main, name+".") {
					imports += "import \"" + path + "\"\n"
				}
			}
			switch {
			case strings.Contains(test.main, "lib."):
				imports += "import lib \"github.com/outside/go-lib\"\n"
			case strings.Contains(test.main, "b."):
				imports += "import \"example.com/ml/b\"\n"
			case strings.Contains(test.main, "Five()"):
				imports += "import . \"example.com/ml/b\"\n"
			case test.more["b/b.go"] != "":
				imports += "import _ \"example.com/ml/b\"\n"
			}
			if strings.Contains(test.main, "go:linkname") {
				imports += "import _ \"unsafe\"\n"
			}
			files := map[string]string{"go.mod": mod, "main.go": "package main\n\n" + imports + "\n" + test.main + "\n", "run.go": "package main\n\nfunc main() { println(a()) }\n"}
			if strings.HasPrefix(test.name, "shadowed package") {
				files["other.go"] = "package main\n\ntype other struct{}\n\nfunc (other) Sprint(int) string { return \"6\" }\n"
			}
			maps.Copy(files, test.more)
			all := map[string]string{}
			for name, text := range files {
				all["ml/"+name] = text
			}
			f := newFixture(t, all, func(o *Options) { o.Main = "." })
			f.refresh()
			before := f.version("main.a")
			file := test.file
			if file == "" {
				file = "main.go"
			}
			if from, ok := strings.CutPrefix(test.new, "MOVE "); ok {
				f.write(map[string]string{"ml/" + file: files[from], "ml/" + from: "package main\n"})
			} else if test.old == "" {
				f.write(map[string]string{"ml/" + file: test.new})
			} else {
				if !strings.Contains(files[file], test.old) {
					t.Fatalf("%s does not hold %q", file, test.old)
				}
				f.write(map[string]string{"ml/" + file: strings.Replace(files[file], test.old, test.new, 1)})
			}
			f.refresh()
			if after := f.version("main.a"); after.Code.Version == before.Code.Version {
				t.Errorf("the version stays %s, coarse: %q", after.Code.Version, after.Code.Coarse)
			}
		})
	}
}
