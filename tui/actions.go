package tui

// The one table of what keys do. Footer, help, palette, messages and personal keys all come from it.

import (
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph/layout"
	"github.com/assetdev/assetdev/internal/diag"
)

// An Action is something that the user can do.
type Action struct {
	ID    string
	Keys  []string // of Bubble Tea, with "space" for " "
	Title string   // in help and palette: "materialize the asset and its stale upstreams"
	Short string   // in the footer, "" never stands there
	Where string   // "" everywhere, else only when the focus is on: list, preview, logs, code, history, run
	Rank  int      // place in the footer, lowest first
	// Enabled says why the action does nothing now, "" when it works. nil is always.
	Enabled func(m *Model) string
	Run     func(m *Model) tea.Cmd
	// Sends names the engine's commands that the action leads to; a test compares them with the engine's list.
	Sends []engine.Command
	// Label replaces Short where it depends on the state.
	Label func(m *Model) string
}

func (a *Action) hint(m *Model) string {
	if a.Label != nil {
		return a.Label(m)
	}
	return a.Short
}

func (a *Action) reason(m *Model) string {
	if a.Enabled == nil {
		return ""
	}
	return a.Enabled(m)
}

// where is the name of the part of the screen that has the focus.
func (m *Model) where() string {
	switch m.focus {
	case PaneRun:
		return "run"
	case PaneDetail:
		return strings.ToLower(tabNames[m.tab])
	case PaneAssets, paneCount:
	}
	return "list"
}

// Actions is the table, in the order of the help. It never changes once the program runs.
var Actions []*Action

func init() { Actions = actionTable() } // not in the declaration: what actions do looks things up in the table

func actionTable() []*Action {
	return slices.Concat(workActions(), lookActions(), graphActions(), moveActions(), screenActions())
}

func workActions() []*Action {
	return []*Action{
		{
			ID: "materialize", Keys: []string{"m"}, Title: "materialize it, or what is marked, with stale upstreams", Short: "materialize", Rank: 10,
			Enabled: func(m *Model) string {
				if reason := trusted(m); reason != "" {
					return reason
				}
				return needsAsset(m)
			},
			Run:   func(m *Model) tea.Cmd { return m.materialize(engine.Materialize{}) },
			Sends: []engine.Command{engine.Materialize{}, engine.Confirm{}, engine.Dismiss{}},
			Label: func(m *Model) string {
				if n := len(m.marks); n > 0 {
					return fmt.Sprintf("materialize %d marked", n)
				}
				return "materialize"
			},
		},
		{
			ID: "materialize-menu", Keys: []string{"M"}, Title: "menu: only this, + downstream, all stale, force, adopt", Short: "...", Rank: 45,
			Enabled: needsAsset, Run: func(m *Model) tea.Cmd { m.overlay = newMenu(m); return nil },
			Sends: []engine.Command{engine.Materialize{}, engine.Adopt{}},
		},
		{
			ID: "cancel", Keys: []string{"x"}, Title: "cancel the run, or one step of it", Short: "cancel", Rank: 5,
			Enabled: needsRun, Run: (*Model).cancelRun, Sends: []engine.Command{engine.Cancel{}},
		},
		{
			ID: "retry", Keys: []string{"r"}, Title: "run failed steps and what they held up again", Short: "retry", Rank: 6,
			Enabled: func(m *Model) string {
				if reason := trusted(m); reason != "" {
					return reason
				}
				r := m.snap.Run
				switch {
				case r == nil:
					return "nothing has run yet"
				case r.Active():
					return "the run is still active"
				case r.State == "succeeded":
					return "the last run succeeded"
				}
				return ""
			},
			Run: func(m *Model) tea.Cmd { return m.do(engine.Retry{}) }, Sends: []engine.Command{engine.Retry{}},
		},
		{
			ID: "reload", Keys: []string{"R"}, Title: "load all code locations anew", Rank: 60,
			Enabled: trusted, Run: func(m *Model) tea.Cmd { return m.do(engine.Reload{}) }, Sends: []engine.Command{engine.Reload{}},
		},
		{
			ID: "auto", Keys: []string{"a"}, Title: "auto-run: off, this with its upstreams, all", Rank: 61,
			Enabled: trusted, Run: (*Model).cycleAuto, Sends: []engine.Command{engine.SetAutoRun{}},
		},
		{
			ID: "mark", Keys: []string{"space"}, Title: "mark it; m then acts on what is marked", Where: "list", Rank: 62,
			Enabled: needsCursor, Run: (*Model).mark,
		},
		{
			ID: "mark-range", Keys: []string{"V"}, Title: "mark all from the last mark to here", Where: "list", Rank: 63,
			Enabled: needsCursor, Run: (*Model).markRange,
		},
		{
			ID: "trust", Keys: []string{"t"}, Title: "trust: let assetdev execute this code", Short: "trust", Rank: 1,
			Enabled: func(m *Model) string {
				if !m.needsTrust() {
					return "this workspace is trusted"
				}
				return ""
			},
			Run: func(m *Model) tea.Cmd { m.overlay = &trustOverlay{}; return nil }, Sends: []engine.Command{engine.Trust{}},
		},
		{
			ID: "rollback", Keys: []string{"enter"}, Title: "make this kept version the newest data", Short: "roll back", Where: "history", Rank: 8,
			Enabled: func(m *Model) string {
				if len(m.past.versions) == 0 {
					return "there are no kept versions"
				}
				if r := m.past.versions[min(m.past.cursor, len(m.past.versions)-1)]; dataVersionOf(&r) == m.dataVersion(m.past.key) {
					return "this version is the newest data already"
				}
				return trusted(m)
			},
			Run: (*Model).rollback, Sends: []engine.Command{engine.Rollback{}},
		},
	}
}

