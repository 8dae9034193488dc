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
	at      time.Time          // of the newest change of the asset
	shown   map[graph.Key]bool // hidden ones that the user asked for
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
	if a := m.snap.Assets[key]; a != nil && a.Stored.Record != nil {
		r := a.Stored.Record
		return fmt.Sprintf("%s %d", r.DataVersion, r.Seq)
	}
	return ""
}

func (m *Model) hidden(key graph.Key) bool {
	return m.asset(key).Tags["assetdev/preview"] == "hide" && !m.rows.shown[key]
}

// noRows says why there is nothing to show of an asset, "" when there may be.
func (m *Model) noRows(key graph.Key) string {
	a := m.snap.Assets[key]
	switch {
	case m.hidden(key):
		return "its rows are hidden (tag assetdev/preview: hide); enter shows them"
	case a == nil || a.Stored.Data == graph.DataAbsent && a.Stored.Record == nil:
		return "no data yet; " + keyName(m.keys.first("materialize")) + " materializes it"
	case a.Stored.Data == graph.DataMissing:
		return "its data is gone; " + keyName(m.keys.first("materialize")) + " brings it back"
	case a.Stored.Data == graph.DataUnreachable:
		return "the storage cannot be reached: " + clean(a.Stored.Text)
	case a.Stored.Record != nil && a.Stored.Record.File == "":
		return "it hands over no data"
	case a.Stored.Record != nil && a.Stored.Record.Rows < 0:
		return "its data is no table"
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
		p.key, p.version, p.err, p.at = key, version, "", now
		if fast {
			return m.opts.Tick(settle, loadMsg{key})
		}
	} else if p.version != version { // same place in newer data
		p.drop()
		p.version, p.err = version, ""
		p.grid.Expire()
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
	asked, front := p.asked, m.front
	return func() tea.Msg {
		defer cancel()
		got, err := front.Preview(ctx, engine.PageRequest{Asset: key, Offset: offset, Limit: limit})
		return pageMsg{asked, got, err}
	}
}

// drop cancels the request that is under way.
func (p *previewPane) drop() {
	if p.cancel != nil {
		p.cancel()
	}
	p.cancel, p.busy = nil, false
	p.grid.Failed()
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
		return m.rows.grid.Lines(w, h, &m.th.grid, focused)
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
	if right-left < len(p.Columns) {
		foot += fmt.Sprintf("   cols %d–%d of %d", left+1, right, max(p.ColumnsTotal, len(p.Columns)))
	} else {
		foot += "   " + plural(max(p.ColumnsTotal, len(p.Columns)), "col")
	}
	if p.Bytes > 0 {
		foot += "   " + shortBytes(p.Bytes)
	}
	if a := m.snap.Assets[key]; a != nil && a.Stored.Record != nil {
		foot += "   made " + ago(m.opts.Now().Sub(a.Stored.Record.At))
	}
	if m.word(key) == "stale" {
		foot += ": stale"
	}
	if m.th.G.ASCII {
		foot = strings.ReplaceAll(foot, "–", "-")
	}
	return foot
}
