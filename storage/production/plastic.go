package production

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
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
	Chip        string              `json:"-"` // its serial number, once the bureau has reported it (E1)
	Compartment string              `json:"-"`
	CreatedAt   time.Time           `json:"created_at"`
	ReadyAt     *time.Time          `json:"ready_at,omitempty"`
	PickedUpAt  *time.Time          `json:"picked_up_at,omitempty"`
	PickupCode  []byte              `json:"-"` // sealed
	PickupTries int                 `json:"-"`
	QueuedAt    *time.Time          `json:"-"` // since when it waits for a batch; none: it is ordered by itself
	BatchID     *uuid.UUID          `json:"-"`
	DeliveryID  *uuid.UUID          `json:"-"`
	Rejected    string              `json:"-"` // why the bureau would not make it
	CardState   campus.CardState    `json:"-"` // known of the plastic of a case
}

// Waits tells whether the plastic waits for a batch, so that the bureau does not have it.
func (p Plastic) Waits() bool { return slices.Contains(campus.Waiting(), p.State) && p.OrderID == "" }

// BeginPlastic takes a plastic's case out of the queue and tells the policy it keeps. With n the plastic waits for a
// batch.
func (s *Store) BeginPlastic(ctx context.Context, m campus.Move, n *NewBatch) (begun campus.Begun,
	policyVersion string, plastic Plastic, err error) {
	var found struct {
		Plastic       Plastic `gorm:"embedded"` // gorm passes over what is embedded without a name
		PolicyVersion string
	}
	err = s.Read(ctx).Raw(`select p.*, k.state as card_state, c.policy_version from plastics p join cases c on c.id = p.case_id
		join cards k on k.id = p.card_id where p.case_id = ? order by p.seq desc limit 1`, m.Case.ID).Scan(&found).Error
	if err == nil && found.Plastic.ID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "case %s has no plastic", m.Case.ID)
	}
	if err != nil {
		return begun, "", plastic, db.Wrap("read a plastic", err)
	}
	if n == nil {
		begun, err = s.casework.Begin(ctx, m)
		return begun, found.PolicyVersion, found.Plastic, err
	}
	moved, err := s.QueuePlastic(ctx, m, found.Plastic.ID, *n)
	begun, err = s.casework.Begun(ctx, m.Case, moved, err)
	return begun, found.PolicyVersion, found.Plastic, err
}

// CurrentPlastic returns the newest plastic of a case.
func (s *Store) CurrentPlastic(ctx context.Context, caseID uuid.UUID) (Plastic, error) {
	var plastic Plastic
	err := s.Read(ctx).Raw(`select p.*, k.state as card_state from plastics p join cards k on k.id = p.card_id
		where p.case_id = ? order by p.seq desc limit 1`, caseID).Scan(&plastic).Error
	if err == nil && plastic.ID == uuid.Nil {
		return plastic, campus.Errorf(campus.NotFound, "", "case %s has no plastic", caseID)
	}
	return plastic, db.Wrap("read a plastic", err)
}

// Plastics returns the plastics of a person, newest first.
func (s *Store) Plastics(ctx context.Context, person uuid.UUID) ([]Plastic, error) {
	plastics := []Plastic{}
	err := s.Read(ctx).Raw(`select * from plastics where person_id = ? order by created_at desc, seq desc`,
		person).Scan(&plastics).Error
	return plastics, db.Wrap("list plastics", err)
}

// PickupCode returns the code with which the holder opens the compartment, while the plastic waits there.
func (s *Store) PickupCode(p Plastic) (string, error) {
	if p.State != campus.PlasticReady {
		return "", nil
	}
	code, err := s.Keys.Open(pickupContext(p.ID), p.PickupCode)
	return string(code), err
}

// PromisedOn returns the day the plastic is promised for.
func (p Plastic) PromisedOn() campus.Date { return campus.DateOf(p.PromisedAt.Add(-time.Nanosecond)) }

// NoteOrder keeps the key of an order before it is sent, so that one whose outcome nobody saw can be found again.
func (s *Store) NoteOrder(ctx context.Context, plastic uuid.UUID, key string) error {
	_, err := s.Pool.Exec(ctx, `update plastics set order_key = $2 where id = $1`, plastic, key)
	return db.Wrap("note an order", err)
}

// SaveOrder keeps the number of the bureau's order; the plastic is in production then.
func (s *Store) SaveOrder(ctx context.Context, plastic uuid.UUID, orderID string) error {
	return s.InTx(ctx, "keep an order", func(t db.Tx) error {
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
		return setPlastic(t, p, campus.PlasticInProduction,
			campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "ordered"})
	})
}

