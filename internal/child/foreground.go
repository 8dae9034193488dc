package child

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// StartForeground starts a command that has the terminal until it ends: its standard input, output and error are the terminal, and it is
// the group that reads its keys and gets its interrupts. When Wait returns, this process has the terminal back. Stdin, Stdout and Stderr
// of the command do not count. The terminal must be the one that controls this process; one command has it at a time.
func StartForeground(c Command, terminal *os.File) (*Process, error) {
	path := c.Path
	if filepath.Base(path) == path {
		var err error
		if path, err = exec.LookPath(c.Path); err != nil {
			return nil, fmt.Errorf("start %s: %w", c.Path, err)
		}
	}
	before, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	if err != nil {
		return nil, fmt.Errorf("start %s: %s is not the terminal of this process: %w", c.Path, terminal.Name(), err)
	}
	c.Stdin, c.Stdout, c.Stderr = nil, nil, nil
	return start(c, ends{begin: func(env []string, files []*os.File) (int, func() Exit, error) {
		files = append([]*os.File{terminal, terminal, terminal}, files[3:]...)
		attr := &syscall.SysProcAttr{Foreground: true, Ctty: int(terminal.Fd())} // a group of its own, as without
		pid, wait, err := execute(path, append([]string{c.Path}, c.Args...), c.Dir, env, files, attr)
		if err != nil {
			return 0, nil, err
		}
		return pid, func() Exit {
			exit := wait()
			takeBack(terminal, before)
			return exit
		}, nil
	}})
}

// takeBack makes a group the one that has the terminal again. Who asks for that from the background is stopped, unless it ignores the signal.
func takeBack(terminal *os.File, group int) {
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPGRP, group) // a terminal that is gone needs no group
}
