package graph

import "time"

// A Record is what one materialization of one asset, or of one partition, left behind: the commit that makes data valid. It says what was used,
// never what was there afterwards.
type Record struct {
	Key         Key
	Seq         int64  // position in the asset's log, from 1
	Run         string // id of the run
	Attempt     int    // from 1
	Location    string
	At          time.Time // when it was committed, the writer's clock. Order is by Seq, never by time
	Took        time.Duration
	Rows        int64 // -1 when the data is no table
	Bytes       int64 // of the data file
	DataVersion string
	Code        Code              // without Text
	Inputs      map[Key]string    // data version of each input as pinned before the step started
	Changed     []string          // what changed while the step ran: "code", or keys of inputs; or [RunConfig]. Such a result is stale at once
	Columns     []Column          // schema of the data
	File        string            // path of the data relative to the base folder, "" when the asset hands over no data
	Metadata    map[string]string // reported by the step
	Git         *Git
	Adopted     bool   // made elsewhere, taken over without running
	By          string // user name of who ran it
	Checks      []CheckResult
	Reads       []Read // files that it read while it ran, and that its code version does not cover
}

// NoSuchFile is the hash of a file that is not there.
const NoSuchFile = "no such file"

// A Read is a file that a step read, and what was in it then.
type Read struct {
	Path string // relative to the location's working directory, with slashes, where that can be said; else absolute
	Hash string // as in the protocol's files
}

// RunConfig in Record.Changed says that the step was given a run config, and that it would have run without one: what the code makes by itself
// may be something else.
const RunConfig = "run config"

// A CheckResult is the outcome of one check of the data of one materialization.
type CheckResult struct {
	Name     string
	Passed   bool
	Severity string // "WARN" or "ERROR"
	Blocking bool   // when it fails with severity ERROR, what reads the asset does not run
	At       time.Time
	Text     string            // what it says of itself, "" is fine
	Metadata map[string]string // values as text, or as JSON
}

// Failed reports whether the data did not pass a check of severity ERROR.
func (c CheckResult) Failed() bool { return !c.Passed && c.Severity != "WARN" }

// Holds reports whether what reads the asset must not run because of the check.
func (c CheckResult) Holds() bool { return c.Blocking && c.Failed() }

// A Git is the state of the repository that the code of a materialization came from.
type Git struct {
	Commit string `json:"commit"`
	Dirty  bool   `json:"dirty"`
	Branch string `json:"branch"`
}

// A DataState says what lies at the place where a record says data is.
type DataState uint8

// The states of stored data.
const (
	DataAbsent      DataState = iota // no record and no data
	DataPresent                      // the data of the newest record, as written
	DataMissing                      // there is a record; its data is gone
	DataChanged                      // there is a record; the data at the well-known path is not what it says
	DataForeign                      // there is data, but no record
	DataUnreachable                  // the storage cannot be asked
)

// A LastRun is the outcome of the last try to materialize an asset, which may have left no record.
type LastRun struct {
	Run   string    `json:"run"`
	State string    `json:"state"` // any final state of a step, or "interrupted"
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"`
	// Code and Inputs identify what was tried, so that the same failure is not tried again by itself.
	Code   string         `json:"code,omitempty"`
	Inputs map[Key]string `json:"inputs,omitempty"`
}

// Stored is what the storage knows of one asset.
type Stored struct {
	Record *Record // newest, nil when there is none
	Data   DataState
	Text   string // detail for DataForeign ("a pickle at …"), DataChanged, DataUnreachable; "" is fine
	Last   *LastRun
	// Rewritten are those of the Record's Reads that say something else now, with their paths for people.
	Rewritten []Read
	// Version is the data version that a reader of DataForeign pins, "" when the data was never hashed.
	Version string
}
