package simulator

import (
	"crypto/rand"
	"encoding/json"
	"net/http"

	"go.etcd.io/bbolt"

	"campuscard/school"
)

// BureauSettings is how the bureau works.
type BureauSettings struct {
	ProduceMS int    `json:"produce_ms"` // from accepted to produced
	ShipMS    int    `json:"ship_ms"`    // from produced to shipped
	DeliverMS int    `json:"deliver_ms"` // from shipped to delivered
	SpoilNext int    `json:"spoil_next"` // so many of the next cards are spoilt
	SpoilOf   string `json:"spoil_of"`   // or the next one of this holder: university/number
	Silent    bool   `json:"silent"`     // it works and never calls back

	RejectNext   int  `json:"reject_next"`   // so many of the next cards of batches are not taken
	LoseNext     int  `json:"lose_next"`     // so many of the next cards never arrive
	DamageNext   int  `json:"damage_next"`   // so many arrive and are of no use
	KioskReceipt bool `json:"kiosk_receipt"` // the courier says nothing about batches: the kiosk gives the receipt
}

// order is an order as the bureau keeps it.
type order struct {
	Order      school.Order      `json:"order"`
	Production school.Production `json:"production"`
	Carry      bool              `json:"carry,omitempty"`  // nothing to make, only to bring
	DueAt      int64             `json:"due_at,omitempty"` // of its next move, as in the bucket of what is due
}

func (s *Simulator) placeOrder(c *call) act {
	var o school.Order
	if c.read(&o) != nil || o.Reference == "" || o.HolderName == "" || o.CardNumber == "" || o.DueOn.IsZero() {
		return always(refuse(http.StatusUnprocessableEntity, "incomplete"))
	}
	c.reference = o.Reference
	if !knownKiosk(o.Kiosk, o.University) {
		return always(refuse(http.StatusUnprocessableEntity, "unknown_kiosk"))
	}
	o.Photo = nil // printed, not kept
	return func(tx *bbolt.Tx) (answer, error) {
		busy, err := inProduction(tx, o.Reference)
		if err != nil || busy {
			return refuse(http.StatusConflict, "already_ordered"), err
		}
		made := order{Order: o, Production: school.Production{OrderID: "bo-" + rand.Text(), Reference: o.Reference,
			Status: "accepted", Kiosk: o.Kiosk, UpdatedAt: now(), Sequence: 1}}
		if err := put(tx, plasticBucket, o.Reference, made.Production.OrderID); err != nil {
			return answer{}, err
		}
		if err := s.keep(tx, made); err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusCreated, made.Production), c.happened(tx)
	}
}

// inProduction tells whether a piece of plastic has an order that did not end badly.
func inProduction(tx *bbolt.Tx, reference string) (bool, error) {
	id, found, err := get[string](tx, plasticBucket, reference)
	if err != nil || !found {
		return false, err
	}
	latest, found, err := get[order](tx, orderBucket, id)
	status := latest.Production.Status
	return found && status != "spoilt" && status != "cancelled", err
}

func (s *Simulator) production(c *call) act {
	id := c.request.PathValue("order")
	return func(tx *bbolt.Tx) (answer, error) {
		o, found, err := get[order](tx, orderBucket, id)
		if err != nil || !found {
			return notFound(), err
		}
		c.reference = o.Production.Reference
		return jsonAnswer(http.StatusOK, o.Production), nil
	}
}

func (s *Simulator) cancelOrder(c *call) act {
	id := c.request.PathValue("order")
	return func(tx *bbolt.Tx) (answer, error) {
		o, found, err := get[order](tx, orderBucket, id)
		if err != nil || !found {
			return notFound(), err
		}
		c.reference = o.Production.Reference
		switch o.Production.Status {
		case "delivered":
			return refuse(http.StatusConflict, "delivered"), nil
		case "spoilt", "cancelled":
			return jsonAnswer(http.StatusOK, o.Production), nil
		}
		if o, err = s.move(tx, o, "cancelled", "cancelled_by_customer"); err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusOK, o.Production), c.happened(tx)
	}
}

func bureauSettings(tx *bbolt.Tx) (BureauSettings, error) {
	set, found, err := get[BureauSettings](tx, settingBucket, "bureau")
	if !found {
		set = BureauSettings{ProduceMS: 1000, ShipMS: 1000, DeliverMS: 1000}
	}
	return set, err
}

func (s *Simulator) getBureau(w http.ResponseWriter, _ *http.Request) {
	var set BureauSettings
	err := s.store.view(func(tx *bbolt.Tx) (err error) {
		set, err = bureauSettings(tx)
		return err
	})
	s.show(w, set, err)
}

// setBureau lays the settings that are given over those in force. Orders under way keep the time they were promised.
func (s *Simulator) setBureau(w http.ResponseWriter, r *http.Request) {
	var given json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	var set BureauSettings
	var wrong error
	err := s.store.update(func(tx *bbolt.Tx) (err error) {
		if set, err = bureauSettings(tx); err != nil {
			return err
		}
		if wrong = json.Unmarshal(given, &set); wrong != nil {
			return nil
		}
		return put(tx, settingBucket, "bureau", set)
	})
	if wrong != nil {
		refuse(http.StatusUnprocessableEntity, "unknown_field_or_value").write(w)
		return
	}
	s.show(w, set, err)
}
