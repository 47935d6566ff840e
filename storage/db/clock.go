package db

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// clock is the clock of every transaction: the local one, set right by that of Postgres. Due dates are asked by
// several processes on several machines, and one machine whose clock is wrong must not leave the work of all undone.
type clock struct {
	local  func() time.Time
	offset atomic.Int64 // nanoseconds that Postgres's clock is ahead of ours; 0 until it is measured
}

// Now has no monotonic reading: two times are compared as they are written into the tables.
func (c *clock) Now() time.Time { return c.local().Add(c.ahead()).UTC().Round(0) }

func (c *clock) ahead() time.Duration { return time.Duration(c.offset.Load()) }

const (
	clockQuestions = 3               // the fastest answer tells most
	clockPatience  = 5 * time.Second // for all of them
)

// measure asks Postgres what time it is. The answer is taken to be of the middle of the round trip. Without an answer
// the last offset stays.
func (c *clock) measure(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, clockPatience)
	defer cancel()
	conn, err := pool.Acquire(ctx) // beforehand: opening a connection is no part of the round trip
	if err != nil {
		return Wrap("compare the clocks", err)
	}
	defer conn.Release()
	fastest, offset := time.Duration(math.MaxInt64), time.Duration(0)
	for range clockQuestions {
		var theirs time.Time
		asked := c.local()
		if err := conn.QueryRow(ctx, `select clock_timestamp()`).Scan(&theirs); err != nil {
			return Wrap("compare the clocks", err)
		}
		if took := c.local().Sub(asked); took < fastest {
			fastest, offset = took, theirs.Sub(asked.Add(took/2))
		}
	}
	c.offset.Store(int64(offset))
	return nil
}

// follow measures again and again until ctx ends.
func (s *DB) follow(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.clock.measure(ctx, s.Pool); err != nil {
			if ctx.Err() == nil {
				s.Log.WarnContext(ctx, "the clock keeps its last offset", "offset", s.clock.ahead().String(), "error", err)
			}
		}
	}
}

// Now returns the store's clock.
func (s *DB) Now() time.Time { return s.clock.Now() }

// MeasureClock compares the local clock with Postgres's now. A store that has Config.ClockEvery does so by itself.
func (s *DB) MeasureClock(ctx context.Context) error { return s.clock.measure(ctx, s.Pool) }

// ClockOffset returns how far Postgres's clock was ahead of the local one when they were last compared; negative:
// behind.
func (s *DB) ClockOffset() time.Duration { return s.clock.ahead() }

// followClock sets the clock right, and keeps it right until the store is closed.
func (s *DB) followClock(ctx context.Context, every time.Duration) error {
	if err := s.clock.measure(ctx, s.Pool); err != nil {
		return err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.follow(following, every)
	}()
	s.stopClock = func() { stop(); <-done }
	return nil
}
