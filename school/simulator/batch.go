package simulator

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"go.etcd.io/bbolt"

	"campuscard/school"
)

// batch is a batch as the bureau keeps it. The orders of its cards say what became of them.
type batch struct {
	BatchID    string              `json:"batch_id"`
	Reference  string              `json:"reference"`
	SHA256     string              `json:"sha256"`
	Orders     []string            `json:"orders"`
	Rejected   []school.Production `json:"rejected"`
	Deliveries []school.Delivery   `json:"deliveries"`
}

// placeBatch takes an order file that is what its manifest says, and answers for each of its lines.
func (s *Simulator) placeBatch(c *call) act {
	var o school.BatchOrder
	if c.read(&o) != nil || o.Reference == "" {
		return always(refuse(http.StatusUnprocessableEntity, "incomplete"))
	}
	c.reference = o.Reference
	sum := sha256.Sum256(o.OrderFile)
	if hex.EncodeToString(sum[:]) != o.SHA256 {
		return always(refuse(http.StatusUnprocessableEntity, "hash_mismatch"))
	}
	entries, err := readOrderFile(o.OrderFile)
	if err != nil || len(entries) != o.Count {
		return always(refuse(http.StatusUnprocessableEntity, "order_file_unreadable"))
	}
	return func(tx *bbolt.Tx) (answer, error) {
		id, found, err := get[string](tx, batchBucket, "reference/"+o.Reference)
		if err != nil {
			return answer{}, err
		}
		if found {
			return s.repeatedBatch(tx, id, o.SHA256)
		}
		b := batch{BatchID: "bb-" + rand.Text(), Reference: o.Reference, SHA256: o.SHA256}
		for _, e := range entries {
			if err := s.takeEntry(tx, c, &b, e); err != nil {
				return answer{}, err
			}
		}
		if err := put(tx, batchBucket, "reference/"+o.Reference, b.BatchID); err != nil {
			return answer{}, err
		}
		if err := put(tx, batchBucket, b.BatchID, b); err != nil {
			return answer{}, err
		}
		if err := c.happened(tx); err != nil {
			return answer{}, err
		}
		return showBatch(tx, http.StatusCreated, b)
	}
}

