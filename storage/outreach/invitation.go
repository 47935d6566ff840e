package outreach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

// Audience is whom a campaign invites; an empty word narrows nothing.
type Audience struct {
	Group   campus.Audience
	Level   string
	College string
	Levels  []string // that the university serves (A1); empty: all
}

// Campaign is a campaign of invitations of a university (C5). Its id is that of its case.
type Campaign struct {
	ID         uuid.UUID       `json:"id"`
	University string          `json:"-"`
	Audience   campus.Audience `json:"audience"`
	Level      string          `json:"level,omitempty"`
	College    string          `json:"college,omitempty"`
	FirstDay   campus.Date     `json:"from" format:"date"`
	LastDay    campus.Date     `json:"until" format:"date"`
	People     int             `json:"people"` // who could be invited when it was opened
	OpenedBy   uuid.UUID       `json:"opened_by"`
	OpenedAt   time.Time       `json:"opened_at"`
	ClosedAt   *time.Time      `json:"closed_at,omitempty"`
}

// Ref names the campaign's case.
func (c Campaign) Ref() campus.CaseRef { return campus.CaseRef{Kind: campus.InvitationCase, ID: c.ID} }

// Period returns the days of the campaign, both included.
func (c Campaign) Period() campus.Period { return campus.Period{From: c.FirstDay, Until: c.LastDay} }

// inAudience are the people p whom a campaign may invite: of the audience, without a card that is or will be of use,
// without an open application, not invited by it before, and by no other of late.
const inAudience = `p.university = @university and p.status in @statuses and (@level = '' or p.level = @level)
	and (@college = '' or p.college = @college) and (@all or p.level in @levels)
	and not ` + hasCard + `
	and not exists (select 1 from applications a where a.person_id = p.id and a.closed_at is null)
	and not exists (select 1 from invitations i where i.person_id = p.id and (i.campaign_id = @campaign or i.invited_at > @rested))`

const hasCard = `exists (select 1 from cards c where c.person_id = p.id and c.state in ('pending', 'active', 'frozen', 'lost'))`

// Whether whom an invitation i is for has applied since they were invited, or reminded.
const (
	applied              = `exists (select 1 from cases a where a.person_id = i.person_id and a.kind = 'application' and a.opened_at >= `
	appliedSinceInvited  = applied + `i.invited_at)`
	appliedSinceReminded = applied + `i.reminded_at)`
)

// unanswered are the invitations i of a campaign whose people p have not applied and were not reminded, although they
// still may apply.
const unanswered = `i.campaign_id = @campaign and i.reminded_at is null and p.status in @statuses and not ` + hasCard +
	` and not ` + appliedSinceInvited

// words fills the places of inAudience and unanswered. People whom another campaign has invited after rested are left
// alone.
func (a Audience) words(university string, campaign uuid.UUID, rested time.Time) map[string]any {
	return map[string]any{"university": university, "statuses": a.Group.Statuses(), "level": a.Level, "college": a.College,
		"all": len(a.Levels) == 0, "levels": a.Levels, "campaign": campaign, "rested": rested}
}

func (c Campaign) words(levels []string, rested time.Time) map[string]any {
	return Audience{c.Audience, c.Level, c.College, levels}.words(c.University, c.ID, rested)
}

// CountAudience returns how many people a campaign could invite now.
func (s *Store) CountAudience(ctx context.Context, university string, a Audience, rested time.Time) (int, error) {
	n, err := countAudience(s.Read(ctx), university, a, rested)
	return n, db.Wrap("count an audience", err)
}

func countAudience(t db.Tx, university string, a Audience, rested time.Time) (n int, err error) {
	err = t.Raw(`select count(*) from people p where `+inAudience, a.words(university, uuid.Nil, rested)).Row().Scan(&n)
	return n, err
}

// NewCampaign is what a campaign is opened with.
type NewCampaign struct {
	ID            uuid.UUID
	Audience      Audience
	Period        campus.Period
	Rested        time.Time // whom a campaign has invited after this is left alone
	PolicyVersion string
}

