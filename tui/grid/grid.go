// Package grid is the data grid: a window of rows and columns over a table that may be far larger, with a cursor, a frozen
// header of names and types, columns that scroll, and a selection.
//
// The nouns: a [Grid] holds the newest [page.Page] it was given and where its cursor stands in the whole table; a [Look] is
// the strings it draws with.
//
// Invariants:
//
//	(a) Lines returns exactly h lines of exactly w cells, whatever the page holds.
//	(b) Only rows and columns that are on the screen are formatted.
//	(c) The cursor is always inside the table: 0 ≤ row < rows, 0 ≤ column < columns, and zero of an empty table.
//	(d) A value never looks like another one: null, no text, text with ends that cannot be seen, more lines than one, bytes, parts
//	    and what is cut off are told apart without colour.
//	(e) Columns are as wide as what was on the screen of them so far; none gets narrower under the reader.
//
// Deliberately absent: reading data (the owner asks [Grid.Need] and hands a page to [Grid.SetPage]), keys, colours of its own.
// No compatibility promise.
package grid

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
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
	Header, Type, Null, Dim, Cursor, Row, Selected, Other, Reset string
	Rule, Ellipsis, NullSign, Left, Right, Return, Up, Down      string
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
	numbers  int   // cells of the rows' numbers, then
	widths   []int // of the page's columns
	measured []int // what was on the screen when a width was last looked at: see moment
	moment   int   // grows when other rows come on the screen
	shownTo  int   // column after the last one drawn
	inFlight int64 // offset asked for, -1 none
	expired  bool  // the page is of older data

	selecting bool
	whole     bool // the selection is of whole rows
	fromRow   int64
	fromCol   int

	sorted     int // column that the rows are in the order of, -1 none
	descending bool
}

// Reset makes the grid an empty table again.
func (g *Grid) Reset() { *g = Grid{Clean: g.Clean, inFlight: -1, sorted: -1} }

// SetPage hands over a window of rows. The cursor stays where it is, moved into the table when that has shrunk.
func (g *Grid) SetPage(p page.Page) {
	if !slices.Equal(g.page.Columns, p.Columns) {
		g.widths, g.measured = make([]int, len(p.Columns)), make([]int, len(p.Columns))
		g.selecting = false
	}
	g.page, g.has, g.expired, g.inFlight = p, true, false, -1
	g.moment++
	g.clamp()
}

// SetSorted says which column the rows stand in the order of, -1 for none.
func (g *Grid) SetSorted(column int, descending bool) { g.sorted, g.descending = column, descending }

// Sorted returns the column that the rows stand in the order of, -1 for none.
func (g *Grid) Sorted() (column int, descending bool) { return g.sorted, g.descending }

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

// Select begins a selection at the cursor, of cells or of whole rows; it reaches to wherever the cursor goes. Again, it ends.
func (g *Grid) Select(whole bool) {
	if g.selecting && g.whole == whole {
		g.selecting = false
		return
	}
	if !g.selecting {
		g.fromRow, g.fromCol = g.row, g.col
	}
	g.selecting, g.whole = len(g.page.Columns) > 0 && g.page.RowsTotal > 0, whole
}

// Unselect ends the selection and reports whether there was one.
func (g *Grid) Unselect() bool {
	was := g.selecting
	g.selecting = false
	return was
}

// Selection returns what is selected: rows [first, last) and columns [left, right). Without a selection it is the cell under the cursor.
func (g *Grid) Selection() (first, last int64, left, right int, selected bool) {
	if !g.selecting {
		return g.row, g.row + 1, g.col, g.col + 1, false
	}
	first, last = min(g.fromRow, g.row), max(g.fromRow, g.row)+1
	left, right = min(g.fromCol, g.col), max(g.fromCol, g.col)+1
	if g.whole {
		left, right = 0, len(g.page.Columns)
	}
	return max(0, first), min(last, g.page.RowsTotal), left, min(right, len(g.page.Columns)), true
}

// Rows returns rows [first, last) of the table, and false when not all of them are at hand.
func (g *Grid) Rows(first, last int64) ([][]page.Cell, bool) {
	if from, to := first-g.page.Offset, last-g.page.Offset; g.has && from >= 0 && from <= to && to <= int64(len(g.page.Rows)) {
		return g.page.Rows[from:to], true
	}
	return nil, false
}

// Number returns the number that a row has in the table, from 0: another one than its place where the rows are sorted.
func (g *Grid) Number(row int64) int64 {
	if i := row - g.page.Offset; i >= 0 && i < int64(len(g.page.Order)) {
		return g.page.Order[i]
	}
	return row
}

// Move moves the cursor by rows and columns.
func (g *Grid) Move(rows int64, columns int) {
	g.row += rows
	g.col += columns
	g.clamp()
}

// Click puts the cursor on what stands at cell x of line y as it was drawn last. On the header it chooses the column alone.
func (g *Grid) Click(x, y int) {
	at := g.numbers
	for c := g.left; c < g.shownTo && c < len(g.widths); c++ {
		if at += 3 + g.widths[c]; x < at {
			g.col = c
			break
		}
	}
	if row := g.top + int64(y-2); y >= 2 && row < g.page.RowsTotal {
		g.row = row
	}
	g.clamp()
}

// Goto moves the cursor to a row, counted from 0.
func (g *Grid) Goto(row int64) {
	g.row = max(0, min(row, g.page.RowsTotal-1))
	if h := int64(max(g.height, 1)); g.row < g.top || g.row >= g.top+h { // with what stands around it
		g.top = max(0, min(g.row-h/2, g.page.RowsTotal-h))
		g.moment++
	}
	g.clamp()
}

