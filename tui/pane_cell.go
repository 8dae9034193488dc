package tui

// What the preview shows beside its rows: one cell in full, and what is said of a whole column.

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/page"
)

const (
	cellBytes = 1 << 10 // of a cell in the grid; opened or copied, it is read in full
	shownCell = 1 << 20 // of a cell that is opened
)

// cellOverlay shows one cell.
type cellOverlay struct {
	title, about string
	column       page.Column
	cell         page.Cell
	waits        bool // for the whole of it
	err          string
	asked        int

	w     int // width that lines are for
	lines []string
	top   int
	h     int
}

type cellMsg struct {
	asked int
	cell  page.Cell
	err   error
}

// openCell opens the cell under the cursor, and reads all of it when the grid holds its beginning only.
func (m *Model) openCell() tea.Cmd {
	key, _ := m.list.key()
	if m.hidden(key) {
		return m.reveal()
	}
	p, ok := m.rows.grid.Page()
	cell, has := m.rows.grid.Cell()
	if !ok || !has {
		return m.say(calm, "there is no cell")
	}
	row, column := m.rows.grid.Cursor()
	number := m.rows.grid.Number(row)
	c := p.Columns[column]
	m.cells++
	o := &cellOverlay{title: clean(c.Name) + "  row " + grouped(number+1), about: clean(c.Type), column: c, cell: cell, waits: cell.Cut, asked: m.cells}
	m.overlay = o
	if !cell.Cut {
		return nil
	}
	read := m.wholeCell(key, number, c.Name)
	return func() tea.Msg {
		cell, err := read()
		return cellMsg{o.asked, cell, err}
	}
}

// wholeCell returns what reads one cell in full.
func (m *Model) wholeCell(key graph.Key, row int64, column string) func() (page.Cell, error) {
	front, ctx, part := m.front, m.ctx, m.partOf(key)
	return func() (page.Cell, error) {
		p, err := front.Preview(ctx, engine.PageRequest{Asset: part, Offset: row, Limit: 1, Columns: []string{column}})
		if err == nil && (len(p.Rows) != 1 || len(p.Rows[0]) != 1) {
			err = fmt.Errorf("row %d is not there any more", row+1)
		}
		if err != nil {
			return page.Cell{}, err
		}
		return p.Rows[0][0], nil
	}
}

func (m *Model) gotCell(msg cellMsg) {
	if o, ok := m.overlay.(*cellOverlay); ok && o.asked == msg.asked {
		if o.waits, o.lines = false, nil; msg.err != nil {
			o.err = clean(msg.err.Error())
		} else {
			o.cell = msg.cell
		}
	}
}

func (o *cellOverlay) key(m *Model, key string) tea.Cmd {
	switch key {
	case "esc", "q", "enter":
		m.overlay = nil
		return nil
	case "y":
		m.overlay = nil
		return m.copied(clean(o.cell.Value), !o.waits)
	}
	o.top = scrolled(o.top, key, o.h, len(o.lines))
	return nil
}

// scrolled returns the first line on the screen after a key that scrolls.
func scrolled(top int, key string, h, total int) int {
	switch key {
	case "j", "down":
		top++
	case "k", "up":
		top--
	case "pgdown", "ctrl+d", "space":
		top += max(1, h/2)
	case "pgup", "ctrl+u":
		top -= max(1, h/2)
	case "g", "home":
		top = 0
	case "G", "end":
		top = total
	}
	return max(0, min(top, total-h))
}

func (o *cellOverlay) paste(*Model, string) tea.Cmd { return nil }

func (o *cellOverlay) size(m *Model) (w, h int) {
	w = min(120, m.w-8)
	return w, max(3, len(o.fold(w)))
}

func (o *cellOverlay) draw(m *Model, w, h int) (title string, lines []string, foot string) {
	all := o.fold(w)
	o.h = h
	o.top = max(0, min(o.top, len(all)-h))
	foot = o.about + "   " + o.what() + "   y copy   esc close"
	switch {
	case o.waits:
		foot = o.about + "   reading all of it" + m.th.G.Ellipsis
	case o.err != "":
		foot = o.err
	case len(all) > h:
		foot += fmt.Sprintf("   %d/%d", min(len(all), o.top+h), len(all))
	}
	style := Style("")
	if o.cell.Kind == page.Null || o.cell.Value == "" {
		style = m.th.Dim
	}
	for _, l := range all[o.top:min(len(all), o.top+h)] {
		lines = append(lines, m.th.line(w).put(style, l).end())
	}
	return o.title, lines, foot
}

// what says what kind of value it is, and how long.
func (o *cellOverlay) what() string {
	switch c := o.cell; c.Kind {
	case page.Null:
		return "null"
	case page.Binary:
		return plural(base64.RawStdEncoding.DecodedLen(len(strings.TrimRight(c.Value, "="))), "byte")
	case page.Text:
		if n := strings.Count(c.Value, "\n"); n > 0 {
			return plural(len([]rune(c.Value)), "character") + ", " + plural(n+1, "line")
		}
		return plural(len([]rune(c.Value)), "character")
	case page.Nested, page.Number, page.Boolean:
	}
	return plural(len(o.cell.Value), "character")
}

