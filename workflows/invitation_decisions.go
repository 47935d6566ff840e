package workflows

import (
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// pause stops a campaign until it is resumed. A wave that is being sent is sent.
func (w *invitation) pause(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.decided(w.decideInTurn(ctx, d, func() (change, error) {
		from, last := w.stage, w.plan.Period.Until.End()
		return change{
			Move: campus.Move{Stage: campus.StagePaused, WaitsFor: campus.WaitsForAdministrator, Due: &last,
				Events: []campus.Event{internalEvent("campaign_paused", d.By)}},
			knows: w.knowing(func(s *invitationState) { s.From, s.Held = from, "" }),
		}, nil
	}))
}

// resume has a campaign go on where it was paused. The wave that fell into the pause goes out now, not all that did.
func (w *invitation) resume(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.decided(w.decideInTurn(ctx, d, func() (change, error) {
		ch := w.stageMove(ctx, w.state.From, "campaign_resumed")
		ch.Name, ch.Events[0].Actor = campus.ResumeUpdate, d.By
		return ch, nil
	}))
}

// cancel ends a campaign. Who was invited may apply all the same, as anybody may.
func (w *invitation) cancel(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	ch := campaignEnding(campus.Withdrawn, "campaign_cancelled", internalEvent("campaign_cancelled", d.By))
	ch.Name = campus.CancelUpdate
	return w.decided(w.decide(ctx, d, ch))
}
