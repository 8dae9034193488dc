package tui

// What actions do.

import (
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/layout"
)

// markedOr returns the marked assets in the order of the graph, else the one under the cursor.
func (m *Model) markedOr() (keys []graph.Key, marked bool) {
	for _, k := range m.keysOfGraph() {
		if m.marks[k] {
			keys = append(keys, k)
		}
	}
	if len(keys) > 0 {
		return keys, true
	}
	if k, ok := m.list.key(); ok {
		keys = append(keys, k)
	}
	return keys, false
}

// materialize sends a request for what is marked or under the cursor, unless it names what it is for.
func (m *Model) materialize(c engine.Materialize) tea.Cmd {
	if reason := trusted(m); reason != "" {
		return m.say(calm, reason)
	}
	if c.Selection == "" && c.Keys == nil {
		c.Keys, c.Marked = m.markedOr()
		if len(c.Keys) == 1 && !c.Marked && m.asset(c.Keys[0]).Partitions.Len() > 1 {
			m.overlay = newPartitionPicker(m, c.Keys[0], engine.Materialize{})
			return nil
		}
	}
	c.By = "user"
	clear(m.marks)
	return m.do(c)
}

func (m *Model) cancelRun() tea.Cmd {
	r := m.snap.Run
	var c engine.Cancel
	what := "the run"
	if m.focus == PaneRun && m.run.cursor < len(r.Steps) && !event.Final(r.Steps[m.run.cursor].State) {
		c.Asset = r.Steps[m.run.cursor].Key
		what = clean(c.Asset.String())
	}
	m.overlay = &confirm{
		title: "Cancel", text: "Cancel " + what + "? What is committed stays.", keys: []choice{
			{"x", "cancel " + what, func(m *Model) tea.Cmd { return m.do(c) }},
			{"esc", "go on", nil},
		}, also: map[string]string{"y": "x", "enter": "x", "n": "esc"},
	}
	return nil
}

func (m *Model) cycleAuto() tea.Cmd {
	a := m.snap.Auto
	switch a.Mode {
	case "all":
		return m.do(engine.SetAutoRun{Mode: "off"})
	case "selection":
		return m.do(engine.SetAutoRun{Mode: "all"})
	}
	key, ok := m.list.key()
	if !ok {
		return m.do(engine.SetAutoRun{Mode: "all"})
	}
	return m.do(engine.SetAutoRun{Mode: "selection", Selection: "+" + key.String()})
}

func (m *Model) mark() tea.Cmd {
	key, _ := m.list.key()
	if m.marks[key] {
		delete(m.marks, key)
	} else {
		m.marks[key] = true
	}
	m.markFrom = m.list.cursor
	m.list.move(1)
	return nil
}

func (m *Model) markRange() tea.Cmd {
	from := m.markFrom
	if from < 0 || from >= len(m.list.at) {
		from = m.list.cursor
	}
	for i := min(from, m.list.cursor); i <= max(from, m.list.cursor); i++ {
		m.marks[m.list.rows[m.list.at[i]].key] = true
	}
	return nil
}

func (m *Model) rollback() tea.Cmd {
	p := &m.past
	r := p.versions[min(p.cursor, len(p.versions)-1)]
	m.overlay = &confirm{
		title: "Roll back", text: "Make the version of " + r.At.Local().Format("2006-01-02 15:04:05") + " (" + clean(versionName(r)) + ") the newest data of " + clean(p.key.At(r.Key.Partition()).String()) + " again? Its readers become stale.",
		keys: []choice{
			{"y", "roll back", func(m *Model) tea.Cmd {
				return m.do(engine.Rollback{Asset: p.key.At(r.Key.Partition()), Version: versionName(r)})
			}},
			{"esc", "leave it", nil},
		}, also: map[string]string{"n": "esc"},
	}
	return nil
}

func (m *Model) openTab(t tab) tea.Cmd {
	if m.tab == t && m.focus == PaneDetail && t == tabPreview {
		return m.reveal()
	}
	m.tab = t
	m.focus = PaneDetail
	m.texts[t].top = 0
	return nil
}

