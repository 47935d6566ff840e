package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/simulator/till"
	"campuscard/storage/storagetest"
)

// appealCall asks for a payment back.
func appealCall(who string, payment uuid.UUID, body string) call {
	return call{who: who, method: "POST", path: "/api/v1/me/payments/" + payment.String() + "/appeal", body: body}
}

// shownAppeal is what a holder is shown of an appeal.
type shownAppeal struct {
	ID       uuid.UUID
	Stage    campus.Stage
	WaitsFor campus.Party `json:"waits_for"`
	Next     struct {
		Text    string
		Actions []struct{ Href string }
	}
	Appeal struct {
		Transfer   uuid.UUID
		AskedCents int64  `json:"asked_cents"`
		ReasonText string `json:"reason_text"`
		Word       string
		Duplicate  bool
		Evidence   *struct{ Twin uuid.UUID }
	}
}

const twice = `{"reason": "charged_twice", "word": "我只买了一份"}`

// E3: who may appeal what, and until when.
func TestAppealing(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	payment := h.sells(t, 12_50, till.Fault{}).Transfer
	late := h.sells(t, 1_00, till.Fault{}).Transfer
	at := storagetest.One[time.Time](h.Env, `select at from transfers where id = $1`, late)
	h.play(t, map[string]scenario{
		"somebody else's":       {appealCall("other", payment, twice), 404, "appeal_unknown", ""},
		"none":                  {appealCall("student", uuid.New(), twice), 404, "appeal_unknown", ""},
		"more than was paid":    {appealCall("student", payment, `{"reason": "not_got", "amount_cents": 1251}`), 409, "refund_too_high", ""},
		"nothing":               {appealCall("student", payment, `{"reason": "not_got", "amount_cents": 0}`), 422, "", "amount_cents"},
		"a reason that is none": {appealCall("student", payment, `{"reason": "hungry"}`), 422, "", "reason"},
		"staff":                 {appealCall("finance", payment, twice), 403, "", ""},
	})
	mine := appealCall("student", payment, `{"reason": "wrong_amount", "amount_cents": 500, "word": "多收了"}`).
		with("Idempotency-Key", "an-appeal")
	got := h.do(t, mine)
	require.Equal(t, 201, got.status, "%s", got.body)
	shown := read[shownAppeal](t, got)
	require.Equal(t, int64(500), shown.Appeal.AskedCents)
	require.Equal(t, "金额有误", shown.Appeal.ReasonText)
	require.Equal(t, campus.StageQueued, shown.Stage)
	require.Equal(t, shown.ID, read[shownAppeal](t, h.do(t, mine)).ID, "the same request again")
	h.play(t, map[string]scenario{
		"once more":             {appealCall("student", payment, twice), 409, "appeal_exists", ""},
		"a look":                {call{who: "student", method: "GET", path: "/api/v1/me/appeals/" + shown.ID.String()}, 200, "", ""},
		"somebody else's look":  {call{who: "other", method: "GET", path: "/api/v1/me/appeals/" + shown.ID.String()}, 404, "appeal_absent", ""},
		"an objection too soon": {call{who: "student", method: "POST", path: "/api/v1/me/appeals/" + shown.ID.String() + "/objection", body: `{"note": "x"}`}, 409, "queued", ""},
	})
	soon := h.do(t, call{who: "student", method: "POST", path: "/api/v1/me/appeals/" + shown.ID.String() + "/withdrawal"})
	require.Equal(t, "该事项尚未开始办理，请稍后再试。排队中的办卡申请可以撤回。", read[problem](t, soon).Detail,
		"an appeal that waits cannot be taken back, and nobody is told that it can")
	list := read[struct{ Items []shownAppeal }](t, h.do(t, call{who: "student", method: "GET", path: "/api/v1/me/appeals"}))
	require.Len(t, list.Items, 1)

	h.Clock.Advance(at.Add(72*time.Hour + time.Millisecond).Sub(h.Clock.Now()))
	h.play(t, map[string]scenario{"a millisecond late": {appealCall("student", late, twice), 409, "appeal_late", ""}})
}

// The state of an appeal stands beside the line of the statement.
func TestStatementShowsAppeals(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	payment := h.sells(t, 12_50, till.Fault{}).Transfer
	require.Equal(t, 201, h.do(t, appealCall("student", payment, twice)).status)
	page := read[struct {
		Items []struct {
			ID     uuid.UUID
			Appeal *struct {
				Stage     campus.Stage
				StageText string `json:"stage_text"`
			}
		}
	}](t, h.do(t, call{who: "student", method: "GET", path: "/api/v1/me/account/statement"}))
	require.Len(t, page.Items, 2)
	require.Equal(t, payment, page.Items[0].ID)
	require.Equal(t, campus.StageQueued, page.Items[0].Appeal.Stage)
	require.NotEmpty(t, page.Items[0].Appeal.StageText)
	require.Nil(t, page.Items[1].Appeal)
}

