package casework

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// keepProposals notes at the incidents of a move which skip or abort waits for a second person, so that they find it
// (K3). A retry that fails, another proposal and the end of the step take it away again.
func keepProposals(t db.Tx, m campus.Move, _ MovedCase) error {
	for _, p := range m.Proposes {
		by, err := uuid.Parse(p.By.ID)
		if err != nil || p.By.Kind != campus.StaffActor || p.By != m.Decision.By {
			return campus.Errorf(campus.Internal, "", "a proposal is made by %s, who has not decided so as a member of staff",
				p.By)
		}
		if err := t.Write(`update work_items set proposed_action = @action, proposed_by = @by, proposed_at = @now, proposal = @decision`+
			ofOpenItem, map[string]any{"action": p.Action, "by": by, "now": t.Now, "decision": Nullable(m.Decision.ID),
			"id": m.Case.ID, "kind": campus.IncidentItem, "step": p.Step}); err != nil {
			return err
		}
	}
	return nil
}

// checkConfirmed refuses a skip or an abort that no other person has proposed, and proposes now (K3). Who another
// person is, and whether it takes one, the decision says, which SQL knows.
func checkConfirmed(t db.Tx, m campus.Move) error {
	d, action := m.Decision, campus.Settlement(m.Decision.Action)
	if d.Update != campus.SettleStepUpdate || !action.FourEyes() || m.Name == campus.SettleMove(d.Said, true) {
		return nil
	}
	var proposed bool
	err := t.Raw(`select exists (select 1 from work_items where case_id = ? and kind = ? and step = ? and closed_at is null
		and proposed_action = ? and proposed_by::text <> ?)`, m.Case.ID, campus.IncidentItem, d.Step, action, d.By.ID).
		Row().Scan(&proposed)
	if err == nil && !proposed {
		err = campus.Errorf(campus.Conflict, "not_proposed", "nobody else proposes to %s step %s", action, d.Step)
	}
	return err
}

// AssignWorkItem gives an open item to a colleague who may decide it. The holder may do so, and heads of the campus.
// Forbidden: assign_forbidden. Invalid: assignee_unfit.
func (s *Store) AssignWorkItem(ctx context.Context, req Request, who campus.StaffMember, id, to uuid.UUID,
	life time.Duration) (WorkItem, error) {
	return Once(ctx, s, "assign a work item", req, func(t db.Tx) (WorkItem, error) {
		item, err := findWorkItem(t, lockedWorkItem, who, id)
		if err != nil {
			return item, err
		}
		holds := item.ClaimedBy != nil && *item.ClaimedBy == who.ID && campus.ClaimStands(item.ClaimedUntil, t.Now)
		switch {
		case !holds && !who.May(campus.AssignWork, item.Campus):
			return item, campus.Errorf(campus.Forbidden, "assign_forbidden", "work item %s is not the caller's to give", id)
		case item.ClosedAt != nil:
			return item, campus.Errorf(campus.Conflict, "already_decided", "work item %s is closed", id)
		}
		colleague, err := fitColleague(t, item, to)
		if err != nil {
			return item, err
		}
		item.claim(colleague.ID, colleague.Name, t.Now, life)
		if err := claimItem(t, item, campus.Staff(who.ID), "work_item.assign"); err != nil {
			return item, err
		}
		event := campus.Event{Kind: "work_assigned", Actor: campus.Staff(who.ID),
			Data: map[string]string{"item": string(item.Kind), "to": colleague.ID.String()}}
		if err := AddEvent(t, item.CaseID, event, uuid.Nil); err != nil || colleague.ID == who.ID {
			return item, err
		}
		places, err := campusParams(t, item.University, item.Campus)
		if err != nil {
			return item, err
		}
		places["work_kind"] = string(item.Kind)
		return item, queueStaffNotice(t, colleague.ID, campus.Notice{Template: "notice.staff_assigned", Params: places})
	})
}

