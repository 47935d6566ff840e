package api_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

const topups = "/api/v1/me/topups"

// walletSecret is what the wallet signs with for the default university, otherWalletSecret for another one.
const (
	walletSecret      = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMnIHdhbGxldA=="
	otherWalletSecret = "whsec_dGhlIHNlY3JldCBvZiBhbm90aGVyIHdhbGxldA=="
)

type shownTopUp struct {
	ID         uuid.UUID
	State      string
	Refundable int64 `json:"refundable_cents"`
}

// withAccount gives the holder of the tests an account.
func (h *apiTest) withAccount() uuid.UUID {
	a := h.Account(0).ID
	h.Exec(`update accounts set person_id = $1 where id = $2`, h.holder.ID, a)
	return a
}

// topUp opens a top-up of 20 yuan.
func (h *apiTest) topUp(t *testing.T) shownTopUp {
	t.Helper()
	got := h.do(t, call{who: "student", method: "POST", path: topups,
		body: `{"channel":"wallet","amount_cents":2000}`})
	require.Equal(t, 201, got.status, "%s", got.body)
	return read[shownTopUp](t, got)
}

// walletCall is a call-back of the wallet, signed with a secret, under an id of its own.
func (h *apiTest) walletCall(t *testing.T, secret, body string) call {
	t.Helper()
	return h.walletCallAs(t, uuid.NewString(), secret, body)
}

func (h *apiTest) walletCallAs(t *testing.T, id, secret, body string) call {
	t.Helper()
	return call{who: "nobody", method: "POST", path: "/api/v1/hooks/channels/wallet", body: body,
		sign: func(r *http.Request, body string) {
			signer, err := webhooks.NewWebhook(secret)
			require.NoError(t, err)
			signature, err := signer.Sign(id, h.Clock.Now(), []byte(body))
			require.NoError(t, err)
			r.Header.Set(webhooks.HeaderWebhookID, id)
			r.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(h.Clock.Now().Unix(), 10))
			r.Header.Set(webhooks.HeaderWebhookSignature, signature)
		}}
}

func paidBody(order, transaction, cents, currency string) string {
	return `{"type":"order.paid","timestamp":"2026-11-17T02:00:00Z","data":{"order":"` + order + `","transaction":"` +
		transaction + `","amount_cents":` + cents + `,"currency":"` + currency + `","paid_at":"2026-11-17T02:00:00Z"}}`
}

// E4, L2: asked for, paid, refunded; each call-back repeated.
func TestATopUpFromAskingToRefund(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	account := h.withAccount()
	o := h.topUp(t)
	require.Equal(t, "created", o.State)
	paid := paidBody(o.ID.String(), "wx-1", "2000", "CNY")
	for range 3 {
		require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, paid)).status)
	}
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret,
		`{"type":"order.closed","data":{"order":"`+o.ID.String()+`"}}`)).status, "it changes nothing")
	require.Equal(t, int64(2000), h.AccountOf(account).MainCents)
	get := call{who: "student", method: "GET", path: topups + "/" + o.ID.String()}
	require.Equal(t, shownTopUp{o.ID, "paid", 2000}, read[shownTopUp](t, h.do(t, get)))

	refund := call{who: "student", method: "POST", path: topups + "/" + o.ID.String() + "/refund",
		header: map[string]string{"Idempotency-Key": "a-refund-of-the-tests"}}
	got := h.do(t, refund)
	require.Equal(t, 201, got.status, "%s", got.body)
	id := read[shownTopUp](t, got).ID
	require.Equal(t, id, read[shownTopUp](t, h.do(t, refund)).ID, "the same request")
	require.Equal(t, "refunding", read[shownTopUp](t, h.do(t, get)).State)
	for range 2 {
		require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret,
			`{"type":"refund.updated","data":{"refund":"`+id.String()+`","state":"refunded"}}`)).status)
	}
	require.Equal(t, shownTopUp{o.ID, "refunded", 0}, read[shownTopUp](t, h.do(t, get)))
	other := get
	other.who = "other"
	require.Equal(t, 404, h.do(t, other).status, "somebody else's")
}

