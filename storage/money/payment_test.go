package money_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

const yuan = 100

// E1, E2: a payment takes from the purse, answers what is left of the day's limit, and stands in the statement.
func TestAPayment(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	answer := h.Pays(a.ID, 30*yuan)
	require.Equal(t, money.Answer{Outcome: campus.Paid, Transfer: answer.Transfer, LeftCents: 170 * yuan,
		BalanceCents: 70 * yuan, At: answer.At}, answer)
	a = h.AccountOf(a.ID)
	require.Equal(t, campus.Purses{Main: 70 * yuan}, a.Purses())
	require.Equal(t, []any{int64(2), int64(30 * yuan), campus.DateOf(h.Clock.Now())}, []any{a.Seq, a.SpentCents, a.Day})
	page, next, err := h.Money.Statement(t.Context(), a.ID, nil, 10)
	require.NoError(t, err)
	require.Nil(t, next)
	require.Len(t, page, 2)
	require.Equal(t, answer.Transfer, page[0].ID)
	require.Equal(t, []any{int64(2), campus.PaymentTransfer, int64(30 * yuan), int64(-30 * yuan), int64(70 * yuan)},
		[]any{page[0].Seq, page[0].Kind, page[0].AmountCents, page[0].MainChange, page[0].MainAfter})
	require.WithinDuration(t, h.Clock.Now(), time.UnixMilli(milliseconds(page[0].ID)), time.Millisecond)
	paid, err := h.Money.BookBalance(t.Context(), h.BookOf(campus.MerchantBook, "canteen"))
	require.NoError(t, err)
	require.Equal(t, int64(30*yuan), paid)
}

// milliseconds are those of a UUIDv7.
func milliseconds(id uuid.UUID) (ms int64) {
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return ms
}

// E1, E2: the first reason that applies is the answer, and nothing else changes.
func TestDeclines(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	today := campus.DateOf(h.Clock.Now())
	for name, test := range map[string]struct {
		cents int64
		spoil string
		as    func(*money.Payment)
		want  campus.PaymentOutcome
	}{
		"all is well":                 {cents: 50 * yuan, want: campus.Paid},
		"a day old":                   {50 * yuan, ``, taken(h, -24*time.Hour), campus.Paid},
		"more than a day old":         {50 * yuan, ``, taken(h, -24*time.Hour-time.Second), campus.PaymentTime},
		"of a clock two minutes fast": {50 * yuan, ``, taken(h, campus.TillClockOff), campus.Paid},
		"of a clock that is ahead": {50 * yuan, ``, taken(h, campus.TillClockOff+time.Second),
			campus.PaymentTime},
		"too old comes before held":   {50 * yuan, `holds = '{lost}'`, taken(h, -48*time.Hour), campus.PaymentTime},
		"an ended card":               {50 * yuan, `holds = '{frozen,ended}'`, nil, campus.CardEnded},
		"a lost card":                 {50 * yuan, `holds = '{frozen,lost}'`, nil, campus.CardIsLost},
		"a frozen card":               {50 * yuan, `holds = '{frozen}'`, nil, campus.CardIsFrozen},
		"an account that is checked":  {50 * yuan, `holds = '{checked}'`, nil, campus.AccountChecked},
		"a card on its last day":      {50 * yuan, `valid_until = '` + today.AddDays(1).String() + `'`, nil, campus.Paid},
		"a card that has expired":     {50 * yuan, `valid_until = '` + today.String() + `'`, nil, campus.CardExpired},
		"a limit that is reached":     {20*yuan + 1, `limit_cents = 2000`, nil, campus.LimitReached},
		"a limit that is just enough": {20 * yuan, `limit_cents = 2000`, nil, campus.Paid},
		"the limit of yesterday": {20 * yuan, `limit_cents = 2000, spent_cents = 2000, day = '` +
			today.AddDays(-1).String() + `'`, nil, campus.Paid},
		"the limit of a day to come": {20 * yuan, `limit_cents = 2000, spent_cents = 1, day = '` +
			today.AddDays(1).String() + `'`, nil, campus.LimitReached},
		"a kind that does not count": {20 * yuan, `limit_cents = 0`,
			func(p *money.Payment) { p.Terms.Counts = false }, campus.Paid},
		"too little money":               {100*yuan + 1, ``, storagetest.Proved, campus.InsufficientFunds},
		"the limit comes before money":   {300 * yuan, ``, nil, campus.LimitReached},
		"money comes before password":    {150 * yuan, ``, nil, campus.InsufficientFunds},
		"above the ceiling":              {50*yuan + 1, ``, nil, campus.PasswordNeeded},
		"above the ceiling with a proof": {50*yuan + 1, ``, storagetest.Proved, campus.Paid},
	} {
		a := h.Account(100 * yuan)
		if test.spoil != "" {
			h.Exec(`update accounts set `+test.spoil+` where id = $1`, a.ID)
		}
		if test.as == nil {
			test.as = func(*money.Payment) {}
		}
		before := h.AccountOf(a.ID)
		answer := h.Pays(a.ID, test.cents, test.as)
		require.Equal(t, test.want, answer.Outcome, name)
		after := h.AccountOf(a.ID)
		if test.want != campus.Paid {
			require.Equal(t, before, after, name)
			require.Zero(t, answer.Transfer, name)
			require.Equal(t, int64(100*yuan), answer.BalanceCents, name)
			continue
		}
		require.Equal(t, 100*yuan-test.cents, after.MainCents, name)
	}
	closed := h.Account(0)
	h.Exec(`update accounts set closed_at = now() where id = $1`, closed.ID)
	require.Equal(t, campus.AccountClosed, h.Pays(closed.ID, 1).Outcome)
}

