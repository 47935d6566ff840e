package api_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/school/portrait"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// liveTest is a server on the real Temporal, with a worker and a school.
type liveTest struct {
	*apiTest
	engine   *workflowtest.Engine
	students map[string]workflowtest.Student
	cut      *apiTest // the same house by a server that cannot reach Temporal
}

// quick gives up soon what fails, and not what is slow: the school looks at pictures on a busy machine.
const quick = `
steps: {tries: 2, backoff: 50ms, call: 10s}
identity: {photo_poll: 300ms}
plastic: {poll: 1s}
production: {batches: false}
`

// patience is how long a case may take to come to a stage.
const patience = workflowtest.LongestWait

func newLiveTest(t *testing.T, students ...string) *liveTest {
	t.Helper()
	return newLiveTestUnder(t, quick, students...)
}

// newTownUnder is newTown under another policy.
func newLiveTestUnder(t *testing.T, policy string, students ...string) *liveTest {
	t.Helper()
	e := workflowtest.New(t, policy).Engine()
	return newTownThrough(t, e, e.Client, students...)
}

// newTownThrough is a town whose server and worker reach Temporal through a client of their own.
func newTownThrough(t *testing.T, e *workflowtest.Engine, through client.Client, students ...string) *liveTest {
	t.Helper()
	e.School.Bureau(workflowtest.Fields{"produce_ms": 3_600_000}) // what it reports, the tests report
	l := &liveTest{&apiTest{Env: e.Env.Env, people: map[string]storagetest.Person{}, tokens: &sync.Map{}}, e,
		map[string]workflowtest.Student{}, nil}
	quiet := slog.New(slog.DiscardHandler)
	cfg := config(l.Env)
	server, err := api.New(cfg, e.Store, through, quiet)
	require.NoError(t, err)
	l.serve(t, server)
	other := *l.apiTest
	l.cut, l.patient = &other, true
	deaf, err := api.New(cfg, e.Store, nowhere(t), quiet)
	require.NoError(t, err)
	l.cut.serve(t, deaf)
	e.WorkThrough(through, worker.Config{})
	for _, who := range students {
		l.students[who] = e.Student()
		l.tokens.Store(who, l.SignedIn(l.students[who].ID))
	}
	for who, role := range map[string]campus.Role{"reviewer": campus.Reviewer, "colleague": campus.Reviewer,
		"centre":   campus.CardCentre,
		"operator": campus.Operator, "second operator": campus.Operator, "auditor": campus.Auditor} {
		l.hire(who, storagetest.University, campus.Grant{Role: role})
	}
	l.University("lcvtc")
	l.hire("foreigner", "lcvtc", campus.Grant{Role: campus.Administrator})
	return l
}

type shownDecision struct {
	ID                     uuid.UUID
	Receipt                string
	Status, Stage, Outcome string
	Step                   *struct {
		Step, Outcome, Code string
		Attempt             int
	}
}

// done is a POST that has to work.
func (l *liveTest) done(t *testing.T, c call) shownDecision {
	t.Helper()
	got := l.do(t, c)
	require.Equal(t, 200, got.status, "%s", got.body)
	d := read[shownDecision](t, got)
	require.Equal(t, "done", d.Status)
	return d
}

func (l *liveTest) hand(t *testing.T, who, purpose string, content []byte) uuid.UUID {
	t.Helper()
	c := uploadCall(purpose, "a.jpg", "image/jpeg", content)
	c.who = who
	got := l.do(t, c)
	require.Equal(t, 201, got.status, "%s", got.body)
	return read[struct{ ID uuid.UUID }](t, got).ID
}

// liveness answers a new challenge with frames that have a flaw.
func (l *liveTest) liveness(t *testing.T, who string, flaw portrait.Flaw) fields {
	t.Helper()
	got := l.do(t, call{who: who, method: "POST", path: "/api/v1/me/liveness-challenges"})
	require.Equal(t, 201, got.status, "%s", got.body)
	challenge := read[struct {
		ID      uuid.UUID
		Gesture string
	}](t, got)
	var frames []uuid.UUID
	for _, frame := range portrait.FlawedFrames(l.students[who].Identity, challenge.Gesture, 3, flaw) {
		frames = append(frames, l.hand(t, who, "live_frame", frame))
	}
	return fields{"challenge": challenge.ID, "frames": frames}
}

