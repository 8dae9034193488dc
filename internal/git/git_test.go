package git

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/trust"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func granted(t *testing.T, dir string) trust.Grant {
	t.Helper()
	grant, err := trust.Once(dir)
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// repository returns a folder with a committed file.
func repository(t *testing.T) string {
	t.Helper()
	if !Available() {
		if os.Getenv("CI") != "" {
			t.Fatal("no git")
		}
		t.Skip("no git")
	}
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.txt"), "one\n")
	write(t, filepath.Join(dir, "left-out.txt"), "two\n")
	if err := Init(t.Context(), dir, []string{"a.txt"}, "demo: begin\n\nwhy\n"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "left-out.txt")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// plain runs git without our flags, as a user would.
func plain(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func state(t *testing.T, dir string) Git {
	t.Helper()
	got, ok, err := State(t.Context(), granted(t, dir), dir)
	if err != nil || !ok {
		t.Fatalf("State: got ok %v, error %v", ok, err)
	}
	return got
}

func TestStateOfARepository(t *testing.T) {
	dir := repository(t)
	clean := state(t, dir)
	if want := plain(t, dir, "rev-parse", "HEAD"); clean.Commit != want || clean.Branch != "main" || clean.Dirty {
		t.Errorf("committed: got %+v, want commit %s on main, clean", clean, want)
	}

	write(t, filepath.Join(dir, "sub", "new.txt"), "three\n")
	if got := state(t, filepath.Join(dir, "sub")); !got.Dirty || got.Commit != clean.Commit {
		t.Errorf("untracked file, asked from a sub-folder: got %+v, want dirty", got)
	}
	write(t, filepath.Join(dir, ".gitignore"), "sub/\n.gitignore\n")
	if got := state(t, dir); got.Dirty {
		t.Errorf("ignored file: got %+v, want clean", got)
	}
	write(t, filepath.Join(dir, "a.txt"), "changed\n")
	if got := state(t, dir); !got.Dirty {
		t.Errorf("changed file: got %+v, want dirty", got)
	}
	plain(t, dir, "checkout", "--quiet", "--detach", "--force")
	if got := state(t, dir); got.Branch != "" || got.Commit != clean.Commit || got.Dirty {
		t.Errorf("detached: got %+v, want no branch, %s, clean", got, clean.Commit)
	}
}

func TestStateOfManyChangedFiles(t *testing.T) {
	dir := repository(t)
	for i := range 600 { // more than maxOutput in names
		write(t, filepath.Join(dir, strings.Repeat("n", 200)+strconv.Itoa(i)), "")
	}
	if got := state(t, dir); !got.Dirty || got.Commit == "" {
		t.Errorf("got %+v, want a commit, dirty", got)
	}
}

func TestStateWithoutARepository(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(t.TempDir()))
	dir := t.TempDir()
	if got, ok, err := State(t.Context(), granted(t, dir), dir); ok || err != nil {
		t.Errorf("a plain folder: got %+v, %v, %v, want no state and no error", got, ok, err)
	}
	missing := filepath.Join(dir, "missing")
	if _, ok, err := State(t.Context(), granted(t, dir), missing); ok || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: got %v, %v, want fs.ErrNotExist", ok, err)
	}
	t.Setenv("PATH", dir)
	if got, ok, err := State(t.Context(), granted(t, dir), dir); ok || err != nil || Available() {
		t.Errorf("without git: got %+v, %v, %v, want no state and no error", got, ok, err)
	}
}

