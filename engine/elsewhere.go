package engine

// Data that assetdev did not make and does not keep: what the framework's own history says was made, and what a location's own I/O
// manager stores.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager"
	"github.com/assetdev/assetdev/iomanager/page"
)

// findMade collects what the graph's assets say was made elsewhere.
func (e *Engine) findMade() {
	e.made = nil
	for i := range e.graph.Len() {
		a := e.graph.At(i)
		if a.Made == nil && len(a.MadeAt) == 0 {
			continue
		}
		if e.made == nil {
			e.made = map[graph.Key]*graph.Made{}
		}
		if a.Partitions == nil {
			e.made[e.graph.Key(i)] = a.Made
		}
		for partition, made := range a.MadeAt {
			e.made[e.graph.Key(i).At(partition)] = made
		}
	}
}

// withMade adds to what the storage knows of assets what was made elsewhere: where there is neither a record nor a file of ours. Versions
// that have to be computed from a file are left empty.
func withMade(found map[graph.Key]graph.Stored, made map[graph.Key]*graph.Made) {
	for key, m := range made {
		s, asked := found[key]
		if asked && overwritten(s.Record, m) {
			s.Data, s.Text = graph.DataChanged, madeText(m)
			found[key] = s
		}
		if !asked || s.Record != nil || s.Data != graph.DataAbsent {
			continue
		}
		s.Data, s.Text = graph.DataForeign, madeText(m)
		if m.Path == "" {
			s.Version = m.Version()
		}
		found[key] = s
	}
}

// overwritten reports whether something else made data that is not in our storage after its record was written. Of a file its bytes tell, see
// [Engine.foreignVersions].
func overwritten(record *graph.Record, m *graph.Made) bool {
	switch {
	case record == nil || record.File != "" || adoptedFile(record, m):
		return false
	case record.Adopted:
		return m.Version() != record.DataVersion
	}
	return m.At.After(record.At)
}

// adoptedFile reports whether a record is of a file that was adopted where it lies.
func adoptedFile(record *graph.Record, m *graph.Made) bool {
	return record != nil && record.Adopted && record.File == "" && m.Path != ""
}

