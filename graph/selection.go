package graph

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/assetdev/assetdev/internal/diag"
)

// A Selection names a set of assets, in Dagster's selection syntax with bare keys added:
//
//	selection  = or { "," or }                      a comma is an "or" that binds least
//	or         = and { ("or" | "OR") and }
//	and        = unary { ("and" | "AND") unary }
//	unary      = ("not" | "NOT") unary | traversal
//	traversal  = [ [digits] "+" ] atom [ "+" [digits] ] | "*"
//	atom       = key | attribute ":" value | ("roots" | "sinks") "(" selection ")" | "(" selection ")"
//	value      = word | quoted | "<null>"           of tag and column_tag: value [ "=" value ]
//
// "+x" is x and all its upstreams, "2+x" x and two layers of them, "x+" and "x+2" the same downwards; "a+ and +b" is what
// lies between. "*" is every asset that some location defines; in a key "*" stands for any characters, slashes too. A word
// has letters, digits and _ / . @ * -; a quoted string anything but quotes, backslashes and newlines.
//
// The zero Selection is every asset, external ones included. A Selection is immutable.
type Selection struct{ root *expr }

// A term is the kind of an expr.
type term uint8

const (
	termAll term = iota
	termNot
	termAnd
	termOr
	termAttribute
	termTraverse
	termRoots
	termSinks
)

// An expr is one term of a selection, with what it is made of.
type expr struct {
	term         term
	of           []*expr
	up, down     int // layers of a traversal, allLayers or 0
	attribute    string
	value, equal value // of an attribute; equal only of tag and column_tag
	key          Key   // of a key without wildcard
}

// A value is what stands behind the colon of an attribute.
type value struct {
	text  string
	given bool
	null  bool
}

const allLayers = -1

// attributes are those of Dagster's grammar; true are known here.
var attributes = map[string]bool{
	"key": true, "tag": true, "owner": true, "group": true, "kind": true, "code_location": true, "status": true, "is": true, "column": true,
	"table_name": false, "column_tag": false, "changed_in_branch": false, "partitions": false, "automation_type": false,
	"sensor": false, "schedule": false, "job": true, "not_materialized_in_hours": false,
}

// A SyntaxError says where a selection cannot be read. Its hint shows the place with a caret below it.
type SyntaxError struct {
	Text     string // the whole selection
	Column   int    // of the first character that is wrong, from 1
	Expected string // what would be right there
	err      *diag.Error
}

// Error returns what is wrong on one line.
func (e *SyntaxError) Error() string { return e.err.Error() }

// Unwrap returns the finding as users read it, a *diag.Error of kind "usage".
func (e *SyntaxError) Unwrap() error { return e.err }

// ParseSelection reads one selection. An error is a *[SyntaxError].
func ParseSelection(text string) (Selection, error) {
	p := &parser{text: text}
	root := p.list(0)
	if p.err == nil && p.space() < len(text) {
		p.fail(p.pos, "and, or, a comma or the end", p.afterTermHint())
	}
	if p.err != nil {
		return Selection{}, p.err
	}
	return Selection{root}, nil
}

// ParseSelections reads the arguments of a command: what any of them selects. No arguments are the zero Selection.
func ParseSelections(args []string) (Selection, error) {
	var all []*expr
	for _, arg := range args {
		s, err := ParseSelection(arg)
		if err != nil {
			return Selection{}, err
		}
		all = append(all, s.root)
	}
	if len(all) == 0 {
		return Selection{}, nil
	}
	return Selection{joined(termOr, all)}, nil
}

// joined returns the terms under one and or or, without a level for terms that are the same already.
func joined(t term, of []*expr) *expr {
	if len(of) == 1 {
		return of[0]
	}
	var flat []*expr
	for _, e := range of {
		if e.term == t {
			flat = append(flat, e.of...)
		} else {
			flat = append(flat, e)
		}
	}
	return &expr{term: t, of: flat}
}

// String returns the selection in its shortest usual form, which ParseSelection reads back as the same; "" for the zero
// Selection.
func (s Selection) String() string {
	if s.root == nil {
		return ""
	}
	var b strings.Builder
	s.root.write(&b)
	return b.String()
}

