package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

const staffCases, workItems = "/api/v1/staff/cases", "/api/v1/staff/work-items"

func itemCall(who string, item uuid.UUID, action string, body form) call {
	return call{who: who, method: "POST", path: workItems + "/" + item.String() + "/" + action, body: string(body)}
}

func decision(who string, item uuid.UUID, body form) call {
	return itemCall(who, item, "decision", body)
}

const approval = form(`{"action":"approve"}`)

// hireAll makes one of each role, and some who work elsewhere.
func (h *apiTest) hireAll() {
	for who, grant := range map[string]campus.Grant{
		"production": {Role: campus.Production}, "operator": {Role: campus.Operator}, "auditor": {Role: campus.Auditor},
		"administrator": {Role: campus.Administrator}, "colleague": {Role: campus.Reviewer},
		"west":          {Role: campus.Reviewer, Campuses: []string{storagetest.WestCampus}},
		"west operator": {Role: campus.Operator, Campuses: []string{storagetest.WestCampus}},
	} {
		h.hire(who, storagetest.University, grant)
	}
	h.hire("foreigner", "lcvtc", campus.Grant{Role: campus.Administrator})
	h.hire("mixed", storagetest.University, campus.Grant{Role: campus.Auditor},
		campus.Grant{Role: campus.Reviewer, Campuses: []string{storagetest.WestCampus}})
}

type shownItem struct {
	ID         uuid.UUID
	CaseID     uuid.UUID `json:"case_id"`
	Kind, Step string
	KindText   string     `json:"kind_text"`
	StepText   string     `json:"step_text"`
	StageText  string     `json:"stage_text"`
	CauseText  string     `json:"cause_text"`
	ReasonText string     `json:"reason_text"`
	ClaimedBy  *uuid.UUID `json:"claimed_by"`
	Attempt    int
}

type shownStaffCase struct {
	shownCase
	PersonID   uuid.UUID `json:"person_id"`
	Parked     []string
	CauseText  string `json:"cause_text"`
	TemporalUI string `json:"temporal_ui"`
	Flagged    string
	Attempts   []struct {
		Step, Outcome, Code string
		Attempt             int
		StepText            string `json:"step_text"`
	}
	WorkItems []shownItem `json:"work_items"`
	Files     []struct {
		ID          uuid.UUID
		Purpose     string
		ContentType string `json:"content_type"`
	}
}

// Cases, items, files and people of other universities and campuses do not exist for somebody (A0).
func TestStaffSeeTheirOwn(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	ref, item := h.inReview(t, "student")
	h.enrol("other student")
	elsewhere, _ := h.inReview(t, "other student")
	seen := ask[shownStaffCase](t, h, "reviewer", staffCases+"/"+ref.ID.String())
	file := seen.Files[0].ID
	path := func(p string, ids ...any) string { return "/api/v1/staff/" + fmt.Sprintf(p, ids...) }
	settlement := `{"action":"retry","attempt":1}`
	table := map[string]scenario{}
	for _, who := range []string{"foreigner", "west"} {
		for name, c := range map[string][2]call{
			"case": {{method: "GET", path: path("cases/%s", ref.ID)}, {method: "GET", path: path("cases/%s", uuid.New())}},
			"item": {{method: "GET", path: path("work-items/%s", item)},
				{method: "GET", path: path("work-items/%s", uuid.New())}},
			"claim":    {itemCall(who, item, "claim", ""), itemCall(who, uuid.New(), "claim", "")},
			"release":  {itemCall(who, item, "release", ""), itemCall(who, uuid.New(), "release", "")},
			"decision": {decision(who, item, approval), decision(who, uuid.New(), approval)},
			"file": {{method: "GET", path: path("cases/%s/files/%s", ref.ID, file)},
				{method: "GET", path: path("cases/%s/files/%s", uuid.New(), file)}},
			"person": {{method: "GET", path: path("people/%s", h.holder.ID)},
				{method: "GET", path: path("people/%s", uuid.New())}},
		} {
			c[0].who, c[1].who = who, who
			table["the "+name+" for the "+who] = scenario{c[0], 404, "", ""}
			h.sameAsAbsent(t, c[0], c[1])
		}
	}
	for _, who := range []string{"foreigner", "west operator"} {
		table["the step for the "+who] = scenario{call{who: who, method: "POST",
			path: path("cases/%s/steps/carrier/settlement", ref.ID), body: settlement}, 404, "", ""}
	}
	table["a file of another case"] = scenario{call{who: "reviewer", method: "GET",
		path: path("cases/%s/files/%s", elsewhere.ID, file)}, 404, "", ""}
	h.sameAsAbsent(t, table["a file of another case"].call,
		call{who: "reviewer", method: "GET", path: path("cases/%s/files/%s", elsewhere.ID, uuid.New())})
	table["a file nobody has"] = scenario{call{who: "reviewer", method: "GET",
		path: path("cases/%s/files/%s", ref.ID, uuid.New())}, 404, "upload_unknown", ""}
	table["a file for who may not read people"] = scenario{call{who: "auditor", method: "GET",
		path: path("cases/%s/files/%s", ref.ID, file)}, 403, "permission_missing", ""}
	table["a file for who may elsewhere"] = scenario{call{who: "mixed", method: "GET",
		path: path("cases/%s/files/%s", ref.ID, file)}, 403, "", ""}
	table["a person for who may elsewhere"] = scenario{call{who: "mixed", method: "GET",
		path: path("people/%s", h.holder.ID)}, 404, "", ""}
	h.play(t, table)
	require.Empty(t, ask[struct{ Items []shownStaffCase }](t, h, "foreigner", staffCases).Items)
	require.Empty(t, ask[struct{ Items []shownItem }](t, h, "west", workItems).Items)
}

