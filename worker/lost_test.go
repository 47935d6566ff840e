package worker_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
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

// Where people have decided, the case goes on from its row all the same: the decision that finds out is carried out by
// the run that begins for it.
func TestLostWorkflowOfADecidedCaseGoesOn(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	student := e.Student()
	ref := e.Apply(student, workflowtest.Good)
	e.AwaitStage(ref, campus.StageReview)
	_, err := e.Send(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"), approval, struct{}{})
	require.NoError(t, err)
	e.AwaitStage(ref, campus.StageActivation)
	lose(t, e, ref)
	sender := decisions.NewSender(e.Store, e.Client, e.Log)
	activation, err := e.Env.Decide(ref, campus.ActivateUpdate, campus.Student(student.ID), campus.Said{}, struct{}{})
	require.NoError(t, err)
	e.Await(func() bool {
		activation, err = sender.Send(t.Context(), activation)
		require.NoError(t, err)
		require.False(t, activation.Told, "nobody has to help")
		return activation.State == casework.DecisionDone
	}, "the card is activated")
	require.Equal(t, campus.Completed, e.Case(ref).Outcome)
	require.Equal(t, 1, e.School.Effects("open_patron"), "nothing was done again")
	require.Equal(t, "applied checking checked liveness_passed photo_matched review_asked approved provisioned begun_again activated",
		strings.Join(e.Events(ref), " "))
}

// A workflow that waits for a person is behind its case: it begins again as soon as somebody sees that, and not only
// when something happens.
func TestWorkflowThatIsBehindBeginsAgainWhenCompared(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	ref := reviewed(t, e, 1)[0]
	m := e.NextMove(ref, campus.StageReview, campus.WaitsForReviewer)
	m.Name, m.Due = "remind:review", e.Case(ref).Due
	m.State = storagetest.One[[]byte](e.Env.Env, `select state from moves where case_id = $1 order by version desc limit 1`,
		ref.ID)
	require.NoError(t, storagetest.Err(e.Casework.Record(t.Context(), m)))
	e.ExecAsOwner(`update moves set at = at - interval '1 hour'`)
	goesOn(t, e, ref, "behind")
	_, err := e.Send(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"), approval, struct{}{})
	require.NoError(t, err)
	e.AwaitStage(ref, campus.StageActivation)
}

// goesOn requires that a comparison finds a workflow apart from its case, that it stands where the case does soon
// after, and that nobody had to help.
func goesOn(t *testing.T, e *workflowtest.Engine, ref campus.CaseRef, how string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	round := worker.CompareRounds(e.Store, e.Client, registry, 10)
	require.NoError(t, round(t.Context()))
	require.InDelta(t, 1, gauges(t, registry, "campuscard_cases_apart")[how], 0)
	version := func() int64 {
		return storagetest.One[int64](e.Env.Env, `select version from cases where id = $1`, ref.ID)
	}
	e.Await(func() bool { return placeOf(t, e, ref).Version == version() }, "it begins again")
	e.Await(func() bool {
		require.NoError(t, round(t.Context()))
		return gauges(t, registry, "campuscard_cases_apart")[how] == 0
	}, "they are not apart any more")
	require.Equal(t, 1, storagetest.One[int](e.Env.Env, `select count(*) from events where kind = 'begun_again'`))
	require.Zero(t, storagetest.One[int](e.Env.Env, `select count(*) from work_items where kind = 'incident'`))
}

// Postgres was set back to before a card was known to be in all systems, which have it: the case begins again from what
// Postgres has, and asks them again under the same keys.
func TestCaseOfAPostgresThatWasSetBackGoesOn(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	student := e.Student()
	ref := e.Apply(student, workflowtest.Good)
	e.AwaitStage(ref, campus.StageReview)
	_, err := e.Send(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"), approval, struct{}{})
	require.NoError(t, err)
	e.AwaitStage(ref, campus.StageActivation)
	e.Await(func() bool { return placeOf(t, e, ref).Stage == campus.StageActivation }, "the workflow knows that")
	e.ExecAsOwner(`delete from attempts where case_id = $1 and step like 'grant-%'`, ref.ID)
	e.SetBack(ref, "provisioned")
	goesOn(t, e, ref, "ahead")
	e.AwaitStage(ref, campus.StageActivation)
	_, err = e.Send(ref, campus.ActivateUpdate, campus.Student(student.ID), campus.Said{}, struct{}{})
	require.NoError(t, err)
	for _, operation := range []string{"grant", "open_patron", "open_account"} {
		require.Equal(t, 1, e.School.Effects(operation), "%s: under its key of before", operation)
	}
}

// askedForMore is a case of which a reviewer has asked for more, and whose workflow knows that.
func askedForMore(t *testing.T, e *workflowtest.Engine, sender *decisions.Sender) (casework.Decision, casework.Case) {
	t.Helper()
	ref := reviewed(t, e, 1)[0]
	said := campus.Said{Action: string(campus.AskMore), Reason: "certificate_unreadable"}
	d, err := e.Env.Decide(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"), said, struct{}{})
	require.NoError(t, err)
	done, err := sender.Send(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, casework.DecisionDone, done.State)
	decided := e.Case(ref)
	e.Await(func() bool { return placeOf(t, e, ref).Version == decided.Version }, "the workflow knows that")
	return d, decided
}

// forgetAskedForMore has Postgres set back to before that decision was carried out, when it was open.
func forgetAskedForMore(e *workflowtest.Engine, d casework.Decision) {
	e.SetBack(d.Case, "more_asked")
	e.ExecAsOwner(`update work_items set closed_at = null where case_id = $1 and kind = 'review'`, d.Case.ID)
	e.ExecAsOwner(`update requests set state = 'open', status = null, response = null where id = $1`, d.ID)
}

// The copy was made while a decision was open: Temporal says that it was carried out, and Postgres knows nothing of
// that. It stays open until a run that begins from the row of the case, or for a workflow that has ended, has carried
// it out.
func TestOpenDecisionOfAPostgresThatWasSetBackIsCarriedOut(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(e *workflowtest.Engine, ref campus.CaseRef){
		"the workflow is ahead": func(*workflowtest.Engine, campus.CaseRef) {},
		"the workflow has ended": func(e *workflowtest.Engine, ref campus.CaseRef) {
			require.NoError(t, e.Client.TerminateWorkflow(t.Context(), ref.WorkflowID(), "", "by the test"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := workflowtest.New(t, workflowtest.Quick).Engine()
			e.Work(worker.Config{})
			sender := decisions.NewSender(e.Store, e.Client, e.Log)
			d, decided := askedForMore(t, e, sender)
			ref := d.Case

			then(e, ref)
			forgetAskedForMore(e, d)
			require.Equal(t, campus.StageReview, e.Case(ref).Stage)
			e.Await(func() bool {
				again, err := e.Casework.FindDecision(t.Context(), d.By, d.ID)
				require.NoError(t, err)
				again, err = sender.Send(t.Context(), again)
				require.NoError(t, err)
				return again.State == casework.DecisionDone
			}, "it is carried out")
			require.Equal(t, decided.Stage, e.Case(ref).Stage)
			require.Equal(t, 1, storagetest.One[int](e.Env.Env, `select count(*) from moves where decision = $1`, d.ID))
			require.Contains(t, e.Events(ref), "begun_again")
			require.Zero(t, storagetest.One[int](e.Env.Env, `select count(*) from work_items where kind = 'incident'`))
		})
	}
}

// meanwhile is a client of Temporal between two calls of which something else happens.
type meanwhile struct {
	client.Client
	happens func()
}

func (m meanwhile) UpdateWorkflow(ctx context.Context,
	o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	handle, err := m.Client.UpdateWorkflow(ctx, o)
	m.happens()
	return handle, err
}

// A run that has ended answers a decision that Postgres has forgotten, and before it is asked for its place another has
// begun, which is where the case is. The answer is of the first, and the decision not carried out.
func TestAnswersOfARunThatAnotherHasFollowedAreNotTheCases(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	sender := decisions.NewSender(e.Store, e.Client, e.Log)
	d, decided := askedForMore(t, e, sender)
	ref := d.Case
	e.ExecAsOwner(`update requests set resend_at = now() + interval '1 hour' where id = $1`, d.ID)
	require.NoError(t, e.Client.TerminateWorkflow(t.Context(), ref.WorkflowID(), "", "by the test"))
	forgetAskedForMore(e, d)

	begins := meanwhile{Client: e.Client, happens: func() {
		require.NoError(t, sender.Lost(t.Context(), ref))
		e.Await(func() bool { return placeOf(t, e, ref).Version == e.Case(ref).Version }, "another run has begun")
	}}
	d, err := e.Casework.FindDecision(t.Context(), d.By, d.ID)
	require.NoError(t, err)
	d, err = decisions.NewSender(e.Store, begins, e.Log).Send(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, casework.DecisionOpen, d.State)
	require.Equal(t, campus.StageReview, e.Case(ref).Stage)
	e.Await(func() bool { return e.Case(ref).Stage == decided.Stage }, "the run that has begun carries it out")
}

// A workflow that somebody has ended in the middle of its case begins again. One that ends once more and has moved
// nothing is left to staff, once, for an hour.
func TestEndedWorkflowOfAnOpenCaseBeginsAgain(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	refs := reviewed(t, e, 2)
	e.ExecAsOwner(`update moves set at = at - interval '1 hour'`)
	before := e.Case(refs[0])
	round := worker.CompareRounds(e.Store, e.Client, prometheus.NewRegistry(), 10)
	end := func() {
		t.Helper()
		require.NoError(t, e.Client.TerminateWorkflow(t.Context(), refs[0].WorkflowID(), "", "by the test"))
		require.NoError(t, round(t.Context()))
	}
	end()
	e.Await(func() bool { return runs(t, e, refs[0]) }, "it begins again")
	require.Equal(t, before.Version, placeOf(t, e, refs[0]).Version)
	require.Equal(t, before, e.Case(refs[0]), "and has changed nothing")

	end()
	for range 3 {
		require.NoError(t, round(t.Context()))
	}
	requireLost(t, e, refs[0])
	_, err := e.Settle(refs[0], "operator", campus.RetryStep, campus.LostWorkflow, 1)
	require.Equal(t, campus.WorkflowLost, campus.ReasonOf(err), "nothing about the incident itself can be settled")
	requireLost(t, e, refs[0])

	e.ExecAsOwner(`update events set at = at - interval '61 minutes' where kind = 'begun_again'`)
	e.ExecAsOwner(`update moves set at = at - interval '1 hour'`)
	require.NoError(t, round(t.Context()))
	e.Await(func() bool {
		require.NoError(t, round(t.Context()))
		return runs(t, e, refs[0]) && len(e.OpenItems(refs[0])) == 1
	}, "it is tried again, and the incident is closed")
}

// runs tells whether the workflow of a case runs.
func runs(t *testing.T, e *workflowtest.Engine, ref campus.CaseRef) bool {
	t.Helper()
	found, err := e.Client.DescribeWorkflowExecution(t.Context(), ref.WorkflowID(), "")
	require.NoError(t, err)
	return found.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
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
