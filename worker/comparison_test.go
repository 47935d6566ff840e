package worker_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// reviewed are cases whose workflows wait for a reviewer, and have for a while.
func reviewed(t *testing.T, e *workflowtest.Engine, count int) []campus.CaseRef {
	t.Helper()
	refs := make([]campus.CaseRef, count)
	for i := range refs {
		refs[i] = e.Apply(e.Student(), workflowtest.Good)
	}
	for _, ref := range refs {
		e.AwaitStage(ref, campus.StageReview)
		e.Await(func() bool { return placeOf(t, e, ref).Stage == campus.StageReview }, "its workflow knows that")
	}
	e.ExecAsOwner(`update moves set at = at - interval '1 hour'`)
	return refs
}

func placeOf(t *testing.T, e *workflowtest.Engine, ref campus.CaseRef) (place campus.Place) {
	t.Helper()
	answer, err := e.Client.QueryWorkflow(t.Context(), ref.WorkflowID(), "", campus.PlaceQuery)
	require.NoError(t, err)
	require.NoError(t, answer.Get(&place))
	return place
}

// putAhead writes a move that the workflow of a case has lost.
func putAhead(e *workflowtest.Engine, ref campus.CaseRef) {
	e.Exec(`insert into moves (case_id, version, name, stage, waits_for, at)
		select id, version + 1, 'lost', 'activation', 'student', now() - interval '1 hour' from cases where id = $1`, ref.ID)
	e.Exec(`update cases set version = version + 1, stage = 'activation' where id = $1`, ref.ID)
}

// putBack sets a case back to before its last move.
func putBack(e *workflowtest.Engine, ref campus.CaseRef) {
	e.ExecAsOwner(`delete from moves where case_id = $1 and version = (select version from cases where id = $1)`, ref.ID)
	e.Exec(`update cases set version = version - 1 where id = $1`, ref.ID)
}

func standing(t *testing.T, e *workflowtest.Engine) []casework.StandingCase {
	t.Helper()
	cases, err := e.Casework.StandingCases(t.Context(), e.Store.Now().Add(-time.Minute), uuid.Nil, 100)
	require.NoError(t, err)
	return cases
}

func comparison(e *workflowtest.Engine) worker.Comparison {
	return worker.Comparison{Store: e.Store, Temporal: e.Client, Patience: 20 * time.Second, Pause: time.Millisecond}
}

func TestCasesAndTheirWorkflowsAreCompared(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	refs := reviewed(t, e, 7)
	compared, err := comparison(e).Compare(t.Context(), standing(t, e))
	require.NoError(t, err)
	require.ElementsMatch(t, refs, compared.Cases)
	require.Empty(t, compared.Apart, "a house that is well")

	terminated, unknown, behind, ahead, other, older := refs[0], refs[1], refs[2], refs[3], refs[4], refs[5]
	require.NoError(t, e.Client.TerminateWorkflow(t.Context(), terminated.WorkflowID(), "", "by the test"))
	lost := campus.CaseRef{Kind: campus.ApplicationCase, ID: uuid.New()}
	e.Exec(`update cases set kind = 'plastic' where id = $1`, unknown.ID)
	unknown.Kind = campus.PlasticCase
	putAhead(e, behind)
	putBack(e, ahead)
	e.Exec(`update cases set stage = 'photo' where id = $1`, other.ID)
	e.Exec(`insert into moves (case_id, version, name, stage, waits_for, at)
		select id, version + 1, 'lost', stage, waits_for, now() - interval '1 hour' from cases where id = $1`, older.ID)
	e.Exec(`update cases set version = version + 1 where id = $1`, older.ID)
	cases := append(standing(t, e), casework.StandingCase{CaseRef: lost, Stage: campus.StageReview, Version: 1})
	compared, err = comparison(e).Compare(t.Context(), cases)
	require.NoError(t, err)
	require.Equal(t, map[campus.CaseRef]worker.Apart{
		terminated: worker.Missing, unknown: worker.Missing, behind: worker.Behind, other: worker.Behind,
		older: worker.Behind, ahead: worker.Ahead,
	}, compared.Apart, "and not the one that is not there any more when it is looked at again")
	require.Equal(t, []string{ahead.WorkflowID()}, compared.Of(worker.Ahead))
}

