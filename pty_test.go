package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assetdev/assetdev/cli"
	"github.com/assetdev/assetdev/demo/demotest"
	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/tui/tuitest"
)

// breaks is assetdev with a screen whose engine panics when the code of an asset is looked at.
func breaks() {
	screen := func(ctx context.Context, e *engine.Engine, o cli.ScreenOptions) ([]string, error) {
		return show(ctx, broken{e}, o)
	}
	os.Exit(cli.Main(cli.Program{Version: version, Screen: screen, SDK: sdkFiles, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}, os.Args[1:]))
}

type broken struct{ engine.Front }

func (broken) Source(graph.Key) (file string, lines []string, line int, err error) {
	panic("it broke on purpose")
}

// A bench is a folder with a workspace, and the environment of what runs in it.
type bench struct {
	t   *testing.T
	dir string
	env []string
}

// newBench writes the workspace of script_test.go, trusted unless said otherwise, into a folder of its own.
func newBench(t *testing.T, trusted bool) *bench {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds Go programs")
	}
	b := &bench{t: t, dir: t.TempDir()}
	home := t.TempDir()
	values, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, goEnv...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(values), "\n")
	for i, name := range goEnv {
		b.env = append(b.env, name+"="+lines[i])
	}
	b.env = append(b.env, "PATH="+os.Getenv("PATH"), "HOME="+home, "ASSETDEV_CACHE_DIR="+home+"/cache", "ASSETDEV_STATE_DIR="+home+"/state",
		"GIT_CONFIG_NOSYSTEM=1", "LANG=C.UTF-8", "TERM=xterm-256color")
	if err := demotest.Shop(b.dir); err != nil {
		t.Fatal(err)
	}
	if trusted {
		b.command("trust")
	}
	return b
}

// command runs assetdev without a terminal and returns what it printed.
func (b *bench) command(args ...string) string {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), "assetdev", args...)
	cmd.Dir, cmd.Env = b.dir, b.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("assetdev %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// A session is assetdev on a terminal.
type session struct {
	*tuitest.Terminal
	t      *testing.T
	before any // modes of the terminal
}

func (b *bench) start(program string, w, h int, args ...string) *session {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), program, args...)
	cmd.Dir, cmd.Env = b.dir, b.env
	s := &session{t: b.t}
	term, err := tuitest.Start(cmd, w, h, func(tty *os.File) { s.before = modesOf(b.t, tty) })
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = term.Close() })
	s.Terminal = term
	return s
}

// shows waits until the texts, which are regular expressions, are on the screen together.
func (s *session) shows(texts ...string) {
	s.t.Helper()
	_, err := s.Wait(deadline, func(picture string) bool {
		for _, text := range texts {
			if !regexp.MustCompile(text).MatchString(picture) {
				return false
			}
		}
		return true
	})
	if err != nil {
		s.t.Fatalf("%q: %v", texts, err)
	}
}

func (s *session) keys(keys ...string) {
	s.t.Helper()
	for _, k := range keys {
		if err := s.Type(k); err != nil {
			s.t.Fatal(err)
		}
	}
}

// ends waits for the end and checks that the terminal is as it was.
func (s *session) ends(code int, after ...string) {
	s.t.Helper()
	got, err := s.End(deadline)
	if err != nil {
		s.t.Fatal(err)
	}
	if got != code {
		s.t.Errorf("got exit code %d, want %d; the screen:\n%s", got, code, s.Picture())
	}
	for _, mode := range []struct {
		n    int
		want bool
		name string
	}{{25, true, "the cursor is hidden"}, {1049, false, "the alternate screen is not left"}, {2004, false, "paste stays bracketed"}, {1002, false, "the mouse stays on"}, {1006, false, "the mouse stays on"}, {1004, false, "focus is reported"}} {
		if s.Mode(mode.n) != mode.want {
			s.t.Errorf("%s after the end", mode.name)
		}
	}
	if now := modesOf(s.t, s.TTY); now != s.before {
		s.t.Errorf("the terminal's modes are not restored: %+v, before %+v", now, s.before)
	}
	for _, text := range after {
		if !regexp.MustCompile(text).MatchString(s.Picture()) {
			s.t.Errorf("%q does not stand on the terminal after the end:\n%s", text, s.Picture())
		}
	}
}

