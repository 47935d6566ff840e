package money_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// E4, L2: an order is credited once, whatever calls back how often, also 64 times at once.
func TestAnOrderIsCreditedOnce(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account := h.Holder(0)
	o := h.Order(person, 20*yuan)
	p := h.PaidAt(o, "tx-1")
	errs := storagetest.AtOnce(64, func(int) error { return storagetest.Err(h.Money.TakePayment(t.Context(), p)) })
	require.Zero(t, storagetest.Outcomes(errs)[campus.ChannelContradicts])
	require.Equal(t, money.Taken{Again: true}, h.Takes(p))
	require.Equal(t, int64(20*yuan), h.AccountOf(account).MainCents)
	require.Equal(t, int64(-20*yuan), h.Holds(campus.ChannelBook, "wallet"), "what the channel owes us")
	got, err := h.Money.Order(t.Context(), person, o.ID)
	require.NoError(t, err)
	require.Equal(t, campus.OrderPaid, got.State)
	require.Equal(t, []string{"notice.topped_up"}, templates(h, person))
	agree(t, h)
}

// What a channel says last does not undo what it said first.
func TestCallBacksInAnyOrder(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		before, after []func(*storagetest.Env, money.Order) error
		state         campus.OrderState
		notice        string
	}{
		"paid after it has expired is credited": {before: looks(late), state: campus.OrderPaid,
			notice: "notice.topped_up_late"},
		"paid after it was closed is credited": {before: looks(closed), state: campus.OrderPaid,
			notice: "notice.topped_up_late"},
		"closed after it was paid changes nothing": {after: looks(closed), state: campus.OrderPaid,
			notice: "notice.topped_up"},
		"expired after it was paid changes nothing": {after: looks(late), state: campus.OrderPaid,
			notice: "notice.topped_up"},
		"closed after it has expired changes nothing": {before: looks(late, closed), state: campus.OrderPaid,
			notice: "notice.topped_up_late"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			person, account := h.Holder(0)
			o := h.Order(person, 20*yuan)
			for _, look := range test.before {
				require.NoError(t, look(h, o))
			}
			require.Equal(t, money.Taken{}, h.Takes(h.PaidAt(o, "tx-1")))
			for _, look := range test.after {
				require.NoError(t, look(h, o))
			}
			got, err := h.Money.Order(t.Context(), person, o.ID)
			require.NoError(t, err)
			require.Equal(t, test.state, got.State)
			require.Equal(t, int64(20*yuan), h.AccountOf(account).MainCents)
			require.Equal(t, []string{test.notice}, templates(h, person))
		})
	}
}

func looks(of ...func(*storagetest.Env, money.Order) error) []func(*storagetest.Env, money.Order) error {
	return of
}

func late(h *storagetest.Env, o money.Order) error {
	h.Clock.Advance(h.Policy().Money.TopUp.OrderLife.Std())
	return h.Money.OrderLooked(h.Context(), money.Looked{Order: o.ID, PayCode: "code"})
}

func closed(h *storagetest.Env, o money.Order) error {
	return h.Money.OrderLooked(h.Context(), money.Looked{Order: o.ID, Closed: true})
}

