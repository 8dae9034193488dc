package tuitest

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestScreen(t *testing.T) {
	var s Screen
	var asked string
	s.Answer = func(q string) { asked += q }
	s.Resize(6, 3)
	for _, piece := range []string{"\x1b[?1049", "h\x1b[?25l\x1b[1;31mab\x1b[0m店", "\xe8\x88", "\x97x\r\n", "12345\x1b[2D?\x1b[K\x1b[3;2Hz\x1b]2;title\a\x1b]11;?\x1b\\", "\x1b[1;1H\x1b[C!"} {
		if _, err := s.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := s.Picture(), "a!店舗\nx\n1z3?\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !s.Modes[1049] || s.Modes[25] || s.Title != "title" || asked != "\x1b]11;?" {
		t.Errorf("got modes %v, title %q, questions %q", s.Modes, s.Title, asked)
	}
	if _, err := s.Write([]byte("\x1b[?1049l\x1b[1;1Habcdefgh\r\n\n3\r\n4")); err != nil || s.Picture() != "\n3\n4\n" {
		t.Errorf("got %q, want what stands below wrapped lines, scrolled", s.Picture())
	}
	if _, err := s.Write([]byte("\x1b[2J")); err != nil || strings.TrimSpace(s.Picture()) != "" {
		t.Errorf("not erased: %q, %v", s.Picture(), err)
	}
}

func TestTerminal(t *testing.T) {
	term, err := Start(exec.CommandContext(t.Context(), "sh", "-c", `test -t 0 && stty size && read line && echo "got $line" && exit 3`), 30, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = term.Close() }()
	shows := func(text string) func(string) bool {
		return func(picture string) bool { return strings.Contains(picture, text) }
	}
	if _, err := term.Wait(10*time.Second, shows("5 30")); err != nil {
		t.Fatal(err)
	}
	if err := term.Type("hello\r"); err != nil {
		t.Fatal(err)
	}
	if code, err := term.End(10 * time.Second); err != nil || code != 3 {
		t.Fatalf("got %d, %v, want 3", code, err)
	}
	if _, err := term.Wait(10*time.Second, shows("got hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := term.Wait(time.Millisecond, shows("nothing")); err == nil {
		t.Error("got no error for what is not on the screen")
	}
}

// TestTerminalWaitsForWholeFrames: half of a frame is not looked at, however its bytes arrive.
func TestTerminalWaitsForWholeFrames(t *testing.T) {
	script := `printf '\033[?2026hfirst'; read line; printf ' second\033[?2026l'; read line`
	term, err := Start(exec.CommandContext(t.Context(), "sh", "-c", script), 30, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = term.Close() }()
	begun := make(chan struct{})
	go func() { // the second half comes when the first is there
		defer close(begun)
		for term.Wrote() < int64(len("\033[?2026hfirst")) {
			runtime.Gosched()
		}
		if err := term.Type("\r"); err != nil {
			t.Error(err)
		}
	}()
	var seen string
	_, err = term.Wait(10*time.Second, func(picture string) bool {
		seen = picture
		return strings.Contains(picture, "first")
	})
	<-begun
	if err != nil || !strings.Contains(seen, "second") {
		t.Errorf("got %q, %v, want both halves at once", seen, err)
	}
}
