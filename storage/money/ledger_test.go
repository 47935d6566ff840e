package money_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// Whoever's it is: an actor of tests.
var someone = campus.System()

func payments(h *storagetest.Env) func(p *money.Payment) {
	return func(p *money.Payment) { p.Terms = h.Policy().Money.Terms(campus.PaymentTransfer, "shop") }
}

// L5: the subsidy is spent first where it may be, and the split is stored.
func TestPurses(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	until := campus.DateOf(h.Clock.Now()).AddDays(2)
	a := h.Account(20 * yuan)
	h.Subsidise(a.ID, 30*yuan, until)
	require.Equal(t, campus.Paid, h.Pays(a.ID, 10*yuan, payments(h)).Outcome)
	require.Equal(t, campus.Purses{Main: 10 * yuan, Subsidy: 30 * yuan}, h.AccountOf(a.ID).Purses(), "not in the shop")
	require.Equal(t, campus.InsufficientFunds, h.Pays(a.ID, 11*yuan, payments(h)).Outcome)
	require.Equal(t, campus.Paid, h.Pays(a.ID, 35*yuan).Outcome)
	require.Equal(t, campus.Purses{Main: 5 * yuan}, h.AccountOf(a.ID).Purses())
	page, _, err := h.Money.Statement(t.Context(), a.ID, nil, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{-5 * yuan, -30 * yuan}, []int64{page[0].MainChange, page[0].SubsidyChange})
	agree(t, h)
}

// L5: what is left of a subsidy when it ends goes back to the fund with the next payment, which does without it.
func TestASubsidyEnds(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(20 * yuan)
	h.Subsidise(a.ID, 30*yuan, campus.DateOf(h.Clock.Now()).AddDays(1))
	require.Equal(t, campus.Paid, h.Pays(a.ID, 5*yuan).Outcome)
	h.Tomorrow()
	require.Equal(t, campus.InsufficientFunds, h.Pays(a.ID, 21*yuan).Outcome)
	require.Equal(t, campus.Purses{Main: 20 * yuan}, h.AccountOf(a.ID).Purses())
	fund, err := h.Money.BookBalance(t.Context(), h.BookOf(campus.SubsidyFundBook, ""))
	require.NoError(t, err)
	require.Equal(t, int64(-5*yuan), fund, "what was spent")
	require.Equal(t, campus.Paid, h.Pays(a.ID, 20*yuan).Outcome)

	h.Subsidise(a.ID, 30*yuan, campus.DateOf(h.Clock.Now()).AddDays(1))
	h.Tomorrow()
	h.Subsidise(a.ID, 7*yuan, campus.DateOf(h.Clock.Now()).AddDays(9))
	require.Equal(t, int64(7*yuan), h.AccountOf(a.ID).SubsidyCents, "the first has ended")
	h.Subsidise(a.ID, 1*yuan, campus.DateOf(h.Clock.Now()).AddDays(1))
	got := h.AccountOf(a.ID)
	require.Equal(t, []any{int64(8 * yuan), campus.DateOf(h.Clock.Now()).AddDays(9)},
		[]any{got.SubsidyCents, got.SubsidyUntil}, "the later end counts")
	agree(t, h)
}

// E4: an account never goes below zero. What must be taken is owed, and the next top-up pays that first.
func TestDebt(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(20 * yuan)
	charge := h.Payment(a.ID, 50*yuan, func(p *money.Payment) { p.Kind = campus.ChargeTransfer })
	answer, err := h.Money.Charge(t.Context(), charge)
	require.NoError(t, err)
	require.Equal(t, campus.Purses{Debt: 30 * yuan}, h.AccountOf(a.ID).Purses())
	again, err := h.Money.Charge(t.Context(), charge)
	require.NoError(t, err)
	require.Equal(t, answer.Transfer, again.Transfer)
	owed, err := h.Money.BookBalance(t.Context(), h.BookOf(campus.ReceivableBook, ""))
	require.NoError(t, err)
	require.Equal(t, int64(30*yuan), owed, "the receivables are the sum of the debts")
	require.Equal(t, campus.InsufficientFunds, h.Pays(a.ID, 1).Outcome)
	h.TopUp(a.ID, 10*yuan)
	require.Equal(t, campus.Purses{Debt: 20 * yuan}, h.AccountOf(a.ID).Purses())
	h.TopUp(a.ID, 25*yuan)
	require.Equal(t, campus.Purses{Main: 5 * yuan}, h.AccountOf(a.ID).Purses())
	require.Equal(t, campus.Paid, h.Pays(a.ID, 5*yuan).Outcome)
	agree(t, h)
}

