package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/internal/diag"

	"pgregory.net/rapid"
)

func problems(g *Graph) string {
	var lines []string
	for _, p := range g.Problems() {
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}

func TestOrder(t *testing.T) {
	for _, test := range []struct{ name, defs, want string }{
		{"upstreams first", "l b: a\nl a:\nl c: b", "a b c"},
		{"ties by location, then key", "m a:\nl c:\nl b:\nm d: b", "b c a d"},
		{"external assets first", "l b: x\nl a:\nl c: w b", "w x a b c"},
		{"an asset as soon as it can", "l a:\nl b: d\nl c:\nl d:", "a c d b"},
		{"cycles together", "l a: c\nl b:\nl c: d\nl d: a\nl e: d\nm f: e b", "a c d b e f"},
		{"a cycle waits for its upstreams", "l a: b z\nl b: a\nl c:\nl z:", "c z a b"},
		{"itself", "l a: a\nl b: a", "a b"},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := defs(test.defs)
			if got := words(New(all, nil).Keys()); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			slices.Reverse(all)
			for i := range all {
				slices.Reverse(all[i].Assets)
			}
			if got := words(New(all, nil).Keys()); got != test.want {
				t.Errorf("with definitions in the other order: got %q, want %q", got, test.want)
			}
		})
	}
}

func TestOrderIsTheFirstPossible(t *testing.T) {
	g := New(generate(400), nil)
	placed := map[Key]bool{}
	for i := range g.Len() {
		var best Asset
		for k := range g.Len() {
			a := g.At(k)
			ready := !placed[a.Key] && !slices.ContainsFunc(g.Upstreams(a.Key), func(u Key) bool { return !placed[u] })
			before := a.Location < best.Location || a.Location == best.Location && a.Key.Compare(best.Key) < 0
			if ready && (best.Key.IsZero() || before) {
				best = a
			}
		}
		if g.Key(i) != best.Key {
			t.Fatalf("position %d: got %s, want %s", i, g.Key(i), best.Key)
		}
		placed[best.Key] = true
	}
}