func taken(h *storagetest.Env, d time.Duration) func(*money.Payment) {
	return func(p *money.Payment) { p.TakenAt = h.Clock.Now().Add(d) }
}

// What no till may ask for is refused before anything is looked at, and an account that is not there is told.
func TestPaymentsThatNobodyMayAskFor(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	for name, test := range map[string]struct {
		change func(*money.Payment)
		want   string
	}{
		"nothing":                    {func(p *money.Payment) { p.Cents = 0 }, "amount_invalid"},
		"less than nothing":          {func(p *money.Payment) { p.Cents = -1 }, "amount_invalid"},
		"more than there is":         {func(p *money.Payment) { p.Cents = 1<<63 - 1 }, "amount_invalid"},
		"more than a payment may be": {func(p *money.Payment) { p.Cents = h.Policy().Money.PaymentMost + 1 }, "amount_too_high"},
		"no key":                     {func(p *money.Payment) { p.Key = "" }, "key_missing"},
		"no terminal":                {func(p *money.Payment) { p.Terminal = "" }, "key_missing"},
		"an unknown account":         {func(p *money.Payment) { p.Account = uuid.New() }, "account_unknown"},
		"a key with a zero":          {func(p *money.Payment) { p.Key = "a\x00b" }, "data_refused"},
		"a kind of no payment":       {func(p *money.Payment) { p.Kind = campus.TopUpTransfer }, "invalid"},
	} {
		_, err := h.Money.Pay(t.Context(), h.Payment(a.ID, 1, test.change))
		require.Equal(t, test.want, storagetest.Outcome(err), "%s: %v", name, err)
	}
	require.Equal(t, int64(1), h.AccountOf(a.ID).Seq)
}