// applies hands in an application over HTTP.
func (l *liveTest) applies(t *testing.T, who string, flaw portrait.Flaw) uuid.UUID {
	t.Helper()
	s := l.students[who]
	got := l.do(t, applyCall(who, toForm(fields{
		"kiosk": storagetest.EastKiosk,
		"identity_document": fields{"type": "resident_card", "number": s.Document, "expires_on": "2040-01-01",
			"upload": l.hand(t, who, "identity_document", portrait.Document("resident_card", s.Identity))},
		"certificate": fields{"upload": l.hand(t, who, "certificate", portrait.Certificate(s.Identity)),
			"code": s.Certificate},
		"liveness": l.liveness(t, who, flaw),
		"consent":  fields{"biometrics": true, "version": campus.ConsentVersion},
	})))
	require.Equal(t, 201, got.status, "%s", got.body)
	return read[struct{ ID uuid.UUID }](t, got).ID
}

// comes waits until a case has come to a stage, and waits for somebody, and shows it.
func (l *liveTest) comes(t *testing.T, who string, id uuid.UUID, stage, waits string) shownCase {
	t.Helper()
	require.Eventually(t, func() bool {
		c, err := l.Casework.PersonCase(t.Context(), l.students[who].ID, id)
		return err == nil && string(c.Stage) == stage && string(c.WaitsFor) == waits
	}, patience, 20*time.Millisecond, "%s comes to %s", who, stage)
	return ask[shownCase](t, l.apiTest, who, "/api/v1/applications/"+id.String())
}

// reviewed applies and comes before the reviewers; the item is what they decide.
func (l *liveTest) reviewed(t *testing.T, who string) (id, item uuid.UUID) {
	t.Helper()
	id = l.applies(t, who, portrait.NoFlaw)
	l.comes(t, who, id, "review", "reviewer")
	return id, l.item(id)
}

func (l *liveTest) item(id uuid.UUID) uuid.UUID { return l.openItem(campus.CaseRef{ID: id}) }

// refuse plays lines about a case, which stays as it is.
func (l *liveTest) refuse(t *testing.T, id uuid.UUID, table map[string]scenario) {
	t.Helper()
	facts := func() string {
		return storagetest.One[string](l.Env, `select concat(
			(select json_agg(c) from cases c where c.id = $1), (select json_agg(e order by e.id) from events e where e.case_id = $1),
			(select json_agg(w order by w.id) from work_items w where w.case_id = $1), (select json_agg(a) from applications a where a.id = $1),
			(select json_agg(y order by y.id) from liveness_tries y where y.application_id = $1),
			(select json_agg(u order by u.id) from uploads u where u.taken_by = $1))`, id)
	}
	before := facts()
	for name, line := range table {
		t.Run(name, func(t *testing.T) { l.playLine(t, line) })
	}
	require.Equal(t, before, facts(), "something was changed")
}

// The engine is real here: a worker, Temporal, Postgres, and the school in a simulator.
func TestCases(t *testing.T) {
	t.Parallel()
	l := newLiveTest(t, "parked", "skipped", "course", "twice", "bulk 1", "bulk 2", "bulk 3", "bulk 4", "evidence",
		"liveness", "rejected", "withdrawn", "cut")
	t.Run("a parked step waits for staff", l.testParked) // alone, because a system fails for everybody
	for name, test := range map[string]func(*testing.T){
		"the good course":                       l.testCourse,
		"a decision is made once":               l.testTwice,
		"many decisions at once":                l.testBulk,
		"evidence is asked for and brought":     l.testEvidence,
		"another try, and the check in person":  l.testLiveness,
		"a rejection, and another application":  l.testRejection,
		"a withdrawal while it is reviewed":     l.testWithdrawal,
		"Temporal is away, and there once more": l.testCut,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
	}
}

func settlement(id uuid.UUID, step string, body form) call {
	return call{who: "operator", method: "POST", path: staffCases + "/" + id.String() + "/steps/" + step + "/settlement",
		body: string(body)}
}

