package iomanager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/page"
	"github.com/assetdev/assetdev/iomanager/store"
)

// plain are Tables for which a table is a text file of lines: "Parquet" is the lines behind a first line that names the writer,
// which does not count for the data version.
type plain struct{}

const parquetHead = "plain parquet by "

func (plain) Convert(_ context.Context, in, format, out string, _ bool) (Table, error) {
	data, err := os.ReadFile(in)
	if err != nil {
		return Table{}, err
	}
	if format == FormatArrow || !bytes.HasPrefix(data, []byte(parquetHead)) {
		data = append([]byte(parquetHead+"us\n"), data...)
	}
	if err := os.WriteFile(out, data, 0o600); err != nil {
		return Table{}, err
	}
	return described1(data)
}

func described1(data []byte) (Table, error) {
	_, rows, ok := bytes.Cut(data, []byte("\n"))
	if !ok || !bytes.HasPrefix(data, []byte(parquetHead)) {
		return Table{}, errors.New("no table")
	}
	return Table{
		Rows: int64(bytes.Count(rows, []byte("\n"))), Bytes: int64(len(data)), DataVersion: "plain:" + hashText(string(rows)),
		Columns: []page.Column{{Name: "line", Type: "utf8"}},
	}, nil
}

func (plain) Describe(_ context.Context, file string, _ bool) (Table, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Table{}, err
	}
	return described1(data)
}

func (plain) ToArrow(_ context.Context, file, out string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(out, append([]byte("arrow\n"), data...), 0o600)
}

func (plain) Page(_ context.Context, file string, r PageRequest) (page.Page, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return page.Page{}, err
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")[1:]
	p := page.Page{RowsTotal: int64(len(lines)), Offset: r.Offset}
	for _, line := range lines[min(r.Offset, int64(len(lines))):min(r.Offset+r.Limit, int64(len(lines)))] {
		p.Rows = append(p.Rows, []page.Cell{{Value: line}})
	}
	return p, nil
}

func (plain) Stats(context.Context, string, string) (page.Stats, error) { return page.Stats{}, nil }

func (p plain) Sort(ctx context.Context, file string, r SortRequest) (page.Page, error) {
	return p.Page(ctx, file, PageRequest{Limit: r.Limit})
}

func (plain) Sniff(file string) (string, error) {
	data, err := os.ReadFile(file)
	switch {
	case err != nil:
		return "", err
	case bytes.HasPrefix(data, []byte(parquetHead)):
		return "parquet", nil
	case len(data) == 0:
		return "an empty file", nil
	}
	return "a pickle", nil
}

// A bench is a Manager on a folder with what tests do to it.
type bench struct {
	*Manager
	t    *testing.T
	runs int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	return openBench(t, Config{BaseDir: filepath.Join(dir, "assets"), StateDir: filepath.Join(dir, "state"), Tables: plain{}})
}

func openBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	m, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{Manager: m, t: t}
}

// reopen is the same storage in another process, without what the index learned when fresh is true.
func (b *bench) reopen(fresh bool) *bench {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Fatal(err)
	}
	cfg := b.cfg
	if fresh {
		cfg.StateDir = filepath.Join(b.t.TempDir(), "state")
	}
	next := openBench(b.t, cfg)
	next.runs = b.runs
	return next
}

