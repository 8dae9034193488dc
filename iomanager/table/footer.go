package table

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// A Parquet footer describes each column of each row group, with statistics: a table of 50 million rows has 1 to 2 MB of that, of which
// a page of rows needs the description of one row group. The library parses all of it, three times as expensively as it reads the
// page, and trusts the sizes in it. So the footer is walked here: what is needed of it is given to the library, the rest is
// skipped, and a size that exceeds the footer is an error.
//
// The encoding is Thrift's compact protocol, the structures are those of parquet.thrift.

// A footer is an indexed footer.
type footer struct {
	head   []byte // FileMetaData without row groups
	rows   int64  // as the footer counts them
	groups []group
}

// A group is a row group whose description is not parsed yet.
type group struct {
	rows    int64
	columns int
	thrift  []byte // RowGroup
}

// Types of the compact protocol.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

// maxDepth is how deep structures may nest; Parquet's own do five times.
const maxDepth = 32

// parseFooter indexes a footer. The result refers to data.
func parseFooter(data []byte) (*footer, error) {
	f := &footer{}
	w := walker{data: data}
	out := copier{}
	w.fields(func(id int, typ byte) {
		switch {
		case id == 4 && typ == thriftList:
			of, count := w.list()
			if of != thriftStruct && count > 0 {
				w.bad = true
			}
			for i := 0; i < count && !w.bad; i++ {
				f.groups = append(f.groups, w.group())
			}
			out.field(id, thriftList)
			out.to = append(out.to, thriftStruct) // an empty list: the library requires one
		case id == 3 && typ == thriftI64:
			from := w.at
			f.rows = w.integer()
			out.field(id, typ)
			out.to = append(out.to, w.since(from)...)
		case id == 7: // orders of columns, for statistics
			w.skip(typ, 0)
		default:
			out.field(id, typ)
			from := w.at
			w.skip(typ, 0)
			out.to = append(out.to, w.since(from)...)
		}
	})
	if w.bad {
		return nil, damaged("its footer breaks off or contradicts itself at byte %d of %d", w.at, len(data))
	}
	f.head = append(out.to, thriftStop)
	return f, nil
}

// A walker reads the compact protocol. After it met something wrong it is bad, and what it returns means nothing.
type walker struct {
	data []byte
	at   int
	bad  bool
}

// since returns what was read from there on.
func (w *walker) since(from int) []byte {
	if w.bad {
		return nil
	}
	return w.data[from:w.at]
}

func (w *walker) byte() byte {
	if w.bad || w.at >= len(w.data) {
		w.bad = true
		return 0
	}
	w.at++
	return w.data[w.at-1]
}

func (w *walker) varint() uint64 {
	if w.bad {
		return 0
	}
	v, n := binary.Uvarint(w.data[w.at:])
	if n <= 0 {
		w.bad = true
		return 0
	}
	w.at += n
	return v
}

func (w *walker) integer() int64 {
	v := w.varint()
	return int64(v>>1) ^ -int64(v&1)
}

// advance passes over n bytes.
func (w *walker) advance(n uint64) {
	if w.bad || n > uint64(len(w.data)-w.at) {
		w.bad = true
		return
	}
	w.at += int(n)
}

// list reads the head of a list. Each element takes a byte at least.
func (w *walker) list() (of byte, count int) {
	head := w.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = w.varint()
	}
	if n > uint64(len(w.data)-w.at) {
		w.bad = true
	}
	if w.bad {
		return 0, 0
	}
	return head & 15, int(n)
}

// fields calls f for each field of a structure; f reads or skips its value.
func (w *walker) fields(f func(id int, typ byte)) {
	id := int64(0)
	for !w.bad {
		head := w.byte()
		if head&15 == thriftStop {
			return
		}
		if delta := head >> 4; delta != 0 {
			id += int64(delta)
		} else {
			id = w.integer()
		}
		if id < 0 || id > 1<<15-1 {
			w.bad = true
		}
		if !w.bad {
			f(int(id), head&15)
		}
	}
}

