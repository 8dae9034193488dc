package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/page"
	"github.com/assetdev/assetdev/tui/tuitest"
)

// fake is an engine that holds a snapshot and remembers what it was told to do.
type fake struct {
	snap    *engine.Snapshot
	batches []engine.Batch
	done    []engine.Command
	plans   []engine.Materialize
	pages   []engine.PageRequest
	facts   map[graph.Key]page.Page // pages that are no tables
	stats   []engine.StatsRequest
	sorts   []engine.SortRequest
	reply   engine.Reply
	err     error
	lines   int64 // of every log
	closed  bool
	log     func(key graph.Key, i int64) string
}

var errNothing = errors.New("nothing happened")

func (f *fake) Snapshot() *engine.Snapshot { return f.snap }

func (f *fake) Wait(context.Context) (engine.Batch, error) {
	if len(f.batches) == 0 {
		return engine.Batch{}, errNothing
	}
	b := f.batches[0]
	f.batches = f.batches[1:]
	return b, nil
}

func (f *fake) Do(_ context.Context, c engine.Command) (engine.Reply, error) {
	f.done = append(f.done, c)
	return f.reply, f.err
}

func (f *fake) Plan(_ context.Context, m engine.Materialize) (graph.Plan, error) {
	f.plans = append(f.plans, m)
	return f.plan(), nil
}

func (f *fake) plan() graph.Plan {
	ms := int64(4400)
	return graph.Plan{
		Steps: []graph.Step{
			{Asset: graph.MustKey("stg_orders"), Location: "staging", Why: "stale", ForecastMS: &ms, Reasons: []graph.Reason{{Text: "its code changed"}}},
			{Asset: graph.MustKey("fct_orders"), Location: "marts", Why: "stale", After: []graph.Key{graph.MustKey("stg_orders")}, ForecastMS: &ms, MayBeCutOff: true, Reasons: []graph.Reason{{Text: "stg_orders is stale"}}},
		},
		Blocked: []graph.Blocked{{Asset: graph.MustKey("mart_revenue"), Text: "its location does not load"}},
	}
}

func (f *fake) Preview(_ context.Context, r engine.PageRequest) (page.Page, error) {
	f.pages = append(f.pages, r)
	if p, ok := f.facts[r.Asset]; ok {
		return p, nil
	}
	p := page.Page{RowsTotal: 1_204_118, ColumnsTotal: 9, Offset: r.Offset, Bytes: 11_200_000, RowGroups: 4, Columns: []page.Column{
		{Name: "order_id", Type: "int64"},
		{Name: "customer_id", Type: "int64"},
		{Name: "ordered_at", Type: "timestamp[us, tz=UTC]"},
		{Name: "status", Type: "utf8"},
		{Name: "amount_usd", Type: "decimal(12,2)"},
		{Name: "currency", Type: "utf8"},
		{Name: "country", Type: "utf8"},
		{Name: "channel", Type: "utf8"},
		{Name: "note", Type: "utf8"},
	}}
	channels := []string{"web", "ios", "店舗", "android\x1b[2J"}
	for i := r.Offset; i < min(r.Offset+r.Limit, p.RowsTotal); i++ {
		row := []page.Cell{
			{Kind: page.Number, Value: fmt.Sprint(1000001 + i)},
			{Kind: page.Number, Value: fmt.Sprint(48213 * (i + 1) % 90000)},
			{Kind: page.Text, Value: "2026-11-21 23:59:58Z"},
			{Kind: page.Text, Value: []string{"paid", "pending", "refunded"}[i%3]},
			{Kind: page.Number, Value: fmt.Sprintf("%d.%02d", i*7%200, i%100)},
			{Kind: page.Text, Value: "USD"},
			{Kind: page.Text, Value: "US"},
			{Kind: page.Text, Value: channels[i%4]},
			{Kind: page.Text, Value: "a longer text that says nothing at all about the order"},
		}
		if i%5 == 4 {
			row[2] = page.Cell{Kind: page.Null}
		}
		p.Rows = append(p.Rows, row)
	}
	if r.Columns != nil {
		all := p.Columns
		p.Columns = nil
		for i := range p.Rows {
			row := p.Rows[i]
			p.Rows[i] = nil
			for c := range all {
				if slices.Contains(r.Columns, all[c].Name) {
					p.Rows[i] = append(p.Rows[i], row[c])
				}
			}
		}
		for _, c := range all {
			if slices.Contains(r.Columns, c.Name) {
				p.Columns = append(p.Columns, c)
			}
		}
	}
	return p, nil
}

