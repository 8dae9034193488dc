// Package logview shows the log of a step while it grows: a bounded tail of lines, following the end or standing still,
// with a search.
//
// Invariants:
//
//	(a) Lines returns exactly h lines of exactly w cells.
//	(b) At most the given number of lines is kept; what was let go of is counted, never forgotten silently.
//	(c) A reader who scrolled up stays on the same lines, whatever is appended; only at the end does the view follow.
//	(d) Appending costs no more than the lines appended; only lines on the screen are cleaned and measured.
//
// Deliberately absent: reading logs, keys, knowledge of steps. Standard library and x/ansi only. No compatibility promise.
package logview

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A Line is one line of a log, as its writer wrote it.
type Line struct {
	Prefix string // shown dim before the text, as a time
	Level  string // "", debug, info, warning or error
	Text   string // unsanitised
}

// A Look is what a View draws with: opening SGR sequences, ended by Reset, and the sign for cut text.
type Look struct {
	Dim, Warning, Error, Match, Reset string
	Ellipsis, Down                    string
}

// A View is one log. Make it with [New].
type View struct {
	clean  func(string) string
	max    int
	lines  []Line
	start  int64 // number of lines let go of before lines[0], and of lines that never came
	top    int64 // first line on the screen, counted from the first line ever, when not following
	x      int   // first cell on the screen
	follow bool
	seen   int64 // lines there were when following stopped
	height int
	search string
	match  int64 // line of the current match, -1 none
}

// New returns an empty view that follows, keeps at most max lines and passes what it shows through clean.
func New(max int, clean func(string) string) *View {
	return &View{clean: clean, max: max, follow: true, match: -1}
}

// Append adds lines at the end. skipped counts lines before them that never came.
func (v *View) Append(lines []Line, skipped int64) {
	if skipped > 0 {
		v.start += int64(len(v.lines)) + skipped
		v.lines = append(v.lines[:0], Line{Level: "debug", Text: fmt.Sprintf("%d lines are not shown here; they are in the run's log file", skipped)})
		v.start--
	}
	v.lines = append(v.lines, lines...)
	if extra := len(v.lines) - v.max; extra > 0 {
		v.start += int64(extra)
		if extra > v.max/2 || cap(v.lines) > 3*v.max {
			v.lines = append(make([]Line, 0, 2*v.max), v.lines[extra:]...)
		} else {
			v.lines = v.lines[extra:]
		}
	}
	v.clamp()
}

// Len returns how many lines are kept, and how many there were before them.
func (v *View) Len() (kept int, before int64) { return len(v.lines), v.start }

// Following reports whether the view keeps at the end.
func (v *View) Following() bool { return v.follow }

// SetFollow makes the view keep at the end, or stand still where it is.
func (v *View) SetFollow(on bool) {
	if v.follow && !on {
		v.top, v.seen = v.bottomTop(), v.end()
	}
	v.follow = on
}

func (v *View) end() int64       { return v.start + int64(len(v.lines)) }
func (v *View) bottomTop() int64 { return max(v.start, v.end()-int64(max(v.height, 1))) }

func (v *View) clamp() { v.top = max(v.start, min(v.top, v.bottomTop())) }

// Scroll moves by lines and cells. Moving up stops following, reaching the end starts it again.
func (v *View) Scroll(lines, cells int) {
	v.x = max(0, v.x+cells)
	if lines == 0 {
		return
	}
	if v.follow {
		if lines > 0 {
			return
		}
		v.SetFollow(false)
	}
	v.top += int64(lines)
	v.clamp()
	if lines > 0 && v.top >= v.bottomTop() {
		v.follow = true
	}
}

// Top moves to the first line that is kept.
func (v *View) Top() { v.Scroll(-len(v.lines)-1, 0) }

// Search sets the text that is looked for, without regard to case, and moves to its last occurrence. It reports whether there is one.
func (v *View) Search(text string) bool {
	v.search, v.match = strings.ToLower(text), -1
	return text == "" || v.Next(-1)
}

