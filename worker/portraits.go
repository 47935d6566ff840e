package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/storage/cards"
)

const (
	portraitBatch = 4                // at once: registers have other callers
	portraitLease = 30 * time.Second // longer than fetching one takes
	portraitPause = time.Second
	portraitAgain = time.Minute // after an outage, then twice as long each time
)

// portraitFetcher fetches the portraits of cards from the registers of the school (D5). What waits is in rows, so
// nothing is lost with a worker, and two workers share it.
type portraitFetcher struct {
	store    *storage.Store
	systems  *school.Systems
	policies *campus.Policies
	log      *slog.Logger
}

func (f *portraitFetcher) round(ctx context.Context) (time.Duration, error) {
	due, err := f.store.Cards.ClaimPortraits(ctx, portraitBatch, portraitLease)
	if err != nil || len(due) == 0 {
		return portraitPause, err
	}
	wrong := make([]error, len(due))
	var all sync.WaitGroup
	for i, sitter := range due {
		all.Go(func() { wrong[i] = f.fetch(ctx, sitter) })
	}
	all.Wait()
	return portraitPause, errors.Join(wrong...)
}

// fetch fetches one. A register that has none, or none that can be shown, is asked again later: it may be renewed.
func (f *portraitFetcher) fetch(ctx context.Context, s cards.Sitter) error {
	policy := f.policies.For(s.University).Portrait
	ask := f.systems.Academic.Photo
	if s.Route == campus.StaffRoute {
		ask = f.systems.HR.Photo
	}
	photo, err := ask(ctx, s.University, s.Number)
	switch code := campus.CodeOf(err); {
	case ctx.Err() != nil: // what fails while we stop says nothing about the register
		return nil
	case err == nil && len(photo.Content) > 0 && len(photo.Content) <= policy.MostBytes:
		return f.store.Cards.KeepPortrait(ctx, s.CardID, photo.Content)
	case err == nil, code == campus.NotFound:
		return f.store.Cards.PortraitLater(ctx, s.CardID, f.store.Now().Add(policy.Again.Std()))
	}
	f.log.WarnContext(ctx, "a register does not give a portrait", "card", s.CardID, "error", err)
	wait := min(portraitAgain<<min(s.Tries, 10), policy.Again.Std())
	return f.store.Cards.PortraitLater(ctx, s.CardID, f.store.Now().Add(wait))
}
