package api_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// open is a decision that was answered with 202, and how whoever made it looks at it.
func (h *apiTest) open(t *testing.T, c call) (shownDecision, call) {
	t.Helper()
	got := h.do(t, c)
	require.Equal(t, 202, got.status, "%s", got.body)
	d := read[shownDecision](t, got)
	require.Equal(t, "running", d.Status)
	require.Equal(t, "/api/v1/decisions/"+d.ID.String(), got.header.Get("Location"))
	return d, call{who: c.who, method: "GET", path: got.header.Get("Location")}
}

// What a request has decided is its answer, whatever stands against deciding it by now.
func TestDecisionIsKept(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.enrol("other student")
	_, item := h.inReview(t, "student")
	approve := decision("reviewer", item, approval).with("Idempotency-Key", "an-approval")
	first, look := h.open(t, approve)
	theirs := look
	theirs.who = "colleague"
	require.Equal(t, 200, h.do(t, itemCall("colleague", item, "claim", "")).status)
	h.play(t, map[string]scenario{
		"the same again, claimed by a colleague": {approve, 202, "", ""},
		"a look at it":                           {look, 202, "", ""},
		"a colleague's look at it":               {theirs, 404, "", ""},
		"another of mine":                        {decision("reviewer", item, approval), 409, "claimed_by_another", ""},
		"the colleague's":                        {decision("colleague", item, approval), 409, "decision_pending", ""},
		"another body under the key": {decision("reviewer", item,
			`{"action":"ask_more","reason":"phone_changed"}`).with("Idempotency-Key", "an-approval"), 409, "idempotency_key_reused", ""},
	})
	again, _ := h.open(t, approve)
	require.Equal(t, first, again)
	for _, language := range []campus.Language{campus.Chinese, campus.English} {
		said := read[struct {
			StatusText string `json:"status_text"`
		}](t, h.do(t, approve.in(language))).StatusText
		require.NotEmpty(t, said)
		require.Equal(t, language == campus.Chinese, isHan(said), said)
	}
}

// Whoever waits for a decision is told when staff know of a fault of ours that keeps its case from going on; a step of
// the school's that is parked is none.
func TestWhoWaitsIsToldThatStaffKnow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		step, parked, want string
	}{
		"the workflow is lost":     {campus.LostWorkflow, `[]`, "decision.stuck"},
		"the workflow is apart":    {campus.BeginAgain, `["phone"]`, "decision.stuck"},
		"a step of the school":     {"phone", `["phone"]`, "decision.running"},
		"nobody asks anybody":      {"", `[]`, "decision.running"},
		"an incident that is over": {"closed", `[]`, "decision.running"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newAPITest(t)
			ref, item := h.inReview(t, "student")
			approve := decision("reviewer", item, approval).with("Idempotency-Key", "an-approval").in(campus.English)
			_, look := h.open(t, approve)
			if test.step != "" {
				h.Exec(`update cases set parked = $1 where id = $2`, test.parked, ref.ID)
				require.NoError(t, h.Casework.OpenIncident(t.Context(), ref, campus.NewWorkItem{
					Kind: campus.IncidentItem, Step: test.step, Attempt: 1, Cause: campus.Internal, Reason: campus.WorkflowLost,
				}))
			}
			require.NoError(t, h.Casework.CloseIncident(t.Context(), ref, "closed"))
			for _, c := range []call{approve, look.in(campus.English)} {
				said := read[struct {
					StatusText string `json:"status_text"`
				}](t, h.do(t, c)).StatusText
				require.Equal(t, campus.Text(campus.English, test.want, nil), said)
			}
		})
	}
}

// No text claims that something was not done: where that is known, it says why; elsewhere nobody knows.
func TestNoTextPromisesTooMuch(t *testing.T) {
	t.Parallel()
	for _, key := range campus.TextKeys() {
		for _, claim := range []string{"nothing was changed", "not taken", "nothing has been done"} {
			require.NotContains(t, strings.ToLower(campus.Text(campus.English, key, nil)), claim, key)
		}
		for _, claim := range []string{"操作未生效", "没有生效", "未作任何更改"} {
			require.NotContains(t, campus.Text(campus.Chinese, key, nil), claim, key)
		}
	}
}

// A refusal is kept before anybody is told of it, and stays.
func TestRefusedDecisionStaysRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		why  *campus.Error
		want string
	}{
		"for its stage":            {campus.Errorf(campus.Conflict, campus.WrongStage, "too late"), campus.WrongStage},
		"for a fault of ours":      {campus.Errorf(campus.Internal, campus.DataRefused, "SQLSTATE 23505"), "decision_failed"},
		"for an outage, for good":  {campus.Errorf(campus.Unavailable, campus.TryLost, "too slow"), "decision_failed"},
		"for what has no text":     {campus.Errorf(campus.Conflict, "a_word_of_theirs", "no"), "a_word_of_theirs"},
		"because nobody has asked": {campus.Errorf(campus.Conflict, "not_proposed", "no proposal"), "not_proposed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newAPITest(t)
			_, item := h.inReview(t, "student")
			approve := decision("reviewer", item, approval).with("Idempotency-Key", "an-approval")
			d, look := h.open(t, approve)
			_, err := h.Casework.RefuseDecision(t.Context(), d.ID, test.why)
			require.NoError(t, err)
			h.play(t, map[string]scenario{
				"a look at it":   {look, 409, test.want, ""},
				"the same again": {approve, 409, test.want, ""},
			})
			_, _ = h.open(t, decision("reviewer", item, approval)) // it is another decision, and the stage allows it
		})
	}
}

