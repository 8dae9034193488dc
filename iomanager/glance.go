package iomanager

import (
	"context"
	"path"
	"sync"
	"time"

	"github.com/assetdev/assetdev/graph"
)

// glances remembers the folders that the last [Manager.Glance] saw.
type glances struct {
	mu      sync.Mutex
	keys    []graph.Key // that folders are of
	folders map[string]bool
	stamps  map[string]stamp
	seen    int64 // ns
}

// Glance reports whether files of the keys may have come, gone or been replaced by others since the last Glance, by a look at a few
// folders instead of at every file. What is written in place shows in no folder, so only [Manager.Stored] knows for certain. The first
// Glance, and any of a storage that is no folder, reports true. The keys must not change while the Manager is open; other ones are
// another slice.
func (m *Manager) Glance(ctx context.Context, keys []graph.Key) bool {
	if m.folder == nil || ctx.Err() != nil {
		return true
	}
	g := &m.glances
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(keys) == 0 || len(keys) != len(g.keys) || &keys[0] != &g.keys[0] {
		g.keys, g.folders = keys, map[string]bool{logFolder: true, dataFolder: true}
		for _, key := range keys {
			g.folders[path.Dir(wellKnown(key, ""))] = true
		}
	}
	folders := g.folders
	look := m.newLook(nil)
	defer look.close()
	if look.err != nil {
		return true
	}
	now, changed := time.Now().UnixNano(), len(folders) != len(g.stamps)
	stamps := make(map[string]stamp, len(folders))
	for name := range folders {
		s, err := look.stamp(name)
		old, known := g.stamps[name]
		changed = changed || err != nil || !known || s != old || !s.settled(g.seen)
		stamps[name] = s
	}
	g.stamps, g.seen = stamps, now
	return changed
}
