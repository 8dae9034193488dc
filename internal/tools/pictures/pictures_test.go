package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScreen(t *testing.T) {
	for _, test := range []struct{ name, written, want string }{
		{"lines", "ab\r\ncd", "ab\ncd\n\n"},
		{"movement", "abcdef\x1b[1;3HX\x1b[BY\x1b[2DZ\x1b[3d\x1b[4GW", "abXdef\n  ZY\n   W\n"},
		{"erasing", "abcdef\x1b[1;4H\x1b[K\x1b[2;1Hxyz\x1b[2;2H\x1b[1K\x1b[3;1Hlast\x1b[2;3H\x1b[J", "abc\n\n\n"},
		{"scrolling", "1\r\n2\r\n3\r\n4", "2\n3\n4\n"},
		{"wide and wrapped", "abcde店f", "abcde\n店f\n\n"},
		{"not shown", "\x1b]2;title\x07\x1b[?1049h\x1b[>q\x1b]11;?\x1b\\a\x1b7b", "ab\n\n\n"},
	} {
		whole, bytewise := newScreen(6, 3), newScreen(6, 3)
		whole.write([]byte(test.written))
		for i := range len(test.written) { // sequences and characters may come in pieces
			bytewise.write([]byte{test.written[i]})
		}
		for _, s := range []*screen{whole, bytewise} {
			if got := s.String(); got != test.want || len(s.odd) > 0 {
				t.Errorf("%s: got %q, want %q; not known: %q", test.name, got, test.want, s.odd)
			}
		}
	}
}

func TestStyles(t *testing.T) {
	s := newScreen(8, 1)
	s.write([]byte("a\x1b[1;36mb\x1b[22;39mc\x1b[2;94md\x1b[0;7me\x1b[0;38;5;121mf\x1b[48;5;1mg"))
	var got []style
	for _, c := range s.cells[0][:6] {
		got = append(got, c.style)
	}
	want := []style{plain, {fg: 6, bold: true}, plain, {fg: 12, dim: true}, {fg: -1, reverse: true}, {fg: 121}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(s.odd) == 0 {
		t.Error("a colour that pictures do not know is not reported")
	}
}

func TestFolderIsHidden(t *testing.T) {
	s := newScreen(30, 1)
	s.write([]byte("in /tmp/x/shop/data   07:30"))
	var text strings.Builder
	for _, c := range s.frame("/tmp/x")[0] {
		text.WriteString(c.text)
	}
	if got, want := strings.TrimRight(text.String(), " "), "in ~/shop/data        07:30"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPicture looks at what stands where: one text for words of one style, strokes for box characters, an area for a reverse cell.
func TestPicture(t *testing.T) {
	s := newScreen(12, 2)
	s.write([]byte("╭─a <b>  c●\x1b[2;1H\x1b[7mx"))
	got := picture("<title>", []frame{{cells: s.frame("/nowhere")}}, 0)
	decoder := xml.NewDecoder(strings.NewReader(got))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, got)
		}
	}
	for _, want := range []string{
		`<text class="c256" x="16.8" y="13.3" textLength="42">a &lt;b&gt;</text>`,
		`<path class="c256" d="M4.2 18V13Q4.2 9 8.4 9M8.4 9H16.8"/>`,
		`<text class="c256 m" x="88.2" y="13.3">●</text>`,
		`<rect class="c256" x="0" y="0" width="8.4" height="18"/><text class="c257" x="0"`,
		`<title>&lt;title&gt;</title>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %s in\n%s", want, got)
		}
	}
}

// TestPicturesAreTrue takes the pictures anew, from the program as it is now, and compares their words with those of the pictures in docs.
// Numbers, times and the lines at the top and bottom may differ. `make pictures` makes them anew.
func TestPicturesAreTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole demo")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "assetdev")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build assetdev: %v\n%s", err, out)
	}
	if err := pictures(t.Context(), binary, dir, false); err != nil {
		t.Fatal(err)
	}
	for name := range titles {
		want, got := wordsOf(t, filepath.Join("../../../docs", name+".svg")), wordsOf(t, filepath.Join(dir, name+".svg"))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("docs/%s.svg is not what the program shows now (- docs, + now); make pictures, and look at them\n%s", name, diff)
		}
	}
}

var (
	rowPattern  = regexp.MustCompile(`(?m)^<g id="r\d+">(.*)</g>$`)
	textPattern = regexp.MustCompile(`<text[^>]*>([^<]*)</text>`)
	wordPattern = regexp.MustCompile(`\b[a-zA-Z_]{3,}\b`)
)

// wordsOf returns the words of a still, row by row, without its first and last one.
func wordsOf(t *testing.T, file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, row := range rowPattern.FindAllStringSubmatch(string(data), -1) {
		var words []string
		for _, text := range textPattern.FindAllStringSubmatch(row[1], -1) {
			words = append(words, wordPattern.FindAllString(text[1], -1)...)
		}
		words = slices.DeleteFunc(words, func(w string) bool { return w == "just" || w == "now" || w == "ago" }) // "made just now"
		if len(words) == 0 {
			continue
		}
		rows = append(rows, strings.Join(words, " "))
	}
	if len(rows) < 10 {
		t.Fatalf("%s has %d rows", file, len(rows))
	}
	return rows[1 : len(rows)-1]
}
