// Package trust decides whether code of a workspace may be executed, and remembers the answer outside the workspace.
//
// The nouns: a [Grant] is the permission; a [Store] is the memory of one user, a folder with one small file for each workspace;
// a [File] is a file of the workspace that names what is executed; [NeedsTrust] is the answer "ask the user".
//
// Invariants:
//
//	(a) Only this package makes a Grant, and only after the user said so: now ([Store.Grant], [Once]) or earlier ([Store.Check]).
//	(b) What was granted holds for one folder, by its real path, and for exactly the files and contents that were shown: another
//	    file, a missing one or a changed byte asks again. The last few states are remembered, so that a branch can be switched.
//	(c) What cannot be read with certainty is not trusted: a damaged record, one that others may write, one of a newer version.
//	    Nothing is wiped without being told.
//	(d) A record appears whole or not at all; writers exclude each other by a lock.
//
// Deliberately absent: asking (front ends do), reading the workspace (the caller hands in hashes), following any pointer that
// the workspace supplies (a .git file, an include).
package trust

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/internal/diag"
)

// A Grant is the permission to execute code of one workspace. Only this package can make one, so that what needs a Grant
// cannot run before the user trusted the workspace. The zero Grant permits nothing.
type Grant struct{ workspace string }

// Valid reports whether g permits anything. Whoever starts a program of a workspace checks it.
func (g Grant) Valid() bool { return g.workspace != "" }

// Workspace returns the real path of the workspace's folder, "" for the zero Grant.
func (g Grant) Workspace() string { return g.workspace }

// A File is a file that names what the workspace executes.
type File struct {
	Path    string // relative to the workspace's folder, with slashes
	Hash    string // of its content, hexadecimal
	Content []byte // remembered to show later what changed; nil for what may hold secrets
}

// Once returns a Grant for this process alone, for --trust. Nothing is remembered.
func Once(workspaceDir string) (Grant, error) {
	root, err := realDir(workspaceDir)
	if err != nil {
		return Grant{}, err
	}
	return Grant{root}, nil
}

// NeedsTrust is the error of [Store.Check] for a workspace that the user has to be asked about.
type NeedsTrust struct {
	Workspace string // real path of its folder
	Known     bool   // another state of it was granted before
	Files     []Change
}

// A Change is one file of the workspace compared with what was granted last.
type Change struct {
	Path string
	Why  string // "new", "changed", "removed" or "same"
	// Diff holds at most 40 lines that begin with "-", "+" or, for what was left out, "…". It is empty when the old content was
	// not remembered. It is text of the workspace: make it printable before showing it.
	Diff []string
}

// Error says that the workspace is not trusted, and which files changed since it was.
func (e *NeedsTrust) Error() string {
	if !e.Known {
		return "workspace " + quote(e.Workspace) + " is not trusted yet"
	}
	var changed []string
	for _, f := range e.Files {
		if f.Why != same {
			changed = append(changed, quote(f.Path)+" is "+f.Why)
		}
	}
	return "workspace " + quote(e.Workspace) + " is no longer trusted as it is now: " + strings.Join(changed, ", ")
}

// Unwrap returns the finding with its hint, as [diag.Text] prints it.
func (e *NeedsTrust) Unwrap() error {
	var paths []string
	for _, f := range e.Files {
		paths = append(paths, quote(f.Path))
	}
	d := diag.New("trust", "%s", e.Error())
	return d.WithHint("look at %s and the code they name, then run: assetdev trust (or --trust for one call)", strings.Join(paths, ", "))
}

const (
	added   = "new"
	changed = "changed"
	removed = "removed"
	same    = "same"
)

// compare returns all files of now and what became of them since before.
func compare(before, now []File) []Change {
	var changes []Change
	for _, f := range now {
		c := Change{Path: f.Path, Why: added}
		if i := slices.IndexFunc(before, func(b File) bool { return b.Path == f.Path }); i >= 0 {
			c.Why = same
			if old := before[i]; old.Hash != f.Hash {
				c.Why = changed
				if old.Content != nil && f.Content != nil {
					c.Diff = diff(string(old.Content), string(f.Content))
				}
			}
		}
		changes = append(changes, c)
	}
	for _, old := range before {
		if !slices.ContainsFunc(now, func(f File) bool { return f.Path == old.Path }) {
			changes = append(changes, Change{Path: old.Path, Why: removed})
		}
	}
	return changes
}

// equal reports whether both lists name the same files with the same content, in any order.
func equal(a, b []File) bool {
	less := func(x, y File) int { return strings.Compare(x.Path, y.Path) }
	return slices.EqualFunc(slices.SortedFunc(slices.Values(a), less), slices.SortedFunc(slices.Values(b), less),
		func(x, y File) bool { return x.Path == y.Path && x.Hash == y.Hash })
}

const (
	maxDiffLines = 40
	maxDiffInput = 400 // lines on each side that are compared; beyond, they count as replaced
)

// diff returns the lines that differ.
func diff(before, after string) []string {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	small := len(a) <= maxDiffInput && len(b) <= maxDiffInput
	var common [][]int
	if small {
		common = make([][]int, len(a)+1)
		for i := range common {
			common[i] = make([]int, len(b)+1)
		}
		for i, old := range slices.Backward(a) {
			for j, young := range slices.Backward(b) {
				if old == young {
					common[i][j] = common[i+1][j+1] + 1
				} else {
					common[i][j] = max(common[i+1][j], common[i][j+1])
				}
			}
		}
	}
	var lines []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case small && i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case i < len(a) && (!small || j == len(b) || common[i+1][j] >= common[i][j+1]):
			lines = append(lines, "-"+a[i])
			i++
		default:
			lines = append(lines, "+"+b[j])
			j++
		}
	}
	if len(lines) > maxDiffLines {
		lines = append(lines[:maxDiffLines-1:maxDiffLines-1], "…")
	}
	return lines
}

// realDir returns the path of a folder without symbolic links.
func realDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return "", diag.New("trust", "find the real path of %q: %w", dir, err)
	}
	return abs, nil
}
