package grid

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/iomanager/page"
)

var plain = &Look{Rule: "│", Ellipsis: "…", NullSign: "∅", Left: "‹", Right: "›", Return: "↵", Up: "↑", Down: "↓"}

func clean(s string) string { return strings.Map(func(r rune) rune { return max(r, ' ') }, s) }

// table is a page of rows, offset of total; cells name their place.
func table(columns int, offset, rows, total int64) page.Page {
	p := page.Page{RowsTotal: total, ColumnsTotal: columns, Offset: offset}
	for c := range columns {
		p.Columns = append(p.Columns, page.Column{Name: fmt.Sprintf("c%d", c), Type: "int64"})
	}
	if columns > 1 {
		p.Columns[1].Name = strings.Repeat("1\ufe0f\u20e3店", 20)
	}
	for r := range min(rows, total-offset) {
		row := make([]page.Cell, columns)
		for c := range row {
			row[c] = page.Cell{Kind: page.Number, Value: fmt.Sprintf("%d", (offset+r)*10+int64(c))}
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

func TestPicture(t *testing.T) {
	g := &Grid{Clean: clean}
	g.Reset()
	p := table(3, 0, 3, 3)
	p.Columns[1] = page.Column{Name: "city", Type: "large_string", Nullable: true}
	for i, city := range []string{"東京", "", "a very long name of a city that nobody can remember"} {
		p.Rows[i][1] = page.Cell{Kind: page.Text, Value: city}
	}
	p.Rows[1][1] = page.Cell{Kind: page.Null}
	g.SetPage(p)
	got := strings.Join(g.Lines(66, 6, plain, false), "\n")
	want := strings.Join([]string{
		"  # │  c0 │ city                                     │  c2        ",
		"    │ i64 │ utf8                                     │ i64        ",
		"  1 │   0 │ 東京                                     │   2        ",
		"  2 │  10 │ ∅                                        │  12        ",
		"  3 │  20 │ a very long name of a city that nobody … │  22        ",
		strings.Repeat(" ", 66),
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	g.Move(1, 2)
	if cell, ok := g.Cell(); !ok || cell.Value != "12" {
		t.Errorf("cell %v %v, want 12", cell, ok)
	}
}

// TestValuesAreToldApart: what differs in the file differs on the screen, without colour.
func TestValuesAreToldApart(t *testing.T) {
	g := &Grid{Clean: clean}
	g.Reset()
	long := strings.Repeat("long ", 300)
	cells := []page.Cell{
		{Kind: page.Null},
		{},
		{Value: "∅"},
		{Value: `""`},
		{Value: " a"},
		{Value: "a"},
		{Value: "a\nb"},
		{Value: "a\r\nb\n"},
		{Kind: page.Binary, Value: "AAEC/w=="},
		{Kind: page.Nested, Value: `{"a":[1]}`},
		{Value: "lo", Cut: true},
		{Value: long},
		{Kind: page.Boolean, Value: "true"},
	}
	want := []string{"∅", `""`, `"∅"`, `""""`, `" a"`, "a", "a↵b", `"a↵b↵"`, "0x000102ff", `{"a":[1]}`, "lo…", "long long long long long long long long…", "true"}
	p := page.Page{RowsTotal: int64(len(cells)), ColumnsTotal: 1, Columns: []page.Column{{Name: "c", Type: "utf8"}}}
	for _, c := range cells {
		p.Rows = append(p.Rows, []page.Cell{c})
	}
	g.SetPage(p)
	for i, l := range g.Lines(60, len(cells)+2, plain, false)[2:] {
		if _, got, _ := strings.Cut(l, "│ "); strings.TrimRight(got, " ") != want[i] {
			t.Errorf("%+v: got %q, want %q", cells[i], strings.TrimRight(got, " "), want[i])
		}
	}
}

// TestWidthsGrow: a column is as wide as what was on the screen of it, and never gets narrower under the reader.
func TestWidthsGrow(t *testing.T) {
	g := &Grid{Clean: clean}
	g.Reset()
	p := table(2, 0, 100, 100)
	p.Columns[1].Name = "x"
	p.Rows[50][0].Value = "123456789012"
	g.SetPage(p)
	at := func() int {
		return strings.Index(strings.ReplaceAll(g.Lines(60, 12, plain, false)[0], "│", "|"), "x")
	}
	narrow := at()
	g.Goto(50)
	wide := at()
	if wide <= narrow {
		t.Errorf("x at %d, was at %d: the column did not widen for what came on the screen", wide, narrow)
	}
	g.Goto(0)
	if got := at(); got != wide {
		t.Errorf("x at %d, was at %d: the column got narrower", got, wide)
	}
}

func TestSelection(t *testing.T) {
	g := &Grid{Clean: clean}
	g.Reset()
	p := table(4, 0, 20, 20)
	p.Columns[1].Name = "na\tme"
	p.Rows[3][1] = page.Cell{Value: "a\tb\u202e\n"}
	p.Rows[3][2] = page.Cell{Kind: page.Null}
	g.Clean = func(s string) string {
		return strings.NewReplacer("\t", `\t`, "\n", `\n`, "\u202e", `\u202e`).Replace(s)
	}
	g.SetPage(p)
	g.Goto(3)
	g.Move(0, 2)
	g.Select(false)
	g.Move(-1, -1)
	first, last, left, right, some := g.Selection()
	if !some || first != 2 || last != 4 || left != 1 || right != 3 {
		t.Fatalf("selected [%d,%d) × [%d,%d), %v", first, last, left, right, some)
	}
	rows, ok := g.Rows(first, last)
	if !ok {
		t.Fatal("the rows are not at hand")
	}
	for i := range rows {
		rows[i] = rows[i][left:right]
	}
	if got, want := g.TSV(rows), "21\t22\n"+`a\tb\u202e\n`+"\t"; got != want {
		t.Errorf("TSV %q, want %q", got, want)
	}
	if got, want := g.JSON(p.Columns[left:right], rows), "[\n"+`  {"na\tme": "21", "c2": "22"},`+"\n"+`  {"na\tme": "a\tb\u202e\n", "c2": null}`+"\n]"; got != want {
		t.Errorf("JSON %s, want %s", got, want)
	}
	g.Select(true)
	if _, _, left, right, _ := g.Selection(); left != 0 || right != 4 {
		t.Errorf("whole rows: columns [%d,%d)", left, right)
	}
	if g.Select(true); g.Unselect() {
		t.Error("it is still selecting")
	}
	if _, ok := g.Rows(0, 21); ok {
		t.Error("rows behind the end are at hand")
	}
}

func TestSorted(t *testing.T) {
	g := &Grid{Clean: clean}
	g.Reset()
	p := table(2, 0, 3, 3)
	p.Order = []int64{700, 3, 12}
	g.SetPage(p)
	g.SetSorted(0, true)
	lines := g.Lines(40, 5, plain, false)
	if !strings.Contains(lines[0], "c0 ↓") || !strings.HasPrefix(lines[2], "701 ") || !strings.HasPrefix(lines[3], "  4 ") {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
	if g.Number(2) != 12 || g.Number(3) != 3 {
		t.Errorf("row 2 has number %d", g.Number(2))
	}
}

func TestColumnsScroll(t *testing.T) {
	g := &Grid{Clean: clean}
	g.Reset()
	g.SetPage(table(20, 0, 5, 5))
	g.Lines(30, 5, plain, true)
	g.Move(0, 19)
	lines := g.Lines(30, 5, plain, true)
	if !strings.Contains(lines[0], "c19") || !strings.Contains(lines[0], "‹") || strings.Contains(lines[0], "›") {
		t.Errorf("the last column is not on the screen: %q", lines[0])
	}
	g.Move(0, -19)
	if lines = g.Lines(30, 5, plain, true); !strings.Contains(lines[0], "c0") || !strings.Contains(lines[0], "›") {
		t.Errorf("the first column is not on the screen: %q", lines[0])
	}
}

// What Need asks for always covers the screen, and it asks once.
func TestNeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(0, 5000).Draw(t, "total")
		g := &Grid{Clean: clean}
		g.Reset()
		for range 20 {
			w, h := rapid.IntRange(0, 120).Draw(t, "w"), rapid.IntRange(0, 80).Draw(t, "h")
			if offset, limit, ok := g.Need(); ok {
				if _, _, again := g.Need(); again {
					t.Fatal("it asked twice for the same rows")
				}
				g.SetPage(table(rapid.IntRange(0, 9).Draw(t, "columns"), offset, limit, total))
			}
			if _, _, ok := g.Need(); ok {
				t.Fatalf("a page that was asked for is not enough: %+v", g)
			}
			lines := g.Lines(w, h, plain, true)
			if len(lines) != h {
				t.Fatalf("%d lines, want %d", len(lines), h)
			}
			for _, l := range lines {
				if n := ansi.StringWidth(l); n != w {
					t.Fatalf("%d cells, want %d: %q", n, w, l)
				}
			}
			row, column := g.Cursor()
			if row < 0 || column < 0 || row > 0 && row >= total {
				t.Fatalf("cursor at %d %d of %d", row, column, total)
			}
			if rapid.IntRange(0, 3).Draw(t, "select") == 0 {
				g.Select(rapid.Bool().Draw(t, "whole"))
			}
			g.Move(rapid.Int64Range(-3000, 3000).Draw(t, "rows"), rapid.IntRange(-9, 9).Draw(t, "cols"))
		}
	})
}

func TestExpire(t *testing.T) {
	g := &Grid{Clean: clean}
	g.Reset()
	g.Need()
	g.SetPage(table(2, 0, 10, 10))
	if _, _, ok := g.Need(); ok {
		t.Error("it asks for what it has")
	}
	g.Expire()
	if _, _, ok := g.Need(); !ok {
		t.Error("it does not ask for newer data")
	}
	if _, ok := g.Page(); !ok {
		t.Error("the older page is gone before the newer one came")
	}
}

func BenchmarkLines(b *testing.B) {
	g := &Grid{Clean: clean}
	g.Reset()
	g.SetPage(table(300, 0, 400, 1_000_000))
	for b.Loop() {
		g.Move(1, 0)
		g.Lines(160, 45, plain, true)
	}
}

// TestGotoShowsWhatStandsAround: a row far away comes to the middle, the last one to the bottom of a full page.
func TestGotoShowsWhatStandsAround(t *testing.T) {
	g := &Grid{Clean: clean}
	g.Reset()
	g.SetPage(table(2, 0, 1000, 1000))
	g.Lines(60, 22, plain, false) // two lines of header
	for _, test := range []struct{ to, top int64 }{{500, 490}, {505, 490}, {999, 980}, {0, 0}, {1 << 40, 980}} {
		if g.Goto(test.to); g.top != test.top {
			t.Errorf("row %d: the page begins with %d, want %d", test.to, g.top, test.top)
		}
	}
}
