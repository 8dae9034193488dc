package term

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// between is the least time between two frames: more than the eye sees would only keep the terminal busy.
const between = 12 * time.Millisecond

// Frames owns a terminal while the screen is shown: raw mode, the alternate screen, and a goroutine that draws the newest frame.
// Nothing wakes while nothing changes. Methods may be called from any goroutine. Make it with [Show].
type Frames struct {
	in, out *os.File

	mu      sync.Mutex
	saved   unix.Termios
	raw     bool     // saved holds the modes to go back to
	on      bool     // the terminal is ours
	mouse   bool     //
	newest  []string // not drawn yet, nil when there is nothing to draw
	shown   []string // what the terminal shows, nil when that is not known
	failed  error
	wake    chan struct{}
	hurry   chan struct{} // a frame is not to wait for the time between two
	stop    chan struct{}
	painter sync.WaitGroup
}

// Show takes a terminal. The caller closes it.
func Show(in, out *os.File, mouse bool) (*Frames, error) {
	f := &Frames{in: in, out: out, mouse: mouse, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), stop: make(chan struct{})}
	if err := f.Enter(); err != nil {
		return nil, err
	}
	f.painter.Go(f.paint)
	return f, nil
}

// Draw makes lines the newest frame. It does not wait for the terminal: of frames that come faster than it is, only the newest is
// drawn. One that answers a key is drawn at once; others keep a little time between them.
func (f *Frames) Draw(lines []string, answer bool) {
	f.mu.Lock()
	f.newest = lines
	f.mu.Unlock()
	if answer {
		select {
		case f.hurry <- struct{}{}:
		default:
		}
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Frames) paint() {
	for {
		select {
		case <-f.stop:
			return
		case <-f.wake:
		}
		select { // what it asks for is done here
		case <-f.hurry:
		default:
		}
		f.flush()
		pause := time.NewTimer(between)
		select {
		case <-f.stop:
			pause.Stop()
			return
		case <-f.hurry:
			pause.Stop()
		case <-pause.C:
		}
	}
}

// flush writes the lines that changed, in one piece that the terminal shows at once where it can.
func (f *Frames) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on || f.newest == nil {
		return
	}
	const begin, end = "\x1b[?2026h", "\x1b[?2026l"
	b := []byte(begin)
	if f.shown == nil {
		b = append(b, "\x1b[2J"...)
	}
	for y, line := range f.newest {
		if y >= len(f.shown) || f.shown[y] != line {
			b = append(b, "\x1b["...)
			b = strconv.AppendInt(b, int64(y+1), 10)
			b = append(b, ";1H"...)
			b = append(b, line...)
		}
	}
	f.shown, f.newest = f.newest, nil
	if len(b) > len(begin) {
		f.write(string(append(b, end...)))
	}
}

// write keeps the first error; a terminal that is gone ends the program by other ways.
func (f *Frames) write(s string) {
	if _, err := f.out.WriteString(s); err != nil && f.failed == nil {
		f.failed = fmt.Errorf("write to the terminal: %w", err)
	}
}

// Write sends a sequence to the terminal in one piece, between frames.
func (f *Frames) Write(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on {
		f.write(s)
	}
}

// Forget has the next frame drawn as a whole, onto an empty screen: the terminal's size, or what it shows, has changed.
func (f *Frames) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown, f.newest = nil, nil
}

const mouseOn, mouseOff = "\x1b[?1002h\x1b[?1006h", "\x1b[?1006l\x1b[?1002l"

// SetMouse takes mouse events, or leaves them to the terminal.
func (f *Frames) SetMouse(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mouse = on
	if !f.on {
		return
	}
	if on {
		f.write(mouseOn)
	} else {
		f.write(mouseOff)
	}
}

// Enter takes the terminal, again after Leave; the next frame is drawn as a whole. Taken are raw mode, the alternate screen without a cursor, bracketed paste, reports of the focus.
func (f *Frames) Enter() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on {
		return nil
	}
	if modes, err := unix.IoctlGetTermios(int(f.in.Fd()), getModes); err == nil { // else it is no terminal
		f.saved, f.raw = *modes, true
		raw := *modes
		raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		raw.Oflag &^= unix.OPOST
		raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
		if err := unix.IoctlSetTermios(int(f.in.Fd()), setModes, &raw); err != nil {
			return fmt.Errorf("set the terminal to raw mode: %w", err)
		}
	}
	f.on, f.shown = true, nil
	f.write("\x1b[?1049h\x1b[2J\x1b[?25l\x1b[?2004h\x1b[?1004h")
	if f.mouse {
		f.write(mouseOn)
	}
	return nil
}

// Leave gives the terminal back as Enter found it: to an editor, to the shell, for good.
func (f *Frames) Leave() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on {
		return nil
	}
	f.write(mouseOff + "\x1b[?1004l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l")
	f.on = false
	if !f.raw {
		return nil
	}
	if err := unix.IoctlSetTermios(int(f.in.Fd()), setModes, &f.saved); err != nil {
		return fmt.Errorf("restore the terminal's modes: %w", err)
	}
	return nil
}

// Close leaves the terminal and ends the goroutine. The error is also that of an earlier write.
func (f *Frames) Close() error {
	f.flush()
	close(f.stop)
	f.painter.Wait()
	return errors.Join(f.Leave(), f.failed)
}
