package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const deadline = 20 * time.Second

// A fixture is a watcher over a folder, and what it has reported.
type fixture struct {
	t       testing.TB
	dir     string
	w       *Watcher
	cookies int
	rescans int
}

func watching(t testing.TB, files map[string]string, change func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir()}
	for name, text := range files {
		f.write(name, text)
	}
	options := Options{Roots: []Root{{Dir: f.dir}}, poll: 10 * time.Millisecond}
	if change != nil {
		change(&options)
	}
	w, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	f.w = w
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) write(name, text string) {
	f.t.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	f.must(os.WriteFile(f.path(name), []byte(text), 0o644))
}

func (f *fixture) rename(from, to string) { f.t.Helper(); f.must(os.Rename(f.path(from), f.path(to))) }

// until reads batches until all the names were reported; it returns everything that was, without the names of cookies.
func (f *fixture) until(names ...string) []string {
	f.t.Helper()
	got := map[string]bool{}
	timeout := time.After(deadline)
	missing := func() bool {
		return slices.ContainsFunc(names, func(name string) bool { return !got[name] })
	}
	for missing() {
		select {
		case b, ok := <-f.w.Changes():
			if !ok {
				f.t.Fatal("the channel was closed")
			}
			if b.Rescan {
				f.rescans++
			}
			if !slices.IsSorted(b.Paths) {
				f.t.Errorf("not sorted: %q", b.Paths)
			}
			for _, path := range b.Paths {
				rel, err := filepath.Rel(f.dir, path)
				f.must(err)
				got[filepath.ToSlash(rel)] = true
			}
		case <-timeout:
			f.t.Fatalf("after %v: reported %q, want all of %q; status %q", deadline, slices.Sorted(maps.Keys(got)), names, f.w.Status())
		}
	}
	all := slices.Sorted(maps.Keys(got))
	return slices.DeleteFunc(all, func(name string) bool { return strings.HasPrefix(name, "cookie") })
}

// all writes a cookie and returns what was reported until it was: every event before it has been seen.
func (f *fixture) all() []string {
	f.t.Helper()
	f.cookies++
	name := fmt.Sprint("cookie", f.cookies)
	f.write(name, name)
	return f.until(name)
}

func (f *fixture) expect(want ...string) {
	f.t.Helper()
	if got := f.all(); !slices.Equal(got, want) {
		f.t.Errorf("reported %q, want %q", got, want)
	}
	f.checkSnapshot()
}

// checkSnapshot compares the snapshot with a walk.
func (f *fixture) checkSnapshot() {
	f.t.Helper()
	got := map[string]string{}
	f.w.ask(func() {
		for dir, folder := range f.w.tree.folders {
			if folder.path != dir {
				f.t.Errorf("folder %q is listed as %q", folder.path, dir)
			}
			for name, e := range folder.files {
				got[filepath.Join(dir, name)] = fmt.Sprint(e.key.Size)
			}
		}
		if n := len(f.w.tree.vanished); n > 0 {
			f.t.Errorf("%d vanished files were not reported", n)
		}
	})
	want := map[string]string{}
	_ = filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && prunedDirs[d.Name()] {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() {
			info, err := d.Info()
			f.must(err)
			want[path] = fmt.Sprint(info.Size())
		}
		return nil
	})
	if !maps.Equal(got, want) {
		f.t.Errorf("snapshot\n%v\nwant\n%v", got, want)
	}
}

