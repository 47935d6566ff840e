package api_test

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/simulator/till"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

const (
	telling = "/api/v1/me/account/notices"
	asFile  = "/api/v1/me/account/statement/file"
)

// E1: a holder chooses what they are told of their money; what they leave out is as the university has it.
func TestChoosingWhatIsTold(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	type shown struct {
		Payments    bool
		OwnPayments bool  `json:"own_payments"`
		Low         int64 `json:"low_balance_cents"`
		OwnLow      bool  `json:"own_low_balance"`
		Most        int64 `json:"low_balance_most_cents"`
	}
	policy := h.Policies.For(storagetest.University).Money.Telling
	most := policy.LowBalanceMost
	unchosen := shown{Low: policy.LowBalance, Most: most}
	require.Equal(t, unchosen, ask[shown](t, h, "student", telling))
	for _, step := range []struct {
		body string
		want shown
	}{
		{`{"payments": true, "low_balance_cents": 2000}`, shown{true, true, 2000, true, most}},
		{`{"payments": false}`, shown{false, true, policy.LowBalance, false, most}},
		{`{"low_balance_cents": 0}`, shown{false, false, 0, true, most}},
		{`{}`, unchosen},
	} {
		got := h.do(t, chooses(step.body))
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, step.want, read[shown](t, got), step.body)
		require.Equal(t, step.want, ask[shown](t, h, "student", telling), step.body)
	}
	require.Equal(t, 4, storagetest.Count(h.Env, `audit where action = 'telling.choose' and actor = $1`,
		campus.Student(h.holder.ID).String()))
	h.play(t, map[string]scenario{
		"more than may be chosen": {call: chooses(`{"low_balance_cents": 50001}`), status: 422,
			reason: "low_balance_range", field: "low_balance_cents"},
		"less than nothing": {call: chooses(`{"low_balance_cents": -1}`), status: 422, field: "low_balance_cents"},
	})
}

func chooses(body string) call { return call{who: "student", method: "PUT", path: telling, body: body} }

// E4: a holder takes a file with what was posted in a time, in their language, with the balance at its beginning and
// its end, and what became of each line; a text of a merchant is no formula.
func TestAStatementAsAFile(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	paid := h.sells(t, 10_00, till.Fault{})
	_, err := h.till.GiveBack(t.Context(), paid.Transfer, 4_00)
	require.NoError(t, err)
	voided := h.sells(t, 3_00, till.Fault{})
	_, err = h.till.GiveBack(t.Context(), voided.Transfer, 0)
	require.NoError(t, err)
	h.sells(t, 2_00, till.Fault{LoseAnswers: 3})
	odd := h.Merchant("=1+1", "canteen")
	h.Pays(h.account, 50, func(p *money.Payment) { p.Book = odd.BookID })
	day := campus.DateOf(h.Clock.Now()).String()
	take := call{who: "student", method: "GET", path: asFile + "?from=" + day + "&until=" + day}
	got := h.do(t, take.in(campus.English))
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, "text/csv; charset=utf-8", got.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="statement-`+day+`-`+day+`.csv"`, got.header.Get("Content-Disposition"))
	rows := table(t, got.body)
	columns := func(rows [][]string) (cells []string) {
		for _, row := range rows {
			cells = append(cells, strings.Join([]string{row[2], row[3], row[5], row[6], row[9], row[10]}, "|"))
		}
		return cells
	}
	require.Equal(t, []string{"Posted at (Beijing time)", "Merchant", "By", "Amount (CNY)"},
		[]string{rows[3][0], rows[3][3], rows[3][4], rows[3][5]})
	require.Equal(t, []string{
		"|||0.00||",
		"Top-up||100.00|100.00|posted|",
		"Payment|第一食堂|-10.00|90.00|partly given back|4.00",
		"Refund|第一食堂|4.00|94.00|posted|",
		"Payment|第一食堂|-3.00|91.00|voided|3.00",
		"Void|第一食堂|3.00|94.00|posted|",
		"Payment|第一食堂|-2.00|92.00|reversed|2.00",
		"Reversal|第一食堂|2.00|94.00|posted|",
		"Payment|'=1+1|-0.50|93.50|posted|",
		"|||93.50||",
	}, columns(rows[4:]))
	require.Equal(t, []string{"mobile wallet", ""}, []string{rows[5][4], rows[6][4]}, "by which money came (L2)")
	require.Equal(t, paid.Transfer.String(), rows[6][11])
	require.Equal(t, paid.Transfer.String(), rows[7][12], "what it gives back")

	zh := table(t, h.do(t, take.in(campus.Chinese)).body)
	require.Equal(t, []string{"校园卡对账单", "入账时间（北京时间）", "充值"}, []string{zh[0][0], zh[3][0], zh[5][2]})
	require.Equal(t, campus.CellTime(h.Clock.Now()), zh[5][0])
}

// table reads a file as Excel does.
func table(t *testing.T, file []byte) [][]string {
	t.Helper()
	text, marked := bytes.CutPrefix(file, []byte("\xef\xbb\xbf"))
	require.True(t, marked, "else Chinese is read as something else")
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord = -1
	rows, err := reader.ReadAll()
	require.NoError(t, err)
	return rows
}

// What no file is made of, and that nobody takes too many.
func TestStatementFilesHaveBounds(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.withAccount()
	h.enrol("cardless")
	file := func(who, from, until string) call {
		return call{who: who, method: http.MethodGet, path: asFile + "?from=" + from + "&until=" + until}
	}
	h.play(t, map[string]scenario{
		"a year and two days": {file("student", "2025-01-01", "2026-01-02"), 422, "statement_period", "until"},
		"backwards":           {file("student", "2026-01-02", "2026-01-01"), 422, "statement_period", "until"},
		"a day that is none":  {file("student", "2026-02-30", "2026-03-01"), 422, "", "from"},
		"without an account":  {file("cardless", "2026-01-01", "2026-01-01"), 404, "account_unknown", ""},
	})
	for range h.Policies.For(storagetest.University).Money.Files.PerHour {
		require.Equal(t, 200, h.do(t, file("student", "2024-01-01", "2024-12-31")).status)
	}
	h.play(t, map[string]scenario{
		"one too many": {file("student", "2024-01-01", "2024-12-31"), 429, "statements_spent", ""},
	})
}
