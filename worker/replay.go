package worker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"campuscard/workflows"
	"campuscard/workflows/engine"
)

const (
	replaysAtOnce = 8
	replayTries   = 3 // before a case is named: it may have moved while its history was fetched
	replayPause   = 200 * time.Millisecond
	decided       = 3 // events: started, scheduled, and the first task taken. With fewer, nothing has been decided yet
)

// replayer runs histories of cases against this build.
type replayer struct {
	temporal client.Client
	engine   worker.WorkflowReplayer
	quiet    sdklog.Logger // what the SDK says of a try that fails is said once the last has failed

	mu     sync.Mutex
	count  int
	broken []brokenCase
}

// brokenCase is a case that this build cannot go on with.
type brokenCase struct {
	workflowID string
	err        error
}

// Replay runs the histories of all open cases against this build, so that a change that would break one is found
// before it is current. It answers how many were run; the log names the cases that break, in the order of their ids.
func Replay(ctx context.Context, temporal client.Client, namespace string, log *slog.Logger) (int, error) {
	r := &replayer{
		temporal: temporal, engine: worker.NewWorkflowReplayer(),
		quiet: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}
	workflows.Register(r.engine)
	ids, err := openWorkflows(ctx, temporal, namespace)
	if err != nil {
		return 0, err
	}
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(replaysAtOnce)
	for _, id := range ids {
		group.Go(func() error { return r.examine(running, id) })
	}
	if err := group.Wait(); err != nil {
		return r.count, err
	}
	slices.SortFunc(r.broken, func(a, b brokenCase) int { return cmp.Compare(a.workflowID, b.workflowID) })
	for _, b := range r.broken {
		log.ErrorContext(ctx, "a running case breaks with this build", "workflow_id", b.workflowID, "error", b.err)
	}
	if len(r.broken) > 0 {
		return r.count, fmt.Errorf("%d of %d open cases break with this build", len(r.broken), r.count)
	}
	return r.count, nil
}

// openWorkflows are the ids of the workflows of all open cases, each once: a run that has just begun anew may be listed
// beside the one before.
func openWorkflows(ctx context.Context, temporal client.Client, namespace string) ([]string, error) {
	var ids []string
	var token []byte
	for {
		page, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, Query: "ExecutionStatus = 'Running' and CampusCaseKind is not null", NextPageToken: token,
		})
		if err != nil {
			return nil, fmt.Errorf("list open cases: %w", err)
		}
		for _, found := range page.GetExecutions() {
			ids = append(ids, found.GetExecution().GetWorkflowId())
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			slices.Sort(ids)
			return slices.Compact(ids), nil
		}
	}
}

// examine runs a case until one try goes well, and notes it as broken when none does. Each try fetches the history
// anew.
func (r *replayer) examine(ctx context.Context, id string) error {
	var broken error
	for try := range replayTries {
		if try > 0 && !sleep(ctx, replayPause) {
			return ctx.Err()
		}
		events, err := r.fetch(ctx, id)
		if engine.IsGone(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("fetch the history of %s: %w", id, err)
		}
		if broken = r.replay(id, events); broken == nil {
			break
		}
		if hasEnded(events) { // since it was listed: this build need not go on with it
			return nil
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if broken != nil {
		r.broken = append(r.broken, brokenCase{id, broken})
	}
	return nil
}

// fetch is the history of the newest run of a workflow as it is now.
func (r *replayer) fetch(ctx context.Context, id string) ([]*history.HistoryEvent, error) {
	var events []*history.HistoryEvent
	found := r.temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for found.HasNext() {
		event, err := found.Next()
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

func (r *replayer) replay(id string, events []*history.HistoryEvent) error {
	if len(events) < decided {
		return nil
	}
	return r.engine.ReplayWorkflowHistoryWithOptions(r.quiet, &history.History{Events: events},
		worker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{ID: id}})
}

// hasEnded tells whether a run is over.
func hasEnded(events []*history.HistoryEvent) bool {
	switch events[len(events)-1].GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		return true
	default:
		return false
	}
}
