package story

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// decisions returns all decisions of a round, ready to be made: files are handed in, items claimed, documents seen.
func (r *round) decisions(ctx context.Context) ([]Undecided, error) {
	reviews, err := r.reviews(ctx)
	if err != nil {
		return nil, err
	}
	verification, err := r.verification(ctx)
	if err != nil {
		return nil, err
	}
	ofHolders, err := r.ofHolders(ctx)
	if err != nil {
		return nil, err
	}
	settlements, err := r.settlements(ctx)
	if err != nil {
		return nil, err
	}
	pause := Undecided{Name: "campaign paused", Case: r.campaign, Left: campus.StageInviting, Moves: []string{"pause"},
		Post:   func(ctx context.Context) (client.Decision, error) { return r.admin.Once().Pause(ctx, r.campaign) },
		Became: r.admin.Decision}
	return append(append(append(reviews, verification, pause), ofHolders...), settlements...), nil
}

func (r *round) reviews(ctx context.Context) (list []Undecided, err error) {
	for s, u := range map[*storyRun]Undecided{
		r.approved: {Name: "approved", Moves: []string{"review:approve", "provisioned"}, Effects: r.approved.isHeldOnce},
		r.rejected: {Name: "rejected", Moves: []string{"review:reject", "end"}, Outcome: campus.Rejected,
			Effects: r.rejected.hasNoCard},
	} {
		item, err := s.item(ctx, s.reviewer, campus.ReviewItem)
		if err != nil {
			return nil, err
		}
		if err := s.reviewer.Claim(ctx, item); err != nil {
			return nil, err
		}
		action, reason := campus.Approve, ""
		if u.Outcome == campus.Rejected {
			action, reason = campus.Reject, campus.ReviewReasons(campus.Reject, campus.StudentRoute, campus.Mainland)[0]
		}
		u.Case, u.Left, u.Waits, u.Became = s.application, campus.StageReview, true, s.reviewer.Decision
		u.Post = func(ctx context.Context) (client.Decision, error) {
			return s.reviewer.Once().Review(ctx, item, action, reason)
		}
		list = append(list, u)
	}
	return list, nil
}

func (r *round) verification(ctx context.Context) (u Undecided, err error) {
	s := r.verified
	item, err := s.item(ctx, s.counter, campus.InPersonItem)
	if err != nil {
		return u, err
	}
	found, err := s.counter.Case(ctx, s.application)
	if err != nil {
		return u, err
	}
	if err := s.counter.SeeOriginal(ctx, found.PersonID, s.person.DocumentType, s.person.DocumentNumber); err != nil {
		return u, err
	}
	return Undecided{Name: "verified", Case: s.application, Left: campus.StageInPerson, Moves: []string{"verify:pass"},
		Waits: true,
		Post: func(ctx context.Context) (client.Decision, error) {
			return s.counter.Once().Verify(ctx, item, campus.Pass)
		},
		Became: s.counter.Decision}, nil
}

// ofHolders returns the decisions that are the holder's to make.
func (r *round) ofHolders(ctx context.Context) ([]Undecided, error) {
	letter, err := r.completed.handInPapers(ctx, campus.LetterItem)
	if err != nil {
		return nil, err
	}
	card, err := r.resent.card(ctx)
	if err != nil {
		return nil, err
	}
	return []Undecided{
		{Name: "activated", Case: r.activated.application, Left: campus.StageActivation, Moves: []string{"activate"},
			Waits:   true,
			Outcome: campus.Completed, Became: r.activated.student.Decision, Effects: r.activated.isHeldOnce,
			Post: func(ctx context.Context) (client.Decision, error) {
				return r.activated.student.Once().Activate(ctx, r.activated.application)
			}},
		{Name: "withdrawn", Case: r.withdrawn.application, Left: campus.StageReview, Moves: []string{"withdraw", "end"},
			Waits: true, Outcome: campus.Withdrawn, Became: r.withdrawn.student.Decision, Effects: r.withdrawn.hasNoCard,
			Post: func(ctx context.Context) (client.Decision, error) {
				return r.withdrawn.student.Once().Withdraw(ctx, r.withdrawn.application)
			}},
		{Name: "evidence brought", Case: r.completed.application, Left: campus.StageEvidence,
			Moves: []string{"bring-evidence", "checked"}, Waits: true, Became: r.completed.student.Decision,
			Post: func(ctx context.Context) (client.Decision, error) {
				return r.completed.student.Once().Bring(ctx, r.completed.application, letter, nil)
			}},
		{Name: "resent", Case: r.resent.plastic, Moves: []string{"resend"}, Became: r.resent.student.Decision,
			Post: func(ctx context.Context) (client.Decision, error) {
				return r.resent.student.Once().Resend(ctx, card.ID, card.Plastics[0].KioskID)
			},
			Effects: r.resent.isBroughtAgain},
	}, nil
}

