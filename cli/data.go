package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
)

func (a *app) previewCommand() *cobra.Command {
	request := engine.PageRequest{Limit: 10}
	var partition string
	c := &cobra.Command{
		Use: "preview ASSET", Short: "rows of an asset's data", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeAsset,
		Long: `Prints rows of the newest data, or of a kept version, with the names and types of their columns. Of data that is no table it prints
what is known of it. With --json numbers are such that no reader rounds them.`,
		Example: "  assetdev preview customer_risk_scores --rows 5\n  assetdev preview product_catalog --columns product,cost --offset 20\n  assetdev preview order_data --version 20261124-071731-a54b08-1",
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if request.Asset, err = key(args[0]); err != nil {
				return err
			}
			if request.Limit < 0 || request.Offset < 0 {
				return usage("--rows and --offset cannot be negative")
			}
			request.Asset = request.Asset.At(partition)
			return a.withStored(func(e *engine.Engine, s *engine.Snapshot) error { return a.preview(e, s, request) }, request.Asset)
		},
	}
	onePartition(c, &partition)
	c.Flags().Int64Var(&request.Limit, "rows", 10, "`N` rows at most")
	c.Flags().Int64Var(&request.Offset, "offset", 0, "begin with row `N`, counted from 0")
	c.Flags().StringSliceVar(&request.Columns, "columns", nil, "`NAMES` of columns, with commas between (default: all)")
	c.Flags().StringVar(&request.Version, "version", "", "kept version `V`, as versions shows it (default: the newest)")
	return c
}

func (a *app) preview(e *engine.Engine, s *engine.Snapshot, r engine.PageRequest) error {
	r.Asset = a.lastPartition(s, r.Asset)
	p, err := e.Preview(a.ctx, r)
	if err != nil {
		return err
	}
	version := r.Version
	if record := s.Freshness.Stored(r.Asset).Record; version == "" && record != nil {
		version = engine.VersionName(*record)
	}
	if p.Note != "" && !a.json && !a.quiet {
		fmt.Fprintln(a.Stdout, a.look.paint(dim, safe(r.Asset.String()+": "+p.Note)))
	}
	if a.json {
		out := map[string]any{
			"format": 1, "asset": r.Asset.Asset(), "version": version, "rows_total": p.RowsTotal, "offset": p.Offset, "columns": orEmpty(p.Columns), "rows": rowsJSON(p.Rows),
		}
		withPartition(out, r.Asset)
		if p.Note != "" {
			out["note"] = p.Note
		}
		return printJSON(a.Stdout, out)
	}
	a.printPage(p)
	return nil
}

// rowsJSON writes cells so that no reader rounds them: what does not fit JSON's numbers is a string.
func rowsJSON(rows [][]page.Cell) [][]any {
	out := [][]any{}
	for _, row := range rows {
		cells := make([]any, len(row))
		for i, c := range row {
			switch {
			case c.Kind == page.Null:
			case c.Kind == page.Boolean:
				cells[i] = c.Value == "true"
			case c.Kind == page.Number && c.Exact, c.Kind == page.Nested && json.Valid([]byte(c.Value)):
				cells[i] = json.RawMessage(c.Value)
			default:
				cells[i] = c.Value
			}
		}
		out = append(out, cells)
	}
	return out
}

// maxCell is the width at which plain output cuts a cell.
const maxCell = 40

func (a *app) printPage(p page.Page) {
	var t table
	var names, types []string
	for i, c := range p.Columns {
		names = append(names, a.look.paint(bold, safe(c.Name)))
		types = append(types, a.look.paint(dim, safe(c.Type)))
		numeric := len(p.Rows) > 0
		for _, row := range p.Rows {
			numeric = numeric && (row[i].Kind == page.Number || row[i].Kind == page.Null)
		}
		t.right = append(t.right, numeric)
	}
	t.add(names...)
	t.add(types...)
	for _, row := range p.Rows {
		var cells []string
		for _, c := range row {
			text := ansi.Truncate(safe(c.Value), maxCell, "…")
			if c.Kind == page.Null {
				text = a.look.paint(dim, map[bool]string{true: "null", false: "∅"}[a.look.ascii])
			}
			cells = append(cells, text)
		}
		t.add(cells...)
	}
	t.print(a.Stdout, "")
	if !a.quiet && p.Note == "" {
		last := p.Offset + int64(len(p.Rows))
		span := fmt.Sprintf("rows %s to %s of %s", count(p.Offset+1), count(last), count(p.RowsTotal))
		if len(p.Rows) == 0 {
			span = fmt.Sprintf("no rows from %s on, of %s", count(p.Offset), count(p.RowsTotal))
		}
		fmt.Fprintf(a.Stdout, "%s\n", a.look.paint(dim, fmt.Sprintf("%s, %d of %s, %s", span, len(p.Columns), plural(p.ColumnsTotal, "column"), size(p.Bytes))))
	}
}

