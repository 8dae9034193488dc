package workspace

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/assetdev/assetdev/internal/diag"
)

// Bounds of what one file may make us do.
const (
	maxProblems = 100     // shown; the rest is counted
	maxAliased  = 100_000 // nodes that aliases add to those that are written
	maxQuoted   = 60      // characters of the user's text in a message
	maxRetries  = 2 << 20 // bytes × lines spent on finding the line of a syntax error
)

// A parser walks the document of one file and collects problems.
type parser struct {
	shown    string // the file, as messages show it
	opts     Options
	problems []*diag.Error
	omitted  int
}

// fail records a problem. An empty hint is none.
func (p *parser) fail(pos diag.Pos, hint, format string, args ...any) {
	if len(p.problems) == maxProblems {
		p.omitted++
		return
	}
	e := diag.New("workspace", format, args...).At(pos)
	e.Hint = hint
	p.problems = append(p.problems, e)
}

func (p *parser) failAt(n *yaml.Node, hint, format string, args ...any) {
	p.fail(p.pos(n), hint, format, args...)
}

// err returns all problems in the order of the file, joined, or nil.
func (p *parser) err() error {
	var all []error
	for _, e := range slices.SortedStableFunc(slices.Values(p.problems), func(a, b *diag.Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	}) {
		all = append(all, e)
	}
	if p.omitted > 0 {
		all = append(all, diag.New("workspace", "and %d more problems", p.omitted).At(diag.Pos{File: p.shown}))
	}
	return errors.Join(all...)
}

func (p *parser) pos(n *yaml.Node) diag.Pos {
	return diag.Pos{File: p.shown, Line: n.Line, Column: n.Column}
}

// document returns the top mapping of the file, or nil when there is none or it is refused as a whole.
func (p *parser) document(content []byte) *yaml.Node {
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	if line, column, ok := invalidUTF8(content); ok {
		p.fail(diag.Pos{File: p.shown, Line: line, Column: column}, "save the file as UTF-8", "not UTF-8 text: byte 0x%02x", content[offset(content)])
		return nil
	}
	docs, err := decode(content)
	if err != nil {
		p.syntax(content, err)
		return nil
	}
	if len(docs) == 0 || docs[0].Kind != yaml.DocumentNode || len(docs[0].Content) == 0 || isNull(docs[0].Content[0]) {
		p.fail(diag.Pos{File: p.shown}, "", "the file is empty")
		return nil
	}
	if len(docs) > 1 {
		p.failAt(docs[1], "keep everything above the line \"---\" in one document", "a second YAML document begins here; only one is read")
	}
	top := docs[0].Content[0]
	m := &measure{p: p, sizes: map[*yaml.Node]int{}}
	m.size(top)
	if m.refused {
		return nil
	}
	return top
}

// decode parses all documents. It never panics.
func decode(content []byte) (docs []*yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil { // yaml.v3 gives up on some damaged inputs with "internal error"
			docs, err = nil, fmt.Errorf("%v", r)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(content))
	for len(docs) < 2 {
		var doc yaml.Node
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, &doc)
	}
	return docs, nil
}

var (
	yamlLine    = regexp.MustCompile(`^line (\d+): `)
	yamlUnknown = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	syntaxHints = map[string]string{
		"mapping values are not allowed in this context":        "text that holds \": \" needs quotes; keys of one mapping begin in the same column",
		"did not find expected key":                             "keys of one mapping begin in the same column",
		"did not find expected '-' indicator":                   "entries of one list begin with \"- \" in the same column",
		"did not find expected ',' or ']'":                      "a list that begins with [ ends with ]",
		"did not find expected ',' or '}'":                      "a mapping that begins with { ends with }",
		"found unexpected end of stream":                        "a quote or bracket is not closed",
		"could not find expected ':'":                           "a key is followed by \": \"",
		"found character that cannot start any token":           "text that begins with @, ` or % needs quotes",
		"found unknown escape character":                        "in double quotes write \\\\ for a backslash, or use single quotes",
		"did not find expected alphabetic or numeric character": "text that begins with * or & needs quotes",
	}
)

