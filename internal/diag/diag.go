// Package diag is the one form of an error that a user reads: what is wrong, where, and what to do.
//
// The nouns: a [Pos] is a place in a file; an [Error] is one finding. An error with a place prints as
// "path:line:column: what", with the hint on a line of its own. Pure: no I/O, so that even package graph may use it.
package diag

import (
	"errors"
	"fmt"
	"strings"
)

// A Pos is a place in a file. Line and Column count from 1; 0 is unknown. The zero Pos is no place.
type Pos struct {
	File   string
	Line   int
	Column int // in characters, not bytes
}

// String returns "file:line:column" without the parts that are unknown.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// An Error is a finding that a user can act on.
type Error struct {
	Pos  Pos
	Kind string // for --json, one word: "usage", "workspace", "trust", "location", "storage", "asset", …
	What string // what is wrong: lower case, no full stop; user input in it is quoted with %q
	Hint string // what to do; may be several lines
	Err  error  // the cause, whose text is already in What where it matters; for errors.Is
}

// Error returns the finding on one line, with its place and without its hint.
func (e *Error) Error() string {
	if at := e.Pos.String(); at != "" {
		return at + ": " + e.What
	}
	return e.What
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an Error of the kind with the formatted text and, as its cause, what %w names.
func New(kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	cause := errors.Unwrap(err)
	if _, several := any(err).(interface{ Unwrap() []error }); several {
		cause = err
	}
	return &Error{Kind: kind, What: err.Error(), Err: cause}
}

// At sets the place of the error, and returns it.
func (e *Error) At(pos Pos) *Error { e.Pos = pos; return e }

// WithHint sets what to do about the error, and returns it.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Text returns the whole text of err as it is printed: "place: what" or "assetdev: what", then "hint: …" lines. Joined
// errors are printed one after the other. The text of nil is empty.
func Text(err error) string {
	var texts []string
	for _, e := range Findings(err) {
		text := e.Error()
		if e.Pos.File == "" {
			text = "assetdev: " + text
		}
		if e.Hint != "" {
			text += "\nhint: " + strings.ReplaceAll(e.Hint, "\n", "\n      ")
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "\n")
}

// Findings returns the errors that are joined in err, each as an Error: itself where it is one; with the place, kind and hint of
// the Error it wraps and its own words around that one's; or with nothing but its text.
func Findings(err error) []*Error {
	if err == nil {
		return nil
	}
	if e, ok := any(err).(*Error); ok {
		return []*Error{e}
	}
	if parts := joined(err); parts != nil {
		var all []*Error
		for _, part := range parts {
			all = append(all, Findings(part)...)
		}
		return all
	}
	var e *Error
	if !errors.As(err, &e) {
		return []*Error{{What: err.Error(), Err: err}}
	}
	what := strings.Replace(err.Error(), e.Error(), e.What, 1) // the place goes to the front
	return []*Error{{Pos: e.Pos, Kind: e.Kind, What: what, Hint: e.Hint, Err: err}}
}

// joined returns the parts of an error that [errors.Join] made. An error of [fmt.Errorf] with several %w says something of its own.
func joined(err error) []error {
	j, ok := any(err).(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var texts []string
	for _, part := range j.Unwrap() {
		texts = append(texts, part.Error())
	}
	if strings.Join(texts, "\n") != err.Error() {
		return nil
	}
	return j.Unwrap()
}

// Nearest returns the candidate that a mistyped word most likely meant, or "" when none is near. Distance is
// Damerau-Levenshtein (optimal string alignment) over lower-cased bytes, at most a third of the word's length, and at least 1.
// When nothing is that near, the shortest candidate that begins with the word is meant. Of equals the first wins.
func Nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(word, strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	for _, c := range candidates {
		if strings.HasPrefix(strings.ToLower(c), word) && (best == "" || len(c) < len(best)) {
			best = c
		}
	}
	return best
}

// distance returns the optimal string alignment distance of a and b, or limit when it is at least that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
