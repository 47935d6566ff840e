package money_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
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
	require.Equal(t, "already_back", back(1))
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

// E1: whoever asks for the answer to a key again is told that all of the payment was given back, however that was.
func TestTheAnswerToAKeySaysThatAllWasGivenBack(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	h.Subsidise(a.ID, 5*yuan, campus.Date{})
	for name, test := range map[string]struct {
		parts []int64 // 0: a void
		want  bool
	}{
		"by nothing":           {nil, false},
		"by a void":            {[]int64{0}, true},
		"by a refund of all":   {[]int64{10 * yuan}, true},
		"by refunds in parts":  {[]int64{4 * yuan, 6 * yuan}, true},
		"all but a fen of it":  {[]int64{4 * yuan, 6*yuan - 1}, false},
		"a part from one side": {[]int64{5 * yuan}, false},
	} {
		p := h.Payment(a.ID, 10*yuan)
		paid, err := h.Money.Pay(t.Context(), p)
		require.NoError(t, err)
		for _, part := range test.parts {
			r := refund(h, paid.Transfer, part)
			r.Void = part == 0
			require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), r)), name)
		}
		again, err := h.Money.Pay(t.Context(), p)
		require.NoError(t, err)
		kept, _, err := h.Money.FindAnswer(t.Context(), p.Terminal, p.Key)
		require.NoError(t, err)
		late, _, err := h.Money.Answered(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, []bool{test.want, test.want, test.want}, []bool{again.GivenBack, kept.GivenBack, late.GivenBack}, name)
		require.Equal(t, paid.Transfer, again.Transfer, name)
	}
	agree(t, h)
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
	require.Equal(t, "already_back", void(first.Transfer))
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, second.Transfer, 1))))
	require.Equal(t, "partly_back", void(second.Transfer))
	h.Exec(`insert into books_closed (university, day, closed_at) values ($1, $2, now())`, storagetest.University,
		campus.DateOf(h.Clock.Now()))
	require.Equal(t, "settled", void(third.Transfer))
	require.Equal(t, "settled", storagetest.Outcome(storagetest.Err(h.Money.Reverse(t.Context(), reversal(h, "till-1",
		storagetest.One[string](h, `select key from transfers where id = $1`, third.Transfer))))))
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
		answer, err := h.Money.Reverse(t.Context(), reversal(h, "till-1", key))
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
	require.Equal(t, "already_back",
		storagetest.Outcome(storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1)))))
	r := refund(h, paid.Transfer, 1)
	r.Terminal, r.Key = "till-1", partly.Key
	require.Equal(t, "key_reused", storagetest.Outcome(storagetest.Err(h.Money.Refund(t.Context(), r))))
	require.Equal(t, "not_a_payment", storagetest.Outcome(storagetest.Err(h.Money.Reverse(t.Context(), reversal(h, "counter",
		storagetest.One[string](h, `select key from answers where outcome = 'posted' and terminal = 'counter'`))))))
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
			return storagetest.Err(second.Money.Reverse(t.Context(), reversal(h, p.Terminal, p.Key)))
		})
		require.Equal(t, map[string]int{"done": 4}, storagetest.Outcomes(errs), "%v", errs)
		require.Equal(t, int64(100*yuan), h.AccountOf(a.ID).MainCents)
		require.True(t, storagetest.One[bool](h, `select (outcome = 'paid') = (reversal_id is not null) from answers
			where key = $1`, p.Key), "the transfer that gave back stays with the answer")
	}
	agree(t, h)
}

// reversal takes the sale of a key back that was a moment ago.
func reversal(h *storagetest.Env, terminal, key string) money.Reversal {
	now := h.Clock.Now()
	return money.Reversal{Terminal: terminal, Key: key, SoldAt: now, TakenAt: now,
		RetryWithin: h.Policy().Money.RetryWithin.Std()}
}

