package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	temporalclient "go.temporal.io/sdk/client"

	"campuscard/campus"
)

// history counts the events that one plain application leaves in Temporal, from its start to the active card.
func (b *bench) history(ctx context.Context) (result, error) {
	h := b.house
	list, err := h.applicants(ctx, 1)
	if err != nil {
		return result{}, err
	}
	a := list[0]
	application, err := a.student.Apply(ctx, a.filled)
	if err != nil {
		return result{}, err
	}
	if err := a.reaches(ctx, application, campus.StageReview); err != nil {
		return result{}, err
	}
	reviewer, err := h.api.StaffSignIn(ctx, a.person.University, "reviewer", h.env["SEED_STAFF_PASSWORD"])
	if err != nil {
		return result{}, err
	}
	seen, err := reviewer.Case(ctx, application)
	if err != nil {
		return result{}, err
	}
	if _, err := reviewer.Review(ctx, seen.WorkItems[0].ID, campus.Approve, ""); err != nil {
		return result{}, err
	}
	if err := a.reaches(ctx, application, campus.StageActivation); err != nil {
		return result{}, err
	}
	if _, err := a.student.Activate(ctx, application); err != nil {
		return result{}, err
	}
	if err := a.reaches(ctx, application, campus.StageDone); err != nil {
		return result{}, err
	}
	events, err := h.events(ctx, campus.CaseRef{Kind: campus.ApplicationCase, ID: application})
	return result{Name: "history", Value: float64(events), Unit: "events"}, err
}

// reaches waits until the applicant's case is at a stage.
func (a *applicant) reaches(ctx context.Context, application uuid.UUID, stage campus.Stage) error {
	for {
		c, err := a.student.Case(ctx, application)
		if err != nil {
			return err
		}
		if c.Stage == stage {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not come to %s: %w", c, stage, ctx.Err())
		}
	}
}

// events returns the length of a history.
func (h *env) events(ctx context.Context, ref campus.CaseRef) (int, error) {
	temporal, err := temporalclient.DialContext(ctx,
		temporalclient.Options{HostPort: h.env["TEMPORAL_ADDRESS"], Namespace: h.env["TEMPORAL_NAMESPACE"]})
	if err != nil {
		return 0, fmt.Errorf("reach Temporal: %w", err)
	}
	defer temporal.Close()
	count := 0
	history := temporal.GetWorkflowHistory(ctx, ref.WorkflowID(), "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		if _, err := history.Next(); err != nil {
			return 0, fmt.Errorf("read the history: %w", err)
		}
		count++
	}
	return count, nil
}
