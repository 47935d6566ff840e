package cards

import (
	"errors"
	"strconv"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// provision makes the card known to every system of the base package, side by side (C1).
func (w *application) provision(ctx workflow.Context) error {
	services := campus.BasePackage()
	names := make([]string, len(services))
	for i, service := range services {
		names[i] = "grant-" + string(service)
	}
	err := engine.Parallel(ctx, names, func(ctx workflow.Context, i int) error {
		reference, err := engine.Step[string](ctx, w.casework, engine.StepKind{Name: names[i], Moves: true},
			engine.Call{Queue: engine.BaseQueue(services[i]), Summary: names[i], Activity: engine.Steps.GrantService,
				Input: func(ref campus.StepRef) any {
					return activities.ServiceStep{Ref: ref, Card: w.State.Card, Service: services[i]}
				}})
		if err == nil && reference != "" {
			granted := campus.Granted{Card: w.State.Card, Service: services[i], Reference: reference, At: workflow.Now(ctx)}
			w.casework.Pending.Facts = append(w.casework.Pending.Facts, campus.NewFact(campus.GrantFact, granted))
		}
		if errors.Is(err, engine.ErrSkipped) {
			return nil // two people took it upon them; the timeline says so
		}
		return err
	})
	if err != nil {
		return err
	}
	if w.plan.EnrolsOn != nil {
		return w.casework.Advance(ctx, w.awaitingEnrolment())
	}
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "provisioned", Stage: campus.StageActivation, WaitsFor: campus.WaitsForStudent, Due: engine.Until(ctx,
			w.plan.Activation.Wait),
		Events:  []campus.Event{engine.Event("provisioned", campus.System())},
		Notices: []campus.Notice{{Template: "notice.approved"}},
	}})
}

// revocations take a card that was made out of every service of the base package.
func (w *application) revocations() (all []engine.Undoing) {
	if w.State.Card == uuid.Nil {
		return nil
	}
	for _, service := range campus.BasePackage() {
		all = append(all, revocation(service, w.State.Card))
	}
	return all
}

// revocation takes a card out of a system; harmless where it never was.
func revocation(service campus.Service, card uuid.UUID) engine.Undoing {
	name := "revoke-" + string(service)
	return engine.Undoing{Kind: engine.StepKind{Name: name},
		Call: engine.Call{Queue: engine.BaseQueue(service), Summary: name, Activity: engine.Steps.RevokeService,
			Input: func(ref campus.StepRef) any { return activities.ServiceStep{Ref: ref, Card: card, Service: service} }}}
}

// awaitActivation waits for the student to activate the card (D1).
func (w *application) awaitActivation(ctx workflow.Context) error {
	p := w.plan.Activation
	done, err := w.casework.Wait(ctx, p.Wait.Std(), "activation", w.left(campus.StageActivation),
		w.remind(p.FirstReminder, "activation"), w.remind(p.LastReminder, "activation"))
	if err != nil || done {
		return err
	}
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "lapse", Stage: campus.StageLapsed, WaitsFor: campus.WaitsForStudent, Due: engine.Until(ctx,
			p.Reopen), Reason: "not_activated",
		Events:  []campus.Event{engine.Event("activation_lapsed", campus.System())},
		Notices: []campus.Notice{{Template: "notice.activation_lapsed"}},
	}})
}

// activate makes the card active, ends the application and starts the plastic, all in one transaction (D1, D2, D4).
func (w *application) activate(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	if w.casework.Stage == campus.StageEnrolment {
		return w.activateEnrolled(ctx, d)
	}
	return w.casework.Decided(w.casework.Decide(ctx, d, w.activation(ctx, campus.ActivateUpdate, d.By)))
}

// activation is the move that makes the card active.
func (w *application) activation(ctx workflow.Context, name string, by campus.Actor) engine.Change {
	promised := w.plan.Calendar.AddWorkingDays(workflow.Now(ctx), w.plan.PromiseWorkingDays)
	return engine.Change{
		Move: campus.Move{
			Name: name, Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: campus.Completed,
			Events:  []campus.Event{engine.Event("activated", by)},
			Notices: []campus.Notice{w.promise(engine.PromisedDay(promised))},
		},
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.ActivateCard, activities.ActivateCard{
				Move: m, Card: w.State.Card, CardLife: w.plan.Activation.CardLife, Promised: promised,
				Batched: w.plan.Batched, NoPackages: w.plan.NoPackages, By: by,
				PlasticCase: uuid.NewSHA1(w.State.Card, []byte("plastic case")),
				Plastic:     uuid.NewSHA1(w.State.Card, []byte("plastic 1")),
			})
		},
	}
}

// promise tells by when the plastic is there (D2), and when that is an estimate, because the holidays of the year are
// not announced yet.
func (w *application) promise(day campus.Date) campus.Notice {
	if year := w.plan.Calendar.Estimated(day); year != 0 {
		return campus.Notice{Template: "notice.activated_estimate",
			Params: map[string]string{"promised": day.String(), "year": strconv.Itoa(year)}}
	}
	return campus.Notice{Template: "notice.activated", Params: map[string]string{"promised": day.String()}}
}

// awaitReopening keeps a lapsed activation for a while; after that everything is undone.
func (w *application) awaitReopening(ctx workflow.Context) error {
	done, err := w.casework.Wait(ctx, w.plan.Activation.Reopen.Std(), "re-opening",
		w.left(campus.StageLapsed))
	if err == nil && !done {
		return w.expire(ctx, "not_activated")
	}
	return err
}

// reopen gives the student a new period to activate the card (D1).
func (w *application) reopen(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.Decide(ctx, d, engine.Change{Move: campus.Move{
		Stage: campus.StageActivation, WaitsFor: campus.WaitsForStudent, Due: engine.Until(ctx, w.plan.Activation.Wait),
		Events: []campus.Event{engine.Event("reopened", d.By)},
	}}))
}
