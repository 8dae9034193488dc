package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What lies in the folders of the SDK is what the binary carries: go:embed leaves files out without a word.
func TestSDKFiles(t *testing.T) {
	var got, want []string
	err := fs.WalkDir(sdkFiles, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			got = append(got, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"asset", "internal/wire"} {
		err := fs.WalkDir(os.DirFS("."), folder, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() && entry.Name() == "testdata" {
				return fs.SkipDir
			}
			if err == nil && !entry.IsDir() && filepath.Ext(name) == ".go" {
				want = append(want, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want = append(want, "go.mod", "go.sum")
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("embedded are\n%q\nand on disk are\n%q", got, want)
	}
}
