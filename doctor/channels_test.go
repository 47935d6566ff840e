package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
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
