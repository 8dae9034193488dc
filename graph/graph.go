package graph

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/internal/diag"
)

// Definitions is what one code location says: its assets, and why it does not load now. A location that broke later keeps
// the assets of its last good load, each marked Stale; one that never loaded has none.
type Definitions struct {
	Location string
	Assets   []Asset
	Broken   string // one sentence, "" when the location loads
	Jobs     []Job
}

// A Job is a set of assets that a location names.
type Job struct {
	Name   string
	Assets []Key
}

// A Graph is every asset of every code location, joined by key, in an order that never depends on a status: upstreams
// before downstreams, ties by location, then key. It also holds the external assets: keys that somebody reads and nobody
// defines. Members of a cycle stand together where the first of them can stand.
//
// Positions run from 0 to Len()-1 in that order. A Graph is immutable and safe for any number of readers; what its methods
// return is the caller's own unless they say otherwise.
type Graph struct {
	nodes     []node
	index     map[Key]int32
	ambiguous map[Key][]int32 // keys that several locations claim and no owner settles, and the nodes of the claims
	locations []string
	broken    map[string]string
	empty     map[string]bool // broken locations of which no definition is kept
	problems  []*diag.Error
	cycles    [][]int32
	jobs      map[string][]Key // of all locations, by name

	partitions bool // some asset has partitions
}

// A node is an asset at its place in the graph.
type node struct {
	asset    Asset
	key      Key
	up, down []int32 // sorted, without duplicates
	reads    []int32 // for each of asset.Deps the node that it names, -1 when several claim it
	cycle    int32   // index in Graph.cycles, -1 when it lies in none
	external bool
	owner    string // of an external asset: the location that `owners:` names and of which no definition is kept
	conflict string
	part     *partitioned // nil unless it has partitions or reads what has
}

// New joins the definitions of all locations into one graph. Owners, from the setting `owners:`, says which location a key
// belongs to that several define.
//
// A key that two locations claim becomes two assets, written location::key. With an owner, the owner's is the plain key and
// the other is not executable; without, both and their readers are blocked ([Graph.Conflict]). A definition that cannot be
// executed, such as Dagster's AssetSpec of another team's asset, is no claim: beside one it adds nothing. A key that is only declared
// ([Asset.External]) is external, with what its declaration says.
// New never fails: what is wrong is in [Graph.Problems], and everything else works.
func New(locations []Definitions, owners map[Key]string) *Graph {
	g := &Graph{index: map[Key]int32{}, ambiguous: map[Key][]int32{}, broken: map[string]string{}, empty: map[string]bool{}}
	locations = slices.Clone(locations)
	slices.SortStableFunc(locations, func(a, b Definitions) int { return cmp.Compare(a.Location, b.Location) })
	total := 0
	for _, l := range locations {
		total += len(l.Assets)
		g.locations = append(g.locations, l.Location)
		for _, j := range l.Jobs {
			if g.jobs == nil {
				g.jobs = map[string][]Key{}
			}
			g.jobs[j.Name] = slices.Grow(g.jobs[j.Name], len(j.Assets)) // a job without assets is one, too
			for _, k := range j.Assets {
				g.jobs[j.Name] = append(g.jobs[j.Name], k.In(l.Location)) // names the plain key where the location owns that
			}
		}
		if l.Broken != "" {
			g.broken[l.Location] = l.Broken
			g.empty[l.Location] = len(l.Assets) == 0
		}
	}
	g.locations = slices.Compact(g.locations)
	g.join(locations, owners, total)
	g.findCaseClashes()
	g.link(owners)
	g.sort()
	g.linkPartitions()
	g.reportCycles()
	return g
}

