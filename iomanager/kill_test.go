package iomanager

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assetdev/assetdev/graph"
)

// writerVariable holds the folder in which a child of this test binary commits until it is killed.
const writerVariable = "ASSETDEV_TEST_WRITER"

var killKeys = []graph.Key{graph.MustKey("a"), graph.MustKey("d/b")}

// writer commits until somebody kills it, and says on stdout what was committed: key, number, run.
func writer(dir string) int {
	ctx := context.Background()
	m, err := Open(ctx, killConfig(dir))
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	for i := 0; ; i++ {
		key := killKeys[rand.IntN(len(killKeys))]
		run := fmt.Sprintf("r%d-%d", os.Getpid(), i)
		out := filepath.Join(dir, run)
		text := strings.Repeat(run+"\n", 1+rand.IntN(3000))
		base, err := m.Latest(ctx, key)
		if err == nil {
			err = os.WriteFile(out, []byte(text), 0o600)
		}
		if err != nil {
			fmt.Println("error", err)
			return 1
		}
		d := Draft{Record: record(key.String(), run), Output: out, Format: FormatArrow}
		if base != nil {
			d.BaseSeq = base.Seq
		}
		r, outcome, err := m.Commit(ctx, d)
		if err == nil && outcome == Succeeded {
			fmt.Println("committed", key, r.Seq, run)
		}
		if err == nil && i%5 == 4 {
			_, err = m.Collect(ctx, false, killKeys...)
		}
		if err = errors.Join(err, os.Remove(out)); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
}

func killConfig(dir string) Config {
	return Config{BaseDir: filepath.Join(dir, "assets"), StateDir: filepath.Join(dir, "state"), Tables: plain{}, Keep: Keep{Versions: 3}}
}

// Writers are killed at any moment; readers see whole data at all times, and what was acknowledged stays.
func TestKill(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	done := make(chan struct{})
	var readers sync.WaitGroup
	reads := 0
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, key := range killKeys {
				data, err := os.ReadFile(filepath.Join(dir, "assets", key.String()+".parquet"))
				if err == nil {
					reads++
					wantWhole(t, data)
				} else if !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
			}
		}
	})
	acknowledged := map[string]int64{} // "key run" to number
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		var children sync.WaitGroup
		var mu sync.Mutex
		for range 2 {
			cmd := exec.CommandContext(t.Context(), exe)
			cmd.Env = append(os.Environ(), writerVariable+"="+dir)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			started := make(chan struct{})
			children.Go(func() {
				lines := bufio.NewReader(out)
				for first := true; ; first = false {
					line, err := lines.ReadString('\n')
					if first {
						close(started)
					}
					if errors.Is(err, io.EOF) {
						break // half a line is no answer
					}
					var key, run string
					var seq int64
					if _, err := fmt.Sscanf(line, "committed %s %d %s", &key, &seq, &run); err != nil {
						t.Errorf("a writer says %q", line)
						break
					}
					mu.Lock()
					acknowledged[key+" "+run] = seq
					mu.Unlock()
				}
				_ = cmd.Wait() // killed, as it should be
			})
			children.Go(func() {
				<-started
				<-time.After(time.Duration(rand.IntN(60_000)) * time.Microsecond) // a random moment, nothing is waited for
				_ = cmd.Process.Kill()                                            // it may have ended by itself; then its last line said why
			})
		}
		children.Wait()
		checkKilled(t, dir, acknowledged)
	}
	close(done)
	readers.Wait()
	t.Logf("%d commits acknowledged, %d whole reads", len(acknowledged), reads)
	if len(acknowledged) < rounds || reads == 0 {
		t.Errorf("%d commits and %d reads in %d rounds: nothing was tested", len(acknowledged), reads, rounds)
	}
}

// wantWhole checks that data is what one writer wrote: equal lines.
func wantWhole(t *testing.T, data []byte) {
	head, rows, _ := strings.Cut(string(data), "\n")
	line, _, _ := strings.Cut(rows, "\n")
	if head != parquetHead+"us" || line == "" || strings.Count(rows, line+"\n")*(len(line)+1) != len(rows) {
		t.Errorf("torn data: %d bytes, %.40q", len(data), data)
	}
}

func checkKilled(t *testing.T, dir string, acknowledged map[string]int64) {
	t.Helper()
	cfg := killConfig(dir)
	cfg.StateDir = filepath.Join(t.TempDir(), "state")
	b := openBench(t, cfg)
	for _, key := range killKeys {
		s := b.stored(key.String())
		switch s.Data {
		case graph.DataAbsent, graph.DataPresent:
		case graph.DataMissing: // killed before the very first copy
			if _, _, err := b.Restore(t.Context(), key, *s.Record, *s.Record); err != nil {
				t.Error(err)
			}
		case graph.DataChanged, graph.DataForeign, graph.DataUnreachable:
			t.Errorf("%s: state %d, %q", key, s.Data, s.Text)
		}
		entries, damaged, err := b.entries(t.Context(), key)
		if err != nil || len(damaged) > 0 {
			t.Fatalf("log of %s: %v, %v", key, damaged, err)
		}
		for _, e := range entries {
			if seq, ok := acknowledged[key.String()+" "+e.Run]; ok && seq != e.Seq {
				t.Errorf("%s of run %s was told number %d and is %d", key, e.Run, seq, e.Seq)
			}
		}
		runs := map[string]bool{}
		for _, e := range entries {
			runs[e.Run] = true
		}
		for answer, seq := range acknowledged {
			if k, run, _ := strings.Cut(answer, " "); k == key.String() && !runs[run] && seq > entries[0].Seq-recentRecords {
				t.Errorf("%s, number %d, was acknowledged and is gone", answer, seq)
			}
		}
		if data, err := os.ReadFile(b.Path(key)); err == nil {
			wantWhole(t, data)
		}
	}
	b.sound()
}
