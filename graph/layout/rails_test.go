package layout

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/graph"
)

// parse makes a graph of lines "key: upstream upstream". The location is what stands before the first "/", if anything.
func parse(text string) *graph.Graph {
	byLocation := map[string][]graph.Asset{}
	for line := range strings.Lines(text) {
		key, ups, _ := strings.Cut(strings.TrimSpace(line), ":")
		if key == "" {
			continue
		}
		location, _, has := strings.Cut(key, "/")
		if !has {
			location = "l"
		}
		a := graph.Asset{Key: graph.MustKey(key), Executable: true}
		for up := range strings.FieldsSeq(ups) {
			a.Deps = append(a.Deps, graph.MustKey(up))
		}
		byLocation[location] = append(byLocation[location], a)
	}
	var all []graph.Definitions
	for location, assets := range byLocation {
		all = append(all, graph.Definitions{Location: location, Assets: assets})
	}
	return graph.New(all, nil)
}

// keys returns the keys in the order of their lines.
func keys(text string) []graph.Key {
	var all []graph.Key
	for line := range strings.Lines(text) {
		if key, _, _ := strings.Cut(strings.TrimSpace(line), ":"); key != "" {
			all = append(all, graph.MustKey(key))
		}
	}
	return all
}

// paint draws rows in box characters, heavy where an edge crosses locations.
func paint(rows []Row) string {
	var b strings.Builder
	b.WriteByte('\n')
	for _, row := range rows {
		line := ""
		for _, c := range row.Cells {
			line += glyph(c)
			if c.CrossRight {
				line += "━"
			} else if c.Right {
				line += "─"
			} else {
				line += " "
			}
		}
		if row.Hidden > 0 {
			line += fmt.Sprintf("…%d", row.Hidden)
		}
		fmt.Fprintf(&b, "%-10s%s\n", strings.TrimRight(line, " "), row.Key)
	}
	return b.String()
}

func glyph(c Cell) string {
	if c.Node {
		return "●"
	}
	if c.Over {
		c.Left, c.Right = false, false
	}
	bits := 0
	for i, set := range []bool{c.Up, c.Down, c.Left, c.Right} {
		if set {
			bits |= 1 << i
		}
	}
	light, heavy := []rune(" ╵╷│╴╯╮┤╶╰╭├─┴┬┼"), []rune(" ╹╻┃╸┛┓┫╺┗┏┣━┻┳╋")
	if c.Cross || !c.Over && (c.CrossLeft || c.CrossRight) {
		return string(heavy[bits])
	}
	return string(light[bits])
}

func TestRailsPictures(t *testing.T) {
	for _, test := range []struct {
		name, graph, want string
		lanes             int
	}{
		{"the mock-up of the screen", `
			raw_orders:
			raw_customers:
			stg_orders: raw_orders
			stg_customers: raw_customers
			fct_orders: stg_orders stg_customers
			mart_revenue: fct_orders
			mart_retention: fct_orders
			export_revenue: mart_revenue`, `
●         raw_orders
│ ●       raw_customers
● │       stg_orders
│ ●       stg_customers
●─╯       fct_orders
├─●       mart_revenue
● │       mart_retention
  ●       export_revenue
`, 8},
		{"a line passes over another", `
			a:
			b:
			c:
			d: a c
			e: b
			f: a`, `
●         a
│ ●       b
│ │ ●     c
├─│─●     d
│ ●       e
●         f
`, 8},
		{"a junction in the middle", `
			a:
			b:
			c:
			d: a b c
			e: b
			f: a c`, `
●         a
│ ●       b
│ │ ●     c
├─┼─┼─●   d
│ ● │     e
●───╯     f
`, 8},
		{"nothing reads anything", "a:\nb:\nc:", `
●         a
●         b
●         c
`, 8},
		{"across locations", `
			x/a:
			x/b: x/a
			y/c: x/a
			y/d: y/c x/b`, `
●         x/a
┣─●       x/b
● ┃       y/c
●━┛       y/d
`, 8},
		{"no place for the longest lane", `
			a:
			b:
			c: b
			d: b c
			e: a d`, `
● …1      a
● …1      b
├─● …2    c
● …1      d
●         e
`, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := paint(Rails(parse(test.graph), keys(test.graph), test.lanes))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("rails differ (-want +got):\n%s\ngot\n%s", diff, got)
			}
		})
	}
}

// A drawing is a random graph, what of it is visible, and the number of lanes.
type drawing struct {
	g       *graph.Graph
	visible []graph.Key
	lanes   int
}

func randomDrawing(t *rapid.T) drawing {
	n := rapid.IntRange(0, 24).Draw(t, "assets")
	byLocation := make([]graph.Definitions, 3)
	for i := range byLocation {
		byLocation[i].Location = fmt.Sprintf("l%d", i)
	}
	for i := range n {
		a := graph.Asset{Key: graph.MustKey(fmt.Sprintf("a%02d", i)), Executable: true}
		for range rapid.IntRange(0, 3).Draw(t, "deps") {
			if i > 0 {
				if dep := graph.MustKey(fmt.Sprintf("a%02d", rapid.IntRange(0, i-1).Draw(t, "dep"))); !slices.Contains(a.Deps, dep) {
					a.Deps = append(a.Deps, dep)
				}
			}
		}
		l := &byLocation[rapid.IntRange(0, 2).Draw(t, "location")]
		l.Assets = append(l.Assets, a)
	}
	d := drawing{g: graph.New(byLocation, nil), lanes: rapid.IntRange(1, 12).Draw(t, "lanes")}
	for _, k := range d.g.Keys() {
		if rapid.IntRange(0, 5).Draw(t, "visible") > 0 {
			d.visible = append(d.visible, k)
		}
	}
	return d
}

