package asset

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
)

// This file says which columns a struct has. encode.go and decode.go hold the way of one value in each direction; table.go
// that of whole files.

// A table is a struct type as the row of a table.
type table struct {
	typ     reflect.Type
	columns []column
	schema  *arrow.Schema
}

// A column is one field of a row, or of a struct within it.
type column struct {
	name  string
	index []int // of the field, through embedded structs
	codec
}

// A codec is the way between one Go type and one Arrow type.
type codec struct {
	typ      arrow.DataType
	nullable bool
	// encode appends v to b and adds the bytes it takes, roughly, to size. A value that the column cannot hold is an error.
	encode func(b array.Builder, v reflect.Value, size *int) error
	// decode says how arrays of type from are read, or that they cannot without loss. Nulls never reach what it returns.
	decode func(from arrow.DataType) (reader, error)
}

// A reader prepares one array for being read value by value.
type reader func(arrow.Array) getter

// A getter sets v, which can be set, to the i-th value.
type getter func(i int, v reflect.Value) error

var (
	timeType        = reflect.TypeFor[time.Time]()
	durationType    = reflect.TypeFor[time.Duration]()
	marshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// tableOf returns the columns of the struct type t, or all that is wrong with them.
func tableOf(t reflect.Type) (*table, error) {
	columns, err := columnsOf(t, nil)
	if err != nil {
		return nil, err
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = c.field(c.name)
	}
	return &table{t, columns, arrow.NewSchema(fields, nil)}, nil
}

func (c codec) field(name string) arrow.Field {
	return arrow.Field{Name: name, Type: c.typ, Nullable: c.nullable}
}

// columnsOf returns the columns of a struct. within holds the structs around it.
func columnsOf(t reflect.Type, within []reflect.Type) ([]column, error) {
	if slices.Contains(within, t) {
		return nil, fmt.Errorf("%s contains itself, which no column can", t)
	}
	within = append(slices.Clip(within), t)
	var columns []column
	var wrong []error
	for i := range t.NumField() {
		field := t.Field(i)
		tag, tagged := field.Tag.Lookup("asset")
		name, options := splitTag(tag)
		if name == "-" {
			continue
		}
		if field.Anonymous && !tagged && field.Type.Kind() == reflect.Struct && field.Type != timeType && !isText(field.Type) {
			inner, err := columnsOf(field.Type, within)
			if err != nil {
				wrong = append(wrong, err)
			}
			for _, c := range inner {
				c.index = append([]int{i}, c.index...)
				columns = append(columns, c)
			}
			continue
		}
		if !field.IsExported() {
			if tagged {
				wrong = append(wrong, fmt.Errorf("%s.%s has a tag but is not exported", t, field.Name))
			}
			continue
		}
		if name == "" {
			name = snake(field.Name)
		}
		c, err := codecOf(field.Type, options, within)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s.%s: %w", t, field.Name, err))
			continue
		}
		columns = append(columns, column{name, []int{i}, c})
	}
	seen := map[string]bool{}
	for _, c := range columns {
		if seen[c.name] {
			wrong = append(wrong, fmt.Errorf("%s has two columns %q", t, c.name))
		}
		seen[c.name] = true
	}
	if len(columns) == 0 && len(wrong) == 0 {
		wrong = append(wrong, fmt.Errorf("%s has no exported field, so it has no column", t))
	}
	return columns, errors.Join(wrong...)
}

// splitTag splits a tag into the name and the options behind it. Commas within parentheses do not split.
func splitTag(tag string) (name string, options []string) {
	var parts []string
	depth, start := 0, 0
	for i, c := range tag {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth <= 0:
			parts = append(parts, strings.TrimSpace(tag[start:i]))
			start = i + 1
		}
	}
	parts = append(parts, strings.TrimSpace(tag[start:]))
	return parts[0], parts[1:]
}