func (l *liveTest) testParked(t *testing.T) {
	l.engine.School.Fault("carrier", "outage", nil)
	id, skipped := l.applies(t, "parked", portrait.NoFlaw), l.applies(t, "skipped", portrait.NoFlaw)
	l.comes(t, "skipped", skipped, "checking", "operator")
	mine := l.comes(t, "parked", id, "checking", "operator")
	require.Equal(t, "技术人员", mine.WaitsForText)
	for _, event := range mine.Timeline {
		require.NotEqual(t, "step_parked", event.Kind, "that is not the student's to see")
	}
	seen := ask[shownStaffCase](t, l.apiTest, "operator", staffCases+"/"+id.String())
	require.Equal(t, []string{"phone"}, seen.Parked)
	require.NotEmpty(t, seen.CauseText)
	require.Len(t, ask[struct{ Items []shownStaffCase }](t, l.apiTest, "operator", staffCases+"?parked=true").Items, 2)
	var failed int
	for _, a := range seen.Attempts {
		if a.Step == "phone" {
			failed++
			require.Equal(t, []string{"failed", "unavailable"}, []string{a.Outcome, a.Code})
			require.NotContains(t, a.StepText, "step.")
		}
	}
	require.Equal(t, 2, failed, "the policy's tries")
	require.Len(t, seen.WorkItems, 1)
	item := seen.WorkItems[0]
	require.Equal(t, []string{"incident", "phone"}, []string{item.Kind, item.Step})

	l.refuse(t, id, map[string]scenario{
		"an attempt that is not there yet": {settlement(id, "phone", `{"action":"retry","attempt":2}`), 409, "stale_step",
			""},
		"a step that is not parked": {settlement(id, "registry", `{"action":"retry","attempt":1}`), 409,
			"step_not_parked", ""},
		"a step nobody has": {settlement(id, "dance", `{"action":"retry","attempt":1}`), 409,
			"step_not_parked", ""},
		"an activation, much too early": {act("parked", id, "activation"), 409, "wrong_stage", ""},
		"a reopening of what is open":   {act("parked", id, "reopening"), 409, "wrong_stage", ""},
		"another university's operator": {decision("foreigner", item.ID, `{"action":"retry","attempt":1}`), 404, "", ""},
	})
	again := l.done(t, settlement(id, "phone", `{"action":"retry","attempt":1}`))
	require.Equal(t, []string{"failed", "unavailable"}, []string{again.Step.Outcome, again.Step.Code})
	require.Equal(t, 2, again.Step.Attempt)
	l.refuse(t, id, map[string]scenario{
		"the attempt before": {decision("operator", item.ID, `{"action":"retry","attempt":1}`), 409, "stale_step", ""},
	})

	propose := settlement(skipped, "phone", `{"action":"skip","attempt":1,"note":"seen on paper"}`)
	require.Equal(t, "second_person_needed", l.done(t, propose).Step.Outcome)
	l.refuse(t, skipped, map[string]scenario{"the same person twice": {propose, 403, "same_person", ""}})
	propose.who = "second operator"
	require.Equal(t, "skipped", l.done(t, propose).Step.Outcome)
	for _, finding := range l.comes(t, "skipped", skipped, "review", "reviewer").Findings {
		require.Equal(t, finding.Item == "phone", finding.Verdict == "unknown", "%v", finding)
	}

	l.engine.School.Fault("carrier", "none", nil)
	retry := decision("operator", item.ID, `{"action":"retry","attempt":2}`).with("Idempotency-Key", "it-works-again")
	ok := l.done(t, retry)
	require.Equal(t, []string{"phone", "ok"}, []string{ok.Step.Step, ok.Step.Outcome})
	require.Equal(t, ok, l.done(t, retry), "the same again gets the first answer")
	require.Equal(t, ok, ask[shownDecision](t, l.apiTest, "operator", "/api/v1/decisions/"+ok.ID.String()))
	l.comes(t, "parked", id, "review", "reviewer")
	l.refuse(t, id, map[string]scenario{
		"a step that was settled":      {settlement(id, "phone", `{"action":"retry","attempt":3}`), 409, "step_over", ""},
		"an incident that was settled": {decision("operator", item.ID, `{"action":"retry","attempt":3}`), 409, "step_over", ""},
		"a skip of what was settled": {decision("operator", item.ID, `{"action":"skip","attempt":3,"note":"why"}`), 409,
			"already_decided", ""},
	})
	var notes []string
	for _, event := range ask[shownStaffCase](t, l.apiTest, "auditor", staffCases+"/"+skipped.String()).Timeline {
		notes = append(notes, event.Note)
	}
	require.Contains(t, notes, "seen on paper", "colleagues see why")
	require.NotContains(t, string(l.do(t, caseCall("skipped", skipped)).body), "seen on paper")
}

