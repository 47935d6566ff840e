package production

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

// KioskDelivery is what the courier brings to one kiosk.
type KioskDelivery struct {
	ID          uuid.UUID            `json:"id"`
	BatchID     uuid.UUID            `json:"batch"`
	University  string               `json:"-"`
	KioskID     string               `json:"kiosk"`
	Number      string               `json:"number"` // the bureau's
	State       campus.DeliveryState `json:"state"`
	ShippedAt   time.Time            `json:"shipped_at"`
	Expected    int                  `json:"expected"`
	Received    int                  `json:"received"`
	Missing     int                  `json:"missing"`
	Damaged     int                  `json:"damaged"`
	ReceivedAt  *time.Time           `json:"received_at,omitempty"`
	ReceivedBy  string               `json:"received_by,omitempty"`
	ReceiptHash []byte               `json:"-"`
}

// Shipment is what the bureau says about a delivery that has left it.
type Shipment struct {
	CallbackID string // empty when we asked
	BodyHash   []byte
	Batch      uuid.UUID
	Number     string // the bureau's
	Kiosk      string
	Plastics   []uuid.UUID
	ShippedAt  time.Time
}

// TakeShipment notes what is on its way to a kiosk. A delivery that is known is ignored, and a
// call-back that was taken before changes nothing. NotFound: a batch we do not know. Conflict: callback_conflict when
// its id stands for another report; report_not_ordered when a card was not ordered with that batch; report_contradicts
// when one was ordered to another kiosk.
func (s *Store) TakeShipment(ctx context.Context, r Shipment) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	_, err = casework.TakeOnce(ctx, s.casework, "take a shipment",
		casework.Callback{Sender: casework.Bureau, ID: r.CallbackID, BodyHash: r.BodyHash}, func(t db.Tx) (struct{}, error) {
			return struct{}{}, takeShipment(ctx, t, r, id)
		})
	return err
}

func takeShipment(ctx context.Context, t db.Tx, r Shipment, id uuid.UUID) error {
	cards, err := lockPlastics(t, selectPlastics+`id in ? and batch_id = ?`+lockInOrder, append(r.Plastics, uuid.Nil),
		r.Batch)
	if err != nil {
		return err
	}
	b, err := findBatch(t, lockedBatch, r.Batch)
	if err != nil {
		return err
	}
	if err := checkShipment(r, cards); err != nil {
		return err
	}
	added := t.Exec(`insert into deliveries (id, batch_id, university, kiosk_id, number, state, shipped_at, noted_at, expected)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict on constraint deliveries_number do nothing`,
		id, b.ID, b.University, r.Kiosk, r.Number, campus.DeliveryShipped, r.ShippedAt, t.Now, len(cards))
	if added.Error != nil || added.RowsAffected == 0 {
		return added.Error
	}
	return shipCards(ctx, t, b, id, cards)
}

