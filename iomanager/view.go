package iomanager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/store"
)

// The folder in which one step finds its inputs, and the cache of files that are made from stored data.
//
// What lies in a view are hard links to versions, so that retention takes no data from a step that runs; where the file system
// refuses one (another device, another user's file) it is a symbolic link. Either way the file is read-only: a step that opens its
// input for writing gets an error. One that runs as root, or makes the file writable first, can still damage a version: then the
// next Stored sees it and puts the version back from the copy.

// A Pinned is an input of a step: the record that the step is to use, nil for data of which there is none.
type Pinned struct {
	Key    graph.Key
	Record *graph.Record
	Alone  bool // of a partition: it is the only one of its asset that is read, and stands for the asset as well
}

// An Input is what a step finds in its view. Paths are absolute, and "" when there is no such file.
type Input struct {
	Key         graph.Key
	File        string // the data, whatever it is
	Parquet     string // the same, when it is a table
	Arrow       string // the table as an Arrow IPC file, when that was asked for; of a partition only when it is Alone
	DataVersion string // "" when there is no data
}

// View makes the folder dir with exactly these inputs: a/b.parquet for the asset a/b (another suffix for data that is no table) and,
// with arrow, a/b.arrow; a/b/p.parquet for its partition p, and when that is Alone the others as well. An input without data, or whose record hands over none, has no file. The error wraps fs.ErrNotExist when
// the data of a record is gone.
func (m *Manager) View(ctx context.Context, dir string, inputs []Pinned, arrow bool) ([]Input, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the view: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("make the view: %w", err)
	}
	view := make([]Input, 0, len(inputs))
	for _, pinned := range inputs {
		in, err := m.input(ctx, dir, pinned, arrow)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", pinned.Key, err)
		}
		view = append(view, in)
	}
	return view, nil
}

func (m *Manager) input(ctx context.Context, dir string, pinned Pinned, arrow bool) (Input, error) {
	in := Input{Key: pinned.Key}
	key := pinned.Key.Bare()
	var source, suffix, sum string
	switch {
	case pinned.Record == nil:
		k, err := m.hashForeign(ctx, key)
		if err != nil || k.foreign == "" {
			return in, err
		}
		in.DataVersion, suffix, sum = k.hash, suffixOf(key, k.foreign), hashText(k.hash, fmt.Sprint(k.copy))
		if source, err = m.foreignFile(ctx, key); err != nil {
			return in, err
		}
	case pinned.Record.File == "":
		in.DataVersion = pinned.Record.DataVersion
		return in, nil
	default:
		e, err := m.entryOf(ctx, key, pinned.Record)
		if err != nil {
			return in, err
		}
		in.DataVersion, suffix, sum = e.DataVersion, filepath.Ext(e.File), e.Sum
		if source, err = m.localData(ctx, e); err != nil {
			return in, err
		}
	}
	in.File = filepath.Join(dir, filepath.FromSlash(wellKnown(key, suffix)))
	if err := link(source, in.File, pinned.Record != nil); err != nil {
		return in, err
	}
	whole := in.File
	if pinned.Alone && key.Partition() != "" {
		whole = filepath.Join(dir, filepath.FromSlash(wellKnown(key.Asset(), suffix)))
		if err := link(source, whole, pinned.Record != nil); err != nil {
			return in, err
		}
	}
	if suffix != ".parquet" {
		return in, nil
	}
	in.Parquet = in.File
	if !arrow || key.Partition() != "" && !pinned.Alone {
		return in, nil
	}
	converted, err := m.cache.get(strings.ReplaceAll(sum, ":", "-")+".arrow", func(temp string) error { return m.tables.ToArrow(ctx, source, temp) })
	if err != nil {
		return in, err
	}
	in.Arrow = strings.TrimSuffix(whole, suffix) + ".arrow"
	return in, link(converted, in.Arrow, true)
}

// entryOf returns the stored entry of a record.
func (m *Manager) entryOf(ctx context.Context, key graph.Key, r *graph.Record) (*entry, error) {
	e, err := m.readRecord(ctx, key, recordName(key, r.Seq))
	if err == nil && e.File == r.File && e.DataVersion == r.DataVersion {
		return e, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entries, _, err := m.entries(ctx, key) // FindVersion and Versions name the newest file of a data version
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.File == r.File && e.DataVersion == r.DataVersion {
			return e, nil
		}
	}
	return nil, diag.New("storage", "version %s is not kept any more: %w", VersionName(*r), fs.ErrNotExist)
}

