package money_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// topUpRun is the product beside what a channel knows: what was paid there, and what was paid back.
type topUpRun struct {
	h        *storagetest.Env
	channel  string // of this run
	person   uuid.UUID
	account  uuid.UUID
	orders   []money.Order
	credited map[uuid.UUID]bool
	payments map[string]money.ChannelPayment // by transaction
	strays   map[string]campus.StrayReason
	pending  map[uuid.UUID]int64 // refunds without an outcome
	stray    map[uuid.UUID]bool  // of those, what was never credited
	ended    map[uuid.UUID]bool  // by refund: whether it was paid
	main     int64
	suspense int64
	unclaim  int64
	owed     int64 // by the channel: paid, and not paid back
}

func (r *topUpRun) order(t *rapid.T) {
	cents := rapid.SampledFrom([]int64{1000, 1001, 2000}).Draw(t, "cents")
	terms := r.h.Policy().Money.TopUp
	terms.Channels, terms.OpenOrders = map[string]campus.ChannelPolicy{r.channel: {}}, 1<<20
	terms.BalanceMost = campus.AmountMost
	o, err := r.h.Money.OpenOrder(r.h.Context(), r.h.Requested(campus.Student(r.person)), money.NewOrder{Person: r.person,
		Channel: r.channel, Cents: cents, Terms: terms})
	require.NoError(t, err)
	r.orders = append(r.orders, o)
}

// paid tells of a payment: one that is new, or one that was told before, as it was or otherwise.
func (r *topUpRun) paid(t *rapid.T) {
	p := r.h.PaidAt(rapid.SampledFrom(r.orders).Draw(t, "order"),
		fmt.Sprint("tx-", rapid.IntRange(0, 9).Draw(t, "transaction")))
	p.Channel = r.channel
	p.Cents += rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(t, "more")
	p.Currency = rapid.SampledFrom([]string{"CNY", "CNY", "CNY", "HKD"}).Draw(t, "currency")
	if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
		p.OrderRef = "nothing of ours"
	}
	before, known := r.payments[p.Transaction]
	taken, err := r.h.Money.TakePayment(r.h.Context(), p)
	if known && (before.OrderRef != p.OrderRef || before.Cents != p.Cents || before.Currency != p.Currency) {
		require.Equal(t, campus.ChannelContradicts, campus.ReasonOf(err))
		return
	}
	require.NoError(t, err)
	if !known {
		r.payments[p.Transaction], r.strays[p.Transaction] = p, r.book(p)
	}
	require.Equal(t, money.Taken{Stray: r.strays[p.Transaction], Again: known}, taken)
}

// book is what the model does with a payment that is new.
func (r *topUpRun) book(p money.ChannelPayment) (stray campus.StrayReason) {
	id, err := uuid.Parse(p.OrderRef)
	switch {
	case err != nil:
		stray = campus.OrderUnknown
	case p.Currency != "CNY":
		return campus.CurrencyDiffers
	case r.credited[id]:
		stray = campus.PaidTwice
	case p.Cents != r.asked(id):
		stray = campus.AmountDiffers
	default:
		r.credited[id] = true
		r.main += p.Cents
		r.owed += p.Cents
		return ""
	}
	if p.Currency == "CNY" {
		r.suspense += p.Cents
		r.owed += p.Cents
	}
	return stray
}

func (r *topUpRun) asked(id uuid.UUID) int64 {
	for _, o := range r.orders {
		if o.ID == id {
			return o.AmountCents
		}
	}
	return 0
}

// unpaid tells that an order was closed, or that its time is over.
func (r *topUpRun) unpaid(t *rapid.T) {
	o := rapid.SampledFrom(r.orders).Draw(t, "order")
	require.NoError(t, r.h.Money.OrderLooked(r.h.Context(), money.Looked{Order: o.ID, PayCode: "code",
		Closed: rapid.Bool().Draw(t, "closed")}))
}

