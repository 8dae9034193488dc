package child

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The supervisor is a role that outlives us by the moment it takes to clean up. It reads a pipe, the lifeline, whose write end
// only this process holds, so that however we end, also by SIGKILL, it sees the end of the pipe. Over the same pipe it is told
// of each process group: "+PID" when it starts, "-PID" when all of it has ended. Groups started in the instant before we die, and processes
// that left their group, are found by the session's mark in their environment.
//
// It is in a session of its own, holds none of our files or folders, takes no notice of the signals that a terminal sends, and carries no
// mark of an outer assetdev, whose clean-up must not end it before it has done its own.

// guards is this process's side of its supervisor.
var guards guardian

type guardian struct {
	mu       sync.Mutex
	lifeline *os.File // held here so that it is not closed by the garbage collector
	proc     *os.Process
	groups   map[int]bool
}

// start runs a function that starts a process and returns its number, and tells the supervisor, which it starts first when there is none.
func (g *guardian) start(begin func() (int, error)) error {
	g.mu.Lock()
	err := g.ensure()
	g.mu.Unlock()
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	pid, err := begin()
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.groups[pid] = true
	g.tell("+", pid)
	return nil
}

// end says that all of a process group has ended.
func (g *guardian) end(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.groups, pid)
	g.tell("-", pid)
}

// tell writes one line, and starts another supervisor when the one we had is gone. g.mu is held.
func (g *guardian) tell(sign string, pid int) {
	if _, err := fmt.Fprintf(g.lifeline, "%s%d\n", sign, pid); err == nil {
		return
	}
	_ = g.lifeline.Close()
	_, _ = g.proc.Wait()
	g.lifeline = nil
	_ = g.ensure() // it tells all groups; when it fails the next start reports it
}

// ensure starts a supervisor when there is none and tells it of the groups there are. g.mu is held.
func (g *guardian) ensure() error {
	if g.groups == nil {
		g.groups = map[int]bool{}
	}
	if g.lifeline != nil {
		return nil
	}
	self, err := ownBinary()
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	env := []string{"GOMAXPROCS=1"}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, MarkVariable+"=") && !strings.HasPrefix(e, "GOMAXPROCS=") {
			env = append(env, e)
		}
	}
	g.proc, err = os.StartProcess(self, []string{os.Args[0], roleWord, "supervisor", session}, &os.ProcAttr{
		Dir: "/", Env: env, Files: []*os.File{r, null, null}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		_ = w.Close()
		return err
	}
	g.lifeline = w
	for pid := range g.groups {
		if _, err := fmt.Fprintf(w, "+%d\n", pid); err != nil {
			return err
		}
	}
	return nil
}

// supervise is the role.
func supervise(args []string) int {
	if len(args) != 1 {
		return 2
	}
	// Not signal.Ignore: that is inherited by children.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGTSTP)
	groups := map[int]bool{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		pid, err := strconv.Atoi(strings.TrimLeft(lines.Text(), "+-"))
		if err != nil || pid <= 1 {
			continue
		}
		if strings.HasPrefix(lines.Text(), "+") {
			groups[pid] = true
		} else {
			delete(groups, pid)
		}
	}
	left := make([]int, 0, len(groups))
	for pid := range groups {
		left = append(left, pid)
	}
	endLeftovers(left, args[0], leftoverGrace)
	return 0
}

// endLeftovers terminates, and after the patience kills, the living processes of the groups and those that carry the mark. It returns how
// many there were. It gives up after two seconds on what cannot be killed.
func endLeftovers(groups []int, mark string, patience time.Duration) int {
	left := leftovers(groups, mark)
	found := len(left)
	send := func(s syscall.Signal) {
		for _, pid := range left {
			_ = syscall.Kill(pid, s)
		}
	}
	send(syscall.SIGTERM)
	for end := time.Now().Add(patience); len(left) > 0 && time.Now().Before(end); left = leftovers(groups, mark) {
		time.Sleep(5 * time.Millisecond)
	}
	for end := time.Now().Add(2 * time.Second); len(left) > 0 && time.Now().Before(end); left = leftovers(groups, mark) {
		send(syscall.SIGKILL)
		time.Sleep(2 * time.Millisecond)
	}
	return found
}

// leftovers returns the living processes, not zombies and not ourselves, that are in one of the groups or carry the mark ("" is none).
func leftovers(groups []int, mark string) []int {
	var there []int
	for _, g := range groups {
		if err := syscall.Kill(-g, 0); err == nil || err == syscall.EPERM {
			there = append(there, g)
		}
	}
	if len(there) == 0 && mark == "" {
		return nil
	}
	return processes(there, mark)
}

// marked says whether the block of NUL-terminated entries holds our variable with the mark among its tokens.
func marked(environ, mark string) bool {
	for entry := range strings.SplitSeq(environ, "\x00") {
		if value, ok := strings.CutPrefix(entry, MarkVariable+"="); ok {
			for t := range strings.SplitSeq(value, ".") {
				if t == mark {
					return true
				}
			}
		}
	}
	return false
}
