package workflows_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// runEnder ends the run of a case after each of its moves, as soon as that is written and before the run hears of it,
// and has another begin from the row of the case alone (K8).
type runEnder struct {
	around
	t     *testing.T
	mu    sync.Mutex
	ended map[string]int // runs, by workflow id
}

func newRunEnder(t *testing.T) *runEnder {
	e := &runEnder{t: t, ended: map[string]int{}}
	e.do = func(ctx context.Context, run func() (any, error)) (any, error) {
		result, err := run()
		if err == nil && activity.GetInfo(ctx).IsLocalActivity && e.isNewMove(result) {
			e.end(ctx)
		}
		return result, err
	}
	return e
}

// isNewMove tells whether a step has answered a move that it has written just now, and that has not ended the case.
func (e *runEnder) isNewMove(result any) bool {
	raw, err := json.Marshal(result)
	require.NoError(e.t, err)
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
	ref := info.WorkflowExecution
	history := c.GetWorkflowHistory(ctx, ref.ID, ref.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := history.Next()
	if err != nil {
		return // the test is over
	}
	var input campus.CaseInput
	started := first.GetWorkflowExecutionStartedEventAttributes()
	require.NoError(e.t, converter.GetDefaultDataConverter().FromPayloads(started.GetInput(), &input))
	if err := c.TerminateWorkflow(ctx, ref.ID, ref.RunID, "the test ends every run"); err != nil {
		return // it has ended by itself
	}
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

// TestRunsThatEndAfterEveryMove plays every recorded course with the run ended after each of its moves: the next run
// knows what the row of the case and the tables say, and comes to the same end. Nothing is done or told twice.
func TestRunsThatEndAfterEveryMove(t *testing.T) {
	t.Parallel()
	for name, course := range recorded {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ender := newRunEnder(t)
			l := course(t, ender)
			require.Equal(t, told[name].story, joined(slices.DeleteFunc(l.Events(l.ref), isBegunAgain)))
			require.Equal(t, told[name].effects, l.effects())
			ender.mu.Lock()
			defer ender.mu.Unlock()
			require.Positive(t, ender.ended[l.ref.WorkflowID()])
			t.Logf("%d moves, %d runs were ended", l.Case(l.ref).Version, ender.ended[l.ref.WorkflowID()])
		})
	}
}

// isBegunAgain is said when somebody decides in the moment between two runs.
func isBegunAgain(event string) bool { return event == "begun_again" }

// endsRuns tells whether a course is played with its runs ended.
func endsRuns(with []interceptor.WorkerInterceptor) bool {
	return slices.ContainsFunc(with, func(i interceptor.WorkerInterceptor) bool {
		_, ends := i.(*runEnder)
		return ends
	})
}
