package tui

// The detail of the asset under the cursor, in tabs. About and Why are texts made from the snapshot while they are drawn; the
// other tabs hold what a Cmd fetched, each in a file of its own.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

type tab int

const (
	tabAbout tab = iota
	tabWhy
	tabPreview
	tabLogs
	tabCode
	tabHistory
	tabCount
)

var tabNames = [tabCount]string{"About", "Why", "Preview", "Logs", "Code", "History"}

// A textPane scrolls over lines that are made while it is drawn.
type textPane struct {
	top, x, total, height int
}

func (p *textPane) scroll(lines int) {
	p.top = max(0, min(p.top+lines, p.total-p.height))
}

// window returns the lines on the screen.
func (p *textPane) window(lines []string, w, h int) []string {
	p.total, p.height = len(lines), h
	p.scroll(0)
	return trim(lines[min(p.top, len(lines)):], w, h)
}

// foot says where the window is when it does not show all.
func (p *textPane) foot() string {
	if p.total <= p.height || p.total == 0 {
		return ""
	}
	return fmt.Sprintf("%d–%d of %d", p.top+1, min(p.total, p.top+p.height), p.total)
}

// detailShown reports whether the detail can be seen, so that nothing is fetched for what nobody looks at.
func (m *Model) detailShown() bool { return !m.rects.Panes[PaneDetail].empty() }

func (m *Model) detailLines(w, h int, focused bool) (lines []string, foot string) {
	key, ok := m.list.key()
	if !ok {
		return trim(nil, w, h), ""
	}
	switch m.tab {
	case tabAbout:
		lines = m.texts[tabAbout].window(m.aboutLines(key, w), w, h)
	case tabWhy:
		lines = m.texts[tabWhy].window(m.whyLines(key, w), w, h)
	case tabPreview:
		return m.previewLines(w, h, focused), m.previewFoot()
	case tabLogs:
		return m.logLines(w, h), m.logFoot()
	case tabCode:
		return m.codeLines(w, h), m.codeFoot()
	case tabHistory:
		return m.historyLines(w, h, focused), m.historyFoot()
	case tabCount:
	}
	foot = m.texts[m.tab].foot()
	if m.th.G.ASCII {
		foot = strings.ReplaceAll(foot, "–", "-")
	}
	return lines, foot
}

// A sheet collects lines of a text with a column of names at its left.
type sheet struct {
	th    *Theme
	w     int
	lines []string
}

func (s *sheet) blank() { s.lines = append(s.lines, space(s.w)) }

func (s *sheet) text(st Style, text string) {
	for _, l := range wrap(text, s.w) {
		s.lines = append(s.lines, s.th.line(s.w).put(st, l).end())
	}
}

func (s *sheet) indented(st Style, text string) {
	for _, l := range wrap(text, s.w-2) {
		s.lines = append(s.lines, s.th.line(s.w).put("", "  ").put(st, l).end())
	}
}

const fieldWidth = 13

func (s *sheet) field(name, value string) {
	if value == "" {
		return
	}
	for i, l := range wrap(value, max(8, s.w-fieldWidth)) {
		out := s.th.line(s.w)
		if i == 0 {
			out.put(s.th.Dim, name)
		}
		s.lines = append(s.lines, out.to(fieldWidth).put("", l).end())
	}
}

