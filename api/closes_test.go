package api_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

const closes = "/api/v1/staff/closes"

type shownClose struct {
	ID           uuid.UUID
	Day          campus.Date
	Stage        campus.Stage
	StageText    string `json:"stage_text"`
	TillsAwaited int    `json:"tills_awaited"`
	Differences  int
	Open         int `json:"open_differences"`
	Report       bool
	Outcome      campus.Outcome
	SignedBy     *uuid.UUID `json:"signed_by"`
}

// L2, L3, L8: finance closes the day, says what a difference was, and signs; nobody else does.
func TestADayIsClosed(t *testing.T) {
	t.Parallel()
	l := newLiveTestUnder(t, quick+"money: {close: {look: 200ms}}\n")
	for who, role := range map[string]campus.Role{"finance": campus.Finance, "finance2": campus.Finance, "cashier": campus.Cashier} {
		l.hire(who, storagetest.University, campus.Grant{Role: role})
	}
	person, _ := l.Holder(0)
	l.Takes(l.PaidAt(l.Order(person, 20_00), "nobody knows"))
	shop := l.Merchant("超市", "supermarket")
	l.Sells(shop, l.Account(100_00).ID, 20_00)
	post := func(who, path, body string) call { return call{who: who, method: "POST", path: path, body: body} }

	l.play(t, map[string]scenario{
		"a cashier closes no day":       {post("cashier", closes, ""), 403, "", ""},
		"a university without a ledger": {post("foreigner", closes, ""), 409, "close_not_due", ""},
	})
	opened := l.do(t, post("finance", closes, ""))
	require.Equal(t, 201, opened.status, "%s", opened.body)
	one := closes + "/" + read[shownClose](t, opened).ID.String()
	var shown shownClose
	require.Eventually(t, func() bool {
		shown = ask[shownClose](t, l.apiTest, "finance", one)
		return shown.Stage == campus.StageSigning
	}, patience, 50*time.Millisecond)
	require.Equal(t, []any{1, 1, true, 0, "等待财务签字"},
		[]any{shown.Differences, shown.Open, shown.Report, shown.TillsAwaited, shown.StageText})
	sign := func(who string) call { return post(who, one+"/signature", "") }
	l.play(t, map[string]scenario{
		"the day is closed":             {post("finance2", closes, ""), 409, "close_not_due", ""},
		"another university's":          {call{who: "foreigner", method: "GET", path: one}, 404, "close_unknown", ""},
		"signed there":                  {sign("foreigner"), 404, "close_unknown", ""},
		"a cashier does not sign":       {sign("cashier"), 403, "", ""},
		"an operator does not sign":     {sign("operator"), 403, "", ""},
		"a difference without a word":   {post("finance", one+"/differences/1/settlement", `{"note": ""}`), 422, "", "note"},
		"a difference of somebody else": {post("cashier", one+"/differences/1/settlement", `{"note": "x"}`), 403, "", ""},
	})
	refused := func(c call, status int, reason string) { // a decision that was kept, and refused
		t.Helper()
		got := l.do(t, c)
		require.Equal(t, []any{status, reason}, []any{got.status, read[problem](t, got).Reason}, "%s", got.body)
	}
	refused(sign("finance"), 409, "differences_open")
	refused(post("finance", one+"/differences/9/settlement", `{"note": "x"}`), 404, "difference_unknown")
	refused(post("finance", one+"/differences/100000/settlement", `{"note": "x"}`), 404, "difference_unknown") // a file may lack as many
	items := ask[struct{ Items []shownItem }](t, l.apiTest, "finance", workItems+"?kind=difference").Items
	require.Len(t, items, 1)
	decision := workItems + "/" + items[0].ID.String() + "/decision"
	silent := l.do(t, post("finance", decision, `{"action": "settle"}`))
	require.Equal(t, []any{422, "note_missing"}, []any{silent.status, read[problem](t, silent).Errors[0].Reason})
	l.done(t, post("finance", decision, `{"action": "settle", "note": "明日补记"}`))
	refused(post("finance2", one+"/differences/1/settlement", `{"note": "x"}`), 409, "difference_settled")
	l.done(t, sign("finance2"))
	require.Equal(t, 409, l.do(t, sign("finance")).status, "a day is signed once")

	shown = ask[shownClose](t, l.apiTest, "finance", one)
	require.Equal(t, []any{campus.Completed, 0}, []any{shown.Outcome, shown.Open})
	require.NotNil(t, shown.SignedBy)
	listed := ask[struct{ Items []shownClose }](t, l.apiTest, "finance", closes).Items
	require.Equal(t, []shownClose{shown}, listed)
	differences := ask[struct {
		Items []struct {
			Note        string
			ChannelText string `json:"channel_text"`
			WhatText    string `json:"what_text"`
		}
	}](t, l.apiTest, "finance", one+"/differences").Items
	require.Equal(t, "明日补记 手机钱包 我方有，对方没有", differences[0].Note+" "+differences[0].ChannelText+" "+differences[0].WhatText)
	settled := ask[struct {
		Items []struct {
			Merchant uuid.UUID
			Due      int64 `json:"due_cents"`
		}
	}](t, l.apiTest, "finance", one+"/settlements").Items
	require.Len(t, settled, 1)
	require.Equal(t, []any{shop.ID, l.Holds(campus.MerchantBook, shop.ID.String())}, []any{settled[0].Merchant, settled[0].Due})

	report := l.do(t, call{who: "finance", method: "GET", path: one + "/report"})
	require.Equal(t, 200, report.status)
	file, err := excelize.OpenReader(bytes.NewReader(report.body))
	require.NoError(t, err)
	require.Len(t, file.GetSheetList(), 5)
	require.True(t, strings.HasPrefix(file.GetSheetList()[0], "汇总"))
}
