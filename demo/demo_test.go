package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assetdev/assetdev/asset"
	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/wire"
)

func TestMain(m *testing.M) {
	if code, isRole := child.Dispatch(); isRole { // git runs under the supervisor
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// source is the root of the module: what main embeds is a part of it.
var source = os.DirFS("..")

func TestWriteIntoNewFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "demo")
	written := mustWrite(t, dir, false)
	if written.Existed || !filepath.IsAbs(written.Dir) || len(written.Notices) > 0 {
		t.Errorf("got %+v", written)
	}
	got := list(t, dir)
	want := []string{".assetdev-demo", "README.md", "repo-analytics", "repo-ml", "sdk", "workspace.yaml"}
	if !slices.Equal(got, want) {
		t.Errorf("the folder holds %v, want %v", got, want)
	}
	for _, repo := range repositories {
		out := output(t, filepath.Join(dir, repo.dir), nil, "git", "-c", "core.fsmonitor=false", "log", "--format=%an <%ae> %s")
		if want := "assetdev <demo@assetdev.invalid> Assets of the assetdev demo\n"; out != want {
			t.Errorf("git log of %s: got %q, want %q", repo.dir, out, want)
		}
		if out := output(t, filepath.Join(dir, repo.dir), nil, "git", "status", "--porcelain"); out != "" {
			t.Errorf("%s is dirty:\n%s", repo.dir, out)
		}
	}
}