func (m *Model) aboutLines(key graph.Key, w int) []string {
	a, state := m.asset(key), m.snap.Assets[key]
	s := &sheet{th: m.th, w: w}
	m.aboutHead(s, key, a)
	if a.Description != "" {
		s.blank()
		s.text("", reflow(cleanText(a.Description)))
	}
	s.blank()
	s.field("partitions", m.partitionCounts(key))
	s.field("location", clean(a.Location))
	s.field("group", clean(a.Group))
	s.field("kinds", cleanList(a.Kinds))
	s.field("owners", cleanList(a.Owners))
	s.field("tags", cleanMap(a.Tags))
	if !a.Executable && a.Why != "" {
		s.field("runnable", clean(a.Why))
	}
	s.field("stored by", map[string]string{
		"assetdev": "assetdev, in the shared storage", "own": "its own I/O manager", "both": "assetdev and its own I/O manager", "none": "nobody: it hands over no data",
	}[a.StoredBy])
	if a.IOManager != "" {
		s.field("I/O manager", clean(a.IOManager))
	}
	m.aboutFramework(s, key, a, state)
	if state != nil {
		s.field("read by", cleanList(state.ReadBy))
		m.aboutData(s, state)
	}
	if a.MaxAge > 0 {
		s.field("fresh for", shortDuration(a.MaxAge.Milliseconds()))
	}
	if a.Code.Version != "" {
		version := clean(a.Code.Version)
		if a.Code.Author {
			version += " (given by the author)"
		} else if a.Code.Coarse != "" {
			version += " (" + clean(a.Code.Coarse) + ")"
		}
		s.field("code version", version)
	}
	m.aboutColumns(s, a, state)
	if len(a.Metadata) > 0 {
		s.blank()
		s.text(m.th.Bold, "Metadata")
		for _, k := range slices.Sorted(maps.Keys(a.Metadata)) {
			s.field(clip(clean(k), fieldWidth-1, m.th.G.Ellipsis), clean(a.Metadata[k]))
		}
	}
	return s.lines
}

