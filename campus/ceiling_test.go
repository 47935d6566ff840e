package campus_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// Who may not add an amount is told whether top-ups count that are not paid yet, and what is possible now.
func TestTheCeilingOfABalanceSaysWhatCounts(t *testing.T) {
	t.Parallel()
	p := campus.TopUpPolicy{BalanceMost: 2000_00}
	for name, test := range map[string]struct {
		has           campus.Purses
		unpaid, cents int64
		reason        string
		most          int64
	}{
		"up to it":                       {campus.Purses{Main: 1500_00}, 0, 500_00, "", 0},
		"a fen beyond":                   {campus.Purses{Main: 1500_00}, 0, 500_01, "balance_ceiling", 500_00},
		"a subsidy does not count":       {campus.Purses{Main: 1500_00, Subsidy: 900_00}, 0, 500_00, "", 0},
		"a debt is paid first":           {campus.Purses{Debt: 100_00}, 0, 2100_00, "", 0},
		"with orders that are not paid":  {campus.Purses{}, 2000_00, 1, "balance_ceiling_unpaid", 0},
		"some of them":                   {campus.Purses{Main: 100_00}, 1500_00, 400_01, "balance_ceiling_unpaid", 400_00},
		"beyond it already":              {campus.Purses{Main: 2500_00}, 0, 1, "balance_ceiling", 0},
		"and an order, which fits in it": {campus.Purses{Main: 100_00}, 1500_00, 400_00, "", 0},
	} {
		err := p.CheckCeiling(test.has, test.unpaid, test.cents)
		require.Equal(t, test.reason, campus.ReasonOf(err), name)
		if refused, ok := errors.AsType[*campus.Error](err); ok {
			require.Equal(t, map[string]int64{"ceiling": 2000_00, "most": test.most, "unpaid": test.unpaid}, refused.Amounts, name)
		}
	}
}

// L1: no more than may lie in a drawer, the float included; the refusal says what it still takes.
func TestADrawerHasABound(t *testing.T) {
	t.Parallel()
	p := campus.TopUpPolicy{FloatMost: 1000_00}
	require.NoError(t, p.CheckDrawer(900_00, 100_00))
	for has, room := range map[int64]int64{900_01: 99_99, 1000_00: 0, 1200_00: 0} {
		err := p.CheckDrawer(has, 100_00)
		require.Equal(t, "drawer_full", campus.ReasonOf(err))
		refused, ok := errors.AsType[*campus.Error](err)
		require.True(t, ok)
		require.Equal(t, map[string]int64{"ceiling": 1000_00, "most": room}, refused.Amounts)
	}
}

// A bound that is told is the whole of it: who sends nothing is told what is possible, as is who sends too little.
func TestAmountsOutsideOfTheBoundsAreToldThem(t *testing.T) {
	t.Parallel()
	p := campus.TopUpPolicy{Channels: map[string]campus.ChannelPolicy{"wallet": {}}, Least: 10_00, Most: 500_00,
		CashLeast: 1_00, CashMost: 1000_00}
	for _, cents := range []int64{-1 << 62, -1, 0, 99, 1000_01, campus.AmountMost + 1} {
		for _, err := range []error{p.Check("wallet", cents), p.CheckCash(cents)} {
			refused, ok := errors.AsType[*campus.Error](err)
			require.True(t, ok, cents)
			require.Equal(t, "topup_range", refused.Reason)
			require.Len(t, refused.Amounts, 2)
		}
	}
	require.NoError(t, p.Check("wallet", 10_00))
	require.NoError(t, p.CheckCash(1000_00))
}

// Who gives back too much is told how much is left, and who has given all of it back is told that.
func TestWhatIsLeftIsTold(t *testing.T) {
	t.Parallel()
	require.NoError(t, campus.CheckLeft(5, 5))
	refused, ok := errors.AsType[*campus.Error](campus.CheckLeft(6, 5))
	require.True(t, ok)
	require.Equal(t, map[string]int64{"left": 5}, refused.Amounts)
	require.Equal(t, "already_back", campus.ReasonOf(campus.CheckLeft(1, 0)))
}
