package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/assetdev/assetdev/engine/history"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/child"
)

// A logbook finds the log of a step: in memory while this engine ran it, else in its file. Safe for any goroutine.
type logbook struct {
	history *history.History

	mu     sync.Mutex
	rings  map[logKey]*child.Ring
	shared map[logKey]graph.Key // whose log is that of the step
	order  []logKey             // of rings, oldest first
}

type logKey struct {
	run string
	key graph.Key
}

// maxRings bounds how many logs stay in memory; older ones are read from their files.
const maxRings = 64

func newLogbook(h *history.History) *logbook {
	return &logbook{history: h, rings: map[logKey]*child.Ring{}, shared: map[logKey]graph.Key{}}
}

// open returns the ring of a step that is about to run.
func (l *logbook) open(run string, key graph.Key, each func(child.Line)) (*child.Ring, error) {
	ring, err := child.NewRing(child.RingOptions{MaxBytes: 4 << 20, MaxLines: 50_000, File: l.history.LogFile(run, key), Each: each})
	if err != nil {
		return nil, fmt.Errorf("keep the log of %s: %w", key, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := logKey{run, key}
	if _, again := l.rings[k]; !again {
		l.order = append(l.order, k)
	}
	l.rings[k] = ring
	for len(l.order) > maxRings {
		delete(l.rings, l.order[0])
		l.order = l.order[1:]
	}
	return ring, nil
}

// share makes the ring of the first step that of the others as well: one process makes all of them.
func (l *logbook) share(run string, keys []graph.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ring := l.rings[logKey{run, keys[0]}]
	for _, key := range keys[1:] {
		delete(l.rings, logKey{run, key})
		if ring != nil {
			l.shared[logKey{run, key}] = keys[0]
		}
	}
}

// shareFile gives the file of the first step's log the names of the others.
func (l *logbook) shareFile(run string, keys []graph.Key) error {
	first := l.history.LogFile(run, keys[0])
	if _, err := os.Stat(first); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var problems []error
	for _, key := range keys[1:] {
		file := l.history.LogFile(run, key)
		err := os.Link(first, file)
		if errors.Is(err, fs.ErrExist) { // of an earlier attempt
			if err = os.Remove(file); err == nil {
				err = os.Link(first, file)
			}
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// Log returns up to max lines of a step's log after the line with number since (0: from the start; negative: the last max
// lines), the number of the last line there is, and how many lines before the first one returned are gone.
func (e *Engine) Log(run string, key graph.Key, since int64, limit int) (lines []LogLine, last, dropped int64, err error) {
	e.logs.mu.Lock()
	if first, ok := e.logs.shared[logKey{run, key}]; ok {
		key = first
	}
	ring := e.logs.rings[logKey{run, key}]
	e.logs.mu.Unlock()
	if ring == nil {
		return e.logs.fromFile(run, key, since, limit)
	}
	total := int64(ring.Stats().Lines)
	var found []child.Line
	if since < 0 {
		found = ring.Tail(limit)
		if len(found) > 0 {
			dropped = int64(found[0].Seq)
		}
	} else {
		var gone uint64
		found, _, gone = ring.Since(uint64(since), limit)
		dropped = int64(gone)
	}
	for _, line := range found {
		lines = append(lines, LogLine{Seq: int64(line.Seq) + 1, At: line.Time, Stream: line.Stream, Level: line.Level, Text: line.Text})
	}
	return lines, total, dropped, nil
}

func (l *logbook) fromFile(run string, key graph.Key, since int64, limit int) ([]LogLine, int64, int64, error) {
	if !history.ValidID(run) {
		return nil, 0, 0, fmt.Errorf("no run %q", run)
	}
	file, err := os.Open(l.history.LogFile(run, key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, 0, nil
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read the log of %s: %w", key, err)
	}
	defer file.Close()
	var lines []LogLine
	seq := int64(0)
	reader := bufio.NewScanner(file)
	reader.Buffer(make([]byte, 64<<10), 2*child.MaxLine)
	for reader.Scan() {
		seq++
		if since >= 0 && (seq <= since || limit > 0 && len(lines) >= limit) {
			continue
		}
		if since < 0 && limit > 0 && len(lines) >= limit {
			lines = lines[1:]
		}
		lines = append(lines, LogLine{Seq: seq, Text: reader.Text()})
	}
	if err := reader.Err(); err != nil {
		return lines, seq, 0, fmt.Errorf("read the log of %s: %w", key, err)
	}
	dropped := int64(0)
	if since < 0 && len(lines) > 0 {
		dropped = lines[0].Seq - 1
	}
	return lines, seq, dropped, nil
}

func (l *logbook) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var problems []error
	for _, ring := range l.rings {
		problems = append(problems, ring.Close())
	}
	clear(l.rings)
	return errors.Join(problems...)
}
