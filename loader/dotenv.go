package loader

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxDotEnv bounds a .env file, in bytes.
const maxDotEnv = 1 << 20

// withDotEnv adds what the .env files of the folders say to an environment, as Dagster does for its code locations: a variable
// that is set already stays, and an earlier folder wins. A folder without such a file adds nothing.
func withDotEnv(environ []string, dirs ...string) ([]string, error) {
	known := map[string]bool{}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		known[name] = true
	}
	out := slices.Clip(environ)
	for _, file := range dotEnvFiles(dirs...) {
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the environment: %w", err)
		}
		if !info.Mode().IsRegular() || info.Size() > maxDotEnv {
			return nil, fmt.Errorf("read the environment: %s is no file of at most %d KiB", file, maxDotEnv>>10)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the environment: %w", err)
		}
		for _, v := range parseDotEnv(string(data)) {
			if !known[v[0]] {
				known[v[0]] = true
				out = append(out, v[0]+"="+v[1])
			}
		}
	}
	return out, nil
}

func dotEnvFiles(dirs ...string) []string {
	var files []string
	for _, dir := range dirs {
		if file := filepath.Join(dir, ".env"); !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

// dotEnvText hashes what the .env files of the folders say, so that a change is noticed.
func dotEnvText(dirs ...string) string {
	h := sha256.New()
	for _, file := range dotEnvFiles(dirs...) {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxDotEnv {
			fmt.Fprintf(h, "%v\x00", err)
			continue
		}
		text, err := os.ReadFile(file)
		fmt.Fprintf(h, "%v %d\x00%s", err, len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// parseDotEnv reads lines NAME=value: an "export " in front, quotes around the value and comments are understood; nothing is
// expanded. Other lines are passed over.
func parseDotEnv(text string) [][2]string {
	var out [][2]string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t#\"'\x00") || strings.Contains(value, "\x00") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') {
			if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
				value = value[1 : 1+end]
			}
		} else if i := strings.Index(value, " #"); i >= 0 {
			value = strings.TrimSpace(value[:i])
		}
		out = append(out, [2]string{name, value})
	}
	return out
}
