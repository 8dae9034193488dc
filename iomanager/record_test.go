package iomanager

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/packed"
	"github.com/assetdev/assetdev/iomanager/store"
)

var update = flag.Bool("update", false, "write the golden file of the format that is written now")

var sameEntry = cmp.Options{cmp.AllowUnexported(graph.Key{}), cmpopts.EquateEmpty()}

func goldenEntry() *entry {
	return &entry{
		Record: graph.Record{
			Key: graph.MustKey("marts/orders"), Seq: 42, Run: "20260926-101112-x7", Attempt: 2, Location: "analytics-team",
			At: time.Date(2026, 9, 26, 10, 11, 12, 345_000_000, time.FixedZone("", 7200)), Took: 1534 * time.Millisecond, Rows: 1000, Bytes: 23456,
			DataVersion: "v7",
			Code: graph.Code{
				Version: "go1:5f2b", Author: true, Coarse: "reflection <on> a function", Parts: []graph.Part{
					{Kind: graph.PartCode, Symbol: "repo/pkg.orders", Hash: "aa11", File: "repo/orders.go", Line: 41},
					{Kind: graph.PartEnvironment, Symbol: "REGION", Hash: "bb22"},
					{Kind: graph.PartFile, Symbol: "rates.csv", Hash: "cc33", File: "repo/rates.csv"},
				},
			},
			Inputs:  map[graph.Key]string{graph.MustKey("raw/orders"): "t1:1234", graph.MustKey("ml::rates"): "bytes1:99"},
			Changed: []string{"code", "raw/orders"},
			Columns: []graph.Column{{Name: "id", Type: "int64"}, {Name: "at", Type: "timestamp[us, tz=UTC]"}},
			File:    ".assetdev/data/marts%2Forders/20260926-101112-x7-2.parquet", Metadata: map[string]string{"note": "héllo\n"},
			Git: &graph.Git{Commit: "0123abcd", Dirty: true, Branch: "main"}, Adopted: true, By: "ada",
			Checks: []graph.CheckResult{
				{Name: "not_empty", Passed: true, Severity: "ERROR", Blocking: true, At: time.Date(2026, 9, 26, 10, 11, 13, 0, time.UTC)},
				{Name: "no_gaps", Severity: "WARN", At: time.Date(2026, 9, 26, 10, 11, 14, 0, time.UTC), Text: "2 gaps", Metadata: map[string]string{"gaps": "2"}},
			},
		},
		Sum: "b3:" + strings.Repeat("0f", 32), Content: "t1:777", Unordered: true,
	}
}

// goldenPartition is the record of a partition.
func goldenPartition() *entry {
	e := goldenEntry()
	e.Key = e.Key.At("2026-09-26|eu/west")
	e.File = ".assetdev/data/marts%2Forders@/2026-09-26%7Ceu%2Fwest/20260926-101112-x7-2.parquet"
	return e
}

// Records of every format that was ever written are read for ever.
func TestGoldenRecord(t *testing.T) {
	testGolden(t, "record-1.json", goldenEntry())
	testGolden(t, "record-1-partition.json", goldenPartition())
}

func testGolden(t *testing.T, name string, want *entry) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		data, err := encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameEntry); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if Format == 1 {
		if again, err := encode(got); err != nil || string(again) != string(data) {
			t.Errorf("what is written now is not the golden file: %v\n%s", err, again)
		}
	}
	with := strings.Replace(string(data), "{", `{"of tomorrow": {"a": [1]},`, 1)
	if got, err := decode([]byte(with)); err != nil || cmp.Diff(want, got, sameEntry) != "" {
		t.Errorf("a field that is not known: got %v, %v; want it to be ignored", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	golden, err := encode(goldenEntry())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ old, new string }{
		{`"format": 1`, `"format": 0`},
		{`"format": 1`, `"format": 2`},
		{`"key": "marts/orders"`, `"key": "../orders"`},
		{`"key": "marts/orders"`, `"key": "x::marts/orders"`},
		{`"key": "marts/orders"`, `"key": "marts/others"`}, // the file is another asset's
		{`"seq": 42`, `"seq": 0`},
		{`"seq": 42`, `"seq": -1`},
		{`"seq": 42`, `"seq": 1e99`},
		{`"attempt": 2`, `"attempt": 0`},
		{`"ms": 1534`, `"ms": -1`},
		{`"ms": 1534`, `"ms": 9223372036854775807`},
		{`"bytes": 23456`, `"bytes": -5`},
		{`"rows": 1000`, `"rows": -2`},
		{`"run": "20260926-101112-x7"`, `"run": "../x"`},
		{`"data_version": "v7"`, `"data_version": ""`},
		{`"sum": "b3`, `"some": "b3`},
		{`.assetdev/data/marts%2Forders/20260926`, `.assetdev/data/marts%2Forders/../../../20260926`},
		{`.assetdev/data/marts%2Forders/20260926`, `/etc/passwd`},
		{`.assetdev/data/marts%2Forders/20260926-101112-x7-2.parquet`, `marts/orders.parquet`},
		{`"raw/orders": "t1`, `"": "t1`},
		{`"raw/orders": "t1`, `"../x": "t1`},
	} {
		text := strings.Replace(string(golden), test.old, test.new, 1)
		if text == string(golden) {
			t.Errorf("%s does not occur in the golden record", test.old)
		}
		got, err := decode([]byte(text))
		if err == nil {
			t.Errorf("%s: got %+v, want an error", test.new, got)
		}
		if newer := strings.Contains(test.new, `"format": 2`); errors.Is(err, errNewer) != newer {
			t.Errorf("%s: got %v, newer should be %v", test.new, err, newer)
		}
	}
}

