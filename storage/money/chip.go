package money

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// BindChip has the chip of a plastic that is handed over pay for its card (E1). The one that did before pays no more,
// from the commit on. The same again changes nothing, its count least of all. A card without an account has nothing
// to pay with.
func BindChip(t db.Tx, actor campus.Actor, card uuid.UUID, chip string) error {
	var account uuid.UUID
	var university, last string
	err := t.Ask(`select id, university, chip from accounts where card_id = @card for no key update`,
		map[string]any{"card": card}).Scan(&account, &university, &last)
	if isAbsent(err) || err == nil && last == chip {
		return nil
	}
	if err != nil {
		return err
	}
	words := map[string]any{"account": account, "chip": chip, "now": t.Now}
	for _, write := range []db.Statement{
		`update chips set ended_at = @now where account_id = @account and ended_at is null`,
		`insert into chips (chip, account_id, bound_at) values (@chip, @account, @now)`,
		`update accounts set chip = @chip, chip_counter = 0 where id = @account`,
	} {
		if err := t.Write(write, words); err != nil {
			return err
		}
	}
	return casework.AddAudit(t, actor, "chip.bind", "account/"+account.String(), university)
}

// Chip is a chip that was handed over, as the api knows it. Whether it still pays says the account's row.
type Chip struct {
	Serial     string
	Account    uuid.UUID
	University string
}

// Chip reads whose a chip is. NotFound: chip_unknown, when no plastic with it was handed over.
func (s *Store) Chip(ctx context.Context, serial string) (c Chip, err error) {
	c.Serial = serial
	err = s.Read(ctx).Ask(`select c.account_id, a.university from chips c join accounts a on a.id = c.account_id
		where c.chip = @chip`, map[string]any{"chip": serial}).Scan(&c.Account, &c.University)
	return c, db.Wrap("read a chip", absent(err, "chip_unknown", "no plastic with the chip was handed over"))
}
