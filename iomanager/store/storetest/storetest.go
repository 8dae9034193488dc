package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/assetdev/assetdev/iomanager/store"
)

// Run checks that a driver keeps the contract of package store. The function open returns a store that is empty; it is called
// once for each test.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"nothing there", testNothing},
		{"put and replace", testPut},
		{"create if absent", testCreate},
		{"create race", testCreateRace},
		{"readers see whole objects", testWhole},
		{"an open object stays as it was", testSnapshot},
		{"list", testList},
		{"delete", testDelete},
		{"bad names", testNames},
		{"a failed write leaves the old object", testFailedWrite},
		{"a cancelled context", testCancelled},
		{"big object", testBig},
		{"folder", testFolder},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func testNothing(t *testing.T, s store.Store) {
	ctx := t.Context()
	if _, err := s.Stat(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat: got %v, want one that wraps fs.ErrNotExist", err)
	}
	if _, _, err := s.Open(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: got %v, want one that wraps fs.ErrNotExist", err)
	}
	if got := list(t, s, "", ""); len(got) != 0 {
		t.Errorf("List: got %v, want nothing", got)
	}
	if err := s.Delete(ctx, "a/b"); err != nil {
		t.Errorf("Delete: got %v, want nil", err)
	}
	if s.String() == "" {
		t.Error("String is empty")
	}
}

func testPut(t *testing.T, s store.Store) {
	put(t, s, "a/b.txt", "one")
	before, err := s.Stat(t.Context(), "a/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	if before.Name != "a/b.txt" || before.Size != 3 || before.Stamp == "" || before.ModTime.IsZero() {
		t.Errorf("Stat: got %+v, want name, size 3, time and stamp", before)
	}
	if again, _ := s.Stat(t.Context(), "a/b.txt"); again.Stamp != before.Stamp {
		t.Errorf("stamp of an untouched object: got %q, then %q", before.Stamp, again.Stamp)
	}
	put(t, s, "a/b.txt", "two")
	if got := read(t, s, "a/b.txt"); got != "two" {
		t.Errorf("after the second put: got %q, want %q", got, "two")
	}
	if after, _ := s.Stat(t.Context(), "a/b.txt"); after.Stamp == before.Stamp {
		t.Error("a replaced object has the stamp it had")
	}
	put(t, s, "empty", "")
	if got := read(t, s, "empty"); got != "" {
		t.Errorf("empty object: got %q", got)
	}
	// A folder on the way may be absent; a name below an object's name is a name of its own or refused, never a damage.
	err = s.Put(t.Context(), "empty/below", strings.NewReader("x"))
	if got := read(t, s, "empty"); got != "" {
		t.Errorf("after a put below it (%v): got %q, want the object as it was", err, got)
	}
}

func testCreate(t *testing.T, s store.Store) {
	ctx := t.Context()
	if err := s.CreateIfAbsent(ctx, "log/1", strings.NewReader("first")); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateIfAbsent(ctx, "log/1", strings.NewReader("second")); !errors.Is(err, store.ErrExists) {
		t.Errorf("taken name: got %v, want one that wraps ErrExists", err)
	}
	if got := read(t, s, "log/1"); got != "first" {
		t.Errorf("got %q, want %q", got, "first")
	}
	put(t, s, "log/2", "put")
	if err := s.CreateIfAbsent(ctx, "log/2", strings.NewReader("x")); !errors.Is(err, store.ErrExists) {
		t.Errorf("name taken by Put: got %v, want one that wraps ErrExists", err)
	}
	if err := s.Delete(ctx, "log/1"); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateIfAbsent(ctx, "log/1", strings.NewReader("third")); err != nil {
		t.Errorf("freed name: got %v, want nil", err)
	}
	if got := list(t, s, "log", ""); !slices.Equal(got, []string{"log/1", "log/2"}) {
		t.Errorf("got %v", got)
	}
}

