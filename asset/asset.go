// Package asset is the SDK with which a Go program becomes a code location of assetdev.
//
// An asset is an ordinary function. What it reads are the fields of its argument, what it makes is its result, and a row is a
// struct whose tags name the columns:
//
//	type Order struct {
//		Customer int64     `asset:"customer_id"`
//		Amount   float64   `asset:"total_amount"`
//		At       time.Time `asset:"order_date"`
//	}
//
//	// spending sums up what each customer spent.
//	func spending(ctx context.Context, in struct {
//		Orders []Order `asset:"order_data"`
//	}) ([]Spending, error) { … }
//
//	func main() {
//		asset.Main(asset.New("spending", spending, asset.Group("analytics")))
//	}
//
// # Functions
//
// A function takes a [context.Context], a struct with its inputs, both, or nothing, and returns its rows, its rows and an error,
// an error, or nothing. An asset without rows is one that only has an effect.
//
// Each exported field of the inputs is one upstream asset, named by its tag or, without one, by the field's name in snake case.
// The type says how it is read; a result has the same types:
//
//   - []T, where T is a struct: all rows in memory
//   - T: a table of exactly one row, as the parameters of a model
//   - [iter.Seq2] of T and error: row by row in bounded memory; an input may be gone through several times
//   - [arrow.Record], []arrow.Record or [array.RecordReader]: columns. The SDK releases what it hands out when the step ends, and what is returned to it
//
// Nothing that was not declared can be read, and what was declared is checked before the function starts: each column that T
// names must exist and convert without loss. Columns that T does not name are not converted.
//
// # Columns
//
// An exported field of T is a column, named by its tag `asset:"name"` or its own name in snake case; `asset:"-"` leaves it out,
// an embedded struct contributes its fields. Column types are those of Arrow:
//
//   - bool, int8 … int64, uint8 … uint64, float32, float64, string; int and uint have 64 bits
//   - []byte: binary
//   - [time.Time]: timestamp[us, tz=UTC]; what is finer than a microsecond is cut off. With `asset:"day,date"`: date32, the day in the value's own time zone
//   - a string, or a type with MarshalText and UnmarshalText as decimal libraries have, with `asset:"amount,decimal(12,2)"`: decimal128
//   - any other type with MarshalText and UnmarshalText: string
//   - a struct: struct; a slice: list; a map whose keys are strings or integers: map, sorted by key
//   - a pointer to any of these: the same column with nulls. A nil slice, map or []byte is null too
//
// [time.Duration] is refused, because Parquet has no such type: use an integer of a unit that the name tells, as in "elapsed_ms".
// What a column cannot hold (a string that is no UTF-8, a decimal with too many digits) fails the step with row, column and value.
//
// Reading converts wherever nothing can be lost: narrower numbers to wider ones, integers to floats that hold all of them,
// dictionaries to their values, dates and timestamps of every unit to time.Time in UTC, decimals to their text. Everything else,
// and null in a field that is no pointer, is an error.
//
// # In tests
//
// Call the function. [Progress], [Report] and [DataVersion] do nothing outside a step. Package asset/assettest runs a whole
// asset on fixtures, as assetdev would.
package asset

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/internal/wire"
)

// An Asset is a function with a key and what else was declared of it. [New] makes one; it does not change after that.
type Asset struct{ d *declaration }

// A declaration is what New found out. With problems it is described as broken and never run.
type declaration struct {
	wire     wire.Asset
	fn       function
	file     string // of the call to New
	line     int
	problems []wire.Error
}

// New declares that f makes the asset with the given key: one or more segments of letters, digits, "_", "." and "-", joined by
// slashes. The package comment says which functions f may be.
//
// A declaration that is wrong does not panic: assetdev shows the problem with the file and line of the call to New, and the
// program's other assets go on working. [Asset.Err] returns it.
func New(key string, f any, options ...Option) Asset {
	_, file, line, _ := runtime.Caller(1)
	d := &declaration{wire: wire.Asset{Key: key}, file: absolute(file), line: line}
	problem := func(format string, args ...any) {
		d.problems = append(d.problems, wire.Error{Message: fmt.Sprintf("asset %q: ", key) + fmt.Sprintf(format, args...), File: d.file, Line: d.line})
	}
	if err := wire.CheckKey(key); err != nil {
		d.problems = append(d.problems, wire.Error{Message: err.Error(), File: d.file, Line: d.line})
	}
	fn, wrong := functionOf(f)
	for _, w := range wrong {
		problem("%s", w)
	}
	d.fn = fn
	d.wire.File, d.wire.Line, d.wire.Symbol = fn.file, fn.line, fn.symbol
	d.wire.NoData = fn.output == nil
	d.wire.Columns = fn.columns()
	for _, in := range fn.inputs {
		d.wire.Inputs = append(d.wire.Inputs, in.key)
	}
	for _, option := range options {
		if option != nil {
			option(d, problem)
		}
	}
	for _, dep := range slices.Concat(d.wire.Inputs, d.wire.Deps) {
		if err := wire.CheckKey(dep); err != nil {
			problem("it depends on a wrong key: %v", err)
		} else if dep == key {
			problem("it depends on itself")
		}
	}
	return Asset{d}
}

