package graph

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// planLines returns a plan as "key why<after" with "?" for what may be cut off, "= key" for fresh and "! key: text" for blocked.
func planLines(p Plan) string {
	var lines []string
	for _, s := range p.Steps {
		line := s.Asset.String() + " " + s.Why
		if s.MayBeCutOff {
			line += "?"
		}
		if len(s.After) > 0 {
			line += " < " + words(s.After)
		}
		if !s.Unit.IsZero() && !s.Together {
			line += " +" + s.Unit.String()
		}
		lines = append(lines, line)
	}
	for _, k := range p.Fresh {
		lines = append(lines, "= "+k.String())
	}
	for _, b := range p.Blocked {
		lines = append(lines, "! "+b.Asset.String()+": "+b.Text)
	}
	return strings.Join(lines, "\n")
}

func TestPlan(t *testing.T) {
	const chain = "l a:\nl b: a\nm c: b\nm d: c\nm other:"
	code := func(key string) func(w *world) {
		return func(w *world) { asset(w.defs, key).Code.Version = "go1:2" }
	}
	for _, test := range []struct {
		name, defs string
		change     func(w *world)
		request    PlanRequest
		want       string
	}{
		{"nothing to do", chain, func(*world) {}, PlanRequest{Selected: keysOf("d c")}, "= c\n= d"},
		{"nothing selected", chain, code("a"), PlanRequest{}, ""},
		{"keys that do not exist", chain, code("a"), PlanRequest{Selected: keysOf("nowhere a a")}, "a stale"},
		{"everything missing", chain, func(w *world) { clear(w.stored) }, PlanRequest{Selected: keysOf("c")}, "a missing\nb missing < a\nc missing < b"},
		{"from the change to the selection", chain, code("b"), PlanRequest{Selected: keysOf("c")}, "b stale\nc stale? < b"},
		{
			"changes above and between", chain, func(w *world) { code("a")(w); code("c")(w) },
			PlanRequest{Selected: keysOf("d")},
			"a stale\nb stale? < a\nc stale < b\nd stale? < c",
		},
		{"what is below the selection stays", chain, code("b"), PlanRequest{Selected: keysOf("b other")}, "b stale\n= other"},
		{"overdue, and what lies between", chain, func(w *world) {
			asset(w.defs, "b").MaxAge = time.Minute
			w.now = w.now.Add(time.Hour)
		}, PlanRequest{Selected: keysOf("d")}, "b overdue\nc stale? < b\nd stale? < c"},
		{"data gone may come back as it was", chain, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) { s.Data = DataMissing })
		}, PlanRequest{Selected: keysOf("c")}, "b missing\nc stale? < b"},
		{"data gone, and other data since", chain, func(w *world) {
			w.run(MustKey("b"), "")
			w.change("b", func(s *Stored, _ *Record) { s.Data = DataMissing })
		}, PlanRequest{Selected: keysOf("c")}, "b missing\nc stale < b"},
		{
			"data never made does not", chain, func(w *world) { delete(w.stored, MustKey("b")) },
			PlanRequest{Selected: keysOf("c")},
			"b missing\nc stale < b",
		},
		{"only", chain, code("a"), PlanRequest{Selected: keysOf("c d other"), Only: true}, "c stale\nd stale? < c\n= other"},
		{"only, overdue", chain, func(w *world) {
			asset(w.defs, "b").MaxAge = time.Minute
			w.now = w.now.Add(time.Hour)
		}, PlanRequest{Selected: keysOf("b c"), Only: true}, "b overdue\nc stale? < b"},
		{"force", chain, func(*world) {}, PlanRequest{Selected: keysOf("c"), Force: true}, "c forced"},
		{"force with a stale upstream", chain, code("b"), PlanRequest{Selected: keysOf("c other"), Force: true}, "b stale\nc stale < b\nother forced"},
		{"force, and what lies between", chain, func(*world) {}, PlanRequest{Selected: keysOf("a c"), Force: true}, "a forced\nb stale? < a\nc forced < b"},

		{
			"made elsewhere", chain, func(w *world) { w.stored = map[Key]Stored{MustKey("b"): {Data: DataForeign}} },
			PlanRequest{Selected: keysOf("c b")},
			"c missing\n= b",
		},
		{"made elsewhere, and nothing above it can run", chain, func(w *world) {
			w.stored = map[Key]Stored{MustKey("b"): {Data: DataForeign}}
			asset(w.defs, "a").Executable = false
		}, PlanRequest{Selected: keysOf("c")}, "c missing"},
		{
			"made elsewhere, named", chain, func(w *world) { w.stored = map[Key]Stored{MustKey("b"): {Data: DataForeign}} },
			PlanRequest{Selected: keysOf("c b"), Named: keysOf("b")},
			"a missing\nb unknown < a\nc missing < b",
		},
		{
			"made elsewhere, named but not selected", chain, func(w *world) { w.stored = map[Key]Stored{MustKey("b"): {Data: DataForeign}} },
			PlanRequest{Selected: keysOf("c"), Named: keysOf("b")},
			"c missing",
		},
		{
			"made elsewhere, forced", chain, func(w *world) { w.stored = map[Key]Stored{MustKey("b"): {Data: DataForeign}} },
			PlanRequest{Selected: keysOf("b"), Force: true},
			"a missing\nb unknown < a",
		},

		{
			"does not load", chain, func(w *world) {
				code("b")(w)
				w.defs[0].Broken = "syntax error in a.py"
				asset(w.defs, "a").Stale, asset(w.defs, "b").Stale = true, true
			},
			PlanRequest{Selected: keysOf("d other a")},
			"= a\n= other\n! b: code location l does not load: syntax error in a.py\n" +
				"! c: waits for b: code location l does not load: syntax error in a.py\n" +
				"! d: waits for b: code location l does not load: syntax error in a.py",
		},
		{"does not load, with only", chain, func(w *world) {
			code("b")(w)
			w.defs[0].Broken = "syntax error in a.py"
		}, PlanRequest{Selected: keysOf("c"), Only: true}, "c stale"},
		{"not executable", chain, func(w *world) {
			code("b")(w)
			asset(w.defs, "b").Executable, asset(w.defs, "b").Why = false, "its type is not known"
		}, PlanRequest{Selected: keysOf("b other")}, "= other\n! b: its type is not known"},
		{"what only blocked assets need", "l a:\nl b: a\nl c: b\nl d: a", func(w *world) {
			clear(w.stored)
			asset(w.defs, "c").Executable = false
		}, PlanRequest{Selected: keysOf("c d")}, "a missing\nd missing < a\n! c: it is not executable"},
		{
			"in a cycle", "l a: b\nl b: a\nl c: b\nl d:", func(w *world) { clear(w.stored) },
			PlanRequest{Selected: keysOf("c d")},
			"d missing\n! b: it lies in a cycle: b → a → b\n! c: waits for b: it lies in a cycle: b → a → b",
		},
		{
			"two locations define it", "l a:\nm a:\nl b: a\nl c: b", func(w *world) { clear(w.stored) },
			PlanRequest{Selected: keysOf("c")},
			"! b: it reads a, and a is defined by l and m; name the one that owns it in assetdev.yaml, as owners: {a: l}\n" +
				"! l::a: a is defined by l and m; name the one that owns it in assetdev.yaml, as owners: {a: l}\n" +
				"! c: waits for b: it reads a, and a is defined by l and m; name the one that owns it in assetdev.yaml, as owners: {a: l}\n" +
				"! m::a: a is defined by l and m; name the one that owns it in assetdev.yaml, as owners: {a: l}",
		},
		{"storage unreachable", chain, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) { s.Data, s.Text = DataUnreachable, "no route" })
		}, PlanRequest{Selected: keysOf("c")}, "! b: its storage cannot be asked: no route\n! c: waits for b: its storage cannot be asked: no route"},
		{"external without data", "l a: x", func(w *world) { clear(w.stored) }, PlanRequest{Selected: keysOf("a")}, "a missing"},
		{"external, selected", "l a: x", func(*world) {}, PlanRequest{Selected: keysOf("a x")}, "= x\n= a"},
		{
			"external, named", "l a: aa\nl b: aa", func(*world) {},
			PlanRequest{Selected: keysOf("aa"), Named: keysOf("aa")},
			"! aa: no code location defines it; did you mean a?",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(test.defs).runAll()
			test.change(w)
			f := w.judge()
			got := MakePlan(f.Graph(), f, test.request)
			// Blocked assets are told in the order of the graph; the table is easier to read in that of the text.
			want := strings.Split(test.want, "\n")
			lines := strings.Split(planLines(got), "\n")
			if len(got.Blocked) > 0 {
				slices.Sort(want)
				slices.Sort(lines)
			}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Errorf("plan differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanOfMultiAssetSteps(t *testing.T) {
	const text = "l x:\nl a:\nl b: x\nl c: b\nm d: a"
	step := func(w *world, keys ...string) {
		for _, k := range keys {
			asset(w.defs, k).Step, asset(w.defs, k).Together = "s", true
		}
	}
	apart := func(w *world, keys ...string) {
		step(w, keys...)
		for _, k := range keys {
			asset(w.defs, k).Together = false
		}
	}
	for _, test := range []struct {
		name     string
		change   func(w *world)
		selected string
		want     string
	}{
		{"siblings run together", func(w *world) {
			step(w, "a", "b")
			asset(w.defs, "a").Code.Version = "go1:2"
		}, "a", "a stale\nb forced"},
		{"a sibling brings its upstreams", func(w *world) {
			step(w, "a", "b")
			asset(w.defs, "a").Code.Version = "go1:2"
			delete(w.stored, MustKey("x"))
		}, "a", "x missing\na stale < x\nb stale < x"},
		{"but not when nothing of it is needed", func(w *world) {
			step(w, "a", "b")
			delete(w.stored, MustKey("x"))
		}, "a d", "= a\n= d"},
		{"cut off together", func(w *world) {
			step(w, "a", "b")
			asset(w.defs, "x").Code.Version = "go1:2"
		}, "b", "x stale\na forced? < x\nb stale? < x"},
		{"one reads the other", func(w *world) {
			step(w, "b", "c")
			asset(w.defs, "c").Code.Version = "go1:2"
		}, "c", "b forced\nc stale"},
		{"a sibling cannot run", func(w *world) {
			step(w, "a", "b")
			clear(w.stored)
			asset(w.defs, "b").Executable = false
		}, "d", "! a: is made by one step with b: it is not executable\n! b: it is not executable\n! d: waits for b: it is not executable"},
		{"what it makes is read on the way", func(w *world) {
			step(w, "x", "c")
			clear(w.stored)
		}, "c d", "a missing\nd missing < a\n! x: it waits in a circle: assets that one step makes together read what others make from them\n" +
			"! b: it waits in a circle: assets that one step makes together read what others make from them\n" +
			"! c: it waits in a circle: assets that one step makes together read what others make from them"},
		{"some of them alone", func(w *world) {
			apart(w, "a", "b")
			asset(w.defs, "a").Code.Version = "go1:2"
			delete(w.stored, MustKey("x"))
		}, "a", "a stale"},
		{"several of them wait for the upstreams of all", func(w *world) {
			apart(w, "a", "b")
			clear(w.stored)
		}, "a b", "x missing\na missing < x +a\nb missing < x +a"},
		{"what cannot run holds up no other", func(w *world) {
			apart(w, "a", "b")
			clear(w.stored)
			asset(w.defs, "x").Executable = false
		}, "a c", "a missing\n! x: it is not executable\n! b: waits for x: it is not executable\n! c: waits for x: it is not executable"},
		{"some of them in turn, where together would be a circle", func(w *world) {
			apart(w, "x", "c")
			clear(w.stored)
		}, "c", "x missing\nb missing < x\nc missing < b"},
		{"equal names in two locations are two steps", func(w *world) {
			step(w, "a", "d")
			clear(w.stored)
		}, "a", "a missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(text).runAll()
			test.change(w)
			f := w.judge()
			got := strings.Split(planLines(MakePlan(f.Graph(), f, PlanRequest{Selected: keysOf(test.selected)})), "\n")
			want := strings.Split(test.want, "\n")
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("plan differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanJSON(t *testing.T) {
	w := newWorld("l a:\nl b: a")
	f := w.judge()
	p := MakePlan(f.Graph(), f, PlanRequest{Selected: keysOf("b"), Forecast: func(k Key) (int64, bool) { return 1200, k == MustKey("b") }})
	got, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"steps":[{"asset":"a","partition":null,"location":"l","why":"missing","after":[],"forecast_ms":null,"may_be_cut_off":false},` +
		`{"asset":"b","partition":null,"location":"l","why":"missing","after":["a"],"forecast_ms":1200,"may_be_cut_off":false}],"fresh":[],"blocked":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// randomRequest asks for some of the assets of a world.
func randomRequest(t *rapid.T, g *Graph) PlanRequest {
	r := PlanRequest{Only: rapid.IntRange(0, 5).Draw(t, "only") == 0, Force: rapid.IntRange(0, 5).Draw(t, "force") == 0}
	for _, k := range g.Keys() {
		if rapid.IntRange(0, 2).Draw(t, "selected") == 0 {
			r.Selected = append(r.Selected, k)
			if rapid.IntRange(0, 2).Draw(t, "named") == 0 {
				r.Named = append(r.Named, k)
			}
		}
	}
	return r
}

func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t, true)
		f := w.judge()
		g := f.Graph()
		r := randomRequest(t, g)
		p := MakePlan(g, f, r)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("%s\nrequest %+v\nplan\n%s", fmt.Sprintf(format, args...), r, planLines(p))
		}
		place := map[Key]int{}
		runs, blocked := map[Key]bool{}, map[Key]bool{}
		for i, s := range p.Steps {
			place[s.Asset] = i
			runs[s.Asset] = true
		}
		for _, b := range p.Blocked {
			if runs[b.Asset] || b.Text == "" {
				fail("%s is blocked and runs, or has no text", b.Asset)
			}
			runs[b.Asset], blocked[b.Asset] = true, true
		}
		if len(runs) != len(p.Steps)+len(p.Blocked) {
			fail("something stands twice in the plan")
		}
		sibling := func(a, b Key) bool {
			x, _ := g.Asset(a)
			y, _ := g.Asset(b)
			return a != b && x.Step != "" && x.Step == y.Step && x.Location == y.Location && x.Together
		}

		// Order: each step stands behind what it waits for, and waits for all that it and its siblings read.
		for i, s := range p.Steps {
			for _, u := range s.After {
				if at, ok := place[u]; !ok || at >= i {
					fail("%s waits for %s, which does not stand before it", s.Asset, u)
				}
			}
			if len(s.Reasons) == 0 {
				fail("%s runs without a reason", s.Asset)
			}
			for _, other := range p.Steps { // one process: they wait for the same, and not for each other
				if s.Unit.IsZero() || other.Unit != s.Unit {
					continue
				}
				x, _ := g.Asset(s.Asset)
				if y, _ := g.Asset(other.Asset); x.Step != y.Step || x.Location != y.Location || !slices.Equal(s.After, other.After) || slices.Contains(s.After, other.Asset) {
					fail("%s and %s are no unit", s.Asset, other.Asset)
				}
			}
			for _, other := range g.Keys() {
				if !sibling(s.Asset, other) && other != s.Asset {
					continue
				}
				if !runs[other] || blocked[other] {
					fail("%s runs without its sibling %s", s.Asset, other)
				}
				for _, u := range g.Upstreams(other) {
					unit := !s.Unit.IsZero() && place[u] < len(p.Steps) && runs[u] && !blocked[u] && p.Steps[place[u]].Unit == s.Unit
					if runs[u] && u != s.Asset && !sibling(u, s.Asset) && !unit && !slices.Contains(s.After, u) {
						fail("%s does not wait for %s", s.Asset, u)
					}
				}
			}
		}

		// Something that can run, or the user, wants k.
		wanted := func(k Key) bool {
			for _, other := range g.Keys() {
				if other != k && !sibling(k, other) {
					continue
				}
				if slices.Contains(r.Selected, other) {
					return true
				}
				for _, d := range g.Downstreams(other) {
					if !r.Only && runs[d] && !blocked[d] && !sibling(d, k) && d != k {
						return true
					}
				}
			}
			return false
		}

		// Completeness: what is not fresh among the selection and its ancestors runs, down to the selection.
		asItIs := func(k Key) bool {
			forced := r.Force && slices.Contains(r.Selected, k)
			return f.Status(k) == External || f.Stored(k).Data == DataForeign && g.Cycle(k) == nil && !forced && !slices.Contains(r.Named, k) && !runs[k]
		}
		var visit func(k Key, seen map[Key]bool)
		visit = func(k Key, seen map[Key]bool) {
			if seen[k] || asItIs(k) {
				return
			}
			seen[k] = true
			if status := f.Status(k); status != Fresh && !runs[k] && wanted(k) {
				fail("%s is %s and does not run", k, status)
			}
			if r.Only || g.Cycle(k) != nil {
				return
			}
			for _, u := range g.Upstreams(k) {
				visit(u, seen)
				if runs[u] && !runs[k] && wanted(k) {
					fail("%s runs and its reader %s does not", u, k)
				}
			}
		}
		needed := map[Key]bool{}
		for _, k := range r.Selected {
			visit(k, needed)
			if r.Force && f.Status(k) != External && !runs[k] {
				fail("%s is forced and does not run", k)
			}
			if slices.Contains(p.Fresh, k) == runs[k] {
				fail("%s: fresh %v, runs %v", k, slices.Contains(p.Fresh, k), runs[k])
			}
		}
		for _, k := range p.Fresh {
			if !slices.Contains(r.Selected, k) {
				fail("%s is told as fresh and was not asked for", k)
			}
		}

		// Minimality: what runs has a cause, and somebody who can run wants it.
		for k := range runs {
			cause := f.Status(k) != Fresh || r.Force && slices.Contains(r.Selected, k)
			for _, u := range g.Upstreams(k) {
				cause = cause || runs[u]
			}
			for other := range runs {
				if sibling(k, other) {
					cause = true
				}
			}
			if !blocked[k] && (!cause || !wanted(k)) {
				fail("%s runs, with cause %v, wanted %v", k, cause, wanted(k))
			}
		}

		// After the steps have run, everything selected that was not blocked is fresh, and planning again finds nothing.
		if r.Only || len(p.Blocked) > 0 {
			return
		}
		for _, s := range p.Steps {
			data := ""
			if rec := w.stored[s.Asset].Record; rec != nil && rapid.Bool().Draw(t, "same data") {
				data = rec.DataVersion
			}
			w.run(s.Asset, data)
		}
		f = w.judge()
		for _, k := range r.Selected {
			if status := f.Status(k); status != Fresh && status != External && f.Stored(k).Data != DataForeign {
				fail("after the plan %s is %s: %s", k, status, reasonLines(f.Reasons(k)))
			}
		}
		r.Force = false
		if again := MakePlan(g, f, r); len(again.Steps) > 0 {
			fail("planning again finds\n%s", planLines(again))
		}
	})
}

