package worker_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// inOutbox is how many rows wait for Temporal.
func inOutbox(e *workflowtest.Engine) int {
	return storagetest.One[int](e.Env.Env, `select count(*) from outbox`)
}

// waiting is how many applications have not begun, in the line or in the outbox.
func waiting(e *workflowtest.Engine) int {
	return storagetest.One[int](e.Env.Env, `select (select count(*) from outbox) + (select count(*) from line)`)
}

func runID(t *testing.T, e *workflowtest.Engine, ref campus.CaseRef) string {
	t.Helper()
	found, err := e.Client.DescribeWorkflowExecution(t.Context(), ref.WorkflowID(), "")
	require.NoError(t, err)
	return found.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

func TestApplicationHandedInWhileTemporalIsAwayGoesOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	line := e.Line()
	line.Cut()
	through := e.Dial(line.Address())
	t.Cleanup(through.Close)

	first := e.Apply(e.Student(), workflowtest.Good) // before any worker, and without Temporal
	e.WorkThrough(through, worker.Config{})
	require.Equal(t, 1, waiting(e))
	line.Mend()
	e.AwaitStage(first, campus.StageReview)
	require.Zero(t, waiting(e))

	line.Cut()
	second := e.Apply(e.Student(), workflowtest.Good)
	require.Equal(t, 1, waiting(e))
	line.Mend()
	e.AwaitStage(second, campus.StageReview)
}

func TestSeveralDispatchersStartEveryCaseOnce(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	var cases []campus.CaseRef
	for range 8 {
		cases = append(cases, e.Apply(e.Student(), workflowtest.Good))
	}
	e.Work(worker.Config{})
	e.Work(worker.Config{})
	for _, ref := range cases {
		e.AwaitStage(ref, campus.StageReview)
		require.Len(t, e.Tries(ref, "registry"), 1)
	}
	require.Zero(t, inOutbox(e))
}

func TestStartDeliveredTwiceIsHarmless(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	ref := e.Apply(e.Student(), workflowtest.Good)
	again := func() { // as if a dispatcher had died between its delivery and its commit
		e.Exec(`insert into outbox (kind, workflow, workflow_id, input, created_at, next_try)
			select 'start', 'application', $1, json_build_object('case', json_build_object('kind', 'application', 'id', $2::text),
				'university', university, 'campus', campus), opened_at, opened_at from cases`, ref.WorkflowID(), ref.ID)
		e.Await(func() bool { return inOutbox(e) == 0 }, "the row is delivered")
	}
	e.Work(worker.Config{})
	e.AwaitStage(ref, campus.StageReview)
	run := runID(t, e, ref)
	again()
	require.Equal(t, run, runID(t, e, ref), "the case runs as it did")
	require.NoError(t, e.Client.TerminateWorkflow(t.Context(), ref.WorkflowID(), "", "the test ends it"))
	again()
	require.Equal(t, run, runID(t, e, ref), "a case that has ended does not begin again")
}

func TestSignalForACaseThatIsOverIsDropped(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Exec(`insert into outbox (kind, workflow, workflow_id, created_at, next_try)
		values ('signal', $1, 'plastic/nobody', now() - interval '1 hour', now() - interval '1 hour')`, campus.FactsChanged)
	e.Work(worker.Config{})
	e.Await(func() bool { return inOutbox(e) == 0 }, "the row is dropped")
}

func TestRowThatCannotBeDeliveredWaitsAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Exec(`insert into outbox (kind, workflow, workflow_id, input, created_at, next_try)
		values ('start', 'application', 'application/broken', '"no case"', now() - interval '1 hour', now() - interval '1 hour')`)
	ref := e.Apply(e.Student(), workflowtest.Good)
	e.Work(worker.Config{})
	e.AwaitStage(ref, campus.StageReview)
	require.Equal(t, 1, inOutbox(e))
	require.True(t, storagetest.One[bool](e.Env.Env,
		`select tries > 0 and failure <> '' and next_try > created_at from outbox`))
}

// What a workflow is started with stays in its history for long, in the open: ids and codes only, and short.
func TestNothingButCodesLeavesTheOutbox(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	run := uuid.NewString() // Temporal may have the ids of an earlier run
	wrong := map[string]string{
		"name": "张三", "sentence": "east, Zhang San", "document": "370102200001011234", "long": strings.Repeat("a", 61),
	}
	workflow := func(id string) string { return "application/" + id + run }
	for id, place := range wrong {
		e.Exec(`insert into outbox (kind, workflow, workflow_id, input, created_at, next_try)
			select 'start', 'application', $1, json_build_object('case', json_build_object('kind', 'application',
				'id', gen_random_uuid()), 'university', 'lcu', 'campus', $2::text), now() - interval '1 hour', now() - interval '1 hour'`,
			workflow(id), place)
	}
	e.Work(worker.Config{})
	looked := func() bool { // each was tried, or has left
		return storagetest.One[int](e.Env.Env, `select count(*) from outbox where tries = 0`) == 0
	}
	e.Await(looked, "the rows are looked at")
	require.Equal(t, len(wrong), inOutbox(e))
	for id, place := range wrong {
		e.Await(func() bool { // not true at once when Temporal is too busy to say
			_, err := e.Client.DescribeWorkflowExecution(t.Context(), workflow(id), "")
			return engine.IsGone(err)
		}, "Temporal has no workflow with a %s", id)
		failure := storagetest.One[string](e.Env.Env, `select failure from outbox where workflow_id = $1`, workflow(id))
		require.NotEmpty(t, failure)
		require.NotContains(t, failure, place)
	}
	ref := e.Apply(e.Student(), workflowtest.Good)
	e.AwaitStage(ref, campus.StageReview)
}
