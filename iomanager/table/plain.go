package table

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Plain is what Arrow data is turned into before it is hashed and written: the layouts and types that Parquet knows.
//
//	dictionary                      its values
//	large and view text and binary  text, binary
//	large and fixed-size list       list, with nothing under its nulls (the Parquet writer refuses anything there)
//	extension                       its storage
//	date64                          date32
//	timestamp[s], time32[s]         in milliseconds
//	null                            null, nullable
//
// Durations, intervals, unions, list views, run ends and decimals beyond 38 digits have no plain form.

// plainField returns the field in plain form. path is for messages.
func plainField(f arrow.Field, path string) (arrow.Field, error) {
	t, err := plainType(f.Type, path)
	f.Type = t
	if err == nil && t.ID() == arrow.NULL {
		f.Nullable = true
	}
	return f, err
}

func plainType(t arrow.DataType, path string) (arrow.DataType, error) {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return plainType(t.ValueType, path)
	case arrow.ExtensionType:
		return plainType(t.StorageType(), path)
	case *arrow.LargeStringType, *arrow.StringViewType:
		return arrow.BinaryTypes.String, nil
	case *arrow.LargeBinaryType, *arrow.BinaryViewType:
		return arrow.BinaryTypes.Binary, nil
	case *arrow.Date64Type:
		return arrow.FixedWidthTypes.Date32, nil
	case *arrow.TimestampType:
		if t.Unit == arrow.Second {
			return &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: t.TimeZone}, nil
		}
		return t, nil
	case *arrow.Time32Type:
		return arrow.FixedWidthTypes.Time32ms, nil
	case *arrow.MapType:
		key, err := plainField(t.KeyField(), path+".key")
		if err != nil {
			return nil, err
		}
		item, err := plainField(t.ItemField(), path+".value")
		if err != nil {
			return nil, err
		}
		return arrow.MapOf(key.Type, item.Type), nil
	case *arrow.ListType, *arrow.LargeListType, *arrow.FixedSizeListType:
		element, err := plainType(t.(arrow.ListLikeType).Elem(), path+"[]")
		if err != nil {
			return nil, err
		}
		return arrow.ListOfField(arrow.Field{Name: "item", Type: element, Nullable: true}), nil
	case *arrow.StructType:
		if t.NumFields() == 0 {
			return nil, unsupported("column %q is a struct without fields, which Parquet cannot hold", path)
		}
		fields := make([]arrow.Field, t.NumFields())
		for i, f := range t.Fields() {
			var err error
			if fields[i], err = plainField(f, path+"."+f.Name); err != nil {
				return nil, err
			}
		}
		return arrow.StructOf(fields...), nil
	case *arrow.Decimal256Type:
		return nil, unsupported("column %q is a decimal of %d digits; more than 38 are not supported", path, t.Precision)
	case *arrow.Decimal128Type:
		if t.Precision < 1 || t.Precision > 38 {
			return nil, damaged("column %q is a decimal of %d digits", path, t.Precision)
		}
		return t, nil
	case *arrow.NullType, *arrow.BooleanType, *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type, *arrow.Uint8Type,
		*arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type, *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type, *arrow.StringType,
		*arrow.BinaryType, *arrow.FixedSizeBinaryType, *arrow.Date32Type, *arrow.Time64Type:
		return t, nil
	}
	return nil, unsupported("column %q has type %s, which Parquet cannot hold", path, t)
}

