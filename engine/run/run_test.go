package run

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
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

func TestFailFastSkipsTheQueuedOfABusyLocation(t *testing.T) {
	plan := steps("a", "b", "c")
	plan[1].Location = "other"
	r := New(plan, Limits{Jobs: 2, PerLocation: map[string]int{"l": 1}}, true, func(graph.Key) int { return 0 })
	r.Next(Begin{})
	a, b, c := plan[0].Asset, plan[1].Asset, plan[2].Asset
	for _, key := range []graph.Key{a, b, c} {
		r.Next(Checked{key, true})
	}
	want := []Effect{{Changed, b, Failed, 1}, {Changed, c, Skipped, 0}}
	if got := r.Next(Ended{b, Failed}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStoppedStepIsNotTriedAgain(t *testing.T) {
	a := graph.MustKey("a")
	r := New(steps("a"), Limits{Jobs: 1}, false, func(graph.Key) int { return 1 })
	r.Next(Begin{})
	r.Next(Checked{a, true})
	r.Next(Touched{a})
	r.Next(Cancel{a})
	want := []Effect{{Changed, a, Cancelled, 1}, {Kind: Done}}
	if got := r.Next(Ended{a, Failed}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
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
	if got := r.Next(Touched{a}); len(got) != 1 || got[0] != (Effect{Stop, a, Running, 1}) {
		t.Fatalf("got %v, want a stop", got)
	}
	got := r.Next(Ended{a, Cancelled})
	if !slices.Contains(got, Effect{NeedCheck, a, Ready, 1}) {
		t.Fatalf("got %v, want the step to be checked again", got)
	}
	if got := r.Next(Checked{a, true}); !slices.Contains(got, Effect{Start, a, Running, 2}) {
		t.Fatalf("got %v, want it started again", got)
	}
}

// TestEffectsTellTheStateAtTheTime: an owner that performs effects later still tells queued before running.
func TestEffectsTellTheStateAtTheTime(t *testing.T) {
	a := graph.MustKey("a")
	r := New(steps("a"), Limits{Jobs: 1}, false, func(graph.Key) int { return 1 })
	r.Next(Begin{})
	want := []Effect{{Changed, a, Queued, 0}, {Changed, a, Running, 1}, {Start, a, Running, 1}}
	if got := r.Next(Checked{a, true}); !slices.Equal(got, want) {
		t.Errorf("after the check: got %v, want %v", got, want)
	}
	want = []Effect{{Changed, a, Queued, 1}, {Changed, a, Running, 2}, {Start, a, Running, 2}}
	if got := r.Next(Ended{a, Failed}); !slices.Equal(got, want) {
		t.Errorf("after the failure: got %v, want %v", got, want)
	}
	want = []Effect{{Changed, a, Failed, 2}, {Kind: Done}}
	if got := r.Next(Ended{a, Failed}); !slices.Equal(got, want) {
		t.Errorf("after the last failure: got %v, want %v", got, want)
	}
	for _, late := range []Event{Begin{}, Checked{a, true}, Ended{a, Failed}, Touched{a}, Cancel{a}, Cancel{}} {
		if got := r.Next(late); len(got) != 0 {
			t.Errorf("a late %T: got %v, want no effects", late, got)
		}
	}
}

// TestRestartsUseUpNoRetries: whether the stopped attempt says cancelled or failed, an edit is no failure of the step.
func TestRestartsUseUpNoRetries(t *testing.T) {
	a := graph.MustKey("a")
	r := New(steps("a"), Limits{Jobs: 1}, false, func(graph.Key) int { return 1 })
	r.Next(Begin{})
	r.Next(Checked{a, true})
	for _, outcome := range []State{Cancelled, Failed} {
		r.Next(Touched{a})
		r.Next(Ended{a, outcome})
		r.Next(Checked{a, true})
	}
	r.Next(Ended{a, Failed})
	if s := r.Step(a); s.State != Running || s.Attempt != 4 {
		t.Fatalf("after two restarts and a failure: %v in attempt %d, want the retry running in attempt 4", s.State, s.Attempt)
	}
	r.Next(Ended{a, Failed})
	if s := r.Step(a); s.State != Failed || s.Attempt != 4 {
		t.Errorf("after the second failure: %v in attempt %d, want failed in attempt 4", s.State, s.Attempt)
	}
}

// TestBusyLocationHoldsUpNoOther: free places go to the first queued step of the plan whose location has one.
func TestBusyLocationHoldsUpNoOther(t *testing.T) {
	plan := steps("a", "b", "c", "d")
	plan[3].Location = "other"
	r := New(plan, Limits{Jobs: 2, PerLocation: map[string]int{"l": 1}}, false, func(graph.Key) int { return 0 })
	r.Next(Begin{})
	started := ""
	for _, name := range []string{"c", "b", "d", "a"} { // the order of the answers is not that of the plan
		for _, e := range r.Next(Checked{graph.MustKey(name), true}) {
			if e.Kind == Start {
				started += e.Key.String() + " "
			}
		}
	}
	for _, name := range []string{"c", "d", "a"} {
		for _, e := range r.Next(Ended{graph.MustKey(name), Succeeded}) {
			if e.Kind == Start {
				started += e.Key.String() + " "
			}
		}
	}
	if want := "c d a b "; started != want {
		t.Errorf("started %q, want %q", started, want)
	}
}

// recount checks all that [Run.Check] derives from counters, and more, by looking at every step: the counters, invariant (a),
// and that nothing is left that could move.
func recount(r *Run) error {
	var counts [Cancelled + 1]int
	running, final := map[string]int{}, 0
	for i := range r.Steps {
		s := &r.Steps[i]
		counts[s.State]++
		if s.State == Running {
			running[s.Location]++
		}
		if s.State.Final() {
			final++
		}
	}
	if counts != r.counts || final != r.final {
		return fmt.Errorf("counted %v, %d final; the run says %v, %d", counts, final, r.counts, r.final)
	}
	for _, p := range r.places {
		if running[p.name] != p.running {
			return fmt.Errorf("%d steps of %s run; the run says %d", running[p.name], p.name, p.running)
		}
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		good, bad := true, false
		for _, up := range s.After {
			state := r.Step(up).State
			good = good && state.Good()
			bad = bad || state.Final() && !state.Good()
		}
		limit := r.limits.PerLocation[s.Location]
		switch s.State {
		case Want:
			if good || bad || r.halted {
				return fmt.Errorf("%s waits for nothing", s.Asset)
			}
		case Queued:
			if r.halted || counts[Running] < r.limits.Jobs && (limit <= 0 || running[s.Location] < limit) {
				return fmt.Errorf("%s is queued and could start", s.Asset)
			}
		case Ready, Running, Succeeded, Unchanged, CutOff, Superseded, Failed, Skipped, Cancelled:
		}
		if (s.State == Ready || s.State == Queued || s.State == Running) && !good {
			return fmt.Errorf("%s is %s although an upstream is not good", s.Asset, s.State)
		}
	}
	return nil
}

// inOrder checks the effects of one event: after those about the event itself, upstreams come before readers, in the plan's
// order, and no queued step is passed over by a later one of its location.
func inOrder(r *Run, ev Event, effects []Effect) error {
	last := -1
	for k, e := range effects {
		if e.Kind == Done {
			if k != len(effects)-1 || r.final != len(r.Steps) {
				return fmt.Errorf("done too early: %v", effects)
			}
			continue
		}
		if _, all := ev.(Cancel); e.Kind == Stop || k == 0 || all && e.State == Cancelled {
			continue
		}
		i := r.index[e.Key]
		if i < last {
			return fmt.Errorf("%s comes too late: %v", e.Key, effects)
		}
		last = i
		for j := range i {
			if s := &r.Steps[j]; e.Kind == Start && s.State == Queued && s.Location == r.Steps[i].Location {
				return fmt.Errorf("%s started before %s", e.Key, s.Asset)
			}
		}
	}
	return nil
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
		finished := 0
		take := func(ev Event) {
			effects := r.Next(ev)
			for _, e := range effects {
				switch e.Kind {
				case NeedCheck:
					checks = append(checks, e.Key)
				case Start:
					running = append(running, e.Key)
				case Done:
					done = true
				case Changed:
					if e.State.Final() {
						finished++
					}
				case Stop:
				}
			}
			if err := errors.Join(r.Check(), recount(r), inOrder(r, ev, effects)); err != nil {
				t.Fatal(err)
			}
		}
		remove := func(list *[]graph.Key) graph.Key {
			i := rapid.IntRange(0, len(*list)-1).Draw(t, "which")
			k := (*list)[i]
			*list = slices.Delete(*list, i, i+1)
			return k
		}
		take(Begin{})
		for guard := 0; !done; guard++ {
			if guard > 2000 {
				t.Fatal("no end")
			}
			before := slices.Clone(r.Steps)
			switch action := rapid.IntRange(0, 9).Draw(t, "action"); {
			case action == 0 && guard < 50:
				take(Touched{plan[rapid.IntRange(0, n-1).Draw(t, "touched")].Asset})
			case action == 1 && guard < 50:
				key := graph.Key{}
				if rapid.Bool().Draw(t, "one") {
					key = plan[rapid.IntRange(0, n-1).Draw(t, "cancelled")].Asset
				}
				take(Cancel{key})
			case len(checks) > 0:
				take(Checked{remove(&checks), rapid.Bool().Draw(t, "needed")})
			case len(running) > 0:
				take(Ended{remove(&running), rapid.SampledFrom([]State{Succeeded, Unchanged, Superseded, Failed, Cancelled}).Draw(t, "outcome")})
			default:
				if !done {
					t.Fatalf("nothing to wait for and not done: %v", r.Steps)
				}
			}
			for i := range before {
				if before[i].Attempt > r.Steps[i].Attempt {
					t.Fatalf("%s went from attempt %d back to %d", before[i].Asset, before[i].Attempt, r.Steps[i].Attempt)
				}
				if before[i].State.Final() && r.Steps[i].State != before[i].State {
					t.Fatalf("%s was %s and became %s", before[i].Asset, before[i].State, r.Steps[i].State)
				}
			}
		}
		if finished != n {
			t.Fatalf("%d final states were told of %d steps", finished, n)
		}
	})
}

// cpu returns the processor time of this process so far, in milliseconds.
func cpu(b *testing.B) float64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

// BenchmarkRun takes runs from begin to end, checking the invariants after every effect as the owner does. One iteration is
// one run; the time without the making of the plan.
func BenchmarkRun(b *testing.B) {
	const n = 10_000
	for _, shape := range []struct {
		name string
		ups  func(i int) []int
	}{
		{"independent", func(int) []int { return nil }},
		{"chain", func(i int) []int { return []int{i - 1} }},
		{"realistic", func(i int) []int { // a tenth are sources; the others read one to four steps of the 200 before them
			if i < 10 || i%10 == 0 {
				return nil
			}
			var ups []int
			for k := range 1 + i%4 {
				ups = append(ups, i-1-(i*7919+k*104729)%min(i, 200))
			}
			return ups
		}},
	} {
		b.Run(fmt.Sprintf("steps=%d/shape=%s", n, shape.name), func(b *testing.B) {
			plan := make([]graph.Step, n)
			for i := range plan {
				plan[i] = graph.Step{Asset: graph.MustKey(fmt.Sprint("s", i)), Location: fmt.Sprint("l", i%5)}
				if i == 0 {
					continue
				}
				for _, j := range shape.ups(i) {
					plan[i].After = append(plan[i].After, plan[j].Asset)
				}
			}
			began := cpu(b)
			for b.Loop() {
				r := New(plan, Limits{Jobs: 8, PerLocation: map[string]int{"l0": 1}}, false, func(graph.Key) int { return 0 })
				todo, done := r.Next(Begin{}), false
				for len(todo) > 0 {
					e := todo[0]
					todo = todo[1:]
					switch e.Kind {
					case NeedCheck:
						todo = append(todo, r.Next(Checked{e.Key, true})...)
					case Start:
						todo = append(todo, r.Next(Ended{e.Key, Succeeded})...)
					case Done:
						done = true
					case Stop, Changed:
					}
					if err := r.Check(); err != nil {
						b.Fatal(err)
					}
				}
				if !done {
					b.Fatal("the run never ended")
				}
			}
			b.ReportMetric((cpu(b)-began)/float64(b.N), "cpu-ms/op")
		})
	}
}
