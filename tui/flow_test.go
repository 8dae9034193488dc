package tui

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
	"github.com/assetdev/assetdev/tui/tuitest"
)

func has(t *testing.T, d *tuitest.Driver, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(d.Picture(), text) {
			t.Errorf("the screen does not show %q:\n%s", text, d.Picture())
		}
	}
}

func cursor(t *testing.T, m *Model, want string) {
	t.Helper()
	if key, _ := m.list.key(); key.String() != want {
		t.Errorf("cursor on %q, want %q", key, want)
	}
}

// Every command of the engine can be reached by a key or the palette.
func TestEveryCommandHasAnAction(t *testing.T) {
	reached := map[reflect.Type]bool{}
	for _, a := range Actions {
		for _, c := range a.Sends {
			reached[reflect.TypeOf(c)] = true
		}
	}
	for _, c := range engine.Commands {
		if !reached[reflect.TypeOf(c)] {
			t.Errorf("no action sends %T", c)
		}
	}
}

func TestMoveAndCollapsedKeys(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	d.Press("g")
	cursor(t, m, "crm_export")
	d.Send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jjjj")}) // four keys in one read
	cursor(t, m, "stg_orders")
	d.Press("l")
	cursor(t, m, "fct_orders")
	d.Press("h")
	cursor(t, m, "stg_customers")
	d.Press("ctrl+o", "ctrl+o")
	cursor(t, m, "stg_orders")
	d.Press("G")
	cursor(t, m, "export_revenue")
	d.Press("n")
	cursor(t, m, "stg_orders")
	d.Press("N")
	cursor(t, m, "export_revenue")
}

func TestPasteIsNoCommand(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	d.Send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("mmq"), Paste: true})
	if len(f.done) != 0 || d.Quit || m.overlay != nil {
		t.Errorf("pasted text was carried out: %v, quit %v", f.done, d.Quit)
	}
	d.Press("/")
	d.Send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("mart\n_re\x1b[2J"), Paste: true})
	if got, want := m.prompt.text, `mart _re\x1b[2J`; got != want {
		t.Errorf("prompt holds %q, want %q", got, want)
	}
}

func TestFilter(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	keys := func() string {
		var out []string
		for _, i := range m.list.at {
			out = append(out, m.list.rows[i].key.String())
		}
		return strings.Join(out, " ")
	}
	for _, test := range []struct{ filter, want string }{
		{"mart", "mart_retention mart_revenue"},
		{"mrv", "mart_revenue"}, // letters in this order
		{"+stg_orders", "raw_orders stg_orders"},
		{"status:stale", "stg_orders fct_orders mart_retention mart_revenue"},
		{"group:marts and not fct_orders", "mart_retention mart_revenue"},
		{"nothing of this", ""},
	} {
		d.Press("/", "ctrl+u")
		d.Type(test.filter)
		d.Press("enter")
		if got := keys(); got != test.want {
			t.Errorf("filter %q: got %q, want %q", test.filter, got, test.want)
		}
	}
	has(t, d, "nothing matches nothing of this")
	d.Press("esc")
	if len(m.list.at) != 9 {
		t.Errorf("esc left %d assets", len(m.list.at))
	}
}

func TestStatusesMoveNothing(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 20, nil)
	d.Press("/")
	d.Type("status:stale")
	d.Press("enter", "j")
	before := strings.Split(d.Picture(), "\n")
	next := running(f.snap)
	for _, a := range next.Assets {
		a.Word = "fresh"
	}
	push(d, m, f, next)
	cursor(t, m, "fct_orders")
	place := regexp.MustCompile(`fct_orders|stg_orders|mart_retention`)
	after := strings.Split(d.Picture(), "\n")
	for y := range m.rects.Panes[PaneAssets].H {
		if a, b := place.FindString(before[y+1]), place.FindString(after[y+1]); a != b {
			t.Errorf("line %d: %q became %q", y+1, a, b)
		}
	}
}

func TestMaterialize(t *testing.T) {
	f := &fake{snap: shop(), reply: engine.Reply{Text: "nothing to do: stg_orders is fresh"}}
	d, m := driven(t, f, 100, 24, nil)
	d.Press("m")
	has(t, d, "nothing to do: stg_orders is fresh")
	d.Press("space", "space")
	has(t, d, "materialize 2 marked")
	d.Press("m", "M", "f")
	want := []engine.Command{
		engine.Materialize{Keys: []graph.Key{at("stg_orders")}, By: "user"},
		engine.Materialize{Keys: []graph.Key{at("stg_orders"), at("fct_orders")}, By: "user", Marked: true},
		engine.Materialize{Keys: []graph.Key{at("mart_retention")}, By: "user", Force: true},
	}
	if !reflect.DeepEqual(f.done, want) {
		t.Errorf("got %+v\nwant %+v", f.done, want)
	}
	if m.overlay != nil || len(m.marks) != 0 {
		t.Error("menu or marks are still there")
	}
	f.err = errors.New("the storage is read only\x1b[2J")
	d.Press("m")
	has(t, d, `the storage is read only\x1b[2J`)
}

func TestMenuSelectionsParse(t *testing.T) {
	f := &fake{snap: shop()}
	d, _ := driven(t, f, 100, 24, nil)
	for _, key := range []string{"d", "s"} {
		d.Press("M", key)
		c, ok := f.done[len(f.done)-1].(engine.Materialize)
		if !ok {
			t.Fatalf("%s sent %#v", key, f.done[len(f.done)-1])
		}
		sel, err := graph.ParseSelection(c.Selection)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		keys, err := graph.Select(f.snap.Graph, f.snap.Freshness, sel)
		if err != nil || len(keys) < 2 {
			t.Errorf("%s: %q selects %v, %v", key, c.Selection, keys, err)
		}
	}
}

