package codeversion

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// One file, without knowledge of any other: its declarations, each with a hash of its normal form and the names it uses.
// What the names mean is decided in link.go, because that depends on other files; so a file is parsed once per content.

// A kind says what a declaration declares.
type kind uint8

const (
	kindFunc kind = iota
	kindMethod
	kindInit
	kindVar
	kindBlank // var _ = …
	kindConst
	kindType
	kindSetup // a statement of main that may change what is the package's, or anybody's
)

// A selector is pkg.Name, with the import path of pkg.
type selector struct{ base, path, name string }

// An envRead is a call that may read an environment variable by a constant name.
type envRead struct {
	callee  selector // zero for os.Getenv itself; path "" is a function of the package
	literal string   // the name, when it stands in the call
	ident   string   // otherwise the constant that holds it
}

// A declaration is one top-level declaration: a function, a method, a type, a variable, a constant or a whole iota group.
type declaration struct {
	kind      kind
	name      string   // as in symbols: "f", "T.M", "(*T).M"
	names     []string // what it declares in its package
	recv      string   // receiver type of a method
	method    string   // name of a method
	hash      [sha256.Size]byte
	line      int
	from, to  int // offsets of its text
	doc       string
	embeds    []string // patterns of //go:embed
	file      *parsed
	idents    []string   // names that may be of the package's top level
	selectors []selector // names of imported packages
	raw       []selector // x.Name where x is no import known by its path: base and name only
	methods   []string   // M of every x.M where x is no package
	env       []envRead
	readsEnv  bool // passes something other than a constant to os.Getenv
	reflects  bool // calls MethodByName
	bodyless  bool
	writes    []selector        // package-level variables it may write; path "" is its own package
	values    map[string]string // string constants
	calls     []selector        // what it calls; path "" is its own package, base "." a method. Of a variable's initialiser without what stands in function literals
	callsFunc bool              // a variable's initialiser calls a function literal
}

// A parsed is the meaning of one file's content.
type parsed struct {
	err       *Error // its File is empty: content has no name
	pkg       string
	imports   []importSpec
	decls     []*declaration
	cgo       bool
	linknames []string // packages that //go:linkname reaches into; "" when only the local name is given
	debug     []string // //go:debug
	src       string
}

// An importSpec is one import of a file.
type importSpec struct {
	path, alias string
	used        bool // some selector's base is a name it has by its alias or its path
}

// parse parses one file. It never fails: what is wrong is in err, and what could be understood beside it.
func parse(src []byte) *parsed {
	p := &parsed{src: string(src)}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		p.err = &Error{Line: 1, Column: 1, Message: err.Error()}
		if list, ok := errors.AsType[scanner.ErrorList](err); ok && len(list) > 0 {
			p.err = &Error{Line: list[0].Pos.Line, Column: list[0].Pos.Column, Message: list[0].Msg}
		}
	}
	if file == nil {
		return p
	}
	if file.Name != nil {
		p.pkg = file.Name.Name
	}
	w := &walker{parsed: p, bases: map[string]int{}, locals: map[string]bool{}, params: map[string]bool{}}
	for _, spec := range file.Imports {
		if spec.Path == nil {
			continue
		}
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		imp := importSpec{path: target}
		if spec.Name != nil {
			imp.alias = spec.Name.Name
		}
		p.cgo = p.cgo || target == "C"
		p.imports = append(p.imports, imp)
	}
	if p.err != nil {
		return p
	}
	w.nameImports()
	for _, group := range file.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:") {
				p.directive(c.Text)
			}
		}
	}
	tokens := fset.File(file.FileStart)
	for _, d := range file.Decls {
		w.topLevel(d, tokens)
	}
	return p
}

