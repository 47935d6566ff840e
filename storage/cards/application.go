package cards

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Begun is what an application's workflow learns when it begins.
type Begun struct {
	Case          campus.Begun     `json:"-"`
	PolicyVersion string           `json:"policy_version"`
	Route         campus.Route     `json:"route"`
	Category      campus.Category  `json:"category"`
	Counter       bool             `json:"counter"`   // B3: the route without a face was chosen at once
	Tried         bool             `json:"tried"`     // a liveness check has been answered
	EnrolsOn      campus.Date      `json:"enrols_on"` // of a freshman
	Packages      bool             `json:"packages"`  // some were chosen (C2)
	Papers        []campus.Finding `json:"-"`
}

// BeginApplication takes the case out of the queue, or tells how it stands when it has begun before. If the student has
// taken the application back before, it returns how the case ended.
func (s *Store) BeginApplication(ctx context.Context, m campus.Move) (Begun, error) {
	begun, err := s.casework.Begin(ctx, m)
	if err != nil {
		return Begun{}, err
	}
	row, _, err := db.One[begunRow](ctx, s.DB, selectBegun, map[string]any{"id": m.Case.ID})
	if err != nil {
		return Begun{}, db.Wrap("begin an application", err)
	}
	row.Case, row.Papers = begun, papers(row.Route, row.Category, row.Evidence, campus.DateOf(s.Now()))
	return row.Begun, nil
}

// begunRow is what is read of an application when it begins.
type begunRow struct {
	Begun
	Evidence []Evidence `json:"evidence"`
}

const selectBegun = `select c.policy_version, a.route, p.category, a.counter, p.enrolled_on as enrols_on,
		exists (select 1 from liveness_tries where application_id = a.id) as tried, a.packages <> '[]' as packages, ` + evidenceColumn + `
	from cases c join applications a on a.id = c.id join people p on p.id = a.person_id where c.id = @id`

// CloseQueued ends a case whose workflow has not begun: its first move is its last.
func CloseQueued(t db.Tx, c casework.CaseRow, name string, outcome campus.Outcome) error {
	_, err := casework.MoveCase(t, campus.Move{Case: c.Ref(), Version: c.Version + 1, Name: name, Stage: campus.StageDone,
		WaitsFor: campus.WaitsForNobody, Outcome: outcome})
	return err
}

// ErrBegun says that it is too late to end an application in the line.
var ErrBegun = errors.New("the workflow has begun")

func init() {
	casework.KeepFacts(campus.FindingFact, saveFinding)
	casework.KeepFacts(campus.FlagFact, flagApplication)
	casework.KeepFacts(campus.NoteFact, saveNote)
}

// saveFinding puts a verdict in the place of an older one on the same item. One on the phone is about another number
// when that was changed after the carrier was asked (A3, L6).
func saveFinding(t db.Tx, m campus.Move, f campus.Finding) error {
	if f.Item == campus.PhoneItem {
		outdated, err := phoneOutdated(t, m.Case.ID)
		if err != nil {
			return err
		}
		if outdated {
			f.Verdict, f.Reason = campus.Unknown, campus.PhoneChangedReason
		}
	}
	return t.Write(`insert into findings (application_id, item, verdict, reason, score, hash, checked_at)
		values (@id, @item, @verdict, @reason, @score, @hash, @now)
		on conflict (application_id, item) do update set verdict = excluded.verdict,
			reason = excluded.reason, score = excluded.score, hash = excluded.hash, checked_at = excluded.checked_at`,
		map[string]any{"id": m.Case.ID, "item": f.Item, "verdict": f.Verdict, "reason": f.Reason, "score": f.Score,
			"hash": f.Hash, "now": t.Now})
}

// phoneOutdated tells whether the phone of an applicant was changed after the carrier was asked. The lock keeps a
// change away until the verdict is in.
func phoneOutdated(t db.Tx, application uuid.UUID) (outdated bool, err error) {
	err = t.Ask(`select coalesce(p.phone_changed_at > (select max(started_at) from attempts where case_id = a.id and step = 'phone'), false)
		from applications a join people p on p.id = a.person_id where a.id = @id for share of p`,
		map[string]any{"id": application}).Scan(&outdated)
	return outdated, err
}

// flagApplication marks an application for the reviewer, e.g. because a photo never matched (B2).
func flagApplication(t db.Tx, m campus.Move, flag string) error {
	return t.Write(`update applications set flagged = @flag where id = @id`, map[string]any{"id": m.Case.ID, "flag": flag})
}

// ReviewNote is what a reviewer tells the student.
type ReviewNote struct {
	Note string `json:"note"`
}

// saveNote keeps what the decision of a review says to the student.
func saveNote(t db.Tx, m campus.Move, _ struct{}) error {
	return t.Write(`update applications a set review_note = coalesce(r.payload->>'note', '') from requests r
		where a.id = @id and r.id = @decision`, map[string]any{"id": m.Case.ID, "decision": m.Decision.ID})
}

// CloseApplication ends an application: a pending card is closed with it (D4), the student may apply again.
func (s *Store) CloseApplication(ctx context.Context, m campus.Move) (campus.Moved, error) {
	change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: string(m.Outcome)}
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		if err := closePendingCard(t, m.Case.ID, change); err != nil {
			return err
		}
		return CloseApplication(t, m.Case.ID)
	})
}

// CloseApplication notes that an application has ended. It is queued, as Write does.
func CloseApplication(t db.Tx, id uuid.UUID) error {
	return t.Write(`update applications set closed_at = @now where id = @id and closed_at is null`,
		map[string]any{"id": id, "now": t.Now})
}

// ApplicationFile is the data of an application that activities need.
type ApplicationFile struct {
	ID             uuid.UUID
	PersonID       uuid.UUID
	University     string
	KioskID        string
	Route          campus.Route
	Counter        bool
	ConsentVersion *string // B4: none when nothing biometric was handed in
	ReviewNote     string
	Flagged        string
	CreatedAt      time.Time
}

// ApplicationFile reads an application for the activities.
func (s *Store) ApplicationFile(ctx context.Context, id uuid.UUID) (ApplicationFile, error) {
	var file ApplicationFile
	err := s.Read(ctx).Raw(`select * from applications where id = ?`, id).Scan(&file).Error
	if err == nil && file.ID == uuid.Nil {
		return file, campus.Errorf(campus.NotFound, "", "no application %s", id)
	}
	return file, db.Wrap("read an application", err)
}
