package tui

import (
	"maps"
	"testing"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
)

// TestPreviewShowsWhatARunHasMade: an asset without data gets its rows while the cursor stays on it.
func TestPreviewShowsWhatARunHasMade(t *testing.T) {
	before := shop()
	key := at("stg_orders")
	full := *before.Assets[key]
	empty := full
	empty.Stored, empty.Word = graph.Stored{}, "missing"
	before.Assets[key] = &empty
	f := &fake{snap: before}
	d, m := driven(t, f, 80, 24, nil)
	m.visit(key)
	d.Press("p")
	has(t, d, "no data yet")
	after := *before
	after.Seq++
	after.Assets = map[graph.Key]*engine.Asset{}
	maps.Copy(after.Assets, before.Assets)
	after.Assets[key] = &full
	push(d, m, f, &after)
	has(t, d, "1000001")
}

// TestPreviewAsksOnce: a request under way is left alone. One that every message starts anew never ends.
func TestPreviewAsksOnce(t *testing.T) {
	f := &fake{snap: shop()}
	_, m := driven(t, f, 80, 24, nil)
	m.visit(at("stg_orders"))
	m.tab = tabPreview
	if m.load() == nil {
		t.Fatal("got no request, want one")
	}
	if m.load() != nil {
		t.Error("got a second request while the first is under way")
	}
}
