package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// rate sends requests from so many clients at once until the time is over or next has no more, and answers how many
// were answered per second. Every request must succeed.
func rate(ctx context.Context, clients int, limit time.Duration, next func(n int) func(context.Context) error) (float64,
	error) {
	began := time.Now()
	var turn, done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error {
			for time.Since(began) < limit {
				request := next(int(turn.Add(1) - 1))
				if request == nil {
					return nil
				}
				if err := request(ctx); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("after %d requests: %w", done.Load(), err)
	}
	return float64(done.Load()) / time.Since(began).Seconds(), nil
}
