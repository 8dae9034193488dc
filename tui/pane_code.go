package tui

// The source of the asset under the cursor, and its kept versions. Both are fetched by a Cmd when they are first looked at.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

type codePane struct {
	textPane
	key     graph.Key
	version string
	file    string
	lines   []string
	line    int
	err     string
	loaded  bool
	fresh   bool // the next frame scrolls to the line
}

type sourceMsg struct {
	key   graph.Key
	file  string
	lines []string
	line  int
	err   error
}

func (m *Model) loadCode(key graph.Key) tea.Cmd {
	p := &m.code
	version := m.asset(key).Code.Version
	if p.key == key && p.version == version {
		return nil
	}
	if p.key != key {
		*p = codePane{key: key}
	}
	p.version = version
	front := m.front
	return func() tea.Msg {
		file, lines, at, err := front.Source(key)
		return sourceMsg{key, file, lines, at, err}
	}
}

func (m *Model) gotSource(msg sourceMsg) {
	p := &m.code
	if p.key != msg.key {
		return
	}
	p.fresh = !p.loaded
	p.file, p.lines, p.line, p.err, p.loaded = msg.file, msg.lines, msg.line, "", true
	if msg.err != nil {
		p.err = clean(msg.err.Error())
	}
}

func (m *Model) codeLines(w, h int) []string {
	p := &m.code
	th := m.th
	if !p.loaded || p.err != "" {
		text := p.err
		if !p.loaded {
			text = "reading" + th.G.Ellipsis
		}
		s := &sheet{th: th, w: w}
		s.blank()
		s.text(th.Dim, text)
		return trim(s.lines, w, h)
	}
	p.total, p.height = len(p.lines), h
	if p.fresh {
		p.fresh, p.top = false, max(0, p.line-1-h/6)
	}
	p.scroll(0)
	numbers := len(strconv.Itoa(len(p.lines)))
	lines := make([]string, 0, h)
	for i := p.top; i < len(p.lines) && len(lines) < h; i++ {
		l := th.line(w)
		number := strconv.Itoa(i + 1)
		number = space(numbers-len(number)) + number
		if i+1 == p.line {
			l.put(th.Key, number).put("", " ").put(th.Key, th.G.Cursor).put("", " ")
		} else {
			l.put(th.Dim, number).put("", "   ")
		}
		text := p.lines[i]
		if len(text) > 4096 {
			text = strings.ToValidUTF8(text[:4096], "")
		}
		text = cleanText(text)
		if p.x > 0 {
			text = clipLeft(text, max(0, cells(text)-p.x), "")
		}
		l.put("", text)
		lines = append(lines, l.end())
	}
	return trim(lines, w, h)
}

func (m *Model) codeFoot() string {
	if !m.code.loaded || m.code.err != "" {
		return ""
	}
	foot := clean(m.code.file)
	if m.code.line > 0 {
		foot += ":" + strconv.Itoa(m.code.line)
	}
	return foot
}

type historyPane struct {
	key      graph.Key
	version  string
	versions []graph.Record
	runs     []engine.RunSummary
	err      string
	loaded   bool
	cursor   int
	top      int
	height   int
}

type historyMsg struct {
	key      graph.Key
	versions []graph.Record
	runs     []engine.RunSummary
	err      error
}

// shownRuns is how many runs of the workspace History lists below the versions of the asset.
const shownRuns = 50

func (m *Model) loadHistory(key graph.Key) tea.Cmd {
	p := &m.past
	version := m.dataVersion(key)
	if r := m.snap.Run; r != nil {
		version += r.ID + r.State
	}
	if p.key == key && p.version == version {
		return nil
	}
	if p.key != key {
		*p = historyPane{key: key}
	}
	p.version = version
	front, ctx, part := m.front, m.ctx, m.partOf(key)
	return func() tea.Msg {
		versions, err := front.Versions(ctx, part)
		runs, runsErr := front.Runs(ctx, shownRuns)
		if err == nil {
			err = runsErr
		}
		return historyMsg{key, versions, runs, err}
	}
}

