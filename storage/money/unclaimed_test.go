package money_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// unclaimedTest is 7 yuan that somebody has paid for a top-up of 20, and that the wallet does not take back.
type unclaimedTest struct {
	*storagetest.Env
	*testing.T
	first, second campus.StaffMember
	person        uuid.UUID
	order         money.Order
	refund        uuid.UUID
}

func newUnclaimedTest(t *testing.T, change ...func(*money.ChannelPayment)) *unclaimedTest {
	t.Helper()
	u := &unclaimedTest{Env: storagetest.New(t), T: t}
	u.first, u.second = u.Pair(campus.Finance)
	u.person, _ = u.Holder(0)
	u.order = u.Order(u.person, 20*yuan)
	change = append([]func(*money.ChannelPayment){func(p *money.ChannelPayment) { p.Cents = 7 * yuan }}, change...)
	u.Takes(u.PaidAt(u.order, "tx-1", change...))
	u.refund = u.DueRefunds()[0].ID
	require.NoError(t, u.Settles(u.refund, false))
	return u
}

// account is a bank account of the payer.
func account() campus.BankAccount {
	return campus.BankAccount{Holder: "王小明", Bank: "城市银行", Number: "6222 0212 3456 7890"}
}

func (u *unclaimedTest) propose(way campus.UnclaimedWay, change ...func(*money.NewSettlement)) (money.UnclaimedSettlement, error) {
	n := money.NewSettlement{Refund: u.refund, Way: way, Reason: "the payer has written"}
	if way == campus.UnclaimedToBank {
		n.Where = account()
	}
	for _, fn := range change {
		fn(&n)
	}
	return u.Money.ProposeUnclaimed(u.Env.Context(), u.Requested(campus.Staff(u.first.ID)), u.first, n)
}

func (u *unclaimedTest) decide(who campus.StaffMember, id uuid.UUID, confirm bool) error {
	return storagetest.Err(u.Money.DecideUnclaimed(u.Env.Context(), u.Requested(campus.Staff(who.ID)), who, id, confirm))
}

// settled has two people settle it.
func (u *unclaimedTest) settled(way campus.UnclaimedWay) {
	u.Helper()
	s, err := u.propose(way)
	require.NoError(u, err)
	require.NoError(u, u.decide(u.second, s.ID, true))
}

// books are what lies in suspense, unclaimed, among payouts, and what the wallet owes us.
func (u *unclaimedTest) books() []int64 {
	u.Helper()
	return []int64{u.Holds(campus.SuspenseBook, ""), u.Holds(campus.UnclaimedBook, ""), u.Holds(campus.PayoutsBook, ""),
		u.Holds(campus.ChannelBook, "wallet")}
}

func (u *unclaimedTest) listed() []money.Unclaimed {
	u.Helper()
	found, err := u.Money.UnclaimedMoney(u.Env.Context(), storagetest.University, uuid.Nil, 10)
	require.NoError(u, err)
	return found
}

// L2: what becomes of unclaimed money takes two people and a reason, and is done once, whoever confirms at the same
// time.
func TestUnclaimedMoneyTakesTwoPeople(t *testing.T) {
	t.Parallel()
	for way, want := range map[campus.UnclaimedWay]struct {
		state  campus.RefundState
		books  []int64
		notice string
	}{
		campus.UnclaimedToSource: {campus.RefundResent, []int64{7 * yuan, 0, 0, -7 * yuan}, ""},
		campus.UnclaimedToBank:   {campus.RefundPaidOut, []int64{0, 0, 7 * yuan, -7 * yuan}, "notice.topup_paid_out"},
		campus.UnclaimedKept:     {campus.RefundKept, []int64{0, 7 * yuan, 0, -7 * yuan}, "notice.topup_kept"},
	} {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			u := newUnclaimedTest(t)
			require.Equal(t, []int64{0, 7 * yuan, 0, -7 * yuan}, u.books())
			s, err := u.propose(way)
			require.NoError(t, err)
			require.Equal(t, "unclaimed_proposed", campus.ReasonOf(storagetest.Err(u.propose(way))))
			require.Equal(t, s.ID, u.listed()[0].Proposed.ID)
			require.Equal(t, []int64{0, 7 * yuan, 0, -7 * yuan}, u.books(), "nothing is moved yet")
			require.Equal(t, "same_person", campus.ReasonOf(u.decide(u.first, s.ID, true)))
			elsewhere := u.second
			elsewhere.University = "moon"
			require.Equal(t, "settlement_unknown", campus.ReasonOf(u.decide(elsewhere, s.ID, true)))
			errs := storagetest.AtOnce(3, func(int) error { return u.decide(u.second, s.ID, true) })
			require.Equal(t, map[string]int{"done": 1, "settlement_decided": 2}, storagetest.Outcomes(errs), "%v", errs)
			require.Equal(t, want.books, u.books())
			require.Equal(t, want.state, storagetest.One[campus.RefundState](u.Env, `select state from topup_refunds where id = $1`, u.refund))
			require.Empty(t, u.listed())
			require.Equal(t, "not_unclaimed", campus.ReasonOf(storagetest.Err(u.propose(way))))
			told := []string{"notice.topup_not_returned"}
			if want.notice != "" {
				told = append(told, want.notice)
			}
			require.Equal(t, told, templates(u.Env, u.person))
			require.Equal(t, 1, storagetest.Count(u.Env, `audit where action = 'unclaimed.confirm'`))
			all, err := u.Money.UnclaimedSettlements(t.Context(), storagetest.University, uuid.Nil, 10)
			require.NoError(t, err)
			require.Equal(t, []any{s.ID, campus.UnclaimedConfirmed, u.second.ID}, []any{all[0].ID, all[0].State, *all[0].DecidedBy})
			agree(t, u.Env)
		})
	}
}

