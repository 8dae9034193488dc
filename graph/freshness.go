package graph

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// A Freshness is what the records of all assets of a graph are worth at one moment: a status for each, and on demand all its
// reasons. It is immutable and safe for any number of readers; statuses are computed once, reasons whenever they are asked
// for, by the same function, so that the two cannot disagree.
//
// The rules:
//
//	(a) Of several statuses that hold, the first in the order of [Statuses] is the status.
//	(b) A reader of a stale or missing asset is stale, transitively. It may be cut off when that asset has run.
//	(c) Same data version, same data: a reader is not stale because its upstream ran, only because its data version differs
//	    from the one that the reader's record pinned.
//	(d) What cannot be judged is never fresh: a reader of an asset in a cycle, or in storage that cannot be reached, is stale.
//	(e) Data that something else made is taken as it is: it makes no reader stale while it stays the same.
//	(f) Two unknown code versions ("") count as equal, so that an asset whose code nobody can version runs once and not forever.
type Freshness struct {
	g      *Graph
	now    time.Time
	stored []Stored
	status []Status
	parts  []*cells // of each asset that has partitions; nil when none has

	origin *Freshness // of a plan: who knows the reasons
}

// NewFreshness judges all assets of g in one pass. It calls stored once for each of them, external ones included, in the
// order of the graph; now is compared with the times of records and gives texts their time zone.
func NewFreshness(g *Graph, stored func(Key) Stored, now time.Time) *Freshness {
	f := &Freshness{g: g, now: now, stored: make([]Stored, len(g.nodes)), status: make([]Status, len(g.nodes))}
	if g.partitions {
		f.parts = make([]*cells, len(g.nodes))
	}
	for i := range g.nodes {
		f.stored[i] = stored(g.nodes[i].key)
		if g.partitions {
			f.setCells(i, stored)
		}
	}
	for i := range g.nodes {
		f.status[i] = f.judge(i, nil)
	}
	return f
}

// After returns the judgement after what is stored of some assets changed, at the same graph and a later time: these assets are
// judged anew, and everything that reads what changed its status or its data. It costs one look at each asset, and judging only
// where something changed; what becomes overdue elsewhere meanwhile is left to [NewFreshness].
func (f *Freshness) After(changed map[Key]Stored, now time.Time) *Freshness {
	next := &Freshness{g: f.g, now: now, stored: slices.Clone(f.stored), status: slices.Clone(f.status), parts: slices.Clone(f.parts)}
	again := make([]bool, len(f.g.nodes))
	for key, stored := range changed {
		if i, cell, ok := f.g.spot(key); ok {
			if cell < 0 {
				next.stored[i] = stored
			} else {
				if next.parts[i] == f.parts[i] {
					next.parts[i] = f.parts[i].clone()
				}
				next.parts[i].stored[cell] = stored
			}
			again[i] = true
			for _, reader := range f.g.nodes[i].down {
				again[reader] = true
			}
		}
	}
	for i := range again {
		if !again[i] {
			continue
		}
		if next.parts != nil && next.parts[i] != nil && next.parts[i] == f.parts[i] {
			next.parts[i] = f.parts[i].clone()
		}
		if status := next.judge(i, nil); status != next.status[i] || next.parts != nil && next.parts[i] != nil && !slices.Equal(next.parts[i].status, f.parts[i].status) {
			next.status[i] = status
			for _, reader := range f.g.nodes[i].down {
				again[reader] = true
			}
		}
	}
	return next
}

// Graph returns the graph that was judged.
func (f *Freshness) Graph() *Graph { return f.g }

// Now returns the time of the judgement.
func (f *Freshness) Now() time.Time { return f.now }

// Status returns the status of an asset; [External] for a key that the graph does not hold.
func (f *Freshness) Status(key Key) Status {
	i, cell, ok := f.g.spot(key)
	switch {
	case !ok:
		return External
	case cell >= 0:
		return f.parts[i].status[cell]
	}
	return f.status[i]
}

