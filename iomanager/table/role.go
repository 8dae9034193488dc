package table

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/iomanager/page"
)

// The child: a process of our own binary in the role [roleName]. It reads requests from stdin, one JSON object a line, and answers
// each with one line on stdout, until stdin ends. A request that brings it down is answered by its death.

const roleName = "table"

func init() { child.Register(roleName, func([]string) int { return serve(os.Stdin, os.Stdout) }) }

// Limits of the child. A page must not make anybody wait; a conversion takes the time it takes, and the caller's context ends it.
var (
	pageLimits = child.RoleOptions{
		MemoryLimit:  896 << 20,
		AddressSpace: 6 << 30, // with less, allocations that are no danger fail
		RSSLimit:     1 << 30,
		Timeout:      30 * time.Second,
	}
	// A pass over a column takes the time it takes, with the memory of a page and of what it keeps.
	passLimits = child.RoleOptions{
		MemoryLimit:  896 << 20,
		AddressSpace: 6 << 30,
		RSSLimit:     1 << 30,
	}
	convertLimits = child.RoleOptions{
		MemoryLimit:  1 << 30,
		AddressSpace: 6 << 30,
		RSSLimit:     4 << 30,
	}
)

// A request names one thing to do.
type request struct {
	Convert  *ConvertRequest  `json:"convert,omitempty"`
	Describe *describeRequest `json:"describe,omitempty"`
	ToArrow  *toArrowRequest  `json:"to_arrow,omitempty"`
	Page     *pageRequest     `json:"page,omitempty"`
	Stats    *statsRequest    `json:"stats,omitempty"`
	Sort     *sortRequest     `json:"sort,omitempty"`
}

type describeRequest struct {
	File      string `json:"file"`
	Unordered bool   `json:"unordered,omitempty"`
}

type toArrowRequest struct {
	File string `json:"file"`
	Out  string `json:"out"`
}

type pageRequest struct {
	File string `json:"file"`
	PageRequest
}

type statsRequest struct {
	File   string `json:"file"`
	Column string `json:"column"`
}

type sortRequest struct {
	File string `json:"file"`
	SortRequest
}

// An answer holds what was asked for, or the error.
type answer struct {
	Info  *Info       `json:"info,omitempty"`
	Page  *page.Page  `json:"page,omitempty"`
	Stats *page.Stats `json:"stats,omitempty"`
	Error *failure    `json:"error,omitempty"`
}

// A failure is a diag.Error on its way.
type failure struct {
	Kind string `json:"kind"`
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}

func serve(in io.Reader, out io.Writer) int {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) == 0 {
			if err != nil {
				return 0
			}
			continue
		}
		reply, encodeErr := json.Marshal(handle(line))
		if encodeErr != nil {
			fmt.Fprintf(os.Stderr, "table: encode answer: %v\n", encodeErr)
			return 1
		}
		if _, writeErr := out.Write(append(reply, '\n')); writeErr != nil {
			return 1 // nobody listens
		}
		if err != nil {
			return 0
		}
	}
}

func handle(line []byte) (a answer) {
	ctx := context.Background() // the parent ends the process
	var r request
	err := json.Unmarshal(line, &r)
	if err == nil {
		err = library(guard(func() (err error) {
			a, err = do(ctx, r)
			return err
		}))
	}
	if err != nil {
		return answer{Error: failureOf(err)}
	}
	return a
}

func do(ctx context.Context, r request) (a answer, err error) {
	switch {
	case r.Convert != nil:
		a.Info = new(Info)
		*a.Info, err = runConvert(ctx, *r.Convert)
	case r.Describe != nil:
		a.Info = new(Info)
		*a.Info, err = runDescribe(ctx, r.Describe.File, r.Describe.Unordered)
	case r.ToArrow != nil:
		err = runToArrow(ctx, r.ToArrow.File, r.ToArrow.Out)
	case r.Page != nil:
		a.Page = new(page.Page)
		*a.Page, err = runPage(ctx, *r.Page)
	case r.Stats != nil:
		a.Stats = new(page.Stats)
		*a.Stats, err = runStats(ctx, *r.Stats)
	case r.Sort != nil:
		a.Page = new(page.Page)
		*a.Page, err = runSort(ctx, *r.Sort)
	default:
		err = errors.New("empty request")
	}
	return a, err
}

func runPage(ctx context.Context, r pageRequest) (page.Page, error) {
	s, err := open(r.File)
	if err != nil {
		return page.Page{}, err
	}
	defer s.close()
	return s.page(ctx, r.PageRequest)
}

func failureOf(err error) *failure {
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		return &failure{Kind: e.Kind, What: e.What, Hint: e.Hint}
	}
	return &failure{Kind: "data", What: err.Error()}
}

// error returns the failure as an error about the file.
func (f *failure) error(file string) error {
	return &diag.Error{Pos: diag.Pos{File: file}, Kind: f.Kind, What: f.What, Hint: f.Hint}
}

