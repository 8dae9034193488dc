package iomanager

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/assetdev/assetdev/graph"
)

// arrowFile writes numbers as the column n of an Arrow IPC file.
func arrowFile(t *testing.T, numbers ...int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.arrow")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	column := array.NewInt64Builder(memory.DefaultAllocator)
	column.AppendValues(numbers, nil)
	rows := array.NewRecord(schema, []arrow.Array{column.NewArray()}, int64(len(numbers)))
	w, err := ipc.NewFileWriter(file, ipc.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// The whole way with package table: real Arrow in, real Parquet stored, children and all.
func TestRealTables(t *testing.T) {
	dir := t.TempDir()
	b := openBench(t, Config{BaseDir: filepath.Join(dir, "assets"), StateDir: filepath.Join(dir, "state")})
	commit := func(key string, want Outcome, numbers ...int64) graph.Record {
		t.Helper()
		d := b.draft(key, "")
		d.Output = arrowFile(t, numbers...)
		return b.commit(d, want)
	}
	r := commit("a/b", Succeeded, 1, 2, 3)
	if r.Rows != 3 || len(r.Columns) != 1 || r.Columns[0] != (graph.Column{Name: "n", Type: "int64"}) || r.DataVersion == "" {
		t.Errorf("got %+v", r)
	}
	b.wantState("a/b", graph.DataPresent, "")
	commit("a/b", Unchanged, 1, 2, 3)
	two := commit("a/b", Succeeded, 1, 2, 4)

	page, err := b.Preview(t.Context(), r.Key, "", PageRequest{Offset: 2, Limit: 5})
	if err != nil || page.RowsTotal != 3 || len(page.Rows) != 1 || page.Rows[0][0].Value != "4" {
		t.Errorf("preview: got %+v, %v; want the row 4", page, err)
	}
	page, err = b.Preview(t.Context(), r.Key, r.DataVersion, PageRequest{Limit: 5})
	if err != nil || len(page.Rows) != 3 || page.Rows[2][0].Value != "3" {
		t.Errorf("preview of the first version: got %+v, %v; want the row 3", page, err)
	}

	// What others write there: garbage, nothing, the same rows again.
	b.overwrite("a/b.parquet", "\x80\x05pickle")
	b.wantState("a/b", graph.DataChanged, "it is now a")
	b.overwrite("a/b.parquet", "")
	b.wantState("a/b", graph.DataChanged, "it is now an empty file")
	b.remove("a/b.parquet")
	if _, outcome, err := b.Restore(t.Context(), two.Key, two, record("a/b", "restore")); err != nil || outcome != Unchanged {
		t.Errorf("restore: outcome %d, %v", outcome, err)
	}
	b.wantState("a/b", graph.DataPresent, "")

	view, err := b.View(t.Context(), filepath.Join(dir, "view"), []Pinned{{Key: r.Key, Record: &r}}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{view[0].Parquet, view[0].Arrow} {
		if what, err := b.tables.Sniff(name); err != nil || !strings.Contains(strings.ToLower(what), strings.TrimPrefix(filepath.Ext(name), ".")) {
			t.Errorf("%s: got %q, %v", name, what, err)
		}
	}

	// A Parquet file that somebody else made.
	if err := os.Link(b.file("a/b.parquet"), b.file("theirs.parquet")); err != nil {
		t.Fatal(err)
	}
	b.wantState("theirs", graph.DataForeign, "a Parquet file at ")
	adopted, err := b.Adopt(t.Context(), graph.MustKey("theirs"), record("theirs", "adopt"))
	if err != nil || adopted.DataVersion != two.DataVersion || adopted.Rows != 3 {
		t.Errorf("adopt: got %+v, %v; want the data version of the same rows, %s", adopted, err, two.DataVersion)
	}
	b.sound()

	// What is no table is refused, and nothing is left.
	d := b.draft("bad", "no table")
	d.Format = FormatParquet
	if _, _, err := b.Commit(t.Context(), d); err == nil {
		t.Error("garbage was committed")
	}
	b.wantState("bad", graph.DataAbsent, "")
	if files, err := filepath.Glob(b.file(".assetdev/data/bad/*")); err != nil || len(files) != 0 {
		t.Errorf("left over: %v, %v", files, err)
	}
}
