// Package file is the store that is a folder: objects are plain files under their own names, which other programs may read.
//
// Invariants:
//
//	(a) A file under an object's name is complete and on disk: bytes go to a temporary file in the same folder, are synced, and
//	    get the name by rename or, for create-if-absent, by a hard link; then the folder is synced.
//	(b) A call that fails leaves the old object and no temporary file. The one exception is a folder that cannot be synced after
//	    the name was given: then the error wraps store.ErrAmbiguous. Killed processes leave temporary files; Sweep removes them.
//	(c) Nothing outside the folder is read or written: all paths go through os.Root, so neither ".." nor a symbolic link leaves it.
//
// Deliberately absent: locks, and any state between calls. The folder may be removed and made anew at any time.
package file

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assetdev/assetdev/iomanager/store"
)

// A Store is a folder of this machine. Its methods may be called from any goroutine of any number of processes.
type Store struct {
	dir  string
	sync func(*os.File) error // of files and folders; tests let it fail
}

var _ store.Folder = (*Store)(nil)

// New returns the store in the folder dir, an absolute path. The folder is made by the first write.
func New(dir string) (*Store, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("storage folder %q is not an absolute path", dir)
	}
	return &Store{dir: filepath.Clean(dir), sync: (*os.File).Sync}, nil
}

// String names the store for people.
func (s *Store) String() string { return "filesystem " + s.dir }

// Root returns the absolute path of the folder.
func (s *Store) Root() string { return s.dir }

// Local returns the absolute path of the object.
func (s *Store) Local(name string) (string, bool) {
	if store.CheckName(name) != nil {
		return "", false
	}
	return filepath.Join(s.dir, filepath.FromSlash(name)), true
}

// Put writes the object, replacing one that is there.
func (s *Store) Put(ctx context.Context, name string, data io.Reader) error {
	return s.write(ctx, "put", name, func(root *os.Root) error {
		temp, err := s.stage(ctx, root, name, data)
		if err != nil {
			return err
		}
		return s.rename(root, temp, name)
	})
}

// CreateIfAbsent writes the object only when the name is free. When it is taken, what is there is durable.
func (s *Store) CreateIfAbsent(ctx context.Context, name string, data io.Reader) error {
	return s.write(ctx, "create", name, func(root *os.Root) error {
		if _, err := root.Lstat(name); err == nil {
			return s.taken(root, name)
		}
		temp, err := s.stage(ctx, root, name, data)
		if err != nil {
			return err
		}
		return s.link(root, temp, name, true)
	})
}

// Copy replaces the object to by a copy of the object from.
func (s *Store) Copy(ctx context.Context, from, to string) error {
	if err := store.CheckName(from); err != nil {
		return err
	}
	return s.write(ctx, "copy to", to, func(root *os.Root) error {
		source, _, err := open(root, from)
		if err != nil {
			return err
		}
		defer source.Close()
		temp, err := s.stage(ctx, root, to, source)
		if err != nil {
			return err
		}
		return s.rename(root, temp, to)
	})
}

// Link gives the object from a second name. Where the file system refuses hard links to it, as it may for other users' files,
// the bytes are copied.
func (s *Store) Link(ctx context.Context, from, to string) error {
	if err := store.CheckName(from); err != nil {
		return err
	}
	return s.write(ctx, "link", to, func(root *os.Root) error {
		source, _, err := open(root, from)
		if err != nil {
			return err
		}
		defer source.Close()
		err = s.link(root, from, to, false)
		if err == nil || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrAmbiguous) {
			return err
		}
		temp, err := s.stage(ctx, root, to, source)
		if err != nil {
			return err
		}
		if err := root.Chmod(temp, 0o444); err != nil {
			return errors.Join(err, root.Remove(temp))
		}
		return s.link(root, temp, to, true)
	})
}

// Temp returns a path beside the object for Place.
func (s *Store) Temp(name string) (string, error) {
	if err := store.CheckName(name); err != nil {
		return "", err
	}
	root, err := s.create()
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := s.mkdir(root, path.Dir(name)); err != nil {
		return "", fmt.Errorf("make the folder of %s: %w", name, err)
	}
	return filepath.Join(s.dir, filepath.FromSlash(tempName(name))), nil
}

