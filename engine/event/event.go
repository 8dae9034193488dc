// Package event is the one stream that everything about a run is told with: --json prints it, events.jsonl keeps it, the
// screen draws it. Pure: kinds and their JSON, nothing else. The shapes are promised in docs/json.md.
//
// Each kind is written with all of its fields: what is not known or does not apply is null, a list is never null, and neither is
// counts. Reading takes any subset of the fields, so that events of earlier versions stay readable.
package event

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/assetdev/assetdev/graph"
)

// Kinds of an event.
const (
	KindPlan     = "plan"
	KindStep     = "step"
	KindProgress = "progress"
	KindLog      = "log"
	KindCheck    = "check"
	KindReload   = "reload"
	KindRun      = "run"
	KindWaiting  = "waiting" // auto-run did not start a step, and why
)

// States of a step, as events tell them, and of a run.
const (
	Queued      = "queued"
	Running     = "running"
	Succeeded   = "succeeded"
	Unchanged   = "unchanged"
	CutOff      = "cut_off"
	Superseded  = "superseded"
	Failed      = "failed"
	Skipped     = "skipped"
	Cancelled   = "cancelled"
	Interrupted = "interrupted" // of a run whose assetdev ended without saying so
)

// Final reports whether a step or run in the state goes no further.
func Final(state string) bool {
	switch state {
	case Succeeded, Unchanged, CutOff, Superseded, Failed, Skipped, Cancelled, Interrupted:
		return true
	}
	return false
}

// Good reports whether the state leaves the asset's readers free to run.
func Good(state string) bool {
	switch state {
	case Succeeded, Unchanged, CutOff, Superseded:
		return true
	}
	return false
}

// An Event is one thing that happened. Which fields count depends on Kind; the JSON names are promised. The tags are those of
// reading, and of writing a kind that this package does not know; what the known ones are written with says MarshalJSON.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"event"`
	Run  string    `json:"run,omitempty"`

	Asset    *graph.Key `json:"asset,omitempty"` // with its partition, which in JSON is a field of its own
	Location string     `json:"location,omitempty"`
	Attempt  int        `json:"attempt,omitempty"`
	State    string     `json:"state,omitempty"`
	MS       *int64     `json:"ms,omitempty"`

	Steps   []graph.Step    `json:"steps,omitempty"`     // plan
	Blocked []graph.Blocked `json:"blocked,omitempty"`   // plan
	By      string          `json:"by,omitempty"`        // plan: user, auto, ci
	Select  string          `json:"selection,omitempty"` // plan

	Rows        *int64 `json:"rows,omitempty"` // step
	Bytes       *int64 `json:"bytes,omitempty"`
	DataVersion string `json:"data_version,omitempty"`
	Error       *Error `json:"error,omitempty"`

	Fraction *float64 `json:"fraction,omitempty"` // progress
	Text     string   `json:"text,omitempty"`     // progress, log, waiting

	Stream string `json:"stream,omitempty"` // log
	Level  string `json:"level,omitempty"`

	Changed []graph.Key `json:"changed,omitempty"` // reload

	Name     string                     `json:"name,omitempty"` // check
	Passed   *bool                      `json:"passed,omitempty"`
	Severity string                     `json:"severity,omitempty"` // WARN or ERROR
	Blocking *bool                      `json:"blocking,omitempty"`
	Metadata map[string]json.RawMessage `json:"metadata,omitempty"`

	Counts map[string]int `json:"counts,omitempty"` // run: final states of its steps
}

