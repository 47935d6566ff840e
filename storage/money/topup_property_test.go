package money_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// topUpRun is the product beside what two channels know: what was paid there, and what was paid back.
type topUpRun struct {
	h        *storagetest.Env
	channels []string // of this run
	person   uuid.UUID
	account  uuid.UUID
	orders   []money.Order
	credited map[uuid.UUID]bool
	payments map[string]money.ChannelPayment // by channel and transaction
	strays   map[string]campus.StrayReason
	pending  map[uuid.UUID]int64 // refunds without an outcome
	by       map[uuid.UUID]string
	stray    map[uuid.UUID]bool // of those, what was never credited
	ended    map[uuid.UUID]bool // by refund: whether it was paid
	main     int64
	suspense int64
	unclaim  int64
	owed     map[string]int64 // by a channel: paid, and not paid back
	calls    int
}

func (r *topUpRun) order(t *rapid.T) {
	cents := rapid.SampledFrom([]int64{1000, 1001, 2000}).Draw(t, "cents")
	terms := r.h.Policy().Money.TopUp
	terms.Channels, terms.OpenOrders = map[string]campus.ChannelPolicy{r.channels[0]: {}, r.channels[1]: {}}, 1<<20
	terms.BalanceMost = campus.AmountMost
	o, err := r.h.Money.OpenOrder(r.h.Context(), r.h.Requested(campus.Student(r.person)), money.NewOrder{Person: r.person,
		Channel: rapid.SampledFrom(r.channels).Draw(t, "channel"), Cents: cents, Terms: terms})
	require.NoError(t, err)
	r.orders = append(r.orders, o)
}

// paid tells of a payment: one that is new, or one that was told before, as it was or otherwise. Each channel has names
// of its own, and knows its own orders alone.
func (r *topUpRun) paid(t *rapid.T) {
	o := rapid.SampledFrom(r.orders).Draw(t, "order")
	p := r.h.PaidAt(o, fmt.Sprint("tx-", rapid.IntRange(0, 9).Draw(t, "transaction")))
	if p.Channel = o.Channel; rapid.IntRange(0, 5).Draw(t, "elsewhere") == 0 {
		p.Channel = rapid.SampledFrom(r.channels).Draw(t, "by")
	}
	p.Cents += rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(t, "more")
	p.Currency = rapid.SampledFrom([]string{"CNY", "CNY", "CNY", "HKD"}).Draw(t, "currency")
	if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
		p.OrderRef = "nothing of ours"
	}
	name := p.Channel + "/" + p.Transaction
	before, known := r.payments[name]
	var taken money.Taken
	var err error
	if rapid.Bool().Draw(t, "calls back") {
		taken, err = r.hear(t, p, known)
	} else {
		taken, err = r.h.Money.TakePayment(r.h.Context(), p)
	}
	if known && (before.OrderRef != p.OrderRef || before.Cents != p.Cents || before.Currency != p.Currency) {
		require.Equal(t, campus.ChannelContradicts, campus.ReasonOf(err))
		return
	}
	require.NoError(t, err)
	if !known {
		r.payments[name], r.strays[name] = p, r.book(p)
	}
	require.Equal(t, money.Taken{Stray: r.strays[name], Again: known}, taken)
}

// hear has a channel call back about a payment, once or twice, and looks what became of it.
func (r *topUpRun) hear(t *rapid.T, p money.ChannelPayment, known bool) (money.Taken, error) {
	r.calls++
	call := casework.Callback{Sender: casework.ChannelSender(p.Channel, storagetest.University), ID: fmt.Sprint("call-", r.calls),
		BodyHash: []byte{byte(r.calls)}}
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		if err := r.h.Money.Hear(r.h.Context(), call, money.Heard{University: p.University, Channel: p.Channel,
			Payment: &p}); err != nil {
			return money.Taken{}, err
		}
	}
	again, err := r.h.Money.TakePayment(r.h.Context(), p)
	require.True(t, again.Again)
	again.Again = known
	return again, err
}

