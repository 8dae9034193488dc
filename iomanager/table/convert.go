package table

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// How stored files are cut, so that a screen of rows costs little: a preview decodes at least one page of each column it shows.
const (
	groupMaxRows  = 122_880
	groupMaxBytes = 64 << 20 // of Arrow data; with 2,000 columns that is fewer rows
	pageBytes     = 128 << 10
	// A Parquet file whose row groups and column chunks are no larger than these is stored as it is.
	copyMaxRows  = 1 << 20
	copyMaxChunk = 64 << 20
)

// A sink writes a stored Parquet file, and computes its data version on the way.
type sink struct {
	file  *os.File // open, the caller's
	buf   *bufio.Writer
	w     *pqarrow.FileWriter
	nodes []*node
	hash  *hasher

	pending [][]arrow.Array // by column: the rows of the row group that is not written yet
	rows    int             // in pending
	bytes   int64           // in pending
	groups  int
	total   int64
}

// newSink begins a Parquet file. The schema is in plain form.
func newSink(f *os.File, sc *arrow.Schema, unordered bool) (*sink, error) {
	seen := make(map[string]bool)
	for _, f := range sc.Fields() {
		if seen[f.Name] {
			return nil, unsupported("two columns are named %q", f.Name)
		}
		seen[f.Name] = true
	}
	if len(seen) == 0 {
		return nil, unsupported("it has no columns")
	}
	options := []parquet.WriterProperty{
		parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithCompression(compress.Codecs.Snappy),
		parquet.WithDataPageSize(pageBytes),
		parquet.WithDictionaryDefault(false),
		parquet.WithDictionaryPageSizeLimit(pageBytes),
		parquet.WithMaxRowGroupLength(groupMaxRows),
	}
	arrowProps := pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema())
	physical, err := pqarrow.ToParquet(sc, parquet.NewWriterProperties(options...), arrowProps)
	if err != nil {
		return nil, unsupported("%v", err)
	}
	for i := range physical.NumColumns() {
		// Texts repeat themselves; a dictionary of numbers only delays the first rows.
		if c := physical.Column(i); c.PhysicalType() == parquet.Types.ByteArray {
			options = append(options, parquet.WithDictionaryPath(c.ColumnPath(), true))
		}
	}
	nodes, err := newNodes(physical, sc)
	if err != nil {
		return nil, err
	}
	s := &sink{file: f, buf: bufio.NewWriterSize(f, 1<<20), nodes: nodes, hash: newHasher(nodes, unordered, true), pending: make([][]arrow.Array, len(nodes))}
	s.w, err = pqarrow.NewFileWriter(sc, s.buf, parquet.NewWriterProperties(options...), arrowProps)
	return s, err
}

// room returns how many rows of the given average size may be added before a row group is full, at least 1.
func (s *sink) room(rowBytes int64) int {
	most := max(1, min(groupMaxRows, groupMaxBytes/max(1, rowBytes)))
	return max(1, int(most)-s.rows)
}

// add takes the next rows, in plain form. The arrays are kept until their row group is written.
func (s *sink) add(columns []arrow.Array, rows int, size int64) error {
	if rows == 0 {
		return nil
	}
	if err := s.hash.add(columns, rows); err != nil {
		return err
	}
	for i, c := range columns {
		s.pending[i] = append(s.pending[i], c)
	}
	s.rows += rows
	s.bytes += size
	s.total += int64(rows)
	if s.rows >= groupMaxRows || s.bytes >= groupMaxBytes {
		return s.flush()
	}
	return nil
}

// flush writes the pending rows as a row group, one column after the other.
func (s *sink) flush() error {
	if s.rows == 0 {
		return nil
	}
	s.w.NewRowGroup()
	for i, parts := range s.pending {
		if err := s.w.WriteColumnChunked(arrow.NewChunked(parts[0].DataType(), parts), 0, int64(s.rows)); err != nil {
			return unsupported("write column %q: %v", s.nodes[i].path, err)
		}
		s.pending[i] = nil
	}
	s.groups++
	s.rows, s.bytes = 0, 0
	return nil
}

// finish ends the Parquet file, not closing it, and describes it.
func (s *sink) finish() (Info, error) {
	if err := s.flush(); err != nil {
		return Info{}, err
	}
	if err := s.w.Close(); err != nil {
		return Info{}, err
	}
	if err := s.buf.Flush(); err != nil {
		return Info{}, err
	}
	stat, err := s.file.Stat()
	if err != nil {
		return Info{}, err
	}
	return Info{Rows: s.total, Bytes: stat.Size(), DataVersion: s.hash.version(), Columns: columnsOf(s.nodes), RowGroups: s.groups}, nil
}

