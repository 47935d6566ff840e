package production

import (
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// queued is a plastic that waits for a batch from now on.
func (w *plastic) queued(m campus.Move, id uuid.UUID) activities.QueuePlastic {
	return activities.QueuePlastic{Move: m, University: w.casework.Input.University, Plastic: id}
}

// queue has the present plastic wait for a batch: for the first time, or again because its batch was given up.
func (w *plastic) queue(ctx workflow.Context) error {
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "queue", Stage: campus.StageBatching, WaitsFor: campus.WaitsForEngine, Due: &w.State.Promised,
		Events: []campus.Event{engine.Event("plastic_queued", campus.System())},
	}, Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		return engine.Written(ctx, engine.Steps.QueuePlastic, w.queued(m, w.State.Plastic))
	}})
}

// awaitBatch waits until a batch has taken the plastic to the bureau. When the promise nears it opens one itself (D2).
func (w *plastic) awaitBatch(ctx workflow.Context) error {
	for {
		seen, status, err := w.lookOrBegun(ctx)
		if err != nil {
			return err
		}
		if followed, err := w.follow(ctx, status); followed || err != nil {
			return err
		}
		if !status.Waits {
			return w.casework.Advance(ctx, w.ordered())
		}
		limit := w.State.Since.Add(w.plan.Plastic.ProductionLimit.Std()).Sub(workflow.Now(ctx))
		if limit <= 0 {
			return w.giveUp(ctx, campus.Expired, "never_produced")
		}
		if w.untilUrgent(ctx) == 0 {
			if err := w.urge(ctx); err != nil {
				return err
			}
			continue
		}
		pause := min(limit, w.untilEscalation(ctx), w.untilUrgent(ctx))
		nudged, err := engine.AwaitFor(ctx, pause, "wait for a batch", func() bool { return w.casework.Nudges != seen })
		if err != nil {
			return err
		}
		if err := w.afterWait(ctx, nudged); err != nil {
			return err
		}
	}
}

// lookOrBegun is how the plastic stands, and how many nudges there were before: the first time what was seen when the
// case began, before any nudge.
func (w *plastic) lookOrBegun(ctx workflow.Context) (nudges int, status activities.PlasticStatus, err error) {
	if found := w.plan.Found; found != nil {
		w.plan.Found = nil
		return 0, *found, nil
	}
	nudges = w.casework.Nudges // before looking, so that none is lost in between
	status, err = w.look(ctx)
	return nudges, status, err
}

// untilUrgent is how long it is until the plastic cannot wait for others any more.
func (w *plastic) untilUrgent(ctx workflow.Context) time.Duration {
	if w.State.Urged {
		return w.plan.Plastic.ProductionLimit.Std()
	}
	return max(w.State.Promised.Add(-w.plan.Urgent.Std()).Sub(workflow.Now(ctx)), 0)
}

// urge opens a batch for the plastic and whatever else waits.
func (w *plastic) urge(ctx workflow.Context) error {
	promised := w.State.Promised.UTC().Format(time.RFC3339)
	in := activities.OpenBatch{University: w.casework.Input.University, Reason: campus.BatchUrgent, Only: w.State.Plastic,
		Batch: uuid.NewSHA1(w.State.Plastic, []byte("batch for "+promised))} // the same however often this runs
	if err := engine.Once(ctx, engine.Steps.OpenBatch, in, nil); err != nil {
		return err
	}
	return w.casework.Advance(ctx, engine.Change{At: w.casework.Doing, Move: campus.Move{Name: "urge"},
		Knows: w.Knowing(func(s *plasticState) { s.Urged = true })})
}

// parkRejected gives a card that the bureau would not make to staff. Their retry has it made again, once they have
// settled what was wrong; it goes with the next batch, so that there is no attempt whose outcome could be told now.
func (w *plastic) parkRejected(ctx workflow.Context) error {
	return w.casework.Park(ctx, &engine.ParkedStep{
		Ref: campus.StepRef{
			Case: w.casework.Input.Case, Step: campus.OrderStep(w.State.Seq), Attempt: 1, Key: 1, By: campus.System(),
		},
		NoSkip: true, NoCall: true,
		Cause: campus.Errorf(campus.Refused, "order_rejected", "the bureau does not take the card"),
		Try:   func(workflow.Context, campus.StepRef) error { return nil },
	})
}