// TestCutOffIsHonest runs the steps that a plan calls certain and leaves out the others when all upstreams made the data they
// had: everything must be fresh then.
func TestCutOffIsHonest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t, false)
		f := w.judge()
		var all []Key
		for i := range f.Graph().Len() {
			all = append(all, f.Graph().Key(i))
		}
		p := MakePlan(f.Graph(), f, PlanRequest{Selected: all})
		if len(p.Blocked) > 0 {
			return
		}
		for _, s := range p.Steps {
			if s.MayBeCutOff {
				continue
			}
			data := ""
			if rec := w.stored[s.Asset].Record; rec != nil {
				data = rec.DataVersion
			}
			w.run(s.Asset, data)
		}
		f = w.judge()
		for _, s := range p.Steps {
			if status := f.Status(s.Asset); s.MayBeCutOff && status != Fresh {
				t.Fatalf("%s might have been cut off and is %s: %s\nplan\n%s", s.Asset, status, reasonLines(f.Reasons(s.Asset)), planLines(p))
			}
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		w := &world{defs: generate(n), stored: map[Key]Stored{}, now: noon}
		f := w.judge()
		g := f.Graph()
		b.Run(fmt.Sprintf("missing/assets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				MakePlan(g, f, PlanRequest{Selected: g.Keys()})
			}
		})
	}
}
