package iomanager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/store"
)

// The commit protocol of FORMAT.md: data first, record second, copy third.
//
//	(a) A record gets the number after the highest one. Who finds the number taken has lost, unless what took it is its own.
//	(b) Retention never deletes one of the newest recentRecords records. So who sees that many records after its own, at once
//	    after it was created, was asleep for so long that its number may have been free because it was deleted: it has lost, too.
//	(c) Who replaced a copy looks at the log once more, and does it again when there is a newer record. So the last who replaces
//	    it has the newest data, whatever the order.
//	(d) A record points at data that no retention deletes meanwhile: a new file (younger than tempAge), or the newest record's.

// recentRecords is how many of the newest records of each asset always stay.
const recentRecords = 32

// An Outcome says what became of a commit. The zero Outcome is none: it failed.
type Outcome uint8

// The outcomes.
const (
	Succeeded  Outcome = iota + 1 // the record is the newest, and its data is new
	Unchanged                     // the record is the newest, and its data is what the record before it had
	Superseded                    // somebody else committed first; the record is theirs
)

// Formats of what a step wrote.
const (
	FormatArrow   = "arrow"   // Arrow IPC
	FormatParquet = "parquet" // Parquet
	FormatOpaque  = "opaque"  // any file; it is stored as it is
	FormatNone    = "none"    // no data
)

// A Draft is what a step made.
type Draft struct {
	// Record says how it was made: Key, Run, Attempt, Location, At, Took, Code, Inputs, Changed, Metadata, Git, By. The
	// rest is filled in by Commit.
	Record graph.Record
	Output string // path of the local file that the step wrote; it is not changed
	Format string // of the output
	Suffix string // of opaque data, as ".joblib"; "" is ".bin"
	// AuthorDataVersion is the data version that the author gave, "" for the computed one.
	AuthorDataVersion string
	Unordered         bool  // the order of rows does not count for the data version
	BaseSeq           int64 // number of the newest record when the step was pinned, 0 when there was none
}

// Commit makes what a step made the newest data of its asset. When somebody else committed since BaseSeq the result is dropped and
// the answer is the newest record and Superseded. When the data version is that of the record before, the new record points at the
// data that is there and the answer is Unchanged.
//
// Repeated for the same run and attempt, as after an error that wraps store.ErrAmbiguous, it recognises its own record. After an
// error that wraps ErrBehind the record and the outcome are valid.
func (m *Manager) Commit(ctx context.Context, d Draft) (graph.Record, Outcome, error) {
	r := d.Record
	r.Key = r.Key.Bare()
	if err := d.check(r); err != nil {
		return graph.Record{}, 0, err
	}
	if err := m.startWriting(ctx); err != nil {
		return graph.Record{}, 0, err
	}
	fail := func(err error) (graph.Record, Outcome, error) {
		return graph.Record{}, 0, fmt.Errorf("commit %s: %w", r.Key, err)
	}
	h, err := m.head(ctx, r.Key)
	if err != nil {
		return fail(err)
	}
	if h.newest != nil && h.newest.Seq > d.BaseSeq {
		return m.overtaken(ctx, r)
	}

	e := &entry{Record: r, Unordered: d.Unordered}
	e.Seq = h.top + 1
	temp, err := m.make(ctx, e, d)
	if err != nil {
		return fail(err)
	}
	if made := temp; made != "" {
		defer func() { _ = os.Remove(made) }() // it is gone already when it was placed; the sweeper takes what stays
	}
	outcome := Succeeded
	if last := h.newest; last != nil && last.DataVersion == e.DataVersion && (last.File == "") == (e.File == "") {
		outcome = Unchanged
		if there, err := m.keeps(ctx, last); err != nil {
			return fail(err)
		} else if there && temp != "" {
			e.useDataOf(last)
			temp = ""
		}
	}
	if temp != "" {
		if err := m.placeData(ctx, temp, e); err != nil {
			return fail(err)
		}
	}
	return m.append(ctx, e, h.newest, outcome)
}

