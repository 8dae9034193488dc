package main

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The measures of a picture, in its own units.
const (
	cellW, cellH = 8.4, 18.0
	fontSize     = 14
	baseline     = 13.3 // of the text, below the top of its row
	margin       = 14.0
)

// palette holds the sixteen colours of the terminal that is drawn; the rest of the 256 is the same in all, see hex.
var palette = [...]string{
	"#31353f", "#ef6b7b", "#8fcb7d", "#e3b565", "#6ea8fe", "#c58af0", "#4fc4cf", "#c8ccd4",
	"#6b7280", "#ff8a98", "#a9dd9a", "#f2cb86", "#8fbcff", "#d7a8f5", "#7fdbe3", "#ffffff",
}

// Beside the 256 colours there are those of text and background.
const ink, paper = 256, 257

// hex returns a colour as SVG writes it.
func hex(n int) string {
	steps := [...]int{0, 95, 135, 175, 215, 255}
	switch {
	case n == ink:
		return "#d7dbe2"
	case n == paper:
		return "#15171c"
	case n < len(palette):
		return palette[n]
	case n >= 232:
		return fmt.Sprintf("#%02[1]x%02[1]x%02[1]x", 8+10*(n-232))
	}
	n -= 16
	return fmt.Sprintf("#%02x%02x%02x", steps[n/36], steps[n/6%6], steps[n%6])
}

