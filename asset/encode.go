package asset

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
)

// maxValue bounds one string or []byte, so that a batch never exceeds what a column's 32-bit offsets can tell.
const maxValue = 1 << 30

func boolCodec() codec {
	return codec{
		typ: arrow.FixedWidthTypes.Boolean,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			*size++
			b.(*array.BooleanBuilder).Append(v.Bool())
			return nil
		},
		decode: decodeBool,
	}
}

// numbers are the codecs of integers and floats.
var numbers = map[reflect.Kind]codec{
	reflect.Int:     numberCodec(reflect.Int, arrow.PrimitiveTypes.Int64, appendSigned[*array.Int64Builder, int64]),
	reflect.Int8:    numberCodec(reflect.Int8, arrow.PrimitiveTypes.Int8, appendSigned[*array.Int8Builder, int8]),
	reflect.Int16:   numberCodec(reflect.Int16, arrow.PrimitiveTypes.Int16, appendSigned[*array.Int16Builder, int16]),
	reflect.Int32:   numberCodec(reflect.Int32, arrow.PrimitiveTypes.Int32, appendSigned[*array.Int32Builder, int32]),
	reflect.Int64:   numberCodec(reflect.Int64, arrow.PrimitiveTypes.Int64, appendSigned[*array.Int64Builder, int64]),
	reflect.Uint:    numberCodec(reflect.Uint, arrow.PrimitiveTypes.Uint64, appendUnsigned[*array.Uint64Builder, uint64]),
	reflect.Uint8:   numberCodec(reflect.Uint8, arrow.PrimitiveTypes.Uint8, appendUnsigned[*array.Uint8Builder, uint8]),
	reflect.Uint16:  numberCodec(reflect.Uint16, arrow.PrimitiveTypes.Uint16, appendUnsigned[*array.Uint16Builder, uint16]),
	reflect.Uint32:  numberCodec(reflect.Uint32, arrow.PrimitiveTypes.Uint32, appendUnsigned[*array.Uint32Builder, uint32]),
	reflect.Uint64:  numberCodec(reflect.Uint64, arrow.PrimitiveTypes.Uint64, appendUnsigned[*array.Uint64Builder, uint64]),
	reflect.Float32: numberCodec(reflect.Float32, arrow.PrimitiveTypes.Float32, appendFloat[*array.Float32Builder, float32]),
	reflect.Float64: numberCodec(reflect.Float64, arrow.PrimitiveTypes.Float64, appendFloat[*array.Float64Builder, float64]),
}

func numberCodec(kind reflect.Kind, typ arrow.DataType, put func(array.Builder, reflect.Value)) codec {
	width := typ.(arrow.FixedWidthDataType).Bytes()
	return codec{
		typ: typ,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			*size += width
			put(b, v)
			return nil
		},
		decode: func(from arrow.DataType) (reader, error) { return decodeNumber(from, kind) },
	}
}

// An appender is the builder of a column of numbers of type T.
type appender[T any] interface{ Append(T) }

func appendSigned[B appender[T], T int8 | int16 | int32 | int64](b array.Builder, v reflect.Value) {
	b.(B).Append(T(v.Int()))
}

func appendUnsigned[B appender[T], T uint8 | uint16 | uint32 | uint64](b array.Builder, v reflect.Value) {
	b.(B).Append(T(v.Uint()))
}

func appendFloat[B appender[T], T float32 | float64](b array.Builder, v reflect.Value) {
	b.(B).Append(T(v.Float()))
}

func stringCodec() codec {
	return codec{
		typ: arrow.BinaryTypes.String,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			return appendString(b, v.String(), size)
		},
		decode: decodeString,
	}
}

func appendString(b array.Builder, s string, size *int) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not valid UTF-8; use []byte", quoted(s))
	}
	if len(s) > maxValue {
		return fmt.Errorf("a string of %d bytes is longer than a column can hold (%d)", len(s), maxValue)
	}
	*size += 4 + len(s)
	b.(*array.StringBuilder).Append(s)
	return nil
}

