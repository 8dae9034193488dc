package asset

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/decimal256"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawType draws a type that a column may have, and the options of its tag.
func drawType(t *rapid.T, depth int) (reflect.Type, string) {
	leaves := []struct {
		typ     reflect.Type
		options string
	}{
		{reflect.TypeFor[bool](), ""},
		{reflect.TypeFor[int](), ""},
		{reflect.TypeFor[int8](), ""},
		{reflect.TypeFor[int16](), ""},
		{reflect.TypeFor[int32](), ""},
		{reflect.TypeFor[int64](), ""},
		{reflect.TypeFor[uint](), ""},
		{reflect.TypeFor[uint8](), ""},
		{reflect.TypeFor[uint16](), ""},
		{reflect.TypeFor[uint32](), ""},
		{reflect.TypeFor[uint64](), ""},
		{reflect.TypeFor[float32](), ""},
		{reflect.TypeFor[float64](), ""},
		{reflect.TypeFor[string](), ""},
		{reflect.TypeFor[[]byte](), ""},
		{reflect.TypeFor[time.Time](), ""},
		{reflect.TypeFor[time.Time](), ",date"},
		{reflect.TypeFor[string](), ",decimal(12,3)"},
		{reflect.TypeFor[netip.Addr](), ""},
	}
	n := len(leaves)
	if depth > 0 {
		n += 5
	}
	switch k := rapid.IntRange(0, n-1).Draw(t, "type"); k - len(leaves) {
	case 0:
		for {
			if elem, options := drawType(t, depth-1); !slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, elem.Kind()) {
				return reflect.PointerTo(elem), options
			}
		}
	case 1:
		return reflect.SliceOf(plainType(t, depth-1)), ""
	case 2:
		return reflect.MapOf(reflect.TypeFor[string](), plainType(t, depth-1)), ""
	case 3:
		return reflect.MapOf(reflect.TypeFor[int16](), plainType(t, depth-1)), ""
	case 4:
		return drawStruct(t, depth-1), ""
	default:
		return leaves[k].typ, leaves[k].options
	}
}

// plainType draws a type whose column needs no options.
func plainType(t *rapid.T, depth int) reflect.Type {
	for {
		if typ, options := drawType(t, depth); options == "" {
			return typ
		}
	}
}

func drawStruct(t *rapid.T, depth int) reflect.Type {
	var fields []reflect.StructField
	for i := range rapid.IntRange(1, 4).Draw(t, "fields") {
		typ, options := drawType(t, depth)
		f := reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: typ}
		if options != "" {
			f.Tag = reflect.StructTag(fmt.Sprintf(`asset:%q`, options))
		}
		fields = append(fields, f)
	}
	return reflect.StructOf(fields)
}

// draw sets v to a value that its column can hold.
func draw(t *rapid.T, v reflect.Value, tag string) {
	switch k := v.Kind(); {
	case v.Type() == timeType:
		at := time.UnixMicro(rapid.Int64Range(-1e17, 1e17).Draw(t, "time")).UTC()
		if strings.Contains(tag, "date") {
			at = at.Truncate(24 * time.Hour)
		}
		v.Set(reflect.ValueOf(at))
	case v.Type() == reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{byte(rapid.IntRange(0, 255).Draw(t, "addr")), 2, 3, 4})))
	case strings.Contains(tag, "decimal") && k == reflect.String:
		v.SetString(decimalText(big.NewInt(rapid.Int64Range(-999999999999, 999999999999).Draw(t, "decimal")), 3))
	case k == reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case v.CanInt():
		bits := v.Type().Bits()
		v.SetInt(rapid.Int64Range(-1<<(bits-1), 1<<(bits-1)-1).Draw(t, "int"))
	case v.CanUint():
		v.SetUint(rapid.Uint64Range(0, math.MaxUint64>>(64-v.Type().Bits())).Draw(t, "uint"))
	case k == reflect.Float32:
		v.SetFloat(float64(rapid.Float32().Draw(t, "float32")))
	case k == reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "float64"))
	case k == reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case k == reflect.Pointer:
		if rapid.Bool().Draw(t, "null") {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		draw(t, v.Elem(), tag)
	case k == reflect.Struct:
		for i := range v.NumField() {
			draw(t, v.Field(i), string(v.Type().Field(i).Tag))
		}
	case k == reflect.Slice:
		n := rapid.IntRange(-1, 3).Draw(t, "length")
		if n < 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			draw(t, v.Index(i), "")
		}
	case k == reflect.Map:
		n := rapid.IntRange(-1, 3).Draw(t, "length")
		if n < 0 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range n {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			draw(t, key, "")
			draw(t, value, "")
			v.SetMapIndex(key, value)
		}
	}
}