func TestSaves(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(f *fixture)
		want []string
	}{
		{"in place", func(f *fixture) { f.write("a.py", "changed") }, []string{"a.py"}},
		{"by an atomic rename", func(f *fixture) { f.write("a.py.tmp", "changed"); f.rename("a.py.tmp", "a.py") }, []string{"a.py"}},
		{"with equal content", func(f *fixture) { f.write("a.py", "a") }, nil},
		{"by an atomic rename, equal", func(f *fixture) { f.write("tmp", "a"); f.rename("tmp", "a.py") }, nil},
		{"there and back", func(f *fixture) { f.write("a.py", "x"); f.write("a.py", "a") }, nil},
		{"delete", func(f *fixture) { f.must(os.Remove(f.path("a.py"))) }, []string{"a.py"}},
		{"delete and create, equal", func(f *fixture) { f.must(os.Remove(f.path("a.py"))); f.write("a.py", "a") }, nil},
		{"chmod", func(f *fixture) { f.must(os.Chmod(f.path("a.py"), 0o600)) }, nil},
		{"touch", func(f *fixture) { f.must(os.Chtimes(f.path("a.py"), time.Time{}, time.Now())) }, nil},
		{"equal size and time", func(f *fixture) {
			info, err := os.Stat(f.path("a.py"))
			f.must(err)
			f.write("a.py", "b")
			f.must(os.Chtimes(f.path("a.py"), time.Time{}, info.ModTime()))
		}, []string{"a.py"}},
		{"vim", func(f *fixture) {
			f.write(".a.py.swp", "swap")
			f.write("4913", "")
			f.must(os.Remove(f.path("4913")))
			f.rename("a.py", "a.py~")
			f.write("a.py", "changed")
			f.must(os.Remove(f.path("a.py~")))
			f.must(os.Remove(f.path(".a.py.swp")))
		}, []string{"a.py"}},
		{"to nothing, for good", func(f *fixture) { f.write("a.py", "") }, []string{"a.py"}},
		{"new file", func(f *fixture) { f.write("sub/new.py", "n") }, []string{"sub/new.py"}},
		{"mkdir -p and write at once", func(f *fixture) { f.write("x/y/z/new.py", "n") }, []string{"x/y/z/new.py"}},
		{"a file becomes a folder", func(f *fixture) { f.must(os.Remove(f.path("a.py"))); f.write("a.py/in", "n") }, []string{"a.py", "a.py/in"}},
		{"a folder becomes a file", func(f *fixture) { f.must(os.RemoveAll(f.path("sub"))); f.write("sub", "n") }, []string{"sub", "sub/deep/c.py"}},
		{"rename a folder", func(f *fixture) { f.rename("sub", "new") }, []string{"new/deep/c.py", "sub/deep/c.py"}},
		{"swap two folders", func(f *fixture) { f.rename("sub", "t"); f.rename("other", "sub"); f.rename("t", "other") }, []string{"other/d.py", "other/deep/c.py", "sub/d.py", "sub/deep/c.py"}},
		{"rm -rf a folder", func(f *fixture) { f.must(os.RemoveAll(f.path("sub"))) }, []string{"sub/deep/c.py"}},
		{"rm -rf a folder and make it again", func(f *fixture) { f.must(os.RemoveAll(f.path("sub"))); f.write("sub/deep/c.py", "c") }, nil},
		{"what is never watched", func(f *fixture) {
			f.write("__pycache__/a.pyc", "x")
			f.write(".git/HEAD", "x")
			f.write("sub/.assetdev/runs", "x")
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := watching(t, map[string]string{"a.py": "a", "sub/deep/c.py": "c", "other/d.py": "d"}, nil)
			test.do(f)
			f.expect(test.want...)
		})
	}
}

func TestWritesAfterAFolderWasRenamed(t *testing.T) {
	t.Parallel()
	// In both directions: the kernel keeps the watches of the old name, whichever of the two is looked at first.
	for _, name := range [][2]string{{"a", "b"}, {"b", "a"}} {
		from, to := name[0], name[1]
		f := watching(t, map[string]string{from + "/sub/x": "1"}, nil)
		f.rename(from, to)
		f.expect("a/sub/x", "b/sub/x")
		f.write(to+"/sub/x", "2")
		f.expect(to + "/sub/x")
		f.write(from+"/sub/x", "3")
		f.expect(from + "/sub/x")
	}
}

func TestEmptyFileIsLookedAtAgain(t *testing.T) {
	// The save goes on only after the watcher has looked at the empty file and put it off.
	f := watching(t, map[string]string{"a.py": "a"}, nil)
	file, err := os.OpenFile(f.path("a.py"), os.O_WRONLY|os.O_TRUNC, 0)
	f.must(err)
	timeout := time.Now().Add(deadline)
	for put := false; !put && time.Now().Before(timeout); {
		f.w.ask(func() { put = f.w.batch.dirty[f.path("a.py")]&opRechecked != 0 })
	}
	_, err = file.WriteString("a")
	f.must(err)
	f.must(file.Close())
	f.expect()
}

