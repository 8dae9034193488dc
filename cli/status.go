package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	var exitCode bool
	var selects []string
	var parts choice
	c := &cobra.Command{
		Use: "status [SELECTION]", Short: "freshness of every asset, and why", ValidArgsFunction: a.completeSelection,
		Long: `Prints for each selected asset, by default for all: its status, when its data was made, its rows, how long that took, and the first
reason why it is not fresh. Exits with 1 when a code location does not load, and with --exit-code 3 when something is not fresh.`,
		Example: "  assetdev status\n  assetdev status 'status:stale'\n  assetdev status +customer_risk_scores --exit-code --json",
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := parts.read()
			if err != nil {
				return err
			}
			return a.status(selection(args, selects), p, exitCode)
		},
	}
	parts.flags(c)
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit 3 when anything selected is not fresh")
	c.Flags().StringArrayVarP(&selects, "select", "s", nil, "`SELECTION` of assets")
	return c
}

func (a *app) status(selects []string, p engine.Partitions, exitCode bool) error {
	return a.withGraph(func(e *engine.Engine, s *engine.Snapshot) error {
		keys, err := selected(s, selects)
		if err == nil && !p.IsZero() {
			if keys, err = e.Select(a.ctx, keys, p); len(selects) == 0 { // all that have partitions
				keys = slices.DeleteFunc(keys, func(k graph.Key) bool { return k.Partition() == "" })
			}
		}
		if err != nil {
			return err
		}
		if a.json {
			err = printJSON(a.Stdout, statusJSON(s, keys))
		} else {
			a.printStatus(s, keys)
		}
		if err != nil {
			return err
		}
		code := exitDone
		for _, key := range keys {
			if status := s.Freshness.Status(key); exitCode && status != graph.Fresh && status != graph.External {
				code = exitNotFresh
			}
		}
		if broken(s) {
			code = exitFailed
		}
		return done(code)
	})
}

func (a *app) printStatus(s *engine.Snapshot, keys []graph.Key) {
	now := time.Now()
	counts := map[graph.Status]int{}
	t := table{right: []bool{false, false, false, true, true, true}}
	for _, key := range keys {
		asset, _ := s.Graph.Asset(key)
		state := stateOf(s, key)
		status := s.Freshness.Status(key)
		counts[status]++
		made, rows, ms := "-", "-", "-"
		if r := state.Stored.Record; r != nil {
			made = age(r.At, now)
			if r.Rows >= 0 && r.File != "" {
				rows = count(r.Rows)
			}
			if r.Took > 0 {
				ms = took(r.Took.Milliseconds())
			}
		}
		if status == graph.External {
			made, rows, ms = "", "", ""
		}
		text := ""
		if reasons := s.Freshness.Reasons(key); len(reasons) > 0 {
			text = safe(reasons[0].Text)
			if len(reasons) > 1 {
				text += fmt.Sprintf(" (+%d)", len(reasons)-1)
			}
		}
		if state.Word == "failed" {
			text = "last run failed: " + safe(state.Stored.Last.Error)
		}
		if counts := a.partitionCounts(s, key); counts != "" && key.Partition() == "" {
			text = strings.TrimSuffix(counts+"; "+text, "; ")
		}
		if state.Word == engine.CheckFailed {
			text = failedChecks(state.Stored.Record)
		}
		glyph := state.Word
		t.add(a.look.mark(glyph)+" "+safe(key.String()), a.look.paint(dim, safe(asset.Location)), a.look.word(state.Word), made, rows, ms, a.look.paint(dim, text))
	}
	t.print(a.Stdout, "")
	for _, l := range s.Locations {
		if l.State == "broken" {
			a.printBroken(a.Stdout, l)
		}
	}
	if !a.quiet {
		fmt.Fprintf(a.Stdout, "\n%s   %s\n", plural(len(keys), "asset"), a.look.counts(counts))
		fmt.Fprintf(a.Stdout, "%s\n", a.look.paint(dim, "storage "+safe(s.Workspace.Storage)))
	}
}

// failedChecks says which checks of severity ERROR the data did not pass.
func failedChecks(r *graph.Record) string {
	var texts []string
	for _, c := range r.Checks {
		if c.Failed() {
			text := "check " + c.Name
			if c.Text != "" {
				text += ": " + c.Text
			}
			texts = append(texts, text)
		}
	}
	return safe(strings.Join(texts, "; "))
}

// stateOf returns what is shown of an asset, or of one of its partitions.
func stateOf(s *engine.Snapshot, key graph.Key) *engine.Asset {
	if key.Partition() == "" {
		return s.Assets[key]
	}
	stored := s.Freshness.Stored(key)
	a := &engine.Asset{Key: key, Stored: stored, Word: s.Freshness.Status(key).String(), ForecastMS: -1}
	if stored.Last != nil && stored.Last.State == event.Failed && a.Word != "fresh" {
		a.Word = event.Failed
	}
	return a
}

