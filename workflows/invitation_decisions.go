package workflows

import (
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// pause stops a campaign until it is resumed. A wave that is being sent is sent.
func (w *invitation) pause(ctx workflow.Context, d Decide) (Decided, error) {
	from, last := w.stage, w.state.Plan.Period.Until.End()
	err := w.decide(ctx, from, campus.Move{
		Stage: campus.StagePaused, WaitsFor: campus.WaitsForAdministrator, Due: &last, Decision: d.Decision,
		Events: []campus.Event{internalEvent("campaign_paused", d.By)},
	}, nil)
	if err != nil {
		return Decided{}, err
	}
	w.state.From, w.state.Held = from, ""
	return Decided{Stage: w.stage}, nil
}

// resume has a campaign go on where it was paused. The wave that fell into the pause goes out now, not all that did.
func (w *invitation) resume(ctx workflow.Context, d Decide) (Decided, error) {
	m := w.stageMove(ctx, w.state.From, "campaign_resumed")
	m.Events[0].Actor, m.Decision = d.By, d.Decision
	if err := w.decide(ctx, campus.StagePaused, m, nil); err != nil {
		return Decided{}, err
	}
	return Decided{Stage: w.stage}, nil
}

// cancel ends a campaign. Who was invited may apply all the same, as anybody may.
func (w *invitation) cancel(ctx workflow.Context, d Decide) (Decided, error) {
	m := campaignEnding(campus.Withdrawn, "campaign_cancelled", internalEvent("campaign_cancelled", d.By))
	m.Decision = d.Decision
	if err := w.decide(ctx, w.stage, m, endCampaign); err != nil {
		return Decided{}, err
	}
	return Decided{Stage: w.stage, Outcome: w.outcome}, nil
}
