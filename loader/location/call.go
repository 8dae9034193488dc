package location

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/wire"
)

// Limits of what a process may say in one call.
const (
	maxAssets   = 100_000
	maxDescribe = 512 << 20 // bytes of an answer to describe
	maxMetadata = 4 << 20   // bytes of names and values
	maxEntries  = 5_000_000 // of what comes in pieces
)

// afterAnswer is how long a process may go on after it has answered, or after it has closed the channel.
const afterAnswer = 2 * time.Second

// traceLines and traceBytes bound what of a process's output becomes [Error.Trace].
const (
	traceLines = 100
	traceBytes = 64 << 10
)

// A Call is one request to one process that speaks the wire protocol: it starts the process, asks, listens, and sees to it that the process
// ends. Kinds of locations whose processes answer one request each are built on it.
type Call struct {
	// Command is what to start. Channel, Stdout and Stderr are set by Do, and for a step the variables of its environment that tell it
	// what it is: ASSETDEV_RUN, ASSETDEV_ASSET, and ASSETDEV_VIEW and SHARED_ASSETS_PATH, which are its view.
	Command child.Command
	// Timeout is how long the process may take to answer; 0 is for ever.
	Timeout time.Duration
	// Output gets log lines and progress while the process runs; nil drops them.
	Output Output
	// Explain finds in what a process wrote to stderr before it died what the user should see, as a panic or a traceback. It
	// sets Message, File and Line. May be nil.
	Explain func(stderr string) (Error, bool)
	// Silent is the hint for a process that ends well without having said anything.
	Silent string
	// Start starts the command; nil is [child.Start]. The process need not be new, but must be this call's alone.
	Start func(child.Command) (*child.Process, error)
	// FirstWord is how long the process may take until its hello, which comes before it runs code of the user; 0 is for ever. One that
	// takes longer is killed, and the error wraps [ErrNoHello].
	FirstWord time.Duration
}

// ErrNoHello says that a process was killed because it did not say hello: nothing of the user's was run.
var ErrNoHello = errors.New("the process did not say hello")

// An Answer is what a process said to one request.
type Answer struct {
	Hello    wire.Hello
	Assets   []wire.Asset
	Problems []wire.Error
	Result   wire.Result
	Metadata map[string]string
	// Definitions, Partitions, Mappings, Made and Checks are as in [Description] and [Result].
	Definitions wire.Definitions
	Partitions  []wire.Partitions
	Mappings    []wire.Mapping
	Made        []wire.MadePartitions
	Checks      []wire.Check
	Modules     []string
	Files       []wire.File
}

