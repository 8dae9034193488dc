package table

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
)

func TestPageWindows(t *testing.T) {
	const rows = 9_000
	dir := t.TempDir()
	path := writeParquet(t, filepath.Join(dir, "x.parquet"), 1501, true, []arrow.Record{bigRecord(rows)}, parquet.WithDataPageSize(4096))
	all := mustPage(t, path, PageRequest{Limit: MaxPageRows})
	if len(all.Rows) != rows || all.RowsTotal != rows || all.RowGroups != 6 || all.ColumnsTotal != 5 || all.Bytes == 0 {
		t.Fatalf("whole: got %d rows of %d in %d groups, %d columns, %d bytes", len(all.Rows), all.RowsTotal, all.RowGroups, all.ColumnsTotal, all.Bytes)
	}
	for i, row := range all.Rows {
		if row[0].Value != fmt.Sprint(i) {
			t.Fatalf("row %d has id %s", i, row[0].Value)
		}
	}
	names := []string{"id", "amount", "region", "flag", "tags"}
	rapid.Check(t, func(t *rapid.T) {
		r := PageRequest{
			Offset: rapid.OneOf(rapid.Int64Range(0, rows+10), rapid.SampledFrom([]int64{0, 1500, 1501, rows - 1, rows})).Draw(t, "offset"),
			Limit:  rapid.Int64Range(0, 4000).Draw(t, "limit"),
		}
		picked := rapid.SliceOfN(rapid.IntRange(0, len(names)-1), 0, 3).Draw(t, "columns")
		for _, c := range picked {
			r.Columns = append(r.Columns, names[c])
		}
		got := mustPage(t, path, r)
		from, to := min(r.Offset, rows), min(r.Offset+r.Limit, rows)
		var want [][]page.Cell
		for _, row := range all.Rows[from:to] {
			if r.Columns != nil {
				var cells []page.Cell
				for _, c := range picked {
					cells = append(cells, row[c])
				}
				row = cells
			}
			want = append(want, row)
		}
		if len(got.Rows) != len(want) || got.Offset != r.Offset {
			t.Fatalf("got %d rows at %d, want %d at %d", len(got.Rows), got.Offset, len(want), r.Offset)
		}
		for i := range want {
			if !slices.Equal(want[i], got.Rows[i]) {
				t.Fatalf("row %d: got %v, want %v", i, got.Rows[i], want[i])
			}
		}
	})
}

