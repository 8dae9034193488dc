package child

import (
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rssInterval is how often the memory of a role is looked at; it costs a process each time.
const rssInterval = 250 * time.Millisecond

// zombie is SZOMB of <sys/proc.h>.
const zombie = 5

// processes returns the living processes, without ourselves, of the groups or with the mark ("" is none).
func processes(groups []int, mark string) []int {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.uid", os.Getuid())
	if err != nil {
		return nil
	}
	var found []int
	for _, info := range all {
		pid := int(info.Proc.P_pid)
		if pid == os.Getpid() || info.Proc.P_stat == zombie {
			continue
		}
		if slices.Contains(groups, int(info.Eproc.Pgid)) || mark != "" && marked(arguments(pid), mark) {
			found = append(found, pid)
		}
	}
	return found
}

// arguments returns the NUL-terminated arguments and environment of a process, "" when they cannot be read.
func arguments(pid int) string {
	raw, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil || len(raw) < 4 {
		return ""
	}
	count := int(binary.LittleEndian.Uint32(raw))
	// The path of the program and its padding come first, then the arguments, then the environment.
	_, rest, _ := strings.Cut(string(raw[4:]), "\x00")
	rest = strings.TrimLeft(rest, "\x00")
	for range count {
		_, rest, _ = strings.Cut(rest, "\x00")
	}
	return rest
}

// rss returns the resident memory of a process in bytes, 0 when it has ended.
func rss(pid int) int64 {
	r, w, err := os.Pipe()
	if err != nil {
		return 0
	}
	defer func() { _ = r.Close() }()
	ps, err := os.StartProcess("/bin/ps", []string{"ps", "-o", "rss=", "-p", strconv.Itoa(pid)}, &os.ProcAttr{Files: []*os.File{nil, w, nil}})
	_ = w.Close()
	if err != nil {
		return 0
	}
	buf := make([]byte, 64)
	n, _ := r.Read(buf)
	_, _ = ps.Wait()
	kib, _ := strconv.ParseInt(strings.TrimSpace(string(buf[:n])), 10, 64)
	return kib << 10
}

func maxRSS(usage *syscall.Rusage) int64 { return usage.Maxrss }

// growPipe does nothing: pipes grow by themselves here.
func growPipe(*os.File) {}

func socketpair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_, _ = unix.Close(fds[0]), unix.Close(fds[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel"), nil
}