// both is a case as it is told in Chinese and in English: every text is there, in its language.
func (l *liveTest) both(t *testing.T, who string, id uuid.UUID) shownCase {
	t.Helper()
	raw := func(in campus.Language) shownCase { return read[shownCase](t, l.do(t, caseCall(who, id).in(in))) }
	zh, en := raw(campus.Chinese), raw(campus.English)
	for name, texts := range map[string][2]string{"stage": {zh.StageText, en.StageText},
		"waits for": {zh.WaitsForText, en.WaitsForText},
		"next":      {zh.Next.Text, en.Next.Text}} {
		require.True(t, isHan(texts[0]), "%s: %q", name, texts[0])
		require.NotEmpty(t, texts[1], name)
		require.False(t, isHan(texts[1]), "%s: %q", name, texts[1])
	}
	for i, event := range en.Timeline {
		require.True(t, isHan(zh.Timeline[i].Text), zh.Timeline[i].Text)
		require.False(t, isHan(event.Text), event.Text)
		require.NotContains(t, event.Text, "{", "a place is left open")
		require.NotContains(t, event.Text, "event.")
		require.NotContains(t, event.By, "/", "students are not told who it was")
	}
	for i, finding := range en.Findings {
		require.True(t, isHan(zh.Findings[i].ItemText+zh.Findings[i].VerdictText))
		require.False(t, isHan(finding.ItemText+finding.VerdictText))
		require.NotContains(t, finding.ItemText+finding.VerdictText, ".")
	}
	return en
}

func kinds(c shownCase) (kinds []string) {
	for _, event := range c.Timeline {
		kinds = append(kinds, event.Kind)
	}
	return kinds
}

// todo is what the student is told they can do now.
func todo(c shownCase) (actions []string) {
	for _, action := range c.Next.Actions {
		_, name, _ := strings.Cut(action.Href, c.ID.String()+"/")
		actions = append(actions, name)
	}
	return actions
}