// An Error is a failure as told to users and scripts.
type Error struct {
	Message string `json:"message"`
	Trace   string `json:"trace"`
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// MarshalJSON writes every field of the event's kind, and no others.
func (e Event) MarshalJSON() ([]byte, error) {
	h := head{e.At, e.Kind}
	run, text := known(e.Run), e.Text
	asset, partition := e.Asset, (*string)(nil)
	if asset != nil {
		whole := asset.Asset()
		asset, partition = &whole, known(asset.Partition())
	}
	switch e.Kind {
	case KindPlan:
		return encode(struct {
			head
			Run     *string         `json:"run"` // null when there is nothing to run
			By      *string         `json:"by"`
			Select  *string         `json:"selection"`
			Steps   []graph.Step    `json:"steps"`
			Blocked []graph.Blocked `json:"blocked"`
		}{h, run, known(e.By), known(e.Select), list(e.Steps), list(e.Blocked)})
	case KindStep:
		return encode(struct {
			head
			Run         *string    `json:"run"`
			Asset       *graph.Key `json:"asset"`
			Partition   *string    `json:"partition"`
			Location    *string    `json:"location"`
			Attempt     int        `json:"attempt"` // 0 before the first
			State       string     `json:"state"`
			MS          *int64     `json:"ms"`
			Rows        *int64     `json:"rows"`
			Bytes       *int64     `json:"bytes"`
			DataVersion *string    `json:"data_version"`
			Error       *Error     `json:"error"`
		}{h, run, asset, partition, known(e.Location), e.Attempt, e.State, e.MS, e.Rows, e.Bytes, known(e.DataVersion), e.Error})
	case KindProgress:
		return encode(struct {
			head
			Run       *string    `json:"run"`
			Asset     *graph.Key `json:"asset"`
			Partition *string    `json:"partition"`
			Fraction  *float64   `json:"fraction"`
			Text      string     `json:"text"`
		}{h, run, asset, partition, e.Fraction, text})
	case KindLog:
		return encode(struct {
			head
			Run       *string    `json:"run"`
			Asset     *graph.Key `json:"asset"`
			Partition *string    `json:"partition"`
			Stream    *string    `json:"stream"`
			Level     *string    `json:"level"` // null for what a step wrote to stdout or stderr
			Text      string     `json:"text"`
		}{h, run, asset, partition, known(e.Stream), known(e.Level), text})
	case KindCheck:
		metadata := e.Metadata
		if metadata == nil {
			metadata = map[string]json.RawMessage{}
		}
		return encode(struct {
			head
			Run       *string                    `json:"run"`
			Asset     *graph.Key                 `json:"asset"`
			Partition *string                    `json:"partition"`
			Name      string                     `json:"name"`
			Passed    *bool                      `json:"passed"`
			Severity  string                     `json:"severity"`
			Blocking  *bool                      `json:"blocking"`
			Text      string                     `json:"text"`
			Metadata  map[string]json.RawMessage `json:"metadata"`
		}{h, run, asset, partition, e.Name, e.Passed, e.Severity, e.Blocking, text, metadata})
	case KindReload:
		return encode(struct {
			head
			Location *string     `json:"location"`
			State    string      `json:"state"`
			MS       *int64      `json:"ms"`
			Changed  []graph.Key `json:"changed"`
			Error    *Error      `json:"error"`
		}{h, known(e.Location), e.State, e.MS, list(e.Changed), e.Error})
	case KindRun:
		counts := e.Counts
		if counts == nil {
			counts = map[string]int{}
		}
		return encode(struct {
			head
			Run    *string        `json:"run"`
			State  string         `json:"state"`
			MS     *int64         `json:"ms"` // null while it is running
			Counts map[string]int `json:"counts"`
		}{h, run, e.State, e.MS, counts})
	case KindWaiting:
		return encode(struct {
			head
			Asset *graph.Key `json:"asset"`
			Text  string     `json:"text"`
		}{h, e.Asset, text})
	}
	type plain Event // without methods
	return encode(plain(e))
}

// UnmarshalJSON reads any subset of the fields.
func (e *Event) UnmarshalJSON(data []byte) error {
	type plain Event // without methods
	read := struct {
		*plain
		Partition string `json:"partition"`
	}{plain: (*plain)(e)}
	err := json.Unmarshal(data, &read)
	if e.Asset != nil && read.Partition != "" {
		key := e.Asset.At(read.Partition)
		e.Asset = &key
	}
	return err
}

// A head is what every kind begins with.
type head struct {
	At   time.Time `json:"at"`
	Kind string    `json:"event"`
}

// encode is json.Marshal that leaves <, > and & as they are; whoever encodes the event decides about these.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// known returns nil, which is written as null, for a text that is not there.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
