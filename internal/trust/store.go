package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/assetdev/assetdev/internal/diag"
)

// Bounds of one record. What does not fit is forgotten, which only makes assetdev ask again.
const (
	format     = 1
	maxStates  = 8        // states of one workspace that are remembered
	maxContent = 64 << 10 // bytes of a file whose content is remembered
	maxRecord  = 16 << 20 // bytes of a record that is read
)

// A Store is the memory of what one user granted. It may be used from any goroutine and by several processes.
type Store struct{ dir string }

// An Entry is one trusted workspace.
type Entry struct {
	Workspace string    // real path of its folder
	At        time.Time // of the last grant
	Files     []string  // of the last grant
}

// record is the JSON of one workspace.
type record struct {
	Format    int     `json:"format"`
	Workspace string  `json:"workspace"`
	States    []state `json:"states"` // newest last
}

type state struct {
	At    time.Time   `json:"at"`
	Files []savedFile `json:"files"`
}

type savedFile struct {
	Path string  `json:"path"`
	Hash string  `json:"hash"`
	Text *string `json:"text,omitempty"`
}

// DefaultDir returns the folder of [Open](""): assetdev below $XDG_STATE_HOME, or below ~/.local/state.
func DefaultDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "assetdev"), nil
	}
	home, err := os.UserHomeDir()
	if err == nil && !filepath.IsAbs(home) {
		err = fmt.Errorf("home folder %q is not absolute", home)
	}
	if err != nil {
		return "", diag.New("trust", "find the folder where trust is remembered: %w", err).WithHint("set HOME or XDG_STATE_HOME")
	}
	return filepath.Join(home, ".local", "state", "assetdev"), nil
}

// Open returns the store in the folder dir, or the user's own when dir is empty. Nothing is created before something is granted.
func Open(dir string) (*Store, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, diag.New("trust", "find %q: %w", dir, err)
	}
	return &Store{filepath.Join(abs, "trust")}, nil
}

// Check returns the Grant for the workspace when exactly these files were granted before. Otherwise the error is a
// [*NeedsTrust]; or a [*diag.Error] of kind "trust" when the record cannot be relied upon, and then nothing is granted either.
func (s *Store) Check(workspaceDir string, files []File) (Grant, error) {
	root, err := realDir(workspaceDir)
	if err != nil {
		return Grant{}, err
	}
	r, err := s.read(s.file(root), root)
	if err != nil {
		return Grant{}, err
	}
	var last []File
	for _, st := range r.States {
		last = st.load()
		if equal(last, files) {
			return Grant{root}, nil
		}
	}
	return Grant{}, &NeedsTrust{Workspace: root, Known: len(r.States) > 0, Files: compare(last, files)}
}

// Grant remembers that the user trusts the workspace with exactly these files. It fails, and grants nothing, when the record of
// the workspace is damaged.
func (s *Store) Grant(workspaceDir string, files []File) (Grant, error) {
	root, err := realDir(workspaceDir)
	if err != nil {
		return Grant{}, err
	}
	err = s.locked(func() error {
		r, err := s.read(s.file(root), root)
		if err != nil {
			return err
		}
		r.Format, r.Workspace = format, root
		r.States = slices.DeleteFunc(r.States, func(st state) bool { return equal(st.load(), files) })
		r.States = append(r.States, save(files, time.Now()))
		if extra := len(r.States) - maxStates; extra > 0 {
			r.States = r.States[extra:]
		}
		return s.write(s.file(root), r)
	})
	if err != nil {
		return Grant{}, err
	}
	return Grant{root}, nil
}

// Revoke forgets the workspace with all its states, also a damaged record, and reports whether there was anything to forget. A
// workspace whose folder is gone can be revoked by its real path.
func (s *Store) Revoke(workspaceDir string) (bool, error) {
	root, err := realDir(workspaceDir)
	if errors.Is(err, fs.ErrNotExist) {
		root, err = filepath.Abs(workspaceDir)
	}
	if err != nil {
		return false, err
	}
	if _, err := os.Lstat(s.file(root)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	found := true
	err = s.locked(func() error {
		err := os.Remove(s.file(root))
		if errors.Is(err, fs.ErrNotExist) {
			found, err = false, nil
		}
		if err != nil {
			return diag.New("trust", "forget %q: %w", root, err)
		}
		return syncDir(s.dir)
	})
	return found && err == nil, err
}

// List returns the trusted workspaces by path. The error joins what is wrong with records that cannot be read; the others are
// listed all the same.
func (s *Store) List() ([]Entry, error) {
	names, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diag.New("trust", "list trusted workspaces: %w", err)
	}
	var entries []Entry
	var problems []error
	for _, name := range names {
		if filepath.Ext(name.Name()) != ".json" {
			continue
		}
		r, err := s.read(filepath.Join(s.dir, name.Name()), "")
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if len(r.States) == 0 { // revoked meanwhile
			continue
		}
		last := r.States[len(r.States)-1]
		e := Entry{Workspace: r.Workspace, At: last.At}
		for _, f := range last.Files {
			e.Files = append(e.Files, f.Path)
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Workspace, b.Workspace) })
	return entries, errors.Join(problems...)
}

