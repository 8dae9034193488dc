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
	Report      = "report" // only between assetdev and its own Python: tells the framework's own instance what was materialized
)

// Types of a Message.
const (
	TypeHello       = "hello"
	TypeAsset       = "asset"       // one definition; describe sends one for each asset
	TypePartitions  = "partitions"  // keys of a partitions definition, in pieces; describe only
	TypeMapping     = "mapping"     // which upstream partitions a partition reads, in pieces; describe only
	TypeMade        = "made"        // what the framework's own history says of partitions, in pieces; describe only
	TypeDefinitions = "definitions" // end of a describe
	TypeLog         = "log"
	TypeProgress    = "progress"
	TypeMetadata    = "metadata"
	TypeCheck       = "check"   // the outcome of one asset check
	TypeModules     = "modules" // which modules may be loaded before the next request; only between assetdev and its own Python
	TypeFiles       = "files"   // which files the result hangs on beside the code that its location knows, in pieces; materialize only
	TypeResult      = "result"  // end of a materialize
	TypeError       = "error"   // end of either
)

// A Request is what assetdev asks of the process.
type Request struct {
	Type string `json:"type"`
	// IOManagers says for resources of the location who stores what they handle: "replace", "both" or "own". The process knows the
	// default of those that are not named.
	IOManagers map[string]string `json:"io_managers,omitempty"`
	// The rest is for materialize.
	Run     string  `json:"run,omitempty"`
	Asset   string  `json:"asset,omitempty"`
	Attempt int     `json:"attempt,omitempty"`
	View    string  `json:"view,omitempty"`   // folder with exactly the declared inputs
	Output  string  `json:"output,omitempty"` // file to write, in one of Hello.Writes; its folder exists, it does not
	Inputs  []Input `json:"inputs,omitempty"`
	// Outputs is set when the step makes several assets at once: one for each that is wanted; Asset and Output are those of the first.
	Outputs   []Output        `json:"outputs,omitempty"`
	Partition string          `json:"partition,omitempty"` // the partition key to make, "" for an asset without partitions
	Config    json.RawMessage `json:"config,omitempty"`    // run config, an object
	Debug     bool            `json:"debug,omitempty"`     // standard input and output are the developer's terminal, for a debugger

	// Reports are what a report tells.
	Reports []Reported `json:"reports,omitempty"`

	// Alone says that the run has no other step, so that what would serve several is not worth its start. It stays on this side.
	Alone bool `json:"-"`
}