// What cannot be credited lies in suspense and goes back to its source.
func TestStrayPayments(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		change func(*storagetest.Env, uuid.UUID, *money.ChannelPayment)
		want   campus.StrayReason
		notice []string
	}{
		"another amount": {func(_ *storagetest.Env, _ uuid.UUID, p *money.ChannelPayment) { p.Cents-- },
			campus.AmountDiffers, []string{"notice.topup_returned"}},
		"another currency": {func(_ *storagetest.Env, _ uuid.UUID, p *money.ChannelPayment) { p.Currency = "HKD" },
			campus.CurrencyDiffers, []string{"notice.topup_returned"}},
		"an order that nobody has asked for": {
			func(_ *storagetest.Env, _ uuid.UUID, p *money.ChannelPayment) { p.OrderRef = uuid.NewString() },
			campus.OrderUnknown, nil},
		"an order that is no id": {
			func(_ *storagetest.Env, _ uuid.UUID, p *money.ChannelPayment) { p.OrderRef = "rent for May" },
			campus.OrderUnknown, nil},
		"an order of another channel": {
			func(_ *storagetest.Env, _ uuid.UUID, p *money.ChannelPayment) { p.Channel = "bank" },
			campus.OrderUnknown, nil},
		"a second payer": {func(h *storagetest.Env, _ uuid.UUID, p *money.ChannelPayment) {
			first := *p
			first.Transaction = "tx-0"
			h.Takes(first)
		}, campus.PaidTwice, []string{"notice.topped_up", "notice.topup_returned"}},
		"an account that was closed": {func(h *storagetest.Env, account uuid.UUID, _ *money.ChannelPayment) {
			h.Exec(`update accounts set closed_at = now() where id = $1`, account)
		}, campus.StrayClosed, []string{"notice.topup_returned"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			person, account := h.Holder(0)
			p := h.PaidAt(h.Order(person, 20*yuan), "tx-1")
			test.change(h, account, &p)
			before, held := h.AccountOf(account).MainCents, h.Holds(campus.ChannelBook, p.Channel)
			require.Equal(t, money.Taken{Stray: test.want}, h.Takes(p))
			require.Equal(t, money.Taken{Stray: test.want, Again: true}, h.Takes(p))
			require.Equal(t, before, h.AccountOf(account).MainCents, "nothing is credited")
			inBooks := p.Cents
			if p.Currency != campus.Yuan {
				inBooks = 0
			}
			require.Equal(t, []int64{inBooks, held - inBooks},
				[]int64{h.Holds(campus.SuspenseBook, ""), h.Holds(campus.ChannelBook, p.Channel)})
			due := h.DueRefunds()
			require.Len(t, due, 1)
			require.Equal(t, []any{campus.StrayRefund, p.Transaction, p.Cents, p.Currency},
				[]any{due[0].Kind, due[0].Transaction, due[0].AmountCents, due[0].Currency})
			for range 2 {
				require.NoError(t, h.Money.SettleRefund(t.Context(), p.University, p.Channel, due[0].ID, true, ""))
			}
			require.Equal(t, []int64{0, held},
				[]int64{h.Holds(campus.SuspenseBook, ""), h.Holds(campus.ChannelBook, p.Channel)})
			require.Equal(t, test.notice, templates(h, person))
			if test.want != campus.OrderUnknown {
				orders, err := h.Money.Orders(t.Context(), person, uuid.Nil, 1)
				require.NoError(t, err)
				require.Empty(t, orders[0].Refunds)
				require.Equal(t, []any{test.want, campus.RefundDone, p.Currency}, []any{orders[0].Returns[0].Stray,
					orders[0].Returns[0].State, orders[0].Returns[0].Currency}, "the order says so")
			}
			agree(t, h)
		})
	}
}

// What the source does not take back is nobody's, and people see it.
func TestAStrayPaymentThatDoesNotGoBack(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	p := h.PaidAt(h.Order(person, 20*yuan), "tx-1", func(p *money.ChannelPayment) { p.Cents = 7 })
	h.Takes(p)
	require.NoError(t, h.Settles(h.DueRefunds()[0].ID, false))
	require.Equal(t, []int64{0, 7, -7}, []int64{h.Holds(campus.SuspenseBook, ""), h.Holds(campus.UnclaimedBook, ""),
		h.Holds(campus.ChannelBook, "wallet")})
	stuck, err := h.Money.StuckRefunds(t.Context(), storagetest.University, h.Clock.Now(), uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, stuck, 1)
	require.Equal(t, campus.RefundUnclaimed, stuck[0].State)
	require.Equal(t, []string{"notice.topup_not_returned"}, templates(h, person))
}

