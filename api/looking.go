package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"campuscard/campus"
)

// looksAtOnce bounds the memory: a picture of the largest size takes up to 600 MB while it is decoded, one in many
// scans the most.
const looksAtOnce = 2

// looking are the places where files are looked at. Each caller has one at a time, so that one who sends many costly
// files keeps only their own waiting.
type looking struct {
	places chan struct{}
	mu     sync.Mutex
	turns  map[campus.Actor]*turn
}

// turn is whose file is looked at next among those of one caller.
type turn struct {
	taken chan struct{}
	users int // how many hold it or wait for it
}

func newLooking() *looking {
	return &looking{places: make(chan struct{}, looksAtOnce), turns: map[campus.Actor]*turn{}}
}

// while looks at a file of somebody, for as long as limit. The context of look ends with the limit or with the request,
// and the place is free again as soon as look has heeded it.
func (l *looking) while(ctx context.Context, whose campus.Actor, limit time.Duration,
	look func(context.Context) error) error {
	mine := l.queue(whose)
	defer l.leave(whose, mine)
	for _, place := range []chan struct{}{mine.taken, l.places} {
		select {
		case place <- struct{}{}:
			defer func() { <-place }()
		case <-ctx.Done():
			return notLooked(ctx)
		}
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := look(limited)
	switch {
	case err == nil || limited.Err() == nil:
		return err
	case ctx.Err() != nil:
		return notLooked(ctx)
	}
	return tooLaborious()
}

// notLooked tells a sender who has left from one for whom no place came free in time.
func notLooked(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return campus.Errorf(campus.Unavailable, "uploads_busy", "too many files at once")
}

func (l *looking) queue(whose campus.Actor) *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	mine, found := l.turns[whose]
	if !found {
		mine = &turn{taken: make(chan struct{}, 1)}
		l.turns[whose] = mine
	}
	mine.users++
	return mine
}

func (l *looking) leave(whose campus.Actor, mine *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(l.turns, whose)
	}
}
