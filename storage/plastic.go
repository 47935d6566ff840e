package storage

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Plastic is one physical card.
type Plastic struct {
	ID          uuid.UUID           `json:"id"`
	CaseID      uuid.UUID           `json:"case_id"`
	CardID      uuid.UUID           `json:"card_id"`
	PersonID    uuid.UUID           `json:"-"`
	University  string              `json:"-"`
	KioskID     string              `json:"kiosk"`
	Seq         int                 `json:"made"`
	State       campus.PlasticState `json:"state"`
	PromisedAt  time.Time           `json:"-"` // D2: it waits at the kiosk before this
	OrderKey    string              `json:"-"`
	OrderID     string              `json:"-"`
	BureauSeq   int                 `json:"-"`
	Compartment string              `json:"-"`
	CreatedAt   time.Time           `json:"created_at"`
	ReadyAt     *time.Time          `json:"ready_at,omitempty"`
	PickedUpAt  *time.Time          `json:"picked_up_at,omitempty"`
	PickupCode  []byte              `json:"-"` // sealed
	PickupTries int                 `json:"-"`
}

// BeginPlastic takes a plastic's case out of the queue and tells the policy it keeps.
func (s *Store) BeginPlastic(ctx context.Context, m campus.Move) (policyVersion string, plastic Plastic, err error) {
	if err := s.move(ctx, m, nil); err != nil {
		return "", plastic, err
	}
	if err := s.read(ctx).Raw(`select policy_version from cases where id = ?`, m.Case.ID).Row().Scan(&policyVersion); err != nil {
		return "", plastic, wrap("read a case", err)
	}
	plastic, err = s.CurrentPlastic(ctx, m.Case.ID)
	return policyVersion, plastic, err
}

// CurrentPlastic is the newest plastic of a case.
func (s *Store) CurrentPlastic(ctx context.Context, caseID uuid.UUID) (Plastic, error) {
	var plastic Plastic
	err := s.read(ctx).Raw(`select * from plastics where case_id = ? order by seq desc limit 1`, caseID).Scan(&plastic).Error
	if err == nil && plastic.ID == uuid.Nil {
		return plastic, campus.Errorf(campus.NotFound, "", "case %s has no plastic", caseID)
	}
	return plastic, wrap("read a plastic", err)
}

// Plastics are the plastics of a person, newest first.
func (s *Store) Plastics(ctx context.Context, person uuid.UUID) ([]Plastic, error) {
	plastics := []Plastic{}
	err := s.read(ctx).Raw(`select * from plastics where person_id = ? order by created_at desc, seq desc`, person).Scan(&plastics).Error
	return plastics, wrap("list plastics", err)
}

// PickupCode is the code with which the holder opens the compartment, while the plastic waits there.
func (s *Store) PickupCode(p Plastic) (string, error) {
	if p.State != campus.PlasticReady {
		return "", nil
	}
	code, err := s.keys.open(pickupContext(p.ID), p.PickupCode)
	return string(code), err
}

// PromisedOn is the day the plastic is promised for.
func (p Plastic) PromisedOn() campus.Date { return campus.DateOf(p.PromisedAt.Add(-time.Nanosecond)) }

// NoteOrder keeps the key of an order before it is sent, so that one whose outcome nobody saw can be found again.
func (s *Store) NoteOrder(ctx context.Context, plastic uuid.UUID, key string) error {
	_, err := s.pool.Exec(ctx, `update plastics set order_key = $2 where id = $1`, plastic, key)
	return wrap("note an order", err)
}

// SaveOrder keeps the number of the bureau's order; the plastic is in production then.
func (s *Store) SaveOrder(ctx context.Context, plastic uuid.UUID, orderID string) error {
	return s.inTx(ctx, "keep an order", func(t tx) error {
		p, err := lockPlastic(t, plastic)
		if err != nil {
			return err
		}
		if err := t.Exec(`update plastics set order_id = ? where id = ?`, orderID, plastic).Error; err != nil {
			return err
		}
		if p.State != campus.PlasticOrdered {
			return nil
		}
		return setPlastic(t, p, campus.PlasticInProduction, campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "ordered"})
	})
}

