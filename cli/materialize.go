package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
)

func (a *app) planCommand() *cobra.Command {
	var m engine.Materialize
	var selects []string
	var config runConfig
	var parts choice
	c := &cobra.Command{
		Use: "plan SELECTION", Short: "what materialize would run, in order, with reasons", ValidArgsFunction: a.completeSelection,
		Long: `Prints the steps in an order in which they may run, each with its first reason and with how long it took the last time. A step that may be
cut off need not run when what it waits for turns out unchanged. Nothing is run.`,
		Example: "  assetdev plan customer_risk_scores\n  assetdev plan 'group:ml_features' --json",
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if m.Config, err = config.load(); err != nil {
				return err
			}
			if m.Partitions, err = parts.read(); err != nil {
				return err
			}
			return a.plan(selection(args, selects), m)
		},
	}
	planFlags(c, &m, &selects)
	config.flags(c)
	parts.flags(c)
	return c
}

// A runConfig is run config as flags give it.
type runConfig struct {
	files []string
	text  string
}

func (r *runConfig) flags(c *cobra.Command) {
	c.Flags().StringArrayVarP(&r.files, "config", "c", nil, "run config: a YAML or JSON `FILE`; the later of several wins")
	c.Flags().StringVar(&r.text, "config-json", "", "run config: JSON `TEXT`, over that of files")
}

func (r *runConfig) load() (json.RawMessage, error) { return engine.LoadRunConfig(r.files, r.text) }

func planFlags(c *cobra.Command, m *engine.Materialize, selects *[]string) {
	c.Flags().StringArrayVarP(selects, "select", "s", nil, "`SELECTION` of assets")
	c.Flags().BoolVar(&m.Only, "only", false, "without upstreams")
	c.Flags().BoolVar(&m.Force, "force", false, "fresh ones too")
}

// joined makes one selection of what the user typed.
func joined(args []string) (string, error) {
	if len(args) == 0 {
		return "", usage("which assets? name a selection, as customer_features or '*'")
	}
	sel, err := graph.ParseSelections(args)
	if err != nil {
		return "", &exit{exitUsage, err}
	}
	return sel.String(), nil
}

func (a *app) plan(args []string, m engine.Materialize) (err error) {
	if m.Selection, err = joined(args); err != nil {
		return err
	}
	return a.withGraph(func(e *engine.Engine, s *engine.Snapshot) error {
		a.tellBroken(s)
		a.tellLatest(s, m)
		p, err := e.Plan(a.ctx, m)
		if err != nil {
			return err
		}
		if a.json {
			return printJSON(a.Stdout, planJSON(p))
		}
		a.printPlan(p)
		return nil
	})
}

func (a *app) printPlan(p graph.Plan) {
	t := table{right: []bool{true, false, false, false, true}}
	for i, step := range p.Steps {
		forecast := "?"
		if step.ForecastMS != nil {
			forecast = took(*step.ForecastMS)
		}
		text := ""
		if len(step.Reasons) > 0 {
			text = safe(step.Reasons[0].Text)
		}
		if step.MayBeCutOff {
			text += a.look.paint(dim, "  (may be cut off)")
		}
		t.add(fmt.Sprint(i+1), a.look.mark(step.Why)+" "+safe(step.Asset.String()), a.look.paint(dim, safe(step.Location)), a.look.word(step.Why), forecast, text)
	}
	t.print(a.Stdout, " ")
	for _, b := range p.Blocked {
		fmt.Fprintf(a.Stdout, " %s %s cannot run: %s\n", a.look.mark("error"), safe(b.Asset.String()), safe(b.Text))
	}
	if a.quiet {
		return
	}
	if len(p.Steps) == 0 && len(p.Blocked) > 0 {
		return
	}
	if len(p.Steps) == 0 {
		fmt.Fprintf(a.Stdout, "nothing to do: %s\n", a.freshText(p))
		return
	}
	locations := map[string]bool{}
	for _, step := range p.Steps {
		locations[step.Location] = true
	}
	fmt.Fprintf(a.Stdout, "%s in %s, %s already fresh\n", plural(len(p.Steps), "step"), plural(len(locations), "code location"), count(int64(len(p.Fresh))))
}

func (a *app) freshText(p graph.Plan) string {
	if len(p.Fresh) == 1 {
		return safe(p.Fresh[0].String()) + " is fresh"
	}
	return fmt.Sprintf("all %d are fresh", len(p.Fresh))
}

