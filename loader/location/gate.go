package location

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed is the cause of the error of a call to a location that is closed.
var ErrClosed = errors.New("the location is closed")

// A Gate counts the calls to a location and what they have begun, and ends them when the location is closed. Kinds of locations are built
// on it. Its methods may be called from any goroutine.
type Gate struct {
	life context.Context
	end  context.CancelCauseFunc

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// NewGate returns an open gate.
func NewGate() *Gate {
	g := &Gate{}
	g.life, g.end = context.WithCancelCause(context.Background())
	return g
}

// Enter begins a call: the returned context ends with ctx or with Close. The caller calls leave at the end. After Close the error is an
// [*Error] that wraps [ErrClosed].
func (g *Gate) Enter(ctx context.Context) (call context.Context, leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, nil, &Error{Message: ErrClosed.Error(), Interrupted: true, Cause: ErrClosed}
	}
	g.calls.Add(1)
	call, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(g.life, cancel)
	return call, func() { stop(); cancel(); g.calls.Done() }, nil
}

// Life ends with Close, the cause being [ErrClosed].
func (g *Gate) Life() context.Context { return g.life }

// Go runs f in a goroutine, for which Close waits. It is called within a call.
func (g *Gate) Go(f func()) { g.calls.Go(f) }

// Close ends all calls and waits for them.
func (g *Gate) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.end(ErrClosed)
	g.calls.Wait()
}