// A case that moves while it is looked at is not named.
func TestCaseThatHasMovedMeanwhileIsNotNamed(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	ref := reviewed(t, e, 1)[0]
	seen := standing(t, e)
	_, err := e.Send(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"),
		campus.Said{Action: string(campus.Approve)}, struct{}{})
	require.NoError(t, err)
	e.AwaitStage(ref, campus.StageActivation)
	compared, err := comparison(e).Compare(t.Context(), seen)
	require.NoError(t, err)
	require.Empty(t, compared.Apart)
}

// A workflow that does not answer says nothing about its case.
func TestWorkflowThatDoesNotAnswerIsSilent(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	stop := e.Work(worker.Config{})
	ref := reviewed(t, e, 1)[0]
	stop()
	c := comparison(e)
	c.Patience = 300 * time.Millisecond
	began := time.Now()
	compared, err := c.Compare(t.Context(), standing(t, e))
	require.NoError(t, err)
	require.Less(t, time.Since(began), 5*time.Second, "nobody works on its queue")
	require.Equal(t, map[campus.CaseRef]worker.Apart{ref: worker.Silent}, compared.Apart)
	require.Error(t, compared.Why)
}

// The worker goes through all cases in turns, and says how many differ until they do not any more.
func TestCasesApartAreShown(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	refs := reviewed(t, e, 4)
	registry := prometheus.NewRegistry()
	round := worker.CompareRounds(e.Store, e.Client, registry, 2)
	shown := func() map[string]float64 {
		require.NoError(t, round(t.Context()))
		return gauges(t, registry, "campuscard_cases_apart")
	}
	none := map[string]float64{"missing": 0, "behind": 0, "ahead": 0, "unstarted": 0}
	require.Equal(t, none, shown())
	require.Equal(t, none, shown())
	require.Equal(t, none, shown(), "the turn is over, and another begins")
	require.NoError(t, e.Client.TerminateWorkflow(t.Context(), refs[3].WorkflowID(), "", "by the test"))
	putAhead(e, refs[0])
	require.Equal(t, map[string]float64{"missing": 0, "behind": 1, "ahead": 0, "unstarted": 0}, shown(),
		"the first two of a new turn")
	require.InDelta(t, 1, shown()["missing"], 0, "the others")
	e.Await(func() bool { return maps.Equal(none, shown()) }, "both begin again")
}

// A workflow that does not answer several times in a row is counted until it does, and slowness is not.
func TestSilentWorkflowsAreShown(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	stop := e.Work(worker.Config{})
	reviewed(t, e, 2)
	stop()
	registry := prometheus.NewRegistry()
	round := worker.CompareRounds(e.Store, e.Client, registry, 10)
	for _, want := range []float64{0, 0, 2, 2} {
		require.NoError(t, round(t.Context()))
		require.InDelta(t, want, gauges(t, registry, "campuscard_cases_silent")[""], 0)
	}
	e.Work(worker.Config{})
	require.NoError(t, round(t.Context()))
	require.Zero(t, gauges(t, registry, "campuscard_cases_silent")[""], "they answer")
}

// A start that Temporal acknowledged and lost is made again, and the case goes on.
func TestCaseWhoseStartWasLostIsStarted(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	ref := e.Apply(e.Student(), workflowtest.Good)
	e.Exec(`delete from line`)
	e.Exec(`update cases set opened_at = opened_at - interval '1 hour'`)
	e.Work(worker.Config{})
	registry := prometheus.NewRegistry()
	round := worker.CompareRounds(e.Store, e.Client, registry, 10)
	require.NoError(t, round(t.Context()))
	require.InDelta(t, 1, gauges(t, registry, "campuscard_cases_apart")["unstarted"], 0)
	e.AwaitStage(ref, campus.StageReview)
	require.NoError(t, round(t.Context()))
	require.Zero(t, gauges(t, registry, "campuscard_cases_apart")["unstarted"])
}

