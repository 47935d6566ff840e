package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"campuscard/campus"
)

// attempt runs one try of a step under a row of its own: opened before the call, closed after it (K3). A try whose
// process dies stays open, and is closed as lost when the next one opens.
func attempt[R any](ctx context.Context, a *Activities, ref campus.StepRef, call func(context.Context) (R, error)) (R, error) {
	var none R
	id, err := a.store.OpenAttempt(ctx, ref, int(activity.GetInfo(ctx).Attempt))
	if err != nil {
		return none, err
	}
	result, err := call(ctx)
	if closing := a.store.CloseAttempt(context.WithoutCancel(ctx), id, err); closing != nil {
		a.log.WarnContext(ctx, "an attempt stays open", "case", ref.Case.WorkflowID(), "step", ref.Step, "error", closing)
	}
	return result, err
}
