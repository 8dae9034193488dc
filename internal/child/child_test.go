package child

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // else each role takes a second to end under the race detector
	Register("test-echo", func([]string) int {
		_, _ = io.Copy(os.Stdout, os.Stdin)
		return 0
	})
	Register("test-exit", func(args []string) int {
		fmt.Fprintln(os.Stderr, "first words")
		fmt.Fprintln(os.Stderr, "last words")
		code, _ := strconv.Atoi(args[0])
		return code
	})
	Register("test-env", func(args []string) int {
		for _, name := range args {
			fmt.Println(os.Getenv(name))
		}
		return 0
	})
	Register("test-hang", func([]string) int { return hang() })
	Register("test-stubborn", func([]string) int {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		fmt.Println("pid", os.Getpid())
		return hang()
	})
	Register("test-signals", func([]string) int {
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGINT, syscall.SIGTERM)
		fmt.Println("ready")
		for s := range got {
			fmt.Println(s)
			if s == syscall.SIGTERM {
				return 7
			}
		}
		return 0
	})
	Register("test-alloc", func(args []string) int {
		mib, _ := strconv.Atoi(args[0])
		block := make([]byte, mib<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		if len(args) > 1 {
			return hang()
		}
		fmt.Println(len(block))
		return 0
	})
	Register("test-flood", func(args []string) int {
		n, _ := strconv.Atoi(args[0])
		block := bytes.Repeat([]byte("x"), 1<<20)
		for range n {
			_, _ = os.Stdout.Write(block)
		}
		return 0
	})
	// tree starts a child that ignores signals and one that moreover leaves the session, both with our output, prints all numbers, and then
	// ends with args[0] or, without it, never.
	Register("test-tree", func(args []string) int {
		fmt.Println("pid", os.Getpid())
		for _, sys := range []*syscall.SysProcAttr{{}, {Setsid: true}} {
			r, w, _ := os.Pipe()
			c := exec.Command(os.Args[0], roleWord, "test-stubborn")
			c.Stdout, c.SysProcAttr = w, sys
			if len(args) > 0 {
				c.Stderr = os.Stderr // holds our pipe open
			}
			if err := c.Start(); err != nil {
				return 1
			}
			line, _ := bufio.NewReader(r).ReadString('\n')
			fmt.Print(line)
		}
		fmt.Println("ready")
		if len(args) > 0 {
			code, _ := strconv.Atoi(args[0])
			return code
		}
		return hang()
	})
	Register("test-parent", func([]string) int {
		p, err := Start(Command{Path: os.Args[0], Args: []string{roleWord, "test-tree"}, Stdout: os.Stdout})
		if err != nil {
			fmt.Println(err)
			return 1
		}
		if os.Getenv("TEST_KILL_SUPERVISOR") != "" {
			_ = guards.proc.Kill()
			_, _ = guards.proc.Wait()
			q, err := Start(Command{Path: os.Args[0], Args: []string{roleWord, "test-tree"}, Stdout: os.Stdout})
			if err != nil {
				fmt.Println(err)
				return 1
			}
			q.Wait()
		}
		p.Wait()
		return 0
	})
	Register("test-channel", func([]string) int {
		fd, _ := strconv.Atoi(os.Getenv(ChannelVariable))
		f := os.NewFile(uintptr(fd), "channel")
		line, _ := bufio.NewReader(f).ReadString('\n')
		_, _ = fmt.Fprintf(f, "got %s", line)
		return 0
	})
	if code, isRole := Dispatch(); isRole {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// hang never returns. An empty select would be found to be a deadlock.
func hang() int {
	for {
		time.Sleep(time.Hour)
	}
}

func role(name string, args ...string) Command {
	return Command{Path: os.Args[0], Args: append([]string{roleWord, name}, args...)}
}

// heard collects what a child prints and lets a test wait for words.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func newHeard() *heard { return &heard{more: make(chan struct{}, 1)} }

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	h.text.Write(p)
	h.mu.Unlock()
	select {
	case h.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func (h *heard) waitFor(t *testing.T, words string, times int) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for strings.Count(h.String(), words) < times {
		select {
		case <-h.more:
		case <-deadline:
			t.Fatalf("did not hear %q %d times, only %q", words, times, h.String())
		}
	}
	return h.String()
}

// pids returns the numbers of "pid N" lines.
func pids(t *testing.T, text string, want int) []int {
	t.Helper()
	var got []int
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(line, "pid "); ok {
			pid, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, pid)
		}
	}
	if len(got) != want {
		t.Fatalf("got %d processes, want %d: %q", len(got), want, text)
	}
	return got
}

