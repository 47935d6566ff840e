package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentiles(t *testing.T) {
	t.Parallel()
	r := round{}
	require.Zero(t, r.p99(), "of nothing")
	for ms := 1; ms <= 200; ms++ {
		r.latencies = append(r.latencies, time.Duration(ms)*time.Millisecond)
	}
	require.InDelta(t, 100, r.median(), 0)
	require.InDelta(t, 198, r.p99(), 0, "two of two hundred are above it")
	require.InDelta(t, 1, round{latencies: r.latencies[:1]}.p99(), 0)
}

func TestFiguresComparePairs(t *testing.T) {
	t.Parallel()
	rounds := func(done ...int) (all []round) {
		for _, n := range done {
			all = append(all, round{done: n, took: time.Second})
		}
		return all
	}
	r := figure("x", "/s", rounds(10, 40, 90), rounds(20, 40, 30), round.rate)
	require.InDelta(t, 40, r.Value, 0)
	require.InDelta(t, 30, *r.Reference, 0)
	require.InDelta(t, 1, *r.Ratio, 0, "the median of the ratios, not the ratio of the medians")
	require.Equal(t, "(0.50 to 3.00)", r.spread)
}

// A server that stops for a while delays all that were due meanwhile, and an open loop says so. One that asks only when
// it is answered sees a single late answer.
func TestAnOpenLoopCountsFromTheMomentItWasDue(t *testing.T) {
	t.Parallel()
	const stop = 200 * time.Millisecond
	late := func(l load) (count int) {
		var first atomic.Bool
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if first.CompareAndSwap(false, true) {
				time.Sleep(stop)
			}
		}))
		defer server.Close()
		r, err := l.run(context.Background(), strings.TrimPrefix(server.URL, "http://"), func(l *line, _ int) error {
			_, err := l.ask(http.MethodGet, "/", nil)
			return err
		})
		require.NoError(t, err)
		for _, latency := range r.latencies {
			if latency > stop/4 {
				count++
			}
		}
		return count
	}
	open := late(load{clients: 1, length: 2 * stop, every: stop / 20})
	require.GreaterOrEqual(t, open, 10)
	require.Less(t, late(load{clients: 1, length: 2 * stop}), open)
}

func TestARefusalEndsALoad(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := load{clients: 2, length: time.Minute}.run(context.Background(), strings.TrimPrefix(server.URL, "http://"),
		func(l *line, _ int) error {
			_, err := l.ask(http.MethodGet, "/", nil)
			return err
		})
	require.ErrorContains(t, err, "/ answers 404")
}

func TestCPUOfOneself(t *testing.T) {
	t.Parallel()
	before, err := measureCPU(map[string]int{"us": 1})
	require.NoError(t, err)
	require.Contains(t, before, "us")
	_, err = measureCPU(map[string]int{"nobody": 1 << 30})
	require.Error(t, err)
	require.Equal(t, usage{"us": time.Second}, usage{"us": 3 * time.Second}.since(usage{"us": 2 * time.Second}))
	require.Equal(t, "3ms, api 2ms, postgres 1ms", perRequest([]round{{done: 5, cpu: usage{"api": 10 * time.Millisecond}},
		{done: 5, cpu: usage{"api": 10 * time.Millisecond, "postgres": 10 * time.Millisecond}}}))
}