func (a *app) materializeCommand() *cobra.Command {
	m := engine.Materialize{Confirmed: true}
	var selects []string
	var dryRun bool
	var config runConfig
	var parts choice
	c := &cobra.Command{
		Use: "materialize SELECTION", Aliases: []string{"mat"}, Short: "the selection with its stale, missing and overdue upstreams",
		Long: `Runs the selected assets and exactly those of their upstreams that are stale, missing or overdue, in dependency order,
across repositories. What is fresh is not run again without --force. When a step fails, what reads it is skipped and the rest
goes on. Exits with 1 when a step or a check failed, or when something selected cannot run.`,
		Example:           "  assetdev materialize customer_risk_scores\n  assetdev materialize 'group:ml_models and status:stale' --jobs 4",
		ValidArgsFunction: a.completeSelection,
		RunE: func(_ *cobra.Command, args []string) (err error) {
			args = selection(args, selects)
			if m.Config, err = config.load(); err != nil {
				return err
			}
			if m.Partitions, err = parts.read(); err != nil {
				return err
			}
			switch {
			case m.Debug && (a.json || !a.interactive()):
				return usage("--pdb needs a terminal, and cannot print JSON")
			case m.Debug && m.Jobs > 1:
				return usage("--jobs %d: with --pdb one step runs after the other", m.Jobs)
			case m.Jobs < 0:
				return usage("--jobs %d: at least 1", m.Jobs)
			case m.Timeout < 0:
				return usage("--timeout %s: it cannot be negative", m.Timeout)
			case dryRun:
				return a.plan(args, m)
			}
			if m.Selection, err = joined(args); err != nil {
				return err
			}
			return a.with(engine.Options{LogEvents: a.json || a.verbose > 0}, func(e *engine.Engine, s *engine.Snapshot) error { return a.materialize(e, s, m) })
		},
	}
	planFlags(c, &m, &selects)
	config.flags(c)
	parts.flags(c)
	c.Flags().BoolVar(&m.Debug, "pdb", false, "each step has the terminal, so that breakpoint() works")
	c.Flags().BoolVar(&m.FailFast, "fail-fast", false, "start nothing more after the first failure")
	c.Flags().IntVar(&m.Jobs, "jobs", 0, "`N` steps at once (default: the setting, else the number of processors)")
	c.Flags().DurationVar(&m.Timeout, "timeout", 0, "time limit `D` of each step, as 90s")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only print the plan")
	return c
}

// materialize starts the run and follows it to its end.
func (a *app) materialize(e *engine.Engine, s *engine.Snapshot, m engine.Materialize) error {
	a.tellBroken(s)
	a.tellLatest(s, m)
	asked, err := a.confirm(e, s, m)
	if err != nil {
		return err
	}
	reply, err := e.Do(a.ctx, m)
	if err != nil {
		return err
	}
	if reply.Run == "" {
		return a.nothingRan(reply)
	}
	if reply.Plan == nil {
		reply.Plan = &graph.Plan{}
	}
	if !a.json && !a.quiet && !asked {
		a.printPlan(*reply.Plan)
		fmt.Fprintln(a.Stdout)
	}
	f := a.follow(e, reply.Run)
	f.live = f.live && !m.Debug
	outcome, err := f.run()
	if err != nil {
		return err
	}
	a.tellReport(e)
	blocked := len(reply.Plan.Blocked) > 0
	switch {
	case a.ctx.Err() != nil || outcome == event.Cancelled:
		return done(exitInterrupted)
	case outcome != event.Succeeded || blocked || f.failedChecks > 0:
		return done(exitFailed)
	}
	return nil
}

// tellReport prints what Dagster's instance could not be told: the run is no failure for that.
func (a *app) tellReport(e *engine.Engine) {
	if err := e.Reported(a.ctx); err != nil && !a.quiet {
		fmt.Fprintln(a.Stderr, safeText(diag.Text(err)))
	}
}

// nothingRan prints the answer to a request that started no run: there was nothing to do, nothing could run, or, without a plan,
// it waits until another run has ended.
func (a *app) nothingRan(reply engine.Reply) error {
	if reply.Plan == nil {
		return a.say(reply.Text)
	}
	if a.json {
		if err := printJSON(a.Stdout, event.Event{At: time.Now(), Kind: event.KindPlan, Blocked: reply.Plan.Blocked}); err != nil {
			return err
		}
	} else {
		if !a.quiet {
			fmt.Fprintln(a.Stdout, safe(reply.Text))
		}
		for _, b := range reply.Plan.Blocked {
			fmt.Fprintf(a.Stdout, "%s %s cannot run: %s\n", a.look.mark("error"), safe(b.Asset.String()), safe(b.Text))
		}
	}
	if len(reply.Plan.Blocked) > 0 {
		return done(exitFailed)
	}
	return nil
}

