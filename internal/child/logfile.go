package child

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// A logFile is a file of lines with a size limit that keeps the beginning and the end. The first half of the limit is written
// to the file itself. Further lines go to two files beside it, NAME.tail0 and NAME.tail1, of a quarter each and by turns, so that at least
// a quarter of the newest is always there; close appends them. Whoever reads the file of a killed assetdev finds all three.
//
// A goroutine of its own writes, from a buffer of bounded size. What does not fit in is left out and counted.
type logFile struct {
	name  string
	cap   int64
	ready chan struct{} // has one element when there is work
	ended chan struct{}

	mu      sync.Mutex
	pending []byte
	spare   []byte
	omitted uint64 // lines, in total
	gap     uint64 // lines since the last that was taken
	closing bool

	// Of the goroutine, and of close after it.
	head    *os.File
	size    int64 // of the head
	tails   [2]*os.File
	turn    int
	written int64 // to the current tail
	lost    int64 // bytes that were in a tail that was begun anew
	err     error
}

// maxPending is how much waits for the disk.
const maxPending = 4 << 20

func openLogFile(name string, limit int64) (*logFile, error) {
	head, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	f := &logFile{name: name, cap: limit, head: head, ready: make(chan struct{}, 1), ended: make(chan struct{})}
	go f.run() // close waits for it
	return f, nil
}

// add takes one line if there is room for it.
func (f *logFile) add(line []byte, truncated bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending)+len(line) > maxPending {
		f.omitted++
		f.gap++
		return
	}
	if f.gap > 0 {
		f.pending = fmt.Appendf(f.pending, "[assetdev: %d lines left out here, they came faster than the disk takes them]\n", f.gap)
		f.gap = 0
	}
	f.pending = append(f.pending, line...)
	if truncated {
		f.pending = append(f.pending, " [assetdev: line cut]"...)
	}
	f.pending = append(f.pending, '\n')
}

func (f *logFile) wake() {
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

func (f *logFile) omittedLines() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.omitted
}

func (f *logFile) run() {
	defer close(f.ended)
	for range f.ready {
		f.mu.Lock()
		batch, closing := f.pending, f.closing
		f.pending = f.spare[:0]
		f.mu.Unlock()
		if f.err == nil {
			f.err = f.write(batch)
		}
		f.mu.Lock()
		f.spare = batch
		f.mu.Unlock()
		if closing {
			return
		}
	}
}

// write writes whole lines to the head while it has room, then to the tails.
func (f *logFile) write(batch []byte) error {
	for len(batch) > 0 {
		if f.tails[0] == nil {
			part := lines(batch, f.cap/2-f.size)
			n, err := f.head.Write(part)
			f.size += int64(n)
			if err != nil {
				return err
			}
			if batch = batch[len(part):]; len(batch) == 0 {
				return nil
			}
			for i := range f.tails {
				if f.tails[i], err = os.Create(fmt.Sprintf("%s.tail%d", f.name, i)); err != nil {
					return err
				}
			}
		}
		part := lines(batch, f.cap/4-f.written)
		n, err := f.tails[f.turn].Write(part)
		f.written += int64(n)
		if err != nil {
			return err
		}
		if batch = batch[len(part):]; len(batch) > 0 {
			f.turn, f.written = 1-f.turn, 0
			if len(lines(batch, f.cap/4)) == 0 {
				return errors.New("the limit is shorter than one line")
			}
			next := f.tails[f.turn]
			at, err := next.Seek(0, io.SeekEnd)
			if err != nil {
				return err
			}
			f.lost += at
			if err := next.Truncate(0); err != nil {
				return err
			}
			if _, err := next.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
	}
	return nil
}

// lines returns the longest beginning of whole lines that has at most room bytes.
func lines(batch []byte, room int64) []byte {
	if int64(len(batch)) <= room {
		return batch
	}
	return batch[:bytes.LastIndexByte(batch[:max(0, room)], '\n')+1]
}

func (f *logFile) close() error {
	f.mu.Lock()
	again := f.closing
	f.closing = true
	f.mu.Unlock()
	if again {
		<-f.ended
		return nil
	}
	f.wake()
	<-f.ended
	err := f.err
	if f.tails[0] != nil && f.tails[1] != nil {
		if f.lost > 0 {
			_, e := fmt.Fprintf(f.head, "[assetdev: %d bytes left out here, the log is limited to %d]\n", f.lost, f.cap)
			err = errors.Join(err, e)
		}
		for _, i := range []int{1 - f.turn, f.turn} {
			_, e := f.tails[i].Seek(0, io.SeekStart)
			if e == nil {
				_, e = io.Copy(f.head, f.tails[i])
			}
			err = errors.Join(err, e)
		}
	}
	for i, t := range f.tails {
		if t != nil {
			err = errors.Join(err, t.Close())
			if e := os.Remove(fmt.Sprintf("%s.tail%d", f.name, i)); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	err = errors.Join(err, f.head.Close())
	if err != nil {
		return fmt.Errorf("write log %s: %w", f.name, err)
	}
	return nil
}
