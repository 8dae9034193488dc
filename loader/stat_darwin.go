package loader

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// statKey changes when a file does: size, times to the nanosecond, and inode.
func statKey(info fs.FileInfo) string {
	key := fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		key += fmt.Sprintf(" %d.%09d %d", s.Ctimespec.Sec, s.Ctimespec.Nsec, s.Ino)
	}
	return key
}

// changedAt is when a file was last written or, with times that somebody set, put there.
func changedAt(info fs.FileInfo) time.Time {
	at := info.ModTime()
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		if put := time.Unix(s.Ctimespec.Unix()); put.After(at) {
			return put
		}
	}
	return at
}
