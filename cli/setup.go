package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/demo"
	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
)

// screen opens the terminal UI. workspace "" is searched upwards.
func (a *app) screen(workspace string) (err error) {
	a.workspace = workspace
	e, err := a.open(engine.Options{Watch: true})
	if err != nil {
		return err
	}
	personal, err := engine.LoadPersonal()
	if err != nil {
		return errors.Join(err, e.Close())
	}
	summary, err := a.Screen(a.ctx, e, ScreenOptions{
		ASCII: a.look.ascii, NoColor: a.noColor || os.Getenv("NO_COLOR") != "", Version: a.Version, StateDir: e.StateDir(),
		Theme: personal.Theme, Mouse: personal.Mouse, Keys: personal.Keys, Editor: personal.Editor, Select: personal.Select, Bell: personal.Bell,
	})
	err = errors.Join(err, e.Close())
	for _, line := range summary {
		fmt.Fprintln(a.Stdout, safe(line))
	}
	return err
}

func (a *app) locationsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "locations", Short: "code locations, their state, environment and load time", Args: cobra.NoArgs,
		Long: `Prints the code locations of the workspace and what is worth knowing of them; -v adds their jobs, resources, and the schedules and sensors
that assetdev does not run. Exits with 1 when one does not load.`,
		Example: "  assetdev locations -v",
		RunE: func(*cobra.Command, []string) error {
			return a.withGraph(func(_ *engine.Engine, s *engine.Snapshot) error {
				if a.json {
					if err := printJSON(a.Stdout, map[string]any{"format": 1, "locations": locationsJSON(s)}); err != nil {
						return err
					}
				} else {
					a.printLocations(s)
				}
				if broken(s) {
					return done(exitFailed)
				}
				return nil
			})
		},
	}
}

func (a *app) printLocations(s *engine.Snapshot) {
	t := table{right: []bool{false, false, false, true, true}}
	for _, l := range s.Locations {
		load := "-"
		if l.LoadMS > 0 {
			load = took(l.LoadMS)
		}
		state := a.look.word(l.State)
		if !s.Workspace.Trusted && l.State == "loading" {
			state = "not trusted"
		}
		t.add(a.look.mark(l.State)+" "+safe(l.Name), safe(l.Kind), state, plural(l.Assets, "asset"), load, safe(l.Version), a.look.paint(dim, safe(relativeTo(s.Workspace.Dir, l.Dir))))
	}
	t.print(a.Stdout, "")
	for _, l := range s.Locations {
		if !a.quiet {
			a.printAbout(l)
		}
		if l.State == "broken" {
			a.printBroken(a.Stdout, l)
		}
	}
}

// printAbout prints what a location says of itself beside its assets; what is only listed needs -v.
func (a *app) printAbout(l engine.Location) {
	for _, n := range l.Notices {
		fmt.Fprintf(a.Stdout, "%s %s: %s\n", a.look.mark("warning"), safe(l.Name), safe(n))
	}
	if a.verbose == 0 {
		return
	}
	var jobs []string
	for _, j := range l.Jobs {
		jobs = append(jobs, fmt.Sprintf("%s (%s)", j.Name, plural(len(j.Assets), "asset")))
	}
	for _, x := range []struct {
		what  string
		names []string
	}{{"jobs", jobs}, {"schedules, run by " + l.Framework, l.Schedules}, {"sensors, run by " + l.Framework, l.Sensors}, {"resources", l.Resources}} {
		if len(x.names) > 0 {
			fmt.Fprintf(a.Stdout, "  %s\n", a.look.paint(dim, safe(l.Name+" "+x.what+": "+strings.Join(x.names, ", "))))
		}
	}
}