// NamedKeys returns the keys that the selection names exactly, without wildcards, sorted. What a traversal, a group or a
// wildcard adds is not named, nor is what stands behind not.
func (s Selection) NamedKeys() []Key {
	var keys []Key
	var visit func(e *expr)
	visit = func(e *expr) {
		if e.term == termNot {
			return
		}
		if !e.key.IsZero() {
			keys = append(keys, e.key)
		}
		for _, x := range e.of {
			visit(x)
		}
	}
	if s.root != nil {
		visit(s.root)
	}
	slices.SortFunc(keys, Key.Compare)
	return slices.Compact(keys)
}

func (e *expr) write(b *strings.Builder) {
	switch e.term {
	case termAll:
		b.WriteByte('*')
	case termNot:
		b.WriteString("not ")
		e.of[0].writeIn(b, termNot)
	case termAnd, termOr:
		word := " and "
		if e.term == termOr {
			word = " or "
		}
		for i, x := range e.of {
			if i > 0 {
				b.WriteString(word)
			}
			x.writeIn(b, e.term)
		}
	case termAttribute:
		e.writeAttribute(b)
	case termTraverse:
		if e.up != 0 {
			writeLayers(b, e.up)
			b.WriteByte('+')
		}
		e.of[0].writeIn(b, termTraverse)
		if e.down != 0 {
			b.WriteByte('+')
			writeLayers(b, e.down)
		}
	case termRoots, termSinks:
		b.WriteString(map[term]string{termRoots: "roots(", termSinks: "sinks("}[e.term])
		e.of[0].write(b)
		b.WriteByte(')')
	}
}

func writeLayers(b *strings.Builder, layers int) {
	if layers != allLayers {
		b.WriteString(strconv.Itoa(layers))
	}
}

// writeIn writes e as a part of a term of the kind, in parentheses where they are needed.
func (e *expr) writeIn(b *strings.Builder, parent term) {
	binds := map[term]int{termOr: 1, termAnd: 2, termNot: 3, termTraverse: 4, termAll: 4, termAttribute: 5, termRoots: 5, termSinks: 5}
	needs := binds[e.term] <= binds[parent]
	if e.term == termNot && parent == termNot || e.term == termAll && parent != termTraverse {
		needs = false
	}
	if needs {
		b.WriteByte('(')
	}
	e.write(b)
	if needs {
		b.WriteByte(')')
	}
}

func (e *expr) writeAttribute(b *strings.Builder) {
	if e.attribute == "key" {
		location, rest, qualified := strings.Cut(e.value.text, "::")
		if qualified && isWord(location) && isWord(rest) || !qualified && isWord(e.value.text) && e.value.text != "*" {
			b.WriteString(e.value.text)
			return
		}
	}
	b.WriteString(e.attribute)
	b.WriteByte(':')
	e.value.write(b)
	if e.equal.given {
		b.WriteByte('=')
		e.equal.write(b)
	}
}

func (v value) write(b *strings.Builder) {
	switch {
	case v.null:
		b.WriteString("<null>")
	case isWord(v.text):
		b.WriteString(v.text)
	default:
		b.WriteByte('"')
		b.WriteString(v.text)
		b.WriteByte('"')
	}
}

// isWord reports whether text reads back as one word wherever it stands: no keyword, and no number, which could be layers.
func isWord(text string) bool {
	return text != "" && !strings.ContainsFunc(text, notInWord) && keyword(text) == "" && strings.Trim(text, "0123456789") != ""
}

func notInWord(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	digit := r >= '0' && r <= '9'
	return !letter && !digit && !strings.ContainsRune("_/.@*-", r)
}

func keyword(word string) string {
	switch word {
	case "and", "AND":
		return "and"
	case "or", "OR":
		return "or"
	case "not", "NOT":
		return "not"
	}
	return ""
}

// A parser reads a selection by recursive descent. After the first failure it reads nothing more.
type parser struct {
	text string
	pos  int
	err  *SyntaxError
}

// maxDepth bounds parentheses and nots within each other.
const maxDepth = 200

