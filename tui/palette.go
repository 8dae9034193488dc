package tui

// Help, palette and menu are one thing: a list of items that typing filters and enter runs. They differ in what they list.

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
)

type item struct {
	key, title, note string
	dim              bool // it does nothing now; note says why
	run              func(m *Model) tea.Cmd
}

// picker is a list to choose from.
type picker struct {
	title  string
	items  []item
	letter bool                              // keys choose at once, and nothing is typed
	lines  func(m *Model, text string) *item // makes an item of the typed text itself; may be nil

	text        string
	shown       []item
	cursor, top int
	h           int
}

func (p *picker) filter(m *Model) {
	p.cursor, p.top = 0, 0
	if p.text == "" {
		p.shown = p.items
		return
	}
	type ranked struct {
		item  item
		score int
	}
	var found []ranked
	low := strings.ToLower(strings.TrimSpace(p.text))
	for _, it := range p.items {
		if score, ok := fuzzy(low, strings.ToLower(it.title)); ok {
			found = append(found, ranked{it, score})
		} else if it.key != "" && strings.EqualFold(it.key, low) {
			found = append(found, ranked{it, 0})
		}
	}
	slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(a.score, b.score) })
	p.shown = nil
	if p.lines != nil {
		if it := p.lines(m, strings.TrimSpace(p.text)); it != nil {
			p.shown = append(p.shown, *it)
		}
	}
	for _, f := range found {
		p.shown = append(p.shown, f.item)
	}
}

func (p *picker) key(m *Model, key string) tea.Cmd {
	step := func(n int) { p.cursor = max(0, min(p.cursor+n, len(p.shown)-1)) }
	switch key {
	case "esc":
		if p.text != "" && !p.letter {
			p.text = ""
			p.filter(m)
			return nil
		}
		m.overlay = nil
		return nil
	case "enter":
		if p.cursor < len(p.shown) {
			return p.choose(m, p.shown[p.cursor])
		}
		return nil
	case "down", "ctrl+n", "tab":
		step(1)
		return nil
	case "up", "ctrl+p", "shift+tab":
		step(-1)
		return nil
	case "pgdown", "ctrl+d":
		step(max(1, p.h/2))
		return nil
	case "pgup":
		step(-max(1, p.h/2))
		return nil
	}
	if p.letter {
		switch key {
		case "j":
			step(1)
		case "k":
			step(-1)
		case "q":
			m.overlay = nil
		}
		for _, it := range p.items {
			if it.key == key {
				return p.choose(m, it)
			}
		}
		return nil
	}
	if key == "q" && p.text == "" && p.lines == nil {
		m.overlay = nil
		return nil
	}
	if text, ok := edit(p.text, key); ok {
		if p.text = text; key == "backspace" && text == "" && p.lines != nil && len(p.shown) == len(p.items) {
			m.overlay = nil
			return nil
		}
		p.filter(m)
	}
	return nil
}

func (p *picker) choose(m *Model, it item) tea.Cmd {
	if it.run == nil {
		return nil
	}
	if it.dim {
		return m.say(calm, it.note)
	}
	m.overlay = nil
	return it.run(m)
}

func (p *picker) paste(m *Model, text string) tea.Cmd {
	if !p.letter {
		p.text += clean(strings.Join(strings.Fields(text), " "))
		p.filter(m)
	}
	return nil
}

func (p *picker) size(m *Model) (w, h int) {
	h = len(p.items)
	if !p.letter {
		h += 2
	}
	return min(92, m.w-8), min(h, max(6, m.h-8))
}

