package engine

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// Rung is one step of a deadline ladder: what to do when the wait has lasted so long.
type Rung struct {
	After time.Duration
	Name  string // shown beside the timer in the Temporal UI
	Climb func(ctx workflow.Context) error
}

// Wait waits until done, and climbs the ladder meanwhile: reminders, escalation. It answers false when the limit has
// passed first; every wait has one. since is when the wait began, which may be in a run before this one.
func Wait(ctx workflow.Context, since time.Time, limit time.Duration, what string, done func() bool,
	ladder ...Rung) (bool, error) {
	for _, r := range append(ladder, Rung{After: limit, Name: what + ": end"}) {
		left := since.Add(r.After).Sub(workflow.Now(ctx))
		if r.Climb != nil && (r.After >= limit || left <= 0) {
			continue // past it already, as after continuing as new
		}
		ok, err := AwaitFor(ctx, max(left, 0), r.Name, done)
		if err != nil || ok {
			return ok, err
		}
		if r.Climb == nil {
			return false, nil
		}
		if err := r.Climb(ctx); err != nil {
			return false, err
		}
	}
	return done(), nil
}

// AwaitFor waits until done or for so long, under a timer with a name. The timer goes when the wait is over: left to
// itself it would stay in the history and wake the workflow for nothing, perhaps after weeks.
func AwaitFor(ctx workflow.Context, timeout time.Duration, name string, done func() bool) (bool, error) {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	return workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: timeout, TimerOptions: workflow.TimerOptions{Summary: name},
	}, done)
}

// Until is the due time of a wait that begins now.
func Until(ctx workflow.Context, limit campus.Duration) *time.Time {
	t := workflow.Now(ctx).Add(limit.Std())
	return &t
}

// PromisedDay is the day that ends at t.
func PromisedDay(t time.Time) campus.Date { return campus.DateOf(t.Add(-time.Nanosecond)) }
