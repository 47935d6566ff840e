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
	Card     uuid.UUID
	Name     string
	State    campus.CardState
	Valid    bool // active, not held, not past its last day
	Portrait bool // one is kept: Cards.Portrait
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
		found.State, found.Valid = stateShown(card.State, account.Silent(campus.DateOf(t.Now)))
		if found.Name, err = people.NameOf(t, account.PersonID); err != nil {
			return err
		}
		if found.Portrait, err = cards.HasPortrait(t, account.CardID); err != nil {
			return err
		}
		found.Card = account.CardID
		return casework.AddAudit(t, by, "card.look", "card/"+account.CardID.String(), account.University)
	})
	return found, err
}

// stateShown is the state of a card with what holds its account: a card that is frozen or reported lost at the account
// is so to everybody from that instant (F1).
func stateShown(card campus.CardState, silent campus.PaymentOutcome) (state campus.CardState, valid bool) {
	switch {
	case card == campus.CardActive && silent == campus.CardIsFrozen:
		return campus.CardFrozen, false
	case card == campus.CardActive && silent == campus.CardIsLost:
		return campus.CardLost, false
	}
	held := silent != "" && silent != campus.AccountChecked // a balance that is being checked says nothing about who it is
	return card, !held && (card == campus.CardActive || card == campus.CardAlumni)
}