func (l *liveTest) testCourse(t *testing.T) {
	const me = "course"
	id, item := l.reviewed(t, me)
	mine := l.both(t, me, id)
	require.NotNil(t, mine.Due, "the student sees by when")
	require.Equal(t, []string{"withdrawal"}, todo(mine))
	require.Len(t, mine.Findings, 6)
	for _, finding := range mine.Findings {
		require.Equal(t, "pass", finding.Verdict, finding.Item)
	}
	require.Equal(t, []string{"applied", "checking", "checked", "liveness_passed", "photo_matched", "review_asked"},
		kinds(mine))

	seen := ask[shownStaffCase](t, l.apiTest, "reviewer", staffCases+"/"+id.String())
	require.Contains(t, seen.TemporalUI, "application%2F"+id.String())
	done := map[string]string{} // on a busy machine a step may take a second try
	for _, a := range seen.Attempts {
		done[a.Step] = a.Outcome
	}
	require.Equal(t, map[string]string{"registry": "ok", "certificate": "ok", "phone": "ok", "liveness": "ok",
		"fetch-photo": "ok", "photo": "ok"}, done)
	require.Len(t, seen.Files, 2, "the frames are gone with the verdict on them")
	require.Equal(t, item, seen.WorkItems[0].ID)

	approved := l.done(t, decision("reviewer", item, approval))
	require.Equal(t, "provisioning", approved.Stage)
	l.comes(t, me, id, "activation", "student")
	mine = l.both(t, me, id)
	require.Equal(t, []string{"activation", "withdrawal"}, todo(mine))
	card := l.card(t, me)
	require.Equal(t, "pending", card.State)
	require.Equal(t, []string{"access", "canteen", "library"}, card.Services)
	require.Empty(t, card.Plastics)

	active := l.done(t, call{who: me, method: mine.Next.Actions[0].Method, path: mine.Next.Actions[0].Href})
	require.Equal(t, []string{"done", "completed"}, []string{active.Stage, active.Outcome})
	mine = l.both(t, me, id)
	require.Equal(t, "completed", mine.Outcome)
	require.Empty(t, todo(mine))
	card = l.card(t, me)
	require.Equal(t, "active", card.State)
	require.Len(t, card.Plastics, 1)
	plastics := ask[struct{ Items []shownCase }](t, l.apiTest, me, "/api/v1/applications?kind=plastic").Items
	require.Len(t, plastics, 1)
	made := plastics[0].ID
	l.comes(t, me, made, "production", "bureau")
	require.NotNil(t, l.both(t, me, made).Due, "what was promised")

	plastic := card.Plastics[0].ID
	body := report(plastic).with("data.order_id",
		storagetest.One[string](l.Env, `select order_id from plastics where id = $1`, plastic))
	require.Equal(t, 204, l.do(t, l.report(body)).status)
	require.Equal(t, "shipped", l.card(t, me).Plastics[0].State)
	require.Equal(t, 204, l.do(t, l.report(body.with("data.status", "delivered").with("data.compartment",
		"B12").with("data.sequence", 4))).status)
	l.comes(t, me, made, "pickup", "student")
	mine = l.both(t, me, made)
	code := mine.Plastic.PickupCode
	require.Len(t, code, 8)
	require.Equal(t, code, l.card(t, me).Plastics[0].PickupCode)

	got := l.do(t, l.pickup(code, l.students[me].Document))
	require.JSONEq(t, `{"plastic":"`+plastic.String()+`","compartment":"B12"}`, string(got.body))
	require.Equal(t, "picked_up", l.card(t, me).Plastics[0].State, "at once, whatever the engine does")
	l.comes(t, me, made, "done", "nobody")
	require.Equal(t, "completed", l.both(t, me, made).Outcome)
	require.Equal(t, 2, len(ask[struct{ Items []shownStaffCase }](t, l.apiTest, "auditor",
		staffCases+"?number="+l.students[me].Number).Items))

	notices := ask[struct {
		Items []struct{ Subject, Text string }
	}](t, l.apiTest, me, "/api/v1/notices").Items
	require.Len(t, notices, 3, "approved, activated, ready")
	require.Contains(t, notices[0].Text, code)
	for _, n := range notices {
		require.True(t, isHan(n.Subject) && isHan(n.Text), "%v", n)
	}
	l.refuse(t, id, map[string]scenario{
		"a withdrawal of a card that is there": {act(me, id, "withdrawal"), 409, "wrong_stage", ""},
		"another application":                  {applyCall(me, toForm(fields{})), 422, "fields", ""},
	})
}