func (b *bench) save(file, old, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, file)
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		b.t.Fatalf("%s does not hold %q", file, old)
	}
	err = errors.Join(os.WriteFile(path+".new", []byte(strings.ReplaceAll(string(data), old, text)), 0o666), os.Rename(path+".new", path))
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestScreenMainFlow is what a user does first: materialize, look at the rows, edit, see what is stale and why, and quit.
func TestScreenMainFlow(t *testing.T) {
	b := newBench(t, true)
	s := b.start("assetdev", 100, 30)
	s.shows(`order_totals .*missing`)
	s.keys("a") // auto-run would make it fresh again at once
	s.shows(`auto off`)
	s.keys("/", "order_totals", "\r", "\r")
	s.shows(`▸ . +order_totals`)
	s.keys("m")
	s.shows(`Plan`, `3 steps`)
	s.keys("m")
	s.shows(`✓ run succeeded`, `order_totals .*fresh`)
	s.keys("p")
	s.shows(`amount`, `rows 1–3 of 3`)
	b.save("north/assets/main.go", "discount = 0.0", "discount = 0.5")
	s.shows(`order_totals .*stale code`)
	s.keys("w")
	s.shows(`-const discount = 0.0`, `\+const discount = 0.5`, `north/assets/main.go:\d+`)
	s.keys("q")
	s.ends(0, `run succeeded in .*3 succeeded`)
	if out := b.command("status", "order_totals"); !strings.Contains(out, "stale") {
		t.Errorf("status says %s", out)
	}
}

// TestScreenShowsTheStoredGraphFirst: what the last session knew is on the screen before any code location was asked. Here none can
// answer, since the go command is not to be found.
func TestScreenShowsTheStoredGraphFirst(t *testing.T) {
	b := newBench(t, true)
	b.command("status")
	for i, e := range b.env {
		if path, ok := strings.CutPrefix(e, "PATH="); ok {
			program, err := exec.LookPath("assetdev")
			if err != nil {
				t.Fatal(err)
			}
			b.env[i] = "PATH=" + filepath.Dir(program) + "/none"
			defer func() { b.env[i] = "PATH=" + path }()
		}
	}
	s := b.start("assetdev", 80, 24)
	s.shows(`order_totals .*missing`)
	s.keys("q")
	s.ends(0)
}

// TestScreenRestoresTheTerminal ends the program in every way that it can see coming.
func TestScreenRestoresTheTerminal(t *testing.T) {
	b := newBench(t, true)
	b.command("status")
	for _, test := range []struct {
		name, program string
		code          int
		do            func(s *session)
		after         []string
	}{
		{"q", "assetdev", 0, func(s *session) { s.keys("q") }, nil},
		{"ctrl+c", "assetdev", 0, func(s *session) { s.keys("\x03") }, nil},
		{"a command line", "assetdev", 0, func(s *session) { s.keys(":", "q", "\r") }, nil},
		{"with the mouse", "assetdev", 0, func(s *session) {
			s.keys("\x14")
			s.shows("mouse on")
			s.keys("q")
		}, nil},
		{"SIGTERM", "assetdev", 130, func(s *session) { s.signal(syscall.SIGTERM) }, nil},
		{"SIGHUP", "assetdev", 130, func(s *session) { s.signal(syscall.SIGHUP) }, nil},
		{"panic", "assetdev-breaks", 5, func(s *session) { s.keys("c") }, []string{`internal error: it broke on purpose`, `please report it with the file`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := b.start(test.program, 80, 24)
			s.t = t
			s.shows(`order_totals`)
			test.do(s)
			s.ends(test.code, test.after...)
		})
	}
}

