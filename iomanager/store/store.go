// Package store is the contract that every place where asset data can live fulfils: a flat space of names and bytes with one
// primitive that correctness needs, create-if-absent. The drivers are in store/file and store/cloud; store/storetest is the
// conformance suite that each must pass.
//
// Deliberately absent: locks, renames, appends, conditional overwrites, watches. No driver may need them. A [Folder] is the one
// optional ability: a store that is a folder of this machine takes over and links files instead of copying their bytes.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Errors that drivers wrap. Callers act on these and never on text. A missing name wraps io/fs.ErrNotExist.
var (
	// ErrExists: CreateIfAbsent found the name taken.
	ErrExists = errors.New("exists already")
	// ErrUnreachable: the storage could not be asked; nothing is known about the operation's effect.
	ErrUnreachable = errors.New("storage unreachable")
	// ErrAmbiguous: a write may or may not have happened (its answer was lost); the caller reads to find out.
	ErrAmbiguous = errors.New("outcome unknown")
	// ErrBadName: the name is not allowed in any store.
	ErrBadName = errors.New("bad name")
)

// An Info describes one stored object.
type Info struct {
	Name    string // slash-separated, relative to the store's root
	Size    int64  // bytes
	ModTime time.Time
	Stamp   string // changes whenever the object is replaced (stat key, ETag); equal stamps, equal bytes
}

// A Store holds objects by name. Names are slash-separated relative paths without empty, "." or ".." segments, in printable
// ASCII. All methods may be called from any goroutine at any time; each honours its context and returns within its deadline.
// A reader sees an old or a new object as a whole, never a part of one.
type Store interface {
	// Put writes the object, replacing one that is there. After it returned nil the bytes survive a crash.
	Put(ctx context.Context, name string, data io.Reader) error
	// CreateIfAbsent writes the object only when the name is free; else the error wraps ErrExists and nothing changed.
	// Of any number of concurrent callers in any number of processes exactly one succeeds. What is there when the error wraps
	// ErrExists survives a crash.
	CreateIfAbsent(ctx context.Context, name string, data io.Reader) error
	// Open returns the object's bytes as they were at the moment of the call.
	Open(ctx context.Context, name string) (io.ReadCloser, Info, error)
	// Stat describes the object.
	Stat(ctx context.Context, name string) (Info, error)
	// List returns the objects below the folder prefix ("" is everything), sorted by name, that come after the name after.
	// Temporary files of the driver are not objects. A folder that is not there has no objects.
	List(ctx context.Context, prefix, after string) ([]Info, error)
	// Delete removes the object. One that is not there is no error.
	Delete(ctx context.Context, name string) error
	// Local returns the absolute path of the object where the store is a folder of this machine; else ok is false.
	Local(name string) (path string, ok bool)
	// String names the store for people, as "filesystem …/assets".
	String() string
}

// TempPrefix begins the names of the temporary files of drivers. No object has a segment that begins with it.
const TempPrefix = ".tmp-"

// Limits of a name, in bytes.
const (
	maxName    = 900
	maxSegment = 255
)

// CheckName returns nil when the name is allowed in every store, else an error that wraps [ErrBadName] and quotes the name.
func CheckName(name string) error {
	bad := func(why string) error { return fmt.Errorf("%w %q: %s", ErrBadName, name, why) }
	if name == "" {
		return bad("it is empty")
	}
	if len(name) > maxName {
		return bad("it is too long")
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || c == '\\' {
			return bad("it is not printable ASCII without backslashes")
		}
	}
	for segment := range strings.SplitSeq(name, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return bad("a segment is empty or a dot")
		case len(segment) > maxSegment:
			return bad("a segment is too long")
		case strings.HasPrefix(segment, TempPrefix):
			return bad("a segment begins as temporary files do")
		}
	}
	return nil
}

// A Folder is a store that is a folder of this machine. Its objects are plain files, which other programs may read as well.
type Folder interface {
	Store
	// Root returns the absolute path of the folder. It may not exist yet.
	Root() string
	// Temp returns the absolute path of a file that is not there yet, beside the object of that name, for Place. Its folder is
	// there. What is left of such files after a crash is swept.
	Temp(name string) (string, error)
	// Place makes the file at a path that Temp returned for this name read-only and durable and gives it the name, which must be
	// free: else the error wraps ErrExists. Whatever the result, the temporary file is gone.
	Place(ctx context.Context, temp, name string) error
	// Copy replaces the object to by a copy of the object from, as Put does; the two share blocks where the file system can.
	Copy(ctx context.Context, from, to string) error
	// Link is CreateIfAbsent of the object to with the bytes of the object from, which nobody will ever write again.
	Link(ctx context.Context, from, to string) error
	// Sweep removes temporary files last written before the time, and returns how many.
	Sweep(ctx context.Context, before time.Time) (int, error)
}