// StatusAt returns the status of the asset at a position of the graph.
func (f *Freshness) StatusAt(i int) Status { return f.status[i] }

// Stored returns what the judgement was told of an asset or a partition; of an asset with partitions, of the last one that exists.
func (f *Freshness) Stored(key Key) Stored {
	i, cell, ok := f.g.spot(key)
	switch {
	case !ok:
		return Stored{}
	case cell >= 0:
		return f.parts[i].stored[cell]
	}
	return f.stored[i]
}

// Reasons returns all reasons why an asset is not fresh, none when it is or is external: first those of its own, then
// those of its upstreams in the order of its dependencies, then its age. Each call computes them anew.
func (f *Freshness) Reasons(key Key) []Reason {
	i, cell, ok := f.g.spot(key)
	if status := f.Status(key); !ok || status == Fresh || status == External {
		return nil
	}
	return f.reasonsOf(i, cell)
}

func (f *Freshness) reasonsAt(i int) []Reason { return f.reasonsOf(int32(i), -1) }

// reasonsOf returns the reasons of an asset, or of one of its partitions.
func (f *Freshness) reasonsOf(i, cell int32) []Reason {
	var reasons []Reason
	switch {
	case f.origin != nil:
		return f.origin.planReasons(f.g.nodes[i].key)
	case cell >= 0:
		f.judgeOne(int(i), cell, &f.parts[i].stored[cell], &reasons)
	default:
		f.judge(int(i), &reasons)
	}
	return reasons
}

// Counts returns how many assets have each status; statuses that none has are absent.
func (f *Freshness) Counts() map[Status]int {
	counts := map[Status]int{}
	for _, s := range f.status {
		counts[s]++
	}
	return counts
}

// judge returns the status of the asset at i and, unless reasons is nil, appends all its reasons. The statuses of what it
// reads are known already. Without reasons it allocates nothing and stops early.
func (f *Freshness) judge(i int, reasons *[]Reason) Status {
	switch {
	case f.parts == nil || f.parts[i] == nil:
		return f.judgeOne(i, -1, &f.stored[i], reasons)
	case reasons != nil:
		f.explainCells(i, reasons)
		return f.status[i]
	}
	return f.judgeCells(i)
}

// judgeOne judges the asset at i by what is stored of it, or one of its partitions.
func (f *Freshness) judgeOne(i int, cell int32, s *Stored, reasons *[]Reason) Status {
	n := &f.g.nodes[i]
	key := n.key
	if cell >= 0 {
		key = n.part.keys[cell]
	}
	give := func(kind ReasonKind, text string) {
		*reasons = append(*reasons, Reason{Kind: kind, Asset: key, Text: text})
	}
	explain := reasons != nil
	rec := s.Record
	if n.external {
		broken := n.owner
		if broken == "" && rec != nil && f.g.empty[rec.Location] {
			broken = rec.Location
		}
		if broken == "" {
			return External
		}
		if explain {
			give(LocationBroken, fmt.Sprintf("it belongs to %s, which does not load, and no earlier definition is kept: %s", broken, f.g.broken[broken]))
		}
		return Unknown
	}
	if n.cycle >= 0 {
		if explain {
			give(InCycle, "it lies in a cycle: "+f.g.cycleText(int32(i)))
		}
		return Unknown
	}
	if s.Data == DataUnreachable {
		if explain {
			give(StorageUnreachable, "the storage cannot be asked"+detail(s.Text))
		}
		return Unknown
	}
	if s.Data == DataForeign {
		if explain {
			give(MadeElsewhere, "data exist of which assetdev has no record"+detail(s.Text))
		}
		return Unknown
	}
	if rec == nil {
		if explain {
			give(NeverMaterialized, "it has never been materialized")
		}
		return Missing
	}
	status := Fresh
	if s.Data == DataMissing || s.Data == DataAbsent && rec.File != "" {
		if status = Missing; explain {
			give(DataIsMissing, "its data is gone"+detail(cmp.Or(s.Text, rec.File)))
		}
	}
	stale := func() bool { // reports whether the answer is complete
		if status != Missing {
			status = Stale
		}
		return !explain
	}
	if s.Data == DataChanged {
		if explain {
			give(ChangedOutside, "something else than assetdev changed its data"+detail(s.Text))
		}
		if stale() {
			return status
		}
	}
	if n.asset.Code.Version != rec.Code.Version {
		if stale() {
			return status
		}
		f.explainCode(n, key, rec, reasons)
	}
	for _, file := range s.Rewritten {
		if stale() {
			return status
		}
		*reasons = append(*reasons, Reason{Kind: SourceChanged, Asset: key, Text: file.text(), File: file.Path, Line: 1, Symbol: file.Path})
	}
	for _, what := range rec.Changed {
		if stale() {
			return status
		}
		switch what {
		case "code":
			give(ChangedDuringRun, "its code changed while it ran")
		case RunConfig:
			give(EnvironmentChanged, "it was made with a run config that was given for that run alone")
		default:
			give(ChangedDuringRun, what+" changed while it ran")
		}
	}
	if f.judgeInputs(n, cell, rec, reasons) && stale() {
		return status
	}
	ages := cell < 0 || !due(n) || int(cell) == len(n.part.keys)-1 // a window of time that is over does not
	if age := f.now.Sub(rec.At); n.asset.MaxAge > 0 && ages && age > n.asset.MaxAge && (status == Fresh || explain && status == Stale) {
		if status == Fresh {
			status = Overdue
		}
		if explain {
			give(IsOverdue, fmt.Sprintf("it is %s old, and its freshness policy allows %s", roundAge(age), roundAge(n.asset.MaxAge)))
		}
	}
	return status
}