func (s *session) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.Cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// TestScreenResizesAndTakesPaste: the frame follows the terminal's size, also below what assetdev needs; what is pasted is text.
func TestScreenResizesAndTakesPaste(t *testing.T) {
	b := newBench(t, true)
	b.command("status")
	s := b.start("assetdev", 80, 24)
	s.shows(`order_totals`, `\? help`)
	for _, size := range [][2]int{{200, 50}, {40, 12}, {100, 30}} {
		if err := s.Resize(size[0], size[1]); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`(?s)^ assetdev .*\n╭.{%d}╮\n`, size[0]-2)
		if size[0] == 40 {
			want = fmt.Sprintf(`(?s)^ .*\n╭.{%d}╮\n`, size[0]-2)
		}
		s.shows(want, `order_totals`)
	}
	if err := s.Resize(39, 11); err != nil {
		t.Fatal(err)
	}
	s.shows(`assetdev needs 40×12 \(now 39×11\)`)
	if err := s.Resize(80, 24); err != nil {
		t.Fatal(err)
	}
	s.shows(`order_totals`, `\? help`)
	s.keys("\x1b[200~q\x03q\x1b[201~") // no command, and no filter is open
	s.keys("/", "\x1b[200~order\n_totals\x1b[201~")
	s.shows(`/order _totals`)
	s.keys("\x1b")
	s.shows(`\? help`)
	s.keys("q")
	s.ends(0)
}

// TestScreenAsksBeforeItEndsARun: ctrl+c and q ask while something runs, and cancelling ends what runs.
func TestScreenAsksBeforeItEndsARun(t *testing.T) {
	b := newBench(t, true)
	b.env = append(b.env, "GATE="+filepath.Join(b.dir, "gate"))
	s := b.start("assetdev", 100, 30)
	s.shows(`prices .*missing`)
	s.keys("/", "prices", "\r", "m")
	s.shows(`Plan`)
	s.keys("m")
	s.shows(`prices .*running`)
	s.keys("\x03")
	s.shows(`A run is active`, `cancel the run and quit`)
	s.keys("\x1b")
	s.shows(`prices .*running`)
	s.keys("q")
	s.shows(`A run is active`)
	s.keys("c")
	s.ends(0, `the run of prices was still active and is cancelled`)
}

// TestScreenAsksForTrust: nothing is executed before the user's word, and the word is remembered.
func TestScreenAsksForTrust(t *testing.T) {
	b := newBench(t, false)
	s := b.start("assetdev", 80, 24)
	s.shows(`Trust .*\?`, `go build`)
	s.keys("n")
	s.shows(`not trusted`)
	s.keys("t")
	s.shows(`trust it, and remember`)
	s.keys("y")
	s.shows(`order_totals .*missing`)
	s.keys("q")
	s.ends(0)
	b.command("status")
}

// TestScreenGivesTheEditorTheTerminal: the editor's input is the terminal, and the screen comes back after it.
func TestScreenGivesTheEditorTheTerminal(t *testing.T) {
	b := newBench(t, true)
	b.command("status")
	editor := filepath.Join(b.dir, "editor.sh")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\ntest -t 0 && test -t 1 && echo \"edits $(basename $1)\"\nIFS= read -r line\nprintf '%s' \"$line\" >line\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "EDITOR="+editor)
	s := b.start("assetdev", 80, 24)
	s.shows(`order_totals`)
	s.keys("e")
	s.shows(`edits main.go`)
	s.keys("\r")
	s.shows(`order_totals`, `\? help`)
	s.keys("q")
	s.ends(0)
	got, err := os.ReadFile(filepath.Join(b.dir, "line"))
	if err != nil || len(got) > 0 {
		t.Errorf("the editor read %q, %v, want the empty line that was typed", got, err)
	}
}

