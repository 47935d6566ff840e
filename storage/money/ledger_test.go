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

// E4: what must be taken of an account whose card was replaced, the holder owes where they pay now. Of one that is
// closed nobody owes anything: the loss cover pays what was sold before, once, and what was sold afterwards is the
// merchant's.
func TestAChargeOfAnAccountThatIsOver(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	first, next, closed := h.Account(20*yuan), h.Account(10*yuan), h.Account(0)
	h.Exec(`update accounts set successor = $2 where id = $1`, first.ID, next.ID)
	charge := func(account money.Account) money.Payment {
		return h.Payment(account.ID, 15*yuan, func(p *money.Payment) { p.Kind = campus.ChargeTransfer })
	}
	require.NoError(t, storagetest.Err(h.Money.Charge(t.Context(), charge(first))))
	require.Equal(t, []campus.Purses{{Main: 20 * yuan}, {Debt: 5 * yuan}},
		[]campus.Purses{h.AccountOf(first.ID).Purses(), h.AccountOf(next.ID).Purses()})

	before := charge(closed)
	h.Clock.Advance(time.Minute)
	h.Exec(`update accounts set closed_at = $2 where id = $1`, closed.ID, h.Clock.Now())
	answer, err := h.Money.Charge(t.Context(), before)
	require.NoError(t, err)
	require.Equal(t, []any{money.Posted, int64(0)}, []any{answer.Outcome, answer.BalanceCents})
	require.True(t, answer.At.Equal(h.Clock.Now()))
	again, err := h.Money.Charge(t.Context(), before)
	require.NoError(t, err)
	require.Equal(t, answer.Transfer, again.Transfer)
	require.Equal(t, "account_closed", storagetest.Outcome(storagetest.Err(h.Money.Charge(t.Context(), charge(closed)))))
	require.Equal(t, []int64{-15 * yuan, 30 * yuan, 5 * yuan}, []int64{h.Holds(campus.LossCoverBook, ""),
		h.Holds(campus.MerchantBook, "canteen"), h.Holds(campus.ReceivableBook, "")})
	require.Zero(t, h.AccountOf(closed.ID).Purses())
	require.Equal(t, "payment_unknown", storagetest.Outcome(storagetest.Err(h.Money.Refund(t.Context(),
		refund(h, answer.Transfer, 1)))), "it was nobody's money")
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
	require.Equal(t, []string{"account.limit_from_20000_to_3000", "account.limit_from_3000_to_3000",
		"account.limit_from_3000_to_0"}, storagetest.One[[]string](h, `select array_agg(action order by id) from audit
			where action like 'account.limit%' and university = $1`, storagetest.University))
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

// E4: a statement goes back through the months, past those in which nothing was paid, and a balance is that of its
// moment.
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
	whole, next, err := h.Money.Statement(t.Context(), a.ID, nil, 10)
	require.NoError(t, err)
	require.Nil(t, next)
	for i, entry := range whole {
		require.Equal(t, got[i], entry.Seq, "the same on one page")
	}
	require.Len(t, whole, len(got))
	at, err := h.Money.BalanceAt(t.Context(), a.ID, h.Clock.Now().AddDate(0, -1, 0).AddDate(0, 0, -20))
	require.NoError(t, err)
	require.Equal(t, int64(97*yuan), at.Main, "of January")
	require.Equal(t, "account_unknown",
		campus.ReasonOf(storagetest.Err(h.Money.BalanceAt(t.Context(), uuid.New(), time.Now()))))
	empty := h.Account(0)
	page, next, err := h.Money.Statement(t.Context(), empty.ID, nil, 5)
	require.NoError(t, err)
	require.Empty(t, page)
	require.Nil(t, next)
}

