package watch

import (
	"fmt"
	"testing"
	"time"
)

func ms(n int) time.Time { return time.Unix(1000, 0).Add(time.Duration(n) * time.Millisecond) }

func paths(n int) map[string]op {
	m := map[string]op{}
	for i := range n {
		m[fmt.Sprint("/f", i)] = opWritten
	}
	return m
}

func TestBatchCloses(t *testing.T) {
	type event struct{ at, paths int }
	for _, test := range []struct {
		name   string
		events []event
		want   int // ms
	}{
		{"after the quiet time", []event{{0, 1}}, 40},
		{"each event begins the quiet time anew", []event{{0, 1}, {30, 1}, {60, 1}}, 100},
		{"at the limit at the latest", []event{{0, 1}, {100, 1}, {200, 1}, {300, 1}, {390, 1}}, 400},
		{"a storm waits longer", []event{{0, 500}}, 300},
		{"a storm has a limit too", []event{{0, 500}, {2990, 1}}, 3000},
	} {
		b := batch{quiet: defaultQuiet, limit: defaultMaxWait, suspect: suspectAfter}
		for _, e := range test.events {
			b.add(ms(e.at), paths(e.paths), false)
		}
		at, ok := b.due()
		if !ok || !at.Equal(ms(test.want)) {
			t.Errorf("%s: due at %v %v, want %v", test.name, at.Sub(ms(0)), ok, ms(test.want).Sub(ms(0)))
		}
	}
}

func TestBatchIsEmptyAfterTake(t *testing.T) {
	b := batch{quiet: defaultQuiet, limit: defaultMaxWait, suspect: suspectAfter}
	b.add(ms(0), nil, false)
	if _, ok := b.due(); ok {
		t.Error("a batch without paths is due")
	}
	b.add(ms(0), paths(2), true)
	dirty, rescan := b.take()
	if len(dirty) != 2 || !rescan {
		t.Errorf("got %v %v, want two paths and a rescan", dirty, rescan)
	}
	if _, ok := b.due(); ok {
		t.Error("a batch that was taken is due")
	}
	b.add(ms(500), paths(1), false)
	if at, _ := b.due(); !at.Equal(ms(540)) {
		t.Errorf("due at %v, want 540ms: the times of the batch before still count", at.Sub(ms(0)))
	}
}

func TestBatchWaitsForGit(t *testing.T) {
	b := batch{quiet: defaultQuiet, limit: defaultMaxWait, suspect: suspectAfter}
	b.add(ms(0), paths(1), false)
	now, waits := ms(40), 0
	for b.wait(now) {
		at, _ := b.due()
		if !at.After(now) {
			t.Fatalf("put off at %v until %v", now, at)
		}
		now = at
		waits++
	}
	if got := now.Sub(ms(0)); got < 3400*time.Millisecond || got > 3500*time.Millisecond || waits < 50 {
		t.Errorf("waited %v in %d looks, want 3.4s: the limit and 3 s more", got, waits)
	}
}

func TestBatchLooksAgain(t *testing.T) {
	b := batch{quiet: defaultQuiet, limit: defaultMaxWait, suspect: suspectAfter}
	b.again(ms(0), map[string]op{"/f": opWritten | opRechecked})
	b.add(ms(10), map[string]op{"/f": opReplaced}, false)
	if at, _ := b.due(); !at.Equal(ms(100)) {
		t.Errorf("due at %v, want 100ms", at.Sub(ms(0)))
	}
	if dirty, _ := b.take(); dirty["/f"] != opWritten|opRechecked|opReplaced {
		t.Errorf("got %b, want all that is known of the path", dirty["/f"])
	}
}
