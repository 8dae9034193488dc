package codeversion

import (
	"cmp"
	"crypto/sha256"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assetdev/assetdev/graph"
)

// What the names in declarations mean, and what a declaration reaches. A program is all packages at one moment.

// A node is one declaration in its package.
type node struct {
	*declaration
	pack   *pack
	source *source
	symbol string

	part    graph.Part // made when it is first needed
	linked  bool
	uses    []int32  // declarations it reaches by name
	outside []string // import paths of packages that count as wholes or are not in folders
	mutates bool     // it may change a package-level variable
	place   int      // of a variable whose initialiser is an effect: which one of its package it is, from 1; 0 when it is the only one
	foreign bool     // it names something of a package that is not in folders: the standard library, or outside
}

// A program is the linked packages. It changes only by remembering what it computed.
type program struct {
	packs   []*pack
	byPath  map[string]*pack
	nodes   []*node            // sorted by symbol, so that a set of indexes in order is parts in order
	methods map[string][]int32 // name → methods of all types
	writers map[int32][]int32  // variable → declarations that may change it
	effects []int32            // of all packages
	setups  []int32            // statements of main that change what is not the module's
	linked  map[*pack][]*pack  // packages that //go:linkname ties together
	spans   map[int32]span     // memory

	seen []uint32 // node → the walk that visited it
	walk uint32
}

func link(packs []*pack) *program {
	p := &program{packs: packs, byPath: map[string]*pack{}, methods: map[string][]int32{}, writers: map[int32][]int32{}, spans: map[int32]span{}, linked: map[*pack][]*pack{}}
	for _, pk := range packs {
		p.byPath[pk.path] = pk
		pk.names, pk.methods, pk.effects = map[string][]int32{}, map[string][]int32{}, nil
		if pk.opaque {
			continue
		}
		count := map[string]int{}
		for _, s := range pk.files {
			for _, d := range s.parsed.decls {
				symbol := pk.label + "." + d.name
				if count[symbol]++; count[symbol] > 1 {
					symbol += "#" + strconv.Itoa(count[symbol])
				}
				p.nodes = append(p.nodes, &node{declaration: d, pack: pk, source: s, symbol: symbol})
			}
		}
	}
	slices.SortStableFunc(p.nodes, func(a, b *node) int { return strings.Compare(a.symbol, b.symbol) })
	p.seen = make([]uint32, len(p.nodes))
	for i, n := range p.nodes {
		id := int32(i)
		for _, name := range n.names {
			if name != "_" {
				n.pack.names[name] = append(n.pack.names[name], id)
			}
		}
		if n.kind == kindMethod {
			p.methods[n.method] = append(p.methods[n.method], id)
			if token.IsExported(n.method) {
				n.pack.methods[n.recv] = append(n.pack.methods[n.recv], id)
			}
		}
	}
	for i, n := range p.nodes {
		if n.kind == kindFunc && n.pack.name == "main" && n.name == "main" {
			continue // its statements are declarations of their own
		}
		id := int32(i)
		for _, w := range n.writes {
			for _, target := range p.declared(n, w) {
				if p.nodes[target].kind == kindVar && target != id {
					p.writers[target] = append(p.writers[target], id)
				}
			}
		}
	}
	for i, n := range p.nodes {
		if n.kind == kindSetup {
			p.setUp(int32(i))
		}
	}
	for i, n := range p.nodes {
		id := int32(i)
		if n.kind == kindInit || n.kind == kindBlank && !p.asserts(id) || n.kind == kindVar && p.initialiserMutates(id) {
			n.pack.effects = append(n.pack.effects, id)
			p.effects = append(p.effects, id)
		}
	}
	for _, pk := range packs {
		p.number(pk)
		for _, s := range pk.files { // a package that another one links into
			for _, target := range s.parsed.linknames {
				t := p.byPath[target]
				if target == "main" {
					t, _ = p.split("main.main")
				}
				if t == nil || t == pk {
					continue
				}
				if t.coarse == "" {
					t.coarse = "//go:linkname in " + pk.label
				}
				p.linked[pk], p.linked[t] = append(p.linked[pk], t), append(p.linked[t], pk)
			}
		}
	}
	return p
}

// number tells the variables of a package that have effects in which order these happen: that of files by their names, and of lines.
func (p *program) number(pk *pack) {
	var vars []*node
	for _, id := range pk.effects {
		if n := p.nodes[id]; n.kind == kindVar || n.kind == kindBlank {
			vars = append(vars, n)
		}
	}
	if len(vars) < 2 {
		return
	}
	slices.SortStableFunc(vars, func(a, b *node) int {
		return cmp.Or(strings.Compare(a.source.path, b.source.path), cmp.Compare(a.from, b.from))
	})
	for i, n := range vars {
		n.place = i + 1
	}
}

