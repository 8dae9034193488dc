package table

import (
	"cmp"
	"context"
	"hash/maphash"
	"math"
	"math/bits"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/assetdev/assetdev/iomanager/page"
)

// A pass reads one column from its first row to its last, a batch at a time, and keeps little of it: [Stats] a count and the ends,
// [Sort] the best rows so far.

// A rank is the place of a value among those of its column: by hi, then lo, then text.
type rank struct {
	hi   int64
	lo   uint64
	text string
}

func (a rank) compare(b rank) int {
	if c := cmp.Compare(a.hi, b.hi); c != 0 {
		return c
	}
	if c := cmp.Compare(a.lo, b.lo); c != 0 {
		return c
	}
	return strings.Compare(a.text, b.text)
}

// hash tells values apart: those of numbers always, texts but for one in 2^64.
func (a rank) hash(seed maphash.Seed) uint64 {
	if a.text != "" {
		return maphash.String(seed, a.text)
	}
	h := mix(uint64(a.hi))
	if a.lo != 0 {
		h = mix(h ^ a.lo)
	}
	return h
}

// mix is the finalizer of splitmix64, a bijection.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// A ranker returns the rank of value i of an array, which is not null, and whether it is one that has no place: NaN. The rank's
// text lives as long as the array.
type ranker func(i int) (r rank, nan bool)

// ranks returns the ranker of an array of a column, nil when its values have no order.
func ranks(n *node, a arrow.Array) ranker {
	whole := func(get func(i int) int64) ranker {
		return func(i int) (rank, bool) { return rank{hi: get(i)}, false }
	}
	real := func(get func(i int) float64) ranker {
		return func(i int) (rank, bool) {
			v := get(i)
			b := canonical64(math.Float64bits(v))
			if b>>63 != 0 {
				b = ^b
			} else {
				b |= 1 << 63
			}
			return rank{hi: int64(b ^ 1<<63)}, v != v
		}
	}
	if n.shape != leaf || n.logical == "interval" {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return func(i int) (rank, bool) { return rank{text: a.Value(i)}, false }
	case *array.Binary:
		return func(i int) (rank, bool) { return rank{text: a.ValueString(i)}, false }
	case *array.FixedSizeBinary:
		return func(i int) (rank, bool) { return rank{text: string(a.Value(i))}, false }
	case *array.Boolean:
		return whole(func(i int) int64 {
			if a.Value(i) {
				return 1
			}
			return 0
		})
	case *array.Int8:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int16:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int32:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int64:
		return whole(a.Value)
	case *array.Uint8:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Uint16:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Uint32:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Uint64:
		return func(i int) (rank, bool) { return rank{lo: a.Value(i)}, false }
	case *array.Float16:
		return real(func(i int) float64 { return float64(a.Value(i).Float32()) })
	case *array.Float32:
		return real(func(i int) float64 { return float64(a.Value(i)) })
	case *array.Float64:
		return real(a.Value)
	case *array.Decimal128:
		return func(i int) (rank, bool) { v := a.Value(i); return rank{hi: v.HighBits(), lo: v.LowBits()}, false }
	case *array.Date32:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Time32:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Time64:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Timestamp:
		return whole(func(i int) int64 { return int64(a.Value(i)) })
	}
	return nil
}

// ordered reports whether the values of a column have an order.
func (n *node) ordered() bool { return n.shape == leaf && n.logical != "interval" && n.problem == nil }

// each calls f with the batches of one column, in the order of the rows; first is the row of the table that a batch begins with.
func (s *source) each(ctx context.Context, field int, f func(first int64, a arrow.Array) error) error {
	first := int64(0)
	for g := range s.groups {
		c, err := s.cursor(ctx, field, g)
		if err != nil {
			return err
		}
		for c.at < c.rows {
			at := c.at
			a, err := c.next(min(batchRows, c.rows-at))
			if err != nil {
				return err
			}
			if err := f(first+at, a); err != nil {
				return err
			}
		}
		c.close()
		first += s.groups[g].rows
	}
	return nil
}

