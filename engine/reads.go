package engine

import "github.com/assetdev/assetdev/graph"

// withRewritten adds to what the storage knows of assets which files that their steps read say something else now.
func (e *Engine) withRewritten(found map[graph.Key]graph.Stored) {
	for key, s := range found {
		if s.Record != nil && len(s.Record.Reads) > 0 {
			s.Rewritten = e.loader.Rewritten(s.Record.Location, s.Record.Reads)
			found[key] = s
		}
	}
}

// readersOf returns what was made from one of the files, in the order of the graph.
func (e *Engine) readersOf(paths []string) []graph.Key {
	var keys []graph.Key
	for _, key := range e.graph.StoredKeys() {
		if record := e.stored[key].Record; record != nil && len(record.Reads) > 0 && e.loader.HasRead(record.Location, record.Reads, paths) {
			keys = append(keys, key)
		}
	}
	return keys
}
