package db

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	patience = 10 * time.Second
	tick     = time.Millisecond
)

func TestTogether(t *testing.T) {
	t.Parallel()
	var lots, most atomic.Int64
	held, free := make(chan struct{}), make(chan struct{})
	g := Batcher[int, int]{Most: 10, AtOnce: 1, Take: func(_ context.Context, jobs []int) []Result[int] {
		if lots.Add(1) == 1 {
			close(held)
			<-free
		}
		most.Store(max(most.Load(), int64(len(jobs))))
		answers := make([]Result[int], len(jobs))
		for i, job := range jobs {
			answers[i] = Result[int]{Value: 2 * job}
			if job == 13 {
				answers[i].Err = errors.New("thirteen")
			}
		}
		return answers
	}}
	var first sync.WaitGroup
	first.Go(func() {
		answer, err := g.Do(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, 2, answer)
	})
	<-held
	var rest sync.WaitGroup
	for job := 2; job <= 40; job++ {
		rest.Go(func() {
			answer, err := g.Do(t.Context(), job)
			if job == 13 {
				require.EqualError(t, err, "thirteen", "each has its own answer")
				return
			}
			require.NoError(t, err)
			require.Equal(t, 2*job, answer)
		})
	}
	require.Eventually(t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.queue) == 39 }, patience, tick)
	close(free)
	first.Wait()
	rest.Wait()
	require.EqualValues(t, 5, lots.Load(), "those who waited went in lots: 1, 10, 10, 10, 9")
	require.EqualValues(t, 10, most.Load())
	require.Eventually(t, g.idle, patience, tick, "nobody goes on when nobody waits")
}

// Who leaves is told so at once, and the others get their answers.
func TestTogetherLeft(t *testing.T) {
	t.Parallel()
	held, free := make(chan struct{}), make(chan struct{})
	g := Batcher[string, string]{Most: 10, AtOnce: 1, Take: func(_ context.Context, jobs []string) []Result[string] {
		close(held)
		<-free
		return make([]Result[string], len(jobs))
	}}
	ctx, leave := context.WithCancel(t.Context())
	var gone sync.WaitGroup
	gone.Go(func() {
		_, err := g.Do(ctx, "somebody")
		require.ErrorIs(t, err, context.Canceled)
	})
	<-held
	leave()
	gone.Wait()
	close(free)
	require.Eventually(t, g.idle, patience, tick)
}

func (g *Batcher[J, R]) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running == 0
}

// One lot is not cancelled for all because the first caller left, and it ends when the time of the last is over.
func TestTogetherEndsWithItsLastCaller(t *testing.T) {
	t.Parallel()
	lots := make(chan context.Context)
	g := Batcher[int, int]{Most: 10, AtOnce: 1, Take: func(ctx context.Context, jobs []int) []Result[int] {
		lots <- ctx
		<-ctx.Done()
		answers := make([]Result[int], len(jobs))
		for i := range answers {
			answers[i].Err = ctx.Err()
		}
		return answers
	}}
	ask := func(ctx context.Context) <-chan error {
		said := make(chan error, 1)
		go func() { _, err := g.Do(ctx, 1); said <- err }()
		return said
	}
	queued := func(n int) func() bool {
		return func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.queue) == n }
	}
	limit := func(life time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), life)
		t.Cleanup(cancel)
		return ctx
	}
	first := ask(limit(200 * time.Millisecond))
	alone := <-lots
	second, last := limit(time.Second), limit(2*time.Second)
	secondSaid, lastSaid := ask(second), ask(last)
	left, leave := context.WithCancel(t.Context())
	leftSaid := ask(left)
	require.Eventually(t, queued(3), patience, tick)
	leave()
	require.ErrorIs(t, <-leftSaid, context.Canceled)
	require.ErrorIs(t, <-first, context.DeadlineExceeded)
	<-alone.Done() // long before lotTime
	both := <-lots
	ends, _ := both.Deadline()
	want, _ := last.Deadline()
	require.Equal(t, want, ends, "the lot has the time of the last of its callers")
	require.ErrorIs(t, <-secondSaid, context.DeadlineExceeded)
	require.NoError(t, both.Err(), "the others of the lot go on")
	require.ErrorIs(t, <-lastSaid, context.DeadlineExceeded)
	require.Eventually(t, g.idle, patience, tick, "nobody works for who left while they queued")
}

// A lot has one job of each kind that Of tells; the others keep their order and come with the next.
func TestOneOfEachInALot(t *testing.T) {
	t.Parallel()
	g := Batcher[string, string]{Most: 3, Of: func(job string) any { return job[:1] }}
	for _, job := range []string{"a1", "a2", "b1", "a3", "c1", "d1"} {
		g.queue = append(g.queue, &waiting[string, string]{job: job, ctx: t.Context()})
	}
	for _, want := range [][]string{{"a1", "b1", "c1"}, {"a2", "d1"}, {"a3"}, nil} {
		var got []string
		for _, waiting := range g.next() {
			got = append(got, waiting.job)
		}
		require.Equal(t, want, got)
	}
}

// Who comes alone takes their lot themselves, and whoever comes meanwhile goes with the next; nothing is begun for who
// has left before.
func TestWhoComesAloneStays(t *testing.T) {
	t.Parallel()
	held, free := make(chan struct{}), make(chan struct{})
	var lots atomic.Int64
	g := Batcher[int, int]{Most: 10, AtOnce: 1, Stay: true, Take: func(ctx context.Context, jobs []int) []Result[int] {
		if lots.Add(1) == 1 {
			close(held)
			<-free
		}
		answers := make([]Result[int], len(jobs))
		for i, job := range jobs {
			answers[i] = Result[int]{Value: 2 * job, Err: ctx.Err()}
		}
		return answers
	}}
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	ask := func(ctx context.Context, job int) {
		all.Go(func() {
			answer, err := g.Do(ctx, job)
			require.NoError(t, err, "what was begun is not cancelled")
			require.Equal(t, 2*job, answer)
		})
	}
	ask(ctx, 1)
	<-held
	leave()
	ask(t.Context(), 2)
	ask(t.Context(), 3)
	require.Eventually(t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.queue) == 2 }, patience, tick)
	close(free)
	all.Wait()
	require.EqualValues(t, 2, lots.Load(), "the others went together")
	require.Eventually(t, g.idle, patience, tick)
	g.crowd = false
	_, err := g.Do(ctx, 4)
	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, 2, lots.Load())
	require.True(t, g.idle())
}
