package iomanager

import (
	"context"

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

// children is package table.
type children struct{}

var _ Tables = children{}

func (children) Convert(ctx context.Context, in, format, out string, unordered bool) (Table, error) {
	return described(table.Convert(ctx, table.ConvertRequest{In: in, Format: format, Out: out, Unordered: unordered}))
}

func (children) Describe(ctx context.Context, file string, unordered bool) (Table, error) {
	if unordered {
		return described(table.DescribeUnordered(ctx, file))
	}
	return described(table.Describe(ctx, file))
}

func (children) ToArrow(ctx context.Context, file, out string) error {
	return table.ToArrow(ctx, file, out)
}

func (children) Page(ctx context.Context, file string, r PageRequest) (page.Page, error) {
	return table.Page(ctx, file, r)
}

func (children) Sniff(file string) (string, error) { return table.Sniff(file) }

func described(i table.Info, err error) (Table, error) {
	return Table{Rows: i.Rows, Bytes: i.Bytes, DataVersion: i.DataVersion, Columns: i.Columns}, err
}
