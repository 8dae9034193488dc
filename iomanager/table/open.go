package table

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// batchRows is how many rows are held at once of a column that is read.
const batchRows = 8192

// A source is an opened Parquet file. It belongs to one goroutine.
type source struct {
	file   *os.File
	size   int64
	r      *file.Reader
	fr     *pqarrow.FileReader
	meta   *metadata.FileMetaData
	origin *arrow.Schema // of the writer, or nil
	nodes  []*node
	groups []group
	leaves map[int]bool // all of them
	rows   int64
	data   int64 // where the data end and the footer begins
}

// open opens the file and checks its footer. The caller closes the source.
func open(path string) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, library(err)
	}
	s := &source{file: f}
	if err := guard(s.open); err != nil {
		_ = f.Close()
		return nil, library(err)
	}
	return s, nil
}

func (s *source) close() { _ = s.file.Close() }

func (s *source) open() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	s.size = info.Size()
	if s.data, err = preflight(s.file, s.size); err != nil {
		return err
	}
	thrift := make([]byte, s.size-tailSize-s.data)
	if _, err := s.file.ReadAt(thrift, s.data); err != nil {
		return err
	}
	footer, err := parseFooter(thrift)
	if err != nil {
		return err
	}
	s.groups = footer.groups
	if s.meta, err = metadata.NewFileMetaData(footer.head, nil); err != nil {
		return err
	}
	if err := s.checkFooter(footer.rows); err != nil {
		return err
	}
	s.meta.RowGroups = empty(s.meta.RowGroups, len(s.groups)) // load fills them
	props := parquet.NewReaderProperties(&limited{})
	props.BufferedStreamEnabled = true // else a whole column chunk, whose size is the footer's claim, is read at once
	if s.r, err = file.NewParquetReader(s.file, file.WithReadProps(props), file.WithMetadata(s.meta)); err != nil {
		return err
	}
	s.origin = originSchema(s.meta.KeyValueMetadata())
	s.meta.FileMetaData.KeyValueMetadata = nil // the library would take types from the writer's Arrow schema; see types.go
	if s.nodes, err = newNodes(s.meta.Schema, s.origin); err != nil {
		return err
	}
	s.leaves = make(map[int]bool)
	for i := range s.meta.Schema.NumColumns() {
		s.leaves[i] = true
	}
	s.fr, err = pqarrow.NewFileReader(s.r, pqarrow.ArrowReadProperties{BatchSize: batchRows}, props.Allocator())
	return err
}

const (
	parquetMagic   = "PAR1"
	encryptedMagic = "PARE"
	tailSize       = 8 // footer length and magic
	maxFooter      = 256 << 20
)

// preflight checks what can be checked before the library parses anything, and returns where the footer begins.
func preflight(r io.ReaderAt, size int64) (int64, error) {
	if size == 0 {
		return 0, truncated("it is empty")
	}
	head, tail := make([]byte, min(size, 64)), make([]byte, min(size, tailSize))
	if _, err := r.ReadAt(head, 0); err != nil {
		return 0, fmt.Errorf("read its beginning: %w", err)
	}
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, fmt.Errorf("read its end: %w", err)
	}
	begins, ends := strings.HasPrefix(string(head), parquetMagic), strings.HasSuffix(string(tail), parquetMagic)
	switch {
	case strings.HasPrefix(string(head), encryptedMagic) || strings.HasSuffix(string(tail), encryptedMagic):
		return 0, unsupported("an encrypted Parquet file; assetdev has no key for it")
	case !begins && strings.HasPrefix(parquetMagic, string(head)):
		return 0, truncated("it has %d bytes", size)
	case !begins && ends:
		return 0, damaged("it ends as a Parquet file and does not begin as one")
	case !begins:
		return 0, unsupported("not a Parquet file: %s", sniff(head))
	case !ends || size < 4+tailSize:
		return 0, truncated("it does not end with a Parquet footer")
	}
	footer := int64(binary.LittleEndian.Uint32(tail))
	start := size - tailSize - footer
	switch {
	case footer == 0:
		return 0, damaged("its footer is empty")
	case start < 4:
		return 0, truncated("a footer of %d bytes does not fit into a file of %d", footer, size)
	case footer > maxFooter:
		return 0, unsupported("its footer has %d MiB; at most %d are read", footer>>20, maxFooter>>20)
	}
	return start, nil
}

// empty returns n zero values of the slice's type, which has no name outside of the library.
func empty[T any](_ []T, n int) []T { return make([]T, n) }

// checkFooter checks that the footer does not contradict itself or the file. claimed is its own count of the rows.
func (s *source) checkFooter(claimed int64) error {
	if s.meta.IsSetEncryptionAlgorithm() {
		return unsupported("an encrypted Parquet file; assetdev has no key for it")
	}
	columns := s.meta.Schema.NumColumns()
	if columns == 0 {
		return unsupported("it has no columns")
	}
	for i, g := range s.groups {
		if g.rows < 0 || g.rows>>24 > s.size { // a page of few bytes can hold millions of equal values
			return damaged("row group %d claims an impossible number of rows", i)
		}
		if g.columns != columns {
			return damaged("row group %d has %d columns, the schema has %d", i, g.columns, columns)
		}
		if s.rows += g.rows; s.rows < 0 {
			return damaged("its row groups claim more rows than there are numbers")
		}
	}
	if claimed != s.rows {
		return damaged("the footer counts %d rows, the row groups have %d", claimed, s.rows)
	}
	return nil
}

