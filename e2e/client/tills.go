package client

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school/simulator/till"
)

// Tills is the program that plays tills; who asks it is the cashier. Each request is sent once: a sale that is asked
// for again is another sale.
type Tills struct{ client *Client }

// NewTills speaks to the program at base.
func NewTills(base string) *Tills { return &Tills{New(base, campus.English, 0)} }

func (t *Tills) ask(ctx context.Context, name, what string, body, into any) error {
	return t.client.post(ctx, "", "/tills/"+name+"/"+what, body, into)
}

// Enrol gets a till its secret for the code that staff have made.
func (t *Tills) Enrol(ctx context.Context, name string, id uuid.UUID, code string) error {
	return t.ask(ctx, name, "enrolment", map[string]string{"id": id.String(), "code": code}, nil)
}

// Sell has a till take a payment.
func (t *Tills) Sell(ctx context.Context, name string, sale till.Sale) (r till.Receipt, err error) {
	err = t.ask(ctx, name, "sales", sale, &r)
	return r, err
}

// SellOffline has a till sell without network (E1). With a fault that loses answers it has asked online before, and
// heard nothing.
func (t *Tills) SellOffline(ctx context.Context, name string, sale till.Sale) (r till.Receipt, err error) {
	err = t.ask(ctx, name, "offline-sales", sale, &r)
	return r, err
}

// Upload has a till send what it has sold without network.
func (t *Tills) Upload(ctx context.Context, name string, fault till.Fault) error {
	return t.ask(ctx, name, "uploads", till.Sale{Fault: fault}, nil)
}

// Show has a till show a code for the holder to scan.
func (t *Tills) Show(ctx context.Context, name string, cents int64) (till.Receipt, string, error) {
	var shown struct {
		Receipt till.Receipt `json:"receipt"`
		Code    string       `json:"code"`
	}
	err := t.ask(ctx, name, "shown", till.Sale{AmountCents: cents}, &shown)
	return shown.Receipt, shown.Code, err
}

// Await has a till wait until what it shows is paid, or take it back.
func (t *Tills) Await(ctx context.Context, name string, shown till.Receipt) (r till.Receipt, err error) {
	err = t.ask(ctx, name, "awaited", shown, &r)
	return r, err
}

// GiveBack has a till void a payment, or give a part of it back when cents is not zero.
func (t *Tills) GiveBack(ctx context.Context, name string, payment uuid.UUID, cents int64) error {
	return t.ask(ctx, name, "given-back", map[string]any{"transfer": payment, "amount_cents": cents}, nil)
}
