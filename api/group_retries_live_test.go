package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/portrait"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

type shownGroupRetry struct {
	ID                                                      uuid.UUID
	Steps, Waiting, Running, OK, Failed, NotParked, Refused int

	TriedElsewhere int `json:"tried_elsewhere"`
}

type shownRetryItem struct {
	State, Code string
	CaseID      uuid.UUID `json:"case_id"`
}

const (
	parkedGroups = "/api/v1/staff/parked-groups"
	groupRetries = "/api/v1/staff/group-retries"
)

// What an outage has left is retried by one action: each step as a decision of the member, with an outcome of its own;
// what a colleague holds is left to them (K3).
func TestGroupRetry(t *testing.T) {
	t.Parallel()
	l := newLiveTest(t, "one", "two", "held")
	l.engine.School.Fault("carrier", "outage", nil)
	cases := map[string]uuid.UUID{}
	for who := range l.students {
		cases[who] = l.applies(t, who, portrait.NoFlaw)
	}
	for who, id := range cases {
		l.comes(t, who, id, "checking", "operator")
	}
	claim := call{who: "second operator", method: "POST",
		path: "/api/v1/staff/work-items/" + l.item(cases["held"]).String() + "/claim"}
	require.Equal(t, 200, l.do(t, claim).status)
	groups := ask[struct {
		Items []struct {
			Step, Cause string
			Count       int
		}
	}](t, l.apiTest, "operator", parkedGroups).Items
	require.Len(t, groups, 1)
	require.Equal(t, "phone", groups[0].Step)
	require.Equal(t, "unavailable", groups[0].Cause)
	require.Equal(t, 3, groups[0].Count)
	require.Empty(t, ask[struct{ Items []any }](t, l.apiTest, "foreigner", parkedGroups).Items, "of another university")

	first := l.retryGroup(t, 2)
	require.Equal(t, 2, l.finished(t, first).Failed, "the system is still away")
	for _, item := range l.retryItems(t, first) {
		require.Equal(t, "failed", item.State)
		require.Equal(t, "unavailable", item.Code)
	}

	l.engine.School.Fault("carrier", "none")
	second := l.retryGroup(t, 2)
	require.Equal(t, 2, l.finished(t, second).OK)
	for _, who := range []string{"one", "two"} {
		l.comes(t, who, cases[who], "review", "reviewer")
	}
	operator := storagetest.One[uuid.UUID](l.Env, `select asked_by from group_retries limit 1`)
	require.Equal(t, 2, storagetest.One[int](l.Env,
		`select count(*) from events where kind = 'step_retried' and actor = $1`,
		campus.Staff(operator).String()))
	require.Equal(t, 2, storagetest.One[int](l.Env, `select count(*) from audit where action = 'group_retry.open'`))
	refused := l.do(t, groupCall("operator"))
	require.Equal(t, "group_empty", read[problem](t, refused).Reason, "only what a colleague holds is left")
	require.Equal(t, 404, l.do(t, call{who: "foreigner", method: "GET",
		path: groupRetries + "/" + second.String()}).status)

	got := l.do(t, groupCall("second operator"))
	require.Equal(t, http.StatusAccepted, got.status)
	require.Equal(t, 1, l.finished(t, read[shownGroupRetry](t, got).ID).OK)
	l.comes(t, "held", cases["held"], "review", "reviewer")
}

// A retry that was refused for a fault of ours has failed: it is not asked about for ever.
func TestGroupRetryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	l := newLiveTest(t, "one")
	l.engine.School.Fault("carrier", "outage", nil)
	id := l.applies(t, "one", portrait.NoFlaw)
	l.comes(t, "one", id, "checking", "operator")
	l.ExecAsOwner(`alter table moves add constraint moves_forbidden check (name not like 'settle-step%') not valid`)
	retry := l.retryGroup(t, 1)
	require.Equal(t, 1, l.finished(t, retry).Failed)
	require.Equal(t, []shownRetryItem{{State: "failed", Code: "internal", CaseID: id}}, l.retryItems(t, retry))
}

