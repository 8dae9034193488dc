// Package term knows terminals: how frames get onto one, and what it can do beyond text: its theme, its clipboard (OSC 52), its
// links (OSC 8) and its notifications (OSC 9).
//
// The nouns: [Frames] owns the terminal while the screen is shown; [Caps] is what the environment says of it; a [Reader] takes its
// answers out of the input.
//
// Invariants: a terminal that was taken is given back as it was; only lines that changed are written, and nothing while nothing changes.
//
// Deliberately absent: what is in a frame, keys, waiting for an answer. A terminal that does not answer costs nothing.
// No compatibility promise.
package term

import (
	"encoding/base64"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Caps is what is known of a terminal without asking it.
type Caps struct {
	Color   bool // NO_COLOR is not set
	Many    bool // there are 256 colours
	Unicode bool // box drawing and the round glyphs have one cell each
	Links   bool // OSC 8 is understood, or ignored
	Dark    bool // light text on a dark background, a guess when Known is false
	Known   bool // Dark was said by the environment
	Tmux    bool // sequences for the outer terminal need a wrapper
	Dumb    bool // no cursor movement
}

// rich are terminals with 256 colours and more whose names do not say so.
var rich = []string{"alacritty", "foot", "ghostty", "iterm2", "rio", "wezterm", "xterm-ghostty", "xterm-kitty"}

// Detect reads the environment through getenv.
func Detect(getenv func(string) string) Caps {
	name := getenv("TERM")
	locale := getenv("LC_ALL")
	for _, v := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = getenv(v)
		}
	}
	locale = strings.ToLower(locale)
	utf8 := strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
	c := Caps{
		Color:   getenv("NO_COLOR") == "",
		Many:    getenv("COLORTERM") != "" || strings.Contains(name, "256color") || strings.Contains(name, "direct") || slices.Contains(rich, name),
		Dumb:    name == "dumb" || name == "",
		Tmux:    getenv("TMUX") != "" || strings.HasPrefix(name, "tmux"),
		Unicode: utf8 && name != "linux" && name != "dumb" && getenv("RUNEWIDTH_EASTASIAN") != "1",
		Links:   name != "linux" && name != "dumb" && !strings.HasPrefix(name, "screen"),
		Dark:    true,
	}
	if fgbg := getenv("COLORFGBG"); fgbg != "" {
		bg := fgbg[strings.LastIndexByte(fgbg, ';')+1:]
		c.Known, c.Dark = true, bg != "7" && bg != "15"
	}
	switch getenv("ASSETDEV_THEME") {
	case "light":
		c.Known, c.Dark = true, false
	case "dark":
		c.Known, c.Dark = true, true
	}
	return c
}

// Size returns the width and height of the terminal that f is, and false when it is none.
func Size(f *os.File) (w, h int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 0, 0, false
	}
	return int(size.Col), int(size.Row), true
}

// Copy returns the sequence that puts text on the clipboard of the terminal's own machine, also over ssh.
func (c Caps) Copy(text string) string {
	return c.wrap("\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(text)) + "\a")
}

// Notify returns the sequence that rings the bell and, where the terminal can, shows text as a notification. Text must be printable.
func (c Caps) Notify(text string) string { return "\a" + c.wrap("\x1b]9;"+text+"\a") }

// Link returns text as a link to a local file. Text and path must be printable; path must be absolute.
func (c Caps) Link(path, text string) string {
	if !c.Links || !strings.HasPrefix(path, "/") {
		return text
	}
	return "\x1b]8;;file://" + escape(path) + "\x1b\\" + text + "\x1b]8;;\x1b\\"
}

func escape(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c > ' ' && c < 0x7f && c != '%' && c != '#' && c != '?' {
			b.WriteByte(c)
		} else {
			const hex = "0123456789ABCDEF"
			b.WriteString("%" + hex[c>>4:c>>4+1] + hex[c&15:c&15+1])
		}
	}
	return b.String()
}

