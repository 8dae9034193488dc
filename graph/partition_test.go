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

func TestKeysOfPartitions(t *testing.T) {
	for _, test := range []struct{ key, partition, written, location, bare string }{
		{"a/b", "2026-11-01", "a/b[2026-11-01]", "", "a/b[2026-11-01]"},
		{"a", "x::y", "a[x::y]", "", "a[x::y]"},
		{"a", "[b]/]", "a[[b]/]]", "", "a[[b]/]]"},
		{"l::a", "eu|x", "l::a[eu|x]", "l", "a[eu|x]"},
		{"a", "", "a", "", "a"},
	} {
		k := MustKey(test.key).At(test.partition)
		if k.String() != test.written || k.Location() != test.location || k.Bare().String() != test.bare {
			t.Errorf("got %q in %q, bare %q; want %q in %q, bare %q", k, k.Location(), k.Bare(), test.written, test.location, test.bare)
		}
		if k.Partition() != test.partition || k.Asset() != MustKey(test.key) || k.At("z").Partition() != "z" || k.At("") != k.Asset() {
			t.Errorf("%s: got the partition %q of %q", k, k.Partition(), k.Asset())
		}
		var back Key
		text, err := json.Marshal(k)
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back != k {
			t.Errorf("%s: read back as %s: %v", k, back, err)
		}
		if _, err := ParseKey(test.written); test.partition != "" && err == nil {
			t.Errorf("%s: a partition passes for an asset", k)
		}
	}
	var step Step
	want := Step{Asset: MustKey("a").At("p/q"), Why: "stale", After: []Key{MustKey("b").At("p")}}
	text, err := json.Marshal(want)
	if err == nil {
		err = json.Unmarshal(text, &step)
	}
	if diff := cmp.Diff(want, step, cmp.Comparer(func(a, b Key) bool { return a == b })); err != nil || diff != "" {
		t.Errorf("%s: %v\n%s", text, err, diff)
	}
}

// parted gives assets partitions: "key kind p q r".
func parted(all []Definitions, lines ...string) {
	for _, line := range lines {
		words := strings.Fields(line)
		asset(all, words[0]).Partitions = NewPartitions(words[0], words[1], words[2:])
	}
}

// runPart materializes an asset or a partition with what exists of its inputs.
func (w *world) runPart(key Key, data string) {
	g := w.graph()
	a, _ := g.Asset(key)
	w.runs++
	if data == "" {
		data = fmt.Sprintf("v%d", w.runs)
	}
	w.stored[key] = Stored{Data: DataPresent, Record: &Record{
		Key: key, Seq: int64(w.runs), Location: a.Location, At: w.now, Code: a.Code, DataVersion: data, Inputs: w.pins(g, key), File: "f.parquet",
	}}
}

func (w *world) pins(g *Graph, key Key) map[Key]string {
	pins := map[Key]string{}
	for _, in := range g.Inputs(key) {
		if in.Partitions == nil {
			pins[in.Key] = w.version(in.Key)
			continue
		}
		var keys, versions []string
		for _, k := range in.Partitions {
			if w.stored[k].Record != nil {
				keys, versions = append(keys, k.Partition()), append(versions, w.version(k))
			}
		}
		switch {
		case in.Set:
			pins[in.Key] = SetVersion(keys, versions)
		case len(versions) == 1:
			pins[in.Key] = versions[0]
		default:
			pins[in.Key] = ""
		}
	}
	return pins
}