func drawEntry(t *rapid.T) *entry {
	text := rapid.StringMatching(`[a-zA-Z0-9 <>"\\é漢\n]{0,12}`)
	key := rapid.Custom(func(t *rapid.T) graph.Key {
		key := graph.MustKey(rapid.StringMatching(`[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,5}(/[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,5}){0,2}`).Draw(t, "key"))
		return key.At(rapid.StringMatching(`[a-zA-Z0-9 <>"%~./\\é漢\[\]]{0,12}`).Draw(t, "partition"))
	})
	e := &entry{Record: graph.Record{
		Key: key.Draw(t, "key"), Seq: rapid.Int64Range(1, 1<<62).Draw(t, "seq"), Run: rapid.StringMatching(`[a-zA-Z0-9_-]{1,9}`).Draw(t, "run"),
		Attempt: rapid.IntRange(1, 99).Draw(t, "attempt"), Location: text.Draw(t, "location"),
		At:   time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
		Took: time.Duration(rapid.Int64Range(0, maxMS).Draw(t, "took")) * time.Millisecond, Rows: rapid.Int64Range(-1, 1<<40).Draw(t, "rows"),
		Bytes: rapid.Int64Range(0, 1<<40).Draw(t, "bytes"), DataVersion: "v" + text.Draw(t, "version"),
		Code:   graph.Code{Version: text.Draw(t, "code"), Author: rapid.Bool().Draw(t, "author"), Coarse: text.Draw(t, "coarse")},
		Inputs: rapid.MapOfN(key, text, 0, 3).Draw(t, "inputs"), Changed: rapid.SliceOfN(text, 0, 2).Draw(t, "changed"),
		Metadata: rapid.MapOfN(text, text, 0, 2).Draw(t, "metadata"), Adopted: rapid.Bool().Draw(t, "adopted"),
		By: text.Draw(t, "by"),
	}, Content: text.Draw(t, "content"), Unordered: rapid.Bool().Draw(t, "unordered")}
	for i := range rapid.IntRange(0, 3).Draw(t, "parts") {
		e.Code.Parts = append(e.Code.Parts, graph.Part{Kind: graph.PartKind(i), Symbol: text.Draw(t, "symbol"), Hash: text.Draw(t, "hash"), File: text.Draw(t, "file"), Line: i})
		e.Columns = append(e.Columns, graph.Column{Name: text.Draw(t, "name"), Type: text.Draw(t, "type")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "reads") {
		e.Reads = append(e.Reads, graph.Read{Path: text.Draw(t, "path"), Hash: text.Draw(t, "read")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "checks") {
		e.Checks = append(e.Checks, graph.CheckResult{
			Name: text.Draw(t, "check"), Passed: rapid.Bool().Draw(t, "passed"), Severity: rapid.SampledFrom([]string{"WARN", "ERROR"}).Draw(t, "severity"),
			Blocking: rapid.Bool().Draw(t, "blocking"), At: e.At, Text: text.Draw(t, "text"), Metadata: rapid.MapOfN(text, text, 0, 2).Draw(t, "of the check"),
		})
	}
	if rapid.Bool().Draw(t, "git") {
		e.Git = &graph.Git{Commit: text.Draw(t, "commit"), Dirty: rapid.Bool().Draw(t, "dirty"), Branch: text.Draw(t, "branch")}
	}
	if rapid.Bool().Draw(t, "data") {
		suffix := rapid.SampledFrom([]string{".parquet", ".bin", "", ".a_1"}).Draw(t, "suffix")
		e.File, e.Sum = dataName(e.Key, e.Run, e.Attempt, suffix), "b3:"+text.Draw(t, "sum")
	}
	return e
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		data, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if diff := cmp.Diff(e, got, sameEntry); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
		if e.File != "" && (store.CheckName(e.File) != nil || store.CheckName(e.wellKnown()) != nil) {
			t.Fatalf("%q or %q is no name", e.File, e.wellKnown())
		}
		if key, ok := (&Manager{}).owner(t.Context(), folderOf(e.Key)+"/x"); !ok || key != e.Key {
			t.Fatalf("folder %q is read as %v, %v", folderOf(e.Key), key, ok)
		}
		if seq, ok := seqOf(recordName(e.Key, e.Seq)); !ok || seq != e.Seq {
			t.Fatalf("%q is read as %d, %v", recordName(e.Key, e.Seq), seq, ok)
		}
	})
}

func TestIndexRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64()
		stamps := func() stamp {
			return stamp{n.Draw(t, "size"), n.Draw(t, "mtime"), n.Draw(t, "ctime"), rapid.Uint64().Draw(t, "inode"), rapid.Uint64().Draw(t, "device")}
		}
		want := map[graph.Key]*known{}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			e := drawEntry(t)
			k := newKnown(e.Key)
			k.record, k.damaged, k.log, k.logSeen, k.copy, k.version = "s", "d", stamps(), n.Draw(t, "seen"), stamps(), stamps()
			k.dataSeen, k.state, k.text, k.foreign, k.hash = n.Draw(t, "seen"), graph.DataForeign, "t", "f", "h"
			if rapid.Bool().Draw(t, "record") {
				k.setEntry(e)
			}
			want[e.Key] = k
		}
		x := &index{file: filepath.Join(os.TempDir(), "unused"), storage: "here", known: want}
		data := x.encode()
		got, ok := parseIndex(data, "here")
		if !ok {
			t.Fatal("it cannot be read")
		}
		if diff := cmp.Diff(want, got, sameEntry, cmp.AllowUnexported(known{}, stamp{})); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
		if _, ok := parseIndex(data, "there"); ok {
			t.Fatal("the index of another storage was taken")
		}
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		data[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, ok := parseIndex(data, "here"); ok {
			t.Fatalf("byte %d was changed and nobody saw it", at)
		}
	})
}