func TestNeighbours(t *testing.T) {
	g := New(defs("l a:\nl b: a\nl c: b x\nm d: c a\nm e: d"), nil)
	for _, test := range []struct{ name, got, want string }{
		{"upstreams", words(g.Upstreams(MustKey("d"))), "a c"},
		{"downstreams", words(g.Downstreams(MustKey("a"))), "b d"},
		{"ancestors", words(g.Ancestors(MustKey("d"), -1)), "x a b c"},
		{"ancestors, one layer", words(g.Ancestors(MustKey("d"), 1)), "a c"},
		{"ancestors, none", words(g.Ancestors(MustKey("d"), 0)), ""},
		{"descendants", words(g.Descendants(MustKey("b"), -1)), "c d e"},
		{"descendants, two layers", words(g.Descendants(MustKey("b"), 2)), "c d"},
		{"of nothing", words(g.Descendants(MustKey("nothing"), -1)) + words(g.Upstreams(MustKey("nothing"))), ""},
		{"locations", strings.Join(g.Locations(), " "), "l m"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
	if !g.IsExternal(MustKey("x")) || g.IsExternal(MustKey("a")) || g.IsExternal(MustKey("nothing")) {
		t.Errorf("IsExternal is wrong about x, a or nothing")
	}
	if i, ok := g.Index(MustKey("l::a")); !ok || g.Key(i) != MustKey("a") {
		t.Errorf("l::a: got %d, %v, want the position of a", i, ok)
	}
	if _, ok := g.Index(MustKey("m::a")); ok {
		t.Errorf("m::a: got a position, want none")
	}
	if got, _ := g.Suggestion(MustKey("aa")); got != MustKey("a") {
		t.Errorf("suggestion for aa: got %s, want a", got)
	}
}

func TestSameKeyTwice(t *testing.T) {
	const text = "analytics orders:\nml orders:\nml features: orders\nweb page: features\nweb other:"
	t.Run("without an owner", func(t *testing.T) {
		g := New(defs(text), nil)
		if got, want := words(g.Keys()), "analytics::orders ml::orders features other page"; got != want {
			t.Errorf("got keys %q, want %q", got, want)
		}
		if got, want := words(g.Upstreams(MustKey("features"))), "analytics::orders ml::orders"; got != want {
			t.Errorf("got upstreams %q, want %q", got, want)
		}
		want := "orders is defined by analytics and ml; name the one that owns it in assetdev.yaml, as owners: {orders: analytics}"
		for _, key := range []string{"orders", "analytics::orders", "ml::orders"} {
			if got := g.Conflict(MustKey(key)); got != want {
				t.Errorf("conflict of %s: got %q, want %q", key, got, want)
			}
		}
		if got := g.Conflict(MustKey("features")); got != "it reads orders, and "+want {
			t.Errorf("conflict of the reader: got %q", got)
		}
		if got := g.Conflict(MustKey("page")) + g.Conflict(MustKey("other")); got != "" {
			t.Errorf("conflict of the rest: got %q, want none", got)
		}
		if got, want := problems(g), "orders is defined by analytics and ml"; got != want {
			t.Errorf("got problems %q, want %q", got, want)
		}
		if got, want := words(g.Claims(MustKey("orders"))), "analytics::orders ml::orders"; got != want {
			t.Errorf("got claims %q, want %q", got, want)
		}
	})
	t.Run("with an owner", func(t *testing.T) {
		g := New(defs(text), map[Key]string{MustKey("orders"): "ml"})
		if got, want := words(g.Keys()), "analytics::orders orders features other page"; got != want {
			t.Errorf("got keys %q, want %q", got, want)
		}
		a, _ := g.Asset(MustKey("orders"))
		b, _ := g.Asset(MustKey("analytics::orders"))
		if a.Location != "ml" || !a.Executable {
			t.Errorf("got orders of %s, executable %v, want ml's", a.Location, a.Executable)
		}
		if b.Executable || b.Why != "the key orders is owned by ml" || b.Key != MustKey("analytics::orders") {
			t.Errorf("got %+v", b)
		}
		if got := problems(g) + g.Conflict(MustKey("features")); got != "" {
			t.Errorf("got problems %q, want none", got)
		}
	})
	t.Run("owner without a definition", func(t *testing.T) {
		g := New(defs(text), map[Key]string{MustKey("orders"): "web"})
		if !strings.Contains(problems(g), `owners: orders names "web", which does not define it`) {
			t.Errorf("got problems %q", problems(g))
		}
	})
	t.Run("owner does not load", func(t *testing.T) {
		all := append(defs(text), Definitions{Location: "core", Broken: "syntax error"})
		g := New(all, map[Key]string{MustKey("orders"): "core"})
		if got, want := words(g.Upstreams(MustKey("features"))), "orders"; got != want || !g.IsExternal(MustKey("orders")) {
			t.Errorf("got upstreams %q, external %v; want the plain key, external", got, g.IsExternal(MustKey("orders")))
		}
	})
	t.Run("a declaration of another's asset is no claim", func(t *testing.T) {
		all := defs(text)
		all[0].Assets[0].Executable = false
		g := New(all, nil)
		if a, _ := g.Asset(MustKey("orders")); a.Location != "ml" || problems(g) != "" || g.Len() != 4 {
			t.Errorf("got orders of %s, problems %q, %d assets", a.Location, problems(g), g.Len())
		}
		all[0].Assets[0].Stale = true // it may have been executable: the location does not load
		if g := New(all, nil); g.Conflict(MustKey("orders")) == "" {
			t.Errorf("the last good definition of a broken location gave way without an owner")
		}
	})
	t.Run("in one location", func(t *testing.T) {
		g := New(defs("l a: x\nl a: y\nl b: a"), nil)
		if got, want := problems(g), `asset "a" is defined twice in l; the first definition counts`; got != want {
			t.Errorf("got problems %q, want %q", got, want)
		}
		if got, want := words(g.Keys()), "x a b"; got != want {
			t.Errorf("got keys %q, want %q", got, want)
		}
	})
}

func TestKeysThatDifferByCase(t *testing.T) {
	g := New(defs("l Orders:\nm orders:\nm x: orders"), nil)
	want := "the keys Orders (l) and orders (m) differ by case only, and many file systems fold case; rename one of them"
	if got := problems(g); got != want {
		t.Errorf("got problems %q, want %q", got, want)
	}
	if got := g.Conflict(MustKey("orders")); got != want {
		t.Errorf("got conflict %q, want %q", got, want)
	}
}

func TestCycles(t *testing.T) {
	g := New(defs("l a: c\nl b: a\nm c: b\nm d: c e\nm e: f\nm f: e\nl g: g\nl h:"), nil)
	for key, want := range map[string]string{"a": "a b c a", "c": "c a b c", "e": "e f e", "g": "g g", "d": "", "h": "", "nothing": ""} {
		if got := words(g.Cycle(MustKey(key))); got != want {
			t.Errorf("cycle of %s: got %q, want %q", key, got, want)
		}
	}
	for _, want := range []string{"circle: a → b → c → a", "circle: e → f → e", "circle: g → g"} {
		if !strings.Contains(problems(g), want) {
			t.Errorf("got problems\n%s\nwant %s among them", problems(g), want)
		}
	}
	if got := len(g.Problems()); got != 3 {
		t.Errorf("got %d problems, want 3", got)
	}
}

func TestGraphProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t, false)
		g := w.graph()
		for i := range g.Len() {
			key := g.Key(i)
			if at, ok := g.Index(key); !ok || at != i {
				t.Fatalf("index of %s: got %d, want %d", key, at, i)
			}
			reachable := map[int32]bool{}
			for todo := slices.Clone(g.ReadBy(i)); len(todo) > 0; {
				j := todo[0]
				todo = todo[1:]
				if !reachable[j] {
					reachable[j] = true
					todo = append(todo, g.ReadBy(int(j))...)
				}
			}
			if got, want := g.Cycle(key) != nil, reachable[int32(i)]; got != want {
				t.Fatalf("%s in a cycle: got %v, want %v", key, got, want)
			}
			for _, u := range g.Reads(i) {
				if !slices.Contains(g.ReadBy(int(u)), int32(i)) {
					t.Fatalf("%s reads %s, which does not know", key, g.Key(int(u)))
				}
				if int(u) >= i && (g.Cycle(key) == nil || !reachable[u]) {
					t.Fatalf("%s stands before its upstream %s", key, g.Key(int(u)))
				}
			}
			if path := g.Cycle(key); path != nil {
				for k := range len(path) - 1 {
					if !slices.Contains(g.Downstreams(path[k]), path[k+1]) {
						t.Fatalf("cycle %v: %s does not read %s", path, path[k+1], path[k])
					}
				}
			}
		}
	})
}

