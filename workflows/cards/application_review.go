package cards

import (
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// reviewMove puts the application before a reviewer, with the date by which they decide (C3).
func (w *application) reviewMove(ctx workflow.Context) campus.Move {
	due := w.plan.Calendar.AddWorkingDays(workflow.Now(ctx), w.plan.Application.ReviewWorkingDays)
	return campus.Move{
		Name: "ask-review", Stage: campus.StageReview, WaitsFor: campus.WaitsForReviewer, Due: &due,
		Events: []campus.Event{engine.Event("review_asked", campus.System())},
		Opens:  []campus.NewWorkItem{{Kind: campus.ReviewItem, Due: &due}},
	}
}

// awaitReview waits for a reviewer: a reminder, an escalation, and an end.
func (w *application) awaitReview(ctx workflow.Context) error {
	p := w.plan.Application
	item := campus.WorkItemKey{Kind: campus.ReviewItem}
	untilDue := func(before campus.Duration) time.Duration {
		return w.casework.Due.Sub(w.casework.Since()) - before.Std()
	}
	done, err := w.casework.Wait(ctx, p.ReviewLimit.Std(), "review", w.left(campus.StageReview),
		engine.Rung{After: untilDue(p.ReviewReminder), Name: "review: remind", Climb: func() engine.Change {
			return engine.Change{At: campus.StageReview, Move: campus.Move{
				Name:   "remind:review",
				Events: []campus.Event{engine.InternalEvent("review_reminded", campus.System())},
				Remind: []campus.WorkItemKey{item},
			}}
		}},
		engine.Rung{After: untilDue(p.ReviewEscalation), Name: "review: escalate", Climb: func() engine.Change {
			return engine.Change{At: campus.StageReview, Move: campus.Move{
				Name:     "escalate:review",
				Events:   []campus.Event{engine.InternalEvent("review_escalated", campus.System())},
				Escalate: []campus.WorkItemKey{item},
			}}
		}})
	if err == nil && !done {
		return w.expire(ctx, "not_reviewed")
	}
	return err
}

// review is a reviewer's decision (C3).
func (w *application) review(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	ch := engine.Change{}
	switch campus.ReviewAction(d.Action) {
	case campus.Approve:
		ch = w.approval(d)
	case campus.Reject:
		ch = w.closing("", ending{Outcome: campus.Rejected, Reason: d.Reason, By: d.By})
	case campus.AskMore:
		ch.Stage, ch.WaitsFor, ch.Due = campus.StageEvidence, campus.WaitsForStudent,
			engine.Until(ctx, w.plan.Application.EvidenceWait)
		ch.Reason = d.Reason
		ch.Events = []campus.Event{engine.Event("more_asked", d.By, "reason", d.Reason)}
		ch.Notices = []campus.Notice{{Template: "notice.more_asked"}}
	default:
		return campus.Decided{}, campus.FieldErrorf("action", "action_unknown", "a review approves, rejects or asks for more")
	}
	ch.Move = ch.With(campus.NewFact(campus.NoteFact, nil))
	ch.Name = campus.ReviewUpdate + ":" + d.Action
	ch.Closes = []campus.WorkItemKey{{Kind: campus.ReviewItem}}
	return w.casework.Decided(w.casework.Decide(ctx, d, ch))
}

// approval makes the pending card; its id follows from the case, so that it is the same however often this runs. The
// pictures of documents have had their verdict with it, and go (B4).
func (w *application) approval(d campus.Decision) engine.Change {
	card := uuid.NewSHA1(w.casework.Input.Case.ID, []byte("card"))
	return engine.Change{
		Move: campus.Move{Stage: campus.StageProvisioning, WaitsFor: campus.WaitsForSchool,
			Events: []campus.Event{engine.Event("approved", d.By)},
			Facts:  []campus.Fact{campus.NewFact(campus.PicturesFact, allImages)}},
		Knows: w.Knowing(func(s *applicationState) { s.Card = card }),
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.CreateCard, activities.CreateCard{Move: m, Card: card, By: d.By})
		},
	}
}

// awaitEvidence waits for what the reviewer asked the student for.
func (w *application) awaitEvidence(ctx workflow.Context) error {
	p := w.plan.Application
	done, err := w.casework.Wait(ctx, p.EvidenceWait.Std(), "evidence", w.left(campus.StageEvidence),
		w.remind(p.EvidenceReminder, "evidence"))
	if err == nil && !done {
		return w.expire(ctx, "evidence_not_brought")
	}
	return err
}

// bringEvidence takes what the student brings and has everything but the face checked again; what is still missing is
// asked for again (A4).
func (w *application) bringEvidence(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	var replaced activities.Replaced
	return w.casework.Decided(w.casework.Decide(ctx, d, engine.Change{
		Move: campus.Move{Stage: campus.StageChecking, WaitsFor: campus.WaitsForSchool,
			Events: []campus.Event{engine.Event("evidence_brought", d.By)}},
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			err := workflow.ExecuteLocalActivity(ctx, engine.Steps.ReplaceEvidence, m).Get(ctx, &replaced)
			return replaced.Moved, err
		},
		Then: func() { w.plan.Papers = replaced.Papers },
	}))
}