// quiet are packages whose functions change nothing that an asset could see.
var quiet = map[string]bool{"fmt": true, "log": true, "log/slog": true, "errors": true, "strings": true, "strconv": true, "context": true, "time": true}

// setUp finds what a statement of main may change: variables that the functions which it calls write, or change by a method, and those that it
// hands to one of the module; and what is not the module's, as the environment. What hands the assets over to the SDK is none.
func (p *program) setUp(id int32) {
	n := p.nodes[id]
	foreign := false
	outside := func(m *node) bool { // false when it runs the program
		for _, s := range append(slices.Clone(m.calls), m.writes...) {
			if s.path == "" {
				continue
			}
			if isSDK(s.path) {
				return false
			}
			foreign = foreign || p.byPath[s.path] == nil && !quiet[s.path]
		}
		return true
	}
	changed := map[int32]bool{}
	change := func(m *node, s selector) {
		for _, target := range p.declared(m, s) {
			if p.nodes[target].kind == kindVar {
				changed[target] = true
			}
		}
	}
	seen := map[int32]bool{id: true}
	queue := []int32{id}
	module := false
	for len(queue) > 0 {
		m := p.nodes[queue[len(queue)-1]]
		queue = queue[:len(queue)-1]
		if !outside(m) {
			return
		}
		for _, s := range m.writes {
			change(m, s)
		}
		for _, s := range m.raw {
			if len(p.methods[s.name]) > 0 {
				change(m, selector{name: s.base})
			}
		}
		for _, s := range m.calls {
			called := p.declared(m, s)
			if s.base == "." {
				called = p.methods[s.name]
			}
			for _, c := range called {
				kind := p.nodes[c].kind
				if (kind == kindFunc || kind == kindMethod) && !seen[c] {
					seen[c], module = true, true
					queue = append(queue, c)
				}
			}
		}
	}
	if module {
		for _, name := range n.idents {
			change(n, selector{name: name})
		}
		for _, s := range n.selectors {
			change(n, s)
		}
	}
	for target := range changed {
		if !slices.Contains(p.writers[target], id) {
			p.writers[target] = append(p.writers[target], id)
		}
	}
	if foreign {
		p.setups = append(p.setups, id)
	}
}

// sum returns the hash of what a declaration means where it stands.
func (n *node) sum() [sha256.Size]byte {
	if n.place == 0 {
		return n.hash
	}
	return sha256.Sum256(append(n.hash[:], byte(n.place), byte(n.place>>8)))
}

// declared returns the declarations that a name means in n: path "" is a name of its own package.
func (p *program) declared(n *node, s selector) []int32 {
	if s.path == "" {
		return n.pack.names[s.name]
	}
	if pk := p.byPath[s.path]; pk != nil {
		return pk.names[s.name]
	}
	return nil
}

// link resolves what n uses, once.
func (p *program) link(n *node) {
	if n.linked {
		return
	}
	n.linked = true
	file := n.file
	for _, name := range n.idents {
		n.uses = append(n.uses, n.pack.names[name]...)
	}
	through := func(path, name string) { // a name of an imported package
		pk := p.byPath[path]
		if pk == nil || pk.opaque {
			n.outside = append(n.outside, path)
			n.foreign = true
			return
		}
		n.uses = append(n.uses, pk.names[name]...)
	}
	for _, s := range n.selectors {
		through(s.path, s.name)
	}
	for _, imp := range file.imports {
		pk := p.byPath[imp.path]
		switch {
		case imp.alias == "_":
		case imp.alias == ".":
			for _, name := range n.idents {
				through(imp.path, name)
			}
		case imp.used:
		case pk == nil || pk.opaque: // its name is not known, so that any x.Name may be of it
			n.outside = append(n.outside, imp.path)
			n.foreign = true
		default:
			for _, s := range n.raw {
				if s.base == pk.name {
					through(imp.path, s.name)
				}
			}
		}
	}
	if n.kind == kindType {
		n.uses = append(n.uses, n.pack.methods[n.name]...)
	}
	n.mutates = slices.ContainsFunc(n.writes, func(s selector) bool { return p.isVar(p.declared(n, s)) }) ||
		slices.ContainsFunc(n.raw, func(s selector) bool { return p.isVar(n.pack.names[s.base]) && len(p.methods[s.name]) > 0 })
	slices.Sort(n.uses)
	n.uses = slices.Compact(n.uses)
	slices.Sort(n.outside)
	n.outside = slices.Compact(n.outside)
}

