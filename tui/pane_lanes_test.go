package tui

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/draw"
	"github.com/assetdev/assetdev/graph/layout"
	"github.com/assetdev/assetdev/tui/tuitest"
)

// cursorPlace is the cell of the screen on which the asset under the cursor begins.
func cursorPlace(t *testing.T, m *Model) (x, y int) {
	t.Helper()
	n, ok := m.cursorNode()
	if !ok {
		t.Fatal("the cursor stands on nothing")
	}
	r := m.lanesView.placed.Rect(n)
	return r.X - m.lanesView.view.X, r.Y - m.lanesView.view.Y
}

func cursorKey(t *testing.T, m *Model) string {
	t.Helper()
	key, ok := m.list.key()
	if !ok {
		t.Fatal("there is no asset under the cursor")
	}
	return key.String()
}

// TestLanesShareTheList: cursor, filter and marks are those of the list, whichever is shown.
func TestLanesShareTheList(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 120, 40, nil)
	m.visit(at("fct_orders"))
	d.Press("space")
	m.visit(at("fct_orders"))
	d.Press("v")
	if got := cursorKey(t, m); got != "fct_orders" {
		t.Errorf("the cursor is on %s", got)
	}
	for _, text := range []string{"lanes", "marts", "staging", m.th.G.Mark + "fct_orders"} {
		has(t, d, text)
	}
	d.Press("l")
	if got := cursorKey(t, m); got != "mart_revenue" && got != "mart_retention" {
		t.Errorf("to the right of fct_orders is %s", got)
	}
	d.Press("h", "h", "v")
	if got := cursorKey(t, m); got != "stg_orders" && got != "stg_customers" {
		t.Errorf("to the left of fct_orders is %s", got)
	}
	has(t, d, "list")
}

// TestLanesStandStill: a status that changes moves nothing, and an asset that comes moves no cursor.
func TestLanesStandStill(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 120, 40, nil)
	d.Press("v")
	m.visit(at("fct_orders"))
	d.Press("j", "k")
	placed := m.lanesView.placed
	push(d, m, f, running(f.snap))
	if m.lanesView.placed != placed {
		t.Error("a run made a new layout")
	}
	d.Advance(time.Second)
	x, y := cursorPlace(t, m)
	next := *f.snap
	next.Seq += 10
	var defs []graph.Definitions
	for _, l := range f.snap.Graph.Locations() {
		defs = append(defs, graph.Definitions{Location: l})
	}
	for _, k := range f.snap.Graph.Keys() {
		a, _ := f.snap.Graph.Asset(k)
		for i := range defs {
			if defs[i].Location == a.Location {
				defs[i].Assets = append(defs[i].Assets, a)
			}
		}
	}
	for i := range 5 {
		defs[1].Assets = append(defs[1].Assets, graph.Asset{Key: at(fmt.Sprintf("added_%d", i)), Location: defs[1].Location, Executable: true, Deps: []graph.Key{at("raw_orders")}})
	}
	next.Graph = graph.New(defs, nil)
	push(d, m, f, &next)
	has(t, d, "added_1")
	if x2, y2 := cursorPlace(t, m); x2 != x || y2 != y {
		t.Errorf("the asset under the cursor moved from %d,%d to %d,%d", x, y, x2, y2)
	}
}

// TestFocus narrows the screen to a neighbourhood, and to a path between marks.
func TestFocus(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 120, 40, nil)
	m.visit(at("mart_revenue"))
	d.Press("f")
	if got := len(m.list.at); got != 3 {
		t.Errorf("%d assets lie around mart_revenue, want it, its upstream and its downstream", got)
	}
	has(t, d, "around mart_revenue 1, 6 hidden")
	d.Press("}")
	if got := len(m.list.at); got != 5 {
		t.Errorf("%d assets within two levels, want 5", got)
	}
	d.Press("{", "{", "{")
	if got := len(m.list.at); got != 3 {
		t.Errorf("%d assets within one level, want 3", got)
	}
	d.Press("f")
	if got := len(m.list.at); got != m.list.total {
		t.Errorf("%d of %d assets after the focus", got, m.list.total)
	}
	clear(m.marks)
	m.marks[at("mart_revenue")], m.marks[at("raw_orders")] = true, true
	d.Press("f")
	if got := len(m.list.at); got != 4 {
		t.Errorf("%d assets between raw_orders and mart_revenue, want 4", got)
	}
	has(t, d, "from mart_revenue to raw_orders, 5 hidden")
	m.visit(at("mart_retention"))
	if got := cursorKey(t, m); got != "mart_retention" || m.around.on {
		t.Errorf("an asset outside the focus is not shown: the cursor is on %s", got)
	}
}

