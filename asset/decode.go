package asset

import (
	"encoding"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Reading refuses by type, before the first row, what could lose something. The few losses that only a value shows (a time
// that no time.Time tells, a key that a map has twice) are errors of that row.

var errNull = errors.New("it is null; read it into a pointer")

// errType is the error of a column whose type does not convert; what reads the column names both types.
var errType = errors.New("it does not convert without loss")

// bind says how arrays of type from are read, nulls, dictionaries and extension types included.
func (c codec) bind(from arrow.DataType) (reader, error) {
	switch t := from.(type) {
	case *arrow.DictionaryType:
		read, err := c.bind(t.ValueType)
		if err != nil {
			return nil, err
		}
		return func(a arrow.Array) getter {
			d := a.(*array.Dictionary)
			get := read(d.Dictionary())
			return c.nulls(d, func(i int, v reflect.Value) error { return get(d.GetValueIndex(i), v) })
		}, nil
	case arrow.ExtensionType:
		read, err := c.bind(t.StorageType())
		if err != nil {
			return nil, err
		}
		return func(a arrow.Array) getter { return read(a.(array.ExtensionArray).Storage()) }, nil
	case *arrow.NullType:
		return func(a arrow.Array) getter { return c.nulls(a, nil) }, nil
	}
	read, err := c.decode(from)
	if err != nil {
		return nil, err
	}
	return func(a arrow.Array) getter { return c.nulls(a, read(a)) }, nil
}

// nulls puts the handling of nulls before get.
func (c codec) nulls(a arrow.Array, get getter) getter {
	if a.NullN() == 0 && get != nil {
		return get
	}
	return func(i int, v reflect.Value) error {
		switch {
		case get != nil && a.IsValid(i):
			return get(i, v)
		case c.nullable:
			v.SetZero()
			return nil
		default:
			return errNull
		}
	}
}

func decodeBool(from arrow.DataType) (reader, error) {
	if from.ID() != arrow.BOOL {
		return nil, errType
	}
	return func(a arrow.Array) getter {
		values := a.(*array.Boolean)
		return func(i int, v reflect.Value) error { v.SetBool(values.Value(i)); return nil }
	}, nil
}

// decodeNumber reads integers into wider integers and into floats that hold all of them, and floats into wider floats.
func decodeNumber(from arrow.DataType, kind reflect.Kind) (reader, error) {
	bits := map[reflect.Kind]int{
		reflect.Int: 64, reflect.Int8: 8, reflect.Int16: 16, reflect.Int32: 32, reflect.Int64: 64,
		reflect.Uint: 64, reflect.Uint8: 8, reflect.Uint16: 16, reflect.Uint32: 32, reflect.Uint64: 64,
		reflect.Float32: 24, reflect.Float64: 53, // of the mantissa
	}[kind]
	signed := reflect.Int <= kind && kind <= reflect.Int64
	float := kind == reflect.Float32 || kind == reflect.Float64

	width, fromSigned := 0, false
	switch id := from.ID(); {
	case arrow.IsSignedInteger(id):
		width, fromSigned = from.(arrow.FixedWidthDataType).BitWidth(), true
	case arrow.IsUnsignedInteger(id):
		width = from.(arrow.FixedWidthDataType).BitWidth()
	case arrow.IsFloating(id) && float && (id != arrow.FLOAT64 || kind == reflect.Float64):
		return func(a arrow.Array) getter {
			value := floats(a)
			return func(i int, v reflect.Value) error { v.SetFloat(value(i)); return nil }
		}, nil
	default:
		return nil, errType
	}

	fits := false
	switch {
	case float:
		fits = width <= bits
	case signed == fromSigned:
		fits = width <= bits
	case signed: // from unsigned
		fits = width < bits
	}
	switch {
	case !fits:
		return nil, errType
	case float && fromSigned:
		return func(a arrow.Array) getter {
			value := integers(a)
			return func(i int, v reflect.Value) error { v.SetFloat(float64(value(i))); return nil }
		}, nil
	case float:
		return func(a arrow.Array) getter {
			value := naturals(a)
			return func(i int, v reflect.Value) error { v.SetFloat(float64(value(i))); return nil }
		}, nil
	case fromSigned:
		return func(a arrow.Array) getter {
			value := integers(a)
			return func(i int, v reflect.Value) error { v.SetInt(value(i)); return nil }
		}, nil
	case signed:
		return func(a arrow.Array) getter {
			value := naturals(a)
			return func(i int, v reflect.Value) error { v.SetInt(int64(value(i))); return nil }
		}, nil
	default:
		return func(a arrow.Array) getter {
			value := naturals(a)
			return func(i int, v reflect.Value) error { v.SetUint(value(i)); return nil }
		}, nil
	}
}

func floats(a arrow.Array) func(int) float64 {
	switch a := a.(type) {
	case *array.Float16:
		return func(i int) float64 { return float64(a.Value(i).Float32()) }
	case *array.Float32:
		return func(i int) float64 { return float64(a.Value(i)) }
	default:
		return a.(*array.Float64).Value
	}
}

func integers(a arrow.Array) func(int) int64 {
	switch a := a.(type) {
	case *array.Int8:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Int16:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Int32:
		return func(i int) int64 { return int64(a.Value(i)) }
	default:
		return a.(*array.Int64).Value
	}
}

func naturals(a arrow.Array) func(int) uint64 {
	switch a := a.(type) {
	case *array.Uint8:
		return func(i int) uint64 { return uint64(a.Value(i)) }
	case *array.Uint16:
		return func(i int) uint64 { return uint64(a.Value(i)) }
	case *array.Uint32:
		return func(i int) uint64 { return uint64(a.Value(i)) }
	default:
		return a.(*array.Uint64).Value
	}
}

// decodeString reads strings, and decimals as their text.
func decodeString(from arrow.DataType) (reader, error) {
	value, err := texts(from)
	if err != nil {
		return nil, err
	}
	return func(a arrow.Array) getter {
		text := value(a)
		return func(i int, v reflect.Value) error { v.SetString(text(i)); return nil }
	}, nil
}

func decodeText(from arrow.DataType) (reader, error) {
	value, err := texts(from)
	if err != nil {
		return nil, err
	}
	return func(a arrow.Array) getter {
		text := value(a)
		return func(i int, v reflect.Value) error { return setText(v, text(i)) }
	}, nil
}

func setText(v reflect.Value, text string) error {
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%s: %w", quoted(text), err)
	}
	return nil
}

// texts reads what has one text: strings and decimals.
func texts(from arrow.DataType) (func(arrow.Array) func(int) string, error) {
	switch t := from.(type) {
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return func(a arrow.Array) func(int) string { return a.(interface{ Value(int) string }).Value }, nil
	case *arrow.Decimal128Type:
		return func(a arrow.Array) func(int) string {
			values := a.(*array.Decimal128)
			return func(i int) string { return decimalText(values.Value(i).BigInt(), int(t.Scale)) }
		}, nil
	case *arrow.Decimal256Type:
		return func(a arrow.Array) func(int) string {
			values := a.(*array.Decimal256)
			return func(i int) string { return decimalText(values.Value(i).BigInt(), int(t.Scale)) }
		}, nil
	default:
		return nil, errType
	}
}

// decimalText writes n with scale decimal places, exactly.
func decimalText(n *big.Int, scale int) string {
	if scale <= 0 {
		if n.Sign() == 0 {
			return "0"
		}
		return n.String() + strings.Repeat("0", -scale)
	}
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	digits := new(big.Int).Abs(n).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

// decodeDecimal reads decimals and integers.
func decodeDecimal(from arrow.DataType, text bool) (reader, error) {
	var value func(arrow.Array) func(int) string
	switch id := from.ID(); {
	case id == arrow.DECIMAL128 || id == arrow.DECIMAL256:
		var err error
		if value, err = texts(from); err != nil {
			return nil, err
		}
	case arrow.IsSignedInteger(id):
		value = func(a arrow.Array) func(int) string {
			n := integers(a)
			return func(i int) string { return strconv.FormatInt(n(i), 10) }
		}
	case arrow.IsUnsignedInteger(id):
		value = func(a arrow.Array) func(int) string {
			n := naturals(a)
			return func(i int) string { return strconv.FormatUint(n(i), 10) }
		}
	default:
		return nil, errType
	}
	return func(a arrow.Array) getter {
		get := value(a)
		return func(i int, v reflect.Value) error {
			if text {
				return setText(v, get(i))
			}
			v.SetString(get(i))
			return nil
		}
	}, nil
}

// decodeBinary reads bytes and the bytes of strings. It copies them.
func decodeBinary(from arrow.DataType) (reader, error) {
	switch from.(type) {
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.FixedSizeBinaryType, *arrow.BinaryViewType:
		return func(a arrow.Array) getter {
			values := a.(interface{ Value(int) []byte })
			return func(i int, v reflect.Value) error { v.SetBytes(append([]byte{}, values.Value(i)...)); return nil }
		}, nil
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return func(a arrow.Array) getter {
			values := a.(interface{ Value(int) string })
			return func(i int, v reflect.Value) error { v.SetBytes([]byte(values.Value(i))); return nil }
		}, nil
	default:
		return nil, errType
	}
}

// decodeTime reads timestamps of every unit and dates; those without a time zone count as UTC.
func decodeTime(from arrow.DataType) (reader, error) {
	var value func(arrow.Array) func(int) time.Time
	switch t := from.(type) {
	case *arrow.TimestampType:
		unit := int64(t.Unit.Multiplier()) // nanoseconds
		second := int64(time.Second) / unit
		value = func(a arrow.Array) func(int) time.Time {
			values := a.(*array.Timestamp)
			return func(i int) time.Time {
				n := int64(values.Value(i))
				return time.Unix(n/second, n%second*unit)
			}
		}
	case *arrow.Date32Type:
		value = func(a arrow.Array) func(int) time.Time {
			values := a.(*array.Date32)
			return func(i int) time.Time { return time.Unix(int64(values.Value(i))*secondsPerDay, 0) }
		}
	case *arrow.Date64Type:
		value = func(a arrow.Array) func(int) time.Time {
			values := a.(*array.Date64)
			return func(i int) time.Time { return time.UnixMilli(int64(values.Value(i))) }
		}
	default:
		return nil, errType
	}
	return func(a arrow.Array) getter {
		get := value(a)
		return func(i int, v reflect.Value) error {
			t := get(i).UTC()
			if s := t.Unix(); s < -maxSeconds || s > maxSeconds {
				return errors.New("it is a time that time.Time cannot tell")
			}
			*v.Addr().Interface().(*time.Time) = t
			return nil
		}
	}, nil
}

// maxSeconds from 1970 is as far as timestamps in microseconds and dates go. Beyond, time.Time's calendar overflows.
const maxSeconds = (1<<31 - 1) * secondsPerDay

func decodeStruct(from arrow.DataType, columns []column) (reader, error) {
	t, ok := from.(*arrow.StructType)
	if !ok {
		return nil, errType
	}
	var wrong []error
	places := make([]int, len(columns))
	readers := make([]reader, len(columns))
	for k, c := range columns {
		place, ok := t.FieldIdx(c.name)
		if !ok {
			wrong = append(wrong, fmt.Errorf("no field %q; it has %s", c.name, fieldList(t.Fields())))
			continue
		}
		read, err := c.bind(t.Field(place).Type)
		if err != nil {
			wrong = append(wrong, c.mismatch(t.Field(place).Type, err))
			continue
		}
		places[k], readers[k] = place, read
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return func(a arrow.Array) getter {
		values := a.(*array.Struct)
		getters := make([]getter, len(columns))
		for k, read := range readers {
			getters[k] = read(values.Field(places[k]))
		}
		return func(i int, v reflect.Value) error {
			for k, get := range getters {
				if err := get(i, v.FieldByIndex(columns[k].index)); err != nil {
					return fmt.Errorf("%s: %w", columns[k].name, err)
				}
			}
			return nil
		}
	}, nil
}

// mismatch is the error of a column whose type is not what its field takes.
func (c column) mismatch(from arrow.DataType, err error) error {
	if errors.Is(err, errType) {
		return fmt.Errorf("column %q is %s, which does not convert without loss to %s", c.name, from, c.typ)
	}
	return fmt.Errorf("column %q: %w", c.name, err)
}

func fieldList(fields []arrow.Field) string {
	if len(fields) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", f.Name, f.Type)
	}
	return b.String()
}

func decodeList(from arrow.DataType, element codec) (reader, error) {
	t, ok := from.(arrow.ListLikeType)
	if !ok || from.ID() != arrow.LIST && from.ID() != arrow.LARGE_LIST && from.ID() != arrow.FIXED_SIZE_LIST {
		return nil, errType
	}
	read, err := element.bind(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(a arrow.Array) getter {
		list := a.(array.ListLike)
		get := read(list.ListValues())
		return func(i int, v reflect.Value) error {
			start, end := list.ValueOffsets(i)
			n := int(end - start)
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for k := range n {
				if err := get(int(start)+k, v.Index(k)); err != nil {
					return fmt.Errorf("element %d: %w", k, err)
				}
			}
			return nil
		}
	}, nil
}

func decodeMap(from arrow.DataType, typ reflect.Type, key, value codec) (reader, error) {
	t, ok := from.(*arrow.MapType)
	if !ok {
		return nil, errType
	}
	readKey, err := key.bind(t.KeyType())
	if err != nil {
		return nil, err
	}
	readValue, err := value.bind(t.ItemType())
	if err != nil {
		return nil, err
	}
	return func(a arrow.Array) getter {
		m := a.(*array.Map)
		getKey, getValue := readKey(m.Keys()), readValue(m.Items())
		return func(i int, v reflect.Value) error {
			start, end := m.ValueOffsets(i)
			made := reflect.MakeMapWithSize(typ, int(end-start))
			for k := int(start); k < int(end); k++ {
				name, element := reflect.New(typ.Key()).Elem(), reflect.New(typ.Elem()).Elem()
				if err := getKey(k, name); err != nil {
					return fmt.Errorf("key %d: %w", k-int(start), err)
				}
				if err := getValue(k, element); err != nil {
					return fmt.Errorf("value of key %v: %w", name, err)
				}
				if made.MapIndex(name).IsValid() {
					return fmt.Errorf("it has the key %v twice", name)
				}
				made.SetMapIndex(name, element)
			}
			v.Set(made)
			return nil
		}
	}, nil
}
