package asset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/assetdev/assetdev/internal/wire"
)

var errNotExist = fs.ErrNotExist

// An Outcome is what one materialization brought, besides the rows in its file.
type Outcome struct {
	Rows        int64
	NoData      bool                       // the asset hands over no rows, and no file was written
	DataVersion string                     // what [DataVersion] said
	Metadata    map[string]json.RawMessage // what [Report] said
}

// Materialize makes the asset once in this process, for tests and tools; package asset/assettest is built on it. inputs holds
// for each upstream the path of an Arrow IPC file; output is the path of the file to write. A panic of the function is returned as an error.
func (a Asset) Materialize(ctx context.Context, inputs map[string]string, output string) (Outcome, error) {
	if err := a.Err(); err != nil {
		return Outcome{}, err
	}
	s := &step{asset: a.d, say: func(wire.Message) {}, inputs: map[string]wire.Input{}}
	for key, path := range inputs {
		s.inputs[key] = wire.Input{Asset: key, Arrow: path}
	}
	return s.run(ctx, output)
}

// InputSchema returns the columns that the function reads of an upstream by a field of rows; ok is false for Arrow data, for an
// upstream that it loads by hand, and for one that it does not read.
func (a Asset) InputSchema(key string) (schema *arrow.Schema, ok bool) {
	for _, in := range a.d.fn.inputs {
		if in.key == key && in.table != nil {
			return in.table.schema, true
		}
	}
	return nil, false
}

// run calls the function and writes its result to output.
func (s *step) run(ctx context.Context, output string) (outcome Outcome, err error) {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, stepKey{}, s))
	defer cancel()
	defer s.end()
	outcome.NoData = s.asset.fn.output == nil
	err = guard(func() error {
		var err error
		outcome.Rows, err = s.call(ctx, output)
		return err
	})
	// A stream that failed fails the step, even when the function went on.
	if failed := s.keep.end(); err == nil {
		err = failed
	}
	if err == nil && !outcome.NoData {
		if _, err = os.Stat(output); err != nil {
			err = fmt.Errorf("the result is gone: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcome.Metadata, outcome.DataVersion = s.metadata, s.dataVersion
	return outcome, err
}

func (s *step) call(ctx context.Context, output string) (rows int64, err error) {
	fn := s.asset.fn
	var args []reflect.Value
	if fn.context {
		args = append(args, reflect.ValueOf(&ctx).Elem())
	}
	if fn.args != nil {
		arg := reflect.New(fn.args).Elem()
		for _, in := range fn.inputs {
			v, err := s.load(in.key, in.data)
			if err != nil {
				return 0, err
			}
			arg.Field(in.index).Set(v)
		}
		args = append(args, arg)
	}
	results := fn.value.Call(args)
	if fn.fails {
		if failed := results[len(results)-1]; !failed.IsNil() {
			return 0, failed.Interface().(error)
		}
	}
	if fn.output == nil {
		return 0, nil
	}
	return fn.output.write(output, results[0])
}

// A panicError is a panic of the user's code, with where it came from.
type panicError struct {
	value any
	trace string
	file  string
	line  int
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (p *panicError) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// Format makes %+v show the trace, as in the failure of a test.
func (p *panicError) Format(f fmt.State, verb rune) {
	text := p.Error()
	if verb == 'v' && f.Flag('+') {
		text += "\n\n" + p.trace
	}
	_, _ = f.Write([]byte(text)) // fmt ignores what Format cannot write
}

// guard calls f and turns a panic, or an end of the goroutine, into an error.
func guard(f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = errors.New("the function ended its goroutine (runtime.Goexit)")
		defer func() {
			if value := recover(); value != nil {
				err = panicked(value)
			}
		}()
		err = f()
	}()
	<-done
	return err
}

// panicked describes the panic that is being recovered.
func panicked(value any) *panicError {
	var callers [256]uintptr
	n := runtime.Callers(3, callers[:]) // without Callers, panicked and the deferred function
	p := &panicError{value: value}
	var trace bytes.Buffer
	frames := runtime.CallersFrames(callers[:n])
	fallback := runtime.Frame{}
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if ours(frame.Function) {
			continue
		}
		fmt.Fprintf(&trace, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
		switch {
		case p.file == "" && users(frame.File):
			p.file, p.line = frame.File, frame.Line
		case fallback.File == "":
			fallback = frame
		}
	}
	if p.file == "" {
		p.file, p.line = fallback.File, fallback.Line
	}
	p.trace = trace.String()
	return p
}

const (
	thisPackage = "github.com/assetdev/assetdev/asset."
	modCache    = "/pkg/mod/"
)

// ours reports whether a frame belongs to the machinery between the user's frames.
func ours(function string) bool {
	return strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, "reflect.") || strings.HasPrefix(function, thisPackage)
}

// standardLibrary is the folder with the sources of the standard library, "" when the program was built with -trimpath.
var standardLibrary = func() string {
	f := runtime.FuncForPC(reflect.ValueOf(strings.ToUpper).Pointer())
	path, _ := f.FileLine(f.Entry())
	root, _, _ := strings.Cut(path, "strings/")
	return root
}()

// users reports whether a file is the user's own, neither of the standard library nor of another module.
func users(file string) bool {
	return !strings.Contains(file, modCache) && (standardLibrary == "" || !strings.HasPrefix(file, standardLibrary))
}