func TestPartitions(t *testing.T) {
	const daily = "l raw:\nl clean: raw\nm report: clean"
	day := func(k string, n int) Key { return MustKey(k).At(fmt.Sprintf("d%d", n)) }
	newDaily := func(kind string) *world {
		w := newWorld(daily)
		parted(w.defs, "raw "+kind+" d1 d2 d3", "clean "+kind+" d1 d2 d3")
		for n := 1; n <= 3; n++ {
			w.runPart(day("raw", n), "")
			w.runPart(day("clean", n), "")
		}
		w.runPart(MustKey("report"), "")
		return w
	}
	for _, test := range []struct {
		name, kind string
		change     func(w *world)
		key        Key
		status     Status
		reasons    string
	}{
		{"nothing changed", Windows, func(*world) {}, MustKey("report"), Fresh, ""},
		{"an old one was never made", Windows, func(w *world) {
			delete(w.stored, day("raw", 1))
			delete(w.stored, day("clean", 1))
			w.runPart(MustKey("report"), "")
		}, MustKey("report"), Fresh, ""},
		{"itself", Windows, func(w *world) { delete(w.stored, day("raw", 1)) }, MustKey("raw"), Fresh, ""},
		{
			"the latest window is due", Windows, func(w *world) { delete(w.stored, day("raw", 3)) }, MustKey("raw"), Stale,
			"never_materialized raw[d3]: partition d3: its latest partition has never been materialized",
		},
		{"the last static one is not", "static", func(w *world) { delete(w.stored, day("raw", 3)) }, MustKey("raw"), Fresh, ""},
		{
			"none was made", "static", func(w *world) { clear(w.stored) }, MustKey("raw"), Missing,
			"never_materialized raw: none of its partitions has been materialized",
		},
		{
			"the code changed", Windows, func(w *world) { asset(w.defs, "raw").Code.Version = "go1:2" }, MustKey("raw"), Stale,
			"code_changed raw[d3]: partition d3 and 2 more: its code changed",
		},
		{
			"the code above changed", Windows, func(w *world) { asset(w.defs, "raw").Code.Version = "go1:2" }, day("clean", 2), Stale,
			"upstream_stale raw[d2]: raw[d2] is stale",
		},
		{
			"one partition has new data", Windows, func(w *world) { w.runPart(day("raw", 2), "") }, MustKey("clean"), Stale,
			"upstream_new_data raw[d2]: partition d2: raw[d2] has new data since 12:30",
		},
		{"its neighbour has none", Windows, func(w *world) { w.runPart(day("raw", 2), "") }, day("clean", 1), Fresh, ""},
		{
			"a reader of all reads new data", Windows, func(w *world) { w.runPart(day("clean", 2), "") }, MustKey("report"), Stale,
			"upstream_new_data clean: the partitions of clean (l) that it reads have other data now",
		},
		{"and is cut off by the same", Windows, func(w *world) { w.runPart(day("clean", 2), w.version(day("clean", 2))) }, MustKey("report"), Fresh, ""},
		{
			"data of one is gone", Windows, func(w *world) {
				w.change("clean", func(*Stored, *Record) {})
				s := w.stored[day("clean", 1)]
				s.Data = DataMissing
				w.stored[day("clean", 1)] = s
			}, MustKey("clean"), Stale, "data_missing clean[d1]: partition d1: its data is gone: f.parquet",
		},
		{
			"an old window is not overdue", Windows, func(w *world) {
				asset(w.defs, "clean").MaxAge = time.Hour
				w.now = w.now.Add(2 * time.Hour)
				w.runPart(day("clean", 3), w.version(day("clean", 3)))
			}, MustKey("clean"), Fresh, "",
		},
		{"made elsewhere", Windows, func(w *world) {
			for n := 1; n <= 3; n++ {
				w.stored[day("raw", n)] = Stored{Data: DataForeign, Text: "a pickle", Version: w.version(day("raw", n))}
			}
		}, MustKey("raw"), Unknown, "made_elsewhere raw[d3]: partition d3 and 2 more: data exist of which assetdev has no record: a pickle"},
		{"no keys", "dynamic", func(w *world) { parted(w.defs, "raw dynamic") }, MustKey("raw"), Missing, "never_materialized raw: it has no partitions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newDaily(test.kind)
			test.change(w)
			f := w.judge()
			if got := f.Status(test.key); got != test.status {
				t.Errorf("got %v, want %v", got, test.status)
			}
			if got := reasonLines(f.Reasons(test.key)); got != test.reasons {
				t.Errorf("got %s\nwant %s", got, test.reasons)
			}
		})
	}
	w := newDaily(Windows)
	asset(w.defs, "raw").Code.Version = "go1:2"
	w.runPart(day("raw", 3), "")
	delete(w.stored, day("clean", 1))
	w.stored[day("clean", 2)] = Stored{Data: DataPresent, Record: w.stored[day("clean", 2)].Record, Last: &LastRun{State: "failed"}}
	f := w.judge()
	if got, _ := f.Partitions(MustKey("clean")); got != (PartitionCounts{Total: 3, Stale: 2, Missing: 1, Failed: 1}) {
		t.Errorf("got %+v", got)
	}
	chains := f.Chains(MustKey("report"))
	if !slices.ContainsFunc(chains, func(c []Reason) bool { return c[0].Asset == MustKey("clean") && c[len(c)-1].Asset == day("raw", 2) }) {
		t.Errorf("got the chains %v", chains)
	}
}

