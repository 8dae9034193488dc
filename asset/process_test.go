package asset_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/asset"
	"github.com/assetdev/assetdev/internal/wire"
)

// These tests run the test binary itself as the program of a code location, over a real channel.

var update = flag.Bool("update", false, "write the transcripts anew")

// programVariable makes the test binary the program of that name.
const programVariable = "ASSET_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(programVariable); name != "" {
		asset.Main(programs()[name]...)
	}
	os.Exit(m.Run())
}

func programs() map[string][]asset.Asset {
	return map[string][]asset.Asset{
		"shop": {
			asset.New("raw/orders", rawOrders, asset.Group("raw"), asset.Outside(), asset.Env("SHOP_URL"), asset.Retry(2), asset.Timeout(time.Minute)),
			asset.New("spending", spending, asset.Group("marts"), asset.Owners("team:analytics", "ada@example.com"), asset.Kinds("table"),
				asset.Tags(map[string]string{"assetdev/auto": "false"}), asset.Metadata(map[string]string{"wiki": "spending"}),
				asset.Description("What each customer spent."), asset.CodeVersion("3"), asset.FreshWithin(24*time.Hour), asset.Files("data/*.csv"), asset.Unordered()),
			asset.New("mail", sendMail, asset.Deps("spending", "weather")),
			asset.New("weather report", rawOrders),
			asset.New("late", func(_ context.Context, when time.Time) error { return nil }),
			asset.New("spending", spending),
		},
		"steps": {
			asset.New("spending", spending),
			asset.New("mail", sendMail, asset.Deps("spending", "weather")),
			asset.New("fails", func() error { return errors.New("the shop is closed") }),
			asset.New("panics", panics),
			asset.New("panics_in_stream", panicsInStream),
			asset.New("logs", logs),
			asset.New("progress", manyProgress),
			asset.New("waits", waits),
			asset.New("stubborn", stubborn),
			asset.New("chatters", chatters),
			asset.New("long_error", func() error { return errors.New(strings.Repeat("é", 1<<20)) }),
			asset.New("exits", func() { os.Exit(0) }),
			asset.New("goexit", func() { runtime.Goexit() }),
			asset.New("broken", 7),
		},
	}
}

type rawOrder struct {
	CustomerID  int64
	TotalAmount float64
	OrderDate   time.Time
	Coupon      *string
}

func rawOrders() iter.Seq2[rawOrder, error] {
	return func(yield func(rawOrder, error) bool) {}
}

func sendMail(ctx context.Context) error {
	rows, err := asset.LoadExternal[struct{ Total string }](ctx, "spending")
	if err != nil {
		return err
	}
	asset.DataVersion(ctx, fmt.Sprintf("%d mails", len(rows)))
	for _, err := range asset.StreamExternal[struct{ Degrees float32 }](ctx, "weather") {
		if err != nil {
			return err
		}
	}
	return nil
}

func panics(in struct {
	Orders []rawOrder `asset:"spending"`
},
) []rawOrder {
	_ = strings.Repeat("x", -1-len(in.Orders))
	return nil
}

func panicsInStream() iter.Seq2[rawOrder, error] {
	return func(yield func(rawOrder, error) bool) {
		var orders []rawOrder
		yield(orders[3], nil)
	}
}

func logs(ctx context.Context) {
	fmt.Println("on stdout")
	log.Println("from package log")
	slog.Debug("details", "n", 1)
	slog.With("user", "ada").WithGroup("g").Warn("two words", "key", "v w", slog.Group("h", "x", 1.5))
	slog.Error("line one\nline two")
	asset.Report(ctx, "text", "x")
	asset.Report(ctx, "nan", math.NaN())
	asset.Report(ctx, "error", errors.New("no"))
	asset.Report(ctx, "took", 1500*time.Millisecond)
	asset.Report(ctx, "bad", func() {})
}

func manyProgress(ctx context.Context) {
	for i := range 10_000 {
		asset.Progress(ctx, float64(i)/10_000, fmt.Sprint(i))
	}
	asset.Progress(ctx, 7, "done")
}

func waits(ctx context.Context) error {
	asset.Progress(ctx, math.NaN(), "waiting")
	<-ctx.Done()
	return ctx.Err()
}

func stubborn(ctx context.Context) {
	for {
		<-time.After(5 * time.Millisecond)
		slog.Info("still here")
	}
}

