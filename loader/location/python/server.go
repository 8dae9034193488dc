package python

// The client of the fork servers. A server is a process of an environment's interpreter that has imported third-party modules; for each request
// it forks a worker, which from then on is a process like any other: its output, its end and its leftovers are internal/child's business.
//
// Nobody waits for all of a server's imports: a request names what it needs, the server imports that first, and then forks.
//
// What a server imports is learnt: each worker tells which modules of others it had to import itself; the list is kept for each environment below
// the cache folder, and the server that runs is told. The first server of an environment imports Dagster, and what the project's files import at
// their top level.

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assetdev/assetdev/internal/child"
)

// Mode is how workers are started.
type Mode string

// The modes. ASSETDEV_FORK_SERVER names one; without it Linux forks and macOS, where forking is unsafe by default, keeps a spare.
const (
	Fork  Mode = "on"    // by a fork server
	Spare Mode = "spare" // by a process that has imported everything and waits for its one request
	Cold  Mode = "off"   // by a new process each
)

// ModeVariable names the environment variable with the Mode.
const ModeVariable = "ASSETDEV_FORK_SERVER"

// Times of a server's life.
const (
	readyWithin = 3 * time.Minute  // imports of a big project on a busy machine
	forkWithin  = 15 * time.Second // an answer to a request, of a server that has nothing to import
	endWithin   = 2 * time.Second  // after its socket was closed
	learnAfter  = 3 * time.Second  // of quiet, before a server imports what it lacks
	mostModules = 5000             // that are remembered of an environment
	mostDeaths  = 3                // of servers of one environment; then it gets none
)

// ServerOptions say where servers keep what they learn.
type ServerOptions struct {
	CacheDir string   // a folder outside the repositories, absolute
	Env      []string // environment that decides the mode; nil is that of this process
	Mode     Mode     // "" is what Env says
}

// Servers holds the fork servers of a workspace, one for each environment, and the processes that analyse code. Its methods may be called from any goroutine.
type Servers struct {
	options ServerOptions
	mode    Mode
	quiet   time.Duration // before a server imports what it lacks; the tests have less patience
	word    time.Duration // that a worker may take to say hello

	mu        sync.Mutex
	closed    bool
	running   map[string]*server     // by key: the one that new requests get
	all       []*server              // that were started and may not have ended
	deaths    map[string]int         // of servers that ended by themselves, by key and digest
	timers    map[string]*time.Timer // of telling servers what was learnt, by key
	analysers map[string]*analyser   // by environment
	work      sync.WaitGroup         // goroutines and servers

	learning sync.Mutex // taken inside of mu never: it reads files
	known    map[string]learnt
	guesses  map[string][]string // what files import, by roots
}

// learnt is what is kept of an environment, below the cache folder.
type learnt struct {
	Modules []string  `json:"modules"`  // that workers imported
	LeftOut []LeftOut `json:"left_out"` // what starts threads, so that servers do not import it,
	Digest  string    `json:"digest"`   // as long as this is installed
	guessed bool      // Modules are what files import: nothing was learnt
}

// NewServers starts nothing.
func NewServers(o ServerOptions) *Servers {
	if o.Env == nil {
		o.Env = os.Environ()
	}
	s := &Servers{
		options: o, mode: o.Mode, quiet: learnAfter, word: firstWord, running: map[string]*server{}, deaths: map[string]int{}, timers: map[string]*time.Timer{}, analysers: map[string]*analyser{}, known: map[string]learnt{}, guesses: map[string][]string{},
	}
	if s.mode == "" {
		s.mode = Mode(lookup(o.Env, ModeVariable))
	}
	if s.mode != Fork && s.mode != Spare && s.mode != Cold {
		s.mode = Fork
		if runtime.GOOS != "linux" {
			s.mode = Spare
		}
	}
	return s
}

// A Report says what a fork server is.
type Report struct {
	Environment string // the interpreter
	PID         int
	Python      string
	Dagster     string
	Preloaded   int           // modules that were asked for and imported
	LeftOut     []LeftOut     // modules that are imported by each worker anew
	Took        time.Duration // until it was ready
	Err         string        // why there is none
}