// Call-backs that are not believed, or credit nothing.
func TestCallBacksOfTheWallet(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	account := h.withAccount()
	o := h.topUp(t)
	id := o.ID.String()
	for sentence, test := range map[string]struct {
		secret, body string
		want         int
	}{
		"unsigned":                    {"whsec_dGhlIHNlY3JldCBvZiBub2JvZHkgYXQgYWxs", paidBody(id, "wx-1", "2000", "CNY"), 401},
		"of another university":       {otherWalletSecret, paidBody(id, "wx-1", "2000", "CNY"), 204},
		"with no amount":              {walletSecret, paidBody(id, "wx-2", "0", "CNY"), 422},
		"with less than nothing":      {walletSecret, paidBody(id, "wx-2", "-1", "CNY"), 422},
		"with half a fen":             {walletSecret, paidBody(id, "wx-2", "0.5", "CNY"), 422},
		"with more than there can be": {walletSecret, paidBody(id, "wx-2", "9223372036854775808", "CNY"), 422},
		"with a word for an amount":   {walletSecret, paidBody(id, "wx-2", `"2000"`, "CNY"), 422},
		"in no currency":              {walletSecret, paidBody(id, "wx-2", "2000", "yuan"), 422},
		"in another currency":         {walletSecret, paidBody(id, "wx-3", "2000", "HKD"), 204},
		"of another amount":           {walletSecret, paidBody(id, "wx-4", "1999", "CNY"), 204},
		"for what nobody asked for":   {walletSecret, paidBody("rent", "wx-5", "2000", "CNY"), 204},
		"for what is a name":          {walletSecret, paidBody("王小明 110101200001011234", "wx-6", "2000", "CNY"), 422},
		"paid in no year": {walletSecret, strings.Replace(paidBody(id, "wx-7", "2000", "CNY"),
			`"paid_at":"2026`, `"paid_at":"9999`, 1), 422},
		"closing what is a name": {walletSecret, `{"type":"order.closed","data":{"order":"王小明"}}`, 422},
		"of an unknown type":     {walletSecret, `{"type":"order.eaten","data":{}}`, 422},
		"that is no JSON":        {walletSecret, `{`, 422},
		"about a refund of nobody": {walletSecret,
			`{"type":"refund.updated","data":{"refund":"` + uuid.NewString() + `","state":"refunded"}}`, 404},
	} {
		got := h.do(t, h.walletCall(t, test.secret, test.body))
		require.Equal(t, test.want, got.status, "%s: %s", sentence, got.body)
		require.Zero(t, h.AccountOf(account).MainCents, sentence)
	}
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, paidBody(id, "wx-9", "2000", "CNY"))).status)
	require.Equal(t, 409, h.do(t, h.walletCall(t, walletSecret, paidBody(id, "wx-9", "2001", "CNY"))).status,
		"it contradicts itself")
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, paidBody(id, "wx-10", "2000", "CNY"))).status,
		"a second payer")
	require.Equal(t, int64(2000), h.AccountOf(account).MainCents)
}

// L2: an id of a call-back is of one thing, whatever that is about.
func TestTheIDOfACallBackOfTheWalletIsOfOneThing(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	account := h.withAccount()
	first, second := h.topUp(t), h.topUp(t)
	hear := func(id, body string) reply { return h.do(t, h.walletCallAs(t, id, walletSecret, body)) }
	paid := paidBody(first.ID.String(), "wx-1", "2000", "CNY")
	require.Equal(t, 422, hear("msg-1", paidBody(first.ID.String(), "wx-1", "0", "CNY")).status, "what is refused is not kept")
	require.Equal(t, 204, hear("msg-1", paid).status)
	require.Equal(t, 204, hear("msg-1", paid).status)
	for sentence, body := range map[string]string{
		"another payment": paidBody(second.ID.String(), "wx-2", "2000", "CNY"),
		"a closed order":  `{"type":"order.closed","data":{"order":"` + second.ID.String() + `"}}`,
		"a refund":        `{"type":"refund.updated","data":{"refund":"` + uuid.NewString() + `","state":"refunded"}}`,
		"one that waits":  `{"type":"refund.updated","data":{"refund":"` + uuid.NewString() + `","state":"processing"}}`,
	} {
		got := hear("msg-1", body)
		require.Equal(t, 409, got.status, sentence)
		require.Equal(t, campus.CallbackConflict, read[problem](t, got).Reason, sentence)
	}
	require.Equal(t, int64(2000), h.AccountOf(account).MainCents)
	got := hear("msg-2", paidBody(first.ID.String(), "wx-1", "2001", "CNY"))
	require.Equal(t, campus.ChannelContradicts, read[problem](t, got).Reason)
}

