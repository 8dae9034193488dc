package iomanager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
)

// What can be said and shown of data that is no table of ours: values that only the program that wrote them can read, and data that
// lies where somebody else put it.

// noTable is the error of what reads rows where there are none; Preview shows the facts instead.
type noTable struct {
	err   error
	note  string
	facts [][2]string
}

func (e *noTable) Error() string { return e.err.Error() }
func (e *noTable) Unwrap() error { return e.err }

// Facts returns a table of names and values, which stands for the rows of data that has none. note says why.
func Facts(note string, facts [][2]string, r PageRequest) page.Page {
	p := page.Page{
		Note: note, RowsTotal: int64(len(facts)), ColumnsTotal: 2, Offset: r.Offset,
		Columns: []page.Column{{Name: "metadata", Type: "utf8"}, {Name: "value", Type: "utf8"}},
	}
	begin := min(max(r.Offset, 0), int64(len(facts)))
	for _, f := range facts[begin:min(begin+max(r.Limit, 0), int64(len(facts)))] {
		p.Rows = append(p.Rows, []page.Cell{{Value: f[0]}, {Value: f[1]}})
	}
	return p
}

// MetadataFacts returns metadata in the order of its names.
func MetadataFacts(metadata map[string]string) [][2]string {
	var facts [][2]string
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		facts = append(facts, [2]string{name, metadata[name]})
	}
	return facts
}

// noRows returns the table that the metadata of a record name, or else a *noTable with all that is known of its data.
func (m *Manager) noRows(e *entry) (string, error) {
	facts := MetadataFacts(e.Metadata)
	if e.File == "" {
		if path := m.NamedTable(e.Metadata, e.Location); path != "" {
			return path, nil
		}
		return "", &noTable{
			err: diag.New("storage", "%s hands over no data: %w", e.Key, fs.ErrNotExist), note: "it hands over no data; this is its metadata", facts: facts,
		}
	}
	what := "an opaque file"
	if path, ok := m.st.Local(e.File); ok {
		if sniffed, err := m.tables.Sniff(path); err == nil {
			what = sniffed
		}
	}
	about := [][2]string{{"stored as", what}, {"bytes", fmt.Sprint(e.Bytes)}, {"file", m.CopyFile(e.Record)}}
	return "", &noTable{
		err:  diag.New("data", "the data of %s is no table: %s", e.Key, m.DataFile(e.Record)),
		note: "it is " + what + ", which only its own code can read", facts: append(about, facts...),
	}
}

// foreignRows returns the path of a table that something else made, or a *noTable with what is known of other data.
func (m *Manager) foreignRows(key graph.Key, path string) (string, error) {
	what, err := m.tables.Sniff(path)
	if err != nil || what == "parquet" {
		return path, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return "", &noTable{
		err: diag.New("data", "the data of %s is no table: it is %s at %s", key, what, path), note: "something else than assetdev made it, and it is " + what,
		facts: [][2]string{{"stored as", what}, {"bytes", fmt.Sprint(info.Size())}, {"file", path}, {"modified", info.ModTime().Format(time.RFC3339)}},
	}
}

// NamedTable returns the path of a Parquet file that metadata of an asset name, "" when they name none that can be read. Metadata whose
// names say that they are a path go first.
func (m *Manager) NamedTable(metadata map[string]string, location string) string {
	names := slices.SortedFunc(maps.Keys(metadata), func(a, b string) int {
		rank := func(name string) int {
			for i, word := range []string{"path", "uri", "url", "file"} {
				if strings.HasSuffix(strings.ToLower(name), word) {
					return i
				}
			}
			return 9
		}
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		path := metadata[name]
		if u, err := url.Parse(path); err == nil && u.Scheme == "file" {
			path = u.Path
		}
		if path == "" || len(path) > 4096 || strings.ContainsAny(path, "\n\x00") {
			continue
		}
		if rest, ok := strings.CutPrefix(path, "~/"); ok {
			if home, err := os.UserHomeDir(); err == nil {
				path = filepath.Join(home, rest)
			}
		}
		if !filepath.IsAbs(path) {
			if m.cfg.WorkingDir == nil {
				continue
			}
			path = filepath.Join(m.cfg.WorkingDir(location), path)
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if what, err := m.tables.Sniff(path); err == nil && what == "parquet" {
			return path
		}
	}
	return ""
}

// PreviewFile reads rows of a Parquet file outside the storage.
func (m *Manager) PreviewFile(ctx context.Context, path string, r PageRequest) (page.Page, error) {
	return m.tables.Page(ctx, path, r)
}

// FileVersion returns a data version of a file outside the storage, from its bytes. They are read again only when its stat key changed. The
// error wraps fs.ErrNotExist when there is no such regular file.
func (m *Manager) FileVersion(ctx context.Context, path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", fmt.Errorf("%s is no file: %w", path, fs.ErrNotExist)
	}
	name := "sum-" + hashText(path, fmt.Sprint(st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino, st.Dev))
	sum := func() (string, error) {
		in, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer in.Close()
		return sumOf(ctx, in)
	}
	if time.Since(time.Unix(0, max(st.Mtim.Nano(), st.Ctim.Nano()))) < racy {
		text, err := sum() // it may still be written: nothing is kept
		if err != nil {
			return "", err
		}
		return opaqueVersion(text), nil
	}
	kept, err := m.cache.get(name, func(temp string) error {
		text, err := sum()
		if err != nil {
			return err
		}
		return os.WriteFile(temp, []byte(text), 0o600)
	})
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(kept)
	if err == nil && !strings.HasPrefix(string(text), "b3:") || err == nil && len(text) < len("b3:")+32 {
		err = errors.Join(fmt.Errorf("%s is damaged", kept), removed(kept))
	}
	if err != nil {
		return "", err
	}
	return opaqueVersion(string(text)), nil
}