func (p *parsed) directive(text string) {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "//go:linkname":
		fields := strings.Fields(rest)
		target := ""
		if len(fields) > 1 {
			if i := strings.LastIndexByte(fields[1], '/'); strings.Contains(fields[1][i+1:], ".") {
				dot := i + 1 + strings.IndexByte(fields[1][i+1:], '.')
				target = fields[1][:dot]
			}
		}
		p.linknames = append(p.linknames, target)
	case "//go:debug":
		p.debug = append(p.debug, strings.TrimSpace(rest))
	}
}

// parseImports parses as much of a file as is needed for its imports.
func parseImports(src []byte) *parsed {
	p := &parsed{}
	file, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ImportsOnly)
	if file == nil || err != nil && file.Name == nil {
		return p // the build says what is wrong with it
	}
	for _, spec := range file.Imports {
		if target, err := strconv.Unquote(spec.Path.Value); err == nil {
			p.imports = append(p.imports, importSpec{path: target})
			p.cgo = p.cgo || target == "C"
		}
	}
	return p
}

// A walker collects what one declaration uses, and its normal form. The normal form is the tree in pre-order: a tag for each
// node, how many children it has where that may vary, identifiers, literals, operators. No comments, positions, parentheses.
type walker struct {
	*parsed
	bases  map[string]int // name of a package in this file → index in imports
	d      *declaration
	buf    []byte
	locals map[string]bool // names the declaration declares within itself
	params map[string]bool
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// nameImports guesses the names of packages from their paths. A guess that no selector of the file uses was wrong, because Go
// refuses unused imports: link.go then asks the package, or takes the import to be used everywhere in the file.
func (w *walker) nameImports() {
	for pass := range 3 {
		for i, imp := range w.imports {
			switch imp.alias {
			case "":
				for j, name := range guesses(imp.path) {
					if _, taken := w.bases[name]; pass == min(j+1, 2) && !taken {
						w.bases[name] = i
					}
				}
			case "_", ".":
			default:
				w.bases[imp.alias] = i
			}
		}
	}
}

// guesses returns the names that a package with this path may have, the most likely first.
func guesses(importPath string) []string {
	base := path.Base(importPath)
	if majorVersion.MatchString(base) && strings.Contains(importPath, "/") {
		base = path.Base(path.Dir(importPath))
	}
	base, _, _ = strings.Cut(base, ".v") // gopkg.in/yaml.v3
	names := []string{base}
	if strings.ContainsAny(base, "-.") {
		trimmed := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(base, "go-"), "-go"), ".go")
		names = append(names, trimmed, strings.NewReplacer("-", "", ".", "").Replace(base), strings.NewReplacer("-", "_", ".", "_").Replace(base))
		if i := strings.LastIndexAny(trimmed, "-."); i >= 0 {
			names = append(names, trimmed[i+1:])
		}
	}
	return names
}

func (w *walker) topLevel(node ast.Decl, tokens *token.File) {
	switch n := node.(type) {
	case *ast.FuncDecl:
		w.function(n, tokens)
	case *ast.GenDecl:
		if n.Tok == token.CONST && isGroup(n) {
			d := &declaration{kind: kindConst}
			for _, spec := range n.Specs {
				if s, ok := spec.(*ast.ValueSpec); ok {
					d.names = append(d.names, identNames(s.Names)...)
					d.constants(s)
				}
			}
			d.name = firstName(d.names)
			w.declare(d, n, n, n.Doc, tokens)
			return
		}
		for _, spec := range n.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				w.declare(&declaration{kind: kindType, name: s.Name.Name, names: []string{s.Name.Name}}, s, whole(n, s), docOf(n, s.Doc), tokens)
			case *ast.ValueSpec:
				if n.Tok == token.VAR {
					w.variable(n, s, tokens)
					continue
				}
				d := &declaration{kind: kindConst, names: identNames(s.Names)}
				d.name = firstName(d.names)
				d.constants(s)
				w.declare(d, s, whole(n, s), docOf(n, s.Doc), tokens)
			}
		}
	}
}

