package graph

import (
	"encoding/json"
	"slices"
)

// A Step is one asset, or one partition of one, that a plan runs.
type Step struct {
	Asset       Key      `json:"asset"` // with its partition; in JSON the partition is a field of its own, null when there is none
	Location    string   `json:"location"`
	Why         string   `json:"why"`   // missing, stale, overdue, unknown or forced
	After       []Key    `json:"after"` // steps of the plan that it waits for: its upstreams among them
	ForecastMS  *int64   `json:"forecast_ms"`
	MayBeCutOff bool     `json:"may_be_cut_off"` // all its reasons are upstreams that may turn out unchanged
	Reasons     []Reason `json:"-"`
	// Unit names what one process makes together: it is equal for those steps, and zero for one that is made alone.
	Unit     Key    `json:"-"`
	Together bool   `json:"-"` // it cannot be made without the others of its unit
	Sibling  bool   `json:"-"` // it is up to date, and runs only because the others of its unit do
	Pool     string `json:"-"`
}

// MarshalJSON writes all fields; the partition of an asset that has none is null, and so is a forecast that nobody knows.
func (s Step) MarshalJSON() ([]byte, error) {
	if s.After == nil {
		s.After = []Key{}
	}
	type plain Step // without methods
	step := struct {
		Asset     Key     `json:"asset"`
		Partition *string `json:"partition"`
		plain
	}{Asset: s.Asset.Asset(), plain: plain(s)}
	if partition := s.Asset.Partition(); partition != "" {
		step.Partition = &partition
	}
	return encode(step)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (s *Step) UnmarshalJSON(data []byte) error {
	type plain Step // without methods
	step := struct {
		Partition string `json:"partition"`
		*plain
	}{plain: (*plain)(s)}
	err := json.Unmarshal(data, &step)
	s.Asset = s.Asset.At(step.Partition)
	return err
}

// A Blocked is an asset that the plan would have to run and cannot.
type Blocked struct {
	Asset Key    `json:"asset"`
	Text  string `json:"text"`
}

// A Plan is the steps that bring a selection up to date, upstreams first, ties in the order of the graph.
type Plan struct {
	Steps   []Step    `json:"steps"`
	Fresh   []Key     `json:"fresh"`   // selected, and nothing to do
	Blocked []Blocked `json:"blocked"` // selected or needed, and not runnable, with the reason
}

// A PlanRequest says what shall be brought up to date.
type PlanRequest struct {
	Selected []Key // in any order; keys that the graph does not hold are left out
	Named    []Key // of these the ones that the user named by their key ([Selection.NamedKeys]) or by the cursor
	Only     bool  // without the upstreams of the selection
	Force    bool  // selected assets run even when they are fresh
	// Given reports whether the request gives the asset a run config of its own: when it is selected it runs as if forced. It may be nil.
	Given func(Asset) bool
	// Forecast tells how long a step will take, false when nobody knows. It may be nil.
	Forecast func(Key) (ms int64, ok bool)
	// Refuse returns why the asset cannot be made by this request, one sentence, "" when it can. It may be nil.
	Refuse func(Asset) string
	// LatestOnly lets a reader of all partitions wait for the latest alone: the others stay as they are.
	LatestOnly bool
}

// MakePlan returns the steps that bring a selection up to date: everything missing, stale or overdue among the selection and
// its ancestors, and what lies between such an ancestor and the selection, which may be cut off. f must be of g.
//
//	(a) Data that something else made runs only when it is named or forced; else it is read as it is, and nothing above it
//	    is needed for its sake.
//	(b) Assets of one multi-asset step that are needed run together, and each waits for the upstreams of all. Where a step makes
//	    its assets only all at once, the siblings of a needed one are steps of the plan as well; where it can make some, those
//	    that would wait for each other in a circle run one by one.
//	(c) An asset that is needed and cannot run is blocked, and so is what waits for it. The rest goes on. An external asset
//	    without data blocks nobody: the step finds out. What only blocked assets need does not run.
//	(d) With Only, nothing but the selection and the siblings of its steps runs, whatever its upstreams are.
//	(e) Of an asset with partitions the selected ones run, its latest when it is selected as a whole; of its upstreams those that
//	    are read; of an upstream that is read as a whole, those that exist and the latest when it is due.
func MakePlan(g *Graph, f *Freshness, r PlanRequest) Plan {
	if g.partitions {
		parted, judged, request, empty := unfold(g, f, r)
		plan := makePlan(parted, judged, request)
		plan.Blocked = append(plan.Blocked, empty...)
		return plan
	}
	return makePlan(g, f, r)
}

func makePlan(g *Graph, f *Freshness, r PlanRequest) Plan {
	p := planner{g: g, f: f, r: r, flags: make([]planFlags, len(g.nodes))}
	var selected []int32
	for _, k := range r.Selected {
		if i, ok := g.resolve(k); ok && !p.is(i, planSelected) {
			p.flags[i] |= planSelected
			selected = append(selected, i)
		}
	}
	for _, k := range r.Named {
		if i, ok := g.resolve(k); ok {
			p.flags[i] |= planNamed
		}
	}
	for _, i := range selected {
		p.reach(i)
	}
	p.choose()
	return p.plan()
}

// planFlags is what the planner knows of one asset.
type planFlags uint8

const (
	planSelected planFlags = 1 << iota
	planNamed
	planReached // belongs to the part of the graph that may have to run
	planSibling // runs because another asset of its step does
	planRuns
	planBlocked
)

type planner struct {
	g     *Graph
	f     *Freshness
	r     PlanRequest
	flags []planFlags
	steps map[stepName][]int32 // of all multi-asset steps, nil until one is needed
	alone bool                 // what can be made without its siblings is: together they would wait in a circle
}

type stepName struct{ location, step string }

func (p *planner) is(i int32, what planFlags) bool { return p.flags[i]&what != 0 }

// reach marks i and, unless only the selection shall run, the ancestors on which it may have to wait.
func (p *planner) reach(start int32) {
	for todo := []int32{start}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p.is(i, planReached) {
			continue
		}
		p.flags[i] |= planReached
		if !p.r.Only && p.g.nodes[i].cycle < 0 && !p.g.nodes[i].external && !p.takenAsItIs(i) {
			todo = append(todo, p.g.nodes[i].up...)
		}
	}
}

