package money_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// A channel that contradicts itself changes nothing and is looked into by people: each thing that it says once, until
// somebody says what it was.
func TestPeopleLookIntoContradictions(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account, o := paidOrder(h)
	r, err := h.RefundBy(person, o.ID, 5*yuan)
	require.NoError(t, err)
	require.NoError(t, h.Settles(r.ID, true))
	other := h.PaidAt(o, "tx-"+o.ID.String(), func(p *money.ChannelPayment) { p.Cents++ })
	for range 2 {
		require.Equal(t, campus.ChannelContradicts, storagetest.Outcome(h.Settles(r.ID, false)))
		require.Equal(t, campus.ChannelContradicts, storagetest.Outcome(storagetest.Err(h.Money.TakePayment(t.Context(), other))))
	}
	open := func(university string) []money.ChannelConflict {
		found, err := h.Money.ChannelConflicts(t.Context(), university, uuid.Nil, 10)
		require.NoError(t, err)
		return found
	}
	found := open(storagetest.University)
	require.Len(t, found, 2)
	require.Equal(t, []any{campus.RefundConflict, r.ID.String(), "refunded", "failed", 2}, []any{found[0].Subject,
		found[0].Ref, found[0].Kept, found[0].Said, found[0].Times})
	require.Equal(t, []any{campus.PaymentConflict, "CNY 2000 " + o.ID.String(), "CNY 2001 " + o.ID.String()},
		[]any{found[1].Subject, found[1].Kept, found[1].Said})
	require.Empty(t, open("lcvtc"), "of another university (A0)")
	require.Equal(t, int64(15*yuan), h.AccountOf(account).MainCents)

	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier})
	elsewhere := who
	elsewhere.University = "lcvtc"
	settle := func(who campus.StaffMember) string {
		return storagetest.Outcome(storagetest.Err(h.Money.SettleConflict(t.Context(), h.Requested(campus.Staff(who.ID)), who,
			found[0].ID, "paid twice")))
	}
	require.Equal(t, "conflict_unknown", settle(elsewhere))
	require.Equal(t, "done", settle(who))
	require.Equal(t, "conflict_settled", settle(who))
	require.Equal(t, campus.ChannelContradicts, storagetest.Outcome(h.Settles(r.ID, false)))
	require.Len(t, open(storagetest.University), 1, "what was settled is not asked again")
	agree(t, h)
}
