package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/storage/storagetest"
)

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
