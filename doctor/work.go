package doctor

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
)

func (d *doctor) lookAtOutbox(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	waits := age(figures.At, figures.Outbox.Oldest)
	seen := values{"rows": strconv.Itoa(figures.Outbox.Rows), "failing": strconv.Itoa(figures.Outbox.Failing), "time": span(waits)}
	switch {
	case figures.Outbox.Failing > 0:
		return fail("outbox.failing", seen)
	case waits > d.watch().OutboxAge.Std():
		return warn("outbox.old", seen)
	}
	return well("outbox.fine", seen)
}

// lookAtQueued looks for cases that no workflow has taken up.
func (d *doctor) lookAtQueued(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	count, waits := 0, time.Duration(0)
	for _, c := range figures.Cases {
		if c.Stage == campus.StageQueued {
			count, waits = count+c.Open, max(waits, age(figures.At, &c.Oldest))
		}
	}
	seen := values{"count": strconv.Itoa(count), "time": span(waits)}
	if waits > d.watch().QueuedAge.Std() {
		return warn("queued.old", seen)
	}
	return well("queued.fine", seen)
}

// lookAtSteps says of every parked step how many wait, why, and since when.
func (d *doctor) lookAtSteps(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	var found []Finding
	for _, p := range figures.Parked {
		waits := age(figures.At, &p.Oldest)
		seen := values{"university": p.University, "step": p.Step, "cause": string(p.Cause), "count": strconv.Itoa(p.Count), "time": span(waits)}
		if waits > d.watch().ParkedAge.Std() {
			found = append(found, fail("steps.old", seen)...)
		} else {
			found = append(found, warn("steps.parked", seen)...)
		}
	}
	if len(found) == 0 {
		return well("steps.fine", nil)
	}
	return found
}

func (d *doctor) lookAtNotices(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	waits := age(figures.At, figures.Notices.Oldest)
	seen := values{"count": strconv.Itoa(figures.Notices.Rows), "failing": strconv.Itoa(figures.Notices.Failing), "time": span(waits)}
	if waits > d.watch().NoticeAge.Std() {
		return warn("notices.old", seen)
	}
	return well("notices.fine", seen)
}

// lookAtForgotten looks for files that the object store should have deleted (B4).
func (d *doctor) lookAtForgotten(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	waits := age(figures.At, figures.Forgotten.Oldest)
	seen := values{"count": strconv.Itoa(figures.Forgotten.Rows), "time": span(waits)}
	if waits > d.watch().ForgottenAge.Std() {
		return warn("forgotten.old", seen)
	}
	return well("forgotten.fine", seen)
}

func age(now time.Time, since *time.Time) time.Duration {
	if since == nil {
		return 0
	}
	return max(0, now.Sub(*since))
}

const (
	sample     = 100         // of the open cases, and of the running workflows
	settling   = time.Minute // for a case and its workflow to agree
	atOnce     = 16          // questions to Temporal
	shown      = 3           // of the ids
	failedTask = 3           // attempts of one workflow task
)

// lookAtCases compares open cases with running workflows, in both directions, and looks for workflows that cannot go on.
// A difference counts only if it is there on both sides after a moment, and for a minute.
func (d *doctor) lookAtCases(ctx context.Context) []Finding {
	before := d.store.Now().Add(-settling)
	open, err := d.store.OpenCases(ctx, before, sample)
	if err != nil {
		return broken(err)
	}
	alone, failing, err := d.withoutWorkflow(ctx, open)
	if err != nil {
		return broken(err)
	}
	left, err := d.withoutCase(ctx, before)
	if err != nil {
		return broken(err)
	}
	var found []Finding
	for code, ids := range map[string][]string{"cases.alone": alone, "cases.failing": failing, "cases.left": left} {
		if len(ids) > 0 {
			slices.Sort(ids)
			found = append(found, fail(code, values{"count": strconv.Itoa(len(ids)), "ids": strings.Join(ids[:min(len(ids), shown)], ", ")})...)
		}
	}
	if len(found) == 0 {
		return well("cases.fine", values{"count": strconv.Itoa(len(open))})
	}
	slices.SortFunc(found, func(a, b Finding) int { return strings.Compare(a.Code, b.Code) })
	return found
}

// withoutWorkflow are the open cases that nobody works on, and those whose workflow fails again and again.
func (d *doctor) withoutWorkflow(ctx context.Context, open []campus.CaseRef) (alone, failing []string, err error) {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, ref := range open {
		group.Go(func() error {
			running, attempts, err := d.runs(ctx, ref.WorkflowID())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				return err
			case !running:
				alone = append(alone, ref.WorkflowID())
			case attempts > failedTask:
				failing = append(failing, ref.WorkflowID())
			}
			return nil
		})
	}
	return alone, failing, group.Wait()
}

// runs tells whether a workflow runs, and how often its present task was tried.
func (d *doctor) runs(ctx context.Context, id string) (running bool, attempts int32, err error) {
	found, err := d.Temporal.DescribeWorkflowExecution(ctx, id, "")
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, err
	}
	running = found.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	return running, found.GetPendingWorkflowTask().GetAttempt(), nil
}

// withoutCase are workflows that run although their case is closed or unknown.
func (d *doctor) withoutCase(ctx context.Context, before time.Time) ([]string, error) {
	page, err := d.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: d.Namespace, PageSize: sample, Query: "ExecutionStatus = 'Running' and CampusCaseKind is not null",
	})
	if err != nil {
		return nil, err
	}
	var refs []campus.CaseRef
	for _, e := range page.GetExecutions() {
		kind, id, _ := strings.Cut(e.GetExecution().GetWorkflowId(), "/")
		if parsed, err := uuid.Parse(id); err == nil && e.GetStartTime().AsTime().Before(before) {
			refs = append(refs, campus.CaseRef{Kind: campus.CaseKind(kind), ID: parsed})
		}
	}
	refs, err = d.store.NotOpen(ctx, refs, before)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, ref := range refs { // the list may be a moment old
		running, _, err := d.runs(ctx, ref.WorkflowID())
		if err != nil {
			return nil, err
		}
		if running {
			left = append(left, ref.WorkflowID())
		}
	}
	return left, nil
}
