package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unicode/utf8"
)

// ErrNoChannel says that [FDVariable] is not set: assetdev did not start this process.
var ErrNoChannel = errors.New("no channel to assetdev: " + FDVariable + " is not set")

// ErrTooLong says that a line exceeds [MaxLine]. After it a channel is of no more use.
var ErrTooLong = fmt.Errorf("message longer than %d bytes", MaxLine)

// maxText is what is kept of a text whose message would exceed MaxLine. JSON writes a byte as at most 6, and no message has
// more than two such texts besides those that [Message.fit] cuts further.
const maxText = 64 << 10

// A Conn is one end of a channel, of either side. Sending is safe from several goroutines; one goroutine reads.
type Conn struct {
	in   *bufio.Reader
	mu   sync.Mutex
	out  io.Writer
	done io.Closer
}

// NewConn makes a Conn of what both sides read and write. Close closes it.
func NewConn(channel io.ReadWriteCloser) *Conn {
	return &Conn{in: bufio.NewReaderSize(channel, 64<<10), out: channel, done: channel}
}

// Open returns the process's end of the channel that [FDVariable] names. It removes the variable and marks the descriptor
// close-on-exec at once, so that what the process starts neither finds nor holds the channel. The error is [ErrNoChannel]
// when the variable is not set.
func Open() (*Conn, error) {
	text, ok := os.LookupEnv(FDVariable)
	if !ok || text == "" {
		return nil, ErrNoChannel
	}
	if err := os.Unsetenv(FDVariable); err != nil {
		return nil, fmt.Errorf("unset %s: %w", FDVariable, err)
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s is %q, not the number of a file descriptor from 3", FDVariable, text)
	}
	var stat syscall.Stat_t
	if err := syscall.Fstat(fd, &stat); err != nil {
		return nil, fmt.Errorf("%s: descriptor %d: %w", FDVariable, fd, err)
	}
	syscall.CloseOnExec(fd)
	return NewConn(os.NewFile(uintptr(fd), "assetdev channel")), nil
}

// Close closes the channel.
func (c *Conn) Close() error { return c.done.Close() }

// Send writes m as one line. Texts that would make the line longer than [MaxLine] are cut, with a mark that says so; a
// message that is still too long is an error that wraps [ErrTooLong] and writes nothing.
func (c *Conn) Send(m Message) error {
	line, err := encode(m)
	if err == nil && len(line) > MaxLine {
		line, err = encode(m.fit())
	}
	if err != nil {
		return fmt.Errorf("encode message of type %q: %w", m.Type, err)
	}
	return c.write(m.Type, line)
}

// SendRequest writes q as one line.
func (c *Conn) SendRequest(q Request) error {
	line, err := encode(q)
	if err != nil {
		return fmt.Errorf("encode request of type %q: %w", q.Type, err)
	}
	return c.write(q.Type, line)
}

func (c *Conn) write(kind string, line []byte) error {
	if len(line) > MaxLine {
		return fmt.Errorf("send %s: %w", kind, ErrTooLong)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.out.Write(line); err != nil {
		return fmt.Errorf("send %s: %w", kind, err)
	}
	return nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v) // ends with a newline
	return b.Bytes(), err
}

// ReadMessage returns the next message of a type that this package knows, checked by [Message.Check]; others are skipped. The
// error is io.EOF when the channel ends between two messages, and wraps io.ErrUnexpectedEOF when it ends within one, and
// [ErrTooLong] when a line is too long. After an error the channel is of no more use.
func (c *Conn) ReadMessage() (Message, error) {
	for {
		line, err := c.readLine()
		if err != nil {
			return Message{}, err
		}
		var m Message
		if err := json.Unmarshal(line, &m); err != nil {
			return Message{}, fmt.Errorf("message %q: %w", excerpt(line), err)
		}
		if err := m.Check(); err != nil {
			return Message{}, fmt.Errorf("message %q: %w", excerpt(line), err)
		}
		if m.known() {
			return m, nil
		}
	}
}

// ReadRequest returns the next request, checked by [Request.Check]. Errors are as those of [Conn.ReadMessage].
func (c *Conn) ReadRequest() (Request, error) {
	line, err := c.readLine()
	if err != nil {
		return Request{}, err
	}
	var q Request
	if err := json.Unmarshal(line, &q); err != nil {
		return Request{}, fmt.Errorf("request %q: %w", excerpt(line), err)
	}
	if err := q.Check(); err != nil {
		return Request{}, fmt.Errorf("request %q: %w", excerpt(line), err)
	}
	return q, nil
}