func lookActions() []*Action {
	open := func(t tab) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd { return m.openTab(t) }
	}
	return []*Action{
		{ID: "preview", Keys: []string{"p"}, Title: "preview its rows", Short: "preview", Rank: 20, Enabled: needsAsset, Run: open(tabPreview)},
		{ID: "why", Keys: []string{"w"}, Title: "why it is not fresh, down to what changed", Short: "why", Rank: 21, Enabled: needsAsset, Run: open(tabWhy)},
		{ID: "logs", Keys: []string{"L"}, Title: "logs of its last step", Short: "logs", Rank: 22, Enabled: needsAsset, Run: open(tabLogs)},
		{ID: "about", Keys: []string{"d"}, Title: "about the asset", Rank: 64, Enabled: needsAsset, Run: open(tabAbout)},
		{ID: "code", Keys: []string{"c"}, Title: "show its code", Rank: 65, Enabled: needsAsset, Run: open(tabCode)},
		{ID: "history", Keys: []string{"H"}, Title: "history: its kept versions, and the workspace's runs", Rank: 66, Enabled: needsAsset, Run: open(tabHistory)},
		{
			ID: "edit", Keys: []string{"e"}, Title: "open its code in the editor, at the line", Short: "edit", Rank: 23,
			Enabled: func(m *Model) string {
				key, ok := m.list.key()
				if !ok {
					return "there is no asset"
				}
				if a := m.asset(key); a.Source.File == "" && m.brokenLocation(a.Location) == nil {
					return "it is not known where the asset is defined"
				}
				return ""
			},
			Run: (*Model).edit,
		},
		{
			ID: "debug", Keys: []string{"D"}, Title: "run its step here, with the terminal: breakpoint() works", Rank: 67,
			Enabled: canDebug, Run: (*Model).debug, Sends: []engine.Command{engine.Materialize{}},
		},
		{ID: "open-data", Keys: []string{"o"}, Title: "open the folder with its data", Rank: 69, Enabled: func(m *Model) string {
			if reason := needsCursor(m); reason != "" {
				return reason
			}
			if m.snap.Workspace.Base == "" {
				return "the storage is no folder"
			}
			return ""
		}, Run: (*Model).openData},
		{ID: "copy", Keys: []string{"y"}, Title: "copy the cell, or what is selected with tabs between", Rank: 30, Short: "copy", Where: "preview", Enabled: hasRows, Run: (*Model).copy},
		{ID: "copy-key", Keys: []string{"y"}, Title: "copy the asset key", Where: "list", Rank: 67, Enabled: needsCursor, Run: (*Model).copy},
		{ID: "copy-path", Title: "copy the name of the file with its newest data", Run: func(m *Model) tea.Cmd {
			key, _ := m.list.key()
			return m.copied(clean(m.dataPath(key)), m.dataPath(key) != "")
		}},
		{ID: "copy-text", Keys: []string{"y"}, Title: "copy the line or place", Where: "text", Rank: 68, Enabled: needsCursor, Run: (*Model).copy},
		{ID: "copy-row", Keys: []string{"Y"}, Title: "copy the row, its cells joined by tabs", Where: "preview", Enabled: hasRows, Run: (*Model).copyRow},
		{ID: "copy-name", Keys: []string{"C"}, Title: "copy the name of the column", Where: "preview", Enabled: hasRows, Run: (*Model).copyName},
		{ID: "copy-json", Keys: []string{"J"}, Title: "copy the row, or what is selected, as JSON", Where: "preview", Enabled: hasRows, Run: (*Model).copyJSON},
		{ID: "cell", Keys: []string{"enter"}, Title: "open the cell in full", Short: "open", Where: "preview", Rank: 29, Run: (*Model).openCell, Enabled: func(m *Model) string {
			if key, _ := m.list.key(); m.hidden(key) { // then it shows them
				return ""
			}
			return hasRows(m)
		}},
		{ID: "select", Keys: []string{"space"}, Title: "select cells from here to where the cursor goes", Where: "preview", Enabled: hasRows, Run: func(m *Model) tea.Cmd { m.rows.grid.Select(false); return nil }},
		{ID: "select-rows", Keys: []string{"V"}, Title: "select whole rows from here to where the cursor goes", Where: "preview", Enabled: hasRows, Run: func(m *Model) tea.Cmd { m.rows.grid.Select(true); return nil }},
		{ID: "stats", Keys: []string{"s"}, Title: "statistics of the column: nulls, distinct values, least and greatest", Short: "stats", Where: "preview", Enabled: hasRows, Rank: 31, Run: (*Model).openStats},
		{ID: "sort", Keys: []string{"O"}, Title: "sort by the column: up, down, as the table has it", Short: "sort", Where: "preview", Rank: 32, Enabled: sortable, Run: (*Model).sortColumn},
		{ID: "first-column", Keys: []string{"0", "^"}, Title: "to the first column", Where: "preview", Enabled: hasRows, Run: func(m *Model) tea.Cmd { m.rows.grid.Move(0, -1<<30); return nil }},
		{ID: "last-column", Keys: []string{"$"}, Title: "to the last column", Where: "preview", Enabled: hasRows, Run: func(m *Model) tea.Cmd { m.rows.grid.Move(0, 1<<30); return nil }},
		{ID: "goto-row", Keys: []string{"ctrl+g"}, Title: "go to a row by its number", Where: "preview", Enabled: hasRows, Short: "go to row", Rank: 34, Run: (*Model).gotoRow},
		{ID: "wrap", Keys: []string{"W"}, Title: "wrap long lines, or let them leave the screen", Where: "logs", Short: "wrap", Rank: 36, Run: func(m *Model) tea.Cmd {
			m.logs.view.SetWrap(!m.logs.view.Wrapping())
			return m.say(calm, map[bool]string{true: "long lines wrap", false: "long lines leave the screen"}[m.logs.view.Wrapping()])
		}},
		{ID: "merge-logs", Keys: []string{"A"}, Title: "the logs of all steps of the run together, or of this one", Where: "logs", Short: "all steps", Rank: 35, Enabled: mergeable, Run: (*Model).toggleMerged},
		{ID: "last-error", Keys: []string{"E"}, Title: "to the last line that tells of an error, then to those before it", Where: "logs", Short: "error", Rank: 34, Run: func(m *Model) tea.Cmd { return m.nextError(-1) }},
		{ID: "follow", Keys: []string{"F"}, Title: "follow the end of the log, or stand still", Where: "logs", Short: "follow", Rank: 33, Run: func(m *Model) tea.Cmd {
			m.logs.view.SetFollow(!m.logs.view.Following())
			return m.say(calm, map[bool]string{true: "follows the end of the log", false: "stands still"}[m.logs.view.Following()])
		}},
	}
}