func (f *fake) Stats(ctx context.Context, r engine.StatsRequest) (page.Stats, error) {
	f.stats = append(f.stats, r)
	if f.err != nil {
		return page.Stats{}, f.err
	}
	return page.Stats{
		Column: page.Column{Name: r.Column, Type: "int64"}, Rows: 1_204_118, Nulls: 240_823, Distinct: 963_295, About: true,
		Min: &page.Cell{Kind: page.Number, Value: "1000001"}, Max: &page.Cell{Kind: page.Number, Value: "2204118"},
	}, ctx.Err()
}

func (f *fake) Sorted(ctx context.Context, r engine.SortRequest) (page.Page, error) {
	f.sorts = append(f.sorts, r)
	p, err := f.Preview(ctx, engine.PageRequest{Asset: r.Asset, Offset: 1_204_118 - r.Limit, Limit: r.Limit})
	f.pages = f.pages[:len(f.pages)-1]
	slices.Reverse(p.Rows)
	p.Offset = 0
	for i := range p.Rows {
		p.Order = append(p.Order, 1_204_117-int64(i))
	}
	return p, errors.Join(err, f.err)
}

func (f *fake) Versions(_ context.Context, key graph.Key) ([]graph.Record, error) {
	a := f.snap.Assets[key]
	if a == nil || a.Stored.Record == nil {
		return nil, nil
	}
	older := *a.Stored.Record
	older.Seq, older.Run, older.DataVersion, older.At = older.Seq-1, "r10", "d:00aa11bb", older.At.Add(-26*time.Hour)
	return []graph.Record{*a.Stored.Record, older}, nil
}

func (f *fake) Log(_ string, key graph.Key, since int64, most int) (lines []engine.LogLine, last, dropped int64, err error) {
	for i := since + 1; i <= f.lines && len(lines) < most; i++ {
		text := fmt.Sprintf("line %d: scanning \x1b[31mrow group\x1b[0m", i)
		if f.log != nil {
			text = f.log(key, i)
		}
		lines = append(lines, engine.LogLine{Seq: i, At: epoch, Stream: "stdout", Text: text})
	}
	return lines, f.lines, 0, nil
}

func (f *fake) Runs(context.Context, int) ([]engine.RunSummary, error) {
	return []engine.RunSummary{
		{Run: "r12", State: "failed", At: epoch.Add(-14 * time.Minute), MS: 14200, By: "user", Selection: "mart_revenue", Counts: map[string]int{"succeeded": 4, "failed": 1}},
		{Run: "r11", State: "succeeded", At: epoch.Add(-3 * time.Hour), MS: 9100, By: "auto", Selection: "fct_orders", Counts: map[string]int{"succeeded": 2, "cut_off": 1}},
	}, nil
}

func (f *fake) Source(graph.Key) (file string, lines []string, line int, err error) {
	for i := range 60 {
		lines = append(lines, fmt.Sprintf("select %d\tfrom stg_orders -- 注文", i))
	}
	return "marts/assets/fct_orders.sql", lines, 12, nil
}

func (f *fake) Why(_ context.Context, key graph.Key) (graph.Status, [][]graph.Reason, error) {
	chains := f.snap.Freshness.Chains(key)
	for i, chain := range chains {
		chains[i] = slices.Clone(chain)
		for j := range chains[i] {
			if r := &chains[i][j]; r.Kind == graph.CodeChanged {
				r.Diff = []string{"-where amount > 0", "+where amount >= 0"}
			}
		}
	}
	return f.snap.Freshness.Status(key), chains, nil
}

