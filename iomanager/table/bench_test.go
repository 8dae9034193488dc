package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/assetdev/assetdev/internal/child"
)

// The table of the benchmarks: 8 columns as an order table has them.
var orderFields = []arrow.Field{
	{Name: "order_id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "customer_id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "amount", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "tax", Type: arrow.PrimitiveTypes.Float64},
	{Name: "ordered_at", Type: arrow.FixedWidthTypes.Timestamp_us},
	{Name: "country", Type: arrow.BinaryTypes.String},
	{Name: "comment", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "paid", Type: arrow.FixedWidthTypes.Boolean},
}

// orders returns rows of it, from the given row on.
func orders(from, rows int) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(orderFields, nil))
	countries := []string{"DE", "FR", "US", "JP", "BR", "IN", "NG", "PL"}
	random := uint64(from)*0x9e3779b97f4a7c15 + 1
	for i := from; i < from+rows; i++ {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.Int64Builder).Append(int64(random % 1_000_000))
		if random%50 == 0 {
			b.Field(2).AppendNull()
		} else {
			b.Field(2).(*array.Float64Builder).Append(float64(random%100_000) / 100)
		}
		b.Field(3).(*array.Float64Builder).Append(float64(random%100_000) / 100 * 0.19)
		b.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp(1_700_000_000_000_000 + int64(i)*1_000_003))
		b.Field(5).(*array.StringBuilder).Append(countries[random>>8%8])
		if random%3 == 0 {
			b.Field(6).AppendNull()
		} else {
			b.Field(6).(*array.StringBuilder).Append(fmt.Sprintf("order %d by %d", i, random%1000))
		}
		b.Field(7).(*array.BooleanBuilder).Append(random%10 != 0)
	}
	return b.NewRecord()
}

// heavy reports whether benchmarks use the real sizes; else they are 1:100.
func heavy() bool { return os.Getenv("ASSETDEV_HEAVY") == "1" }

