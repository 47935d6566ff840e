package money_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// A refund goes back to the purses the payment took it from, the main one first, never more than was paid; on the same
// day the limit of the day has it back.
func TestRefunds(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	h.Subsidise(a.ID, 30*yuan, campus.Date{})
	paid := h.Pays(a.ID, 50*yuan)
	back := func(cents int64) string {
		return storagetest.Outcome(storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, cents))))
	}
	require.Equal(t, "done", back(15*yuan))
	got := h.AccountOf(a.ID)
	require.Equal(t, campus.Purses{Main: 95 * yuan}, got.Purses())
	require.Equal(t, int64(35*yuan), got.SpentCents)
	require.Equal(t, "done", back(10*yuan))
	require.Equal(t, campus.Purses{Main: 100 * yuan, Subsidy: 5 * yuan}, h.AccountOf(a.ID).Purses())
	require.Equal(t, "refund_too_high", back(25*yuan+1))
	h.Tomorrow()
	require.Equal(t, campus.Paid, h.Pays(a.ID, 20*yuan).Outcome)
	require.Equal(t, "done", back(25*yuan))
	got = h.AccountOf(a.ID)
	require.Equal(t, campus.Purses{Main: 85 * yuan, Subsidy: 25 * yuan}, got.Purses())
	require.Equal(t, int64(20*yuan), got.SpentCents, "a later refund does not give the limit back")
	require.Equal(t, "refund_too_high", back(1))
	require.Equal(t, "amount_invalid", back(0))
	require.Equal(t, "amount_invalid", back(-5))
	page, _, err := h.Money.Statement(t.Context(), a.ID, nil, 20)
	require.NoError(t, err)
	for _, entry := range page {
		if entry.ID == paid.Transfer {
			require.Equal(t, int64(50*yuan), entry.BackCents)
		}
	}
	merchant, err := h.Money.BookBalance(t.Context(), h.BookOf(campus.MerchantBook, "canteen"))
	require.NoError(t, err)
	require.Equal(t, int64(20*yuan), merchant)
	paid.Transfer = uuid.New()
	require.Equal(t, "payment_unknown", back(1))
	paid.Transfer = page[0].ID
	require.Equal(t, "payment_unknown", back(1), "a refund is no payment")
	agree(t, h)
}

func refund(h *storagetest.Env, payment uuid.UUID, cents int64) money.Refund {
	return money.Refund{Terminal: "merchant-1", Key: uuid.NewString(), Payment: payment, Cents: cents,
		TakenAt: h.Clock.Now(), By: someone}
}

// A part that would go to a subsidy that has ended goes to the fund.
func TestARefundAfterTheSubsidyHasEnded(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(10 * yuan)
	h.Subsidise(a.ID, 30*yuan, campus.DateOf(h.Clock.Now()).AddDays(1))
	paid := h.Pays(a.ID, 35*yuan)
	h.Tomorrow()
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 35*yuan))))
	require.Equal(t, campus.Purses{Main: 10 * yuan}, h.AccountOf(a.ID).Purses())
	for kind, want := range map[campus.BookKind]int64{campus.SubsidyFundBook: 0, campus.MerchantBook: 0} {
		ref := ""
		if kind == campus.MerchantBook {
			ref = "canteen"
		}
		got, err := h.Money.BookBalance(t.Context(), h.BookOf(kind, ref))
		require.NoError(t, err)
		require.Equal(t, want, got, kind)
	}
	agree(t, h)
}

// Two refunds at once never give back more than was paid, and the same key gives back once.
func TestRaceOfRefunds(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	second := another(t, h)
	a := h.Account(100 * yuan)
	paid := h.Pays(a.ID, 50*yuan)
	r := refund(h, paid.Transfer, 30*yuan)
	others := make([]money.Refund, 8)
	for i := range others {
		if others[i] = refund(h, paid.Transfer, 30*yuan); i%2 == 0 {
			others[i] = r
		}
	}
	counts := storagetest.Outcomes(storagetest.AtOnce(8, func(i int) error {
		return storagetest.Err([]*money.Store{h.Money, second.Money}[i/4].Refund(t.Context(), others[i]))
	}))
	require.Zero(t, counts["contested"], "%v", counts)
	require.Equal(t, int64(80*yuan), h.AccountOf(a.ID).MainCents)
	h.Subsidise(a.ID, 30*yuan, campus.Date{})
	paid = h.Pays(a.ID, 50*yuan)
	parts := make([]money.Refund, 10)
	for i := range parts {
		parts[i] = refund(h, paid.Transfer, 5*yuan)
	}
	require.Equal(t, map[string]int{"done": 10}, storagetest.Outcomes(storagetest.AtOnce(10, func(i int) error {
		return storagetest.Err([]*money.Store{h.Money, second.Money}[i/5].Refund(t.Context(), parts[i]))
	})), "each part finds what the ones before it have left in each purse")
	require.Equal(t, campus.Purses{Main: 80 * yuan, Subsidy: 30 * yuan}, h.AccountOf(a.ID).Purses())
	agree(t, h)
}

