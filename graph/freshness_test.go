package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// reasonLines returns reasons as "kind asset: text (file:line symbol)".
func reasonLines(reasons []Reason) string {
	var lines []string
	for _, r := range reasons {
		line := fmt.Sprintf("%s %s: %s", r.Kind, r.Asset, r.Text)
		if r.File != "" {
			line += fmt.Sprintf(" (%s:%d %s)", r.File, r.Line, r.Symbol)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestFreshness(t *testing.T) {
	const orders = "l a:\nl b: a\nm c: b"
	for _, test := range []struct {
		name, defs string
		change     func(w *world)
		key        string
		status     Status
		reasons    string
	}{
		{"nothing changed", orders, func(*world) {}, "c", Fresh, ""},
		{
			"never materialized", orders, func(w *world) { w.stored = map[Key]Stored{} }, "a", Missing,
			"never_materialized a: it has never been materialized",
		},
		{"data gone", orders, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) { s.Data = DataMissing })
		}, "b", Missing, "data_missing b: its data is gone: b.parquet"},
		{"data gone and code changed", orders, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) { s.Data = DataMissing })
			asset(w.defs, "b").Code.Version = "go1:2"
		}, "b", Missing, "data_missing b: its data is gone: b.parquet\ncode_changed b: its code changed"},
		{"upstream's data gone", orders, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) { s.Data = DataMissing })
		}, "c", Stale, "upstream_missing b: the data of b (l) is gone"},
		{"upstream never materialized", orders, func(w *world) {
			delete(w.stored, MustKey("b"))
		}, "c", Stale, "upstream_missing b: b (l) has never been materialized"},
		{"something else wrote the data", orders, func(w *world) {
			w.change("a", func(s *Stored, _ *Record) { s.Data, s.Text = DataChanged, "12 bytes more" })
		}, "a", Stale, "data_changed_outside a: something else than assetdev changed its data: 12 bytes more"},
		{"a file that it read", orders, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) {
				s.Rewritten = []Read{{"r/x.csv", "1"}, {"r/conf", "names:1"}, {"r/more.json", NoSuchFile}}
			})
		}, "b", Stale, "source_changed b: the file r/x.csv, which it read, changed (r/x.csv:1 r/x.csv)\n" +
			"source_changed b: there are other files in r/conf, which it listed (r/conf:1 r/conf)\n" +
			"source_changed b: the file r/more.json, which it looked for in vain, is there now (r/more.json:1 r/more.json)"},
		{"a file that an upstream read", orders, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) { s.Rewritten = []Read{{"r/x.csv", "1"}} })
		}, "c", Stale, "upstream_stale b: b (l) is stale"},
		{"new data upstream", orders, func(w *world) {
			w.now = w.now.Add(time.Hour)
			w.run(MustKey("b"), "")
			w.now = w.now.Add(time.Minute)
		}, "c", Stale, "upstream_new_data b: b (l) has new data since 13:30"},
		{"new data upstream, yesterday", orders, func(w *world) {
			w.run(MustKey("a"), "")
			w.now = w.now.Add(24 * time.Hour)
		}, "b", Stale, "upstream_new_data a: a has new data since 2026-11-22 12:30"},
		{"same data upstream", orders, func(w *world) { w.run(MustKey("a"), "v1") }, "b", Fresh, ""},
		{
			"code changed upstream of upstream", orders, func(w *world) { asset(w.defs, "a").Code.Version = "go1:2" }, "c", Stale,
			"upstream_stale b: b (l) is stale",
		},
		{"new data and stale upstream", orders, func(w *world) {
			w.run(MustKey("b"), "")
			asset(w.defs, "b").Code.Version = "go1:2"
		}, "c", Stale, "upstream_stale b: b (l) is stale\nupstream_new_data b: b (l) has new data since 12:30"},
		{"dependency added", orders, func(w *world) {
			asset(w.defs, "b").Deps = keysOf("a x")
			asset(w.defs, "b").Source = Source{"f.go", 3, "B"}
		}, "b", Stale, "dependency_added x: x is a new dependency (f.go:3 B)"},
		{
			"dependency removed", "l a:\nl x:\nl y:\nl b: a y x", func(w *world) { asset(w.defs, "b").Deps = keysOf("a") }, "b", Stale,
			"dependency_removed x: x is no dependency any more\ndependency_removed y: y is no dependency any more",
		},
		{
			"dependency exchanged", "l a:\nl x:\nl b: a", func(w *world) { asset(w.defs, "b").Deps = keysOf("x") }, "b", Stale,
			"dependency_added x: x is a new dependency\ndependency_removed a: a is no dependency any more",
		},
		{"changed during the run", orders, func(w *world) {
			w.change("b", func(_ *Stored, r *Record) { r.Changed = []string{"code", "a"} })
		}, "b", Stale, "changed_during_run b: its code changed while it ran\nchanged_during_run b: a changed while it ran"},
		{"overdue", orders, func(w *world) {
			asset(w.defs, "b").MaxAge = time.Hour
			w.now = w.now.Add(90 * time.Minute)
		}, "b", Overdue, "overdue b: it is 1h30m old, and its freshness policy allows 1h"},
		{"just not overdue", orders, func(w *world) {
			asset(w.defs, "b").MaxAge = time.Hour
			w.now = w.now.Add(time.Hour)
		}, "b", Fresh, ""},
		{"downstream of overdue", orders, func(w *world) {
			asset(w.defs, "b").MaxAge = time.Hour
			w.now = w.now.Add(90 * time.Minute)
		}, "c", Fresh, ""},
		{"stale and overdue", orders, func(w *world) {
			asset(w.defs, "b").MaxAge = 24 * time.Hour
			asset(w.defs, "b").Code.Version = "go1:2"
			w.now = w.now.Add(50 * time.Hour)
		}, "b", Stale, "code_changed b: its code changed\noverdue b: it is 2d2h old, and its freshness policy allows 24h"},
		{"made elsewhere", orders, func(w *world) {
			w.stored[MustKey("b")] = Stored{Data: DataForeign, Text: "a pickle at x/b"}
		}, "b", Unknown, "made_elsewhere b: data exist of which assetdev has no record: a pickle at x/b"},
		{"reads what was made elsewhere", orders, func(w *world) {
			w.stored[MustKey("b")] = Stored{Data: DataForeign}
			w.run(MustKey("c"), "")
		}, "c", Fresh, ""},
		{"reads what was made elsewhere since", orders, func(w *world) {
			w.stored[MustKey("b")] = Stored{Data: DataForeign}
		}, "c", Stale, "upstream_new_data b: b (l) has other data now"},
		{"what is above data made elsewhere does not count", orders, func(w *world) {
			w.stored[MustKey("b")] = Stored{Data: DataForeign}
			w.run(MustKey("c"), "")
			delete(w.stored, MustKey("a"))
		}, "c", Fresh, ""},
		{"storage unreachable", orders, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) { s.Data, s.Text = DataUnreachable, "no route to host" })
		}, "b", Unknown, "storage_unreachable b: the storage cannot be asked: no route to host"},
		{"upstream's storage unreachable", orders, func(w *world) {
			w.change("b", func(s *Stored, _ *Record) { s.Data = DataUnreachable })
		}, "c", Stale, "upstream_stale b: b (l) cannot be judged: its storage cannot be asked"},
		{"in a cycle", "l a: b\nl b: a", func(*world) {}, "b", Unknown, "cycle b: it lies in a cycle: b → a → b"},
		{"below a cycle", "l a: b\nl b: a\nl c: b", func(*world) {}, "c", Stale, "upstream_stale b: b cannot be judged: it lies in a cycle"},
		{"external", "l a: x", func(*world) {}, "x", External, ""},
		{"reads external without data", "l a: x", func(*world) {}, "a", Fresh, ""},
		{"external data changed", "l a: x", func(w *world) {
			w.stored[MustKey("x")] = Stored{Data: DataPresent, Record: &Record{DataVersion: "x1", At: noon.Add(-time.Hour)}}
		}, "a", Stale, "upstream_new_data x: x has new data since 11:30"},
		{"external data overwritten", "l a: x", func(w *world) {
			w.stored[MustKey("x")] = Stored{Data: DataChanged, Record: &Record{DataVersion: "", At: noon}}
		}, "a", Stale, "upstream_new_data x: something else than assetdev changed the data of x"},
		{"external data gone", "l a: x", func(w *world) {
			w.stored[MustKey("x")] = Stored{Data: DataMissing, Record: &Record{DataVersion: "", At: noon}}
		}, "a", Stale, "upstream_missing x: the data of x is gone"},
		{"its location never loaded", orders, func(w *world) {
			w.defs[0] = Definitions{Location: "l", Broken: "syntax error in a.py"}
		}, "b", Unknown, "location_broken b: it belongs to l, which does not load, and no earlier definition is kept: syntax error in a.py"},
		{"reads of a location that never loaded", orders, func(w *world) {
			w.defs[0] = Definitions{Location: "l", Broken: "syntax error in a.py"}
		}, "c", Stale, "upstream_stale b: b cannot be judged: its code location does not load"},
		{"its location does not load now", orders, func(w *world) {
			w.defs[0].Broken = "syntax error"
			asset(w.defs, "a").Stale, asset(w.defs, "b").Stale = true, true
		}, "b", Fresh, ""},
		{"two locations define its upstream", orders, func(w *world) {
			w.defs[1].Assets = append(w.defs[1].Assets, *asset(w.defs, "b"))
		}, "c", Stale, "upstream_stale b: it cannot be judged: b is defined by l and m; name the one that owns it in assetdev.yaml, as owners: {b: l}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(test.defs).runAll()
			test.change(w)
			f := w.judge()
			if got := f.Status(MustKey(test.key)); got != test.status {
				t.Errorf("got status %s, want %s", got, test.status)
			}
			if diff := cmp.Diff(test.reasons, reasonLines(f.Reasons(MustKey(test.key)))); diff != "" {
				t.Errorf("reasons differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeyThatBecameQualified(t *testing.T) {
	w := newWorld("l a:\nl b: a").runAll()
	w.defs = append(w.defs, defs("m a:")...)
	w.owners = map[Key]string{MustKey("a"): "l"}
	if got := w.judge().Status(MustKey("b")); got != Fresh {
		t.Errorf("got %s, want fresh: it still reads the a of l", got)
	}
	asset(w.defs, "b").Deps = keysOf("l::a")
	if f := w.judge(); f.Status(MustKey("b")) != Fresh {
		t.Errorf("got %s, want fresh: l::a is a\n%s", f.Status(MustKey("b")), reasonLines(f.Reasons(MustKey("b"))))
	}
}

func TestCodeReasons(t *testing.T) {
	parts := func(hashes ...string) []Part {
		all := []Part{
			{PartFile, "data/rates.csv", "1", "data/rates.csv", 0, ""},
			{PartCode, "repo/assets.margin", "1", "repo/performance.go", 41, ""},
			{PartCode, "repo/assets.total", "1", "repo/total.go", 7, ""},
			{PartEnvironment, "variable REGION", "1", "", 0, ""},
		}
		for i, h := range hashes {
			all[i].Hash = h
		}
		return slices.DeleteFunc(all, func(p Part) bool { return p.Hash == "" })
	}
	for _, test := range []struct {
		name      string
		then, now Code
		want      string
	}{
		{"nothing", Code{Version: "go1:1"}, Code{Version: "go1:1", Parts: parts("2")}, ""},
		{
			"a declaration",
			Code{Version: "go1:1", Parts: parts()},
			Code{Version: "go1:2", Parts: parts("1", "2")},
			"code_changed a: assets.margin changed at repo/performance.go:41 (repo/performance.go:41 repo/assets.margin)",
		},
		{
			"two declarations",
			Code{Version: "go1:1", Parts: parts()},
			Code{Version: "go1:2", Parts: parts("1", "2", "2")},
			"code_changed a: assets.margin changed at repo/performance.go:41, and 1 more (repo/performance.go:41 repo/assets.margin)",
		},
		{
			"one kind each",
			Code{Version: "go1:1", Parts: parts()},
			Code{Version: "go1:2", Parts: parts("2", "2", "1", "2")},
			"code_changed a: assets.margin changed at repo/performance.go:41 (repo/performance.go:41 repo/assets.margin)\n" +
				"source_changed a: the file data/rates.csv changed (data/rates.csv:0 data/rates.csv)\n" +
				"environment_changed a: variable REGION changed in its environment",
		},
		{
			"new",
			Code{Version: "go1:1", Parts: parts("1", "")},
			Code{Version: "go1:2", Parts: parts()},
			"code_changed a: assets.margin is new at repo/performance.go:41 (repo/performance.go:41 repo/assets.margin)",
		},
		{
			"gone",
			Code{Version: "go1:1", Parts: parts()},
			Code{Version: "go1:2", Parts: parts("1", "1", "1", "")},
			"environment_changed a: variable REGION is gone in its environment",
		},
		{
			"no part differs",
			Code{Version: "go1:1", Parts: parts()},
			Code{Version: "go1:2", Parts: parts()},
			"code_changed a: its code changed (a.go:2 A)",
		},
		{"record without parts", Code{Version: "go1:1"}, Code{Version: "go1:2", Parts: parts()}, "code_changed a: its code changed (a.go:2 A)"},
		{
			"method",
			Code{Version: "go1:1", Parts: parts()},
			Code{Version: "go2:1", Parts: parts("2")},
			"code_changed a: fingerprint method changed from go1 to go2 (a.go:2 A)",
		},
		{
			"author",
			Code{Version: "author:1", Author: true},
			Code{Version: "author:2", Author: true},
			`code_changed a: its author changed its code version from "1" to "2" (a.go:2 A)`,
		},
		{
			"author without a prefix",
			Code{Version: "1", Author: true},
			Code{Version: "2", Author: true},
			`code_changed a: its author changed its code version from "1" to "2" (a.go:2 A)`,
		},
		{
			"author now",
			Code{Version: "go1:1"},
			Code{Version: "author:2", Author: true},
			`code_changed a: its author gives its code version now: "2" (a.go:2 A)`,
		},
		{
			"author no more",
			Code{Version: "author:2", Author: true},
			Code{Version: "go1:1"},
			"code_changed a: its code version is computed now, no longer given by its author (a.go:2 A)",
		},
		{"unknown now", Code{Version: "go1:1"}, Code{}, "code_changed a: its code version cannot be told now (a.go:2 A)"},
		{"first", Code{}, Code{Version: "go1:1"}, "code_changed a: it has a code version for the first time (a.go:2 A)"},
		{"never", Code{}, Code{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld("l a:")
			a := asset(w.defs, "a")
			a.Source, a.Code = Source{"a.go", 2, "A"}, test.then
			w.runAll()
			a.Code = test.now
			if diff := cmp.Diff(test.want, reasonLines(w.judge().Reasons(MustKey("a")))); diff != "" {
				t.Errorf("reasons differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChains(t *testing.T) {
	w := newWorld("l a:\nl b: a\nm c: b\nm d: c a\nm e: d x").runAll()
	asset(w.defs, "a").Code.Version = "go1:2"
	asset(w.defs, "c").Code.Version = "go1:2"
	chains := func(key string) string {
		var lines []string
		for _, chain := range w.judge().Chains(MustKey(key)) {
			var links []string
			for _, r := range chain {
				links = append(links, string(r.Kind)+" "+r.Asset.String())
			}
			lines = append(lines, strings.Join(links, ", "))
		}
		return strings.Join(lines, "\n")
	}
	for key, want := range map[string]string{
		"a": "code_changed a",
		"b": "upstream_stale a, code_changed a",
		"d": "upstream_stale c, code_changed c\nupstream_stale a, code_changed a",
		"e": "upstream_stale d, upstream_stale c, code_changed c\nupstream_stale d, upstream_stale a, code_changed a",
		"x": "",
	} {
		if diff := cmp.Diff(want, chains(key)); diff != "" {
			t.Errorf("chains of %s differ (-want +got):\n%s", key, diff)
		}
	}
	// Both upstreams of the last are stale through the same cause; each begins a chain.
	w = newWorld("l a:\nl b: a\nl c: a\nl d: b c").runAll()
	asset(w.defs, "a").Code.Version = "go1:2"
	if diff := cmp.Diff("upstream_stale b, upstream_stale a, code_changed a\nupstream_stale c, upstream_stale a, code_changed a", chains("d")); diff != "" {
		t.Errorf("chains of a diamond differ (-want +got):\n%s", diff)
	}
}

func TestChainsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 40 { // 3^40 ways
		for k := range 3 {
			fmt.Fprintf(&b, "l k%02d_%d:", i, k)
			for u := range 3 {
				if i > 0 {
					fmt.Fprintf(&b, " k%02d_%d", i-1, u)
				}
			}
			b.WriteString("\n")
		}
	}
	w := newWorld(b.String()).runAll()
	for _, d := range w.defs {
		for i := range d.Assets {
			d.Assets[i].Code.Version = "go1:2"
		}
	}
	if got := len(w.judge().Chains(MustKey("k39_0"))); got != maxChains {
		t.Errorf("got %d chains, want %d", got, maxChains)
	}
}

// reference computes statuses by the rules as they are written down, recursively and slowly.
func reference(w *world) map[Key]Status {
	definitions := map[Key]Asset{}
	for _, d := range w.defs {
		for _, a := range d.Assets {
			definitions[a.Key] = a
		}
	}
	reaches := func(from, to Key) bool {
		seen := map[Key]bool{}
		var visit func(k Key) bool
		visit = func(k Key) bool {
			for _, dep := range definitions[k].Deps {
				if dep == to {
					return true
				}
				if !seen[dep] {
					seen[dep] = true
					if visit(dep) {
						return true
					}
				}
			}
			return false
		}
		return visit(from)
	}
	var status func(k Key) Status
	status = func(k Key) Status {
		a, defined := definitions[k]
		s := w.stored[k]
		switch {
		case !defined:
			return External
		case reaches(k, k), s.Data == DataUnreachable, s.Data == DataForeign:
			return Unknown
		case s.Record == nil, s.Data == DataMissing:
			return Missing
		case s.Data == DataChanged, a.Code.Version != s.Record.Code.Version, len(s.Record.Changed) > 0:
			return Stale
		}
		pinned := slices.SortedFunc(maps.Keys(s.Record.Inputs), Key.Compare)
		if !slices.Equal(pinned, slices.SortedFunc(slices.Values(a.Deps), Key.Compare)) {
			return Stale
		}
		for _, dep := range a.Deps {
			up := w.stored[dep]
			switch status(dep) {
			case Missing, Stale:
				return Stale
			case Unknown:
				if up.Data != DataForeign || reaches(dep, dep) {
					return Stale
				}
			case External, Overdue, Fresh:
			}
			if (up.Record != nil || up.Data == DataForeign) && w.version(dep) != s.Record.Inputs[dep] {
				return Stale
			}
		}
		if a.MaxAge > 0 && w.now.After(s.Record.At.Add(a.MaxAge)) {
			return Overdue
		}
		return Fresh
	}
	all := map[Key]Status{}
	for k := range definitions {
		all[k] = status(k)
	}
	return all
}

func TestFreshnessAgreesWithReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t, false)
		f := w.judge()
		counts := map[Status]int{}
		for k, want := range reference(w) {
			if got := f.Status(k); got != want {
				t.Fatalf("%s: got %s, want %s; reasons\n%s", k, got, want, reasonLines(f.Reasons(k)))
			}
			checkReasons(t, f, k)
			checkChains(t, f, k)
			counts[want]++
		}
		for i := range f.Graph().Len() {
			if f.StatusAt(i) == External {
				counts[External]++
			}
		}
		if diff := cmp.Diff(counts, f.Counts()); diff != "" {
			t.Fatalf("counts differ (-want +got):\n%s", diff)
		}
	})
}

// checkReasons fails unless the reasons of k fit its status.
func checkReasons(t *rapid.T, f *Freshness, k Key) {
	reasons := f.Reasons(k)
	fits := map[Status][]ReasonKind{
		Missing: {NeverMaterialized, DataIsMissing}, Overdue: {IsOverdue},
		Unknown: {StorageUnreachable, InCycle, MadeElsewhere, LocationBroken},
		Stale: {
			CodeChanged, DependencyAdded, DependencyRemoved, UpstreamNewData, UpstreamStale, UpstreamMissing, SourceChanged,
			EnvironmentChanged, ChangedDuringRun, ChangedOutside,
		},
	}[f.Status(k)]
	if fits == nil && len(reasons) == 0 {
		return
	}
	if len(reasons) == 0 || !slices.Contains(fits, reasons[0].Kind) {
		t.Fatalf("%s is %s with reasons %q", k, f.Status(k), reasonLines(reasons))
	}
	for _, r := range reasons {
		if r.Asset.IsZero() || r.Text == "" {
			t.Fatalf("%s: empty reason in %q", k, reasonLines(reasons))
		}
	}
}

// checkChains fails unless every chain of k follows reasons to a cause, and every reason begins a chain.
func checkChains(t *rapid.T, f *Freshness, k Key) {
	chains := f.Chains(k)
	for _, chain := range chains {
		at := k
		for i, r := range chain {
			if !slices.ContainsFunc(f.Reasons(at), func(x Reason) bool { return cmp.Equal(x.Text, r.Text) && x.Kind == r.Kind }) {
				t.Fatalf("chain of %s: %s has no reason %q", k, at, r.Text)
			}
			_, _, leads := f.leadsTo(r)
			if last := i == len(chain)-1; last == leads {
				t.Fatalf("chain of %s: %q at %d of %d leads on: %v", k, r.Text, i, len(chain), leads)
			}
			at = r.Asset
		}
	}
	for _, r := range f.Reasons(k) {
		if !slices.ContainsFunc(chains, func(c []Reason) bool { return c[0].Kind == r.Kind && c[0].Asset == r.Asset }) {
			t.Fatalf("%s: no chain begins with %q", k, r.Text)
		}
	}
}

func TestFreshAssetsCostNoAllocation(t *testing.T) {
	w := &world{defs: generate(1000), stored: map[Key]Stored{}, now: noon}
	w.runAll()
	g := w.graph()
	stored := func(k Key) Stored { return w.stored[k] }
	if got := testing.AllocsPerRun(5, func() { NewFreshness(g, stored, noon) }); got > 3 {
		t.Errorf("got %.0f allocations for 1,000 fresh assets, want at most 3", got)
	}
}

// cpu returns the CPU time that this process has used, garbage collection included: wall time says little on a shared core.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkFreshness(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		anchor := map[int]float64{1000: 11, 10_000: 90}[n]
		w := &world{defs: generate(n), stored: map[Key]Stored{}, now: noon}
		w.runAll()
		stored := func(k Key) Stored { return w.stored[k] }
		measure := func(name string, f func()) {
			b.Run(fmt.Sprintf("%s/assets=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				before := cpu(b)
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
				b.ReportMetric(anchor, "ninja-ms") // what ninja needs for a whole no-op build of that many
			})
		}
		g := w.graph()
		measure("new+judge", func() { NewFreshness(w.graph(), stored, noon) })
		measure("judge", func() { NewFreshness(g, stored, noon) })
		for _, d := range w.defs {
			for i := range d.Assets {
				if i%3 == 0 {
					d.Assets[i].Code.Version = "go1:x"
				}
			}
		}
		g = w.graph()
		measure("stale-with-reasons", func() {
			f := NewFreshness(g, stored, noon)
			for _, k := range g.Keys() {
				f.Reasons(k)
			}
		})
	}
}

