package draw

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/assetdev/assetdev/graph/layout"
)

// The size of a cell in the picture, and the margin around it.
const (
	cellWidth  = 8
	cellHeight = 16
	margin     = 16
)

const svgStyle = `
text{font:13.33px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:#24292f}
path{fill:none;stroke:#8c959f;stroke-width:1.5;stroke-linecap:square}
path.cross{stroke:#0969da}
path.collect{stroke-width:3}
.arrow,.dot{stroke:none;fill:#8c959f}
.arrow.cross,.dot.cross{fill:#0969da}
.node{fill:#f6f8fa;stroke:#d0d7de}
.stub{fill:#57606a;font-size:11px}
.title{font-weight:bold}
.rule{stroke:#d0d7de;stroke-dasharray:2 6}
.back{fill:#ffffff}
.fresh,.succeeded,.unchanged,.cut-off{fill:#1a7f37}
.stale,.overdue,.superseded{fill:#9a6700}
.missing{fill:#0969da}
.failed,.check-failed{fill:#cf222e}
.running{fill:#0550ae}
@media(prefers-color-scheme:dark){
text{fill:#e6edf3}
path{stroke:#7d8590}
path.cross{stroke:#4493f8}
.arrow,.dot{fill:#7d8590}
.arrow.cross,.dot.cross{fill:#4493f8}
.node{fill:#161b22;stroke:#30363d}
.stub{fill:#9198a1}
.rule{stroke:#30363d}
.back{fill:#0d1117}
.fresh,.succeeded,.unchanged,.cut-off{fill:#3fb950}
.stale,.overdue,.superseded{fill:#d29922}
.missing{fill:#4493f8}
.failed,.check-failed{fill:#f85149}
.running{fill:#79c0ff}
}
`

