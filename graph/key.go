package graph

import (
	"fmt"
	"strings"
)

// A Key is the name of an asset: one or more segments, written with slashes, as in "marts/orders". When two locations
// define one key, each of the two is a Key that carries its location as well, written "location::marts/orders".
// One partition of an asset has a Key as well, made by [Key.At] and written "marts/orders[2026-11-01]": steps, records and what is
// stored are of such keys, definitions never are. What a partition is called is free text, so such a key is foreign text.
//
// Keys are comparable and usable as map keys. The zero Key names nothing. [ParseKey] is the only constructor of an asset's.
type Key struct{ text string }

// Limits of a key. A key becomes a file name in the storage, so it must fit one even when "/" is written "%2F".
const (
	maxKeyBytes     = 200
	maxSegmentBytes = 100
)

// ParseKey checks text against the grammar of keys and returns the Key it names. Each segment begins with an ASCII letter, a
// digit or "_" and goes on with these, ".", "-"; it has at most 100 bytes, the whole key at most 200.
// Before the segments may stand a location's name and "::". The error says what is wrong with which segment.
func ParseKey(text string) (Key, error) {
	location, path, qualified := strings.Cut(text, "::")
	if !qualified {
		path = text
	} else if location == "" || len(location) > maxSegmentBytes || strings.ContainsFunc(location, badInLocation) {
		return Key{}, fmt.Errorf("asset key %q: %q is no location name", text, location)
	}
	if path == "" {
		return Key{}, fmt.Errorf("asset key %q is empty", text)
	}
	if len(text) > maxKeyBytes {
		return Key{}, fmt.Errorf("asset key %.40q… has %d bytes, more than %d", text, len(text), maxKeyBytes)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if err := checkSegment(segment); err != nil {
			return Key{}, fmt.Errorf("asset key %q: %w", text, err)
		}
	}
	return Key{text}, nil
}

// MustKey is ParseKey for keys that stand in the source text. It panics on a bad key.
func MustKey(text string) Key {
	k, err := ParseKey(text)
	if err != nil {
		panic(err)
	}
	return k
}

func checkSegment(segment string) error {
	switch {
	case segment == "":
		return fmt.Errorf("a segment between slashes is empty")
	case len(segment) > maxSegmentBytes:
		return fmt.Errorf("segment %.20q… has %d bytes, more than %d", segment, len(segment), maxSegmentBytes)
	}
	for i := range len(segment) {
		c := segment[i]
		word := c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !word && (i == 0 || c != '.' && c != '-') {
			return fmt.Errorf("segment %q has %q at byte %d; allowed are letters, digits and _, after the first also . and -", segment, segment[i:i+1], i+1)
		}
	}
	return nil
}

func badInLocation(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' }

// String returns the key as it is written everywhere: segments joined by slashes, behind "location::" and before "[partition]" where
// it has these.
func (k Key) String() string { return k.text }

// IsZero reports whether k names nothing.
func (k Key) IsZero() bool { return k.text == "" }

// Bare returns the key without its location.
func (k Key) Bare() Key {
	if end := k.location(); end >= 0 {
		return Key{k.text[end+len("::"):]}
	}
	return k
}

// In returns the key as the one that location defines, for keys that several locations define.
func (k Key) In(location string) Key { return Key{location + "::" + k.Bare().text} }

// Location returns the location that is part of the key, "" for almost all keys.
func (k Key) Location() string {
	if end := k.location(); end >= 0 {
		return k.text[:end]
	}
	return ""
}

// location returns where the location that is part of the key ends, -1 when none is: two colons in the name of a partition are none.
func (k Key) location() int {
	end := strings.Index(k.text, "::")
	if open := k.open(); open >= 0 && open < end {
		return -1
	}
	return end
}

// open returns where the name of the partition begins, with its bracket; -1 when the key is an asset's.
func (k Key) open() int {
	if k.text == "" || k.text[len(k.text)-1] != ']' {
		return -1
	}
	return strings.IndexByte(k.text, '[')
}

// At returns the key of one partition of the asset; "" is none, and then it is the asset's.
func (k Key) At(partition string) Key {
	k = k.Asset()
	if partition == "" {
		return k
	}
	return Key{k.text + "[" + partition + "]"}
}

// Partition returns the partition that is part of the key, "" for the key of an asset.
func (k Key) Partition() string {
	if open := k.open(); open >= 0 {
		return k.text[open+1 : len(k.text)-1]
	}
	return ""
}

// Asset returns the key without a partition.
func (k Key) Asset() Key {
	if open := k.open(); open >= 0 {
		return Key{k.text[:open]}
	}
	return k
}

// Compare orders keys as text.
func (k Key) Compare(other Key) int { return strings.Compare(k.text, other.text) }

// MarshalText makes keys plain strings in JSON, also as names of an object.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.text), nil }

// UnmarshalText is the inverse of MarshalText; it checks the grammar.
func (k *Key) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*k = Key{}
		return nil
	}
	written := Key{string(text)}
	parsed, err := ParseKey(written.Asset().text)
	if err == nil {
		*k = parsed.At(written.Partition())
	}
	return err
}
