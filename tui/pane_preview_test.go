package tui

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/page"
)

// TestPreviewShowsWhatARunHasMade: an asset without data gets its rows while the cursor stays on it.
func TestPreviewShowsWhatARunHasMade(t *testing.T) {
	before := shop()
	key := at("stg_orders")
	full := *before.Assets[key]
	empty := full
	empty.Stored, empty.Word = graph.Stored{}, "missing"
	before.Assets[key] = &empty
	f := &fake{snap: before}
	d, m := driven(t, f, 80, 24, nil)
	m.visit(key)
	d.Press("p")
	has(t, d, "no data yet")
	after := *before
	after.Seq++
	after.Assets = map[graph.Key]*engine.Asset{}
	maps.Copy(after.Assets, before.Assets)
	after.Assets[key] = &full
	push(d, m, f, &after)
	has(t, d, "1000001")
}

// TestPreviewOfMetadata: of an asset that hands over no data the metadata are shown, and it is said that they are that. They have no
// statistics and no order.
func TestPreviewOfMetadata(t *testing.T) {
	snap := shop()
	key := at("stg_orders")
	asset, record := *snap.Assets[key], *snap.Assets[key].Stored.Record
	record.File, record.Rows = "", 0
	asset.Stored.Record = &record
	snap.Assets[key] = &asset
	facts := page.Page{
		Note: "it hands over no data; this is its metadata", RowsTotal: 1, ColumnsTotal: 2, Columns: []page.Column{{Name: "metadata", Type: "utf8"}, {Name: "value", Type: "utf8"}},
		Rows: [][]page.Cell{{{Value: "order_count"}, {Value: "4711"}}},
	}
	f := &fake{snap: snap, facts: map[graph.Key]page.Page{key: facts}}
	d, m := driven(t, f, 80, 24, nil)
	m.visit(key)
	d.Press("p")
	has(t, d, "it hands over no data; this is its metadata", "order_count", "4711")
	if strings.Contains(d.Picture(), "0 rows") {
		t.Errorf("what has no data shows a number of rows:\n%s", d.Picture())
	}
	for _, press := range []string{"s", "O"} {
		d.Press(press)
		has(t, d, "there is no column")
	}
	f.facts[key] = page.Page{Note: facts.Note, ColumnsTotal: 2, Columns: facts.Columns}
	m.rows.grid.Reset()
	d.Press("p", "p")
	has(t, d, "it hands over no data")
	if strings.Contains(d.Picture(), "this is its metadata") {
		t.Errorf("there is no metadata, and it is announced:\n%s", d.Picture())
	}
}

// TestPreviewAsksOnce: a request under way is left alone. One that every message starts anew never ends.
func TestPreviewAsksOnce(t *testing.T) {
	f := &fake{snap: shop()}
	_, m := driven(t, f, 80, 24, nil)
	m.visit(at("stg_orders"))
	m.tab = tabPreview
	if m.load() == nil {
		t.Fatal("got no request, want one")
	}
	if m.load() != nil {
		t.Error("got a second request while the first is under way")
	}
}

// TestSort: O goes through the orders of a column; the rows keep their numbers, and esc ends what takes long.
func TestSort(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 100, 24, nil)
	d.Press("p", "l", "O")
	has(t, d, "customer_id ↑", "1204118 │", "of the first 10,000 by customer_id, 1,204,118 rows in all")
	d.Press("G", "O")
	has(t, d, "customer_id ↓")
	pages := len(f.pages)
	d.Press("O")
	has(t, d, "rows 1–7 of 1,204,118")
	if len(f.pages) != pages+1 {
		t.Errorf("leaving the order read %d pages, want 1", len(f.pages)-pages)
	}
	want := []engine.SortRequest{
		{Asset: at("stg_orders"), Column: "customer_id", Limit: engine.MaxSorted, MaxCellBytes: cellBytes / 4},
		{Asset: at("stg_orders"), Column: "customer_id", Descending: true, Limit: engine.MaxSorted, MaxCellBytes: cellBytes / 4},
	}
	if !reflect.DeepEqual(f.sorts, want) {
		t.Errorf("got requests %+v, want %+v", f.sorts, want)
	}
	if cmd := m.sortColumn(); cmd == nil || !m.rows.sort.busy {
		t.Fatal("nothing is read")
	}
	asked := m.rows.asked
	d.Press("l")
	has(t, d, "reading the whole column", "esc cancels")
	d.Press("esc")
	d.Send(sortMsg{asked: asked, page: page.Page{RowsTotal: 1}})
	if p, _ := m.rows.grid.Page(); p.RowsTotal != 1_204_118 || m.rows.sort.busy || m.focus != PaneDetail {
		t.Error("what was cancelled is shown, or esc did more")
	}
	f.err = errors.New("no order\x1b[2J")
	d.Press("O")
	has(t, d, `no order\x1b[2J`, "rows 1–7 of 1,204,118")
}