// E3: the till's own journal is the evidence: what it does not have was charged twice.
func TestJournalsOfTills(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	lost := h.sells(t, 8_00, till.Fault{Forgets: true})
	h.Clock.Advance(5 * time.Second)
	seen := h.sells(t, 8_00, till.Fault{})
	from := h.Clock.Now().Add(-time.Hour)
	require.NoError(t, h.till.SendJournal(t.Context(), from, h.Clock.Now()))
	require.NoError(t, h.till.SendJournal(t.Context(), from, h.Clock.Now()), "the same again")
	send := func(from, until time.Time, keys ...string) string {
		body, err := json.Marshal(map[string]any{"from": from, "until": until, "keys": append([]string{}, keys...)})
		require.NoError(t, err)
		return refusal(t, h.till.Post(t.Context(), "/api/v1/terminals/journals", body))
	}
	require.Equal(t, "journal_differs", send(from, h.Clock.Now(), "s-9"))
	require.Equal(t, "period_invalid", send(from, from))
	require.Equal(t, "period_invalid", send(h.Clock.Now().Add(-7*24*time.Hour-time.Millisecond), h.Clock.Now()))
	require.NoError(t, h.till.SendJournal(t.Context(), h.Clock.Now().Add(-7*24*time.Hour), h.Clock.Now()), "a week")
	require.Equal(t, "moment_invalid", send(from, h.Clock.Now().Add(time.Hour)))

	got := h.do(t, appealCall("student", lost.Transfer, twice))
	require.Equal(t, 201, got.status, "%s", got.body)
	shown := read[shownAppeal](t, got)
	require.True(t, shown.Appeal.Duplicate)
	require.Nil(t, shown.Appeal.Evidence, "that is for staff")
	staff := read[shownAppeal](t, h.do(t, call{who: "finance", method: "GET", path: "/api/v1/staff/cases/" + shown.ID.String()}))
	require.Equal(t, seen.Transfer, staff.Appeal.Evidence.Twin)
	require.Equal(t, "我只买了一份", staff.Appeal.Word)
	require.Empty(t, read[shownAppeal](t, h.do(t, call{who: "reviewer", method: "GET",
		path: "/api/v1/staff/cases/" + shown.ID.String()})).Appeal.Word, "the holder's words are for who works on appeals")
	other := read[shownAppeal](t, h.do(t, appealCall("student", seen.Transfer, twice)))
	require.False(t, other.Appeal.Duplicate, "the till has that one")
}

// What people decide about an appeal needs a reason of its action, and a part an amount.
func TestDecidingAnAppeal(t *testing.T) {
	t.Parallel()
	h := newTillTest(t, 100_00)
	h.hireAll()
	payment := h.sells(t, 12_50, till.Fault{}).Transfer
	ref := campus.CaseRef{Kind: campus.AppealCase, ID: read[shownAppeal](t, h.do(t, appealCall("student", payment, twice))).ID}
	h.record(t, campus.Move{Case: ref, Version: 1, Stage: campus.StageAnswer, WaitsFor: campus.WaitsForMerchant,
		Opens: []campus.NewWorkItem{{Kind: campus.AppealAnswerItem}}})
	item := h.openItem(ref)
	look := func() shownAppeal {
		return read[shownAppeal](t, h.do(t, call{who: "student", method: "GET", path: "/api/v1/me/appeals/" + ref.ID.String()}))
	}
	require.Contains(t, look().Next.Actions[0].Href, "/withdrawal")
	h.play(t, map[string]scenario{
		"by who has nothing to do with it": {decision("reviewer", item, `{"action": "agree"}`), 403, "", ""},
		"for another kind":                 {decision("finance", item, `{"action": "refund_all", "reason": "appeal_proven"}`), 422, "action_unknown", "action"},
		"without a reason":                 {decision("finance", item, `{"action": "contest"}`), 422, "reason_unknown", "reason"},
		"a reason too many":                {decision("finance", item, `{"action": "agree", "reason": "two_sales"}`), 422, "field_misplaced", "reason"},
		"agreed":                           {decision("finance", item, `{"action": "agree"}`), 202, "", ""},
	})
	h.Exec(`delete from requests where state = 'open'`)
	h.record(t, campus.Move{Case: ref, Version: 2, Stage: campus.StageVerdict, WaitsFor: campus.WaitsForFinance,
		Opens:  []campus.NewWorkItem{{Kind: campus.AppealItem}},
		Closes: []campus.WorkItemKey{{Kind: campus.AppealAnswerItem}}})
	item = h.openItem(ref)
	got := h.do(t, call{who: "finance", method: "GET", path: "/api/v1/staff/work-items/" + item.String()})
	require.Contains(t, read[struct {
		ActionReasons map[string][]struct{ Text string } `json:"action_reasons"`
	}](t, got).ActionReasons, "refund_part")
	h.play(t, map[string]scenario{
		"a part without an amount": {decision("finance2", item, `{"action": "refund_part", "reason": "appeal_proven"}`), 422, "amount_invalid", "amount_cents"},
		"all of it with an amount": {decision("finance2", item, `{"action": "refund_all", "reason": "appeal_proven", "amount_cents": 5}`), 422, "field_misplaced", "amount_cents"},
		"a part":                   {decision("finance2", item, `{"action": "refund_part", "reason": "appeal_proven", "amount_cents": 5}`), 202, "", ""},
	})
}
