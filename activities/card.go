package activities

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
)

// CreateCard is the approval of an application.
type CreateCard struct {
	Move campus.Move
	Card uuid.UUID
	By   campus.Actor
}

// CreateCard makes the pending card of an approved application (C3, D4).
func (a *Activities) CreateCard(ctx context.Context, in CreateCard) (campus.Moved, error) {
	return a.store.Cards.CreateCard(ctx, in.Move, in.Card,
		campus.Change{Actor: in.By, Channel: "workflow", Reason: "approved"})
}

// ActivateCard is the activation of a card and all that begins with it.
type ActivateCard struct {
	Move        campus.Move
	Card        uuid.UUID
	PlasticCase uuid.UUID
	Plastic     uuid.UUID
	CardLife    campus.Duration
	Promised    time.Time // the end of the promised day (D2)
	Batched     bool      // the plastic waits for a batch (D3)
	NoPackages  bool      `json:",omitempty"` // without packages (C2)
	By          campus.Actor
}

// ActivateCard makes the card active and orders its plastic, at the same instant (D1, D2).
func (a *Activities) ActivateCard(ctx context.Context, in ActivateCard) (campus.Moved, error) {
	channel := "app"
	if in.By.Kind == campus.StaffActor { // L1: at the counter, for a holder who stands there
		channel = "counter"
	}
	return a.store.ActivateCard(ctx, in.Move, cards.Activation{
		Card: in.Card, PlasticCase: in.PlasticCase, Plastic: in.Plastic, CardLife: in.CardLife.Std(),
		PromisedAt: in.Promised, Batched: in.Batched, NoPackages: in.NoPackages,
		Change: campus.Change{Actor: in.By, Channel: channel, Reason: "activated"},
	})
}
