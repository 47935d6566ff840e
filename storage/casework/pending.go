package casework

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"campuscard/storage/db"
)

// OpenDecision is a decision that somebody has made about a case and whose end is not known yet. It does not say what
// was decided: that is not so before it is carried out.
type OpenDecision struct {
	ID     uuid.UUID
	CaseID uuid.UUID
	About  string // as campus.Said has it
	Update string
	Step   string // that is settled
	Actor  string
	ByName string // of a member of staff; holders have none here
	Since  time.Time
}

// selectOpenDecision reads them by the index that lets one decision about the same be open at a time.
const selectOpenDecision = `select r.id, r.case_id, r.about, r.update_name as update, r.actor, r.created_at as since,
		coalesce(r.argument->>'step', '') as step, coalesce(f.name, '') as by_name
	from requests r left join staff f
		on f.id = case when r.actor like 'staff/%' then cast(substr(r.actor, 7) as uuid) end
	where r.state = 'open' and r.case_id in ? order by r.created_at, r.id`

func openDecisions(db *gorm.DB, cases []uuid.UUID) ([]OpenDecision, error) {
	open := []OpenDecision{}
	return open, db.Raw(selectOpenDecision, cases).Scan(&open).Error
}

// CaseDecisions are the open decisions about a case, oldest first.
func (s *Store) CaseDecisions(ctx context.Context, caseID uuid.UUID) ([]OpenDecision, error) {
	open, err := openDecisions(s.Gorm.WithContext(ctx), []uuid.UUID{caseID})
	return open, db.Wrap("list open decisions", err)
}

// markPending marks the open items about which somebody has decided, and nobody knows the end of that yet: who
// decides, too, is refused with decision_pending.
func markPending(db *gorm.DB, items []WorkItem) error {
	var cases []uuid.UUID
	for _, item := range items {
		if item.ClosedAt == nil && item.Kind.About(item.Step) != "" {
			cases = append(cases, item.CaseID)
		}
	}
	if len(cases) == 0 {
		return nil
	}
	open, err := openDecisions(db, cases)
	for i, item := range items {
		for _, d := range open {
			if d.CaseID == item.CaseID && d.About == item.Kind.About(item.Step) && item.ClosedAt == nil {
				items[i].Pending = &d
			}
		}
	}
	return err
}

// ItemMarks add to items what is not in their rows. Each is registered beside what it looks at.
var ItemMarks = []func(*gorm.DB, []WorkItem) error{markPending}

func markItems(db *gorm.DB, items []WorkItem) error {
	for _, mark := range ItemMarks {
		if err := mark(db, items); err != nil {
			return err
		}
	}
	return nil
}