// A channel that says two things of one payment is not believed the second.
func TestAPaymentIsOneThing(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account := h.Holder(0)
	p := h.PaidAt(h.Order(person, 20*yuan), "tx-1")
	h.Takes(p)
	for _, change := range []func(*money.ChannelPayment){
		func(p *money.ChannelPayment) { p.Cents++ },
		func(p *money.ChannelPayment) { p.Currency = "USD" },
		func(p *money.ChannelPayment) { p.OrderRef = uuid.NewString() },
	} {
		other := p
		change(&other)
		require.Equal(t, campus.ChannelContradicts, storagetest.Outcome(storagetest.Err(h.Money.TakePayment(t.Context(), other))))
	}
	for _, cents := range []int64{0, -1, campus.AmountMost + 1} {
		require.Equal(t, "amount_invalid", storagetest.Outcome(storagetest.Err(h.Money.TakePayment(t.Context(),
			h.PaidAt(money.Order{AmountCents: cents}, "tx-2")))))
	}
	require.Equal(t, int64(20*yuan), h.AccountOf(account).MainCents)
}

// follows is the account of a person's next card, in place of the one they have.
func follows(h *storagetest.Env, person, account uuid.UUID) uuid.UUID {
	next := h.Account(0).ID
	h.Exec(`update accounts set successor = $1 where id = $2`, next, account)
	h.Exec(`update accounts set person_id = $1 where id = $2`, person, next)
	return next
}

// F3: what was paid for a card that was replaced meanwhile goes to the new one.
func TestATopUpFollowsTheSuccessor(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account := h.Holder(0)
	p := h.PaidAt(h.Order(person, 20*yuan), "tx-1")
	next := follows(h, person, account)
	require.Equal(t, money.Taken{}, h.Takes(p))
	require.Equal(t, int64(20*yuan), h.AccountOf(next).MainCents)
}

// Who may ask for a top-up, and for how much.
func TestAskingForATopUp(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	terms := h.Policy().Money.TopUp
	person, account := h.Holder(terms.BalanceMost - 600*yuan)
	outcome := func(cents int64) string {
		return storagetest.Outcome(storagetest.Err(h.OrderBy(person, cents)))
	}
	for cents, want := range map[int64]string{0: "topup_range", -1: "topup_range",
		campus.AmountMost + 1: "topup_range", terms.Least - 1: "topup_range", terms.Most + 1: "topup_range"} {
		require.Equal(t, want, outcome(cents))
	}
	_, err := h.Money.OpenOrder(t.Context(), h.Requested(someone), money.NewOrder{Person: person, Channel: "shells",
		Cents: terms.Least, Terms: terms})
	require.Equal(t, "channel_unknown", storagetest.Outcome(err))
	require.Equal(t, "account_unknown", storagetest.Outcome(storagetest.Err(h.OrderBy(uuid.New(), terms.Least))))
	require.Equal(t, "done", outcome(terms.Most))
	require.Equal(t, "balance_ceiling_unpaid", outcome(100*yuan+1), "what is asked for counts")
	for range terms.OpenOrders - 1 {
		require.Equal(t, "done", outcome(terms.Least))
	}
	require.Equal(t, "orders_open", outcome(terms.Least))
	h.Clock.Advance(terms.OrderLife.Std())
	require.Equal(t, "done", outcome(terms.Least), "what nobody can pay in time any more does not count")
	h.Exec(`update accounts set holds = '{ended}' where id = $1`, account)
	require.Equal(t, "card_ended", outcome(terms.Least))
	h.Exec(`update accounts set holds = '{lost}' where id = $1`, account)
	require.Equal(t, "done", outcome(terms.Least), "a card that does not pay takes money")
}

// The same request again is the same order, also at once.
func TestAskingTwice(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	req := h.Requested(campus.Student(person))
	ids := make([]uuid.UUID, 16)
	storagetest.AtOnce(len(ids), func(n int) error {
		try := req
		try.ID = uuid.Must(uuid.NewV7())
		o, err := h.Money.OpenOrder(t.Context(), try, money.NewOrder{Person: person, Channel: "wallet", Cents: 20 * yuan,
			Terms: h.Policy().Money.TopUp})
		ids[n] = o.ID
		return err
	})
	orders, err := h.Money.Orders(t.Context(), person, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, orders, 1)
	for _, id := range ids {
		require.Contains(t, []uuid.UUID{uuid.Nil, orders[0].ID}, id)
	}
}

