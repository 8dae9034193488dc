package asset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Tables cross between assetdev and a program as Arrow IPC files. This file reads them into the Go types of a data and writes
// them from it, one batch at a time.

// A batch that is written ends at the first of these.
const (
	batchRows  = 64 << 10
	batchBytes = 16 << 20
)

// WriteFile writes rows to an Arrow IPC file at path, replacing what is there, and returns how many they are. rows is anything
// that an asset's function may return: a slice of structs, one struct, a stream, or Arrow data.
func WriteFile(path string, rows any) (int64, error) {
	v := reflect.ValueOf(rows)
	if !v.IsValid() {
		return 0, errors.New("write rows: they are nil")
	}
	d, err := dataOf(v.Type())
	if err != nil {
		// An interface's dynamic type is not the interface.
		switch rows.(type) {
		case array.RecordReader:
			d = data{v.Type(), shapeReader, nil}
		case arrow.Record:
			d = data{v.Type(), shapeRecord, nil}
		default:
			return 0, fmt.Errorf("write rows: %w", err)
		}
	}
	return d.write(path, v)
}

// ReadFile reads the rows of an Arrow IPC file, as a field of type []T reads an upstream asset.
func ReadFile[T any](path string) ([]T, error) {
	d, err := dataOf(reflect.TypeFor[[]T]())
	if err != nil {
		return nil, err
	}
	if d.table == nil {
		return nil, fmt.Errorf("%s is no table of structs", d.typ)
	}
	v, err := d.read(path, nil)
	if err != nil {
		return nil, err
	}
	return v.Interface().([]T), nil
}

// A file is an open Arrow IPC file.
type file struct {
	f *os.File
	r *ipc.FileReader
}

func open(path string) (*file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := ipc.NewFileReader(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s is no Arrow IPC file: %w", path, err), f.Close())
	}
	return &file{f, r}, nil
}

func (f *file) Close() error { return errors.Join(f.r.Close(), f.f.Close()) }

// bind says how each column of t is read from data with the given schema. The error tells of every column that is not there or
// does not convert.
func (t *table) bind(schema *arrow.Schema) (places []int, readers []reader, err error) {
	var wrong []string
	for _, c := range t.columns {
		indices := schema.FieldIndices(c.name)
		switch len(indices) {
		case 0:
			wrong = append(wrong, fmt.Sprintf("no column %q", c.name))
			continue
		case 1:
		default:
			wrong = append(wrong, fmt.Sprintf("%d columns %q", len(indices), c.name))
			continue
		}
		from := schema.Field(indices[0]).Type
		read, err := c.bind(from)
		if err != nil {
			wrong = append(wrong, c.mismatch(from, err).Error())
			continue
		}
		places, readers = append(places, indices[0]), append(readers, read)
	}
	if len(wrong) > 0 {
		return nil, nil, fmt.Errorf("it does not fit %s: %s; its columns are: %s", t.typ, strings.Join(wrong, "; "), fieldList(schema.Fields()))
	}
	return places, readers, nil
}

// check reports whether the file at path can be read into d, without reading rows.
func (d data) check(path string) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	if d.table != nil {
		_, _, err = d.table.bind(f.r.Schema())
	}
	return errors.Join(err, f.Close())
}

// read returns the file at path as a value of d's type. Of streams and readers, that is one that opens the file when it is used;
// keep is told of each Arrow value that must be released and of each error that a stream hands out.
func (d data) read(path string, keep *kept) (reflect.Value, error) {
	switch d.shape {
	case shapeRows, shapeRow:
		return d.readRows(path)
	case shapeStream:
		if err := d.check(path); err != nil {
			return reflect.Value{}, err
		}
		return reflect.MakeFunc(d.typ, func(args []reflect.Value) []reflect.Value {
			d.stream(path, args[0], keep)
			return nil
		}), nil
	case shapeReader:
		f, err := open(path)
		if err != nil {
			return reflect.Value{}, err
		}
		r := &fileReader{file: f, keep: keep}
		r.references.Store(1)
		keep.release(r)
		return reflect.ValueOf(r), nil
	case shapeRecord, shapeRecords:
		return d.readRecords(path, keep)
	default:
		return reflect.Value{}, fmt.Errorf("shape %d", d.shape) // not reached: all shapes are above
	}
}

