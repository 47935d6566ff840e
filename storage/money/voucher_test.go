package money_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

func correction(kind campus.VoucherKind, person uuid.UUID, cents int64) money.NewVoucher {
	v := money.NewVoucher{ManualVoucher: campus.ManualVoucher{Kind: kind, Cents: cents, Reason: "a mistake"}, Person: person}
	if kind == campus.CreditVoucher || kind == campus.DebitVoucher {
		v.Book = campus.SuspenseBook
	}
	return v
}

// voucherTest is two people of finance, and a holder with 20 yuan.
type voucherTest struct {
	*storagetest.Env
	*testing.T
	first, second   campus.StaffMember
	person, account uuid.UUID
}

func newVoucherTest(t *testing.T, role campus.Role) *voucherTest {
	t.Helper()
	v := &voucherTest{Env: storagetest.New(t), T: t}
	v.first, v.second = v.Pair(role)
	v.person, v.account = v.Holder(20 * yuan)
	return v
}

func (v *voucherTest) propose(n money.NewVoucher) (money.Voucher, error) {
	return v.Money.ProposeVoucher(v.Env.Context(), v.Requested(campus.Staff(v.first.ID)), v.first, n)
}

func (v *voucherTest) decide(who campus.StaffMember, id uuid.UUID, confirm bool) error {
	return storagetest.Err(v.Money.DecideVoucher(v.Env.Context(), v.Requested(campus.Staff(who.ID)), who, id, confirm))
}

// agrees tells that the account agrees with its transfers.
func (v *voucherTest) agrees() {
	v.Helper()
	doubts, _, err := v.Money.CheckAll(v.Env.Context(), uuid.Nil, 100)
	require.NoError(v, err)
	require.Empty(v, doubts)
}

// E4: what is put right by hand takes two people, and is posted once, whoever confirms at the same time.
func TestAVoucherIsPostedOnceByASecondPerson(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		kind        campus.VoucherKind
		debt        int64
		main, after int64 // what is in the main purse then, and owed
		book        campus.BookKind
		holds       int64
	}{
		"money onto a card":       {kind: campus.CreditVoucher, main: 25 * yuan, book: campus.SuspenseBook, holds: -5 * yuan},
		"it pays what is owed":    {kind: campus.CreditVoucher, debt: 7 * yuan, after: 2 * yuan, book: campus.SuspenseBook, holds: -5 * yuan},
		"money off a card":        {kind: campus.DebitVoucher, main: 15 * yuan, book: campus.SuspenseBook, holds: 5 * yuan},
		"a debt that nobody pays": {kind: campus.DebtVoucher, debt: 7 * yuan, after: 2 * yuan, book: campus.WrittenOffBook, holds: -5 * yuan},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			v := newVoucherTest(t, campus.Finance)
			if test.debt > 0 {
				p := v.Payment(v.account, 20*yuan+test.debt)
				p.Kind = campus.ChargeTransfer
				require.NoError(t, storagetest.Err(v.Money.Charge(t.Context(), p)))
			}
			made, err := v.propose(correction(test.kind, v.person, 5*yuan))
			require.NoError(t, err)
			require.Zero(t, v.Holds(test.book, ""), "nothing is posted yet")
			require.Equal(t, "same_person", campus.ReasonOf(v.decide(v.first, made.ID, true)))
			errs := storagetest.AtOnce(3, func(int) error { return v.decide(v.second, made.ID, true) })
			require.Equal(t, map[string]int{"done": 1, "voucher_decided": 2}, storagetest.Outcomes(errs), "%v", errs)
			a := v.AccountOf(v.account)
			require.Equal(t, []int64{test.main, test.after, test.holds}, []int64{a.MainCents, a.DebtCents, v.Holds(test.book, "")})
			require.Equal(t, 1, storagetest.Count(v.Env, `notices where person_id = $1 and template like 'notice.voucher_%'`, v.person))
			require.Equal(t, 1, storagetest.Count(v.Env, `audit where action = 'voucher.confirm'`))
			v.agrees()
		})
	}
}

