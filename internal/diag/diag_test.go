package diag

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPosString(t *testing.T) {
	for pos, want := range map[Pos]string{
		{}:                   "",
		{Line: 3, Column: 4}: "",
		{File: "a.yaml"}:     "a.yaml",
		{"a.yaml", 7, 0}:     "a.yaml:7",
		{"a.yaml", 7, 5}:     "a.yaml:7:5",
		{"a.yaml", 0, 5}:     "a.yaml",
	} {
		if got := pos.String(); got != want {
			t.Errorf("%#v: got %q, want %q", pos, got, want)
		}
	}
}

func TestNewKeepsItsCauses(t *testing.T) {
	one := New("storage", "read %q: %w", "x", fs.ErrNotExist)
	if one.Kind != "storage" || one.Error() != `read "x": file does not exist` || !errors.Is(one, fs.ErrNotExist) {
		t.Errorf("got %+v", one)
	}
	two := New("storage", "copy: %w, %w", fs.ErrNotExist, fs.ErrPermission)
	if !errors.Is(two, fs.ErrNotExist) || !errors.Is(two, fs.ErrPermission) || two.Error() != "copy: file does not exist, permission denied" {
		t.Errorf("got %+v", two)
	}
	if none := New("usage", "no cause"); none.Unwrap() != nil {
		t.Errorf("got cause %v, want none", none.Unwrap())
	}
}

func TestText(t *testing.T) {
	at := Pos{"workspace.yaml", 7, 5}
	placed := func() *Error {
		return New("workspace", "unknown key %q", "python_pakage").At(at).WithHint("did you mean %s?\nor not", "python_package")
	}
	const want = "workspace.yaml:7:5: unknown key \"python_pakage\"\nhint: did you mean python_package?\n      or not"
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"nil":                  {nil, ""},
		"placed":               {placed(), want},
		"without a place":      {New("usage", "too few arguments").WithHint("name one"), "assetdev: too few arguments\nhint: name one"},
		"plain":                {errors.New("disk full"), "assetdev: disk full"},
		"wrapped":              {fmt.Errorf("open it: %w", placed()), strings.Replace(want, "unknown", "open it: unknown", 1)},
		"wrapped plain":        {fmt.Errorf("open it: %w", New("usage", "no").WithHint("yes")), "assetdev: open it: no\nhint: yes"},
		"joined":               {errors.Join(placed(), errors.New("disk full")), want + "\nassetdev: disk full"},
		"joined twice":         {errors.Join(errors.Join(placed()), errors.Join(New("usage", "b"), New("usage", "c"))), want + "\nassetdev: b\nassetdev: c"},
		"several causes":       {fmt.Errorf("%w because %w", errors.New("no"), New("usage", "why").WithHint("so")), "assetdev: no because why\nhint: so"},
		"joined inside an own": {New("storage", "close: %w", errors.Join(errors.New("a"), errors.New("b"))), "assetdev: close: a\nb"},
	} {
		if got := Text(test.err); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

func TestFindingsKeepKindAndCause(t *testing.T) {
	cause := New("storage", "read: %w", fs.ErrPermission).At(Pos{File: "x"})
	got := Findings(errors.Join(fmt.Errorf("open: %w", cause), fs.ErrClosed))
	if len(got) != 2 {
		t.Fatalf("got %d findings, want 2", len(got))
	}
	if f := got[0]; f.Kind != "storage" || f.Error() != "x: open: read: permission denied" || !errors.Is(f, fs.ErrPermission) || !errors.Is(f, cause) {
		t.Errorf("got %+v", f)
	}
	if f := got[1]; f.Kind != "" || !errors.Is(f, fs.ErrClosed) {
		t.Errorf("got %+v", f)
	}
	if own := Findings(cause); len(own) != 1 || own[0] != cause {
		t.Errorf("got %v, want the error itself", own)
	}
	if cause.Error() != "x: read: permission denied" {
		t.Errorf("Findings changed its argument: %v", cause)
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"python_module", "python_package", "python_file", "working_directory", "keep", "jobs", "io_manager", "io_managers"}
	for word, want := range map[string]string{
		"python_pakage":  "python_package",
		"PYTHON_MODULE":  "python_module",
		"pyhton_file":    "python_file",
		"working_dir":    "working_directory", // by its beginning
		"job":            "jobs",
		"kepe":           "keep", // two letters swapped are one mistake
		"io_manger":      "io_manager",
		"io_managersss":  "io_managers",
		"io":             "",
		"io_":            "io_manager", // the shortest
		"":               "",
		"x":              "",
		"something_else": "",
	} {
		if got := Nearest(word, keys); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	if got := Nearest("ab", []string{"ac", "ad"}); got != "ac" {
		t.Errorf("of equals: got %q, want the first", got)
	}
	if got := Nearest("a", nil); got != "" {
		t.Errorf("without candidates: got %q", got)
	}
}

// The bounded distance agrees with the plain definition, is symmetric, and is 0 only for equals.
func TestDistanceProperties(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 7, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, limit := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(1, 10).Draw(t, "limit")
		want := min(slow(a, b), limit)
		if got := distance(a, b, limit); got != want {
			t.Fatalf("distance(%q, %q, %d): got %d, want %d", a, b, limit, got, want)
		}
		if got := distance(b, a, limit); got != want {
			t.Fatalf("distance(%q, %q, %d): got %d, want %d", b, a, limit, got, want)
		}
		if (distance(a, b, limit) == 0) != (a == b) {
			t.Fatalf("distance(%q, %q) is 0", a, b)
		}
	})
}

// slow is the definition of optimal string alignment.
func slow(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	i, j := len(a)-1, len(b)-1
	cost := 1
	if a[i] == b[j] {
		cost = 0
	}
	best := min(slow(a[:i], b)+1, slow(a, b[:j])+1, slow(a[:i], b[:j])+cost)
	if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
		best = min(best, slow(a[:i-1], b[:j-1])+1)
	}
	return best
}