func (d *Draft) check(r graph.Record) error {
	if r.Key.IsZero() {
		return errors.New("commit: no key")
	}
	err := checkRun(r.Run)
	if err == nil && r.Attempt < 1 {
		err = fmt.Errorf("attempt %d is not positive", r.Attempt)
	}
	if err == nil {
		err = checkSuffix(d.Suffix)
	}
	switch d.Format {
	case FormatArrow, FormatParquet, FormatOpaque:
		if err == nil && d.Output == "" {
			err = fmt.Errorf("format %q, but no output", d.Format)
		}
	case FormatNone:
	default:
		err = fmt.Errorf("unknown format %q", d.Format)
	}
	if err != nil {
		return fmt.Errorf("commit %s: %w", r.Key, err)
	}
	return nil
}

// useDataOf makes the entry point at the data of another one, which has its data version.
func (e *entry) useDataOf(other *entry) {
	e.File, e.Rows, e.Bytes, e.Columns = other.File, other.Rows, other.Bytes, other.Columns
	e.DataVersion, e.Content, e.Unordered, e.Sum = other.DataVersion, other.Content, other.Unordered, other.Sum
}

// overtaken answers a commit that finds records after the one it began from: its own, whose answer was lost, or those of others.
func (m *Manager) overtaken(ctx context.Context, r graph.Record) (graph.Record, Outcome, error) {
	entries, _, err := m.entries(ctx, r.Key)
	if err != nil || len(entries) == 0 {
		return graph.Record{}, 0, errors.Join(err, fmt.Errorf("commit %s: its log cannot be read", r.Key))
	}
	for i, e := range entries {
		if !e.sameStep(r.Run, r.Attempt) {
			continue
		}
		outcome := Succeeded
		if i+1 < len(entries) && entries[i+1].DataVersion == e.DataVersion {
			outcome = Unchanged
		}
		// Its first try may have been lost before the record was durable: it counts only when it is.
		if err := m.confirm(ctx, e); err != nil {
			return graph.Record{}, 0, fmt.Errorf("commit %s: %w: %w", r.Key, store.ErrAmbiguous, err)
		}
		return e.Record, outcome, m.publishDurable(ctx, e)
	}
	return entries[0].Record, Superseded, nil
}

// make writes the data of the draft to a temporary file and describes it in the entry. The file's path is "" when there is no data.
func (m *Manager) make(ctx context.Context, e *entry, d Draft) (temp string, err error) {
	suffix := ".parquet"
	switch d.Format {
	case FormatNone:
		e.DataVersion, e.File, e.Rows = d.AuthorDataVersion, "", 0
		if e.DataVersion == "" {
			e.DataVersion = e.Run
		}
		return "", nil
	case FormatOpaque:
		if suffix = d.Suffix; suffix == "" {
			suffix = ".bin"
		}
		if suffix == ".parquet" {
			return "", errors.New("opaque data cannot have the suffix .parquet")
		}
	}
	e.File = dataName(e.Key, e.Run, e.Attempt, suffix)
	if temp, err = m.tempFor(e.File); err != nil {
		return "", err
	}
	if d.Format == FormatOpaque {
		err = copyFile(d.Output, temp)
		if err == nil {
			err = m.describe(ctx, e, temp)
		}
	} else {
		var t Table
		if t, err = m.tables.Convert(ctx, d.Output, d.Format, temp, d.Unordered); err == nil {
			err = m.takeTable(ctx, e, t, temp)
		}
	}
	if err != nil {
		return "", errors.Join(err, removed(temp))
	}
	if d.AuthorDataVersion != "" && d.AuthorDataVersion != e.DataVersion {
		e.Content, e.DataVersion = e.DataVersion, d.AuthorDataVersion
	}
	return temp, nil
}

// describe fills in what the entry says of the local file with its data.
func (m *Manager) describe(ctx context.Context, e *entry, path string) error {
	if e.isTable() {
		t, err := m.tables.Describe(ctx, path, e.Unordered)
		if err != nil {
			return err
		}
		return m.takeTable(ctx, e, t, path)
	}
	if err := e.measure(ctx, path); err != nil {
		return err
	}
	e.Rows, e.Columns, e.DataVersion = -1, nil, opaqueVersion(e.Sum)
	return nil
}

func (m *Manager) takeTable(ctx context.Context, e *entry, t Table, path string) error {
	e.Rows, e.DataVersion, e.Columns = t.Rows, t.DataVersion, nil
	for _, c := range t.Columns {
		e.Columns = append(e.Columns, graph.Column{Name: c.Name, Type: c.Type})
	}
	return e.measure(ctx, path)
}

// opaqueVersion is the data version of a file that is no table.
func opaqueVersion(sum string) string { return "bytes1:" + sum[len("b3:"):][:32] }

