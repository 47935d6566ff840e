package api_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/outreach"
	"campuscard/storage/storagetest"
)

const invitations = "/api/v1/staff/invitations"

type shownCampaign struct {
	ID                                            uuid.UUID
	Audience, From, Until, Stage, Reason, Outcome string
	AudienceText                                  string `json:"audience_text"`
	StageText                                     string `json:"stage_text"`
	ReasonText                                    string `json:"reason_text"`
	WaitsFor                                      string `json:"waits_for"`
	People, Invited, Reminded, Applied            int
	Items                                         []struct {
		Wave, People, Applied int
		Kind                  string
	}
}

type shownMe struct {
	Invitation *struct {
		From, Until string
		InvitedAt   time.Time `json:"invited_at"`
	}
}

// campaignForm is one among registered students for a fortnight from today.
func campaignForm() form {
	return toForm(fields{"audience": "students", "from": "2026-11-17", "until": "2026-11-30"})
}

func campaignCall(body form) call {
	return call{who: "boss", method: "POST", path: invitations, body: string(body)}
}

// office is a house with administrators of both universities.
func office(t *testing.T) *apiTest {
	t.Helper()
	h := newAPITest(t)
	h.hire("boss", storagetest.University, campus.Grant{Role: campus.Administrator})
	h.hire("foreigner", "lcvtc", campus.Grant{Role: campus.Administrator})
	h.enrol("second")
	return h
}

func (h *apiTest) campaign(t *testing.T, body form) shownCampaign {
	t.Helper()
	got := h.do(t, campaignCall(body))
	require.Equal(t, 201, got.status, "%s", got.body)
	return read[shownCampaign](t, got)
}

// wave invites everybody of a campaign, as its workflow would.
func (h *apiTest) wave(t *testing.T, campaign uuid.UUID) int {
	t.Helper()
	m := h.NextMove(campus.CaseRef{Kind: campus.InvitationCase, ID: campaign}, campus.StageInviting, campus.WaitsForDate)
	m.Events = []campus.Event{{Kind: "wave_sent", Actor: campus.System(), Data: map[string]string{"wave": "1"}}}
	_, n, err := h.Outreach.SendWave(t.Context(), m,
		outreach.Wave{Kind: campus.InvitationWave, Seq: 1, Size: 100, Rested: h.Now().Add(-time.Hour),
			Notice: campus.Notice{Template: "notice.invitation", Params: map[string]string{"day": "2026-11-30"}}})
	require.NoError(t, err)
	return n
}

// C5: an administrator counts, opens, looks; who is invited sees it. All of it without Temporal.
func TestInvitations(t *testing.T) {
	t.Parallel()
	h := office(t)
	count := ask[struct {
		People, Waves int
		LastAt        time.Time `json:"last_wave_at"`
		InTime        bool      `json:"in_time"`
	}](t, h, "boss", invitations+"/audience?audience=students&from=2026-11-17&until=2026-11-30")
	require.Equal(t, []any{2, 1, true, true}, []any{count.People, count.Waves, count.InTime, count.LastAt.Equal(h.Now())})

	open := campaignCall(campaignForm()).with("Idempotency-Key", "open-a-campaign")
	got := h.do(t, open)
	require.Equal(t, 201, got.status, "%s", got.body)
	c := read[shownCampaign](t, got)
	require.JSONEq(t, string(got.body), string(h.do(t, open).body), "the same request again gets the first answer")
	require.Equal(t, []any{"students", "在籍学生", "2026-11-17", "2026-11-30", "queued", 2},
		[]any{c.Audience, c.AudienceText, c.From, c.Until, c.Stage, c.People})
	require.Equal(t, 1, storagetest.One[int](h.Env, `select count(*) from outbox where workflow = 'invitation'`))
	one := invitations + "/" + c.ID.String()
	h.play(t, map[string]scenario{
		"a decision before it begins": {call{who: "boss", method: "POST", path: one + "/pause"}, 409, "queued", ""},
		"the same people again":       {campaignCall(campaignForm().with("from", "2026-11-20")), 409, "campaign_open", ""},
	})

	require.Nil(t, ask[shownMe](t, h, "student", "/api/v1/me").Invitation)
	require.Equal(t, 2, h.wave(t, c.ID))
	invited := ask[shownMe](t, h, "student", "/api/v1/me").Invitation
	require.Equal(t, []string{"2026-11-17", "2026-11-30"}, []string{invited.From, invited.Until})
	require.Nil(t, ask[shownMe](t, h, "other", "/api/v1/me").Invitation, "another university's")
	notices := ask[struct {
		Items []struct{ Subject, Text string }
	}](t, h, "student", "/api/v1/notices").Items
	require.Len(t, notices, 1)
	require.Contains(t, notices[0].Text, "2026-11-30")

	h.Clock.Advance(time.Minute)
	h.apply(t, "student")
	require.Nil(t, ask[shownMe](t, h, "student", "/api/v1/me").Invitation, "done")
	seen := ask[shownCampaign](t, h, "boss", one)
	require.Equal(t, []any{"inviting", "date", 2, 1}, []any{seen.Stage, seen.WaitsFor, seen.Invited, seen.Applied})
	require.Len(t, seen.Items, 1)
	require.Equal(t, []any{1, "invitation", 2, 1},
		[]any{seen.Items[0].Wave, seen.Items[0].Kind, seen.Items[0].People, seen.Items[0].Applied})

	cases := ask[struct{ Items []shownStaffCase }](t, h, "boss", staffCases+"?kind=invitation").Items
	require.Len(t, cases, 1, "it is a case like others")
	timeline := ask[struct{ Timeline []struct{ Text string } }](t, h, "boss", staffCases+"/"+c.ID.String()).Timeline
	require.Equal(t, "第 1 批：已邀请 2 人", timeline[0].Text)
}

