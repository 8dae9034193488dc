package iomanager

import (
	"context"
	"sync"
	"time"

	"github.com/assetdev/assetdev/iomanager/page"
	"github.com/assetdev/assetdev/iomanager/table"
)

// Tables is what a Manager asks of package table, which opens Arrow and Parquet in child processes. Its methods may be called from
// any goroutine. Tests replace it.
type Tables interface {
	// Convert writes the table in the file in as the Parquet file out, which is not there yet.
	Convert(ctx context.Context, in, format, out string, unordered bool) (Table, error)
	// Describe reads a whole Parquet file. Equal data has the data version that Convert returned.
	Describe(ctx context.Context, file string, unordered bool) (Table, error)
	// ToArrow writes a Parquet file as the Arrow IPC file out, which is not there yet.
	ToArrow(ctx context.Context, file, out string) error
	// Page reads a window of a Parquet file.
	Page(ctx context.Context, file string, r PageRequest) (page.Page, error)
	// Stats describes the values of one column of a Parquet file, read as a whole.
	Stats(ctx context.Context, file, column string) (page.Stats, error)
	// Sort returns the first rows of a Parquet file in the order of a column.
	Sort(ctx context.Context, file string, r SortRequest) (page.Page, error)
	// Sniff says what a file is: "parquet", "a pickle", "an Arrow file", "an empty file", …
	Sniff(file string) (string, error)
}

// A Table describes a table and its file.
type Table struct {
	Rows, Bytes int64
	DataVersion string
	Columns     []page.Column
}

// A PageRequest is a window of a table: Limit rows from Offset on, and the columns by name in the wanted order, nil for all.
type PageRequest = table.PageRequest

// A SortRequest asks for the first rows in the order of one column.
type SortRequest = table.SortRequest

// children is package table. One child stays for pages, which come one after the other, until nobody has asked for a while.
type children struct {
	reader *table.Reader
	mu     sync.Mutex
	idle   *time.Timer // nil before the first page and after Close
	closed bool
}

var _ Tables = (*children)(nil)

func newChildren() *children { return &children{reader: table.Open()} }

// idleAfter is how long the child for pages waits for the next request.
const idleAfter = 15 * time.Second

// Close ends the child for pages.
func (c *children) Close() error {
	c.mu.Lock()
	c.closed = true
	if c.idle != nil {
		c.idle.Stop()
	}
	c.mu.Unlock()
	return c.reader.Close()
}

func (*children) Convert(ctx context.Context, in, format, out string, unordered bool) (Table, error) {
	return described(table.Convert(ctx, table.ConvertRequest{In: in, Format: format, Out: out, Unordered: unordered}))
}

func (*children) Describe(ctx context.Context, file string, unordered bool) (Table, error) {
	if unordered {
		return described(table.DescribeUnordered(ctx, file))
	}
	return described(table.Describe(ctx, file))
}

func (*children) ToArrow(ctx context.Context, file, out string) error {
	return table.ToArrow(ctx, file, out)
}

func (c *children) Page(ctx context.Context, file string, r PageRequest) (page.Page, error) {
	p, err := c.reader.Page(ctx, file, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil {
		c.idle.Stop()
	}
	if !c.closed {
		c.idle = time.AfterFunc(idleAfter, c.reader.Idle)
	}
	return p, err
}

func (*children) Stats(ctx context.Context, file, column string) (page.Stats, error) {
	return table.Stats(ctx, file, column)
}

func (*children) Sort(ctx context.Context, file string, r SortRequest) (page.Page, error) {
	return table.Sort(ctx, file, r)
}

func (*children) Sniff(file string) (string, error) { return table.Sniff(file) }

func described(i table.Info, err error) (Table, error) {
	return Table{Rows: i.Rows, Bytes: i.Bytes, DataVersion: i.DataVersion, Columns: i.Columns}, err
}
