package api_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

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
	return h.walletCallAt(t, h.Clock.Now(), id, secret, body)
}

// walletCallAt is one that was signed at a moment.
func (h *apiTest) walletCallAt(t *testing.T, at time.Time, id, secret, body string) call {
	t.Helper()
	return call{who: "nobody", method: "POST", path: "/api/v1/hooks/channels/wallet", body: body,
		sign: func(r *http.Request, body string) {
			signer, err := webhooks.NewWebhook(secret)
			require.NoError(t, err)
			signature, err := signer.Sign(id, at, []byte(body))
			require.NoError(t, err)
			r.Header.Set(webhooks.HeaderWebhookID, id)
			r.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
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

	h.play(t, map[string]scenario{"who has no amount does not mean all of it": {call{who: "student", method: "POST",
		path: topups + "/" + o.ID.String() + "/refund", body: `{"amount_cents": null}`}, 422, "field_null", "amount_cents"}})
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

// L2: what was paid is credited whenever the channel says that it was, with our moment where its own cannot be meant.
func TestPaidInNoYear(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	account := h.withAccount()
	for i, at := range []string{"9999-11-17T02:00:00Z", "2199-11-17T02:00:00Z", "0001-01-01T00:00:00Z"} {
		body := strings.Replace(paidBody(h.topUp(t).ID.String(), "wx-"+strconv.Itoa(i), "2000", "CNY"),
			`"paid_at":"2026-11-17T02:00:00Z"`, `"paid_at":"`+at+`"`, 1)
		require.Contains(t, body, at)
		got := h.do(t, h.walletCall(t, walletSecret, body))
		require.Equal(t, 204, got.status, "%s", got.body)
		require.Equal(t, int64(2000*(i+1)), h.AccountOf(account).MainCents)
		require.WithinDuration(t, h.Clock.Now(), storagetest.One[time.Time](h.Env, `select taken_at from transfers
			where account_id = $1 order by seq desc limit 1`, account), time.Minute)
	}
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
		"closing what is a name":      {walletSecret, `{"type":"order.closed","data":{"order":"王小明"}}`, 422},
		"of an unknown type":          {walletSecret, `{"type":"order.eaten","data":{}}`, 422},
		"that is no JSON":             {walletSecret, `{`, 422},
		"about a refund of nobody": {walletSecret,
			`{"type":"refund.updated","data":{"refund":"` + uuid.NewString() + `","state":"refunded"}}`, 404},
	} {
		got := h.do(t, h.walletCall(t, test.secret, test.body))
		require.Equal(t, test.want, got.status, "%s: %s", sentence, got.body)
		if test.want == 401 {
			require.Equal(t, campus.Text(campus.Chinese, "problem.unauthenticated_machine", nil), read[problem](t, got).Title,
				"a channel does not sign in")
		}
		require.Zero(t, h.AccountOf(account).MainCents, sentence)
	}
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, paidBody(id, "wx-9", "2000", "CNY"))).status)
	require.Equal(t, 409, h.do(t, h.walletCall(t, walletSecret, paidBody(id, "wx-9", "2001", "CNY"))).status,
		"it contradicts itself")
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, paidBody(id, "wx-10", "2000", "CNY"))).status,
		"a second payer")
	require.Equal(t, int64(2000), h.AccountOf(account).MainCents)
}