// Place makes the temporary file read-only and durable and gives it the name.
func (s *Store) Place(ctx context.Context, temp, name string) error {
	return s.write(ctx, "place", name, func(root *os.Root) error {
		rel, err := filepath.Rel(s.dir, temp)
		rel = filepath.ToSlash(rel)
		if err != nil || path.Dir(rel) != path.Dir(name) || !strings.HasPrefix(path.Base(rel), store.TempPrefix) {
			return fmt.Errorf("%w: %q is no temporary file of it", store.ErrBadName, temp)
		}
		if err := s.seal(root, rel); err != nil {
			return errors.Join(err, ignoreMissing(root.Remove(rel)))
		}
		return s.link(root, rel, name, true)
	})
}

func (s *Store) seal(root *os.Root, temp string) error {
	file, err := root.OpenFile(temp, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", temp)
	}
	if err := file.Chmod(0o444); err != nil {
		return err
	}
	return s.sync(file)
}

// Open returns the object's bytes.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, store.Info, error) {
	root, err := s.begin(ctx, name)
	if err != nil {
		return nil, store.Info{}, fmt.Errorf("open %s: %w", name, err)
	}
	defer root.Close()
	file, info, err := open(root, name)
	if err != nil {
		return nil, store.Info{}, fmt.Errorf("open %s: %w", name, reach(err))
	}
	return file, info, nil
}

// open opens a regular file without waiting for anything, as a FIFO would make it.
func open(root *os.Root, name string) (*os.File, store.Info, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, store.Info{}, noFile(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return nil, store.Info{}, errors.Join(err, file.Close())
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, store.Info{}, errors.Join(&fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}, file.Close())
	}
	return file, info(name, &st), nil
}

// Stat describes the object.
func (s *Store) Stat(ctx context.Context, name string) (store.Info, error) {
	root, err := s.begin(ctx, name)
	if err != nil {
		return store.Info{}, fmt.Errorf("stat %s: %w", name, err)
	}
	defer root.Close()
	file, found, err := open(root, name)
	if err != nil {
		return store.Info{}, fmt.Errorf("stat %s: %w", name, reach(err))
	}
	return found, file.Close()
}

// List returns the objects below a folder.
func (s *Store) List(ctx context.Context, prefix, after string) ([]store.Info, error) {
	start := "."
	if prefix != "" {
		if err := store.CheckName(prefix); err != nil {
			return nil, err
		}
		start = prefix
	}
	root, err := s.open(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	defer root.Close()
	var found []store.Info
	err = walk(ctx, root, start, func(folder *os.File, name string, entry fs.DirEntry) error {
		if !entry.Type().IsRegular() || name <= after || store.CheckName(name) != nil {
			return nil
		}
		var st unix.Stat_t
		if err := unix.Fstatat(int(folder.Fd()), entry.Name(), &st, unix.AT_SYMLINK_NOFOLLOW); errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		found = append(found, info(name, &st))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, reach(err))
	}
	slices.SortFunc(found, func(a, b store.Info) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// walk calls visit for everything below the folder that is no folder, with the open folder that it lies in. A folder that is not
// there is empty.
func walk(ctx context.Context, root *os.Root, folder string, visit func(*os.File, string, fs.DirEntry) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir, err := root.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		if err = noFile(err); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		if entry.IsDir() {
			err = walk(ctx, root, name, visit)
		} else {
			err = visit(dir, name, entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Delete removes the object.
func (s *Store) Delete(ctx context.Context, name string) error {
	root, err := s.begin(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	defer root.Close()
	if info, err := root.Lstat(name); errors.Is(noFile(err), fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil
	}
	if err := ignoreMissing(root.Remove(name)); err != nil {
		return fmt.Errorf("delete %s: %w", name, reach(err))
	}
	return s.syncFolder(root, name)
}

// Sweep removes temporary files last written before the time.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	root, err := s.open(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("sweep: %w", err)
	}
	defer root.Close()
	swept := 0
	err = walk(ctx, root, ".", func(_ *os.File, name string, entry fs.DirEntry) error {
		if !entry.Type().IsRegular() || !strings.HasPrefix(entry.Name(), store.TempPrefix) {
			return nil
		}
		info, err := root.Lstat(name)
		if err != nil || !info.ModTime().Before(before) {
			return ignoreMissing(err)
		}
		if err := root.Remove(name); err != nil {
			return ignoreMissing(err)
		}
		swept++
		return nil
	})
	if err != nil {
		return swept, fmt.Errorf("sweep: %w", reach(err))
	}
	return swept, nil
}

// begin checks the name and opens the folder; the error wraps fs.ErrNotExist when that is not there.
func (s *Store) begin(ctx context.Context, name string) (*os.Root, error) {
	if err := store.CheckName(name); err != nil {
		return nil, err
	}
	return s.open(ctx)
}

func (s *Store) open(ctx context.Context) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, reach(err)
	}
	return root, nil
}

// create opens the folder, making it when it is not there.
func (s *Store) create() (*os.Root, error) {
	root, err := os.OpenRoot(s.dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, reach(err)
	}
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return nil, reach(err)
	}
	return os.OpenRoot(s.dir)
}

// write opens the folder, makes the object's own folder and lets do write the object.
func (s *Store) write(ctx context.Context, what, name string, do func(*os.Root) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", what, name, err)
	}
	if err := store.CheckName(name); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	root, err := s.create()
	if err == nil {
		defer root.Close()
		err = s.mkdir(root, path.Dir(name))
	}
	if err == nil {
		err = do(root)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, name, reach(err))
	}
	return nil
}

