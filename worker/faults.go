package worker

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"campuscard/workflows/engine"
)

// faults takes our errors over the border of Temporal: from activities, workflows and updates.
type faults struct {
	interceptor.WorkerInterceptorBase
	tries *faultTries
}

// Faults is the interceptor without which no code arrives anywhere; every worker has it, also one in a test.
func Faults() interceptor.WorkerInterceptor { return &faults{tries: newFaultTries(time.Now)} }

// InterceptActivity implements interceptor.WorkerInterceptor.
func (f *faults) InterceptActivity(_ context.Context,
	next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &activityFaults{interceptor.ActivityInboundInterceptorBase{Next: next}, f.tries}
}

type activityFaults struct {
	interceptor.ActivityInboundInterceptorBase
	tries *faultTries
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *activityFaults) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := a.Next.ExecuteActivity(ctx, in)
	info := activity.GetInfo(ctx)
	if !info.IsLocalActivity {
		return result, engine.EndRound(err)
	}
	// One of our own, which waits for our parts by trying again.
	return result, engine.ToTemporal(a.tries.judge(ownTry{info.WorkflowExecution.RunID, info.ActivityType.Name,
		info.Attempt}, err))
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (*faults) InterceptWorkflow(_ workflow.Context,
	next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &workflowFaults{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type workflowFaults struct {
	interceptor.WorkflowInboundInterceptorBase
}

// ExecuteWorkflow implements interceptor.WorkflowInboundInterceptor.
func (w *workflowFaults) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	result, err := w.Next.ExecuteWorkflow(ctx, in)
	return result, engine.ToTemporal(err)
}

// ValidateUpdate implements interceptor.WorkflowInboundInterceptor.
func (w *workflowFaults) ValidateUpdate(ctx workflow.Context, in *interceptor.UpdateInput) error {
	return engine.ToTemporal(w.Next.ValidateUpdate(ctx, in))
}

// ExecuteUpdate implements interceptor.WorkflowInboundInterceptor.
func (w *workflowFaults) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	result, err := w.Next.ExecuteUpdate(ctx, in)
	return result, engine.ToTemporal(err)
}
