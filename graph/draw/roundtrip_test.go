package draw

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/graph/layout"
)

// numbered labels node 12 as N12 and calls it n12 in stubs.
type numbered struct{ p *layout.Placed }

func (n numbered) Line(node, i int) string {
	if i == 0 {
		return "N" + strconv.Itoa(node)
	}
	return "x"
}
func (n numbered) Name(node int) string          { return "n" + strconv.Itoa(node) }
func (n numbered) Title(band layout.Band) string { return band.Title }

// The lines that leave a cell.
const (
	up = 1 << iota
	down
	left
	right
	joined // lines in all four directions touch
	double // the horizontal one collects
)

var unicodeArms = map[rune]int{
	'─': left | right, '│': up | down, '╭': right | down, '╮': left | down, '╰': right | up, '╯': left | up,
	'├': up | down | right, '┤': up | down | left, '┬': left | right | down, '┴': left | right | up, '┼': up | down | left | right,
	'╫': up | down | left | right | joined, '╬': up | down | left | right | joined | double,
	'═': left | right | double, '╧': left | right | up | double, '╤': left | right | down | double, '╪': up | down | left | right | double,
	'╝': left | up | double, '╔': right | down | double, '╦': left | right | down | double, '▸': left,
}

// A reader follows the lines of a picture as an eye would.
type reader struct {
	lines [][]rune
	ascii bool
	found map[layout.Edge]bool
	from  int32
	seen  map[[3]int]bool
	err   error
}

func (r *reader) at(x, y int) rune {
	if y < 0 || y >= len(r.lines) || x < 0 || x >= len(r.lines[y]) {
		return ' '
	}
	return r.lines[y][x]
}

// arms says which lines leave a cell.
func (r *reader) arms(x, y int) int {
	c := r.at(x, y)
	if !r.ascii {
		return unicodeArms[c]
	}
	switch c {
	case '-':
		return left | right
	case '=':
		return left | right | double
	case '|':
		return up | down
	case ',':
		return right | down
	case '.':
		return left | down
	case '`':
		return right | up
	case '\'':
		return left | up
	case '>':
		return left
	case 'v':
		return left | right | up | double
	case '^':
		return left | right | down | double
	case '+', '#':
		arms := 0
		if strings.ContainsRune("|+#,.^", r.at(x, y-1)) {
			arms |= up
		}
		if strings.ContainsRune("|+#`'v", r.at(x, y+1)) {
			arms |= down
		}
		i := x + 1
		for r.at(i, y) == '|' {
			i++
		}
		if strings.ContainsRune("-=+#.'>v^", r.at(i, y)) {
			arms |= right
		}
		if c == '#' {
			arms |= double
		}
		for i = x - 1; r.at(i, y) == '|'; i-- {
			continue
		}
		if strings.ContainsRune("-=+#,`v^", r.at(i, y)) {
			arms |= left
		}
		if arms&15 == 15 {
			arms |= joined
		}
		return arms
	}
	return 0
}

var steps = map[int][2]int{up: {0, -1}, down: {0, 1}, left: {-1, 0}, right: {1, 0}}

var opposite = map[int]int{up: down, down: up, left: right, right: left}

// follow enters a cell in a direction.
func (r *reader) follow(x, y, direction int) {
	key := [3]int{x, y, direction}
	if r.seen[key] || r.err != nil {
		return
	}
	r.seen[key] = true
	c, arms := r.at(x, y), r.arms(x, y)
	if c == '▸' || r.ascii && c == '>' && direction == right {
		if n, ok := r.label(x+1, y); ok {
			r.found[layout.Edge{From: r.from, To: n}] = true
			return
		}
	}
	on := func(d int) { r.follow(x+steps[d][0], y+steps[d][1], d) }
	crossing := arms&15 == 15 && arms&joined == 0
	horizontal := direction == left || direction == right
	if crossing || r.ascii && c == '|' && horizontal {
		on(direction)
		return
	}
	if arms&opposite[direction] == 0 {
		r.err = fmt.Errorf("a line breaks off at %d,%d: %q from direction %d", x, y, c, direction)
		return
	}
	collecting := arms&double != 0
	for _, d := range []int{up, down, right} {
		switch {
		case arms&d == 0 || d == opposite[direction]:
		case collecting && direction == right && arms&right != 0 && d != right: // who is on a collecting line stays on it
		default:
			on(d)
		}
	}
	if arms&left != 0 && direction != right && arms&right == 0 {
		r.err = fmt.Errorf("a line leads back at %d,%d from %d", x, y, r.from)
	}
}