// L2: a call-back that was signed long ago, or for later, is not believed, whatever it says: somebody may play an old
// one again. The channel signs a repetition anew. One whose own time is old is taken: it may have waited there for
// days.
func TestOldCallBacksOfTheWallet(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	account := h.withAccount()
	paid := paidBody(h.topUp(t).ID.String(), "wx-1", "2000", "CNY")
	hear := func(off time.Duration) reply {
		return h.do(t, h.walletCallAt(t, h.Clock.Now().Add(off), "msg-1", walletSecret, paid))
	}
	for _, off := range []time.Duration{-5*time.Minute - time.Second, -24 * time.Hour, -h.Clock.Now().Sub(time.Unix(0, 0)),
		5*time.Minute + 2*time.Second, 365 * 24 * time.Hour} {
		got := hear(off)
		require.Equal(t, []any{401, "callback_stale"}, []any{got.status, read[problem](t, got).Reason}, "%s: %s", off, got.body)
		require.Zero(t, h.AccountOf(account).MainCents)
	}
	require.Equal(t, 204, hear(-5*time.Minute+time.Second).status, "the same, as the channel repeats it")
	require.Equal(t, int64(2000), h.AccountOf(account).MainCents)
	sent := h.walletCallAt(t, h.Clock.Now(), "msg-2", walletSecret, paid)
	sent.sign = forged(sent.sign, h.Clock.Now().Add(time.Second))
	require.Equal(t, 401, h.do(t, sent).status, "another moment under a signature")
}

// forged signs as before, and puts another moment beside the signature.
func forged(sign func(*http.Request, string), at time.Time) func(*http.Request, string) {
	return func(r *http.Request, body string) {
		sign(r, body)
		r.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	}
}

// L2: what can go neither back nor to an account is settled by two people of finance, and its holder reads what became
// of it.
func TestUnclaimedMoneyIsSettled(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.withAccount()
	for who, role := range map[string]campus.Role{"finance": campus.Finance, "finance2": campus.Finance, "cashier": campus.Cashier} {
		h.hire(who, storagetest.University, campus.Grant{Role: role})
	}
	o := h.topUp(t)
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, paidBody(o.ID.String(), "wx-1", "700", "CNY"))).status)
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, `{"type":"refund.updated","data":{"refund":"`+
		h.DueRefunds()[0].ID.String()+`","state":"failed"}}`)).status)
	h.Exec(`update topup_orders set state = 'expired'`)
	const list = "/api/v1/staff/unclaimed-money"
	type shown struct {
		ID        uuid.UUID
		Reference string
		Cents     int64     `json:"amount_cents"`
		OrderedAt time.Time `json:"ordered_at"`
		Proposed  *struct {
			ID      uuid.UUID
			WayText string `json:"way_text"`
			Number  string
		}
	}
	waiting := func() []shown { return ask[struct{ Items []shown }](t, h, "finance", list).Items }
	found := waiting()
	require.Len(t, found, 1)
	require.Equal(t, []any{campus.ShortRef(o.ID), int64(700)}, []any{found[0].Reference, found[0].Cents})
	require.False(t, found[0].OrderedAt.IsZero())
	require.Equal(t, 403, h.do(t, call{who: "cashier", method: "GET", path: list}).status)
	post := func(who, path, body string, status int) []byte {
		t.Helper()
		got := h.do(t, call{who: who, method: "POST", path: path, body: body})
		require.Equal(t, status, got.status, "%s", got.body)
		return got.body
	}
	at := list + "/" + found[0].ID.String() + "/settlement"
	post("finance", at, `{"way":"bank","reason":"by letter"}`, 422)
	post("finance", at, `{"way":"bank","holder":"王","bank":"银行","number":"6222021234567890"}`, 422)
	proposed := post("finance", at, `{"way":"bank","reason":"by letter","holder":"王","bank":"银行","number":"6222 0212 3456 7890"}`, 201)
	require.NotContains(t, string(proposed), "6222")
	require.Equal(t, "****7890", waiting()[0].Proposed.Number)
	require.Equal(t, "汇到付款人的银行账户", waiting()[0].Proposed.WayText)
	decision := "/api/v1/staff/unclaimed-settlements/" + idOf(t, proposed) + "/decision"
	require.Contains(t, string(post("finance", decision, `{"confirm":true}`, 403)), "same_person")
	require.Contains(t, string(post("finance2", decision, `{"confirm":true}`, 200)), `"state":"confirmed"`)
	require.Empty(t, waiting())
	require.Equal(t, "paid_out", ask[shownTopUp](t, h, "student", topups+"/"+o.ID.String()).State)
	settled := ask[struct{ Items []struct{ Way string } }](t, h, "finance", "/api/v1/staff/unclaimed-settlements").Items
	require.Equal(t, "bank", settled[0].Way)
	files := ask[struct{ Items []struct{ ID uuid.UUID } }](t, h, "finance", "/api/v1/staff/payout-files").Items
	require.NotContains(t, string(h.do(t, call{who: "finance", method: "GET",
		path: "/api/v1/staff/payout-files/" + files[0].ID.String()}).body), `"merchant"`)
}

