package activities

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"campuscard/campus"
	"campuscard/storage/cards"
)

// attempt runs one try of a step under a row of its own: opened before the call, closed after it (K3), or by the move
// that follows when it went well and the workflow says so. A try whose process dies stays open, and is closed as lost
// when the next one opens.
func attempt[R any](ctx context.Context, a *Activities, ref campus.StepRef, call func(context.Context) (R, error)) (R,
	error) {
	open := func(ctx context.Context, ref campus.StepRef, try int) (id uuid.UUID, _ struct{}, err error) {
		id, err = a.store.Casework.OpenAttempt(ctx, ref, try)
		return id, struct{}{}, err
	}
	return attemptAbout(ctx, a, ref, open, func(ctx context.Context, _ struct{}) (R, error) { return call(ctx) })
}

// attemptAbout is attempt for a call that is about something: open reads it where it opens the row. When only the
// reading fails there is a row to close.
func attemptAbout[W, R any](ctx context.Context, a *Activities, ref campus.StepRef,
	open func(context.Context, campus.StepRef, int) (uuid.UUID, W, error), call func(context.Context, W) (R,
		error)) (result R, err error) {
	return attemptKept(ctx, a, ref, open, call, nil)
}

// attemptKept is attemptAbout for a call that brings something to keep: keep does so, and closes the row of a call
// that went well in the same statement.
func attemptKept[W, R any](ctx context.Context, a *Activities, ref campus.StepRef,
	open func(context.Context, campus.StepRef, int) (uuid.UUID, W, error),
	call func(context.Context, W) (R, error), keep func(context.Context, uuid.UUID, *R) error) (result R, err error) {
	opening, opened := context.WithTimeout(ctx, openTime)
	id, about, err := open(opening, ref, int(activity.GetInfo(ctx).Attempt))
	opened()
	if id == uuid.Nil {
		return result, err
	}
	if err == nil {
		calling, called := withoutOwnTime(ctx)
		result, err = call(calling, about)
		called()
	}
	if err == nil && ref.Moves {
		return result, nil
	}
	keeping, kept := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer kept()
	if err == nil && keep != nil {
		if err = keep(keeping, id, &result); err == nil {
			return result, nil
		}
	}
	if closing := a.store.Casework.CloseAttempt(keeping, id, err); closing != nil {
		a.log.WarnContext(ctx, "an attempt stays open", "case", ref.Case.WorkflowID(), "step", ref.Step, "error", closing)
	}
	return result, err
}

// OwnTime is what a try may take beside the call of the other system: to open its row, to keep what came, and to say
// so. A Postgres or a file store that hangs is known by then, and told as what it is: without that time Temporal would
// give the try up, and it would look as if the other system had not answered.
const OwnTime = openTime + keepTime + tellTime

const (
	openTime = 2 * time.Second
	keepTime = 2 * time.Second
	tellTime = time.Second
)

// withoutOwnTime returns the time that is left for the call.
func withoutOwnTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	return context.WithTimeout(ctx, max(left-OwnTime, left/2))
}

// attemptFor is attempt for a call about who has made the application of the case.
func attemptFor[R any](ctx context.Context, a *Activities, ref campus.StepRef,
	call func(context.Context, cards.Applicant) (R, error)) (R, error) {
	return attemptAbout(ctx, a, ref, a.store.Cards.OpenApplicantAttempt, call)
}