// Report is what the bureau says about an order, by call-back or when asked.
type Report struct {
	CallbackID  string // empty when we asked
	BodyHash    []byte
	OrderID     string
	Plastic     uuid.UUID
	State       campus.PlasticState
	Reason      string
	Kiosk       string
	Compartment string
	Sequence    int // of the order's changes; an older one than we have is no news
}

// TakeReport takes what the bureau says, and tells the workflow to look, in one transaction (design 4.5).
// NotFound: a plastic or order we do not know. Conflict: callback_replayed when its id has been taken before,
// report_contradicts when the plastic cannot have become that.
func (s *Store) TakeReport(ctx context.Context, r Report) error {
	return s.inTx(ctx, "take a production report", func(t tx) error {
		p, err := lockPlastic(t, r.Plastic)
		if err != nil {
			return err
		}
		if p.OrderID != "" && p.OrderID != r.OrderID {
			return campus.Errorf(campus.NotFound, "", "no order of that number for plastic %s", p.ID)
		}
		if err := takeCallback(t, r); err != nil {
			return err
		}
		if r.Sequence <= p.BureauSeq || r.State == p.State {
			return nil
		}
		if !p.State.CanBecome(r.State) {
			return campus.Errorf(campus.Conflict, "report_contradicts", "a plastic that is %s cannot become %s", p.State, r.State)
		}
		if err := t.Exec(`update plastics set order_id = ?, bureau_seq = ? where id = ?`, r.OrderID, r.Sequence, p.ID).Error; err != nil {
			return err
		}
		if r.State == campus.PlasticReady {
			if err := fillCompartment(t, p, r); err != nil {
				return err
			}
		}
		change := campus.Change{Actor: campus.Machine("bureau"), Channel: "bureau", Reason: "reported", Text: r.Reason}
		if err := setPlastic(t, p, r.State, change); err != nil {
			return err
		}
		return enqueueSignal(ctx, t, campus.CaseRef{Kind: campus.PlasticCase, ID: p.CaseID}, campus.FactsChanged)
	})
}

func takeCallback(t tx, r Report) error {
	if r.CallbackID == "" {
		return nil
	}
	err := t.Exec(`insert into callbacks (id, system, body_hash, received_at) values (?, 'bureau', ?, ?)`,
		r.CallbackID, r.BodyHash, t.now).Error
	if violated(err) == "callbacks_pkey" {
		return campus.Errorf(campus.Conflict, "callback_replayed", "this call-back has been taken before")
	}
	return err
}

// fillCompartment notes where the plastic lies and makes the code that opens it.
func fillCompartment(t tx, p Plastic, r Report) error {
	if r.Kiosk != p.KioskID {
		return campus.Errorf(campus.Conflict, "report_contradicts", "plastic %s was ordered to another kiosk", p.ID)
	}
	if err := t.Exec(`update plastics set compartment = ?, ready_at = ? where id = ?`, r.Compartment, t.now, p.ID).Error; err != nil {
		return err
	}
	_, err := newPickupCode(t, p)
	return err
}

// newPickupCode gives a plastic another code, with all tries before it.
func newPickupCode(t tx, p Plastic) (string, error) {
	for range 20 { // codes are unique among those that wait at one kiosk
		n, err := rand.Int(rand.Reader, big.NewInt(1e8))
		if err != nil {
			return "", fmt.Errorf("make a pickup code: %w", err)
		}
		code := fmt.Sprintf("%08d", n)
		hash := t.keys.keyed("pickup/"+p.KioskID, code)
		var taken bool
		if err := t.Raw(`select exists (select 1 from plastics where kiosk_id = ? and pickup_code_hash = ? and state = 'ready')`,
			p.KioskID, hash).Row().Scan(&taken); err != nil {
			return "", err
		}
		if taken {
			continue
		}
		return code, t.Exec(`update plastics set pickup_code = ?, pickup_code_hash = ?, pickup_tries = 0 where id = ?`,
			t.keys.seal(pickupContext(p.ID), []byte(code)), hash, p.ID).Error
	}
	return "", errors.New("make a pickup code: every code tried is in use")
}

