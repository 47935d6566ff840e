package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
)

// waiting knows which cases wait for a part of our own house. What waits for Postgres cannot be read from Postgres,
// so each worker remembers what it has seen of the cases in its memory: a local activity that an outage has ended,
// until it has ended otherwise. The looks at our own parts are local activities, too, and are repeated for as long as
// a case waits. After a restart of the worker all that wait are seen again within the longest pause between two
// looks.
type waiting struct {
	mu    sync.Mutex
	cases map[string]*waitingCase // by workflow id
}

// waitingCase is a case that waits.
type waitingCase struct {
	since time.Time
	part  string
	steps map[string]time.Time // activities that an outage has ended, and when they were seen last
}

// waitingLife is for how long a case counts whose outage is not seen any more: it was withdrawn, or another worker
// has it. It is longer than the pause between two looks at our own parts, which grows up to two minutes.
const waitingLife = 3 * time.Minute

func newWaiting() *waiting { return &waiting{cases: map[string]*waitingCase{}} }

// partOf is the part of our house whose outage an error tells of.
func partOf(err error) string {
	switch campus.ReasonOf(err) {
	case campus.ObjectsDown:
		return objectsPart
	case campus.WritesRefused:
		return writesPart
	}
	return postgresPart
}

// saw notes how an activity of a case has ended.
func (w *waiting) saw(workflow, step string, err error, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, waits := w.cases[workflow]
	if !campus.OwnOutage(err) {
		if waits {
			delete(c.steps, step)
			w.forget(workflow, c, now)
		}
		return
	}
	if !waits {
		c = &waitingCase{since: now, steps: map[string]time.Time{}}
		w.cases[workflow] = c
	}
	c.part, c.steps[step] = partOf(err), now
}

// forget lets go of what is not seen any more.
func (w *waiting) forget(workflow string, c *waitingCase, now time.Time) {
	for step, seen := range c.steps {
		if now.Sub(seen) > waitingLife {
			delete(c.steps, step)
		}
	}
	if len(c.steps) == 0 {
		delete(w.cases, workflow)
	}
}

// waits is how many cases wait for a part, and since when the first of them does, as far as this worker has seen.
type waits struct {
	cases  int
	oldest time.Time
}

// byPart counts them, with a zero for each part that nobody waits for.
func (w *waiting) byPart(now time.Time) map[string]waits {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]waits{postgresPart: {oldest: now}, writesPart: {oldest: now}, objectsPart: {oldest: now}}
	for workflow, c := range w.cases {
		if w.forget(workflow, c, now); len(c.steps) == 0 {
			continue
		}
		of := found[c.part]
		of.cases++
		if c.since.Before(of.oldest) {
			of.oldest = c.since
		}
		found[c.part] = of
	}
	return found
}

// waitingWatch tells waiting of local activities. It has to be inside of Faults, where errors are still ours.
type waitingWatch struct {
	interceptor.WorkerInterceptorBase
	waiting *waiting
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (w *waitingWatch) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	return &watchedActivity{interceptor.ActivityInboundInterceptorBase{Next: next}, w.waiting}
}

type watchedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	waiting *waiting
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *watchedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := a.Next.ExecuteActivity(ctx, in)
	info := activity.GetInfo(ctx)
	if info.IsLocalActivity && !errors.Is(ctx.Err(), context.Canceled) {
		a.waiting.saw(info.WorkflowExecution.ID, info.ActivityType.Name, err, time.Now())
	}
	return result, err
}
