package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
)

// A choice is which partitions flags name.
type choice struct {
	keys    []string
	span    string
	missing bool
}

func (p *choice) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&p.keys, "partition", nil, "partition `KEY` of the assets that have partitions (default: the latest)")
	c.Flags().StringVar(&p.span, "partition-range", "", "partitions from A to B, both included, as `A...B`")
	c.Flags().BoolVar(&p.missing, "missing-partitions", false, "all partitions that have no data; with a range, those of it")
}

// read returns what the flags say.
func (p *choice) read() (engine.Partitions, error) {
	out := engine.Partitions{Keys: p.keys, Missing: p.missing}
	if p.span != "" {
		var err error
		if out.From, out.To, err = engine.ParseRange(p.span); err != nil {
			return out, usage("--partition-range: %w", err)
		}
	}
	if len(p.keys) > 0 && (p.missing || p.span != "") {
		return out, usage("--partition names single partitions: leave out --partition-range and --missing-partitions")
	}
	return out, nil
}

// one adds the flag of a command that is about one partition of one asset.
func onePartition(c *cobra.Command, key *string) {
	c.Flags().StringVar(key, "partition", "", "partition `KEY`, of an asset that has partitions (default: the last that exists)")
}

// lastPartition returns the partition that is meant where none is named, and says which: the last that exists.
func (a *app) lastPartition(s *engine.Snapshot, named graph.Key) graph.Key {
	key := s.Freshness.Default(named)
	if key != named && !a.json {
		a.remark("partition %s, the last that exists (others: --partition)", key.Partition())
	}
	return key
}

// arguments is how an asset or a partition of one is named on a command line.
func arguments(key graph.Key) string {
	if partition := key.Partition(); partition != "" {
		return key.Asset().String() + " --partition " + strconv.Quote(partition)
	}
	return key.String()
}

// tellLatest says which partitions a request means that names none.
func (a *app) tellLatest(s *engine.Snapshot, m engine.Materialize) {
	if !s.Graph.Partitioned() || !m.Partitions.IsZero() || a.quiet || a.json {
		return
	}
	keys, err := selected(s, []string{m.Selection})
	if err != nil {
		return // told by who uses the selection
	}
	var names []string
	for _, key := range keys {
		if asset, _ := s.Graph.Asset(key); asset.Partitions.Len() > 0 {
			names = append(names, key.At(asset.Partitions.Latest()).String())
		}
	}
	const most = 3
	if len(names) == 0 {
		return
	}
	text := strings.Join(names[:min(most, len(names))], ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	a.remark("the latest partition is meant: %s (others: --partition, --partition-range, --missing-partitions)", text)
}

// tooMany returns the error of a plan with more partitions than start without a word, when there is nobody to ask.
func (a *app) tooMany(s *engine.Snapshot, p graph.Plan) (why string, err error) {
	count := 0
	for _, step := range p.Steps {
		if step.Asset.Partition() != "" {
			count++
		}
	}
	if count <= s.Workspace.ConfirmSteps || a.yes {
		return "", nil
	}
	why = fmt.Sprintf("%d partitions are made", count)
	if !a.interactive() {
		return "", diag.New("usage", "%s, more than confirm: {steps: %d} lets start without a word", why, s.Workspace.ConfirmSteps).WithHint("say --yes, or see: assetdev plan")
	}
	return why, nil
}

// partitionCounts says how the partitions of an asset are, "" when it has none.
func (a *app) partitionCounts(s *engine.Snapshot, key graph.Key) string {
	c, ok := s.Freshness.Partitions(key)
	if !ok {
		return ""
	}
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.Fresh, "fresh"}, {c.Stale, "stale"}, {c.Missing, "missing"}, {c.Failed, "failed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return fmt.Sprintf("%s: %s", plural(c.Total, "partition"), strings.Join(parts, ", "))
}
