// Command pictures makes the pictures of the documents from a real run: it starts assetdev's demo on a pseudo-terminal, presses
// keys, saves files, reads the screen and writes it as SVG. So a picture shows what the program draws, or is not made.
//
//	go run ./internal/tools/pictures -assetdev ./assetdev -o docs
//
// Deliberately absent: fonts, browsers, anything of assetdev's own packages.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
)

const width, height = 120, 36

func main() {
	binary := flag.String("assetdev", "./assetdev", "the program to take pictures of")
	out := flag.String("o", "docs", "`folder` for the pictures")
	verbose := flag.Bool("v", false, "print each frame as text")
	flag.Parse()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	err := pictures(ctx, *binary, *out, *verbose)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1) //nolint:forbidigo // this is a main function
	}
}

// titles are the stills and what they show.
var titles = map[string]string{
	"screen":       "assetdev after a save in one repository: four assets of both were made anew, and the rows of the last one",
	"screen-lanes": "assetdev draws the graph in lanes, and lights what the change of an asset reaches",
	"screen-why":   "assetdev says why an asset is stale, down to the line of another repository",
	"screen-plan":  "assetdev's plan over two repositories",
}

func pictures(ctx context.Context, binary, out string, verbose bool) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return fmt.Errorf("find assetdev: %w", err)
	}
	work, err := os.MkdirTemp("", "")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	c, err := start(ctx, binary, work)
	if err != nil {
		return err
	}
	c.verbose = verbose
	err = tour(c)
	if err != nil {
		err = fmt.Errorf("%w; the screen was:\n%s", err, c.text())
	}
	if err = errors.Join(err, c.end()); err != nil {
		return err
	}
	for name, title := range titles {
		f, taken := c.stills[name]
		if !taken {
			return fmt.Errorf("picture %s was not taken", name)
		}
		if err := write(filepath.Join(out, name+".svg"), picture(title, []frame{f}, 0)); err != nil {
			return err
		}
	}
	return write(filepath.Join(out, "tour.svg"), picture("assetdev: a save in one repository, and what it changes in another", c.movie, c.poster))
}

func write(file, text string) error {
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // a document
		return fmt.Errorf("write a picture: %w", err)
	}
	fmt.Printf("%s  %d KiB\n", file, len(text)/1024)
	return nil
}

// tour is what the pictures show: the whole graph is made, a line is saved in one repository, the other follows, and why.
func tour(c *camera) error {
	source := filepath.Join(c.dir, "repo-analytics", "performance.go")
	save := func(old, text string) func() error {
		return func() error {
			data, err := os.ReadFile(source)
			if err != nil || !strings.Contains(string(data), old) {
				return fmt.Errorf("edit performance.go: %q is not there (%w)", old, err)
			}
			if err := os.WriteFile(source, []byte(strings.Replace(string(data), old, text, 1)), 0o600); err != nil {
				return fmt.Errorf("edit performance.go: %w", err)
			}
			return nil
		}
	}
	press := func(keys string) func() error { return func() error { return c.press(keys) } }
	until := func(what string, patterns ...string) func() error {
		return func() error { return c.until(what, patterns...) }
	}
	show := func(name string, ms int) func() error {
		return func() error { return errors.Join(c.settle(), c.shoot(name, ms)) }
	}
	film := func(what string, patterns ...string) func() error {
		return func() error { return c.film(what, patterns...) }
	}
	const loaded = `\A[^\n]*\d\d:\d\d\n` // the header ends in the time, with nothing behind it
	for _, step := range []func() error{
		until("the graph", `○ ?13`, `2 locations`, `synthetic_market_data`),
		until("the end of loading", loaded),
		press("g"), // whichever location answered first
		show("", 1500),
		press("M"), until("the menu", `all that is stale, missing or overdue`),
		show("", 1200),
		press("s"), until("the plan", `13 steps`),
		show("screen-plan", 2200),
		press("\r"), film("the end of the run", `✓ 13 succeeded`),
		show("", 1500),
		press("Gk"), press("p"), until("the rows", `House Blend`),
		show("", 2000),
		save("Money(35)", "Money(40)"), film("the end of the run that the save started", `✓ 4 succeeded`),
		show("screen", 3000),
		press("a"), until("auto-run off", `auto off`),
		save("Money(40)", "Money(55)"), until("what is stale", `◐ ?4`),
		press("w"), until("why", `handlingCost changed`, loaded),
		show("screen-why", 4000),
		press("1v+"), until("the lanes", `lanes ──`),
		press("ni"), until("what the change reaches", `impact`),
		show("screen-lanes", 4000),
	} {
		if err := step(); err != nil {
			return err
		}
	}
	c.poster = len(c.movie) - 1
	return nil
}

// A camera is assetdev on a pseudo-terminal, and the pictures taken of it.
type camera struct {
	ctx     context.Context
	cmd     *exec.Cmd
	pty     *os.File
	dir     string // the demo
	verbose bool
	reader  sync.WaitGroup

	mu      sync.Mutex
	screen  *screen
	last    time.Time // of what was written
	changed chan struct{}

	movie  []frame
	poster int
	stills map[string]frame
}

