package main

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// A style is how a cell is drawn. Colours are those of the 256, -1 for the terminal's own.
type style struct {
	fg                                  int
	bold, dim, reverse, underline, wide bool
}

var plain = style{fg: -1}

type cell struct {
	text string // one character as people count, "" behind a wide one
	style
}

// A screen is a terminal of w×h cells as far as assetdev's own renderer needs one: text, cursor movement, erasing, SGR with
// 256 colours. What it does not know it reports: a picture must not be made of a misread screen.
type screen struct {
	w, h  int
	cells [][]cell
	x, y  int
	style style
	rest  []byte // an incomplete sequence at the end of the last write
	odd   []string
}

func newScreen(w, h int) *screen {
	s := &screen{w: w, h: h, style: plain, cells: make([][]cell, h)}
	for y := range s.cells {
		s.erase(y, 0, w)
	}
	return s
}

func (s *screen) erase(y, from, to int) {
	if s.cells[y] == nil {
		s.cells[y] = make([]cell, s.w)
	}
	for x := from; x < min(to, s.w); x++ {
		s.cells[y][x] = cell{" ", plain}
	}
}

// write takes in what the program wrote.
func (s *screen) write(data []byte) {
	s.rest = append(s.rest, data...)
	for len(s.rest) > 0 {
		n := s.next(s.rest)
		if n == 0 {
			return
		}
		s.rest = s.rest[n:]
	}
}

// next carries out the first character or sequence of b and returns its length, 0 when its end is missing.
func (s *screen) next(b []byte) int {
	switch c := b[0]; {
	case c == 0x1b:
		return s.escape(b)
	case c == '\r':
		s.x = 0
	case c == '\n':
		s.down()
	case c == '\b':
		s.x = max(0, s.x-1)
	case c < ' ' || c == 0x7f:
	default:
		if !utf8.FullRune(b) {
			return 0
		}
		r, n := utf8.DecodeRune(b)
		s.put(string(r))
		return n
	}
	return 1
}

func (s *screen) down() {
	if s.y < s.h-1 {
		s.y++
		return
	}
	copy(s.cells, s.cells[1:])
	s.cells[s.h-1] = nil
	s.erase(s.h-1, 0, s.w)
}

func (s *screen) put(text string) {
	width := ansi.StringWidth(text)
	if width == 0 {
		return
	}
	if s.x+width > s.w {
		s.x = 0
		s.down()
	}
	s.cells[s.y][s.x] = cell{text, s.style}
	s.cells[s.y][s.x].wide = width == 2
	for i := 1; i < width; i++ {
		s.cells[s.y][s.x+i] = cell{"", s.style}
	}
	s.x += width
}

func (s *screen) escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				s.control(string(b[2:i]), b[i])
				return i + 1
			}
		}
		return 0
	case ']', 'P', '_', '^', 'X': // ended by BEL or ESC \
		for i := 2; i < len(b); i++ {
			if b[i] == 0x07 {
				return i + 1
			}
			if b[i] == 0x1b && i+1 < len(b) {
				return i + 2
			}
		}
		return 0
	}
	return 2
}

// control carries out a control sequence.
func (s *screen) control(text string, final byte) {
	if strings.ContainsAny(text, "?>=<$") { // modes and questions
		return
	}
	var numbers []int
	for part := range strings.SplitSeq(text, ";") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = 0
		}
		numbers = append(numbers, n)
	}
	number := func(i, absent int) int {
		if i < len(numbers) && numbers[i] > 0 {
			return numbers[i]
		}
		return absent
	}
	switch final {
	case 'H', 'f':
		s.y, s.x = min(number(0, 1), s.h)-1, min(number(1, 1), s.w)-1
	case 'A':
		s.y = max(0, s.y-number(0, 1))
	case 'B':
		s.y = min(s.h-1, s.y+number(0, 1))
	case 'C':
		s.x = min(s.w-1, s.x+number(0, 1))
	case 'D':
		s.x = max(0, s.x-number(0, 1))
	case 'G':
		s.x = min(number(0, 1), s.w) - 1
	case 'd':
		s.y = min(number(0, 1), s.h) - 1
	case 'J':
		if number(0, 0) == 2 {
			for y := range s.cells {
				s.erase(y, 0, s.w)
			}
			return
		}
		s.erase(s.y, s.x, s.w)
		for y := s.y + 1; y < s.h; y++ {
			s.erase(y, 0, s.w)
		}
	case 'K':
		from, to := s.x, s.w
		switch number(0, 0) {
		case 1:
			from, to = 0, s.x+1
		case 2:
			from = 0
		}
		s.erase(s.y, from, to)
	case 'm':
		s.sgr(numbers)
	case 'h', 'l', 'n', 'c', 'q', 't', 'u', 'r':
	default:
		s.odd = append(s.odd, text+string(final))
	}
}

func (s *screen) sgr(numbers []int) {
	for i := 0; i < len(numbers); i++ {
		n := numbers[i]
		switch {
		case n == 38 && i+2 < len(numbers) && numbers[i+1] == 5 && numbers[i+2] <= 255:
			s.style.fg = numbers[i+2]
			i += 2
		case n == 0:
			s.style = plain
		case n == 1:
			s.style.bold = true
		case n == 2:
			s.style.dim = true
		case n == 4:
			s.style.underline = true
		case n == 7:
			s.style.reverse = true
		case n == 22:
			s.style.bold, s.style.dim = false, false
		case n == 24:
			s.style.underline = false
		case n == 27:
			s.style.reverse = false
		case n == 39:
			s.style.fg = -1
		case n >= 30 && n <= 37:
			s.style.fg = n - 30
		case n >= 90 && n <= 97:
			s.style.fg = n - 90 + 8
		default:
			s.odd = append(s.odd, strconv.Itoa(n)+"m")
		}
	}
}

// String returns the text of the screen, without spaces at the ends of lines.
func (s *screen) String() string {
	var b strings.Builder
	for _, row := range s.cells {
		var line strings.Builder
		for _, c := range row {
			line.WriteString(c.text)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// frame returns a copy of the cells, with ~ for the name of a folder.
func (s *screen) frame(folder string) [][]cell {
	out := make([][]cell, s.h)
	for y, row := range s.cells {
		out[y] = append([]cell(nil), row...)
		for x := range row {
			if x+len(folder) > s.w || !spells(row[x:], folder) {
				continue
			}
			end := x + len(folder) // what follows moves to the left, up to the next gap
			for end < s.w && row[end].text != " " {
				end++
			}
			moved := append([]cell{{"~", row[x].style}}, row[x+len(folder):end]...)
			copy(out[y][x:], moved)
			for i := x + len(moved); i < end; i++ {
				out[y][i] = cell{" ", plain}
			}
		}
	}
	return out
}

// spells reports whether the cells begin with an ASCII text.
func spells(cells []cell, text string) bool {
	for i := range len(text) {
		if cells[i].text != text[i:i+1] {
			return false
		}
	}
	return true
}
