// Package filekey tells that a file is untouched without reading it, by its size, its times and its inode.
//
// Deliberately absent: content. Who must know that a file did not change compares hashes where a key is racy.
package filekey

import (
	"fmt"
	"io/fs"
	"time"
)

// A Key changes when a file does, as far as the file system tells. Keys can be compared with ==.
type Key struct {
	Size         int64
	mtime, ctime int64 // Unix time in nanoseconds; ctime is 0 where there is none
	inode        uint64
}

// Of returns the key of a file that was looked at.
func Of(info fs.FileInfo) Key {
	k := Key{Size: info.Size(), mtime: info.ModTime().UnixNano()}
	k.ctime, k.inode = system(info)
	return k
}

// window is how long after a change an equal key proves nothing: clocks of file systems are coarse, and two saves can look like one.
const window = 2 * time.Second

// Racy reports whether the file changed so shortly before now that a later change may leave the key as it is.
func (k Key) Racy(now time.Time) bool { return now.Add(-window).UnixNano() < max(k.mtime, k.ctime) }

// String returns a text that is the same for equal keys.
func (k Key) String() string {
	return fmt.Sprintf("%d %d %d.%09d %d", k.Size, k.mtime, k.ctime/1e9, k.ctime%1e9, k.inode)
}
