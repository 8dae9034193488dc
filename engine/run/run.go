// Package run decides what the steps of one run do next. It is a state machine: [Run.Next] takes what happened and returns
// what the owner is to do about it. Pure: no I/O, clock or goroutine; the owner performs effects and reports back.
//
// The states of a step, each with its precondition, are those of the constants below. Transitions live in Next alone.
//
// Invariants, checked by [Run.Check]:
//
//	(a) A step that is ready, queued or running has only good upstreams in the run.
//	(b) No step waits unless something it waits for is ready, queued or running, or the limits are exhausted. (From the
//	    scheduler of buildkit: whoever breaks this hangs.)
//	(c) No more steps run than the limits allow, in all and per location.
//	(d) A final step changes no more.
package run

import (
	"fmt"
	"maps"
	"slices"

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
	// Skipped: it did not run, because an upstream is not good or the run fails fast.
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

// Limits bound how many steps run at once.
type Limits struct {
	Jobs        int            // in all; at least 1
	PerLocation map[string]int // 0 or absent: only Jobs counts
}

// A Step is one step of the run.
type Step struct {
	graph.Step
	State   State
	Attempt int // counts from 1 once it runs
	Retries int // times a failure is tried again
	after   []int
	before  []int
	restart bool // a stop was asked for because of an edit: goes back to Want instead of Cancelled
	stopped bool // a stop was asked for by the user
}

// A Run is the state of all steps. It belongs to one goroutine.
type Run struct {
	Steps    []Step
	limits   Limits
	failFast bool
	index    map[graph.Key]int
	halted   bool // no further step starts
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

// Ended says that a running step stopped with the outcome: Succeeded, Unchanged, Superseded, Failed or Cancelled.
type Ended struct {
	Key     graph.Key
	Outcome State
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
	Start                       // start the step, answer with Ended
	Stop                        // stop the running step; Ended follows
	Changed                     // the step has a new state worth telling
	Done                        // all steps are final
)

// An Effect is one thing for the owner to do, in order.
type Effect struct {
	Kind EffectKind
	Key  graph.Key
}

// New returns a run of the plan's steps. retries says how often each step is tried again after a failure.
func New(steps []graph.Step, limits Limits, failFast bool, retries func(graph.Key) int) *Run {
	limits.Jobs = max(1, limits.Jobs)
	limits.PerLocation = maps.Clone(limits.PerLocation)
	r := &Run{limits: limits, failFast: failFast, index: make(map[graph.Key]int, len(steps))}
	for i, s := range steps {
		r.index[s.Asset] = i
		r.Steps = append(r.Steps, Step{Step: s, Retries: retries(s.Asset)})
	}
	for i := range r.Steps {
		for _, up := range r.Steps[i].After {
			if j, ok := r.index[up]; ok {
				r.Steps[i].after = append(r.Steps[i].after, j)
				r.Steps[j].before = append(r.Steps[j].before, i)
			}
		}
	}
	return r
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
		s := r.Step(ev.Key)
		if s == nil || s.State != Ready {
			return nil
		}
		if ev.Needed {
			s.State = Queued
		} else {
			s.State = CutOff
		}
		out = append(out, Effect{Changed, ev.Key})
	case Ended:
		out = r.ended(ev)
	case Cancel:
		out = r.cancel(ev.Key)
	case Touched:
		s := r.Step(ev.Key)
		if s == nil {
			return nil
		}
		switch s.State {
		case Running:
			if !s.restart && !s.stopped {
				s.restart = true
				out = append(out, Effect{Stop, ev.Key})
			}
		case Queued:
			// Its inputs were pinned and it was found needed; it still is, and takes the new code when it starts.
		case Want, Ready, Succeeded, Unchanged, CutOff, Superseded, Failed, Skipped, Cancelled:
		}
	}
	return append(out, r.advance()...)
}

func (r *Run) ended(ev Ended) []Effect {
	s := r.Step(ev.Key)
	if s == nil || s.State != Running {
		return nil
	}
	restart := s.restart
	s.restart = false
	switch {
	case s.stopped || ev.Outcome == Cancelled && !restart:
		// What was committed before the stop arrived counts.
		if ev.Outcome.Good() {
			s.State = ev.Outcome
		} else {
			s.State = Cancelled
		}
	case restart && (ev.Outcome == Cancelled || ev.Outcome == Failed) && !r.halted:
		s.State = Want
	case ev.Outcome == Failed && s.Attempt <= s.Retries && !r.halted:
		s.State = Queued
	default:
		s.State = ev.Outcome
	}
	if s.State == Failed && r.failFast {
		r.halted = true
	}
	return []Effect{{Changed, ev.Key}}
}

func (r *Run) cancel(key graph.Key) []Effect {
	var out []Effect
	for i := range r.Steps {
		s := &r.Steps[i]
		if !key.IsZero() && s.Asset != key || s.State.Final() {
			continue
		}
		if s.State == Running {
			if !s.stopped {
				s.stopped = true
				out = append(out, Effect{Stop, s.Asset})
			}
			continue
		}
		s.State = Cancelled
		out = append(out, Effect{Changed, s.Asset})
	}
	if key.IsZero() {
		r.halted = true
	}
	return out
}

// advance moves every step that can move, in the order of the plan, so that upstreams come before their readers.
func (r *Run) advance() []Effect {
	var out []Effect
	running, perLocation := 0, map[string]int{}
	for i := range r.Steps {
		if r.Steps[i].State == Running {
			running++
			perLocation[r.Steps[i].Location]++
		}
	}
	final := true
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.State == Want {
			switch {
			case slices.ContainsFunc(s.after, func(j int) bool { up := r.Steps[j].State; return up.Final() && !up.Good() }), r.halted:
				s.State = Skipped
				out = append(out, Effect{Changed, s.Asset})
			case !slices.ContainsFunc(s.after, func(j int) bool { return !r.Steps[j].State.Good() }):
				s.State = Ready
				out = append(out, Effect{NeedCheck, s.Asset})
			}
		}
		if s.State == Queued && r.halted {
			s.State = Skipped
			out = append(out, Effect{Changed, s.Asset})
		}
		if limit := r.limits.PerLocation[s.Location]; s.State == Queued && running < r.limits.Jobs && (limit <= 0 || perLocation[s.Location] < limit) {
			s.State = Running
			s.Attempt++
			running++
			perLocation[s.Location]++
			out = append(out, Effect{Changed, s.Asset}, Effect{Start, s.Asset})
		}
		final = final && s.State.Final()
	}
	if final {
		out = append(out, Effect{Kind: Done})
	}
	return out
}

