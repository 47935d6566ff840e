package cards

import (
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// cardEnding is one run of the process that takes a card which has ended out of the systems of the base package (D4,
// C1). Its packages and its plastic have cases of their own.
type cardEnding struct {
	casework                *engine.Casework
	engine.Memory[struct{}] // nothing: the card is the case
}

// endingFlow is the process of a card that has ended. The card is over already: what is left is to tell the systems.
var endingFlow = engine.Flow[*cardEnding]{
	New:   func(c *engine.Casework) *cardEnding { return &cardEnding{casework: c} },
	Begin: (*cardEnding).begin, Stages: engine.Stages[*cardEnding]{campus.StageRevoking: (*cardEnding).revoke},
}

func (w *cardEnding) begin(ctx workflow.Context) error {
	_, _, err := engine.Begin[struct{}](ctx, w.casework, engine.Steps.BeginEnding,
		campus.Move{Name: "begin", Stage: campus.StageRevoking, WaitsFor: campus.WaitsForSchool})
	return err
}

// revoke has all systems let the card go, side by side: one that is away keeps no other waiting. What two people have
// skipped or given up they have seen to in the system itself.
func (w *cardEnding) revoke(ctx workflow.Context) error {
	services := campus.BasePackage()
	names := make([]string, len(services))
	for i, service := range services {
		names[i] = "revoke-" + string(service)
	}
	err := engine.Parallel(ctx, names, func(ctx workflow.Context, i int) error {
		u := revocation(services[i], w.casework.Input.Case.ID)
		_, err := engine.Step[struct{}](ctx, w.casework, u.Kind, u.Call)
		return letBe(err)
	})
	if err != nil {
		return err
	}
	if err := w.casework.Quiet(ctx); err != nil {
		return err
	}
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "revoked", Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: campus.Completed,
		Events: []campus.Event{engine.Event("card_revoked", campus.System())},
	}})
}
