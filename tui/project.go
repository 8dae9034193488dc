package tui

// What the screen asks of package graph, in one place.

import (
	"github.com/assetdev/assetdev/graph"
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

// rails returns the rows of the list for the visible assets. A cell of the layout takes two on the screen: a sign, and what
// leads on to its right.
func (m *Model) railsOf(visible []graph.Key) []listRow {
	rows := make([]listRow, 0, len(visible))
	if m.snap.Graph == nil {
		return rows
	}
	for _, placed := range layout.Rails(m.snap.Graph, visible, m.lanes()) {
		row := listRow{key: placed.Key, rails: make([]rail, 0, 2*len(placed.Cells))}
		for i, c := range placed.Cells {
			if i > 0 {
				before := placed.Cells[i-1]
				row.rails = append(row.rails, m.joint(before.Right || c.Left, before.Cross && !before.Over || c.Cross && !c.Over))
			}
			if c.Node {
				row.rails = append(row.rails, rail{node: true})
				continue
			}
			text := m.th.G.lineSign(c)
			row.rails = append(row.rails, rail{text: text, heavy: c.Cross})
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

func (m *Model) joint(drawn, heavy bool) rail {
	switch {
	case !drawn:
		return rail{text: " "}
	case heavy && !m.th.G.ASCII:
		return rail{text: "━", heavy: true}
	case heavy:
		return rail{text: "=", heavy: true}
	}
	return rail{text: m.th.G.H}
}

// The signs of lines by the directions they leave in: up 1, down 2, left 4, right 8.
var (
	lightLines = [16]string{" ", "│", "│", "│", "─", "╯", "╮", "┤", "─", "╰", "╭", "├", "─", "┴", "┬", "┼"}
	heavyLines = [16]string{" ", "┃", "┃", "┃", "━", "┛", "┓", "┫", "━", "┗", "┏", "┣", "━", "┻", "┳", "╋"}
	asciiLines = [16]string{" ", "|", "|", "|", "-", "'", ".", "+", "-", "`", ".", "+", "-", "+", "+", "+"}
)

func (g *Glyphs) lineSign(c layout.Cell) string {
	at := 0
	for i, on := range []bool{c.Up, c.Down, c.Left, c.Right} {
		if on {
			at |= 1 << i
		}
	}
	if c.Over {
		at = 3
	}
	switch {
	case g.ASCII:
		return asciiLines[at]
	case c.Cross:
		return heavyLines[at]
	}
	return lightLines[at]
}