// E2: near midnight, or by a clock that goes back, what is spent is counted on the day of its transfer.
func TestTheDayIsThatOfTheTransfer(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(0)
	h.Clock.Advance(14*time.Hour + time.Second) // a second after midnight in Shanghai
	h.TopUp(a.ID, 1000*yuan)
	today := campus.DateOf(h.Clock.Now())
	h.Clock.Advance(-2 * time.Second) // of a process that is a little late
	paid := h.Pays(a.ID, 150*yuan, storagetest.Proved)
	require.Equal(t, campus.Paid, paid.Outcome)
	require.Equal(t, today, campus.DateOf(paid.At))
	h.Clock.Advance(2 * time.Second)
	require.Equal(t, int64(50*yuan), h.Pays(a.ID, 51*yuan, storagetest.Proved).LeftCents)
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 150*yuan))))
	require.Equal(t, []any{today, int64(0)}, []any{h.AccountOf(a.ID).Day, h.AccountOf(a.ID).SpentCents})

	ahead := h.Account(1000 * yuan)
	h.Exec(`update accounts set day = $2 where id = $1`, ahead.ID, today.AddDays(1))
	h.TopUp(ahead.ID, 1*yuan)
	require.Equal(t, today.AddDays(1), campus.DateOf(*h.AccountOf(ahead.ID).LastAt))
	paid = h.Pays(ahead.ID, 1*yuan)
	require.Equal(t, today.AddDays(1), campus.DateOf(paid.At), "the day does not go back, and the transfer is of it")
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1*yuan))))
	require.Zero(t, h.AccountOf(ahead.ID).SpentCents)
	agree(t, h)
}

// E2: a sale without network counts on its own day, if that is not over when it is uploaded, and never moves the day to
// that of its upload.
func TestAChargeCountsOnItsOwnDay(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(1000 * yuan)
	today := campus.DateOf(h.Clock.Now())
	charge := func(age time.Duration) {
		p := h.Payment(a.ID, 10*yuan, taken(h, -age), func(p *money.Payment) { p.Kind = campus.ChargeTransfer })
		require.NoError(t, storagetest.Err(h.Money.Charge(t.Context(), p)))
	}
	spent := func() []any { return []any{h.AccountOf(a.ID).Day, h.AccountOf(a.ID).SpentCents} }
	require.Equal(t, campus.Paid, h.Pays(a.ID, 20*yuan).Outcome)
	charge(time.Hour)
	require.Equal(t, []any{today, int64(30 * yuan)}, spent())
	charge(24 * time.Hour)
	require.Equal(t, []any{today, int64(30 * yuan)}, spent(), "of yesterday")
	h.Tomorrow()
	charge(24 * time.Hour)
	require.Equal(t, []any{today, int64(30 * yuan)}, spent(), "of yesterday, the first that is posted today")
	charge(time.Hour)
	require.Equal(t, []any{today.AddDays(1), int64(10 * yuan)}, spent())
	require.Equal(t, int64(170*yuan), h.Pays(a.ID, 20*yuan).LeftCents)
	agree(t, h)
}

// E4: the other side of a transfer is a book that there is.
func TestABookThatIsNone(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a, other := h.Account(100*yuan), h.Account(0)
	for name, book := range map[string]uuid.UUID{"none": uuid.Nil, "an account": other.ID, "itself": a.ID,
		"unknown": uuid.New()} {
		p := h.Payment(a.ID, 1*yuan, func(p *money.Payment) { p.Book = book })
		charge := p
		charge.Kind = campus.ChargeTransfer
		credit := money.Credit{Terminal: "counter", Key: p.Key, Account: a.ID, Book: book, Cents: 1,
			Kind: campus.TopUpTransfer, TakenAt: h.Clock.Now()}
		for what, err := range map[string]error{"pay": storagetest.Err(h.Money.Pay(t.Context(), p)),
			"charge": storagetest.Err(h.Money.Charge(t.Context(), charge)),
			"credit": storagetest.Err(h.Money.Credit(t.Context(), credit))} {
			require.Equal(t, "book_unknown", storagetest.Outcome(err), "%s, %s", name, what)
		}
		require.Zero(t, storagetest.Count(h, `answers where key = $1`, p.Key), "nothing is kept")
	}
	require.Equal(t, int64(1), h.AccountOf(a.ID).Seq)
}
