package wire

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// The formats of data, in [Hello.Reads], [Hello.Writes] and [Result.Format].
const (
	Arrow   = "arrow"   // an Arrow IPC file
	Parquet = "parquet" // a Parquet file
	Opaque  = "opaque"  // a file that is no table; a result only
	None    = "none"    // no file; a result only
	Skipped = "skipped" // the step chose not to make this asset; in [Result.Outputs] only
)

// Levels of a Log.
const (
	LevelDebug   = "debug"
	LevelInfo    = "info"
	LevelWarning = "warning"
	LevelError   = "error"
)

func (m Message) known() bool {
	switch m.Type {
	case TypeHello, TypeAsset, TypeDefinitions, TypeLog, TypeProgress, TypeMetadata, TypeCheck, TypePartitions, TypeMapping, TypeMade, TypeModules, TypeFiles, TypeResult, TypeError:
		return true
	}
	return false
}

// Check reports what a message lacks that its type requires. A message of an unknown type is fine.
func (m Message) Check() error {
	missing := func(field string) error { return fmt.Errorf("a message of type %q needs the field %q", m.Type, field) }
	switch m.Type {
	case "":
		return errors.New(`a message needs the field "type"`)
	case TypeHello:
		if m.Hello == nil {
			return missing("hello")
		}
		if m.Hello.Protocol < 1 {
			return fmt.Errorf("hello: protocol %d is not a protocol number", m.Hello.Protocol)
		}
	case TypeAsset:
		if m.Asset == nil {
			return missing("asset")
		}
		return m.Asset.Check()
	case TypeDefinitions:
		if m.Definitions == nil {
			return missing("definitions")
		}
		for _, p := range m.Definitions.Problems {
			if p.Message == "" {
				return errors.New("definitions: a problem has no message")
			}
		}
	case TypeLog:
		if m.Log == nil {
			return missing("log")
		}
		if !slices.Contains([]string{LevelDebug, LevelInfo, LevelWarning, LevelError}, m.Log.Level) {
			return fmt.Errorf("log: level %q is none of debug, info, warning, error", m.Log.Level)
		}
	case TypeProgress:
		if m.Progress == nil {
			return missing("progress")
		}
		if f := m.Progress.Fraction; math.IsNaN(f) || f > 1 {
			return fmt.Errorf("progress: fraction %v is more than 1", f)
		}
	case TypeMetadata:
		if m.Metadata == nil {
			return missing("metadata")
		}
	case TypeResult:
		if m.Result == nil {
			return missing("result")
		}
		for _, o := range m.Result.Outputs {
			if err := CheckKey(o.Asset); err != nil {
				return fmt.Errorf("result: %w", err)
			}
			if !slices.Contains([]string{Arrow, Parquet, Opaque, None, Skipped}, o.Format) || o.Rows < 0 {
				return fmt.Errorf("result: asset %q: format %q is none of arrow, parquet, opaque, none, skipped, or %d rows", o.Asset, o.Format, o.Rows)
			}
		}
		if len(m.Result.Outputs) == 0 && !slices.Contains([]string{Arrow, Parquet, Opaque, None}, m.Result.Format) {
			return fmt.Errorf("result: format %q is none of arrow, parquet, opaque, none", m.Result.Format)
		}
		if m.Result.Rows < 0 {
			return fmt.Errorf("result: %d rows", m.Result.Rows)
		}
	case TypeCheck:
		if m.AssetCheck == nil {
			return missing("check")
		}
		if m.AssetCheck.Name == "" {
			return errors.New("check: it has no name")
		}
		return CheckKey(m.AssetCheck.Asset)
	case TypePartitions:
		if m.Partitions == nil {
			return missing("partitions")
		}
		if m.Partitions.ID == "" {
			return errors.New("partitions: they have no id")
		}
	case TypeMapping:
		if m.Mapping == nil {
			return missing("mapping")
		}
		return errors.Join(CheckKey(m.Mapping.Asset), CheckKey(m.Mapping.Input))
	case TypeMade:
		if m.Made == nil {
			return missing("made")
		}
		return CheckKey(m.Made.Asset)
	case TypeError:
		if m.Error == nil {
			return missing("error")
		}
		if m.Error.Message == "" {
			return errors.New("error: it has no message")
		}
	}
	return nil
}

// Check reports what is wrong with a request.
func (q Request) Check() error {
	switch q.Type {
	case Describe:
		return nil
	case Report:
		for _, r := range q.Reports {
			if err := CheckKey(r.Asset); err != nil {
				return fmt.Errorf("report: %w", err)
			}
		}
		return nil
	case Materialize:
	default:
		return fmt.Errorf("type %q is none of describe, materialize, report", q.Type)
	}
	if err := CheckKey(q.Asset); err != nil {
		return err
	}
	if q.Output == "" || !filepath.IsAbs(q.Output) {
		return fmt.Errorf("output %q is not an absolute path", q.Output)
	}
	for _, o := range q.Outputs {
		if err := CheckKey(o.Asset); err != nil {
			return err
		}
		if !filepath.IsAbs(o.Output) {
			return fmt.Errorf("output %q of %s is not an absolute path", o.Output, o.Asset)
		}
	}
	for _, in := range q.Inputs {
		if err := CheckKey(in.Asset); err != nil {
			return fmt.Errorf("input: %w", err)
		}
		for _, path := range []string{in.Parquet, in.Arrow, in.Opaque} {
			if path != "" && !filepath.IsAbs(path) {
				return fmt.Errorf("input %q: %q is not an absolute path", in.Asset, path)
			}
		}
	}
	return nil
}

// Check reports what is wrong with a definition by itself: a key outside the grammar, a negative number.
func (a Asset) Check() error {
	if err := CheckKey(a.Key); err != nil {
		return err
	}
	for _, keys := range [][]string{a.Inputs, a.Deps} {
		for _, key := range keys {
			if err := CheckKey(key); err != nil {
				return fmt.Errorf("asset %q depends on: %w", a.Key, err)
			}
		}
	}
	if a.MaxAgeMS < 0 || a.TimeoutMS < 0 || a.Retries < 0 || a.Line < 0 {
		return fmt.Errorf("asset %q: a number is negative", a.Key)
	}
	return nil
}

// Limits of a key, as in package graph, which owns the grammar. This package imports nothing of the house.
const (
	maxKey     = 200
	maxSegment = 100
)

// CheckKey reports what is wrong with an asset key: one or more segments of at most 100 bytes, joined by slashes, at most 200
// bytes in all. A segment begins with an ASCII letter, a digit or "_" and goes on with these, "." and "-".
func CheckKey(key string) error {
	if key == "" {
		return errors.New("the asset key is empty")
	}
	if len(key) > maxKey {
		return fmt.Errorf("asset key %.40q… has %d bytes, more than %d", key, len(key), maxKey)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" {
			return fmt.Errorf("asset key %q: a segment between slashes is empty", key)
		}
		if len(segment) > maxSegment {
			return fmt.Errorf("asset key %.40q…: a segment has %d bytes, more than %d", key, len(segment), maxSegment)
		}
		for i := range len(segment) {
			c := segment[i]
			word := c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
			if !word && (i == 0 || c != '.' && c != '-') {
				return fmt.Errorf("asset key %q: %q is not allowed; a segment has letters, digits and _, after the first also . and -", key, segment[i:i+1])
			}
		}
	}
	return nil
}
