package table

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/printable"
)

// Texts about a file are printed beside its name, so that they do not repeat it.

// damaged says that the file breaks the rules of its format.
func damaged(format string, args ...any) error {
	return diag.New("data", "damaged: "+format, args...)
}

// truncated says that the end of the file is missing.
func truncated(format string, args ...any) error {
	return diag.New("data", "file is truncated: "+format, args...)
}

// unsupported says that the file is well but nothing for assetdev.
func unsupported(format string, args ...any) error { return diag.New("data", format, args...) }

// tooBig is what a limited allocator panics with.
type tooBig struct{ size int }

// maxAllocation is the largest single allocation that a file may cause. The largest honest ones are pages: a row group of
// 12 million rows written by DuckDB has pages of 96 MB.
const maxAllocation = 512 << 20

// A limited allocator refuses what only a damaged file asks for.
type limited struct{ memory.GoAllocator }

// Allocate returns size bytes, or panics with tooBig.
func (l *limited) Allocate(size int) []byte {
	if size < 0 || size > maxAllocation {
		panic(tooBig{size})
	}
	return l.GoAllocator.Allocate(size)
}

// Reallocate returns b with size bytes, or panics with tooBig.
func (l *limited) Reallocate(size int, b []byte) []byte {
	if size < 0 || size > maxAllocation {
		panic(tooBig{size})
	}
	return l.GoAllocator.Reallocate(size, b)
}

// guard calls f and turns a panic of the libraries, which they use for damaged files, into an error. Panics in goroutines of
// theirs end the process all the same.
func guard(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case tooBig:
			err = damaged("one part of it claims to need %d MiB of memory", p.size>>20)
		case runtime.Error:
			err = damaged("its contents contradict each other (%s)", short(strings.TrimPrefix(p.Error(), "runtime error: ")))
		default:
			err = damaged("%s", short(fmt.Sprint(p)))
		}
	}()
	return f()
}

// library returns an error of the libraries as one about the file.
func library(err error) error {
	if finding := (*diag.Error)(nil); err == nil || errors.As(err, &finding) {
		return err
	}
	return damaged("%s", short(err.Error()))
}

// short returns a text of a library as part of an error line.
func short(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(text), "parquet: "), "arrow/ipc: ")
	if line, _, more := strings.Cut(text, "\n"); more {
		text = line
	}
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return printable.Line(text)
}