// Report is what the bureau says about an order, by call-back or when asked.
type Report struct {
	CallbackID  string // empty when we asked
	BodyHash    []byte
	OrderID     string
	Plastic     uuid.UUID
	Batch       uuid.UUID // it was ordered with; zero when it was ordered by itself
	State       campus.PlasticState
	Reason      string
	Kiosk       string
	Compartment string
	Sequence    int    // of the order's changes; one older than ours is ignored
	Chip        string // its serial number (E1); empty while the bureau does not know it
}

// TakeReport takes what the bureau says about a plastic, and answers the plastic as it was before, with its chip.
// NotFound: a plastic or order we do not know. Conflict: report_not_ordered when the plastic was not ordered, or not
// with that batch; report_contradicts when it cannot have become that, or has another chip; compartment_full when
// another lies there.
func TakeReport(ctx context.Context, t db.Tx, r Report) (Plastic, error) {
	p, b, err := lockReported(t, r)
	if err != nil {
		return p, err
	}
	fresh, err := noteChip(t, &p, r.Chip)
	if err != nil || noNews(p, b, r) || fresh && late(p, r) {
		return p, err
	}
	return p, become(ctx, t, p, r)
}

// noteChip keeps the serial number of a plastic's chip, which never changes, and tells whether it was not known.
// Conflict: report_contradicts.
func noteChip(t db.Tx, p *Plastic, chip string) (fresh bool, err error) {
	switch {
	case chip == "", chip == p.Chip:
		return false, nil
	case p.Chip != "":
		return false, campus.Errorf(campus.Conflict, "report_contradicts", "plastic %s has another chip", p.ID)
	}
	err = t.Exec(`update plastics set chip = ? where id = ?`, chip, p.ID).Error
	if db.Violated(err) == "plastics_chip" {
		return false, campus.Errorf(campus.Conflict, "report_contradicts", "the chip is that of another plastic than %s", p.ID)
	}
	p.Chip = chip
	return true, err
}

// late tells whether a report is of a time before a plastic lay in a kiosk that has done so by now: it came after a
// kiosk's receipt, and was worth taking for the chip that it names.
func late(p Plastic, r Report) bool {
	reached := []campus.PlasticState{campus.PlasticReady, campus.PlasticPickedUp, campus.PlasticReturned}
	before := []campus.PlasticState{campus.PlasticInProduction, campus.PlasticShipped}
	return slices.Contains(reached, p.State) && slices.Contains(before, r.State)
}

// become takes a plastic to the state that is reported, and tells the workflows to look.
func become(ctx context.Context, t db.Tx, p Plastic, r Report) error {
	if p.State == campus.PlasticReady || !p.State.CanBecome(r.State) { // what lies in a kiosk is the card centre's
		return campus.Errorf(campus.Conflict, "report_contradicts", "a plastic that is %s cannot become %s", p.State, r.State)
	}
	if err := t.Exec(`update plastics set order_id = ?, bureau_seq = ? where id = ?`, r.OrderID, r.Sequence,
		p.ID).Error; err != nil {
		return err
	}
	if r.State == campus.PlasticReady {
		if r.Kiosk != p.KioskID {
			return campus.Errorf(campus.Conflict, "report_contradicts", "plastic %s was ordered to another kiosk", p.ID)
		}
		if err := fillCompartment(t, p, r.Compartment); err != nil {
			return err
		}
	}
	change := campus.Change{Actor: campus.Machine(casework.Bureau), Channel: casework.Bureau, Reason: "reported",
		Text: r.Reason}
	if err := setPlastic(t, p, r.State, change); err != nil {
		return err
	}
	if p.BatchID != nil {
		if err := settleBatch(ctx, t, *p.BatchID, p.State != campus.PlasticShipped); err != nil {
			return err
		}
	}
	return casework.EnqueueSignal(ctx, t, campus.CaseRef{Kind: campus.PlasticCase, ID: p.CaseID}, campus.FactsChanged)
}

// lockReported locks the plastic a report is about, and its batch. Only what was ordered can be reported on.
func lockReported(t db.Tx, r Report) (Plastic, Batch, error) {
	p, err := lockPlastic(t, r.Plastic)
	if err != nil {
		return p, Batch{}, err
	}
	var b Batch
	if p.BatchID != nil {
		if b, err = findBatch(t, lockedBatch, *p.BatchID); err != nil {
			return p, b, err
		}
	}
	switch {
	case p.OrderID != "" && p.OrderID != r.OrderID:
		return p, b, campus.Errorf(campus.NotFound, "", "no order of that number for plastic %s", p.ID)
	case r.Batch != b.ID, p.OrderKey == "" && p.OrderID == "":
		return p, b, campus.Errorf(campus.Conflict, "report_not_ordered", "plastic %s was not ordered like that", p.ID)
	}
	return p, b, nil
}