// takenAsItIs reports whether i holds data that something else made, and shall keep it.
func (p *planner) takenAsItIs(i int32) bool {
	named := p.is(i, planSelected) && p.is(i, planNamed)
	return p.made(i) && !named && !p.forced(i) && !p.is(i, planSibling)
}

// made reports whether i holds data that something else made.
func (p *planner) made(i int32) bool {
	return p.f.status[i] == Unknown && p.f.stored[i].Data == DataForeign && p.g.nodes[i].cycle < 0
}

func (p *planner) forced(i int32) bool {
	return p.is(i, planSelected) && (p.r.Force || p.r.Given != nil && p.r.Given(p.g.nodes[i].asset))
}

// choose marks what runs. A step that makes several assets may bring in siblings with ancestors of their own, so it looks
// again until nothing is added.
func (p *planner) choose() {
	for again := true; again; {
		again = false
		for i := range int32(len(p.flags)) {
			if !p.is(i, planReached) || p.is(i, planRuns) || !p.needed(i) {
				continue
			}
			p.flags[i] |= planRuns
			if !p.g.nodes[i].asset.Together {
				continue
			}
			for _, s := range p.siblings(i) {
				if s != i && !p.is(s, planRuns|planSibling) {
					p.flags[s] |= planSibling
					p.flags[s] &^= planReached // what is taken as it is was reached without its ancestors
					p.reach(s)
					again = true
				}
			}
		}
	}
}

func (p *planner) needed(i int32) bool {
	if p.g.nodes[i].external {
		return p.is(i, planSelected) && p.is(i, planNamed)
	}
	if p.is(i, planSibling) || p.forced(i) {
		return true
	}
	switch p.f.status[i] {
	case Missing, Stale, Overdue:
		return true
	case Unknown:
		return !p.takenAsItIs(i)
	case Fresh, External:
	}
	return p.waitsForStep(i)
}

func (p *planner) waitsForStep(i int32) bool {
	return slices.ContainsFunc(p.g.nodes[i].up, func(u int32) bool { return p.is(u, planRuns) })
}

// siblings returns the assets that are made by one step with i, ascending; i alone when it has a step for itself.
func (p *planner) siblings(i int32) []int32 {
	a := &p.g.nodes[i].asset
	if a.Step == "" || p.alone && !a.Together {
		return []int32{i}
	}
	if p.steps == nil {
		p.steps = map[stepName][]int32{}
		for j := range p.g.nodes {
			if b := &p.g.nodes[j].asset; b.Step != "" {
				name := stepName{b.Location, b.Step}
				p.steps[name] = append(p.steps[name], int32(j))
			}
		}
	}
	return p.steps[stepName{a.Location, a.Step}]
}

