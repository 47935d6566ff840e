package workflows

import (
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// cardEnding is one run of the process that takes a card which has ended out of the systems of the base package (D4,
// C1). Its packages and its plastic have cases of their own.
type cardEnding struct {
	*casework
	memory[struct{}] // nothing: the card is the case
}

// Ending is the process of a card that has ended. The card is over already: what is left is to tell the systems.
func Ending(ctx workflow.Context, input campus.CaseInput) error {
	w := &cardEnding{casework: newCasework(ctx, input)}
	if err := w.setup(ctx, w, nil); err != nil {
		return err
	}
	in := activities.PlanCase{Case: w.input.Case.ID, University: w.input.University}
	if err := w.own(ctx, "plan", steps.PlanEnding, in, &w.steps); err != nil {
		return err
	}
	begin := campus.Move{Name: "begin", Stage: campus.StageRevoking, WaitsFor: campus.WaitsForSchool}
	if err := w.advance(ctx, change{Move: begin}); err != nil {
		return err
	}
	if w.doing = w.stage; w.outcome == "" {
		if err := w.revoke(ctx); err != nil && w.outcome == "" {
			return err
		}
	}
	return drain(ctx)
}

// revoke has all systems let the card go, side by side: one that is away keeps no other waiting. What two people have
// skipped or given up they have seen to in the system itself.
func (w *cardEnding) revoke(ctx workflow.Context) error {
	services := campus.BasePackage()
	names := make([]string, len(services))
	for i, service := range services {
		names[i] = "revoke-" + string(service)
	}
	err := parallel(ctx, names, func(ctx workflow.Context, i int) error {
		u := revocation(services[i], w.input.Case.ID)
		_, err := step[struct{}](ctx, w.casework, u.kind, u.call)
		return letBe(err)
	})
	if err != nil {
		return err
	}
	if err := w.quiet(ctx); err != nil {
		return err
	}
	return w.advance(ctx, change{Move: campus.Move{
		Name: "revoked", Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: campus.Completed,
		Events: []campus.Event{event("card_revoked", campus.System())},
	}})
}
