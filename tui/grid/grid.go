// Package grid is the data grid: a window of rows and columns over a table that may be far larger, with a cursor, a frozen
// header of names and types, and columns that scroll.
//
// The nouns: a [Grid] holds the newest [page.Page] it was given and where its cursor stands in the whole table; a [Look] is
// the strings it draws with.
//
// Invariants:
//
//	(a) Lines returns exactly h lines of exactly w cells, whatever the page holds.
//	(b) Only rows and columns that are on the screen are formatted.
//	(c) The cursor is always inside the table: 0 ≤ row < rows, 0 ≤ column < columns, and zero of an empty table.
//
// Deliberately absent: reading data (the owner asks [Grid.Need] and hands a page to [Grid.SetPage]), keys, colours of its own.
// No compatibility promise.
package grid

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/assetdev/assetdev/iomanager/page"
)

const (
	maxColumn = 40  // cells of one column
	minColumn = 3   //
	pageRows  = 200 // rows asked for at a time
)

// A Look is what a Grid draws with: opening SGR sequences, each ended by Reset, and signs; all but NullSign have one cell.
type Look struct {
	Header, Type, Null, Dim, Cursor, Row, Reset string
	Rule, Ellipsis, NullSign, Left, Right       string
}

// A Grid is one table. The zero Grid is an empty table.
type Grid struct {
	// Clean makes text from a data file safe for a terminal, on one line. It must be set before Lines is called.
	Clean func(string) string

	page     page.Page
	has      bool
	row      int64 // cursor, in the whole table
	top      int64 // first row on the screen
	col      int   // cursor, index into page.Columns
	left     int   // first column on the screen
	height   int   // data rows on the screen at the last Lines
	widths   []int // of the page's columns, computed when first needed
	shownTo  int   // column after the last one drawn
	inFlight int64 // offset asked for, -1 none
	expired  bool  // the page is of older data
}

// Reset makes the grid an empty table again.
func (g *Grid) Reset() { *g = Grid{Clean: g.Clean, inFlight: -1} }

// SetPage hands over a window of rows. The cursor stays where it is, moved into the table when that has shrunk.
func (g *Grid) SetPage(p page.Page) {
	g.page, g.has, g.expired, g.inFlight = p, true, false, -1
	g.widths = make([]int, len(p.Columns))
	g.clamp()
}

// Page returns the page the grid holds, and whether it holds one.
func (g *Grid) Page() (page.Page, bool) { return g.page, g.has }

// Cursor returns the place of the cursor in the whole table.
func (g *Grid) Cursor() (row int64, column int) { return g.row, g.col }

// Window returns the rows on the screen, [first, last), and the columns, as counted from 0.
func (g *Grid) Window() (first, last int64, left, right int) {
	last = min(g.top+int64(g.height), g.page.RowsTotal)
	return min(g.top, last), last, g.left, max(g.shownTo, g.left)
}

// Need returns the window of rows that should be read so that the screen can be filled, and false when the page at hand, or
// one that was asked for before, has them.
func (g *Grid) Need() (offset, limit int64, ok bool) {
	if g.has && !g.expired {
		first, last, _, _ := g.Window()
		if first >= g.page.Offset && last <= g.page.Offset+int64(len(g.page.Rows)) {
			return 0, 0, false
		}
	}
	offset = max(0, g.top-pageRows/3)
	if g.inFlight == offset {
		return 0, 0, false
	}
	g.inFlight = offset
	return offset, int64(max(pageRows, 3*g.height)), true
}

// Failed says that what Need asked for did not come, so that it is asked for again.
func (g *Grid) Failed() { g.inFlight = -1 }

// Move moves the cursor by rows and columns.
func (g *Grid) Move(rows int64, columns int) {
	g.row += rows
	g.col += columns
	g.clamp()
}

// Goto moves the cursor to a row, counted from 0.
func (g *Grid) Goto(row int64) {
	g.row = row
	g.clamp()
}