// measure fills in size and sum of the local file.
func (e *entry) measure(ctx context.Context, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	e.Bytes = info.Size()
	e.Sum, err = sumOf(ctx, in)
	return err
}

// tempFor returns the path of a local file that is not there yet, for data that will have the name.
func (m *Manager) tempFor(name string) (string, error) {
	if m.folder != nil {
		return m.folder.Temp(name)
	}
	return m.cache.temp()
}

// placeData makes the temporary file the data of the entry, durable before this returns.
func (m *Manager) placeData(ctx context.Context, temp string, e *entry) error {
	err := store.ErrAmbiguous
	for range tries {
		switch _, gone := os.Lstat(temp); {
		case errors.Is(gone, fs.ErrNotExist):
			err = m.st.CreateIfAbsent(ctx, e.File, errReader{err}) // exists and durable, or lost: this never creates it
		case m.folder != nil:
			err = m.folder.Place(ctx, temp, e.File)
		default:
			err = m.upload(ctx, temp, e.File)
		}
		if !errors.Is(err, store.ErrAmbiguous) && !errors.Is(err, store.ErrUnreachable) {
			break
		}
	}
	if errors.Is(err, store.ErrExists) { // an earlier try of this attempt
		same, err2 := m.holds(ctx, e.File, e.Bytes, e.Sum)
		if same || err2 != nil {
			return err2
		}
	}
	return err
}

// An errReader is the content of what must not be created.
type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func (m *Manager) upload(ctx context.Context, path, name string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	return m.st.CreateIfAbsent(ctx, name, in)
}

// keeps reports whether the entry's data is there, by its size.
func (m *Manager) keeps(ctx context.Context, e *entry) (bool, error) {
	if e.File == "" {
		return false, nil
	}
	info, err := m.st.Stat(ctx, e.File)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Size == e.Bytes, err
}

// append creates the record, whose data is there, and replaces the copy. last is the newest record before it.
func (m *Manager) append(ctx context.Context, e, last *entry, outcome Outcome) (graph.Record, Outcome, error) {
	fail := func(err error) (graph.Record, Outcome, error) {
		return graph.Record{}, 0, fmt.Errorf("commit %s: %w", e.Key, err)
	}
	e.At, e.Took = e.At.Round(0), e.Took.Truncate(time.Millisecond)
	if e.At.IsZero() {
		e.At = m.now().Round(0)
	}
	if err := e.check(); err != nil {
		return fail(err)
	}
	data, err := encode(e)
	if err != nil {
		return fail(err)
	}
	err = m.createIfAbsent(ctx, recordName(e.Key, e.Seq), data)
	if err != nil && !errors.Is(err, store.ErrExists) {
		return fail(err)
	}
	lost := errors.Is(err, store.ErrExists)
	h, err := m.head(ctx, e.Key)
	switch {
	case err != nil:
		return fail(fmt.Errorf("%w: %w", store.ErrAmbiguous, err))
	case lost:
		there, err := m.readRecord(ctx, e.Key, recordName(e.Key, e.Seq))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errDamaged) {
			return fail(fmt.Errorf("%w: %w", store.ErrAmbiguous, err))
		}
		lost = err != nil || !there.sameStep(e.Run, e.Attempt)
	}
	if h.newest == nil {
		return fail(fmt.Errorf("the log was removed meanwhile: %w", fs.ErrNotExist))
	}
	if lost && e.File != "" && e.File == dataName(e.Key, e.Run, e.Attempt, filepath.Ext(e.File)) {
		_ = m.st.Delete(ctx, e.File) // no record points at it; retention takes it when this fails
	}
	if lost || h.top >= e.Seq+recentRecords {
		return h.newest.Record, Superseded, nil
	}
	if err := m.publishDurable(ctx, e); err != nil {
		return e.Record, outcome, err
	}
	return e.Record, outcome, m.retire(ctx, last, e)
}

// publish makes the copy what the newest record says, which is the entry's or a later one. Somebody else created the record, and may
// have been killed before it was durable: that comes first, or a crash could leave a copy without a record.
func (m *Manager) publish(ctx context.Context, e *entry) error {
	if err := m.confirm(ctx, e); err != nil {
		return fmt.Errorf("publish %s: %w: %w", e.Key, ErrBehind, err)
	}
	return m.publishDurable(ctx, e)
}

