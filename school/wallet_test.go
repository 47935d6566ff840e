package school_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

// heard are the call-backs that a wallet makes, and whether each is signed as agreed.
type heard struct {
	said school.ChannelCallback
	err  error
}

// listenToWallet is a hook that takes what the wallet says.
func listenToWallet(t *testing.T, secrets map[string]string) (url string, all chan heard) {
	t.Helper()
	all = make(chan heard, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		said, err := school.VerifyChannelCallback(secrets, "wallet", r.Header, body, time.Now())
		all <- heard{said, err}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL, all
}

// L2: an order, two payers, and what the wallet says of it: repeated, unsigned, closed after it was paid.
func TestTheWallet(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"wallet/lcu": secret, "wallet/lcvtc": otherSecret}
	url, all := listenToWallet(t, secrets)
	b := startWith(t, url, secrets)
	ctx := t.Context()
	o := school.WalletOrder{Order: "o-1", AmountCents: 2000, Currency: "CNY", ExpiresAt: time.Now().Add(time.Hour)}
	first, err := b.Wallets.PlaceOrder(ctx, "wallet", lcu, o)
	require.NoError(t, err)
	again, err := b.Wallets.PlaceOrder(ctx, "wallet", lcu, o)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, school.WalletWaiting, first.State)

	b.admin("POST", "/admin/wallet/lcu/payments", fields{"order": "o-1", "times": 3}, nil)
	for range 3 {
		got := <-all
		require.NoError(t, got.err)
		require.Equal(t, []any{lcu, "o-1", int64(2000)},
			[]any{got.said.University, got.said.Payment.Order, got.said.Payment.AmountCents})
	}
	b.admin("POST", "/admin/wallet/lcu/payments", fields{"order": "o-1", "unsigned": true}, nil)
	require.Equal(t, "callback_signature", campus.ReasonOf((<-all).err))
	b.admin("POST", "/admin/wallet/lcu/closures", fields{"order": "o-1"}, nil)
	require.Equal(t, "o-1", (<-all).said.Closed)
	state, err := b.Wallets.Order(ctx, "wallet", lcu, "o-1")
	require.NoError(t, err)
	require.Equal(t, []any{school.WalletPaid, 2}, []any{state.State, len(state.Payments)})
	_, err = b.Wallets.Order(ctx, "wallet", "lcvtc", "o-1")
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "another university's account")
	_, err = b.Wallets.Order(ctx, "../admin", lcu, "o-1")
	require.Equal(t, campus.Invalid, campus.CodeOf(err))

	r := school.WalletRefund{Refund: "r-1", Transaction: state.Payments[0].Transaction, AmountCents: 2000, Currency: "CNY"}
	for range 2 {
		back, err := b.Wallets.Refund(ctx, "wallet", lcu, r)
		require.NoError(t, err)
		require.Equal(t, school.WalletRefunded, back.State)
	}
	r.Refund = "r-2"
	_, err = b.Wallets.Refund(ctx, "wallet", lcu, r)
	require.Equal(t, campus.Refused, campus.CodeOf(err), "it was all paid back")
	_, err = b.Wallets.RefundState(ctx, "wallet", lcu, "r-2")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
}

// Secrets tell channels and universities apart.
func TestSecretsOfChannels(t *testing.T) {
	t.Parallel()
	require.NoError(t, school.CheckSecretsOfChannels(map[string]string{"wallet/lcu": "a", "bank/lcu": "b"}))
	for sentence, secrets := range map[string]map[string]string{
		"two have the same":  {"wallet/lcu": "a", "wallet/lcvtc": "a"},
		"no university":      {"wallet": "a"},
		"an empty one":       {"wallet/": "a"},
		"no name of ours":    {"Wallet/lcu": "a"},
		"no channel's name ": {"/lcu": "a"},
	} {
		require.Error(t, school.CheckSecretsOfChannels(secrets), sentence)
	}
}
