package iomanager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/iomanager/store"
)

// The codec of records, and the names of what is stored. FORMAT.md is the specification; a change here is a change there.
//
//	(a) What encode writes, decode reads back as the same value, except that times lose what JSON cannot say and durations what is below a millisecond.
//	(b) decode accepts only what a writer of FORMAT.md may write: whatever passes it can be used without further checks.
//	(c) A record is never written twice, so a field that this version does not know cannot get lost.

// Format is the number of the storage format that this version writes. It reads all from 1 on.
const Format = 1

const (
	ours       = ".assetdev"
	formatName = ours + "/format.json"
	dataFolder = ours + "/data"
	logFolder  = ours + "/log"
)

// maxMS is the longest duration of a step.
const maxMS = 1 << 40

// maxRecord is the largest record that is read, in bytes.
const maxRecord = 16 << 20

// errNewer: something was written by a version of assetdev whose format this one does not know.
var errNewer = errors.New("written by a newer assetdev; update this one")

// An entry is a record with what the storage alone needs to know of its data.
type entry struct {
	graph.Record
	Sum       string // of the bytes of the data file, as sumOf returns it
	Content   string // data version computed from the data, where the author gave another; else ""
	Unordered bool   // Content, or else DataVersion, was computed without regard to the order of rows
}

// isTable reports whether the entry's data is a table.
func (e *entry) isTable() bool { return path.Ext(e.File) == ".parquet" }

// content returns the data version that describes the data itself.
func (e *entry) content() string {
	if e.Content != "" {
		return e.Content
	}
	return e.DataVersion
}

// wellKnown returns the name of the copy that others read.
func (e *entry) wellKnown() string { return wellKnown(e.Key, path.Ext(e.File)) }

// sameStep reports whether the entry is the commit of this attempt of this run.
func (e *entry) sameStep(run string, attempt int) bool { return e.Run == run && e.Attempt == attempt }

func wellKnown(key graph.Key, suffix string) string {
	key = key.Bare()
	if partition := key.Partition(); partition != "" {
		return key.Asset().String() + "/" + graph.PartitionSegment(partition) + suffix
	}
	return key.String() + suffix
}

// folderOf returns the name of the folder that a key has in the data and the log. That of a partition lies in one that is no asset's:
// who knows nothing of partitions leaves it alone.
func folderOf(key graph.Key) string {
	key = key.Bare()
	folder := strings.ReplaceAll(key.Asset().String(), "/", "%2F")
	if partition := key.Partition(); partition != "" {
		return folder + partitionsMark + graph.PartitionSegment(partition)
	}
	return folder
}

// partitionsMark ends the name of the folder in which an asset's partitions have theirs.
const partitionsMark = "@/"

// keyOf is the inverse of folderOf for an asset's folder.
func keyOf(folder string) (graph.Key, bool) {
	key, err := graph.ParseKey(strings.ReplaceAll(folder, "%2F", "/"))
	return key, err == nil && key.Location() == "" && folderOf(key) == folder
}

// partitionOf is the inverse of graph.PartitionSegment. whole is false for one that was cut; ok is false for what that does not return.
func partitionOf(segment string) (partition string, whole, ok bool) {
	if strings.Contains(segment, graph.CutMark) {
		return "", false, true
	}
	partition, err := url.PathUnescape(segment)
	return partition, true, err == nil && partition != "" && graph.PartitionSegment(partition) == segment
}

func logOf(key graph.Key) string { return logFolder + "/" + folderOf(key) }

func recordName(key graph.Key, seq int64) string {
	return fmt.Sprintf("%s/%020d.json", logOf(key), seq)
}

// seqOf returns the number of the record with that name.
func seqOf(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(path.Base(name), ".json")
	if !ok || len(digits) != 20 {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 63)
	return int64(seq), err == nil && seq > 0
}

// dataName returns the name of the data of one attempt of one run.
func dataName(key graph.Key, run string, attempt int, suffix string) string {
	return fmt.Sprintf("%s/%s/%s-%d%s", dataFolder, folderOf(key), run, attempt, suffix)
}

