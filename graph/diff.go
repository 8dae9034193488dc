package graph

import "slices"

// A Change is what differs between two graphs in defined assets; external ones do not count. Lists are in the order of the
// new graph, Removed in that of the old.
type Change struct {
	Added       []Key
	Removed     []Key
	Changed     []Key // other code version
	DepsChanged []Key // reads other keys
}

// Diff compares two graphs. A nil graph has no assets.
func Diff(before, after *Graph) Change {
	var c Change
	if before == nil {
		before = &Graph{}
	}
	if after == nil {
		after = &Graph{}
	}
	for i := range after.nodes {
		n := &after.nodes[i]
		if n.external {
			continue
		}
		at, ok := before.index[n.key]
		if !ok || before.nodes[at].external {
			c.Added = append(c.Added, n.key)
			continue
		}
		was := &before.nodes[at].asset
		if was.Code.Version != n.asset.Code.Version {
			c.Changed = append(c.Changed, n.key)
		}
		if !sameKeys(was.Deps, n.asset.Deps) {
			c.DepsChanged = append(c.DepsChanged, n.key)
		}
	}
	for i := range before.nodes {
		n := &before.nodes[i]
		if at, ok := after.index[n.key]; !n.external && (!ok || after.nodes[at].external) {
			c.Removed = append(c.Removed, n.key)
		}
	}
	return c
}

// sameKeys reports whether two lists hold the same keys in any order.
func sameKeys(a, b []Key) bool {
	if slices.Equal(a, b) {
		return true
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, Key.Compare)
	slices.SortFunc(b, Key.Compare)
	return slices.Equal(a, b)
}
