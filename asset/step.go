package asset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/assetdev/assetdev/internal/wire"
)

// progressEvery is the least time between two progress messages of a step.
const progressEvery = 50 * time.Millisecond

// A step is one run of an asset's function. It travels in the context that the function gets.
type step struct {
	asset  *declaration
	inputs map[string]wire.Input
	view   string
	say    func(wire.Message)
	keep   kept

	mu          sync.Mutex
	ended       bool
	metadata    map[string]json.RawMessage
	dataVersion string
	pending     *wire.Progress // not sent yet
	sent        time.Time      // when the last progress was
	timer       *time.Timer    // sends pending
}

type stepKey struct{}

func stepOf(ctx context.Context) *step {
	s, _ := ctx.Value(stepKey{}).(*step)
	return s
}

// Progress tells how far the step is: fraction from 0 to 1, or negative when it cannot be told, and what it is doing. It may be
// called as often as one likes and from several goroutines: assetdev hears of it at most 20 times a second, and always of the last. Outside
// a step it does nothing.
func Progress(ctx context.Context, fraction float64, text string) {
	s := stepOf(ctx)
	if s == nil {
		return
	}
	if math.IsNaN(fraction) || fraction < 0 {
		fraction = -1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.pending = &wire.Progress{Fraction: min(fraction, 1), Text: text}
	switch wait := progressEvery - time.Since(s.sent); {
	case wait <= 0:
		s.flush()
	case s.timer == nil:
		s.timer = time.AfterFunc(wait, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.timer = nil
			if !s.ended {
				s.flush()
			}
		})
	}
}

// flush sends the pending progress. s.mu is held.
func (s *step) flush() {
	if s.pending != nil {
		s.say(wire.Message{Type: wire.TypeProgress, Progress: s.pending})
		s.pending, s.sent = nil, time.Now()
	}
}

// Report adds one fact about the materialization to its metadata: a number, text, bool, or anything that package encoding/json
// writes. assetdev shows it with the data, and the last value of a name counts. Outside a step it does nothing.
func Report(ctx context.Context, name string, value any) {
	s := stepOf(ctx)
	if s == nil {
		return
	}
	raw, err := marshal(value)
	if err == nil && len(raw) > wire.MaxLine/2 {
		err = fmt.Errorf("it has %d bytes as JSON, more than %d", len(raw), wire.MaxLine/2)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if err != nil {
		s.say(wire.Message{Type: wire.TypeLog, Log: &wire.Log{Level: wire.LevelWarning, Text: fmt.Sprintf("metadata %q is not kept: %v", name, err)}})
		return
	}
	if s.metadata == nil {
		s.metadata = map[string]json.RawMessage{}
	}
	s.metadata[name] = raw
	s.say(wire.Message{Type: wire.TypeMetadata, Metadata: map[string]json.RawMessage{name: raw}})
}

// marshal is json.Marshal with texts for the floats that JSON cannot write, errors as their text, and times as RFC 3339.
func marshal(value any) (json.RawMessage, error) {
	switch v := value.(type) {
	case error:
		value = v.Error()
	case time.Duration:
		value = v.String()
	case float64:
		value = number(v)
	case float32:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			value = number(f)
		}
	}
	return json.Marshal(value)
}

func number(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	default:
		return f
	}
}

// DataVersion says which data this is, for an asset that hands over no rows: as long as the text is the same, its downstreams do
// not become stale. Outside a step it does nothing.
func DataVersion(ctx context.Context, version string) {
	if s := stepOf(ctx); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dataVersion = version
	}
}

// end sends what is pending, and nothing after that.
func (s *step) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop() // if it fired already, it finds the step ended
	}
}

// LoadExternal reads all rows of an upstream that was declared with [Deps] or as an input: most of the time an asset of another
// code location. T is a struct as in the fields of the inputs. ctx is the context that the asset's function got.
//
// An upstream that was not declared is refused before any file is touched. When the upstream has no data, the error names its
// key, the file that is missing, the code location that makes it, and the command to do so.
func LoadExternal[T any](ctx context.Context, key string) ([]T, error) {
	v, err := load(ctx, key, reflect.TypeFor[[]T]())
	if err != nil {
		return nil, err
	}
	return v.Interface().([]T), nil
}