// Whatever a struct holds, its rows come back from the file as they were, in both ways of reading; and in both ways of writing the file is the same.
func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.arrow")
	rapid.Check(t, func(t *rapid.T) {
		row := drawStruct(t, 2)
		d, err := dataOf(reflect.SliceOf(row))
		if err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		n := rapid.IntRange(0, 12).Draw(t, "rows")
		rows := reflect.MakeSlice(d.typ, n, n)
		for i := range n {
			draw(t, rows.Index(i), "")
		}
		if wrote, err := d.write(path, rows); err != nil || wrote != int64(n) {
			t.Fatalf("write %s: %d rows, %v", row, wrote, err)
		}
		got, err := d.read(path, nil)
		if err != nil {
			t.Fatalf("read %s: %v", row, err)
		}
		if !reflect.DeepEqual(got.Interface(), rows.Interface()) {
			t.Fatalf("%s:\ngot  %+v\nwant %+v", row, got, rows)
		}
		streamed := reflect.MakeSlice(d.typ, 0, n)
		if err := d.eachRow(path, func(row reflect.Value) bool {
			streamed = reflect.Append(streamed, row)
			return true
		}); err != nil {
			t.Fatalf("stream %s: %v", row, err)
		}
		if !reflect.DeepEqual(streamed.Interface(), rows.Interface()) {
			t.Fatalf("stream of %s:\ngot  %+v\nwant %+v", row, streamed, rows)
		}
	})
}

type inner struct {
	City string
	Zip  *int32
}

type Embedded struct{ From string }

type everything struct {
	Embedded
	ID       int
	HTTPCode uint16 `asset:"code"`
	Skipped  func() `asset:"-"`
	hidden   int
	Day      time.Time  `asset:",date"`
	Amount   string     `asset:"amount,decimal(10,2)"`
	Exact    *big.Int   `asset:",decimal(38,0)"`
	Maybe    *time.Time `asset:"maybe,date"`
	Home     inner
	Other    *inner
	Tags     []string
	Counts   map[string]int64
	Raw      []byte
	Address  netip.Addr
}

