package money_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// appealTest is a holder who has paid at a till of a canteen.
type appealTest struct {
	*storagetest.Env
	till            money.Till
	person, account uuid.UUID
}

func newAppealTest(t *testing.T, cents int64) *appealTest {
	t.Helper()
	h := storagetest.New(t)
	x := &appealTest{Env: h}
	x.person, x.account = h.Holder(cents)
	x.till = h.Till(h.Merchant("第一食堂", "canteen"), "一号窗口")
	return x
}

func (x *appealTest) outcome(t *testing.T, person, payment uuid.UUID, change ...func(*money.NewAppeal)) string {
	t.Helper()
	return storagetest.Outcome(storagetest.Err(x.Appeals(person, payment, change...)))
}

func asking(cents int64) func(*money.NewAppeal) { return func(n *money.NewAppeal) { n.Cents = cents } }

// E3: 72 hours from the payment, to the millisecond; the last of them counts.
func TestAppealsUntilTheLastMillisecond(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 100*yuan)
	for late, want := range map[time.Duration]string{-time.Second: "done", 0: "done", time.Millisecond: "appeal_late"} {
		payment := x.Sale(x.till, x.account, yuan, uuid.NewString())
		at := storagetest.One[time.Time](x.Env, `select at from transfers where id = $1`, payment)
		x.Clock.Advance(at.Add(72*time.Hour + late).Sub(x.Clock.Now()))
		require.Equal(t, want, x.outcome(t, x.person, payment), "%s", late)
	}
}

// E3: one's own payments, each once, and no more than is left of them.
func TestWhatCanBeAppealed(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 100*yuan)
	stranger, _ := x.Holder(0)
	payment := x.Sale(x.till, x.account, 10*yuan, "s-1")
	require.Equal(t, "appeal_unknown", x.outcome(t, stranger, payment), "somebody else's is as if absent")
	require.Equal(t, "appeal_unknown", x.outcome(t, x.person, uuid.New()))
	topUp := storagetest.One[uuid.UUID](x.Env, `select id from transfers where kind = 'top_up'`)
	require.Equal(t, "appeal_unknown", x.outcome(t, x.person, topUp))
	require.Equal(t, "refund_too_high", x.outcome(t, x.person, payment, asking(10*yuan+1)))
	require.Equal(t, "amount_invalid", x.outcome(t, x.person, payment, asking(-1)))
	require.Equal(t, "amount_invalid", x.outcome(t, x.person, uuid.New(), asking(-1)), "whatever it is about")
	back, err := x.Money.Refund(t.Context(), refund(x.Env, payment, 4*yuan))
	require.NoError(t, err)
	require.Equal(t, "appeal_unknown", x.outcome(t, x.person, back.Transfer), "a refund is no payment")
	require.Equal(t, "refund_too_high", x.outcome(t, x.person, payment, asking(7*yuan)))
	require.Equal(t, int64(6*yuan), x.Appealed(x.person, payment).AskedCents, "all that is left")
	require.Equal(t, "appeal_exists", x.outcome(t, x.person, payment))

	reversed := x.Sale(x.till, x.account, 3*yuan, "s-2")
	_, err = x.Money.Refund(t.Context(), refund(x.Env, reversed, 3*yuan))
	require.NoError(t, err)
	require.Equal(t, "already_back", x.outcome(t, x.person, reversed))
}

// Of two appeals at once one is taken.
func TestAppealsAtOnce(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 100*yuan)
	payment := x.Sale(x.till, x.account, 10*yuan, "s-1")
	outcomes := make([]string, 4)
	var all sync.WaitGroup
	for i := range outcomes {
		all.Go(func() { outcomes[i] = storagetest.Outcome(storagetest.Err(x.Appeals(x.person, payment))) })
	}
	all.Wait()
	require.ElementsMatch(t, []string{"done", "appeal_exists", "appeal_exists", "appeal_exists"}, outcomes)
	require.Equal(t, 1, storagetest.One[int](x.Env, `select count(*) from cases where kind = 'appeal'`))
}

