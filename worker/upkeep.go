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

const upkeepPause = 10 * time.Minute

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
	now := u.store.Now()
	if err := u.store.DropNonces(ctx, now.Add(-time.Hour)); err != nil {
		return err
	}
	life := u.policies.For("").Uploads.UnusedLife.Std()
	for {
		expired, err := u.store.ExpireUnusedUploads(ctx, now.Add(-life), 100)
		if err != nil || expired < 100 {
			return err
		}
	}
}
