package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is how requests come.
type load struct {
	clients int
	length  time.Duration
	every   time.Duration // 0: each client asks again once it is answered. Else one is due each time, whoever is free
}

// round is what one of them has brought.
type round struct {
	done      int
	took      time.Duration
	latencies []time.Duration // in order
	cpu       usage
}

func (r round) rate() float64 { return float64(r.done) / r.took.Seconds() }

// percentile is the latency that so many of a hundred do not exceed, by the nearest rank, in milliseconds.
func (r round) percentile(p int) float64 {
	if len(r.latencies) == 0 {
		return 0
	}
	rank := (len(r.latencies)*p + 99) / 100
	return float64(r.latencies[max(rank, 1)-1]) / float64(time.Millisecond)
}

func (r round) median() float64 { return r.percentile(50) }
func (r round) p99() float64    { return r.percentile(99) }

// run sends requests to an address. ask sends one by a client's line; every one must succeed. In an open loop the
// latency counts from the moment at which the request was due, also when nobody was free to send it (coordinated
// omission).
func (l load) run(ctx context.Context, address string, ask func(l *line, client int) error) (round, error) {
	lines := make([]*line, l.clients)
	for i := range lines {
		var err error
		if lines[i], err = dial(address); err != nil {
			return round{}, err
		}
		defer lines[i].close()
	}
	var r round
	var turn atomic.Int64
	var mu sync.Mutex
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for client, line := range lines {
		group.Go(func() error {
			var mine []time.Duration
			for {
				due := l.due(began, &turn)
				if due.Sub(began) >= l.length || ctx.Err() != nil {
					break
				}
				time.Sleep(time.Until(due))
				if err := ask(line, client); err != nil {
					return err
				}
				mine = append(mine, time.Since(due))
			}
			mu.Lock()
			defer mu.Unlock()
			r.latencies = append(r.latencies, mine...)
			return ctx.Err()
		})
	}
	err := group.Wait()
	r.took, r.done = time.Since(began), len(r.latencies)
	slices.Sort(r.latencies)
	if err == nil && r.done == 0 {
		err = fmt.Errorf("nothing was asked of %s", address)
	}
	return r, err
}

// due is when the next request of a client is to be sent.
func (l load) due(began time.Time, turn *atomic.Int64) time.Time {
	if l.every == 0 {
		return time.Now()
	}
	return began.Add(time.Duration(turn.Add(1)-1) * l.every)
}

// figure compares rounds of ours with rounds of something else, pair by pair: the ratio is the median of theirs.
func figure(name, unit string, ours, others []round, value func(round) float64) result {
	var mine, theirs, ratios []float64
	for i := range ours {
		mine, theirs = append(mine, value(ours[i])), append(theirs, value(others[i]))
		ratios = append(ratios, mine[i]/theirs[i])
	}
	reference, ratio := median(theirs), median(ratios)
	return result{Name: name, Value: median(mine), Unit: unit, Reference: &reference, Ratio: &ratio,
		spread: fmt.Sprintf("(%.2f to %.2f)", slices.Min(ratios), slices.Max(ratios))}
}