// A sale whose answer is gone by now is not told to be reversed: its money stays taken, and the till hears so. Nor is
// one that is ahead of the clock, which would outlive the answer to its reversal.
func TestAReversalThatComesTooLate(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	p := h.Payment(a.ID, 40*yuan)
	require.NoError(t, storagetest.Err(h.Money.Pay(t.Context(), p)))
	h.Clock.Advance(36 * 24 * time.Hour)
	require.NoError(t, storagetest.Err(h.DropExpired(t.Context(), 100)))
	late, fresh, ahead := reversal(h, p.Terminal, p.Key), reversal(h, p.Terminal, "x"), reversal(h, p.Terminal, "y")
	late.SoldAt = p.TakenAt
	ahead.SoldAt = h.Clock.Now().Add(campus.TillClockOff + time.Second)
	old := reversal(h, p.Terminal, "z")
	old.SoldAt = h.Clock.Now().Add(-h.Policy().Money.RetryWithin.Std() - time.Second)
	for _, r := range []money.Reversal{late, ahead, old} {
		require.Equal(t, "payment_time", storagetest.Outcome(storagetest.Err(h.Money.Reverse(t.Context(), r))))
	}
	require.Zero(t, storagetest.Count(h, `answers where outcome = 'reversed'`), "nothing is kept")
	fresh.SoldAt = h.Clock.Now().Add(campus.TillClockOff)
	require.NoError(t, storagetest.Err(h.Money.Reverse(t.Context(), fresh)))
	require.Equal(t, int64(60*yuan), h.AccountOf(a.ID).MainCents)
}

// The same refund twice at once is the same answer for both, also when the payment has nothing left for a second.
func TestRaceOfOneRefund(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	stores := []*money.Store{h.Money, another(t, h).Money} // in one process they wait for their turn
	a := h.Account(100 * yuan)
	for name, void := range map[string]bool{"refund": false, "void": true} {
		paid := h.Pays(a.ID, 50*yuan)
		r := refund(h, paid.Transfer, 50*yuan)
		if r.Void = void; void {
			r.Cents = 0
		}
		holder, err := storagetest.Connect(t, h).Begin(t.Context())
		require.NoError(t, err)
		_, err = holder.Exec(t.Context(), `select from accounts where id = $1 for update`, a.ID)
		require.NoError(t, err)
		answers, told := make([]money.Answer, 2), make(chan []error, 1)
		go func() {
			told <- storagetest.AtOnce(2, func(i int) (err error) {
				answers[i], err = stores[i].Refund(t.Context(), r)
				return err
			})
		}()
		require.Eventually(t, func() bool { return storagetest.LockWaits(h, `%`) == 2 }, 10*time.Second, time.Millisecond)
		require.NoError(t, holder.Commit(t.Context()))
		require.Equal(t, map[string]int{"done": 2}, storagetest.Outcomes(<-told), name)
		require.Equal(t, answers[0].Transfer, answers[1].Transfer, name)
	}
	require.Equal(t, int64(100*yuan), h.AccountOf(a.ID).MainCents)
}

// L5: whether the subsidy has ended is asked of the one that paid, weeks later, whatever has come since.
func TestARefundAsksTheSubsidyThatPaid(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	today := campus.DateOf(h.Clock.Now())
	back := func(paid money.Answer) {
		require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 10*yuan))))
	}
	ended, lasting, charged := h.Account(0), h.Account(0), h.Account(0)
	h.Subsidise(ended.ID, 10*yuan, today.AddDays(5))
	h.Subsidise(charged.ID, 10*yuan, today.AddDays(5))
	h.Subsidise(lasting.ID, 10*yuan, today.AddDays(30))
	first, second := h.Pays(ended.ID, 10*yuan), h.Pays(lasting.ID, 10*yuan)
	third, err := h.Money.Charge(t.Context(), h.Payment(charged.ID, 10*yuan,
		func(p *money.Payment) { p.Kind = campus.ChargeTransfer }))
	require.NoError(t, err)
	h.Clock.Advance(10 * 24 * time.Hour)
	h.Subsidise(ended.ID, 7*yuan, today.AddDays(20))
	h.Subsidise(charged.ID, 7*yuan, today.AddDays(20))
	h.Subsidise(lasting.ID, 7*yuan, today.AddDays(15))
	for _, paid := range []money.Answer{first, second, third} {
		back(paid)
	}
	require.Equal(t, int64(7*yuan), h.AccountOf(ended.ID).SubsidyCents, "what has ended went to the fund")
	require.Equal(t, int64(7*yuan), h.AccountOf(charged.ID).SubsidyCents)
	got := h.AccountOf(lasting.ID)
	require.Equal(t, []any{int64(17 * yuan), today.AddDays(30)}, []any{got.SubsidyCents, got.SubsidyUntil})

	old, next := h.Account(0), h.Account(0)
	h.Subsidise(old.ID, 10*yuan, today.AddDays(40))
	paid := h.Pays(old.ID, 10*yuan)
	h.Exec(`update accounts set successor = $2 where id = $1`, old.ID, next.ID)
	back(paid)
	got = h.AccountOf(next.ID)
	require.Equal(t, []any{int64(10 * yuan), today.AddDays(40)}, []any{got.SubsidyCents, got.SubsidyUntil},
		"the end goes along to the next account")
	h.Clock.Advance(30 * 24 * time.Hour)
	require.Equal(t, campus.InsufficientFunds, h.Pays(next.ID, 1).Outcome)
	agree(t, h)
}