// madeDiffers returns the keys of which the framework's own history says something else than before.
func madeDiffers(before, now map[graph.Key]*graph.Made) []graph.Key {
	var keys []graph.Key
	for key, m := range now {
		if old := before[key]; old == nil || old.Version() != m.Version() || old.Path != m.Path {
			keys = append(keys, key)
		}
	}
	for key := range before {
		if now[key] == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

func madeText(m *graph.Made) string {
	text := "it was made"
	if !m.At.IsZero() {
		text += " at " + m.At.Local().Format("2006-01-02 15:04")
	}
	if m.Run != "" {
		text += " by run " + m.Run
	}
	if m.Path != "" {
		text += ", and lies at " + m.Path
	}
	return text
}

// keepVersions takes over versions that were computed before, for data that is still the same.
func (e *Engine) keepVersions(found map[graph.Key]graph.Stored) {
	for key := range e.made {
		if s, old := found[key], e.stored[key]; s.Data == graph.DataForeign && s.Version == "" && old.Data == s.Data && old.Text == s.Text {
			s.Version = old.Version
			found[key] = s
		} else if adoptedFile(s.Record, e.made[key]) && old.Data == graph.DataChanged && old.Record != nil && old.Record.Seq == s.Record.Seq {
			s.Data, s.Text = old.Data, old.Text
			found[key] = s
		}
	}
}

// adopt gives data that was made elsewhere a record with the present code and input versions.
func (e *Engine) adopt(c Adopt) (Reply, error) {
	type adoption struct {
		draft  graph.Record
		made   *graph.Made
		ours   bool // the data may lie in our storage
		stored string
		base   int64 // number of the record whose place it takes
	}
	var adoptions []adoption
	for _, key := range e.foreignPartitions(c.Keys) {
		asset, ok := e.graph.Asset(key)
		if !ok {
			return Reply{}, e.noAsset(key)
		}
		stored := e.stored[key]
		made := e.made[key]
		own := asset.StoredBy == "own" && stored.Record == nil && stored.Data == graph.DataAbsent
		again := made != nil && stored.Data == graph.DataChanged && stored.Record != nil && stored.Record.File == ""
		if stored.Data != graph.DataForeign && !own && !again {
			return Reply{}, diag.New("asset", "%s has no data that was made elsewhere", key).WithHint("its status is %s", e.judge().Status(key))
		}
		base := int64(0)
		if stored.Record != nil {
			base = stored.Record.Seq
		}
		adoptions = append(adoptions, adoption{
			draft: graph.Record{
				Key: key, Run: e.newRunID(), Attempt: 1, Location: asset.Location, At: time.Now(), Code: bare(asset.Code), Inputs: e.inputVersions(key), Adopted: true, By: e.user,
			},
			made: made, ours: !own && !again, stored: asset.StoredBy, base: base,
		})
	}
	return Reply{wait: func(ctx context.Context) (Reply, error) {
		for _, a := range adoptions {
			err := fs.ErrNotExist
			if a.ours {
				_, err = e.manager.Adopt(ctx, a.draft.Key, a.draft)
			}
			if errors.Is(err, fs.ErrNotExist) && (a.made != nil || !a.ours) {
				err = e.adoptElsewhere(ctx, a.draft, a.made, a.base)
			}
			if err != nil {
				return Reply{}, err
			}
		}
		keys := make([]graph.Key, len(adoptions))
		partitions := 0
		for i, a := range adoptions {
			if keys[i] = a.draft.Key; keys[i].Partition() != "" {
				partitions++
			}
		}
		var texts []string
		if assets := len(keys) - partitions; assets > 0 || partitions == 0 {
			texts = append(texts, plural(assets, "asset"))
		}
		if partitions > 0 {
			texts = append(texts, plural(partitions, "partition"))
		}
		if err := e.call(ctx, func() { e.commits++; e.readStored(e.ctx, keys) }); err != nil {
			return Reply{}, err
		}
		return Reply{Text: "adopted " + strings.Join(texts, " and ")}, nil
	}}, nil
}

// foreignPartitions puts those partitions of an asset in its place whose data were made elsewhere; where there are none the asset stays.
func (e *Engine) foreignPartitions(keys []graph.Key) []graph.Key {
	var out []graph.Key
	for _, key := range keys {
		before := len(out)
		if key.Partition() == "" {
			for _, partition := range e.graph.PartitionKeys(key) {
				if e.stored[partition].Data == graph.DataForeign {
					out = append(out, partition)
				}
			}
		}
		if len(out) == before {
			out = append(out, key)
		}
	}
	return out
}

// adoptElsewhere gives data that lies outside our storage a record that names none of ours.
func (e *Engine) adoptElsewhere(ctx context.Context, draft graph.Record, made *graph.Made, base int64) error {
	version := ""
	if made != nil {
		var err error
		if version, err = e.madeVersion(ctx, made); err != nil {
			return err
		}
		draft.Metadata = maps.Clone(made.Metadata)
		if made.Path != "" {
			if draft.Metadata == nil {
				draft.Metadata = map[string]string{}
			}
			if draft.Metadata["path"] == "" {
				draft.Metadata["path"] = made.Path
			}
		}
	}
	_, outcome, err := e.manager.Commit(ctx, iomanager.Draft{Record: draft, Format: iomanager.FormatNone, AuthorDataVersion: version, BaseSeq: base})
	if err == nil && outcome == iomanager.Superseded {
		err = diag.New("asset", "%s was made by somebody else meanwhile", draft.Key)
	}
	return err
}

// placeOf returns the file of data that lies elsewhere, "" when it is not known to be one: what the record of an adopted asset, or the
// I/O manager that stored it, or the framework's own history says.
func placeOf(record *graph.Record, made *graph.Made) string {
	path := ""
	switch {
	case record != nil:
		path = record.Metadata["path"]
	case made != nil:
		path = made.Path
	}
	if !filepath.IsAbs(path) {
		return ""
	}
	return path
}

// showElsewhere puts data that lies elsewhere into a step's view, under the name that it would have if it were ours, so that readers which are
// directed to the view find it: those written by hand, and I/O managers whose base folder is SHARED_ASSETS_PATH. What is no file stays with its
// own I/O manager.
func showElsewhere(view string, key graph.Key, path string) error {
	if info, err := os.Stat(path); path == "" || err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // what reads it says so
	}
	name := key.Bare().Asset().String()
	if partition := key.Partition(); partition != "" {
		name += "/" + graph.PartitionSegment(partition)
	}
	link := filepath.Join(view, filepath.FromSlash(name)+filepath.Ext(path))
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		return fmt.Errorf("make the view: %w", err)
	}
	if err := os.Symlink(path, link); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the view: %w", err)
	}
	return nil
}

