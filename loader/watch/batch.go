package watch

import (
	"maps"
	"time"
)

// When a batch closes, as a pure function of explicit times: after the quiet time without an event, at the latest after the
// limit. More than stormPaths dirty paths (a checkout, a formatter) are a storm, which gets longer times, so that one batch
// holds all of it.
const (
	defaultQuiet   = 40 * time.Millisecond
	defaultMaxWait = 400 * time.Millisecond
	stormPaths     = 200
	stormQuiet     = 300 * time.Millisecond
	stormMaxWait   = 3 * time.Second
	gitMaxWait     = 3 * time.Second        // how much longer a batch waits for .git/index.lock to go
	gitLookAgain   = 50 * time.Millisecond  // how often the lock is looked at
	suspectAfter   = 100 * time.Millisecond // how long an empty or vanished file gets to come back
	maxUnsure      = time.Second            // a batch is not kept back longer than this for such files
)

// An op says what is known of a dirty path.
type op uint8

const (
	opWritten   op = 1 << iota
	opReplaced     // created, renamed or removed: a folder of this name may be another one now
	opRechecked    // was empty or gone 100 ms ago: believe what the disk says now
)

// A batch collects dirty paths until it is due.
type batch struct {
	quiet, limit time.Duration
	suspect      time.Duration // suspectAfter
	dirty        map[string]op
	rescan       bool // events were lost
	first, last  time.Time
	hold         time.Time // not before this
}

func (b *batch) empty() bool { return len(b.dirty) == 0 && !b.rescan }

// add takes dirty paths that were seen at now.
func (b *batch) add(now time.Time, dirty map[string]op, rescan bool) {
	if len(dirty) == 0 && !rescan {
		return
	}
	if b.empty() {
		b.first = now
	}
	b.last = now
	b.rescan = b.rescan || rescan
	if b.dirty == nil {
		b.dirty = maps.Clone(dirty)
		return
	}
	for path, o := range dirty {
		b.dirty[path] |= o
	}
}

// due returns when the batch closes if nothing else happens; false when it is empty.
func (b *batch) due() (time.Time, bool) {
	if b.empty() {
		return time.Time{}, false
	}
	quiet, limit := b.quiet, b.limit
	if len(b.dirty) > stormPaths {
		quiet, limit = max(quiet, stormQuiet), max(limit, stormMaxWait)
	}
	at := b.last.Add(quiet)
	if latest := b.first.Add(limit); latest.Before(at) {
		at = latest
	}
	if b.hold.After(at) {
		at = b.hold
	}
	return at, true
}

// wait puts a batch that is due off, because git is busy, and reports whether it may still be put off.
func (b *batch) wait(now time.Time) bool {
	limit := b.limit
	if len(b.dirty) > stormPaths {
		limit = max(limit, stormMaxWait)
	}
	if now.After(b.first.Add(limit + gitMaxWait)) {
		return false
	}
	b.hold = now.Add(gitLookAgain)
	return true
}

// take empties the batch.
func (b *batch) take() (dirty map[string]op, rescan bool) {
	dirty, rescan = b.dirty, b.rescan
	b.dirty, b.rescan, b.hold = nil, false, time.Time{}
	return dirty, rescan
}

// again puts paths back that have to be looked at once more.
func (b *batch) again(now time.Time, suspects map[string]op) {
	if len(suspects) == 0 {
		return
	}
	b.add(now, suspects, false)
	b.hold = now.Add(b.suspect)
}