// readLine returns the next line that is not blank, without its newline. It is valid until the next call.
func (c *Conn) readLine() ([]byte, error) {
	for {
		var line []byte
		for {
			part, err := c.in.ReadSlice('\n')
			if len(line)+len(part) > MaxLine {
				return nil, ErrTooLong
			}
			line = append(line, part...)
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) > 0 {
				return nil, fmt.Errorf("message %q has no end: %w", excerpt(line), io.ErrUnexpectedEOF)
			}
			if err != nil {
				return nil, err
			}
			break
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func excerpt(line []byte) string {
	const most = 200
	if len(line) <= most {
		return string(line)
	}
	return string(line[:most]) + "…"
}

// Ask is assetdev's part of one request: it reads the process's [Hello], checks that both speak [Version], sends q, hands every
// message before the last one to each, and returns the hello and the last message, whose type is [TypeDefinitions],
// [TypeResult] or [TypeError]. A channel that ends before is an error that wraps io.ErrUnexpectedEOF. What a process says in
// the wrong place (a result to describe, an asset to materialize) is an error.
func (c *Conn) Ask(q Request, each func(Message)) (Hello, Message, error) {
	if err := q.Check(); err != nil {
		return Hello{}, Message{}, fmt.Errorf("request: %w", err)
	}
	first, err := c.ReadMessage()
	if err != nil {
		return Hello{}, Message{}, fmt.Errorf("read hello: %w", unexpected(err))
	}
	if first.Type != TypeHello {
		return Hello{}, Message{}, fmt.Errorf("read hello: the first message is of type %q", first.Type)
	}
	hello := *first.Hello
	if hello.Protocol != Version {
		return hello, Message{}, fmt.Errorf("the process (%s) speaks protocol %d, this assetdev speaks %d", hello.SDK, hello.Protocol, Version)
	}
	if err := c.SendRequest(q); err != nil {
		return hello, Message{}, err
	}
	for {
		m, err := c.ReadMessage()
		if err != nil {
			return hello, Message{}, fmt.Errorf("read answer to %s: %w", q.Type, unexpected(err))
		}
		switch m.Type {
		case TypeError:
			return hello, m, nil
		case TypeDefinitions, TypeResult:
			if (m.Type == TypeResult) != (q.Type != Describe) {
				return hello, Message{}, fmt.Errorf("read answer to %s: it is a %q", q.Type, m.Type)
			}
			return hello, m, nil
		case TypeHello:
			return hello, Message{}, fmt.Errorf("read answer to %s: a second hello", q.Type)
		case TypeAsset:
			if q.Type != Describe {
				return hello, Message{}, fmt.Errorf("read answer to %s: it holds an asset", q.Type)
			}
		}
		each(m)
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fit returns m with its texts cut so that it does not exceed MaxLine.
func (m Message) fit() Message {
	if m.Log != nil {
		m.Log = &Log{m.Log.Level, Cut(m.Log.Text, maxText)}
	}
	if m.Progress != nil {
		m.Progress = &Progress{m.Progress.Fraction, Cut(m.Progress.Text, maxText)}
	}
	if m.Error != nil {
		e := m.Error.cut(maxText)
		m.Error = &e
	}
	if m.Asset != nil {
		a := *m.Asset
		a.Description = Cut(a.Description, maxText)
		m.Asset = &a
	}
	if m.Definitions != nil {
		const most = 64
		all := m.Definitions.Problems
		var kept []Error
		for _, p := range all[:min(most, len(all))] {
			kept = append(kept, p.cut(1<<10))
		}
		if len(all) > most {
			kept = append(kept, Error{Message: fmt.Sprintf("and %d more problems", len(all)-most)})
		}
		m.Definitions = &Definitions{Problems: kept}
	}
	return m
}

func (e Error) cut(most int) Error {
	e.Message, e.Trace = Cut(e.Message, most), Cut(e.Trace, most)
	return e
}

// Cut returns text shortened to at most the given number of bytes, on the border of a character, with a mark that says how long it was.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	mark := fmt.Sprintf(" … (cut: %d bytes)", len(text))
	end := max(0, most-len(mark))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
