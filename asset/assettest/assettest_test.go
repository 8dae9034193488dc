package assettest_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/asset"
	"github.com/assetdev/assetdev/asset/assettest"
)

type order struct {
	CustomerID  int64
	TotalAmount float64
	OrderDate   time.Time
	Coupon      *string
	Day         time.Time `asset:",date"`
	Zip         string
}

type customer struct {
	CustomerID int64
	Total      string `asset:"total,decimal(12,2)"`
	Orders     int
}

func customers(ctx context.Context, in struct {
	Orders []order `asset:"order_data"`
},
) ([]customer, error) {
	var rows []customer
	totals := map[int64]float64{}
	for _, o := range in.Orders {
		i := slices.IndexFunc(rows, func(c customer) bool { return c.CustomerID == o.CustomerID })
		if i < 0 {
			i = len(rows)
			rows = append(rows, customer{CustomerID: o.CustomerID})
		}
		rows[i].Orders++
		totals[o.CustomerID] += o.TotalAmount
		rows[i].Total = fmt.Sprintf("%.2f", totals[o.CustomerID])
	}
	asset.Progress(ctx, 1, "done")
	asset.Report(ctx, "customers", len(rows))
	return rows, nil
}

func TestRun(t *testing.T) {
	a := asset.New("customers", customers)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	spring := "SPRING"
	values := []order{
		{7, 12, day.Add(10 * time.Hour), nil, day, "01234"},
		{7, 7.5, day.Add(35*time.Hour + 30*time.Minute + 250*time.Millisecond), &spring, day.AddDate(0, 0, 1), "01235"},
		{8, 1e3, day.AddDate(0, 0, 2), nil, day.AddDate(0, 0, 2), "99999"},
	}
	dir := t.TempDir()
	arrowFile, parquetFile := filepath.Join(dir, "orders.arrow"), filepath.Join(dir, "orders.parquet")
	if _, err := asset.WriteFile(arrowFile, values); err != nil {
		t.Fatal(err)
	}
	toParquet(t, arrowFile, parquetFile)
	want := []customer{{7, "19.50", 2}, {8, "1000.00", 1}}
	for _, rows := range []any{values, "testdata/orders.csv", arrowFile, parquetFile} {
		result := assettest.Run(t, a, assettest.Input("order_data", rows))
		if diff := cmp.Diff(want, assettest.Rows[customer](t, result)); diff != "" {
			t.Errorf("%v: rows (-want +got):\n%s", rows, diff)
		}
		if result.Rows != 2 || string(result.Metadata["customers"]) != "2" {
			t.Errorf("got %+v", result)
		}
		// The fixture itself, as another asset sees it.
		same := assettest.Run(t, asset.New("copy", func(in struct {
			Orders []order `asset:"order_data"`
		},
		) []order {
			return in.Orders
		}), assettest.Input("order_data", rows))
		if diff := cmp.Diff(values, assettest.Rows[order](t, same)); diff != "" {
			t.Errorf("%v: fixture (-want +got):\n%s", rows, diff)
		}
	}
}

func TestLoadExternal(t *testing.T) {
	// The types of a CSV file that nothing declares are those of its cells.
	type inferred struct {
		CustomerID  int64
		TotalAmount float64
		OrderDate   time.Time
		Coupon      *string
		Day         time.Time
		Zip         int64
	}
	load := func(ctx context.Context) error {
		rows, err := asset.LoadExternal[inferred](ctx, "order_data")
		if err != nil {
			return err
		}
		n := 0
		for row, err := range asset.StreamExternal[inferred](ctx, "order_data") {
			if err != nil {
				return err
			}
			if diff := cmp.Diff(rows[n], row); diff != "" {
				return errors.New(diff)
			}
			n++
		}
		if n != 3 || rows[1].Zip != 1235 {
			return fmt.Errorf("got %+v", rows)
		}
		return nil
	}
	orders := assettest.Input("order_data", "testdata/orders.csv")
	result := assettest.Run(t, asset.New("x", load, asset.Deps("order_data")), orders)
	if !result.NoData || result.File != "" {
		t.Errorf("got %+v", result)
	}

	// What was not declared is refused, though it is there.
	err := assettest.RunError(t, asset.New("x", load), orders)
	if want := `load "order_data": asset "x" does not declare it; add asset.Deps("order_data") to its declaration`; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	err = assettest.RunError(t, asset.New("x", func(ctx context.Context) error {
		for _, err := range asset.StreamExternal[inferred](ctx, "order_data") {
			return err
		}
		return nil
	}), orders)
	if !strings.Contains(err.Error(), "does not declare it") {
		t.Errorf("got %v", err)
	}

	err = assettest.RunError(t, asset.New("x", load, asset.Deps("order_data")))
	if !strings.Contains(err.Error(), `load "order_data": there is no data; no file was given for it`) {
		t.Errorf("got %v", err)
	}
	if _, err := asset.LoadExternal[inferred](t.Context(), "order_data"); err == nil || !strings.Contains(err.Error(), "not that of a step") {
		t.Errorf("got %v", err)
	}
	err = assettest.RunError(t, asset.New("x", func(ctx context.Context) error {
		_, err := asset.LoadExternal[struct{ Lost chan int }](ctx, "order_data")
		return err
	}, asset.Deps("order_data")), orders)
	if !strings.Contains(err.Error(), "chan int has no column type") {
		t.Errorf("got %v", err)
	}
}

