package worker

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"campuscard/decisions"
	"campuscard/storage"
)

const (
	resendLot    = 64
	resendAtOnce = 16
	resendPause  = 500 * time.Millisecond
)

// decisionResender sends decisions again whose end is not known: whoever has sent them first has died or waits no more, or the
// workflow has lost what it was told. One of each case at a time, in the order in which the case was moved.
type decisionResender struct {
	store  *storage.Store
	sender *decisions.Sender
	log    *slog.Logger
}

// run sends until ctx ends. While Postgres is away it waits, a little longer each time.
func (r *decisionResender) run(ctx context.Context) error {
	pause := resendPause
	for {
		taken, err := r.round(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			pause = min(2*pause, 5*time.Second)
			r.log.WarnContext(ctx, "open decisions wait", "error", err)
		default:
			pause = resendPause
		}
		if taken == resendLot {
			continue
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// round sends what is due once.
func (r *decisionResender) round(ctx context.Context) (int, error) {
	due, err := r.store.TakeResends(ctx, resendLot)
	if err != nil {
		return 0, err
	}
	var group errgroup.Group
	group.SetLimit(resendAtOnce)
	for _, d := range due {
		group.Go(func() error {
			if _, err := r.sender.Send(ctx, d); err != nil {
				r.log.WarnContext(ctx, "what became of a decision is not kept yet", "decision", d.ID, "error", err)
			}
			return nil
		})
	}
	return len(due), group.Wait()
}
