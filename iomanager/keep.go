package iomanager

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/store"
)

// Retention.
//
//	(a) The newest record of an asset and its data always stay, and so do the newest recentRecords records.
//	(b) Only what is attributed goes: data that a record points at which itself can be read, or data that no record of its asset
//	    points at, all of them being readable, under a name that Commit gives, older than a day. The rest is reported.
//	(c) Nothing goes of an asset that somebody commits to meanwhile.

// A Report says what retention deleted, or would delete, and left.
type Report struct {
	Deleted []string // names of objects
	Bytes   int64    // that they took
	Kept    int      // versions that stay
	Unknown []string // names of objects below .assetdev that cannot be attributed; they stay
	Swept   int      // temporary files of crashes
}

// stock is what is stored of one asset.
type stock struct {
	key     graph.Key
	records []store.Info
	data    []store.Info
	unknown []string
}

// Collect deletes what Config.Keep does not keep, or with dryRun says what it would. Without keys it looks at all assets; then the
// limit of size counts as well, and versions that were written first go first.
func (m *Manager) Collect(ctx context.Context, dryRun bool, keys ...graph.Key) (Report, error) {
	var report Report
	if !dryRun {
		if err := m.startWriting(ctx); err != nil {
			return report, err
		}
	}
	all := len(keys) == 0
	stocks, err := m.stocks(ctx, keys, &report)
	if err != nil {
		return report, fmt.Errorf("retention: %w", err)
	}
	var size int64
	for _, s := range stocks {
		size += s.bytes()
	}
	tight := all && m.cfg.Keep.Size > 0 && size > m.cfg.Keep.Size
	var kept []keptVersion
	for _, s := range stocks {
		report.Unknown = append(report.Unknown, s.unknown...)
		if !tight && len(s.data) <= m.cfg.Keep.Versions && len(s.records) <= 2*recentRecords {
			report.Kept += len(s.data)
			continue
		}
		left, err := m.collect(ctx, s, dryRun, &report)
		if err != nil {
			return report, fmt.Errorf("retention of %s: %w", s.key, err)
		}
		kept = append(kept, left...)
	}
	if tight {
		if err := m.shrink(ctx, kept, size-report.Bytes, dryRun, &report); err != nil {
			return report, fmt.Errorf("retention: %w", err)
		}
	}
	if m.folder != nil && !dryRun && all {
		report.Swept, err = m.folder.Sweep(ctx, m.now().Add(-tempAge))
	}
	return report, err
}

func (s *stock) bytes() (size int64) {
	for _, info := range s.records {
		size += info.Size
	}
	for _, info := range s.data {
		size += info.Size
	}
	return size
}

// stocks lists what is stored of the keys, or of all, in the order of keys. What belongs to no asset goes to the report.
func (m *Manager) stocks(ctx context.Context, keys []graph.Key, report *Report) ([]*stock, error) {
	byKey := map[graph.Key]*stock{}
	add := func(prefix string, to func(*stock, store.Info)) error {
		infos, err := m.st.List(ctx, prefix, "")
		if err != nil {
			return err
		}
		for _, info := range infos {
			rest, _ := strings.CutPrefix(info.Name, dataFolder+"/")
			rest, _ = strings.CutPrefix(rest, logFolder+"/")
			key, ok := m.owner(ctx, rest)
			if !ok {
				report.Unknown = append(report.Unknown, info.Name)
				continue
			}
			if byKey[key] == nil {
				byKey[key] = &stock{key: key}
			}
			to(byKey[key], info)
		}
		return nil
	}
	records := func(s *stock, info store.Info) {
		if _, ok := seqOf(info.Name); ok {
			s.records = append(s.records, info)
		} else {
			s.unknown = append(s.unknown, info.Name)
		}
	}
	data := func(s *stock, info store.Info) {
		if isDataName(path.Base(info.Name)) {
			s.data = append(s.data, info)
		} else {
			s.unknown = append(s.unknown, info.Name)
		}
	}
	prefixes := map[string]func(*stock, store.Info){logFolder: records, dataFolder: data}
	if len(keys) > 0 {
		clear(prefixes)
		for _, key := range keys {
			prefixes[logOf(key)], prefixes[dataFolder+"/"+folderOf(key)] = records, data
		}
	}
	for prefix, to := range prefixes {
		if err := add(prefix, to); err != nil {
			return nil, err
		}
	}
	stocks := make([]*stock, 0, len(byKey))
	for _, s := range byKey {
		stocks = append(stocks, s)
	}
	slices.SortFunc(stocks, func(a, b *stock) int { return a.key.Compare(b.key) })
	slices.Sort(report.Unknown)
	return stocks, nil
}

