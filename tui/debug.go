package tui

// One step with the terminal as its own, so that breakpoint() works. The screen comes back when it has ended.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
)

func canDebug(m *Model) string {
	if reason := trusted(m); reason != "" {
		return reason
	}
	key, ok := m.list.key()
	switch {
	case !ok:
		return "there is no asset"
	case m.snap.Run.Active():
		return "a run is active"
	case !m.asset(key).Executable:
		return "assetdev cannot make it"
	case m.opts.In == nil || m.opts.Out == nil:
		return "there is no terminal"
	}
	return ""
}

// debug runs the step of the asset under the cursor, and nothing else, with the terminal.
func (m *Model) debug() tea.Cmd {
	key, _ := m.list.key()
	front, ctx, in, out := m.front, m.ctx, m.opts.In, m.opts.Out
	start := tea.Exec(visit{func() error { return debugStep(ctx, front, key, in, out) }, m.out}, func(err error) tea.Msg { return editorMsg{err} })
	asking := m.asking
	return func() tea.Msg {
		hearOut(asking)
		return start()
	}
}

// debugPoll is how often is looked whether the step has ended: the screen's own waiting stands still meanwhile.
const debugPoll = 30 * time.Millisecond

func debugStep(ctx context.Context, front engine.Front, key graph.Key, in io.Reader, out io.Writer) error {
	if _, err := fmt.Fprintf(out, "%s runs here; breakpoint() works\n", clean(key.String())); err != nil {
		return err
	}
	reply, err := front.Do(ctx, engine.Materialize{Keys: []graph.Key{key}, Only: true, Force: true, Confirmed: true, Debug: true, By: "user"})
	if err != nil {
		return err
	}
	if reply.Run == "" {
		return fmt.Errorf("%s", reply.Text)
	}
	state := ""
	for state == "" {
		if r := front.Snapshot().Run; r != nil && r.ID == reply.Run && !r.Active() {
			state = r.State
			break
		}
		timer := time.NewTimer(debugPoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	if _, err := fmt.Fprintf(out, "\n%s %s; enter goes back to the screen ", clean(key.String()), state); err != nil {
		return err
	}
	_, err = bufio.NewReader(in).ReadString('\n')
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