// TestFocusIsDrawnForItself: without the gaps that hidden assets would leave, and afterwards all is where it was.
func TestFocusIsDrawnForItself(t *testing.T) {
	for _, hide := range [][]string{{"f"}, {"}", "f", "}"}, {"/", "m", "a", "r", "t", "enter"}} {
		d, m := driven(t, &fake{snap: shop()}, 80, 24, nil)
		m.visit(at("mart_revenue"))
		d.Press("v")
		d.Frame()
		p := &m.lanesView
		x, y := p.view.X, p.view.Y
		before := map[graph.Key]layout.Rect{}
		for k, n := range p.node {
			before[k] = p.placed.Rect(n)
		}
		whole, _ := p.placed.Size()
		d.Press(hide...)
		d.Frame()
		if got, _ := p.placed.Size(); hide[0] == "f" && got >= whole {
			t.Errorf("%q: %d cells wide, want less than the %d of all assets", hide, got, whole)
		}
		if len(p.node) == len(before) {
			t.Fatalf("%q hid nothing", hide)
		}
		d.Press("esc", "esc", "esc")
		if m.around.on {
			d.Press("f")
		}
		d.Frame()
		for k, n := range p.node {
			if got := p.placed.Rect(n); got != before[k] {
				t.Errorf("%q: %v is at %v afterwards, want %v", hide, k, got, before[k])
			}
		}
		if len(p.node) != len(before) || p.view.X != x || p.view.Y != y {
			t.Errorf("%q: %d assets at %d,%d, want %d at %d,%d", hide, len(p.node), p.view.X, p.view.Y, len(before), x, y)
		}
	}
}

// TestImpact lights everything that a change reaches, and nothing else.
func TestImpact(t *testing.T) {
	f := &fake{snap: shop()}
	d, m := driven(t, f, 160, 50, nil)
	d.Press("v")
	m.visit(at("fct_orders"))
	d.Press("i")
	lit := map[string]bool{}
	for i, on := range m.lanesView.near {
		if on {
			lit[m.lanesView.keys[i].String()] = true
		}
	}
	want := map[string]bool{"fct_orders": true, "mart_revenue": true, "mart_retention": true, "export_revenue": true}
	if fmt.Sprint(lit) != fmt.Sprint(want) || len(m.lanesView.lit) != 3 {
		t.Errorf("lit are %v and %d edges, want %v and 3", lit, len(m.lanesView.lit), want)
	}
	has(t, d, "impact: 3 assets downstream, 1 in other locations")
	d.Press("v")
	for _, want := range []string{string(m.th.Bold) + "mart_revenue", string(m.th.Dim) + "stg_orders"} {
		if !strings.Contains(d.Frame(), want) {
			t.Errorf("in the list there is no %q:\n%s", want, d.Frame())
		}
	}
	d.Press("v")
	d.Press("i")
	if m.impact {
		t.Error("i does not end it")
	}
}

// many is a snapshot of n assets in 8 locations with 5 groups each.
func many(n int) *fake {
	s := crowd(n)
	var defs []graph.Definitions
	for _, l := range s.Graph.Locations() {
		defs = append(defs, graph.Definitions{Location: l})
	}
	for i, k := range s.Graph.Keys() {
		a, _ := s.Graph.Asset(k)
		a.Group = fmt.Sprintf("group_%d", i%5)
		for j := range defs {
			if defs[j].Location == a.Location {
				defs[j].Assets = append(defs[j].Assets, a)
			}
		}
	}
	s.Graph = graph.New(defs, nil)
	return &fake{snap: s}
}

// TestClusters: too many assets are groups, or code locations, that open in place and close again.
func TestClusters(t *testing.T) {
	for _, test := range []struct {
		n     int
		how   density
		nodes int
	}{{30, cards, 30}, {31, singles, 31}, {1000, singles, 1000}, {1001, groups, 40}, {10001, repositories, 8}} {
		f := many(test.n)
		d, m := driven(t, f, 160, 50, nil)
		d.Press("v")
		if m.lanesView.how != test.how || m.lanesView.placed.Len() != test.nodes {
			t.Errorf("%d assets: %d nodes of density %d, want %d of %d", test.n, m.lanesView.placed.Len(), m.lanesView.how, test.nodes, test.how)
		}
		if test.how < groups {
			continue
		}
		x, y := cursorPlace(t, m)
		key := cursorKey(t, m)
		d.Press("enter")
		if m.lanesView.placed.Len() <= test.nodes || cursorKey(t, m) != key {
			t.Errorf("%d assets: enter opens nothing, or moves the cursor from %s to %s", test.n, key, cursorKey(t, m))
		}
		d.Press("backspace")
		if m.lanesView.placed.Len() != test.nodes {
			t.Errorf("%d assets: %d nodes after backspace, want %d", test.n, m.lanesView.placed.Len(), test.nodes)
		}
		if x2, y2 := cursorPlace(t, m); x2 != x || y2 != y {
			t.Logf("the group stands at %d,%d, before at %d,%d", x2, y2, x, y)
		}
	}
}