func (p *parser) fail(at int, expected, hint string) *expr {
	if p.err != nil {
		return nil
	}
	found := "the end"
	if rest := p.text[at:]; rest != "" {
		word := rest
		if i := strings.IndexFunc(rest, notInWord); i > 0 {
			word = rest[:i]
		} else if i == 0 {
			word = string([]rune(rest)[:1])
		}
		if len(word) > 40 {
			word = word[:40] + "…"
		}
		found = strconv.Quote(word)
	}
	column := len([]rune(p.text[:at])) + 1
	e := diag.New("usage", "selection, column %d: expected %s, found %s", column, expected, found)
	if e.Hint = picture(p.text, column); hint != "" {
		e.Hint += "\n" + hint
	}
	p.err = &SyntaxError{Text: p.text, Column: column, Expected: expected, err: e}
	p.pos = len(p.text)
	return nil
}

// picture returns the part of a text around a column, and below it a caret. Nothing in it can move a cursor.
func picture(text string, column int) string {
	const around = 50
	runes := []rune(text)
	begin, end := max(0, column-1-around), min(len(runes), column-1+around)
	line := strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '·'
	}, string(runes[begin:end]))
	caret := column - 1 - begin
	if begin > 0 {
		line, caret = "…"+line, caret+1
	}
	if end < len(runes) {
		line += "…"
	}
	return line + "\n" + strings.Repeat(" ", caret) + "^"
}

// space skips white space and returns the position after it.
func (p *parser) space() int {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	return p.pos
}

// next reports whether, after white space, the text goes on with what, and skips it.
func (p *parser) next(what string) bool {
	p.space()
	if strings.HasPrefix(p.text[p.pos:], what) {
		p.pos += len(what)
		return true
	}
	return false
}

// peekWord returns the word that stands after white space, without skipping it.
func (p *parser) peekWord() string {
	rest := p.text[p.space():]
	if i := strings.IndexFunc(rest, notInWord); i >= 0 {
		return rest[:i]
	}
	return rest
}

func (p *parser) afterTermHint() string {
	word := p.peekWord()
	if k := keyword(strings.ToLower(word)); k != "" {
		return fmt.Sprintf("write %q as %s or %s", word, k, strings.ToUpper(k))
	}
	if strings.HasPrefix(p.text[p.pos:], "+") {
		return "layers are written x+2, all of them x+"
	}
	return ""
}

func (p *parser) list(depth int) *expr {
	return p.chain(termOr, func() bool { return p.next(",") }, func() *expr {
		return p.chain(termOr, func() bool { return p.word("or") }, func() *expr {
			return p.chain(termAnd, func() bool { return p.word("and") }, func() *expr { return p.unary(depth) })
		})
	})
}

func (p *parser) chain(t term, more func() bool, part func() *expr) *expr {
	all := []*expr{part()}
	for p.err == nil && more() {
		all = append(all, part())
	}
	if p.err != nil {
		return nil
	}
	if t == termOr {
		return joined(t, all)
	}
	if len(all) == 1 {
		return all[0]
	}
	return &expr{term: t, of: all}
}

func (p *parser) word(k string) bool {
	word := p.peekWord()
	if keyword(word) != k {
		return false
	}
	p.pos += len(word)
	return true
}

func (p *parser) unary(depth int) *expr {
	if depth > maxDepth {
		return p.fail(p.space(), "fewer levels of parentheses and not", "")
	}
	if p.word("not") {
		x := p.unary(depth + 1)
		if p.err != nil {
			return nil
		}
		return &expr{term: termNot, of: []*expr{x}}
	}
	up := p.layersBefore()
	start := p.space()
	atom := p.atom(depth)
	if p.err != nil {
		return nil
	}
	down, has := 0, p.next("+")
	if has {
		down = allLayers
		if word := p.peekWord(); word != "" && strings.Trim(word, "0123456789") == "" {
			down = layers(word)
			p.pos += len(word)
		}
	}
	if p.text[start] == '*' && atom.term == termAll && (has || up != 0) {
		return p.fail(start, "a selection without layers", "* is every asset already")
	}
	if up == 0 && down == 0 {
		return atom
	}
	return &expr{term: termTraverse, of: []*expr{atom}, up: up, down: down}
}

// layersBefore reads "+" or "2+" in front of an atom. A number that is followed by "+" and no atom is a key.
func (p *parser) layersBefore() int {
	if p.next("+") {
		return allLayers
	}
	start, word := p.pos, p.peekWord()
	if word == "" || strings.Trim(word, "0123456789") != "" {
		return 0
	}
	p.pos += len(word)
	if p.next("+") {
		if after := p.peekWord(); after != "" && keyword(after) == "" || strings.HasPrefix(p.text[p.pos:], "(") || strings.HasPrefix(p.text[p.pos:], `"`) {
			return layers(word)
		}
	}
	p.pos = start
	return 0
}

