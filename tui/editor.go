package tui

// How the user's editor is started: which one, and how it is told the line.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/tui/term"
)

// openData shows the folder of the asset's data in the desktop's file manager, and says where it is.
func (m *Model) openData() tea.Cmd {
	key, _ := m.list.key()
	file := filepath.Join(m.snap.Workspace.Base, filepath.FromSlash(key.String())+".parquet")
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	cmd := child.Editor([]string{opener, filepath.Dir(file)}, m.snap.Workspace.Dir)
	return tea.Batch(m.say(calm, clean(file)), func() tea.Msg {
		if err := cmd.Run(); err != nil {
			return editorMsg{fmt.Errorf("cannot open the folder of %s: %w", file, err)}
		}
		return editorMsg{}
	})
}

// edit opens the source of the asset, or what keeps its location from loading.
func (m *Model) edit() tea.Cmd {
	key, _ := m.list.key()
	a := m.asset(key)
	if broken := m.brokenLocation(a.Location); broken != nil && broken.File != "" {
		return m.editAt(broken.File, broken.Line)
	}
	return m.editAt(a.Source.File, a.Source.Line)
}

// editAt opens a file in the user's editor; one with a window of its own does not take the screen.
func (m *Model) editAt(file string, ln int) tea.Cmd {
	argv, window := editorCommand(m.opts.Editor, m.opts.Getenv, m.file(file), ln)
	cmd := child.Editor(argv, m.snap.Workspace.Dir)
	if window {
		return tea.Batch(m.say(calm, "opened "+clean(filepath.Base(file))+" in "+clean(filepath.Base(argv[0]))), func() tea.Msg { return editorMsg{cmd.Run()} })
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = m.opts.In, m.opts.Out, m.opts.Out // the terminal itself: of a reader, os/exec makes a pipe
	start := tea.Exec(visit{cmd.Run, m.out}, func(err error) tea.Msg { return editorMsg{err} })
	asking := m.asking
	return func() tea.Msg {
		hearOut(asking)
		return start()
	}
}

// hearOut waits for what the terminal still has to say to us: it must not become the input of who gets the terminal.
func hearOut(asking func() bool) {
	for until := time.Now().Add(answerPatience); asking != nil && asking() && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
	}
}

// answerPatience is how long an editor waits for a terminal that was asked for its background a moment ago.
const answerPatience = 250 * time.Millisecond

// A visit is a program that has the terminal for a while.
type visit struct {
	run func() error
	out *term.Frames
}

func (visit) SetStdin(io.Reader)  {}
func (visit) SetStdout(io.Writer) {}
func (visit) SetStderr(io.Writer) {}

func (v visit) Run() error {
	if err := v.out.Leave(); err != nil {
		return err
	}
	return errors.Join(v.run(), v.out.Enter())
}

// editorCommand returns how to open a file at a line: with the setting, else $VISUAL, $EDITOR, vi. window says that the editor
// has a window of its own. Words of the setting may be quoted.
func editorCommand(setting string, getenv func(string) string, file string, ln int) (argv []string, window bool) {
	for _, s := range []string{setting, getenv("VISUAL"), getenv("EDITOR"), "vi"} {
		if argv = shellWords(s); len(argv) > 0 {
			break
		}
	}
	name := strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
	place := file
	if ln > 0 {
		place += ":" + strconv.Itoa(ln)
	}
	switch {
	case getenv("NVIM") != "" && (name == "nvim" || name == "vim" || name == "vi"):
		// Neovim has no +LINE for files that it opens remotely.
		open := "execute('tabedit +" + strconv.Itoa(max(ln, 1)) + " ' .. fnameescape('" + strings.ReplaceAll(file, "'", "''") + "'))"
		return []string{"nvim", "--server", getenv("NVIM"), "--remote-expr", open}, true
	case slices.Contains([]string{"code", "code-insiders", "codium", "cursor", "windsurf"}, name):
		return append(argv, "-g", place), true
	case slices.Contains([]string{"subl", "zed", "mate", "idea", "goland", "pycharm"}, name):
		return append(argv, place), true
	case slices.Contains([]string{"hx", "helix"}, name):
		return append(argv, place), false
	case ln > 0 && slices.Contains([]string{"vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro", "kak", "joe", "ne", "mg", "less"}, name):
		return append(argv, "+"+strconv.Itoa(ln), file), false
	}
	return append(argv, file), false
}

// shellWords splits s at spaces outside of quotes, as far as shells agree on it.
func shellWords(s string) []string {
	var words []string
	var word strings.Builder
	in, any := rune(0), false
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && in != '\'':
			escaped, any = true, true
		case in != 0:
			if r == in {
				in = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			in, any = r, true
		case r == ' ' || r == '\t':
			if any || word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
				any = false
			}
		default:
			word.WriteRune(r)
		}
	}
	if any || word.Len() > 0 {
		words = append(words, word.String())
	}
	if len(words) > 0 && strings.HasPrefix(words[0], "~/") {
		if home, err := os.UserHomeDir(); err == nil {
			words[0] = filepath.Join(home, words[0][2:])
		}
	}
	return words
}