// A step that was settled meanwhile is told as such, and one whose member may not settle any more is not tried.
func TestGroupRetryOfWhatHasChanged(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	operator := h.hire("operator", storagetest.University, campus.Grant{Role: campus.Operator})
	ref := h.Applied(h.holder)
	move := h.NextMove(ref, campus.StageChecking, campus.WaitsForOperator)
	move.Opens = []campus.NewWorkItem{{Kind: campus.IncidentItem, Step: "phone", Attempt: 1, Cause: campus.Unavailable}}
	h.record(t, move)
	got := h.do(t, groupCall("operator"))
	require.Equal(t, http.StatusAccepted, got.status, "%s", got.body)
	require.Equal(t, 1, read[shownGroupRetry](t, got).Waiting)
	due, found, err := h.Casework.ClaimGroupRetry(t.Context(), time.Minute)
	require.NoError(t, err)
	require.True(t, found)
	require.False(t, due.Closed || due.Held || due.Left)
	require.Equal(t, operator.ID, due.Member().ID)
	require.True(t, due.Member().May(campus.SettleSteps, due.Campus))
	_, found, err = h.Casework.ClaimGroupRetry(t.Context(), time.Minute)
	require.NoError(t, err)
	require.False(t, found, "another worker does not take it too")
	h.Clock.Advance(2 * time.Minute)
	h.Exec(`update work_items set closed_at = now()`)
	h.Exec(`update staff set retired_at = now() where id = $1`, operator.ID)
	again, found, err := h.Casework.ClaimGroupRetry(t.Context(), time.Minute)
	require.NoError(t, err)
	require.True(t, found, "its worker is gone")
	require.Equal(t, due.ID, again.ID, "the decision is the same")
	require.True(t, again.Closed && again.Left)
}

// Who has a group retried that a colleague has retried already is told of that retry, and nothing is tried twice. What
// has been parked since is theirs.
func TestGroupRetryOfWhatIsBeingRetried(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	for _, who := range []string{"operator", "second operator"} {
		h.hire(who, storagetest.University, campus.Grant{Role: campus.Operator})
	}
	park := func() {
		ref := h.Applied(h.Person())
		move := h.NextMove(ref, campus.StageChecking, campus.WaitsForOperator)
		move.Opens = []campus.NewWorkItem{{Kind: campus.IncidentItem, Step: "phone", Attempt: 1, Cause: campus.Unavailable}}
		h.record(t, move)
	}
	for range 3 {
		park()
	}
	const people = 8
	answers := make(chan reply, people)
	for n := range people {
		go func() { answers <- h.do(t, groupCall([]string{"operator", "second operator"}[n%2])) }()
	}
	told := map[string]int{}
	for range people {
		got := <-answers
		require.Equal(t, http.StatusAccepted, got.status, "%s", got.body)
		require.Equal(t, 3, read[shownGroupRetry](t, got).Steps)
		told[got.header.Get("Location")]++
	}
	require.Len(t, told, 1, "all have the address of the first")
	require.Equal(t, []int{1, 3, 1}, []int{
		storagetest.One[int](h.Env, `select count(*) from group_retries`),
		storagetest.One[int](h.Env, `select count(*) from group_retry_items`),
		storagetest.One[int](h.Env, `select count(*) from audit where action = 'group_retry.open'`),
	})
	another := groupCall("second operator")
	another.body = `{"step":"phone","cause":"refused"}`
	require.Equal(t, "group_empty", read[problem](t, h.do(t, another)).Reason, "another group")

	park()
	other := h.do(t, groupCall("second operator"))
	require.Equal(t, 1, read[shownGroupRetry](t, other).Steps, "what the first has not")
	require.NotContains(t, told, other.header.Get("Location"))

	h.Exec(`update group_retry_items set state = 'failed'`)
	require.Equal(t, 4, read[shownGroupRetry](t, h.do(t, groupCall("second operator"))).Steps, "both are over")
	h.Exec(`update work_items set attempt = 2`)
	due, found, err := h.Casework.ClaimGroupRetry(t.Context(), time.Minute)
	require.NoError(t, err)
	require.True(t, found && due.Tried && !due.Closed, "somebody has tried it since")
}