// reveal shows rows that a tag hides.
func (m *Model) reveal() tea.Cmd {
	if key, ok := m.list.key(); ok && m.tab == tabPreview && m.hidden(key) {
		if m.rows.shown == nil {
			m.rows.shown = map[graph.Key]bool{}
		}
		m.rows.shown[key] = true
	}
	return nil
}

func (m *Model) turn(n int) tea.Cmd {
	m.tab = tab((int(m.tab) + n + int(tabCount)) % int(tabCount))
	return nil
}

func (m *Model) turnPane(n int) tea.Cmd {
	for range paneCount {
		m.focus = Pane((int(m.focus) + n + int(paneCount)) % int(paneCount))
		if m.focus != PaneRun || m.shownRun() != nil {
			break
		}
	}
	return nil
}

// grow gives the pane with the focus more room, or less. What has no effect is not kept.
func (m *Model) grow(n int) tea.Cmd {
	before, was := m.rects, m.sizes
	switch {
	case m.focus == PaneRun:
		m.sizes.Run += n
	case m.w >= wideWidth && m.focus == PaneAssets:
		m.sizes.Wide += 4 * n
	case m.w >= wideWidth:
		m.sizes.Wide -= 4 * n
	case m.focus == PaneAssets:
		m.sizes.Tall += n
	default:
		m.sizes.Tall -= n
	}
	if m.place(); m.rects != before {
		return nil
	}
	m.sizes = was
	if n < 0 {
		return m.say(calm, "the pane is as small as it gets")
	}
	return m.say(calm, "the pane has all the room that it can use; "+keyName(m.keys.first("zoom"))+" shows it alone")
}

func (m *Model) focusOn(p Pane) tea.Cmd {
	m.focus = p
	return nil
}

// pageSize is the number of lines of what has the focus.
func (m *Model) pageSize() int {
	r := m.rects.Panes[m.focus]
	return max(1, r.H-2)
}

func (m *Model) move(lines, columns int) tea.Cmd {
	switch m.where() {
	case "list":
		if m.lanesView.on {
			return m.walk(lines, columns)
		}
		if columns != 0 {
			return m.along(columns)
		}
		m.list.move(lines)
	case "run":
		m.run.cursor += lines
		if r := m.shownRun(); r != nil {
			m.run.cursor = max(0, min(m.run.cursor, len(r.Steps)-1))
		}
	case "preview":
		m.rows.grid.Move(int64(lines), columns)
	case "logs":
		m.logs.view.Scroll(lines, 8*columns)
	case "code":
		m.code.scroll(lines)
		m.code.x = max(0, m.code.x+8*columns)
	case "history":
		m.past.cursor = max(0, min(m.past.cursor+lines, len(m.past.versions)-1))
		if len(m.past.versions) == 0 || m.past.cursor == len(m.past.versions)-1 {
			m.past.top += lines
		}
	default:
		m.texts[m.tab].scroll(lines)
	}
	return nil
}

// along goes to the first upstream or downstream that the list shows.
func (m *Model) along(direction int) tea.Cmd {
	key, ok := m.list.key()
	if !ok || m.snap.Graph == nil {
		return nil
	}
	to := m.snap.Graph.Downstreams(key)
	if direction < 0 {
		to = m.snap.Graph.Upstreams(key)
	}
	if slices.ContainsFunc(to, m.list.show) {
		m.visited = append(m.visited, key)
		return nil
	}
	if direction < 0 {
		return m.say(calm, nowhere[layout.Left])
	}
	return m.say(calm, nowhere[layout.Right])
}

func (m *Model) comeBack() tea.Cmd {
	for len(m.visited) > 0 {
		key := m.visited[len(m.visited)-1]
		m.visited = m.visited[:len(m.visited)-1]
		if m.list.show(key) {
			m.followCursor()
			break
		}
	}
	return nil
}