func binaryCodec() codec {
	return codec{
		typ:      arrow.BinaryTypes.Binary,
		nullable: true,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			if v.IsNil() {
				*size++
				b.AppendNull()
				return nil
			}
			if v.Len() > maxValue {
				return fmt.Errorf("a value of %d bytes is longer than a column can hold (%d)", v.Len(), maxValue)
			}
			*size += 4 + v.Len()
			b.(*array.BinaryBuilder).Append(v.Bytes())
			return nil
		},
		decode: decodeBinary,
	}
}

func textCodec() codec {
	return codec{
		typ: arrow.BinaryTypes.String,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			text, err := textOf(v)
			if err != nil {
				return err
			}
			return appendString(b, text, size)
		},
		decode: decodeText,
	}
}

// textOf returns the text of a value whose type has MarshalText.
func textOf(v reflect.Value) (string, error) {
	if !v.CanAddr() {
		addressable := reflect.New(v.Type()).Elem()
		addressable.Set(v)
		v = addressable
	}
	text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
	return string(text), err
}

// Years that a timestamp in microseconds reaches, with a margin.
const maxYear = 290_000

func timeCodec() codec {
	return codec{
		typ: arrow.FixedWidthTypes.Timestamp_us,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			t := *v.Addr().Interface().(*time.Time)
			if y := t.Year(); y < -maxYear || y > maxYear {
				return fmt.Errorf("year %d is outside of what a timestamp in microseconds can hold", y)
			}
			*size += 8
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(t.UnixMicro()))
			return nil
		},
		decode: decodeTime,
	}
}

func dateCodec() codec {
	return codec{
		typ: arrow.FixedWidthTypes.Date32,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			y, m, d := v.Addr().Interface().(*time.Time).Date()
			if y < -maxYear || y > maxYear {
				return fmt.Errorf("year %d is outside of what a date can hold", y)
			}
			*size += 4
			b.(*array.Date32Builder).Append(arrow.Date32(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay))
			return nil
		},
		decode: decodeTime,
	}
}

const secondsPerDay = 24 * 60 * 60

func decimalCodec(t reflect.Type, precision, scale int32) codec {
	return codec{
		typ: &arrow.Decimal128Type{Precision: precision, Scale: scale},
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			text := v.String()
			if isText(t) {
				var err error
				if text, err = textOf(v); err != nil {
					return err
				}
			}
			n, err := parseDecimal(text, precision, scale)
			if err != nil {
				return err
			}
			*size += 16
			b.(*array.Decimal128Builder).Append(n)
			return nil
		},
		decode: func(from arrow.DataType) (reader, error) { return decodeDecimal(from, isText(t)) },
	}
}

// parseDecimal reads a number such as "-12.50" or "1.5e3" exactly.
func parseDecimal(text string, precision, scale int32) (decimal128.Num, error) {
	bad := func(why string) (decimal128.Num, error) {
		return decimal128.Num{}, fmt.Errorf("%s %s", quoted(text), why)
	}
	mantissa, exponent := text, int64(0)
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.ParseInt(text[i+1:], 10, 32)
		if err != nil || n < -1000 || n > 1000 {
			return bad("is not a decimal number")
		}
		mantissa, exponent = text[:i], n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	negative := strings.HasPrefix(whole, "-")
	whole = strings.TrimPrefix(strings.TrimPrefix(whole, "-"), "+")
	if negative && strings.HasPrefix(text, "-+") || strings.Trim(whole+fraction, "0123456789") != "" || whole+fraction == "" {
		return bad("is not a decimal number")
	}
	fraction = strings.TrimRight(fraction, "0")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return decimal128.Num{}, nil
	}
	shift := exponent - int64(len(fraction)) + int64(scale) // how many zeros to append
	if shift < 0 {
		cut := len(digits) + int(shift)
		if cut < 0 || strings.Trim(digits[cut:], "0") != "" {
			return bad(fmt.Sprintf("has more than the %d decimal places of decimal(%d,%d)", scale, precision, scale))
		}
		digits, shift = digits[:cut], 0
	}
	if int64(len(digits))+shift > int64(precision) {
		return bad(fmt.Sprintf("has more digits than decimal(%d,%d) can hold", precision, scale))
	}
	n, ok := new(big.Int).SetString(digits+strings.Repeat("0", int(shift)), 10)
	if !ok {
		return bad("is not a decimal number")
	}
	if negative {
		n.Neg(n)
	}
	return decimal128.FromBigInt(n), nil
}

