package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/creack/pty"
)

// question asks on a terminal and returns the terminal's other end once the question is there, and what ask will return.
func question(ctx context.Context, t *testing.T) (terminal *os.File, answered chan error, answer *bool) {
	t.Helper()
	t.Setenv("CI", "")
	t.Setenv("TERM", "xterm")
	terminal, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(terminal.Close(), tty.Close()) })
	a := &app{Program: Program{Stdin: tty, Stdout: tty, Stderr: tty}, ctx: ctx}
	answered, answer = make(chan error, 1), new(bool)
	go func() {
		yes, err := a.ask("run\x1b[2J 3 steps?")
		*answer = yes
		answered <- err
	}()
	shown := make([]byte, 0, 100)
	for in := bufio.NewReader(terminal); !bytes.HasSuffix(shown, []byte("[y/N] ")); {
		c, err := in.ReadByte()
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, c)
	}
	if want := `run\x1b[2J 3 steps? [y/N] `; string(shown) != want {
		t.Errorf("got the question %q, want %q", shown, want)
	}
	return terminal, answered, answer
}

func await(t *testing.T, answered chan error) error {
	t.Helper()
	select {
	case err := <-answered:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("ask still waits")
		return nil
	}
}

func TestAsk(t *testing.T) {
	for typed, want := range map[string]bool{"y\n": true, " YES \n": true, "n\n": false, "\n": false, "yesterday\n": false, "\x04": false} {
		terminal, answered, answer := question(t.Context(), t)
		if _, err := terminal.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		if err := await(t, answered); err != nil || *answer != want {
			t.Errorf("%q: got %v, %v, want %v", typed, *answer, err, want)
		}
	}
}

func TestAskInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	_, answered, answer := question(ctx, t)
	interrupt()
	err := await(t, answered)
	if err == nil || *answer || codeOf(t.Context(), err) != exitInterrupted {
		t.Errorf("got %v, %v, want exit code %d", *answer, err, exitInterrupted)
	}
}

func TestCodeOf(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	wrong := errors.New("disk full")
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), wrong, exitFailed},
		{t.Context(), done(exitNotFresh), exitNotFresh},
		{t.Context(), errors.Join(done(exitNotFresh), wrong), exitFailed},
		{t.Context(), errors.Join(errors.Join(wrong, done(exitNotFresh)), done(exitNotTrusted)), exitNotTrusted},
		{t.Context(), errors.Join(done(exitNotTrusted), diag.New("asset", "no asset")), exitUsage},
		{t.Context(), diag.New("partition", "no partition"), exitUsage},
		{t.Context(), errors.Join(usage("no"), diag.New("internal", "broken")), exitInternal},
		{t.Context(), fmt.Errorf("%w, then %w", usage("no"), diag.New("internal", "broken")), exitUsage},
		{t.Context(), fmt.Errorf("start: %w", &engine.NeedsTrust{}), exitNotTrusted},
		{t.Context(), context.Canceled, exitInterrupted},
		{t.Context(), errors.New("unknown flag: --x"), exitUsage},
		{interrupted, wrong, exitInterrupted},
		{interrupted, done(exitFailed), exitInterrupted},
		{interrupted, done(exitNotTrusted), exitNotTrusted},
	} {
		if got := codeOf(c.ctx, c.err); got != c.want {
			t.Errorf("%v, interrupted %v: got exit code %d, want %d", c.err, c.ctx.Err() != nil, got, c.want)
		}
	}
}

// TestHelp: each command says what it does, shows how, and lists the exit codes; what is no command has no help.
func TestHelp(t *testing.T) {
	run := func(args ...string) (code int, said string) {
		var out bytes.Buffer
		code = Main(Program{Stdout: &out, Stderr: &out}, args)
		return code, out.String()
	}
	for _, c := range (&app{}).root().Commands() {
		code, said := run("help", c.Name())
		if code != exitDone || c.Short == "" || c.Long == "" && c.Name() != "version" || !c.HasExample() || c.GroupID == "" || !strings.Contains(said, "\nExit codes: 0 done") {
			t.Errorf("%s: got exit code %d, and not all of what help says:\n%s", c.Name(), code, said)
		}
		for example := range strings.SplitSeq(c.Example, "\n") {
			words := strings.Fields(strings.TrimPrefix(example, "  source <("))
			if name := strings.TrimSuffix(words[1], ")"); words[0] == "assetdev" && name != c.Name() && !strings.Contains(c.Long+c.Example, "assetdev "+c.Name()) {
				t.Errorf("%s: its example is of another command: %s", c.Name(), example)
			}
		}
	}
	if code, said := run("help", "nothing"); code != exitUsage || !strings.Contains(said, `there is no command "nothing"`) {
		t.Errorf("help of what is no command: got exit code %d, %s", code, said)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, said := run("completion", shell); code != exitDone || !strings.Contains(said, "__complete") {
			t.Errorf("completion %s: got exit code %d, %.80s", shell, code, said)
		}
	}
	if code, said := run("completion", "tcsh"); code != exitUsage || !strings.Contains(said, "bash, zsh or fish") {
		t.Errorf("completion tcsh: got exit code %d, %s", code, said)
	}
}