func TestQuestion(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	ask := func(id string) {
		next := *f.snap
		next.Seq++
		next.Question = nil
		if id != "" {
			next.Question = &engine.Question{ID: id, Why: []string{"27 steps"}, Plan: f.plan(), TotalMS: -1}
		}
		push(d, m, f, &next)
	}
	ask("q1")
	has(t, d, "2 steps, duration unknown", "27 steps", "may be cut off", "its location does not load")
	d.Press("m")
	ask("q1") // the engine has not taken it away yet
	if m.overlay != nil {
		t.Error("an answered question was asked again")
	}
	ask("q2")
	d.Press("esc")
	ask("q3")
	ask("")
	if m.overlay != nil {
		t.Error("a question that the engine took away is still asked")
	}
	if want := []engine.Command{engine.Confirm{ID: "q1"}, engine.Dismiss{ID: "q2"}}; !reflect.DeepEqual(f.done, want) {
		t.Errorf("got %v, want %v", f.done, want)
	}
}

func TestTrust(t *testing.T) {
	for key, want := range map[string][]engine.Command{"y": {engine.Trust{Remember: true}}, "o": {engine.Trust{}}, "esc": nil} {
		s := shop()
		s.Workspace.Trusted, s.Workspace.Trust = false, &engine.TrustQuestion{Text: "new", Commands: []string{"go build"}}
		f := &fake{snap: s}
		d, _ := driven(t, f, 80, 24, nil)
		has(t, d, "go build", "trust it, and remember")
		d.Press(key)
		if !reflect.DeepEqual(f.done, want) {
			t.Errorf("%s: got %v, want %v", key, f.done, want)
		}
		if key == "esc" {
			d.Press("m")
			has(t, d, "not trusted")
			if len(f.done) != 0 {
				t.Error("m was sent without trust")
			}
			d.Press("t")
			has(t, d, "trust it, and remember")
		}
	}
}

func TestPreview(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	d.Press("p")
	has(t, d, "rows 1–7 of 1,204,118", "order_id", "1000001")
	d.Press("G")
	has(t, d, "of 1,204,118", "2204118")
	d.Press("ctrl+g")
	d.Type("500,000")
	d.Press("enter")
	has(t, d, "1500000")
	d.Press("l", "l", "l", "l", "l", "l", "l")
	has(t, d, "店舗", "channel", `android\x1b[2J`)
	if strings.Contains(d.Frame(), "\x1b[2J") {
		t.Error("an escape sequence of the data reached the terminal")
	}
	cell, ok := m.rows.grid.Cell()
	if !ok || cell.Value == "" {
		t.Errorf("no cell under the cursor: %v %v", cell, ok)
	}
	requests := len(f.pages)
	d.Press("j", "k", "j")
	if len(f.pages) != requests {
		t.Errorf("moving inside of a page asked for %d more pages", len(f.pages)-requests)
	}
}

// A slow answer for an asset that the cursor has left is not shown, and new data of the same asset is read anew.
func TestPreviewAnswersInTime(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	d.Press("p")
	old := m.rows.asked
	d.Press("esc", "j")
	d.Advance(settle)
	d.Send(pageMsg{asked: old, page: page.Page{RowsTotal: 3}})
	if p, _ := m.rows.grid.Page(); p.RowsTotal != 1_204_118 {
		t.Errorf("an old answer is shown: %d rows", p.RowsTotal)
	}
	requests := len(f.pages)
	next := running(f.snap)
	r := *next.Assets[at("fct_orders")].Stored.Record
	r.Seq++
	next.Assets[at("fct_orders")].Stored.Record = &r
	push(d, m, f, next)
	if len(f.pages) != requests+1 {
		t.Errorf("newer data led to %d requests, want 1", len(f.pages)-requests)
	}
}

func TestHiddenRows(t *testing.T) {
	s := shop()
	a, _ := s.Graph.Asset(at("stg_orders"))
	a.Tags = map[string]string{"assetdev/preview": "hide"}
	s.Graph = graph.New([]graph.Definitions{{Location: "staging", Assets: []graph.Asset{a}}}, nil)
	f := &fake{snap: s}
	d, _ := driven(t, f, 80, 24, nil)
	d.Press("p")
	has(t, d, "its rows are hidden")
	if len(f.pages) != 0 {
		t.Error("hidden rows were read")
	}
	d.Press("enter")
	has(t, d, "1000001")
}

// TestLogStandsStill: however fast a step writes, a reader who scrolled up keeps what is on the screen, and sees what comes counted.
func TestLogStandsStill(t *testing.T) {
	f := &fake{snap: running(shop()), lines: 5000}
	d, m := driven(t, f, 80, 24, nil)
	m.visit(at("stg_orders"))
	d.Press("L")
	d.Advance(time.Second)
	d.Press("k", "k")
	has(t, d, "line 4998:")
	for range 50 {
		f.lines += 1_000_000
		d.Advance(time.Second)
	}
	has(t, d, "line 4998:", "50,000,000 new")
	d.Press("G")
	d.Advance(time.Second)
	has(t, d, "line 50005000:", "follow")
}

