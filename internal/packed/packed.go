// Package packed writes values one after the other into few bytes, and reads them in the same order: the form of our own files that
// are read whole at every start, where JSON would cost more than all the rest. Files in it are disposable, and replaced as a whole.
//
// The nouns: a [Writer] appends numbers and texts; a [Reader] takes them off. [Seal] puts a first line, which names the kind and
// version of the file, and a checksum in front; [Open] checks both.
//
// Invariants:
//
//	(a) A Reader never panics, never allocates more than a small multiple of its input, and ends: after the first value that is not
//	    there it is Bad, and all further ones are zero.
//	(b) What Open accepts is what Seal was given, unless somebody meant harm; a reader of values checks what it relies on.
//
// Deliberately absent: types, names and versions of fields. Who changes what is written changes the first line.
package packed

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"unsafe"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal returns the content of a file: the first line, which ends in a newline, a checksum, and the body.
func Seal(line string, body []byte) []byte {
	out := make([]byte, 0, len(line)+4+len(body))
	out = binary.BigEndian.AppendUint32(append(out, line...), crc32.Checksum(body, castagnoli))
	return append(out, body...)
}

// Open returns the body of a file that Seal made with the same first line; ok is false for any other. The body shares the memory of
// data, which must not be changed any more.
func Open(line string, data []byte) (body string, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(line))
	if !ok || len(rest) < 4 || binary.BigEndian.Uint32(rest) != crc32.Checksum(rest[4:], castagnoli) {
		return "", false
	}
	rest = rest[4:]
	return unsafe.String(unsafe.SliceData(rest), len(rest)), true
}

// A Writer appends values to Out. The zero Writer is ready.
type Writer struct{ Out []byte }

// Number appends a number; small ones take one byte.
func (w *Writer) Number(n int64) { w.Out = binary.AppendVarint(w.Out, n) }

// Text appends a text.
func (w *Writer) Text(s string) {
	w.Number(int64(len(s)))
	w.Out = append(w.Out, s...)
}

// Flag appends a truth value.
func (w *Writer) Flag(b bool) {
	if b {
		w.Number(1)
	} else {
		w.Number(0)
	}
}

// Texts appends a list of texts.
func (w *Writer) Texts(s []string) {
	w.Number(int64(len(s)))
	for _, text := range s {
		w.Text(text)
	}
}

// A Reader takes values off In, in the order in which they were written. Texts share the memory of In.
type Reader struct {
	In  string
	Bad bool // something was not as a Writer writes it; In is empty then
}

func (r *Reader) fail() { r.In, r.Bad = "", true }

// Number reads a number.
func (r *Reader) Number() int64 {
	var n uint64
	for i := range len(r.In) {
		if i == binary.MaxVarintLen64 {
			break
		}
		b := r.In[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.In = r.In[i+1:]
			return int64(n>>1) ^ -int64(n&1)
		}
	}
	r.fail()
	return 0
}

// Text reads a text.
func (r *Reader) Text() string {
	n := r.Number()
	if n < 0 || n > int64(len(r.In)) {
		r.fail()
		return ""
	}
	text := r.In[:n]
	r.In = r.In[n:]
	return text
}

// Flag reads a truth value.
func (r *Reader) Flag() bool { return r.Number() != 0 }

// Count reads the length of a list whose elements take at least one byte each.
func (r *Reader) Count() int {
	n := r.Number()
	if n < 0 || n > int64(len(r.In)) {
		r.fail()
		return 0
	}
	return int(n)
}

// Texts reads a list of texts; an empty one is nil.
func (r *Reader) Texts() []string {
	n := r.Count()
	if n == 0 {
		return nil
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = r.Text()
	}
	return texts
}

// Index reads a number that must be the index of one of n things.
func (r *Reader) Index(n int) int {
	i := r.Number()
	if i < 0 || i >= int64(n) {
		r.fail()
		return -1
	}
	return int(i)
}
