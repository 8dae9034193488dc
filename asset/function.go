package asset

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/assetdev/assetdev/internal/wire"
)

// A function is what reflection says of an asset's function.
type function struct {
	value   reflect.Value
	context bool         // its first argument is a context
	args    reflect.Type // struct of the inputs, nil when there is none
	inputs  []input
	output  *data // nil when it hands over no data
	fails   bool  // its last result is an error

	file   string // absolute, "" when the program was built with -trimpath
	line   int
	symbol string // import path, ".", function
}

// An input is one field of the inputs.
type input struct {
	key   string
	index int
	data
}

// A data is one of the Go types that tables are read into and made of.
type data struct {
	typ   reflect.Type
	shape shape
	table *table // the rows, nil for Arrow
}

// A shape says how a Go type holds a table.
type shape uint8

const (
	shapeRows    shape = iota // []T
	shapeRow                  // T, exactly one row
	shapeStream               // iter.Seq2[T, error]
	shapeRecord               // arrow.Record
	shapeRecords              // []arrow.Record
	shapeReader               // array.RecordReader
)

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
	recordType  = reflect.TypeFor[arrow.Record]()
	recordsType = reflect.TypeFor[[]arrow.Record]()
	readerType  = reflect.TypeFor[array.RecordReader]()
)

const allowedData = "[]T or T with a struct T, iter.Seq2[T, error], arrow.Record, []arrow.Record or array.RecordReader"

// functionOf looks at f. The texts say what is wrong with it.
func functionOf(f any) (fn function, wrong []string) {
	v := reflect.ValueOf(f)
	if !v.IsValid() || v.Kind() != reflect.Func {
		return function{}, []string{fmt.Sprintf("it is made by a %T; it must be a function", f)}
	}
	if v.IsNil() {
		return function{}, []string{"its function is nil"}
	}
	fn = function{value: v}
	fn.file, fn.line, fn.symbol = place(v.Pointer())

	t := v.Type()
	var args []reflect.Type
	for arg := range t.Ins() {
		args = append(args, arg)
	}
	if t.IsVariadic() {
		return fn, []string{fmt.Sprintf("%s has a variable number of arguments", t)}
	}
	if len(args) > 0 && args[0] == contextType {
		fn.context, args = true, args[1:]
	}
	if len(args) > 0 && args[0].Kind() == reflect.Struct {
		fn.args, args = args[0], args[1:]
		fn.inputs, wrong = inputsOf(fn.args)
	}
	if len(args) > 0 {
		wrong = append(wrong, fmt.Sprintf("%s: argument %s is neither a context.Context in the first place nor a struct with the inputs", t, args[0]))
	}

	var results []reflect.Type
	for result := range t.Outs() {
		results = append(results, result)
	}
	if n := len(results); n > 0 && results[n-1] == errorType {
		fn.fails, results = true, results[:n-1]
	}
	if len(results) > 1 {
		return fn, append(wrong, fmt.Sprintf("%s has %d results besides the error; an asset is one table", t, len(results)))
	}
	if len(results) == 1 {
		d, err := dataOf(results[0])
		if err != nil {
			return fn, append(wrong, fmt.Sprintf("its result: %v", err))
		}
		fn.output = &d
	}
	return fn, wrong
}

func inputsOf(t reflect.Type) (inputs []input, wrong []string) {
	for i := range t.NumField() {
		field := t.Field(i)
		tag, tagged := field.Tag.Lookup("asset")
		if !field.IsExported() {
			if tagged {
				wrong = append(wrong, fmt.Sprintf("input %s is not exported", field.Name))
			}
			continue
		}
		key, options := splitTag(tag)
		if key == "-" {
			continue
		}
		if key == "" {
			key = snake(field.Name)
		}
		if len(options) > 0 {
			wrong = append(wrong, fmt.Sprintf("input %s: unknown option %q in its tag; an input has a key only", field.Name, options[0]))
		}
		if slices.ContainsFunc(inputs, func(in input) bool { return in.key == key }) {
			wrong = append(wrong, fmt.Sprintf("input %s: the key %q is read twice", field.Name, key))
		}
		d, err := dataOf(field.Type)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("input %s: %v", field.Name, err))
			continue
		}
		inputs = append(inputs, input{key, i, d})
	}
	if t.NumField() > 0 && len(inputs) == 0 && len(wrong) == 0 {
		wrong = append(wrong, fmt.Sprintf("argument %s has no exported field, so it is no struct with the inputs", t))
	}
	return inputs, wrong
}

