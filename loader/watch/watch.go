// Package watch reports which files of a workspace changed, in batches: one watcher for all of its folders.
//
// The nouns: a [Root] is a folder that is watched with everything below it; the snapshot is what each watched file was when
// it was last looked at; a [Batch] is the files whose content differs from the snapshot.
//
// Invariants:
//
//	(a) Events only say where to look. What is reported was seen on disk: a file that was touched, saved with equal content, or
//	    changed and changed back within one batch is not reported.
//	(b) Once it is quiet, the snapshot is what a walk of the folders finds. Lost events cost a rescan, never a change.
//	(c) A batch closes 40 ms after the last event and 400 ms after the first, later in storms and while git holds its index.
//	(d) What .gitignore excludes is left out; [Root.Files] are never left out; version control, caches, virtual environments,
//	    node_modules, .assetdev and [Options.Ignore] always are.
//
// It is the only package that knows fsnotify. A goroutine that only fills a map reads events, so that the kernel's queue does
// not overflow; a second one owns the snapshot. Both end before Close returns. A folder that cannot be watched, because the
// system's limit is reached, and a root that does not exist (yet) are polled; [Watcher.Status] says so.
//
// Deliberately absent: following symbolic links to folders; noticing that a file system delivers no events (NFS, 9p, some
// FUSE); a safety rescan when idle; core.excludesFile. A path that two roots reach by different names is reported under
// one of them. Linux and macOS; elsewhere a rescan is less sharp.
package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A Root is a folder to watch with everything below it, and single files to watch wherever they lie and whatever .gitignore says.
type Root struct {
	Dir   string   // absolute; "" is none
	Files []string // absolute
}

// Options say what to watch.
type Options struct {
	Roots   []Root
	Ignore  []string      // absolute folders that are never watched: outputs, state; spelled like the roots; "" is none
	Quiet   time.Duration // a batch closes when nothing happened for so long; 0 is 40 ms
	MaxWait time.Duration // a batch closes after this, whatever happens; 0 is 400 ms

	// add watches one folder; the tests let it fail. nil is fsnotify's.
	add func(dir string) error
	// poll is how often folders without events are read; 0 is a second.
	poll time.Duration
	// suspect is how long an empty or vanished file gets to come back; 0 is 100 ms.
	suspect time.Duration
}

// A Batch is files that changed, appeared or vanished.
type Batch struct {
	Paths  []string // absolute, sorted, no duplicates
	Rescan bool     // events were lost and the folders were read again; Paths is what differed
}

// A Watcher watches the folders of one workspace. Its methods may be called from any goroutine.
type Watcher struct {
	options  Options
	fs       *fsnotify.Watcher
	changes  chan Batch
	requests chan func()
	stop     chan struct{}
	close    sync.Once
	closeErr error
	done     sync.WaitGroup

	// Filled by the reader, emptied by the owner.
	inbox struct {
		sync.Mutex
		dirty map[string]op
		lost  bool
	}
	ping chan struct{} // holds one: the inbox is not empty

	// The rest belongs to the owner goroutine (to Open before that has started).
	tree   tree
	batch  batch
	ready  Batch     // waits for the caller to take it
	unsure time.Time // since when some of what belongs to ready is suspect; zero when nothing is

	status struct {
		sync.Mutex
		text string
	}
}

// Open starts watching. When it returns, every later change is reported. The error says why nothing can be watched: a path
// that is not absolute, or no watcher from the system. A root that does not exist is no error.
func Open(options Options) (*Watcher, error) {
	if options.Quiet == 0 {
		options.Quiet = defaultQuiet
	}
	if options.MaxWait == 0 {
		options.MaxWait = defaultMaxWait
	}
	if options.poll == 0 {
		options.poll = time.Second
	}
	if options.suspect == 0 {
		options.suspect = suspectAfter
	}
	options.Ignore = slices.DeleteFunc(slices.Clone(options.Ignore), func(dir string) bool { return dir == "" })
	if err := checkAbsolute(options.Roots, options.Ignore); err != nil {
		return nil, err
	}
	w := &Watcher{
		options: options, changes: make(chan Batch), requests: make(chan func()), stop: make(chan struct{}), ping: make(chan struct{}, 1),
		batch: batch{quiet: options.Quiet, limit: options.MaxWait, suspect: options.suspect},
	}
	fs, err := fsnotify.NewWatcher()
	add := options.add
	switch {
	case err == nil:
		w.fs = fs
		if add == nil {
			add = fs.Add
		}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		// No instance to be had: everything is polled, and Status says why.
		add = func(string) error { return err }
	default:
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w.tree = newTree(options.Ignore, add, func(dir string) {
		if w.fs != nil {
			_ = w.fs.Remove(dir) // the error says that the kernel has dropped the watch already
		}
	})
	if w.fs != nil {
		w.done.Go(w.read)
	}
	w.tree.setRoots(options.Roots)
	w.report()
	w.done.Go(w.own)
	return w, nil
}

func checkAbsolute(roots []Root, ignore []string) error {
	for _, root := range roots {
		if root.Dir != "" && !filepath.IsAbs(root.Dir) {
			return fmt.Errorf("watch %q: the path is not absolute", root.Dir)
		}
		ignore = append(slices.Clip(ignore), root.Files...)
	}
	for _, path := range ignore {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("watch %q: the path is not absolute", path)
		}
	}
	return nil
}

// Changes returns the channel of batches. A batch that nobody has taken yet grows by what follows it. Close closes the channel.
func (w *Watcher) Changes() <-chan Batch { return w.changes }

