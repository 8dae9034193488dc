// Command generate makes a workspace to measure with: N assets over L Go locations, and the same graph as a build.ninja.
//
//	generate -assets 1000 -locations 8 -records DIR
//
// The shape is that of what teams have: 1.6 dependencies an asset, one in twenty of them in another location, 25 assets a file,
// functions of a few lines that call helpers of their repository. It is the same for the same numbers. DIR must not exist or be
// empty. The locations build without the network, like the demo's.
//
// With -records every asset gets a record and data, as if it had been materialized, through package iomanager: the code version is
// the one that assetdev computes, the data is one small Parquet file. Materializing 10,000 assets for real takes 10,000 processes.
// Without, DIR is as a fresh clone: assetdev materialize '*' makes it real.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/demo"
	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/iomanager"
)

// perFile is how many assets a source file defines, helpers how many helper functions a repository has.
const (
	perFile = 25
	helpers = 40
)

func main() {
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code) //nolint:forbidigo // the code of a child role
	}
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	var o options
	flag.IntVar(&o.assets, "assets", 1000, "how many assets")
	flag.IntVar(&o.locations, "locations", 8, "how many code locations")
	flag.BoolVar(&o.records, "records", false, "write records and data, too")
	flag.StringVar(&o.sdk, "sdk", ".", "root of assetdev's module, for the SDK")
	flag.Parse()
	if flag.NArg() != 1 || o.locations < 1 || o.assets < o.locations {
		log.Fatal("usage: generate [-assets N] [-locations L] [-records] [-sdk ROOT] DIR")
	}
	if err := generate(context.Background(), flag.Arg(0), o); err != nil {
		log.Fatal(err)
	}
}

type options struct {
	assets, locations int
	records           bool
	sdk               string
}

// An asset of the plan: its number gives location and key.
type asset struct {
	key, location, function string
	up                      []int
}

// plan returns the assets. Asset i lies in location i mod L and reads earlier ones.
func plan(o options) []asset {
	random := rand.New(rand.NewPCG(1, uint64(o.assets)))
	assets := make([]asset, o.assets)
	for i := range assets {
		at := i % o.locations
		assets[i] = asset{key: fmt.Sprintf("team_%d/table_%d", at, i/o.locations), location: fmt.Sprintf("team-%d", at), function: fmt.Sprintf("table%d", i/o.locations)}
		count := 3 // 8 % have none, 40 % one, 36 % two, 16 % three: 1.6
		if p := random.Float64(); p < .08 {
			count = 0
		} else if p < .48 {
			count = 1
		} else if p < .84 {
			count = 2
		}
		for range min(count, i) {
			up := i - o.locations*(1+random.IntN(min(200, i/o.locations+1)))
			if random.Float64() < .05 {
				up = random.IntN(i)
			}
			if up >= 0 && !slices.Contains(assets[i].up, up) {
				assets[i].up = append(assets[i].up, up)
			}
		}
	}
	return assets
}

func generate(ctx context.Context, dir string, o options) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	// The demo brings the SDK, and go.mod files that build without the network.
	written, err := demo.Write(ctx, dir, demo.Options{SDK: os.DirFS(o.sdk)})
	if err != nil {
		return err
	}
	if written.Existed {
		return fmt.Errorf("%s is not empty", dir)
	}
	goMod, err := os.ReadFile(filepath.Join(dir, "repo-ml", "go.mod"))
	if err != nil {
		return err
	}
	goSum, err := os.ReadFile(filepath.Join(dir, "repo-ml", "go.sum"))
	if err != nil {
		return err
	}
	for _, name := range []string{"repo-ml", "repo-analytics", "README.md", ".assetdev-demo"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	assets := plan(o)
	w := writer{dir: dir}
	var workspace strings.Builder
	workspace.WriteString("load_from:\n")
	for l := range o.locations {
		repo := fmt.Sprintf("repo-%d", l)
		fmt.Fprintf(&workspace, "  - go_package: {package_name: ., location_name: team-%d, working_directory: ./%s}\n", l, repo)
		w.write(repo+"/go.mod", strings.Replace(string(goMod), "module example.com/ml", fmt.Sprintf("module example.com/team%d", l), 1))
		w.write(repo+"/go.sum", string(goSum))
		w.write(repo+"/helpers.go", helperSource())
		w.location(repo, l, o, assets)
	}
	w.write("workspace.yaml", workspace.String()+"io_manager:\n  filesystem: {base_dir: .assetdev/assets}\n")
	w.ninja(assets)
	if w.err != nil || !o.records {
		return w.err
	}
	return record(ctx, dir)
}

// A writer writes files until one fails.
type writer struct {
	dir string
	err error
}