// dataOf says how t holds a table.
func dataOf(t reflect.Type) (data, error) {
	switch t {
	case recordType:
		return data{typ: t, shape: shapeRecord}, nil
	case recordsType:
		return data{typ: t, shape: shapeRecords}, nil
	case readerType:
		return data{typ: t, shape: shapeReader}, nil
	}
	row, s := t, shapeRow
	switch {
	case t.Kind() == reflect.Slice:
		row, s = t.Elem(), shapeRows
	case isStream(t):
		row, s = t.In(0).In(0), shapeStream
	}
	if row.Kind() != reflect.Struct || row == timeType {
		return data{}, fmt.Errorf("%s is no table; a table is %s", t, allowedData)
	}
	rows, err := tableOf(row)
	if err != nil {
		return data{}, err
	}
	return data{t, s, rows}, nil
}

func isStream(t reflect.Type) bool {
	if t.Kind() != reflect.Func || t.NumIn() != 1 || t.NumOut() != 0 || t.IsVariadic() || t.In(0).Kind() != reflect.Func {
		return false
	}
	yield := t.In(0)
	return yield.NumIn() == 2 && yield.In(1) == errorType && !yield.IsVariadic() && yield.NumOut() == 1 && yield.Out(0).Kind() == reflect.Bool
}

// columns are those that the function makes, nil when it does not say.
func (fn function) columns() []wire.Column {
	if fn.output == nil || fn.output.table == nil {
		return nil
	}
	var columns []wire.Column
	for _, f := range fn.output.table.schema.Fields() {
		columns = append(columns, wire.Column{Name: f.Name, Type: f.Type.String()})
	}
	return columns
}

// place says where the function that begins at pc is declared. A closure counts as the function that it stands in, as far as its name tells:
// the compiler puts the names of functions that it was inlined into before it, so that only its file and line are certain. A closure
// in a variable's initial value counts as init. A method is T.Method or (*T).Method. The symbol has the import path also for package main.
func place(pc uintptr) (file string, line int, symbol string) {
	// Of the frames that inlining put at pc, the outermost is the function itself.
	frames := runtime.CallersFrames([]uintptr{pc + 1})
	var outer runtime.Frame
	for more := true; more; {
		outer, more = frames.Next()
	}
	return absolute(outer.File), outer.Line, symbolOf(outer.Function, mainPath())
}

// symbolOf turns a function's name as the runtime writes it into the symbol that stands in the source.
func symbolOf(name, mainPath string) string {
	slash := strings.LastIndexByte(name, '/') + 1
	pkg, rest, _ := strings.Cut(name[slash:], ".")
	path := name[:slash] + pkg
	if unescaped, err := url.PathUnescape(path); err == nil { // a dot in the last part is written %2e
		path = unescaped
	}
	if path == "main" && mainPath != "" {
		path = mainPath
	}
	if i := strings.IndexByte(rest, '['); i >= 0 { // type arguments are written [...]
		if j := strings.LastIndexByte(rest, ']'); j > i {
			rest = rest[:i] + rest[j+1:]
		}
	}
	rest = strings.TrimSuffix(rest, "-fm")
	if strings.HasPrefix(rest, "glob..") { // a closure in a variable's initial value
		rest = "init"
	}
	parts := strings.Split(rest, ".")
	if len(parts) > 2 && (parts[0] == "main" || parts[0] == "init") && !isClosure(parts[1]) {
		parts = parts[1:] // a closure of a function that was inlined there
	}
	keep := 1
	if len(parts) > 1 && (strings.HasPrefix(parts[0], "(*") || !isClosure(parts[1])) {
		keep = 2 // T.Method or (*T).Method
	}
	return path + "." + strings.Join(parts[:keep], ".")
}

// isClosure reports whether a part of a function's name was made up by the compiler.
func isClosure(part string) bool {
	for _, prefix := range []string{"func", "gowrap", "deferwrap"} {
		if digits, ok := strings.CutPrefix(part, prefix); ok {
			part = digits
			break
		}
	}
	return strings.Trim(part, "0123456789-") == ""
}

// mainPath is the import path of the program's package main, "" when it is not known.
var mainPath = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Path == "command-line-arguments" {
		return ""
	}
	return info.Path
})

func absolute(file string) string {
	if !filepath.IsAbs(file) {
		return ""
	}
	return filepath.FromSlash(file)
}