func (p *picker) draw(m *Model, w, h int) (title string, lines []string, foot string) {
	th := m.th
	if !p.letter {
		prompt := "type to filter"
		if p.lines != nil {
			prompt = "action, asset, or a command line as  materialize +key --force"
		}
		l := th.line(w).put(th.Key, th.G.Cursor+" ")
		if p.text == "" {
			l.put(th.Select, " ").put(th.Dim, prompt)
		} else {
			l.put("", clipLeft(p.text, w-4, th.G.Ellipsis)).put(th.Select, " ")
		}
		lines = append(lines, l.end(), space(w))
	}
	p.h = max(1, h-len(lines))
	keyW := 0
	for _, it := range p.items {
		keyW = max(keyW, cells(it.key))
	}
	keyW = min(keyW, max(6, w/5))
	p.top = max(0, min(p.top, p.cursor))
	p.top = max(p.top, p.cursor-p.h+1)
	for i := p.top; i < len(p.shown) && len(lines) < h; i++ {
		it := p.shown[i]
		l := th.line(w)
		if i == p.cursor {
			l.over = th.Select
		}
		keyStyle, titleStyle := th.Key, Style("")
		if it.dim {
			keyStyle, titleStyle = th.Dim, th.Dim
		}
		l.put("", " ").col(keyStyle, it.key, keyW, false)
		note := it.note
		room := w - l.n - 1
		if note != "" {
			note = clip(note, max(room/2, room-cells(it.title)-2), th.G.Ellipsis)
			room -= cells(note) + 2
		}
		l.put(titleStyle, clip(it.title, room, th.G.Ellipsis))
		if note != "" {
			l.to(w-cells(note)-1).put(th.Dim, note)
		}
		lines = append(lines, l.end())
	}
	if len(p.shown) == 0 {
		lines = append(lines, th.line(w).put(th.Dim, " nothing matches").end())
	}
	switch foot = "enter runs it   esc close"; {
	case p.letter:
		foot = "a key, or j k and enter   esc close"
	case p.text != "":
		foot = "enter runs it   esc clear"
	}
	if len(p.shown) > p.h {
		foot += fmt.Sprintf("   %d/%d", p.cursor+1, len(p.shown))
	}
	return p.title, trim(lines, w, h), foot
}

// actionItem is an action as an item.
func (m *Model) actionItem(a *Action) item {
	names := make([]string, 0, 3)
	for _, k := range m.keys.keys[a.ID] {
		names = append(names, keyName(k))
	}
	it := item{key: strings.Join(names, " "), title: a.Title, run: func(m *Model) tea.Cmd { return m.perform(a) }}
	if reason := a.reason(m); reason != "" {
		it.dim, it.note = true, reason
	}
	return it
}

// newHelp lists every key: what works now, then what does not and why, then what works elsewhere.
func newHelp(m *Model) *picker {
	p := &picker{title: "Keys"}
	var off, elsewhere []item
	for _, a := range Actions {
		if len(m.keys.keys[a.ID]) == 0 {
			continue
		}
		it := m.actionItem(a)
		switch {
		case m.action(m.keys.first(a.ID)) != a:
			it.dim, it.note = true, a.place4help()
			elsewhere = append(elsewhere, it)
		case it.dim:
			off = append(off, it)
		default:
			p.items = append(p.items, it)
		}
	}
	p.items = slices.Concat(p.items, off, elsewhere)
	p.shown = p.items
	return p
}

// place4help says where an action works that does not work here.
func (a *Action) place4help() string {
	switch a.Where {
	case "":
		return "the key does something else here"
	case "text":
		return "in a text: About, Why, Logs, Code, History"
	case "list":
		return "in the list of assets"
	case "run":
		return "in the run"
	}
	return "in the tab " + strings.ToUpper(a.Where[:1]) + a.Where[1:]
}

// newPalette lists all actions and assets, and takes command lines.
func newPalette(m *Model) *picker {
	p := &picker{title: "Command", lines: commandLine}
	for _, a := range Actions {
		if strings.HasPrefix(a.ID, "pane-") {
			continue
		}
		it := m.actionItem(a)
		if a.Where != "" && a.Where != m.where() && a.Where != "text" && a.ID != "mark" {
			continue
		}
		p.items = append(p.items, it)
	}
	for _, s := range m.offers() {
		p.items = append(p.items, item{key: "/", title: clean(s.text), note: s.note, run: func(m *Model) tea.Cmd { return m.filterBy(s.text) }})
	}
	for _, key := range m.keysOfGraph() {
		p.items = append(p.items, item{title: clean(key.String()), note: m.word(key), run: func(m *Model) tea.Cmd { m.visit(key); return nil }})
	}
	p.shown = p.items
	return p
}

