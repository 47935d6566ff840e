package campus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
)

// E1: what a holder is told of a transfer, by what they have chosen and what the policy says.
func TestWhatIsToldOfATransfer(t *testing.T) {
	t.Parallel()
	const yuan = 100
	at := time.Date(2026, 11, 17, 4, 5, 0, 0, time.UTC)
	yes, no, low, tooLow, later := true, false, int64(20*yuan), int64(900*yuan), at.Add(time.Second)
	policy := campus.TellingPolicy{LowBalance: 10 * yuan, LowBalanceMost: 500 * yuan}
	telling := campus.TellingPolicy{Payments: true, LowBalanceMost: 500 * yuan}
	paid := func(before, cents int64) campus.Movement {
		return campus.Movement{Kind: campus.PaymentTransfer, At: at, TakenAt: at, Change: campus.Purses{Main: -cents},
			After: campus.Purses{Main: before - cents}, MerchantZH: "第一食堂", MerchantEN: "First canteen"}
	}
	of := func(kind campus.TransferKind, change, after campus.Purses) campus.Movement {
		return campus.Movement{Kind: kind, At: at, TakenAt: at, Change: change, After: after}
	}
	whole := func(cents int64) campus.Purses { return campus.Purses{Main: cents} }
	for sentence, test := range map[string]struct {
		policy   campus.TellingPolicy
		choice   campus.TellingChoice
		movement campus.Movement
		later    []campus.Movement
		want     []string
	}{
		"who has chosen nothing is told of no payment": {policy: policy, movement: paid(50*yuan, 5*yuan)},
		"who has chosen it is": {policy: policy, choice: campus.TellingChoice{Payments: &yes},
			movement: paid(50*yuan, 5*yuan), want: []string{"notice.paid"}},
		"of none from before it was chosen": {policy: policy,
			choice: campus.TellingChoice{Payments: &yes, PaymentsSince: &later}, movement: paid(50*yuan, 5*yuan)},
		"a university may tell everybody": {policy: telling, movement: paid(50*yuan, 5*yuan),
			want: []string{"notice.paid"}},
		"but those who do not want it": {policy: telling, choice: campus.TellingChoice{Payments: &no},
			movement: paid(50*yuan, 5*yuan)},
		"an offline payment that makes a debt": {policy: telling,
			movement: of(campus.ChargeTransfer, campus.Purses{Main: -2, Debt: 3}, campus.Purses{Debt: 3}),
			want:     []string{"notice.paid"}},
		"what a till gives back": {policy: telling,
			movement: of(campus.ReversalTransfer, campus.Purses{Main: 2}, campus.Purses{Main: 3}),
			want:     []string{"notice.paid_back"}},
		"a top-up is told by what posts it": {policy: telling,
			movement: of(campus.TopUpTransfer, campus.Purses{Main: 2}, campus.Purses{Main: 3})},
		"below the low balance":                {policy: policy, movement: paid(10*yuan, 1), want: []string{"notice.low_balance"}},
		"the low balance itself is none":       {policy: policy, movement: paid(11*yuan, yuan)},
		"once it is low, it is not told again": {policy: policy, movement: paid(9*yuan, 1*yuan)},
		"a top-up came already": {policy: policy, movement: paid(11*yuan, 5*yuan),
			later: []campus.Movement{of(campus.TopUpTransfer, campus.Purses{Main: 50 * yuan}, whole(56*yuan))}},
		"low, topped up, and low again": {policy: policy, movement: paid(11*yuan, 5*yuan),
			later: []campus.Movement{of(campus.TopUpTransfer, campus.Purses{Main: 5 * yuan}, whole(11*yuan)),
				paid(11*yuan, 2*yuan), paid(9*yuan, yuan)}, want: []string{"notice.low_balance"}},
		"a low balance of one's own": {policy: policy, choice: campus.TellingChoice{LowCents: &low},
			movement: paid(21*yuan, 2*yuan), want: []string{"notice.low_balance"}},
		"one that is higher than may be chosen today": {policy: policy, choice: campus.TellingChoice{LowCents: &tooLow},
			movement: paid(600*yuan, 50*yuan)},
		"of 0 it is never told": {policy: campus.TellingPolicy{}, movement: paid(5*yuan, 5*yuan)},
		"a subsidy can be spent, too": {policy: policy,
			movement: of(campus.PaymentTransfer, whole(-yuan), campus.Purses{Main: yuan, Subsidy: 9 * yuan})},
		"a subsidy that ends makes it low": {policy: policy,
			movement: of(campus.ExpiryTransfer, campus.Purses{Subsidy: -10 * yuan}, campus.Purses{Main: yuan}),
			want:     []string{"notice.low_balance"}},
		"both": {policy: campus.TellingPolicy{Payments: true, LowBalance: 10 * yuan, LowBalanceMost: 10 * yuan},
			movement: paid(10*yuan, 1), want: []string{"notice.paid", "notice.low_balance"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			var got []string
			movements := append([]campus.Movement{test.movement}, test.later...)
			for _, n := range test.policy.For(test.choice).Notices(movements) {
				got = append(got, n.Notice.Template)
				for _, in := range campus.Languages() {
					text := campus.NoticeText(in, n.Notice.Template, n.Notice.Params).Text
					require.NotContains(t, text, "{", "every place is filled")
				}
			}
			require.Equal(t, test.want, got)
		})
	}
	told := telling.For(campus.TellingChoice{}).Notices([]campus.Movement{paid(50*yuan, 5*yuan)})[0].Notice
	require.Equal(t, "【校园卡】2026-11-17 12:05（北京时间）在第一食堂消费 5.00 元，余额 45.00 元。",
		campus.NoticeText(campus.Chinese, told.Template, told.Params).SMS)
	require.Equal(t, "[Campus card] You paid CNY 5.00 at First canteen, 2026-11-17 12:05 (Beijing time). Balance: CNY 45.00.",
		campus.NoticeText(campus.English, told.Template, told.Params).SMS)
}

// What a policy cannot say, and what a holder cannot choose.
func TestLowBalancesHaveBounds(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"low_balance: -1", "low_balance: 50001", "low_balance_most: -1",
		"low_balance_most: 999"} {
		_, err := campus.LoadPolicies(deploy.Policy, []byte("money: {telling: {"+wrong+"}}"))
		require.ErrorContains(t, err, "money.telling", wrong)
	}
	policy := campus.TellingPolicy{LowBalanceMost: 500}
	for _, cents := range []int64{0, 500} {
		require.NoError(t, policy.CheckLow(cents))
	}
	for _, cents := range []int64{-1, 501} {
		require.Equal(t, "low_balance_range", campus.ReasonOf(policy.CheckLow(cents)))
	}
}