func (l *liveTest) testTwice(t *testing.T) {
	const me = "twice"
	id, item := l.reviewed(t, me)
	l.refuse(t, id, map[string]scenario{
		"the wrong role":          {decision("centre", item, approval), 403, "", ""},
		"the wrong university":    {decision("foreigner", item, approval), 404, "", ""},
		"an activation too early": {act(me, id, "activation"), 409, "wrong_stage", ""},
	})
	approve := decision("reviewer", item, approval).with("Idempotency-Key", "i-approve-"+id.String())
	answers := make([]reply, 4)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = l.do(t, approve) })
	}
	all.Wait()
	for _, got := range answers {
		require.Equal(t, 200, got.status, "%s", got.body)
		require.JSONEq(t, string(answers[0].body), string(got.body), "the same decision again gets the first answer")
	}
	first := read[shownDecision](t, answers[0])
	require.Equal(t, first, ask[shownDecision](t, l.apiTest, "reviewer", "/api/v1/decisions/"+first.ID.String()))
	mine := l.comes(t, me, id, "activation", "student")
	require.Equal(t, 1, strings.Count(strings.Join(kinds(mine), " "), "approved"), "%v", kinds(mine))
	other, foreign := approve, approve
	other.body, foreign.who = `{"action":"reject","reason":"not_entitled"}`, "colleague"
	l.refuse(t, id, map[string]scenario{
		"an approval of what is approved": {decision("reviewer", item, approval), 409, "already_decided", ""},
		"a colleague's rejection of it": {decision("colleague", item, `{"action":"reject","reason":"not_entitled"}`), 409,
			"already_decided", ""},
		"the same key with another body":   {other, 409, "idempotency_key_reused", ""},
		"the same key by another reviewer": {foreign, 409, "idempotency_key_reused", ""},
		"somebody else's decision": {call{who: "colleague", method: "GET",
			path: "/api/v1/decisions/" + first.ID.String()}, 404, "", ""},
		"a reviewer's decision": {call{who: me, method: "GET", path: "/api/v1/decisions/" + first.ID.String()},
			404, "", ""},
	})
	activate := act(me, id, "activation").with("Idempotency-Key", "activate-"+id.String())
	require.Equal(t, l.done(t, activate), l.done(t, activate))
	l.refuse(t, id, map[string]scenario{
		"an activation of what is active": {act(me, id, "activation"), 409, "wrong_stage", ""},
		"a reopening of what is active":   {act(me, id, "reopening"), 409, "wrong_stage", ""},
	})
	require.Len(t, l.card(t, me).Plastics, 1)
}

func (l *liveTest) testBulk(t *testing.T) {
	var ids, items []uuid.UUID
	for _, who := range []string{"bulk 1", "bulk 2", "bulk 3", "bulk 4"} {
		id, item := l.reviewed(t, who)
		ids, items = append(ids, id), append(items, item)
	}
	l.done(t, decision("colleague", items[2], approval))
	require.Equal(t, 200, l.do(t, itemCall("colleague", items[3], "claim", "")).status)
	foreign, unknown := uuid.Must(uuid.NewV7()), uuid.New()
	p := l.PersonOf("lcvtc", registered)
	l.Exec(`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
		values ($1, 'application', 'lcvtc', 'east', $2, 'review', 'reviewer', now(), '1', now())`, foreign, p.ID)
	l.Exec(`insert into work_items (id, case_id, university, campus, kind, opened_at) values ($1, $1, 'lcvtc', 'east', 'review', now())`, foreign)

	list := []fields{}
	for _, id := range []uuid.UUID{items[0], items[1], items[2], items[3], foreign, unknown} {
		list = append(list, fields{"id": id, "action": "approve"})
	}
	list[1] = fields{"id": items[1], "action": "reject", "reason": "certificate_wrong", "note": "请重新上传"}
	many := call{who: "reviewer", method: "POST", path: workItems + "/decisions",
		body: string(toForm(fields{"items": list}))}.
		with("Idempotency-Key", "many-at-once").in(campus.English)
	got := l.do(t, many)
	require.Equal(t, 200, got.status, "%s", got.body)
	type results struct {
		Items []struct {
			ID       uuid.UUID
			Decision *shownDecision
			Problem  *problem
		}
	}
	first := read[results](t, got)
	require.Len(t, first.Items, len(list))
	require.Equal(t, "provisioning", first.Items[0].Decision.Stage)
	require.Equal(t, "closing", first.Items[1].Decision.Stage)
	for i, reason := range map[int]string{2: "already_decided", 3: "claimed_by_another", 4: "", 5: ""} {
		require.Equal(t, list[i]["id"], first.Items[i].ID)
		require.Nil(t, first.Items[i].Decision)
		require.Equal(t, reason, first.Items[i].Problem.Reason, "%s", got.body)
		require.NotEmpty(t, first.Items[i].Problem.Detail)
	}
	require.Equal(t, []int{409, 409, 404, 404},
		[]int{first.Items[2].Problem.Status, first.Items[3].Problem.Status, first.Items[4].Problem.Status,
			first.Items[5].Problem.Status})
	again := read[results](t, l.do(t, many))
	for i := range first.Items[:2] {
		require.Equal(t, first.Items[i], again.Items[i], "the same request again gets the first answers")
	}
	other := many
	other.body = string(toForm(fields{"items": list[:1]}))
	require.Equal(t, "idempotency_key_reused", read[problem](t, l.do(t, other)).Reason)

	l.comes(t, "bulk 1", ids[0], "activation", "student")
	rejected := l.comes(t, "bulk 2", ids[1], "done", "nobody")
	require.Equal(t, "rejected", rejected.Outcome)
	require.Equal(t, "请重新上传", rejected.Note)
	require.Equal(t, "review", l.both(t, "bulk 4", ids[3]).Stage)
}

