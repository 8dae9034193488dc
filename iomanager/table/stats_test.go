package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/iomanager/page"
)

func mustStats(t tester, file, column string) page.Stats {
	t.Helper()
	s, err := runStats(context.Background(), statsRequest{file, column})
	if err != nil {
		t.Fatalf("stats of %s: %v", column, err)
	}
	return s
}

func statsText(s page.Stats) string {
	cell := func(c *page.Cell) string {
		if c == nil {
			return "-"
		}
		return c.Value
	}
	about := ""
	if s.About {
		about = "≈"
	}
	return fmt.Sprintf("%s %d rows %d nulls %d empty %d nan %s%d distinct %s..%s", s.Column.Name, s.Rows, s.Nulls, s.Empty, s.NaN, about, s.Distinct, cell(s.Min), cell(s.Max))
}

// oddRecord has values at the ends of their types.
func oddRecord() arrow.Record {
	mem := memory.DefaultAllocator
	floats := array.NewFloat64Builder(mem)
	floats.AppendValues([]float64{math.NaN(), math.Inf(1), math.Copysign(0, -1), 0, -3.5, math.Inf(-1)}, []bool{true, true, true, true, true, true})
	unsigned := array.NewUint64Builder(mem)
	unsigned.AppendValues([]uint64{math.MaxUint64, 1 << 63, 5, 0, 5, 7}, nil)
	texts := array.NewStringBuilder(mem)
	texts.AppendValues([]string{"b", "", "ä", "a\nb", "", "zz"}, []bool{true, true, true, true, false, true})
	decimals := array.NewDecimal128Builder(mem, &arrow.Decimal128Type{Precision: 30, Scale: 2})
	for _, text := range []string{"-1.50", "0", "99999999999999999999999.25", "-99999999999999999999999.25", "1", "1"} {
		v, err := decimal128.FromString(text, 30, 2)
		if err != nil {
			panic(err)
		}
		decimals.Append(v)
	}
	nothing := array.NewStringBuilder(mem)
	for range 6 {
		nothing.AppendNull()
	}
	fields := []arrow.Field{
		{Name: "f", Type: arrow.PrimitiveTypes.Float64},
		{Name: "u", Type: arrow.PrimitiveTypes.Uint64},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "d", Type: decimals.Type()},
		{Name: "n", Type: arrow.BinaryTypes.String, Nullable: true},
	}
	return recordOf(fields, []arrow.Array{floats.NewArray(), unsigned.NewArray(), texts.NewArray(), decimals.NewArray(), nothing.NewArray()})
}

func TestStats(t *testing.T) {
	dir := t.TempDir()
	odd := writeParquet(t, filepath.Join(dir, "odd.parquet"), 4, true, []arrow.Record{oddRecord()})
	big := writeParquet(t, filepath.Join(dir, "big.parquet"), 7001, true, []arrow.Record{bigRecord(20_000)})
	for _, test := range []struct{ file, want string }{
		{odd, "f 6 rows 0 nulls 0 empty 1 nan 5 distinct -Infinity..Infinity"},
		{odd, "u 6 rows 0 nulls 0 empty 0 nan 5 distinct 0..18446744073709551615"},
		{odd, "s 6 rows 1 nulls 1 empty 0 nan 5 distinct ..ä"},
		{odd, "d 6 rows 0 nulls 0 empty 0 nan 5 distinct -99999999999999999999999.25..99999999999999999999999.25"},
		{odd, "n 6 rows 6 nulls 0 empty 0 nan 0 distinct -..-"},
		{big, "id 20000 rows 0 nulls 0 empty 0 nan 20000 distinct 0..19999"},
		{big, "flag 20000 rows 0 nulls 0 empty 0 nan 2 distinct false..true"},
	} {
		name, _, _ := strings.Cut(test.want, " ")
		if got := statsText(mustStats(t, test.file, name)); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	if got := mustStats(t, big, "tags"); got.Nulls != 4000 || got.Min != nil || got.Distinct < 10_000 || got.Empty == 0 {
		t.Errorf("a nested column: %s", statsText(got))
	}
	if _, err := runStats(t.Context(), statsRequest{big, "amont"}); err == nil {
		t.Error("an unknown column has statistics")
	}
}

// TestStatsProperty: the statistics are those of the rows that a page shows.
func TestStatsProperty(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(-5, 5), rapid.Int64()), 1, 60).Draw(t, "values")
		valid := rapid.SliceOfN(rapid.Bool(), len(values), len(values)).Draw(t, "valid")
		b := array.NewInt64Builder(memory.DefaultAllocator)
		b.AppendValues(values, valid)
		r := recordOf([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, []arrow.Array{b.NewArray()})
		file := writeParquet(t, filepath.Join(dir, "x.parquet"), rapid.Int64Range(1, 30).Draw(t, "group"), true, []arrow.Record{r})
		got := mustStats(t, file, "n")
		var kept []int64
		for i, v := range values {
			if valid[i] {
				kept = append(kept, v)
			}
		}
		slices.Sort(kept)
		want := page.Stats{Column: got.Column, Rows: int64(len(values)), Nulls: int64(len(values) - len(kept)), Distinct: int64(len(slices.Compact(slices.Clone(kept))))}
		if len(kept) > 0 {
			want.Min = &page.Cell{Kind: page.Number, Value: strconv.FormatInt(kept[0], 10)}
			want.Max = &page.Cell{Kind: page.Number, Value: strconv.FormatInt(kept[len(kept)-1], 10)}
		}
		if statsText(got) != statsText(want) {
			t.Fatalf("got  %s\nwant %s", statsText(got), statsText(want))
		}
		descending := rapid.Bool().Draw(t, "descending")
		limit := rapid.IntRange(1, 70).Draw(t, "limit")
		sorted, err := runSort(context.Background(), sortRequest{file, SortRequest{Column: "n", Descending: descending, Limit: int64(limit)}})
		if err != nil {
			t.Fatal(err)
		}
		order := make([]int64, len(values))
		for i := range order {
			order[i] = int64(i)
		}
		slices.SortStableFunc(order, func(a, b int64) int {
			switch {
			case valid[a] != valid[b] && valid[a]:
				return -1
			case valid[a] != valid[b]:
				return 1
			case !valid[a]:
				return 0
			case descending:
				return cmp.Compare(values[b], values[a])
			}
			return cmp.Compare(values[a], values[b])
		})
		order = order[:min(limit, len(order))]
		if !slices.Equal(sorted.Order, order) {
			t.Fatalf("got order %v, want %v of %v", sorted.Order, order, values)
		}
		for i, row := range order {
			if cell := sorted.Rows[i][0]; valid[row] != (cell.Kind != page.Null) || valid[row] && cell.Value != strconv.FormatInt(values[row], 10) {
				t.Fatalf("row %d of the order is %v, want that of row %d", i, cell, row)
			}
		}
	})
}

