package casework

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"campuscard/campus"
	"campuscard/storage/db"
)

// openItem asks people about a case; asking again for the same thing renews what it says.
func openItem(t db.Tx, caseID uuid.UUID, item campus.NewWorkItem) error {
	if !item.Kind.Known() {
		return campus.Errorf(campus.Internal, "", "nobody decides about items of kind %q", item.Kind)
	}
	return t.Write(`insert into work_items (id, case_id, university, campus, kind, step, attempt, cause, reason, opened_at, due)
		select @item, id, university, campus, @kind, @step, cast(@attempt as bigint), @cause, @reason, @now, @due from cases where id = @id
		on conflict (case_id, kind, step) where closed_at is null
		do update set attempt = excluded.attempt, cause = excluded.cause, reason = excluded.reason, due = excluded.due,
			proposed_action = '', proposed_by = null, proposed_at = null, proposal = null`, map[string]any{
		"item": uuid.Must(uuid.NewV7()), "id": caseID, "kind": item.Kind, "step": item.Step, "attempt": item.Attempt,
		"cause": item.Cause, "reason": item.Reason, "now": t.Now, "due": item.Due,
	})
}

// Changes of an open work item besides its end.
const (
	ofOpenItem   = ` where case_id = @id and kind = @kind and step = @step and closed_at is null`
	closedSQL    = `update work_items set closed_at = @now` + ofOpenItem
	remindedSQL  = `update work_items set reminded_at = @now` + ofOpenItem
	escalatedSQL = `update work_items set escalated_at = @now` + ofOpenItem
)

func itemWords(t db.Tx, caseID uuid.UUID, key campus.WorkItemKey) map[string]any {
	return map[string]any{"id": caseID, "kind": key.Kind, "step": key.Step, "now": t.Now}
}

func closeWorkItem(t db.Tx, caseID uuid.UUID, key campus.WorkItemKey) error {
	return t.Write(closedSQL, itemWords(t, caseID, key))
}

// OpenIncident opens an incident for staff: a case cannot go on by itself. It is one statement that needs neither
// the version of the case nor a lock on it, because the move that fails may have both.
func (s *Store) OpenIncident(ctx context.Context, ref campus.CaseRef, item campus.NewWorkItem) error {
	return db.Wrap("open an incident", openItem(s.Read(ctx), ref.ID, item))
}

// CloseIncident closes what OpenIncident has opened.
func (s *Store) CloseIncident(ctx context.Context, ref campus.CaseRef, step string) error {
	err := closeWorkItem(s.Read(ctx), ref.ID, campus.WorkItemKey{Kind: campus.IncidentItem, Step: step})
	return db.Wrap("close an incident", err)
}

// WorkItem is something a person must decide.
type WorkItem struct {
	ID          uuid.UUID           `json:"id"`
	CaseID      uuid.UUID           `json:"case_id"`
	CaseKind    campus.CaseKind     `json:"case_kind"`
	PersonID    uuid.UUID           `json:"person_id,omitzero"`
	University  string              `json:"university"`
	Campus      string              `json:"campus"`
	Kind        campus.WorkItemKind `json:"kind"`
	Step        string              `json:"step,omitempty"`
	Attempt     int                 `json:"attempt,omitempty"`
	Cause       campus.Code         `json:"cause,omitempty"`
	Reason      string              `json:"reason,omitempty"`
	Stage       campus.Stage        `json:"stage"`
	OpenedAt    time.Time           `json:"opened_at"`
	Due         *time.Time          `json:"due,omitempty"`
	RemindedAt  *time.Time          `json:"reminded_at,omitempty"`
	EscalatedAt *time.Time          `json:"escalated_at,omitempty"`
	ClaimedBy   *uuid.UUID          `json:"claimed_by,omitempty"`
	ClaimedAt   *time.Time          `json:"claimed_at,omitempty"`
	ClosedAt    *time.Time          `json:"closed_at,omitempty"`
	Route       campus.Route        `json:"route,omitempty"`    // of an application
	Category    campus.Category     `json:"category,omitempty"` // of its person
	Mark        string              `json:"mark,omitempty" gorm:"-" enum:"other_card,other_card_replaced" doc:"Of a review: the same human has a card under another number. other_card: activation will be refused while that is so; other_card_replaced: activation replaces it, for the role changes"`

	ClaimedUntil   *time.Time        `json:"claimed_until,omitempty" doc:"From then on the claim keeps nobody away"`
	ClaimedByName  string            `json:"claimed_by_name,omitempty"`
	ProposedAction campus.Settlement `json:"proposed_action,omitempty" doc:"A skip or an abort that waits for a second person"`
	ProposedBy     *uuid.UUID        `json:"proposed_by,omitempty"`
	ProposedByName string            `json:"proposed_by_name,omitempty"`
	ProposedAt     *time.Time        `json:"proposed_at,omitempty"`
	ProposalNote   string            `json:"proposal_note,omitempty" doc:"Why"`

	Pending *OpenDecision `json:"-" gorm:"-"` // somebody has decided about it, and its end is not known yet
}

