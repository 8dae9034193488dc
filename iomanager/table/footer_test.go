package table

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// footerOf returns the footer of a file of several row groups with nested columns and statistics.
func footerOf(t tester, path string) (data, thrift []byte) {
	t.Helper()
	data, err := os.ReadFile(writeParquet(t, path, 7, true, []arrow.Record{bigRecord(60)}, parquet.WithStats(true)))
	if err != nil {
		t.Fatalf("%v", err)
	}
	size := int(binary.LittleEndian.Uint32(data[len(data)-tailSize:]))
	return data, data[len(data)-tailSize-size : len(data)-tailSize]
}

func TestFooterIsWhatTheLibraryReads(t *testing.T) {
	data, thrift := footerOf(t, filepath.Join(t.TempDir(), "x.parquet"))
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := r.MetaData()
	got, err := parseFooter(thrift)
	if err != nil {
		t.Fatal(err)
	}
	if got.rows != want.NumRows || len(got.groups) != len(want.RowGroups) || len(got.groups) != 9 {
		t.Fatalf("got %d rows in %d groups, want %d in %d, 9", got.rows, len(got.groups), want.NumRows, len(want.RowGroups))
	}
	size := 0
	for g, w := range want.RowGroups {
		one, err := got.groups[g].parse()
		if err != nil {
			t.Fatal(err)
		}
		if got.groups[g].rows != w.NumRows || got.groups[g].columns != len(w.Columns) {
			t.Errorf("group %d: got %d rows and %d columns, want %d and %d", g, got.groups[g].rows, got.groups[g].columns, w.NumRows, len(w.Columns))
		}
		for i, c := range w.Columns {
			if c.MetaData.Statistics == nil {
				t.Fatal("the file has no statistics to leave out")
			}
			c.MetaData.Statistics, c.MetaData.EncodingStats = nil, nil
			if !reflect.DeepEqual(one.RowGroups[0].Columns[i], c) {
				t.Errorf("group %d, column %d: got %v, want %v", g, i, one.RowGroups[0].Columns[i], c)
			}
		}
		if one.RowGroups[0].TotalByteSize != w.TotalByteSize || one.RowGroups[0].NumRows != w.NumRows {
			t.Errorf("group %d: got %v, want %v", g, one.RowGroups[0], w)
		}
		size += len(got.groups[g].thrift)
	}
	if size >= len(thrift) || size == 0 {
		t.Errorf("row groups have %d bytes of a footer of %d", size, len(thrift))
	}
}

// FuzzFooter checks that no footer brings the walk down, and that it gives the library no more than it read.
func FuzzFooter(f *testing.F) {
	_, thrift := footerOf(f, filepath.Join(f.TempDir(), "x.parquet"))
	f.Add(thrift)
	f.Add(thrift[:len(thrift)/2])
	f.Add([]byte{})
	f.Add([]byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f})             // a list of 2^32 structures
	f.Add([]byte{0x1b, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x33})             // a map of them
	f.Add(bytes.Repeat([]byte{0x1c}, 10_000))                           // structures in structures
	f.Add(bytes.Repeat([]byte{0x19}, 10_000))                           // lists in lists
	f.Add([]byte{0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}) // a text of 2^56 bytes
	f.Fuzz(func(t *testing.T, thrift []byte) {
		got, err := parseFooter(thrift)
		if err != nil {
			return
		}
		if len(got.head) > 2*len(thrift)+4 {
			t.Errorf("a footer of %d bytes became one of %d", len(thrift), len(got.head))
		}
		for _, g := range got.groups {
			w := walker{data: g.thrift}
			if out := w.prune(nil, rowGroup); !w.bad && len(out) > 2*len(g.thrift)+1 {
				t.Errorf("a row group of %d bytes became one of %d", len(g.thrift), len(out))
			}
		}
	})
}
