// Package workspace reads workspace.yaml and assetdev.yaml, and where there is no workspace.yaml the dg.toml and pyproject.toml of Dagster's own
// tools: bytes become a [Workspace] whose parts know their place.
//
// The nouns: a [Workspace] is one folder with a workspace.yaml; a [Location] is one entry of its load_from; [Settings] are what
// the team says in assetdev.yaml, [Personal] what one user says in the configuration folder.
//
// Invariants:
//
//	(a) Nothing of the workspace is executed, and no file is read but workspace.yaml, dg.toml, pyproject.toml, assetdev.yaml, .env and
//	    the personal configuration, so that everything here may be called before the user trusts the workspace.
//	(b) A parser answers what it understood and all problems, each a [*diag.Error] with file, line, column, what was expected
//	    and the nearest valid key.
//	(c) A code location that this version cannot load is a Location whose Broken says why, never an error: the others work.
//	(d) [Workspace.Commands] hashes the very bytes that were parsed.
//
// Deliberately absent: writing, watching, environment of steps, asset keys and selections (both are text here; graph parses them).
// This is the only package that knows YAML and TOML.
package workspace

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/assetdev/assetdev/internal/diag"
)

// Names of the files that a workspace consists of, beside its code.
const (
	FileName     = "workspace.yaml"
	SettingsName = "assetdev.yaml"
	envName      = ".env"
)

// MaxBytes is the size above which a file is refused unread.
const MaxBytes = 1 << 20

// Options are what the meaning of a workspace file depends on beside its bytes.
type Options struct {
	// Cwd is the current folder, absolute; empty means that of the process. Relative paths of Python modules and packages are
	// tried there first, as Dagster does, and places below it are shown relative to it.
	Cwd string
	// Getenv looks up a variable for {env: NAME} and for "~"; nil means [os.LookupEnv].
	Getenv func(string) (string, bool)
}

// A Workspace is what workspace.yaml and assetdev.yaml say.
type Workspace struct {
	File         string // workspace.yaml, else dg.toml or pyproject.toml; absolute
	Dir          string // its folder, absolute, symbolic links unresolved
	SettingsFile string // assetdev.yaml beside it, absolute, whether or not it exists
	Locations    []Location
	IOManager    IOManager
	Settings     Settings
	// Notices are findings that do not keep the workspace from being used: settings that nothing reads in this version,
	// working directories that do not exist.
	Notices []*diag.Error

	commands []TrustFile
}

// Runs says in words what loading the location executes; dir is its working directory as it is to be shown.
func (l Location) Runs(dir string) string {
	python := "Python"
	if l.ExecutablePath != "" {
		python = l.ExecutablePath
	}
	switch l.Kind {
	case GoPackage:
		return fmt.Sprintf("go build %s, and the program it makes, in %s", l.Package, dir)
	case PythonPackage:
		return fmt.Sprintf("%s, which imports %s, in %s", python, l.Package, dir)
	case PythonModule, AutoloadDefsModule:
		return fmt.Sprintf("%s, which imports %s, in %s", python, l.Module, dir)
	case PythonFile:
		return fmt.Sprintf("%s, which runs %s, in %s", python, filepath.Base(l.File), dir)
	case SQL, Command, GRPCServer, PythonEnvironment:
	}
	return "nothing"
}

// A Kind is the word that opens an entry of load_from.
type Kind string

// The kinds of code locations that parse. Which of them can be loaded is in [Location.Broken].
const (
	PythonPackage      Kind = "python_package"
	PythonModule       Kind = "python_module"
	PythonFile         Kind = "python_file"
	AutoloadDefsModule Kind = "autoload_defs_module"
	GoPackage          Kind = "go_package"
	SQL                Kind = "sql"
	Command            Kind = "command"
	GRPCServer         Kind = "grpc_server"        // never supported
	PythonEnvironment  Kind = "python_environment" // Dagster before 0.13; never supported
)

// A Location is one entry of load_from. Names are unique in a workspace.
type Location struct {
	Name string
	Kind Kind
	Pos  diag.Pos // of the kind's word

	Package   string // package_name of PythonPackage and GoPackage
	Module    string // module_name of PythonModule and AutoloadDefsModule
	File      string // of PythonFile, absolute
	Attribute string // of the Python kinds, often empty

	// WorkingDirectory is absolute; PathRule says in one sentence which rule made it so.
	WorkingDirectory string
	PathRule         string
	// ExecutablePath names the Python interpreter: absolute, or a bare name to be searched in PATH, or empty for the default.
	ExecutablePath string

	Env      map[string]string // of settings: variables for the location's processes
	Jobs     int               // of settings: steps at once; 0 means no limit of its own
	ReadOnly bool              // of settings: nothing of the location is materialized

	// Broken says why the location cannot be loaded by this version, or what is wrong with its entry; empty when it can.
	Broken string
}

// An IOManager says where asset data live. Kind is always "filesystem" in this version.
type IOManager struct {
	Kind    string
	BaseDir string   // as written
	Dir     string   // BaseDir with "~" expanded, made absolute from the workspace's folder
	Pos     diag.Pos // the zero Pos when neither file says it
}

// DefaultBaseDir is the base_dir of a workspace that names no I/O manager.
const DefaultBaseDir = ".assetdev/assets"

// A TrustFile is a file that decides what a workspace executes.
type TrustFile struct {
	Path    string // relative to the workspace's folder, with slashes; may begin with ".."
	Hash    string // SHA-256 of its content, hexadecimal
	Content []byte // to show what changed; nil for files that may hold secrets
}

