package worker

import (
	"context"
	"log/slog"
	"time"

	"campuscard/campus"
	"campuscard/storage"
)

// usher lets applications in from the line, as fast as the house can work them (C5).
type usher struct {
	store    *storage.Store
	policies *campus.Policies
	log      *slog.Logger
}

const (
	usherBatch = 50
	usherPause = 100 * time.Millisecond
)

func (u *usher) run(ctx context.Context) error {
	for {
		if _, err := u.store.Outreach.LetIn(ctx, u.policies.For("").Rush, usherBatch); err != nil && ctx.Err() == nil {
			u.log.WarnContext(ctx, "the line waits", "error", err)
			if !sleep(ctx, time.Second) {
				return nil
			}
		}
		if !sleep(ctx, usherPause) {
			return nil
		}
	}
}
