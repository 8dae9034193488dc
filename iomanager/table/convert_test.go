package table

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"

	"github.com/assetdev/assetdev/internal/diag"
)

// wantFinding checks the text of an error and that it is one about data.
func wantFinding(t *testing.T, err error, want string) {
	t.Helper()
	wantKind(t, err, "data", want)
}

func wantKind(t *testing.T, err error, kind, want string) {
	t.Helper()
	finding := (*diag.Error)(nil)
	if !errors.As(err, &finding) || finding.Kind != kind || !strings.Contains(finding.What, want) {
		t.Errorf("got %#v, want a finding of the kind %s with %q", err, kind, want)
	}
}

func TestConvertRefuses(t *testing.T) {
	nulls, nullArray := col(t, "x", false, arrow.PrimitiveTypes.Int64, `[1, null]`)
	inner, innerArray := col(t, "x", true, arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64}), `[{"a": 1}, {"a": null}]`)
	duration, durationArray := col(t, "x", true, arrow.FixedWidthTypes.Duration_ms, `[1]`)
	wide, wideArray := col(t, "x", true, &arrow.Decimal256Type{Precision: 50, Scale: 2}, `["1.00"]`)
	empty, emptyArray := col(t, "x", true, arrow.StructOf(), `[{}]`)
	twice, twiceArray := col(t, "x", true, arrow.PrimitiveTypes.Int64, `[1]`)
	text := array.NewStringBuilder(memory.DefaultAllocator)
	text.AppendValues([]string{"a", "\xff"}, nil)
	halves := array.NewStringBuilder(memory.DefaultAllocator) // together they are UTF-8
	halves.AppendValues([]string{"\xc3", "\xa9"}, nil)
	x := arrow.Field{Name: "x", Type: arrow.BinaryTypes.String, Nullable: true}
	for _, test := range []struct {
		name   string
		record arrow.Record
		want   string
	}{
		{"null where none may be", recordOf([]arrow.Field{nulls}, []arrow.Array{nullArray}), `column "x" holds nulls, but is declared to have none`},
		{"null in a struct", recordOf([]arrow.Field{inner}, []arrow.Array{innerArray}), `column "x.a" holds nulls, but is declared to have none`},
		{"duration", recordOf([]arrow.Field{duration}, []arrow.Array{durationArray}), `column "x" has type duration[ms], which Parquet cannot hold`},
		{"wide decimal", recordOf([]arrow.Field{wide}, []arrow.Array{wideArray}), `column "x" is a decimal of 50 digits`},
		{"struct without fields", recordOf([]arrow.Field{empty}, []arrow.Array{emptyArray}), `column "x" is a struct without fields`},
		{"a name twice", recordOf([]arrow.Field{twice, twice}, []arrow.Array{twiceArray, twiceArray}), `two columns are named "x"`},
		{"text that is not UTF-8", recordOf([]arrow.Field{x}, []arrow.Array{text.NewArray()}), `column "x" holds text that is not UTF-8`},
		{"text cut within a rune", recordOf([]arrow.Field{x}, []arrow.Array{halves.NewArray()}), `column "x" holds text that is not UTF-8`},
		{"no columns", array.NewRecord(arrow.NewSchema(nil, nil), nil, 3), `it has no columns`},
	} {
		for _, unordered := range []bool{false, true} {
			dir := t.TempDir()
			in, out := writeIPC(t, filepath.Join(dir, "in.arrow"), true, test.record), filepath.Join(dir, "out.parquet")
			_, err := runConvert(t.Context(), ConvertRequest{In: in, Format: Arrow, Out: out, Unordered: unordered})
			if wantFinding(t, library(err), test.want); t.Failed() {
				t.Errorf("%s, unordered %v", test.name, unordered)
			}
			if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: the output was left behind", test.name)
			}
		}
	}
}