// L2: who has paid another amount or currency reads that, and not that they have not paid.
func TestATopUpSaysThatAPaymentWentBack(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.withAccount()
	o := h.topUp(t)
	type shown struct {
		State   string
		Returns []struct {
			ID       uuid.UUID
			Currency string
			Reason   string
			State    string
		}
	}
	get := func() shown { return ask[shown](t, h, "student", topups+"/"+o.ID.String()) }
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, paidBody(o.ID.String(), "wx-1", "2000", "USD"))).status)
	got := get()
	require.Equal(t, []string{"returning", "USD", "currency_differs", "asked"},
		[]string{got.State, got.Returns[0].Currency, got.Returns[0].Reason, got.Returns[0].State})
	require.Equal(t, 204, h.do(t, h.walletCall(t, walletSecret, `{"type":"refund.updated","data":{"refund":"`+
		got.Returns[0].ID.String()+`","state":"refunded"}}`)).status)
	require.Equal(t, "created", get().State, "it may still be paid in yuan")
	h.Exec(`update topup_orders set state = 'expired'`)
	require.Equal(t, "returned", get().State)
	h.Exec(`update topup_refunds set state = 'unclaimed'`)
	require.Equal(t, "not_returned", get().State)
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

// E2, E4, L1: who chooses an amount that is not taken is told the bounds, in yuan.
func TestBoundsOfAmountsAreTold(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.withAccount()
	h.hire("cashier", storagetest.University, campus.Grant{Role: campus.Cashier, Campuses: []string{storagetest.EastCampus}})
	policy := h.Policies.For(storagetest.University).Money
	for path, test := range map[string]struct {
		who, method, body string
		least, most       int64
	}{
		topups: {"student", "POST", `{"channel":"wallet","amount_cents":0}`, policy.TopUp.Least, policy.TopUp.Most},
		"/api/v1/me/account/limit": {"student", "PUT", fmt.Sprintf(`{"limit_cents":%d}`, policy.LimitMost+1), 0,
			policy.LimitMost},
		"/api/v1/staff/drawers": {"cashier", "POST", fmt.Sprintf(`{"campus":"east","float_cents":%d}`, policy.TopUp.FloatMost+1),
			0, policy.TopUp.FloatMost},
	} {
		for _, language := range []campus.Language{campus.Chinese, campus.English} {
			got := read[problem](t, h.do(t, call{who: test.who, method: test.method, path: path, body: test.body}.in(language)))
			for _, cents := range []int64{test.least, test.most} {
				require.Contains(t, got.Detail, " "+campus.YuanText(cents)+" ", path)
				require.Contains(t, got.Errors[0].Message, " "+campus.YuanText(cents)+" ", path)
			}
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
	takings := read[struct {
		Items []struct {
			ID      uuid.UUID
			Amount  int64 `json:"amount_cents"`
			Receipt string
			ByName  string `json:"by_name"`
		}
	}](t, h.do(t, call{who: "colleague", method: "GET", path: at + "/takings"})).Items
	require.Len(t, takings, 1)
	require.Equal(t, []any{taken.ID, int64(5000), taken.Receipt}, []any{takings[0].ID, takings[0].Amount, takings[0].Receipt})
	require.NotEmpty(t, takings[0].ByName)
	way := ask[struct{ Items []struct{ Way string } }](t, h, "student", "/api/v1/me/account/statement")
	require.Equal(t, "cash", way.Items[0].Way)
	receipt := h.do(t, call{who: "cashier", method: "GET", path: taken.Receipt})
	require.Equal(t, 503, receipt.status, "there are no fonts here: %s", receipt.body)
	post("cashier", at+"/count", `{"counted_cents":14900}`)
	require.Contains(t, string(h.do(t, call{who: "cashier", method: "GET", path: at}).body), `"difference_cents":-100`)
	for _, path := range []string{at, drawers} { // who counts second does not see it before (L1)
		seen := string(h.do(t, call{who: "colleague", method: "GET", path: path}).body)
		require.Contains(t, seen, `"state":"counted"`)
		require.NotContains(t, seen, "counted_cents")
		require.NotContains(t, seen, "difference_cents")
	}
	require.Equal(t, 403, h.do(t, call{who: "cashier", method: "POST", path: at + "/closure",
		body: `{"counted_cents":14900}`}).status, "by one person")
	closed := post("colleague", at+"/closure", `{"counted_cents":14900}`)
	require.Equal(t, []any{"closed", int64(-100)}, []any{closed.State, closed.Difference})
	list := read[struct{ Items []shownDrawer }](t, h.do(t, call{who: "colleague", method: "GET", path: drawers}))
	require.Len(t, list.Items, 1)
	require.Empty(t, read[struct{ Items []shownDrawer }](t,
		h.do(t, call{who: "colleague", method: "GET", path: drawers + "?open=true"})).Items)
}

// E4: a holder can give up a top-up that is not paid; the pay code is shown no more.
func TestATopUpIsGivenUp(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.withAccount()
	o := h.topUp(t)
	h.Exec(`update topup_orders set state = 'waiting', pay_code = 'wallet://pay/x'`)
	path := topups + "/" + o.ID.String()
	require.Contains(t, string(h.do(t, call{who: "student", method: "GET", path: path}).body), "wallet://pay/x")
	got := h.do(t, call{who: "student", method: "POST", path: path + "/closure"})
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, "giving_up", read[shownTopUp](t, got).State)
	require.NotContains(t, string(got.body), "wallet://pay/x")
	h.Exec(`update topup_orders set state = 'closed', next_look = null`)
	require.Equal(t, "given_up", ask[shownTopUp](t, h, "student", path).State)
	h.Exec(`update topup_orders set given_up_at = null`)
	require.Equal(t, "topup_over", read[problem](t, h.do(t, call{who: "student", method: "POST", path: path + "/closure"})).Reason)
}

// What ways there are to top up a card, and what bounds them, by the policy of the university (L2).
func TestWaysToTopUpAreTold(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.withAccount()
	terms := h.Policies.For(storagetest.University).Money.TopUp
	got := h.do(t, call{who: "student", method: "GET", path: "/api/v1/me/topup-channels"}.in(campus.English))
	require.Equal(t, 200, got.status, "%s", got.body)
	ways := read[struct {
		Channels []struct {
			Channel string
			Text    string `json:"channel_text"`
			Least   int64  `json:"least_cents"`
			Most    int64  `json:"most_cents"`
		}
		Ceiling int64 `json:"ceiling_cents"`
	}](t, got)
	require.Len(t, ways.Channels, len(terms.Channels))
	require.Equal(t, []any{"bank", "bank", terms.Least, terms.Most, "wallet", "mobile wallet", terms.BalanceMost}, []any{
		ways.Channels[0].Channel, ways.Channels[0].Text, ways.Channels[0].Least, ways.Channels[0].Most,
		ways.Channels[1].Channel, ways.Channels[1].Text, ways.Ceiling})
}

type shownDrawer struct {
	ID         uuid.UUID
	State      string
	Receipt    string
	Difference int64 `json:"difference_cents"`
}