// HeldByAnother tells whether a colleague of who holds the item. A claim that is over holds nothing.
func (w WorkItem) HeldByAnother(who uuid.UUID, now time.Time) bool {
	return w.ClaimedBy != nil && *w.ClaimedBy != who && campus.ClaimStands(w.ClaimedUntil, now)
}

const selectWorkItem = `select w.*, c.kind as case_kind, c.person_id, c.stage, coalesce(h.name, '') as claimed_by_name,
		coalesce(q.name, '') as proposed_by_name, coalesce(r.payload->>'note', '') as proposal_note,
		coalesce(a.route, '') as route, coalesce(p.category, '') as category
	from work_items w join cases c on c.id = w.case_id left join staff h on h.id = w.claimed_by
		left join applications a on a.id = w.case_id left join people p on p.id = c.person_id
		left join staff q on q.id = w.proposed_by left join requests r on r.id = w.proposal`

// WorkItemFilter narrows a list of open work items; empty fields do not.
type WorkItemFilter struct {
	Kind  campus.WorkItemKind
	Mine  bool // claimed by the one who asks
	Free  bool // claimed by nobody, or once and not any more
	Late  bool // the deadline nears or has passed: reminded or escalated
	After uuid.UUID
	Limit int

	Campus       string
	Overdue      bool // the deadline has passed
	SecondPerson bool // a skip or an abort waits for a second person
	ByDue        bool // the next deadline first; else oldest first
}

// WorkItems returns the open items the member may see, oldest first or the next deadline first. Items of other
// universities, of other campuses and of kinds the member may neither decide nor give to others do not exist for them
// (A0).
func (s *Store) WorkItems(ctx context.Context, who campus.StaffMember, f WorkItemFilter) ([]WorkItem, error) {
	query := s.Reports.Read(ctx).Table("(?) as w",
		s.Gorm.Raw(selectWorkItem+` where w.closed_at is null and w.university = ?`, who.University))
	query = s.narrow(query.Where(s.seenItems(who, f)), who, f)
	if f.ByDue {
		query = query.Order("coalesce(due, 'infinity'::timestamptz)")
	}
	items := []WorkItem{}
	err := query.Order("id").Limit(f.Limit).Find(&items).Error
	if err == nil {
		err = markItems(s.Reports.Gorm.WithContext(ctx), items)
	}
	return items, db.Wrap("list work items", err)
}

// seenItems returns the items of kinds and campuses that the member may decide or give to others.
func (s *Store) seenItems(who campus.StaffMember, f WorkItemFilter) *gorm.DB {
	seen := s.Gorm.Where("false")
	switch campuses, all := who.Campuses(campus.AssignWork); {
	case all && f.Kind == "":
		return s.Gorm.Where("true")
	case all:
		return s.Gorm.Where("kind = ?", f.Kind)
	case len(campuses) > 0 && f.Kind == "":
		seen = seen.Or("campus in ?", campuses)
	case len(campuses) > 0:
		seen = seen.Or("kind = ? and campus in ?", f.Kind, campuses)
	}
	for _, kind := range campus.WorkItemKinds() {
		if f.Kind != "" && f.Kind != kind {
			continue
		}
		switch campuses, all := who.Campuses(kind.Permission()); {
		case all:
			seen = seen.Or("kind = ?", kind)
		case len(campuses) > 0:
			seen = seen.Or("kind = ? and campus in ?", kind, campuses)
		}
	}
	return seen
}

func (s *Store) narrow(query *gorm.DB, who campus.StaffMember, f WorkItemFilter) *gorm.DB {
	now := s.Now()
	if f.Mine {
		query = query.Where("claimed_by = ? and claimed_until > ?", who.ID, now)
	}
	if f.Free {
		query = query.Where("(claimed_by is null or claimed_until <= ?)", now)
	}
	if f.Campus != "" {
		query = query.Where("campus = ?", f.Campus)
	}
	if f.Overdue {
		query = query.Where("due < ?", now)
	}
	if f.SecondPerson {
		query = query.Where("proposed_action <> ''")
	}
	if f.Late {
		query = query.Where("coalesce(reminded_at, escalated_at) is not null")
	}
	switch {
	case f.After == uuid.Nil:
	case f.ByDue:
		query = query.Where(`(coalesce(due, 'infinity'::timestamptz), id) >
			(select coalesce(l.due, 'infinity'::timestamptz), l.id from work_items l where l.id = ?)`, f.After)
	default: // ids are made when the item opens, so they are in its order
		query = query.Where("id > ?", f.After)
	}
	return query
}

