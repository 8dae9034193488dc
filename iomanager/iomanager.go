// Package iomanager is where the data of assets and its provenance live: for each asset the newest data at a path that everybody
// can read, its last versions, and a log of records that say how each came to be. FORMAT.md says what lies where.
//
// The nouns: a [Manager] is one storage, in a folder or a bucket; a [Draft] is what a step made and wants committed; an [Outcome]
// says what became of it; a version is data that is kept, named by the run and the attempt of a record that points at it; the copy is
// the file at the well-known path; a view is the folder in which one step finds its inputs.
//
// Invariants:
//
//	(a) A record is valid from the moment it exists under its number, which is given by create-if-absent, and is never written again.
//	    Its data was durable before.
//	(b) Order is by number, never by time. Of two commits that began from the same number one is Superseded.
//	(c) The data of a version is never written again. The copy is a file of its own: whoever overwrites it destroys no version.
//	(d) A crash at any point leaves the old or the new state; a copy that is behind is put right by the next Stored, Commit or Restore.
//	(e) The local index and cache are disposable: without them everything is slower and nothing is different.
//	(f) What cannot be attributed is never deleted.
//
// The location in front of a key ("location::a/b") does not count here: data lies under the bare key.
//
// Deliberately absent: locks, a server, a database, background goroutines (all work is done before a method returns), and the
// decision what is fresh, which is package graph's. No compatibility is promised for the Go API; FORMAT.md promises it for what is stored.
package iomanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeebo/blake3"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
	"github.com/assetdev/assetdev/iomanager/store"
	"github.com/assetdev/assetdev/iomanager/store/file"
)

// A Config says where a Manager keeps what.
type Config struct {
	BaseDir  string // absolute path of the folder with the data; see ResolveBaseDir
	StateDir string // absolute path of a folder for what can be thrown away: the index and the cache. Its mode becomes 0700
	Keep     Keep
	ReadOnly bool // nothing below BaseDir is written, not even to put a copy right

	Store  store.Store // nil is the folder BaseDir
	Tables Tables      // nil is package table
	// WorkingDir returns the folder of a code location, in which relative paths in its metadata are looked for; nil: nowhere.
	WorkingDir func(location string) string
	// CacheSize bounds the cache of Arrow files and of downloads, in bytes; 0 is 2 GiB.
	CacheSize int64
}

// Keep is what retention leaves.
type Keep struct {
	Versions int           // of each asset; 0 is 5. The newest always stays
	Size     int64         // of all versions together, in bytes; 0 is no limit
	Runs     time.Duration // of the history of runs, which is not kept here
}

const (
	defaultVersions  = 5
	defaultCacheSize = 2 << 30
	tempAge          = 24 * time.Hour // older temporary files and data without a record are leftovers of a crash
)

// ErrBehind marks errors after which a commit is valid and only the copy at the well-known path is not the newest data.
var ErrBehind = errors.New("the file at the well-known path is behind")

// A Manager reads and writes one storage. Its methods may be called from any goroutine; calls of any number of processes may overlap.
type Manager struct {
	cfg    Config
	st     store.Store
	folder store.Folder // st, when it is a folder of this machine; else nil
	tables Tables

	glances glances
	cache   *cache
	index   *index
	now     func() time.Time

	start sync.Mutex
	swept bool
}

// ResolveBaseDir returns the absolute path of the folder that a workspace's io_manager names as base_dir: "~" is the user's home,
// "" is .assetdev/assets, and what is relative is relative to the folder of the workspace file.
func ResolveBaseDir(configured, workspaceDir string) (string, error) {
	if configured == "" {
		configured = filepath.Join(ours, "assets")
	}
	if rest, ok := strings.CutPrefix(configured, "~"); ok {
		if rest != "" && rest[0] != '/' {
			return "", fmt.Errorf("base_dir %q: the home of another user is not supported; write the whole path", configured)
		}
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("base_dir %q: %w", configured, err)
		}
		return filepath.Join(home, rest), nil
	}
	if filepath.IsAbs(configured) {
		return filepath.Clean(configured), nil
	}
	dir, err := filepath.Abs(filepath.Join(workspaceDir, configured))
	if err != nil {
		return "", fmt.Errorf("base_dir %q: %w", configured, err)
	}
	return dir, nil
}

