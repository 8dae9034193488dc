package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Words of Sniff that callers act on.
const (
	SniffParquet = Parquet
	SniffArrow   = Arrow
)

// magic are the first bytes of formats that people put where a table is expected.
var magic = []struct{ head, what string }{
	{"PAR1", SniffParquet},
	{"PARE", "an encrypted Parquet file"},
	{"ARROW1", SniffArrow},
	{"\xff\xff\xff\xff", SniffArrow}, // a stream
	{"FEA1", "a Feather file of version 1"},
	{"\x1f\x8b", "a gzip file"},
	{"PK\x03\x04", "a zip file"},
	{"PK\x05\x06", "a zip file"},
	{"\x28\xb5\x2f\xfd", "a zstd file"},
	{"BZh", "a bzip2 file"},
	{"\xfd7zXZ\x00", "an xz file"},
	{"ORC", "an ORC file"},
	{"Obj\x01", "an Avro file"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{"\x93NUMPY", "a NumPy file"},
}

// Sniff says by its first bytes what a file is: [SniffParquet], [SniffArrow], or with an article, as it stands in a message,
// "a pickle (protocol 4)", "a Python value (pandas.Series)", "an empty file", "a CSV or text file", "a JSON file", "a gzip file", "a folder", …, "unknown data". It
// starts no child and trusts nothing. The error is that of opening or reading the file.
func Sniff(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("look at %q: %w", path, err)
	}
	switch {
	case info.IsDir():
		return "a folder", nil
	case !info.Mode().IsRegular():
		return "no regular file", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("look at %q: %w", path, err)
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("look at %q: %w", path, err)
	}
	return sniff(head[:n]), nil
}

func sniff(head []byte) string {
	if len(head) == 0 {
		return "an empty file"
	}
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.head)) {
			return m.what
		}
	}
	if rest, ok := bytes.CutPrefix(head, []byte("assetdev opaque 1\n")); ok {
		return opaque(rest)
	}
	switch {
	case len(head) >= 12 && string(head[8:12]) == "DUCK":
		return "a DuckDB database"
	case len(head) >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5:
		return fmt.Sprintf("a pickle (protocol %d)", head[1])
	case isText(head):
		switch first := bytes.TrimLeft(head, " \t\r\n\ufeff"); {
		case len(first) > 0 && (first[0] == '{' || first[0] == '['):
			return "a JSON file"
		case bytes.HasPrefix(first, []byte("version https://git-lfs.github.com/spec/")):
			return "a Git LFS pointer (its data was not fetched)"
		}
		return "a CSV or text file"
	}
	return "unknown data"
}

// opaque names the value in a file that a Python code location wrote, by the line of JSON that opens it.
func opaque(head []byte) string {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	var about struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(line, &about) != nil || !typeName.MatchString(about.Type) {
		return "a Python value"
	}
	return "a Python value (" + strings.TrimPrefix(about.Type, "builtins.") + ")"
}

var typeName = regexp.MustCompile(`^[A-Za-z_][\w.<>]{0,120}$`)

// isText reports whether the head of a file is UTF-8 without controls that no text has. Its last rune may be cut.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		switch {
		case r == utf8.RuneError && size == 1:
			return !utf8.FullRune(head)
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != 0x1b, r == 0x7f:
			return false
		}
		head = head[size:]
	}
	return true
}
