package production

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// ReturnPlastic notes that a plastic nobody came for goes back to the card centre, with the move that says so. Its code
// is of no use any more. Conflict: picked_up_meanwhile, plastic_not_there.
func (s *Store) ReturnPlastic(ctx context.Context, m campus.Move, id uuid.UUID) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		p, err := lockPlastic(t, id)
		switch {
		case err != nil:
			return err
		case p.State == campus.PlasticPickedUp:
			return campus.Errorf(campus.Conflict, "picked_up_meanwhile", "plastic %s has been picked up", id)
		case p.State != campus.PlasticReady:
			return campus.Errorf(campus.Conflict, "plastic_not_there", "a plastic that is %s does not come back from a kiosk",
				p.State)
		}
		if err := dropCode(t, id); err != nil {
			return err
		}
		return setPlastic(t, p, campus.PlasticReturned,
			campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "not_picked_up"})
	})
}

// dropCode takes the pickup code of a plastic away, and the compartment it opened.
func dropCode(t db.Tx, id uuid.UUID) error {
	return t.Exec(`update plastics set compartment = '', pickup_code = null, pickup_code_hash = null where id = ?`,
		id).Error
}

// Resend is where a student wants a returned card brought to.
type Resend struct {
	Kiosk string `json:"kiosk"`
}

// Resending is a returned plastic that goes to a kiosk once more.
type Resending struct {
	Plastic  uuid.UUID
	Promised time.Time // the end of the day it is promised for now (D2)
	By       campus.Actor
	Batch    NewBatch // what a batch would be opened with, when enough wait
}

// ResendPlastic lets a returned plastic wait for a batch that brings it to the kiosk of the move's decision.
// Conflict: plastic_not_there, and those of ResentPlastic. Refused: pickup_card_over. Invalid: kiosk_unknown.
func (s *Store) ResendPlastic(ctx context.Context, m campus.Move, r Resending) (campus.Moved, error) {
	channel := "app"
	if r.By.Kind == campus.StaffActor { // L1: at the counter, for a holder who stands there
		channel = "counter"
	}
	moved, err := s.casework.Move(ctx, m, func(t db.Tx) error {
		said, err := casework.ReadDecision[Resend](t, m.Decision.ID)
		if err != nil {
			return err
		}
		p, err := lockPlastic(t, r.Plastic)
		if err != nil {
			return err
		}
		if err := canBeResent(t, p); err != nil {
			return err
		}
		if p.State != campus.PlasticReturned {
			return campus.Errorf(campus.Conflict, "plastic_not_there", "a plastic that is %s is not at the card centre", p.State)
		}
		if err := kioskAtWork(t, p.University, said.Kiosk); err != nil {
			return err
		}
		if err := t.Exec(`update plastics set kiosk_id = ?, promised_at = ?, batch_id = null, delivery_id = null, order_key = '',
			order_id = '', bureau_seq = 0, pickup_tries = 0 where id = ?`, said.Kiosk, r.Promised, p.ID).Error; err != nil {
			return err
		}
		if err := setPlastic(t, p, campus.PlasticResent,
			campus.Change{Actor: r.By, Channel: channel, Reason: "sent_again"}); err != nil {
			return err
		}
		return queuePlastic(t, p.ID)
	})
	if err != nil {
		return moved, err
	}
	return moved, s.openFullBatch(ctx, r.Batch)
}

// ResentPlastic returns the newest plastic of a person's card, which is asked for at a kiosk once more; somebody else's
// card is NotFound. Who has nothing to send again is told why, as with another kiosk. Conflict: plastic_picked_up,
// plastic_on_its_way, plastic_over. Refused: pickup_card_over. Invalid: kiosk_unknown.
func (s *Store) ResentPlastic(ctx context.Context, person, card uuid.UUID, kiosk string) (Plastic, error) {
	t := s.Read(ctx)
	p, err := cardPlastic(t, selectCardPlastic, person, card)
	if err == nil {
		err = canBeResent(t, p)
	}
	if err == nil {
		err = kioskAtWork(t, p.University, kiosk)
	}
	return p, db.Wrap("look at a plastic that is asked for again", err)
}

// canBeResent refuses a plastic that is not sent again, neither now nor, as one that waits for a batch, later.
// Conflict: plastic_picked_up, plastic_on_its_way, plastic_over. Refused: pickup_card_over.
func canBeResent(t db.Tx, p Plastic) error {
	if err := isOver(t, p); err != nil {
		return err
	}
	if p.State != campus.PlasticReturned && !p.choosable() {
		return onItsWay(p)
	}
	return nil
}

func kioskAtWork(t db.Tx, university, kiosk string) error {
	var found bool
	if err := t.Raw(`select exists (select 1 from kiosks where id = ? and university = ? and retired_at is null)`, kiosk,
		university).
		Row().Scan(&found); err != nil {
		return err
	}
	if !found {
		return campus.FieldErrorf("kiosk", "kiosk_unknown", "no kiosk of that name at the university")
	}
	return nil
}

// CardPlastic returns the newest plastic of a person's card; somebody else's card is NotFound.
func (s *Store) CardPlastic(ctx context.Context, person, card uuid.UUID) (Plastic, error) {
	p, err := cardPlastic(s.Read(ctx), selectCardPlastic, person, card)
	return p, db.Wrap("read a plastic", err)
}

// The newest plastic of a card, and the same locked.
const (
	selectCardPlastic = `select * from plastics where card_id = ? and person_id = ? order by created_at desc, seq desc limit 1`
	lockedCardPlastic = selectCardPlastic + ` for update`
)

