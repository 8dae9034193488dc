package draw

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/layout"
	"github.com/assetdev/assetdev/graph/layout/layouttest"
)

// keys labels nodes with their keys.
type keys struct{ p *layout.Placed }

func (k keys) Line(node, _ int) string       { return k.p.Node(node).Key }
func (k keys) Name(node int) string          { return k.p.Node(node).Key }
func (k keys) Title(band layout.Band) string { return band.Title }
func placedShop(o layout.Options) *layout.Placed {
	g := shop()
	return layout.Lanes(layout.Of(g, g.Keys(), func(k graph.Key) int { return len(k.String()) }), o, nil)
}

func TestText(t *testing.T) {
	for _, test := range []struct {
		name  string
		ascii bool
		o     layout.Options
		want  string
	}{
		{"unicode", false, layout.Options{}, `
▌ north ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
orders ────┬──▸products ────────────────╮
           │                            │
customers ─╧══▸summary ──┬──▸segments   │
                         │              │
                         │              │
▌ south ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄│┄┄┄┄┄┄┄┄┄┄┄┄┄┄│┄┄┄┄┄┄┄┄┄┄
                         │             ╭╧══▸scores
                         │             │
                         ╰──▸features ─┴───▸model
`},
		{"ascii", true, layout.Options{}, `
:: north ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
orders ----+-->products ----------------.
           |                            |
customers -v==>summary --+-->segments   |
                         |              |
                         |              |
:: south ~~~~~~~~~~~~~~~~|~~~~~~~~~~~~~~|~~~~~~~~~~
                         |             ,v==>scores
                         |             |
                         ` + "`" + `-->features -+--->model
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := placedShop(test.o)
			if diff := cmp.Diff(test.want, "\n"+Text(p, keys{p}, test.ascii)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestViewport paints any part of a layout as it looks in the whole, apart from wide characters that are cut by the border.
func TestViewport(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		in, o := randomGraph(random.IntN)
		p := layout.Lanes(in, o, nil)
		w, h := p.Size()
		var whole, part Canvas
		texts := numbered{p}
		var lit []int32
		for e := range p.Edges() {
			if random.IntN(3) == 0 {
				lit = append(lit, int32(e))
			}
		}
		whole.Paint(p, layout.Rect{W: w, H: h}, texts, false, lit)
		view := layout.Rect{X: random.IntN(w+10) - 5, Y: random.IntN(h+10) - 5, W: random.IntN(60), H: random.IntN(20)}
		part.Paint(p, view, texts, false, lit)
		for y := range view.H {
			for x := range view.W {
				want := Cell{Rune: ' ', Node: -1}
				if c := whole.At(view.X+x, view.Y+y); c != nil {
					want = *c
				}
				if got := part.Cells[y*part.W+x]; got != want {
					t.Fatalf("cell %d,%d of %v: got %+v, want %+v", x, y, view, got, want)
				}
			}
		}
	}
}

// TestLitEdges are heavy along their route and nowhere else.
func TestLitEdges(t *testing.T) {
	p := placedShop(layout.Options{})
	w, h := p.Size()
	var c Canvas
	for e := range p.Edges() {
		c.Paint(p, layout.Rect{W: w, H: h}, keys{p}, false, []int32{int32(e)})
		passed := map[layout.Point]bool{}
		points := p.Route(e, nil)
		for i := 1; i < len(points); i++ {
			a, b := points[i-1], points[i]
			for x := min(a.X, b.X); x <= max(a.X, b.X); x++ {
				for y := min(a.Y, b.Y); y <= max(a.Y, b.Y); y++ {
					passed[layout.Point{X: x, Y: y}] = true
				}
			}
		}
		for y := range h {
			for x := range w {
				if lit := c.At(x, y).Role == Lit; lit != passed[layout.Point{X: x, Y: y}] {
					t.Errorf("edge %v at %d,%d: lit is %v", p.Edge(e), x, y, lit)
				}
			}
		}
	}
}

// TestWideAndLongNames take exactly the cells of their place.
func TestWideAndLongNames(t *testing.T) {
	long := strings.Repeat("long_", 40)
	names := []string{"客户订单", "e\u0301te\u0301", "👩\u200d🔬_data", long, "客" + long, "", "🇩🇪🇫🇷", "a\u200bb"}
	in := &layout.Input{Lanes: []string{"日本語のレーン" + long, ""}}
	for i, n := range names {
		in.Nodes = append(in.Nodes, layout.Node{Key: fmt.Sprint(i, n), Lane: int32(i % 2), Width: int32(max(1, 2*len([]rune(n))))})
		for j := range i {
			in.Edges = append(in.Edges, layout.Edge{From: int32(j), To: int32(i)})
		}
	}
	p := layout.Lanes(in, layout.Options{MaxWidth: 21}, nil)
	texts := listed{names, in.Lanes}
	for _, ascii := range []bool{false, true} {
		w, h := p.Size()
		for x := range w {
			var c Canvas
			c.Paint(p, layout.Rect{X: x, W: 20, H: h}, texts, ascii, nil)
			for y := range h {
				row := c.Row(y)
				for i, cell := range row {
					if cell.Rune == 0 && (i == 0 || row[i-1].Rune == 0 || row[i-1].Role != cell.Role) {
						t.Fatalf("view at %d, row %d: cell %d is half a character", x, y, i)
					}
				}
			}
		}
	}
}

type listed struct{ names, lanes []string }

func (l listed) Line(node, _ int) string       { return l.names[node] }
func (l listed) Name(node int) string          { return l.names[node] }
func (l listed) Title(band layout.Band) string { return l.lanes[band.Lane] }

func TestSVGIsXML(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for range 20 {
		in, o := randomGraph(random.IntN)
		for i := range in.Nodes {
			in.Nodes[i].Key = `<a & "b">` + in.Nodes[i].Key
		}
		p := layout.Lanes(in, o, nil)
		picture := SVG(p, keys{p}, func(int) string { return `check "failed"` })
		decoder := xml.NewDecoder(strings.NewReader(picture))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v\n%s", err, picture)
			}
		}
	}
}

// BenchmarkPaint measures painting views of 200×60 cells all over a layout, with the promised figure beside it.
func BenchmarkPaint(b *testing.B) {
	promised := map[int]float64{100: 30, 1000: 50, 10000: 100, 100000: 200}
	for _, n := range []int{100, 1000, 10000, 100000} {
		b.Run(fmt.Sprintf("assets=%d", n), func(b *testing.B) {
			p := layout.Lanes(layouttest.Generate(layouttest.Shape{Assets: n}), layout.Options{}, nil)
			w, h := p.Size()
			random := rand.New(rand.NewPCG(1, 1))
			views := make([]layout.Rect, 64)
			for i := range views {
				views[i] = layout.Rect{X: random.IntN(max(1, w-200)), Y: random.IntN(max(1, h-60)), W: 200, H: 60}
			}
			var c Canvas
			var texts Texts = keys{p}
			for _, v := range views {
				c.Paint(p, v, texts, false, nil)
			}
			b.ReportAllocs()
			before := used(b)
			i := 0
			for b.Loop() {
				c.Paint(p, views[i%len(views)], texts, false, nil)
				i++
			}
			b.ReportMetric(float64((used(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
			b.ReportMetric(promised[n], "promised-µs")
		})
	}
}

func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestPaintingAllocatesNothing once the canvas has its size.
func TestPaintingAllocatesNothing(t *testing.T) {
	p := layout.Lanes(layouttest.Generate(layouttest.Shape{Assets: 300}), layout.Options{}, nil)
	var c Canvas
	var texts Texts = keys{p}
	lit := []int32{1, 2, 3, 4, 5, 6}
	paint := func() { c.Paint(p, layout.Rect{X: 50, Y: 20, W: 200, H: 60}, texts, false, lit) }
	paint()
	if n := testing.AllocsPerRun(20, paint); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