// newFakeBench writes a workspace whose one location makes these assets as makes says, each of the one before it. It is trusted.
func newFakeBench(t *testing.T, makes string, assets ...string) *bench {
	t.Helper()
	b := newBench(t, false)
	for _, name := range []string{"north", "south"} {
		if err := os.RemoveAll(filepath.Join(b.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(b.dir, "north"), os.DirFS("engine/testdata/fake")); err != nil {
		t.Fatal(err)
	}
	describe, deps := "", ""
	for _, key := range assets {
		describe += fmt.Sprintf(`{"type": "asset", "asset": {"key": %q, "code_version": "1", "deps": [%s]}}`+"\n", key, deps)
		deps = fmt.Sprintf("%q", key)
	}
	for name, text := range map[string]string{
		"workspace.yaml": "load_from:\n  - go_package: {package_name: ./assets, location_name: north, working_directory: ./north}\n",
		"north/go.mod":   "module fake\n\ngo 1.26\n", "north/describe.jsonl": describe, "north/make.json": makes,
	} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b.command("trust")
	return b
}

// TestPdbGivesEachStepTheTerminal: what a step asks on its standard output is on the screen, what is typed is its input, an interrupt
// is for it alone, and assetdev goes on afterwards.
func TestPdbGivesEachStepTheTerminal(t *testing.T) {
	b := newFakeBench(t, `{"a": {"format": "none", "ask": "what is it? "}, "b": {"format": "none", "ask": "and now? "}}`, "a", "b")
	s := b.start("assetdev", 100, 30, "materialize", "b", "--pdb")
	s.shows(`what is it\?`)
	s.keys("first\r")
	s.shows(`and now\?`)
	s.keys("\x03") // ends the step, not assetdev
	s.ends(1, `a .* succeeded`, `b .* failed`, `run .* failed`)
	if got := b.command("preview", "a"); !strings.Contains(got, "first") {
		t.Errorf("a read something else: %s", got)
	}
}

// TestScreenGivesADebuggedStepTheTerminal: D runs the step on the terminal, and the screen comes back.
func TestScreenGivesADebuggedStepTheTerminal(t *testing.T) {
	b := newFakeBench(t, `{"a": {"format": "none", "ask": "what is it? "}}`, "a")
	s := b.start("assetdev", 80, 24)
	s.shows(`a .*missing`)
	s.keys("D")
	s.shows(`a runs here`, `what is it\?`)
	s.keys("screen\r")
	s.shows(`a succeeded; enter goes back to the screen`)
	s.keys("\r")
	s.shows(`a .*fresh`, `\? help`)
	s.keys("q")
	s.ends(0)
	if got := b.command("preview", "a"); !strings.Contains(got, "screen") {
		t.Errorf("a read something else: %s", got)
	}
}

// TestScreenLanes: the drawing of the graph, a walk into the other repository, the focus, and a run from there.
func TestScreenLanes(t *testing.T) {
	b := newBench(t, true)
	b.command("status")
	s := b.start("assetdev", 120, 40)
	s.shows(`order_totals .*missing`)
	s.keys("/", "order_totals", "\r", "v")
	s.shows(`lanes ─╮`, `▌ north`, `○ order_totals`)
	s.keys("\x1b")
	s.shows(`▌ south`, `○ report`)
	s.keys("l")
	s.shows(`report ─+ .*About`)
	s.keys("f")
	s.shows(`around report 1, \d hidden`)
	s.keys("m")
	s.shows(`Plan`)
	s.keys("m")
	s.shows(`run succeeded`, `● report`)
	s.keys("v")
	s.shows(`list ─╮`, `▸ .*report`)
	s.keys("q")
	s.ends(0, `run succeeded`)
	s = b.start("assetdev", 80, 24)
	s.shows(`list ─╮`)
	s.keys("v", "q")
	s.ends(0)
	s = b.start("assetdev", 80, 24)
	s.shows(`lanes ─╮`)
	s.keys("q")
	s.ends(0)
}

// TestScreenSuspends: ctrl+z gives the terminal back as it was, and the screen is there again when the program goes on.
func TestScreenSuspends(t *testing.T) {
	b := newBench(t, true)
	b.command("status")
	s := b.start("assetdev", 80, 24)
	s.shows(`order_totals`, `\? help`)
	s.keys("\x1a")
	if _, err := s.Wait(deadline, func(picture string) bool { return strings.TrimSpace(picture) == "" }); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(deadline); modesOf(t, s.TTY) != s.before; {
		if time.Now().After(end) {
			t.Fatalf("the terminal's modes are %+v, before %+v", modesOf(t, s.TTY), s.before)
		}
		runtime.Gosched()
	}
	if s.Mode(2004) || s.Mode(1004) || !s.Mode(25) {
		t.Error("paste, focus or the hidden cursor stay")
	}
	back := func(picture string) bool {
		return strings.Contains(picture, "order_totals") && strings.Contains(picture, "? help")
	}
	for end := time.Now().Add(deadline); ; { // a signal that comes before the program waits for it is lost
		s.signal(syscall.SIGCONT)
		_, err := s.Wait(200*time.Millisecond, back)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	s.keys("q")
	s.ends(0)
}