// A top-up is posted once for each key, also when it is asked for 64 times at once.
func TestATopUpIsPostedOnce(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(0)
	credit := money.Credit{Terminal: "wallet", Key: "order-1", Account: a.ID, Book: h.BookOf(campus.ChannelBook, "wallet"),
		Cents: 10 * yuan, Kind: campus.TopUpTransfer, TakenAt: h.Clock.Now()}
	errs := storagetest.AtOnce(64, func(int) error { return storagetest.Err(h.Money.Credit(t.Context(), credit)) })
	require.Zero(t, storagetest.Outcomes(errs)["key_reused"])
	require.NoError(t, storagetest.Err(h.Money.Credit(t.Context(), credit)))
	require.Equal(t, int64(10*yuan), h.AccountOf(a.ID).MainCents)
	credit.Cents++
	require.Equal(t, "key_reused", campus.ReasonOf(storagetest.Err(h.Money.Credit(t.Context(), credit))))
	h.Exec(`update accounts set main_cents = 0, closed_at = now() where id = $1`, a.ID)
	credit.Key = "order-2"
	require.Equal(t, "account_closed", campus.ReasonOf(storagetest.Err(h.Money.Credit(t.Context(), credit))))
	credit.Kind = campus.PaymentTransfer
	require.Error(t, storagetest.Err(h.Money.Credit(t.Context(), credit)))
}

// E2: a limit can be set at any time, also below what is spent; raising it takes the payment password.
func TestALimitIsChanged(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	p := h.Policy().Money
	a := h.Account(1000 * yuan)
	set := func(cents int64) string {
		return storagetest.Outcome(h.Money.SetLimit(t.Context(), p, someone, a.ID, cents))
	}
	require.Equal(t, campus.Paid, h.Pays(a.ID, 50*yuan).Outcome)
	for _, test := range []struct {
		cents int64
		want  string
	}{{p.DailyLimit + 1, "password_needed"}, {-1, "limit_range"}, {p.LimitMost + 1, "limit_range"}, {30 * yuan, "done"},
		{30*yuan + 1, "password_needed"}, {30 * yuan, "done"}, {0, "done"}, {1, "password_needed"}} {
		require.Equal(t, test.want, set(test.cents), test.cents)
	}
	answer := h.Pays(a.ID, 1)
	require.Equal(t, campus.LimitReached, answer.Outcome)
	require.Zero(t, answer.LeftCents)
	h.Tomorrow()
	require.Equal(t, campus.LimitReached, h.Pays(a.ID, 1).Outcome)
	require.Equal(t, 3, storagetest.Count(h, `audit where action = 'account.limit'`))
	require.Equal(t, "account_unknown",
		storagetest.Outcome(h.Money.SetLimit(t.Context(), p, someone, uuid.New(), 0)))
}

// E2: the day is Shanghai's, and never goes back.
func TestTheDayOfALimit(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(1000 * yuan)
	h.Clock.Advance(13*time.Hour + 59*time.Minute) // 23:59 in Shanghai
	require.Equal(t, campus.Paid, h.Pays(a.ID, 200*yuan, storagetest.Proved).Outcome)
	require.Equal(t, campus.LimitReached, h.Pays(a.ID, 1).Outcome)
	h.Clock.Advance(time.Minute)
	require.Equal(t, campus.Paid, h.Pays(a.ID, 160*yuan, storagetest.Proved).Outcome)
	h.Clock.Advance(-time.Hour)
	require.Equal(t, campus.LimitReached, h.Pays(a.ID, 41*yuan).Outcome, "a clock that went back")
	require.Equal(t, campus.Paid, h.Pays(a.ID, 40*yuan).Outcome)
	h.Clock.Advance(time.Hour)
	require.Equal(t, campus.LimitReached, h.Pays(a.ID, 1).Outcome, "the day did not go back with it")
	page, _, err := h.Money.Statement(t.Context(), a.ID, nil, 10)
	require.NoError(t, err)
	for i := range page[1:] {
		require.False(t, page[i].At.Before(page[i+1].At))
	}
}