// The same key and content is the first answer, whatever has happened since; other content is a conflict.
func TestTheSameKey(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a, other := h.Account(100*yuan), h.Account(100*yuan)
	p := h.Payment(a.ID, 30*yuan)
	first, err := h.Money.Pay(t.Context(), p)
	require.NoError(t, err)
	declined := h.Payment(a.ID, 90*yuan, storagetest.Proved)
	no, err := h.Money.Pay(t.Context(), declined)
	require.NoError(t, err)
	require.Equal(t, campus.InsufficientFunds, no.Outcome)
	h.TopUp(a.ID, 500*yuan)
	h.Exec(`update accounts set holds = '{lost}' where id = $1`, a.ID)
	h.Clock.Advance(20 * 24 * time.Hour)
	p.Proved, declined.Proved = true, false // is no part of the content, as codes are none
	for _, test := range []struct {
		p    money.Payment
		want money.Answer
	}{{p, first}, {declined, no}} {
		again, err := h.Money.Pay(t.Context(), test.p)
		require.NoError(t, err)
		require.WithinDuration(t, test.want.At, again.At, 0)
		again.At = test.want.At
		require.Equal(t, test.want, again)
	}
	for name, change := range map[string]func(*money.Payment){
		"amount":  func(p *money.Payment) { p.Cents++ },
		"account": func(p *money.Payment) { p.Account = other.ID },
		"book":    func(p *money.Payment) { p.Book = h.BookOf(campus.MerchantBook, "shop") },
		"time":    func(p *money.Payment) { p.TakenAt = p.TakenAt.Add(time.Second) },
	} {
		changed := p
		change(&changed)
		_, err := h.Money.Pay(t.Context(), changed)
		want := "key_reused"
		if name == "account" { // E1: the same sale, to be paid by somebody else
			want = "already_paid"
		}
		require.Equal(t, want, campus.ReasonOf(err), name)
	}
	sibling := p
	sibling.Terminal = "till-2"
	answer, err := h.Money.Pay(t.Context(), sibling)
	require.NoError(t, err)
	require.Equal(t, campus.PaymentTime, answer.Outcome, "another terminal has keys of its own")
	require.Equal(t, int64(3), h.AccountOf(a.ID).Seq)
}

// 64 tries with one key on one account at once are one payment, and all hear the same.
func TestRaceOfOneKey(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	second := another(t, h)
	a := h.Account(100 * yuan)
	p := h.Payment(a.ID, 10*yuan)
	answers := make([]money.Answer, 64)
	require.Equal(t, map[string]int{"done": 64}, storagetest.Outcomes(storagetest.AtOnce(64, func(i int) (err error) {
		answers[i], err = []*money.Store{h.Money, second.Money}[i%2].Pay(t.Context(), p)
		return err
	})))
	for _, answer := range answers {
		require.Equal(t, answers[0].Transfer, answer.Transfer)
		require.Equal(t, campus.Paid, answer.Outcome)
	}
	require.Equal(t, int64(90*yuan), h.AccountOf(a.ID).MainCents)
	require.Equal(t, 1, storagetest.Count(h, `transfers where kind = 'payment'`))
}

// 64 payments of one account at once, of two processes: as many are paid as there is money for, and not one more.
func TestRaceOfOneAccount(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	second := another(t, h)
	a := h.Account(100 * yuan)
	counts := map[campus.PaymentOutcome]int{}
	answers := make([]money.Answer, 64)
	payments := make([]money.Payment, 64)
	for i := range payments {
		payments[i] = h.Payment(a.ID, 10*yuan)
	}
	require.Equal(t, map[string]int{"done": 64}, storagetest.Outcomes(storagetest.AtOnce(64, func(i int) (err error) {
		answers[i], err = []*money.Store{h.Money, second.Money}[i%2].Pay(t.Context(), payments[i])
		return err
	})))
	for _, answer := range answers {
		counts[answer.Outcome]++
	}
	require.Equal(t, map[campus.PaymentOutcome]int{campus.Paid: 10, campus.InsufficientFunds: 54}, counts)
	require.Zero(t, h.AccountOf(a.ID).MainCents)
	agree(t, h)
}

