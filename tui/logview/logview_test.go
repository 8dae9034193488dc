package logview

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

var plain = &Look{Ellipsis: "…"}

func same(s string) string { return s }

func lines(from, n int) []Line {
	out := make([]Line, n)
	for i := range out {
		out[i] = Line{Text: fmt.Sprintf("line %d", from+i)}
	}
	return out
}

func shown(v *View, h int) string {
	out := v.Lines(30, h, plain)
	for i := range out {
		out[i] = strings.TrimRight(ansi.Strip(out[i]), " ")
	}
	return strings.Join(out, "|")
}

func TestFollow(t *testing.T) {
	v := New(100, same)
	v.Append(lines(0, 10), 0)
	if got, want := shown(v, 3), "line 7|line 8|line 9"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	v.Scroll(-2, 0)
	v.Append(lines(10, 5), 0)
	if got, want := shown(v, 3), "line 5|line 6|line 7"; got != want {
		t.Errorf("the log moved under the reader: got %q, want %q", got, want)
	}
	if v.Below() != 5 || v.Following() {
		t.Errorf("%d new, following %v", v.Below(), v.Following())
	}
	v.Scroll(100, 0)
	if got, want := shown(v, 3), "line 12|line 13|line 14"; got != want || !v.Following() {
		t.Errorf("got %q, want %q", got, want)
	}
	v.Top()
	if got, want := shown(v, 2), "line 0|line 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBoundedAndGaps(t *testing.T) {
	v := New(100, same)
	v.Append(lines(0, 250), 0)
	if kept, before := v.Len(); kept != 100 || before != 150 {
		t.Errorf("kept %d, before %d", kept, before)
	}
	v.Append(lines(1000, 10), 750)
	if kept, before := v.Len(); int64(kept)+before != 1010 {
		t.Errorf("kept %d and before %d are not 1010", kept, before)
	}
	if got := v.Lines(80, 11, plain); !strings.HasPrefix(got[0], "750 lines are not shown") {
		t.Errorf("a gap is not told: %q", got)
	}
}

func TestSearch(t *testing.T) {
	v := New(1000, same)
	v.Append(lines(0, 500), 0)
	v.Append([]Line{{Text: "An Error here"}}, 0)
	v.Append(lines(501, 300), 0)
	shown(v, 10)
	if !v.Search("error") {
		t.Fatal("not found")
	}
	if text, _ := v.Current(); text != "An Error here" || !strings.Contains(shown(v, 10), text) {
		t.Errorf("stands at %q: %s", text, shown(v, 10))
	}
	if v.Search("nothing like it") {
		t.Error("found what is not there")
	}
	if !v.Search("line 49") || !v.Next(1) || !v.Next(-1) {
		t.Error("next and previous do not go round")
	}
}

func TestAnySize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := New(rapid.IntRange(1, 50).Draw(t, "max"), same)
		n := int64(0)
		for range 30 {
			w, h := rapid.IntRange(0, 120).Draw(t, "w"), rapid.IntRange(0, 60).Draw(t, "h")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				add, skip := rapid.IntRange(0, 120).Draw(t, "add"), rapid.Int64Range(0, 9).Draw(t, "skip")
				v.Append([]Line{{Text: "店舗 a\ufe0fb\ufe0fc\ufe0f", Prefix: "12:00:00"}}, skip)
				v.Append(lines(int(n), add), 0)
				n += int64(add) + skip + 1
			case 1:
				v.Scroll(rapid.IntRange(-100, 100).Draw(t, "lines"), rapid.IntRange(-9, 9).Draw(t, "cells"))
			case 2:
				v.Search(rapid.SampledFrom([]string{"", "line", "9", "店"}).Draw(t, "search"))
			case 3:
				v.Next(rapid.SampledFrom([]int{-1, 1}).Draw(t, "direction"))
			case 4:
				v.SetFollow(rapid.Bool().Draw(t, "follow"))
			}
			if kept, before := v.Len(); int64(kept)+before != n {
				t.Fatalf("kept %d and before %d are not %d", kept, before, n)
			}
			got := v.Lines(w, h, plain)
			if len(got) != h {
				t.Fatalf("%d lines, want %d", len(got), h)
			}
			for _, l := range got {
				if ansi.StringWidth(l) != w {
					t.Fatalf("%d cells, want %d: %q", ansi.StringWidth(l), w, l)
				}
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	v, batch := New(20_000, same), lines(0, 2000)
	for b.Loop() {
		v.Append(batch, 1000)
		v.Lines(160, 45, plain)
	}
}