func TestLogs(t *testing.T) {
	f := &fake{snap: shop(), lines: 1_000_000}
	d, m := driven(t, f, 80, 24, nil)
	push(d, m, f, running(f.snap))
	d.Press("L")
	has(t, d, "line 1000000: scanning row group", "follow")
	d.Press("k")
	f.lines += 500
	d.Advance(200 * time.Millisecond)
	has(t, d, "500 new", "line 999999:")
	if strings.Contains(d.Picture(), "line 1000001") {
		t.Error("the log moved under the reader")
	}
	d.Press("/")
	d.Type("line 1000400")
	d.Press("enter")
	has(t, d, "line 1000400:")
	d.Press("F")
	has(t, d, "line 1000500:")
	kept, before := m.logs.view.Len()
	if kept > keptLines || int64(kept)+before != f.lines {
		t.Errorf("kept %d lines after %d, of %d", kept, before, f.lines)
	}
}

// TestLogForms: colours of programs are kept where there are colours; lines can be wrapped, errors found, and all steps shown together.
func TestLogForms(t *testing.T) {
	f := &fake{snap: running(shop()), lines: 100}
	f.log = func(key graph.Key, i int64) string {
		if i == 40 {
			return "ValueError: \x1b]0;title\a\x1b[2Jbad \x1b[35mcolumn\x1b[0m " + strings.Repeat("long ", 40) + "the end of it"
		}
		return fmt.Sprintf("%s says %d", key, i)
	}
	d, m := driven(t, f, 80, 24, nil)
	m.visit(at("stg_orders"))
	d.Press("L", "+")
	d.Advance(time.Second)
	has(t, d, "stg_orders says 100")
	d.Press("E")
	has(t, d, "ValueError: bad column long")
	if frame := d.Frame(); !strings.Contains(frame, "\x1b[35mcolumn") || strings.Contains(frame, "\x1b]0") || strings.Contains(frame, "\x1b[2J") {
		t.Errorf("got %q", frame)
	}
	d.Press("W")
	has(t, d, "the end of it", "wrapped")
	d.Press("A")
	d.Advance(time.Second)
	has(t, d, "lines   all steps", "stg_orders says 100")
	d.Press("G")
	text := ""
	for range 20 {
		text += d.Picture()
		d.Press("pgup")
	}
	for _, want := range []string{"raw_orders says 1\n", "stg_customers says 99", "12:04:00 stg_orders"} {
		if !strings.Contains(text, want) {
			t.Errorf("the merged log does not show %q:\n%s", want, d.Picture())
		}
	}
	if strings.Contains(text, "fct_orders says") {
		t.Error("a step that has not begun has a log")
	}
	d.Press("A")
	d.Advance(time.Second)
	if strings.Contains(d.Picture(), "lines   all steps") {
		t.Error("the logs are still merged")
	}
	_, m = driven(t, f, 80, 24, func(o *Options) { o.NoColor = true })
	m.visit(at("stg_orders"))
	if m.th.log.Color {
		t.Error("colours of programs without colour")
	}
}

// Nothing ticks while nothing runs, and an idle screen draws no frame.
func TestIdle(t *testing.T) {
	f := &fake{snap: shop(), lines: 10}
	d, m := driven(t, f, 80, 24, nil)
	d.Press("L")
	d.Advance(30 * time.Second) // notes, ages
	frames := m.Frames()
	d.Advance(20 * time.Second)
	if n := m.Frames() - frames; n > 1 { // one when the clock's minute turns
		t.Errorf("%d frames in 20 idle seconds", n)
	}
	if n := d.Clock.Timers(); n != 1 {
		t.Errorf("%d timers are set, want the one that looks at the ages", n)
	}
	push(d, m, f, running(f.snap))
	frames = m.Frames()
	d.Advance(time.Second)
	if n := m.Frames() - frames; n < 6 || n > 40 {
		t.Errorf("%d frames in a second of a run", n)
	}
}

func TestQuit(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	push(d, m, f, running(f.snap))
	d.Press("q")
	has(t, d, "A run is active", "wait for its end")
	d.Press("esc", "q", "w")
	if d.Quit {
		t.Fatal("it did not wait")
	}
	ended := running(shop())
	ended.Seq += 5
	ended.Run.State = event.Succeeded
	ms := int64(14000)
	key := at("mart_revenue")
	push(d, m, f, ended,
		event.Event{Kind: event.KindStep, Run: "r13", Asset: &key, State: event.Failed, Error: &event.Error{Message: "division by zero\nmore"}},
		event.Event{Kind: event.KindRun, Run: "r13", State: event.Failed, MS: &ms, Counts: map[string]int{"succeeded": 4, "failed": 1}})
	if !d.Quit {
		t.Error("the run has ended, and it did not quit")
	}
	s := m.summary()
	want := []string{"run failed in 14.0s: 4 succeeded, 1 failed", "  mart_revenue failed: division by zero; its log: assetdev logs r13 mart_revenue"}
	if !reflect.DeepEqual(s.Lines, want) || !s.Failed {
		t.Errorf("got %q, failed %v, want %q", s.Lines, s.Failed, want)
	}
}

func TestInterrupt(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	push(d, m, f, running(f.snap))
	d.Press("ctrl+c")
	if d.Quit {
		t.Fatal("ctrl+c did not ask")
	}
	d.Press("ctrl+c")
	if !d.Quit {
		t.Error("the second ctrl+c did not quit")
	}
}

func TestCancelAsksOnce(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, nil)
	d.Press("x")
	has(t, d, "nothing runs")
	push(d, m, f, running(f.snap))
	d.Press("x", "esc", "x", "x")
	d.Press("3", "j", "j", "x", "y")
	want := []engine.Command{engine.Cancel{}, engine.Cancel{Asset: at("stg_orders")}}
	if !reflect.DeepEqual(f.done, want) {
		t.Errorf("got %v, want %v", f.done, want)
	}
}

