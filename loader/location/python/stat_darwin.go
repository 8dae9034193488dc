package python

import (
	"fmt"
	"io/fs"
	"syscall"
)

// statKey changes when a file does: size, times to the nanosecond, and inode.
func statKey(info fs.FileInfo) string {
	key := fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		key += fmt.Sprintf(" %d.%09d %d", s.Ctimespec.Sec, s.Ctimespec.Nsec, s.Ino)
	}
	return key
}
