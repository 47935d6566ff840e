package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"campuscard/e2e/client"
)

// witness keeps every change that was asked for, with the last answer to it.
type witness struct {
	mu     sync.Mutex
	sent   []client.Sent
	flying map[string]bool // decisions that are sent once and not answered yet, by key
	next   chan string     // is told the next of them; nil when nobody waits for one
}

// hear is told of all changes, and keeps those that are compared later.
func (w *witness) hear(s client.Sent) {
	k := kindOf(s.Path)
	if k == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !s.Ended.IsZero() {
		delete(w.flying, s.Key)
		w.sent = append(w.sent, s)
		return
	}
	if !k.decided() || !s.Once {
		return
	}
	if w.flying == nil {
		w.flying = map[string]bool{}
	}
	w.flying[s.Key] = true
	if w.next != nil {
		w.next <- s.Key // has room for one
		w.next = nil
	}
}

// decision waits until somebody has sent a decision once and has no answer after a while, or for the limit.
func (w *witness) decision(ctx context.Context, while, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errNoDecision)
	defer cancel()
	for {
		next := make(chan string, 1)
		w.mu.Lock()
		w.next = next
		w.mu.Unlock()
		select {
		case key := <-next:
			if client.Sleep(ctx, while) == nil && w.flies(key) {
				return nil
			}
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errNoDecision) {
				return nil
			}
			return ctx.Err()
		}
	}
}

var errNoDecision = errors.New("nobody decides")

func (w *witness) flies(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flying[key]
}

func (w *witness) all() []client.Sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]client.Sent(nil), w.sent...)
}

// last is when the last decision about an application was over for who had sent it; the waits that it ends, or should
// have ended, began before.
func (w *witness) last() (last time.Time) {
	for _, s := range w.all() {
		if k := kindOf(s.Path); k != settlement && s.Ended.After(last) {
			last = s.Ended
		}
	}
	return last
}
