package engine

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// lookOnce is for a look at our own parts. It is repeated by a timer of the workflow, whose pauses grow: tries of a
// local activity would fill the history of every case through a long night.
var lookOnce = workflow.LocalActivityOptions{
	StartToCloseTimeout: 5 * time.Second,
	RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
}

// The pauses before the looks. The first move of a case has no policy yet, which says how long the first pause is. The
// longest is how long after the end of an outage the last case goes on.
const (
	firstPause   = time.Second
	longestPause = 2 * time.Minute
)

// lostRounds is how many rounds in a row of a call of another system may be ended by an outage of our own parts that no
// look sees. One that hangs or kills its worker each time is a fault, and staff have to know of it.
const lostRounds = 8

// Rounds are the tries of a step. An outage of our own parts ends a round of them, and not the step.
type Rounds struct {
	Ref    campus.StepRef
	Files  bool // a try needs our own file store, too
	failed int  // tries that have failed before, in another run
	unseen int  // rounds in a row that an outage may end which no look sees; 0: any number
	Round  func(ctx workflow.Context, failed int) error
}

// Outlast runs rounds of tries until one ends for another reason than an outage of our own parts. What other systems
// have failed counts as before, over all rounds; what we have failed is waited out, however long it lasts, and parks
// nothing (K3). The error is Temporal's.
func (c *Casework) Outlast(ctx workflow.Context, r Rounds) error {
	failed, unseen := r.failed, 0
	for pause := cmp.Or(c.Steps.Backoff.Std(), firstPause); ; pause = min(2*pause, longestPause) {
		outage := r.Round(ctx, failed)
		if !ownOutage(outage) {
			return outage
		}
		reason := campus.ReasonOf(FromTemporal(outage))
		workflow.GetLogger(ctx).Warn("a step waits for our own parts", "step", r.Ref.Step, "reason", reason)
		var looks int
		var err error
		if looks, failed, err = c.awaitOwnParts(ctx, r, pause); err != nil {
			return err
		}
		if unseen++; looks > 1 {
			unseen = 0
		}
		if r.unseen > 0 && unseen == r.unseen {
			return outage
		}
	}
}

// awaitOwnParts waits until our own parts are there. It answers how many looks that took, and how many tries of the
// step have failed by then.
func (c *Casework) awaitOwnParts(ctx workflow.Context, r Rounds, pause time.Duration) (looks, failed int, err error) {
	timer := workflow.TimerOptions{Summary: r.Ref.Step + ": our own parts are down"}
	look := workflow.WithLocalActivityOptions(ctx, lookOnce)
	for looks = 1; ; looks, pause = looks+1, min(2*pause, longestPause) {
		if err := workflow.NewTimerWithOptions(ctx, pause, timer).Get(ctx, nil); err != nil {
			return looks, 0, err
		}
		in := activities.LookAtOwnParts{Ref: r.Ref, Files: r.Files}
		err := workflow.ExecuteLocalActivity(look, Steps.LookAtOwnParts, in).Get(ctx, &failed)
		if err == nil || temporal.IsCanceledError(err) {
			return looks, failed, err
		}
	}
}
