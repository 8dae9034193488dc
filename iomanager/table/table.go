// Package table is all of assetdev that opens Arrow or Parquet: it turns what a step wrote into stored Parquet, computes data
// versions, and reads the rows that a screen shows.
//
// The nouns: an [Info] describes a table, its data version is a hash of its values (hash.go says of what exactly), a [Reader] is a
// child process that answers many requests for pages.
//
// Files of others are untrusted, and the Parquet library dies, shortens data silently or takes all memory when a file is damaged. So:
//
//	(a) every function but [Sniff] works in a child process of our own binary with limits on memory and time (role.go), and the death
//	    of that child is an error like any other;
//	(b) a footer is checked before the library sees the file, and the count of the rows read against it, column by column and row
//	    group by row group;
//	(c) memory grows with one batch of rows and the pages it lies in, not with the file;
//	(d) only the row groups and columns asked for are read. A pass over a whole column ([Stats], [Sort]) ends when its context does.
//
// Every error that says something about a file is a [diag.Error] of kind "data" whose place is the file. Cells are returned as the
// file has them; who shows them passes them through package printable.
//
// A program that uses this package calls child.Dispatch first in main (in TestMain, too).
//
// Deliberately absent: filters, orders by several columns, row differences, pickles, CSV, any other storage than local files, renames and fsync (the
// caller's), and any promise of compatibility but one: data versions do not change while their prefix stays.
package table

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
)

// An Info describes a table and the Parquet file that holds it.
type Info struct {
	Rows        int64         `json:"rows"`
	Bytes       int64         `json:"bytes"` // of the Parquet file
	DataVersion string        `json:"data_version"`
	Columns     []page.Column `json:"columns"`
	RowGroups   int           `json:"row_groups"`
}

// The formats that Convert reads.
const (
	Arrow   = "arrow" // Arrow IPC, file or stream
	Parquet = "parquet"
)

// A ConvertRequest says what Convert is to do.
type ConvertRequest struct {
	In     string `json:"in"`     // path of the input
	Format string `json:"format"` // of In: [Arrow] or [Parquet]
	Out    string `json:"out"`    // path of the Parquet file to create
	// Unordered says that the order of the rows does not count in the data version.
	Unordered bool `json:"unordered,omitempty"`
}

// Convert writes the table In as the Parquet file Out, which must not exist, and describes it. The file is neither renamed nor
// synced; after an error it is gone. A Parquet file whose row groups suit the preview is copied byte by byte, everything else is
// written anew. What Parquet cannot hold, text that is not UTF-8, and nulls in a column declared without are refused with the column.
func Convert(ctx context.Context, r ConvertRequest) (Info, error) {
	var info Info
	switch {
	case r.Format != Arrow && r.Format != Parquet:
		return info, fmt.Errorf("convert %q: unknown format %q, known are %q and %q", r.In, r.Format, Arrow, Parquet)
	case readable(r.In) != nil:
		return info, readable(r.In)
	}
	if _, err := os.Lstat(r.Out); err == nil {
		return info, (&diag.Error{Kind: "data", What: "exists already", Err: os.ErrExist}).At(diag.Pos{File: r.Out})
	}
	answer, err := once(ctx, r.In, r.Out, request{Convert: &r}, convertLimits)
	if err != nil {
		return info, err
	}
	return *answer.Info, nil
}

// Describe reads the whole Parquet file and describes it. The data version is what Convert returned for the same data, whatever
// wrote the file.
func Describe(ctx context.Context, file string) (Info, error) { return describe(ctx, file, false) }

// DescribeUnordered is Describe for a table whose row order does not count.
func DescribeUnordered(ctx context.Context, file string) (Info, error) {
	return describe(ctx, file, true)
}

func describe(ctx context.Context, file string, unordered bool) (Info, error) {
	if err := readable(file); err != nil {
		return Info{}, err
	}
	answer, err := once(ctx, file, "", request{Describe: &describeRequest{File: file, Unordered: unordered}}, convertLimits)
	if err != nil {
		return Info{}, err
	}
	return *answer.Info, nil
}

