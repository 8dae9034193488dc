package table

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/zeebo/blake3"
)

// A data version is a BLAKE3 hash of the values of a table. It counts: the names, nullability, types (typeName), metadata and order of
// the columns, the values, the nulls, the order of the rows (unless declared unordered). It does not count: files, writers, row groups,
// pages, codecs, batches, dictionaries and other layouts in memory, what stands under a null, which NaN, the sign of zero, metadata
// of the whole table.
//
// Ordered: each part of a column feeds up to three streams in the order of the rows, each hashed for itself, so that where batches
// end never shows: validity as lengths of runs, lengths of lists and texts, values. Values under a null are left out.
//
// Unordered: each row is hashed, and the hashes are added modulo 2^256, so that duplicates count.
//
// All of it assumes a little-endian machine, as the platforms of assetdev are.

// versionPrefix changes when any of the above does.
const versionPrefix = "d1:"

const (
	quietNaN32 = 0x7fc00000
	quietNaN64 = 0x7ff8000000000000
	quietNaN16 = 0x7e00
)

// canonical16, 32 and 64 are the one place where floats that count as equal become equal bits.
func canonical16(b uint16) uint16 {
	switch {
	case b&0x7fff == 0:
		return 0
	case b&0x7fff > 0x7c00:
		return quietNaN16
	}
	return b
}

func canonical32(b uint32) uint32 {
	switch {
	case b&0x7fffffff == 0:
		return 0
	case b&0x7fffffff > 0x7f800000:
		return quietNaN32
	}
	return b
}

func canonical64(b uint64) uint64 {
	switch {
	case b&math.MaxInt64 == 0:
		return 0
	case b&math.MaxInt64 > 0x7ff0000000000000:
		return quietNaN64
	}
	return b
}

// A hasher computes the data version of a table from its columns, batch by batch. It also refuses values that the schema forbids.
type hasher struct {
	nodes   []*node
	columns []*columnHash // of an ordered table
	rows    int64

	unordered bool
	sum       [4]uint64 // little-endian words
	row       []byte

	// checkText refuses text that is not UTF-8.
	checkText bool
}

func newHasher(nodes []*node, unordered, checkText bool) *hasher {
	h := &hasher{nodes: nodes, unordered: unordered, checkText: checkText}
	if !unordered {
		scratch := make([]byte, scratchSize)
		for _, n := range nodes {
			h.columns = append(h.columns, newColumnHash(n, scratch, checkText))
		}
	}
	return h
}

// add takes the next rows of all columns.
func (h *hasher) add(columns []arrow.Array, rows int) error {
	if h.unordered {
		return h.addRows(columns, rows)
	}
	for i, c := range columns {
		if err := h.addColumn(i, c); err != nil {
			return err
		}
	}
	h.rows += int64(rows)
	return nil
}

// addColumn takes the next rows of one column of an ordered table. Whoever calls it, column by column, sets rows.
func (h *hasher) addColumn(i int, c arrow.Array) error { return h.columns[i].feed(c, 0, c.Len()) }

func (h *hasher) addRows(columns []arrow.Array, rows int) error {
	for r := range rows {
		h.row = h.row[:0]
		for i, c := range columns {
			var err error
			if h.row, err = h.appendValue(h.row, h.nodes[i], c, r); err != nil {
				return err
			}
		}
		digest := blake3.Sum256(h.row)
		var carry uint64
		for w := range h.sum {
			h.sum[w], carry = bits.Add64(h.sum[w], binary.LittleEndian.Uint64(digest[8*w:]), carry)
		}
	}
	h.rows += int64(rows)
	return nil
}

// version returns the data version of what was added.
func (h *hasher) version() string {
	head := appendText(nil, "assetdev data version 1")
	head = appendBool(head, h.unordered)
	head = binary.AppendUvarint(head, uint64(h.rows))
	head = binary.AppendUvarint(head, uint64(len(h.nodes)))
	for _, n := range h.nodes {
		head = n.appendCanonical(head)
	}
	total := blake3.New()
	_, _ = total.Write(head)
	for _, c := range h.columns {
		_, _ = total.Write(c.digest())
	}
	if h.unordered {
		for _, w := range h.sum {
			_, _ = total.Write(binary.LittleEndian.AppendUint64(nil, w))
		}
	}
	return versionPrefix + hex.EncodeToString(total.Sum(nil))
}

const scratchSize = 16 << 10

// A columnHash holds the streams of one node.
type columnHash struct {
	n         *node
	checkText bool
	scratch   []byte // shared; holds nothing between calls

	runValid bool   // the run of valid or null values that is not ended yet
	runLen   uint64 // its length
	runs     []byte // ended runs that validity has not got yet
	validity *blake3.Hasher
	lengths  *blake3.Hasher
	values   *blake3.Hasher
	children []*columnHash
}