// judgeInputs compares what a record pinned with what the asset reads today, and reports whether anything differs.
func (f *Freshness) judgeInputs(n *node, cell int32, rec *Record, reasons *[]Reason) bool {
	differs, pins := false, 0
	for j, dep := range n.asset.Deps {
		in := f.input(n, j, cell)
		u := in.u
		version, pinned := f.pinned(rec, dep, u)
		if pinned {
			pins++
		}
		upstream := in.key
		kind, text := f.judgeInput(n, in, version, pinned, reasons != nil)
		if kind == "" && pinned {
			continue
		}
		differs = true
		if reasons == nil {
			return true
		}
		if !pinned {
			*reasons = append(*reasons, Reason{
				Kind: DependencyAdded, Asset: upstream, Text: f.name(n, u, dep.Asset()) + " is a new dependency",
				File: n.asset.Source.File, Line: n.asset.Source.Line, Symbol: n.asset.Source.Symbol,
			})
		}
		if kind != "" {
			*reasons = append(*reasons, Reason{Kind: kind, Asset: upstream, Text: text})
		}
		if pinned && kind != UpstreamNewData && u >= 0 && in.newData(version) {
			*reasons = append(*reasons, Reason{Kind: UpstreamNewData, Asset: upstream, Text: f.newDataText(n, in)})
		}
	}
	if pins >= len(rec.Inputs) {
		return differs
	}
	used := make(map[Key]bool, len(n.asset.Deps))
	for j, dep := range n.asset.Deps {
		for _, name := range f.names(dep, n.reads[j]) {
			used[name] = true
		}
	}
	for _, input := range slices.SortedFunc(maps.Keys(rec.Inputs), Key.Compare) {
		if used[input] {
			continue
		}
		differs = true
		if reasons != nil {
			*reasons = append(*reasons, Reason{
				Kind: DependencyRemoved, Asset: input, Text: input.text + " is no dependency any more",
				File: n.asset.Source.File, Line: n.asset.Source.Line, Symbol: n.asset.Source.Symbol,
			})
		}
	}
	return differs
}

