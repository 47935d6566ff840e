package outreach

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/outreach"
)

// CampaignView is a campaign in a list: codes, counts, and how its case stands (C5).
type CampaignView struct {
	outreach.Campaign
	AudienceText string         `json:"audience_text"`
	Stage        campus.Stage   `json:"stage"`
	StageText    string         `json:"stage_text"`
	WaitsFor     campus.Party   `json:"waits_for"`
	WaitsForText string         `json:"waits_for_text"`
	Since        time.Time      `json:"since"`
	Due          *time.Time     `json:"due,omitempty" doc:"When the next wave goes out; when it is held or paused, until when at the latest"`
	Reason       string         `json:"reason,omitempty"`
	ReasonText   string         `json:"reason_text,omitempty" doc:"Why the next wave waits, or why the campaign has ended"`
	Outcome      campus.Outcome `json:"outcome,omitempty"`
	OutcomeText  string         `json:"outcome_text,omitempty"`
	Waves        int            `json:"sent_waves"`
	Invited      int            `json:"invited"`
	Reminded     int            `json:"reminded"`
	Applied      int            `json:"applied" doc:"Of those invited, who has applied since"`
}

func campaignOf(in campus.Language) func(outreach.CampaignProgress) CampaignView {
	return func(c outreach.CampaignProgress) CampaignView {
		view := CampaignView{
			Campaign: c.Campaign, AudienceText: campus.Text(in, "audience."+string(c.Audience), nil),
			Stage: c.Stage, StageText: campus.Text(in, "stage."+string(c.Stage), nil),
			WaitsFor: c.WaitsFor, WaitsForText: campus.Text(in, "waits."+string(c.WaitsFor), nil),
			Since: c.Since, Due: c.Due, Reason: c.Reason, ReasonText: campus.ReasonText(in, c.Reason), Outcome: c.Outcome,
			Waves: c.Waves, Invited: c.Invited, Reminded: c.Reminded, Applied: c.Applied,
		}
		if c.Outcome != "" {
			view.OutcomeText = campus.Text(in, "outcome."+string(c.Outcome), nil)
		}
		return view
	}
}

// invitationPolicy returns the policy of campaigns of the member's university.
func (s *Server) invitationPolicy(ctx context.Context) campus.InvitationPolicy {
	return s.Policies.For(core.Member(ctx).University).Invitations
}

// audienceOf returns an audience among those whom the university serves (A1).
func (s *Server) audienceOf(ctx context.Context, group campus.Audience, level, college string) outreach.Audience {
	return outreach.Audience{Group: group, Level: level, College: college,
		Levels: s.Policies.For(core.Member(ctx).University).Application.Levels}
}

// rested returns the moment since which a person must not have been invited, for a campaign to invite them.
func (s *Server) rested(ctx context.Context) time.Time {
	return s.Store.Now().Add(-s.invitationPolicy(ctx).Rest.Std())
}

type audienceInput struct {
	Audience campus.Audience `query:"audience" enum:"freshmen,students,everyone" required:"true"`
	Level    string          `query:"level" maxLength:"40" words:"line" doc:"A word of the roster; none: whatever it is"`
	College  string          `query:"college" maxLength:"100" words:"line" doc:"The same"`
	From     campus.Date     `query:"from" format:"date" doc:"First day; with until, the answer says how the waves fit in"`
	Until    campus.Date     `query:"until" format:"date" doc:"Last day"`
}

type audienceView struct {
	People int        `json:"people" doc:"Who could be invited now: without a card, an open application or a fresh invitation"`
	Waves  int        `json:"waves"`
	LastAt *time.Time `json:"last_wave_at,omitempty" doc:"When the last of them would go out if none has to wait"`
	InTime *bool      `json:"in_time,omitempty" doc:"Whether that is within the days"`
}

// countAudience tells how many people a campaign would invite, and changes nothing.
func (s *Server) countAudience(ctx context.Context, in *audienceInput) (*core.Answer[audienceView], error) {
	policy, now := s.invitationPolicy(ctx), s.Store.Now()
	period := campus.Period{From: in.From, Until: in.Until}
	planned := !in.From.IsZero() && !in.Until.IsZero()
	switch { // one alone would be passed over
	case in.From.IsZero() && !in.Until.IsZero():
		return nil, campus.FieldErrorf("from", "field_required", "a last day without the first")
	case !in.From.IsZero() && in.Until.IsZero():
		return nil, campus.FieldErrorf("until", "field_required", "a first day without the last")
	}
	if planned {
		if err := period.Check(campus.DateOf(now), policy.Longest); err != nil {
			return nil, err
		}
	}
	people, err := s.Store.Outreach.CountAudience(ctx, core.Member(ctx).University,
		s.audienceOf(ctx, in.Audience, in.Level, in.College), s.rested(ctx))
	if err != nil {
		return nil, err
	}
	out := policy.Outlook(people, period, now)
	view := audienceView{People: people, Waves: out.Waves}
	if planned && people > 0 {
		view.LastAt, view.InTime = &out.LastAt, &out.InTime
	}
	return core.Answered(view), nil
}

