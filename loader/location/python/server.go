package python

// The client of the fork servers. A server is a process of an environment's interpreter that has imported third-party modules; for each request
// it forks a worker, which from then on is a process like any other: its output, its end and its leftovers are internal/child's business.
//
// What a server imports is learnt: each worker tells which modules of others it had imported when it ended, and the list is kept
// for each environment below the cache folder. The first server of an environment imports Dagster, and what the project's files import at their
// top level.

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
	forkWithin  = 15 * time.Second // an answer to a request
	endWithin   = 2 * time.Second  // after its socket was closed
	learnAfter  = 3 * time.Second  // of quiet, before a server that lacks modules is replaced
	learnAgain  = 30 * time.Second // between two such replacements
	mostModules = 5000             // that are remembered of an environment
	mostDeaths  = 3                // of servers of one environment; then it gets none
)

// ServerOptions say where servers keep what they learn.
type ServerOptions struct {
	CacheDir string   // a folder outside the repositories, absolute
	Env      []string // environment that decides the mode; nil is that of this process
	Mode     Mode     // "" is what Env says
	// ColdFirst is how many descriptions of an environment start cold rather than wait for a server that is not ready: its imports are
	// those of all that was ever needed, and cost three times what describing one project does.
	ColdFirst int
}

// Servers holds the fork servers of a workspace, one for each environment, and the processes that analyse code. Its methods may be called from any goroutine.
type Servers struct {
	options ServerOptions
	mode    Mode
	quiet   time.Duration // before a server that lacks modules is replaced; the tests have less patience
	word    time.Duration // that a worker may take to say hello

	mu        sync.Mutex
	closed    bool
	running   map[string]*server     // by key: the one that new requests get
	all       []*server              // that were started and may not have ended
	deaths    map[string]int         // of servers that ended by themselves, by key and digest
	cold      map[string]int         // descriptions that did not wait for a server, by key
	timers    map[string]*time.Timer // of replacements, by key
	analysers map[string]*analyser   // by environment
	work      sync.WaitGroup         // goroutines and servers

	learning sync.Mutex // taken inside of mu never: it reads files
	known    map[string][]string
}