// plain returns the array as one of type t, which is its own type in plain form.
func (p plainer) plain(a arrow.Array, t arrow.DataType, path string) (arrow.Array, error) {
	switch a := a.(type) {
	case *array.Dictionary:
		dense, err := p.dense(a, path)
		if err != nil {
			return nil, err
		}
		return p.plain(dense, t, path)
	case array.ExtensionArray:
		return p.plain(a.Storage(), t, path)
	case *array.LargeString, *array.LargeBinary:
		return p.narrow(a.Data(), t, path)
	case *array.StringView:
		b := array.NewStringBuilder(p.mem)
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(a.Value(i))
			}
		}
		return b.NewArray(), nil
	case *array.BinaryView:
		b := array.NewBinaryBuilder(p.mem, arrow.BinaryTypes.Binary)
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(a.Value(i))
			}
		}
		return b.NewArray(), nil
	case *array.Date64:
		out := make([]int32, a.Len())
		for i, v := range a.Date64Values() {
			days := int64(v) / 86_400_000
			if int64(v)%86_400_000 < 0 {
				days--
			}
			if a.IsValid(i) && days != int64(int32(days)) {
				return nil, damaged("column %q, row %d: date out of range", path, p.row+i)
			}
			out[i] = int32(days)
		}
		return p.fixed(a, t, arrow.Int32Traits.CastToBytes(out)), nil
	case *array.Timestamp:
		if a.DataType().(*arrow.TimestampType).Unit != arrow.Second {
			return a, nil
		}
		out := make([]int64, a.Len())
		for i, v := range a.TimestampValues() {
			if a.IsValid(i) && (int64(v) > math.MaxInt64/1000 || int64(v) < math.MinInt64/1000) {
				return nil, damaged("column %q, row %d: time out of range", path, p.row+i)
			}
			out[i] = int64(v) * 1000
		}
		return p.fixed(a, t, arrow.Int64Traits.CastToBytes(out)), nil
	case *array.Time32:
		if a.DataType().(*arrow.Time32Type).Unit != arrow.Second {
			return a, nil
		}
		out := make([]int32, a.Len())
		for i, v := range a.Time32Values() {
			if a.IsValid(i) && (v < 0 || v > 86_400) {
				return nil, damaged("column %q, row %d: time of day out of range", path, p.row+i)
			}
			out[i] = int32(v) * 1000
		}
		return p.fixed(a, t, arrow.Int32Traits.CastToBytes(out)), nil
	case *array.Struct:
		children := make([]arrow.ArrayData, a.NumField())
		for i := range children {
			f := t.(*arrow.StructType).Field(i)
			child, err := p.plain(a.Field(i), f.Type, path+"."+f.Name)
			if err != nil {
				return nil, err
			}
			children[i] = child.Data()
		}
		return array.NewStructData(array.NewData(t, a.Len(), []*memory.Buffer{p.validity(a)}, children, a.NullN(), 0)), nil
	case array.ListLike:
		return p.list(a, t, path)
	}
	return a, nil
}

// A plainer brings the arrays of one batch into plain form.
type plainer struct {
	mem memory.Allocator
	row int // of the batch's first row, for messages
}