func (m *Model) gotHistory(msg historyMsg) {
	p := &m.past
	if p.key != msg.key {
		return
	}
	p.versions, p.runs, p.err, p.loaded = msg.versions, msg.runs, "", true
	if msg.err != nil {
		p.err = clean(msg.err.Error())
	}
}

// versionName is how a kept version is named in commands.
func versionName(r graph.Record) string { return r.Run + "-" + strconv.Itoa(r.Attempt) }

func (m *Model) historyLines(w, h int, focused bool) []string {
	p, th := &m.past, m.th
	p.height = h
	s := &sheet{th: th, w: w}
	p.cursor = max(0, min(p.cursor, len(p.versions)-1))
	switch {
	case !p.loaded:
		s.blank()
		s.text(th.Dim, "reading"+th.G.Ellipsis)
		return trim(s.lines, w, h)
	case p.err != "":
		s.text(th.Bad, p.err)
	case len(p.versions) == 0:
		s.text(th.Dim, "no kept versions")
	}
	newest := m.dataVersion(p.key)
	named := min(28, max(8, w/4))
	if len(p.versions) > 0 {
		l := th.line(w).put("", "  ").col(th.Dim, "made", 19, false).col(th.Dim, "age", 4, true).col(th.Dim, "rows", 6, true).col(th.Dim, "took", 6, true).col(th.Dim, "version", named, false)
		if slices.ContainsFunc(p.versions, func(r graph.Record) bool { return r.Git != nil }) {
			l.put(th.Dim, "git       ")
		}
		s.lines = append(s.lines, l.put(th.Dim, "data version").end())
	}
	for i, r := range p.versions {
		l := th.line(w)
		if focused && i == p.cursor {
			l.over = th.Select
		}
		sign := " "
		if dataVersionOf(&r) == newest {
			sign = th.glyph("fresh")
		}
		rows := m.dash()
		if r.Rows >= 0 && r.File != "" {
			rows = shortCount(r.Rows)
		}
		l.put(th.Good, sign).put("", " ").col("", r.At.Local().Format("2006-01-02 15:04:05"), 19, false).
			col(th.Dim, shortAge(m.opts.Now().Sub(r.At)), 4, true).col("", rows, 6, true).col(th.Dim, shortDuration(r.Took.Milliseconds()), 6, true).
			col("", clean(versionName(r)), named, false)
		if r.Git != nil {
			git := clean(clip(r.Git.Commit, 8, ""))
			if r.Git.Dirty {
				git += "+"
			}
			l.put(th.Dim, git+"  ")
		}
		l.put(th.Dim, clean(r.DataVersion))
		s.lines = append(s.lines, l.end())
	}
	if len(p.runs) > 0 {
		s.blank()
		s.text(th.Bold, "Runs of the workspace")
		for _, r := range p.runs {
			l := th.line(w).put(th.style(r.State), th.glyph(r.State)).put("", " ").col("", r.At.Local().Format("2006-01-02 15:04:05"), 19, false).
				col(th.Dim, shortAge(m.opts.Now().Sub(r.At)), 4, true).col(th.style(r.State), spoken(r.State), 11, false).col(th.Dim, shortDuration(r.MS), 6, true).
				col(th.Dim, clean(r.By), 4, false).put("", clean(r.Selection)+"  ")
			for _, state := range []string{event.Succeeded, event.Unchanged, event.CutOff, event.Failed, event.Skipped, event.Cancelled} {
				if n := r.Counts[state]; n > 0 {
					l.put(th.Dim, fmt.Sprintf("%s%d ", th.glyph(state), n))
				}
			}
			s.lines = append(s.lines, l.end())
		}
	}
	if at := p.cursor + 1; focused && at <= p.top { // the first line says what the columns are
		p.top = p.cursor
	} else if focused && p.cursor < len(p.versions) && at >= p.top+h {
		p.top = at - h + 1
	}
	p.top = max(0, min(p.top, len(s.lines)-h))
	return trim(s.lines[p.top:], w, h)
}

func (m *Model) historyFoot() string {
	if !m.past.loaded || len(m.past.versions) == 0 {
		return ""
	}
	return plural(len(m.past.versions), "kept version") + "   enter makes one the newest again"
}