func testCreateRace(t *testing.T, s store.Store) {
	for round := range 10 {
		name := fmt.Sprintf("race/%d", round)
		var winners atomic.Int64
		var winner atomic.Value
		var group sync.WaitGroup
		for writer := range 8 {
			group.Go(func() {
				text := strings.Repeat(fmt.Sprint(writer), 5000)
				switch err := s.CreateIfAbsent(t.Context(), name, strings.NewReader(text)); {
				case err == nil:
					winners.Add(1)
					winner.Store(text)
				case !errors.Is(err, store.ErrExists):
					t.Errorf("got %v, want nil or one that wraps ErrExists", err)
				}
				if got := read(t, s, name); len(got) != 5000 {
					t.Errorf("after the answer the object has %d bytes, want 5000", len(got))
				}
			})
		}
		group.Wait()
		if winners.Load() != 1 {
			t.Fatalf("%s: got %d winners, want 1", name, winners.Load())
		}
		if got := read(t, s, name); got != winner.Load() {
			t.Errorf("%s: holds %.8q…, want the winner's %.8q…", name, got, winner.Load())
		}
	}
}

func testWhole(t *testing.T, s store.Store) {
	text := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 20000) }
	put(t, s, "x", text(0))
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got := read(t, s, "x")
				if len(got) != 20000 || strings.Count(got, got[:1]) != len(got) {
					t.Errorf("torn: %d bytes that begin %.4q and end %.4q", len(got), got, got[max(0, len(got)-4):])
					return
				}
			}
		})
	}
	for i := range 30 {
		put(t, s, "x", text(i))
	}
	close(done)
	group.Wait()
}

func testSnapshot(t *testing.T, s store.Store) {
	put(t, s, "x", "old")
	r, info, err := s.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	put(t, s, "x", "newer")
	got, err := io.ReadAll(r)
	if string(got) != "old" || err != nil || info.Size != 3 || info.Name != "x" {
		t.Errorf("got %q, %v, %+v; want the bytes of the moment of Open", got, err, info)
	}
}

func testList(t *testing.T, s store.Store) {
	for _, name := range []string{"b/2", "b/10", "b.x", "b/1/deep", "a", "bb/1", "b-1", ".assetdev/log/a%2Fb/1"} {
		put(t, s, name, name)
	}
	for _, test := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", []string{".assetdev/log/a%2Fb/1", "a", "b-1", "b.x", "b/1/deep", "b/10", "b/2", "bb/1"}},
		{"b", "", []string{"b/1/deep", "b/10", "b/2"}},
		{"b", "b/10", []string{"b/2"}},
		{"b", "b/0", []string{"b/1/deep", "b/10", "b/2"}},
		{"b", "b/2", nil},
		{"", "b.x", []string{"b/1/deep", "b/10", "b/2", "bb/1"}},
		{"b/1", "", []string{"b/1/deep"}},
		{".assetdev/log/a%2Fb", "", []string{".assetdev/log/a%2Fb/1"}},
		{"nowhere", "", nil},
		{"a", "", nil},
	} {
		if got := list(t, s, test.prefix, test.after); !slices.Equal(got, test.want) {
			t.Errorf("List(%q, %q): got %v, want %v", test.prefix, test.after, got, test.want)
		}
	}
	infos, err := s.List(t.Context(), "b/1", "")
	if err != nil || len(infos) != 1 {
		t.Fatalf("got %v, %v", infos, err)
	}
	if stat, err := s.Stat(t.Context(), "b/1/deep"); err != nil || !stat.ModTime.Equal(infos[0].ModTime) || stat.Stamp != infos[0].Stamp || stat.Size != infos[0].Size {
		t.Errorf("Stat %+v and List %+v differ (%v)", stat, infos[0], err)
	}
}

