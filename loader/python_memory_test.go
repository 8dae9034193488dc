package loader

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/loader/location"
	"github.com/assetdev/assetdev/loader/location/python"
	"github.com/assetdev/assetdev/loader/location/python/pythontest"
)

// TestOutOfMemory: a step that has no memory left breaks itself alone, is told in the same words however its process was started, and the
// user's own frame comes first. The kernel's way of saying it is a kill.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux bounds the memory of a process by RLIMIT_AS")
	}
	interpreter := pythontest.Python(t, pythontest.Newest)
	const place = "south/memory.py:"
	want := map[string]outcome{
		"fine":        {Rows: 1},
		"at_once":     {Message: "MemoryError", Place: place + "23"},
		"by_and_by":   {Message: "MemoryError", Place: place + "31"},
		"with_little": {Message: "MemoryError", Place: place + "39"},
		"killed":      {Message: "the process was killed before it answered, as the system does with a process that takes more memory than there is"},
	}
	// Where Python had no memory left for the frame, the function is what can be told.
	unless := map[string]string{"by_and_by": place + "26", "with_little": place + "34"}
	for _, mode := range []python.Mode{python.Fork, python.Spare, python.Cold} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			l, dir := openDagster(t, interpreter, mode)
			if r := l.Refresh(t.Context(), "memory", IfNeeded); r.State.Err != nil {
				t.Fatal(r.State.Err)
			}
			for _, key := range []string{"killed", "at_once", "by_and_by", "with_little", "fine"} {
				r, _, err := materialize(t.Context(), t, l, "memory", key, &said{})
				got := outcomeOf(dir, r, err)
				if function, ok := unless[key]; ok && got.Place == function {
					got.Place = want[key].Place
				}
				if got != want[key] {
					t.Errorf("%s: got %+v (%v), want %+v", key, got, err, want[key])
				}
				e, ok := errors.AsType[*location.Error](err)
				if ok && want[key].Place != "" && !strings.HasPrefix(strings.TrimSpace(e.Trace), `File "`+dir) {
					t.Errorf("%s: the user's frame does not come first:\n%s", key, e.Trace)
				}
			}
		})
	}
}
