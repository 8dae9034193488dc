package draw

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/assetdev/assetdev/graph/layout"
)

// A Role says what a cell is part of; who prints gives it a colour.
type Role uint8

// The roles of a cell.
const (
	Blank     Role = iota
	Rule           // the line behind the title of a lane
	Title          // of a lane
	Label          // of a node; Cell.Node says which
	Stub           // what is written below a node: the ends of edges that are not drawn
	Edge           // a line within a lane
	CrossEdge      // a line that leads to another lane
	Lit            // a line of an edge that is lit
)

// A Cell is one character cell. Of a character that takes two cells the second has the Rune 0. A Rune below 0 stands for
// several runes that make one character: [Canvas.AppendCell] knows them.
type Cell struct {
	Rune rune
	Node int32 // the node that the cell belongs to, −1 for none: of a Label or a Stub
	Role Role
	arms uint8 // the lines in it, as flags
	lit  uint8 // which of these belong to lit edges
}

// The flags of a cell's lines.
const (
	armUp = 1 << iota
	armDown
	armLeft
	armRight
	armJoin        // lines touch here; without it they cross
	armDoubleRow   // the horizontal line collects
	armDoubleTower // the vertical one does
)

// Texts is what is written into the places of a layout. A method may be called for every node in view, each time it is
// painted, and should return text that is there already. All text must be printable already ([internal/printable]); what does
// not fit is cut, with an ellipsis.
type Texts interface {
	// Line is line i of a node's label; the layout's height says how many there are.
	Line(node, i int) string
	// Name is how stubs at other nodes call this one.
	Name(node int) string
	// Title is what stands at the top of a lane.
	Title(band layout.Band) string
}

// A Canvas holds the cells of a viewport. It is used again from frame to frame and then allocates nothing. It belongs to one
// goroutine.
type Canvas struct {
	W, H  int
	Cells []Cell // row by row

	view   layout.Rect
	ascii  bool
	placed *layout.Placed
	texts  Texts
	odd    []string // characters of several runes
	points []layout.Point
	glyphs *[128]rune
}

// Paint fills the canvas with what of p lies in the viewport. Lit are the edges that are drawn to stand out.
func (c *Canvas) Paint(p *layout.Placed, view layout.Rect, texts Texts, ascii bool, lit []int32) {
	view.W, view.H = max(view.W, 0), max(view.H, 0)
	c.W, c.H, c.view, c.ascii, c.placed, c.texts = view.W, view.H, view, ascii, p, texts
	c.odd = c.odd[:0]
	if n := c.W * c.H; cap(c.Cells) < n {
		c.Cells = make([]Cell, n)
	} else {
		c.Cells = c.Cells[:n]
	}
	for i := range min(len(c.Cells), 256) {
		c.Cells[i] = Cell{Rune: ' ', Node: -1}
	}
	for done := 256; done < len(c.Cells); done *= 2 {
		copy(c.Cells[done:], c.Cells[:done])
	}
	c.glyphs = &unicodeGlyphs
	if ascii {
		c.glyphs = &asciiGlyphs
	}
	p.Draw(view, (*pen)(c))
	for _, e := range lit {
		c.light(int(e))
	}
	c.titles()
	c.placed, c.texts = nil, nil
}

// At returns the cell at a place of the layout, nil when that is outside.
func (c *Canvas) At(x, y int) *Cell {
	x, y = x-c.view.X, y-c.view.Y
	if x < 0 || y < 0 || x >= c.W || y >= c.H {
		return nil
	}
	return &c.Cells[y*c.W+x]
}

// AppendCell appends the character of a cell of this canvas; nothing for the second half of a wide one.
func (c *Canvas) AppendCell(to []byte, cell Cell) []byte {
	switch {
	case cell.Rune > 0:
		return utf8.AppendRune(to, cell.Rune)
	case cell.Rune < 0:
		return append(to, c.odd[-cell.Rune-1]...)
	}
	return to
}

// Row returns the cells of one line of the canvas.
func (c *Canvas) Row(y int) []Cell { return c.Cells[y*c.W : (y+1)*c.W] }

// Line returns one line of the canvas as text, without the blanks at its end.
func (c *Canvas) Line(y int) string {
	var b []byte
	for _, cell := range c.Row(y) {
		b = c.AppendCell(b, cell)
	}
	return strings.TrimRight(string(b), " ")
}

// A pen draws lines into the canvas.
type pen Canvas

func (c *pen) touch(x, y int, arms uint8, role Role) {
	x, y = x-c.view.X, y-c.view.Y
	if x < 0 || y < 0 || x >= c.W || y >= c.H {
		return
	}
	cell := &c.Cells[y*c.W+x]
	cell.arms |= arms
	cell.Rune = c.glyphs[cell.arms&127]
	cell.Role = max(cell.Role, role)
}