func relativeTo(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

func (a *app) trustCommand() *cobra.Command {
	var revoke bool
	c := &cobra.Command{
		Use: "trust", Short: "let assetdev execute this workspace's code, or no longer", Args: cobra.NoArgs,
		Long: `assetdev executes nothing of a workspace before you trust it. Your answer is remembered outside the workspace, for its
folder and the content of every file that says what is executed; when one of them changes you are asked again.`,
		Example: "  assetdev trust\n  assetdev trust --yes\n  assetdev trust --revoke",
		RunE: func(*cobra.Command, []string) (err error) {
			e, err := a.open(engine.Options{Passive: true})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, e.Close()) }()
			if revoke {
				return a.revoke(e)
			}
			return a.grant(e)
		},
	}
	c.Flags().BoolVar(&revoke, "revoke", false, "no longer")
	return c
}

func (a *app) revoke(e *engine.Engine) error {
	was, err := e.RevokeTrust()
	if err != nil {
		return err
	}
	if !was {
		return a.say("this workspace was not trusted")
	}
	return a.say("no longer trusted; its code is not run any more")
}

func (a *app) grant(e *engine.Engine) error {
	w := e.Snapshot().Workspace
	if w.Trusted && !a.trust {
		return a.say("this workspace is trusted already")
	}
	if w.Trust != nil {
		a.remark("%s", w.Trust.Text)
		for _, command := range w.Trust.Commands {
			a.remark("  runs   %s", command)
		}
		a.remark("  as said in   %s", strings.Join(w.Trust.Files, ", "))
	}
	if a.interactive() {
		ok, err := a.ask("trust this workspace?")
		if err != nil {
			return err
		}
		if !ok {
			return errors.Join(a.say("not trusted"), done(exitNotTrusted))
		}
	}
	if _, err := e.Do(a.ctx, engine.Trust{Remember: true}); err != nil {
		return err
	}
	return a.say("trusted " + w.Dir)
}

func (a *app) demoCommand() *cobra.Command {
	var reset, noUI, python bool
	c := &cobra.Command{
		Use: "demo [DIR]", Short: "write the example workspace, trust it and open it", Args: cobra.MaximumNArgs(1),
		Long: `Writes the example workspace, two repositories with thirteen assets, into DIR (default ./assetdev-demo) and opens it. Without a
terminal it materializes everything and prints the first rows of customer_risk_scores. A demo that is there is opened again.

With --python the repositories are Dagster projects, and DIR gets a Python environment for them in .venv: made by uv, where there
is one, else by the first Python 3.10 or later and its pip.`,
		Example: "  assetdev demo\n  assetdev demo shop --python --no-ui",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "assetdev-demo"
			if len(args) == 1 {
				dir = args[0]
			}
			return a.demo(dir, demo.Options{Reset: reset, Python: python, SDK: a.SDK}, noUI)
		},
	}
	c.Flags().BoolVar(&reset, "reset", false, "start over: what is in DIR is written anew")
	c.Flags().BoolVar(&noUI, "no-ui", false, "only write")
	c.Flags().BoolVar(&python, "python", false, "as Dagster projects instead of Go modules")
	return c
}

func (a *app) demo(dir string, options demo.Options, noUI bool) error {
	written, err := demo.Write(a.ctx, dir, options)
	if err != nil {
		return err
	}
	if !a.quiet && !a.json {
		for _, notice := range written.Notices {
			fmt.Fprintln(a.Stderr, "assetdev: "+safe(notice))
		}
		verb := "wrote"
		if written.Existed {
			verb = "opened"
		}
		fmt.Fprintf(a.Stderr, "%s the demo in %s\n", verb, safe(dir))
	}
	if written.Python {
		progress := &progressLine{app: a, every: 2 * time.Second}
		err := demo.MakeEnvironment(a.ctx, written.Dir, progress.say)
		progress.end()
		if err != nil {
			return err
		}
	}
	file := filepath.Join(written.Dir, "workspace.yaml")
	if err := a.trustOwn(file); err != nil {
		return err
	}
	if noUI {
		return nil
	}
	if a.interactive() {
		return a.screen(file)
	}
	a.workspace = file
	if !a.quiet && !a.json && !written.Existed && !written.Python {
		fmt.Fprintln(a.Stderr, "building the two code locations; the first build on a machine compiles Apache Arrow and takes a minute or two")
	}
	return a.with(engine.Options{File: file, LogEvents: a.json || a.verbose > 0}, func(e *engine.Engine, s *engine.Snapshot) error {
		if broken(s) {
			for _, l := range s.Locations {
				if l.State == "broken" {
					a.printBroken(a.Stderr, l)
				}
			}
			return done(exitFailed)
		}
		if err := a.materialize(e, s, engine.Materialize{Selection: "*", Confirmed: true}); err != nil {
			return err
		}
		scores := graph.MustKey("customer_risk_scores")
		if !a.json {
			fmt.Fprintf(a.Stdout, "\n%s\n", a.look.paint(bold, scores.String()))
		}
		return a.preview(e, e.Snapshot(), engine.PageRequest{Asset: scores, Limit: 5})
	})
}

