package workflows

import (
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// reviewMove puts the application before a reviewer, with the date by which they decide (C3).
func (w *application) reviewMove(ctx workflow.Context) campus.Move {
	due := w.plan.Calendar.AddWorkingDays(workflow.Now(ctx), w.plan.Application.ReviewWorkingDays)
	return campus.Move{
		Stage: campus.StageReview, WaitsFor: campus.WaitsForReviewer, Due: &due,
		Events: []campus.Event{event("review_asked", campus.System())},
		Opens:  []campus.NewWorkItem{{Kind: campus.ReviewItem, Due: &due}},
	}
}

// awaitReview waits for a reviewer: a reminder, an escalation, and an end.
func (w *application) awaitReview(ctx workflow.Context) error {
	p := w.plan.Application
	item := campus.WorkItemKey{Kind: campus.ReviewItem}
	since := workflow.Now(ctx)
	untilDue := func(before campus.Duration) time.Duration { return w.due.Sub(since) - before.Std() }
	done, err := wait(ctx, since, p.ReviewLimit.Std(), "review", w.left(campus.StageReview),
		rung{untilDue(p.ReviewReminder), "review: remind", func(ctx workflow.Context) error {
			return w.advance(ctx, campus.StageReview, campus.Move{
				Events: []campus.Event{internalEvent("review_reminded", campus.System())},
				Remind: []campus.WorkItemKey{item},
			}, nil)
		}},
		rung{untilDue(p.ReviewEscalation), "review: escalate", func(ctx workflow.Context) error {
			return w.advance(ctx, campus.StageReview, campus.Move{
				Events:   []campus.Event{internalEvent("review_escalated", campus.System())},
				Escalate: []campus.WorkItemKey{item},
			}, nil)
		}})
	if err == nil && !done {
		return w.expire(ctx, campus.StageReview, "not_reviewed")
	}
	return err
}

// review is a reviewer's decision (C3).
func (w *application) review(ctx workflow.Context, d Decide) (Decided, error) {
	m := campus.Move{Decision: d.Decision, Closes: []campus.WorkItemKey{{Kind: campus.ReviewItem}}}
	var err error
	switch campus.ReviewAction(d.Action) {
	case campus.Approve:
		err = w.approve(ctx, d, m)
	case campus.Reject:
		m.Stage, m.WaitsFor, m.Reason = campus.StageClosing, campus.WaitsForSchool, d.Reason
		if err = w.decide(ctx, campus.StageReview, m, saveReview); err == nil {
			w.end(ending{outcome: campus.Rejected, reason: d.Reason, by: d.By, decision: d.Decision})
		}
	case campus.AskMore:
		m.Stage, m.WaitsFor, m.Due = campus.StageEvidence, campus.WaitsForStudent, until(ctx, w.plan.Application.EvidenceWait)
		m.Reason = d.Reason
		m.Events = []campus.Event{event("more_asked", d.By, "reason", d.Reason)}
		m.Notices = []campus.Notice{{Template: "notice.more_asked"}}
		err = w.decide(ctx, campus.StageReview, m, saveReview)
	default:
		err = campus.FieldErrorf("action", "action_unknown", "a review approves, rejects or asks for more")
	}
	if err != nil {
		return Decided{}, err
	}
	return w.decided(), nil
}

func saveReview(ctx workflow.Context, m campus.Move) workflow.Future {
	return workflow.ExecuteLocalActivity(ctx, steps.SaveReview, m)
}

// approve makes the pending card; its id follows from the case, so that it is the same however often this runs. The
// pictures of documents have had their verdict with it, and go (B4).
func (w *application) approve(ctx workflow.Context, d Decide, m campus.Move) error {
	m.Stage, m.WaitsFor = campus.StageProvisioning, campus.WaitsForSchool
	m.Events = []campus.Event{event("approved", d.By)}
	m.Forgets = &allImages
	card := uuid.NewSHA1(w.input.Case.ID, []byte("card"))
	err := w.decide(ctx, campus.StageReview, m, func(ctx workflow.Context, m campus.Move) workflow.Future {
		return workflow.ExecuteLocalActivity(ctx, steps.CreateCard, activities.CreateCard{Move: m, Card: card, By: d.By})
	})
	if err == nil {
		w.state.Card = card
	}
	return err
}

// awaitEvidence waits for what the reviewer asked the student for.
func (w *application) awaitEvidence(ctx workflow.Context) error {
	p := w.plan.Application
	done, err := wait(ctx, workflow.Now(ctx), p.EvidenceWait.Std(), "evidence", w.left(campus.StageEvidence),
		w.remind(p.EvidenceReminder, "evidence"))
	if err == nil && !done {
		return w.expire(ctx, campus.StageEvidence, "evidence_not_brought")
	}
	return err
}

// bringEvidence takes what the student brings and has everything but the face checked again; what is still missing is
// asked for again (A4).
func (w *application) bringEvidence(ctx workflow.Context, d Decide) (Decided, error) {
	m := campus.Move{Stage: campus.StageChecking, WaitsFor: campus.WaitsForSchool, Decision: d.Decision,
		Events: []campus.Event{event("evidence_brought", d.By)}}
	var papers []campus.Finding
	err := w.decide(ctx, campus.StageEvidence, m, func(ctx workflow.Context, m campus.Move) workflow.Future {
		return withResult(ctx, workflow.ExecuteLocalActivity(ctx, steps.ReplaceEvidence, m), &papers)
	})
	if err != nil {
		return Decided{}, err
	}
	w.state.Papers = papers
	return w.decided(), nil
}