// syntax records a syntax error. The library's line is that of the surrounding block, or missing, and there is no column, so
// the line is looked for: it is the first after the longest beginning of the file that parses.
func (p *parser) syntax(content []byte, err error) {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits by the expression
		what = what[len(m[0]):]
	}
	lines := bytes.SplitAfter(content, []byte("\n"))
	if len(lines)*len(content) <= maxRetries {
		good := len(content)
		for line = len(lines); line > 1; line-- {
			good -= len(lines[line-1])
			if _, err := decode(content[:good]); err == nil {
				break
			}
		}
	}
	line = min(max(line, 1), len(lines))
	text := strings.TrimRight(string(lines[line-1]), "\r\n")
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
		p.fail(diag.Pos{File: p.shown, Line: line, Column: tab + 1}, "indent with spaces", "a tab indents this line; YAML allows only spaces")
		return
	}
	pos := diag.Pos{File: p.shown, Line: line, Column: len(indent) + 1}
	if m := yamlUnknown.FindStringSubmatch(what); m != nil {
		if before, _, ok := strings.Cut(text, "*"+m[1]); ok {
			pos.Column = utf8.RuneCountInString(before) + 1
		}
		p.fail(pos, "text that begins with * needs quotes", "no anchor is named %s", quote(m[1]))
		return
	}
	p.fail(pos, syntaxHints[what], "not valid YAML: %s: %s", what, quote(strings.TrimSpace(text)))
}

// A measure counts nodes as if every alias were written out, and refuses what would explode or never end.
type measure struct {
	p       *parser
	sizes   map[*yaml.Node]int // 0 while it is being counted
	aliased int
	refused bool
}

func (m *measure) size(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		size, begun := m.sizes[n.Alias]
		switch {
		case m.refused:
			return 0
		case begun && size == 0:
			m.refuse(n, "alias %s lies within what it stands for", quote("*"+n.Value))
			return 0
		case !begun: // an anchor of another branch is complete before its alias; this cannot happen
			size = m.size(n.Alias)
		}
		if m.aliased += size; m.aliased > maxAliased {
			m.refuse(n, "alias %s explodes: written out, the file has more than %d values", quote("*"+n.Value), maxAliased)
			return 0
		}
		return size
	}
	m.sizes[n] = 0
	size := 1
	for _, child := range n.Content {
		if size += m.size(child); m.refused {
			return 0
		}
	}
	m.sizes[n] = size
	return size
}

func (m *measure) refuse(n *yaml.Node, format string, args ...any) {
	m.refused = true
	m.p.failAt(n, "", format, args...)
}

// resolve returns what an alias stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	n = resolve(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// A field is one key of a mapping and its value.
type field struct{ key, value *yaml.Node }

// A mapping is a checked mapping: its keys are text and each stands in it once.
type mapping struct {
	p       *parser
	what    string   // as messages name it
	allowed []string // nil: any key
	also    []string
	names   []string
	field   map[string]field
}

// mapping checks that n is a mapping whose keys are among allowed, any text when allowed is nil; those of also are accepted
// too, but not offered. With ok false n is no mapping at all; otherwise the fields without problems are there.
func (p *parser) mapping(n *yaml.Node, what string, allowed []string, also ...string) (m mapping, ok bool) {
	return p.mappingAt(n, n, what, allowed, also...)
}

func (p *parser) mappingAt(n, place *yaml.Node, what string, allowed []string, also ...string) (m mapping, ok bool) {
	m = mapping{p: p, what: what, allowed: allowed, also: also, field: map[string]field{}}
	if resolve(n).Kind != yaml.MappingNode {
		p.failAt(place, allowedHint("", allowed), "%s must be a mapping, not %s", what, describe(n))
		return m, false
	}
	if tag := resolve(n).ShortTag(); tag != "!!map" {
		p.failAt(n, "", "%s has the tag %s; tags have no meaning here", what, quote(tag))
	}
	p.addFields(&m, resolve(n), false)
	return m, true
}