func layers(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n > math.MaxInt32 {
		return math.MaxInt32
	}
	return n
}

const expectedTerm = "a key, an attribute such as group:, roots(, sinks(, not or ("

func (p *parser) atom(depth int) *expr {
	start := p.space()
	switch {
	case p.next("("):
		return p.closed(start, depth)
	case strings.HasPrefix(p.text[p.pos:], `"`):
		v := p.value("an asset key", false)
		return p.keyTerm(start, v)
	}
	word := p.peekWord()
	if word == "" || keyword(word) != "" {
		hint := ""
		if strings.HasPrefix(p.text[p.pos:], "+") {
			hint = "layers are written 2+x, all of them +x"
		}
		return p.fail(p.pos, expectedTerm, hint)
	}
	p.pos += len(word)
	if word == "*" {
		return &expr{term: termAll}
	}
	if strings.HasPrefix(p.text[p.pos:], "::") {
		p.pos += 2
		rest := p.text[p.pos:]
		if i := strings.IndexFunc(rest, notInWord); i >= 0 {
			rest = rest[:i]
		}
		p.pos += len(rest)
		return p.keyTerm(start, value{text: word + "::" + rest, given: true})
	}
	end := p.pos
	if p.next(":") {
		return p.attribute(start, word)
	}
	if (word == "roots" || word == "sinks") && p.next("(") {
		x := p.closed(p.pos-1, depth)
		if p.err != nil {
			return nil
		}
		return &expr{term: map[string]term{"roots": termRoots, "sinks": termSinks}[word], of: []*expr{x}}
	}
	p.pos = end
	return p.keyTerm(start, value{text: word, given: true})
}

// closed reads a selection and the parenthesis behind it; the one before it stands at open.
func (p *parser) closed(open, depth int) *expr {
	x := p.list(depth + 1)
	if p.err == nil && !p.next(")") {
		return p.fail(p.pos, "and, or, a comma or the ) that closes column "+strconv.Itoa(len([]rune(p.text[:open]))+1), p.afterTermHint())
	}
	return x
}

func (p *parser) attribute(start int, name string) *expr {
	if _, known := attributes[name]; !known {
		hint := "attributes are " + listed(attributeNames())
		if near := diag.Nearest(name, attributeNames()); near != "" {
			hint = fmt.Sprintf("did you mean %s:?", near)
		}
		return p.fail(start, "an attribute", hint)
	}
	at := p.space()
	v := p.value("a value for "+name+":", name != "key")
	if p.err != nil {
		return nil
	}
	e := &expr{term: termAttribute, attribute: name, value: v}
	switch name {
	case "key":
		if rest := p.text[p.pos:]; strings.HasPrefix(rest, "::") && p.text[at] != '"' {
			p.pos += 2
			word := ""
			if p.pos < len(p.text) && !notInWord(rune(p.text[p.pos])) {
				word = p.peekWord()
			}
			p.pos += len(word)
			v.text += "::" + word
		}
		return p.keyTerm(at, v)
	case "tag", "column_tag":
		if p.next("=") {
			e.equal = p.value("a value for "+name+":"+v.text+"=", true)
		}
	case "not_materialized_in_hours":
		if strings.Trim(v.text, "0123456789") != "" || v.null || v.text == "" {
			return p.fail(at, "a number of hours", "")
		}
	case "is":
		if !slices.Contains(isValues, v.text) {
			return p.fail(at, "one of "+listed(isValues), nearestHint(v.text, isValues))
		}
	case "status":
		if !slices.Contains(statusValues(), strings.ToLower(v.text)) {
			return p.fail(at, "one of "+listed(statusValues()), nearestHint(v.text, statusValues()))
		}
		e.value.text = strings.ToLower(v.text)
	}
	return e
}

var isValues = []string{"executable", "external", "materializable", "source"}

func statusValues() []string { return append(slices.Clone(statusNames[:]), "failed") }