// another is the store of another process on the same database.
func another(t *testing.T, h *storagetest.Env) *storage.Store {
	t.Helper()
	store, err := storage.Open(t.Context(), h.Config, h.Clock.Now, h.Log)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

// agree checks every account against its transfers.
func agree(t *testing.T, h *storagetest.Env) {
	t.Helper()
	doubts, next, err := h.Money.CheckAll(t.Context(), uuid.Nil, 1000)
	require.NoError(t, err)
	require.Empty(t, doubts)
	require.Equal(t, uuid.Nil, next)
}

// Ten payments that fit only once: E2 holds under a race, too.
func TestRaceForTheLimit(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(1000 * yuan)
	outcomes := make([]campus.PaymentOutcome, 10)
	payments := make([]money.Payment, 10)
	for i := range payments {
		payments[i] = h.Payment(a.ID, 150*yuan, storagetest.Proved)
	}
	storagetest.AtOnce(10, func(i int) error {
		answer, err := h.Money.Pay(t.Context(), payments[i])
		outcomes[i] = answer.Outcome
		if answer.Outcome == campus.LimitReached {
			require.Equal(t, int64(50*yuan), answer.LeftCents)
		}
		return err
	})
	counts := map[campus.PaymentOutcome]int{}
	for _, outcome := range outcomes {
		counts[outcome]++
	}
	require.Equal(t, map[campus.PaymentOutcome]int{campus.Paid: 1, campus.LimitReached: 9}, counts)
}

// A payment waits at the row's lock while the card is frozen: it is refused. Others do not wait for it.
func TestFrozenWhileAPaymentWaits(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a, free := h.Account(100*yuan), h.Account(100*yuan)
	tx, err := storagetest.Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `update accounts set holds = '{frozen}' where id = $1`, a.ID)
	require.NoError(t, err)
	answer := make(chan money.Answer, 1)
	go func() {
		got, _ := h.Money.Pay(t.Context(), h.Payment(a.ID, 10*yuan))
		answer <- got
	}()
	paymentWaits(t, h)
	require.Equal(t, campus.Paid, h.Pays(free.ID, 10*yuan).Outcome)
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, campus.CardIsFrozen, (<-answer).Outcome)
}

// E4: a payment that waits while a top-up pays a debt is decided on, and written, as the account stands then.
func TestADebtIsPaidWhileAPaymentWaits(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(0)
	charge := h.Payment(a.ID, 50*yuan, func(p *money.Payment) { p.Kind = campus.ChargeTransfer })
	require.NoError(t, storagetest.Err(h.Money.Charge(t.Context(), charge)))
	release := storagetest.HoldCommits(t, h, "accounts")
	topped, answer := make(chan error, 1), make(chan money.Answer, 1)
	credit := money.Credit{Terminal: "counter", Key: "1", Account: a.ID, Book: h.BookOf(campus.ChannelBook, "wallet"),
		Cents: 80 * yuan, Kind: campus.TopUpTransfer, TakenAt: h.Clock.Now()}
	go func() { topped <- storagetest.Err(h.Money.Credit(t.Context(), credit)) }()
	require.Eventually(t, func() bool { return storagetest.LockWaits(h, `%`) == 1 }, time.Minute, time.Millisecond)
	payment, second := h.Payment(a.ID, 10*yuan), another(t, h)
	go func() {
		got, _ := second.Money.Pay(t.Context(), payment) // of another process: here it would wait for its turn
		answer <- got
	}()
	paymentWaits(t, h)
	release()
	require.NoError(t, <-topped)
	require.Equal(t, campus.Paid, (<-answer).Outcome)
	require.Equal(t, campus.Purses{Main: 20 * yuan}, h.AccountOf(a.ID).Purses())
	agree(t, h)
}

