package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/casework"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// runEnder ends the run of a case after each of its moves, as soon as that is written and before the run hears of it,
// and has another begin from the row of the case alone (K8).
type runEnder struct {
	around
	t     *testing.T
	mu    sync.Mutex
	ended map[string]int // runs, by workflow id
	runs  map[string]bool
}

// over tells whether a run was ended: Temporal tells its worker later, and nothing that it does until then may count.
func (e *runEnder) over(run string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runs[run]
}

func newRunEnder(t *testing.T) *runEnder {
	e := &runEnder{t: t, ended: map[string]int{}, runs: map[string]bool{}}
	e.do = func(ctx context.Context, run func() (any, error)) (any, error) {
		if e.over(activity.GetInfo(ctx).WorkflowExecution.RunID) {
			// An answer, and no fault that is tried again: the worker would keep the run for a whole task, and not stop before.
			return nil, engine.ToTemporal(campus.Errorf(campus.Conflict, "", "the run is over"))
		}
		result, err := run()
		if info := activity.GetInfo(ctx); err == nil && info.IsLocalActivity && isNewMove(e.t, info, result) {
			e.end(ctx)
		}
		return result, err
	}
	return e
}

// isNewMove tells whether a step has answered a move that it has written just now, and that has not ended the case.
func isNewMove(t *testing.T, info activity.Info, result any) bool {
	if info.ActivityType.Name == "ReadPlace" {
		return false // a look, which names a version too
	}
	raw, err := json.Marshal(result)
	require.NoError(t, err)
	var answer struct {
		campus.Begun
		Moved campus.Moved // of a step that answers more than its move
	}
	if json.Unmarshal(raw, &answer) != nil {
		return false
	}
	moved := answer.Begun.Moved
	if moved.Version == 0 {
		moved = answer.Moved
	}
	return moved.Version > 0 && !moved.Repeated && moved.Outcome == ""
}

// end terminates the run that the step belongs to, and starts the next.
func (e *runEnder) end(ctx context.Context) {
	info, c := activity.GetInfo(ctx), activity.GetClient(ctx)
	// On a busy machine this takes longer than the step may; whoever stops the worker waits for so long.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	ref := info.WorkflowExecution
	e.mu.Lock()
	e.runs[ref.RunID] = true
	e.mu.Unlock()
	first, err := e.terminate(ctx, c, ref)
	if err != nil {
		return // it has ended by itself, or the test is over
	}
	var input campus.CaseInput
	started := first.GetWorkflowExecutionStartedEventAttributes()
	require.NoError(e.t, converter.GetDefaultDataConverter().FromPayloads(started.GetInput(), &input))
	_, err = c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: ref.ID, TaskQueue: engine.CaseQueue, TypedSearchAttributes: engine.StartAttributes(input),
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, started.GetWorkflowType().GetName(), campus.CaseInput{Case: input.Case, University: input.University,
		Campus: input.Campus})
	require.NoError(e.t, err)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended[ref.ID]++
}

// terminate ends a run, and answers with what it began. A server that is busy is asked again: what the run does counts
// no more, so that it would do nothing for ever.
func (e *runEnder) terminate(ctx context.Context, c client.Client, ref workflow.Execution) (first *history.HistoryEvent, err error) {
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		first, err = c.GetWorkflowHistory(ctx, ref.ID, ref.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
		if err == nil {
			err = c.TerminateWorkflow(ctx, ref.ID, ref.RunID, "the test ends every run")
		}
		if gone := new(serviceerror.NotFound); err == nil || errors.As(err, &gone) {
			return first, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		case <-e.t.Context().Done():
			return nil, err
		}
	}
}

// TestRunsThatEndAfterEveryMove plays every recorded course with the run ended after each of its moves: the next run
// knows what the row of the case and the tables say, and comes to the same end. Nothing is done or told twice.
func TestRunsThatEndAfterEveryMove(t *testing.T) {
	t.Parallel()
	for name, course := range recorded {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ender := newRunEnder(t)
			l := course(t, ender)
			require.Equal(t, told[name].story, joined(slices.DeleteFunc(l.Events(l.ref), isOfTheMoment)))
			require.Equal(t, told[name].effects, l.effects())
			ender.mu.Lock()
			defer ender.mu.Unlock()
			require.EqualValues(t, l.Case(l.ref).Version-1, ender.ended[l.ref.WorkflowID()], "a run for each move but the last")
		})
	}
}

// isOfTheMoment is said when somebody decides in the moment between two runs, and isOnTheWay when the bureau is looked
// at in the moment in which the courier has the cards.
func isOfTheMoment(event string) bool { return event == "begun_again" || isOnTheWay(event) }

func isOnTheWay(event string) bool { return event == "batch_shipped" }

// endsRuns tells whether a course is played with its runs ended.
func endsRuns(with []interceptor.WorkerInterceptor) bool {
	return slices.ContainsFunc(with, func(i interceptor.WorkerInterceptor) bool {
		switch i.(type) {
		case *runEnder, *outruns:
			return true
		}
		return false
	})
}

// A run ends in the middle of a retry that staff have asked for: the next makes the same attempt under its key, and
// that is what staff are told, whoever sends their decision again (K3).
func TestRunThatEndsInARetry(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good)
	l.School.Fault("library", "outage")
	l.review(campus.Approve, "")
	l.AwaitParked(l.ref, "grant-library", 1)
	calls := l.School.Calls("open_patron")
	l.School.Fault("library", "slow", workflowtest.Fields{"latency_ms": 2_000, "moment": "after"})
	d, err := l.Env.Decide(l.ref, campus.SettleStepUpdate, workflowtest.Staff("operator"),
		campus.Said{Action: string(campus.RetryStep), Step: "grant-library", Attempt: 1}, struct{}{})
	require.NoError(t, err)
	sender := decisions.NewSender(l.Store, l.Client, l.Log)
	sent := make(chan casework.Decision, 1)
	go func() {
		d, _ := sender.Send(context.WithoutCancel(t.Context()), d) // what went wrong is what it says
		sent <- d
	}()
	l.Await(func() bool { return l.School.Calls("open_patron") > calls }, "the attempt is being made")
	require.NoError(t, l.Client.TerminateWorkflow(t.Context(), l.ref.WorkflowID(), "", "by the test"))
	d = <-sent
	require.NotEqual(t, casework.DecisionRefused, d.State, "that a run has ended is no answer")
	l.School.Fault("library", "none")
	l.Await(func() bool {
		d, _ = sender.Send(t.Context(), d)
		return d.State == casework.DecisionDone
	}, "the retry has its answer")
	var settled campus.Settled
	require.NoError(t, json.Unmarshal(d.Answer, &settled))
	require.Equal(t, campus.Settled{Step: "grant-library", Attempt: 2, Outcome: campus.StepOK}, settled)
	l.activate()
	l.end(campus.Completed)
	require.Equal(t, 1, l.School.Effects("open_patron"))
	require.Len(t, l.School.Keys("open_patron"), 1)
	require.NotContains(t, l.Events(l.ref), "step_failed_again")
}