func TestStateBeforeTheFirstCommit(t *testing.T) {
	repository(t) // for HOME
	dir := t.TempDir()
	plain(t, dir, "init", "--quiet", "--initial-branch=first")
	if got, want := state(t, dir), (Git{Branch: "first"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestStateNeedsAGrant(t *testing.T) {
	dir := repository(t)
	if _, ok, err := State(t.Context(), trust.Grant{}, dir); ok || !errors.Is(err, ErrNotTrusted) {
		t.Errorf("got %v, %v, want ErrNotTrusted", ok, err)
	}
}

func TestStateEndsWithItsContext(t *testing.T) {
	dir := repository(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok, err := State(ctx, granted(t, dir), dir); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v, want context.Canceled", ok, err)
	}
	// A git that hangs is ended.
	bin := t.TempDir()
	write(t, filepath.Join(bin, "git"), "#!/bin/sh\nexec sleep 60\n")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, ok, err := State(ctx, granted(t, dir), dir); ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v, want context.DeadlineExceeded", ok, err)
	}
}

// A repository must not get its programs executed through us.
func TestNothingOfARepositoryIsExecuted(t *testing.T) {
	dir := repository(t)
	fired := filepath.Join(t.TempDir(), "fired")
	canary := filepath.Join(dir, ".git", "canary")
	write(t, canary, "#!/bin/sh\necho \"$0\" >>'"+fired+"'\nexit 0\n")
	hooks := filepath.Join(dir, ".git", "canaries")
	for _, hook := range []string{"pre-commit", "post-index-change", "post-checkout", "fsmonitor-watchman", "reference-transaction", "commit-msg", "post-commit"} {
		write(t, filepath.Join(hooks, hook), "#!/bin/sh\necho hook >>'"+fired+"'\nexit 0\n")
		write(t, filepath.Join(dir, ".git", "hooks", hook), "#!/bin/sh\necho hook >>'"+fired+"'\nexit 0\n")
	}
	for key, value := range map[string]string{
		"core.fsmonitor": canary, "core.hooksPath": hooks, "core.pager": canary, "pager.status": canary, "core.editor": canary,
		"core.askPass": canary, "diff.external": canary, "core.sshCommand": canary, "alias.status": "!" + canary, "gpg.program": canary,
		"commit.gpgSign": "true",
	} {
		plain(t, dir, "config", key, value)
	}
	write(t, filepath.Join(dir, "a.txt"), "changed\n")
	if got := state(t, dir); !got.Dirty {
		t.Errorf("got %+v, want dirty", got)
	}
	if text, err := os.ReadFile(fired); err == nil {
		t.Fatalf("the canary fired during State:\n%s", text)
	}
	if err := Init(t.Context(), dir, []string{"a.txt"}, "again"); err != nil {
		t.Errorf("Init over it: %v", err)
	}
	if text, err := os.ReadFile(fired); err == nil {
		t.Fatalf("the canary fired during Init:\n%s", text)
	}
	plain(t, dir, "status") // the canary is alive: without our flags it does fire
	if _, err := os.ReadFile(fired); err != nil {
		t.Errorf("the canary does not work: %v", err)
	}
}

func TestTheEnvironmentDoesNotRedirect(t *testing.T) {
	dir, other := repository(t), repository(t)
	write(t, filepath.Join(other, "b.txt"), "other\n")
	want := state(t, dir)
	t.Setenv("GIT_DIR", filepath.Join(other, ".git"))
	t.Setenv("GIT_WORK_TREE", other)
	t.Setenv("GIT_INDEX_FILE", filepath.Join(other, "index"))
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "core.bare")
	t.Setenv("GIT_CONFIG_VALUE_0", "true")
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	if got := state(t, dir); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestInitDependsOnNoConfiguration(t *testing.T) {
	if !Available() {
		if os.Getenv("CI") != "" {
			t.Fatal("no git")
		}
		t.Skip("no git")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "none"))
	write(t, filepath.Join(home, ".gitconfig"), "[commit]\n\tgpgsign = true\n[init]\n\ttemplateDir = /nonexistent\n[user]\n\tname = Somebody\n[core]\n\tautocrlf = true\n")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.txt"), "one\r\n")
	if err := Init(t.Context(), dir, nil, "begin"); err != nil {
		t.Fatal(err)
	}
	if got, want := plain(t, dir, "log", "--format=%an <%ae> %s"), "assetdev <demo@assetdev.invalid> begin"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := plain(t, dir, "ls-files"), "a.txt"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, ".git", "hooks")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("hooks of a template were copied: %v", err)
	}
	err := Init(t.Context(), filepath.Join(dir, "missing"), nil, "x")
	if want := regexp.MustCompile(`^make a git repository of ".*missing": `); err == nil || !want.MatchString(err.Error()) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestParseStatusRefusesNoise(t *testing.T) {
	for _, out := range []string{"", "hello", "# branch.head main\x00", "# branch.oid nothash\x00"} {
		if got, err := parseStatus(out); err == nil {
			t.Errorf("parseStatus(%q): got %+v, want an error", out, got)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add("# branch.oid 0123\x00# branch.head main\x001 .M N... a\x00")
	f.Add("# branch.oid (initial)\x00# branch.head (detached)\x00? x\x00")
	f.Fuzz(func(t *testing.T, out string) {
		g, err := parseStatus(out)
		if err == nil && strings.Trim(g.Commit, "0123456789abcdef") != "" {
			t.Errorf("got commit %q", g.Commit)
		}
	})
}