func TestSchema(t *testing.T) {
	table, err := tableOf(reflect.TypeFor[everything]())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range table.schema.Fields() {
		text := f.Name + " " + f.Type.String()
		if f.Nullable {
			text += " null"
		}
		got = append(got, text)
	}
	want := []string{
		"from utf8",
		"id int64",
		"code uint16",
		"day date32",
		"amount decimal(10, 2)",
		"exact decimal(38, 0) null",
		"maybe date32 null",
		"home struct<city: utf8, zip: int32>",
		"other struct<city: utf8, zip: int32> null",
		"tags list<item: utf8> null",
		"counts map<utf8, int64, items_nullable> null",
		"raw binary null",
		"address utf8",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	_ = everything{}.hidden
}

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{
		"ID": "id", "CustomerID": "customer_id", "HTTPServer": "http_server", "X": "x", "Q1Sales": "q1_sales",
		"Already_Snake": "already_snake", "ABTest": "ab_test", "URL2": "url2", "ÄrgerGroß": "ärger_groß",
	} {
		if got := snake(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

type recursive struct {
	Name     string
	Children []recursive
}

func TestWrongTypes(t *testing.T) {
	for _, test := range []struct {
		row  any
		want string
	}{
		{struct{}{}, "has no exported field"},
		{struct{ A time.Duration }{}, "elapsed_ms"},
		{struct{ A any }{}, "interface {} has no column type"},
		{struct{ A chan int }{}, "chan int has no column type"},
		{struct{ A complex64 }{}, "complex64 has no column type"},
		{struct{ A [4]int }{}, "[4]int has no column type"},
		{struct{ A **int }{}, "null is already a nil *int"},
		{struct{ A *[]int }{}, "null is already a nil []int"},
		{struct{ A []time.Duration }{}, "element: time.Duration"},
		{struct{ A map[float64]int }{}, "keys of a map must be strings or integers"},
		{struct{ A map[string]func() }{}, "value: func() has no column type"},
		{
			struct {
				A int `asset:"a,omitempty"`
			}{}, `unknown option "omitempty"`,
		},
		{
			struct {
				A string `asset:"a,date"`
			}{}, "the option date is for time.Time",
		},
		{
			struct {
				A float64 `asset:"a,decimal(12,2)"`
			}{}, "is for a string",
		},
		{
			struct {
				A string `asset:"a,decimal(39,2)"`
			}{}, "precision of 1 to 38",
		},
		{
			struct {
				A string `asset:"a,decimal(2,3)"`
			}{}, "scale of 0 to the precision",
		},
		{
			struct {
				A string `asset:"a,decimal"`
			}{}, "decimal(precision,scale)",
		},
		{
			struct {
				A int `asset:"x"`
				B int `asset:"x"`
			}{}, `two columns "x"`,
		},
		{
			struct {
				a int `asset:"a"`
			}{}, "has a tag but is not exported",
		},
		{recursive{}, "contains itself"},
		{struct{ A struct{ B chan int } }{}, "chan int has no column type"},
	} {
		_, err := tableOf(reflect.TypeOf(test.row))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%T: got %v, want %q", test.row, err, test.want)
		}
	}
}

func TestDecimal(t *testing.T) {
	for _, test := range []struct {
		text             string
		precision, scale int32
		want             string
	}{
		{"0", 5, 2, "0.00"},
		{"-0.00", 5, 2, "0.00"},
		{"12.5", 5, 2, "12.50"},
		{"-12.50", 5, 2, "-12.50"},
		{"+7", 5, 2, "7.00"},
		{".5", 5, 2, "0.50"},
		{"5.", 5, 2, "5.00"},
		{"999.99", 5, 2, "999.99"},
		{"1.5e2", 5, 2, "150.00"},
		{"150E-2", 5, 2, "1.50"},
		{"12.5000000", 5, 2, "12.50"},
		{"000000012.5", 5, 2, "12.50"},
		{"1e30", 38, 0, "1" + strings.Repeat("0", 30)},
		{"-" + strings.Repeat("9", 38), 38, 0, "-" + strings.Repeat("9", 38)},
		{"100", 5, 0, "100"},
		{"1000.00", 5, 2, "!has more digits than decimal(5,2) can hold"},
		{"1.005", 5, 2, "!has more than the 2 decimal places"},
		{"1e-3", 5, 2, "!has more than the 2 decimal places"},
		{"1e-900", 5, 2, "!has more than the 2 decimal places"},
		{"", 5, 2, "!is not a decimal number"},
		{".", 5, 2, "!is not a decimal number"},
		{"-", 5, 2, "!is not a decimal number"},
		{"--1", 5, 2, "!is not a decimal number"},
		{"-+1", 5, 2, "!is not a decimal number"},
		{"1,5", 5, 2, "!is not a decimal number"},
		{"1/2", 5, 2, "!is not a decimal number"},
		{"NaN", 5, 2, "!is not a decimal number"},
		{"1.2.3", 5, 2, "!is not a decimal number"},
		{"1e", 5, 2, "!is not a decimal number"},
		{"1e999999999999", 5, 2, "!is not a decimal number"},
		{"1.-2", 5, 2, "!is not a decimal number"},
	} {
		n, err := parseDecimal(test.text, test.precision, test.scale)
		if why, bad := strings.CutPrefix(test.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%q: got %v, %v, want %q", test.text, n, err, why)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
		} else if got := decimalText(n.BigInt(), int(test.scale)); got != test.want {
			t.Errorf("%q: got %s, want %s", test.text, got, test.want)
		}
	}
}

func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"1.5", "-0.001e3", "1e-5", "..", "-+0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseDecimal(text, 20, 4)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is accepted", text)
		}
		got, ok := new(big.Rat).SetString(decimalText(n.BigInt(), 4))
		if !ok || got.Cmp(want) != 0 {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	})
}