func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return runtime.GOOS != "linux"
	}
	state, _ := parseState(string(stat))
	return state != "Z"
}

func parseState(stat string) (string, bool) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) == 0 {
		return "Z", false
	}
	return fields[0], true
}

// needsMarks skips what only Linux's /proc makes testable here.
func needsMarks(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("environments of processes are read from /proc here")
	}
}

func TestRole(t *testing.T) {
	for _, test := range []struct {
		name, role string
		o          RoleOptions
		want       string
		check      func(error) bool
	}{
		{"echo", "test-echo", RoleOptions{Stdin: []byte("hello")}, "hello", func(err error) bool { return err == nil }},
		{"no stdin", "test-echo", RoleOptions{}, "", func(err error) bool { return err == nil }},
		{"environment", "test-env", RoleOptions{Args: []string{"GOMEMLIMIT", "A"}, Env: []string{"A=1"}, MemoryLimit: 1 << 30}, "1073741824\n1\n", func(err error) bool { return err == nil }},
		{"exit code", "test-exit", RoleOptions{Args: []string{"3"}}, "", func(err error) bool {
			e, ok := errors.AsType[*ExitError](err)
			return ok && e.Code == 3 && e.Stderr == "first words\nlast words" && err.Error() == "role test-exit: exit code 3: last words"
		}},
		{"timeout", "test-hang", RoleOptions{Timeout: 50 * time.Millisecond}, "", func(err error) bool { return errors.Is(err, ErrTimeout) }},
		{"rss", "test-alloc", RoleOptions{Args: []string{"300", "stay"}, RSSLimit: 150 << 20}, "", func(err error) bool { return errors.Is(err, ErrMemory) }},
		{"output", "test-flood", RoleOptions{Args: []string{"100"}, MaxOutput: 4}, "xxxx", func(err error) bool { return errors.Is(err, ErrOutput) }},
		{"unknown", "test-none", RoleOptions{}, "", func(err error) bool { return err != nil && strings.Contains(err.Error(), "not registered") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := Role(t.Context(), test.role, test.o)
			if string(got) != test.want || !test.check(err) {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestRoleAddressSpace(t *testing.T) {
	if raceDetector || runtime.GOOS != "linux" {
		t.Skip("the limit does not apply here")
	}
	if _, err := Role(t.Context(), "test-alloc", RoleOptions{Args: []string{"200"}, AddressSpace: 6 << 30}); err != nil {
		t.Errorf("within the limit: %v", err)
	}
	if _, err := Role(t.Context(), "test-alloc", RoleOptions{Args: []string{"7000"}, AddressSpace: 6 << 30}); !errors.Is(err, ErrMemory) {
		t.Errorf("got %v, want ErrMemory", err)
	}
}

func TestRoleCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := Role(ctx, "test-hang", RoleOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := Role(ctx, "test-hang", RoleOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("started with a context that is done: got %v, want context.Canceled", err)
	}
}

func TestStartRole(t *testing.T) {
	r, err := StartRole("test-echo", RoleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(r.Stdout)
	for _, want := range []string{"one\n", "two\n"} {
		if _, err := io.WriteString(r.Stdin, want); err != nil {
			t.Fatal(err)
		}
		if got, err := lines.ReadString('\n'); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if err := errors.Join(r.Stdin.Close(), r.Wait(), r.Stdout.Close()); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestStartRoleKill(t *testing.T) {
	r, err := StartRole("test-hang", RoleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.Kill()
	if _, err := io.ReadAll(r.Stdout); err != nil {
		t.Errorf("stdout of a killed role: got %v, want its end", err)
	}
	_ = r.Stdin.Close()
	_ = r.Stdout.Close()
	if e, ok := errors.AsType[*ExitError](r.Wait()); !ok || e.Signal != syscall.SIGKILL {
		t.Errorf("got %v, want signal killed", e)
	}
}

func TestNotDispatched(t *testing.T) {
	dispatched.Store(false)
	defer dispatched.Store(true)
	if _, err := Role(t.Context(), "test-echo", RoleOptions{}); !errors.Is(err, errNoDispatch) {
		t.Errorf("role: got %v, want %v", err, errNoDispatch)
	}
	if _, err := Start(role("test-echo")); !errors.Is(err, errNoDispatch) {
		t.Errorf("start: got %v, want %v", err, errNoDispatch)
	}
}

func TestUnknownRole(t *testing.T) {
	_, err := Output(t.Context(), role("test-none"), 0)
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Code != 2 || !strings.Contains(e.Stderr, `no role "test-none"`) {
		t.Errorf("got %v", err)
	}
}

func TestStartFails(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		c    Command
		want error
	}{
		{"no such file", Command{Path: filepath.Join(dir, "none"), Channel: true, Stdout: io.Discard, Stdin: []byte("x")}, fs.ErrNotExist},
		{"not in PATH", Command{Path: "assetdev-no-such-program"}, exec.ErrNotFound},
		{"no such folder", Command{Path: os.Args[0], Dir: filepath.Join(dir, "none")}, fs.ErrNotExist},
		{"not executable", Command{Path: text}, fs.ErrPermission},
	} {
		if p, err := Start(test.c); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, %v, want %v", test.name, p, err, test.want)
		}
	}
}

func TestOutputEnvironment(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := role("test-env", "A", "B", "PWD", ChannelVariable)
	c.Dir, c.Env = dir, []string{"A=1", "B=2", "A=3", "=odd", "odd", ChannelVariable + "=9"}
	got, err := Output(t.Context(), c, 0)
	if want := "3\n2\n" + dir + "\n\n"; string(got) != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestExit(t *testing.T) {
	for _, code := range []int{0, 3} {
		p, err := Start(role("test-exit", strconv.Itoa(code)))
		if err != nil {
			t.Fatal(err)
		}
		e := p.Wait()
		if e.Code != code || e.Signal != 0 || e.LeftBehind != 0 || e.Cut || e.Stopped {
			t.Errorf("got %+v, want code %d and nothing else", e, code)
		}
		if e.MaxRSS < 1<<20 || e.User+e.System <= 0 {
			t.Errorf("got %d bytes and %v, want what it used", e.MaxRSS, e.User+e.System)
		}
	}
}

func TestOneWriterForBoth(t *testing.T) {
	c := role("test-exit", "0")
	h := newHeard()
	c.Stdout, c.Stderr = h, h
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.readers) != 1 {
		t.Errorf("got %d pipes, want 1", len(p.readers))
	}
	p.Wait()
	if got, want := h.String(), "first words\nlast words\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChannel(t *testing.T) {
	c := role("test-channel")
	c.Channel = true
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	channel := p.Channel()
	defer func() { _ = channel.Close() }()
	if err := channel.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(channel, "hello\n"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(channel)
	if string(got) != "got hello\n" || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, "got hello\n")
	}
	p.Wait()
}

func TestChannelDeadline(t *testing.T) {
	c := role("test-hang")
	c.Channel = true
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Channel().Close() }()
	if err := p.Channel().SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Channel().Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a passed deadline", err)
	}
	p.Kill()
}

func TestStopAsks(t *testing.T) {
	c := role("test-signals")
	h := newHeard()
	c.Stdout, c.Grace = h, Grace{Interrupt: 20 * time.Millisecond, Terminate: 20 * time.Second}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	h.waitFor(t, "ready", 1)
	e := p.Stop(t.Context())
	if got, want := h.String(), "ready\ninterrupt\nterminated\n"; got != want || e.Code != 7 || !e.Stopped {
		t.Errorf("got %q and %+v, want %q and code 7", got, e, want)
	}
	if again := p.Stop(t.Context()); again != e {
		t.Errorf("second stop: got %+v, want %+v", again, e)
	}
}

func TestStopKillsTree(t *testing.T) {
	needsMarks(t)
	c := role("test-tree")
	h := newHeard()
	c.Stdout, c.Grace = h, Grace{Interrupt: 10 * time.Millisecond, Terminate: 10 * time.Millisecond}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	all := pids(t, h.waitFor(t, "ready", 1), 3)
	e := p.Stop(t.Context())
	if !e.Stopped || e.LeftBehind == 0 {
		t.Errorf("got %+v, want stopped and something left behind", e)
	}
	for _, pid := range all {
		if alive(pid) {
			t.Errorf("process %d of %d outlived Stop", pid, all)
		}
	}
}

func TestStopWithDoneContextKills(t *testing.T) {
	c := role("test-stubborn")
	h := newHeard()
	c.Stdout, c.Grace = h, Grace{Interrupt: time.Hour, Terminate: time.Hour}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	h.waitFor(t, "pid", 1)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if e := p.Stop(ctx); e.Signal != syscall.SIGKILL {
		t.Errorf("got %v, want signal killed", e)
	}
}

// A child that ends and leaves others behind that hold its output must neither hang us nor leave them.
func TestLeftBehind(t *testing.T) {
	needsMarks(t)
	c := role("test-tree", "5")
	h := newHeard()
	c.Stdout, c.Stderr, c.Drain = h, io.Discard, 50*time.Millisecond
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	e := p.Wait()
	if e.Code != 5 || e.LeftBehind != 2 || e.Stopped || e.Cut {
		t.Errorf("got %+v, want code 5 and 2 left behind", e)
	}
	for _, pid := range pids(t, h.String(), 3) {
		if alive(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
}

// When this process is killed, its supervisor ends everything, also after the first supervisor was killed too.
func TestParentKilled(t *testing.T) {
	needsMarks(t)
	for _, test := range []struct {
		name  string
		env   string
		trees int
	}{{"supervised", "A=1", 1}, {"supervisor killed before", "TEST_KILL_SUPERVISOR=1", 2}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// Not by Start, which would clean up itself.
			parent := exec.Command(os.Args[0], roleWord, "test-parent")
			parent.Env = append(os.Environ(), test.env)
			out, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			lines := bufio.NewScanner(out)
			for ready := 0; ready < test.trees && lines.Scan(); {
				text.WriteString(lines.Text() + "\n")
				if lines.Text() == "ready" {
					ready++
				}
			}
			all := pids(t, text.String(), 3*test.trees)
			for _, pid := range all {
				if !alive(pid) {
					t.Fatalf("process %d is not there yet", pid)
				}
			}
			begin := time.Now()
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait()
			for _, pid := range all {
				for alive(pid) {
					if time.Since(begin) > 20*time.Second {
						t.Fatalf("process %d of %d outlived its assetdev", pid, all)
					}
					runtime.Gosched()
				}
			}
			t.Logf("all gone after %v", time.Since(begin).Round(time.Millisecond))
		})
	}
}

func TestMarked(t *testing.T) {
	for _, test := range []struct {
		environ string
		want    bool
	}{
		{"", false},
		{"A=1\x00ASSETDEV_MARK=aa.bb\x00B=2\x00", true},
		{"ASSETDEV_MARK=bb\x00", true},
		{"ASSETDEV_MARK=abb\x00", false},
		{"X=ASSETDEV_MARK=bb\x00", false},
		{"OTHER=bb\x00", false},
	} {
		if got := marked(test.environ, "bb"); got != test.want {
			t.Errorf("%q: got %v, want %v", test.environ, got, test.want)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p, err := Start(Command{Path: "true"})
		if err != nil {
			b.Fatal(err)
		}
		p.Wait()
	}
}
