package casework

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// ParkedGroup are the parked steps of a university with the same name and cause: what one outage leaves (K3).
type ParkedGroup struct {
	University string      `json:"university"`
	Step       string      `json:"step"`
	Cause      campus.Code `json:"cause"`
	Count      int         `json:"count"`
	Oldest     time.Time   `json:"oldest"`
}

// settleable is the condition under which a member may settle an open incident w; retriable that they may have it
// retried with its group: nobody else holds it.
const (
	settleable = `w.closed_at is null and w.kind = @kind and w.step <> '' and w.university = @university
		and (@all or w.campus = any(@campuses))`
	retriable = settleable + ` and w.step = @step and w.cause = @cause
		and (w.claimed_by is null or w.claimed_by = @who or w.claimed_until <= @now)`
)

func settleableWords(who campus.StaffMember) map[string]any {
	campuses, all := who.Campuses(campus.SettleSteps)
	return map[string]any{"kind": campus.IncidentItem, "university": who.University, "all": all,
		"campuses": db.Texts(campuses)}
}

// ParkedGroups returns the groups of parked steps that a member may settle, the largest first.
func (s *Store) ParkedGroups(ctx context.Context, who campus.StaffMember) ([]ParkedGroup, error) {
	groups, err := db.All[ParkedGroup](ctx, s.DB,
		`select w.university, w.step, w.cause, count(*)::int as count, min(w.opened_at) as oldest
		from work_items w where `+settleable+` group by 1, 2, 3 order by count desc, step, cause`, settleableWords(who))
	return groups, db.Wrap("list parked steps by group", err)
}

// GroupRetry is one retry of a whole group, with what has become of its steps so far.
type GroupRetry struct {
	ID        uuid.UUID   `json:"id" format:"uuid"`
	Step      string      `json:"step"`
	Cause     campus.Code `json:"cause"`
	AskedAt   time.Time   `json:"asked_at"`
	Steps     int         `json:"steps" doc:"How many it is about"`
	Waiting   int         `json:"waiting"`
	Running   int         `json:"running"`
	OK        int         `json:"ok"`
	Failed    int         `json:"failed" doc:"Tried, and failed again"`
	NotParked int         `json:"not_parked" doc:"Went well by itself, or was settled by somebody else, meanwhile"`

	TriedElsewhere int `json:"tried_elsewhere" doc:"Somebody else tries it, or has tried it; it is still parked"`

	Refused int `json:"refused" doc:"Not tried: claimed by another, or not for this member any more"`
}

// OpenGroupRetry keeps that a member has the group's steps retried: all that are parked now and that they may settle.
// Those that a colleague holds are left to them, and those of another retry that is under way to that one. When it has
// all of them, it is the answer: who asks second is told of the first. NotFound: there is none.
func (s *Store) OpenGroupRetry(ctx context.Context, req Request, who campus.StaffMember, step string,
	cause campus.Code) (GroupRetry, error) {
	id, err := Once(ctx, s, "open a group retry", req, func(t db.Tx) (uuid.UUID, error) {
		if err := t.Exec(`insert into group_retries (id, university, step, cause, asked_by, asked_at) values (?, ?, ?, ?, ?, ?)`,
			req.ID, who.University, step, cause, who.ID, t.Now).Error; err != nil {
			return uuid.Nil, err
		}
		args := settleableWords(who)
		args["retry"], args["step"], args["cause"], args["who"], args["now"] = req.ID, step, cause, who.ID, t.Now
		taken := t.Exec(`insert into group_retry_items (id, retry, item, attempt)
			select gen_random_uuid(), @retry, w.id, w.attempt from work_items w where `+retriable+` order by w.id
			on conflict (item) where state in ('waiting', 'running') do nothing`, args)
		if taken.Error != nil {
			return uuid.Nil, taken.Error
		}
		if taken.RowsAffected == 0 {
			return retryUnderWay(t, args)
		}
		return req.ID, AddAudit(t, campus.Staff(who.ID), "group_retry.open", "group_retry/"+req.ID.String(), who.University)
	})
	if err != nil {
		return GroupRetry{}, err
	}
	return s.GroupRetry(ctx, who, id)
}

// retryUnderWay returns the retry that has the steps for which another was about to be opened.
func retryUnderWay(t db.Tx, args map[string]any) (first uuid.UUID, err error) {
	err = t.Ask(`select i.retry from group_retry_items i join work_items w on w.id = i.item
		where i.state in ('waiting', 'running') and `+retriable+` order by i.id limit 1`, args).Scan(&first)
	if errors.Is(err, sql.ErrNoRows) {
		return first, campus.Errorf(campus.NotFound, "group_empty", "no such step is parked")
	}
	if err != nil {
		return first, err
	}
	return first, t.Exec(`delete from group_retries where id = @retry`, args).Error
}