// Do makes the call. When it returns, the process and all that it started has ended. Every error is an [*Error]; when ctx is
// done before the answer, it is Interrupted and wraps the context's error.
func (c Call) Do(ctx context.Context, q wire.Request) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, interrupted(ctx, c.Timeout)
	}
	ring, err := child.NewRing(child.RingOptions{MaxBytes: traceBytes, MaxLines: 10 * traceLines, Each: c.forward()})
	if err != nil {
		return Answer{}, &Error{Message: err.Error(), Cause: err}
	}
	command := c.Command
	command.Channel = true
	command.Stdout, command.Stderr = ring.Stream("stdout"), ring.Stream("stderr")
	if command.Drain == 0 {
		command.Drain = 500 * time.Millisecond
	}
	if q.Type == wire.Materialize {
		if command.Env == nil {
			command.Env = os.Environ()
		}
		command.Env = append(slices.Clip(command.Env), "ASSETDEV_RUN="+q.Run, "ASSETDEV_ASSET="+q.Asset, "ASSETDEV_VIEW="+q.View, "SHARED_ASSETS_PATH="+q.View)
	}
	start := c.Start
	if start == nil {
		start = child.Start
	}
	if q.Debug {
		terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			return Answer{}, &Error{Message: "there is no terminal for the debugger: " + err.Error(), Cause: err}
		}
		defer terminal.Close()
		start = func(c child.Command) (*child.Process, error) { return child.StartForeground(c, terminal) }
	}
	p, err := start(command)
	if err != nil {
		return Answer{}, &Error{Message: err.Error(), Cause: err}
	}

	// The watcher ends the process when it must not go on. Its end closes the channel, and that ends Ask.
	limited := ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	answered := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		timer := time.NewTimer(time.Hour)
		timer.Stop()
		defer timer.Stop()
		over := answered
		for {
			select {
			case <-p.Done():
				return
			case <-over:
				over = nil
				timer.Reset(afterAnswer)
			case <-timer.C:
				p.Stop(context.WithoutCancel(ctx))
				return
			case <-limited.Done():
				if over == nil {
					limited = context.WithoutCancel(limited) // it has answered: the timer counts
					continue
				}
				p.Stop(context.WithoutCancel(ctx))
				return
			}
		}
	})

	channel := &channel{File: p.Channel()}
	if q.Type == wire.Describe {
		channel.limit = maxDescribe
	}
	conn := wire.NewConn(channel)
	hears := hears{out: c.Output}
	var mute atomic.Bool
	if c.FirstWord > 0 {
		timer := time.AfterFunc(c.FirstWord, func() {
			mute.Store(true)
			p.Kill() // Wait below waits for the same end
		})
		defer timer.Stop()
		channel.heard = timer.Stop
	}
	hello, last, err := conn.Ask(q, func(m wire.Message) {
		hears.message(m)
		if hears.bad != "" {
			_ = channel.Close() // ends Ask
		}
	})
	stopped := limited.Err() != nil // before the answer is announced: later it does not count
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		// What it says cannot be understood: nothing more is to be expected of it.
		p.Stop(context.WithoutCancel(ctx))
	}
	close(answered)
	exit := p.Wait()
	watcher.Wait()
	_ = channel.Close()

	answer := Answer{
		Hello: hello, Assets: hears.assets, Metadata: hears.metadata,
		Partitions: hears.partitions, Mappings: hears.mappings, Made: hears.made, Checks: hears.checks, Modules: hears.modules, Files: hears.files,
	}
	failed := &Error{Trace: output(ring)}
	switch {
	case err == nil && last.Type != wire.TypeError:
		if last.Definitions != nil {
			answer.Problems, answer.Definitions = last.Definitions.Problems, *last.Definitions
		}
		if last.Result != nil {
			answer.Result = *last.Result
		}
		if c.Output != nil && exit.LeftBehind > 0 {
			c.Output.Log("log", wire.LevelWarning, fmt.Sprintf("%d processes that the step left behind were ended", exit.LeftBehind))
		}
		if c.Output != nil && exit.Code != 0 {
			c.Output.Log("log", wire.LevelWarning, "after its answer the process ended with "+exit.String())
		}
		return answer, nil
	case stopped:
		e := interrupted(ctx, c.Timeout)
		e.Trace = failed.Trace
		return Answer{}, e
	case err != nil && hello.Protocol == 0 && mute.Load():
		failed.Message, failed.Cause = fmt.Sprintf("the process said nothing within %v", c.FirstWord), ErrNoHello
	case err == nil:
		failed.Message, failed.File, failed.Line = last.Error.Message, last.Error.File, last.Error.Line
		if last.Error.Trace != "" {
			failed.Trace = last.Error.Trace
		}
	case hears.bad != "":
		failed.Message = hears.bad
	case errors.Is(err, wire.ErrTooLong):
		failed.Message = fmt.Sprintf("the process sent a message of more than %d bytes", wire.MaxLine)
	case channel.full:
		failed.Message = fmt.Sprintf("the process sent more than %d bytes of definitions", maxDescribe)
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrClosed) && !channel.broken:
		failed.Message = "the process does not keep to assetdev's protocol: " + err.Error()
	default:
		c.died(failed, exit, hello, ring)
	}
	return Answer{Metadata: answer.Metadata, Checks: answer.Checks, Modules: answer.Modules}, failed
}

// died says how a process ended that gave no answer.
func (c Call) died(e *Error, exit child.Exit, hello wire.Hello, ring *child.Ring) {
	said := text(ring, "stderr")
	if c.Explain != nil {
		if found, ok := c.Explain(said); ok {
			e.Message, e.File, e.Line = found.Message, found.File, found.Line
			return
		}
	}
	switch {
	case exit.Stopped:
		e.Message = "the process closed its channel without an answer and went on"
	case exit.Code == 0 && hello.Protocol == 0:
		e.Message, e.Hint = "the process ended without a word to assetdev", c.Silent
	case exit.Signal == syscall.SIGKILL:
		e.Message = "the process was killed before it answered, as the system does with a process that takes more memory than there is"
	default:
		e.Message = "the process ended with " + exit.String() + " before it answered"
	}
	said = strings.TrimRight(said, "\n")
	if last := strings.TrimSpace(said[strings.LastIndexByte(said, '\n')+1:]); last != "" {
		e.Message += ": " + wire.Cut(last, 500)
	}
}

func interrupted(ctx context.Context, timeout time.Duration) *Error {
	err := ctx.Err()
	e := &Error{Interrupted: true, Cause: err}
	switch {
	case err == nil:
		e.Message, e.Cause = fmt.Sprintf("the process did not answer within %v", timeout), context.DeadlineExceeded
	case errors.Is(err, context.DeadlineExceeded):
		e.Message = "timed out"
	default:
		e.Message = "cancelled"
	}
	return e
}

func (c Call) forward() func(child.Line) {
	if c.Output == nil {
		return nil
	}
	return func(l child.Line) { c.Output.Log(l.Stream, "", l.Text) }
}

// output returns the last lines that a process printed: of stderr, else of stdout.
func output(ring *child.Ring) string {
	if s := text(ring, "stderr"); s != "" {
		return s
	}
	return text(ring, "stdout")
}

func text(ring *child.Ring, stream string) string {
	lines, _, _ := ring.Since(0, 0)
	var texts []string
	for _, l := range lines {
		if l.Stream == stream {
			texts = append(texts, l.Text)
		}
	}
	return strings.Join(texts[max(0, len(texts)-traceLines):], "\n")
}