// E3: a duplicate is obvious only with the word of the till: its journal has one sale where we have two.
func TestObviousDuplicates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		play func(x *appealTest) (appealed uuid.UUID)
		want bool
	}{
		"the till has one": {func(x *appealTest) uuid.UUID {
			lost, _ := x.Twice(x.till, x.account, 12*yuan)
			return lost
		}, true},
		"the one that it has": {func(x *appealTest) uuid.UUID {
			_, seen := x.Twice(x.till, x.account, 12*yuan)
			return seen
		}, false},
		"a friend's noodles": {func(x *appealTest) uuid.UUID {
			first := x.Sale(x.till, x.account, 12*yuan, "s-1")
			x.Sale(x.till, x.account, 12*yuan, "s-2")
			x.Journal(x.till, "s-1", "s-2")
			return first
		}, false},
		"the till has said nothing": {func(x *appealTest) uuid.UUID {
			first := x.Sale(x.till, x.account, 12*yuan, "s-1")
			x.Sale(x.till, x.account, 12*yuan, "s-2")
			return first
		}, false},
		"another amount": {func(x *appealTest) uuid.UUID {
			first := x.Sale(x.till, x.account, 12*yuan, "s-1")
			x.Sale(x.till, x.account, 12*yuan+1, "s-2")
			x.Journal(x.till, "s-2")
			return first
		}, false},
		"another till": {func(x *appealTest) uuid.UUID {
			first := x.Sale(x.till, x.account, 12*yuan, "s-1")
			other := x.Till(x.Merchant("第二食堂", "canteen"), "一号窗口")
			x.Sale(other, x.account, 12*yuan, "s-2")
			x.Journal(x.till, "s-2") // a key is of one till
			return first
		}, false},
		"another card": {func(x *appealTest) uuid.UUID {
			first := x.Sale(x.till, x.account, 12*yuan, "s-1")
			_, friend := x.Holder(20 * yuan)
			x.Sale(x.till, friend, 12*yuan, "s-2")
			x.Journal(x.till, "s-2")
			return first
		}, false},
		"after the window": {func(x *appealTest) uuid.UUID {
			first := x.Sale(x.till, x.account, 12*yuan, "s-1")
			x.Clock.Advance(121 * time.Second)
			x.Sale(x.till, x.account, 12*yuan, "s-2")
			x.Journal(x.till, "s-2")
			return first
		}, false},
		"sold without network": {func(x *appealTest) uuid.UUID {
			lost, _ := x.Twice(x.till, x.account, 12*yuan)
			x.ExecAsOwner(`update transfers set kind = 'charge' where id = $1`, lost)
			return lost
		}, false},
		"a longer time ago": {func(x *appealTest) uuid.UUID {
			first := x.Sale(x.till, x.account, 12*yuan, "s-1")
			x.Sale(x.till, x.account, 12*yuan, "s-2")
			now := x.Clock.Now()
			for from, until := range map[time.Duration]time.Duration{time.Millisecond: time.Minute, -time.Hour: -time.Millisecond} {
				if err := x.Money.TakeJournal(x.Context(), x.till, money.TillJournal{From: now.Add(from), Until: now.Add(until),
					Keys: []string{"s-2"}}); err != nil {
					panic(err)
				}
			}
			return first
		}, false},
		"a journal that has it, too": {func(x *appealTest) uuid.UUID {
			lost, _ := x.Twice(x.till, x.account, 12*yuan)
			key := storagetest.One[string](x.Env, `select key from transfers where id = $1`, lost)
			if err := x.Money.TakeJournal(x.Context(), x.till, money.TillJournal{From: x.Clock.Now().Add(-2 * time.Hour),
				Until: x.Clock.Now(), Keys: []string{key}}); err != nil {
				panic(err)
			}
			return lost
		}, false},
		"a journal that came before it": {func(x *appealTest) uuid.UUID {
			x.Sale(x.till, x.account, 12*yuan, "s-2")
			if err := x.Money.TakeJournal(x.Context(), x.till, money.TillJournal{From: x.Clock.Now().Add(-time.Hour),
				Until: x.Clock.Now().Add(time.Minute), Keys: []string{"s-2"}}); err != nil {
				panic(err)
			}
			x.Clock.Advance(time.Second)
			return x.Sale(x.till, x.account, 12*yuan, "s-1")
		}, false},
		"too large": {func(x *appealTest) uuid.UUID {
			lost, _ := x.Twice(x.till, x.account, 30*yuan+1)
			return lost
		}, false},
		"the other went back": {func(x *appealTest) uuid.UUID {
			lost, seen := x.Twice(x.till, x.account, 12*yuan)
			_, err := x.Money.Refund(x.Context(), refund(x.Env, seen, 1))
			if err != nil {
				panic(err)
			}
			return lost
		}, false},
		"before the second sale": {func(x *appealTest) uuid.UUID {
			first := x.Sale(x.till, x.account, 12*yuan, "s-1")
			x.Journal(x.till)
			x.Clock.Advance(time.Second)
			x.Sale(x.till, x.account, 12*yuan, "s-2")
			return first
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newAppealTest(t, 100*yuan)
			require.Equal(t, test.want, x.Appealed(x.person, test.play(x)).Duplicate())
		})
	}
}

