package packed

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const line = "a test 1\n"

// TestRoundTrip: what was written comes back, in order, and nothing after it.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := append(rapid.SliceOf(rapid.Int64()).Draw(t, "numbers"), 0, -1, math.MaxInt64, math.MinInt64)
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		var w Writer
		for _, n := range numbers {
			w.Number(n)
			w.Flag(n > 0)
		}
		w.Texts(texts)
		w.Number(2)
		body, ok := Open(line, Seal(line, w.Out))
		if !ok {
			t.Fatal("what was sealed does not open")
		}
		r := Reader{In: body}
		for _, n := range numbers {
			if got := r.Number(); got != n {
				t.Fatalf("got %d, want %d", got, n)
			}
			if got := r.Flag(); got != (n > 0) {
				t.Fatalf("flag of %d: got %t", n, got)
			}
		}
		if got := r.Texts(); !slices.Equal(got, texts) {
			t.Fatalf("got %q, want %q", got, texts)
		}
		if got := r.Index(3); got != 2 || r.Bad || r.In != "" {
			t.Fatalf("got %d, bad %t, left %q", got, r.Bad, r.In)
		}
	})
}

// TestDamage: no file with another line or another byte opens.
func TestDamage(t *testing.T) {
	whole := Seal(line, []byte("some body"))
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x20
		if _, ok := Open(line, damaged); ok {
			t.Errorf("byte %d changed, and it opens", i)
		}
		if _, ok := Open(line, whole[:i]); ok {
			t.Errorf("cut off at byte %d, and it opens", i)
		}
	}
}

func TestBad(t *testing.T) {
	for _, test := range []struct {
		name string
		in   string
		read func(r *Reader)
	}{
		{"nothing", "", func(r *Reader) { r.Number() }},
		{"a number that goes on", "\x80\x80", func(r *Reader) { r.Number() }},
		{"a number that goes on for ever", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", func(r *Reader) { r.Number() }},
		{"a text longer than the rest", "\x06ab", func(r *Reader) { _ = r.Text() }},
		{"a text of negative length", "\x01ab", func(r *Reader) { _ = r.Text() }},
		{"a list longer than the rest", "\x06ab", func(r *Reader) { r.Texts() }},
		{"an index too high", "\x06", func(r *Reader) { r.Index(3) }},
		{"an index too low", "\x01", func(r *Reader) { r.Index(3) }},
	} {
		r := Reader{In: test.in}
		if test.read(&r); !r.Bad || r.In != "" {
			t.Errorf("%s: bad is %t, and %q is left", test.name, r.Bad, r.In)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("\x04\x02a\x02b")
	f.Fuzz(func(t *testing.T, in string) {
		r := Reader{In: in}
		for r.In != "" && !r.Bad {
			before := len(r.In)
			r.Texts()
			if len(r.In) >= before {
				t.Fatal("it does not end")
			}
		}
	})
}
