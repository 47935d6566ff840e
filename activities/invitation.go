package activities

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/outreach"
)

// CampaignPlan is what a campaign's workflow needs to know of its policy and its days.
type CampaignPlan struct {
	Invitations campus.InvitationPolicy
	Levels      []string // that the university serves (A1)
	Period      campus.Period
}

// BeginCampaign takes a campaign's case out of the queue, to the stage of its first day, and reads its days and the
// policy it keeps to its end.
func (a *Activities) BeginCampaign(ctx context.Context, in BeginCase) (began Began[CampaignPlan], err error) {
	c, version, err := a.store.Outreach.CampaignPlan(ctx, in.Move.Case.ID)
	if err != nil {
		return began, err
	}
	policy, err := a.policies.find(ctx, version, in.University)
	if err != nil {
		return began, err
	}
	began.Steps = policy.Steps
	began.Plan = CampaignPlan{Invitations: policy.Invitations, Levels: policy.Application.Levels, Period: c.Period()}
	var due time.Time
	in.Move.Stage, due = policy.Invitations.Opening(c.Period(), a.store.Now())
	in.Move.Due = &due
	began.Begun, err = a.store.Casework.Begin(ctx, in.Move)
	return began, err
}

// LookAtAudience asks how a campaign stands before a wave.
type LookAtAudience struct {
	Campaign uuid.UUID
	Kind     campus.WaveKind
	Levels   []string
	Rested   time.Time // whom a campaign has invited after this is left alone
}

// AudienceSeen is how a campaign stands before a wave.
type AudienceSeen = outreach.AudienceSeen

// LookAtAudience counts who is left, and looks at the line and the engine. How much the engine takes at once is the
// policy in force, as for the line itself: it is about the machines of today (C5).
func (a *Activities) LookAtAudience(ctx context.Context, in LookAtAudience) (AudienceSeen, error) {
	return a.store.Outreach.LookAtAudience(ctx,
		outreach.AudienceLook{Campaign: in.Campaign, Kind: in.Kind, Levels: in.Levels,
			Rested: in.Rested, Backlog: a.policies.current.For("").Rush.Backlog})
}

// Wave is what goes to many people at once.
type Wave = outreach.Wave

// SendWave is one wave of a campaign, with the move that says so.
type SendWave struct {
	Move campus.Move
	Wave Wave
}

// SendWave invites or reminds the next people (C5). Twice it is one wave.
func (a *Activities) SendWave(ctx context.Context, in SendWave) (campus.Moved, error) {
	moved, _, err := a.store.Outreach.SendWave(ctx, in.Move, in.Wave)
	return moved, err
}

// EndCampaign ends a campaign.
func (a *Activities) EndCampaign(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return a.store.Outreach.EndCampaign(ctx, m)
}
