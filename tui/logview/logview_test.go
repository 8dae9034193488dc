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

// strip is clean for tests whose lines hold colours.
func strip(s string) string { return ansi.Strip(s) }

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
	v := New(100, same, same)
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
	v := New(100, same, same)
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
	v := New(1000, same, same)
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
		v := New(rapid.IntRange(1, 50).Draw(t, "max"), strip, same)
		n := int64(0)
		for range 30 {
			w, h := rapid.IntRange(0, 120).Draw(t, "w"), rapid.IntRange(0, 60).Draw(t, "h")
			look := &Look{Ellipsis: "…", Color: rapid.Bool().Draw(t, "color"), Match: "\x1b[7m", Reset: "\x1b[0m"}
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 5:
				v.SetWrap(rapid.Bool().Draw(t, "wrap"))
			case 6:
				v.NextError(rapid.SampledFrom([]int{-1, 1}).Draw(t, "direction"))
			case 0:
				add, skip := rapid.IntRange(0, 120).Draw(t, "add"), rapid.Int64Range(0, 9).Draw(t, "skip")
				v.Append([]Line{{Text: "店舗 a\ufe0fb\ufe0fc\ufe0f", Prefix: "12:00:00"}}, skip)
				v.Append(lines(int(n), add), 0)
				v.Append([]Line{{Text: strings.Repeat("\x1b[3"+string(rune('0'+add%8))+"merror 店e\u0301 ", add), Prefix: "12:00:00"}}, 0)
				n += int64(add) + skip + 2
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
			got := v.Lines(w, h, look)
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

// TestWrap: nothing of a long line is lost, a reader goes through it row by row, and following shows its end.
func TestWrap(t *testing.T) {
	v := New(100, strip, same)
	v.Append(lines(0, 3), 0)
	v.Append([]Line{{Text: strings.Repeat("0123456789", 8)}, {Text: "end"}}, 0)
	v.SetWrap(true)
	if got, want := shown(v, 3), "012345678901234567890123456789|01234567890123456789|end"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	v.Scroll(-1, 0)
	if got, want := shown(v, 3), "012345678901234567890123456789|012345678901234567890123456789|01234567890123456789"; got != want || v.Following() {
		t.Errorf("got %q, want %q", got, want)
	}
	v.Scroll(-3, 0)
	if got, want := shown(v, 3), "line 0|line 1|line 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	v.Scroll(2, 0)
	v.Top()
	if got, want := shown(v, 3), "line 0|line 1|line 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	v.Scroll(100, 0)
	if !v.Following() {
		t.Error("it does not follow at the end")
	}
}

// TestColours: a program's colours are kept in each row that has them, and end with it; a search stands out all the same.
func TestColours(t *testing.T) {
	v := New(100, strip, same)
	v.Append([]Line{{Text: "a \x1b[31mred " + strings.Repeat("x", 30) + "\x1b[0m end"}}, 0)
	look := &Look{Ellipsis: "…", Color: true, Match: "\x1b[7m", Reset: "\x1b[0m"}
	if got := v.Lines(20, 1, look)[0]; !strings.HasPrefix(got, "a \x1b[31mred ") || !strings.HasSuffix(strings.TrimRight(got, " "), "\x1b[0m") {
		t.Errorf("got %q", got)
	}
	v.SetWrap(true)
	for i, want := range []string{"a \x1b[31mred xxxxxxxxxxxxxx\x1b[0m", "\x1b[31mxxxxxxxxxxxxxxxx\x1b[0m end\x1b[0m"} {
		if got := strings.TrimRight(v.Lines(20, 2, look)[i], " "); !strings.HasPrefix(got, want) {
			t.Errorf("row %d: got %q, want %q", i, got, want)
		}
	}
	v.Search("end")
	if got := v.Lines(20, 2, look)[1]; !strings.Contains(got, "\x1b[7m") || strings.Contains(got, "\x1b[31m") {
		t.Errorf("the match does not stand out: %q", got)
	}
	if look.Color = false; strings.Contains(strings.Join(v.Lines(20, 2, look), ""), "\x1b[31m") {
		t.Error("colours without colour")
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]bool{
		"ValueError: no column": true, "Traceback (most recent call last):": true, "panic: runtime": true, "2 errors": true,
		"0 errors": false, "errors: 0": false, "no errors": false, "all is well": false, "error=0": false,
	} {
		if got := isError(Line{Text: text}); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	if !isError(Line{Level: "error", Text: "x"}) || isError(Line{Level: "info", Text: "an error"}) {
		t.Error("the level does not count")
	}
	v := New(1000, same, same)
	v.Append(lines(0, 100), 0)
	if v.NextError(-1) || !v.Following() {
		t.Error("found an error where there is none, or moved")
	}
	v.Append([]Line{{Text: "first error"}}, 0)
	v.Append(lines(101, 100), 0)
	v.Append([]Line{{Text: "second error"}}, 0)
	v.Append(lines(202, 100), 0)
	shown(v, 10)
	for _, want := range []string{"second error", "first error", "second error"} {
		if !v.NextError(-1) {
			t.Fatal("not found")
		}
		if got, _ := v.Current(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	v, batch := New(20_000, same, same), lines(0, 2000)
	for b.Loop() {
		v.Append(batch, 1000)
		v.Lines(160, 45, plain)
	}
}
