// Package graph holds assetdev's nouns and its pure decisions: what the assets of a workspace are, which of them are
// fresh and why not, and which steps a request needs.
//
// The nouns: a [Key] names an asset; an [Asset] is what one code location says of it; a [Graph] is every asset of every
// location, joined by key; a [Record] is what one materialization left behind; a [Status] with its [Reason]s says what the
// records are worth today; a [Selection] names a set of assets; a [Plan] is the steps that bring a selection up to date.
//
// Invariants:
//
//	(a) Same input, same output: no function here depends on map order, on a clock or on what ran before.
//	(b) A Graph is immutable once New returned it, and safe for any number of readers.
//	(c) Order is stable: upstreams before downstreams, ties by location, then key. Nothing moves on a screen because a
//	    status changed.
//	(d) Nothing here costs more than one walk of the whole graph.
//
// Deliberately absent: I/O, clocks (the time is an argument), goroutines, locks, and any knowledge of Python, Go, files,
// Parquet or terminals.
package graph
