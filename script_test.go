package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assetdev/assetdev/demo/demotest"
	"github.com/assetdev/assetdev/internal/child"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"assetdev": main, "assetdev-breaks": breaks})
}

// goEnv are the settings of the go command that scenarios share with whoever runs the tests: compiling the standard library
// anew in each would take seconds.
var goEnv = []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN", "GOFLAGS"}

// TestScript runs the scenarios of testdata/script against the real binary.
func TestScript(t *testing.T) {
	p := scenarios(t)
	p.Dir = "testdata/script"
	testscript.Run(t, p)
}

// scenarios says what scenarios are run with: the environment, and our own verbs.
func scenarios(t *testing.T) testscript.Params {
	t.Helper()
	values, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, goEnv...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	shared := strings.Split(string(values), "\n")
	fake, err := filepath.Abs("engine/testdata/fake")
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Setup: func(e *testscript.Env) error {
			for i, name := range goEnv {
				e.Setenv(name, shared[i])
			}
			e.Setenv("HOME", filepath.Join(e.WorkDir, ".home"))
			e.Setenv("ASSETDEV_CACHE_DIR", filepath.Join(e.WorkDir, ".cache"))
			e.Setenv("ASSETDEV_STATE_DIR", filepath.Join(e.WorkDir, ".trust"))
			e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			e.Setenv("FAKE", fake)
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
			"bg":     bg,
			"await":  await,
			"signal": signalTo,
			"ended":  ended,
			"gone":   gone,
			"prints": prints,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "netns" {
				// A network namespace of one's own has no way out.
				return exec.CommandContext(t.Context(), "unshare", "-rn", "true").Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	}
}

// shop [-untrusted] writes the workspace of two small repositories, north and south.
func shop(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("shop cannot be negated")
	}
	ts.Check(demotest.Shop(ts.Getenv("WORK")))
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

// A background is an assetdev that a scenario started with bg.
type background struct {
	cmd  *exec.Cmd
	done chan error
}

// bg NAME ARGS… starts assetdev in the background; what it prints goes to NAME.out.
func bg(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: bg NAME ARGS…")
	}
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	path, err := exec.LookPath("assetdev")
	if err != nil {
		path = filepath.Join(filepath.Dir(os.Args[0]), "assetdev")
	}
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if _, err := os.Stat(filepath.Join(dir, "assetdev")); err == nil {
			path = filepath.Join(dir, "assetdev")
			break
		}
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.Getenv("WORK"), out, out
	for _, name := range append([]string{"HOME", "PATH", "WORK", "TMPDIR", "LANG", "GATE", "ASSETDEV_CACHE_DIR", "ASSETDEV_STATE_DIR"}, goEnv...) {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	ts.Check(cmd.Start())
	b := &background{cmd, make(chan error, 1)}
	go func() { b.done <- errors.Join(cmd.Wait(), out.Close()) }()
	ts.Defer(func() { _ = cmd.Process.Kill() })
	backgrounds.Store(ts.Getenv("WORK")+"/"+args[0], b)
}

var backgrounds sync.Map // of *background by work folder and name

func lookup(ts *testscript.TestScript, name string) *background {
	b, ok := backgrounds.Load(ts.Getenv("WORK") + "/" + name)
	if !ok {
		ts.Fatalf("nothing runs as %q", name)
	}
	return b.(*background)
}

// deadline bounds every wait of a scenario.
const deadline = 90 * time.Second

// await FILE REGEXP waits until a line of the file matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	want := regexp.MustCompile(args[1])
	file := ts.MkAbs(args[0])
	for until := time.Now().Add(deadline); ; {
		data, err := os.ReadFile(file)
		if err == nil && want.Match(data) {
			return
		}
		if time.Now().After(until) {
			ts.Fatalf("%s does not match %q after %s:\n%s", args[0], args[1], deadline, data)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// signal NAME SIGNAL sends INT, TERM, KILL … to what runs as NAME.
func signalTo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME SIGNAL")
	}
	signals := map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP}
	ts.Check(lookup(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

// ended NAME CODE waits for the end of what runs as NAME; CODE is its exit code, -1 when a signal ended it.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended NAME CODE")
	}
	b := lookup(ts, args[0])
	select {
	case err := <-b.done:
		code := b.cmd.ProcessState.ExitCode()
		if strconv.Itoa(code) != args[1] {
			ts.Fatalf("%s ended with %d (%v), want %s:\n%s", args[0], code, err, args[1], ts.ReadFile(args[0]+".out"))
		}
	case <-time.After(deadline):
		ts.Fatalf("%s still runs after %s:\n%s", args[0], deadline, ts.ReadFile(args[0]+".out"))
	}
}

// gone DIR waits until no process executes a file below the folder.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: gone DIR")
	}
	dir := ts.MkAbs(args[0])
	for until := time.Now().Add(deadline); ; {
		exes, err := filepath.Glob("/proc/[0-9]*/exe")
		ts.Check(err)
		left := slices.DeleteFunc(exes, func(link string) bool {
			exe, err := os.Readlink(link)
			return err != nil || !strings.HasPrefix(exe, dir+"/")
		})
		if len(left) == 0 {
			return
		}
		if time.Now().After(until) {
			ts.Fatalf("still running: %v", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
