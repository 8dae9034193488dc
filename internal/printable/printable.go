// Package printable turns untrusted bytes into text that a terminal shows and does not obey. Rows of a data file, log lines,
// asset and column names, git's output and error texts pass through it before they are styled, measured or printed.
//
// What a terminal could obey, or what would let text lie about itself, is replaced by a visible escape as Go writes it: C0 and C1
// controls, DEL, bidi and zero-width characters, line and paragraph separators, invisible fillers, tags, and bytes that are not UTF-8
// (so surrogates too). The result is valid UTF-8; apart from what a function says it keeps, no rune of it is a control or a
// format character.
//
// Deliberately absent: widths, colours, truncation. Standard library only.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tabWidth is the distance of tab stops.
const (
	tabWidth = 8
	tab      = "        "
)

// Line returns s as one line: every dangerous rune, also a newline and a tab, is replaced by a visible escape (\n, \t, \x1b, \u202e,
// \xff for a byte that is not UTF-8). Text that needs no change is returned as it is, without allocation.
func Line(s string) string {
	at := firstDangerous(s)
	if at == len(s) {
		return s
	}
	out := append(make([]byte, 0, len(s)+32), s[:at]...)
	for at < len(s) {
		r, size := utf8.DecodeRuneInString(s[at:])
		out = appendRune(out, r, size, s[at])
		at += size
	}
	return string(out)
}

// Text returns s as lines: it keeps \n (\r\n becomes \n) and replaces each tab by spaces up to the next multiple of eight runes;
// everything else is as in [Line].
func Text(s string) string {
	if firstDangerous(s) == len(s) {
		return s
	}
	out, column := make([]byte, 0, len(s)+32), 0
	for at := 0; at < len(s); {
		r, size := utf8.DecodeRuneInString(s[at:])
		switch {
		case r == '\n':
			out, column = append(out, '\n'), 0
		case r == '\r' && strings.HasPrefix(s[at:], "\r\n"):
		case r == '\t':
			n := tabWidth - column%tabWidth
			out, column = append(out, tab[:n]...), column+n
		default:
			out, column = appendRune(out, r, size, s[at]), column+1
		}
		at += size
	}
	return string(out)
}

// Log returns one line of a program's output without the escape sequences (colours, cursor movement, titles, hyperlinks, clipboard
// writes) that it holds. A carriage return starts the line anew, as progress bars use it: what stands behind the last one that text
// follows is kept. A backspace takes back one rune, a tab becomes spaces, a line end at the end is dropped; the rest is as in [Line].
func Log(b []byte) string { return logLine(b, false) }

// LogColors is [Log], but keeps SGR sequences ("\x1b[1;31m"), and only those. A line in which one is kept ends with a reset.
func LogColors(b []byte) string { return logLine(b, true) }

func logLine(line []byte, colors bool) string {
	s := strings.TrimRight(string(line), "\r\n")
	if firstDangerous(s) == len(s) {
		return s
	}
	var (
		out     []byte // the line so far
		starts  []int  // where in out each rune begins that a backspace may take back
		sgr     []byte // the colours so far
		column  int    // runes in out
		restart bool   // a carriage return was read, and nothing that shows since
	)
	for at := 0; at < len(s); {
		r, size := utf8.DecodeRuneInString(s[at:])
		if n := sequence(s[at:], r, size); n > 0 {
			if seq := s[at : at+n]; colors && isSGR(seq) {
				if seq == reset || len(sgr) > 256 {
					sgr = append(sgr[:0], reset...)
				}
				sgr = append(sgr, seq...)
				out = append(out, seq...)
				starts = starts[:0]
			}
			at += n
			continue
		}
		at += size
		switch {
		case r == '\r':
			restart = true
			continue
		case r == '\b':
			if last := len(starts) - 1; last >= 0 {
				out, starts, column = out[:starts[last]], starts[:last], column-1
			}
			continue
		case restart:
			out, starts, column, restart = append(out[:0], sgr...), starts[:0], 0, false
		}
		starts = append(starts, len(out))
		if r == '\t' {
			n := tabWidth - column%tabWidth
			out = append(out, tab[:n]...)
			column += n
			continue
		}
		out = appendRune(out, r, size, s[at-size])
		column++
	}
	if len(sgr) > 0 && !strings.HasSuffix(string(out), reset) {
		out = append(out, reset...)
	}
	return string(out)
}