func (g *Grid) clamp() {
	g.row = max(0, min(g.row, g.page.RowsTotal-1))
	g.col = max(0, min(g.col, len(g.page.Columns)-1))
	if h := int64(max(g.height, 1)); g.row < g.top {
		g.top = g.row
	} else if g.row >= g.top+h {
		g.top = g.row - h + 1
	}
	g.top = max(0, min(g.top, g.page.RowsTotal-1))
	g.left = max(0, min(g.left, g.col))
}

// Cell returns the cleaned text of the cell under the cursor, and false when its row is not at hand.
func (g *Grid) Cell() (string, bool) {
	row, ok := g.at(g.row)
	if !ok || g.col >= len(row) {
		return "", false
	}
	return g.Clean(row[g.col].Value), true
}

// Row returns the cleaned texts of the row under the cursor joined by tabs, and false when it is not at hand.
func (g *Grid) Row() (string, bool) {
	row, ok := g.at(g.row)
	if !ok {
		return "", false
	}
	texts := make([]string, len(row))
	for i, c := range row {
		texts[i] = strings.ReplaceAll(g.Clean(c.Value), "\t", " ")
	}
	return strings.Join(texts, "\t"), true
}

func (g *Grid) at(row int64) ([]page.Cell, bool) {
	i := row - g.page.Offset
	if !g.has || i < 0 || i >= int64(len(g.page.Rows)) {
		return nil, false
	}
	return g.page.Rows[i], true
}

// Lines draws the table: two lines of header, then rows. focused marks the cell under the cursor.
func (g *Grid) Lines(w, h int, look *Look, focused bool) []string {
	if g.height = max(1, h-2); h <= 0 || w <= 0 {
		return blank(w, h)
	}
	g.clamp()
	numbers := max(3, len(strconv.FormatInt(min(g.page.RowsTotal, g.top+int64(g.height)), 10)))
	g.scrollColumns(w - numbers - 1)
	lines := make([]string, 0, h)
	lines = append(lines, g.line(w, numbers, "#", look.Header, look, func(c int) (string, string, bool) {
		return g.Clean(g.page.Columns[c].Name), look.Header, g.numeric(c)
	}))
	if h > 1 {
		lines = append(lines, g.line(w, numbers, "", look.Type, look, func(c int) (string, string, bool) {
			return shortType(g.Clean(g.page.Columns[c].Type)), look.Type, g.numeric(c)
		}))
	}
	for i := int64(0); len(lines) < h; i++ {
		if g.top+i >= g.page.RowsTotal {
			lines = append(lines, strings.Repeat(" ", w))
			continue
		}
		number := strconv.FormatInt(g.top+i+1, 10)
		row, ok := g.at(g.top + i)
		lines = append(lines, g.line(w, numbers, number, look.Dim, look, func(c int) (string, string, bool) {
			return g.cell(row, ok, c, g.top+i == g.row, focused, look)
		}))
	}
	return lines
}

func (g *Grid) cell(row []page.Cell, ok bool, c int, current, focused bool, look *Look) (text, style string, right bool) {
	switch {
	case !ok || c >= len(row):
		text, style = look.Ellipsis, look.Dim
	case row[c].Kind == page.Null:
		text, style, right = look.NullSign, look.Null, g.numeric(c)
	case row[c].Kind == page.Number:
		text, right = g.Clean(row[c].Value), true
	default:
		text = g.Clean(head(row[c].Value))
	}
	if current && focused {
		if style = look.Row; c == g.col {
			style = look.Cursor
		}
	}
	return text, style, right
}

// head cuts what can never be shown before it is cleaned, so that a cell of a megabyte costs nothing.
func head(s string) string {
	if len(s) > 1024 {
		return strings.ToValidUTF8(s[:1024], "")
	}
	return s
}

