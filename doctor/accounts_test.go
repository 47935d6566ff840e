package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// L2: the doctor says when a channel does not take a top-up.
func TestTopUpsThatWaitAreSeen(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	d := &doctor{store: h.Store, policies: h.Policies}
	person, _ := h.Holder(0)
	require.Equal(t, well("topups.fine", values{"count": "0", "failing": "0", "time": span(0)}), d.lookAtTopUps(t.Context()))
	h.Order(person, 1000)
	h.Clock.Advance(time.Minute)
	require.Equal(t, OK, Worst(d.lookAtTopUps(t.Context())))
	h.Clock.Advance(d.watch().TopUpAge.Std())
	found := d.lookAtTopUps(t.Context())
	require.Equal(t, warn("topups.old", values{"count": "1", "failing": "0",
		"time": span(time.Minute + d.watch().TopUpAge.Std())}), found)
	require.Contains(t, lines(found, campus.English)[0].Seen, "1 top-up waits")
}

// E4: the doctor names the accounts that the checker has held, and no other.
func TestHeldAccountsAreNamed(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	d := &doctor{store: h.Store}
	a, frozen := h.Account(100), h.Account(100)
	h.Exec(`update accounts set holds = '{frozen}' where id = $1`, frozen.ID)
	require.Equal(t, well("accounts.fine", nil), d.lookAtAccounts(t.Context()))
	h.Exec(`update accounts set holds = '{frozen,checked}' where id = $1`, a.ID)
	require.Equal(t, warn("accounts.held", values{"count": "1", "accounts": a.ID.String()}), d.lookAtAccounts(t.Context()))
}
