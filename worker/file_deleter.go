package worker

import (
	"context"
	"time"

	"campuscard/storage"
)

// fileDeleter has the object store delete the files that nobody may read any more (B4).
type fileDeleter struct {
	store *storage.Store
}

const (
	deleteBatch = 1000        // what one request of S3 can delete
	deletePause = time.Second // pictures are gone within about that long after their verdict
	deleteAgain = 10 * time.Second
)

func (d *fileDeleter) round(ctx context.Context) (time.Duration, error) {
	gone, err := d.store.DeleteFiles(ctx, deleteBatch)
	switch {
	case err != nil:
		return deleteAgain, err
	case gone == deleteBatch:
		return 0, nil
	}
	return deletePause, nil
}
