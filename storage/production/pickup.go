package production

import (
	"context"
	"crypto/hmac"
	"errors"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Pickup is what a kiosk sends: the code typed, and the document it has read.
type Pickup struct {
	Kiosk          string
	Code           string
	DocumentNumber string
	Tries          func(university string) int // wrong ones in a row before the code is locked
}

// Opened tells a kiosk which compartment to open.
type Opened struct {
	Plastic     uuid.UUID `json:"plastic"`
	Compartment string    `json:"compartment"`
}

// CountPickup counts a try under a code and answers its number; none when no code of that kind waits. It is counted
// before it is checked, so that documents cannot be tried out, not even many at once.
func (s *Store) CountPickup(ctx context.Context, p Pickup) (try int, err error) {
	return try, s.InTx(ctx, "count a pickup", func(t db.Tx) error {
		return t.Raw(`update plastics set pickup_tries = pickup_tries + 1 where kiosk_id = ? and pickup_code_hash = ? and state = 'ready'
			returning pickup_tries`, p.Kiosk, t.Keys.Keyed("pickup/"+p.Kiosk, p.Code)).Scan(&try).Error
	})
}

// PickUp hands a plastic to its holder at a try that was counted, and answers it as it waited. Refused: pickup_code,
// pickup_card_over, pickup_locked, pickup_document.
func PickUp(ctx context.Context, t db.Tx, p Pickup, try int) (Plastic, error) {
	plastic, err := findPickup(t, p)
	if err != nil {
		return plastic, err
	}
	if err := cardIsOver(t, plastic); err != nil { // D4: also before the plastic's case knows
		return plastic, err
	}
	if try == 0 { // it came to wait here a moment after the count
		return plastic, campus.Errorf(campus.Refused, "pickup_code", "no card waits here under this code")
	}
	if try > p.Tries(plastic.University) { // its own number, so that of many at once the first ones are looked at
		return plastic, campus.Errorf(campus.Refused, "pickup_locked", "too many wrong documents for this code")
	}
	var kind campus.DocumentType
	var hash []byte
	holder := t.Raw(`select document_type, document_hash from people where id = ?`, plastic.PersonID)
	if err := holder.Row().Scan(&kind, &hash); err != nil {
		return plastic, err
	}
	if !hmac.Equal(hash, t.Keys.Document(kind, p.DocumentNumber)) {
		return plastic, campus.Errorf(campus.Refused, "pickup_document", "the document is not the holder's")
	}
	return plastic, handOver(ctx, t, plastic, campus.Machine(p.Kiosk))
}

func findPickup(t db.Tx, p Pickup) (Plastic, error) {
	var plastic Plastic
	err := t.Raw(`select * from plastics where kiosk_id = ? and pickup_code_hash = ? and state = 'ready' for update`,
		p.Kiosk, t.Keys.Keyed("pickup/"+p.Kiosk, p.Code)).Scan(&plastic).Error
	if err == nil && plastic.ID == uuid.Nil {
		err = noPickup(t, p)
	}
	return plastic, err
}

// noPickup returns why nothing waits at a kiosk under a code. Somebody who knows the code of a card that has ended is
// told so: it says nothing about whose card it was, and a code of eight digits is not guessed. Refused: pickup_code,
// pickup_card_over.
func noPickup(t db.Tx, p Pickup) error {
	var ended Plastic
	err := t.Raw(`select * from plastics where kiosk_id = ? and pickup_code_hash = ? and pickup_code is null limit 1`,
		p.Kiosk, t.Keys.Keyed("pickup/"+p.Kiosk, p.Code)).Scan(&ended).Error
	if err == nil && ended.ID != uuid.Nil {
		err = cardIsOver(t, ended)
	}
	if err != nil {
		return err
	}
	return campus.Errorf(campus.Refused, "pickup_code", "no card waits here under this code")
}

func handOver(ctx context.Context, t db.Tx, p Plastic, actor campus.Actor) error {
	if err := t.Exec(`update plastics set picked_up_at = ?, pickup_code = null, pickup_code_hash = null where id = ?`,
		t.Now, p.ID).Error; err != nil {
		return err
	}
	change := campus.Change{Actor: actor, Channel: "kiosk", Reason: "picked_up"}
	if err := setPlastic(t, p, campus.PlasticPickedUp, change); err != nil {
		return err
	}
	if err := casework.AddAudit(t, actor, "plastic.pick_up", "plastic/"+p.ID.String(), p.University); err != nil {
		return err
	}
	return casework.EnqueueSignal(ctx, t, campus.CaseRef{Kind: campus.PlasticCase, ID: p.CaseID}, campus.FactsChanged)
}

// pickupContext binds a sealed code to its plastic.
func pickupContext(plastic uuid.UUID) string { return "plastics.pickup_code/" + plastic.String() }

// newPickupCode gives a plastic another code, with all tries before it.
func newPickupCode(t db.Tx, p Plastic) (string, error) {
	for range 20 { // codes are unique among those that wait at one kiosk
		code := db.Digits(campus.LongCodeDigits)
		hash := t.Keys.Keyed("pickup/"+p.KioskID, code)
		var taken bool
		if err := t.Raw(`select exists (select 1 from plastics where kiosk_id = ? and pickup_code_hash = ? and state = 'ready')`,
			p.KioskID, hash).Row().Scan(&taken); err != nil {
			return "", err
		}
		if taken {
			continue
		}
		return code, t.Exec(`update plastics set pickup_code = ?, pickup_code_hash = ?, pickup_tries = 0 where id = ?`,
			t.Keys.Seal(pickupContext(p.ID), []byte(code)), hash, p.ID).Error
	}
	return "", errors.New("make a pickup code: every code tried is in use")
}

// AnnouncePickup queues the message that tells the holder the kiosk and the code, with the move it belongs to.
func (s *Store) AnnouncePickup(ctx context.Context, m campus.Move, id uuid.UUID) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		p, err := lockPlastic(t, id)
		if err != nil || p.State != campus.PlasticReady {
			return err
		}
		code, err := s.PickupCode(p)
		if err != nil {
			return err
		}
		return tellPickup(t, p, code)
	})
}

