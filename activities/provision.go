package activities

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/cards"
)

// ServiceStep is one service of one card.
type ServiceStep struct {
	Ref     campus.StepRef
	Card    uuid.UUID
	Service campus.Service
}

// serviceClient is how one of the school's systems takes a card and lets it go.
type serviceClient struct {
	grant  func(ctx context.Context, university, key string, h school.Holder) (school.Grant, error)
	revoke func(ctx context.Context, university, key, cardID string) error
}

func (a *Activities) services() map[campus.Service]serviceClient {
	return map[campus.Service]serviceClient{
		campus.AccessService:  {a.school.Access.Grant, a.school.Access.Revoke},
		campus.LibraryService: {a.school.Library.OpenPatron, a.school.Library.ClosePatron},
		campus.CanteenService: {a.school.Canteen.OpenAccount, a.school.Canteen.CloseAccount},
	}
}

// CheckServices tells which services of the base package no system provides (C1).
func (a *Activities) CheckServices() error {
	var wrong []error
	for _, name := range campus.BasePackage() {
		if _, err := a.service(name); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

func (a *Activities) service(name campus.Service) (serviceClient, error) {
	client, found := a.services()[name]
	if !found {
		return client, campus.Errorf(campus.Invalid, "", "no system provides the service %s (services in activities/provision.go)", name)
	}
	return client, nil
}

// GrantService makes a card known to the system that owns a service, and returns the system's own name for the card
// (C1). The name is kept here unless the next move keeps it.
func (a *Activities) GrantService(ctx context.Context, in ServiceStep) (string, error) {
	open := func(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, cards.CardHolder, error) {
		return a.store.Cards.OpenHolderAttempt(ctx, ref, try, in.Card)
	}
	call := func(ctx context.Context, who cards.CardHolder) (school.Grant, error) {
		client, err := a.service(in.Service)
		if err != nil {
			return school.Grant{}, err
		}
		return client.grant(ctx, who.Card.University, in.Ref.IdempotencyKey(), holder(who))
	}
	grant, err := attemptKept(ctx, a, in.Ref, open, call,
		func(ctx context.Context, attempt uuid.UUID, grant *school.Grant) error {
			return a.store.Cards.SaveProvision(ctx, attempt, in.Card, in.Service, grant.Reference)
		})
	return grant.Reference, err
}

// RevokeService takes a card out of the system that owns a service; harmless where it never was.
func (a *Activities) RevokeService(ctx context.Context, in ServiceStep) error {
	_, err := attempt(ctx, a, in.Ref, func(ctx context.Context) (struct{}, error) {
		client, err := a.service(in.Service)
		if err != nil {
			return struct{}{}, err
		}
		card, err := a.store.Cards.Card(ctx, in.Card)
		if err != nil {
			return struct{}{}, err
		}
		if err := client.revoke(ctx, card.University, in.Ref.IdempotencyKey(), in.Card.String()); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, a.store.Cards.RevokeProvision(ctx, in.Card, in.Service)
	})
	return err
}