func TestPlanOfPartitions(t *testing.T) {
	const daily = "l raw:\nl clean: raw\nl weekly: clean\nm report: clean\nm last: clean"
	day := func(k string, n int) Key { return MustKey(k).At(fmt.Sprintf("d%d", n)) }
	newDaily := func() *world {
		w := newWorld(daily)
		parted(w.defs, "raw time_window d1 d2 d3 d4", "clean time_window d1 d2 d3 d4", "weekly time_window w1 w2")
		asset(w.defs, "weekly").Mappings = map[Key]*Mapping{MustKey("clean"): {Table: map[string][]string{"w1": {"d1", "d2"}, "w2": {"d3", "d4"}}}}
		asset(w.defs, "last").Mappings = map[Key]*Mapping{MustKey("clean"): {Table: map[string][]string{"": {"d4"}}}}
		return w
	}
	for _, test := range []struct {
		name    string
		made    []int
		change  func(w *world)
		request PlanRequest
		want    string
	}{
		{"the latest", nil, nil, PlanRequest{Selected: keysOf("clean")}, "raw[d4] missing\nclean[d4] missing < raw[d4]"},
		{"a named one", nil, nil, PlanRequest{Selected: []Key{day("clean", 2)}}, "raw[d2] missing\nclean[d2] missing < raw[d2]"},
		{
			"a table",
			[]int{1},
			nil,
			PlanRequest{Selected: []Key{MustKey("weekly").At("w1")}},
			"raw[d2] missing\nclean[d2] missing < raw[d2]\nweekly[w1] missing < clean[d2]",
		},
		{"of an asset without partitions", []int{1, 2}, nil, PlanRequest{Selected: keysOf("last")}, "raw[d4] missing\nclean[d4] missing < raw[d4]\nlast missing < clean[d4]"},
		{
			"all that exist, and the latest that is due",
			[]int{1, 2},
			func(w *world) { asset(w.defs, "clean").Code.Version = "go1:2" },
			PlanRequest{Selected: keysOf("report")},
			"raw[d4] missing\nclean[d1] stale\nclean[d2] stale\nclean[d4] missing < raw[d4]\nreport missing < clean[d1] clean[d2] clean[d4]",
		},
		{
			"only the latest",
			[]int{1, 2},
			func(w *world) { asset(w.defs, "clean").Code.Version = "go1:2" },
			PlanRequest{Selected: keysOf("report"), LatestOnly: true},
			"raw[d4] missing\nclean[d4] missing < raw[d4]\nreport missing < clean[d4]",
		},
		{
			"perhaps cut off",
			[]int{1, 2, 3, 4},
			func(w *world) {
				w.runPart(MustKey("report"), "")
				asset(w.defs, "clean").Code.Version = "go1:2"
			},
			PlanRequest{Selected: keysOf("report")},
			"clean[d1] stale\nclean[d2] stale\nclean[d3] stale\nclean[d4] stale\nreport stale? < clean[d1] clean[d2] clean[d3] clean[d4]",
		},
		{"nothing to do", []int{1, 4}, nil, PlanRequest{Selected: append(keysOf("clean"), day("clean", 1))}, "= clean[d1]\n= clean[d4]"},
		{"force", []int{1}, nil, PlanRequest{Selected: []Key{day("clean", 1)}, Force: true}, "clean[d1] forced"},
		{"no keys", nil, func(w *world) { parted(w.defs, "clean dynamic") }, PlanRequest{Selected: keysOf("clean raw")}, "raw[d4] missing\n! clean: it has no partitions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newDaily()
			for _, n := range test.made {
				w.runPart(day("raw", n), "")
				w.runPart(day("clean", n), "")
			}
			if test.change != nil {
				test.change(w)
			}
			if got := planLines(MakePlan(w.graph(), w.judge(), test.request)); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestAnAssetMayReadItsEarlierPartitions(t *testing.T) {
	w := newWorld("l a: a")
	parted(w.defs, "a time_window d1 d2 d3")
	asset(w.defs, "a").Mappings = map[Key]*Mapping{MustKey("a"): {Table: map[string][]string{"d1": {}, "d2": {"d1"}, "d3": {"d2"}}}}
	if p := w.graph().Problems(); len(p) > 0 {
		t.Fatal(p)
	}
	plan := MakePlan(w.graph(), w.judge(), PlanRequest{Selected: keysOf("a")})
	if got, want := planLines(plan), "a[d1] missing\na[d2] missing < a[d1]\na[d3] missing < a[d2]"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, s := range plan.Steps {
		w.runPart(s.Asset, "")
	}
	if got := w.judge().Status(MustKey("a")); got != Fresh {
		t.Errorf("got %v after all ran", got)
	}
	w.runPart(MustKey("a").At("d1"), "")
	if got := w.judge().Status(MustKey("a").At("d3")); got != Stale {
		t.Errorf("got %v after the first has new data", got)
	}
	for _, table := range []map[string][]string{{"d1": {"d3"}, "d2": {"d1"}, "d3": {"d2"}}, {"d1": {}, "d2": {"d2"}, "d3": {"d2"}}, {"d2": {"d1"}, "d3": {"d2"}}} {
		asset(w.defs, "a").Mappings[MustKey("a")].Table = table // d1 reads d3, d2 itself, and without a mapping d1 itself
		if got := w.judge().Status(MustKey("a")); got != Unknown {
			t.Errorf("%v: got %v for a circle", table, got)
		}
	}
}

// TestSomePartitionsAreOneInput: what reads two of three partitions pins one version of the two; the third is nothing to it. What reads one
// by its definition pins that one's data version.
func TestSomePartitionsAreOneInput(t *testing.T) {
	w := newWorld("l a:\nl pair: a\nl one: a")
	parted(w.defs, "a static d1 d2 d3")
	k := func(partition string) Key { return MustKey("a").At(partition) }
	asset(w.defs, "pair").Mappings = map[Key]*Mapping{MustKey("a"): {Table: map[string][]string{"": {"d1", "d2"}}}}
	asset(w.defs, "one").Mappings = map[Key]*Mapping{MustKey("a"): {Table: map[string][]string{"": {"d3"}}}}
	for key, want := range map[string]bool{"pair": true, "one": false} {
		if in := w.graph().Inputs(MustKey(key)); len(in) != 1 || in[0].Set != want {
			t.Errorf("%s: got the inputs %+v, want one that is pinned as a set: %v", key, in, want)
		}
	}
	for _, p := range []string{"d1", "d2", "d3"} {
		w.runPart(k(p), "")
	}
	pinned := map[string]string{"pair": SetVersion([]string{"d1", "d2"}, []string{w.version(k("d1")), w.version(k("d2"))}), "one": w.version(k("d3"))}
	for _, key := range []string{"pair", "one"} {
		w.runPart(MustKey(key), "")
		if got := w.stored[MustKey(key)].Record.Inputs[MustKey("a")]; got != pinned[key] {
			t.Errorf("%s pinned %s, want %s", key, got, pinned[key])
		}
	}
	statuses := func() string {
		f := w.judge()
		return fmt.Sprint(f.Status(MustKey("pair")), " ", f.Status(MustKey("one")))
	}
	for _, test := range []struct{ change, data, want string }{
		{"d1", "v1", "fresh fresh"}, // as it was
		{"d3", "new", "fresh stale"},
		{"d2", "new", "stale stale"},
	} {
		if w.runPart(k(test.change), test.data); statuses() != test.want {
			t.Errorf("after %s was made as %s: got %s, want %s", test.change, test.data, statuses(), test.want)
		}
	}
}

// TestDefault: data of an asset with partitions are those of the last partition that exists, else of the latest.
func TestDefault(t *testing.T) {
	w := newWorld("l a:\nl b:\nl none:")
	parted(w.defs, "a static d1 d2 d3", "none dynamic")
	a := MustKey("a")
	for _, test := range []struct {
		made string
		want Key
	}{{"", a.At("d3")}, {"d2", a.At("d2")}, {"d1", a.At("d2")}, {"d3", a.At("d3")}} {
		if test.made != "" {
			w.runPart(a.At(test.made), "")
		}
		if got := w.judge().Default(a); got != test.want {
			t.Errorf("after %q was made: got %v, want %v", test.made, got, test.want)
		}
	}
	for _, key := range []Key{a.At("d1"), MustKey("b"), MustKey("none"), MustKey("unknown")} {
		if got := w.judge().Default(key); got != key {
			t.Errorf("%v: got %v", key, got)
		}
	}
}

func TestPlacesThatClash(t *testing.T) {
	w := newWorld("l a:\nl a/d1:\nl a/d2:")
	parted(w.defs, "a static d1 x")
	g := w.graph()
	for key, want := range map[string]bool{"a": true, "a/d1": true, "a/d2": false} {
		if got := g.Conflict(MustKey(key)) != ""; got != want {
			t.Errorf("%s: got a conflict: %v", key, got)
		}
	}
	if _, _, ok := NewPartitions("", "static", []string{"US", "eu", "us"}).Clash(); !ok {
		t.Error("US and us do not clash")
	}
}

// randomParts returns a world with partitions after some random runs and accidents.
func randomParts(t *rapid.T) *world {
	n := rapid.IntRange(1, 5).Draw(t, "assets")
	key := func(i int) Key { return MustKey(fmt.Sprintf("k%d", i)) }
	w := newWorld("")
	w.defs = []Definitions{{Location: "l0"}}
	sets := []*Partitions{nil, NewPartitions("d", Windows, []string{"1", "2", "3"}), NewPartitions("s", "static", []string{"2", "3", "x"})}
	for i := range n {
		a := Asset{Key: key(i), Executable: true, Code: Code{Version: "go1:0"}, Partitions: rapid.SampledFrom(sets).Draw(t, "partitions"), Mappings: map[Key]*Mapping{}}
		for j := range i {
			if rapid.IntRange(0, 2).Draw(t, "reads") != 0 {
				continue
			}
			a.Deps = append(a.Deps, key(j))
			up := w.defs[0].Assets[j].Partitions
			if up == nil {
				continue
			}
			switch keys := append([]string{""}, a.Partitions.Keys()...); rapid.IntRange(0, 2).Draw(t, "mapping") {
			case 0:
				a.Mappings[key(j)] = &Mapping{All: true}
			case 1:
				m := &Mapping{Table: map[string][]string{}}
				for _, k := range keys {
					m.Table[k] = rapid.SliceOfNDistinct(rapid.SampledFrom(up.Keys()), 0, 3, rapid.ID[string]).Draw(t, "reads of "+k)
				}
				a.Mappings[key(j)] = m
			}
		}
		w.defs[0].Assets = append(w.defs[0].Assets, a)
	}
	return w
}

// step lets one random thing happen in w.
func (w *world) step(t *rapid.T) Key {
	w.now = w.now.Add(time.Minute)
	keys := w.graph().StoredKeys()
	key := rapid.SampledFrom(keys).Draw(t, "of")
	switch rapid.IntRange(0, 7).Draw(t, "event") {
	case 0:
		asset(w.defs, key.Asset().String()).Code.Version += "x"
	case 1:
		if s := w.stored[key]; s.Record != nil {
			s.Data = DataMissing
			w.stored[key] = s
		}
	default:
		data := ""
		if r := w.stored[key].Record; r != nil && rapid.Bool().Draw(t, "same data") {
			data = r.DataVersion
		}
		w.runPart(key, data)
	}
	return key
}

// flat returns the world in which each partition of w is an asset, and a reader of a whole asset reads each that it has to: the slow
// and simple way to say what partitions mean. The names of its keys say which partition they are.
func (w *world) flat() *world {
	g := w.graph()
	out := newWorld("")
	out.now = w.now
	out.defs = []Definitions{{Location: "l0"}}
	name := func(k Key) Key { return MustKey(strings.NewReplacer("[", "-", "]", "").Replace(k.String())) }
	for _, key := range g.StoredKeys() {
		a, _ := g.Asset(key)
		from := a
		a.Key, a.Partitions, a.Mappings, a.Deps = name(key), nil, nil, nil
		s := w.stored[key]
		var record *Record
		if s.Record != nil {
			r := *s.Record
			r.Inputs = map[Key]string{}
			record, s.Record = &r, &r
		}
		for _, in := range g.Inputs(key) {
			reads := in.Partitions
			if in.Partitions == nil {
				reads = []Key{in.Key}
			}
			up, _ := g.Asset(in.Key)
			m := from.Mappings[in.Key]
			if whole := in.Partitions != nil && (m != nil && m.All || m == nil && from.Partitions == nil); whole {
				last := reads[len(reads)-1]
				reads = slices.DeleteFunc(slices.Clone(reads), func(k Key) bool { return w.stored[k].Record == nil })
				if (len(reads) == 0 || up.Partitions.Kind == Windows) && !slices.Contains(reads, last) {
					reads = append(reads, last)
				}
			}
			same := record == nil || from.pin(w, in) == w.stored[key].Record.Inputs[in.Key]
			for _, k := range reads {
				a.Deps = append(a.Deps, name(k))
				if record == nil {
					continue
				}
				if record.Inputs[name(k)] = w.version(k); !same {
					record.Inputs[name(k)] = "other"
				}
			}
			if record != nil && !same && len(reads) == 0 {
				record.Inputs[MustKey("gone")] = "other"
			}
		}
		out.defs[0].Assets = append(out.defs[0].Assets, a)
		out.stored[a.Key] = s
	}
	return out
}

func (a *Asset) pin(w *world, in Input) string {
	g := w.graph()
	for _, r := range g.StoredKeys() {
		if r.Asset() == a.Key {
			for _, other := range g.Inputs(r) {
				if other.Key == in.Key && slices.Equal(other.Partitions, in.Partitions) {
					return w.pins(g, r)[in.Key]
				}
			}
		}
	}
	panic("no such input")
}

// TestPartitionsAreAsAssets: every partition has the status, and every plan the steps, that it would have if it were an asset.
func TestPartitionsAreAsAssets(t *testing.T) {
	name := func(k Key) string { return strings.NewReplacer("[", "-", "]", "").Replace(k.String()) }
	rapid.Check(t, func(t *rapid.T) {
		w := randomParts(t)
		for range rapid.IntRange(0, 25).Draw(t, "events") {
			w.step(t)
		}
		flat := w.flat()
		g, f := w.graph(), w.judge()
		plain, want := flat.graph(), flat.judge()
		for _, key := range g.StoredKeys() {
			if got, want := f.Status(key), want.Status(MustKey(name(key))); got != want {
				t.Fatalf("%s: got %v, want %v: %s", key, got, want, reasonLines(f.Reasons(key)))
			}
			if s := f.Status(key); (s == Fresh) != (len(f.Reasons(key)) == 0) {
				t.Fatalf("%s is %v: %s", key, s, reasonLines(f.Reasons(key)))
			}
		}
		for _, key := range g.Keys() {
			f.Chains(key)
			if s := f.Status(key); (s == Fresh) != (len(f.Reasons(key)) == 0) {
				t.Fatalf("%s is %v: %s", key, s, reasonLines(f.Reasons(key)))
			}
		}
		selected := rapid.SliceOfN(rapid.SampledFrom(g.StoredKeys()), 1, 3).Draw(t, "selected")
		r := PlanRequest{Selected: selected, Only: rapid.Bool().Draw(t, "only"), Force: rapid.Bool().Draw(t, "force")}
		got := MakePlan(g, f, r)
		r.Selected = nil
		for _, key := range selected {
			r.Selected = append(r.Selected, MustKey(name(key)))
		}
		line := func(s Step) string {
			var after []string
			for _, k := range s.After {
				after = append(after, name(k))
			}
			slices.Sort(after)
			return fmt.Sprint(name(s.Asset), " ", s.Why, s.MayBeCutOff, after)
		}
		var gotLines, wantLines []string
		seen := map[Key]bool{}
		for _, s := range got.Steps {
			for _, k := range s.After {
				if !seen[k] {
					t.Fatalf("%s stands before %s, which it waits for", s.Asset, k)
				}
			}
			seen[s.Asset] = true
			gotLines = append(gotLines, line(s))
		}
		for _, s := range MakePlan(plain, want, r).Steps {
			wantLines = append(wantLines, line(s))
		}
		slices.Sort(gotLines)
		slices.Sort(wantLines)
		if diff := cmp.Diff(wantLines, gotLines); diff != "" {
			t.Fatalf("steps of %v (-want +got):\n%s", selected, diff)
		}
	})
}

// TestAfterWithPartitions: judging what changed gives what judging everything gives.
func TestAfterWithPartitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := randomParts(t)
		for range 5 {
			w.step(t)
		}
		g := w.graph()
		f := w.judge()
		for range 6 {
			code := map[Key]string{}
			for _, a := range w.defs[0].Assets {
				code[a.Key] = a.Code.Version
			}
			key := w.step(t)
			for i := range w.defs[0].Assets { // the graph stays
				w.defs[0].Assets[i].Code.Version = code[w.defs[0].Assets[i].Key]
			}
			before := f
			old := map[Key]Status{}
			for _, k := range g.StoredKeys() {
				old[k] = before.Status(k)
			}
			f = f.After(map[Key]Stored{key: w.stored[key]}, w.now)
			want := NewFreshness(g, func(k Key) Stored { return w.stored[k] }, w.now)
			for _, k := range append(g.Keys(), g.StoredKeys()...) {
				if f.Status(k) != want.Status(k) {
					t.Fatalf("%s: got %v, want %v", k, f.Status(k), want.Status(k))
				}
			}
			for k, status := range old {
				if before.Status(k) != status {
					t.Fatalf("%s: an earlier judgement changed", k)
				}
			}
			for _, k := range g.Keys() {
				got, _ := f.Partitions(k)
				if want, _ := want.Partitions(k); got != want {
					t.Fatalf("%s: got %+v, want %+v", k, got, want)
				}
			}
		}
	})
}

