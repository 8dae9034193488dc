package child

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newRing(t testing.TB, o RingOptions) *Ring {
	t.Helper()
	r, err := NewRing(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func texts(lines []Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

func TestRingLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, test := range []struct {
		name      string
		writes    []string
		want      []string
		truncated bool // of the first line
	}{
		{"lines", []string{"a\nb\n"}, []string{"a", "b"}, false},
		{"parts", []string{"a", "b\nc", "", "d"}, []string{"ab", "cd"}, false},
		{"empty lines", []string{"\n\na\n"}, []string{"", "", "a"}, false},
		{"carriage returns", []string{"10%\r20%\r\n", "x\r", "\n"}, []string{"10%\r20%", "x"}, false},
		{"as long as can be", []string{long + "\nb\n"}, []string{long, "b"}, false},
		{"too long at once", []string{long + "y\nb\n"}, []string{long, "b"}, true},
		{"too long in parts", []string{long, "y", "\nb\n"}, []string{long, "b"}, true},
		{"too long to the end", []string{long, long}, []string{long}, true},
		{"progress bar", []string{long[:40000] + "\r", long[:40000], "\rdone\n"}, []string{long[:40000] + "\rdone"}, true},
		{"progress bar at once", []string{long + "\rdone\n"}, []string{"done"}, true},
		{"bytes", []string{"\x00\xff\n"}, []string{"\x00\xff"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRing(t, RingOptions{})
			s := r.Stream("stdout")
			for _, w := range test.writes {
				if n, err := s.Write([]byte(w)); n != len(w) || err != nil {
					t.Fatalf("write: got %d, %v, want %d", n, err, len(w))
				}
			}
			s.Flush()
			lines, next, dropped := r.Since(0, 0)
			if diff := cmp.Diff(test.want, texts(lines)); diff != "" || next != uint64(len(test.want)) || dropped != 0 {
				t.Fatalf("next %d, dropped %d, lines (-want +got):\n%s", next, dropped, diff)
			}
			if lines[0].Truncated != test.truncated || lines[0].Stream != "stdout" || lines[0].Time.IsZero() {
				t.Errorf("got %+v, want stdout, truncated %v", lines[0], test.truncated)
			}
		})
	}
}

func TestRingPartialAndAdd(t *testing.T) {
	r := newRing(t, RingOptions{})
	s := r.Stream("stderr")
	_, _ = s.Write([]byte("50%"))
	r.Add("log", "warning", "one\ntwo\n")
	r.Add("log", "", strings.Repeat("y", MaxLine+1))
	p := r.Partial()
	if len(p) != 1 || p[0].Text != "50%" || p[0].Stream != "stderr" {
		t.Errorf("partial: got %+v", p)
	}
	s.Flush()
	if p := r.Partial(); p != nil {
		t.Errorf("partial after flush: got %+v", p)
	}
	lines := r.Tail(10)
	if len(lines) != 4 || lines[1].Level != "warning" || lines[1].Text != "two" || !lines[2].Truncated || lines[3].Text != "50%" {
		t.Errorf("got %+v", texts(lines))
	}
	for i := range 1000 {
		r.Add(fmt.Sprint(i), "", "many names")
	}
	if got := r.Tail(1)[0]; got.Stream != "" || got.Text != "many names" {
		t.Errorf("name beyond the limit: got %+v", got)
	}
}

// The ring holds what a list of lines holds of which the oldest are removed.
func TestRingProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxBytes, maxLines := rapid.IntRange(1, 300).Draw(t, "bytes"), rapid.IntRange(1, 20).Draw(t, "lines")
		r, err := NewRing(RingOptions{MaxBytes: maxBytes, MaxLines: maxLines})
		if err != nil {
			t.Fatal(err)
		}
		s := r.Stream("stdout")
		var all []string
		size, first, asked := 0, 0, uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				for _, line := range rapid.SliceOfN(rapid.StringMatching(`[a-z]{0,90}`), 1, 5).Draw(t, "lines") {
					_, _ = s.Write([]byte(line + "\n"))
					all = append(all, line[:min(len(line), maxBytes)])
					size += len(all[len(all)-1])
				}
				for len(all)-first > maxLines || size > maxBytes {
					size -= len(all[first])
					first++
				}
			},
			"since": func(t *rapid.T) {
				from, limit := rapid.Uint64Range(0, uint64(len(all)+2)).Draw(t, "from"), rapid.IntRange(0, 5).Draw(t, "limit")
				if rapid.Bool().Draw(t, "go on") {
					from = asked
				}
				lines, next, dropped := r.Since(from, limit)
				asked = next
				begin := max(first, int(min(from, uint64(len(all)))))
				if limit > 0 {
					begin = max(begin, len(all)-limit)
				}
				if diff := cmp.Diff(append([]string(nil), all[begin:]...), texts(lines)); diff != "" {
					t.Fatalf("lines (-want +got):\n%s", diff)
				}
				if want := max(0, begin-int(from)); next != uint64(len(all)) || dropped != uint64(want) {
					t.Fatalf("got next %d, dropped %d, want %d, %d", next, dropped, len(all), want)
				}
			},
			"": func(t *rapid.T) {
				stats := r.Stats()
				if stats.Lines != uint64(len(all)) || stats.Forgotten != uint64(first) || len(r.text) > maxBytes || len(r.entries) > maxLines {
					t.Fatalf("got %+v, %d bytes, %d lines; want %d lines, %d forgotten, within %d and %d",
						stats, len(r.text), len(r.entries), len(all), first, maxBytes, maxLines)
				}
			},
		})
	})
}

