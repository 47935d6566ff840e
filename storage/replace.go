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

// replaceOtherCards ends the cards that the human whose card becomes active has under other numbers (D4), if they
// change role. Conflict: other_card_active when they do not.
func replaceOtherCards(ctx context.Context, t db.Tx, application uuid.UUID, moved casework.MovedCase,
	others []cards.Human, change campus.Change) error {
	if len(others) == 0 {
		return nil
	}
	var route campus.Route
	if err := t.Raw(`select route from applications where id = ?`, application).Row().Scan(&route); err != nil {
		return err
	}
	for _, other := range others {
		var held []cards.Card
		if err := t.Raw(`select * from cards where person_id = ? and state in ? order by id`, other.ID,
			cards.HeldStates).Scan(&held).Error; err != nil {
			return err
		}
		for _, card := range held { // D4: one active card per human at any instant
			if !campus.ReplacesCard(route, other.Status) {
				return campus.Errorf(campus.Conflict, campus.OtherCardActive, "the same human has card %s under another number",
					card.ID)
			}
			if err := replaceCard(ctx, t, card, other, moved, change); err != nil {
				return err
			}
		}
	}
	return nil
}

// replaceCard ends a card because another of the same human takes its place, has all stop that it was good for, and
// tells who holds it under that number.
func replaceCard(ctx context.Context, t db.Tx, card cards.Card, holder cards.Human, moved casework.MovedCase,
	change campus.Change) error {
	if err := cards.EndReplaced(t, card, change); err != nil {
		return err
	}
	if err := casework.AddAudit(t, change.Actor, "card.replace", "card/"+card.ID.String(),
		moved.Owner.University); err != nil {
		return err
	}
	owner := casework.CaseOwner{University: moved.Owner.University, Campus: holder.Campus, PersonID: holder.ID}
	if err := stopCard(ctx, t, card, owner, moved.PolicyVersion, change.Actor); err != nil {
		return err
	}
	return casework.QueueNotices(t, casework.Mailing{University: moved.Owner.University,
		People: []uuid.UUID{card.PersonID}, Case: &card.ApplicationID,
		Notice: campus.Notice{Template: "notice.card_replaced"}})
}

// stopCard has everything stop that a card was good for, in the transaction that ends it: the systems that know it are
// told by a case of its own, its packages are withdrawn, its plastic is handed out no more, its account does not pay,
// and its portrait is gone. actor is who ended it.
func stopCard(ctx context.Context, t db.Tx, card cards.Card, owner casework.CaseOwner, policyVersion string,
	actor campus.Actor) error {
	if err := money.Hold(t, card.ID, campus.EndedHold); err != nil { // E4: it pays no more from the same instant
		return err
	}
	if err := cards.ForgetPortrait(t, card.ID); err != nil { // D5: it is for showing the card
		return err
	}
	ref := campus.CaseRef{Kind: campus.EndingCase, ID: card.ID}
	if err := casework.OpenCase(t, ref, owner, policyVersion); err != nil {
		return err
	}
	event := campus.Event{Kind: "card_ended", Actor: actor, Public: true}
	if err := casework.AddEvent(t, ref.ID, event, uuid.Nil); err != nil {
		return err
	}
	input := campus.CaseInput{Case: ref, University: owner.University, Campus: owner.Campus}
	if err := casework.EnqueueStart(ctx, t, ref, string(ref.Kind), input); err != nil {
		return err
	}
	if err := cards.WithdrawPackages(ctx, t, card.ID, owner, policyVersion, actor); err != nil {
		return err
	}
	return production.StopPlastics(ctx, t, card.ID)
}
