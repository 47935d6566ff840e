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
	"campuscard/worker"
)

const (
	sample     = 100         // of the open cases, and of the running workflows
	settling   = time.Minute // for the end of a case and that of its workflow
	atOnce     = 16          // questions to Temporal
	shown      = 3           // of the ids
	failedTask = 3           // attempts of one workflow task
)

// lookAtCases compares open cases with their workflows, looks for workflows that cannot go on, and for those whose case
// is not open. A difference counts only if it is there on both sides after a moment.
func (d *doctor) lookAtCases(ctx context.Context) []Finding {
	var compared worker.Compared
	var left []string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { compared, err = d.compare(ctx); return err })
	group.Go(func() (err error) { left, err = d.withoutCase(ctx, d.store.Now().Add(-settling)); return err })
	if err := group.Wait(); err != nil {
		return broken(err)
	}
	silent, failing := d.whySilent(ctx, compared.Of(worker.Silent))
	var found []Finding
	named := func(finding func(string, values) []Finding, code string, ids []string) {
		if len(ids) > 0 {
			found = append(found, finding(code, values{"count": strconv.Itoa(len(ids)),
				"of": strconv.Itoa(len(compared.Cases)), "ids": strings.Join(ids[:min(len(ids), shown)], ", ")})...)
		}
	}
	named(fail, "cases.ahead", compared.Of(worker.Ahead))
	named(fail, "cases.alone", append(compared.Of(worker.Missing), compared.Of(worker.Unstarted)...))
	named(fail, "cases.behind", compared.Of(worker.Behind))
	named(fail, "cases.failing", failing)
	named(fail, "cases.left", left)
	named(warn, "cases.silent", silent)
	if len(found) == 0 {
		return well("cases.fine", values{"count": strconv.Itoa(len(compared.Cases))})
	}
	return found
}

// compare compares a sample of the open cases with their workflows. Two looks and the pause between them take less than
// the time of a check.
func (d *doctor) compare(ctx context.Context) (worker.Compared, error) {
	comparison := worker.Comparison{Store: d.store, Temporal: d.Temporal,
		Patience: d.Timeout * 3 / 10, Pause: d.Timeout / 10}
	cases, err := d.store.Casework.StandingSample(ctx, comparison.StandingSince(), sample/2)
	if err != nil {
		return worker.Compared{}, err
	}
	return comparison.Compare(ctx, cases)
}

// whySilent tells the workflows that fail again and again from those that do not answer otherwise.
func (d *doctor) whySilent(ctx context.Context, ids []string) (silent, failing []string) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, id := range ids {
		group.Go(func() error {
			_, attempts, err := d.runs(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && attempts > failedTask {
				failing = append(failing, id)
			} else {
				silent = append(silent, id)
			}
			return nil
		})
	}
	_ = group.Wait() // who cannot be asked is silent
	slices.Sort(silent)
	slices.Sort(failing)
	return silent, failing
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

// withoutCase returns workflows that run although their case is closed or unknown.
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