// StreamExternal is [LoadExternal] row by row, in bounded memory. Errors come as the last pair; a stream that failed fails the step.
func StreamExternal[T any](ctx context.Context, key string) iter.Seq2[T, error] {
	v, err := load(ctx, key, reflect.TypeFor[iter.Seq2[T, error]]())
	if err != nil {
		return func(yield func(T, error) bool) {
			var zero T
			yield(zero, err)
		}
	}
	return v.Interface().(iter.Seq2[T, error])
}

func load(ctx context.Context, key string, t reflect.Type) (reflect.Value, error) {
	s := stepOf(ctx)
	if s == nil {
		return reflect.Value{}, fmt.Errorf("load %q: the context is not that of a step; pass on the one that the asset's function got (in a test, run the asset with assettest.Run)", key)
	}
	if !s.asset.declares(key) {
		return reflect.Value{}, fmt.Errorf("load %q: asset %q does not declare it; add asset.Deps(%q) to its declaration", key, s.asset.wire.Key, key)
	}
	d, err := dataOf(t)
	if err == nil && d.table == nil {
		err = fmt.Errorf("%s is no table of structs", t)
	}
	if err != nil {
		return reflect.Value{}, fmt.Errorf("load %q: %w", key, err)
	}
	return s.load(key, d)
}

func (d *declaration) declares(key string) bool {
	return slices.Contains(d.wire.Inputs, key) || slices.Contains(d.wire.Deps, key)
}

// load reads a declared upstream.
func (s *step) load(key string, d data) (reflect.Value, error) {
	in := s.inputs[key]
	if in.Arrow == "" && in.Parquet != "" {
		return reflect.Value{}, fmt.Errorf("load %q: assetdev handed over %s, but this program reads Arrow IPC files only", key, in.Parquet)
	}
	if in.Arrow == "" {
		return reflect.Value{}, s.noData(in, key, filepath.Join(s.view, filepath.FromSlash(key)+".arrow"))
	}
	about := fmt.Sprintf("asset %q reads %q", s.asset.wire.Key, key)
	if in.DataVersion != "" {
		about += fmt.Sprintf(" (data version %s)", in.DataVersion)
	}
	v, err := d.read(in.Arrow, s.keep.about(about))
	if errors.Is(err, errNotExist) {
		return reflect.Value{}, s.noData(in, key, in.Arrow)
	}
	if err != nil {
		return reflect.Value{}, fmt.Errorf("%s: %w", about, err)
	}
	return v, nil
}

func (s *step) noData(in wire.Input, key, path string) error {
	if s.view == "" { // not started by assetdev
		return fmt.Errorf("load %q: there is no data; no file was given for it (in a test, assettest.Input gives one)", key)
	}
	if in.Location == "" {
		return fmt.Errorf("load %q: there is no data at %s; no code location makes it", key, path)
	}
	command := in.Command
	if command == "" {
		command = "assetdev materialize " + key
	}
	return fmt.Errorf("load %q: there is no data at %s; code location %q makes it, run: %s", key, path, in.Location, command)
}

// A kept remembers, for the end of a step, what must be released and which stream failed. All methods work on a nil kept, which
// remembers nothing. It is used from several goroutines.
type kept struct {
	shared *kept  // the one that remembers, nil for itself
	prefix string // of errors
	mu     sync.Mutex
	values []releaser
	failed error
}

type releaser interface{ Release() }

// about returns a view of k that says in its errors what they are about.
func (k *kept) about(prefix string) *kept { return &kept{shared: k, prefix: prefix} }

func (k *kept) root() *kept {
	if k.shared != nil {
		return k.shared
	}
	return k
}

func (k *kept) release(v releaser) {
	if k == nil {
		return
	}
	k = k.root()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values = append(k.values, v)
}

// fail remembers the first error and returns it with what it is about.
func (k *kept) fail(err error) error {
	if k == nil {
		return err
	}
	if k.prefix != "" {
		err = fmt.Errorf("%s: %w", k.prefix, err)
	}
	k = k.root()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed == nil {
		k.failed = err
	}
	return err
}

// end releases everything and returns the first error of a stream.
func (k *kept) end() error {
	k.mu.Lock()
	values := k.values
	k.values = nil
	k.mu.Unlock()
	for _, v := range values {
		v.Release()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failed
}