// ForeignVersion returns the data version of data that assetdev has no record of, "" when there is none. It reads the data once, and
// again only when its stat key changed.
func (m *Manager) ForeignVersion(ctx context.Context, key graph.Key) (string, error) {
	k, err := m.hashForeign(ctx, key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return k.hash, nil
}

// hashForeign returns what is known of data without a record, with its data version.
func (m *Manager) hashForeign(ctx context.Context, key graph.Key) (*known, error) {
	x := m.index
	x.mu.Lock()
	defer x.mu.Unlock()
	x.load()
	look := m.newLook([]graph.Key{key})
	defer look.close()
	old := x.known[key]
	if old == nil {
		old = newKnown(key)
	}
	k := newKnown(key)
	k.dataSeen = time.Now().UnixNano()
	if look.err != nil {
		return nil, look.err
	}
	if err := m.examineForeign(ctx, look, key, k, old); err != nil || k.foreign == "" || k.hash != "" {
		return k, err
	}
	path, err := m.foreignFile(ctx, key)
	if err != nil {
		return nil, err
	}
	e := &entry{Record: graph.Record{File: k.foreign}}
	if err := m.describe(ctx, e, path); err != nil {
		// No table after all, or one that cannot be read: what it is made of is its version, and who reads it finds out.
		if measureErr := e.measure(ctx, path); measureErr != nil {
			return nil, errors.Join(err, measureErr)
		}
		e.DataVersion = opaqueVersion(e.Sum)
	}
	k.hash = e.DataVersion
	if old.entry == nil {
		k.log, k.logSeen = old.log, old.logSeen
		x.known[key], x.changed = k, true
	}
	return k, nil
}

// link gives the file another path, whose folder it makes. Files that others write get symbolic links: a hard link would show in
// the view what is no input any more.
func link(from, to string, immutable bool) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if immutable && os.Link(from, to) == nil {
		return nil
	}
	return os.Symlink(from, to)
}

// A cache holds files that can be made again, by names that say what is in them. When it is larger than its limit, what was not
// used for longest goes, but nothing that was used within the last hour: a step may be reading it.
type cache struct {
	dir   string
	limit int64

	mu     sync.Mutex
	making map[string]*sync.Mutex
}

// cacheLease is how long nothing is evicted after its last use.
const cacheLease = time.Hour

// get returns the path of the file with that name. When it is not there write makes it, at a path that is free; of several that want
// the same file in one process one makes it.
func (c *cache) get(name string, write func(temp string) error) (string, error) {
	c.mu.Lock()
	if c.making == nil {
		c.making = map[string]*sync.Mutex{}
	}
	one := c.making[name]
	if one == nil {
		one = new(sync.Mutex)
		c.making[name] = one
	}
	c.mu.Unlock()
	one.Lock()
	defer one.Unlock()

	path := filepath.Join(c.dir, name)
	now := time.Now()
	if err := os.Chtimes(path, now, now); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("use the cache: %w", err)
	}
	temp, err := c.temp()
	if err != nil {
		return "", err
	}
	err = write(temp)
	if err == nil {
		err = seal(temp)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return "", errors.Join(err, removed(temp))
	}
	return path, c.evict()
}

// seal makes a file read-only and durable, so that what has its name after a crash is whole.
func seal(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Chmod(0o400); err != nil {
		return err
	}
	return file.Sync()
}

// temp returns the path of a file in the cache that is not there yet.
func (c *cache) temp() (string, error) {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	file, err := os.CreateTemp(c.dir, store.TempPrefix)
	if err != nil {
		return "", err
	}
	return file.Name(), errors.Join(file.Close(), os.Remove(file.Name()))
}

// evict removes what was not used for longest until the rest is within the limit.
func (c *cache) evict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	var size int64
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		temporary := strings.HasPrefix(info.Name(), store.TempPrefix)
		if temporary && time.Since(info.ModTime()) < tempAge {
			continue
		}
		size += info.Size()
		files = append(files, info)
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range files {
		leftover := strings.HasPrefix(info.Name(), store.TempPrefix)
		if !leftover && (size <= c.limit || time.Since(info.ModTime()) < cacheLease) {
			continue
		}
		if err := removed(filepath.Join(c.dir, info.Name())); err != nil {
			return err
		}
		size -= info.Size()
	}
	return nil
}
