package table

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
)

// maxPageBytes is how much text a page may hold. The channel to the parent takes twice as much.
const maxPageBytes = 24 << 20

// maxPageCells is how many cells a page may have.
const maxPageCells = 2_000_000

func (s *source) page(ctx context.Context, r PageRequest) (page.Page, error) {
	p := page.Page{RowsTotal: s.rows, ColumnsTotal: len(s.nodes), Offset: r.Offset, Bytes: s.size, RowGroups: len(s.groups)}
	fields, err := s.fields(r.Columns)
	if err != nil {
		return p, err
	}
	p.Columns = make([]page.Column, len(fields))
	for i, f := range fields {
		p.Columns[i] = s.nodes[f].column()
	}
	last := min(s.rows, r.Offset+r.Limit)
	if count := max(0, last-r.Offset) * int64(len(fields)); count > maxPageCells {
		return p, unsupported("%d rows of %d columns are too much for a page; ask for fewer rows or columns", last-r.Offset, len(fields))
	}
	p.Rows = make([][]page.Cell, max(0, last-r.Offset))
	cells := make([]page.Cell, len(p.Rows)*len(fields))
	for i := range p.Rows {
		p.Rows[i] = cells[i*len(fields) : (i+1)*len(fields)]
	}
	bytes, first := 0, int64(0) // first: row of the table with which the row group begins
	for g := range s.groups {
		from, to := max(r.Offset, first), min(last, first+s.groups[g].rows)
		for i, f := range fields {
			if from >= to {
				break
			}
			c, err := s.cursor(ctx, f, g)
			if err != nil {
				return p, err
			}
			if err := c.skip(from - first); err != nil {
				return p, err
			}
			for row := from; row < to; {
				a, err := c.next(min(batchRows, to-row))
				if err != nil {
					return p, err
				}
				for k := range a.Len() {
					cell := formatCell(s.nodes[f], a, k, r.MaxCellBytes)
					if bytes += len(cell.Value); bytes > maxPageBytes {
						return p, unsupported("the rows %d to %d need more than %d MiB of text to show; ask for fewer rows or columns", r.Offset, last-1, maxPageBytes>>20)
					}
					p.Rows[row-r.Offset+int64(k)][i] = cell
				}
				row += int64(a.Len())
			}
			c.close()
		}
		first += s.groups[g].rows
	}
	return p, nil
}

// fields returns the places of the named columns; nil names all.
func (s *source) fields(names []string) ([]int, error) {
	places := make(map[string]int, len(s.nodes))
	for i, n := range s.nodes {
		if _, taken := places[n.name]; !taken {
			places[n.name] = i
		}
	}
	if names == nil {
		all := make([]int, len(s.nodes))
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	fields := make([]int, len(names))
	for i, name := range names {
		f, ok := places[name]
		if !ok {
			return nil, s.noColumn(name)
		}
		fields[i] = f
	}
	return fields, nil
}

func (s *source) noColumn(name string) error {
	const most = 30
	names := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		names[i] = n.name
	}
	hint := ""
	if nearest := diag.Nearest(name, names); nearest != "" {
		hint = fmt.Sprintf("did you mean %q? ", nearest)
	}
	listed := make([]string, 0, most)
	for _, n := range names[:min(most, len(names))] {
		listed = append(listed, strings.Trim(strconv.Quote(n), `"`))
	}
	hint += "columns: " + strings.Join(listed, ", ")
	if more := len(names) - most; more > 0 {
		hint += fmt.Sprintf(" and %d more", more)
	}
	return diag.New("usage", "no column %q", name).WithHint("%s", hint)
}