func TestCampaignPages(t *testing.T) {
	t.Parallel()
	h := office(t)
	first := h.campaign(t, campaignForm())
	second := h.campaign(t, campaignForm().with("audience", "everyone"))
	type list struct {
		Items      []shownCampaign
		NextCursor string `json:"next_cursor"`
	}
	page := ask[list](t, h, "boss", invitations+"?limit=1")
	require.Equal(t, second.ID, page.Items[0].ID, "newest first")
	page = ask[list](t, h, "boss", invitations+"?limit=1&cursor="+page.NextCursor)
	require.Equal(t, first.ID, page.Items[0].ID)
	require.Empty(t, page.NextCursor)
	require.Empty(t, ask[list](t, h, "foreigner", invitations).Items)
	m := h.NextMove(campus.CaseRef{Kind: campus.InvitationCase, ID: first.ID}, campus.StageDone, campus.WaitsForNobody)
	m.Outcome, m.Reason, m.Events = campus.Withdrawn, "campaign_cancelled", []campus.Event{{Kind: "campaign_cancelled",
		Actor: campus.System()}}
	_, err := h.Outreach.EndCampaign(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, ask[list](t, h, "boss", invitations+"?open=true").Items, 1)
	ended := ask[shownCampaign](t, h, "boss", invitations+"/"+first.ID.String())
	require.Equal(t, []string{"withdrawn", "邀请活动已由管理员取消。"},
		[]string{ended.Outcome, ended.ReasonText})
	h.campaign(t, campaignForm().with("college", ""))
}

func TestInvitationRefusals(t *testing.T) {
	t.Parallel()
	h := office(t)
	running := h.campaign(t, campaignForm().with("audience", "everyone"))
	h.record(t, campus.Move{Case: campus.CaseRef{Kind: campus.InvitationCase, ID: running.ID}, Version: 1,
		Stage: campus.StageInviting, WaitsFor: campus.WaitsForDate})
	good := campaignForm()
	as := func(who string, c call) call { c.who = who; return c }
	get := func(path string) call { return call{who: "boss", method: "GET", path: path} }
	steer := func(id uuid.UUID, how string) call {
		return call{who: "boss", method: "POST", path: invitations + "/" + id.String() + "/" + how}
	}
	audience := invitations + "/audience?audience=students"
	h.play(t, map[string]scenario{
		"the last day before the first": {campaignCall(good.with("until", "2026-11-16")), 422, "period_backwards", "until"},
		"days that are over": {campaignCall(good.with("from", "2026-11-01").with("until", "2026-11-16")), 422,
			"period_over", "until"},
		"days without an end":      {campaignCall(good.with("until", "2126-11-30")), 422, "period_long", "until"},
		"a day that is none":       {campaignCall(good.with("until", "2026-02-30")), 422, "", ""},
		"no first day":             {campaignCall(good.with("from", nil)), 422, "fields", "from"},
		"an unknown audience":      {campaignCall(good.with("audience", "staff")), 422, "fields", "audience"},
		"an unknown field":         {campaignCall(good.with("size", 9)), 422, "", ""},
		"an audience of nobody":    {campaignCall(good.with("college", "Alchemy")), 409, "audience_empty", ""},
		"a level that has no card": {campaignCall(good.with("level", "kindergarten")), 409, "audience_empty", ""},
		"no key": {campaignCall(good).with("Idempotency-Key", ""), 400, "idempotency_key_missing",
			""},
		"by a reviewer":                  {as("reviewer", campaignCall(good)), 403, "permission_missing", ""},
		"by the card centre":             {as("centre", campaignCall(good)), 403, "permission_missing", ""},
		"by a student":                   {as("student", campaignCall(good)), 403, "", ""},
		"a count without an audience":    {get(invitations + "/audience"), 422, "fields", "audience"},
		"a count of unknown people":      {get(invitations + "/audience?audience=staff"), 422, "fields", "audience"},
		"a count for days gone by":       {get(audience + "&from=2026-11-01&until=2026-11-02"), 422, "period_over", "until"},
		"a count from a day to none":     {get(audience + "&from=2026-11-20"), 422, "field_required", "until"},
		"a count until a day":            {get(audience + "&until=2026-11-20"), 422, "field_required", "from"},
		"a count by a reviewer":          {as("reviewer", get(audience)), 403, "permission_missing", ""},
		"another university's":           {as("foreigner", get(invitations+"/"+running.ID.String())), 404, "", ""},
		"one that nobody has":            {get(invitations + "/" + uuid.NewString()), 404, "", ""},
		"a pause of another's":           {as("foreigner", steer(running.ID, "pause")), 404, "", ""},
		"a pause by a reviewer":          {as("reviewer", steer(running.ID, "pause")), 403, "permission_missing", ""},
		"a pause of one that nobody has": {steer(uuid.New(), "pause"), 404, "", ""},
		"a pause without a key": {steer(running.ID, "pause").with("Idempotency-Key", ""), 400,
			"idempotency_key_missing", ""},
		"a note that is none": {call{who: "boss", method: "POST",
			path: invitations + "/" + running.ID.String() + "/pause", body: `{"note": 9}`}, 422, "fields", "note"},
	})
	require.Equal(t, 202, h.do(t, steer(running.ID, "pause")).status, "Temporal is away; it is carried out later")
	h.play(t, map[string]scenario{
		"a cancellation while the pause is open": {steer(running.ID, "cancellation"), 409, "decision_pending", ""},
	})
}

