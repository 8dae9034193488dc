package run

import (
	"errors"
	"fmt"
	"maps"
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
			for _, key := range r.Together(e.Key) {
				order += key.String() + " "
				end, ok := ends[key.String()]
				if !ok {
					end = Succeeded
				}
				queue = append(queue, r.Next(Ended{Key: key, Outcome: end})...)
			}
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
	if got := r.Next(Ended{Key: b, Outcome: Failed}); !slices.Equal(got, want) {
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
	if got := r.Next(Ended{Key: a, Outcome: Failed}); !slices.Equal(got, want) {
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
	got := r.Next(Ended{Key: a, Outcome: Cancelled})
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
	if got := r.Next(Ended{Key: a, Outcome: Failed}); !slices.Equal(got, want) {
		t.Errorf("after the failure: got %v, want %v", got, want)
	}
	want = []Effect{{Changed, a, Failed, 2}, {Kind: Done}}
	if got := r.Next(Ended{Key: a, Outcome: Failed}); !slices.Equal(got, want) {
		t.Errorf("after the last failure: got %v, want %v", got, want)
	}
	for _, late := range []Event{Begin{}, Checked{a, true}, Ended{Key: a, Outcome: Failed}, Touched{a}, Cancel{a}, Cancel{}} {
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
		r.Next(Ended{Key: a, Outcome: outcome})
		r.Next(Checked{a, true})
	}
	r.Next(Ended{Key: a, Outcome: Failed})
	if s := r.Step(a); s.State != Running || s.Attempt != 4 {
		t.Fatalf("after two restarts and a failure: %v in attempt %d, want the retry running in attempt 4", s.State, s.Attempt)
	}
	r.Next(Ended{Key: a, Outcome: Failed})
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
		for _, e := range r.Next(Ended{Key: graph.MustKey(name), Outcome: Succeeded}) {
			if e.Kind == Start {
				started += e.Key.String() + " "
			}
		}
	}
	if want := "c d a b "; started != want {
		t.Errorf("started %q, want %q", started, want)
	}
}

// multi returns the steps a and b of one process, what reads each, and c of another.
func multi(together bool) []graph.Step {
	plan := steps("a", "b", "c", "d a", "e b")
	for i := range 2 {
		plan[i].Unit, plan[i].Together = plan[0].Asset, together
	}
	return plan
}

func TestOneProcessMakesSeveral(t *testing.T) {
	for _, test := range []struct {
		name     string
		together bool
		ends     map[string]State
		cut      map[string]bool
		order    string
		states   string
	}{
		{"all needed", false, nil, nil, "a b c d e ", "succeeded succeeded succeeded succeeded succeeded"},
		{"one needed", false, nil, map[string]bool{"a": true}, "b c d e ", "cut_off succeeded succeeded succeeded succeeded"},
		{"one needed, not without the other", true, nil, map[string]bool{"a": true}, "a b c d e ", "succeeded succeeded succeeded succeeded succeeded"},
		{"none needed", true, nil, map[string]bool{"a": true, "b": true}, "c d e ", "cut_off cut_off succeeded succeeded succeeded"},
		{"one fails", false, map[string]State{"a": Failed}, nil, "a b c e ", "failed succeeded succeeded skipped succeeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := New(multi(test.together), Limits{Jobs: 3}, false, func(graph.Key) int { return 0 })
			order := trace(t, r, test.ends, test.cut)
			states := ""
			for _, s := range r.Steps {
				states += s.State.String() + " "
			}
			if order != test.order || states != test.states+" " {
				t.Errorf("order %q, states %q; want %q, %q", order, states, test.order, test.states)
			}
		})
	}
}