func chatters(ctx context.Context) {
	for ctx.Err() == nil {
		slog.Info("anybody?")
	}
}

// A process is the test binary as a program, with the other end of its channel.
type process struct {
	cmd            *exec.Cmd
	conn           *wire.Conn
	stdout, stderr bytes.Buffer
}

func start(t *testing.T, program string) *process {
	t.Helper()
	syscall.ForkLock.RLock() // macOS knows no SOCK_CLOEXEC
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a process that hangs is a failure, not a test that hangs
	t.Cleanup(cancel)
	p := &process{cmd: exec.CommandContext(ctx, os.Args[0]), conn: wire.NewConn(ours)}
	p.cmd.Env = append(os.Environ(), programVariable+"="+program, wire.FDVariable+"=3")
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.conn.Close() })
	return p
}

// ask runs one request to its end and returns all messages and the exit code. during may be nil.
func ask(t *testing.T, p *process, q wire.Request, during func(wire.Message)) (messages []wire.Message, code int, err error) {
	t.Helper()
	hello, last, err := p.conn.Ask(q, func(m wire.Message) {
		messages = append(messages, m)
		if during != nil {
			during(m)
		}
	})
	messages = append([]wire.Message{{Type: wire.TypeHello, Hello: &hello}}, messages...)
	if err == nil {
		messages = append(messages, last)
	}
	_ = p.cmd.Wait() // the code says it
	return messages, p.cmd.ProcessState.ExitCode(), err
}

// request is one for the asset, in a folder of its own.
func request(t *testing.T, key string, inputs ...wire.Input) wire.Request {
	dir := t.TempDir()
	return wire.Request{
		Type: wire.Materialize, Run: "20260301-101500-ab12", Asset: key, Attempt: 1, View: filepath.Join(dir, "view"), Output: filepath.Join(dir, "output"), Inputs: inputs,
	}
}

func ordersFile(t *testing.T, rows ...rawOrder) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orders.arrow")
	if _, err := asset.WriteFile(path, rows); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTranscripts is the process's side of the transcripts that this package's program has a part in.
func TestTranscripts(t *testing.T) {
	orders := ordersFile(t, rawOrder{CustomerID: 7, TotalAmount: 12.5}) // one row, one progress: the order of messages is certain
	input := func(key, arrow string) wire.Input {
		return wire.Input{Asset: key, Parquet: strings.Replace(arrow, ".arrow", ".parquet", 1), Arrow: arrow, DataVersion: "b3:5d41", Location: "analytics-team", Command: "assetdev materialize " + key}
	}
	total := filepath.Join(t.TempDir(), "spending.arrow")
	if _, err := asset.WriteFile(total, []struct{ Total string }{{"1"}, {"2"}}); err != nil {
		t.Fatal(err)
	}
	weather := filepath.Join(t.TempDir(), "weather.arrow")
	if _, err := asset.WriteFile(weather, []struct{ Degrees float32 }{{20}}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, program string
		request       wire.Request
		code          int
	}{
		{"describe", "shop", wire.Request{Type: wire.Describe}, 0},
		{"materialize", "steps", request(t, "spending", input("order_data", orders)), 0},
		{"no_data", "steps", request(t, "mail", input("spending", total), input("weather", weather)), 0},
		{"failed", "steps", request(t, "fails"), 1},
		{"panicked", "steps", request(t, "panics_in_stream"), 1},
		{"input_missing", "steps", request(t, "mail", input("spending", total), wire.Input{Asset: "weather", Location: "sensors", Command: "assetdev materialize weather"}), 1},
		{"input_gone", "steps", request(t, "spending", input("order_data", filepath.Join(filepath.Dir(orders), "gone.arrow"))), 1},
		{"input_without_column", "steps", request(t, "spending", input("order_data", total)), 1},
		{"unknown_asset", "steps", request(t, "elsewhere"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, test.program)
			messages, code, err := ask(t, p, test.request, nil)
			if err != nil || code != test.code {
				t.Errorf("got exit code %d, %v, want %d\n%s", code, err, test.code, p.stderr.String())
			}
			dirs := []string{filepath.Dir(orders), filepath.Dir(total), filepath.Dir(weather)}
			if test.request.Output != "" {
				dirs = append(dirs, filepath.Dir(test.request.Output))
			}
			var got []byte
			got = append(got, line(t, "process", messages[0], dirs)...)
			got = append(got, line(t, "assetdev", test.request, dirs)...)
			for _, m := range messages[1:] {
				got = append(got, line(t, "process", m, dirs)...)
			}
			path := filepath.Join("..", "loader", "testdata", "protocol", test.name+".jsonl")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
				t.Errorf("transcript (-want +got), to accept run with -update:\n%s", diff)
			}
		})
	}
}

