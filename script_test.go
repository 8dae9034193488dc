package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/demo"
	"github.com/assetdev/assetdev/internal/child"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"assetdev": main})
}

// goEnv are the settings of the go command that scenarios share with whoever runs the tests: compiling the standard library
// anew in each would take seconds.
var goEnv = []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN", "GOFLAGS"}

// TestScript runs the scenarios of testdata/script against the real binary.
func TestScript(t *testing.T) {
	values, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, goEnv...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	shared := strings.Split(string(values), "\n")
	fixture, err := filepath.Abs("testdata/fixture")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			for i, name := range goEnv {
				e.Setenv(name, shared[i])
			}
			e.Setenv("HOME", filepath.Join(e.WorkDir, ".home"))
			e.Setenv("ASSETDEV_CACHE_DIR", filepath.Join(e.WorkDir, ".cache"))
			e.Setenv("ASSETDEV_STATE_DIR", filepath.Join(e.WorkDir, ".trust"))
			e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			e.Setenv("FIXTURE", fixture)
			e.Setenv("LANG", "C.UTF-8")
			return os.Mkdir(filepath.Join(e.WorkDir, ".home"), 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"shop":   shop,
			"save":   save,
			"status": status,
			"rows":   rows,
			"why":    why,
			"damage": damage,
		},
	})
}

// shop [-untrusted] writes the workspace of two small repositories, north and south.
func shop(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("shop cannot be negated")
	}
	work := ts.Getenv("WORK")
	for _, name := range []string{"north", "south"} {
		dir := filepath.Join(work, name)
		ts.Check(os.MkdirAll(dir, 0o777))
		_, err := demo.Init(dir, demo.InitOptions{Go: true, SDK: sdkFiles})
		ts.Check(err)
		ts.Check(os.Remove(filepath.Join(dir, "workspace.yaml")))
		entries, err := os.ReadDir(filepath.Join(dir, "assets"))
		ts.Check(err)
		for _, e := range entries {
			ts.Check(os.Remove(filepath.Join(dir, "assets", e.Name())))
		}
		source, err := os.ReadFile(filepath.Join(ts.Getenv("FIXTURE"), name, "assets", "main.go"))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, "assets", "main.go"), source, 0o666))
	}
	ts.Check(os.WriteFile(filepath.Join(work, "workspace.yaml"), []byte(`load_from:
  - go_package: {package_name: ./assets, location_name: north, working_directory: ./north}
  - go_package: {package_name: ./assets, location_name: south, working_directory: ./south}
`), 0o666))
	if !slices.Contains(args, "-untrusted") {
		ts.Check(ts.Exec("assetdev", "trust"))
	}
}

// save FILE OLD NEW replaces text in a file, which must be there once at least, as an editor does: by renaming a new file.
func save(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: save FILE OLD NEW")
	}
	file := ts.MkAbs(args[0])
	data, err := os.ReadFile(file)
	ts.Check(err)
	unquote := func(text string) []byte { return []byte(strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(text)) }
	if !bytes.Contains(data, unquote(args[1])) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	data = bytes.ReplaceAll(data, unquote(args[1]), unquote(args[2]))
	ts.Check(os.WriteFile(file+".tmp", data, 0o666))
	ts.Check(os.Rename(file+".tmp", file))
}

type statusJSON struct {
	Assets []struct {
		Key, Status string
		Reasons     []struct{ Kind, Asset, Text, File, Symbol string }
	}
}

func readStatus(ts *testscript.TestScript) statusJSON {
	var s statusJSON
	err := ts.Exec("assetdev", "status", "--json")
	out := ts.ReadFile("stdout")
	if jsonErr := json.Unmarshal([]byte(out), &s); jsonErr != nil {
		ts.Fatalf("status --json: %v, %v: %s", err, jsonErr, out)
	}
	return s
}

// status KEY=STATUS[,REASON…] … compares what status says; "*=fresh" means all others.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("status cannot be negated")
	}
	want := map[string]string{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("usage: status KEY=STATUS[,REASON…] …")
		}
		want[key] = value
	}
	var wrong []string
	for _, a := range readStatus(ts).Assets {
		expected, named := want[a.Key]
		if !named {
			if expected = want["*"]; expected == "" {
				continue
			}
		}
		delete(want, a.Key)
		got := a.Status
		if strings.Contains(expected, ",") {
			for _, r := range a.Reasons {
				got += "," + r.Kind
			}
		}
		if got != expected {
			wrong = append(wrong, fmt.Sprintf("%s is %s %v, want %s", a.Key, got, a.Reasons, expected))
		}
	}
	delete(want, "*")
	for key := range want {
		wrong = append(wrong, key+" is not in the graph")
	}
	if len(wrong) > 0 {
		ts.Fatalf("%s", strings.Join(wrong, "\n"))
	}
}

// rows KEY N checks the number of rows of an asset's newest data.
func rows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: rows KEY N")
	}
	ts.Check(ts.Exec("assetdev", "preview", args[0], "--rows", "0", "--json"))
	var p struct {
		RowsTotal int64 `json:"rows_total"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &p))
	if got := strconv.FormatInt(p.RowsTotal, 10); got != args[1] {
		ts.Fatalf("%s has %s rows, want %s", args[0], got, args[1])
	}
}

// why KEY TEXT… checks that each text is in what why says.
func why(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: why KEY TEXT…")
	}
	ts.Check(ts.Exec("assetdev", "why", args[0]))
	out := ts.ReadFile("stdout")
	for _, text := range args[1:] {
		if !strings.Contains(out, text) {
			ts.Fatalf("why %s does not say %q:\n%s", args[0], text, out)
		}
	}
}

// damage FILE overwrites a file that may be read only with something else.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage FILE")
	}
	file := ts.MkAbs(args[0])
	ts.Check(os.Chmod(file, 0o666))
	ts.Check(os.WriteFile(file, []byte("something else"), 0o666))
}
