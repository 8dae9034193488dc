package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"clean", "customer_features, 42 %", "customer_features, 42 %"},
		{"letters", "naïve 漢字 🙂 e\u0301", "naïve 漢字 🙂 e\u0301"},
		{"newline", "a\nb\r\nc", `a\nb\r\nc`},
		{"tab", "a\tb", `a\tb`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"clear screen", "\x1b[2J", `\x1b[2J`},
		{"title", "\x1b]0;owned\a", `\x1b]0;owned\x07`},
		{"8-bit CSI", "\u009b2J", `\u009b2J`},
		{"8-bit CSI as a byte", "\x9b2J", `\x9b2J`},
		{"NEL", "\u0085", `\u0085`},
		{"bidi", "\u202eabc\u2066\u200f\u061c", `\u202eabc\u2066\u200f\u061c`},
		{"separators", "\u2028\u2029", `\u2028\u2029`},
		{"zero width", "a\u200bb\u200d\ufeff\u2060\u00ad", `a\u200bb\u200d\ufeff\u2060\u00ad`},
		{"fillers", "\u3164\u115f\uffa0", `\u3164\u115f\uffa0`},
		{"tags", "\U000e0041", `\U000e0041`},
		{"not UTF-8", "a\xffb\xc3", `a\xffb\xc3`},
		{"lone surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"overlong", "\xc0\x9b", `\xc0\x9b`},
		{"a real replacement character", "\ufffd", "\ufffd"},
		{"noncharacter", "\uffff", `\uffff`},
		{"emoji with selector", "❤\ufe0f", "❤\ufe0f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Line(test.in); got != test.want {
				t.Errorf("Line(%q): got %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"clean", "abc", "abc"},
		{"newlines", "a\nb\r\nc\n", "a\nb\nc\n"},
		{"lone return", "a\rb", `a\rb`},
		{"tabs", "a\tb\n\tc\n12345678\td", "a       b\n        c\n12345678        d"},
		{"escape", "\x1b[2J\n\u202e", `\x1b[2J` + "\n" + `\u202e`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Text(test.in); got != test.want {
				t.Errorf("Text(%q): got %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestLog(t *testing.T) {
	for _, test := range []struct{ name, in, plain, colors string }{
		{"clean", "loaded 5 rows", "loaded 5 rows", "loaded 5 rows"},
		{"line end", "done\r\n", "done", "done"},
		{"colour", "\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m"},
		{"colour left open", "\x1b[31mred", "red", "\x1b[31mred\x1b[0m"},
		{"true colour with colons", "\x1b[38:2::1:2:3mx", "x", "\x1b[38:2::1:2:3mx\x1b[0m"},
		{"private parameters are no colour", "\x1b[>4;2mx\x1b[?4m", "x", "x"},
		{"cursor", "a\x1b[2J\x1b[10;10Hb\x1b7\x1b(B\x1bc", "ab", "ab"},
		{"title and clipboard", "a\x1b]0;t\ab\x1b]52;c;aGk=\x1b\\c", "abc", "abc"},
		{"hyperlink", "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text", "text"},
		{"DCS, SOS, PM, APC", "a\x1bPq\x1b\\b\x1bXs\x1b\\c\x1b^p\x1b\\d\x1b_a\x1b\\e", "abcde", "abcde"},
		{"8-bit", "a\u009b2Jb\x9b3Jc\u009d0;t\u009cd", "abcd", "abcd"},
		{"unfinished", "a\x1b[12", "a", "a"},
		{"unfinished string", "a\x1b]0;title", "a", "a"},
		{"lone escape", "a\x1b", "a", "a"},
		{"text survives a broken sequence", "\x1b[12é", "é", "é"},
		{"progress", "10%\r20%\r30%", "30%", "30%"},
		{"progress with return at the end", "10%\r20%\r", "20%", "20%"},
		{"progress keeps its colour", "\x1b[32m10%\r20%\x1b[0m", "20%", "\x1b[32m20%\x1b[0m"},
		{"backspace", "10%\b\b\b20%", "20%", "20%"},
		{"backspace at the start", "\b\bx", "x", "x"},
		{"tab", "a\tb", "a       b", "a       b"},
		{"bell and bidi", "\a\u202ex", `\x07\u202ex`, `\x07\u202ex`},
		{"newline within", "a\nb", `a\nb`, `a\nb`},
		{"not UTF-8", "a\xffb", `a\xffb`, `a\xffb`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Log([]byte(test.in)); got != test.plain {
				t.Errorf("Log(%q): got %q, want %q", test.in, got, test.plain)
			}
			if got := LogColors([]byte(test.in)); got != test.colors {
				t.Errorf("LogColors(%q): got %q, want %q", test.in, got, test.colors)
			}
		})
	}
}

func TestCleanTextIsNotCopied(t *testing.T) {
	clean := strings.Repeat("customer_features ", 20)
	if n := testing.AllocsPerRun(100, func() { Line(clean); Text(clean) }); n != 0 {
		t.Errorf("clean ASCII: got %v allocations, want 0", n)
	}
}

// checkSafe fails when text holds a rune that a terminal could obey, apart from those in allowed.
func checkSafe(t *testing.T, in, text, allowed string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Fatalf("%q became %q, which is not UTF-8", in, text)
	}
	for _, r := range text {
		if strings.ContainsRune(allowed, r) {
			continue
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Fatalf("%q became %q, which holds %U", in, text, r)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{
		"", "abc", "a\tb\r\nc", "\x1b[2J\x1b]52;c;aGk=\a", "\u009b2J\x9b", "\u202e\u200b\u2028", "\xed\xa0\x80\xff",
		"\x1b[31mred\r\x1b[32mgreen\b\b", "\x1bP\x1b[m\x1b\\", "\x1b]\xc2\x9c\x9c", "\x1b[0\x1b[31m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		line := Line(in)
		checkSafe(t, in, line, "")
		if again := Line(line); again != line {
			t.Fatalf("Line(%q) is %q, and of that %q", in, line, again)
		}
		checkSafe(t, in, Text(in), "\n")
		checkSafe(t, in, Log([]byte(in)), "")
		colored := LogColors([]byte(in))
		rest := colored
		for at := strings.Index(rest, "\x1b"); at >= 0; at = strings.Index(rest, "\x1b") {
			end := strings.IndexByte(rest[at:], 'm')
			if end < 0 || !isSGR(rest[at:at+end+1]) {
				t.Fatalf("LogColors(%q) is %q, which holds more than colours", in, colored)
			}
			rest = rest[:at] + rest[at+end+1:]
		}
		checkSafe(t, in, rest, "")
	})
}

func BenchmarkLine(b *testing.B) {
	clean, dirty := strings.Repeat("customer_features ", 5), strings.Repeat("a\x1b[2J\u202e", 8)
	b.Run("clean", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Line(clean)
		}
	})
	b.Run("dirty", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Line(dirty)
		}
	})
}
