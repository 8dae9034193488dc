// Package storetest holds what every store must do, as tests that each driver runs ([Run]), and a store in memory that fails,
// delays and crashes on command ([Memory]), on which the commit protocol is tested.
//
// Only tests import it. The drivers declare abilities by the interfaces they implement (store.Folder); nothing is skipped
// silently.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assetdev/assetdev/iomanager/store"
)

// ErrDead is what a client returns once its process was made to die.
var ErrDead = errors.New("this process is dead")

// ErrFull is what a write returns that was made to find the disk full.
var ErrFull = errors.New("no space left on device")

// A Fault is what happens to one operation.
type Fault uint8

// The faults. Those of writes that are Lost or Die… differ in what happened before.
const (
	None         Fault = iota // it works
	Unreachable               // nothing happened; ErrUnreachable
	Full                      // nothing happened; ErrFull. Reads work
	LostUnsynced              // the write is visible and not durable; ErrAmbiguous. Reads work
	LostAnswer                // the write is visible and durable; ErrAmbiguous. Reads work
	Die                       // the client's process dies before anything happens
	DieUnsynced               // … once the write is visible, and before it is durable
	DieAfter                  // … once the write is durable, and before it has an answer
	faults
)

// Faults lists all of them.
var Faults = func() []Fault {
	all := make([]Fault, faults)
	for i := range all {
		all[i] = Fault(i)
	}
	return all
}()

// An Op is an operation that is about to happen.
type Op struct {
	Kind  string // "put", "create", "open", "stat", "list" or "delete"
	Name  string
	Write bool
}

// A Memory is a store in memory, and the disk behind any number of clients. What it holds is visible at once, and survives Crash
// only when the write that made it was synced. The zero Memory is empty. A Memory is itself a client without faults.
type Memory struct {
	mu      sync.Mutex
	visible map[string]object
	durable map[string]object
	clock   int64 // counts writes; stamps and times come from it

	// Now is the time of the next write; nil counts seconds from 2026. It is called with a lock held.
	Now func() time.Time
}

type object struct {
	data  []byte
	at    time.Time
	stamp int64
}

var _ store.Store = (*Memory)(nil)

// Crash makes the machine lose power: what was not synced is gone. Clients of before must not be used any more.
func (m *Memory) Crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.visible = maps.Clone(m.durable)
}

// Client returns the store as one process sees it. Before each operation gate is called, from the goroutine of the operation and
// with no lock held; it may block, and its answer says what happens. A nil gate lets everything work.
func (m *Memory) Client(gate func(context.Context, Op) Fault) *Client {
	return &Client{memory: m, gate: gate}
}

// A Client is a Memory as one process sees it.
type Client struct {
	memory *Memory
	gate   func(context.Context, Op) Fault
	mu     sync.Mutex
	dead   bool
}

var _ store.Store = (*Client)(nil)

// Dead reports whether the process of this client died.
func (c *Client) Dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// do performs one operation with the fault that the gate chose for it. The function gets whether the write is synced.
func (c *Client) do(ctx context.Context, op Op, act func(sync bool) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fault := None
	switch {
	case c.Dead():
		return ErrDead
	case c.gate != nil:
		fault = c.gate(ctx, op)
	}
	if !op.Write && (fault == Full || fault == LostUnsynced || fault == LostAnswer) {
		fault = None
	}
	switch fault {
	case Unreachable:
		return store.ErrUnreachable
	case Full:
		return ErrFull
	case Die:
		return c.die()
	case LostUnsynced, LostAnswer:
		if err := act(fault == LostAnswer); err != nil {
			return err
		}
		return store.ErrAmbiguous
	case DieUnsynced, DieAfter:
		_ = act(fault == DieAfter) // nobody is left who could learn of it
		return c.die()
	case None, faults:
	}
	return act(true)
}

func (c *Client) die() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	return ErrDead
}

// Put writes the object.
func (c *Client) Put(ctx context.Context, name string, data io.Reader) error {
	content, err := receive("put", name, data)
	if err != nil {
		return err
	}
	return wrap("put", name, c.do(ctx, Op{"put", name, true}, func(sync bool) error { return c.memory.put(name, content, sync) }))
}

// CreateIfAbsent writes the object only when the name is free. It reads nothing when it is not.
func (c *Client) CreateIfAbsent(ctx context.Context, name string, data io.Reader) error {
	if err := store.CheckName(name); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return wrap("create", name, c.do(ctx, Op{"create", name, true}, func(sync bool) error {
		if c.memory.taken(name) {
			return store.ErrExists
		}
		content, err := io.ReadAll(data)
		if err != nil {
			return err
		}
		return c.memory.create(name, content, sync)
	}))
}

