package layout

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A stored layout: magic, then numbers as varints and texts with their length. It holds what cannot be computed: columns, units,
// stubs, the room of gaps. Tracks follow from these.
const magic = "assetdev lanes 1\n"

// Bounds of what is read: a stored layout may be damaged.
const (
	maxStoredNodes = 1 << 20
	maxStoredUnits = 1 << 22
)

// MarshalBinary returns the layout in a form for [Placed.UnmarshalBinary] of the same version of assetdev.
func (p *Placed) MarshalBinary() ([]byte, error) {
	b := append(make([]byte, 0, 64+48*len(p.nodes)), magic...)
	number := func(n int) { b = binary.AppendVarint(b, int64(n)) }
	text := func(s string) {
		number(len(s))
		b = append(b, s...)
	}
	number(p.o.Height)
	number(p.o.MaxWidth)
	number(p.o.MaxRows)
	number(p.o.Tracks)
	number(p.changed)
	number(len(p.lanes))
	for l, title := range p.lanes {
		text(title)
		number(int(p.units[l]))
	}
	number(len(p.bands))
	for _, band := range p.bands {
		number(band.Lane)
	}
	number(len(p.width))
	for l := range p.width {
		number(int(p.width[l]))
		number(int(p.room[l]))
	}
	number(len(p.nodes))
	for i, n := range p.nodes {
		text(n.Key)
		for _, x := range [...]int32{n.Lane, n.Group, n.Width, n.Layer, p.layer[i], p.unit[i] - p.start[n.Lane], p.out[i+1] - p.out[i]} {
			number(int(x))
		}
		for e := p.out[i]; e < p.out[i+1]; e++ {
			to := 2 * int(p.to[e])
			if p.stub[e] {
				to++
			}
			number(to)
		}
		number(int(p.trunk[i+1] - p.trunk[i]))
		for v := p.trunk[i]; v < p.trunk[i+1]; v++ {
			number(int(p.unit[v] - p.start[n.Lane]))
		}
	}
	return b, nil
}

var errDamaged = errors.New("the stored layout is damaged, or of another version")

// UnmarshalBinary restores a layout. It accepts any bytes; what is not a valid layout is an error, and p is then unchanged.
func (p *Placed) UnmarshalBinary(data []byte) error {
	r := source{data: data}
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return errDamaged
	}
	r.data = data[len(magic):]
	b := &builder{o: Options{Height: r.number(1, 64), MaxWidth: r.number(1, 1<<16), MaxRows: r.number(-1<<30, 1<<30), Tracks: r.number(1, 1<<20)}}
	was := &Placed{changed: r.number(0, 1<<40)}
	in := &Input{}
	lanes := r.number(1, maxStoredNodes)
	units := make([]int32, 0, min(lanes, len(data)))
	total := 0
	for range lanes {
		if r.failed {
			return errDamaged
		}
		in.Lanes = append(in.Lanes, r.text())
		n := r.number(0, maxStoredUnits)
		units = append(units, int32(n))
		total += n
	}
	if r.failed || total > maxStoredUnits {
		return errDamaged
	}
	b.rank, b.size = make([]int32, lanes), make([]int32, lanes)
	for i := range b.rank {
		b.rank[i] = -1
	}
	take := func(l int) {
		b.rank[l] = int32(len(b.lanes))
		b.size[len(b.lanes)] = units[l]
		b.lanes = append(b.lanes, int32(l))
	}
	for range r.number(0, lanes) {
		if l := r.number(0, lanes-1); !r.failed && b.rank[l] < 0 {
			take(l)
		}
	}
	for l := range lanes { // without nodes
		if b.rank[l] < 0 {
			take(l)
		}
	}
	b.count = r.number(0, maxStoredNodes)
	for range b.count {
		if r.failed {
			return errDamaged
		}
		was.width = append(was.width, int32(r.number(0, 1<<17)))
		was.room = append(was.room, int32(r.number(0, 1<<17)))
	}
	if err := r.nodes(b, in); err != nil {
		return err
	}
	restored := b.finish(was)
	if err := restored.check(); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	*p = *restored
	return nil
}