func TestStaffLooksAreAudited(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	ref, _ := h.inReview(t, "student")
	looks := func(action, subject string) int {
		return storagetest.One[int](h.Env,
			`select count(*) from audit where action = $1 and subject = $2 and actor = $3 and university = 'lcu'`,
			action, subject, "staff/"+h.reviewer.ID.String())
	}
	c := ask[shownStaffCase](t, h, "reviewer", staffCases+"/"+ref.ID.String())
	require.Equal(t, "http://temporal.example/namespaces/test/workflows/application%2F"+ref.ID.String(), c.TemporalUI)
	require.Len(t, c.WorkItems, 1)
	require.Len(t, c.Files, 4)
	require.NotEmpty(t, c.Timeline)
	require.Empty(t, c.Attempts)
	require.Equal(t, "无需操作，请等待审核结果。", c.Next.Text, "what the holder reads")
	raw := h.do(t, call{who: "reviewer", method: "GET", path: staffCases + "/" + ref.ID.String()})
	for _, personal := range []string{h.holder.Roster.Name, h.holder.Roster.Number, h.holder.Roster.DocumentNumber,
		h.holder.Roster.Phone} {
		require.NotContains(t, string(raw.body), personal, "a case says nothing about who it is")
	}

	person := ask[struct{ Name, Number, Phone, University string }](t, h, "reviewer",
		"/api/v1/staff/people/"+h.holder.ID.String())
	require.Equal(t, []string{h.holder.Roster.Name, h.holder.Roster.Number, "lcu"},
		[]string{person.Name, person.Number, person.University})
	require.Equal(t, 1, looks("person.read", "person/"+h.holder.ID.String()))

	file := h.do(t, call{who: "reviewer", method: "GET",
		path: staffCases + "/" + ref.ID.String() + "/files/" + c.Files[0].ID.String()})
	require.Equal(t, 200, file.status)
	require.Equal(t, storagetest.JPEG(64, 48), file.body)
	require.Equal(t, []string{"image/jpeg", "no-store", "nosniff"},
		[]string{file.header.Get("Content-Type"), file.header.Get("Cache-Control"),
			file.header.Get("X-Content-Type-Options")})
	require.Equal(t, 1, looks("evidence.read", "upload/"+c.Files[0].ID.String()))

	require.NoError(t, h.Cards.ForgetUploads(t.Context(), []uuid.UUID{c.Files[0].ID}))
	require.Len(t, ask[shownStaffCase](t, h, "reviewer", staffCases+"/"+ref.ID.String()).Files, 3)
	h.play(t, map[string]scenario{"a file that was deleted": {call{who: "reviewer", method: "GET",
		path: staffCases + "/" + ref.ID.String() + "/files/" + c.Files[0].ID.String()}, 404, "file_gone", ""}})
}

