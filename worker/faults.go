package worker

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows"
)

// faults takes our errors over the border of Temporal: from activities, workflows and updates.
type faults struct {
	interceptor.WorkerInterceptorBase
}

// Faults is the interceptor without which no code arrives anywhere; every worker has it, also one in a test.
func Faults() interceptor.WorkerInterceptor { return &faults{} }

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*faults) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &activityFaults{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type activityFaults struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *activityFaults) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := a.Next.ExecuteActivity(ctx, in)
	info := activity.GetInfo(ctx)
	if !info.IsLocalActivity {
		return result, workflows.EndRound(err)
	}
	if info.Attempt >= ownTries { // one of our own, which waits for our parts by trying again
		err = hopeless(err)
	}
	return result, workflows.ToTemporal(err)
}

// ownTries is how often a step of our own is tried that fails for another reason than an outage: with its backoff that is
// about two minutes. What has failed so often becomes somebody's work.
const ownTries = 12

// hopeless makes a fault of ours one that is not tried again.
func hopeless(err error) error {
	if err == nil || campus.CodeOf(err) != campus.Internal {
		return err
	}
	return campus.Errorf(campus.Internal, campus.DataRefused, "%v", err)
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (*faults) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &workflowFaults{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type workflowFaults struct {
	interceptor.WorkflowInboundInterceptorBase
}

// ExecuteWorkflow implements interceptor.WorkflowInboundInterceptor.
func (w *workflowFaults) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	result, err := w.Next.ExecuteWorkflow(ctx, in)
	return result, workflows.ToTemporal(err)
}

// ValidateUpdate implements interceptor.WorkflowInboundInterceptor.
func (w *workflowFaults) ValidateUpdate(ctx workflow.Context, in *interceptor.UpdateInput) error {
	return workflows.ToTemporal(w.Next.ValidateUpdate(ctx, in))
}

// ExecuteUpdate implements interceptor.WorkflowInboundInterceptor.
func (w *workflowFaults) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	result, err := w.Next.ExecuteUpdate(ctx, in)
	return result, workflows.ToTemporal(err)
}