// confirm makes the record durable: a name that is taken is so when the store has said it.
func (m *Manager) confirm(ctx context.Context, e *entry) error {
	var err error
	for range tries {
		err = m.st.CreateIfAbsent(ctx, recordName(e.Key, e.Seq), errReader{errNoRecord})
		if !errors.Is(err, store.ErrAmbiguous) && !errors.Is(err, store.ErrUnreachable) {
			break
		}
	}
	if errors.Is(err, store.ErrExists) || errors.Is(err, errNoRecord) { // the latter from a store that reads first; it has no crashes
		return nil
	}
	return err
}

// errNoRecord keeps confirm from creating anything.
var errNoRecord = errors.New("nothing is to be written")

// publishDurable is publish for a record that is durable.
func (m *Manager) publishDurable(ctx context.Context, e *entry) error {
	err := m.publishOnce(ctx, e)
	for range 16 {
		h, headErr := m.head(ctx, e.Key)
		if headErr != nil {
			err = errors.Join(err, headErr)
			break
		}
		if h.newest == nil || h.newest.Seq <= e.Seq {
			break
		}
		e = h.newest
		if err = m.confirm(ctx, e); err == nil {
			err = m.publishOnce(ctx, e)
		}
	}
	if err != nil {
		return fmt.Errorf("publish %s: %w: %w", e.Key, ErrBehind, err)
	}
	return nil
}

func (m *Manager) publishOnce(ctx context.Context, e *entry) error {
	if e.File == "" {
		return nil
	}
	if same, err := m.holds(ctx, e.wellKnown(), e.Bytes, e.Sum); err != nil || same {
		return err
	}
	var err error
	for range tries {
		if m.folder != nil {
			err = m.folder.Copy(ctx, e.File, e.wellKnown())
		} else {
			err = m.copyRemote(ctx, e.File, e.wellKnown())
		}
		if !errors.Is(err, store.ErrAmbiguous) && !errors.Is(err, store.ErrUnreachable) {
			break // replacing it once more does no harm
		}
	}
	return err
}

func (m *Manager) copyRemote(ctx context.Context, from, to string) error {
	r, _, err := m.st.Open(ctx, from)
	if err != nil {
		return err
	}
	defer r.Close()
	return m.st.Put(ctx, to, r)
}

// retire removes the copy that an earlier record had under another suffix, if it is still ours.
func (m *Manager) retire(ctx context.Context, last, e *entry) error {
	if last == nil || last.File == "" || last.wellKnown() == e.wellKnown() || e.File == "" {
		return nil
	}
	ours, err := m.holds(ctx, last.wellKnown(), last.Bytes, last.Sum)
	if err == nil && ours {
		err = m.st.Delete(ctx, last.wellKnown())
	}
	if err != nil {
		return fmt.Errorf("remove the copy %s of earlier data: %w: %w", last.wellKnown(), ErrBehind, err)
	}
	return nil
}