var (
	lineNumber  = regexp.MustCompile(`"line":\d+`)
	placeInText = regexp.MustCompile(`(\.go):\d+`)
)

// line writes one line of a transcript, without what differs from run to run.
func line(t *testing.T, side string, v any, dirs []string) []byte {
	t.Helper()
	if m, ok := v.(wire.Message); ok && m.Hello != nil {
		hello := *m.Hello
		hello.PID = 4711
		m.Hello = &hello
		v = m
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any{side: v}); err != nil {
		t.Fatal(err)
	}
	_, source, _, _ := runtime.Caller(0)
	text := strings.ReplaceAll(b.String(), filepath.Dir(source), "/src")
	for _, dir := range dirs {
		text = strings.ReplaceAll(text, dir, "/step")
	}
	text = lineNumber.ReplaceAllString(text, `"line":1`)
	return []byte(placeInText.ReplaceAllString(text, "$1:1"))
}

func last(t *testing.T, messages []wire.Message) wire.Message {
	t.Helper()
	return messages[len(messages)-1]
}

func TestLogAndMetadata(t *testing.T) {
	p := start(t, "steps")
	messages, code, err := ask(t, p, request(t, "logs"), nil)
	if err != nil || code != 0 || last(t, messages).Result.Format != wire.None {
		t.Fatalf("got exit code %d, %v", code, err)
	}
	var got []string
	for _, m := range messages {
		switch {
		case m.Log != nil:
			got = append(got, m.Log.Level+" "+m.Log.Text)
		case m.Metadata != nil:
			got = append(got, fmt.Sprintf("%s", m.Metadata))
		}
	}
	want := []string{
		"info from package log",
		"debug details n=1",
		`warning two words user=ada g.key="v w" g.h.x=1.5`,
		"error line one",
		"error line two",
		`map[text:"x"]`,
		`map[nan:"NaN"]`,
		`map[error:"no"]`,
		`map[took:"1.5s"]`,
		`warning metadata "bad" is not kept: json: unsupported type: func()`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if got := p.stdout.String(); got != "on stdout\n" {
		t.Errorf("stdout: got %q", got)
	}
}

func TestProgressIsLimited(t *testing.T) {
	began := time.Now()
	messages, _, err := ask(t, start(t, "steps"), request(t, "progress"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []wire.Progress
	for _, m := range messages {
		if m.Progress != nil {
			got = append(got, *m.Progress)
		}
	}
	if most := int(time.Since(began)/(50*time.Millisecond)) + 2; len(got) < 2 || len(got) > most {
		t.Errorf("got %d messages, want 2 to %d", len(got), most)
	}
	if end := got[len(got)-1]; end != (wire.Progress{Fraction: 1, Text: "done"}) {
		t.Errorf("the last one is %v", end)
	}
}

func TestPanicHasItsPlace(t *testing.T) {
	in := wire.Input{Asset: "spending", Arrow: ordersFile(t)}
	messages, code, err := ask(t, start(t, "steps"), request(t, "panics", in), nil)
	if err != nil || code != 1 {
		t.Fatalf("got exit code %d, %v", code, err)
	}
	e := last(t, messages).Error
	if e.Message != "panic: strings: negative Repeat count" {
		t.Errorf("got %q", e.Message)
	}
	source, err := os.ReadFile(e.File)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Split(string(source), "\n")[e.Line-1]; !strings.Contains(text, "strings.Repeat") {
		t.Errorf("%s:%d is %q", e.File, e.Line, text)
	}
	lines := strings.Split(e.Trace, "\n")
	if lines[0] != "strings.Repeat" || lines[2] != "github.com/assetdev/assetdev/asset_test.panics" || len(lines) != 5 {
		t.Errorf("trace:\n%s", e.Trace)
	}
}

func TestWaysToEnd(t *testing.T) {
	t.Run("interrupt", func(t *testing.T) {
		p := start(t, "steps")
		messages, code, err := ask(t, p, request(t, "waits"), func(m wire.Message) {
			if m.Progress.Fraction != -1 {
				t.Errorf("got %v, want a fraction that is not known", m.Progress)
			}
			if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		})
		if err != nil || code != 1 || last(t, messages).Error.Message != "context canceled" {
			t.Errorf("got exit code %d, %v, %v", code, last(t, messages).Error, err)
		}
	})
	t.Run("two interrupts", func(t *testing.T) {
		p := start(t, "steps")
		_, _, err := ask(t, p, request(t, "stubborn"), func(wire.Message) {
			if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Error(err)
			}
		})
		status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !errors.Is(err, io.ErrUnexpectedEOF) || status.Signal() != syscall.SIGINT {
			t.Errorf("got %v, %v", p.cmd.ProcessState, err)
		}
	})
	t.Run("assetdev is gone", func(t *testing.T) {
		p := start(t, "steps")
		_, code, err := ask(t, p, request(t, "chatters"), func(wire.Message) { _ = p.conn.Close() })
		if err == nil || code != 2 || !strings.Contains(p.stderr.String(), "broken pipe") {
			t.Errorf("got exit code %d, %v, %q", code, err, p.stderr.String())
		}
	})
	t.Run("os.Exit", func(t *testing.T) {
		if _, code, err := ask(t, start(t, "steps"), request(t, "exits"), nil); !errors.Is(err, io.ErrUnexpectedEOF) || code != 0 {
			t.Errorf("got exit code %d, %v", code, err)
		}
	})
	t.Run("runtime.Goexit", func(t *testing.T) {
		messages, code, err := ask(t, start(t, "steps"), request(t, "goexit"), nil)
		if err != nil || code != 1 || !strings.Contains(last(t, messages).Error.Message, "Goexit") {
			t.Errorf("got exit code %d, %v", code, err)
		}
	})
	t.Run("a long error", func(t *testing.T) {
		messages, code, err := ask(t, start(t, "steps"), request(t, "long_error"), nil)
		if err != nil || code != 1 || !strings.HasSuffix(last(t, messages).Error.Message, "é … (cut: 2097152 bytes)") {
			t.Errorf("got exit code %d, %v", code, err)
		}
	})
	t.Run("a broken declaration", func(t *testing.T) {
		messages, code, err := ask(t, start(t, "steps"), request(t, "broken"), nil)
		if err != nil || code != 1 || last(t, messages).Error.Message != `asset "broken": it is made by a int; it must be a function` {
			t.Errorf("got exit code %d, %v, %v", code, last(t, messages).Error, err)
		}
	})
	t.Run("a bad request", func(t *testing.T) {
		p := start(t, "steps")
		if _, err := p.conn.ReadMessage(); err != nil {
			t.Fatal(err)
		}
		if err := p.conn.SendRequest(wire.Request{Type: "erase"}); err != nil {
			t.Fatal(err)
		}
		m, err := p.conn.ReadMessage()
		_ = p.cmd.Wait()
		if err != nil || m.Type != wire.TypeError || p.cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("got %v, %v, %v", m, err, p.cmd.ProcessState)
		}
	})
}

func TestStartedByHand(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), programVariable+"=shop")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1, because declarations are wrong", err)
	}
	for _, want := range []string{"with 3 assets", "  raw/orders   raw     \n", "  spending     marts   reads order_data\n", "  mail                 reads spending, weather\n", "go_package", "assetdev materialize mail"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is not in:\n%s", want, stdout.String())
		}
	}
	for _, want := range []string{"process_test.go:", `asset "spending": it is declared twice`, `argument time.Time has no exported field`} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is not in:\n%s", want, stderr.String())
		}
	}
}