// plan puts what runs into order and takes out what cannot.
func (p *planner) plan() Plan {
	plan := Plan{Steps: []Step{}, Fresh: []Key{}, Blocked: []Blocked{}}
	var running []int32
	local := make([]int32, len(p.flags))
	for i := range int32(len(p.flags)) {
		if p.is(i, planRuns) {
			local[i] = int32(len(running))
			running = append(running, i)
		} else if p.is(i, planSelected) {
			plan.Fresh = append(plan.Fresh, p.g.nodes[i].key)
		}
	}
	down, unit := make([][]int32, len(running)), make([]int32, len(running))
	for l, i := range running {
		for _, d := range p.g.nodes[i].down {
			if p.is(d, planRuns) && (p.g.nodes[i].cycle < 0 || p.g.nodes[i].cycle != p.g.nodes[d].cycle) {
				down[l] = append(down[l], local[d])
			}
		}
	}
	units := func() {
		for l, i := range running {
			first := slices.IndexFunc(p.siblings(i), func(s int32) bool { return p.is(s, planRuns) })
			unit[l] = local[p.siblings(i)[first]]
		}
	}
	units()
	order, whole := topological(len(running), down, unit)
	if !whole {
		p.alone = true
		units()
		order, whole = topological(len(running), down, unit)
	}
	blocked := map[int32]Blocked{} // the text to show
	roots := map[int32]Blocked{}   // the asset and text at the bottom of it
	block := func(i, root int32, text, cause string) {
		p.flags[i] |= planBlocked
		blocked[i] = Blocked{p.g.nodes[i].key, text}
		roots[i] = Blocked{p.g.nodes[root].key, cause}
	}
	if !whole {
		placed := make([]bool, len(running))
		for _, l := range order {
			placed[l] = true
		}
		for l, i := range running {
			if !placed[l] {
				text := "it waits in a circle: assets that one step makes together read what others make from them"
				block(i, i, text, text)
			}
		}
	}
	for begin := 0; begin < len(order); {
		end := begin + 1
		for end < len(order) && unit[order[end]] == unit[order[begin]] {
			end++
		}
		members := make([]int32, 0, end-begin)
		for _, l := range order[begin:end] {
			members = append(members, running[l])
		}
		begin = end
		after := p.after(members)
		for _, i := range members {
			if text := p.cannotRun(i); text != "" {
				block(i, i, text, text)
			}
		}
		for _, i := range members {
			if p.is(i, planBlocked) {
				continue
			}
			waits := after
			if !p.g.nodes[i].asset.Together {
				waits = p.g.nodes[i].up
			}
			for _, u := range waits {
				if p.is(u, planBlocked) {
					block(i, i, "waits for "+roots[u].Asset.text+": "+roots[u].Text, "")
					roots[i] = roots[u]
					break
				}
			}
		}
		for _, i := range members {
			for _, m := range members {
				if p.is(m, planBlocked) && !p.is(i, planBlocked) && p.g.nodes[i].asset.Together {
					block(i, m, "is made by one step with "+p.g.nodes[m].key.text+": "+blocked[m].Text, blocked[m].Text)
				}
			}
		}
		members = slices.DeleteFunc(members, func(i int32) bool { return p.is(i, planBlocked) })
		if len(members) > 0 {
			plan.Steps = append(plan.Steps, p.unitSteps(members, p.after(members))...)
		}
	}
	plan.Steps = p.withoutWaste(plan.Steps)
	for _, i := range running {
		if p.is(i, planBlocked) {
			plan.Blocked = append(plan.Blocked, blocked[i])
		}
	}
	return plan
}

// withoutWaste leaves out steps that only blocked assets need.
func (p *planner) withoutWaste(steps []Step) []Step {
	needed := make(map[Key]bool, len(steps))
	for k := len(steps); k > 0; {
		end := k
		k--
		for k > 0 && p.together(steps[k-1].Asset, steps[k].Asset) {
			k--
		}
		if !slices.ContainsFunc(steps[k:end], func(s Step) bool {
			i, _ := p.g.resolve(s.Asset)
			return needed[s.Asset] || p.is(i, planSelected)
		}) {
			continue
		}
		for _, s := range steps[k:end] {
			needed[s.Asset] = true
			for _, u := range p.g.Upstreams(s.Asset) {
				needed[u] = true
			}
		}
	}
	all := len(steps)
	if steps = slices.DeleteFunc(steps, func(s Step) bool { return !needed[s.Asset] }); len(steps) == all {
		return steps
	}
	// Where some of a unit are left out, the others need not wait for what only these read.
	for begin := 0; begin < len(steps); {
		members := []int32{}
		end := begin
		for ; end < len(steps) && (end == begin || !steps[end].Unit.IsZero() && steps[end].Unit == steps[begin].Unit); end++ {
			i, _ := p.g.resolve(steps[end].Asset)
			members = append(members, i)
		}
		if !steps[begin].Unit.IsZero() {
			after := p.g.keysAt(p.after(members))
			for k := begin; k < end; k++ {
				steps[k].After = after
			}
		}
		begin = end
	}
	return steps
}