// judgeInput returns the reason that what is read gives by itself, "" for none. Without explain the text is empty.
func (f *Freshness) judgeInput(n *node, in input, version string, pinned, explain bool) (kind ReasonKind, text string) {
	u := in.u
	if u < 0 {
		if explain {
			text = "it cannot be judged: " + f.g.Conflict(in.key)
		}
		return UpstreamStale, text
	}
	say := func(k ReasonKind, format string) {
		if kind = k; explain {
			text = fmt.Sprintf(format, f.name(n, u, in.key))
		}
	}
	s := in.stored
	switch in.status {
	case Stale:
		say(UpstreamStale, "%s is stale")
	case Missing:
		if s.Record == nil {
			say(UpstreamMissing, "%s has never been materialized")
		} else {
			say(UpstreamMissing, "the data of %s is gone")
		}
	case Unknown:
		switch {
		case f.g.nodes[u].cycle >= 0:
			say(UpstreamStale, "%s cannot be judged: it lies in a cycle")
		case f.g.nodes[u].external:
			say(UpstreamStale, "%s cannot be judged: its code location does not load")
		case s.Data == DataUnreachable:
			say(UpstreamStale, "%s cannot be judged: its storage cannot be asked")
		}
	case External:
		switch s.Data {
		case DataUnreachable:
			say(UpstreamStale, "%s cannot be judged: its storage cannot be asked")
		case DataMissing:
			say(UpstreamMissing, "the data of %s is gone")
		case DataChanged:
			say(UpstreamNewData, "something else than assetdev changed the data of %s")
		case DataAbsent, DataPresent, DataForeign:
		}
	case Overdue, Fresh:
	}
	if kind == "" && pinned && in.newData(version) {
		if kind = UpstreamNewData; explain {
			text = f.newDataText(n, in)
		}
	}
	return kind, text
}

// newData reports whether the newest data of what is read is known and is not the version that a reader pinned.
func (in *input) newData(pinned string) bool {
	s := in.stored
	switch {
	case in.set:
		return in.version != pinned
	case s.Data == DataForeign:
		return s.Version != pinned
	case s.Record != nil:
		return s.Record.DataVersion != pinned
	}
	return false
}

func (f *Freshness) newDataText(n *node, in input) string {
	name, s := f.name(n, in.u, in.key.Asset()), in.stored
	switch {
	case in.nothing || in.set:
		return "the partitions of " + name + " that it reads have other data now"
	case s.Data == DataForeign || s.Record.At.IsZero():
		return f.name(n, in.u, in.key) + " has other data now"
	}
	name = f.name(n, in.u, in.key)
	at := s.Record.At.In(f.now.Location())
	layout := "15:04"
	if at.YearDay() != f.now.YearDay() || at.Year() != f.now.Year() {
		layout = "2006-01-02 15:04"
	}
	return name + " has new data since " + at.Format(layout)
}

// pinned returns the data version that a record pinned for a dependency. A key that was or became location::key counts as
// the same dependency.
func (f *Freshness) pinned(rec *Record, dep Key, u int32) (string, bool) {
	if version, ok := rec.Inputs[dep]; ok || len(rec.Inputs) == 0 || u < 0 {
		return version, ok
	}
	for _, name := range f.names(dep, u) {
		if version, ok := rec.Inputs[name]; ok {
			return version, true
		}
	}
	return "", false
}

// names returns what a dependency may be called in a record.
func (f *Freshness) names(dep Key, u int32) []Key {
	names := []Key{dep}
	if u >= 0 {
		n := &f.g.nodes[u]
		names = append(names, n.key)
		if n.asset.Location != "" {
			names = append(names, n.key.In(n.asset.Location))
		}
		if n.key == n.key.Bare() {
			return names
		}
	}
	return append(names, dep.Bare())
}

// name returns how a reason of n calls what it reads: with its location when that is another one.
func (f *Freshness) name(n *node, u int32, dep Key) string {
	if u < 0 {
		return dep.text
	}
	up := &f.g.nodes[u]
	key := up.key.text
	if partition := dep.Partition(); partition != "" {
		key = up.key.At(partition).text
	}
	if up.asset.Location == n.asset.Location || up.asset.Location == "" || up.key.Location() != "" {
		return key
	}
	return key + " (" + up.asset.Location + ")"
}

