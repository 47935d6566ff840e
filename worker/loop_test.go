package worker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"campuscard/worker"
)

// A loop pauses for as long as its rounds say. After one that has failed it pauses a little longer each time, tells so
// and counts it, until one goes well again. It ends with its context, after what it has left running.
func TestLoopOfRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		away := errors.New("away")
		var told bytes.Buffer
		registry := prometheus.NewRegistry()
		results := []struct {
			err   error
			pause time.Duration // that the round asks for
			want  time.Duration // before the next
		}{
			{nil, time.Minute, time.Minute},
			{nil, 0, 0},
			{away, 0, 100 * time.Millisecond},
			{away, 0, 200 * time.Millisecond},
			{away, time.Hour, time.Hour},
			{nil, time.Second, time.Second},
			{away, 0, 100 * time.Millisecond},
			{away, 0, 200 * time.Millisecond},
			{away, 0, 400 * time.Millisecond},
			{away, 0, 800 * time.Millisecond},
			{away, 0, 1600 * time.Millisecond},
			{away, 0, 2 * time.Second},
			{away, 0, 2 * time.Second},
			{context.Canceled, 0, 0},
		}
		rounds, ended := 0, false
		last := time.Now()
		round := func(context.Context) (time.Duration, error) {
			if rounds > 0 {
				require.Equal(t, results[rounds-1].want, time.Since(last), "before round %d", rounds)
			}
			last = time.Now()
			result := results[rounds]
			if rounds++; rounds == len(results) {
				stop()
			}
			return result.pause, result.err
		}
		worker.RunLoop(ctx, registry, slog.New(slog.NewTextHandler(&told, nil)), round, func() { ended = true })
		require.Len(t, results, rounds)
		require.True(t, ended)
		require.Equal(t, 10, bytes.Count(told.Bytes(), []byte(`loop=test error=away`)),
			"what fails while all ends is no news")
		families, err := registry.Gather()
		require.NoError(t, err)
		counted := map[string]float64{}
		for _, family := range families {
			if family.GetName() == "campuscard_rounds_total" {
				for _, m := range family.GetMetric() {
					counted[m.GetLabel()[0].GetValue()+", "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
		require.Equal(t, map[string]float64{"test, failed": 10, "test, ok": 3}, counted)
	})
}