// constants notes the string constants of a spec.
func (d *declaration) constants(s *ast.ValueSpec) {
	for i, name := range s.Names {
		if i >= len(s.Values) {
			return
		}
		if lit, ok := s.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if value, err := strconv.Unquote(lit.Value); err == nil {
				if d.values == nil {
					d.values = map[string]string{}
				}
				d.values[name.Name] = value
			}
		}
	}
}

// whole returns the node whose text people want to see: the declaration with its keyword where it holds one spec.
func whole(decl *ast.GenDecl, spec ast.Node) ast.Node {
	if len(decl.Specs) == 1 {
		return decl
	}
	return spec
}

func docOf(decl *ast.GenDecl, doc *ast.CommentGroup) *ast.CommentGroup {
	if doc == nil && len(decl.Specs) == 1 {
		return decl.Doc
	}
	return doc
}

func identNames(idents []*ast.Ident) []string {
	names := make([]string, len(idents))
	for i, ident := range idents {
		names[i] = ident.Name
	}
	return names
}

func firstName(names []string) string {
	if i := slices.IndexFunc(names, func(name string) bool { return name != "_" }); i >= 0 {
		return names[i]
	}
	return "_"
}

// isGroup reports whether constants depend on their place: by iota, or by repeating the value before.
func isGroup(n *ast.GenDecl) bool {
	found := false
	for _, spec := range n.Specs {
		s, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		found = found || len(s.Values) == 0
		for _, value := range s.Values {
			ast.Inspect(value, func(n ast.Node) bool {
				ident, ok := n.(*ast.Ident)
				found = found || ok && ident.Name == "iota"
				return !found
			})
		}
	}
	return found
}

func (w *walker) function(n *ast.FuncDecl, tokens *token.File) {
	name := n.Name.Name
	d := &declaration{kind: kindFunc, name: name, names: []string{name}, bodyless: n.Body == nil}
	switch {
	case n.Recv != nil && len(n.Recv.List) == 1:
		d.kind, d.names, d.method = kindMethod, nil, name
		recv, pointer := receiver(n.Recv.List[0].Type)
		d.recv, d.name = recv, recv+"."+name
		if pointer {
			d.name = "(*" + recv + ")." + name
		}
	case name == "init" && n.Recv == nil:
		d.kind, d.names = kindInit, nil
	case name == "_":
		return // it cannot be called
	}
	w.declare(d, n, n, n.Doc, tokens)
	if w.pkg != "main" || name != "main" || n.Recv != nil || n.Body == nil {
		return
	}
	locals := map[string]*declaration{} // of main, with the last statement that gave them a value
	for _, stmt := range n.Body.List {
		setup := &declaration{kind: kindSetup}
		w.collect(setup, stmt, nil)
		defines := slices.Sorted(maps.Keys(w.locals))
		setup.name = "main"
		for _, s := range setup.writes {
			setup.name += " " + s.name
		}
		if len(setup.writes) == 0 {
			for _, s := range setup.calls {
				setup.name += " " + s.name
			}
		}
		for _, name := range setup.idents {
			if before := locals[name]; before != nil && before != setup {
				setup.takeIn(before)
			}
		}
		for _, name := range defines {
			locals[name] = setup
		}
		for _, s := range setup.writes {
			if s.path == "" && locals[s.name] != nil {
				locals[s.name] = setup
			}
		}
		if len(setup.writes) == 0 && len(setup.calls) == 0 {
			continue
		}
		w.place(setup, stmt, nil, tokens)
		w.decls = append(w.decls, setup)
	}
}

// takeIn makes a statement one with an earlier one on whose variables it hangs.
func (d *declaration) takeIn(before *declaration) {
	d.hash = sha256.Sum256(append(d.hash[:], before.hash[:]...))
	d.idents = unique(append(d.idents, before.idents...), strings.Compare)
	d.methods = unique(append(d.methods, before.methods...), strings.Compare)
	d.selectors = unique(append(d.selectors, before.selectors...), compareSelectors)
	d.raw = unique(append(d.raw, before.raw...), compareSelectors)
	d.calls = append(d.calls, before.calls...)
	d.env = append(d.env, before.env...)
	d.reflects = d.reflects || before.reflects
}

