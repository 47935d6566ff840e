package engine

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// Rung is one step of a deadline ladder: the move that is made when the wait has lasted so long.
type Rung struct {
	After time.Duration // from when the stage was entered
	Name  string        // shown beside the timer in the Temporal UI
	Climb func() Change
}

// Wait waits at the stage of the case until done, which tells that somebody has led it away, and climbs the ladder
// meanwhile: reminders, escalation. It answers false when the limit has passed first; every wait has one. Limit and
// rungs count from when the stage was entered; rungs ascend, and leave the case at its stage. A rung is climbed once,
// whichever run does so; of those that fell due while nobody was there, the last.
func (c *Casework) Wait(ctx workflow.Context, limit time.Duration, what string, done func() bool,
	ladder ...Rung) (bool, error) {
	since := c.since
	left := func(after time.Duration) time.Duration { return since.Add(after).Sub(workflow.Now(ctx)) }
	off := func(r Rung) bool { return r.After <= 0 || r.After >= limit }
	for i, r := range ladder {
		overtaken := left(limit) <= 0 ||
			slices.ContainsFunc(ladder[i+1:], func(next Rung) bool { return !off(next) && left(next.After) <= 0 })
		if i < c.stay.Climbed || off(r) || overtaken {
			continue
		}
		ok, err := AwaitFor(ctx, max(left(r.After), 0), r.Name, done)
		if err != nil || ok {
			return ok, err
		}
		ch := r.Climb()
		ch.stays = func(s *stay) { s.Climbed = i + 1 }
		if err := c.Advance(ctx, ch); err != nil {
			return false, err
		}
	}
	ok, err := AwaitFor(ctx, max(left(limit), 0), what+": end", done)
	if err != nil || ok {
		return ok, err
	}
	return false, nil
}

// Since is when the case has entered its stage.
func (c *Casework) Since() time.Time { return c.since }

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