// Commands returns every file that names what is executed, or its environment: workspace.yaml, assetdev.yaml, and the .env of
// the workspace's folder and of the working directories, those that exist, as they were when the workspace was loaded. The
// code itself is not among them: to trust a workspace is to trust the code that these files name.
func (w *Workspace) Commands() []TrustFile { return slices.Clone(w.commands) }

// Location returns the location of that name.
func (w *Workspace) Location(name string) (Location, bool) {
	i := slices.IndexFunc(w.Locations, func(l Location) bool { return l.Name == name })
	if i < 0 {
		return Location{}, false
	}
	return w.Locations[i], true
}

// Find returns the absolute path of the workspace.yaml in the folder start or the nearest folder above it. Where there is none it is the dg.toml or
// pyproject.toml of the Dagster project in the nearest of these folders, or that of the dg workspace which names that project. An empty start
// is the current folder. The error is a [*diag.Error]; it wraps [fs.ErrNotExist] when there is none.
func Find(start string) (string, error) {
	dir, err := filepath.Abs(start)
	if err != nil {
		return "", diag.New("workspace", "find %s: %w", FileName, err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		file := filepath.Join(at, FileName)
		info, err := os.Stat(file)
		if err == nil && !info.IsDir() {
			return file, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return "", diag.New("workspace", "find %s: %w", FileName, err)
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if file, ok := findProject(dir); ok {
		return file, nil
	}
	e := diag.New("workspace", "there is no %s in %q or a folder above it", FileName, dir)
	e.Err = fs.ErrNotExist
	return "", e.WithHint("go to a folder that has one, name one with -w FILE, write one for the projects below with assetdev init, or try: assetdev demo")
}

// Load reads the workspace file and the settings beside it. The Workspace is never nil and holds what was understood; the
// error joins all problems, each a [*diag.Error] of kind "workspace".
func Load(file string, opts Options) (*Workspace, error) {
	if opts.Getenv == nil {
		opts.Getenv = os.LookupEnv
	}
	if opts.Cwd == "" {
		cwd, err := os.Getwd()
		if err != nil {
			return &Workspace{File: file}, diag.New("workspace", "find the current folder: %w", err)
		}
		opts.Cwd = cwd
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(opts.Cwd, file)
	}
	w := &Workspace{File: filepath.Clean(file), Dir: filepath.Dir(file), Settings: defaultSettings()}
	w.SettingsFile = filepath.Join(w.Dir, SettingsName)

	main := &parser{shown: shown(w.File, opts.Cwd), opts: opts}
	if isProjectFile(w.File) {
		w.readProjects(main)
	} else {
		content, err := readSmall(w.File)
		if err != nil {
			main.fail(diag.Pos{File: main.shown}, "", "cannot be read: %w", err)
			return w, main.err()
		}
		w.addCommand(w.File, content)
		w.readWorkspace(main, content)
	}

	settings := &parser{shown: shown(w.SettingsFile, opts.Cwd), opts: opts}
	content, err := readSmall(w.SettingsFile)
	switch {
	case err == nil:
		w.addCommand(w.SettingsFile, content)
	case !errors.Is(err, fs.ErrNotExist):
		settings.fail(diag.Pos{File: settings.shown}, "", "cannot be read: %w", err)
	}
	w.readSettings(settings, content, err == nil)

	dirs := []string{w.Dir}
	for _, l := range w.Locations {
		dirs = append(dirs, l.WorkingDirectory)
	}
	for i, dir := range dirs {
		if dir != "" && !slices.Contains(dirs[:i], dir) {
			if err := w.addEnvFile(filepath.Join(dir, envName)); err != nil {
				main.fail(diag.Pos{File: shown(filepath.Join(dir, envName), opts.Cwd)}, "", "cannot be read: %w", err)
			}
		}
	}
	return w, errors.Join(main.err(), settings.err())
}

func (w *Workspace) addCommand(file string, content []byte) {
	sum := sha256.Sum256(content)
	w.commands = append(w.commands, TrustFile{Path: w.relative(file), Hash: hex.EncodeToString(sum[:]), Content: content})
}

// addEnvFile adds the hash of a file that holds secrets perhaps: its content is not kept.
func (w *Workspace) addEnvFile(file string) error {
	f, err := openRegular(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, MaxBytes+1))
	switch {
	case err != nil:
		return err
	case n > MaxBytes:
		return fmt.Errorf("it is larger than %d KiB", MaxBytes>>10)
	}
	w.commands = append(w.commands, TrustFile{Path: w.relative(file), Hash: hex.EncodeToString(h.Sum(nil))})
	return nil
}

func (w *Workspace) relative(file string) string {
	if rel, err := filepath.Rel(w.Dir, file); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}

// shown returns the path as messages show it: relative to the current folder when it lies below, else absolute.
func shown(file, cwd string) string {
	if rel, err := filepath.Rel(cwd, file); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return file
}

// openRegular opens a regular file. Anything else, such as a pipe or a device behind a link that a repository brings along, is
// refused without waiting for it.
func openRegular(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, cause(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return nil, errors.Join(cause(err), f.Close())
	}
	return f, nil
}

// readSmall reads a regular file of at most MaxBytes.
func readSmall(file string) ([]byte, error) {
	f, err := openRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	switch {
	case err != nil:
		return nil, cause(err)
	case len(content) > MaxBytes:
		return nil, fmt.Errorf("it is larger than %d KiB", MaxBytes>>10)
	}
	return content, nil
}

// cause returns err without the path, which the place of the message shows already.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// expandHome replaces a leading "~/" by the user's home folder, where one is known.
func expandHome(path string, getenv func(string) (string, bool)) string {
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path
	}
	if home, ok := getenv("HOME"); ok && filepath.IsAbs(home) {
		return filepath.Join(home, strings.TrimPrefix(path, "~"))
	}
	return path
}
