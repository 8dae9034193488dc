package watch

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/internal/filekey"
)

// The snapshot, and how it is compared with the disk. All of it belongs to one goroutine.

const (
	maxHashed    = 64 << 20 // larger files are compared by their stat key alone
	maxFirstHash = 1 << 20  // a first scan hashes files up to this size …
	firstBudget  = 32 << 20 // … until it has read this much; the others are compared by stat key until they change
)

// An entry is what one file was when it was looked at.
type entry struct {
	key    filekey.Key
	hash   [sha256.Size]byte
	hashed bool
	racy   bool // it changed less than 2 s before it was looked at: an equal stat key proves nothing
}

// A folder is one watched folder.
type folder struct {
	path  string
	rules *level
	walk  bool // it lies in a root; otherwise only the forced files in it count
	files map[string]entry
	dirs  map[string]*folder
}

// A tree is all watched folders.
//
//	(a) Every folder in folders is watched, or it is polled or lies below a folder that is.
//	(b) A folder is in its parent's dirs exactly when the walk of a root came through the parent.
type tree struct {
	add      func(dir string) error
	remove   func(dir string)
	ignore   []string
	roots    map[string]bool            // wanted folders
	forced   map[string]map[string]bool // folder → names of files that are always watched
	folders  map[string]*folder
	vanished map[string]entry  // files of folders that are gone, until they are reported
	polled   map[string]string // folder → why
	gitDirs  map[string]bool
	toRead   int64 // what is left of firstBudget
}

func newTree(ignore []string, add func(dir string) error, remove func(dir string)) tree {
	t := tree{
		add: add, remove: remove, roots: map[string]bool{}, forced: map[string]map[string]bool{},
		folders: map[string]*folder{}, vanished: map[string]entry{}, polled: map[string]string{}, gitDirs: map[string]bool{}, toRead: firstBudget,
	}
	for _, dir := range ignore {
		t.ignore = append(t.ignore, filepath.Clean(dir))
	}
	return t
}

var prunedDirs = map[string]bool{
	".git": true, ".hg": true, ".svn": true, ".jj": true, "node_modules": true, "__pycache__": true, ".venv": true, "site-packages": true,
	".assetdev": true, ".mypy_cache": true, ".ruff_cache": true, ".pytest_cache": true, ".tox": true, ".nox": true, ".ipynb_checkpoints": true,
}

// prunedFile reports whether a file is an editor's own: swap, backup and probe files.
func prunedFile(name string) bool {
	return strings.HasSuffix(name, "~") || strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".swx") || strings.HasPrefix(name, ".#") ||
		strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") || strings.HasSuffix(name, "___jb_tmp___") || strings.HasSuffix(name, "___jb_old___") ||
		name == "4913" || name == ".DS_Store"
}

func (t *tree) prunedDir(path string) bool {
	return prunedDirs[filepath.Base(path)] || t.outside(path)
}

// outside reports whether path lies in a folder that is never watched.
func (t *tree) outside(path string) bool {
	return slices.ContainsFunc(t.ignore, func(dir string) bool { return within(path, dir) })
}

func within(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == filepath.Separator || strings.HasSuffix(dir, string(filepath.Separator)))
}

