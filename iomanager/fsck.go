package iomanager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/assetdev/assetdev/graph"
)

// A Finding is one thing that a full check of the storage found.
type Finding struct {
	Check  string // "format", "record", "data", "copy" or "leftover"
	State  string // "ok", "warning" or "error"
	Key    graph.Key
	Text   string
	Remedy string // what to do, "" when nothing
	File   string // path or name of what it is about
}

// The states of a finding.
const (
	FindingOK      = "ok"
	FindingWarning = "warning"
	FindingError   = "error"
)

// Fsck reads everything that is stored and checks it against FORMAT.md: every record, the bytes of every version that is kept, and
// the copies. It changes nothing. What is right is one finding; errors are what readers could trip over, warnings what only takes room.
// The error says that the check itself could not be done.
func (m *Manager) Fsck(ctx context.Context) ([]Finding, error) {
	var found []Finding
	report := func(check, state string, key graph.Key, file, text, remedy string) {
		found = append(found, Finding{Check: check, State: state, Key: key, Text: text, Remedy: remedy, File: m.place(file)})
	}
	var leftovers Report
	stocks, err := m.stocks(ctx, nil, &leftovers)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", m.st, err)
	}
	switch f, err := m.readFormat(ctx); {
	case errors.Is(err, fs.ErrNotExist):
		if len(stocks) > 0 {
			report("format", FindingWarning, graph.Key{}, formatName, "it is not there; the next commit writes it", "")
		}
	case err != nil:
		report("format", FindingError, graph.Key{}, formatName, err.Error(), "put it back: {\"format\":1}")
	case f.Format > Format:
		report("format", FindingWarning, graph.Key{}, formatName, fmt.Sprintf("format %d: %v", f.Format, errNewer), "update assetdev")
	case f.Format < 1:
		report("format", FindingError, graph.Key{}, formatName, "it has no format number", "put it back: {\"format\":1}")
	}
	versions := 0
	for _, s := range stocks {
		leftovers.Unknown = append(leftovers.Unknown, s.unknown...)
		n, err := m.fsckAsset(ctx, s, report)
		if err != nil {
			return found, fmt.Errorf("check %s: %w", s.key, err)
		}
		versions += n
	}
	for _, name := range leftovers.Unknown {
		report("leftover", FindingWarning, graph.Key{}, name, "it is nothing that assetdev stores", "remove it, if you know what it is")
	}
	if !slices.ContainsFunc(found, func(f Finding) bool { return f.State == FindingError }) {
		report("data", FindingOK, graph.Key{}, "", fmt.Sprintf("%d assets with %d versions are as their records say", len(stocks), versions), "")
	}
	return found, nil
}

type reporter func(check, state string, key graph.Key, file, text, remedy string)

// fsckAsset checks one asset and returns how many versions were sound.
func (m *Manager) fsckAsset(ctx context.Context, s *stock, report reporter) (sound int, err error) {
	var entries []*entry // newest first
	for _, info := range slices.Backward(s.records) {
		e, err := m.readRecord(ctx, s.key, info.Name)
		switch {
		case err == nil:
			entries = append(entries, e)
		case errors.Is(err, errDamaged):
			report("record", FindingError, s.key, info.Name, err.Error(), "move it away; the record before it then counts")
		case errors.Is(err, errNewer):
			report("record", FindingWarning, s.key, info.Name, err.Error(), "update assetdev")
		case !errors.Is(err, fs.ErrNotExist):
			return 0, err
		}
	}
	remedy := "assetdev materialize " + arguments(s.key)
	there, checked := map[string]bool{}, map[string]bool{}
	for _, info := range s.data {
		there[info.Name] = true
	}
	for i, e := range entries {
		if e.File == "" || checked[e.File] {
			continue
		}
		checked[e.File] = true
		if !there[e.File] {
			if i == 0 {
				report("data", FindingError, s.key, e.File, "the data of the newest record is gone", remedy)
			}
			continue
		}
		good, err := m.holds(ctx, e.File, e.Bytes, e.Sum)
		if err != nil {
			return sound, err
		}
		if !good {
			report("data", FindingError, s.key, e.File, "its bytes are not those that record "+path.Base(recordName(s.key, e.Seq))+" describes", remedy)
			continue
		}
		sound++
	}
	for _, info := range s.data {
		if !checked[info.Name] {
			report("leftover", FindingWarning, s.key, info.Name, "no record points at it", "assetdev gc")
		}
	}
	if len(entries) == 0 || entries[0].File == "" {
		return sound, nil
	}
	k := newKnown(s.key)
	k.setEntry(entries[0])
	look := m.newLook(nil)
	defer look.close()
	if k.copy, err = look.object(ctx, k.copyName); err != nil {
		return sound, err
	}
	if (k.copy == stamp{}) {
		report("copy", FindingError, s.key, k.copyName, "the data at the well-known path is gone", remedy)
		return sound, nil
	}
	good, err := m.holds(ctx, k.copyName, k.entry.Bytes, k.entry.Sum)
	if err != nil || good {
		return sound, err
	}
	if behind, err := m.isEarlier(ctx, k); err != nil {
		return sound, err
	} else if behind {
		report("copy", FindingWarning, s.key, k.copyName, "it holds an earlier version", "assetdev status")
		return sound, nil
	}
	if err := m.compareContent(ctx, k); err != nil {
		return sound, err
	}
	if k.state == graph.DataChanged {
		report("copy", FindingError, s.key, k.copyName, k.text, remedy)
	}
	return sound, nil
}