// label reads a label that begins in a cell.
func (r *reader) label(x, y int) (int32, bool) {
	if r.at(x, y) != 'N' {
		return 0, false
	}
	n, digits := 0, 0
	for x++; r.at(x, y) >= '0' && r.at(x, y) <= '9'; x++ {
		n, digits = n*10+int(r.at(x, y)-'0'), digits+1
	}
	return int32(n), digits > 0
}

// read returns the edges of a picture that are drawn as lines, and those that are named by stubs, by the end that names them.
func read(lines []string, ascii bool) (drawn map[layout.Edge]bool, in, out map[int32]stubs, err error) {
	r := &reader{ascii: ascii, found: map[layout.Edge]bool{}}
	for _, l := range lines {
		r.lines = append(r.lines, []rune(l))
	}
	in, out = map[int32]stubs{}, map[int32]stubs{}
	for y := range r.lines {
		for x := range r.lines[y] {
			n, ok := r.label(x, y)
			if !ok {
				continue
			}
			i := x + 1
			for r.at(i, y) >= '0' && r.at(i, y) <= '9' {
				i++
			}
			for i < len(r.lines[y]) && r.at(i, y) == ' ' {
				i++
			}
			if c := r.at(i, y); c == '─' || c == '-' {
				r.from, r.seen = n, map[[3]int]bool{}
				r.follow(i, y, right)
			}
			for below := y + 1; below <= y+3 && below < len(r.lines); below++ {
				text := string(r.lines[below][min(x, len(r.lines[below])):])
				if m := inPattern.FindStringSubmatch(text); m != nil {
					in[n] = parse(n, m[1:])
					text = text[len(m[0]):]
				}
				if m := outPattern.FindStringSubmatch(text); m != nil {
					out[n] = parse(n, m[1:])
				}
				if r.at(x, below) != 'x' {
					break
				}
			}
		}
	}
	return r.found, in, out, r.err
}

var (
	inPattern  = regexp.MustCompile(`^(?:⇠|<~) ((?:n\d+|itself|\w+[…~])(?:, (?:n\d+|itself|\w+[…~]))*)?(?: ?\+?(\d+))? ?`)
	outPattern = regexp.MustCompile(`^(?:⇢|~>) ((?:n\d+|itself|\w+[…~])(?:, (?:n\d+|itself|\w+[…~]))*)?(?: ?\+?(\d+))?`)
)

type stubs struct {
	names []int32
	more  int
}

func parse(node int32, m []string) stubs {
	var s stubs
	for name := range strings.SplitSeq(m[0], ", ") {
		switch {
		case strings.HasSuffix(name, "…"), strings.HasSuffix(name, "~"):
			s.more++
		case name == "itself":
			s.names = append(s.names, node)
		case name != "":
			n, _ := strconv.Atoi(name[1:])
			s.names = append(s.names, int32(n))
		}
	}
	more, _ := strconv.Atoi(m[1])
	s.more += more
	return s
}