// Counts returns how many steps are in each state.
func (r *Run) Counts() map[State]int {
	counts := map[State]int{}
	for i := range r.Steps {
		counts[r.Steps[i].State]++
	}
	return counts
}

// Outcome returns the state of the whole run once all steps are final: failed when one failed, else cancelled when one was,
// else succeeded.
func (r *Run) Outcome() string {
	counts := r.Counts()
	switch {
	case counts[Failed] > 0:
		return event.Failed
	case counts[Cancelled] > 0:
		return event.Cancelled
	case counts[Skipped] > 0:
		return event.Failed
	}
	return event.Succeeded
}

// Check returns an error when an invariant of the package is broken: a bug, never a user's mistake.
func (r *Run) Check() error {
	running, active := 0, 0
	perLocation := map[string]int{}
	for i := range r.Steps {
		switch r.Steps[i].State {
		case Running:
			running++
			active++
			perLocation[r.Steps[i].Location]++
		case Ready, Queued:
			active++
		case Want, Succeeded, Unchanged, CutOff, Superseded, Failed, Skipped, Cancelled:
		}
	}
	if running > r.limits.Jobs {
		return fmt.Errorf("%d steps run, more than %d", running, r.limits.Jobs)
	}
	for location, n := range perLocation {
		if limit := r.limits.PerLocation[location]; limit > 0 && n > limit {
			return fmt.Errorf("%d steps of %s run, more than %d", n, location, limit)
		}
	}
	waiting := false
	for i := range r.Steps {
		s := &r.Steps[i]
		waiting = waiting || s.State == Want
		if s.State == Ready || s.State == Queued || s.State == Running {
			for _, j := range s.after {
				if !r.Steps[j].State.Good() {
					return fmt.Errorf("%s is %s although %s is %s", s.Asset, s.State, r.Steps[j].Asset, r.Steps[j].State)
				}
			}
		}
		if s.State == Queued && running == 0 {
			return fmt.Errorf("%s is queued and nothing runs", s.Asset)
		}
	}
	if waiting && active == 0 {
		return fmt.Errorf("steps wait and nothing is ready, queued or running")
	}
	return nil
}