// printBroken prints why a location does not load: place and compiler's words first.
func (a *app) printBroken(w io.Writer, l engine.Location) {
	place := ""
	if l.Error.File != "" {
		place = fmt.Sprintf("%s:%d: ", l.Error.File, max(1, l.Error.Line))
	}
	kept := ""
	if l.LastGood {
		kept = "; its last good graph stays"
	}
	fmt.Fprintf(w, "\n%s\n%s code location %s does not load%s\n", headline(place+l.Error.Message), a.look.mark("broken"), safe(l.Name), kept)
	if l.Hint != "" {
		fmt.Fprintf(w, "%s\n", a.look.paint(dim, "hint: "+safe(l.Hint)))
	}
	if l.Error.Trace != "" && (a.verbose > 0 || strings.Count(l.Error.Trace, "\n") < 12) {
		for line := range strings.SplitSeq(safeText(strings.TrimRight(l.Error.Trace, "\n")), "\n") {
			fmt.Fprintf(w, "    %s\n", a.look.paint(dim, line))
		}
	}
}

func (a *app) listCommand() *cobra.Command {
	var selects []string
	c := &cobra.Command{
		Use: "list [SELECTION]", Short: "asset keys, one a line", ValidArgsFunction: a.completeSelection,
		Long:    "Prints the keys of the selected assets, by default of all, for scripts and for trying a selection.",
		Example: "  assetdev list 'group:ml_models'\n  assetdev list order_data+",
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withGraph(func(_ *engine.Engine, s *engine.Snapshot) error {
				keys, err := selected(s, selection(args, selects))
				if err != nil {
					return err
				}
				if a.json {
					return printJSON(a.Stdout, map[string]any{"format": 1, "assets": keys})
				}
				for _, key := range keys {
					fmt.Fprintln(a.Stdout, safe(key.String()))
				}
				return nil
			})
		},
	}
	c.Flags().StringArrayVarP(&selects, "select", "s", nil, "`SELECTION` of assets")
	return c
}

func (a *app) pathCommand() *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use: "path ASSET", Short: "the file with an asset's newest data", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeAsset,
		Long:    "Prints where the newest data of the asset lies. Any program may read the file; the next materialization replaces it as a whole.",
		Example: "  assetdev path customer_risk_scores\n  duckdb -c \"from '$(assetdev path order_data)' limit 5\"",
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			return a.withStored(func(e *engine.Engine, s *engine.Snapshot) error {
				k := a.lastPartition(s, k.At(partition))
				if _, err := e.Versions(a.ctx, k); err != nil {
					return err
				}
				path := e.Path(k)
				if a.json {
					return printJSON(a.Stdout, withPartition(map[string]any{"format": 1, "asset": k.Asset(), "path": path}, k))
				}
				fmt.Fprintln(a.Stdout, safe(path))
				return nil
			}, k)
		},
	}
	onePartition(c, &partition)
	return c
}

func (a *app) whyCommand() *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use: "why ASSET", Short: "the chain from an asset to what made it stale", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeAsset,
		Long: `Prints each chain of reasons from the asset down to its cause: the file, line and symbol that changed, with the lines where their old
text is known, or the data. Of a fresh asset it says that it is fresh.`,
		Example: "  assetdev why customer_risk_scores\n  assetdev why customer_risk_scores --json",
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			return a.withGraph(func(e *engine.Engine, s *engine.Snapshot) error {
				k := k.At(partition)
				status, chains, err := e.Why(a.ctx, k)
				if err != nil {
					return err
				}
				if a.json {
					if chains == nil {
						chains = [][]graph.Reason{}
					}
					return printJSON(a.Stdout, withPartition(map[string]any{"format": 1, "asset": k.Asset(), "status": status, "chains": chains}, k))
				}
				a.printWhy(s, k, status, chains)
				return nil
			})
		},
	}
	c.Flags().StringVar(&partition, "partition", "", "partition `KEY`, of an asset that has partitions (default: what holds of the asset as a whole)")
	return c
}

func (a *app) printWhy(s *engine.Snapshot, k graph.Key, status graph.Status, chains [][]graph.Reason) {
	fmt.Fprintf(a.Stdout, "%s %s is %s\n", a.look.mark(status.String()), a.look.paint(bold, safe(k.String())), a.look.word(status.String()))
	arrow := "└ "
	if a.look.ascii {
		arrow = "` "
	}
	for _, chain := range chains {
		for depth, r := range chain {
			place := ""
			if r.File != "" {
				place = fmt.Sprintf("  %s:%d", r.File, r.Line)
				if strings.Contains(r.Text, place[2:]) {
					place = ""
				}
			}
			indent := strings.Repeat("  ", depth)
			fmt.Fprintf(a.Stdout, "  %s%s%s%s\n", indent, a.look.paint(dim, arrow), safe(r.Text), a.look.paint(cyan, safe(place)))
			for _, line := range r.Diff {
				colour := green
				if strings.HasPrefix(line, "-") {
					colour = red
				}
				fmt.Fprintf(a.Stdout, "  %s    %s\n", indent, a.look.paint(colour, safe(strings.ReplaceAll(line, "\t", "    "))))
			}
		}
	}
	if last := stateOf(s, k).Stored.Last; last != nil && last.Error != "" {
		fmt.Fprintf(a.Stdout, "  last run %s %s: %s\n", safe(last.Run), a.look.word(last.State), safe(last.Error))
	}
}
