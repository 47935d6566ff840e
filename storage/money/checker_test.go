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

// checkTest is the checker with accounts.
type checkTest struct {
	*storagetest.Env
	t *testing.T
}

func (c checkTest) check() []money.Doubt {
	doubts, _, err := c.Money.Check(c.t.Context(), uuid.Nil, 100)
	require.NoError(c.t, err)
	return doubts
}

// spends opens an account that has four transfers.
func (c checkTest) spends() money.Account {
	a := c.Account(100 * yuan)
	paid := c.Pays(a.ID, 1*yuan)
	require.NoError(c.t, storagetest.Err(c.Money.Refund(c.t.Context(), refund(c.Env, paid.Transfer, 1*yuan))))
	c.Pays(a.ID, 1*yuan)
	return a
}

// E4: an account that does not agree with its transfers is held when it is still seen wrong some minutes later, by
// whoever looks; the others go on.
func TestTheChecker(t *testing.T) {
	t.Parallel()
	c := checkTest{storagetest.New(t), t}
	for name, spoil := range map[string]string{
		"the main purse": `update accounts set main_cents = main_cents + 1 where id = $1`,
		"the subsidy":    `update accounts set subsidy_cents = 1 where id = $1`,
		"the number":     `update accounts set seq = seq + 1 where id = $1`,
		"what is spent":  `update accounts set spent_cents = spent_cents - 1 where id = $1`,
		"a lost row":     `delete from transfers where account_id = $1 and seq = 2`,
		"the last row":   `delete from transfers where account_id = $1 and seq = 4`,
		"an amount": `update transfers set amount_cents = 101, main_change = -101
			where account_id = $1 and seq = 2`,
		"a pair that was taken out": `delete from transfers where account_id = $1 and seq in (2, 3)`,
		"a balance":                 `update transfers set main_after = main_after + 1 where account_id = $1 and seq = 2`,
	} {
		a, well := c.spends(), c.Account(100*yuan)
		c.ExecAsOwner(spoil, a.ID)
		for range 3 {
			doubts := c.check()
			require.Len(t, doubts, 1, name)
			require.Equal(t, a.ID, doubts[0].Account, name)
			require.False(t, doubts[0].Held, "%s: looks at the same time are one", name)
		}
		require.NotEqual(t, campus.AccountChecked, c.Pays(a.ID, 4_000_00).Outcome, name)
		c.Clock.Advance(5 * time.Minute)
		require.True(t, c.check()[0].Held, name)
		require.True(t, c.check()[0].Held, name)
		require.Equal(t, 1, storagetest.Count(c.Env, `audit where action = 'account.hold' and subject = $1`,
			"account/"+a.ID.String()), name)
		ids, count, err := c.Money.HeldAccounts(t.Context(), 10)
		require.NoError(t, err)
		require.Equal(t, []any{[]uuid.UUID{a.ID}, 1}, []any{ids, count})
		require.Equal(t, campus.AccountChecked, c.Pays(a.ID, 1*yuan).Outcome, name)
		require.Equal(t, campus.Paid, c.Pays(well.ID, 1*yuan).Outcome, name)
		for _, sql := range []string{`delete from transfers where account_id = $1`,
			`delete from account_checks where account_id = $1`, `delete from accounts where id = $1`} {
			c.ExecAsOwner(sql, a.ID)
		}
	}
	_, next, err := c.Money.Check(t.Context(), uuid.Nil, 1)
	require.NoError(t, err)
	require.NotEqual(t, uuid.Nil, next, "there are more pages")
}

// An account that is seen right in between begins anew.
func TestADoubtThatIsGone(t *testing.T) {
	t.Parallel()
	c := checkTest{storagetest.New(t), t}
	a := c.Account(100 * yuan)
	c.Exec(`update accounts set main_cents = 1 where id = $1`, a.ID)
	require.Len(t, c.check(), 1)
	c.Exec(`update accounts set main_cents = 10000 where id = $1`, a.ID)
	require.Empty(t, c.check())
	c.Exec(`update accounts set main_cents = 1 where id = $1`, a.ID)
	c.Clock.Advance(time.Hour)
	require.False(t, c.check()[0].Held)
}

// What has agreed once is not read again: the next look goes on from there, over days and months. CheckAll reads it.
func TestTheCheckerGoesOnFromWhatAgreed(t *testing.T) {
	t.Parallel()
	c := checkTest{storagetest.New(t), t}
	require.NoError(t, storagetest.Err(c.Money.MakeMonths(t.Context(), 12)))
	a := c.spends()
	require.Empty(t, c.check())
	for range 3 {
		c.Clock.Advance(20 * 24 * time.Hour)
		c.Pays(a.ID, 1*yuan)
		require.Empty(t, c.check())
		c.Pays(a.ID, 2*yuan)
		require.Empty(t, c.check())
	}
	require.Equal(t, []int64{10, 3 * yuan}, storagetest.One[[]int64](c.Env, `select array[seq, spent_cents] from account_checks
		where account_id = $1`, a.ID))
	c.ExecAsOwner(`update transfers set main_after = main_after + 1 where account_id = $1 and seq = 2`, a.ID)
	require.Empty(t, c.check(), "that row is not read again")
	doubts, _, err := c.Money.CheckAll(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Len(t, doubts, 1)
	c.Pays(a.ID, 1*yuan)
	c.ExecAsOwner(`update transfers set main_after = main_after + 1 where account_id = $1 and seq = 11`, a.ID)
	require.Len(t, c.check(), 1, "what is new is read")
}