// takeBack sends a card nobody came for back to the card centre, and tells the student what they can do.
func (w *plastic) takeBack(ctx workflow.Context) error {
	err := w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "take-back", Stage: campus.StageReturned, WaitsFor: campus.WaitsForStudent, Due: engine.Until(ctx,
			w.plan.Plastic.ReturnedWait),
		Reason:  "not_picked_up",
		Events:  []campus.Event{engine.Event("plastic_returned", campus.System())},
		Notices: []campus.Notice{{Template: "notice.plastic_returned"}},
	}, Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		return engine.Written(ctx, engine.Steps.ReturnPlastic, activities.ReturnPlastic{Move: m, Plastic: w.State.Plastic})
	}})
	switch campus.ReasonOf(err) {
	case "picked_up_meanwhile", "plastic_not_there": // the stage looks again
		return nil
	}
	return err
}

// awaitResend keeps a returned card until the student wants it after all. After that it is destroyed. News are looked
// at meanwhile: its card may have ended.
func (w *plastic) awaitResend(ctx workflow.Context) error {
	p := w.plan.Plastic
	for {
		done, err := w.casework.Wait(ctx, p.ReturnedWait.Std(), "returned",
			func() bool { return w.casework.Stage != campus.StageReturned || w.casework.Nudges != w.looked }, w.remindReturned())
		if err != nil {
			return err
		}
		if !done {
			return w.destroy(ctx)
		}
		if w.casework.Stage != campus.StageReturned {
			return nil
		}
		status, err := w.look(ctx)
		if err != nil {
			return err
		}
		if status.CardOver {
			return w.cardOver(ctx)
		}
	}
}

// remindReturned is a rung of a ladder that reminds the student of a card that can be sent again.
func (w *plastic) remindReturned() engine.Rung {
	return engine.Rung{After: w.plan.Plastic.ReturnedReminder.Std(), Name: "returned: remind the student",
		Climb: func() engine.Change {
			return engine.Change{At: campus.StageReturned, Move: campus.Move{
				Name:    "remind:returned",
				Events:  []campus.Event{engine.Event("reminded", campus.System())},
				Notices: []campus.Notice{{Template: "notice.remind_returned"}},
			}}
		}}
}

// destroy ends the case of a returned card that nobody wants.
func (w *plastic) destroy(ctx workflow.Context) error {
	const reason = "not_picked_up"
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "destroy", Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: campus.Expired, Reason: reason,
		Events:  []campus.Event{engine.Event("plastic_destroyed", campus.System())},
		Notices: []campus.Notice{{Template: "notice.plastic_destroyed"}},
	}, Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		return engine.Written(ctx, engine.Steps.EndPlastic,
			activities.EndPlastic{Move: m, Plastic: w.State.Plastic, State: campus.PlasticCancelled, Reason: reason})
	}})
}

// resend has the next batch bring a returned card to the kiosk the student has named, with a promise of its own (D2).
func (w *plastic) resend(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	now := workflow.Now(ctx)
	promised := w.plan.Calendar.AddWorkingDays(now, w.plan.Plastic.PromiseWorkingDays)
	return w.casework.Decided(w.casework.Decide(ctx, d, engine.Change{
		Move: campus.Move{Stage: campus.StageBatching, WaitsFor: campus.WaitsForEngine, Due: &promised,
			Events: []campus.Event{engine.Event("plastic_resent", d.By)}},
		Knows: w.Knowing(func(s *plasticState) { s.Promised, s.Since, s.Escalated, s.Urged = promised, now, false, false }),
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.ResendPlastic, activities.ResendPlastic{
				Move: m, University: w.casework.Input.University, Plastic: w.State.Plastic, Promised: promised, By: d.By,
			})
		},
	}))
}
