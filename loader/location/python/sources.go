package python

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/internal/filekey"
)

// maxSources bounds how many files the code of one location may have.
const maxSources = 200_000

// sources hashes the files of a location's own code. What was hashed is kept by what stat says of a file.
type sources struct {
	mu    sync.Mutex
	known map[string]hashed
	more  map[string]hashed // of single files
}

type hashed struct {
	stat string
	sum  [sha256.Size]byte
}

// A source is one file and what stat says of it; "" when it is gone.
type source struct {
	path, stat string
	fresh      bool // changed so recently that its stat says nothing
}

// list returns the Python files below the roots and the further files, sorted, each once. Environments, caches and hidden folders are
// left out, and so are links to folders.
func list(ctx context.Context, roots, further []string) ([]source, error) {
	var found []source
	now := time.Now()
	add := func(path string) {
		s := source{path: path}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			key := filekey.Of(info)
			s.stat, s.fresh = key.String(), key.Racy(now)
		}
		found = append(found, s)
	}
	for i, root := range roots {
		if slices.ContainsFunc(roots[:i], func(other string) bool { return other == root }) {
			continue
		}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil && (errors.Is(err, fs.ErrNotExist) || path != root):
				return nil // removed meanwhile, or not ours to read: Python will say so when it matters
			case err != nil:
				return err
			case d.IsDir():
				if path != root && skipped(path, d.Name()) {
					return fs.SkipDir
				}
				return nil
			}
			if filepath.Ext(path) == ".py" {
				if add(path); len(found) > maxSources {
					return fmt.Errorf("more than %d Python files: name a smaller working_directory", maxSources)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read code: %w", err)
		}
	}
	for _, path := range further {
		add(path)
	}
	slices.SortFunc(found, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return slices.CompactFunc(found, func(a, b source) bool { return a.path == b.path }), nil
}

// skipped reports whether a folder holds nothing of the user's.
func skipped(path, name string) bool {
	switch name {
	case "__pycache__", "node_modules", "site-packages", "dist-packages":
		return true
	}
	return strings.HasPrefix(name, ".") || exists(filepath.Join(path, "pyvenv.cfg")) || exists(filepath.Join(path, "conda-meta"))
}

// digest hashes names and contents of the files.
func (s *sources) digest(files []source) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(map[string]hashed, len(files))
	h := sha256.New()
	for _, f := range files {
		if f.stat == "" {
			fmt.Fprintf(h, "%s\x00-\x00", f.path)
			continue
		}
		k, ok := s.known[f.path]
		if !ok || k.stat != f.stat || f.fresh {
			text, err := os.ReadFile(f.path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("read code: %w", err)
			}
			k = hashed{f.stat, sha256.Sum256(text)}
		}
		next[f.path] = k
		fmt.Fprintf(h, "%s\x00%x\x00", f.path, k.sum)
	}
	s.known = next
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// content hashes one further file; one that is gone has a hash of its own.
func (s *sources) content(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "no such file", nil
	}
	if err != nil {
		return "", err
	}
	key := filekey.Of(info)
	stat := key.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.more[path]
	if !ok || k.stat != stat || key.Racy(time.Now()) {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return "no such file", nil
		}
		if err != nil {
			return "", err
		}
		k = hashed{stat, sha256.Sum256(text)}
		if s.more == nil {
			s.more = map[string]hashed{}
		}
		s.more[path] = k
	}
	return hex.EncodeToString(k.sum[:8]), nil
}

// stampOf hashes what stat says of the files, and what is installed.
func stampOf(files []source, e Environment) (string, bool) {
	h := sha256.New()
	sure := true
	fmt.Fprintf(h, "%s\x00%s\x00", e.Digest, describer())
	for _, f := range files {
		fmt.Fprintf(h, "%s\x00%s\x00", f.path, f.stat)
		sure = sure && !f.fresh
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), sure
}
