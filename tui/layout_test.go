package tui

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// picture draws rects at a scale of 4×2 cells a character.
func picture(r Rects, w, h int) string {
	const sx, sy = 4, 2
	rows := make([][]byte, (h+sy-1)/sy)
	for y := range rows {
		rows[y] = []byte(strings.Repeat("?", (w+sx-1)/sx))
	}
	fill := func(r Rect, c byte) {
		for y := r.Y; y < r.Y+r.H; y++ {
			for x := r.X; x < r.X+r.W; x++ {
				rows[y/sy][x/sx] = c
			}
		}
	}
	for i, p := range r.Panes {
		fill(p, "ADR"[i])
	}
	fill(r.Status, 's')
	fill(r.Header, 'h')
	fill(r.Footer, 'f')
	var b strings.Builder
	for _, row := range rows {
		b.Write(row)
		b.WriteByte('\n')
	}
	return b.String()
}

func TestLayoutPictures(t *testing.T) {
	for _, test := range []struct {
		name string
		w, h int
		s    Shape
		want string
	}{
		{"80x24 without a run", 80, 24, Shape{Rows: 100}, `
hhhhhhhhhhhhhhhhhhhh
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
ffffffffffffffffffff
`},
		{"80x24 with a run: the list stays", 80, 24, Shape{Rows: 100, Run: 9}, `
hhhhhhhhhhhhhhhhhhhh
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
RRRRRRRRRRRRRRRRRRRR
RRRRRRRRRRRRRRRRRRRR
ffffffffffffffffffff
`},
		{"80x24 with a run that has ended well", 80, 24, Shape{Rows: 100, Run: 9, Over: true}, `
hhhhhhhhhhhhhhhhhhhh
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
ffffffffffffffffffff
`},
		{"few assets leave more to the detail", 80, 24, Shape{Rows: 4}, `
hhhhhhhhhhhhhhhhhhhh
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAA
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
DDDDDDDDDDDDDDDDDDDD
ffffffffffffffffffff
`},
		{"below 20 lines a run has one line", 60, 18, Shape{Rows: 100, Run: 9}, `
hhhhhhhhhhhhhhh
AAAAAAAAAAAAAAA
AAAAAAAAAAAAAAA
AAAAAAAAAAAAAAA
DDDDDDDDDDDDDDD
DDDDDDDDDDDDDDD
DDDDDDDDDDDDDDD
DDDDDDDDDDDDDDD
fffffffffffffff
`},
		{"below 16 lines no detail", 60, 14, Shape{Rows: 100}, `
hhhhhhhhhhhhhhh
AAAAAAAAAAAAAAA
AAAAAAAAAAAAAAA
AAAAAAAAAAAAAAA
AAAAAAAAAAAAAAA
AAAAAAAAAAAAAAA
fffffffffffffff
`},
		{"but alone, when it has the focus", 60, 14, Shape{Rows: 100, Focus: PaneDetail}, `
hhhhhhhhhhhhhhh
DDDDDDDDDDDDDDD
DDDDDDDDDDDDDDD
DDDDDDDDDDDDDDD
DDDDDDDDDDDDDDD
DDDDDDDDDDDDDDD
fffffffffffffff
`},
		{"zoom", 60, 24, Shape{Rows: 100, Run: 3, Focus: PaneRun, Zoom: true}, `
hhhhhhhhhhhhhhh
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
RRRRRRRRRRRRRRR
fffffffffffffff
`},
		{"wide", 160, 24, Shape{Rows: 100, Run: 6}, `
hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh
AAAAAAAAAAAAAAAAAAADDDDDDDDDDDDDDDDDDDDD
AAAAAAAAAAAAAAAAAAADDDDDDDDDDDDDDDDDDDDD
AAAAAAAAAAAAAAAAAAADDDDDDDDDDDDDDDDDDDDD
AAAAAAAAAAAAAAAAAAADDDDDDDDDDDDDDDDDDDDD
AAAAAAAAAAAAAAAAAAADDDDDDDDDDDDDDDDDDDDD
AAAAAAAAAAAAAAAAAAADDDDDDDDDDDDDDDDDDDDD
AAAAAAAAAAAAAAAAAAARRRRRRRRRRRRRRRRRRRRR
AAAAAAAAAAAAAAAAAAARRRRRRRRRRRRRRRRRRRRR
AAAAAAAAAAAAAAAAAAARRRRRRRRRRRRRRRRRRRRR
AAAAAAAAAAAAAAAAAAARRRRRRRRRRRRRRRRRRRRR
ffffffffffffffffffffffffffffffffffffffff
`},
	} {
		if got := picture(Layout(test.w, test.h, test.s), test.w, test.h); "\n"+got != test.want {
			t.Errorf("%s: got\n%s", test.name, got)
		}
	}
}

// Whatever the size, the rects cover each cell of the screen once, and a run moves nothing of the list.
func TestLayoutCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 300).Draw(t, "w"), rapid.IntRange(1, 100).Draw(t, "h")
		s := Shape{
			Focus: Pane(rapid.IntRange(0, int(paneCount)-1).Draw(t, "focus")), Zoom: rapid.Bool().Draw(t, "zoom"),
			Rows: rapid.IntRange(0, 2000).Draw(t, "rows"), Run: rapid.SampledFrom([]int{0, 0, 2, 5, 900}).Draw(t, "run"),
			Sizes: Sizes{Wide: rapid.IntRange(-200, 200).Draw(t, "wide"), Tall: rapid.IntRange(-100, 100).Draw(t, "tall"), Run: rapid.IntRange(-100, 100).Draw(t, "run height")}, Over: rapid.Bool().Draw(t, "over"),
			Lanes: rapid.SampledFrom([]int{0, 1, 20, 5000}).Draw(t, "lanes"), Wide: rapid.SampledFrom([]int{0, 100, 9000}).Draw(t, "columns"),
		}
		r := Layout(w, h, s)
		if r.TooSmall != (w < minWidth || h < minHeight) {
			t.Fatalf("%dx%d: too small is %v", w, h, r.TooSmall)
		}
		if r.TooSmall {
			return
		}
		seen := make([]int, w*h)
		for _, rect := range append(r.Panes[:], r.Header, r.Footer, r.Status) {
			for y := rect.Y; y < rect.Y+rect.H; y++ {
				for x := rect.X; x < rect.X+rect.W; x++ {
					seen[y*w+x]++
				}
			}
		}
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("cell %d,%d is covered %d times: %+v", i%w, i/w, n, r)
			}
		}
		s.Zoom, s.Focus, s.Run = false, PaneAssets, 0
		before := Layout(w, h, s)
		s.Run = 7
		if after := Layout(w, h, s); h >= runHeight && after.Panes[PaneAssets] != before.Panes[PaneAssets] {
			t.Fatalf("the list moved from %+v to %+v", before.Panes[PaneAssets], after.Panes[PaneAssets])
		}
	})
}
