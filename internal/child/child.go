// Package child starts and ends processes. It is the only package of assetdev that does.
//
// The nouns: a [Command] says what to start, a [Process] is one started child with everything it started in turn, a role is a
// child of our own binary (see [Register] and [Role]), and a [Ring] keeps what a child prints in bounded memory.
//
// Invariants:
//
//	(a) When [Process.Wait] or [Process.Stop] returns, the child, its process group and, by a marker in their environment,
//	    those who left the group have ended.
//	(b) When assetdev itself is killed, a small supervisor process that holds the other end of a pipe notices and ends all
//	    that was started. See supervisor.go.
//	(c) A child never waits for us to read: its output is read as fast as it comes and kept or dropped.
//	(d) No process is started before [Dispatch] was called, so that a binary which does not dispatch roles cannot start itself
//	    over and over.
//
// Deliberately absent: shells, terminals (pty), Windows, and retries. No compatibility promise.
package child

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// MarkVariable names the environment variable by which the processes of a child are recognised. Its value is a list of
// tokens joined with dots; each level of starting adds its own, so that a child of a child carries the marks of both.
const MarkVariable = "ASSETDEV_MARK"

// ChannelVariable names the environment variable that holds the number of the channel's file descriptor in the child.
const ChannelVariable = "ASSETDEV_FD"

// How long the parts of ending a process take when a Command does not say.
const (
	defaultInterrupt = 2 * time.Second
	defaultTerminate = 3 * time.Second
	defaultDrain     = 2 * time.Second
	leftoverGrace    = 200 * time.Millisecond
)

// A Command says what to start and how.
type Command struct {
	// Path is the program. Without a slash it is looked up in the PATH of this process; a relative path with one is relative
	// to Dir.
	Path string
	// Args are the arguments without the program's name.
	Args []string
	// Dir is the working directory; "" is that of this process.
	Dir string
	// Env is the whole environment as "NAME=value", later entries win; nil is the environment of this process.
	Env []string
	// Stdin is what the child can read; nil is the null device.
	Stdin []byte
	// Stdout and Stderr receive what the child prints, each from one goroutine; nil discards. They must not block, as the
	// child waits while they do. When both are equal they share one pipe. A writer with a method Flush() gets that call at the end. See [Ring.Stream].
	Stdout, Stderr io.Writer
	// Channel gives the child a socket as file descriptor 3, whose number is in [ChannelVariable]. The other end is
	// [Process.Channel].
	Channel bool
	// Grace is how long [Process.Stop] is patient.
	Grace Grace
	// Marker is the token that marks the child's processes, of letters and digits; "" makes a random one.
	Marker string
	// Drain is how long output is read after the child itself ended while something it left behind holds its output open; 0 is two seconds.
	Drain time.Duration
}

// A Grace is how long a process may take to end. Zero values are two seconds after an interrupt and three after a terminate; a
// negative value leaves the step out.
type Grace struct{ Interrupt, Terminate time.Duration }

// An Exit is how a process ended and what it used. User, System and MaxRSS cover the child and those of its own children it
// waited for.
type Exit struct {
	Code         int            // -1 when a signal ended it
	Signal       syscall.Signal // 0 when none did
	User, System time.Duration
	MaxRSS       int64 // bytes
	LeftBehind   int   // processes that outlived the child and were ended by us
	Cut          bool  // output was still held open when we stopped reading
	Unseen       bool  // it ended, but who started it could not tell how: Code and Signal are 0
	Stopped      bool  // Stop or Kill was called before it ended
}