// A refund goes back to the purses the payment took it from, the main one first, never more than was paid; on the same day
// the limit of the day has it back.
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
	return money.Refund{Terminal: "merchant-1", Key: uuid.NewString(), Payment: payment, Cents: cents, TakenAt: h.Clock.Now(),
		By: someone}
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
		`select books_day::timestamp at time zone 'Asia/Shanghai' from transfers where id = $1`, next.Transfer).In(campus.Shanghai),
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
		storagetest.One[string](h, `select key from answers where outcome = 'posted' and terminal = 'counter'`), h.Clock.Now()))))
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

// E4: a statement goes back through the months, past those in which nothing was paid, and a balance is that of its moment.
func TestStatementsOverMonths(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	require.NoError(t, storagetest.Err(h.Money.MakeMonths(t.Context(), 12)))
	a := h.Account(100 * yuan)
	want := map[int64]time.Time{1: h.Clock.Now()}
	for seq, days := range []int{0, 0, 20, 75, 1, 31} { // December, nothing in January, February, March
		h.Clock.Advance(time.Duration(days)*24*time.Hour + time.Second)
		require.Equal(t, campus.Paid, h.Pays(a.ID, 1*yuan).Outcome)
		want[int64(seq+2)] = h.Clock.Now()
	}
	var got []int64
	var from *money.Cursor
	for pages := 0; ; pages++ {
		require.Less(t, pages, 9)
		page, next, err := h.Money.Statement(t.Context(), a.ID, from, 2)
		require.NoError(t, err)
		for _, entry := range page {
			got = append(got, entry.Seq)
			require.WithinDuration(t, want[entry.Seq], entry.At, time.Millisecond)
			at, err := h.Money.BalanceAt(t.Context(), a.ID, entry.At)
			require.NoError(t, err)
			require.Equal(t, entry.Purses(), at)
			at, err = h.Money.BalanceAt(t.Context(), a.ID, entry.At.Add(-time.Millisecond))
			require.NoError(t, err)
			require.Equal(t, entry.MainAfter-entry.MainChange, at.Main)
		}
		if next == nil {
			break
		}
		from = next
	}
	require.Equal(t, []int64{7, 6, 5, 4, 3, 2, 1}, got)
	at, err := h.Money.BalanceAt(t.Context(), a.ID, h.Clock.Now().AddDate(0, -1, 0).AddDate(0, 0, -20))
	require.NoError(t, err)
	require.Equal(t, int64(97*yuan), at.Main, "of January")
	require.Equal(t, "account_unknown", campus.ReasonOf(storagetest.Err(h.Money.BalanceAt(t.Context(), uuid.New(), time.Now()))))
	empty := h.Account(0)
	page, next, err := h.Money.Statement(t.Context(), empty.ID, nil, 5)
	require.NoError(t, err)
	require.Empty(t, page)
	require.Nil(t, next)
}