// GroupRetry returns how a retry of the member's university stands. NotFound: there is no such retry.
func (s *Store) GroupRetry(ctx context.Context, who campus.StaffMember, id uuid.UUID) (GroupRetry, error) {
	r, found, err := db.One[GroupRetry](ctx, s.DB, `select g.id, g.step, g.cause, g.asked_at, count(*)::int as steps,
			(count(*) filter (where i.state = 'waiting'))::int as waiting, (count(*) filter (where i.state = 'running'))::int as running,
			(count(*) filter (where i.state = 'ok'))::int as ok, (count(*) filter (where i.state = 'failed'))::int as failed,
			(count(*) filter (where i.state = 'not_parked'))::int as not_parked,
			(count(*) filter (where i.state = 'refused'))::int as refused,
			(count(*) filter (where i.state = 'tried_elsewhere'))::int as tried_elsewhere
		from group_retries g join group_retry_items i on i.retry = g.id
		where g.id = @id and g.university = @university group by g.id`, map[string]any{"id": id, "university": who.University})
	if err == nil && !found {
		err = campus.Errorf(campus.NotFound, "group_retry_unknown", "no group retry %s", id)
	}
	return r, db.Wrap("read a group retry", err)
}

// GroupRetryItem is one step of a group retry.
type GroupRetryItem struct {
	ID         uuid.UUID   `json:"id" format:"uuid" doc:"Of the decision too"`
	Item       uuid.UUID   `json:"work_item" format:"uuid"`
	CaseID     uuid.UUID   `json:"case_id" format:"uuid"`
	State      string      `json:"state" enum:"waiting,running,ok,failed,not_parked,tried_elsewhere,refused"`
	Code       campus.Code `json:"code,omitempty"`
	Reason     string      `json:"reason,omitempty"`
	FinishedAt *time.Time  `json:"finished_at,omitempty"`
}

// GroupRetryItems returns the steps of a retry, a page of them.
func (s *Store) GroupRetryItems(ctx context.Context, who campus.StaffMember, id, after uuid.UUID,
	limit int) ([]GroupRetryItem, error) {
	items, err := db.All[GroupRetryItem](ctx, s.DB,
		`select i.id, i.item, w.case_id, i.state, i.code, i.reason, i.finished_at
		from group_retry_items i join group_retries g on g.id = i.retry join work_items w on w.id = i.item
		where g.id = @id and g.university = @university and i.id > @after order by i.id limit @limit`,
		map[string]any{"id": id, "university": who.University, "after": after, "limit": limit})
	return items, db.Wrap("list the steps of a group retry", err)
}

// DueGroupRetry is a step that is to be retried now, as the member of staff who asked for it.
type DueGroupRetry struct {
	ID         uuid.UUID
	Item       uuid.UUID
	CaseID     uuid.UUID
	CaseKind   campus.CaseKind
	Step       string
	Attempt    int
	Campus     string
	Closed     bool
	Tried      bool // by somebody else since, and parked again
	Held       bool // by a colleague
	StaffID    uuid.UUID
	University string
	Grants     db.JSONList[campus.Grant]
	Left       bool // the member does not work here any more
}

// Member returns who asked for the retry, with what they may do now.
func (d DueGroupRetry) Member() campus.StaffMember {
	return campus.StaffMember{ID: d.StaffID, University: d.University, Grants: d.Grants}
}

// ClaimGroupRetry takes the next step of any retry: one that waits, or one that has been running for longer than
// patience, whose worker may be gone. None is found when nothing is due.
func (s *Store) ClaimGroupRetry(ctx context.Context, patience time.Duration) (due DueGroupRetry, found bool,
	err error) {
	due, found, err = db.One[DueGroupRetry](ctx, s.DB, `with due as (
			select i.id from group_retry_items i
			where i.state = 'waiting' or (i.state = 'running' and i.tried_at < @late)
			order by i.state desc, i.id limit 1 for update skip locked),
		taken as (update group_retry_items i set state = 'running', tried_at = @now from due where i.id = due.id returning i.*)
		select i.id, i.item, w.case_id, c.kind as case_kind, w.step, i.attempt, w.campus,
			w.closed_at is not null as closed, w.closed_at is null and w.attempt <> i.attempt as tried,
			coalesce(w.claimed_by <> g.asked_by and w.claimed_until > @now, false) as held,
			f.id as staff_id, f.university, f.grants, f.retired_at is not null as left
		from taken i join group_retries g on g.id = i.retry join work_items w on w.id = i.item join cases c on c.id = w.case_id
			join staff f on f.id = g.asked_by`,
		map[string]any{"now": s.Now(), "late": s.Now().Add(-patience)})
	return due, found, db.Wrap("claim a step of a group retry", err)
}

// CloseGroupRetry says what became of a step.
func (s *Store) CloseGroupRetry(ctx context.Context, id uuid.UUID, state string, failure error) error {
	_, err := s.Pool.Exec(ctx, `update group_retry_items set state = $2, code = $3, reason = $4, finished_at = $5
		where id = $1 and state = 'running'`, id, state, campus.CodeOf(failure), campus.ReasonOf(failure), s.Now())
	return db.Wrap("close a step of a group retry", err)
}