// nodes reads the nodes with their edges, columns and units.
func (r *source) nodes(b *builder, in *Input) error {
	b.in, b.n = in, r.number(0, maxStoredNodes)
	if r.failed || b.n > len(r.data) {
		return errDamaged
	}
	b.out = make([]int32, 1, b.n+1)
	b.trunk = make([]int32, 0, b.n+1)
	b.layer, b.unit = make([]int32, b.n), make([]int32, b.n)
	for i := range b.n {
		n := Node{
			Key: r.text(), Lane: int32(r.number(0, len(in.Lanes)-1)), Group: int32(r.number(-1<<31, 1<<31-1)),
			Width: int32(r.number(-1<<31, 1<<31-1)), Layer: int32(r.number(-1<<31, 1<<31-1)),
		}
		b.layer[i], b.unit[i] = int32(r.number(0, b.count-1)), int32(r.number(0, maxStoredUnits))
		for range r.number(0, b.n) {
			to := r.number(0, 2*b.n-1)
			if r.failed {
				return errDamaged
			}
			b.to, b.stub = append(b.to, int32(to/2)), append(b.stub, to%2 == 1)
		}
		if !strictly(b.to[b.out[i]:]) {
			return errDamaged
		}
		b.out = append(b.out, int32(len(b.to)))
		b.trunk = append(b.trunk, int32(b.n+len(b.source)))
		for k := range r.number(0, maxSpan) {
			b.layer, b.unit = append(b.layer, b.layer[i]+1+int32(k)), append(b.unit, int32(r.number(0, maxStoredUnits)))
			b.source = append(b.source, int32(i))
		}
		if r.failed {
			return errDamaged
		}
		in.Nodes = append(in.Nodes, n)
	}
	b.trunk = append(b.trunk, int32(b.n+len(b.source)))
	b.lane = make([]int32, len(b.layer))
	for v := range b.layer {
		s := v
		if v >= b.n {
			s = int(b.source[v-b.n])
		}
		b.lane[v] = b.rank[in.Nodes[s].Lane]
		need := int32(1)
		if v < b.n {
			need = b.o.units()
		}
		if int(b.layer[v]) >= b.count || b.unit[v]+need > b.size[b.lane[v]] {
			return errDamaged
		}
	}
	// Edges lead to the right, and have their trunks.
	for s := range int32(b.n) {
		for e := b.out[s]; e < b.out[s+1]; e++ {
			if span := b.layer[b.to[e]] - b.layer[s]; !b.stub[e] && (span < 1 || span-1 > b.trunk[s+1]-b.trunk[s]) {
				return errDamaged
			}
		}
	}
	b.incoming()
	return nil
}

// strictly reports whether the numbers rise.
func strictly(list []int32) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

// check reports whether two vertices of a column stand in each other's way.
func (p *Placed) check() error {
	for l := range p.width {
		next := int32(0)
		for _, v := range p.order[p.column[l]:p.column[l+1]] {
			if p.unit[v] < next {
				return fmt.Errorf("two things stand in one place of column %d", l)
			}
			next = p.unit[v] + 1
			if int(v) < len(p.nodes) {
				next = p.unit[v] + p.o.units()
			}
		}
	}
	return nil
}

// A source reads a stored layout. After a failure everything is 0.
type source struct {
	data   []byte
	failed bool
}

func (r *source) number(low, high int) int {
	n, size := binary.Varint(r.data)
	if size <= 0 || n < int64(low) || n > int64(high) {
		r.failed, r.data = true, nil
		return max(low, 0)
	}
	r.data = r.data[size:]
	return int(n)
}

func (r *source) text() string {
	n := r.number(0, len(r.data))
	if n > len(r.data) {
		r.failed = true
		return ""
	}
	s := string(r.data[:n])
	r.data = r.data[n:]
	return s
}
