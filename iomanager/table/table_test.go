package table

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/iomanager/page"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// tester is what testing.T and rapid.T have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// writeIPC writes the records as an Arrow file, or as a stream.
func writeIPC(t tester, path string, stream bool, records ...arrow.Record) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer f.Close()
	var w interface {
		Write(arrow.Record) error
		Close() error
	}
	if stream {
		w = ipc.NewWriter(f, ipc.WithSchema(records[0].Schema()), ipc.WithDictionaryDeltas(true))
	} else if w, err = ipc.NewFileWriter(f, ipc.WithSchema(records[0].Schema())); err != nil {
		t.Fatalf("%v", err)
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatalf("write %s: %v", r.Schema(), err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("%v", err)
	}
	return path
}

// writeParquet writes the records as another writer might.
func writeParquet(t tester, path string, groupRows int64, storeSchema bool, records []arrow.Record, options ...parquet.WriterProperty) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	props := pqarrow.DefaultWriterProps()
	if storeSchema {
		props = pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema())
	}
	options = append([]parquet.WriterProperty{parquet.WithVersion(parquet.V2_LATEST)}, options...)
	tbl := array.NewTableFromRecords(records[0].Schema(), records)
	if err := pqarrow.WriteTable(tbl, f, groupRows, parquet.NewWriterProperties(options...), props); err != nil {
		t.Fatalf("write %s: %v", records[0].Schema(), err)
	}
	return path
}

// The functions of the child, called in this process. Most tests use them; those of the child itself are in role_test.go.
func mustConvert(t tester, r ConvertRequest) Info {
	t.Helper()
	info, err := runConvert(context.Background(), r)
	if err != nil {
		t.Fatalf("convert: %v", err)
	}
	return info
}

func mustDescribe(t tester, path string, unordered bool) Info {
	t.Helper()
	info, err := runDescribe(context.Background(), path, unordered)
	if err != nil {
		t.Fatalf("describe: %v", err)
	}
	return info
}

func mustPage(t tester, path string, r PageRequest) page.Page {
	t.Helper()
	p, err := runPage(context.Background(), pageRequest{path, r})
	if err != nil {
		t.Fatalf("page: %v", err)
	}
	return p
}

// values renders all rows of a file as they are printed.
func values(t tester, path string) string {
	t.Helper()
	return pageText(mustPage(t, path, PageRequest{Limit: MaxPageRows}))
}

func pageText(p page.Page) string {
	var b strings.Builder
	for _, c := range p.Columns {
		fmt.Fprintf(&b, "%s %s %v; ", c.Name, c.Type, c.Nullable)
	}
	for _, row := range p.Rows {
		b.WriteByte('\n')
		for i, cell := range row {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.Write(cell.AppendJSON(nil))
		}
	}
	return b.String()
}

// col is a column given as JSON, in Arrow's notation of values.
func col(t tester, name string, nullable bool, typ arrow.DataType, json string) (arrow.Field, arrow.Array) {
	t.Helper()
	a, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(json))
	if err != nil {
		t.Fatalf("column %s: %v", name, err)
	}
	return arrow.Field{Name: name, Type: typ, Nullable: nullable}, a
}

func recordOf(fields []arrow.Field, columns []arrow.Array) arrow.Record {
	return array.NewRecord(arrow.NewSchema(fields, nil), columns, int64(columns[0].Len()))
}

func decimals(precision, scale int32, values ...string) arrow.Array {
	b := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: precision, Scale: scale})
	for _, v := range values {
		if v == "" {
			b.AppendNull()
			continue
		}
		n, err := decimal128.FromString(v, precision, scale)
		if err != nil {
			panic(err)
		}
		b.Append(n)
	}
	return b.NewArray()
}