// E4: what staff give back has its key in the one space of all requests: of nobody else, for nothing else.
func TestRefundsByStaffHaveTheKeysOfRequests(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	a := h.Account(100 * yuan)
	paid := h.Pays(a.ID, 50*yuan)
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	colleague, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	first := storagetest.Request(campus.Staff(who.ID))
	back := func(req casework.Request, cents int64) string {
		return storagetest.Outcome(storagetest.Err(h.Money.RefundByStaff(t.Context(), req, money.Refund{
			Payment: paid.Transfer, Cents: cents, TakenAt: h.Clock.Now(), University: storagetest.University})))
	}
	proposed := storagetest.Request(campus.Staff(who.ID))
	propose := func(req casework.Request) string {
		return storagetest.Outcome(storagetest.Err(h.Money.ProposeMerchant(t.Context(), req, who,
			money.NewMerchant{NameZH: "文印社", NameEN: "Print shop", Trade: "print"})))
	}
	require.Equal(t, "done", propose(proposed))
	require.Equal(t, map[string]int{"done": 8}, storagetest.Outcomes(storagetest.AtOnce(8, func(int) error {
		return storagetest.Err(h.Money.RefundByStaff(t.Context(), first, money.Refund{Payment: paid.Transfer, Cents: 10 * yuan,
			TakenAt: h.Clock.Now(), University: storagetest.University}))
	})))
	require.Equal(t, int64(60*yuan), h.AccountOf(a.ID).MainCents, "once")
	for name, change := range map[string]func(*casework.Request){
		"a colleague":    func(r *casework.Request) { r.Actor = campus.Staff(colleague.ID) },
		"another amount": func(r *casework.Request) { r.BodyHash = []byte("another") },
		"another route":  func(r *casework.Request) { r.Route = "POST /another" },
	} {
		other := first
		change(&other)
		require.Equal(t, "idempotency_key_reused", back(other, 10*yuan), name)
	}
	proposed.Route = "POST /another"
	require.Equal(t, "idempotency_key_reused", back(proposed, 10*yuan), "a key of something else")
	first.Route = "POST /another"
	require.Equal(t, "idempotency_key_reused", propose(first), "and the other way round")
	require.Equal(t, int64(60*yuan), h.AccountOf(a.ID).MainCents)
}

// E4: what a till gives back has a time that it can mean, by the rule of its sales; staff have ours.
func TestTheTimeOfWhatATillGivesBack(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	till := h.Till(h.Merchant("食堂", "canteen"), "一号窗口")
	within := h.Policy().Money.RetryWithin.Std()
	for sentence, test := range map[string]struct {
		off  time.Duration
		want string
	}{
		"of a clock two minutes fast":          {campus.TillClockOff, ""},
		"of a clock further ahead":             {campus.TillClockOff + time.Second, "moment_invalid"},
		"in the year 2100":                     {74 * 365 * 24 * time.Hour, "moment_invalid"},
		"as old as a sale may be":              {-within, ""},
		"older, under a key that is not known": {-within - time.Second, "moment_invalid"},
	} {
		for _, void := range []bool{false, true} {
			paid := h.Pays(a.ID, yuan, func(p *money.Payment) { p.Book = till.Book })
			r := refund(h, paid.Transfer, yuan)
			r.Void, r.Till, r.RetryWithin, r.TakenAt = void, &till, within, h.Clock.Now().Add(test.off)
			first, err := h.Money.Refund(t.Context(), r)
			require.Equal(t, test.want, campus.ReasonOf(err), sentence)
			if test.want != "" {
				continue
			}
			r.TakenAt = r.TakenAt.AddDate(-1, 0, 0)
			again, err := h.Money.Refund(t.Context(), r)
			require.NoError(t, err, "the same again is the same answer, however old by now")
			require.Equal(t, first.Transfer, again.Transfer)
		}
	}
	agree(t, h)
}