// receiver returns the name of a receiver's type.
func receiver(expr ast.Expr) (name string, pointer bool) {
	for {
		switch e := expr.(type) {
		case *ast.ParenExpr:
			expr = e.X
		case *ast.StarExpr:
			pointer = true
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name, pointer
		default:
			return "", pointer
		}
	}
}

func (w *walker) variable(decl *ast.GenDecl, s *ast.ValueSpec, tokens *token.File) {
	names := identNames(s.Names)
	d := &declaration{kind: kindVar, name: firstName(names), names: names}
	if d.name == "_" {
		d.kind, d.names = kindBlank, nil
	}
	doc := docOf(decl, s.Doc)
	for _, c := range comments(doc) {
		if rest, ok := strings.CutPrefix(c.Text, "//go:embed "); ok {
			d.embeds = append(d.embeds, embedPatterns(rest)...)
		}
	}
	for _, value := range s.Values {
		ast.Inspect(value, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.CallExpr:
				w.calls(n, d)
			}
			return true
		})
	}
	w.declare(d, s, whole(decl, s), doc, tokens)
}

// calls notes what is called.
func (w *walker) calls(call *ast.CallExpr, d *declaration) {
	switch fun := callee(call).(type) {
	case *ast.Ident:
		d.calls = append(d.calls, selector{name: fun.Name})
	case *ast.SelectorExpr:
		if s, ok := w.imported(fun); ok {
			d.calls = append(d.calls, s)
		} else {
			d.calls = append(d.calls, selector{base: ".", name: fun.Sel.Name})
		}
	case *ast.FuncLit:
		d.callsFunc = true
	}
}

// callee returns what is called, without parentheses and type arguments.
func callee(call *ast.CallExpr) ast.Expr {
	fun := call.Fun
	for {
		switch e := fun.(type) {
		case *ast.ParenExpr:
			fun = e.X
		case *ast.IndexExpr:
			fun = e.X
		case *ast.IndexListExpr:
			fun = e.X
		default:
			return fun
		}
	}
}

// embedPatterns splits the arguments of //go:embed: words, or strings in double or back quotes.
func embedPatterns(args string) []string {
	var patterns []string
	for args = strings.TrimSpace(args); args != ""; args = strings.TrimSpace(args) {
		if args[0] == '"' || args[0] == '`' {
			prefix, err := strconv.QuotedPrefix(args)
			if err != nil {
				return patterns
			}
			pattern, _ := strconv.Unquote(prefix)
			patterns, args = append(patterns, pattern), args[len(prefix):]
			continue
		}
		end := strings.IndexAny(args, " \t")
		if end < 0 {
			end = len(args)
		}
		patterns, args = append(patterns, args[:end]), args[end:]
	}
	return patterns
}

func comments(group *ast.CommentGroup) []*ast.Comment {
	if group == nil {
		return nil
	}
	return group.List
}

// declare collects a declaration and adds it to the file.
func (w *walker) declare(d *declaration, node, text ast.Node, doc *ast.CommentGroup, tokens *token.File) {
	w.collect(d, node, doc)
	w.place(d, text, doc, tokens)
	w.decls = append(w.decls, d)
}

// place says where a declaration stands.
func (w *walker) place(d *declaration, text ast.Node, doc *ast.CommentGroup, tokens *token.File) {
	from := text.Pos()
	switch n := text.(type) { // without the doc comment
	case *ast.FuncDecl:
		from = n.Type.Func
	case *ast.GenDecl:
		from = n.TokPos
	}
	if !from.IsValid() {
		from = text.Pos()
	}
	d.line = tokens.PositionFor(from, false).Line
	d.from, d.to = tokens.Offset(from), tokens.Offset(text.End())
	if d.from > len(w.src) || d.to > len(w.src) || d.from > d.to {
		d.from, d.to = 0, 0
	}
	if doc != nil {
		d.doc = strings.TrimSpace(doc.Text())
	}
}

