package activities

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
)

// LostMoves are the moves of a case that its workflow has lost.
type LostMoves struct {
	Case  campus.CaseRef
	After int64 // version that the workflow knows
}

// MadeDecision names a decision about a case.
type MadeDecision struct {
	Case     campus.CaseRef
	Decision uuid.UUID
}

// RecallDecisions has the decisions that lost moves stand for sent again.
func (a *Activities) RecallDecisions(ctx context.Context, in LostMoves) error {
	return a.store.Casework.RecallDecisions(ctx, in.Case, in.After)
}

// CaseVersion returns the version of a case as it is written.
func (a *Activities) CaseVersion(ctx context.Context, ref campus.CaseRef) (int64, error) {
	return a.store.Casework.CaseVersion(ctx, ref)
}

// NextOwnMove returns the first move that the workflow has lost, if it is one of the process itself; else its version
// is zero.
func (a *Activities) NextOwnMove(ctx context.Context, in LostMoves) (campus.Moved, error) {
	return a.store.Casework.NextOwnMove(ctx, in.Case, in.After)
}

// DecidedAt returns the version of the move that a decision stands for; zero when there is none.
func (a *Activities) DecidedAt(ctx context.Context, in MadeDecision) (int64, error) {
	return a.store.Casework.DecidedAt(ctx, in.Case, in.Decision)
}

// CheckDecision tells whether a decision has been made, and is still open, before anybody is asked on account of it. Of
// one that was carried out it answers the version of its move; else zero.
func (a *Activities) CheckDecision(ctx context.Context, m campus.Move) (int64, error) {
	return a.store.Casework.CheckDecision(ctx, m)
}