// L1: who acts for people has seen them; what somebody else decides opens nothing.
func TestCounterActIsKept(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.printing(t)
	ref, _ := h.inReview(t, "student")
	back := atDesk(h.holder.ID, "withdrawal", fields{"case": ref.ID}).with("Idempotency-Key", "back-at-the-desk")
	kept := func() int {
		return storagetest.One[int](h.Env, `select count(*) from requests where case_id = $1`, ref.ID)
	}
	h.play(t, map[string]scenario{"for somebody not seen": {back, 403, "verification_missing", ""}})
	require.Equal(t, 0, kept(), "nothing is open that could be carried out")
	h.verify(t, h.holder)
	first, look := h.open(t, back)
	require.Empty(t, first.Receipt, "nothing is done yet")
	receipt := call{who: "centre", method: "GET", path: "/api/v1/staff/receipts/" + first.ID.String()}
	h.play(t, map[string]scenario{
		"the same again":           {back, 202, "", ""},
		"a look at it":             {look, 202, "", ""},
		"its receipt":              {receipt, 409, "receipt_not_yet", ""},
		"the student's own":        {act("student", ref.ID, "withdrawal"), 409, "decision_pending", ""},
		"another act for the same": {atDesk(h.holder.ID, "withdrawal", fields{"case": ref.ID}), 409, "decision_pending", ""},
	})
	require.Equal(t, 1, kept())

	left := h.NextMove(ref, campus.StageClosing, campus.WaitsForSchool)
	left.Decision = storagetest.One[campus.Decision](h.Env,
		`select jsonb_build_object('decision', id, 'update', update_name, 'by',
		jsonb_build_object('kind', split_part(actor, '/', 1), 'id', split_part(actor, '/', 2)), 'seen', seen) from requests where id = $1`, first.ID)
	h.record(t, left)
	_, err := h.Casework.RefuseDecision(t.Context(), first.ID,
		campus.Errorf(campus.Conflict, campus.WrongStage, "the workflow knows nothing of it"))
	require.NoError(t, err)
	done := h.do(t, look)
	require.Equal(t, 200, done.status, "it is among the moves: %s", done.body)
	require.Equal(t, []string{"done", "closing", receipt.path}, []string{read[shownDecision](t, done).Status,
		read[shownDecision](t, done).Stage, read[shownDecision](t, done).Receipt})
	require.Equal(t, 200, h.do(t, receipt).status)
}

// What is lost on its way to Postgres may have been written: nobody is told that it was not, and the key finds out.
func TestAnswerOfPostgresIsLost(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	_, item := h.inReview(t, "student")
	approve := decision("reviewer", item, approval).with("Idempotency-Key", "an-approval").in(campus.English)
	lock, err := pgx.Connect(t.Context(), h.Config.DatabaseURL)
	require.NoError(t, err)
	defer lock.Close(t.Context()) //nolint:errcheck // only a lock
	_, err = lock.Exec(t.Context(), `begin; lock table requests in access exclusive mode`)
	require.NoError(t, err)
	answer := make(chan reply, 1)
	go func() { answer <- h.do(t, approve) }()
	const waits = `from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
	require.Eventually(t, func() bool { return storagetest.One[int](h.Env, `select count(*) `+waits) > 0 }, patience,
		patience/1000)
	h.Exec(`select pg_terminate_backend(pid) ` + waits)
	lost := scenario{approve, 503, "database_down", ""}.check(t, <-answer)
	require.Contains(t, lost.Detail, "not known whether")
	require.Contains(t, lost.Detail, "same Idempotency-Key")
	_, err = lock.Exec(t.Context(), `rollback`)
	require.NoError(t, err)
	first, _ := h.open(t, approve)
	again, _ := h.open(t, approve)
	require.Equal(t, first, again)
	require.Equal(t, 1, storagetest.One[int](h.Env, `select count(*) from requests where case_id is not null`))
}

// A step of our own that does not get past a fault is an incident like any other, in words.
func TestOwnStepsHaveWords(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	ref, _ := h.inReview(t, "student")
	m := h.NextMove(ref, campus.StageReview, campus.WaitsForOperator)
	for step, reason := range map[string]string{"begin-again": campus.Apart, "remind:review": campus.DataRefused,
		"begin": campus.WorkflowLost, "end": ""} {
		m.Opens = append(m.Opens, campus.NewWorkItem{Kind: campus.IncidentItem, Step: step, Attempt: 1,
			Cause: campus.Internal, Reason: reason})
	}
	h.record(t, m)
	for _, language := range []campus.Language{campus.Chinese, campus.English} {
		got := h.do(t, call{who: "operator", method: "GET", path: workItems}.in(language))
		items := read[struct{ Items []shownItem }](t, got).Items
		require.Len(t, items, 4)
		for _, item := range items {
			require.NotContains(t, item.StepText, "step.")
			require.NotContains(t, item.CauseText, "problem.")
			require.Equal(t, language == campus.Chinese, isHan(item.StepText) && isHan(item.CauseText), "%+v", item)
		}
	}
}