// A step that somebody else has tried, or is trying, is not told as settled: it is parked still.
func TestGroupRetryOfWhatIsTriedElsewhere(t *testing.T) {
	t.Parallel()
	l := newLiveTest(t, "tried", "trying")
	l.engine.School.Fault("carrier", "outage", nil)
	refs := map[string]campus.CaseRef{}
	for who := range l.students {
		refs[who] = campus.CaseRef{Kind: campus.ApplicationCase, ID: l.applies(t, who, portrait.NoFlaw)}
	}
	for who, ref := range refs {
		l.comes(t, who, ref.ID, "checking", "operator")
	}
	retry := campus.Said{Action: string(campus.RetryStep), Step: "phone", Attempt: 1}
	settled, err := l.engine.Settle(refs["tried"], "second operator", campus.RetryStep, "phone", 1)
	require.NoError(t, err)
	require.Equal(t, campus.StepFailed, settled.Outcome)
	second := workflowtest.Staff("second operator")
	_, err = l.engine.Env.Decide(refs["trying"], campus.SettleStepUpdate, second, retry, struct{}{})
	require.NoError(t, err, "it is open, and not sent yet")

	third := l.hire("third operator", storagetest.University, campus.Grant{Role: campus.Operator})
	id := uuid.New() // of before both
	l.Exec(`with asked as (insert into group_retries (id, university, step, cause, asked_by, asked_at)
			select $1, university, 'phone', 'unavailable', id, now() from staff where id = $2 returning id)
		insert into group_retry_items (id, retry, item, attempt)
			select gen_random_uuid(), asked.id, w.id, 1 from work_items w, asked`,
		id, third.ID)
	require.Equal(t, 2, l.finished(t, id).TriedElsewhere)
	for _, item := range l.retryItems(t, id) {
		require.Equal(t, "tried_elsewhere", item.State)
	}
}

func groupCall(who string) call {
	return call{who: who, method: "POST", path: groupRetries, body: `{"step":"phone","cause":"unavailable"}`}
}

func (l *liveTest) retryGroup(t *testing.T, steps int) uuid.UUID {
	t.Helper()
	got := l.do(t, groupCall("operator"))
	require.Equal(t, http.StatusAccepted, got.status, "%s", got.body)
	retry := read[shownGroupRetry](t, got)
	require.Equal(t, steps, retry.Steps)
	require.Equal(t, groupRetries+"/"+retry.ID.String(), got.header.Get("Location"))
	return retry.ID
}

// finished waits until every step of a retry has an outcome.
func (l *liveTest) finished(t *testing.T, id uuid.UUID) (retry shownGroupRetry) {
	t.Helper()
	require.Eventually(t, func() bool {
		retry = ask[shownGroupRetry](t, l.apiTest, "operator", groupRetries+"/"+id.String())
		return retry.Waiting+retry.Running == 0
	}, patience, 50*time.Millisecond)
	return retry
}

// retryItems are all steps of a retry, by pages of one.
func (l *liveTest) retryItems(t *testing.T, id uuid.UUID) (items []shownRetryItem) {
	t.Helper()
	cursor := ""
	for {
		page := ask[struct {
			Items []shownRetryItem
			Next  string `json:"next_cursor"`
		}](t, l.apiTest, "operator", groupRetries+"/"+id.String()+"/items?limit=1&cursor="+cursor)
		items = append(items, page.Items...)
		if cursor = page.Next; cursor == "" {
			return items
		}
	}
}