// create creates the file, which must not exist, and lets fill write it. After an error or a panic of fill it is gone again.
func create(path string, fill func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	err = guard(func() error { return fill(f) })
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func runConvert(ctx context.Context, r ConvertRequest) (info Info, err error) {
	convert := convertArrow
	if r.Format == Parquet {
		convert = convertParquet
	}
	err = create(r.Out, func(out *os.File) error {
		info, err = convert(ctx, r, out)
		return err
	})
	return info, err
}

// A recordReader is what Arrow files and streams have in common. Read returns io.EOF after the last record.
type recordReader interface {
	Schema() *arrow.Schema
	Read() (arrow.Record, error)
}

func convertArrow(ctx context.Context, r ConvertRequest, out *os.File) (info Info, err error) {
	f, err := os.Open(r.In)
	if err != nil {
		return info, err
	}
	defer f.Close()
	records, err := openArrow(f)
	if err != nil {
		return info, err
	}
	fields := make([]arrow.Field, records.Schema().NumFields())
	for i, field := range records.Schema().Fields() {
		if fields[i], err = plainField(field, field.Name); err != nil {
			return info, err
		}
	}
	md := records.Schema().Metadata()
	s, err := newSink(out, arrow.NewSchema(fields, &md), r.Unordered)
	if err != nil {
		return info, err
	}
	if err := s.addRecords(ctx, records, fields); err != nil {
		return info, err
	}
	return s.verified(ctx, r)
}

// verified finishes the file, and reads it back when it has nested columns: the library's writer has known errors there, and a data
// version must not lie.
func (s *sink) verified(ctx context.Context, r ConvertRequest) (Info, error) {
	info, err := s.finish()
	if err != nil || !slices.ContainsFunc(s.nodes, func(n *node) bool { return n.shape != leaf }) {
		return info, err
	}
	stored, err := runDescribe(ctx, r.Out, r.Unordered)
	if err == nil && stored.DataVersion != info.DataVersion {
		err = unsupported("its nested columns cannot be written as Parquet without change (an error of the Parquet library)")
	}
	return info, err
}

func openArrow(f *os.File) (recordReader, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head, tail := make([]byte, min(8, stat.Size())), make([]byte, min(8, stat.Size()))
	if _, err := f.ReadAt(head, 0); err != nil && len(head) > 0 {
		return nil, err
	}
	if _, err := f.ReadAt(tail, stat.Size()-int64(len(tail))); err != nil && len(tail) > 0 {
		return nil, err
	}
	allocator := ipc.WithAllocator(&limited{})
	switch {
	case len(head) == 0:
		return nil, truncated("it is empty")
	case bytes.HasPrefix(head, ipc.Magic):
		if !bytes.HasSuffix(tail, ipc.Magic) {
			return nil, truncated("it does not end with an Arrow footer")
		}
		return ipc.NewFileReader(f, allocator)
	case sniff(head) != SniffArrow:
		return nil, unsupported("not an Arrow file: %s", sniff(head))
	case !bytes.Equal(tail, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}):
		return nil, truncated("its Arrow stream does not end")
	}
	return ipc.NewReader(bufio.NewReaderSize(f, 1<<20), allocator)
}

func (s *sink) addRecords(ctx context.Context, records recordReader, fields []arrow.Field) error {
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		rows := int(record.NumRows())
		if rows == 0 {
			continue
		}
		rowBytes := max(1, recordSize(record)/int64(rows))
		for at := 0; at < rows; {
			n := min(rows-at, s.room(rowBytes))
			columns := make([]arrow.Array, len(fields))
			p := plainer{mem: &limited{}, row: int(s.total)}
			for i, f := range fields {
				part := array.NewSlice(record.Column(i), int64(at), int64(at+n))
				if columns[i], err = p.plain(part, f.Type, f.Name); err != nil {
					return err
				}
			}
			if err := s.add(columns, n, rowBytes*int64(n)); err != nil {
				return err
			}
			at += n
		}
	}
}

func recordSize(record arrow.Record) (size int64) {
	for _, c := range record.Columns() {
		size += arraySize(c.Data())
	}
	return size
}

// arraySize returns about how many bytes an array that is no small slice of another takes.
func arraySize(data arrow.ArrayData) (size int64) {
	for _, b := range data.Buffers() {
		if b != nil {
			size += int64(b.Len())
		}
	}
	for _, c := range data.Children() {
		size += arraySize(c)
	}
	return size
}