// once does one thing in a child of its own. out is what the child may have left half-written when it died, or "".
func once(ctx context.Context, file, out string, r request, limits child.RoleOptions) (answer, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return answer{}, fmt.Errorf("ask about %q: %w", file, err)
	}
	limits.Stdin = append(line, '\n')
	output, err := child.Role(ctx, roleName, limits)
	if err != nil {
		err = death(err, file, limits)
		if out != "" {
			if removed := os.Remove(out); removed != nil && !errors.Is(removed, os.ErrNotExist) {
				err = errors.Join(err, removed)
			}
		}
		return answer{}, err
	}
	return decode(output, file)
}

func decode(line []byte, file string) (a answer, err error) {
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("read the answer about %q: %w", file, err)
	}
	if a.Error != nil {
		return a, a.Error.error(file)
	}
	return a, nil
}

// death says what the end of a child means for the file.
func death(err error, file string, limits child.RoleOptions) error {
	finding := &diag.Error{Pos: diag.Pos{File: file}, Kind: "data", Err: err}
	exit := (*child.ExitError)(nil)
	switch {
	case errors.Is(err, child.ErrMemory):
		finding.What = fmt.Sprintf("needs more than %d GiB of memory to read", limits.RSSLimit>>30)
		finding.Hint = "it may be damaged; otherwise smaller row groups and pages help"
	case errors.Is(err, child.ErrTimeout):
		finding.What = fmt.Sprintf("took longer than %s to read", limits.Timeout)
	case errors.Is(err, child.ErrOutput):
		finding.What = "needs too much text to show"
		finding.Hint = "ask for fewer rows or columns"
	case errors.As(err, &exit):
		finding.What = "damaged: the Parquet library gave up"
		if reason := panicText(exit.Stderr); reason != "" {
			finding.What += " (" + reason + ")"
		}
	default:
		return fmt.Errorf("read %q: %w", file, err)
	}
	return finding
}

// panicText returns what a Go program said when it died.
func panicText(stderr string) string {
	for line := range strings.Lines(stderr) {
		for _, word := range []string{"panic: ", "fatal error: "} {
			if text, ok := strings.CutPrefix(line, word); ok {
				return short(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "runtime error: "), " [recovered]"))
			}
		}
	}
	return ""
}

// A Reader is one child that answers many requests for pages, so that paging starts no process. It starts with the first request
// and again after it died. All methods may be called from any goroutine; requests are answered one after the other.
type Reader struct {
	mu      sync.Mutex
	closed  bool
	process *child.RoleProcess
	answers *bufio.Reader
}

// Open returns a Reader. It starts nothing yet. The caller closes it, and calls Idle when it has not asked for long.
func Open() *Reader { return &Reader{} }

// Page is [Page] in the reader's child. When ctx ends first, or the request takes too long, the child is ended.
func (r *Reader) Page(ctx context.Context, file string, q PageRequest) (page.Page, error) {
	if err := q.check(); err != nil {
		return page.Page{}, err
	}
	if err := readable(file); err != nil {
		return page.Page{}, err
	}
	line, err := json.Marshal(request{Page: &pageRequest{File: file, PageRequest: q}})
	if err != nil {
		return page.Page{}, fmt.Errorf("ask about %q: %w", file, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return page.Page{}, errors.New("read a page: the reader is closed")
	}
	if err := ctx.Err(); err != nil {
		return page.Page{}, fmt.Errorf("read %q: %w", file, err)
	}
	if r.process != nil {
		select {
		case <-r.process.Done(): // it died between requests
			_ = r.end() // the request that is asked now has nothing to do with why
		default:
		}
	}
	if r.process == nil {
		limits := pageLimits
		limits.Timeout = 0 // of each request, below
		if r.process, err = child.StartRole(roleName, limits); err != nil {
			return page.Page{}, fmt.Errorf("read %q: %w", file, err)
		}
		r.answers = bufio.NewReaderSize(r.process.Stdout, 64<<10)
	}
	reply, err := r.ask(ctx, append(line, '\n'))
	if err != nil {
		return page.Page{}, death(err, file, pageLimits)
	}
	a, err := decode(reply, file)
	if err != nil {
		return page.Page{}, err
	}
	return *a.Page, nil
}

// ask sends a line and returns the answer's. After an error the child has ended.
func (r *Reader) ask(ctx context.Context, line []byte) ([]byte, error) {
	limit, cancel := context.WithTimeout(ctx, pageLimits.Timeout)
	defer cancel()
	process := r.process
	killed := make(chan struct{})
	stop := context.AfterFunc(limit, func() {
		defer close(killed)
		process.Kill()
	})
	_, err := process.Stdin.Write(line)
	var reply []byte
	if err == nil {
		reply, err = r.answers.ReadBytes('\n')
	}
	if !stop() {
		<-killed
	}
	if err == nil && limit.Err() == nil {
		return reply, nil
	}
	ended := r.end()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limit.Err() != nil:
		return nil, child.ErrTimeout
	case ended != nil:
		return nil, ended
	}
	return nil, err
}

// end ends the child and returns what its end says.
func (r *Reader) end() error {
	_ = r.process.Stdin.Close()
	r.process.Kill()
	err := r.process.Wait()
	_ = r.process.Stdout.Close()
	r.process, r.answers = nil, nil
	return err
}

// Idle ends the child, if there is one; the next request starts another.
func (r *Reader) Idle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		_ = r.end()
	}
}

// Close ends the child and waits for its end. Requests afterwards fail.
func (r *Reader) Close() error {
	r.Idle()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}