func (b *bench) draft(key, text string) Draft {
	b.t.Helper()
	b.runs++
	out := filepath.Join(b.t.TempDir(), "out")
	if err := os.WriteFile(out, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	latest, err := b.Latest(b.t.Context(), named(key))
	if err != nil {
		b.t.Fatal(err)
	}
	d := Draft{Record: record(key, fmt.Sprintf("r%d", b.runs)), Output: out, Format: FormatArrow}
	if latest != nil {
		d.BaseSeq = latest.Seq
	}
	return d
}

// named reads the key of an asset or a partition.
func named(text string) (key graph.Key) {
	if err := key.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return key
}

func record(key, run string) graph.Record {
	return graph.Record{
		Key: named(key), Run: run, Attempt: 1, Location: "here", At: time.Date(2026, 9, 26, 10, 0, 0, 0, time.UTC), Took: 1500 * time.Millisecond,
		Code: graph.Code{Version: "go1:abc"}, Inputs: map[graph.Key]string{graph.MustKey("up"): "v1"}, By: "ada",
	}
}

func (b *bench) commit(d Draft, want Outcome) graph.Record {
	b.t.Helper()
	r, outcome, err := b.Commit(b.t.Context(), d)
	if err != nil || outcome != want {
		b.t.Fatalf("commit of %s: got outcome %d, %v; want %d", d.Record.Key, outcome, err, want)
	}
	return r
}

func (b *bench) write(key, text string) graph.Record {
	b.t.Helper()
	return b.commit(b.draft(key, text), Succeeded)
}

func (b *bench) stored(key string) graph.Stored {
	b.t.Helper()
	found, err := b.Stored(b.t.Context(), []graph.Key{named(key)})
	if err != nil {
		b.t.Fatal(err)
	}
	return found[named(key)]
}

func (b *bench) wantState(key string, want graph.DataState, text string) graph.Stored {
	b.t.Helper()
	s := b.stored(key)
	if s.Data != want || !strings.Contains(s.Text, text) || text == "" && s.Text != "" {
		b.t.Errorf("%s: got state %d, %q; want %d, %q", key, s.Data, s.Text, want, text)
	}
	return s
}

// file is a path below the base folder.
func (b *bench) file(name string) string { return filepath.Join(b.cfg.BaseDir, name) }

func (b *bench) wantCopy(name, rows string) {
	b.t.Helper()
	data, err := os.ReadFile(b.file(name))
	if want := parquetHead + "us\n" + rows; err != nil || string(data) != want {
		b.t.Errorf("%s: got %q, %v; want %q", name, data, err, want)
	}
}

func (b *bench) overwrite(name, text string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.file(name)), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.file(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) remove(name string) {
	b.t.Helper()
	if err := os.RemoveAll(b.file(name)); err != nil {
		b.t.Fatal(err)
	}
}

// sound checks that Fsck finds no error.
func (b *bench) sound() {
	b.t.Helper()
	found, err := b.Fsck(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range found {
		if f.State == FindingError {
			b.t.Errorf("fsck: %s %s: %s", f.Check, f.File, f.Text)
		}
	}
}

func TestCommit(t *testing.T) {
	b := newBench(t)
	b.wantState("a/b", graph.DataAbsent, "")
	r := b.write("a/b", "one\ntwo\n")
	want := record("a/b", "r1")
	want.Seq, want.Rows, want.Bytes, want.File = 1, 2, int64(len(parquetHead)+11), ".assetdev/data/a%2Fb/r1-1.parquet"
	want.DataVersion, want.Columns = "plain:"+hashText("one\ntwo\n"), []graph.Column{{Name: "line", Type: "utf8"}}
	compare := func(got graph.Record) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(graph.Key{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("record: -want +got\n%s", diff)
		}
	}
	compare(r)
	b.wantCopy("a/b.parquet", "one\ntwo\n")
	for range 2 {
		compare(*b.wantState("a/b", graph.DataPresent, "").Record)
		b = b.reopen(false)
	}
	compare(*b.reopen(true).wantState("a/b", graph.DataPresent, "").Record)
	info, err := os.Stat(b.DataFile(r))
	if err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("version: got %v, %v; want mode 0444", info, err)
	}
	if got := b.CopyFile(r); got != b.Path(r.Key) || got != b.file("a/b.parquet") {
		t.Errorf("copy: got %q and %q, want %q", got, b.Path(r.Key), b.file("a/b.parquet"))
	}
	// A key with its location is the same data.
	if latest, err := b.Latest(t.Context(), graph.MustKey("here::a/b")); err != nil || latest.Seq != 1 {
		t.Errorf("qualified key: got %v, %v", latest, err)
	}
	b.sound()
}

func TestUnchanged(t *testing.T) {
	b := newBench(t)
	first := b.write("a", "x\n")
	before, err := os.Stat(b.file("a.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	d := b.draft("a", "x\n")
	d.Record.Code.Version = "go1:other"
	second := b.commit(d, Unchanged)
	if second.Seq != 2 || second.File != first.File || second.Code.Version != "go1:other" || second.DataVersion != first.DataVersion || second.Bytes != first.Bytes {
		t.Errorf("got %+v, want number 2 with the data of %+v and the new code version", second, first)
	}
	after, err := os.Stat(b.file("a.parquet"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the copy was written again: %v", err)
	}
	if files, err := os.ReadDir(b.file(".assetdev/data/a")); err != nil || len(files) != 1 {
		t.Errorf("got %v, %v; want one version", files, err)
	}
	if versions, err := b.Versions(t.Context(), graph.MustKey("a")); err != nil || len(versions) != 1 || versions[0].Seq != 2 {
		t.Errorf("got %v, %v; want one version, with the newest record", versions, err)
	}
	// When the data is gone the new file is the data, and it is still unchanged.
	b.remove(".assetdev/data/a")
	third := b.commit(b.draft("a", "x\n"), Unchanged)
	if third.File == first.File {
		t.Errorf("the record points at data that is gone: %s", third.File)
	}
	b.sound()
}

func TestSuperseded(t *testing.T) {
	b := newBench(t)
	late := b.draft("a", "late\n")
	winner := b.write("a", "early\n")
	if got := b.commit(late, Superseded); got.Run != winner.Run {
		t.Errorf("got the record of run %s, want the winner's, %s", got.Run, winner.Run)
	}
	// Asked again, the winner learns that it has won, also after others went on.
	again := Draft{Record: record("a", winner.Run), Output: late.Output, Format: FormatArrow}
	if got := b.commit(again, Succeeded); got.Seq != 1 {
		t.Errorf("got number %d, want 1", got.Seq)
	}
	b.write("a", "later\n")
	if got := b.commit(again, Succeeded); got.Seq != 1 {
		t.Errorf("got number %d, want 1", got.Seq)
	}
	b.wantCopy("a.parquet", "later\n")
	if files, err := os.ReadDir(b.file(".assetdev/data/a")); err != nil || len(files) != 2 {
		t.Errorf("got %v, %v; want two versions and nothing of the loser", files, err)
	}
	b.sound()
}

func TestNoDataAndAuthorVersion(t *testing.T) {
	b := newBench(t)
	none := b.draft("none", "")
	none.Format, none.Output = FormatNone, ""
	r := b.commit(none, Succeeded)
	if r.File != "" || r.DataVersion != r.Run {
		t.Errorf("got %+v, want no file and the run as data version", r)
	}
	b.wantState("none", graph.DataPresent, "")
	b = b.reopen(false)
	b.wantState("none", graph.DataPresent, "")
	b.wantState("none", graph.DataPresent, "")

	author := func(version, text string, want Outcome) graph.Record {
		d := b.draft("author", text)
		d.AuthorDataVersion = version
		return b.commit(d, want)
	}
	first := author("v1", "x\n", Succeeded)
	if got := author("v1", "y\n", Unchanged); got.File != first.File || got.DataVersion != "v1" {
		t.Errorf("got %+v, want the data of %+v: the author says that it is the same", got, first)
	}
	author("v2", "y\n", Succeeded)
	b.wantCopy("author.parquet", "y\n")
	// The same rows by another writer are the same data, whatever the author calls it.
	b.overwrite("author.parquet", parquetHead+"them\ny\n")
	b.wantState("author", graph.DataPresent, "")
	b.sound()
}

// TestPreviewOfNoData: the metadata, or the Parquet file that they name.
func TestPreviewOfNoData(t *testing.T) {
	b := newBench(t)
	b.cfg.WorkingDir = func(string) string { return t.TempDir() }
	commit := func(metadata map[string]string) page.Page {
		t.Helper()
		d := b.draft("none", "")
		d.Format, d.Output, d.Record.Metadata = FormatNone, "", metadata
		b.commit(d, Succeeded)
		p, err := b.Preview(t.Context(), graph.MustKey("none"), "", PageRequest{Offset: 1, Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := commit(map[string]string{"rows": "3", "path": "gone.parquet", "a": "/etc/hostname"})
	if p.Note == "" || p.RowsTotal != 3 || len(p.Rows) != 2 || p.Rows[0][0].Value != "path" || p.Rows[1][1].Value != "3" {
		t.Errorf("got %+v, want the metadata", p)
	}
	table := filepath.Join(t.TempDir(), "elsewhere.parquet")
	if err := os.WriteFile(table, []byte(parquetHead+"x\ny\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.cfg.WorkingDir = func(string) string { return filepath.Dir(table) }
	for _, path := range []string{table, "file://" + table, "elsewhere.parquet"} {
		if p := commit(map[string]string{"path": path, "rows": "3"}); p.Note != "" || p.RowsTotal != 1 {
			t.Errorf("%s: got %+v, want its rows", path, p)
		}
	}
}

func TestFileVersion(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "model")
	write := func(text string, at time.Time) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		version, err := b.FileVersion(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return version
	}
	now := time.Now()
	one, two := write("one", now), write("two", now)
	if one == two || !strings.HasPrefix(one, "bytes1:") || write("one", now) != one {
		t.Errorf("got %s and %s, want a version for each content", one, two)
	}
	if _, err := b.FileVersion(t.Context(), filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a folder: got %v", err)
	}
}

func TestOpaque(t *testing.T) {
	b := newBench(t)
	opaque := func(text, suffix string, want Outcome) graph.Record {
		d := b.draft("m", text)
		d.Format, d.Suffix = FormatOpaque, suffix
		return b.commit(d, want)
	}
	r := opaque("model", "", Succeeded)
	if r.Rows != -1 || !strings.HasPrefix(r.DataVersion, "bytes1:") || b.CopyFile(r) != b.file("m.bin") {
		t.Errorf("got %+v at %s", r, b.CopyFile(r))
	}
	b.wantState("m", graph.DataPresent, "")
	opaque("model", "", Unchanged)
	opaque("another", ".joblib", Succeeded)
	if _, err := os.Stat(b.file("m.bin")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy of the earlier data is still there: %v", err)
	}
	b.overwrite("m.joblib", "something else")
	b.wantState("m", graph.DataChanged, "written by something else")
	p, err := b.Preview(t.Context(), graph.MustKey("m"), "", PageRequest{Limit: 2})
	if err != nil || p.Note == "" || p.RowsTotal != 3 || len(p.Rows) != 2 || p.Rows[1][0].Value != "bytes" || p.Rows[1][1].Value != "7" {
		t.Errorf("preview: got %+v, %v; want what is known of it", p, err)
	}
	if _, err := b.Stats(t.Context(), graph.MustKey("m"), "", "x"); err == nil || !strings.Contains(err.Error(), "no table") {
		t.Errorf("statistics: got %v, want an error", err)
	}
	b.write("m", "a table now\n")
	b.overwrite("m.joblib", "theirs") // not ours: it stays
	b.write("m", "and again\n")
	if data, _ := os.ReadFile(b.file("m.joblib")); string(data) != "theirs" {
		t.Errorf("somebody else's file: got %q", data)
	}
	b.sound()
}

func TestStates(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		t.Run(fmt.Sprint("index lost=", fresh), func(t *testing.T) {
			b := newBench(t)
			b.write("a", "one\n")
			r := b.write("a", "two\n")
			next := func() { b.wantState("a", b.stored("a").Data, b.stored("a").Text); b = b.reopen(fresh) }
			b.wantState("a", graph.DataPresent, "")
			next()

			b.remove("a.parquet")
			b.wantState("a", graph.DataMissing, "")
			next()
			b.wantState("a", graph.DataMissing, "")

			b.overwrite("a.parquet", parquetHead+"them\nother\n")
			b.wantState("a", graph.DataChanged, "a.parquet was written by something else")
			next()
			b.overwrite("a.parquet", "(pickle)")
			b.wantState("a", graph.DataChanged, "it is now a pickle")
			next()

			b.overwrite("a.parquet", parquetHead+"them\ntwo\n") // the same rows
			b.wantState("a", graph.DataPresent, "")
			next()

			b.overwrite("a.parquet", parquetHead+"us\none\n") // as after a crash between record and copy
			b.wantState("a", graph.DataPresent, "")
			b.wantCopy("a.parquet", "two\n")
			next()

			b.remove(r.File) // the version comes back from the copy
			b.wantState("a", graph.DataPresent, "")
			b.sound()
			next()

			if err := os.Chmod(b.file(r.File), 0o600); err != nil {
				t.Fatal(err)
			}
			if !fresh {
				b.overwrite(r.File, parquetHead+"us\ntwO\n") // of the same size
				b.wantState("a", graph.DataPresent, "")
				b.sound()
			}
			b.overwrite(r.File, "short")
			b.wantState("a", graph.DataPresent, "")
			b.sound()

			b.remove(r.File)
			b.remove("a.parquet")
			b.wantState("a", graph.DataMissing, "gone as well")
			next()
			b.remove(".assetdev")
			b.wantState("a", graph.DataAbsent, "")
		})
	}
}

func TestReadOnly(t *testing.T) {
	b := newBench(t)
	b.write("a", "one\n")
	r := b.write("a", "two\n")
	b.overwrite("a.parquet", parquetHead+"us\none\n")
	cfg := b.cfg
	cfg.ReadOnly = true
	ro := openBench(t, cfg)
	ro.wantState("a", graph.DataPresent, "holds an earlier version")
	ro.wantCopy("a.parquet", "one\n")
	if _, _, err := ro.Commit(t.Context(), b.draft("a", "three\n")); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("commit: got %v, want a refusal", err)
	}
	if _, _, err := ro.Restore(t.Context(), r.Key, r, r); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("restore: got %v, want a refusal", err)
	}
}

func TestForeign(t *testing.T) {
	b := newBench(t)
	b.overwrite("d/a.parquet", parquetHead+"them\nx\n")
	b.overwrite("d/a", "(pickle)")
	b.overwrite("d/p", "(pickle)")
	b.overwrite("d/e.csv", "")
	b.overwrite("d/q.r", "(pickle)")
	b.overwrite("d/s.t.parquet", parquetHead+"them\n")
	b.overwrite("d/w.what?", "x")
	if err := os.MkdirAll(b.file("d/dir.parquet"), 0o700); err != nil {
		t.Fatal(err)
	}
	keys := []graph.Key{}
	for _, key := range []string{"d/a", "d/p", "d/e", "d/q", "d/q.r", "d/s", "d/s.t", "d/w", "d/dir", "d", "none/at/all"} {
		keys = append(keys, graph.MustKey(key))
	}
	want := map[string]string{
		"d/a": "a Parquet file at " + b.file("d/a.parquet"), "d/p": "a pickle at " + b.file("d/p"), "d/e": "an empty file at " + b.file("d/e.csv"),
		"d/q.r": "a pickle at " + b.file("d/q.r"), "d/s.t": "a Parquet file at " + b.file("d/s.t.parquet"),
	}
	for range 2 {
		for range 2 {
			found, err := b.Stored(t.Context(), keys)
			if err != nil {
				t.Fatal(err)
			}
			for key, s := range found {
				text, foreign := want[key.String()]
				state := graph.DataAbsent
				if foreign {
					state = graph.DataForeign
				}
				if s.Data != state || s.Text != text || s.Record != nil || s.Version != "" {
					t.Errorf("%s: got %d, %q; want %d, %q", key, s.Data, s.Text, state, text)
				}
			}
		}
		b = b.reopen(false)
	}

	// A view hashes it, and from then on its version is known, until it changes.
	view, err := b.View(t.Context(), filepath.Join(t.TempDir(), "view"), []Pinned{{Key: keys[0]}, {Key: graph.MustKey("d")}}, true)
	if err != nil {
		t.Fatal(err)
	}
	version := "plain:" + hashText("x\n")
	if view[0].DataVersion != version || view[0].Parquet == "" || view[0].Arrow == "" || view[1].File != "" {
		t.Errorf("view: got %+v", view)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(b.file("d/a.parquet"), old, old); err != nil {
		t.Fatal(err)
	}
	if page, err := b.Preview(t.Context(), keys[0], "", PageRequest{Limit: 5}); err != nil || page.Rows[0][0].Value != "x" {
		t.Errorf("preview: got %v, %v", page, err)
	}

	adopted, err := b.Adopt(t.Context(), keys[0], record("d/a", "adopt"))
	if err != nil || !adopted.Adopted || adopted.DataVersion != version || adopted.Rows != 1 || adopted.Seq != 1 {
		t.Fatalf("adopt: got %+v, %v", adopted, err)
	}
	b.wantState("d/a", graph.DataPresent, "")
	if adopted, err = b.Adopt(t.Context(), keys[1], record("d/p", "adopt")); err != nil || adopted.Rows != -1 || b.CopyFile(adopted) != b.file("d/p") {
		t.Errorf("adopt of a pickle: got %+v, %v", adopted, err)
	}
	b.wantState("d/p", graph.DataPresent, "")
	b.overwrite("d/p", "another pickle")
	b.wantState("d/p", graph.DataChanged, "written by something else")
	if _, err = b.Adopt(t.Context(), keys[1], record("d/p", "adopt2")); err != nil {
		t.Errorf("adopt of what changed: %v", err)
	}
	b.wantState("d/p", graph.DataPresent, "")
	if _, err = b.Adopt(t.Context(), graph.MustKey("none"), record("none", "adopt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("adopt of nothing: got %v, want one that wraps fs.ErrNotExist", err)
	}
	b.sound()
}

// The version of foreign data is known to Stored as soon as its stamp is settled.
func TestForeignVersionIsKept(t *testing.T) {
	b := newBench(t)
	key := graph.MustKey("a")
	b.overwrite("a.parquet", parquetHead+"them\nx\n")
	if _, err := b.View(t.Context(), t.TempDir(), []Pinned{{Key: key}}, false); err != nil {
		t.Fatal(err)
	}
	k := b.index.known[key]
	k.dataSeen += int64(time.Hour) // as if it had been looked at an hour later
	if s := b.stored("a"); s.Version != "plain:"+hashText("x\n") {
		t.Errorf("got version %q", s.Version)
	}
	b = b.reopen(false)
	if s := b.stored("a"); s.Version != "plain:"+hashText("x\n") {
		t.Errorf("after reopening: got version %q", s.Version)
	}
	b.overwrite("a.parquet", parquetHead+"them\ny\n")
	if s := b.stored("a"); s.Version != "" || s.Data != graph.DataForeign {
		t.Errorf("after a change: got version %q, state %d; want none", s.Version, s.Data)
	}
}

func TestRestore(t *testing.T) {
	b := newBench(t)
	key := graph.MustKey("a")
	one := b.write("a", "one\n")

	// Deleted: the same record, nothing new in the log.
	b.remove("a.parquet")
	got, outcome, err := b.Restore(t.Context(), key, one, record("a", "again"))
	if err != nil || outcome != Unchanged || got.Seq != 1 {
		t.Fatalf("got number %d, outcome %d, %v; want the same record, unchanged", got.Seq, outcome, err)
	}
	b.wantCopy("a.parquet", "one\n")

	// Reverted code: the earlier version is found and put back.
	d := b.draft("a", "two\n")
	d.Record.Code.Version = "go1:two"
	b.commit(d, Succeeded)
	found, err := b.FindVersion(t.Context(), key, "go1:abc", one.Inputs)
	if err != nil || found == nil || found.Seq != 1 {
		t.Fatalf("got %v, %v; want number 1", found, err)
	}
	got, outcome, err = b.Restore(t.Context(), key, *found, record("a", "revert"))
	if err != nil || outcome != Succeeded || got.Seq != 3 || got.DataVersion != one.DataVersion || got.Run != "revert" || got.Code.Version != "go1:abc" {
		t.Fatalf("got %+v, outcome %d, %v; want number 3 with the data of number 1", got, outcome, err)
	}
	b.wantCopy("a.parquet", "one\n")
	b.wantState("a", graph.DataPresent, "")

	// The data of the newest record with new code: a new record, no new file.
	update := record("a", "code")
	update.Code.Version = "go1:three"
	got, outcome, err = b.Restore(t.Context(), graph.MustKey("north::a"), got, update) // a location in front is no part of a name
	if err != nil || outcome != Unchanged || got.Seq != 4 || got.Code.Version != "go1:three" {
		t.Fatalf("got %+v, outcome %d, %v; want number 4, unchanged", got, outcome, err)
	}

	for _, none := range []struct {
		code   string
		inputs map[graph.Key]string
	}{{"", one.Inputs}, {"go1:never", one.Inputs}, {"go1:abc", nil}, {"go1:abc", map[graph.Key]string{graph.MustKey("up"): "v2"}}} {
		if found, err := b.FindVersion(t.Context(), key, none.code, none.inputs); found != nil || err != nil {
			t.Errorf("FindVersion(%q, %v): got %v, %v; want none", none.code, none.inputs, found, err)
		}
	}

	// A damaged version is not put back.
	two, err := b.FindVersion(t.Context(), key, "go1:two", one.Inputs)
	if err != nil || two == nil {
		t.Fatal(two, err)
	}
	if err := os.Chmod(b.DataFile(*two), 0o600); err != nil {
		t.Fatal(err)
	}
	b.overwrite(two.File, parquetHead+"us\ntwO\n")
	if _, _, err := b.Restore(t.Context(), key, *two, record("a", "damaged")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("damaged version: got %v, want one that wraps fs.ErrNotExist", err)
	}
	b.wantCopy("a.parquet", "one\n")
}

func TestFindVersionSkipsWhatChanged(t *testing.T) {
	b := newBench(t)
	d := b.draft("a", "x\n")
	d.Record.Changed = []string{"code"}
	r := b.commit(d, Succeeded)
	if found, err := b.FindVersion(t.Context(), r.Key, r.Code.Version, r.Inputs); found != nil || err != nil {
		t.Errorf("got %v, %v; want none: something changed while it was made", found, err)
	}
}

func TestPreviewVersions(t *testing.T) {
	b := newBench(t)
	key := graph.MustKey("a")
	one, two := b.write("a", "one\n"), b.write("a", "two\n2\n")
	for version, want := range map[string]string{
		"": "two", VersionName(one): "one", VersionName(two): "two", "1": "one", "2": "two", one.Run: "one", two.DataVersion: "two", one.DataVersion[:12]: "one",
	} {
		p, err := b.Preview(t.Context(), key, version, PageRequest{Limit: 1})
		if err != nil || len(p.Rows) != 1 || p.Rows[0][0].Value != want {
			t.Errorf("version %q: got %v, %v; want %s", version, p.Rows, err, want)
		}
	}
	for _, version := range []string{"3", "plain", "r"} {
		if _, err := b.Preview(t.Context(), key, version, PageRequest{Limit: 1}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no version") {
			t.Errorf("version %q: got %v, want one that wraps fs.ErrNotExist", version, err)
		}
	}
	if _, err := b.Preview(t.Context(), graph.MustKey("none"), "", PageRequest{Limit: 1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no data: got %v, want one that wraps fs.ErrNotExist", err)
	}
}

func TestView(t *testing.T) {
	b := newBench(t)
	r := b.write("a/b", "one\n")
	none := b.draft("n", "")
	none.Format, none.Output = FormatNone, ""
	nothing := b.commit(none, Succeeded)
	model := b.draft("m", "model")
	model.Format = FormatOpaque
	opaque := b.commit(model, Succeeded)
	dir := filepath.Join(t.TempDir(), "view")
	pinned := []Pinned{{Key: r.Key, Record: &r}, {Key: nothing.Key, Record: &nothing}, {Key: opaque.Key, Record: &opaque}, {Key: graph.MustKey("absent")}}
	b.write("a/b", "two\n") // the pinned version stays the pinned version
	got, err := b.View(t.Context(), dir, pinned, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []Input{
		{Key: r.Key, File: dir + "/a/b.parquet", Parquet: dir + "/a/b.parquet", Arrow: dir + "/a/b.arrow", DataVersion: r.DataVersion},
		{Key: nothing.Key, DataVersion: nothing.DataVersion},
		{Key: opaque.Key, File: dir + "/m.bin", DataVersion: opaque.DataVersion},
		{Key: graph.MustKey("absent")},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(graph.Key{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for name, want := range map[string]string{"a/b.parquet": parquetHead + "us\none\n", "a/b.arrow": "arrow\n" + parquetHead + "us\none\n", "m.bin": "model"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(data) != want {
			t.Errorf("%s: got %q, %v; want %q", name, data, err, want)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%s can be written: %v, %v", name, info, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(b.cfg.StateDir, "cache"))
	if err != nil || len(entries) != 1 {
		t.Errorf("cache: got %v, %v; want one Arrow file", entries, err)
	}
	// Data that is gone for good.
	b.remove(r.File)
	if _, err := b.View(t.Context(), filepath.Join(t.TempDir(), "view"), pinned[:1], false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("data gone: got %v, want one that wraps fs.ErrNotExist", err)
	}
}

// A view is made while the only sound data is the copy.
func TestViewHeals(t *testing.T) {
	b := newBench(t)
	r := b.write("a", "one\n")
	b.remove(r.File)
	if _, err := b.View(t.Context(), filepath.Join(t.TempDir(), "view"), []Pinned{{Key: r.Key, Record: &r}}, false); err != nil {
		t.Fatal(err)
	}
	b.sound()
}

func TestCacheEvicts(t *testing.T) {
	c := &cache{dir: filepath.Join(t.TempDir(), "cache"), limit: 25}
	made := 0
	get := func(name string) {
		t.Helper()
		path, err := c.get(name, func(temp string) error {
			made++
			return os.WriteFile(temp, []byte("0123456789"), 0o600)
		})
		if err != nil || filepath.Base(path) != name {
			t.Fatal(path, err)
		}
	}
	age := func(name string, by time.Duration) {
		at := time.Now().Add(-by)
		if err := os.Chtimes(filepath.Join(c.dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	get("a")
	get("b")
	get("a")
	if made != 2 {
		t.Errorf("made %d files, want 2", made)
	}
	get("c") // all are in use: nothing goes, although it is too much
	if entries, _ := os.ReadDir(c.dir); len(entries) != 3 {
		t.Errorf("got %v, want a, b and c", entries)
	}
	age("a", 3*time.Hour)
	age("b", 2*time.Hour)
	get("d")
	entries, err := os.ReadDir(c.dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "c" || entries[1].Name() != "d" {
		t.Errorf("got %v, %v; want c and d", entries, err)
	}
}

func TestCollect(t *testing.T) {
	b := newBench(t)
	b.cfg.Keep.Versions = 3
	var records []graph.Record
	for i := range 40 {
		records = append(records, b.write("a/x", fmt.Sprintln(i/2, i%2)))
	}
	b.write("b", "one\n")
	b.overwrite(".assetdev/data/a%2Fx/theirs.parquet", "x")
	b.overwrite(".assetdev/data/no key/r1-1.parquet", "x")
	b.overwrite(".assetdev/data/a%2Fx/young-1.parquet", "a commit that goes on")
	b.overwrite(".assetdev/data/a%2Fx/orphan-1.parquet", "a commit that crashed")
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(b.file(".assetdev/data/a%2Fx/orphan-1.parquet"), old, old); err != nil {
		t.Fatal(err)
	}
	size, err := b.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dry, err := b.Collect(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Size(t.Context()); err != nil || again != size {
		t.Fatalf("a dry run changed the size from %d to %d, %v", size, again, err)
	}
	wet, err := b.Collect(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dry, wet); diff != "" {
		t.Errorf("dry run and run differ: -dry +wet\n%s", diff)
	}
	// 37 versions, the orphan, and the 8 oldest records: 40-32.
	if len(wet.Deleted) != 37+1+8 || wet.Kept != 3+1 || len(wet.Unknown) != 2 {
		t.Errorf("deleted %d, kept %d, unknown %v; want 46, 4, 2", len(wet.Deleted), wet.Kept, wet.Unknown)
	}
	if again, err := b.Size(t.Context()); err != nil || again != size-wet.Bytes {
		t.Errorf("size: got %d, %v; want %d", again, err, size-wet.Bytes)
	}
	versions, err := b.Versions(t.Context(), graph.MustKey("a/x"))
	if err != nil || len(versions) != 3 || versions[0].Seq != 40 || versions[2].Seq != 38 {
		t.Errorf("got %v, %v; want 40, 39 and 38", versions, err)
	}
	if _, err := os.Stat(b.file(".assetdev/data/a%2Fx/young-1.parquet")); err != nil {
		t.Errorf("data of a commit that goes on: %v", err)
	}
	if again, err := b.Collect(t.Context(), false); err != nil || len(again.Deleted) != 0 {
		t.Errorf("the second time: got %v, %v; want nothing to do", again.Deleted, err)
	}
	b.wantState("a/x", graph.DataPresent, "")
	b.sound()
	if _, _, err := b.Restore(t.Context(), records[0].Key, records[30], records[30]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("restore of what is not kept: got %v, want one that wraps fs.ErrNotExist", err)
	}
}

func TestCollectBySize(t *testing.T) {
	b := newBench(t)
	line := strings.Repeat("x", 20000) + "\n"
	var first []string
	for i := range 3 {
		for _, key := range []string{"a", "b"} {
			if r := b.write(key, fmt.Sprint(key, i, line)); i == 0 {
				first = append(first, r.File)
			}
		}
	}
	b.cfg.Keep.Size = 100_000 // six are 120,000
	report, err := b.Collect(t.Context(), false)
	slices.Sort(report.Deleted)
	if err != nil || report.Kept != 4 || !slices.Equal(report.Deleted, first) {
		t.Fatalf("got %+v, %v; want the 2 versions that were written first to go: %v", report, err, first)
	}
	b.cfg.Keep.Size = 1
	if report, err = b.Collect(t.Context(), false); err != nil || report.Kept != 2 {
		t.Errorf("got %+v, %v; want the newest to stay, whatever the size", report, err)
	}
	b.sound()
}

// A versions that was put back is kept under its new file, and the earlier one goes.
func TestCollectAfterRestore(t *testing.T) {
	b := newBench(t)
	b.cfg.Keep.Versions = 2
	one := b.write("a", "one\n")
	b.write("a", "two\n")
	if _, _, err := b.Restore(t.Context(), one.Key, one, record("a", "revert")); err != nil {
		t.Fatal(err)
	}
	report, err := b.Collect(t.Context(), false)
	if err != nil || len(report.Deleted) != 1 || report.Deleted[0] != one.File {
		t.Errorf("got %+v, %v; want %s to go", report, err, one.File)
	}
	if found, err := b.FindVersion(t.Context(), one.Key, one.Code.Version, one.Inputs); err != nil || found == nil || found.File == one.File {
		t.Errorf("got %v, %v; want the version under its new file", found, err)
	}
	b.sound()
}

func TestDamagedRecords(t *testing.T) {
	b := newBench(t)
	b.write("a", "one\n")
	b.write("a", "two\n")
	b.write("other", "x\n")
	name := recordName(graph.MustKey("a"), 2)
	for _, damage := range []string{"", "{", "null", "[]", `{"format":1}`, "\x00\xff"} {
		b.overwrite(name, damage)
		b = b.reopen(true)
		s := b.stored("a")
		if s.Record == nil || s.Record.Seq != 1 || s.Data != graph.DataChanged || !strings.Contains(s.Text, "damaged record") {
			t.Errorf("%q: got %+v; want the record before, and the reason", damage, s)
		}
		b.wantState("other", graph.DataPresent, "")
		found, err := b.Fsck(t.Context())
		if err != nil || len(found) == 0 || found[0].Check != "record" || found[0].State != FindingError {
			t.Errorf("%q: fsck got %v, %v; want the record", damage, found, err)
		}
		if report, err := b.Collect(t.Context(), false); err != nil || len(report.Deleted) != 0 {
			t.Errorf("%q: retention deleted %v, %v", damage, report.Deleted, err)
		}
	}
	// It is committed over.
	r := b.write("a", "three\n")
	if r.Seq != 3 {
		t.Errorf("got number %d, want 3: the damaged one is taken", r.Seq)
	}
	b.wantState("a", graph.DataPresent, "")

	// Nothing but damaged records.
	b.overwrite(recordName(graph.MustKey("c"), 1), "{")
	b.wantState("c", graph.DataUnreachable, "damaged record")
}

func TestNewerFormat(t *testing.T) {
	b := newBench(t)
	b.write("a", "one\n")
	b.overwrite(recordName(graph.MustKey("b"), 1), `{"format":2,"key":"b","seq":1,"run":{"new":"shape"}}`)
	b.wantState("b", graph.DataUnreachable, "newer assetdev")
	if _, _, err := b.Commit(t.Context(), Draft{Record: record("b", "r"), Format: FormatNone}); !errors.Is(err, errNewer) {
		t.Errorf("commit after a newer record: got %v, want a refusal", err)
	}

	b.overwrite(formatName, `{"format":2}`)
	b = b.reopen(false)
	b.wantState("a", graph.DataPresent, "")
	if _, _, err := b.Commit(t.Context(), b.draft("a", "two\n")); err == nil || !strings.Contains(err.Error(), "newer assetdev") {
		t.Errorf("commit to a newer format: got %v, want a refusal", err)
	}
	b.overwrite(formatName, `{"format":3,"reads":2}`)
	if m, err := Open(t.Context(), b.cfg); !errors.Is(err, errNewer) {
		t.Errorf("a format that cannot be read: got %v, %v; want a refusal", m, err)
	}
	b.overwrite(formatName, `what`)
	if _, _, err := b.Commit(t.Context(), b.draft("a", "two\n")); err == nil {
		t.Error("commit to a storage with a damaged format file went on")
	}
}

// A base folder that is none: every asset says so, and nothing else breaks.
func TestUnreachable(t *testing.T) {
	b := newBench(t)
	r := b.write("a", "one\n")
	b.wantState("a", graph.DataPresent, "")
	b.remove("")
	b.overwrite("", "a file")
	s := b.wantState("a", graph.DataUnreachable, b.cfg.BaseDir)
	if s.Record == nil || s.Record.Run != r.Run {
		t.Errorf("got %+v, want the last known record", s.Record)
	}
	if _, _, err := b.Commit(t.Context(), Draft{Record: record("a", "r9"), Format: FormatNone}); err == nil {
		t.Error("a commit went on")
	}
	b.remove("")
	b.wantState("a", graph.DataAbsent, "")
}

func TestResolveBaseDir(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for _, test := range []struct{ configured, want string }{
		{"", "/ws/.assetdev/assets"},
		{"~", "/home/ada"},
		{"~/Documents/shared", "/home/ada/Documents/shared"},
		{"/data/x/", "/data/x"},
		{"data", "/ws/data"},
		{"../data", "/data"},
		{"a~", "/ws/a~"},
	} {
		if got, err := ResolveBaseDir(test.configured, "/ws"); got != test.want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", test.configured, got, err, test.want)
		}
	}
	if got, err := ResolveBaseDir("~bob/x", "/ws"); err == nil {
		t.Errorf("~bob: got %q, want an error", got)
	}
}

func TestNothingIsWrittenByReading(t *testing.T) {
	b := newBench(t)
	b.wantState("a", graph.DataAbsent, "")
	if _, err := b.Fsck(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := b.Collect(t.Context(), true); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(b.cfg.BaseDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the base folder was made: %v", err)
	}
}

func TestLeftoversAreSwept(t *testing.T) {
	b := newBench(t)
	old := ".assetdev/data/a/" + store.TempPrefix + "old"
	b.overwrite(old, "x")
	b.overwrite(".assetdev/data/a/"+store.TempPrefix+"young", "x")
	at := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(b.file(old), at, at); err != nil {
		t.Fatal(err)
	}
	b.write("a", "one\n")
	entries, err := os.ReadDir(b.file(".assetdev/data/a"))
	if err != nil || len(entries) != 2 || entries[0].Name() != store.TempPrefix+"young" {
		t.Errorf("got %v, %v; want the young leftover and the version", entries, err)
	}
}

func TestBadDrafts(t *testing.T) {
	b := newBench(t)
	for what, change := range map[string]func(*Draft){
		"no key":             func(d *Draft) { d.Record.Key = graph.Key{} },
		"run with a slash":   func(d *Draft) { d.Record.Run = "../x" },
		"run with a dot":     func(d *Draft) { d.Record.Run = "a.b" },
		"no attempt":         func(d *Draft) { d.Record.Attempt = 0 },
		"no output":          func(d *Draft) { d.Output = "" },
		"output not there":   func(d *Draft) { d.Output = filepath.Join(t.TempDir(), "none") },
		"unknown format":     func(d *Draft) { d.Format = "csv" },
		"suffix with a path": func(d *Draft) { d.Format, d.Suffix = FormatOpaque, "/../x" },
		"opaque parquet":     func(d *Draft) { d.Format, d.Suffix = FormatOpaque, ".parquet" },
	} {
		d := b.draft("a", "x\n")
		change(&d)
		if r, outcome, err := b.Commit(t.Context(), d); err == nil || outcome != 0 || r.Seq != 0 {
			t.Errorf("%s: got %+v, outcome %d, %v; want an error", what, r, outcome, err)
		}
	}
	b.wantState("a", graph.DataAbsent, "")
	if files, err := filepath.Glob(b.file(".assetdev/data/*/*")); err != nil || len(files) != 0 {
		t.Errorf("left over: %v, %v", files, err)
	}
}
