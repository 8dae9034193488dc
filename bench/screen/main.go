// Command screen measures the terminal UI on a pseudo-terminal: the real binary, on generated workspaces.
//
//	screen [-small] [-assets 1000,10000] [-idle 60s] [-lines 10s]
//
// It prints one line per figure, with the figure that is promised beside it. Times from exec to the first frame are taken when the
// list of assets and the footer stand on the emulated screen; the minimum says most on a machine that others use, the median what
// a user sees there. CPU is that of assetdev's process and, where said, of its children.
//
// It needs the go command, and writes only below a temporary folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assetdev/assetdev/tui/tuitest"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("screen: ")
	small := flag.Bool("small", false, "the workspace of 20 assets only")
	sizes := flag.String("assets", "1000,10000", "`numbers` of assets of the other workspaces")
	idle := flag.Duration("idle", time.Minute, "how long the idle screen is watched")
	lines := flag.Duration("lines", 10*time.Second, "how long keys are pressed during a run that prints")
	starts := flag.Int("n", 10, "how many `times` it is started")
	flag.Parse()
	dir, err := os.MkdirTemp("", "assetdev-screen")
	if err != nil {
		log.Fatal(err)
	}
	b := &bench{ctx: context.Background(), dir: dir, starts: *starts, idle: *idle, lines: *lines}
	if !*small {
		for size := range strings.SplitSeq(*sizes, ",") {
			n, err := strconv.Atoi(size)
			if err != nil {
				log.Fatal(err)
			}
			b.sizes = append(b.sizes, n)
		}
	}
	err = b.all()
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		log.Fatal(err)
	}
}

type bench struct {
	ctx         context.Context
	dir         string
	binary      string
	starts      int
	sizes       []int
	idle, lines time.Duration
}

func (b *bench) all() error {
	b.binary = filepath.Join(b.dir, "assetdev")
	if err := b.run(".", "go", "build", "-o", b.binary, "."); err != nil {
		return err
	}
	if err := b.workspace("small", 20, 2, 50*time.Millisecond); err != nil {
		return err
	}
	for _, n := range b.sizes {
		if err := b.workspace(strconv.Itoa(n), n, 8, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) run(dir, name string, args ...string) error {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Dir, cmd.Env = dir, b.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func (b *bench) env() []string {
	return append(os.Environ(), "ASSETDEV_CACHE_DIR="+b.dir+"/cache", "ASSETDEV_STATE_DIR="+b.dir+"/state", "TERM=xterm-256color", "LANG=C.UTF-8")
}

func (b *bench) start(dir string, w, h int) (*tuitest.Terminal, error) {
	cmd := exec.CommandContext(b.ctx, b.binary)
	cmd.Dir, cmd.Env = dir, b.env()
	return tuitest.Start(cmd, w, h)
}

const patience = 2 * time.Minute

func first(picture string) bool {
	return strings.Contains(picture, "? help") && strings.Contains(picture, "▸ ")
}

// workspace measures the first frame, and what an idle screen takes.
func (b *bench) workspace(name string, assets, locations int, promise time.Duration) error {
	dir := filepath.Join(b.dir, name)
	if err := b.run(".", "go", "run", "./bench/generate", "-assets", strconv.Itoa(assets), "-locations", strconv.Itoa(locations), "-records", dir); err != nil {
		return err
	}
	if err := b.printer(dir); err != nil {
		return err
	}
	for _, command := range []string{"trust", "status"} {
		if err := b.run(dir, b.binary, command); err != nil {
			return err
		}
	}
	var took, spent []time.Duration
	for range b.starts {
		began := time.Now()
		t, err := b.start(dir, 160, 45)
		if err != nil {
			return err
		}
		at, err := t.Wait(patience, first)
		if err != nil {
			return errors.Join(err, t.Close())
		}
		took = append(took, at.Sub(began))
		used, err := cpu(t.Cmd.Process.Pid)
		if err != nil {
			return errors.Join(err, t.Close())
		}
		spent = append(spent, used)
		if err := b.quit(t); err != nil {
			return err
		}
	}
	slices.Sort(took)
	slices.Sort(spent)
	figure(fmt.Sprintf("%d assets: exec to first frame", assets), ms(took[0])+" min, "+ms(took[len(took)/2])+" median", fmt.Sprintf("≤ %d ms", promise.Milliseconds()))
	figure(fmt.Sprintf("%d assets: CPU until then", assets), ms(spent[0])+" min, "+ms(spent[len(spent)/2])+" median", "that, where nobody else works")
	if err := b.resting(dir, assets); err != nil {
		return err
	}
	return b.keys(dir, assets)
}

func (b *bench) resting(dir string, assets int) error {
	t, err := b.start(dir, 160, 45)
	if err != nil {
		return err
	}
	loaded := func(picture string) bool { return first(picture) && !strings.Contains(picture, "loading") }
	if _, err := t.Wait(patience, loaded); err != nil {
		return errors.Join(err, t.Close())
	}
	time.Sleep(3 * time.Second) // what is written behind the first frames
	pid := t.Cmd.Process.Pid
	wrote, before, err := t.Wrote(), time.Duration(0), error(nil)
	if before, err = cpu(pid); err != nil {
		return errors.Join(err, t.Close())
	}
	time.Sleep(b.idle)
	after, err := cpu(pid)
	if err != nil {
		return errors.Join(err, t.Close())
	}
	resident, err := rss(pid)
	if err != nil {
		return errors.Join(err, t.Close())
	}
	figure(fmt.Sprintf("%d assets: CPU idle", assets), fmt.Sprintf("%.2f %% of a core, %d bytes written in %s", 100*float64(after-before)/float64(b.idle), t.Wrote()-wrote, b.idle), "≤ 0.1 %")
	figure(fmt.Sprintf("%d assets: memory idle", assets), fmt.Sprintf("%d MB resident", resident>>20), "≤ 80 MB")
	return b.quit(t)
}

// printer is a location whose one asset prints 100,000 lines a second.
const printer = `package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/assetdev/assetdev/asset"
)

type row struct{ N int64 }

func printer(ctx context.Context) ([]row, error) {
	w := bufio.NewWriterSize(os.Stdout, 1<<16)
	began := time.Now()
	for n := 0; time.Since(began) < 10*time.Minute && ctx.Err() == nil; {
		for ahead := int(time.Since(began).Seconds() * 100_000); n < ahead; n++ {
			fmt.Fprintf(w, "line %d: scanning a row group, and saying what was found there\n", n)
		}
		w.Flush()
		time.Sleep(time.Millisecond)
	}
	return nil, nil
}

func main() { asset.Main(asset.New("a_printer", printer)) }
`

// printer adds that location to a workspace.
func (b *bench) printer(dir string) error {
	other, err := filepath.Glob(filepath.Join(dir, "repo-*", "go.mod"))
	if err != nil || len(other) == 0 {
		return fmt.Errorf("%s has no module to go by: %w", dir, err)
	}
	own := filepath.Join(dir, "repo-printer")
	if err := os.MkdirAll(filepath.Join(own, "assets"), 0o777); err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(other[0]), name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(own, name), data, 0o666); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(own, "assets", "main.go"), []byte(printer), 0o666); err != nil {
		return err
	}
	file := filepath.Join(dir, "workspace.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, list, ok := strings.Cut(string(data), "load_from:\n")
	if !ok {
		return fmt.Errorf("%s has no list load_from", file)
	}
	entry := "  - go_package: {package_name: ./assets, location_name: printer, working_directory: ./repo-printer}\n"
	return os.WriteFile(file, []byte(head+"load_from:\n"+entry+list), 0o666)
}

// keys measures the time from a key to the frame that shows its effect: while nothing runs, and while a step prints 100,000 lines a
// second, the newest of which are on the screen.
func (b *bench) keys(dir string, assets int) error {
	t, err := b.start(dir, 160, 45)
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }()
	shows := func(texts ...string) error {
		_, err := t.Wait(patience, func(picture string) bool {
			return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(picture, text) })
		})
		return err
	}
	if _, err := t.Wait(patience, func(picture string) bool { return first(picture) && !strings.Contains(picture, "loading") }); err != nil {
		return err
	}
	name := fmt.Sprintf("%d assets: key to frame", assets)
	if err := errors.Join(t.Type("g"), b.press(t, name)); err != nil {
		return err
	}
	steps := []struct{ keys, want string }{{":a_printer", " a_printer"}, {"\r", "▸ "}, {"m", "Plan"}, {"m", "running"}, {"L", "scanning a row group"}, {"A", "lines   all steps"}, {"\x1b", "/ filter"}, {"g", "▸ "}}
	for _, s := range steps {
		if err := errors.Join(t.Type(s.keys), shows(s.want)); err != nil {
			return err
		}
	}
	pid := t.Cmd.Process.Pid
	began := time.Now()
	before, err := cpu(pid)
	if err != nil {
		return err
	}
	if err := b.press(t, name+", 100,000 lines a second"); err != nil {
		return err
	}
	after, err := cpu(pid)
	if err != nil {
		return err
	}
	figure(fmt.Sprintf("%d assets: CPU meanwhile", assets), fmt.Sprintf("%.0f %% of a core", 100*float64(after-before)/float64(time.Since(began))), "–")
	if err := errors.Join(t.Type("q"), shows("A run is active")); err != nil {
		return err
	}
	return errors.Join(t.Type("c"), ended(t))
}

