package money_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// ledgerRun is one run of the product beside the model.
type ledgerRun struct {
	h         *storagetest.Env
	name      string // of this run: its terminals and books
	merchants map[bool]uuid.UUID
	ids       []uuid.UUID
	accounts  []*modelAccount
	answers   map[string]modelAnswer // by key
	payments  []*modelPayment
	transfers map[*modelPayment]uuid.UUID
	asked     map[string]asked // what each key was first asked for
	earned    int64            // by the merchants, as the model has it
	n         int

	till    money.Till // zero: nobody asks at a till
	stopped bool
}

func newLedgerRun(h *storagetest.Env, accounts int) *ledgerRun {
	r := &ledgerRun{h: h, name: uuid.NewString()[:8], merchants: map[bool]uuid.UUID{}, answers: map[string]modelAnswer{}, asked: map[string]asked{},
		transfers: map[*modelPayment]uuid.UUID{}}
	for _, covered := range []bool{false, true} {
		r.merchants[covered] = h.BookOf(campus.MerchantBook, fmt.Sprint(r.name, covered))
	}
	for range accounts {
		r.open()
	}
	r.shift(0)
	return r
}

// open opens one more account, with a phone and a chip of its own.
func (r *ledgerRun) open() {
	id := r.h.Account(0).ID
	r.h.Exec(`update accounts set phone_key = id, phone_key_until = '2200-01-01', chip = id::text where id = $1`, id)
	r.ids = append(r.ids, id)
	r.accounts = append(r.accounts, newModelAccount())
}

func (r *ledgerRun) day() int { return dayOf(r.h.Clock.Now()) }

// dayOf is the day of Shanghai, eight hours before the one of Greenwich, counted from 1970.
func dayOf(at time.Time) int { return int(at.Unix()+8*3600) / 86400 }

func (r *ledgerRun) fresh() string {
	r.n++
	return fmt.Sprint("key-", r.n)
}

// amount is drawn near the numbers that decide.
func amount(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(1, 300), rapid.SampledFrom([]int64{4999, 5000, 5001, 19999, 20000, 20001}),
		rapid.Int64Range(1, 30000)).Draw(t, "cents")
}

func (r *ledgerRun) which(t *rapid.T) int { return rapid.IntRange(0, len(r.ids)-1).Draw(t, "account") }

// asked is a payment for the product and for the model.
type asked struct {
	product money.Payment
	model   modelPay
	key     string
}

func (r *ledgerRun) ask(t *rapid.T, key string) asked {
	n, covered := r.which(t), rapid.Bool().Draw(t, "covered")
	age := rapid.SampledFrom([]time.Duration{0, 0, 0, 0, 0, time.Hour, 23 * time.Hour, 25 * time.Hour,
		-time.Minute, -3 * time.Minute}).Draw(t, "age")
	trade := map[bool]string{true: "canteen", false: "shop"}[covered]
	p := money.Payment{Terminal: r.name, Key: key, Account: r.ids[n], Book: r.merchants[covered], Cents: amount(t),
		Kind: campus.PaymentTransfer, TakenAt: r.h.Clock.Now().Add(-age), Proved: rapid.Bool().Draw(t, "proved"),
		Terms: r.h.Policy().Money.Terms(campus.PaymentTransfer, trade)}
	p.Terms.Counts = rapid.IntRange(0, 9).Draw(t, "counts") > 0
	var token modelToken
	p.Token, token = r.token(t, n)
	return asked{p, modelPay{account: r.accounts[n], cents: p.Cents, covered: covered, token: token,
		counts: p.Terms.Counts, proved: p.Proved, age: age, content: fmt.Sprint(n, covered, p.Cents, p.TakenAt.UnixMicro())}, key}
}