// wrap passes a sequence through tmux to the terminal outside.
func (c Caps) wrap(seq string) string {
	if !c.Tmux {
		return seq
	}
	return "\x1bPtmux;" + strings.ReplaceAll(seq, "\x1b", "\x1b\x1b") + "\x1b\\"
}

// Query asks a terminal for the colour of its background. The answer comes with the input; see [Reader].
const Query = "\x1b]11;?\x1b\\"

const answer = "\x1b]11;"

// A Reader is a terminal's input without the answers to [Query]. It stays a file for all else, so that raw mode and
// cancelling work on it. Read is called by one goroutine at a time.
type Reader struct {
	*os.File
	// Dark is called, on the reading goroutine, with what an answer says. It must not block.
	Dark func(dark bool)

	asked atomic.Bool
	held  []byte // the beginning of an answer whose rest has not come yet
}

// Ask says that a Query was written, so that answers are looked for.
func (r *Reader) Ask() { r.asked.Store(true) }

// Asking reports whether an answer is still to come. A terminal may never answer.
func (r *Reader) Asking() bool { return r.asked.Load() }

// Read reads like the file, and leaves answers out. It may return 0 bytes and no error while half an answer is there.
func (r *Reader) Read(p []byte) (int, error) {
	if !r.asked.Load() && len(r.held) == 0 {
		return r.File.Read(p)
	}
	if len(p) <= len(r.held) {
		n := copy(p, r.held)
		r.held = r.held[n:]
		return n, nil
	}
	held := r.held
	n, err := r.File.Read(p[len(held):])
	copy(p, held)
	r.held = nil
	kept, rest := r.filter(p[:len(held)+n])
	r.held = rest
	return len(kept), err
}

// filter takes answers out of b, in place, and splits off the beginning of one at its end.
func (r *Reader) filter(b []byte) (kept, rest []byte) {
	s := string(b)
	at := strings.Index(s, answer)
	if at < 0 {
		for n := min(len(answer)-1, len(s)); n >= 3; n-- { // a lone escape, or alt and a key, is never held back
			if strings.HasSuffix(s, answer[:n]) {
				return b[:len(s)-n], []byte(s[len(s)-n:])
			}
		}
		return b, nil
	}
	end := strings.IndexAny(s[at+len(answer):], "\a\x1b")
	if end < 0 {
		if len(s)-at > 64 { // no answer is that long
			r.asked.Store(false)
			return b, nil
		}
		return b[:at], []byte(s[at:])
	}
	body := s[at+len(answer) : at+len(answer)+end]
	tail := s[at+len(answer)+end:]
	if tail == "\x1b" {
		return b[:at], []byte(s[at:])
	}
	if !strings.HasPrefix(tail, "\x1b\\") {
		tail = tail[1:]
	} else {
		tail = tail[2:]
	}
	if dark, ok := Dark(body); ok && r.Dark != nil {
		r.Dark(dark)
	}
	r.asked.Store(false)
	return append(b[:at], tail...), nil
}

// Dark reads the body of an answer, as "rgb:1e1e/1e1e/2e2e", and reports whether the background is dark.
func Dark(body string) (dark, ok bool) {
	body, ok = strings.CutPrefix(body, "rgb:")
	if !ok {
		if body, ok = strings.CutPrefix(body, "rgba:"); !ok {
			return false, false
		}
	}
	parts := strings.Split(body, "/")
	if len(parts) < 3 {
		return false, false
	}
	weights := [3]float64{0.299, 0.587, 0.114}
	light := 0.0
	for i, weight := range weights {
		value, full := 0.0, 0.0
		for _, c := range strings.ToLower(parts[i]) {
			d := strings.IndexRune("0123456789abcdef", c)
			if d < 0 {
				return false, false
			}
			value, full = value*16+float64(d), full*16+15
		}
		if full == 0 {
			return false, false
		}
		light += weight * value / full
	}
	return light < 0.5, true
}