// fitColleague returns a member of staff who may decide an item; anybody else is unfit, whoever they are.
func fitColleague(t db.Tx, item WorkItem, id uuid.UUID) (StaffRow, error) {
	var row StaffRow
	err := t.Where("id = ? and university = ? and retired_at is null", id, item.University).Limit(1).Find(&row).Error
	if err == nil && !row.member().May(item.Kind.Permission(), item.Campus) {
		err = campus.FieldErrorf("to", "assignee_unfit", "the colleague may not decide items of kind %s there", item.Kind)
	}
	return row, err
}

func (r StaffRow) member() campus.StaffMember {
	return campus.StaffMember{ID: r.ID, University: r.University, Username: r.Username, Name: r.Name, Grants: r.Grants}
}

// campusParams returns the name of a campus as places of a notice; the whole university has its own name.
func campusParams(t db.Tx, university, code string) (map[string]string, error) {
	var zh, en string
	err := t.Raw(`select coalesce(c.name_zh, u.name_zh), coalesce(c.name_en, u.name_en)
		from universities u left join campuses c on c.university = u.code and c.code = ? where u.code = ?`, code, university).
		Row().Scan(&zh, &en)
	return map[string]string{"campus_zh": zh, "campus_en": en}, err
}

// QueueSummary is what waits in one queue: the open items of a kind on a campus.
type QueueSummary struct {
	Kind           campus.WorkItemKind `json:"kind"`
	Campus         string              `json:"campus"`
	Open           int                 `json:"open"`
	Free           int                 `json:"free" doc:"Claimed by nobody, or once and not any more"`
	Mine           int                 `json:"mine"`
	Late           int                 `json:"late" doc:"The deadline nears or has passed"`
	Overdue        int                 `json:"overdue" doc:"The deadline has passed"`
	SecondPerson   int                 `json:"second_person" doc:"A skip or an abort waits for a second person"`
	OldestOpenedAt time.Time           `json:"oldest_opened_at"`
	NextDue        *time.Time          `json:"next_due,omitempty" doc:"The next deadline that has not passed"`
}

// WorkSummary counts the open items the member may see, by kind and campus.
func (s *Store) WorkSummary(ctx context.Context, who campus.StaffMember) ([]QueueSummary, error) {
	now := s.Now()
	queues := []QueueSummary{}
	err := s.Read(ctx).Table("work_items").Select(`kind, campus, count(*) as open,
			count(*) filter (where claimed_by is null or claimed_until <= ?) as free,
			count(*) filter (where claimed_by = ? and claimed_until > ?) as mine,
			count(*) filter (where coalesce(reminded_at, escalated_at) is not null) as late,
			count(*) filter (where due < ?) as overdue,
			count(*) filter (where proposed_action <> '') as second_person,
			min(opened_at) as oldest_opened_at, min(due) filter (where due >= ?) as next_due`, now, who.ID, now, now, now).
		Where("closed_at is null and university = ?", who.University).Where(s.seenItems(who, WorkItemFilter{})).
		Group("kind, campus").Order("kind, campus").Find(&queues).Error
	return queues, db.Wrap("count the work items", err)
}

// Assignee is somebody who could take an item.
type Assignee struct {
	ID       uuid.UUID `json:"id"`
	Username string    `json:"username"`
	Name     string    `json:"name"`
	Holding  int       `json:"holding" doc:"Open items they hold now"`
}

// Colleagues returns the members of staff of the caller's university who have a permission on a campus, in the order in
// which they came, after one of them. A university has some hundred members of staff: grants are looked at here.
func (s *Store) Colleagues(ctx context.Context, who campus.StaffMember, p campus.Permission, place string,
	after uuid.UUID, limit int) ([]Assignee, error) {
	var rows []struct {
		Row     StaffRow `gorm:"embedded"` // gorm passes over what is embedded without a name
		Holding int
	}
	err := s.Reports.Read(ctx).Raw(`select f.*, (select count(*) from work_items w where w.claimed_by = f.id and w.closed_at is null and w.claimed_until > ?) as holding
		from staff f where f.university = ? and f.retired_at is null and f.id > ? order by f.id`, s.Now(), who.University, after).Scan(&rows).Error
	fit := []Assignee{}
	for _, r := range rows {
		if len(fit) < limit && r.Row.member().May(p, place) {
			fit = append(fit, Assignee{r.Row.ID, r.Row.Username, r.Row.Name, r.Holding})
		}
	}
	return fit, db.Wrap("list the colleagues", err)
}

