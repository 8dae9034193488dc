package cli

import (
	"fmt"
	"strings"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/draw"
	"github.com/assetdev/assetdev/graph/layout"
	"github.com/spf13/cobra"
)

func (a *app) graphCommand() *cobra.Command {
	var format string
	var selects []string
	c := &cobra.Command{
		Use: "graph [SELECTION]", Short: "the asset graph, as text, dot, mermaid, svg or json", ValidArgsFunction: a.completeSelection,
		Long: `Draws the selected assets, by default all, with the edges between them: as text in lanes, one for each code location, as an SVG for a
document, as source for Graphviz or Mermaid, or as JSON.`,
		Example: "  assetdev graph\n  assetdev graph +customer_risk_scores --format svg >graph.svg\n  assetdev graph --format dot | dot -Tpdf >graph.pdf",
		RunE: func(_ *cobra.Command, args []string) error {
			if a.json {
				format = "json"
			}
			return a.withGraph(func(_ *engine.Engine, s *engine.Snapshot) error {
				keys, err := selected(s, selection(args, selects))
				if err != nil {
					return err
				}
				return a.graph(s, keys, format)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`FORMAT`: text, dot, mermaid, svg or json")
	c.Flags().StringArrayVarP(&selects, "select", "s", nil, "`SELECTION` of assets")
	completeFlag(c, "format", "text", "dot", "mermaid", "svg", "json")
	return c
}

func (a *app) graph(s *engine.Snapshot, keys []graph.Key, format string) error {
	switch format {
	case "text":
		a.drawing(s, keys)
	case "svg":
		t, p := newLabels(s, keys, look{})
		fmt.Fprint(a.Stdout, draw.SVG(p, t, func(node int) string { return t.words[node] }))
	case "dot":
		fmt.Fprint(a.Stdout, safeText(draw.Dot(s.Graph, keys)))
	case "mermaid":
		fmt.Fprint(a.Stdout, safeText(draw.Mermaid(s.Graph, keys)))
	case "json":
		assets := []map[string]any{}
		in := map[graph.Key]bool{}
		for _, k := range keys {
			asset, _ := s.Graph.Asset(k)
			assets = append(assets, map[string]any{"key": k, "location": asset.Location, "status": s.Freshness.Status(k)})
			in[k] = true
		}
		edges := [][2]graph.Key{}
		for _, k := range keys {
			for _, up := range s.Graph.Upstreams(k) {
				if in[up] {
					edges = append(edges, [2]graph.Key{up, k})
				}
			}
		}
		return printJSON(a.Stdout, map[string]any{"format": 1, "assets": assets, "edges": edges})
	default:
		return usage("--format %q: text, dot, mermaid, svg or json", format)
	}
	return nil
}

// labels are the texts of a drawing: a mark for the status, and the key.
type labels struct {
	lines, names, words []string
}

func (l *labels) Line(node, _ int) string { return l.lines[node] }
func (l *labels) Name(node int) string    { return l.names[node] }
func (l *labels) Title(band layout.Band) string {
	if band.Title == "" {
		return "external"
	}
	return safe(band.Title)
}

// newLabels places the assets and returns their labels.
func newLabels(s *engine.Snapshot, keys []graph.Key, l look) (*labels, *layout.Placed) {
	l.colour = false
	t := &labels{}
	in := layout.Of(s.Graph, keys, func(k graph.Key) int {
		word := s.Assets[k].Word
		name := safe(k.String())
		t.words, t.names, t.lines = append(t.words, word), append(t.names, name), append(t.lines, l.mark(word)+" "+name)
		return width(t.lines[len(t.lines)-1])
	})
	return t, layout.Lanes(in, layout.Options{MaxWidth: 60}, nil)
}

// drawing prints the lanes, and below them how many assets have which status.
func (a *app) drawing(s *engine.Snapshot, keys []graph.Key) {
	t, p := newLabels(s, keys, a.look)
	if !a.look.colour {
		fmt.Fprint(a.Stdout, draw.Text(p, t, a.look.ascii))
	} else {
		draw.Rows(p, t, a.look.ascii, func(c *draw.Canvas, row []draw.Cell) { fmt.Fprintln(a.Stdout, a.coloured(c, row, t)) })
	}
	counts := map[graph.Status]int{}
	for _, k := range keys {
		counts[s.Freshness.Status(k)]++
	}
	if len(keys) > 0 {
		fmt.Fprintf(a.Stdout, "\n%s\n", a.look.counts(counts))
	}
}

// coloured returns one row of a drawing: the mark of an asset in the colour of its status, lines between locations apart from
// the others.
func (a *app) coloured(c *draw.Canvas, row []draw.Cell, t *labels) string {
	var b strings.Builder
	var run []byte
	for i := 0; i < len(row); {
		first := row[i]
		run = run[:0]
		for ; i < len(row) && row[i].Role == first.Role && row[i].Node == first.Node; i++ {
			run = c.AppendCell(run, row[i])
		}
		text := string(run)
		switch first.Role {
		case draw.Label:
			mark, name, _ := strings.Cut(text, " ")
			b.WriteString(a.look.paint(marks[t.words[first.Node]][2], mark) + " " + name)
		case draw.CrossEdge, draw.Lit:
			b.WriteString(a.look.paint(cyan, text))
		case draw.Title:
			b.WriteString(a.look.paint(bold, text))
		case draw.Edge, draw.Rule, draw.Stub:
			b.WriteString(a.look.paint(dim, text))
		case draw.Blank:
			b.WriteString(text)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