// E4: never below zero, neither when it is proposed nor when it is confirmed.
func TestAVoucherTakesNoMoreThanThereIs(t *testing.T) {
	t.Parallel()
	v := newVoucherTest(t, campus.Finance)
	_, err := v.propose(correction(campus.DebitVoucher, v.person, 21*yuan))
	require.Equal(t, "insufficient_funds", campus.ReasonOf(err))
	_, err = v.propose(correction(campus.DebtVoucher, v.person, 1*yuan))
	require.Equal(t, "debt_less", campus.ReasonOf(err))
	made, err := v.propose(correction(campus.DebitVoucher, v.person, 20*yuan))
	require.NoError(t, err)
	v.Pays(v.account, 1*yuan)
	require.Equal(t, "same_person", campus.ReasonOf(v.decide(v.first, made.ID, true)), "whatever is on the card")
	require.Equal(t, "insufficient_funds", campus.ReasonOf(v.decide(v.second, made.ID, true)))
	require.NoError(t, v.decide(v.first, made.ID, false), "taken back by who has proposed it")
	require.Equal(t, "voucher_decided", campus.ReasonOf(v.decide(v.second, made.ID, true)))
	require.Equal(t, int64(19*yuan), v.AccountOf(v.account).MainCents)
}

// What a voucher is about, who may propose it, and of which university it is.
func TestVouchersAreRefused(t *testing.T) {
	t.Parallel()
	v := newVoucherTest(t, campus.Finance)
	cashier, _ := v.Pair(campus.Cashier)
	for sentence, test := range map[string]struct {
		change func(*money.NewVoucher)
		who    campus.StaffMember
		want   string
	}{
		"no book":                    {change: func(n *money.NewVoucher) { n.Book = "" }, want: "voucher_book"},
		"a book that is no reason":   {change: func(n *money.NewVoucher) { n.Book = campus.FeesBook }, want: "voucher_book"},
		"nothing":                    {change: func(n *money.NewVoucher) { n.Cents = 0 }, want: "amount_invalid"},
		"nobody":                     {change: func(n *money.NewVoucher) { n.Person = uuid.Nil }, want: "voucher_about"},
		"a merchant and a person":    {change: func(n *money.NewVoucher) { n.Merchant = uuid.New() }, want: "voucher_about"},
		"a drawer and no cash":       {change: func(n *money.NewVoucher) { n.Drawer = uuid.New() }, want: "voucher_about"},
		"somebody without a card":    {change: func(n *money.NewVoucher) { n.Person = uuid.New() }, want: "account_unknown"},
		"a cashier corrects nothing": {who: cashier, want: "permission_missing"},
	} {
		n := correction(campus.CreditVoucher, v.person, 1*yuan)
		if test.change != nil {
			test.change(&n)
		}
		who := v.first
		if test.who.ID != uuid.Nil {
			who = test.who
		}
		_, err := v.Money.ProposeVoucher(t.Context(), v.Requested(campus.Staff(who.ID)), who, n)
		require.Equal(t, test.want, campus.ReasonOf(err), sentence)
	}
	require.Equal(t, "voucher_unknown", campus.ReasonOf(v.decide(v.second, uuid.New(), true)))
	v.University("lcvtc")
	elsewhere, _ := v.Staff("lcvtc", campus.Grant{Role: campus.Finance})
	_, err := v.Money.ProposeVoucher(t.Context(), v.Requested(campus.Staff(elsewhere.ID)), elsewhere,
		correction(campus.CreditVoucher, v.person, 1*yuan))
	require.Equal(t, "account_unknown", campus.ReasonOf(err), "somebody of another university")
	require.Zero(t, storagetest.Count(v.Env, `manual_vouchers`))

	made, err := v.propose(correction(campus.CreditVoucher, v.person, 1*yuan))
	require.NoError(t, err)
	require.Equal(t, "permission_missing", campus.ReasonOf(v.decide(cashier, made.ID, true)))
	require.Equal(t, "permission_missing", campus.ReasonOf(v.decide(cashier, made.ID, false)))
	require.Equal(t, "voucher_unknown", campus.ReasonOf(v.decide(elsewhere, made.ID, true)))
	list := func(who campus.StaffMember, open bool, after uuid.UUID) int {
		found, err := v.Money.Vouchers(t.Context(), who, open, after, 10)
		require.NoError(t, err)
		return len(found)
	}
	require.Equal(t, []int{1, 0, 0, 0}, []int{list(v.first, true, uuid.Nil), list(cashier, false, uuid.Nil),
		list(elsewhere, false, uuid.Nil), list(v.first, false, made.ID)})
	require.NoError(t, v.decide(v.second, made.ID, true))
	require.Equal(t, []int{0, 1}, []int{list(v.first, true, uuid.Nil), list(v.first, false, uuid.Nil)})
}