// A progressLine tells what goes on outside of runs: on a terminal in one line that changes, else a line now and then.
type progressLine struct {
	app   *app
	every time.Duration // between lines, where they stay
	last  time.Time
	live  bool // there is a line to take away
}

func (p *progressLine) say(text string) {
	if p.app.quiet || p.app.json {
		return
	}
	if p.app.terminal(p.app.Stderr) {
		fmt.Fprint(p.app.Stderr, "\r\x1b[K"+ansi.Truncate(safe(text), 79, "…"))
		p.live = true
		return
	}
	if now := time.Now(); now.Sub(p.last) >= p.every {
		p.last = now
		fmt.Fprintln(p.app.Stderr, safe(text))
	}
}

func (p *progressLine) end() {
	if p.live {
		fmt.Fprint(p.app.Stderr, "\r\x1b[K")
	}
}

// trustOwn trusts a workspace that assetdev itself wrote just now.
func (a *app) trustOwn(file string) (err error) {
	e, err := a.open(engine.Options{File: file, Passive: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	_, err = e.Do(a.ctx, engine.Trust{Remember: true})
	return err
}

func (a *app) initCommand() *cobra.Command {
	var goModule bool
	c := &cobra.Command{
		Use: "init", Short: "write what is missing in an existing project", Args: cobra.NoArgs,
		Long: `Looks in the current folder and those below for Dagster projects (pyproject.toml with tool.dg or tool.dagster, dg.toml, definitions.py)
and Go programs of assets, and writes a workspace.yaml that names them where there is none. It changes nothing that is there, and
executes nothing. With --go it writes a Go module with a first asset.`,
		Example: "  assetdev init\n  assetdev init --go",
		RunE: func(*cobra.Command, []string) error {
			dir, err := os.Getwd()
			if err != nil {
				return fmt.Errorf("find the current folder: %w", err)
			}
			var found []demo.Project
			if !goModule {
				if found, err = demo.FindProjects(dir); err != nil {
					return err
				}
			}
			unnamed, err := demo.Unnamed(dir, found)
			if err != nil {
				return fmt.Errorf("read workspace.yaml: %w", err)
			}
			files, err := demo.Init(dir, demo.InitOptions{Go: goModule, SDK: a.SDK, Projects: found})
			if a.json {
				return errors.Join(printJSON(a.Stdout, map[string]any{"format": 1, "files": orEmpty(files), "found": orEmpty(found)}), err)
			}
			for _, p := range found {
				fmt.Fprintf(a.Stdout, "found %s %s in %s, by %s\n", safe(p.Kind), safe(p.Target), safe(p.Dir), safe(p.Why))
			}
			for _, f := range files {
				fmt.Fprintln(a.Stdout, "wrote "+safe(f))
			}
			if err == nil && len(unnamed) > 0 {
				a.remark("workspace.yaml does not name all of them; what can be added below load_from:")
				for line := range strings.Lines(strings.Join(unnamed, "")) {
					a.remark("%s", strings.TrimSuffix(line, "\n"))
				}
			} else if err == nil && len(files) == 0 {
				a.remark("nothing is missing")
			}
			return err
		},
	}
	c.Flags().BoolVar(&goModule, "go", false, "a Go module with a first asset")
	return c
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "what is wrong with the set-up, and how to mend it", Args: cobra.NoArgs,
		Long: `Looks at the workspace file, trust, the tools that are needed, each code location with its environment, the storage, and dependencies that
nobody defines, and prints a line for each with what mends it. Exits with 1 when something is an error.`,
		Example: "  assetdev doctor\n  assetdev doctor --json",
		RunE: func(*cobra.Command, []string) error {
			return a.with(engine.Options{}, func(e *engine.Engine, _ *engine.Snapshot) error { return a.findings(e.Doctor()) })
		},
	}
}

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "full check of the stored data against its records", Args: cobra.NoArgs,
		Long: `Reads every kept version and compares it with what its record says, and looks for files that no record names. It changes nothing, and reads
all data once. Exits with 1 when something is not as it should be.`,
		Example: "  assetdev verify",
		RunE: func(*cobra.Command, []string) error {
			return a.with(engine.Options{Passive: true}, func(e *engine.Engine, _ *engine.Snapshot) error {
				found, err := e.Verify(a.ctx)
				if err != nil {
					return err
				}
				return a.findings(found)
			})
		},
	}
}

