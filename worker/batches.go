package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/production"
)

// batchOpener opens the batches of each university when its schedule says so, if a card waits (D3). It looks in SQL: a
// workflow begins only for a batch that there is.
type batchOpener struct {
	store    *storage.Store
	policies *campus.Policies
	next     map[string]time.Time // when the schedule of a university is due; none: it is looked up
}

func newBatchOpener(store *storage.Store, policies *campus.Policies) *batchOpener {
	return &batchOpener{store: store, policies: policies, next: map[string]time.Time{}}
}

const (
	batchLook    = time.Minute            // between looks for universities that are new, at the most
	batchPause   = 2 * time.Second        // between tries while something is wrong
	batchShortly = 100 * time.Millisecond // between looks, at the least
	batchCatchUp = time.Hour              // a time that nobody was there for is made up for as long
)

func (o *batchOpener) round(ctx context.Context) (time.Duration, error) {
	if err := o.openDue(ctx); err != nil {
		return batchPause, err
	}
	return o.untilNext(), nil
}

// untilNext is how long nothing is due.
func (o *batchOpener) untilNext() time.Duration {
	pause := batchLook
	for _, at := range o.next {
		pause = min(pause, max(at.Sub(o.store.Now()), batchShortly))
	}
	return pause
}

// openDue opens what is due at every university. What goes wrong at one is no reason to leave the next out.
func (o *batchOpener) openDue(ctx context.Context) error {
	universities, err := o.store.People.Universities(ctx)
	if err != nil {
		return err
	}
	var wrong []error
	for _, u := range universities {
		if at, known := o.next[u.Code]; known && o.store.Now().Before(at) {
			continue
		}
		if err := o.open(ctx, u.Code); err != nil {
			wrong = append(wrong, fmt.Errorf("open a batch of %s: %w", u.Code, err))
		}
	}
	return errors.Join(wrong...)
}

// open opens a batch of a university if one is due, and notes when the next one is.
func (o *batchOpener) open(ctx context.Context, university string) error {
	policy := o.policies.For(university).Production
	at, scheduled := policy.NextBatch(o.store.Now())
	if !scheduled {
		delete(o.next, university)
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	n := production.NewBatch{ID: id, University: university, Reason: campus.BatchBySchedule,
		Size:          max(policy.BatchSize, 1),
		PolicyVersion: o.policies.Version()}
	err = o.store.Production.OpenScheduledBatch(ctx, n, func(last, now time.Time) bool {
		if earliest := now.Add(-batchCatchUp); last.Before(earliest) {
			last = earliest
		}
		due, _ := policy.NextBatch(last)
		return !due.After(now)
	})
	if err == nil {
		o.next[university] = at
	}
	return err
}
