package tui

import (
	"testing"
	"time"
)

// TestMain makes the local time that of the pictures.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	m.Run()
}
