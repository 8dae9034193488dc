package tui

// Rows of the asset under the cursor. Pages are read by a Cmd; a newer request cancels the one before it.

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/page"
	"github.com/assetdev/assetdev/tui/grid"
)

type previewPane struct {
	grid    grid.Grid
	key     graph.Key
	version string // data version that the page belongs to
	asked   int    // number of the newest request; answers to others are ignored
	busy    bool
	cancel  context.CancelFunc
	err     string
	wanted  int64              // row to go to once there are rows, 0 none
	at      time.Time          // of the newest change of the asset
	total   int64              // rows of the table, while the grid holds the first of an order
	shown   map[graph.Key]bool // hidden ones that the user asked for
	sort    sorting

	partition map[graph.Key]string // by asset the one whose rows are shown, where one was chosen
}

// sorting is the order that the rows are shown in, or will be.
type sorting struct {
	column     string // name, "" for the order of the table
	place      int    // of the column
	descending bool
	busy       bool // the rows at hand are in another order still
	cancel     context.CancelFunc
}

// sortMsg brings the first rows in an order.
type sortMsg struct {
	asked int
	page  page.Page
	err   error
}

type pageMsg struct {
	asked int
	page  page.Page
	err   error
}

// loadMsg comes a moment after the cursor moved on: only then is the asset's detail fetched.
type loadMsg struct{ key graph.Key }

// settle is how long the cursor must stand on an asset, when it moves fast, before rows are read for it.
const settle = 80 * time.Millisecond

func (m *Model) dataVersion(key graph.Key) string {
	if stored, ok := m.storedOf(key); ok && stored.Record != nil {
		return dataVersionOf(stored.Record)
	}
	return m.partOf(key).Partition()
}

// dataVersionOf tells what one record left behind from what others of its asset did.
func dataVersionOf(r *graph.Record) string {
	return fmt.Sprintf("%s %d %s", r.DataVersion, r.Seq, r.Key.Partition())
}

func (m *Model) hidden(key graph.Key) bool {
	return m.asset(key).Tags["assetdev/preview"] == "hide" && !m.rows.shown[key]
}

// noRows says why there is nothing to show of an asset, "" when there may be.
func (m *Model) noRows(key graph.Key) string {
	stored, known := m.storedOf(key)
	switch {
	case m.hidden(key):
		return "its rows are hidden (tag assetdev/preview: hide); enter shows them"
	case !known || stored.Data == graph.DataAbsent && stored.Record == nil:
		return "no data yet; " + keyName(m.keys.first("materialize")) + " materializes it"
	case stored.Data == graph.DataMissing:
		return "its data is gone; " + keyName(m.keys.first("materialize")) + " brings it back"
	case stored.Data == graph.DataUnreachable:
		return "the storage cannot be reached: " + clean(stored.Text)
	}
	return ""
}

// loadPreview asks for the rows that the screen needs and that are not there.
func (m *Model) loadPreview(key graph.Key) tea.Cmd {
	p := &m.rows
	version := m.dataVersion(key)
	now := m.opts.Now()
	if p.key != key {
		fast := now.Sub(p.at) < settle
		p.drop()
		p.grid.Reset()
		p.sort = sorting{}
		p.key, p.version, p.err, p.at = key, version, "", now
		if fast {
			return m.opts.Tick(settle, loadMsg{key})
		}
	} else if p.version != version { // same place in newer data
		p.drop()
		p.version, p.err = version, ""
		p.grid.Expire()
		if p.sort.column != "" && m.noRows(key) == "" {
			return m.readSorted()
		}
	}
	if p.sort.column != "" { // all rows of an order come at once
		return nil
	}
	if m.noRows(key) != "" || p.err != "" {
		return nil
	}
	offset, limit, ok := p.grid.Need()
	if !ok {
		return nil
	}
	if p.cancel != nil {
		p.cancel()
	}
	p.asked++
	p.busy = true
	ctx, cancel := context.WithCancel(m.ctx)
	p.cancel = cancel
	asked, front, part := p.asked, m.front, m.partOf(key)
	return func() tea.Msg {
		defer cancel()
		got, err := front.Preview(ctx, engine.PageRequest{Asset: part, Offset: offset, Limit: limit, MaxCellBytes: cellBytes})
		return pageMsg{asked, got, err}
	}
}

// seek goes to a row, now or when there are rows of the asset that the cursor has come to.
func (p *previewPane) seek(row int64) {
	p.wanted = row
	if p.grid.Goto(row); p.err != "" {
		p.err = ""
	}
}

// drop cancels the request that is under way.
func (p *previewPane) drop() {
	if p.cancel != nil {
		p.cancel()
	}
	if p.sort.cancel != nil {
		p.sort.cancel()
	}
	p.cancel, p.busy = nil, false
	p.sort.cancel, p.sort.busy = nil, false
	p.grid.Failed()
}

// sortColumn shows the rows in the order of the column under the cursor: upwards, downwards, then as the table has them.
func (m *Model) sortColumn() tea.Cmd {
	p := &m.rows
	got, ok := p.grid.Page()
	if key, _ := m.list.key(); !ok || len(got.Columns) == 0 || got.Note != "" || m.noRows(key) != "" {
		return m.say(calm, "there is no column")
	}
	_, place := p.grid.Cursor()
	name := got.Columns[place].Name
	switch s := &p.sort; {
	case s.column != name:
		p.drop()
		p.sort = sorting{column: name, place: place}
	case !s.descending:
		p.drop()
		p.sort.descending = true
	default:
		return m.unsort()
	}
	return m.readSorted()
}