// collect fills in what a declaration uses and the hash of its normal form.
func (w *walker) collect(d *declaration, node ast.Node, doc *ast.CommentGroup) {
	d.file = w.parsed
	w.d, w.buf = d, w.buf[:0]
	clear(w.locals)
	clear(w.params)
	w.tag(1, uint64(d.kind))
	for _, c := range comments(doc) {
		if strings.HasPrefix(c.Text, "//go:") && !strings.HasPrefix(c.Text, "//go:generate") {
			w.text(2, strings.TrimSpace(c.Text))
		}
	}
	ast.Inspect(node, w.visit)
	d.hash = sha256.Sum256(w.buf)
	for _, s := range d.selectors {
		if w.locals[s.base] { // a local variable with the name of a package: it may be either
			d.idents = append(d.idents, s.base)
			d.methods = append(d.methods, s.name)
		}
	}
	d.writes = unique(d.writes, compareSelectors)
	d.idents, d.methods = unique(d.idents, strings.Compare), unique(d.methods, strings.Compare)
	d.selectors, d.raw = unique(d.selectors, compareSelectors), unique(d.raw, compareSelectors)
}

func unique[T comparable](s []T, compare func(a, b T) int) []T {
	slices.SortFunc(s, compare)
	return slices.Clip(slices.Compact(s))
}

func compareSelectors(a, b selector) int {
	if c := strings.Compare(a.path, b.path); c != 0 {
		return c
	}
	if c := strings.Compare(a.name, b.name); c != 0 {
		return c
	}
	return strings.Compare(a.base, b.base)
}

func (w *walker) tag(tag byte, counts ...uint64) {
	w.buf = append(w.buf, tag)
	for _, n := range counts {
		w.buf = binary.AppendUvarint(w.buf, n)
	}
}

func (w *walker) text(tag byte, s string) {
	w.buf = append(w.buf, tag)
	w.buf = binary.AppendUvarint(w.buf, uint64(len(s)))
	w.buf = append(w.buf, s...)
}

// bits packs what is present.
func bits(present ...bool) uint64 {
	var b uint64
	for i, p := range present {
		if p {
			b |= 1 << i
		}
	}
	return b
}

// imported returns x.Name as a name of an imported package, when x is one.
func (w *walker) imported(n *ast.SelectorExpr) (selector, bool) {
	x, ok := n.X.(*ast.Ident)
	if !ok {
		return selector{}, false
	}
	i, ok := w.bases[x.Name]
	if !ok {
		return selector{}, false
	}
	w.imports[i].used = true
	return selector{base: x.Name, path: w.imports[i].path, name: n.Sel.Name}, true
}

func count[T any](list []T) uint64 { return uint64(len(list)) }

