package api_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// L3: from the proposed bank account to the payout, the statement and the voucher of the day.
func TestAMerchantIsPaid(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	merchant := "/api/v1/staff/merchants/" + h.merchant.String()
	post := func(who, path, body string, status int) []byte {
		t.Helper()
		got := h.do(t, call{who: who, method: "POST", path: path, body: body})
		require.Equal(t, status, got.status, "%s", got.body)
		return got.body
	}
	proposed := post("finance", merchant+"/bank-accounts", `{"holder":"第一食堂","bank":"城市银行","number":"6222 0212 3456 7890"}`, 201)
	require.Contains(t, string(proposed), `"number":"****7890"`)
	require.NotContains(t, string(proposed), "6222")
	decision := "/api/v1/staff/bank-accounts/" + idOf(t, proposed) + "/decision"
	require.Contains(t, string(post("finance", decision, `{"confirm":true}`, 403)), "same_person")
	require.Contains(t, string(post("finance2", decision, `{"confirm":true}`, 200)), `"state":"current"`)
	require.Contains(t, string(post("finance", "/api/v1/staff/payout-files", "", 409)), "nothing_due")

	m, err := h.Money.Merchant(t.Context(), storagetest.University, h.merchant)
	require.NoError(t, err)
	h.Sells(m, h.account, 30_00)
	day := campus.DateOf(h.Clock.Now())
	h.Settled(m, day, 30_00, 1_00)
	file := post("finance", "/api/v1/staff/payout-files", "", 201)
	shown := h.do(t, call{who: "finance", method: "GET", path: "/api/v1/staff/payout-files/" + idOf(t, file)})
	require.Equal(t, 200, shown.status, "%s", shown.body)
	require.Contains(t, string(shown.body), `"amount_cents":2900`)
	post("finance", "/api/v1/staff/payout-files/"+idOf(t, file)+"/retry", "", 200)
	for _, path := range []string{"/api/v1/staff/payout-files", merchant + "/bank-accounts"} {
		require.Equal(t, 200, h.do(t, call{who: "finance", method: "GET", path: path}).status, path)
	}

	span := "?from=" + day.String() + "&until=" + day.AddDays(3).String()
	h.Settled(m, day.AddDays(1), 5_00, 0)
	page := h.do(t, call{who: "finance", method: "GET", path: merchant + "/statement" + span + "&limit=1"})
	require.Equal(t, 200, page.status, "%s", page.body)
	type view struct {
		Closing    int64 `json:"closing_cents"`
		Items      []money.MerchantDay
		NextCursor string `json:"next_cursor"`
	}
	first := read[view](t, page)
	require.Equal(t, []any{int64(5_00), int64(29_00), 1}, []any{first.Closing, first.Items[0].PayoutCents, len(first.Items)})
	second := read[view](t, h.do(t, call{who: "finance", method: "GET",
		path: merchant + "/statement" + span + "&limit=1&cursor=" + first.NextCursor}))
	require.Equal(t, []any{day.AddDays(1), ""}, []any{second.Items[0].Day, second.NextCursor})

	many := h.do(t, call{who: "finance", method: "GET", path: merchant + "/statement" + span + "&limit=101"})
	require.Equal(t, []any{422, "limit"}, []any{many.status, read[problem](t, many).Errors[0].Field}, "pages are as everywhere")

	take := call{who: "finance", method: "GET", path: merchant + "/statement/file" + span}
	rows := table(t, h.do(t, take.in(campus.English)).body)
	require.Equal(t, []string{day.String(), "1", "30.00", "0.00", "0.00", "-1.00", "29.00", "-29.00", "0.00", "0.00"}, rows[5])
	require.Equal(t, "5.00", rows[7][9])
	take.path = "/api/v1/staff/books/" + day.String() + "/voucher"
	rows = table(t, h.do(t, take.in(campus.English)).body)
	sum := rows[len(rows)-1]
	require.Equal(t, []string{"Sum", sum[2]}, []string{sum[0], sum[3]}, "debits and credits are the same sum")
	require.Contains(t, rows, []string{"Top-up channel", "mobile wallet", "0.00", "100.00"})
	require.Contains(t, rows, []string{"Merchant", "第一食堂", "30.00", "29.00"})
	require.Equal(t, []string{"Books closed at (Beijing time)", "Not closed yet, more may be posted"}, rows[2])
	h.Exec(`insert into books_closed (university, day, closed_at) values ($1, $2, $3)`, storagetest.University,
		day.AddDays(1).String(), h.Clock.Now())
	require.Equal(t, campus.CellTime(h.Clock.Now()), table(t, h.do(t, take.in(campus.English)).body)[2][1],
		"a later day takes it with it")
	long := h.do(t, call{who: "finance", method: "GET", path: merchant + "/statement?from=2020-01-01&until=2026-01-01"})
	require.Equal(t, []any{422, "statement_period"}, []any{long.status, read[problem](t, long).Errors[0].Reason})
}

// E4, L1: what two people put right by hand, and that a cashier corrects nothing.
func TestManualVouchers(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 20_00)
	h.hire("cashier", storagetest.University, campus.Grant{Role: campus.Cashier})
	person := storagetest.One[uuid.UUID](h.Env, `select person_id from accounts where id = $1`, h.account)
	propose := func(who string) reply {
		return h.do(t, call{who: who, method: "POST", path: "/api/v1/staff/manual-vouchers", body: fmt.Sprintf(
			`{"kind":"credit","person":%q,"book":"suspense","amount_cents":500,"reason":"charged twice"}`, person)})
	}
	require.Equal(t, 403, propose("cashier").status)
	got := propose("finance")
	require.Equal(t, 201, got.status, "%s", got.body)
	decide := func(who string) reply {
		return h.do(t, call{who: who, method: "POST", path: "/api/v1/staff/manual-vouchers/" + idOf(t, got.body) + "/decision",
			body: `{"confirm":true}`})
	}
	require.Equal(t, 403, decide("finance").status)
	require.Equal(t, 403, decide("cashier").status)
	open := call{who: "finance2", method: "GET", path: "/api/v1/staff/manual-vouchers?open=true"}
	require.Contains(t, string(h.do(t, open).body), "charged twice")
	open.who = "cashier"
	require.NotContains(t, string(h.do(t, open).body), "charged twice", "a cashier sees cash alone")
	confirmed := decide("finance2")
	require.Equal(t, 200, confirmed.status, "%s", confirmed.body)
	require.Equal(t, int64(25_00), h.AccountOf(h.account).MainCents)
	statement := h.do(t, call{who: "student", method: "GET", path: "/api/v1/me/account/statement"})
	require.Contains(t, string(statement.body), `"kind":"manual"`)
	require.Contains(t, string(statement.body), `"way":"wallet"`)
}

func idOf(t *testing.T, body []byte) string {
	t.Helper()
	return read[struct{ ID string }](t, reply{body: body}).ID
}