func convertParquet(ctx context.Context, r ConvertRequest, out *os.File) (info Info, err error) {
	in, err := open(r.In)
	if err != nil {
		return info, err
	}
	defer in.close()
	suits, err := in.suits()
	if err != nil {
		return info, err
	}
	if suits {
		if _, err := in.file.Seek(0, io.SeekStart); err != nil {
			return info, err
		}
		if _, err := io.Copy(out, in.file); err != nil { // a reflink where the file system can
			return info, err
		}
		return runDescribe(ctx, r.Out, r.Unordered)
	}
	s, err := newSink(out, in.schema(), r.Unordered)
	if err != nil {
		return info, err
	}
	if err := in.batches(ctx, s.add); err != nil {
		return info, err
	}
	return s.verified(ctx, r)
}

// suits reports whether the file can be stored as it is.
func (s *source) suits() (bool, error) {
	for g := range s.groups {
		if s.groups[g].rows > copyMaxRows {
			return false, nil
		}
		if err := s.load(g); err != nil {
			return false, err
		}
		for _, c := range s.meta.RowGroups[g].Columns {
			if c.MetaData == nil || c.MetaData.TotalUncompressedSize > copyMaxChunk {
				return false, nil
			}
		}
	}
	return true, nil
}

// schema returns the Arrow schema of what the file's cursors return, with the metadata that its writer gave.
func (s *source) schema() *arrow.Schema {
	fields := make([]arrow.Field, len(s.nodes))
	for i, n := range s.nodes {
		fields[i] = arrow.Field{Name: n.name, Type: n.typ, Nullable: n.nullable, Metadata: n.metadata}
	}
	if s.origin == nil {
		return arrow.NewSchema(fields, nil)
	}
	md := s.origin.Metadata()
	return arrow.NewSchema(fields, &md)
}

// batches hands all rows to f, all columns of some rows at a time, with their size in memory.
func (s *source) batches(ctx context.Context, f func(columns []arrow.Array, rows int, size int64) error) error {
	for g := range s.groups {
		cursors := make([]*cursor, len(s.nodes))
		for i := range s.nodes {
			var err error
			if cursors[i], err = s.cursor(ctx, i, g); err != nil {
				return err
			}
			defer cursors[i].close()
		}
		for at := int64(0); at < s.groups[g].rows; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(batchRows, s.groups[g].rows-at)
			columns, size := make([]arrow.Array, len(cursors)), int64(0)
			for i, c := range cursors {
				var err error
				if columns[i], err = c.next(n); err != nil {
					return err
				}
				size += arraySize(columns[i].Data())
			}
			if err := f(columns, int(n), size); err != nil {
				return err
			}
			at += n
		}
	}
	return nil
}

func runDescribe(ctx context.Context, path string, unordered bool) (info Info, err error) {
	s, err := open(path)
	if err != nil {
		return info, err
	}
	defer s.close()
	h := newHasher(s.nodes, unordered, false)
	if unordered {
		err = s.batches(ctx, func(columns []arrow.Array, rows int, _ int64) error { return h.add(columns, rows) })
	} else {
		err = s.columns(ctx, h)
	}
	if err != nil {
		return info, err
	}
	return Info{Rows: s.rows, Bytes: s.size, DataVersion: h.version(), Columns: columnsOf(s.nodes), RowGroups: len(s.groups)}, nil
}

// columns hashes column by column within each row group, so that of thousands of columns one has its pages in memory.
func (s *source) columns(ctx context.Context, h *hasher) error {
	for g := range s.groups {
		for i := range s.nodes {
			if err := ctx.Err(); err != nil {
				return err
			}
			c, err := s.cursor(ctx, i, g)
			if err != nil {
				return err
			}
			for at := int64(0); at < c.rows; {
				n := min(batchRows, c.rows-at)
				a, err := c.next(n)
				if err != nil {
					return err
				}
				if err := h.addColumn(i, a); err != nil {
					return err
				}
				at += n
			}
			c.close()
		}
		h.rows += s.groups[g].rows
	}
	return nil
}

func runToArrow(ctx context.Context, path, to string) error {
	s, err := open(path)
	if err != nil {
		return err
	}
	defer s.close()
	return create(to, func(out *os.File) error {
		sc := s.schema()
		buf := &counted{Writer: bufio.NewWriterSize(out, 1<<20)}
		w, err := ipc.NewFileWriter(buf, ipc.WithSchema(sc))
		if err != nil {
			return err
		}
		err = s.batches(ctx, func(columns []arrow.Array, rows int, _ int64) error {
			return w.Write(array.NewRecord(sc, columns, int64(rows)))
		})
		return errors.Join(err, w.Close(), buf.Flush())
	})
}

// A counted writer knows its position, which is all that the Arrow writer seeks for.
type counted struct {
	*bufio.Writer
	at int64
}

// Write writes p.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.at += int64(n)
	return n, err
}

// Seek returns the position; it moves nowhere.
func (c *counted) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.ErrUnsupported
	}
	return c.at, nil
}
