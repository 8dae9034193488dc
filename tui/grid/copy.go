package grid

// Cells as text for other programs. Nothing in it is obeyed by a terminal into which it is pasted.

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/assetdev/assetdev/iomanager/page"
)

// TSV returns rows as lines with tabs between the cells. A tab, a line's end and what a terminal would obey are written as escapes;
// null is nothing, bytes are base64.
func (g *Grid) TSV(rows [][]page.Cell) string {
	var b strings.Builder
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for c, cell := range row {
			if c > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(g.Clean(cell.Value))
		}
	}
	return b.String()
}

// JSON returns rows as a list of objects, with the cells as `preview --json` prints them.
func (g *Grid) JSON(columns []page.Column, rows [][]page.Cell) string {
	names := make([][]byte, len(columns))
	for i, c := range columns {
		name, err := json.Marshal(c.Name)
		if err != nil { // a string has no value that JSON refuses
			panic(err)
		}
		names[i] = name
	}
	out := []byte{'['}
	for i, row := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, "\n  {"...)
		for c, cell := range row {
			if c > 0 {
				out = append(out, ", "...)
			}
			out = cell.AppendJSON(append(append(out, names[c]...), ": "...))
		}
		out = append(out, '}')
	}
	return g.escape(string(out) + "\n]")
}

// escape writes what Clean would change as JSON's own escapes.
func (g *Grid) escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		part := s[i : i+size]
		switch {
		case r == '\n' || r >= ' ' && r < 0x7f || r != utf8.RuneError && g.Clean(part) == part:
			b.WriteString(part)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}