// Open returns the Manager of a storage. Nothing is written, and a storage that is not there yet or cannot be reached is no error:
// Stored reports it asset by asset. A storage whose format this version cannot read is one.
func Open(ctx context.Context, cfg Config) (*Manager, error) {
	if !filepath.IsAbs(cfg.StateDir) {
		return nil, fmt.Errorf("state folder %q is not an absolute path", cfg.StateDir)
	}
	if cfg.Keep.Versions <= 0 {
		cfg.Keep.Versions = defaultVersions
	}
	if cfg.CacheSize <= 0 {
		cfg.CacheSize = defaultCacheSize
	}
	m := &Manager{
		cfg: cfg, st: cfg.Store, tables: cfg.Tables, now: time.Now,
		cache: &cache{dir: filepath.Join(cfg.StateDir, "cache"), limit: cfg.CacheSize},
		index: &index{file: filepath.Join(cfg.StateDir, "index")},
	}
	if m.tables == nil {
		m.tables = newChildren()
	}
	if m.st == nil {
		st, err := file.New(cfg.BaseDir)
		if err != nil {
			return nil, err
		}
		m.st = st
	}
	m.folder, _ = m.st.(store.Folder)
	m.index.storage = m.st.String()
	switch f, err := m.readFormat(ctx); {
	case err == nil && f.Reads > Format:
		return nil, diag.New("storage", "%s: format %d: %w", m.st, f.Format, errNewer)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return m, nil
}

// Close writes what the index has learned and ends what reads pages. The Manager must not be used afterwards.
func (m *Manager) Close() error {
	err := m.index.flush()
	if c, ok := m.tables.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return err
}

// BaseDir returns the absolute path of the folder with the data.
func (m *Manager) BaseDir() string { return m.cfg.BaseDir }

// String names the storage for people, as "filesystem /home/ada/assets".
func (m *Manager) String() string { return m.st.String() }

// A formatFile is the content of .assetdev/format.json.
type formatFile struct {
	Format int    `json:"format"`          // what the newest writer writes
	Reads  int    `json:"reads,omitempty"` // the lowest format number whose readers understand it; 0 is all
	By     string `json:"by,omitempty"`
}

func (m *Manager) readFormat(ctx context.Context) (formatFile, error) {
	var f formatFile
	data, err := m.readAll(ctx, formatName, 1<<16)
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		return f, fmt.Errorf("read %s: %w", formatName, err)
	}
	return f, nil
}