// digestLevel is how urgent the message of a digest is.
type digestLevel string

const (
	reminderDigest   digestLevel = "reminder"
	escalationDigest digestLevel = "escalation"
)

// What is asked of late items: which queues have some that nobody was told of, and those of one queue, which are told
// of from now on.
const (
	remindedQueues = `select distinct campus, kind from work_items where closed_at is null and university = ?
		and reminded_at is not null and reminder_told_at is null order by campus, kind`
	escalatedQueues = `select distinct campus, kind from work_items where closed_at is null and university = ?
		and escalated_at is not null and escalation_told_at is null order by campus, kind`
	remindedItems = `update work_items set reminder_told_at = ? where closed_at is null and university = ? and campus = ?
		and kind = ? and reminded_at is not null and reminder_told_at is null returning id, due, claimed_by, claimed_until`
	escalatedItems = `update work_items set escalation_told_at = ? where closed_at is null and university = ? and campus = ?
		and kind = ? and escalated_at is not null and escalation_told_at is null returning id, due, claimed_by, claimed_until`
)

// queries returns the two statements of a level.
func (l digestLevel) queries() (queues, items db.Statement) {
	if l == escalationDigest {
		return escalatedQueues, escalatedItems
	}
	return remindedQueues, remindedItems
}

// UniversitiesWithLateWork returns the universities whose staff have not been told of every late item yet.
func (s *Store) UniversitiesWithLateWork(ctx context.Context) ([]string, error) {
	var codes []string
	err := s.Read(ctx).Raw(`select distinct university from work_items where closed_at is null
		and (reminded_at is not null and reminder_told_at is null or escalated_at is not null and escalation_told_at is null)
		order by university`).Scan(&codes).Error
	return codes, db.Wrap("look for late work", err)
}

// TellStaff queues the messages about late items of a university that nobody has been told of: to who holds them, else
// to all who may decide them; escalated ones to who leads, too. Those of a kind and campus are one message, and the
// next comes after the pause at the earliest, so that many deadlines at once are one mail. It answers how many it
// queued.
func (s *Store) TellStaff(ctx context.Context, university string, policy campus.Policy) (queued int, err error) {
	for _, level := range []digestLevel{reminderDigest, escalationDigest} {
		late, _ := level.queries()
		var queues []struct{ Campus, Kind string }
		err := s.Read(ctx).Raw(string(late), university).Scan(&queues).Error
		if err != nil {
			return queued, db.Wrap("look for late work", err)
		}
		for _, q := range queues {
			n, err := s.tellQueue(ctx, level, university, q.Campus, campus.WorkItemKind(q.Kind), policy)
			if err != nil {
				return queued, err
			}
			queued += n
		}
	}
	return queued, nil
}

// tellQueue sends one digest. Two workers that come at the same time wait for each other at its row, and the second
// finds that it was sent.
func (s *Store) tellQueue(ctx context.Context, level digestLevel, university, place string, kind campus.WorkItemKind,
	policy campus.Policy) (queued int, err error) {
	pause := policy.Work.MailEvery.Std()
	err = s.InTx(ctx, "tell staff of late work", func(t db.Tx) error {
		due := t.Exec(`insert into staff_digests (university, campus, kind, level, told_at) values (?, ?, ?, ?, ?)
			on conflict (university, campus, kind, level) do update set told_at = excluded.told_at
			where staff_digests.told_at <= ?`, university, place, kind, level, t.Now, t.Now.Add(-pause))
		if due.Error != nil || due.RowsAffected == 0 {
			return due.Error
		}
		items, err := lateItems(t, level, university, place, kind)
		if err != nil {
			return err
		}
		digests, err := digestsOf(t, level, university, place, kind, items)
		if err != nil {
			return err
		}
		places, err := campusParams(t, university, place)
		if err != nil {
			return err
		}
		places["work_kind"] = string(kind)
		for _, d := range digests {
			notice := d.notice(level, places)
			if kind.DueInWorkingDays() {
				estimateDue(notice.Params, policy.Calendar.EstimatedDue(d.due))
			}
			if err := queueStaffNotice(t, d.to, notice); err != nil {
				return err
			}
			queued++
		}
		return nil
	})
	return queued, err
}