// unsort shows the rows as the table has them, and ends what reads them in another order.
func (m *Model) unsort() tea.Cmd {
	p := &m.rows
	p.drop()
	p.sort = sorting{}
	if column, _ := p.grid.Sorted(); column >= 0 {
		p.grid.SetSorted(-1, false)
		p.grid.Unselect()
		p.grid.Expire()
	}
	return nil
}

func (m *Model) readSorted() tea.Cmd {
	p := &m.rows
	ctx, cancel := context.WithCancel(m.ctx)
	p.asked++
	p.sort.busy, p.sort.cancel = true, cancel
	asked, front := p.asked, m.front
	request := engine.SortRequest{Asset: m.partOf(p.key), Column: p.sort.column, Descending: p.sort.descending, Limit: engine.MaxSorted, MaxCellBytes: cellBytes / 4}
	return func() tea.Msg {
		defer cancel()
		got, err := front.Sorted(ctx, request)
		return sortMsg{asked, got, err}
	}
}

func (m *Model) gotSorted(msg sortMsg) tea.Cmd {
	p := &m.rows
	if msg.asked != p.asked || !p.sort.busy {
		return nil
	}
	p.sort.busy, p.sort.cancel = false, nil
	if msg.err != nil {
		cmd := m.unsort()
		return tea.Batch(cmd, m.say(bad, clean(msg.err.Error())))
	}
	p.total = msg.page.RowsTotal
	msg.page.RowsTotal = int64(len(msg.page.Rows)) // the grid holds all that there is of the order
	p.grid.SetPage(msg.page)
	p.grid.Unselect()
	p.grid.SetSorted(p.sort.place, p.sort.descending)
	p.grid.Goto(0)
	return nil
}

func (m *Model) gotPage(msg pageMsg) {
	p := &m.rows
	if msg.asked != p.asked || !p.busy {
		return
	}
	p.busy, p.cancel = false, nil
	if msg.err != nil {
		p.err = clean(msg.err.Error())
		p.grid.Failed()
		return
	}
	p.grid.SetPage(msg.page)
	if p.wanted > 0 {
		p.grid.Goto(p.wanted)
		p.wanted = 0
	}
}

func (m *Model) previewLines(w, h int, focused bool) []string {
	key, _ := m.list.key()
	text := m.noRows(key)
	switch {
	case text != "":
	case m.rows.key != key:
		text = "reading" + m.th.G.Ellipsis
	case m.rows.err != "":
		text = m.rows.err
	default:
		if p, ok := m.rows.grid.Page(); !ok {
			text = "reading" + m.th.G.Ellipsis
		} else if len(p.Columns) == 0 {
			text = "a table without columns"
		}
	}
	if text == "" {
		p, _ := m.rows.grid.Page()
		switch {
		case p.Note == "" || h < 4 && p.RowsTotal > 0:
			return m.rows.grid.Lines(w, h, &m.th.grid, focused)
		case p.RowsTotal > 0:
			note := m.th.line(w).put(m.th.Dim, " "+clean(p.Note)).end()
			return append([]string{note}, m.rows.grid.Lines(w, h-1, &m.th.grid, focused)...)
		}
		text, _, _ = strings.Cut(clean(p.Note), ";") // there is no metadata either
	}
	s := &sheet{th: m.th, w: w}
	s.blank()
	st := m.th.Dim
	if m.rows.err != "" && m.rows.err == text {
		st = m.th.Bad
	}
	s.text(st, text)
	return trim(s.lines, w, h)
}

func (m *Model) previewFoot() string {
	key, _ := m.list.key()
	p, ok := m.rows.grid.Page()
	if !ok || m.rows.key != key || m.noRows(key) != "" || m.rows.err != "" {
		return ""
	}
	first, last, left, right := m.rows.grid.Window()
	foot := fmt.Sprintf("rows %s–%s of %s", grouped(min(first+1, last)), grouped(last), grouped(p.RowsTotal))
	if column, _ := m.rows.grid.Sorted(); column >= 0 {
		foot = fmt.Sprintf("%s–%s of the first %s by %s, %s in all", grouped(min(first+1, last)), grouped(last), grouped(p.RowsTotal), clean(p.Columns[column].Name), plural64(m.rows.total, "row"))
	}
	switch selected := m.selected(); {
	case m.rows.sort.busy:
		foot = "reading the whole column to sort by " + clean(m.rows.sort.column) + m.th.G.Ellipsis + "   esc cancels   " + foot
	case selected != "":
		foot = selected + "   " + foot
	}
	if right-left < len(p.Columns) {
		foot += fmt.Sprintf("   cols %d–%d of %d", left+1, right, max(p.ColumnsTotal, len(p.Columns)))
	} else {
		foot += "   " + plural(max(p.ColumnsTotal, len(p.Columns)), "col")
	}
	if p.Bytes > 0 {
		foot += "   " + shortBytes(p.Bytes)
	}
	if partition := m.partOf(key).Partition(); partition != "" {
		foot += "   partition " + clean(partition)
	}
	if stored, _ := m.storedOf(key); stored.Record != nil {
		foot += "   made " + ago(m.opts.Now().Sub(stored.Record.At))
	}
	if m.word(key) == "stale" {
		foot += ": stale"
	}
	if m.th.G.ASCII {
		foot = strings.ReplaceAll(foot, "–", "-")
	}
	return foot
}
