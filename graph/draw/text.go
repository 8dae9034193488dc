package draw

import (
	"strings"

	"github.com/assetdev/assetdev/graph/layout"
)

// strip is how many rows of a whole drawing are painted at once, so that a large one does not take the memory of all its cells.
const strip = 32

// Rows paints the whole drawing, from top to bottom, and calls f for each row. Canvas and cells belong to Rows.
func Rows(p *layout.Placed, texts Texts, ascii bool, f func(c *Canvas, row []Cell)) {
	var c Canvas
	w, h := p.Size()
	for y := 0; y < h; y += strip {
		c.Paint(p, layout.Rect{Y: y, W: w, H: min(strip, h-y)}, texts, ascii, nil)
		for i := range c.H {
			f(&c, c.Row(i))
		}
	}
}

// Text returns the whole drawing as lines of text, without blanks at their ends and without blank lines at the bottom.
func Text(p *layout.Placed, texts Texts, ascii bool) string {
	var b strings.Builder
	blank := 0
	var line []byte
	Rows(p, texts, ascii, func(c *Canvas, row []Cell) {
		line = line[:0]
		for _, cell := range row {
			line = c.AppendCell(line, cell)
		}
		text := strings.TrimRight(string(line), " ")
		if text == "" {
			blank++
			return
		}
		b.WriteString(strings.Repeat("\n", blank))
		blank = 0
		b.WriteString(text)
		b.WriteByte('\n')
	})
	return b.String()
}
