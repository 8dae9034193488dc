// Package cli is assetdev's command line: every action of the screen has a command here, and --json prints the very events
// that the screen draws. What scripts may rely on is in docs/json.md.
//
// Rules of its output: results go to stdout, everything else to stderr; an error is printed once, as package diag prints it;
// without a terminal there is no colour and no cursor movement; all that comes from a workspace, a log or a data file passes
// package printable first.
//
// Deliberately absent: drawing a screen (main hands that in), deciding anything about assets (package engine does).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/spf13/cobra"
)

// Exit codes. Where several hold, the order is 5, 2, 4, 130, 1, 3.
const (
	exitDone        = 0
	exitFailed      = 1 // a step, a check or a location failed
	exitUsage       = 2 // wrong usage, or an invalid workspace.yaml
	exitNotFresh    = 3 // --exit-code, and something is not fresh
	exitNotTrusted  = 4
	exitInternal    = 5 // a bug
	exitInterrupted = 130
)

// A Program is what main hands to the command line.
type Program struct {
	Version string
	// Screen runs the terminal UI on an opened workspace until the user quits, and returns the lines of a summary.
	Screen func(ctx context.Context, e *engine.Engine, o ScreenOptions) ([]string, error)
	// SDK is the source of the Go SDK that demo and init --go write beside the modules they make.
	SDK fs.FS
	// Stdin, Stdout and Stderr are the process's.
	Stdin          *os.File
	Stdout, Stderr io.Writer
}

// ScreenOptions are what the command line knows and the screen needs.
type ScreenOptions struct {
	ASCII, NoColor bool
	Mouse          bool
	Theme          string            // auto, light, dark or mono
	Keys           map[string]string // action → key
	Editor         string            // "" is $VISUAL or $EDITOR
	Select         string            // selection, or name of one, that a session begins with
	Bell           time.Duration     // length from which the end of a run is told to who looks elsewhere; negative: never
	Version        string
	StateDir       string // where the screen remembers its panes
}

// An app is one invocation.
type app struct {
	Program
	ctx  context.Context
	look look

	workspace string
	json      bool
	trust     bool
	yes       bool
	noColor   bool
	ascii     bool
	quiet     bool
	verbose   int
}

// exit is an error that carries an exit code. err may be nil when all was said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// usage returns an error of wrong usage.
func usage(format string, args ...any) error {
	return &exit{exitUsage, diag.New("usage", format, args...)}
}

// Main runs the command line and returns the exit code. It never panics for a user's mistake; a panic is reported as a bug.
func Main(p Program, args []string) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	a := &app{Program: p, ctx: ctx}
	defer func() {
		if r := recover(); r != nil {
			a.report(diag.New("internal", "%v", r).WithHint("this is a bug in assetdev; please report it with this trace:\n%s", debug.Stack()))
			code = exitInternal
		}
	}()
	root := a.root()
	root.SetArgs(args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	code = codeOf(ctx, err)
	if isUsage(err) && !a.json { // reading the flags ended at the wrong one
		a.json = slices.Contains(args, "--json")
	}
	var unsaid []error
	for _, part := range parts(err) {
		carried, ok := errors.AsType[*exit](part)
		if ok && carried.err == nil || code == exitInterrupted && errors.Is(part, context.Canceled) {
			continue
		}
		if ok {
			part = carried.err
		}
		unsaid = append(unsaid, part)
	}
	if len(unsaid) > 0 {
		a.report(errors.Join(unsaid...))
	}
	return code
}

// parts returns the errors that were joined to err.
func parts(err error) []error {
	joined, ok := any(err).(interface{ Unwrap() []error })
	if !ok || reflect.TypeOf(err) != joinedType {
		return []error{err}
	}
	var all []error
	for _, part := range joined.Unwrap() {
		all = append(all, parts(part)...)
	}
	return all
}

// joinedType is the type of what errors.Join returns; an error of fmt.Errorf with several %w says something of its own.
var joinedType = reflect.TypeOf(errors.Join(errors.ErrUnsupported))

// strength is the order in which exit codes win where several hold.
var strength = []int{exitInternal, exitUsage, exitNotTrusted, exitInterrupted, exitFailed, exitNotFresh}

// codeOf returns the exit code of an error, the strongest of those that hold.
func codeOf(ctx context.Context, err error) int {
	var hold []int
	for _, part := range parts(err) {
		hold = append(hold, codeOfPart(part))
	}
	if ctx.Err() != nil {
		hold = append(hold, exitInterrupted)
	}
	i := slices.IndexFunc(strength, func(code int) bool { return slices.Contains(hold, code) })
	return strength[i]
}