// noNews tells whether a report says nothing new: an older one, what is known, the beginning of what has ended well,
// the end of what we are taking back ourselves, or that work has begun on a card that only has to be brought.
func noNews(p Plastic, b Batch, r Report) bool {
	switch {
	case r.Sequence <= p.BureauSeq, r.State == p.State:
		return true
	case r.State == campus.PlasticReady:
		return p.State == campus.PlasticPickedUp || p.State == campus.PlasticReturned
	case r.State == campus.PlasticCancelled:
		return b.Cancelling
	}
	return r.State == campus.PlasticInProduction && p.State == campus.PlasticResent
}

// fillCompartment notes where the plastic lies and makes the code that opens it. Conflict: compartment_full. Those who
// fill compartments of one kiosk take turns.
func fillCompartment(t db.Tx, p Plastic, compartment string) error {
	if err := t.Exec(`select 1 from kiosks where id = ? for no key update`, p.KioskID).Error; err != nil {
		return err
	}
	var full bool
	if err := t.Raw(`select exists (select 1 from plastics where kiosk_id = ? and compartment = ? and state = 'ready' and id <> ?)`,
		p.KioskID, compartment, p.ID).Row().Scan(&full); err != nil {
		return err
	}
	if full {
		return campus.Errorf(campus.Conflict, "compartment_full", "compartment %s of %s is taken", compartment, p.KioskID)
	}
	if err := t.Exec(`update plastics set compartment = ?, ready_at = ? where id = ?`, compartment, t.Now,
		p.ID).Error; err != nil {
		return err
	}
	_, err := newPickupCode(t, p)
	return err
}

// RemakePlastic orders another plastic in the place of a spoilt one, with the move it causes.
func (s *Store) RemakePlastic(ctx context.Context, m campus.Move, id uuid.UUID) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error { return remake(t, m.Case.ID, id) })
}

// RemakeInBatch lets another plastic wait for a batch in the place of a spoilt one, with the move it causes.
func (s *Store) RemakeInBatch(ctx context.Context, m campus.Move, id uuid.UUID, n NewBatch) (campus.Moved, error) {
	moved, err := s.casework.Move(ctx, m, func(t db.Tx) error {
		if err := remake(t, m.Case.ID, id); err != nil {
			return err
		}
		return queuePlastic(t, id)
	})
	if err != nil {
		return moved, err
	}
	return moved, s.openFullBatch(ctx, n)
}

func remake(t db.Tx, caseID, id uuid.UUID) error {
	if err := t.Exec(`insert into plastics (id, case_id, card_id, person_id, university, kiosk_id, seq, state, promised_at, created_at)
		select ?, case_id, card_id, person_id, university, kiosk_id, seq + 1, ?, promised_at, ?
		from plastics where case_id = ? order by seq desc limit 1`, id, campus.PlasticOrdered, t.Now, caseID).Error; err != nil {
		return err
	}
	return addPlasticChange(t, id, "", campus.PlasticOrdered,
		campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "made_again"})
}

// EndPlastic takes a plastic that nobody will pick up to its last state, with the move that closes the case.
// A plastic that has ended already stays as it is. Conflict: picked_up_meanwhile.
func (s *Store) EndPlastic(ctx context.Context, m campus.Move, id uuid.UUID, state campus.PlasticState,
	change campus.Change) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		p, err := lockPlastic(t, id)
		if err != nil {
			return err
		}
		if p.State == campus.PlasticPickedUp {
			return campus.Errorf(campus.Conflict, "picked_up_meanwhile", "plastic %s has been picked up", id)
		}
		if p.State.Terminal() || p.State == state {
			return nil
		}
		if !p.State.CanBecome(state) {
			state = campus.PlasticCancelled
		}
		return setPlastic(t, p, state, change)
	})
}

func lockPlastic(t db.Tx, id uuid.UUID) (Plastic, error) {
	var p Plastic
	err := t.Raw(`select * from plastics where id = ? for update`, id).Scan(&p).Error
	if err == nil && p.ID == uuid.Nil {
		return p, campus.Errorf(campus.NotFound, "", "no plastic %s", id)
	}
	return p, err
}

func setPlastic(t db.Tx, p Plastic, next campus.PlasticState, change campus.Change) error {
	if err := t.Exec(`update plastics set state = ? where id = ?`, next, p.ID).Error; err != nil {
		return err
	}
	return addPlasticChange(t, p.ID, p.State, next, change)
}

func addPlasticChange(t db.Tx, id uuid.UUID, from, to campus.PlasticState, c campus.Change) error {
	return t.Write(`insert into plastic_changes (plastic_id, from_state, to_state, actor, channel, reason, text, at)
		values (@id, @from, @to, @actor, @channel, @reason, @text, @now)`, map[string]any{
		"id": id, "from": from, "to": to, "actor": c.Actor.String(), "channel": c.Channel, "reason": c.Reason, "text": c.Text,
		"now": t.Now,
	})
}

// BodyHash returns the hash a call-back is remembered by.
func BodyHash(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:]
}