// A due order is handed to one asker, until its lease is over; what is paid is asked about no more.
func TestDueOrders(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	o := h.Order(person, 20*yuan)
	due := func() int {
		orders, err := h.Money.DueOrders(t.Context(), storagetest.Wallet(), 10, time.Minute)
		require.NoError(t, err)
		return len(orders)
	}
	require.Equal(t, []int{1, 0}, []int{due(), due()})
	h.Clock.Advance(time.Minute)
	require.Equal(t, 1, due())
	require.NoError(t, h.Money.OrderLooked(t.Context(), money.Looked{Order: o.ID, PayCode: "weixin://1",
		Next: h.Clock.Now().Add(time.Hour)}))
	got, err := h.Money.Order(t.Context(), person, o.ID)
	require.NoError(t, err)
	require.Equal(t, []any{campus.OrderWaiting, "weixin://1"}, []any{got.State, got.PayCode})
	h.Clock.Advance(time.Hour)
	h.Takes(h.PaidAt(o, "tx-1"))
	require.Zero(t, due())
}

// A channel that does not take an order ends it; the holder sees why.
func TestARefusedOrder(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	o := h.Order(person, 20*yuan)
	require.NoError(t, h.Money.OrderLooked(t.Context(), money.Looked{Order: o.ID, Refused: "merchant_closed"}))
	got, err := h.Money.Order(t.Context(), person, o.ID)
	require.NoError(t, err)
	require.Equal(t, []any{campus.OrderRefused, "merchant_closed"}, []any{got.State, got.Failure})
	require.Equal(t, "topup_unknown", storagetest.Outcome(storagetest.Err(h.Money.Order(t.Context(), uuid.New(), o.ID))),
		"somebody else's")
}

// templates are the notices that somebody was sent, in their order.
func templates(h *storagetest.Env, person uuid.UUID) []string {
	return storagetest.One[[]string](h, `select array_agg(template order by id) from notices where person_id = $1`, person)
}

// L2: what a channel has is credited whatever its clock says, and no statement shows a moment that is still to come.
func TestAChannelWhoseClockIsWrong(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account := h.Holder(0)
	now := h.Clock.Now()
	for i, at := range []time.Time{{}, now.AddDate(-300, 0, 0), now.Add(11 * time.Minute), now.AddDate(173, 0, 0)} {
		p := h.PaidAt(h.Order(person, 20*yuan), "tx-"+strconv.Itoa(i), func(p *money.ChannelPayment) { p.PaidAt = at })
		require.NoError(t, storagetest.Err(h.Money.TakePayment(t.Context(), p)))
		require.WithinDuration(t, now, storagetest.One[time.Time](h, `select taken_at from transfers where account_id = $1
			order by seq desc limit 1`, account), time.Millisecond)
	}
}

// L2: the id of a call-back is of one channel at one university: each of them numbers its own.
func TestCallBacksOfSeveralChannelsHaveTheSameIDs(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account := h.Holder(0)
	h.University("lcvtc")
	o := h.Order(person, 20*yuan)
	for i, of := range []money.Contract{storagetest.Wallet(), {University: storagetest.University, Channel: "bank"},
		{University: "lcvtc", Channel: campus.WalletAdapter}} {
		p := h.PaidAt(o, "tx-1", func(p *money.ChannelPayment) { p.University, p.Channel = of.University, of.Channel })
		require.NoError(t, h.Money.Hear(t.Context(), casework.Callback{ID: "msg-1", BodyHash: []byte{byte(i)},
			Sender: casework.ChannelSender(of.Channel, of.University)}, money.Heard{University: of.University, Channel: of.Channel,
			Payment: &p}), "%+v", of)
	}
	require.Equal(t, 3, storagetest.Count(h, `topup_payments`))
	require.Equal(t, int64(20*yuan), h.AccountOf(account).MainCents, "the order is one channel's")
}
