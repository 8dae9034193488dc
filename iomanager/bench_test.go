package iomanager

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assetdev/assetdev/graph"
)

// farm makes a storage with n assets of two versions each, all of them older than the racy window, and returns their keys.
func farm(tb testing.TB, cfg Config, n int, name func(int) graph.Key) []graph.Key {
	tb.Helper()
	keys := make([]graph.Key, n)
	old := time.Now().Add(-time.Hour)
	write := func(name, text string) {
		path := filepath.Join(cfg.BaseDir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range n {
		key := name(i)
		keys[i] = key
		for _, dir := range []string{logOf(key), dataFolder + "/" + folderOf(key), filepath.Dir(wellKnown(key, ""))} {
			if err := os.MkdirAll(filepath.Join(cfg.BaseDir, dir), 0o700); err != nil {
				tb.Fatal(err)
			}
		}
		for seq := range int64(2) {
			text := parquetHead + "us\n" + strings.Repeat(fmt.Sprintln(key, seq), 100)
			e := &entry{Record: record(key.String(), fmt.Sprint("r", seq))}
			e.Seq, e.Rows, e.Bytes, e.DataVersion, e.File = seq+1, 100, int64(len(text)), fmt.Sprint("t1:", rand.Uint64()), dataName(key, e.Run, 1, ".parquet")
			for j := range 12 {
				e.Code.Parts = append(e.Code.Parts, graph.Part{Symbol: fmt.Sprintf("repo_%d/pkg.function%d", i%50, j), Hash: fmt.Sprintf("%016x", rand.Uint64()), File: "repo/file.go", Line: j})
				e.Columns = append(e.Columns, graph.Column{Name: fmt.Sprint("column", j), Type: "int64"})
			}
			for j := range 3 {
				e.Inputs[graph.MustKey(fmt.Sprintf("group_%d/asset_%d", j, max(0, i-j)))] = fmt.Sprint("t1:", rand.Uint64())
			}
			sum, err := sumOf(tb.Context(), strings.NewReader(text))
			if err != nil {
				tb.Fatal(err)
			}
			e.Sum = sum
			data, err := encode(e)
			if err != nil {
				tb.Fatal(err)
			}
			write(e.File, text)
			write(recordName(key, e.Seq), string(data))
			write(e.wellKnown(), text)
		}
		if err := os.Chtimes(filepath.Join(cfg.BaseDir, logOf(key)), old, old); err != nil {
			tb.Fatal(err)
		}
	}
	return keys
}

// cpu reports the processor time of an operation, which other work on the machine inflates less than the wall time.
func cpu(b *testing.B) func() {
	used := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op") }
}

func BenchmarkStored(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		dir := b.TempDir()
		cfg := Config{BaseDir: filepath.Join(dir, "assets"), StateDir: filepath.Join(dir, "state"), Tables: plain{}}
		keys := farm(b, cfg, n, func(i int) graph.Key { return graph.MustKey(fmt.Sprintf("group_%d/asset_%d", i%50, i)) })
		stored := func(b *testing.B, m *Manager) {
			found, err := m.Stored(b.Context(), keys)
			if err != nil || len(found) != n || found[keys[n/2]].Data != graph.DataPresent {
				b.Fatal(len(found), found[keys[n/2]], err)
			}
		}
		open := func(b *testing.B) *Manager {
			m, err := Open(b.Context(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			return m
		}
		b.Run(fmt.Sprintf("assets=%d/no index", n), func(b *testing.B) {
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				_ = os.Remove(filepath.Join(cfg.StateDir, "index"))
				stored(b, open(b))
			}
		})
		// Stamps of files made just now are racy (their ctime cannot be set): pretend that they were looked at later.
		m := open(b)
		stored(b, m)
		for _, k := range m.index.known {
			k.logSeen, k.dataSeen = k.logSeen+int64(time.Hour), k.dataSeen+int64(time.Hour)
		}
		if err := m.index.write(); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("assets=%d", n), func(b *testing.B) { // as a new process does it
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				stored(b, open(b))
			}
		})
		b.Run(fmt.Sprintf("assets=%d/again", n), func(b *testing.B) {
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				stored(b, m)
			}
		})
	}
}