// colours returns what the frames are drawn in, in order.
func colours(frames []frame) []int {
	used := map[int]bool{ink: true, paper: true}
	for _, f := range frames {
		for _, r := range f.cells {
			for _, c := range r {
				used[colour(c.fg)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(used))
}

// arms says of the characters from U+2500 on which lines leave their middle up, right, down and left: 1 light, 2 heavy.
const arms = "0101 0202 1010 2020 0000 0000 0000 0000 0000 0000 0000 0000 0110 0210 0120 0220 " +
	"0011 0012 0021 0022 1100 1200 2100 2200 1001 1002 2001 2002 1110 1210 2110 1120 " +
	"2120 2210 1220 2220 1011 1012 2011 1021 2021 2012 1022 2022 0111 0112 0211 0212 " +
	"0121 0122 0221 0222 1101 1102 1201 1202 2101 2102 2201 2202 1111 1112 1211 1212 " +
	"2111 1121 2121 2112 2211 1122 1221 2212 1222 2122 2221 2222 0000 0000 0000 0000 " +
	"0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 " +
	"0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0110 0011 1001 " +
	"1100 0000 0000 0000 0001 1000 0100 0010 0002 2000 0200 0020 0201 1020 0102 2010 "

// A frame is a screen, and for how long a moving picture shows it.
type frame struct {
	cells [][]cell
	shown time.Duration
}

// picture draws frames as SVG: one as a still, several as a moving picture that begins anew; what cannot move shows the frame with number still.
// Box characters and gauges are drawn as lines and areas, so that they meet whatever font the reader has; other text is
// stretched to its cells. Rows that occur more than once are stored once.
func picture(title string, frames []frame, still int) string {
	w := float64(len(frames[0].cells[0]))*cellW + 2*margin
	h := float64(len(frames[0].cells))*cellH + 2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%[1]s" height="%[2]s" role="img">`+"\n<title>%[3]s</title>\n<style>\n", num(w), num(h), html.EscapeString(title))
	fmt.Fprintf(&b, "text{font:%dpx ui-monospace,SFMono-Regular,Menlo,\"DejaVu Sans Mono\",\"Liberation Mono\",Consolas,monospace;white-space:pre;fill:%s}\n", fontSize, hex(ink))
	b.WriteString("path{fill:none;stroke-width:1.2}.b{font-weight:bold}.d{opacity:.55}.m{text-anchor:middle}.h{stroke-width:2.4}.u{text-decoration:underline}\n")
	for _, n := range colours(frames) {
		fmt.Fprintf(&b, "text.c%d,rect.c%[1]d{fill:%[2]s}path.c%[1]d{stroke:%[2]s}", n, hex(n))
	}
	b.WriteString("\n")
	total := time.Duration(0)
	for _, f := range frames {
		total += f.shown
	}
	at := time.Duration(0)
	for i, f := range frames {
		if len(frames) == 1 {
			break
		}
		from, to := 100*at.Seconds()/total.Seconds(), 100*(at+f.shown).Seconds()/total.Seconds()
		at += f.shown
		first := "0%{visibility:hidden}"
		if i == 0 {
			first = ""
		}
		fmt.Fprintf(&b, "@keyframes k%d{%s%s%%{visibility:visible}%s%%,100%%{visibility:hidden}}#f%[1]d{animation:k%[1]d %[5]ss step-end infinite}\n", i, first, num(from), num(to), num(total.Seconds()))
	}
	if len(frames) > 1 {
		b.WriteString("@media(prefers-reduced-motion:reduce){g{animation:none!important}}\n")
	}
	b.WriteString("</style>\n<defs>\n")
	rows := map[string]int{}
	for _, f := range frames {
		for _, r := range f.cells {
			text := row(r)
			if _, known := rows[text]; known || text == "" {
				continue
			}
			rows[text] = len(rows)
			fmt.Fprintf(&b, `<g id="r%d">%s</g>`+"\n", rows[text], text)
		}
	}
	b.WriteString("</defs>\n")
	fmt.Fprintf(&b, `<rect class="c%d" x=".5" y=".5" width="%s" height="%s" rx="9" stroke="#343945"/>`+"\n", paper, num(w-1), num(h-1))
	for i, f := range frames {
		hidden := ""
		if i != still {
			hidden = ` visibility="hidden"`
		}
		fmt.Fprintf(&b, `<g id="f%d"%s>`, i, hidden)
		for y, r := range f.cells {
			if text := row(r); text != "" {
				fmt.Fprintf(&b, `<use href="#r%d" x="%s" y="%s"/>`, rows[text], num(margin), num(margin+float64(y)*cellH))
			}
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// row draws the cells of one row at the origin, "" when nothing is on it.
func row(cells []cell) string {
	var areas, lines, texts strings.Builder
	strokes := map[string]string{}
	var order []string
	stroke := func(s style, heavy bool, path string) {
		class := classes(s, heavy)
		if _, known := strokes[class]; !known {
			order = append(order, class)
		}
		strokes[class] += path
	}
	for x := 0; x < len(cells); x++ {
		c := cells[x]
		r, _ := utf8.DecodeRuneInString(c.text)
		left := float64(x) * cellW
		if c.reverse {
			n := run(cells[x:], func(o cell) bool { return o.reverse && o.fg == c.fg })
			if x == 0 || !cells[x-1].reverse || cells[x-1].fg != c.fg {
				fmt.Fprintf(&areas, `<rect class="c%d" x="%s" y="0" width="%s" height="%s"/>`, colour(c.fg), num(left), num(float64(n)*cellW), num(cellH))
			}
		}
		switch {
		case c.text == " " || c.text == "":
		case r >= 0x2500 && r < 0x2580 && arms[(r-0x2500)*5:(r-0x2500)*5+4] != "0000":
			n := 1
			if r == '─' || r == '━' { // a long line is one stroke
				n = run(cells[x:], func(o cell) bool { return o == c })
			}
			light, heavy := boxPath(r, left, n)
			if light != "" {
				stroke(c.style, false, light)
			}
			if heavy != "" {
				stroke(c.style, true, heavy)
			}
			x += n - 1
		case r >= 0x2588 && r <= 0x258f: // the eighths of a gauge
			n := 1
			width := cellW * float64(0x2590-r) / 8
			if r == 0x2588 {
				n = run(cells[x:], func(o cell) bool { return o == c })
				width = cellW * float64(n)
			}
			fmt.Fprintf(&areas, `<rect class="%s" x="%s" y="4" width="%s" height="%s"/>`, classes(c.style, false), num(left), num(width), num(cellH-8))
			x += n - 1
		case r >= 0x2190 || c.wide: // signs, whose widths differ between fonts
			fmt.Fprintf(&texts, `<text class="%s m" x="%s" y="%s">%s</text>`, classes(c.style, false), num(left+cellW/2), num(baseline), html.EscapeString(c.text))
		default:
			n, text := words(cells[x:])
			fmt.Fprintf(&texts, `<text class="%s" x="%s" y="%s" textLength="%s">%s</text>`, classes(c.style, false), num(left), num(baseline), num(float64(n)*cellW), html.EscapeString(text))
			x += n - 1
		}
	}
	for _, class := range order {
		fmt.Fprintf(&lines, `<path class="%s" d="%s"/>`, class, strokes[class])
	}
	return areas.String() + lines.String() + texts.String()
}

// run counts the cells at the start that are alike.
func run(cells []cell, alike func(cell) bool) int {
	n := 0
	for n < len(cells) && alike(cells[n]) {
		n++
	}
	return n
}

// words returns the text at the start that has one style and no two spaces in a row, without a space at its end.
func words(cells []cell) (int, string) {
	var b strings.Builder
	n, kept, text := 0, 0, ""
	for n < len(cells) {
		c := cells[n]
		r, _ := utf8.DecodeRuneInString(c.text)
		if c.style != cells[0].style || c.text == "" || r >= 0x2190 || c.text == " " && (n+1 == len(cells) || cells[n+1].text == " ") {
			break
		}
		b.WriteString(c.text)
		if n++; c.text != " " {
			kept, text = n, b.String()
		}
	}
	return kept, text
}

// boxPath draws n box characters at left: light strokes and heavy ones. Corners that are round in the terminal are round here.
func boxPath(r rune, left float64, n int) (light, heavy string) {
	middle, right := left+cellW/2, left+float64(n)*cellW
	x, y := num(middle), num(cellH/2)
	switch r {
	case '╭':
		return fmt.Sprintf("M%s %sV%sQ%[1]s %[4]s %[5]s %[4]s", x, num(cellH), num(cellH/2+4), y, num(right)), ""
	case '╮':
		return fmt.Sprintf("M%s %sV%sQ%[1]s %[4]s %[5]s %[4]s", x, num(cellH), num(cellH/2+4), y, num(left)), ""
	case '╰':
		return fmt.Sprintf("M%s 0V%sQ%[1]s %[3]s %[4]s %[3]s", x, num(cellH/2-4), y, num(right)), ""
	case '╯':
		return fmt.Sprintf("M%s 0V%sQ%[1]s %[3]s %[4]s %[3]s", x, num(cellH/2-4), y, num(left)), ""
	}
	weights := arms[(r-0x2500)*5:]
	if weights[1] == weights[3] && weights[1] != '0' { // one stroke through
		path := fmt.Sprintf("M%s %sH%s", num(left), y, num(right))
		light, heavy = add(light, heavy, weights[1], path)
	} else {
		light, heavy = add(light, heavy, weights[1], fmt.Sprintf("M%s %sH%s", x, y, num(right)))
		light, heavy = add(light, heavy, weights[3], fmt.Sprintf("M%s %sH%s", x, y, num(left)))
	}
	if weights[0] == weights[2] && weights[0] != '0' {
		return add(light, heavy, weights[0], fmt.Sprintf("M%s 0V%s", x, num(cellH)))
	}
	light, heavy = add(light, heavy, weights[0], fmt.Sprintf("M%s %sV0", x, y))
	return add(light, heavy, weights[2], fmt.Sprintf("M%s %sV%s", x, y, num(cellH)))
}

func add(light, heavy string, weight byte, path string) (string, string) {
	switch weight {
	case '1':
		light += path
	case '2':
		heavy += path
	}
	return light, heavy
}

func colour(fg int) int {
	if fg < 0 {
		return ink
	}
	return fg
}

func classes(s style, heavy bool) string {
	fg := colour(s.fg)
	if s.reverse {
		fg = paper
	}
	class := []string{"c" + strconv.Itoa(fg)}
	for _, c := range []struct {
		on   bool
		name string
	}{{s.bold, "b"}, {s.dim && !s.reverse, "d"}, {s.underline, "u"}, {heavy, "h"}} {
		if c.on {
			class = append(class, c.name)
		}
	}
	return strings.Join(class, " ")
}

func num(x float64) string { return strconv.FormatFloat(float64(int(x*100+.5))/100, 'f', -1, 64) }