func tellPickup(t db.Tx, p Plastic, code string) error {
	var zh, en string
	if err := t.Raw(`select name_zh, name_en from kiosks where id = ?`, p.KioskID).Row().Scan(&zh, &en); err != nil {
		return err
	}
	notice := campus.Notice{Template: "notice.ready_for_pickup",
		Params: map[string]string{"code": code, "kiosk_zh": zh, "kiosk_en": en}}
	return casework.QueueNotice(t, p.PersonID, &p.CaseID, notice, nil)
}

// RenewPickupCode gives the holder of a plastic that waits another code, after the card centre has seen person and
// document: the way out when the old code is locked or lost (D3).
func (s *Store) RenewPickupCode(ctx context.Context, req casework.Request, who campus.StaffMember,
	caseID uuid.UUID) (Plastic, error) {
	return casework.Once(ctx, s.casework, "renew a pickup code", req,
		func(t db.Tx) (Plastic, error) { return RenewPickupCode(t, who, caseID) })
}

// RenewPickupCode is the method of that name within a transaction.
func RenewPickupCode(t db.Tx, who campus.StaffMember, caseID uuid.UUID) (Plastic, error) {
	var p Plastic
	err := t.Raw(`select * from plastics where case_id = ? order by seq desc limit 1 for update`, caseID).Scan(&p).Error
	switch {
	case err != nil:
		return p, err
	case p.ID == uuid.Nil:
		return p, campus.Errorf(campus.NotFound, "", "case %s has no plastic", caseID)
	case p.State != campus.PlasticReady:
		return p, campus.Errorf(campus.Conflict, "plastic_not_waiting", "a plastic that is %s has no pickup code", p.State)
	}
	if err := cardIsOver(t, p); err != nil {
		return p, err
	}
	code, err := newPickupCode(t, p)
	if err != nil {
		return p, err
	}
	if err := tellPickup(t, p, code); err != nil {
		return p, err
	}
	event := campus.Event{Kind: "pickup_code_renewed", Actor: campus.Staff(who.ID), Public: true}
	if err := casework.AddEvent(t, caseID, event, uuid.Nil); err != nil {
		return p, err
	}
	return p, casework.AddAudit(t, campus.Staff(who.ID), "plastic.renew_code", "plastic/"+p.ID.String(), p.University)
}

// cardIsOver refuses a plastic whose card has ended. Refused: pickup_card_over.
func cardIsOver(t db.Tx, p Plastic) error {
	var state campus.CardState
	if err := t.Raw(`select state from cards where id = ?`, p.CardID).Row().Scan(&state); err != nil {
		return err
	}
	if state.Terminal() {
		return campus.Errorf(campus.Refused, "pickup_card_over", "the card of plastic %s is %s", p.ID, state)
	}
	return nil
}