// newMenu lists the other ways to materialize.
func newMenu(m *Model) *picker {
	keys, marked := m.markedOr()
	what := plural(len(keys), "marked asset")
	if !marked && len(keys) > 0 {
		what = clean(keys[0].String())
	}
	send := func(c engine.Materialize) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd { return m.materialize(c) }
	}
	downstream := make([]string, len(keys))
	for i, k := range keys {
		downstream[i] = `key:"` + k.String() + `"+`
	}
	p := &picker{title: "Materialize " + what, letter: true, items: []item{
		{key: "m", title: "with its stale upstreams", run: send(engine.Materialize{})},
		{key: "o", title: "only this, without its upstreams", run: send(engine.Materialize{Keys: keys, Marked: marked, Only: true})},
		{key: "d", title: "this and everything downstream", run: send(engine.Materialize{Selection: strings.Join(downstream, " or ")})},
		{key: "s", title: "all that is stale, missing or overdue", run: send(engine.Materialize{Selection: "*"})},
		{key: "f", title: "force: also when it is fresh", run: send(engine.Materialize{Keys: keys, Marked: marked, Force: true})},
		{key: "n", title: "dry run: show what would run", run: func(m *Model) tea.Cmd { return m.dryRun(engine.Materialize{Keys: keys, By: "user"}) }},
		{key: "a", title: "adopt: take over data that was made elsewhere, without running", run: func(m *Model) tea.Cmd {
			clear(m.marks)
			return m.do(engine.Adopt{Keys: keys})
		}},
	}}
	if len(keys) == 1 && m.asset(keys[0]).Partitions.Len() > 0 {
		p.items = append(p.items, item{key: "p", title: "partitions: choose which, or whose rows are shown", note: m.partitionCounts(keys[0]), run: func(m *Model) tea.Cmd {
			m.overlay = newPartitionPicker(m, keys[0], engine.Materialize{})
			return nil
		}})
	}
	if waiting := m.snap.Auto.Waiting; len(waiting) > 0 {
		p.items = append(p.items, item{key: "w", title: "start what auto-run left waiting", note: plural(len(waiting), "asset"), run: send(engine.Materialize{Keys: waiting})})
	}
	reason := trusted(m)
	elsewhere := slices.ContainsFunc(keys, func(k graph.Key) bool {
		return slices.ContainsFunc(m.reasons(k), func(r graph.Reason) bool { return r.Kind == graph.MadeElsewhere })
	})
	for i := range p.items {
		it := &p.items[i]
		switch {
		case reason != "":
			it.dim, it.note = true, reason
		case it.key == "a" && !elsewhere:
			it.dim, it.note = true, "its data was not made elsewhere"
		}
	}
	p.shown = p.items
	return p
}

func (m *Model) dryRun(c engine.Materialize) tea.Cmd {
	front, ctx := m.front, m.ctx
	return func() tea.Msg {
		plan, err := front.Plan(ctx, c)
		return planMsg{plan, err}
	}
}

