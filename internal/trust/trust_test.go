package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/internal/diag"
)

func file(path, content string) File {
	sum := sha256.Sum256([]byte(content))
	return File{Path: path, Hash: hex.EncodeToString(sum[:]), Content: []byte(content)}
}

func secret(path, content string) File {
	f := file(path, content)
	f.Content = nil
	return f
}

func open(t *testing.T) (s *Store, workspace string) {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	workspace = filepath.Join(t.TempDir(), "ws")
	if err := os.Mkdir(workspace, 0o755); err != nil {
		t.Fatal(err)
	}
	return s, workspace
}

func grant(t *testing.T, s *Store, workspace string, files ...File) {
	t.Helper()
	if g, err := s.Grant(workspace, files); err != nil || !g.Valid() {
		t.Fatalf("Grant: got %v, %v", g, err)
	}
}

func untrusted(t *testing.T, s *Store, workspace string, files ...File) {
	t.Helper()
	_ = needs(t, s, workspace, files...)
}

func needs(t *testing.T, s *Store, workspace string, files ...File) *NeedsTrust {
	t.Helper()
	g, err := s.Check(workspace, files)
	var need *NeedsTrust
	if g.Valid() || !errors.As(err, &need) {
		t.Fatalf("Check: got %v, %v, want NeedsTrust", g, err)
	}
	return need
}

func trusted(t *testing.T, s *Store, workspace string, files ...File) {
	t.Helper()
	g, err := s.Check(workspace, files)
	if err != nil || !g.Valid() || g.Workspace() == "" {
		t.Fatalf("Check: got %v, %v, want a grant", g, err)
	}
}

func TestZeroGrantPermitsNothing(t *testing.T) {
	if g := (Grant{}); g.Valid() || g.Workspace() != "" {
		t.Errorf("got %v, want nothing", g)
	}
}

func TestTrustIsForExactlyWhatWasShown(t *testing.T) {
	s, ws := open(t)
	yaml, env := file("workspace.yaml", "load_from: []\n"), secret(".env", "A=1")
	if need := needs(t, s, ws, yaml, env); need.Known || need.Files[0].Why != "new" {
		t.Errorf("before: got %+v, want unknown and new", need)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("asking made the folder: %v", err)
	}
	grant(t, s, ws, yaml, env)
	trusted(t, s, ws, yaml, env)
	trusted(t, s, ws, env, yaml)

	for name, files := range map[string][]File{
		"changed":  {file("workspace.yaml", "load_from: [x]\n"), env},
		"secret":   {yaml, secret(".env", "A=2")},
		"added":    {yaml, env, file("assetdev.yaml", "")},
		"removed":  {yaml},
		"renamed":  {yaml, secret("x/.env", "A=1")},
		"repeated": {yaml, env, env},
		"none":     {},
	} {
		if need := needs(t, s, ws, files...); !need.Known || need.Workspace == "" {
			t.Errorf("%s: got %+v, want a known workspace", name, need)
		}
	}

	other := filepath.Join(filepath.Dir(ws), "copy")
	if err := os.Rename(ws, other); err != nil {
		t.Fatal(err)
	}
	untrusted(t, s, other, yaml, env) // the same content in another place
}

func TestWhatChangedIsShown(t *testing.T) {
	s, ws := open(t)
	grant(t, s, ws, file("workspace.yaml", "a: 1\nb: 2\nc: 3\n"), secret(".env", "A=1"), file("gone.yaml", ""))
	need := needs(t, s, ws, file("workspace.yaml", "a: 1\nb: 22\nc: 3\nd: 4\n"), secret(".env", "A=2"), file("assetdev.yaml", "jobs: 1\n"))
	want := []Change{
		{Path: "workspace.yaml", Why: "changed", Diff: []string{"-b: 2", "+b: 22", "+d: 4"}},
		{Path: ".env", Why: "changed"},
		{Path: "assetdev.yaml", Why: "new"},
		{Path: "gone.yaml", Why: "removed"},
	}
	if d := cmp.Diff(want, need.Files); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	wantText := fmt.Sprintf(`assetdev: workspace %q is no longer trusted as it is now: "workspace.yaml" is changed, ".env" is changed, "assetdev.yaml" is new, "gone.yaml" is removed
hint: look at "workspace.yaml", ".env", "assetdev.yaml", "gone.yaml" and the code they name, then run: assetdev trust (or --trust for one call)`, need.Workspace)
	if got := diag.Text(need); got != wantText {
		t.Errorf("got\n%s\nwant\n%s", got, wantText)
	}
	var d *diag.Error
	if !errors.As(need, &d) || d.Kind != "trust" {
		t.Errorf("got kind of %v, want trust", d)
	}
}