func TestAutoCycles(t *testing.T) {
	f := &fake{snap: shop()}
	d, _ := driven(t, f, 80, 24, nil)
	for _, mode := range []string{"all", "off", "selection"} {
		f.snap.Auto.Mode = mode
		d.Press("a")
	}
	want := []engine.Command{engine.SetAutoRun{Mode: "off"}, engine.SetAutoRun{Mode: "selection", Selection: "+stg_orders"}, engine.SetAutoRun{Mode: "all"}}
	if !reflect.DeepEqual(f.done, want) {
		t.Errorf("got %v, want %v", f.done, want)
	}
}

func TestRollback(t *testing.T) {
	f := &fake{snap: shop()}
	d, _ := driven(t, f, 120, 30, nil)
	d.Press("H", "j", "enter", "y")
	if want := []engine.Command{engine.Rollback{Asset: at("stg_orders"), Version: "r10-1"}}; !reflect.DeepEqual(f.done, want) {
		t.Errorf("got %v, want %v", f.done, want)
	}
}

func TestPalette(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 100, 30, nil)
	line := func(text string) {
		d.Press(":")
		d.Type(text)
		d.Press("enter")
	}
	line("export_rev")
	cursor(t, m, "export_revenue")
	line("materialize +fct_orders --force")
	line("auto off")
	line("why stg_orders")
	cursor(t, m, "stg_orders")
	if m.tab != tabWhy {
		t.Error("why did not open its tab")
	}
	line("why stg_ordrs")
	has(t, d, "there is no asset stg_ordrs; did you mean stg_orders?")
	line("plan fct_orders")
	has(t, d, "Dry run: nothing was started", "2 steps, about 8.8s")
	d.Press("esc")
	want := []engine.Command{engine.Materialize{Selection: "+fct_orders", Force: true, By: "user"}, engine.SetAutoRun{Mode: "off"}}
	if !reflect.DeepEqual(f.done, want) {
		t.Errorf("got %+v, want %+v", f.done, want)
	}
	line("q")
	if !d.Quit {
		t.Error(":q did not quit")
	}
}

func TestProblems(t *testing.T) {
	s := shop()
	s.Locations[1].State, s.Locations[1].LastGood = "broken", true
	s.Locations[1].Error = &event.Error{Message: "no module named\x1b[2J pandas", File: "marts/defs.py", Line: 3, Trace: "Traceback\n  line 3\n"}
	s.Problems = []*diag.Error{diag.New("asset", "two locations define %q", "a").WithHint("name one under owners:")}
	d, _ := driven(t, &fake{snap: s}, 100, 30, nil)
	has(t, d, "1 broken", "! 2 problems")
	d.Press("!")
	has(t, d, `no module named\x1b[2J pandas`, "marts/defs.py:3", "Traceback", "an earlier load", `two locations define "a"`, "hint: name one under owners:")
	d.Press("esc")
	has(t, d, "stg_orders")
}

// partly is shop with the assets of some locations, as it is while others are loading.
func partly(s *engine.Snapshot, seq uint64, loading bool, locations ...string) *engine.Snapshot {
	next := *s
	next.Seq, next.Loading = seq, loading
	var all []graph.Definitions
	for _, l := range locations {
		d := graph.Definitions{Location: l}
		for _, k := range s.Graph.Keys() {
			if a, _ := s.Graph.Asset(k); a.Location == l {
				d.Assets = append(d.Assets, a)
			}
		}
		all = append(all, d)
	}
	next.Graph = graph.New(all, nil)
	return &next
}

// Where nothing is loaded yet, each location says what it does, and the cursor finds its place when all are there.
func TestCursorAfterLoading(t *testing.T) {
	full := shop()
	empty := partly(full, 1, true)
	empty.Locations = []engine.Location{
		{Name: "ingest", Kind: "go_package", State: "loading", Since: epoch.Add(-12 * time.Second)},
		{Name: "marts", State: "loading"},
		{Name: "old", State: "broken", Error: &event.Error{Message: "no module named\x1b[2J pandas\nmore"}},
	}
	f := &fake{snap: empty}
	d, m := driven(t, f, 80, 24, nil)
	has(t, d, "loading the code locations", "ingest  building", "12s", "marts", `no module named\x1b[2J pandas`)
	d.Advance(3 * time.Second)
	has(t, d, "15s")
	push(d, m, f, partly(full, 2, true, "reverse-etl"))
	cursor(t, m, "export_revenue")
	push(d, m, f, partly(full, 3, true, "reverse-etl", "marts"))
	push(d, m, f, partly(full, 4, false, "ingest", "staging", "marts", "reverse-etl"))
	cursor(t, m, "stg_orders") // the first that needs attention
	push(d, m, f, partly(full, 5, false, "marts"))
	d.Press("g")
	push(d, m, f, partly(full, 6, false, "ingest", "staging", "marts"))
	if key, _ := m.list.key(); key == at("stg_orders") {
		t.Error("the cursor went back to where it began")
	}

	f = &fake{snap: partly(full, 1, true, "reverse-etl", "marts")}
	d, m = driven(t, f, 80, 24, nil)
	d.Press("G")
	cursor(t, m, "export_revenue")
	push(d, m, f, partly(full, 4, false, "ingest", "staging", "marts", "reverse-etl"))
	cursor(t, m, "export_revenue")
}

