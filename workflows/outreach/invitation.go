// Package outreach holds the process of a campaign of invitations.
package outreach

import (
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// invitation is one run of the process that asks people to apply, in waves (C5).
type invitation struct {
	casework *engine.Casework
	engine.Memory[invitationState]
	plan activities.CampaignPlan
	next time.Time // a wave that is held is looked at again then
}

// invitationState is what the process knows: it is written with each move.
type invitationState struct {
	Waves  int          `json:"waves,omitempty"`  // that were sent
	NextAt time.Time    `json:"next_at,omitzero"` // not before this is the next one
	Held   string       `json:"held,omitempty"`   // why the next one waits, as the case says it
	From   campus.Stage `json:"from,omitempty"`   // where a paused campaign goes on
}

// invitationFlow is the process of a campaign: it waits for its first day, invites, reminds, and ends. Each of its
// stages is one function that does the next thing there is to do; a wave is one move.
var invitationFlow = engine.Flow[*invitation]{
	New:   func(c *engine.Casework) *invitation { return &invitation{casework: c} },
	Begin: (*invitation).begin, Stages: invitationStages, Decides: invitationHandlers,
}

var invitationStages = engine.Stages[*invitation]{
	campus.StageScheduled: (*invitation).awaitFirstDay,
	campus.StageInviting:  (*invitation).invite,
	campus.StageReminding: (*invitation).remind,
	campus.StagePaused:    (*invitation).awaitResumption,
}

var invitationHandlers = engine.Handlers[*invitation]{
	campus.PauseUpdate:  (*invitation).pause,
	campus.ResumeUpdate: (*invitation).resume,
	campus.CancelUpdate: (*invitation).cancel,
}

// Processes are the processes of this area.
func Processes() map[campus.CaseKind]engine.Process {
	return map[campus.CaseKind]engine.Process{campus.InvitationCase: invitationFlow.Process()}
}

// begin takes the campaign out of the queue: to where it stands by its first day.
func (w *invitation) begin(ctx workflow.Context) error {
	plan, fresh, err := engine.Begin[activities.CampaignPlan](ctx, w.casework, engine.Steps.BeginCampaign,
		campus.Move{Name: "campaign_begun", Stage: campus.StageScheduled, WaitsFor: campus.WaitsForDate,
			Events: []campus.Event{engine.InternalEvent("campaign_begun", campus.System())}})
	if w.plan = plan; fresh {
		w.State.NextAt = plan.Invitations.FirstWave(plan.Period, w.casework.Since())
	}
	return err
}

// nextTime is when the next wave may go out.
func (w *invitation) nextTime(ctx workflow.Context) time.Time {
	at := w.State.NextAt
	for _, other := range []time.Time{w.next, workflow.Now(ctx)} {
		if at.Before(other) {
			at = other
		}
	}
	return w.plan.Invitations.Hours.Next(at)
}

// stageMove is a move to a stage, where something happens when the next wave may go out.
func (w *invitation) stageMove(ctx workflow.Context, stage campus.Stage, said string, data ...string) engine.Change {
	next := w.nextTime(ctx)
	return engine.Change{Move: campus.Move{Name: said, Stage: stage, WaitsFor: campus.WaitsForDate, Due: &next,
		Events: []campus.Event{engine.InternalEvent(said, campus.System(), data...)}}}
}

func (w *invitation) awaitFirstDay(ctx workflow.Context) error {
	if w.State.NextAt.After(workflow.Now(ctx)) {
		return w.sleepUntil(ctx, w.State.NextAt, "wait for the first day")
	}
	return w.casework.Advance(ctx, w.stageMove(ctx, campus.StageInviting, "inviting_begun"))
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
	plan := w.plan
	return w.nextWave(ctx, leg{
		kind: campus.InvitationWave, stage: campus.StageInviting, ends: plan.Invitations.InvitesUntil(plan.Period),
		timer: "wait for the next wave of invitations", said: "wave_sent",
		over: func(ctx workflow.Context, reason string) error {
			ch := w.stageMove(ctx, campus.StageReminding, "inviting_ended", "reason", reason)
			ch.Knows = w.Knowing(func(s *invitationState) { s.Held = "" })
			return w.casework.Advance(ctx, ch)
		},
	})
}

// remind sends the next wave of reminders to those who have not applied.
func (w *invitation) remind(ctx workflow.Context) error {
	return w.nextWave(ctx, leg{
		kind: campus.ReminderWave, stage: campus.StageReminding, ends: w.plan.Period.Until.End(),
		timer: "wait for the next wave of reminders", said: "reminders_sent",
		over: func(ctx workflow.Context, _ string) error {
			return w.end(ctx, campus.Completed, "", engine.InternalEvent("campaign_done", campus.System()))
		},
	})
}

// nextWave sends the next wave of a leg when its time has come and the house can bear it, or ends the leg.
// Back-pressure (C5): while the line is long, or the engine has its backlog, nobody else is asked to come.
func (w *invitation) nextWave(ctx workflow.Context, l leg) error {
	p, now := w.plan.Invitations, workflow.Now(ctx)
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
	err := w.casework.Own(ctx, "look", engine.Steps.LookAtAudience, activities.LookAtAudience{
		Campaign: w.casework.Input.Case.ID, Kind: l.kind, Levels: w.plan.Levels, Rested: w.rested(ctx),
	}, &seen)
	return seen, err
}

// rested is since when nobody may have been invited whom the campaign invites now.
func (w *invitation) rested(ctx workflow.Context) time.Time {
	return workflow.Now(ctx).Add(-w.plan.Invitations.Rest.Std())
}

// awaitReminder has the case say when the first reminder is due.
func (w *invitation) awaitReminder(ctx workflow.Context, l leg, due time.Time) error {
	return w.casework.Advance(ctx, engine.Change{Knows: w.Knowing(func(s *invitationState) { s.NextAt = due }),
		Move: campus.Move{Name: "await-reminder", Stage: l.stage, WaitsFor: campus.WaitsForDate, Due: &due}})
}

// hold has the wave wait, and the case say why. What it has said already is not said again at every look.
func (w *invitation) hold(ctx workflow.Context, l leg, reason string) error {
	next := workflow.Now(ctx).Add(w.plan.Invitations.Look.Std())
	if w.State.Held == reason {
		w.next = next
		return nil
	}
	return w.casework.Advance(ctx, engine.Change{
		Knows: w.Knowing(func(s *invitationState) { s.NextAt, s.Held = next, reason }),
		Move: campus.Move{
			Name: "hold:" + reason, Stage: l.stage, WaitsFor: campus.WaitsForEngine, Due: &l.ends, Reason: reason,
			Events: []campus.Event{engine.InternalEvent("wave_held", campus.System(), "reason", reason)},
		}})
}

// send sends a wave. It is one local activity: people, notices, wave and move are one transaction, and a second
// delivery of it finds the move recorded.
func (w *invitation) send(ctx workflow.Context, l leg) error {
	p, now := w.plan.Invitations, workflow.Now(ctx)
	next := p.Hours.Next(now.Add(p.Pause.Std()))
	wave := activities.Wave{
		Kind: l.kind, Seq: w.State.Waves + 1, Size: p.Wave, Levels: w.plan.Levels, Rested: w.rested(ctx),
		Before: now.Add(-p.Reminder.Std()), Notice: w.notice(l.kind),
	}
	return w.casework.Advance(ctx, engine.Change{
		Move: campus.Move{Name: "wave:" + strconv.Itoa(wave.Seq), Stage: l.stage, WaitsFor: campus.WaitsForDate, Due: &next,
			Events: []campus.Event{engine.InternalEvent(l.said, campus.System(), "wave", strconv.Itoa(wave.Seq))}},
		Knows: w.Knowing(func(s *invitationState) { s.Waves, s.NextAt, s.Held = wave.Seq, next, "" }),
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.SendWave, activities.SendWave{Move: m, Wave: wave})
		},
	})
}