func TestWorkerComparesByItself(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	registry := prometheus.NewRegistry()
	e.Work(worker.Config{CompareEvery: 50 * time.Millisecond, Metrics: registry})
	ref := reviewed(t, e, 1)[0]
	require.NoError(t, e.Client.TerminateWorkflow(t.Context(), ref.WorkflowID(), "", "by the test"))
	e.Await(func() bool { return gauges(t, registry, "campuscard_cases_apart")["missing"] == 1 }, "the case is counted")
}

func TestDecisionOpenForTooLongIsShown(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	stop := e.Work(worker.Config{})
	ref := reviewed(t, e, 1)[0]
	stop()
	registry := prometheus.NewRegistry()
	worker.New(worker.Config{Unmanaged: true, Metrics: registry}, e.Client, e.Store, e.Systems, e.Policies, e.Log)
	_, err := e.Env.Decide(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"),
		campus.Said{Action: string(campus.Approve)}, struct{}{})
	require.NoError(t, err)
	require.Zero(t, gauges(t, registry, "campuscard_decisions_open")[""], "it has just been made")
	e.Exec(`update requests set created_at = created_at - interval '2 minutes' where state = 'open'`)
	another := prometheus.NewRegistry() // what was read a moment ago is not read again
	worker.New(worker.Config{Unmanaged: true, Metrics: another}, e.Client, e.Store, e.Systems, e.Policies, e.Log)
	require.InDelta(t, 1, gauges(t, another, "campuscard_decisions_open")[""], 0)
	require.InDelta(t, 120, gauges(t, another, "campuscard_decisions_oldest_seconds")[""], 60)
	require.Equal(t, 1, storagetest.One[int](e.Env.Env, `select count(*) from requests where state = 'open'`))
}

// gauges are what a metric shows, by the value of its only label; without labels by "".
func gauges(t *testing.T, registry *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	seen := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var label string
			for _, pair := range metric.GetLabel() {
				label = pair.GetValue()
			}
			if family.GetName() == name {
				seen[label] = metric.GetGauge().GetValue()
			}
		}
	}
	require.NotEmpty(t, seen, "no metric %s", name)
	return seen
}

// A workflow whose case was not there when it began, because Postgres was set back, waits for staff whom it could not
// ask. Once the case is there it does not wait for the hour. Where staff were asked, nothing is tried without them.
func TestWorkflowThatBeganBeforeItsCaseCameAgain(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.ExecAsOwner(`alter table moves add constraint moves_forbidden check (name <> 'begin') not valid`)
	ref := e.Apply(e.Student(), workflowtest.Good)
	e.Exec(`update cases set opened_at = opened_at - interval '1 hour'`)
	e.Work(worker.Config{})
	e.AwaitParked(ref, "begin", 1)
	registry := prometheus.NewRegistry()
	round := worker.CompareRounds(e.Store, e.Client, registry, 10)
	require.NoError(t, round(t.Context()))
	require.Zero(t, gauges(t, registry, "campuscard_cases_apart")["behind"], "staff were asked")

	e.Exec(`delete from work_items`) // as if there had been no case to ask about
	e.ExecAsOwner(`alter table moves drop constraint moves_forbidden`)
	require.NoError(t, round(t.Context()))
	require.InDelta(t, 1, gauges(t, registry, "campuscard_cases_apart")["behind"], 0)
	e.AwaitStage(ref, campus.StageReview)
	require.Empty(t, e.OpenItems(ref)[1:], "the review, and no incident")
}