func (l *liveTest) testEvidence(t *testing.T) {
	const me = "evidence"
	id, item := l.reviewed(t, me)
	bring := func(document, certificate any) call {
		c := act(me, id, "evidence")
		body := fields{}
		if document != nil {
			body["identity_document"] = fields{"upload": document, "never_expires": true}
		}
		if certificate != nil {
			body["certificate"] = fields{"upload": certificate, "code": l.students[me].Certificate}
		}
		c.body = string(toForm(body))
		return c
	}
	fresh := l.hand(t, me, "identity_document", portrait.Document("resident_card", "lcu/better"))
	l.refuse(t, id, map[string]scenario{"evidence nobody asked for": {bring(fresh, nil), 409, "wrong_stage", ""}})
	asked := l.done(t, decision("reviewer", item,
		`{"action":"ask_more","reason":"document_unreadable","note":"请拍得清楚一些"}`))
	require.Equal(t, "evidence", asked.Stage)
	mine := l.both(t, me, id)
	require.Equal(t, []string{"evidence", "document_unreadable", "请拍得清楚一些"},
		[]string{mine.Stage, mine.Reason, mine.Note})
	require.NotEmpty(t, mine.ReasonText)
	require.Equal(t, []string{"evidence", "withdrawal"}, todo(mine))
	theirs := l.hand(t, "parked", "identity_document", portrait.Document("resident_card", "lcu/other"))
	wrong := l.hand(t, me, "certificate", portrait.Certificate("lcu/better"))
	l.refuse(t, id, map[string]scenario{
		"a review of what is not reviewed": {decision("reviewer", item, approval), 409, "already_decided", ""},
		"somebody else's document":         {bring(theirs, nil), 422, "upload_missing", "identity_document.upload"},
		"a certificate as document":        {bring(wrong, nil), 422, "upload_missing", "identity_document.upload"},
		"a good one with one that is none": {bring(fresh, uuid.New()), 422, "upload_missing", "certificate.upload"},
	})
	l.done(t, bring(fresh, wrong))
	l.comes(t, me, id, "review", "reviewer")
	require.Contains(t, kinds(l.both(t, me, id)), "evidence_brought")
	require.NotEqual(t, item, l.item(id))
	l.refuse(t, id, map[string]scenario{
		"an approval of what was there before": {decision("reviewer", item, approval), 409, "already_decided", ""},
	})
}

