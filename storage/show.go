package storage

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/money"
	"campuscard/storage/people"
)

// ShownCode is a code that somebody shows to prove who they are, with the account whose phone has signed it.
type ShownCode struct {
	Code    campus.PhoneCode
	Account uuid.UUID
}

// ShownCard is all that a card proves (D5).
type ShownCard struct {
	Name       string
	State      campus.CardState
	ValidUntil campus.Date
}

// ShowCard uses a code up and tells whose card it stands for (D5). Each look is recorded, also one at a card that has
// ended. Refused: code_used, phone_unbound.
func (s *Store) ShowCard(ctx context.Context, by campus.Actor, shown ShownCode) (found ShownCard, err error) {
	err = s.InTx(ctx, "show a card", func(t db.Tx) error {
		if err := money.UseCode(t, shown.Code); err != nil {
			return err
		}
		account, err := money.ReadAccount(t, shown.Account)
		if err != nil {
			return err
		}
		card, err := cards.ReadCard(t, account.CardID)
		if err != nil {
			return err
		}
		found.State, found.ValidUntil = card.State, account.ValidUntil
		if found.Name, err = people.NameOf(t, account.PersonID); err != nil {
			return err
		}
		return casework.AddAudit(t, by, "card.look", "card/"+account.CardID.String(), account.University)
	})
	return found, err
}
