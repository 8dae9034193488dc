package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/loader"
)

// exists returns an error with the nearest key when there is no such asset, or no such partition of it.
func (e *Engine) exists(key graph.Key) error {
	e.rebuild()
	asset, ok := e.graph.Asset(key)
	if !ok {
		return e.noAsset(key.Asset())
	}
	if partition := key.Partition(); partition != "" {
		if _, ok := asset.Partitions.Index(partition); !ok {
			return noPartition(asset, partition)
		}
	}
	return nil
}

func noPartition(asset graph.Asset, partition string) error {
	key := asset.Key
	if asset.Partitions == nil {
		return diag.New("partition", "%s has no partitions", key)
	}
	err := diag.New("partition", "%s has no partition %q", key, partition)
	keys := asset.Partitions.Keys()
	if near := diag.Nearest(partition, keys); near != "" {
		return err.WithHint("did you mean %q?", near)
	}
	switch len(keys) {
	case 0:
		return err.WithHint("it has none at all")
	case 1:
		return err.WithHint("it has only %q", keys[0])
	}
	return err.WithHint("it has %d, from %q to %q", len(keys), keys[0], keys[len(keys)-1])
}

// Select puts the partitions that are meant in the place of each asset that has some, as [Materialize] does with its selection.
func (e *Engine) Select(ctx context.Context, keys []graph.Key, p Partitions) (out []graph.Key, err error) {
	callErr := e.call(ctx, func() { out, err = e.withPartitions(keys, p) })
	return out, errors.Join(callErr, err)
}

// withPartitions puts the partitions that are meant in the place of each selected asset that has some; assets without them stay. With
// zero p they stay all, and a plan takes the latest.
func (e *Engine) withPartitions(selected []graph.Key, p Partitions) ([]graph.Key, error) {
	if p.IsZero() {
		for _, key := range selected {
			if key.Partition() != "" {
				if err := e.exists(key); err != nil {
					return nil, err
				}
			}
		}
		return selected, nil
	}
	if len(p.Keys) > 0 && (p.Missing || p.From != "" || p.To != "") || (p.From == "") != (p.To == "") {
		return nil, diag.New("usage", "name partitions by key, or a range with both ends")
	}
	if len(selected) == 0 {
		return nil, nil
	}
	var out []graph.Key
	var first error // why the first asset with partitions has none of these
	parted, fits := false, false
	for _, key := range selected {
		asset, _ := e.graph.Asset(key)
		if asset.Partitions == nil || key.Partition() != "" {
			out = append(out, key)
			continue
		}
		parted = true
		names, err := p.of(asset)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		fits = true
		for _, name := range names {
			if k := key.At(name); !p.Missing || e.judge().Status(k) == graph.Missing {
				out = append(out, k)
			}
		}
	}
	switch {
	case !parted && len(selected) == 1:
		return nil, diag.New("partition", "%s has no partitions", selected[0])
	case !parted:
		return nil, diag.New("partition", "none of the selected assets has partitions")
	case !fits:
		return nil, first
	}
	return out, nil
}

// of returns the partitions of an asset that are meant, in its order, before it counts which are missing.
func (p Partitions) of(asset graph.Asset) ([]string, error) {
	keys := asset.Partitions.Keys()
	at := func(name string) (int, error) {
		i, ok := asset.Partitions.Index(name)
		if !ok {
			return 0, noPartition(asset, name)
		}
		return i, nil
	}
	if len(p.Keys) > 0 {
		var places []int
		for _, name := range p.Keys {
			i, err := at(name)
			if err != nil {
				return nil, err
			}
			places = append(places, i)
		}
		slices.Sort(places)
		var names []string
		for _, i := range slices.Compact(places) {
			names = append(names, keys[i])
		}
		return names, nil
	}
	if p.From == "" {
		return keys, nil
	}
	from, err := at(p.From)
	if err != nil {
		return nil, err
	}
	to, err := at(p.To)
	if err != nil {
		return nil, err
	}
	if to < from {
		return nil, diag.New("partition", "%s: partition %q comes after %q", asset.Key, p.From, p.To)
	}
	return keys[from : to+1], nil
}

// lookForWindows asks the locations again whose partitions are windows of time, when new ones may have begun.
func (e *Engine) lookForWindows() {
	if !e.grant.Valid() || e.opts.Passive {
		return
	}
	now := time.Now()
	for _, name := range e.loader.Names() {
		if e.loading[name] == 0 && e.locations[name].State == "loaded" && e.loader.WindowsDue(name, now) {
			e.refresh(name, loader.IfNeeded, nil)
		}
	}
}

// lookAtEnvironments takes over what was installed meanwhile: the environments of code locations are not watched.
func (e *Engine) lookAtEnvironments() {
	if !e.opts.Watch || !e.grant.Valid() || e.opts.Passive {
		return
	}
	e.work(func(ctx context.Context) {
		for _, name := range e.loader.Moved(ctx) {
			e.post(func() {
				if e.loading[name] == 0 {
					e.refresh(name, loader.IfNeeded, nil)
				}
			})
		}
	})
}

// ParseRange reads a range of partitions as it is typed, "A...B".
func ParseRange(text string) (from, to string, err error) {
	from, to, ok := strings.Cut(text, "...")
	if !ok || from == "" || to == "" {
		return "", "", fmt.Errorf("%q is no range of partitions: write the first and the last key with three dots between, as 2026-11-01...2026-11-07", text)
	}
	return from, to, nil
}
