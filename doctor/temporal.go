package doctor

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"campuscard/worker"
	"campuscard/workflows/engine"
)

func (d *doctor) lookAtTemporal(ctx context.Context) []Finding {
	kept := make(chan bool, 1)
	go func() { kept <- d.storeErr == nil && d.store.Writable(ctx) == nil }()
	health := make(chan error, 1)
	go func() { _, err := d.Temporal.CheckHealth(ctx, nil); health <- err }()
	info, err := d.Temporal.WorkflowService().GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
	switch {
	case err != nil && <-health == nil: // it needs its database for the one, and not for the other
		return fail("temporal.database", values{"error": oneLine(err)})
	case err != nil && <-kept: // tried just now: nobody is promised what is not known
		return fail("temporal.away.kept", values{"error": oneLine(err)})
	case err != nil:
		return fail("temporal.away", values{"error": oneLine(err)})
	}
	return well("temporal.fine", values{"version": info.GetServerVersion()})
}

func (d *doctor) lookAtNamespace(ctx context.Context) []Finding {
	found, err := d.Temporal.WorkflowService().DescribeNamespace(ctx,
		&workflowservice.DescribeNamespaceRequest{Namespace: d.Namespace})
	seen := values{"namespace": d.Namespace}
	if _, gone := errors.AsType[*serviceerror.NamespaceNotFound](err); gone {
		return fail("temporal.namespace.none", seen)
	}
	if err != nil {
		return broken(err)
	}
	kept := found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	seen["days"] = days(kept)
	if kept < worker.Retention {
		return warn("temporal.namespace.short", seen)
	}
	return well("temporal.namespace.fine", seen)
}

// lookAtAttributes tells whether cases can be found by all search attributes (K5); without one, moves cannot be shown
// and workflows stand still.
func (d *doctor) lookAtAttributes(ctx context.Context) []Finding {
	known, err := d.Temporal.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: d.Namespace})
	if err != nil {
		return broken(err)
	}
	var wrong []string
	for _, key := range engine.SearchAttributes() {
		if kind, there := known.GetCustomAttributes()[key.GetName()]; !there || kind != key.GetValueType() {
			wrong = append(wrong, key.GetName())
		}
	}
	if len(wrong) > 0 {
		return fail("temporal.attributes.wrong", values{"names": strings.Join(wrong, ", ")})
	}
	return well("temporal.attributes.fine", values{"count": strconv.Itoa(len(engine.SearchAttributes()))})
}

// lookAtQueues tells whether somebody works on every task queue.
func (d *doctor) lookAtQueues(ctx context.Context) []Finding {
	queues := worker.TaskQueues(d.policies.ServiceSystems())
	idle := make([]string, len(queues))
	group, ctx := errgroup.WithContext(ctx)
	for i, queue := range queues {
		group.Go(func() error {
			kind := enumspb.TASK_QUEUE_TYPE_ACTIVITY
			if queue == engine.CaseQueue {
				kind = enumspb.TASK_QUEUE_TYPE_WORKFLOW
			}
			found, err := d.Temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
				Namespace: d.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, TaskQueueType: kind,
			})
			if err == nil && len(found.GetPollers()) == 0 {
				idle[i] = queue
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return broken(err)
	}
	if idle = slices.DeleteFunc(idle, func(queue string) bool { return queue == "" }); len(idle) > 0 {
		return fail("temporal.queues.idle", values{"names": strings.Join(idle, ", ")})
	}
	return well("temporal.queues.fine", values{"count": strconv.Itoa(len(queues))})
}

// lookAtBuild compares the build that new cases go to with this program.
func (d *doctor) lookAtBuild(ctx context.Context) []Finding {
	current, err := worker.CurrentBuild(ctx, d.Temporal)
	seen := values{"current": string(current), "ours": string(d.Build)}
	_, none := errors.AsType[*serviceerror.NotFound](err)
	switch {
	case none || err == nil && current == "":
		return fail("temporal.build.none", seen)
	case err != nil:
		return broken(err)
	case current != d.Build:
		return warn("temporal.build.other", seen)
	}
	return well("temporal.build.fine", seen)
}