// graphActions are about what of the graph is shown, and how.
func graphActions() []*Action {
	beyond := func(d layout.Direction) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd { return m.beyond(d) }
	}
	return []*Action{
		{ID: "lanes", Keys: []string{"v"}, Title: "the graph as lanes, or as a list", Short: "lanes", Rank: 24, Run: (*Model).toggleLanes, Label: func(m *Model) string {
			if m.lanesView.on {
				return "list"
			}
			return "lanes"
		}},
		{ID: "focus", Keys: []string{"f"}, Title: "only the asset and its neighbours, or the path between two marked assets; again: all", Short: "focus", Rank: 25, Where: "list", Enabled: needsCursor, Run: (*Model).focusAround},
		{ID: "fewer-levels", Keys: []string{"{"}, Title: "one level less around the focused asset", Where: "list", Enabled: narrowedNow, Run: func(m *Model) tea.Cmd { return m.widen(-1) }},
		{ID: "more-levels", Keys: []string{"}"}, Title: "one level more around the focused asset", Where: "list", Short: "more levels", Rank: 26, Enabled: narrowedNow, Run: func(m *Model) tea.Cmd { return m.widen(1) }},
		{ID: "impact", Keys: []string{"i"}, Title: "light and count all that a change of the asset reaches", Short: "impact", Rank: 27, Where: "list", Enabled: needsCursor, Run: func(m *Model) tea.Cmd { m.impact = !m.impact; return nil }},
		{ID: "fit", Keys: []string{"z"}, Title: "the lanes as coarse as fits the screen, or as fine as before", Where: "list", Enabled: lanesShown, Run: (*Model).fitLanes},
		{ID: "tidy", Keys: []string{"T"}, Title: "draw the lanes anew, as if nothing had been drawn before", Where: "list", Enabled: lanesShown, Run: (*Model).tidy},
		{ID: "close-group", Keys: []string{"backspace"}, Title: "collapse the group again", Where: "list", Enabled: lanesShown, Run: (*Model).closeCluster},
		{ID: "beyond-left", Keys: []string{"shift+left", "ctrl+left"}, Title: "to the nearest asset beyond the left edge", Where: "list", Enabled: lanesShown, Run: beyond(layout.Left)},
		{ID: "beyond-right", Keys: []string{"shift+right", "ctrl+right"}, Title: "to the nearest asset beyond the right edge", Where: "list", Enabled: lanesShown, Run: beyond(layout.Right)},
		{ID: "beyond-up", Keys: []string{"shift+up", "ctrl+up"}, Title: "to the nearest asset above the upper edge", Where: "list", Enabled: lanesShown, Run: beyond(layout.Up)},
		{ID: "beyond-down", Keys: []string{"shift+down", "ctrl+down"}, Title: "to the nearest asset below the lower edge", Where: "list", Enabled: lanesShown, Run: beyond(layout.Down)},
	}
}

