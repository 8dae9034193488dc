// Package run decides what the steps of one run do next. It is a state machine: [Run.Next] takes what happened and returns
// what the owner is to do about it. Pure: no I/O, clock or goroutine; the owner performs effects and reports back.
//
// The states of a step, each with its precondition, are those of the constants below. Transitions live in Next alone.
//
// Every step and every edge is looked at a bounded number of times, however long the run: counters say how many steps are in
// which state, an ended step looks at its readers only, and what can move waits in lists ordered by the plan.
//
// Invariants. [Run.Check] checks (b) and (c) from the counters; the tests check all by looking at every step:
//
//	(a) A step that is ready, queued or running has only good upstreams in the run, none of which is held up by a check.
//	(b) No step waits unless something it waits for is ready, queued or running, or the limits are exhausted. (From the
//	    scheduler of buildkit: whoever breaks this hangs.)
//	(c) No more units run than the limits allow, in all, per location and per pool.
//	(d) A final step changes no more.
//	(e) The steps of one unit, which one process makes, start together and are cancelled and restarted together. Each ends by itself.
package run

import (
	"container/heap"
	"errors"
	"fmt"
	"maps"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

// A State is where a step stands.
type State uint8

// The states of a step. The last seven are final.
const (
	// Want: an upstream in the run is not final yet.
	Want State = iota
	// Ready: all upstreams in the run are good. The owner was told to pin inputs and say whether the step is still needed.
	Ready
	// Queued: needed; waits for a free place within the limits.
	Queued
	// Running: the owner was told to start it.
	Running
	// Succeeded: it ran and its data is committed.
	Succeeded
	// Unchanged: it ran, or was restored, and its data is what it was.
	Unchanged
	// CutOff: it did not have to run, because what it waited for turned out unchanged.
	CutOff
	// Superseded: somebody else committed first; readers go on with the winner's version.
	Superseded
	// Failed: it ran and failed, after all its retries.
	Failed
	// Skipped: it did not run, because an upstream is not good or the run fails fast; or it ran, chose to make nothing, and there is nothing.
	Skipped
	// Cancelled: the user ended it, before or while it ran.
	Cancelled
)

var stateWords = [...]string{"want", "ready", event.Queued, event.Running, event.Succeeded, event.Unchanged, event.CutOff, event.Superseded, event.Failed, event.Skipped, event.Cancelled}

// String returns the word that events and screens use.
func (s State) String() string { return stateWords[s] }

// Final reports whether a step in the state goes no further.
func (s State) Final() bool { return s >= Succeeded }

// Good reports whether readers of a step in the state may run.
func (s State) Good() bool { return s >= Succeeded && s <= Superseded }

// Limits bound how many units run at once: a step, or all steps that one process makes together, count as one.
type Limits struct {
	Jobs        int            // in all; at least 1
	PerLocation map[string]int // 0 or absent: only Jobs counts
	PerPool     map[string]int // over all locations; 0 or absent: the pool has no limit
}

// A Step is one step of the run.
type Step struct {
	graph.Step
	State   State
	Attempt int // counts from 1 once it runs; failures and restarts because of an edit both make a new one
	Retries int // times a failure is tried again

	unit     int   // index of its unit
	before   []int // its readers in the run
	open     int   // upstreams in the run that are not good yet
	doomed   bool  // an upstream is final and not good
	failures int   // attempts that failed by themselves
	restart  bool  // a stop was asked for because of an edit: goes back to Want instead of Cancelled
	stopped  bool  // a stop was asked for by the user
	checked  bool  // in Ready: the owner has answered, and waits for the answers about the rest of the unit
	needed   bool  // what it answered
	held     bool  // it is good, and a check holds up its readers
}

// A unit is what one process makes: one step, or the steps of several assets.
type unit struct {
	members []int // ascending
	place   int   // where it queues
	running int   // members in Running
	queued  bool  // it is in the list of its place
}

// A counter is a limit and how much of it is used.
type counter struct {
	name    string
	limit   int // 0: none
	running int // units
}

func (c *counter) free() bool { return c.limit == 0 || c.running < c.limit }

// A place is where units of one location and one pool queue.
type place struct {
	location, pool int   // indices of counters
	queued         order // the first members of its units that wait, and of those that were cancelled meanwhile
}

// An order is a heap of indices of steps: the first of the plan on top.
type order []int

func (o order) Len() int           { return len(o) }
func (o order) Less(i, j int) bool { return o[i] < o[j] }
func (o order) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *order) Push(x any)        { *o = append(*o, x.(int)) }
func (o *order) Pop() any {
	last := len(*o) - 1
	x := (*o)[last]
	*o = (*o)[:last]
	return x
}