// addFields adds the fields of n. Those that a merge key (<<) brings stand behind the mapping's own.
func (p *parser) addFields(m *mapping, n *yaml.Node, merged bool) {
	own := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			continue
		}
		place := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			hint := ""
			if key.Kind == yaml.ScalarNode {
				hint = fmt.Sprintf("write it in quotes: %q", cut(key.Value))
			}
			p.failAt(place, hint, "a key of %s must be text, not %s", m.what, describe(key))
			continue
		}
		switch {
		case own[key.Value]:
			p.failAt(place, fmt.Sprintf("it stands in line %d already", m.field[key.Value].key.Line), "key %s is given twice", quote(key.Value))
			continue
		case merged && m.has(key.Value):
			continue
		case m.allowed != nil && !slices.Contains(m.allowed, key.Value) && !slices.Contains(m.also, key.Value):
			p.failAt(place, allowedHint(key.Value, m.allowed), "unknown key %s", quote(key.Value))
			own[key.Value] = true
			m.field[key.Value] = field{place, nil}
			continue
		}
		own[key.Value] = true
		m.names = append(m.names, key.Value)
		m.field[key.Value] = field{place, value}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if resolve(n.Content[i]).ShortTag() != "!!merge" {
			continue
		}
		sources := []*yaml.Node{resolve(n.Content[i+1])}
		if sources[0].Kind == yaml.SequenceNode {
			sources = sources[0].Content
		}
		for _, s := range sources {
			if s = resolve(s); s.Kind == yaml.MappingNode {
				p.addFields(m, s, true)
			} else {
				p.failAt(n.Content[i], "", "<< takes a mapping, not %s", describe(s))
			}
		}
	}
}

func (m mapping) has(name string) bool {
	_, ok := m.field[name]
	return ok && m.field[name].value != nil
}

// place returns the node that messages about a field point at: its value, or its key when the value is not written.
func (m mapping) place(name string) *yaml.Node {
	f := m.field[name]
	if isNull(f.value) && f.value.Value == "" {
		return f.key
	}
	return f.value
}

// sub returns a field that is a mapping.
func (m mapping) sub(name, what string, allowed []string) (mapping, bool) {
	return m.p.mappingAt(m.field[name].value, m.place(name), what, allowed)
}

// wrong records that a field has another type than expected.
func (m mapping) wrong(name, expected string) {
	v := resolve(m.field[name].value)
	hint := ""
	if v.Kind == yaml.ScalarNode && strings.HasPrefix(expected, "text") && !isNull(v) {
		hint = fmt.Sprintf("write it in quotes: %q", cut(v.Value))
	}
	m.p.failAt(m.place(name), hint, "%s must be %s, not %s", name, expected, describe(v))
}

// text returns a field that is text, "" when it is absent or wrong. Empty text is a problem.
func (m mapping) text(name string) Text {
	if !m.has(name) {
		return Text{}
	}
	v := resolve(m.field[name].value)
	if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!str" {
		m.wrong(name, "text")
		return Text{}
	}
	return m.notEmpty(name, v.Value)
}

func (m mapping) notEmpty(name, value string) Text {
	if strings.TrimSpace(value) == "" {
		m.p.failAt(m.place(name), "", "%s is empty", name)
		return Text{}
	}
	if strings.ContainsRune(value, 0) {
		m.p.failAt(m.place(name), "", "%s holds a NUL character: %s", name, quote(value))
		return Text{}
	}
	return Text{Value: value, Pos: m.p.pos(m.place(name))}
}

// source returns a field that is text or {env: NAME}, which stands for the value of a variable.
func (m mapping) source(name string) Text {
	if !m.has(name) {
		return Text{}
	}
	v := resolve(m.field[name].value)
	if v.Kind == yaml.MappingNode {
		value, ok := m.p.variable(m.field[name].value, name)
		if !ok {
			return Text{}
		}
		return m.notEmpty(name, value)
	}
	if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!str" {
		m.wrong(name, "text or {env: NAME}")
		return Text{}
	}
	return m.notEmpty(name, v.Value)
}

