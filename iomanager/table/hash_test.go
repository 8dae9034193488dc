package table

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
)

// version is the data version of one column.
func version(t *testing.T, f arrow.Field, a arrow.Array, unordered bool) string {
	t.Helper()
	dir := t.TempDir()
	in := writeIPC(t, filepath.Join(dir, "in.arrow"), true, recordOf([]arrow.Field{f}, []arrow.Array{a}))
	return mustConvert(t, ConvertRequest{In: in, Format: Arrow, Out: filepath.Join(dir, "out.parquet"), Unordered: unordered}).DataVersion
}

func TestWhatChangesADataVersion(t *testing.T) {
	type variant struct {
		name     string
		column   string
		nullable bool
		typ      arrow.DataType
		json     string
		meta     map[string]string
	}
	int64s, utf8 := arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String
	us := func(zone string) arrow.DataType {
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: zone}
	}
	structOf := func(name string, nullable bool) arrow.DataType {
		return arrow.StructOf(arrow.Field{Name: name, Type: int64s, Nullable: nullable})
	}
	variants := []variant{
		{name: "base", column: "x", nullable: true, typ: int64s, json: `[1, 2, null]`},
		{name: "value", column: "x", nullable: true, typ: int64s, json: `[1, 3, null]`},
		{name: "order", column: "x", nullable: true, typ: int64s, json: `[2, 1, null]`},
		{name: "place of the null", column: "x", nullable: true, typ: int64s, json: `[1, null, 2]`},
		{name: "zero for null", column: "x", nullable: true, typ: int64s, json: `[1, 2, 0]`},
		{name: "fewer rows", column: "x", nullable: true, typ: int64s, json: `[1, 2]`},
		{name: "one null more", column: "x", nullable: true, typ: int64s, json: `[1, 2, null, null]`},
		{name: "no rows", column: "x", nullable: true, typ: int64s, json: `[]`},
		{name: "no rows, other name", column: "y", nullable: true, typ: int64s, json: `[]`},
		{name: "name", column: "X", nullable: true, typ: int64s, json: `[1, 2, null]`},
		{name: "type", column: "x", nullable: true, typ: arrow.PrimitiveTypes.Uint64, json: `[1, 2, null]`},
		{name: "width", column: "x", nullable: true, typ: arrow.PrimitiveTypes.Int32, json: `[1, 2, null]`},
		{name: "metadata", column: "x", nullable: true, typ: int64s, json: `[1, 2, null]`, meta: map[string]string{"unit": "m"}},
		{name: "other metadata", column: "x", nullable: true, typ: int64s, json: `[1, 2, null]`, meta: map[string]string{"unit": "s"}},
		{name: "not null", column: "x", typ: int64s, json: `[1, 2, 3]`},
		{name: "nullable", column: "x", nullable: true, typ: int64s, json: `[1, 2, 3]`},
		{name: "text", column: "x", nullable: true, typ: utf8, json: `["ab", "c", null]`},
		{name: "text, cut elsewhere", column: "x", nullable: true, typ: utf8, json: `["a", "bc", null]`},
		{name: "empty text", column: "x", nullable: true, typ: utf8, json: `["ab", "c", ""]`},
		{name: "binary", column: "x", nullable: true, typ: arrow.BinaryTypes.Binary, json: `["YWI=", "Yw==", null]`},
		{name: "naive time", column: "x", nullable: true, typ: us(""), json: `["2024-01-01", null, null]`},
		{name: "UTC", column: "x", nullable: true, typ: us("UTC"), json: `["2024-01-01", null, null]`},
		{name: "Berlin", column: "x", nullable: true, typ: us("Europe/Berlin"), json: `["2024-01-01", null, null]`},
		{name: "milliseconds", column: "x", nullable: true, typ: &arrow.TimestampType{Unit: arrow.Millisecond}, json: `["2024-01-01", null, null]`},
		{name: "list", column: "x", nullable: true, typ: arrow.ListOf(int64s), json: `[[1, 2], [], null]`},
		{name: "list, cut elsewhere", column: "x", nullable: true, typ: arrow.ListOf(int64s), json: `[[1], [2], null]`},
		{name: "null for the empty list", column: "x", nullable: true, typ: arrow.ListOf(int64s), json: `[[1, 2], null, []]`},
		{name: "list with null", column: "x", nullable: true, typ: arrow.ListOf(int64s), json: `[[1, null], [], null]`},
		{name: "struct", column: "x", nullable: true, typ: structOf("a", true), json: `[{"a": 1}, {"a": null}, null]`},
		{name: "null for the struct of null", column: "x", nullable: true, typ: structOf("a", true), json: `[{"a": 1}, null, {"a": null}]`},
		{name: "field name", column: "x", nullable: true, typ: structOf("b", true), json: `[{"b": 1}, {"b": null}, null]`},
		{name: "field, nullable", column: "x", nullable: true, typ: structOf("a", true), json: `[{"a": 1}, {"a": 2}, null]`},
		{name: "field, not null", column: "x", nullable: true, typ: structOf("a", false), json: `[{"a": 1}, {"a": 2}, null]`},
		{name: "map", column: "x", nullable: true, typ: arrow.MapOf(utf8, int64s), json: `[[{"key": "a", "value": 1}], null]`},
		{name: "map, other key", column: "x", nullable: true, typ: arrow.MapOf(utf8, int64s), json: `[[{"key": "b", "value": 1}], null]`},
		{name: "decimal", column: "x", nullable: true, typ: &arrow.Decimal128Type{Precision: 10, Scale: 2}, json: `["1.00"]`},
		{name: "scale", column: "x", nullable: true, typ: &arrow.Decimal128Type{Precision: 10, Scale: 1}, json: `["10.0"]`},
		{name: "bool", column: "x", nullable: true, typ: arrow.FixedWidthTypes.Boolean, json: `[true, false]`},
		{name: "other bool", column: "x", nullable: true, typ: arrow.FixedWidthTypes.Boolean, json: `[true, true]`},
	}
	for _, unordered := range []bool{false, true} {
		seen := make(map[string]string)
		for _, v := range variants {
			f, a := col(t, v.column, v.nullable, v.typ, v.json)
			f.Metadata = arrow.MetadataFrom(v.meta)
			got := version(t, f, a, unordered)
			same := seen[got]
			if unordered && (v.name == "order" || v.name == "place of the null" || v.name == "null for the empty list" || v.name == "null for the struct of null") {
				if same == "" {
					t.Errorf("unordered: %q is a new version, want that of the rows in other order", v.name)
				}
				continue
			}
			if same != "" {
				t.Errorf("unordered %v: %q has the version of %q", unordered, v.name, same)
			}
			seen[got] = v.name
		}
	}
}

