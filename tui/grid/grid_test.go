package grid

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/iomanager/page"
)

var plain = &Look{Rule: "│", Ellipsis: "…", NullSign: "∅", Left: "‹", Right: "›"}

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
	if cell, ok := g.Cell(); !ok || cell != "12" {
		t.Errorf("cell %q %v, want 12", cell, ok)
	}
	if row, ok := g.Row(); !ok || row != "10\t\t12" {
		t.Errorf("row %q %v", row, ok)
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
