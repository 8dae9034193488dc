// Command save measures what a save costs in steady state: it writes the demo, materializes it, lets auto-run watch it in this
// process as the screen does, and then saves one constant of customer_risk_scores' repository again and again.
//
//	save [-n 9] [-sdk ROOT] [-v]
//
// Measured from the moment after the file was written, in milliseconds:
//
//	batch  the watcher has told the engine
//	stale  a front end that waits for pictures has one in which the asset is stale
//	built  the location was built and has answered what it defines
//	start  the step starts: its inputs are pinned and its view is made
//	first  the asset's function runs: its first statement writes the time into a file
//	done   the run has ended, with the data committed
//
// and the CPU time, of this process and of its children, from the save to the end of the run. Of each the minimum and the median.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
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

var key = graph.MustKey("customer_risk_scores")

func main() {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code) //nolint:forbidigo // the code of a child role
	}
	log.SetFlags(0)
	log.SetPrefix("save: ")
	saves := flag.Int("n", 9, "how many `saves`")
	sdk := flag.String("sdk", ".", "root of assetdev's module, for the SDK")
	verbose := flag.Bool("v", false, "print each save")
	flag.Parse()
	if err := measure(context.Background(), *saves, *sdk, *verbose); err != nil {
		log.Fatal(err)
	}
}

func measure(ctx context.Context, saves int, sdk string, verbose bool) (err error) {
	dir, err := os.MkdirTemp("", "assetdev-save-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := demo.Write(ctx, filepath.Join(dir, "demo"), demo.Options{SDK: os.DirFS(sdk)}); err != nil {
		return err
	}
	b := bench{repo: filepath.Join(dir, "demo", "repo-ml"), first: filepath.Join(dir, "first")}
	if err := b.instrument(); err != nil {
		return err
	}
	e, err := engine.Open(ctx, engine.Options{
		File: filepath.Join(dir, "demo", "workspace.yaml"), TrustOnce: true, TrustDir: filepath.Join(dir, "trust"), CacheDir: filepath.Join(dir, "cache"),
		Watch: true, Auto: &engine.AutoOptions{},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if _, err := e.Do(ctx, engine.Materialize{Selection: "*", Confirmed: true}); err != nil {
		return err
	}
	if err := wait(ctx, e, func(batch engine.Batch) bool { return ended(batch) && !batch.Snapshot.Run.Active() }); err != nil {
		return err
	}
	if s := e.Snapshot(); s.Freshness.Status(key) != graph.Fresh {
		return fmt.Errorf("%s is %s after materializing everything", key, s.Freshness.Status(key))
	}
	var all []sample
	for i := range saves {
		time.Sleep(300 * time.Millisecond) // let the watcher come to rest
		s, err := b.save(ctx, e, i+1)
		if err != nil {
			return fmt.Errorf("save %d: %w", i+1, err)
		}
		if verbose {
			fmt.Printf("batch %v stale %v built %v start %v first %v done %v cpu %v + %v\n", s.batch, s.stale, s.built, s.start, s.first, s.done, s.own, s.children)
		}
		all = append(all, s)
	}
	fmt.Printf("%-28s %8s %8s\n", fmt.Sprintf("of %d saves, ms", saves), "min", "median")
	for _, row := range []struct {
		name string
		of   func(s sample) time.Duration
	}{
		{"save → batch", func(s sample) time.Duration { return s.batch }},
		{"save → stale shown", func(s sample) time.Duration { return s.stale }},
		{"save → built, described", func(s sample) time.Duration { return s.built }},
		{"save → step starts", func(s sample) time.Duration { return s.start }},
		{"save → first instruction", func(s sample) time.Duration { return s.first }},
		{"save → run ended", func(s sample) time.Duration { return s.done }},
		{"CPU of assetdev", func(s sample) time.Duration { return s.own }},
		{"CPU of its children", func(s sample) time.Duration { return s.children }},
	} {
		slices.SortFunc(all, func(a, b sample) int { return cmp.Compare(row.of(a), row.of(b)) })
		fmt.Printf("%-28s %8.1f %8.1f\n", row.name, ms(row.of(all[0])), ms(row.of(all[len(all)/2])))
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// A sample is one save: times since the file was written, and CPU times.
type sample struct{ batch, stale, built, start, first, done, own, children time.Duration }

type bench struct{ repo, first string }

// instrument makes the asset write down when it starts.
func (b bench) instrument() error {
	path := filepath.Join(b.repo, "predictions.go")
	code, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const head = "func riskScores(ctx context.Context, in riskInputs) ([]RiskScore, error) {\n"
	changed := strings.Replace(string(code), head, head+"\tbegan()\n", 1)
	if changed == string(code) {
		return fmt.Errorf("%s does not begin riskScores as this program expects", path)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		return err
	}
	return b.edit(0)
}

// edit is the save: another constant in a helper of the asset.
func (b bench) edit(n int) error {
	return os.WriteFile(filepath.Join(b.repo, "began.go"), fmt.Appendf(nil, `package main

import (
	"os"
	"strconv"
	"time"
)

const edit = %d

func began() {
	if err := os.WriteFile(%q, []byte(strconv.Itoa(edit)+" "+strconv.FormatInt(time.Now().UnixNano(), 10)), 0o600); err != nil {
		panic(err)
	}
}
`, n, b.first), 0o600)
}

func (b bench) save(ctx context.Context, e *engine.Engine, n int) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	own, children := used()
	if err := b.edit(n); err != nil {
		return sample{}, err
	}
	began := time.Now()
	var s sample
	err := wait(ctx, e, func(batch engine.Batch) bool {
		if save := batch.Snapshot.Save; save != nil && save.At.After(began) && s.batch == 0 {
			s.batch = save.At.Add(-time.Duration(save.MS) * time.Millisecond).Sub(began)
		}
		if s.stale == 0 && batch.Snapshot.Freshness.Status(key) == graph.Stale {
			s.stale = time.Since(began)
		}
		for _, ev := range batch.Events {
			switch {
			case ev.Kind == event.KindReload:
				s.built = ev.At.Sub(began)
			case ev.Kind == event.KindStep && ev.State == event.Running && s.start == 0:
				s.start = ev.At.Sub(began)
			}
		}
		return ended(batch)
	})
	if err != nil {
		return s, err
	}
	s.done = time.Since(began)
	ownAfter, childrenAfter := used()
	s.own, s.children = ownAfter-own, childrenAfter-children
	text, err := os.ReadFile(b.first)
	if err != nil {
		return s, err
	}
	number, at, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(at, 10, 64)
	if err != nil || number != strconv.Itoa(n) {
		return s, fmt.Errorf("the asset wrote %q", text)
	}
	s.first = time.Unix(0, ns).Sub(began.Round(0))
	return s, nil
}

// wait takes batches until one is what was waited for.
func wait(ctx context.Context, e *engine.Engine, f func(engine.Batch) bool) error {
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

func ended(batch engine.Batch) bool {
	return slices.ContainsFunc(batch.Events, func(ev event.Event) bool { return ev.Kind == event.KindRun && event.Final(ev.State) })
}

// used returns the CPU time of this process and of the children that it waited for.
func used() (own, children time.Duration) {
	of := func(who int) time.Duration {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) != nil {
			return 0
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return of(syscall.RUSAGE_SELF), of(syscall.RUSAGE_CHILDREN)
}