// isDataName reports whether the last segment of a name is one that dataName makes.
func isDataName(base string) bool {
	suffix := path.Ext(base)
	run, attempt, ok := cutLast(strings.TrimSuffix(base, suffix), "-")
	n, err := strconv.Atoi(attempt)
	return ok && err == nil && n > 0 && strconv.Itoa(n) == attempt && checkRun(run) == nil && checkSuffix(suffix) == nil
}

func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// checkRun accepts what can be part of a file name and holds no dot, so that a suffix can be told from it.
func checkRun(run string) error {
	if run == "" || len(run) > 100 || strings.ContainsFunc(run, func(r rune) bool { return !wordRune(r) && r != '-' }) {
		return fmt.Errorf("run id %q is not of letters, digits, _ and -", run)
	}
	return nil
}

func checkSuffix(suffix string) error {
	if suffix == "" {
		return nil
	}
	if suffix[0] != '.' || len(suffix) < 2 || len(suffix) > 17 || strings.ContainsFunc(suffix[1:], func(r rune) bool { return !wordRune(r) }) {
		return fmt.Errorf("suffix %q is not a dot and up to 16 letters, digits and _", suffix)
	}
	return nil
}

func wordRune(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// A fileRecord is a record as JSON. Names are those of "materialized" in the command line's JSON where it has them.
type fileRecord struct {
	Format      int                  `json:"format"`
	Key         string               `json:"key"`
	Seq         int64                `json:"seq"`
	Run         string               `json:"run"`
	Attempt     int                  `json:"attempt"`
	Location    string               `json:"location,omitempty"`
	At          time.Time            `json:"at"`
	MS          int64                `json:"ms"`
	Rows        int64                `json:"rows"`
	Bytes       int64                `json:"bytes"`
	DataVersion string               `json:"data_version"`
	CodeVersion string               `json:"code_version"`
	CodeAuthor  bool                 `json:"code_author,omitempty"`
	CodeCoarse  string               `json:"code_coarse,omitempty"`
	CodeParts   []filePart           `json:"code_parts,omitempty"`
	File        string               `json:"file,omitempty"`
	Sum         string               `json:"sum,omitempty"`
	Content     string               `json:"content,omitempty"`
	Unordered   bool                 `json:"unordered,omitempty"`
	Partition   string               `json:"partition,omitempty"`
	Inputs      map[graph.Key]string `json:"inputs"`
	Changed     []string             `json:"changed,omitempty"`
	Columns     []fileColumn         `json:"columns,omitempty"`
	Metadata    map[string]string    `json:"metadata,omitempty"`
	Git         *graph.Git           `json:"git,omitempty"`
	Adopted     bool                 `json:"adopted,omitempty"`
	By          string               `json:"by,omitempty"`
	Checks      []fileCheck          `json:"checks,omitempty"`
	Reads       []fileRead           `json:"reads,omitempty"`
}

type fileRead struct {
	Path string `json:"path"`
	Hash string `json:"hash"`
}

type fileCheck struct {
	Name     string            `json:"name"`
	Passed   bool              `json:"passed"`
	Severity string            `json:"severity"`
	Blocking bool              `json:"blocking,omitempty"`
	At       time.Time         `json:"at"`
	Text     string            `json:"text,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

type filePart struct {
	Kind   string `json:"kind"`
	Symbol string `json:"symbol"`
	Hash   string `json:"hash"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// Parts are most of a record, and package json takes longer for them than everything else takes that a first look at a storage does. So
// those that encode writes are cut out and read by hand; whatever looks different is left to package json.
const partsBegin, partsEnd = "\n \"code_parts\": [", "\n ]"

// cutParts returns the record without its parts, and those; ok is false when they are not as encode writes them. A text cannot hold
// a newline, so what is found is at the top of the record.
func cutParts(data []byte) (rest []byte, parts []filePart, ok bool) {
	begin := bytes.Index(data, []byte(partsBegin))
	if begin < 0 {
		return nil, nil, false
	}
	begin += len(partsBegin) - 1
	length := bytes.Index(data[begin:], []byte(partsEnd))
	if length < 0 {
		return nil, nil, false
	}
	end := begin + length + len(partsEnd)
	if parts, ok = parseParts(string(data[begin:end])); !ok {
		return nil, nil, false
	}
	rest = slices.Concat(data[:begin], []byte("null"), data[end:])
	return rest, parts, bytes.Count(bytes.ToLower(rest), []byte("code_parts")) == 1 && !bytes.ContainsRune(rest, '\\')
}

// parseParts reads parts as encode writes them; ok is false for any other text, of which package json knows whether it is one.
func parseParts(in string) (parts []filePart, ok bool) {
	next := func(c byte) bool {
		in = strings.TrimLeft(in, " \n")
		if in == "" || in[0] != c {
			return false
		}
		in = in[1:]
		return true
	}
	text := func() (string, bool) {
		if !next('"') {
			return "", false
		}
		for i := range len(in) {
			switch c := in[i]; {
			case c == '"':
				found := in[:i]
				in = in[i+1:]
				return found, true
			case c == '\\' || c < ' ' || c >= 0x7f:
				return "", false
			}
		}
		return "", false
	}
	part := func() (p filePart, ok bool) {
		for {
			name, ok := text()
			if !ok || !next(':') {
				return p, false
			}
			in = strings.TrimLeft(in, " ")
			switch name {
			case "kind":
				p.Kind, ok = text()
			case "symbol":
				p.Symbol, ok = text()
			case "hash":
				p.Hash, ok = text()
			case "file":
				p.File, ok = text()
			case "line":
				end := strings.IndexFunc(in, func(r rune) bool { return r < '0' || r > '9' })
				if end <= 0 || end > 9 || in[0] == '0' {
					return p, false
				}
				p.Line, _ = strconv.Atoi(in[:end]) // up to 9 digits
				in = in[end:]
			default:
				return p, false
			}
			if !ok {
				return p, false
			}
			if !next(',') {
				return p, next('}')
			}
		}
	}
	if !next('[') {
		return nil, false
	}
	for {
		if !next('{') {
			return nil, false
		}
		p, ok := part()
		if !ok {
			return nil, false
		}
		parts = append(parts, p)
		if !next(',') {
			return parts, next(']') && strings.TrimLeft(in, " \n") == ""
		}
	}
}

type fileColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// partKinds are the words of graph.PartKind. A kind that this version does not know is read as code.
var partKinds = [...]string{graph.PartCode: "code", graph.PartFile: "file", graph.PartEnvironment: "environment"}

// encode returns the record as it is stored.
func encode(e *entry) ([]byte, error) {
	r := fileRecord{
		Format: Format, Key: e.Key.Asset().String(), Partition: e.Key.Partition(), Seq: e.Seq, Run: e.Run, Attempt: e.Attempt, Location: e.Location,
		At: e.At.Round(0), MS: e.Took.Milliseconds(), Rows: e.Rows, Bytes: e.Bytes, DataVersion: e.DataVersion,
		CodeVersion: e.Code.Version, CodeAuthor: e.Code.Author, CodeCoarse: e.Code.Coarse,
		File: e.File, Sum: e.Sum, Content: e.Content, Unordered: e.Unordered, Inputs: e.Inputs, Changed: e.Changed,
		Metadata: e.Metadata, Git: e.Git, Adopted: e.Adopted, By: e.By,
	}
	if r.Inputs == nil {
		r.Inputs = map[graph.Key]string{}
	}
	for _, p := range e.Code.Parts {
		if int(p.Kind) >= len(partKinds) {
			return nil, fmt.Errorf("part %q has the unknown kind %d", p.Symbol, p.Kind)
		}
		r.CodeParts = append(r.CodeParts, filePart{Kind: partKinds[p.Kind], Symbol: p.Symbol, Hash: p.Hash, File: p.File, Line: p.Line})
	}
	for _, c := range e.Columns {
		r.Columns = append(r.Columns, fileColumn(c))
	}
	for _, c := range e.Checks {
		c.At = c.At.Round(0)
		r.Checks = append(r.Checks, fileCheck(c))
	}
	for _, f := range e.Reads {
		r.Reads = append(r.Reads, fileRead(f))
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(r); err != nil {
		return nil, err
	}
	if out.Len() > maxRecord {
		return nil, fmt.Errorf("the record has %d bytes, more than %d", out.Len(), maxRecord)
	}
	return out.Bytes(), nil
}

// decode reads a record. The error says what is wrong with it; it wraps errNewer when its format is newer than Format.
func decode(data []byte) (*entry, error) {
	var r fileRecord
	rest, parts, cut := cutParts(data)
	if !cut {
		rest = data
	}
	err := json.Unmarshal(rest, &r)
	if cut {
		r.CodeParts = parts
	}
	if r.Format > Format {
		return nil, fmt.Errorf("format %d: %w", r.Format, errNewer)
	} else if err != nil {
		return nil, err
	}
	key, err := graph.ParseKey(r.Key)
	if err != nil {
		return nil, err
	}
	e := &entry{
		Record: graph.Record{
			Key: key.At(r.Partition), Seq: r.Seq, Run: r.Run, Attempt: r.Attempt, Location: r.Location, At: r.At, Took: time.Duration(r.MS) * time.Millisecond,
			Rows: r.Rows, Bytes: r.Bytes, DataVersion: r.DataVersion, File: r.File, Inputs: r.Inputs, Changed: r.Changed,
			Code:     graph.Code{Version: r.CodeVersion, Author: r.CodeAuthor, Coarse: r.CodeCoarse},
			Metadata: r.Metadata, Git: r.Git, Adopted: r.Adopted, By: r.By,
		},
		Sum: r.Sum, Content: r.Content, Unordered: r.Unordered,
	}
	for _, p := range r.CodeParts {
		part := graph.Part{Symbol: p.Symbol, Hash: p.Hash, File: p.File, Line: p.Line}
		for kind, word := range partKinds {
			if word == p.Kind {
				part.Kind = graph.PartKind(kind)
			}
		}
		e.Code.Parts = append(e.Code.Parts, part)
	}
	for _, c := range r.Columns {
		e.Columns = append(e.Columns, graph.Column(c))
	}
	for _, c := range r.Checks {
		e.Checks = append(e.Checks, graph.CheckResult(c))
	}
	for _, f := range r.Reads {
		e.Reads = append(e.Reads, graph.Read(f))
	}
	if r.Format < 1 {
		return nil, errors.New("no format number")
	}
	if r.MS > maxMS {
		return nil, fmt.Errorf("%d ms is no duration", r.MS)
	}
	return e, e.check()
}

// check returns what a reader could not rely on.
func (e *entry) check() error {
	switch {
	case e.Key.IsZero() || e.Key.Location() != "":
		return fmt.Errorf("%q is no key of a record", e.Key)
	case e.Seq < 1:
		return fmt.Errorf("number %d is not positive", e.Seq)
	case e.Attempt < 1:
		return fmt.Errorf("attempt %d is not positive", e.Attempt)
	case e.Bytes < 0 || e.Rows < -1 || e.Took < 0:
		return fmt.Errorf("%d rows, %d bytes in %v: a size is negative", e.Rows, e.Bytes, e.Took)
	case e.DataVersion == "":
		return errors.New("it has no data version")
	}
	if _, ok := e.Inputs[graph.Key{}]; ok {
		return errors.New("an input has no key")
	}
	if partition := e.Key.Partition(); partition != "" {
		if err := graph.CheckPartition(partition); err != nil {
			return err
		}
	}
	if err := checkRun(e.Run); err != nil {
		return err
	}
	if e.File == "" {
		return nil
	}
	if err := store.CheckName(e.File); err != nil {
		return err
	}
	if folder, base := path.Split(e.File); folder != dataFolder+"/"+folderOf(e.Key)+"/" || !isDataName(base) {
		return fmt.Errorf("file %q is no data of %s", e.File, e.Key)
	}
	if e.Sum == "" {
		return errors.New("it has no sum of its data")
	}
	return nil
}
