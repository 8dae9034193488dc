package main

import (
	"encoding"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Money is an amount in cents, so that sums are exact. In a table it is a decimal: with these two methods and the option
// decimal(12,2) in the tag, any type can be one.
type Money int64

var (
	_ encoding.TextMarshaler   = Money(0)
	_ encoding.TextUnmarshaler = new(Money)
)

// MarshalText writes the amount as "12.34".
func (m Money) MarshalText() ([]byte, error) {
	sign, cents := "", int64(m)
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Appendf(nil, "%s%d.%02d", sign, cents/100, cents%100), nil
}

// UnmarshalText reads what MarshalText writes.
func (m *Money) UnmarshalText(text []byte) error {
	whole, fraction, _ := strings.Cut(string(text), ".")
	cents, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if err != nil || whole == "" || len(fraction) > 2 {
		return fmt.Errorf("%q is no amount of money", text)
	}
	*m = Money(cents)
	return nil
}

// Float is the amount in whole units, for statistics.
func (m Money) Float() float64 { return float64(m) / 100 }

// round rounds to a number of decimal places.
func round(x float64, places int) float64 {
	scale := math.Pow10(places)
	return math.Round(x*scale) / scale
}
