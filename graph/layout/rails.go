// Package layout places a graph in cells: integers only, no characters and no colours. graph/draw and the screen paint them.
//
// The nouns: a [Row] is one line of the list view, with one asset; a [Cell] is one place in it, with the directions in which
// lines leave it.
//
// Invariants: the same graph and the same visible assets give the same rows, whatever was shown before; no cost beyond one
// walk of the visible assets and their edges, times the number of lanes. Deliberately absent: terminals, widths of
// characters, statuses.
package layout

import (
	"slices"

	"github.com/assetdev/assetdev/graph"
)

// A Cell is one place of a row. Lines leave it in the four directions that are set; the neighbour in that direction has the
// opposite one set. As characters, with Over painted as a vertical line that interrupts the horizontal one:
//
//	Up Down │   Left Right ─   Up Left ╯   Up Right ╰   Up Down Right ├   Up Down Left ┤   all four ┼   Up Left Right ┴
type Cell struct {
	Up, Down, Left, Right bool
	Node                  bool // the asset itself; lines from above and the sides are what it reads
	Over                  bool // a vertical line passes over a horizontal one without touching it
	// An edge between two code locations runs here: vertically, to the left, to the right.
	Cross, CrossLeft, CrossRight bool
}

// A Row is one asset of the list. Cells go as far to the right as something stands.
type Row struct {
	Key    graph.Key
	Column int    // of the cell with the asset
	Cells  []Cell // at most the number of lanes asked for
	Hidden int    // lanes that lead on below this row and are not drawn, for want of place
}

// Rails returns one row for each visible asset, in the given order, which should be that of the graph. An asset that is read
// further down has one lane from its node down to its last reader; a reader joins it by a horizontal line, and takes the
// lane over when it is the last. Following lines downwards from a node finds exactly its visible readers below it.
//
// At most maxLanes columns are used, at least one. When more lanes would lie beside each other, the longest are not drawn at
// all, and Hidden counts them; then edges are missing, and still none is false. Edges to assets that are not visible, or
// that stand above what they read, are not drawn.
func Rails(g *graph.Graph, visible []graph.Key, maxLanes int) []Row {
	r := newRails(g, visible)
	r.hideLongest(max(maxLanes, 1) - 1)
	return r.place(visible)
}

// A lane is the line from an asset down to its last visible reader.
type lane struct {
	end    int  // row of the last reader, -1 when there is none
	last   int  // row of the last reader in another location, -1 when there is none
	column int  // while it is drawn
	shown  bool // false: hidden, or without readers
}

type rails struct {
	lanes []lane
	reads [][]int // for each row the rows above it that its asset reads, ascending
	cross func(a, b int) bool
}

func newRails(g *graph.Graph, visible []graph.Key) *rails {
	row := make([]int, g.Len())
	for i := range row {
		row[i] = -1
	}
	at := make([]int, len(visible))
	locations := make([]string, len(visible))
	for i, key := range visible {
		at[i] = -1
		if p, ok := g.Index(key); ok && row[p] < 0 {
			at[i], row[p] = p, i
			locations[i] = g.At(p).Location
		}
	}
	r := &rails{lanes: make([]lane, len(visible)), reads: make([][]int, len(visible))}
	r.cross = func(a, b int) bool { return locations[a] != locations[b] && locations[a] != "" && locations[b] != "" }
	for i := range r.lanes {
		r.lanes[i] = lane{end: -1, last: -1}
	}
	for i, p := range at {
		if p < 0 {
			continue
		}
		for _, u := range g.Reads(p) {
			if from := row[u]; from >= 0 && from < i {
				r.reads[i] = append(r.reads[i], from)
				r.lanes[from].end = i
				if r.cross(from, i) {
					r.lanes[from].last = i
				}
			}
		}
		slices.Sort(r.reads[i])
	}
	return r
}

// hideLongest decides which lanes are drawn: never more than limit beside each other, and of too many the one that ends last
// is hidden, which keeps as many as possible.
func (r *rails) hideLongest(limit int) {
	var open []int
	for i := range r.lanes {
		open = slices.DeleteFunc(open, func(l int) bool { return r.lanes[l].end <= i })
		if r.lanes[i].end < 0 {
			continue
		}
		r.lanes[i].shown = true
		open = append(open, i)
		if len(open) > limit {
			longest := 0
			for k, l := range open {
				if r.lanes[l].end >= r.lanes[open[longest]].end {
					longest = k
				}
			}
			r.lanes[open[longest]].shown = false
			open = slices.Delete(open, longest, longest+1)
		}
	}
}

// place gives the lanes their columns from top to bottom and draws the rows.
func (r *rails) place(visible []graph.Key) []Row {
	rows := make([]Row, len(visible))
	var columns []int // for each column the lane in it, -1 for none
	hidden := make([]int, len(visible)+1)
	for i, l := range r.lanes {
		if l.end >= 0 && !l.shown {
			hidden[i]++
			hidden[l.end]--
		}
	}
	below := 0
	for i := range rows {
		below += hidden[i]
		column := -1
		for c, l := range columns {
			if l >= 0 && r.lanes[l].end == i {
				column = c
				break
			}
		}
		if column < 0 {
			if column = slices.Index(columns, -1); column < 0 {
				column = len(columns)
				columns = append(columns, -1)
			}
		}
		rows[i] = Row{Key: visible[i], Column: column, Cells: r.draw(i, column, columns), Hidden: below}
		for c, l := range columns {
			if l >= 0 && r.lanes[l].end == i {
				columns[c] = -1
			}
		}
		if r.lanes[i].shown {
			columns[column], r.lanes[i].column = i, column
		}
	}
	return rows
}

// draw returns the cells of row i, whose asset stands in column, below the lanes in columns.
func (r *rails) draw(i, column int, columns []int) []Cell {
	left, right := column, column // of the horizontal line
	crossLeft, crossRight := column, column
	for _, from := range r.reads[i] {
		l := &r.lanes[from]
		if !l.shown {
			continue
		}
		left, right = min(left, l.column), max(right, l.column)
		if r.cross(from, i) {
			crossLeft, crossRight = min(crossLeft, l.column), max(crossRight, l.column)
		}
	}
	width := column + 1
	for c, l := range columns {
		if l >= 0 {
			width = max(width, c+1)
		}
	}
	cells := make([]Cell, width)
	for c := range cells {
		cell := &cells[c]
		cell.Left, cell.Right = c > left && c <= right, c >= left && c < right
		cell.CrossLeft, cell.CrossRight = c > crossLeft && c <= crossRight, c >= crossLeft && c < crossRight
		l := -1
		if c < len(columns) {
			l = columns[c]
		}
		switch {
		case c == column:
			cell.Node, cell.Up, cell.Down = true, l >= 0, r.lanes[i].shown
			cell.Cross = l >= 0 && r.cross(l, i) || r.lanes[i].shown && r.lanes[i].last >= 0
		case l >= 0:
			_, joins := slices.BinarySearch(r.reads[i], l)
			cell.Up, cell.Down = true, r.lanes[l].end > i
			cell.Over = !joins && cell.Left && cell.Right
			cell.Cross = r.lanes[l].last >= i
		}
	}
	return cells
}