func TestErrors(t *testing.T) {
	a := asset.New("customers", customers)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	header := "customer_id,total_amount,order_date,coupon,day,zip\n"
	for _, test := range []struct {
		name   string
		asset  asset.Asset
		inputs []assettest.Fixture
		want   string
	}{
		{"a wrong declaration", asset.New("x", 7), nil, "it must be a function"},
		{"two fixtures", a, []assettest.Fixture{assettest.Input("b", []order{}), assettest.Input("b", []order{})}, `two fixtures of "b"`},
		{"no fixture", a, nil, `load "order_data": there is no data`},
		{"no rows", a, []assettest.Fixture{assettest.Input("order_data", 7)}, `fixture of "order_data": write rows: int is no table`},
		{"no file", a, []assettest.Fixture{assettest.Input("order_data", "testdata/none.csv")}, "no such file"},
		{"no kind of file", a, []assettest.Fixture{assettest.Input("order_data", "orders.xlsx")}, "a file is .arrow, .csv or .parquet"},
		{"no Parquet", a, []assettest.Fixture{assettest.Input("order_data", file("x.parquet", "PAR1"))}, "x.parquet"},
		{"no Arrow", a, []assettest.Fixture{assettest.Input("order_data", file("x.arrow", "ARROW1"))}, "is no Arrow IPC file"},
		{"no header", a, []assettest.Fixture{assettest.Input("order_data", file("empty.csv", ""))}, "no header"},
		{"a cell", a, []assettest.Fixture{assettest.Input("order_data", file("a.csv", header+"seven,1,2026-03-01T10:00:00Z,,2026-03-01,\n"))}, `row 1, column "customer_id": "seven" is no int64`},
		{"an empty cell", a, []assettest.Fixture{assettest.Input("order_data", file("b.csv", header+"1,,2026-03-01T10:00:00Z,,2026-03-01,\n"))}, `row 1, column "total_amount": the cell is empty`},
		{"a short row", a, []assettest.Fixture{assettest.Input("order_data", file("c.csv", header+"1\n"))}, "wrong number of fields"},
		{"a column", a, []assettest.Fixture{assettest.Input("order_data", file("d.csv", "customer_id\n1\n"))}, `no column "total_amount"`},
		{"a nested column", asset.New("x", func(struct{ A []struct{ B []int } }) {}), []assettest.Fixture{assettest.Input("a", file("e.csv", "b\n1\n"))}, "a CSV file cannot hold list"},
		{"a panic", asset.New("x", func() { panic("no") }), nil, "panic: no"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := assettest.RunError(t, test.asset, test.inputs...); !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	err := assettest.RunError(t, asset.New("x", func() { panic("no") }))
	if text := fmt.Sprintf("%+v", err); !strings.Contains(text, "assettest_test.go:") {
		t.Errorf("no trace in %s", text)
	}
}

// Every type of a column survives Parquet, which is how assetdev stores it.
func TestParquetKeepsEveryType(t *testing.T) {
	type city struct {
		Name string
		Zip  *int32
	}
	type row struct {
		Bool   bool
		I8     int8
		I16    int16
		I32    int32
		I64    int64
		U8     uint8
		U16    uint16
		U32    uint32
		U64    uint64
		F32    float32
		F64    float64
		Text   string
		Bytes  []byte
		At     time.Time
		Day    time.Time `asset:",date"`
		Amount string    `asset:",decimal(38,6)"`
		Addr   netip.Addr
		Maybe  *int64
		City   city
		Other  *city
		List   []string
		Nested [][]int64
		Cities []city
		Counts map[string]int64
		ByYear map[int32]*float64
	}
	zip, half := int32(80331), 0.5
	rows := []row{
		{Addr: netip.MustParseAddr("::1"), Amount: "0.000000", At: time.Time{}, Day: time.Unix(0, 0).UTC()},
		{
			true, -1 << 7, -1 << 15, -1 << 31, -1 << 63, 255, 1<<16 - 1, 1<<32 - 1, 1<<64 - 1, 1.5, -2.25, "päck",
			[]byte{0, 255},
			time.Date(1969, 7, 20, 20, 17, 40, 123456000, time.UTC), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), "-12345678901234567890123456789012.345678",
			netip.MustParseAddr("10.0.0.1"), new(int64),
			city{"München", &zip},
			&city{"x", nil},
			[]string{"a", ""},
			[][]int64{{1}, {}, nil},
			[]city{{"y", &zip}, {"z", nil}},
			map[string]int64{"b": 2, "a": 1},
			map[int32]*float64{-1: nil, 1: &half},
		},
		{Addr: netip.MustParseAddr("10.0.0.2"), Amount: "1.000000", Bytes: []byte{}, List: []string{}, Nested: [][]int64{}, Cities: []city{}, Counts: map[string]int64{}, ByYear: map[int32]*float64{}},
	}
	dir := t.TempDir()
	arrowFile, parquetFile := filepath.Join(dir, "rows.arrow"), filepath.Join(dir, "rows.parquet")
	if _, err := asset.WriteFile(arrowFile, rows); err != nil {
		t.Fatal(err)
	}
	toParquet(t, arrowFile, parquetFile)
	result := assettest.Run(t, asset.New("copy", func(in struct{ Rows []row }) []row { return in.Rows }), assettest.Input("rows", parquetFile))
	if diff := cmp.Diff(rows, assettest.Rows[row](t, result), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// toParquet converts an Arrow IPC file, with the schema stored as assetdev does.
func toParquet(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	r, err := ipc.NewFileReader(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(r.Schema(), out, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.NumRecords() {
		record, err := r.RecordAt(i)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteBuffered(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestArrowFixture(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int8}}, nil))
	b.Field(0).(*array.Int8Builder).AppendValues([]int8{1, 2}, nil)
	type row struct{ N int }
	result := assettest.Run(t, asset.New("copy", func(in struct{ Rows []row }) []row { return in.Rows }), assettest.Input("rows", b.NewRecord()))
	if got := assettest.Rows[row](t, result); len(got) != 2 || got[1].N != 2 {
		t.Errorf("got %v", got)
	}
}
