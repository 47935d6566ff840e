package money

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// GiveUpOrder keeps that a holder does not want a top-up any more that is not paid (E4), and has its channel asked to
// close it, at once if that can be. Until the channel has said so it counts as before, and what is paid is credited:
// who has the pay code may be paying. The same again changes nothing. NotFound: topup_unknown. Conflict: topup_over.
func (s *Store) GiveUpOrder(ctx context.Context, req casework.Request, person, order uuid.UUID) error {
	account, err := s.accountOfOrder(ctx, order)
	if err != nil {
		return err
	}
	_, err = onceAlone(ctx, s, account, "give up a top-up", req, func(t db.Tx) (given struct{}, err error) {
		o, found, err := lockOrder(t, order)
		if err == nil && found {
			found, err = o.isOf(t, person)
		}
		switch {
		case err != nil:
			return given, err
		case !found:
			return given, orderUnknown(order)
		case o.GivenUpAt != nil:
			return given, nil
		case !o.State.Open():
			return given, campus.Errorf(campus.Conflict, "topup_over", "top-up %s is %s", order, o.State)
		}
		if err := t.Write(`update topup_orders set given_up_at = @now, next_look = @now where id = @id`,
			map[string]any{"id": order, "now": t.Now}); err != nil {
			return given, err
		}
		return given, casework.AddAudit(t, req.Actor, "topup.give_up", "topup/"+order.String(), o.University)
	})
	return err
}
