package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/money"
)

// closeOpener opens the close of each day of each university's books when its time has come (L8). It looks in SQL, as
// the opener of batches does: of several workers one opens a day, and what nobody was there for is made up, a day at a
// time.
type closeOpener struct {
	store    *storage.Store
	policies *campus.Policies
}

const (
	closeLook  = time.Minute
	closePause = 5 * time.Second // between tries while something is wrong, and after a close was opened
)

func (o *closeOpener) round(ctx context.Context) (time.Duration, error) {
	universities, err := o.store.People.Universities(ctx)
	if err != nil {
		return closePause, err
	}
	pause := closeLook
	var wrong []error
	for _, u := range universities {
		opened, err := o.store.Money.OpenClose(ctx, money.NewClose{University: u.Code,
			Last: o.policies.For(u.Code).Money.Close.LastOver(o.store.Now()), PolicyVersion: o.policies.Version()})
		if err != nil {
			wrong = append(wrong, fmt.Errorf("open a close of %s: %w", u.Code, err))
		}
		if err != nil || opened {
			pause = closePause
		}
	}
	return pause, errors.Join(wrong...)
}