// String returns "exit code 3" or "signal killed".
func (e Exit) String() string {
	if e.Unseen {
		return "an exit code that nobody saw"
	}
	if e.Signal != 0 {
		return "signal " + e.Signal.String()
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// A Process is a started child. All methods may be called from any goroutine and overlap.
type Process struct {
	pid     int
	wait    func() Exit // waits for the child itself
	channel *os.File
	mark    string // "" for roles: they leave nothing behind that is not in their group
	grace   Grace
	drain   time.Duration

	copies  sync.WaitGroup // readers of stdout and stderr, writer of stdin
	readers []*os.File
	flush   []io.Writer

	stopped atomic.Bool
	stop    chan struct{} // closed by the first Stop or Kill
	once    sync.Once

	mu     sync.Mutex
	reaped bool // the group may no longer be signalled by its number alone

	done chan struct{} // closed when exit is final
	exit Exit
}

// Start starts the command in a process group of its own. The caller must call Wait or Stop. The error wraps
// fs.ErrNotExist or exec.ErrNotFound when there is no such program or folder.
func Start(c Command) (*Process, error) { return start(c, ends{}) }

// StartBy starts the command by asking another process, a fork server, for it. begin gets the whole environment and the files that become
// standard input, output, error and, with Command.Channel, the channel; it must hand them over before it returns, and return the number of the
// new process, which leads a group of its own, and a function that waits for its end. Path and Args are for messages only, and
// Dir is begin's business.
func StartBy(c Command, begin func(env []string, files []*os.File) (pid int, wait func() Exit, err error)) (*Process, error) {
	return start(c, ends{begin: begin})
}

// WaitGone waits until a process that is no child of this one has ended.
func WaitGone(pid int) {
	for pause := time.Millisecond; len(leftovers([]int{pid}, "")) > 0; pause = min(2*pause, 100*time.Millisecond) {
		time.Sleep(pause)
	}
}

// ends are the standard files of a child whose other sides belong to somebody else. start closes them.
type ends struct {
	stdin, stdout *os.File
	role          bool
	begin         func(env []string, files []*os.File) (pid int, wait func() Exit, err error) // nil executes Command.Path
}

func (e ends) close() {
	for _, f := range []*os.File{e.stdin, e.stdout} {
		if f != nil {
			_ = f.Close()
		}
	}
}

func start(c Command, given ends) (p *Process, err error) {
	if !dispatched.Load() {
		given.close()
		return nil, fmt.Errorf("start %s: %w", c.Path, errNoDispatch)
	}
	path := c.Path
	if given.begin == nil && filepath.Base(path) == path {
		if path, err = exec.LookPath(c.Path); err != nil {
			given.close()
			return nil, fmt.Errorf("start %s: %w", c.Path, err)
		}
	}
	p = &Process{grace: c.Grace, drain: c.Drain, stop: make(chan struct{}), done: make(chan struct{})}
	if p.drain == 0 {
		p.drain = defaultDrain
	}
	mark := c.Marker
	if mark == "" {
		mark = token()
	}
	if !given.role {
		p.mark = mark
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	env = environ(env, mark, c.Dir, c.Channel)

	// The child's ends of everything are closed here whether or not it starts, ours when it does not.
	var theirs, ours []*os.File
	defer func() {
		for _, f := range theirs {
			_ = f.Close()
		}
		if err != nil {
			for _, f := range ours {
				_ = f.Close()
			}
		}
	}()
	var jobs []func()
	stdin := given.stdin
	switch {
	case stdin != nil:
	case c.Stdin == nil:
		if stdin, err = os.Open(os.DevNull); err != nil {
			return nil, fmt.Errorf("start %s: %w", c.Path, err)
		}
	default:
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", c.Path, err)
		}
		stdin = r
		ours = append(ours, w)
		jobs = append(jobs, func() {
			_, _ = w.Write(c.Stdin) // a child that does not read all of it is no error
			_ = w.Close()
		})
		p.readers = append(p.readers, w) // closed with them, so that the writer cannot outlive the child
	}
	theirs = append(theirs, stdin)
	output := func(to io.Writer) (*os.File, error) {
		if to == nil {
			return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		}
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		growPipe(r)
		ours, p.readers, p.flush = append(ours, r), append(p.readers, r), append(p.flush, to)
		jobs = append(jobs, func() { pump(to, r) })
		return w, nil
	}
	stdout := given.stdout
	if stdout == nil {
		if stdout, err = output(c.Stdout); err != nil {
			return nil, fmt.Errorf("start %s: %w", c.Path, err)
		}
	}
	theirs = append(theirs, stdout)
	stderr := stdout
	if given.stdout != nil || !same(c.Stdout, c.Stderr) {
		if stderr, err = output(c.Stderr); err != nil {
			return nil, fmt.Errorf("start %s: %w", c.Path, err)
		}
		theirs = append(theirs, stderr)
	}
	files := []*os.File{stdin, stdout, stderr}
	if c.Channel {
		our, their, err := socketpair()
		if err != nil {
			return nil, fmt.Errorf("start %s: channel: %w", c.Path, err)
		}
		p.channel = our
		ours, theirs, files = append(ours, our), append(theirs, their), append(files, their)
	}

	begin := given.begin
	if begin == nil {
		args := append([]string{c.Path}, c.Args...)
		if given.role {
			args[0] = os.Args[0]
		}
		begin = func(env []string, files []*os.File) (int, func() Exit, error) {
			return execute(path, args, c.Dir, env, files, &syscall.SysProcAttr{Setpgid: true})
		}
	}
	if err := guards.start(func() (int, error) {
		p.pid, p.wait, err = begin(env, files)
		return p.pid, err
	}); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	for _, job := range jobs {
		p.copies.Go(job)
	}
	go p.finish() // Wait waits for it
	return p, nil
}

// execute starts a program in a process group of its own.
func execute(path string, args []string, dir string, env []string, files []*os.File, sys *syscall.SysProcAttr) (int, func() Exit, error) {
	attr := &os.ProcAttr{Dir: dir, Env: env, Files: files, Sys: sys}
	proc, err := os.StartProcess(path, args, attr)
	for try := 0; err != nil && errors.Is(err, syscall.ETXTBSY) && try < 5; try++ {
		// Another thread of ours forked while the program was being written (golang/go#22315).
		time.Sleep(time.Duration(1<<try) * time.Millisecond)
		proc, err = os.StartProcess(path, args, attr)
	}
	if err != nil {
		return 0, nil, err
	}
	return proc.Pid, func() Exit {
		state, err := proc.Wait()
		if err != nil {
			return Exit{Code: -1}
		}
		return exitOf(state)
	}, nil
}

// environ returns the environment of a child: the later of two equal names wins, and ours are added.
func environ(env []string, mark, dir string, channel bool) []string {
	at := map[string]int{}
	var out []string
	set := func(name, entry string) {
		if i, ok := at[name]; ok {
			out[i] = entry
			return
		}
		at[name] = len(out)
		out = append(out, entry)
	}
	for _, e := range env {
		if name, _, ok := strings.Cut(e, "="); ok && name != "" {
			set(name, e)
		}
	}
	marks := []string{session, mark}
	if outer := os.Getenv(MarkVariable); outer != "" {
		marks = append([]string{outer}, marks...)
	}
	set(MarkVariable, MarkVariable+"="+strings.Join(marks, "."))
	if dir != "" {
		set("PWD", "PWD="+dir)
	}
	if channel {
		set(ChannelVariable, ChannelVariable+"=3")
	} else if i, ok := at[ChannelVariable]; ok {
		out = append(out[:i], out[i+1:]...) // the last change: places are wrong from here on
	}
	return out
}

// PID returns the child's process number, which is also that of its group.
func (p *Process) PID() int { return p.pid }

// Channel returns our end of the socket, or nil without Command.Channel. Deadlines work. The caller closes it.
func (p *Process) Channel() *os.File { return p.channel }

// Done is closed when everything has ended and all output was handed over.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits until everything has ended and all output was handed over.
func (p *Process) Wait() Exit {
	<-p.done
	return p.exit
}

// Stop ends the process: it interrupts the group (SIGINT), terminates it (SIGTERM), and kills it (SIGKILL), waiting between
// these as Command.Grace says. When ctx is done it kills at once. It returns when everything has ended.
func (p *Process) Stop(ctx context.Context) Exit {
	p.stopping()
	for _, step := range []struct {
		signal  syscall.Signal
		patient time.Duration
		usual   time.Duration
	}{
		{syscall.SIGINT, p.grace.Interrupt, defaultInterrupt},
		{syscall.SIGTERM, p.grace.Terminate, defaultTerminate},
	} {
		if step.patient == 0 {
			step.patient = step.usual
		}
		if step.patient < 0 || ctx.Err() != nil {
			continue
		}
		p.Signal(step.signal)
		timer := time.NewTimer(step.patient)
		select {
		case <-p.done:
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return p.Kill()
}

// Kill ends the process group at once and waits until everything has ended.
func (p *Process) Kill() Exit {
	p.stopping()
	p.Signal(syscall.SIGKILL)
	return p.Wait()
}

// Signal sends a signal to the process group while the child itself has not ended.
func (p *Process) Signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.pid, s) // ESRCH: it is ending
	}
}

func (p *Process) stopping() {
	p.once.Do(func() {
		select {
		case <-p.done:
		default:
			p.stopped.Store(true)
		}
		close(p.stop)
	})
}

// finish waits for the child, then for its output, then ends what it left behind.
func (p *Process) finish() {
	p.exit = p.wait()
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()

	read := make(chan struct{})
	go func() { // ends when the readers do, at the latest when their files are closed below
		p.copies.Wait()
		close(read)
	}()
	drained := func(patient time.Duration, stop <-chan struct{}) bool {
		timer := time.NewTimer(patient)
		defer timer.Stop()
		select {
		case <-read:
			return true
		case <-stop:
		case <-timer.C:
		}
		return false
	}
	drained(p.drain, p.stop)
	p.exit.LeftBehind = endLeftovers([]int{p.pid}, p.mark, leftoverGrace)
	if !drained(leftoverGrace, nil) {
		p.exit.Cut = true
		for _, r := range p.readers {
			_ = r.Close()
		}
		<-read
	}
	for _, r := range p.readers {
		_ = r.Close()
	}
	for _, w := range p.flush {
		if f, ok := w.(interface{ Flush() }); ok {
			f.Flush()
		}
	}
	p.exit.Stopped = p.stopped.Load()
	guards.end(p.pid)
	close(p.done)
}

func exitOf(state *os.ProcessState) Exit {
	e := Exit{Code: state.ExitCode(), User: state.UserTime(), System: state.SystemTime()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = status.Signal()
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		e.MaxRSS = maxRSS(usage)
	}
	return e
}

// pump copies what comes until the end of the stream, whatever to says: a child must not wait.
func pump(to io.Writer, from *os.File) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func same(a, b io.Writer) (equal bool) {
	defer func() { _ = recover() }() // writers of types that cannot be compared differ
	return a != nil && a == b
}

// session marks everything that this process starts.
var session = token()

func token() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // does not fail
	return hex.EncodeToString(b[:])
}
