package tui

// What goes to the clipboard. Cells of which the grid holds only the beginning, and rows that it does not hold, are read first.

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/iomanager/page"
)

// maxCopy is how much text a copy may have: what common terminals take.
const maxCopy = 1 << 20

// maxCopyRows is how many rows are read to be copied.
const maxCopyRows = 50_000

// A form is how cells are copied.
type form int

const (
	asTSV form = iota
	asJSON
)

type copyMsg struct {
	columns []page.Column
	rows    [][]page.Cell
	form    form
	cut     bool // some long value is cut
	err     error
}

// copyRow copies the row under the cursor, or the selected ones, with all columns.
func (m *Model) copyRow() tea.Cmd {
	first, last, _, _, _ := m.rows.grid.Selection()
	p, _ := m.rows.grid.Page()
	return m.copyRegion(first, last, 0, len(p.Columns), asTSV)
}

// copyCells copies the cell under the cursor, or what is selected.
func (m *Model) copyCells(f form) tea.Cmd {
	first, last, left, right, _ := m.rows.grid.Selection()
	return m.copyRegion(first, last, left, right, f)
}

// copyJSON copies what is selected, or the row under the cursor, as a list of objects.
func (m *Model) copyJSON() tea.Cmd {
	first, last, left, right, selected := m.rows.grid.Selection()
	if p, ok := m.rows.grid.Page(); ok && !selected {
		left, right = 0, len(p.Columns)
	}
	return m.copyRegion(first, last, left, right, asJSON)
}

func (m *Model) copyName() tea.Cmd {
	p, ok := m.rows.grid.Page()
	_, c := m.rows.grid.Cursor()
	if !ok || c >= len(p.Columns) {
		return m.copied("", false)
	}
	return m.copied(clean(p.Columns[c].Name), true)
}

func (m *Model) copyRegion(first, last int64, left, right int, f form) tea.Cmd {
	g := &m.rows.grid
	p, ok := g.Page()
	key, _ := m.list.key()
	switch {
	case !ok || first >= last || left >= right || m.noRows(key) != "":
		return m.copied("", false)
	case last-first > maxCopyRows:
		return m.say(calm, fmt.Sprintf("too much: %s rows at most", grouped(maxCopyRows)))
	}
	columns := p.Columns[left:right]
	held, ok := g.Rows(first, last)
	msg := copyMsg{columns: columns, form: f}
	for _, row := range held {
		row = row[min(left, len(row)):min(right, len(row))]
		msg.rows = append(msg.rows, row)
		for _, c := range row {
			msg.cut = msg.cut || c.Cut
		}
	}
	if ok && !msg.cut {
		return m.copyNow(msg)
	}
	if column, _ := g.Sorted(); column >= 0 { // they stand anywhere in the table
		if last-first != 1 || right-left != 1 {
			return m.copyNow(msg)
		}
		first = g.Number(first)
		last = first + 1
	}
	request := engine.PageRequest{Asset: m.partOf(key), Offset: first, Limit: last - first}
	for _, c := range columns {
		request.Columns = append(request.Columns, c.Name)
	}
	front, ctx := m.front, m.ctx
	return func() tea.Msg {
		p, err := front.Preview(ctx, request)
		return copyMsg{columns: p.Columns, rows: p.Rows, form: f, err: err}
	}
}

// copyNow hands cells to the clipboard.
func (m *Model) copyNow(msg copyMsg) tea.Cmd {
	if msg.err != nil {
		return m.say(bad, clean(msg.err.Error()))
	}
	text := ""
	switch msg.form {
	case asTSV:
		text = m.rows.grid.TSV(msg.rows)
	case asJSON:
		text = m.rows.grid.JSON(msg.columns, msg.rows)
	}
	if len(text) > maxCopy {
		return m.say(calm, fmt.Sprintf("too much: %s of text, a terminal's clipboard takes %s", shortBytes(int64(len(text))), shortBytes(maxCopy)))
	}
	if len(msg.rows) == 1 && len(msg.columns) == 1 && msg.form == asTSV {
		return m.copied(text, true)
	}
	m.rows.grid.Unselect()
	what := fmt.Sprintf("copied %s of %s", plural64(int64(len(msg.rows)), "row"), plural(len(msg.columns), "column"))
	if msg.cut {
		what += "; long values are cut"
	}
	return tea.Batch(m.write(m.caps.Copy(text)), m.say(calm, what))
}

// copied copies text, which must be clean.
func (m *Model) copied(text string, ok bool) tea.Cmd {
	if !ok {
		return m.say(calm, "there is nothing to copy")
	}
	return tea.Batch(m.write(m.caps.Copy(text)), m.say(calm, "copied "+clip(clean(text), 60, m.th.G.Ellipsis)))
}

// selected says how much of the preview is selected, "" when nothing is.
func (m *Model) selected() string {
	first, last, left, right, some := m.rows.grid.Selection()
	if !some {
		return ""
	}
	return fmt.Sprintf("%s × %d selected", grouped(last-first), right-left)
}
