package child

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"
)

// MaxLine is the number of bytes of a line that a [Ring] keeps.
const MaxLine = 64 << 10

// A Line is one line of what a child said.
type Line struct {
	Seq       uint64 // counts from 0 over all streams of the ring
	Time      time.Time
	Stream    string // "stdout", "stderr", "log", …
	Level     string // "" unless given to [Ring.Add]
	Text      string // without its end of line; other carriage returns and escape sequences are kept
	Truncated bool   // only a part of the line was kept
}

// RingOptions say how much a Ring keeps. Zero values are 16 MiB, 200,000 lines and 64 MiB.
type RingOptions struct {
	MaxBytes int
	MaxLines int
	// File gets all lines too, up to FileCap bytes: the first half and the newest lines; "" is no file. It is written by a
	// goroutine of its own; lines that come faster than the disk takes them are left out of it, and a line of it says so.
	File    string
	FileCap int64
	// Each is called with each line, in order for each stream, by the goroutine that writes it. It must not block.
	Each func(Line)
}

// A Ring keeps the newest lines of the streams of a child in bounded memory: (a) the text of all lines is at most MaxBytes, (b) there
// are at most MaxLines, (c) what it forgets it counts, (d) writing waits for nothing but the ring's own short lock. Memory grows as lines come.
// All methods may be called from any goroutine.
type Ring struct {
	options RingOptions
	file    *logFile

	mu      sync.Mutex
	names   []string // streams and levels, by the number in entry
	streams []*Stream
	text    []byte  // circular; the byte at absolute position p is at p % len(text)
	end     uint64  // absolute position behind the newest line
	entries []entry // circular; line seq is at seq % len(entries)
	first   uint64  // seq of the oldest line that is kept
	next    uint64  // seq of the next line
	stats   Stats
}

type entry struct {
	at            uint64 // absolute position of the text
	time          int64  // Unix nanoseconds
	size          uint32
	stream, level uint8
	truncated     bool
}

// Stats count what a Ring saw.
type Stats struct {
	Lines, Bytes uint64 // all that came; bytes without ends of lines
	Forgotten    uint64 // lines that are no longer in memory
	Truncated    uint64 // lines of which only a part was kept
	FileOmitted  uint64 // lines that are not in the file because the disk was too slow
}

// NewRing makes a Ring. It fails only when the file cannot be created. Close it when it has a file.
func NewRing(o RingOptions) (*Ring, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 16 << 20
	}
	if o.MaxLines <= 0 {
		o.MaxLines = 200_000
	}
	if o.FileCap <= 0 {
		o.FileCap = 64 << 20
	}
	r := &Ring{options: o, names: []string{""}}
	if o.File != "" {
		var err error
		if r.file, err = openLogFile(o.File, o.FileCap); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// A Stream splits what is written to it into lines of its Ring. One goroutine writes; Flush ends an unfinished line.
type Stream struct {
	ring      *Ring
	name      uint8
	partial   []byte
	truncated bool
}

// Stream adds a stream of bytes to the ring.
func (r *Ring) Stream(name string) *Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &Stream{ring: r, name: r.number(name)}
	r.streams = append(r.streams, s)
	return s
}

// Write takes all of p and never fails.
func (s *Stream) Write(p []byte) (int, error) {
	r, n := s.ring, len(p)
	now := time.Now().UnixNano()
	var lines []Line // for Each
	r.mu.Lock()
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.keep(p)
			break
		}
		line, truncated := p[:i], false
		p = p[i+1:]
		if len(s.partial) > 0 || s.truncated || len(line) > MaxLine {
			s.keep(line)
			line, truncated = s.partial, s.truncated
		}
		r.add(now, s.name, 0, line, truncated, &lines)
		s.partial, s.truncated = s.partial[:0], false
	}
	r.wake()
	r.mu.Unlock()
	r.each(lines)
	return n, nil
}

// keep adds to the unfinished line what there is room for. When there is none, a line that overwrites itself by carriage
// returns, as progress bars do, gives up what was overwritten.
func (s *Stream) keep(p []byte) {
	if len(s.partial)+len(p) > MaxLine {
		if i := bytes.LastIndexByte(p[:max(0, len(p)-1)], '\r'); i >= 0 {
			s.partial, p = s.partial[:0], p[i+1:]
			s.truncated = true
		} else if i := bytes.LastIndexByte(s.partial, '\r'); i >= 0 {
			s.partial = append(s.partial[:0], s.partial[i+1:]...)
			s.truncated = true
		}
	}
	if room := MaxLine - len(s.partial); len(p) > room {
		p, s.truncated = p[:room], true
	}
	s.partial = append(s.partial, p...)
}

// Flush ends an unfinished line.
func (s *Stream) Flush() {
	r := s.ring
	var lines []Line
	r.mu.Lock()
	if len(s.partial) > 0 || s.truncated {
		r.add(time.Now().UnixNano(), s.name, 0, s.partial, s.truncated, &lines)
		s.partial, s.truncated = nil, false
	}
	r.wake()
	r.mu.Unlock()
	r.each(lines)
}

