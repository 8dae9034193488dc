package tuitest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
)

// A Terminal is a program on a pseudo-terminal of its own, and the screen that it draws. Methods may be called from any goroutine.
type Terminal struct {
	TTY    *os.File // the program's end, for its modes
	Cmd    *exec.Cmd
	master *os.File

	mu     sync.Mutex
	change *sync.Cond
	screen Screen
	wrote  int64
	ended  bool  // and all that it wrote is on the screen
	err    error // of the program
	both   sync.WaitGroup
}

// frameMode is on while a program writes a frame (synchronised output, https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036).
const frameMode = 2026

// farewell is what we write ourselves when the program has ended, to know that all before it was read.
const (
	farewellMode = 99999
	farewell     = "\x1b[?99999h"
)

// Start starts a command on a new terminal of w×h cells, as the leader of its session. The terminal is light, for those who ask.
// The caller calls End or Close.
//
// What look is given is called with the terminal before the program starts, while its modes are those it has to leave behind.
func Start(cmd *exec.Cmd, w, h int, look ...func(tty *os.File)) (*Terminal, error) {
	master, tty, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	t := &Terminal{TTY: tty, Cmd: cmd, master: master}
	t.change = sync.NewCond(&t.mu)
	t.screen.Answer = func(question string) {
		if strings.HasPrefix(question, "\x1b]11;") {
			_, _ = master.WriteString("\x1b]11;rgb:ffff/ffff/ffff\x1b\\") // a program that is gone does not wait for it
		}
	}
	t.screen.Resize(w, h)
	if err := pty.Setsize(master, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)}); err != nil {
		return nil, errors.Join(fmt.Errorf("size the terminal: %w", err), t.shut())
	}
	if cmd.Stdin == nil {
		cmd.Stdin = tty
	}
	cmd.Stdout, cmd.Stderr = tty, tty
	cmd.SysProcAttr = session()
	for _, f := range look {
		f(tty)
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, t.shut())
	}
	t.both.Go(t.read)
	t.both.Go(func() {
		err := cmd.Wait()
		t.mu.Lock()
		t.err = err
		t.mu.Unlock()
		_, _ = t.TTY.WriteString(farewell) // behind all that the program wrote; a terminal that is closed needs none
	})
	return t, nil
}

func (t *Terminal) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := t.master.Read(buf)
		t.mu.Lock()
		t.wrote += int64(n)
		_, _ = t.screen.Write(buf[:n])
		t.ended = t.screen.Modes[farewellMode]
		t.change.Broadcast()
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Type sends keys, as a terminal would: "\r" is enter, "\x1b" is esc.
func (t *Terminal) Type(keys string) error {
	_, err := t.master.WriteString(keys)
	return err
}

// Resize gives the terminal another size.
func (t *Terminal) Resize(w, h int) error {
	t.mu.Lock()
	t.screen.Resize(w, h)
	t.mu.Unlock()
	return pty.Setsize(t.master, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)})
}

// Picture returns what stands on the screen now.
func (t *Terminal) Picture() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.Picture()
}

// Mode reports whether a private mode of the terminal is on: 25 the cursor, 1049 the alternate screen, 2004 bracketed paste, 1002
// the mouse, 1004 focus.
func (t *Terminal) Mode(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.Modes[n]
}

// Wrote returns how many bytes the program wrote so far.
func (t *Terminal) Wrote() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wrote
}

// Wait waits until the screen is as ok wants it and returns when that was. Only whole frames are looked at: a frame may arrive in
// pieces, and half of one beside half of the last is what no user sees. The error holds the screen.
func (t *Terminal) Wait(within time.Duration, ok func(picture string) bool) (time.Time, error) {
	timer := time.AfterFunc(within, func() {
		t.mu.Lock()
		t.change.Broadcast()
		t.mu.Unlock()
	})
	defer timer.Stop()
	end := time.Now().Add(within)
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		now := time.Now()
		picture := t.screen.Picture()
		if !t.screen.Modes[frameMode] && ok(picture) {
			return now, nil
		}
		if !now.Before(end) {
			return now, fmt.Errorf("not on the screen after %s:\n%s", within, picture)
		}
		if t.ended {
			return now, fmt.Errorf("the program has ended (%v):\n%s", t.err, picture) //nolint:errorlint // for the eye
		}
		t.change.Wait()
	}
}

// End waits for the end of the program and returns its exit code.
func (t *Terminal) End(within time.Duration) (int, error) {
	timer := time.AfterFunc(within, func() {
		t.mu.Lock()
		t.change.Broadcast()
		t.mu.Unlock()
	})
	defer timer.Stop()
	end := time.Now().Add(within)
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.ended {
		if !time.Now().Before(end) {
			return -1, fmt.Errorf("the program has not ended after %s:\n%s", within, t.screen.Picture())
		}
		t.change.Wait()
	}
	return t.Cmd.ProcessState.ExitCode(), nil
}

// Close kills the program if it still runs, and lets go of the terminal.
func (t *Terminal) Close() error {
	_ = t.Cmd.Process.Kill() // it may have ended
	err := t.shut()
	t.both.Wait()
	return err
}

func (t *Terminal) shut() error { return errors.Join(t.TTY.Close(), t.master.Close()) }
