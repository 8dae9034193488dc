package tuitest

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// A Screen is what a terminal shows of the bytes that a program wrote. It knows what Bubble Tea and assetdev write: text, moves of
// the cursor, erasing, styles (which it leaves out) and modes. The zero Screen has no cells; call Resize first.
type Screen struct {
	w, h  int
	rows  [][]string // the text of each cell, "" for the right half of a wide one
	x, y  int
	main  [][]string // what the alternate screen hides, nil when it is not shown
	mainX int
	mainY int
	rest  []byte // the beginning of a sequence or a rune whose end has not come yet
	Modes map[int]bool
	Title string
	// Answer is called with each question that the program asked the terminal, as "\x1b]11;?". It may be nil.
	Answer func(question string)
}

// Resize makes the screen w×h cells, all of them empty.
func (s *Screen) Resize(w, h int) {
	s.w, s.h, s.x, s.y = w, h, 0, 0
	s.rows = make([][]string, h)
	for y := range s.rows {
		s.rows[y] = make([]string, w)
		s.erase(y, 0, w)
	}
	if s.Modes == nil {
		s.Modes = map[int]bool{25: true} // the cursor is shown
	}
}

func (s *Screen) erase(y, from, to int) {
	for x := from; x < to; x++ {
		s.rows[y][x] = " "
	}
}

// Write shows what a program wrote. Sequences may come in pieces.
func (s *Screen) Write(p []byte) (int, error) {
	b := append(s.rest, p...)
	for len(b) > 0 {
		n := s.next(b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	s.rest = append([]byte(nil), b...)
	return len(p), nil
}

// next takes one character or sequence from b and returns its length, 0 when its end has not come yet.
func (s *Screen) next(b []byte) int {
	switch b[0] {
	case '\x1b':
		return s.sequence(b)
	case '\r':
		s.x = 0
	case '\n':
		s.down()
	case '\b':
		s.x = max(s.x-1, 0)
	case '\a', '\t':
	default:
		if !utf8.FullRune(b) {
			return 0
		}
		g, width := ansi.FirstGraphemeCluster(string(b), ansi.GraphemeWidth)
		s.put(g, width)
		return len(g)
	}
	return 1
}

// down moves the cursor to the next line, and scrolls at the last.
func (s *Screen) down() {
	if s.y < s.h-1 {
		s.y++
		return
	}
	s.rows = append(s.rows[1:], make([]string, s.w))
	s.erase(s.h-1, 0, s.w)
}

func (s *Screen) put(g string, width int) {
	if width == 0 || s.w == 0 {
		return
	}
	if s.x >= s.w {
		s.x = 0
		s.down()
	}
	s.rows[s.y][s.x] = g
	for i := 1; i < width && s.x+i < s.w; i++ {
		s.rows[s.y][s.x+i] = ""
	}
	s.x += width
}

func (s *Screen) sequence(b []byte) int {
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
	case ']':
		for i := 2; i < len(b); i++ {
			if b[i] == '\a' || b[i] == '\x1b' && i+1 < len(b) && b[i+1] == '\\' {
				text := string(b[2:i])
				if title, ok := strings.CutPrefix(text, "2;"); ok {
					s.Title = title
				}
				if s.Answer != nil && strings.HasSuffix(text, "?") {
					s.Answer("\x1b]" + text)
				}
				if b[i] == '\x1b' {
					i++
				}
				return i + 1
			}
		}
		return 0
	}
	return 2
}

func (s *Screen) control(args string, final byte) {
	if mode, ok := strings.CutPrefix(args, "?"); ok {
		for part := range strings.SplitSeq(mode, ";") {
			if n, err := strconv.Atoi(part); err == nil && (final == 'h' || final == 'l') {
				s.Modes[n] = final == 'h'
				if n == 1049 {
					s.alternate(final == 'h')
				}
			}
		}
		return
	}
	arg := func(i, otherwise int) int {
		parts := strings.Split(args, ";")
		if i < len(parts) {
			if n, err := strconv.Atoi(parts[i]); err == nil {
				return n
			}
		}
		return otherwise
	}
	switch final {
	case 'A':
		s.y -= arg(0, 1)
	case 'B':
		s.y += arg(0, 1)
	case 'C':
		s.x += arg(0, 1)
	case 'D':
		s.x -= arg(0, 1)
	case 'H':
		s.y, s.x = arg(0, 1)-1, arg(1, 1)-1
	case 'G':
		s.x = arg(0, 1) - 1
	case 'K':
		switch arg(0, 0) {
		case 0:
			s.erase(s.y, min(s.x, s.w), s.w)
		case 1:
			s.erase(s.y, 0, min(s.x+1, s.w))
		case 2:
			s.erase(s.y, 0, s.w)
		}
	case 'J':
		from := s.y + 1
		if arg(0, 0) == 2 {
			from = 0
		} else {
			s.erase(s.y, min(s.x, s.w), s.w)
		}
		for y := from; y < s.h; y++ {
			s.erase(y, 0, s.w)
		}
	}
	s.x, s.y = max(0, min(s.x, s.w)), max(0, min(s.y, s.h-1))
}

func (s *Screen) alternate(on bool) {
	switch {
	case on && s.main == nil:
		s.main, s.mainX, s.mainY = s.rows, s.x, s.y
		s.Resize(s.w, s.h)
	case !on && s.main != nil:
		s.rows, s.x, s.y, s.main = s.main, s.mainX, s.mainY, nil
		s.fit()
	}
}

// fit brings what the alternate screen hid to the size that the screen has by now.
func (s *Screen) fit() {
	rows := s.rows
	x, y := s.x, s.y
	s.Resize(s.w, s.h)
	for i := 0; i < min(len(rows), s.h); i++ {
		copy(s.rows[i], rows[i])
	}
	s.x, s.y = min(x, s.w), min(y, s.h-1)
}

// Picture returns what stands on the screen, without spaces at line ends.
func (s *Screen) Picture() string {
	var b strings.Builder
	for _, row := range s.rows {
		b.WriteString(strings.TrimRight(strings.Join(row, ""), " "))
		b.WriteByte('\n')
	}
	return b.String()
}