func moveActions() []*Action {
	move := func(lines, columns int) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd { return m.move(lines, columns) }
	}
	pages := func(n, of int) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd { return m.move(n*max(1, m.pageSize()/of), 0) }
	}
	return []*Action{
		{ID: "down", Keys: []string{"j", "down"}, Title: "down", Run: move(1, 0)},
		{ID: "up", Keys: []string{"k", "up"}, Title: "up", Run: move(-1, 0)},
		{ID: "left", Keys: []string{"h", "left"}, Title: "left; in the list: to the first upstream", Run: move(0, -1)},
		{ID: "right", Keys: []string{"l", "right"}, Title: "right; in the list: to the first downstream", Run: move(0, 1)},
		{ID: "half-down", Keys: []string{"ctrl+d"}, Title: "half a page down", Run: pages(1, 2)},
		{ID: "half-up", Keys: []string{"ctrl+u"}, Title: "half a page up", Run: pages(-1, 2)},
		{ID: "page-down", Keys: []string{"pgdown", "ctrl+f"}, Title: "a page down", Run: pages(1, 1)},
		{ID: "page-up", Keys: []string{"pgup", "ctrl+b"}, Title: "a page up", Run: pages(-1, 1)},
		{ID: "top", Keys: []string{"g", "home"}, Title: "to the beginning", Run: func(m *Model) tea.Cmd { return m.jump(false) }},
		{ID: "bottom", Keys: []string{"G", "end"}, Title: "to the end; in a log: follow it", Run: func(m *Model) tea.Cmd { return m.jump(true) }},
		{ID: "next-match", Keys: []string{"n"}, Title: "next match, error of a log, or asset that needs attention", Run: func(m *Model) tea.Cmd { return m.next(1) }},
		{ID: "previous-match", Keys: []string{"N"}, Title: "previous match, error of a log, or asset that needs attention", Run: func(m *Model) tea.Cmd { return m.next(-1) }},
		{
			ID: "return", Keys: []string{"ctrl+o"}, Title: "back to the asset before the last jump", Run: (*Model).comeBack,
			Enabled: func(m *Model) string {
				if len(m.visited) == 0 {
					return "there was no jump yet"
				}
				return ""
			},
		},
	}
}