// field returns the place of a column.
func (s *source) field(name string) (int, error) {
	fields, err := s.fields([]string{name})
	if err != nil {
		return 0, err
	}
	return fields[0], nil
}

// statsCell is how many bytes of the least and the greatest value are returned.
const statsCell = 4 << 10

func runStats(ctx context.Context, r statsRequest) (page.Stats, error) {
	s, err := open(r.File)
	if err != nil {
		return page.Stats{}, err
	}
	defer s.close()
	field, err := s.field(r.Column)
	if err != nil {
		return page.Stats{}, err
	}
	n := s.nodes[field]
	out := page.Stats{Column: n.column(), Rows: s.rows}
	d := newDistinct()
	seed := maphash.MakeSeed()
	var least, greatest rank
	var text []byte
	err = s.each(ctx, field, func(_ int64, a arrow.Array) error {
		if a.DataType().ID() == arrow.NULL {
			out.Nulls += int64(a.Len())
			return nil
		}
		low, high := -1, -1 // places in this batch of what is beyond the ends so far
		get := ranks(n, a)
		for i := range a.Len() {
			if a.IsNull(i) {
				out.Nulls++
				continue
			}
			if get == nil {
				text = appendJSON(text[:0], n, a, i, 0)
				d.add(maphash.Bytes(seed, text))
				if empties(a, i) {
					out.Empty++
				}
				continue
			}
			v, nan := get(i)
			d.add(v.hash(seed))
			if nan {
				out.NaN++
				continue
			}
			if empties(a, i) {
				out.Empty++
			}
			if out.Min == nil && low < 0 || v.compare(least) < 0 {
				least, low = v, i
			}
			if out.Max == nil && high < 0 || v.compare(greatest) > 0 {
				greatest, high = v, i
			}
		}
		if low >= 0 {
			cell := formatCell(n, a, low, statsCell)
			least.text = strings.Clone(least.text)
			out.Min = &cell
		}
		if high >= 0 {
			cell := formatCell(n, a, high, statsCell)
			greatest.text = strings.Clone(greatest.text)
			out.Max = &cell
		}
		return nil
	})
	out.Distinct, out.About = d.count()
	out.Distinct = min(out.Distinct, out.Rows-out.Nulls) // an estimate may be above what is possible
	return out, err
}

// empties reports whether a value is one of no length.
func empties(a arrow.Array, i int) bool {
	switch a := a.(type) {
	case *array.String:
		return a.ValueLen(i) == 0
	case *array.Binary:
		return a.ValueLen(i) == 0
	case array.ListLike:
		start, end := a.ValueOffsets(i)
		return start == end
	}
	return false
}

// exactDistinct is how many different values are counted one by one; beyond it their number is estimated, with a standard error of
// 1.04/√16384 = 0.8 %.
const (
	exactDistinct = 1_000_000
	registers     = 14 // as a power of two
)

// A distinct counts different hashes: exactly while they are few, then by the longest runs of zeros (HyperLogLog).
type distinct struct {
	seen map[uint64]struct{}
	runs []uint8 // nil while seen is complete
}

func newDistinct() *distinct { return &distinct{seen: map[uint64]struct{}{}} }

func (d *distinct) add(h uint64) {
	if d.runs != nil {
		d.note(h)
		return
	}
	if d.seen[h] = struct{}{}; len(d.seen) > exactDistinct {
		d.runs = make([]uint8, 1<<registers)
		for h := range d.seen {
			d.note(h)
		}
		d.seen = nil
	}
}

func (d *distinct) note(h uint64) {
	register := h >> (64 - registers)
	run := uint8(bits.LeadingZeros64(h<<registers|1<<(registers-1)) + 1)
	d.runs[register] = max(d.runs[register], run)
}

func (d *distinct) count() (n int64, about bool) {
	if d.runs == nil {
		return int64(len(d.seen)), false
	}
	m := float64(len(d.runs))
	sum := 0.0
	for _, run := range d.runs {
		sum += math.Ldexp(1, -int(run))
	}
	return int64(0.7213 / (1 + 1.079/m) * m * m / sum), true // far beyond where small numbers need another formula
}