// confirm asks before a run that writes outside assetdev's storage or into shared storage, or makes many partitions, where somebody is there
// to ask. Then the plan was printed.
func (a *app) confirm(e *engine.Engine, s *engine.Snapshot, m engine.Materialize) (asked bool, err error) {
	if a.yes || !a.interactive() && !s.Graph.Partitioned() {
		return false, nil
	}
	p, err := e.Plan(a.ctx, m)
	if err != nil || len(p.Steps) == 0 {
		return false, err
	}
	why, err := a.tooMany(s, p)
	if err != nil || !a.interactive() {
		return false, err
	}
	if s.Workspace.Shared {
		why = "the storage is shared"
	}
	for _, step := range p.Steps {
		if asset, _ := s.Graph.Asset(step.Asset); asset.Outside {
			why = step.Asset.String() + " writes outside assetdev's storage"
		}
	}
	if why == "" {
		return false, nil
	}
	a.printPlan(p)
	ok, err := a.ask(fmt.Sprintf("%s: run %s?", why, plural(len(p.Steps), "step")))
	if err == nil && !ok {
		err = done(exitInterrupted)
	}
	return true, err
}

// ask asks a question that is answered with y or n. Without a terminal the answer is no, and so is the end of the input. An
// interruption ends the command.
func (a *app) ask(question string) (bool, error) {
	if a.yes {
		return true, nil
	}
	if !a.interactive() {
		return false, nil
	}
	fmt.Fprintf(a.Stderr, "%s [y/N] ", safe(question))
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	go func() { // nothing ends a read from a terminal: it ends with the answer, or else with the process
		text, err := bufio.NewReader(a.Stdin).ReadString('\n')
		lines <- line{text, err}
	}()
	select {
	case <-a.ctx.Done():
		fmt.Fprintln(a.Stderr)
		return false, done(exitInterrupted)
	case l := <-lines:
		if errors.Is(l.err, io.EOF) {
			fmt.Fprintln(a.Stderr)
		} else if l.err != nil {
			return false, fmt.Errorf("read the answer: %w", l.err)
		}
		answer := strings.ToLower(strings.TrimSpace(l.text))
		return answer == "y" || answer == "yes", nil
	}
}

// A follower prints what a run says until it ends.
type follower struct {
	app      *app
	engine   *engine.Engine
	id       string // the run; "" follows every run
	live     bool   // a status line at the bottom of a terminal
	shown    bool   // it is on the screen now
	finished int
	total    int

	failedChecks int // of severity ERROR

	width int                       // of the longest key
	stop  func(b engine.Batch) bool // after each batch, for watch
}

func (a *app) follow(e *engine.Engine, id string) *follower {
	return &follower{app: a, engine: e, id: id, live: !a.json && !a.quiet && a.terminal(a.Stderr) && a.terminal(a.Stdout)}
}

// run follows until the run ended, or stop says so. When the user interrupts, the run is cancelled and followed to its end.
func (f *follower) run() (outcome string, err error) {
	ctx := f.app.ctx
	cancelled := false
	for {
		b, err := f.engine.Wait(ctx)
		if err != nil {
			if ctx.Err() == nil || cancelled {
				return outcome, err
			}
			// The user interrupted: end the run, and see it end.
			cancelled = true
			f.clear()
			if f.id == "" {
				return event.Cancelled, nil
			}
			f.app.remark("assetdev: interrupted; cancelling the run")
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
			defer stop()
			if _, err := f.engine.Do(ctx, engine.Cancel{}); err != nil {
				return event.Cancelled, err
			}
			continue
		}
		f.clear()
		if b.Dropped > 0 && !f.app.quiet {
			fmt.Fprintf(f.app.Stderr, "assetdev: %s log lines were not printed; they are in the logs\n", count(b.Dropped))
		}
		for _, ev := range b.Events {
			if f.id != "" && ev.Run != "" && ev.Run != f.id {
				continue
			}
			if err := f.print(ev); err != nil {
				return outcome, err
			}
			if ev.Kind == event.KindRun && event.Final(ev.State) {
				outcome = ev.State
			}
		}
		if f.id != "" && outcome != "" || f.stop != nil && f.stop(b) {
			return outcome, nil
		}
		f.status(b.Snapshot)
	}
}