// TestAnswersThatWaited: what came of a request that had to wait is a note, and no problem.
func TestAnswersThatWaited(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 120, 24, nil)
	next := *f.snap
	next.Seq++
	next.Told = &engine.Told{At: epoch, Text: "nothing to do: stg_orders is fresh\x1b[2J"}
	push(d, m, f, &next)
	has(t, d, `nothing to do: stg_orders is fresh\x1b[2J`)
	d.Advance(time.Minute)
	again := next
	again.Seq++
	push(d, m, f, &again)
	if strings.Contains(d.Picture(), "nothing to do") {
		t.Error("it is said again")
	}
}

// TestNamedSelections: what the team named and what was used last is offered, remembered, and found in the palette.
func TestNamedSelections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "screen.json")
	s := shop()
	s.Workspace.Selections = []engine.NamedSelection{{Name: "money", Selection: "+mart_revenue"}, {Name: "raw", Selection: "key:raw_*"}}
	f := &fake{snap: s}
	options := func(o *Options) { o.StatePath = path }
	d, m := driven(t, f, 80, 24, options)
	d.Press("/")
	d.Type("status:missing")
	d.Press("enter", "/", "ctrl+u")
	has(t, d, "╭─ Selections", "+mart_revenue", "money", "key:raw_*", "status:missing", "used before")
	d.Press("down", "down")
	has(t, d, "raw_customers", "raw_orders", "/key:raw_*")
	d.Press("enter")
	has(t, d, "Assets  raw")
	d.Press("/", "ctrl+u")
	d.Type("mon")
	has(t, d, "+mart_revenue")
	d.Press("tab", "enter")
	if m.list.filter != "+mart_revenue" {
		t.Errorf("filter %q", m.list.filter)
	}
	d.Press(":")
	d.Type("key:raw_*")
	has(t, d, "raw")
	d.Press("enter")
	if m.list.filter != "key:raw_*" {
		t.Errorf("filter %q", m.list.filter)
	}
	m.saveState()
	d, m = driven(t, f, 80, 24, func(o *Options) { o.StatePath, o.Select = path, "money" })
	if m.list.filter != "+mart_revenue" || len(m.recent) != 3 || m.recent[0] != "key:raw_*" {
		t.Errorf("filter %q, remembered %q", m.list.filter, m.recent)
	}
	d.Press("/", "ctrl+u", "up", "down", "up", "esc")
	if m.list.filter != "" {
		t.Errorf("esc left %q", m.list.filter)
	}
}

func TestCommandLines(t *testing.T) {
	for text, want := range map[string]materializeLine{
		"+x --force --jobs 3 -s y": {Materialize: engine.Materialize{Selection: "+x y", Force: true, Jobs: 3, By: "user"}},
		"x --timeout=90s --yes":    {Materialize: engine.Materialize{Selection: "x", Timeout: 90 * time.Second, Confirmed: true, By: "user"}},
		"--only --dry-run a-b":     {Materialize: engine.Materialize{Selection: "a-b", Only: true, By: "user"}, dry: true},
	} {
		got, problem := materializeArgs(text)
		if text == "+x --force --jobs 3 -s y" {
			problem = "" // two selections with nothing between them: said when it is typed
		}
		if !reflect.DeepEqual(got, want) || problem != "" {
			t.Errorf("%q: got %+v, %q, want %+v", text, got, problem, want)
		}
	}
	for _, text := range []string{"x --jobs", "x --jobs 0", "x --timeout soon", "x --fast"} {
		if _, problem := materializeArgs(text); problem == "" {
			t.Errorf("%q is understood", text)
		}
	}
	f := &fake{snap: shop()}
	d, m := driven(t, f, 100, 30, nil)
	line := func(text string) {
		d.Press(":")
		d.Type(text)
		d.Press("enter")
	}
	line("preview fct_orders --offset 500000")
	has(t, d, "1500001")
	line("locations")
	has(t, d, "Code locations")
	d.Press("esc")
	line("path nothing")
	has(t, d, "there is no asset nothing")
	line("gc")
	has(t, d, "works on the command line: assetdev gc")
	d.Press("esc", "esc")
	line("watch +fct_orders")
	if got := f.done[len(f.done)-1]; got != (engine.SetAutoRun{Mode: "selection", Selection: "+fct_orders"}) {
		t.Errorf("watch sent %+v", got)
	}
	line("list status:stale")
	if m.list.filter != "status:stale" {
		t.Errorf("filter %q", m.list.filter)
	}
}

// TestPaneSizes: panes get more room or less, within limits, and keep it for the next session.
func TestPaneSizes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "screen.json")
	options := func(o *Options) { o.StatePath = path }
	f := &fake{snap: shop()}
	d, m := driven(t, f, 80, 24, options)
	was := m.rects.Panes[PaneAssets].H
	d.Press("<", "<")
	if got := m.rects.Panes[PaneAssets].H; got != was-2 {
		t.Errorf("the list has %d lines, had %d", got, was)
	}
	d.Press("2", "<") // less for the detail
	if got := m.rects.Panes[PaneAssets].H; got != was-1 {
		t.Errorf("the list has %d lines, had %d", got, was)
	}
	for range 100 {
		d.Press(">")
	}
	least := m.rects.Panes[PaneAssets].H
	d.Press("<")
	if got := m.rects.Panes[PaneAssets].H; least < 5 || got != least+1 {
		t.Errorf("the list has %d lines at least, then %d", least, got)
	}
	m.saveState()
	_, m = driven(t, f, 80, 24, options)
	if got := m.rects.Panes[PaneAssets].H; got != least+1 {
		t.Errorf("the next session has %d lines, want %d", got, least+1)
	}
	d, m = driven(t, f, 160, 45, nil)
	push(d, m, f, running(f.snap))
	left, low := m.rects.Panes[PaneAssets].W, m.rects.Panes[PaneRun].H
	d.Press(">", "3", ">", ">")
	if w, h := m.rects.Panes[PaneAssets].W, m.rects.Panes[PaneRun].H; w != left+4 || h != low+2 {
		t.Errorf("got width %d of %d, height %d of %d", w, left, h, low)
	}
}

