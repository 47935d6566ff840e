package storage

import (
	"context"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/money"
	"campuscard/storage/production"
)

// PickUp hands a plastic to its holder, also while Temporal is down (D3), and has its chip pay from the same instant
// (E1). Every try under a code that waits here is counted. Refused: pickup_code, pickup_card_over, pickup_locked,
// pickup_document.
func (s *Store) PickUp(ctx context.Context, req casework.Request, p production.Pickup) (production.Opened, error) {
	try, err := s.Production.CountPickup(ctx, p)
	if err != nil {
		return production.Opened{}, err
	}
	return casework.Once(ctx, s.Casework, "pick up a plastic", req, func(t db.Tx) (production.Opened, error) {
		handed, err := production.PickUp(ctx, t, p, try)
		if err != nil {
			return production.Opened{}, err
		}
		opened := production.Opened{Plastic: handed.ID, Compartment: handed.Compartment}
		return opened, bindChip(t, handed, campus.Machine(p.Kiosk))
	})
}

// TakeReport takes what the bureau says, and tells the workflows to look, in one transaction (design 4.5). A call-back
// that was taken before changes nothing. NotFound: a plastic or order we do not know. Conflict: callback_conflict when
// its id stands for another report, report_not_ordered when the plastic was not ordered, or not with that batch,
// report_contradicts when it cannot have become that or has another chip, compartment_full when another lies there.
func (s *Store) TakeReport(ctx context.Context, r production.Report) error {
	_, err := casework.TakeOnce(ctx, s.Casework, "take a production report",
		casework.Callback{Sender: casework.Bureau, ID: r.CallbackID, BodyHash: r.BodyHash}, func(t db.Tx) (struct{}, error) {
			p, err := production.TakeReport(ctx, t, r)
			if err != nil || p.State != campus.PlasticPickedUp { // which chip it is may be told after it was handed over
				return struct{}{}, err
			}
			return struct{}{}, bindChip(t, p, campus.Machine(casework.Bureau))
		})
	return err
}

// bindChip has the chip of a plastic in its holder's hand pay, if it is known.
func bindChip(t db.Tx, p production.Plastic, actor campus.Actor) error {
	if p.Chip == "" {
		return nil
	}
	return money.BindChip(t, actor, p.CardID, p.Chip)
}