// BenchmarkPartitions: 3 assets of 10,000 partitions each, one below the other, and a reader of all of them.
func BenchmarkPartitions(b *testing.B) {
	const keys = 10_000
	w := newWorld("l a:\nl b: a\nl c: b\nl all: c")
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("2026-%05d", i)
	}
	p := NewPartitions("daily", Windows, names)
	for _, key := range []string{"a", "b", "c"} {
		asset(w.defs, key).Partitions = p
	}
	g := w.graph()
	for _, key := range g.StoredKeys() {
		r := Record{Key: key, DataVersion: "xxh1:0123456789abcdef" + key.Partition(), Code: Code{Version: "go1:1"}, At: noon, File: "f"}
		for _, in := range g.Inputs(key) {
			if r.Inputs = map[Key]string{}; len(in.Partitions) == 1 {
				r.Inputs[in.Key] = w.version(in.Partitions[0])
			}
		}
		w.stored[key] = Stored{Data: DataPresent, Record: &r}
	}
	stored := func(k Key) Stored { return w.stored[k] }
	f := NewFreshness(g, stored, noon)
	if got, _ := f.Partitions(MustKey("c")); got.Fresh != keys {
		b.Fatalf("got %+v", got)
	}
	measure := func(name string, do func()) {
		b.Run(name, func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				do()
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
	measure("new", func() { w.graph() })
	measure("judge", func() { NewFreshness(g, stored, noon) })
	one := g.PartitionKeys(MustKey("a"))[77]
	measure("after", func() { f.After(map[Key]Stored{one: w.stored[one]}, noon) })
	measure("plan-latest", func() { MakePlan(g, f, PlanRequest{Selected: keysOf("c")}) })
	measure("plan-all", func() { MakePlan(g, f, PlanRequest{Selected: keysOf("all")}) })
}
