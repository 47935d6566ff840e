package worker

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
)

// eager tells whether what this process starts may begin here at once, without a way through the task queue. Only what
// goes through the queue is routed by version, so a build that is not current, or no longer, must not begin a case: its
// next step goes to another build, which may not know what this one did (decision 42).
type eager struct {
	temporal  client.Client
	version   Version
	unmanaged bool // there is one build

	current bool
	until   time.Time // for so long it is believed
}

const (
	eagerBelief   = 2 * time.Second
	eagerPatience = time.Second // for the answer; while Temporal is away the rows that wait are not kept waiting for it
)

// allowed asks Temporal which build is current, every now and then. It is for one goroutine.
func (e *eager) allowed(ctx context.Context, now time.Time) bool {
	if e.unmanaged {
		return true
	}
	if now.After(e.until) {
		ctx, cancel := context.WithTimeout(ctx, eagerPatience)
		defer cancel()
		build, err := CurrentBuild(ctx, e.temporal)
		e.current, e.until = err == nil && build == e.version, now.Add(eagerBelief)
	}
	return e.current
}
