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

// railsOf returns the rows of the list for the visible assets.
func (m *Model) railsOf(visible []graph.Key) []listRow {
	rows := make([]listRow, 0, len(visible))
	if m.snap.Graph == nil {
		return rows
	}
	for _, placed := range layout.Rails(m.snap.Graph, visible, m.lanes()) {
		rows = append(rows, listRow{key: placed.Key, rails: placed.Cells})
	}
	return rows
}

// railsWidth is how many cells of the screen rails take: each has one for itself and one for what leads on to its right.
func railsWidth(cells []layout.Cell) int { return max(0, 2*len(cells)-1) }

// railLine draws rails into w cells, with the glyph of the asset for its node.
func (m *Model) railLine(l *line, rails []layout.Cell, w int, glyph string, style Style) {
	ascii := m.th.G.ASCII
	put := func(heavy bool, r rune) {
		st := m.th.Dim
		if heavy {
			st = m.th.Focus
		}
		l.put(st, string(r))
	}
	for i, c := range rails {
		switch {
		case 2*i >= w:
			return
		case 2*i == w-1 && i < len(rails)-1:
			l.put(m.th.Dim, m.th.G.Ellipsis)
			return
		case c.Node:
			l.put(style, glyph)
		default:
			put(c.Cross || !c.Over && (c.CrossLeft || c.CrossRight), draw.Glyph(c, ascii))
		}
		if i < len(rails)-1 && 2*i+1 < w {
			put(c.CrossRight, draw.Joint(c, ascii))
		}
	}
}

// lanes is how many lanes the list has room for.
func (m *Model) lanes() int { return max(2, min(14, m.listWidth()/9)) }

func (m *Model) listWidth() int {
	r := Layout(m.w, m.h, Shape{Rows: 1 << 20})
	return max(20, r.Panes[PaneAssets].W-4)
}
