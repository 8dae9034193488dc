// Package tui is the terminal UI: it draws what an [engine.Front] reports and turns keys into its commands. It decides nothing.
//
// The nouns: a [Model] is the one Bubble Tea model; a [Pane] is a part of the screen with a struct of its own; an [Action] is
// something a key does, and the one table of them feeds keys, footer, help and palette; an overlay is a box over the panes that
// takes all keys while it is open.
//
// Invariants:
//
//	(a) A frame has exactly as many lines as the screen, each of exactly its width, at any size.
//	(b) Text from outside (keys, files, logs, data, errors) passes internal/printable before it is drawn.
//	(c) No row moves because a status changed; the cursor stays on its asset.
//	(d) Nothing ticks while nothing runs, but one look at the ages every ten seconds.
//	(e) Panes draw; only Update changes the model, and only Cmds wait, read or write.
//
// Deliberately absent: Lip Gloss styles around panes (too slow), bubbles, and any engine but behind [engine.Front].
// No compatibility promise.
package tui

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/tui/term"
)

// Options are what the front door knows and the engine does not.
type Options struct {
	In, Out   *os.File          // the terminal
	ASCII     bool              // --ascii; also set when the environment cannot show the glyphs
	NoColor   bool              // --no-color; also set by NO_COLOR
	Theme     string            // auto, light, dark or mono; "" is auto
	Mouse     bool              // take mouse events from the start; ctrl+t switches
	Keys      map[string]string // personal keys: action ID to keys, several with spaces between them
	Editor    string            // personal setting; "" is $VISUAL, $EDITOR, vi
	Select    string            // personal setting: selection, or name of one, that a session begins with
	Bell      time.Duration     // how long a run takes at least whose end rings while another window has the focus; negative: never
	Version   string            // of assetdev, for help and crash files
	StatePath string            // file that keeps cursor, filter, tab and theme; "" keeps nothing

	// Now and Tick replace the clock in tests. Tick returns a Cmd that delivers msg after d.
	Now  func() time.Time
	Tick func(d time.Duration, msg tea.Msg) tea.Cmd
	// Getenv replaces os.Getenv in tests.
	Getenv func(string) string
}

// A Summary is what a session leaves behind: a few lines for standard output, which outlive the alternate screen.
type Summary struct {
	Lines       []string
	Failed      bool // the last try of some step failed
	Interrupted bool // a signal ended the session
}

// Run shows the terminal UI until the user quits, ctx ends or a signal comes. It does not close front. The terminal is restored
// before it returns, also after a panic, which is a [diag.Error] of kind "internal" that names the crash file.
// An error of kind "usage" says that Options.Keys is wrong.
func Run(ctx context.Context, front engine.Front, o Options) (Summary, error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP, os.Interrupt)
	defer stop()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	m, err := New(inner, front, o)
	if err != nil {
		return Summary{}, err
	}
	m.cancel = cancel
	in := &term.Reader{File: o.In, Dark: m.answered}
	if m.askTheme() {
		in.Ask()
		m.ask = true
	}
	m.asking = in.Asking
	m.out, err = term.Show(o.In, o.Out, o.Mouse)
	if err != nil {
		return Summary{}, err
	}
	m.View() // the first frame needs nothing of what follows
	program := tea.NewProgram(m, tea.WithContext(inner), tea.WithInput(in), tea.WithOutput(o.Out), tea.WithoutRenderer(), tea.WithoutSignalHandler())
	var resizes sync.WaitGroup
	resizes.Go(func() { tellSizes(inner, program, o.Out) })
	_, err = program.Run()
	cancel()
	resizes.Wait()
	if restored := m.out.Close(); err == nil {
		err = restored
	}
	m.saveState()
	summary := m.summary()
	summary.Interrupted = ctx.Err() != nil
	switch crash := m.crashed.Load(); {
	case crash != nil:
		return summary, crash.report(m.stateDir(), o.Version)
	case errors.Is(err, tea.ErrProgramPanic):
		return summary, (&diag.Error{Kind: "internal", What: "the screen broke: " + err.Error(), Err: err}).WithHint("this is a bug in assetdev; please report it")
	case err != nil && !errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, io.EOF):
		return summary, err
	}
	return summary, nil
}

