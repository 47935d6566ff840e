package workflows

import (
	"errors"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// provision makes the card known to every system of the base package, side by side (C1). Before each, its undoing is
// kept.
func (w *application) provision(ctx workflow.Context) error {
	services := campus.BasePackage()
	names := make([]string, len(services))
	for i, service := range services {
		names[i] = "grant-" + string(service)
	}
	w.keepRevocations()
	err := parallel(ctx, names, func(ctx workflow.Context, i int) error {
		reference, err := step[string](ctx, w.casework, stepKind{Name: names[i], Moves: true}, func(ctx workflow.Context, ref campus.StepRef) workflow.Future {
			return workflow.ExecuteActivity(on(ctx, serviceQueue(services[i]), names[i]), steps.GrantService,
				activities.ServiceStep{Ref: ref, Card: w.state.Card, Service: services[i]})
		})
		if err == nil && reference != "" {
			w.news.granted = append(w.news.granted, campus.Granted{Card: w.state.Card, Service: services[i], Reference: reference, At: workflow.Now(ctx)})
		}
		if errors.Is(err, errSkipped) {
			return nil // two people took it upon them; the timeline says so
		}
		return err
	})
	if err != nil {
		return err
	}
	if w.plan.EnrolsOn != nil {
		return w.move(ctx, w.enrolmentMove(), nil)
	}
	return w.move(ctx, campus.Move{
		Stage: campus.StageActivation, WaitsFor: campus.WaitsForStudent, Due: until(ctx, w.plan.Activation.Wait),
		Events:  []campus.Event{event("provisioned", campus.System())},
		Notices: []campus.Notice{{Template: "notice.approved"}},
	}, nil)
}

// keepRevocations keeps the undoing of every service of the base package.
func (w *application) keepRevocations() {
	for _, service := range campus.BasePackage() {
		w.undoings = append(w.undoings, w.revocation(service))
	}
}

func (w *application) revocation(service campus.Service) undoing {
	name := "revoke-" + string(service)
	return undoing{stepKind{Name: name}, func(ctx workflow.Context, ref campus.StepRef) workflow.Future {
		return workflow.ExecuteActivity(on(ctx, serviceQueue(service), name), steps.RevokeService,
			activities.ServiceStep{Ref: ref, Card: w.state.Card, Service: service})
	}}
}

// awaitActivation waits for the student to activate the card (D1).
func (w *application) awaitActivation(ctx workflow.Context) error {
	p := w.plan.Activation
	done, err := wait(ctx, workflow.Now(ctx), p.Wait.Std(), "activation", w.left(campus.StageActivation),
		w.remind(p.FirstReminder, "activation"), w.remind(p.LastReminder, "activation"))
	if err != nil || done {
		return err
	}
	return w.advance(ctx, campus.StageActivation, campus.Move{
		Stage: campus.StageLapsed, WaitsFor: campus.WaitsForStudent, Due: until(ctx, p.Reopen), Reason: "not_activated",
		Events:  []campus.Event{event("activation_lapsed", campus.System())},
		Notices: []campus.Notice{{Template: "notice.activation_lapsed"}},
	}, nil)
}

// activate makes the card active, ends the application and starts the plastic, all in one transaction (D1, D2, D4).
func (w *application) activate(ctx workflow.Context, d Decide) (Decided, error) {
	from := w.stage
	if from == campus.StageEnrolment {
		return w.activateEnrolled(ctx, d)
	}
	if err := w.makeActive(ctx, from, d); err != nil {
		return Decided{}, err
	}
	return w.decided(), nil
}

func (w *application) makeActive(ctx workflow.Context, from campus.Stage, d Decide) error {
	promised := w.plan.Calendar.AddWorkingDays(workflow.Now(ctx), w.plan.PromiseWorkingDays)
	m := campus.Move{
		Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: campus.Completed, Decision: d.Decision,
		Events:  []campus.Event{event("activated", d.By)},
		Notices: []campus.Notice{{Template: "notice.activated", Params: map[string]string{"promised": promisedDay(promised).String()}}},
	}
	return w.decide(ctx, from, m, func(ctx workflow.Context, m campus.Move) workflow.Future {
		return workflow.ExecuteLocalActivity(ctx, steps.ActivateCard, activities.ActivateCard{
			Move: m, Card: w.state.Card, CardLife: w.plan.Activation.CardLife, Promised: promised, Batched: w.plan.Batched, NoPackages: w.plan.NoPackages, By: d.By,
			PlasticCase: uuid.NewSHA1(w.state.Card, []byte("plastic case")),
			Plastic:     uuid.NewSHA1(w.state.Card, []byte("plastic 1")),
		})
	})
}

// awaitReopening keeps a lapsed activation for a while; after that everything is undone.
func (w *application) awaitReopening(ctx workflow.Context) error {
	done, err := wait(ctx, workflow.Now(ctx), w.plan.Activation.Reopen.Std(), "re-opening", w.left(campus.StageLapsed))
	if err == nil && !done {
		return w.expire(ctx, campus.StageLapsed, "not_activated")
	}
	return err
}

// reopen gives the student a new period to activate the card (D1).
func (w *application) reopen(ctx workflow.Context, d Decide) (Decided, error) {
	err := w.decide(ctx, campus.StageLapsed, campus.Move{
		Stage: campus.StageActivation, WaitsFor: campus.WaitsForStudent, Due: until(ctx, w.plan.Activation.Wait),
		Decision: d.Decision, Events: []campus.Event{event("reopened", d.By)},
	}, nil)
	if err != nil {
		return Decided{}, err
	}
	return w.decided(), nil
}
