package cards

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// awaitingEnrolment has an approved freshman wait for the day of enrolment (A6). Due is the day after which the card is
// cancelled.
func (w *application) awaitingEnrolment() engine.Change {
	day := *w.plan.EnrolsOn
	due := w.enrolmentEnd(day)
	return engine.Change{Knows: w.Knowing(func(s *applicationState) { s.EnrolsOn = &day }), Move: campus.Move{
		Name: "provisioned", Stage: campus.StageEnrolment, WaitsFor: campus.WaitsForRegistry, Due: &due,
		Events: []campus.Event{engine.Event("provisioned", campus.System())},
		Notices: []campus.Notice{{Template: "notice.approved_freshman",
			Params: map[string]string{"day": campus.DateOf(day).String()}}},
	}}
}

func (w *application) enrolmentEnd(day time.Time) time.Time {
	return day.Add(w.plan.Application.EnrolmentGrace.Std())
}

// awaitEnrolment waits until Academic Affairs has the freshman as a student, and activates the card then (A6). It
// begins to ask a while before the day, and gives up some time after it: who never arrives is cancelled.
func (w *application) awaitEnrolment(ctx workflow.Context) error {
	return w.untilLeft(ctx, campus.StageEnrolment, w.watchEnrolment)
}

func (w *application) watchEnrolment(ctx workflow.Context) error {
	p := w.plan.Application
	begin := w.State.EnrolsOn.Add(-p.EnrolmentPoll.Std()).Sub(workflow.Now(ctx))
	if begin > 0 {
		gone, err := engine.AwaitFor(ctx, begin, "enrolment: begin to ask", w.left(campus.StageEnrolment))
		if err != nil || gone {
			return err
		}
	}
	for {
		enrolled, err := w.lookForEnrolment(ctx)
		if err != nil || w.left(campus.StageEnrolment)() {
			return err
		}
		if enrolled {
			return w.enrolled(ctx)
		}
		left := w.enrolmentEnd(*w.State.EnrolsOn).Sub(workflow.Now(ctx))
		if left <= 0 {
			return w.enrolmentIsOver(ctx)
		}
		gone, err := engine.AwaitFor(ctx, min(p.EnrolmentPoll.Std(), left), "ask for the enrolment",
			w.left(campus.StageEnrolment))
		if err != nil || gone {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return w.continueAsNew(ctx, campus.StageEnrolment)
		}
	}
}

// lastEnrolmentLook is the step of the last look whether a freshman has enrolled.
const lastEnrolmentLook = "last-look-enrolment"

// enrolmentIsOver looks a last time before the card is cancelled. That is a step that cannot be skipped: an outage is
// no freshman who never arrived, and nobody else knows.
func (w *application) enrolmentIsOver(ctx workflow.Context) error {
	kind := engine.StepKind{Name: lastEnrolmentLook, NoSkip: true}
	enrolled, err := engine.Step[bool](ctx, w.casework, kind,
		engine.Call{Queue: engine.AcademicQueue, Summary: "has the freshman enrolled, after all?",
			Activity: engine.Steps.LookForEnrolment})
	switch {
	case err != nil:
		return err
	case enrolled:
		return w.enrolled(ctx)
	}
	return w.expire(ctx, "not_enrolled")
}

// enrolled activates the card, unless the student was faster and took the application back. A card of the same human
// under another number has to go first: the holder is told, and activates when that is done. Who has no studies ahead
// gets none.
func (w *application) enrolled(ctx workflow.Context) error {
	err := w.casework.Advance(ctx, w.activation(ctx, "enrolled", campus.System()))
	switch campus.ReasonOf(err) {
	case campus.OtherCardActive:
		return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
			Name: "other-card", Stage: campus.StageActivation, WaitsFor: campus.WaitsForStudent,
			Due:     engine.Until(ctx, w.plan.Activation.Wait),
			Reason:  campus.OtherCardActive,
			Events:  []campus.Event{engine.Event("other_card_found", campus.System())},
			Notices: []campus.Notice{{Template: "notice.other_card"}},
		}})
	case campus.StudiesOver:
		return w.casework.Advance(ctx, w.closing("studies-over",
			ending{Outcome: campus.RefusedBy, Reason: campus.StudiesOver, By: campus.System()}))
	}
	return err
}

// activateEnrolled activates the card of a freshman who does not want to wait for the next look. A last look that is
// made or parked meanwhile is not needed any more. Nobody is asked before the decision is known to have been made.
func (w *application) activateEnrolled(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	var made int64
	err := engine.Once(ctx, engine.Steps.CheckDecision, campus.Move{Case: w.casework.Input.Case, Decision: d}, &made)
	if err == nil && made == 0 { // what was carried out before is not asked for again
		err = w.mustBeEnrolled(ctx)
	}
	if err != nil {
		return campus.Decided{}, err
	}
	ch := w.activation(ctx, campus.ActivateUpdate, d.By)
	ch.Then = func() {
		if w.leave != nil {
			w.leave()
		}
	}
	return w.casework.Decided(w.casework.DecideInTurn(ctx, d, func() (engine.Change, error) {
		return ch, w.casework.NotBusy()
	}))
}

// mustBeEnrolled is asked for by a freshman who has enrolled just now and does not want to wait for the next look. An
// outage of our own parts is waited out; one of the school's system is told.
func (w *application) mustBeEnrolled(ctx workflow.Context) error {
	var enrolled bool
	ref := campus.StepRef{Case: w.casework.Input.Case, Step: enrolmentLook}
	err := w.casework.Outlast(ctx, engine.Rounds{Ref: ref, Files: true,
		Round: func(ctx workflow.Context, _ int) (err error) {
			enrolled, err = w.askEnrolment(ctx)
			return err
		}})
	switch {
	case temporal.IsCanceledError(err):
		return err
	case campus.CodeOf(engine.FromTemporal(err)).Retryable():
		return campus.Errorf(campus.Conflict, "registry_away", "Academic Affairs does not answer")
	case err != nil:
		return engine.FromTemporal(err)
	case !enrolled:
		return campus.Errorf(campus.Conflict, "not_enrolled_yet", "Academic Affairs does not have the freshman as enrolled")
	}
	return nil
}

// lookForEnrolment is one look of the process itself: an outage answers as if nothing were new.
func (w *application) lookForEnrolment(ctx workflow.Context) (bool, error) {
	enrolled, err := w.askEnrolment(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return enrolled && err == nil, nil
}

// enrolmentLook is the step of the looks whether a freshman has enrolled.
const enrolmentLook = "poll-enrolment"

// askEnrolment asks once. The error is Temporal's.
func (w *application) askEnrolment(ctx workflow.Context) (enrolled bool, err error) {
	err = w.casework.Look(ctx, enrolmentLook, engine.Call{Queue: engine.AcademicQueue,
		Summary: "has the freshman enrolled?", Activity: engine.Steps.LookForEnrolment}, &enrolled)
	return enrolled, err
}