func newColumnHash(n *node, scratch []byte, checkText bool) *columnHash {
	h := &columnHash{n: n, scratch: scratch, checkText: checkText}
	for _, c := range n.children {
		h.children = append(h.children, newColumnHash(c, scratch, checkText))
	}
	return h
}

// write hashes p into a stream. A hasher takes ten kilobytes, so that a stream gets one when it has something to hash.
func write(stream **blake3.Hasher, p []byte) {
	if *stream == nil {
		*stream = blake3.New()
	}
	_, _ = (*stream).Write(p)
}

// run adds count values to the validity stream.
func (h *columnHash) run(valid bool, count int) {
	if valid == h.runValid || h.runLen == 0 {
		h.runValid = valid
		h.runLen += uint64(count)
		return
	}
	h.endRun()
	h.runValid, h.runLen = valid, uint64(count)
	if len(h.runs) > 1<<10 {
		write(&h.validity, h.runs)
		h.runs = h.runs[:0]
	}
}

func (h *columnHash) endRun() {
	word := h.runLen << 1
	if h.runValid {
		word |= 1
	}
	h.runs = binary.AppendUvarint(h.runs, word)
}

// digest ends the streams and returns the hash of them all.
func (h *columnHash) digest() []byte {
	if h.runLen > 0 {
		h.endRun()
	}
	write(&h.validity, h.runs)
	total := blake3.New()
	for _, stream := range []*blake3.Hasher{h.validity, h.lengths, h.values} {
		if stream == nil {
			_, _ = total.Write([]byte{0})
			continue
		}
		_, _ = total.Write(stream.Sum([]byte{1}))
	}
	for _, c := range h.children {
		_, _ = total.Write(c.digest())
	}
	return total.Sum(nil)
}