// Add adds a text that did not come by a stream, as one line or, when it holds ends of lines, several.
func (r *Ring) Add(stream, level, text string) {
	now := time.Now().UnixNano()
	var lines []Line
	r.mu.Lock()
	s, l := r.number(stream), r.number(level)
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		r.add(now, s, l, []byte(line[:min(len(line), MaxLine)]), len(line) > MaxLine, &lines)
	}
	r.wake()
	r.mu.Unlock()
	r.each(lines)
}

// number returns the number of a name. There are few names; after 255 of them the rest is "".
func (r *Ring) number(name string) uint8 {
	i := slices.Index(r.names, name)
	if i < 0 && len(r.names) < 256 {
		i = len(r.names)
		r.names = append(r.names, strings.Clone(name))
	}
	return uint8(max(0, i))
}

func (r *Ring) add(now int64, stream, level uint8, line []byte, truncated bool, each *[]Line) {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) > r.options.MaxBytes {
		line, truncated = line[:r.options.MaxBytes], true
	}
	e := entry{at: r.end, time: now, size: uint32(len(line)), stream: stream, level: level, truncated: truncated}
	r.room(len(line))
	r.entries[r.next%uint64(len(r.entries))] = e
	r.next++
	if len(line) > 0 {
		at := int(r.end % uint64(len(r.text)))
		copy(r.text, line[copy(r.text[at:], line):])
		r.end += uint64(len(line))
	}
	r.stats.Lines++
	r.stats.Bytes += uint64(len(line))
	if truncated {
		r.stats.Truncated++
	}
	if r.file != nil {
		r.file.add(line, truncated)
	}
	if r.options.Each != nil {
		*each = append(*each, r.line(r.next-1))
	}
}

func (r *Ring) each(lines []Line) {
	for _, l := range lines {
		r.options.Each(l)
	}
}

func (r *Ring) wake() {
	if r.file != nil {
		r.file.wake()
	}
}

// room forgets the oldest lines, or takes more memory, until one more line of the size fits.
func (r *Ring) room(size int) {
	if used := int(r.next - r.first); used == len(r.entries) {
		if used < r.options.MaxLines {
			grown := make([]entry, min(r.options.MaxLines, max(64, 2*used)))
			for seq := r.first; seq < r.next; seq++ {
				grown[seq%uint64(len(grown))] = r.entries[seq%uint64(used)]
			}
			r.entries = grown
		} else {
			r.forget()
		}
	}
	if need := r.used() + size; need > len(r.text) && len(r.text) < r.options.MaxBytes {
		grown := make([]byte, min(r.options.MaxBytes, max(4096, need, 2*len(r.text))))
		for at := r.end - uint64(r.used()); at < r.end; {
			from := r.text[at%uint64(len(r.text)):]
			from = from[:min(uint64(len(from)), r.end-at)]
			at += uint64(copy(grown[at%uint64(len(grown)):], from))
		}
		r.text = grown
	}
	for r.used()+size > len(r.text) {
		r.forget()
	}
}

func (r *Ring) forget() {
	r.first++
	r.stats.Forgotten++
}

// used returns the number of bytes of the lines that are kept.
func (r *Ring) used() int {
	if r.first == r.next {
		return 0
	}
	return int(r.end - r.entries[r.first%uint64(len(r.entries))].at)
}

func (r *Ring) line(seq uint64) Line {
	e := r.entries[seq%uint64(len(r.entries))]
	var text strings.Builder
	if size := uint64(e.size); size > 0 {
		at := e.at % uint64(len(r.text))
		whole := min(size, uint64(len(r.text))-at)
		text.Grow(int(size))
		text.Write(r.text[at : at+whole])
		text.Write(r.text[:size-whole])
	}
	return Line{
		Seq: seq, Time: time.Unix(0, e.time), Stream: r.names[e.stream], Level: r.names[e.level],
		Text: text.String(), Truncated: e.truncated,
	}
}

// Since returns the lines from number seq on, oldest first, and the number to ask for next. Dropped counts the lines from seq on
// that are missing before the first one returned, as they are no longer kept or more than limit; limit 0 is none.
func (r *Ring) Since(seq uint64, limit int) (lines []Line, next, dropped uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := max(min(seq, r.next), r.first)
	if limit > 0 && r.next-from > uint64(limit) {
		from = r.next - uint64(limit)
	}
	lines = make([]Line, 0, r.next-from)
	for i := from; i < r.next; i++ {
		lines = append(lines, r.line(i))
	}
	return lines, r.next, from - min(seq, from)
}

// Tail returns the newest lines, at most n, oldest first.
func (r *Ring) Tail(n int) []Line {
	lines, _, _ := r.Since(0, max(1, n))
	return lines
}

// Partial returns the unfinished lines of the streams that have one, such as a prompt or a progress bar. Seq is that of the next line.
func (r *Ring) Partial() []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []Line
	for _, s := range r.streams {
		if len(s.partial) > 0 {
			lines = append(lines, Line{Seq: r.next, Stream: r.names[s.name], Text: string(s.partial), Truncated: s.truncated})
		}
	}
	return lines
}

// Stats returns what the ring has seen so far.
func (r *Ring) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := r.stats
	if r.file != nil {
		stats.FileOmitted = r.file.omittedLines()
	}
	return stats
}

// Close finishes the file and returns the first error of writing it. The lines in memory stay readable; nothing may be written afterwards.
func (r *Ring) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.close()
}