// mkdir makes the folder and those above it, and syncs each folder that got a new entry.
func (s *Store) mkdir(root *os.Root, folder string) error {
	if info, err := root.Stat(folder); err == nil && info.IsDir() {
		return nil
	}
	made := ""
	for segment := range strings.SplitSeq(folder, "/") {
		made = path.Join(made, segment)
		if err := root.Mkdir(made, 0o777); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := s.syncFolder(root, made); err != nil {
			return err
		}
	}
	return nil
}

// stage writes the bytes to a new temporary file beside the object, synced. When it fails nothing is left.
func (s *Store) stage(ctx context.Context, root *os.Root, name string, data io.Reader) (string, error) {
	temp := tempName(name)
	file, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", err
	}
	err = fill(ctx, file, data)
	if err == nil {
		err = s.sync(file)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, root.Remove(temp))
	}
	return temp, nil
}

// fill copies the bytes, in pieces, so that it can stop between them. Files of one file system share blocks where that can.
func fill(ctx context.Context, to *os.File, from io.Reader) error {
	if source, ok := from.(*os.File); ok && clone(to, source) {
		return nil
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n, err := io.CopyN(to, from, 8<<20); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("after %d bytes of a piece: %w", n, err)
		}
	}
}

func (s *Store) rename(root *os.Root, temp, name string) error {
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return s.syncFolder(root, name)
}

// link gives the file a second name, which must be free; drop removes the first one, whatever the result.
func (s *Store) link(root *os.Root, file, name string, drop bool) error {
	err := root.Link(file, name)
	if err != nil && sameFile(root, file, name) {
		err = nil // a network file system did it and lost the answer
	}
	if drop {
		if dropped := root.Remove(file); dropped != nil && err == nil {
			err = fmt.Errorf("%w: %w", store.ErrAmbiguous, dropped)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return s.taken(root, name)
	} else if err != nil {
		return err
	}
	return s.syncFolder(root, name)
}

// taken returns ErrExists, once what has the name is durable.
func (s *Store) taken(root *os.Root, name string) error {
	if err := s.syncFolder(root, name); err != nil {
		return err
	}
	return store.ErrExists
}

func sameFile(root *os.Root, a, b string) bool {
	first, err1 := root.Lstat(a)
	second, err2 := root.Lstat(b)
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}

// syncFolder syncs the folder that the name lies in. The name is already visible, so an error is ambiguous.
func (s *Store) syncFolder(root *os.Root, name string) error {
	dir, err := root.Open(path.Dir(name))
	if err == nil {
		err = s.sync(dir)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
			err = nil // this file system syncs folders by itself
		}
		err = errors.Join(err, dir.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: sync the folder: %w", store.ErrAmbiguous, err)
	}
	return nil
}

func tempName(name string) string { return path.Join(path.Dir(name), store.TempPrefix+rand.Text()) }

func info(name string, st *unix.Stat_t) store.Info {
	mtime, ctime := time.Unix(st.Mtim.Unix()), time.Unix(st.Ctim.Unix())
	return store.Info{
		Name: name, Size: st.Size, ModTime: mtime,
		Stamp: fmt.Sprintf("%x-%x-%x-%x-%x", st.Size, mtime.UnixNano(), ctime.UnixNano(), st.Ino, st.Dev),
	}
}

// noFile makes "a folder on the way is a file" and "it is a symbolic link to nowhere" what they mean for a reader: not there.
func noFile(err error) error {
	if errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// reach marks the errors of network file systems that do not answer.
func reach(err error) error {
	for _, silent := range []error{unix.ESTALE, unix.ENOTCONN, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ETIMEDOUT, unix.ENETUNREACH, unix.ECONNRESET} {
		if errors.Is(err, silent) && !errors.Is(err, store.ErrAmbiguous) {
			return fmt.Errorf("%w: %w", store.ErrUnreachable, err)
		}
	}
	return err
}
