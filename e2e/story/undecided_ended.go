package story

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/simulator"
)

// The steps that park while the library and the bureau are out of order.
const (
	endingStep = "revoke-library"
	batchStep  = "send-batch"
)

// OneHuman has the roster say that two numbers are those of one human, of which only the second counts now.
type OneHuman func(ctx context.Context, university, former, present string) error

// succeeds has somebody activate a card under a second number while the library is out of order. The card under the
// first number has ended then, and the case that ends it has parked.
func (r *round) succeeds(ctx context.Context, one OneHuman) error {
	if err := r.successor.run(ctx, (*storyRun).apply, (*storyRun).isReviewed); err != nil {
		return err
	}
	if err := one(ctx, college, r.former.person.Number, r.successor.person.Number); err != nil {
		return err
	}
	library := simulator.Fault{System: brokenSystem, University: college, Mode: "outage"}
	return r.without(ctx, library, func() (err error) {
		if err := r.successor.run(ctx, (*storyRun).activatesQuietly); err != nil {
			return err
		}
		if r.ending, err = r.former.caseWithIncident(ctx, endingStep); err != nil {
			return err
		}
		_, err = r.former.caseReaches(ctx, r.former.plastic, campus.StageDone) // the bureau takes its order back
		return err
	})
}

// isMade has somebody activate a card while the bureau is out of order: the batch with it has parked then.
func (r *round) isMade(ctx context.Context) error {
	if err := r.made.run(ctx, (*storyRun).apply, (*storyRun).isReviewed); err != nil {
		return err
	}
	return r.without(ctx, simulator.Fault{System: "bureau", Mode: "outage"}, func() (err error) {
		if err := r.made.run(ctx, (*storyRun).activatesQuietly); err != nil {
			return err
		}
		r.batch, err = r.made.caseWithIncident(ctx, batchStep)
		return err
	})
}

// without does something while a system is out of order.
func (r *round) without(ctx context.Context, fault simulator.Fault, do func() error) error {
	err := r.school.Break(ctx, fault)
	if err == nil {
		err = do()
	}
	return errors.Join(err, r.former.mend(ctx, fault))
}

// caseWithIncident waits until a step of a case has become somebody's work, and answers the case.
func (s *storyRun) caseWithIncident(ctx context.Context, step string) (id uuid.UUID, err error) {
	err = s.await(ctx, "incident of "+step, func(ctx context.Context) (bool, string, error) {
		items, err := s.operator.WorkItems(ctx, campus.IncidentItem, 50)
		for _, item := range items {
			if item.Step == step {
				id = item.CaseID
			}
		}
		return id != uuid.Nil, fmt.Sprintf("%d incidents", len(items)), err
	})
	return id, err
}

// ofEnded returns the settlements of what came of the card that was replaced.
func (r *round) ofEnded(retry retried) []Undecided {
	once := func(done client.Done) func(context.Context) error {
		return func(ctx context.Context) error { return r.former.acted(ctx, done) }
	}
	return []Undecided{
		{Name: "end of a card retried", Case: r.ending,
			Moves:   []string{"settle-step:retry:" + endingStep, "retried:" + endingStep, "revoked"},
			Outcome: campus.Completed, Post: retry(r.former, r.ending, endingStep), Became: r.former.operator.Decision,
			Effects: once(client.Done{System: brokenSystem, Operation: "close_patron", Reference: r.ending.String()})},
		{Name: "batch retried", Case: r.batch, OnItsWay: true,
			Moves: []string{"settle-step:retry:" + batchStep, "retried:" + batchStep, "sent"},
			Post:  retry(r.made, r.batch, batchStep), Became: r.made.operator.Decision,
			Effects: once(client.Done{System: "bureau", Operation: "batch", Reference: r.batch.String()})},
	}
}
