package golang

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assetdev/assetdev/loader/location"
)

// modules are the folders and files that a build of a package reads, apart from the module cache.
type modules struct {
	main  string   // folder of the main module
	dirs  []string // folders of modules: the main one, those of go.work, those that replace directives name; sorted
	files []string // go.work and go.work.sum where there is one
}

// findModules reads go.mod and go.work files. It starts nothing.
func findModules(dir string, env []string) (modules, error) {
	mod := upwards(dir, "go.mod")
	if mod == "" {
		if _, err := os.Stat(dir); err != nil {
			return modules{}, &location.Error{
				Message: fmt.Sprintf("the working directory %q does not exist", dir), Cause: err,
				Hint: "correct working_directory of this location in the workspace file",
			}
		}
		return modules{}, &location.Error{
			Message: fmt.Sprintf("there is no go.mod in %q or above it", dir),
			Hint:    fmt.Sprintf("make a module of it: cd %s && go mod init NAME; or correct working_directory of this location", dir),
		}
	}
	m := modules{main: filepath.Dir(mod)}
	read := []string{mod}
	add := func(dir string) {
		if !slices.Contains(m.dirs, dir) {
			m.dirs = append(m.dirs, dir)
		}
	}
	add(m.main)
	if work := workFile(dir, env); work != "" {
		m.files = append(m.files, work)
		if sum := strings.TrimSuffix(work, ".work") + ".work.sum"; exists(sum) {
			m.files = append(m.files, sum)
		}
		text, err := os.ReadFile(work)
		if err != nil {
			return modules{}, &location.Error{Message: err.Error(), File: work, Cause: err}
		}
		for _, words := range directives(string(text), "use") {
			if used := below(filepath.Dir(work), words[0]); used != m.main {
				add(used)
				read = append(read, filepath.Join(used, "go.mod"))
			}
		}
		read = append(read, work)
	}
	for _, file := range read {
		text, err := os.ReadFile(file)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && file != mod {
				continue // go says it better
			}
			return modules{}, &location.Error{Message: err.Error(), File: file, Cause: err}
		}
		for _, words := range directives(string(text), "replace") {
			if i := slices.Index(words, "=>"); i > 0 && i+1 < len(words) {
				if to := words[i+1]; strings.HasPrefix(to, "./") || strings.HasPrefix(to, "../") || filepath.IsAbs(to) || to == "." || to == ".." {
					add(below(filepath.Dir(file), to))
				}
			}
		}
	}
	slices.Sort(m.dirs)
	return m, nil
}

func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// upwards returns the file of the name in dir or the nearest folder above, or "".
func upwards(dir, name string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			return filepath.Join(dir, name)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func workFile(dir string, env []string) string {
	switch value := lookup(env, "GOWORK"); value {
	case "off":
		return ""
	case "":
		return upwards(dir, "go.work")
	default:
		return value
	}
}

// lookup returns the value of a variable; the last entry of a name counts.
func lookup(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// directives returns the words behind each directive of the name in a go.mod or go.work file, in blocks too. Each has at least one word. What
// cannot be read is left out: the go command reports it.
func directives(text, name string) [][]string {
	var found [][]string
	block := ""
	for line := range strings.Lines(text) {
		words := split(line)
		switch {
		case len(words) == 0:
			continue
		case block != "":
			if words[0] == ")" {
				block = ""
				continue
			}
			words = append([]string{block}, words...)
		case len(words) > 1 && words[1] == "(":
			block = words[0]
			continue
		}
		if words[0] == name && len(words) > 1 {
			found = append(found, words[1:])
		}
	}
	return found
}

// split returns the words of a line without its comment. A word may be quoted with " or `.
func split(line string) []string {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" || strings.HasPrefix(line, "//") {
			return words
		}
		if quoted, err := strconv.QuotedPrefix(line); err == nil {
			word, _ := strconv.Unquote(quoted)
			words, line = append(words, word), line[len(quoted):]
			continue
		}
		end := strings.IndexAny(line, " \t\r\n")
		if end < 0 {
			end = len(line)
		}
		if i := strings.Index(line[:end], "//"); i > 0 {
			end = i
		}
		words, line = append(words, line[:end]), line[end:]
	}
}

// buildFiles are the extensions of what the go command reads.
var buildFiles = []string{
	".go", ".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".m", ".f", ".F", ".for", ".f90", ".s", ".S", ".sx", ".swig", ".swigcxx", ".syso",
}

// digest hashes the names and contents of all files that a build can read, without tests. It does not depend on where they lie.
func (m modules) digest(ctx context.Context) (string, error) {
	sum := sha256.New()
	for _, file := range m.files {
		if err := hashFile(sum, filepath.Base(file), file, nil); err != nil {
			return "", err
		}
	}
	for i, dir := range m.dirs {
		files, err := sources(ctx, dir)
		if err != nil {
			return "", err
		}
		embedded := map[string]bool{}
		name := func(file string) string {
			rel, err := filepath.Rel(dir, file)
			if err != nil {
				rel = file
			}
			return fmt.Sprintf("%d:%s", i, filepath.ToSlash(rel))
		}
		for _, file := range files {
			if err := hashFile(sum, name(file), file, func(text []byte) { embeds(file, text, embedded) }); err != nil {
				return "", err
			}
		}
		var more []string
		for file := range embedded {
			if _, found := slices.BinarySearch(files, file); !found {
				more = append(more, file)
			}
		}
		slices.Sort(more)
		for _, file := range more {
			if err := hashFile(sum, name(file), file, nil); err != nil {
				return "", err
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// sources returns the files of a module that a build can read, sorted, without those that are only embedded.
func sources(ctx context.Context, dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && path != dir {
				return nil // removed meanwhile
			}
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != dir && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "node_modules" || exists(filepath.Join(path, "go.mod"))) {
				return fs.SkipDir
			}
			return nil
		}
		top := filepath.Dir(path) == dir && (name == "go.mod" || name == "go.sum")
		vendored := name == "modules.txt" && path == filepath.Join(dir, "vendor", name)
		if top || vendored || slices.Contains(buildFiles, filepath.Ext(name)) && !strings.HasSuffix(name, "_test.go") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// hashFile adds a name and a content, each with its length. A file that has gone meanwhile is another content.
func hashFile(sum hash.Hash, name, path string, look func(text []byte)) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil // a link to a folder, a pipe
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read module: %w", err)
	}
	_, _ = fmt.Fprintf(sum, "%d %s %d %v\n", len(name), name, len(text), err == nil)
	_, _ = sum.Write(text)
	if look != nil {
		look(text)
	}
	return nil
}

// embeds adds the files that the //go:embed lines of a Go file name.
func embeds(file string, text []byte, to map[string]bool) {
	const word = "//go:embed"
	for {
		i := bytes.Index(text, []byte(word))
		if i < 0 {
			return
		}
		text = text[i+len(word):]
		line, _, _ := bytes.Cut(text, []byte("\n"))
		for _, pattern := range split(string(line)) {
			matches, err := filepath.Glob(filepath.Join(filepath.Dir(file), strings.TrimPrefix(pattern, "all:")))
			if err != nil {
				continue // the compiler reports it
			}
			for _, match := range matches {
				_ = filepath.WalkDir(match, func(path string, entry fs.DirEntry, err error) error {
					if err == nil && entry.Type().IsRegular() {
						to[path] = true
					}
					return nil // the compiler reports what cannot be read
				})
			}
		}
	}
}
