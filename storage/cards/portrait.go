package cards

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// The portrait of a card is the photo that the register has of its holder (D5). It is fetched for the card alone, once
// the card is active: the pictures by which somebody was identified are gone by then (B4). It is kept sealed while the
// card lives, and compared with nothing.

const portraitFolder = "portraits/"

func portraitKey(card uuid.UUID) string { return portraitFolder + card.String() }

// WantPortrait has the portrait of a card fetched.
func WantPortrait(t db.Tx, card uuid.UUID) error {
	return t.Write(`insert into portraits (card_id, next_try) values (@card, @now)`,
		map[string]any{"card": card, "now": t.Now})
}

// ForgetPortrait has the portrait of a card that has ended be gone, in the transaction that ends it.
func ForgetPortrait(t db.Tx, card uuid.UUID) error {
	if err := t.Write(`update portraits set state = 'gone', next_try = null where card_id = @card`,
		map[string]any{"card": card}); err != nil {
		return err
	}
	return db.ForgetKey(t, portraitKey(card))
}

// Sitter is somebody whose portrait is to be fetched, and the card it is for.
type Sitter struct {
	CardID     uuid.UUID
	University string
	Number     string
	Route      campus.Route // which register has it
	Tries      int
}

// ClaimPortraits takes portraits that are due for a while, so that no other worker fetches them too.
func (s *Store) ClaimPortraits(ctx context.Context, limit int, lease time.Duration) ([]Sitter, error) {
	now := s.Now()
	due, err := db.All[Sitter](ctx, s.DB, claimPortraitsSQL, map[string]any{"now": now, "until": now.Add(lease),
		"limit": limit})
	return due, db.Wrap("claim portraits", err)
}

const claimPortraitsSQL = `with due as (
		select card_id from portraits where next_try <= @now order by next_try limit @limit for update skip locked),
	claimed as (
		update portraits set next_try = @until, tries = tries + 1 where card_id in (select card_id from due)
		returning card_id, tries)
	select k.card_id, k.tries, p.university, p.number, a.route
	from claimed k join cards c on c.id = k.card_id join people p on p.id = c.person_id
		join applications a on a.id = c.application_id`

// KeepPortrait keeps the portrait of a card. One whose card has ended meanwhile is forgotten again.
func (s *Store) KeepPortrait(ctx context.Context, card uuid.UUID, content []byte) error {
	key := portraitKey(card)
	if err := s.PutSealed(ctx, key, content); err != nil {
		return err
	}
	return s.InTx(ctx, "keep a portrait", func(t db.Tx) error {
		var state string
		err := t.Ask(`update portraits set state = case state when 'gone' then 'gone' else 'kept' end, next_try = null
			where card_id = @card returning state`, map[string]any{"card": card}).Scan(&state)
		if err != nil || state == "kept" {
			return err
		}
		return db.ForgetKey(t, key)
	})
}

// PortraitLater has the portrait of a card be fetched at another time: there is none, or the register did not say.
func (s *Store) PortraitLater(ctx context.Context, card uuid.UUID, next time.Time) error {
	return s.Read(ctx).Write(`update portraits set next_try = @next where card_id = @card and state = 'wanted'`,
		map[string]any{"card": card, "next": next})
}

// HasPortrait tells whether the portrait of a card is kept.
func HasPortrait(t db.Tx, card uuid.UUID) (kept bool, err error) {
	err = t.Ask(`select exists (select from portraits where card_id = @card and state = 'kept')`,
		map[string]any{"card": card}).Scan(&kept)
	return kept, err
}

// Portrait reads the portrait of a card. NotFound: file_gone.
func (s *Store) Portrait(ctx context.Context, card uuid.UUID) ([]byte, error) {
	key := portraitKey(card)
	return s.GetSealed(ctx, key, "the portrait of card "+card.String())
}