// setRoots makes the tree that of roots. Folders that are new are read without reporting; the result is what has to be looked
// at in folders that stay.
func (t *tree) setRoots(roots []Root) map[string]op {
	was := t.roots
	t.roots, t.forced = map[string]bool{}, map[string]map[string]bool{}
	for _, root := range roots {
		if root.Dir != "" {
			t.roots[filepath.Clean(root.Dir)] = true
		}
		for _, file := range root.Files {
			dir, name := filepath.Split(filepath.Clean(file))
			dir = filepath.Clean(dir)
			if t.forced[dir] == nil {
				t.forced[dir] = map[string]bool{}
			}
			t.forced[dir][name] = true
		}
	}
	dirty := map[string]op{}
	before := maps.Clone(t.folders)
	for dir := range was {
		if !t.roots[dir] {
			t.drop(dir)
			for other := range t.roots {
				if was[other] && (within(other, dir) || within(dir, other)) {
					t.scan(other, dirty) // they overlapped: what both had must stay
				}
			}
		}
	}
	for _, f := range t.folders {
		if !f.walk && t.forced[f.path] == nil {
			t.drop(f.path)
		}
	}
	for dir := range t.polled {
		if t.folders[dir] == nil && !t.roots[dir] && t.forced[dir] == nil {
			delete(t.polled, dir)
		}
	}
	t.toRead = firstBudget
	for _, dir := range t.wanted() {
		f := t.folders[dir]
		switch {
		case f == nil || t.roots[dir] && !was[dir] && before[dir] == nil:
			t.scan(dir, nil)
			continue
		case t.roots[dir] && !was[dir]:
			t.scan(dir, dirty) // it was part of another root, whose last changes may not be reported yet
		}
		for name := range t.forced[dir] {
			if _, ok := f.files[name]; !ok {
				t.look(f, name)
			}
		}
	}
	return dirty
}

