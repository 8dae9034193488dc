package python

import (
	"os"
	"path/filepath"
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

// Another assetdev may see more in the same project: what it kept of the location counts as changed, the code of the assets does not.
func TestAnotherDescriberAsksAgain(t *testing.T) {
	dir := t.TempDir()
	pretend(t, filepath.Join(dir, ".venv"), "1.13.0")
	write(t, dir, map[string]string{"shop.py": "def orders():\n    return 1\n"})
	servers := NewServers(ServerOptions{CacheDir: t.TempDir(), Mode: Cold})
	defer func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	}()
	l, err := Open(Config{Name: "shop", Kind: "python_module", Target: "shop", Dir: dir, WorkspaceDir: dir, CacheDir: cache, Servers: servers}, grant(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
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