// pay compares one payment.
func (r *ledgerRun) pay(t *rapid.T, a asked) {
	got, err := r.h.Money.Pay(r.h.Context(), a.product)
	want, known := r.answers[a.key]
	if _, again := r.asked[a.key]; !again {
		r.asked[a.key] = a
	}
	switch {
	case known && want.content != "" && want.content != a.model.content:
		require.Contains(t, []string{"key_reused", "already_paid"}, campus.ReasonOf(err)) // E1: the same sale, of another card
		return
	case !known:
		a.model.day, a.model.age = r.day(), r.h.Clock.Now().Sub(a.product.TakenAt)
		a.model.stopped = a.product.Till != uuid.Nil && r.stopped
		want = a.model.judge()
		if want.outcome == "stopped" {
			require.Equal(t, "terminal_stopped", storagetest.Outcome(err))
			return
		}
		if want.payment != nil || !a.product.Scanned { // why not is told to who has scanned, and is no answer to the key
			r.answers[a.key] = want
		}
		if want.payment != nil {
			r.payments = append(r.payments, want.payment)
			r.transfers[want.payment] = got.Transfer
			r.earned += a.product.Cents
		}
	}
	require.NoError(t, err)
	require.Equal(t, []any{want.outcome, want.left, want.balance, want.reversed},
		[]any{string(got.Outcome), got.LeftCents, got.BalanceCents, got.Reversed}, "%+v", a.model)
	require.Equal(t, want.payment != nil, got.Transfer != uuid.Nil)
	if want.payment != nil {
		require.Equal(t, r.transfers[want.payment], got.Transfer)
	}
}

func (r *ledgerRun) credit(t *rapid.T, kind campus.TransferKind) {
	n := r.which(t)
	c := money.Credit{Terminal: r.name, Key: r.fresh(), Account: r.ids[n], Book: r.h.BookOf(campus.SuspenseBook, ""),
		Cents: amount(t), Kind: kind, TakenAt: r.h.Clock.Now()}
	a := r.accounts[n]
	if a.closed {
		require.Equal(t, "account_closed", storagetest.Outcome(storagetest.Err(r.h.Money.Credit(r.h.Context(), c))))
		return
	}
	if kind == campus.SubsidyTransfer {
		days := rapid.IntRange(0, 3).Draw(t, "days")
		until := 0
		if days > 0 {
			until = r.day() + days
			c.Until = campus.DateOf(r.h.Clock.Now()).AddDays(days)
		}
		a.subsidyUntil(until, r.day())
		a.add("subsidy", [3]int64{0, c.Cents, 0})
	} else {
		a.putMain("top_up", c.Cents, 0)
	}
	for range rapid.IntRange(1, 2).Draw(t, "times") {
		require.NoError(t, storagetest.Err(r.h.Money.Credit(r.h.Context(), c)))
	}
}

func (r *ledgerRun) refund(t *rapid.T, void bool) {
	if len(r.payments) == 0 { // then a refund of what nobody has paid
		refund := money.Refund{Terminal: r.name, Key: r.fresh(), Payment: uuid.New(), Void: void, Cents: 1,
			TakenAt: r.h.Clock.Now(), By: campus.System()}
		require.Equal(t, "payment_unknown", storagetest.Outcome(storagetest.Err(r.h.Money.Refund(r.h.Context(), refund))))
		return
	}
	p := rapid.SampledFrom(r.payments).Draw(t, "payment")
	refund := money.Refund{Terminal: r.name, Key: r.fresh(), Payment: r.transfers[p], Void: void, TakenAt: r.h.Clock.Now(),
		By: campus.System()}
	kind, cents := "void", p.main+p.subsidy
	if !void {
		refund.Cents = rapid.Int64Range(1, cents+1).Draw(t, "back")
		kind, cents = "refund", refund.Cents
	}
	want := "done"
	if cents > p.left() {
		want = "refund_too_high"
		switch {
		case p.left() == 0:
			want = "already_back"
		case void:
			want = "partly_back"
		}
	} else {
		p.giveBack(kind, cents, r.day())
		r.earned -= cents
	}
	require.Equal(t, want, storagetest.Outcome(storagetest.Err(r.h.Money.Refund(r.h.Context(), refund))))
}