func (w *writer) write(name, text string) {
	path := filepath.Join(w.dir, name)
	if w.err == nil {
		w.err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if w.err == nil {
		w.err = os.WriteFile(path, []byte(text), 0o600)
	}
}

// location writes the program of one location.
func (w *writer) location(repo string, at int, o options, assets []asset) {
	var mine []int
	for i := at; i < len(assets); i += o.locations {
		mine = append(mine, i)
	}
	var lists []string
	for chunk := range slices.Chunk(mine, perFile) {
		n := len(lists)
		lists = append(lists, fmt.Sprintf("assets%d()", n))
		var code, list strings.Builder
		for _, i := range chunk {
			a := assets[i]
			fmt.Fprintf(&code, "\n// %s is table %d of this team.\nfunc %s(_ context.Context, in struct {\n", a.function, i, a.function)
			for j, up := range a.up {
				fmt.Fprintf(&code, "\tU%d []row `asset:%q`\n", j, assets[up].key)
			}
			fmt.Fprintf(&code, "}) ([]row, error) {\n\trows := []row{{%d, \"made\"}}\n", i)
			for j := range a.up {
				fmt.Fprintf(&code, "\trows = append(rows, helper%d(in.U%d)...)\n", (i*7+j*13)%helpers, j)
			}
			fmt.Fprintf(&code, "\treturn helper%d(rows), nil\n}\n", i%helpers)
			fmt.Fprintf(&list, "\t\tasset.New(%q, %s, asset.Group(\"group_%d\"), asset.Owners(\"team:%d\"), asset.Kinds(\"table\")),\n", a.key, a.function, n, at)
		}
		w.write(fmt.Sprintf("%s/tables_%d.go", repo, n),
			"package main\n\nimport (\n\t\"context\"\n\n\t\"github.com/assetdev/assetdev/asset\"\n)\n"+code.String()+
				fmt.Sprintf("\nfunc assets%d() []asset.Asset {\n\treturn []asset.Asset{\n%s\t}\n}\n", n, list.String()))
	}
	w.write(repo+"/main.go", "// Command main is a code location to measure with.\npackage main\n\nimport (\n\t\"slices\"\n\n\t\"github.com/assetdev/assetdev/asset\"\n)\n\n"+
		"func main() {\n\tasset.Main(slices.Concat("+strings.Join(lists, ", ")+")...)\n}\n")
}

// helperSource returns helpers that call each other in short chains.
func helperSource() string {
	var b strings.Builder
	b.WriteString("package main\n\ntype row struct {\n\tID   int64\n\tText string\n}\n")
	for i := range helpers {
		next := ""
		if i%4 != 3 {
			next = fmt.Sprintf("\tif len(rows) > 100 {\n\t\treturn helper%d(rows[:100])\n\t}\n", i+1)
		}
		fmt.Fprintf(&b, "\n// helper%d keeps rows with an even number.\nfunc helper%d(rows []row) []row {\n%s\tkept := rows[:0:0]\n\tfor _, r := range rows {\n\t\tif r.ID%%2 == 0 {\n"+
			"\t\t\tkept = append(kept, row{r.ID + %d, r.Text})\n\t\t}\n\t}\n\treturn kept\n}\n", i, i, next, i)
	}
	return b.String()
}

// ninja writes the same graph as a build.ninja, in the folder ninja: ninja run there twice is the anchor.
func (w *writer) ninja(assets []asset) {
	var b strings.Builder
	b.WriteString("rule made\n  command = cat $in /dev/null > $out\n")
	for _, a := range assets {
		fmt.Fprintf(&b, "build out/%s: made src/%s", a.key, a.key)
		for _, up := range a.up {
			fmt.Fprintf(&b, " out/%s", assets[up].key)
		}
		b.WriteString("\n")
		w.write("ninja/src/"+a.key, a.key)
	}
	w.write("ninja/build.ninja", b.String())
}

// record commits every asset of the workspace with its present code version.
func record(ctx context.Context, dir string) (err error) {
	e, err := engine.Open(ctx, engine.Options{File: filepath.Join(dir, "workspace.yaml"), TrustOnce: true, CacheDir: os.Getenv("ASSETDEV_CACHE_DIR"), TrustDir: os.Getenv("ASSETDEV_STATE_DIR")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	s := e.Snapshot()
	for s.Loading {
		batch, err := e.Wait(ctx)
		if err != nil {
			return err
		}
		s = batch.Snapshot
	}
	for _, l := range s.Locations {
		if l.Error != nil {
			return fmt.Errorf("location %s: %s", l.Name, l.Error.Message)
		}
	}
	m, err := iomanager.Open(ctx, iomanager.Config{BaseDir: s.Workspace.Base, StateDir: filepath.Join(dir, "records-state"), Tables: same{}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close(), os.RemoveAll(filepath.Join(dir, "records-state"))) }()
	table := filepath.Join(dir, "table")
	if err := os.WriteFile(table, []byte("PAR1"+strings.Repeat("0", 600)+"PAR1"), 0o600); err != nil {
		return err
	}
	version := func(k graph.Key) string {
		return "t1:" + fmt.Sprintf("%032x", rand.New(rand.NewPCG(7, uint64(len(k.String())))).Uint64()) + k.Bare().String()
	}
	keys := s.Graph.Keys()
	errs := make([]error, len(keys))
	var group sync.WaitGroup
	limit := make(chan struct{}, 4*runtime.GOMAXPROCS(0))
	for i, key := range keys {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			a := s.Graph.At(i)
			r := graph.Record{
				Key: key, Run: "20260101-000000-000001", Attempt: 1, Location: a.Location, At: time.Now(), Took: 100 * time.Millisecond, Code: a.Code,
				Inputs: map[graph.Key]string{}, Git: &graph.Git{Commit: strings.Repeat("0123456789", 4), Branch: "main"}, By: "bench",
			}
			for _, up := range a.Deps {
				r.Inputs[up] = version(up)
			}
			_, _, errs[i] = m.Commit(ctx, iomanager.Draft{Record: r, Output: table, Format: iomanager.FormatParquet, AuthorDataVersion: version(key)})
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// same takes every table for the same one: what is measured reads no rows.
type same struct{ iomanager.Tables }

var described = iomanager.Table{Rows: 3, DataVersion: "t1:00000000000000000000000000000000"}

func (same) Convert(_ context.Context, in, _, out string, _ bool) (iomanager.Table, error) {
	from, err := os.Open(in)
	if err != nil {
		return described, err
	}
	defer from.Close()
	to, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return described, err
	}
	_, err = io.Copy(to, from)
	return described, errors.Join(err, to.Close())
}

func (same) Describe(context.Context, string, bool) (iomanager.Table, error) { return described, nil }