func (a *app) versionsCommand() *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use: "versions ASSET", Short: "the kept versions of an asset's data", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeAsset,
		Long:    `Prints the versions that retention keeps (keep: in assetdev.yaml), newest first, with rows, size, commit and who made them.`,
		Example: "  assetdev versions order_data\n  assetdev preview order_data --version 20261124-071731-a54b08-1",
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			return a.withStored(func(e *engine.Engine, s *engine.Snapshot) error {
				k := a.lastPartition(s, k.At(partition))
				records, err := e.Versions(a.ctx, k)
				if err != nil {
					return err
				}
				current := ""
				if r := s.Freshness.Stored(k).Record; r != nil {
					current = r.File
				}
				if a.json {
					out := []map[string]any{}
					for i := range records {
						out = append(out, map[string]any{"version": engine.VersionName(records[i]), "current": records[i].File == current, "materialized": materializedJSON(s, &records[i])})
					}
					return printJSON(a.Stdout, withPartition(map[string]any{"format": 1, "asset": k.Asset(), "versions": out}, k))
				}
				t := table{right: []bool{false, true, true, true}}
				now := time.Now()
				for _, r := range records {
					mark := " "
					if r.File == current {
						mark = a.look.mark("fresh")
					}
					commit := ""
					if r.Git != nil {
						commit = r.Git.Commit[:min(7, len(r.Git.Commit))]
						if r.Git.Dirty {
							commit += "+"
						}
					}
					t.add(mark+" "+safe(engine.VersionName(r)), age(r.At, now), count(r.Rows)+" rows", size(r.Bytes), safe(commit), safe(r.By))
				}
				t.print(a.Stdout, "")
				if len(records) == 0 {
					a.remark("%s has no data", k)
				}
				return nil
			}, k)
		},
	}
	onePartition(c, &partition)
	return c
}

func (a *app) rollbackCommand() *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use: "rollback ASSET VERSION", Short: "make a kept version the newest data again", Args: cobra.ExactArgs(2), ValidArgsFunction: a.completeAsset,
		Long: `Nothing is run, and the version that was the newest stays. What the asset's code is now does not change: when it is not the code that
made the version, the asset is stale.`,
		Example: "  assetdev versions order_data\n  assetdev rollback order_data 20261124-071731-a54b08-1",
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := key(args[0])
			if err != nil {
				return err
			}
			return a.withStored(func(e *engine.Engine, _ *engine.Snapshot) error {
				return a.tell(e, engine.Rollback{Asset: k.At(partition), Version: args[1]})
			}, k)
		},
	}
	onePartition(c, &partition)
	return c
}

// tell carries out a command that answers with one line.
func (a *app) tell(e *engine.Engine, c engine.Command) error {
	reply, err := e.Do(a.ctx, c)
	if err != nil {
		return err
	}
	return a.say(reply.Text)
}

func (a *app) adoptCommand() *cobra.Command {
	var selects []string
	c := &cobra.Command{
		Use: "adopt SELECTION", Short: "accept data that something else made, without running", ValidArgsFunction: a.completeSelection,
		Long: `Where the data of an asset was there before assetdev was, as a file that another tool or another person made, nobody knows which
code made it: its status is unknown. adopt takes it for what the code of now makes from the inputs of now.`,
		Example: "  assetdev adopt order_data\n  assetdev adopt 'status:unknown'",
		RunE: func(_ *cobra.Command, args []string) error {
			args = selection(args, selects)
			if len(args) == 0 {
				return usage("which assets? name a selection")
			}
			return a.with(engine.Options{}, func(e *engine.Engine, s *engine.Snapshot) error {
				keys, err := selected(s, args)
				if err != nil {
					return err
				}
				sel, err := graph.ParseSelections(args)
				if err != nil {
					return err
				}
				named := sel.NamedKeys()
				var made []graph.Key
				for _, k := range keys {
					// What a location's own I/O manager stores has no file here that shows whether it exists: it has to be named.
					stored := s.Assets[k].Stored
					asset, _ := s.Graph.Asset(k)
					own := asset.StoredBy == "own" && stored.Record == nil && slices.Contains(named, k)
					counts, parted := s.Freshness.Partitions(k)
					foreign := parted && counts.Fresh+counts.Stale+counts.Missing < counts.Total
					if stored.Data == graph.DataForeign || own || foreign {
						made = append(made, k)
					}
				}
				if len(made) == 0 && len(keys) == 1 {
					made = keys // the answer says why it cannot be adopted
				}
				if len(made) == 0 {
					const nothing = "nothing to adopt: none of the selected assets has data that was made elsewhere"
					if a.json {
						return a.say(nothing)
					}
					a.remark(nothing)
					return nil
				}
				return a.tell(e, engine.Adopt{Keys: made})
			})
		},
	}
	c.Flags().StringArrayVarP(&selects, "select", "s", nil, "`SELECTION` of assets")
	return c
}