// commandLine understands a command as one would type it behind assetdev. It returns nil for text that is none.
func commandLine(m *Model, text string) *item {
	name, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	it := &item{key: ":", title: text}
	key := func(run func(m *Model, k graph.Key) tea.Cmd) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd {
			k, err := graph.ParseKey(rest)
			if err != nil {
				return m.say(bad, clean(err.Error()))
			}
			if _, ok := m.snap.Graph.Asset(k); !ok {
				near := ""
				if s, ok := m.snap.Graph.Suggestion(k); ok {
					near = "; did you mean " + clean(s.String()) + "?"
				}
				return m.say(bad, "there is no asset "+clean(k.String())+near)
			}
			m.visit(k)
			return run(m, k)
		}
	}
	act := func(id string) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd { return m.perform(actionByID(id)) }
	}
	open := func(t tab) func(m *Model) tea.Cmd {
		if rest == "" {
			return func(m *Model) tea.Cmd { return m.openTab(t) }
		}
		return key(func(m *Model, _ graph.Key) tea.Cmd { return m.openTab(t) })
	}
	switch name {
	case "q", "quit", "exit":
		it.run, it.note = act("quit"), "quit"
	case "materialize", "mat", "plan":
		c, problem := materializeArgs(rest)
		it.note = "materialize"
		if name == "plan" || c.dry {
			it.note = "show what would run"
		}
		if problem != "" {
			it.dim, it.note = true, problem
		}
		it.run = func(m *Model) tea.Cmd {
			if c.Selection == "" {
				c.Keys, c.Marked = m.markedOr()
			}
			if name == "plan" || c.dry {
				return m.dryRun(c.Materialize)
			}
			return m.materialize(c.Materialize)
		}
	case "why":
		it.run, it.note = open(tabWhy), "why it is not fresh"
	case "preview":
		p := previewArgs(rest)
		rest = p.asset
		it.run, it.note = open(tabPreview), "rows"
		if p.problem != "" {
			it.dim, it.note = true, p.problem
		} else if p.offset > 0 {
			run := it.run
			it.note = "rows from " + grouped(p.offset+1) + " on"
			it.run = func(m *Model) tea.Cmd {
				cmd := run(m)
				m.rows.seek(p.offset)
				return cmd
			}
		}
	case "logs":
		if run, asset, ok := strings.Cut(rest, " "); ok { // as on the command line, RUN ASSET; the screen shows the newest run
			_, rest = run, strings.TrimSpace(asset)
		}
		it.run, it.note = open(tabLogs), "log"
	case "versions", "history", "runs":
		it.run, it.note = open(tabHistory), "kept versions and runs"
	case "locations":
		it.run, it.note = act("problems"), "code locations, and what is wrong with them"
	case "path":
		it.note = "copy the name of the file with its newest data"
		it.run = key(func(m *Model, k graph.Key) tea.Cmd { return m.copied(clean(m.dataPath(k)), m.dataPath(k) != "") })
		if rest == "" {
			it.run = act("copy-path")
		}
	case "watch":
		it.note = "keep it fresh on every save"
		it.run = func(m *Model) tea.Cmd {
			if rest == "" || rest == "*" {
				return m.do(engine.SetAutoRun{Mode: "all"})
			}
			return m.do(engine.SetAutoRun{Mode: "selection", Selection: rest})
		}
	case "version":
		it.run, it.note = func(m *Model) tea.Cmd { return m.say(calm, "assetdev "+clean(m.opts.Version)) }, "of assetdev"
	case "doctor", "verify", "gc", "init", "demo", "completion", "sandbox":
		it.dim, it.note = true, "works on the command line: assetdev "+name
		it.run = func(*Model) tea.Cmd { return nil }
	case "reload", "cancel", "retry", "trust", "help":
		it.run, it.note = act(name), name
	case "adopt":
		it.note = "take over data that was made elsewhere"
		it.run = func(m *Model) tea.Cmd {
			keys, _ := m.markedOr()
			if rest != "" {
				set, err := m.selection(rest)
				if err != nil {
					return m.say(bad, clean(err.Error()))
				}
				keys = slices.DeleteFunc(slices.Clone(m.keysOfGraph()), func(k graph.Key) bool { return !set[k] })
			}
			return m.do(engine.Adopt{Keys: keys})
		}
	case "rollback":
		k, version, _ := strings.Cut(rest, " ")
		rest = k
		it.note = "make a kept version the newest"
		it.run = key(func(m *Model, k graph.Key) tea.Cmd {
			return m.do(engine.Rollback{Asset: k, Version: strings.TrimSpace(version)})
		})
	case "auto":
		it.note = "what a save starts by itself"
		mode := engine.SetAutoRun{Mode: "selection", Selection: rest}
		if rest == "off" || rest == "all" {
			mode = engine.SetAutoRun{Mode: rest}
		}
		it.run = func(m *Model) tea.Cmd {
			if rest == "" {
				return m.cycleAuto()
			}
			return m.do(mode)
		}
	case "filter", "list", "status":
		it.run, it.note = func(m *Model) tea.Cmd { return m.filterBy(rest) }, "filter the list"
	case "theme":
		it.run, it.note = func(m *Model) tea.Cmd { m.setTheme(rest); return nil }, "light, dark, terminal (its own sixteen colours), mono or auto"
	default:
		return nil
	}
	return it
}