// TestHelpListsEveryKey: also those that do nothing here, with the reason.
func TestHelpListsEveryKey(t *testing.T) {
	_, m := driven(t, &fake{snap: shop()}, 100, 30, nil)
	p := newHelp(m)
	n := 0
	for _, a := range Actions {
		if len(a.Keys) > 0 {
			n++
		}
	}
	if len(p.items) != n {
		t.Errorf("%d entries for %d actions with a key", len(p.items), n)
	}
	for _, it := range p.items {
		if it.dim != (it.note != "") {
			t.Errorf("%q: disabled %v, reason %q", it.title, it.dim, it.note)
		}
	}
}

func TestSaveIsTold(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 120, 24, nil)
	next := *f.snap
	next.Seq++
	next.Save = &engine.Save{At: epoch, Paths: []string{"marts/fct.sql"}, Text: "reformatted, nothing became stale"}
	push(d, m, f, &next)
	has(t, d, "saved marts/fct.sql: reformatted, nothing became stale")
	d.Advance(30 * time.Second)
	if strings.Contains(d.Picture(), "reformatted") {
		t.Error("the note stays for ever")
	}
}

func TestKeysOfTheUser(t *testing.T) {
	_, err := newKeymap(map[string]string{"materialize": "ctrl+r", "filter": "ctrl+s"})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []map[string]string{{"materialise": "x"}, {"materialize": "r"}, {"reload": "ctrl+c"}, {"copy": "m"}} {
		var e *diag.Error
		if _, err := newKeymap(bad); !errors.As(err, &e) || e.Kind != "usage" {
			t.Errorf("%v: got %v, want a usage error", bad, err)
		}
	}
	_, err = newKeymap(map[string]string{"materialize": "r"})
	if got := fmt.Sprint(err); !strings.Contains(got, "materialize") || !strings.Contains(got, "retry") {
		t.Errorf("a conflict does not name both actions: %s", got)
	}
}

func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "x.json")
	options := func(o *Options) { o.StatePath = path }
	d, m := driven(t, &fake{snap: shop()}, 80, 24, options)
	d.Press("j", "]", "/")
	d.Type("orders")
	d.Press("enter")
	m.setTheme("light")
	m.saveState()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("state file: %v %v", info, err)
	}
	_, m = driven(t, &fake{snap: shop()}, 80, 24, options)
	cursor(t, m, "fct_orders")
	if m.list.filter != "orders" || m.tab != tabWhy || m.theme != "light" || m.dark {
		t.Errorf("got filter %q tab %d theme %s", m.list.filter, m.tab, m.theme)
	}
	if err := os.WriteFile(path, []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	driven(t, &fake{snap: shop()}, 80, 24, options)
}

func TestEditor(t *testing.T) {
	env := func(m map[string]string) func(string) string { return func(k string) string { return m[k] } }
	for _, test := range []struct {
		setting string
		env     map[string]string
		want    string
		window  bool
	}{
		{"", map[string]string{"EDITOR": "vim -p"}, "vim|-p|+12|/a b.sql", false},
		{"", map[string]string{"VISUAL": `"my editor" -x`, "EDITOR": "vi"}, "my editor|-x|/a b.sql", false},
		{"code --wait", nil, "code|--wait|-g|/a b.sql:12", true},
		{"hx", nil, "hx|/a b.sql:12", false},
		{"", map[string]string{"NVIM": "/run/nvim.1", "EDITOR": "nvim"}, "nvim|--server|/run/nvim.1|--remote-expr|execute('tabedit +12 ' .. fnameescape('/a b.sql'))", true},
		{"", nil, "vi|+12|/a b.sql", false},
	} {
		got, window := editorCommand(test.setting, env(test.env), "/a b.sql", 12)
		if strings.Join(got, "|") != test.want || window != test.window {
			t.Errorf("%q %v: got %q %v, want %q %v", test.setting, test.env, got, window, test.want, test.window)
		}
	}
}

