package iomanager

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/store"
)

func TestSegments(t *testing.T) {
	long := strings.Repeat("x", 300)
	for partition, want := range map[string]string{
		"2026-11-01": "2026-11-01", "2026-11-01-00:00": "2026-11-01-00:00", "a|b": "a%7Cb", "..": "%2E.", ".tmp-x": "%2Etmp-x", "a/b": "a%2Fb", "50%": "50%25",
		"é": "%C3%A9", "v1.2": "v1.2", "x ~": "x%20%7E", "@": "%40",
	} {
		if got := graph.PartitionSegment(partition); got != want {
			t.Errorf("%q: got %q, want %q", partition, got, want)
		}
	}
	if a, b := graph.PartitionSegment(long+"a"), graph.PartitionSegment(long+"b"); a == b || len(a) > 200 || !strings.HasPrefix(a, "xxxx") {
		t.Errorf("got %q and %q for long keys", a, b)
	}
}

func TestSegmentsAreNamesAndTellPartitionsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.OneOf(rapid.String(), rapid.StringMatching(`[%~./a|-]{1,6}`), rapid.StringMatching(`(é|x|%){100,120}`))
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		if graph.CheckPartition(a) != nil || graph.CheckPartition(b) != nil {
			return
		}
		key := graph.MustKey("m/o").At(a)
		for _, name := range []string{wellKnown(key, ".parquet"), recordName(key, 7), dataName(key, "r", 1, ".parquet")} {
			if err := store.CheckName(name); err != nil {
				t.Fatal(err)
			}
		}
		if (graph.PartitionSegment(a) == graph.PartitionSegment(b)) != (a == b) {
			t.Fatalf("%q and %q are both %q", a, b, graph.PartitionSegment(a))
		}
		back, whole, ok := partitionOf(graph.PartitionSegment(a))
		if !ok || whole && back != a {
			t.Fatalf("%q comes back as %q (%v, %v)", a, back, whole, ok)
		}
	})
}

func FuzzPartitionOf(f *testing.F) {
	for _, segment := range []string{"2026-11-01", "a%7Cb", "%", "%2e", "~", "a/b", "%7E"} {
		f.Add(segment)
	}
	f.Fuzz(func(t *testing.T, segment string) {
		if partition, whole, ok := partitionOf(segment); ok && whole && graph.PartitionSegment(partition) != segment {
			t.Errorf("%q is %q, whose segment is %q", segment, partition, graph.PartitionSegment(partition))
		}
	})
}

func TestPartitions(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("long ", 60)
	partitions := []string{"2026-11-01", "2026-11-02", "eu/west|..", long}
	key := func(p string) string { return graph.MustKey("marts/orders").At(p).String() }
	b.write("marts/orders", "whole\n") // from before it had partitions
	for _, p := range partitions {
		b.wantState(key(p), graph.DataAbsent, "")
		r := b.write(key(p), p+"\n")
		if r.Key != named(key(p)) {
			t.Errorf("got a record of %s, want %s", r.Key, key(p))
		}
		if s := b.wantState(key(p), graph.DataPresent, ""); s.Record == nil || s.Record.Key != named(key(p)) || s.Record.DataVersion != r.DataVersion {
			t.Errorf("%s: got %+v", p, s.Record)
		}
	}
	b.wantCopy("marts/orders/2026-11-01.parquet", "2026-11-01\n")
	b.wantCopy("marts/orders/eu%2Fwest%7C...parquet", "eu/west|..\n")
	b.wantCopy("marts/orders.parquet", "whole\n")
	if got := b.Path(named(key("2026-11-02"))); got != b.file("marts/orders/2026-11-02.parquet") {
		t.Errorf("got the path %s", got)
	}

	second := b.write(key("2026-11-01"), "again\n")
	versions, err := b.Versions(t.Context(), named(key("2026-11-01")))
	if err != nil || len(versions) != 2 || versions[0].Run != second.Run {
		t.Fatalf("got %v, %v", versions, err)
	}
	p, err := b.Preview(t.Context(), named(key("2026-11-01")), VersionName(versions[1]), PageRequest{Limit: 5})
	if err != nil || len(p.Rows) != 1 || p.Rows[0][0].Value != "2026-11-01" {
		t.Errorf("got %v, %v", p.Rows, err)
	}
	if _, _, err := b.Restore(t.Context(), named(key("2026-11-01")), versions[1], record(key("2026-11-01"), "back")); err != nil {
		t.Fatal(err)
	}
	b.wantCopy("marts/orders/2026-11-01.parquet", "2026-11-01\n")

	b.overwrite("marts/orders/2026-11-02.parquet", parquetHead+"them\nother\n")
	b.remove("marts/orders/eu%2Fwest%7C...parquet")
	b.wantState(key("2026-11-02"), graph.DataChanged, "written by something else")
	b.wantState(key("eu/west|.."), graph.DataMissing, "")
	b = b.reopen(false)
	b.wantState(key("2026-11-02"), graph.DataChanged, "written by something else")
	b = b.reopen(true)
	b.wantState(key("eu/west|.."), graph.DataMissing, "")
	b.wantState(key(long), graph.DataPresent, "")
	b.wantState(key("never"), graph.DataAbsent, "")

	b.cfg.Keep.Versions = 1
	for n := range 3 {
		b.write(key("2026-11-02"), fmt.Sprintln("new", n))
		b.write(key(long), fmt.Sprintln("new", n))
	}
	report, err := b.Collect(t.Context(), false)
	if err != nil || len(report.Unknown) > 0 || len(report.Deleted) != 8 {
		t.Fatalf("got %+v, %v", report, err)
	}
	b.write(key("eu/west|.."), "back\n")
	b.sound()
	found, err := b.Fsck(t.Context())
	if err != nil || len(found) != 1 || !strings.HasPrefix(found[0].Text, "5 assets") {
		t.Errorf("got %+v, %v", found, err)
	}
	b.overwrite(logFolder+"/marts%2Forders@/2026-11-01/garbage.txt", "x")
	b.overwrite(logFolder+"/marts%2Forders@/%2e/00000000000000000001.json", "x")
	report, err = b.Collect(t.Context(), true)
	if err != nil || len(report.Unknown) != 2 {
		t.Errorf("got %v, %v", report.Unknown, err)
	}
}

