package iomanager

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/packed"
	"github.com/assetdev/assetdev/iomanager/store"
)

// What Stored learned of each asset, kept between calls and, in one file, between processes.
//
//	(a) Times of files let work be skipped, they prove nothing: what is kept for a file counts while its stamp (size, times, inode)
//	    is the same and was at least 2 s old when the file was looked at. Otherwise the bytes are compared.
//	(b) A record is read again when the folder of the log has another stamp; a bucket has no such folder and is always listed.
//	(c) The file is read as a whole, replaced as a whole, and thrown away when anything about it is odd.

// racy is how old a file's times must be when it is looked at, so that a later change must give it others.
const racy = 2 * time.Second

// A stamp changes when a file does. The zero stamp is a file that is not there.
type stamp struct {
	size, mtime, ctime int64 // ns; of a bucket's object 0
	inode, device      uint64
}

// settled reports whether a change after the time seen would have changed the stamp.
func (s stamp) settled(seen int64) bool {
	return s == stamp{} || max(s.mtime, s.ctime) < seen-int64(racy)
}

// A known is what is known of one asset. It is never changed once it is in the index.
type known struct {
	entry   *entry // newest record, nil when there is none
	record  string // stamp of its object, as the store gives it
	damaged string // what is wrong with records after it
	log     stamp  // of the folder of the log
	logSeen int64  // when that was listed, ns

	copy     stamp // of the copy, or of data without a record
	version  stamp // of the data; its ctime is left out, because links to it change that
	dataSeen int64 // when the two were looked at, ns
	state    graph.DataState
	text     string
	foreign  string // name of data without a record
	hash     string // its data version, "" when it was never computed

	logName, copyName, dataName string
}

func newKnown(key graph.Key) *known {
	return &known{logName: logOf(key)}
}

func (k *known) setEntry(e *entry) {
	k.entry, k.copyName, k.dataName = e, "", ""
	if e != nil && e.File != "" {
		k.copyName, k.dataName = e.wellKnown(), e.File
	}
}

// index is the memory of a Manager.
type index struct {
	file    string // where it is kept
	storage string // what it is about

	mu      sync.Mutex
	loaded  bool
	known   map[graph.Key]*known
	changed bool
	written time.Time
}

// Stored returns what the storage knows of each key: the newest record and what lies where it says data is. A copy that is behind
// its record after a crash is put right, unless the Manager is read-only. A storage that cannot be asked is no error: the keys
// concerned are DataUnreachable, with their last known records. The error is the context's.
func (m *Manager) Stored(ctx context.Context, keys []graph.Key) (map[graph.Key]graph.Stored, error) {
	x := m.index
	x.mu.Lock()
	defer x.mu.Unlock()
	x.load()
	look := m.newLook(keys)
	defer look.close()

	var slow []graph.Key
	for _, key := range keys {
		bare := key.Bare()
		k := x.known[bare]
		if k == nil {
			k = newKnown(bare)
			x.known[bare] = k
		}
		if !look.current(bare, k) {
			slow = append(slow, bare)
		}
	}
	slices.SortFunc(slow, graph.Key.Compare)
	slow = slices.Compact(slow)
	failed := m.learn(ctx, look, slow)
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	result := make(map[graph.Key]graph.Stored, len(keys))
	for _, key := range keys {
		k := x.known[key.Bare()]
		s := graph.Stored{Data: k.state, Text: k.text, Version: k.hash}
		if k.entry != nil {
			s.Record = &k.entry.Record
		}
		if err := failed[key.Bare()]; err != nil {
			s.Data, s.Text = graph.DataUnreachable, err.Error()
		}
		result[key] = s
	}
	if x.changed && time.Since(x.written) > 10*time.Second {
		if err := x.write(); err != nil { // it is disposable: nothing but time is lost
			x.written = time.Now()
		}
	}
	return result, nil
}