func TestClaims(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	ref, item := h.inReview(t, "student")
	path := workItems + "/" + item.String()
	free := func(who, query string) int {
		return len(ask[struct{ Items []shownItem }](t, h, who, workItems+"?"+query).Items)
	}
	require.Equal(t, []int{1, 0}, []int{free("reviewer", "free=true"), free("reviewer", "mine=true")})
	claim := itemCall("reviewer", item, "claim", "").with("Idempotency-Key", "i-take-this-one")
	got := h.do(t, claim)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, h.reviewer.ID, *read[shownItem](t, got).ClaimedBy)
	require.Equal(t, string(got.body), string(h.do(t, claim).body))
	require.Equal(t, 200, h.do(t, itemCall("reviewer", item, "claim", "")).status, "one's own stays one's own")
	require.Equal(t, []int{0, 1, 0},
		[]int{free("reviewer", "free=true"), free("reviewer", "mine=true"), free("colleague", "mine=true")})
	require.Equal(t, h.reviewer.ID, *ask[shownItem](t, h, "colleague", path).ClaimedBy)

	h.enrol("closed")
	_, closed := h.inReview(t, "closed")
	h.Exec(`update work_items set closed_at = now() where id = $1`, closed)
	h.play(t, map[string]scenario{
		"a claim of another's":         {itemCall("colleague", item, "claim", ""), 409, "claimed_by_another", ""},
		"a release of another's":       {itemCall("colleague", item, "release", ""), 409, "claimed_by_another", ""},
		"a decision about another's":   {decision("colleague", item, approval), 409, "claimed_by_another", ""},
		"a claim without the right":    {itemCall("production", item, "claim", ""), 403, "", ""},
		"a release without the right":  {itemCall("operator", item, "release", ""), 403, "", ""},
		"a claim of what is decided":   {itemCall("reviewer", closed, "claim", ""), 409, "already_decided", ""},
		"a release of what is decided": {itemCall("reviewer", closed, "release", ""), 409, "already_decided", ""},
		"a claim without a key": {itemCall("reviewer", item, "claim", "").with("Idempotency-Key", ""), 400,
			"idempotency_key_missing", ""},
		"a claim under another's key": {itemCall("colleague", item, "claim", "").with("Idempotency-Key",
			"i-take-this-one"), 409, "idempotency_key_reused", ""},
		"a release under a claim's key": {itemCall("reviewer", item, "release", "").with("Idempotency-Key",
			"i-take-this-one"), 409, "idempotency_key_reused", ""},
		"a claim of what has no such id": {itemCall("reviewer", uuid.Nil, "claim", ""), 404, "", ""},
	})
	require.Equal(t, 200, h.do(t, itemCall("reviewer", item, "release", "")).status)
	require.Nil(t, ask[shownItem](t, h, "colleague", path).ClaimedBy)
	require.Equal(t, 200, h.do(t, itemCall("reviewer", item, "release", "")).status, "nobody's may be let go")
	require.Equal(t, 200, h.do(t, itemCall("colleague", item, "claim", "")).status)
	require.Equal(t, []int{2, 1}, []int{
		storagetest.One[int](h.Env, `select count(*) from audit where action = 'work_item.claim' and actor = $1`,
			"staff/"+h.reviewer.ID.String()),
		storagetest.One[int](h.Env, `select count(*) from audit where action = 'work_item.release'`)})
	require.Equal(t, "review", ask[shownStaffCase](t, h, "reviewer", staffCases+"/"+ref.ID.String()).Stage)
}