// follow walks the lines down from each node and returns the readers that it finds, as "from to".
func follow(rows []Row) ([]string, error) {
	var edges []string
	for i, row := range rows {
		down := row.Cells[row.Column].Down
		for at := i + 1; down; at++ {
			if at == len(rows) || row.Column >= len(rows[at].Cells) || !rows[at].Cells[row.Column].Up {
				return nil, fmt.Errorf("the line below %s ends before %d", row.Key, at)
			}
			c := rows[at].Cells[row.Column]
			if c.Node || !c.Over && (c.Left || c.Right) {
				edges = append(edges, row.Key.String()+" "+rows[at].Key.String())
			}
			down = c.Down && !c.Node
		}
	}
	slices.Sort(edges)
	return edges, nil
}

func TestRailsTellTheEdges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := randomDrawing(t)
		rows := Rails(d.g, d.visible, d.lanes)
		got, err := follow(rows)
		if err != nil {
			t.Fatalf("%v in%s", err, paint(rows))
		}
		var want []string
		for _, k := range d.visible {
			for _, u := range d.g.Upstreams(k) {
				if slices.Contains(d.visible, u) {
					want = append(want, u.String()+" "+k.String())
				}
			}
		}
		slices.Sort(want)
		hidden := 0
		for i, row := range rows {
			hidden += row.Hidden
			if row.Key != d.visible[i] {
				t.Fatalf("row %d: got %s, want %s", i, row.Key, d.visible[i])
			}
			if len(row.Cells) > d.lanes {
				t.Fatalf("row %d has %d cells, more than %d lanes", i, len(row.Cells), d.lanes)
			}
			checkJoints(t, rows, i)
		}
		for _, edge := range got {
			if !slices.Contains(want, edge) {
				t.Fatalf("false edge %s in%s", edge, paint(rows))
			}
		}
		if hidden == 0 && !slices.Equal(got, want) {
			t.Fatalf("got edges %v, want %v in%s", got, want, paint(rows))
		}
		if again := Rails(d.g, d.visible, d.lanes); !reflect.DeepEqual(rows, again) {
			t.Fatalf("two calls differ:%s%s", paint(rows), paint(again))
		}
	})
}

// checkJoints fails unless every line of row i meets one of its neighbour, and only one cell is a node.
func checkJoints(t *rapid.T, rows []Row, i int) {
	row := rows[i]
	cell := func(r, c int) Cell {
		if r < 0 || r >= len(rows) || c < 0 || c >= len(rows[r].Cells) {
			return Cell{}
		}
		return rows[r].Cells[c]
	}
	for c, x := range row.Cells {
		if x.Up != cell(i-1, c).Down || x.Down != cell(i+1, c).Up || x.Left != cell(i, c-1).Right || x.Right != cell(i, c+1).Left {
			t.Fatalf("row %d column %d: a line ends in the open in%s", i, c, paint(rows))
		}
		if x.CrossLeft != cell(i, c-1).CrossRight || x.CrossLeft && !x.Left || x.CrossRight && !x.Right {
			t.Fatalf("row %d column %d: the weight of a line is not that of its neighbour in%s", i, c, paint(rows))
		}
		if x.Node != (c == row.Column) {
			t.Fatalf("row %d column %d: got node %v in%s", i, c, x.Node, paint(rows))
		}
		if x.Over && (!x.Up || !x.Down || !x.Left || !x.Right) {
			t.Fatalf("row %d column %d: over without a crossing in%s", i, c, paint(rows))
		}
	}
	if last := row.Cells[len(row.Cells)-1]; last == (Cell{}) {
		t.Fatalf("row %d ends with an empty cell in%s", i, paint(rows))
	}
}

func TestRailsTakesAnyKeysInAnyOrder(t *testing.T) {
	g := parse("a: c\nb: a\nc: b\nd: c")
	visible := []graph.Key{graph.MustKey("d"), graph.MustKey("nowhere"), graph.MustKey("a"), graph.MustKey("a"), graph.MustKey("c"), graph.MustKey("b")}
	rows := Rails(g, visible, 0)
	if got, want := len(rows), len(visible); got != want {
		t.Fatalf("got %d rows, want %d", got, want)
	}
	rows = Rails(g, visible, 8)
	got, err := follow(rows)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a b"}; !slices.Equal(got, want) {
		t.Errorf("got edges %v, want %v", got, want)
	}
}

func BenchmarkRails(b *testing.B) {
	var text strings.Builder
	const n = 10_000
	for i := range n {
		fmt.Fprintf(&text, "a%05d:", i)
		for k := range 1 + i%3 {
			if up := i - 1 - (i*7919+k*104729)%40; up >= 0 {
				fmt.Fprintf(&text, " a%05d", up)
			}
		}
		text.WriteByte('\n')
	}
	g, visible := parse(text.String()), keys(text.String())
	b.Run("assets=10000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Rails(g, visible, 12)
		}
	})
}