// Who chooses an amount that is not taken is told the bounds, in yuan.
func TestBoundsOfAmountsAreTold(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.withAccount()
	policy := h.Policies.For(storagetest.University).Money
	for path, test := range map[string]struct {
		method, body string
		want         []int64
	}{
		topups:                     {"POST", `{"channel":"wallet","amount_cents":1}`, []int64{policy.TopUp.Least, policy.TopUp.Most}},
		"/api/v1/me/account/limit": {"PUT", fmt.Sprintf(`{"limit_cents":%d}`, policy.LimitMost+1), []int64{0, policy.LimitMost}},
	} {
		got := read[problem](t, h.do(t, call{who: "student", method: test.method, path: path, body: test.body}))
		for _, cents := range test.want {
			require.Contains(t, got.Detail, campus.YuanText(cents), path)
			require.Contains(t, got.Errors[0].Message, campus.YuanText(cents), path)
		}
	}
}

// Amounts that are none.
func TestTopUpsOfBadAmounts(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.withAccount()
	for _, cents := range []string{"0", "-2000", "20.5", "9223372036854775808", "1e30", `"2000"`, "999", "50001"} {
		got := h.do(t, call{who: "student", method: "POST", path: topups, body: `{"channel":"wallet","amount_cents":` + cents + `}`})
		require.Equal(t, 422, got.status, "%s: %s", cents, got.body)
	}
	require.Zero(t, storagetest.Count(h.Env, "topup_orders"))
}

// L1: a drawer from its opening to its end, with a receipt for the cash.
func TestADrawerAtTheCounter(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	account := h.withAccount()
	for _, who := range []string{"cashier", "colleague"} {
		h.hire(who, storagetest.University, campus.Grant{Role: campus.Cashier, Campuses: []string{storagetest.EastCampus}})
	}
	const drawers = "/api/v1/staff/drawers"
	post := func(who, path, body string) shownDrawer {
		got := h.do(t, call{who: who, method: "POST", path: path, body: body})
		require.Less(t, got.status, 300, "%s: %s", path, got.body)
		return read[shownDrawer](t, got)
	}
	d := post("cashier", drawers, `{"campus":"east","float_cents":10000}`)
	at := drawers + "/" + d.ID.String()
	taken := post("cashier", at+"/takings", `{"person":"`+h.holder.ID.String()+`","amount_cents":5000}`)
	require.Equal(t, int64(5000), h.AccountOf(account).MainCents)
	receipt := h.do(t, call{who: "cashier", method: "GET", path: taken.Receipt})
	require.Equal(t, 503, receipt.status, "there are no fonts here: %s", receipt.body)
	post("cashier", at+"/count", `{"counted_cents":14900}`)
	require.Equal(t, 403, h.do(t, call{who: "cashier", method: "POST", path: at + "/closure",
		body: `{"counted_cents":14900}`}).status, "by one person")
	closed := post("colleague", at+"/closure", `{"counted_cents":14900}`)
	require.Equal(t, []any{"closed", int64(-100)}, []any{closed.State, closed.Difference})
	list := read[struct{ Items []shownDrawer }](t, h.do(t, call{who: "colleague", method: "GET", path: drawers}))
	require.Len(t, list.Items, 1)
	require.Empty(t, read[struct{ Items []shownDrawer }](t,
		h.do(t, call{who: "colleague", method: "GET", path: drawers + "?open=true"})).Items)
}

type shownDrawer struct {
	ID         uuid.UUID
	State      string
	Receipt    string
	Difference int64 `json:"difference_cents"`
}
