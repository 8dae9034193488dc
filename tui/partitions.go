package tui

// Partitions of an asset: which of them to materialize, and whose rows are shown.

import (
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

// partOf returns the partition of an asset whose data is shown: the chosen one, else the last that exists; of an asset without partitions the
// asset.
func (m *Model) partOf(key graph.Key) graph.Key {
	if m.snap.Freshness == nil || m.snap.Graph == nil || !m.snap.Graph.Partitioned() {
		return key
	}
	if name, chosen := m.rows.partition[key]; chosen {
		if _, ok := m.asset(key).Partitions.Index(name); ok {
			return key.At(name)
		}
	}
	return m.snap.Freshness.Default(key)
}

// storedOf returns what is stored of what is shown of an asset.
func (m *Model) storedOf(key graph.Key) (graph.Stored, bool) {
	if part := m.partOf(key); part != key {
		return m.snap.Freshness.Stored(part), true
	}
	if a := m.snap.Assets[key]; a != nil {
		return a.Stored, true
	}
	return graph.Stored{}, false
}

// partitionCounts says how the partitions of an asset are, "" when it has none.
func (m *Model) partitionCounts(key graph.Key) string {
	if m.snap.Freshness == nil {
		return ""
	}
	c, ok := m.snap.Freshness.Partitions(key)
	if !ok {
		return ""
	}
	parts := []string{fmt.Sprint(c.Total)}
	for _, p := range []struct {
		n    int
		word string
	}{{c.Fresh, "fresh"}, {c.Stale, "stale"}, {c.Missing, "missing"}, {c.Failed, "failed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return strings.Join(parts, ", ")
}

// partitionPicker asks which partitions of an asset are meant; the latest is under the cursor first.
type partitionPicker struct {
	asset   graph.Key
	request engine.Materialize // without Keys
	marks   map[int]bool
	anchor  int // where a range begins, -1 when none does
	at, top int
	h       int
}

func newPartitionPicker(m *Model, key graph.Key, c engine.Materialize) *partitionPicker {
	return &partitionPicker{asset: key, request: c, marks: map[int]bool{}, anchor: -1, at: m.asset(key).Partitions.Len() - 1}
}

// chosen returns the places of what is meant: the marks and the open range, else what is under the cursor.
func (o *partitionPicker) chosen() []int {
	chosen := map[int]bool{}
	for i := range o.marks {
		chosen[i] = true
	}
	if o.anchor >= 0 {
		for i := min(o.anchor, o.at); i <= max(o.anchor, o.at); i++ {
			chosen[i] = true
		}
	}
	if len(chosen) == 0 {
		return []int{o.at}
	}
	places := make([]int, 0, len(chosen))
	for i := range chosen {
		places = append(places, i)
	}
	slices.Sort(places)
	return places
}

func (o *partitionPicker) key(m *Model, key string) tea.Cmd {
	keys := m.asset(o.asset).Partitions.Keys()
	if len(keys) == 0 { // of a reload meanwhile
		m.overlay = nil
		return nil
	}
	last := len(keys) - 1
	o.at = min(o.at, last)
	switch key {
	case "esc", "q":
		m.overlay = nil
		return nil
	case "enter", "m":
		m.overlay = nil
		c := o.request
		for _, i := range o.chosen() {
			if i <= last {
				c.Keys = append(c.Keys, o.asset.At(keys[i]))
			}
		}
		return m.materialize(c)
	case "v":
		m.overlay = nil
		if m.rows.partition == nil {
			m.rows.partition = map[graph.Key]string{}
		}
		m.rows.partition[o.asset] = keys[o.at]
		return m.openTab(tabPreview)
	case "space":
		if o.marks[o.at] {
			delete(o.marks, o.at)
		} else {
			o.marks[o.at] = true
		}
		o.at++
	case "V":
		if o.anchor < 0 {
			o.anchor = o.at
			break
		}
		for _, i := range o.chosen() {
			o.marks[i] = true
		}
		o.anchor = -1
	case "x":
		clear(o.marks)
		for i := range keys {
			if m.snap.Freshness.Status(o.asset.At(keys[i])) == graph.Missing {
				o.marks[i] = true
			}
		}
	case "j", "down":
		o.at++
	case "k", "up":
		o.at--
	case "pgdown", "ctrl+d":
		o.at += max(1, o.h/2)
	case "pgup", "ctrl+u":
		o.at -= max(1, o.h/2)
	case "g", "home":
		o.at = 0
	case "G", "end":
		o.at = last
	}
	o.at = max(0, min(o.at, last))
	return nil
}

// partitionWord is the screen's one word for a partition.
func (m *Model) partitionWord(key graph.Key) string {
	if r := m.snap.Run; r.Active() {
		for i := range r.Steps {
			if r.Steps[i].Key == key && !event.Final(r.Steps[i].State) {
				if r.Steps[i].State == event.Running {
					return event.Running
				}
				return event.Queued
			}
		}
	}
	status := m.snap.Freshness.Status(key)
	if last := m.snap.Freshness.Stored(key).Last; last != nil && last.State == event.Failed && status != graph.Fresh {
		return event.Failed
	}
	return status.String()
}

func (o *partitionPicker) paste(*Model, string) tea.Cmd { return nil }

func (o *partitionPicker) size(m *Model) (w, h int) {
	return min(64, m.w-8), m.asset(o.asset).Partitions.Len() + 1
}

func (o *partitionPicker) draw(m *Model, w, h int) (title string, lines []string, foot string) {
	keys := m.asset(o.asset).Partitions.Keys()
	s := &sheet{th: m.th, w: w}
	s.lines = append(s.lines, m.th.line(w).put(m.th.Dim, clip(m.partitionCounts(o.asset), w, m.th.G.Ellipsis)).end())
	o.h = max(1, h-1)
	o.at = max(0, min(o.at, len(keys)-1))
	o.top = max(min(o.top, o.at), o.at-o.h+1, 0)
	o.top = max(0, min(o.top, len(keys)-o.h))
	chosen := map[int]bool{}
	if len(o.marks) > 0 || o.anchor >= 0 {
		for _, i := range o.chosen() {
			chosen[i] = true
		}
	}
	for i := o.top; i < min(len(keys), o.top+o.h); i++ {
		key := o.asset.At(keys[i])
		word := m.partitionWord(key)
		l := m.th.line(w)
		if i == o.at {
			l.over = m.th.Select
		}
		mark := " "
		if chosen[i] {
			mark = m.th.G.Mark
		}
		made := ""
		if r := m.snap.Freshness.Stored(key).Record; r != nil {
			made = ago(m.opts.Now().Sub(r.At))
		}
		l.put("", mark+" ").put(m.th.style(word), m.glyphOf(word)).put("", " ").col("", clean(keys[i]), max(8, w-28), false)
		s.lines = append(s.lines, l.col(m.th.style(word), word, 8, false).to(w-cells(made)).put(m.th.Dim, made).end())
	}
	foot = "enter materialize   space mark   V range   x missing   v rows   esc"
	if n := len(chosen); n > 0 {
		foot = fmt.Sprintf("enter materialize %d   space mark   V range   x missing   esc", n)
	}
	return "Partitions of " + clean(o.asset.String()), s.lines, foot
}
