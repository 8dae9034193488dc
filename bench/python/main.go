// Command python measures what Python code locations cost: it writes the demo as two Dagster projects, opens it in this process as the screen does,
// and prints each figure beside what Dagster 1.13.27 was measured to need on such a machine, and with -dagster beside what Dagster needs here and now.
//
//	python [-n 5] [-venv DIR] [-dagster] [-v]
//
// CPU time is that of this process, of all its children and of theirs; wall time depends on who else uses the machine. -venv is an environment with
// Dagster, pandas, pyarrow and scikit-learn; without it one is made, which takes minutes.
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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/assetdev/assetdev/demo"
	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/child"
)

// cheap is an asset that reads nothing and makes 60 rows.
var cheap = graph.MustKey("product_catalog")

func main() {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code) //nolint:forbidigo // the code of a child role
	}
	log.SetFlags(0)
	log.SetPrefix("python: ")
	var b bench
	flag.IntVar(&b.n, "n", 5, "how many `times` each is measured")
	flag.StringVar(&b.venv, "venv", "", "`folder` of a Python environment; one is made when not given")
	flag.BoolVar(&b.dagster, "dagster", false, "measure Dagster, too")
	flag.BoolVar(&b.verbose, "v", false, "print each measurement")
	flag.Parse()
	if err := b.run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

type bench struct {
	n                int
	venv             string
	dagster, verbose bool

	dir, ws, first string
	e              *engine.Engine
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "assetdev-python-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	b.ws, b.first = filepath.Join(b.dir, "demo"), filepath.Join(b.dir, "first")
	if _, err := demo.Write(ctx, b.ws, demo.Options{Python: true}); err != nil {
		return err
	}
	if b.venv == "" {
		if err := demo.MakeEnvironment(ctx, b.ws, func(text string) { log.Print(text) }); err != nil {
			return err
		}
		b.venv = filepath.Join(b.ws, ".venv")
	} else if err := os.Symlink(b.venv, filepath.Join(b.ws, ".venv")); err != nil {
		return err
	}
	if err := b.instrument(); err != nil {
		return err
	}
	python := filepath.Join(b.venv, "bin", "python")
	imports, err := b.imports(ctx, python)
	if err != nil {
		return err
	}

	fmt.Printf("%-58s %9s %9s   %s\n", "figure", "CPU s", "wall s", "Dagster 1.13.27 there and then: CPU s (wall s)")
	cold := b.begin()
	if err := b.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.e.Close()) }()
	b.row("start to graph, nothing cached (imports alone: "+seconds(imports)+")", cold.end(), "18-21 (21-33)")

	all := b.begin()
	if err := b.materialize(ctx, engine.Materialize{Selection: "*", Confirmed: true}); err != nil {
		return err
	}
	b.row("13 assets in one plan, the first time", all.end(), "83 (54), two commands")
	time.Sleep(8 * time.Second) // the server learns what it lacks
	all = b.begin()
	if err := b.materialize(ctx, engine.Materialize{Selection: "*", Confirmed: true, Force: true}); err != nil {
		return err
	}
	b.row("13 assets in one plan", all.end(), "83 (54), two commands")

	var one, first, stale, describe []sample
	for i := range b.n {
		time.Sleep(300 * time.Millisecond)
		m := b.begin()
		if err := b.materialize(ctx, engine.Materialize{Keys: []graph.Key{cheap}, Only: true, Force: true, Confirmed: true}); err != nil {
			return err
		}
		one = append(one, m.end())
		at, err := b.began()
		if err != nil {
			return err
		}
		first = append(first, sample{wall: at.Sub(m.at.Round(0))})

		time.Sleep(300 * time.Millisecond)
		if m, err = b.save(ctx, i); err != nil {
			return err
		}
		s := m.end()
		stale = append(stale, s)

		time.Sleep(300 * time.Millisecond)
		m = b.begin()
		if err := b.edit("definitions.py", fmt.Sprintf("\nASSETDEV_BENCH = %d\n", i)); err != nil {
			return err
		}
		if err := wait(ctx, b.e, func(batch engine.Batch) bool { return has(batch, event.KindReload) && loaded(batch.Snapshot) }); err != nil {
			return err
		}
		describe = append(describe, m.end())
	}
	b.row("save of a function's body to stale on the screen", least(stale), "")
	b.row("save of the entry point to described anew", least(describe), "3.7-5.2 (3.0-8.9), by hand")
	b.row("one cheap asset, key to committed", least(one), "9.2-12.7 (14-18)")
	b.row("one cheap asset, key to its first line", least(first), "")

	servers := pythons(os.Getpid())
	before := cpuOf(servers)
	const idle = 20 * time.Second
	time.Sleep(idle)
	used := cpuOf(servers) - before
	fmt.Printf("%-58s %8.2f%% %9s   %s\n", fmt.Sprintf("idle, %d Python processes, of one processor", len(servers)), 100*used.Seconds()/idle.Seconds(), "", "6.5 %")
	for _, pid := range servers {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		fmt.Printf("%-58s %9s %9s   %s\n", "  "+last(strings.Split(strings.Trim(string(command), "\x00"), "\x00"), 2), fmt.Sprintf("%.0f MB", pss(pid)), "PSS", "7 processes, 830 MB")
	}
	if b.dagster {
		return b.compare(ctx, python)
	}
	return nil
}