// reset ends all attributes.
const reset = "\x1b[0m"

// isSGR reports whether a control sequence is "select graphic rendition" in its plain 7-bit form, of reasonable length.
func isSGR(seq string) bool {
	if len(seq) > 64 || !strings.HasPrefix(seq, "\x1b[") || !strings.HasSuffix(seq, "m") {
		return false
	}
	return strings.Trim(seq[2:len(seq)-1], "0123456789;:") == ""
}

// sequence returns the length of the escape sequence that s begins with, 0 when it begins with none. An unfinished sequence reaches
// to the end: a terminal would swallow it. r is the first rune of s, of size bytes.
func sequence(s string, r rune, size int) int {
	var introducer byte // the second byte of the 7-bit form
	at := size
	switch {
	case r == 0x1b && len(s) == 1:
		return 1
	case r == 0x1b:
		introducer = s[1]
		at++
	case r >= 0x80 && r <= 0x9f: // 8-bit control, as UTF-8
		introducer = byte(r - 0x40)
	case r == utf8.RuneError && size == 1 && s[0] >= 0x80 && s[0] <= 0x9f: // as a byte
		introducer = s[0] - 0x40
	default:
		return 0
	}
	switch introducer {
	case '[': // parameters, intermediates, one final byte
		for ; at < len(s); at++ {
			if s[at] >= 0x40 && s[at] <= 0x7e {
				return at + 1
			}
			if s[at] < 0x20 || s[at] > 0x7e { // not a sequence after all; what stands here is judged anew
				return at
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_': // a string up to BEL or ST
		for at < len(s) {
			r, size := utf8.DecodeRuneInString(s[at:])
			switch {
			case r == 0x07, r == 0x9c, size == 1 && s[at] == 0x9c:
				return at + size
			case strings.HasPrefix(s[at:], "\x1b\\"):
				return at + 2
			case r == 0x1b, r == '\n': // ended by another sequence, or never
				return at
			}
			at += size
		}
		return len(s)
	}
	if r != 0x1b {
		return size // a lone 8-bit control
	}
	for at = 1; at < len(s) && s[at] >= 0x20 && s[at] <= 0x2f; at++ { // intermediates, as in ESC ( B
	}
	if at < len(s) && s[at] >= 0x30 && s[at] <= 0x7e {
		return at + 1
	}
	return at
}

// firstDangerous returns the offset of the first rune that must not reach a terminal, or len(s).
func firstDangerous(s string) int {
	for at := 0; at < len(s); {
		if c := s[at]; c < utf8.RuneSelf {
			if c < 0x20 || c == 0x7f {
				return at
			}
			at++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && size == 1 || dangerous(r) {
			return at
		}
		at += size
	}
	return len(s)
}

// dangerous reports whether a terminal could obey the rune, or would not show it.
func dangerous(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	case r < 0xad:
		return false
	case unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp): // bidi, zero-width, tags, interlinear marks, soft hyphen, BOM
		return true
	}
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180c, 0x180d, 0x180f, 0x2065, 0x3164, 0xffa0: // joiners and fillers that show nothing
		return true
	}
	return r >= 0xfff0 && r <= 0xfff8 || r >= 0xe0000 && r <= 0xe0fff || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}

const hex = "0123456789abcdef"

// appendRune appends the rune, or its escape. first is the first of its bytes in the input, size their number.
func appendRune(to []byte, r rune, size int, first byte) []byte {
	switch {
	case r == utf8.RuneError && size == 1:
		return append(to, '\\', 'x', hex[first>>4], hex[first&15])
	case !dangerous(r):
		return utf8.AppendRune(to, r)
	case r == '\n':
		return append(to, `\n`...)
	case r == '\r':
		return append(to, `\r`...)
	case r == '\t':
		return append(to, `\t`...)
	}
	letter, shift := byte('x'), 4
	switch {
	case r > 0xffff:
		letter, shift = 'U', 28
	case r > 0x7f:
		letter, shift = 'u', 12
	}
	to = append(to, '\\', letter)
	for ; shift >= 0; shift -= 4 {
		to = append(to, hex[r>>shift&15])
	}
	return to
}
