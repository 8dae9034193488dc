package workspace

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/assetdev/assetdev/internal/diag"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata")

func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"HOME": "/home/u", "LOC": "from-env", "PACKAGE": "pkg.from_env", "PORT": "4266", "BASE": "/from/env", "EMPTY": "",
	}[name]
	return value, ok
}

func write(t testing.TB, file, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// picture writes a workspace and its problems as text.
func picture(w *Workspace, err error) string {
	var b strings.Builder
	for _, l := range w.Locations {
		fmt.Fprintf(&b, "%s: location %q: %s", l.Pos, l.Name, l.Kind)
		for _, part := range [][2]string{
			{"package", l.Package}, {"module", l.Module}, {"file", l.File}, {"attribute", l.Attribute}, {"executable", l.ExecutablePath},
		} {
			if part[1] != "" {
				fmt.Fprintf(&b, " %s=%s", part[0], part[1])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(l.Env)) {
			fmt.Fprintf(&b, " %s=%q", name, l.Env[name])
		}
		if l.Jobs != 0 || l.ReadOnly {
			fmt.Fprintf(&b, " jobs=%d read_only=%v", l.Jobs, l.ReadOnly)
		}
		b.WriteByte('\n')
		if l.WorkingDirectory != "" {
			fmt.Fprintf(&b, "  in %s: %s\n", l.WorkingDirectory, l.PathRule)
		}
		if l.Broken != "" {
			fmt.Fprintf(&b, "  broken: %s\n", l.Broken)
		}
	}
	if at := w.IOManager.Pos; at.Line > 0 {
		fmt.Fprintf(&b, "%s: storage %s %q = %s\n", at, w.IOManager.Kind, w.IOManager.BaseDir, w.IOManager.Dir)
	}
	if d := cmp.Diff(defaultSettings(), w.Settings); d != "" {
		text, _ := json.Marshal(w.Settings)
		fmt.Fprintf(&b, "settings %s\n", text)
	}
	for _, n := range w.Notices {
		fmt.Fprintf(&b, "notice: %s\n", diag.Text(n))
	}
	if err != nil {
		fmt.Fprintf(&b, "%s\n", diag.Text(err))
	}
	return b.String()
}

// load writes the files into a folder of their own and loads them with that as the current folder.
func load(t *testing.T, workspace, settings string) (*Workspace, string, error) {
	t.Helper()
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, FileName), workspace)
	if settings != "" {
		write(t, filepath.Join(dir, SettingsName), settings)
	}
	if err := os.Mkdir(filepath.Join(dir, "present"), 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := Load(file, Options{Cwd: dir, Getenv: environment})
	return w, strings.ReplaceAll(picture(w, err), dir, "$DIR"), err
}

// Each file of testdata holds a workspace, perhaps settings, and what is understood of them, with the full text of all problems.
func TestLoad(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 30 {
		t.Fatalf("testdata: %d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
			}
			w, got, err := load(t, parts[FileName], parts[SettingsName])
			checkErrors(t, err)
			if len(w.Commands()) == 0 {
				t.Errorf("no commands to trust")
			}
			if *update {
				archive.Files[len(archive.Files)-1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(parts["want"], got); d != "" && !*update {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// checkErrors checks what holds of every problem: it is of kind workspace, has a place, and shows no raw bytes.
func checkErrors(t *testing.T, err error) {
	t.Helper()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			checkErrors(t, e)
		}
		return
	}
	var e *diag.Error
	if err == nil {
		return
	}
	if !errors.As(err, &e) || e.Kind != "workspace" || e.Pos.File == "" {
		t.Errorf("got %#v, want a workspace error with a place", err)
		return
	}
	if strings.ContainsFunc(e.What, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("raw bytes in %q", e.What)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, test := range map[string]struct{ content, want string }{
		"empty":           {"", "workspace.yaml: the file is empty"},
		"comment":         {"# nothing\n", "workspace.yaml: the file is empty"},
		"null":            {"null\n", "workspace.yaml: the file is empty"},
		"byte order mark": {"\uFEFF", "workspace.yaml: the file is empty"},
		"latin 1":         {"load_from:\n  - python_module: caf\xe9\n", "workspace.yaml:2:23: not UTF-8 text: byte 0xe9\nhint: save the file as UTF-8"},
		"utf 16":          {"\xff\xfel\x00", "workspace.yaml:1:1: not UTF-8 text: byte 0xff\nhint: save the file as UTF-8"},
		"control":         {"load_from: [\"\x01\"]\n", `workspace.yaml:1:1: not valid YAML: control characters are not allowed: "load_from: [\"\x01\"]"`},
		"too large":       {strings.Repeat("#", MaxBytes+1), "workspace.yaml: cannot be read: it is larger than 1024 KiB"},
		"bomb":            {bomb, "workspace.yaml:6:1300: alias \"*d\" explodes: written out, the file has more than 100000 values"},
		"deep":            {strings.Repeat("[", 20000), "workspace.yaml:1:1: not valid YAML: exceeded max depth of 10000: \"" + strings.Repeat("[", maxQuoted) + "…\""},
	} {
		t.Run(name, func(t *testing.T) {
			w, got, err := load(t, test.content, "")
			if err == nil || len(w.Locations) != 0 {
				t.Errorf("got %v, want an error", w)
			}
			checkErrors(t, err)
			if name == "bomb" { // the column depends on how we count; the line and the sentence matter
				got = got[strings.Index(got, "alias"):]
				test.want = test.want[strings.Index(test.want, "alias"):]
			}
			if got != test.want+"\n" {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
	w, got, err := load(t, strings.Repeat("#", MaxBytes-1)+"\n", "")
	if want := "workspace.yaml: the file is empty\n"; got != want || w == nil || err == nil {
		t.Errorf("exactly the limit: got %q, want %q", got, want)
	}
}

func TestManyProblemsAreCounted(t *testing.T) {
	_, got, err := load(t, "load_from:\n"+strings.Repeat("  - nonsense: 1\n", 300), "")
	if lines := strings.Count(got, ": unknown key \"nonsense\""); err == nil || lines != maxProblems {
		t.Errorf("got %d problems, want %d", lines, maxProblems)
	}
	if want := "workspace.yaml: and 200 more problems\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got an end of %q, want %q", got[len(got)-60:], want)
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	_, got, _ := load(t, "load_from: [{python_module: \"größe\", pythn_module: x}]\n", "")
	if want := "workspace.yaml:1:38: unknown key"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFilesThatAreNoFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, FileName)
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// Nobody writes to the pipe: to open it plainly would wait for ever.
	w, err := Load(fifo, Options{Cwd: dir})
	if want := "workspace.yaml: cannot be read: it is no regular file"; err == nil || err.Error() != want {
		t.Errorf("pipe: got %v, want %s", err, want)
	}
	if w == nil || w.File != fifo || w.Dir != dir {
		t.Errorf("got %+v, want the places", w)
	}
	_, err = Load(filepath.Join(dir, "missing.yaml"), Options{Cwd: dir})
	if want := "missing.yaml: cannot be read: no such file or directory"; !errors.Is(err, fs.ErrNotExist) || err.Error() != want {
		t.Errorf("missing: got %v, want %s", err, want)
	}

	good := write(t, filepath.Join(t.TempDir(), FileName), "load_from: []\n")
	for _, name := range []string{SettingsName, ".env"} {
		link := filepath.Join(filepath.Dir(good), name)
		if err := os.Symlink(fifo, link); err != nil {
			t.Fatal(err)
		}
		_, err := Load(good, Options{Cwd: filepath.Dir(good)})
		if want := name + ": cannot be read: it is no regular file"; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

// Dagster takes the working directory of modules and packages from the current folder, we from the workspace file's: the current
// folder wins where it has such a folder, and the rule that was used is told.
func TestPathsFromAnotherFolder(t *testing.T) {
	root := t.TempDir()
	file := write(t, filepath.Join(root, FileName), `load_from:
  - python_package: {package_name: a, working_directory: both, executable_path: bin/python}
  - python_package: {package_name: b, working_directory: here}
  - python_package: {package_name: c}
  - python_file: {relative_path: d.py, working_directory: both}
  - go_package: {package_name: ./e, working_directory: both}
  - python_package: {package_name: f, working_directory: ~/both}
  - python_package: {package_name: g, executable_path: ./venv/python}
`)
	cwd := filepath.Join(root, "cwd")
	for _, dir := range []string{"both", "here", "cwd/both", "home/both"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(cwd, "bin/python"), "")
	w, err := Load(file, Options{Cwd: cwd, Getenv: func(name string) (string, bool) {
		return filepath.Join(root, "home"), name == "HOME"
	}})
	if err != nil || len(w.Notices) != 0 {
		t.Fatalf("got %v, %v", err, w.Notices)
	}
	for i, want := range []struct{ dir, rule, executable string }{
		{"cwd/both", "relative to the current folder, as in Dagster", "cwd/bin/python"},
		{"here", "relative to the folder of workspace.yaml, because the current folder has no such folder (Dagster would look only there)", ""},
		{".", "the folder of workspace.yaml (Dagster would take the current folder)", ""},
		{"both", "relative to the folder of workspace.yaml", ""},
		{"both", "relative to the folder of workspace.yaml", ""},
		{"home/both", "as written", ""},
		{".", "the folder of workspace.yaml (Dagster would take the current folder)", "venv/python"},
	} {
		l := w.Locations[i]
		if want.executable != "" {
			want.executable = filepath.Join(root, want.executable)
		}
		if l.WorkingDirectory != filepath.Join(root, want.dir) || l.PathRule != want.rule || l.ExecutablePath != want.executable {
			t.Errorf("%s: got %s: %s; %s, want %+v", l.Name, l.WorkingDirectory, l.PathRule, l.ExecutablePath, want)
		}
	}
	if want := filepath.Join(root, "d.py"); w.Locations[3].File != want {
		t.Errorf("file: got %s, want %s", w.Locations[3].File, want)
	}
	if want := filepath.Join(root, ".assetdev/assets"); w.IOManager.Dir != want || w.IOManager.Kind != "filesystem" {
		t.Errorf("storage: got %+v, want %s", w.IOManager, want)
	}
}

func TestPlacesAreShownFromTheCurrentFolder(t *testing.T) {
	root := t.TempDir()
	file := write(t, filepath.Join(root, "ws", FileName), "nonsense: 1\n")
	for cwd, want := range map[string]string{
		root:                      "ws/workspace.yaml:1:1: ",
		filepath.Join(root, "ws"): "workspace.yaml:1:1: ",
		filepath.Join(root, "x"):  file + ":1:1: ",
	} {
		if _, err := Load(file, Options{Cwd: cwd}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("from %s: got %v, want %s", cwd, err, want)
		}
	}
	if w, err := Load("ws/workspace.yaml", Options{Cwd: root}); w.File != file || err == nil {
		t.Errorf("relative: got %s, want %s", w.File, file)
	}
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, FileName), "load_from:\n  - go_package: {package_name: ./a, working_directory: ./repo}\n  - go_package: {package_name: ./b, working_directory: ../out}\n")
	names := func() map[string]string {
		w, err := Load(file, Options{Cwd: dir, Getenv: environment})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, f := range w.Commands() {
			if _, twice := found[f.Path]; twice || len(f.Hash) != 64 {
				t.Errorf("got %+v", f)
			}
			if secret := strings.HasSuffix(f.Path, ".env"); secret != (f.Content == nil) {
				t.Errorf("%s: content %q", f.Path, f.Content)
			}
			found[f.Path] = f.Hash
		}
		return found
	}
	before := names()
	if len(before) != 1 || before[FileName] == "" {
		t.Errorf("got %v, want workspace.yaml alone", before)
	}
	write(t, filepath.Join(dir, SettingsName), "jobs: 1\n")
	write(t, filepath.Join(dir, ".env"), "A=1\n")
	write(t, filepath.Join(dir, "repo", ".env"), "A=1\n")
	outside := write(t, filepath.Join(dir, "..", "out", ".env"), "A=1\n")
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(outside)) })
	after := names()
	if got, want := slices.Sorted(maps.Keys(after)), []string{"../out/.env", ".env", SettingsName, "repo/.env", FileName}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	write(t, filepath.Join(dir, "repo", ".env"), "A=2\n")
	if last := names(); last["repo/.env"] == after["repo/.env"] || last[".env"] != after[".env"] {
		t.Errorf("a changed .env: got %v after %v", last, after)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b", "c")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Find(deep)
	var e *diag.Error
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("without: got %v, want fs.ErrNotExist with a hint", err)
	}
	if want := fmt.Sprintf("there is no workspace.yaml in %q or a folder above it", deep); err != nil && err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
	outer := write(t, filepath.Join(root, FileName), "")
	if got, err := Find(deep); got != outer || err != nil {
		t.Errorf("above: got %s, %v, want %s", got, err, outer)
	}
	inner := write(t, filepath.Join(root, "a", FileName), "")
	if got, err := Find(deep); got != inner || err != nil {
		t.Errorf("nearest: got %s, %v, want %s", got, err, inner)
	}
	if err := os.Mkdir(filepath.Join(deep, FileName), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(deep); got != inner || err != nil {
		t.Errorf("a folder of that name: got %s, %v, want %s", got, err, inner)
	}
	t.Chdir(deep)
	if got, err := Find(""); got != inner || err != nil {
		t.Errorf("current folder: got %s, %v, want %s", got, err, inner)
	}
}

func TestPersonal(t *testing.T) {
	dir := t.TempDir()
	defaults := Personal{Theme: "auto", Bell: 5 * time.Second}
	if got, err := LoadPersonal(filepath.Join(dir, "missing.yaml")); err != nil || !cmp.Equal(got, defaults) {
		t.Errorf("missing: got %+v, %v, want the defaults", got, err)
	}
	for _, test := range []struct {
		text string
		want Personal
		err  string
	}{
		{"", defaults, ""},
		{"theme: light\nmouse: true\nkeys: {materialize: M, quit: ctrl+q}\neditor: vim\nselect: group:mine\n", Personal{
			Theme: "light", Mouse: true, Keys: map[string]string{"materialize": "M", "quit": "ctrl+q"}, Editor: "vim", Select: "group:mine", Bell: 5 * time.Second,
		}, ""},
		{"bell: off\n", Personal{Theme: "auto", Bell: -1}, ""},
		{"bell: 2 minutes\n", Personal{Theme: "auto", Bell: 2 * time.Minute}, ""},
		{"theme: drak\n", defaults, "FILE:1:8: unknown theme \"drak\"\nhint: did you mean dark? allowed here: auto, dark, light, mono, terminal"},
		{"thme: dark\n", defaults, "FILE:1:1: unknown key \"thme\"\nhint: did you mean theme? allowed here: bell, editor, keys, mouse, select, theme"},
		{"keys: {quit: [q]}\nmouse: on\n", defaults, "FILE:1:14: quit must be text, not a list\nFILE:2:8: mouse must be true or false, not the text \"on\""},
		{"[]\n", defaults, "FILE:1:1: the file must be a mapping, not a list\nhint: allowed here: bell, editor, keys, mouse, select, theme"},
		{"a: b: c\n", defaults, "FILE:1:1: not valid YAML: mapping values are not allowed in this context: \"a: b: c\"\nhint: text that holds \": \" needs quotes; keys of one mapping begin in the same column"},
	} {
		file := write(t, filepath.Join(dir, "config.yaml"), test.text)
		got, err := LoadPersonal(file)
		checkErrors(t, err)
		text := ""
		if err != nil {
			text = strings.ReplaceAll(diag.Text(err), file, "FILE")
		}
		if d := cmp.Diff(test.want, got); d != "" || text != test.err {
			t.Errorf("%q: got\n%s\nwant\n%s\n%s", test.text, text, test.err, d)
		}
	}
	t.Setenv("HOME", "/home/u")
	t.Setenv("XDG_CONFIG_HOME", "")
	if got, err := PersonalFile(); err != nil || !strings.HasPrefix(got, "/home/u/") || !strings.HasSuffix(got, "/assetdev/config.yaml") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "30 days": 720 * time.Hour, "1h30m": 90 * time.Minute, "1 day 12 hours": 36 * time.Hour, "1.5h": 90 * time.Minute,
		"250ms": 250 * time.Millisecond, " 2 W ": 336 * time.Hour, "1 minute": time.Minute, "5 Mins": 5 * time.Minute, "1s 1s": 2 * time.Second,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": `"" is no duration: it does not begin with a number`, "10": `"10" has no unit`, "5 parsecs": `"5 parsecs" has the unknown unit "parsecs"`,
		"-5s": `"-5s" is no duration: it does not begin with a number`, "0s": `"0s" is no time at all`, "1..5s": `"1..5s" is no duration: "1..5" is no number`,
		"10 s!": `"10 s!" is no duration: it does not begin with a number`, "10 !": `"10 !" is no duration: unexpected "!"`, "999999999 weeks": `"999999999 weeks" is too long`,
	} {
		if got, err := ParseDuration(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v, want %s", text, got, err, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"20GiB": 20 << 30, "500 MB": 500e6, "4096": 4096, "1.5kib": 1536, "1TB": 1e12, "7 bytes": 7, "2KB": 2000, "3TiB": 3 << 40,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": `"" is no size: it does not begin with a number`, "20G": `"20G" is ambiguous: write GiB or GB`, "5 apples": `"5 apples" has the unknown unit "apples"`,
		"0": `"0" is less than a byte`, "1GiB 1GiB": `"1GiB 1GiB" is no size: unexpected "1GiB"`, "99999999 TiB": `"99999999 TiB" is too large`,
	} {
		if got, err := ParseSize(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v, want %s", text, got, err, want)
		}
	}
}

func TestQuantitiesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1<<40).Draw(t, "bytes")
		if got, err := ParseSize(fmt.Sprintf("%d B", n)); err != nil || got != n {
			t.Fatalf("got %v, %v, want %v", got, err, n)
		}
		d := time.Duration(rapid.Int64Range(1, 1<<30).Draw(t, "ms")) * time.Millisecond
		if got, err := ParseDuration(fmt.Sprintf("%dh %dm %dms", d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Millisecond)); err != nil || got != d {
			t.Fatalf("got %v, %v, want %v", got, err, d)
		}
	})
}

func FuzzQuantity(f *testing.F) {
	f.Add("1h30m")
	f.Add("20GiB")
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := ParseDuration(text); err == nil && d <= 0 {
			t.Errorf("ParseDuration(%q) = %v", text, d)
		}
		if n, err := ParseSize(text); err == nil && n <= 0 {
			t.Errorf("ParseSize(%q) = %v", text, n)
		}
	})
}

