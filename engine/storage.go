package engine

// What the storage holds, kept up to date: others commit, delete and overwrite while a workspace is open.

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
)

// readStored asks the storage what it holds of the keys, nil being all, and takes the answer. The owner, or Open before there
// is one, calls it; with a folder as storage it takes milliseconds.
func (e *Engine) readStored(ctx context.Context, keys []graph.Key) {
	if keys == nil {
		keys = e.graph.StoredKeys()
	}
	found, err := e.manager.Stored(ctx, keys)
	withMade(found, e.made)
	e.keepVersions(found)
	e.withRewritten(found)
	if len(e.stored) == 0 && found != nil {
		e.stored = found // the first time, instead of putting each in once more
		e.pictures = pictures{}
		for key, a := range e.remembered {
			if s, ok := found[key]; ok && a.Last != nil {
				s.Last = a.Last
				found[key] = s
			}
		}
	}
	e.takeStored(keys, found, err)
	if e.graph.Partitioned() { // what is stored of them is stored of their partitions
		for _, key := range e.graph.Keys() {
			if e.graph.PartitionKeys(key) != nil {
				e.stored[key] = graph.Stored{Last: e.remembered[key].Last}
			}
		}
	}
	e.judged = false
	e.touch()
}

// glanceKeys are keys whose folders are those of all keys.
func (e *Engine) glanceKeys() []graph.Key {
	keys := e.graph.Keys()
	for i, key := range keys {
		if of := e.graph.PartitionKeys(key); len(of) > 0 {
			keys[i] = of[0]
		}
	}
	return keys
}

// takeStored puts an answer of the storage into the engine's state, and returns what differs from what was known.
func (e *Engine) takeStored(keys []graph.Key, found map[graph.Key]graph.Stored, err error) map[graph.Key]graph.Stored {
	differs := map[graph.Key]graph.Stored{}
	for _, key := range keys {
		s, ok := found[key]
		if err != nil && !ok {
			s = graph.Stored{Data: graph.DataUnreachable, Text: err.Error()}
		}
		old, known := e.stored[key]
		s.Last = e.remembered[key].Last
		if known && sameStored(old, s) {
			continue
		}
		differs[key] = s
		e.stored[key] = s
		e.repaint(key)
	}
	return differs
}

// sameStored reports whether two answers about one asset say the same.
func sameStored(a, b graph.Stored) bool {
	return a.Data == b.Data && slices.Equal(a.Rewritten, b.Rewritten) && a.Version == b.Version && a.Text == b.Text && a.Last == b.Last &&
		(a.Record == nil) == (b.Record == nil) && (a.Record == nil || a.Record.Seq == b.Record.Seq)
}

// changed takes what is stored of some assets now, and judges what hangs on it.
func (e *Engine) changed(stored map[graph.Key]graph.Stored) {
	maps.Copy(e.stored, stored)
	for key := range stored {
		e.repaint(key)
	}
	if e.judged && e.graphAt == e.definedAt {
		e.fresh = e.fresh.After(stored, time.Now())
	}
	e.touch()
}

// lookAtStorage brings what is known of the stored data up to date: what others wrote, deleted or overwrote since. It asks the
// storage on the caller's goroutine, which is not the owner's.
func (e *Engine) lookAtStorage(ctx context.Context) error {
	for again := true; again; {
		var keys []graph.Key
		var commits int
		var made map[graph.Key]*graph.Made
		if err := e.call(ctx, func() { e.rebuild(); keys, commits, made = e.graph.StoredKeys(), e.commits, e.made }); err != nil {
			return err
		}
		found, err := e.manager.Stored(ctx, keys)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		withMade(found, made)
		e.withRewritten(found)
		if foreignErr := e.foreignVersions(ctx, found, made); foreignErr != nil {
			return foreignErr
		}
		if err := e.call(ctx, func() {
			if again = e.commits != commits; again {
				return
			}
			if differs := e.takeStored(keys, found, err); len(differs) > 0 {
				e.changed(differs)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// foreignVersions fills in the data versions of data that something else made and that some asset reads: a file that changed
// has to be read for that. It runs on a worker or a caller's goroutine.
func (e *Engine) foreignVersions(ctx context.Context, found map[graph.Key]graph.Stored, made map[graph.Key]*graph.Made) error {
	var problems []error
	for key, s := range found {
		if m := made[key]; m != nil && adoptedFile(s.Record, m) {
			version, err := e.madeVersion(ctx, m)
			if err != nil {
				problems = append(problems, err)
			} else if version != s.Record.DataVersion {
				s.Data, s.Text = graph.DataChanged, madeText(m)
				found[key] = s
			}
			continue
		}
		if s.Data != graph.DataForeign || s.Version != "" {
			continue
		}
		read := false
		if err := e.call(ctx, func() { read = len(e.graph.Downstreams(key)) > 0 }); err != nil {
			return err
		}
		if !read {
			continue
		}
		version, err := e.manager.ForeignVersion(ctx, key)
		if m := made[key]; err == nil && version == "" && m != nil {
			version, err = e.madeVersion(ctx, m)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		s.Version = version
		found[key] = s
	}
	return errors.Join(problems...)
}

// lookAtForeign finds the data versions of what others made, in the background. A command waits for it: that may have changed.
func (e *Engine) lookAtForeign() {
	e.loading[""]++
	e.work(func(ctx context.Context) {
		err := e.lookAtStorage(ctx)
		e.post(func() {
			e.loading[""]--
			if err != nil && ctx.Err() == nil {
				e.notice(diag.New("storage", "%w", err))
			}
			if !e.anyLoading() && e.run == nil {
				e.startQueued()
			}
			e.touch()
		})
	})
}

// readsForeign reports whether some asset reads data that something else made and whose version is not known, or was adopted where it lies.
func (e *Engine) readsForeign() bool {
	for key, s := range e.stored {
		if s.Data == graph.DataForeign && s.Version == "" && len(e.graph.Downstreams(key)) > 0 {
			return true
		}
	}
	for key, m := range e.made {
		if adoptedFile(e.stored[key].Record, m) {
			return true
		}
	}
	return false
}

const (
	// storageEvery is the time between two glances at the storage, that find what was made, replaced or removed.
	storageEvery = 3 * time.Second
	// storageShare is how many times as long as a look at every file took the next one is put off, at most to storageAtMost: what was
	// written in place waits for it.
	storageShare  = 2000
	storageAtMost = time.Minute
)

// watchStorage looks at the storage from time to time, as seldom as keeps it below a tenth of a percent of a core, so that what others
// do shows within seconds. It runs on a worker as long as the engine does.
func (e *Engine) watchStorage(ctx context.Context) {
	failed := ""
	var due time.Time
	var of *graph.Graph
	var keys []graph.Key // of that graph
	for {
		look := !time.Now().Before(due)
		if !look {
			renew := func() {
				if of != e.graph {
					of, keys = e.graph, e.glanceKeys()
				}
			}
			if e.call(ctx, renew) != nil {
				return
			}
			look = e.manager.Glance(ctx, keys)
		}
		if look {
			began := time.Now()
			err := e.lookAtStorage(ctx)
			if err != nil && ctx.Err() == nil && err.Error() != failed {
				failed = err.Error() // told once, not every few seconds
				e.post(func() { e.notice(diag.New("storage", "%w", err)) })
			}
			due = began.Add(min(storageAtMost, max(storageEvery, storageShare*time.Since(began))))
		}
		timer := time.NewTimer(storageEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
