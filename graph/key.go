package graph

import (
	"fmt"
	"strings"
)

// A Key is the name of an asset: one or more segments, written with slashes, as in "marts/orders". When two locations
// define one key, each of the two is a Key that carries its location as well, written "location::marts/orders".
//
// Keys are comparable and usable as map keys. The zero Key names nothing. [ParseKey] is the only constructor.
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

// String returns the key as it is written everywhere: segments joined by slashes, behind "location::" where it has one.
func (k Key) String() string { return k.text }

// IsZero reports whether k names nothing.
func (k Key) IsZero() bool { return k.text == "" }

// Bare returns the key without its location.
func (k Key) Bare() Key {
	if _, path, ok := strings.Cut(k.text, "::"); ok {
		return Key{path}
	}
	return k
}

// In returns the key as the one that location defines, for keys that several locations define.
func (k Key) In(location string) Key { return Key{location + "::" + k.Bare().text} }

// Location returns the location that is part of the key, "" for almost all keys.
func (k Key) Location() string {
	if location, _, ok := strings.Cut(k.text, "::"); ok {
		return location
	}
	return ""
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
	parsed, err := ParseKey(string(text))
	if err == nil {
		*k = parsed
	}
	return err
}