// A Run is the state of all steps. It belongs to one goroutine.
type Run struct {
	Steps    []Step
	limits   Limits
	failFast bool
	index    map[graph.Key]int
	halted   bool // no further step starts
	done     bool // Done was said
	counts   [Cancelled + 1]int
	final    int
	held     int // good steps that hold up their readers
	running  int // units
	units    []unit
	places   []place
	counters []counter // of locations and pools
	todo     order     // steps in Want that perhaps can move; empty between events
}

// An Event tells the run what happened. The zero Key in Cancel means all steps.
type Event interface{ isEvent() }

// Begin starts the run.
type Begin struct{}

// Checked answers NeedCheck: whether the step has to run after its inputs were pinned.
type Checked struct {
	Key    graph.Key
	Needed bool
}

// Ended says that a running step stopped with the outcome: Succeeded, Unchanged, Superseded, Failed, Cancelled, or Skipped when it chose to
// make nothing. The owner says so of each step of a unit, one after the other, once their process has ended.
type Ended struct {
	Key     graph.Key
	Outcome State
	Held    bool // its data is good and its readers must not run, because a blocking check failed
}

// Cancel ends one step, or all.
type Cancel struct{ Key graph.Key }

// Touched says that an edit changed the code of a step that has not ended.
type Touched struct{ Key graph.Key }

func (Begin) isEvent()   {}
func (Checked) isEvent() {}
func (Ended) isEvent()   {}
func (Cancel) isEvent()  {}
func (Touched) isEvent() {}

// An EffectKind is what the owner is to do.
type EffectKind uint8

// The kinds of effects.
const (
	NeedCheck EffectKind = iota // pin the step's inputs, answer with Checked
	Start                       // start the step, and with it what Together names; answer with Ended for each
	Stop                        // stop the running step and what was started with it; Ended follows for each
	Changed                     // the step has a new state worth telling
	Done                        // all steps are final; comes once, as the last effect, without a Key
)

// An Effect is one thing for the owner to do, in order. State and Attempt are those of the step when the effect arose: by the
// time the owner performs it the step may be further, as when it is queued and finds a free place at once.
type Effect struct {
	Kind    EffectKind
	Key     graph.Key
	State   State
	Attempt int
}

// New returns a run of the plan's steps. retries says how often each step is tried again after a failure.
func New(steps []graph.Step, limits Limits, failFast bool, retries func(graph.Key) int) *Run {
	limits.Jobs = max(1, limits.Jobs)
	limits.PerLocation, limits.PerPool = maps.Clone(limits.PerLocation), maps.Clone(limits.PerPool)
	r := &Run{limits: limits, failFast: failFast, index: make(map[graph.Key]int, len(steps)), Steps: make([]Step, 0, len(steps))}
	type name struct{ location, pool string }
	places, counters, units := map[name]int{}, map[name]int{}, map[graph.Key]int{}
	count := func(n name, limit int) int {
		c, ok := counters[n]
		if !ok {
			c = len(r.counters)
			counters[n] = c
			r.counters = append(r.counters, counter{name: n.location + n.pool, limit: max(0, limit)})
		}
		return c
	}
	for i, s := range steps {
		r.index[s.Asset] = i
		first := s.Asset
		if !s.Unit.IsZero() {
			first = s.Unit
		}
		u, ok := units[first]
		if !ok {
			u = len(r.units)
			units[first] = u
			n := name{s.Location, s.Pool}
			p, ok := places[n]
			if !ok {
				p = len(r.places)
				places[n] = p
				r.places = append(r.places, place{location: count(name{location: s.Location}, limits.PerLocation[s.Location]), pool: -1})
				if s.Pool != "" {
					r.places[p].pool = count(name{pool: s.Pool}, limits.PerPool[s.Pool])
				}
			}
			r.units = append(r.units, unit{place: p})
		}
		r.units[u].members = append(r.units[u].members, i)
		r.Steps = append(r.Steps, Step{Step: s, Retries: retries(s.Asset), unit: u})
	}
	r.counts[Want] = len(steps)
	for i := range r.Steps {
		s := &r.Steps[i]
		for _, up := range s.After {
			if j, ok := r.index[up]; ok {
				s.open++
				r.Steps[j].before = append(r.Steps[j].before, i)
			}
		}
		if s.open == 0 {
			heap.Push(&r.todo, i)
		}
	}
	return r
}