// LeftOut is a module that a server does not import, and why.
type LeftOut struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// missing reports whether the module is not there, which is nobody's loss.
func (o LeftOut) missing() bool { return strings.HasPrefix(o.Why, "ModuleNotFoundError") }

// Reports returns what the servers are that run now, by their interpreter.
func (s *Servers) Reports() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Report
	for _, key := range slices.Sorted(maps.Keys(s.running)) {
		srv := s.running[key]
		srv.mu.Lock()
		said, took, err := srv.said, srv.took, srv.err
		srv.mu.Unlock()
		r := Report{Environment: srv.want.environment.Python, Took: took}
		switch {
		case err != nil:
			r.Err = err.Error()
		case !said.Ready:
			continue
		default:
			r.PID, r.Python, r.Dagster, r.Preloaded = srv.proc.PID(), said.Python, said.Dagster, len(said.Preloaded)
			for _, out := range said.LeftOut {
				if !out.missing() {
					r.LeftOut = append(r.LeftOut, out)
				}
			}
		}
		out = append(out, r)
	}
	return out
}

// A server is one process. Fields above sending are set before ready is closed and stay.
type server struct {
	owner   *Servers
	key     string
	want    want
	preload []string // that it was started with
	leftOut []LeftOut
	guesses bool          // when it was started nothing was known
	ready   chan struct{} // closed when it runs, and takes requests
	proc    *child.Process
	conn    *net.UnixConn
	ring    *child.Ring
	lost    chan struct{} // closed when the connection has ended

	sending sync.Mutex
	mu      sync.Mutex
	next    int
	pending map[int]*forked
	said    readyMessage  // the last one
	took    time.Duration // until the first one
	busy    bool          // it imports, and may not answer for long
	err     error         // why it never became ready

	// Guarded by Servers.mu.
	uses    int
	retired bool
	rest    bool // it is to import all that was learnt, also what no request needs
	cancel  context.CancelFunc
}

// forked is a request that a server was sent.
type forked struct {
	pid       chan int // one value: the process, or 0 when there is none
	refused   string
	exit      chan child.Exit
	abandoned bool
}

type firstMessage struct {
	Preload []string  `json:"preload"`
	Roots   []string  `json:"roots,omitempty"`
	Lazy    bool      `json:"lazy,omitempty"`
	Spare   bool      `json:"spare,omitempty"`
	LeftOut []LeftOut `json:"left_out,omitempty"`
}

// moreMessage has a server import more.
type moreMessage struct {
	Preload []string `json:"preload,omitempty"`
	Rest    bool     `json:"rest,omitempty"`
}

type readyMessage struct {
	Ready     bool   `json:"ready"`
	Python    string `json:"python"`
	Dagster   string `json:"dagster"`
	Preloaded []struct {
		Name string  `json:"name"`
		MS   float64 `json:"ms"`
	} `json:"preloaded"`
	LeftOut []LeftOut `json:"left_out"`
	Threads int       `json:"threads"`
	Waiting int       `json:"waiting"` // modules that it will import when it is told
}

type forkMessage struct {
	ID   int               `json:"id"`
	Env  map[string]string `json:"env"`
	Dir  string            `json:"cwd"`
	Kind string            `json:"kind"`
	// Needs are modules that are to be imported before it forks.
	Needs []string `json:"needs,omitempty"`
}

type forkAnswer struct {
	ID     int    `json:"id"`
	PID    int    `json:"pid"`
	Exit   *int   `json:"exit"`
	Signal int    `json:"signal"`
	Error  string `json:"error"`
}

// shaping are the beginnings of names of variables that change what importing a module does.
var shaping = []string{"PYTHON", "LD_", "DYLD_", "LC_", "LANG", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "ARROW_", "JE_", "MPL", "TF_", "XLA_", "CUDA_", "KERAS_", "JAX_"}