func nearestHint(word string, of []string) string {
	if near := diag.Nearest(word, of); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func attributeNames() []string {
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// value reads a word, a quoted string or, where null may stand, <null>.
func (p *parser) value(expected string, null bool) value {
	start := p.space()
	rest := p.text[start:]
	if strings.HasPrefix(rest, "<null>") && null {
		p.pos += len("<null>")
		return value{given: true, null: true}
	}
	if strings.HasPrefix(rest, `"`) {
		end := strings.IndexAny(rest[1:], "\"\\\r\n")
		if end < 0 || rest[1+end] != '"' {
			p.fail(start, expected+` with a closing quote`, "between quotes may stand anything but quotes, backslashes and newlines")
			return value{}
		}
		p.pos += end + 2
		return value{text: rest[1 : 1+end], given: true}
	}
	word := p.peekWord()
	if word == "" {
		p.fail(start, expected, "")
		return value{}
	}
	p.pos += len(word)
	return value{text: word, given: true}
}

// keyTerm returns the term of a key or of a pattern of keys.
func (p *parser) keyTerm(start int, v value) *expr {
	if p.err != nil {
		return nil
	}
	e := &expr{term: termAttribute, attribute: "key", value: v}
	if strings.Contains(v.text, "*") {
		return e
	}
	key, err := ParseKey(v.text)
	if err != nil {
		return p.fail(start, "an asset key", err.Error())
	}
	e.key = key
	return e
}

// Select returns the assets of g that s names, in the order of the graph. A nil f means that statuses are not known: then
// status: is an error, and column: sees only what authors declared.
//
// An error is a *[diag.Error]: a key without wildcard that no asset has, with the nearest one, or an attribute that is not
// available locally. A wildcard, a group and so on that match nothing select nothing.
func Select(g *Graph, f *Freshness, s Selection) ([]Key, error) {
	if s.root == nil {
		return g.Keys(), nil
	}
	in := make([]bool, len(g.nodes))
	q := query{g, f}
	if err := q.add(s.root, in); err != nil {
		return nil, err
	}
	return g.keysIn(in), nil
}

type query struct {
	g *Graph
	f *Freshness
}

// add puts what e selects into the set.
func (q query) add(e *expr, in []bool) error {
	switch e.term {
	case termAll:
		for i := range q.g.nodes {
			in[i] = in[i] || !q.g.nodes[i].external
		}
		return nil
	case termOr:
		for _, x := range e.of {
			if err := q.add(x, in); err != nil {
				return err
			}
		}
		return nil
	case termAttribute:
		if !e.key.IsZero() {
			return q.addKey(e.key, in)
		}
		matches, err := q.matcher(e)
		if err != nil {
			return err
		}
		for i := range q.g.nodes {
			in[i] = in[i] || matches(i)
		}
		return nil
	case termNot, termAnd, termTraverse, termRoots, termSinks:
	}
	set := make([]bool, len(in))
	if err := q.add(e.of[0], set); err != nil {
		return err
	}
	switch e.term {
	case termNot:
		for i := range set {
			set[i] = !set[i] && !q.g.nodes[i].external
		}
	case termAnd:
		other := make([]bool, len(in))
		for _, x := range e.of[1:] {
			clear(other)
			if err := q.add(x, other); err != nil {
				return err
			}
			for i := range set {
				set[i] = set[i] && other[i]
			}
		}
	case termTraverse:
		members := slices.Clone(set)
		q.g.spread(set, e.up, false)
		q.g.spread(members, e.down, true)
		for i := range set {
			set[i] = set[i] || members[i]
		}
	case termRoots:
		q.ends(set, func(n *node) []int32 { return n.up })
	case termSinks:
		q.ends(set, func(n *node) []int32 { return n.down })
	case termAll, termOr, termAttribute:
	}
	for i := range in {
		in[i] = in[i] || set[i]
	}
	return nil
}

// ends leaves of a set the members from which no other member is reached along the edges, through members or not.
func (q query) ends(set []bool, along func(*node) []int32) {
	reaches := make([]bool, len(set)) // a member lies somewhere along the edges
	for changed := true; changed; {   // more than twice only where there are cycles
		changed = false
		visit := func(i int) {
			for _, j := range along(&q.g.nodes[i]) {
				if !reaches[i] && (set[j] || reaches[j]) {
					reaches[i], changed = true, true
				}
			}
		}
		for i := range set {
			visit(i)
		}
		for i := range slices.Backward(set) {
			visit(i)
		}
	}
	for i := range set {
		set[i] = set[i] && !reaches[i]
	}
}

func (q query) addKey(key Key, in []bool) error {
	if i, ok := q.g.resolve(key); ok {
		in[i] = true
		return nil
	}
	if claims := q.g.ambiguous[key]; len(claims) > 0 {
		for _, i := range claims {
			in[i] = true
		}
		return nil
	}
	e := diag.New("usage", "no asset %q", key.text)
	if near, ok := q.g.Suggestion(key); ok {
		return e.WithHint("did you mean %s?", near)
	}
	return e
}

// matcher returns the test for an attribute that is no exact key.
func (q query) matcher(e *expr) (func(i int) bool, error) {
	v := e.value
	asset := func(i int) *Asset { return &q.g.nodes[i].asset }
	listMatch := func(list func(a *Asset) []string) func(int) bool {
		return func(i int) bool {
			if v.null {
				return !q.g.nodes[i].external && len(list(asset(i))) == 0
			}
			return slices.Contains(list(asset(i)), v.text)
		}
	}
	switch e.attribute {
	case "key":
		return func(i int) bool {
			k := q.g.nodes[i].key
			if !strings.Contains(v.text, "::") {
				k = k.Bare()
			}
			return matchWildcard(v.text, k.text)
		}, nil
	case "tag":
		return func(i int) bool {
			tags := asset(i).Tags
			if v.null {
				return !q.g.nodes[i].external && len(tags) == 0
			}
			text, has := tags[v.text]
			if e.equal.null {
				return !q.g.nodes[i].external && !has
			}
			return has && text == e.equal.text
		}, nil
	case "owner":
		return listMatch(func(a *Asset) []string { return a.Owners }), nil
	case "kind":
		byTag := "dagster/kind/" + v.text
		kinds := listMatch(func(a *Asset) []string { return a.Kinds })
		return func(i int) bool {
			_, tagged := asset(i).Tags[byTag]
			return kinds(i) || tagged && !v.null
		}, nil
	case "group":
		return func(i int) bool {
			group := asset(i).Group
			if v.null || q.g.nodes[i].external {
				return v.null && group == "" && !q.g.nodes[i].external
			}
			return group != "" && matchWildcard(v.text, group)
		}, nil
	case "code_location":
		name := v.text
		if at := strings.LastIndex(name, "@"); at >= 0 && !slices.Contains(q.g.locations, name) {
			name = name[at+1:]
		}
		return func(i int) bool { return asset(i).Location == name && (q.g.nodes[i].external || !v.null) }, nil
	case "status":
		if q.f == nil {
			return nil, diag.New("usage", "status:%s cannot be told here: the assets have not been judged", v.text)
		}
		if v.text == "failed" {
			return func(i int) bool { return q.f.stored[i].Last != nil && q.f.stored[i].Last.State == "failed" }, nil
		}
		status, _ := ParseStatus(v.text)
		return func(i int) bool { return q.f.status[i] == status }, nil
	case "is":
		if v.text == "external" || v.text == "source" {
			return func(i int) bool { return q.g.nodes[i].external }, nil
		}
		return func(i int) bool { return asset(i).Executable }, nil
	case "job":
		keys, ok := q.g.Job(v.text)
		if !ok {
			e := diag.New("usage", "no job %q", v.text)
			if near := diag.Nearest(v.text, q.g.Jobs()); near != "" {
				return nil, e.WithHint("did you mean job:%s?", near)
			}
			return nil, e
		}
		of := make(map[Key]bool, len(keys))
		for _, k := range keys {
			of[k] = true
		}
		return func(i int) bool { return of[q.g.nodes[i].key] }, nil
	case "column":
		return func(i int) bool {
			columns := asset(i).Columns
			if q.f != nil && q.f.stored[i].Record != nil && len(q.f.stored[i].Record.Columns) > 0 {
				columns = q.f.stored[i].Record.Columns
			}
			if v.null {
				return !q.g.nodes[i].external && len(columns) == 0
			}
			return slices.ContainsFunc(columns, func(c Column) bool { return c.Name == v.text })
		}, nil
	}
	return nil, diag.New("usage", "%s: is not available locally", e.attribute).
		WithHint("available are %s", listed(slices.DeleteFunc(attributeNames(), func(name string) bool { return !attributes[name] })))
}

// matchWildcard reports whether text is pattern, in which each "*" stands for any characters.
func matchWildcard(pattern, text string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], more
	}
}