// notice is what a wave says: by when to apply.
func (w *invitation) notice(kind campus.WaveKind) campus.Notice {
	params := map[string]string{"day": w.plan.Period.Until.String()}
	if kind == campus.ReminderWave {
		return campus.Notice{Template: "notice.remind_invitation", Params: params}
	}
	return campus.Notice{Template: "notice.invitation", Params: params}
}

// awaitResumption keeps a paused campaign until an administrator goes on with it or the last day is over.
func (w *invitation) awaitResumption(ctx workflow.Context) error {
	last := w.plan.Period.Until.End()
	if last.After(workflow.Now(ctx)) {
		return w.sleepUntil(ctx, last, "paused: the last day ends")
	}
	const reason = "campaign_left_paused"
	return w.end(ctx, campus.Expired, reason, engine.InternalEvent("campaign_done", campus.System()))
}

// sleepUntil waits for a moment, or until somebody moves the case from its stage, and keeps the history short.
func (w *invitation) sleepUntil(ctx workflow.Context, at time.Time, timer string) error {
	stage := w.casework.Stage
	if _, err := engine.AwaitFor(ctx, at.Sub(workflow.Now(ctx)), timer,
		func() bool { return w.casework.Stage != stage }); err != nil {
		return err
	}
	if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return nil
	}
	// A decision that was at work may have ended it.
	if err := w.casework.ContinueAsNew(ctx); err != nil && w.casework.Outcome == "" {
		return err
	}
	return nil
}

// end ends a campaign that stands where it is. What it has come to is written with the move.
func (w *invitation) end(ctx workflow.Context, outcome campus.Outcome, reason string, said campus.Event) error {
	return w.casework.Advance(ctx, campaignEnding(outcome, reason, said))
}

// campaignEnding is the move that ends a campaign; storage completes what it says with the counts.
func campaignEnding(outcome campus.Outcome, reason string, said campus.Event) engine.Change {
	return engine.Change{
		Move: campus.Move{Name: said.Kind, Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: outcome,
			Reason: reason,
			Events: []campus.Event{said}},
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.EndCampaign, m)
		},
	}
}
