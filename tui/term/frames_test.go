package term

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// TestFramesWritesWhatChanged: a line that did not change is not written again, and the terminal is given back as it was.
func TestFramesWritesWhatChanged(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = master.Close(), tty.Close() }()
	modes := func() unix.Termios {
		m, err := unix.IoctlGetTermios(int(tty.Fd()), getModes)
		if err != nil {
			t.Fatal(err)
		}
		return *m
	}
	before := modes()
	f, err := Show(tty, tty, true)
	if err != nil {
		t.Fatal(err)
	}
	if modes() == before {
		t.Error("the terminal is not in raw mode")
	}
	expect(t, master, mouseOn)
	f.Draw([]string{"one", "two"}, false)
	if got := expect(t, master, "\x1b[?2026l"); got != "\x1b[?2026h\x1b[2J\x1b[1;1Hone\x1b[2;1Htwo\x1b[?2026l" {
		t.Errorf("got %q for the first frame", got)
	}
	f.Draw([]string{"one", "three"}, false)
	if got := expect(t, master, "\x1b[?2026l"); got != "\x1b[?2026h\x1b[2;1Hthree\x1b[?2026l" {
		t.Errorf("got %q for the second frame", got)
	}
	// A frame that answers a key does not wait: it comes before those that could be drawn later.
	f.Draw([]string{"one", "drei"}, true)
	if got := expect(t, master, "\x1b[?2026l"); got != "\x1b[?2026h\x1b[2;1Hdrei\x1b[?2026l" {
		t.Errorf("got %q for the frame that answers", got)
	}
	f.Draw([]string{"one", "three"}, true)
	if got := expect(t, master, "\x1b[?2026l"); got != "\x1b[?2026h\x1b[2;1Hthree\x1b[?2026l" {
		t.Errorf("got %q for the frame after it", got)
	}
	f.Draw([]string{"one", "three"}, false) // nothing is written for it
	time.Sleep(2 * between)
	f.Write("\a")
	if got := expect(t, master, "\a"); got != "\a" {
		t.Errorf("got %q before a bell", got)
	}
	if err := f.Leave(); err != nil {
		t.Fatal(err)
	}
	if modes() != before {
		t.Error("the modes are not restored")
	}
	expect(t, master, "\x1b[?1049l")
	f.Draw([]string{"not", "shown"}, false)
	if err := f.Enter(); err != nil {
		t.Fatal(err)
	}
	f.Draw([]string{"one", "three"}, false)
	if got := expect(t, master, "three\x1b[?2026l"); !strings.Contains(got, "one") || strings.Contains(got, "shown\x1b[?2026l\x1b[?1049h") {
		t.Errorf("got %q after coming back, want the whole frame", got)
	}
	f.Forget()
	f.Draw([]string{"one", "three"}, false)
	if got := expect(t, master, "three\x1b[?2026l"); !strings.Contains(got, "\x1b[2J\x1b[1;1Hone") {
		t.Errorf("got %q after Forget, want the whole frame on an empty screen", got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if modes() != before {
		t.Error("the modes are not restored at the end")
	}
	if got := expect(t, master, "\x1b[?1049l"); !strings.Contains(got, "\x1b[?1002l") || !strings.Contains(got, "\x1b[?2004l") || !strings.Contains(got, "\x1b[?1004l") || !strings.Contains(got, "\x1b[?25h") {
		t.Errorf("got %q at the end", got)
	}
}

// expect reads up to the end of text and returns what came.
func expect(t *testing.T, r *os.File, text string) string {
	t.Helper()
	got := ""
	for one := make([]byte, 1); !strings.HasSuffix(got, text); {
		if _, err := io.ReadFull(r, one); err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got += string(one)
	}
	return got
}
