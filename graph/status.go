package graph

import (
	"bytes"
	"encoding/json"
)

// A Status says what an asset's data is worth now. Of several that hold, the first in the order of the constants is the status.
type Status uint8

// The statuses, in the order in which the first that holds wins.
const (
	External Status = iota // no location defines it
	Unknown                // its location does not load and no definition is kept, storage cannot be reached, it lies in a cycle, or data exist of which there is no record
	Missing                // it has no data: never materialized, or the data is gone
	Stale                  // its code, dependencies, declared files, environment or an upstream's data changed, or an upstream is stale or missing
	Overdue                // older than its freshness policy allows
	Fresh                  // none of the above
)

var statusNames = [...]string{"external", "unknown", "missing", "stale", "overdue", "fresh"}

// Statuses lists all of them, in order.
var Statuses = []Status{External, Unknown, Missing, Stale, Overdue, Fresh}

// String returns the word used everywhere: in code, on the screen, in JSON.
func (s Status) String() string { return statusNames[s] }

// MarshalText makes statuses words in JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseStatus returns the status that word names.
func ParseStatus(word string) (Status, bool) {
	for i, name := range statusNames {
		if name == word {
			return Status(i), true
		}
	}
	return 0, false
}

// A ReasonKind says why an asset is not fresh.
type ReasonKind string

// The kinds of reasons. Scripts depend on these words.
const (
	NeverMaterialized  ReasonKind = "never_materialized"
	DataIsMissing      ReasonKind = "data_missing"         // the file is gone
	ChangedOutside     ReasonKind = "data_changed_outside" // something else wrote the data
	CodeChanged        ReasonKind = "code_changed"
	DependencyAdded    ReasonKind = "dependency_added"
	DependencyRemoved  ReasonKind = "dependency_removed"
	UpstreamNewData    ReasonKind = "upstream_new_data"
	UpstreamStale      ReasonKind = "upstream_stale"
	UpstreamMissing    ReasonKind = "upstream_missing"
	SourceChanged      ReasonKind = "source_changed"      // a declared input file
	EnvironmentChanged ReasonKind = "environment_changed" // a variable, a library, an interpreter
	ChangedDuringRun   ReasonKind = "changed_during_run"
	IsOverdue          ReasonKind = "overdue"
	Forced             ReasonKind = "forced"
	MadeElsewhere      ReasonKind = "made_elsewhere" // data exists that assetdev has no record of
	LocationBroken     ReasonKind = "location_broken"
	StorageUnreachable ReasonKind = "storage_unreachable"
	InCycle            ReasonKind = "cycle"
)

// A Reason is one cause of a status other than fresh, in one sentence and, where one is known, with a place.
type Reason struct {
	Kind   ReasonKind `json:"kind"`
	Asset  Key        `json:"asset"` // the asset or partition the sentence is about: itself, or the upstream
	Text   string     `json:"text"`
	File   string     `json:"file"`
	Line   int        `json:"line"`
	Symbol string     `json:"symbol"`
	Diff   []string   `json:"diff"` // lines with "-" or "+" in front; in JSON never null
}

// MarshalJSON writes all fields; a reason without a difference has an empty list, and only what is about a partition names one.
func (r Reason) MarshalJSON() ([]byte, error) {
	if r.Diff == nil {
		r.Diff = []string{}
	}
	type plain Reason // without methods
	return encode(struct {
		Kind      ReasonKind `json:"kind"`
		Asset     Key        `json:"asset"`
		Partition string     `json:"partition,omitempty"`
		plain
	}{r.Kind, r.Asset.Asset(), r.Asset.Partition(), plain(r)})
}

// encode is json.Marshal that leaves <, > and & as they are; whoever encodes what holds the value decides about these.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
