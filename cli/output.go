package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/printable"
	"github.com/charmbracelet/x/ansi"
	"github.com/mattn/go-isatty"
)

// A look is how plain output looks: colours and glyphs.
type look struct{ colour, ascii bool }

func newLook(a *app) look {
	return look{
		colour: !a.noColor && os.Getenv("NO_COLOR") == "" && a.terminal(a.Stdout),
		ascii:  a.ascii || !utf8Locale(),
	}
}

func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return true
}

// terminal reports whether w is a terminal that understands more than lines.
func (a *app) terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd()) && os.Getenv("CI") == "" && os.Getenv("TERM") != "dumb"
}

// interactive reports whether there is a terminal for the screen.
func (a *app) interactive() bool {
	return !a.json && a.Stdin != nil && isatty.IsTerminal(a.Stdin.Fd()) && a.terminal(a.Stdout)
}

// Colours by meaning; each is an SGR parameter of the terminal's own 16 colours.
const (
	green  = "32"
	yellow = "33"
	red    = "31"
	blue   = "34"
	cyan   = "36"
	dim    = "2"
	bold   = "1"
)

func (l look) paint(sgr, text string) string {
	if !l.colour || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

// marks are the glyph, its ASCII twin and the colour of each word that a status, step or check can have. One meaning each.
var marks = map[string][3]string{
	"fresh": {"●", "*", green}, "stale": {"◐", "~", yellow}, "missing": {"○", "o", blue}, "overdue": {"◷", "%", yellow}, "unknown": {"?", "?", dim}, "external": {"◇", "^", dim},
	"queued": {"◌", ".", dim}, "running": {"▶", ">", cyan}, "succeeded": {"✓", "+", green}, "unchanged": {"=", "=", green}, "cut_off": {"≈", "-", green},
	"superseded": {"»", "]", yellow}, "failed": {"✗", "x", red}, "skipped": {"⊘", "/", dim}, "cancelled": {"■", "#", yellow}, "interrupted": {"‖", "!", yellow},
	"loaded": {"●", "*", green}, "broken": {"✗", "x", red}, "loading": {"◌", ".", dim}, "ok": {"✓", "+", green}, "warning": {"!", "!", yellow}, "error": {"✗", "x", red},
	"forced": {"▶", ">", cyan}, "check failed": {"△", "X", red},
}

// mark returns the painted glyph of a word.
func (l look) mark(word string) string {
	m, ok := marks[word]
	if !ok {
		return " "
	}
	if l.ascii {
		return l.paint(m[2], m[1])
	}
	return l.paint(m[2], m[0])
}

// word returns the painted word. It may come from a file.
func (l look) word(word string) string {
	return l.paint(marks[word][2], safe(strings.ReplaceAll(word, "_", " ")))
}

// A table prints aligned columns. Cells may be painted; numbers are right-aligned where the column says so.
type table struct {
	right []bool
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes the table with two spaces between columns and no trailing space.
func (t *table) print(w io.Writer, indent string) {
	var widths, cells []int // of the columns, and of each cell in order
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			n := width(cell)
			cells = append(cells, n)
			widths[i] = max(widths[i], n)
		}
	}
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush() // as with everything that is printed: who closed stdout does not read
	var line []byte
	pad := func(n int) {
		for range n {
			line = append(line, ' ')
		}
	}
	for _, row := range t.rows {
		line = append(line[:0], indent...)
		for i, cell := range row {
			missing := widths[i] - cells[0]
			cells = cells[1:]
			if i < len(t.right) && t.right[i] {
				pad(missing)
				missing = 0
			}
			line = append(line, cell...)
			pad(missing + 2)
		}
		_, _ = out.Write(append(bytes.TrimRight(line, " "), '\n')) // Flush has the error
	}
}

// width returns how many columns of a terminal a cell takes.
func width(cell string) int {
	for i := range len(cell) {
		if cell[i] < ' ' || cell[i] >= 0x7f {
			return ansi.StringWidth(cell)
		}
	}
	return len(cell)
}

// safe makes one line of foreign text fit for a terminal.
func safe(text string) string { return printable.Line(text) }

// safeText does so for several lines.
func safeText(text string) string { return printable.Text(text) }

// headline returns a message on one line, cut: libraries write pages, which the traceback below it has in full.
func headline(message string) string {
	return ansi.Truncate(safe(strings.Join(strings.Fields(message), " ")), maxHeadline, "…")
}

// maxHeadline is how much of a message of many lines is told before its traceback, in cells.
const maxHeadline = 400

// age says how long ago something was, in one short word.
func age(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	switch d := now.Sub(at); {
	case d < time.Minute:
		return strconv.Itoa(max(0, int(d.Seconds()))) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + "h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + "d"
	}
}

// took says how long something took.
func took(ms int64) string {
	switch {
	case ms < 0:
		return "-"
	case ms < 1000:
		return strconv.FormatInt(ms, 10) + "ms"
	case ms < 60_000:
		return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) + "s"
	default:
		return fmt.Sprintf("%dm%02ds", ms/60_000, ms/1000%60)
	}
}

// count writes a number with commas; a negative one is unknown.
func count(n int64) string {
	if n < 0 {
		return "-"
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size writes a number of bytes.
func size(n int64) string {
	switch {
	case n < 0:
		return "-"
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// plural returns "1 asset" or "2 assets".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// say prints the sentence that is the result of a command.
func (a *app) say(text string) error {
	if a.json {
		return printJSON(a.Stdout, map[string]any{"format": 1, "text": text})
	}
	if !a.quiet {
		fmt.Fprintln(a.Stdout, safe(text))
	}
	return nil
}

// remark tells people, on stderr, what is no result: why there is none, for instance.
func (a *app) remark(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintln(a.Stderr, safe(fmt.Sprintf(format, args...)))
	}
}

// printJSON writes one object on one line.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// counts tells how many assets have each status, strongest first.
func (l look) counts(counts map[graph.Status]int) string {
	var parts []string
	for _, s := range []graph.Status{graph.Fresh, graph.Stale, graph.Missing, graph.Overdue, graph.Unknown, graph.External} {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d %s", l.mark(s.String()), n, l.word(s.String())))
		}
	}
	return strings.Join(parts, "   ")
}