func TestSecretsAreNotRemembered(t *testing.T) {
	s, ws := open(t)
	grant(t, s, ws, file("workspace.yaml", "seen"), secret(".env", "TOKEN=hidden"))
	content, err := os.ReadFile(s.file(mustReal(t, ws)))
	if err != nil || strings.Contains(string(content), "hidden") || !strings.Contains(string(content), "seen") {
		t.Errorf("got %s, %v, want the text of workspace.yaml only", content, err)
	}
}

func mustReal(t *testing.T, dir string) string {
	t.Helper()
	root, err := realDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestLastStatesAreRemembered(t *testing.T) {
	s, ws := open(t)
	for i := range maxStates + 2 {
		grant(t, s, ws, file("workspace.yaml", fmt.Sprint(i)))
	}
	grant(t, s, ws, file("workspace.yaml", fmt.Sprint(maxStates+1))) // again: takes no place
	for i := range maxStates + 2 {
		f := file("workspace.yaml", fmt.Sprint(i))
		if i < 2 {
			untrusted(t, s, ws, f)
		} else {
			trusted(t, s, ws, f)
		}
	}
}

func TestLinksDoNotMatter(t *testing.T) {
	s, ws := open(t)
	link := filepath.Join(filepath.Dir(ws), "link")
	if err := os.Symlink(ws, link); err != nil {
		t.Fatal(err)
	}
	f := file("workspace.yaml", "x")
	grant(t, s, link, f)
	trusted(t, s, ws, f)
	// The link now points elsewhere: the other folder is not trusted.
	other := t.TempDir()
	if err := errors.Join(os.Remove(link), os.Symlink(other, link)); err != nil {
		t.Fatal(err)
	}
	untrusted(t, s, link, f)
	if _, err := s.Check(filepath.Join(ws, "missing"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: got %v, want fs.ErrNotExist", err)
	}
}

func TestRevokeAndList(t *testing.T) {
	s, ws := open(t)
	if list, err := s.List(); len(list) != 0 || err != nil {
		t.Errorf("empty: got %v, %v", list, err)
	}
	if found, err := s.Revoke(ws); found || err != nil {
		t.Errorf("nothing to revoke: got %v, %v", found, err)
	}
	f := file("workspace.yaml", "x")
	grant(t, s, ws, f)
	second := t.TempDir()
	grant(t, s, second, f)
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].Workspace > list[1].Workspace || list[0].At.IsZero() || !cmp.Equal(list[0].Files, []string{"workspace.yaml"}) {
		t.Errorf("got %+v, %v, want both, sorted", list, err)
	}
	if found, err := s.Revoke(ws); !found || err != nil {
		t.Errorf("revoke: got %v, %v", found, err)
	}
	untrusted(t, s, ws, f)
	trusted(t, s, second, f)
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Revoke(second); !found || err != nil {
		t.Errorf("revoke of a folder that is gone: got %v, %v", found, err)
	}
}

func TestOnceRemembersNothing(t *testing.T) {
	s, ws := open(t)
	if g, err := Once(ws); err != nil || !g.Valid() || g.Workspace() != mustReal(t, ws) {
		t.Errorf("got %v, %v", g, err)
	}
	untrusted(t, s, ws)
	if g, err := Once(filepath.Join(ws, "missing")); err == nil || g.Valid() {
		t.Errorf("missing folder: got %v, %v", g, err)
	}
}

func TestModesOfFiles(t *testing.T) {
	s, ws := open(t)
	grant(t, s, ws, file("workspace.yaml", "x"))
	for path, want := range map[string]fs.FileMode{s.dir: 0o700, filepath.Dir(s.dir): 0o700, s.file(mustReal(t, ws)): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(s.dir, ".new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDamagedRecordsAreNotTrustedAndNotWiped(t *testing.T) {
	f := file("workspace.yaml", "x")
	edit := func(change func(*record)) func(string) error {
		return func(path string) error {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var r record
			if err := json.Unmarshal(content, &r); err != nil {
				return err
			}
			change(&r)
			if content, err = json.Marshal(r); err != nil {
				return err
			}
			return os.WriteFile(path, content, 0o600)
		}
	}
	for name, test := range map[string]struct {
		damage func(path string) error
		want   string
	}{
		"cut":     {func(p string) error { return os.Truncate(p, 20) }, "unexpected end of JSON input"},
		"empty":   {func(p string) error { return os.Truncate(p, 0) }, "unexpected end of JSON input"},
		"noise":   {func(p string) error { return os.WriteFile(p, []byte("\x00\x01"), 0o600) }, "invalid character"},
		"null":    {func(p string) error { return os.WriteFile(p, []byte("null"), 0o600) }, "not complete"},
		"newer":   {edit(func(r *record) { r.Format = format + 1 }), "a newer assetdev wrote it"},
		"other":   {edit(func(r *record) { r.Workspace = "/elsewhere" }), `belongs to workspace "/elsewhere"`},
		"hash":    {edit(func(r *record) { r.States[0].Files[0].Hash = "" }), "not complete"},
		"group":   {func(p string) error { return os.Chmod(p, 0o620) }, "others may write it (mode 0620)"},
		"world":   {func(p string) error { return os.Chmod(p, 0o602) }, "others may write it (mode 0602)"},
		"folder":  {func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, "is a directory"},
		"link":    {func(p string) error { return errors.Join(os.Rename(p, p+".x"), os.Symlink(p+".x", p)) }, "too many"},
		"huge":    {func(p string) error { return os.Truncate(p, maxRecord+1) }, "too large"},
		"the dir": {func(p string) error { return os.Chmod(filepath.Dir(p), 0o777) }, "others may write it (mode 0777)"},
	} {
		t.Run(name, func(t *testing.T) {
			s, ws := open(t)
			grant(t, s, ws, f)
			path := s.file(mustReal(t, ws))
			if err := test.damage(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			for verb, try := range map[string]func() (Grant, error){
				"Check": func() (Grant, error) { return s.Check(ws, []File{f}) },
				"Grant": func() (Grant, error) { return s.Grant(ws, []File{f}) },
			} {
				g, err := try()
				var d *diag.Error
				var need *NeedsTrust
				if g.Valid() || !errors.As(err, &d) || errors.As(err, &need) || d.Kind != "trust" || d.Hint == "" || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: got %v, %v, want a finding with %q", verb, g, err, test.want)
				}
			}
			if _, err := s.List(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("List: got %v, want %q", err, test.want)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Errorf("the record was changed")
			}
			if name == "the dir" {
				return
			}
			if found, err := s.Revoke(ws); !found || err != nil {
				t.Fatalf("Revoke: got %v, %v", found, err)
			}
			grant(t, s, ws, f)
			trusted(t, s, ws, f)
		})
	}
}

func TestFaultWhileWritingLosesNothing(t *testing.T) {
	s, ws := open(t)
	f := file("workspace.yaml", "x")
	grant(t, s, ws, f)
	// A record that cannot be replaced: too large to be read again.
	big := File{Path: "p", Hash: strings.Repeat("h", maxRecord)}
	if g, err := s.Grant(ws, []File{big}); err == nil || g.Valid() {
		t.Errorf("got %v, %v, want an error", g, err)
	}
	trusted(t, s, ws, f)
}

func TestGrantsAtOnce(t *testing.T) {
	s, ws := open(t)
	var all sync.WaitGroup
	for i := range maxStates {
		all.Go(func() {
			own, err := Open(filepath.Dir(s.dir)) // as another process would
			if err != nil {
				t.Error(err)
				return
			}
			f := file("workspace.yaml", fmt.Sprint(i))
			if g, err := own.Grant(ws, []File{f}); err != nil || !g.Valid() {
				t.Errorf("Grant %d: got %v, %v", i, g, err)
			}
			if g, err := own.Check(ws, []File{f}); err != nil || !g.Valid() {
				t.Errorf("Check %d: got %v, %v", i, g, err)
			}
		})
	}
	all.Wait()
	for i := range maxStates {
		trusted(t, s, ws, file("workspace.yaml", fmt.Sprint(i)))
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	for state, want := range map[string]string{
		"/state":   "/state/assetdev",
		"":         "/home/somebody/.local/state/assetdev",
		"relative": "/home/somebody/.local/state/assetdev",
	} {
		t.Setenv("XDG_STATE_HOME", state)
		if got, err := DefaultDir(); err != nil || got != want {
			t.Errorf("XDG_STATE_HOME=%q: got %q, %v, want %q", state, got, err, want)
		}
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "here")
	if got, err := DefaultDir(); err == nil {
		t.Errorf("relative HOME: got %q, want an error", got)
	}
}

// Applied to the old lines, in order, a diff removes and adds what it says; unchanged lines are not in it.
func TestDiffProperties(t *testing.T) {
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 12)
	rapid.Check(t, func(t *rapid.T) {
		a, b := lines.Draw(t, "a"), lines.Draw(t, "b")
		count := map[string]int{}
		for _, l := range a {
			count[l]++
		}
		for _, d := range diff(strings.Join(a, "\n"), strings.Join(b, "\n")) {
			switch d[0] {
			case '-':
				count[d[1:]]--
			case '+':
				count[d[1:]]++
			default:
				t.Fatalf("got line %q", d)
			}
		}
		for _, l := range b {
			count[l]--
		}
		delete(count, "") // the empty text has one empty line
		for l, n := range count {
			if n != 0 {
				t.Fatalf("%q is %d off: a %q, b %q", l, n, a, b)
			}
		}
	})
}

func TestDiffIsBounded(t *testing.T) {
	if got := diff(strings.Repeat("a\n", 5000), strings.Repeat("b\n", 5000)); len(got) != maxDiffLines || got[maxDiffLines-1] != "…" {
		t.Errorf("got %d lines, last %q", len(got), got[len(got)-1])
	}
	if got := diff("same\n", "same\n"); len(got) != 0 {
		t.Errorf("got %q, want nothing", got)
	}
}

// Whatever stands in a record: reading it does not panic, and grants only what it holds for this very workspace.
func FuzzRecord(f *testing.F) {
	s := &Store{f.TempDir()}
	ws := filepath.Join(s.dir, "ws")
	if err := errors.Join(os.Mkdir(ws, 0o755), os.Chmod(s.dir, 0o700)); err != nil {
		f.Fatal(err)
	}
	root, err := realDir(ws)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.Grant(ws, []File{file("workspace.yaml", "x")}); err != nil {
		f.Fatal(err)
	}
	content, err := os.ReadFile(s.file(root))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte(`{"format":1,"workspace":"/","states":[{"files":null}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(s.file(root), content, 0o600); err != nil {
			t.Fatal(err)
		}
		g, err := s.Check(ws, []File{file("workspace.yaml", "y")})
		if g.Valid() != (err == nil) {
			t.Errorf("got %v, %v", g, err)
		}
		if g.Valid() {
			var r record
			if err := json.Unmarshal(content, &r); err != nil || r.Workspace != root {
				t.Errorf("granted by %q", content)
			}
		}
	})
}
