package python

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// bundled is the Python that runs in the interpreter of a location. Globs, because naming the folder would leave out __init__.py.
//
//go:embed lib/assetdev_bridge/*.py
var bundled embed.FS

// bundledFiles returns the bundled files by their path on Python's path, and the hash of them all.
func bundledFiles() (files map[string][]byte, hash string, err error) {
	files = map[string][]byte{}
	h := sha256.New()
	err = fs.WalkDir(bundled, "lib", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := bundled.ReadFile(path)
		if err != nil {
			return err
		}
		name := path[len("lib/"):]
		files[name] = text
		fmt.Fprintf(h, "%s %d\x00", name, len(text))
		h.Write(text)
		return nil
	})
	return files, hex.EncodeToString(h.Sum(nil)[:8]), err
}

// describer is the hash of what describes a location: another assetdev may see more in the same project.
var describer = sync.OnceValue(func() string {
	_, hash, err := bundledFiles()
	if err != nil {
		return err.Error()
	}
	return hash
})

// unpack writes the bundled Python below the cache folder, under the hash of its content, and returns its folder. What is there already and
// has the right sizes is left as it is.
func unpack(cache string) (string, error) {
	files, hash, err := bundledFiles()
	if err != nil {
		return "", fmt.Errorf("unpack Python: %w", err)
	}
	dir := filepath.Join(cache, "lib-"+hash)
	whole := true
	for name, text := range files {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		whole = whole && err == nil && info.Mode().IsRegular() && info.Size() == int64(len(text))
	}
	if whole {
		return dir, nil
	}
	for name, text := range files {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), text); err != nil {
			return "", fmt.Errorf("unpack Python: %w", err)
		}
	}
	return dir, nil
}