func (l *liveTest) testLiveness(t *testing.T) {
	const me = "liveness"
	id := l.applies(t, me, portrait.TooDark)
	mine := l.comes(t, me, id, "liveness", "student")
	require.Equal(t, "too_dark", mine.Reason)
	require.NotEmpty(t, l.both(t, me, id).ReasonText)
	require.Equal(t, []string{"liveness-tries", "counter-check", "withdrawal"}, todo(mine))
	try := func(body fields) call {
		c := act(me, id, "liveness-tries")
		c.body = string(toForm(body))
		return c
	}
	dark := l.liveness(t, me, portrait.TooDark)
	foreign := l.liveness(t, "parked", portrait.NoFlaw)
	l.refuse(t, id, map[string]scenario{
		"somebody else's challenge": {try(fields{"challenge": foreign["challenge"], "frames": dark["frames"]}), 422,
			"challenge_unusable", "challenge"},
		"somebody else's frames": {try(fields{"challenge": dark["challenge"], "frames": foreign["frames"]}), 422,
			"upload_missing", "frames"},
		"a challenge nobody gave": {try(fields{"challenge": uuid.New(), "frames": dark["frames"]}), 422,
			"challenge_unusable", "challenge"},
		"one frame": {try(fields{"challenge": dark["challenge"],
			"frames": dark["frames"].([]uuid.UUID)[:1]}), 422, "fields", "frames"},
	})
	l.done(t, try(dark))
	require.Equal(t, "liveness", l.comes(t, me, id, "liveness", "student").Stage)
	l.refuse(t, id, map[string]scenario{"a challenge that was used": {try(dark), 422, "challenge_unusable", "challenge"}})

	require.Equal(t, "in_person", l.done(t, act(me, id, "counter-check")).Stage)
	item := l.item(id)
	l.refuse(t, id, map[string]scenario{
		"a verdict by a reviewer":   {decision("reviewer", item, `{"action":"pass"}`), 403, "", ""},
		"a try, once at the desk":   {try(l.liveness(t, me, portrait.NoFlaw)), 409, "wrong_stage", ""},
		"a check that is chosen":    {act(me, id, "counter-check"), 409, "wrong_stage", ""},
		"an approval at the desk":   {decision("centre", item, approval), 422, "action_unknown", "action"},
		"another university's desk": {decision("foreigner", item, `{"action":"pass"}`), 404, "", ""},
	})
	l.refuse(t, id, map[string]scenario{
		"a pass for somebody not seen": {decision("centre", item, `{"action":"pass"}`), 403, "verification_missing", ""},
	})
	l.seen(t, me)
	require.Equal(t, "review", l.done(t, decision("centre", item, `{"action":"pass"}`)).Stage)
	require.NotEmpty(t, ask[shownStaffCase](t, l.apiTest, "reviewer", staffCases+"/"+id.String()).Attempts)
}

func (l *liveTest) testRejection(t *testing.T) {
	const me = "rejected"
	id, item := l.reviewed(t, me)
	l.done(t, decision("reviewer", item, `{"action":"reject","reason":"not_entitled","note":"见附件"}`))
	l.comes(t, me, id, "done", "nobody")
	mine := l.both(t, me, id)
	require.Equal(t, []string{"rejected", "not_entitled", "见附件"}, []string{mine.Outcome, mine.Reason, mine.Note})
	require.NotEmpty(t, mine.OutcomeText)
	require.Empty(t, ask[shownStaffCase](t, l.apiTest, "reviewer", staffCases+"/"+id.String()).Files,
		"the pictures are gone")
	l.refuse(t, id, map[string]scenario{
		"a withdrawal of what is closed": {act(me, id, "withdrawal"), 409, "wrong_stage", ""},
		"an activation without a card":   {act(me, id, "activation"), 409, "wrong_stage", ""},
	})
	l.reviewed(t, me)
	require.Len(t, ask[struct{ Items []shownCase }](t, l.apiTest, me, "/api/v1/applications").Items, 2)
}

func (l *liveTest) testWithdrawal(t *testing.T) {
	const me = "withdrawn"
	id, item := l.reviewed(t, me)
	back := act(me, id, "withdrawal").with("Idempotency-Key", "back-"+id.String())
	got := l.done(t, back)
	require.Equal(t, "withdrawn", got.Outcome)
	require.Equal(t, got, l.done(t, back))
	require.Equal(t, "withdrawn", l.both(t, me, id).Outcome)
	l.refuse(t, id, map[string]scenario{
		"a withdrawal of what was withdrawn": {act(me, id, "withdrawal"), 409, "wrong_stage", ""},
		"an approval of what was withdrawn":  {decision("reviewer", item, approval), 409, "already_decided", ""},
	})
}

func (l *liveTest) testCut(t *testing.T) {
	const me = "cut"
	id, item := l.reviewed(t, me)
	approve := decision("reviewer", item, approval).with("Idempotency-Key", "approve-"+id.String())
	dead := *l
	dead.apiTest = l.cut
	dead.refuse(t, id, map[string]scenario{"a decision that nobody can take yet": {approve, 202, "", ""}})
	require.Equal(t, "review", l.both(t, me, id).Stage)
	require.Equal(t, "provisioning", l.done(t, approve).Stage, "the same key works once it is back")
	l.comes(t, me, id, "activation", "student")
	kept := l.cut.do(t, approve)
	require.Equal(t, 200, kept.status, "what is known is answered without it")
}
