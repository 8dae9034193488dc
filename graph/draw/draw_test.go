package draw

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/layout"
)

// shop has edges within a location and between two.
func shop() *graph.Graph {
	asset := func(key string, deps ...string) graph.Asset {
		a := graph.Asset{Key: graph.MustKey(key), Executable: true}
		for _, d := range deps {
			a.Deps = append(a.Deps, graph.MustKey(d))
		}
		return a
	}
	return graph.New([]graph.Definitions{
		{Location: "north", Assets: []graph.Asset{asset("customers"), asset("orders"), asset("summary", "customers", "orders"), asset("segments", "summary"), asset("products", "orders")}},
		{Location: "south", Assets: []graph.Asset{asset("features", "summary"), asset("model", "features"), asset("scores", "features", "products")}},
	}, nil)
}

// TestListTellsWhichEdgesCrossLocations draws a lane heavy as far as its last reader elsewhere, and what leaves it sideways by
// the edge that it is.
func TestListTellsWhichEdgesCrossLocations(t *testing.T) {
	keys := []graph.Key{}
	for k := range strings.FieldsSeq("customers orders summary segments products features model scores") {
		keys = append(keys, graph.MustKey(k))
	}
	for _, test := range []struct {
		ascii bool
		want  string
	}{
		{false, `
●     customers
│ ●   orders
●─┤   summary
┠─│─● segments
┃ ●   products
● ┃   features
├─┃─● model
●━┛   scores
`},
		{true, `
*     customers
| *   orders
*-+   summary
+-|-* segments
| *   products
* |   features
+-|-* model
*='   scores
`},
	} {
		var b strings.Builder
		b.WriteByte('\n')
		rows := layout.Rails(shop(), keys, 12)
		width := 0
		for _, row := range rows {
			width = max(width, len(row.Cells))
		}
		for _, row := range rows {
			cells := append(slices.Clone(row.Cells), make([]layout.Cell, width-len(row.Cells))...)
			for column, c := range cells {
				b.WriteRune(Glyph(c, test.ascii))
				if column < width-1 {
					b.WriteRune(Joint(c, test.ascii))
				}
			}
			b.WriteString(" " + row.Key.String() + "\n")
		}
		if diff := cmp.Diff(test.want, b.String()); diff != "" {
			t.Errorf("ascii %v: -want +got\n%s", test.ascii, diff)
		}
	}
}