// aboutFramework is what a framework such as Dagster says of an asset beyond its data: checks with their last outcome, jobs, pool, run
// config, automation.
func (m *Model) aboutFramework(s *sheet, key graph.Key, a graph.Asset, state *assetState) {
	ran := map[string]graph.CheckResult{}
	if state != nil && state.Stored.Record != nil {
		for _, c := range state.Stored.Record.Checks {
			ran[c.Name] = c
		}
	}
	names := slices.Sorted(maps.Keys(ran))
	for _, c := range a.Checks {
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	for _, name := range names {
		text := clean(name) + " has not run yet"
		if c, ok := ran[name]; ok {
			word := map[bool]string{true: " passed", false: " failed"}[c.Passed]
			if !c.Passed && !c.Failed() {
				word += ", a warning"
			}
			text = clean(name) + word
			if c.Text != "" {
				text += ": " + clean(c.Text)
			}
		}
		s.field("check", text)
	}
	var jobs []string
	for _, l := range m.snap.Locations {
		for _, j := range l.Jobs {
			if l.Name == a.Location && slices.Contains(j.Assets, key.Bare()) {
				jobs = append(jobs, j.Name)
			}
		}
	}
	s.field("jobs", cleanList(jobs))
	s.field("pool", clean(a.Pool))
	s.field("automation", clean(a.Automation))
	s.field("freshness", clean(a.Policy))
	var fields []string
	for _, f := range a.Config {
		text := f.Name
		if f.Type != "" {
			text += " " + f.Type
		}
		switch {
		case f.Default != "":
			text += " = " + f.Default
		case f.Required:
			text += ", required"
		}
		fields = append(fields, text)
	}
	s.field("run config", clean(strings.Join(fields, "; ")))
}

// aboutHead is what fits into the four lines of a small screen: where it is made, what it is worth and why, its neighbours.
func (m *Model) aboutHead(s *sheet, key graph.Key, a graph.Asset) {
	th := m.th
	if a.Source.File != "" {
		l := th.line(s.w)
		styled, n := m.placeText(a.Source.File, a.Source.Line, s.w)
		l.raw(styled, n)
		if a.Source.Symbol != "" {
			l.put("", "  ").put(th.Dim, clean(a.Source.Symbol))
		}
		s.lines = append(s.lines, l.end())
	} else if m.snap.Graph != nil && m.snap.Graph.IsExternal(key) {
		s.text(th.Dim, "no code location of this workspace defines it")
	}
	m.brokenHead(s, a.Location)
	state := m.snap.Assets[key]
	word := m.status(key).word
	if word == event.Failed {
		s.failure(m.lastError(key))
		word = m.snap.Freshness.Status(key).String()
	}
	l := th.line(s.w).put(th.style(word), m.glyphOf(word)+" "+word)
	if reasons := m.reasons(key); len(reasons) > 0 {
		l.put("", "  "+clean(reasons[0].Text))
		if len(reasons) > 1 && l.n+8 < s.w {
			l.put(th.Dim, fmt.Sprintf("  +%d", len(reasons)-1))
		}
	}
	s.lines = append(s.lines, l.end())
	if state != nil && state.Waiting != "" {
		s.text(th.Warn, "auto-run waits: "+clean(state.Waiting)+"; m starts it")
	}
	if g := m.snap.Graph; g != nil {
		if conflict := g.Conflict(key); conflict != "" {
			s.text(th.Bad, clean(conflict))
		}
		m.neighbours(s, "up", a.Location, g.Upstreams(key))
		m.neighbours(s, "down", a.Location, g.Downstreams(key))
	}
}

// lastError is what the asset's step failed of, in the run that is shown or the last one that is known.
func (m *Model) lastError(key graph.Key) string {
	state := m.snap.Assets[key]
	switch {
	case state == nil:
	case state.Step != nil && state.Step.Error != nil:
		return state.Step.Error.Message
	case state.Stored.Last != nil:
		return state.Stored.Last.Error
	}
	return ""
}

// failure says that the last run failed, and of what, in at most a few lines.
func (s *sheet) failure(text string) {
	lines := wrap(s.th.glyph(event.Failed)+" failed: "+cleanText(strings.TrimSpace(text)), s.w)
	if len(lines) > failureLines {
		lines = append(lines[:failureLines-1], s.th.G.Ellipsis)
	}
	for _, l := range lines {
		s.lines = append(s.lines, s.th.line(s.w).put(s.th.Bad, l).end())
	}
}

// failureLines bounds an error in the detail; the log has all of it.
const failureLines = 8

// brokenHead says what keeps the asset's location from loading.
func (m *Model) brokenHead(s *sheet, location string) {
	broken, th := m.brokenLocation(location), m.th
	if broken == nil {
		return
	}
	s.text(th.Bad, th.glyph("failed")+" "+clean(location)+" does not load: "+clean(firstLine(broken.Message)))
	if broken.File != "" {
		at, n := m.placeText(broken.File, broken.Line, s.w-2)
		hint := "  " + keyName(m.keys.first("edit")) + " opens it, " + keyName(m.keys.first("problems")) + " shows all of it"
		s.lines = append(s.lines, th.line(s.w).put("", "  ").raw(at, n).put(th.Dim, hint).end())
	}
}

func (m *Model) neighbours(s *sheet, name, location string, keys []graph.Key) {
	if len(keys) == 0 {
		return
	}
	l := m.th.line(s.w).put(m.th.Dim, name).to(6)
	elsewhere := func(k graph.Key) string {
		if at := m.asset(k).Location; at != location {
			return clean(at)
		}
		return ""
	}
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b graph.Key) int { // what is not seen in this repository comes first
		switch from, to := elsewhere(a) != "", elsewhere(b) != ""; {
		case from == to:
			return 0
		case from:
			return -1
		}
		return 1
	})
	for i, k := range keys {
		text, word, at := clean(k.String()), m.word(k), elsewhere(k)
		more := "+" + strconv.Itoa(len(keys)-i)
		need := cells(text) + 4
		if at != "" {
			need += cells(at) + 4
		}
		if l.n+need+cells(more) > s.w {
			l.put(m.th.Dim, more)
			break
		}
		l.put("", text+" ").put(m.th.style(word), m.glyphOf(word))
		if at != "" {
			l.put(m.th.Dim, " in "+at)
		}
		l.put("", "  ")
	}
	s.lines = append(s.lines, l.end())
}