func (r *topUpRun) refund(t *rapid.T) {
	o := rapid.SampledFrom(r.orders).Draw(t, "order")
	cents := rapid.Int64Range(1, 1500).Draw(t, "cents")
	refund, err := r.h.RefundBy(r.person, o.ID, cents)
	if err != nil {
		require.Contains(t, []string{"topup_not_paid", "refund_too_high", "refund_beyond_purse", "refunds_spent"}, campus.ReasonOf(err))
		return
	}
	require.True(t, r.credited[o.ID])
	r.pending[refund.ID] = cents
	r.main -= cents
}

// settle tells an outcome: of a refund that waits for one, or once more.
func (r *topUpRun) settle(t *rapid.T) {
	for _, due := range r.h.DueRefunds() {
		if due.Channel != r.channel {
			continue
		}
		if _, known := r.pending[due.ID]; !known && !r.stray[due.ID] {
			r.pending[due.ID], r.stray[due.ID] = due.AmountCents, true
		}
		paid := rapid.Bool().Draw(t, "paid")
		for range rapid.IntRange(1, 2).Draw(t, "times") {
			require.NoError(t, r.h.Money.SettleRefund(r.h.Context(), storagetest.University, r.channel, due.ID, paid, ""))
		}
		r.end(due, paid)
		r.ended[due.ID] = paid
		require.Equal(t, campus.ChannelContradicts, campus.ReasonOf(r.h.Money.SettleRefund(r.h.Context(),
			storagetest.University, r.channel, due.ID, !paid, "")))
	}
}

func (r *topUpRun) end(due money.Refunding, paid bool) {
	cents := r.pending[due.ID]
	delete(r.pending, due.ID)
	if due.Currency != "CNY" {
		return
	}
	if r.stray[due.ID] {
		r.suspense -= cents
		if !paid {
			r.unclaim += cents
		}
	} else if !paid {
		r.main += cents
	}
	if paid {
		r.owed -= cents
	}
}

// agrees compares books and account with what the channel knows. Suspense and unclaimed are of all runs together, so a
// run has them to itself.
func (r *topUpRun) agrees(t *rapid.T, before [2]int64) {
	transit := int64(0)
	for id, cents := range r.pending {
		if !r.stray[id] {
			transit += cents
		}
	}
	h := r.h
	a, err := h.Money.Account(h.Context(), r.account)
	require.NoError(t, err)
	require.Equal(t, []int64{r.main, r.suspense, r.unclaim, transit, -r.owed}, []int64{a.MainCents,
		h.Holds(campus.SuspenseBook, "") - before[0], h.Holds(campus.UnclaimedBook, "") - before[1],
		h.Holds(campus.TransitBook, r.channel), h.Holds(campus.ChannelBook, r.channel)})
	require.Equal(t, r.owed, r.main+r.suspense+r.unclaim+transit, "what was paid and not paid back is somewhere")
}

// E4, L2: call-backs in any order, repeated or contradicting themselves: what is in account and books is always what the
// channel says was paid and not refunded.
func TestTopUpsAgreeWithTheChannel(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		person, account := h.Holder(0)
		r := &topUpRun{h: h, channel: fmt.Sprint("wallet-", n), person: person, account: account,
			credited: map[uuid.UUID]bool{}, payments: map[string]money.ChannelPayment{},
			strays: map[string]campus.StrayReason{}, pending: map[uuid.UUID]int64{}, stray: map[uuid.UUID]bool{},
			ended: map[uuid.UUID]bool{}}
		before := [2]int64{h.Holds(campus.SuspenseBook, ""), h.Holds(campus.UnclaimedBook, "")}
		r.order(rt)
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			rapid.SampledFrom([]func(*rapid.T){r.order, r.paid, r.paid, r.paid, r.unpaid, r.refund, r.settle}).Draw(rt, "step")(rt)
			r.agrees(rt, before)
		}
	})
	agree(t, h)
}