// TestLanesEdges: what lies outside the view is counted, and a key goes there.
func TestLanesEdges(t *testing.T) {
	f := many(300)
	f.snap.Assets[at("team_7/asset_00295")].Word = "failed"
	d, m := driven(t, f, 80, 24, nil)
	d.Press("v")
	key := cursorKey(t, m)
	has(t, d, m.th.G.Right)
	d.Press("shift+right")
	n, _ := m.cursorNode()
	if r := m.lanesView.placed.Rect(n); cursorKey(t, m) == key || r.X < m.lanesView.view.X || r.X >= m.lanesView.view.X+m.lanesView.view.W {
		t.Errorf("the cursor went from %s to %s, which is not in view", key, cursorKey(t, m))
	}
	d.Press("ctrl+o")
	if got := cursorKey(t, m); got != key {
		t.Errorf("ctrl+o came back to %s, not %s", got, key)
	}
	if !strings.Contains(d.Picture(), "1 failed") {
		t.Errorf("the failed asset outside is not counted:\n%s", d.Picture())
	}
}

// TestTidy makes the drawing anew and says how much it moved.
func TestTidy(t *testing.T) {
	f := many(60)
	d, m := driven(t, f, 120, 40, nil)
	d.Press("v", "T")
	has(t, d, "tid")
	if m.crashed.Load() != nil {
		t.Error("it broke")
	}
	d.Press("z")
	if w, _ := m.lanesView.placed.Size(); w == 0 {
		t.Error("nothing is drawn")
	}
}

// TestTallies: what a place says of its members follows the snapshot.
func TestTallies(t *testing.T) {
	f := many(10001)
	d, m := driven(t, f, 160, 50, nil)
	d.Press("v")
	if strings.Contains(d.Picture(), m.th.glyph("failed")+"1") {
		t.Fatal("one failed before it did")
	}
	next := *f.snap
	next.Seq, next.AssetsSeq, next.Assets = next.Seq+1, next.AssetsSeq+1, maps.Clone(next.Assets)
	key := next.Graph.Keys()[0]
	failed := *next.Assets[key]
	failed.Word = "failed"
	next.Assets[key] = &failed
	push(d, m, f, &next)
	has(t, d, m.th.glyph("failed")+"1")
}

// BenchmarkLanesFrame is one frame of the lanes after a key, beside the list's.
func BenchmarkLanesFrame(b *testing.B) {
	for _, n := range []int{30, 1_000, 10_000} {
		b.Run(fmt.Sprintf("assets=%d", n), func(b *testing.B) {
			f := many(n)
			clock := tuitest.NewClock(epoch)
			m, err := New(b.Context(), f, Options{Now: clock.Now, Tick: clock.Tick, Getenv: func(k string) string {
				return map[string]string{"TERM": "xterm-256color", "LANG": "C.UTF-8"}[k]
			}})
			if err != nil {
				b.Fatal(err)
			}
			d := tuitest.New(m, clock, 200, 60)
			d.Press("v")
			keys := []string{"l", "j", "h", "k"}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.Press(keys[i%len(keys)])
				d.Frame()
			}
		})
	}
}

// TestBell: the end of a long run is told to who looks at another window, and only then.
func TestBell(t *testing.T) {
	for _, test := range []struct {
		away bool
		bell time.Duration
		ms   int64
		want bool
	}{{true, 5 * time.Second, 6000, true}, {false, 5 * time.Second, 6000, false}, {true, 5 * time.Second, 4000, false}, {true, -1, 60000, false}} {
		f := &fake{snap: shop()}
		d, m := driven(t, f, 80, 24, func(o *Options) { o.Bell = test.bell })
		if test.away {
			d.Send(tea.BlurMsg{})
		}
		before := m.rang
		push(d, m, f, f.snap, event.Event{Kind: event.KindRun, Run: "r13", State: event.Succeeded, MS: &test.ms})
		if got := m.rang > before; got != test.want {
			t.Errorf("%+v: rang %v", test, got)
		}
	}
}