func screenActions() []*Action {
	return []*Action{
		{ID: "open", Keys: []string{"enter"}, Title: "look closer: the detail, then the whole screen", Run: (*Model).open},
		{ID: "back", Keys: []string{"esc"}, Title: "back: out of zoom, to the list, clear marks and filter", Run: (*Model).back},
		{ID: "next-tab", Keys: []string{"]"}, Title: "next tab of the detail", Run: func(m *Model) tea.Cmd { return m.turn(1) }},
		{ID: "previous-tab", Keys: []string{"["}, Title: "previous tab of the detail", Run: func(m *Model) tea.Cmd { return m.turn(-1) }},
		{ID: "filter", Keys: []string{"/"}, Title: "filter by text or selection; search a log or code", Short: "filter", Rank: 40, Run: (*Model).ask4text, Label: func(m *Model) string {
			if m.where() == "logs" || m.where() == "code" {
				return "search"
			}
			return "filter"
		}},
		{ID: "palette", Keys: []string{":"}, Title: "all actions, assets and command lines", Short: "command", Rank: 41, Run: func(m *Model) tea.Cmd { m.overlay = newPalette(m); return nil }},
		{ID: "problems", Keys: []string{"!"}, Title: "code locations, and what is wrong with them", Rank: 4, Run: func(m *Model) tea.Cmd { m.overlay = &problems{}; return nil }, Label: func(m *Model) string {
			if m.problemCount() == 0 {
				return ""
			}
			return plural(m.problemCount(), "problem")
		}},
		{ID: "next-pane", Keys: []string{"tab"}, Title: "next pane", Short: "pane", Rank: 43, Run: func(m *Model) tea.Cmd { return m.turnPane(1) }},
		{ID: "previous-pane", Keys: []string{"shift+tab"}, Title: "previous pane", Run: func(m *Model) tea.Cmd { return m.turnPane(-1) }},
		{ID: "pane-1", Keys: []string{"1"}, Title: "to the assets", Run: func(m *Model) tea.Cmd { return m.focusOn(PaneAssets) }},
		{ID: "pane-2", Keys: []string{"2"}, Title: "to the detail", Run: func(m *Model) tea.Cmd { return m.focusOn(PaneDetail) }},
		{ID: "pane-3", Keys: []string{"3"}, Title: "to the run", Enabled: func(m *Model) string {
			if m.shownRun() == nil {
				return "there is no run"
			}
			return ""
		}, Run: func(m *Model) tea.Cmd { return m.focusOn(PaneRun) }},
		{ID: "zoom", Keys: []string{"+", "="}, Title: "the pane alone on the screen, no side borders", Short: "zoom", Rank: 44, Enabled: func(m *Model) string {
			if m.zoom {
				return "the pane is alone already"
			}
			return ""
		}, Run: func(m *Model) tea.Cmd { m.zoom = true; return nil }},
		{ID: "unzoom", Keys: []string{"_"}, Title: "all panes again", Short: "restore", Rank: 3, Enabled: func(m *Model) string {
			if !m.zoom {
				return "no pane is alone"
			}
			return ""
		}, Run: func(m *Model) tea.Cmd { m.zoom = false; return nil }},
		{ID: "grow", Keys: []string{">"}, Title: "more room for the pane", Run: func(m *Model) tea.Cmd { return m.grow(1) }, Enabled: oneOfSeveral},
		{ID: "shrink", Keys: []string{"<"}, Title: "less room for the pane", Run: func(m *Model) tea.Cmd { return m.grow(-1) }, Enabled: oneOfSeveral},
		{ID: "last-view", Keys: []string{"-"}, Title: "the view before this one, and back again", Run: (*Model).lastLook, Enabled: func(m *Model) string {
			if m.last == (look{}) {
				return "there was no other view yet"
			}
			return ""
		}},
		{ID: "help", Keys: []string{"?"}, Title: "what the keys do now", Short: "help", Rank: 42, Run: func(m *Model) tea.Cmd { m.overlay = newHelp(m); return nil }},
		{ID: "mouse", Keys: []string{"ctrl+t"}, Title: "mouse on or off; off: the terminal selects text", Run: (*Model).toggleMouse},
		{ID: "redraw", Keys: []string{"ctrl+l"}, Title: "draw the screen anew", Run: (*Model).redraw},
		{ID: "suspend", Keys: []string{"ctrl+z"}, Title: "suspend; fg comes back", Run: (*Model).suspend},
		{ID: "theme-light", Title: "colours for a light terminal", Run: func(m *Model) tea.Cmd { m.setTheme("light"); return nil }},
		{ID: "theme-dark", Title: "colours for a dark terminal", Run: func(m *Model) tea.Cmd { m.setTheme("dark"); return nil }},
		{ID: "theme-terminal", Title: "the sixteen colours of the terminal", Run: func(m *Model) tea.Cmd { m.setTheme("terminal"); return nil }},
		{ID: "theme-mono", Title: "no colours", Run: func(m *Model) tea.Cmd { m.setTheme("mono"); return nil }},
		{ID: "theme-auto", Title: "colours by what the terminal says", Run: func(m *Model) tea.Cmd { m.setTheme("auto"); return nil }},
		{ID: "quit", Keys: []string{"q"}, Title: "close what is open, else quit", Short: "quit", Rank: 50, Run: (*Model).quit},
	}
}