func roleOf(l layout.Line) Role {
	if l.Crosses {
		return CrossEdge
	}
	return Edge
}

// Row implements [layout.Pen].
func (c *pen) Row(x1, x2, y int, left, right bool, l layout.Line) {
	role, double := roleOf(l), uint8(0)
	if l.Collects {
		double = armDoubleRow
	}
	y -= c.view.Y
	if y < 0 || y >= c.H {
		return
	}
	x1, x2 = x1-c.view.X, x2-c.view.X
	from, to := max(x1, 0), min(x2, c.W-1)
	if from > to {
		return
	}
	row := c.Cells[y*c.W+from : y*c.W+to+1]
	arms := armLeft | armRight | double
	for i := range row {
		cell := &row[i]
		now := arms
		if i == 0 && from == x1 && !left {
			now &^= armLeft
		}
		if i == len(row)-1 && to == x2 && !right {
			now &^= armRight
		}
		if now&(armLeft|armRight) == 0 {
			continue
		}
		cell.arms |= now
		cell.Rune = c.glyphs[cell.arms&127]
		cell.Role = max(cell.Role, role)
	}
}

// Column implements [layout.Pen].
func (c *pen) Column(x, y1, y2 int, l layout.Line) {
	x -= c.view.X
	if x < 0 || x >= c.W {
		return
	}
	role, double := roleOf(l), uint8(0)
	if l.Collects {
		double = armDoubleTower
	}
	for y := max(y1, c.view.Y); y <= min(y2, c.view.Y+c.H-1); y++ {
		arms := armUp | armDown | double
		if y == y1 {
			arms &^= armUp
		}
		if y == y2 {
			arms &^= armDown
		}
		cell := &c.Cells[(y-c.view.Y)*c.W+x]
		cell.arms |= arms
		cell.Rune = c.glyphs[cell.arms&127]
		cell.Role = max(cell.Role, role)
	}
}

// Join implements [layout.Pen].
func (c *pen) Join(x, y int) { c.touch(x, y, armJoin, Blank) }

// Arrow implements [layout.Pen].
func (c *pen) Arrow(x, y int, l layout.Line) {
	c.touch(x, y, 0, roleOf(l))
	if cell := (*Canvas)(c).At(x, y); cell != nil {
		cell.Rune = '▸'
		if c.ascii {
			cell.Rune = '>'
		}
	}
}

// Label implements [layout.Pen].
func (c *pen) Label(node int, r layout.Rect) {
	canvas := (*Canvas)(c)
	for i := range r.H {
		if y := r.Y + i; y >= c.view.Y && y < c.view.Y+c.H {
			canvas.text(r.X, y, r.W, c.texts.Line(node, i), Label, int32(node))
		}
	}
	canvas.stubs(node, r)
}

// text writes into cells of one row and returns how many it took, at most w. What is longer is cut, with an ellipsis.
func (c *Canvas) text(x, y, w int, s string, role Role, node int32) int {
	if w <= 0 {
		return 0
	}
	if printsAsBytes(s) {
		return c.bytes(x, y, w, s, role, node)
	}
	fits := true
	if len(s) > w {
		fits = textFits(s, w)
	}
	room := w
	if !fits {
		room--
	}
	at := 0
	for len(s) > 0 {
		r, size, width := rune(s[0]), 1, 1
		cluster := ""
		if r >= 0x80 || len(s) > 1 && s[1] >= 0x80 {
			cluster, width = ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
			size = len(cluster)
			var n int
			if r, n = utf8.DecodeRuneInString(cluster); n == size {
				cluster = ""
			}
		}
		if size == 0 || at+width > room {
			break
		}
		s = s[size:]
		if width <= 0 {
			continue
		}
		if cluster != "" {
			if c.At(x+at, y) == nil {
				r = ' '
			} else {
				c.odd = append(c.odd, cluster)
				r = rune(-len(c.odd))
			}
		}
		c.put(x+at, y, r, width, role, node)
		at += width
	}
	if !fits {
		r := '…'
		if c.ascii {
			r = '~'
		}
		c.put(x+at, y, r, 1, role, node)
		at++
	}
	return at
}

// bytes writes a text each byte of which is a cell.
func (c *Canvas) bytes(x, y, w int, s string, role Role, node int32) int {
	used := min(len(s), w)
	if len(s) > w {
		r := '…'
		if c.ascii {
			r = '~'
		}
		s = s[:w-1]
		c.put(x+w-1, y, r, 1, role, node)
	}
	x, y = x-c.view.X, y-c.view.Y
	if y < 0 || y >= c.H {
		return used
	}
	row := c.Cells[y*c.W : (y+1)*c.W]
	for i := max(0, -x); i < min(len(s), c.W-x); i++ {
		row[x+i] = Cell{Rune: rune(s[i]), Node: node, Role: role}
	}
	return used
}

