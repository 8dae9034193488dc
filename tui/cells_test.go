package tui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

// The quick way to measure gives what x/ansi gives, alone and beside other runes.
func TestCells(t *testing.T) {
	for r := rune(0x20); r < 0x3000; r++ {
		if single(r) && ansi.StringWidth(string(r)) != 1 {
			t.Errorf("%q has %d cells", r, ansi.StringWidth(string(r)))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", " ", "─", "●", "…", "店", "\u0301", "\ufe0f", "\u200d", "👩", "🚀", "\x1b[31m", "\x1b[0m"})).Draw(t, "parts"), "")
		if got, want := cells(s), ansi.StringWidth(s); got != want {
			t.Fatalf("%q: got %d, want %d", s, got, want)
		}
		w := rapid.IntRange(0, 20).Draw(t, "w")
		if got := cells(fit(s, w, "…")); got != w {
			t.Fatalf("fit(%q, %d) has %d cells", s, w, got)
		}
		for _, l := range wrap(strings.ReplaceAll(s, "\x1b", ""), w) {
			if cells(l) > max(w, 0) {
				t.Fatalf("wrap(%q, %d) gave %q", s, w, l)
			}
		}
	})
}

// A mark at the beginning of a word widens the space before it.
func TestWrapMarks(t *testing.T) {
	for _, l := range wrap("a \ufe0fa", 3) {
		if cells(l) > 3 {
			t.Errorf("got %q of %d cells, want at most 3", l, cells(l))
		}
	}
}

func TestWords(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{shortDuration(50), "50ms"},
		{shortDuration(900), "0.9s"},
		{shortDuration(61_000), "61.0s"},
		{shortDuration(250_000), "4m10s"},
		{shortDuration(7_260_000), "2h01m"},
		{shortCount(9_999), "9999"},
		{shortCount(48_213), "48k"},
		{shortCount(1_204_118), "1.2M"},
		{shortCount(3_100_000_000), "3.1G"},
		{grouped(1_204_118), "1,204,118"},
		{grouped(-12_345), "-12,345"},
		{shortBytes(11_200_000), "11.2 MB"},
		{shortSeconds(8_100), "9s"},
		{reflow("one\ntwo\n\nthree\n- four\n- five\n  six\n"), "one two\n\nthree\n- four\n- five\n  six"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestGauge(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		th := newTheme(true, tuned, ascii)
		for w := range 40 {
			for p := range 101 {
				bar := th.gauge(float64(p)/100, w)
				if n := cells(bar); n != w {
					t.Fatalf("%d%% of %d cells has %d", p, w, n)
				}
				if started := strings.Trim(ansi.Strip(bar), th.G.Rest) != ""; w > 0 && started != (p > 0) {
					t.Fatalf("%d%% of %d cells shows %q", p, w, ansi.Strip(bar))
				}
			}
		}
	}
}
