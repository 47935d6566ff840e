package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"campuscard/campus"
	"campuscard/storage"
)

// foreman tells staff of work whose deadline nears (C3). Workflows only mark the items: many deadlines fall on the same
// moment, and one mail about all of them is read where a hundred are not.
type foreman struct {
	store    *storage.Store
	policies *campus.Policies
	log      *slog.Logger
}

const foremanPause = 2 * time.Second

func (f *foreman) run(ctx context.Context) error {
	for {
		if err := f.round(ctx); err != nil && ctx.Err() == nil {
			f.log.WarnContext(ctx, "staff were not told of late work", "error", err)
		}
		if !sleep(ctx, foremanPause) {
			return nil
		}
	}
}

// round tells the staff of every university. What goes wrong at one is no reason to leave the next out.
func (f *foreman) round(ctx context.Context) error {
	universities, err := f.store.Casework.UniversitiesWithLateWork(ctx)
	if err != nil {
		return err
	}
	var wrong []error
	for _, university := range universities {
		if _, err := f.store.Casework.TellStaff(ctx, university, f.policies.For(university)); err != nil {
			wrong = append(wrong, fmt.Errorf("tell the staff of %s: %w", university, err))
		}
	}
	return errors.Join(wrong...)
}
