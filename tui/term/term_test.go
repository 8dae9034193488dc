package term

import (
	"os"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		want Caps
	}{
		{"usual", map[string]string{"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}, Caps{Color: true, Many: true, Unicode: true, Links: true, Dark: true}},
		{"sixteen colours", map[string]string{"TERM": "xterm", "LANG": "en_US.UTF-8"}, Caps{Color: true, Unicode: true, Links: true, Dark: true}},
		{"true colour", map[string]string{"TERM": "xterm", "COLORTERM": "truecolor", "LANG": "en_US.UTF-8"}, Caps{Color: true, Many: true, Unicode: true, Links: true, Dark: true}},
		{"no colour", map[string]string{"TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1"}, Caps{Unicode: true, Links: true, Dark: true}},
		{"posix locale", map[string]string{"TERM": "xterm", "LANG": "en_US.UTF-8", "LC_ALL": "C"}, Caps{Color: true, Links: true, Dark: true}},
		{"wide ambiguous", map[string]string{"TERM": "xterm", "LANG": "ja_JP.UTF-8", "RUNEWIDTH_EASTASIAN": "1"}, Caps{Color: true, Links: true, Dark: true}},
		{"linux console", map[string]string{"TERM": "linux", "LANG": "en_US.UTF-8"}, Caps{Color: true, Dark: true}},
		{"light", map[string]string{"TERM": "xterm", "LANG": "C.UTF-8", "COLORFGBG": "0;15"}, Caps{Color: true, Unicode: true, Links: true, Known: true}},
		{"override", map[string]string{"TERM": "xterm", "LANG": "C.UTF-8", "COLORFGBG": "0;15", "ASSETDEV_THEME": "dark"}, Caps{Color: true, Unicode: true, Links: true, Known: true, Dark: true}},
		{"tmux", map[string]string{"TERM": "tmux-256color", "LANG": "C.UTF-8"}, Caps{Color: true, Many: true, Unicode: true, Links: true, Dark: true, Tmux: true}},
	} {
		if got := Detect(func(k string) string { return test.env[k] }); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestDark(t *testing.T) {
	for body, want := range map[string][2]bool{
		"rgb:1e1e/1e1e/2e2e": {true, true}, "rgb:ffff/ffff/ffff": {false, true}, "rgb:ff/ff/e0": {false, true},
		"rgba:0000/0000/0000/ffff": {true, true}, "nonsense": {false, false}, "rgb:1/2": {false, false}, "rgb:x/y/z": {false, false},
	} {
		if dark, ok := Dark(body); dark != want[0] || ok != want[1] {
			t.Errorf("Dark(%q): got %v %v, want %v", body, dark, ok, want)
		}
	}
}

// TestReader cuts an input that holds an answer at every place but within its first two bytes, which might be keys: what comes
// out is the typed keys alone.
func TestReader(t *testing.T) {
	for _, input := range []string{"jj\x1b]11;rgb:ffff/ffff/ffff\x1b\\kk", "\x1b]11;rgb:00/00/00\aq", "j\x1b[A\x1b", "\x1b]"} {
		want := map[string]string{"j\x1b[A\x1b": "j\x1b[A\x1b", "\x1b]": "\x1b]"}[input]
		if input[0] == 'j' && want == "" {
			want = "jjkk"
		} else if want == "" {
			want = "q"
		}
		start := strings.Index(input, "\x1b]")
		for at := range len(input) + 1 {
			if len(input) > 8 && at > start && at < start+3 {
				continue
			}
			in, out, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			r := &Reader{File: in, Dark: func(bool) { told++ }}
			r.Ask()
			got := ""
			for _, part := range []string{input[:at], input[at:]} {
				if part == "" {
					continue
				}
				if _, err := out.WriteString(part); err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 256)
				n, err := r.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got += string(buf[:n])
			}
			if got != want {
				t.Errorf("input %q cut at %d: got %q, want %q", input, at, got, want)
			}
			if answers := len(input) > 8; (told == 1) != answers {
				t.Errorf("input %q cut at %d: told %d times", input, at, told)
			}
			_, _ = in.Close(), out.Close()
		}
	}
}

func TestSequences(t *testing.T) {
	plain, tmux := Caps{Links: true}, Caps{Tmux: true}
	if got, want := plain.Copy("é"), "\x1b]52;c;w6k=\a"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := tmux.Copy("x"), "\x1bPtmux;\x1b\x1b]52;c;eA==\a\x1b\\"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := plain.Link("/a b/c.go", "c.go"), "\x1b]8;;file:///a%20b/c.go\x1b\\c.go\x1b]8;;\x1b\\"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