// line draws one line of the table: the row's number, then the visible columns.
func (g *Grid) line(w, numbers int, number, numberStyle string, look *Look, cell func(c int) (text, style string, right bool)) string {
	var b strings.Builder
	b.Grow(w + 64)
	n := 0
	put := func(style, s string, sw int) {
		if style != "" {
			b.WriteString(style)
			b.WriteString(s)
			b.WriteString(look.Reset)
		} else {
			b.WriteString(s)
		}
		n += sw
	}
	if w < numbers+4 {
		return strings.Repeat(" ", w)
	}
	put(numberStyle, strings.Repeat(" ", numbers-min(numbers, len(number)))+number, numbers)
	end := w
	if g.shownTo < len(g.page.Columns) {
		end = w - 2 // for the sign that there is more
	}
	for c := g.left; c < len(g.page.Columns); c++ {
		room := end - n - 3
		if room < minColumn {
			break
		}
		cw := min(g.width(c), room)
		sep := look.Rule
		if c == g.left && g.left > 0 {
			sep = look.Left
		}
		put(look.Dim, " "+sep+" ", 3)
		text, style, right := cell(c)
		tw := ansi.StringWidth(text)
		for n := cw; tw > cw; n-- { // Truncate and StringWidth disagree about a letter with a variation selector
			text = ansi.Truncate(text, n, look.Ellipsis)
			tw = ansi.StringWidth(text)
		}
		gap := strings.Repeat(" ", cw-tw)
		if right {
			put(style, gap+text, cw)
		} else {
			put(style, text+gap, cw)
		}
	}
	if n < w {
		tail := strings.Repeat(" ", w-n)
		if g.shownTo < len(g.page.Columns) && w-n >= 2 {
			put("", tail[:w-n-1], w-n-1)
			put(look.Dim, look.Right, 1)
		} else {
			put("", tail, w-n)
		}
	}
	return b.String()
}

// scrollColumns chooses the first column so that the cursor's column is whole on the screen where it fits at all.
func (g *Grid) scrollColumns(w int) {
	for g.left < g.col {
		total := 0
		for c := g.left; c <= g.col; c++ {
			total += 3 + g.width(c)
		}
		if total <= w {
			break
		}
		g.left++
	}
	g.shownTo = g.left
	for room := w; g.shownTo < len(g.page.Columns); g.shownTo++ {
		if room -= 3 + g.width(g.shownTo); room < 0 {
			break
		}
	}
	if g.shownTo == g.left && g.left < len(g.page.Columns) {
		g.shownTo++ // one that is wider than the screen is shown cut
	}
}

func (g *Grid) numeric(c int) bool {
	for _, row := range g.page.Rows {
		if c < len(row) && row[c].Kind != page.Null {
			return row[c].Kind == page.Number
		}
	}
	return false
}

func (g *Grid) width(c int) int {
	if g.widths[c] > 0 {
		return g.widths[c]
	}
	n := max(minColumn, ansi.StringWidth(g.Clean(g.page.Columns[c].Name)), ansi.StringWidth(shortType(g.Clean(g.page.Columns[c].Type))))
	for _, row := range g.page.Rows {
		if n >= maxColumn {
			break
		}
		if c < len(row) {
			n = max(n, ansi.StringWidth(g.Clean(head(row[c].Value))))
		}
	}
	g.widths[c] = min(n, maxColumn)
	return g.widths[c]
}

// shortType shortens the widest of Arrow's words for types.
func shortType(t string) string {
	switch t {
	case "string", "large_string", "large_utf8":
		return "utf8"
	case "float64", "double":
		return "f64"
	case "float32", "float":
		return "f32"
	case "int64", "int32", "int16", "int8":
		return "i" + t[3:]
	case "uint64", "uint32", "uint16", "uint8":
		return "u" + t[4:]
	}
	return strings.Replace(t, ", tz=", ", ", 1)
}

func blank(w, h int) []string {
	lines := make([]string, max(h, 0))
	for i := range lines {
		lines[i] = strings.Repeat(" ", max(w, 0))
	}
	return lines
}

// Expire says that the table has newer data: the page at hand is still drawn, and Need asks for its successor.
func (g *Grid) Expire() {
	if g.has {
		g.expired, g.inFlight = true, -1
	}
}
