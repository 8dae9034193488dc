package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assetdev/assetdev/demo"
	"github.com/google/go-cmp/cmp"
)

// TestWalkThrough runs the commands of pages as they stand there, and compares what they print. -update writes what they print into the pages.
func TestWalkThrough(t *testing.T) {
	for page, least := range map[string]int{"two-repositories.md": 16, "beside-dagster.md": 8} {
		t.Run(page, func(t *testing.T) {
			t.Parallel() // it waits for Python most of the time
			w := walk{t: t, env: map[string]string{}}
			var err error
			if w.work, err = filepath.EvalSymlinks(t.TempDir()); err != nil {
				t.Fatal(err)
			}
			environment := pythonOfTheDemo(t, filepath.Join(w.work, "written"))
			w.home, w.dir = filepath.Join(w.work, "home"), filepath.Join(w.work, "home")
			if err := os.MkdirAll(filepath.Join(w.home, "shop"), 0o777); err != nil {
				t.Fatal(err)
			}
			// An environment that is there is used, so the command of the page does not make one here.
			if err := os.Symlink(environment, filepath.Join(w.home, "shop", ".venv")); err != nil {
				t.Fatal(err)
			}
			w.page(filepath.Join("docs", page), least)
		})
	}
}

// A walk runs the commands of one page.
type walk struct {
	t               *testing.T
	work, home, dir string
	env             map[string]string // what the page exports
}

func (w *walk) page(page string, least int) {
	t := w.t
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- run by walkthrough_test.go -->\n```console\n"
	parts := strings.Split(string(old), mark)
	commands := 0
	for i := range parts[1:] {
		block, rest, ok := strings.Cut(parts[i+1], "```\n")
		if !ok {
			t.Fatalf("%s: a block has no end:\n%s", page, block)
		}
		var now strings.Builder
		for command := range strings.SplitSeq(strings.TrimPrefix(block, "$ "), "\n$ ") {
			command, want, _ := strings.Cut(command, "\n")
			got := w.run(command)
			commands++
			fmt.Fprintf(&now, "$ %s\n%s", command, got)
			if diff := cmp.Diff(comparable(want), comparable(got)); diff != "" && !*update {
				t.Errorf("%s: %s\nprints what the page does not say (-page +now):\n%s", page, command, diff)
			}
		}
		parts[i+1] = now.String() + "```\n" + rest
	}
	if commands < least {
		t.Errorf("%s: found only %d commands", page, commands)
	}
	if now := strings.Join(parts, mark); *update && now != string(old) {
		if err := os.WriteFile(page, []byte(now), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command, which must succeed, and returns what it prints to stdout without blank ends of lines.
func (w *walk) run(command string) string {
	t := w.t
	t.Helper()
	if folder, ok := strings.CutPrefix(command, "cd "); ok {
		w.dir = filepath.Join(w.dir, folder)
		return ""
	}
	if name, value, ok := strings.Cut(strings.TrimPrefix(command, "export "), "="); ok && strings.HasPrefix(command, "export ") {
		w.env[name] = strings.Replace(value, "~", w.home, 1)
		return ""
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, &stdout, &stderr
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"CI", "VIRTUAL_ENV", "DAGSTER_HOME", "SHARED_ASSETS_PATH", "PYTHONPATH"}, name) || strings.HasPrefix(name, "LC_")
	}),
		"HOME="+w.home, "ASSETDEV_CACHE_DIR="+filepath.Join(w.work, "cache"), "ASSETDEV_STATE_DIR="+filepath.Join(w.work, "trust"),
		"GIT_CONFIG_NOSYSTEM=1", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "DAGSTER_DISABLE_TELEMETRY=1")
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", command, err, stdout.String(), stderr.String())
	}
	t.Logf("%s\n%s", command, stdout.String())
	var lines strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(stdout.String(), w.home, "/home/ada")) {
		lines.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return lines.String()
}

var notTheSame = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b\d{8}-\d{6}-[0-9a-f]{6}(-\d+)?\b`), "RUN"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "RUN"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d\b`), "TIME"},
	{regexp.MustCompile(`~?\b(\d+h)?(\d+m)?\d+(\.\d+)?(s|ms|m|h)\b`), "TIME"},
	{regexp.MustCompile(`\b3\.\d+\.\d+\b`), "PYTHON"},
	{regexp.MustCompile(`\b[\d.]+ KiB\b`), "SIZE"},
	{regexp.MustCompile(`\[\d+/\d+\]`), "[STEP]"}, // steps that run at once end in any order
	{regexp.MustCompile(` +`), " "},
}

// comparable is what of an output does not hang on time, machine and luck.
func comparable(text string) []string {
	for _, n := range notTheSame {
		text = n.what.ReplaceAllString(text, n.with)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return lines
}

// pythonOfTheDemo returns a Python environment with what the demo in Python needs, which is made in the user's cache once. Without Python or
// network the test is skipped, but not in CI.
func pythonOfTheDemo(t *testing.T, scratch string) string {
	t.Helper()
	if _, err := demo.Write(t.Context(), scratch, demo.Options{Python: true}); err != nil {
		t.Fatal(err)
	}
	wanted, err := os.ReadFile(filepath.Join(scratch, "requirements.txt"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "assetdev-test", fmt.Sprintf("demo-%x", sha256.Sum256(wanted))[:17])
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "requirements.txt"), wanted, 0o666),
		demo.MakeEnvironment(t.Context(), dir, func(text string) { t.Log(text) }),
	)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("there is no Python with what the demo needs: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, ".venv")
}