func TestLostEvents(t *testing.T) {
	t.Parallel()
	f := watching(t, map[string]string{"a.py": "a", "sub/b.py": "b", "sub/c.py": "c"}, nil)
	// What the reader is told of is thrown away, as when the kernel's queue overflows.
	f.w.ask(func() {
		f.write("a.py", "changed")
		f.write("new/deep/n.py", "n")
		f.must(os.Remove(f.path("sub/b.py")))
		f.write("sub/c.py", "c")
		f.w.note(map[string]op{f.path("seen"): opWritten}, true)
		f.w.inbox.Lock()
		clear(f.w.inbox.dirty)
		f.w.inbox.Unlock()
	})
	f.expect("a.py", "new/deep/n.py", "sub/b.py")
	if f.rescans == 0 {
		t.Error("no batch said that the folders were read again")
	}
}

func TestSnapshotRescanFindsWhatEventsDidNotSay(t *testing.T) {
	f := watching(t, map[string]string{"a.py": "a"}, func(o *Options) {
		o.add = func(string) error { return nil } // no event ever
	})
	f.write("a.py", "b")
	f.write("sub/b.py", "b")
	f.w.Rescan()
	if got := f.until("a.py", "sub/b.py"); len(got) != 2 || f.rescans == 0 {
		t.Errorf("reported %q with %d rescans, want two files and a rescan", got, f.rescans)
	}
}

func TestGitignore(t *testing.T) {
	t.Parallel()
	f := watching(t, map[string]string{".gitignore": "data/\n*.log\n", "data/in.csv": "1", "data/other.csv": "1", "x.log": "x"}, func(o *Options) {
		o.Roots[0].Files = []string{filepath.Join(o.Roots[0].Dir, "data/in.csv")}
	})
	f.write("data/other.csv", "2")
	f.write("x.log", "2")
	f.write("data/in.csv", "2")
	if got, want := f.all(), []string{"data/in.csv"}; !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q: the others are ignored", got, want)
	}
	f.write(".gitignore", "*.log\n")
	if got, want := f.all(), []string{".gitignore", "data/other.csv"}; !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q", got, want)
	}
	f.write("data/other.csv", "3")
	if got, want := f.all(), []string{"data/other.csv"}; !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q", got, want)
	}
	f.write(".gitignore", "/data/\n")
	if got, want := f.all(), []string{".gitignore", "x.log"}; !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q", got, want)
	}
	f.write("data/in.csv", "9")
	f.write("data/other.csv", "9")
	if got, want := f.all(), []string{"data/in.csv"}; !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q: it is excluded again, the forced file is not", got, want)
	}
}

func TestRootInsideAnIgnoredFolder(t *testing.T) {
	f := watching(t, map[string]string{".git/HEAD": "x", ".gitignore": "data\n", "data/a.csv": "1"}, func(o *Options) {
		o.Roots = append(o.Roots, Root{Dir: filepath.Join(o.Roots[0].Dir, "data")})
	})
	f.write("data/a.csv", "2")
	f.expectPaths("data/a.csv")
}

func (f *fixture) expectPaths(want ...string) {
	f.t.Helper()
	if got := f.all(); !slices.Equal(got, want) {
		f.t.Errorf("reported %q, want %q", got, want)
	}
}

func TestOutputsAreNeverWatched(t *testing.T) {
	f := watching(t, map[string]string{"out/a.parquet": "1"}, func(o *Options) {
		o.Ignore = []string{"", filepath.Join(o.Roots[0].Dir, "out")}
	})
	f.write("out/a.parquet", "2")
	f.write("outer/b", "1")
	f.expectPaths("outer/b")
}