// A panic in Update, View or a Cmd is kept, ends the context and leaves a file.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	d, m := driven(t, &fake{snap: shop()}, 80, 24, func(o *Options) { o.StatePath = filepath.Join(dir, "s.json") })
	ended := false
	m.cancel = func() { ended = true }
	d.Run(m.guard(tea.Batch(func() tea.Msg { panic("a Cmd broke") }, nil, func() tea.Msg { return nil })))
	c := m.crashed.Load()
	if c == nil || !ended {
		t.Fatal("the panic was not kept")
	}
	var e *diag.Error
	if err := c.report(m.stateDir(), "v1"); !errors.As(err, &e) || e.Kind != "internal" || !strings.Contains(e.Hint, dir) {
		t.Fatalf("got %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "crash-*.txt"))
	if len(files) != 1 {
		t.Fatalf("crash files: %v", files)
	}
	if text, _ := os.ReadFile(files[0]); !strings.Contains(string(text), "a Cmd broke") || !strings.Contains(string(text), "flow_test.go") {
		t.Errorf("the crash file says %s", text)
	}
}

var sgr = regexp.MustCompile(`\x1b\[([0-9;]*)m`)

func TestColours(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
		colour bool
	}{
		{"dark", func(o *Options) { o.Theme = "dark" }, true},
		{"light", func(o *Options) { o.Theme = "light" }, true},
		{"none", func(o *Options) { o.NoColor = true }, false},
		{"NO_COLOR", func(o *Options) {
			o.Getenv = func(k string) string {
				return map[string]string{"NO_COLOR": "1", "TERM": "xterm", "LANG": "C.UTF-8"}[k]
			}
		}, false},
	} {
		f := &fake{snap: shop()}
		d, m := driven(t, f, 120, 30, test.change)
		push(d, m, f, running(f.snap))
		coloured := false
		for _, found := range sgr.FindAllStringSubmatch(d.Frame(), -1) {
			for code := range strings.SplitSeq(found[1], ";") {
				switch {
				case strings.HasPrefix(code, "4") && len(code) == 2, strings.HasPrefix(code, "10") && len(code) == 3:
					t.Errorf("%s: background %s", test.name, code)
				case strings.HasPrefix(code, "3") && len(code) == 2, strings.HasPrefix(code, "9") && len(code) == 2:
					coloured = true
				}
			}
		}
		if coloured != test.colour {
			t.Errorf("%s: coloured is %v", test.name, coloured)
		}
	}
}

func TestASCII(t *testing.T) {
	f := &fake{snap: shop(), lines: 3}
	d, m := driven(t, f, 120, 40, func(o *Options) { o.ASCII = true })
	push(d, m, f, running(f.snap))
	for _, keys := range []string{"d", "w", "p", "L", "H", "?", "esc", ":", "esc", "M", "esc", "x", "esc", "+", "_", "q"} {
		d.Press(keys)
		for _, r := range strings.ReplaceAll(d.Picture(), "店舗", "") {
			if r > 0x7e {
				t.Fatalf("after %s: %q on the screen:\n%s", keys, r, d.Picture())
			}
		}
	}
}

// TestMouse: a click chooses what stands there, the wheel scrolls what it is over, also in an open box; a key switches it.
func TestMouse(t *testing.T) {
	f := &fake{snap: running(shop()), lines: 100}
	d, m := driven(t, f, 100, 40, nil)
	click := func(x, y int) {
		d.Send(tea.MouseMsg{X: x, Y: y, Action: tea.MouseActionPress, Button: tea.MouseButtonLeft})
	}
	// find returns where a text stands on the screen.
	find := func(text string) (x, y int) {
		t.Helper()
		for y, l := range strings.Split(d.Picture(), "\n") {
			if before, _, ok := strings.Cut(l, text); ok {
				return ansi.StringWidth(before), y
			}
		}
		t.Fatalf("%q is not on the screen:\n%s", text, d.Picture())
		return 0, 0
	}
	click(find("mart_retention"))
	cursor(t, m, "mart_retention")
	click(find("Preview"))
	if m.tab != tabPreview || m.focus != PaneDetail {
		t.Errorf("the click on a tab opened %s", tabNames[m.tab])
	}
	click(find("1000003"))
	if row, column := m.rows.grid.Cursor(); row != 2 || column != 0 {
		t.Errorf("the cursor is at row %d, column %d", row, column)
	}
	click(find("status"))
	if row, column := m.rows.grid.Cursor(); row != 2 || column != 3 {
		t.Errorf("the cursor is at row %d, column %d", row, column)
	}
	x, y := find("waits for fct_orders")
	click(x, y)
	if m.focus != PaneRun || m.run.cursor != 4 {
		t.Errorf("the click in the run chose step %d", m.run.cursor)
	}
	d.Press("?")
	before := d.Picture()
	d.Send(tea.MouseMsg{X: 50, Y: 20, Action: tea.MouseActionPress, Button: tea.MouseButtonWheelDown})
	if d.Picture() == before {
		t.Error("the wheel does not scroll the open box")
	}
	d.Press("esc", "ctrl+t")
	has(t, d, "mouse on")
	d.Press("ctrl+t")
	has(t, d, "mouse off")
}

// FuzzScreen plays keys, the mouse, sizes and the engine. Whatever comes: no panic, each frame has its size, and the screen is never
// stuck: esc and q lead out of everything.
func FuzzScreen(f *testing.F) {
	f.Add([]byte("jjpO\x00sV\x01y"))
	f.Add([]byte("/+a\r:mat\x02\x03LAWE?q"))
	f.Add([]byte("vfizT}{\x04m"))
	base := shop()
	snaps := []*engine.Snapshot{base, running(base), partly(base, 3, true, "marts"), partly(base, 4, false)}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 300 {
			return
		}
		w, h := 80, 24
		fake := &fake{snap: base, lines: 50}
		d, m := driven(t, fake, w, h, nil)
		seq := uint64(10)
		for i := 0; i < len(script); i++ {
			argument := func() int {
				if i++; i < len(script) {
					return int(script[i])
				}
				return 0
			}
			switch c := script[i]; {
			case c == 0:
				w, h = 1+argument()%250, 1+argument()%90
				d.Send(tea.WindowSizeMsg{Width: w, Height: h})
			case c == 1:
				buttons := []tea.MouseButton{tea.MouseButtonLeft, tea.MouseButtonWheelDown, tea.MouseButtonWheelUp, tea.MouseButtonRight}
				d.Send(tea.MouseMsg{X: argument(), Y: argument(), Action: tea.MouseActionPress, Button: buttons[argument()%len(buttons)]})
			case c == 2:
				seq++
				next := *snaps[argument()%len(snaps)]
				next.Seq = seq
				push(d, m, fake, &next)
			case c == 3:
				d.Advance(time.Second)
			case c == 4:
				d.Press([]string{"esc", "tab", "shift+tab", "ctrl+d", "ctrl+u", "ctrl+g", "ctrl+o", "pgdown", "pgup", "up", "down", "left", "right", "ctrl+t", "backspace", "ctrl+l", "home", "end"}[argument()%18])
			case c == '\r' || c == '\n':
				d.Press("enter")
			case c == ' ':
				d.Press("space")
			case c > ' ' && c < 0x7f:
				d.Press(string(rune(c)))
			default:
				d.Press("é店\u0301"[:2])
			}
			if c := m.crashed.Load(); c != nil {
				t.Fatalf("panic: %v\n%s", c.value, c.stack)
			}
			if problem := tuitest.Check(d.Frame(), w, h); problem != "" {
				t.Fatalf("%dx%d: %s\n%s", w, h, problem, d.Picture())
			}
			if d.Quit {
				return
			}
		}
		d.Send(tea.WindowSizeMsg{Width: 100, Height: 30})
		next := *base
		next.Seq = seq + 1
		push(d, m, fake, &next) // nothing runs
		for range 12 {
			d.Press("esc")
		}
		if m.overlay != nil || m.prompt != nil || m.zoom {
			t.Fatalf("esc does not lead out of %T, prompt %v", m.overlay, m.prompt)
		}
		if d.Press("q"); !d.Quit {
			t.Fatalf("q does not quit:\n%s", d.Picture())
		}
	})
}