// L1, E4: cash goes back out of the proposer's own drawer, from the main purse, and the count expects it.
func TestCashIsTakenBackByTwoPeople(t *testing.T) {
	t.Parallel()
	v := newVoucherTest(t, campus.Cashier)
	drawer := func(who campus.StaffMember) money.Drawer {
		d, err := v.Money.OpenDrawer(t.Context(), v.Requested(campus.Staff(who.ID)), who, storagetest.EastCampus, 15*yuan, v.Policy().Money.TopUp)
		require.NoError(t, err)
		return d
	}
	own, other := drawer(v.first), drawer(v.second)
	back := func(drawer uuid.UUID, cents int64) money.NewVoucher {
		n := correction(campus.CashBackVoucher, v.person, cents)
		n.Drawer = drawer
		return n
	}
	for want, n := range map[string]money.NewVoucher{
		"drawer_of_another": back(other.ID, 1*yuan), "drawer_lacks": back(own.ID, 16*yuan), "drawer_unknown": back(uuid.New(), 1),
	} {
		require.Equal(t, want, campus.ReasonOf(storagetest.Err(v.propose(n))))
	}
	v.Exec(`update accounts set holds = '{frozen}' where id = $1`, v.account)
	require.Equal(t, "account_held", campus.ReasonOf(storagetest.Err(v.propose(back(own.ID, 1*yuan)))))
	v.Exec(`update accounts set holds = '{}' where id = $1`, v.account)
	made, err := v.propose(back(own.ID, 15*yuan))
	require.NoError(t, err)
	twice, err := v.propose(back(own.ID, 5*yuan))
	require.NoError(t, err)
	require.NoError(t, v.decide(v.second, made.ID, true))
	require.Equal(t, "drawer_lacks", campus.ReasonOf(v.decide(v.second, twice.ID, true)), "its cash is spent")
	require.Equal(t, []int64{5 * yuan, 15 * yuan},
		[]int64{v.AccountOf(v.account).MainCents, v.Holds(campus.DrawerBook, own.ID.String())})
	lines, err := v.Money.DayVoucher(t.Context(), storagetest.University, campus.DateOf(v.Clock.Now()))
	require.NoError(t, err)
	i := slices.IndexFunc(lines, func(l money.BookLine) bool { return l.Kind == string(campus.DrawerBook) })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, []any{own.ID.String(), int64(15 * yuan)}, []any{lines[i].Ref, lines[i].DebitCents})
	require.Regexp(t, `^\S+ `+v.first.Name+"$", lines[i].NameZH, "campus and cashier, as people know it")
	last, err := v.propose(back(own.ID, 0+1)) // there is no cash left for it
	require.Equal(t, "drawer_lacks", campus.ReasonOf(err), "%v", last)
	counted, err := v.Money.CountDrawer(t.Context(), v.Requested(campus.Staff(v.first.ID)), v.first, own.ID, 0)
	require.NoError(t, err)
	require.Zero(t, counted.DifferenceCents(), "what was paid out does not lack")
	require.Equal(t, "drawer_counted", campus.ReasonOf(v.decide(v.second, twice.ID, true)))
	v.Exec(`update drawers set state = 'closed', confirmed_by = $2, closed_at = now() where id = $1`, own.ID, v.second.ID)
	require.Equal(t, "drawer_closed", campus.ReasonOf(v.decide(v.second, twice.ID, true)))
	v.agrees()
}

