package money_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// paidOrder is a top-up of 20 yuan that was paid.
func paidOrder(h *storagetest.Env) (person, account uuid.UUID, o money.Order) {
	person, account = h.Holder(0)
	o = h.Order(person, 20*yuan)
	h.Takes(h.PaidAt(o, "tx-"+o.ID.String()))
	return person, account, o
}

// inTransit is what is on its way back to the wallet, and what that owes us.
func inTransit(h *storagetest.Env) []int64 {
	return []int64{h.Holds(campus.TransitBook, "wallet"), h.Holds(campus.ChannelBook, "wallet")}
}

// L2: the money of a refund is taken before the channel is asked, and is the channel's when that has paid.
func TestARefundToTheSource(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account, o := paidOrder(h)
	r, err := h.RefundBy(person, o.ID, 5*yuan)
	require.NoError(t, err)
	require.Equal(t, int64(15*yuan), h.AccountOf(account).MainCents)
	require.Equal(t, []int64{5 * yuan, -20 * yuan}, inTransit(h))
	for range 2 {
		require.NoError(t, h.Settles(r.ID, true))
	}
	require.Equal(t, []int64{0, -15 * yuan}, inTransit(h))
	require.Equal(t, campus.ChannelContradicts, storagetest.Outcome(h.Settles(r.ID, false)), "it had another outcome")
	require.Equal(t, "refund_unknown", storagetest.Outcome(h.Settles(uuid.New(), true)))
	rest, err := h.RefundBy(person, o.ID, 0)
	require.NoError(t, err)
	require.Equal(t, int64(15*yuan), rest.AmountCents, "all that is left")
	require.Equal(t, "already_back", storagetest.Outcome(storagetest.Err(h.RefundBy(person, o.ID, 0))))
	require.Equal(t, []string{"notice.topped_up", "notice.topup_refunded"}, templates(h, person))
	agree(t, h)
}

// A refund that the channel does not pay is back on the account, and counts as never asked for.
func TestAFailedRefundComesBack(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account, o := paidOrder(h)
	r, err := h.RefundBy(person, o.ID, 0)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, h.Settles(r.ID, false))
	}
	require.Equal(t, int64(20*yuan), h.AccountOf(account).MainCents)
	require.Equal(t, []int64{0, -20 * yuan}, inTransit(h))
	got, err := h.Money.Order(t.Context(), person, o.ID)
	require.NoError(t, err)
	require.Equal(t, []any{int64(20 * yuan), campus.RefundFailed}, []any{got.RefundableCents(h.Policy().Money.TopUp, h.Clock.Now()), got.Refunds[0].State})
	require.Equal(t, []string{"notice.topped_up", "notice.topup_refund_failed"}, templates(h, person))
	agree(t, h)
}

// F3: it comes back to the account that is there by then; when there is none, nobody has claimed it.
func TestAFailedRefundFollowsTheAccount(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account, o := paidOrder(h)
	first, err := h.RefundBy(person, o.ID, 5*yuan)
	require.NoError(t, err)
	second, err := h.RefundBy(person, o.ID, 15*yuan)
	require.NoError(t, err)
	next := follows(h, person, account)
	require.NoError(t, h.Settles(first.ID, false))
	require.Equal(t, int64(5*yuan), h.AccountOf(next).MainCents)
	h.Exec(`update accounts set main_cents = 0, closed_at = now() where id = $1`, next)
	require.NoError(t, h.Settles(second.ID, false))
	require.Equal(t, int64(15*yuan), h.Holds(campus.UnclaimedBook, ""))
	require.Equal(t, []int64{0, -20 * yuan}, inTransit(h))
	require.Contains(t, templates(h, person), "notice.topup_unclaimed")
}

// What can be refunded of a top-up, and to whom.
func TestWhatIsRefunded(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	for sentence, test := range map[string]struct {
		before func(person, account uuid.UUID)
		cents  int64
		want   string
	}{
		"nothing at all":                 {nil, -1, "amount_invalid"},
		"more than anybody has":          {nil, campus.AmountMost + 1, "amount_invalid"},
		"more than it has brought":       {func(_, a uuid.UUID) { h.TopUp(a, 20*yuan) }, 20*yuan + 1, "refund_too_high"},
		"more than the account has left": {func(_, a uuid.UUID) { h.Pays(a, 1) }, 20 * yuan, "refund_beyond_purse"},
		"a subsidy instead": {func(_, a uuid.UUID) {
			h.Pays(a, 20*yuan)
			h.Subsidise(a, 20*yuan, campus.Date{})
		}, 20 * yuan, "refund_beyond_purse"},
		"from a card that was reported lost": {func(_, a uuid.UUID) {
			h.Exec(`update accounts set holds = '{lost}' where id = $1`, a)
		}, 1, "account_held"},
		"from a closed account": {func(_, a uuid.UUID) {
			h.Exec(`update accounts set main_cents = 0, closed_at = now() where id = $1`, a)
		}, 1, "account_closed"},
	} {
		person, account, o := paidOrder(h)
		if test.before != nil {
			test.before(person, account)
		}
		require.Equal(t, test.want, storagetest.Outcome(storagetest.Err(h.RefundBy(person, o.ID, test.cents))), sentence)
	}
	person, _, o := paidOrder(h)
	require.Equal(t, "topup_unknown", storagetest.Outcome(storagetest.Err(h.RefundBy(uuid.New(), o.ID, 1))))
	require.Equal(t, "topup_not_paid", storagetest.Outcome(storagetest.Err(h.RefundBy(person, h.Order(person, 20*yuan).ID, 1))))
	h.Clock.Advance(h.Policy().Money.TopUp.RefundWithin.Std())
	h.ExecAsOwner(`select make_transfer_months(now(), 36)`)
	require.Equal(t, "refund_too_late", storagetest.Outcome(storagetest.Err(h.RefundBy(person, o.ID, 1))))
}

