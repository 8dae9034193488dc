// Package tuitest drives a Bubble Tea model without a terminal and without time: a [Driver] delivers a message, carries out the
// Cmds that come back, one after the other, and then the frame is what it is.
//
// Invariants: nothing runs when a method of Driver returns; timers fire only in [Driver.Advance], in the order of their times.
//
// Deliberately absent: a terminal's byte stream (see the tests with a real pty), and knowledge of assetdev: it drives any model
// whose Cmds do not block. No compatibility promise.
package tuitest

import (
	"reflect"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

// A Clock is the time of a test. Give Now and Tick to the model.
type Clock struct {
	now    time.Time
	timers []timer
}

type timer struct {
	at  time.Time
	msg tea.Msg
}

// NewClock returns a clock that stands at now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now returns the time.
func (c *Clock) Now() time.Time { return c.now }

// Tick keeps msg until the clock is advanced by d.
func (c *Clock) Tick(d time.Duration, msg tea.Msg) tea.Cmd {
	c.timers = append(c.timers, timer{c.now.Add(d), msg})
	return nil
}

// Timers returns how many timers have not fired yet.
func (c *Clock) Timers() int { return len(c.timers) }

// A Driver holds a model that is being driven.
type Driver struct {
	Model tea.Model
	Clock *Clock
	Quit  bool      // the model asked to quit
	Other []tea.Msg // messages that were for Bubble Tea itself, as those that start an editor
}

// New sizes and starts a model.
func New(m tea.Model, clock *Clock, w, h int) *Driver {
	d := &Driver{Model: m, Clock: clock}
	d.Send(tea.WindowSizeMsg{Width: w, Height: h})
	d.Run(m.Init())
	return d
}

// Send delivers a message and carries out what follows from it.
func (d *Driver) Send(msg tea.Msg) {
	var cmd tea.Cmd
	d.Model, cmd = d.Model.Update(msg)
	_ = d.Model.View()
	d.Run(cmd)
}

// Run carries out a Cmd.
func (d *Driver) Run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			d.Run(c)
		}
	case tea.QuitMsg:
		d.Quit = true
	default:
		if t := reflect.TypeOf(msg); t.PkgPath() == reflect.TypeFor[tea.KeyMsg]().PkgPath() {
			d.Other = append(d.Other, msg)
			return
		}
		d.Send(msg)
	}
}

// Advance lets time pass and fires the timers that are due.
func (d *Driver) Advance(by time.Duration) {
	end := d.Clock.now.Add(by)
	for {
		slices.SortStableFunc(d.Clock.timers, func(a, b timer) int { return a.at.Compare(b.at) })
		if len(d.Clock.timers) == 0 || d.Clock.timers[0].at.After(end) {
			break
		}
		next := d.Clock.timers[0]
		d.Clock.timers = d.Clock.timers[1:]
		d.Clock.now = next.at
		d.Send(next.msg)
	}
	d.Clock.now = end
}

// Press delivers keys, each as its own message, named as Bubble Tea names them: "j", "enter", "ctrl+d", "space".
func (d *Driver) Press(keys ...string) {
	for _, key := range keys {
		d.Send(Key(key))
	}
}

// Type delivers text rune by rune.
func (d *Driver) Type(text string) {
	for _, r := range text {
		d.Send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
	}
}

var named = map[string]tea.KeyType{}

func init() {
	for t := tea.KeyType(-200); t < 200; t++ {
		if name := (tea.KeyMsg{Type: t}).String(); name != "" && name != "runes" {
			named[name] = t
		}
	}
	named["space"] = tea.KeySpace
	named["enter"], named["esc"], named["tab"], named["backspace"] = tea.KeyEnter, tea.KeyEsc, tea.KeyTab, tea.KeyBackspace
}

// Key returns the message of a key.
func Key(name string) tea.KeyMsg {
	if t, ok := named[name]; ok {
		msg := tea.KeyMsg{Type: t}
		if t == tea.KeySpace {
			msg.Runes = []rune{' '}
		}
		return msg
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// Frame returns the screen with its colours.
func (d *Driver) Frame() string { return d.Model.View() }

// Picture returns the screen as plain text, without spaces at line ends.
func (d *Driver) Picture() string {
	lines := strings.Split(ansi.Strip(d.Model.View()), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// Check returns what is wrong with a frame that should be w×h cells, "" when nothing is.
func Check(frame string, w, h int) string {
	lines := strings.Split(frame, "\n")
	if len(lines) != h {
		return "wrong number of lines"
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n != w {
			return "wrong width of line: " + ansi.Strip(l)
		}
	}
	return ""
}
