package event

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

// events has of each kind one that says as little as it can and one that says everything, with the lines they are written as.
var events = []struct {
	event Event
	line  string
}{
	{
		Event{Kind: KindPlan},
		`{"at":"2026-11-24T07:18:31Z","event":"plan","run":null,"by":null,"selection":null,"steps":[],"blocked":[]}`,
	},
	{
		Event{
			Kind: KindPlan, Run: "r1", By: "user", Select: "a & b", Blocked: []graph.Blocked{{Asset: graph.MustKey("c"), Text: "x < y"}},
			Steps: []graph.Step{
				{Asset: graph.MustKey("a"), Location: "north", Why: "stale"},
				{Asset: graph.MustKey("b").At("2026-11-01"), Location: "north", Why: "missing", After: []graph.Key{graph.MustKey("a")}, ForecastMS: new(int64(0)), MayBeCutOff: true},
			},
		},
		`{"at":"2026-11-24T07:18:31Z","event":"plan","run":"r1","by":"user","selection":"a & b","steps":[` +
			`{"asset":"a","partition":null,"location":"north","why":"stale","after":[],"forecast_ms":null,"may_be_cut_off":false},` +
			`{"asset":"b","partition":"2026-11-01","location":"north","why":"missing","after":["a"],"forecast_ms":0,"may_be_cut_off":true}],` +
			`"blocked":[{"asset":"c","text":"x < y"}]}`,
	},
	{
		Event{Kind: KindStep, Run: "r1", Asset: new(graph.MustKey("a")), Location: "north", State: Queued},
		`{"at":"2026-11-24T07:18:31Z","event":"step","run":"r1","asset":"a","partition":null,"location":"north","attempt":0,"state":"queued",` +
			`"ms":null,"rows":null,"bytes":null,"data_version":null,"error":null}`,
	},
	{
		Event{
			Kind: KindStep, Run: "r1", Asset: new(graph.MustKey("a/b").At("p")), Location: "north", Attempt: 2, State: Failed, MS: new(int64(5)), Rows: new(int64(0)),
			Bytes: new(int64(7)), DataVersion: "d1:ff", Error: &Error{Message: "no rows\x1b[31m"},
		},
		`{"at":"2026-11-24T07:18:31Z","event":"step","run":"r1","asset":"a/b","partition":"p","location":"north","attempt":2,"state":"failed",` +
			`"ms":5,"rows":0,"bytes":7,"data_version":"d1:ff","error":{"message":"no rows\u001b[31m","trace":"","file":"","line":0}}`,
	},
	{
		Event{Kind: KindProgress, Run: "r1", Asset: new(graph.MustKey("a"))},
		`{"at":"2026-11-24T07:18:31Z","event":"progress","run":"r1","asset":"a","partition":null,"fraction":null,"text":""}`,
	},
	{
		Event{Kind: KindProgress, Run: "r1", Asset: new(graph.MustKey("a")), Fraction: new(0.5), Text: "pricing"},
		`{"at":"2026-11-24T07:18:31Z","event":"progress","run":"r1","asset":"a","partition":null,"fraction":0.5,"text":"pricing"}`,
	},
	{
		Event{Kind: KindLog, Run: "r1", Asset: new(graph.MustKey("a")), Stream: "stdout", Text: "hello"},
		`{"at":"2026-11-24T07:18:31Z","event":"log","run":"r1","asset":"a","partition":null,"stream":"stdout","level":null,"text":"hello"}`,
	},
	{
		Event{Kind: KindLog, Run: "r1", Asset: new(graph.MustKey("a")), Stream: "log", Level: "warning", Text: "hello"},
		`{"at":"2026-11-24T07:18:31Z","event":"log","run":"r1","asset":"a","partition":null,"stream":"log","level":"warning","text":"hello"}`,
	},
	{
		Event{Kind: KindReload, Location: "north", State: "loaded", MS: new(int64(12))},
		`{"at":"2026-11-24T07:18:31Z","event":"reload","location":"north","state":"loaded","ms":12,"changed":[],"error":null}`,
	},
	{
		Event{Kind: KindReload, Location: "north", State: "broken", MS: new(int64(12)), Changed: []graph.Key{graph.MustKey("a")}, Error: &Error{Message: "m", Trace: "t", File: "f.go", Line: 3}},
		`{"at":"2026-11-24T07:18:31Z","event":"reload","location":"north","state":"broken","ms":12,"changed":["a"],"error":{"message":"m","trace":"t","file":"f.go","line":3}}`,
	},
	{
		Event{Kind: KindRun, Run: "r1", State: Running},
		`{"at":"2026-11-24T07:18:31Z","event":"run","run":"r1","state":"running","ms":null,"counts":{}}`,
	},
	{
		Event{Kind: KindRun, Run: "r1", State: Failed, MS: new(int64(99)), Counts: map[string]int{Succeeded: 5, Failed: 1}},
		`{"at":"2026-11-24T07:18:31Z","event":"run","run":"r1","state":"failed","ms":99,"counts":{"failed":1,"succeeded":5}}`,
	},
	{
		Event{Kind: KindWaiting, Asset: new(graph.MustKey("a")), Text: "takes 14s"},
		`{"at":"2026-11-24T07:18:31Z","event":"waiting","asset":"a","text":"takes 14s"}`,
	},
	{
		Event{Kind: "later", Run: "r1", Text: "a kind of a newer version"},
		`{"at":"2026-11-24T07:18:31Z","event":"later","run":"r1","text":"a kind of a newer version"}`,
	},
}

func TestJSON(t *testing.T) {
	for _, c := range events {
		c.event.At = at("2026-11-24T07:18:31Z")
		var out strings.Builder
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(c.event); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.line+"\n", out.String()); diff != "" {
			t.Errorf("%s, wanted - and written +\n%s", c.event.Kind, diff)
		}
		var back Event
		if err := json.Unmarshal([]byte(c.line), &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.event, back, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b graph.Key) bool { return a == b })); diff != "" {
			t.Errorf("%s, written - and read +\n%s", c.event.Kind, diff)
		}
	}
}

// TestEarlierVersions reads a file of the time when fields without a value were left out.
func TestEarlierVersions(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "v0.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Event{
		{Kind: KindPlan, Run: "r1", By: "user", Select: "a", Steps: []graph.Step{{Asset: graph.MustKey("a"), Location: "north", Why: "missing", After: []graph.Key{}}}},
		{Kind: KindRun, Run: "r1", State: Running},
		{Kind: KindStep, Run: "r1", Asset: new(graph.MustKey("a")), Location: "north", State: Queued},
		{Kind: KindStep, Run: "r1", Asset: new(graph.MustKey("a")), Location: "north", Attempt: 1, State: Failed, MS: new(int64(3)), Error: &Error{Message: "no"}},
		{Kind: KindRun, Run: "r1", State: Failed, MS: new(int64(4)), Counts: map[string]int{Failed: 1}},
	}
	i := 0
	for line := range strings.Lines(string(data)) {
		var got Event
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		want[i].At = at("2026-11-24T07:18:31Z")
		if diff := cmp.Diff(want[i], got, cmp.Comparer(func(a, b graph.Key) bool { return a == b })); diff != "" {
			t.Errorf("line %d, wanted - and read +\n%s", i+1, diff)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("read %d events, want %d", i, len(want))
	}
}
