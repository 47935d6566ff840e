package storage

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Begun is what an application's workflow learns when it begins.
type Begun struct {
	Withdrawn     bool // the student took it back while it was queued
	PolicyVersion string
	Route         campus.Route
	Category      campus.Category
	Counter       bool             // B3: the route without a face was chosen at once
	Tried         bool             // a liveness check has been answered
	EnrolsOn      campus.Date      // of a freshman
	Papers        []campus.Finding `gorm:"-"`
}

// BeginApplication takes the case out of the queue, unless the student has taken it back before.
func (s *Store) BeginApplication(ctx context.Context, m campus.Move) (Begun, error) {
	var begun Begun
	err := s.inTx(ctx, "begin an application", func(t tx) error {
		row, err := lockCase(t, m.Case)
		if err != nil {
			return err
		}
		if err := t.Raw(`select a.route, p.category, a.counter, p.enrolled_on as enrols_on,
				exists (select 1 from liveness_tries where application_id = a.id) as tried
			from applications a join people p on p.id = a.person_id where a.id = ?`, m.Case.ID).Scan(&begun).Error; err != nil {
			return err
		}
		begun.Withdrawn, begun.PolicyVersion = row.Outcome == campus.Withdrawn, row.PolicyVersion
		if begun.Withdrawn || row.Version >= m.Version {
			return nil
		}
		owner, err := moveCase(t, m)
		if err != nil {
			return err
		}
		return recordMove(t, m, owner)
	})
	if err == nil && !begun.Withdrawn {
		begun.Papers, err = s.papers(ctx, m.Case.ID)
	}
	return begun, err
}

// WithdrawQueued takes back an application whose workflow has not begun, so that it can be done while Temporal is
// down; the workflow finds it withdrawn and ends. Answers the id of the request that did it, or none when the
// workflow has begun: it decides then.
func (s *Store) WithdrawQueued(ctx context.Context, req Request, id uuid.UUID) (uuid.UUID, error) {
	done, err := once(ctx, s, "withdraw a queued application", req, func(t tx) (uuid.UUID, error) {
		row, err := lockCase(t, campus.CaseRef{Kind: campus.ApplicationCase, ID: id})
		if err != nil {
			return uuid.Nil, err
		}
		if row.Stage != campus.StageQueued {
			return uuid.Nil, errBegun
		}
		if err := t.Exec(`update cases set stage = ?, waits_for = ?, since = ?, outcome = ?, closed_at = ? where id = ?`,
			campus.StageDone, campus.WaitsForNobody, t.now, campus.Withdrawn, t.now, id).Error; err != nil {
			return uuid.Nil, err
		}
		if err := leaveLine(t, id); err != nil {
			return uuid.Nil, err
		}
		if err := closeApplication(t, id); err != nil {
			return uuid.Nil, err
		}
		if err := addAudit(t, req.Actor, "application.withdraw", row.Ref().WorkflowID(), row.University); err != nil {
			return uuid.Nil, err
		}
		return req.ID, addEvent(t, id, campus.Event{Kind: "withdrawn", Actor: req.Actor, Public: true}, uuid.Nil)
	})
	if errors.Is(err, errBegun) {
		return uuid.Nil, nil
	}
	return done, err
}

var errBegun = errors.New("the workflow has begun")

// SaveFindings keeps verdicts and records the move they cause.
func (s *Store) SaveFindings(ctx context.Context, m campus.Move, findings []campus.Finding) error {
	return s.move(ctx, m, func(t tx) error {
		for _, f := range findings {
			if f.Item == campus.PhoneItem {
				var err error
				if f, err = currentPhone(t, m.Case.ID, f); err != nil {
					return err
				}
			}
			if err := upsertFinding(t, m.Case.ID, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func upsertFinding(t tx, application uuid.UUID, f campus.Finding) error {
	return t.Exec(`insert into findings (application_id, item, verdict, reason, score, hash, checked_at)
		values (?, ?, ?, ?, ?, ?, ?) on conflict (application_id, item) do update set verdict = excluded.verdict,
		reason = excluded.reason, score = excluded.score, hash = excluded.hash, checked_at = excluded.checked_at`,
		application, f.Item, f.Verdict, f.Reason, f.Score, f.Hash, t.now).Error
}

// FlagApplication keeps a verdict together with a mark for the reviewer, e.g. a photo that never matched (B2).
func (s *Store) FlagApplication(ctx context.Context, m campus.Move, flag string, finding campus.Finding) error {
	return s.move(ctx, m, func(t tx) error {
		if err := t.Exec(`update applications set flagged = ? where id = ?`, flag, m.Case.ID).Error; err != nil {
			return err
		}
		return upsertFinding(t, m.Case.ID, finding)
	})
}

// ReviewNote is what a reviewer tells the student.
type ReviewNote struct {
	Note string `json:"note"`
}

// SaveReview keeps what the reviewer of the move's decision told the student, with the move it causes.
func (s *Store) SaveReview(ctx context.Context, m campus.Move) error {
	return s.move(ctx, m, func(t tx) error { return saveNote(t, m) })
}

func saveNote(t tx, m campus.Move) error {
	review, err := readDecision[ReviewNote](t, m.Decision)
	if err != nil {
		return err
	}
	return t.Exec(`update applications set review_note = ? where id = ?`, review.Note, m.Case.ID).Error
}

// CloseApplication ends an application: a pending card is closed with it (D4), the student may apply again.
func (s *Store) CloseApplication(ctx context.Context, m campus.Move) error {
	return s.move(ctx, m, func(t tx) error {
		if err := closeApplication(t, m.Case.ID); err != nil {
			return err
		}
		change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: string(m.Outcome)}
		return closePendingCard(t, m.Case.ID, change)
	})
}

func closeApplication(t tx, id uuid.UUID) error {
	return t.Exec(`update applications set closed_at = ? where id = ? and closed_at is null`, t.now, id).Error
}

// ApplicationFile is what activities need to know of an application.
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
	err := s.read(ctx).Raw(`select * from applications where id = ?`, id).Scan(&file).Error
	if err == nil && file.ID == uuid.Nil {
		return file, campus.Errorf(campus.NotFound, "", "no application %s", id)
	}
	return file, wrap("read an application", err)
}
