package storagetest

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/money"
)

// Holder is a person of the default university with an account that has an amount in the main purse.
func (h *Env) Holder(cents int64) (person, account uuid.UUID) {
	h.t.Helper()
	a, p := h.Account(0), h.Person()
	h.Exec(`update accounts set person_id = $1 where id = $2`, p.ID, a.ID)
	if cents > 0 {
		h.TopUp(a.ID, cents)
	}
	return p.ID, a.ID
}

// Order is a top-up that a person asks for at the wallet.
func (h *Env) Order(person uuid.UUID, cents int64) money.Order {
	h.t.Helper()
	o, err := h.OrderBy(person, cents)
	require.NoError(h.t, err)
	return o
}

// OrderBy is Order that may be refused.
func (h *Env) OrderBy(person uuid.UUID, cents int64) (money.Order, error) {
	return h.Money.OpenOrder(h.Context(), h.Requested(campus.Student(person)), money.NewOrder{Person: person,
		Channel: campus.WalletAdapter, Cents: cents, Terms: h.Policy().Money.TopUp})
}

// Requested is a POST under a key that was never used.
func (h *Env) Requested(actor campus.Actor) casework.Request {
	id := uuid.Must(uuid.NewV7())
	return casework.Request{ID: id, Key: id.String(), Actor: actor, Route: "POST /test", BodyHash: []byte{1}}
}

// PaidAt is a payment of an order as the wallet tells of it.
func (h *Env) PaidAt(o money.Order, transaction string, change ...func(*money.ChannelPayment)) money.ChannelPayment {
	p := money.ChannelPayment{University: University, Channel: campus.WalletAdapter, Transaction: transaction,
		OrderRef: o.ID.String(), Cents: o.AmountCents, Currency: campus.Yuan, PaidAt: h.Clock.Now()}
	for _, fn := range change {
		fn(&p)
	}
	return p
}

// Takes has a payment of the wallet taken, and answers what became of it.
func (h *Env) Takes(p money.ChannelPayment) money.Taken {
	h.t.Helper()
	taken, err := h.Money.TakePayment(h.Context(), p)
	require.NoError(h.t, err)
	return taken
}

// RefundBy asks for a refund of an order.
func (h *Env) RefundBy(person, order uuid.UUID, cents int64) (money.Refunding, error) {
	return h.Money.AskRefund(h.Context(), h.Requested(campus.Student(person)), h.Policy().Money.TopUp, person, order, cents)
}

// Wallet is the wallet that the university of the tests has.
func Wallet() money.Contract {
	return money.Contract{University: University, Channel: campus.WalletAdapter}
}

// DueRefunds are all refunds that wait for a channel; a later call finds them again.
func (h *Env) DueRefunds() (all []money.Refunding) {
	h.t.Helper()
	contracts, err := h.Money.DueContracts(h.Context())
	require.NoError(h.t, err)
	for _, of := range contracts {
		refunds, err := h.Money.DueRefunds(h.Context(), of, 1000, -time.Second)
		require.NoError(h.t, err)
		all = append(all, refunds...)
	}
	return all
}

// Settles tells the outcome of a refund.
func (h *Env) Settles(id uuid.UUID, paid bool) error {
	return h.Money.SettleRefund(h.Context(), University, campus.WalletAdapter, id, paid, "")
}

// Holds is what a book of the default university has.
func (h *Env) Holds(kind campus.BookKind, ref string) int64 {
	h.t.Helper()
	cents, err := h.Money.BookBalance(context.WithoutCancel(h.Context()), h.BookOf(kind, ref))
	require.NoError(h.t, err)
	return cents
}