func last(words []string, n int) string {
	text := strings.Join(words[max(0, len(words)-n):], " ")
	return strings.ReplaceAll(text[:min(len(text), 50)], "\n", " ")
}

// instrument makes the cheap asset write down when it starts.
func (b *bench) instrument() error {
	path := filepath.Join(b.ws, "repo-analytics", "src", "analytics", "defs", "raw_data.py")
	code, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const head = "def product_catalog() -> pd.DataFrame:\n"
	changed := strings.Replace(string(code), head, head+"    import time; open("+strconv.Quote(b.first)+", 'w').write(str(time.time_ns()))\n", 1)
	if changed == string(code) {
		return fmt.Errorf("%s does not define product_catalog as this program expects", path)
	}
	return os.WriteFile(path, []byte(changed), 0o600)
}

func (b *bench) began() (time.Time, error) {
	text, err := os.ReadFile(b.first)
	if err != nil {
		return time.Time{}, err
	}
	ns, err := strconv.ParseInt(string(text), 10, 64)
	return time.Unix(0, ns), err
}

func (b *bench) edit(file, more string) error {
	f, err := os.OpenFile(filepath.Join(b.ws, "repo-analytics", "src", "analytics", file), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(more)
	return errors.Join(err, f.Close())
}

// save changes the body of a function that customer_data reaches, and waits until a picture shows it stale.
func (b *bench) save(ctx context.Context, n int) (mark, error) {
	path := filepath.Join(b.ws, "repo-analytics", "src", "analytics", "defs", "raw_data.py")
	code, err := os.ReadFile(path)
	if err != nil {
		return mark{}, err
	}
	key := graph.MustKey("customer_data")
	version := code1(b.e.Snapshot(), key)
	const head = "    customers = pd.DataFrame(shop.generate_customers())\n"
	at := strings.Index(string(code), head) + len(head)
	m := b.begin()
	if err := os.WriteFile(path, []byte(string(code[:at])+fmt.Sprintf("    assert %d >= 0\n", n)+string(code[at:])), 0o600); err != nil {
		return mark{}, err
	}
	err = wait(ctx, b.e, func(batch engine.Batch) bool { return code1(batch.Snapshot, key) != version })
	return m, err
}

func code1(s *engine.Snapshot, key graph.Key) string {
	a, _ := s.Graph.Asset(key)
	return a.Code.Version
}

// imports is the CPU time of importing what the two projects import, once.
func (b *bench) imports(ctx context.Context, python string) (time.Duration, error) {
	command := exec.CommandContext(ctx, python, "-c", "import dagster, pandas, sklearn.ensemble, pyarrow.parquet")
	if out, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), nil
}

func (b *bench) open(ctx context.Context) (err error) {
	b.e, err = engine.Open(ctx, engine.Options{
		File: filepath.Join(b.ws, "workspace.yaml"), TrustOnce: true, TrustDir: filepath.Join(b.dir, "trust"), CacheDir: filepath.Join(b.dir, "cache"), Watch: true,
		Auto: &engine.AutoOptions{Selection: "off"},
	})
	if err != nil {
		return err
	}
	return wait(ctx, b.e, func(batch engine.Batch) bool { return loaded(batch.Snapshot) })
}

