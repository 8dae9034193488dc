// Package logview shows the log of a step while it grows: a bounded tail of lines, following the end or standing still,
// with a search.
//
// Invariants:
//
//	(a) Lines returns exactly h lines of exactly w cells.
//	(b) At most the given number of lines is kept; what was let go of is counted, never forgotten silently.
//	(c) A reader who scrolled up stays on the same lines, whatever is appended; only at the end does the view follow.
//	(d) Appending costs no more than the lines appended; only lines on the screen are cleaned and measured.
//	(e) Of what a program wrote only colours reach the terminal, and none of a line goes over into the next.
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
	Color                             bool // colours that the program wrote are kept
}

// A View is one log. Make it with [New].
type View struct {
	clean, color func(string) string
	max          int
	lines        []Line
	start        int64 // number of lines let go of before lines[0], and of lines that never came
	top          int64 // first line on the screen, counted from the first line ever, when not following
	sub          int   // rows of that line above the screen, when long lines are wrapped
	x            int   // first cell on the screen, when they are not
	wrap         bool
	follow       bool
	seen         int64 // lines there were when following stopped
	width        int
	height       int
	search       string
	match        int64 // line of the current match or error, -1 none
}

// New returns an empty view that follows, keeps at most max lines and passes what it shows through clean, or through color, which
// leaves SGR sequences in it, where colours are kept.
func New(max int, clean, color func(string) string) *View {
	return &View{clean: clean, color: color, max: max, follow: true, match: -1}
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
		v.top, v.sub = v.bottom()
		v.seen = v.end()
	}
	v.follow = on
}

// Wrapping reports whether long lines go on in the next row.
func (v *View) Wrapping() bool { return v.wrap }

// SetWrap makes long lines go on in the next row, or leave the screen at its right.
func (v *View) SetWrap(on bool) {
	v.wrap, v.x, v.sub = on, 0, 0
	v.clamp()
}

func (v *View) end() int64 { return v.start + int64(len(v.lines)) }

// bottom returns the first line on the screen, and how many of its rows are above it, when the last line ends at the lower edge.
func (v *View) bottom() (top int64, sub int) {
	rest := max(v.height, 1)
	if !v.wrap {
		return max(v.start, v.end()-int64(rest)), 0
	}
	for i := v.end() - 1; i >= v.start; i-- {
		n := v.rows(i)
		if n >= rest {
			return i, n - rest
		}
		rest -= n
	}
	return v.start, 0
}

// rows returns how many rows a line takes.
func (v *View) rows(i int64) int {
	if !v.wrap || v.width <= 0 {
		return 1
	}
	l := v.lines[i-v.start]
	return len(fold(v.clean(short(l.Text)), v.width-v.indent(l)))
}

// short bounds what is shown of a line.
func short(text string) string {
	if len(text) > 64<<10 {
		return strings.ToValidUTF8(text[:64<<10], "")
	}
	return text
}

func (v *View) clamp() {
	if v.follow {
		return
	}
	if v.top < v.start {
		v.top, v.sub = v.start, 0
	}
	if top, sub := v.bottom(); v.top > top || v.top == top && v.sub > sub {
		v.top, v.sub = top, sub
	}
}

// Scroll moves by lines, or by rows of wrapped lines, and by cells. Moving up stops following, reaching the end starts it again.
func (v *View) Scroll(lines, cells int) {
	if !v.wrap {
		v.x = max(0, v.x+cells)
	}
	if lines == 0 {
		return
	}
	if v.follow {
		if lines > 0 {
			return
		}
		v.SetFollow(false)
	}
	if v.wrap {
		v.step(lines)
	} else {
		v.top += int64(lines)
	}
	v.clamp()
	if top, sub := v.bottom(); lines > 0 && v.top == top && v.sub == sub {
		v.follow = true
	}
}

// step moves by rows of wrapped lines.
func (v *View) step(n int) {
	for ; n < 0 && (v.top > v.start || v.sub > 0); n++ {
		if v.sub--; v.sub < 0 {
			v.top--
			v.sub = v.rows(v.top) - 1
		}
	}
	for ; n > 0 && v.top < v.end(); n-- {
		if v.sub++; v.sub >= v.rows(v.top) {
			v.top, v.sub = v.top+1, 0
		}
	}
}

// Top moves to the first line that is kept.
func (v *View) Top() {
	v.SetFollow(false)
	v.top, v.sub = v.start, 0
	v.clamp()
}

// Search sets the text that is looked for, without regard to case, and moves to its last occurrence. It reports whether there is one.
func (v *View) Search(text string) bool {
	v.search, v.match = strings.ToLower(text), -1
	return text == "" || v.Next(-1)
}

// Searching returns the text that is looked for.
func (v *View) Searching() string { return v.search }

// Next moves to the next match (1) or the previous one (-1), around the end, and reports whether there is one.
func (v *View) Next(direction int) bool {
	return v.search != "" && v.find(direction, func(l Line) bool {
		text := l.Text
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			text = v.clean(text)
		}
		return strings.Contains(strings.ToLower(text), v.search)
	})
}

// NextError moves to the next line (1) or the previous one (-1) that tells of an error, around the end, and reports whether there is
// one. The first time it looks upwards, from the end, where the newest is.
func (v *View) NextError(direction int) bool { return v.find(direction, isError) }

