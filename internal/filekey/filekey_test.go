package filekey

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestKey: what happens to a file shows in its key, also when its size and its time of change are what they were.
func TestKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	old := time.Now().Add(-time.Hour)
	put := func(text string, at time.Time) Key {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path+".new", at, at); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		return look(t, path)
	}
	first := put("one", old)
	if again := look(t, path); again != first || again.String() != first.String() {
		t.Errorf("untouched: got %v, want %v", again, first)
	}
	for name, k := range map[string]Key{"replaced": put("two", old), "longer": put("three", old), "later": put("three", old.Add(time.Nanosecond))} {
		if k == first || k.String() == first.String() {
			t.Errorf("%s: got the key %v, as before", name, k)
		}
	}
}

func TestRacy(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	at := func(before time.Duration) int64 { return now.Add(-before).UnixNano() }
	for _, test := range []struct {
		key  Key
		want bool
	}{
		{Key{mtime: at(time.Hour), ctime: at(time.Hour)}, false},
		{Key{mtime: at(time.Second), ctime: at(time.Second)}, true},
		{Key{mtime: at(time.Hour), ctime: at(time.Second)}, true}, // moved here
		{Key{mtime: at(time.Second)}, true},                       // no ctime
		{Key{mtime: at(window), ctime: at(window)}, false},
		{Key{mtime: at(-time.Hour), ctime: at(time.Hour)}, true}, // of the future
	} {
		if got := test.key.Racy(now); got != test.want {
			t.Errorf("%v: got racy %v, want %v", test.key, got, test.want)
		}
	}
}

func look(t *testing.T, path string) Key {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return Of(info)
}
