package worker

import (
	"sync"
	"time"

	"campuscard/campus"
)

// ownTries is how often a step of our own is tried that fails for another reason than an outage: with its backoff that
// is about two minutes, and longer after an outage, whose tries have made the pauses long. What has failed so often
// becomes somebody's work.
const ownTries = 12

// faultLife is how long a step is remembered after its last try: longer than the longest pause between two. One that is
// not tried here any more has gone to another worker, which counts anew, or has ended with its workflow.
const faultLife = 5 * time.Minute

// ownTry names a try of a step of our own. Temporal gives the tries of a local activity ids of their own once the
// pauses between them are long; what goes on is the run, the name, and the number of the try.
type ownTry struct {
	run, activity string
	attempt       int32
}

// faultTries counts the tries of our own steps that a fault of ours has ended. Those that an outage has ended do not
// count: Temporal's own count has both, and after an outage of some minutes the first fault would be the last.
type faultTries struct {
	now func() time.Time

	mu    sync.Mutex
	seen  map[ownTry]faultCount // before the try that is to come
	swept time.Time
}

type faultCount struct {
	faults int
	last   time.Time
}

func newFaultTries(now func() time.Time) *faultTries {
	return &faultTries{now: now, seen: map[ownTry]faultCount{}}
}

// judge makes a fault of ours one that is not tried again once it has ended enough tries of the same step.
func (f *faultTries) judge(try ownTry, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	faults := f.seen[try].faults
	delete(f.seen, try)
	code := campus.CodeOf(err)
	if err == nil || !code.Retryable() || campus.ReasonOf(err) == campus.DataRefused {
		return err
	}
	if code == campus.Internal {
		faults++
	}
	switch {
	case faults >= ownTries:
		return campus.Errorf(campus.Internal, campus.DataRefused, "%v", err)
	case faults > 0:
		f.sweep()
		try.attempt++
		f.seen[try] = faultCount{faults, f.now()}
	}
	return err
}

// sweep forgets, now and then, what is tried here no more.
func (f *faultTries) sweep() {
	now := f.now()
	if now.Sub(f.swept) < faultLife {
		return
	}
	f.swept = now
	for step, count := range f.seen {
		if now.Sub(count.last) > faultLife {
			delete(f.seen, step)
		}
	}
}