func TestStatistics(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 100, 30, nil)
	d.Press("p", "s")
	has(t, d, "Statistics of order_id", "nulls        240,823 (20.0 %)", "distinct     ≈963,295", "min          1000001")
	d.Press("y")
	has(t, d, "copied type")
	m.openStats()
	late := m.overlay.(*statsOverlay).asked
	d.Press("j")
	has(t, d, "reading the whole column")
	d.Press("esc")
	d.Send(statsMsg{asked: late})
	if m.overlay != nil {
		t.Error("the statistics are still there")
	}
}

// TestCell: a cell is opened in full, whatever the grid holds of it.
func TestCell(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	d.Press("p", "enter")
	has(t, d, "order_id  row 1", "1000001", "int64")
	d.Press("esc", "$", "j")
	p, _ := m.rows.grid.Page()
	p.Rows[1][8] = page.Cell{Value: "the beginn", Cut: true}
	m.rows.grid.SetPage(p)
	d.Press("enter")
	has(t, d, "note  row 2", "a longer text that says nothing at all about the order", "54 characters")
	last := f.pages[len(f.pages)-1]
	if last.MaxCellBytes != 0 || last.Offset != 1 || last.Limit != 1 || len(last.Columns) != 1 {
		t.Errorf("it read %+v", last)
	}
	d.Press("y")
	has(t, d, "copied a longer text")
	for _, test := range []struct {
		cell page.Cell
		want []string
	}{
		{page.Cell{Kind: page.Nested, Value: `{"a":[1,{"b":"c\u001b"}]}`}, []string{`  "a": [`, `      "b": "c\u001b"`}},
		{page.Cell{Kind: page.Binary, Value: "AAECaGVsbG8="}, []string{"00000000  00 01 02 68 65 6c 6c 6f", "8 bytes"}},
		{page.Cell{Kind: page.Text, Value: "one\n\x1b[2Jtwo\n" + strings.Repeat("wide 店", 40)}, []string{"one", `\x1b[2Jtwo`, "3 lines"}},
		{page.Cell{Kind: page.Null}, []string{"null"}},
		{page.Cell{}, []string{"the value is empty"}},
	} {
		p.Rows[1][8] = test.cell
		m.rows.grid.SetPage(p)
		d.Press("enter")
		has(t, d, test.want...)
		d.Press("j", "G", "k", "esc")
	}
}

func TestCopySelection(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 100, 24, nil)
	d.Press("p", "space", "j", "l")
	has(t, d, "2 × 2 selected")
	d.Press("y")
	has(t, d, "copied 2 rows of 2 columns")
	d.Press("C")
	has(t, d, "copied customer_id")
	d.Press("V", "G")
	has(t, d, "1,204,117 × 9 selected")
	d.Press("y")
	has(t, d, "too much: 50,000 rows at most")
	d.Press("esc")
	if m.focus != PaneDetail || m.selected() != "" {
		t.Error("esc did not only end the selection")
	}
	d.Press("g", "V", "ctrl+g")
	d.Type("2000")
	pages := len(f.pages)
	d.Press("enter", "J")
	has(t, d, "copied 2,000 rows of 9 columns")
	if got := f.pages[len(f.pages)-1]; len(f.pages) < pages+1 || got.Offset != 0 || got.Limit != 2000 || got.MaxCellBytes != 0 {
		t.Errorf("it read %+v", got)
	}
}

func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, w := rapid.StringOf(rapid.RuneFrom([]rune("ab 店é\u0301\u20e3"))).Draw(t, "text"), rapid.IntRange(2, 20).Draw(t, "w")
		lines := fold(text, w)
		if strings.Join(lines, "") != text {
			t.Fatalf("%q became %q", text, lines)
		}
		for _, l := range lines {
			if cells(l) > w+1 { // measured alone, a mark may be wider than in its cluster
				t.Fatalf("%q has %d cells, want at most %d", l, cells(l), w)
			}
		}
	})
}

// TestKeysOfThePreviewSayWhy: without rows, and on a column without an order, the keys of the preview say what is the matter.
func TestKeysOfThePreviewSayWhy(t *testing.T) {
	d, m := driven(t, &fake{snap: shop()}, 100, 30, nil)
	d.Press("p")
	p, _ := m.rows.grid.Page()
	p.Columns[0].Type = "struct<x: int64>"
	m.rows.grid.SetPage(p)
	d.Press("O")
	has(t, d, "a struct has no order")
	m.list.show(graph.MustKey("export_revenue"))
	for _, key := range []string{"s", "O", "ctrl+g", "y", "enter"} {
		m.note.text, m.dirty = "", true
		if d.Press(key); !strings.Contains(m.note.text, "no data yet") {
			t.Errorf("%s: got %q", key, m.note.text)
		}
	}
}

func TestBinaryStatisticsAreHex(t *testing.T) {
	_, m := driven(t, &fake{snap: shop()}, 100, 30, nil)
	o := &statsOverlay{stats: page.Stats{Min: &page.Cell{Kind: page.Binary, Value: "AAEC/w=="}}}
	if got := o.fields(m); !slices.Contains(got, [2]string{"min", "0x000102ff"}) {
		t.Errorf("got %q", got)
	}
}