// print prints one event.
func (f *follower) print(ev event.Event) error {
	a := f.app
	failedCheck := ev.Kind == event.KindCheck && ev.Passed != nil && !*ev.Passed
	if failedCheck && ev.Severity != "WARN" {
		f.failedChecks++
	}
	if a.json {
		data, err := json.Marshal(ev)
		if err != nil {
			return fmt.Errorf("write an event: %w", err)
		}
		_, err = fmt.Fprintln(a.Stdout, string(data))
		return err
	}
	switch ev.Kind {
	case event.KindPlan:
		f.finished, f.total, f.width = 0, len(ev.Steps), 0
		for _, step := range ev.Steps {
			f.width = max(f.width, ansi.StringWidth(step.Asset.String()))
		}
	case event.KindStep:
		f.printStep(ev)
	case event.KindCheck:
		if failedCheck || a.verbose > 0 {
			f.printCheck(ev)
		}
	case event.KindLog:
		if a.verbose > 0 {
			fmt.Fprintf(a.Stdout, "  %s %s\n", a.look.paint(dim, safe(ev.Asset.String())+" |"), safe(ev.Text))
		}
	case event.KindRun:
		if event.Final(ev.State) {
			f.printEnd(ev)
		}
	case event.KindReload:
		if f.id == "" && ev.State == "broken" {
			fmt.Fprintf(a.Stdout, "%s code location %s does not load: %s\n", a.look.mark("broken"), safe(ev.Location), headline(place(ev.Error)))
		}
	case event.KindWaiting:
		if !a.quiet {
			fmt.Fprintf(a.Stdout, "%s %s waits: %s\n", a.look.mark("queued"), safe(ev.Asset.String()), safe(ev.Text))
		}
	}
	return nil
}

// printCheck prints the outcome of a check: failed ones always.
func (f *follower) printCheck(ev event.Event) {
	a := f.app
	passed := ev.Passed != nil && *ev.Passed
	if a.quiet && (passed || ev.Severity == "WARN") {
		return
	}
	mark, text := "check failed", "failed"
	switch {
	case passed:
		mark, text = "fresh", "passed"
	case ev.Severity == "WARN":
		mark, text = "warning", "failed, a warning"
	case ev.Blocking != nil && *ev.Blocking:
		text = "failed; what reads the asset does not run"
	}
	if ev.Text != "" {
		text += ": " + ev.Text
	}
	fmt.Fprintf(a.Stdout, "%s %s  check %s %s\n", a.look.mark(mark), safe(ev.Asset.String()), safe(ev.Name), safe(text))
}

func place(e *event.Error) string {
	switch {
	case e == nil:
		return ""
	case e.File != "":
		return fmt.Sprintf("%s:%d: %s", e.File, max(1, e.Line), e.Message)
	}
	return e.Message
}

func (f *follower) printStep(ev event.Event) {
	a := f.app
	if !event.Final(ev.State) {
		return
	}
	f.finished++
	if a.quiet && ev.State != event.Failed {
		return
	}
	name := safe(ev.Asset.String())
	name += strings.Repeat(" ", max(0, f.width-ansi.StringWidth(name)))
	rows, ms := "", ""
	if ev.Rows != nil && *ev.Rows >= 0 {
		rows = count(*ev.Rows) + map[bool]string{true: " row", false: " rows"}[*ev.Rows == 1]
	}
	if ev.MS != nil && ev.Attempt > 0 {
		ms = took(*ev.MS)
	}
	fmt.Fprintf(a.Stdout, "%s %s  %s  %14s  %7s  %s\n", a.look.mark(ev.State), name, a.look.paint(dim, fmt.Sprintf("[%d/%d]", f.finished, f.total)), rows, ms, a.look.word(ev.State))
	if ev.Error != nil {
		fmt.Fprintf(a.Stdout, "    %s\n", a.look.paint(red, headline(place(ev.Error))))
		f.printTrace(ev)
	}
}

// printTrace prints the user's frames, and the last lines of the log.
func (f *follower) printTrace(ev event.Event) {
	a := f.app
	lines := strings.Split(strings.TrimRight(ev.Error.Trace, "\n"), "\n")
	limit := 8
	if a.verbose > 0 {
		limit = len(lines)
	}
	for _, line := range lines[:min(limit, len(lines))] {
		if line != "" {
			fmt.Fprintf(a.Stdout, "    %s\n", a.look.paint(dim, safe(strings.ReplaceAll(line, "\t", "    "))))
		}
	}
	if a.verbose == 0 && !a.quiet {
		fmt.Fprintf(a.Stdout, "    %s\n", a.look.paint(dim, "its log: assetdev logs "+safe(ev.Run)+" "+safe(arguments(*ev.Asset))))
	}
}

