//go:build !linux && !darwin

package filekey

import "io/fs"

// Without ctime and inode a file that was replaced by one of the same size and time looks untouched.
func system(fs.FileInfo) (ctime int64, inode uint64) { return 0, 0 }