func TestWhatDoesNotChangeADataVersion(t *testing.T) {
	floats := func(values ...float64) (arrow.Field, arrow.Array) {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		b.AppendValues(values, nil)
		return arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float64}, b.NewArray()
	}
	otherNaN := math.Float64frombits(0xfff0000000000001)
	for _, unordered := range []bool{false, true} {
		f, a := floats(math.NaN(), math.Copysign(0, -1), 1)
		g, b := floats(otherNaN, 0, 1)
		if version(t, f, a, unordered) != version(t, g, b, unordered) {
			t.Errorf("unordered %v: NaN and zero: got two versions, want one", unordered)
		}
		h, c := floats(otherNaN, 0, math.Nextafter(1, 2))
		if version(t, f, a, unordered) == version(t, h, c, unordered) {
			t.Errorf("unordered %v: 1 and its successor: got one version, want two", unordered)
		}
	}

	// What lies under a null does not count.
	under := func(hidden int64) arrow.Array {
		values := memory.NewBufferBytes(arrow.Int64Traits.CastToBytes([]int64{1, hidden, 3}))
		return array.MakeFromData(array.NewData(arrow.PrimitiveTypes.Int64, 3, []*memory.Buffer{memory.NewBufferBytes([]byte{0b101}), values}, nil, 1, 0))
	}
	x := arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true}
	if version(t, x, under(7), false) != version(t, x, under(8), false) {
		t.Error("under a null: got two versions, want one")
	}
	lists := func(hidden int32) arrow.Array { // a null list that is not empty
		values := array.MakeFromData(array.NewData(arrow.PrimitiveTypes.Int32, 3, []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{1, hidden, 3}))}, nil, 0, 0))
		offsets := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, 1, 2, 3}))
		return array.MakeFromData(array.NewData(arrow.ListOf(arrow.PrimitiveTypes.Int32), 3, []*memory.Buffer{memory.NewBufferBytes([]byte{0b101}), offsets}, []arrow.ArrayData{values.Data()}, 1, 0))
	}
	l := arrow.Field{Name: "x", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true}
	if version(t, l, lists(7), false) != version(t, l, lists(8), false) {
		t.Error("under a null list: got two versions, want one")
	}

	// Dictionaries, 64-bit offsets, fixed-size lists, ids of fields are no part of the data.
	same := func(name string, types ...arrow.DataType) {
		t.Helper()
		var versions []string
		for i, typ := range types {
			json := `["a", null, "a", "b"]`
			if _, isList := typ.(arrow.ListLikeType); isList {
				json = `[["a", "b"], null, ["c", null], ["d", "e"]]`
			}
			f, a := col(t, "x", true, typ, json)
			f.Metadata = arrow.MetadataFrom(map[string]string{"PARQUET:field_id": string(rune('1' + i))})
			versions = append(versions, version(t, f, a, false))
		}
		if len(slices.Compact(versions)) != 1 {
			t.Errorf("%s: got several versions, want one", name)
		}
	}
	utf8 := arrow.BinaryTypes.String
	dictionary := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: utf8}
	same("text", utf8, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView, dictionary)
	_, values := col(t, "x", true, arrow.BinaryTypes.LargeString, `["b", "a", "unused"]`)
	_, indices := col(t, "x", true, arrow.PrimitiveTypes.Int8, `[1, null, 1, 0]`)
	large := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.LargeString}, indices, values)
	f, a := col(t, "x", true, utf8, `["a", null, "a", "b"]`)
	if version(t, f, a, false) != version(t, arrow.Field{Name: "x", Type: large.DataType(), Nullable: true}, large, false) {
		t.Error("large dictionary: got another version than text")
	}
	same("lists", arrow.ListOf(utf8), arrow.LargeListOf(utf8), arrow.FixedSizeListOf(2, utf8), arrow.ListOf(dictionary), arrow.ListOfNonNullable(utf8))
}

