package tui

// A panic anywhere in the screen ends the program in order: the context ends, Bubble Tea restores the terminal, and only then
// is anything written or said.

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/internal/diag"
)

type crashSlot = atomic.Pointer[crash]

type crash struct {
	value any
	stack []byte
	at    time.Time
}

// caught is deferred around everything of ours that Bubble Tea calls. Of several panics the first is kept.
func (m *Model) caught() {
	if v := recover(); v != nil {
		m.crashed.CompareAndSwap(nil, &crash{value: v, stack: debug.Stack(), at: time.Now()})
		m.cancel()
	}
}

// guard makes a Cmd whose panic is caught, also those inside a batch.
func (m *Model) guard(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer m.caught()
		msg = cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i := range batch {
				batch[i] = m.guard(batch[i])
			}
		}
		return msg
	}
}

// report writes the crash file into dir, or where temporary files go, and returns what the user reads.
func (c *crash) report(dir, version string) error {
	text := fmt.Sprintf("assetdev %s, %s\n\n%v\n\n%s", version, c.at.Format(time.RFC3339), c.value, c.stack)
	what := fmt.Sprintf("internal error: %v", c.value)
	for _, dir := range []string{dir, os.TempDir()} {
		if dir == "" || os.MkdirAll(dir, 0o700) != nil {
			continue
		}
		path := filepath.Join(dir, "crash-"+c.at.UTC().Format("20060102T150405.000")+".txt")
		if os.WriteFile(path, []byte(text), 0o600) == nil {
			return diag.New("internal", "%s", what).WithHint("this is a bug; please report it with the file %s", path)
		}
	}
	return diag.New("internal", "%s", what).WithHint("this is a bug; please report it with this trace:\n%s", c.stack)
}
