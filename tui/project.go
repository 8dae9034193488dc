package tui

// What the screen asks of package graph, in one place.

import (
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/draw"
	"github.com/assetdev/assetdev/graph/layout"
)

// selection returns the set of assets that a selection means now.
func (m *Model) selection(text string) (map[graph.Key]bool, error) {
	sel, err := graph.ParseSelection(text)
	if err != nil {
		return nil, err
	}
	keys, err := graph.Select(m.snap.Graph, m.snap.Freshness, sel)
	if err != nil {
		return nil, err
	}
	set := make(map[graph.Key]bool, len(keys))
	for _, k := range keys {
		set[k] = true
	}
	return set, nil
}

// railsOf returns the rows of the list for the visible assets. A cell of the layout takes two on the screen: a sign, and what
// leads on to its right.
func (m *Model) railsOf(visible []graph.Key) []listRow {
	rows := make([]listRow, 0, len(visible))
	if m.snap.Graph == nil {
		return rows
	}
	ascii := m.th.G.ASCII
	for _, placed := range layout.Rails(m.snap.Graph, visible, m.lanes()) {
		row := listRow{key: placed.Key, rails: make([]rail, 0, 2*len(placed.Cells))}
		for i, c := range placed.Cells {
			row.rails = append(row.rails, rail{text: string(draw.Glyph(c, ascii)), node: c.Node, heavy: c.Cross || !c.Over && (c.CrossLeft || c.CrossRight)})
			if i < len(placed.Cells)-1 {
				row.rails = append(row.rails, rail{text: string(draw.Joint(c, ascii)), heavy: c.CrossRight})
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// lanes is how many lanes the list has room for.
func (m *Model) lanes() int { return max(2, min(14, m.listWidth()/9)) }

func (m *Model) listWidth() int {
	r := Layout(m.w, m.h, Shape{Rows: 1 << 20})
	return max(20, r.Panes[PaneAssets].W-4)
}
