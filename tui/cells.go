package tui

// Everything that is drawn is a []string of lines with an exact number of cells, put together from runs of plain text and
// prebuilt SGR sequences. Only these functions measure and cut.

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// cells returns how many cells s takes. s may hold escape sequences.
func cells(s string) int {
	n := 0
	for _, r := range s {
		if !single(r) {
			return ansi.StringWidth(s)
		}
		n++
	}
	return n
}

// single reports whether r has one cell whatever stands around it: ASCII, and the signs that the screen is made of. It spares
// most of the measuring of a frame.
func single(r rune) bool {
	return r >= 0x20 && r < 0x7f || r >= 0x2500 && r < 0x25fd || r >= 0x2800 && r < 0x2900 || r == '…' || r == '–'
}

const spaces = "                                                                                                                                "

// space returns n spaces.
func space(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(spaces) {
		return spaces[:n]
	}
	return strings.Repeat(" ", n)
}

// clip returns s cut to at most w cells, with tail in place of what is lost.
func clip(s string, w int, tail string) string {
	if w <= 0 {
		return ""
	}
	if cells(s) <= w {
		return s
	}
	for n := w; n > 0; n-- { // Truncate and StringWidth disagree about a letter with a variation selector
		if t := ansi.Truncate(s, n, tail); cells(t) <= w {
			return t
		}
	}
	return ""
}

// clipLeft returns s cut to at most w cells from its beginning, as paths are.
func clipLeft(s string, w int, head string) string {
	all := cells(s)
	for n := all - w; all > w && n <= all; n++ {
		if t := ansi.TruncateLeft(s, n+cells(head), head); cells(t) <= w {
			return t
		}
	}
	if all > w {
		return ""
	}
	return s
}

// fit returns s as exactly w cells.
func fit(s string, w int, tail string) string {
	s = clip(s, w, tail)
	return s + space(w-cells(s))
}

// A line collects runs of text up to a width.
type line struct {
	b    strings.Builder
	th   *Theme
	w, n int
	over Style // replaces every style: the selected row, that is reverse as a whole
}

func (th *Theme) line(w int) *line { return &line{th: th, w: w} }

// put adds s in a style, cut at the end of the line.
func (l *line) put(st Style, s string) *line {
	if l.n >= l.w || s == "" {
		return l
	}
	s = clip(s, l.w-l.n, l.th.G.Ellipsis)
	l.n += cells(s)
	if l.over != "" {
		st = l.over
	}
	if st == "" {
		l.b.WriteString(s)
		return l
	}
	l.b.WriteString(string(st))
	l.b.WriteString(s)
	l.b.WriteString(reset)
	return l
}

// raw adds s, that is styled and n cells wide, unless it does not fit.
func (l *line) raw(s string, n int) *line {
	if l.n+n <= l.w {
		l.b.WriteString(s)
		l.n += n
	}
	return l
}

// to adds spaces up to cell x.
func (l *line) to(x int) *line {
	return l.put("", space(min(x, l.w)-l.n))
}

// col adds s as a column of exactly n cells, and a gap of two.
func (l *line) col(st Style, s string, n int, right bool) *line {
	s = clip(s, n, l.th.G.Ellipsis)
	gap := space(n - cells(s))
	if right {
		return l.put("", gap).put(st, s).put("", "  ")
	}
	return l.put(st, s).put("", gap+"  ")
}

// end returns the line, filled up to its width.
func (l *line) end() string {
	if l.n < l.w {
		l.put("", space(l.w-l.n))
	}
	return l.b.String()
}

// wrap breaks text at spaces into lines of at most w cells, and long words where they must be.
func wrap(text string, w int) []string {
	var out []string
	if w < 1 {
		return nil
	}
	for paragraph := range strings.SplitSeq(text, "\n") {
		current, n := "", 0
		for word := range strings.FieldsSeq(paragraph) {
			for cells(word) > w {
				if n > 0 {
					out, current, n = append(out, current), "", 0
				}
				part := clip(word, w, "")
				if part == "" {
					word = ""
					break
				}
				out, word = append(out, part), word[len(part):]
			}
			switch ww := cells(word); {
			case ww == 0:
			case n == 0:
				current, n = word, ww
			case n+1+ww <= w && cells(current+" "+word) <= w: // a mark at the beginning of a word may widen the space
				current += " " + word
				n = cells(current)
			default:
				out, current, n = append(out, current), word, ww
			}
		}
		out = append(out, current)
	}
	return out
}

// fold breaks one line at any cell into lines of at most w cells; spaces stay.
func fold(text string, w int) []string {
	if w < 1 {
		return nil
	}
	var out []string
	from, n := 0, 0
	for at := 0; at < len(text); {
		size, width := 1, 1
		if text[at] >= 0x80 || at+1 < len(text) && text[at+1] >= 0x80 { // else nothing can join it
			g, gw := ansi.FirstGraphemeCluster(text[at:], ansi.GraphemeWidth)
			size, width = max(1, len(g)), gw
		}
		if n+width > w && n > 0 {
			out, from, n = append(out, text[from:at]), at, 0
		}
		at, n = at+size, n+width
	}
	return append(out, text[from:])
}

// lay puts a box of lines, all bw cells wide, over the lines at x, y. All lines keep their width w.
func lay(base, box []string, x, y, bw, w int) {
	for i, row := range box {
		at := y + i
		if at < 0 || at >= len(base) {
			continue
		}
		left, right := clip(base[at], x, ""), clipLeft(base[at], w-x-bw, "")
		base[at] = left + reset + space(x-cells(left)) + row + space(w-x-bw-cells(right)) + right + reset
	}
}

// trim makes lines exactly h, cutting or adding empty ones of w cells.
func trim(lines []string, w, h int) []string {
	if len(lines) > h {
		return lines[:max(h, 0)]
	}
	for len(lines) < h {
		lines = append(lines, space(w))
	}
	return lines
}