// Many who ask at once get no more in all than the top-up has brought.
func TestRefundsAtOnce(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account, o := paidOrder(h)
	h.TopUp(account, 100*yuan)
	outcomes := storagetest.Outcomes(storagetest.AtOnce(16, func(int) error {
		return storagetest.Err(h.RefundBy(person, o.ID, 7*yuan))
	}))
	require.LessOrEqual(t, outcomes["done"], 2)
	require.NotZero(t, outcomes["done"])
	require.Equal(t, 120*yuan-7*yuan*int64(outcomes["done"]), h.AccountOf(account).MainCents)
	agree(t, h)
}

// A refund without an outcome is asked for again under its key, and people see it when that takes too long.
func TestARefundThatWaits(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _, o := paidOrder(h)
	r, err := h.RefundBy(person, o.ID, 0)
	require.NoError(t, err)
	due := func() []money.Refunding {
		refunds, err := h.Money.DueRefunds(t.Context(), storagetest.Wallet(), 10, time.Minute)
		require.NoError(t, err)
		return refunds
	}
	require.Equal(t, r.ID, due()[0].ID)
	require.Empty(t, due())
	require.NoError(t, h.Money.RefundTried(t.Context(), r.ID, "unavailable", h.Clock.Now().Add(time.Hour)))
	h.Clock.Advance(30 * time.Minute)
	require.Empty(t, due())
	stuck, err := h.Money.StuckRefunds(t.Context(), storagetest.University, h.Clock.Now(), uuid.Nil, 10)
	require.NoError(t, err)
	require.Equal(t, []any{r.ID, "unavailable", 1}, []any{stuck[0].ID, stuck[0].Failure, stuck[0].Tries})
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier})
	other, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier})
	other.University = "lcvtc"
	retry := func(who campus.StaffMember) string {
		return storagetest.Outcome(storagetest.Err(h.Money.RetryRefund(t.Context(), h.Requested(campus.Staff(who.ID)), who, r.ID)))
	}
	require.Equal(t, "refund_unknown", retry(other), "of another university (A0)")
	again, err := h.Money.RetryRefund(t.Context(), h.Requested(campus.Staff(who.ID)), who, r.ID)
	require.NoError(t, err)
	require.Equal(t, []any{r.ID, r.AmountCents, campus.RefundAsked}, []any{again.ID, again.AmountCents, again.State})
	require.WithinDuration(t, r.AskedAt, again.AskedAt, time.Millisecond, "since when it waits")
	require.Equal(t, r.ID, due()[0].ID)
	require.NoError(t, h.Settles(r.ID, true))
	require.Equal(t, "refund_settled", retry(who))
}

// L2: each part costs a call and a message, so a top-up goes back in so many parts, and no more.
func TestATopUpIsRefundedInSoManyParts(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account, o := paidOrder(h)
	most := h.Policy().Money.TopUp.RefundsMost
	require.Equal(t, map[string]int{"done": most, "refunds_spent": 15 - most}, storagetest.Outcomes(storagetest.AtOnce(15,
		func(int) error { return storagetest.Err(h.RefundBy(person, o.ID, 1)) })))
	require.Equal(t, int64(20*yuan-most), h.AccountOf(account).MainCents)
	require.Equal(t, "refunds_spent", storagetest.Outcome(storagetest.Err(h.RefundBy(person, o.ID, 0))))
	kept, err := h.Money.Order(t.Context(), person, o.ID)
	require.NoError(t, err)
	require.Len(t, kept.Refunds, most)
	require.Zero(t, kept.RefundableCents(h.Policy().Money.TopUp, h.Clock.Now()), "what cannot be asked for is not refundable")
	person, _, o = paidOrder(h)
	kept, err = h.Money.Order(t.Context(), person, o.ID)
	require.NoError(t, err)
	until := kept.PaidAt.Add(h.Policy().Money.TopUp.RefundWithin.Std())
	require.Equal(t, []int64{20 * yuan, 0}, []int64{kept.RefundableCents(h.Policy().Money.TopUp, until.Add(-1)),
		kept.RefundableCents(h.Policy().Money.TopUp, until)}, "nor is what was paid too long ago")
	agree(t, h)
}

// E1: each binding costs a message, so there are so many within an hour; the same phone once more is none.
func TestPhonesAreBoundSoOften(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	hourly := h.Policy().Money.PhonesHourly
	bind := func(key string) error {
		_, err := h.Money.BindPhone(t.Context(), person, []byte(key), hourly)
		return err
	}
	require.Equal(t, map[string]int{"done": hourly, "phones_spent": 12 - hourly}, storagetest.Outcomes(storagetest.AtOnce(12,
		func(i int) error { return bind(strconv.Itoa(i)) })))
	bound, err := h.Money.BoundPhone(t.Context(), person)
	require.NoError(t, err)
	key := storagetest.One[string](h, `select convert_from(public_key, 'utf8') from phone_keys where id = $1`, bound.ID)
	require.NoError(t, bind(key), "the phone that is bound, for another day")
	h.Clock.Advance(59 * time.Minute)
	require.Equal(t, "phones_spent", storagetest.Outcome(bind("new")))
	h.Clock.Advance(time.Minute)
	require.NoError(t, bind("new"))
	other, _ := h.Holder(0)
	require.NoError(t, storagetest.Err(h.Money.BindPhone(t.Context(), other, []byte("another's"), hourly)))
}
