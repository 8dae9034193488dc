package graph

import "time"

// An Asset is what one code location says of one asset. The zero value of every optional field means "not said".
type Asset struct {
	Key         Key
	Location    string // name of the code location
	Group       string
	Description string
	Owners      []string
	Kinds       []string
	Tags        map[string]string
	Metadata    map[string]string // author's metadata, values as text
	Source      Source
	Deps        []Key // keys it reads, in the author's order, no duplicates
	Code        Code
	Columns     []Column      // what the author declares of its columns, nil when nothing
	MaxAge      time.Duration // freshness policy: older than this is overdue; 0 is no policy
	Executable  bool
	Why         string        // why it is not executable, one sentence; "" when it is
	StoredBy    string        // "assetdev", "own", "both" or "none"
	Outside     bool          // its step writes outside assetdev's storage
	Step        string        // assets of one location with equal, non-empty Step are made by one step
	Unordered   bool          // the order of its rows does not count for its data version
	Timeout     time.Duration // 0 is none
	Retries     int           // times a failed step is tried again
	Stale       bool          // the definition is the last good one of a location that does not load now

	External   bool          // declared by the location and made by nobody there: another location may make it
	Together   bool          // the assets of its Step cannot be made one without the others
	IOManager  string        // key of the resource that stores it, "" when that is not said
	Checks     []CheckSpec   // declared checks
	Pool       string        // its steps share the limit of this pool over all locations
	Config     []ConfigField // fields of its step's run config
	ConfigPath []string      // where they stand in the run config
	Automation string        // Dagster's automation condition, for people
	Policy     string        // a freshness policy that MaxAge cannot say, for people
	Made       *Made         // what the framework's own history says of its last materialization

	Partitions *Partitions      // nil when it has none
	MadeAt     map[string]*Made // what the framework's own history says of its partitions, by their keys; Made is then that of the last of them
	Mappings   map[Key]*Mapping // which partitions of an upstream it reads, by dependency; see Mapping for those that are absent
}

// A CheckSpec is one check that an author declared for an asset.
type CheckSpec struct {
	Name        string
	Blocking    bool // a failure of severity ERROR holds up what reads the asset
	Description string
}

// A ConfigField is one field of the run config of an asset's step.
type ConfigField struct {
	Name        string
	Type        string
	Required    bool
	Default     string // as JSON, "" when there is none
	Description string
}

// A Made is the last materialization of an asset by something that is not assetdev, as the framework's own history tells it.
type Made struct {
	At       time.Time // zero when it is not known
	Run      string
	Metadata map[string]string
	Path     string // absolute path of the data, "" when it is no file
}

// Version identifies the materialization as a data version does, where its data cannot be hashed.
func (m *Made) Version() string {
	if m.Run == "" && m.At.IsZero() {
		return "made:unknown"
	}
	if m.Run == "" {
		return "made:" + m.At.UTC().Format(time.RFC3339Nano)
	}
	return "made:" + m.Run
}

// A Column is the name and Arrow type of one column as an author declared it.
type Column struct{ Name, Type string }

// A Source is a place in a location's files. File is relative to the folder of the workspace file where it lies below it.
type Source struct {
	File   string
	Line   int // from 1; 0 is unknown
	Symbol string
}

// A Code is the code version of an asset and what it was computed from. Equal Version, equal meaning.
type Code struct {
	Version string // begins with the algorithm's name and version, as "go1:"; "" is unknown
	Author  bool   // given by the author
	Coarse  string // why the version covers more than the asset needs, "" when it does not
	Parts   []Part // sorted by Symbol
}

// A Part is one thing that a code version covers: a declaration, an embedded file, a library, an environment variable, a
// declared input file.
type Part struct {
	Kind   PartKind
	Symbol string // "repo/pkg.func", a file name, a module path, a variable's name: unique within a Code
	Hash   string // of its meaning; short, printable
	File   string // as in Source
	Line   int
	Text   string // its source text, for showing what changed; never part of a comparison and never in a record
}

// A PartKind says which reason a changed part gives.
type PartKind uint8

// The kinds of a part.
const (
	PartCode        PartKind = iota // code_changed
	PartFile                        // source_changed: a file that the asset declared as input
	PartEnvironment                 // environment_changed: a variable, a library, an interpreter
)