// retried makes a decision of an operator to retry a step.
type retried func(of *storyRun, id uuid.UUID, step string) func(context.Context) (client.Decision, error)

// settlements returns what staff do with parked steps, alone or as the second of two.
func (r *round) settlements(ctx context.Context) ([]Undecided, error) {
	second, err := r.staff(ctx, college, "operator2")
	if err != nil {
		return nil, err
	}
	var retry retried = func(of *storyRun, id uuid.UUID, step string) func(context.Context) (client.Decision, error) {
		return func(ctx context.Context) (client.Decision, error) { return of.operator.Once().Retry(ctx, id, step, 1) }
	}
	card, err := r.resent.card(ctx)
	if err != nil {
		return nil, err
	}
	return append([]Undecided{
		{Name: "step retried", Case: r.retried.application,
			Moves: []string{"settle-step:retry:grant-library", "retried:grant-library", "provisioned"},
			Post:  retry(r.retried, r.retried.application, brokenStep), Became: r.retried.operator.Decision,
			Effects: r.retried.isHeldOnce},
		{Name: "step skipped by a second person", Case: r.skipped.application,
			Moves: []string{"settle-step:skip:grant-library", "provisioned"},
			Post: func(ctx context.Context) (client.Decision, error) {
				return second.Once().Skip(ctx, r.skipped.application, brokenStep, 1, "it does, I have looked")
			},
			Became: second.Decision},
		{Name: "package retried", Case: r.laundry,
			Moves:   []string{"settle-step:retry:subscribe-laundry", "retried:subscribe-laundry", "end:package_granted"},
			Outcome: campus.Completed, Post: retry(r.resent, r.laundry, laundryStep), Became: r.resent.operator.Decision,
			Effects: func(ctx context.Context) error {
				return r.resent.acted(ctx, client.Done{System: laundry, Operation: "subscribe", Reference: card.ID.String()})
			}},
	}, r.ofEnded(retry)...), nil
}

// item returns the only open item of the application.
func (s *storyRun) item(ctx context.Context, staff *client.Staff, kind campus.WorkItemKind) (uuid.UUID, error) {
	found, err := staff.Case(ctx, s.application)
	if err == nil && (len(found.WorkItems) != 1 || found.WorkItems[0].Kind != kind) {
		err = fmt.Errorf("%s has the work items %v, not one %s", found, found.WorkItems, kind)
	}
	if err != nil {
		return uuid.Nil, err
	}
	return found.WorkItems[0].ID, nil
}

// isBroughtAgain waits until the bureau has been given the card twice, to make it and to bring it again, and checks
// that it was not given it once more.
func (s *storyRun) isBroughtAgain(ctx context.Context) error {
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	orders := 0
	err = s.await(ctx, "order to bring the card again", func(ctx context.Context) (bool, string, error) {
		var err error
		order := client.Done{System: "bureau", Operation: "order", Reference: card.Plastics[0].ID.String()}
		orders, err = s.school.Effects(ctx, order)
		return orders > 1, fmt.Sprintf("%d orders", orders), err
	})
	if err == nil && (orders != 2 || len(card.Plastics) != 1) {
		err = fmt.Errorf("the bureau was given the card %d times, not twice; there are %d plastics", orders,
			len(card.Plastics))
	}
	return err
}

func (s *storyRun) hasNoCard(ctx context.Context) error {
	cards, err := s.student.Cards(ctx)
	if err == nil && len(cards) > 0 {
		err = fmt.Errorf("there are %d cards, not none", len(cards))
	}
	return err
}
