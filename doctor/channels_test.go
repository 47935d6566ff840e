package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// L2: the doctor names the channels that owe us the outcome of refunds, from refund_late on, and those that contradict
// themselves.
func TestChannelsAreNamed(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	d := &doctor{store: h.Store, policies: h.Policies}
	person, _ := h.Holder(0)
	o := h.Order(person, 20_00)
	h.Takes(h.PaidAt(o, "tx-1"))
	r, err := h.RefundBy(person, o.ID, 0)
	require.NoError(t, err)
	require.Equal(t, well("channels.fine", nil), d.lookAtChannels(t.Context()))
	h.Clock.Advance(h.Policy().Money.TopUp.RefundLate.Std() + time.Hour)
	require.Equal(t, warn("channels.refunds", values{"university": "lcu", "channel": "wallet", "count": "1",
		"time": span(h.Policy().Money.TopUp.RefundLate.Std() + time.Hour)}), d.lookAtChannels(t.Context()))
	require.NoError(t, h.Settles(r.ID, true))
	require.Equal(t, campus.ChannelContradicts, storagetest.Outcome(h.Settles(r.ID, false)))
	require.Equal(t, warn("channels.conflicts", values{"university": "lcu", "channel": "wallet", "count": "1"}),
		d.lookAtChannels(t.Context()))
}

// L3: the doctor names the universities whose bank says nothing of payouts for too long.
func TestPayoutsThatWaitAreNamed(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	d := &doctor{store: h.Store, policies: h.Policies}
	m := h.Merchant("第一食堂", "canteen")
	h.BankAccount(m.ID)
	h.Settled(m, campus.DateOf(h.Clock.Now()), 30_00, 0)
	require.NoError(t, storagetest.Err(h.Gathers()))
	require.Equal(t, well("payouts.fine", values{"count": "1"}), d.lookAtPayouts(t.Context()))
	late := h.Policy().Money.Payouts.Late.Std() + time.Hour
	h.Clock.Advance(late)
	require.Equal(t, warn("payouts.late", values{"university": "lcu", "count": "1", "time": span(late)}),
		d.lookAtPayouts(t.Context()))
}

// L8: the doctor says when the books of a day stay open for too long after it, and when nobody signs a closed day.
func TestDaysThatAreLateAreNamed(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	d := &doctor{store: h.Store, policies: h.Policies}
	h.Merchant("第一食堂", "canteen")
	today, terms := campus.DateOf(h.Clock.Now()), h.Policy().Money.Close
	require.Equal(t, well("days.fine", values{"count": "0"}), d.lookAtDays(t.Context()))

	h.Clock.Advance(today.End().Add(terms.After.Std() + terms.Tills.Std() + d.watch().CloseLate.Std()).Sub(h.Clock.Now()))
	require.Equal(t, OK, Worst(d.lookAtDays(t.Context())))
	h.Clock.Advance(time.Minute)
	require.Equal(t, warn("days.late", values{"university": "lcu", "day": today.String(),
		"time": span(d.watch().CloseLate.Std() + time.Minute)}), d.lookAtDays(t.Context()))

	opened, err := h.Money.OpenClose(t.Context(), money.NewClose{University: "lcu", Last: today, PolicyVersion: h.Policies.Version()})
	require.NoError(t, err)
	require.True(t, opened)
	h.Exec(`insert into books_closed (university, day, closed_at) select university, day, $1 from closes`, h.Clock.Now())
	require.Equal(t, well("days.fine", values{"count": "1"}), d.lookAtDays(t.Context()))
	h.Clock.Advance(terms.SignWithin.Std() + time.Minute)
	found := d.lookAtDays(t.Context())
	require.Equal(t, warn("days.unsigned", values{"university": "lcu", "count": "1", "time": span(terms.SignWithin.Std() + time.Minute)}),
		found[len(found)-1:])
	h.Exec(`update cases set closed_at = now() where kind = 'close'`)
	require.NotContains(t, codes(d.lookAtDays(t.Context())), "days.unsigned", "it was signed, or given up")
}

func codes(found []Finding) (codes []string) {
	for _, f := range found {
		codes = append(codes, f.Code)
	}
	return codes
}

// L8: the doctor says when tills are silent; one that is put away is missed by nobody.
func TestSilentTillsAreSeen(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	d := &doctor{store: h.Store, policies: h.Policies}
	till := h.Till(h.Merchant("食堂", "canteen"), "一号窗口")
	require.Equal(t, well("tills.fine", values{"count": "1"}), d.lookAtTills(t.Context()))
	h.Clock.Advance(h.Policy().Money.Offline.Silent.Std() + time.Second)
	require.Equal(t, warn("tills.silent", values{"university": storagetest.University, "count": "1"}), d.lookAtTills(t.Context()))
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	require.NoError(t, storagetest.Err(h.Money.PutAway(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, till.ID)))
	require.Equal(t, OK, Worst(d.lookAtTills(t.Context())))
}
