package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"campuscard/decisions"
	"campuscard/storage"
	"campuscard/storage/casework"
)

const (
	resendAtOnce = 32
	resendPause  = 500 * time.Millisecond
	resendGather = 50 * time.Millisecond // for more than one to be free when all were taken
)

// decisionResender sends decisions again whose end is not known: whoever has sent them first has died or waits no more,
// or the workflow has lost what it was told. One of each case at a time, in the order in which the case was moved.
type decisionResender struct {
	store  *storage.Store
	sender *decisions.Sender
	log    *slog.Logger
}

// run sends until ctx ends, as many at once as there are slots: one that takes long keeps its slot and nobody else's.
// While Postgres is away it waits, a little longer each time.
func (r *decisionResender) run(ctx context.Context) error {
	var sending sync.WaitGroup
	defer sending.Wait()
	slots := make(chan struct{}, resendAtOnce)
	for pause := resendPause; sleep(ctx, pause); {
		free := cap(slots) - len(slots) // this loop alone takes them
		if free == 0 {
			continue
		}
		due, err := r.store.Casework.TakeResends(ctx, free)
		switch {
		case err != nil && ctx.Err() == nil:
			pause = max(resendPause, min(2*pause, 5*time.Second))
			r.log.WarnContext(ctx, "open decisions wait", "error", err)
		case len(due) == free:
			pause = resendGather
		default:
			pause = resendPause
		}
		for _, d := range due {
			slots <- struct{}{}
			sending.Go(func() {
				defer func() { <-slots }()
				r.send(ctx, d)
			})
		}
	}
	return nil
}

func (r *decisionResender) send(ctx context.Context, d casework.Decision) {
	if _, err := r.sender.Resend(ctx, d); err != nil {
		r.log.WarnContext(ctx, "what became of a decision is not kept yet", "decision", d.ID, "error", err)
	}
}
