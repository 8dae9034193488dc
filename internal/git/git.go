// Package git asks git about a workspace's repositories. It is the only caller of git.
//
// The noun: a [Git] is the commit a folder was at and whether its repository differed from it.
//
// Invariants:
//
//	(a) No git runs in a workspace without a [trust.Grant], because a repository's own configuration names programs.
//	(b) Every call leaves out what a repository can make git execute on the side (core.fsmonitor, hooks, pagers, editors,
//	    prompts), takes no lock, and ends after 5 seconds.
//	(c) Variables that point git elsewhere (GIT_DIR and its like) are not passed on: the folder alone decides.
//
// What a trusted repository sets up for its content, such as the clean filter of git-lfs, does run: without it git cannot tell
// whether a file differs.
//
// Deliberately absent: reading .git ourselves, the network, and everything that changes a repository, but for [Init].
package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/trust"
)

const (
	deadline  = 5 * time.Second
	maxOutput = 64 << 10 // of a status; more changed files than that only make it more dirty
)

// ErrNotTrusted is the error of [State] for a Grant that permits nothing.
var ErrNotTrusted = errors.New("git does not run in a workspace that is not trusted")

// A Git is the state of a repository.
type Git struct {
	Commit string // full hash; empty before the first commit
	Dirty  bool   // tracked files differ from the commit, or there are untracked ones that are not ignored
	Branch string // empty when no branch is checked out
}

// Available reports whether there is a git to call.
func Available() bool {
	_, err := exec.LookPath("git")
	return err == nil
}

// State returns the state of the repository that dir lies in. It returns ok false, without an error, when dir is in no
// repository or there is no git. The error names the call and git's own last line.
func State(ctx context.Context, grant trust.Grant, dir string) (state Git, ok bool, err error) {
	if !grant.Valid() {
		return Git{}, false, ErrNotTrusted
	}
	if !Available() {
		return Git{}, false, nil
	}
	out, err := run(ctx, dir, nil, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--ignore-submodules=dirty", "--no-renames")
	var exit *child.ExitError
	switch {
	case errors.As(err, &exit) && strings.Contains(exit.Stderr, "not a git repository"):
		return Git{}, false, nil
	case errors.Is(err, child.ErrOutput): // the head is there
	case err != nil:
		return Git{}, false, fmt.Errorf("git state of %q: %w", dir, err)
	}
	state, err = parseStatus(string(out))
	if err != nil {
		return Git{}, false, fmt.Errorf("git state of %q: %w", dir, err)
	}
	return state, true, nil
}

// parseStatus reads the output of git status --porcelain=v2 --branch -z: lines that begin with "#" are the head, every other
// one is a file that differs.
func parseStatus(out string) (Git, error) {
	var g Git
	known := false
	for line := range strings.SplitSeq(out, "\x00") {
		switch {
		case line == "":
		case strings.HasPrefix(line, "# branch.oid "):
			known = true
			if g.Commit = strings.TrimPrefix(line, "# branch.oid "); g.Commit == "(initial)" {
				g.Commit = ""
			}
		case strings.HasPrefix(line, "# branch.head "):
			if g.Branch = strings.TrimPrefix(line, "# branch.head "); g.Branch == "(detached)" {
				g.Branch = ""
			}
		case strings.HasPrefix(line, "#"):
		default:
			g.Dirty = true
		}
	}
	if !known || strings.Trim(g.Commit, "0123456789abcdef") != "" {
		return Git{}, fmt.Errorf("unexpected answer %.80q", out)
	}
	return g, nil
}

// Init makes a repository of the folder and commits the files, named relative to it, or all files when files is empty. The
// commit has an author of its own, runs no hooks, is not signed, and does not depend on the user's configuration. It is meant
// for files that assetdev itself has just written.
func Init(ctx context.Context, dir string, files []string, message string) error {
	// Neither the user's nor the system's configuration: templates, filters and signing come from there.
	own := []string{"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1"}
	if len(files) == 0 {
		files = []string{"."}
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--template=", "--initial-branch=main"},
		append([]string{"-c", "core.autocrlf=false", "add", "--"}, files...),
		{
			"-c", "user.name=assetdev", "-c", "user.email=demo@assetdev.invalid", "-c", "commit.gpgsign=false", "-c", "gc.auto=0",
			"commit", "--quiet", "--no-verify", "--no-gpg-sign", "--cleanup=verbatim", "-m", message,
		},
	} {
		if _, err := run(ctx, dir, own, args...); err != nil {
			return fmt.Errorf("make a git repository of %q: %w", dir, err)
		}
	}
	return nil
}

// run calls git in dir with the flags that every call has.
func run(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	safe := []string{
		"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.pager=cat",
		"-c", "core.untrackedCache=false", "-c", "maintenance.auto=false",
	}
	return child.Output(ctx, child.Command{
		Path:  "git",
		Args:  append(safe, args...),
		Dir:   dir,
		Env:   append(environment(), env...),
		Grace: child.Grace{Interrupt: -1, Terminate: time.Second},
	}, maxOutput)
}

// environment returns the environment of this process without what directs git elsewhere or makes it ask.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "GIT_CEILING_DIRECTORIES", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM":
			return false // the user's, and harmless
		case "LANGUAGE", "LANG", "LC_ALL", "LC_MESSAGES":
			return true
		}
		return strings.HasPrefix(name, "GIT_")
	})
	return append(env, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_PAGER=cat", "GIT_EDITOR=false", "GIT_ASKPASS=false", "SSH_ASKPASS=false")
}
