package python

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLib runs the tests of the bundled Python with the newest and the oldest Dagster, each in an environment that it makes in the user's cache.
// With ASSETDEV_HEAVY=1 everything also runs in a process of its own, and the server's tests also with the oldest.
func TestLib(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	modules := map[string][]string{
		"newest": {"test_describe", "test_managers", "test_dbt", "test_materialize", "test_server", "test_debug"},
		"oldest": {"test_describe", "test_managers", "test_materialize.ForkedTest"},
	}
	if os.Getenv("ASSETDEV_HEAVY") == "1" {
		modules["oldest"] = modules["newest"]
	}
	tests, err := filepath.Abs(filepath.Join("lib", "tests"))
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, tests)
	for kind, names := range modules {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			python := dagsterEnvironment(t, kind)
			for _, name := range names {
				command := exec.CommandContext(t.Context(), python, append([]string{"-B", "-W", "ignore", "-m", "unittest"}, name)...)
				command.Dir = tests
				out, err := command.CombinedOutput()
				if err != nil {
					t.Errorf("%s: %v\n%s", name, err, out)
				}
				if strings.Contains(string(out), "\nRan 0 tests") {
					t.Errorf("%s: it ran no test\n%s", name, out)
				}
			}
		})
	}
}

// readAll reads the files below a folder, so that go test knows that a result hangs on them.
func readAll(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dagsterEnvironment returns the interpreter of an environment with what testdata/requirements-KIND.txt pins. It is made once, in the user's cache, under
// the hash of that file. Without Python or network the test is skipped, but not in CI.
func dagsterEnvironment(t *testing.T, kind string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", "requirements-"+kind+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "assetdev-test", fmt.Sprintf("python-%x", sha256.Sum256(wanted))[:len("python-")+12])
	python := filepath.Join(dir, "bin", "python")
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return python
	}
	if err := makeEnvironment(t, dir, python, file); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("there is no environment with the %s Dagster: %v", kind, err)
		}
		t.Fatal(err)
	}
	return python
}

func makeEnvironment(t *testing.T, dir, python, requirements string) error {
	t.Helper()
	steps := [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{python, "-m", "pip", "install", "-q", "uv"},
		{python, "-m", "uv", "pip", "install", "-q", "--python", python, "-r", requirements},
	}
	for _, step := range steps {
		if out, err := exec.CommandContext(t.Context(), step[0], step[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(step, " "), err, out)
		}
	}
	return os.WriteFile(filepath.Join(dir, "complete"), nil, 0o666)
}
