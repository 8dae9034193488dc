package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/assetdev/assetdev"

// housePlan says which packages of the house a package imports; arrows point down. A package that is not here fails, and so does an
// arrow that no import needs any more.
// Tests (files that end in _test.go) may import anything.
var housePlan = map[string]string{
	".":                                 "cli engine tui tui/noquery internal/child internal/garbage",
	"cli":                               "engine engine/event graph graph/draw graph/layout iomanager/page demo internal/diag internal/printable",
	"tui":                               "engine engine/event graph graph/layout graph/draw iomanager/page tui/grid tui/logview tui/term internal/child internal/diag internal/printable",
	"tui/grid":                          "iomanager/page",
	"tui/logview":                       "",
	"tui/term":                          "",
	"tui/noquery":                       "",
	"tui/tuitest":                       "",
	"engine":                            "engine/event engine/run engine/history loader loader/location loader/watch loader/workspace iomanager iomanager/page graph internal/child internal/git internal/trust internal/diag internal/wire",
	"engine/event":                      "graph",
	"engine/run":                        "graph engine/event",
	"engine/history":                    "graph engine/event",
	"loader":                            "loader/workspace loader/codeversion loader/location loader/location/golang loader/location/python graph internal/wire internal/trust internal/diag internal/packed internal/filekey",
	"loader/workspace":                  "internal/diag",
	"loader/watch":                      "internal/filekey",
	"loader/codeversion":                "graph internal/filekey",
	"loader/location":                   "graph internal/wire internal/child",
	"loader/location/golang":            "loader/location internal/wire internal/child internal/trust internal/diag",
	"loader/location/python":            "loader/codeversion loader/location graph internal/wire internal/child internal/trust internal/filekey",
	"loader/location/locationtest":      "loader/location internal/wire",
	"loader/location/python/pythontest": "internal/child",
	"iomanager":                         "iomanager/store iomanager/store/file iomanager/table iomanager/page graph internal/diag internal/packed",
	"iomanager/store":                   "",
	"iomanager/store/file":              "iomanager/store",
	"iomanager/store/storetest":         "iomanager/store",
	"iomanager/table":                   "iomanager/page internal/child internal/diag internal/printable",
	"iomanager/page":                    "",
	"graph":                             "internal/diag",
	"graph/layout":                      "graph",
	"graph/layout/layouttest":           "graph/layout",
	"graph/draw":                        "graph graph/layout",
	"asset":                             "internal/wire",
	"asset/assettest":                   "asset",
	"demo":                              "internal/git internal/child internal/diag",
	"demo/demotest":                     "demo",
	"demo/repo-analytics":               "asset",
	"demo/repo-ml":                      "asset",
	"internal/git":                      "internal/child internal/trust",
	"internal/wire":                     "",
	"internal/filekey":                  "",
	"internal/packed":                   "",
	"internal/garbage":                  "",
	"bench/measure":                     "",
	"bench/generate":                    "demo engine graph internal/child iomanager",
	"bench/layout":                      "graph/layout graph/layout/layouttest",
	"bench/screen":                      "tui/tuitest",
	"bench/python":                      "demo engine engine/event graph internal/child",
	"bench/save":                        "demo engine engine/event graph internal/child",
	"internal/child":                    "",
	"internal/trust":                    "internal/diag",
	"internal/diag":                     "",
	"internal/printable":                "",
	"internal/tools/pictures":           "",
}

// pure packages decide and do nothing else: no goroutine, clock, lock, file or network.
var pure = []string{"graph", "graph/layout", "graph/draw", "engine/event", "engine/run", "internal/diag"}

var impure = []string{"os", "os/exec", "sync", "net", "net/http", "log", "log/slog", "context", "io/fs", "path/filepath", "runtime"}

func TestHouse(t *testing.T) {
	seen, used := map[string]bool{}, map[string]bool{}
	eachGoFile(t, func(pkg string, fset *token.FileSet, file *ast.File) {
		allowed, known := housePlan[pkg]
		if !known {
			t.Errorf("package %s is not in the plan of the house", pkg)
			return
		}
		seen[pkg] = true
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			own, ours := strings.CutPrefix(imported, module+"/")
			used[pkg+" "+own] = true
			if ours && !slices.Contains(strings.Fields(allowed), own) {
				t.Errorf("%s imports %s; the plan allows %s: [%s]", fset.Position(spec.Pos()), own, pkg, allowed)
			}
			if slices.Contains(pure, pkg) && slices.Contains(impure, imported) {
				t.Errorf("%s imports %s, but %s is pure", fset.Position(spec.Pos()), imported, pkg)
			}
		}
		if !slices.Contains(pure, pkg) {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine, but %s is pure", fset.Position(n.Pos()), pkg)
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && (n.Sel.Name == "Now" || n.Sel.Name == "Since" || n.Sel.Name == "Sleep") {
					t.Errorf("%s reads the clock, but %s is pure", fset.Position(n.Pos()), pkg)
				}
			}
			return true
		})
	})
	for pkg := range housePlan {
		if !seen[pkg] {
			t.Errorf("the plan of the house has a package %s that is not there", pkg)
		}
		for own := range strings.FieldsSeq(housePlan[pkg]) {
			if !used[pkg+" "+own] {
				t.Errorf("the plan of the house lets %s import %s, which it does not", pkg, own)
			}
		}
	}
}

// eachGoFile parses the imports and bodies of every Go file of the module that is no test and not below testdata.
func eachGoFile(t *testing.T, f func(pkg string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := d.Name()
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "assetdev-demo") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f(path.Dir(filepath.ToSlash(name)), fset, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