// Together returns the assets that the process which was started for key makes, in the order of the plan: those of its unit that run.
func (r *Run) Together(key graph.Key) []graph.Key {
	i, ok := r.index[key]
	if !ok {
		return nil
	}
	var keys []graph.Key
	for _, m := range r.units[r.Steps[i].unit].members {
		if r.Steps[m].State == Running {
			keys = append(keys, r.Steps[m].Asset)
		}
	}
	return keys
}

// Step returns the step of an asset, nil when the run has none.
func (r *Run) Step(key graph.Key) *Step {
	if i, ok := r.index[key]; ok {
		return &r.Steps[i]
	}
	return nil
}

// Next takes one event and returns the effects it has. An event about an unknown key, or one that comes late, has none.
func (r *Run) Next(ev Event) []Effect {
	var out []Effect
	switch ev := ev.(type) {
	case Begin:
	case Checked:
		i, ok := r.index[ev.Key]
		if !ok || r.Steps[i].State != Ready {
			return nil
		}
		r.Steps[i].checked, r.Steps[i].needed = true, ev.Needed
		out = r.decide(r.units[r.Steps[i].unit].members)
	case Ended:
		i, ok := r.index[ev.Key]
		if !ok || r.Steps[i].State != Running {
			return nil
		}
		r.Steps[i].held = ev.Held && ev.Outcome.Good()
		r.ended(i, ev.Outcome)
		out = append(out, r.effect(Changed, i))
	case Cancel:
		out = r.cancel(ev.Key)
	case Touched:
		i, ok := r.index[ev.Key]
		if !ok {
			return nil
		}
		s := &r.Steps[i]
		switch s.State {
		case Running:
			if !s.restart && !s.stopped {
				first := -1
				for _, m := range r.units[s.unit].members {
					if r.Steps[m].State == Running {
						r.Steps[m].restart = true
						if first < 0 {
							first = m
						}
					}
				}
				out = append(out, r.effect(Stop, first))
			}
		case Queued:
			// Its inputs were pinned and it was found needed; it still is, and takes the new code when it starts.
		case Want, Ready, Succeeded, Unchanged, CutOff, Superseded, Failed, Skipped, Cancelled:
		}
	}
	return r.advance(out)
}

func (r *Run) effect(kind EffectKind, i int) Effect {
	s := &r.Steps[i]
	return Effect{kind, s.Asset, s.State, s.Attempt}
}

// decide takes the steps of a unit on once the owner has answered for all of them. Those that are made only together all run when one
// has to.
func (r *Run) decide(members []int) (out []Effect) {
	some := false
	for _, m := range members {
		s := &r.Steps[m]
		if s.State == Want || s.State == Ready && !s.checked {
			return nil
		}
		some = some || s.State == Ready && s.needed
	}
	for _, m := range members {
		s := &r.Steps[m]
		if s.State != Ready {
			continue
		}
		s.checked = false
		if s.needed || some && s.Together {
			r.set(m, Queued)
		} else {
			r.set(m, CutOff)
		}
		out = append(out, r.effect(Changed, m))
	}
	return out
}