// A proposal can be taken back or refused, and then another be made.
func TestAProposalForUnclaimedMoneyIsRefused(t *testing.T) {
	t.Parallel()
	u := newUnclaimedTest(t)
	for _, who := range []campus.StaffMember{u.first, u.second} {
		s, err := u.propose(campus.UnclaimedKept)
		require.NoError(t, err)
		require.NoError(t, u.decide(who, s.ID, false))
		require.Equal(t, "settlement_decided", campus.ReasonOf(u.decide(u.second, s.ID, true)))
	}
	require.Nil(t, u.listed()[0].Proposed)
	require.Equal(t, []int64{0, 7 * yuan, 0, -7 * yuan}, u.books())
	require.Equal(t, 2, storagetest.Count(u.Env, `audit where action = 'unclaimed.refuse'`))
}

// L2: the channel is asked under another key, once; if it refuses again the money is unclaimed again.
func TestUnclaimedMoneyGoesBackToItsSource(t *testing.T) {
	t.Parallel()
	u := newUnclaimedTest(t)
	u.settled(campus.UnclaimedToSource)
	due := u.DueRefunds()
	require.Len(t, due, 1)
	require.NotEqual(t, u.refund, due[0].ID)
	require.Equal(t, []any{"tx-1", int64(7 * yuan), campus.StrayRefund}, []any{due[0].Transaction, due[0].AmountCents, due[0].Kind})
	require.NoError(t, u.Settles(u.refund, false), "said again")
	require.Equal(t, campus.ChannelContradicts, campus.ReasonOf(u.Settles(u.refund, true)), "people look into it")
	require.NoError(t, u.Settles(due[0].ID, false))
	require.Equal(t, []int64{0, 7 * yuan, 0, -7 * yuan}, u.books())
	u.refund = due[0].ID
	u.settled(campus.UnclaimedToSource)
	require.NoError(t, u.Settles(u.DueRefunds()[0].ID, true))
	require.Equal(t, []int64{0, 0, 0, 0}, u.books())
	require.Contains(t, templates(u.Env, u.person), "notice.topup_returned")
	require.Empty(t, u.listed())
}