func (d data) readRows(path string) (_ reflect.Value, err error) {
	f, err := open(path)
	if err != nil {
		return reflect.Value{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	places, readers, err := d.table.bind(f.r.Schema())
	if err != nil {
		return reflect.Value{}, err
	}
	rows := reflect.New(reflect.SliceOf(d.table.typ)).Elem()
	if d.shape == shapeRows {
		rows = reflect.New(d.typ).Elem()
	}
	rows.Set(reflect.MakeSlice(rows.Type(), 0, 0))
	for b := range f.r.NumRecords() {
		record, err := f.r.RecordAt(b)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("read %s: %w", path, err)
		}
		before := rows.Len()
		rows.Grow(int(record.NumRows()))
		rows.SetLen(before + int(record.NumRows()))
		for k, c := range d.table.columns {
			get := readers[k](record.Column(places[k]))
			for i := range int(record.NumRows()) {
				if err := get(i, rows.Index(before+i).FieldByIndex(c.index)); err != nil {
					return reflect.Value{}, valueError(int64(before+i), c.name, err)
				}
			}
		}
		record.Release()
	}
	if d.shape == shapeRow {
		if rows.Len() != 1 {
			return reflect.Value{}, fmt.Errorf("it has %d rows; a field of type %s takes a table of exactly one", rows.Len(), d.typ)
		}
		return rows.Index(0), nil
	}
	return rows, nil
}

// valueError says which value an error is about. Rows count from 1.
func valueError(row int64, column string, err error) error {
	return fmt.Errorf("row %d, column %q: %w", row+1, column, err)
}

// stream hands the rows of the file at path to yield. The first error ends it, and the step with it, even when the function
// that reads the stream does not look at errors.
func (d data) stream(path string, yield reflect.Value, keep *kept) {
	nilError := reflect.Zero(errorType)
	err := d.eachRow(path, func(row reflect.Value) bool {
		return yield.Call([]reflect.Value{row, nilError})[0].Bool()
	})
	if err != nil {
		err = keep.fail(err)
		yield.Call([]reflect.Value{reflect.Zero(d.table.typ), reflect.ValueOf(&err).Elem()})
	}
}

func (d data) eachRow(path string, yield func(reflect.Value) bool) (err error) {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	places, readers, err := d.table.bind(f.r.Schema())
	if err != nil {
		return err
	}
	row := reflect.New(d.table.typ).Elem() // every getter sets all of its field
	getters := make([]getter, len(readers))
	total := int64(0)
	for b := range f.r.NumRecords() {
		record, err := f.r.RecordAt(b)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		for k, read := range readers {
			getters[k] = read(record.Column(places[k]))
		}
		for i := range int(record.NumRows()) {
			for k, get := range getters {
				c := d.table.columns[k]
				if err := get(i, row.FieldByIndex(c.index)); err != nil {
					return valueError(total, c.name, err)
				}
			}
			total++
			if !yield(row) {
				return nil
			}
		}
		record.Release()
	}
	return nil
}

func (d data) readRecords(path string, keep *kept) (_ reflect.Value, err error) {
	f, err := open(path)
	if err != nil {
		return reflect.Value{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	records := []arrow.Record{}
	for b := range f.r.NumRecords() {
		record, err := f.r.RecordAt(b)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("read %s: %w", path, err)
		}
		keep.release(record)
		records = append(records, record)
	}
	if d.shape == shapeRecords {
		return reflect.ValueOf(records), nil
	}
	var one arrow.Record
	if len(records) == 1 {
		one = records[0]
	} else {
		if one, err = concatenate(f.r.Schema(), records); err != nil {
			return reflect.Value{}, fmt.Errorf("read %s: %w", path, err)
		}
		keep.release(one)
	}
	return reflect.ValueOf(&one).Elem(), nil
}

func concatenate(schema *arrow.Schema, records []arrow.Record) (arrow.Record, error) {
	columns := make([]arrow.Array, schema.NumFields())
	rows := int64(0)
	for _, r := range records {
		rows += r.NumRows()
	}
	for i, field := range schema.Fields() {
		if len(records) == 0 {
			columns[i] = array.MakeArrayOfNull(memory.DefaultAllocator, field.Type, 0)
			continue
		}
		parts := make([]arrow.Array, len(records))
		for k, r := range records {
			parts[k] = r.Column(i)
		}
		joined, err := array.Concatenate(parts, memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", field.Name, err)
		}
		columns[i] = joined
	}
	return array.NewRecord(schema, columns, rows), nil
}

// A fileReader is the array.RecordReader of a file. It closes the file when its last reference is released.
type fileReader struct {
	*file
	keep       *kept
	references atomic.Int64
	next       int
	record     arrow.Record
	err        error
}

func (r *fileReader) Retain() { r.references.Add(1) }

func (r *fileReader) Release() {
	if r.references.Add(-1) == 0 {
		r.drop()
		if err := r.Close(); err != nil {
			r.err = r.keep.fail(errors.Join(r.err, err))
		}
	}
}

func (r *fileReader) drop() {
	if r.record != nil {
		r.record.Release()
		r.record = nil
	}
}

func (r *fileReader) Schema() *arrow.Schema { return r.r.Schema() }
func (r *fileReader) Record() arrow.Record  { return r.record }
func (r *fileReader) Err() error            { return r.err }

func (r *fileReader) Next() bool {
	r.drop()
	if r.err != nil || r.next >= r.r.NumRecords() {
		return false
	}
	record, err := r.r.RecordAt(r.next)
	if err != nil {
		r.err = r.keep.fail(err)
		return false
	}
	r.record = record
	r.next++
	return true
}

// A writer is an Arrow IPC file that is being written.
type writer struct {
	path string
	f    *os.File
	b    *bufio.Writer
	at   int64
	w    *ipc.FileWriter
	rows int64
}

func create(path string, schema *arrow.Schema) (*writer, error) {
	for _, f := range schema.Fields() {
		if err := storable(f.Type); err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &writer{path: path, f: f, b: bufio.NewWriterSize(f, 1<<20)}
	if w.w, err = ipc.NewFileWriter(w, ipc.WithSchema(schema)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// Write and Seek are what ipc.FileWriter needs. It seeks only to learn where it is.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.b.Write(p)
	w.at += int64(n)
	return n, err
}

func (w *writer) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("seek in a file that is written from begin to end")
	}
	return w.at, nil
}

func (w *writer) put(record arrow.Record) error {
	w.rows += record.NumRows()
	if err := w.w.Write(record); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

func (w *writer) close() error {
	err := w.w.Close()
	if err == nil {
		err = w.b.Flush()
	}
	return errors.Join(err, w.f.Close())
}

// write writes v, which is of d's type, to path and returns how many rows it has. When it fails, no file is left.
func (d data) write(path string, v reflect.Value) (rows int64, err error) {
	if d.shape != shapeRows && d.shape != shapeRow && v.IsZero() {
		return 0, fmt.Errorf("the result is a nil %s", d.typ)
	}
	var w *writer
	defer func() {
		if w == nil {
			return
		}
		if closing := w.close(); err == nil {
			err = closing
		}
		if err != nil {
			rows, err = 0, errors.Join(err, os.Remove(path))
		}
	}()
	switch d.shape {
	case shapeRow, shapeRows, shapeStream:
		if w, err = create(path, d.table.schema); err != nil {
			return 0, err
		}
		err = d.writeRows(w, v)
	case shapeRecord:
		record := v.Interface().(arrow.Record)
		defer record.Release()
		if w, err = create(path, record.Schema()); err != nil {
			return 0, err
		}
		err = w.put(record)
	case shapeRecords:
		records := v.Interface().([]arrow.Record)
		for i, record := range records {
			if record == nil {
				return 0, fmt.Errorf("record %d of the result is nil", i)
			}
			defer record.Release()
		}
		if len(records) == 0 {
			return 0, errors.New("the result has no record, which leaves its columns unknown; return a record without rows")
		}
		if w, err = create(path, records[0].Schema()); err != nil {
			return 0, err
		}
		for i, record := range records {
			if err = w.put(record); err != nil {
				return 0, fmt.Errorf("record %d: %w", i, err)
			}
		}
	case shapeReader:
		reader := v.Interface().(array.RecordReader)
		defer reader.Release()
		if w, err = create(path, reader.Schema()); err != nil {
			return 0, err
		}
		for err == nil && reader.Next() {
			err = w.put(reader.Record())
		}
		if failed := reader.Err(); err == nil && !errors.Is(failed, io.EOF) { // some readers end with io.EOF
			err = failed
		}
	}
	if err != nil {
		return 0, err
	}
	return w.rows, nil
}

// writeRows writes rows of structs in batches.
func (d data) writeRows(w *writer, v reflect.Value) error {
	t := d.table
	builder := array.NewRecordBuilder(memory.DefaultAllocator, t.schema)
	defer builder.Release()
	size, pending := 0, 0
	flush := func() error {
		record := builder.NewRecord()
		defer record.Release()
		size, pending = 0, 0
		return w.put(record)
	}
	add := func(row reflect.Value) error { // row can be addressed
		for k, c := range t.columns {
			if err := c.encode(builder.Field(k), row.FieldByIndex(c.index), &size); err != nil {
				return valueError(w.rows+int64(pending), c.name, err)
			}
		}
		pending++
		if pending >= batchRows || size >= batchBytes {
			return flush()
		}
		return nil
	}
	switch d.shape {
	case shapeRows:
		for i := range v.Len() {
			if err := add(v.Index(i)); err != nil {
				return err
			}
		}
	case shapeRow:
		row := reflect.New(t.typ).Elem()
		row.Set(v)
		if err := add(row); err != nil {
			return err
		}
	case shapeStream:
		row := reflect.New(t.typ).Elem()
		var failed error
		yield := reflect.MakeFunc(d.typ.In(0), func(args []reflect.Value) []reflect.Value {
			if !args[1].IsNil() {
				failed = args[1].Interface().(error)
			} else {
				row.Set(args[0])
				failed = add(row)
			}
			return []reflect.Value{reflect.ValueOf(failed == nil)}
		})
		v.Call([]reflect.Value{yield})
		if failed != nil {
			return failed
		}
	case shapeRecord, shapeRecords, shapeReader: // Arrow has no rows to convert
	}
	if pending > 0 {
		return flush()
	}
	return nil
}
