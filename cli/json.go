package cli

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

// The shapes below are promised in docs/json.md. No slice or map of them is null.

type jsonStatus struct {
	Format    int            `json:"format"`
	Workspace jsonWorkspace  `json:"workspace"`
	Locations []jsonLocation `json:"locations"`
	Assets    []jsonAsset    `json:"assets"`
}

type jsonWorkspace struct {
	File    string  `json:"file"`
	Storage string  `json:"storage"`
	Sandbox *string `json:"sandbox"`
}

type jsonLocation struct {
	Name        string          `json:"name"`
	Kind        string          `json:"kind"`
	State       string          `json:"state"`
	Error       *jsonTrace      `json:"error"`
	Assets      int             `json:"assets"`
	LoadMS      int64           `json:"load_ms"`
	Environment jsonEnvironment `json:"environment"`
	Framework   string          `json:"framework"`
	Notices     []string        `json:"notices"`
	Jobs        []jsonJob       `json:"jobs"`
	Schedules   []string        `json:"schedules"`
	Sensors     []string        `json:"sensors"`
	Resources   []string        `json:"resources"`
}

type jsonJob struct {
	Name   string      `json:"name"`
	Assets []graph.Key `json:"assets"`
}

// A jsonCheck is a check of an asset; what is not known before it ran for the first time is null.
type jsonCheck struct {
	Name     string     `json:"name"`
	Passed   *bool      `json:"passed"`
	Severity *string    `json:"severity"`
	Blocking bool       `json:"blocking"`
	At       *time.Time `json:"at"`
	Text     string     `json:"text"`
}

