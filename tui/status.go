package tui

// The one word of an asset on the screen, and why in one or two more.

import (
	"strconv"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

// status returns the word of an asset and why, computed once while nothing about assets changes.
func (m *Model) status(key graph.Key) rowStatus {
	if m.list.seq != m.assetsSeq() || m.list.fresh != m.snap.Freshness || m.list.statuses == nil {
		m.list.seq, m.list.fresh, m.list.statuses = m.assetsSeq(), m.snap.Freshness, map[graph.Key]rowStatus{}
	}
	if s, ok := m.list.statuses[key]; ok {
		return s
	}
	s := rowStatus{word: m.word(key)}
	a := m.snap.Assets[key]
	switch {
	case a != nil && a.Step != nil && s.word == event.Running:
		if f := a.Step.Fraction; f >= 0 {
			s.detail = strconv.Itoa(int(min(1, f)*100)) + "%"
		}
	case s.word == "stale" || s.word == "unknown" || s.word == "missing":
		s.detail = cause(m.reasons(key))
	}
	if m.snap.Freshness != nil && s.word != event.Running {
		if c, ok := m.snap.Freshness.Partitions(key); ok {
			s.detail = strconv.Itoa(c.Fresh) + "/" + strconv.Itoa(c.Total)
		}
	}
	m.list.statuses[key] = s
	return s
}

// assetsSeq is a number that grows when what is known of assets changes.
func (m *Model) assetsSeq() uint64 {
	if m.snap.AssetsSeq > 0 {
		return m.snap.AssetsSeq
	}
	return m.snap.Seq
}

// word is the screen's one word for an asset.
func (m *Model) word(key graph.Key) string {
	if a := m.snap.Assets[key]; a != nil && a.Word != "" {
		return a.Word
	}
	if m.snap.Freshness == nil {
		return "unknown"
	}
	return m.snap.Freshness.Status(key).String()
}

func (m *Model) reasons(key graph.Key) []graph.Reason {
	if m.snap.Freshness == nil {
		return nil
	}
	return m.snap.Freshness.Reasons(key)
}

// cause is the strongest reason in a word or two that fit beside the status on a small screen.
func cause(reasons []graph.Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	switch reasons[0].Kind {
	case graph.CodeChanged:
		return "code"
	case graph.DependencyAdded, graph.DependencyRemoved:
		return "deps"
	case graph.UpstreamNewData:
		return "new data"
	case graph.UpstreamStale, graph.UpstreamMissing:
		return "upstream"
	case graph.SourceChanged:
		return "file"
	case graph.EnvironmentChanged:
		return "env"
	case graph.ChangedOutside:
		return "outside"
	case graph.ChangedDuringRun:
		return "in run"
	case graph.MadeElsewhere:
		return "foreign"
	case graph.DataIsMissing:
		return "gone"
	case graph.LocationBroken:
		return "location"
	case graph.StorageUnreachable:
		return "storage"
	case graph.InCycle:
		return "cycle"
	case graph.NeverMaterialized, graph.IsOverdue, graph.Forced:
	}
	return ""
}