// set gives a step a new state, and keeps what is derived from states: counters, lists, and what its readers wait for.
func (r *Run) set(i int, state State) {
	s := &r.Steps[i]
	u := &r.units[s.unit]
	p := &r.places[u.place]
	ran := s.State == Running
	if ran {
		if u.running--; u.running == 0 {
			r.use(p, -1)
		}
	}
	r.counts[s.State]--
	r.counts[state]++
	s.State = state
	switch state {
	case Want:
		if u.running == 0 {
			heap.Push(&r.todo, i)
		}
	case Ready:
	case Queued:
		r.enqueue(u)
	case Running:
		if u.running++; u.running == 1 {
			r.use(p, 1)
		}
	case Succeeded, Unchanged, CutOff, Superseded:
		r.final++
		if s.held {
			r.held++
			r.doom(s)
			break
		}
		for _, j := range s.before {
			reader := &r.Steps[j]
			if reader.open--; reader.open == 0 {
				heap.Push(&r.todo, j)
			}
		}
	case Failed, Skipped, Cancelled:
		r.final++
		r.doom(s)
	}
	if !ran || u.running > 0 {
		return
	}
	// The process has ended: what starts again may.
	r.enqueue(u)
	for _, m := range u.members {
		if m != i && r.Steps[m].State == Want {
			heap.Push(&r.todo, m)
		}
	}
}

// doom says that the readers of a step will not run.
func (r *Run) doom(s *Step) {
	for _, j := range s.before {
		if reader := &r.Steps[j]; !reader.doomed {
			reader.doomed = true
			heap.Push(&r.todo, j)
		}
	}
}

// enqueue puts a unit into the list of its place, unless it has nothing to start now.
func (r *Run) enqueue(u *unit) {
	if u.queued || u.running > 0 {
		return
	}
	for _, m := range u.members {
		if r.Steps[m].State == Queued {
			u.queued = true
			heap.Push(&r.places[u.place].queued, u.members[0])
			return
		}
	}
}

// use counts a unit that begins or ends to run.
func (r *Run) use(p *place, n int) {
	r.running += n
	r.counters[p.location].running += n
	if p.pool >= 0 {
		r.counters[p.pool].running += n
	}
}

func (r *Run) ended(i int, outcome State) {
	s := &r.Steps[i]
	restart := s.restart && (outcome == Cancelled || outcome == Failed) && !s.stopped && !r.halted
	if outcome == Failed && !restart {
		s.failures++
	}
	switch {
	case restart:
		r.set(i, Want)
	case s.stopped && !outcome.Good():
		r.set(i, Cancelled)
	case outcome == Failed && s.failures <= s.Retries && !r.halted:
		r.set(i, Queued)
	default:
		// What was committed before a stop arrived counts.
		r.set(i, outcome)
	}
	s.restart = false
	if s.State == Failed && r.failFast {
		r.halt()
	}
}

func (r *Run) cancel(key graph.Key) []Effect {
	var out []Effect
	end := func(i int) {
		s := &r.Steps[i]
		switch {
		case s.State.Final() || s.State == Running && s.stopped:
		case s.State == Running:
			s.stopped = true
			if first := r.Together(s.Asset)[0]; first == s.Asset { // one process
				out = append(out, r.effect(Stop, i))
			}
		default:
			r.set(i, Cancelled)
			out = append(out, r.effect(Changed, i))
		}
	}
	if !key.IsZero() {
		if i, ok := r.index[key]; ok {
			for _, m := range r.units[r.Steps[i].unit].members {
				end(m)
			}
		}
		return out
	}
	for i := range r.Steps {
		end(i)
	}
	r.halt()
	return out
}

// halt lets no further step start: those that wait are skipped by advance.
func (r *Run) halt() {
	if r.halted {
		return
	}
	r.halted = true
	for i := range r.Steps {
		if r.Steps[i].State == Want {
			heap.Push(&r.todo, i)
		}
	}
}