// RemakePlastic orders another plastic in the place of a spoilt one, with the move it causes.
func (s *Store) RemakePlastic(ctx context.Context, m campus.Move, id uuid.UUID) error {
	return s.move(ctx, m, func(t tx) error {
		if err := t.Exec(`insert into plastics (id, case_id, card_id, person_id, university, kiosk_id, seq, state, promised_at, created_at)
			select ?, case_id, card_id, person_id, university, kiosk_id, seq + 1, ?, promised_at, ?
			from plastics where case_id = ? order by seq desc limit 1`, id, campus.PlasticOrdered, t.now, m.Case.ID).Error; err != nil {
			return err
		}
		return addPlasticChange(t, id, "", campus.PlasticOrdered,
			campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "made_again"})
	})
}

// EndPlastic takes a plastic that nobody will pick up to its last state, with the move that closes the case.
// A plastic that has ended already stays as it is. Conflict: picked_up_meanwhile.
func (s *Store) EndPlastic(ctx context.Context, m campus.Move, id uuid.UUID, state campus.PlasticState, change campus.Change) error {
	return s.move(ctx, m, func(t tx) error {
		p, err := lockPlastic(t, id)
		if err != nil {
			return err
		}
		if p.State == campus.PlasticPickedUp {
			return campus.Errorf(campus.Conflict, "picked_up_meanwhile", "plastic %s has been picked up", id)
		}
		if p.State.Terminal() {
			return nil
		}
		if !p.State.CanBecome(state) {
			state = campus.PlasticCancelled
		}
		return setPlastic(t, p, state, change)
	})
}

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

// PickUp hands a plastic to its holder, at once and whether or not Temporal runs (D3). Every try under a code that
// waits here is counted before it is checked, so that documents cannot be tried out, not even many at once.
// Refused: pickup_code, pickup_locked, pickup_document.
func (s *Store) PickUp(ctx context.Context, req Request, p Pickup) (Opened, error) {
	var try int // none when no code of that kind waits
	if err := s.inTx(ctx, "count a pickup", func(t tx) error {
		return t.Raw(`update plastics set pickup_tries = pickup_tries + 1 where kiosk_id = ? and pickup_code_hash = ? and state = 'ready'
			returning pickup_tries`, p.Kiosk, t.keys.keyed("pickup/"+p.Kiosk, p.Code)).Scan(&try).Error
	}); err != nil {
		return Opened{}, err
	}
	return once(ctx, s, "pick up a plastic", req, func(t tx) (Opened, error) {
		plastic, err := findPickup(t, p)
		if err != nil {
			return Opened{}, err
		}
		if try == 0 { // it came to wait here a moment after the count
			return Opened{}, campus.Errorf(campus.Refused, "pickup_code", "no card waits here under this code")
		}
		if try > p.Tries(plastic.University) { // its own number, so that of many at once the first ones are looked at
			return Opened{}, campus.Errorf(campus.Refused, "pickup_locked", "too many wrong documents for this code")
		}
		var hash []byte
		if err := t.Raw(`select document_hash from people where id = ?`, plastic.PersonID).Row().Scan(&hash); err != nil {
			return Opened{}, err
		}
		if !hmac.Equal(hash, t.keys.document(p.DocumentNumber)) {
			return Opened{}, campus.Errorf(campus.Refused, "pickup_document", "the document is not the holder's")
		}
		return handOver(ctx, t, plastic, campus.Machine(p.Kiosk))
	})
}

func findPickup(t tx, p Pickup) (Plastic, error) {
	var plastic Plastic
	err := t.Raw(`select * from plastics where kiosk_id = ? and pickup_code_hash = ? and state = 'ready' for update`,
		p.Kiosk, t.keys.keyed("pickup/"+p.Kiosk, p.Code)).Scan(&plastic).Error
	if err == nil && plastic.ID == uuid.Nil {
		return plastic, campus.Errorf(campus.Refused, "pickup_code", "no card waits here under this code")
	}
	return plastic, err
}