func TestConvertDamagedArrow(t *testing.T) {
	dir := t.TempDir()
	r := bigRecord(20)
	file, err := os.ReadFile(writeIPC(t, filepath.Join(dir, "file"), false, r, r))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := os.ReadFile(writeIPC(t, filepath.Join(dir, "stream"), true, r, r))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "file is truncated: it is empty"},
		{"text", []byte("id,name\n1,a\n"), "not an Arrow file: a CSV or text file"},
		{"parquet", []byte("PAR1...."), "not an Arrow file: parquet"},
		{"truncated file", file[:len(file)-1], "file is truncated: it does not end with an Arrow footer"},
		{"truncated stream", stream[:len(stream)-8], "file is truncated: its Arrow stream does not end"},
		{"stream cut within a batch", stream[:len(stream)/2], "file is truncated: its Arrow stream does not end"},
		{"claims", append([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f"), stream[len(stream)-8:]...), "damaged"},
	} {
		in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out.parquet")
		if err := os.WriteFile(in, test.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := runConvert(t.Context(), ConvertRequest{In: in, Format: Arrow, Out: out})
		wantFinding(t, library(err), test.want)
	}
}

func TestConvertParquet(t *testing.T) {
	dir := t.TempDir()
	r := bigRecord(5000)
	options := []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Zstd)}
	in := writeParquet(t, filepath.Join(dir, "in.parquet"), 3000, true, []arrow.Record{r}, options...)
	want := mustDescribe(t, in, false)

	copied := filepath.Join(dir, "copied.parquet")
	if got := mustConvert(t, ConvertRequest{In: in, Format: Parquet, Out: copied}); got.DataVersion != want.DataVersion || got.RowGroups != 2 {
		t.Errorf("copy: got %+v, want %+v", got, want)
	}
	a, errA := os.ReadFile(in)
	b, errB := os.ReadFile(copied)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("a file that suits was not copied byte by byte (%v, %v)", errA, errB)
	}

	// Too many rows in a group: written anew.
	many := array.NewInt8Builder(memory.DefaultAllocator)
	many.AppendValues(make([]int8, copyMaxRows+1), nil)
	huge := recordOf([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int8}}, []arrow.Array{many.NewArray()})
	in = writeParquet(t, filepath.Join(dir, "huge.parquet"), copyMaxRows+1, false, []arrow.Record{huge})
	got := mustConvert(t, ConvertRequest{In: in, Format: Parquet, Out: filepath.Join(dir, "cut.parquet")})
	if want := mustDescribe(t, in, false); got.DataVersion != want.DataVersion || got.RowGroups != 9 || want.RowGroups != 1 {
		t.Errorf("written anew: got %d row groups and version %s, want 9 and %s", got.RowGroups, got.DataVersion, want.DataVersion)
	}

	if _, err := runConvert(t.Context(), ConvertRequest{In: in, Format: Parquet, Out: copied}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("output that is there: got %v, want %v", err, fs.ErrExist)
	}
	if _, err := os.Stat(copied); err != nil {
		t.Errorf("output that was there: %v", err)
	}
}

func TestEmptyTable(t *testing.T) {
	dir := t.TempDir()
	f, a := col(t, "x", true, arrow.ListOf(arrow.BinaryTypes.String), `[]`)
	out := filepath.Join(dir, "out.parquet")
	info := mustConvert(t, ConvertRequest{In: writeIPC(t, filepath.Join(dir, "in.arrow"), false, recordOf([]arrow.Field{f}, []arrow.Array{a})), Format: Arrow, Out: out})
	if again := mustDescribe(t, out, false); again.Rows != 0 || again.DataVersion != info.DataVersion {
		t.Errorf("got %+v, want %+v", again, info)
	}
	if p := mustPage(t, out, PageRequest{Limit: 10}); len(p.Rows) != 0 || len(p.Columns) != 1 {
		t.Errorf("page: got %+v, want one column and no rows", p)
	}
	if err := runToArrow(t.Context(), out, filepath.Join(dir, "back.arrow")); err != nil {
		t.Error(err)
	}
}