// snake turns a Go name into the name of a column or key: CustomerID is customer_id, HTTPServer2 is http_server2.
func snake(name string) string {
	runes := []rune(name)
	var b strings.Builder
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && runes[i-1] != '_' {
			afterLower := !unicode.IsUpper(runes[i-1])
			beforeLower := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if afterLower || beforeLower {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// codecOf returns the codec of a field's type, an element's or a value's, with the options of its tag.
func codecOf(t reflect.Type, options []string, within []reflect.Type) (codec, error) {
	if t.Kind() == reflect.Pointer {
		inner, err := codecOf(t.Elem(), options, within)
		if err != nil {
			return codec{}, err
		}
		if inner.nullable {
			return codec{}, fmt.Errorf("%s: null is already a nil %s", t, t.Elem())
		}
		return pointerCodec(t, inner), nil
	}
	for _, option := range options {
		switch kind, args, _ := strings.Cut(option, "("); {
		case option == "date":
			if t != timeType {
				return codec{}, fmt.Errorf("the option date is for time.Time, not for %s", t)
			}
			return dateCodec(), nil
		case kind == "decimal":
			precision, scale, err := decimalArgs(args)
			if err != nil {
				return codec{}, fmt.Errorf("option %q: %w", option, err)
			}
			if t.Kind() != reflect.String && !isText(t) {
				return codec{}, fmt.Errorf("the option %s is for a string or a type with MarshalText and UnmarshalText, not for %s", option, t)
			}
			return decimalCodec(t, precision, scale), nil
		default:
			return codec{}, fmt.Errorf("unknown option %q in its tag; there are date and decimal(precision,scale)", option)
		}
	}
	switch {
	case t == timeType:
		return timeCodec(), nil
	case t == durationType:
		return codec{}, errors.New(`time.Duration has no column type in Parquet; use an integer of a unit that its name tells, as in "elapsed_ms"`)
	case isText(t):
		return textCodec(), nil
	}
	if number, ok := numbers[t.Kind()]; ok {
		return number, nil
	}
	kind := t.Kind()
	switch {
	case kind == reflect.Bool:
		return boolCodec(), nil
	case kind == reflect.String:
		return stringCodec(), nil
	case kind == reflect.Struct:
		columns, err := columnsOf(t, within)
		if err != nil {
			return codec{}, err
		}
		return structCodec(columns), nil
	case kind == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !isText(t.Elem()):
		return binaryCodec(), nil
	case kind == reflect.Slice:
		element, err := codecOf(t.Elem(), nil, within)
		if err != nil {
			return codec{}, fmt.Errorf("element: %w", err)
		}
		return listCodec(element), nil
	case kind == reflect.Map:
		return mapOf(t, within)
	default:
		return codec{}, fmt.Errorf("%s has no column type; a column is a bool, number, string, []byte, time.Time, decimal, a type with MarshalText and UnmarshalText, a struct, slice or map of these, or a pointer to one", t)
	}
}

func mapOf(t reflect.Type, within []reflect.Type) (codec, error) {
	if k := t.Key().Kind(); (k != reflect.String && !isInteger(k)) || isText(t.Key()) || t.Key() == durationType {
		return codec{}, fmt.Errorf("%s: the keys of a map must be strings or integers", t)
	}
	key, err := codecOf(t.Key(), nil, within)
	if err != nil {
		return codec{}, fmt.Errorf("key: %w", err)
	}
	value, err := codecOf(t.Elem(), nil, within)
	if err != nil {
		return codec{}, fmt.Errorf("value: %w", err)
	}
	return mapCodec(t, key, value), nil
}

// isText reports whether values of t are written and read as text.
func isText(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Interface && t != timeType && p.Implements(marshalerType) && p.Implements(unmarshalerType)
}

func isInteger(k reflect.Kind) bool {
	return reflect.Int <= k && k <= reflect.Uint64
}

// decimalArgs reads "12,2)", and "12)" as "12,0)".
func decimalArgs(text string) (precision, scale int32, err error) {
	inner, ok := strings.CutSuffix(text, ")")
	first, second, two := strings.Cut(inner, ",")
	p, err1 := strconv.ParseInt(strings.TrimSpace(first), 10, 32)
	s, err2 := int64(0), error(nil)
	if two {
		s, err2 = strconv.ParseInt(strings.TrimSpace(second), 10, 32)
	}
	if !ok || err1 != nil || err2 != nil || p < 1 || p > decimal128.MaxPrecision || s < 0 || s > p {
		return 0, 0, fmt.Errorf("it is written decimal(precision,scale) with a precision of 1 to %d and a scale of 0 to the precision", decimal128.MaxPrecision)
	}
	return int32(p), int32(s), nil
}