func testDelete(t *testing.T, s store.Store) {
	put(t, s, "a/b", "x")
	put(t, s, "a/c", "y")
	for range 2 {
		if err := s.Delete(t.Context(), "a/b"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Errorf("a folder is no object: got %v, want nil", err)
	}
	if got := list(t, s, "", ""); !slices.Equal(got, []string{"a/c"}) {
		t.Errorf("got %v, want a/c alone", got)
	}
	if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat: got %v, want one that wraps fs.ErrNotExist", err)
	}
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of a folder: got %v, want one that wraps fs.ErrNotExist", err)
	}
}

func testNames(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, name := range []string{
		"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "a//b", "a/", "./a", "a/./b", "a\x00b", "a\nb", "ü", "a\\b",
		store.TempPrefix + "x", "a/" + store.TempPrefix + "x/b", strings.Repeat("x", 256), strings.Repeat("x/", 460) + "x",
	} {
		errs := map[string]error{
			"Put":            s.Put(ctx, name, strings.NewReader("x")),
			"CreateIfAbsent": s.CreateIfAbsent(ctx, name, strings.NewReader("x")),
			"Delete":         s.Delete(ctx, name),
		}
		_, errs["Stat"] = s.Stat(ctx, name)
		_, _, errs["Open"] = s.Open(ctx, name)
		if name != "" {
			_, errs["List"] = s.List(ctx, name, "")
		}
		for call, err := range errs {
			if !errors.Is(err, store.ErrBadName) {
				t.Errorf("%s(%q): got %v, want one that wraps ErrBadName", call, name, err)
			}
		}
		if path, ok := s.Local(name); ok {
			t.Errorf("Local(%q): got %q, want none", name, path)
		}
	}
	for _, name := range []string{".assetdev/data/a%2Fb/r1-1.parquet", "...", "a..b", " a", "x=1/y~", strings.Repeat("y", 255)} {
		put(t, s, name, name)
		if got := read(t, s, name); got != name {
			t.Errorf("%q: got %q", name, got)
		}
	}
}

func testFailedWrite(t *testing.T, s store.Store) {
	broken := errors.New("the source broke")
	source := func() io.Reader { return io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)) }
	put(t, s, "a/x", "old")
	if err := s.Put(t.Context(), "a/x", source()); !errors.Is(err, broken) {
		t.Errorf("Put: got %v, want one that wraps the source's", err)
	}
	if err := s.CreateIfAbsent(t.Context(), "a/y", source()); !errors.Is(err, broken) {
		t.Errorf("CreateIfAbsent: got %v, want one that wraps the source's", err)
	}
	if got := read(t, s, "a/x"); got != "old" {
		t.Errorf("got %q, want %q", got, "old")
	}
	if got := list(t, s, "", ""); !slices.Equal(got, []string{"a/x"}) {
		t.Errorf("got %v, want a/x alone", got)
	}
	noTemporaries(t, s)
}

func testCancelled(t *testing.T, s store.Store) {
	put(t, s, "x", "old")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	errs := map[string]error{
		"Put":            s.Put(ctx, "x", strings.NewReader("new")),
		"CreateIfAbsent": s.CreateIfAbsent(ctx, "y", strings.NewReader("new")),
		"Delete":         s.Delete(ctx, "x"),
	}
	_, errs["Stat"] = s.Stat(ctx, "x")
	_, _, errs["Open"] = s.Open(ctx, "x")
	_, errs["List"] = s.List(ctx, "", "")
	for call, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want one that wraps context.Canceled", call, err)
		}
	}
	if got := list(t, s, "", ""); !slices.Equal(got, []string{"x"}) || read(t, s, "x") != "old" {
		t.Errorf("got %v, want x as it was", got)
	}
}

func testBig(t *testing.T, s store.Store) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	if err := s.CreateIfAbsent(t.Context(), "big", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, "big"); got != string(data) {
		t.Errorf("got %d bytes, or other ones, want %d", len(got), len(data))
	}
}