func TestSchemaMetadataIsKept(t *testing.T) {
	dir := t.TempDir()
	f, a := col(t, "x", true, arrow.PrimitiveTypes.Int64, `[1]`)
	f.Metadata = arrow.MetadataFrom(map[string]string{"unit": "m"})
	md := arrow.MetadataFrom(map[string]string{"pandas": "{}"})
	with := array.NewRecord(arrow.NewSchema([]arrow.Field{f}, &md), []arrow.Array{a}, 1)
	out, back := filepath.Join(dir, "out.parquet"), filepath.Join(dir, "back.arrow")
	info := mustConvert(t, ConvertRequest{In: writeIPC(t, filepath.Join(dir, "in.arrow"), false, with), Format: Arrow, Out: out})
	if err := runToArrow(t.Context(), out, back); err != nil {
		t.Fatal(err)
	}
	b, err := os.Open(back)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	records, err := openArrow(b)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := records.Schema().Metadata().GetValue("pandas")
	unit, _ := records.Schema().Field(0).Metadata.GetValue("unit")
	if got != "{}" || unit != "m" {
		t.Errorf("got pandas %q and unit %q, want %q and %q", got, unit, "{}", "m")
	}
	without := recordOf([]arrow.Field{f}, []arrow.Array{a})
	other := mustConvert(t, ConvertRequest{In: writeIPC(t, filepath.Join(dir, "in.arrow"), false, without), Format: Arrow, Out: filepath.Join(dir, "other.parquet")})
	if other.DataVersion != info.DataVersion {
		t.Error("metadata of the whole table: got two versions, want one")
	}
}

func TestSniff(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ data, want string }{
		{"", "an empty file"},
		{"PAR1\x00", "parquet"},
		{"PARE\x00", "an encrypted Parquet file"},
		{"ARROW1\x00\x00", "arrow"},
		{"\xff\xff\xff\xff\x10\x00\x00\x00", "arrow"},
		{"\x80\x04\x95", "a pickle (protocol 4)"},
		{"\x80\x02}", "a pickle (protocol 2)"},
		{"\x1f\x8b\x08", "a gzip file"},
		{"PK\x03\x04", "a zip file"},
		{"id,name\r\n1,é\n", "a CSV or text file"},
		{strings.Repeat("a", 4095) + "é", "a CSV or text file"}, // a rune cut by the end of the head
		{"\ufeffid,name\n", "a CSV or text file"},
		{" {\"a\": 1}", "a JSON file"},
		{"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer (its data was not fetched)"},
		{"\x00\x01\x02\x03", "unknown data"},
		{"assetdev opaque 1\n{\"python\": \"3.11\", \"type\": \"pandas.Series\"}\n\x80\x05", "a Python value (pandas.Series)"},
		{"assetdev opaque 1\n{\"python\": \"3.11\", \"type\": \"builtins.dict\"}\n\x80\x05", "a Python value (dict)"},
		{"assetdev opaque 1\n{\"type\": \"\\u001b[31m\"}\n", "a Python value"},
		{"assetdev opaque 1\n", "a Python value"},
		{"caf\xe9,1\n", "unknown data"},
	} {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte(test.data), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Sniff(path); got != test.want || err != nil {
			t.Errorf("%.20q: got %q, %v, want %q", test.data, got, err, test.want)
		}
	}
	if got, err := Sniff(dir); got != "a folder" || err != nil {
		t.Errorf("folder: got %q, %v", got, err)
	}
	if _, err := Sniff(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: got %v, want %v", err, fs.ErrNotExist)
	}
}

func FuzzSniff(f *testing.F) {
	for _, seed := range []string{"", "PAR1", "\x80\x04", "a,b\n", "{", "\xff\xff\xff\xff", "é"[:1]} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		if sniff(head) == "" {
			t.Error("no word")
		}
	})
}