func (g *Grid) clamp() {
	top := g.top
	g.row = max(0, min(g.row, g.page.RowsTotal-1))
	g.col = max(0, min(g.col, len(g.page.Columns)-1))
	if h := int64(max(g.height, 1)); g.row < g.top {
		g.top = g.row
	} else if g.row >= g.top+h {
		g.top = g.row - h + 1
	}
	g.top = max(0, min(g.top, g.page.RowsTotal-1))
	g.left = max(0, min(g.left, g.col))
	if g.top != top {
		g.moment++
	}
}

// Cell returns the cell under the cursor, its value as the file has it, and false when its row is not at hand.
func (g *Grid) Cell() (page.Cell, bool) {
	row, ok := g.at(g.row)
	if !ok || g.col >= len(row) {
		return page.Cell{}, false
	}
	return row[g.col], true
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
	if g.height != max(1, h-2) {
		g.height = max(1, h-2)
		g.moment++
	}
	if h <= 0 || w <= 0 {
		return blank(w, h)
	}
	g.clamp()
	highest := min(g.page.RowsTotal, g.top+int64(g.height))
	for i := g.top; g.page.Order != nil && i < min(g.page.RowsTotal, g.top+int64(g.height)); i++ {
		highest = max(highest, g.Number(i)+1)
	}
	numbers := max(3, len(strconv.FormatInt(highest, 10)))
	g.numbers = numbers
	g.scrollColumns(w-numbers-1, look)
	first, last, left, rightEnd, some := g.Selection()
	if !some {
		last = first
	}
	lines := make([]string, 0, h)
	lines = append(lines, g.line(w, numbers, "#", look.Header, look, func(c int) (string, string, bool) {
		return g.title(c, look), look.Header, g.numeric(c)
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
		at := g.top + i
		number := strconv.FormatInt(g.Number(at)+1, 10)
		row, ok := g.at(at)
		selected := at >= first && at < last && focused
		lines = append(lines, g.line(w, numbers, number, look.Dim, look, func(c int) (string, string, bool) {
			text, style, right := g.cell(row, ok, c, look)
			switch {
			case focused && at == g.row && c == g.col:
				style = look.Cursor
			case selected && c >= left && c < rightEnd:
				style = look.Selected
			case focused && at == g.row:
				style = look.Row
			}
			return text, style, right
		}))
	}
	return lines
}

// title is the name of a column, and the direction of the order where the rows are in that of this column.
func (g *Grid) title(c int, look *Look) string {
	name := g.Clean(g.page.Columns[c].Name)
	switch {
	case c != g.sorted:
		return name
	case g.descending:
		return name + " " + look.Down
	}
	return name + " " + look.Up
}

func (g *Grid) cell(row []page.Cell, ok bool, c int, look *Look) (text, style string, right bool) {
	if !ok || c >= len(row) {
		return look.Ellipsis, look.Dim, false
	}
	switch row[c].Kind {
	case page.Null:
		return look.NullSign, look.Null, g.numeric(c)
	case page.Number:
		right = true
	case page.Binary, page.Nested:
		style = look.Other
	case page.Text, page.Boolean:
		if row[c].Value == "" {
			style = look.Null
		}
	}
	return g.text(row[c], look), style, right
}

// text is what a cell that is not null shows on its one line.
func (g *Grid) text(c page.Cell, look *Look) string {
	value, cut := head(c.Value)
	switch c.Kind {
	case page.Binary:
		if b, err := base64.StdEncoding.DecodeString(value[:len(value)/4*4]); err == nil {
			value = "0x" + hex.EncodeToString(b)
		}
	case page.Text:
		odd := value == "" || value == look.NullSign || strings.TrimSpace(value) != value || value[0] == '"' && value[len(value)-1] == '"'
		if strings.ContainsAny(value, "\r\n") {
			value = strings.NewReplacer("\r\n", look.Return, "\n", look.Return).Replace(value)
		}
		if odd {
			value = `"` + value + `"`
		}
	case page.Number, page.Null, page.Boolean, page.Nested:
	}
	if value = g.Clean(value); cut || c.Cut {
		value += look.Ellipsis
	}
	return value
}

// head cuts what can never be shown before it is cleaned, so that a cell of a megabyte costs nothing.
func head(s string) (string, bool) {
	if len(s) > 1024 {
		return strings.ToValidUTF8(s[:1024], ""), true
	}
	return s, false
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
		cw := min(g.width(c, look), room)
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
func (g *Grid) scrollColumns(w int, look *Look) {
	for g.left < g.col {
		total := 0
		for c := g.left; c <= g.col; c++ {
			total += 3 + g.width(c, look)
		}
		if total <= w {
			break
		}
		g.left++
	}
	g.shownTo = g.left
	for room := w; g.shownTo < len(g.page.Columns); g.shownTo++ {
		if room -= 3 + g.width(g.shownTo, look); room < 0 {
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

// width is how wide a column is: what its name, its type and the rows on the screen need, and not less than before.
func (g *Grid) width(c int, look *Look) int {
	if g.measured[c] == g.moment {
		return g.widths[c]
	}
	n := max(minColumn, ansi.StringWidth(g.title(c, look)), ansi.StringWidth(shortType(g.Clean(g.page.Columns[c].Type))))
	for i := g.top; i < g.top+int64(max(g.height, 1)) && n < maxColumn; i++ {
		if row, ok := g.at(i); ok && c < len(row) {
			text, _, _ := g.cell(row, true, c, look)
			n = max(n, ansi.StringWidth(text))
		}
	}
	g.widths[c], g.measured[c] = max(g.widths[c], min(n, maxColumn)), g.moment
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