// OpenCampaign opens a campaign of the member's university: its case and the start of its workflow, which needs no
// Temporal. Conflicts: campaign_open, audience_empty.
func (s *Store) OpenCampaign(ctx context.Context, req casework.Request, who campus.StaffMember,
	n NewCampaign) (Campaign,
	error) {
	return casework.Once(ctx, s.casework, "open a campaign", req, func(t db.Tx) (Campaign, error) {
		people, err := countAudience(t, who.University, n.Audience, n.Rested)
		if err != nil {
			return Campaign{}, err
		}
		c := Campaign{ID: n.ID, University: who.University, Audience: n.Audience.Group, Level: n.Audience.Level,
			College: n.Audience.College, FirstDay: n.Period.From, LastDay: n.Period.Until, People: people, OpenedBy: who.ID,
			OpenedAt: t.Now}
		if err := fileCampaign(t, c, n.PolicyVersion); err != nil {
			return c, err
		}
		if people == 0 {
			return c, campus.Errorf(campus.Conflict, "audience_empty", "nobody at %s is to be invited", c.University)
		}
		if err := casework.AddAudit(t, campus.Staff(who.ID), "invitation.open", c.Ref().WorkflowID(),
			c.University); err != nil {
			return c, err
		}
		input := campus.CaseInput{Case: c.Ref(), University: c.University}
		return c, casework.EnqueueStart(ctx, t, c.Ref(), string(campus.InvitationCase), input)
	})
}