type lateItem struct {
	ID           uuid.UUID
	Due          *time.Time
	ClaimedBy    *uuid.UUID
	ClaimedUntil *time.Time
}

// lateItems returns the items of a queue that staff have not been told of; from now on they have.
func lateItems(t db.Tx, level digestLevel, university, place string, kind campus.WorkItemKind) ([]lateItem, error) {
	_, late := level.queries()
	var items []lateItem
	err := t.Raw(string(late), t.Now, university, place, kind).Scan(&items).Error
	return items, err
}

// digest is what one member of staff is told.
type digest struct {
	to    uuid.UUID
	count int
	due   *time.Time
}

func (d *digest) add(item lateItem) {
	d.count++
	if item.Due != nil && (d.due == nil || item.Due.Before(*d.due)) {
		d.due = item.Due
	}
}

func (d *digest) notice(level digestLevel, places map[string]string) campus.Notice {
	params := map[string]string{"count": strconv.Itoa(d.count),
		"due_zh": campus.Text(campus.Chinese, "time.none", nil), "due_en": campus.Text(campus.English, "time.none", nil)}
	for name, value := range places {
		params[name] = value
	}
	if d.due != nil {
		params["due_zh"], params["due_en"] = campus.TimeText(campus.Chinese, *d.due), campus.TimeText(campus.English, *d.due)
	}
	return campus.Notice{Template: "notice.staff_" + string(level), Params: params}
}

// estimateDue says of the date in a message that it is an estimate, because of a year; nothing when there is none.
func estimateDue(params map[string]string, year int) {
	if year == 0 {
		return
	}
	for name, in := range map[string]campus.Language{"due_zh": campus.Chinese, "due_en": campus.English} {
		params[name] = campus.Text(in, "due.estimate", map[string]string{"due": params[name], "year": strconv.Itoa(year)})
	}
}

// digestsOf says who is told of what. Staff who may not decide any more, or have left, are not told although they hold
// an item.
func digestsOf(t db.Tx, level digestLevel, university, place string, kind campus.WorkItemKind,
	items []lateItem) ([]*digest, error) {
	var rows []StaffRow
	if err := t.Where("university = ? and retired_at is null", university).Order("id").Find(&rows).Error; err != nil {
		return nil, err
	}
	var digests []*digest
	for _, row := range rows {
		member, d := row.member(), &digest{to: row.ID}
		decides, leads := member.May(kind.Permission(), place), member.May(campus.AssignWork, place)
		for _, item := range items {
			holder := item.holder(rows, kind, place, t.Now)
			switch {
			case holder == row.ID, holder == uuid.Nil && decides, level == escalationDigest && leads:
				d.add(item)
			}
		}
		if d.count > 0 {
			digests = append(digests, d)
		}
	}
	return digests, nil
}

// holder returns who holds the item and may decide it, or nobody.
func (i lateItem) holder(staff []StaffRow, kind campus.WorkItemKind, place string, now time.Time) uuid.UUID {
	if i.ClaimedBy == nil || !campus.ClaimStands(i.ClaimedUntil, now) {
		return uuid.Nil
	}
	for _, row := range staff {
		if row.ID == *i.ClaimedBy && row.member().May(kind.Permission(), place) {
			return row.ID
		}
	}
	return uuid.Nil
}

// LikePattern is a text as a pattern that finds it anywhere.
func LikePattern(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// StaffRow is a member of staff as the table of area people has them.
type StaffRow struct {
	ID         uuid.UUID `gorm:"primaryKey"`
	University string
	Username   string
	Name       string
	Grants     db.JSONList[campus.Grant]
	RetiredAt  *time.Time
}

// TableName implements gorm's Tabler.
func (StaffRow) TableName() string { return "staff" }