// fold returns the cell as lines of at most w cells.
func (o *cellOverlay) fold(w int) []string {
	if o.lines != nil && o.w == w {
		return o.lines
	}
	value, more := o.cell.Value, ""
	if len(value) > shownCell {
		value, more = strings.ToValidUTF8(value[:shownCell], ""), "\n(the rest is not shown; y copies all of it)"
	}
	switch o.cell.Kind {
	case page.Null:
		value = "null"
	case page.Binary:
		if b, err := base64.StdEncoding.DecodeString(value[:len(value)/4*4]); err == nil {
			value = strings.TrimRight(hex.Dump(b), "\n")
		}
	case page.Nested:
		var indented bytes.Buffer
		if json.Indent(&indented, []byte(value), "", "  ") == nil { // else it is the beginning of JSON only
			value = indented.String()
		}
	case page.Text:
		if value == "" {
			value = "no text: the value is empty"
		}
	case page.Number, page.Boolean:
	}
	o.w, o.lines = w, nil
	for l := range strings.SplitSeq(cleanText(value+more), "\n") {
		o.lines = append(o.lines, fold(l, w)...)
	}
	return o.lines
}

// statsOverlay says what a pass over a whole column found.
type statsOverlay struct {
	column string
	cancel context.CancelFunc
	busy   bool
	stats  page.Stats
	err    string
	asked  int
}

type statsMsg struct {
	asked int
	stats page.Stats
	err   error
}

// openStats reads the column under the cursor as a whole.
func (m *Model) openStats() tea.Cmd {
	key, _ := m.list.key()
	p, ok := m.rows.grid.Page()
	if !ok || len(p.Columns) == 0 || p.Note != "" || m.noRows(key) != "" {
		return m.say(calm, "there is no column")
	}
	_, column := m.rows.grid.Cursor()
	ctx, cancel := context.WithCancel(m.ctx)
	m.cells++
	o := &statsOverlay{column: p.Columns[column].Name, cancel: cancel, busy: true, asked: m.cells}
	m.overlay = o
	front, request := m.front, engine.StatsRequest{Asset: m.partOf(key), Column: o.column}
	return func() tea.Msg {
		defer cancel()
		stats, err := front.Stats(ctx, request)
		return statsMsg{o.asked, stats, err}
	}
}

func (m *Model) gotStats(msg statsMsg) {
	o, ok := m.overlay.(*statsOverlay)
	if !ok || o.asked != msg.asked {
		return
	}
	if o.busy, o.stats = false, msg.stats; msg.err != nil {
		o.err = clean(msg.err.Error())
	}
}

func (o *statsOverlay) key(m *Model, key string) tea.Cmd {
	switch key {
	case "esc", "q", "s", "enter":
		o.cancel()
		m.overlay = nil
	case "y":
		if !o.busy && o.err == "" {
			o.cancel()
			m.overlay = nil
			var lines []string
			for _, l := range o.fields(m) {
				lines = append(lines, l[0]+"\t"+l[1])
			}
			return m.copied(strings.Join(lines, "\n"), true)
		}
	}
	return nil
}

func (o *statsOverlay) paste(*Model, string) tea.Cmd { return nil }

func (o *statsOverlay) size(m *Model) (w, h int) {
	return min(72, m.w-8), max(3, len(o.body(m, min(72, m.w-8))))
}

func (o *statsOverlay) draw(m *Model, w, _ int) (title string, lines []string, foot string) {
	foot = "y copy   esc close"
	if o.busy {
		foot = "esc cancel"
	}
	return "Statistics of " + clean(o.column), o.body(m, w), foot
}

func (o *statsOverlay) body(m *Model, w int) []string {
	s := &sheet{th: m.th, w: w}
	switch {
	case o.busy:
		s.text(m.th.Dim, "reading the whole column"+m.th.G.Ellipsis)
	case o.err != "":
		s.text(m.th.Bad, o.err)
	default:
		for _, f := range o.fields(m) {
			s.field(f[0], f[1])
		}
	}
	return s.lines
}

// fields are the statistics as names and values.
func (o *statsOverlay) fields(m *Model) [][2]string {
	st := o.stats
	share := func(n int64) string {
		if st.Rows == 0 || n == 0 {
			return grouped(n)
		}
		percent := 100 * float64(n) / float64(st.Rows)
		text := fmt.Sprintf("%.1f", percent)
		if percent < 0.1 {
			text = "<0.1"
		}
		return grouped(n) + " (" + text + " %)"
	}
	distinct := share(st.Distinct)
	switch {
	case st.About && m.th.G.ASCII:
		distinct = "about " + distinct
	case st.About:
		distinct = "≈" + distinct
	case st.Distinct == st.Rows && st.Rows > 0:
		distinct = grouped(st.Distinct) + " (every row has its own)"
	}
	out := [][2]string{{"type", clean(st.Column.Type)}, {"rows", grouped(st.Rows)}, {"nulls", share(st.Nulls)}}
	if st.Empty > 0 {
		out = append(out, [2]string{"empty", share(st.Empty)})
	}
	if st.NaN > 0 {
		out = append(out, [2]string{"NaN", share(st.NaN)})
	}
	out = append(out, [2]string{"distinct", distinct})
	value := func(c *page.Cell) string {
		switch {
		case c == nil:
			return m.dash()
		case c.Value == "":
			return `""`
		}
		text := clean(c.Value)
		if b, err := base64.StdEncoding.DecodeString(c.Value[:len(c.Value)/4*4]); c.Kind == page.Binary && err == nil {
			text = "0x" + hex.EncodeToString(b) // as in the grid
		}
		if c.Cut {
			text += m.th.G.Ellipsis
		}
		return clip(text, 400, m.th.G.Ellipsis)
	}
	return append(out, [2]string{"min", value(st.Min)}, [2]string{"max", value(st.Max)})
}
