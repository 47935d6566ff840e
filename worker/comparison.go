package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/workflows/engine"
)

// Apart is how an open case and its workflow differ. Empty: they stand at the same place.
type Apart string

// The differences.
const (
	Missing Apart = "missing" // the case has no workflow that runs
	Behind  Apart = "behind"  // the workflow does not know the newest moves of the case, or is at another stage
	Ahead   Apart = "ahead"   // the workflow knows moves that the case has not: Postgres was set back
	Silent  Apart = "silent"  // the workflow did not say in time where it stands, which tells nothing about the two

	Unstarted Apart = "unstarted" // nothing starts the workflow of the case any more: Temporal had it, and has lost it
)

// Comparison asks the workflows of open cases where they stand, and compares that with Postgres.
type Comparison struct {
	Store    *storage.Store
	Temporal client.Client
	Patience time.Duration // for one look at all cases
	Pause    time.Duration // before those that differ are looked at again
}

// Compared is what a comparison has found.
type Compared struct {
	Cases []campus.CaseRef         // that were compared
	Apart map[campus.CaseRef]Apart // those of them that are not at the same place
	Why   error                    // of one that is silent
}

// Of are the ids of the workflows that differ in one way, in order.
func (c Compared) Of(how Apart) []string {
	var ids []string
	for ref, apart := range c.Apart {
		if apart == how {
			ids = append(ids, ref.WorkflowID())
		}
	}
	slices.Sort(ids)
	return ids
}

// comparedAtOnce is how many workflows are asked at the same time.
const comparedAtOnce = 16

// standsAfter is how long a case has stood when it is compared: longer than the 10 s of a task of a workflow.
// A move is written first, and the workflow knows of it when its task is done.
const standsAfter = 15 * time.Second

// StandingSince is the moment before which a case must have moved last to be compared now.
func (c Comparison) StandingSince() time.Time { return c.Store.Now().Add(-standsAfter) }

// Compare compares cases with their workflows. One that differs, or whose workflow is silent, is looked at again before
// it is named: it may have moved, or come to its end, meanwhile.
func (c Comparison) Compare(ctx context.Context, cases []casework.StandingCase) (Compared, error) {
	compared := Compared{}
	for _, standing := range cases {
		compared.Cases = append(compared.Cases, standing.CaseRef)
	}
	compared.Apart, compared.Why = c.look(ctx, cases)
	if len(compared.Apart) == 0 {
		return compared, nil
	}
	if !sleep(ctx, c.Pause) {
		return compared, ctx.Err()
	}
	var ids []uuid.UUID
	for ref := range compared.Apart {
		ids = append(ids, ref.ID)
	}
	again, err := c.Store.Casework.StandingOf(ctx, c.StandingSince(), ids)
	if err != nil {
		return compared, err
	}
	compared.Apart, compared.Why = c.look(ctx, again)
	return compared, nil
}

// look asks the workflows of cases once, several at a time.
func (c Comparison) look(ctx context.Context, cases []casework.StandingCase) (map[campus.CaseRef]Apart, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	var mu sync.Mutex
	var why error
	apart := map[campus.CaseRef]Apart{}
	var group errgroup.Group
	group.SetLimit(comparedAtOnce)
	for _, standing := range cases {
		group.Go(func() error {
			how, err := c.one(ctx, standing)
			mu.Lock()
			defer mu.Unlock()
			if how != "" {
				apart[standing.CaseRef] = how
			}
			if err != nil {
				why = err
			}
			return nil
		})
	}
	return apart, errors.Join(group.Wait(), why)
}

// one compares a case with its workflow, and says why when that is silent.
func (c Comparison) one(ctx context.Context, standing casework.StandingCase) (Apart, error) {
	if ctx.Err() != nil {
		return Silent, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, max(c.Patience/4, time.Second)) // some that hang take no time from all others
	defer cancel()
	if standing.Stage == campus.StageQueued {
		return c.queued(ctx, standing)
	}
	place, err := c.place(ctx, standing.CaseRef)
	switch {
	case engine.IsGone(err), errors.Is(err, errEnded):
		return Missing, nil
	case err != nil:
		return Silent, err
	}
	return difference(standing, place), nil
}

// errEnded says that a workflow does not run any more.
var errEnded = errors.New("the workflow has ended")

// place asks a workflow that runs where it stands.
func (c Comparison) place(ctx context.Context, ref campus.CaseRef) (place campus.Place, err error) {
	answer, err := c.Temporal.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID: ref.WorkflowID(), QueryType: campus.PlaceQuery,
		QueryRejectCondition: enumspb.QUERY_REJECT_CONDITION_NOT_OPEN,
	})
	switch {
	case err != nil:
		return place, err
	case answer.QueryRejected != nil:
		return place, errEnded
	}
	err = answer.QueryResult.Get(&place)
	return place, err
}

// queued looks whether Temporal has the workflow of a case that waits for it. One that says that it has begun is ahead:
// Postgres was set back.
func (c Comparison) queued(ctx context.Context, standing casework.StandingCase) (Apart, error) {
	found, err := c.Temporal.DescribeWorkflowExecution(ctx, standing.WorkflowID(), "")
	switch {
	case engine.IsGone(err):
		return Unstarted, nil
	case err != nil:
		return Silent, err
	case found.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return Missing, nil
	}
	place, err := c.place(ctx, standing.CaseRef)
	switch {
	case err != nil:
		return "", nil //nolint:nilerr // it has nobody yet who could be asked
	case place.Version > 0:
		return Ahead, nil
	}
	return c.alone(ctx, standing, place.Stuck)
}

// alone looks at a workflow that does not get past its first move: it has asked staff for help, unless its case was not
// there then, because Postgres was set back. Now the case is there, the workflow waits, and nobody knows of it.
func (c Comparison) alone(ctx context.Context, standing casework.StandingCase, stuck []string) (Apart, error) {
	if len(stuck) == 0 {
		return "", nil
	}
	asked, err := c.Store.Casework.CaseWorkItems(ctx, standing.ID)
	if err != nil {
		return Silent, err
	}
	if slices.ContainsFunc(asked, func(w casework.WorkItem) bool { return slices.Contains(stuck, w.Step) }) {
		return "", nil
	}
	return Behind, nil
}

// difference compares version and stage. That another move stands at the same version shows when the workflow makes its
// next one.
func difference(standing casework.StandingCase, place campus.Place) Apart {
	switch {
	case place.Version > standing.Version:
		return Ahead
	case place.Version < standing.Version, place.Stage != standing.Stage:
		return Behind
	}
	return ""
}