// NewServers starts nothing.
func NewServers(o ServerOptions) *Servers {
	if o.Env == nil {
		o.Env = os.Environ()
	}
	s := &Servers{
		options: o, mode: o.Mode, quiet: learnAfter, word: firstWord, running: map[string]*server{}, deaths: map[string]int{}, cold: map[string]int{}, timers: map[string]*time.Timer{}, analysers: map[string]*analyser{}, known: map[string][]string{},
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
type LeftOut struct{ Name, Why string }

// Reports returns what the servers are that run now, by their interpreter.
func (s *Servers) Reports() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Report
	for _, key := range slices.Sorted(maps.Keys(s.running)) {
		srv := s.running[key]
		select {
		case <-srv.ready:
		default:
			continue
		}
		r := Report{Environment: srv.want.environment.Python, Took: srv.took}
		if srv.err != nil {
			r.Err = srv.err.Error()
		} else {
			r.PID, r.Python, r.Dagster, r.Preloaded = srv.proc.PID(), srv.said.Python, srv.said.Dagster, len(srv.said.Preloaded)
			for _, out := range srv.said.LeftOut {
				if !strings.HasPrefix(out.Why, "ModuleNotFoundError") { // what is not there is nobody's loss
					r.LeftOut = append(r.LeftOut, out)
				}
			}
		}
		out = append(out, r)
	}
	return out
}

// A server is one process. Fields above mu are set before ready is closed and stay.
type server struct {
	owner   *Servers
	key     string
	want    want
	preload []string
	ready   chan struct{}
	err     error // why it never became ready
	said    readyMessage
	took    time.Duration
	proc    *child.Process
	conn    *net.UnixConn
	lost    chan struct{} // closed when the connection has ended

	sending sync.Mutex
	mu      sync.Mutex
	next    int
	pending map[int]*forked

	// Guarded by Servers.mu.
	uses     int
	retired  bool
	replaced bool      // it took the place of another one because of what was learnt
	began    time.Time // when it was ready
	cancel   context.CancelFunc
}

// forked is a request that a server was sent.
type forked struct {
	pid       chan int // one value: the process, or 0 when there is none
	refused   string
	exit      chan child.Exit
	abandoned bool
}

type firstMessage struct {
	Preload []string `json:"preload"`
	Roots   []string `json:"roots,omitempty"`
	Spare   bool     `json:"spare,omitempty"`
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
}

type forkMessage struct {
	ID   int               `json:"id"`
	Env  map[string]string `json:"env"`
	Dir  string            `json:"cwd"`
	Kind string            `json:"kind"`
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
// caller calls done when the worker has ended.
func (s *Servers) worker(ctx context.Context, w want) (start func(child.Command) (*child.Process, error), done func()) {
	srv := s.take(w)
	if srv == nil {
		return nil, nil
	}
	done = sync.OnceFunc(func() { s.give(srv) })
	select {
	case <-srv.ready:
	case <-ctx.Done():
		done()
		return nil, nil
	}
	if srv.err != nil {
		done()
		return nil, nil
	}
	return func(c child.Command) (*child.Process, error) {
		return child.StartBy(c, func(env []string, files []*os.File) (int, func() child.Exit, error) {
			return srv.fork(c.Dir, env, files)
		})
	}, done
}

// warm starts the server that fits, so that the next worker need not wait for it.
func (s *Servers) warm(w want) {
	if s.mode == Cold {
		return
	}
	modules := s.modules(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fitting(w, modules)
}

// has reports whether a server that fits runs or is starting.
func (s *Servers) has(w want) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	srv := s.running[s.key(w)]
	return srv != nil && srv.want.environment.Digest == w.environment.Digest && !srv.isLost()
}

// hurries reports whether a description starts cold, because no server is ready. It counts.
func (s *Servers) hurries(w want) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.key(w)
	if srv := s.running[key]; srv != nil {
		select {
		case <-srv.ready:
			return false
		default:
		}
	}
	if s.cold[key] >= s.options.ColdFirst {
		return false
	}
	s.cold[key]++
	return true
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
func (s *Servers) fitting(w want, modules []string) *server {
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
func (s *Servers) start(key string, w want, modules []string) *server {
	ctx, cancel := context.WithCancel(context.Background())
	srv := &server{
		owner: s, key: key, want: w, preload: modules, ready: make(chan struct{}), lost: make(chan struct{}), pending: map[int]*forked{}, cancel: cancel,
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
func (s *Servers) modules(w want) []string {
	s.learning.Lock()
	defer s.learning.Unlock()
	if known := s.learnt(w.environment); len(known) > 0 {
		return known
	}
	return slices.Concat(firstModules, importsOf(w.roots))
}

// firstModules are what every worker of the bundled Python imports sooner or later, for a first server that has nothing learnt. What is not
// installed, or is not in this version, is left out.
var firstModules = []string{
	"dagster", "dagster._core.instance.factory", "dagster._core.executor.in_process", "dagster._core.execution.plan.active",
	"dagster._core.storage.schedules.sqlite.sqlite_schedule_storage", "pyarrow.parquet", "pyarrow.dataset",
}

// learnt returns the list of an environment. learning is held.
func (s *Servers) learnt(e Environment) []string {
	file := s.modulesFile(e)
	if known, ok := s.known[file]; ok {
		return known
	}
	var known []string
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &known) != nil {
		known = nil // as good as none
	}
	s.known[file] = known
	return known
}

// learn remembers what a worker had imported when it ended. A server that lacks some of it is replaced when it is quiet.
func (s *Servers) learn(w want, modules []string) {
	if s.mode == Cold {
		return
	}
	s.learning.Lock()
	known := s.learnt(w.environment)
	have := make(map[string]bool, len(known))
	for _, name := range known {
		have[name] = true
	}
	merged := slices.Clip(known)
	for _, name := range modules {
		if !have[name] && len(merged) < mostModules && len(name) < 200 {
			have[name] = true
			merged = append(merged, name)
		}
	}
	more := len(merged) > len(known)
	if more {
		file := s.modulesFile(w.environment)
		s.known[file] = merged
		if text, err := json.Marshal(merged); err == nil {
			_ = writeFile(file, text) // a cache: the next assetdev learns it again
		}
	}
	s.learning.Unlock()
	if !more || s.mode != Fork {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, srv := range s.running {
		if srv.want.environment.Python == w.environment.Python {
			s.later(key, s.quiet)
		}
	}
}

// later looks after a while whether a server is quiet, and replaces it by one that has what was learnt. mu is held.
func (s *Servers) later(key string, after time.Duration) {
	if s.closed {
		return
	}
	if timer := s.timers[key]; timer != nil {
		timer.Stop()
	}
	s.timers[key] = time.AfterFunc(after, func() { s.replace(key) })
}

// replace starts a server beside the one that runs, and puts it in its place when it is ready.
func (s *Servers) replace(key string) {
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
	case s.closed || s.running[key] != srv || len(modules) == len(srv.preload):
		return
	case srv.uses > 0 || srv.began.IsZero():
		s.later(key, s.quiet)
		return
	case time.Since(srv.began) < learnAgain && srv.replaced:
		s.later(key, learnAgain)
		return
	}
	next := s.start(key, srv.want, modules)
	next.replaced = true
	s.work.Go(func() {
		<-next.ready
		s.mu.Lock()
		defer s.mu.Unlock()
		if next.err != nil || s.closed || s.running[key] != srv {
			s.retire(next)
			return
		}
		s.running[key] = next
		s.retire(srv)
	})
}

// live is the life of a server: it ends when ctx does, or the process.
func (srv *server) live(ctx context.Context) {
	began := time.Now()
	lines, err := srv.begin(ctx)
	srv.err, srv.took = err, time.Since(began)
	if err == nil {
		srv.owner.mu.Lock()
		srv.began = time.Now()
		srv.owner.mu.Unlock()
	}
	close(srv.ready)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = srv.conn.CloseWrite() })
		srv.listen(lines)
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

// begin starts the process and waits until it is ready.
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
	srv.proc, srv.conn = p, unixConn
	stop := context.AfterFunc(ctx, func() { _ = unixConn.SetDeadline(time.Now()) })
	defer stop()
	_ = unixConn.SetDeadline(time.Now().Add(readyWithin))
	lines := bufio.NewReaderSize(unixConn, 64<<10)
	first, err := json.Marshal(firstMessage{Preload: srv.preload, Roots: srv.want.roots, Spare: srv.owner.mode == Spare})
	if err == nil {
		_, err = unixConn.Write(append(first, '\n'))
	}
	var line []byte
	if err == nil {
		line, err = lines.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &srv.said)
	}
	if err == nil && !srv.said.Ready {
		err = fmt.Errorf("it said %.200q", line)
	}
	if err != nil {
		p.Kill()
		_ = unixConn.Close()
		said, _, _ := ring.Since(0, 0)
		if len(said) > 0 {
			return nil, fmt.Errorf("fork server: %w: %s", err, said[len(said)-1].Text)
		}
		return nil, fmt.Errorf("fork server: %w", err)
	}
	_ = unixConn.SetDeadline(time.Time{})
	if ctx.Err() != nil { // the deadline of the end may have been lifted
		return nil, ctx.Err()
	}
	return lines, nil
}

// listen hands the answers of the server to who waits for them, until its connection ends.
func (srv *server) listen(lines *bufio.Reader) {
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a forkAnswer
		if json.Unmarshal(line, &a) != nil {
			return
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
func (srv *server) fork(dir string, env []string, files []*os.File) (int, func() child.Exit, error) {
	message := forkMessage{Dir: dir, Kind: "worker", Env: make(map[string]string, len(env))}
	for _, entry := range env {
		if name, value, ok := strings.Cut(entry, "="); ok {
			message.Env[name] = value
		}
	}
	f := &forked{pid: make(chan int, 1), exit: make(chan child.Exit, 1)}
	srv.mu.Lock()
	if srv.pending == nil {
		srv.mu.Unlock()
		return 0, nil, errNoServer
	}
	srv.next++
	message.ID = srv.next
	srv.pending[message.ID] = f
	srv.mu.Unlock()
	if err := srv.send(message, files[3], files[0], files[1], files[2]); err != nil {
		srv.cancel() // half a message may be on its way: nothing more can be said to it
		return 0, nil, err
	}
	timer := time.NewTimer(forkWithin)
	defer timer.Stop()
	var pid int
	select {
	case pid = <-f.pid:
	case <-srv.lost:
		return 0, nil, errNoServer
	case <-timer.C:
		srv.mu.Lock()
		f.abandoned = true
		srv.mu.Unlock()
		return 0, nil, fmt.Errorf("the fork server did not answer within %v", forkWithin)
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

// send writes one line; the descriptors go with its first byte.
func (srv *server) send(m forkMessage, files ...*os.File) error {
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
	_ = srv.conn.SetWriteDeadline(time.Now().Add(forkWithin)) // a server that is stopped reads nothing
	n, _, err := srv.conn.WriteMsgUnix(line, unix.UnixRights(fds...), nil)
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
