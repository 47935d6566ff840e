package db

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Batcher takes jobs that arrive at the same time in one go: while one lot is with Postgres, the next gathers. After a
// lot of several, whose callers come back about now, the next waits a moment for more; a job that comes alone is a lot
// of one and waits for nobody. It keeps nothing from one lot to the next but whether there was a crowd.
type Batcher[J, R any] struct {
	Take      func(ctx context.Context, jobs []J) []Result[R] // answers for each job, in order
	Most      int                                             // jobs in a lot
	AtOnce    int                                             // lots under way
	Pause     time.Duration                                   // for a crowd to gather
	GroupTime time.Duration                                   // the longest a lot may take; 0 means lotTime
	Of        func(job J) any                                 // what a lot has one job of: the others wait; nil: nothing
	Stay      bool                                            // who comes alone takes their lot themselves, and stays for it

	mu      sync.Mutex
	queue   []*waiting[J, R]
	running int
	crowd   bool // the last lot was one of several jobs
}

// Result is what became of a job.
type Result[R any] struct {
	Value R
	Err   error
}

type waiting[J, R any] struct {
	job  J
	ctx  context.Context // of the caller
	done chan Result[R]  // has room for the answer, so that nobody waits for a caller who has gone
}

// lotTime is the longest a lot may take, unless its jobs are known to be quick.
const groupTime = 25 * time.Second

// CrowdPause is short beside the time a lot takes.
const CrowdPause = time.Millisecond

// Do hands a job in and waits for its answer. When ctx ends first, what becomes of the job is unknown to the caller, as
// with any transaction that is left alone.
func (g *Batcher[J, R]) Do(ctx context.Context, job J) (R, error) {
	mine := &waiting[J, R]{job, ctx, make(chan Result[R], 1)}
	g.mu.Lock()
	if g.Stay && !g.crowd && len(g.queue) == 0 && g.running < g.AtOnce {
		g.running++
		g.mu.Unlock()
		return g.alone(mine)
	}
	g.queue = append(g.queue, mine)
	idle := g.running < g.AtOnce
	if idle {
		g.running++
	}
	g.mu.Unlock()
	if idle {
		go g.run(context.WithoutCancel(ctx))
	}
	select {
	case answer := <-mine.done:
		return answer.Value, answer.Err
	case <-ctx.Done():
		var none R
		return none, ctx.Err()
	}
}

// alone has a caller take a lot of their own job. To hand it to somebody else and wait wakes two, for each answer,
// which costs more than many a statement. A caller who leaves is not told at once: their lot ends as others do. Those
// who have come meanwhile are not theirs.
func (g *Batcher[J, R]) alone(mine *waiting[J, R]) (none R, err error) {
	ctx := context.WithoutCancel(mine.ctx)
	defer g.leave(ctx)
	if err := mine.ctx.Err(); err != nil {
		return none, err
	}
	limited, cancel := context.WithDeadline(ctx, g.until([]*waiting[J, R]{mine}))
	defer cancel()
	answer := g.Take(limited, []J{mine.job})[0]
	return answer.Value, answer.Err
}

// leave ends the work of who has taken a lot: somebody else goes on if others wait.
func (g *Batcher[J, R]) leave(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) > 0 {
		go g.run(ctx)
		return
	}
	g.running--
}

// run takes lots until nobody waits.
func (g *Batcher[J, R]) run(ctx context.Context) {
	for {
		if g.gathering() {
			time.Sleep(g.Pause)
		}
		lot := g.next()
		if len(lot) == 0 {
			return
		}
		jobs := make([]J, len(lot))
		for i, waiting := range lot {
			jobs[i] = waiting.job
		}
		limited, cancel := context.WithDeadline(ctx, g.until(lot))
		answers := g.Take(limited, jobs)
		cancel()
		for i, waiting := range lot {
			waiting.done <- answers[i]
		}
	}
}

// until returns the moment at which a group is given up. A caller who leaves takes nobody else along, and nobody works
// on for callers whose time is over: it is the last of theirs.
func (g *Batcher[J, R]) until(lot []*waiting[J, R]) time.Time {
	longest := time.Now().Add(cmp.Or(g.GroupTime, groupTime))
	var last time.Time
	for _, waiting := range lot {
		limit, limited := waiting.ctx.Deadline()
		if !limited || limit.After(longest) {
			return longest
		}
		if limit.After(last) {
			last = limit
		}
	}
	return last
}

// gathering tells whether more are likely to come in a moment.
func (g *Batcher[J, R]) gathering() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.crowd && len(g.queue) < g.Most
}

func (g *Batcher[J, R]) next() []*waiting[J, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	// Those who left while they queued have had their answer, and nothing was begun for them.
	g.queue = slices.DeleteFunc(g.queue, func(waiting *waiting[J, R]) bool { return waiting.ctx.Err() != nil })
	lot, rest := g.pick()
	if len(lot) == 0 {
		g.running--
		return nil
	}
	g.crowd = len(lot) > 1
	g.queue = rest
	return lot
}

// pick parts the queue into the next lot and those who go on waiting.
func (g *Batcher[J, R]) pick() (lot, rest []*waiting[J, R]) {
	if g.Of == nil {
		n := min(len(g.queue), g.Most)
		return g.queue[:n:n], g.queue[n:]
	}
	has := map[any]bool{}
	for i, waiting := range g.queue {
		if len(lot) == g.Most {
			return lot, append(rest, g.queue[i:]...)
		}
		if of := g.Of(waiting.job); has[of] {
			rest = append(rest, waiting)
		} else {
			has[of] = true
			lot = append(lot, waiting)
		}
	}
	return lot, rest
}
