package iomanager

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assetdev/assetdev/graph"
)

// TestGlance: what comes, goes or is replaced is seen in its folder; where nothing happens, nothing is seen.
func TestGlance(t *testing.T) {
	b := newBench(t)
	b.write("a/b", "one\n")
	b.write("c", "two\n")
	keys := []graph.Key{graph.MustKey("a/b"), graph.MustKey("c"), graph.MustKey("never")}
	base := b.BaseDir()
	age := func() {
		t.Helper()
		old := time.Now().Add(-time.Hour)
		for _, dir := range []string{".", "a", logFolder, dataFolder} {
			if err := os.Chtimes(filepath.Join(base, dir), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	glance := func() bool { return b.Glance(t.Context(), keys) }
	// The times of a change of a folder's times are those of now: wait until they are settled.
	quiet := func() {
		t.Helper()
		age()
		for end := time.Now().Add(time.Minute); glance(); {
			if time.Now().After(end) {
				t.Fatal("it sees changes where there are none")
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if !glance() {
		t.Error("the first glance says that nothing happened")
	}
	quiet()
	for name, change := range map[string]func() error{
		"replaced": func() error {
			if err := os.WriteFile(filepath.Join(base, "a", "new"), nil, 0o600); err != nil {
				return err
			}
			return os.Rename(filepath.Join(base, "a", "new"), filepath.Join(base, "a", "b.parquet"))
		},
		"removed": func() error { return os.Remove(filepath.Join(base, "c.parquet")) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if !glance() {
			t.Errorf("%s, and the glance saw nothing", name)
		}
	}
}