type campaignInput struct {
	Body struct {
		Audience campus.Audience `json:"audience" enum:"freshmen,students,everyone" doc:"freshmen: on the admission list; students: registered; everyone: both"`
		Level    string          `json:"level,omitempty" required:"false" maxLength:"40" words:"line" doc:"A word of the roster; none: whatever it is"`
		College  string          `json:"college,omitempty" required:"false" maxLength:"100" words:"line" doc:"The same"`
		From     campus.Date     `json:"from" format:"date" doc:"First day, Asia/Shanghai"`
		Until    campus.Date     `json:"until" format:"date" doc:"Last day, by which people are asked to apply"`
	}
}

// openCampaign opens a campaign. It works while Temporal is away: the campaign begins when it is back.
func (s *Server) openCampaign(ctx context.Context, in *campaignInput) (*core.Answer[CampaignView], error) {
	who, body := core.Member(ctx), in.Body
	period := campus.Period{From: body.From, Until: body.Until}
	if err := period.Check(campus.DateOf(s.Store.Now()), s.invitationPolicy(ctx).Longest); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	c, err := s.Store.Outreach.OpenCampaign(ctx, s.Request(ctx), who, outreach.NewCampaign{
		ID: id, Audience: s.audienceOf(ctx, body.Audience, body.Level, body.College), Period: period, Rested: s.rested(ctx),
		PolicyVersion: s.Policies.Version(),
	})
	if err != nil {
		return nil, err
	}
	progress, err := s.Store.Outreach.StaffCampaign(ctx, who, c.ID)
	return core.Answered(campaignOf(core.Language(ctx))(progress)), err
}

type campaignListInput struct {
	core.PageQuery
	Open bool `query:"open" doc:"Only those that have not ended"`
}

// listCampaigns returns the campaigns of one's university with what they have come to, newest first.
func (s *Server) listCampaigns(ctx context.Context, in *campaignListInput) (*core.Answer[core.Page[CampaignView]],
	error) {
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]outreach.CampaignProgress, error) {
		return s.Store.Outreach.Campaigns(ctx, core.Member(ctx), in.Open, after, limit)
	}, campaignOf(core.Language(ctx)), func(c outreach.CampaignProgress) uuid.UUID { return c.ID })
}

// campaignDetail is a campaign with its waves.
type campaignDetail struct {
	CampaignView
	Items []outreach.WaveProgress `json:"items" doc:"Its waves, in their order"`
}

// getCampaign returns one campaign with its waves. Its timeline is that of its case.
func (s *Server) getCampaign(ctx context.Context, in *core.CaseInput) (*core.Answer[campaignDetail], error) {
	c, err := s.Store.Outreach.StaffCampaign(ctx, core.Member(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	waves, err := s.Store.Outreach.CampaignWaves(ctx, c.ID)
	return core.Answered(campaignDetail{campaignOf(core.Language(ctx))(c), waves}), err
}

// steerInput names a campaign, and may say to colleagues why; the timeline shows it.
type steerInput struct {
	core.CaseInput
	Body *struct {
		Note string `json:"note,omitempty" required:"false" maxLength:"1000" words:"lines" doc:"To colleagues"`
	}
}

func (s *Server) pauseCampaign(ctx context.Context, in *steerInput) (*core.DecisionAnswer, error) {
	return s.steer(ctx, in, campus.PauseUpdate)
}

func (s *Server) resumeCampaign(ctx context.Context, in *steerInput) (*core.DecisionAnswer, error) {
	return s.steer(ctx, in, campus.ResumeUpdate)
}

func (s *Server) cancelCampaign(ctx context.Context, in *steerInput) (*core.DecisionAnswer, error) {
	return s.steer(ctx, in, campus.CancelUpdate)
}

// steer sends a decision to the workflow of a campaign of the member's university.
func (s *Server) steer(ctx context.Context, in *steerInput, name string) (*core.DecisionAnswer, error) {
	c, err := s.Store.Outreach.StaffCampaign(ctx, core.Member(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if c.Stage == campus.StageQueued {
		return nil, campus.Errorf(campus.Conflict, "queued", "campaign %s has not begun yet", c.ID)
	}
	note := cards.ReviewNote{}
	if in.Body != nil {
		note.Note = in.Body.Note
	}
	return s.Decide(ctx, s.Request(ctx),
		core.Update{NewDecision: casework.NewDecision{Case: c.Ref(), Update: name, Payload: note}})
}
