package storage_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// counter is a cashier with a drawer, and a colleague.
type counter struct {
	h              *storagetest.Env
	cashier, other campus.StaffMember
	drawer         money.Drawer
}

func newCounter(t *testing.T, h *storagetest.Env) *counter {
	h.University(storagetest.University)
	c := &counter{h: h}
	c.cashier, _ = h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier})
	c.other, _ = h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier})
	var err error
	c.drawer, err = c.open(c.cashier, storagetest.EastCampus, 100_00)
	require.NoError(t, err)
	return c
}

func (c *counter) open(who campus.StaffMember, place string, cents int64) (money.Drawer, error) {
	return c.h.Money.OpenDrawer(c.h.Context(), c.h.Requested(campus.Staff(who.ID)), who, place, cents,
		c.h.Policy().Money.TopUp)
}

func (c *counter) take(who campus.StaffMember, person uuid.UUID, cents int64) string {
	_, err := c.h.TakeCashAtCounter(c.h.Context(), c.h.Requested(campus.Staff(who.ID)), who, money.CashTaking{
		Drawer: c.drawer.ID, Person: person, Cents: cents, Terms: c.h.Policy().Money.TopUp})
	return storagetest.Outcome(err)
}

func (c *counter) count(who campus.StaffMember, cents int64) string {
	_, err := c.h.Money.CountDrawer(c.h.Context(), c.h.Requested(campus.Staff(who.ID)), who, c.drawer.ID, cents)
	return storagetest.Outcome(err)
}

func (c *counter) close(who campus.StaffMember, cents int64) string {
	d, err := c.h.Money.CloseDrawer(c.h.Context(), c.h.Requested(campus.Staff(who.ID)), who, c.drawer.ID, cents)
	if err == nil {
		c.drawer = d
	}
	return storagetest.Outcome(err)
}

// L1: a day of a counter: cash comes in, two people close it, and what lacks is in the book of differences.
func TestADayOfADrawer(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	c := newCounter(t, h)
	person, account := h.Holder(0)
	require.Equal(t, "done", c.take(c.cashier, person, 50_00))
	require.Equal(t, int64(50_00), h.AccountOf(account).MainCents)
	require.Equal(t, int64(-50_00), h.Holds(campus.DrawerBook, c.drawer.ID.String()))
	require.Equal(t, "50.00", campus.YuanText(storagetest.One[int64](h, `select detail::bigint from counter_acts`)),
		"the receipt has the amount")

	require.Equal(t, "drawer_not_counted", c.close(c.other, 150_00))
	require.Equal(t, "drawer_of_another", c.count(c.other, 150_00))
	require.Equal(t, "done", c.count(c.cashier, 149_00))
	require.Equal(t, "drawer_counted", c.take(c.cashier, person, 50_00), "cash in between")
	require.Equal(t, "same_person", c.close(c.cashier, 149_00))
	require.Equal(t, "count_differs", c.close(c.other, 150_00))
	require.Equal(t, "done", c.count(c.cashier, 148_00), "until it is closed it may be counted anew")
	require.Equal(t, "count_differs", c.close(c.other, 149_00))
	require.Equal(t, "done", c.close(c.other, 148_00))
	require.Equal(t, int64(-2_00), c.drawer.DifferenceCents())
	require.Equal(t, []int64{-2_00, -48_00}, []int64{h.Holds(campus.DrawerDifferenceBook, ""),
		h.Holds(campus.DrawerBook, c.drawer.ID.String())}, "the books have what was counted")

	require.Equal(t, "drawer_closed", c.close(c.other, 148_00))
	require.Equal(t, "drawer_closed", c.count(c.cashier, 148_00))
	require.Equal(t, "drawer_closed", c.take(c.cashier, person, 50_00))
}

// L1: whoever closes a drawer counts it by themselves: until then only its cashier sees what the cashier has counted.
func TestACountIsTheCashiersUntilTheDrawerIsClosed(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	c := newCounter(t, h)
	require.Equal(t, "done", c.count(c.cashier, 99_00))
	seen := func(who campus.StaffMember) *int64 {
		d, err := h.Money.Drawer(t.Context(), who, c.drawer.ID)
		require.NoError(t, err)
		return d.For(who).CountedCents
	}
	require.Equal(t, int64(99_00), *seen(c.cashier))
	require.Nil(t, seen(c.other))
	require.Equal(t, "done", c.close(c.other, 99_00))
	require.Equal(t, int64(99_00), *seen(c.other))
	require.Equal(t, []string{c.cashier.Name, c.other.Name}, []string{c.drawer.CashierName, c.drawer.ConfirmedByName})
}