func FuzzDecode(f *testing.F) {
	golden, err := encode(goldenEntry())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(`{"format":1,"key":"a","seq":1,"run":"r","attempt":1,"at":"2026-01-01T00:00:00Z","data_version":"r"}`))
	f.Add([]byte(`{"format":99}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			return
		}
		if err := e.check(); err != nil {
			t.Fatalf("accepted, and %v", err)
		}
		again, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(again); err != nil || cmp.Diff(e, got, sameEntry) != "" {
			t.Fatalf("not the same after writing it: %v\n%s", err, cmp.Diff(e, got, sameEntry))
		}
	})
}

// FuzzParts: what is read by hand is what package json reads.
func FuzzParts(f *testing.F) {
	data, err := encode(goldenEntry())
	if err != nil {
		f.Fatal(err)
	}
	var record struct {
		Parts json.RawMessage `json:"code_parts"`
	}
	if err := json.Unmarshal(data, &record); err != nil {
		f.Fatal(err)
	}
	if _, ok := parseParts(string(record.Parts)); !ok {
		f.Errorf("what encode writes is not read by hand: %s", record.Parts)
	}
	for _, text := range []string{
		string(record.Parts), `[]`, `null`, `[{}]`, `[{"kind":"code","symbol":"a"}]`, `[{"kind":"code","symbol":"a\u0062"}]`, `[{"KIND":"code"}]`, `[{"line":007}]`, `[{"line":-1}]`,
		`[{"line":1e3}]`, `[{"kind":"a","kind":"b"}]`, `[{"kind":"a"},]`, `[{"kind":"a",}]`, `[{"kind":"ü"}]`, `[{"new":1}]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		byHand, ok := parseParts(text)
		if !ok {
			return
		}
		var want []filePart
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("%q is read by hand, but %v", text, err)
		}
		if diff := cmp.Diff(want, byHand); diff != "" {
			t.Error(diff)
		}
	})
}

// TestPartsAreCut: the fast way is taken for what is written, and says the same as the other one; not for what looks like it.
func TestPartsAreCut(t *testing.T) {
	e := goldenEntry()
	e.Metadata = nil // a backslash in a text: the slow way
	data, err := encode(e)
	if err != nil {
		t.Fatal(err)
	}
	rest, parts, ok := cutParts(data)
	if !ok || len(parts) != len(e.Code.Parts) || len(rest) >= len(data) {
		t.Fatalf("got %d parts, %t", len(parts), ok)
	}
	var want, got fileRecord
	if err := errors.Join(json.Unmarshal(data, &want), json.Unmarshal(rest, &got)); err != nil {
		t.Fatal(err)
	}
	got.CodeParts = parts
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(graph.Key{})); diff != "" {
		t.Error(diff)
	}
	twice := strings.Replace(string(data), "\n \"file\"", "\n \"code_parts\": [],\n \"file\"", 1)
	for _, text := range []string{twice, strings.ReplaceAll(string(data), "\n ]", "]"), `{"code_parts": []}`} {
		if _, _, ok := cutParts([]byte(text)); ok {
			t.Errorf("the fast way for %s", text)
		}
	}
}

func FuzzIndex(f *testing.F) {
	x := &index{known: map[graph.Key]*known{graph.MustKey("a"): newKnown(graph.MustKey("a"))}}
	k := newKnown(graph.MustKey("marts/orders"))
	k.setEntry(goldenEntry())
	x.known[graph.MustKey("marts/orders")] = k
	body, ok := packed.Open(indexLine, x.encode())
	if !ok {
		f.Fatal("what was encoded does not open")
	}
	f.Add(body)
	f.Fuzz(func(_ *testing.T, body string) {
		r := &indexReader{Reader: packed.Reader{In: body}} // behind the checksum
		if _ = r.Text(); !r.Bad {
			r.all()
		}
	})
}