func (p *program) isVar(ids []int32) bool {
	return slices.ContainsFunc(ids, func(id int32) bool { return p.nodes[id].kind == kindVar })
}

// initialiserMutates reports whether the initialiser of a variable may change another: it calls something of the module, and
// what that reaches changes a package-level variable.
func (p *program) initialiserMutates(id int32) bool {
	n := p.nodes[id]
	calls := n.callsFunc || slices.ContainsFunc(n.calls, func(s selector) bool {
		if s.base == "." {
			return len(p.methods[s.name]) > 0
		}
		return slices.ContainsFunc(p.declared(n, s), func(id int32) bool { return p.nodes[id].kind == kindFunc })
	})
	if !calls {
		return false
	}
	mutates := false
	p.plain(id, func(n *node) { mutates = mutates || n.mutates })
	return mutates
}

// asserts reports whether a variable named _ only says what a type implements, as in var _ io.Reader = (*T)(nil): nothing in it is called but
// new and conversions to the module's types.
func (p *program) asserts(id int32) bool {
	n := p.nodes[id]
	return !n.callsFunc && !slices.ContainsFunc(n.calls, func(s selector) bool {
		declared := p.declared(n, s)
		types := !slices.ContainsFunc(declared, func(id int32) bool { return p.nodes[id].kind != kindType })
		return !types || len(declared) == 0 && (s.path != "" || s.base != "" || s.name != "new")
	})
}

// plain calls f for the declarations that id reaches by names alone.
func (p *program) plain(id int32, f func(n *node)) {
	p.walk++
	queue := []int32{id}
	p.seen[id] = p.walk
	for len(queue) > 0 {
		n := p.nodes[queue[len(queue)-1]]
		queue = queue[:len(queue)-1]
		p.link(n)
		f(n)
		for _, use := range n.uses {
			if p.seen[use] != p.walk {
				p.seen[use] = p.walk
				queue = append(queue, use)
			}
		}
	}
}

// A span is how far an effect goes.
type span struct {
	packs   []*pack // other packages that it reaches into
	foreign bool    // it may change what is not the module's
}

// span returns how far an effect goes, by names alone.
func (p *program) span(id int32) span {
	s, ok := p.spans[id]
	if ok {
		return s
	}
	p.plain(id, func(n *node) {
		s.foreign = s.foreign || n.foreign
		if n.pack != p.nodes[id].pack && !slices.Contains(s.packs, n.pack) {
			s.packs = append(s.packs, n.pack)
		}
	})
	p.spans[id] = s
	return s
}

// A closure is everything a symbol reaches.
type closure struct {
	nodes   []int32  // sorted
	packs   []*pack  // that have a declaration in nodes
	outside []string // import paths, sorted
	coarse  []string // reasons, in the order they were found
}

func (p *program) reach(start []int32) *closure {
	// Computing spans uses the same marks: do it before this walk begins.
	for _, id := range p.effects {
		p.span(id)
	}
	c := &closure{}
	p.walk++
	mark := p.walk
	var queue []int32
	visit := func(ids []int32) {
		for _, id := range ids {
			if p.seen[id] != mark {
				p.seen[id] = mark
				queue = append(queue, id)
			}
		}
	}
	touched := map[*pack]bool{}
	var ties []*pack
	outside := map[string]bool{}
	everything := false
	imported := map[*pack]bool{}
	var blank func(pk *pack) // what pk imports for its effects, on the module or on anything else
	blank = func(pk *pack) {
		for _, s := range pk.files {
			for _, imp := range s.parsed.imports {
				target := p.byPath[imp.path]
				switch {
				case imp.alias != "_":
				case target == nil || target.opaque:
					outside[imp.path] = true
				case !imported[target]:
					imported[target] = true
					for _, id := range target.effects {
						if p.spans[id].foreign { // the others count where they reach a package that counts
							visit([]int32{id})
						}
					}
					blank(target)
				}
			}
		}
	}
	touch := func(pk *pack) {
		if touched[pk] {
			return
		}
		touched[pk] = true
		c.packs = append(c.packs, pk)
		ties = append(ties, p.linked[pk]...)
		visit(pk.effects)
		if pk.coarse != "" {
			c.coarse = append(c.coarse, pk.coarse)
			for i, n := range p.nodes {
				if n.pack == pk {
					visit([]int32{int32(i)})
				}
			}
		}
		blank(pk)
	}
	if visit(start); len(start) > 0 {
		visit(p.setups)
	}
	for {
		for len(queue) > 0 {
			id := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			c.nodes = append(c.nodes, id)
			n := p.nodes[id]
			p.link(n)
			touch(n.pack)
			visit(n.uses)
			for _, name := range n.methods {
				visit(p.methods[name])
			}
			visit(p.writers[id])
			for len(ties) > 0 {
				pk := ties[0]
				ties = ties[1:]
				touch(pk)
			}
			for _, path := range n.outside {
				outside[path] = true
			}
			if n.reflects && !everything {
				everything = true
				c.coarse = append(c.coarse, "MethodByName in "+n.symbol)
				for i := range p.nodes {
					visit([]int32{int32(i)})
				}
			}
		}
		for _, id := range p.effects {
			if p.seen[id] != mark && slices.ContainsFunc(p.spans[id].packs, func(pk *pack) bool { return touched[pk] }) {
				visit([]int32{id})
			}
		}
		if len(queue) == 0 {
			break
		}
	}
	slices.Sort(c.nodes)
	for path := range outside {
		c.outside = append(c.outside, path)
	}
	slices.Sort(c.outside)
	return c
}

