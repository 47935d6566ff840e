package activities

import (
	"context"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"campuscard/campus"
	"campuscard/storage"
)

// attempt runs one try of a step under a row of its own: opened before the call, closed after it (K3), or by the move that
// follows when it went well and the workflow says so. A try whose process dies stays open, and is closed as lost when the next
// one opens.
func attempt[R any](ctx context.Context, a *Activities, ref campus.StepRef, call func(context.Context) (R, error)) (R, error) {
	open := func(ctx context.Context, ref campus.StepRef, try int) (id uuid.UUID, _ struct{}, err error) {
		id, err = a.store.OpenAttempt(ctx, ref, try)
		return id, struct{}{}, err
	}
	return attemptAbout(ctx, a, ref, open, func(ctx context.Context, _ struct{}) (R, error) { return call(ctx) })
}

// attemptAbout is attempt for a call that is about something: open reads it where it opens the row. When only the reading
// fails there is a row to close.
func attemptAbout[W, R any](ctx context.Context, a *Activities, ref campus.StepRef,
	open func(context.Context, campus.StepRef, int) (uuid.UUID, W, error), call func(context.Context, W) (R, error)) (result R, err error) {
	return attemptKept(ctx, a, ref, open, call, nil)
}

// attemptKept is attemptAbout for a call that brings something to keep: keep does so, and closes the row of a call that went
// well in the same statement.
func attemptKept[W, R any](ctx context.Context, a *Activities, ref campus.StepRef, open func(context.Context, campus.StepRef, int) (uuid.UUID, W, error),
	call func(context.Context, W) (R, error), keep func(context.Context, uuid.UUID, *R) error) (result R, err error) {
	id, about, err := open(ctx, ref, int(activity.GetInfo(ctx).Attempt))
	if id == uuid.Nil {
		return result, err
	}
	if err == nil {
		result, err = call(ctx, about)
	}
	if err == nil && ref.Moves {
		return result, nil
	}
	if err == nil && keep != nil {
		if err = keep(ctx, id, &result); err == nil {
			return result, nil
		}
	}
	if closing := a.store.CloseAttempt(context.WithoutCancel(ctx), id, err); closing != nil {
		a.log.WarnContext(ctx, "an attempt stays open", "case", ref.Case.WorkflowID(), "step", ref.Step, "error", closing)
	}
	return result, err
}

// attemptFor is attempt for a call about who has made the application of the case.
func attemptFor[R any](ctx context.Context, a *Activities, ref campus.StepRef, call func(context.Context, storage.Applicant) (R, error)) (R, error) {
	return attemptAbout(ctx, a, ref, a.store.OpenApplicantAttempt, call)
}