func TestUnknownColumn(t *testing.T) {
	path := writeParquet(t, filepath.Join(t.TempDir(), "x.parquet"), 100, true, []arrow.Record{bigRecord(5)})
	_, err := runPage(t.Context(), pageRequest{path, PageRequest{Limit: 1, Columns: []string{"id", "amont"}}})
	wantKind(t, err, "usage", `no column "amont"`)
	if got, want := diag.Text(err), "hint: did you mean \"amount\"? columns: id, amount, region, flag, tags"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCellsAreCut(t *testing.T) {
	x, texts := col(t, "x", true, arrow.BinaryTypes.String, `["abcdef", "ééé", "abc", ""]`)
	y, bytes := col(t, "y", true, arrow.BinaryTypes.Binary, `["AAECAwQF", "AAECAw==", "AAEC", ""]`)
	z, lists := col(t, "z", true, arrow.ListOf(arrow.PrimitiveTypes.Int32), `[[1, 2, 3, 4], [12], [1], []]`)
	path := writeParquet(t, filepath.Join(t.TempDir(), "x.parquet"), 10, true, []arrow.Record{recordOf([]arrow.Field{x, y, z}, []arrow.Array{texts, bytes, lists})})
	got := mustPage(t, path, PageRequest{Limit: 10, MaxCellBytes: 3}).Rows
	want := [][]page.Cell{
		{{Value: "abc", Cut: true}, {Kind: page.Binary, Value: "AAEC", Cut: true}, {Kind: page.Nested, Value: "[1,", Cut: true}},
		{{Value: "é", Cut: true}, {Kind: page.Binary, Value: "AAEC", Cut: true}, {Kind: page.Nested, Value: "[12", Cut: true}},
		{{Value: "abc"}, {Kind: page.Binary, Value: "AAEC"}, {Kind: page.Nested, Value: "[1]"}},
		{{}, {Kind: page.Binary}, {Kind: page.Nested, Value: "[]"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

func TestPageThatIsTooLarge(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for range 30 {
		b.Append(strings.Repeat("x", 1<<20))
	}
	path := writeParquet(t, filepath.Join(t.TempDir(), "x.parquet"), 100, false, []arrow.Record{recordOf([]arrow.Field{{Name: "x", Type: b.Type()}}, []arrow.Array{b.NewArray()})})
	_, err := runPage(t.Context(), pageRequest{path, PageRequest{Limit: 30}})
	wantFinding(t, err, "need more than 24 MiB of text to show")
	mustPage(t, path, PageRequest{Limit: 30, MaxCellBytes: 100})

	wide := make([]string, 300)
	for i := range wide {
		wide[i] = "id"
	}
	path = writeParquet(t, filepath.Join(t.TempDir(), "y.parquet"), 10_000, false, []arrow.Record{bigRecord(10_000)})
	_, err = runPage(t.Context(), pageRequest{path, PageRequest{Limit: 10_000, Columns: wide}})
	wantFinding(t, err, "10000 rows of 300 columns are too much for a page")
}

func TestAColumnThatCannotBeReadHidesNoOther(t *testing.T) {
	x, wide := col(t, "x", true, &arrow.Decimal256Type{Precision: 50, Scale: 2}, `["1.00"]`)
	y, text := col(t, "y", true, arrow.BinaryTypes.String, `["a"]`)
	path := writeParquet(t, filepath.Join(t.TempDir(), "x.parquet"), 10, false, []arrow.Record{recordOf([]arrow.Field{x, y}, []arrow.Array{wide, text})})
	_, err := runPage(t.Context(), pageRequest{path, PageRequest{Limit: 1}})
	wantFinding(t, err, `column "x" is a decimal of 50 digits`)
	if got, want := pageText(mustPage(t, path, PageRequest{Limit: 1, Columns: []string{"y"}})), "y utf8 true; \n\"a\""; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLogicalTypes reads types of Parquet that Arrow has not, written by hand.
func TestLogicalTypes(t *testing.T) {
	node := func(name string, logical schema.LogicalType, physical parquet.Type, length int) schema.Node {
		return schema.MustPrimitive(schema.NewPrimitiveNodeLogical(name, parquet.Repetitions.Required, logical, physical, length, -1))
	}
	root := schema.MustGroup(schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{
		node("uuid", schema.UUIDLogicalType{}, parquet.Types.FixedLenByteArray, 16),
		node("interval", schema.IntervalLogicalType{}, parquet.Types.FixedLenByteArray, 12),
		node("json", schema.JSONLogicalType{}, parquet.Types.ByteArray, -1),
		node("enum", schema.EnumLogicalType{}, parquet.Types.ByteArray, -1),
		node("bson", schema.BSONLogicalType{}, parquet.Types.ByteArray, -1),
		node("int96", schema.NoLogicalType{}, parquet.Types.Int96, -1),
	}, -1))
	path := filepath.Join(t.TempDir(), "x.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := file.NewParquetWriter(f, root)
	g := w.AppendRowGroup()
	for _, value := range []any{
		parquet.FixedLenByteArray("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
		parquet.FixedLenByteArray("\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00"),
		parquet.ByteArray(`{"a":1}`), parquet.ByteArray("RED"), parquet.ByteArray("\x05\x00\x00\x00\x00"),
		parquet.NewInt96([3]uint32{0, 0, 2440588}),
	} {
		c, err := g.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		switch c := c.(type) {
		case *file.FixedLenByteArrayColumnChunkWriter:
			_, err = c.WriteBatch([]parquet.FixedLenByteArray{value.(parquet.FixedLenByteArray)}, nil, nil)
		case *file.ByteArrayColumnChunkWriter:
			_, err = c.WriteBatch([]parquet.ByteArray{value.(parquet.ByteArray)}, nil, nil)
		case *file.Int96ColumnChunkWriter:
			_, err = c.WriteBatch([]parquet.Int96{value.(parquet.Int96)}, nil, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := `uuid uuid false; interval interval false; json json false; enum enum false; bson bson false; int96 timestamp[ns, tz=UTC] false; ` +
		"\n" + `"00112233-4455-6677-8899-aabbccddeeff" "1 months 2 days 3 ms" "{\"a\":1}" "RED" "BQAAAAA=" "1970-01-01T00:00:00Z"`
	if got := values(t, path); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if info := mustDescribe(t, path, false); info.Rows != 1 {
		t.Errorf("rows: got %d, want 1", info.Rows)
	}
}

func TestDecimal(t *testing.T) {
	for _, test := range []struct {
		value int64
		scale int
		want  string
	}{
		{0, 0, "0"}, {0, 2, "0.00"}, {5, 2, "0.05"}, {-5, 2, "-0.05"}, {12345, 2, "123.45"}, {-100, 0, "-100"}, {7, -3, "7000"}, {0, -3, "0"}, {7, 1 << 30, "7"},
	} {
		if got := decimal(big.NewInt(test.value), test.scale); got != test.want {
			t.Errorf("decimal(%d, %d): got %s, want %s", test.value, test.scale, got, test.want)
		}
	}
}

func TestNestedCellsAreJSON(t *testing.T) {
	base, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		r := genRecord(t)
		dir := filepath.Join(base, strconv.Itoa(runs))
		runs++
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		out := filepath.Join(dir, "out.parquet")
		mustConvert(t, ConvertRequest{In: writeIPC(t, filepath.Join(dir, "in.arrow"), true, r), Format: Arrow, Out: out})
		for _, row := range mustPage(t, out, PageRequest{Limit: 100}).Rows {
			for _, cell := range row {
				if text := cell.AppendJSON(nil); !json.Valid(text) {
					t.Fatalf("cell %+v is printed as %s, which is not JSON", cell, text)
				}
			}
		}
	})
}

func FuzzCutText(f *testing.F) {
	f.Add("é漢🙂", 2)
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 0 || most >= len(s) {
			t.Skip("nothing to cut")
		}
		got := cutText(s, most)
		if !strings.HasPrefix(s, got) || len(got) > most || len(got) < most-utf8.UTFMax+1 {
			t.Errorf("cutText(%q, %d): got %q", s, most, got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("cutText(%q, %d): got %q, half a rune", s, most, got)
		}
	})
}