// validity returns the array's validity with offset 0, or nil when nothing is null.
func (p plainer) validity(a arrow.Array) *memory.Buffer {
	if a.NullN() == 0 {
		return nil
	}
	bits := make([]byte, (a.Len()+7)/8)
	for i := range a.Len() {
		if a.IsValid(i) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return memory.NewBufferBytes(bits)
}

func (p plainer) fixed(a arrow.Array, t arrow.DataType, values []byte) arrow.Array {
	return array.MakeFromData(array.NewData(t, a.Len(), []*memory.Buffer{p.validity(a), memory.NewBufferBytes(values)}, nil, a.NullN(), 0))
}

// dense returns the values of a dictionary array.
func (p plainer) dense(a *array.Dictionary, path string) (arrow.Array, error) {
	values := a.Dictionary()
	for i := range a.Len() {
		if a.IsValid(i) && (a.GetValueIndex(i) < 0 || a.GetValueIndex(i) >= values.Len()) {
			return nil, damaged("column %q, row %d: index outside of its dictionary", path, p.row+i)
		}
	}
	var b array.Builder
	switch values := values.(type) {
	case *array.String:
		text := array.NewStringBuilder(p.mem)
		for i := range a.Len() {
			if k := index(a, i); k < 0 || values.IsNull(k) {
				text.AppendNull()
			} else {
				text.Append(values.Value(k))
			}
		}
		b = text
	case *array.LargeString:
		text := array.NewStringBuilder(p.mem)
		for i := range a.Len() {
			if k := index(a, i); k < 0 || values.IsNull(k) {
				text.AppendNull()
			} else {
				text.Append(values.Value(k))
			}
		}
		return text.NewArray(), nil
	default: // rare: one slice for each run of values that follow each other in the dictionary
		var parts []arrow.Array
		for i := 0; i < a.Len(); {
			k, from := index(a, i), i
			if k < 0 {
				for i++; i < a.Len() && index(a, i) < 0; i++ {
				}
				parts = append(parts, array.MakeArrayOfNull(p.mem, values.DataType(), i-from))
				continue
			}
			for i++; i < a.Len() && index(a, i) == k+i-from; i++ {
			}
			parts = append(parts, array.NewSlice(values, int64(k), int64(k+i-from)))
		}
		if len(parts) == 0 {
			return array.NewSlice(values, 0, 0), nil
		}
		return array.Concatenate(parts, p.mem)
	}
	return b.NewArray(), nil
}

// index returns the index of row i into the dictionary, -1 for null.
func index(a *array.Dictionary, i int) int {
	if a.IsNull(i) {
		return -1
	}
	return a.GetValueIndex(i)
}

// narrow turns 64-bit offsets of text and binary into 32-bit ones.
func (p plainer) narrow(data arrow.ArrayData, t arrow.DataType, path string) (arrow.Array, error) {
	if data.Len() == 0 {
		return array.MakeArrayOfNull(p.mem, t, 0), nil
	}
	wide := arrow.Int64Traits.CastFromBytes(data.Buffers()[1].Bytes())[data.Offset() : data.Offset()+data.Len()+1]
	first, last := wide[0], wide[len(wide)-1]
	if first < 0 || last < first || last-first > math.MaxInt32 {
		return nil, damaged("column %q, rows %d to %d: %d bytes in one batch", path, p.row, p.row+data.Len()-1, last-first)
	}
	narrow := make([]int32, len(wide))
	for i, o := range wide {
		narrow[i] = int32(o - first)
	}
	values := memory.NewBufferBytes(nil)
	if last > first {
		values = memory.NewBufferBytes(data.Buffers()[2].Bytes()[first:last])
	}
	a := array.MakeFromData(data)
	buffers := []*memory.Buffer{p.validity(a), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(narrow)), values}
	return array.MakeFromData(array.NewData(t, data.Len(), buffers, nil, a.NullN(), 0)), nil
}

// list brings lists and maps into plain form: 32-bit offsets from 0, and nothing under a null.
func (p plainer) list(a array.ListLike, t arrow.DataType, path string) (arrow.Array, error) {
	values := a.ListValues()
	if a.Len() == 0 {
		return array.MakeArrayOfNull(p.mem, t, 0), nil
	}
	// The ranges of values that are not under a null, joined where they touch.
	var ranges [][2]int64
	offsets := make([]int32, a.Len()+1)
	total := int64(0)
	for i := range a.Len() {
		if a.IsValid(i) {
			start, end := a.ValueOffsets(i)
			if start < 0 || end < start || end > int64(values.Len()) {
				return nil, damaged("column %q, row %d: a list that lies outside of its values", path, p.row+i)
			}
			if last := len(ranges) - 1; last >= 0 && ranges[last][1] == start {
				ranges[last][1] = end
			} else if end > start {
				ranges = append(ranges, [2]int64{start, end})
			}
			if total += end - start; total > math.MaxInt32 {
				return nil, damaged("column %q, row %d: more than %d values in the lists of one batch", path, p.row+i, math.MaxInt32)
			}
		}
		offsets[i+1] = int32(total)
	}
	parts := make([]arrow.Array, len(ranges))
	for i, r := range ranges {
		parts[i] = array.NewSlice(values, r[0], r[1])
	}
	var err error
	switch len(parts) {
	case 0:
		values = array.NewSlice(values, 0, 0)
	case 1:
		values = parts[0]
	default:
		if values, err = array.Concatenate(parts, p.mem); err != nil {
			return nil, fmt.Errorf("column %q: %w", path, err)
		}
	}
	of := t.(arrow.ListLikeType).Elem()
	if values, err = p.plain(values, of, path); err != nil {
		return nil, err
	}
	buffers := []*memory.Buffer{p.validity(a), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}
	return array.MakeFromData(array.NewData(t, a.Len(), buffers, []arrow.ArrayData{values.Data()}, a.NullN(), 0)), nil
}