// find returns the declarations that a symbol of the running program means, as its runtime names functions, and what is wrong
// when there are none. Closures are their outer function; those in initialisers of variables are the whole package.
func (p *program) find(symbol string) (ids []int32, coarse string) {
	pk, rest := p.split(symbol)
	if pk == nil {
		return nil, ""
	}
	rest = strings.TrimSuffix(rest, "-fm")
	rest = withoutTypeArguments(rest)
	if recv, ok := strings.CutPrefix(rest, "(*"); ok {
		recv, method, _ := strings.Cut(recv, ").")
		method, _, _ = strings.Cut(method, ".")
		return p.method(pk, recv, method), ""
	}
	name, after, _ := strings.Cut(rest, ".")
	switch name {
	case "init", "glob":
		for i, n := range p.nodes {
			if n.pack == pk {
				ids = append(ids, int32(i))
			}
		}
		return ids, "a function literal outside of functions in " + pk.label
	case "":
		return nil, ""
	}
	for _, id := range pk.names[name] {
		switch p.nodes[id].kind {
		case kindFunc:
			ids = append(ids, id)
		case kindType:
			method, _, _ := strings.Cut(after, ".")
			ids = append(ids, p.method(pk, name, method)...)
		case kindVar:
			ids = append(ids, id)
		case kindMethod, kindInit, kindBlank, kindConst, kindSetup:
		}
	}
	return ids, ""
}

// withoutTypeArguments cuts what stands in brackets.
func withoutTypeArguments(symbol string) string {
	if !strings.Contains(symbol, "[") {
		return symbol
	}
	depth := 0
	return strings.Map(func(r rune) rune {
		switch {
		case r == '[':
			depth++
			return -1
		case r == ']':
			depth--
			return -1
		case depth > 0:
			return -1
		}
		return r
	}, symbol)
}

func (p *program) method(pk *pack, recv, method string) []int32 {
	var ids []int32
	for _, id := range p.methods[method] {
		if n := p.nodes[id]; n.pack == pk && n.recv == recv {
			ids = append(ids, id)
		}
	}
	return ids
}

// split takes the package off a symbol. The runtime calls the main package "main", and writes a dot in the last element of
// an import path as %2e.
func (p *program) split(symbol string) (*pack, string) {
	slash := strings.LastIndexByte(symbol, '/')
	if bracket := strings.IndexByte(symbol, '['); bracket >= 0 && bracket < slash {
		slash = strings.LastIndexByte(symbol[:bracket], '/')
	}
	for dot := slash + 1; ; dot++ {
		i := strings.IndexByte(symbol[dot:], '.')
		if i < 0 {
			return nil, ""
		}
		dot += i
		path := strings.NewReplacer("%2e", ".", "%22", `"`, "%25", "%").Replace(symbol[:dot])
		if pk := p.byPath[path]; pk != nil && !pk.opaque {
			return pk, symbol[dot+1:]
		}
		if path == "main" {
			var main *pack
			for _, pk := range p.packs {
				if pk.isMain {
					return pk, symbol[dot+1:]
				}
				if pk.name == "main" && !pk.opaque {
					if main != nil {
						return nil, "" // several: nobody knows which
					}
					main = pk
				}
			}
			return main, symbol[dot+1:]
		}
	}
}

// relative names a file below dir relative to it, any other as it is.
func relative(dir, file string) string {
	if dir == "" {
		return file
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return file
	}
	return filepath.ToSlash(rel)
}