// L2: a bank account of the payer is paid as a merchant is, by a file with one line; what bounces, also days after it
// was paid, is unclaimed again, once.
func TestUnclaimedMoneyIsPaidOut(t *testing.T) {
	t.Parallel()
	u := newUnclaimedTest(t)
	u.settled(campus.UnclaimedToBank)
	require.Zero(t, storagetest.Count(u.Env, `unclaimed_settlements where position('3456' in encode(sealed, 'escape')) > 0`))
	files, err := u.Money.PayoutFiles(t.Context(), storagetest.University, uuid.Nil, 10)
	require.NoError(t, err)
	require.Equal(t, []any{1, int64(7 * yuan), true}, []any{files[0].Lines, files[0].TotalCents, files[0].Through.IsZero()})
	due, err := u.Money.DuePayoutFiles(t.Context(), 10, 0)
	require.NoError(t, err)
	require.Equal(t, []any{files[0].ID, "6222021234567890", "王小明", "****7890"},
		[]any{due[0].ID, due[0].Where[0].Number, due[0].Where[0].Holder, due[0].Payouts[0].Masked})
	says := func(paid bool) error {
		return u.Money.SettlePayout(t.Context(), storagetest.University, due[0].Payouts[0].ID, paid, "account_closed")
	}
	require.NoError(t, says(true))
	u.Clock.Advance(3 * 24 * time.Hour)
	errs := storagetest.AtOnce(3, func(int) error { return says(false) })
	require.Equal(t, map[string]int{"done": 3}, storagetest.Outcomes(errs), "%v", errs)
	require.Equal(t, []int64{0, 7 * yuan, 0, -7 * yuan}, u.books(), "once")
	require.Equal(t, u.refund, u.listed()[0].ID)
	require.Equal(t, []string{"notice.topup_not_returned", "notice.topup_paid_out", "notice.topup_not_returned"},
		templates(u.Env, u.person))
	u.settled(campus.UnclaimedToBank)
	require.Equal(t, []int64{0, 0, 7 * yuan, -7 * yuan}, u.books(), "another account")
}

// A merchant's payouts go on as before beside what a payer gets.
func TestAPayerHoldsUpNoMerchant(t *testing.T) {
	t.Parallel()
	u := newUnclaimedTest(t)
	u.settled(campus.UnclaimedToBank)
	m := u.Merchant("第一食堂", "canteen")
	u.BankAccount(m.ID)
	u.Sells(m, u.Account(100*yuan).ID, 30*yuan)
	u.Settled(m, campus.DateOf(u.Clock.Now()), 30*yuan, 0)
	due, err := u.Money.UniversitiesToPay(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{storagetest.University}, due)
}

// What unclaimed money can go which way.
func TestWaysOfUnclaimedMoney(t *testing.T) {
	t.Parallel()
	u := newUnclaimedTest(t)
	for want, change := range map[string]func(*money.NewSettlement){
		"unclaimed_account": func(n *money.NewSettlement) { n.Where = campus.BankAccount{} },
		"account_number":    func(n *money.NewSettlement) { n.Where.Number = "12" },
		"refund_unknown":    func(n *money.NewSettlement) { n.Refund = uuid.New() },
	} {
		require.Equal(t, want, campus.ReasonOf(storagetest.Err(u.propose(campus.UnclaimedToBank, change))))
	}
	require.Equal(t, "unclaimed_account", campus.ReasonOf(storagetest.Err(u.propose(campus.UnclaimedKept,
		func(n *money.NewSettlement) { n.Where = account() }))))
	require.Equal(t, "unclaimed_account", campus.ReasonOf(storagetest.Err(u.propose(campus.UnclaimedToBank,
		func(n *money.NewSettlement) { n.Where.Holder = "" }))))
	elsewhere := u.first
	elsewhere.University = "moon"
	_, err := u.Money.ProposeUnclaimed(t.Context(), u.Requested(campus.Staff(elsewhere.ID)), elsewhere,
		money.NewSettlement{Refund: u.refund, Way: campus.UnclaimedKept, Reason: "mine"})
	require.Equal(t, "refund_unknown", campus.ReasonOf(err))
}

// Money of another currency is in no book: it goes back, or stays, and the bank does not pay it.
func TestUnclaimedMoneyOfAnotherCurrency(t *testing.T) {
	t.Parallel()
	for _, way := range []campus.UnclaimedWay{campus.UnclaimedToSource, campus.UnclaimedKept} {
		u := newUnclaimedTest(t, func(p *money.ChannelPayment) { p.Currency = "HKD" })
		require.Equal(t, "unclaimed_currency", campus.ReasonOf(storagetest.Err(u.propose(campus.UnclaimedToBank))))
		u.settled(way)
		require.Equal(t, []int64{0, 0, 0, 0}, u.books())
		if way == campus.UnclaimedToSource {
			require.NoError(t, u.Settles(u.DueRefunds()[0].ID, true))
			require.Equal(t, []int64{0, 0, 0, 0}, u.books())
		}
	}
}

