package main

import (
	"context"
	"sync"
	"time"

	"campuscard/e2e/client"
)

// witness keeps every change that was asked for, with the last answer to it.
type witness struct {
	mu   sync.Mutex
	sent []witnessed
	next chan *onItsWay // is told the next decision that is sent once; nil when nobody waits for one
}

// witnessed is a change with what was asked for by it.
type witnessed struct {
	client.Sent
	kind kind
}

// onItsWay is a decision that is about to be sent, and is sent when send is closed.
type onItsWay struct {
	path string
	send chan struct{}
}

// holdLimit is how long a decision may be held back at most.
const holdLimit = 3 * time.Second

// hears returns a listener that takes all changes, and keeps those that are compared later. By the path alone it cannot
// be told what a decision is about: what it is with these people, kindOf says.
func (w *witness) hears(kindOf func(path string) kind) func(client.Sent) {
	return func(s client.Sent) { w.hear(s, kindOf(s.Path)) }
}

func (w *witness) hear(s client.Sent, k kind) {
	if k == "" {
		return
	}
	if s.Ended.IsZero() {
		if k.decided() && s.Once {
			w.offer(s.Path)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, witnessed{s, k})
}

// offer holds a decision back while somebody who waits for one prepares.
func (w *witness) offer(path string) {
	w.mu.Lock()
	next := w.next
	w.next = nil
	w.mu.Unlock()
	if next == nil {
		return
	}
	decision := &onItsWay{path, make(chan struct{})}
	next <- decision // has room for one
	select {
	case <-decision.send:
	case <-time.After(holdLimit):
	}
}

// decision waits until somebody is about to send a decision once, or for the limit: then it is nil.
func (w *witness) decision(ctx context.Context, limit time.Duration) (*onItsWay, error) {
	next := make(chan *onItsWay, 1)
	w.mu.Lock()
	w.next = next
	w.mu.Unlock()
	select {
	case decision := <-next:
		return decision, nil
	case <-time.After(limit):
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *witness) all() []witnessed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]witnessed(nil), w.sent...)
}

// last returns when the sender of the last decision about an application had its answer; the waits that it ends, or
// should have ended, began before.
func (w *witness) last() (last time.Time) {
	for _, s := range w.all() {
		if s.kind.waits() && s.Ended.After(last) {
			last = s.Ended
		}
	}
	return last
}