// explainCode appends one reason for each kind of part that changed, with the first part of that kind as its place.
func (f *Freshness) explainCode(n *node, key Key, rec *Record, reasons *[]Reason) {
	now, then := &n.asset.Code, &rec.Code
	reason := Reason{Kind: CodeChanged, Asset: key, File: n.asset.Source.File, Line: n.asset.Source.Line, Symbol: n.asset.Source.Symbol}
	nowMethod, nowHash, _ := strings.Cut(now.Version, ":")
	thenMethod, thenHash, _ := strings.Cut(then.Version, ":")
	switch {
	case now.Version == "":
		reason.Text = "its code version cannot be told now"
	case then.Version == "":
		reason.Text = "it has a code version for the first time"
	case now.Author && then.Author:
		reason.Text = fmt.Sprintf("its author changed its code version from %q to %q", cmp.Or(thenHash, then.Version), cmp.Or(nowHash, now.Version))
	case now.Author:
		reason.Text = fmt.Sprintf("its author gives its code version now: %q", cmp.Or(nowHash, now.Version))
	case then.Author:
		reason.Text = "its code version is computed now, no longer given by its author"
	case nowMethod != thenMethod && nowHash != "" && thenHash != "":
		reason.Text = fmt.Sprintf("fingerprint method changed from %s to %s", thenMethod, nowMethod)
	default:
		if f.explainParts(key, now.Parts, then.Parts, reasons) {
			return
		}
		reason.Text = "its code changed"
	}
	*reasons = append(*reasons, reason)
}

// explainParts appends a reason for each kind of part that differs and reports whether there was one.
func (f *Freshness) explainParts(key Key, now, then []Part, reasons *[]Reason) bool {
	type finding struct {
		part  Part
		how   string
		count int
	}
	var found [PartEnvironment + 1]finding
	note := func(p Part, how string) {
		p.Kind = min(p.Kind, PartEnvironment)
		if found[p.Kind].count == 0 {
			found[p.Kind] = finding{part: p, how: how}
		}
		found[p.Kind].count++
	}
	if len(then) == 0 {
		return false // the record kept none: every part would look new
	}
	for len(now) > 0 || len(then) > 0 {
		switch {
		case len(then) == 0 || len(now) > 0 && now[0].Symbol < then[0].Symbol:
			note(now[0], "is new")
			now = now[1:]
		case len(now) == 0 || then[0].Symbol < now[0].Symbol:
			note(then[0], "is gone")
			then = then[1:]
		default:
			if now[0].Hash != then[0].Hash {
				note(now[0], "changed"+fromTo(then[0], now[0]))
			}
			now, then = now[1:], then[1:]
		}
	}
	some := false
	for kind, x := range found {
		if x.count == 0 {
			continue
		}
		some = true
		r := Reason{Asset: key, File: x.part.File, Line: x.part.Line, Symbol: x.part.Symbol}
		switch PartKind(kind) {
		case PartCode:
			r.Kind = CodeChanged
			r.Text = path.Base(x.part.Symbol) + " " + x.how
		case PartFile:
			r.Kind = SourceChanged
			r.Text = "the file " + x.part.Symbol + " " + x.how
		case PartEnvironment:
			r.Kind = EnvironmentChanged
			r.Text = x.part.Symbol + " " + x.how
			if !strings.HasPrefix(x.how, "changed from") {
				r.Text += " in its environment"
			}
		}
		if x.part.File != "" && x.part.File != x.part.Symbol && x.how != "is gone" {
			r.Text += " at " + x.part.File
			if x.part.Line > 0 {
				r.Text += fmt.Sprintf(":%d", x.part.Line)
			}
		}
		if x.count > 1 {
			r.Text += fmt.Sprintf(", and %d more", x.count-1)
		}
		*reasons = append(*reasons, r)
	}
	return some
}

