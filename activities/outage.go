package activities

import (
	"context"

	"campuscard/campus"
)

// LookAtOwnParts tells whether our own Postgres takes writes and our own file store answers; the error says which does
// not. When both do, it answers how many tries of a step have failed: those count, whatever kept us from others.
func (a *Activities) LookAtOwnParts(ctx context.Context, ref campus.StepRef) (int, error) {
	if err := a.store.Writable(ctx); err != nil {
		return 0, err
	}
	if err := a.store.ObjectsReady(ctx); err != nil {
		return 0, err
	}
	return a.store.FailedTries(ctx, ref)
}