// L1: what lies in a drawer has a bound, float and takings together; what a drawer does not take leaves nothing behind.
func TestADrawerThatIsFullTakesNothing(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	c := newCounter(t, h)
	person, account := h.Holder(0)
	h.Exec(`update drawers set float_cents = $1`, h.Policy().Money.TopUp.FloatMost-10_00)
	require.Equal(t, "drawer_full", c.take(c.cashier, person, 10_01))
	require.Equal(t, "done", c.take(c.cashier, person, 10_00))
	require.Equal(t, "drawer_full", c.take(c.cashier, person, 1_00))
	require.Equal(t, int64(10_00), h.AccountOf(account).MainCents)
	acts, err := h.People.DrawerActs(t.Context(), c.drawer.ID, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, acts, 1)
	require.Equal(t, []any{"1000", person, c.cashier.Name}, []any{acts[0].Detail, acts[0].PersonID, acts[0].StaffName})
}

// What is too much is in the book of differences, too.
func TestADrawerWithTooMuch(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	c := newCounter(t, h)
	require.Equal(t, []string{"done", "done"}, []string{c.count(c.cashier, 103_00), c.close(c.other, 103_00)})
	require.Equal(t, []int64{3_00, -3_00}, []int64{h.Holds(campus.DrawerDifferenceBook, ""),
		h.Holds(campus.DrawerBook, c.drawer.ID.String())})
}

// One open drawer for a cashier and campus; who may open it, and with what.
func TestOpeningADrawer(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	c := newCounter(t, h)
	open := func(who campus.StaffMember, place string, cents int64) string {
		return storagetest.Outcome(storagetest.Err(c.open(who, place, cents)))
	}
	require.Equal(t, "drawer_open", open(c.cashier, storagetest.EastCampus, 0))
	require.Equal(t, "done", open(c.cashier, storagetest.WestCampus, 0))
	outcomes := storagetest.Outcomes(storagetest.AtOnce(8, func(int) error {
		return storagetest.Err(c.open(c.other, storagetest.EastCampus, 0))
	}))
	require.Equal(t, 1, outcomes["done"])
	require.Equal(t, "campus_unknown", open(c.cashier, "moon", 0))
	require.Equal(t, "drawer_amount", open(c.other, storagetest.WestCampus, -1))
	require.Equal(t, "drawer_amount", open(c.other, storagetest.WestCampus, h.Policy().Money.TopUp.FloatMost+1))
	west, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier, Campuses: []string{storagetest.WestCampus}})
	require.Equal(t, "permission_missing", open(west, storagetest.EastCampus, 0))
	_, err := h.Money.Drawer(t.Context(), west, c.drawer.ID)
	require.Equal(t, "drawer_unknown", storagetest.Outcome(err), "of another campus")
	drawers, err := h.Money.Drawers(t.Context(), west, false, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, drawers, 1)
}

// Cash for whom a counter does not serve, or beyond the bounds, leaves nothing behind.
func TestCashThatIsNotTaken(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	c := newCounter(t, h)
	person, account := h.Holder(h.Policy().Money.TopUp.BalanceMost - 10_00)
	for cents, want := range map[int64]string{0: "topup_range", -1: "topup_range", 99: "topup_range",
		h.Policy().Money.TopUp.CashMost + 1: "topup_range", 10_01: "balance_ceiling"} {
		require.Equal(t, want, c.take(c.cashier, person, cents))
	}
	require.Equal(t, "drawer_of_another", c.take(c.other, person, 1_00))
	require.Equal(t, "person_unknown", c.take(c.cashier, uuid.New(), 1_00))
	require.Equal(t, "account_unknown", c.take(c.cashier, h.Person().ID, 1_00))
	require.Zero(t, storagetest.Count(h, "counter_acts"))
	h.Exec(`update accounts set holds = '{lost}' where id = $1`, account)
	require.Equal(t, "done", c.take(c.cashier, person, 1_00), "a card that does not pay takes money")
}

// L1: the receipt of cash says where it was put: the drawer, and the campus that it stands at.
func TestTheReceiptOfCashSaysWhereItWasPut(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	c := newCounter(t, h)
	person, _ := h.Holder(0)
	h.Exec(`update people set campus = $1 where id = $2`, storagetest.WestCampus, person)
	taken, err := h.TakeCashAtCounter(t.Context(), h.Requested(campus.Staff(c.cashier.ID)), c.cashier, money.CashTaking{
		Drawer: c.drawer.ID, Person: person, Cents: 50_00, Terms: h.Policy().Money.TopUp})
	require.NoError(t, err)
	receipt, err := h.People.ActReceipt(t.Context(), c.cashier, taken.CounterAct.ID)
	require.NoError(t, err)
	require.Equal(t, storagetest.EastCampus, receipt.Act.Campus)
	require.Equal(t, &c.drawer.ID, receipt.Act.DrawerID)
}
