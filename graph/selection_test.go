package graph

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/internal/diag"
)

// shop is a graph with something of everything that selections ask for.
func shop() (*Graph, *Freshness) {
	w := newWorld(`
		ingest raw/orders: feed
		ingest raw/customers:
		marts stg_orders: raw/orders
		marts stg-customers.v2: raw/customers
		marts fct_orders: stg_orders stg-customers.v2
		ml-platform ml/features: fct_orders
		ml-platform ml/scores: ml/features raw/customers
		ml-platform stub:`)
	set := func(key string, f func(a *Asset)) { f(asset(w.defs, key)) }
	set("raw/orders", func(a *Asset) {
		a.Group, a.Owners, a.Kinds = "raw", []string{"team:core", "ann@x.org"}, []string{"python"}
	})
	set("raw/customers", func(a *Asset) { a.Group, a.Tags = "raw", map[string]string{"pii": "", "tier": "1"} })
	set("stg_orders", func(a *Asset) { a.Group, a.Tags = "staging", map[string]string{"dagster/kind/sql": "", "tier": "2"} })
	set("fct_orders", func(a *Asset) { a.Columns = []Column{{"total", "double"}} })
	set("ml/scores", func(a *Asset) { a.Columns = []Column{{"declared", "int64"}} })
	set("stub", func(a *Asset) { a.Executable, a.Why = false, "somebody else makes it" })
	w.runAll()
	w.change("ml/scores", func(_ *Stored, r *Record) { r.Columns = []Column{{"risk", "double"}} })
	w.change("raw/customers", func(s *Stored, _ *Record) { s.Last = &LastRun{State: "failed"} })
	delete(w.stored, MustKey("stub"))
	asset(w.defs, "ml/features").Code.Version = "go1:2"
	return w.graph(), w.judge()
}