func oneOfSeveral(m *Model) string {
	n := 0
	for _, r := range m.rects.Panes {
		if !r.empty() {
			n++
		}
	}
	if n < 2 {
		return "the pane is alone"
	}
	return ""
}

// hasRows says why what is for the rows of the preview does nothing.
func hasRows(m *Model) string {
	key, ok := m.list.key()
	if !ok {
		return "there is no asset"
	}
	if reason := m.noRows(key); reason != "" {
		return reason
	}
	if p, ok := m.rows.grid.Page(); !ok || len(p.Columns) == 0 {
		return "there are no rows yet"
	}
	return ""
}

// sortable says why the rows cannot be sorted by the column under the cursor.
func sortable(m *Model) string {
	if reason := hasRows(m); reason != "" {
		return reason
	}
	p, _ := m.rows.grid.Page()
	_, at := m.rows.grid.Cursor()
	c := p.Columns[at]
	for _, nested := range []string{"struct<", "list<", "large_list<", "fixed_size_list<", "map<"} {
		if strings.HasPrefix(c.Type, nested) {
			return "a " + strings.ReplaceAll(nested[:len(nested)-1], "_", " ") + " has no order"
		}
	}
	return ""
}

func needsAsset(m *Model) string {
	if _, ok := m.list.key(); !ok && len(m.marks) == 0 {
		return "there is no asset"
	}
	return ""
}