// owner returns the asset or partition that an object below the data or the log belongs to. A name that was cut does not say which
// partition it is; the records of that do.
func (m *Manager) owner(ctx context.Context, rest string) (key graph.Key, ok bool) {
	folder, base, ok := strings.Cut(rest, "/")
	asset, parted := strings.CutSuffix(folder, strings.TrimSuffix(partitionsMark, "/"))
	key, isKey := keyOf(asset)
	switch {
	case !ok || !isKey:
		return key, false
	case !parted:
		return key, !strings.Contains(base, "/")
	}
	segment, base, ok := strings.Cut(base, "/")
	partition, whole, isPartition := partitionOf(segment)
	if ok && isPartition && !whole {
		partition = m.longPartition(ctx, folder+"/"+segment)
	}
	return key.At(partition), ok && isPartition && partition != "" && graph.PartitionSegment(partition) == segment && !strings.Contains(base, "/")
}

// longPartition returns the partition whose records lie in a folder of the log, "" when none can be read.
func (m *Manager) longPartition(ctx context.Context, folder string) string {
	infos, err := m.st.List(ctx, logFolder+"/"+folder, "")
	if err != nil {
		return ""
	}
	for _, info := range slices.Backward(infos) {
		data, err := m.readAll(ctx, info.Name, maxRecord)
		if err != nil {
			continue
		}
		if e, err := decode(data); err == nil && folderOf(e.Key) == folder {
			return e.Key.Partition()
		}
	}
	return ""
}

// A keptVersion is data that the number of versions lets stay, and the size may not.
type keptVersion struct {
	key  graph.Key
	top  int64
	info store.Info
}

// collect applies retention to one asset and returns the versions that stay, without the newest.
func (m *Manager) collect(ctx context.Context, s *stock, dryRun bool, report *Report) ([]keptVersion, error) {
	entries, damaged, err := m.entries(ctx, s.key)
	if err != nil {
		return nil, err
	}
	if len(damaged) > 0 || len(entries) == 0 {
		for _, info := range slices.Concat(s.records, s.data) {
			report.Unknown = append(report.Unknown, info.Name)
		}
		return nil, nil
	}
	there := map[string]store.Info{}
	for _, info := range s.data {
		there[info.Name] = info
	}
	pointed := map[string]bool{}  // files that records point at
	keep := map[string]bool{}     // files that stay
	needed := map[int64]bool{}    // records that stay for them
	versions := map[string]bool{} // data versions that stay
	var left []keptVersion
	for i, e := range entries {
		if e.File == "" {
			continue
		}
		pointed[e.File] = true
		info, ok := there[e.File]
		if !ok || versions[e.DataVersion] || i > 0 && len(versions) >= m.cfg.Keep.Versions {
			continue
		}
		versions[e.DataVersion], keep[e.File], needed[e.Seq] = true, true, true
		if i > 0 && e.File != entries[0].File {
			left = append(left, keptVersion{key: s.key, top: entries[0].Seq, info: info})
		}
	}
	var garbage []store.Info
	for _, info := range s.data {
		if !keep[info.Name] && (pointed[info.Name] || m.now().Sub(info.ModTime) > tempAge) {
			garbage = append(garbage, info)
		}
	}
	for _, info := range s.records {
		if seq, _ := seqOf(info.Name); seq <= entries[0].Seq-recentRecords && !needed[seq] {
			garbage = append(garbage, info)
		}
	}
	report.Kept += len(keep)
	return left, m.delete(ctx, s.key, entries[0].Seq, garbage, dryRun, report)
}

// shrink deletes the versions that were written first until all together take no more than the limit.
func (m *Manager) shrink(ctx context.Context, kept []keptVersion, size int64, dryRun bool, report *Report) error {
	slices.SortFunc(kept, func(a, b keptVersion) int { return a.info.ModTime.Compare(b.info.ModTime) })
	for _, v := range kept {
		if size <= m.cfg.Keep.Size {
			break
		}
		before := len(report.Deleted)
		if err := m.delete(ctx, v.key, v.top, []store.Info{v.info}, dryRun, report); err != nil {
			return err
		}
		if len(report.Deleted) > before {
			size -= v.info.Size
			report.Kept--
		}
	}
	return nil
}

// delete deletes objects of an asset, unless somebody committed since its newest record had the number top.
func (m *Manager) delete(ctx context.Context, key graph.Key, top int64, garbage []store.Info, dryRun bool, report *Report) error {
	if len(garbage) == 0 {
		return nil
	}
	if h, err := m.head(ctx, key); err != nil || h.top != top {
		return err
	}
	for _, info := range garbage {
		if !dryRun {
			if err := m.st.Delete(ctx, info.Name); err != nil {
				return err
			}
		}
		report.Deleted = append(report.Deleted, info.Name)
		report.Bytes += info.Size
	}
	return nil
}