func cardPlastic(t db.Tx, query db.Statement, person, card uuid.UUID) (Plastic, error) {
	var p Plastic
	err := t.Raw(string(query), card, person).Scan(&p).Error
	if err == nil && p.ID == uuid.Nil {
		return p, campus.Errorf(campus.NotFound, "", "no plastic of card %s", card)
	}
	return p, err
}

// ChooseKiosk has the plastic of a card brought to another kiosk of the university, as long as it is in no batch (D2).
// Conflict: plastic_on_its_way, plastic_picked_up, plastic_returned, plastic_over. Refused: pickup_card_over. Invalid:
// kiosk_unknown.
func (s *Store) ChooseKiosk(ctx context.Context, person, card uuid.UUID, kiosk string) (Plastic, error) {
	var p Plastic
	err := s.InTx(ctx, "choose a kiosk", func(t db.Tx) (err error) {
		p, err = ChooseKiosk(t, campus.Student(person), person, card, kiosk)
		return err
	})
	return p, err
}

// ChooseKiosk is the method of that name within a transaction; by is who asks. Errors are the same.
func ChooseKiosk(t db.Tx, by campus.Actor, person, card uuid.UUID, kiosk string) (Plastic, error) {
	p, err := cardPlastic(t, lockedCardPlastic, person, card)
	if err != nil {
		return p, err
	}
	if err := isStillBrought(t, p); err != nil {
		return p, err
	}
	if err := kioskAtWork(t, p.University, kiosk); err != nil {
		return p, err
	}
	if p.KioskID == kiosk {
		return p, nil
	}
	if !p.choosable() {
		return p, onItsWay(p)
	}
	p.KioskID = kiosk
	if err := t.Exec(`update plastics set kiosk_id = ? where id = ?`, kiosk, p.ID).Error; err != nil {
		return p, err
	}
	event := campus.Event{Kind: "kiosk_chosen", Actor: by, Public: true}
	if err := casework.AddEvent(t, p.CaseID, event, uuid.Nil); err != nil {
		return p, err
	}
	return p, casework.AddAudit(t, by, "plastic.choose_kiosk", "plastic/"+p.ID.String(), p.University)
}

// choosable tells whether a plastic is to be brought and is in no batch yet, so that its kiosk can be chosen.
func (p Plastic) choosable() bool { return p.QueuedAt != nil && p.BatchID == nil && p.Waits() }

func onItsWay(p Plastic) error {
	return campus.Errorf(campus.Conflict, "plastic_on_its_way", "a plastic that is %s goes where it was ordered to",
		p.State)
}

// isStillBrought refuses a plastic that no kiosk is to be chosen for, also the one that it has: nobody is promised a
// day for what is not brought. Conflict: plastic_picked_up, plastic_returned, plastic_over. Refused: pickup_card_over.
func isStillBrought(t db.Tx, p Plastic) error {
	if err := isOver(t, p); err != nil {
		return err
	}
	if p.State == campus.PlasticReturned {
		return campus.Errorf(campus.Conflict, "plastic_returned", "plastic %s has to be sent again", p.ID)
	}
	return nil
}

// isOver refuses a plastic that nobody brings any more. Conflict: plastic_picked_up, plastic_over. Refused:
// pickup_card_over.
func isOver(t db.Tx, p Plastic) error {
	if p.State == campus.PlasticPickedUp {
		return campus.Errorf(campus.Conflict, "plastic_picked_up", "plastic %s is in its holder's hand", p.ID)
	}
	if err := cardIsOver(t, p); err != nil {
		return err
	}
	var closed bool
	if err := t.Raw(`select closed_at is not null from cases where id = ?`, p.CaseID).Row().Scan(&closed); err != nil {
		return err
	}
	if closed || p.State == campus.PlasticCancelled {
		return campus.Errorf(campus.Conflict, "plastic_over", "plastic %s is %s and will not be made or brought", p.ID,
			p.State)
	}
	return nil
}

// ReportPlastic notes that a plastic is not where it should be, or of no use: the card centre has looked. Its code is
// dead from then on, and its workflow has another made. Conflict: plastic_not_there.
func (s *Store) ReportPlastic(ctx context.Context, req casework.Request, who campus.StaffMember, caseID uuid.UUID,
	next campus.PlasticState, note string) (Plastic, error) {
	return casework.Once(ctx, s.casework, "report a plastic", req, func(t db.Tx) (Plastic, error) {
		found, err := lockPlastics(t, selectPlastics+`case_id = ? and seq = (select max(seq) from plastics where case_id = ?)`+lockInOrder, caseID,
			caseID)
		if err != nil {
			return Plastic{}, err
		}
		if len(found) == 0 {
			return Plastic{}, campus.Errorf(campus.NotFound, "", "case %s has no plastic", caseID)
		}
		p := found[0]
		if p.State != campus.PlasticReady && p.State != campus.PlasticShipped && p.State != campus.PlasticResent {
			return p, campus.Errorf(campus.Conflict, "plastic_not_there", "a plastic that is %s cannot be %s", p.State, next)
		}
		by := campus.Staff(who.ID)
		if p.BatchID != nil {
			if _, err := findBatch(t, lockedBatch, *p.BatchID); err != nil {
				return p, err
			}
		}
		if err := dropCode(t, p.ID); err != nil {
			return p, err
		}
		if err := setPlastic(t, p, next,
			campus.Change{Actor: by, Channel: "counter", Reason: "seen", Text: note}); err != nil {
			return p, err
		}
		if p.BatchID != nil {
			if err := settleBatch(ctx, t, *p.BatchID, false); err != nil {
				return p, err
			}
		}
		if err := nudge(ctx, t, campus.PlasticCase, []uuid.UUID{p.CaseID}); err != nil {
			return p, err
		}
		p.State = next
		return p, casework.AddAudit(t, by, "plastic.report_"+string(next), "plastic/"+p.ID.String(), p.University)
	})
}