// TestAfterAgreesWithANewJudgement: judging what changed gives what judging everything gives.
func TestAfterAgreesWithANewJudgement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t, false)
		g := w.graph()
		f := NewFreshness(g, func(k Key) Stored { return w.stored[k] }, noon)
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			changed := map[Key]Stored{}
			for range rapid.IntRange(1, 3).Draw(t, "assets") {
				key := g.Key(rapid.IntRange(0, g.Len()-1).Draw(t, "asset"))
				s := w.stored[key]
				s.Data = rapid.SampledFrom([]DataState{DataAbsent, DataPresent, DataMissing, DataChanged, DataForeign, DataUnreachable}).Draw(t, "data")
				if s.Record != nil {
					r := *s.Record
					r.DataVersion = rapid.SampledFrom([]string{"d1", "d2", r.DataVersion}).Draw(t, "version")
					s.Record = &r
				}
				s.Version = rapid.SampledFrom([]string{"", "f1", "f2"}).Draw(t, "foreign version")
				changed[key], w.stored[key] = s, s
			}
			f = f.After(changed, noon)
			want := NewFreshness(g, func(k Key) Stored { return w.stored[k] }, noon)
			for _, key := range g.Keys() {
				if f.Status(key) != want.Status(key) {
					t.Fatalf("%s: got %v, want %v", key, f.Status(key), want.Status(key))
				}
			}
		}
	})
}