func TestDiff(t *testing.T) {
	before := New(defs("l a:\nl b: a\nl c: b x\nl d:"), nil)
	all := defs("l a:\nl b:\nl c: x b\nm x:\nm y:")
	asset(all, "c").Code.Version = "go1:2"
	after := New(all, nil)
	c := Diff(before, after)
	for _, test := range []struct{ name, got, want string }{
		{"added", words(c.Added), "x y"},
		{"removed", words(c.Removed), "d"},
		{"changed", words(c.Changed), "c"},
		{"deps changed", words(c.DepsChanged), "b"},
		{"from nothing", words(Diff(nil, before).Added), "a b c d"},
		{"to nothing", words(Diff(before, nil).Removed), "a b c d"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
	if same := Diff(after, after); len(same.Added)+len(same.Removed)+len(same.Changed)+len(same.DepsChanged) > 0 {
		t.Errorf("nothing changed: got %+v", same)
	}
}

func TestDeepGraph(t *testing.T) {
	var b strings.Builder
	const n = 20_000
	previous := ""
	for i := range n {
		key := fmt.Sprintf("k%05d", i)
		b.WriteString("l " + key + ": " + previous + "\n")
		previous = key
	}
	all := defs(b.String())
	g := New(all, nil)
	if got := len(g.Ancestors(MustKey(previous), -1)); got != n-1 {
		t.Errorf("got %d ancestors, want %d", got, n-1)
	}
	all[0].Assets[0].Deps = []Key{MustKey(previous)}
	if got := len(New(all, nil).Cycle(MustKey(previous))); got != n+1 {
		t.Errorf("got a cycle of %d, want %d", got, n+1)
	}
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"a", "a/b", "l::a/b", "", "::", "a//b", ".a", "ü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			return
		}
		if k.String() != s {
			t.Errorf("got %q, want %q", k, s)
		}
		if again, err := ParseKey(k.Bare().In("x").String()); err != nil && len(s) < 150 || err == nil && again.Location() != "x" {
			t.Errorf("key of another location: got %q, %v", again, err)
		}
	})
}

