package engine

import (
	"context"
	"sync"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

// batchEvery is the shortest time between two batches of one mailbox: 30 a second.
const batchEvery = 33 * time.Millisecond

// maxLoose bounds the log and progress events that wait in a mailbox; beyond it the oldest are dropped and counted.
const maxLoose = 20_000

// A mailbox collects events between two Waits. Put never blocks; log and progress events may be dropped, others never are.
type mailbox struct {
	mu       sync.Mutex
	events   []event.Event
	loose    int // events that may be dropped among them
	dropped  int64
	progress map[graph.Key]int // position of the asset's latest progress event in events
	dirty    chan struct{}     // holds one token when something changed
	last     time.Time
}

func newMailbox() *mailbox {
	return &mailbox{dirty: make(chan struct{}, 1), progress: map[graph.Key]int{}}
}

// touch says that the snapshot changed, without an event.
func (m *mailbox) touch() {
	select {
	case m.dirty <- struct{}{}:
	default:
	}
}

// put adds one event.
func (m *mailbox) put(e event.Event) {
	m.mu.Lock()
	switch e.Kind {
	case event.KindProgress:
		if i, ok := m.progress[*e.Asset]; ok {
			m.events[i] = e
			m.mu.Unlock()
			m.touch()
			return
		}
		m.progress[*e.Asset] = len(m.events)
		m.loose++
	case event.KindLog:
		m.loose++
	}
	m.events = append(m.events, e)
	if m.loose > maxLoose {
		m.dropHalf()
	}
	m.mu.Unlock()
	m.touch()
}

// dropHalf drops the older half of the loose events, so that dropping costs a constant per event.
func (m *mailbox) dropHalf() {
	kept := m.events[:0]
	toDrop := m.loose / 2
	clear(m.progress)
	for _, e := range m.events {
		loose := e.Kind == event.KindLog || e.Kind == event.KindProgress
		if loose && toDrop > 0 {
			toDrop--
			m.loose--
			m.dropped++
			continue
		}
		if e.Kind == event.KindProgress {
			m.progress[*e.Asset] = len(kept)
		}
		kept = append(kept, e)
	}
	clear(m.events[len(kept):])
	m.events = kept
}

// take waits until something changed and at least batchEvery passed since the last take, and returns what was collected.
func (m *mailbox) take(ctx context.Context) ([]event.Event, int64, error) {
	select {
	case <-m.dirty:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if rest := batchEvery - time.Since(m.last); rest > 0 {
		timer := time.NewTimer(rest)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			m.touch()
			return nil, 0, ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.dirty:
	default:
	}
	m.last = time.Now()
	events, dropped := m.events, m.dropped
	m.events, m.dropped, m.loose = nil, 0, 0
	clear(m.progress)
	return events, dropped, nil
}
