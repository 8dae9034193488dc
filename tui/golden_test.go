package tui

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/tui/tuitest"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// TestGolden compares whole frames, as pictures in testdata.
func TestGolden(t *testing.T) {
	question := func(s *engine.Snapshot) *engine.Snapshot {
		next := *s
		next.Seq++
		next.Question = &engine.Question{ID: "q1", Why: []string{"it writes outside assetdev's storage"}, Plan: (&fake{}).plan(), TotalMS: 8800}
		return &next
	}
	untrusted := func(s *engine.Snapshot) *engine.Snapshot {
		next := *s
		next.Workspace.Trusted = false
		next.Workspace.Trust = &engine.TrustQuestion{
			Text: "This workspace is new here.", Commands: []string{"python -m marts.definitions in marts", "go build ./assets in ingest"}, Files: []string{"workspace.yaml", "marts/pyproject.toml"},
		}
		return &next
	}
	for _, test := range []struct {
		name  string
		w, h  int
		keys  string
		then  func(*engine.Snapshot) *engine.Snapshot
		opts  func(*Options)
		again string // keys after then
	}{
		{name: "start-80x24", w: 80, h: 24},
		{name: "run-80x24", w: 80, h: 24, keys: "j", then: running},
		{name: "run-160x45", w: 160, h: 45, keys: "j p", then: running},
		{name: "about-200x50", w: 200, h: 50, keys: "j", then: running},
		{name: "small-40x12", w: 40, h: 12, keys: "j"},
		{name: "run-60x18", w: 60, h: 18, keys: "j", then: running},
		{name: "middle-120x30", w: 120, h: 30, keys: "j w", then: running},
		{name: "too-small-31x9", w: 31, h: 9},
		{name: "ascii-80x24", w: 80, h: 24, keys: "j", then: running, opts: func(o *Options) { o.ASCII = true }},
		{name: "zoom-80x24", w: 80, h: 24, keys: "p +"},
		{name: "sorted-100x24", w: 100, h: 24, keys: "p l l O O"},
		{name: "selected-100x24", w: 100, h: 24, keys: "p j space j l"},
		{name: "statistics-80x24", w: 80, h: 24, keys: "p s"},
		{name: "statistics-40x12", w: 40, h: 12, keys: "p s"},
		{name: "cell-80x24", w: 80, h: 24, keys: "p $ enter"},
		{name: "help-80x24", w: 80, h: 24, keys: "?"},
		{name: "palette-120x30", w: 120, h: 30, keys: ": f c t"},
		{name: "menu-80x24", w: 80, h: 24, keys: "j M"},
		{name: "question-120x30", w: 120, h: 30, then: question},
		{name: "question-40x12", w: 40, h: 12, then: question},
		{name: "trust-80x24", w: 80, h: 24, then: untrusted},
		{name: "filter-80x24", w: 80, h: 24, keys: "/ m a r t"},
		{name: "offers-80x24", w: 80, h: 24, keys: "/", then: func(s *engine.Snapshot) *engine.Snapshot {
			next := *s
			next.Seq++
			next.Workspace.Selections = []engine.NamedSelection{{Name: "money", Selection: "+mart_revenue"}, {Name: "raw", Selection: "key:raw_*"}}
			return &next
		}, again: "esc /"},
		{name: "logs-100x24", w: 100, h: 24, keys: "L"},
		{name: "logs-wrapped-60x18", w: 60, h: 18, keys: "L W"},
		{name: "logs-merged-100x30", w: 100, h: 30, keys: "L", then: running, again: "A +"},
		{name: "code-80x24", w: 80, h: 24, keys: "c"},
		{name: "why-40x12", w: 40, h: 12, keys: "w"},
		{name: "zoomed-run-80x24", w: 80, h: 24, then: running, again: "3 +"},
		{name: "wide-250x70", w: 250, h: 70, keys: "p", then: running},
		{name: "loading-80x24", w: 80, h: 24, then: func(s *engine.Snapshot) *engine.Snapshot {
			next := partly(s, 2, true)
			next.Locations = []engine.Location{
				{Name: "ingest", Kind: "go_package", State: "loading", Since: epoch.Add(-12 * time.Second)},
				{Name: "marts", Kind: "python_module", State: "loading", Since: epoch.Add(-3 * time.Second)},
				{Name: "staging", Assets: 2, State: "loaded"},
			}
			return next
		}},
		{name: "history-120x30", w: 120, h: 30, keys: "j H"},
		{name: "lanes-80x24", w: 80, h: 24, keys: "v"},
		{name: "lanes-120x40", w: 120, h: 40, keys: "v l"},
		{name: "lanes-200x50", w: 200, h: 50, keys: "v", then: running},
		{name: "lanes-40x12", w: 40, h: 12, keys: "v"},
		{name: "lanes-ascii-100x30", w: 100, h: 30, keys: "v", then: running, opts: func(o *Options) { o.ASCII = true }},
		{name: "lanes-focus-120x40", w: 120, h: 40, keys: "v l l f"},
		{name: "lanes-impact-120x40", w: 120, h: 40, keys: "v i"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{snap: shop(), lines: 40}
			d, m := driven(t, f, test.w, test.h, test.opts)
			d.Press(strings.Fields(test.keys)...)
			if test.then != nil {
				push(d, m, f, test.then(f.snap))
			}
			d.Press(strings.Fields(test.again)...)
			if problem := tuitest.Check(d.Frame(), test.w, test.h); problem != "" {
				t.Error(problem)
			}
			got, path := d.Picture(), filepath.Join("testdata", test.name+".txt")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("frame differs (-want +got); go test ./tui -update rewrites it:\n%s", diff)
			}
		})
	}
}
