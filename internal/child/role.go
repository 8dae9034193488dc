package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// roleWord is the first argument of a process that plays a role.
const roleWord = "_assetdev"

// addressSpaceVariable carries RoleOptions.AddressSpace to the role, which limits itself.
const addressSpaceVariable = "ASSETDEV_ROLE_AS"

var (
	// ErrTimeout is wrapped by the errors of a role or command that took longer than its timeout.
	ErrTimeout = errors.New("timed out")
	// ErrMemory is wrapped by the errors of a role that reached one of its memory limits.
	ErrMemory = errors.New("out of memory")
	// ErrOutput is wrapped by the errors of a role or command that printed more than its limit.
	ErrOutput = errors.New("too much output")

	errNoDispatch = errors.New("child.Dispatch was not called in this process (a test binary needs a TestMain that calls it)")
)

// An ExitError says that a role or command ended with a code other than 0 or by a signal.
type ExitError struct {
	Name string
	Exit
	Stderr string // the last lines, without a final newline
}

// Error returns "NAME: exit code 3: last line of stderr".
func (e *ExitError) Error() string {
	text := e.Name + ": " + e.String()
	if last := strings.TrimSpace(e.Stderr[strings.LastIndexByte(e.Stderr, '\n')+1:]); last != "" {
		text += ": " + last
	}
	return text
}

var (
	roles      = map[string]func(args []string) int{"supervisor": supervise}
	dispatched atomic.Bool
)

// Register names a role: what a process of our own binary does instead of its usual work. It is called before Dispatch, from
// one goroutine. It panics when the name is taken.
func Register(name string, run func(args []string) int) {
	if _, taken := roles[name]; taken {
		panic("child: role " + name + " registered twice")
	}
	roles[name] = run
}

// IsRole reports whether this process was started to play a role, which [Dispatch] does.
func IsRole() bool { return len(os.Args) >= 3 && os.Args[1] == roleWord }

// Dispatch plays the role that this process was started for, and returns its exit code and true; the caller then exits. It returns false
// in a process that plays none. Main calls it before it looks at flags or the terminal, and so does each TestMain of a package
// whose tests start processes:
//
//	func TestMain(m *testing.M) {
//		if code, isRole := child.Dispatch(); isRole {
//			os.Exit(code)
//		}
//		m.Run()
//	}
func Dispatch() (code int, isRole bool) {
	dispatched.Store(true)
	if !IsRole() {
		return 0, false
	}
	run, ok := roles[os.Args[2]]
	if !ok {
		fmt.Fprintf(os.Stderr, "assetdev: no role %q in this program; roles: %s\n", os.Args[2], strings.Join(slices.Sorted(maps.Keys(roles)), ", "))
		return 2, true
	}
	if text := os.Getenv(addressSpaceVariable); text != "" {
		_ = os.Unsetenv(addressSpaceVariable)
		limit, err := strconv.ParseUint(text, 10, 63)
		if err == nil && !raceDetector { // the race detector maps terabytes
			err = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit})
		}
		if err != nil && runtime.GOOS == "linux" {
			fmt.Fprintf(os.Stderr, "assetdev: limit address space to %s bytes: %v\n", text, err)
			return 2, true
		}
	}
	return run(os.Args[3:]), true
}

// RoleOptions are the input and the limits of a role. Zero limits nothing.
type RoleOptions struct {
	Args  []string
	Stdin []byte   // Role only
	Env   []string // added to the environment of this process
	// MemoryLimit is GOMEMLIMIT in bytes: the garbage collector works harder near it.
	MemoryLimit int64
	// AddressSpace is RLIMIT_AS in bytes: allocations beyond it fail. Less than 4 GiB does not suit a Go program. Not under the
	// race detector, and not enforced by macOS.
	AddressSpace int64
	// RSSLimit is the resident memory in bytes at which the role is killed.
	RSSLimit int64
	// Timeout is how long the role may live.
	Timeout time.Duration
	// MaxOutput is how many bytes Role accepts from stdout; 0 is 64 MiB.
	MaxOutput int
}

const defaultMaxOutput = 64 << 20

// Role runs a role of our own binary to its end and returns what it printed to stdout. The error wraps [ErrTimeout],
// [ErrMemory], [ErrOutput], the context's error, or is an [*ExitError]; what was printed until then is returned with it.
func Role(ctx context.Context, name string, o RoleOptions) ([]byte, error) {
	command, err := roleCommand(name, o)
	if err != nil {
		return nil, err
	}
	command.Stdin = o.Stdin
	return collect(ctx, "role "+name, command, ends{role: true}, o)
}

// Output runs a command to its end and returns what it printed to stdout, at most maxOutput bytes (0 is 64 MiB). Command.Stdout and
// Command.Stderr are not used. The error wraps [ErrOutput], the context's error, what [Start] says, or is an [*ExitError].
// When ctx is done the command is stopped as Command.Grace says.
func Output(ctx context.Context, c Command, maxOutput int) ([]byte, error) {
	return collect(ctx, c.Path, c, ends{}, RoleOptions{MaxOutput: maxOutput})
}

func roleCommand(name string, o RoleOptions) (Command, error) {
	if _, ok := roles[name]; !ok {
		return Command{}, fmt.Errorf("role %s: not registered", name)
	}
	path, err := ownBinary()
	if err != nil {
		return Command{}, fmt.Errorf("role %s: %w", name, err)
	}
	env := append(os.Environ(), o.Env...)
	if o.MemoryLimit > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(o.MemoryLimit, 10))
	}
	if o.AddressSpace > 0 {
		env = append(env, addressSpaceVariable+"="+strconv.FormatInt(o.AddressSpace, 10))
	}
	return Command{Path: path, Args: append([]string{roleWord, name}, o.Args...), Env: env}, nil
}

