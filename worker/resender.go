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
	store   *storage.Store
	sender  *decisions.Sender
	log     *slog.Logger
	slots   chan struct{}
	sending sync.WaitGroup
}

func newDecisionResender(store *storage.Store, sender *decisions.Sender, log *slog.Logger) *decisionResender {
	return &decisionResender{store: store, sender: sender, log: log, slots: make(chan struct{}, resendAtOnce)}
}

// round begins to send as many as there are slots: one that takes long keeps its slot and nobody else's.
func (r *decisionResender) round(ctx context.Context) (time.Duration, error) {
	free := cap(r.slots) - len(r.slots) // the rounds alone take them
	if free == 0 {
		return resendGather, nil
	}
	due, err := r.store.Casework.TakeResends(ctx, free)
	for _, d := range due {
		r.slots <- struct{}{}
		r.sending.Go(func() {
			defer func() { <-r.slots }()
			r.send(ctx, d)
		})
	}
	if err == nil && len(due) == free {
		return resendGather, nil
	}
	return resendPause, err
}

func (r *decisionResender) send(ctx context.Context, d casework.Decision) {
	if _, err := r.sender.Resend(ctx, d); err != nil {
		r.log.WarnContext(ctx, "what became of a decision is not kept yet", "decision", d.ID, "error", err)
	}
}
