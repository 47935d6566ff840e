package workflows

import "go.temporal.io/sdk/workflow"

// withResult is a future that puts the result of another where it is wanted, so that a fact that answers something
// can be recorded like one that does not.
func withResult(ctx workflow.Context, f workflow.Future, result any) workflow.Future {
	done, set := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) { set.SetError(f.Get(ctx, result)) })
	return done
}