// A Reported is one materialization that a report tells of.
type Reported struct {
	Asset       string            `json:"asset"`
	Partition   string            `json:"partition,omitempty"`
	Run         string            `json:"run"`
	At          string            `json:"at"`   // RFC 3339
	Rows        int64             `json:"rows"` // -1 when the data is no table
	DataVersion string            `json:"data_version,omitempty"`
	CodeVersion string            `json:"code_version,omitempty"`
	Path        string            `json:"path,omitempty"` // absolute, of the copy that others read
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// An Output is one asset that a step is asked to make, and the file to write.
type Output struct {
	Asset  string `json:"asset"`
	Output string `json:"output"`
}

// An Input is one declared input of a step, pinned.
type Input struct {
	Asset       string `json:"asset"`
	Parquet     string `json:"parquet,omitempty"` // absolute path; "" when there is no data
	Arrow       string `json:"arrow,omitempty"`   // the same data as an Arrow IPC file, for who reads arrow
	DataVersion string `json:"data_version,omitempty"`
	Location    string `json:"location,omitempty"` // code location that makes it, "" when none does
	Command     string `json:"command,omitempty"`  // what a developer types to make it
	Opaque      string `json:"opaque,omitempty"`   // absolute path of a value that is no table, as the process that made it wrote it
	// Elsewhere says that the data lies where the location's own I/O manager stores it, and must be read through that; with partitions, that
	// all of them do.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Partitions holds what is read of an input with partitions, in their order; Parquet, Arrow and Opaque are then empty.
	Partitions []InputPartition `json:"partitions,omitempty"`
}

// An InputPartition is the data of one partition of an input.
type InputPartition struct {
	Key         string `json:"key"`
	Parquet     string `json:"parquet,omitempty"`
	Opaque      string `json:"opaque,omitempty"`
	DataVersion string `json:"data_version,omitempty"`
	// Elsewhere says of this partition what it says of an input.
	Elsewhere bool `json:"elsewhere,omitempty"`
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
	AssetCheck  *Check                     `json:"check,omitempty"`
	Partitions  *Partitions                `json:"partitions,omitempty"`
	Mapping     *Mapping                   `json:"mapping,omitempty"`
	Made        *MadePartitions            `json:"made,omitempty"`
	Modules     []string                   `json:"modules,omitempty"`
	Files       []File                     `json:"files,omitempty"`
}

// A File is one that a step read, and what was in it then.
type File struct {
	Path string `json:"path"` // absolute
	// Hash is the beginning of the SHA-256 of its bytes, 16 hex digits; of a folder "names:" and that of its sorted names, each with a zero byte
	// behind it, without hidden ones and __pycache__; "no such file" of one that was looked for.
	Hash string `json:"hash"`
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
	CodeFiles   []string          `json:"code_files,omitempty"` // absolute: files that are its code beside what its symbol says, as the model of dbt
	Symbol      string            `json:"symbol,omitempty"`     // Go: import path, ".", function; Python: module, ":", qualified name

	NotExecutable string        `json:"not_executable,omitempty"` // why assetdev cannot make it, one sentence
	External      bool          `json:"external,omitempty"`       // declared here, made by nobody here: other locations may define it
	StoredBy      string        `json:"stored_by,omitempty"`      // "assetdev", "own", "both" or "none"; "" is assetdev
	IOManager     string        `json:"io_manager,omitempty"`     // key of the resource that stores it
	Together      bool          `json:"together,omitempty"`       // the assets of its step cannot be made one without the others
	Partitions    string        `json:"partitions,omitempty"`     // id of its partitions definition, see Partitions
	Checks        []CheckSpec   `json:"checks,omitempty"`
	Pool          string        `json:"pool,omitempty"` // its steps share this pool's limit over all locations
	Config        []ConfigField `json:"config,omitempty"`
	ConfigPath    []string      `json:"config_path,omitempty"` // where its fields stand in the run config, as "ops", "name", "config"
	Automation    string        `json:"automation,omitempty"`  // Dagster's automation condition, for people
	Freshness     string        `json:"freshness,omitempty"`   // a freshness policy that MaxAgeMS cannot say, for people
	Made          *Made         `json:"made,omitempty"`        // what the framework's own history says of it
	Also          []string      `json:"also,omitempty"`        // further symbols whose code counts as its own: the ops of its graph, the I/O manager that stores it
	Resources     []string      `json:"resources,omitempty"`   // names under which the location binds what counts as well: the I/O manager's configuration
}

// A CheckSpec is one check that is declared for an asset.
type CheckSpec struct {
	Name        string `json:"name"`
	Blocking    bool   `json:"blocking,omitempty"` // a failure of severity ERROR holds up the downstreams
	Description string `json:"description,omitempty"`
}

// A ConfigField is one field of the run config of an asset's step.
type ConfigField struct {
	Name        string          `json:"name"`
	Type        string          `json:"type,omitempty"`
	Required    bool            `json:"required,omitempty"`
	Default     json.RawMessage `json:"default,omitempty"`
	Description string          `json:"description,omitempty"`
}

// A Made is the last materialization of an asset that assetdev did not make.
type Made struct {
	At       string            `json:"at,omitempty"` // RFC 3339
	Run      string            `json:"run,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Path     string            `json:"path,omitempty"` // absolute path of the data, when it is a file
}

// A Check is the outcome of one check of one asset.
type Check struct {
	Asset       string                     `json:"asset"`
	Name        string                     `json:"name"`
	Passed      bool                       `json:"passed"`
	Severity    string                     `json:"severity"` // "WARN" or "ERROR"
	Blocking    bool                       `json:"blocking,omitempty"`
	Description string                     `json:"description,omitempty"`
	Metadata    map[string]json.RawMessage `json:"metadata,omitempty"`
}

// A Partitions is a piece of a partitions definition, which many assets may share. Keys come in their order, over as many messages as
// they need.
type Partitions struct {
	ID   string   `json:"id"`
	Kind string   `json:"kind"` // "static", "time_window", "dynamic" or "multi"
	Keys []string `json:"keys"`
}

// A Mapping is a piece of what the partitions of one asset read of one upstream that has partitions. An upstream without any mapping
// has no partitions, or each partition reads the equal key.
type Mapping struct {
	Asset string              `json:"asset"`
	Input string              `json:"input"`
	All   bool                `json:"all,omitempty"`   // each partition reads all keys of the input
	Table map[string][]string `json:"table,omitempty"` // keys that the key ("" of an asset without partitions) reads, for those that do not read the equal one
}

// MadePartitions is a piece of what the framework's own history says of the partitions of one asset: of each that was made the last
// materialization. [Asset.Made] is then that of the asset as a whole, for people.
type MadePartitions struct {
	Asset      string          `json:"asset"`
	Partitions map[string]Made `json:"partitions"`
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
	Problems  []Error  `json:"problems,omitempty"` // wrong declarations; the other assets still count
	Notices   []string `json:"notices,omitempty"`  // what is worth knowing and not wrong
	Jobs      []Job    `json:"jobs,omitempty"`
	Schedules []string `json:"schedules,omitempty"` // names; the framework runs them, assetdev does not
	Sensors   []string `json:"sensors,omitempty"`
	Resources []string `json:"resources,omitempty"` // "name: type"
	Files     []string `json:"files,omitempty"`     // absolute paths that were read for the definitions and that their location does not know to be code: they count as code, and are watched
	Framework string   `json:"framework,omitempty"` // its name and version, as "dagster 1.13.27"
}

// A Job names assets that are materialized together.
type Job struct {
	Name   string   `json:"name"`
	Assets []string `json:"assets"`
}

// A Result ends a materialize that succeeded.
type Result struct {
	Format      string `json:"format"` // "arrow", "parquet", "opaque" or "none" (hands over no data)
	Rows        int64  `json:"rows"`
	DataVersion string `json:"data_version,omitempty"` // only when the author gave one
	// Outputs holds one outcome for each asset, when the request had Outputs; the fields above then count for nothing.
	Outputs []OutputResult `json:"outputs,omitempty"`
}

// An OutputResult is the outcome of one asset of a step that makes several. Format "skipped" says that the step chose not to make it.
type OutputResult struct {
	Asset       string                     `json:"asset"`
	Format      string                     `json:"format"`
	Rows        int64                      `json:"rows"`
	DataVersion string                     `json:"data_version,omitempty"`
	Metadata    map[string]json.RawMessage `json:"metadata,omitempty"`
}

// An Error ends a request that failed.
type Error struct {
	Message string `json:"message"`
	Trace   string `json:"trace,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}
