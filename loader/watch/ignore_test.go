package watch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWildmatch(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		pathname      bool
		want          bool
	}{
		{"*.py", "a.py", false, true},
		{"*.py", "a/b.py", true, false},
		{"**/b", "a/c/b", true, true},
		{"**/b", "b", true, true},
		{"a/**", "a/b/c", true, true},
		{"a/**", "a", true, false},
		{"a/**/c", "a/c", true, true},
		{"a/**/c", "a/x/y/c", true, true},
		{"a**c", "a/c", true, false},
		{"[!b]x", "ax", true, true},
		{"[!b]x", "bx", true, false},
		{"[^b]x", "ax", true, true},
		{"[a-c]x", "bx", true, true},
		{"[]-]x", "]x", true, true},
		{"[[:digit:]]", "7", true, true},
		{"[[:digit:]]", "x", true, false},
		{"a[/]b", "a/b", true, false},
		{`\*`, "*", true, true},
		{`\*`, "x", true, false},
		{"[", "[", true, false},
		{"?", "/", true, false},
		{"*a*b*c", "xxaxxbxxc", true, true},
		{"*/x", "a/x", true, true},
		{"*/x", "a/b/x", true, false},
	} {
		if got := wildmatch(test.pattern, test.text, test.pathname) == wmMatch; got != test.want {
			t.Errorf("wildmatch(%q, %q) = %v, want %v", test.pattern, test.text, got, test.want)
		}
	}
}

// ignoredIn walks root as the watcher does and lists what is excluded, relative.
func ignoredIn(root string) []string {
	var excluded []string
	var walk func(dir string, above *level)
	walk = func(dir string, above *level) {
		rules := above.under(dir)
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			rel, _ := filepath.Rel(root, path)
			switch {
			case e.Name() == ".git":
			case rules.ignored(path, e.IsDir()):
				excluded = append(excluded, rel)
			case e.IsDir():
				walk(path, rules)
			}
		}
	}
	walk(root, nil)
	slices.Sort(excluded)
	return excluded
}

// askGit returns which of all paths git ignores, leaving out those in ignored folders.
func askGit(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	_ = filepath.WalkDir(root, func(path string, d os.DirEntry, _ error) error {
		if d.Name() == ".git" {
			return filepath.SkipDir
		}
		if rel, _ := filepath.Rel(root, path); rel != "." {
			all = append(all, rel)
		}
		return nil
	})
	cmd := exec.Command("git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin")
	cmd.Dir = root
	cmd.Stdin = strings.NewReader(strings.Join(all, "\x00") + "\x00")
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 1 { // 1 is: none
		t.Fatalf("git check-ignore: %v", err)
	}
	ignored := map[string]bool{}
	for path := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		ignored[string(path)] = true
	}
	var top []string
	for _, path := range all {
		inside := false
		for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
			inside = inside || ignored[dir]
		}
		if ignored[path] && !inside {
			top = append(top, path)
		}
	}
	slices.Sort(top)
	return top
}

func gitInit(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed")
	}
	cmd := exec.Command("git", "init", "-q", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
}

func TestIgnoreAgainstGit(t *testing.T) {
	for _, test := range []struct{ name, rules, nested string }{
		{"extension and its exception", "*.py\n!keep.py\n", ""},
		{"folder", "b/\n", ""},
		{"whitelist of folders and files", "*\n!*/\n!*.py\n", ""},
		{"anchored", "/a\n/b/x.py\n", ""},
		{"negated class", "[!b]\n", ""},
		{"excluded parent is final", "a/\n!a/x.py\n", "!x.py\n"},
		{"deeper wins", "*.py\n", "!*.py\n"},
		{"spaces", "x.py \nkeep.py\\ \n", ""},
		{"comment, escape, carriage return, byte order mark", "\xef\xbb\xbf#x.py\r\n\\#z\r\nx.py\r\n", ""},
		{"stars", "**/x.py\na/**/keep.py\nb/**\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			gitInit(t, root)
			fill(t, root, test.rules, test.nested)
			if got, want := ignoredIn(root), askGit(t, root); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func fill(t interface{ Fatal(args ...any) }, root, rules, nested string) {
	for _, dir := range []string{"", "a", "a/b", "a/b/c", "b", "c d"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"x.py", "keep.py", "#z", "z ", "Q", "ab"} {
			if err := os.WriteFile(filepath.Join(root, dir, name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for file, text := range map[string]string{".gitignore": rules, "a/.gitignore": nested} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIgnoreAgainstGitProperty(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	gitInit(t, root)
	atom := rapid.SampledFrom([]string{
		"*", "**", "?", "/", "/", "a", "b", "c d", "x.py", "keep.py", "*.py", "[ab]", "[!a]", "[^x-z]*", "[[:alpha:]]", "[[:upper:]]", "\\#z", "#z", "z\\ ", " ", "!", "\\", "[", "]",
	})
	line := rapid.Map(rapid.SliceOfN(atom, 1, 4), func(s []string) string { return strings.Join(s, "") })
	lines := rapid.Map(rapid.SliceOfN(line, 0, 4), func(s []string) string { return strings.Join(s, "\n") + "\n" })
	rapid.Check(t, func(rt *rapid.T) {
		rules, nested := lines.Draw(rt, "rules"), lines.Draw(rt, "nested")
		fill(rt, root, rules, nested)
		if got, want := ignoredIn(root), askGit(t, root); !slices.Equal(got, want) {
			rt.Fatalf("rules %q, nested %q: got %q, want %q", rules, nested, got, want)
		}
	})
}

func FuzzIgnore(f *testing.F) {
	f.Add("*.py\n!a\n", "a/b.py")
	f.Add("[[:alpha:]-\\", "x")
	f.Add("a/**/b\n**", "a/b")
	f.Fuzz(func(_ *testing.T, rules, path string) {
		l := &level{dir: "/r", rules: parseRules([]byte(rules))}
		l.ignored("/r/"+path, false)
	})
}
