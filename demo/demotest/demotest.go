// Package demotest writes the workspace that scenarios and tests of several packages run on: two small Go repositories, north and
// south, whose assets are in testdata/fixture.
//
// Its workspaces share one copy of the SDK, in the user's cache folder. With a copy in each, as init --go writes it, the go command
// would compile the SDK anew for each workspace.
//
// Deliberately absent: trusting or opening the workspace; and what init --go itself writes, which package demo and the scenarios test.
package demotest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/demo"
)

// root is the folder of this module.
func root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

// unusedFor is how long a copy of the SDK stays that nobody uses: each state of its source has one.
const unusedFor = 7 * 24 * time.Hour

// module makes the shared copy of the SDK, once for each state of its source, and returns its folder, and go.mod and go.sum of north,
// which uses it.
var module = sync.OnceValues(func() (made struct{ sdk, gomod, gosum string }, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return made, err
	}
	cache = filepath.Join(cache, "assetdev-test")
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return made, err
	}
	temp, err := os.MkdirTemp(cache, "sdk-new-*")
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	first := filepath.Join(temp, "north") // its name is that of the module
	if _, err := demo.Init(first, demo.InitOptions{Go: true, SDK: os.DirFS(root())}); err != nil {
		return made, err
	}
	sum := sha256.New()
	err = filepath.WalkDir(first, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(sum, "%q %q\n", strings.TrimPrefix(path, first), text)
		return err
	})
	gomod, modErr := os.ReadFile(filepath.Join(first, "go.mod"))
	gosum, sumErr := os.ReadFile(filepath.Join(first, "go.sum"))
	if err := errors.Join(err, modErr, sumErr); err != nil {
		return made, err
	}
	now := time.Now()
	made.sdk = filepath.Join(cache, "sdk-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if err := os.Rename(filepath.Join(first, "assetdev-sdk"), made.sdk); err != nil {
		if _, missing := os.Stat(filepath.Join(made.sdk, "go.mod")); missing != nil { // else it is there already
			return made, err
		}
	}
	if err := os.Chtimes(made.sdk, now, now); err != nil {
		return made, err
	}
	copies, err := filepath.Glob(filepath.Join(cache, "sdk-*"))
	for _, dir := range copies {
		if info, statErr := os.Stat(dir); statErr == nil && now.Sub(info.ModTime()) > unusedFor {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	made.gomod, made.gosum = strings.ReplaceAll(string(gomod), "=> ./assetdev-sdk", "=> "+made.sdk), string(gosum)
	if err == nil && !strings.Contains(made.gomod, made.sdk) {
		err = fmt.Errorf("go.mod does not replace the SDK:\n%s", gomod)
	}
	return made, err
})

// Shop writes the workspace into dir, which exists.
func Shop(dir string) error {
	made, err := module()
	if err != nil {
		return fmt.Errorf("write the SDK: %w", err)
	}
	err = os.WriteFile(filepath.Join(dir, "workspace.yaml"), []byte(`load_from:
  - go_package: {package_name: ./assets, location_name: north, working_directory: ./north}
  - go_package: {package_name: ./assets, location_name: south, working_directory: ./south}
`), 0o666)
	for _, name := range []string{"north", "south"} {
		repository := filepath.Join(dir, name)
		err = errors.Join(
			err, os.MkdirAll(repository, 0o777),
			os.WriteFile(filepath.Join(repository, "go.mod"), []byte(strings.Replace(made.gomod, "north", name, 1)), 0o666), os.WriteFile(filepath.Join(repository, "go.sum"), []byte(made.gosum), 0o666),
			os.CopyFS(repository, os.DirFS(filepath.Join(root(), "testdata", "fixture", name))),
		)
	}
	return err
}