// Who waits longer than two seconds for an account is told to try again; no answer is kept, and the next try is paid.
// A dozen who wait for one account hold no connection that others need.
func TestAnAccountThatStaysLocked(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a, free := h.Account(100*yuan), h.Account(100*yuan)
	tx, err := storagetest.Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `select from accounts where id = $1 for no key update`, a.ID)
	require.NoError(t, err)
	stuck := make([]money.Payment, 12)
	for i := range stuck {
		stuck[i] = h.Payment(a.ID, 1*yuan)
	}
	done := make(chan []error)
	go func() {
		done <- storagetest.AtOnce(len(stuck), func(i int) error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			return storagetest.Err(h.Money.Pay(ctx, stuck[i]))
		})
	}()
	paymentWaits(t, h)
	require.Eventually(t, func() bool { return h.PoolStats()["instant"].InUse == 0 }, time.Minute, time.Millisecond,
		"who waits has no connection of those whose account is free")
	for range 5 {
		require.Equal(t, campus.Paid, h.Pays(free.ID, 1*yuan).Outcome)
	}
	require.Equal(t, map[string]int{"contested": 12}, storagetest.Outcomes(<-done))
	require.NoError(t, tx.Rollback(t.Context()))
	require.Zero(t, storagetest.Count(h, `answers where account_id = $1 and outcome = 'paid'`, a.ID))
	answer, err := h.Money.Pay(t.Context(), stuck[0])
	require.NoError(t, err)
	require.Equal(t, campus.Paid, answer.Outcome)
}

// paymentWaits waits until a payment waits for a locked account: one of a process at a time does.
func paymentWaits(t *testing.T, h *storagetest.Env) {
	t.Helper()
	require.Eventually(t, func() bool { return storagetest.LockWaits(h, `with asked as%`) == 1 }, time.Minute,
		time.Millisecond)
}

// F1: a freeze is effective at once, also while a payment holds the account's row and payers of the same account have
// used up the connections for those who wait: it waits at the row itself, and the payments behind it are refused.
func TestAFreezeWaitsForNoPayers(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(1000 * yuan)
	conn := storagetest.Connect(t, h)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, money.PayIn(t.Context(), conn, h.DB, []money.Payment{h.Payment(a.ID, 1*yuan)}))
	payers := make([]money.Payment, 12)
	for i := range payers {
		payers[i] = h.Payment(a.ID, 1*yuan)
	}
	answers, paid := make([]money.Answer, len(payers)), make(chan []error, 1)
	go func() {
		paid <- storagetest.AtOnce(len(payers), func(i int) (err error) {
			answers[i], err = h.Money.Pay(t.Context(), payers[i])
			return err
		})
	}()
	paymentWaits(t, h)
	frozen := make(chan error, 1)
	go func() { frozen <- h.Money.Freeze(t.Context(), someone, a.CardID) }()
	require.Eventually(t, func() bool {
		return storagetest.LockWaits(h, `select university from accounts%`) == 1 && storagetest.LockWaits(h, `with asked as%`) == 1
	}, 10*time.Second, time.Millisecond, "it waits at the row, beside the payer whose turn it is")
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-frozen)
	require.Equal(t, campus.CardIsFrozen, h.Pays(a.ID, 1*yuan).Outcome)
	<-paid
	refused := 0
	for _, answer := range answers {
		if answer.Outcome == campus.CardIsFrozen {
			refused++
		}
	}
	require.GreaterOrEqual(t, refused, 8, "who waits for their turn comes after it")
}

// F1: whoever freezes a card is told when there is nothing to freeze, and the university's people see who did.
func TestAFreezeIsTold(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	for action, set := range map[string]func(context.Context, campus.Actor, uuid.UUID) error{
		"account.freeze": h.Money.Freeze, "account.unfreeze": h.Money.Unfreeze,
	} {
		require.Equal(t, "account_unknown", storagetest.Outcome(set(t.Context(), someone, uuid.New())))
		require.Zero(t, storagetest.Count(h, `audit where action = $1`, action))
		require.NoError(t, set(t.Context(), someone, a.CardID))
		require.NoError(t, set(t.Context(), someone, a.CardID), "again")
		require.Equal(t, 2, storagetest.Count(h, `audit where action = $1 and university = $2 and subject = $3`, action,
			storagetest.University, "card/"+a.CardID.String()))
	}
}