// together reports whether one step makes both assets, and neither without the other.
func (p *planner) together(a, b Key) bool {
	i, _ := p.g.resolve(a)
	j, _ := p.g.resolve(b)
	x, y := &p.g.nodes[i].asset, &p.g.nodes[j].asset
	return x.Step != "" && x.Step == y.Step && x.Location == y.Location && x.Together
}

// after returns what the step that makes members waits for, ascending.
func (p *planner) after(members []int32) []int32 {
	var after []int32
	for _, i := range members {
		for _, u := range p.g.nodes[i].up {
			if p.is(u, planRuns) && !slices.Contains(members, u) {
				after = append(after, u)
			}
		}
	}
	slices.Sort(after)
	return slices.Compact(after)
}

// cannotRun returns why i by itself cannot be materialized, "" when it can.
func (p *planner) cannotRun(i int32) string {
	n := &p.g.nodes[i]
	switch {
	case n.external && n.asset.External:
		return "it is external: " + n.asset.Location + " declares it, and no code location makes it"
	case n.external:
		if near, ok := p.g.Suggestion(n.key); ok {
			return "no code location defines it; did you mean " + near.text + "?"
		}
		return "no code location defines it"
	case n.cycle >= 0:
		return "it lies in a cycle: " + p.g.cycleText(i)
	case n.conflict != "":
		return n.conflict
	case p.f.stored[i].Data == DataUnreachable:
		return "its storage cannot be asked" + detail(p.f.stored[i].Text)
	case p.r.Refuse != nil && p.r.Refuse(n.asset) != "":
		return p.r.Refuse(n.asset)
	case n.asset.Stale || p.g.broken[n.asset.Location] != "":
		return "code location " + n.asset.Location + " does not load" + detail(p.g.broken[n.asset.Location])
	case !n.asset.Executable && n.asset.Why != "":
		return n.asset.Why
	case !n.asset.Executable:
		return "it is not executable"
	}
	return ""
}

// unitSteps returns the steps of assets that are made together.
func (p *planner) unitSteps(members, after []int32) []Step {
	steps := make([]Step, len(members))
	cut := true
	for k, i := range members {
		n := &p.g.nodes[i]
		s := &steps[k]
		*s = Step{Asset: n.key, Location: n.asset.Location, After: p.g.keysAt(after), Together: n.asset.Together, Pool: p.g.nodes[members[0]].asset.Pool}
		if len(members) > 1 {
			s.Unit = p.g.nodes[members[0]].key
		}
		if p.r.Forecast != nil {
			if ms, ok := p.r.Forecast(n.key); ok {
				s.ForecastMS = &ms
			}
		}
		status := p.f.status[i]
		s.Why = status.String()
		if status != Fresh {
			s.Reasons = p.f.reasonsAt(int(i))
			cut = cut && p.mayBeCutOff(s.Reasons)
		} else if s.Why = Stale.String(); p.waitsForStep(i) {
			for _, u := range n.up {
				if p.is(u, planRuns) {
					s.Reasons = append(s.Reasons, Reason{
						Kind: UpstreamStale, Asset: p.g.nodes[u].key,
						Text: p.f.name(n, u, p.g.nodes[u].key) + " runs before it",
					})
				}
			}
		}
		switch {
		case p.forced(i):
			cut = false
			text := "its run was forced"
			if !p.r.Force {
				text = "it was given a run config"
			}
			s.Reasons = append(s.Reasons, Reason{Kind: Forced, Asset: n.key, Text: text})
		case status == Fresh && !p.waitsForStep(i):
			s.Sibling = true
			s.Reasons = append(s.Reasons, Reason{Kind: Forced, Asset: n.key, Text: "it is made by one step with others that have to run"})
		default:
			continue
		}
		if status == Fresh {
			s.Why = string(Forced)
		}
	}
	for k := range steps {
		steps[k].MayBeCutOff = cut
	}
	return steps
}

// mayBeCutOff reports whether all reasons are upstreams that run in this plan and may bring back the data that was used.
func (p *planner) mayBeCutOff(reasons []Reason) bool {
	for _, r := range reasons {
		u, ok := p.g.resolve(r.Asset)
		if !ok || !p.is(u, planRuns) {
			return false
		}
		switch r.Kind { //nolint:exhaustive // every other kind is a cause of its own
		case UpstreamStale:
		case UpstreamMissing:
			if p.f.stored[u].Record == nil { // with one, other data than was used gives a reason of its own
				return false
			}
		default:
			return false
		}
	}
	return true
}