func (w *walker) visit(node ast.Node) bool {
	switch n := node.(type) {
	case nil, *ast.ParenExpr:
	case *ast.CommentGroup, *ast.Comment:
		return false
	case *ast.Ident:
		w.text(10, n.Name)
		if n.Name != "_" {
			w.d.idents = append(w.d.idents, n.Name)
		}
	case *ast.BasicLit:
		w.tag(11, uint64(n.Kind))
		w.text(12, n.Value)
	case *ast.SelectorExpr:
		if s, ok := w.imported(n); ok {
			w.d.selectors = append(w.d.selectors, s)
			w.text(13, s.path)
			w.text(10, s.name)
			return false
		}
		w.tag(14)
		w.text(10, n.Sel.Name)
		w.d.methods = append(w.d.methods, n.Sel.Name)
		if x, ok := n.X.(*ast.Ident); ok {
			w.d.raw = append(w.d.raw, selector{base: x.Name, name: n.Sel.Name})
		}
		ast.Inspect(n.X, w.visit)
		return false
	case *ast.Ellipsis:
		w.tag(15, bits(n.Elt != nil))
	case *ast.FuncLit:
		w.tag(16)
	case *ast.CompositeLit:
		w.tag(17, bits(n.Type != nil), count(n.Elts))
	case *ast.IndexExpr:
		w.tag(18)
	case *ast.IndexListExpr:
		w.tag(19, count(n.Indices))
	case *ast.SliceExpr:
		w.tag(20, bits(n.Low != nil, n.High != nil, n.Max != nil, n.Slice3))
	case *ast.TypeAssertExpr:
		w.tag(21, bits(n.Type != nil))
	case *ast.CallExpr:
		w.tag(22, count(n.Args), bits(n.Ellipsis.IsValid()))
		w.call(n)
		if w.d.kind != kindVar && w.d.kind != kindBlank {
			w.calls(n, w.d)
		}
	case *ast.StarExpr:
		w.tag(23)
	case *ast.UnaryExpr:
		w.tag(24, uint64(n.Op))
		if n.Op == token.AND {
			w.write(n.X)
		}
	case *ast.BinaryExpr:
		w.tag(25, uint64(n.Op))
	case *ast.KeyValueExpr:
		w.tag(26)
	case *ast.ArrayType:
		w.tag(27, bits(n.Len != nil))
	case *ast.StructType:
		w.tag(28)
	case *ast.FuncType:
		w.tag(29, bits(n.TypeParams != nil, n.Params != nil, n.Results != nil))
		for _, list := range []*ast.FieldList{n.TypeParams, n.Params, n.Results} {
			w.fields(list)
		}
	case *ast.InterfaceType:
		w.tag(30)
	case *ast.MapType:
		w.tag(31)
	case *ast.ChanType:
		w.tag(32, uint64(n.Dir))
	case *ast.FieldList:
		w.tag(33, count(n.List))
	case *ast.Field:
		w.tag(34, count(n.Names), bits(n.Type != nil, n.Tag != nil))
	case *ast.FuncDecl:
		w.tag(35, bits(n.Recv != nil, n.Body != nil))
		w.fields(n.Recv)
	case *ast.GenDecl:
		w.tag(36, uint64(n.Tok), count(n.Specs))
	case *ast.ValueSpec:
		w.tag(37, count(n.Names), bits(n.Type != nil), count(n.Values))
		w.declareLocals(n.Names)
	case *ast.TypeSpec:
		w.tag(38, bits(n.TypeParams != nil, n.Assign.IsValid()))
		w.locals[n.Name.Name] = true
	case *ast.DeclStmt:
		w.tag(39)
	case *ast.EmptyStmt:
		w.tag(40)
	case *ast.LabeledStmt:
		w.tag(41)
	case *ast.ExprStmt:
		w.tag(42)
	case *ast.SendStmt:
		w.tag(43)
	case *ast.IncDecStmt:
		w.tag(44, uint64(n.Tok))
		w.write(n.X)
	case *ast.AssignStmt:
		w.tag(45, uint64(n.Tok), count(n.Lhs), count(n.Rhs))
		for _, lhs := range n.Lhs {
			w.assigned(n.Tok, lhs)
		}
	case *ast.GoStmt:
		w.tag(46)
	case *ast.DeferStmt:
		w.tag(47)
	case *ast.ReturnStmt:
		w.tag(48, count(n.Results))
	case *ast.BranchStmt:
		w.tag(49, uint64(n.Tok), bits(n.Label != nil))
	case *ast.BlockStmt:
		w.tag(50, count(n.List))
	case *ast.IfStmt:
		w.tag(51, bits(n.Init != nil, n.Else != nil))
	case *ast.CaseClause:
		w.tag(52, bits(n.List != nil), count(n.List), count(n.Body))
	case *ast.SwitchStmt:
		w.tag(53, bits(n.Init != nil, n.Tag != nil))
	case *ast.TypeSwitchStmt:
		w.tag(54, bits(n.Init != nil))
	case *ast.CommClause:
		w.tag(55, bits(n.Comm != nil), count(n.Body))
	case *ast.SelectStmt:
		w.tag(56)
	case *ast.ForStmt:
		w.tag(57, bits(n.Init != nil, n.Cond != nil, n.Post != nil))
	case *ast.RangeStmt:
		w.tag(58, bits(n.Key != nil, n.Value != nil), uint64(n.Tok))
		w.assigned(n.Tok, n.Key)
		w.assigned(n.Tok, n.Value)
	default:
		w.tag(59)
	}
	return true
}