// SetRoots replaces the roots. What lies in a new root when it returns is not reported; later changes are. The error is for a
// path that is not absolute.
func (w *Watcher) SetRoots(roots []Root) error {
	if err := checkAbsolute(roots, nil); err != nil {
		return err
	}
	w.ask(func() {
		w.batch.add(time.Now(), w.tree.setRoots(roots), false)
		w.report()
	})
	return nil
}

// Rescan reads all folders again and reports what differs, as after lost events.
func (w *Watcher) Rescan() { w.note(nil, true) }

// Status returns "" when everything is watched by events, else one sentence a line: what is polled, why, and what to do about it.
func (w *Watcher) Status() string {
	w.status.Lock()
	defer w.status.Unlock()
	return w.status.text
}

// Close ends watching and waits for its goroutines.
func (w *Watcher) Close() error {
	w.close.Do(func() {
		close(w.stop)
		if w.fs != nil {
			w.closeErr = w.fs.Close()
		}
		w.done.Wait()
	})
	return w.closeErr
}

// ask runs f on the owner goroutine and waits for it; after Close it does nothing.
func (w *Watcher) ask(f func()) {
	done := make(chan struct{})
	select {
	case w.requests <- func() { f(); close(done) }:
		<-done
	case <-w.stop:
	}
}

// read is the reader goroutine. It must stay cheap: the kernel's queue holds 16,384 events, and nobody tells which were lost.
func (w *Watcher) read() {
	events, failures := w.fs.Events, w.fs.Errors
	for events != nil || failures != nil {
		select {
		case event, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if event.Name == "" || event.Op == fsnotify.Chmod {
				continue
			}
			o := opWritten
			if event.Op&^(fsnotify.Write|fsnotify.Chmod) != 0 {
				o |= opReplaced
			}
			w.note(map[string]op{event.Name: o}, false)
		case _, ok := <-failures:
			if !ok {
				failures = nil
				continue
			}
			w.note(nil, true) // an overflow, or anything else after which events may be missing
		}
	}
}

// note puts dirty paths into the inbox.
func (w *Watcher) note(dirty map[string]op, lost bool) {
	w.inbox.Lock()
	if w.inbox.dirty == nil {
		w.inbox.dirty = map[string]op{}
	}
	for path, o := range dirty {
		w.inbox.dirty[path] |= o
	}
	w.inbox.lost = w.inbox.lost || lost
	w.inbox.Unlock()
	select {
	case w.ping <- struct{}{}:
	default:
	}
}

// own is the owner goroutine.
func (w *Watcher) own() {
	defer close(w.changes)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	nextPoll := time.Now().Add(w.options.poll)
	for {
		var out chan Batch
		if len(w.ready.Paths) > 0 && (w.unsure.IsZero() || time.Since(w.unsure) > maxUnsure) {
			out = w.changes
		}
		wait := time.Hour
		if at, ok := w.batch.due(); ok {
			wait = time.Until(at)
		}
		if w.tree.polls() {
			wait = min(wait, time.Until(nextPoll))
		}
		timer.Reset(max(wait, 0))
		select {
		case <-w.stop:
			return
		case request := <-w.requests:
			request()
		case out <- w.ready:
			w.ready = Batch{}
		case <-w.ping:
			w.inbox.Lock()
			dirty, lost := w.inbox.dirty, w.inbox.lost
			w.inbox.dirty, w.inbox.lost = nil, false
			w.inbox.Unlock()
			w.batch.add(time.Now(), w.tree.watched(dirty), lost)
		case <-timer.C:
		}
		now := time.Now()
		if w.tree.polls() && !now.Before(nextPoll) {
			w.batch.add(now, w.tree.poll(), false)
			w.report()
			took := time.Since(now)
			nextPoll = time.Now().Add(max(w.options.poll, 20*took)) // polling costs at most a twentieth of a core
		}
		if at, ok := w.batch.due(); ok && !now.Before(at) {
			if w.tree.gitBusy() && w.batch.wait(now) {
				continue
			}
			w.settle()
		}
	}
}

// settle looks at what the batch says is dirty and adds what did change to what waits for the caller.
func (w *Watcher) settle() {
	dirty, rescan := w.batch.take()
	changed, suspects := w.tree.settle(dirty, rescan)
	w.ready.Paths = append(w.ready.Paths, changed...)
	w.ready.Rescan = w.ready.Rescan || rescan && len(changed) > 0
	slices.Sort(w.ready.Paths)
	w.ready.Paths = slices.Compact(w.ready.Paths)
	switch {
	case len(suspects) == 0:
		w.unsure = time.Time{}
	case w.unsure.IsZero():
		w.unsure = time.Now()
	}
	w.batch.again(time.Now(), suspects)
	w.report()
}

// report renews the text of Status.
func (w *Watcher) report() {
	var lines []string
	for why, dirs := range w.tree.polledByReason() {
		what := fmt.Sprintf("%q is polled", dirs[0])
		if len(dirs) > 1 {
			what = fmt.Sprintf("%d folders are polled, %q among them", len(dirs), dirs[0])
		}
		lines = append(lines, what+": "+why)
	}
	slices.Sort(lines)
	w.status.Lock()
	w.status.text = strings.Join(lines, "\n")
	w.status.Unlock()
}

// whyPolled words an error of adding a watch.
func whyPolled(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, syscall.ENOSPC):
		return "the system's limit of watches is reached; raise it with: sudo sysctl fs.inotify.max_user_watches=1048576"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "the system's limit of watchers or open files is reached; raise it with: sudo sysctl fs.inotify.max_user_instances=1024"
	}
	return "it cannot be watched: " + err.Error()
}