type materializeLine struct {
	engine.Materialize
	dry bool
}

func materializeArgs(text string) (c materializeLine, problem string) {
	var selection []string
	words := strings.Fields(text)
	for i := 0; i < len(words); i++ {
		word, value, given := strings.Cut(words[i], "=")
		if !strings.HasPrefix(word, "-") || len(word) < 2 || !strings.HasPrefix(word, "--") && word != "-s" && word != "-y" {
			selection = append(selection, words[i])
			continue
		}
		argument := func() string {
			if !given && i+1 < len(words) {
				i++
				value = words[i]
			}
			return value
		}
		var err error
		switch word {
		case "--force":
			c.Force = true
		case "--only":
			c.Only = true
		case "--fail-fast":
			c.FailFast = true
		case "--dry-run":
			c.dry = true
		case "--yes", "-y":
			c.Confirmed = true
		case "--jobs":
			if c.Jobs, err = strconv.Atoi(argument()); err == nil && c.Jobs < 1 {
				err = errors.New("less than one")
			}
		case "--timeout":
			c.Timeout, err = time.ParseDuration(argument())
		case "--select", "-s":
			selection = append(selection, argument())
		default:
			return c, "unknown flag " + clean(word) + "; known: --force --only --fail-fast --dry-run --jobs N --timeout D --select SELECTION --yes"
		}
		if err != nil {
			return c, clean(word + " " + value + ": no number or duration as 4 or 30s")
		}
	}
	c.Selection, c.By = strings.Join(selection, " "), "user"
	if c.Selection != "" {
		if _, err := graph.ParseSelection(c.Selection); err != nil {
			problem = clean(err.Error())
		}
	}
	return c, problem
}

type previewLine struct {
	asset   string
	offset  int64
	problem string
}

// previewArgs understands the arguments of preview: an asset, and --offset. What else the command line knows is about what is printed.
func previewArgs(text string) (p previewLine) {
	words := strings.Fields(text)
	for i := 0; i < len(words); i++ {
		word, value, given := strings.Cut(words[i], "=")
		if !strings.HasPrefix(word, "--") {
			p.asset = words[i]
			continue
		}
		if !given && i+1 < len(words) {
			i++
			value = words[i]
		}
		switch word {
		case "--offset":
			n, err := strconv.ParseInt(value, 10, 64)
			if p.offset = n; err != nil || n < 0 {
				p.problem = "--offset is the number of rows to leave out"
			}
		case "--rows", "--columns":
		default:
			p.problem = "unknown flag " + clean(word) + "; known: --offset N"
		}
	}
	return p
}

// dataPath is the file with the newest data of an asset, "" when there is none.
func (m *Model) dataPath(key graph.Key) string {
	a := m.snap.Assets[key]
	if a == nil || a.Stored.Record == nil || a.Stored.Record.File == "" || m.snap.Workspace.Base == "" {
		return ""
	}
	return filepath.Join(m.snap.Workspace.Base, filepath.FromSlash(a.Key.Bare().String())+".parquet")
}