func TestUnwritableValues(t *testing.T) {
	type row struct {
		Name   string
		Amount string    `asset:"amount,decimal(4,2)"`
		At     time.Time `asset:"at"`
		Home   struct{ Streets []string }
		Counts map[string]string
	}
	ok := row{Amount: "1"}
	for _, test := range []struct {
		change func(*row)
		want   string
	}{
		{func(r *row) { r.Name = "a\xff" }, `row 2, column "name": "a\xff" is not valid UTF-8; use []byte`},
		{func(r *row) { r.Amount = "100" }, `row 2, column "amount": "100" has more digits than decimal(4,2) can hold`},
		{func(r *row) { r.At = time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC) }, `row 2, column "at": year 300000`},
		{func(r *row) { r.Home.Streets = []string{"", "\xff"} }, `row 2, column "home": streets: element 1: "\xff"`},
		{func(r *row) { r.Counts = map[string]string{"a": "\xff"} }, `row 2, column "counts": value of key a: "\xff"`},
	} {
		bad := ok
		test.change(&bad)
		path := filepath.Join(t.TempDir(), "rows.arrow")
		_, err := WriteFile(path, []row{ok, bad})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
		if _, err := open(path); err == nil {
			t.Errorf("%s: a file is left", test.want)
		}
	}
}

// one returns an array with one value, made by fill.
func one(typ arrow.DataType, fill func(array.Builder)) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, typ)
	fill(b)
	return b.NewArray()
}

// text is an array with one value, given as text.
func text(t *testing.T, typ arrow.DataType, value string) arrow.Array {
	return one(typ, func(b array.Builder) {
		if err := b.AppendValueFromString(value); err != nil {
			t.Fatal(err)
		}
	})
}

