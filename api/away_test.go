package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/portrait"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// away is a town whose way to Temporal is cut for a while, and what is decided there meanwhile.
type away struct {
	*liveTest
	students []string
	ids      []uuid.UUID
	items    []uuid.UUID
}

// manyWaiting are more decisions than a bulk decision waits for at a time.
const manyWaiting = 11

// Temporal goes away while people decide. What they decided is carried out once it is back, and they were told nothing
// else.
func TestDecisionsWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, quick).Engine()
	line := e.Line()
	through := e.Dial(line.Address())
	t.Cleanup(through.Close)
	students := []string{"two", "refused"}
	for i := range manyWaiting {
		students = append(students, fmt.Sprint("many ", i+1))
	}
	a := &away{liveTest: newTownThrough(t, e, through, students...), students: students}
	a.inReview(t)
	a.patient = false

	line.Cut()
	both := a.twoAtOnce(t)
	refused := a.unfitting(t)
	many := a.many(t)
	require.Equal(t, 0, storagetest.One[int](a.Env,
		`select count(*) from cases where kind = 'application' and stage <> 'review'`))

	line.Mend()
	a.oneOfTwo(t, both)
	a.staysRefused(t, refused)
	a.allOfMany(t, many)
	require.Equal(t, 0, storagetest.One[int](a.Env, `select count(*) from requests where state = 'open'`),
		"nothing is left over")
}

// inReview brings everybody before the reviewers.
func (a *away) inReview(t *testing.T) {
	t.Helper()
	for _, who := range a.students {
		a.ids = append(a.ids, a.applies(t, who, portrait.NoFlaw))
	}
	for i, who := range a.students {
		a.comes(t, who, a.ids[i], "review", "reviewer")
		a.items = append(a.items, a.item(a.ids[i]))
	}
}

// both is what an approval and a rejection of the same item have been answered.
type both struct {
	winner, loser call
	running       reply
	approved      bool
}

// twoAtOnce has two people decide about the same item at the same time: one is told that it is not known yet, the other
// that somebody decides. Neither is told that nothing was done.
func (a *away) twoAtOnce(t *testing.T) both {
	t.Helper()
	calls := []call{
		decision("reviewer", a.items[0], approval).with("Idempotency-Key", uuid.NewString()),
		decision("colleague", a.items[0], `{"action":"reject","reason":"not_entitled"}`).with("Idempotency-Key",
			uuid.NewString()),
	}
	answers := make([]reply, len(calls))
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() { answers[i] = a.do(t, calls[i].in(campus.English)) })
	}
	all.Wait()
	first := slices.IndexFunc(answers, func(r reply) bool { return r.status == http.StatusAccepted })
	require.GreaterOrEqual(t, first, 0, "%s\n%s", answers[0].body, answers[1].body)
	b := both{winner: calls[first], loser: calls[1-first], running: answers[first], approved: first == 0}
	second := scenario{b.loser, 409, "decision_pending", ""}
	for _, text := range []string{second.check(t, answers[1-first]).Detail, a.chinese(t, b.loser).Detail} {
		require.NotContains(t, strings.ToLower(text), "nothing")
		require.NotContains(t, text, "未生效")
	}

	look := call{who: b.winner.who, method: http.MethodGet, path: b.running.header.Get("Location")}
	require.Equal(t, http.StatusAccepted, a.do(t, look).status)
	again := a.do(t, b.winner.in(campus.English))
	require.Equal(t, http.StatusAccepted, again.status, "%s", again.body)
	require.JSONEq(t, string(b.running.body), string(again.body), "the same again is the same decision")
	for _, who := range []string{b.loser.who, "two", "auditor"} {
		look.who = who
		require.Equal(t, http.StatusNotFound, a.do(t, look).status, "%s sees somebody else's decision", who)
	}
	return b
}

func (a *away) chinese(t *testing.T, c call) problem {
	t.Helper()
	got := a.do(t, c.in(campus.Chinese))
	require.Equal(t, http.StatusConflict, got.status, "%s", got.body)
	return read[problem](t, got)
}