// What does not fit is refused before any workflow is asked: Temporal is not there.
func TestDecisionRefusals(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	ref, review := h.inReview(t, "student")
	h.record(t, campus.Move{Case: ref, Version: 2, Stage: campus.StageChecking, WaitsFor: campus.WaitsForOperator,
		Parked: []string{"phone"}, Cause: campus.Refused,
		Opens: []campus.NewWorkItem{{Kind: campus.IncidentItem, Step: "phone", Attempt: 2, Cause: campus.Refused,
			Reason: "a_word_of_theirs"}}})
	incident := h.openItem(ref)
	h.record(t, campus.Move{Case: ref, Version: 3, Stage: campus.StageInPerson, WaitsFor: campus.WaitsForCardCentre,
		Opens: []campus.NewWorkItem{{Kind: campus.InPersonItem, Reason: "chosen"}}})
	person := h.openItem(ref)
	h.record(t, campus.Move{Case: ref, Version: 4, Stage: campus.StageInPerson, WaitsFor: campus.WaitsForCardCentre,
		Opens: []campus.NewWorkItem{{Kind: campus.OverdueItem, Reason: "promise_in_danger"}}})
	overdue := h.openItem(ref)

	settle := func(who string, body form) call {
		return call{who: who, method: "POST", path: staffCases + "/" + ref.ID.String() + "/steps/phone/settlement",
			body: string(body)}
	}
	rejection := form(`{"action":"reject","reason":"photo_unclear","note":"please"}`)
	h.play(t, map[string]scenario{
		"a review by the card centre":       {decision("centre", review, approval), 403, "", ""},
		"a review by an operator":           {decision("operator", review, approval), 403, "", ""},
		"a review by an auditor":            {decision("auditor", review, approval), 403, "", ""},
		"a review by a reviewer of another": {decision("mixed", review, approval), 403, "", ""},
		"a check in person by a reviewer":   {decision("reviewer", person, `{"action":"pass"}`), 403, "", ""},
		"an incident by a reviewer":         {decision("reviewer", incident, `{"action":"retry","attempt":2}`), 403, "", ""},
		"an overdue card by a reviewer":     {decision("reviewer", overdue, `{"action":"acknowledge"}`), 403, "", ""},
		"a review that passes": {decision("reviewer", review, `{"action":"pass"}`), 422, "action_unknown",
			"action"},
		"a review that retries": {decision("reviewer", review, `{"action":"retry","attempt":1}`), 422,
			"action_unknown", "action"},
		"a review that does what?":   {decision("reviewer", review, `{"action":"perhaps"}`), 422, "fields", "action"},
		"a review that does nothing": {decision("reviewer", review, `{}`), 422, "fields", "action"},
		"an approval with a reason": {decision("reviewer", review,
			`{"action":"approve","reason":"document_wrong"}`), 422, "field_misplaced", "reason"},
		"an approval of an attempt": {decision("reviewer", review, `{"action":"approve","attempt":2}`), 422,
			"field_misplaced", "attempt"},
		"a retry with a note nobody reads": {decision("operator", incident, `{"action":"retry","attempt":2,"note":"x"}`),
			422, "field_misplaced", "note"},
		"a settlement with such a note": {settle("operator", `{"action":"retry","attempt":2,"note":"x"}`), 422,
			"field_misplaced", "note"},
		"a note about what was seen": {decision("production", overdue, `{"action":"acknowledge","note":"x"}`), 422,
			"field_misplaced", "note"},
		"a check in person with a reason": {decision("centre", person, `{"action":"fail","reason":"other"}`), 422,
			"field_misplaced", "reason"},
		"a skip with a reason": {decision("operator", incident,
			`{"action":"skip","attempt":2,"note":"x","reason":"other"}`), 422, "field_misplaced", "reason"},
		"a review of much": {decision("reviewer", review, `{"action":"approve","grade":1}`), 422, "fields",
			"grade"},
		"a rejection without a reason": {decision("reviewer", review, `{"action":"reject"}`), 422, "reason_unknown",
			"reason"},
		"a rejection for a reason of mine": {decision("reviewer", review, rejection.with("reason", "i_dislike_it")), 422,
			"reason_unknown", "reason"},
		"a request for more without reason": {decision("reviewer", review, `{"action":"ask_more"}`), 422, "reason_unknown",
			"reason"},
		"a note that is a book": {decision("reviewer", review,
			approval.with("note", strings.Repeat("字", 1001))), 422, "fields", "note"},
		"a note with a NUL": {decision("reviewer", review, approval.with("note", "\x00")), 400,
			"text_invalid", ""},
		"a check in person that approves":  {decision("centre", person, approval), 422, "action_unknown", "action"},
		"an overdue card that is approved": {decision("production", overdue, approval), 422, "action_unknown", "action"},
		"a retry of which attempt?": {decision("operator", incident, `{"action":"retry"}`), 422, "attempt_missing",
			"attempt"},
		"a retry of the attempt before all": {decision("operator", incident, `{"action":"retry","attempt":0}`), 422,
			"fields", "attempt"},
		"a skip without saying why": {decision("operator", incident, `{"action":"skip","attempt":2}`), 422,
			"note_missing", "note"},
		"an abort without saying why": {decision("operator", incident, `{"action":"abort","attempt":2}`), 422,
			"note_missing", "note"},
		"a settlement by a reviewer": {settle("reviewer", `{"action":"retry","attempt":2}`), 403,
			"permission_missing", ""},
		"a settlement without attempt": {settle("operator", `{"action":"retry"}`), 422, "fields", "attempt"},
		"a settlement that approves": {settle("operator", `{"action":"approve","attempt":2}`), 422, "fields",
			"action"},
		"a settlement without saying why": {settle("operator", `{"action":"skip","attempt":2}`), 422, "note_missing",
			"note"},
		"a decision without a key": {decision("reviewer", review, approval).with("Idempotency-Key", ""), 400,
			"idempotency_key_missing", ""},
		"a decision that is no JSON": {decision("reviewer", review, `approve`), 400, "json_malformed", ""},
		"many decisions about nothing": {call{who: "reviewer", method: "POST", path: workItems + "/decisions",
			body: `{"items":[]}`}, 422, "fields", "items"},
		"many decisions about one item": {call{who: "reviewer", method: "POST", path: workItems + "/decisions",
			body: string(toForm(fields{"items": []fields{{"id": review, "action": "approve"},
				{"id": review, "action": "reject", "reason": "other"}}}))}, 422, "field_unique", "items"},
		"somebody's decision, unknown to me": {call{who: "reviewer", method: "GET",
			path: "/api/v1/decisions/" + uuid.NewString()}, 404, "", ""},
	})

	many := h.do(t, call{who: "operator", method: "POST", path: workItems + "/decisions",
		body: string(toForm(fields{"items": []fields{
			{"id": review, "action": "approve"}, {"id": incident, "action": "retry", "attempt": 2, "note": "x"}}}))})
	told := read[struct{ Items []struct{ Problem problem } }](t, many).Items
	require.Equal(t, "permission_missing", told[0].Problem.Reason, "%s", many.body)
	require.Equal(t, "body.items[1].note", told[1].Problem.Errors[0].Location, "%s", many.body)

	items := ask[struct{ Items []shownItem }](t, h, "administrator", workItems).Items
	require.Len(t, items, 4)
	for _, item := range items {
		require.NotContains(t, item.KindText+item.StepText+item.StageText+item.CauseText+item.ReasonText, ".",
			"a text is missing: %v", item)
	}
	require.NotEmpty(t, items[1].CauseText, "why the step is parked")
	for who, kinds := range map[string]int{"reviewer": 1, "centre": 2, "production": 1, "operator": 1, "auditor": 0} {
		require.Len(t, ask[struct{ Items []shownItem }](t, h, who, workItems).Items, kinds, who)
	}
	require.Len(t, ask[struct{ Items []shownItem }](t, h, "administrator", workItems+"?kind=incident").Items, 1)

	seen := decision("production", overdue, `{"action":"acknowledge"}`).with("Idempotency-Key", "seen-it-myself")
	got := h.do(t, seen)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, string(got.body), string(h.do(t, seen).body))
	h.play(t, map[string]scenario{"an overdue card that was seen": {decision("production", overdue,
		`{"action":"acknowledge"}`), 409, "already_decided", ""}})
}