// needsCursor is for what acts on the asset under the cursor, whatever is marked.
func needsCursor(m *Model) string {
	if _, ok := m.list.key(); !ok {
		return "there is no asset"
	}
	return ""
}

func trusted(m *Model) string {
	if m.needsTrust() {
		return "this workspace is not trusted yet; t asks again"
	}
	return ""
}

func needsRun(m *Model) string {
	if !m.snap.Run.Active() {
		return "nothing runs"
	}
	return ""
}

// keymap is what each key does.
type keymap struct {
	keys map[string][]string // action ID to keys
	by   map[string][]*Action
}

// newKeymap applies personal keys to the table. Unknown IDs, and keys that two actions would share, are usage errors.
func newKeymap(personal map[string]string) (keymap, error) {
	k := keymap{keys: map[string][]string{}, by: map[string][]*Action{}}
	ids := make([]string, 0, len(Actions))
	for _, a := range Actions {
		ids = append(ids, a.ID)
		k.keys[a.ID] = a.Keys
	}
	for id, text := range personal {
		if !slices.Contains(ids, id) {
			e := diag.New("usage", "keys: %q is no action", id)
			if near := diag.Nearest(id, ids); near != "" {
				e = e.WithHint("did you mean %s?", near)
			}
			return k, e
		}
		k.keys[id] = strings.Fields(text)
	}
	for _, a := range Actions {
		for _, key := range k.keys[a.ID] {
			if key == "ctrl+c" {
				return k, diag.New("usage", "keys: ctrl+c always quits and cannot be given to %s", a.ID)
			}
			for _, other := range k.by[key] {
				_, mine := personal[a.ID]
				_, theirs := personal[other.ID]
				if other.Where == a.Where || (mine || theirs) && (other.Where == "" || a.Where == "") {
					return k, diag.New("usage", "keys: %q is given to both %s and %s", key, other.ID, a.ID)
				}
			}
			k.by[key] = append(k.by[key], a)
		}
	}
	return k, nil
}

func (k keymap) first(id string) string {
	if keys := k.keys[id]; len(keys) > 0 {
		return keys[0]
	}
	return ""
}

// action returns what a key does where the focus is: what is meant for there, else what works everywhere.
func (m *Model) action(key string) *Action {
	where := m.where()
	text := where == "about" || where == "why" || where == "logs" || where == "code" || where == "history" || where == "run"
	var found *Action
	for _, a := range m.keys.by[key] {
		switch {
		case a.Where == where:
			return a
		case a.Where == "text" && text:
			found = a
		case a.Where == "" && found == nil:
			found = a
		}
	}
	return found
}

// hints are the actions of the footer: what works now, most useful first.
func (m *Model) hints() []*Action {
	var out []*Action
	for _, a := range Actions {
		if a.hint(m) == "" || a.Rank == 0 || a.Where != "" && a.Where != m.where() || m.keys.first(a.ID) == "" || a.reason(m) != "" {
			continue
		}
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b *Action) int { return a.place() - b.place() })
	return out
}

// place is where an action stands in the footer: what is for the part that has the focus comes before what works everywhere.
func (a *Action) place() int {
	if a.Where != "" && a.Where != "list" && a.Rank > 10 {
		return a.Rank - 20
	}
	return a.Rank
}

func actionByID(id string) *Action {
	for _, a := range Actions {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// keyName writes a key as the footer does.
func keyName(key string) string {
	switch key {
	case "pgdown":
		return "PgDn"
	case "pgup":
		return "PgUp"
	case "shift+tab":
		return "S-tab"
	}
	return key
}