// hears collects the messages before the last one.
type hears struct {
	out      Output
	assets   []wire.Asset
	metadata map[string]string
	size     int    // of the metadata
	bad      string // why no more is accepted

	partitions []wire.Partitions
	mappings   []wire.Mapping
	made       []wire.MadePartitions
	checks     []wire.Check
	modules    []string
	files      []wire.File
	entries    int            // keys of partitions and of mappings, checks, modules and files
	at         map[string]int // place of a definition in partitions, by its id, and of a mapping, by asset and input
}

// count adds to what is kept of a process and says whether that is still bearable.
func (h *hears) count(more int) bool {
	if h.entries += more + 1; h.entries > maxEntries {
		h.bad = fmt.Sprintf("the process named more than %d partitions, checks and modules", maxEntries)
	}
	return h.bad == ""
}

// piece returns the place of what comes in pieces, and whether it is new.
func (h *hears) piece(id string, next int) (int, bool) {
	if h.at == nil {
		h.at = map[string]int{}
	}
	i, known := h.at[id]
	if !known {
		i = next
		h.at[id] = next
	}
	return i, !known
}

func (h *hears) message(m wire.Message) {
	switch m.Type {
	case wire.TypeAsset:
		if len(h.assets) == maxAssets {
			h.bad = fmt.Sprintf("the process defines more than %d assets", maxAssets)
			return
		}
		h.assets = append(h.assets, *m.Asset)
	case wire.TypeLog:
		if h.out != nil {
			h.out.Log("log", m.Log.Level, m.Log.Text)
		}
	case wire.TypeProgress:
		if h.out != nil {
			h.out.Progress(m.Progress.Fraction, m.Progress.Text)
		}
	case wire.TypePartitions:
		if !h.count(len(m.Partitions.Keys)) {
			return
		}
		if i, first := h.piece("\x00"+m.Partitions.ID, len(h.partitions)); first {
			h.partitions = append(h.partitions, *m.Partitions)
		} else {
			h.partitions[i].Keys = append(h.partitions[i].Keys, m.Partitions.Keys...)
		}
	case wire.TypeMapping:
		keys := len(m.Mapping.Table)
		for _, read := range m.Mapping.Table {
			keys += len(read)
		}
		if !h.count(keys) {
			return
		}
		i, first := h.piece(m.Mapping.Asset+"\x00"+m.Mapping.Input, len(h.mappings))
		if first {
			h.mappings = append(h.mappings, *m.Mapping)
			return
		}
		whole := &h.mappings[i]
		whole.All = whole.All || m.Mapping.All
		if whole.Table == nil {
			whole.Table = map[string][]string{}
		}
		for key, read := range m.Mapping.Table {
			whole.Table[key] = append(whole.Table[key], read...)
		}
	case wire.TypeMade:
		if !h.count(len(m.Made.Partitions)) {
			return
		}
		i, first := h.piece("\x00\x00"+m.Made.Asset, len(h.made))
		if first {
			h.made = append(h.made, *m.Made)
			return
		}
		if h.made[i].Partitions == nil {
			h.made[i].Partitions = map[string]wire.Made{}
		}
		maps.Copy(h.made[i].Partitions, m.Made.Partitions)
	case wire.TypeCheck:
		if h.count(len(m.AssetCheck.Metadata)) {
			h.checks = append(h.checks, *m.AssetCheck)
		}
	case wire.TypeModules:
		if h.count(len(m.Modules)) {
			h.modules = append(h.modules, m.Modules...)
		}
	case wire.TypeFiles:
		if h.count(len(m.Files)) {
			h.files = append(h.files, m.Files...)
		}
	case wire.TypeMetadata:
		if h.metadata == nil {
			h.metadata = map[string]string{}
		}
		for name, raw := range m.Metadata {
			if h.size += len(name) + len(raw); h.size > maxMetadata {
				h.bad = fmt.Sprintf("the process sent more than %d bytes of metadata", maxMetadata)
				return
			}
			value := string(raw)
			_ = json.Unmarshal(raw, &value) // what is no string stays JSON
			h.metadata[name] = value
		}
	}
}

// A channel is our end of a process's socket with a limit of what is read.
type channel struct {
	*os.File
	limit, read int64
	full        bool
	heard       func() bool // called at the first byte; may be nil
	broken      bool        // the other side ended while it had not read all that we sent
}

func (c *channel) Read(p []byte) (int, error) {
	if c.limit > 0 && c.read > c.limit {
		c.full = true
		return 0, errors.New("too much")
	}
	n, err := c.File.Read(p)
	if c.read == 0 && n > 0 && c.heard != nil {
		c.heard()
	}
	c.read += int64(n)
	c.broken = c.broken || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

func (c *channel) Write(p []byte) (int, error) {
	n, err := c.File.Write(p)
	c.broken = c.broken || err != nil
	return n, err
}