func TestSelect(t *testing.T) {
	g, f := shop()
	const everything = "feed raw/customers raw/orders stg-customers.v2 stg_orders fct_orders ml/features ml/scores stub"
	for _, test := range []struct{ text, want string }{
		{"*", "raw/customers raw/orders stg-customers.v2 stg_orders fct_orders ml/features ml/scores stub"},
		{"not *", ""},
		{"key:*", everything},
		{"raw/orders", "raw/orders"},
		{"key:raw/orders", "raw/orders"},
		{`key:"raw/orders"`, "raw/orders"},
		{`"raw/orders"`, "raw/orders"},
		{"feed", "feed"},
		{"stg-customers.v2", "stg-customers.v2"},
		{"ingest::raw/orders", "raw/orders"},
		{"key:ingest::raw/orders", "raw/orders"},
		{"raw/*", "raw/customers raw/orders"},
		{"*orders", "raw/orders stg_orders fct_orders"},
		{"*o*er*", "raw/customers raw/orders stg-customers.v2 stg_orders fct_orders"},
		{`key:"st*"`, "stg-customers.v2 stg_orders stub"},
		{"nothing*", ""},
		{"+stg_orders", "feed raw/orders stg_orders"},
		{"1+stg_orders", "raw/orders stg_orders"},
		{"0+stg_orders", "stg_orders"},
		{"raw/orders+", "raw/orders stg_orders fct_orders ml/features ml/scores"},
		{"raw/orders+1", "raw/orders stg_orders"},
		{"raw/orders + 1", "raw/orders stg_orders"},
		{"1+fct_orders+1", "stg-customers.v2 stg_orders fct_orders ml/features"},
		{"99999999999999999999+stg_orders", "feed raw/orders stg_orders"},
		{"+(group:raw)", "feed raw/customers raw/orders"},
		{"+group:staging", "feed raw/orders stg_orders"},
		{"raw/orders+ and +fct_orders", "raw/orders stg_orders fct_orders"},
		{"raw/orders and not raw/orders", ""},
		{"not raw/orders and group:raw", "raw/customers"},
		{"not (raw/orders or group:raw) and tag:tier=2", "stg_orders"},
		{"stub or raw/orders and group:nothing", "stub"},
		{"(stub or raw/orders) and group:nothing", ""},
		{"stub, raw/orders AND group:raw", "raw/orders stub"},
		{"NOT group:raw OR raw/orders", "raw/orders stg-customers.v2 stg_orders fct_orders ml/features ml/scores stub"},
		{"tag:pii", "raw/customers"},
		{"tag:tier", ""},
		{"tag:tier=1", "raw/customers"},
		{`tag:"tier"="2"`, "stg_orders"},
		{"tag:<null>", "raw/orders stg-customers.v2 fct_orders ml/features ml/scores stub"},
		{"owner:ann@x.org", "raw/orders"},
		{`owner:"team:core"`, "raw/orders"},
		{"owner:<null> and group:raw", "raw/customers"},
		{"group:raw", "raw/customers raw/orders"},
		{"group:*a*", "raw/customers raw/orders stg_orders"},
		{"group:<null> and code_location:marts", "stg-customers.v2 fct_orders"},
		{"kind:python", "raw/orders"},
		{"kind:sql", "stg_orders"},
		{"code_location:ml-platform", "ml/features ml/scores stub"},
		{`code_location:"__repository__@marts"`, "stg-customers.v2 stg_orders fct_orders"},
		{"code_location:<null>", "feed"},
		{"status:stale", "ml/features ml/scores"},
		{"status:FRESH and group:raw", "raw/customers raw/orders"},
		{"status:missing", "stub"},
		{"status:external", "feed"},
		{"status:failed", "raw/customers"},
		{"is:external", "feed"},
		{"is:source", "feed"},
		{"is:executable and code_location:ml-platform", "ml/features ml/scores"},
		{"not is:materializable", "stub"},
		{"column:total", "fct_orders"},
		{"column:risk", "ml/scores"},
		{"column:declared", ""},
		{"roots(*)", "raw/customers raw/orders stub"},
		{"roots(+ml/scores)", "feed raw/customers"},
		{"sinks(*)", "ml/scores stub"},
		{"sinks(raw/orders or ml/features)", "ml/features"},
		{"roots(raw/orders or ml/features)", "raw/orders"},
		{"sinks(group:raw)+1", "raw/customers raw/orders stg-customers.v2 stg_orders ml/scores"},
		{"roots ( group:raw )", "raw/customers raw/orders"},
	} {
		s, err := ParseSelection(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		got, err := Select(g, f, s)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if words(got) != test.want {
			t.Errorf("%s: got %q, want %q", test.text, words(got), test.want)
		}
	}
	if got, _ := Select(g, nil, Selection{}); words(got) != everything {
		t.Errorf("zero selection: got %q, want %q", words(got), everything)
	}
	if got, _ := Select(g, nil, selectKeys()); len(got) != 0 {
		t.Errorf("no keys: got %q, want none", words(got))
	}
	if got, _ := Select(g, nil, selectKeys(keysOf("stub feed")...)); words(got) != "feed stub" {
		t.Errorf("two keys: got %q, want feed and stub", words(got))
	}
}

func TestSelectInCyclesAndConflicts(t *testing.T) {
	g := New(defs("l a: c\nl b: a\nl c: b\nl d: c\nm e:\nn e:\nm f: e"), nil)
	for text, want := range map[string]string{
		"roots(*)": "m::e n::e", "sinks(*)": "d f", "+a": "a b c", "e": "m::e n::e", "m::e": "m::e", "m::*": "m::e", "e+": "m::e n::e f",
	} {
		s, err := ParseSelection(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := Select(g, nil, s); err != nil || words(got) != want {
			t.Errorf("%s: got %q, %v, want %q", text, words(got), err, want)
		}
	}
}

func TestRootsAndSinksProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := randomWorld(t, false).graph()
		chosen := map[Key]bool{}
		for _, k := range g.Keys() {
			if rapid.Bool().Draw(t, "member") {
				chosen[k] = true
			}
		}
		ends := func(within func(Key) []Key) string {
			var keys []Key
			for _, k := range g.Keys() {
				if chosen[k] && g.Cycle(k) == nil && !slices.ContainsFunc(within(k), func(a Key) bool { return chosen[a] }) {
					keys = append(keys, k)
				}
			}
			return words(keys)
		}
		members := slices.DeleteFunc(g.Keys(), func(k Key) bool { return !chosen[k] })
		for kind, want := range map[term]string{
			termRoots: ends(func(k Key) []Key { return g.Ancestors(k, -1) }),
			termSinks: ends(func(k Key) []Key { return g.Descendants(k, -1) }),
		} {
			s := Selection{&expr{term: kind, of: []*expr{selectKeys(members...).root}}}
			if got, err := Select(g, nil, s); err != nil || words(got) != want {
				t.Fatalf("%s: got %q, %v, want %q", s, words(got), err, want)
			}
		}
	})
}