func TestIndexLockHoldsTheBatch(t *testing.T) {
	f := watching(t, map[string]string{".git/HEAD": "x", "a.py": "a"}, nil)
	f.write(".git/index.lock", "")
	f.write("a.py", "b")
	timeout := time.Now().Add(deadline)
	for held := false; !held; {
		if time.Now().After(timeout) {
			t.Fatal("the batch was not put off")
		}
		f.w.ask(func() { held = !f.w.batch.hold.IsZero() })
		select {
		case b := <-f.w.Changes():
			t.Fatalf("reported %q while git holds its index", b.Paths)
		default:
		}
	}
	f.write("a.py", "a")
	f.must(os.Remove(f.path(".git/index.lock")))
	f.expect()
}

func TestRootThatComesAndGoes(t *testing.T) {
	t.Parallel()
	f := watching(t, nil, func(o *Options) {
		o.Roots = append(o.Roots, Root{Dir: filepath.Join(o.Roots[0].Dir, ".venv/late"), Files: []string{filepath.Join(o.Roots[0].Dir, ".venv/conf/.env")}})
	})
	if got := f.w.Status(); !strings.Contains(got, "does not exist") {
		t.Errorf("status %q, want that a folder does not exist", got)
	}
	f.write(".venv/late/sub/a.py", "a")
	f.until(".venv/late/sub/a.py")
	f.write(".venv/conf/.env", "A=1")
	f.until(".venv/conf/.env")
	f.write(".venv/conf/.env", "A=2")
	f.until(".venv/conf/.env")
	if got := f.w.Status(); got != "" {
		t.Errorf("status %q, want none: everything is there", got)
	}
	f.must(os.RemoveAll(f.path(".venv/late")))
	f.until(".venv/late/sub/a.py")
	f.write(".venv/late/sub/a.py", "b")
	f.until(".venv/late/sub/a.py")
	f.write(".venv/late/sub/a.py", "c")
	f.until(".venv/late/sub/a.py")
}

func TestRootIsRemovedAndMadeAgain(t *testing.T) {
	t.Parallel()
	f := watching(t, map[string]string{"r/a.py": "a"}, func(o *Options) { o.Roots[0].Dir = filepath.Join(o.Roots[0].Dir, "r") })
	f.must(os.RemoveAll(f.path("r")))
	f.until("r/a.py")
	f.write("r/a.py", "b")
	f.until("r/a.py")
	f.write("r/sub/b.py", "b")
	f.until("r/sub/b.py")
}

func TestLimitOfWatches(t *testing.T) {
	t.Parallel()
	var full error = syscall.ENOSPC
	for _, full = range []error{syscall.ENOSPC, syscall.EMFILE, errors.New("strange")} {
		f := watching(t, map[string]string{"a.py": "a", "sub/deep/b.py": "b"}, nil)
		f.w.ask(func() {
			real := f.w.tree.add
			f.w.tree.add = func(dir string) error {
				if strings.Contains(dir, "late") {
					return full
				}
				return real(dir)
			}
		})
		f.write("late/deep/c.py", "c")
		f.expect("late/deep/c.py")
		f.write("late/deep/c.py", "changed")
		f.write("late/more/d.py", "d")
		f.until("late/deep/c.py", "late/more/d.py")
		want := map[error]string{syscall.ENOSPC: "max_user_watches", syscall.EMFILE: "max_user_instances"}[full]
		if got := f.w.Status(); !strings.Contains(got, f.path("late")) || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%v: status %q, want one line with the folder and %q", full, got, want)
		}
		f.write("a.py", "by event")
		f.until("a.py")
		f.must(os.RemoveAll(f.path("late")))
		f.until("late/deep/c.py", "late/more/d.py")
		f.all()
		if got := f.w.Status(); got != "" {
			t.Errorf("status %q, want none: the folder is gone", got)
		}
	}
}

