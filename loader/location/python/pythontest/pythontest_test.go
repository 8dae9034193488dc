package pythontest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/assetdev/assetdev/internal/child"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestSetup makes the environments that the tests of other packages need: of the first interpreter that can have the packages, and with
// ASSETDEV_HEAVY=1 of all.
func TestSetup(t *testing.T) {
	if len(All()) == 0 {
		lacking(t, os.ErrNotExist)
	}
	for i, e := range All() {
		first := i == 0 || e.Packages == Oldest && All()[0].Minor == e.Minor
		if !first && os.Getenv("ASSETDEV_HEAVY") == "" {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			python := e.Make(t)
			if !filepath.IsAbs(python) || !e.There() {
				t.Errorf("got %q, there %v", python, e.There())
			}
			if again := e.Make(t); again != python {
				t.Errorf("got %q and %q", python, again)
			}
		})
	}
}