func (m *Model) aboutData(s *sheet, state *assetState) {
	if r := state.Stored.Record; r != nil {
		s.blank()
		s.text(m.th.Bold, "Data")
		made := fmt.Sprintf("%s, %s in %s", r.At.Local().Format("2006-01-02 15:04:05"), ago(m.opts.Now().Sub(r.At)), shortDuration(r.Took.Milliseconds()))
		if r.Adopted {
			made += ", made elsewhere and adopted"
		}
		s.field("made", made)
		by := "run " + clean(r.Run)
		if r.By != "" {
			by += " by " + clean(r.By)
		}
		s.field("run", by)
		if r.Rows >= 0 && r.File != "" {
			s.field("size", grouped(r.Rows)+" rows, "+shortBytes(r.Bytes))
		} else if r.Bytes > 0 {
			s.field("size", shortBytes(r.Bytes))
		}
		s.field("data version", clean(r.DataVersion))
		s.field("file", clean(r.File))
		if r.Git != nil {
			git := clean(clip(r.Git.Commit, 10, ""))
			if r.Git.Branch != "" {
				git += " on " + clean(r.Git.Branch)
			}
			if r.Git.Dirty {
				git += ", with changes that were not committed"
			}
			s.field("git", git)
		}
		for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
			s.field(clip(clean(k), fieldWidth-1, m.th.G.Ellipsis), clean(r.Metadata[k]))
		}
	}
	if last := state.Stored.Last; last != nil && last.State != event.Succeeded {
		text := fmt.Sprintf("%s %s in run %s, %s", m.th.glyph(last.State), spoken(last.State), clean(last.Run), ago(m.opts.Now().Sub(last.At)))
		s.field("last run", text)
	}
	if state.ForecastMS >= 0 {
		s.field("forecast", shortDuration(state.ForecastMS))
	}
}

func (m *Model) aboutColumns(s *sheet, a graph.Asset, state *assetState) {
	columns := a.Columns
	if len(columns) == 0 && state != nil && state.Stored.Record != nil {
		columns = state.Stored.Record.Columns
	}
	if len(columns) == 0 {
		return
	}
	s.blank()
	s.text(m.th.Bold, plural(len(columns), "column"))
	n := 0
	for _, c := range columns {
		n = max(n, cells(clean(c.Name)))
	}
	n = min(n, s.w/2)
	for _, c := range columns {
		s.lines = append(s.lines, m.th.line(s.w).put("", "  ").col("", clean(c.Name), n, false).put(m.th.Dim, clean(c.Type)).end())
	}
}

// maxChains bounds what Why shows: an asset may be stale for thousands of reasons.
const maxChains = 50

// A whyPane holds the chains of one asset with what changed in its code, which a Cmd fetched.
type whyPane struct {
	key    graph.Key
	fresh  *graph.Freshness // that was asked about
	chains [][]graph.Reason
}

type whyMsg struct {
	key    graph.Key
	fresh  *graph.Freshness
	chains [][]graph.Reason
	err    error
}

func (m *Model) loadWhy(key graph.Key) tea.Cmd {
	p, fresh := &m.because, m.snap.Freshness
	if p.key == key && p.fresh == fresh {
		return nil
	}
	if p.key != key {
		p.chains = nil
	}
	p.key, p.fresh = key, fresh
	front, ctx := m.front, m.ctx
	return func() tea.Msg {
		_, chains, err := front.Why(ctx, key)
		return whyMsg{key, fresh, chains, err}
	}
}

func (m *Model) gotWhy(msg whyMsg) {
	if p := &m.because; p.key == msg.key && p.fresh == msg.fresh && msg.err == nil {
		p.chains = msg.chains
	}
}

// chains are the reasons as the snapshot has them, with the differences that were fetched.
func (m *Model) chains(key graph.Key) [][]graph.Reason {
	chains := m.snap.Freshness.Chains(key)
	if m.because.key != key {
		return chains
	}
	type place struct {
		asset        graph.Key
		symbol, text string
	}
	diffs := map[place][]string{}
	for _, chain := range m.because.chains {
		for _, r := range chain {
			if len(r.Diff) > 0 {
				diffs[place{r.Asset, r.Symbol, r.Text}] = r.Diff
			}
		}
	}
	out := make([][]graph.Reason, len(chains))
	for i, chain := range chains {
		out[i] = slices.Clone(chain)
		for j := range out[i] {
			if r := &out[i][j]; r.Diff == nil {
				r.Diff = diffs[place{r.Asset, r.Symbol, r.Text}]
			}
		}
	}
	return out
}

