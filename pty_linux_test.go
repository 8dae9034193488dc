package main

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// modesOf returns the modes of a terminal, to compare.
func modesOf(t *testing.T, tty *os.File) any {
	t.Helper()
	modes, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *modes
}