func (f *follower) printEnd(ev event.Event) {
	a := f.app
	var parts []string
	for _, state := range finalCounts(ev.Counts) {
		parts = append(parts, fmt.Sprintf("%d %s", ev.Counts[state], a.look.word(state)))
	}
	ms := int64(-1)
	if ev.MS != nil {
		ms = *ev.MS
	}
	if !a.quiet {
		fmt.Fprintln(a.Stdout)
	}
	fmt.Fprintf(a.Stdout, "%s run %s %s in %s: %s\n", a.look.mark(ev.State), safe(ev.Run), a.look.word(ev.State), took(ms), strings.Join(parts, ", "))
}

// status writes the live line: what runs now, how far it is, how long it takes yet.
func (f *follower) status(s *engine.Snapshot) {
	if !f.live || !s.Run.Active() {
		return
	}
	var running []string
	for _, step := range s.Run.Steps {
		if step.State == event.Running {
			text := step.Key.String()
			if step.Fraction >= 0 {
				text += fmt.Sprintf(" %d%%", int(step.Fraction*100))
			}
			running = append(running, safe(text))
		}
	}
	eta := "-"
	if s.Run.ETA >= 0 {
		eta = took(s.Run.ETA)
	}
	line := fmt.Sprintf("%s [%d/%d] %s  eta %s", f.app.look.mark("running"), f.finished, f.total, strings.Join(running, ", "), eta)
	fmt.Fprint(f.app.Stderr, "\r\x1b[K"+ansi.Truncate(line, 79, "…"))
	f.shown = true
}

// clear takes the live line away.
func (f *follower) clear() {
	if f.shown {
		fmt.Fprint(f.app.Stderr, "\r\x1b[K")
		f.shown = false
	}
}

func (a *app) watchCommand() *cobra.Command {
	var auto engine.AutoOptions
	var selects []string
	var once bool
	c := &cobra.Command{
		Use: "watch [SELECTION]", Short: "keep the selection fresh on every save, without a screen", ValidArgsFunction: a.completeSelection,
		Long: `Materializes what a save made stale in the selection, by default in all assets, within auto-run's limits (auto_run: in assetdev.yaml),
and says of the rest why it does not start. Ends with ctrl+c (exit code 130), or with --once when nothing is left to start.`,
		Example: "  assetdev watch customer_risk_scores --budget 30s\n  assetdev watch --once --json",
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if args = selection(args, selects); len(args) > 0 {
				if auto.Selection, err = joined(args); err != nil {
					return err
				}
			}
			auto.CatchUp = auto.CatchUp || once
			return a.watch(auto, once)
		},
	}
	c.Flags().StringArrayVarP(&selects, "select", "s", nil, "`SELECTION` of assets")
	c.Flags().BoolVar(&auto.CatchUp, "catch-up", false, "also what is stale already")
	c.Flags().BoolVar(&once, "once", false, "catch up, then stop when nothing is left to start")
	c.Flags().DurationVar(&auto.Budget, "budget", 0, "start by itself only what is forecast to take less than `D`, as 10s (default: the setting)")
	return c
}

func (a *app) watch(auto engine.AutoOptions, once bool) (err error) {
	e, err := a.open(engine.Options{Watch: true, Auto: &auto, LogEvents: a.json || a.verbose > 0})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	s := e.Snapshot()
	if !s.Workspace.Trusted {
		_, err := e.Do(a.ctx, engine.Materialize{Selection: "*"})
		return err
	}
	a.tellNotices(s)
	if !a.json && !a.quiet {
		what := auto.Selection
		if what == "" {
			what = "everything"
		}
		fmt.Fprintf(a.Stderr, "watching %s: keeping %s fresh; ctrl+c ends\n", plural(len(s.Locations), "code location"), safe(what))
	}
	failed := false
	f := a.follow(e, "")
	var saved time.Time
	f.stop = func(b engine.Batch) bool {
		for _, ev := range b.Events {
			if ev.Kind == event.KindRun && event.Final(ev.State) && (ev.State != event.Succeeded || f.failedChecks > 0) {
				failed = true
			}
		}
		if s := b.Snapshot.Save; s != nil && s.At.After(saved) {
			saved = s.At
			if !a.json && !a.quiet {
				fmt.Fprintf(a.Stdout, "%s\n", a.look.paint(dim, safe(s.Text)))
			}
		}
		return once && !b.Snapshot.Loading && !b.Snapshot.Run.Active()
	}
	if _, err := f.run(); err != nil {
		return err
	}
	a.tellReport(e)
	switch {
	case !once:
		return done(exitInterrupted)
	case failed || broken(e.Snapshot()):
		return done(exitFailed)
	}
	return nil
}