func TestDeclaredAndMadeElsewhere(t *testing.T) {
	declared := func(location, key string, deps ...string) Asset {
		a := Asset{Key: MustKey(key), Location: location, External: true, Description: "said by " + location}
		for _, d := range deps {
			a.Deps = append(a.Deps, MustKey(d))
		}
		return a
	}
	a := Asset{Key: MustKey("a"), Executable: true}
	g := New([]Definitions{
		{Location: "l", Assets: []Asset{declared("l", "a"), declared("l", "x", "y"), {Key: MustKey("y"), Executable: true}}},
		{Location: "m", Assets: []Asset{a, declared("m", "x"), {Key: MustKey("b"), Executable: true, Deps: []Key{MustKey("x"), MustKey("a")}}}},
	}, nil)
	if got := words(g.Keys()); got != "y x a b" {
		t.Errorf("keys: got %s", got)
	}
	if made, _ := g.Asset(MustKey("a")); made.Location != "m" || g.IsExternal(MustKey("a")) || len(g.Problems()) > 0 {
		t.Errorf("a: got %+v, problems %v; want that of m", made, g.Problems())
	}
	x, _ := g.Asset(MustKey("x"))
	if !g.IsExternal(MustKey("x")) || x.Description != "said by l" {
		t.Errorf("x: got %+v; want an external asset with its description", x)
	}
	f := NewFreshness(g, func(Key) Stored { return Stored{} }, time.Now())
	if s := f.Status(MustKey("x")); s != External {
		t.Errorf("x is %s, want external", s)
	}
	// What it is said to be made from is nobody's to run; naming it says why it cannot be.
	for named, want := range map[string]string{
		"b": "a missing\nb missing < a",
		"x": "! x: it is external: l declares it, and no code location makes it",
	} {
		if got := planLines(MakePlan(g, f, PlanRequest{Selected: keysOf(named), Named: keysOf(named)})); got != want {
			t.Errorf("plan of %s: got\n%s\nwant\n%s", named, got, want)
		}
	}
}

func TestJobs(t *testing.T) {
	w := newWorld("l a:\nl b: a\nm c: b\nm d:")
	w.defs[0].Jobs = []Job{{Name: "daily", Assets: keysOf("b a")}, {Name: "none"}}
	w.defs[1].Jobs = []Job{{Name: "daily", Assets: keysOf("d a nowhere")}} // a is not m's
	g := w.graph()
	for selection, want := range map[string]string{"job:daily": "a b d", "job:daily and code_location:l": "a b", "job:none": "", "not job:daily": "c"} {
		s, err := ParseSelection(selection)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := Select(g, nil, s)
		if got := words(keys); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", selection, got, err, want)
		}
	}
	s, _ := ParseSelection("job:dayly")
	if _, err := Select(g, nil, s); err == nil || !strings.Contains(diag.Text(err), "did you mean job:daily?") {
		t.Errorf("got %v, want the nearest name", err)
	}
}