// bigRecord has rows over several batches, pages and row groups, and texts that repeat.
func bigRecord(rows int) arrow.Record {
	ids, amounts := array.NewInt64Builder(memory.DefaultAllocator), array.NewFloat64Builder(memory.DefaultAllocator)
	names, flags := array.NewStringBuilder(memory.DefaultAllocator), array.NewBooleanBuilder(memory.DefaultAllocator)
	tags := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Int32)
	for i := range rows {
		ids.Append(int64(i))
		if i%7 == 3 {
			amounts.AppendNull()
		} else {
			amounts.Append(float64(i*i%1013) / 8)
		}
		names.Append([]string{"north", "south", "east", ""}[i*i%4])
		flags.Append(i%3 == 0)
		if tags.Append(i%5 != 0); i%5 != 0 {
			for k := range i % 3 {
				tags.ValueBuilder().(*array.Int32Builder).Append(int32(i + k))
			}
		}
	}
	fields := []arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "amount", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "region", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "tags", Type: tags.Type(), Nullable: true},
	}
	return recordOf(fields, []arrow.Array{ids.NewArray(), amounts.NewArray(), names.NewArray(), flags.NewArray(), tags.NewArray()})
}

func TestAnyWriterAnyLayout(t *testing.T) {
	const rows = 130_000
	dir := t.TempDir()
	r := bigRecord(rows)
	for _, unordered := range []bool{false, true} {
		in := writeIPC(t, filepath.Join(dir, "in.arrow"), false, r)
		out := filepath.Join(t.TempDir(), "out.parquet")
		want := mustConvert(t, ConvertRequest{In: in, Format: Arrow, Out: out, Unordered: unordered})
		if want.RowGroups != 2 || want.Rows != rows {
			t.Errorf("got %d rows in %d row groups, want %d in 2", want.Rows, want.RowGroups, rows)
		}
		if got := mustDescribe(t, out, unordered).DataVersion; got != want.DataVersion {
			t.Errorf("stored file: got %s, want %s", got, want.DataVersion)
		}
		for i, w := range []struct {
			name    string
			options []parquet.WriterProperty
		}{
			{"zstd", []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Zstd)}},
			{"gzip, V2 pages", []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Gzip), parquet.WithDataPageVersion(parquet.DataPageV2)}},
			{"uncompressed", []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Uncompressed), parquet.WithDataPageSize(1 << 14)}},
			{"no dictionaries", []parquet.WriterProperty{parquet.WithDictionaryDefault(false)}},
			{"delta", []parquet.WriterProperty{
				parquet.WithDictionaryDefault(false), parquet.WithEncodingFor("id", parquet.Encodings.DeltaBinaryPacked),
				parquet.WithEncodingFor("region", parquet.Encodings.DeltaLengthByteArray),
			}},
		} {
			if unordered && i > 0 {
				break
			}
			groupRows, storeSchema := int64(rows), i%2 == 0
			if storeSchema {
				groupRows = 40_001
			}
			other := writeParquet(t, filepath.Join(dir, "other.parquet"), groupRows, storeSchema, []arrow.Record{r}, w.options...)
			if got := mustDescribe(t, other, unordered).DataVersion; got != want.DataVersion {
				t.Errorf("%s, unordered %v: got %s, want %s", w.name, unordered, got, want.DataVersion)
			}
		}
	}
}