// whyLines shows every chain from the asset to what changed.
func (m *Model) whyLines(key graph.Key, w int) []string {
	th := m.th
	s := &sheet{th: th, w: w}
	m.brokenHead(s, m.asset(key).Location)
	word := m.snap.Freshness.Status(key).String()
	s.lines = append(s.lines, th.line(w).put(th.style(word), th.glyph(word)+" "+word).put("", "  ").put(th.Dim, whyWords(word)).end())
	if m.status(key).word == event.Failed {
		s.failure(m.lastError(key))
	}
	chains := m.chains(key)
	for i, chain := range chains {
		if i == maxChains {
			s.blank()
			s.text(th.Dim, fmt.Sprintf("and %d more", len(chains)-i))
			break
		}
		s.blank()
		for depth, r := range chain {
			m.reason(s, depth, r)
		}
	}
	return s.lines
}

func (m *Model) reason(s *sheet, depth int, r graph.Reason) {
	th := m.th
	indent := min(2*depth, s.w/3)
	lead := "because"
	if depth > 0 {
		lead = th.G.Arrow
	}
	text := clean(r.Text)
	for i, part := range wrap(text, max(10, s.w-indent-cells(lead)-1)) {
		l := th.line(s.w).put("", space(indent))
		if i == 0 {
			l.put(th.Dim, lead).put("", " "+part)
		} else {
			l.put("", space(cells(lead)+1)+part)
		}
		s.lines = append(s.lines, l.end())
	}
	if r.File != "" && !strings.Contains(r.Text, r.File+":"+strconv.Itoa(r.Line)) { // else it stands there already
		l := th.line(s.w).put("", space(indent+cells(lead)+1))
		styled, n := m.placeText(r.File, r.Line, s.w-l.n)
		l.raw(styled, n)
		if r.Symbol != "" {
			l.put("", "  ").put(th.Dim, clean(r.Symbol))
		}
		s.lines = append(s.lines, l.end())
	}
	for _, d := range outdent(r.Diff) {
		st := th.Dim
		if strings.HasPrefix(d, "-") {
			st = th.Bad
		} else if strings.HasPrefix(d, "+") {
			st = th.Good
		}
		at := indent + cells(lead) + 1
		for text := strings.TrimRight(cleanText(strings.ReplaceAll(d, "\n", " ")), " "); text != ""; {
			part := clip(text, max(8, s.w-at), "")
			if part == "" {
				break
			}
			s.lines = append(s.lines, th.line(s.w).put("", space(at)).put(st, part).end())
			text = strings.TrimPrefix(text, part)
		}
	}
}

// outdent takes the tabs away that all lines of a difference begin with, behind their sign.
func outdent(diff []string) []string {
	least := -1
	for _, d := range diff {
		if text := strings.TrimLeft(d, "+-"); strings.TrimSpace(text) != "" {
			if tabs := len(text) - len(strings.TrimLeft(text, "\t")); least < 0 || tabs < least {
				least = tabs
			}
		}
	}
	if least <= 0 {
		return diff
	}
	out := slices.Clone(diff)
	for i, d := range out {
		if len(d) > least && strings.TrimLeft(d[1:1+least], "\t") == "" {
			out[i] = d[:1] + d[1+least:]
		}
	}
	return out
}

func whyWords(word string) string {
	switch word {
	case "fresh":
		return "its code, its inputs and its data are what the record says"
	case "external":
		return "no code location of this workspace defines it; its readers take its data as it is"
	case "stale":
		return "materializing it may change its data"
	case "missing":
		return "it has no data"
	case "overdue":
		return "it is older than its freshness policy allows"
	}
	return "what its data is worth cannot be said"
}

func cleanList(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = clean(s)
	}
	return strings.Join(out, ", ")
}

func cleanMap(tags map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if tags[k] == "" {
			out = append(out, clean(k))
		} else {
			out = append(out, clean(k)+"="+clean(tags[k]))
		}
	}
	return strings.Join(out, ", ")
}