// formatCell formats one value. Texts, binaries and nested values are cut to most bytes, when that is not 0.
func formatCell(n *node, a arrow.Array, i, most int) page.Cell {
	if a.DataType().ID() == arrow.NULL || a.IsNull(i) {
		return page.Cell{Kind: page.Null}
	}
	if n.shape != leaf {
		value, cut := appendJSON(nil, n, a, i, most), false
		if most > 0 && len(value) > most {
			value, cut = []byte(cutText(string(value), most)), true
		}
		return page.Cell{Kind: page.Nested, Value: string(value), Cut: cut}
	}
	switch a := a.(type) {
	case *array.String:
		s, cut := a.Value(i), false
		if most > 0 && len(s) > most {
			s, cut = cutText(s, most), true
		}
		return page.Cell{Kind: page.Text, Value: strings.Clone(s), Cut: cut}
	case *array.Binary:
		return binaryCell(n, a.Value(i), most)
	case *array.FixedSizeBinary:
		return binaryCell(n, a.Value(i), most)
	case *array.Boolean:
		return page.Cell{Kind: page.Boolean, Value: strconv.FormatBool(a.Value(i))}
	case *array.Int8:
		return integer(int64(a.Value(i)), true)
	case *array.Int16:
		return integer(int64(a.Value(i)), true)
	case *array.Int32:
		return integer(int64(a.Value(i)), true)
	case *array.Int64:
		return integer(a.Value(i), false)
	case *array.Uint8:
		return integer(int64(a.Value(i)), true)
	case *array.Uint16:
		return integer(int64(a.Value(i)), true)
	case *array.Uint32:
		return integer(int64(a.Value(i)), true)
	case *array.Uint64:
		return page.Cell{Kind: page.Number, Value: strconv.FormatUint(a.Value(i), 10)}
	case *array.Float16:
		return float(float64(a.Value(i).Float32()), 32)
	case *array.Float32:
		return float(float64(a.Value(i)), 32)
	case *array.Float64:
		return float(a.Value(i), 64)
	case *array.Decimal128:
		return page.Cell{Kind: page.Number, Value: decimal(a.Value(i).BigInt(), int(n.typ.(*arrow.Decimal128Type).Scale))}
	case *array.Date32:
		return page.Cell{Value: time.Unix(int64(a.Value(i))*86_400, 0).UTC().Format(time.DateOnly)}
	case *array.Time32:
		return page.Cell{Value: timeOfDay(int64(a.Value(i)), n.typ.(*arrow.Time32Type).Unit)}
	case *array.Time64:
		return page.Cell{Value: timeOfDay(int64(a.Value(i)), n.typ.(*arrow.Time64Type).Unit)}
	case *array.Timestamp:
		t := n.typ.(*arrow.TimestampType)
		layout := "2006-01-02T15:04:05.999999999"
		if t.TimeZone != "" {
			layout += "Z"
		}
		return page.Cell{Value: instant(int64(a.Value(i)), t.Unit).Format(layout)}
	}
	return page.Cell{Value: a.ValueStr(i)}
}

func integer(v int64, exact bool) page.Cell {
	return page.Cell{Kind: page.Number, Value: strconv.FormatInt(v, 10), Exact: exact}
}

// float formats as encoding/json does, and what JSON has no number for as words.
func float(v float64, bits int) page.Cell {
	switch {
	case math.IsNaN(v):
		return page.Cell{Kind: page.Number, Value: "NaN"}
	case math.IsInf(v, 1):
		return page.Cell{Kind: page.Number, Value: "Infinity"}
	case math.IsInf(v, -1):
		return page.Cell{Kind: page.Number, Value: "-Infinity"}
	}
	format := byte('f')
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return page.Cell{Kind: page.Number, Value: strconv.FormatFloat(v, format, -1, bits), Exact: true}
}