func TestUnorderedCountsDuplicates(t *testing.T) {
	f, a := col(t, "x", false, arrow.PrimitiveTypes.Int64, `[1, 1, 2, 3]`)
	g, b := col(t, "x", false, arrow.PrimitiveTypes.Int64, `[2, 2, 1, 3]`)
	h, c := col(t, "x", false, arrow.PrimitiveTypes.Int64, `[3, 1, 2, 1]`)
	if version(t, f, a, true) == version(t, g, b, true) {
		t.Error("1 twice and 2 twice: got one version, want two")
	}
	if version(t, f, a, true) != version(t, h, c, true) {
		t.Error("the same rows in other order: got two versions, want one")
	}
	if version(t, f, a, true) == version(t, f, a, false) {
		t.Error("ordered and unordered: got one version, want two")
	}
}

// TestVersionsAreKept holds data versions of the past: records of users hold them.
func TestVersionsAreKept(t *testing.T) {
	dir := t.TempDir()
	r := bigRecord(1000)
	for _, test := range []struct {
		unordered bool
		want      string
	}{
		{false, "d1:ada73952b7d75a29f129ebf87f6b5d7376bbd4bc4e81c183f6e5dec007f8f50c"},
		{true, "d1:aa4c8ebd0351ee7b6dbbd3759cf3feb5815f8c473c9e994870a12d834854c9cf"},
	} {
		in := writeIPC(t, filepath.Join(dir, "in.arrow"), false, r)
		got := mustConvert(t, ConvertRequest{In: in, Format: Arrow, Out: filepath.Join(t.TempDir(), "out.parquet"), Unordered: test.unordered}).DataVersion
		if got != test.want {
			t.Errorf("unordered %v: got %s, want %s", test.unordered, got, test.want)
		}
	}
}