// load parses the description of a row group, unless that has been done.
func (s *source) load(group int) error {
	if s.meta.RowGroups[group] != nil {
		return nil
	}
	one, err := s.groups[group].parse()
	if err != nil {
		return err
	}
	if len(one.RowGroups) != 1 || len(one.RowGroups[0].Columns) != s.meta.Schema.NumColumns() {
		return damaged("the description of row group %d contradicts itself", group)
	}
	s.meta.RowGroups[group] = one.RowGroups[0]
	return nil
}

// codecs are the compressions that the library reads.
var codecs = map[compress.Compression]bool{
	compress.Codecs.Uncompressed: true, compress.Codecs.Snappy: true, compress.Codecs.Gzip: true, compress.Codecs.Brotli: true, compress.Codecs.Zstd: true,
}

// encodings are those that the library reads; it takes others for the end of the column.
var encodings = map[parquet.Encoding]bool{
	parquet.Encodings.Plain: true, parquet.Encodings.PlainDict: true, parquet.Encodings.RLE: true, parquet.Encodings.RLEDict: true, parquet.Encodings.BitPacked: true,
	parquet.Encodings.DeltaBinaryPacked: true, parquet.Encodings.DeltaByteArray: true, parquet.Encodings.DeltaLengthByteArray: true,
}

// checkChunks checks the column chunks of one field in one row group before they are read.
func (s *source) checkChunks(n *node, group int) error {
	if err := s.load(group); err != nil {
		return err
	}
	rg := s.meta.RowGroup(group)
	for _, i := range n.leaves {
		if s.meta.RowGroups[group].Columns[i].MetaData == nil {
			return damaged("column %q in row group %d has no description", n.path, group)
		}
		c, err := rg.ColumnChunk(i)
		if err != nil {
			return err
		}
		leaf := s.meta.Schema.Column(i)
		start := c.DataPageOffset()
		if c.HasDictionaryPage() && c.DictionaryPageOffset() > 0 && c.DictionaryPageOffset() < start {
			start = c.DictionaryPageOffset()
		}
		switch size := c.TotalCompressedSize(); {
		case !codecs[c.Compression()]:
			return unsupported("column %q is compressed with %s, which is not supported; snappy, zstd, gzip and brotli are", n.path, c.Compression())
		case c.Type() != leaf.PhysicalType():
			return damaged("column %q in row group %d is stored as %s, the schema says %s", n.path, group, c.Type(), leaf.PhysicalType())
		case c.FilePath() != "":
			return unsupported("column %q lies in another file, %q", n.path, c.FilePath())
		case size < 0 || start < 4 || start > s.data || size > s.data-start:
			return damaged("column %q in row group %d lies outside of the file", n.path, group)
		case leaf.MaxRepetitionLevel() == 0 && c.NumValues() != s.groups[group].rows:
			return damaged("column %q in row group %d has %d of %d values", n.path, group, c.NumValues(), s.groups[group].rows)
		}
		for _, e := range c.Encodings() {
			if !encodings[e] {
				return unsupported("column %q is encoded as %s, which is not supported; plain, dictionary, RLE and the DELTA encodings are", n.path, e)
			}
		}
	}
	return nil
}

// A cursor reads one column in one row group, from its first row on.
type cursor struct {
	n     *node
	group int
	rd    *pqarrow.ColumnReader
	at    int64 // rows read
	rows  int64 // of the row group
}

func (s *source) cursor(ctx context.Context, field, group int) (*cursor, error) {
	c := &cursor{n: s.nodes[field], group: group, rows: s.groups[group].rows}
	if c.n.problem != nil {
		return nil, c.n.problem
	}
	if err := s.checkChunks(c.n, group); err != nil {
		return nil, err
	}
	var err error
	c.rd, err = s.fr.GetFieldReader(ctx, field, s.leaves, []int{group})
	return c, err
}

// next returns the next count rows, which the row group must have.
func (c *cursor) next(count int64) (arrow.Array, error) {
	chunked, err := c.rd.NextBatch(count)
	if err != nil {
		return nil, err
	}
	if int64(chunked.Len()) != count { // the library takes what it cannot decode for the end
		return nil, damaged("column %q in row group %d breaks off after %d of %d rows", c.n.path, c.group, c.at+int64(chunked.Len()), c.rows)
	}
	c.at += count
	a := chunked.Chunks()
	if len(a) > 1 {
		joined, err := array.Concatenate(a, memory.DefaultAllocator)
		if err != nil {
			return nil, err
		}
		return array.MakeFromData(retype(joined.Data(), c.n.typ)), nil
	}
	return array.MakeFromData(retype(a[0].Data(), c.n.typ)), nil
}

// skip passes over count rows.
func (c *cursor) skip(count int64) error {
	for count > 0 {
		step := min(count, batchRows)
		if _, err := c.next(step); err != nil {
			return err
		}
		count -= step
	}
	return nil
}

func (c *cursor) close() { c.rd.Release() }
