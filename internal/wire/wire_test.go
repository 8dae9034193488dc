package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// channel is a Conn of given bytes; what is sent is kept.
type channel struct {
	io.Reader
	bytes.Buffer
}

func (c *channel) Read(p []byte) (int, error) { return c.Reader.Read(p) }
func (*channel) Close() error                 { return nil }

func reading(text string) *Conn { return NewConn(&channel{Reader: strings.NewReader(text)}) }

func TestReadMessage(t *testing.T) {
	long := `{"type":"log","log":{"level":"info","text":"` + strings.Repeat("x", MaxLine) + `"}}` + "\n"
	fitting := `{"type":"log","log":{"level":"info","text":"` + strings.Repeat("x", MaxLine-len(`{"type":"log","log":{"level":"info","text":""}}`)-1) + `"}}` + "\n"
	for _, test := range []struct {
		name, text string
		want       string // type of the message
		err        string
		is         error
	}{
		{name: "hello", text: `{"type":"hello","hello":{"protocol":1}}` + "\n", want: TypeHello},
		{name: "blank lines and carriage returns", text: "\n \r\n{\"type\":\"definitions\",\"definitions\":{}}\r\n", want: TypeDefinitions},
		{name: "unknown types are skipped", text: `{"type":"later"}` + "\n" + `{"type":"result","result":{"format":"none"}}` + "\n", want: TypeResult},
		{name: "longest line", text: fitting, want: TypeLog},
		{name: "one byte too long", text: strings.Replace(fitting, "x", "xx", 1), is: ErrTooLong},
		{name: "much too long", text: long, is: ErrTooLong},
		{name: "end", text: "", is: io.EOF},
		{name: "end after blanks", text: "\n \n", is: io.EOF},
		{name: "end within", text: `{"type":"hello"`, is: io.ErrUnexpectedEOF},
		{name: "no JSON", text: "Traceback:\n", err: `message "Traceback:": invalid character`},
		{name: "no object", text: "[]\n", err: "cannot unmarshal array"},
		{name: "no type", text: "{}\n", err: `needs the field "type"`},
		{name: "no hello", text: `{"type":"hello"}` + "\n", err: `needs the field "hello"`},
		{name: "protocol 0", text: `{"type":"hello","hello":{}}` + "\n", err: "protocol 0"},
		{name: "no asset", text: `{"type":"asset"}` + "\n", err: `needs the field "asset"`},
		{name: "bad key", text: `{"type":"asset","asset":{"key":"a//b"}}` + "\n", err: "a segment between slashes is empty"},
		{name: "bad input", text: `{"type":"asset","asset":{"key":"a","inputs":["-b"]}}` + "\n", err: `asset "a" depends on: asset key "-b"`},
		{name: "negative", text: `{"type":"asset","asset":{"key":"a","timeout_ms":-1}}` + "\n", err: "a number is negative"},
		{name: "no definitions", text: `{"type":"definitions"}` + "\n", err: `needs the field "definitions"`},
		{name: "empty problem", text: `{"type":"definitions","definitions":{"problems":[{}]}}` + "\n", err: "a problem has no message"},
		{name: "no log", text: `{"type":"log"}` + "\n", err: `needs the field "log"`},
		{name: "level", text: `{"type":"log","log":{"level":"loud"}}` + "\n", err: `level "loud"`},
		{name: "no progress", text: `{"type":"progress"}` + "\n", err: `needs the field "progress"`},
		{name: "fraction", text: `{"type":"progress","progress":{"fraction":1.5}}` + "\n", err: "fraction 1.5"},
		{name: "no metadata", text: `{"type":"metadata"}` + "\n", err: `needs the field "metadata"`},
		{name: "no result", text: `{"type":"result"}` + "\n", err: `needs the field "result"`},
		{name: "format", text: `{"type":"result","result":{"format":"csv"}}` + "\n", err: `format "csv"`},
		{name: "rows", text: `{"type":"result","result":{"format":"none","rows":-1}}` + "\n", err: "-1 rows"},
		{name: "no error", text: `{"type":"error"}` + "\n", err: `needs the field "error"`},
		{name: "empty error", text: `{"type":"error","error":{}}` + "\n", err: "it has no message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := reading(test.text).ReadMessage()
			switch {
			case test.is != nil:
				if !errors.Is(err, test.is) {
					t.Errorf("got %v, want %v", err, test.is)
				}
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %q", err, test.err)
				}
			case err != nil || m.Type != test.want:
				t.Errorf("got %q, %v, want %q", m.Type, err, test.want)
			}
		})
	}
}