type jsonTrace struct {
	Message string `json:"message"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Trace   string `json:"trace"`
}

type jsonEnvironment struct {
	Executable string `json:"executable"`
	Version    string `json:"version"`
	Dagster    string `json:"dagster"`
}

type jsonSource struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Symbol string `json:"symbol"`
}

type jsonAsset struct {
	Key           graph.Key         `json:"key"`
	Partition     *string           `json:"partition,omitempty"` // only where partitions were asked for
	Location      string            `json:"location"`
	Group         string            `json:"group"`
	Kinds         []string          `json:"kinds"`
	Owners        []string          `json:"owners"`
	Tags          map[string]string `json:"tags"`
	Description   string            `json:"description"`
	Metadata      map[string]string `json:"metadata"`
	Source        jsonSource        `json:"source"`
	Executable    bool              `json:"executable"`
	NotExecutable *string           `json:"not_executable"`
	StoredBy      string            `json:"stored_by"`
	Status        graph.Status      `json:"status"`
	Reasons       []graph.Reason    `json:"reasons"`
	Upstreams     []graph.Key       `json:"upstreams"`
	Downstreams   []graph.Key       `json:"downstreams"`
	Partitions    *jsonPartitions   `json:"partitions"`
	Checks        []jsonCheck       `json:"checks"`
	Materialized  *jsonMaterialized `json:"materialized"`
	LastRun       *jsonLastRun      `json:"last_run"`
}

// jsonPartitions is how many partitions of an asset are what.
type jsonPartitions = graph.PartitionCounts

// withPartition adds to an object which partition it is about, null when the asset has none.
func withPartition(out map[string]any, key graph.Key) map[string]any {
	out["partition"] = nil
	if partition := key.Partition(); partition != "" {
		out["partition"] = partition
	}
	return out
}

type jsonMaterialized struct {
	Run         string               `json:"run"`
	Attempt     int                  `json:"attempt"`
	At          time.Time            `json:"at"`
	MS          int64                `json:"ms"`
	Rows        *int64               `json:"rows"`
	Bytes       int64                `json:"bytes"`
	DataVersion string               `json:"data_version"`
	CodeVersion string               `json:"code_version"`
	File        string               `json:"file"`
	Partition   *string              `json:"partition"`
	Inputs      map[graph.Key]string `json:"inputs"`
	Git         *graph.Git           `json:"git"`
}

type jsonLastRun struct {
	Run   string    `json:"run"`
	State string    `json:"state"`
	At    time.Time `json:"at"`
	Error *string   `json:"error"`
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func orEmptyMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

func locationsJSON(s *engine.Snapshot) []jsonLocation {
	out := []jsonLocation{}
	for _, l := range s.Locations {
		j := jsonLocation{Name: l.Name, Kind: l.Kind, State: l.State, Assets: l.Assets, LoadMS: l.LoadMS, Environment: jsonEnvironment{Executable: l.Executable, Version: l.Version, Dagster: l.Dagster}}
		j.Framework, j.Notices, j.Schedules, j.Sensors, j.Resources = l.Framework, orEmpty(l.Notices), orEmpty(l.Schedules), orEmpty(l.Sensors), orEmpty(l.Resources)
		j.Jobs = []jsonJob{}
		for _, job := range l.Jobs {
			j.Jobs = append(j.Jobs, jsonJob{job.Name, orEmpty(job.Assets)})
		}
		if l.Error != nil {
			j.Error = &jsonTrace{l.Error.Message, l.Error.File, l.Error.Line, l.Error.Trace}
		}
		out = append(out, j)
	}
	return out
}

func statusJSON(s *engine.Snapshot, keys []graph.Key) jsonStatus {
	out := jsonStatus{Format: 1, Locations: locationsJSON(s), Assets: []jsonAsset{}, Workspace: jsonWorkspace{File: s.Workspace.FileName(), Storage: s.Workspace.Storage}}
	for _, key := range keys {
		asset, _ := s.Graph.Asset(key)
		stored := stateOf(s, key).Stored
		j := jsonAsset{
			Key: key.Asset(), Location: asset.Location, Group: asset.Group, Kinds: orEmpty(asset.Kinds), Owners: orEmpty(asset.Owners), Tags: orEmptyMap(asset.Tags),
			Description: asset.Description, Metadata: orEmptyMap(asset.Metadata), Source: jsonSource{asset.Source.File, asset.Source.Line, asset.Source.Symbol},
			Executable: asset.Executable, StoredBy: asset.StoredBy, Status: s.Freshness.Status(key), Reasons: orEmpty(s.Freshness.Reasons(key)),
			Upstreams: orEmpty(s.Graph.Upstreams(key)), Downstreams: orEmpty(s.Graph.Downstreams(key)), Checks: checksJSON(asset, stored.Record),
		}
		if j.StoredBy == "" {
			j.StoredBy = "none"
		}
		if !asset.Executable {
			why := asset.Why
			if why == "" {
				why = "no code location defines it"
			}
			j.NotExecutable = &why
		}
		if partition := key.Partition(); partition != "" {
			j.Partition = &partition
		} else if counts, ok := s.Freshness.Partitions(key); ok {
			j.Partitions = &counts
		}
		j.Materialized = materializedJSON(s, stored.Record)
		if last := stored.Last; last != nil {
			j.LastRun = &jsonLastRun{Run: last.Run, State: last.State, At: last.At}
			if last.Error != "" {
				j.LastRun.Error = &last.Error
			}
		}
		out.Assets = append(out.Assets, j)
	}
	return out
}

// checksJSON returns the declared checks and those that ran, with the outcome of the newest materialization.
func checksJSON(asset graph.Asset, r *graph.Record) []jsonCheck {
	out := []jsonCheck{}
	ran := map[string]bool{}
	if r != nil {
		for _, c := range r.Checks {
			ran[c.Name] = true
			out = append(out, jsonCheck{c.Name, &c.Passed, &c.Severity, c.Blocking, &c.At, c.Text})
		}
	}
	for _, c := range asset.Checks {
		if !ran[c.Name] {
			out = append(out, jsonCheck{Name: c.Name, Blocking: c.Blocking, Text: c.Description})
		}
	}
	slices.SortStableFunc(out, func(a, b jsonCheck) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func materializedJSON(s *engine.Snapshot, r *graph.Record) *jsonMaterialized {
	if r == nil {
		return nil
	}
	m := &jsonMaterialized{
		Run: r.Run, Attempt: r.Attempt, At: r.At, MS: r.Took.Milliseconds(), Bytes: r.Bytes, DataVersion: r.DataVersion, CodeVersion: r.Code.Version,
		File: s.Workspace.DataFile(r.File), Inputs: orEmptyMap(r.Inputs), Git: r.Git,
	}
	if r.Rows >= 0 {
		m.Rows = &r.Rows
	}
	if partition := r.Key.Partition(); partition != "" {
		m.Partition = &partition
	}
	return m
}

type jsonPlan struct {
	Format  int             `json:"format"`
	Steps   []graph.Step    `json:"steps"`
	Fresh   []graph.Key     `json:"fresh"`
	Blocked []graph.Blocked `json:"blocked"`
}

func planJSON(p graph.Plan) jsonPlan {
	return jsonPlan{1, orEmpty(p.Steps), orEmpty(p.Fresh), orEmpty(p.Blocked)}
}

// finalCounts writes counts of a run's final states in the order in which people ask for them.
func finalCounts(counts map[string]int) []string {
	var words []string
	for _, state := range []string{event.Succeeded, event.Unchanged, event.CutOff, event.Superseded, event.Failed, event.Skipped, event.Cancelled, event.Interrupted} {
		if counts[state] > 0 {
			words = append(words, state)
		}
	}
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		if !slices.Contains(words, state) && counts[state] > 0 {
			words = append(words, state)
		}
	}
	return words
}