// A4: a reviewer is offered what is on this applicant's list, and asks for nothing else.
func TestReviewersAskForWhatCanBeBrought(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	ref, review := h.inReview(t, "student")
	all := campus.ReviewReasons(campus.Reject, campus.StudentRoute, campus.Foreign)
	for _, route := range []campus.Route{campus.StudentRoute, campus.FreshmanRoute, campus.StaffRoute} {
		for _, category := range []campus.Category{campus.Mainland, campus.HongKongMacau, campus.Taiwan, campus.Foreign} {
			h.Exec(`update people set category = $1 where id = $2`, category, h.holder.ID)
			h.Exec(`update applications set route = $1 where id = $2`, route, ref.ID)
			item := ask[struct {
				RejectReasons []struct{ Reason, Text string } `json:"reject_reasons"`
				AskReasons    []struct{ Reason, Text string } `json:"ask_reasons"`
			}](t, h, "reviewer", workItems+"/"+review.String())
			for action, offered := range map[campus.ReviewAction][]struct {
				Reason,
				Text string
			}{campus.Reject: item.RejectReasons, campus.AskMore: item.AskReasons} {
				var reasons []string
				for _, reason := range offered {
					require.NotEmpty(t, reason.Text)
					reasons = append(reasons, reason.Reason)
				}
				require.Equal(t, campus.ReviewReasons(action, route, category), reasons)
				refused := map[string]scenario{}
				for _, reason := range all {
					if !slices.Contains(reasons, reason) {
						body := form(`{}`).with("action", action).with("reason", reason)
						refused[fmt.Sprint(route, " ", category, " ", action, " ", reason)] = scenario{decision("reviewer", review,
							body), 422, "reason_does_not_fit", "reason"}
					}
				}
				h.play(t, refused)
			}
		}
	}
	h.Exec(`update people set category = $1 where id = $2`, campus.Foreign, h.holder.ID)
	h.Exec(`update applications set route = $1 where id = $2`, campus.StudentRoute, ref.ID)
	require.Equal(t, 202, h.do(t, decision("reviewer", review, `{"action":"ask_more","reason":"letter_wrong"}`)).status,
		"on the list")
}