func TestReadRequest(t *testing.T) {
	for _, test := range []struct{ text, err string }{
		{`{"type":"describe","later":1}`, ""},
		{`{"type":"materialize","asset":"a/b","output":"/w/o","inputs":[{"asset":"c","arrow":"/w/c.arrow"}]}`, ""},
		{`{"type":"erase"}`, `type "erase" is none of describe, materialize`},
		{`{}`, `type ""`},
		{`{"type":"materialize","output":"/w/o"}`, "the asset key is empty"},
		{`{"type":"materialize","asset":"a"}`, `output "" is not an absolute path`},
		{`{"type":"materialize","asset":"a","output":"o"}`, `output "o" is not an absolute path`},
		{`{"type":"materialize","asset":"a","output":"/o","inputs":[{"asset":"."}]}`, `input: asset key "."`},
		{`{"type":"materialize","asset":"a","output":"/o","inputs":[{"asset":"b","parquet":"b"}]}`, `input "b": "b" is not an absolute path`},
		{`null null`, "invalid character"},
	} {
		_, err := reading(test.text + "\n").ReadRequest()
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: got %v, want %q", test.text, err, test.err)
		}
	}
}

func TestCheckKey(t *testing.T) {
	for _, good := range []string{"a", "a/b", "_x", "0", "a.b-c/D_9", strings.Repeat("a", 100), strings.Repeat("a", 99) + "/" + strings.Repeat("b", 100)} {
		if err := CheckKey(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", "..", ".a", "-a", "a b", "ä", "a\\b", "a%2F", "x::a", strings.Repeat("a", 101), strings.Repeat("a/", 100) + "a"} {
		if CheckKey(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// messages holds one of each type with texts, all of them the given one.
func messages(text string) []Message {
	return []Message{
		{Type: TypeLog, Log: &Log{LevelInfo, text}},
		{Type: TypeProgress, Progress: &Progress{0.5, text}},
		{Type: TypeError, Error: &Error{Message: "x" + text, Trace: text, File: "f", Line: 3}},
		{Type: TypeAsset, Asset: &Asset{Key: "a", Description: text}},
		{Type: TypeDefinitions, Definitions: &Definitions{Problems: []Error{{Message: "x" + text}, {Message: "y"}}}},
	}
}

// What fits arrives as it was sent.
func TestSend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, m := range messages(rapid.String().Draw(t, "text")) {
			c := &channel{}
			if err := NewConn(c).Send(m); err != nil {
				t.Fatalf("send: %v", err)
			}
			got, err := reading(c.String()).ReadMessage()
			if err != nil || !reflect.DeepEqual(got, m) {
				t.Fatalf("got %v, %v, want %v", got, err, m)
			}
		}
	})
}

// What does not fit arrives cut, with a mark. Each byte of the text becomes six in JSON, and the text ends within a character.
func TestSendLong(t *testing.T) {
	long := strings.Repeat("\x01\x02", MaxLine/8) + "é"[:1]
	for _, m := range messages(long) {
		c := &channel{}
		if err := NewConn(c).Send(m); err != nil {
			t.Errorf("send %s: %v", m.Type, err)
			continue
		}
		line := c.String()
		if len(line) > MaxLine || strings.Count(line, "\n") != 1 || !strings.Contains(line, "(cut: ") {
			t.Errorf("%s: a line of %d bytes", m.Type, len(line))
		}
		if got, err := reading(line).ReadMessage(); err != nil || got.Type != m.Type {
			t.Errorf("got %v, %v, want %v", got.Type, err, m.Type)
		}
	}
}

func TestSendManyProblems(t *testing.T) {
	var problems []Error
	for range 2000 {
		problems = append(problems, Error{Message: strings.Repeat("p", 1000)})
	}
	c := &channel{}
	if err := NewConn(c).Send(Message{Type: TypeDefinitions, Definitions: &Definitions{Problems: problems}}); err != nil {
		t.Fatal(err)
	}
	m, err := reading(c.String()).ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if last := m.Definitions.Problems[len(m.Definitions.Problems)-1].Message; last != "and 1936 more problems" {
		t.Errorf("got %q", last)
	}
	if len(problems[0].Message) != 1000 {
		t.Error("the sender's own value was cut")
	}
}

func TestSendTooLong(t *testing.T) {
	c := &channel{}
	err := NewConn(c).Send(Message{Type: TypeMetadata, Metadata: map[string]json.RawMessage{"x": json.RawMessage(`"` + strings.Repeat("x", MaxLine) + `"`)}})
	if !errors.Is(err, ErrTooLong) || c.Len() > 0 {
		t.Errorf("got %v and %d bytes, want %v and nothing", err, c.Len(), ErrTooLong)
	}
}

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 300, -1).Draw(t, "text")
		most := rapid.IntRange(40, 200).Draw(t, "most")
		got := Cut(text, most)
		if len(got) > most || !utf8.ValidString(got) {
			t.Fatalf("%d bytes, want at most %d", len(got), most)
		}
		if len(text) <= most && got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
	})
}

