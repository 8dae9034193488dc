package asset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/assetdev/assetdev/internal/wire"
)

// Main is the last line of a code location's main function: it serves the assets to assetdev and ends the process. The order of
// the assets has no meaning.
//
// What the program prints, and what it logs with packages log and log/slog, becomes the log of the step. An interrupt cancels the context
// of the running function; a second one ends the process.
//
// Started by hand, the program tells which assets it holds and how assetdev runs it.
func Main(assets ...Asset) {
	conn, err := wire.Open()
	if errors.Is(err, wire.ErrNoChannel) {
		os.Exit(explain(os.Stdout, os.Stderr, assets))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // from the first interrupt on, the next one ends the process
	code := serve(ctx, conn, assets)
	stop()
	os.Exit(code)
}

// serve answers the one request that comes over conn, closes it and returns the exit code.
func serve(ctx context.Context, conn *wire.Conn, assets []Asset) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The first message that cannot be sent ends the step: nobody listens any more.
	var once sync.Once
	var lost error
	say := func(m wire.Message) {
		if err := conn.Send(m); err != nil {
			if errors.Is(err, wire.ErrTooLong) {
				err = conn.Send(wire.Message{Type: wire.TypeLog, Log: &wire.Log{Level: wire.LevelWarning, Text: fmt.Sprintf("not sent: %v", err)}})
			}
			if err != nil {
				once.Do(func() { lost = err; cancel(err) })
			}
		}
	}
	say(wire.Message{Type: wire.TypeHello, Hello: &wire.Hello{
		Protocol: wire.Version, SDK: "go 1", PID: os.Getpid(), Reads: []string{wire.Arrow}, Writes: []string{wire.Arrow},
	}})
	code := 0
	request, err := conn.ReadRequest()
	switch {
	case err != nil:
		say(wire.Message{Type: wire.TypeError, Error: &wire.Error{Message: fmt.Sprintf("read request: %v", err)}})
		code = 2
	case request.Type == wire.Describe:
		describe(say, assets)
	default:
		slog.SetDefault(slog.New(newLogHandler(say)))
		code = materialize(ctx, say, assets, request)
	}
	if err := conn.Close(); err != nil {
		once.Do(func() { lost = err })
	}
	once.Do(func() {}) // lost is read below
	if lost != nil {
		fmt.Fprintln(os.Stderr, lost)
		return 2
	}
	return code
}

// describe sends every sound definition and then all problems.
func describe(say func(wire.Message), assets []Asset) {
	sound, problems := sort(assets)
	for _, a := range sound {
		say(wire.Message{Type: wire.TypeAsset, Asset: &a.d.wire})
	}
	say(wire.Message{Type: wire.TypeDefinitions, Definitions: &wire.Definitions{Problems: problems}})
}

// sort returns the assets that can be made, and what is wrong with the others. Of two with one key the first counts.
func sort(assets []Asset) (sound []Asset, problems []wire.Error) {
	seen := map[string]bool{}
	for i, a := range assets {
		switch {
		case a.d == nil:
			problems = append(problems, wire.Error{Message: fmt.Sprintf("argument %d of asset.Main is no asset; make it with asset.New", i+1)})
		case len(a.d.problems) > 0:
			problems = append(problems, a.d.problems...)
		case seen[a.Key()]:
			problems = append(problems, wire.Error{
				Message: fmt.Sprintf("asset %q: it is declared twice", a.Key()), File: a.d.file, Line: a.d.line,
			})
		default:
			seen[a.Key()] = true
			sound = append(sound, a)
		}
	}
	return sound, problems
}

func materialize(ctx context.Context, say func(wire.Message), assets []Asset, request wire.Request) int {
	fail := func(e wire.Error) int {
		say(wire.Message{Type: wire.TypeError, Error: &e})
		return 1
	}
	sound, problems := sort(assets)
	i := slices.IndexFunc(sound, func(a Asset) bool { return a.Key() == request.Asset })
	if i < 0 {
		for _, p := range problems {
			if strings.HasPrefix(p.Message, fmt.Sprintf("asset %q: ", request.Asset)) {
				return fail(p)
			}
		}
		return fail(wire.Error{Message: fmt.Sprintf("this program has no asset %q", request.Asset)})
	}
	s := &step{asset: sound[i].d, view: request.View, say: say, inputs: map[string]wire.Input{}}
	for _, in := range request.Inputs {
		s.inputs[in.Asset] = in
	}
	outcome, err := s.run(ctx, request.Output)
	if err != nil {
		e := wire.Error{Message: err.Error()}
		if e.Message == "" {
			e.Message = fmt.Sprintf("an error of type %T without a text", err)
		}
		if p, ok := errors.AsType[*panicError](err); ok {
			e.Trace, e.File, e.Line = p.trace, p.file, p.line
		}
		return fail(e)
	}
	result := &wire.Result{Format: wire.Arrow, Rows: outcome.Rows, DataVersion: outcome.DataVersion}
	if outcome.NoData {
		result.Format = wire.None
	}
	say(wire.Message{Type: wire.TypeResult, Result: result})
	return 0
}

// explain tells a person who started the program by hand what it is.
func explain(out, errs io.Writer, assets []Asset) int {
	sound, problems := sort(assets)
	var b strings.Builder
	fmt.Fprintf(&b, "This program is a code location of assetdev with %d assets:\n\n", len(sound))
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, a := range sound {
		d := a.d.wire
		reads := ""
		if keys := slices.Concat(d.Inputs, d.Deps); len(keys) > 0 {
			reads = "reads " + strings.Join(keys, ", ")
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", d.Key, d.Group, reads)
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	b.WriteString("\nassetdev runs it. List its package in workspace.yaml:\n\n" +
		"  load_from:\n    - go_package: {package_name: ./PACKAGE, working_directory: ./REPOSITORY}\n\n" +
		"and type assetdev there")
	if len(sound) > 0 {
		fmt.Fprintf(&b, ", or: assetdev materialize %s", sound[len(sound)-1].Key())
	}
	b.WriteString("\n")
	if _, err := io.WriteString(out, b.String()); err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	if len(problems) > 0 {
		fmt.Fprintln(errs, problemList(problems))
		return 1
	}
	return 0
}
