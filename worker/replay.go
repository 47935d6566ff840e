package worker

import (
	"context"
	"fmt"
	"log/slog"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Replay runs the histories of all open cases against this build, so that a change that would break one is found
// before it is current. It answers how many were run; the error names the cases that break.
func Replay(ctx context.Context, temporal client.Client, namespace string, log *slog.Logger) (int, error) {
	replayer := worker.NewWorkflowReplayer()
	RegisterWorkflows(replayer)
	var token []byte
	count, broken := 0, 0
	for {
		page, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, Query: "ExecutionStatus = 'Running' and CampusCaseKind is not null", NextPageToken: token,
		})
		if err != nil {
			return count, fmt.Errorf("list open cases: %w", err)
		}
		for _, found := range page.GetExecutions() {
			e := found.GetExecution()
			err := replayer.ReplayWorkflowExecution(ctx, temporal.WorkflowService(), nil, namespace,
				workflow.Execution{ID: e.GetWorkflowId(), RunID: e.GetRunId()})
			if err != nil {
				broken++
				log.ErrorContext(ctx, "a running case breaks with this build", "workflow_id", e.GetWorkflowId(), "error", err)
			}
			count++
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			break
		}
	}
	if broken > 0 {
		return count, fmt.Errorf("%d of %d open cases break with this build", broken, count)
	}
	return count, nil
}