// E3: a duplicate is obvious only for who says that it was charged twice, and of all of the payment.
func TestObviousDuplicatesAreAppealedAsSuch(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 100*yuan)
	lost, _ := x.Twice(x.till, x.account, 12*yuan)
	require.False(t, x.Appealed(x.person, lost, func(n *money.NewAppeal) { n.Reason = campus.WrongAmount }).Duplicate())
	x.Clock.Advance(time.Hour)
	lost, _ = x.Twice(x.till, x.account, 12*yuan)
	require.False(t, x.Appealed(x.person, lost, asking(11*yuan)).Duplicate())
	for range 2 { // ordinary appeals do not count among those of the term
		x.Clock.Advance(time.Hour)
		lost, _ = x.Twice(x.till, x.account, 12*yuan)
		require.True(t, x.Appealed(x.person, lost).Duplicate())
	}
}

// E3: at most twice a term for one person, also of several at once.
func TestObviousDuplicatesTwiceATerm(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 200*yuan)
	var payments []uuid.UUID
	for range 4 {
		lost, _ := x.Twice(x.till, x.account, 5*yuan)
		payments = append(payments, lost)
		x.Clock.Advance(time.Hour)
	}
	obvious := make([]bool, len(payments))
	var all sync.WaitGroup
	for i, payment := range payments {
		all.Go(func() {
			a, err := x.Appeals(x.person, payment)
			obvious[i] = err == nil && a.Duplicate()
		})
	}
	all.Wait()
	require.ElementsMatch(t, []bool{true, true, false, false}, obvious)
	x.Clock.Advance(184 * 24 * time.Hour)
	made, err := x.Money.MakeMonths(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, made)
	lost, _ := x.Twice(x.till, x.account, 5*yuan)
	require.True(t, x.Appealed(x.person, lost).Duplicate(), "the next term")
}

// E3: of two processes that ask at once for the last of the term, the second counts the first one's.
func TestObviousDuplicatesOfTwoProcesses(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 200*yuan)
	var payments []uuid.UUID
	for range 3 {
		lost, _ := x.Twice(x.till, x.account, 5*yuan)
		payments = append(payments, lost)
		x.Clock.Advance(time.Hour)
	}
	require.True(t, x.Appealed(x.person, payments[0]).Duplicate())
	release, obvious := storagetest.HoldCommits(t, x.Env, "appeals"), make(chan bool, 2)
	for i, store := range []*storage.Store{x.Store, another(t, x.Env)} {
		asks := *x.Env
		asks.Store = store
		go func() {
			a, err := asks.Appeals(x.person, payments[1+i])
			obvious <- err == nil && a.Duplicate()
		}()
	}
	require.Eventually(t, func() bool { return storagetest.LockWaits(x.Env, `%`) == 2 }, time.Minute, time.Millisecond)
	release()
	require.ElementsMatch(t, []bool{true, false}, []bool{<-obvious, <-obvious})
}