// learn looks at each key thoroughly, and returns what went wrong. The caller holds the index's lock.
func (m *Manager) learn(ctx context.Context, look *look, keys []graph.Key) map[graph.Key]error {
	if len(keys) == 0 {
		return nil
	}
	found, errs := make([]*known, len(keys)), make([]error, len(keys))
	var next atomic.Int64
	var silent atomic.Pointer[error] // one that says nobody answers: the others need not wait for the same
	var group sync.WaitGroup
	for range min(len(keys), 2*runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(keys) || ctx.Err() != nil {
					return
				}
				if err := silent.Load(); err != nil {
					errs[i] = *err
					continue
				}
				found[i], errs[i] = m.examine(ctx, look, keys[i], m.index.known[keys[i]])
				if errors.Is(errs[i], store.ErrUnreachable) {
					silent.Store(&errs[i])
				}
			}
		})
	}
	group.Wait()
	failed := map[graph.Key]error{}
	for i, key := range keys {
		switch {
		case errs[i] != nil:
			failed[key] = errs[i]
		case found[i] != nil:
			m.index.known[key] = found[i]
			m.index.changed = true
		}
	}
	return failed
}

// A look is one pass over the storage. Its methods may be called from several goroutines.
type look struct {
	m     *Manager
	dir   int // descriptor of the base folder, -1 when the storage is none or is not there
	log   int // of the folder with the logs, or -1
	data  int // of the folder with the data, or -1
	err   error
	asked func() map[string]bool // their places without suffix

	mu      sync.Mutex
	folders map[string][]string        // names of the files in a folder, sorted
	logs    map[string]map[string]bool // names in a folder with the logs of partitions; nil when it cannot be read
}

