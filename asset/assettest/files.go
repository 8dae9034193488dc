package assettest

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/assetdev/assetdev/asset"
)

// convertCSV writes the CSV file at from as an Arrow IPC file. Columns that schema names get its types; it may be nil.
func convertCSV(from, to string, schema *arrow.Schema) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s: it has no header", from)
	}
	header, rows := rows[0], rows[1:]
	fields := make([]arrow.Field, len(header))
	for c, name := range header {
		fields[c] = arrow.Field{Name: name, Type: inferred(rows, c), Nullable: true}
		if schema != nil {
			if known, ok := schema.FieldsByName(name); ok {
				fields[c] = known[0]
			}
		}
	}
	builder := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer builder.Release()
	for r, row := range rows {
		for c, cell := range row {
			if err := appendCell(builder.Field(c), fields[c], cell); err != nil {
				return fmt.Errorf("%s: row %d, column %q: %w", from, r+1, header[c], err)
			}
		}
	}
	_, err = asset.WriteFile(to, builder.NewRecord())
	return err
}

func appendCell(b array.Builder, field arrow.Field, cell string) error {
	if _, nested := field.Type.(arrow.NestedType); nested {
		return fmt.Errorf("a CSV file cannot hold %s; give Go values or an .arrow file", field.Type)
	}
	if cell == "" {
		if field.Nullable {
			b.AppendNull()
			return nil
		}
		if field.Type.ID() != arrow.STRING {
			return fmt.Errorf("the cell is empty, and %s is not a column with nulls; read it into a pointer", field.Type)
		}
	}
	if err := b.AppendValueFromString(cell); err != nil {
		return fmt.Errorf("%q is no %s: %w", cell, field.Type, err)
	}
	return nil
}

// inferred is the narrowest type that all cells of a column have.
func inferred(rows [][]string, column int) arrow.DataType {
	all := func(parse func(string) error) bool {
		some := false
		for _, row := range rows {
			if cell := row[column]; cell != "" {
				some = true
				if parse(cell) != nil {
					return false
				}
			}
		}
		return some
	}
	switch {
	case all(func(s string) error { _, err := strconv.ParseInt(s, 10, 64); return err }):
		return arrow.PrimitiveTypes.Int64
	case all(func(s string) error { _, err := strconv.ParseFloat(s, 64); return err }):
		return arrow.PrimitiveTypes.Float64
	case all(func(s string) error {
		if s != "true" && s != "false" {
			return strconv.ErrSyntax
		}
		return nil
	}):
		return arrow.FixedWidthTypes.Boolean
	case all(func(s string) error { _, err := time.Parse(time.DateOnly, s); return err }):
		return arrow.FixedWidthTypes.Date32
	case all(func(s string) error { _, err := time.Parse(time.RFC3339, s); return err }):
		return arrow.FixedWidthTypes.Timestamp_us
	default:
		return arrow.BinaryTypes.String
	}
}

// convertParquet writes the Parquet file at from as an Arrow IPC file. It counts the rows: arrow v17 ends a column silently at a page that it cannot read.
func convertParquet(from, to string) (err error) {
	r, err := file.OpenParquetFile(from, false)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	p, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: 64 << 10}, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	records, err := p.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	rows, err := asset.WriteFile(to, array.RecordReader(records))
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if rows != r.NumRows() {
		return fmt.Errorf("%s: only %d of its %d rows can be read", from, rows, r.NumRows())
	}
	return nil
}