// Whatever the bytes: no panic, no hang, every problem has a place within the file and shows nothing raw, names are unique, and a
// workspace without problems has a name, a kind and a folder for each location.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		parts := map[string][]byte{}
		for _, file := range archive.Files {
			parts[file.Name] = file.Data
		}
		f.Add(parts[FileName], parts[SettingsName])
	}
	f.Fuzz(func(t *testing.T, workspace, settings []byte) {
		p := &parser{shown: FileName, opts: Options{Cwd: "/nowhere", Getenv: environment}}
		w := &Workspace{File: "/nowhere/" + FileName, Dir: "/nowhere"}
		w.readWorkspace(p, workspace)
		q := &parser{shown: SettingsName, opts: p.opts}
		w.readSettings(q, settings, true)
		for content, problems := range map[*[]byte][]*diag.Error{&workspace: p.problems, &settings: q.problems} {
			lines := 1 + strings.Count(string(*content), "\n") + strings.Count(string(*content), "\r") +
				strings.Count(string(*content), "\u0085") + strings.Count(string(*content), "\u2028") + strings.Count(string(*content), "\u2029")
			for _, e := range problems {
				checkErrors(t, e)
				if e.Pos.Line > lines+1 {
					t.Errorf("%s lies behind the end (%d lines)", e.Pos, lines)
				}
			}
		}
		names := map[string]bool{}
		for _, l := range w.Locations {
			if names[l.Name] || l.Name == "" || l.Kind == "" {
				t.Errorf("got location %+v", l)
			}
			names[l.Name] = true
			if l.Kind == GoPackage && l.Broken == "" && (l.Package == "" || !filepath.IsAbs(l.WorkingDirectory)) {
				t.Errorf("got location %+v", l)
			}
		}
	})
}
