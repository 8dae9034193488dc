package cli

import (
	"fmt"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/draw"
	"github.com/spf13/cobra"
)

func (a *app) graphCommand() *cobra.Command {
	var format string
	var selects []string
	c := &cobra.Command{
		Use: "graph [SELECTION]", Short: "the asset graph, as text, dot, mermaid or json", ValidArgsFunction: a.completeSelection,
		Example: "  assetdev graph\n  assetdev graph +customer_risk_scores --format dot | dot -Tsvg >graph.svg",
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
	c.Flags().StringVar(&format, "format", "text", "text, dot, mermaid or json")
	c.Flags().StringArrayVarP(&selects, "select", "s", nil, "`SELECTION` of assets")
	return c
}

func (a *app) graph(s *engine.Snapshot, keys []graph.Key, format string) error {
	switch format {
	case "text":
		for _, line := range draw.List(s.Graph, keys, a.look.ascii) {
			asset, _ := s.Graph.Asset(line.Key)
			word := s.Assets[line.Key].Word
			fmt.Fprintf(a.Stdout, "%s %s %s  %s  %s\n", line.Rails, a.look.mark(word), safe(line.Key.String()), a.look.paint(dim, safe(asset.Location)), a.look.word(word))
		}
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
		return usage("--format %q: text, dot, mermaid or json", format)
	}
	return nil
}