// What goes back of an appeal goes back once, however often it is asked for, by purse, also after the books are closed.
func TestAppealRefundedOnce(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 20*yuan)
	x.Subsidise(x.account, 5*yuan, campus.Date{})
	lost, _ := x.Twice(x.till, x.account, 10*yuan)
	a := x.Appealed(x.person, lost)
	require.Equal(t, campus.Purses{Main: 5 * yuan}, x.AccountOf(x.account).Purses())
	x.Tomorrow()
	x.Exec(`insert into books_closed (university, day, closed_at) values ($1, $2, now())`, storagetest.University,
		campus.DateOf(a.OpenedAt))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			back, err := x.Money.RefundAppeal(t.Context(), a.CaseID)
			if err != nil || back != (money.GivenBack{Some: true, All: true}) {
				t.Errorf("it went back otherwise: %v %v", back, err)
			}
		})
	}
	all.Wait()
	require.Equal(t, campus.Purses{Main: 10 * yuan, Subsidy: 5 * yuan}, x.AccountOf(x.account).Purses())
	got, err := x.Money.Appeal(t.Context(), a.CaseID)
	require.NoError(t, err)
	require.Equal(t, int64(10*yuan), got.GivenCents)
	require.Equal(t, 1, storagetest.One[int](x.Env, `select count(*) from notices where template = 'notice.appeal_given_back'`))
	agree(t, x.Env)
}

// What each decision about an appeal grants goes back once, also if two grant as much.
func TestEachDecisionAboutAnAppealIsRefundedOnce(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 20*yuan)
	a := x.Appealed(x.person, x.Sale(x.till, x.account, 10*yuan, "s-1"))
	for round := 1; round <= 2; round++ {
		x.Exec(`update appeals set round = $1, verdict = 'refund_part', granted_cents = $2`, round, 4*yuan)
		for range 2 {
			back, err := x.Money.RefundAppeal(t.Context(), a.CaseID)
			require.NoError(t, err)
			require.Equal(t, money.GivenBack{Some: true, All: true}, back)
		}
	}
	require.Equal(t, int64(18*yuan), x.AccountOf(x.account).MainCents)
	agree(t, x.Env)
}

// What was given back otherwise meanwhile is not given twice.
func TestAppealRefundsWhatIsLeft(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 50*yuan)
	for refunded, want := range map[int64]money.GivenBack{4 * yuan: {Some: true}, 10 * yuan: {}} {
		lost, _ := x.Twice(x.till, x.account, 10*yuan)
		a := x.Appealed(x.person, lost)
		require.True(t, a.Duplicate())
		_, err := x.Money.Refund(t.Context(), refund(x.Env, lost, refunded))
		require.NoError(t, err)
		for range 2 {
			back, err := x.Money.RefundAppeal(t.Context(), a.CaseID)
			require.NoError(t, err)
			require.Equal(t, want, back)
		}
		x.Clock.Advance(time.Hour)
	}
	require.Equal(t, int64(30*yuan), x.AccountOf(x.account).MainCents)
	require.Equal(t, 1, storagetest.Count(x.Env, `notices where template = 'notice.appeal_given_back'`), "of nothing nobody is told")
	agree(t, x.Env)
}

// An upheld objection takes it again, once: what the account has not is owed, and the merchant has its money.
func TestAppealTakenAgain(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 20*yuan)
	lost, _ := x.Twice(x.till, x.account, 10*yuan)
	a := x.Appealed(x.person, lost)
	_, err := x.Money.RefundAppeal(t.Context(), a.CaseID)
	require.NoError(t, err)
	x.Sale(x.till, x.account, 4*yuan, "s-9")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := x.Money.RecoverAppeal(t.Context(), a.CaseID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, campus.Purses{Debt: 4 * yuan}, x.AccountOf(x.account).Purses())
	merchant, err := x.Money.BookBalance(t.Context(), x.till.Book)
	require.NoError(t, err)
	require.Equal(t, int64(24*yuan), merchant)
	agree(t, x.Env)
}

// What goes back of a closed account is the loss cover's to take again; of nothing that went back nothing is taken.
func TestAppealTakenAgainOfAClosedAccount(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 20*yuan)
	lost, _ := x.Twice(x.till, x.account, 10*yuan)
	a := x.Appealed(x.person, lost)
	require.NoError(t, x.Money.RecoverAppeal(t.Context(), a.CaseID))
	require.Equal(t, campus.Purses{}, x.AccountOf(x.account).Purses(), "nothing has gone back")
	_, err := x.Money.RefundAppeal(t.Context(), a.CaseID)
	require.NoError(t, err)
	x.Exec(`update accounts set main_cents = 0, closed_at = now() where id = $1`, x.account)
	for range 2 {
		require.NoError(t, x.Money.RecoverAppeal(t.Context(), a.CaseID))
	}
	require.Equal(t, int64(-10*yuan), x.Holds(campus.LossCoverBook, ""))
	require.Zero(t, x.AccountOf(x.account).DebtCents)
}