// ToArrow writes the Parquet file as the Arrow IPC file out, uncompressed, which must not exist. After an error it is gone.
func ToArrow(ctx context.Context, file, out string) error {
	if err := readable(file); err != nil {
		return err
	}
	if _, err := os.Lstat(out); err == nil {
		return (&diag.Error{Kind: "data", What: "exists already", Err: os.ErrExist}).At(diag.Pos{File: out})
	}
	_, err := once(ctx, file, out, request{ToArrow: &toArrowRequest{File: file, Out: out}}, convertLimits)
	return err
}

// A PageRequest is a window of a table.
type PageRequest struct {
	Offset, Limit int64    // rows; an offset behind the end gives a page without rows
	Columns       []string // names in the wanted order; nil is all
	// MaxCellBytes is the length to which texts, binaries and nested values are cut; such a cell says that it is Cut. 0 cuts nothing.
	MaxCellBytes int
}

// MaxPageRows is the largest Limit of a PageRequest.
const MaxPageRows = 100_000

func (r PageRequest) check() error {
	if r.Offset < 0 || r.Limit < 0 || r.Limit > MaxPageRows || r.MaxCellBytes < 0 {
		return diag.New("usage", "rows %d+%d: an offset is 0 or more, and a page has 0 to %d rows", r.Offset, r.Limit, MaxPageRows)
	}
	return nil
}

// Stats reads one column, by name, from its first row to its last and describes its values. It takes as long as that; ctx ends it.
func Stats(ctx context.Context, file, column string) (page.Stats, error) {
	if err := readable(file); err != nil {
		return page.Stats{}, err
	}
	answer, err := once(ctx, file, "", request{Stats: &statsRequest{File: file, Column: column}}, passLimits)
	if err != nil {
		return page.Stats{}, err
	}
	return *answer.Stats, nil
}

// A SortRequest asks for the first rows of a table in the order of one column.
type SortRequest struct {
	Column     string // name
	Descending bool
	Limit      int64 // rows, 1 to MaxSortRows
	// MaxCellBytes is as in [PageRequest].
	MaxCellBytes int
}

// MaxSortRows is the largest Limit of a SortRequest.
const MaxSortRows = 10_000

// Sort returns the first rows of the Parquet file in the order of a column, with all columns: numbers by value, texts and binaries by
// their bytes, NaN and then nulls last, equal values in the order of the file. Page.Order holds the number of each row. There may be
// fewer than Limit rows where these are long or wide. It reads the column as a whole and of the others the row groups of the rows
// found; ctx ends it. Nested columns have no order and are refused.
func Sort(ctx context.Context, file string, r SortRequest) (page.Page, error) {
	if r.Limit < 1 || r.Limit > MaxSortRows || r.MaxCellBytes < 0 {
		return page.Page{}, diag.New("usage", "%d rows in order: 1 to %d can be asked for", r.Limit, MaxSortRows)
	}
	if err := readable(file); err != nil {
		return page.Page{}, err
	}
	answer, err := once(ctx, file, "", request{Sort: &sortRequest{File: file, SortRequest: r}}, passLimits)
	if err != nil {
		return page.Page{}, err
	}
	return *answer.Page, nil
}

// readable says in the parent what needs no child: that the file is not there, or is no file.
func readable(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		cause := err
		if p := (*os.PathError)(nil); errors.As(err, &p) {
			cause = p.Err
		}
		return (&diag.Error{Kind: "data", What: "read the table: " + cause.Error(), Err: err}).At(diag.Pos{File: file})
	}
	if !info.Mode().IsRegular() {
		what, err := Sniff(file)
		if err != nil {
			what = "no regular file"
		}
		return (&diag.Error{Kind: "data", What: "not a table: " + what}).At(diag.Pos{File: file})
	}
	return nil
}