func start(ctx context.Context, binary, work string) (*camera, error) {
	c := &camera{ctx: ctx, dir: filepath.Join(work, "shop"), screen: newScreen(width, height), changed: make(chan struct{}, 1), stills: map[string]frame{}}
	c.cmd = exec.CommandContext(ctx, binary, "demo", "shop") //nolint:forbidigo // the program is started as a user starts it, on a terminal
	c.cmd.Dir = work
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains([]string{"CI", "NO_COLOR", "COLORTERM", "COLORFGBG", "TERM_PROGRAM", "TMUX", "STY"}, name) && !strings.HasPrefix(name, "LC_") {
			c.cmd.Env = append(c.cmd.Env, v)
		}
	}
	c.cmd.Env = append(c.cmd.Env, "TERM=xterm-256color", "COLORFGBG=15;0", "LANG=C.UTF-8", "EDITOR=true", "USER=ada",
		"ASSETDEV_CACHE_DIR="+filepath.Join(work, "cache"), "ASSETDEV_STATE_DIR="+filepath.Join(work, "state"), "XDG_CONFIG_HOME="+filepath.Join(work, "config"))
	var err error
	if c.pty, err = pty.StartWithSize(c.cmd, &pty.Winsize{Rows: height, Cols: width}); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	c.reader.Go(c.read)
	return c, nil
}

// read takes in what the program writes until it ends, and answers its question for the background: a dark one.
func (c *camera) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.pty.Read(buf)
		if n > 0 {
			if strings.Contains(string(buf[:n]), "\x1b]11;?") {
				_, _ = c.pty.WriteString("\x1b]11;rgb:1515/1717/1c1c\x1b\\")
			}
			c.mu.Lock()
			c.screen.write(buf[:n])
			c.last = time.Now()
			c.mu.Unlock()
			select {
			case c.changed <- struct{}{}:
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *camera) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.screen.String()
}

func (c *camera) press(keys string) error {
	if _, err := c.pty.WriteString(keys); err != nil {
		return fmt.Errorf("press %q: %w", keys, err)
	}
	return nil
}

// wait waits until ok holds of the screen, looking again whenever the program wrote.
func (c *camera) wait(what string, ok func(text string) bool, each func()) error {
	end := time.After(90 * time.Second)
	for !ok(c.text()) {
		if each != nil {
			each()
		}
		select {
		case <-c.changed:
		case <-end:
			return fmt.Errorf("wait for %s: it did not come", what)
		case <-c.ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, c.ctx.Err())
		}
	}
	return nil
}

// until waits until each pattern is on the screen.
func (c *camera) until(what string, patterns ...string) error {
	return c.wait(what, matches(patterns), nil)
}

func matches(patterns []string) func(string) bool {
	var all []*regexp.Regexp
	for _, p := range patterns {
		all = append(all, regexp.MustCompile(p))
	}
	return func(text string) bool {
		return !slices.ContainsFunc(all, func(r *regexp.Regexp) bool { return !r.MatchString(text) })
	}
}

// settle waits until the program has written nothing for a while.
func (c *camera) settle() error {
	const quiet = 400 * time.Millisecond
	for range 50 {
		select {
		case <-time.After(quiet):
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
		c.mu.Lock()
		still := time.Since(c.last) >= quiet
		c.mu.Unlock()
		if still {
			return nil
		}
	}
	return nil // the clock of the header goes on
}

// shoot adds the screen as it is to the moving picture, and, with a name, to the stills. The folder of the run is shown as ~.
func (c *camera) shoot(name string, ms int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.screen.odd) > 0 {
		return fmt.Errorf("the screen has sequences that pictures do not know: %q", c.screen.odd)
	}
	f := frame{c.screen.frame(filepath.Dir(c.dir)), time.Duration(ms) * time.Millisecond}
	c.movie = append(c.movie, f)
	if name != "" {
		c.stills[name] = f
	}
	if c.verbose {
		fmt.Printf("frame %d, %dms\n%s\n", len(c.movie)-1, ms, c.screen)
	}
	return nil
}

// film adds a frame for what changes until each pattern is on the screen, at most four a second.
func (c *camera) film(what string, patterns ...string) error {
	var last time.Time
	var problem error
	err := c.wait(what, matches(patterns), func() {
		if now := time.Now(); problem == nil && now.Sub(last) >= 250*time.Millisecond {
			last, problem = now, c.shoot("", 250)
		}
	})
	return errors.Join(problem, err)
}

// end quits the program.
func (c *camera) end() error {
	err := c.press("\x03")
	done := make(chan struct{})
	c.reader.Go(func() {
		_ = c.cmd.Wait() // it was interrupted, and its exit code says so
		close(done)
	})
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		err = errors.Join(err, errors.New("assetdev did not end"), c.cmd.Process.Kill())
	}
	err = errors.Join(err, c.pty.Close())
	c.reader.Wait()
	return err
}
