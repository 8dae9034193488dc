// Package draw paints a graph as text: the rails of the list view, and what other tools read. Pure, and without colour:
// who prints adds it.
package draw

import (
	"fmt"
	"strings"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/layout"
)

// Joint returns the character between a cell and the one to its right.
func Joint(c layout.Cell, ascii bool) rune {
	switch {
	case !c.Right:
		return ' '
	case ascii && c.CrossRight:
		return '='
	case ascii:
		return '-'
	case c.CrossRight:
		return '━'
	}
	return '─'
}

// boxes holds the box-drawing character of the weights of four lines, 0 none, 1 light, 2 heavy: up×27 + down×9 + left×3 + right.
var boxes = []rune(" ╶╺╴─╼╸╾━╷╭┍╮┬┮┑┭┯╻┎┏┒┰┲┓┱┳╵╰┕╯┴┶┙┵┷│├┝┤┼┾┥┽┿╽┟┢┧╁╆┪╅╈╹┖┗┚┸┺┛┹┻╿┞┡┦╀╄┩╃╇┃┠┣┨╂╊┫╉╋")

var asciiBoxes = [16]rune{' ', '-', '-', '-', '|', '.', '.', '+', '|', '\'', '\'', '+', '|', '+', '+', '+'}

// Glyph returns the character of one cell. Edges between two code locations are drawn heavier. A node is a bullet.
func Glyph(c layout.Cell, ascii bool) rune {
	switch {
	case c.Node && ascii:
		return '*'
	case c.Node:
		return '●'
	case c.Over: // a vertical line passes over a horizontal one without touching it
		c.Left, c.Right = false, false
	}
	if ascii {
		set := 0
		for i, on := range [4]bool{c.Right, c.Left, c.Down, c.Up} {
			if on {
				set |= 1 << i
			}
		}
		return asciiBoxes[set]
	}
	weight := func(on, heavy bool) int {
		switch {
		case !on:
			return 0
		case heavy:
			return 2
		}
		return 1
	}
	return boxes[weight(c.Up, c.Cross)*27+weight(c.Down, c.Cross)*9+weight(c.Left, c.CrossLeft)*3+weight(c.Right, c.CrossRight)]
}

// Dot writes the visible assets for Graphviz, a cluster per code location.
func Dot(g *graph.Graph, visible []graph.Key) string {
	var b strings.Builder
	b.WriteString("digraph assets {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n")
	each(g, visible, func(i int, location string, keys []graph.Key) {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s;\n", i, quoted(location))
		for _, key := range keys {
			fmt.Fprintf(&b, "    %s;\n", quoted(key.String()))
		}
		b.WriteString("  }\n")
	})
	edges(g, visible, func(from, to graph.Key) { fmt.Fprintf(&b, "  %s -> %s;\n", quoted(from.String()), quoted(to.String())) })
	b.WriteString("}\n")
	return b.String()
}

// Mermaid writes the visible assets as a Mermaid flowchart, a subgraph per code location.
func Mermaid(g *graph.Graph, visible []graph.Key) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[graph.Key]int{}
	for i, key := range visible {
		ids[key] = i
	}
	// In a quoted text # begins an entity, a first ` Markdown, < a tag, and %% a directive.
	label := strings.NewReplacer(`"`, "#quot;", "#", "#35;", "%", "#37;", "&", "#amp;", "<", "#lt;", ">", "#gt;", "`", "#96;", `\`, "#92;", "\n", " ", "\r", " ")
	each(g, visible, func(i int, location string, keys []graph.Key) {
		fmt.Fprintf(&b, "  subgraph location%d[\"%s\"]\n", i, label.Replace(location))
		for _, key := range keys {
			fmt.Fprintf(&b, "    a%d[\"%s\"]\n", ids[key], label.Replace(key.String()))
		}
		b.WriteString("  end\n")
	})
	edges(g, visible, func(from, to graph.Key) { fmt.Fprintf(&b, "  a%d --> a%d\n", ids[from], ids[to]) })
	return b.String()
}

// each calls f with the visible keys of each location, in the order of the graph's locations, external assets last.
func each(g *graph.Graph, visible []graph.Key, f func(i int, location string, keys []graph.Key)) {
	by := map[string][]graph.Key{}
	for _, key := range visible {
		asset, _ := g.Asset(key)
		by[asset.Location] = append(by[asset.Location], key)
	}
	n := 0
	for _, location := range append(g.Locations(), "") {
		if keys := by[location]; len(keys) > 0 {
			if location == "" {
				location = "external"
			}
			f(n, location, keys)
			n++
		}
	}
}

func edges(g *graph.Graph, visible []graph.Key, f func(from, to graph.Key)) {
	in := make(map[graph.Key]bool, len(visible))
	for _, key := range visible {
		in[key] = true
	}
	for _, key := range visible {
		for _, up := range g.Upstreams(key) {
			if in[up] {
				f(up, key)
			}
		}
	}
}

// quoted writes a DOT string: the quote and the backslash have a meaning in it, and in labels the entities of HTML.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;", "\n", " ", "\r", " ").Replace(text) + `"`
}