func loaded(s *engine.Snapshot) bool {
	return !slices.ContainsFunc(s.Locations, func(l engine.Location) bool { return l.State != "loaded" })
}

func (b *bench) materialize(ctx context.Context, m engine.Materialize) error {
	if _, err := b.e.Do(ctx, m); err != nil {
		return err
	}
	failed := false
	err := wait(ctx, b.e, func(batch engine.Batch) bool {
		for _, ev := range batch.Events {
			failed = failed || ev.Kind == event.KindStep && ev.State == event.Failed
		}
		return slices.ContainsFunc(batch.Events, func(ev event.Event) bool { return ev.Kind == event.KindRun && event.Final(ev.State) })
	})
	if failed {
		return errors.New("a step failed")
	}
	return err
}

func has(batch engine.Batch, kind string) bool {
	return slices.ContainsFunc(batch.Events, func(ev event.Event) bool { return ev.Kind == kind })
}

// wait takes batches until one is what was waited for.
func wait(ctx context.Context, e *engine.Engine, f func(engine.Batch) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		batch, err := e.Wait(ctx)
		if err != nil {
			return err
		}
		if f(batch) {
			return nil
		}
	}
}

// A sample is what something took.
type sample struct{ cpu, wall time.Duration }

// A mark is where a sample begins.
type mark struct {
	at  time.Time
	cpu time.Duration
}

func (b *bench) begin() mark { return mark{time.Now(), b.cpu()} }

func (m mark) end() sample { return sample{new(bench).cpu() - m.cpu, time.Since(m.at)} }

// cpu is the CPU time of this process, of the children that have ended, and of those that live with theirs.
func (*bench) cpu() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum + cpuOf(pythons(os.Getpid()))
}

// pythons returns the living children of a process.
func pythons(parent int) []int {
	entries, _ := os.ReadDir("/proc")
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := stat(pid); len(f) > 1 && f[1] == strconv.Itoa(parent) {
			if command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.Contains(string(command), "assetdev_bridge") {
				found = append(found, pid)
			}
		}
	}
	return found
}

// stat returns the fields of /proc/PID/stat behind the name: state, parent, …
func stat(pid int) []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// cpuOf is the CPU time of processes and of their children that have ended, in clock ticks of a hundredth of a second.
func cpuOf(pids []int) time.Duration {
	var ticks int64
	for _, pid := range pids {
		if f := stat(pid); len(f) > 14 {
			for _, field := range f[11:15] {
				n, _ := strconv.ParseInt(field, 10, 64)
				ticks += n
			}
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// pss is the memory of a process in MB, with its share of what it shares.
func pss(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1000
		}
	}
	return 0
}

func least(all []sample) sample {
	var s sample
	for i, x := range all {
		if i == 0 || x.cpu < s.cpu {
			s.cpu = x.cpu
		}
		if i == 0 || x.wall < s.wall {
			s.wall = x.wall
		}
	}
	return s
}

func (b *bench) row(name string, s sample, anchor string) {
	cpu := seconds(s.cpu)
	if s.cpu == 0 {
		cpu = ""
	}
	fmt.Printf("%-58s %9s %9s   %s\n", name, cpu, seconds(s.wall), anchor)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// compare has Dagster do the same.
func (b *bench) compare(ctx context.Context, python string) error {
	fmt.Println("Dagster, here and now:")
	home := filepath.Join(b.dir, "dagster-home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	for _, c := range []struct{ name, dir, module, selection string }{
		{"dagster asset materialize, one cheap asset", "repo-analytics/src", "analytics.definitions", cheap.String()},
		{"dagster asset materialize, 6 assets of one location", "repo-analytics/src", "analytics.definitions", "*"},
	} {
		at := time.Now()
		command := exec.CommandContext(ctx, python, "-m", "dagster", "asset", "materialize", "-m", c.module, "-d", filepath.Join(b.ws, c.dir), "--select", c.selection)
		command.Dir, command.Env = b.ws, append(os.Environ(), "DAGSTER_HOME="+home)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", c.name, err, out)
		}
		b.row(c.name, sample{command.ProcessState.UserTime() + command.ProcessState.SystemTime(), time.Since(at)}, "")
	}
	return nil
}
