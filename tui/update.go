package tui

// Messages: keys and the mouse become actions, batches and answers become state. Nothing here waits.

import (
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

type (
	batchMsg struct{ batch engine.Batch }
	replyMsg struct {
		reply engine.Reply
		err   error
		quiet bool
	}
	darkMsg   bool
	spinMsg   struct{}
	ageMsg    struct{}
	noteMsg   int // number of the note that has been shown long enough
	editorMsg struct{ err error }
	planMsg   struct {
		plan graph.Plan
		err  error
	}
)

const (
	spinEvery = 125 * time.Millisecond
	ageEvery  = 10 * time.Second
)

// Update takes a message. It is the only place where the model changes.
func (m *Model) Update(msg tea.Msg) (next tea.Model, cmd tea.Cmd) {
	next = m // also after a panic
	defer m.caught()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.KeyMsg:
		cmd = m.typed(msg)
		m.dirty, m.answers = true, true
	case tea.MouseMsg:
		cmd = m.clicked(tea.MouseEvent(msg))
	case tea.FocusMsg:
		m.away = false
	case tea.BlurMsg:
		m.away = true
	case tea.ResumeMsg:
		cmd = m.resumed()
	case batchMsg:
		cmd = tea.Batch(m.apply(msg.batch), m.wait())
	case replyMsg:
		cmd = m.replied(msg)
	case pageMsg:
		m.gotPage(msg)
		m.dirty = true
	case tidyMsg:
		cmd = m.gotTidy(msg)
	case sortMsg:
		cmd = m.gotSorted(msg)
		m.dirty = true
	case cellMsg:
		m.gotCell(msg)
		m.dirty = true
	case statsMsg:
		m.gotStats(msg)
		m.dirty = true
	case copyMsg:
		cmd = m.copyNow(msg)
		m.dirty = true
	case logMsg:
		m.gotLog(msg)
		m.dirty = m.dirty || len(msg.lines) > 0 || msg.stands || msg.err != nil || m.logs.done
	case pullMsg:
		m.logs.due = false
	case whyMsg:
		m.gotWhy(msg)
		m.dirty = true
	case sourceMsg:
		m.gotSource(msg)
		m.dirty = true
	case historyMsg:
		m.gotHistory(msg)
		m.dirty = true
	case planMsg:
		m.gotPlan(msg)
	case loadMsg:
	case darkMsg:
		m.ask, m.caps.Dark, m.caps.Known = false, bool(msg), true
		m.setTheme(m.theme)
	case spinMsg:
		if m.ticking = false; m.snap.Run.Active() || m.waitsForLocations() {
			m.spin++
			m.dirty = true
		}
	case ageMsg:
		if text := m.agesText(); text != m.ages {
			m.ages, m.dirty = text, true
		}
		cmd = m.tickAges()
	case noteMsg:
		if int(msg) == m.note.number {
			m.note.text, m.dirty = "", true
		}
	case editorMsg:
		if m.dirty = true; msg.err != nil {
			cmd = m.say(bad, clean(msg.err.Error()))
		}
	}
	if m.quitReady() {
		return m, tea.Quit
	}
	return m, m.guard(tea.Batch(cmd, m.load(), m.spinning()))
}

func (m *Model) resize(w, h int) {
	if w == m.w && h == m.h {
		return
	}
	before := m.lanes()
	if m.out != nil {
		m.out.Forget()
	}
	m.w, m.h, m.dirty = max(w, 0), max(h, 0), true
	if m.lanes() != before {
		m.project()
	}
	m.place()
}

// wait waits for the engine's next batch. There is always exactly one of it under way.
func (m *Model) wait() tea.Cmd {
	front, ctx := m.front, m.ctx
	return func() tea.Msg {
		batch, err := front.Wait(ctx)
		if err != nil {
			return nil
		}
		return batchMsg{batch}
	}
}

// spinning keeps the spinner turning while something runs; nothing ticks otherwise.
func (m *Model) spinning() tea.Cmd {
	if m.ticking || !m.snap.Run.Active() && !m.waitsForLocations() {
		return nil
	}
	m.ticking = true
	return m.opts.Tick(spinEvery, spinMsg{})
}

func (m *Model) tickAges() tea.Cmd { return m.opts.Tick(ageEvery, ageMsg{}) }

// agesText is what of a frame depends on the clock alone.
func (m *Model) agesText() string {
	var b strings.Builder
	now := m.opts.Now()
	b.WriteString(now.Format("15:04"))
	for i := m.list.top; i < len(m.list.rows) && i < m.list.top+max(m.list.height, 1); i++ {
		if a := m.snap.Assets[m.list.rows[i].key]; a != nil && a.Stored.Record != nil {
			b.WriteString(shortAge(now.Sub(a.Stored.Record.At)) + " ")
		}
	}
	return b.String()
}