// join makes the nodes of all defined assets, in any order, and settles keys with more than one definition.
func (g *Graph) join(locations []Definitions, owners map[Key]string, total int) {
	type place struct{ location, asset int }
	at := func(p place) *Asset { return &locations[p.location].Assets[p.asset] }
	first := make(map[Key]place, total)
	several := map[Key][]place{}
	var order []Key
	for l := range locations {
		for a := range locations[l].Assets {
			key, here := locations[l].Assets[a].Key, place{l, a}
			before, taken := first[key]
			if !taken {
				first[key] = here
				order = append(order, key)
				continue
			}
			if len(several[key]) == 0 {
				several[key] = []place{before}
			}
			if last := several[key][len(several[key])-1]; locations[last.location].Location == locations[l].Location {
				g.problem(at(here), "", "asset %q is defined twice in %s; the first definition counts", key.text, locations[l].Location)
				continue
			}
			several[key] = append(several[key], here)
		}
	}
	g.nodes = make([]node, 0, total+total/8)
	add := func(p place) *node {
		g.nodes = append(g.nodes, node{asset: *at(p), cycle: -1, external: at(p).External})
		n := &g.nodes[len(g.nodes)-1]
		n.asset.Location = locations[p.location].Location
		n.key = n.asset.Key
		return n
	}
	aside := func(p place, owner string) {
		n := add(p)
		n.key = n.asset.Key.In(n.asset.Location)
		n.asset.Key = n.key
		n.asset.Executable, n.asset.Why = false, "the key "+n.key.Bare().text+" is owned by "+owner
	}
	for _, key := range order {
		places := several[key]
		if len(places) == 0 {
			places = []place{first[key]}
		}
		if owner := owners[key]; owner != "" {
			mine := slices.IndexFunc(places, func(p place) bool { return locations[p.location].Location == owner })
			if mine >= 0 || g.empty[owner] {
				for i, p := range places {
					switch {
					case i == mine:
						add(p)
					case claims(at(p)):
						aside(p, owner)
					}
				}
				continue
			}
			if len(places) > 1 {
				g.problem(at(places[0]), "", "owners: %s names %q, which does not define it", key.text, owner)
			}
		}
		if len(places) > 1 {
			claiming := slices.DeleteFunc(slices.Clone(places), func(p place) bool { return !claims(at(p)) })
			if len(claiming) > 1 {
				var names []string
				for _, p := range claiming {
					names = append(names, locations[p.location].Location)
				}
				hint := fmt.Sprintf("name the one that owns it in assetdev.yaml, as owners: {%s: %s}", key.text, names[0])
				text := key.text + " is defined by " + listed(names) + "; " + hint
				for _, p := range claiming {
					n := add(p)
					n.key = key.In(n.asset.Location)
					n.asset.Key = n.key
					n.conflict = text
				}
				g.ambiguous[key] = nil // filled once the nodes have their places
				g.problem(at(claiming[0]), hint, "%s is defined by %s", key.text, listed(names))
				continue
			}
			switch made := slices.IndexFunc(places, func(p place) bool { return !at(p).External }); {
			case len(claiming) == 1:
				places = claiming
			case made >= 0:
				places = places[made:]
			}
		}
		add(places[0])
	}
}

// claims reports whether a definition competes for its key: it can be executed, or could when its location last loaded.
func claims(a *Asset) bool { return !a.External && (a.Executable || a.Stale) }

func (g *Graph) findCaseClashes() {
	capitals := false
	for i := range g.nodes {
		capitals = capitals || strings.ToLower(g.nodes[i].key.text) != g.nodes[i].key.text
	}
	if !capitals {
		return
	}
	seen := make(map[string]int, len(g.nodes))
	for i := range g.nodes {
		folded := strings.ToLower(g.nodes[i].key.text)
		before, taken := seen[folded]
		if !taken {
			seen[folded] = i
			continue
		}
		a, b := &g.nodes[before], &g.nodes[i]
		text := fmt.Sprintf("the keys %s (%s) and %s (%s) differ by case only, and many file systems fold case; rename one of them",
			a.key.text, a.asset.Location, b.key.text, b.asset.Location)
		g.problem(&b.asset, "", "%s", text)
		for _, n := range []*node{a, b} {
			if n.conflict == "" {
				n.conflict = text
			}
		}
	}
}

