package tui

// Numbers, times and texts as the screen writes them.

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/assetdev/assetdev/internal/printable"
)

// clean makes text from outside safe to draw on one line.
func clean(s string) string { return printable.Line(s) }

// cleanText makes text from outside safe to draw, on several lines.
func cleanText(s string) string { return printable.Text(s) }

func shortAge(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d < 1000*24*time.Hour:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
	return strconv.Itoa(int(d/(365*24*time.Hour))) + "y"
}

func ago(d time.Duration) string {
	if d < time.Second {
		return "just now"
	}
	return shortAge(d) + " ago"
}

// shortDuration writes milliseconds in at most six cells.
func shortDuration(ms int64) string {
	switch {
	case ms < 0:
		return "–"
	case ms < 100:
		return strconv.FormatInt(ms, 10) + "ms"
	case ms < 100_000:
		return fmt.Sprintf("%d.%ds", ms/1000, ms%1000/100)
	case ms < 3_600_000:
		return fmt.Sprintf("%dm%02ds", ms/60_000, ms/1000%60)
	}
	return fmt.Sprintf("%dh%02dm", ms/3_600_000, ms/60_000%60)
}

// shortSeconds writes milliseconds as whole seconds, rounded up.
func shortSeconds(ms int64) string {
	s := (ms + 999) / 1000
	switch {
	case s < 100:
		return strconv.FormatInt(s, 10) + "s"
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

func shortCount(n int64) string {
	switch {
	case n < 0:
		return "–"
	case n < 10_000:
		return strconv.FormatInt(n, 10)
	case n < 1_000_000:
		return strconv.FormatInt(n/1000, 10) + "k"
	case n < 10_000_000:
		return fmt.Sprintf("%d.%dM", n/1_000_000, n/100_000%10)
	case n < 1_000_000_000:
		return strconv.FormatInt(n/1_000_000, 10) + "M"
	}
	return fmt.Sprintf("%d.%dG", n/1_000_000_000, n/100_000_000%10)
}

// grouped writes a whole number with separators, for where there is room.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func shortBytes(n int64) string {
	switch {
	case n < 0:
		return "–"
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// plural64 is plural with separators.
func plural64(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + one + "s"
}

// cutLines splits clean text into lines without an empty one at the end.
func cutLines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }

// reflow joins the lines of paragraphs, as authors break them for their editors. Lists and indented lines stay.
func reflow(text string) string {
	var b strings.Builder
	joins := false
	for l := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		own := strings.TrimSpace(l) == "" || strings.ContainsAny(l[:1], " -*#|0123456789")
		switch {
		case b.Len() == 0:
		case joins && !own:
			b.WriteByte(' ')
		default:
			b.WriteByte('\n')
		}
		b.WriteString(l)
		joins = strings.TrimSpace(l) != ""
	}
	return b.String()
}

// spoken writes a state as words: cut_off is "cut off".
func spoken(state string) string { return strings.ReplaceAll(state, "_", " ") }

// fuzzy reports whether the letters of pattern stand in text in this order, and how well: lower is better. Both are lower case.
func fuzzy(pattern, text string) (score int, ok bool) {
	if i := strings.Index(text, pattern); i >= 0 {
		return i, true
	}
	score, from, last := 1000, 0, -1
	for _, r := range pattern {
		if unicode.IsSpace(r) {
			continue
		}
		i := strings.IndexRune(text[from:], r)
		if i < 0 {
			return 0, false
		}
		if at := from + i; last >= 0 {
			score += at - last
		} else {
			score += at
		}
		last = from + i
		from = last + len(string(r))
	}
	return score, true
}