// ordersFile returns a Parquet file of 50 million orders (1:100 unless heavy) in row groups of 122,880, made once and kept in the
// user's cache folder. How it is written is arrow v17's default, or as Convert stores it.
func ordersFile(b *testing.B, stored bool) (path string, rows int) {
	b.Helper()
	rows = 500_000
	if heavy() {
		rows = 50_000_000
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		b.Skipf("no cache folder: %v", err)
	}
	dir := filepath.Join(cache, "assetdev", "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	path = filepath.Join(dir, fmt.Sprintf("orders-1-%d-stored-%v.parquet", rows, stored))
	if _, err := os.Stat(path); err == nil {
		return path, rows
	}
	tmp := path + ".tmp"
	f, err := os.Create(tmp)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const group = groupMaxRows
	groups := []arrow.Record{orders(0, group), orders(group, group), orders(2*group, group)} // again and again: other rows would read no slower
	next := func(at int) arrow.Record { return groups[at/group%3].NewSlice(0, int64(min(group, rows-at))) }
	if stored {
		s, err := newSink(f, arrow.NewSchema(orderFields, nil), false)
		if err != nil {
			b.Fatal(err)
		}
		for at := 0; at < rows; at += group {
			r := next(at)
			if err := s.add(r.Columns(), int(r.NumRows()), 0); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := s.finish(); err != nil {
			b.Fatal(err)
		}
	} else {
		props := parquet.NewWriterProperties(parquet.WithVersion(parquet.V2_LATEST), parquet.WithCompression(compress.Codecs.Snappy))
		w, err := pqarrow.NewFileWriter(arrow.NewSchema(orderFields, nil), f, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		if err != nil {
			b.Fatal(err)
		}
		for at := 0; at < rows; at += group {
			if err := w.Write(next(at)); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.Rename(tmp, path); err != nil {
		b.Fatal(err)
	}
	return path, rows
}

// benchRole is the role of the child, which tells its peak memory at the end. The kernel's own figure (rusage) begins with that of the
// process that started it.
const benchRole = "table-bench"

func init() {
	child.Register(benchRole, func([]string) int {
		code := serve(os.Stdin, os.Stdout)
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return 1
		}
		for line := range strings.Lines(string(status)) {
			if size, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				fmt.Fprintln(os.Stderr, strings.Fields(size)[0])
			}
		}
		return code
	})
}

// cpu returns the CPU time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPreview shows rows of the big table, each time in a child of its own, and reports the whole child's CPU time and peak memory. The
// anchor, for the first 100 rows of 50 million: ≤ 50 ms, ≤ 60 MB.
func BenchmarkPreview(b *testing.B) {
	for _, stored := range []bool{false, true} {
		path, rows := ordersFile(b, stored)
		writer := "arrow-default"
		if stored {
			writer = "stored"
		}
		for _, q := range []struct {
			name string
			PageRequest
		}{
			{"first", PageRequest{Limit: 100}},
			{"middle", PageRequest{Offset: int64(rows) / 2, Limit: 100}},
			{"last", PageRequest{Offset: int64(rows) - 100, Limit: 100}},
		} {
			b.Run(fmt.Sprintf("rows=%d/%s/%s", rows, writer, q.name), func(b *testing.B) {
				line, err := json.Marshal(request{Page: &pageRequest{path, q.PageRequest}})
				if err != nil {
					b.Fatal(err)
				}
				self, err := os.Executable()
				if err != nil {
					b.Fatal(err)
				}
				var cpus, sizes []float64
				for b.Loop() {
					var peak bytes.Buffer
					p, err := child.Start(child.Command{
						Path: self, Args: []string{"_assetdev", benchRole}, Stdin: append(line, '\n'), Stderr: &peak,
						Env: append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%d", pageLimits.MemoryLimit)),
					})
					if err != nil {
						b.Fatal(err)
					}
					exit := p.Wait()
					kilobytes, err := strconv.ParseFloat(strings.TrimSpace(peak.String()), 64)
					if exit.Code != 0 || err != nil {
						b.Fatal(exit, err)
					}
					cpus = append(cpus, float64(exit.User+exit.System)/float64(time.Millisecond))
					sizes = append(sizes, kilobytes*1024/1e6)
				}
				slices.Sort(cpus)
				slices.Sort(sizes)
				b.ReportMetric(cpus[len(cpus)/2], "cpu-ms")
				b.ReportMetric(sizes[len(sizes)/2], "peak-MB")
				if q.Offset == 0 {
					b.ReportMetric(50, "anchor-ms")
					b.ReportMetric(60, "anchor-MB")
				}
			})
		}
	}
}

// BenchmarkReader shows rows in the child that stays.
func BenchmarkReader(b *testing.B) {
	path, rows := ordersFile(b, true)
	r := Open()
	defer r.Close()
	at := int64(0)
	for b.Loop() {
		if _, err := r.Page(b.Context(), path, PageRequest{Offset: at, Limit: 100, MaxCellBytes: 200}); err != nil {
			b.Fatal(err)
		}
		at = (at + 7_919_000) % int64(rows)
	}
}

// BenchmarkConvert measures bytes of Arrow data; the anchor of hashing alone is ≥ 100 MB/s.
func BenchmarkConvert(b *testing.B) {
	dir := b.TempDir()
	r := orders(0, 200_000)
	size := recordSize(r)
	in := filepath.Join(dir, "in.arrow")
	f, err := os.Create(in)
	if err != nil {
		b.Fatal(err)
	}
	w := ipc.NewWriter(f, ipc.WithSchema(r.Schema()))
	if err := w.Write(r); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	out := filepath.Join(dir, "out.parquet")
	// Wall times mean little on a busy machine: MB per second of CPU time.
	run := func(name string, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			start := cpu(b)
			for b.Loop() {
				f(b)
			}
			b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpu(b)-start).Seconds(), "MB/cpu-s")
		})
	}
	run("convert", func(b *testing.B) {
		_ = os.Remove(out)
		mustConvert(b, ConvertRequest{In: in, Format: Arrow, Out: out})
	})
	run("describe", func(b *testing.B) { mustDescribe(b, out, false) })
	s, err := open(out)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	for _, unordered := range []bool{false, true} {
		run(fmt.Sprintf("hash/unordered=%v", unordered), func(b *testing.B) {
			h := newHasher(s.nodes, unordered, true)
			if err := h.add(r.Columns(), int(r.NumRows())); err != nil {
				b.Fatal(err)
			}
			h.version()
		})
	}
}
