package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// rung is one step of a deadline ladder: what to do when the wait has lasted so long.
type rung struct {
	after time.Duration
	name  string // shown beside the timer in the Temporal UI
	climb func(ctx workflow.Context) error
}

// wait waits until done, and climbs the ladder meanwhile: reminders, escalation. It answers false when the limit has
// passed first; every wait has one. since is when the wait began, which may be in a run before this one.
func wait(ctx workflow.Context, since time.Time, limit time.Duration, what string, done func() bool,
	ladder ...rung) (bool, error) {
	for _, r := range append(ladder, rung{after: limit, name: what + ": end"}) {
		left := since.Add(r.after).Sub(workflow.Now(ctx))
		if r.climb != nil && (r.after >= limit || left <= 0) {
			continue // past it already, as after continuing as new
		}
		ok, err := awaitFor(ctx, max(left, 0), r.name, done)
		if err != nil || ok {
			return ok, err
		}
		if r.climb == nil {
			return false, nil
		}
		if err := r.climb(ctx); err != nil {
			return false, err
		}
	}
	return done(), nil
}

// awaitFor waits until done or for so long, under a timer with a name. The timer goes when the wait is over: left to
// itself it would stay in the history and wake the workflow for nothing, perhaps after weeks.
func awaitFor(ctx workflow.Context, timeout time.Duration, name string, done func() bool) (bool, error) {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	return workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: timeout, TimerOptions: workflow.TimerOptions{Summary: name},
	}, done)
}

// until is the due time of a wait that begins now.
func until(ctx workflow.Context, limit campus.Duration) *time.Time {
	t := workflow.Now(ctx).Add(limit.Std())
	return &t
}

// promisedDay is the day that ends at t.
func promisedDay(t time.Time) campus.Date { return campus.DateOf(t.Add(-time.Nanosecond)) }
