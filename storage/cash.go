package storage

import (
	"context"
	"strconv"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/money"
	"campuscard/storage/people"
)

// CashTaken is cash that was put on a card, with the act whose receipt the payer gets.
type CashTaken struct {
	people.CounterAct
	money.Cash
}

// TakeCashAtCounter puts cash on the card of a person whom the member serves (L1): anybody may bring it, so nobody is
// verified. Errors are those of money.TakeCash. NotFound: person_unknown.
func (s *Store) TakeCashAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	c money.CashTaking) (CashTaken, error) {
	return money.OnceForPerson(ctx, s.Money, c.Person, "take cash", req, func(t db.Tx) (taken CashTaken, err error) {
		drawer, err := money.LockDrawer(t, who, c.Drawer)
		if err != nil {
			return taken, err
		}
		act := people.NewCounterAct{Kind: campus.CashAct, Person: c.Person, Detail: strconv.FormatInt(c.Cents, 10),
			Drawer: drawer.ID, Campus: drawer.Campus} // the receipt says where the cash was put
		if taken.CounterAct, err = people.ActNow(t, req.ID, who, act); err != nil {
			return taken, err
		}
		taken.Cash, err = money.TakeCash(t, who, req.ID, c)
		return taken, err
	})
}