// tellSizes sends the size of the terminal now and whenever it changes, until ctx ends.
func tellSizes(ctx context.Context, program *tea.Program, out *os.File) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	defer signal.Stop(changed)
	for {
		if w, h, ok := term.Size(out); ok {
			program.Send(tea.WindowSizeMsg{Width: w, Height: h})
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Model is the root model of Bubble Tea. All fields belong to its loop.
type Model struct {
	ctx    context.Context
	cancel context.CancelFunc
	front  engine.Front
	opts   Options
	out    *term.Frames // nil in tests: nothing is drawn, and frames are what View returns
	caps   term.Caps
	keys   keymap

	th     *Theme
	theme  string // auto, light, dark or mono
	dark   bool
	ask    bool        // the terminal is asked for its background once it runs
	asking func() bool // whether its answer is still to come; nil before Run
	told   chan bool

	w, h    int
	rects   Rects
	focus   Pane
	zoom    bool
	mouse   bool
	sizes   Sizes
	away    bool // another window has the focus
	frame   string
	dirty   bool
	answers bool // the next frame shows what a key did
	frames  int  // drawn so far

	snap    *engine.Snapshot
	list    listPane
	tab     tab
	texts   [tabCount]textPane
	because whyPane
	code    codePane
	rows    previewPane
	cells   int // number of the newest request for a cell or for statistics
	logs    logPane
	past    historyPane
	run     runPane

	overlay   overlay
	prompt    *prompt
	recent    []string // filters that were used, the newest first
	marks     map[graph.Key]bool
	lanesView lanesPane
	around    around
	impact    bool // what the asset under the cursor reaches stands out
	reached   reached
	markFrom  int
	visited   []graph.Key
	note      note
	said      []note // the newest last
	last      look   // before the newest change of it, for the key that goes back to it
	spin      int
	ticking   bool
	waiting   bool   // quit when the run has ended
	quitting  bool   // ctrl+c was pressed once
	dismissed string // question that was answered here, until the engine has taken it away
	distrust  bool   // the user did not want to trust now
	rang      int    // how often the bell was rung
	savedAt   time.Time
	toldAt    time.Time
	ages      string
	runs      []runLine
	crashed   crashSlot
}

// New returns a model that shows front's current snapshot. It starts nothing; ctx ends its Cmds.
func New(ctx context.Context, front engine.Front, o Options) (*Model, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tick == nil {
		o.Tick = func(d time.Duration, msg tea.Msg) tea.Cmd { return tea.Tick(d, func(time.Time) tea.Msg { return msg }) }
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	keys, err := newKeymap(o.Keys)
	if err != nil {
		return nil, err
	}
	m := &Model{
		ctx: ctx, cancel: func() {}, front: front, opts: o, caps: term.Detect(o.Getenv), keys: keys, theme: o.Theme, mouse: o.Mouse,
		told: make(chan bool, 1), marks: map[graph.Key]bool{}, markFrom: -1, dirty: true,
	}
	m.rows.grid.Clean = clean
	m.rows.grid.Reset()
	m.logs.reset()
	saved := m.loadState()
	if m.theme == "" {
		m.theme = saved.Theme
	}
	m.setTheme(m.theme)
	m.snap = front.Snapshot()
	if m.snap.Save != nil {
		m.savedAt = m.snap.Save.At
	}
	if m.snap.Told != nil {
		m.toldAt = m.snap.Told.At
	}
	if o.Out != nil {
		m.w, m.h, _ = term.Size(o.Out)
	}
	m.list.filter, m.recent, m.sizes, m.lanesView.on = saved.Filter, saved.Recent, saved.Sizes, saved.View == "lanes"
	m.lanesView.stored, m.lanesView.view.X, m.lanesView.view.Y = m.loadLanes(), saved.X, saved.Y
	if o.Select != "" {
		m.list.filter = m.named(o.Select)
	}
	m.tab = tab(max(0, min(saved.Tab, int(tabCount)-1)))
	m.list.wanted = saved.Cursor
	m.project()
	m.openQuestions()
	return m, nil
}

// setTheme takes auto, light, dark, terminal or mono; anything else is auto.
func (m *Model) setTheme(name string) {
	colours := ownColours
	if m.caps.Many {
		colours = tuned
	}
	switch name {
	case "light":
		m.dark = false
	case "dark":
		m.dark = true
	case "mono":
		colours = noColours
	default:
		m.dark = m.caps.Dark
		if name != "terminal" {
			name = "auto"
		}
		if name == "terminal" || !m.caps.Known {
			colours = ownColours
		}
	}
	if !m.caps.Color || m.opts.NoColor {
		colours = noColours
	}
	m.theme, m.dirty = name, true
	m.th = newTheme(m.dark, colours, m.opts.ASCII || !m.caps.Unicode)
}

func (m *Model) askTheme() bool {
	return (m.theme == "auto" || m.theme == "terminal") && !m.caps.Known && m.caps.Color && !m.opts.NoColor && !m.caps.Dumb
}

// answered is called on the reading goroutine with the terminal's answer.
func (m *Model) answered(dark bool) {
	select {
	case m.told <- dark:
	default:
	}
}

// Init starts what runs as long as the program does.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.wait(), m.load(), m.tickAges(), m.spinning()}
	if m.ask {
		told, ctx := m.told, m.ctx
		cmds = append(cmds, m.write(term.Query), func() tea.Msg {
			select {
			case dark := <-told:
				return darkMsg(dark)
			case <-ctx.Done():
				return nil
			}
		})
	}
	return m.guard(tea.Batch(cmds...))
}