// book is what the model does with a payment that is new.
func (r *topUpRun) book(p money.ChannelPayment) (stray campus.StrayReason) {
	id, err := uuid.Parse(p.OrderRef)
	switch {
	case err != nil || r.known(id).Channel != p.Channel:
		stray = campus.OrderUnknown
	case p.Currency != "CNY":
		return campus.CurrencyDiffers
	case r.credited[id]:
		stray = campus.PaidTwice
	case p.Cents != r.known(id).AmountCents:
		stray = campus.AmountDiffers
	default:
		r.credited[id] = true
		r.main += p.Cents
		r.owed[p.Channel] += p.Cents
		return ""
	}
	if p.Currency == "CNY" {
		r.suspense += p.Cents
		r.owed[p.Channel] += p.Cents
	}
	return stray
}

// known is an order as it was asked for.
func (r *topUpRun) known(id uuid.UUID) (o money.Order) {
	for _, one := range r.orders {
		if one.ID == id {
			return one
		}
	}
	return o
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
		require.Contains(t, []string{"topup_not_paid", "refund_too_high", "already_back", "refund_beyond_purse", "refunds_spent"}, campus.ReasonOf(err))
		return
	}
	require.True(t, r.credited[o.ID])
	r.pending[refund.ID], r.by[refund.ID] = cents, o.Channel
	r.main -= cents
}

// settle tells an outcome: of a refund that waits for one, or once more.
func (r *topUpRun) settle(t *rapid.T) {
	for _, due := range r.h.DueRefunds() {
		if !slices.Contains(r.channels, due.Channel) {
			continue
		}
		if _, known := r.pending[due.ID]; !known && !r.stray[due.ID] {
			r.pending[due.ID], r.stray[due.ID] = due.AmountCents, true
		}
		paid := rapid.Bool().Draw(t, "paid")
		for range rapid.IntRange(1, 2).Draw(t, "times") {
			require.NoError(t, r.h.Money.SettleRefund(r.h.Context(), storagetest.University, due.Channel, due.ID, paid, ""))
		}
		other := r.channels[1-slices.Index(r.channels, due.Channel)]
		require.Equal(t, "refund_unknown", campus.ReasonOf(r.h.Money.SettleRefund(r.h.Context(), storagetest.University, other,
			due.ID, paid, "")), "it is not that channel's")
		r.end(due, paid)
		r.ended[due.ID] = paid
		require.Equal(t, campus.ChannelContradicts, campus.ReasonOf(r.h.Money.SettleRefund(r.h.Context(),
			storagetest.University, due.Channel, due.ID, !paid, "")))
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
		r.owed[due.Channel] -= cents
	}
}

// agrees compares books and account with what the channels know. Suspense and unclaimed are of all runs together, so a
// run has them to itself.
func (r *topUpRun) agrees(t *rapid.T, before [2]int64) {
	h, transit, owed := r.h, map[string]int64{}, int64(0)
	for id, cents := range r.pending {
		if !r.stray[id] {
			transit[r.by[id]] += cents
		}
	}
	a, err := h.Money.Account(h.Context(), r.account)
	require.NoError(t, err)
	require.Equal(t, []int64{r.main, r.suspense, r.unclaim}, []int64{a.MainCents,
		h.Holds(campus.SuspenseBook, "") - before[0], h.Holds(campus.UnclaimedBook, "") - before[1]})
	for _, channel := range r.channels {
		require.Equal(t, []int64{transit[channel], -r.owed[channel]}, []int64{h.Holds(campus.TransitBook, channel),
			h.Holds(campus.ChannelBook, channel)}, channel)
		owed += r.owed[channel] - transit[channel]
	}
	require.Equal(t, owed, r.main+r.suspense+r.unclaim, "what was paid and not paid back is somewhere")
}

// E4, L2: call-backs of two channels in any order, repeated or contradicting themselves: what is in account and books
// is always what each channel says was paid and not refunded.
func TestTopUpsAgreeWithTheChannels(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		person, account := h.Holder(0)
		r := &topUpRun{h: h, channels: []string{fmt.Sprint("wallet-", n), fmt.Sprint("bank-", n)}, person: person,
			account: account, by: map[uuid.UUID]string{}, owed: map[string]int64{},
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
