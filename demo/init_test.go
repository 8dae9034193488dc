package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/internal/diag"
)

func TestInitGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "My project")
	files, err := Init(dir, InitOptions{Go: true, SDK: source})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"assetdev-sdk/", "go.sum", "go.mod", "assets/main.go", "assets/main_test.go", "workspace.yaml"}
	if !slices.Equal(files, want) {
		t.Errorf("got files %v, want %v", files, want)
	}
	if got := text(t, filepath.Join(dir, "go.mod")); !strings.HasPrefix(got, "module example.com/my-project\n") {
		t.Errorf("go.mod begins %.60q", got)
	}
	if got := text(t, filepath.Join(dir, "workspace.yaml")); !strings.Contains(got, "\n  - go_package: ./assets\n") {
		t.Errorf("workspace.yaml does not name ./assets:\n%s", got)
	}
	before := snapshot(t, dir)
	if files, err := Init(dir, InitOptions{Go: true, SDK: source}); err != nil || len(files) != 0 {
		t.Errorf("the second time: got %v, %v, want that nothing is missing", files, err)
	}
	if after := snapshot(t, dir); after != before {
		t.Error("the second time changed something")
	}

	needGo(t, filepath.Join(dir, sdkDir))
	output(t, dir, offline, "go", "test", "./...")
	program := filepath.Join(t.TempDir(), "program")
	output(t, dir, offline, "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "./assets")
	if out := output(t, dir, nil, program); !strings.Contains(out, "daily_visits") {
		t.Errorf("started by hand, it says %q", out)
	}
}

func TestInitMendsHalfAProject(t *testing.T) {
	dir := t.TempDir()
	if _, err := Init(dir, InitOptions{Go: true, SDK: source}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{sdkDir, "workspace.yaml"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Init(dir, InitOptions{Go: true, SDK: source})
	if want := []string{"assetdev-sdk/", "workspace.yaml"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("got %v, %v, want %v", files, err, want)
	}

	// As after an interruption between the two.
	if err := os.Remove(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	files, err = Init(dir, InitOptions{Go: true, SDK: source})
	if want := []string{"go.mod"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("got %v, %v, want %v", files, err, want)
	}
}

func TestInitKeepsWhatIsThere(t *testing.T) {
	const mod = "module example.com/mine\n\ngo 1.26.0\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  []string // written
		hint  string
	}{
		"module": {
			map[string]string{"go.mod": mod},
			[]string{"assetdev-sdk/", "assets/main.go", "assets/main_test.go", "workspace.yaml"},
			"go mod edit -require=github.com/assetdev/assetdev@v0.0.0 -replace=github.com/assetdev/assetdev=./assetdev-sdk && go mod tidy",
		},
		"module with the SDK from elsewhere": {
			map[string]string{"go.mod": mod + "\nrequire github.com/assetdev/assetdev v1.0.0\n", "assets/a.go": "package main\n", "workspace.yaml": "load_from: []\n"},
			nil,
			"",
		},
		"workspace": {
			map[string]string{"workspace.yaml": "load_from: []\n"},
			[]string{"assetdev-sdk/", "go.sum", "go.mod", "assets/main.go", "assets/main_test.go"},
			"- go_package: ./assets",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range test.files {
				put(t, filepath.Join(dir, file), content)
			}
			files, err := Init(dir, InitOptions{Go: true, SDK: source})
			if !slices.Equal(files, test.want) {
				t.Errorf("got files %v, want %v", files, test.want)
			}
			d, ok := errors.AsType[*diag.Error](err)
			switch {
			case test.hint == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case test.hint != "" && (!ok || d.Kind != "usage" || !strings.Contains(d.Hint, test.hint)):
				t.Errorf("got error %v, want one of kind usage with the hint %q", err, test.hint)
			}
			for file, content := range test.files {
				if got := text(t, filepath.Join(dir, file)); got != content {
					t.Errorf("%s was changed to %q", file, got)
				}
			}
		})
	}
}

func TestInitWithoutGo(t *testing.T) {
	dir := t.TempDir()
	files, err := Init(dir, InitOptions{})
	if want := []string{"workspace.yaml"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("got %v, %v, want %v", files, err, want)
	}
	if got := text(t, filepath.Join(dir, "workspace.yaml")); !strings.Contains(got, "\nload_from: []\n") {
		t.Errorf("workspace.yaml is\n%s", got)
	}
}

func TestModuleName(t *testing.T) {
	for folder, want := range map[string]string{
		"shop": "example.com/shop", "My Shop": "example.com/my-shop", "..": "example.com/assets", "日本": "example.com/assets", "a.b": "example.com/a-b", "_x": "example.com/x",
	} {
		if got := moduleName(folder); got != want {
			t.Errorf("%q: got %q, want %q", folder, got, want)
		}
	}
}

func TestSDKOfAnotherModule(t *testing.T) {
	dir := t.TempDir()
	if _, err := readSDK(os.DirFS(dir)); err == nil {
		t.Error("an empty folder is taken for the SDK")
	}
	for _, folder := range sdkFolders {
		put(t, filepath.Join(dir, folder, "a.go"), "package a\n")
	}
	put(t, filepath.Join(dir, "go.mod"), "module x\n\ngo 1.26.0\n\nrequire "+arrow+" v17.0.0\n")
	put(t, filepath.Join(dir, "go.sum"), "")
	if _, err := readSDK(os.DirFS(dir)); err == nil || !strings.Contains(err.Error(), "does not require github.com/") {
		t.Errorf("got error %v, want one that names a module", err)
	}
}

func mustWrite(t *testing.T, dir string, reset bool) Written {
	t.Helper()
	written, err := Write(t.Context(), dir, Options{Reset: reset, SDK: source})
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// list returns the names in a folder.
func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// snapshot returns names and contents of all files of a folder, or of a file, without git's own.
func snapshot(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		b.WriteString(path + "\n" + text(t, path) + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
