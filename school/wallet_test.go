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

func errOf[T any](_ T, err error) error { return err }

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
	state, err = b.Wallets.CloseOrder(ctx, "wallet", lcu, "o-1")
	require.NoError(t, err)
	require.Equal(t, []any{school.WalletPaid, 2}, []any{state.State, len(state.Payments)}, "what is paid stays so")
	o.Order = "o-2"
	require.NoError(t, errOf(b.Wallets.PlaceOrder(ctx, "wallet", lcu, o)))
	for range 2 {
		closed, err := b.Wallets.CloseOrder(ctx, "wallet", lcu, "o-2")
		require.NoError(t, err)
		require.Equal(t, school.WalletClosed, closed.State)
	}
	require.Equal(t, campus.NotFound, campus.CodeOf(errOf(b.Wallets.CloseOrder(ctx, "wallet", lcu, "o-3"))))
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

// What the wallet has in the end: every payment, and every refund. One that has failed counts against its payment no
// more.
func TestTheWalletsJournal(t *testing.T) {
	t.Parallel()
	b := start(t, t.TempDir(), "")
	ctx := t.Context()
	b.admin("PUT", "/admin/wallet", fields{"refunds": "processing"}, nil)
	b.admin("POST", "/admin/wallet/lcu/payments", fields{"order": "none", "transaction": "tx-1", "amount_cents": 2000}, nil)
	r := school.WalletRefund{Refund: "r-1", Transaction: "tx-1", AmountCents: 2000, Currency: "CNY"}
	state, err := b.Wallets.Refund(ctx, "wallet", lcu, r)
	require.NoError(t, err)
	require.Equal(t, school.WalletProcessing, state.State)
	second := r
	second.Refund = "r-2"
	_, err = b.Wallets.Refund(ctx, "wallet", lcu, second)
	require.Equal(t, campus.Refused, campus.CodeOf(err), "nothing is left")
	for range 2 {
		b.admin("POST", "/admin/wallet/lcu/refunds", fields{"refund": "r-1", "failed": true}, nil)
	}
	third := r
	third.Refund = "r-3"
	_, err = b.Wallets.Refund(ctx, "wallet", lcu, third)
	require.NoError(t, err)

	var paid struct {
		Payments []struct {
			Payment    school.WalletPayment
			University string
			BackCents  int64 `json:"back_cents"`
		}
	}
	b.admin("GET", "/admin/wallet/payments", nil, &paid)
	require.Len(t, paid.Payments, 1)
	require.Equal(t, []any{"tx-1", "none", int64(2000), int64(2000), lcu}, []any{paid.Payments[0].Payment.Transaction,
		paid.Payments[0].Payment.Order, paid.Payments[0].Payment.AmountCents, paid.Payments[0].BackCents,
		paid.Payments[0].University})
	var back struct {
		Refunds []struct {
			Refund     school.WalletRefund
			State      school.WalletRefundState
			University string
		}
	}
	b.admin("GET", "/admin/wallet/refunds", nil, &back)
	require.Len(t, back.Refunds, 2)
	require.Equal(t, r, back.Refunds[0].Refund)
	require.WithinDuration(t, time.Now(), back.Refunds[0].State.At, time.Minute)
	back.Refunds[0].State.At = time.Time{}
	require.Equal(t, school.WalletRefundState{Refund: "r-1", State: school.WalletFailed, Reason: "source_closed"},
		back.Refunds[0].State)
	require.Equal(t, []any{school.WalletProcessing, lcu}, []any{back.Refunds[1].State.State, back.Refunds[1].University})
}

// L2: the file of a channel has what was paid and paid back on a day, in pages, each university its own; and what the
// settings have go wrong with it.
func TestTheFileOfAChannel(t *testing.T) {
	t.Parallel()
	b := start(t, t.TempDir(), "")
	ctx, today := t.Context(), campus.DateOf(time.Now())
	for _, channel := range []string{"wallet", "bank"} {
		b.admin("POST", "/admin/"+channel+"/lcu/payments", fields{"order": "o-1", "transaction": channel + "-1", "amount_cents": 2000}, nil)
		b.admin("POST", "/admin/"+channel+"/lcu/payments", fields{"order": "o-2", "transaction": channel + "-2", "amount_cents": 500}, nil)
		b.admin("POST", "/admin/"+channel+"/lcvtc/payments", fields{"order": "o-1", "transaction": "theirs", "amount_cents": 1}, nil)
		require.NoError(t, errOf(b.Wallets.Refund(ctx, channel, lcu, school.WalletRefund{Refund: "r-1",
			Transaction: channel + "-1", AmountCents: 300, Currency: "CNY"})))
		file := func(day campus.Date, after int) []school.ChannelFileLine {
			page, err := b.Wallets.File(ctx, channel, lcu, day, after)
			require.NoError(t, err)
			require.False(t, page.More)
			return page.Lines
		}
		first := school.ChannelFileLine{Kind: "payment", Ref: channel + "-1", AmountCents: 2000, Currency: "CNY"}
		second := school.ChannelFileLine{Kind: "payment", Ref: channel + "-2", AmountCents: 500, Currency: "CNY"}
		back := school.ChannelFileLine{Kind: "refund", Ref: "r-1", AmountCents: 300, Currency: "CNY"}
		require.Equal(t, []school.ChannelFileLine{first, second, back}, file(today, 0))
		require.Equal(t, []school.ChannelFileLine{back}, file(today, 2))
		require.Empty(t, file(today, 7))
		require.Empty(t, file(today.AddDays(-1), 0))
		b.admin("PUT", "/admin/"+channel+"/lcu/file", fields{"above": 1, "lacks": true, "twice": true}, nil)
		above := first
		above.AmountCents++
		require.Equal(t, []school.ChannelFileLine{above, second, first}, file(today, 0))
	}
	_, err := b.Wallets.File(ctx, "../admin", lcu, today, 0)
	require.Equal(t, campus.Invalid, campus.CodeOf(err))
}

// A file that cannot be meant is no file, whatever is odd about it.
func TestFilesOfChannelsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	day := campus.Date{Year: 2026, Month: 11, Day: 17}
	line := func(more string) string {
		return `{"day":"2026-11-17","more":false,"lines":[{"kind":"payment","ref":"one","amount_cents":1,"currency":"CNY"` + more + `}]}`
	}
	for sentence, body := range map[string]string{
		"of another day":         `{"day":"2026-11-18","lines":[],"more":false}`,
		"without lines":          `{"day":"2026-11-17","more":false}`,
		"more of nothing":        `{"day":"2026-11-17","lines":[],"more":true}`,
		"of a kind that is none": line(`,"kind":"gift"`),
		"of nothing":             line(`,"amount_cents":0`),
		"below nothing":          line(`,"amount_cents":-1`),
		"without a name":         line(`,"ref":""`),
		"with a name that hides": line(`,"ref":"a\u0007b"`),
		"in no currency":         line(`,"currency":"yuan"`),
		"cut off":                `{"day":"2026-11-17","lines":[`,
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(body))
			}))
			t.Cleanup(server.Close)
			systems, err := school.New(school.Config{BaseURL: server.URL, APIKey: "key", SMTPAddress: "127.0.0.1:1",
				MailFrom: "card@campuscard.example"})
			require.NoError(t, err)
			_, err = systems.Wallets.File(t.Context(), "wallet", lcu, day, 0)
			require.Equal(t, campus.BadAnswer, campus.CodeOf(err), "%v", err)
		})
	}
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
