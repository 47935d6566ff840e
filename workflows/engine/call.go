package engine

import (
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// Call is how one of the school's systems is asked: on the system's own queue (K2).
type Call struct {
	Queue    string
	Summary  string // that the Temporal UI shows beside it
	Activity any
	Input    func(campus.StepRef) any // of the activity; none: the reference of the attempt itself
}

func (call Call) start(ctx workflow.Context, ref campus.StepRef) workflow.Future {
	options := workflow.GetActivityOptions(ctx)
	options.TaskQueue, options.Summary = call.Queue, call.Summary
	ctx = workflow.WithActivityOptions(ctx, options)
	if call.Input == nil {
		return workflow.ExecuteActivity(ctx, call.Activity, ref)
	}
	return workflow.ExecuteActivity(ctx, call.Activity, call.Input(ref))
}

// Look asks once, for a process that asks again and again: each look is an attempt with a key of its own, and no move.
// The error is Temporal's.
func (c *Casework) Look(ctx workflow.Context, name string, call Call, result any) error {
	last := c.calls[name]
	last = campus.StepCall{Step: name, Attempt: last.Attempt + 1, Key: last.Key + 1, Stay: c.entered}
	c.calls[name] = last
	ref := campus.StepRef{Case: c.Input.Case, Step: name, Attempt: last.Attempt, Key: last.Key, By: campus.System(),
		Stay: last.Stay}
	return call.start(c.OneTry(ctx), ref).Get(ctx, result)
}
