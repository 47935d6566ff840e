package production

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// NewPlastic is the first plastic of a card.
type NewPlastic struct {
	ID          uuid.UUID
	Case        uuid.UUID
	Card        uuid.UUID
	Application uuid.UUID // which says for whom, and to which kiosk
	PromisedAt  time.Time
}

// OpenPlastic orders the first plastic of a card. It is queued, as Write does.
func OpenPlastic(t db.Tx, n NewPlastic, change campus.Change) error {
	if err := t.Write(`insert into plastics
			(id, case_id, card_id, person_id, university, kiosk_id, seq, state, promised_at, created_at)
		select @id, @case, @card, person_id, university, kiosk_id, 1, @state, @promised, @now
		from applications where id = @application`,
		map[string]any{"id": n.ID, "case": n.Case, "card": n.Card, "state": campus.PlasticOrdered, "promised": n.PromisedAt,
			"now": t.Now, "application": n.Application}); err != nil {
		return err
	}
	return addPlasticChange(t, n.ID, "", campus.PlasticOrdered, change)
}

// StopPlastics ends what nobody has begun to make or bring of a card that has ended, closes the compartment of what
// lies in a kiosk, and tells the cases of the plastics, which take the orders back that can be.
func StopPlastics(ctx context.Context, t db.Tx, card uuid.UUID) error {
	plastics, err := lockPlastics(t, selectPlastics+`card_id = ?`+lockInOrder, card)
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

// dropCodeOfEnded takes the pickup code of a plastic away as dropCode does. Its keyed hash stays, so that whoever
// types the code at the kiosk is told that the card has ended; nothing is opened with it.
func dropCodeOfEnded(t db.Tx, id uuid.UUID) error {
	return t.Exec(`update plastics set compartment = '', pickup_code = null where id = ?`, id).Error
}