// ownBinary returns a path that executes the program of this very process, also when its file was replaced meanwhile.
func ownBinary() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

func collect(ctx context.Context, name string, c Command, e ends, o RoleOptions) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if o.MaxOutput == 0 {
		o.MaxOutput = defaultMaxOutput
	}
	over := make(chan struct{})
	out := &limited{max: o.MaxOutput, over: over}
	tail, err := stderrTail()
	if err != nil {
		return nil, err
	}
	c.Stdout, c.Stderr = out, tail.Stream("stderr")
	p, err := start(c, e)
	if err != nil {
		return nil, err
	}
	cause := watch(ctx, p, o, over)
	if cause == nil {
		out.mu.Lock()
		if out.full {
			cause = ErrOutput
		}
		out.mu.Unlock()
	}
	return out.buf.Bytes(), verdict(name, p.Wait(), cause, tail)
}

// watch waits for the process and ends it when it passes a limit, which it then returns.
func watch(ctx context.Context, p *Process, o RoleOptions, over <-chan struct{}) error {
	var timeout, tick <-chan time.Time
	if o.Timeout > 0 {
		timer := time.NewTimer(o.Timeout)
		defer timer.Stop()
		timeout = timer.C
	}
	if o.RSSLimit > 0 {
		ticker := time.NewTicker(rssInterval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-p.Done():
			return nil
		case <-ctx.Done():
			// Roles hold nothing that is worth being asked for politely; commands may.
			if p.mark == "" {
				p.Kill()
			} else {
				p.Stop(context.WithoutCancel(ctx))
			}
			return ctx.Err()
		case <-timeout:
			p.Kill()
			return ErrTimeout
		case <-over:
			p.Kill()
			return ErrOutput
		case <-tick:
			if rss(p.PID()) > o.RSSLimit {
				p.Kill()
				return ErrMemory
			}
		}
	}
}

// outOfMemory are the words with which Go, C and C++ programs die of a limit.
var outOfMemory = []string{"out of memory", "cannot allocate", "bad_alloc", "failed to reserve", "Cannot allocate memory", "pthread_create failed"}

func verdict(name string, exit Exit, cause error, tail *Ring) error {
	if cause != nil {
		return fmt.Errorf("%s: %w", name, cause)
	}
	if exit.Code == 0 {
		return nil
	}
	failed := &ExitError{Name: name, Exit: exit, Stderr: tailText(tail)}
	for _, words := range outOfMemory {
		if strings.Contains(failed.Stderr, words) {
			return fmt.Errorf("%w: %w", ErrMemory, failed)
		}
	}
	return failed
}

func stderrTail() (*Ring, error) { return NewRing(RingOptions{MaxBytes: 64 << 10, MaxLines: 1000}) }

func tailText(r *Ring) string {
	lines, _, _ := r.Since(0, 0)
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.Text
	}
	return strings.Join(texts, "\n")
}

// limited keeps what is written up to max bytes and closes over when there is more.
type limited struct {
	max  int
	over chan struct{}

	mu   sync.Mutex
	buf  bytes.Buffer // read by others only after the process has ended
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := min(l.max-l.buf.Len(), len(p))
	l.buf.Write(p[:room])
	if room < len(p) && !l.full {
		l.full = true
		close(l.over)
	}
	return len(p), nil
}

// A RoleProcess is a role that lives on and is talked to, by JSON lines or whatever the two sides agree on.
type RoleProcess struct {
	// Stdin is written to by the caller; closing it asks the role to end.
	Stdin io.WriteCloser
	// Stdout is read and closed by the caller. It ends when the role does.
	Stdout io.ReadCloser

	name    string
	process *Process
	tail    *Ring
	watched chan struct{}
	cause   error // valid once watched is closed
}

// StartRole starts a role of our own binary that is talked to by its stdin and stdout. RoleOptions.Stdin and MaxOutput are not used. The
// caller must call Wait, after closing Stdin or Kill.
func StartRole(name string, o RoleOptions) (*RoleProcess, error) {
	command, err := roleCommand(name, o)
	if err != nil {
		return nil, err
	}
	tail, err := stderrTail()
	if err != nil {
		return nil, err
	}
	command.Stderr = tail.Stream("stderr")
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("role %s: %w", name, err)
	}
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		_, _ = theirIn.Close(), ourIn.Close()
		return nil, fmt.Errorf("role %s: %w", name, err)
	}
	growPipe(ourOut)
	p, err := start(command, ends{stdin: theirIn, stdout: theirOut, role: true})
	if err != nil {
		_, _ = ourIn.Close(), ourOut.Close()
		return nil, err
	}
	r := &RoleProcess{Stdin: ourIn, Stdout: ourOut, name: "role " + name, process: p, tail: tail, watched: make(chan struct{})}
	go func() { // Wait waits for it
		defer close(r.watched)
		r.cause = watch(context.Background(), p, o, nil)
	}()
	return r, nil
}

// Done is closed when the role has ended.
func (r *RoleProcess) Done() <-chan struct{} { return r.process.Done() }

// PID returns the process number.
func (r *RoleProcess) PID() int { return r.process.PID() }

// Kill ends the role at once and waits for its end.
func (r *RoleProcess) Kill() { r.process.Kill() }

// Wait waits for the end of the role. The errors are those of [Role].
func (r *RoleProcess) Wait() error {
	<-r.watched
	return verdict(r.name, r.process.Wait(), r.cause, r.tail)
}