// key names the servers that serve what is wanted. Of the environment those variables count that steer imports, and those that the
// location has and this process has not: a module may look at any when it is imported.
func (s *Servers) key(w want) string {
	values := map[string]string{}
	for _, entry := range w.env {
		name, value, _ := strings.Cut(entry, "=")
		if slices.ContainsFunc(shaping, func(begin string) bool { return strings.HasPrefix(name, begin) }) || !slices.Contains(s.options.Env, entry) {
			values[name] = value
		}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00", w.environment.Python, w.lib)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(h, "%s=%s\x00", name, values[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// A want is what a server is for.
type want struct {
	environment Environment
	lib         string
	env         []string // of the location that asked first
	roots       []string // folders of its own code
}

// worker returns how to start a worker by a server, which it starts when there is none that fits; nil when the worker is to be started cold. The
// caller calls done when the worker has ended. rest says that more requests will come.
func (s *Servers) worker(ctx context.Context, w want, materializes, rest bool) (start func(child.Command) (*child.Process, error), done func()) {
	srv := s.take(w)
	if srv == nil {
		return nil, nil
	}
	if rest {
		s.importAll(srv)
	}
	return func(c child.Command) (*child.Process, error) {
		return child.StartBy(c, func(env []string, files []*os.File) (int, func() child.Exit, error) {
			return srv.fork(ctx, c.Dir, env, s.needs(srv, w, materializes), files)
		})
	}, sync.OnceFunc(func() { s.give(srv) })
}

// warm starts the server that fits, and has it import all that is known of, so that the next worker need not wait for it.
func (s *Servers) warm(w want) {
	if s.mode == Cold {
		return
	}
	modules := s.modules(w)
	s.mu.Lock()
	srv := s.fitting(w, modules)
	s.mu.Unlock()
	if srv != nil {
		s.importAll(srv)
	}
}

// importAll has a server import all that it knows of.
func (s *Servers) importAll(srv *server) {
	s.mu.Lock()
	told := srv.rest || s.closed
	srv.rest = true
	if !told {
		s.work.Go(func() { srv.more(moreMessage{Rest: true}) })
	}
	s.mu.Unlock()
}

// has reports whether a server that fits runs or is starting.
func (s *Servers) has(w want) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	srv := s.running[s.key(w)]
	return srv != nil && srv.want.environment.Digest == w.environment.Digest && !srv.isLost()
}

// take returns the server that fits, and starts it when there is none; nil when this environment gets none.
func (s *Servers) take(w want) *server {
	if s.mode == Cold {
		return nil
	}
	modules := s.modules(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	srv := s.fitting(w, modules)
	if srv == nil {
		return nil
	}
	srv.uses++
	if s.mode == Spare {
		srv.retired = true // after this use
		delete(s.running, srv.key)
	}
	return srv
}

// fitting returns the server for what is wanted. mu is held.
func (s *Servers) fitting(w want, modules learnt) *server {
	key := s.key(w)
	if s.closed || s.deaths[key+w.environment.Digest] >= mostDeaths {
		return nil
	}
	srv := s.running[key]
	if srv != nil && (srv.want.environment.Digest != w.environment.Digest || srv.isLost()) {
		// What is installed changed, so that what it has imported is out of date. Its workers finish.
		s.retire(srv)
		srv = nil
	}
	if srv == nil {
		srv = s.start(key, w, modules)
		s.running[key] = srv
	}
	return srv
}

// give ends the use of a server.
func (s *Servers) give(srv *server) {
	modules := s.modules(srv.want)
	s.mu.Lock()
	defer s.mu.Unlock()
	srv.uses--
	if s.mode == Spare {
		s.fitting(srv.want, modules) // the next one
	}
	s.endIfUnused(srv)
}

// retire takes a server from who asks next. mu is held.
func (s *Servers) retire(srv *server) {
	if s.running[srv.key] == srv {
		delete(s.running, srv.key)
	}
	srv.retired = true
	s.endIfUnused(srv)
}

// endIfUnused ends a retired server once its workers have ended. mu is held.
func (s *Servers) endIfUnused(srv *server) {
	if srv.retired && srv.uses == 0 {
		srv.cancel()
	}
}

// start starts a server. mu is held.
func (s *Servers) start(key string, w want, modules learnt) *server {
	ctx, cancel := context.WithCancel(context.Background())
	srv := &server{
		owner: s, key: key, want: w, preload: modules.Modules, leftOut: modules.LeftOut, guesses: modules.guessed, busy: true,
		ready: make(chan struct{}), lost: make(chan struct{}), pending: map[int]*forked{}, cancel: cancel,
	}
	s.all = append(s.all, srv)
	s.work.Go(func() {
		defer cancel()
		srv.live(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = slices.DeleteFunc(s.all, func(other *server) bool { return other == srv })
		if s.running[key] == srv {
			delete(s.running, key)
		}
		if !srv.retired && !s.closed {
			s.deaths[key+w.environment.Digest]++
		}
	})
	return srv
}

// Close ends all servers and waits for them. What they were asked for must have ended.
func (s *Servers) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, timer := range s.timers {
		timer.Stop()
	}
	for _, srv := range s.all {
		srv.cancel()
	}
	analysers := s.analysers
	s.analysers = nil
	s.mu.Unlock()
	for _, a := range analysers {
		a.end()
	}
	s.work.Wait()
	return nil
}

// modulesFile names the list of what an environment's workers imported.
func (s *Servers) modulesFile(e Environment) string {
	sum := sha256.Sum256([]byte(e.Python))
	return filepath.Join(s.options.CacheDir, "modules", hex.EncodeToString(sum[:12])+".json")
}

// modules returns what a server of the environment imports: what was learnt, else Dagster and what the project's files import.
func (s *Servers) modules(w want) learnt {
	s.learning.Lock()
	defer s.learning.Unlock()
	known := s.learnt(w.environment)
	if len(known.Modules) == 0 {
		known.Modules, known.guessed = append([]string{"dagster"}, s.guess(w)...), true
	}
	return known
}

// guess returns what the files of a location import. learning is held.
func (s *Servers) guess(w want) []string {
	key := strings.Join(w.roots, "\x00")
	found, ok := s.guesses[key]
	if !ok {
		found = importsOf(w.roots)
		s.guesses[key] = found
	}
	return found
}

// needs returns what a server is to import before it forks a worker: Dagster, and of what the location's files import what workers were seen to need.
func (s *Servers) needs(srv *server, w want, materializes bool) []string {
	srv.mu.Lock()
	complete := srv.said.Ready && srv.said.Waiting == 0
	srv.mu.Unlock()
	if complete {
		return nil
	}
	s.learning.Lock()
	defer s.learning.Unlock()
	needs := []string{"dagster"}
	known := s.learnt(w.environment)
	for _, name := range s.guess(w) {
		if srv.guesses || slices.Contains(known.Modules, name) {
			needs = append(needs, name)
		}
	}
	if materializes {
		needs = append(needs, "assetdev_bridge.materialize")
	}
	return needs
}

// learnt returns what is known of an environment. learning is held.
func (s *Servers) learnt(e Environment) learnt {
	file := s.modulesFile(e)
	known, ok := s.known[file]
	if !ok {
		if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &known) != nil {
			known = learnt{} // as good as none
		}
		s.known[file] = known
	}
	if known.Digest != e.Digest {
		known.LeftOut = nil // another version may do
	}
	return known
}

// remember keeps what is known of an environment. learning is held.
func (s *Servers) remember(e Environment, known learnt) {
	file := s.modulesFile(e)
	known.Digest = e.Digest
	s.known[file] = known
	if text, err := json.Marshal(known); err == nil {
		_ = writeFile(file, text) // a cache: the next assetdev learns it again
	}
}

// learn remembers what a worker had to import. A server that lacks some of it is told when it is quiet.
func (s *Servers) learn(w want, modules []string) {
	if s.mode == Cold {
		return
	}
	s.learning.Lock()
	known := s.learnt(w.environment)
	have := make(map[string]bool, len(known.Modules))
	for _, name := range known.Modules {
		have[name] = true
	}
	var more []string
	add := func(name string) {
		if !have[name] && len(have) < mostModules && len(name) < 200 {
			have[name] = true
			more = append(more, name)
		}
	}
	for _, name := range modules {
		add(name)
	}
	if len(more) > 0 {
		known.Modules = slices.Concat(known.Modules, more)
		s.remember(w.environment, known)
	}
	s.learning.Unlock()
	if len(more) == 0 || s.mode != Fork {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, srv := range s.running {
		if srv.want.environment.Python == w.environment.Python {
			s.later(key)
		}
	}
}

// later has a server import what was learnt once it has been quiet for a while. mu is held.
func (s *Servers) later(key string) {
	if s.closed {
		return
	}
	if timer := s.timers[key]; timer != nil {
		timer.Stop()
	}
	s.timers[key] = time.AfterFunc(s.quiet, func() {
		s.mu.Lock()
		srv := s.running[key]
		s.mu.Unlock()
		if srv == nil {
			return
		}
		modules := s.modules(srv.want)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.closed || s.running[key] != srv:
		case srv.uses > 0:
			s.later(key)
		default:
			s.work.Go(func() { srv.more(moreMessage{Preload: modules.Modules}) })
		}
	})
}

// reported remembers what a server has imported, which its workers do not name, and for which modules it had to begin anew.
func (s *Servers) reported(e Environment, said readyMessage) {
	out := slices.DeleteFunc(slices.Clone(said.LeftOut), func(o LeftOut) bool { return !strings.HasPrefix(o.Why, "importing it starts ") })
	s.learning.Lock()
	defer s.learning.Unlock()
	known := s.learnt(e)
	have := make(map[string]bool, len(known.Modules))
	for _, name := range known.Modules {
		have[name] = true
	}
	modules := slices.Clone(known.Modules)
	for _, m := range said.Preloaded {
		if !have[m.Name] && len(modules) < mostModules {
			modules = append(modules, m.Name)
		}
	}
	if len(modules) > len(known.Modules) || !slices.Equal(known.LeftOut, out) {
		known.Modules, known.LeftOut = modules, out
		s.remember(e, known)
	}
}

// live is the life of a server: it ends when ctx does, or the process.
func (srv *server) live(ctx context.Context) {
	began := time.Now()
	lines, err := srv.begin(ctx)
	srv.mu.Lock()
	srv.err = err
	srv.mu.Unlock()
	close(srv.ready)
	if err == nil {
		stop := context.AfterFunc(ctx, func() {
			_ = srv.conn.CloseWrite()
			srv.mu.Lock()
			defer srv.mu.Unlock()
			if srv.busy { // while it imports it hears nothing, and it has nothing to lose
				srv.proc.Kill()
			}
			_ = srv.conn.SetReadDeadline(time.Now().Add(endWithin))
		})
		srv.listen(lines, began)
		stop()
	}
	close(srv.lost)
	srv.drop()
	if srv.proc == nil {
		return
	}
	_ = srv.conn.Close() // the end of the socket ends it
	timer := time.AfterFunc(endWithin, func() { srv.proc.Kill() })
	srv.proc.Wait()
	timer.Stop()
}

// begin starts the process, and tells it what to import.
func (srv *server) begin(ctx context.Context) (*bufio.Reader, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	ring, err := child.NewRing(child.RingOptions{MaxBytes: 64 << 10, MaxLines: 1000})
	if err != nil {
		return nil, err
	}
	env := append(withLib(srv.want.environment.environ(srv.want.env), srv.want.lib),
		"ASSETDEV_SERVER_FD=3", "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MKL_NUM_THREADS=1", "JE_ARROW_MALLOC_CONF=background_thread:false")
	p, err := child.Start(child.Command{
		Path: srv.want.environment.Python, Args: workerArgs("server"), Dir: srv.want.lib, Env: env, Channel: true,
		Stdout: ring.Stream("stdout"), Stderr: ring.Stream("stderr"), Drain: 100 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	file := p.Channel()
	conn, err := net.FileConn(file)
	_ = file.Close()
	unixConn, ok := conn.(*net.UnixConn)
	if err != nil || !ok {
		p.Kill()
		return nil, fmt.Errorf("fork server: %w", err)
	}
	srv.proc, srv.conn, srv.ring = p, unixConn, ring
	first, err := json.Marshal(firstMessage{
		Preload: srv.preload, Roots: srv.want.roots, Lazy: srv.owner.mode != Spare, Spare: srv.owner.mode == Spare, LeftOut: srv.leftOut,
	})
	if err == nil {
		_ = unixConn.SetWriteDeadline(time.Now().Add(forkWithin))
		_, err = unixConn.Write(append(first, '\n'))
	}
	if err != nil {
		p.Kill()
		_ = unixConn.Close()
		return nil, srv.died(err)
	}
	return bufio.NewReaderSize(unixConn, 64<<10), nil
}

// died says why a server ended by itself, with its last words.
func (srv *server) died(err error) error {
	if said, _, _ := srv.ring.Since(0, 0); len(said) > 0 {
		return fmt.Errorf("fork server: %w: %s", err, said[len(said)-1].Text)
	}
	return fmt.Errorf("fork server: %w", err)
}

// listen hands the answers of the server to who waits for them, until its connection ends.
func (srv *server) listen(lines *bufio.Reader, began time.Time) {
	for {
		line, err := lines.ReadBytes('\n')
		var a struct {
			forkAnswer
			readyMessage
		}
		if err != nil || json.Unmarshal(line, &a) != nil {
			return
		}
		if a.Ready {
			srv.mu.Lock()
			if !srv.said.Ready {
				srv.took = time.Since(began)
			}
			srv.said, srv.busy = a.readyMessage, false
			srv.mu.Unlock()
			srv.owner.reported(srv.want.environment, a.readyMessage)
			continue
		}
		srv.mu.Lock()
		f := srv.pending[a.ID]
		switch {
		case f == nil:
		case a.Error != "":
			f.refused = a.Error
			f.pid <- 0
			delete(srv.pending, a.ID)
		case a.PID > 0:
			if f.abandoned {
				_ = syscall.Kill(-a.PID, syscall.SIGKILL)
			}
			f.pid <- a.PID
		default:
			exit := child.Exit{Code: -1, Signal: syscall.Signal(a.Signal)}
			if a.Exit != nil {
				exit = child.Exit{Code: *a.Exit}
			}
			f.exit <- exit
			delete(srv.pending, a.ID)
		}
		srv.mu.Unlock()
	}
}

// drop ends the waiting of all who wait for a server that is gone.
func (srv *server) drop() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.pending = nil
	if !srv.said.Ready && srv.err == nil {
		srv.err = srv.died(errNoServer)
	}
}

// more has a server import more.
func (srv *server) more(m moreMessage) {
	select {
	case <-srv.ready:
	case <-srv.lost:
	}
	srv.mu.Lock()
	gone := srv.err != nil || srv.pending == nil
	srv.busy = true
	srv.mu.Unlock()
	if gone {
		return
	}
	if err := srv.send(m); err != nil {
		srv.cancel() // half a message may be on its way
	}
}

func (srv *server) isLost() bool {
	select {
	case <-srv.lost:
		return true
	default:
		return false
	}
}

var errNoServer = errors.New("the fork server is gone")

// fork has the server make a worker with these files as standard input, output, error and channel.
func (srv *server) fork(ctx context.Context, dir string, env, needs []string, files []*os.File) (int, func() child.Exit, error) {
	select {
	case <-srv.ready:
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	message := forkMessage{Dir: dir, Kind: "worker", Env: make(map[string]string, len(env)), Needs: needs}
	for _, entry := range env {
		if name, value, ok := strings.Cut(entry, "="); ok {
			message.Env[name] = value
		}
	}
	f := &forked{pid: make(chan int, 1), exit: make(chan child.Exit, 1)}
	srv.mu.Lock()
	if srv.pending == nil || srv.err != nil {
		srv.mu.Unlock()
		return 0, nil, errNoServer
	}
	within := forkWithin
	if srv.busy || len(needs) > 0 {
		within = readyWithin
	}
	srv.next++
	message.ID = srv.next
	srv.pending[message.ID] = f
	srv.mu.Unlock()
	if err := srv.send(message, files[3], files[0], files[1], files[2]); err != nil {
		srv.cancel() // half a message may be on its way: nothing more can be said to it
		return 0, nil, err
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	var pid int
	select {
	case pid = <-f.pid:
	case <-srv.lost:
		return 0, nil, errNoServer
	case <-ctx.Done():
		srv.abandon(f)
		return 0, nil, ctx.Err()
	case <-timer.C:
		srv.abandon(f)
		return 0, nil, fmt.Errorf("the fork server did not answer within %v", within)
	}
	if pid == 0 {
		return 0, nil, errors.New(f.refused)
	}
	return pid, func() child.Exit {
		if srv.owner.mode == Spare {
			return srv.proc.Wait()
		}
		select {
		case exit := <-f.exit:
			return exit
		case <-srv.lost:
		}
		select {
		case exit := <-f.exit: // its last word
			return exit
		default:
		}
		child.WaitGone(pid)
		return child.Exit{Unseen: true}
	}, nil
}

// abandon has the worker of a request killed once it is there.
func (srv *server) abandon(f *forked) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	f.abandoned = true
	select {
	case pid := <-f.pid: // just now
		if pid > 0 {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	default:
	}
}

// send writes one line; the descriptors go with its first byte.
func (srv *server) send(m any, files ...*os.File) error {
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("ask the fork server: %w", err)
	}
	line = append(line, '\n')
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	srv.sending.Lock()
	defer srv.sending.Unlock()
	srv.mu.Lock()
	within := forkWithin // a server that is stopped reads nothing
	if srv.busy {
		within = readyWithin
	}
	srv.mu.Unlock()
	_ = srv.conn.SetWriteDeadline(time.Now().Add(within))
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	n, _, err := srv.conn.WriteMsgUnix(line, rights, nil)
	if err == nil && n < len(line) {
		_, err = srv.conn.Write(line[n:])
	}
	runtime.KeepAlive(files)
	if err != nil {
		return fmt.Errorf("ask the fork server: %w", err)
	}
	return nil
}

// importLine is an import at the top level of a module.
var importLine = regexp.MustCompile(`(?m)^(?:import[ \t]+([A-Za-z_][\w.]*)|from[ \t]+([A-Za-z_][\w.]*)[ \t]+import\b)`)

// mostGuesses bounds what a first server imports, and how many files are read for it.
const mostGuesses = 500

// importsOf returns which modules of others the Python files below the folders import at their top level, sorted.
func importsOf(roots []string) []string {
	files, err := list(context.Background(), roots, nil)
	if err != nil {
		return nil
	}
	names := map[string]bool{}
	for _, f := range files[:min(len(files), 10*mostGuesses)] {
		if isTest(f.path) {
			continue
		}
		text, err := readSmall(f.path)
		if err != nil {
			continue
		}
		for _, m := range importLine.FindAllStringSubmatch(text, -1) {
			names[m[1]+m[2]] = true
		}
	}
	own := func(name string) bool {
		top, _, _ := strings.Cut(name, ".")
		return slices.ContainsFunc(roots, func(root string) bool {
			return exists(filepath.Join(root, top)) || exists(filepath.Join(root, top+".py")) || exists(filepath.Join(root, "src", top)) || exists(filepath.Join(root, "src", top+".py"))
		})
	}
	found := slices.DeleteFunc(slices.Sorted(maps.Keys(names)), own)
	return found[:min(len(found), mostGuesses)]
}

// isTest reports whether a file is one that no asset needs: it is of tests, or installs the project.
func isTest(path string) bool {
	name, dir := filepath.Base(path), filepath.Base(filepath.Dir(path))
	return name == "setup.py" || name == "conftest.py" || strings.HasPrefix(name, "test_") || dir == "tests" || dir == "test"
}
