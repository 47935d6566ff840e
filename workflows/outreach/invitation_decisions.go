package outreach

import (
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// pause stops a campaign until it is resumed. A wave that is being sent is sent.
func (w *invitation) pause(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.DecideInTurn(ctx, d, func() (engine.Change, error) {
		from, last := w.casework.Stage, w.plan.Period.Until.End()
		return engine.Change{
			Move: campus.Move{Stage: campus.StagePaused, WaitsFor: campus.WaitsForAdministrator, Due: &last,
				Events: []campus.Event{engine.InternalEvent("campaign_paused", d.By)}},
			Knows: w.Knowing(func(s *invitationState) { s.From, s.Held = from, "" }),
		}, nil
	}))
}

// resume has a campaign go on where it was paused. The wave that fell into the pause goes out now, not all that did.
func (w *invitation) resume(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.DecideInTurn(ctx, d, func() (engine.Change, error) {
		ch := w.stageMove(ctx, w.State.From, "campaign_resumed")
		ch.Name, ch.Events[0].Actor = campus.ResumeUpdate, d.By
		return ch, nil
	}))
}

// cancel ends a campaign. Who was invited may apply all the same, as anybody may.
func (w *invitation) cancel(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	ch := campaignEnding(campus.Withdrawn, "campaign_cancelled", engine.InternalEvent("campaign_cancelled", d.By))
	ch.Name = campus.CancelUpdate
	return w.casework.Decided(w.casework.Decide(ctx, d, ch))
}
