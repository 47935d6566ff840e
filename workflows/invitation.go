package workflows

import (
	"encoding/json"
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// The updates with which administrators steer a campaign (C5).
const (
	PauseUpdate  = "pause"
	ResumeUpdate = "resume"
	CancelUpdate = "cancel"
)

// invitation is one run of the process that asks people to apply, in waves (C5).
type invitation struct {
	*casework
	state invitationState
}

// invitationState is what a run hands to the next.
type invitationState struct {
	Plan   activities.CampaignPlan
	Waves  int          // that were sent
	NextAt time.Time    // not before this is the next one
	Held   string       // why the next one waits, as the case says it
	From   campus.Stage // where a paused campaign goes on
}

// Invitation is the process of a campaign: it waits for its first day, invites, reminds, and ends. Each of its stages is
// one function that does the next thing there is to do; a wave is one move.
func Invitation(ctx workflow.Context, input campus.CaseInput) error {
	w := &invitation{casework: newCasework(ctx, input)}
	if err := w.setup(ctx); err != nil {
		return err
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	stages := map[campus.Stage]func(workflow.Context) error{
		campus.StageScheduled: w.awaitFirstDay,
		campus.StageInviting:  w.invite,
		campus.StageReminding: w.remind,
		campus.StagePaused:    w.awaitResumption,
	}
	for w.outcome == "" {
		if err := stages[w.stage](ctx); err != nil {
			return err
		}
	}
	return drain(ctx)
}

func (w *invitation) setup(ctx workflow.Context) error {
	if err := w.casework.setup(ctx); err != nil {
		return err
	}
	running := []campus.Stage{campus.StageScheduled, campus.StageInviting, campus.StageReminding}
	for _, h := range []struct {
		name   string
		stages []campus.Stage
		handle func(workflow.Context, Decide) (Decided, error)
	}{
		{PauseUpdate, running, w.pause},
		{ResumeUpdate, []campus.Stage{campus.StagePaused}, w.resume},
		{CancelUpdate, append(running, campus.StagePaused), w.cancel},
	} {
		validate := func(d Decide) error { return w.admits(d.Seen, h.stages...) }
		if err := workflow.SetUpdateHandlerWithOptions(ctx, h.name, h.handle, workflow.UpdateHandlerOptions{Validator: validate}); err != nil {
			return err
		}
	}
	return nil
}

func (w *invitation) begin(ctx workflow.Context) error {
	if p := w.input.Progress; p != nil {
		err := json.Unmarshal(p.State, &w.state)
		w.steps = w.state.Plan.Steps
		return err
	}
	err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, ownStep), steps.PlanCampaign,
		activities.PlanCase{Case: w.input.Case.ID, University: w.input.University}).Get(ctx, &w.state.Plan)
	if err != nil {
		return FromTemporal(err)
	}
	plan, now := w.state.Plan, workflow.Now(ctx)
	w.steps = plan.Steps
	w.state.NextAt = plan.Invitations.FirstWave(plan.Period, now)
	m := w.stageMove(ctx, campus.StageInviting, "campaign_begun")
	if plan.Period.From.Start().After(now) {
		m.Stage = campus.StageScheduled
	}
	return w.move(ctx, m, nil)
}

// nextTime is when the next wave may go out.
func (w *invitation) nextTime(ctx workflow.Context) time.Time {
	at, now := w.state.NextAt, workflow.Now(ctx)
	if at.Before(now) {
		at = now
	}
	return w.state.Plan.Invitations.Hours.Next(at)
}

// stageMove is a move to a stage, where something happens when the next wave may go out.
func (w *invitation) stageMove(ctx workflow.Context, stage campus.Stage, said string, data ...string) campus.Move {
	next := w.nextTime(ctx)
	return campus.Move{Stage: stage, WaitsFor: campus.WaitsForDate, Due: &next, Events: []campus.Event{internalEvent(said, campus.System(), data...)}}
}