// link gives the nodes their places by location and key, adds the external assets and fills reads.
func (g *Graph) link(owners map[Key]string) {
	deps := 0
	g.index = make(map[Key]int32, len(g.nodes)+len(g.nodes)/8)
	for i := range g.nodes {
		g.index[g.nodes[i].key] = int32(i)
		deps += len(g.nodes[i].asset.Deps)
	}
	for i := range len(g.nodes) {
		for _, dep := range g.nodes[i].asset.Deps {
			if _, known := g.resolve(dep); known {
				continue
			}
			if _, twice := g.ambiguous[dep]; twice {
				continue
			}
			n := node{asset: Asset{Key: dep}, key: dep, cycle: -1, external: true}
			if owner := owners[dep]; g.empty[owner] {
				n.owner = owner
			}
			g.index[dep] = int32(len(g.nodes))
			g.nodes = append(g.nodes, n)
		}
	}
	g.arrange()
	for i := range g.nodes {
		if n := &g.nodes[i]; n.key.Location() != "" && n.conflict != "" {
			if _, twice := g.ambiguous[n.key.Bare()]; twice {
				g.ambiguous[n.key.Bare()] = append(g.ambiguous[n.key.Bare()], int32(i))
			}
		}
	}
	backing := make([]int32, 0, deps)
	for i := range g.nodes {
		n := &g.nodes[i]
		start := len(backing)
		for _, dep := range n.asset.Deps {
			to, known := g.resolve(dep)
			if !known {
				to = -1
				if n.conflict == "" {
					n.conflict = "it reads " + dep.text + ", and " + g.nodes[g.ambiguous[dep][0]].conflict
				}
			}
			backing = append(backing, to)
		}
		n.reads = backing[start:len(backing):len(backing)]
	}
}

// arrange sorts the nodes by location and key; external ones have no location and come first.
func (g *Graph) arrange() {
	order := make([]int32, len(g.nodes))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int { // a node is large: moving it once is enough
		a, b := &g.nodes[i], &g.nodes[j]
		return cmp.Or(cmp.Compare(a.asset.Location, b.asset.Location), a.key.Compare(b.key))
	})
	nodes := make([]node, len(g.nodes))
	for to, from := range order {
		nodes[to] = g.nodes[from]
		g.index[nodes[to].key] = int32(to)
	}
	g.nodes = nodes
}

// resolve returns the node that key names: itself, or the plain key that its location defines alone. A partition is its asset.
func (g *Graph) resolve(key Key) (int32, bool) {
	if i, ok := g.index[key]; ok {
		return i, true
	}
	if key.open() >= 0 {
		return g.resolve(key.Asset())
	}
	if location := key.Location(); location != "" {
		if i, ok := g.index[key.Bare()]; ok && g.nodes[i].asset.Location == location {
			return i, true
		}
	}
	return 0, false
}

// sort moves the nodes, which stand by location and key, into the order of the graph and fills up, down and cycles.
func (g *Graph) sort() {
	n := len(g.nodes)
	up, down := g.edges()
	order, whole := topological(n, down, nil)
	if !whole {
		unit := components(n, down)
		order, _ = topological(n, down, unit)
		members := map[int32][]int32{}
		for i, u := range unit {
			members[u] = append(members[u], int32(i))
		}
		for i := range n {
			group := members[unit[i]]
			if group[0] == int32(i) && (len(group) > 1 || slices.Contains(up[i], int32(i))) {
				for _, m := range group {
					g.nodes[m].cycle = int32(len(g.cycles))
				}
				g.cycles = append(g.cycles, group)
			}
		}
	}
	place := make([]int32, n) // old to new
	nodes := make([]node, n)
	for to, from := range order {
		place[from] = int32(to)
		nodes[to] = g.nodes[from]
	}
	move := func(list []int32) {
		for i, old := range list {
			if old >= 0 {
				list[i] = place[old]
			}
		}
	}
	for i := range nodes {
		nodes[i].up, nodes[i].down = up[order[i]], down[order[i]]
		move(nodes[i].reads)
		move(nodes[i].up)
		move(nodes[i].down)
		slices.Sort(nodes[i].up)
		slices.Sort(nodes[i].down)
		g.index[nodes[i].key] = int32(i)
	}
	for _, c := range g.cycles {
		move(c)
		slices.Sort(c)
	}
	for _, claims := range g.ambiguous {
		move(claims)
		slices.Sort(claims)
	}
	g.nodes = nodes
	slices.SortFunc(g.cycles, func(a, b []int32) int { return cmp.Compare(a[0], b[0]) })
	for i, c := range g.cycles {
		for _, m := range c {
			g.nodes[m].cycle = int32(i)
		}
	}
}

