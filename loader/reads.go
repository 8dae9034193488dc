package loader

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/filekey"
	"github.com/assetdev/assetdev/internal/wire"
)

// The files that steps read while they ran. What was hashed is kept by what stat says of a file, as long as assetdev runs.

// contents are the hashes of files. Those of large ones are kept in a file, too, which may be deleted at any time.
type contents struct {
	file string // "" for none
	mu   sync.Mutex
	read bool // file was
	// known holds, by absolute path, what stat said of a file when it was hashed. One that was written so shortly before that its times say
	// nothing is not kept.
	known map[string]contentHash
}

type contentHash struct {
	Stat string `json:"stat"`
	Hash string `json:"hash"`
	Size int64  `json:"size"`
}

// large is the size from which on hashing a file takes longer than reading the hashes of others.
const large = 1 << 20

// Reads returns what a step said it read as a record keeps it.
func (l *Loader) Reads(name string, files []wire.File) []graph.Read {
	u := l.units[name]
	if u == nil {
		return nil
	}
	var reads []graph.Read
	for _, f := range files {
		path := f.Path
		if rel, err := filepath.Rel(u.entry.WorkingDirectory, path); err == nil {
			path = filepath.ToSlash(rel)
		}
		reads = append(reads, graph.Read{Path: path, Hash: f.Hash})
	}
	return reads
}

// Rewritten returns which of the files that a step of the location read say something else now, in their order, with paths as definitions name them. Of a location that is not
// known or not trusted nothing is read.
func (l *Loader) Rewritten(name string, reads []graph.Read) []graph.Read {
	u := l.units[name]
	if len(reads) == 0 || u == nil || !u.trusted() {
		return nil
	}
	var changed []graph.Read
	for _, r := range reads {
		if at := u.readAt(r); l.contents.of(at) != r.Hash {
			changed = append(changed, graph.Read{Path: l.relative(at), Hash: r.Hash})
		}
	}
	return changed
}

// HasRead reports whether one of the paths is among the files, or changes the names in a folder that is.
func (l *Loader) HasRead(name string, reads []graph.Read, paths []string) bool {
	u := l.units[name]
	return u != nil && slices.ContainsFunc(reads, func(r graph.Read) bool {
		at := u.readAt(r)
		return slices.ContainsFunc(paths, func(path string) bool { return path == at || filepath.Dir(path) == at })
	})
}

// readAt returns where a file lies that a step read.
func (u *unit) readAt(r graph.Read) string {
	path := filepath.FromSlash(r.Path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(u.entry.WorkingDirectory, path)
}

// of returns the hash of what a file or folder says now.
func (c *contents) of(path string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return graph.NoSuchFile
	case err != nil:
		return err.Error()
	case info.IsDir():
		return namesIn(path)
	}
	key := filekey.Of(info)
	stat, racy := key.String(), key.Racy(time.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.read {
		c.read, c.known = true, map[string]contentHash{}
		if data, err := os.ReadFile(c.file); err == nil && json.Unmarshal(data, &c.known) != nil {
			c.known = map[string]contentHash{}
		}
	}
	if known, ok := c.known[path]; ok && known.Stat == stat {
		return known.Hash
	}
	hash, err := hashOf(path)
	if err != nil {
		return err.Error()
	}
	delete(c.known, path)
	if !racy {
		c.known[path] = contentHash{stat, hash, info.Size()}
	}
	if !racy && info.Size() >= large {
		c.write()
	}
	return hash
}

// write keeps the hashes of large files. Errors cost nothing but time.
func (c *contents) write() {
	kept := map[string]contentHash{}
	for path, known := range c.known {
		if known.Size >= large {
			kept[path] = known
		}
	}
	data, err := json.Marshal(kept)
	if err != nil || c.file == "" {
		return
	}
	temp, err := os.CreateTemp(filepath.Dir(c.file), "reads-*")
	if err != nil {
		return
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), c.file)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
}

func hashOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func namesIn(dir string) string {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return err.Error()
	}
	h := sha256.New()
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasPrefix(name, ".") && name != "__pycache__" {
			_, _ = io.WriteString(h, name+"\x00") // a hash takes everything
		}
	}
	return "names:" + hex.EncodeToString(h.Sum(nil)[:8])
}