// load fetches what the detail needs and does not have.
func (m *Model) load() tea.Cmd {
	key, ok := m.list.key()
	if !ok || m.w == 0 {
		return nil
	}
	if m.place(); !m.detailShown() {
		return nil
	}
	switch m.tab {
	case tabPreview:
		return m.loadPreview(key)
	case tabLogs:
		return m.loadLogs(key)
	case tabCode:
		return m.loadCode(key)
	case tabHistory:
		return m.loadHistory(key)
	case tabWhy:
		return m.loadWhy(key)
	case tabAbout, tabCount:
	}
	return nil
}

// apply takes a batch of the engine.
func (m *Model) apply(b engine.Batch) tea.Cmd {
	var cmds []tea.Cmd
	if b.Snapshot != nil {
		before := m.snap
		m.snap = b.Snapshot
		if before.Graph != m.snap.Graph || !m.list.begun && !m.snap.Loading {
			m.project()
		}
		if r := m.snap.Run; r != nil && r.ID != m.run.id {
			m.run = runPane{id: r.ID}
		}
		m.openQuestions()
		if s := m.snap.Save; s != nil && !s.At.Equal(m.savedAt) {
			m.savedAt = s.At
			cmds = append(cmds, m.say(calm, saveText(s)))
		}
		if t := m.snap.Told; t != nil && !t.At.Equal(m.toldAt) {
			m.toldAt = t.At
			cmds = append(cmds, m.say(calm, clean(t.Text)))
		}
	}
	for _, e := range b.Events {
		cmds = append(cmds, m.happened(e))
	}
	m.dirty = true
	return tea.Batch(cmds...)
}

func saveText(s *engine.Save) string {
	text := "saved"
	if len(s.Paths) > 0 && strings.HasPrefix(s.Text, s.Paths[0]) {
		return text + " " + clean(s.Text)
	}
	if len(s.Paths) > 0 {
		text += " " + clean(s.Paths[0])
		if len(s.Paths) > 1 {
			text += fmt.Sprintf(" +%d", len(s.Paths)-1)
		}
	}
	return text + ": " + clean(s.Text)
}

// happened takes an event that needs a word beside what the snapshot shows.
func (m *Model) happened(e event.Event) tea.Cmd {
	switch e.Kind {
	case event.KindStep:
		if e.State == event.Failed && e.Asset != nil {
			text := ""
			if e.Error != nil {
				text = ": " + clean(firstLine(e.Error.Message))
			}
			m.failed(e.Run, *e.Asset, text)
			return m.say(bad, m.th.glyph("failed")+" "+clean(e.Asset.String())+text)
		}
	case event.KindRun:
		if event.Final(e.State) {
			return m.ended(e)
		}
	case event.KindReload:
		if e.Error != nil {
			return m.say(bad, m.th.glyph("failed")+" "+clean(e.Location)+": "+clean(firstLine(e.Error.Message)))
		}
	}
	return nil
}

// replied takes the answer to a command.
func (m *Model) replied(msg replyMsg) tea.Cmd {
	m.dirty = true
	switch {
	case msg.err != nil:
		return m.say(bad, clean(msg.err.Error()))
	case msg.quiet:
		return nil
	case msg.reply.Text != "":
		return m.say(calm, clean(msg.reply.Text))
	}
	return nil
}

// do sends a command to the engine.
func (m *Model) do(c engine.Command) tea.Cmd {
	front, ctx := m.front, m.ctx
	return func() tea.Msg {
		reply, err := front.Do(ctx, c)
		return replyMsg{reply: reply, err: err}
	}
}

// typed takes a key. What was pasted is never a command, and keys that came in one read are taken one by one.
func (m *Model) typed(msg tea.KeyMsg) tea.Cmd {
	if msg.Paste {
		switch {
		case m.overlay != nil:
			return m.overlay.paste(m, string(msg.Runes))
		case m.prompt != nil:
			return m.prompt.paste(string(msg.Runes))
		}
		return nil
	}
	if msg.Type == tea.KeyRunes && len(msg.Runes) > 1 && !msg.Alt {
		var cmds []tea.Cmd
		for _, r := range msg.Runes {
			cmds = append(cmds, m.press(keyText(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})))
			m.place()
		}
		return tea.Batch(cmds...)
	}
	return m.press(keyText(msg))
}