func (a *app) findings(found []engine.Finding) error {
	code := exitDone
	for _, f := range found {
		if f.State == "error" {
			code = exitFailed
		}
	}
	if a.json {
		if err := printJSON(a.Stdout, map[string]any{"format": 1, "findings": orEmpty(found)}); err != nil {
			return err
		}
		return done(code)
	}
	var t table
	for _, f := range found {
		text := f.Text
		if f.File != "" {
			text = fmt.Sprintf("%s:%d: %s", f.File, max(1, f.Line), text)
		}
		t.add(a.look.mark(f.State)+" "+safe(f.Check), safe(text), a.look.paint(dim, safe(f.Remedy)))
	}
	t.print(a.Stdout, "")
	return done(code)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "the version of assetdev", Args: cobra.NoArgs,
		Example: "  assetdev version --json",
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return printJSON(a.Stdout, map[string]any{"format": 1, "version": a.Version})
			}
			fmt.Fprintln(a.Stdout, "assetdev "+a.Version)
			return nil
		},
	}
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "what a command does", Long: "Prints what assetdev COMMAND --help prints.", Args: cobra.MaximumNArgs(1),
		Example: "  assetdev help materialize",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, other := range c.Root().Commands() {
				if len(args) == 0 && other.IsAvailableCommand() {
					names = append(names, other.Name()+"\t"+other.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("there is no command %q", args[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion SHELL", Short: "a completion script for bash, zsh or fish", Long: completionHelp,
		Example:   "  source <(assetdev completion bash)                                    # this shell; zsh likewise\n  assetdev completion fish >~/.config/fish/completions/assetdev.fish",
		ValidArgs: []string{"bash", "zsh", "fish"}, Args: cobra.ExactArgs(1), DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(a.Stdout, true)
			case "zsh":
				return c.Root().GenZshCompletion(a.Stdout)
			case "fish":
				return c.Root().GenFishCompletion(a.Stdout, true)
			}
			return usage("there is no completion for %q: bash, zsh or fish", args[0])
		},
	}
}

// completeAsset completes one asset key, from the stored graph alone: completing executes nothing.
func (a *app) completeAsset(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(typed, false)
}

// completeRun completes the run of logs, newest first, then one of its assets.
func (a *app) completeRun(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	file, err := a.find()
	if err != nil || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if len(args) == 1 {
		return a.complete(typed, false)
	}
	runs, err := engine.StoredRuns(file)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return runs, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeFlag completes a flag that takes one of a few words.
func completeFlag(c *cobra.Command, flag string, words ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the command has no such flag
	}
}

// completeSelection completes keys, group: and code_location: words.
func (a *app) completeSelection(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.complete(typed, true)
}

func (a *app) complete(typed string, attributes bool) ([]string, cobra.ShellCompDirective) {
	file, err := a.find()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words, err := engine.StoredWords(file, attributes)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	start := strings.TrimLeft(typed, "+")
	prefix := typed[:len(typed)-len(start)]
	words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, start) })
	for i := range words {
		words[i] = prefix + words[i]
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