// checkPicture paints p whole, reads it back and compares it with the graph.
func checkPicture(p *layout.Placed, in *layout.Input, ascii bool) error {
	var c Canvas
	w, h := p.Size()
	c.Paint(p, layout.Rect{W: w, H: h}, numbered{p}, ascii, nil)
	var lines []string
	for y := range h {
		lines = append(lines, c.Line(y))
	}
	picture := "\n" + strings.Join(lines, "\n")
	drawn, ins, outs, err := read(lines, ascii)
	if err != nil {
		return fmt.Errorf("%w%s", err, picture)
	}
	want := map[layout.Edge]bool{}
	wantIn, wantOut := map[int32]map[int32]bool{}, map[int32]map[int32]bool{}
	for _, e := range in.Edges {
		want[e] = true
	}
	if len(want) != p.Edges() {
		return fmt.Errorf("%d edges are placed of %d", p.Edges(), len(want))
	}
	for e := range p.Edges() {
		edge := p.Edge(e)
		if p.Stub(e) {
			delete(want, edge)
			if wantIn[edge.To] == nil {
				wantIn[edge.To] = map[int32]bool{}
			}
			if wantOut[edge.From] == nil {
				wantOut[edge.From] = map[int32]bool{}
			}
			wantIn[edge.To][edge.From], wantOut[edge.From][edge.To] = true, true
		}
	}
	if diff := cmp.Diff(want, drawn); diff != "" {
		return fmt.Errorf("lines: -graph +picture\n%s%s", diff, picture)
	}
	for node := range int32(p.Len()) {
		for _, side := range []struct {
			name string
			got  stubs
			want map[int32]bool
		}{{"in", ins[node], wantIn[node]}, {"out", outs[node], wantOut[node]}} {
			if len(side.got.names)+side.got.more != len(side.want) {
				return fmt.Errorf("stubs %s at %d: %v, want %v%s", side.name, node, side.got, side.want, picture)
			}
			for _, n := range side.got.names {
				if !side.want[n] {
					return fmt.Errorf("stubs %s at %d: %v, want %v%s", side.name, node, side.got, side.want, picture)
				}
			}
		}
	}
	return checkFound(p)
}

// checkFound compares what a layout says of its cells with the routes of its edges.
func checkFound(p *layout.Placed) error {
	w, h := p.Size()
	for i := range p.Len() {
		r := p.Rect(i)
		if n, ok := p.At(r.X, r.Y); !ok || n != i || r.X < 0 || r.Y < 0 || r.X+r.W > w || r.Y+r.H > h {
			return fmt.Errorf("node %d at %v of %d×%d; there is %d, %v", i, r, w, h, n, ok)
		}
		for j := range i {
			if p.Rect(j).Overlaps(r) {
				return fmt.Errorf("nodes %d and %d overlap", i, j)
			}
		}
	}
	passed := map[layout.Point][]int32{}
	for e := range p.Edges() {
		points := p.Route(e, nil)
		cells := map[layout.Point]bool{}
		for i := 1; i < len(points); i++ {
			a, b := points[i-1], points[i]
			dx, dy := sign(b.X-a.X), sign(b.Y-a.Y)
			if dx != 0 && dy != 0 {
				return fmt.Errorf("edge %d runs askew from %v to %v", e, a, b)
			}
			for ; a != b; a = (layout.Point{X: a.X + dx, Y: a.Y + dy}) {
				cells[a] = true
			}
			cells[b] = true
		}
		for at := range cells {
			passed[at] = append(passed[at], int32(e))
		}
	}
	for y := range h {
		for x := range w {
			got := p.EdgesAt(x, y, nil)
			slices.Sort(got)
			want := passed[layout.Point{X: x, Y: y}]
			slices.Sort(want)
			if !slices.Equal(got, want) {
				return fmt.Errorf("edges at %d,%d: got %v, want %v", x, y, got, want)
			}
			if n, ok := p.At(x, y); ok && len(want) > 0 {
				return fmt.Errorf("edge %v runs over node %d", want, n)
			}
		}
	}
	return nil
}

// randomGraph draws a graph with everything that a graph may have.
func randomGraph(pick func(n int) int) (*layout.Input, layout.Options) {
	n := 1 + pick(24)
	in := &layout.Input{}
	for l := range 1 + pick(5) {
		in.Lanes = append(in.Lanes, fmt.Sprintf("lane %d", l))
	}
	for i := range n {
		in.Nodes = append(in.Nodes, layout.Node{Key: "k" + strconv.Itoa(i), Lane: int32(pick(len(in.Lanes))), Group: int32(pick(3)), Width: int32(4 + pick(14))})
	}
	cyclic := pick(4) == 0
	for range pick(n*2 + n*n/8 + 1) {
		from, to := pick(n), pick(n)
		if !cyclic && from >= to {
			from, to = to, from
			if from == to {
				continue
			}
		}
		in.Edges = append(in.Edges, layout.Edge{From: int32(from), To: int32(to)})
	}
	if pick(8) == 0 {
		for i := range in.Nodes {
			in.Nodes[i].Layer = int32(pick(6))
		}
	}
	o := layout.Options{Height: []int{1, 1, 3, 2}[pick(4)], MaxRows: []int{0, -1, 4, 12}[pick(4)], Tracks: []int{0, 0, 1, 3}[pick(4)]}
	return in, o
}