// fromTo says how a library or a tool changed. The hashes of these begin with a version for people; that of a variable is
// nothing but a hash and is not shown.
func fromTo(then, now Part) string {
	before, _, ok := strings.Cut(then.Hash, " ")
	after, _, okNow := strings.Cut(now.Hash, " ")
	if now.Kind != PartEnvironment || !ok || !okNow {
		return ""
	}
	if before == after {
		return fmt.Sprintf(" from %q to %q", then.Hash, now.Hash)
	}
	return fmt.Sprintf(" from %s to %s", before, after)
}

// text says that what a step read says something else now.
func (r Read) text() string {
	switch {
	case r.Hash == NoSuchFile:
		return "the file " + r.Path + ", which it looked for in vain, is there now"
	case strings.HasPrefix(r.Hash, "names:"):
		return "there are other files in " + r.Path + ", which it listed"
	}
	return "the file " + r.Path + ", which it read, changed"
}

func detail(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// roundAge writes a duration in its largest two units.
func roundAge(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d >= 2*day && d%day < time.Hour:
		return fmt.Sprintf("%dd", d/day)
	case d >= 2*day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour && d%time.Hour < time.Minute:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute && d%time.Minute < time.Second:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.Round(time.Second).String()
}

// maxChains bounds what Chains returns. A person reads the first few.
const maxChains = 64

// Chains returns the ways from an asset down to the causes of its status: each begins with a reason of the asset and
// follows upstreams that are stale or missing to the reason that stands at the end, nearest causes first. Each cause
// appears at the end of its shortest chain, and each reason of the asset begins at least one chain, up to 64 chains in all.
func (f *Freshness) Chains(key Key) [][]Reason {
	i, cell, ok := f.g.spot(key)
	if status := f.Status(key); !ok || status == Fresh || status == External {
		return nil
	}
	type place struct{ i, cell int32 }
	type step struct {
		at     place
		parent int // position in the walk
		via    Reason
	}
	chains := [][]Reason{}
	type start struct {
		kind  ReasonKind
		asset Key
	}
	begun := map[start]bool{}
	walk := []step{{at: place{i, cell}, parent: -1}}
	seen := map[place]bool{{i, cell}: true}
	finish := func(at int, last Reason) {
		chain := []Reason{last}
		for ; walk[at].parent >= 0; at = walk[at].parent {
			chain = append(chain, walk[at].via)
		}
		slices.Reverse(chain)
		begun[start{chain[0].Kind, chain[0].Asset}] = true
		chains = append(chains, chain)
	}
	for at := 0; at < len(walk) && len(chains) < maxChains; at++ {
		for _, r := range f.reasonsOf(walk[at].at.i, walk[at].at.cell) {
			u, c, leads := f.leadsTo(r)
			switch {
			case !leads:
				finish(at, r)
			case !seen[place{u, c}]:
				seen[place{u, c}] = true
				walk = append(walk, step{at: place{u, c}, parent: at, via: r})
			}
		}
	}
	for _, r := range f.reasonsOf(i, cell) {
		if begun[start{r.Kind, r.Asset}] || len(chains) >= maxChains {
			continue
		}
		chain := []Reason{r}
		for u, c, leads := f.leadsTo(r); leads; u, c, leads = f.leadsTo(chain[len(chain)-1]) {
			chain = append(chain, f.reasonsOf(u, c)[0])
		}
		chains = append(chains, chain)
	}
	if len(chains) > maxChains {
		chains = chains[:maxChains]
	}
	return chains
}

// leadsTo returns the asset or partition whose own reasons explain r, and false when r is a cause by itself.
func (f *Freshness) leadsTo(r Reason) (i, cell int32, leads bool) {
	if r.Kind != UpstreamStale && r.Kind != UpstreamMissing {
		return 0, 0, false
	}
	i, cell, ok := f.g.spot(r.Asset)
	if status := f.Status(r.Asset); !ok || status == Fresh || status == External || status == Overdue {
		return 0, 0, false
	}
	return i, cell, true
}