func pointerCodec(t reflect.Type, inner codec) codec {
	return codec{
		typ:      inner.typ,
		nullable: true,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			if v.IsNil() {
				*size++
				b.AppendNull()
				return nil
			}
			return inner.encode(b, v.Elem(), size)
		},
		decode: func(from arrow.DataType) (reader, error) {
			read, err := inner.decode(from)
			if err != nil {
				return nil, err
			}
			return func(a arrow.Array) getter {
				get := read(a)
				return func(i int, v reflect.Value) error {
					p := reflect.New(t.Elem())
					if err := get(i, p.Elem()); err != nil {
						return err
					}
					v.Set(p)
					return nil
				}
			}, nil
		},
	}
}

func structCodec(columns []column) codec {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = c.field(c.name)
	}
	return codec{
		typ: arrow.StructOf(fields...),
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			s := b.(*array.StructBuilder)
			s.Append(true)
			for i, c := range columns {
				if err := c.encode(s.FieldBuilder(i), v.FieldByIndex(c.index), size); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
			return nil
		},
		decode: func(from arrow.DataType) (reader, error) { return decodeStruct(from, columns) },
	}
}

func listCodec(element codec) codec {
	return codec{
		typ:      arrow.ListOfField(element.field("item")),
		nullable: true,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			l := b.(*array.ListBuilder)
			*size += 4
			if v.IsNil() {
				l.AppendNull()
				return nil
			}
			l.Append(true)
			for i := range v.Len() {
				if err := element.encode(l.ValueBuilder(), v.Index(i), size); err != nil {
					return fmt.Errorf("element %d: %w", i, err)
				}
			}
			return nil
		},
		decode: func(from arrow.DataType) (reader, error) { return decodeList(from, element) },
	}
}

func mapCodec(t reflect.Type, key, value codec) codec {
	typ := arrow.MapOf(key.typ, value.typ)
	return codec{
		typ:      typ,
		nullable: true,
		encode: func(b array.Builder, v reflect.Value, size *int) error {
			m := b.(*array.MapBuilder)
			*size += 4
			if v.IsNil() {
				m.AppendNull()
				return nil
			}
			m.Append(true)
			keys := v.MapKeys()
			slices.SortFunc(keys, compareKeys)
			// Values of a map cannot be addressed, which some codecs need.
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			for _, each := range keys {
				k.Set(each)
				e.Set(v.MapIndex(each))
				if err := key.encode(m.KeyBuilder(), k, size); err != nil {
					return fmt.Errorf("key %v: %w", each, err)
				}
				if err := value.encode(m.ItemBuilder(), e, size); err != nil {
					return fmt.Errorf("value of key %v: %w", each, err)
				}
			}
			return nil
		},
		decode: func(from arrow.DataType) (reader, error) { return decodeMap(from, t, key, value) },
	}
}

func compareKeys(a, b reflect.Value) int {
	switch {
	case a.CanInt():
		return cmp.Compare(a.Int(), b.Int())
	case a.CanUint():
		return cmp.Compare(a.Uint(), b.Uint())
	default:
		return strings.Compare(a.String(), b.String())
	}
}

// quoted is text for a message: quoted, and not longer than a line.
func quoted(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}

// storable reports why Arrow data of type t cannot be kept: Parquet has no such type.
func storable(t arrow.DataType) error {
	switch t.(type) {
	case *arrow.DurationType:
		return errors.New("duration has no column type in Parquet; use an integer")
	case *arrow.MonthIntervalType, *arrow.DayTimeIntervalType, *arrow.MonthDayNanoIntervalType, arrow.UnionType, *arrow.RunEndEncodedType,
		*arrow.ListViewType, *arrow.LargeListViewType, *arrow.StringViewType, *arrow.BinaryViewType:
		return fmt.Errorf("%s has no column type in Parquet", t)
	}
	if nested, ok := t.(arrow.NestedType); ok {
		for _, f := range nested.Fields() {
			if err := storable(f.Type); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	return nil
}
