package run

import (
	"fmt"
	"slices"
	"testing"

	"github.com/assetdev/assetdev/graph"
	"pgregory.net/rapid"
)

func steps(edges ...string) []graph.Step {
	var out []graph.Step
	for _, e := range edges {
		var name, ups string
		_, _ = fmt.Sscanf(e, "%s %s", &name, &ups)
		s := graph.Step{Asset: graph.MustKey(name), Location: "l"}
		for _, u := range splitComma(ups) {
			s.After = append(s.After, graph.MustKey(u))
		}
		out = append(out, s)
	}
	return out
}

func splitComma(s string) []string {
	var out []string
	for s != "" {
		i := slices.Index([]byte(s), ',')
		if i < 0 {
			return append(out, s)
		}
		out, s = append(out, s[:i]), s[i+1:]
	}
	return out
}

// trace runs to the end: each started step ends as ends says (default Succeeded), each checked step is needed unless cut.
func trace(t *testing.T, r *Run, ends map[string]State, cut map[string]bool) string {
	t.Helper()
	order := ""
	queue := r.Next(Begin{})
	done := false
	for len(queue) > 0 {
		e := queue[0]
		queue = queue[1:]
		switch e.Kind {
		case NeedCheck:
			queue = append(queue, r.Next(Checked{e.Key, !cut[e.Key.String()]})...)
		case Start:
			order += e.Key.String() + " "
			end, ok := ends[e.Key.String()]
			if !ok {
				end = Succeeded
			}
			queue = append(queue, r.Next(Ended{e.Key, end})...)
		case Done:
			done = true
		case Stop, Changed:
		}
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if !done {
		t.Fatal("the run never ended")
	}
	return order
}

func TestOrderAndOutcomes(t *testing.T) {
	plan := []string{"a", "b", "c a,b", "d c", "e"}
	for _, test := range []struct {
		name    string
		ends    map[string]State
		cut     map[string]bool
		order   string
		outcome string
		states  string
	}{
		{"all well", nil, nil, "a b e c d ", "succeeded", "succeeded succeeded succeeded succeeded succeeded"},
		{"a failure skips readers, the rest goes on", map[string]State{"a": Failed}, nil, "a b e ", "failed", "failed succeeded skipped skipped succeeded"},
		{"unchanged cuts off", map[string]State{"a": Unchanged}, map[string]bool{"c": true, "d": true}, "a b e ", "succeeded", "unchanged succeeded cut_off cut_off succeeded"},
		{"superseded goes on", map[string]State{"a": Superseded}, nil, "a b e c d ", "succeeded", "superseded succeeded succeeded succeeded succeeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := New(steps(plan...), Limits{Jobs: 2}, false, func(graph.Key) int { return 0 })
			order := trace(t, r, test.ends, test.cut)
			states := ""
			for _, s := range r.Steps {
				states += s.State.String() + " "
			}
			if order != test.order || states != test.states+" " || r.Outcome() != test.outcome {
				t.Errorf("order %q, states %q, outcome %s; want %q, %q, %s", order, states, r.Outcome(), test.order, test.states, test.outcome)
			}
		})
	}
}

func TestFailFastStartsNothingMore(t *testing.T) {
	r := New(steps("a", "b", "c b"), Limits{Jobs: 1}, true, func(graph.Key) int { return 0 })
	if order := trace(t, r, map[string]State{"a": Failed}, nil); order != "a " {
		t.Errorf("started %q, want only a", order)
	}
}

func TestRetries(t *testing.T) {
	r := New(steps("a"), Limits{Jobs: 1}, false, func(graph.Key) int { return 2 })
	if order := trace(t, r, map[string]State{"a": Failed}, nil); order != "a a a " {
		t.Errorf("started %q, want three tries", order)
	}
	if r.Steps[0].State != Failed || r.Steps[0].Attempt != 3 {
		t.Errorf("got %v after attempt %d, want failed after 3", r.Steps[0].State, r.Steps[0].Attempt)
	}
}

func TestTouchedStepStartsAgain(t *testing.T) {
	a := graph.MustKey("a")
	r := New(steps("a", "b a"), Limits{Jobs: 1}, false, func(graph.Key) int { return 0 })
	r.Next(Begin{})
	r.Next(Checked{a, true})
	if got := r.Next(Touched{a}); len(got) != 1 || got[0] != (Effect{Stop, a}) {
		t.Fatalf("got %v, want a stop", got)
	}
	got := r.Next(Ended{a, Cancelled})
	if !slices.Contains(got, Effect{NeedCheck, a}) {
		t.Fatalf("got %v, want the step to be checked again", got)
	}
	if got := r.Next(Checked{a, true}); !slices.Contains(got, Effect{Start, a}) {
		t.Fatalf("got %v, want it started again", got)
	}
}

// TestAnyRunEnds: whatever happens in whatever order, invariants hold and the run ends once everything running has ended.
func TestAnyRunEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "steps")
		var plan []graph.Step
		for i := range n {
			s := graph.Step{Asset: graph.MustKey(fmt.Sprint("s", i)), Location: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "location")}
			for j := range i {
				if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
					s.After = append(s.After, plan[j].Asset)
				}
			}
			plan = append(plan, s)
		}
		limits := Limits{Jobs: rapid.IntRange(1, 4).Draw(t, "jobs"), PerLocation: map[string]int{"x": rapid.IntRange(0, 2).Draw(t, "x")}}
		r := New(plan, limits, rapid.Bool().Draw(t, "fail fast"), func(graph.Key) int { return 1 })
		var checks, running []graph.Key
		done := false
		take := func(effects []Effect) {
			for _, e := range effects {
				switch e.Kind {
				case NeedCheck:
					checks = append(checks, e.Key)
				case Start:
					running = append(running, e.Key)
				case Done:
					done = true
				case Stop, Changed:
				}
			}
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
		}
		remove := func(list *[]graph.Key) graph.Key {
			i := rapid.IntRange(0, len(*list)-1).Draw(t, "which")
			k := (*list)[i]
			*list = slices.Delete(*list, i, i+1)
			return k
		}
		take(r.Next(Begin{}))
		for guard := 0; !done; guard++ {
			if guard > 2000 {
				t.Fatal("no end")
			}
			before := slices.Clone(r.Steps)
			switch action := rapid.IntRange(0, 9).Draw(t, "action"); {
			case action == 0 && guard < 50:
				take(r.Next(Touched{plan[rapid.IntRange(0, n-1).Draw(t, "touched")].Asset}))
			case action == 1 && guard < 50:
				key := graph.Key{}
				if rapid.Bool().Draw(t, "one") {
					key = plan[rapid.IntRange(0, n-1).Draw(t, "cancelled")].Asset
				}
				take(r.Next(Cancel{key}))
			case len(checks) > 0:
				take(r.Next(Checked{remove(&checks), rapid.Bool().Draw(t, "needed")}))
			case len(running) > 0:
				take(r.Next(Ended{remove(&running), rapid.SampledFrom([]State{Succeeded, Unchanged, Superseded, Failed, Cancelled}).Draw(t, "outcome")}))
			default:
				if !done {
					t.Fatalf("nothing to wait for and not done: %v", r.Steps)
				}
			}
			for i := range before {
				if before[i].State.Final() && r.Steps[i].State != before[i].State {
					t.Fatalf("%s was %s and became %s", before[i].Asset, before[i].State, r.Steps[i].State)
				}
			}
		}
	})
}