// Restore makes the data of a kept version the newest data without running anything. rec is what Versions, FindVersion or Latest
// returned; update says who did it and what the data is now worth: its Run, Attempt, Location, At, Took, Code, Inputs, Changed,
// Metadata, Git and By go into a new record. When the data is that of the newest record, with the code and inputs that
// update says, no record is needed: only the copy is put back, and that record is the answer.
//
// The outcome is Unchanged when the data version is that of the newest record, else Succeeded; Superseded when somebody else commits
// meanwhile. The error wraps fs.ErrNotExist when the data is not there any more or is damaged.
func (m *Manager) Restore(ctx context.Context, key graph.Key, rec, update graph.Record) (graph.Record, Outcome, error) {
	key = key.Bare()
	fail := func(err error) (graph.Record, Outcome, error) {
		return graph.Record{}, 0, fmt.Errorf("restore %s: %w", key, err)
	}
	if err := m.startWriting(ctx); err != nil {
		return graph.Record{}, 0, err
	}
	entries, _, err := m.entries(ctx, key)
	if err != nil {
		return fail(err)
	}
	at := slices.IndexFunc(entries, func(e *entry) bool { return e.File == rec.File && e.DataVersion == rec.DataVersion })
	if at < 0 || rec.File == "" {
		return fail(diag.New("storage", "version %s is not kept any more: %w", VersionName(rec), fs.ErrNotExist))
	}
	source, last := entries[at], entries[0]
	if good, err := m.holds(ctx, source.File, source.Bytes, source.Sum); err != nil {
		return fail(err)
	} else if !good {
		if err := m.heal(ctx, source); err != nil {
			return fail(fmt.Errorf("the data of version %s is gone or damaged: %w", VersionName(source.Record), err))
		}
	}
	if source.File == last.File && source.DataVersion == last.DataVersion && last.Code.Version == update.Code.Version &&
		maps.Equal(last.Inputs, update.Inputs) && slices.Equal(last.Changed, update.Changed) {
		return last.Record, Unchanged, m.publish(ctx, last)
	}
	h, err := m.head(ctx, key)
	if err != nil {
		return fail(err)
	}
	update.Key = key
	if h.newest == nil || h.newest.Seq > last.Seq {
		return m.overtaken(ctx, update)
	}
	e := &entry{Record: update}
	e.Seq, e.Adopted = h.top+1, source.Adopted
	e.useDataOf(source)
	outcome := Unchanged
	if source.DataVersion != last.DataVersion {
		outcome = Succeeded
	}
	if source.File != last.File {
		if err := checkRun(e.Run); err != nil {
			return fail(err)
		}
		e.File = dataName(key, e.Run, e.Attempt, filepath.Ext(source.File))
		if err := m.linkData(ctx, source.File, e); err != nil {
			return fail(err)
		}
	}
	return m.append(ctx, e, last, outcome)
}

// linkData makes the entry's data a file with the bytes of another version, which retention may delete meanwhile.
func (m *Manager) linkData(ctx context.Context, from string, e *entry) error {
	var err error
	for range tries {
		if m.folder != nil {
			err = m.folder.Link(ctx, from, e.File)
		} else {
			err = m.createCopy(ctx, from, e.File)
		}
		if !errors.Is(err, store.ErrAmbiguous) && !errors.Is(err, store.ErrUnreachable) {
			break
		}
	}
	if errors.Is(err, store.ErrExists) {
		same, err2 := m.holds(ctx, e.File, e.Bytes, e.Sum)
		if same || err2 != nil {
			return err2
		}
	}
	return err
}

func (m *Manager) createCopy(ctx context.Context, from, to string) error {
	r, _, err := m.st.Open(ctx, from)
	if err != nil {
		return err
	}
	defer r.Close()
	return m.st.CreateIfAbsent(ctx, to, r)
}

// Adopt makes data that something else wrote at a well-known path a version of the asset, without running anything. Of record the
// fields count that Draft names. The answer is the newest record: when somebody else commits meanwhile, theirs. The error wraps
// fs.ErrNotExist when there is no such data.
func (m *Manager) Adopt(ctx context.Context, key graph.Key, record graph.Record) (graph.Record, error) {
	key = key.Bare()
	fail := func(err error) (graph.Record, error) {
		return graph.Record{}, fmt.Errorf("adopt %s: %w", key, err)
	}
	record.Key = key
	if err := (&Draft{Format: FormatNone}).check(record); err != nil {
		return fail(err)
	}
	if err := m.startWriting(ctx); err != nil {
		return graph.Record{}, err
	}
	h, err := m.head(ctx, key)
	if err != nil {
		return fail(err)
	}
	name := ""
	if h.newest != nil && h.newest.File != "" {
		name = h.newest.wellKnown()
	} else if name, err = m.findForeign(ctx, key); err != nil {
		return fail(err)
	}
	if name == "" {
		return fail(diag.New("storage", "there is no data: %w", fs.ErrNotExist))
	}
	e := &entry{Record: record}
	e.Seq, e.Adopted, e.File = h.top+1, true, dataName(key, record.Run, record.Attempt, suffixOf(key, name))
	temp, err := m.tempFor(e.File)
	if err == nil {
		err = m.fetch(ctx, name, temp)
	}
	if err == nil {
		err = m.describe(ctx, e, temp)
	}
	if err != nil {
		return fail(errors.Join(err, removed(temp)))
	}
	defer func() { _ = os.Remove(temp) }() // it is gone already when it was placed
	if err := m.placeData(ctx, temp, e); err != nil {
		return fail(err)
	}
	adopted, _, err := m.append(ctx, e, h.newest, Succeeded)
	return adopted, err
}

// copyFile copies a local file to a path that is free.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// removed removes a file that need not be there.
func removed(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
