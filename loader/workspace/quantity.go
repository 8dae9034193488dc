package workspace

// Sizes and durations as people write them.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "millisecond": time.Millisecond,
	"s": time.Second, "sec": time.Second, "second": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hour": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

var sizeUnits = map[string]float64{
	"b": 1, "byte": 1, "bytes": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseDuration parses one or more numbers, each with a unit: "10s", "1h30m", "1.5 hours", "30 days". Units are ms, s, m, h, d, w
// and their words. A day has 24 hours. The result is more than zero.
func ParseDuration(text string) (time.Duration, error) {
	total, rest := 0.0, strings.TrimSpace(text)
	for first := true; first || rest != ""; first = false {
		number, unit, after, err := quantity(rest)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration: %w", cut(text), err)
		}
		size, ok := durationUnits[unit]
		if !ok && len(unit) > 3 {
			size, ok = durationUnits[strings.TrimSuffix(unit, "s")]
		}
		switch {
		case unit == "":
			return 0, fmt.Errorf("%q has no unit", cut(text))
		case !ok:
			return 0, fmt.Errorf("%q has the unknown unit %q", cut(text), cut(unit))
		}
		total += number * float64(size)
		rest = after
	}
	switch {
	case total >= math.MaxInt64:
		return 0, fmt.Errorf("%q is too long", cut(text))
	case total < 1:
		return 0, fmt.Errorf("%q is no time at all", cut(text))
	}
	return time.Duration(total), nil
}

// ParseSize parses a number of bytes: "20GiB", "500 MB", "4096". MB is a million, MiB is 1024 times 1024; letter case does not
// count. The result is more than zero.
func ParseSize(text string) (int64, error) {
	number, unit, rest, err := quantity(strings.TrimSpace(text))
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no size: %w", cut(text), err)
	case rest != "":
		return 0, fmt.Errorf("%q is no size: unexpected %q", cut(text), cut(rest))
	}
	scale, ok := sizeUnits[unit]
	switch {
	case unit == "":
		scale = 1
	case !ok && len(unit) == 1 && strings.Contains("kmgt", unit):
		letter := strings.ToUpper(unit)
		return 0, fmt.Errorf("%q is ambiguous: write %siB or %sB", cut(text), letter, letter)
	case !ok:
		return 0, fmt.Errorf("%q has the unknown unit %q", cut(text), cut(unit))
	}
	total := number * scale
	switch {
	case total >= math.MaxInt64:
		return 0, fmt.Errorf("%q is too large", cut(text))
	case total < 1:
		return 0, fmt.Errorf("%q is less than a byte", cut(text))
	}
	return int64(total), nil
}

// quantity cuts a number and a lower-cased unit off the text.
func quantity(text string) (number float64, unit, rest string, err error) {
	digits := span(text, func(c byte) bool { return '0' <= c && c <= '9' || c == '.' })
	if digits == "" {
		return 0, "", "", errors.New("it does not begin with a number")
	}
	number, err = strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, "", "", fmt.Errorf("%q is no number", cut(digits))
	}
	rest = strings.TrimLeft(text[len(digits):], " ")
	letters := span(rest, func(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' })
	after := strings.TrimLeft(rest[len(letters):], " ")
	if letters == "" && rest != "" {
		return 0, "", "", fmt.Errorf("unexpected %q", cut(rest))
	}
	return number, strings.ToLower(letters), after, nil
}

// span returns the longest beginning of text all of whose bytes pass.
func span(text string, pass func(byte) bool) string {
	n := 0
	for n < len(text) && pass(text[n]) {
		n++
	}
	return text[:n]
}