// variable resolves {env: NAME}.
func (p *parser) variable(n *yaml.Node, what string) (string, bool) {
	env, _ := p.mapping(n, what, []string{"env"})
	if !env.has("env") {
		if len(resolve(n).Content) == 0 {
			p.failAt(n, "", "%s must be text or {env: NAME}, not an empty mapping", what)
		}
		return "", false
	}
	name := env.text("env")
	if name.Value == "" {
		return "", false
	}
	value, ok := p.opts.Getenv(name.Value)
	if !ok {
		p.fail(name.Pos, fmt.Sprintf("set it, or write the value of %s itself", what), "environment variable %s is not set", quote(name.Value))
	}
	return value, ok
}

// boolean returns a field that is true or false.
func (m mapping) boolean(name string) bool {
	if !m.has(name) {
		return false
	}
	v := resolve(m.field[name].value)
	if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!bool" {
		m.wrong(name, "true or false")
		return false
	}
	return strings.EqualFold(v.Value, "true")
}

// count returns a field that is a whole number of at least least, otherwise when it is absent or wrong.
func (m mapping) count(name string, least, otherwise int) int {
	if !m.has(name) {
		return otherwise
	}
	v := resolve(m.field[name].value)
	if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!int" {
		m.wrong(name, fmt.Sprintf("a whole number of at least %d", least))
		return otherwise
	}
	n, err := strconv.Atoi(v.Value)
	if err != nil || n < least || n > 1_000_000_000 {
		m.p.failAt(v, "", "%s must be a whole number of at least %d, not %s", name, least, quote(v.Value))
		return otherwise
	}
	return n
}

// scalar returns the text of a field of any scalar type, as it is written.
func (m mapping) scalar(name, expected string) (Text, bool) {
	v := resolve(m.field[name].value)
	if v.Kind != yaml.ScalarNode || isNull(v) {
		m.wrong(name, expected)
		return Text{}, false
	}
	return Text{Value: v.Value, Pos: m.p.pos(m.place(name))}, true
}

// list returns the entries of a field that is a list.
func (m mapping) list(name string) []*yaml.Node {
	if !m.has(name) || isNull(m.field[name].value) {
		return nil
	}
	v := resolve(m.field[name].value)
	if v.Kind != yaml.SequenceNode {
		m.wrong(name, "a list")
		return nil
	}
	return v.Content
}

// allowedHint names the valid key nearest to the word, and all valid ones.
func allowedHint(word string, allowed []string) string {
	if len(allowed) == 0 {
		return ""
	}
	all := "allowed here: " + strings.Join(slices.Sorted(slices.Values(allowed)), ", ")
	if near := diag.Nearest(word, allowed); word != "" && near != "" {
		return "did you mean " + near + "? " + all
	}
	return all
}

// describe says what a value is, for "must be …, not …".
func describe(n *yaml.Node) string {
	n = resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return "nothing"
		case "!!int", "!!float":
			return "the number " + quote(n.Value)
		case "!!bool":
			return "the boolean " + quote(n.Value)
		case "!!timestamp":
			return "the date " + quote(n.Value)
		case "!!str":
			return "the text " + quote(n.Value)
		}
		return "a value tagged " + quote(n.ShortTag())
	case yaml.AliasNode, yaml.DocumentNode: // resolved above, and never inside a document
	}
	return "something else"
}

// quote quotes the user's text, cut to a length that a line can hold.
func quote(text string) string { return strconv.Quote(cut(text)) }

func cut(text string) string {
	if utf8.RuneCountInString(text) <= maxQuoted {
		return text
	}
	return string([]rune(text)[:maxQuoted]) + "…"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// offset returns the index of the first byte that is not UTF-8, or -1.
func offset(content []byte) int {
	for i := 0; i < len(content); {
		r, size := utf8.DecodeRune(content[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// invalidUTF8 returns the place of the first byte that is not UTF-8.
func invalidUTF8(content []byte) (line, column int, found bool) {
	at := offset(content)
	if at < 0 {
		return 0, 0, false
	}
	line = 1 + bytes.Count(content[:at], []byte("\n"))
	column = 1 + utf8.RuneCount(content[bytes.LastIndexByte(content[:at], '\n')+1:at])
	return line, column, true
}
