package child

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rssInterval is how often the memory of a role is looked at.
const rssInterval = 20 * time.Millisecond

// processes returns the living processes, without ourselves, of the groups or with the mark ("" is none).
func processes(groups []int, mark string) []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	names, _ := proc.Readdirnames(-1)
	_ = proc.Close()
	var found []int
	self := os.Getpid()
	buf := make([]byte, 16<<10)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == self {
			continue
		}
		ours := false
		if mark != "" {
			// A zombie's environment is empty, that of another user cannot be opened.
			var n int
			if n, buf = readProc("/proc/"+name+"/environ", buf); n > 0 && bytes.Contains(buf[:n], []byte(mark)) {
				ours = marked(string(buf[:n]), mark)
			}
		}
		if !ours && len(groups) > 0 {
			var n int
			n, buf = readProc("/proc/"+name+"/stat", buf)
			state, group := parseStat(string(buf[:n]))
			ours = slices.Contains(groups, group) && state != 'Z' && state != 'X'
		}
		if ours {
			found = append(found, pid)
		}
	}
	return found
}

// parseStat returns the state and the process group of a /proc/PID/stat line, whose second field is a name that may hold
// anything.
func parseStat(line string) (state byte, group int) {
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 3 {
		return 'X', 0
	}
	group, _ = strconv.Atoi(fields[2])
	return fields[0][0], group
}

func readProc(path string, buf []byte) (int, []byte) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, buf
	}
	defer func() { _ = unix.Close(fd) }()
	n := 0
	for {
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		m, err := unix.Read(fd, buf[n:])
		if err != nil || m <= 0 {
			return n, buf
		}
		n += m
	}
}

// rss returns the resident memory of a process in bytes, 0 when it has ended.
func rss(pid int) int64 {
	n, buf := readProc("/proc/"+strconv.Itoa(pid)+"/statm", make([]byte, 256))
	fields := strings.Fields(string(buf[:n]))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func maxRSS(usage *syscall.Rusage) int64 { return usage.Maxrss << 10 }

// growPipe makes a pipe hold more, so that a child that prints much is not switched away from after every 64 KiB.
func growPipe(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 256<<10) }) // a courtesy: limits may refuse it
}

func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_, _ = unix.Close(fds[0]), unix.Close(fds[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel"), nil
}