// decimal returns v / 10^scale with all its digits.
func decimal(v *big.Int, scale int) string {
	digits := new(big.Int).Abs(v).String()
	sign := ""
	if v.Sign() < 0 {
		sign = "-"
	}
	switch {
	case scale < 0 && scale > -100 && v.Sign() != 0:
		return sign + digits + strings.Repeat("0", -scale)
	case scale <= 0 || scale > 100: // beyond any type; shown as it is
		return sign + digits
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

func instant(v int64, unit arrow.TimeUnit) time.Time {
	switch unit {
	case arrow.Second:
		return time.Unix(v, 0).UTC()
	case arrow.Millisecond:
		return time.UnixMilli(v).UTC()
	case arrow.Microsecond:
		return time.UnixMicro(v).UTC()
	case arrow.Nanosecond:
	}
	return time.Unix(0, v).UTC()
}

func timeOfDay(v int64, unit arrow.TimeUnit) string {
	return instant(v, unit).Format("15:04:05.999999999")
}

// binaryCell formats what Parquet stores as bytes.
func binaryCell(n *node, b []byte, most int) page.Cell {
	switch {
	case n.logical == "uuid" && len(b) == 16:
		h := hex.EncodeToString(b)
		return page.Cell{Value: h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]}
	case n.logical == "interval" && len(b) == 12:
		return page.Cell{Value: fmt.Sprintf("%d months %d days %d ms", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]))}
	}
	cut := most > 0 && len(b) > most
	if cut {
		b = b[:most]
	}
	return page.Cell{Kind: page.Binary, Value: base64.StdEncoding.EncodeToString(b), Cut: cut}
}

// cutText returns at most the first most bytes of s, without half a rune at the end.
func cutText(s string, most int) string {
	s = s[:most]
	for back := 1; back < utf8.UTFMax && back <= len(s); back++ {
		if tail := s[len(s)-back:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRuneInString(tail) {
				return s[:len(s)-back]
			}
			break
		}
	}
	return s
}

// appendJSON appends a nested value, or a part of one, as JSON: structs are objects, lists arrays, maps with keys of text objects and
// other maps arrays of pairs. Beyond most bytes it may stop anywhere, when most is not 0.
func appendJSON(to []byte, n *node, a arrow.Array, i, most int) []byte {
	if a.DataType().ID() == arrow.NULL || a.IsNull(i) {
		return append(to, "null"...)
	}
	if len(to) > enough(most) {
		return to
	}
	switch n.shape {
	case leaf:
		return formatCell(n, a, i, 0).AppendJSON(to)
	case list:
		l := a.(array.ListLike)
		start, end := l.ValueOffsets(i)
		to = append(to, '[')
		for k := start; k < end && len(to) <= enough(most); k++ {
			if k > start {
				to = append(to, ',')
			}
			to = appendJSON(to, n.children[0], l.ListValues(), int(k), most)
		}
		return append(to, ']')
	case mapping:
		m := a.(*array.Map)
		first, last := m.ValueOffsets(i)
		key, value := n.children[0], n.children[1]
		if _, text := m.Keys().(*array.String); text {
			to = append(to, '{')
			for k := first; k < last && len(to) <= enough(most); k++ {
				if k > first {
					to = append(to, ',')
				}
				to = append(appendJSON(to, key, m.Keys(), int(k), most), ':')
				to = appendJSON(to, value, m.Items(), int(k), most)
			}
			return append(to, '}')
		}
		to = append(to, '[')
		for k := first; k < last && len(to) <= enough(most); k++ {
			if k > first {
				to = append(to, ',')
			}
			to = append(appendJSON(append(to, '['), key, m.Keys(), int(k), most), ',')
			to = append(appendJSON(to, value, m.Items(), int(k), most), ']')
		}
		return append(to, ']')
	case structure:
		s := a.(*array.Struct)
		to = append(to, '{')
		for f, child := range n.children {
			if f > 0 {
				to = append(to, ',')
			}
			name, err := json.Marshal(child.name)
			if err != nil { // a string has no value that JSON refuses
				panic(err)
			}
			to = append(append(to, name...), ':')
			to = appendJSON(to, child, s.Field(f), i, most)
		}
		return append(to, '}')
	}
	return to
}

// enough returns the length beyond which text of at most most bytes need not grow.
func enough(most int) int {
	if most == 0 {
		return maxPageBytes
	}
	return most
}