// The engine is real here: an administrator steers a campaign.
func TestCampaignIsSteered(t *testing.T) {
	t.Parallel()
	l := newLiveTestUnder(t, quick+"invitations: {hours: {from: 0, until: 24}, wave: 1}\n", "one", "two")
	l.hire("boss", storagetest.University, campus.Grant{Role: campus.Administrator})
	today := campus.DateOf(l.Now())
	got := l.do(t, campaignCall(campaignForm().with("from", today.String()).with("until", today.AddDays(9).String())))
	require.Equal(t, 201, got.status, "%s", got.body)
	c := read[shownCampaign](t, got)
	one := invitations + "/" + c.ID.String()
	require.Eventually(t, func() bool { return ask[shownCampaign](t, l.apiTest, "boss", one).Invited == 1 }, patience,
		50*time.Millisecond)
	steer := func(how string) call { return call{who: "boss", method: "POST", path: one + "/" + how} }

	pause := steer("pause").with("Idempotency-Key", "pause-"+c.ID.String())
	require.Equal(t, 202, l.cut.do(t, pause).status)
	require.Equal(t, "paused", l.done(t, pause).Stage)
	require.Equal(t, "paused", l.done(t, pause).Stage, "the same request again gets the first answer")
	foreign, reviewer := steer("resumption"), steer("resumption")
	foreign.who, reviewer.who = "foreigner", "reviewer"
	l.refuse(t, c.ID, map[string]scenario{
		"a pause of what is paused":          {steer("pause"), 409, "wrong_stage", ""},
		"a resumption by another university": {foreign, 404, "", ""},
		"a resumption by one who may not":    {reviewer, 403, "permission_missing", ""},
		"another request under the pause's key": {steer("resumption").with("Idempotency-Key", "pause-"+c.ID.String()), 409,
			"idempotency_key_reused", ""},
	})
	resume := steer("resumption")
	resume.body = `{"note": "线路已恢复"}`
	require.Equal(t, "inviting", l.done(t, resume).Stage)
	timeline := ask[struct {
		Timeline []struct{ Kind, Note, By string }
	}](t, l.apiTest, "boss", staffCases+"/"+c.ID.String()).Timeline
	last := timeline[len(timeline)-1]
	require.Equal(t, []string{"campaign_resumed", "线路已恢复"}, []string{last.Kind, last.Note})
	cancel := steer("cancellation").with("Idempotency-Key", "cancel-"+c.ID.String())
	ended := l.done(t, cancel)
	require.Equal(t, []string{"done", "withdrawn"}, []string{ended.Stage, ended.Outcome})
	require.Equal(t, "done", l.done(t, cancel).Stage)
	l.refuse(t, c.ID, map[string]scenario{"a pause of what has ended": {steer("pause"), 409, "wrong_stage", ""}})
	require.Equal(t, "campaign_cancelled", ask[shownCampaign](t, l.apiTest, "boss", one).Reason)
}