// skip passes over a value. Booleans have none: they are in the type.
func (w *walker) skip(typ byte, depth int) {
	if depth > maxDepth {
		w.bad = true
	}
	if w.bad {
		return
	}
	switch typ {
	case thriftTrue, thriftFalse:
	case thriftByte:
		w.advance(1)
	case thriftI16, thriftI32, thriftI64:
		w.varint()
	case thriftDouble:
		w.advance(8)
	case thriftUUID:
		w.advance(16)
	case thriftBinary:
		w.advance(w.varint())
	case thriftList, thriftSet:
		of, count := w.list()
		for i := 0; i < count && !w.bad; i++ {
			w.element(of, depth)
		}
	case thriftMap:
		count := w.varint()
		if count == 0 {
			return
		}
		types := w.byte()
		for i := uint64(0); i < count && !w.bad; i++ {
			w.element(types>>4, depth)
			w.element(types&15, depth)
		}
	case thriftStruct:
		w.fields(func(_ int, typ byte) { w.skip(typ, depth+1) })
	default:
		w.bad = true
	}
}

// element passes over an element of a list, a set or a map. A boolean there is a byte.
func (w *walker) element(typ byte, depth int) {
	if typ == thriftTrue || typ == thriftFalse {
		typ = thriftByte
	}
	w.skip(typ, depth+1)
}

// group passes over a RowGroup and notes what is asked of all of them.
func (w *walker) group() (g group) {
	from := w.at
	w.fields(func(id int, typ byte) {
		switch {
		case id == 1 && typ == thriftList:
			var of byte
			of, g.columns = w.list()
			for i := 0; i < g.columns && !w.bad; i++ {
				w.element(of, 0)
			}
		case id == 3 && typ == thriftI64:
			g.rows = w.integer()
		default:
			w.skip(typ, 0)
		}
	})
	g.thrift = w.since(from)
	return g
}

// A copier writes structures with some of their fields.
type copier struct {
	to   []byte
	last int // the field written last
}

func (c *copier) field(id int, typ byte) {
	if delta := id - c.last; delta >= 1 && delta <= 15 {
		c.to = append(c.to, byte(delta)<<4|typ)
	} else {
		c.to = binary.AppendVarint(append(c.to, typ), int64(id))
	}
	c.last = id
}

// prune appends the structure that w stands before, with the fields that keep allows. nested says which of these hold structures that
// are pruned in turn, or lists of them.
func (w *walker) prune(to []byte, s pruned) []byte {
	c := copier{to: to}
	w.fields(func(id int, typ byte) {
		if id >= 64 || s.keep>>id&1 == 0 {
			w.skip(typ, 0)
			return
		}
		c.field(id, typ)
		switch inner, ok := s.nested[id]; {
		case ok && typ == thriftStruct:
			c.to = w.prune(c.to, inner)
		case ok && typ == thriftList:
			from := w.at
			of, count := w.list()
			if of != thriftStruct {
				w.bad = true
			}
			c.to = append(c.to, w.since(from)...)
			for i := 0; i < count && !w.bad; i++ {
				c.to = w.prune(c.to, inner)
			}
		default:
			from := w.at
			w.skip(typ, 0)
			c.to = append(c.to, w.since(from)...)
		}
	})
	return append(c.to, thriftStop)
}

// A pruned structure: bits of the fields that are kept, and what becomes of structures in them.
type pruned struct {
	keep   uint64
	nested map[int]pruned
}

// What the library needs to read the pages of a row group: no statistics, no indexes, no sort orders.
var (
	columnMetaData = pruned{keep: 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<9 | 1<<10 | 1<<11}
	columnChunk    = pruned{keep: 1<<1 | 1<<2 | 1<<3 | 1<<8 | 1<<9, nested: map[int]pruned{3: columnMetaData}}
	rowGroup       = pruned{keep: 1<<1 | 1<<2 | 1<<3, nested: map[int]pruned{1: columnChunk}}
)

// oneGroup begins a FileMetaData with version 2, a schema of a root and one boolean, 0 rows and a list of one row group.
var oneGroup = []byte{
	0x15, 4, // 1: i32 2
	0x19, 0x2c, // 2: list of two structures
	0x48, 1, 'r', 0x15, 2, 0, // 4: name "r"; 5: one child
	0x15, 0, 0x25, 0, 0x18, 1, 'c', 0, // 1: BOOLEAN; 3: REQUIRED; 4: name "c"
	0x16, 0, // 3: i64 0
	0x19, 0x1c, // 4: list of one structure
}

// parse gives the description of a row group to the library, as the only one of a file whose schema means nothing.
func (g group) parse() (*metadata.FileMetaData, error) {
	w := walker{data: g.thrift}
	whole := append(w.prune(append([]byte(nil), oneGroup...), rowGroup), thriftStop)
	if w.bad {
		return nil, damaged("the description of a row group contradicts itself")
	}
	return metadata.NewFileMetaData(whole, nil)
}
