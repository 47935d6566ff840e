package activities

import (
	"context"

	"campuscard/campus"
)

// CheckDecision tells whether a decision has been made, and is still open, before anybody is asked on account of it. Of
// one that was carried out it answers the version of its move; else zero.
func (a *Activities) CheckDecision(ctx context.Context, m campus.Move) (int64, error) {
	return a.store.Casework.CheckDecision(ctx, m)
}

// ReadPlace returns where a case stands as it is written.
func (a *Activities) ReadPlace(ctx context.Context, ref campus.CaseRef) (campus.Place, error) {
	return a.store.Casework.Place(ctx, ref)
}

// NoteBegunAgain says in the timeline of a case that another run goes on with it.
func (a *Activities) NoteBegunAgain(ctx context.Context, ref campus.CaseRef) error {
	return a.store.Casework.NoteBegunAgain(ctx, ref)
}