// feed takes the values lo to hi of the array.
func (h *columnHash) feed(a arrow.Array, lo, hi int) error {
	if lo >= hi {
		return nil
	}
	if a.DataType().ID() == arrow.NULL {
		h.run(false, hi-lo)
		return nil
	}
	if a.NullN() == 0 {
		h.run(true, hi-lo)
		return h.feedValid(a, lo, hi)
	}
	for i := lo; i < hi; {
		from, valid := i, a.IsValid(i)
		for i++; i < hi && a.IsValid(i) == valid; i++ {
		}
		if !valid && !h.n.nullable {
			return fmt.Errorf("column %q holds nulls, but is declared to have none", h.n.path)
		}
		h.run(valid, i-from)
		if valid {
			if err := h.feedValid(a, from, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// feedValid takes the values lo to hi, none of which is null.
func (h *columnHash) feedValid(a arrow.Array, lo, hi int) error {
	data := a.Data()
	off := data.Offset()
	switch a := a.(type) {
	case *array.Boolean:
		for lo < hi {
			n := min(hi-lo, scratchSize)
			for i := range n {
				h.scratch[i] = 0
				if a.Value(lo + i) {
					h.scratch[i] = 1
				}
			}
			write(&h.values, h.scratch[:n])
			lo += n
		}
	case *array.Float16:
		for i, v := range arrow.Uint16Traits.CastFromBytes(data.Buffers()[1].Bytes())[off+lo : off+hi] {
			at := i % (scratchSize / 2) * 2
			binary.LittleEndian.PutUint16(h.scratch[at:], canonical16(v))
			if at+2 == scratchSize || i == hi-lo-1 {
				write(&h.values, h.scratch[:at+2])
			}
		}
	case *array.Float32:
		for i, v := range a.Float32Values()[lo:hi] {
			at := i % (scratchSize / 4) * 4
			binary.LittleEndian.PutUint32(h.scratch[at:], canonical32(math.Float32bits(v)))
			if at+4 == scratchSize || i == hi-lo-1 {
				write(&h.values, h.scratch[:at+4])
			}
		}
	case *array.Float64:
		for i, v := range a.Float64Values()[lo:hi] {
			at := i % (scratchSize / 8) * 8
			binary.LittleEndian.PutUint64(h.scratch[at:], canonical64(math.Float64bits(v)))
			if at+8 == scratchSize || i == hi-lo-1 {
				write(&h.values, h.scratch[:at+8])
			}
		}
	case *array.String, *array.Binary:
		offsets, err := h.feedLengths(data, lo, hi)
		if err != nil {
			return err
		}
		var bytes []byte
		if offsets[len(offsets)-1] > offsets[0] {
			bytes = data.Buffers()[2].Bytes()[offsets[0]:offsets[len(offsets)-1]]
		}
		if _, isText := a.(*array.String); isText && h.checkText && !validTexts(bytes, offsets) {
			return fmt.Errorf("column %q holds text that is not UTF-8", h.n.path)
		}
		write(&h.values, bytes)
	case *array.List, *array.Map:
		offsets, err := h.feedLengths(data, lo, hi)
		if err != nil {
			return err
		}
		first, last := int(offsets[0]), int(offsets[len(offsets)-1])
		if m, ok := a.(*array.Map); ok {
			if err := h.children[0].feed(m.Keys(), first, last); err != nil {
				return err
			}
			return h.children[1].feed(m.Items(), first, last)
		}
		return h.children[0].feed(a.(array.ListLike).ListValues(), first, last)
	case *array.Struct:
		for i, c := range h.children {
			if err := c.feed(a.Field(i), lo, hi); err != nil {
				return err
			}
		}
	default: // fixed width, its bits are its value
		t, ok := a.DataType().(arrow.FixedWidthDataType)
		if !ok {
			return unsupported("column %q has type %s", h.n.path, a.DataType())
		}
		width := t.BitWidth() / 8
		write(&h.values, data.Buffers()[1].Bytes()[(off+lo)*width:(off+hi)*width])
	}
	return nil
}

// feedLengths hashes the lengths of the lists or texts lo to hi, and returns the offsets from the first to one behind the last.
func (h *columnHash) feedLengths(data arrow.ArrayData, lo, hi int) ([]int32, error) {
	off := data.Offset()
	offsets := arrow.Int32Traits.CastFromBytes(data.Buffers()[1].Bytes())[off+lo : off+hi+1]
	if offsets[0] < 0 {
		return nil, damaged("column %q has a negative offset", h.n.path)
	}
	at := 0
	for i, end := range offsets[1:] {
		length := end - offsets[i]
		if length < 0 {
			return nil, damaged("column %q has offsets that go backwards", h.n.path)
		}
		binary.LittleEndian.PutUint32(h.scratch[at:], uint32(length))
		if at += 4; at == scratchSize {
			write(&h.lengths, h.scratch)
			at = 0
		}
	}
	if at > 0 {
		write(&h.lengths, h.scratch[:at])
	}
	return offsets, nil
}

// validTexts reports whether each of the texts that lie one behind the other in bytes is UTF-8.
func validTexts(bytes []byte, offsets []int32) bool {
	if !utf8.Valid(bytes) {
		return false
	}
	for _, o := range offsets {
		if at := int(o - offsets[0]); at < len(bytes) && !utf8.RuneStart(bytes[at]) {
			return false
		}
	}
	return true
}

// appendValue appends the canonical form of one value for the hash of its row.
func (h *hasher) appendValue(to []byte, n *node, a arrow.Array, i int) ([]byte, error) {
	if a.DataType().ID() == arrow.NULL {
		return append(to, 0), nil
	}
	if a.IsNull(i) {
		if !n.nullable {
			return nil, fmt.Errorf("column %q holds nulls, but is declared to have none", n.path)
		}
		return append(to, 0), nil
	}
	to = append(to, 1)
	data := a.Data()
	switch a := a.(type) {
	case *array.Boolean:
		return appendBool(to, a.Value(i)), nil
	case *array.Float16:
		return binary.LittleEndian.AppendUint16(to, canonical16(a.Value(i).Uint16())), nil
	case *array.Float32:
		return binary.LittleEndian.AppendUint32(to, canonical32(math.Float32bits(a.Value(i)))), nil
	case *array.Float64:
		return binary.LittleEndian.AppendUint64(to, canonical64(math.Float64bits(a.Value(i)))), nil
	case *array.String:
		s := a.Value(i)
		if h.checkText && !utf8.ValidString(s) {
			return nil, fmt.Errorf("column %q holds text that is not UTF-8", n.path)
		}
		return appendText(to, s), nil
	case *array.Binary:
		return append(binary.AppendUvarint(to, uint64(a.ValueLen(i))), a.Value(i)...), nil
	case *array.List, *array.Map:
		first, last := a.(array.ListLike).ValueOffsets(i)
		if first > last {
			return nil, damaged("column %q has offsets that go backwards", n.path)
		}
		to = binary.AppendUvarint(to, uint64(last-first))
		parts := []arrow.Array{a.(array.ListLike).ListValues()}
		if m, ok := a.(*array.Map); ok {
			parts = []arrow.Array{m.Keys(), m.Items()}
		}
		for k := first; k < last; k++ {
			for p, part := range parts {
				var err error
				if to, err = h.appendValue(to, n.children[p], part, int(k)); err != nil {
					return nil, err
				}
			}
		}
		return to, nil
	case *array.Struct:
		for c, child := range n.children {
			var err error
			if to, err = h.appendValue(to, child, a.Field(c), i); err != nil {
				return nil, err
			}
		}
		return to, nil
	default:
		t, ok := a.DataType().(arrow.FixedWidthDataType)
		if !ok {
			return nil, unsupported("column %q has type %s", n.path, a.DataType())
		}
		width, at := t.BitWidth()/8, data.Offset()+i
		return append(to, data.Buffers()[1].Bytes()[at*width:(at+1)*width]...), nil
	}
}