// L3: what a retired merchant owes is written off by two people; one that is not retired carries it forward.
func TestARetiredMerchantsDebtIsWrittenOff(t *testing.T) {
	t.Parallel()
	v := newVoucherTest(t, campus.Finance)
	m := v.Merchant("第一食堂", "canteen")
	off := money.NewVoucher{ManualVoucher: campus.ManualVoucher{Kind: campus.MerchantVoucher, Reason: "it has gone"}, Merchant: m.ID}
	paid := v.Sells(m, v.account, 10*yuan)
	require.Equal(t, "merchant_not_retired", campus.ReasonOf(storagetest.Err(v.propose(off))))
	v.Settled(m, campus.DateOf(v.Clock.Now()), 10*yuan, 0)
	v.BankAccount(m.ID)
	require.NoError(t, storagetest.Err(v.Gathers()))
	becomes := func(state campus.MerchantState) {
		require.NoError(t, storagetest.Err(v.Money.SetMerchantState(t.Context(), v.Requested(campus.Staff(v.first.ID)), v.first, m.ID, state)))
	}
	becomes(campus.MerchantStopped)
	require.Equal(t, "merchant_not_retired", campus.ReasonOf(storagetest.Err(v.propose(off))), "it may go on")
	becomes(campus.MerchantRetired)
	require.Equal(t, "merchant_owes_nothing", campus.ReasonOf(storagetest.Err(v.propose(off))))
	require.NoError(t, storagetest.Err(v.Money.Refund(t.Context(), refund(v.Env, paid.Transfer, 4*yuan))))
	elsewhere := v.first
	elsewhere.University = "moon"
	_, err := v.Money.ProposeVoucher(t.Context(), v.Requested(campus.Staff(elsewhere.ID)), elsewhere, off)
	require.Equal(t, "merchant_unknown", campus.ReasonOf(err))
	made, err := v.propose(off)
	require.NoError(t, err)
	require.Equal(t, int64(4*yuan), made.AmountCents, "all that it owes")
	require.Equal(t, "voucher_open", campus.ReasonOf(storagetest.Err(v.propose(off))))
	require.NoError(t, storagetest.Err(v.Money.Refund(t.Context(), refund(v.Env, paid.Transfer, 1*yuan))))
	require.Equal(t, "amount_changed", campus.ReasonOf(v.decide(v.second, made.ID, true)))
	require.NoError(t, v.decide(v.second, made.ID, false))
	made, err = v.propose(off)
	require.NoError(t, err)
	require.Equal(t, "same_person", campus.ReasonOf(v.decide(v.first, made.ID, true)))
	release, decided := storagetest.HoldCommits(t, v.Env, "manual_vouchers"), make(chan []error, 1)
	go func() { decided <- storagetest.AtOnce(3, func(int) error { return v.decide(v.second, made.ID, true) }) }()
	require.Eventually(t, func() bool { return storagetest.LockWaits(v.Env, `select id, university, kind, person_id%`) == 2 },
		time.Minute, time.Millisecond, "two wait for the first")
	release()
	require.Equal(t, map[string]int{"done": 1, "voucher_decided": 2}, storagetest.Outcomes(<-decided))
	require.Equal(t, []int64{0, -5 * yuan}, []int64{v.Holds(campus.MerchantBook, m.ID.String()), v.Holds(campus.WrittenOffBook, "")})
}