// All ways to take and to give a table, in one step.
func TestShapes(t *testing.T) {
	type row struct{ N int }
	type model struct{ Weights []float64 }
	one := func() []row { return []row{{1}, {2}, {3}} }
	dir := t.TempDir()
	write := func(name string, rows any) string {
		path := filepath.Join(dir, name)
		if _, err := asset.WriteFile(path, rows); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rows := write("rows", one())
	inputs := map[string]string{"a": rows, "b": rows, "c": rows, "d": rows, "e": rows, "model": write("model", model{[]float64{0.5}}), "none": write("none", []row{})}
	type all struct {
		A     []row
		B     iter.Seq2[row, error]
		C     arrow.Record
		D     []arrow.Record
		E     array.RecordReader
		Model model
		None  arrow.Record
	}
	check := func(in all) {
		if len(in.A) != 3 || in.C.NumRows() != 3 || len(in.D) != 1 || in.D[0].NumRows() != 3 || in.Model.Weights[0] != 0.5 || in.None.NumRows() != 0 || in.None.NumCols() != 1 {
			t.Errorf("got %+v", in)
		}
		for range 2 { // a stream can be gone through again
			var got []int
			for r, err := range in.B {
				if err != nil {
					t.Error(err)
				}
				got = append(got, r.N)
			}
			if !slices.Equal(got, []int{1, 2, 3}) {
				t.Errorf("got %v", got)
			}
		}
		for _, err := range in.B { // and left early
			if err != nil {
				t.Error(err)
			}
			break
		}
		n := int64(0)
		for in.E.Next() {
			n += in.E.Record().NumRows()
		}
		if n != 3 || in.E.Err() != nil {
			t.Errorf("got %d rows, %v", n, in.E.Err())
		}
	}
	for _, f := range []any{
		func(in all) []row { check(in); return in.A },
		func(ctx context.Context, in all) ([]row, error) { check(in); return one(), ctx.Err() },
		func(in all) iter.Seq2[row, error] { return in.B },
		func(in all) (arrow.Record, error) { return in.C, nil },
		func(in all) []arrow.Record { return in.D },
		func(in all) array.RecordReader { return in.E },
	} {
		out := filepath.Join(dir, "out")
		outcome, err := asset.New("x", f).Materialize(t.Context(), inputs, out)
		if err != nil || outcome.Rows != 3 || outcome.NoData {
			t.Errorf("%T: got %+v, %v", f, outcome, err)
			continue
		}
		if got, err := asset.ReadFile[row](out); err != nil || !slices.Equal(got, one()) {
			t.Errorf("%T: got %v, %v", f, got, err)
		}
	}
	out := filepath.Join(dir, "model_out")
	if outcome, err := asset.New("x", func(in all) model { return in.Model }).Materialize(t.Context(), inputs, out); err != nil || outcome.Rows != 1 {
		t.Errorf("got %+v, %v", outcome, err)
	}
	inputs["model"] = write("models", []model{{}, {}})
	if _, err := asset.New("x", func(in all) model { return in.Model }).Materialize(t.Context(), inputs, out); err == nil || !strings.Contains(err.Error(), `asset "x" reads "model": it has 2 rows`) {
		t.Errorf("got %v, want that the model has two rows", err)
	}
}

// A stream that fails fails the step, though the function does not look.
func TestStreamErrorIsNotLost(t *testing.T) {
	coupon := "x"
	orders := ordersFile(t, rawOrder{CustomerID: 1, Coupon: &coupon}, rawOrder{CustomerID: 2})
	seen := 0
	careless := func(in struct {
		Orders iter.Seq2[struct{ Coupon string }, error]
	},
	) {
		for range in.Orders { //nolint:errcheck // that is the carelessness
			seen++
		}
	}
	_, err := asset.New("x", careless).Materialize(t.Context(), map[string]string{"orders": orders}, "")
	want := `asset "x" reads "orders": row 2, column "coupon": it is null; read it into a pointer`
	if err == nil || err.Error() != want || seen != 2 {
		t.Errorf("got %v after %d rows, want %s", err, seen, want)
	}
}

func TestStreamsHaveBoundedMemory(t *testing.T) {
	type row struct{ Text string }
	const rows, size = 300, 256 << 10 // 75 MB
	text := strings.Repeat("x", size)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if _, err := asset.WriteFile(in, iter.Seq2[row, error](func(yield func(row, error) bool) {
		for range rows {
			if !yield(row{text}, nil) {
				return
			}
		}
	})); err != nil {
		t.Fatal(err)
	}
	most := uint64(0)
	copying := func(in struct{ Rows iter.Seq2[row, error] }) iter.Seq2[row, error] {
		return func(yield func(row, error) bool) {
			n := 0
			for r, err := range in.Rows {
				if n++; n%100 == 0 {
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapAlloc)
				}
				if !yield(r, err) {
					return
				}
			}
		}
	}
	outcome, err := asset.New("x", copying).Materialize(t.Context(), map[string]string{"rows": in}, out)
	if err != nil || outcome.Rows != rows {
		t.Fatalf("got %+v, %v", outcome, err)
	}
	if limit := uint64(rows * size * 2 / 3); most == 0 || most > limit {
		t.Errorf("%d MB of heap are in use, want at most %d", most>>20, limit>>20)
	}
}