func (r *ledgerRun) reverse(t *rapid.T) {
	key := rapid.SampledFrom(append([]string{r.fresh()}, r.keys()...)).Draw(t, "key")
	asks := reversal(r.h, r.name, key)
	if r.atTheTill(t) {
		asks.Till = &r.till
	}
	if asks.Till != nil && r.stopped {
		require.Equal(t, "terminal_stopped", storagetest.Outcome(storagetest.Err(r.h.Money.Reverse(r.h.Context(), asks))))
		return
	}
	answer, known := r.answers[key]
	if !known {
		answer = modelAnswer{outcome: "reversed"}
	}
	if answer.payment != nil && !answer.reversed {
		r.earned -= answer.payment.left()
		if left := answer.payment.left(); left > 0 {
			answer.payment.giveBack("reversal", left, r.day())
		}
	}
	got, err := r.h.Money.Reverse(r.h.Context(), asks)
	require.NoError(t, err)
	require.Equal(t, []any{answer.outcome, true}, []any{string(got.Outcome), got.Reversed})
	answer.reversed = answer.payment != nil || answer.outcome == "reversed"
	r.answers[key] = answer
}

func (r *ledgerRun) keys() []string {
	keys := make([]string, 0, len(r.answers))
	for key := range r.answers {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (r *ledgerRun) charge(t *rapid.T) {
	a := r.ask(t, r.fresh())
	a.product.Kind = campus.ChargeTransfer
	if a.model.account.closed {
		r.chargeClosed(t, a)
		return
	}
	a.model.account.endSubsidy(r.day())
	cents, covered := a.product.Cents, a.model.covered
	amounts := [3]int64{}
	for purse, may := range map[modelPurse]bool{subsidyPurse: covered} {
		if may {
			amounts[purse] = -min(cents, a.model.account.has(purse))
		}
	}
	amounts[mainPurse] = -min(cents+amounts[subsidyPurse], a.model.account.has(mainPurse))
	amounts[debtPurse] = cents + amounts[subsidyPurse] + amounts[mainPurse]
	counts := a.model.counts && dayOf(a.product.TakenAt) == a.model.account.day()
	paid := &modelPayment{account: a.model.account, main: cents + amounts[subsidyPurse], subsidy: -amounts[subsidyPurse],
		day: a.model.account.day(), until: a.model.account.until, counts: counts}
	a.model.account.add("charge", amounts)
	if counts {
		a.model.account.counted[a.model.account.day()] += cents
	}
	got, err := r.h.Money.Charge(r.h.Context(), a.product)
	require.NoError(t, err)
	r.payments = append(r.payments, paid)
	r.transfers[paid] = got.Transfer
	r.earned += cents
}

func (r *ledgerRun) setLimit(t *rapid.T) {
	n := r.which(t)
	cents := rapid.Int64Range(0, 20100).Draw(t, "limit")
	want := "done"
	if cents > r.accounts[n].limit {
		want = "password_needed"
	} else {
		r.accounts[n].limit = cents
	}
	require.Equal(t, want, storagetest.Outcome(r.h.Money.SetLimit(r.h.Context(), r.h.Policy().Money, campus.System(),
		r.ids[n], cents)))
}

func (r *ledgerRun) freeze(t *rapid.T) {
	n := r.which(t)
	card := r.h.AccountOf(r.ids[n]).CardID
	set := r.h.Money.Freeze
	if r.accounts[n].frozen {
		set = r.h.Money.Unfreeze
	}
	r.accounts[n].frozen = !r.accounts[n].frozen
	require.NoError(t, set(r.h.Context(), campus.System(), card))
}

// compare looks whether the product has what the model has.
func (r *ledgerRun) compare(t *rapid.T) {
	for n, id := range r.ids {
		a, model := r.h.AccountOf(id), r.accounts[n]
		require.Equal(t, [3]int64{model.has(mainPurse), model.has(subsidyPurse), model.has(debtPurse)},
			[3]int64{a.MainCents, a.SubsidyCents, a.DebtCents})
		require.Equal(t, int64(len(model.events)), a.Seq)
		require.Equal(t, model.counted[dayOf(a.Day.Start())], a.SpentCents)
		for day, cents := range model.counted {
			require.True(t, day <= dayOf(a.Day.Start()) || cents == 0, "the day did not go on")
		}
	}
}

// history looks whether the statement is what the model remembers, page by page.
func (r *ledgerRun) history(t *rapid.T) {
	for n, id := range r.ids {
		var from *money.Cursor
		left := len(r.accounts[n].events)
		for {
			page, next, err := r.h.Money.Statement(r.h.Context(), id, from, 3)
			require.NoError(t, err)
			for _, entry := range page {
				left--
				event := r.accounts[n].events[left]
				require.Equal(t, []any{event.kind, event.amounts, event.after, int64(left + 1)},
					[]any{string(entry.Kind), [3]int64{entry.MainChange, entry.SubsidyChange, entry.DebtChange},
						[3]int64{entry.MainAfter, entry.SubsidyAfter, entry.DebtAfter}, entry.Seq})
			}
			if from = next; next == nil {
				break
			}
		}
		require.Zero(t, left)
	}
	earned := int64(0)
	for _, book := range r.merchants {
		cents, err := r.h.Money.BookBalance(r.h.Context(), book)
		require.NoError(t, err)
		earned += cents
	}
	require.Equal(t, r.earned, earned)
}

// E1, E2, E4: whatever is asked for, one after the other, the product does what the model does, and its books agree.
func TestTheLedgerIsItsModel(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	till := canteenTill(h)
	rapid.Check(t, func(t *rapid.T) {
		r := newLedgerRun(h, 3)
		r.standsAt(till)
		t.Repeat(map[string]func(*rapid.T){
			"pay":       func(t *rapid.T) { r.pay(t, r.anywhere(t, r.ask(t, r.fresh()))) },
			"pay more":  func(t *rapid.T) { r.pay(t, r.anywhere(t, r.ask(t, r.fresh()))) },
			"stop":      func(*rapid.T) { r.stop() },
			"close":     r.close,
			"reuse":     func(t *rapid.T) { r.pay(t, r.ask(t, rapid.SampledFrom(append(r.keys(), "a")).Draw(t, "key"))) },
			"top up":    func(t *rapid.T) { r.credit(t, campus.TopUpTransfer) },
			"subsidise": func(t *rapid.T) { r.credit(t, campus.SubsidyTransfer) },
			"ask again": func(t *rapid.T) {
				if len(r.asked) > 0 {
					r.pay(t, r.asked[rapid.SampledFrom(slices.Sorted(maps.Keys(r.asked))).Draw(t, "of")])
				}
			},
			"refund":    func(t *rapid.T) { r.refund(t, false) },
			"void":      func(t *rapid.T) { r.refund(t, true) },
			"reverse":   r.reverse,
			"charge":    r.charge,
			"limit":     r.setLimit,
			"freeze":    r.freeze,
			"time goes": func(t *rapid.T) { r.wait(t) },
			"clock goes back": func(t *rapid.T) {
				r.shift(-time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
			},
			"": r.compare,
		})
		r.history(t)
	})
	agree(t, h)
}

// shift moves the clock.
func (r *ledgerRun) shift(d time.Duration) {
	r.h.Clock.Advance(d)
	for _, a := range r.accounts {
		a.today = r.day()
	}
}

func (r *ledgerRun) wait(t *rapid.T) {
	r.shift(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour)
	require.NoError(t, storagetest.Err(r.h.Money.MakeMonths(r.h.Context(), 3)))
}

// E1, E2: what comes at the same time, to two processes, is as if it had come one after the other: the transfers of
// an account, in their order, are what the model makes of them, each answer is that of one payment, and each decline is
// what the model says at some point between.
func TestPaymentsAtOnceAreInSomeOrder(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	second := another(t, h)
	rapid.Check(t, func(t *rapid.T) {
		r := newLedgerRun(h, 2)
		for range 3 {
			r.credit(t, campus.TopUpTransfer)
			r.credit(t, campus.SubsidyTransfer)
		}
		before := []int{len(r.accounts[0].events), len(r.accounts[1].events)}
		jobs := make([]asked, rapid.IntRange(2, 24).Draw(t, "jobs"))
		for i := range jobs {
			if i > 0 && rapid.IntRange(0, 3).Draw(t, "same") == 0 {
				jobs[i] = jobs[rapid.IntRange(0, i-1).Draw(t, "as")]
				continue
			}
			jobs[i] = r.ask(t, r.fresh())
			jobs[i].model.day = r.day()
		}
		got := make([]money.Answer, len(jobs))
		errs := storagetest.AtOnce(len(jobs), func(i int) (err error) {
			got[i], err = []*storage.Store{h.Store, second}[i%2].Money.Pay(h.Context(), jobs[i].product)
			return err
		})
		require.Equal(t, map[string]int{"done": len(jobs)}, storagetest.Outcomes(errs), "%v", errs)
		r.inSomeOrder(t, before, jobs, got)
		r.compare(t)
	})
	agree(t, h)
}

// inSomeOrder has the model do the payments in the order of their transfers, and looks for a place for each decline.
func (r *ledgerRun) inSomeOrder(t *rapid.T, before []int, jobs []asked, got []money.Answer) {
	byTransfer, places := map[uuid.UUID]int{}, map[int]bool{}
	first := map[string]money.Answer{}
	for i, answer := range got {
		if earlier, seen := first[jobs[i].key]; seen {
			require.Equal(t, earlier.Outcome, answer.Outcome, "one key, one answer")
			require.Equal(t, earlier.Transfer, answer.Transfer)
		}
		first[jobs[i].key] = answer
		if answer.Outcome == campus.Paid {
			byTransfer[answer.Transfer] = i
		}
	}
	place := func() {
		for i, answer := range got {
			model := jobs[i].model
			copied := *model.account
			copied.counted = map[int]int64{model.day: model.account.counted[model.day]}
			copied.shown = maps.Clone(model.account.shown)
			copied.events = slices.Clone(model.account.events)
			model.account = &copied
			if said := model.judge(); answer.Outcome != campus.Paid && said.outcome == string(answer.Outcome) &&
				said.left == answer.LeftCents && said.balance == answer.BalanceCents {
				places[i] = true
			}
		}
	}
	place()
	for n, id := range r.ids {
		page, _, err := r.h.Money.Statement(r.h.Context(), id, nil, 1000)
		require.NoError(t, err)
		slices.Reverse(page)
		for _, entry := range page[before[n]:] {
			i, known := byTransfer[entry.ID]
			require.True(t, known, "nobody was told of transfer %s", entry.ID)
			said := jobs[i].model.judge()
			require.Equal(t, []any{"paid", got[i].LeftCents, got[i].BalanceCents}, []any{said.outcome, said.left, said.balance})
			require.Equal(t, said.payment.account.events[said.payment.index].after,
				[3]int64{entry.MainAfter, entry.SubsidyAfter, entry.DebtAfter})
			delete(byTransfer, entry.ID)
			place()
		}
	}
	require.Empty(t, byTransfer, "who was told that it is paid has a transfer")
	for i, answer := range got {
		require.True(t, answer.Outcome == campus.Paid || places[i], "%s at no point: %+v", answer.Outcome, answer)
	}
}