func TestLists(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	lists := map[string]string{"/api/v1/applications": "student", "/api/v1/cards": "student",
		"/api/v1/notices": "student", workItems: "reviewer", staffCases: "reviewer"}
	for path, who := range lists {
		got := h.do(t, call{who: who, method: "GET", path: path})
		require.JSONEq(t, `{"items":[]}`, string(got.body), path)
		if path == "/api/v1/cards" {
			continue
		}
		get := func(query string) call { return call{who: who, method: "GET", path: path + "?" + query} }
		h.play(t, map[string]scenario{
			path + ": none at a time":     {get("limit=0"), 422, "fields", "limit"},
			path + ": too many at a time": {get("limit=101"), 422, "fields", "limit"},
			path + ": some at a time":     {get("limit=some"), 422, "fields", "limit"},
			path + ": a cursor of mine":   {get("cursor=abc"), 422, "cursor_invalid", ""},
			path + ": a cursor of JSON":   {get("cursor=eyJhIjoxfQ"), 422, "cursor_invalid", ""},
			path + ": something unasked":  {get("page=2"), 422, "fields", "page"},
		})
	}
	var refs []uuid.UUID
	for i := range 5 {
		who := fmt.Sprint("student ", i)
		h.enrol(who)
		ref, _ := h.inReview(t, who)
		refs = append(refs, ref.ID)
	}
	for range 2 {
		ref := h.apply(t, "student")
		require.Equal(t, 200, h.do(t, act("student", ref.ID, "withdrawal")).status)
	}
	h.apply(t, "student")
	byCase := func(item shownItem) uuid.UUID { return item.CaseID }
	require.Equal(t, refs, walk(t, h, "reviewer", workItems+"?limit=2", []int{2, 2, 1}, byCase), "oldest first")
	id := func(c shownCase) uuid.UUID { return c.ID }
	all := walk(t, h, "reviewer", staffCases+"?limit=4", []int{4, 4}, id)
	require.Equal(t, refs[4], all[3], "newest first")
	require.Equal(t, all[:3], walk(t, h, "student", "/api/v1/applications?limit=2", []int{2, 1}, id))
	for query, count := range map[string]int{
		"stage=review": 5, "waits_for=reviewer": 5, "waits_for=engine": 1, "open=true": 6, "kind=plastic": 0, "kind=application": 8,
		"campus=east": 8, "campus=west": 0, "parked=true": 0, "number=" + h.holder.Roster.Number: 3, "number=0": 0,
		"open=true&number=" + h.holder.Roster.Number: 1,
	} {
		require.Len(t, ask[struct{ Items []shownCase }](t, h, "reviewer", staffCases+"?"+query).Items, count, query)
	}
	h.play(t, map[string]scenario{
		"cases of a kind nobody knows": {call{who: "reviewer", method: "GET", path: staffCases + "?kind=loss"}, 422,
			"fields", "kind"},
		"cases at a stage of no case": {call{who: "reviewer", method: "GET", path: staffCases + "?stage=zzz"}, 422,
			"stage_unknown", "stage"},
		"cases that wait for a ghost": {call{who: "reviewer", method: "GET", path: staffCases + "?waits_for=ghost"}, 422,
			"fields", "waits_for"},
		"items of a kind nobody knows": {call{who: "reviewer", method: "GET", path: workItems + "?kind=loss"}, 422, "fields",
			"kind"},
		"parked, perhaps": {call{who: "reviewer", method: "GET", path: staffCases + "?parked=perhaps"}, 422,
			"fields", "parked"},
	})
}

// walk reads a list page by page, each as long as it should be.
func walk[T any, K comparable](t *testing.T, h *apiTest, who, path string, pages []int, key func(T) K) (keys []K) {
	t.Helper()
	cursor := ""
	for _, length := range pages {
		page := ask[struct {
			Items      []T
			NextCursor string `json:"next_cursor"`
		}](t, h, who, path+cursor)
		require.Len(t, page.Items, length)
		for _, item := range page.Items {
			require.NotContains(t, keys, key(item), "nothing comes twice")
			keys = append(keys, key(item))
		}
		cursor = "&cursor=" + page.NextCursor
	}
	require.Equal(t, "&cursor=", cursor, "the last page has no next")
	return keys
}