// change adds and removes a few nodes and edges.
func change(in *layout.Input, pick func(n int) int) *layout.Input {
	out := &layout.Input{Lanes: slices.Clone(in.Lanes)}
	if pick(4) == 0 {
		out.Lanes = slices.Insert(out.Lanes, 0, "lane "+strconv.Itoa(10+pick(90)))
	}
	shift := int32(len(out.Lanes) - len(in.Lanes))
	place := make([]int32, len(in.Nodes))
	add := func() {
		out.Nodes = append(out.Nodes, layout.Node{Key: "new" + strconv.Itoa(len(out.Nodes)) + "-" + strconv.Itoa(pick(1e6)), Lane: int32(pick(len(out.Lanes))), Width: int32(4 + pick(20))})
	}
	for i, n := range in.Nodes {
		place[i] = -1
		if pick(12) == 0 && len(in.Nodes) > 1 {
			continue
		}
		if pick(10) == 0 {
			add()
		}
		place[i] = int32(len(out.Nodes))
		n.Lane += shift
		out.Nodes = append(out.Nodes, n)
	}
	if len(out.Nodes) == 0 {
		add()
	}
	for _, e := range in.Edges {
		if from, to := place[e.From], place[e.To]; from >= 0 && to >= 0 && pick(10) > 0 {
			out.Edges = append(out.Edges, layout.Edge{From: from, To: to})
		}
	}
	for range pick(4) {
		out.Edges = append(out.Edges, layout.Edge{From: int32(pick(len(out.Nodes))), To: int32(pick(len(out.Nodes)))})
	}
	return out
}

// checkSame fails when two layouts differ in a cell, or in what they say of an edge.
func checkSame(a, b *layout.Placed) error {
	var ca, cb Canvas
	w, h := a.Size()
	if w2, h2 := b.Size(); w != w2 || h != h2 {
		return fmt.Errorf("%d×%d is not %d×%d", w, h, w2, h2)
	}
	ca.Paint(a, layout.Rect{W: w, H: h}, numbered{a}, false, nil)
	cb.Paint(b, layout.Rect{W: w, H: h}, numbered{b}, false, nil)
	for y := range h {
		if ca.Line(y) != cb.Line(y) {
			return fmt.Errorf("line %d\n%s\n%s", y, ca.Line(y), cb.Line(y))
		}
	}
	return nil
}

// TestRoundTrip reads painted graphs back: every edge is found, and none that is not there.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, o := randomGraph(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
		p := layout.Lanes(in, o, nil)
		for range 3 {
			for _, ascii := range []bool{false, true} {
				if err := checkPicture(p, in, ascii); err != nil {
					t.Fatalf("ascii %v: %v", ascii, err)
				}
			}
			in = change(in, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "change") })
			p = layout.Lanes(in, o, p)
		}
	})
}

// TestRoundTripOfThousands does the same for more graphs than rapid would.
func TestRoundTripOfThousands(t *testing.T) {
	count := 700
	if testing.Short() {
		count = 300
	}
	for seed := range count {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		in, o := randomGraph(random.IntN)
		p := layout.Lanes(in, o, nil)
		for step := range 3 {
			if err := checkPicture(p, in, (seed+step)%2 == 0); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if err := checkSame(p, layout.Lanes(in, o, p)); err != nil {
				t.Fatalf("seed %d, step %d: a layout of the same graph is not the same: %v", seed, step, err)
			}
			in = change(in, random.IntN)
			p = layout.Lanes(in, o, p)
		}
	}
}