func TestSetRoots(t *testing.T) {
	f := watching(t, map[string]string{"a/x": "1", "b/x": "1", "c/x": "1", "a/in/x": "1"}, func(o *Options) {
		o.Roots = []Root{{Dir: filepath.Join(o.Roots[0].Dir, "a")}, {Dir: filepath.Join(o.Roots[0].Dir, "b")}}
	})
	dir := f.dir
	f.must(f.w.SetRoots([]Root{{Dir: dir + "/b", Files: []string{dir + "/c/x", dir + "/b/cookie"}}, {Dir: dir + "/a/in"}}))
	for _, name := range []string{"a/x", "b/x", "c/x", "c/y", "a/in/x"} {
		f.write(name, "2")
	}
	f.write("b/cookie", "1")
	if got, want := f.until("b/cookie"), []string{"a/in/x", "b/cookie", "b/x", "c/x"}; !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q", got, want)
	}
	f.must(f.w.SetRoots([]Root{{Dir: dir}}))
	f.write("a/x", "3")
	f.write("c/y", "3")
	f.expectPaths("a/x", "c/y")
	f.checkSnapshot()
	if err := f.w.SetRoots([]Root{{Dir: "relative"}}); err == nil {
		t.Error("a relative root is no error")
	}
}

func TestSlowCallerGetsOneBatch(t *testing.T) {
	f := watching(t, map[string]string{"a": "1", "b": "1"}, nil)
	waiting := func(n int) {
		timeout := time.Now().Add(deadline)
		for got := 0; got < n; {
			if time.Now().After(timeout) {
				t.Fatalf("%d paths wait, want %d", got, n)
			}
			f.w.ask(func() { got = len(f.w.ready.Paths) })
		}
	}
	f.write("a", "2")
	waiting(1)
	f.write("b", "2")
	waiting(2)
	if b := <-f.w.Changes(); len(b.Paths) != 2 {
		t.Errorf("got %q, want both in one batch", b.Paths)
	}
}

func TestClose(t *testing.T) {
	f := watching(t, map[string]string{"a": "1"}, nil)
	f.write("a", "2")
	f.must(f.w.Close())
	for range f.w.Changes() { // closed, after at most one batch
	}
	f.must(f.w.Close())
	f.must(f.w.SetRoots(nil))
}

func TestOpenRefusesRelativePaths(t *testing.T) {
	for _, o := range []Options{{Roots: []Root{{Dir: "x"}}}, {Roots: []Root{{Files: []string{"x"}}}}, {Ignore: []string{"", "x"}}} {
		if w, err := Open(o); err == nil {
			_ = w.Close()
			t.Errorf("%+v is no error", o)
		}
	}
}

func TestSnapshotAfterRandomOperations(t *testing.T) {
	t.Parallel()
	names := rapid.SampledFrom([]string{"a", "b", "d/a", "d/b", "d/e/a", "d/e", "d", "f/g/h", "f"})
	rapid.Check(t, func(rt *rapid.T) {
		f := watching(t, map[string]string{"a": "1", "d/e/a": "1"}, func(o *Options) { o.Quiet, o.suspect = 2*time.Millisecond, 4*time.Millisecond })
		defer f.w.Close() // closed again, and checked, by the cleanup
		for range rapid.IntRange(1, 25).Draw(rt, "operations") {
			name, other := f.path(names.Draw(rt, "name")), f.path(names.Draw(rt, "other"))
			// The errors are those of operations that are impossible now, as making a file below a file.
			switch rapid.IntRange(0, 6).Draw(rt, "operation") {
			case 0, 1:
				_ = os.MkdirAll(filepath.Dir(name), 0o755)
				_ = os.WriteFile(name, []byte(rapid.SampledFrom([]string{"", "1", "22"}).Draw(rt, "text")), 0o644)
			case 2:
				_ = os.Remove(name)
			case 3:
				_ = os.RemoveAll(name)
			case 4, 5:
				_ = os.Rename(name, other)
			case 6:
				_ = os.MkdirAll(name, 0o755)
			}
		}
		f.all()
		f.all() // what was suspect in the batch of the first cookie is settled by now
		f.checkSnapshot()
		if t.Failed() {
			rt.Fatal("the snapshot is not what a walk finds")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for i := range 1000 {
		d := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(d, 0o755); err != nil {
			b.Fatal(err)
		}
		for j := range 5 {
			if err := os.WriteFile(filepath.Join(d, fmt.Sprint(j)), make([]byte, 2000), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		w, err := Open(Options{Roots: []Root{{Dir: dir}}})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