func codeOfPart(err error) int {
	var carried *exit
	var needs *engine.NeedsTrust
	var d *diag.Error
	switch {
	case errors.As(err, &carried):
		return carried.code
	case isUsage(err):
		return exitUsage
	case errors.As(err, &needs):
		return exitNotTrusted
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &d) && (d.Kind == "workspace" || d.Kind == "usage" || d.Kind == "asset" || d.Kind == "partition"):
		return exitUsage
	case errors.As(err, &d) && d.Kind == "internal":
		return exitInternal
	}
	return exitFailed
}

// isUsage recognises what cobra says of wrong flags and commands; it has no types for these.
func isUsage(err error) bool {
	text := err.Error()
	return slices.ContainsFunc([]string{"unknown command", "unknown flag", "unknown shorthand", "flag needs an argument", "invalid argument", "accepts ", "requires at least", "required flag"},
		func(start string) bool { return strings.HasPrefix(text, start) })
}

// report prints an error that ends the command. Under --json it is one object, for the first of several.
func (a *app) report(err error) {
	if !a.json {
		fmt.Fprintln(a.Stderr, safeText(diag.Text(err)))
		return
	}
	d := diag.Findings(err)[0]
	out := jsonError{Kind: d.Kind, Message: d.What, Hint: d.Hint, File: d.Pos.File, Line: d.Pos.Line, Column: d.Pos.Column}
	switch {
	case isUsage(err):
		out.Kind = "usage"
	case out.Kind == "":
		out.Kind = "error"
	}
	_ = printJSON(a.Stderr, struct {
		Format int       `json:"format"`
		Error  jsonError `json:"error"`
	}{1, out}) // who closed stderr does not read
}

type jsonError struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

const rootHelp = `assetdev is the workbench for data assets whose code lives in several repositories.

It loads workspace.yaml, shows the asset graph across repositories with what is stale and why, materializes the selected
asset with exactly its stale upstreams, and shows the resulting rows. Without a command it opens the screen, or, when
there is no terminal, prints the status.

Results go to stdout, everything else to stderr; --json prints JSON, errors too.`

// exitHelp is below the flags of every command's help.
const exitHelp = `
Exit codes: 0 done, 1 something failed, 2 wrong usage or workspace.yaml, 3 --exit-code and not fresh, 4 not trusted, 5 a bug, 130 interrupted
`

const completionHelp = `Prints a script that completes commands, flags, asset keys, selections and runs. Completing executes nothing of a workspace.`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "assetdev", Short: "the workbench for data assets in several repositories", Long: rootHelp,
		Version: a.Version, SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		PersistentPreRun: func(*cobra.Command, []string) { a.look = newLook(a) },
		RunE: func(*cobra.Command, []string) error {
			if a.interactive() {
				return a.screen(a.workspace)
			}
			return a.status(nil, engine.Partitions{}, false)
		},
	}
	root.SetVersionTemplate("assetdev {{.Version}}\n")
	root.SetUsageTemplate(root.UsageTemplate() + exitHelp)
	flags := root.PersistentFlags()
	flags.StringVarP(&a.workspace, "workspace", "w", "", "workspace `FILE` (default: workspace.yaml, searched upwards)")
	flags.BoolVar(&a.json, "json", false, "print JSON")
	flags.BoolVar(&a.trust, "trust", false, "trust the workspace for this call only")
	flags.BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&a.noColor, "no-color", false, "no colour")
	flags.BoolVar(&a.ascii, "ascii", false, "draw with ASCII characters only")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print nothing but results")
	flags.CountVarP(&a.verbose, "verbose", "v", "print more``") // no name for its value, which nobody types
	root.AddGroup(&cobra.Group{ID: "see", Title: "See:"}, &cobra.Group{ID: "do", Title: "Do:"}, &cobra.Group{ID: "set", Title: "Set up:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("see", a.statusCommand(), a.listCommand(), a.whyCommand(), a.planCommand(), a.previewCommand(), a.versionsCommand(), a.pathCommand(), a.graphCommand(),
		a.runsCommand(), a.logsCommand(), a.locationsCommand())
	add("do", a.materializeCommand(), a.watchCommand(), a.rollbackCommand(), a.adoptCommand(), a.gcCommand())
	add("set", a.demoCommand(), a.initCommand(), a.trustCommand(), a.doctorCommand(), a.verifyCommand(), a.completionCommand(), a.versionCommand())
	root.SetHelpCommand(helpCommand())
	root.SetHelpCommandGroupID("set")
	return root
}

// selection joins what a user typed into one selection; several arguments mean "or". Flag -s adds to the arguments.
func selection(args, flagged []string) []string { return append(slices.Clone(args), flagged...) }

// key reads an asset key from an argument.
func key(text string) (graph.Key, error) {
	k, err := graph.ParseKey(text)
	if err != nil {
		return k, usage("%w", err)
	}
	return k, nil
}
