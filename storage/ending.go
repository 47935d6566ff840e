package storage

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
)

// stopCard has everything stop that a card was good for, in the transaction that ends it: the systems that know it are
// told by a case of its own, its packages are withdrawn, and its plastic is handed out no more. actor is who ended it.
func stopCard(ctx context.Context, t tx, card Card, owner caseOwner, policyVersion string, actor campus.Actor) error {
	ref := campus.CaseRef{Kind: campus.EndingCase, ID: card.ID}
	if err := openCase(t, ref, owner, policyVersion); err != nil {
		return err
	}
	event := campus.Event{Kind: "card_ended", Actor: actor, Public: true}
	if err := addEvent(t, ref.ID, event, uuid.Nil); err != nil {
		return err
	}
	input := campus.CaseInput{Case: ref, University: owner.University, Campus: owner.Campus}
	if err := enqueueStart(ctx, t, ref, string(ref.Kind), input); err != nil {
		return err
	}
	if err := withdrawPackages(ctx, t, card.ID, owner, policyVersion, actor); err != nil {
		return err
	}
	return stopPlastics(ctx, t, card)
}

// withdrawPackages opens the withdrawal of each package that a card has. One that is being granted is withdrawn when it
// is granted, see SettlePackage.
func withdrawPackages(ctx context.Context, t tx, card uuid.UUID, owner caseOwner, policyVersion string,
	actor campus.Actor) error {
	var live []Package
	if err := t.Raw(selectPackage+`where p.card_id = ? and p.state in ? order by p.id for update of p`,
		card, []campus.PackageState{campus.PackageRequested, campus.PackageGranted}).Scan(&live).Error; err != nil {
		return err
	}
	for _, p := range live {
		if p.State != campus.PackageGranted {
			continue
		}
		if err := t.Exec(`update packages set state = ? where id = ?`, campus.PackageWithdrawing, p.ID).Error; err != nil {
			return err
		}
		if _, err := openChange(ctx, t, owner, p, campus.WithdrawPackage, policyVersion, actor); err != nil {
			return err
		}
	}
	return nil
}

// withdrawOfEnded opens the withdrawal of a package that was granted to a card which had ended meanwhile.
func withdrawOfEnded(ctx context.Context, t tx, id uuid.UUID, moved movedCase) error {
	var found struct {
		CardID    uuid.UUID
		CardState campus.CardState
	}
	if err := t.Raw(`select c.id as card_id, c.state as card_state from packages p join cards c on c.id = p.card_id
		where p.id = ?`, id).Scan(&found).Error; err != nil {
		return err
	}
	if !found.CardState.Terminal() {
		return nil
	}
	return withdrawPackages(ctx, t, found.CardID, moved.Owner, moved.PolicyVersion, campus.System())
}

// stopPlastics ends what nobody has begun to make or bring, closes the compartment of what lies in a kiosk, and tells
// the cases of the plastics, which take the orders back that can be.
func stopPlastics(ctx context.Context, t tx, card Card) error {
	plastics, err := lockPlastics(t, `card_id = ?`, card.ID)
	if err != nil {
		return err
	}
	change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: campus.CardReplacedReason}
	for _, p := range plastics {
		switch {
		case p.State.Terminal():
			continue
		case p.State == campus.PlasticReady: // it goes back to the card centre
			if err = dropCodeOfEnded(t, p.ID); err == nil {
				err = setPlastic(t, p, campus.PlasticReturned, change)
			}
		case p.Waits() && p.BatchID == nil && p.OrderKey == "":
			err = setPlastic(t, p, campus.PlasticCancelled, change)
		}
		if err == nil {
			err = nudge(ctx, t, campus.PlasticCase, []uuid.UUID{p.CaseID})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropCodeOfEnded takes the pickup code of a plastic away as dropCode does. Its keyed hash stays, so that whoever types the
// code at the kiosk is told that the card has ended; nothing is opened with it.
func dropCodeOfEnded(t tx, id uuid.UUID) error {
	return t.Exec(`update plastics set compartment = '', pickup_code = null where id = ?`, id).Error
}

// cardIsOver refuses a plastic whose card has ended. Refused: pickup_card_over.
func cardIsOver(t tx, p Plastic) error {
	var state campus.CardState
	if err := t.Raw(`select state from cards where id = ?`, p.CardID).Row().Scan(&state); err != nil {
		return err
	}
	if state.Terminal() {
		return campus.Errorf(campus.Refused, "pickup_card_over", "the card of plastic %s is %s", p.ID, state)
	}
	return nil
}

// CasePolicy is the version of the policy that a case keeps.
func (s *Store) CasePolicy(ctx context.Context, id uuid.UUID) (version string, err error) {
	err = s.read(ctx).Raw(`select policy_version from cases where id = ?`, id).Row().Scan(&version)
	return version, wrap("read the policy of a case", err)
}
