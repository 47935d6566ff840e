package activities

import (
	"context"

	"campuscard/campus"
)

// LookAtOwnParts names the step that waits for our own parts.
type LookAtOwnParts struct {
	Ref   campus.StepRef
	Files bool // it needs the file store, too
}

// LookAtOwnParts tells whether our own Postgres takes writes and our own file store answers, where that is needed; the
// error says which does not. When they do, it answers how many tries of the step have failed: those count, whatever
// kept us from others.
func (a *Activities) LookAtOwnParts(ctx context.Context, in LookAtOwnParts) (int, error) {
	if err := a.store.Writable(ctx); err != nil {
		return 0, err
	}
	if in.Files {
		if err := a.store.ObjectsReady(ctx); err != nil {
			return 0, err
		}
	}
	return a.store.Casework.FailedTries(ctx, in.Ref)
}