func handOver(ctx context.Context, t tx, p Plastic, actor campus.Actor) (Opened, error) {
	if err := t.Exec(`update plastics set picked_up_at = ?, pickup_code = null, pickup_code_hash = null where id = ?`, t.now, p.ID).Error; err != nil {
		return Opened{}, err
	}
	change := campus.Change{Actor: actor, Channel: "kiosk", Reason: "picked_up"}
	if err := setPlastic(t, p, campus.PlasticPickedUp, change); err != nil {
		return Opened{}, err
	}
	if err := addAudit(t, actor, "plastic.pick_up", "plastic/"+p.ID.String(), p.University); err != nil {
		return Opened{}, err
	}
	ref := campus.CaseRef{Kind: campus.PlasticCase, ID: p.CaseID}
	return Opened{Plastic: p.ID, Compartment: p.Compartment}, enqueueSignal(ctx, t, ref, campus.FactsChanged)
}

// pickupContext binds a sealed code to its plastic.
func pickupContext(plastic uuid.UUID) string { return "plastics.pickup_code/" + plastic.String() }

func lockPlastic(t tx, id uuid.UUID) (Plastic, error) {
	var p Plastic
	err := t.Raw(`select * from plastics where id = ? for update`, id).Scan(&p).Error
	if err == nil && p.ID == uuid.Nil {
		return p, campus.Errorf(campus.NotFound, "", "no plastic %s", id)
	}
	return p, err
}

func setPlastic(t tx, p Plastic, next campus.PlasticState, change campus.Change) error {
	if err := t.Exec(`update plastics set state = ? where id = ?`, next, p.ID).Error; err != nil {
		return err
	}
	return addPlasticChange(t, p.ID, p.State, next, change)
}

func addPlasticChange(t tx, id uuid.UUID, from, to campus.PlasticState, c campus.Change) error {
	return t.Exec(`insert into plastic_changes (plastic_id, from_state, to_state, actor, channel, reason, text, at)
		values (?, ?, ?, ?, ?, ?, ?, ?)`, id, from, to, c.Actor.String(), c.Channel, c.Reason, c.Text, t.now).Error
}

// BodyHash is the hash a call-back is remembered by.
func BodyHash(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:]
}

// AnnouncePickup queues the message that tells the holder the kiosk and the code, with the move it belongs to.
func (s *Store) AnnouncePickup(ctx context.Context, m campus.Move, id uuid.UUID) error {
	return s.move(ctx, m, func(t tx) error {
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

func tellPickup(t tx, p Plastic, code string) error {
	var zh, en string
	if err := t.Raw(`select name_zh, name_en from kiosks where id = ?`, p.KioskID).Row().Scan(&zh, &en); err != nil {
		return err
	}
	notice := campus.Notice{Template: "notice.ready_for_pickup",
		Params: map[string]string{"code": code, "kiosk_zh": zh, "kiosk_en": en}}
	return queueNotice(t, p.PersonID, &p.CaseID, notice, nil)
}

// RenewPickupCode gives the holder of a plastic that waits another code, after the card centre has seen person and
// document: the way out when the old code is locked or lost (D3).
func (s *Store) RenewPickupCode(ctx context.Context, req Request, who campus.StaffMember, caseID uuid.UUID) (Plastic, error) {
	return once(ctx, s, "renew a pickup code", req, func(t tx) (Plastic, error) { return renewPickupCode(t, who, caseID) })
}

func renewPickupCode(t tx, who campus.StaffMember, caseID uuid.UUID) (Plastic, error) {
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
	code, err := newPickupCode(t, p)
	if err != nil {
		return p, err
	}
	if err := tellPickup(t, p, code); err != nil {
		return p, err
	}
	event := campus.Event{Kind: "pickup_code_renewed", Actor: campus.Staff(who.ID), Public: true}
	if err := addEvent(t, caseID, event, uuid.Nil); err != nil {
		return p, err
	}
	return p, addAudit(t, campus.Staff(who.ID), "plastic.renew_code", "plastic/"+p.ID.String(), p.University)
}