func checkShipment(r Shipment, cards []Plastic) error {
	listed := slices.Clone(r.Plastics)
	slices.SortFunc(listed, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	if len(slices.Compact(listed)) != len(r.Plastics) {
		return campus.Errorf(campus.Conflict, "report_contradicts", "delivery %s lists a card twice", r.Number)
	}
	if len(cards) != len(r.Plastics) {
		return campus.Errorf(campus.Conflict, "report_not_ordered", "delivery %s lists cards that batch %s did not order",
			r.Number, r.Batch)
	}
	for _, p := range cards {
		if p.KioskID != r.Kiosk {
			return campus.Errorf(campus.Conflict, "report_contradicts", "plastic %s was ordered to another kiosk", p.ID)
		}
	}
	return nil
}

// shipCards puts cards into their delivery. Those about which more is known already stay as they are.
func shipCards(ctx context.Context, t db.Tx, b Batch, delivery uuid.UUID, cards []Plastic) error {
	making := false
	for _, p := range cards {
		if err := t.Exec(`update plastics set delivery_id = ? where id = ?`, delivery, p.ID).Error; err != nil {
			return err
		}
		if p.State == campus.PlasticShipped || !p.State.CanBecome(campus.PlasticShipped) {
			continue
		}
		making = true
		change := campus.Change{Actor: campus.Machine("bureau"), Channel: "bureau", Reason: "reported"}
		if err := setPlastic(t, p, campus.PlasticShipped, change); err != nil {
			return err
		}
		if err := nudge(ctx, t, campus.PlasticCase, []uuid.UUID{p.CaseID}); err != nil {
			return err
		}
	}
	return settleBatch(ctx, t, b.ID, making)
}

// settleBatch closes the deliveries of a batch of which nothing is on the road any more, and tells the batch's workflow
// when its last card has left the bureau (leftBureau: one just has) or the road. The batch's row is locked already.
func settleBatch(ctx context.Context, t db.Tx, batch uuid.UUID, leftBureau bool) error {
	if err := t.Exec(`update deliveries d set state = @received, received_at = @now,
			received_by = case when received_by = '' then 'machine/bureau' else received_by end,
			received = (select count(*) from plastics where delivery_id = d.id and state in ('ready', 'picked_up', 'returned')),
			missing = (select count(*) from plastics where delivery_id = d.id and state = 'lost'),
			damaged = (select count(*) from plastics where delivery_id = d.id and state = 'damaged')
		where batch_id = @batch and state = @shipped and not exists (
			select 1 from plastics where delivery_id = d.id and state in @road)`,
		map[string]any{"received": campus.DeliveryReceived, "now": t.Now, "batch": batch, "shipped": campus.DeliveryShipped,
			"road": campus.OnTheRoad()}).Error; err != nil {
		return fmt.Errorf("close deliveries: %w", err)
	}
	var making, shipped int
	if err := t.Raw(`select count(*) filter (where state <> 'shipped'), count(*) filter (where state = 'shipped')
		from plastics where batch_id = ? and state in ?`, batch, campus.OnTheRoad()).Row().Scan(&making, &shipped); err != nil {
		return err
	}
	if making > 0 || shipped > 0 && !leftBureau {
		return nil
	}
	return nudge(ctx, t, campus.BatchCase, []uuid.UUID{batch})
}

// Placed is a card that was put into a compartment.
type Placed struct {
	CardNumber  string `json:"card_number"`
	Compartment string `json:"compartment"`
}

// Receipt is what the kiosk or the card centre says about a delivery: where each card lies, and which are missing or
// damaged. Cards for which there was no room stay with the courier; the delivery waits for another receipt about them.
type Receipt struct {
	Delivery uuid.UUID `json:"-"`
	Placed   []Placed  `json:"placed"`
	Missing  []string  `json:"missing"`
	Damaged  []string  `json:"damaged"`
	NoRoom   []string  `json:"no_room,omitempty"`
}

// fate is what a receipt says of one card.
type fate struct {
	state       campus.PlasticState
	compartment string
}

// fates returns the receipt by card number. Invalid: receipt_twice.
func (r Receipt) fates() (map[string]fate, error) {
	said, places := map[string]fate{}, map[string]bool{}
	add := func(number string, f fate) error {
		if _, twice := said[number]; twice || f.compartment != "" && places[f.compartment] {
			return campus.FieldErrorf("placed", "receipt_twice", "a card or a compartment is there twice")
		}
		said[number], places[f.compartment] = f, true
		return nil
	}
	for _, p := range r.Placed {
		if err := add(p.CardNumber, fate{campus.PlasticReady, p.Compartment}); err != nil {
			return nil, err
		}
	}
	for _, rest := range []struct {
		numbers []string
		state   campus.PlasticState
	}{{r.Missing, campus.PlasticLost}, {r.Damaged, campus.PlasticDamaged}, {r.NoRoom, campus.PlasticShipped}} {
		for _, number := range rest.numbers {
			if err := add(number, fate{state: rest.state}); err != nil {
				return nil, err
			}
		}
	}
	return said, nil
}

// hash returns the same for receipts that say the same.
func (r Receipt) hash() ([]byte, error) {
	r.Placed, r.Missing, r.Damaged = slices.Clone(r.Placed), slices.Clone(r.Missing), slices.Clone(r.Damaged)
	slices.SortFunc(r.Placed, func(a, b Placed) int { return strings.Compare(a.CardNumber, b.CardNumber) })
	slices.Sort(r.Missing)
	slices.Sort(r.Damaged)
	raw, err := json.Marshal(r)
	sum := sha256.Sum256(raw)
	return sum[:], err
}

// KioskReceipt takes the receipt that a kiosk gives for a delivery to it (D3).
func (s *Store) KioskReceipt(ctx context.Context, req casework.Request, kiosk people.Kiosk, r Receipt) (KioskDelivery,
	error) {
	return s.receive(ctx, req, r, func(d KioskDelivery, _ string) bool { return d.KioskID == kiosk.ID })
}

// StaffReceipt takes the receipt that the card centre gives in a kiosk's place.
func (s *Store) StaffReceipt(ctx context.Context, req casework.Request, who campus.StaffMember,
	r Receipt) (KioskDelivery,
	error) {
	return s.receive(ctx, req, r, func(d KioskDelivery, place string) bool {
		return d.University == who.University && who.May(campus.HandlePlastic, place)
	})
}

// receive puts the cards of a delivery where the receipt says they are. The same receipt again gets the same answer.
// NotFound: a delivery that is not the caller's. Invalid: receipt_twice, receipt_incomplete, receipt_unknown_card.
// Conflict: receipt_contradicts what is known, compartment_full.
func (s *Store) receive(ctx context.Context, req casework.Request, r Receipt,
	theirs func(KioskDelivery, string) bool) (KioskDelivery, error) {
	said, err := r.fates()
	if err != nil {
		return KioskDelivery{}, err
	}
	hash, err := r.hash()
	if err != nil {
		return KioskDelivery{}, err
	}
	return casework.Once(ctx, s.casework, "take a receipt", req, func(t db.Tx) (KioskDelivery, error) {
		d, err := findDelivery(t, r.Delivery, theirs)
		if err != nil {
			return d, err
		}
		cards, d, err := lockDelivery(t, d)
		switch {
		case err != nil:
			return d, err
		case bytes.Equal(d.ReceiptHash, hash):
			return d, nil
		case d.ReceiptHash != nil:
			return d, campus.Errorf(campus.Conflict, "receipt_contradicts", "another receipt was given for delivery %s", d.ID)
		}
		if err := receiveCards(ctx, t, d, cards, said, req.Actor); err != nil {
			return d, err
		}
		if len(r.NoRoom) > 0 {
			hash = nil // not the last word
		}
		if err := t.Exec(`update deliveries set receipt_hash = ?, received_by = ? where id = ?`, hash, req.Actor.String(),
			d.ID).Error; err != nil {
			return d, err
		}
		if err := settleBatch(ctx, t, d.BatchID, false); err != nil {
			return d, err
		}
		if err := casework.AddAudit(t, req.Actor, "delivery.receive", "delivery/"+d.ID.String(), d.University); err != nil {
			return d, err
		}
		return findAnyDelivery(t, selectDelivery, d.ID)
	})
}

func findDelivery(t db.Tx, id uuid.UUID, theirs func(KioskDelivery, string) bool) (KioskDelivery, error) {
	d, err := findAnyDelivery(t, selectDelivery, id)
	if err != nil {
		return d, err
	}
	var place string
	if err := t.Raw(`select campus from kiosks where id = ?`, d.KioskID).Row().Scan(&place); err != nil {
		return d, err
	}
	if !theirs(d, place) {
		return KioskDelivery{}, campus.Errorf(campus.NotFound, "", "no delivery %s", id)
	}
	return d, nil
}

// lockDelivery locks everything a receipt changes. All who change cards lock in this order: cards, batch, delivery,
// kiosk; so nobody waits for somebody who waits for them.
func lockDelivery(t db.Tx, d KioskDelivery) ([]Plastic, KioskDelivery, error) {
	cards, err := lockPlastics(t, selectPlastics+`delivery_id = ?`+lockInOrder, d.ID)
	if err != nil {
		return nil, d, err
	}
	if _, err := findBatch(t, lockedBatch, d.BatchID); err != nil {
		return nil, d, err
	}
	d, err = findAnyDelivery(t, lockedDelivery, d.ID)
	return cards, d, err
}

// A delivery, and the same locked.
const (
	selectDelivery = `select * from deliveries where id = ?`
	lockedDelivery = selectDelivery + ` for update`
)

func findAnyDelivery(t db.Tx, query db.Statement, id uuid.UUID) (KioskDelivery, error) {
	var d KioskDelivery
	err := t.Raw(string(query), id).Scan(&d).Error
	if err == nil && d.ID == uuid.Nil {
		return d, campus.Errorf(campus.NotFound, "", "no delivery %s", id)
	}
	return d, err
}

// receiveCards does to each card of a delivery what the receipt says.
func receiveCards(ctx context.Context, t db.Tx, d KioskDelivery, cards []Plastic, said map[string]fate,
	actor campus.Actor) error {
	numbers, err := cardNumbers(t, d.ID)
	if err != nil {
		return err
	}
	known := 0
	for _, p := range cards {
		f, listed := said[numbers[p.ID]]
		switch {
		case listed:
			known++
		case p.State == campus.PlasticShipped:
			return campus.FieldErrorf("placed", "receipt_incomplete", "the receipt says nothing of a card of delivery %s", d.ID)
		default:
			continue
		}
		if err := receiveCard(ctx, t, p, f, actor); err != nil {
			return err
		}
	}
	if known != len(said) {
		return campus.FieldErrorf("placed", "receipt_unknown_card", "the receipt lists a card that is not of delivery %s",
			d.ID)
	}
	return nil
}

func cardNumbers(t db.Tx, delivery uuid.UUID) (map[uuid.UUID]string, error) {
	var rows []struct {
		ID     uuid.UUID
		Number string
	}
	err := t.Raw(`select p.id, c.number from plastics p join cards c on c.id = p.card_id where p.delivery_id = ?`,
		delivery).Scan(&rows).Error
	numbers := make(map[uuid.UUID]string, len(rows))
	for _, row := range rows {
		numbers[row.ID] = row.Number
	}
	return numbers, err
}

func receiveCard(ctx context.Context, t db.Tx, p Plastic, f fate, actor campus.Actor) error {
	known := p.State == f.state && (f.compartment == "" || f.compartment == p.Compartment)
	gone := f.state == campus.PlasticReady && (p.State == campus.PlasticPickedUp || p.State == campus.PlasticReturned)
	if known || gone { // the courier was quicker, and the holder maybe too
		return nil
	}
	if p.State != campus.PlasticShipped {
		return campus.Errorf(campus.Conflict, "receipt_contradicts", "a plastic that is %s cannot be received as %s", p.State,
			f.state)
	}
	change := campus.Change{Actor: actor, Channel: "kiosk", Reason: "received"}
	if actor.Kind == campus.StaffActor {
		change.Channel = "counter"
	}
	if f.state == campus.PlasticReady {
		if err := fillCompartment(t, p, f.compartment); err != nil {
			return err
		}
	}
	if err := setPlastic(t, p, f.state, change); err != nil {
		return err
	}
	return nudge(ctx, t, campus.PlasticCase, []uuid.UUID{p.CaseID})
}

// DeliveryCard is a card that a kiosk has to receive.
type DeliveryCard struct {
	DeliveryID uuid.UUID
	CardNumber string
}

// OpenDeliveries returns the deliveries to a kiosk that wait for a receipt, oldest first, with the cards still to come.
func (s *Store) OpenDeliveries(ctx context.Context, kiosk string) ([]KioskDelivery, []DeliveryCard, error) {
	open, cards := []KioskDelivery{}, []DeliveryCard{}
	err := s.Read(ctx).Raw(`select * from deliveries where kiosk_id = ? and state = ? order by id limit 100`,
		kiosk, campus.DeliveryShipped).Scan(&open).Error
	if err == nil {
		err = s.Read(ctx).Raw(`select p.delivery_id, c.number as card_number from plastics p join cards c on c.id = p.card_id
			join deliveries d on d.id = p.delivery_id
			where d.kiosk_id = ? and d.state = ? and p.state = 'shipped' order by c.number`, kiosk, campus.DeliveryShipped).Scan(&cards).Error
	}
	return open, cards, db.Wrap("list the deliveries of a kiosk", err)
}

// BatchDeliveries returns the deliveries of a batch, oldest first.
func (s *Store) BatchDeliveries(ctx context.Context, batch uuid.UUID) ([]KioskDelivery, error) {
	deliveries := []KioskDelivery{}
	err := s.Read(ctx).Raw(`select * from deliveries where batch_id = ? order by id`, batch).Scan(&deliveries).Error
	return deliveries, db.Wrap("list the deliveries of a batch", err)
}

// StaffDeliveries returns the deliveries of the member's university, newest first; open leaves out those with a
// receipt.
func (s *Store) StaffDeliveries(ctx context.Context, who campus.StaffMember, open bool, after uuid.UUID,
	limit int) ([]KioskDelivery, error) {
	query := s.Reports.Read(ctx).Table("deliveries").Where("university = ?", who.University)
	if open {
		query = query.Where("state = ?", campus.DeliveryShipped)
	}
	if after != uuid.Nil {
		query = query.Where("id < ?", after)
	}
	deliveries := []KioskDelivery{}
	err := query.Order("id desc").Limit(limit).Find(&deliveries).Error
	return deliveries, db.Wrap("list deliveries", err)
}
