package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"campuscard/campus"
	"campuscard/storage"
)

// upkeep throws away what nobody needs any more: files no application has taken, nonces and sessions that are over.
type upkeep struct {
	store    *storage.Store
	policies *campus.Policies
}

const (
	upkeepPause = 10 * time.Minute
	upkeepBatch = 500 // rows at once, so that nobody waits for their locks
)

func (u *upkeep) round(ctx context.Context) (time.Duration, error) {
	return upkeepPause, u.dropAll(ctx)
}

// dropAll goes on until nothing is left.
func (u *upkeep) dropAll(ctx context.Context) error {
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
		expired, err := u.store.Cards.ExpireUnusedUploads(ctx, unused, upkeepBatch)
		if err != nil {
			return err
		}
		if expired < upkeepBatch {
			break
		}
	}
	return u.orderFiles(ctx)
}

// orderFiles deletes those of batches that ended long ago, by each university's policy. What goes wrong at one is no
// reason to leave the next out.
func (u *upkeep) orderFiles(ctx context.Context) error {
	universities, err := u.store.People.Universities(ctx)
	if err != nil {
		return err
	}
	var wrong []error
	for _, university := range universities {
		life := u.policies.For(university.Code).Production.FileLife.Std()
		if _, err := u.store.Production.ExpireOrderFiles(ctx, university.Code, u.store.Now().Add(-life),
			upkeepBatch); err != nil {
			wrong = append(wrong, fmt.Errorf("delete order files of %s: %w", university.Code, err))
		}
	}
	return errors.Join(wrong...)
}
