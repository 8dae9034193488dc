package engine

import (
	"testing"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/loader"
	"github.com/google/go-cmp/cmp"
)

func TestAutoRunRefuses(t *testing.T) {
	a := graph.MustKey("a")
	made := graph.Stored{Record: &graph.Record{Key: a}}
	normal := autoInput{asset: graph.Asset{Key: a, Executable: true}, stored: made, forecastMS: 100, code: "c1", inputs: map[graph.Key]string{}}
	everything := autoPolicy{selected: map[graph.Key]bool{a: true}, budget: 10 * time.Second}
	change := func(f func(p *autoPolicy, in *autoInput)) string {
		p, in := everything, normal
		f(&p, &in)
		return p.refuses(in)
	}
	for _, test := range []struct {
		name, want string
		change     func(p *autoPolicy, in *autoInput)
	}{
		{"nothing against it", "", func(*autoPolicy, *autoInput) {}},
		{"not selected", "not in auto-run's selection", func(p *autoPolicy, _ *autoInput) { p.selected = nil }},
		{"never made", "never materialized by assetdev", func(_ *autoPolicy, in *autoInput) { in.stored.Record = nil }},
		{"never made, but catching up", "", func(p *autoPolicy, in *autoInput) { in.stored.Record, p.catchUp = nil, true }},
		{"tagged", `tagged assetdev/auto: "false"`, func(_ *autoPolicy, in *autoInput) { in.asset.Tags = map[string]string{"assetdev/auto": "false"} }},
		{"outside", "its step writes outside assetdev's storage", func(_ *autoPolicy, in *autoInput) { in.asset.Outside = true }},
		{"outside, allowed", "", func(p *autoPolicy, in *autoInput) { in.asset.Outside, p.outside = true, true }},
		{"unknown duration", "its duration is not known", func(_ *autoPolicy, in *autoInput) { in.forecastMS = -1 }},
		{"unknown duration without a budget", "", func(p *autoPolicy, in *autoInput) { in.forecastMS, p.budget = -1, 0 }},
		{"over budget", "takes 11s, more than auto-run's budget of 10s", func(_ *autoPolicy, in *autoInput) { in.forecastMS = 11_000 }},
		{"failed for the same", "failed for the same code and inputs in run r1", func(_ *autoPolicy, in *autoInput) {
			in.stored.Last = &graph.LastRun{Run: "r1", State: event.Failed, Code: "c1"}
		}},
		{"failed for other code", "", func(_ *autoPolicy, in *autoInput) {
			in.stored.Last = &graph.LastRun{Run: "r1", State: event.Failed, Code: "c0"}
		}},
		{"failed for other inputs", "", func(_ *autoPolicy, in *autoInput) {
			in.stored.Last = &graph.LastRun{Run: "r1", State: event.Failed, Code: "c1", Inputs: map[graph.Key]string{a: "d0"}}
		}},
	} {
		if got := change(test.change); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestAutoRunStartsOnlyWhatTheSaveMadeStale(t *testing.T) {
	a, b, c, d := graph.MustKey("a"), graph.MustKey("b"), graph.MustKey("c"), graph.MustKey("d")
	g := graph.New([]graph.Definitions{{Location: "l", Assets: []graph.Asset{
		{Key: a, Location: "l", Executable: true},
		{Key: b, Location: "l", Executable: true, Deps: []graph.Key{a}},
		{Key: c, Location: "l", Executable: true},
		{Key: d, Location: "l", Executable: true, Deps: []graph.Key{b, c}},
	}}}, nil)
	p := autoPolicy{selected: map[graph.Key]bool{a: true, b: true, c: true, d: true}, budget: time.Minute}
	stale := map[graph.Key]bool{a: true, b: true, c: true, d: true} // c was stale before the save
	start, waiting := p.decide(g, []graph.Key{a, b, d}, func(k graph.Key) bool { return stale[k] }, func(k graph.Key) autoInput {
		asset, _ := g.Asset(k)
		return autoInput{asset: asset, stored: graph.Stored{Record: &graph.Record{Key: k}}, forecastMS: 5}
	})
	if diff := cmp.Diff([]graph.Key{a, b}, start, cmp.Comparer(func(x, y graph.Key) bool { return x == y })); diff != "" {
		t.Error(diff)
	}
	if want := "waits for c, which is not up to date"; waiting[d] != want {
		t.Errorf("d: got %q, want %q", waiting[d], want)
	}
}

func TestMailboxNeverDropsAnEnd(t *testing.T) {
	m := newMailbox()
	a := graph.MustKey("a")
	for i := range 3 * maxLoose {
		m.put(event.Event{Kind: event.KindLog, Asset: &a, Text: "line"})
		if i%maxLoose == 0 {
			m.put(event.Event{Kind: event.KindStep, Asset: &a, State: event.Succeeded})
			m.put(event.Event{Kind: event.KindProgress, Asset: &a, Text: "p"})
		}
	}
	events, dropped, err := m.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	steps, logs, progress := 0, 0, 0
	for _, e := range events {
		switch e.Kind {
		case event.KindStep:
			steps++
		case event.KindLog:
			logs++
		case event.KindProgress:
			progress++
		}
	}
	if steps != 3 || progress > 1 {
		t.Errorf("got %d steps and %d progress events, want 3 and at most 1", steps, progress)
	}
	if logs > maxLoose || int64(logs)+dropped < int64(3*maxLoose) {
		t.Errorf("got %d logs and %d dropped of %d", logs, dropped, 3*maxLoose)
	}
}

func TestRanCode(t *testing.T) {
	pin := func(code, build string) loader.Pin { return loader.Pin{Code: graph.Code{Version: code}, Build: build} }
	for _, test := range []struct {
		name          string
		before, after loader.Pin
		build         string
		want          string
		marked        bool
	}{
		{"nothing changed", pin("c1", "b1"), pin("c1", "b1"), "b1", "c1", false},
		{"a comment was saved while it ran", pin("c1", "b1"), pin("c1", "b2"), "b1", "c1", false},
		{"an edit while it ran", pin("c1", "b1"), pin("c2", "b2"), "b1", "c1", true},
		{"an edit before the build", pin("c1", "b1"), pin("c2", "b2"), "b2", "c2", false},
		{"there and back, built in between", pin("c1", "b1"), pin("c1", "b3"), "b2", "c1", true},
		{"two edits, built in between", pin("c1", "b1"), pin("c3", "b3"), "b2", "c1", true},
	} {
		got, marked := ranCode(test.before, test.after, test.build)
		if got.Version != test.want || marked != test.marked {
			t.Errorf("%s: got %s, %t, want %s, %t", test.name, got.Version, marked, test.want, test.marked)
		}
	}
}

func TestLineDiff(t *testing.T) {
	got := lineDiff("a\nb\nc\nd", "a\nB\nc\nd\ne")
	if diff := cmp.Diff([]string{"-b", "+B", "+e"}, got); diff != "" {
		t.Error(diff)
	}
}