func testFolder(t *testing.T, s store.Store) {
	folder, ok := s.(store.Folder)
	if !ok {
		if path, ok := s.Local("a"); ok {
			t.Errorf("no folder, but a is the local file %q", path)
		}
		return
	}
	ctx := t.Context()
	place := func(name, text string) (string, error) {
		temp, err := folder.Temp(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return temp, folder.Place(ctx, temp, name)
	}
	if _, err := place("d/a", "placed"); err != nil {
		t.Fatal(err)
	}
	path, ok := folder.Local("d/a")
	info, err := os.Stat(path)
	if !ok || err != nil || path != filepath.Join(folder.Root(), "d", "a") || info.Mode().Perm() != 0o444 {
		t.Errorf("got %q, %v, %v, %v; want a read-only file below the root", path, ok, info, err)
	}
	temp, err := place("d/a", "again")
	if !errors.Is(err, store.ErrExists) || read(t, s, "d/a") != "placed" {
		t.Errorf("got %v, want one that wraps ErrExists, and the object as it was", err)
	}
	if _, err := os.Lstat(temp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
	for _, wrong := range []string{filepath.Join(t.TempDir(), store.TempPrefix+"x"), path, filepath.Join(folder.Root(), "d")} {
		if err := folder.Place(ctx, wrong, "d/b"); !errors.Is(err, store.ErrBadName) {
			t.Errorf("Place(%q): got %v, want one that wraps ErrBadName", wrong, err)
		}
	}
	put(t, s, "copy", "old")
	if err := folder.Copy(ctx, "d/a", "copy"); err != nil || read(t, s, "copy") != "placed" {
		t.Errorf("Copy: got %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder.Root(), "copy"), []byte("overwritten"), 0o600); err != nil || read(t, s, "d/a") != "placed" {
		t.Errorf("a copy is not of its own: %v", err)
	}
	if err := folder.Copy(ctx, "nowhere", "copy"); !errors.Is(err, fs.ErrNotExist) || read(t, s, "copy") != "overwritten" {
		t.Errorf("Copy of nothing: got %v, want one that wraps fs.ErrNotExist", err)
	}
	if err := folder.Link(ctx, "d/a", "e/f/link"); err != nil || read(t, s, "e/f/link") != "placed" {
		t.Errorf("Link: got %v", err)
	}
	if err := folder.Link(ctx, "copy", "e/f/link"); !errors.Is(err, store.ErrExists) || read(t, s, "e/f/link") != "placed" {
		t.Errorf("Link to a taken name: got %v, want one that wraps ErrExists", err)
	}
	noTemporaries(t, s)

	left, err := folder.Temp("d/c")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := list(t, s, "d", ""); !slices.Equal(got, []string{"d/a"}) {
		t.Errorf("List: got %v, want no temporary file", got)
	}
	for _, sweep := range []struct {
		before time.Duration
		want   int
	}{{-time.Hour, 0}, {time.Hour, 1}} {
		if got, err := folder.Sweep(ctx, time.Now().Add(sweep.before)); got != sweep.want || err != nil {
			t.Errorf("Sweep of what was written before now%+v: got %d, %v; want %d", sweep.before, got, err, sweep.want)
		}
	}
	if got := list(t, s, "", ""); !slices.Equal(got, []string{"copy", "d/a", "e/f/link"}) {
		t.Errorf("after Sweep: got %v", got)
	}
}

// noTemporaries checks a folder for temporary files.
func noTemporaries(t *testing.T, s store.Store) {
	t.Helper()
	folder, ok := s.(store.Folder)
	if !ok {
		return
	}
	err := filepath.WalkDir(folder.Root(), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), store.TempPrefix) {
			t.Errorf("a temporary file was left: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func put(t *testing.T, s store.Store, name, text string) {
	t.Helper()
	if err := s.Put(t.Context(), name, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s store.Store, name string) string {
	t.Helper()
	r, _, err := s.Open(t.Context(), name)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func list(t *testing.T, s store.Store, prefix, after string) []string {
	t.Helper()
	infos, err := s.List(t.Context(), prefix, after)
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, info := range infos {
		names = append(names, info.Name)
	}
	return names
}