func TestSortOddValues(t *testing.T) {
	file := writeParquet(t, filepath.Join(t.TempDir(), "odd.parquet"), 4, true, []arrow.Record{oddRecord()})
	for _, test := range []struct {
		column     string
		descending bool
		want       []int64
	}{
		{"f", false, []int64{5, 4, 2, 3, 1, 0}},
		{"f", true, []int64{1, 2, 3, 4, 5, 0}},
		{"u", true, []int64{0, 1, 5, 2, 4, 3}},
		{"s", false, []int64{1, 3, 0, 5, 2, 4}},
		{"d", false, []int64{3, 0, 1, 4, 5, 2}},
		{"n", true, []int64{0, 1, 2, 3, 4, 5}},
	} {
		p, err := runSort(t.Context(), sortRequest{file, SortRequest{Column: test.column, Descending: test.descending, Limit: 10}})
		if err != nil || !slices.Equal(p.Order, test.want) {
			t.Errorf("%s, descending %v: got %v, %v, want %v", test.column, test.descending, p.Order, err, test.want)
		}
	}
	big := writeParquet(t, filepath.Join(t.TempDir(), "big.parquet"), 100, true, []arrow.Record{bigRecord(500)})
	_, err := runSort(t.Context(), sortRequest{big, SortRequest{Column: "tags", Limit: 10}})
	wantFinding(t, err, "no order")
}

// TestDistinct: beyond what is counted one by one, the estimate is near.
func TestDistinct(t *testing.T) {
	d, seed := newDistinct(), maphash.MakeSeed()
	n := exactDistinct + 500_000
	for i := range n {
		d.add(rank{hi: int64(i)}.hash(seed))
		d.add(rank{hi: int64(i)}.hash(seed))
	}
	got, about := d.count()
	if off := math.Abs(float64(got)/float64(n) - 1); !about || off > 0.04 {
		t.Errorf("got %d, about %v, want about %d", got, about, n)
	}
	if n, about := newDistinct().count(); n != 0 || about {
		t.Errorf("nothing counts as %d, about %v", n, about)
	}
}

func TestPassesInAChild(t *testing.T) {
	dir := t.TempDir()
	file := writeParquet(t, filepath.Join(dir, "big.parquet"), 7001, true, []arrow.Record{bigRecord(20_000)})
	s, err := Stats(t.Context(), file, "id")
	if err != nil || s.Distinct != 20_000 {
		t.Errorf("got %+v, %v", s, err)
	}
	p, err := Sort(t.Context(), file, SortRequest{Column: "id", Descending: true, Limit: 3})
	if err != nil || len(p.Rows) != 3 || p.Rows[0][0].Value != "19999" || p.Order[2] != 19_997 || p.RowsTotal != 20_000 {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := Sort(t.Context(), file, SortRequest{Column: "id"}); err == nil {
		t.Error("no rows were sorted without an error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if _, err := Stats(ctx, file, "id"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v from a pass that was cancelled", err)
	}
}

func BenchmarkPasses(b *testing.B) {
	file := writeParquet(b, filepath.Join(b.TempDir(), "big.parquet"), 65_536, true, []arrow.Record{bigRecord(1_000_000)})
	b.Run("stats/rows=1000000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mustStats(b, file, "id")
		}
	})
	b.Run("sort/rows=1000000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := runSort(b.Context(), sortRequest{file, SortRequest{Column: "amount", Descending: true, Limit: MaxSortRows, MaxCellBytes: 200}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