// A journal is kept once; another of the same time is refused.
func TestTillJournals(t *testing.T) {
	t.Parallel()
	x := newAppealTest(t, 0)
	now := x.Clock.Now()
	take := func(from, until time.Duration, keys ...string) string {
		return storagetest.Outcome(x.Money.TakeJournal(t.Context(), x.till,
			money.TillJournal{From: now.Add(from), Until: now.Add(until), Keys: keys}))
	}
	require.Equal(t, "done", take(-time.Hour, 0, "b", "a"))
	require.Equal(t, "done", take(-time.Hour, 0, "a", "b", "a"))
	require.Equal(t, "journal_differs", take(-time.Hour, 0, "a"))
	require.Equal(t, "period_invalid", take(0, 0))
	require.Equal(t, "period_invalid", take(time.Hour, time.Hour), "whenever that is")
	require.Equal(t, "moment_invalid", take(-time.Hour, 3*time.Minute))
	long := -now.Sub(time.Unix(0, 0)) - 100*365*24*time.Hour
	require.Equal(t, "moment_invalid", take(long, long+time.Hour), "nobody printed then")
	require.Equal(t, "period_invalid", take(long, 0), "of more than a week")
	require.Equal(t, 1, storagetest.One[int](x.Env, `select count(*) from till_journals`))
}

// E3: whatever gives all of a payment back nudges the open appeal about it, and nothing else does.
func TestAnAppealIsNudgedWhenItsPaymentGoesBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		act  func(x *appealTest, a money.Appeal) error
		want int
	}{
		"a part": {func(x *appealTest, a money.Appeal) error {
			return storagetest.Err(x.Money.Refund(x.Context(), refund(x.Env, a.TransferID, 9*yuan)))
		}, 0},
		"all": {func(x *appealTest, a money.Appeal) error {
			return storagetest.Err(x.Money.Refund(x.Context(), refund(x.Env, a.TransferID, 10*yuan)))
		}, 1},
		"all, in parts": {func(x *appealTest, a money.Appeal) error {
			first, second := refund(x.Env, a.TransferID, 9*yuan), refund(x.Env, a.TransferID, yuan)
			if err := storagetest.Err(x.Money.Refund(x.Context(), first)); err != nil {
				return err
			}
			return storagetest.Err(x.Money.Refund(x.Context(), second))
		}, 1},
		"reversed by the till": {func(x *appealTest, _ money.Appeal) error {
			return storagetest.Err(x.Money.Reverse(x.Context(), money.Reversal{Terminal: x.till.ID.String(), Key: "s-1",
				SoldAt: x.Clock.Now(), TakenAt: x.Clock.Now(), RetryWithin: time.Hour}))
		}, 1},
		"by the appeal itself": {func(x *appealTest, a money.Appeal) error {
			x.Exec(`update appeals set round = 1, verdict = 'refund_all', granted_cents = asked_cents`)
			return storagetest.Err(x.Money.RefundAppeal(x.Context(), a.CaseID))
		}, 0},
		"after the appeal": {func(x *appealTest, a money.Appeal) error {
			x.Exec(`update cases set stage = 'done', outcome = 'withdrawn' where id = $1`, a.CaseID)
			return storagetest.Err(x.Money.Refund(x.Context(), refund(x.Env, a.TransferID, 10*yuan)))
		}, 0},
		"another payment": {func(x *appealTest, _ money.Appeal) error {
			other := x.Sale(x.till, x.account, 10*yuan, "s-2")
			return storagetest.Err(x.Money.Refund(x.Context(), refund(x.Env, other, 10*yuan)))
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newAppealTest(t, 100*yuan)
			a := x.Appealed(x.person, x.Sale(x.till, x.account, 10*yuan, "s-1"))
			require.NoError(t, test.act(x, a))
			require.Equal(t, test.want, storagetest.Count(x.Env, `outbox where kind = 'signal' and workflow_id = $1`,
				campus.CaseRef{Kind: campus.AppealCase, ID: a.CaseID}.WorkflowID()))
		})
	}
}