func keyText(msg tea.KeyMsg) string {
	if key := msg.String(); key != " " {
		return key
	}
	return "space"
}

// press carries out one key.
func (m *Model) press(key string) tea.Cmd {
	if key == "ctrl+c" {
		return m.interrupt()
	}
	m.quitting = false
	switch {
	case m.overlay != nil:
		return m.overlay.key(m, key)
	case m.prompt != nil:
		return m.prompt.key(m, key)
	}
	a, before := m.action(key), m.look()
	at := m.list.cursor
	if a == nil {
		return m.say(calm, m.unbound(key))
	}
	cmd := m.perform(a)
	m.list.begun = m.list.begun || m.list.cursor != at
	if after := m.look(); after != before {
		m.last = before
	}
	return cmd
}

// A look is what part of the workspace the screen shows, apart from the asset.
type look struct {
	pane  Pane
	tab   tab
	zoom  bool
	valid bool
}

func (m *Model) look() look { return look{m.focus, m.tab, m.zoom, true} }

// lastLook goes back to the look before the newest change of it.
func (m *Model) lastLook() tea.Cmd {
	m.focus, m.tab, m.zoom = m.last.pane, m.last.tab, m.last.zoom
	return nil
}

// unbound says why a key does nothing here: what it does elsewhere, or that it does nothing at all.
func (m *Model) unbound(key string) string {
	for _, a := range m.keys.by[key] {
		what, _, _ := strings.Cut(a.Title, ":")
		what, _, _ = strings.Cut(what, ",")
		return keyName(key) + " works in the " + a.Where + " only: " + what
	}
	return clean(keyName(key)) + " does nothing; " + keyName(m.keys.first("help")) + " says what the keys do"
}

// perform runs an action, or says why it does nothing now.
func (m *Model) perform(a *Action) tea.Cmd {
	if reason := a.reason(m); reason != "" {
		return m.say(calm, reason)
	}
	return a.Run(m)
}

// wheeled scrolls the open box.
func (m *Model) wheeled(e tea.MouseEvent) tea.Cmd {
	key := "down"
	switch e.Button { //nolint:exhaustive // other buttons do nothing
	case tea.MouseButtonWheelUp:
		key = "up"
	case tea.MouseButtonWheelDown:
	default:
		return nil
	}
	m.dirty, m.answers = true, true
	for range 3 {
		if m.overlay == nil {
			break
		}
		m.overlay.key(m, key)
	}
	return nil
}

// side is how many cells a pane's border takes at its left.
func (m *Model) side() int {
	if m.rects.Bare {
		return 0
	}
	return 2
}

// clickTab opens the tab whose name stands at cell x of the detail's upper border.
func (m *Model) clickTab(x int) {
	r := m.rects.Panes[PaneDetail]
	names := m.tabTitles(r.W - cells(m.detailTitle().text) - 8).text
	at := x - (r.W - cells(names) - 3)
	for i := range tabCount {
		before, _, found := strings.Cut(names, tabNames[i])
		if found && at >= cells(before) && at < cells(before)+cells(tabNames[i]) {
			m.tab = i
		}
	}
}

func (m *Model) clicked(e tea.MouseEvent) tea.Cmd {
	if e.Action != tea.MouseActionPress || m.rects.TooSmall {
		return nil
	}
	if m.overlay != nil {
		return m.wheeled(e)
	}
	for pane, r := range m.rects.Panes {
		if !r.has(e.X, e.Y) {
			continue
		}
		m.dirty, m.answers = true, true
		switch e.Button { //nolint:exhaustive // other buttons do nothing
		case tea.MouseButtonWheelDown, tea.MouseButtonWheelUp:
			n := 3
			if e.Button == tea.MouseButtonWheelUp {
				n = -3
			}
			focus := m.focus
			m.focus = Pane(pane)
			cmd := m.move(n, 0)
			m.focus = focus
			return cmd
		case tea.MouseButtonLeft:
			m.focus = Pane(pane)
			switch {
			case m.focus == PaneAssets && m.lanesView.on:
				m.clickLanes(e.X-r.X-2, e.Y-r.Y-1)
			case m.focus == PaneAssets:
				m.list.click(e.Y - r.Y - 1)
			case m.focus == PaneDetail && e.Y == r.Y:
				m.clickTab(e.X - r.X)
			case m.where() == "preview":
				m.rows.grid.Click(e.X-r.X-m.side(), e.Y-r.Y-1)
			case m.focus == PaneRun && e.Y > r.Y+1:
				m.run.cursor = m.run.top + e.Y - r.Y - 2
				m.move(0, 0)
			}
		}
	}
	return nil
}
