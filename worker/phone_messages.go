package worker

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// phoneSender delivers messages to numbers that are not on file: the code to a new one, and the word to the old one. It
// sends as the sender of notices does, from a queue of its own.
type phoneSender struct{ *noticeSender }

func (s phoneSender) round(ctx context.Context) (time.Duration, error) {
	messages, err := s.store.People.ClaimPhoneMessages(ctx, noticeBatch, noticeLease)
	if err != nil {
		return noticePause, err
	}
	var group errgroup.Group
	for _, m := range messages {
		group.Go(func() error { return s.store.People.FinishPhoneMessage(ctx, s.send(ctx, m)) })
	}
	return noticePause, group.Wait()
}