func TestConversions(t *testing.T) {
	ints := []arrow.DataType{arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64}
	uints := []arrow.DataType{arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64}
	goInts := []any{int8(7), int16(7), int32(7), int64(7)}
	goUints := []any{uint8(7), uint16(7), uint32(7), uint64(7)}
	type conversion struct {
		from arrow.Array
		want any  // of the type that is read
		ok   bool // or the types do not convert
	}
	var all []conversion
	for i := range 4 {
		for k := range 4 {
			all = append(all,
				conversion{text(t, ints[i], "7"), goInts[k], i <= k},
				conversion{text(t, uints[i], "7"), goUints[k], i <= k},
				conversion{text(t, uints[i], "7"), goInts[k], i < k},
				conversion{text(t, ints[i], "7"), goUints[k], false})
		}
		all = append(all,
			conversion{text(t, ints[i], "7"), float32(7), i < 2},
			conversion{text(t, ints[i], "7"), float64(7), i < 3},
			conversion{text(t, uints[i], "7"), float32(7), i < 2},
			conversion{text(t, uints[i], "7"), float64(7), i < 3},
			conversion{text(t, ints[i], "7"), 7, true},
			conversion{text(t, ints[i], "7"), "7", false},
			conversion{text(t, ints[i], "7"), true, false})
	}
	half := one(&arrow.Float16Type{}, func(b array.Builder) { b.(*array.Float16Builder).Append(float16.New(0.5)) })
	f32, f64 := text(t, arrow.PrimitiveTypes.Float32, "0.5"), text(t, arrow.PrimitiveTypes.Float64, "0.5")
	dictionary := one(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, func(b array.Builder) {
		if err := b.(*array.BinaryDictionaryBuilder).AppendString("x"); err != nil {
			t.Fatal(err)
		}
	})
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	stamp := func(unit arrow.TimeUnit, zone string, n arrow.Timestamp) arrow.Array {
		return one(&arrow.TimestampType{Unit: unit, TimeZone: zone}, func(b array.Builder) { b.(*array.TimestampBuilder).Append(n) })
	}
	dec128 := one(&arrow.Decimal128Type{Precision: 10, Scale: 2}, func(b array.Builder) { b.(*array.Decimal128Builder).Append(decimal128.FromI64(-5)) })
	dec256 := one(&arrow.Decimal256Type{Precision: 60, Scale: 0}, func(b array.Builder) { b.(*array.Decimal256Builder).Append(decimal256.FromI64(12)) })
	list := func(typ arrow.DataType) arrow.Array {
		return one(typ, func(b array.Builder) {
			l := b.(array.ListLikeBuilder)
			l.Append(true)
			l.ValueBuilder().(*array.Int8Builder).AppendValues([]int8{1, 2}, nil)
		})
	}
	bin := one(arrow.BinaryTypes.Binary, func(b array.Builder) { b.(*array.BinaryBuilder).Append([]byte{1, 255}) })
	fixed := one(&arrow.FixedSizeBinaryType{ByteWidth: 2}, func(b array.Builder) { b.(*array.FixedSizeBinaryBuilder).Append([]byte{1, 255}) })
	null := one(arrow.Null, func(b array.Builder) { b.AppendNull() })
	all = append(all, []conversion{
		{half, float32(0.5), true},
		{half, 0.5, true},
		{f32, float32(0.5), true},
		{f32, 0.5, true},
		{f64, 0.5, true},
		{f64, float32(0.5), false},
		{f64, 1, false},
		{f64, "0.5", false},
		{text(t, arrow.FixedWidthTypes.Boolean, "true"), true, true},
		{text(t, arrow.FixedWidthTypes.Boolean, "true"), 1, false},
		{text(t, arrow.BinaryTypes.String, "x"), "x", true},
		{text(t, arrow.BinaryTypes.LargeString, "x"), "x", true},
		{text(t, arrow.BinaryTypes.String, "x"), []byte("x"), true},
		{text(t, arrow.BinaryTypes.String, "5"), 5, false},
		{text(t, arrow.BinaryTypes.String, "10.1.2.3"), netip.MustParseAddr("10.1.2.3"), true},
		{dictionary, "x", true},
		{dictionary, []byte("x"), true},
		{dictionary, 1, false},
		{bin, []byte{1, 255}, true},
		{fixed, []byte{1, 255}, true},
		{bin, "x", false},
		{stamp(arrow.Second, "", arrow.Timestamp(day.Unix())), day, true},
		{stamp(arrow.Millisecond, "UTC", arrow.Timestamp(day.UnixMilli())), day, true},
		{stamp(arrow.Microsecond, "Europe/Berlin", arrow.Timestamp(day.UnixMicro())), day, true},
		{stamp(arrow.Nanosecond, "", arrow.Timestamp(day.UnixNano()+1)), day.Add(1), true},
		{text(t, arrow.FixedWidthTypes.Date32, "2024-02-29"), day, true},
		{text(t, arrow.FixedWidthTypes.Date64, "2024-02-29"), day, true},
		{text(t, arrow.FixedWidthTypes.Date32, "2024-02-29"), "2024-02-29", false},
		{dec128, "-0.05", true},
		{dec256, "12", true},
		{dec128, 0.05, false},
		{list(arrow.ListOf(arrow.PrimitiveTypes.Int8)), []int64{1, 2}, true},
		{list(arrow.LargeListOf(arrow.PrimitiveTypes.Int8)), []int8{1, 2}, true},
		{list(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8)), []int8{1, 2}, true},
		{list(arrow.ListOf(arrow.PrimitiveTypes.Int8)), []string{}, false},
		{list(arrow.ListOf(arrow.PrimitiveTypes.Int8)), "x", false},
		{null, (*int)(nil), true},
		{null, []string(nil), true},
		{null, map[string]int(nil), true},
		{f64, map[string]int(nil), false},
		{f64, inner{}, false},
	}...)
	for _, c := range all {
		t.Run(fmt.Sprintf("%s to %T", c.from.DataType(), c.want), func(t *testing.T) {
			codec, err := codecOf(reflect.TypeOf(c.want), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			read, err := codec.bind(c.from.DataType())
			if !c.ok {
				if !errors.Is(err, errType) {
					t.Errorf("got %v, want that it does not convert", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v := reflect.New(reflect.TypeOf(c.want)).Elem()
			if err := read(c.from)(0, v); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(v.Interface(), c.want) {
				t.Errorf("got %v, want %v", v, c.want)
			}
		})
	}
	t.Run("a time out of reach", func(t *testing.T) {
		codec := timeCodec()
		from := stamp(arrow.Second, "", math.MaxInt64)
		read, err := codec.bind(from.DataType())
		if err != nil {
			t.Fatal(err)
		}
		if err := read(from)(0, reflect.New(timeType).Elem()); err == nil {
			t.Error("it is read")
		}
	})
	t.Run("an integer in a field with decimal", func(t *testing.T) {
		codec, err := codecOf(reflect.TypeFor[string](), []string{"decimal(10,2)"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		from := text(t, arrow.PrimitiveTypes.Uint64, "18446744073709551615")
		read, err := codec.bind(from.DataType())
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.New(reflect.TypeFor[string]()).Elem()
		if err := read(from)(0, v); err != nil || v.String() != "18446744073709551615" {
			t.Errorf("got %v, %v", v, err)
		}
	})
}

// The same rows are the same bytes, whatever order a map has in memory; a date is the day in the time's own zone.
func TestWrittenTheSame(t *testing.T) {
	type row struct {
		ByName map[string]int
		ByYear map[int]string
		Day    time.Time `asset:",date"`
	}
	r := row{map[string]int{}, map[int]string{}, time.Date(2024, 3, 1, 0, 30, 0, 0, time.FixedZone("", 3600))}
	for i := range 20 {
		r.ByName[fmt.Sprint(i)] = i
		r.ByYear[-i] = ""
	}
	path := filepath.Join(t.TempDir(), "rows.arrow")
	var first []byte
	for range 5 {
		if _, err := WriteFile(path, r); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = data
		}
		if !bytes.Equal(first, data) {
			t.Fatal("the files differ")
		}
	}
	rows, err := ReadFile[row](path)
	if want := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC); err != nil || !rows[0].Day.Equal(want) {
		t.Errorf("got %v, %v, want %v", rows, err, want)
	}
}

func TestMismatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.arrow")
	if _, err := WriteFile(path, []struct {
		ID   int64
		Name *string
		Home inner
	}{{ID: 1}, {ID: 2}}); err != nil {
		t.Fatal(err)
	}
	_, err := ReadFile[struct {
		ID    int32
		Total float64
		Home  struct {
			City   string
			Street string
		}
	}](path)
	for _, want := range []string{
		`column "id" is int64, which does not convert without loss to int32`,
		`no column "total"`,
		`column "home": no field "street"; it has city utf8, zip int32`,
		"its columns are: id int64, name utf8, home struct<city: utf8, zip: int32>",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	_, err = ReadFile[struct{ Name string }](path)
	if want := `row 1, column "name": it is null; read it into a pointer`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

// A stream is written and read in batches, however long it is.
func TestBatches(t *testing.T) {
	type row struct {
		N    int
		Text string
	}
	path := filepath.Join(t.TempDir(), "rows.arrow")
	many := func(rows, size int) iter.Seq2[row, error] {
		return func(yield func(row, error) bool) {
			for i := range rows {
				if !yield(row{i, strings.Repeat("x", size)}, nil) {
					return
				}
			}
		}
	}
	for _, test := range []struct{ rows, size, batches int }{
		{0, 0, 0}, {1, 0, 1}, {batchRows, 0, 1}, {batchRows + 1, 0, 2}, {3, batchBytes / 2, 2},
	} {
		n, err := WriteFile(path, many(test.rows, test.size))
		if err != nil || n != int64(test.rows) {
			t.Fatalf("got %d rows, %v, want %d", n, err, test.rows)
		}
		f, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.r.NumRecords(); got != test.batches {
			t.Errorf("%d rows of %d bytes: got %d batches, want %d", test.rows, test.size, got, test.batches)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		rows, err := ReadFile[row](path)
		if err != nil || len(rows) != test.rows {
			t.Fatalf("got %d rows, %v", len(rows), err)
		}
		for i, r := range rows {
			if r.N != i || len(r.Text) != test.size {
				t.Fatalf("row %d is %d", i, r.N)
			}
		}
	}
}

func TestWriteArrow(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	record := func(n ...int64) arrow.Record {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		b.Field(0).(*array.Int64Builder).AppendValues(n, nil)
		return b.NewRecord()
	}
	reader, err := array.NewRecordReader(schema, []arrow.Record{record(1), record(2, 3)})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rows.arrow")
	for _, rows := range []any{record(1, 2, 3), []arrow.Record{record(1, 2), record(), record(3)}, reader} {
		if n, err := WriteFile(path, rows); err != nil || n != 3 {
			t.Errorf("%T: got %d rows, %v", rows, n, err)
		}
		got, err := ReadFile[struct{ N int }](path)
		if err != nil || len(got) != 3 || got[2].N != 3 {
			t.Errorf("%T: got %v, %v", rows, got, err)
		}
	}
	other := arrow.NewSchema([]arrow.Field{{Name: "d", Type: arrow.FixedWidthTypes.Duration_ms}}, nil)
	empty, err := array.NewRecordReader(other, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		rows any
		want string
	}{
		{nil, "they are nil"},
		{7, "int is no table"},
		{[]int{7}, "[]int is no table"},
		{[]arrow.Record{}, "has no record"},
		{[]arrow.Record{record(1), nil}, "record 1 of the result is nil"},
		{[]arrow.Record{record(1), array.NewRecord(other, []arrow.Array{array.MakeArrayOfNull(memory.DefaultAllocator, arrow.FixedWidthTypes.Duration_ms, 1)}, 1)}, "record 1: write"},
		{empty, `column "d": duration has no column type in Parquet`},
		{iter.Seq2[struct{ N int }, error](nil), "the result is a nil iter.Seq2"},
		{iter.Seq2[struct{ N int }, error](func(yield func(struct{ N int }, error) bool) {
			_ = yield(struct{ N int }{}, nil) && yield(struct{ N int }{}, errors.New("no more"))
		}), "no more"},
	} {
		if n, err := WriteFile(path, test.rows); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %d rows, %v, want %q", n, err, test.want)
		}
	}
}

func BenchmarkRows(b *testing.B) {
	type row struct {
		ID     int64
		Name   string
		Amount float64
		At     time.Time
		Maybe  *int64
	}
	const n = 100_000
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{int64(i), fmt.Sprintf("name %d", i), float64(i), time.Unix(int64(i), 0), nil}
	}
	path := filepath.Join(b.TempDir(), "rows.arrow")
	b.Run("write/rows=100000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := WriteFile(path, rows); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read/rows=100000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ReadFile[row](path); err != nil {
				b.Fatal(err)
			}
		}
	})
}
