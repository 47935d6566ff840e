package decisions

import (
	"context"
	"fmt"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// Lost deals with a case that seems to have no workflow, as after Temporal was restored from a dump that is older than
// the case, or after somebody has terminated it: another run goes on from the row of the case (K8). One that comes no
// further becomes an incident, once.
func (s *Sender) Lost(ctx context.Context, ref campus.CaseRef) error {
	if runs, err := s.runs(ctx, ref); err != nil || runs {
		return err
	}
	if begins, err := s.store.Casework.StartAgain(ctx, ref); err != nil || begins {
		return err
	}
	if runs, err := s.runs(ctx, ref); err != nil || runs { // it has begun in between
		return err
	}
	s.log.ErrorContext(ctx, "an open case has no workflow", "workflow_id", ref.WorkflowID())
	return s.store.Casework.OpenIncident(ctx, ref, campus.NewWorkItem{
		Kind: campus.IncidentItem, Step: campus.LostWorkflow, Attempt: 1, Cause: campus.Internal, Reason: campus.WorkflowLost,
	})
}

// Apart has the workflow of a case look whether the case is where it has left it, and begin again from the row of the
// case if not (K8). Nothing happens where it waits for staff to see why that does not help, and where it is over.
func (s *Sender) Apart(ctx context.Context, ref campus.CaseRef) error {
	_, err := s.beginsAgain(ctx, ref)
	return err
}

// beginsAgain does so, and tells whether another run may begin for it.
func (s *Sender) beginsAgain(ctx context.Context, ref campus.CaseRef) (bool, error) {
	place, err := s.place(ctx, ref, newest)
	if err != nil {
		return false, err
	}
	if place.Outcome != "" || slices.Contains(place.Stuck, campus.BeginAgain) {
		return false, nil
	}
	if err := s.temporal.SignalWorkflow(ctx, ref.WorkflowID(), "", campus.BeginAgain, nil); err != nil &&
		!engine.IsGone(err) {
		return false, fmt.Errorf("have a workflow begin again: %w", err)
	}
	return true, nil
}

// newest is the run of a case that Temporal takes for its workflow.
const newest = ""

// place asks a run of a case where it stands, or stood when it ended.
func (s *Sender) place(ctx context.Context, ref campus.CaseRef, run string) (place campus.Place, err error) {
	answer, err := s.temporal.QueryWorkflow(ctx, ref.WorkflowID(), run, campus.PlaceQuery)
	if err != nil {
		return place, fmt.Errorf("ask a workflow for its place: %w", err)
	}
	if err := answer.Get(&place); err != nil {
		return place, fmt.Errorf("read the place of a workflow: %w", err)
	}
	return place, nil
}

// runs tells whether Temporal runs a case.
func (s *Sender) runs(ctx context.Context, ref campus.CaseRef) (bool, error) {
	found, err := s.temporal.DescribeWorkflowExecution(ctx, ref.WorkflowID(), "")
	if engine.IsGone(err) {
		return false, nil
	}
	return found.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, err
}

// Found closes the incident of Lost: the case has a workflow again.
func (s *Sender) Found(ctx context.Context, ref campus.CaseRef) error {
	return s.store.Casework.CloseIncident(ctx, ref, campus.LostWorkflow)
}