// A sale is voided whole, at its till, before anything was given back and before the books of its day are closed.
func TestVoid(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	void := func(payment uuid.UUID) string {
		r := refund(h, payment, 0)
		r.Void = true
		return storagetest.Outcome(storagetest.Err(h.Money.Refund(t.Context(), r)))
	}
	first, second, third := h.Pays(a.ID, 10*yuan), h.Pays(a.ID, 20*yuan), h.Pays(a.ID, 30*yuan)
	require.Equal(t, "done", void(first.Transfer))
	require.Equal(t, "refund_too_high", void(first.Transfer))
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, second.Transfer, 1))))
	require.Equal(t, "refund_too_high", void(second.Transfer))
	h.Exec(`insert into books_closed (day, closed_at) values ($1, now())`, campus.DateOf(h.Clock.Now()))
	require.Equal(t, "settled", void(third.Transfer))
	require.Equal(t, "settled", storagetest.Outcome(storagetest.Err(h.Money.Reverse(t.Context(), "till-1",
		storagetest.One[string](h, `select key from transfers where id = $1`, third.Transfer), h.Clock.Now()))))
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, third.Transfer, 30*yuan))))
	next := h.Pays(a.ID, 1*yuan)
	require.Equal(t, campus.DateOf(h.Clock.Now()).AddDays(1).Start(), storagetest.One[time.Time](h,
		`select books_day::timestamp at time zone 'Asia/Shanghai' from transfers where id = $1`,
		next.Transfer).In(campus.Shanghai),
		"a closed day takes nothing more")
	agree(t, h)
}

// 冲正: a till that has not seen the answer takes its key back, whatever stands there.
func TestReversals(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	reverse := func(key string) money.Answer {
		answer, err := h.Money.Reverse(t.Context(), "till-1", key, h.Clock.Now())
		require.NoError(t, err)
		require.True(t, answer.Reversed)
		return answer
	}
	p := h.Payment(a.ID, 40*yuan)
	paid, err := h.Money.Pay(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, campus.Paid, reverse(p.Key).Outcome)
	require.Equal(t, campus.Paid, reverse(p.Key).Outcome, "again")
	got := h.AccountOf(a.ID)
	require.Equal(t, []int64{100 * yuan, 0, 3}, []int64{got.MainCents, got.SpentCents, got.Seq})
	again, err := h.Money.Pay(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, []any{campus.Paid, paid.Transfer, true}, []any{again.Outcome, again.Transfer, again.Reversed},
		"the first answer, and what has happened since")

	early := h.Payment(a.ID, 40*yuan)
	require.Equal(t, campus.ReversedFirst, reverse(early.Key).Outcome, "before its original")
	for _, change := range []int64{0, 1} { // whatever it is
		early.Cents += change
		answer, err := h.Money.Pay(t.Context(), early)
		require.NoError(t, err)
		require.Equal(t, campus.ReversedFirst, answer.Outcome)
		require.Zero(t, answer.Transfer)
	}
	declined := h.Payment(a.ID, 101*yuan, storagetest.Proved)
	require.NoError(t, storagetest.Err(h.Money.Pay(t.Context(), declined)))
	require.Equal(t, campus.InsufficientFunds, reverse(declined.Key).Outcome)

	partly := h.Payment(a.ID, 40*yuan)
	paid, err = h.Money.Pay(t.Context(), partly)
	require.NoError(t, err)
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 15*yuan))))
	reverse(partly.Key)
	require.Equal(t, int64(100*yuan), h.AccountOf(a.ID).MainCents, "only what is left")
	require.Equal(t, "refund_too_high",
		storagetest.Outcome(storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1)))))
	r := refund(h, paid.Transfer, 1)
	r.Terminal, r.Key = "till-1", partly.Key
	require.Equal(t, "key_reused", storagetest.Outcome(storagetest.Err(h.Money.Refund(t.Context(), r))))
	require.Equal(t, "not_a_payment", storagetest.Outcome(storagetest.Err(h.Money.Reverse(t.Context(), "counter",
		storagetest.One[string](h, `select key from answers where outcome = 'posted' and terminal = 'counter'`),
		h.Clock.Now()))))
	agree(t, h)
}

// A payment and its reversal at once: whichever comes first, nothing is taken in the end.
func TestRaceOfAPaymentWithItsReversal(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	second := another(t, h)
	a := h.Account(100 * yuan)
	for range 20 {
		p := h.Payment(a.ID, 1*yuan)
		errs := storagetest.AtOnce(4, func(i int) error {
			if i%2 == 0 {
				return storagetest.Err(h.Money.Pay(t.Context(), p))
			}
			return storagetest.Err(second.Money.Reverse(t.Context(), p.Terminal, p.Key, h.Clock.Now()))
		})
		require.Equal(t, map[string]int{"done": 4}, storagetest.Outcomes(errs), "%v", errs)
		require.Equal(t, int64(100*yuan), h.AccountOf(a.ID).MainCents)
		require.True(t, storagetest.One[bool](h, `select (outcome = 'paid') = (reversal_id is not null) from answers
			where key = $1`, p.Key), "the transfer that gave back stays with the answer")
	}
	agree(t, h)
}