// TestOneProcessIsOne: it takes one place within the limits, is stopped once, and tries again what failed once it has ended.
func TestOneProcessIsOne(t *testing.T) {
	a, b := graph.MustKey("a"), graph.MustKey("b")
	r := New(multi(false)[:3], Limits{Jobs: 1}, false, func(graph.Key) int { return 1 })
	r.Next(Begin{})
	r.Next(Checked{a, true})
	want := []Effect{{Changed, a, Queued, 0}, {Changed, b, Queued, 0}, {Changed, a, Running, 1}, {Changed, b, Running, 1}, {Start, a, Running, 1}}
	if got := r.Next(Checked{b, true}); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if got := r.Next(Touched{b}); !slices.Equal(got, []Effect{{Stop, a, Running, 1}}) {
		t.Errorf("touched: got %v, want one stop", got)
	}
	if got := r.Next(Ended{Key: a, Outcome: Cancelled}); !slices.Equal(got, []Effect{{Changed, a, Want, 1}}) {
		t.Errorf("got %v, want nothing while b runs", got)
	}
	r.Next(Ended{Key: b, Outcome: Cancelled})
	r.Next(Checked{a, true})
	r.Next(Checked{b, true})
	if got := r.Next(Ended{Key: a, Outcome: Failed}); !slices.Equal(got, []Effect{{Changed, a, Queued, 2}}) {
		t.Errorf("got %v, want a to wait for the end of the process", got)
	}
	r.Next(Ended{Key: b, Outcome: Succeeded})
	if got := r.Together(a); !slices.Equal(got, []graph.Key{a}) || r.Step(a).Attempt != 3 {
		t.Errorf("tried again: %v in attempt %d, want a alone in attempt 3", got, r.Step(a).Attempt)
	}
	want = []Effect{{Stop, a, Running, 3}}
	if got := r.Next(Cancel{b}); !slices.Equal(got, want) {
		t.Errorf("cancelled: got %v, want %v", got, want)
	}
}

