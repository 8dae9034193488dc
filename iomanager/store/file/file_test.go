package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/assetdev/assetdev/iomanager/store"
	"github.com/assetdev/assetdev/iomanager/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("ASSETDEV_TEST_RACE"); dir != "" {
		race(dir)
		return
	}
	os.Exit(m.Run())
}

func open0(t *testing.T) *Store {
	t.Helper()
	s, err := New(filepath.Join(t.TempDir(), "not", "there", "yet"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open0(t) })
}

func TestNewRefusesRelativePaths(t *testing.T) {
	if s, err := New("assets"); err == nil {
		t.Errorf("got %v, want an error", s)
	}
}

// race is the child of TestCreateRaceOfProcesses: it tries every key and prints those it won.
func race(dir string) {
	s, err := New(dir)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // all start together
	for i := range raceKeys {
		switch err := s.CreateIfAbsent(context.Background(), fmt.Sprintf("log/%03d", i), strings.NewReader(fmt.Sprint(os.Getpid()))); {
		case err == nil:
			fmt.Println(i)
		case !errors.Is(err, store.ErrExists):
			fmt.Println("error", err)
		}
	}
}

const raceKeys = 40

func TestCreateRaceOfProcesses(t *testing.T) {
	s := open0(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	type child struct {
		cmd  *exec.Cmd
		out  strings.Builder
		gate *os.File
	}
	children := make([]*child, 6)
	for i := range children {
		c := &child{cmd: exec.CommandContext(t.Context(), exe)}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c.cmd.Env = append(os.Environ(), "ASSETDEV_TEST_RACE="+s.Root())
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr, c.gate = r, &c.out, &c.out, w
		if err := c.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		children[i] = c
	}
	for _, c := range children {
		if _, err := c.gate.WriteString("go\n"); err != nil {
			t.Fatal(err)
		}
		_ = c.gate.Close()
	}
	winners := map[string]int{}
	for _, c := range children {
		if err := c.cmd.Wait(); err != nil {
			t.Fatalf("%v: %s", err, c.out.String())
		}
		for line := range strings.FieldsFuncSeq(c.out.String(), func(r rune) bool { return r == '\n' }) {
			i, err := strconv.Atoi(line)
			if err != nil {
				t.Fatalf("a child says %q", line)
			}
			name := fmt.Sprintf("log/%03d", i)
			if first, twice := winners[name]; twice {
				t.Errorf("%s was won by %d and %d", name, first, c.cmd.Process.Pid)
			}
			winners[name] = c.cmd.Process.Pid
		}
	}
	if len(winners) != raceKeys {
		t.Errorf("%d keys have a winner, want %d", len(winners), raceKeys)
	}
	for name, pid := range winners {
		data, err := os.ReadFile(filepath.Join(s.Root(), name))
		if err != nil || string(data) != fmt.Sprint(pid) {
			t.Errorf("%s holds %q (%v), want its winner %d", name, data, err, pid)
		}
	}
}

// A symbolic link that leads out of the folder is not followed, neither for reading nor for writing.
func TestConfinement(t *testing.T) {
	s := open0(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.Root(), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"dir": outside, "file": filepath.Join(outside, "secret")} {
		if err := os.Symlink(target, filepath.Join(s.Root(), name)); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	for _, name := range []string{"dir/secret", "file"} {
		if r, _, err := s.Open(ctx, name); err == nil {
			_ = r.Close()
			t.Errorf("Open(%s) followed a link out of the folder", name)
		}
		if _, err := s.Stat(ctx, name); err == nil {
			t.Errorf("Stat(%s) followed a link out of the folder", name)
		}
	}
	if err := s.Put(ctx, "dir/new", strings.NewReader("x")); err == nil {
		t.Error("Put followed a link out of the folder")
	}
	if err := s.Put(ctx, "file", strings.NewReader("x")); err != nil {
		t.Errorf("Put replaces the link itself: got %v, want nil", err)
	}
	if infos, err := s.List(ctx, "", ""); err != nil || len(infos) != 1 {
		t.Errorf("List: got %v, %v; want the file that replaced the link", infos, err)
	}
	entries, err := os.ReadDir(outside)
	data, _ := os.ReadFile(filepath.Join(outside, "secret"))
	if err != nil || len(entries) != 1 || string(data) != "secret" {
		t.Errorf("outside the folder: %v, %q, %v", entries, data, err)
	}
}

func TestNoFIFOIsWaitedFor(t *testing.T) {
	s := open0(t)
	if err := os.MkdirAll(s.Root(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(s.Root(), "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(t.Context(), "fifo"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want one that wraps fs.ErrNotExist", err)
	}
}

// A folder that cannot be synced: the new object may be there, and the caller is told so.
func TestFolderSyncFails(t *testing.T) {
	s := open0(t)
	ctx := t.Context()
	if err := s.Put(ctx, "a/x", strings.NewReader("old")); err != nil {
		t.Fatal(err)
	}
	s.sync = func(f *os.File) error {
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return &fs.PathError{Op: "sync", Path: f.Name(), Err: unix.EIO}
		}
		return f.Sync()
	}
	for what, err := range map[string]error{
		"put":    s.Put(ctx, "a/x", strings.NewReader("new")),
		"create": s.CreateIfAbsent(ctx, "a/y", strings.NewReader("new")),
		"taken":  s.CreateIfAbsent(ctx, "a/x", strings.NewReader("newer")),
	} {
		if !errors.Is(err, store.ErrAmbiguous) || !errors.Is(err, unix.EIO) {
			t.Errorf("%s: got %v, want one that wraps ErrAmbiguous and EIO", what, err)
		}
	}
	s.sync = func(*os.File) error { return unix.EINVAL } // as file systems do that sync folders by themselves
	if err := s.Put(ctx, "a/z", strings.NewReader("z")); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a file that cannot be synced: got %v, want EINVAL", err)
	}
	infos, err := s.List(ctx, "", "")
	if err != nil || len(infos) != 2 {
		t.Errorf("got %v, %v; want a/x and a/y", infos, err)
	}
}

// A file that cannot be synced, or a full disk: the old object stays and nothing is left over.
func TestFileSyncFails(t *testing.T) {
	for _, fault := range []error{unix.EIO, unix.ENOSPC} {
		s := open0(t)
		ctx := t.Context()
		if err := s.Put(ctx, "a/x", strings.NewReader("old")); err != nil {
			t.Fatal(err)
		}
		s.sync = func(f *os.File) error {
			if strings.HasPrefix(filepath.Base(f.Name()), store.TempPrefix) {
				return fault
			}
			return f.Sync()
		}
		temp, err := s.Temp("a/y")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(temp, []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"put":    s.Put(ctx, "a/x", strings.NewReader("new")),
			"create": s.CreateIfAbsent(ctx, "a/y", strings.NewReader("new")),
			"place":  s.Place(ctx, temp, "a/y"),
			"copy":   s.Copy(ctx, "a/x", "a/z"),
		} {
			if !errors.Is(err, fault) || errors.Is(err, store.ErrAmbiguous) {
				t.Errorf("%s: got %v, want one that wraps %v and is certain", what, err, fault)
			}
		}
		entries, err := os.ReadDir(filepath.Join(s.Root(), "a"))
		data, _ := os.ReadFile(filepath.Join(s.Root(), "a", "x"))
		if err != nil || len(entries) != 1 || string(data) != "old" {
			t.Errorf("after %v: got %v, %q, %v; want a/x as it was and nothing else", fault, entries, data, err)
		}
	}
}

// The folder may go away and come back while a Store is in use.
func TestFolderRemoved(t *testing.T) {
	s := open0(t)
	ctx := t.Context()
	for range 2 {
		if err := s.Put(ctx, "a/x", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(s.Root()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stat(ctx, "a/x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want one that wraps fs.ErrNotExist", err)
		}
	}
}