func fileCampaign(t db.Tx, c Campaign, policyVersion string) error {
	if err := casework.OpenCase(t, c.Ref(), casework.CaseOwner{University: c.University}, policyVersion); err != nil {
		return err
	}
	err := t.Exec(`insert into campaigns (id, university, audience, level, college, first_day, last_day, people, opened_by, opened_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.University, c.Audience, c.Level, c.College, c.FirstDay, c.LastDay, c.People, c.OpenedBy, c.OpenedAt).Error
	if db.Violated(err) == "campaigns_one_open" {
		return campus.Errorf(campus.Conflict, "campaign_open", "a campaign for the same people is open at %s", c.University)
	}
	return err
}

// CampaignPlan returns a campaign and the policy that it keeps.
func (s *Store) CampaignPlan(ctx context.Context, id uuid.UUID) (c Campaign, policyVersion string, err error) {
	t := s.Read(ctx)
	if c, err = readCampaign(t, id); err == nil {
		err = t.Raw(`select policy_version from cases where id = ?`, id).Row().Scan(&policyVersion)
	}
	return c, policyVersion, db.Wrap("read a campaign", err)
}

func readCampaign(t db.Tx, id uuid.UUID) (Campaign, error) {
	var c Campaign
	err := t.Raw(`select * from campaigns where id = ?`, id).Scan(&c).Error
	if err == nil && c.ID == uuid.Nil {
		return c, campus.Errorf(campus.NotFound, "", "no campaign %s", id)
	}
	return c, err
}

// AudienceLook asks what there is to do for a campaign, and whether it may be done now.
type AudienceLook struct {
	Campaign uuid.UUID
	Kind     campus.WaveKind
	Levels   []string
	Rested   time.Time
	Backlog  int // applications that the engine works at once
}

// AudienceSeen is how a campaign stands before a wave.
type AudienceSeen struct {
	Left  int        // people to invite, or to remind sooner or later
	First *time.Time // when the first of those to remind was invited
	Line  int        // applications in the university's line
	Busy  bool       // the engine has its backlog
}

// LookAtAudience counts who is left for waves of a kind, and looks at the line and the engine (C5).
func (s *Store) LookAtAudience(ctx context.Context, look AudienceLook) (AudienceSeen, error) {
	t := s.Read(ctx)
	c, err := readCampaign(t, look.Campaign)
	if err != nil {
		return AudienceSeen{}, db.Wrap("look at an audience", err)
	}
	left := t.Raw(`select count(*), cast(null as timestamptz) from people p where `+inAudience,
		c.words(look.Levels, look.Rested))
	if look.Kind == campus.ReminderWave {
		left = t.Raw(`select count(*), min(i.invited_at) from invitations i join people p on p.id = i.person_id where `+unanswered,
			c.words(look.Levels, look.Rested))
	}
	var seen AudienceSeen
	err = left.Row().Scan(&seen.Left, &seen.First)
	if err == nil {
		err = t.Raw(`select count(*) from line where university = ?`, c.University).Row().Scan(&seen.Line)
	}
	if err != nil {
		return seen, db.Wrap("look at an audience", err)
	}
	var busy int
	err = t.Raw(`select `+backlogSQL,
		map[string]any{"most": look.Backlog, "kind": string(campus.ApplicationCase)}).Row().Scan(&busy)
	seen.Busy = busy >= look.Backlog
	return seen, db.Wrap("look at an audience", err)
}

// Wave is what goes to many people at once.
type Wave struct {
	Kind   campus.WaveKind
	Seq    int // of the campaign's waves; a wave delivered twice has the same
	Size   int // at most
	Levels []string
	Rested time.Time     // of invitations: whom a campaign has invited after this is left alone
	Before time.Time     // of reminders: for whom was invited by then
	Notice campus.Notice // the same to everybody
}

// SendWave invites or reminds the next people of a campaign, with the move that says so, and answers how many. It takes
// the same few statements whatever their number. Waves of one university take turns, so that of two campaigns the
// second sees whom the first has just invited.
func (s *Store) SendWave(ctx context.Context, m campus.Move, w Wave) (moved campus.Moved, sent int, err error) {
	moved, err = s.casework.Move(ctx, m, func(t db.Tx) error {
		c, err := readCampaign(t, m.Case.ID)
		if err != nil {
			return err
		}
		if err := people.TakeTurn(t, c.University); err != nil {
			return err
		}
		if err := t.Exec(`insert into invitation_waves (campaign_id, seq, kind, at, size) values (?, ?, ?, ?, 0)`,
			c.ID, w.Seq, w.Kind, t.Now).Error; err != nil {
			return fmt.Errorf("file a wave: %w", err)
		}
		pick := invitePeople
		if w.Kind == campus.ReminderWave {
			pick = remindPeople
		}
		people, err := pick(t, c, w)
		if err != nil {
			return err
		}
		mail := casework.Mailing{University: c.University, People: people, Case: &c.ID, Notice: w.Notice}
		if err := casework.QueueNotices(t, mail); err != nil {
			return err
		}
		if err := casework.AddToEvent(t, m, map[string]int{"count": len(people)}); err != nil {
			return err
		}
		return t.Exec(`update invitation_waves set size = ? where campaign_id = ? and seq = ?`, len(people), c.ID,
			w.Seq).Error
	})
	if err != nil {
		return moved, 0, err
	}
	err = s.Read(ctx).Raw(`select size from invitation_waves where campaign_id = ? and seq = ?`, m.Case.ID,
		w.Seq).Row().Scan(&sent)
	return moved, sent, db.Wrap("read a wave", err)
}

// invitePeople goes on through the audience where the last wave has stopped. When it comes to the end it looks once
// from the beginning: the roster may have changed behind it.
func invitePeople(t db.Tx, c Campaign, w Wave) ([]uuid.UUID, error) {
	words := c.words(w.Levels, w.Rested)
	words["wave"], words["now"] = w.Seq, t.Now
	var reached uuid.UUID
	if err := t.Raw(`select coalesce((select person_id from invitations where campaign_id = ? order by person_id desc limit 1), ?)`,
		c.ID, uuid.Nil).Row().Scan(&reached); err != nil {
		return nil, err
	}
	people := []uuid.UUID{}
	for _, from := range []uuid.UUID{reached, uuid.Nil} {
		words["reached"], words["size"] = from, w.Size-len(people)
		var next []uuid.UUID
		err := t.Raw(`insert into invitations (campaign_id, person_id, wave, invited_at)
			select cast(@campaign as uuid), p.id, cast(@wave as int), cast(@now as timestamptz) from people p
			where p.id > @reached and `+inAudience+` order by p.id limit @size returning person_id`, words).Scan(&next).Error
		if err != nil {
			return nil, fmt.Errorf("invite people: %w", err)
		}
		if people = append(people, next...); len(people) == w.Size || from == uuid.Nil {
			break
		}
	}
	return people, nil
}

// remindPeople reminds those whose invitation is the oldest, each once.
func remindPeople(t db.Tx, c Campaign, w Wave) ([]uuid.UUID, error) {
	words := c.words(w.Levels, w.Rested)
	words["wave"], words["now"], words["before"], words["size"] = w.Seq, t.Now, w.Before, w.Size
	people := []uuid.UUID{}
	err := t.Raw(`update invitations set reminded_at = @now, reminder = @wave where campaign_id = @campaign and person_id in (
			select i.person_id from invitations i join people p on p.id = i.person_id
			where i.invited_at <= @before and `+unanswered+` order by i.invited_at, i.person_id limit @size)
		returning person_id`, words).Scan(&people).Error
	if err != nil {
		return nil, fmt.Errorf("remind people: %w", err)
	}
	return people, nil
}

// EndCampaign ends a campaign; its last event says what it has come to.
func (s *Store) EndCampaign(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		if err := t.Exec(`update campaigns set closed_at = ? where id = ? and closed_at is null`, t.Now,
			m.Case.ID).Error; err != nil {
			return err
		}
		found, err := readProgress(t, selectProgress+`c.id = @campaign`, map[string]any{"campaign": m.Case.ID})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return errors.New("a campaign without a case")
		}
		return casework.AddToEvent(t, m, map[string]int{"invited": found[0].Invited, "applied": found[0].Applied,
			"reminded": found[0].Reminded})
	})
}