// advance moves every step that can move, in the order of the plan, so that upstreams come before their readers.
func (r *Run) advance(out []Effect) []Effect {
	for i, queued, ok := r.pick(); ok; i, queued, ok = r.pick() {
		s := &r.Steps[i]
		switch {
		case queued:
			out = append(out, r.begin(&r.units[s.unit])...)
		case s.State == Want && (s.doomed || r.halted):
			r.set(i, Skipped)
			out = append(out, r.effect(Changed, i))
		case s.State == Want && s.open == 0:
			r.set(i, Ready)
			out = append(out, r.effect(NeedCheck, i))
		}
	}
	if r.final == len(r.Steps) && !r.done {
		r.done = true
		out = append(out, Effect{Kind: Done})
	}
	return out
}

// begin starts what is queued of a unit, as one attempt; when the run is halted it is skipped.
func (r *Run) begin(u *unit) (out []Effect) {
	u.queued = false
	attempt, first := 0, -1
	for _, m := range u.members {
		attempt = max(attempt, r.Steps[m].Attempt+1)
	}
	for _, m := range u.members {
		if r.Steps[m].State != Queued {
			continue
		}
		if r.halted {
			r.set(m, Skipped)
			out = append(out, r.effect(Changed, m))
			continue
		}
		r.Steps[m].Attempt = attempt
		r.set(m, Running)
		out = append(out, r.effect(Changed, m))
		if first < 0 {
			first = m
		}
	}
	if first >= 0 {
		out = append(out, r.effect(Start, first))
	}
	return out
}

// pick takes the first step of the plan that perhaps can move out of its list: one of todo, or the first of a queued unit that may start
// or, when the run is halted, has to be skipped. A step that was cancelled while it was in a list comes out too, and does not move.
func (r *Run) pick() (i int, queued, ok bool) {
	var from *order
	if len(r.todo) > 0 {
		from = &r.todo
	}
	for k := range r.places {
		p := &r.places[k]
		if len(p.queued) > 0 && (r.halted || r.fits(p)) && (from == nil || p.queued[0] < (*from)[0]) {
			from, queued = &p.queued, true
		}
	}
	if from == nil {
		return 0, false, false
	}
	return heap.Pop(from).(int), queued, true
}

// fits reports whether one more unit of the place may run.
func (r *Run) fits(p *place) bool {
	return r.running < r.limits.Jobs && r.counters[p.location].free() && (p.pool < 0 || r.counters[p.pool].free())
}

// Counts returns how many steps are in each state.
func (r *Run) Counts() map[State]int {
	counts := map[State]int{}
	for state, n := range r.counts {
		if n > 0 {
			counts[State(state)] = n
		}
	}
	return counts
}

// Outcome returns the state of the whole run once all steps are final: failed when one failed or a blocking check did, else cancelled
// when one was, else succeeded: what is skipped then, its step chose not to make, or it reads such an asset.
func (r *Run) Outcome() string {
	counts := r.Counts()
	switch {
	case counts[Failed] > 0 || r.held > 0:
		return event.Failed
	case counts[Cancelled] > 0:
		return event.Cancelled
	}
	return event.Succeeded
}

// Check returns an error when an invariant of the package is broken: a bug, never a user's mistake. It looks at counters, not
// at steps, so that it may be called after every effect of a run of any length.
func (r *Run) Check() error {
	running := r.running
	if running > r.limits.Jobs {
		return fmt.Errorf("%d steps run, more than %d", running, r.limits.Jobs)
	}
	for i := range r.counters {
		if c := &r.counters[i]; c.limit > 0 && c.running > c.limit {
			return fmt.Errorf("%d steps of %s run, more than %d", c.running, c.name, c.limit)
		}
	}
	if queued := r.counts[Queued]; queued > 0 && running == 0 {
		return fmt.Errorf("%d steps are queued and nothing runs", queued)
	}
	if r.counts[Want] > 0 && r.counts[Ready]+r.counts[Queued]+running == 0 {
		return errors.New("steps wait and nothing is ready, queued or running")
	}
	return nil
}
