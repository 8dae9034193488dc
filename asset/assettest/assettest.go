// Package assettest runs whole assets in tests: on fixtures, in the process of the test, without assetdev and a workspace.
//
//	func TestSpending(t *testing.T) {
//		result := assettest.Run(t, asset.New("spending", spending), assettest.Input("order_data", "testdata/orders.csv"))
//		rows := assettest.Rows[Spending](t, result)
//		…
//	}
//
// An asset's function can also be called as what it is, a function. What this package adds is everything around it: the declaration
// must be right, inputs pass through files and are converted to the columns that the function names, rows of the result must fit their columns,
// and [asset.LoadExternal] works.
//
// Fixtures are Go values, or files: Arrow IPC (.arrow), Parquet (.parquet) and CSV (.csv, with a header). The Parquet reader is linked
// into tests only; no program that serves assets has it.
package assettest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/asset"
)

// A Fixture is the data of one upstream asset. [Input] makes one.
type Fixture struct {
	key  string
	rows any
}

// Input gives the asset under test the data of the upstream asset with the given key. rows is a slice of structs, or anything else that
// an asset's function may return, or the path of a file relative to the test's folder.
//
// In a CSV file an empty cell is null where the column may be null. A cell is read as the type that the asset's
// function takes; of columns that it does not name, or that it loads by hand, the type is that of all cells: integers,
// floats, true and false, dates or times in the form of RFC 3339, otherwise text.
func Input(key string, rows any) Fixture { return Fixture{key, rows} }

// A Result is what a run brought: the rows for [Rows], and what the function reported.
type Result struct {
	asset.Outcome
	File string // the Arrow IPC file with the rows, gone when the test ends; "" when the asset hands over none
}

// Run makes a once, with the context of the test, and fails the test at once when the declaration is wrong, an upstream that the function reads
// has no fixture, or the function fails or panics.
func Run(t testing.TB, a asset.Asset, inputs ...Fixture) Result {
	t.Helper()
	result, err := run(t, a, inputs)
	if err != nil {
		t.Fatalf("materialize %s: %+v", a.Key(), err)
	}
	return result
}

// RunError is Run for an asset that must fail. It returns the error and fails the test when there is none.
func RunError(t testing.TB, a asset.Asset, inputs ...Fixture) error {
	t.Helper()
	result, err := run(t, a, inputs)
	if err == nil {
		t.Fatalf("materialize %s: it made %d rows, want an error", a.Key(), result.Rows)
	}
	return err
}

// Rows returns the rows of a result as structs, with the rules of an asset's inputs.
func Rows[T any](t testing.TB, result Result) []T {
	t.Helper()
	if result.File == "" {
		t.Fatal("read the rows: the asset hands over none")
	}
	rows, err := asset.ReadFile[T](result.File)
	if err != nil {
		t.Fatalf("read the rows: %v", err)
	}
	return rows
}

func run(t testing.TB, a asset.Asset, inputs []Fixture) (Result, error) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{}
	for i, in := range inputs {
		if _, twice := files[in.key]; twice {
			return Result{}, fmt.Errorf("there are two fixtures of %q", in.key)
		}
		path := filepath.Join(dir, fmt.Sprintf("input%d.arrow", i))
		if err := in.write(a, path); err != nil {
			return Result{}, fmt.Errorf("fixture of %q: %w", in.key, err)
		}
		files[in.key] = path
	}
	output := filepath.Join(dir, "output.arrow")
	outcome, err := a.Materialize(t.Context(), files, output)
	if err != nil {
		return Result{}, err
	}
	result := Result{Outcome: outcome, File: output}
	if outcome.NoData {
		result.File = ""
	}
	return result, nil
}

// write turns a fixture into an Arrow IPC file at path.
func (f Fixture) write(a asset.Asset, path string) error {
	file, ok := f.rows.(string)
	if !ok {
		_, err := asset.WriteFile(path, f.rows)
		return err
	}
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".arrow":
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o600)
	case ".csv":
		schema, _ := a.InputSchema(f.key)
		return convertCSV(file, path, schema)
	case ".parquet":
		return convertParquet(file, path)
	default:
		return fmt.Errorf("%q: a file is .arrow, .csv or .parquet", file)
	}
}