// Messages of many goroutines do not mix.
func TestSendFromManyGoroutines(t *testing.T) {
	ours, theirs := net.Pipe()
	sender, reader := NewConn(ours), NewConn(theirs)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				if err := sender.Send(Message{Type: TypeLog, Log: &Log{LevelInfo, strings.Repeat(strconv.Itoa(g), i)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 8 * 50 {
		m, err := reader.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Trim(m.Log.Text, m.Log.Text[:min(1, len(m.Log.Text))]) != "" {
			t.Fatalf("mixed: %q", m.Log.Text)
		}
	}
	wg.Wait()
}

func TestOpen(t *testing.T) {
	t.Setenv(FDVariable, "")
	if _, err := Open(); !errors.Is(err, ErrNoChannel) {
		t.Errorf("got %v, want %v", err, ErrNoChannel)
	}
	for _, bad := range []string{"x", "1", "-4", "99999"} {
		t.Setenv(FDVariable, bad)
		if c, err := Open(); err == nil || errors.Is(err, ErrNoChannel) {
			t.Errorf("%q: got %v, %v, want an error", bad, c, err)
		}
	}
}

// A child finds neither the variable nor the descriptor.
func TestOpenIsPrivate(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	defer func() { _ = w.Close() }()
	fd, err := syscall.Dup(int(w.Fd())) // which a child inherits, as it comes from assetdev
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(FDVariable, strconv.Itoa(fd))
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf("echo \"[$%s]\"; [ -e /dev/fd/%d ] && echo leaked", FDVariable, fd)).Output()
	if len(out) == 0 {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "[]" {
		t.Errorf("got %q, want []", got)
	}
}

// said is one line of a transcript.
type said struct {
	Process  json.RawMessage `json:"process"`
	Assetdev json.RawMessage `json:"assetdev"`
	Refused  string          `json:"refused"`
}

func transcript(t *testing.T, path string) []said {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []said
	for line := range strings.Lines(string(data)) {
		var s said
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		lines = append(lines, s)
	}
	return lines
}

// TestTranscripts is assetdev's side of every transcript in loader/testdata/protocol. Package asset replays the other side.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("../../loader/testdata/protocol/*.jsonl")
	if err != nil || len(paths) < 6 {
		t.Fatalf("got %d transcripts, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".jsonl"), func(t *testing.T) {
			lines := transcript(t, path)
			request := Request{Type: Describe}
			refused := ""
			var messages []Message // that assetdev must have been told of, without hello
			for i, line := range lines {
				switch {
				case line.Assetdev != nil:
					if err := json.Unmarshal(line.Assetdev, &request); err != nil {
						t.Fatal(err)
					}
				case line.Process != nil:
					var m Message
					if err := json.Unmarshal(line.Process, &m); err != nil {
						t.Fatal(err)
					}
					if i > 0 && m.known() {
						messages = append(messages, m)
					}
				default:
					refused = line.Refused
				}
			}

			ours, theirs := net.Pipe()
			var wg sync.WaitGroup
			wg.Go(func() { // the process
				defer func() { _ = theirs.Close() }()
				in := bufio.NewReader(theirs)
				for _, line := range lines {
					switch {
					case line.Process != nil:
						if _, err := theirs.Write(append(line.Process, '\n')); err != nil && refused == "" {
							t.Errorf("send %s: %v", line.Process, err)
						}
					case line.Assetdev != nil:
						got, err := in.ReadString('\n')
						if err != nil || !sameJSON(t, []byte(got), line.Assetdev) {
							t.Errorf("assetdev sent %s, %v, want %s", got, err, line.Assetdev)
						}
					}
				}
			})
			var got []Message
			_, last, err := NewConn(ours).Ask(request, func(m Message) { got = append(got, m) })
			if refused != "" {
				if err == nil || !strings.Contains(err.Error(), refused) {
					t.Errorf("got %v, want %q", err, refused)
				}
			} else if err != nil {
				t.Error(err)
			} else if diff := cmp.Diff(messages, append(got, last)); diff != "" {
				t.Errorf("messages (-sent +read):\n%s", diff)
			}
			_ = ours.Close()
			wg.Wait()
		})
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Error(err)
	}
	return reflect.DeepEqual(x, y)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"type":"hello","hello":{"protocol":1}}` + "\n"))
	f.Add([]byte(`{"type":"materialize","asset":"a","output":"/o"}` + "\n"))
	f.Add([]byte("\n\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := reading(string(data))
		for {
			m, err := c.ReadMessage()
			if err != nil {
				break
			}
			if err := NewConn(&channel{}).Send(m); err != nil && !errors.Is(err, ErrTooLong) {
				t.Errorf("what was read cannot be sent: %v", err)
			}
		}
		if q, err := reading(string(data)).ReadRequest(); err == nil && q.Check() != nil {
			t.Errorf("accepted: %v", q.Check())
		}
	})
}