func TestSelectErrors(t *testing.T) {
	g, f := shop()
	for _, test := range []struct {
		text, want string
		f          *Freshness
	}{
		{"raw/orders or raw/order", "assetdev: no asset \"raw/order\"\nhint: did you mean raw/orders?", f},
		{"+nothing_like_it", `assetdev: no asset "nothing_like_it"`, f},
		{"marts::raw/orders", "assetdev: no asset \"marts::raw/orders\"", f},
		{"status:stale", "assetdev: status:stale cannot be told here: the assets have not been judged", nil},
		{"not sensor:job", "assetdev: sensor: is not available locally\n" +
			"hint: available are code_location, column, group, is, job, key, kind, owner, status and tag", f},
		{"raw/orders and not_materialized_in_hours:24", "assetdev: not_materialized_in_hours: is not available locally\n" +
			"hint: available are code_location, column, group, is, job, key, kind, owner, status and tag", f},
	} {
		s, err := ParseSelection(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if _, err = Select(g, test.f, s); err == nil {
			t.Errorf("%s: got no error", test.text)
		} else if diff := cmp.Diff(test.want, diag.Text(err)); diff != "" {
			t.Errorf("%s: error differs (-want +got):\n%s", test.text, diff)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	const expected = "a key, an attribute such as group:, roots(, sinks(, not or ("
	for _, test := range []struct{ text, want string }{
		{"", `
assetdev: selection, column 1: expected ` + expected + `, found the end
hint: 
      ^`},
		{"a and", `
assetdev: selection, column 6: expected ` + expected + `, found the end
hint: a and
           ^`},
		{"a And b", `
assetdev: selection, column 3: expected and, or, a comma or the end, found "And"
hint: a And b
        ^
      write "And" as and or AND`},
		{"gruop:raw", `
assetdev: selection, column 1: expected an attribute, found "gruop"
hint: gruop:raw
      ^
      did you mean group:?`},
		{"a or (b and c", `
assetdev: selection, column 14: expected and, or, a comma or the ) that closes column 6, found the end
hint: a or (b and c
                   ^`},
		{"status:stal", `
assetdev: selection, column 8: expected one of external, unknown, missing, stale, overdue, fresh and failed, found "stal"
hint: status:stal
             ^
      did you mean stale?`},
		{`key:"a`, `
assetdev: selection, column 5: expected a value for key: with a closing quote, found "\""
hint: key:"a
          ^
      between quotes may stand anything but quotes, backslashes and newlines`},
		{"ä\x1b[31m", `
assetdev: selection, column 1: expected ` + expected + `, found "ä"
hint: ä·[31m
      ^`},
		{"a++", `
assetdev: selection, column 3: expected and, or, a comma or the end, found "+"
hint: a++
        ^
      layers are written x+2, all of them x+`},
		{"++a", `
assetdev: selection, column 2: expected ` + expected + `, found "+"
hint: ++a
       ^
      layers are written 2+x, all of them +x`},
		{"+*", `
assetdev: selection, column 2: expected a selection without layers, found "*"
hint: +*
       ^
      * is every asset already`},
		{"a//b", `
assetdev: selection, column 1: expected an asset key, found "a//b"
hint: a//b
      ^
      asset key "a//b": a segment between slashes is empty`},
	} {
		_, err := ParseSelection(test.text)
		if _, ok := errors.AsType[*SyntaxError](err); !ok {
			t.Errorf("%q: got %v, want a syntax error", test.text, err)
			continue
		}
		if diff := cmp.Diff(test.want[1:], diag.Text(err)); diff != "" {
			t.Errorf("%q: error differs (-want +got):\n%s", test.text, diff)
		}
	}
	for _, text := range []string{
		"and", "not", "a b", "a,", ",a", "()", "roots(", "roots()", "a)", "key:", "key:<null>", "group:", "tag:a=", "is:nice", "is:<null>",
		"not_materialized_in_hours:x", "*+", "a + b", "2+", "a::", "a::*b c", "<null>", ":a", "a:b", strings.Repeat("(", 100_000), strings.Repeat("not ", 100_000) + "a",
	} {
		_, err := ParseSelection(text)
		if text == "2+" { // a key that is a number, and its downstreams
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
		} else if err == nil {
			t.Errorf("%.40q: got no error", text)
		}
	}
	_, err := ParseSelection(strings.Repeat("a or ", 1000) + "? or " + strings.Repeat("a or ", 1000) + "a")
	if text := diag.Text(err); !strings.Contains(text, "column 5001") || len(text) > 500 {
		t.Errorf("error in a long selection is %d bytes: %.500s", len(text), text)
	}
}

func TestSelectionString(t *testing.T) {
	for text, want := range map[string]string{
		"key:a":                               "a",
		`key:"a-b.c"`:                         "a-b.c",
		`"and"`:                               `key:"and"`,
		`+ key:"2"+1`:                         `+key:"2"+1`,
		"02+x":                                "2+x",
		"a,b or c":                            "a or b or c",
		"a OR b AND NOT c":                    "a or b and not c",
		"(a or b) and c":                      "(a or b) and c",
		"a and (b and c)":                     "a and (b and c)",
		"not (a and b)":                       "not (a and b)",
		"not not a":                           "not not a",
		"+(not a)":                            "+(not a)",
		"+(*)+1":                              "+(*)+1",
		"(((a)))":                             "a",
		"+(2+a)":                              "+(2+a)",
		"sinks( a,roots(*) )":                 "sinks(a or roots(*))",
		`tag:"a:b" = c`:                       `tag:"a:b"=c`,
		"group:<null>":                        "group:<null>",
		"status:STALE":                        "status:stale",
		"key:ml-platform::a/b":                "ml-platform::a/b",
		`key:"my place::a"`:                   `key:"my place::a"`,
		"not_materialized_in_hours:24 or *":   `not_materialized_in_hours:"24" or *`,
		"column_tag:x=y and table_name:a.b.c": "column_tag:x=y and table_name:a.b.c",
	} {
		s, err := ParseSelection(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestParseSelections(t *testing.T) {
	s, err := ParseSelections([]string{"a and b", "c,d"})
	if err != nil || s.String() != "a and b or c or d" {
		t.Errorf("got %s, %v", s, err)
	}
	if s, err := ParseSelections(nil); err != nil || s.root != nil || s.String() != "" {
		t.Errorf("no arguments: got %q, %v, want the zero selection", s, err)
	}
	if _, err := ParseSelections([]string{"a", ""}); err == nil {
		t.Errorf("an empty argument: got no error")
	}
}

func TestNamedKeys(t *testing.T) {
	s, err := ParseSelection(`b or +a+ or key:"c" and group:x or not d or e* or roots(f) or l::g`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := words(s.NamedKeys()), "a b c f l::g"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// randomExpr builds a term as the parser would.
func randomExpr(t *rapid.T, depth int) *expr {
	kind := rapid.IntRange(0, 9).Draw(t, "term")
	if depth == 0 {
		kind %= 3
	}
	text := rapid.SampledFrom([]string{"a", "a/b", "2", "and", "OR", "roots", "x-1.y", "__", "w w", "ü", "l::a", "a*", "<null>", "+"})
	sub := func() *expr { return randomExpr(t, depth-1) }
	switch kind {
	case 0:
		return &expr{term: termAll}
	case 1:
		k := MustKey(rapid.SampledFrom([]string{"a", "a/b", "2", "and", "roots", "x-1.y", "l::a", "my l::a"}).Draw(t, "key"))
		return &expr{term: termAttribute, attribute: "key", value: value{text: k.text, given: true}, key: k}
	case 2:
		e := &expr{term: termAttribute, attribute: rapid.SampledFrom([]string{"group", "tag", "column_tag", "job"}).Draw(t, "attribute")}
		e.value = value{text: text.Draw(t, "value"), given: true}
		if strings.HasSuffix(e.attribute, "tag") && rapid.Bool().Draw(t, "equal") {
			e.equal = value{given: true, null: true}
		}
		return e
	case 3:
		return &expr{term: termNot, of: []*expr{sub()}}
	case 4:
		return &expr{term: termAnd, of: []*expr{sub(), sub(), sub()}}
	case 5, 6:
		return joined(termOr, []*expr{sub(), sub()})
	case 7:
		return &expr{term: rapid.SampledFrom([]term{termRoots, termSinks}).Draw(t, "ends"), of: []*expr{sub()}}
	}
	e := &expr{term: termTraverse, of: []*expr{sub()}, up: rapid.IntRange(-1, 2).Draw(t, "up"), down: rapid.IntRange(-1, 2).Draw(t, "down")}
	if e.up == 0 && e.down == 0 {
		e.up = allLayers
	}
	return e
}

func TestSelectionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Selection{randomExpr(t, 4)}
		got, err := ParseSelection(want.String())
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if diff := cmp.Diff(want.root, got.root, cmp.AllowUnexported(expr{}, value{}, Key{})); diff != "" {
			t.Fatalf("%s: reads back differently (-want +got):\n%s", want, diff)
		}
	})
}

func FuzzParseSelection(f *testing.F) {
	for _, s := range []string{
		"", "a", "+a+2", "2+x+1", `key:"a b" and not group:x`, "roots(sinks(*))", "a,b", "tag:x=<null>", "l::a/b*", "not not a", "((", `"`, "status:STALE",
		"is:external", "not_materialized_in_hours:3", "ü\xff", "2+2+2", "a + 1 or 3", "(*)+", "<null>",
	} {
		f.Add(s)
	}
	g := New(defs("l a: x\nl b: a\nm c: b\nm 2: c"), nil)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelection(text)
		if err != nil {
			e, ok := errors.AsType[*SyntaxError](err)
			if !ok || e.Column < 1 || e.Column > len(text)+1 {
				t.Fatalf("got %v, want a syntax error in the text", err)
			}
			if strings.ContainsFunc(diag.Text(err), func(r rune) bool { return r < ' ' && r != '\n' }) {
				t.Fatalf("control character in %q", diag.Text(err))
			}
			return
		}
		again, err := ParseSelection(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q: written %q, read back %q, %v", text, s, again, err)
		}
		keys, err := Select(g, nil, s)
		other, otherErr := Select(g, nil, again)
		if !slices.Equal(keys, other) || (err == nil) != (otherErr == nil) {
			t.Fatalf("%q selects %v, %v; %q selects %v, %v", text, keys, err, again, other, otherErr)
		}
	})
}

// selectKeys returns the selection of exactly these keys. Without keys it selects nothing.
func selectKeys(keys ...Key) Selection {
	all := make([]*expr, len(keys))
	for i, k := range keys {
		all[i] = &expr{term: termAttribute, attribute: "key", value: value{text: k.text, given: true}, key: k}
	}
	if len(all) == 0 {
		return Selection{&expr{term: termNot, of: []*expr{{term: termAll}}}}
	}
	return Selection{joined(termOr, all)}
}
