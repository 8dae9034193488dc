package iomanager

import (
	"os"
	"testing"

	"github.com/assetdev/assetdev/internal/child"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	if dir := os.Getenv(writerVariable); dir != "" {
		os.Exit(writer(dir))
	}
	os.Exit(m.Run())
}