// edges returns for each node what it reads and what reads it, without duplicates. A reader of a key that several locations
// claim has an edge from each claim.
func (g *Graph) edges() (up, down [][]int32) {
	n := len(g.nodes)
	up, down = make([][]int32, n), make([][]int32, n)
	count, total := make([]int32, n), 0
	for i := range g.nodes {
		nd := &g.nodes[i]
		list := slices.Clone(nd.reads)
		for j, to := range nd.reads {
			if to < 0 {
				list = append(list, g.ambiguous[nd.asset.Deps[j]]...)
			} else if int(to) == i && earlier(&nd.asset, nd.asset.Deps[j]) {
				list[j] = -1
			}
		}
		slices.Sort(list)
		list = slices.Compact(list)
		if len(list) > 0 && list[0] < 0 {
			list = list[1:]
		}
		up[i] = list
		total += len(list)
		for _, u := range list {
			count[u]++
		}
	}
	backing := make([]int32, total)
	for i, c := range count {
		down[i], backing = backing[:0:c], backing[c:]
	}
	for i, list := range up {
		for _, u := range list {
			down[u] = append(down[u], int32(i))
		}
	}
	return up, down
}

// topological orders the numbers below n so that i stands before all of down[i]; of those that may stand next, the lowest
// does. Numbers of one unit, named by its lowest member, stand together and do not wait for each other; without units each
// stands for itself. It reports whether that worked for all; those that wait for each other, or for themselves, are left out.
func topological(n int, down [][]int32, unit []int32) ([]int32, bool) {
	of := func(i int32) int32 {
		if unit == nil {
			return i
		}
		return unit[i]
	}
	waits := make([]int32, n)
	members := make([][]int32, 0)
	if unit != nil {
		members = make([][]int32, n)
		for i := range int32(n) {
			members[of(i)] = append(members[of(i)], i)
		}
	}
	for i := range int32(n) {
		for _, d := range down[i] {
			if unit == nil || of(d) != of(i) {
				waits[of(d)]++
			}
		}
	}
	var ready minHeap
	for i := range int32(n) {
		if of(i) == i && waits[i] == 0 {
			ready.push(i)
		}
	}
	order := make([]int32, 0, n)
	for len(ready) > 0 {
		next := ready.pop()
		begin := len(order)
		if unit == nil {
			order = append(order, next)
		} else {
			order = append(order, members[next]...)
		}
		for _, i := range order[begin:] {
			for _, d := range down[i] {
				if u := of(d); u != next {
					if waits[u]--; waits[u] == 0 {
						ready.push(u)
					}
				}
			}
		}
	}
	return order, len(order) == n
}

// components returns for each number the lowest member of its strongly connected component (Tarjan, without recursion).
func components(n int, down [][]int32) []int32 {
	const unseen = -1
	unit, low, index := make([]int32, n), make([]int32, n), make([]int32, n)
	for i := range n {
		index[i], unit[i] = unseen, unseen
	}
	next := make([]int32, n) // position in down[i] where the walk goes on
	var stack, path []int32
	count := int32(0)
	for start := range int32(n) {
		if index[start] != unseen {
			continue
		}
		path = append(path[:0], start)
		for len(path) > 0 {
			i := path[len(path)-1]
			if index[i] == unseen {
				index[i], low[i] = count, count
				count++
				stack = append(stack, i)
			}
			descended := false
			for int(next[i]) < len(down[i]) {
				d := down[i][next[i]]
				if index[d] == unseen {
					path = append(path, d)
					descended = true
					break
				}
				if unit[d] == unseen {
					low[i] = min(low[i], low[d])
				}
				next[i]++
			}
			if descended {
				continue
			}
			path = path[:len(path)-1]
			if low[i] != index[i] {
				continue
			}
			at := slices.Index(stack, i)
			lowest := slices.Min(stack[at:])
			for _, m := range stack[at:] {
				unit[m] = lowest
			}
			stack = stack[:at]
		}
	}
	return unit
}

// A minHeap gives the lowest number first.
type minHeap []int32

func (h *minHeap) push(x int32) {
	s := append(*h, x)
	i := len(s) - 1
	for i > 0 && s[(i-1)/2] > s[i] {
		s[(i-1)/2], s[i] = s[i], s[(i-1)/2]
		i = (i - 1) / 2
	}
	*h = s
}