// startWriting checks that this version may write, and leaves its mark in a storage that has none.
func (m *Manager) startWriting(ctx context.Context) error {
	if m.cfg.ReadOnly {
		return diag.New("storage", "%s is read-only", m.st).WithHint("it is opened with read_only: true")
	}
	m.start.Lock()
	defer m.start.Unlock()
	f, err := m.readFormat(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = m.writeFormat(ctx); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if f.Format > Format {
		return diag.New("storage", "%s: format %d: %w", m.st, f.Format, errNewer).WithHint("this version reads it and writes format %d", Format)
	}
	if f.Format < 1 {
		return diag.New("storage", "%s: %s has no format number", m.st, formatName)
	}
	if m.folder == nil || m.swept {
		return nil
	}
	m.swept = true
	return m.sweepDaily(ctx)
}

func (m *Manager) writeFormat(ctx context.Context) (formatFile, error) {
	f := formatFile{Format: Format, By: "assetdev"}
	data, err := json.Marshal(f)
	if err != nil {
		return f, err
	}
	if m.folder != nil { // versions are none of git's business where the folder lies in a repository
		err = m.st.CreateIfAbsent(ctx, ours+"/.gitignore", strings.NewReader("*\n"))
		if err != nil && !errors.Is(err, store.ErrExists) {
			return f, fmt.Errorf("begin %s: %w", m.st, err)
		}
	}
	switch err := m.createIfAbsent(ctx, formatName, append(data, '\n')); {
	case errors.Is(err, store.ErrExists):
		return m.readFormat(ctx)
	case err != nil:
		return f, fmt.Errorf("begin %s: %w", m.st, err)
	}
	return f, nil
}

// sweepDaily removes leftovers of crashes, once a day for each state folder.
func (m *Manager) sweepDaily(ctx context.Context) error {
	mark := filepath.Join(m.cfg.StateDir, "swept")
	if info, err := os.Stat(mark); err == nil && m.now().Sub(info.ModTime()).Abs() < tempAge {
		return nil
	}
	if _, err := m.folder.Sweep(ctx, m.now().Add(-tempAge)); err != nil {
		return err
	}
	if err := os.MkdirAll(m.cfg.StateDir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

// Latest returns the newest record, nil when there is none.
func (m *Manager) Latest(ctx context.Context, key graph.Key) (*graph.Record, error) {
	h, err := m.head(ctx, key.Bare())
	if err != nil || h.newest == nil {
		return nil, err
	}
	return &h.newest.Record, nil
}

// A head is the end of a log.
type head struct {
	top     int64      // the highest number that is taken, readable or not; 0 is none
	newest  *entry     // the newest record that can be read, nil when there is none
	info    store.Info // of the newest
	damaged []string   // what is wrong with those after it
}

// head reads the end of the log. A record that cannot be read is passed over; one that a newer version wrote is an error.
func (m *Manager) head(ctx context.Context, key graph.Key) (head, error) {
	infos, err := m.st.List(ctx, logOf(key), "")
	if err != nil {
		return head{}, err
	}
	var h head
	for _, info := range slices.Backward(infos) {
		seq, ok := seqOf(info.Name)
		if !ok {
			continue
		}
		h.top = max(h.top, seq)
		e, err := m.readRecord(ctx, key, info.Name)
		switch {
		case err == nil:
			h.newest, h.info = e, info
			return h, nil
		case errors.Is(err, errDamaged):
			h.damaged = append(h.damaged, err.Error())
		case !errors.Is(err, fs.ErrNotExist): // retention took it meanwhile
			return h, err
		}
	}
	return h, nil
}

// entries returns all records that can be read, newest first, and what is wrong with the others.
func (m *Manager) entries(ctx context.Context, key graph.Key) (found []*entry, damaged []string, err error) {
	infos, err := m.st.List(ctx, logOf(key), "")
	if err != nil {
		return nil, nil, err
	}
	for _, info := range slices.Backward(infos) {
		if _, ok := seqOf(info.Name); !ok {
			continue
		}
		switch e, err := m.readRecord(ctx, key, info.Name); {
		case err == nil:
			found = append(found, e)
		case errors.Is(err, errDamaged):
			damaged = append(damaged, err.Error())
		case !errors.Is(err, fs.ErrNotExist):
			return nil, nil, err
		}
	}
	return found, damaged, nil
}

// errDamaged: a record is not one.
var errDamaged = errors.New("damaged record")

func (m *Manager) readRecord(ctx context.Context, key graph.Key, name string) (*entry, error) {
	data, err := m.readAll(ctx, name, maxRecord)
	if err != nil {
		return nil, err
	}
	e, err := decode(data)
	if errors.Is(err, errNewer) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err == nil {
		if seq, _ := seqOf(name); e.Seq != seq || e.Key != key {
			err = fmt.Errorf("it says that it is number %d of %s", e.Seq, e.Key)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errDamaged, name, err)
	}
	return e, nil
}

func (m *Manager) readAll(ctx context.Context, name string, limit int64) ([]byte, error) {
	r, info, err := m.st.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if info.Size > limit {
		return nil, fmt.Errorf("%w %s: it has %d bytes", errDamaged, name, info.Size)
	}
	data := make([]byte, info.Size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// createIfAbsent is the store's, with lost answers resolved by asking again. Its caller finds out whether what exists is its own.
// When no answer comes at all, or after a lost one an error, the error wraps ErrAmbiguous.
func (m *Manager) createIfAbsent(ctx context.Context, name string, data []byte) error {
	unclear := false
	for try := 1; ; try++ {
		err := m.st.CreateIfAbsent(ctx, name, bytes.NewReader(data))
		if err == nil || errors.Is(err, store.ErrExists) {
			return err
		}
		lost := errors.Is(err, store.ErrAmbiguous) || errors.Is(err, store.ErrUnreachable)
		unclear = unclear || lost
		switch {
		case lost && try < tries:
		case unclear && !errors.Is(err, store.ErrAmbiguous):
			return fmt.Errorf("%w: %w", store.ErrAmbiguous, err)
		default:
			return err
		}
	}
}

// tries is how often a write without an answer is tried.
const tries = 4

// Versions returns the newest record of each version whose data is kept, newest first. When the newest record has data, the first
// is that one, and current.
func (m *Manager) Versions(ctx context.Context, key graph.Key) ([]graph.Record, error) {
	entries, kept, err := m.kept(ctx, key.Bare())
	if err != nil {
		return nil, err
	}
	var versions []graph.Record
	seen := map[string]bool{}
	for _, e := range entries {
		if data := kept[e.DataVersion]; e.File != "" && data != nil && !seen[e.DataVersion] {
			seen[e.DataVersion] = true
			e.useDataOf(data)
			versions = append(versions, e.Record)
		}
	}
	return versions, nil
}

// kept returns the records, newest first, and for each data version the newest of them whose data is there.
func (m *Manager) kept(ctx context.Context, key graph.Key) ([]*entry, map[string]*entry, error) {
	entries, _, err := m.entries(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	infos, err := m.st.List(ctx, dataFolder+"/"+folderOf(key), "")
	if err != nil {
		return nil, nil, err
	}
	sizes := map[string]int64{}
	for _, info := range infos {
		sizes[info.Name] = info.Size
	}
	kept := map[string]*entry{}
	for _, e := range entries {
		if size, there := sizes[e.File]; there && size == e.Bytes && kept[e.DataVersion] == nil {
			kept[e.DataVersion] = e
		}
	}
	return entries, kept, nil
}

// arguments is how an asset or a partition of one is named on a command line.
func arguments(key graph.Key) string {
	if partition := key.Partition(); partition != "" {
		return key.Asset().String() + " --partition " + strconv.Quote(partition)
	}
	return key.String()
}

// VersionName returns the name of the version that a record describes, run-attempt, as users see and type it.
func VersionName(r graph.Record) string { return fmt.Sprintf("%s-%d", r.Run, r.Attempt) }

// FindVersion returns the newest record with exactly this code version and these inputs whose data is kept, nil when there is none.
// A result during whose step something changed is none, nor is one that handed over no data.
func (m *Manager) FindVersion(ctx context.Context, key graph.Key, codeVersion string, inputs map[graph.Key]string) (*graph.Record, error) {
	if codeVersion == "" {
		return nil, nil
	}
	entries, kept, err := m.kept(ctx, key.Bare())
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		data := kept[e.DataVersion]
		if e.File != "" && data != nil && e.Code.Version == codeVersion && len(e.Changed) == 0 && maps.Equal(e.Inputs, inputs) {
			e.useDataOf(data)
			return &e.Record, nil
		}
	}
	return nil, nil
}

// version returns the record of a version: "" is the newest, else what VersionName returned, a record's number, a run's id, or a
// data version or at least 6 characters of its beginning. A whole name goes before a beginning, then a newer record before an older.
func (m *Manager) version(ctx context.Context, key graph.Key, version string) (*entry, error) {
	entries, kept, err := m.kept(ctx, key)
	if err != nil {
		return nil, err
	}
	if version == "" && len(entries) > 0 {
		return entries[0], nil
	}
	i := slices.IndexFunc(entries, func(e *entry) bool {
		return version == VersionName(e.Record) || version == fmt.Sprint(e.Seq) || version == e.Run || version == e.DataVersion
	})
	if i < 0 && len(version) >= 6 {
		i = slices.IndexFunc(entries, func(e *entry) bool { return strings.HasPrefix(e.DataVersion, version) })
	}
	if i >= 0 {
		e := entries[i]
		if e.File != "" && kept[e.DataVersion] == nil {
			return nil, diag.New("storage", "%s: the data of version %q is not kept any more: %w", key, version, fs.ErrNotExist)
		}
		if e.File != "" {
			e.useDataOf(kept[e.DataVersion])
		}
		return e, nil
	}
	none := &diag.Error{Kind: "usage", What: fmt.Sprintf("%s has no version %q", key, version), Err: fs.ErrNotExist}
	return nil, none.WithHint("see: assetdev versions %s", arguments(key))
}

// Preview reads rows of a version, "" being the newest: its name, the number of its record, a run's id, or (the beginning of) a data
// version. Data of which there is no record is read as well. Of data that is no table the facts are the rows, and the page has a Note; of an
// asset that hands over no data, the rows are those of the Parquet file that its metadata name, or else the metadata. An error wraps fs.ErrNotExist when there is no such data.
func (m *Manager) Preview(ctx context.Context, key graph.Key, version string, r PageRequest) (page.Page, error) {
	path, err := m.tableFile(ctx, key, version)
	if n, ok := errors.AsType[*noTable](err); ok {
		return Facts(n.note, n.facts, r), nil
	} else if err != nil {
		return page.Page{}, err
	}
	return m.tables.Page(ctx, path, r)
}

// Stats describes the values of one column of a version, as [Manager.Preview] names it, from all of its rows. ctx ends it.
func (m *Manager) Stats(ctx context.Context, key graph.Key, version, column string) (page.Stats, error) {
	path, err := m.tableFile(ctx, key, version)
	if err != nil {
		return page.Stats{}, err
	}
	return m.tables.Stats(ctx, path, column)
}

// Sorted returns the first rows of a version, as [Manager.Preview] names it, in the order of a column. ctx ends it.
func (m *Manager) Sorted(ctx context.Context, key graph.Key, version string, r SortRequest) (page.Page, error) {
	path, err := m.tableFile(ctx, key, version)
	if err != nil {
		return page.Page{}, err
	}
	return m.tables.Sort(ctx, path, r)
}

// tableFile returns the local Parquet file of a version.
func (m *Manager) tableFile(ctx context.Context, key graph.Key, version string) (string, error) {
	bare := key.Bare()
	if version == "" {
		latest, err := m.Latest(ctx, bare)
		if err != nil {
			return "", err
		}
		if latest == nil {
			path, err := m.foreignFile(ctx, bare)
			if err != nil {
				return "", err
			}
			return m.foreignRows(bare, path)
		}
	}
	e, err := m.version(ctx, bare, version)
	if err != nil {
		return "", err
	}
	if e.File == "" || !e.isTable() {
		return m.noRows(e)
	}
	return m.localData(ctx, e)
}

// foreignFile returns the local path of data of which there is no record.
func (m *Manager) foreignFile(ctx context.Context, key graph.Key) (string, error) {
	none := diag.New("storage", "%s has no data: %w", key, fs.ErrNotExist).WithHint("make it: assetdev materialize %s", arguments(key))
	name, err := m.findForeign(ctx, key)
	if err != nil {
		return "", err
	} else if name == "" {
		return "", none
	}
	if path, ok := m.st.Local(name); ok {
		return path, nil
	}
	return m.download(ctx, name, "")
}

// localData returns the local path of the entry's data. Where the version is gone and the copy is not, the version is put back first.
// The error wraps fs.ErrNotExist when both are gone.
func (m *Manager) localData(ctx context.Context, e *entry) (string, error) {
	info, err := m.st.Stat(ctx, e.File)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size != e.Bytes {
		err = m.heal(ctx, e)
	}
	if err != nil {
		return "", fmt.Errorf("the data of %s, version %s: %w", e.Key, VersionName(e.Record), err)
	}
	if path, ok := m.st.Local(e.File); ok {
		return path, nil
	}
	return m.download(ctx, e.File, e.Sum)
}

// download returns the local path of a copy of an object, from the cache when its sum is known.
func (m *Manager) download(ctx context.Context, name, sum string) (string, error) {
	if sum == "" {
		info, err := m.st.Stat(ctx, name)
		if err != nil {
			return "", err
		}
		sum = hashText(m.st.String(), name, info.Stamp)
	}
	return m.cache.get(strings.ReplaceAll(sum, ":", "-")+filepath.Ext(name), func(temp string) error {
		return m.fetch(ctx, name, temp)
	})
}

// fetch writes the object's bytes to a new local file.
func (m *Manager) fetch(ctx context.Context, name, to string) error {
	r, _, err := m.st.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, r)
	return errors.Join(err, out.Close())
}

// Path returns where others find the newest table of the asset: an absolute path where the storage is a folder, else a name in it.
// Nothing need be there, and data that is no table has another suffix (CopyFile).
func (m *Manager) Path(key graph.Key) string { return m.place(wellKnown(key, ".parquet")) }

// CopyFile returns where others find the data of the record while it is the newest, "" when it hands over none.
func (m *Manager) CopyFile(r graph.Record) string {
	if r.File == "" {
		return ""
	}
	return m.place(wellKnown(r.Key, filepath.Ext(r.File)))
}

// DataFile returns where the data of the record is kept, "" when it hands over none.
func (m *Manager) DataFile(r graph.Record) string {
	if r.File == "" {
		return ""
	}
	return m.place(r.File)
}

func (m *Manager) place(name string) string {
	if path, ok := m.st.Local(name); ok {
		return path
	}
	return name
}

// Size returns how many bytes versions and records take, not counting the copies.
func (m *Manager) Size(ctx context.Context) (int64, error) {
	infos, err := m.st.List(ctx, ours, "")
	if err != nil {
		return 0, err
	}
	var size int64
	for _, info := range infos {
		size += info.Size
	}
	return size, nil
}

var hashers = sync.Pool{New: func() any { return &hasher{h: blake3.New(), buffer: make([]byte, 256<<10)} }}

type hasher struct {
	h      *blake3.Hasher
	buffer []byte
}

// sumOf reads all bytes and returns their sum: "b3:" and the BLAKE3 hash in hex.
func sumOf(ctx context.Context, r io.Reader) (string, error) {
	h := hashers.Get().(*hasher)
	defer hashers.Put(h)
	h.h.Reset()
	for {
		n, err := r.Read(h.buffer)
		_, _ = h.h.Write(h.buffer[:n]) // never fails
		if errors.Is(err, io.EOF) {
			return fmt.Sprintf("b3:%x", h.h.Sum(nil)), nil
		} else if err != nil {
			return "", err
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
	}
}

// hashText returns a hash of the texts that is fit for a file name.
func hashText(texts ...string) string {
	h := blake3.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(text), text) // never fails
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}

// holds reports whether the object is there with these bytes.
func (m *Manager) holds(ctx context.Context, name string, size int64, sum string) (bool, error) {
	r, info, err := m.st.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	defer r.Close()
	if info.Size != size {
		return false, nil
	}
	got, err := sumOf(ctx, r)
	return got == sum, err
}

// heal puts the entry's version back from the copy, when that is the same data. The error wraps fs.ErrNotExist when it is not.
func (m *Manager) heal(ctx context.Context, e *entry) error {
	good, err := m.holds(ctx, e.wellKnown(), e.Bytes, e.Sum)
	if err != nil {
		return err
	} else if !good {
		return fmt.Errorf("%s: %w", e.File, fs.ErrNotExist)
	}
	if m.cfg.ReadOnly {
		return fmt.Errorf("%s: %w, and %s is read-only", e.File, fs.ErrNotExist, m.st)
	}
	if err := m.st.Delete(ctx, e.File); err != nil {
		return err
	}
	if m.folder == nil {
		r, _, err := m.st.Open(ctx, e.wellKnown())
		if err != nil {
			return err
		}
		defer r.Close()
		return m.st.CreateIfAbsent(ctx, e.File, r)
	}
	temp, err := m.folder.Temp(e.File)
	if err == nil {
		err = m.fetch(ctx, e.wellKnown(), temp)
	}
	if err == nil {
		err = m.folder.Place(ctx, temp, e.File)
	}
	if errors.Is(err, store.ErrExists) {
		return nil // another process was faster
	}
	return err
}