type burning struct{}

func (burning) Write([]byte) (int, error) { panic("the printer burns") }

func TestPanic(t *testing.T) {
	for _, flag := range []string{"--json", "--json=false"} {
		var stderr bytes.Buffer
		code := Main(Program{Stdout: burning{}, Stderr: &stderr}, []string{"version", flag})
		if code != exitInternal || !strings.Contains(stderr.String(), "the printer burns") || !strings.Contains(stderr.String(), "cli_test.go") {
			t.Errorf("%s: got exit code %d and\n%s\nwant %d, the panic and where it was", flag, code, stderr.String(), exitInternal)
		}
	}
}

// A request that waits for another run has no plan.
func TestNothingRan(t *testing.T) {
	for _, c := range []struct {
		json, quiet bool
		reply       engine.Reply
		want        string // begins and ends as it, around … where it has one
		code        int
	}{
		{false, false, engine.Reply{Text: "queued: 2 steps\x1b"}, "queued: 2 steps\\x1b\n", exitDone},
		{true, false, engine.Reply{Text: "queued"}, `{"format":1,"text":"queued"}` + "\n", exitDone},
		{false, false, engine.Reply{Text: "nothing to do", Plan: &graph.Plan{}}, "nothing to do\n", exitDone},
		{false, true, engine.Reply{Text: "nothing to do", Plan: &graph.Plan{}}, "", exitDone},
		{true, false, engine.Reply{Plan: &graph.Plan{}}, `{"at":"…","event":"plan","run":null,"by":null,"selection":null,"steps":[],"blocked":[]}` + "\n", exitDone},
		{false, true, engine.Reply{Text: "no", Plan: &graph.Plan{Blocked: []graph.Blocked{{Asset: graph.MustKey("a"), Text: "why"}}}}, "…a cannot run: why\n", exitFailed},
	} {
		var out bytes.Buffer
		a := &app{Program: Program{Stdout: &out}, json: c.json, quiet: c.quiet}
		code := exitDone
		if err := a.nothingRan(c.reply); err != nil {
			code = codeOf(t.Context(), err)
		}
		first, last, _ := strings.Cut(c.want, "…")
		if got := out.String(); !strings.HasPrefix(got, first) || !strings.HasSuffix(got, last) || !strings.Contains(c.want, "…") && got != c.want || code != c.code {
			t.Errorf("%+v: got %q, exit code %d, want %q, %d", c.reply, got, code, c.want, c.code)
		}
	}
}

func TestReportTakesTheFirst(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{Program: Program{Stderr: &stderr}, json: true}
	a.report(errors.Join(fmt.Errorf("open: %w", diag.New("storage", "no: %w", fs.ErrNotExist).At(diag.Pos{File: "f", Line: 2})), errors.New("second")))
	want := `{"format":1,"error":{"kind":"storage","message":"open: no: file does not exist","hint":"","file":"f","line":2,"column":0}}` + "\n"
	if got := stderr.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHeadline(t *testing.T) {
	for _, tt := range []struct{ message, want string }{
		{"no rates", "no rates"},
		{"The command\n\n`dbt deps`\n\nfailed with exit code 2.\r\n", "The command `dbt deps` failed with exit code 2."},
		{"a\x1b[31mb\tc", `a\x1b[31mb c`},
		{strings.Repeat("x", 500), strings.Repeat("x", 399) + "…"},
	} {
		if got := headline(tt.message); got != tt.want {
			t.Errorf("headline(%q) is %q, want %q", tt.message, got, tt.want)
		}
	}
}
