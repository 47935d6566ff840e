package worker

import (
	"context"
	"log/slog"
	"time"

	"campuscard/storage"
)

// clockMinder brings forward what a clock that has since been set back had put off. Workers do so, because nobody else
// waits for those moments; where several do, the second finds nothing to change.
type clockMinder struct {
	store *storage.Store
	log   *slog.Logger
}

const clockPause = time.Minute

func (c *clockMinder) round(ctx context.Context) (time.Duration, error) {
	rows, err := c.store.BringForward(ctx)
	if rows > 0 {
		c.log.WarnContext(ctx, "a clock has been set back: what it had put off comes up now", "rows", rows)
	}
	return clockPause, err
}