// E4: an account that does not agree with its transfers is held when it is seen wrong twice in a row; the others go on.
func TestTheChecker(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	check := func(limit int) []money.Doubt {
		doubts, _, err := h.Money.Check(t.Context(), uuid.Nil, limit)
		require.NoError(t, err)
		return doubts
	}
	for name, spoil := range map[string]string{
		"the main purse":            `update accounts set main_cents = main_cents + 1 where id = $1`,
		"the subsidy":               `update accounts set subsidy_cents = 1 where id = $1`,
		"the number":                `update accounts set seq = seq + 1 where id = $1`,
		"a lost row":                `delete from transfers where account_id = $1 and seq = 2`,
		"the last row":              `delete from transfers where account_id = $1 and seq = 4`,
		"an amount":                 `update transfers set amount_cents = 101, main_change = -101 where account_id = $1 and seq = 2`,
		"a pair that was taken out": `delete from transfers where account_id = $1 and seq in (2, 3)`,
		"a balance":                 `update transfers set main_after = main_after + 1 where account_id = $1 and seq = 2`,
	} {
		a, well := h.Account(100*yuan), h.Account(100*yuan)
		paid := h.Pays(a.ID, 1*yuan)
		require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1*yuan))))
		h.Pays(a.ID, 1*yuan)
		require.Empty(t, check(100), name)
		h.ExecAsOwner(spoil, a.ID)
		doubts := check(100)
		require.Len(t, doubts, 1, name)
		require.Equal(t, a.ID, doubts[0].Account, name)
		require.False(t, doubts[0].Held, name)
		require.NotEqual(t, campus.AccountChecked, h.Pays(a.ID, 1_000_000_00).Outcome, "%s: once is not twice", name)
		require.True(t, check(100)[0].Held, name)
		require.Equal(t, campus.AccountChecked, h.Pays(a.ID, 1*yuan).Outcome, name)
		require.Equal(t, campus.Paid, h.Pays(well.ID, 1*yuan).Outcome, name)
		h.ExecAsOwner(`delete from transfers where account_id = $1`, a.ID)
		h.ExecAsOwner(`delete from accounts where id = $1`, a.ID)
	}
	a := h.Account(100 * yuan)
	h.Exec(`update accounts set main_cents = 1 where id = $1`, a.ID)
	require.Len(t, check(100), 1)
	h.Exec(`update accounts set main_cents = 10000 where id = $1`, a.ID)
	require.Empty(t, check(100), "seen right in between")
	h.Exec(`update accounts set main_cents = 1 where id = $1`, a.ID)
	require.False(t, check(100)[0].Held)
	_, next, err := h.Money.Check(t.Context(), uuid.Nil, 1)
	require.NoError(t, err)
	require.NotEqual(t, uuid.Nil, next, "there are more pages")
}

// Every constraint holds by itself and has a name that the code knows.
func TestConstraints(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a, other := h.Account(100*yuan), h.Account(100*yuan)
	h.Pays(a.ID, 1)
	paid := h.Pays(a.ID, 1)
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1))))
	for name, sql := range map[string]string{
		"accounts_main_not_negative":    `update accounts set main_cents = -1 where id = $1`,
		"accounts_subsidy_not_negative": `update accounts set subsidy_cents = -1 where id = $1`,
		"accounts_debt_not_negative":    `update accounts set debt_cents = -1, main_cents = 0 where id = $1`,
		"accounts_limit_not_negative":   `update accounts set limit_cents = -1 where id = $1`,
		"accounts_spent_not_negative":   `update accounts set spent_cents = -1 where id = $1`,
		"accounts_owes_only_when_empty": `update accounts set debt_cents = 1 where id = $1`,
		"accounts_closed_empty":         `update accounts set closed_at = now() where id = $1`,
		"accounts_holds_known":          `update accounts set holds = '{tired}' where id = $1`,
		"accounts_one_per_card":         `update accounts set card_id = (select card_id from accounts where id <> $1 limit 1) where id = $1`,
		"accounts_one_current":          `update accounts set person_id = (select person_id from accounts where id <> $1 limit 1) where id = $1`,
		"books_kind_known":              `update books set kind = 'pocket' where $1::uuid is not null`,
		"books_one":                     `insert into books (id, university, kind, ref, opened_at) select $1, university, kind, ref, opened_at from books limit 1`,
		"transfers_amount_positive":     `update transfers set amount_cents = 0, main_change = 0 where account_id = $1`,
		"transfers_two_sides":           `update transfers set from_id = to_id where account_id = $1 and from_id <> $1`,
		"transfers_one_account":         `update transfers set seq = null where account_id = $1`,
		"transfers_adds_up":             `update transfers set main_change = main_change + 1 where account_id = $1`,
		"transfers_after_not_negative":  `update transfers set main_after = -1 where account_id = $1`,
		"transfers_month_seq":           `update transfers set seq = 1 where account_id = $1`,
		"refundables_main_within":       `update refundables set main_back = main_cents + 1 where $1::uuid is not null`,
		"refundables_subsidy_within":    `update refundables set subsidy_back = -1 where $1::uuid is not null`,
		"answers_pkey":                  `update answers set key = 'one', terminal = 'one' where account_id = $1`,
	} {
		err := tryAsOwner(t, h, sql, a.ID)
		var broken *pgconn.PgError
		require.ErrorAs(t, err, &broken, name)
		got := broken.ConstraintName
		if name == "transfers_month_seq" {
			require.Regexp(t, `^transfers_2026_\d\d_seq$`, got)
			got = name
		}
		require.Equal(t, name, got)
		if name != "books_one" && name != "answers_pkey" { // by these, who is as fast is found and looks again
			require.NotEqual(t, err, money.Refusal(err), "%s is known", name)
			require.NotEmpty(t, campus.ReasonOf(money.Refusal(err)), name)
		}
	}
	require.Equal(t, int64(100*yuan), h.AccountOf(other.ID).MainCents)
}