func TestWriteOpensAgain(t *testing.T) {
	dir := t.TempDir() // empty, so it is taken
	mustWrite(t, dir, false)
	edited, data := filepath.Join(dir, "repo-ml", "main.go"), filepath.Join(dir, ".assetdev", "assets", "x.parquet")
	put(t, edited, "edited")
	put(t, data, "data")
	put(t, filepath.Join(dir, "notes.txt"), "mine")
	if written := mustWrite(t, dir, false); !written.Existed {
		t.Error("Existed is false for a demo that was there")
	}
	if got := text(t, edited); got != "edited" {
		t.Errorf("the edited file now begins %.40q", got)
	}

	if written := mustWrite(t, dir, true); written.Existed {
		t.Error("Existed is true after a reset")
	}
	if got := text(t, edited); got == "edited" {
		t.Error("the edited file is still there after a reset")
	}
	if _, err := os.Stat(filepath.Dir(data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data after a reset: %v, want that it is gone", err)
	}
	if got := text(t, filepath.Join(dir, "notes.txt")); got != "mine" {
		t.Errorf("the user's own file now holds %q", got)
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"other files":         func(t *testing.T, dir string) { put(t, filepath.Join(dir, "thesis.tex"), "x") },
		"a demo's file names": func(t *testing.T, dir string) { put(t, filepath.Join(dir, "workspace.yaml"), "load_from: []\n") },
		"a foreign marker":    func(t *testing.T, dir string) { put(t, filepath.Join(dir, marker), "x") },
		"a file":              func(t *testing.T, dir string) { put(t, dir, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			prepare(t, dir)
			before := snapshot(t, dir)
			for _, reset := range []bool{false, true} {
				_, err := Write(t.Context(), dir, Options{Reset: reset, SDK: source})
				if d, ok := errors.AsType[*diag.Error](err); !ok || d.Kind != "usage" || d.Hint == "" {
					t.Errorf("reset %v: got error %v, want one of kind usage with a hint", reset, err)
				}
			}
			if after := snapshot(t, dir); before != after {
				t.Errorf("the folder was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

const halfText = "written by a call that was killed"

// The folder is as a kill left it, at each stop of place.
func TestWriteAfterInterruption(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"while staging": func(t *testing.T, dir string) {
			put(t, filepath.Join(dir, stagePrefix+"1", "new", "README.md"), halfText)
		},
		"while moving": func(t *testing.T, dir string) {
			put(t, filepath.Join(dir, stagePrefix+"1", "new", "repo-ml", "main.go"), halfText)
			put(t, filepath.Join(dir, marker), unfinished)
			put(t, filepath.Join(dir, "workspace.yaml"), halfText)
			put(t, filepath.Join(dir, "repo-analytics", "main.go"), halfText)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			prepare(t, dir)
			if written := mustWrite(t, dir, false); written.Existed {
				t.Error("half a demo was opened")
			}
			if s := snapshot(t, dir); strings.Contains(s, halfText) || strings.Contains(s, filepath.Join(dir, stagePrefix)) {
				t.Errorf("something is left of it: %v", list(t, dir))
			}
			if written := mustWrite(t, dir, false); !written.Existed {
				t.Error("the finished demo is not opened")
			}
		})
	}
}

func TestWriteThatFailsLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	ctx, cancel := contextWithCancel(t)
	cancel()
	if _, err := Write(ctx, dir, Options{SDK: source}); err == nil {
		t.Error("cancelled: got no error")
	}
	if _, err := Write(t.Context(), dir, Options{}); err == nil {
		t.Error("without the SDK: got no error")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder: got %v, want that there is none", err)
	}
}

func TestWriteWithoutGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := t.TempDir()
	written := mustWrite(t, dir, false)
	if len(written.Notices) != 1 || !strings.Contains(written.Notices[0], "there is no git") {
		t.Errorf("got notices %q, want one that there is no git", written.Notices)
	}
	if _, err := os.Stat(filepath.Join(dir, "repo-ml", "main.go")); err != nil {
		t.Error(err)
	}
}

// A git that does not know the options, as one from before 2.28.
func TestWriteWithBrokenGit(t *testing.T) {
	bin := t.TempDir()
	put(t, filepath.Join(bin, "git"), "#!/bin/sh\nmkdir -p .git\necho 'unknown option' >&2\nexit 129\n")
	if err := os.Chmod(filepath.Join(bin, "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	dir := t.TempDir()
	written := mustWrite(t, dir, false)
	if len(written.Notices) != 1 || !strings.Contains(written.Notices[0], "unknown option") {
		t.Errorf("got notices %q, want one with git's words", written.Notices)
	}
	if _, err := os.Stat(filepath.Join(dir, "repo-analytics", ".git")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a repository is left: %v", err)
	}
}

// What lies in this folder is what is embedded: go:embed leaves files out without a word.
func TestEmbeddedFiles(t *testing.T) {
	var got, want []string
	walk := func(to *[]string) fs.WalkDirFunc {
		return func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && slices.Contains([]string{".assetdev", environmentDir, "__pycache__", "shared_assets", "demotest"}, entry.Name()):
				return fs.SkipDir // of assetdev and Python run in this folder, and the package for tests
			case !entry.IsDir() && (strings.Contains(name, "/") || filepath.Ext(name) != ".go"):
				*to = append(*to, name)
			}
			return nil
		}
	}
	if err := fs.WalkDir(embedded, ".", walk(&got)); err != nil {
		t.Fatal(err)
	}
	for _, name := range got {
		if strings.Contains(name, "__pycache__") || strings.HasSuffix(name, ".pyc") {
			t.Errorf("embedded is %s", name)
		}
	}
	if err := fs.WalkDir(os.DirFS("."), ".", walk(&want)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("embedded are\n%q\nand here lie\n%q", got, want)
	}
}

// TestRepositories writes the demo, builds it without the network, and makes all 13 assets, each with the outputs of its upstreams.
func TestRepositories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	mustWrite(t, dir, false)
	needGo(t, filepath.Join(dir, "sdk"))
	// Everything that packages and their tests import is in go.mod and go.sum.
	output(t, filepath.Join(dir, "sdk"), offline, "go", "list", "-deps", "./...")
	shop := &shop{dir: t.TempDir(), metadata: map[string]map[string]json.RawMessage{}}
	for _, repo := range repositories {
		root := filepath.Join(dir, repo.dir)
		output(t, root, offline, "go", "list", "-deps", "-test", "./...", modulePath+"/asset/assettest")
		program := filepath.Join(t.TempDir(), "program")
		output(t, root, offline, "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", program, ".")
		if out := output(t, root, nil, program); !strings.Contains(out, "code location of assetdev") {
			t.Errorf("started by hand, it says %q", out)
		}
		for _, a := range shop.describe(t, program, root) {
			shop.materialize(t, program, root, a)
		}
	}
	if len(shop.metadata) != 13 {
		t.Fatalf("made %d assets, want 13", len(shop.metadata))
	}
	shop.plausible(t)
}

// graph is the founding example's: group and upstreams of each asset.
var graph = map[string]string{
	"customer_data":            "raw_data",
	"order_data":               "raw_data",
	"product_catalog":          "raw_data",
	"customer_order_summary":   "analytics customer_data order_data",
	"product_performance":      "analytics order_data product_catalog",
	"customer_segments":        "analytics customer_order_summary",
	"customer_features":        "ml_features customer_order_summary",
	"product_features":         "ml_features product_performance",
	"synthetic_market_data":    "ml_features",
	"customer_churn_model":     "ml_models customer_features",
	"demand_forecast_model":    "ml_models product_features",
	"customer_risk_scores":     "ml_predictions customer_churn_model customer_features",
	"product_demand_forecasts": "ml_predictions demand_forecast_model product_features",
}

// A shop is the data that was made, one Arrow IPC file for each asset.
type shop struct {
	dir      string
	metadata map[string]map[string]json.RawMessage
}

func (s *shop) file(key string) string { return filepath.Join(s.dir, key+".arrow") }

// describe asks a program for its assets and checks them against the founding example.
func (s *shop) describe(t *testing.T, program, dir string) []wire.Asset {
	var assets []wire.Asset
	for _, m := range ask(t, program, dir, wire.Request{Type: wire.Describe}) {
		switch m.Type {
		case wire.TypeAsset:
			assets = append(assets, *m.Asset)
		case wire.TypeDefinitions:
			for _, problem := range m.Definitions.Problems {
				t.Errorf("%s:%d: %s", problem.File, problem.Line, problem.Message)
			}
		}
	}
	for _, a := range assets {
		got := strings.Join(append([]string{a.Group}, append(slices.Clone(a.Inputs), a.Deps...)...), " ")
		if want := graph[a.Key]; got != want {
			t.Errorf("asset %s: got group and upstreams %q, want %q", a.Key, got, want)
		}
		if len(a.Owners) == 0 || len(a.Kinds) == 0 || len(a.Columns) == 0 || a.File == "" || a.Symbol == "" {
			t.Errorf("asset %s lacks something: %+v", a.Key, a)
		}
	}
	return assets
}

// materialize makes an asset in a process of its own.
func (s *shop) materialize(t *testing.T, program, dir string, a wire.Asset) {
	request := wire.Request{Type: wire.Materialize, Run: "run", Asset: a.Key, Attempt: 1, View: s.dir, Output: s.file(a.Key)}
	for _, key := range slices.Concat(a.Inputs, a.Deps) {
		request.Inputs = append(request.Inputs, wire.Input{Asset: key, Parquet: filepath.Join(s.dir, key+".parquet"), Arrow: s.file(key)})
	}
	s.metadata[a.Key] = map[string]json.RawMessage{}
	start := time.Now()
	for _, m := range ask(t, program, dir, request) {
		switch m.Type {
		case wire.TypeError:
			t.Fatalf("materialize %s: %s\n%s", a.Key, m.Error.Message, m.Error.Trace)
		case wire.TypeMetadata:
			maps.Copy(s.metadata[a.Key], m.Metadata)
		case wire.TypeResult:
			info, err := os.Stat(s.file(a.Key))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%-24s %6d rows %8d bytes %6.1f ms", a.Key, m.Result.Rows, info.Size(), float64(time.Since(start).Microseconds())/1000)
		}
	}
}

// The columns that plausible looks at.
type (
	money float64
	order struct {
		CustomerID  int64
		Quantity    int64
		Price       money `asset:"price,decimal(10,2)"`
		TotalAmount money `asset:"total_amount,decimal(12,2)"`
		OrderDate   time.Time
	}
	performance struct {
		Product, Category                                  string
		Supplier                                           *string
		Orders, UnitsSold                                  int64
		Revenue, TotalCost, Profit, ProfitMargin           float64
		RevenuePercentile, ProfitPercentile                float64
		PerformanceTier                                    string
		CategoryCoffee, CategoryTea                        bool
		CategoryChocolate, CategorySpices, CategoryKitchen bool
		CategoryGifts                                      bool
	}
	modelRow struct {
		Part, Name              string
		Value                   float64
		Mean, Scale, Importance *float64
	}
	risk struct {
		CustomerID               int64
		ChurnProbability         float64
		RiskTier, Recommendation string
	}
	forecast struct {
		Product                                       string
		CurrentDemand, ForecastedDemand, DemandChange int64
		DemandChangePct                               float64
		InventoryRecommendation                       string
	}
)

func (m money) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%.2f", float64(m)), nil }

func (m *money) UnmarshalText(text []byte) error {
	_, err := fmt.Sscan(string(text), (*float64)(m))
	return err
}

func rowsOf[T any](t *testing.T, s *shop, key string) []T {
	t.Helper()
	rows, err := asset.ReadFile[T](s.file(key))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (s *shop) plausible(t *testing.T) {
	near := func(a, b float64) bool { return math.Abs(a-b) < 0.005 }
	orders := rowsOf[order](t, s, "order_data")
	var total money
	for _, o := range orders {
		total += o.TotalAmount
		if !near(float64(o.TotalAmount), float64(o.Price)*float64(o.Quantity)) || o.Price <= 0 {
			t.Fatalf("order %+v: the amount is not quantity × price", o)
		}
	}
	first, last := orders[0].OrderDate, orders[len(orders)-1].OrderDate
	if n := len(orders); n < 18_000 || n > 22_000 || first.Format(time.DateOnly) < "2022-01-15" || last.Format(time.DateOnly) != "2023-07-14" {
		t.Errorf("got %d orders from %v to %v", n, first, last)
	}

	segments := rowsOf[struct {
		TotalOrders int64
		TotalSpent  float64
		FirstOrder  time.Time
		LastOrder   time.Time
		Segment     string
	}](t, s, "customer_segments")
	spent, counted, sizes := 0.0, 0, map[string]int{}
	for _, c := range segments {
		spent, counted = spent+c.TotalSpent, counted+int(c.TotalOrders)
		sizes[c.Segment]++
		if c.LastOrder.Before(c.FirstOrder) {
			t.Errorf("last order before the first: %+v", c)
		}
	}
	if counted != len(orders) || !near(spent, float64(total)) {
		t.Errorf("customers have %d orders of %.2f, want %d of %.2f", counted, spent, len(orders), total)
	}
	everyOne(t, "segment", sizes, len(segments), "High Value", "Medium Value", "Low Value")

	products := rowsOf[performance](t, s, "product_features")
	revenue, tiers, withoutSupplier := 0.0, map[string]int{}, 0
	for _, p := range products {
		revenue += p.Revenue
		tiers[p.PerformanceTier]++
		if p.Supplier == nil {
			withoutSupplier++
		}
		categories := 0
		for _, is := range []bool{p.CategoryCoffee, p.CategoryTea, p.CategoryChocolate, p.CategorySpices, p.CategoryKitchen, p.CategoryGifts} {
			if is {
				categories++
			}
		}
		if categories != 1 || p.ProfitMargin > 100 || p.Orders == 0 {
			t.Errorf("product %+v is in %d categories", p, categories)
		}
	}
	if len(products) != 60 || !near(revenue, float64(total)) || withoutSupplier == 0 {
		t.Errorf("%d products (%d without a supplier) earn %.2f, want 60 that earn %.2f", len(products), withoutSupplier, revenue, total)
	}
	everyOne(t, "performance tier", tiers, len(products), "high", "medium", "low")

	churn := metrics(t, s, "customer_churn_model")
	if churn["accuracy"] < churn["base_rate"]+0.05 || churn["f1"] < 0.5 {
		t.Errorf("the churn model learned too little: %v", churn)
	}
	if reported := string(s.metadata["customer_churn_model"]["accuracy"]); reported == "" {
		t.Error("the churn model reports no accuracy")
	}
	demand := metrics(t, s, "demand_forecast_model")
	if demand["r2"] < 0.7 || !near(demand["rmse"]*demand["rmse"], demand["mse"]) {
		t.Errorf("the demand model learned too little: %v", demand)
	}

	scores, risks := rowsOf[risk](t, s, "customer_risk_scores"), map[string]int{}
	for _, r := range scores {
		risks[r.RiskTier]++
		if r.ChurnProbability < 0 || r.ChurnProbability > 1 || r.Recommendation == "" {
			t.Errorf("risk score %+v", r)
		}
	}
	if len(scores) != len(segments) {
		t.Errorf("%d customers have a score, want %d", len(scores), len(segments))
	}
	everyOne(t, "risk tier", risks, len(scores), "Low", "Medium", "High")

	stock := map[string]int{}
	for _, f := range rowsOf[forecast](t, s, "product_demand_forecasts") {
		stock[f.InventoryRecommendation]++
		if f.DemandChange != f.ForecastedDemand-f.CurrentDemand || f.ForecastedDemand < 0 || math.Abs(f.DemandChangePct) > 80 {
			t.Errorf("forecast %+v", f)
		}
	}
	everyOne(t, "inventory recommendation", stock, 60, "Increase stock", "Keep stock", "Reduce stock")
	t.Logf("churn %v demand %v", churn, demand)

	days := rowsOf[struct {
		Date           time.Time
		MarketIndex    float64
		SearchInterest *int64
	}](t, s, "synthetic_market_data")
	if n := len(days); n != 196 || days[0].Date.Format(time.DateOnly) != "2023-01-01" || days[n-1].Date.Format(time.DateOnly) != "2023-07-15" {
		t.Errorf("the market has %d days from %v to %v", n, days[0].Date, days[n-1].Date)
	}
}

// everyOne checks that each value occurs, none takes nearly all, and there is no other.
func everyOne(t *testing.T, what string, counts map[string]int, total int, values ...string) {
	t.Helper()
	t.Logf("%s: %v", what, counts)
	for _, value := range values {
		if n := counts[value]; n == 0 || n > total*9/10 {
			t.Errorf("%s %q: %d of %d", what, value, n, total)
		}
	}
	if len(counts) != len(values) {
		t.Errorf("%s: got %v, want only %v", what, counts, values)
	}
}

func metrics(t *testing.T, s *shop, key string) map[string]float64 {
	t.Helper()
	values, coefficients := map[string]float64{}, 0
	for _, row := range rowsOf[modelRow](t, s, key) {
		if row.Part == "metric" {
			values[row.Name] = row.Value
			continue
		}
		coefficients++
		if row.Name != "(intercept)" && (row.Mean == nil || row.Scale == nil || row.Importance == nil) {
			t.Errorf("%s: coefficient %+v", key, row)
		}
	}
	if coefficients < 3 {
		t.Errorf("%s has %d coefficients", key, coefficients)
	}
	return values
}

// ask starts a program with one request, as a code location does, and returns what it says.
func ask(t *testing.T, program, dir string, request wire.Request) []wire.Message {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(pair[0])
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	conn := wire.NewConn(ours)
	defer func() { _ = conn.Close() }()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, &out, &out, []*os.File{theirs}
	cmd.Env = append(os.Environ(), wire.FDVariable+"=3")
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SendRequest(request); err != nil {
		t.Error(err)
	}
	var messages []wire.Message
	for {
		m, err := conn.ReadMessage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%s: %v", request.Asset, err)
			break
		}
		messages = append(messages, m)
	}
	if err := cmd.Wait(); err != nil && len(messages) < 2 {
		t.Fatalf("%s: %v\n%s", request.Asset, err, out.String())
	}
	return messages
}

// offline is the environment in which what was written must build.
var offline = []string{"GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off"}

// needGo skips the test where the module cache has no Arrow, which is no fault of ours but on CI.
func needGo(t *testing.T, module string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./asset")
	cmd.Dir, cmd.Env = module, append(os.Environ(), offline...)
	if out, err := cmd.CombinedOutput(); err != nil && os.Getenv("CI") == "" && strings.Contains(string(out), "GOPROXY") {
		t.Skipf("the module cache lacks what the SDK needs: %s", out)
	}
}

// output runs a command, which must succeed.
func output(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