func (f *fake) Close() error { f.closed = true; return nil }

var epoch = time.Date(2026, 11, 24, 12, 4, 0, 0, time.UTC)

func at(text string) graph.Key { return graph.MustKey(text) }

// shop is the workspace of the pictures: four locations, nine assets, one of each status that matters.
func shop() *engine.Snapshot {
	def := func(location, key, description string, deps ...string) graph.Asset {
		a := graph.Asset{
			Key: at(key), Location: location, Group: location, Description: description, Executable: true, StoredBy: "assetdev",
			Source: graph.Source{File: location + "/assets/" + key + ".sql", Line: 12, Symbol: key}, Code: graph.Code{Version: "sql1:9f3c" + key},
		}
		for _, d := range deps {
			a.Deps = append(a.Deps, at(d))
		}
		return a
	}
	fct := def("marts", "fct_orders", "One row per order, with its customer. Amounts are in US dollars.", "stg_orders", "stg_customers")
	fct.Owners, fct.Kinds, fct.Tags = []string{"team-marts@example.com"}, []string{"sql", "table"}, map[string]string{"tier": "1", "pii": ""}
	fct.Columns = []graph.Column{{Name: "order_id", Type: "int64"}, {Name: "amount_usd", Type: "decimal(12,2)"}}
	fct.Metadata = map[string]string{"dashboard": "https://example.com/d/7"}
	g := graph.New([]graph.Definitions{
		{Location: "ingest", Assets: []graph.Asset{def("ingest", "raw_orders", ""), def("ingest", "raw_customers", "", "crm_export")}},
		{Location: "staging", Assets: []graph.Asset{def("staging", "stg_orders", "", "raw_orders"), def("staging", "stg_customers", "", "raw_customers")}},
		{Location: "marts", Assets: []graph.Asset{fct, def("marts", "mart_revenue", "", "fct_orders"), def("marts", "mart_retention", "", "fct_orders")}},
		{Location: "reverse-etl", Assets: []graph.Asset{def("reverse-etl", "export_revenue", "", "mart_revenue")}},
	}, nil)
	stored := map[graph.Key]graph.Stored{}
	record := func(key string, age time.Duration, rows int64, took time.Duration) *graph.Record {
		a, _ := g.Asset(at(key))
		r := &graph.Record{
			Key: at(key), Seq: 7, Run: "r11", Attempt: 1, Location: a.Location, At: epoch.Add(-age), Took: took, Rows: rows, Bytes: rows * 9, Code: a.Code,
			DataVersion: "d:" + key, File: key + ".parquet", By: "ada", Inputs: map[graph.Key]string{}, Git: &graph.Git{Commit: "9f3c1d2e88aa", Branch: "main", Dirty: true},
		}
		for _, d := range a.Deps {
			r.Inputs[d] = "d:" + d.String()
		}
		stored[at(key)] = graph.Stored{Record: r, Data: graph.DataPresent}
		return r
	}
	record("raw_orders", 2*time.Minute, 1_204_118, 3100*time.Millisecond)
	record("raw_customers", 2*time.Minute, 48_213, 900*time.Millisecond).Inputs[at("crm_export")] = ""
	record("stg_orders", 3*time.Hour, 1_204_118, 4400*time.Millisecond).Code.Version = "sql1:b21a"
	record("stg_customers", 2*time.Minute, 48_213, 1200*time.Millisecond)
	record("fct_orders", 3*time.Hour, 1_204_118, 9800*time.Millisecond)
	record("mart_revenue", 14*time.Minute, 730, 2*time.Second)
	record("mart_retention", 26*time.Hour, 365, 1100*time.Millisecond)
	failed := stored[at("mart_revenue")]
	failed.Last = &graph.LastRun{Run: "r12", State: "failed", At: epoch.Add(-14 * time.Minute), Error: "division by zero in column margin"}
	stored[at("mart_revenue")] = failed
	fresh := graph.NewFreshness(g, func(k graph.Key) graph.Stored { return stored[k] }, epoch)
	s := &engine.Snapshot{
		Seq: 1, At: epoch, Graph: g, Freshness: fresh, Assets: map[graph.Key]*engine.Asset{}, Auto: engine.Auto{Mode: "all"},
		Workspace: engine.Workspace{File: "/home/ada/shop/workspace.yaml", Dir: "/home/ada/shop", Name: "shop-analytics", Storage: "filesystem ~/shared_assets", Trusted: true},
	}
	for _, l := range g.Locations() {
		s.Locations = append(s.Locations, engine.Location{Name: l, Kind: "sql", State: "loaded"})
	}
	for _, k := range g.Keys() {
		a := &engine.Asset{Key: k, Word: fresh.Status(k).String(), Stored: stored[k], ForecastMS: -1}
		if r := stored[k].Record; r != nil {
			a.ForecastMS = r.Took.Milliseconds()
		}
		s.Assets[k] = a
	}
	s.Assets[at("mart_revenue")].Word = "failed"
	s.Assets[at("fct_orders")].ReadBy = []string{"reverse-etl"}
	return s
}

