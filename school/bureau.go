package school

import (
	"context"
	"math"
	"net/http"
	"time"

	"campuscard/campus"
)

// Bureau is the card bureau, which makes the plastic and brings it to the kiosks.
type Bureau struct{ client *client }

// Order asks for one piece of plastic.
type Order struct {
	Reference  string      `json:"reference"` // our id of the plastic
	University string      `json:"university"`
	Number     string      `json:"number"` // printed on the card
	HolderName string      `json:"holder_name"`
	CardNumber string      `json:"card_number"`
	Kiosk      string      `json:"kiosk"` // code of the kiosk it is brought to
	Photo      []byte      `json:"photo,omitempty"`
	DueOn      campus.Date `json:"due_on"` // last day on which it may arrive
}

// Production is how far an order is.
type Production struct {
	OrderID   string `json:"order_id"` // the bureau's id
	Reference string `json:"reference"`
	Batch     string `json:"batch,omitempty"` // our id of the batch it was ordered with
	// accepted, produced, spoilt, shipped, delivered, lost, damaged, cancelled
	Status      string    `json:"status"`
	Reason      string    `json:"reason"` // why it is spoilt, lost, damaged or cancelled
	Kiosk       string    `json:"kiosk"`
	Compartment string    `json:"compartment"` // known once delivered
	UpdatedAt   time.Time `json:"updated_at"`
	Sequence    int       `json:"sequence"` // grows with each change of this order, from 1
	// Chip is the serial number of the card's chip, once it is made: seven bytes, as hex in capitals.
	Chip string `json:"chip,omitempty"`
}

func (p *Production) complete() bool {
	if p.OrderID == "" || p.Reference == "" || !campus.PlausibleTime(p.UpdatedAt) || p.Sequence < 1 ||
		p.Sequence > math.MaxInt32 || p.Chip != "" && !campus.IsChipSerial(p.Chip) {
		return false
	}
	if !short(p.OrderID, p.Reference, p.Batch, p.Reason, p.Kiosk, p.Compartment) {
		return false
	}
	switch p.Status {
	case EntryAccepted, "produced", "spoilt", "shipped", "lost", "damaged", "cancelled":
		return true
	case "delivered":
		return p.Kiosk != "" && p.Compartment != ""
	}
	return false
}

// PlaceOrder orders a piece of plastic; the same key orders once.
func (b *Bureau) PlaceOrder(ctx context.Context, key string, o Order) (Production, error) {
	p, err := b.production(ctx, call{method: http.MethodPost, path: []string{"orders"}, key: key, body: o})
	if err == nil && p.Reference != o.Reference {
		return Production{}, b.client.badAnswer("about another order")
	}
	return p, err
}

// Production asks how far an order is. NotFound if the bureau does not know it.
func (b *Bureau) Production(ctx context.Context, orderID string) (Production, error) {
	p, err := b.production(ctx, call{method: http.MethodGet, path: []string{"orders", orderID}})
	if err == nil && p.OrderID != orderID {
		return Production{}, b.client.badAnswer("about another order")
	}
	return p, err
}

// Cancel stops an order. Conflict when it has been delivered; a cancelled or spoilt order is returned as it is.
func (b *Bureau) Cancel(ctx context.Context, key, orderID string) (Production, error) {
	path := []string{"orders", orderID, "cancellation"}
	p, err := b.production(ctx, call{method: http.MethodPost, path: path, key: key, body: struct{}{}})
	if err == nil && p.OrderID != orderID {
		return Production{}, b.client.badAnswer("about another order")
	}
	return p, err
}

func (b *Bureau) production(ctx context.Context, c call) (Production, error) {
	var p Production
	if err := b.client.json(ctx, c, &p); err != nil {
		return Production{}, err
	}
	p.Reason = onlyWord(p.Reason)
	return p, nil
}
