package python

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/assetdev/assetdev/internal/wire"
)

// The places of what an asset is made of are as graph.Source says: relative to the folder of the workspace where they lie below it.
func TestPartsArePlacedInTheWorkspace(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	pretend(t, filepath.Join(dir, ".venv"), "1.13.0")
	write(t, dir, map[string]string{
		"repo/src/shop.py": "import outer\n\nPRICE = 3\n\n\ndef orders():\n    return PRICE * outer.RATE\n",
		"rates.csv":        "1\n",
	})
	write(t, elsewhere, map[string]string{"outer.py": "RATE = 2\n"})
	servers := NewServers(ServerOptions{CacheDir: t.TempDir(), Mode: Cold})
	defer func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	}()
	l, err := Open(Config{
		Name: "shop", Kind: "python_module", Target: "shop", Dir: filepath.Join(dir, "repo", "src"), WorkspaceDir: dir, CacheDir: cache, Servers: servers,
	}, grant(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	orders := wire.Asset{Key: "orders", Symbol: "shop:orders", File: filepath.Join(dir, "repo", "src", "shop.py"), Line: 6, Files: []string{"../../rates.csv"}}
	for range 2 { // the second time it is kept
		versions, err := l.CodeVersions(t.Context(), []wire.Asset{orders})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, p := range versions["orders"].Code.Parts {
			if p.File != "" {
				found[p.File] = true
			}
		}
		if len(found) != 2 || !found["repo/src/shop.py"] || !found["rates.csv"] {
			t.Errorf("the parts lie in %v, want repo/src/shop.py and rates.csv", found)
		}
	}
}

// openShop opens the module shop in dir, which has a .venv that only looks like one. The test's end closes it.
func openShop(t *testing.T, dir string) *Location {
	t.Helper()
	servers := NewServers(ServerOptions{CacheDir: t.TempDir(), Mode: Cold})
	l, err := Open(Config{Name: "shop", Kind: "python_module", Target: "shop", Dir: dir, WorkspaceDir: dir, CacheDir: cache, Servers: servers}, grant(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), servers.Close()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Another assetdev may see more in the same project: what it kept of the location counts as changed, the code of the assets does not.
func TestAnotherDescriberAsksAgain(t *testing.T) {
	dir := t.TempDir()
	pretend(t, filepath.Join(dir, ".venv"), "1.13.0")
	write(t, dir, map[string]string{"shop.py": "def orders():\n    return 1\n"})
	l := openShop(t, dir)
	ask := func() (stamp, entry, asset string) {
		versions, err := l.CodeVersions(t.Context(), []wire.Asset{{Key: "orders", Symbol: "shop:orders", File: filepath.Join(dir, "shop.py"), Line: 1}})
		if err != nil {
			t.Fatal(err)
		}
		stamp, _ = l.Stamp(t.Context())
		return stamp, versions[""].Code.Version, versions["orders"].Code.Version
	}
	stamp, entry, asset := ask()
	is := describer
	describer = func() string { return "another" }
	defer func() { describer = is }()
	stamp2, entry2, asset2 := ask()
	if stamp2 == stamp || entry2 == entry {
		t.Errorf("another describer changes neither the stamp (%s) nor the entry point (%s)", stamp, entry)
	}
	if asset2 != asset {
		t.Errorf("another describer changes the code of the asset: %s, then %s", asset, asset2)
	}
}

// What is installed meanwhile is noticed, once, without anybody having saved a file.
func TestMoved(t *testing.T) {
	dir := t.TempDir()
	prefix := filepath.Join(dir, ".venv")
	pretend(t, prefix, "1.13.0")
	write(t, dir, map[string]string{"shop.py": "A = 1\n"})
	l, err := Open(Config{Name: "shop", Kind: "python_module", Target: "shop", Dir: dir, WorkspaceDir: dir, CacheDir: cache}, grant(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	look := func(when string, want bool) {
		t.Helper()
		if got := l.Moved(t.Context()); got != want {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
		l.Stamp(t.Context())
	}
	l.Stamp(t.Context())
	look("at first", false)
	packages, err := filepath.Glob(filepath.Join(prefix, "lib", "python3.*", "site-packages"))
	if err != nil || len(packages) != 1 {
		t.Fatal(packages, err)
	}
	write(t, packages[0], map[string]string{"pandas-2.2.0.dist-info/RECORD": ""})
	look("a package more", true)
	look("then", false)
	if err := os.Rename(prefix, prefix+"-away"); err != nil {
		t.Fatal(err)
	}
	look("gone", true)
	look("still gone", false)
	if err := os.Rename(prefix+"-away", prefix); err != nil {
		t.Fatal(err)
	}
	look("there again", true)
}

// TestAnalysisDuringAnEdit: what was analysed while the files were being edited is not kept for the state that they had before.
func TestAnalysisDuringAnEdit(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	pretend(t, filepath.Join(dir, ".venv"), "1.13.0")
	servers := NewServers(ServerOptions{CacheDir: cache, Mode: Cold})
	defer servers.Close()
	asset := wire.Asset{Key: "a", Symbol: "shop:a", File: filepath.Join(dir, "shop.py"), Line: 1}
	open := func() *Location {
		l, err := Open(Config{Name: "shop", Kind: "python_module", Target: "shop", Dir: dir, WorkspaceDir: dir, CacheDir: cache, Servers: servers, Env: []string{"PATH=/usr/bin:/bin"}}, grant(t))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	version := func(l *Location) string {
		found, err := l.CodeVersions(t.Context(), []wire.Asset{asset})
		if err != nil {
			t.Fatal(err)
		}
		return found["a"].Code.Version
	}
	one, two := map[string]string{"shop.py": "def a():\n    return 1\n"}, map[string]string{"shop.py": "def a():\n    return 2\n"}
	l := open()
	defer l.Close()
	write(t, dir, one)
	e, err := l.environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	build, err := l.build(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, two) // between the look at the files and their analysis
	l.versioning.Lock()
	_, err = l.analyse(t.Context(), e, build, []wire.Asset{asset})
	l.versioning.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	second := version(l)
	write(t, dir, one)
	later := open()
	defer later.Close()
	if first := version(l); first == second || first != version(later) {
		t.Errorf("after the edit was taken back the version is %s, another assetdev says %s; that of the edit is %s", first, version(later), second)
	}
}

// TestBeside: of what a step says it hung on, code that is analysed is compared and left out; everything else counts.
func TestBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"shop.py": "1", "plugin.py": "2", "x.csv": "3"})
	file := func(name, text string) wire.File {
		sum := sha256.Sum256([]byte(text))
		return wire.File{Path: filepath.Join(dir, name), Hash: hex.EncodeToString(sum[:8])}
	}
	l := &Location{covered: []string{filepath.Join(dir, "shop.py")}}
	all := []wire.File{file("shop.py", "1"), file("plugin.py", "2"), file("x.csv", "0")}
	if got, same := l.beside(all); !same || !slices.Equal(got, all[1:]) {
		t.Errorf("got %v, %v, want %v and that the code is the same", got, same, all[1:])
	}
	for _, name := range []string{"shop.py", "plugin.py"} {
		if _, same := l.beside([]wire.File{file(name, "another")}); same {
			t.Errorf("%s was loaded with other content, and that is not seen", name)
		}
	}
}

// An asset that names the files of its code has those, and they count for no other: a model of dbt beside Python.
func TestFilesThatAnAssetNames(t *testing.T) {
	dir := t.TempDir()
	pretend(t, filepath.Join(dir, ".venv"), "1.13.0")
	write(t, dir, map[string]string{"shop.py": "def orders():\n    return 1\n", "dbt/a.sql": "select 1", "dbt/b.sql": "select 2", "rates.csv": "1"})
	l := openShop(t, dir)
	model := func(name string) wire.Asset {
		file := filepath.Join(dir, "dbt", name+".sql")
		return wire.Asset{Key: name, Symbol: "shop:orders", File: file, Line: 1, CodeFiles: []string{file}}
	}
	orders := wire.Asset{Key: "orders", Symbol: "shop:orders", File: filepath.Join(dir, "shop.py"), Line: 1}
	assets := []wire.Asset{model("a"), model("b"), orders}
	l.Known(assets, []string{filepath.Join(dir, "dbt", "a.sql"), filepath.Join(dir, "dbt", "b.sql"), filepath.Join(dir, "rates.csv")})
	ask := func() map[string]string {
		versions, err := l.CodeVersions(t.Context(), assets)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for key, v := range versions {
			found[key] = v.Code.Version
		}
		return found
	}
	before := ask()
	for _, tt := range []struct {
		file    string
		changes []string
	}{{"dbt/a.sql", []string{"", "a"}}, {"rates.csv", []string{"", "orders"}}} {
		write(t, dir, map[string]string{tt.file: "another, longer"})
		after := ask()
		var changed []string
		for key, version := range after {
			if version != before[key] {
				changed = append(changed, key)
			}
		}
		slices.Sort(changed)
		if !slices.Equal(changed, tt.changes) {
			t.Errorf("a change of %s changes %q, want %q", tt.file, changed, tt.changes)
		}
		before = after
	}
}

// An asset whose data are stored by another manager than before is made anew: they are not where they will be looked for.
func TestWhoStoresItCounts(t *testing.T) {
	dir := t.TempDir()
	pretend(t, filepath.Join(dir, ".venv"), "1.13.0")
	write(t, dir, map[string]string{"shop.py": "def orders():\n    return 1\n"})
	l := openShop(t, dir)
	seen := map[string]string{}
	for _, by := range []string{"", "own", "both"} {
		assets := []wire.Asset{{Key: "orders", Symbol: "shop:orders", File: filepath.Join(dir, "shop.py"), Line: 1, StoredBy: by}}
		l.Known(assets, nil)
		versions, err := l.CodeVersions(t.Context(), assets)
		if err != nil {
			t.Fatal(err)
		}
		version := versions["orders"].Code.Version
		if other, ok := seen[version]; ok {
			t.Errorf("stored by %q and by %q have the same version %s", other, by, version)
		}
		seen[version] = by
	}
}