// visit puts the cursor on an asset, also one that the filter hides.
func (m *Model) visit(key graph.Key) {
	if from, ok := m.list.key(); ok && from != key {
		m.visited = append(m.visited, from)
	}
	if !m.list.show(key) && m.around.on {
		m.around = around{}
		m.project()
	}
	if !m.list.show(key) {
		m.setFilter("")
		m.list.show(key)
	}
	m.followCursor()
}

func (m *Model) jump(end bool) tea.Cmd {
	const far = 1 << 40
	if m.where() == "logs" {
		if end {
			m.logs.view.SetFollow(true)
		} else {
			m.logs.view.Top()
		}
		return nil
	}
	if m.where() == "preview" {
		if end {
			m.rows.grid.Goto(far)
		} else {
			m.rows.grid.Goto(0)
		}
		return nil
	}
	n := far / 1024
	if !end {
		n = -n
	}
	return m.move(n, 0)
}

// next goes to the next match of a search, else to the next asset that needs attention.
func (m *Model) next(direction int) tea.Cmd {
	switch {
	case m.where() == "logs" && m.logs.view.Searching() != "":
		m.logs.view.Next(direction)
		return nil
	case m.where() == "logs":
		return m.nextError(direction)
	}
	n := len(m.list.at)
	for i := 1; i <= n; i++ {
		at := ((m.list.cursor+direction*i)%n + n) % n
		key := m.list.rows[m.list.at[at]].key
		if w := m.word(key); w != "fresh" && w != "external" {
			m.visit(key)
			return nil
		}
	}
	return m.say(good, "everything is fresh")
}

func (m *Model) open() tea.Cmd {
	switch {
	case m.focus == PaneAssets && m.openCluster():
	case m.focus == PaneAssets:
		m.focus = PaneDetail
	case m.focus == PaneRun:
		if r := m.shownRun(); r != nil && m.run.cursor < len(r.Steps) {
			m.visit(r.Steps[m.run.cursor].Key)
			return m.openTab(tabLogs)
		}
	case m.tab == tabPreview && m.hiddenHere():
		return m.reveal()
	default:
		m.zoom = true
	}
	return nil
}

func (m *Model) hiddenHere() bool {
	key, ok := m.list.key()
	return ok && m.hidden(key)
}

func (m *Model) back() tea.Cmd {
	switch {
	case m.where() == "preview" && m.rows.sort.busy:
		cmd := m.unsort()
		m.note.text = ""
		return cmd
	case m.where() == "preview" && m.rows.grid.Unselect():
	case m.zoom:
		m.zoom = false
	case m.focus == PaneRun && m.snap.Run != nil && !m.snap.Run.Active():
		m.run.closed, m.focus = true, PaneAssets
	case m.focus != PaneAssets:
		m.focus = PaneAssets
	case len(m.marks) > 0:
		clear(m.marks)
	case m.impact:
		m.impact = false
	case m.around.on:
		m.around = around{}
		m.project()
	case m.list.filter != "":
		m.setFilter("")
	case m.snap.Run != nil && !m.snap.Run.Active() && !m.run.closed:
		m.run.closed = true
	case m.note.text == "":
		return m.say(calm, "nothing is open; "+keyName(m.keys.first("quit"))+" quits")
	}
	m.note.text = ""
	return nil
}

func (m *Model) setFilter(text string) {
	if text != m.list.filter {
		m.list.filter, m.list.begun = text, true // who filters has chosen where to look, also while locations are loading
		m.project()
	}
}

// ask4text opens the filter of the list, or the search of a log.
func (m *Model) ask4text() tea.Cmd {
	if m.where() == "logs" || m.where() == "code" {
		where := m.where()
		m.prompt = &prompt{title: "/", hint: "enter search   esc close", done: func(text string, entered bool) tea.Cmd {
			switch {
			case !entered:
				m.logs.view.Search("")
			case where == "logs" && !m.logs.view.Search(text), where == "code" && !m.code.search(text):
				return m.say(calm, "not found: "+clean(text))
			}
			return nil
		}}
		return nil
	}
	m.focus = PaneAssets
	before := m.list.filter
	from, had := m.list.key()
	m.prompt = &prompt{
		title: "/", text: before, hint: "text, or a selection as +key, status:stale, group:x and not y", offers: m.offers(),
		changed: func(text string) tea.Cmd { m.setFilter(text); return nil },
		done: func(text string, entered bool) tea.Cmd {
			if entered {
				return m.filterBy(text)
			}
			cmd := m.filterBy("")
			if had && m.list.show(from) { // who only looked is where they were
				m.followCursor()
			}
			return cmd
		},
	}
	return nil
}