// A month is made beside the table, once, for as long ahead as is asked; without one nothing is paid, and nothing is kept.
func TestMonths(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	h.Clock.Advance(400 * 24 * time.Hour)
	ahead, err := h.Money.MonthsAhead(t.Context())
	require.NoError(t, err)
	require.Zero(t, ahead)
	p := h.Payment(a.ID, 1*yuan)
	require.Error(t, storagetest.Err(h.Money.Pay(t.Context(), p)))
	require.Zero(t, storagetest.Count(h, `answers where key = $1`, p.Key))
	errs := storagetest.AtOnce(3, func(int) error { return storagetest.Err(h.Money.MakeMonths(t.Context(), 4)) })
	require.Equal(t, map[string]int{"done": 3}, storagetest.Outcomes(errs), "%v", errs)
	ahead, err = h.Money.MonthsAhead(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, ahead)
	made, err := h.Money.MakeMonths(t.Context(), 4)
	require.NoError(t, err)
	require.Zero(t, made)
	require.Error(t, storagetest.Err(h.Money.MakeMonths(t.Context(), 37)))
	require.Equal(t, campus.Paid, h.Pays(a.ID, 1*yuan).Outcome)
	require.Zero(t, storagetest.One[int](h, `select count(*) from pg_class c where relname ~ '^transfers_' and relkind = 'r'
		and (has_table_privilege('campuscard', c.oid, 'insert') or has_table_privilege('campuscard', c.oid, 'update')
			or has_table_privilege('campuscard', c.oid, 'delete'))`), "months are written by way of transfers")
	for _, sql := range []string{`update transfers set amount_cents = 1`, `delete from transfers`, `truncate transfers`} {
		_, err := storagetest.Connect(t, h).Exec(t.Context(), sql)
		require.ErrorContains(t, err, "permission denied", sql)
	}
}

// A month that is made while payments go on holds up none of them.
func TestAMonthIsMadeWhilePaymentsAreOpen(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	h.Clock.Advance(60 * 24 * time.Hour)
	require.NoError(t, storagetest.Err(h.Money.MakeMonths(t.Context(), 3)))
	h.Clock.Advance(60 * 24 * time.Hour)
	tx, err := storagetest.Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at)
		select money_id(now()), gen_random_uuid(), gen_random_uuid(), 1, 'x', now(), '', '', now(), now()`)
	require.NoError(t, err)
	made, err := h.Money.MakeMonths(t.Context(), 3)
	require.NoError(t, err)
	require.Positive(t, made)
	require.Equal(t, campus.Paid, h.Pays(a.ID, 1*yuan).Outcome)
	require.NoError(t, tx.Rollback(t.Context()))
}

func tryAsOwner(t *testing.T, h *storagetest.Env, sql string, args ...any) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.Owner)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // nothing is lost
	_, err = conn.Exec(t.Context(), sql, args...)
	return err
}

// The answer to a payment goes after 35 days. Who asks then with its key is too late, so it is paid once; what was
// credited stays known.
func TestOldAnswersGo(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	p := h.Payment(a.ID, 1*yuan)
	require.NoError(t, storagetest.Err(h.Money.Pay(t.Context(), p)))
	h.Clock.Advance(35*24*time.Hour - time.Minute)
	drop := func() int64 {
		dropped, err := h.DropExpired(t.Context(), 100)
		require.NoError(t, err)
		return dropped
	}
	require.Zero(t, drop())
	h.Clock.Advance(2 * time.Minute)
	require.Equal(t, int64(1), drop())
	answer, err := h.Money.Pay(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, campus.PaymentTime, answer.Outcome)
	require.Equal(t, 1, storagetest.Count(h, `answers where outcome = 'posted'`))
	require.Equal(t, int64(99*yuan), h.AccountOf(a.ID).MainCents)
}