func (m *Manager) newLook(keys []graph.Key) *look {
	l := &look{m: m, dir: -1, log: -1, data: -1, folders: map[string][]string{}, logs: map[string]map[string]bool{}}
	l.asked = sync.OnceValue(func() map[string]bool {
		asked := make(map[string]bool, len(keys))
		for _, key := range keys {
			asked[wellKnown(key, "")] = true
		}
		return asked
	})
	if m.folder == nil {
		return l
	}
	dir, err := unix.Open(m.folder.Root(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	switch {
	case err == nil:
		l.dir = dir
		if len(keys) > 1 { // shorter paths cost the kernel less
			l.log, l.data = openFolder(dir, logFolder), openFolder(dir, dataFolder)
		}
	case !errors.Is(err, fs.ErrNotExist):
		l.err = diag.New("storage", "%s: %w", m.st, err)
	}
	return l
}

// openFolder returns a descriptor of a folder below dir, -1 when there is none.
func openFolder(dir int, name string) int {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

func (l *look) close() {
	for _, fd := range []int{l.dir, l.log, l.data} {
		if fd >= 0 {
			_ = unix.Close(fd) // opened for reading
		}
	}
}

// below returns the nearest open folder above a name, and the name in it.
func (l *look) below(name string) (int, string) {
	if rest, ok := strings.CutPrefix(name, ours+"/"); ok {
		if in, ok := strings.CutPrefix(rest, "log/"); ok && l.log >= 0 {
			return l.log, in
		}
		if in, ok := strings.CutPrefix(rest, "data/"); ok && l.data >= 0 {
			return l.data, in
		}
	}
	return l.dir, name
}

// stamp returns the stamp of a file or folder of the base folder.
func (l *look) stamp(name string) (stamp, error) {
	if l.dir < 0 {
		return stamp{}, l.err
	}
	var st unix.Stat_t
	dir, short := l.below(name)
	err := unix.Fstatat(dir, short, &st, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return stamp{}, nil
	} else if err != nil {
		return stamp{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return stamp{
		size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
		inode: st.Ino, device: uint64(st.Dev), //nolint:unconvert // an int32 on macOS
	}, nil
}

// object returns the stamp of an object, of a bucket's as well. Folders are no objects.
func (l *look) object(ctx context.Context, name string) (stamp, error) {
	if l.m.folder != nil {
		return l.stamp(name)
	}
	info, err := l.m.st.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	} else if err != nil {
		return stamp{}, err
	}
	hash := hashText(info.Stamp)
	return stamp{size: info.Size, inode: binary.BigEndian.Uint64([]byte(hash)), device: 1}, nil
}

func withoutCtime(s stamp, err error) (stamp, error) {
	s.ctime = 0
	return s, err
}

// current reports whether all that is known of the key still holds, by nothing but stamps.
func (l *look) current(key graph.Key, k *known) bool {
	if l.m.folder == nil || l.err != nil {
		return false
	}
	var log stamp
	var err error
	if !l.unmade(key, k) {
		log, err = l.stamp(k.logName)
	}
	if err != nil || log != k.log || !log.settled(k.logSeen) {
		return false
	}
	if k.entry == nil {
		if k.damaged != "" || l.foreign(key) != k.foreign {
			return false
		} else if k.foreign == "" {
			return true
		}
		copied, err := l.stamp(k.foreign)
		return err == nil && copied == k.copy && copied.settled(k.dataSeen)
	}
	if k.entry.File == "" {
		return k.logSeen > 0
	}
	copied, err := l.stamp(k.copyName)
	if err != nil || copied != k.copy || !copied.settled(k.dataSeen) {
		return false
	}
	version, err := withoutCtime(l.stamp(k.dataName))
	return err == nil && version == k.version && version.settled(k.dataSeen)
}

// examine looks at everything. old is what was known before.
func (m *Manager) examine(ctx context.Context, look *look, key graph.Key, old *known) (*known, error) {
	if look.err != nil {
		return nil, look.err
	}
	k := newKnown(key)
	for range 8 { // again while others commit
		if err := m.examineLog(ctx, look, key, k, old); err != nil {
			return nil, err
		}
		again, err := m.examineData(ctx, look, key, k, old)
		if err != nil || !again {
			return k, err
		}
	}
	return nil, fmt.Errorf("%s: others commit all the time", key)
}

func (m *Manager) examineLog(ctx context.Context, look *look, key graph.Key, k, old *known) error {
	k.logSeen = time.Now().UnixNano()
	if m.folder != nil {
		var err error
		if k.log, err = look.stamp(k.logName); err != nil {
			return err
		}
		if k.log == (stamp{}) {
			k.setEntry(nil)
			return nil
		}
		if k.log == old.log && k.log.settled(old.logSeen) {
			k.setEntry(old.entry)
			k.record, k.damaged, k.logSeen = old.record, old.damaged, old.logSeen
			return nil
		}
	}
	h, err := m.head(ctx, key)
	if err != nil {
		return err
	}
	k.damaged, k.record = strings.Join(h.damaged, "; "), h.info.Stamp
	k.setEntry(h.newest)
	return nil
}

// examineData finds the state of the data of k's entry, and whether the log must be read again.
func (m *Manager) examineData(ctx context.Context, look *look, key graph.Key, k, old *known) (again bool, err error) {
	k.dataSeen = time.Now().UnixNano()
	if k.entry == nil {
		if k.damaged != "" {
			return false, diag.New("storage", "%s", k.damaged)
		}
		return false, m.examineForeign(ctx, look, key, k, old)
	}
	if k.entry.File == "" {
		k.state, k.text = graph.DataPresent, k.damaged
		return false, nil
	}
	if k.copy, err = look.object(ctx, k.copyName); err != nil {
		return false, err
	}
	if k.version, err = withoutCtime(look.object(ctx, k.dataName)); err != nil {
		return false, err
	}
	same := old.entry != nil && old.record == k.record && old.entry.Seq == k.entry.Seq
	if same && k.copy == old.copy && k.version == old.version && k.copy.settled(old.dataSeen) && k.version.settled(old.dataSeen) {
		k.state, k.text, k.dataSeen = old.state, old.text, old.dataSeen
		return false, nil
	}
	again, repaired, err := m.compare(ctx, k, same && old.version != stamp{} && old.version != k.version)
	if err != nil || !repaired {
		return again, err
	}
	k.dataSeen = time.Now().UnixNano()
	if k.copy, err = look.object(ctx, k.copyName); err != nil {
		return false, err
	}
	k.version, err = withoutCtime(look.object(ctx, k.dataName))
	if k.text != k.damaged {
		k.dataSeen = 0 // it could not be put right: try again
	}
	return false, err
}

// compare finds the state by the bytes. suspect says that the version was seen with another stamp before. repaired says that files
// of ours were written.
func (m *Manager) compare(ctx context.Context, k *known, suspect bool) (again, repaired bool, err error) {
	e := k.entry
	k.state, k.text = graph.DataPresent, k.damaged
	kept := k.version.size == e.Bytes && k.version != (stamp{})
	if kept && suspect {
		if kept, err = m.holds(ctx, e.File, e.Bytes, e.Sum); err != nil {
			return false, false, err
		}
	}
	if (k.copy == stamp{}) {
		k.state = graph.DataMissing
		if !kept {
			k.text = "the kept version is gone as well"
		}
		return m.moved(ctx, k), false, nil
	}
	good, err := m.holds(ctx, k.copyName, e.Bytes, e.Sum)
	if err != nil {
		return false, false, err
	}
	if good {
		if kept || m.cfg.ReadOnly {
			return false, false, nil
		}
		return false, true, k.note(ctx, m.heal(ctx, e))
	}
	if m.moved(ctx, k) {
		return true, false, nil
	}
	if kept {
		behind, err := m.isEarlier(ctx, k)
		if err != nil {
			return false, false, err
		}
		if behind && m.cfg.ReadOnly {
			k.text = m.place(k.copyName) + " holds an earlier version; the storage is read-only"
			return false, false, nil
		} else if behind {
			return false, true, k.note(ctx, m.publish(ctx, e))
		}
	}
	return false, false, m.compareContent(ctx, k)
}

// note keeps what went wrong when files were put right: the data is there all the same, and the next look tries again.
func (k *known) note(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	k.text = err.Error()
	return nil
}

// moved reports whether there is a newer record than k's.
func (m *Manager) moved(ctx context.Context, k *known) bool {
	h, err := m.head(ctx, k.entry.Key)
	return err == nil && h.newest != nil && h.newest.Seq != k.entry.Seq
}

// isEarlier reports whether the copy holds a version before k's, as after a crash between record and copy.
func (m *Manager) isEarlier(ctx context.Context, k *known) (bool, error) {
	entries, _, err := m.entries(ctx, k.entry.Key)
	if err != nil {
		return false, err
	}
	sum := ""
	for _, e := range entries {
		if e.Seq >= k.entry.Seq || e.File == "" || e.Bytes != k.copy.size || e.wellKnown() != k.copyName {
			continue
		}
		if sum == "" {
			if sum, err = m.sumOfObject(ctx, k.copyName); err != nil {
				return false, err
			}
		}
		if e.Sum == sum {
			return true, nil
		}
	}
	return false, nil
}

func (m *Manager) sumOfObject(ctx context.Context, name string) (string, error) {
	r, _, err := m.st.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	defer r.Close()
	return sumOf(ctx, r)
}

// compareContent tells data that was rewritten with the same rows from other data.
func (m *Manager) compareContent(ctx context.Context, k *known) error {
	e := k.entry
	where, what := m.place(k.copyName), ""
	if path, ok := m.st.Local(k.copyName); ok && e.isTable() {
		what, _ = m.tables.Sniff(path) // an error says nothing more
		if what == "parquet" {
			t, err := m.tables.Describe(ctx, path, e.Unordered)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil && t.DataVersion == e.content() {
				return nil
			}
			if what = ""; err != nil {
				what = "a Parquet file that cannot be read"
			}
		}
	}
	k.state, k.text = graph.DataChanged, where+" was written by something else"
	if what != "" {
		k.text += "; it is now " + what
	}
	if k.damaged != "" {
		k.text += "; " + k.damaged
	}
	return nil
}

// examineForeign looks for data without a record.
func (m *Manager) examineForeign(ctx context.Context, look *look, key graph.Key, k, old *known) (err error) {
	k.state, k.text, k.hash = graph.DataAbsent, "", ""
	if k.foreign, err = m.foreignName(ctx, look, key); err != nil || k.foreign == "" {
		return err
	}
	if k.copy, err = look.object(ctx, k.foreign); err != nil || k.copy == (stamp{}) {
		return err
	}
	what := "data"
	if path, ok := m.st.Local(k.foreign); ok {
		if sniffed, err := m.tables.Sniff(path); err == nil {
			what = sniffed
		}
	}
	if what == "parquet" {
		what = "a Parquet file"
	}
	k.state, k.text = graph.DataForeign, what+" at "+m.place(k.foreign)
	if old.foreign == k.foreign && old.copy == k.copy && k.copy.settled(old.dataSeen) {
		k.hash = old.hash
	}
	return nil
}

// findForeign returns the name of data of which there is no record, "" when there is none.
func (m *Manager) findForeign(ctx context.Context, key graph.Key) (string, error) {
	look := m.newLook(nil)
	defer look.close()
	if look.err != nil {
		return "", look.err
	}
	return m.foreignName(ctx, look, key)
}

func (m *Manager) foreignName(ctx context.Context, look *look, key graph.Key) (string, error) {
	if m.folder != nil {
		return look.foreign(key), nil
	}
	for _, suffix := range []string{".parquet", ""} {
		switch _, err := m.st.Stat(ctx, wellKnown(key, suffix)); {
		case err == nil:
			return wellKnown(key, suffix), nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
	}
	return "", nil
}

// foreign returns the name of the file that something else may have written as the data of the key: with the suffix .parquet, with
// none (as Dagster writes pickles), or with another one, in this order. What is the place of another asked key is none.
func (l *look) foreign(key graph.Key) string {
	folder, base := path.Split(wellKnown(key, ""))
	names := l.files(folder)
	at, _ := slices.BinarySearch(names, base)
	other := ""
	for _, name := range names[at:] {
		suffix, ok := strings.CutPrefix(name, base)
		if !ok {
			break
		}
		switch {
		case suffix == ".parquet":
			return folder + name
		case suffix == "" || other == "" && checkSuffix(suffix) == nil && !l.taken(folder+name):
			other = name
		}
	}
	if other == "" {
		return ""
	}
	return folder + other
}

// unmade reports whether a partition has no log, by one look at the folder with those of all partitions of its asset: most partitions of
// many were never made.
func (l *look) unmade(key graph.Key, k *known) bool {
	if key.Partition() == "" || l.dir < 0 {
		return false
	}
	folder, name := path.Split(k.logName)
	l.mu.Lock()
	defer l.mu.Unlock()
	logs, ok := l.logs[folder]
	if !ok {
		logs = map[string]bool{}
		if entries, err := os.ReadDir(filepath.Join(l.m.folder.Root(), filepath.FromSlash(folder))); err == nil {
			for _, entry := range entries {
				logs[entry.Name()] = true
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			logs = nil
		}
		l.logs[folder] = logs
	}
	return logs != nil && !logs[name]
}

func (l *look) taken(name string) bool { return l.asked()[name] }

// suffixOf returns the suffix of data found at a name.
func suffixOf(key graph.Key, name string) string { return strings.TrimPrefix(name, wellKnown(key, "")) }

// files returns the names of the files in a folder of the base folder, "" or with a slash at its end.
func (l *look) files(folder string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if names, ok := l.folders[folder]; ok || l.dir < 0 {
		return names
	}
	var names []string
	entries, err := os.ReadDir(filepath.Join(l.m.folder.Root(), filepath.FromSlash(folder)))
	if err == nil { // else it is not there, or is no folder
		for _, entry := range entries {
			if entry.Type().IsRegular() {
				names = append(names, entry.Name())
			}
		}
		slices.Sort(names)
	}
	l.folders[folder] = names
	return names
}

// indexLine begins the file of the index. What follows changes with the types above; then the number does.
const indexLine = "assetdev index 5\n"

// flush writes what is new.
func (x *index) flush() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.changed {
		return nil
	}
	return x.write()
}

// encode returns the content of the file.
func (x *index) encode() []byte {
	w := &indexWriter{index: map[graph.Part]int{}}
	count := int64(0)
	for _, key := range slices.SortedFunc(maps.Keys(x.known), graph.Key.Compare) {
		if k := x.known[key]; k.entry != nil || k.foreign != "" {
			w.known(key, k)
			count++
		}
	}
	head := &packed.Writer{}
	head.Text(x.storage)
	head.Number(int64(len(w.parts)))
	for _, p := range w.parts {
		head.Number(int64(p.Kind))
		head.Text(p.Symbol)
		head.Text(p.Hash)
		head.Text(p.File)
		head.Number(int64(p.Line))
	}
	head.Number(w.uses)
	head.Number(count)
	return packed.Seal(indexLine, append(head.Out, w.Out...))
}

// write replaces the file. The caller holds the lock.
func (x *index) write() error {
	if err := os.MkdirAll(filepath.Dir(x.file), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(x.file), store.TempPrefix)
	if err != nil {
		return err
	}
	_, err = temp.Write(x.encode())
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), x.file)
	}
	if err != nil {
		return errors.Join(err, removed(temp.Name()))
	}
	x.changed, x.written = false, time.Now()
	return nil
}

// load reads the file once. The caller holds the lock.
func (x *index) load() {
	if x.loaded {
		return
	}
	x.loaded, x.known = true, map[graph.Key]*known{}
	data, err := os.ReadFile(x.file)
	if err != nil {
		return
	}
	if known, ok := parseIndex(data, x.storage); ok {
		x.known = known
	}
}

// parseIndex reads the file of an index; ok is false when it is none of this storage and version.
func parseIndex(data []byte, storage string) (found map[graph.Key]*known, ok bool) {
	body, ok := packed.Open(indexLine, data)
	if !ok {
		return nil, false
	}
	r := &indexReader{Reader: packed.Reader{In: body}}
	if r.Text() != storage {
		return nil, false
	}
	found = r.all()
	return found, !r.Bad
}

// An indexWriter and an indexReader write and read in the same order. What code versions cover is shared by many assets, so it is
// written once.
type (
	indexWriter struct {
		packed.Writer
		parts []graph.Part
		index map[graph.Part]int // in parts
		uses  int64              // of parts
	}
	indexReader struct {
		packed.Reader
		parts []graph.Part
		free  []graph.Part // memory for the parts of entries
	}
)

// all reads what follows the storage.
func (r *indexReader) all() map[graph.Key]*known {
	r.parts = make([]graph.Part, r.Count())
	for i := range r.parts {
		r.parts[i] = graph.Part{Kind: graph.PartKind(r.Number()), Symbol: r.Text(), Hash: r.Text(), File: r.Text(), Line: int(r.Number())}
	}
	r.free = make([]graph.Part, r.Count())
	knowns := make([]known, r.Count())
	found := make(map[graph.Key]*known, len(knowns))
	for i := range knowns {
		if r.Bad {
			break
		}
		found[r.known(&knowns[i])] = &knowns[i]
	}
	r.Bad = r.Bad || r.In != ""
	return found
}

func (w *indexWriter) stamp(s stamp) {
	for _, n := range []int64{s.size, s.mtime, s.ctime, int64(s.inode), int64(s.device)} {
		w.Number(n)
	}
}

func (w *indexWriter) known(key graph.Key, k *known) {
	w.Text(key.String())
	w.Text(k.record)
	w.Text(k.damaged)
	w.stamp(k.log)
	w.Number(k.logSeen)
	w.stamp(k.copy)
	w.stamp(k.version)
	w.Number(k.dataSeen)
	w.Number(int64(k.state))
	w.Text(k.text)
	w.Text(k.foreign)
	w.Text(k.hash)
	w.Flag(k.entry != nil)
	if k.entry != nil {
		w.entry(k.entry)
	}
}

func (w *indexWriter) entry(e *entry) {
	w.Number(e.Seq)
	w.Text(e.Run)
	w.Number(int64(e.Attempt))
	w.Text(e.Location)
	at, _ := e.At.MarshalBinary() // fails for odd zones of the last century; then it is the zero time
	w.Text(string(at))
	w.Number(int64(e.Took))
	w.Number(e.Rows)
	w.Number(e.Bytes)
	w.Text(e.DataVersion)
	w.Text(e.Code.Version)
	w.Flag(e.Code.Author)
	w.Text(e.Code.Coarse)
	w.Number(int64(len(e.Code.Parts)))
	w.uses += int64(len(e.Code.Parts))
	for _, p := range e.Code.Parts {
		p.Text = ""
		i, known := w.index[p]
		if !known {
			i = len(w.parts)
			w.index[p] = i
			w.parts = append(w.parts, p)
		}
		w.Number(int64(i))
	}
	w.Number(int64(len(e.Inputs)))
	for key, version := range e.Inputs {
		w.Text(key.String())
		w.Text(version)
	}
	w.Texts(e.Changed)
	w.Number(int64(len(e.Columns)))
	for _, c := range e.Columns {
		w.Text(c.Name)
		w.Text(c.Type)
	}
	w.Text(e.File)
	w.Number(int64(len(e.Metadata)))
	for name, value := range e.Metadata {
		w.Text(name)
		w.Text(value)
	}
	w.Flag(e.Git != nil)
	if e.Git != nil {
		w.Text(e.Git.Commit)
		w.Flag(e.Git.Dirty)
		w.Text(e.Git.Branch)
	}
	w.Flag(e.Adopted)
	w.Text(e.By)
	w.Text(e.Sum)
	w.Text(e.Content)
	w.Flag(e.Unordered)
	w.Number(int64(len(e.Checks)))
	for _, c := range e.Checks {
		w.Text(c.Name)
		w.Flag(c.Passed)
		w.Text(c.Severity)
		w.Flag(c.Blocking)
		at, _ := c.At.MarshalBinary()
		w.Text(string(at))
		w.Text(c.Text)
		w.Number(int64(len(c.Metadata)))
		for name, value := range c.Metadata {
			w.Text(name)
			w.Text(value)
		}
	}
	w.Number(int64(len(e.Reads)))
	for _, f := range e.Reads {
		w.Text(f.Path)
		w.Text(f.Hash)
	}
}

func (r *indexReader) stamp() stamp {
	return stamp{size: r.Number(), mtime: r.Number(), ctime: r.Number(), inode: uint64(r.Number()), device: uint64(r.Number())}
}

func (r *indexReader) key() graph.Key {
	var key graph.Key
	err := key.UnmarshalText([]byte(r.Text()))
	r.Bad = r.Bad || err != nil || key.IsZero()
	return key
}

func (r *indexReader) known(k *known) graph.Key {
	key := r.key()
	k.logName = logOf(key)
	k.record, k.damaged = r.Text(), r.Text()
	k.log, k.logSeen = r.stamp(), r.Number()
	k.copy, k.version, k.dataSeen = r.stamp(), r.stamp(), r.Number()
	k.state = graph.DataState(min(max(r.Number(), 0), math.MaxUint8))
	k.text, k.foreign, k.hash = r.Text(), r.Text(), r.Text()
	if r.Flag() {
		e := r.entry()
		e.Key = key
		k.setEntry(e)
	}
	return key
}

func (r *indexReader) entry() *entry {
	e := &entry{}
	e.Seq, e.Run, e.Attempt, e.Location = r.Number(), r.Text(), int(r.Number()), r.Text()
	r.Bad = e.At.UnmarshalBinary([]byte(r.Text())) != nil || r.Bad
	e.Took, e.Rows, e.Bytes, e.DataVersion = time.Duration(r.Number()), r.Number(), r.Number(), r.Text()
	e.Code.Version, e.Code.Author, e.Code.Coarse = r.Text(), r.Flag(), r.Text()
	if n := min(r.Count(), len(r.free)); n > 0 {
		e.Code.Parts, r.free = r.free[:n:n], r.free[n:]
		for i := range e.Code.Parts {
			if at := r.Index(len(r.parts)); at >= 0 {
				e.Code.Parts[i] = r.parts[at]
			}
		}
	}
	n := r.Count()
	e.Inputs = make(map[graph.Key]string, n)
	for range n {
		key := r.key()
		e.Inputs[key] = r.Text()
	}
	e.Changed = r.Texts()
	if n := r.Count(); n > 0 {
		e.Columns = make([]graph.Column, n)
		for i := range e.Columns {
			e.Columns[i] = graph.Column{Name: r.Text(), Type: r.Text()}
		}
	}
	e.File = r.Text()
	if n := r.Count(); n > 0 {
		e.Metadata = make(map[string]string, n)
		for range n {
			name := r.Text()
			e.Metadata[name] = r.Text()
		}
	}
	if r.Flag() {
		e.Git = &graph.Git{Commit: r.Text(), Dirty: r.Flag(), Branch: r.Text()}
	}
	e.Adopted, e.By = r.Flag(), r.Text()
	e.Sum, e.Content, e.Unordered = r.Text(), r.Text(), r.Flag()
	if n := r.Count(); n > 0 {
		e.Checks = make([]graph.CheckResult, n)
		for i := range e.Checks {
			c := &e.Checks[i]
			c.Name, c.Passed, c.Severity, c.Blocking = r.Text(), r.Flag(), r.Text(), r.Flag()
			r.Bad = c.At.UnmarshalBinary([]byte(r.Text())) != nil || r.Bad
			c.Text = r.Text()
			if n := r.Count(); n > 0 {
				c.Metadata = make(map[string]string, n)
				for range n {
					name := r.Text()
					c.Metadata[name] = r.Text()
				}
			}
		}
	}
	if n := r.Count(); n > 0 {
		e.Reads = make([]graph.Read, n)
		for i := range e.Reads {
			e.Reads[i] = graph.Read{Path: r.Text(), Hash: r.Text()}
		}
	}
	return e
}
