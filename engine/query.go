package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager"
	"github.com/assetdev/assetdev/iomanager/page"
)

// Preview returns rows of an asset, read in a child process.
func (e *Engine) Preview(ctx context.Context, r PageRequest) (page.Page, error) {
	if err := e.known(ctx, &r.Asset); err != nil {
		return page.Page{}, err
	}
	q := iomanager.PageRequest{Offset: r.Offset, Limit: r.Limit, Columns: r.Columns, MaxCellBytes: r.MaxCellBytes}
	p, err := e.manager.Preview(ctx, r.Asset, r.Version, q)
	if !errors.Is(err, fs.ErrNotExist) || r.Version != "" {
		return p, err
	}
	var asset graph.Asset
	var record *graph.Record
	var made *graph.Made
	if callErr := e.call(ctx, func() { asset, _ = e.graph.Asset(r.Asset); record, made = e.stored[r.Asset].Record, e.made[r.Asset] }); callErr != nil {
		return p, callErr
	}
	if record != nil || made == nil {
		return p, err
	}
	return e.previewMade(ctx, made, asset.Location, q)
}

// Stats describes the values of one column of an asset, from all of its rows, which a child process reads; ctx ends it.
func (e *Engine) Stats(ctx context.Context, r StatsRequest) (page.Stats, error) {
	if err := e.known(ctx, &r.Asset); err != nil {
		return page.Stats{}, err
	}
	return e.manager.Stats(ctx, r.Asset, r.Version, r.Column)
}

// Sorted returns the first rows of an asset in the order of a column, which a child process reads; ctx ends it.
func (e *Engine) Sorted(ctx context.Context, r SortRequest) (page.Page, error) {
	if err := e.known(ctx, &r.Asset); err != nil {
		return page.Page{}, err
	}
	return e.manager.Sorted(ctx, r.Asset, r.Version, iomanager.SortRequest{Column: r.Column, Descending: r.Descending, Limit: r.Limit, MaxCellBytes: r.MaxCellBytes})
}

// known returns an error with the nearest key when no asset or partition has the key. When it names an asset with partitions it becomes the
// key of the one that is meant.
func (e *Engine) known(ctx context.Context, key *graph.Key) error {
	var missing error
	if err := e.call(ctx, func() {
		if missing = e.exists(*key); missing == nil {
			*key = e.judge().Default(*key)
		}
	}); err != nil {
		return err
	}
	return missing
}

// Versions returns the kept versions of an asset, newest first.
func (e *Engine) Versions(ctx context.Context, key graph.Key) ([]graph.Record, error) {
	if err := e.known(ctx, &key); err != nil {
		return nil, err
	}
	return e.manager.Versions(ctx, key)
}

// Path returns the file with the newest data of an asset or a partition, whether or not it exists.
func (e *Engine) Path(key graph.Key) string {
	file := ""
	_ = e.call(e.ctx, func() { // else the workspace is closed, and nobody asks
		key = e.judge().Default(key)
		if record := e.stored[key].Record; record != nil {
			file = e.manager.CopyFile(*record)
		}
	})
	return cmp.Or(file, e.manager.Path(key))
}

// Runs returns the history, newest first, at most max.
func (e *Engine) Runs(_ context.Context, max int) ([]RunSummary, error) {
	found, err := e.history.Runs(max)
	var out []RunSummary
	for _, s := range found {
		out = append(out, RunSummary(s))
	}
	return out, err
}

// Source returns the file that defines an asset, relative to the workspace where it lies below it, its lines, and the number
// of the line where the definition begins, from 1.
func (e *Engine) Source(key graph.Key) (file string, lines []string, line int, err error) {
	var source graph.Source
	if err := e.call(context.Background(), func() {
		a, _ := e.graph.Asset(key)
		source = a.Source
	}); err != nil {
		return "", nil, 0, err
	}
	if source.File == "" {
		return "", nil, 0, fmt.Errorf("where %s is defined is not known", key)
	}
	data, err := readLimited(e.Absolute(source.File))
	if err != nil {
		return source.File, nil, source.Line, err
	}
	return source.File, strings.Split(string(data), "\n"), source.Line, nil
}

// maxSource bounds what is read of a source file for the screen, in bytes.
const maxSource = 4 << 20

func readLimited(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxSource:
		return nil, fmt.Errorf("%s is no file of at most %d MiB", path, maxSource>>20)
	}
	return os.ReadFile(path)
}

// Absolute returns the absolute path of a file named as in [graph.Source].
func (e *Engine) Absolute(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(e.ws.Dir, filepath.FromSlash(file))
}

// Why returns the chains of reasons from an asset down to what made it stale; reasons about changed code say what changed.
func (e *Engine) Why(ctx context.Context, key graph.Key) (graph.Status, [][]graph.Reason, error) {
	var missing error
	if err := e.call(ctx, func() { missing = e.exists(key) }); err != nil || missing != nil {
		return 0, nil, errors.Join(err, missing)
	}
	var status graph.Status
	var chains [][]graph.Reason
	type change struct{ old, new graph.Part }
	changes := map[string]change{}
	if err := e.call(ctx, func() {
		fresh := e.judge()
		status, chains = fresh.Status(key), fresh.Chains(key)
		for _, chain := range chains {
			for _, r := range chain {
				if r.Kind != graph.CodeChanged || r.Symbol == "" {
					continue
				}
				asset, _ := e.graph.Asset(r.Asset)
				c := change{new: part(asset.Code, r.Symbol)}
				if record := e.stored[r.Asset].Record; record != nil {
					c.old = part(record.Code, r.Symbol)
				}
				changes[r.Asset.String()+" "+r.Symbol] = c
			}
		}
	}); err != nil {
		return 0, nil, err
	}
	for i, chain := range chains {
		chain = append([]graph.Reason(nil), chain...)
		for j := range chain {
			if c, ok := changes[chain[j].Asset.String()+" "+chain[j].Symbol]; ok && chain[j].Kind == graph.CodeChanged {
				chain[j].Diff = lineDiff(e.loader.Text(c.old), e.loader.Text(c.new))
			}
		}
		chains[i] = chain
	}
	return status, chains, nil
}

func part(code graph.Code, symbol string) graph.Part {
	for _, p := range code.Parts {
		if p.Symbol == symbol {
			return p
		}
	}
	return graph.Part{}
}

// maxDiff bounds the lines of a diff that a reason shows.
const maxDiff = 20

// lineDiff returns the lines that differ between two texts, with "-" and "+" in front, at most maxDiff: what is left when the
// common lines at both ends are taken away, and the common lines inside by longest common subsequence.
func lineDiff(old, new string) []string {
	if old == "" || new == "" || old == new {
		return nil
	}
	a, b := strings.Split(old, "\n"), strings.Split(new, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	a, b = a[:min(len(a), 200)], b[:min(len(b), 200)]
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i, line := range slices.Backward(a) {
		for j, other := range slices.Backward(b) {
			if line == other {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			out = append(out, "-"+a[i])
			i++
		default:
			out = append(out, "+"+b[j])
			j++
		}
	}
	if len(out) > maxDiff {
		out = append(out[:maxDiff], "…")
	}
	return out
}