// search scrolls to the next line below the top that holds text.
func (p *codePane) search(text string) bool {
	low := strings.ToLower(text)
	for i := range p.lines {
		at := (p.top + 1 + i) % len(p.lines)
		if strings.Contains(strings.ToLower(p.lines[at]), low) {
			p.top = at
			return true
		}
	}
	return false
}

func (m *Model) gotoRow() tea.Cmd {
	p, _ := m.rows.grid.Page()
	m.prompt = &prompt{title: "row ", hint: "a number up to " + grouped(p.RowsTotal), done: func(text string, entered bool) tea.Cmd {
		n, err := strconv.ParseInt(strings.NewReplacer(",", "", "_", "", " ", "").Replace(text), 10, 64)
		switch {
		case !entered || text == "":
		case err != nil:
			return m.say(calm, "no row number: "+clean(text))
		default:
			m.rows.grid.Goto(n - 1)
		}
		return nil
	}}
	return nil
}

// copy puts what the focus is on into the clipboard.
func (m *Model) copy() tea.Cmd {
	key, ok := m.list.key()
	text := clean(key.String())
	switch m.where() {
	case "preview":
		return m.copyCells(asTSV)
	case "logs":
		text, ok = m.logs.view.Current()
	case "code":
		text = m.codeFoot()
	case "about", "why":
		if src := m.asset(key).Source; src.File != "" {
			text = clean(m.file(src.File)) + ":" + strconv.Itoa(src.Line)
		}
	case "history":
		if len(m.past.versions) > 0 {
			text = clean(versionName(m.past.versions[min(m.past.cursor, len(m.past.versions)-1)]))
		}
	}
	return m.copied(text, ok)
}

func (m *Model) toggleMouse() tea.Cmd {
	m.mouse = !m.mouse
	if m.out != nil {
		m.out.SetMouse(m.mouse)
	}
	if m.mouse {
		return m.say(calm, "mouse on: shift selects text in most terminals")
	}
	return m.say(calm, "mouse off: the terminal selects text")
}

// redraw draws the whole screen anew.
func (m *Model) redraw() tea.Cmd {
	if m.out != nil {
		m.out.Forget()
	}
	return nil
}

// suspend gives the terminal to the shell until fg.
func (m *Model) suspend() tea.Cmd {
	if m.out == nil {
		return tea.Suspend
	}
	if err := m.out.Leave(); err != nil {
		return m.say(bad, clean(err.Error()))
	}
	return tea.Suspend
}

// resumed takes the terminal back.
func (m *Model) resumed() tea.Cmd {
	if m.dirty = true; m.out == nil {
		return nil
	}
	if err := m.out.Enter(); err != nil {
		return m.say(bad, clean(err.Error()))
	}
	return nil
}

// quit closes what is open, else the program; with an active run it asks.
func (m *Model) quit() tea.Cmd {
	switch {
	case m.zoom:
		m.zoom = false
		return nil
	case m.snap.Run.Active():
		m.overlay = newQuit()
		return nil
	}
	return tea.Quit
}

// interrupt is ctrl+c: it asks like quit, and pressed again it does not ask.
func (m *Model) interrupt() tea.Cmd {
	if m.quitting || !m.snap.Run.Active() {
		return tea.Quit
	}
	m.quitting, m.zoom, m.prompt = true, false, nil
	m.overlay = newQuit()
	return nil
}

// quitReady reports whether the user waits for the end of a run to quit, and it has come.
func (m *Model) quitReady() bool { return m.waiting && !m.snap.Run.Active() }