// SVG returns the whole drawing as a picture, in dark or light colours as who looks at it prefers. Class names what colours the
// label of a node, normally its status word: fresh, stale, missing, overdue, failed, check-failed, running; others have none.
func SVG(p *layout.Placed, texts Texts, class func(node int) string) string {
	s := svg{placed: p, class: class, paths: map[string]*strings.Builder{}}
	var c Canvas
	w, h := p.Size()
	for y := 0; y < h; y += strip {
		c.Paint(p, layout.Rect{Y: y, W: w, H: min(strip, h-y)}, texts, false, nil)
		s.strip(&c, y)
	}
	var b strings.Builder
	width, height := w*cellWidth+2*margin, h*cellHeight+2*margin
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>asset graph</title>\n<style>%s</style>\n", width, height, width, height, svgStyle)
	fmt.Fprintf(&b, "<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n<g transform=\"translate(%d %d)\">\n", width, height, margin, margin)
	for _, class := range []string{"rule", "edge", "cross", "collect", "cross collect"} {
		if path := s.paths[class]; path != nil {
			fmt.Fprintf(&b, "<path class=%q d=%q/>\n", class, path)
		}
	}
	b.WriteString(s.marks.String())
	b.WriteString(s.texts.String())
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

type svg struct {
	placed *layout.Placed
	class  func(node int) string
	paths  map[string]*strings.Builder // by class
	marks  strings.Builder
	texts  strings.Builder
}

func (s *svg) path(class string) *strings.Builder {
	if s.paths[class] == nil {
		s.paths[class] = &strings.Builder{}
	}
	return s.paths[class]
}

// strip adds the rows of a canvas that begins in row top.
func (s *svg) strip(c *Canvas, top int) {
	for y := range c.H {
		row := c.Row(y)
		for x := 0; x < len(row); {
			end := x + 1
			switch cell := row[x]; {
			case cell.Role == Label || cell.Role == Stub || cell.Role == Title:
				for end < len(row) && row[end].Role == cell.Role && row[end].Node == cell.Node {
					end++
				}
				s.text(c, row[x:end], x, top+y)
			case cell.Role == Rule:
				for end < len(row) && row[end].Role == Rule {
					end++
				}
				fmt.Fprintf(s.path("rule"), "M%d %dH%d", x*cellWidth, middle(top+y)-4, end*cellWidth)
			case cell.Role >= Edge:
				s.mark(cell, x, top+y)
				if cell.arms&armRight == 0 {
					break
				}
				for end < len(row) && row[end].arms&armLeft != 0 && lineClass(row[end]) == lineClass(cell) {
					if end++; row[end-1].arms&armRight == 0 {
						break
					}
				}
				// What follows is looked at again for its marks, so only the line is drawn here, and only from its beginning.
				if x > 0 && row[x-1].arms&armRight != 0 && cell.arms&armLeft != 0 && row[x-1].Role >= Edge && lineClass(row[x-1]) == lineClass(cell) {
					end = x + 1
					break
				}
				from, to := x*cellWidth, end*cellWidth
				if cell.arms&armLeft == 0 {
					from += cellWidth / 2
				}
				if row[end-1].arms&armRight == 0 {
					to -= cellWidth / 2
				}
				fmt.Fprintf(s.path(lineClass(cell)), "M%d %dH%d", from, middle(top+y), to)
				end = x + 1
			}
			x = end
		}
	}
	s.columns(c, top)
}

// columns adds the vertical lines.
func (s *svg) columns(c *Canvas, top int) {
	for x := range c.W {
		for y := 0; y < c.H; {
			cell := c.Cells[y*c.W+x]
			if cell.Role < Edge || cell.arms&(armUp|armDown) == 0 {
				y++
				continue
			}
			from := (top + y) * cellHeight
			if cell.arms&armUp == 0 {
				from += cellHeight / 2
			}
			end, to := y, 0
			for {
				last := c.Cells[end*c.W+x]
				end++
				to = (top + end) * cellHeight
				if last.arms&armDown == 0 {
					to -= cellHeight / 2
					break
				}
				if end == c.H || c.Cells[end*c.W+x].arms&armUp == 0 {
					break
				}
			}
			class := "edge"
			if cell.Role == CrossEdge {
				class = "cross"
			}
			if cell.arms&armDoubleTower != 0 {
				class = lineClass(cell)
			}
			fmt.Fprintf(s.path(class), "M%d %dV%d", x*cellWidth+cellWidth/2, from, to)
			y = end
		}
	}
}

// lineClass returns the class of the horizontal line in a cell.
func lineClass(cell Cell) string {
	class := "edge"
	if cell.Role == CrossEdge {
		class = "cross"
	}
	if cell.arms&(armDoubleRow|armDoubleTower) != 0 {
		class = strings.TrimPrefix(class+" collect", "edge ")
	}
	return class
}

// mark adds the arrow or the dot in a cell: a dot stands where lines touch, in contrast to a crossing.
func (s *svg) mark(cell Cell, x, y int) {
	class := ""
	if cell.Role == CrossEdge {
		class = " cross"
	}
	arms := 0
	for _, arm := range []uint8{armUp, armDown, armLeft, armRight} {
		if cell.arms&arm != 0 {
			arms++
		}
	}
	switch {
	case cell.Rune == '▸':
		fmt.Fprintf(&s.marks, "<polygon class=\"arrow%s\" points=\"%d,%d %d,%d %d,%d\"/>\n", class, (x+1)*cellWidth-2, middle(y), x*cellWidth-1, middle(y)-4, x*cellWidth-1, middle(y)+4)
	case arms > 2 && cell.arms&armJoin != 0:
		fmt.Fprintf(&s.marks, "<circle class=\"dot%s\" cx=\"%d\" cy=\"%d\" r=\"2.5\"/>\n", class, x*cellWidth+cellWidth/2, middle(y))
	}
}

func middle(y int) int { return y*cellHeight + cellHeight/2 }

// text adds the text of some cells.
func (s *svg) text(c *Canvas, cells []Cell, x, y int) {
	var b []byte
	for _, cell := range cells {
		b = c.AppendCell(b, cell)
	}
	text, class := string(b), "title"
	switch cells[0].Role {
	case Label:
		class = s.class(int(cells[0].Node))
		r := s.placed.Rect(int(cells[0].Node))
		if y == r.Y {
			fmt.Fprintf(&s.texts, "<rect class=\"node\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>\n", r.X*cellWidth-1, r.Y*cellHeight-2, r.W*cellWidth+6, r.H*cellHeight+4)
		}
	case Stub:
		class = "stub"
	case Title:
		text = strings.TrimPrefix(text, titleMark)
	case Blank, Rule, Edge, CrossEdge, Lit:
	}
	baseline := y*cellHeight + 12
	if class == "title" { // its row has no other line
		baseline -= 4
	}
	fmt.Fprintf(&s.texts, "<text x=\"%d\" y=\"%d\"", x*cellWidth+2, baseline)
	if class != "" {
		b := strings.Builder{}
		for _, r := range class {
			if r == ' ' || r == '_' {
				r = '-'
			}
			b.WriteRune(r)
		}
		s.texts.WriteString(" class=" + strconv.Quote(escapeXML(b.String())))
	}
	s.texts.WriteString(">" + escapeXML(text) + "</text>\n")
}

// escapeXML writes text for XML. Two characters that may stand nowhere in it are replaced.
func escapeXML(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\ufffe", "\ufffd", "\uffff", "\ufffd").Replace(text)
}
