package storage

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/money"
	"campuscard/storage/production"
)

// ActivateCard makes a pending card active, orders its plastic and each package that was chosen as cases of their own,
// and ends the application, all at the same instant (D1, D2, D4, C2). A card that the same human has under another
// number is replaced where they change role. Conflict: card_state, card_exists, other_card_active, studies_over.
func (s *Store) ActivateCard(ctx context.Context, m campus.Move, a cards.Activation) (campus.Moved, error) {
	moved, err := s.Casework.MoveAs(ctx, m, func(t db.Tx, c casework.MovedCase) error {
		if err := cards.Activate(t, a); err != nil {
			return err
		}
		others, err := cards.LockOthers(t, c.Owner.PersonID)
		if err != nil {
			return err
		}
		if err := money.OpenAccount(t, a.Card, cards.HumanIDs(others)); err != nil {
			return err
		}
		if err := cards.WantPortrait(t, a.Card); err != nil {
			return err
		}
		if err := cards.CloseApplication(t, m.Case.ID); err != nil {
			return err
		}
		if err := openPlastic(ctx, t, m.Case.ID, c, a); err != nil {
			return err
		}
		if err := replaceOtherCards(ctx, t, m.Case.ID, c, others, a.Change); err != nil || a.NoPackages {
			return err
		}
		return cards.OpenChosenPackages(ctx, t, m.Case.ID, c, a)
	})
	if db.Violated(err) == "cards_one_active" {
		return moved, campus.Errorf(campus.Conflict, "card_exists", "the person has another active card")
	}
	return moved, err
}

// openPlastic opens the case that brings the plastic of a card into its holder's hand (D2: it starts at the
// activation).
func openPlastic(ctx context.Context, t db.Tx, application uuid.UUID, c casework.MovedCase, a cards.Activation) error {
	ref := campus.CaseRef{Kind: campus.PlasticCase, ID: a.PlasticCase}
	if err := casework.OpenCase(t, ref, c.Owner, c.PolicyVersion); err != nil {
		return err
	}
	plastic := production.NewPlastic{ID: a.Plastic, Case: ref.ID, Card: a.Card, Application: application,
		PromisedAt: a.PromisedAt}
	if err := production.OpenPlastic(t, plastic, a.Change); err != nil {
		return err
	}
	if err := casework.AddAudit(t, a.Change.Actor, "card.activate", "card/"+a.Card.String(),
		c.Owner.University); err != nil {
		return err
	}
	input := campus.CaseInput{Case: ref, University: c.Owner.University, Campus: c.Owner.Campus,
		Stage: campus.StageOrdering, WaitsFor: campus.WaitsForBureau}
	if a.Batched {
		input.Stage, input.WaitsFor, input.Due = campus.StageBatching, campus.WaitsForEngine, &a.PromisedAt
	}
	return casework.EnqueueStart(ctx, t, ref, string(ref.Kind), input)
}