func (a *app) gcCommand() *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use: "gc", Short: "retention: remove old versions and runs", Args: cobra.NoArgs,
		Long: `Removes what keep: in assetdev.yaml does not keep, by default all but the last 5 versions of each asset, and runs older than 30 days.
The newest data of an asset is never removed. The end of each run does the same.`,
		Example: "  assetdev gc --dry-run",
		RunE: func(*cobra.Command, []string) error {
			return a.withStored(func(e *engine.Engine, _ *engine.Snapshot) error {
				report, err := e.Collect(a.ctx, dryRun)
				if err != nil {
					return err
				}
				if a.json {
					return printJSON(a.Stdout, map[string]any{"format": 1, "versions": report.Versions, "bytes": report.Bytes, "runs": report.Runs, "kept_bytes": report.Kept, "dry_run": dryRun})
				}
				verb := "removed"
				if dryRun {
					verb = "would remove"
				}
				fmt.Fprintf(a.Stdout, "%s %s (%s) and %s; %s are kept\n", verb, plural(report.Versions, "version"), size(report.Bytes), plural(report.Runs, "run"), size(report.Kept))
				return nil
			})
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be removed")
	return c
}

func (a *app) runsCommand() *cobra.Command {
	limit := 20
	c := &cobra.Command{
		Use: "runs", Short: "the history of runs, newest first", Args: cobra.NoArgs,
		Long:    "Prints the runs of this workspace: when, how long, how they ended, who began them, what was selected, and how many steps ended how.",
		Example: "  assetdev runs --limit 5\n  assetdev runs --json",
		RunE: func(*cobra.Command, []string) error {
			if limit < 0 {
				return usage("--limit %d: it cannot be negative", limit)
			}
			return a.withStored(func(e *engine.Engine, _ *engine.Snapshot) error {
				runs, err := e.Runs(a.ctx, limit)
				if err != nil {
					return err
				}
				if a.json {
					return printJSON(a.Stdout, map[string]any{"format": 1, "runs": orEmpty(runs)})
				}
				t := table{right: []bool{false, true, true}}
				now := time.Now()
				for _, r := range runs {
					var parts []string
					for _, state := range finalCounts(r.Counts) {
						parts = append(parts, fmt.Sprintf("%d %s", r.Counts[state], safe(strings.ReplaceAll(state, "_", " "))))
					}
					t.add(a.look.mark(r.State)+" "+safe(r.Run), age(r.At, now), took(r.MS), a.look.word(r.State), safe(r.By), ansi.Truncate(safe(r.Selection), maxCell, "…"), a.look.paint(dim, strings.Join(parts, ", ")))
				}
				t.print(a.Stdout, "")
				if len(runs) == 0 {
					a.remark("nothing has run yet")
				}
				return nil
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "`N` runs at most, 0 for all")
	return c
}

func (a *app) logsCommand() *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use: "logs RUN [ASSET]", Short: "what the steps of a run said", Args: cobra.RangeArgs(1, 2), ValidArgsFunction: a.completeRun,
		Long: `Prints what the steps of a run printed and logged, or the step of one asset. What was printed beyond the limit of a step's log is not
kept; the log says so.`,
		Example: "  assetdev runs\n  assetdev logs 20261124-071731-a54b08\n  assetdev logs 20261124-071731-a54b08 order_data",
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withStored(func(e *engine.Engine, _ *engine.Snapshot) error {
				keys, err := e.RunAssets(args[0])
				if errors.Is(err, fs.ErrNotExist) {
					return diag.New("usage", "no run %q", args[0]).WithHint("see: assetdev runs")
				}
				if err != nil {
					return err
				}
				if len(args) == 2 {
					k, err := key(args[1])
					if err != nil {
						return err
					}
					all := keys
					keys = slices.DeleteFunc(slices.Clone(keys), func(other graph.Key) bool {
						return other.Asset() != k || partition != "" && other.Partition() != partition
					})
					if len(keys) == 0 {
						return noStep(args[0], k.At(partition), all)
					}
				}
				for _, k := range keys {
					if err := a.printLog(e, args[0], k, len(keys) > 1); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&partition, "partition", "", "partition `KEY` (default: all of the run)")
	return c
}

// noStep returns the error of a run that has steps, and none of the asset.
func noStep(run string, k graph.Key, has []graph.Key) error {
	names := make([]string, len(has))
	for i, other := range has {
		names[i] = other.String()
	}
	err := diag.New("usage", "run %s has no step of %s", run, k)
	if near := diag.Nearest(k.String(), names); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	if len(names) == 0 {
		return err
	}
	const most = 10
	if slices.Sort(names); len(names) > most {
		names = append(names[:most], "…")
	}
	return err.WithHint("it has %s", strings.Join(names, ", "))
}

func (a *app) printLog(e *engine.Engine, run string, k graph.Key, headed bool) error {
	for since := int64(0); ; {
		lines, _, _, err := e.Log(run, k, since, 10_000)
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return nil
		}
		for _, line := range lines {
			since = line.Seq
			switch {
			case a.json:
				if err := printJSON(a.Stdout, withPartition(map[string]any{"event": "log", "run": run, "asset": k.Asset(), "text": line.Text}, k)); err != nil {
					return err
				}
			case headed:
				fmt.Fprintf(a.Stdout, "%s %s\n", a.look.paint(dim, safe(k.String())+" |"), safe(line.Text))
			default:
				fmt.Fprintln(a.Stdout, safe(line.Text))
			}
		}
	}
}