// wanted lists roots and the folders of forced files, parents first.
func (t *tree) wanted() []string {
	var dirs []string
	for dir := range t.roots {
		dirs = append(dirs, dir)
	}
	for dir := range t.forced {
		if !t.roots[dir] {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// accepts reports whether the file name in f counts.
func (t *tree) accepts(f *folder, name string) bool {
	if t.forced[f.path][name] {
		return true
	}
	return f.walk && !prunedFile(name) && !f.rules.ignored(filepath.Join(f.path, name), false)
}

// watched leaves out the events nobody wants: those that must not keep a batch open.
func (t *tree) watched(dirty map[string]op) map[string]op {
	for path := range dirty {
		if t.folders[path] != nil || t.forced[filepath.Dir(path)][filepath.Base(path)] {
			continue
		}
		f := t.folders[filepath.Dir(path)]
		if f == nil || !f.walk || t.prunedDir(path) || prunedFile(filepath.Base(path)) {
			delete(dirty, path)
		}
	}
	return dirty
}

// scan reads dir and all below it that is watched, and watches it. With dirty nil, what it finds becomes the snapshot;
// otherwise what differs from the snapshot is added to dirty.
func (t *tree) scan(dir string, dirty map[string]op) {
	rules, walk := t.place(dir)
	t.scanFolder(dir, rules, walk, t.polledAbove(dir), dirty)
}

// place finds the rules that hold in dir, and whether it lies in a root.
func (t *tree) place(dir string) (*level, bool) {
	if parent := t.folders[filepath.Dir(dir)]; parent != nil && parent.path != dir && !t.roots[dir] && t.enters(parent, dir) {
		return parent.rules, true
	}
	if !t.roots[dir] || t.outside(dir) {
		return nil, false
	}
	// The rules above a root, up to the top of its repository, unless they exclude the root itself: whoever names it wants it.
	var above []string
	for d := dir; ; d = filepath.Dir(d) {
		if gitDir, ok := gitDirOf(d); ok {
			t.gitDirs[gitDir] = true
			break
		}
		parent := filepath.Dir(d)
		if parent == d {
			above = nil // in no repository: .gitignore files above do not count
			break
		}
		above = append(above, parent)
	}
	var rules *level
	for i, d := range slices.Backward(above) {
		rules = rules.under(d)
		inner := dir
		if i > 0 {
			inner = above[i-1]
		}
		if rules.ignored(inner, true) {
			return nil, true
		}
	}
	return rules, true
}

func (t *tree) polledAbove(dir string) bool {
	for d := filepath.Dir(dir); ; d = filepath.Dir(d) {
		if _, ok := t.polled[d]; ok && t.folders[d] != nil {
			return true
		}
		if d == filepath.Dir(d) {
			return false
		}
	}
}

func (t *tree) scanFolder(dir string, rules *level, walk, polled bool, dirty map[string]op) {
	wanted := t.roots[dir] || t.forced[dir] != nil
	if t.roots[dir] {
		rules, walk = t.place(dir)
	}
	if !t.isDir(dir) {
		t.gone(dir, dirty)
		if wanted {
			t.polled[dir] = whyPolled(fs.ErrNotExist)
		}
		return
	}
	if !polled {
		err := t.add(dir) // before it is read: what is created meanwhile is seen twice, not never
		if errors.Is(err, fs.ErrNotExist) && t.isDir(dir) {
			err = t.add(dir) // it was replaced this instant
		}
		switch {
		case err == nil:
			delete(t.polled, dir)
		case errors.Is(err, fs.ErrNotExist) && !wanted:
			t.gone(dir, dirty)
			return
		default:
			t.polled[dir] = whyPolled(err)
			polled = true
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && len(entries) == 0 && t.isDir(dir) {
		return // it cannot be read now: the snapshot stays
	}
	f := t.folders[dir]
	if f == nil {
		f = &folder{path: dir, files: map[string]entry{}, dirs: map[string]*folder{}}
		t.folders[dir] = f
	}
	f.walk = f.walk || walk
	if f.walk {
		f.rules = rules.under(dir)
		if gitDir, ok := gitDirOf(dir); ok {
			t.gitDirs[gitDir] = true
		}
	}
	dirs, files := map[string]bool{}, map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(dir, name)
		switch {
		case e.IsDir():
			if !t.enters(f, path) {
				continue
			}
			dirs[name] = true
			t.scanFolder(path, f.rules, true, polled, dirty)
			if child := t.folders[path]; child != nil {
				f.dirs[name] = child
			}
		case !t.accepts(f, name):
		case dirty == nil:
			files[name] = true
			t.look(f, name)
		default:
			files[name] = true
			info, err := os.Lstat(path)
			if old, ok := f.files[name]; !ok || err != nil || old.racy || old.key != filekey.Of(info) {
				dirty[path] |= opWritten
			}
		}
	}
	for name, child := range f.dirs {
		switch {
		case dirs[name]:
		case t.isDir(child.path):
			t.exclude(child) // which is no change of its files
			if t.folders[child.path] != nil {
				t.scanFolder(child.path, nil, false, polled, dirty)
			}
		default:
			t.gone(child.path, dirty)
		}
	}
	for name := range f.files {
		switch {
		case files[name]:
		case dirty == nil || !t.accepts(f, name):
			delete(f.files, name)
		default:
			dirty[filepath.Join(dir, name)] |= opWritten
		}
	}
}

// isDir reports whether dir is a folder now. A symbolic link to a folder is one only when it was named.
func (t *tree) isDir(dir string) bool {
	stat := os.Lstat
	if t.roots[dir] || t.forced[dir] != nil {
		stat = os.Stat
	}
	info, err := stat(dir)
	return err == nil && info.IsDir()
}

// enters reports whether the walk goes from f into the folder at path, which lies in f.
func (t *tree) enters(f *folder, path string) bool {
	return f.walk && !t.prunedDir(path) && !f.rules.ignored(path, true)
}

// gone forgets a folder that is no more; its files are dirty, and remembered until they are known to be gone as well.
func (t *tree) gone(dir string, dirty map[string]op) {
	f := t.folders[dir]
	if f == nil {
		return
	}
	if dirty != nil {
		for name, e := range f.files {
			path := filepath.Join(dir, name)
			t.vanished[path] = e
			dirty[path] |= opWritten
		}
	}
	for _, child := range f.dirs {
		t.gone(child.path, dirty)
	}
	t.drop(dir)
	if t.roots[dir] || t.forced[dir] != nil {
		t.polled[dir] = whyPolled(fs.ErrNotExist)
	}
}

// drop forgets a folder and what the walk found below it.
func (t *tree) drop(dir string) {
	f := t.folders[dir]
	if f == nil {
		return
	}
	t.remove(dir)
	delete(t.polled, dir)
	delete(t.folders, dir)
	if parent := t.folders[filepath.Dir(dir)]; parent != nil && parent.dirs[filepath.Base(dir)] == f {
		delete(parent.dirs, filepath.Base(dir))
	}
	for _, child := range f.dirs {
		t.drop(child.path)
	}
}

// exclude drops a folder that no walk enters any more, but for the forced files in it.
func (t *tree) exclude(f *folder) {
	if t.forced[f.path] == nil {
		t.drop(f.path)
		return
	}
	for _, child := range f.dirs {
		t.drop(child.path)
	}
	f.walk, f.rules = false, nil
	maps.DeleteFunc(f.files, func(name string, _ entry) bool { return !t.accepts(f, name) })
	if parent := t.folders[filepath.Dir(f.path)]; parent != nil {
		delete(parent.dirs, filepath.Base(f.path))
	}
}

// unwatch ends the watches of a folder and of those below it, whose names the kernel may know wrongly after a rename.
func (t *tree) unwatch(f *folder) {
	t.remove(f.path)
	for _, child := range f.dirs {
		t.unwatch(child)
	}
}

// look puts one file into the snapshot as it is. Only first scans call it; they may read little.
func (t *tree) look(f *folder, name string) {
	path := filepath.Join(f.path, name)
	info, err := os.Lstat(path)
	if err != nil || info.IsDir() {
		delete(f.files, name)
		return
	}
	e := stamp(info)
	if info.Size() <= maxFirstHash && info.Size() <= t.toRead {
		t.toRead -= info.Size()
		e = observe(path, info)
	}
	f.files[name] = e
}

// stamp returns the entry of a file that is not read.
func stamp(info fs.FileInfo) entry {
	key := filekey.Of(info)
	return entry{key: key, racy: key.Racy(time.Now())}
}

// observe reads a file. Of a symbolic link it reads the file behind it; what is no file is known by its stat key alone.
func observe(path string, info fs.FileInfo) entry {
	e := stamp(info)
	target := info
	if info.Mode()&fs.ModeSymlink != 0 {
		e.racy = true // the file behind it changes without an event
		var err error
		if target, err = os.Stat(path); err != nil {
			return e
		}
	}
	if !target.Mode().IsRegular() || target.Size() > maxHashed {
		return e
	}
	file, err := os.Open(path)
	if err != nil {
		return e
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return e
	}
	hash.Sum(e.hash[:0])
	e.hashed = true
	return e
}

// settle looks at dirty paths. It returns the files that did change, and those to look at once more: a file that is empty or
// gone may be in the middle of a save.
func (t *tree) settle(dirty map[string]op, rescan bool) (changed []string, suspects map[string]op) {
	files := map[string]op{}
	var dirs []string
	for path, o := range dirty {
		if t.folders[path] == nil {
			if info, err := os.Lstat(path); err != nil || !info.IsDir() {
				files[path] |= o
				if filepath.Base(path) == ".gitignore" {
					dirs = append(dirs, filepath.Dir(path))
				}
				continue
			}
			files[path] |= o // it may have been a file before
			dirs = append(dirs, path)
		} else if o&opReplaced != 0 {
			files[path] |= o // it may be a file now
			dirs = append(dirs, path)
		}
	}
	if rescan {
		dirs = append(dirs, t.wanted()...)
	}
	t.rescan(dirs, files)
	suspects = map[string]op{}
	for path, o := range files {
		switch t.compare(path, o) {
		case same:
		case differs:
			changed = append(changed, path)
		case suspect:
			suspects[path] = opWritten | opRechecked
		}
	}
	slices.Sort(changed)
	return changed, suspects
}

// rescan reads folders again, the topmost of each branch, after ending all watches below them: a renamed folder keeps the
// watches of its old name, and adding it under the new name would change nothing.
func (t *tree) rescan(dirs []string, dirty map[string]op) {
	slices.Sort(dirs)
	var top []string
	isTop := map[string]bool{}
	covered := func(dir string) bool {
		for d := dir; ; d = filepath.Dir(d) {
			if isTop[d] && t.reaches(d, dir) {
				return true
			}
			if d == filepath.Dir(d) {
				return false
			}
		}
	}
	for _, dir := range dirs {
		if !covered(dir) {
			top = append(top, dir)
			isTop[dir] = true
		}
	}
	for _, dir := range t.wanted() {
		// Roots below, which no walk reaches.
		if !covered(dir) && slices.ContainsFunc(top, func(d string) bool { return within(dir, d) }) {
			top = append(top, dir)
			isTop[dir] = true
		}
	}
	for _, dir := range top {
		if f := t.folders[dir]; f != nil {
			t.unwatch(f)
		}
	}
	for _, dir := range top {
		parent := t.folders[filepath.Dir(dir)]
		entered := parent != nil && parent.path != dir && t.enters(parent, dir)
		if !entered && t.folders[dir] == nil && !t.roots[dir] && t.forced[dir] == nil {
			continue
		}
		t.scan(dir, dirty)
		if f := t.folders[dir]; f != nil && entered {
			parent.dirs[filepath.Base(dir)] = f
		}
	}
	for _, dir := range t.wanted() {
		if _, polled := t.polled[dir]; t.folders[dir] == nil && !polled {
			t.scan(dir, dirty) // it lay in a folder that is excluded now
		}
	}
}

// reaches reports whether the walk of dir comes to inner, which lies below it.
func (t *tree) reaches(dir, inner string) bool {
	if dir == inner {
		return true
	}
	f := t.folders[inner]
	if f == nil {
		return t.folders[filepath.Dir(inner)] == nil || filepath.Dir(inner) != inner && t.reaches(dir, filepath.Dir(inner))
	}
	parent := t.folders[filepath.Dir(inner)]
	return parent != nil && parent.dirs[filepath.Base(inner)] == f && t.reaches(dir, parent.path)
}

// A verdict is the outcome of comparing one file with the snapshot.
type verdict uint8

const (
	same    verdict = iota
	differs         // the snapshot is renewed
	suspect         // look again; the snapshot is as it was
)

func (t *tree) compare(path string, o op) verdict {
	f, name := t.folders[filepath.Dir(path)], filepath.Base(path)
	var old entry
	var known bool
	if f != nil {
		old, known = f.files[name]
	}
	if !known {
		old, known = t.vanished[path]
	}
	if f != nil && !t.accepts(f, name) {
		t.forget(f, path)
		return same
	}
	believe := o&opRechecked != 0
	info, err := os.Lstat(path)
	if err != nil || info.IsDir() || f == nil {
		switch {
		case !known:
			return same
		case !believe && (err != nil || f == nil):
			return suspect
		}
		t.forget(f, path)
		return differs
	}
	key := filekey.Of(info)
	if known && !old.racy && old.key == key {
		t.forget(f, path)
		f.files[name] = old
		return same
	}
	if key.Size == 0 && !believe && (!known || old.key.Size != 0) {
		return suspect
	}
	e := observe(path, info)
	t.forget(f, path)
	f.files[name] = e
	if known && (old.hashed && e.hashed && old.hash == e.hash || !e.hashed && old.key == key) {
		return same
	}
	return differs
}

// forget takes a file out of the snapshot.
func (t *tree) forget(f *folder, path string) {
	delete(t.vanished, path)
	if f != nil {
		delete(f.files, filepath.Base(path))
	}
}

// gitBusy reports whether git is changing the work tree of a repository.
func (t *tree) gitBusy() bool {
	for dir := range t.gitDirs {
		if _, err := os.Lstat(filepath.Join(dir, "index.lock")); err == nil {
			return true
		}
	}
	return false
}

func (t *tree) polls() bool { return len(t.polled) > 0 }

// poll reads the polled folders and returns what differs.
func (t *tree) poll() map[string]op {
	dirty := map[string]op{}
	var dirs []string
	for dir := range t.polled {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		if _, ok := t.polled[dir]; !ok {
			continue
		}
		rules, walk := t.place(dir)
		t.scanFolder(dir, rules, walk, false, dirty)
	}
	return dirty
}

func (t *tree) polledByReason() map[string][]string {
	reasons := map[string][]string{}
	for dir, why := range t.polled {
		reasons[why] = append(reasons[why], dir)
	}
	for _, dirs := range reasons {
		slices.Sort(dirs)
	}
	return reasons
}
