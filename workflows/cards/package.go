package cards

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// packageChange is one run of the process that grants one package to a card, or withdraws it (C2).
type packageChange struct {
	casework                *engine.Casework
	engine.Memory[struct{}] // nothing: what it is to do is in the tables
	plan                    activities.PackagePlan
}

// packageFlow is the process of one change of one value-added package. Each package of a card has cases of its own, so
// that each fails and is settled alone, and the card is used meanwhile.
var packageFlow = engine.Flow[*packageChange]{
	New:   func(c *engine.Casework) *packageChange { return &packageChange{casework: c} },
	Begin: (*packageChange).begin, Stages: packageStages,
}

var packageStages = engine.Stages[*packageChange]{
	campus.StageSubscribing:   (*packageChange).grant,
	campus.StageUnsubscribing: (*packageChange).withdraw,
}

func (w *packageChange) begin(ctx workflow.Context) error {
	plan, _, err := engine.Begin[activities.PackagePlan](ctx, w.casework, engine.Steps.BeginPackage,
		campus.Move{Name: "begin", Stage: campus.StageSubscribing, WaitsFor: campus.WaitsForSchool})
	w.plan = plan
	return err
}

// grant has the system take the card. Its no is final; while it does not answer, the step parks.
func (w *packageChange) grant(ctx workflow.Context) error {
	answer, err := w.subscribe(ctx)
	switch {
	case errors.Is(err, engine.ErrAborted):
		return w.giveUpGrant(ctx)
	case err != nil && !errors.Is(err, engine.ErrSkipped): // skipped: two people have seen to it in the system itself
		return err
	case answer.Refused:
		m := w.ending("package_refused", campus.RefusedBy, "package_refused")
		return w.settlePackage(ctx, m, campus.PackageRefused, answer.Refusal)
	}
	return w.settlePackage(ctx, w.ending("package_granted", campus.Completed, ""), campus.PackageGranted, "")
}

// withdraw has the system let the card go.
func (w *packageChange) withdraw(ctx workflow.Context) error {
	err := w.unsubscribe(ctx)
	switch {
	case errors.Is(err, engine.ErrAborted):
		return w.giveUpWithdrawal(ctx)
	case err != nil && !errors.Is(err, engine.ErrSkipped):
		return err
	}
	return w.settlePackage(ctx, w.ending("package_withdrawn", campus.Completed, ""), campus.PackageWithdrawn, "")
}

// giveUpGrant takes the card out again, because a call whose outcome nobody saw may have put it in.
func (w *packageChange) giveUpGrant(ctx workflow.Context) error {
	if err := letBe(w.unsubscribe(ctx)); err != nil {
		return err
	}
	m := w.ending("package_ended", campus.Aborted, "package_given_up")
	return w.settlePackage(ctx, m, campus.PackageWithdrawn, "")
}

// giveUpWithdrawal puts the card in again, because a call whose outcome nobody saw may have taken it out. A system that
// will not have it back has ended the package.
func (w *packageChange) giveUpWithdrawal(ctx workflow.Context) error {
	answer, err := w.subscribe(ctx)
	if err := letBe(err); err != nil {
		return err
	}
	if answer.Refused {
		m := w.ending("package_ended", campus.Aborted, "package_lost")
		return w.settlePackage(ctx, m, campus.PackageWithdrawn, answer.Refusal)
	}
	return w.settlePackage(ctx, w.ending("package_ended", campus.Aborted, "package_kept"), campus.PackageGranted, "")
}

// letBe passes over an undoing that two people have skipped or given up as well.
func letBe(err error) error {
	if errors.Is(err, engine.ErrSkipped) || errors.Is(err, engine.ErrAborted) {
		return nil
	}
	return err
}

func (w *packageChange) subscribe(ctx workflow.Context) (activities.PackageAnswer, error) {
	return w.call(ctx, "subscribe-"+w.plan.System, engine.Steps.SubscribePackage)
}

func (w *packageChange) unsubscribe(ctx workflow.Context) error {
	_, err := w.call(ctx, "unsubscribe-"+w.plan.System, engine.Steps.UnsubscribePackage)
	return err
}

// call is a step at the package's system, on that system's queue.
func (w *packageChange) call(ctx workflow.Context, name string, activity any) (activities.PackageAnswer, error) {
	return engine.Step[activities.PackageAnswer](ctx, w.casework, engine.StepKind{Name: name},
		engine.Call{Queue: engine.ServiceQueue(w.plan.System), Summary: name, Activity: activity,
			Input: func(ref campus.StepRef) any { return activities.PackageStep{Ref: ref} }})
}

// ending is the move that ends the case, and tells the holder; said names the event and the notice.
func (w *packageChange) ending(said string, outcome campus.Outcome, reason string) campus.Move {
	params := map[string]string{"package_zh": w.plan.Name.ZH, "package_en": w.plan.Name.EN}
	e := engine.Event(said, campus.System(), "package", w.plan.Code)
	if reason != "" {
		e.Data["reason"], params["reason"] = reason, reason
	}
	return campus.Move{
		Name: "end:" + said, Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: outcome, Reason: reason,
		Events: []campus.Event{e}, Notices: []campus.Notice{{Template: "notice." + said, Params: params}},
	}
}

// settlePackage records the ending together with the state the package has then.
func (w *packageChange) settlePackage(ctx workflow.Context, m campus.Move, state campus.PackageState,
	refusal string) error {
	if err := w.casework.Quiet(ctx); err != nil {
		return err
	}
	fact := func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		return engine.Written(ctx, engine.Steps.SettlePackage,
			activities.SettlePackage{Move: m, Package: w.plan.Package, State: state, Refusal: refusal})
	}
	return w.casework.Advance(ctx, engine.Change{Move: m, Fact: fact})
}
