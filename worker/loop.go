package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// loop is work that a worker does in rounds, one after the other, for as long as it runs.
type loop struct {
	name  string        // says what it does, in the log and in the metric
	first time.Duration // before the first round
	// temporal has the first round wait until Temporal has answered once
	temporal bool
	// round is one round. It answers how long nothing is due then, also when it has failed.
	round func(context.Context) (pause time.Duration, err error)
	end   func() // waits for what the rounds have left running; may be nil
}

// A round that has failed is followed by another a little later each time, so that a part that is away is not asked
// without pause.
const (
	failedPause     = 100 * time.Millisecond
	failedPauseMost = 2 * time.Second
)

// What becomes of a round.
const (
	roundOK     = "ok"
	roundFailed = "failed"
)

// run makes one round after the other until ctx ends. What fails is told and tried again: no loop ends the worker.
func (l loop) run(ctx context.Context, rounds *prometheus.CounterVec, log *slog.Logger) {
	if l.end != nil {
		defer l.end()
	}
	var failed time.Duration
	for pause := l.first; sleep(ctx, pause); {
		var err error
		pause, err = l.round(ctx)
		switch {
		case err == nil:
			failed = 0
			rounds.WithLabelValues(l.name, roundOK).Inc()
		case ctx.Err() == nil:
			failed = min(max(2*failed, failedPause), failedPauseMost)
			pause = max(pause, failed)
			rounds.WithLabelValues(l.name, roundFailed).Inc()
			log.WarnContext(ctx, "a round has failed; another follows", "loop", l.name, "error", err)
		}
	}
}

// sleep waits, and answers false when ctx ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