// TestCheckHoldsUpReaders: the data counts, what reads it does not run, and the run has failed.
func TestCheckHoldsUpReaders(t *testing.T) {
	a, b := graph.MustKey("a"), graph.MustKey("b")
	r := New(steps("a", "b a"), Limits{Jobs: 1}, false, func(graph.Key) int { return 1 })
	r.Next(Begin{})
	r.Next(Checked{a, true})
	want := []Effect{{Changed, a, Unchanged, 1}, {Changed, b, Skipped, 0}, {Kind: Done}}
	if got := r.Next(Ended{Key: a, Outcome: Unchanged, Held: true}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := r.Outcome(); got != "failed" {
		t.Errorf("the run: got %s, want failed", got)
	}
	r = New(steps("a"), Limits{Jobs: 1}, false, func(graph.Key) int { return 1 })
	r.Next(Begin{})
	r.Next(Checked{a, true})
	r.Next(Ended{Key: a, Outcome: Succeeded, Held: true})
	if got := r.Outcome(); got != "failed" {
		t.Errorf("the run of one step: got %s, want failed", got)
	}
}

// TestPoolsSpanLocations: a pool's limit counts over all locations, and holds up nothing else.
func TestPoolsSpanLocations(t *testing.T) {
	plan := steps("a", "b", "c", "d")
	for i, pool := range []string{"db", "db", "", "web"} {
		plan[i].Pool = pool
	}
	plan[1].Location = "other"
	r := New(plan, Limits{Jobs: 4, PerPool: map[string]int{"db": 1}}, false, func(graph.Key) int { return 0 })
	r.Next(Begin{})
	started := ""
	next := func(ev Event) {
		for _, e := range r.Next(ev) {
			if e.Kind == Start {
				started += e.Key.String() + " "
			}
		}
	}
	for _, s := range plan {
		next(Checked{s.Asset, true})
	}
	next(Ended{Key: plan[0].Asset, Outcome: Succeeded})
	if want := "a c d b "; started != want {
		t.Errorf("started %q, want %q", started, want)
	}
}

// unitOf names the unit of a step.
func unitOf(s *Step) graph.Key {
	if s.Unit.IsZero() {
		return s.Asset
	}
	return s.Unit
}

// recount checks all that [Run.Check] derives from counters, and more, by looking at every step: the counters, invariant (a),
// and that nothing is left that could move.
func recount(r *Run) error {
	var counts [Cancelled + 1]int
	running, all, final := map[string]int{}, 0, 0
	for i := range r.Steps {
		s := &r.Steps[i]
		counts[s.State]++
		if s.State.Final() {
			final++
		}
	}
	busy := map[graph.Key]bool{} // units, by their first step
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.State != Running || busy[unitOf(s)] {
			continue
		}
		busy[unitOf(s)] = true
		all++
		running[s.Location]++
		if s.Pool != "" {
			running[s.Pool]++
		}
	}
	if counts != r.counts || final != r.final || all != r.running {
		return fmt.Errorf("counted %v, %d final, %d run; the run says %v, %d, %d", counts, final, all, r.counts, r.final, r.running)
	}
	told := map[State]int{}
	for state, n := range counts {
		if n > 0 {
			told[State(state)] = n
		}
	}
	if got := r.Counts(); !maps.Equal(got, told) {
		return fmt.Errorf("the run tells %v, want %v", got, told)
	}
	for _, c := range r.counters {
		if running[c.name] != c.running {
			return fmt.Errorf("%d steps of %s run; the run says %d", running[c.name], c.name, c.running)
		}
	}
	for pool, limit := range r.limits.PerPool {
		if limit > 0 && running[pool] > limit {
			return fmt.Errorf("%d steps of pool %s run, more than %d", running[pool], pool, limit)
		}
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		good, bad := true, false
		for _, up := range s.After {
			u := r.Step(up)
			good = good && u.State.Good() && !u.held
			bad = bad || u.State.Final() && (!u.State.Good() || u.held)
		}
		limit, pool := r.limits.PerLocation[s.Location], r.limits.PerPool[s.Pool]
		switch s.State {
		case Want:
			if (good || bad || r.halted) && !busy[unitOf(s)] {
				return fmt.Errorf("%s waits for nothing", s.Asset)
			}
		case Queued:
			if busy[unitOf(s)] {
				continue // starts again when its process has ended
			}
			if r.halted || all < r.limits.Jobs && (limit <= 0 || running[s.Location] < limit) && (pool <= 0 || running[s.Pool] < pool) {
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
		i := r.units[r.Steps[r.index[e.Key]].unit].members[0]
		if c, ok := ev.(Checked); ok && unitOf(r.Step(c.Key)) == unitOf(r.Step(e.Key)) && (e.State == Queued || e.State == CutOff) {
			continue // about the event itself
		}
		if i < last {
			return fmt.Errorf("%s comes too late: %v", e.Key, effects)
		}
		last = i
		for j := range i {
			s := &r.Steps[j]
			first := r.units[s.unit].members[0]
			if e.Kind == Start && s.State == Queued && r.units[s.unit].running == 0 && first < i && s.Location == r.Steps[i].Location && s.Pool == r.Steps[i].Pool {
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
			if i > 0 && rapid.IntRange(0, 2).Draw(t, "with the one before") == 0 {
				// One process makes both: the same location and pool, and they wait for the same.
				before := &plan[i-1]
				if before.Unit.IsZero() {
					before.Unit, before.Together = before.Asset, rapid.Bool().Draw(t, "together")
				}
				asset := s.Asset
				s = *before
				s.Asset = asset
				plan = append(plan, s)
				continue
			}
			s.Pool = rapid.SampledFrom([]string{"", "p", "q"}).Draw(t, "pool")
			for j := range i {
				if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
					s.After = append(s.After, plan[j].Asset)
				}
			}
			plan = append(plan, s)
		}
		limits := Limits{
			Jobs: rapid.IntRange(1, 4).Draw(t, "jobs"), PerLocation: map[string]int{"x": rapid.IntRange(0, 2).Draw(t, "x")},
			PerPool: map[string]int{"p": rapid.IntRange(0, 2).Draw(t, "p")},
		}
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
					keys := r.Together(e.Key)
					if len(keys) == 0 || keys[0] != e.Key {
						t.Fatalf("%s started, and with it %v", e.Key, keys)
					}
					running = append(running, keys...)
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
				take(Ended{
					Key: remove(&running), Outcome: rapid.SampledFrom([]State{Succeeded, Unchanged, Superseded, Failed, Skipped, Cancelled}).Draw(t, "outcome"),
					Held: rapid.IntRange(0, 5).Draw(t, "held") == 0,
				})
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
						todo = append(todo, r.Next(Ended{Key: e.Key, Outcome: Succeeded})...)
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