// TestLanesAreKept: the next session shows the picture of the last one, and a damaged file is no picture.
func TestLanesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "screen.json")
	options := func(o *Options) { o.StatePath = path }
	f := many(60)
	d, m := driven(t, f, 120, 40, options)
	d.Press("v", "shift+right", "j")
	picture := d.Picture()
	m.saveState()
	d, m = driven(t, many(60), 120, 40, options)
	if got := d.Picture(); got != picture {
		t.Errorf("got\n%s\nwant\n%s", got, picture)
	}
	if m.lanesView.stored != nil {
		t.Error("the stored drawing was not used")
	}
	if err := os.WriteFile(path+lanesFile, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, m = driven(t, many(60), 120, 40, options)
	has(t, d, "lanes")
	if m.crashed.Load() != nil {
		t.Error("it broke")
	}
}

// TestCountsOfTheFirstGraph: the header counts the first graph, also when the snapshot before it had the number that its assets have.
func TestCountsOfTheFirstGraph(t *testing.T) {
	empty := *shop()
	empty.Graph, empty.Freshness, empty.Assets, empty.Seq, empty.AssetsSeq = graph.New(nil, nil), nil, nil, 1, 0
	f := &fake{snap: &empty}
	d, m := driven(t, f, 80, 24, nil)
	next := *shop()
	next.Seq, next.AssetsSeq = 2, 1
	push(d, m, f, &next)
	has(t, d, "●3")
}

// TestFilterWhileLoading: the asset that a filter led to keeps the cursor when the filter goes, also before everything is loaded.
func TestFilterWhileLoading(t *testing.T) {
	s := *shop()
	s.Loading = true
	d, m := driven(t, &fake{snap: &s}, 120, 40, nil)
	d.Press("/")
	d.Type("mart_revenue")
	d.Press("enter", "esc")
	if got := cursorKey(t, m); got != "mart_revenue" {
		t.Errorf("the cursor went to %s", got)
	}
}

// TestFitIsOfWhatIsShown: the graph that was made coarse to fit stays so, but the neighbours of one asset are drawn as assets.
func TestFitIsOfWhatIsShown(t *testing.T) {
	d, m := driven(t, many(200), 120, 40, nil)
	d.Press("v", "z")
	coarse := m.lanesView.how
	if coarse < groups {
		t.Fatalf("%d assets on a small screen are fitted with density %d", m.list.total, coarse)
	}
	d.Press("f")
	if m.lanesView.how != cards && m.lanesView.how != singles {
		t.Errorf("the neighbours of an asset are drawn with density %d:\n%s", m.lanesView.how, d.Picture())
	}
	if d.Press("f"); m.lanesView.how != coarse {
		t.Errorf("all of the graph is drawn with density %d again, want %d", m.lanesView.how, coarse)
	}
}

// TestCutNames: a name that the border of the view cuts ends there with an ellipsis, and a whole one does not.
func TestCutNames(t *testing.T) {
	d, m := driven(t, many(40), 80, 24, nil)
	d.Press("v")
	p := &m.lanesView
	cut := 0
	for x := range 60 {
		p.view.X, m.dirty = x, true
		d.Frame()
		for i := range p.placed.Len() {
			r := p.placed.Rect(i)
			name := m.th.glyph("missing") + " " + p.names[i]
			for _, c := range []struct {
				x, of int
			}{{p.view.X, p.view.X - r.X}, {p.view.X + p.view.W - 1, p.view.X + p.view.W - 1 - r.X}} {
				cell := p.canvas.At(c.x, r.Y)
				if cell == nil || c.of < 0 || c.of >= len([]rune(name)) || cell.Role != draw.Label || int(cell.Node) != i {
					continue
				}
				whole := c.x != p.view.X && c.of == len([]rune(name))-1 || c.x == p.view.X && c.of == 0
				if got := string(cell.Rune); !whole && []rune(name)[c.of] != ' ' && got != m.th.G.Ellipsis || whole && got == m.th.G.Ellipsis {
					t.Errorf("view at %d: %q of %q is drawn as %q at column %d", x, string([]rune(name)[c.of]), name, got, c.x-p.view.X)
				}
				cut++
			}
		}
	}
	if cut == 0 {
		t.Error("nothing was cut")
	}
}