// WorkItem returns one item, open or closed, if the member may see it.
func (s *Store) WorkItem(ctx context.Context, who campus.StaffMember, id uuid.UUID) (WorkItem, error) {
	item, err := findWorkItem(s.Read(ctx), selectOneWorkItem, who, id)
	return item, db.Wrap("read a work item", err)
}

// One work item of a university, and the same locked.
const (
	selectOneWorkItem = selectWorkItem + ` where w.id = ? and w.university = ?`
	lockedWorkItem    = selectOneWorkItem + ` for update of w`
)

func findWorkItem(t db.Tx, query db.Statement, who campus.StaffMember, id uuid.UUID) (WorkItem, error) {
	var item WorkItem
	err := t.Raw(string(query), id, who.University).Scan(&item).Error
	if err != nil {
		return item, err
	}
	if item.ID == uuid.Nil || !who.May(campus.ReadCases, item.Campus) {
		return item, campus.Errorf(campus.NotFound, "", "no work item %s", id)
	}
	marked := []WorkItem{item}
	err = markItems(t.DB, marked)
	return marked[0], err
}

// ClaimWorkItem gives an open item to the member, for a while. Claiming one's own item begins the time anew. Conflict:
// another holds it.
func (s *Store) ClaimWorkItem(ctx context.Context, req Request, who campus.StaffMember, id uuid.UUID,
	life time.Duration) (WorkItem, error) {
	return Once(ctx, s, "claim a work item", req, func(t db.Tx) (WorkItem, error) {
		item, err := lockOpenItem(t, who, id)
		if err != nil {
			return item, err
		}
		if item.HeldByAnother(who.ID, t.Now) {
			return item, campus.Errorf(campus.Conflict, "claimed_by_another", "work item %s is claimed by another", id)
		}
		item.claim(who.ID, who.Name, t.Now, life)
		return item, claimItem(t, item, campus.Staff(who.ID), "work_item.claim")
	})
}

// ReleaseWorkItem gives a claimed item back to everybody.
func (s *Store) ReleaseWorkItem(ctx context.Context, req Request, who campus.StaffMember, id uuid.UUID) (WorkItem,
	error) {
	return Once(ctx, s, "release a work item", req, func(t db.Tx) (WorkItem, error) {
		item, err := lockOpenItem(t, who, id)
		if err != nil {
			return item, err
		}
		if item.ClaimedBy == nil {
			return item, nil
		}
		if item.HeldByAnother(who.ID, t.Now) {
			return item, campus.Errorf(campus.Conflict, "claimed_by_another", "work item %s is claimed by another", id)
		}
		item.ClaimedBy, item.ClaimedAt, item.ClaimedUntil, item.ClaimedByName = nil, nil, nil, ""
		return item, claimItem(t, item, campus.Staff(who.ID), "work_item.release")
	})
}

func lockOpenItem(t db.Tx, who campus.StaffMember, id uuid.UUID) (WorkItem, error) {
	item, err := findWorkItem(t, lockedWorkItem, who, id)
	switch {
	case err != nil:
		return item, err
	case !who.May(item.Kind.Permission(), item.Campus):
		return item, campus.NotPermitted(item.Kind.Permission())
	case item.ClosedAt != nil:
		return item, campus.Errorf(campus.Conflict, "already_decided", "work item %s is closed", id)
	}
	return item, nil
}

// claim has somebody hold the item from now on.
func (w *WorkItem) claim(by uuid.UUID, name string, now time.Time, life time.Duration) {
	until := now.Add(life)
	w.ClaimedBy, w.ClaimedByName, w.ClaimedAt, w.ClaimedUntil = &by, name, &now, &until
}

func claimItem(t db.Tx, item WorkItem, actor campus.Actor, action string) error {
	err := t.Exec(`update work_items set claimed_by = ?, claimed_at = ?, claimed_until = ? where id = ?`,
		item.ClaimedBy, item.ClaimedAt, item.ClaimedUntil, item.ID).Error
	if err != nil {
		return err
	}
	return AddAudit(t, actor, action, "work_item/"+item.ID.String(), item.University)
}

// AcknowledgeWorkItem closes an item that tells a person something and asks nothing of a workflow.
func (s *Store) AcknowledgeWorkItem(ctx context.Context, req Request, who campus.StaffMember, id uuid.UUID) (WorkItem,
	error) {
	return Once(ctx, s, "acknowledge a work item", req, func(t db.Tx) (WorkItem, error) {
		item, err := lockOpenItem(t, who, id)
		if err != nil {
			return item, err
		}
		item.ClosedAt = &t.Now
		if err := closeWorkItem(t, item.CaseID, campus.WorkItemKey{Kind: item.Kind, Step: item.Step}); err != nil {
			return item, err
		}
		return item, AddAudit(t, campus.Staff(who.ID), "work_item.acknowledge", "work_item/"+id.String(), item.University)
	})
}