// Searching returns the text that is looked for.
func (v *View) Searching() string { return v.search }

// Next moves to the next match (1) or the previous one (-1), around the end, and reports whether there is one.
func (v *View) Next(direction int) bool {
	if n := int64(len(v.lines)); v.search != "" && n > 0 {
		from := v.match - v.start
		if v.match < v.start || v.match >= v.end() {
			if from = n; direction > 0 {
				from = -1
			}
		}
		for i := int64(1); i <= n; i++ {
			at := ((from+int64(direction)*i)%n + n) % n
			if strings.Contains(strings.ToLower(v.clean(v.lines[at].Text)), v.search) {
				v.SetFollow(false)
				v.match = v.start + at
				if h := int64(max(v.height, 1)); v.match < v.top || v.match >= v.top+h {
					v.top = v.match - h/2
				}
				v.clamp()
				return true
			}
		}
	}
	return false
}

// Current returns the cleaned text of the line the view stands at: the match, else the last line on the screen.
func (v *View) Current() (string, bool) {
	at := v.match
	if at < v.start || at >= v.end() {
		top := v.top
		if v.follow {
			top = v.bottomTop()
		}
		at = min(top+int64(v.height), v.end()) - 1
	}
	if at < v.start || at >= v.end() {
		return "", false
	}
	return v.clean(v.lines[at-v.start].Text), true
}

// Lines draws the log.
func (v *View) Lines(w, h int, look *Look) []string {
	v.height = h
	if v.clamp(); v.follow {
		v.top = v.bottomTop()
	}
	out := make([]string, 0, max(h, 0))
	for i := v.top; len(out) < h; i++ {
		if i >= v.end() || w <= 0 {
			out = append(out, strings.Repeat(" ", max(w, 0)))
			continue
		}
		out = append(out, v.line(v.lines[i-v.start], i == v.match, w, look))
	}
	return out
}

// Below returns how many lines came since following stopped, 0 while following.
func (v *View) Below() int64 {
	if v.follow {
		return 0
	}
	return v.end() - v.seen
}

func (v *View) line(l Line, current bool, w int, look *Look) string {
	var b strings.Builder
	n := 0
	if l.Prefix != "" && w > 40 {
		b.WriteString(look.Dim + l.Prefix + look.Reset + " ")
		n = ansi.StringWidth(l.Prefix) + 1
	}
	text := l.Text
	if limit := (v.x + w) * 16; len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	text = v.clean(text)
	if v.x > 0 {
		text = ansi.TruncateLeft(text, v.x, "")
	}
	for room := w - n; ansi.StringWidth(text) > w-n; room-- { // Truncate and StringWidth disagree about a letter with a variation selector
		text = ansi.Truncate(text, room, look.Ellipsis)
	}
	style := ""
	switch l.Level {
	case "debug":
		style = look.Dim
	case "warning":
		style = look.Warning
	case "error", "critical":
		style = look.Error
	}
	b.WriteString(v.marked(text, style, current, look))
	if n += ansi.StringWidth(text); n < w {
		b.WriteString(strings.Repeat(" ", w-n))
	}
	return b.String()
}

func (v *View) marked(text, style string, current bool, look *Look) string {
	plain := func(s string) string {
		if style == "" || s == "" {
			return s
		}
		return style + s + look.Reset
	}
	lower := strings.ToLower(text)
	if v.search == "" || len(lower) != len(text) {
		return plain(text)
	}
	var b strings.Builder
	for {
		i := strings.Index(lower, v.search)
		if i < 0 {
			return b.String() + plain(text)
		}
		j := i + len(v.search)
		mark := look.Match
		if current {
			mark += "\x1b[1m"
		}
		b.WriteString(plain(text[:i]) + mark + text[i:j] + look.Reset)
		text, lower = text[j:], lower[j:]
	}
}