// A record that lies with another partition's is none of it: file systems that fold case would mix them up.
func TestRecordOfAnotherPartition(t *testing.T) {
	b := newBench(t)
	b.write("a[us]", "1\n")
	if err := os.Rename(b.file(logFolder+"/a@/us"), b.file(logFolder+"/a@/US")); err != nil {
		t.Fatal(err)
	}
	b.wantState("a[US]", graph.DataUnreachable, "number 1 of a[us]")
}

func TestForeignPartitions(t *testing.T) {
	b := newBench(t)
	b.overwrite("a/2026-11-01", "pickle")
	b.overwrite("a/2026-11-02.parquet", parquetHead+"them\nx\n")
	b.overwrite("a/v1.5", "pickle")
	b.overwrite("a.parquet", parquetHead+"them\nwhole\n")
	keys := []graph.Key{named("a[2026-11-01]"), named("a[2026-11-02]"), named("a[2026-11-0]"), named("a[v1]"), named("a[v1.5]")}
	found, err := b.Stored(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []graph.DataState{graph.DataForeign, graph.DataForeign, graph.DataAbsent, graph.DataAbsent, graph.DataForeign} {
		if got := found[keys[i]].Data; got != want {
			t.Errorf("%s: got %v, want %v", keys[i], got, want)
		}
	}
	r, err := b.Adopt(t.Context(), keys[1], record("a[2026-11-02]", "adopted"))
	if err != nil || r.Key != keys[1] || !r.Adopted || r.Rows != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	b.wantState("a[2026-11-02]", graph.DataPresent, "")
	if v, err := b.ForeignVersion(t.Context(), keys[0]); err != nil || v == "" {
		t.Errorf("got %q, %v", v, err)
	}
}

func TestViewOfPartitions(t *testing.T) {
	b := newBench(t)
	one, two := b.write("a/b[1]", "one\n"), b.write("a/b[2|x]", "two\n")
	alone := b.write("c[1]", "alone\n")
	dir := filepath.Join(t.TempDir(), "view")
	view, err := b.View(t.Context(), dir, []Pinned{{Key: one.Key, Record: &one}, {Key: two.Key, Record: &two}, {Key: alone.Key, Record: &alone, Alone: true}}, true)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	})
	if want := []string{"a/b/1.parquet", "a/b/2%7Cx.parquet", "c/1.parquet", "c.arrow", "c.parquet"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("got %v, %v; want %v", files, err, want)
	}
	if view[1].Key != two.Key || view[1].Parquet != filepath.Join(dir, "a/b/2%7Cx.parquet") || view[1].Arrow != "" || view[2].Arrow == "" {
		t.Errorf("got %+v", view)
	}
}

// BenchmarkStoredPartitions: one asset with 10,000 partitions, of which many or few exist.
func BenchmarkStoredPartitions(b *testing.B) {
	const n = 10_000
	name := func(i int) graph.Key { return graph.MustKey("marts/orders").At(fmt.Sprintf("2026-%05d", i)) }
	for _, made := range []int{100, n} {
		dir := b.TempDir()
		cfg := Config{BaseDir: filepath.Join(dir, "assets"), StateDir: filepath.Join(dir, "state"), Tables: plain{}}
		farm(b, cfg, made, name)
		keys := make([]graph.Key, n)
		for i := range keys {
			keys[i] = name(i)
		}
		m, err := Open(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		stored := func(m *Manager) {
			found, err := m.Stored(b.Context(), keys)
			if err != nil || len(found) != n || found[keys[made-1]].Data != graph.DataPresent || made < n && found[keys[made]].Data != graph.DataAbsent {
				b.Fatal(len(found), found[keys[made-1]], err)
			}
		}
		stored(m)
		for _, k := range m.index.known {
			k.logSeen, k.dataSeen = k.logSeen+int64(time.Hour), k.dataSeen+int64(time.Hour)
		}
		if err := m.index.write(); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("made=%d", made), func(b *testing.B) { // as a new process does it
			defer cpu(b)()
			for b.Loop() {
				m, err := Open(b.Context(), cfg)
				if err != nil {
					b.Fatal(err)
				}
				stored(m)
			}
		})
		b.Run(fmt.Sprintf("made=%d/again", made), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				stored(m)
			}
		})
	}
}
