package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// lookOnce is for a look at our own parts. It is repeated by a timer of the workflow, whose pauses grow: tries of a local
// activity would fill the history of every case through a long night.
var lookOnce = workflow.LocalActivityOptions{
	StartToCloseTimeout: 5 * time.Second,
	RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
}

// longestLook is the longest pause between two looks: so long after the end of an outage the last case goes on.
const longestLook = 2 * time.Minute

// rounds runs a step's call until a round of tries has ended for another reason than an outage of our own parts. What
// other systems have failed counts as before, over all rounds; what we have failed is waited out, however long it
// lasts, and parks nothing (K3).
func (c *casework) rounds(ctx workflow.Context, ref campus.StepRef, round func(ctx workflow.Context) error) error {
	failed := 0
	for pause := c.steps.Backoff.Std(); ; pause = min(2*pause, longestLook) {
		err := round(c.budget(ctx, failed))
		if !ownOutage(err) {
			return err
		}
		workflow.GetLogger(ctx).Warn("a step waits for our own parts", "step", ref.Step, "reason", campus.ReasonOf(FromTemporal(err)))
		if failed, err = c.outlast(ctx, ref, pause); err != nil {
			return err
		}
	}
}

// outlast waits until our own parts are there, and answers how many tries of the step have failed by then.
func (c *casework) outlast(ctx workflow.Context, ref campus.StepRef, pause time.Duration) (failed int, err error) {
	for ; ; pause = min(2*pause, longestLook) {
		timer := workflow.NewTimerWithOptions(ctx, pause, workflow.TimerOptions{Summary: ref.Step + ": our own parts are down"})
		if err := timer.Get(ctx, nil); err != nil {
			return 0, err
		}
		look := workflow.WithLocalActivityOptions(ctx, lookOnce)
		err := workflow.ExecuteLocalActivity(look, steps.LookAtOwnParts, ref).Get(ctx, &failed)
		if err == nil || temporal.IsCanceledError(err) {
			return failed, err
		}
	}
}
