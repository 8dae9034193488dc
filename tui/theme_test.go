package tui

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The backgrounds that the tuned palettes are made for: from black to the greys of dark editors, and from white down to the palest.
var backgrounds = [2][]string{{"#ffffff", "#fafafa"}, {"#000000", "#1e1e1e", "#282c34"}}

// The least contrast of text and of signs (WCAG 2, AA), and the least distance of two statuses in Oklab, where 0.02 can just be seen.
const leastText, leastSign, leastApart = 4.5, 3, 0.07

// A vision turns linear RGB into what somebody sees who lacks one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1).
var visions = map[string][3]rgb{
	"all cones":    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"deuteranopia": {{.367322, .860646, -.227968}, {.280085, .672501, .047413}, {-.011820, .042940, .968881}},
	"protanopia":   {{.152286, 1.052583, -.204868}, {.114503, .786281, .099216}, {-.003882, -.048116, 1.051998}},
}

type rgb [3]float64 // linear light, 0 to 1

func linear(v uint8) float64 {
	f := float64(v) / 255
	if f <= .04045 {
		return f / 12.92
	}
	return math.Pow((f+.055)/1.055, 2.4)
}

func ofHex(text string) rgb {
	var r, g, b uint8
	if _, err := fmt.Sscanf(text, "#%02x%02x%02x", &r, &g, &b); err != nil {
		panic(err)
	}
	return rgb{linear(r), linear(g), linear(b)}
}

// ofCode is the colour that an SGR code of one of the 256 asks for.
func ofCode(t *testing.T, code string) rgb {
	t.Helper()
	_, number, ok := strings.Cut(code, "38;5;")
	n, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil || n < 16 || n > 255:
		t.Fatalf("%q is none of the 256 colours that all terminals show alike", code)
	case n >= 232:
		v := linear(uint8(8 + 10*(n-232)))
		return rgb{v, v, v}
	}
	steps := []uint8{0, 95, 135, 175, 215, 255}
	n -= 16
	return rgb{linear(steps[n/36]), linear(steps[n/6%6]), linear(steps[n%6])}
}

func luminance(c rgb) float64 { return .2126*c[0] + .7152*c[1] + .0722*c[2] }

func contrast(a, b rgb) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func (c rgb) seenBy(vision [3]rgb) rgb {
	var out rgb
	for i, row := range vision {
		out[i] = max(0, min(1, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
	}
	return out
}

// apart is the distance of two colours in Oklab.
func apart(a, b rgb) float64 {
	lab := func(c rgb) [3]float64 {
		l := math.Cbrt(.4122214708*c[0] + .5363325363*c[1] + .0514459929*c[2])
		m := math.Cbrt(.2119034982*c[0] + .6806995451*c[1] + .1073969566*c[2])
		s := math.Cbrt(.0883024619*c[0] + .2817188376*c[1] + .6299787005*c[2])
		return [3]float64{.2104542553*l + .7936177850*m - .0040720468*s, 1.9779984951*l - 2.4285922050*m + .4505937099*s, .0259040371*l + .7827717662*m - .8086757660*s}
	}
	x, y := lab(a), lab(b)
	return math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
}

// TestPalettes measures the tuned palettes: everything is legible, and each status has a colour that people with and without
// colour blindness tell from the others.
func TestPalettes(t *testing.T) {
	for i, of := range palettes[tuned] {
		name := []string{"light", "dark"}[i]
		for use, code := range map[string]string{
			"dim": of.dim, "focus": of.focus, "good": of.good, "warn": of.warn, "bad": of.bad, "busy": of.busy, "info": of.info, "odd": of.odd, "border": of.border,
		} {
			least := leastText
			if use == "border" {
				least = leastSign
			}
			for _, background := range backgrounds[i] {
				if got := contrast(ofCode(t, code), ofHex(background)); got < least {
					t.Errorf("%s on %s background %s has a contrast of %.2f, want at least %v", use, name, background, got, least)
				}
			}
		}
		statuses := []string{of.good, of.warn, of.bad, of.busy, of.info, of.odd}
		for vision, matrix := range visions {
			for j, a := range statuses {
				for _, b := range statuses[:j] {
					if got := apart(ofCode(t, a).seenBy(matrix), ofCode(t, b).seenBy(matrix)); got < leastApart {
						t.Errorf("%s and %s on a %s background are only %.3f apart with %s, want at least %v", a, b, name, got, vision, leastApart)
					}
				}
			}
		}
	}
}

// TestContrast holds what the measures are made of against figures of the standards.
func TestContrast(t *testing.T) {
	white, black, red, green := ofHex("#ffffff"), ofHex("#000000"), ofHex("#cc0000"), ofHex("#4e9a06")
	if got := contrast(white, black); math.Abs(got-21) > .01 {
		t.Errorf("white on black: got %v, want 21", got)
	}
	if got := contrast(white, ofHex("#767676")); math.Abs(got-4.54) > .01 {
		t.Errorf("#767676 on white: got %v, want 4.54", got)
	}
	if seen := apart(red.seenBy(visions["deuteranopia"]), green.seenBy(visions["deuteranopia"])); seen > .6*apart(red, green) {
		t.Errorf("red and green are as far apart with deuteranopia (%.3f) as without (%.3f)", seen, apart(red, green))
	}
}

// TestGlyphsTellStatusesApart: without any colour, each status that a person has to tell from the others has a sign of its own.
func TestGlyphsTellStatusesApart(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		th := newTheme(true, noColours, ascii)
		seen := map[string]string{}
		for _, word := range slices.Sorted(maps.Keys(th.G.Words)) {
			switch word {
			case "ready", "want": // of the run alone, both wait as queued does
				continue
			}
			if other := seen[th.glyph(word)]; other != "" {
				t.Errorf("%s and %s are both %q", other, word, th.glyph(word))
			}
			seen[th.glyph(word)] = word
		}
	}
}

// TestThemeNeedsBackground: colours that are legible on one background only are used when it is known which one it is.
func TestThemeNeedsBackground(t *testing.T) {
	for _, test := range []struct {
		theme             string
		many, known, dark bool
		want              Style
	}{
		{"auto", true, false, true, "\x1b[32m"},
		{"auto", true, true, true, Style("\x1b[" + palettes[tuned][1].good + "m")},
		{"auto", true, true, false, Style("\x1b[" + palettes[tuned][0].good + "m")},
		{"auto", false, true, true, "\x1b[32m"},
		{"light", true, false, true, Style("\x1b[" + palettes[tuned][0].good + "m")},
		{"light", false, false, true, "\x1b[32m"},
		{"terminal", true, true, true, "\x1b[32m"},
		{"mono", true, true, true, ""},
	} {
		m := &Model{}
		m.caps.Color, m.caps.Many, m.caps.Known, m.caps.Dark = true, test.many, test.known, test.dark
		if m.setTheme(test.theme); m.th.Good != test.want {
			t.Errorf("%+v: got %q", test, m.th.Good)
		}
	}
}