func (w *invitation) awaitFirstDay(ctx workflow.Context) error {
	if w.state.NextAt.After(workflow.Now(ctx)) {
		return w.sleepUntil(ctx, w.state.NextAt, "wait for the first day")
	}
	return w.advance(ctx, campus.StageScheduled, w.stageMove(ctx, campus.StageInviting, "inviting_begun"), nil)
}

// leg is one of the two halves of a campaign.
type leg struct {
	kind  campus.WaveKind
	stage campus.Stage
	ends  time.Time // no wave goes out from then on
	timer string
	said  string // about a wave
	over  func(ctx workflow.Context, reason string) error
}

// invite sends the next wave of invitations.
func (w *invitation) invite(ctx workflow.Context) error {
	plan := w.state.Plan
	return w.nextWave(ctx, leg{
		kind: campus.InvitationWave, stage: campus.StageInviting, ends: plan.Invitations.InvitesUntil(plan.Period),
		timer: "wait for the next wave of invitations", said: "wave_sent",
		over: func(ctx workflow.Context, reason string) error {
			w.state.Held = ""
			return w.advance(ctx, campus.StageInviting, w.stageMove(ctx, campus.StageReminding, "inviting_ended", "reason", reason), nil)
		},
	})
}

// remind sends the next wave of reminders to those who have not applied.
func (w *invitation) remind(ctx workflow.Context) error {
	return w.nextWave(ctx, leg{
		kind: campus.ReminderWave, stage: campus.StageReminding, ends: w.state.Plan.Period.Until.End(),
		timer: "wait for the next wave of reminders", said: "reminders_sent",
		over: func(ctx workflow.Context, _ string) error {
			return w.end(ctx, campus.StageReminding, campus.Completed, "", internalEvent("campaign_done", campus.System()))
		},
	})
}

// nextWave sends the next wave of a leg when its time has come and the house can bear it, or ends the leg. Back-pressure
// (C5): while the line is long, or the engine has its backlog, nobody else is asked to come.
func (w *invitation) nextWave(ctx workflow.Context, l leg) error {
	p, now := w.state.Plan.Invitations, workflow.Now(ctx)
	at := w.nextTime(ctx)
	if !at.Before(l.ends) {
		return l.over(ctx, "period_over")
	}
	if at.After(now) {
		return w.sleepUntil(ctx, at, l.timer)
	}
	seen, err := w.look(ctx, l)
	if err != nil {
		return err
	}
	if seen.Left == 0 {
		return l.over(ctx, "everybody_invited")
	}
	if l.kind == campus.ReminderWave {
		if due := seen.First.Add(p.Reminder.Std()); due.After(now) {
			return w.awaitReminder(ctx, l, p.Hours.Next(due))
		}
	}
	if reason := p.Hold(seen.Line, seen.Busy); reason != "" {
		return w.hold(ctx, l, reason)
	}
	return w.send(ctx, l)
}

func (w *invitation) look(ctx workflow.Context, l leg) (activities.AudienceSeen, error) {
	var seen activities.AudienceSeen
	err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, ownStep), steps.LookAtAudience, activities.LookAtAudience{
		Campaign: w.input.Case.ID, Kind: l.kind, Levels: w.state.Plan.Levels, Rested: w.rested(ctx),
	}).Get(ctx, &seen)
	return seen, FromTemporal(err)
}

// rested is since when nobody may have been invited whom the campaign invites now.
func (w *invitation) rested(ctx workflow.Context) time.Time {
	return workflow.Now(ctx).Add(-w.state.Plan.Invitations.Rest.Std())
}

// awaitReminder has the case say when the first reminder is due.
func (w *invitation) awaitReminder(ctx workflow.Context, l leg, due time.Time) error {
	w.state.NextAt = due
	return w.advance(ctx, l.stage, campus.Move{Stage: l.stage, WaitsFor: campus.WaitsForDate, Due: &due}, nil)
}