func (h *minHeap) pop() int32 {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	s = s[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && s[child+1] < s[child] {
			child++
		}
		if s[i] <= s[child] {
			break
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
	*h = s
	return top
}

// problem notes what is wrong with an asset and, unless it is empty, what to do.
func (g *Graph) problem(a *Asset, hint, format string, args ...any) {
	e := diag.New("asset", format, args...).At(diag.Pos{File: a.Source.File, Line: a.Source.Line})
	e.Hint = hint
	g.problems = append(g.problems, e)
}

func (g *Graph) reportCycles() {
	for _, c := range g.cycles {
		n := &g.nodes[c[0]]
		hint := fmt.Sprintf("take one of these dependencies away; the %d assets of the circle cannot be materialized until then", len(c))
		if len(c) == 1 {
			hint = "take this dependency away; the asset cannot be materialized until then"
		}
		g.problem(&n.asset, hint, "assets read each other in a circle: %s", g.cycleText(c[0]))
	}
}

func (g *Graph) cycleText(i int32) string {
	var names []string
	for _, k := range g.Cycle(g.nodes[i].key) {
		names = append(names, k.text)
	}
	if n := len(names); n > 12 {
		names = slices.Concat(names[:6], []string{fmt.Sprintf("… %d more …", n-11)}, names[n-5:])
	}
	return strings.Join(names, " → ")
}

// listed returns "a", "a and b" or "a, b and c".
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// Len returns the number of assets, external ones included.
func (g *Graph) Len() int { return len(g.nodes) }

// Keys returns the keys of all assets, external ones included, in the order of the graph.
func (g *Graph) Keys() []Key {
	keys := make([]Key, len(g.nodes))
	for i := range g.nodes {
		keys[i] = g.nodes[i].key
	}
	return keys
}

// Index returns the position of the asset that key names, and false when there is none. location::key also names an asset
// that this location alone defines.
func (g *Graph) Index(key Key) (int, bool) {
	i, ok := g.resolve(key)
	return int(i), ok
}

// Asset returns the asset that key names, as Index finds it. An external asset has nothing but its key, or what a location that does
// not make it declares. Slices and maps in it are shared and must not be changed.
func (g *Graph) Asset(key Key) (Asset, bool) {
	if i, ok := g.resolve(key); ok {
		return g.nodes[i].asset, true
	}
	return Asset{}, false
}

// At returns the asset at a position, under the same terms as Asset.
func (g *Graph) At(i int) Asset { return g.nodes[i].asset }

// Key returns the key of the asset at a position.
func (g *Graph) Key(i int) Key { return g.nodes[i].key }

// Reads returns the positions of what the asset at i reads, ascending. The slice is shared and must not be changed.
func (g *Graph) Reads(i int) []int32 { return g.nodes[i].up }

// ReadBy returns the positions of what reads the asset at i, ascending. The slice is shared and must not be changed.
func (g *Graph) ReadBy(i int) []int32 { return g.nodes[i].down }

// Upstreams returns the assets that key reads, in the order of the graph.
func (g *Graph) Upstreams(key Key) []Key {
	if i, ok := g.resolve(key); ok {
		return g.keysAt(g.nodes[i].up)
	}
	return nil
}

// Downstreams returns the assets that read key, in the order of the graph.
func (g *Graph) Downstreams(key Key) []Key {
	if i, ok := g.resolve(key); ok {
		return g.keysAt(g.nodes[i].down)
	}
	return nil
}

func (g *Graph) keysAt(positions []int32) []Key {
	keys := make([]Key, len(positions))
	for i, p := range positions {
		keys[i] = g.nodes[p].key
	}
	return keys
}

// Ancestors returns what key reads, directly and through at most depth layers, without itself, in the order of the graph.
// A negative depth is all layers.
func (g *Graph) Ancestors(key Key, depth int) []Key { return g.around(key, depth, false) }

// Descendants returns what reads key, directly and through at most depth layers, without itself, in the order of the graph.
// A negative depth is all layers.
func (g *Graph) Descendants(key Key, depth int) []Key { return g.around(key, depth, true) }

func (g *Graph) around(key Key, depth int, below bool) []Key {
	start, ok := g.resolve(key)
	if !ok {
		return nil
	}
	in := make([]bool, len(g.nodes))
	in[start] = true
	g.spread(in, depth, below)
	in[start] = false
	return g.keysIn(in)
}

// spread adds to the set what lies within depth layers above or below its members.
func (g *Graph) spread(in []bool, depth int, below bool) {
	var layer, next []int32
	for i, member := range in {
		if member {
			layer = append(layer, int32(i))
		}
	}
	for ; len(layer) > 0 && depth != 0; depth-- {
		next = next[:0]
		for _, i := range layer {
			neighbours := g.nodes[i].up
			if below {
				neighbours = g.nodes[i].down
			}
			for _, j := range neighbours {
				if !in[j] {
					in[j] = true
					next = append(next, j)
				}
			}
		}
		layer, next = next, layer
	}
}

func (g *Graph) keysIn(in []bool) []Key {
	keys := []Key{}
	for i, member := range in {
		if member {
			keys = append(keys, g.nodes[i].key)
		}
	}
	return keys
}

// Locations returns the names of all code locations, sorted, broken ones included.
func (g *Graph) Locations() []string { return slices.Clone(g.locations) }

// Jobs returns the names of all jobs, sorted.
func (g *Graph) Jobs() []string { return slices.Sorted(maps.Keys(g.jobs)) }

// Job returns the assets of the jobs of that name, in the order of the graph, and false when no location has one.
func (g *Graph) Job(name string) ([]Key, bool) {
	named, ok := g.jobs[name]
	in := make([]bool, len(g.nodes))
	for _, k := range named {
		if i, ok := g.resolve(k); ok {
			in[i] = true
		}
	}
	return g.keysIn(in), ok
}

// Broken returns why a location does not load now, "" when it does.
func (g *Graph) Broken(location string) string { return g.broken[location] }

// IsExternal reports whether key is read or declared by somebody and made by nobody.
func (g *Graph) IsExternal(key Key) bool {
	i, ok := g.resolve(key)
	return ok && g.nodes[i].external
}

// Suggestion returns the key that somebody who wrote key most likely meant, and false when none is near. It looks at all
// defined keys, so it is for messages, not for loops.
func (g *Graph) Suggestion(key Key) (Key, bool) {
	var names []string
	for i := range g.nodes {
		if n := &g.nodes[i]; !n.external && n.key != key {
			names = append(names, n.key.text)
		}
	}
	near := diag.Nearest(key.text, names)
	return Key{near}, near != ""
}

// Cycle returns the shortest way from key back to itself, in the direction of the data, with key at both ends; nil when it
// lies in no cycle.
func (g *Graph) Cycle(key Key) []Key {
	start, ok := g.resolve(key)
	if !ok || g.nodes[start].cycle < 0 {
		return nil
	}
	from := map[int32]int32{}
	for queue := []int32{start}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		for _, d := range g.nodes[i].down {
			if d == start {
				path := []Key{key}
				for ; i != start; i = from[i] {
					path = append(path, g.nodes[i].key)
				}
				path = append(path, key)
				slices.Reverse(path)
				return path
			}
			if _, seen := from[d]; !seen && g.nodes[d].cycle == g.nodes[start].cycle {
				from[d] = i
				queue = append(queue, d)
			}
		}
	}
	return nil
}

// Conflict returns why key and its readers cannot be materialized although their code is right: two locations define one
// key, or two keys differ by case only. It is a whole sentence with what to do, "" when there is no conflict. A key that
// several locations claim has one as well, though no asset has that plain key.
func (g *Graph) Conflict(key Key) string {
	if i, ok := g.resolve(key); ok {
		return g.nodes[i].conflict
	}
	if claims := g.ambiguous[key]; len(claims) > 0 {
		return g.nodes[claims[0]].conflict
	}
	return ""
}

// Claims returns the assets that compete for a plain key, as location::key, in the order of the graph; nil for a key that
// names one asset or none.
func (g *Graph) Claims(key Key) []Key {
	if claims := g.ambiguous[key]; len(claims) > 0 {
		return g.keysAt(claims)
	}
	return nil
}

// Problems returns what is wrong with the definitions as a whole: keys that differ by case only, keys that several locations
// claim, cycles with their path. Everything outside of what they name works.
func (g *Graph) Problems() []*diag.Error { return slices.Clone(g.problems) }
