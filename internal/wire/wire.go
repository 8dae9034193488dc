// Package wire is the protocol between assetdev and the process of a code location, as Go types. The promise to other
// languages is the JSON, written down in loader/PROTOCOL.md, not these types.
//
// One request per process. The two sides share a channel that is neither stdin, stdout nor stderr: a socket whose number is
// in the environment variable [FDVariable]. Each message is one line of JSON of at most [MaxLine] bytes. The process sends
// [Hello] first, reads one [Request], sends any number of messages and one final [Message] of type "definitions", "result" or
// "error", and ends. Unknown fields and unknown message types are ignored by both sides. Standard library only.
package wire

import "encoding/json"

// Version is the protocol number that this package speaks.
const Version = 1

// FDVariable names the environment variable that holds the number of the channel's file descriptor.
const FDVariable = "ASSETDEV_FD"

// MaxLine is the size limit of one message, in bytes, with its newline.
const MaxLine = 1 << 20

// Types of a Request.
const (
	Describe    = "describe"
	Materialize = "materialize"
)

// Types of a Message.
const (
	TypeHello       = "hello"
	TypeAsset       = "asset"       // one definition; describe sends one for each asset
	TypeDefinitions = "definitions" // end of a describe
	TypeLog         = "log"
	TypeProgress    = "progress"
	TypeMetadata    = "metadata"
	TypeResult      = "result" // end of a materialize
	TypeError       = "error"  // end of either
)

// A Request is what assetdev asks of the process.
type Request struct {
	Type string `json:"type"`
	// The rest is for materialize.
	Run     string  `json:"run,omitempty"`
	Asset   string  `json:"asset,omitempty"`
	Attempt int     `json:"attempt,omitempty"`
	View    string  `json:"view,omitempty"`   // folder with exactly the declared inputs
	Output  string  `json:"output,omitempty"` // file to write, in one of Hello.Writes; its folder exists, it does not
	Inputs  []Input `json:"inputs,omitempty"`
}

// An Input is one declared input of a step, pinned.
type Input struct {
	Asset       string `json:"asset"`
	Parquet     string `json:"parquet,omitempty"` // absolute path; "" when there is no data
	Arrow       string `json:"arrow,omitempty"`   // the same data as an Arrow IPC file, for who reads arrow
	DataVersion string `json:"data_version,omitempty"`
	Location    string `json:"location,omitempty"` // code location that makes it, "" when none does
	Command     string `json:"command,omitempty"`  // what a developer types to make it
}

// A Message is what the process says. Type decides which other fields count.
type Message struct {
	Type string `json:"type"`

	Hello       *Hello                     `json:"hello,omitempty"`
	Asset       *Asset                     `json:"asset,omitempty"`
	Log         *Log                       `json:"log,omitempty"`
	Progress    *Progress                  `json:"progress,omitempty"`
	Metadata    map[string]json.RawMessage `json:"metadata,omitempty"`
	Result      *Result                    `json:"result,omitempty"`
	Error       *Error                     `json:"error,omitempty"`
	Definitions *Definitions               `json:"definitions,omitempty"`
}

// A Hello is the first message of a process.
type Hello struct {
	Protocol int      `json:"protocol"`
	SDK      string   `json:"sdk"` // name and version of what speaks, as "go 1"
	PID      int      `json:"pid"`
	Reads    []string `json:"reads"`  // of "arrow", "parquet"
	Writes   []string `json:"writes"` // of "arrow", "parquet"
}

// An Asset is one definition.
type Asset struct {
	Key         string            `json:"key"`
	Inputs      []string          `json:"inputs,omitempty"` // keys whose data it reads by arguments
	Deps        []string          `json:"deps,omitempty"`   // further keys that it depends on
	Group       string            `json:"group,omitempty"`
	Description string            `json:"description,omitempty"`
	Owners      []string          `json:"owners,omitempty"`
	Kinds       []string          `json:"kinds,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	CodeVersion string            `json:"code_version,omitempty"` // only when the author gave one
	MaxAgeMS    int64             `json:"max_age_ms,omitempty"`   // freshness policy
	TimeoutMS   int64             `json:"timeout_ms,omitempty"`
	Retries     int               `json:"retries,omitempty"`
	Files       []string          `json:"files,omitempty"` // globs of declared input files, relative to the working directory
	Env         []string          `json:"env,omitempty"`   // names of declared environment variables
	Unordered   bool              `json:"unordered,omitempty"`
	Step        string            `json:"step,omitempty"`    // assets with equal step are made together
	NoData      bool              `json:"no_data,omitempty"` // it hands over no data
	Outside     bool              `json:"outside,omitempty"` // it writes outside assetdev's storage
	Columns     []Column          `json:"columns,omitempty"`
	File        string            `json:"file,omitempty"` // absolute
	Line        int               `json:"line,omitempty"`
	Symbol      string            `json:"symbol,omitempty"` // Go: import path, ".", function
}

// A Column is a name and an Arrow type.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// A Log is one line of a step's log that did not come by stdout or stderr.
type Log struct {
	Level string `json:"level"` // debug, info, warning, error
	Text  string `json:"text"`
}

// A Progress says how far a step is. Fraction is in [0, 1], or negative when it is not known.
type Progress struct {
	Fraction float64 `json:"fraction"`
	Text     string  `json:"text,omitempty"`
}

// A Definitions ends a describe.
type Definitions struct {
	Problems []Error `json:"problems,omitempty"` // wrong declarations; the other assets still count
}

// A Result ends a materialize that succeeded.
type Result struct {
	Format      string `json:"format"` // "arrow", "parquet", "opaque" or "none" (hands over no data)
	Rows        int64  `json:"rows"`
	DataVersion string `json:"data_version,omitempty"` // only when the author gave one
}

// An Error ends a request that failed.
type Error struct {
	Message string `json:"message"`
	Trace   string `json:"trace,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}
