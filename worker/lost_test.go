package worker_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// lose has Temporal lose the workflow of a case, as when it is restored from a dump that is older than the case.
func lose(t *testing.T, e *workflowtest.Engine, ref campus.CaseRef) {
	t.Helper()
	request := &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: e.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: ref.WorkflowID()},
	}
	_, err := e.Client.WorkflowService().DeleteWorkflowExecution(t.Context(), request)
	require.NoError(t, err)
	e.Await(func() bool {
		_, err := e.Client.DescribeWorkflowExecution(t.Context(), ref.WorkflowID(), "")
		return engine.IsGone(err)
	}, "Temporal does not know the workflow")
}

var approval = campus.Said{Action: string(campus.Approve)}

// An application that has only begun when its workflow is lost begins again because of the next decision, and takes
// that.
func TestLostWorkflowBeginsAgainForADecision(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.School.Fault("carrier", "slow", workflowtest.Fields{"latency_ms": 60_000})
	e.Work(worker.Config{})
	student := e.Student()
	ref := e.Apply(student, workflowtest.Good)
	e.AwaitStage(ref, campus.StageChecking)
	lose(t, e, ref)
	withdrawal, err := e.Env.Decide(ref, campus.WithdrawUpdate, campus.Student(student.ID), campus.Said{}, struct{}{})
	require.NoError(t, err)
	sender := decisions.NewSender(e.Store, e.Client, e.Log)
	e.Await(func() bool {
		withdrawal, err = sender.Send(t.Context(), withdrawal)
		require.NoError(t, err)
		require.False(t, withdrawal.Told, "nobody has to help")
		return withdrawal.State == casework.DecisionDone
	}, "the withdrawal is carried out")
	require.Equal(t, campus.Withdrawn, e.Case(ref).Outcome)
	require.Equal(t, 1, storagetest.One[int](e.Env.Env, `select count(*) from moves where name = 'begin'`))
	require.Zero(t, storagetest.One[int](e.Env.Env, `select count(*) from work_items`))
}

// The case of a plastic goes on from the moves that it has made by itself, as soon as somebody sees that its workflow
// is lost.
func TestLostWorkflowBeginsAgainWhenCompared(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.School.Bureau(workflowtest.Fields{"produce_ms": 3_600_000})
	e.Work(worker.Config{})
	student := e.Student()
	application := e.Apply(student, workflowtest.Good)
	e.AwaitStage(application, campus.StageReview)
	_, err := e.Send(application, campus.ReviewUpdate, workflowtest.Staff("reviewer"), approval, struct{}{})
	require.NoError(t, err)
	e.AwaitStage(application, campus.StageActivation)
	_, err = e.Send(application, campus.ActivateUpdate, campus.Student(student.ID), campus.Said{}, struct{}{})
	require.NoError(t, err)
	ref := e.PlasticCase(application)
	e.AwaitStage(ref, campus.StageProduction)
	e.ExecAsOwner(`update moves set at = at - interval '1 hour'`)
	before := e.Case(ref)
	lose(t, e, ref)
	registry := prometheus.NewRegistry()
	round := worker.CompareRounds(e.Store, e.Client, registry, 10)
	require.NoError(t, round(t.Context()))
	e.Await(func() bool {
		require.NoError(t, round(t.Context()))
		return gauges(t, registry, "campuscard_cases_apart")["missing"] == 0
	}, "it has a workflow")
	e.Await(func() bool { return placeOf(t, e, ref).Version == before.Version }, "which comes to where the case is")
	require.Equal(t, before, e.Case(ref))
	require.Zero(t, storagetest.One[int](e.Env.Env, `select count(*) from work_items where closed_at is null`))
	require.Equal(t, 1, e.School.Effects("order"), "under its key of before")
}

// Where people have decided, the case does not begin again: staff are told, once, and who decides is told that they
// were.
func TestLostWorkflowOfADecidedCaseIsAnIncident(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	student := e.Student()
	ref := e.Apply(student, workflowtest.Good)
	e.AwaitStage(ref, campus.StageReview)
	_, err := e.Send(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"), approval, struct{}{})
	require.NoError(t, err)
	e.AwaitStage(ref, campus.StageActivation)
	e.ExecAsOwner(`update moves set at = at - interval '1 hour'`)
	before := e.Case(ref)
	lose(t, e, ref)

	sender := decisions.NewSender(e.Store, e.Client, e.Log)
	activation, err := e.Env.Decide(ref, campus.ActivateUpdate, campus.Student(student.ID), campus.Said{}, struct{}{})
	require.NoError(t, err)
	require.False(t, activation.Told)
	for range 3 {
		activation, err = sender.Send(t.Context(), activation)
		require.NoError(t, err)
		require.Equal(t, []any{casework.DecisionOpen, true}, []any{activation.State, activation.Told})
	}
	registry := prometheus.NewRegistry()
	round := worker.CompareRounds(e.Store, e.Client, registry, 10)
	require.NoError(t, round(t.Context()))
	require.InDelta(t, 1, gauges(t, registry, "campuscard_cases_apart")["missing"], 0)
	require.Equal(t, before, e.Case(ref))
	requireLost(t, e, ref)

	// Nothing about the incident itself can be settled, and the decision keeps waiting.
	_, err = e.Settle(ref, "operator", campus.RetryStep, campus.LostWorkflow, 1)
	require.Equal(t, campus.WorkflowLost, campus.ReasonOf(err))
	requireLost(t, e, ref)

	// Whoever restores Temporal properly has the case go on, and the incident closes by itself.
	c := e.Case(ref)
	begin := client.StartWorkflowOptions{ID: ref.WorkflowID(), TaskQueue: engine.CaseQueue}
	_, err = e.Client.ExecuteWorkflow(t.Context(), begin, string(ref.Kind),
		campus.CaseInput{Case: ref, University: c.University, Campus: c.Campus})
	require.NoError(t, err)
	e.Await(func() bool {
		require.NoError(t, round(t.Context()))
		return len(e.OpenItems(ref)) == 0
	}, "the incident is closed")
}

// A workflow that was ended in the middle of its case is not begun a second time, even where nobody has decided.
func TestEndedWorkflowOfAnOpenCaseIsAnIncident(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	refs := reviewed(t, e, 2)
	require.NoError(t, e.Client.TerminateWorkflow(t.Context(), refs[0].WorkflowID(), "", "by the test"))
	round := worker.CompareRounds(e.Store, e.Client, prometheus.NewRegistry(), 10)
	for range 3 {
		require.NoError(t, round(t.Context()))
	}
	requireLost(t, e, refs[0])
	require.Len(t, e.OpenItems(refs[1]), 1, "the review, whose workflow runs")
	require.NotEqual(t, campus.IncidentItem, e.OpenItems(refs[1])[0].Kind)
}

// requireLost requires the one incident that says that a case has no workflow.
func requireLost(t *testing.T, e *workflowtest.Engine, ref campus.CaseRef) {
	t.Helper()
	require.Equal(t, 1, storagetest.One[int](e.Env.Env, `select count(*) from work_items where kind = 'incident'`))
	item := storagetest.One[uuid.UUID](e.Env.Env, `select case_id from work_items
		where kind = 'incident' and closed_at is null
		and step = 'lost-workflow' and attempt = 1 and cause = 'internal' and reason = 'workflow_lost'`)
	require.Equal(t, ref.ID, item)
}