// isError reports whether a line tells of an error: by its level, or where the writer gave none by its words.
func isError(l Line) bool {
	switch l.Level {
	case "error", "critical":
		return true
	case "debug", "info", "warning":
		return false
	}
	low := strings.ToLower(short(l.Text))
	for _, word := range []string{"error", "exception", "traceback", "panic:", "fatal"} {
		before, after, found := strings.Cut(low, word)
		before = strings.TrimRight(before, " :=")
		if found && !strings.HasSuffix(before, "no") && !strings.HasSuffix(before, "0") && !strings.HasPrefix(strings.TrimLeft(after, "s:= "), "0") {
			return true
		}
	}
	return false
}

func (v *View) find(direction int, good func(Line) bool) bool {
	n := int64(len(v.lines))
	if n == 0 {
		return false
	}
	from := v.match - v.start
	if v.match < v.start || v.match >= v.end() {
		if from = n; direction > 0 {
			from = -1
		}
	}
	for i := int64(1); i <= n; i++ {
		at := ((from+int64(direction)*i)%n + n) % n
		if !good(v.lines[at]) {
			continue
		}
		v.SetFollow(false)
		v.match = v.start + at
		if h := int64(max(v.height, 1)); v.match < v.top || v.match >= v.top+h || v.wrap {
			v.top, v.sub = max(v.start, v.match-h/2), 0
			if v.wrap {
				v.top = v.match
				v.step(-int(h / 2))
			}
		}
		v.clamp()
		return true
	}
	return false
}

// Current returns the cleaned text of the line the view stands at: the match, else the last line on the screen.
func (v *View) Current() (string, bool) {
	at := v.match
	if at < v.start || at >= v.end() {
		top := v.top
		if v.follow {
			top, _ = v.bottom()
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
	v.height, v.width = h, w
	v.clamp()
	top, sub := v.top, v.sub
	if v.follow {
		top, sub = v.bottom()
	}
	out := make([]string, 0, max(h, 0))
	for i := top; len(out) < h; i++ {
		if i >= v.end() || w <= 0 {
			out = append(out, strings.Repeat(" ", max(w, 0)))
			continue
		}
		rows := v.draw(v.lines[i-v.start], i == v.match, w, look)
		if i == top {
			rows = rows[min(sub, len(rows)-1):]
		}
		out = append(out, rows[:min(len(rows), h-len(out))]...)
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

// indent is how many cells stand before the text of a line.
func (v *View) indent(l Line) int {
	if l.Prefix == "" || v.width <= 40 {
		return 0
	}
	return ansi.StringWidth(l.Prefix) + 1
}

// draw returns the rows of a line: one, or where long lines are wrapped as many as it takes.
func (v *View) draw(l Line, current bool, w int, look *Look) []string {
	indent := v.indent(l)
	head := ""
	if indent > 0 {
		head = look.Dim + l.Prefix + look.Reset + " "
	}
	room := w - indent
	text := l.Text
	if v.wrap {
		text = short(text)
	} else if limit := (v.x + w) * 16; len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	found := v.search != "" && strings.Contains(strings.ToLower(v.clean(text)), v.search)
	colored := look.Color && !found && strings.Contains(text, "\x1b[")
	if colored {
		text = v.color(text)
	} else {
		text = v.clean(text)
	}
	var parts []string
	if v.wrap {
		parts = fold(text, room)
	} else {
		if v.x > 0 {
			text = ansi.TruncateLeft(text, v.x, "")
		}
		for n := room; ansi.StringWidth(text) > room; n-- { // Truncate and StringWidth disagree about a letter with a variation selector
			text = ansi.Truncate(text, n, look.Ellipsis)
		}
		parts = []string{text}
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
	rows := make([]string, len(parts))
	for i, part := range parts {
		gap := max(0, room-ansi.StringWidth(part))
		if colored {
			part += "\x1b[0m"
		} else {
			part = v.marked(part, style, current, look)
		}
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		rows[i] = head + part + strings.Repeat(" ", gap)
	}
	return rows
}

func (v *View) marked(text, style string, current bool, look *Look) string {
	plain := func(s string) string {
		if style == "" || s == "" {
			return s
		}
		return style + s + look.Reset
	}
	lower := strings.ToLower(text)
	if current && v.search == "" && text != "" {
		return look.Match + text + look.Reset
	}
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

// fold breaks a line, which may hold SGR sequences, into rows of at most w cells, at least one. Each row has the colours that its
// text has, and ends them.
func fold(text string, w int) []string {
	if w < 2 {
		return []string{ansi.Truncate(text, max(w, 0), "")}
	}
	var rows []string
	row, active, n := 0, "", 0 // where the row begins, colours there
	open := ""                 // colours at its beginning
	put := func(at int) {
		s := open + text[row:at]
		if open != "" || strings.Contains(s, "\x1b") {
			s += "\x1b[0m"
		}
		if rows, row, open, n = append(rows, s), at, active, 0; len(active) > 256 {
			active, open = "", ""
		}
	}
	for at := 0; at < len(text); {
		if text[at] == '\x1b' {
			end := strings.IndexByte(text[at:], 'm')
			if end < 0 {
				break
			}
			seq := text[at : at+end+1]
			if active += seq; seq == "\x1b[0m" || seq == "\x1b[m" {
				active = ""
			}
			at += end + 1
			continue
		}
		size, width := 1, 1
		if text[at] >= 0x80 || at+1 < len(text) && text[at+1] >= 0x80 { // else nothing can join it
			g, gw := ansi.FirstGraphemeCluster(text[at:], ansi.GraphemeWidth)
			size, width = max(1, len(g)), gw
		}
		if n+width > w && n > 0 {
			put(at)
		}
		at, n = at+size, n+width
	}
	put(len(text))
	for i, r := range rows { // alone, a mark may be wider than in its cluster
		if ansi.StringWidth(r) > w {
			rows[i] = ansi.Truncate(r, w-1, "")
		}
	}
	return rows
}
