package userevent

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/go-uuid"
)

// Kept is how many events a Buffer holds.
const Kept = 256

// A Buffer holds the last events that an agent has received. Its methods may be called at the same time.
type Buffer struct {
	local Local

	mu      sync.Mutex
	events  []Event // oldest first
	clock   uint64  // highest logical time seen
	changed chan struct{}
}

// NewBuffer returns an empty buffer of the agent that local describes.
func NewBuffer(local Local) *Buffer {
	return &Buffer{local: local, changed: make(chan struct{})}
}

// New makes an event of a name, a payload and filters, with a new ID and without a logical time. It fails with an InvalidError if the
// request is not a good one. The payload must not be changed afterwards.
func New(name string, payload []byte, f Filters) (Event, error) {
	e := Event{
		Name: name, Payload: payload, NodeFilter: f.Node, ServiceFilter: f.Service, TagFilter: f.Tag, Version: Version,
	}
	if len(payload) == 0 {
		e.Payload = nil
	}
	id, err := uuid.GenerateUUID()
	if err != nil {
		return Event{}, fmt.Errorf("fire event %s: make its ID: %w", name, err)
	}
	e.ID = id
	_, err = e.check()
	return e, err
}

// Fire makes an event and delivers it to this agent. It returns the event as it is answered to who fired it. It fails with an
// InvalidError if the request is not a good one.
func (b *Buffer) Fire(name string, payload []byte, f Filters) (Event, error) {
	e, err := New(name, payload, f)
	if err != nil {
		return Event{}, err
	}
	return e, b.Deliver(e)
}

// Deliver takes an event, from wherever it comes. It is kept if this agent is meant by its filters, unless it is among
// those that are kept already. An event that brings no logical time gets the next one. Deliver fails with an
// InvalidError if the event is not a good one, which then is not kept.
func (b *Buffer) Deliver(e Event) error {
	if e.Version != Version {
		return InvalidError(fmt.Sprintf("Unknown version %d of event %s", e.Version, e.Name))
	}
	if _, err := Index(e.ID); err != nil {
		return err
	}
	m, err := e.check()
	if err != nil {
		return err
	}
	meant := m.matches(b.local)
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.LTime == 0 {
		e.LTime = b.clock + 1
	}
	if !meant || slices.ContainsFunc(b.events, func(kept Event) bool { return kept.ID == e.ID }) {
		return nil
	}
	b.clock = max(b.clock, e.LTime)
	if len(b.events) == Kept {
		b.events = slices.Delete(b.events, 0, 1)
	}
	b.events = append(b.events, e)
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

// A Query says which events are wanted.
type Query struct {
	Name    string  // of the events; empty for any
	Filters Filters // of this agent: if it is not meant, nothing is found
}

// A List is what a query finds.
type List struct {
	Events []Event // oldest first; never nil
	// Index is that of the last event, 1 if there is none. It is huge, and as often falls as it rises.
	Index uint64
	// Changed is closed when the next event is kept, whichever it is.
	Changed <-chan struct{}
}

// List returns the events that a query finds. It fails with an InvalidError if the query's filters are not good ones.
func (b *Buffer) List(q Query) (List, error) {
	m, err := q.Filters.compile()
	if err != nil {
		return List{}, err
	}
	meant := m.matches(b.local)
	b.mu.Lock()
	defer b.mu.Unlock()
	list := List{Events: []Event{}, Index: 1, Changed: b.changed}
	for _, e := range b.events {
		if meant && (q.Name == "" || q.Name == e.Name) {
			list.Events = append(list.Events, e)
		}
	}
	if n := len(list.Events); n > 0 {
		list.Index, err = Index(list.Events[n-1].ID)
	}
	return list, err
}

// Wait is List once it has another index than the one given, or once ctx is done, which is no error. An index of 0 does
// not wait.
func (b *Buffer) Wait(ctx context.Context, q Query, index uint64) (List, error) {
	for {
		list, err := b.List(q)
		if err != nil || index == 0 || list.Index != index {
			return list, err
		}
		select {
		case <-list.Changed:
		case <-ctx.Done():
			return list, nil
		}
	}
}