func TestRingWithoutNewline(t *testing.T) {
	mib := 64
	if os.Getenv("ASSETDEV_HEAVY") != "" {
		mib = 1024
	}
	r := newRing(t, RingOptions{})
	s := r.Stream("stdout")
	block := bytes.Repeat([]byte("x"), 1<<20)
	for range mib {
		_, _ = s.Write(block)
	}
	if len(r.text) > 0 || cap(s.partial) > 2*MaxLine {
		t.Errorf("got %d and %d bytes in memory", len(r.text), cap(s.partial))
	}
	_, _ = s.Write([]byte("\nnext\n"))
	if lines := r.Tail(2); len(lines) != 2 || !lines[0].Truncated || len(lines[0].Text) != MaxLine || lines[1].Text != "next" || lines[1].Truncated {
		t.Errorf("got %d lines", len(lines))
	}
}

func TestRingEach(t *testing.T) {
	var got []string
	r := newRing(t, RingOptions{MaxLines: 1, Each: func(l Line) { got = append(got, l.Stream+" "+l.Text) }})
	s := r.Stream("stdout")
	_, _ = s.Write([]byte("a\nb\nc"))
	r.Add("log", "info", "d")
	s.Flush()
	if diff := cmp.Diff([]string{"stdout a", "stdout b", "log d", "stdout c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRingFile(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines int
		limit int64
		first int // lines of the head
		last  int // at least so many of the tail
	}{
		{"all fits", 50, 1000, 50, 0},
		{"tail fits", 90, 1000, 50, 40},
		{"middle left out", 100_000, 1000, 50, 25},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "log")
			r := newRing(t, RingOptions{MaxLines: 5, File: name, FileCap: test.limit})
			s := r.Stream("stdout")
			for i := range test.lines {
				_, _ = fmt.Fprintf(s, "%09d\n", i) // 10 bytes
				if i%1000 == 0 {
					runtime.Gosched() // lets the file's goroutine see several batches
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Errorf("second close: %v", err)
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var numbers []int
			notes := 0
			for line := range strings.Lines(string(text)) {
				var n int
				if _, err := fmt.Sscanf(line, "%d", &n); err != nil || len(line) != 10 {
					notes++
					continue
				}
				numbers = append(numbers, n)
			}
			for i := range test.first {
				if numbers[i] != i {
					t.Fatalf("line %d of the head is %d", i, numbers[i])
				}
			}
			tail := numbers[test.first:]
			if len(tail) < test.last || int64(10*len(numbers)) > test.limit {
				t.Errorf("got %d lines of the tail, %d in all; want at least %d and %d bytes in all", len(tail), len(numbers), test.last, test.limit)
			}
			for i, n := range tail {
				if want := test.lines - len(tail) + i; n != want {
					t.Fatalf("line %d of the tail is %d, want %d", i, n, want)
				}
			}
			if want := min(1, max(0, test.lines-100)); notes != want {
				t.Errorf("got %d notes, want %d", notes, want)
			}
			if left, _ := filepath.Glob(name + ".tail*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestRingFileErrors(t *testing.T) {
	if _, err := NewRing(RingOptions{File: filepath.Join(t.TempDir(), "none", "log")}); err == nil {
		t.Error("a file that cannot be created: got no error")
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		r := newRing(t, RingOptions{File: "/dev/full"})
		r.Add("log", "", "a line")
		if err := r.Close(); err == nil || len(r.Tail(1)) != 1 {
			t.Errorf("a full disk: got %v, %d lines; want an error and the line", err, len(r.Tail(1)))
		}
	}
}

// A disk that is slower than the child costs lines of the file, never the child's time.
func TestLogFileNeverBlocks(t *testing.T) {
	f := &logFile{ready: make(chan struct{}, 1)} // nobody writes
	line := bytes.Repeat([]byte("x"), 1<<10)
	for range 2 * maxPending >> 10 {
		f.add(line, false)
		f.wake()
	}
	if len(f.pending) > maxPending || f.omitted < maxPending>>10 {
		t.Errorf("got %d bytes waiting and %d lines omitted", len(f.pending), f.omitted)
	}
	f.pending = nil
	f.add(line, false)
	if !strings.Contains(string(f.pending), "lines left out here") {
		t.Errorf("got %q, want a note of what was left out", f.pending[:80])
	}
}

func BenchmarkRing(b *testing.B) {
	line := []byte(strings.Repeat("x", 99) + "\n")
	block := bytes.Repeat(line, 640)
	for _, file := range []bool{false, true} {
		b.Run(fmt.Sprintf("file=%v", file), func(b *testing.B) {
			o := RingOptions{}
			if file {
				o.File = filepath.Join(b.TempDir(), "log")
			}
			r := newRing(b, o)
			s := r.Stream("stdout")
			b.ReportAllocs()
			b.SetBytes(int64(len(block)))
			for b.Loop() {
				_, _ = s.Write(block)
			}
			b.ReportMetric(float64(b.N)*640/b.Elapsed().Seconds(), "lines/s")
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkCapture is the whole way: a child prints as fast as it can, a screen looks 30 times a second.
func BenchmarkCapture(b *testing.B) {
	r := newRing(b, RingOptions{})
	lines := 0
	for b.Loop() {
		p, err := Start(Command{Path: "sh", Args: []string{"-c", "yes " + strings.Repeat("x", 99) + " | head -n 1000000"}, Stdout: r.Stream("stdout")})
		if err != nil {
			b.Fatal(err)
		}
		p.Wait()
		lines += 1_000_000
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-sys")
}