// press moves the cursor down and up, and measures until it is there.
func (b *bench) press(t *tuitest.Terminal, name string) error {
	cursor := func(picture string) int {
		y := 0
		for line := range strings.Lines(picture) {
			if strings.Contains(line, "▸ ") {
				return y
			}
			y++
		}
		return -1
	}
	var took []time.Duration
	for i, end := 0, time.Now().Add(b.lines); time.Now().Before(end); i++ {
		was, began := cursor(t.Picture()), time.Now()
		if err := t.Type([]string{"j", "k"}[i%2]); err != nil {
			return err
		}
		at, err := t.Wait(patience, func(picture string) bool {
			y := cursor(picture)
			return y >= 0 && y != was
		})
		if err != nil {
			return err
		}
		took = append(took, at.Sub(began))
		time.Sleep(time.Duration(23+i%17) * time.Millisecond) // not in step with the frames
	}
	slices.Sort(took)
	figure(name, fmt.Sprintf("%s p50, %s p99, %s min of %d", ms(took[len(took)/2]), ms(took[len(took)*99/100]), ms(took[0]), len(took)), "p99 ≤ 16 ms")
	return nil
}

func (b *bench) quit(t *tuitest.Terminal) error {
	return errors.Join(t.Type("q"), ended(t), t.Close())
}

func ended(t *tuitest.Terminal) error {
	_, err := t.End(patience)
	return err
}

func figure(name, value, promise string) {
	fmt.Printf("%-45s %-55s promised %s\n", name, value, promise)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

// cpu returns the CPU time of a process so far.
func cpu(pid int) (time.Duration, error) {
	if runtime.GOOS != "linux" {
		return 0, nil
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, thread := range threads {
		data, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(data), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// rss returns the resident memory of a process in bytes.
func rss(pid int) (int64, error) {
	if runtime.GOOS != "linux" {
		return 0, nil
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
