package python

import (
	"path/filepath"
	"testing"

	"github.com/assetdev/assetdev/internal/wire"
)

// TestAnalysisIsKept: what was told of all assets is told again of one, by another assetdev too, without starting Python; an edit starts it.
func TestAnalysisIsKept(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	pretend(t, filepath.Join(dir, ".venv"), "1.13.0")
	write(t, dir, map[string]string{"shop.py": "import os\n\n\ndef a():\n    return os.environ['SHOP']\n\n\ndef b():\n    return 2\n"})
	asset := func(name string, line int) wire.Asset {
		return wire.Asset{Key: name, Symbol: "shop:" + name, File: filepath.Join(dir, "shop.py"), Line: line}
	}
	all := []wire.Asset{asset("a", 4), asset("b", 8)}
	ask := func(env string, assets ...wire.Asset) (versions map[string]string, started bool) {
		t.Helper()
		servers := NewServers(ServerOptions{CacheDir: cache, Mode: Cold})
		defer servers.Close()
		l, err := Open(Config{
			Name: "shop", Kind: "python_module", Target: "shop", Dir: dir, WorkspaceDir: dir, CacheDir: cache, Servers: servers, Env: []string{"PATH=/usr/bin:/bin", "SHOP=" + env},
		}, grant(t))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		found, err := l.CodeVersions(t.Context(), assets)
		if err != nil {
			t.Fatal(err)
		}
		versions = map[string]string{}
		for key, v := range found {
			versions[key] = v.Code.Version
		}
		return versions, len(servers.analysers) > 0
	}
	first, started := ask("1", all...)
	if !started || len(first) != 3 {
		t.Fatalf("got %v, started %v", first, started)
	}
	one, started := ask("1", all[1])
	if started || one["b"] != first["b"] || one[""] != first[""] {
		t.Errorf("one of them: got %v, started %v, want %v", one, started, first)
	}
	if _, started := ask("1", asset("c", 1)); !started {
		t.Error("an asset that nobody asked for is known")
	}
	if _, started := ask("1", all...); started {
		t.Error("the answer for one took the place of that for all")
	}
	other, started := ask("2", all...)
	if !started || other["a"] == first["a"] || other["b"] != first["b"] {
		t.Errorf("another variable: got %v, started %v, want that of a changed in %v", other, started, first)
	}
	write(t, dir, map[string]string{"shop.py": "import os\n\n\ndef a():\n    return os.environ['SHOP']\n\n\ndef b():\n    return 3\n"})
	edited, started := ask("1", all...)
	if !started || edited["a"] != first["a"] || edited["b"] == first["b"] {
		t.Errorf("an edit: got %v, started %v, want that of b changed in %v", edited, started, first)
	}
}
