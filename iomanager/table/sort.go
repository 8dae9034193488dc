package table

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/assetdev/assetdev/iomanager/page"
)

// errTooLong says that the rows hold more text than a page may.
var errTooLong = errors.New("too much text for a page")

func runSort(ctx context.Context, r sortRequest) (page.Page, error) {
	s, err := open(r.File)
	if err != nil {
		return page.Page{}, err
	}
	defer s.close()
	field, err := s.field(r.Column)
	if err != nil {
		return page.Page{}, err
	}
	if n := s.nodes[field]; !n.ordered() {
		if n.problem != nil {
			return page.Page{}, n.problem
		}
		return page.Page{}, unsupported("column %q has type %s, whose values have no order", n.path, n.typeName())
	}
	limit := min(int(r.Limit), maxPageCells/len(s.nodes))
	order, err := s.order(ctx, field, r.Descending, limit)
	if err != nil {
		return page.Page{}, err
	}
	for {
		p, err := s.gather(ctx, order, r.MaxCellBytes)
		if !errors.Is(err, errTooLong) || len(order) < 2 {
			return p, err
		}
		order = order[:len(order)/2]
	}
}

// A placed is a row among those in order so far.
type placed struct {
	rank rank
	row  int64
}

// A best is a heap of the first rows of an order, the last of them on top.
type best struct {
	rows       []placed
	descending bool
}

// before reports whether a comes before b. Of equal values the earlier row does.
func (h *best) before(a, b placed) bool {
	c := a.rank.compare(b.rank)
	if h.descending {
		c = -c
	}
	return c < 0 || c == 0 && a.row < b.row
}

func (h *best) Len() int           { return len(h.rows) }
func (h *best) Less(i, j int) bool { return h.before(h.rows[j], h.rows[i]) }
func (h *best) Swap(i, j int)      { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }
func (h *best) Push(x any)         { h.rows = append(h.rows, x.(placed)) }

func (h *best) Pop() any {
	last := h.rows[len(h.rows)-1]
	h.rows = h.rows[:len(h.rows)-1]
	return last
}

// order returns the numbers of the first limit rows in the order of a column. NaN, and then nulls, come last whatever the direction.
func (s *source) order(ctx context.Context, field int, descending bool, limit int) ([]int64, error) {
	n := s.nodes[field]
	h := &best{descending: descending}
	var nans, nulls []int64
	err := s.each(ctx, field, func(first int64, a arrow.Array) error {
		get := ranks(n, a)
		for i := range a.Len() {
			row := first + int64(i)
			if get == nil || a.IsNull(i) {
				if len(nulls) < limit {
					nulls = append(nulls, row)
				}
				continue
			}
			v, nan := get(i)
			if nan {
				if len(nans) < limit {
					nans = append(nans, row)
				}
				continue
			}
			p := placed{v, row}
			switch {
			case len(h.rows) < limit:
				p.rank.text = strings.Clone(p.rank.text)
				heap.Push(h, p)
			case limit > 0 && h.before(p, h.rows[0]):
				p.rank.text = strings.Clone(p.rank.text)
				h.rows[0] = p
				heap.Fix(h, 0)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(h.rows, func(a, b placed) int {
		if h.before(a, b) {
			return -1
		}
		return 1
	})
	order := make([]int64, 0, limit)
	for _, p := range h.rows {
		order = append(order, p.row)
	}
	order = append(append(order, nans...), nulls...)
	return order[:min(len(order), limit)], nil
}

// gather reads the rows with these numbers, all columns of them, in this order.
func (s *source) gather(ctx context.Context, order []int64, most int) (page.Page, error) {
	p := page.Page{
		RowsTotal: s.rows, ColumnsTotal: len(s.nodes), Columns: columnsOf(s.nodes), Bytes: s.size, RowGroups: len(s.groups),
		Rows: make([][]page.Cell, len(order)), Order: order,
	}
	type wanted struct {
		row   int64
		place int
	}
	rows := make([]wanted, len(order))
	for i, row := range order {
		rows[i] = wanted{row, i}
		p.Rows[i] = make([]page.Cell, len(s.nodes))
	}
	slices.SortFunc(rows, func(a, b wanted) int { return int(a.row - b.row) })
	bytes, first := 0, int64(0)
	for g := range s.groups {
		here := rows
		for i, w := range rows {
			if w.row >= first+s.groups[g].rows {
				here = rows[:i]
				break
			}
		}
		rows = rows[len(here):]
		for f, n := range s.nodes {
			if len(here) == 0 {
				break
			}
			c, err := s.cursor(ctx, f, g)
			if err != nil {
				return p, err
			}
			for rest := here; len(rest) > 0; {
				from := first + c.at
				a, err := c.next(min(batchRows, c.rows-c.at))
				if err != nil {
					return p, err
				}
				for len(rest) > 0 && rest[0].row < from+int64(a.Len()) {
					cell := formatCell(n, a, int(rest[0].row-from), most)
					if bytes += len(cell.Value); bytes > maxPageBytes {
						return p, errTooLong
					}
					p.Rows[rest[0].place][f] = cell
					rest = rest[1:]
				}
			}
			c.close()
		}
		first += s.groups[g].rows
	}
	return p, nil
}