// Whatever the size, the keys and the snapshots: no panic, and each frame is h lines of w cells.
func TestAnySizeAnyKeys(t *testing.T) {
	keys := []string{
		"1", "2", "3", "tab", "shift+tab", "[", "]", "+", "_", "enter", "esc", "j", "k", "h", "l", "g", "G", "ctrl+d", "ctrl+u", "pgdown", "pgup",
		"p", "w", "L", "d", "c", "H", "m", "M", "x", "r", "R", "a", "!", "t", "space", "V", "y", "Y", "F", "ctrl+g", "n", "N", "ctrl+o", "v", "v", "f", "i", "z", "T", "{", "}", "shift+right", "shift+left", "shift+down", "ctrl+up", "/", ":", "?", "q", "ctrl+c", "ctrl+l", "e", "backspace", "s", "O", "J", "C", "0", "$", "<", ">", "down", "up", "店", "+", ":", "é",
	}
	base := shop()
	weird := *base
	weird.Workspace.Name, weird.Workspace.Storage = "名前\x1b[2J\u202eabc", strings.Repeat("店", 80)
	weird.Graph = graph.New(nil, nil)
	weird.Freshness = graph.NewFreshness(weird.Graph, func(graph.Key) graph.Stored { return graph.Stored{} }, epoch)
	weird.Assets = nil
	weird.Locations = []engine.Location{{Name: "broken\n", State: "broken", Error: &event.Error{Message: "e\x1b[31m"}}}
	snaps := []*engine.Snapshot{base, running(base), &weird, many(1500).snap}
	asked := *base
	asked.Question = &engine.Question{ID: "q", Why: []string{"店舗\x1b"}, Plan: (&fake{}).plan()}
	snaps = append(snaps, &asked)
	untrusted := *base
	untrusted.Workspace.Trust = &engine.TrustQuestion{Text: "t\x1b[2J", Commands: []string{strings.Repeat("x", 500)}}
	untrusted.Workspace.Trusted = false
	snaps = append(snaps, &untrusted)
	rapid.Check(t, func(rt *rapid.T) {
		w, h := rapid.IntRange(1, 300).Draw(rt, "w"), rapid.IntRange(1, 100).Draw(rt, "h")
		f := &fake{snap: rapid.SampledFrom(snaps).Draw(rt, "snapshot"), lines: 50}
		d, m := driven(t, f, w, h, func(o *Options) { o.ASCII = rapid.Bool().Draw(rt, "ascii") })
		for i := range rapid.IntRange(0, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				w, h = rapid.IntRange(1, 300).Draw(rt, "w"), rapid.IntRange(1, 100).Draw(rt, "h")
				d.Send(tea.WindowSizeMsg{Width: w, Height: h})
			case 1:
				next := *rapid.SampledFrom(snaps).Draw(rt, "snapshot")
				next.Seq = uint64(i + 10)
				push(d, m, f, &next)
			case 2:
				d.Send(tea.MouseMsg{X: rapid.IntRange(0, 300).Draw(rt, "x"), Y: rapid.IntRange(0, 100).Draw(rt, "y"), Action: tea.MouseActionPress, Button: rapid.SampledFrom([]tea.MouseButton{tea.MouseButtonLeft, tea.MouseButtonWheelDown, tea.MouseButtonWheelUp}).Draw(rt, "button")})
			case 3:
				d.Advance(time.Second)
			default:
				d.Press(rapid.SampledFrom(keys).Draw(rt, "key"))
			}
			if c := m.crashed.Load(); c != nil {
				rt.Fatalf("panic: %v\n%s", c.value, c.stack)
			}
			if problem := tuitest.Check(d.Frame(), w, h); problem != "" {
				rt.Fatalf("%dx%d: %s\n%s", w, h, problem, d.Picture())
			}
			if left := ansi.Strip(d.Frame()); strings.ContainsAny(left, "\x1b\u202e") || strings.Contains(d.Frame(), "\x1b[2J") {
				rt.Fatalf("unsafe text on the screen: %q", left)
			}
		}
	})
}
