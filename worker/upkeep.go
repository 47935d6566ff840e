package worker

import (
	"context"
	"log/slog"
	"time"

	"campuscard/campus"
	"campuscard/storage"
)

// upkeep throws away what nobody needs any more: files no application has taken, nonces and sessions that are over.
type upkeep struct {
	store    *storage.Store
	policies *campus.Policies
	log      *slog.Logger
}

const (
	upkeepPause = 10 * time.Minute
	upkeepBatch = 500 // rows at once, so that nobody waits for their locks
)

func (u *upkeep) run(ctx context.Context) error {
	for {
		if err := u.round(ctx); err != nil && ctx.Err() == nil {
			u.log.WarnContext(ctx, "upkeep was not finished", "error", err)
		}
		if !sleep(ctx, upkeepPause) {
			return nil
		}
	}
}

func (u *upkeep) round(ctx context.Context) error {
	for {
		dropped, err := u.store.DropExpired(ctx, upkeepBatch)
		if err != nil {
			return err
		}
		if dropped < upkeepBatch {
			break
		}
	}
	unused := u.store.Now().Add(-u.policies.For("").Uploads.UnusedLife.Std())
	for {
		expired, err := u.store.ExpireUnusedUploads(ctx, unused, upkeepBatch)
		if err != nil || expired < upkeepBatch {
			return err
		}
	}
}
