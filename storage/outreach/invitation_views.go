package outreach

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// CampaignProgress is a campaign with its case and what it has come to so far.
type CampaignProgress struct {
	Campaign
	Stage    campus.Stage
	WaitsFor campus.Party
	Since    time.Time
	Due      *time.Time
	Reason   string
	Outcome  campus.Outcome
	Waves    int
	Invited  int
	Reminded int
	Applied  int // of those invited, since they were
}

// Campaigns returns the campaigns of the member's university, newest first; open leaves out those that have ended.
func (s *Store) Campaigns(ctx context.Context, who campus.StaffMember, open bool, after uuid.UUID,
	limit int) ([]CampaignProgress, error) {
	// Ids are made when a campaign opens, so they are in its order.
	found, err := readProgress(s.Reports.Read(ctx),
		selectProgress+`c.university = @university and (not @open or c.closed_at is null)
			and (cast(@after as uuid) is null or c.id < @after) order by c.id desc limit @limit`,
		map[string]any{"university": who.University, "open": open, "after": casework.Nullable(after), "limit": limit})
	return found, db.Wrap("list campaigns", err)
}

// StaffCampaign returns a campaign of the member's university, not found when it is another's.
func (s *Store) StaffCampaign(ctx context.Context, who campus.StaffMember, id uuid.UUID) (CampaignProgress, error) {
	found, err := readProgress(s.Read(ctx), selectProgress+`c.id = @id and c.university = @university`,
		map[string]any{"id": id, "university": who.University})
	if err != nil {
		return CampaignProgress{}, db.Wrap("read a campaign", err)
	}
	if len(found) == 0 {
		return CampaignProgress{}, campus.Errorf(campus.NotFound, "", "no campaign %s", id)
	}
	return found[0], nil
}

const selectProgress = `select c.*, k.stage, k.waits_for, k.since, k.due, k.reason, k.outcome, w.waves, w.invited, w.reminded,
			(select count(*) from invitations i where i.campaign_id = c.id and ` + appliedSinceInvited + `) as applied
		from campaigns c join cases k on k.id = c.id cross join lateral (
			select count(*) as waves, coalesce(sum(size) filter (where kind = 'invitation'), 0) as invited,
				coalesce(sum(size) filter (where kind = 'reminder'), 0) as reminded
			from invitation_waves where campaign_id = c.id) w
		where `

func readProgress(t db.Tx, query db.Statement, words map[string]any) ([]CampaignProgress, error) {
	found := []CampaignProgress{}
	err := t.Raw(string(query), words).Scan(&found).Error
	return found, err
}

// WaveProgress is one wave, and how many of its people have applied since.
type WaveProgress struct {
	Seq     int             `json:"wave"`
	Kind    campus.WaveKind `json:"kind" enum:"invitation,reminder"`
	At      time.Time       `json:"at"`
	Size    int             `json:"people"`
	Applied int             `json:"applied" doc:"Of these, who has applied since"`
}

// CampaignWaves returns the waves of a campaign, in their order.
func (s *Store) CampaignWaves(ctx context.Context, id uuid.UUID) ([]WaveProgress, error) {
	waves := []WaveProgress{}
	err := s.Read(ctx).Raw(`select w.*, coalesce(a.applied, 0) as applied from invitation_waves w left join (
			select i.wave as seq, count(*) as applied from invitations i where i.campaign_id = @id and `+appliedSinceInvited+` group by i.wave
			union all
			select i.reminder, count(*) from invitations i where i.campaign_id = @id and i.reminder is not null and `+appliedSinceReminded+` group by i.reminder
		) a on a.seq = w.seq where w.campaign_id = @id order by w.seq`, map[string]any{"id": id}).Scan(&waves).Error
	return waves, db.Wrap("list the waves of a campaign", err)
}

// OpenInvitation is what a person was asked and has not done yet.
type OpenInvitation struct {
	FirstDay  campus.Date
	LastDay   campus.Date
	InvitedAt time.Time
}

// OpenInvitation returns the newest invitation of a person whose last day is not over, unless they have applied or have
// a card, or the campaign was cancelled; nil when there is none.
func (s *Store) OpenInvitation(ctx context.Context, person uuid.UUID) (*OpenInvitation, error) {
	var open OpenInvitation
	found := s.Read(ctx).Raw(`select g.first_day, g.last_day, i.invited_at from invitations i
			join campaigns g on g.id = i.campaign_id join cases k on k.id = g.id join people p on p.id = i.person_id
		where i.person_id = @person and g.last_day >= @today and k.outcome <> @cancelled and not `+hasCard+` and not `+appliedSinceInvited+`
		order by i.invited_at desc limit 1`,
		map[string]any{"person": person, "today": campus.DateOf(s.Now()), "cancelled": campus.Withdrawn}).Scan(&open)
	if found.Error != nil || found.RowsAffected == 0 {
		return nil, db.Wrap("find an invitation", found.Error)
	}
	return &open, nil
}