// L2: a refund that its holder has asked for, and whose account is closed by now, is settled in the same way; the money
// lies where it did when the channel was first asked.
func TestAnUnclaimedRefundGoesBackToItsSource(t *testing.T) {
	t.Parallel()
	u := &unclaimedTest{Env: storagetest.New(t), T: t}
	u.first, u.second = u.Pair(campus.Finance)
	person, account, o := paidOrder(u.Env)
	r, err := u.RefundBy(person, o.ID, 0)
	require.NoError(t, err)
	u.Exec(`update accounts set closed_at = now() where id = $1`, account)
	require.NoError(t, u.Settles(r.ID, false))
	u.refund = r.ID
	require.Equal(t, int64(20*yuan), u.Holds(campus.UnclaimedBook, ""))
	u.settled(campus.UnclaimedToSource)
	require.Equal(t, []int64{20 * yuan, -20 * yuan}, inTransit(u.Env))
	require.NoError(t, u.Settles(u.DueRefunds()[0].ID, true))
	require.Equal(t, []int64{0, 0}, inTransit(u.Env))
	require.Zero(t, u.Holds(campus.UnclaimedBook, ""))
	require.Contains(t, templates(u.Env, person), "notice.topup_refunded")
}

// The list of unclaimed money is read in pages, oldest first.
func TestUnclaimedMoneyInPages(t *testing.T) {
	t.Parallel()
	u := newUnclaimedTest(t)
	for _, transaction := range []string{"tx-2", "tx-3"} {
		u.Takes(u.PaidAt(money.Order{AmountCents: yuan}, transaction))
	}
	for _, r := range u.DueRefunds() {
		require.NoError(t, u.Settles(r.ID, false))
	}
	var seen []string
	after := uuid.Nil
	for {
		page, err := u.Money.UnclaimedMoney(t.Context(), storagetest.University, after, 2)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, one := range page {
			seen, after = append(seen, one.Transaction), one.ID
		}
	}
	require.Equal(t, []string{"tx-1", "tx-2", "tx-3"}, seen)
	none, err := u.Money.UnclaimedMoney(t.Context(), "moon", uuid.Nil, 2)
	require.NoError(t, err)
	require.Empty(t, none)
}

// Messages name a top-up by what its holder knows it by.
func TestNoticesNameTheTopUp(t *testing.T) {
	t.Parallel()
	u := newUnclaimedTest(t)
	u.settled(campus.UnclaimedKept)
	u.Takes(u.PaidAt(u.order, "tx-2"))
	_, err := u.RefundBy(u.person, u.order.ID, 0)
	require.NoError(t, err)
	require.NoError(t, u.Settles(u.DueRefunds()[0].ID, true))
	told, err := u.Casework.Notices(t.Context(), u.person, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, told, 4)
	for _, n := range told {
		for _, language := range campus.Languages() {
			text := n.In(language).Text
			require.Contains(t, text, campus.ShortRef(u.order.ID))
			require.Contains(t, text, campus.TimeText(language, u.order.CreatedAt))
			require.NotContains(t, text, "{")
		}
	}
}

// Every constraint of unclaimed money holds by itself.
func TestConstraintsOfUnclaimedMoney(t *testing.T) {
	t.Parallel()
	u := newUnclaimedTest(t)
	u.settled(campus.UnclaimedToBank)
	for name, sql := range map[string]string{
		"unclaimed_settlements_way_known":   `update unclaimed_settlements set way = 'tired', sealed = null`,
		"unclaimed_settlements_state_known": `update unclaimed_settlements set state = 'tired'`,
		"unclaimed_settlements_reason":      `update unclaimed_settlements set reason = ''`,
		"unclaimed_settlements_bank":        `update unclaimed_settlements set sealed = null`,
		"unclaimed_settlements_two_people":  `update unclaimed_settlements set decided_by = proposed_by`,
		"unclaimed_settlements_decided":     `update unclaimed_settlements set decided_at = null`,
		"unclaimed_settlements_one_proposed": `insert into unclaimed_settlements (id, university, refund_id, way, reason, proposed_by,
				proposed_at)
			select gen_random_uuid(), university, refund_id, 'keep', reason, proposed_by, now()
			from unclaimed_settlements, generate_series(1, 2)`,
		"payouts_one_unclaimed": `insert into payouts (id, file_id, university, unclaimed_id, amount_cents, first_day, last_day)
			select gen_random_uuid(), file_id, university, unclaimed_id, 1, first_day, last_day from payouts`,
		"payouts_to_one": `update payouts set unclaimed_id = null`,
	} {
		var broken *pgconn.PgError
		require.ErrorAs(t, tryAsOwner(t, u.Env, sql), &broken, name)
		require.Equal(t, name, broken.ConstraintName)
	}
}