// fields notes parameters and receivers: names that hide those of the package.
func (w *walker) fields(list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, field := range list.List {
		w.declareLocals(field.Names)
		for _, name := range field.Names {
			w.params[name.Name] = true
		}
	}
}

func (w *walker) declareLocals(names []*ast.Ident) {
	if w.d.kind == kindVar || w.d.kind == kindBlank || w.d.kind == kindConst {
		return // these are the package's; in a function literal of an initialiser, taking a local for one is harmless
	}
	for _, name := range names {
		w.locals[name.Name] = true
	}
}

func (w *walker) assigned(tok token.Token, lhs ast.Expr) {
	if lhs == nil {
		return
	}
	if ident, ok := lhs.(*ast.Ident); ok && tok == token.DEFINE {
		w.locals[ident.Name] = true
		return
	}
	w.write(lhs)
}

// write notes that what expr is part of may be written.
func (w *walker) write(expr ast.Expr) {
	for {
		switch e := expr.(type) {
		case *ast.ParenExpr:
			expr = e.X
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.SliceExpr:
			expr = e.X
		case *ast.SelectorExpr:
			if s, ok := w.imported(e); ok {
				w.d.writes = append(w.d.writes, s)
				return
			}
			expr = e.X
		case *ast.Ident:
			if e.Name != "_" {
				w.d.writes = append(w.d.writes, selector{name: e.Name})
			}
			return
		default:
			return
		}
	}
}

var envName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// call notes reads of the environment, reflection by name, and built-in functions that write.
func (w *walker) call(n *ast.CallExpr) {
	var s selector
	switch fun := callee(n).(type) {
	case *ast.Ident:
		switch fun.Name {
		case "delete", "clear", "copy":
			if len(n.Args) > 0 {
				w.write(n.Args[0])
			}
			return
		}
		s.name = fun.Name
	case *ast.SelectorExpr:
		imported, ok := w.imported(fun)
		if !ok {
			w.d.reflects = w.d.reflects || fun.Sel.Name == "MethodByName"
			return
		}
		s = imported
	default:
		return
	}
	if (s.path == "os" || s.path == "syscall") && (s.name == "Getenv" || s.name == "LookupEnv") {
		if len(n.Args) != 1 {
			return
		}
		switch arg := n.Args[0].(type) {
		case *ast.BasicLit:
			if name, err := strconv.Unquote(arg.Value); err == nil {
				w.d.env = append(w.d.env, envRead{literal: name})
			}
		case *ast.Ident:
			w.d.env = append(w.d.env, envRead{ident: arg.Name})
			w.d.readsEnv = w.d.readsEnv || w.params[arg.Name]
		case *ast.SelectorExpr:
			if constant, ok := w.imported(arg); ok {
				w.d.env = append(w.d.env, envRead{callee: selector{path: constant.path}, ident: constant.name})
			}
		}
		return
	}
	for _, arg := range n.Args {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, err := strconv.Unquote(lit.Value); err == nil && envName.MatchString(name) {
				w.d.env = append(w.d.env, envRead{callee: s, literal: name})
			}
		}
	}
}
