package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
)

// TestWhyShowsWhatChanged: the chain ends with the lines of code that changed.
func TestWhyShowsWhatChanged(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 40, nil)
	m.visit(at("mart_retention"))
	d.Press("w")
	has(t, d, "-where amount > 0", "+where amount >= 0", "staging/assets/stg_orders.sql:12")
}

// broken is shop with a location that does not compile.
func broken() *engine.Snapshot {
	s := shop()
	for i := range s.Locations {
		if l := &s.Locations[i]; l.Name == "staging" {
			l.State, l.LastGood = "broken", true
			l.Error = &event.Error{Message: "build ./assets: orders.go:7:2: undefined: totl\norders.go:9:1: missing return", File: "staging/orders.go", Line: 7}
		}
	}
	return s
}

// TestBrokenLocationIsReadable: the error stands beside its assets and in full behind a key, with its place, and the editor opens it.
func TestBrokenLocationIsReadable(t *testing.T) {
	f := &fake{snap: broken()}
	edited := ""
	d, m := driven(t, f, 80, 24, func(o *Options) { o.Editor = "true" })
	m.visit(at("stg_orders"))
	d.Press("d")
	has(t, d, "staging does not load: build ./assets: orders.go:7:2: undefined: totl", "staging/orders.go:7", "1 broken", "! 1 problem")
	d.Press("!")
	has(t, d, "orders.go:9:1: missing return", "▸ staging/orders.go:7", "e edit")
	for _, key := range []string{"e", "esc"} {
		d.Press(key)
	}
	for _, msg := range d.Other {
		edited += strings.TrimPrefix(strings.TrimSpace(typeName(msg)), "tea.")
	}
	if m.overlay != nil || !strings.Contains(edited, "exec") {
		t.Errorf("e did not open the editor: overlay %v, messages %q", m.overlay, edited)
	}
}

// TestProblemsChoosePlace goes round the places that can be edited.
func TestProblemsChoosePlace(t *testing.T) {
	s := broken()
	s.Locations[0].State, s.Locations[0].Error = "broken", &event.Error{Message: "no main package", File: "ingest/main.go", Line: 1}
	d, m := driven(t, &fake{snap: s}, 80, 24, nil)
	d.Press("!")
	has(t, d, "▸ ingest/main.go:1", "  staging/orders.go:7")
	d.Press("n")
	has(t, d, "  ingest/main.go:1", "▸ staging/orders.go:7")
	d.Press("n")
	has(t, d, "▸ ingest/main.go:1")
	d.Press("N")
	if got := m.overlay.(*problems).at; got != 1 {
		t.Errorf("cursor on place %d, want 1", got)
	}
}

// TestMessagesCanBeReadInFull: what the footer cuts stands in the box of problems, all of it and also later.
func TestMessagesCanBeReadInFull(t *testing.T) {
	long := strings.Repeat("the same words again and ", 8) + "the end"
	f := &fake{snap: shop(), reply: engine.Reply{Text: long}}
	d, _ := driven(t, f, 80, 24, nil)
	d.Press("R")
	has(t, d, "! all of it")
	d.Advance(noteStays)
	d.Press("!", "G")
	has(t, d, "the end", "12:04:00")
}

// TestLastView goes back to the view before and forth again.
func TestLastView(t *testing.T) {
	d, m := driven(t, &fake{snap: shop()}, 80, 24, nil)
	d.Press("w", "esc", "-")
	if m.focus != PaneDetail || m.tab != tabWhy {
		t.Errorf("got pane %v tab %v, want the detail with Why", m.focus, m.tab)
	}
	d.Press("-")
	if m.focus != PaneAssets {
		t.Errorf("got pane %v, want the assets", m.focus)
	}
}

// TestFailureIsReadable: what a step failed of stands in the detail line by line, beside what its data is worth.
func TestFailureIsReadable(t *testing.T) {
	f := &fake{snap: shop()}
	a := f.snap.Assets[at("mart_revenue")]
	a.Stored.Last.Error = "division by zero\nin column margin"
	d, m := driven(t, f, 80, 30, nil)
	m.visit(at("mart_revenue"))
	for _, key := range []string{"d", "w"} {
		d.Press(key)
		has(t, d, "✗ failed: division by zero", "│ in column margin ", "◐ stale")
	}
	d.Press("L")
	has(t, d, "it wrote nothing, and failed: division by zero", "│ in column margin ")
}

// TestMarkWithoutAnAsset: with all assets filtered away there is nothing to mark, also when some that are hidden are marked.
func TestMarkWithoutAnAsset(t *testing.T) {
	d, m := driven(t, &fake{snap: shop()}, 80, 24, nil)
	d.Press("space", "/")
	d.Type("nothing of this")
	d.Press("enter", "V", "space", "V")
	if c := m.crashed.Load(); c != nil {
		t.Fatalf("panic: %v", c.value)
	}
	if len(m.marks) != 1 {
		t.Errorf("got marks %v, want the one", m.marks)
	}
	has(t, d, "there is no asset")
}

func TestOutdent(t *testing.T) {
	got := outdent([]string{"-\t\tif a {", "+\t\t\tif b {", "-", "…"})
	if want := []string{"-\t\tif a {", "+\t\t\tif b {", "-", "…"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = outdent([]string{"-\t\tif a {", "+\t\t\tif b {", "-"})
	if want := []string{"-if a {", "+\tif b {", "-"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func typeName(msg tea.Msg) string { return fmt.Sprintf("%T ", msg) }