// previewMade shows what the framework's own history says of an asset: the rows of its file, when that is Parquet, else its metadata.
func (e *Engine) previewMade(ctx context.Context, made *graph.Made, location string, r iomanager.PageRequest) (page.Page, error) {
	metadata := maps.Clone(made.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	if made.Path != "" {
		metadata["path"] = made.Path
	}
	if path := e.manager.NamedTable(metadata, location); path != "" {
		return e.manager.PreviewFile(ctx, path, r)
	}
	if !made.At.IsZero() {
		metadata["made at"] = made.At.Local().Format(time.RFC3339)
	}
	if made.Run != "" {
		metadata["made by run"] = made.Run
	}
	return iomanager.Facts("something else than assetdev made it; this is what its own history says", iomanager.MetadataFacts(metadata), r), nil
}

// lacksConfig returns which required fields of an asset's run config a request does not give, "" when it gives all.
func lacksConfig(a graph.Asset, config json.RawMessage) string {
	var missing []string
	given := configAt(config, a.ConfigPath)
	for _, f := range a.Config {
		if _, ok := given[f.Name]; ok || !f.Required || f.Default != "" {
			continue
		}
		text := f.Name
		if f.Type != "" {
			text += " (" + f.Type + ")"
		}
		missing = append(missing, text)
	}
	if len(missing) == 0 {
		return ""
	}
	under := ""
	if len(a.ConfigPath) > 0 {
		under = ", under " + strings.Join(a.ConfigPath, ": ")
	}
	return fmt.Sprintf("its run config needs %s: give it with --config FILE or --config-json TEXT%s", strings.Join(missing, ", "), under)
}

// givesConfig reports whether a run config says something to an asset's step that its defaults do not say.
func givesConfig(a graph.Asset, config json.RawMessage) bool {
	if len(configAt(config, []string{"resources"})) > 0 {
		return true // which of them its code uses is not known
	}
	if len(a.ConfigPath) == 0 {
		return false
	}
	for name, value := range configAt(config, a.ConfigPath) {
		i := slices.IndexFunc(a.Config, func(f graph.ConfigField) bool { return f.Name == name })
		if i < 0 || !sameJSON(value, json.RawMessage(a.Config[i].Default)) {
			return true
		}
	}
	return false
}

// needsConfig reports whether an asset's step cannot run without a run config.
func needsConfig(a graph.Asset) bool { return lacksConfig(a, nil) != "" }

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// configAt returns the fields that a run config gives at a path, nil for none.
func configAt(config json.RawMessage, path []string) map[string]json.RawMessage {
	for _, name := range slices.Concat(path, []string{""}) {
		var fields map[string]json.RawMessage
		if len(config) == 0 || json.Unmarshal(config, &fields) != nil {
			return nil
		}
		if name == "" {
			return fields
		}
		config = fields[name]
	}
	return nil
}
