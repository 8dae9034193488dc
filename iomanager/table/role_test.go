package table

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
)

func TestInAChild(t *testing.T) {
	dir := t.TempDir()
	in := writeIPC(t, filepath.Join(dir, "in.arrow"), false, bigRecord(1000))
	out, back := filepath.Join(dir, "out.parquet"), filepath.Join(dir, "back.arrow")
	info, err := Convert(t.Context(), ConvertRequest{In: in, Format: Arrow, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Describe(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(info, again); diff != "" || info.Rows != 1000 || !strings.HasPrefix(info.DataVersion, "d1:") {
		t.Errorf("described after convert (-converted +described):\n%s", diff)
	}
	if unordered, err := DescribeUnordered(t.Context(), out); err != nil || unordered.DataVersion == info.DataVersion {
		t.Errorf("unordered: got %s, %v, want another version than %s", unordered.DataVersion, err, info.DataVersion)
	}
	if err := ToArrow(t.Context(), out, back); err != nil {
		t.Fatal(err)
	}
	third, err := Convert(t.Context(), ConvertRequest{In: back, Format: Arrow, Out: filepath.Join(dir, "third.parquet")})
	if err != nil || third.DataVersion != info.DataVersion {
		t.Errorf("way through Arrow: got %s, %v, want %s", third.DataVersion, err, info.DataVersion)
	}
	p, err := onePage(t.Context(), out, PageRequest{Offset: 998, Limit: 5, Columns: []string{"region", "id"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("region utf8 true; id int64 false; \n\"north\" \"998\"\n\"south\" \"999\"", pageText(p)); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

// onePage reads a page by a child of its own.
func onePage(ctx context.Context, file string, q PageRequest) (p page.Page, err error) {
	r := Open()
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.Page(ctx, file, q)
}

func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	path := func(name, data string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := writeParquet(t, filepath.Join(dir, "good.parquet"), 100, true, []arrow.Record{bigRecord(5)})
	for _, test := range []struct {
		file, want string
		columns    []string
	}{
		{filepath.Join(dir, "absent"), "read the table: no such file or directory", nil},
		{dir, "not a table: a folder", nil},
		{path("empty", ""), "file is truncated: it is empty", nil},
		{path("four", "PAR1"), "file is truncated: it does not end with a Parquet footer", nil},
		{path("csv", "id,name\n1,a\n"), "not a Parquet file: a CSV or text file", nil},
		{path("pickle", "\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00N."), "not a Parquet file: a pickle (protocol 4)", nil},
		{good, `no column "idd"`, []string{"idd"}},
	} {
		_, err := onePage(t.Context(), test.file, PageRequest{Limit: 1, Columns: test.columns})
		kind := "data"
		if test.columns != nil {
			kind = "usage"
		}
		wantKind(t, err, kind, test.want)
		if got, want := fmt.Sprint(err), test.file+": "+test.want; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := Describe(t.Context(), filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: got %v, want %v", err, fs.ErrNotExist)
	}
	if err := ToArrow(t.Context(), good, good); !errors.Is(err, fs.ErrExist) {
		t.Errorf("output that is there: got %v, want %v", err, fs.ErrExist)
	}
	if _, err := Convert(t.Context(), ConvertRequest{In: good, Format: "csv", Out: filepath.Join(dir, "x")}); err == nil {
		t.Error("unknown format: got no error")
	}
	if _, err := onePage(t.Context(), good, PageRequest{Limit: MaxPageRows + 1}); err == nil {
		t.Error("page that is too long: got no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := onePage(ctx, good, PageRequest{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
	}
}

func TestDeathIsAnError(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("role table: %w", child.ErrMemory), "needs more than 1 GiB of memory to read"},
		{fmt.Errorf("role table: %w", child.ErrTimeout), "took longer than 30s to read"},
		{child.ErrOutput, "needs too much text to show"},
		{
			&child.ExitError{Exit: child.Exit{Code: 2}, Stderr: "x\npanic: runtime error: index out of range [5] with length 3 [recovered]\n\ngoroutine 1"},
			"damaged: the Parquet library gave up (index out of range [5] with length 3)",
		},
		{&child.ExitError{Exit: child.Exit{Code: -1}, Stderr: "fatal error: \x1b[2Jfault\n"}, `damaged: the Parquet library gave up (\x1b[2Jfault)`},
		{&child.ExitError{Exit: child.Exit{Code: -1}}, "damaged: the Parquet library gave up"},
	} {
		err := death(test.err, "a.parquet", pageLimits)
		if got, want := err.Error(), "a.parquet: "+test.want; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if !errors.Is(err, test.err) {
			t.Errorf("%v does not wrap its cause", err)
		}
	}
}

func TestReader(t *testing.T) {
	path := writeParquet(t, filepath.Join(t.TempDir(), "x.parquet"), 300, true, []arrow.Record{bigRecord(1000)})
	r := Open()
	defer r.Close()
	pid := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.process == nil {
			return 0
		}
		return r.process.PID()
	}
	ask := func(offset int64) {
		t.Helper()
		p, err := r.Page(t.Context(), path, PageRequest{Offset: offset, Limit: 1, Columns: []string{"id"}})
		if err != nil || p.Rows[0][0].Value != fmt.Sprint(offset) {
			t.Fatalf("row %d: got %+v, %v", offset, p.Rows, err)
		}
	}
	ask(5)
	first := pid()
	if _, err := r.Page(t.Context(), path, PageRequest{Columns: []string{"nothing"}}); err == nil {
		t.Error("unknown column: got no error")
	}
	ask(999)
	if pid() != first {
		t.Errorf("second page: another child, want the first (%d)", first)
	}
	// It dies between requests, and in one.
	r.process.Kill()
	ask(7)
	if pid() == first {
		t.Error("after its death: got the dead child")
	}
	r.process.Kill()
	if _, err := r.ask(t.Context(), []byte("{}\n")); err == nil {
		t.Error("dead child: got no error")
	}
	ask(8)
	// Cancelled.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.ask(ctx, []byte("{}\n")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
	}
	ask(9)
	r.Idle()
	if pid() != 0 {
		t.Error("after Idle: the child is there")
	}
	var callers sync.WaitGroup
	for i := range int64(8) {
		callers.Go(func() {
			if p, err := r.Page(t.Context(), path, PageRequest{Offset: i, Limit: 1, Columns: []string{"id"}}); err != nil || p.Rows[0][0].Value != fmt.Sprint(i) {
				t.Errorf("row %d: got %+v, %v", i, p.Rows, err)
			}
		})
	}
	callers.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Page(t.Context(), path, PageRequest{}); err == nil {
		t.Error("after Close: got no error")
	}
}

// A prober sends requests about damaged files to real children, and starts another when one dies.
type prober struct {
	t       *testing.T
	process *child.RoleProcess
	answers *bufio.Reader
	deaths  int
}

func (p *prober) ask(r request) (a answer, died error) {
	p.t.Helper()
	if p.process == nil {
		var err error
		if p.process, err = child.StartRole(roleName, pageLimits); err != nil {
			p.t.Fatal(err)
		}
		p.answers = bufio.NewReader(p.process.Stdout)
	}
	line, err := json.Marshal(r)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err = p.process.Stdin.Write(append(line, '\n')); err == nil {
		var reply []byte
		if reply, err = p.answers.ReadBytes('\n'); err == nil {
			if err := json.Unmarshal(reply, &a); err != nil {
				p.t.Fatal(err)
			}
			return a, nil
		}
	}
	p.deaths++
	return a, p.end()
}

func (p *prober) end() error {
	if p.process == nil {
		return nil
	}
	_ = p.process.Stdin.Close()
	err := p.process.Wait()
	_ = p.process.Stdout.Close()
	p.process = nil
	return err
}

// checkAnswer fails when what is said about a damaged file is no clean line.
func checkAnswer(t *testing.T, what string, a answer, died error) {
	t.Helper()
	switch {
	case died != nil:
		finding := (*diag.Error)(nil)
		if err := death(died, "x", pageLimits); !errors.As(err, &finding) || strings.ContainsAny(finding.What, "\n\x1b") {
			t.Errorf("%s: death is told as %v", what, err)
		}
	case a.Error != nil:
		if a.Error.Kind != "data" || a.Error.What == "" || strings.ContainsAny(a.Error.What, "\n\x1b") {
			t.Errorf("%s: got the error %+v", what, a.Error)
		}
	}
}

func TestMutations(t *testing.T) {
	dir := t.TempDir()
	r := bigRecord(60)
	const rows = 60
	files := []struct {
		name string
		data []byte
	}{}
	for _, codec := range []compress.Compression{compress.Codecs.Snappy, compress.Codecs.Uncompressed, compress.Codecs.Zstd} {
		path := writeParquet(t, filepath.Join(dir, "x"), 40, true, []arrow.Record{r}, parquet.WithCompression(codec))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, struct {
			name string
			data []byte
		}{codec.String(), data})
	}
	each := 130
	switch {
	case os.Getenv("ASSETDEV_HEAVY") == "1":
		each = 3000
	case testing.Short() || raceEnabled:
		each = 30
	}
	p := &prober{t: t}
	path := filepath.Join(dir, "mutated")
	for _, f := range files {
		for i := range each {
			data := bytes.Clone(f.data)
			at := (i * 7919) % len(data)
			if i%3 == 1 { // the footer is where most can go wrong
				footer := int(binary.LittleEndian.Uint32(data[len(data)-8:])) + 8
				at = len(data) - 1 - (i*7919)%footer
			}
			switch i % 5 {
			case 0:
				data = data[:at]
			case 1:
				data[at] = byte(i)
			case 2:
				data = append(data[:at], data[min(at+5, len(data)):]...)
			default:
				data[at] ^= 1 << (i % 8)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("%s, mutation %d", f.name, i)
			a, died := p.ask(request{Page: &pageRequest{path, PageRequest{Limit: 1000}}})
			checkAnswer(t, what, a, died)
			if died == nil && a.Error == nil && (int64(len(a.Page.Rows)) != a.Page.RowsTotal || a.Page.RowsTotal != rows) {
				t.Errorf("%s: got %d of %d rows, want %d or an error", what, len(a.Page.Rows), a.Page.RowsTotal, rows)
			}
			a, died = p.ask(request{Describe: &describeRequest{File: path}})
			checkAnswer(t, what, a, died)
		}
	}
	// The same for what a step hands over.
	out := filepath.Join(dir, "out.parquet")
	for _, stream := range []bool{false, true} {
		good, err := os.ReadFile(writeIPC(t, filepath.Join(dir, "good.arrow"), stream, r, r))
		if err != nil {
			t.Fatal(err)
		}
		for i := range each {
			data := bytes.Clone(good)
			data[(i*7919)%len(data)] ^= 1 << (i % 8)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			a, died := p.ask(request{Convert: &ConvertRequest{In: path, Format: Arrow, Out: out}})
			checkAnswer(t, fmt.Sprintf("Arrow, stream %v, mutation %d", stream, i), a, died)
			if _, err := os.Stat(out); died == nil && (err == nil) != (a.Error == nil) {
				t.Errorf("Arrow, stream %v, mutation %d: error %+v, output %v", stream, i, a.Error, err)
			}
			if err := os.Remove(out); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	if err := p.end(); err != nil {
		t.Errorf("last child: %v", err)
	}
	t.Logf("%d children died", p.deaths)
}

// TestALieThatKills tries numbers in the schema of an Arrow stream until one makes the library ask for memory that no guard can refuse.
func TestALieThatKills(t *testing.T) {
	if raceEnabled {
		t.Skip("the address space is not limited under the race detector")
	}
	dir := t.TempDir()
	f, a := col(t, "x", true, arrow.PrimitiveTypes.Int64, `[1]`)
	f.Metadata = arrow.MetadataFrom(map[string]string{"unit": "m"})
	good, err := os.ReadFile(writeIPC(t, filepath.Join(dir, "good.arrow"), true, recordOf([]arrow.Field{f}, []arrow.Array{a})))
	if err != nil {
		t.Fatal(err)
	}
	in, out := filepath.Join(dir, "in.arrow"), filepath.Join(dir, "out.parquet")
	for at := 8; at < 400; at += 4 {
		data := bytes.Clone(good)
		binary.LittleEndian.PutUint32(data[at:], 0x2fffffff)
		if err := os.WriteFile(in, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Convert(t.Context(), ConvertRequest{In: in, Format: Arrow, Out: out})
		if _, stat := os.Stat(out); stat == nil {
			if err != nil {
				t.Errorf("byte %d: output of a failed convert was left behind", at)
			}
			_ = os.Remove(out)
		}
		if errors.Is(err, child.ErrMemory) {
			if got, want := err.Error(), in+": needs more than 4 GiB of memory to read"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			return
		}
	}
	t.Error("nothing killed the child; the test tests nothing")
}

// TestFooterLies rewrites the footer of a good file.
func TestFooterLies(t *testing.T) {
	dir := t.TempDir()
	good := writeParquet(t, filepath.Join(dir, "good.parquet"), 40, true, []arrow.Record{bigRecord(60)})
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	start, err := preflight(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	// lie returns a file whose footer was changed.
	lie := func(name string, change func(r *file.Reader)) string {
		t.Helper()
		r, err := file.NewParquetReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		var out bytes.Buffer
		out.Write(data[:start])
		n, err := r.MetaData().WriteTo(&out, nil)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
		out.WriteString(parquetMagic)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	raw := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct{ name, path, want string }{
		{"huge footer length", raw("huge", []byte("PAR1\xff\xff\xff\xfePAR1")), "file is truncated: a footer of 4278190079 bytes does not fit into a file of 12"},
		{"no footer", raw("none", []byte("PAR1\x00\x00\x00\x00PAR1")), "damaged: its footer is empty"},
		{"nonsense for a footer", raw("nonsense", []byte("PAR1aaaa\x04\x00\x00\x00PAR1")), "damaged: "},
		{"cut", raw("cut", data[:len(data)-1]), "file is truncated: it does not end with a Parquet footer"},
		{"without its beginning", raw("tail", data[4:]), "damaged: it ends as a Parquet file and does not begin as one"},
		{"encrypted", raw("encrypted", append(bytes.Clone(data[:len(data)-4]), "PARE"...)), "an encrypted Parquet file"},
		{"rows of the file", lie("rows", func(r *file.Reader) { r.MetaData().NumRows = 1 << 40 }), "damaged: the footer counts 1099511627776 rows, the row groups have 60"},
		{"rows of a group", lie("group", func(r *file.Reader) { r.MetaData().RowGroups[0].NumRows, r.MetaData().NumRows = 1<<40, 1<<40+20 }), "damaged: row group 0 claims an impossible number of rows"},
		{"more rows than values", lie("more", func(r *file.Reader) { r.MetaData().RowGroups[0].NumRows, r.MetaData().NumRows = 41, 61 }), `damaged: column "id" in row group 0 has 40 of 41 values`},
		{"more rows than values, agreed", lie("agreed", func(r *file.Reader) {
			r.MetaData().RowGroups[0].NumRows, r.MetaData().NumRows = 41, 61
			for _, c := range r.MetaData().RowGroups[0].Columns {
				c.MetaData.NumValues++
			}
		}), `damaged: column "id" in row group 0 breaks off after 40 of 41 rows`},
		{"negative rows", lie("negative", func(r *file.Reader) { r.MetaData().RowGroups[0].NumRows, r.MetaData().NumRows = -1, 19 }), "damaged: row group 0 claims an impossible number of rows"},
		{"column too large", lie("large", func(r *file.Reader) { r.MetaData().RowGroups[0].Columns[0].MetaData.TotalCompressedSize = 1 << 40 }), `damaged: column "id" in row group 0 lies outside of the file`},
		{"column outside", lie("outside", func(r *file.Reader) {
			c := r.MetaData().RowGroups[0].Columns[0].MetaData
			c.DictionaryPageOffset, c.DataPageOffset = nil, 1<<40
		}), `lies outside of the file`},
		{"column of another type", lie("type", func(r *file.Reader) { r.MetaData().RowGroups[0].Columns[0].MetaData.Type++ }), `damaged: column "id" in row group 0 is stored as INT96, the schema says INT64`},
		{"unknown codec", lie("codec", func(r *file.Reader) { r.MetaData().RowGroups[0].Columns[0].MetaData.Codec = 7 }), `column "id" is compressed with `},
		{"BYTE_STREAM_SPLIT", lie("split", func(r *file.Reader) { r.MetaData().RowGroups[0].Columns[1].MetaData.Encodings[0] = 9 }), `column "amount" is encoded as BYTE_STREAM_SPLIT, which is not supported`},
		{"fewer columns", lie("columns", func(r *file.Reader) {
			g := r.MetaData().RowGroups[0]
			g.Columns = g.Columns[1:]
		}), "damaged: row group 0 has 4 columns, the schema has 5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, call := range []func() error{
				func() error {
					_, err := runPage(t.Context(), pageRequest{test.path, PageRequest{Limit: 1000}})
					return err
				},
				func() error {
					_, err := runDescribe(t.Context(), test.path, false)
					return err
				},
			} {
				var err error
				if panicked := guard(func() error { err = library(call()); return nil }); panicked != nil {
					err = panicked
				}
				wantFinding(t, err, test.want)
			}
		})
	}
	// One column that cannot be read does not hide the others.
	path := lie("codec", func(r *file.Reader) { r.MetaData().RowGroups[0].Columns[0].MetaData.Codec = 7 })
	if got := mustPage(t, path, PageRequest{Limit: 1, Columns: []string{"region"}}); got.Rows[0][0].Value != "north" {
		t.Errorf("other column: got %+v", got.Rows)
	}
}

func TestDeltaEncodingsAreRead(t *testing.T) {
	x, a := col(t, "x", true, arrow.PrimitiveTypes.Int64, `[1, null, 500]`)
	y, b := col(t, "y", true, arrow.BinaryTypes.String, `["a", "ab", null]`)
	path := writeParquet(t, filepath.Join(t.TempDir(), "x.parquet"), 10, false, []arrow.Record{recordOf([]arrow.Field{x, y}, []arrow.Array{a, b})},
		parquet.WithDictionaryDefault(false), parquet.WithEncodingFor("x", parquet.Encodings.DeltaBinaryPacked), parquet.WithEncodingFor("y", parquet.Encodings.DeltaByteArray))
	if got, want := values(t, path), "x int64 true; y utf8 true; \n\"1\" \"a\"\nnull \"ab\"\n\"500\" null"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzPreflight checks that what comes before the library never panics and never accepts a footer outside of the file.
func FuzzPreflight(f *testing.F) {
	for _, seed := range []string{"", "PAR1", "PAR1PAR1", "PAR1\x00\x00\x00\x00PAR1", "PAR1\xff\xff\xff\xffPAR1", "PAR1aaaa\x04\x00\x00\x00PAR1", "PARE"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start, err := preflight(bytes.NewReader(data), int64(len(data)))
		if err == nil && (start < 4 || start >= int64(len(data))-tailSize) {
			t.Errorf("accepted a footer at %d in a file of %d bytes", start, len(data))
		}
	})
}

// FuzzOpen gives whole files to the library as far as the checks let them; what it panics with must be caught.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	good, err := os.ReadFile(writeParquet(f, filepath.Join(dir, "x"), 40, true, []arrow.Record{bigRecord(10)}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := open(path)
		if err == nil {
			s.close()
		}
	})
}

// TestStartCost guards against heavy work before a child can answer: it counts on no clock but a generous deadline.
func TestStartCost(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	path := writeParquet(t, filepath.Join(t.TempDir(), "x.parquet"), 10, true, []arrow.Record{bigRecord(5)})
	if _, err := onePage(ctx, path, PageRequest{Limit: 5}); err != nil {
		t.Error(err)
	}
}