func TestEveryType(t *testing.T) {
	ts := func(unit arrow.TimeUnit, zone string) arrow.DataType {
		return &arrow.TimestampType{Unit: unit, TimeZone: zone}
	}
	floats := array.NewFloat64Builder(memory.DefaultAllocator)
	floats.AppendValues([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}, nil)
	float32s := array.NewFloat32Builder(memory.DefaultAllocator)
	float32s.AppendValues([]float32{0.1, 1e30, 1e-9}, nil)
	uint64s := array.NewUint64Builder(memory.DefaultAllocator)
	uint64s.AppendValues([]uint64{0, 0, math.MaxUint64}, []bool{true, false, true})
	halves := array.NewFloat16Builder(memory.DefaultAllocator)
	halves.AppendValues([]float16.Num{float16.New(0.5), float16.New(-2), float16.New(0)}, []bool{true, true, false})
	intMap := arrow.MapOf(arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String)
	for _, test := range []struct {
		name     string
		typ      arrow.DataType
		json     string
		values   arrow.Array // instead of typ and json
		typeName string
		want     string // the cells as printed
	}{
		{name: "int8", typ: arrow.PrimitiveTypes.Int8, json: `[-128, null, 127]`, want: `-128 null 127`},
		{name: "int16", typ: arrow.PrimitiveTypes.Int16, json: `[-32768, null, 32767]`, want: `-32768 null 32767`},
		{name: "int32", typ: arrow.PrimitiveTypes.Int32, json: `[-2147483648, null, 7]`, want: `-2147483648 null 7`},
		{name: "int64", typ: arrow.PrimitiveTypes.Int64, json: `[-9223372036854775808, null, 7]`, want: `"-9223372036854775808" null "7"`},
		{name: "uint8", typ: arrow.PrimitiveTypes.Uint8, json: `[0, null, 255]`, want: `0 null 255`},
		{name: "uint16", typ: arrow.PrimitiveTypes.Uint16, json: `[0, null, 65535]`, want: `0 null 65535`},
		{name: "uint32", typ: arrow.PrimitiveTypes.Uint32, json: `[0, null, 4294967295]`, want: `0 null 4294967295`},
		{name: "uint64", values: uint64s.NewArray(), want: `"0" null "18446744073709551615"`},
		{name: "float16", values: halves.NewArray(), want: `0.5 -2 null`},
		{name: "float32", values: float32s.NewArray(), want: `0.1 1e+30 1e-09`},
		{name: "float64", typ: arrow.PrimitiveTypes.Float64, json: `[0.1, null, 1e300]`, want: `0.1 null 1e+300`},
		{name: "no numbers", values: floats.NewArray(), typeName: "float64", want: `"NaN" "Infinity" "-Infinity"`},
		{name: "bool", typ: arrow.FixedWidthTypes.Boolean, json: `[true, null, false]`, want: `true null false`},
		{name: "utf8", typ: arrow.BinaryTypes.String, json: `["a\"\n漢", null, ""]`, want: `"a\"\n漢" null ""`},
		{name: "large_utf8", typ: arrow.BinaryTypes.LargeString, json: `["ab", null, "c"]`, typeName: "utf8", want: `"ab" null "c"`},
		{name: "string_view", typ: arrow.BinaryTypes.StringView, json: `["ab", null, "longer than twelve bytes"]`, typeName: "utf8", want: `"ab" null "longer than twelve bytes"`},
		{name: "binary", typ: arrow.BinaryTypes.Binary, json: `["AAH/", null, ""]`, want: `"AAH/" null ""`},
		{name: "large_binary", typ: arrow.BinaryTypes.LargeBinary, json: `["AAH/", null, ""]`, typeName: "binary", want: `"AAH/" null ""`},
		{name: "fixed_size_binary[3]", typ: &arrow.FixedSizeBinaryType{ByteWidth: 3}, json: `["AAH/", null, "AAAA"]`, want: `"AAH/" null "AAAA"`},
		{name: "date32", typ: arrow.FixedWidthTypes.Date32, json: `["2024-02-29", null, "1969-12-31"]`, want: `"2024-02-29" null "1969-12-31"`},
		{name: "date64", typ: arrow.FixedWidthTypes.Date64, json: `["2024-02-29", null, "1969-12-31"]`, typeName: "date32", want: `"2024-02-29" null "1969-12-31"`},
		{name: "time32[s]", typ: arrow.FixedWidthTypes.Time32s, json: `["01:02:03", null, "23:59:59"]`, typeName: "time32[ms]", want: `"01:02:03" null "23:59:59"`},
		{name: "time64[us]", typ: arrow.FixedWidthTypes.Time64us, json: `["01:02:03.000004", null, "23:59:59"]`, want: `"01:02:03.000004" null "23:59:59"`},
		{name: "timestamp[s]", typ: ts(arrow.Second, ""), json: `["2024-02-29T01:02:03", null, "1969-12-31"]`, typeName: "timestamp[ms]", want: `"2024-02-29T01:02:03" null "1969-12-31T00:00:00"`},
		{name: "timestamp[us, tz=UTC]", typ: ts(arrow.Microsecond, "UTC"), json: `["2024-02-29T01:02:03.000004Z", null, "1969-12-31T23:59:59Z"]`, want: `"2024-02-29T01:02:03.000004Z" null "1969-12-31T23:59:59Z"`},
		{name: "timestamp[us]", typ: ts(arrow.Microsecond, ""), json: `["2024-02-29T01:02:03.000004", null, "1969-12-31"]`, want: `"2024-02-29T01:02:03.000004" null "1969-12-31T00:00:00"`},
		{name: "timestamp[ns, tz=Europe/Berlin]", typ: ts(arrow.Nanosecond, "Europe/Berlin"), json: `["2024-02-29T01:02:03.000000004Z", null, "1970-01-01T00:00:00Z"]`, want: `"2024-02-29T01:02:03.000000004Z" null "1970-01-01T00:00:00Z"`},
		{name: "decimal128(12, 2)", values: decimals(12, 2, "1234567890.12", "", "-0.05"), want: `"1234567890.12" null "-0.05"`},
		{name: "decimal128(38, 0)", values: decimals(38, 0, "-99999999999999999999999999999999999999", "", "0"), want: `"-99999999999999999999999999999999999999" null "0"`},
		{name: "null", typ: arrow.Null, json: `[null, null, null]`, want: `null null null`},
		{name: "list<int64>", typ: arrow.ListOf(arrow.PrimitiveTypes.Int64), json: `[[1, null], null, []]`, want: `["1",null] null []`},
		{name: "list<utf8>", typ: arrow.ListOf(arrow.BinaryTypes.String), json: `[["a", null], null, []]`, want: `["a",null] null []`},
		{name: "large_list", typ: arrow.LargeListOf(arrow.PrimitiveTypes.Int32), json: `[[1, null], null, []]`, typeName: "list<int32>", want: `[1,null] null []`},
		{name: "fixed_size_list", typ: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32), json: `[[1, null], null, [3, 4]]`, typeName: "list<int32>", want: `[1,null] null [3,4]`},
		{name: "list<list<int32>>", typ: arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int32)), json: `[[[1], [], null], null, []]`, want: `[[1],[],null] null []`},
		{
			name: "struct<a: int32, b: utf8 not null>", typ: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true}, arrow.Field{Name: "b", Type: arrow.BinaryTypes.String}),
			json: `[{"a": 1, "b": "x"}, null, {"a": null, "b": ""}]`, want: `{"a":1,"b":"x"} null {"a":null,"b":""}`,
		},
		{
			name: "list<struct<a: list<bool>>>", typ: arrow.ListOf(arrow.StructOf(arrow.Field{Name: "a", Type: arrow.ListOf(arrow.FixedWidthTypes.Boolean), Nullable: true})),
			json: `[[{"a": [true, null]}, null, {"a": null}], null, []]`, want: `[{"a":[true,null]},null,{"a":null}] null []`,
		},
		{name: "map<utf8, int32>", typ: arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32), json: `[[{"key": "a", "value": 1}, {"key": "b", "value": null}], null, []]`, want: `{"a":1,"b":null} null {}`},
		{name: "map<int64, utf8>", typ: intMap, json: `[[{"key": 5, "value": "x"}], null, []]`, want: `[["5","x"]] null []`},
		{name: "dictionary", typ: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, json: `["a", null, "a"]`, typeName: "utf8", want: `"a" null "a"`},
		{name: "dictionary of numbers", typ: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.PrimitiveTypes.Int64}, json: `[5, null, 7]`, typeName: "int64", want: `"5" null "7"`},
		{name: "list of dictionary", typ: arrow.ListOf(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}), json: `[["a", "b"], null, ["a"]]`, typeName: "list<utf8>", want: `["a","b"] null ["a"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var f arrow.Field
			a := test.values
			if a == nil {
				f, a = col(t, "x", true, test.typ, test.json)
			} else {
				f = arrow.Field{Name: "x", Type: a.DataType(), Nullable: true}
			}
			dir := t.TempDir()
			in := writeIPC(t, filepath.Join(dir, "in.arrow"), false, recordOf([]arrow.Field{f}, []arrow.Array{a}))
			out := filepath.Join(dir, "out.parquet")
			info := mustConvert(t, ConvertRequest{In: in, Format: Arrow, Out: out})
			wantType := test.typeName
			if wantType == "" {
				wantType = test.name
			}
			if diff := cmp.Diff([]page.Column{{Name: "x", Type: wantType, Nullable: true}}, info.Columns); diff != "" {
				t.Errorf("columns (-want +got):\n%s", diff)
			}
			if info.Rows != 3 {
				t.Errorf("rows: got %d, want 3", info.Rows)
			}
			if again := mustDescribe(t, out, false); again.DataVersion != info.DataVersion {
				t.Errorf("data version of the file: got %s, want %s", again.DataVersion, info.DataVersion)
			}
			got := strings.ReplaceAll(strings.SplitN(values(t, out), "\n", 2)[1], "\n", " ")
			if got != test.want {
				t.Errorf("cells: got %s, want %s", got, test.want)
			}
			// The way back, as the SDK reads it.
			back := filepath.Join(dir, "back.arrow")
			if err := runToArrow(t.Context(), out, back); err != nil {
				t.Fatal(err)
			}
			again := mustConvert(t, ConvertRequest{In: back, Format: Arrow, Out: filepath.Join(dir, "again.parquet")})
			if diff := cmp.Diff(info, again); diff != "" {
				t.Errorf("after the way through Arrow (-want +got):\n%s", diff)
			}
		})
	}
}

// genType draws a type that the SDK supports, and what readers of other libraries hand over.
func genType(depth int) *rapid.Generator[arrow.DataType] {
	flat := rapid.SampledFrom([]arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean, arrow.BinaryTypes.String, arrow.BinaryTypes.Binary,
		arrow.BinaryTypes.LargeString, arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Timestamp_us, &arrow.TimestampType{Unit: arrow.Microsecond},
		&arrow.Decimal128Type{Precision: 20, Scale: 3}, &arrow.FixedSizeBinaryType{ByteWidth: 5},
	})
	if depth == 0 {
		return flat
	}
	return rapid.Custom(func(t *rapid.T) arrow.DataType {
		inner := genType(depth - 1)
		switch rapid.IntRange(0, 8).Draw(t, "shape") {
		case 0:
			return arrow.ListOf(inner.Draw(t, "element"))
		case 1:
			return arrow.MapOf(rapid.SampledFrom([]arrow.DataType{arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64}).Draw(t, "key"), inner.Draw(t, "value"))
		case 2:
			fields := make([]arrow.Field, rapid.IntRange(1, 3).Draw(t, "fields"))
			for i := range fields {
				fields[i] = arrow.Field{Name: fmt.Sprintf("f%d", i), Type: inner.Draw(t, "field"), Nullable: rapid.Bool().Draw(t, "nullable")}
			}
			return arrow.StructOf(fields...)
		case 3:
			return arrow.FixedSizeListOf(2, inner.Draw(t, "element"))
		case 4:
			return arrow.LargeListOf(inner.Draw(t, "element"))
		}
		return flat.Draw(t, "flat")
	})
}

// appendRandom appends one random value to the builder. Values repeat often.
func appendRandom(t *rapid.T, b array.Builder, nullable bool, nullPercent int) {
	if nullable && rapid.IntRange(0, 99).Draw(t, "null") < nullPercent {
		b.AppendNull()
		return
	}
	small := func() int { return rapid.IntRange(-3, 5).Draw(t, "value") }
	switch b := b.(type) {
	case *array.Int8Builder:
		b.Append(int8(small()))
	case *array.Int32Builder:
		b.Append(int32(small()))
	case *array.Int64Builder:
		b.Append(int64(small()) << 40)
	case *array.Uint16Builder:
		b.Append(uint16(small()))
	case *array.Uint64Builder:
		b.Append(uint64(small()))
	case *array.Float32Builder:
		b.Append(float32(small()) / 3)
	case *array.Float64Builder:
		b.Append(float64(small()) / 3)
	case *array.BooleanBuilder:
		b.Append(small() > 0)
	case *array.StringBuilder:
		b.Append(strings.Repeat("é", max(0, small())))
	case *array.LargeStringBuilder:
		b.Append(strings.Repeat("漢", max(0, small())))
	case *array.BinaryBuilder:
		b.Append(make([]byte, max(0, small())))
	case *array.Date32Builder:
		b.Append(arrow.Date32(small()))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(small()))
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(int64(small())))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte{byte(small()), 1, 2, 3, 4})
	case *array.MapBuilder:
		b.Append(true)
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			appendRandom(t, b.KeyBuilder(), false, 0)
			appendRandom(t, b.ItemBuilder(), true, nullPercent)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range 2 {
			appendRandom(t, b.ValueBuilder(), true, nullPercent)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			appendRandom(t, b.FieldBuilder(i), b.Type().(*arrow.StructType).Field(i).Nullable, nullPercent)
		}
	case array.ListLikeBuilder:
		b.Append(true)
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			appendRandom(t, b.ValueBuilder(), true, nullPercent)
		}
	default:
		t.Fatalf("no values for %T", b)
	}
}

// genRecord draws a table.
func genRecord(t *rapid.T) arrow.Record {
	fields := make([]arrow.Field, rapid.IntRange(1, 4).Draw(t, "columns"))
	columns := make([]arrow.Array, len(fields))
	rows := rapid.IntRange(0, 40).Draw(t, "rows")
	for i := range fields {
		typ := genType(rapid.IntRange(0, 2).Draw(t, "depth")).Draw(t, "type")
		nullable := rapid.Bool().Draw(t, "nullable")
		nulls := rapid.SampledFrom([]int{0, 20, 90}).Draw(t, "null percent")
		fields[i] = arrow.Field{Name: fmt.Sprintf("c%d", i), Type: typ, Nullable: nullable}
		b := array.NewBuilder(memory.DefaultAllocator, typ)
		for range rows {
			appendRandom(t, b, nullable, nulls)
		}
		columns[i] = b.NewArray()
	}
	return recordOf(fields, columns)
}

// split cuts a record into batches. They are copies: the library's Arrow writer fails on slices of some nested arrays.
func split(t *rapid.T, r arrow.Record) []arrow.Record {
	var parts []arrow.Record
	for at := int64(0); at < r.NumRows(); {
		n := rapid.Int64Range(1, r.NumRows()-at).Draw(t, "batch")
		columns := make([]arrow.Array, r.NumCols())
		for i, c := range r.Columns() {
			part, err := array.Concatenate([]arrow.Array{array.NewSlice(c, at, at+n), array.NewSlice(c, 0, 0)}, memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			columns[i] = part
		}
		parts = append(parts, array.NewRecord(r.Schema(), columns, n))
		at += n
	}
	if len(parts) == 0 {
		return []arrow.Record{r}
	}
	return parts
}

func TestDataVersionIsOfValues(t *testing.T) {
	dir, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		run := filepath.Join(dir, strconv.Itoa(runs))
		runs++
		if err := os.Mkdir(run, 0o700); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(run)
		file := func(name string) string { return filepath.Join(run, name) }
		r := genRecord(t)
		unordered := rapid.Bool().Draw(t, "unordered")
		whole := mustConvert(t, ConvertRequest{In: writeIPC(t, file("whole.arrow"), false, r), Format: Arrow, Out: file("whole.parquet"), Unordered: unordered})
		if whole.Rows != r.NumRows() {
			t.Fatalf("rows: got %d, want %d", whole.Rows, r.NumRows())
		}
		parts := split(t, r)
		cut := mustConvert(t, ConvertRequest{In: writeIPC(t, file("cut.arrow"), true, parts...), Format: Arrow, Out: file("cut.parquet"), Unordered: unordered})
		if cut.DataVersion != whole.DataVersion {
			t.Fatalf("in %d batches: got %s, want %s", len(parts), cut.DataVersion, whole.DataVersion)
		}
		if got := mustDescribe(t, file("whole.parquet"), unordered).DataVersion; got != whole.DataVersion {
			t.Fatalf("read back: got %s, want %s", got, whole.DataVersion)
		}
		if err := runToArrow(context.Background(), file("whole.parquet"), file("back.arrow")); err != nil {
			t.Fatal(err)
		}
		back := mustConvert(t, ConvertRequest{In: file("back.arrow"), Format: Arrow, Out: file("back.parquet"), Unordered: unordered})
		if back.DataVersion != whole.DataVersion {
			t.Fatalf("through Arrow: got %s, want %s", back.DataVersion, whole.DataVersion)
		}
	})
}