func (a *away) oneOfTwo(t *testing.T, b both) {
	t.Helper()
	stage, waits, kind := "activation", "student", "approved"
	if !b.approved {
		stage, waits, kind = "done", "nobody", "rejected"
	}
	ended := a.outcome(t, b.winner.who, b.running)
	require.Equal(t, 200, ended.status, "%s", ended.body)
	require.Equal(t, "done", read[shownDecision](t, ended).Status)
	a.comes(t, "two", a.ids[0], stage, waits)
	require.Equal(t, []string{kind}, storagetest.One[[]string](a.Env, `select array_agg(kind) from events
		where case_id = $1 and kind in ('approved', 'rejected')`, a.ids[0]), "once, and what was said first")
	again := a.do(t, b.winner)
	require.Equal(t, 200, again.status, "%s", again.body)
	require.JSONEq(t, string(ended.body), string(again.body))
	a.refuse(t, a.ids[0], map[string]scenario{
		"the other, under its old key": {b.loser, 409, "already_decided", ""},
	})
}

// unfitting settles a step that nobody has parked: only the workflow knows that.
func (a *away) unfitting(t *testing.T) call {
	t.Helper()
	c := settlement(a.ids[1], "phone", `{"action":"retry","attempt":1}`).with("Idempotency-Key", "not-parked-at-all")
	got := a.do(t, c)
	require.Equal(t, http.StatusAccepted, got.status, "%s", got.body)
	return c
}

func (a *away) staysRefused(t *testing.T, c call) {
	t.Helper()
	running := a.do(t, c)
	if running.status == http.StatusAccepted {
		got := a.outcome(t, c.who, running)
		require.Equal(t, http.StatusConflict, got.status, "%s", got.body)
	}
	a.refuse(t, a.ids[1], map[string]scenario{"what did not fit": {c, 409, "step_not_parked", ""}})
	id := storagetest.One[uuid.UUID](a.Env,
		`select id from requests where key = 'not-parked-at-all' and state = 'refused'`)
	look := call{who: c.who, method: http.MethodGet, path: "/api/v1/decisions/" + id.String()}
	a.refuse(t, a.ids[1], map[string]scenario{"where it is looked at": {look, 409, "step_not_parked", ""}})
}

type manyAnswers struct {
	Items []manyAnswer
}

type manyAnswer struct {
	ID       uuid.UUID
	Decision *shownDecision
	Problem  *problem
}

// many decides about all the others at once. Nobody waits for each of them.
func (a *away) many(t *testing.T) call {
	t.Helper()
	var list []fields
	for _, item := range a.items[2:] {
		list = append(list, fields{"id": item, "action": "approve"})
	}
	c := call{who: "reviewer", method: http.MethodPost, path: workItems + "/decisions",
		body: string(toForm(fields{"items": list}))}.
		with("Idempotency-Key", "many-while-away")
	began := time.Now()
	got := a.do(t, c)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Less(t, time.Since(began), 10*time.Second, "the first few wait five seconds, the others do not")
	results := read[manyAnswers](t, got).Items
	require.Len(t, results, manyWaiting)
	for _, r := range results {
		require.Nil(t, r.Problem, "%s", got.body)
		require.Equal(t, "running", r.Decision.Status)
	}
	return c
}

func (a *away) allOfMany(t *testing.T, c call) {
	t.Helper()
	for i := 2; i < len(a.students); i++ {
		a.comes(t, a.students[i], a.ids[i], "activation", "student")
	}
	var got reply
	require.Eventually(t, func() bool { // what became of them is seen when they are sent once more
		got = a.do(t, c)
		return !slices.ContainsFunc(read[manyAnswers](t, got).Items, func(r manyAnswer) bool {
			return r.Decision == nil || r.Decision.Status != "done"
		})
	}, 30*time.Second, 200*time.Millisecond)
	for _, r := range read[manyAnswers](t, got).Items {
		require.Equal(t, "provisioning", r.Decision.Stage, "%s", got.body)
	}
}