// Open returns the object's bytes.
func (c *Client) Open(ctx context.Context, name string) (r io.ReadCloser, info store.Info, err error) {
	err = c.do(ctx, Op{"open", name, false}, func(bool) error {
		found, err := c.memory.get(name)
		r, info = io.NopCloser(bytes.NewReader(found.data)), found.info(name)
		return err
	})
	return r, info, wrap("open", name, err)
}

// Stat describes the object.
func (c *Client) Stat(ctx context.Context, name string) (info store.Info, err error) {
	err = c.do(ctx, Op{"stat", name, false}, func(bool) error {
		found, err := c.memory.get(name)
		info = found.info(name)
		return err
	})
	return info, wrap("stat", name, err)
}

// List returns the objects below a folder.
func (c *Client) List(ctx context.Context, prefix, after string) (found []store.Info, err error) {
	err = c.do(ctx, Op{"list", prefix, false}, func(bool) error {
		found, err = c.memory.list(prefix, after)
		return err
	})
	return found, wrap("list", prefix, err)
}

// Delete removes the object.
func (c *Client) Delete(ctx context.Context, name string) error {
	return wrap("delete", name, c.do(ctx, Op{"delete", name, true}, func(sync bool) error { return c.memory.remove(name, sync) }))
}

// Local returns no path: nothing is a file.
func (c *Client) Local(string) (string, bool) { return "", false }

// String names the store for people.
func (c *Client) String() string { return "memory" }

// Put writes the object.
func (m *Memory) Put(ctx context.Context, name string, data io.Reader) error {
	return m.Client(nil).Put(ctx, name, data)
}

// CreateIfAbsent writes the object only when the name is free.
func (m *Memory) CreateIfAbsent(ctx context.Context, name string, data io.Reader) error {
	return m.Client(nil).CreateIfAbsent(ctx, name, data)
}

// Open returns the object's bytes.
func (m *Memory) Open(ctx context.Context, name string) (io.ReadCloser, store.Info, error) {
	return m.Client(nil).Open(ctx, name)
}

// Stat describes the object.
func (m *Memory) Stat(ctx context.Context, name string) (store.Info, error) {
	return m.Client(nil).Stat(ctx, name)
}

// List returns the objects below a folder.
func (m *Memory) List(ctx context.Context, prefix, after string) ([]store.Info, error) {
	return m.Client(nil).List(ctx, prefix, after)
}

// Delete removes the object.
func (m *Memory) Delete(ctx context.Context, name string) error {
	return m.Client(nil).Delete(ctx, name)
}

// Local returns no path: nothing is a file.
func (m *Memory) Local(string) (string, bool) { return "", false }

// String names the store for people.
func (m *Memory) String() string { return "memory" }

func (m *Memory) put(name string, data []byte, sync bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(name, data, sync)
	return nil
}

// taken reports whether the name is; then what has it is durable.
func (m *Memory) taken(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	there, taken := m.visible[name]
	if taken {
		m.durable[name] = there
	}
	return taken
}

func (m *Memory) create(name string, data []byte, sync bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if there, taken := m.visible[name]; taken {
		m.durable[name] = there // who learns that a name is taken may rely on it
		return store.ErrExists
	}
	m.set(name, data, sync)
	return nil
}

func (m *Memory) set(name string, data []byte, sync bool) {
	if m.visible == nil {
		m.visible, m.durable = map[string]object{}, map[string]object{}
	}
	m.clock++
	at := time.Date(2026, 1, 1, 0, 0, int(m.clock), 0, time.UTC)
	if m.Now != nil {
		at = m.Now()
	}
	m.visible[name] = object{data: data, at: at, stamp: m.clock}
	if sync {
		m.durable[name] = m.visible[name]
	}
}

func (m *Memory) get(name string) (object, error) {
	if err := store.CheckName(name); err != nil {
		return object{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.visible[name]
	if !ok {
		return object{}, fs.ErrNotExist
	}
	return found, nil
}

func (m *Memory) list(prefix, after string) ([]store.Info, error) {
	if prefix != "" {
		if err := store.CheckName(prefix); err != nil {
			return nil, err
		}
		prefix += "/"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []store.Info
	for _, name := range slices.Sorted(maps.Keys(m.visible)) {
		if strings.HasPrefix(name, prefix) && name > after {
			found = append(found, m.visible[name].info(name))
		}
	}
	return found, nil
}

func (m *Memory) remove(name string, sync bool) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.visible, name)
	if sync {
		delete(m.durable, name)
	}
	return nil
}

func (o object) info(name string) store.Info {
	return store.Info{Name: name, Size: int64(len(o.data)), ModTime: o.at, Stamp: fmt.Sprint(o.stamp)}
}

// receive reads what a caller wants written, before anything happens.
func receive(what, name string, data io.Reader) ([]byte, error) {
	if err := store.CheckName(name); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	content, err := io.ReadAll(data)
	return content, wrap(what, name, err)
}

func wrap(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", what, name, err)
}
