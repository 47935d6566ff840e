package school

import (
	"context"
	"net/http"
	"slices"
	"time"

	"campuscard/campus"
)

// The bureau's statuses of one card that only a batch knows, beside those of Production.
const (
	EntryAccepted = "accepted"
	EntryRejected = "rejected"
)

// Entry is one line of an order file: a card to make and bring, or one to fetch from the card centre and bring.
type Entry struct {
	Order
	Carry bool `json:"carry,omitempty"`
}

// BatchOrder is an order of many cards: the manifest, and the order file it is about. The file is JSON lines, an Entry
// each; the hash is of its bytes.
type BatchOrder struct {
	Reference  string `json:"reference"` // our id of the batch
	University string `json:"university"`
	Count      int    `json:"count"`
	SHA256     string `json:"sha256"` // hex
	OrderFile  []byte `json:"order_file"`
}

// Batch is how far a batch is: an entry for each line of its order file, and what is on its way.
type Batch struct {
	BatchID    string       `json:"batch_id"` // the bureau's number
	Reference  string       `json:"reference"`
	SHA256     string       `json:"sha256"` // of the order file as it arrived
	Entries    []Production `json:"entries"`
	Deliveries []Delivery   `json:"deliveries"`
}

// Delivery is what the bureau's courier brings to one kiosk.
type Delivery struct {
	DeliveryID string    `json:"delivery_id"`
	Batch      string    `json:"batch"` // our id
	Kiosk      string    `json:"kiosk"`
	Cards      []string  `json:"cards"` // our ids of the plastics
	ShippedAt  time.Time `json:"shipped_at"`
}

func (d *Delivery) complete() bool {
	return d.DeliveryID != "" && d.Batch != "" && d.Kiosk != "" && len(d.Cards) > 0 && campus.PlausibleTime(d.ShippedAt) &&
		short(d.DeliveryID, d.Batch, d.Kiosk)
}

func (b *Batch) complete() bool {
	for i := range b.Entries {
		// it has no order
		if e := &b.Entries[i]; e.Status == EntryRejected && e.Reference != "" && short(e.Reference, e.Reason) {
			continue
		} else if !e.complete() || e.Batch != b.Reference {
			return false
		}
	}
	for i := range b.Deliveries {
		if d := &b.Deliveries[i]; !d.complete() || d.Batch != b.Reference {
			return false
		}
	}
	return b.BatchID != "" && b.Reference != "" && b.SHA256 != "" && short(b.BatchID)
}

// references returns the cards a batch is about, sorted.
func (b *Batch) references() []string {
	cards := make([]string, len(b.Entries))
	for i, e := range b.Entries {
		cards[i] = e.Reference
	}
	slices.Sort(cards)
	return cards
}

// PlaceBatch orders many cards; the same key, and the same reference, order once. Each card is answered for: accepted
// with an order of its own, or rejected with a reason. cards are the references in the order file.
func (b *Bureau) PlaceBatch(ctx context.Context, key string, o BatchOrder, cards []string) (Batch, error) {
	got, err := b.batch(ctx, o.Reference, call{method: http.MethodPost, path: []string{"batches"}, key: key, body: o})
	if err != nil {
		return Batch{}, err
	}
	if got.SHA256 != o.SHA256 {
		return Batch{}, b.client.badAnswer("about another order file")
	}
	if !slices.Equal(got.references(), slices.Sorted(slices.Values(cards))) {
		return Batch{}, b.client.badAnswer("not an answer for each card")
	}
	return got, nil
}

// Batch asks how far a batch is. reference is ours, batchID the bureau's number.
func (b *Bureau) Batch(ctx context.Context, reference, batchID string) (Batch, error) {
	return b.batch(ctx, reference, call{method: http.MethodGet, path: []string{"batches", batchID}})
}

// CancelBatch stops what has not been shipped, and answers how everything stands then.
func (b *Bureau) CancelBatch(ctx context.Context, key, reference, batchID string) (Batch, error) {
	path := []string{"batches", batchID, "cancellation"}
	return b.batch(ctx, reference, call{method: http.MethodPost, path: path, key: key, body: struct{}{}})
}

func (b *Bureau) batch(ctx context.Context, reference string, c call) (Batch, error) {
	var got Batch
	if err := b.client.json(ctx, c, &got); err != nil {
		return Batch{}, err
	}
	if got.Reference != reference {
		return Batch{}, b.client.badAnswer("about another batch")
	}
	for i := range got.Entries {
		got.Entries[i].Reason = onlyWord(got.Entries[i].Reason)
	}
	return got, nil
}

// onlyWord keeps a reason that is a word of the other system's; anything else could be about a person.
func onlyWord(reason string) string {
	if !plainWord(reason) {
		return ""
	}
	return reason
}

// plainWord tells a code in snake case from a text.
func plainWord(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return len(s) <= 40
}
