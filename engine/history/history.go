// Package history keeps what runs said: a folder per run with events.jsonl and one log file per step, and one small file that
// remembers of each asset how its last run ended and how long its runs took.
//
// Invariants:
//
//	(a) What was appended is never rewritten; a reader passes over damaged lines (a crash, a full disk).
//	(b) The writer of a run holds a lock on its events file, and a name in the folder active stands for it until it closes. A name
//	    whose lock is free is a run that was interrupted.
//	(c) Several assetdev processes may write to one folder; the assets file is merged under a lock, never overwritten blindly.
//
// Folders are 0700 and files 0600: logs may hold rows.
package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"golang.org/x/sys/unix"
)

// A History is the history folder of one workspace. Its methods may be called from any goroutine.
type History struct{ dir string }

// Open returns the history in dir, which need not exist yet.
func Open(dir string) *History { return &History{dir} }

// Dir returns the folder of a run.
func (h *History) Dir(run string) string { return filepath.Join(h.dir, "runs", run) }

// LogFile returns the file of a step's log.
func (h *History) LogFile(run string, key graph.Key) string {
	return filepath.Join(h.Dir(run), key.FileName()+".log")
}

// idTime is how an id says when its run began, in UTC.
const idTime = "20060102-150405"

// NewID returns a run id that sorts by time: date, time and what makes it unique.
func NewID(now time.Time, unique uint32) string {
	return now.UTC().Format(idTime) + fmt.Sprintf("-%06x", unique&0xffffff)
}

// ValidID reports whether run can be the id of a run: it becomes a folder's name.
func ValidID(run string) bool {
	return run != "" && len(run) < 64 && strings.IndexFunc(run, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz-", r) }) < 0
}

// A Writer appends the events of one run. It is for one goroutine.
type Writer struct {
	file   *os.File
	active string // path of the name that stands for the run while it goes on
}

func (h *History) active(run string) string { return filepath.Join(h.dir, "active", run) }

// Begin makes the folder of a run and returns its writer.
func (h *History) Begin(run string) (*Writer, error) {
	if err := os.MkdirAll(h.Dir(run), 0o700); err != nil {
		return nil, fmt.Errorf("keep the history of run %s: %w", run, err)
	}
	file, err := os.OpenFile(filepath.Join(h.Dir(run), "events.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the history of run %s: %w", run, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the history of run %s: lock: %w", run, err), file.Close())
	}
	if info, err := file.Stat(); err == nil && info.Size() > 0 {
		// What is there may end in half a line.
		if _, err := file.Write([]byte{'\n'}); err != nil {
			return nil, errors.Join(fmt.Errorf("keep the history of run %s: %w", run, err), file.Close())
		}
	}
	if err := os.MkdirAll(filepath.Join(h.dir, "active"), 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the history of run %s: %w", run, err), file.Close())
	}
	if err := os.WriteFile(h.active(run), nil, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the history of run %s: %w", run, err), file.Close())
	}
	return &Writer{file, h.active(run)}, nil
}

// Append writes one event as one line.
func (w *Writer) Append(e event.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	if _, err := w.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	return nil
}

// Close ends the run's file. The caller appended how the run ended.
func (w *Writer) Close() error {
	err := os.Remove(w.active)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, w.file.Close())
}

// A Summary is one run as lists show it.
type Summary struct {
	Run       string
	State     string // a final state, running (another process is at it), or interrupted
	At        time.Time
	MS        int64
	By        string
	Selection string
	Counts    map[string]int
}

// Runs returns the newest runs, newest first, at most max (0 is all). Runs that cannot be read are left out and reported
// together as the error; the list is valid all the same.
func (h *History) Runs(max int) ([]Summary, error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, "runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	slices.Reverse(entries)
	var out []Summary
	var problems []error
	for _, entry := range entries {
		if max > 0 && len(out) == max {
			break
		}
		if !entry.IsDir() || !ValidID(entry.Name()) {
			continue
		}
		s, err := h.summary(entry.Name())
		if err != nil {
			problems = append(problems, err)
			continue
		}
		out = append(out, s)
	}
	return out, errors.Join(problems...)
}

func (h *History) summary(run string) (Summary, error) {
	s := Summary{Run: run, State: event.Interrupted, Counts: map[string]int{}}
	ended := false
	var last time.Time
	states := map[graph.Key]string{}
	err := h.Events(run, func(e event.Event) bool {
		last = e.At
		switch e.Kind {
		case event.KindPlan:
			s.At, s.By, s.Selection = e.At, e.By, e.Select
		case event.KindStep:
			if e.Asset != nil {
				states[*e.Asset] = e.State
			}
		case event.KindRun:
			if s.At.IsZero() {
				s.At = e.At
			}
			if event.Final(e.State) {
				ended = true
				s.State = e.State
				if e.Counts != nil {
					s.Counts = e.Counts
				}
				if e.MS != nil {
					s.MS = *e.MS
				}
			}
		}
		return true
	})
	if err != nil {
		return s, err
	}
	if !ended {
		for _, state := range states {
			if event.Final(state) {
				s.Counts[state]++
			} else {
				s.Counts[event.Interrupted]++
			}
		}
		if !s.At.IsZero() {
			s.MS = last.Sub(s.At).Milliseconds()
		}
		if h.locked(run) {
			s.State = event.Running
		}
	}
	return s, nil
}

// locked reports whether a process is writing the run now.
func (h *History) locked(run string) bool {
	file, err := os.Open(filepath.Join(h.Dir(run), "events.jsonl"))
	if err != nil {
		return false
	}
	defer file.Close()
	return unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// maxLine bounds one line of an events file, so that a damaged one cannot eat the memory. The plan of 100,000 steps fits.
const maxLine = 64 << 20

// Events calls yield with each event of a run, in order, until it returns false. Damaged lines are passed over. A run that is not there is an error that wraps fs.ErrNotExist.
func (h *History) Events(run string, yield func(event.Event) bool) error {
	if !ValidID(run) {
		return fmt.Errorf("run %q: %w", run, fs.ErrNotExist)
	}
	file, err := os.Open(filepath.Join(h.Dir(run), "events.jsonl"))
	if err != nil {
		return fmt.Errorf("run %s: %w", run, err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		var e event.Event
		if len(bytes.TrimSpace(lines.Bytes())) == 0 || json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		if !yield(e) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("run %s: %w", run, err)
	}
	return nil
}

// Prune removes runs that began before the time, and runs beyond the newest keep (0: all may stay), except the newest one. When a
// run began stands in its id; no run is read. It returns how many it removed, or with dryRun would remove.
func (h *History) Prune(before time.Time, keep int, dryRun bool) (int, error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, "runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("prune the history: %w", err)
	}
	slices.Reverse(entries)
	removed, seen := 0, 0
	var problems []error
	for _, entry := range entries {
		began, err := time.Parse(idTime, entry.Name()[:min(len(entry.Name()), len(idTime))])
		if !entry.IsDir() || !ValidID(entry.Name()) || err != nil {
			continue // not ours
		}
		seen++
		if seen == 1 || !began.Before(before) && (keep == 0 || seen <= keep) || h.locked(entry.Name()) {
			continue
		}
		if !dryRun {
			if err := os.RemoveAll(h.Dir(entry.Name())); err != nil {
				problems = append(problems, err)
				continue
			}
		}
		removed++
	}
	return removed, errors.Join(problems...)
}
