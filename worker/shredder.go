package worker

import (
	"context"
	"log/slog"
	"time"

	"campuscard/storage"
)

// shredder has the object store delete the files that nobody may read any more (B4).
type shredder struct {
	store *storage.Store
	log   *slog.Logger
}

const (
	shredBatch = 1000        // what one request of S3 can delete
	shredPause = time.Second // pictures are gone within about that long after their verdict
	shredAgain = 10 * time.Second
)

func (s *shredder) run(ctx context.Context) error {
	for {
		pause := shredPause
		gone, err := s.store.Shred(ctx, shredBatch)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.WarnContext(ctx, "forgotten files stay", "error", err)
			pause = shredAgain
		case gone == shredBatch:
			pause = 0
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}