// Key returns the key that was given to New.
func (a Asset) Key() string { return a.d.wire.Key }

// Err returns what is wrong with the declaration, nil when nothing is.
func (a Asset) Err() error {
	if len(a.d.problems) == 0 {
		return nil
	}
	return problemList(a.d.problems)
}

// A problemList is the error of a wrong declaration: one line for each problem.
type problemList []wire.Error

func (p problemList) Error() string {
	lines := make([]string, len(p))
	for i, e := range p {
		lines[i] = e.Message
		if e.File != "" {
			lines[i] = fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
		}
	}
	return strings.Join(lines, "\n")
}

// An Option declares something more of an asset.
type Option func(d *declaration, problem func(format string, args ...any))

// Group puts the asset into a group, under which assetdev lists it.
func Group(name string) Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Group = name }
}

// Description replaces the doc comment of the function as the asset's description.
func Description(text string) Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Description = text }
}

// Owners names who answers for the asset: addresses, or teams as "team:ml".
func Owners(names ...string) Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Owners = append(d.wire.Owners, names...) }
}

// Kinds says what the asset is made of or with, as "sql" or "model".
func Kinds(names ...string) Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Kinds = append(d.wire.Kinds, names...) }
}

// Tags adds names with values, by which assets can be selected. "assetdev/auto": "false" keeps assetdev from starting the asset
// by itself, "assetdev/preview": "hide" hides its rows until they are asked for.
func Tags(tags map[string]string) Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Tags = merged(d.wire.Tags, tags) }
}

// Metadata adds facts about the asset that do not depend on a run; [Report] adds those of a run.
func Metadata(facts map[string]string) Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Metadata = merged(d.wire.Metadata, facts) }
}

func merged(to, from map[string]string) map[string]string {
	if to == nil {
		to = map[string]string{}
	}
	maps.Copy(to, from)
	return to
}

// CodeVersion replaces the code version that assetdev computes from the function and what it calls: the asset is stale when
// the text changes, and only then.
func CodeVersion(version string) Option {
	return func(d *declaration, problem func(string, ...any)) {
		if version == "" {
			problem("asset.CodeVersion needs a text")
		}
		d.wire.CodeVersion = version
	}
}

// FreshWithin is the freshness policy: data that is older is overdue.
func FreshWithin(age time.Duration) Option {
	return func(d *declaration, problem func(string, ...any)) {
		if age < time.Millisecond {
			problem("asset.FreshWithin(%v): it must be at least a millisecond", age)
			return
		}
		d.wire.MaxAgeMS = age.Milliseconds()
	}
}

// Timeout ends a step that takes longer.
func Timeout(limit time.Duration) Option {
	return func(d *declaration, problem func(string, ...any)) {
		if limit < time.Millisecond {
			problem("asset.Timeout(%v): it must be at least a millisecond", limit)
			return
		}
		d.wire.TimeoutMS = limit.Milliseconds()
	}
}

// Retry runs a failed step again, at most the given number of times.
func Retry(times int) Option {
	return func(d *declaration, problem func(string, ...any)) {
		if times < 0 {
			problem("asset.Retry(%d): it must not be negative", times)
			return
		}
		d.wire.Retries = times
	}
}

// Files declares files that the function reads by itself, as globs relative to the location's working directory. A change of
// one makes the asset stale.
func Files(globs ...string) Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Files = append(d.wire.Files, globs...) }
}

// Env declares environment variables that the result depends on. A change of one makes the asset stale.
func Env(names ...string) Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Env = append(d.wire.Env, names...) }
}

// Unordered says that the order of the rows means nothing: data that differs only by it counts as the same.
func Unordered() Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Unordered = true }
}

// Outside says that the function writes to places outside assetdev's storage, so that assetdev does not run it unasked.
func Outside() Option {
	return func(d *declaration, _ func(string, ...any)) { d.wire.Outside = true }
}

// Deps declares upstreams that are not fields of the inputs: they are made before, and the function may read them with
// [LoadExternal] and [StreamExternal].
func Deps(keys ...string) Option {
	return func(d *declaration, _ func(string, ...any)) {
		for _, key := range keys {
			if !slices.Contains(d.wire.Inputs, key) && !slices.Contains(d.wire.Deps, key) {
				d.wire.Deps = append(d.wire.Deps, key)
			}
		}
	}
}