// file returns the path of a workspace's record.
func (s *Store) file(root string) string {
	sum := sha256.Sum256([]byte(root))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16])+".json")
}

// read returns a record, the empty one when there is none. A root of "" accepts the record of any workspace.
func (s *Store) read(file, root string) (record, error) {
	if err := s.privateDir(); err != nil {
		return record{}, err
	}
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, damaged(file, err)
	}
	defer f.Close()
	if err := private(f); err != nil {
		return record{}, damaged(file, err)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err == nil && len(content) > maxRecord {
		err = errors.New("it is too large")
	}
	var r record
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	switch {
	case err != nil:
		return record{}, damaged(file, err)
	case r.Format > format:
		e := damaged(file, fmt.Errorf("a newer assetdev wrote it (format %d)", r.Format))
		return record{}, e.WithHint("use that version")
	case r.Format != format, len(r.States) == 0:
		return record{}, damaged(file, errors.New("it is not complete"))
	case root != "" && r.Workspace != root, s.file(r.Workspace) != file:
		return record{}, damaged(file, fmt.Errorf("it belongs to workspace %q", r.Workspace))
	}
	for _, st := range r.States {
		for _, saved := range st.Files {
			if saved.Path == "" || saved.Hash == "" {
				return record{}, damaged(file, errors.New("it is not complete"))
			}
		}
	}
	return r, nil
}

func damaged(file string, err error) *diag.Error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return diag.New("trust", "the record of trust cannot be used: %w", err).At(diag.Pos{File: file}).
		WithHint("remove it with: assetdev trust --revoke; then look at the workspace and run: assetdev trust")
}

// private checks that nobody but the user can have written the file.
func private(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("user %d owns it, not you", owner.Uid)
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return errors.New("it is no regular file")
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("others may write it (mode %04o)", mode)
	}
	return nil
}

// privateDir checks that nobody else can have put records into the folder.
func (s *Store) privateDir() error {
	dir, err := os.Open(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(private(dir), dir.Close())
	}
	if err != nil {
		return diag.New("trust", "the folder of trust cannot be used: %w", err).At(diag.Pos{File: s.dir}).
			WithHint("make it yours alone: chmod 0700 %q", s.dir)
	}
	return nil
}

// locked runs the function while no other process or goroutine does. It makes the folder.
func (s *Store) locked(change func() error) (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return diag.New("trust", "remember trust: %w", err)
	}
	if err := s.privateDir(); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(s.dir, ".lock"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return diag.New("trust", "remember trust: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // gives up the lock
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if err == nil {
			return change()
		}
		if !errors.Is(err, syscall.EINTR) {
			return diag.New("trust", "lock %q: %w", s.dir, err)
		}
	}
}

// write replaces a record.
func (s *Store) write(file string, r record) (err error) {
	content, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return diag.New("trust", "remember trust: %w", err)
	}
	if len(content) > maxRecord {
		return diag.New("trust", "remember trust: the record would have %d bytes", len(content))
	}
	f, err := os.CreateTemp(s.dir, ".new-*") // mode 0600
	if err != nil {
		return diag.New("trust", "remember trust: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return diag.New("trust", "remember trust: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(s.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return diag.New("trust", "remember trust: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return diag.New("trust", "remember trust: %w", err)
	}
	return nil
}

func save(files []File, at time.Time) state {
	st := state{At: at.UTC().Truncate(time.Second)}
	for _, f := range files {
		saved := savedFile{Path: f.Path, Hash: f.Hash}
		if f.Content != nil && len(f.Content) <= maxContent && utf8.Valid(f.Content) {
			text := string(f.Content)
			saved.Text = &text
		}
		st.Files = append(st.Files, saved)
	}
	return st
}

func (st state) load() []File {
	var files []File
	for _, saved := range st.Files {
		f := File{Path: saved.Path, Hash: saved.Hash}
		if saved.Text != nil {
			f.Content = []byte(*saved.Text)
		}
		files = append(files, f)
	}
	return files
}

func quote(text string) string { return strconv.Quote(text) }