// put writes one character of up to two cells; half of one at the border of the canvas becomes a blank.
func (c *Canvas) put(x, y int, r rune, width int, role Role, node int32) {
	first := c.At(x, y)
	second := first
	if width == 2 {
		if second = c.At(x+1, y); first == nil || second == nil {
			r = ' '
		}
	}
	if first != nil {
		*first = Cell{Rune: r, Node: node, Role: role}
	}
	if width == 2 && second != nil {
		*second = Cell{Node: node, Role: role}
		if r == ' ' {
			second.Rune = ' '
		}
	}
}

// textFits reports whether s takes at most w cells.
func textFits(s string, w int) bool {
	if printsAsBytes(s) {
		return len(s) <= w
	}
	return ansi.StringWidth(s) <= w
}

// printsAsBytes reports whether each byte of a printable text is a character of its own.
func printsAsBytes(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// stubs writes below a node what its edges that are not drawn lead to: where they come from, where they go.
func (c *Canvas) stubs(node int, r layout.Rect) {
	y := r.Y + r.H
	if y < c.view.Y || y >= c.view.Y+c.H {
		return
	}
	p := c.placed
	in, out := 0, 0
	for _, e := range p.In(node) {
		if p.Stub(int(e)) {
			in++
		}
	}
	first, end := p.Out(node)
	for e := first; e < end; e++ {
		if p.Stub(e) {
			out++
		}
	}
	x, room := p.Column(node)
	room-- // a blank before the lines of the gap
	if in > 0 {
		w := room
		if out > 0 {
			w = room / 2
		}
		used := c.ends(x, y, w, node, in, true)
		x, room = x+used+1, room-used-1
	}
	if out > 0 {
		c.ends(x, y, room, node, out, false)
	}
}

// ends writes the names of what stubs on one side of a node lead to, as many as have room, and how many more there are. It
// returns the cells that it took.
func (c *Canvas) ends(x, y, w, node, count int, in bool) int {
	p, mark := c.placed, "⇢ "
	switch {
	case in && c.ascii:
		mark = "<~ "
	case c.ascii:
		mark = "~> "
	case in:
		mark = "⇠ "
	}
	used := c.text(x, y, w, mark, Stub, int32(node))
	first, end := p.Out(node)
	ins := p.In(node)
	if in {
		first, end = 0, len(ins)
	}
	shown := 0
	for i := first; i < end && shown < count; i++ {
		e := i
		if in {
			e = int(ins[i])
		}
		if !p.Stub(e) {
			continue
		}
		other := p.Target(e)
		if in {
			other = p.Source(e)
		}
		name := c.texts.Name(other)
		if other == node {
			name = "itself"
		}
		need := 0 // for what stands beside it
		if shown > 0 {
			need = 2
		}
		if left := count - shown - 1; left > 0 {
			need += 2 + digits(left)
		}
		if !textFits(name, w-used-need) && (count > 1 || w-used < 3) {
			break
		}
		if shown > 0 {
			used += c.text(x+used, y, 2, ", ", Stub, int32(node))
			need -= 2
		}
		used += c.text(x+used, y, w-used-need, name, Stub, int32(node))
		shown++
	}
	if left := count - shown; left > 0 {
		if shown > 0 {
			used += c.text(x+used, y, 2, " +", Stub, int32(node))
		}
		for d := digits(left); d > 0; d-- {
			power := 1
			for range d - 1 {
				power *= 10
			}
			c.put(x+used, y, rune('0'+left/power%10), 1, Stub, int32(node))
			used++
		}
	}
	return used
}

func digits(n int) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

// light draws one edge so that it stands out.
func (c *Canvas) light(edge int) {
	c.points = c.placed.Route(edge, c.points[:0])
	for i := 1; i < len(c.points); i++ {
		a, b := c.points[i-1], c.points[i]
		dx, dy := sign(b.X-a.X), sign(b.Y-a.Y)
		leave, enter := uint8(armRight), uint8(armLeft)
		switch {
		case dy > 0:
			leave, enter = armDown, armUp
		case dy < 0:
			leave, enter = armUp, armDown
		}
		// Only the part that lies in the viewport.
		if dy == 0 {
			if a.Y < c.view.Y || a.Y >= c.view.Y+c.H {
				continue
			}
		} else if a.X < c.view.X || a.X >= c.view.X+c.W {
			continue
		}
		if i == 1 {
			c.lightCell(a.X, a.Y, enter)
		}
		for x, y := a.X, a.Y; x != b.X || y != b.Y; x, y = x+dx, y+dy {
			c.lightCell(x, y, leave)
			c.lightCell(x+dx, y+dy, enter)
		}
	}
}

func (c *Canvas) lightCell(x, y int, arm uint8) {
	cell := c.At(x, y)
	if cell == nil || cell.Role < Edge {
		return
	}
	cell.Role = Lit
	cell.lit |= arm
	if c.ascii || cell.arms == 0 || cell.arms&(armDoubleRow|armDoubleTower) != 0 || cell.arms&armJoin != 0 && cell.arms&15 == 15 {
		return
	}
	weight := func(arm uint8) int {
		switch {
		case cell.arms&arm == 0:
			return 0
		case cell.lit&arm != 0:
			return 2
		}
		return 1
	}
	cell.Rune = boxes[weight(armUp)*27+weight(armDown)*9+weight(armLeft)*3+weight(armRight)]
}

func sign(x int) int {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

// titleMark stands before the title of a lane.
const titleMark = "▌ "

// titles writes the titles of lanes, and a rule behind them that gives way to everything else.
func (c *Canvas) titles() {
	mark, rule := titleMark, '┄'
	if c.ascii {
		mark, rule = ":: ", '~'
	}
	width, _ := c.placed.Size()
	for _, band := range c.placed.Bands() {
		if band.Y < c.view.Y || band.Y >= c.view.Y+c.H {
			continue
		}
		room := c.placed.TitleWidth()
		used := c.text(0, band.Y, room, mark, Title, -1)
		used += c.text(used, band.Y, room-used, c.texts.Title(band), Title, -1)
		for x := max(used+1, c.view.X); x < min(width, c.view.X+c.W); x++ {
			if cell := c.At(x, band.Y); cell != nil && cell.Role == Blank {
				cell.Rune, cell.Role = rule, Rule
			}
		}
	}
}

var unicodeGlyphs, asciiGlyphs = glyphTables()

// glyphTables finds the character for each set of arms. ┼ and ╪ are lines that cross, ╫ is a line that goes on in all directions.
// Collecting lines are double: whoever comes to one (╤ ╧ ╬) goes on with it. In ASCII lines that cross are |, those that branch +,
// and those that come to a collecting one v, ^ or #.
func glyphTables() (box, ascii [128]rune) {
	double := map[int]rune{ // by the arms; the horizontal one is double
		armLeft | armRight: '═', armLeft: '═', armRight: '═',
		armUp | armLeft | armRight: '╧', armDown | armLeft | armRight: '╤', armUp | armDown | armLeft | armRight: '╪',
		armUp | armRight: '╘', armUp | armLeft: '╛', armDown | armRight: '╒', armDown | armLeft: '╕',
		armUp | armDown | armRight: '╞', armUp | armDown | armLeft: '╡',
	}
	towers := map[int]rune{ // both are double
		armUp | armDown: '║', armUp | armLeft: '╝', armDown | armRight: '╔', armDown | armLeft | armRight: '╦',
		armDown: '║', armUp: '║',
	}
	for arms := range 128 {
		lines := arms & 15
		weight := func(arm int) int {
			if lines&arm != 0 {
				return 1
			}
			return 0
		}
		box[arms] = boxes[weight(armUp)*27+weight(armDown)*9+weight(armLeft)*3+weight(armRight)]
		if r, ok := double[lines]; ok && arms&armDoubleRow != 0 {
			box[arms] = r
		}
		if r, ok := towers[lines]; ok && arms&armDoubleTower != 0 {
			box[arms] = r
		}
		switch {
		case lines != 15 || arms&armJoin == 0:
		case arms&armDoubleRow != 0:
			box[arms] = '╬'
		default:
			box[arms] = '╫'
		}
		row := '-'
		if arms&armDoubleRow != 0 {
			row = '='
		}
		switch lines {
		case 0:
			ascii[arms] = ' '
		case armLeft, armRight, armLeft | armRight:
			ascii[arms] = row
		case armUp, armDown, armUp | armDown:
			ascii[arms] = '|'
		case armDown | armRight:
			ascii[arms] = ','
		case armDown | armLeft:
			ascii[arms] = '.'
		case armUp | armRight:
			ascii[arms] = '`'
		case armUp | armLeft:
			ascii[arms] = '\''
		case 15:
			ascii[arms] = '|'
			if arms&armJoin != 0 {
				ascii[arms] = '+'
			}
		default:
			ascii[arms] = '+'
		}
		if ascii[arms] == '+' && row == '=' {
			switch lines {
			case armUp | armLeft | armRight:
				ascii[arms] = 'v'
			case armDown | armLeft | armRight:
				ascii[arms] = '^'
			default:
				ascii[arms] = '#'
			}
		}
	}
	return box, ascii
}
