package tui

import (
	"slices"
	"testing"
)

// A key that does nothing where it is pressed says why: what it does elsewhere, or that it does nothing at all.
func TestUnboundKeysSayWhy(t *testing.T) {
	d, _ := driven(t, &fake{snap: shop()}, 120, 40, nil)
	for _, test := range []struct{ key, want string }{
		{"O", "O works in the preview only: sort by the column"},
		{"W", "W works in the logs only: wrap long lines"},
		{"Q", "Q does nothing; ? says what the keys do"},
		{"ctrl+e", "ctrl+e does nothing"},
	} {
		d.Press("1", test.key)
		has(t, d, test.want)
	}
}

// Whatever key of the table is pressed wherever: something changes, or a word says why not. Moving on at an end is silent, and so is
// what is shown already; some leave the screen.
func TestKeysAreNotSilent(t *testing.T) {
	silent := []string{"pane-1", "pane-2", "top", "bottom", "first-column", "down", "up", "left", "right", "half-down", "half-up", "page-down", "page-up"}
	tabs := map[string]string{"about": "d", "why": "w", "preview": "p", "logs": "L", "code": "c", "history": "H", "list": "1", "run": "3"}
	for where, to := range tabs {
		for _, a := range Actions {
			if slices.Contains(silent, a.ID) || slices.Contains(a.Keys, to) || a.ID == "redraw" || a.ID == "suspend" || a.ID == "edit" || a.ID == "quit" {
				continue
			}
			for _, key := range a.Keys {
				f := &fake{snap: shop()}
				d, m := driven(t, f, 120, 40, nil)
				d.Press(to)
				m.note.text, m.dirty = "", true
				before, done := d.Frame(), len(f.done)
				if d.Press(key); d.Frame() == before && len(f.done) == done {
					t.Errorf("%s (%s) in %s: nothing happens, and nothing says why", key, a.ID, where)
				}
			}
		}
	}
}

// TestFilterThatIsLeft: esc in the filter shows everything again, and the asset that the cursor was on.
func TestFilterThatIsLeft(t *testing.T) {
	d, m := driven(t, &fake{snap: shop()}, 120, 40, nil)
	m.visit(at("mart_revenue"))
	d.Press("/")
	d.Type("raw_o")
	cursor(t, m, "raw_orders")
	d.Press("esc")
	cursor(t, m, "mart_revenue")
	d.Press("/")
	d.Type("raw_o")
	d.Press("enter", "esc") // chosen, and then left
	cursor(t, m, "raw_orders")
}