func readOrderFile(file []byte) ([]school.Entry, error) {
	var entries []school.Entry
	for line := range bytes.Lines(file) {
		var e school.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// repeatedBatch answers for a batch that is there already: our reference of it is good for one.
func (s *Simulator) repeatedBatch(tx *bbolt.Tx, id, hash string) (answer, error) {
	b, _, err := get[batch](tx, batchBucket, id)
	if err != nil {
		return answer{}, err
	}
	if b.SHA256 != hash {
		return refuse(http.StatusConflict, "reference_reused"), nil
	}
	return showBatch(tx, http.StatusOK, b)
}

// takeEntry orders one card of a batch, or rejects it.
func (s *Simulator) takeEntry(tx *bbolt.Tx, c *call, b *batch, e school.Entry) error {
	reason, err := s.objection(tx, e)
	if err != nil {
		return err
	}
	if reason != "" {
		b.Rejected = append(b.Rejected, school.Production{Reference: e.Reference, Batch: b.Reference,
			Status: school.EntryRejected, Reason: reason})
		return nil
	}
	made := order{Order: e.Order, Carry: e.Carry, Production: school.Production{OrderID: "bo-" + rand.Text(),
		Reference: e.Reference, Batch: b.Reference, Status: school.EntryAccepted, Kiosk: e.Kiosk, UpdatedAt: now(),
		Sequence: 1}}
	made.Order.Photo = nil // printed, not kept
	if e.Carry {           // it was made before, chip and all
		if made.Production.Chip, err = chipOf(tx, e.Reference); err != nil {
			return err
		}
	}
	b.Orders = append(b.Orders, made.Production.OrderID)
	if err := put(tx, plasticBucket, e.Reference, made.Production.OrderID); err != nil {
		return err
	}
	if err := s.keep(tx, made); err != nil {
		return err
	}
	return add(tx, effectBucket, effect{now(), c.system, c.university, "order", e.Reference, c.key})
}

// objection returns why the bureau does not take a card; empty when it does.
func (s *Simulator) objection(tx *bbolt.Tx, e school.Entry) (string, error) {
	if e.Reference == "" || e.HolderName == "" || e.CardNumber == "" || e.DueOn.IsZero() {
		return "incomplete", nil
	}
	if !knownKiosk(e.Kiosk, e.University) {
		return "unknown_kiosk", nil
	}
	rejects, err := countDown(tx, func(set *BureauSettings) *int { return &set.RejectNext })
	if err != nil || rejects {
		return "not_printable", err
	}
	if e.Carry {
		return "", nil
	}
	busy, err := inProduction(tx, e.Reference)
	if err != nil || busy {
		return "already_ordered", err
	}
	return "", nil
}

func showBatch(tx *bbolt.Tx, status int, b batch) (answer, error) {
	shown := school.Batch{BatchID: b.BatchID, Reference: b.Reference, SHA256: b.SHA256, Entries: slices.Clone(b.Rejected),
		Deliveries: b.Deliveries}
	for _, id := range b.Orders {
		o, _, err := get[order](tx, orderBucket, id)
		if err != nil {
			return answer{}, err
		}
		shown.Entries = append(shown.Entries, o.Production)
	}
	return jsonAnswer(status, shown), nil
}

func (s *Simulator) getBatch(c *call) act {
	return func(tx *bbolt.Tx) (answer, error) {
		b, found, err := get[batch](tx, batchBucket, c.request.PathValue("batch"))
		if err != nil || !found {
			return notFound(), err
		}
		c.reference = b.Reference
		return showBatch(tx, http.StatusOK, b)
	}
}

// cancelBatch stops the cards that the bureau still has. The others are shown as they are.
func (s *Simulator) cancelBatch(c *call) act {
	return func(tx *bbolt.Tx) (answer, error) {
		b, found, err := get[batch](tx, batchBucket, c.request.PathValue("batch"))
		if err != nil || !found {
			return notFound(), err
		}
		c.reference = b.Reference
		for _, id := range b.Orders {
			o, _, err := get[order](tx, orderBucket, id)
			if err != nil {
				return answer{}, err
			}
			if o.Production.Status != school.EntryAccepted && o.Production.Status != "produced" {
				continue
			}
			if _, err := s.move(tx, o, "cancelled", "cancelled_by_customer"); err != nil {
				return answer{}, err
			}
		}
		if err := c.happened(tx); err != nil {
			return answer{}, err
		}
		return showBatch(tx, http.StatusOK, b)
	}
}

// shipDelivery sends off what a batch has for a kiosk once all of it is made; until then it is looked at again.
func (s *Simulator) shipDelivery(tx *bbolt.Tx, first order) error {
	id, _, err := get[string](tx, batchBucket, "reference/"+first.Production.Batch)
	if err != nil {
		return err
	}
	b, _, err := get[batch](tx, batchBucket, id)
	if err != nil {
		return err
	}
	var made []order
	for _, id := range b.Orders {
		o, _, err := get[order](tx, orderBucket, id)
		switch {
		case err != nil:
			return err
		case o.Order.Kiosk != first.Order.Kiosk:
		case o.Production.Status == school.EntryAccepted:
			return s.keep(tx, first) // its turn comes again
		case o.Production.Status == "produced":
			made = append(made, o)
		}
	}
	d := school.Delivery{DeliveryID: "bd-" + rand.Text(), Batch: b.Reference, Kiosk: first.Order.Kiosk, ShippedAt: now()}
	for _, o := range made {
		d.Cards = append(d.Cards, o.Production.Reference)
		if _, err := s.move(tx, o, "shipped", ""); err != nil {
			return err
		}
	}
	b.Deliveries = append(b.Deliveries, d)
	if err := put(tx, batchBucket, id, b); err != nil {
		return err
	}
	return s.queueMessage(tx, d.DeliveryID, 1, "delivery.shipped", d.ShippedAt, d)
}

// arrive returns what the courier says of a card: that it lies in a compartment, or is lost or damaged.
func arrive(tx *bbolt.Tx, o *order) (status string, err error) {
	for _, fate := range []struct {
		status string
		next   func(*BureauSettings) *int
	}{
		{"lost", func(set *BureauSettings) *int { return &set.LoseNext }},
		{"damaged", func(set *BureauSettings) *int { return &set.DamageNext }},
	} {
		if met, err := countDown(tx, fate.next); err != nil || met {
			return fate.status, err
		}
	}
	place := "compartments/" + o.Order.Kiosk
	n, _, err := get[int](tx, settingBucket, place)
	if err != nil {
		return "", err
	}
	o.Production.Compartment = fmt.Sprintf("%c%03d", 'A'+n/999%26, n%999+1) // one after the other, so that none is taken
	return "delivered", put(tx, settingBucket, place, n+1)
}

// countDown takes one off a number of the settings, and tells whether it was there.
func countDown(tx *bbolt.Tx, number func(*BureauSettings) *int) (bool, error) {
	set, err := bureauSettings(tx)
	if n := number(&set); err == nil && *n > 0 {
		*n--
		return true, put(tx, settingBucket, "bureau", set)
	}
	return false, err
}

// spoils tells whether a card comes out spoilt. A name in the settings has bad luck once.
func spoils(tx *bbolt.Tx, o school.Order) (bool, error) {
	set, err := bureauSettings(tx)
	if err == nil && set.SpoilOf != "" && set.SpoilOf == o.University+"/"+o.Number {
		set.SpoilOf = ""
		return true, put(tx, settingBucket, "bureau", set)
	}
	if err != nil {
		return false, err
	}
	return countDown(tx, func(set *BureauSettings) *int { return &set.SpoilNext })
}