// running is shop with a run that is under way.
func running(s *engine.Snapshot) *engine.Snapshot {
	next := *s
	next.Seq++
	next.Assets = map[graph.Key]*engine.Asset{}
	for k, a := range s.Assets {
		c := *a
		next.Assets[k] = &c
	}
	next.Run = &engine.Run{
		ID: "r13", State: event.Running, By: "user", Selection: "mart_revenue", Started: epoch.Add(-14 * time.Second), ETA: 9000,
		Steps: []engine.Step{
			{Key: at("raw_orders"), Location: "ingest", State: event.Unchanged, MS: 3100, Forecast: 3100, Rows: 1_204_118},
			{Key: at("stg_customers"), Location: "staging", State: event.Succeeded, MS: 1200, Forecast: 1200, Rows: 48_213},
			{Key: at("stg_orders"), Location: "staging", State: event.Running, Started: epoch.Add(-4100 * time.Millisecond), Forecast: 5000, Fraction: 0.68, Rows: 812_000, Text: "reading ingest/raw_orders.parquet"},
			{Key: at("fct_orders"), Location: "marts", State: "want", Forecast: 9800, Fraction: -1, Rows: -1, After: []graph.Key{at("stg_orders"), at("stg_customers")}},
			{Key: at("mart_revenue"), Location: "marts", State: "want", Forecast: 2000, Fraction: -1, Rows: -1, After: []graph.Key{at("fct_orders")}},
		},
		Counts: map[string]int{},
	}
	for i := range next.Run.Steps {
		step := &next.Run.Steps[i]
		a := next.Assets[step.Key]
		a.Step = step
		switch step.State {
		case event.Running:
			a.Word = "running"
		case "want":
			a.Word = "queued"
		}
	}
	return &next
}

// driven returns a model on a fake engine, sized and started.
func driven(t *testing.T, f *fake, w, h int, change func(*Options)) (*tuitest.Driver, *Model) {
	t.Helper()
	clock := tuitest.NewClock(epoch)
	o := Options{Now: clock.Now, Tick: clock.Tick, Version: "test", Getenv: func(k string) string {
		return map[string]string{"TERM": "xterm-256color", "LANG": "C.UTF-8"}[k]
	}}
	if change != nil {
		change(&o)
	}
	m, err := New(t.Context(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	d := tuitest.New(m, clock, w, h)
	if c := m.crashed.Load(); c != nil {
		t.Fatalf("panic: %v\n%s", c.value, c.stack)
	}
	return d, m
}

// push hands the model a new snapshot.
func push(d *tuitest.Driver, m *Model, f *fake, s *engine.Snapshot, events ...event.Event) {
	f.snap = s
	f.batches = append(f.batches, engine.Batch{Snapshot: s, Events: events})
	d.Run(m.wait())
}