// hold has the wave wait, and the case say why. What it has said already is not said again at every look.
func (w *invitation) hold(ctx workflow.Context, l leg, reason string) error {
	w.state.NextAt = workflow.Now(ctx).Add(w.state.Plan.Invitations.Look.Std())
	if w.state.Held == reason {
		return nil
	}
	w.state.Held = reason
	return w.advance(ctx, l.stage, campus.Move{
		Stage: l.stage, WaitsFor: campus.WaitsForEngine, Due: &l.ends, Reason: reason,
		Events: []campus.Event{internalEvent("wave_held", campus.System(), "reason", reason)},
	}, nil)
}

// send sends a wave. It is one local activity: people, notices, wave and move are one transaction, and a second delivery
// of it finds the move recorded.
func (w *invitation) send(ctx workflow.Context, l leg) error {
	p, now := w.state.Plan.Invitations, workflow.Now(ctx)
	next := p.Hours.Next(now.Add(p.Pause.Std()))
	wave := activities.Wave{
		Kind: l.kind, Seq: w.state.Waves + 1, Size: p.Wave, Levels: w.state.Plan.Levels, Rested: w.rested(ctx),
		Before: now.Add(-p.Reminder.Std()), Notice: w.notice(l.kind),
	}
	sent := false
	m := campus.Move{Stage: l.stage, WaitsFor: campus.WaitsForDate, Due: &next,
		Events: []campus.Event{internalEvent(l.said, campus.System(), "wave", strconv.Itoa(wave.Seq))}}
	err := w.advance(ctx, l.stage, m, func(ctx workflow.Context, m campus.Move) workflow.Future {
		sent = true
		return workflow.ExecuteLocalActivity(ctx, steps.SendWave, activities.SendWave{Move: m, Wave: wave})
	})
	if err == nil && sent { // not when somebody has paused or cancelled the campaign meanwhile
		w.state.Waves, w.state.NextAt, w.state.Held = wave.Seq, next, ""
	}
	return err
}

// notice is what a wave says: by when to apply.
func (w *invitation) notice(kind campus.WaveKind) campus.Notice {
	params := map[string]string{"day": w.state.Plan.Period.Until.String()}
	if kind == campus.ReminderWave {
		return campus.Notice{Template: "notice.remind_invitation", Params: params}
	}
	return campus.Notice{Template: "notice.invitation", Params: params}
}

// awaitResumption keeps a paused campaign until an administrator goes on with it or the last day is over.
func (w *invitation) awaitResumption(ctx workflow.Context) error {
	last := w.state.Plan.Period.Until.End()
	if last.After(workflow.Now(ctx)) {
		return w.sleepUntil(ctx, last, "paused: the last day ends")
	}
	const reason = "campaign_left_paused"
	return w.end(ctx, campus.StagePaused, campus.Expired, reason, internalEvent("campaign_done", campus.System()))
}

// sleepUntil waits for a moment, or until somebody moves the case from its stage, and keeps the history short.
func (w *invitation) sleepUntil(ctx workflow.Context, at time.Time, timer string) error {
	stage := w.stage
	if _, err := awaitFor(ctx, at.Sub(workflow.Now(ctx)), timer, func() bool { return w.stage != stage }); err != nil {
		return err
	}
	if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return nil
	}
	if err := drain(ctx); err != nil || w.outcome != "" { // a decision that was at work may have ended it
		return err
	}
	next := w.input
	var err error
	if next.Progress, err = w.progress(w.state); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, string(campus.InvitationCase), next)
}

// end ends a campaign that stands at a stage. What it has come to is written with the move.
func (w *invitation) end(ctx workflow.Context, from campus.Stage, outcome campus.Outcome, reason string, said campus.Event) error {
	return w.advance(ctx, from, campaignEnding(outcome, reason, said), endCampaign)
}

func endCampaign(ctx workflow.Context, m campus.Move) workflow.Future {
	return workflow.ExecuteLocalActivity(ctx, steps.EndCampaign, m)
}

// campaignEnding is the move that ends a campaign; storage completes what it says with the counts.
func campaignEnding(outcome campus.Outcome, reason string, said campus.Event) campus.Move {
	return campus.Move{Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: outcome, Reason: reason,
		Events: []campus.Event{said}}
}
