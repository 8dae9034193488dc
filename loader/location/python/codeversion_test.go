package python

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/internal/child"
)

// interpreters returns one interpreter of each minor version from 3.10 on that this machine has, by version: in PATH and where pyenv and uv
// keep theirs.
func interpreters(t testing.TB) map[string]string {
	t.Helper()
	candidates := []string{"python3"}
	for minor := 10; minor <= 20; minor++ {
		candidates = append(candidates, "python3."+strconv.Itoa(minor))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{".pyenv/versions/*/bin/python3", ".local/share/uv/python/*/bin/python3"} {
		found, err := filepath.Glob(filepath.Join(home, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		candidates = append(candidates, found...)
	}
	versions := map[string]string{}
	for _, candidate := range candidates {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		// A shim of pyenv is there for versions that it does not offer: whoever does not answer is none.
		out, err := child.Output(ctx, child.Command{
			Path: candidate, Args: []string{"-I", "-S", "-c", "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2], sys.version_info >= (3, 10))"},
		}, 0)
		cancel()
		if fields := strings.Fields(string(out)); err == nil && len(fields) == 3 && fields[2] == "True" && versions[fields[1]] == "" {
			versions[fields[1]] = fields[0]
		}
	}
	if len(versions) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no Python of 3.10 or later")
		}
		t.Skip("there is no Python of 3.10 or later: code versions of Python assets are not tested")
	}
	return versions
}

// The tests of lib/assetdev_bridge/codeversion.py and opened.py are in Python: lib/tests/test_codeversion.py, test_programs.py, test_opened.py.
func TestCodeVersions(t *testing.T) {
	t.Parallel()
	for version, python := range interpreters(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			const run = `
import sys, unittest
for name in ("test_codeversion", "test_programs", "test_opened"):
    main = unittest.main(name, argv=["test"], exit=False, testRunner=unittest.TextTestRunner(stream=sys.stdout))
    if not (main.result.wasSuccessful() and main.result.testsRun):
        sys.exit(1)
`
			out, err := child.Output(t.Context(), child.Command{
				Path: python, Args: []string{"-B", "-W", "error", "-c", run}, Dir: filepath.Join("lib", "tests"),
				Env: append(os.Environ(), "TMPDIR="+t.TempDir(), "PYTHONPATH="),
			}, 0)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// What an edit costs beside what was promised, 50 ms of CPU; see bench/codeversion.py.
func BenchmarkCodeVersions(b *testing.B) {
	versions := interpreters(b)
	names := make([]string, 0, len(versions))
	for version := range versions {
		names = append(names, version)
	}
	slices.Sort(names)
	script, err := filepath.Abs("../../../bench/codeversion.py")
	if err != nil {
		b.Fatal(err)
	}
	figure := regexp.MustCompile(`(?m)edit of an? (\w+): ([0-9.]+) ms CPU`)
	for _, version := range names {
		b.Run("functions=1000/python="+version, func(b *testing.B) {
			for b.Loop() {
				out, err := child.Output(b.Context(), child.Command{Path: versions[version], Args: []string{"-B", script}}, 0)
				if err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				found := figure.FindAllStringSubmatch(string(out), -1)
				if len(found) != 3 {
					b.Fatalf("no figures in %s", out)
				}
				for _, f := range found {
					ms, err := strconv.ParseFloat(f[2], 64)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(ms, f[1]+"-ms")
				}
			}
			b.ReportMetric(50, "anchor-ms")
		})
	}
}
