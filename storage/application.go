package storage

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Begun is what an application's workflow learns when it begins.
type Begun struct {
	Moved         campus.Moved     `json:"-"`
	PolicyVersion string           `json:"policy_version"`
	Route         campus.Route     `json:"route"`
	Category      campus.Category  `json:"category"`
	Counter       bool             `json:"counter"`   // B3: the route without a face was chosen at once
	Tried         bool             `json:"tried"`     // a liveness check has been answered
	EnrolsOn      campus.Date      `json:"enrols_on"` // of a freshman
	Packages      bool             `json:"packages"`  // some were chosen (C2)
	Papers        []campus.Finding `json:"-"`
}

// BeginApplication takes the case out of the queue. One that the student has taken back before answers how it has
// ended.
func (s *Store) BeginApplication(ctx context.Context, m campus.Move) (Begun, error) {
	var row begunRow
	moved, err := s.moveAs(ctx, m, part{answer: begunColumn("moved"), into: &row}, nil)
	if err == nil && row.PolicyVersion == "" { // the move was there before
		err = s.pool.QueryRow(ctx, `select `+begunColumn("c")+` from cases c where c.id = $1`, m.Case.ID).Scan(&row)
	}
	if err != nil {
		return Begun{}, wrap("begin an application", err)
	}
	row.Moved, row.Papers = moved, papers(row.Route, row.Category, row.Evidence, campus.DateOf(s.Now()))
	return row.Begun, nil
}

// begunRow is what is read of an application when it begins.
type begunRow struct {
	Begun
	Evidence []Evidence `json:"evidence"`
}

// begunColumn is a begunRow of the case, which stands in the statement under a name.
func begunColumn(of string) string {
	return `(select to_jsonb(b) from (select ` + of + `.policy_version, a.route, p.category, a.counter, p.enrolled_on as enrols_on,
			exists (select 1 from liveness_tries where application_id = a.id) as tried, a.packages <> '[]' as packages, ` + evidenceColumn + `
		from applications a join people p on p.id = a.person_id where a.id = ` + of + `.id) b)`
}

// WithdrawQueued takes back an application whose workflow has not begun, so that it can be done while Temporal is
// down; the workflow finds it withdrawn and ends. Answers the id of the request that did it, or none when the
// workflow has begun: it decides then.
func (s *Store) WithdrawQueued(ctx context.Context, req Request, id uuid.UUID) (uuid.UUID, error) {
	done, err := once(ctx, s, "withdraw a queued application", req, func(t tx) (uuid.UUID, error) {
		return req.ID, withdrawQueued(t, req.Actor, id)
	})
	if errors.Is(err, errBegun) {
		return uuid.Nil, nil
	}
	return done, err
}

// withdrawQueued takes back an application whose workflow has not begun; errBegun when it has.
func withdrawQueued(t tx, by campus.Actor, id uuid.UUID) error {
	c, err := lockCase(t, campus.CaseRef{Kind: campus.ApplicationCase, ID: id})
	if err != nil {
		return err
	}
	if c.Stage != campus.StageQueued {
		return errBegun
	}
	if err := closeQueued(t, c, "withdrawn-in-line", campus.Withdrawn); err != nil {
		return err
	}
	if err := leaveLine(t, id); err != nil {
		return err
	}
	if err := closeApplication(t, id); err != nil {
		return err
	}
	if err := addAudit(t, by, "application.withdraw", c.Ref().WorkflowID(), c.University); err != nil {
		return err
	}
	return addEvent(t, id, campus.Event{Kind: "withdrawn", Actor: by, Public: true}, uuid.Nil)
}

// closeQueued ends a case whose workflow has not begun: its first move is its last.
func closeQueued(t tx, c caseRow, name string, outcome campus.Outcome) error {
	_, err := moveCase(t, campus.Move{Case: c.Ref(), Version: c.Version + 1, Name: name, Stage: campus.StageDone,
		WaitsFor: campus.WaitsForNobody, Outcome: outcome}, part{})
	return err
}

var errBegun = errors.New("the workflow has begun")

// SaveFindings keeps verdicts and records the move they cause.
func (s *Store) SaveFindings(ctx context.Context, m campus.Move, findings []campus.Finding) (campus.Moved, error) {
	m.Findings = append(m.Findings, findings...)
	return s.Record(ctx, m)
}

// findingsPart puts the verdicts on items in the place of older ones; of two on the same item the later one stays.
func findingsPart(findings []campus.Finding) part {
	words := map[string]any{"findings": jsonText(findings)}
	holder, of, verdict, reason := "", "moved", "f.verdict", "coalesce(f.reason, '')"
	if slices.ContainsFunc(findings, func(f campus.Finding) bool { return f.Item == campus.PhoneItem }) {
		words["unknown"], words["changed"] = campus.Unknown, campus.PhoneChangedReason
		holder, of = phoneHolderSQL, "moved left join holder on true"
		verdict = "case when f.item = 'phone' and holder.outdated then @unknown else " + verdict + " end"
		reason = "case when f.item = 'phone' and holder.outdated then @changed else " + reason + " end"
	}
	return part{words: words, sql: holder + `, found as (
		insert into findings (application_id, item, verdict, reason, score, hash, checked_at)
		select distinct on (f.item) moved.id, f.item, ` + verdict + `, ` + reason + `,
			coalesce(f.score, 0), coalesce(f.hash, ''), cast(@now as timestamptz)
		from ` + of + `, rows from (jsonb_to_recordset(cast(@findings as jsonb))
				as (item text, verdict text, reason text, score double precision, hash text))
			with ordinality f (item, verdict, reason, score, hash, n)
		order by f.item, f.n desc
		on conflict (application_id, item) do update set verdict = excluded.verdict,
			reason = excluded.reason, score = excluded.score, hash = excluded.hash, checked_at = excluded.checked_at)`}
}

// phoneHolderSQL tells whether a verdict on the phone is about another number: it was changed after the carrier was
// asked. The lock keeps a change away until the verdict is in (A3, L6).
const phoneHolderSQL = `, holder as (
		select p.phone_changed_at > (select max(started_at) from attempts where case_id = moved.id and step = 'phone') as outdated
		from people p join moved on p.id = moved.person_id for share of p)`

// FlagApplication keeps verdicts together with a mark for the reviewer, e.g. a photo that never matched (B2).
func (s *Store) FlagApplication(ctx context.Context, m campus.Move, flag string,
	findings ...campus.Finding) (campus.Moved, error) {
	m.Findings = append(m.Findings, findings...)
	return s.moveAs(ctx, m, part{sql: flaggedSQL, words: map[string]any{"flag": flag}}, nil)
}

const flaggedSQL = `, flagged as (update applications a set flagged = @flag from moved where a.id = moved.id)`

// ReviewNote is what a reviewer tells the student.
type ReviewNote struct {
	Note string `json:"note"`
}

// SaveReview keeps what the reviewer of the move's decision told the student, with the move it causes.
func (s *Store) SaveReview(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return s.moveAs(ctx, m, part{sql: notedSQL}, nil)
}

// notedSQL is what a review writes beside its move.
const notedSQL = `, noted as (
		update applications a set review_note = coalesce(r.payload->>'note', '') from moved, requests r where a.id = moved.id and r.id = @decision)`

// CloseApplication ends an application: a pending card is closed with it (D4), the student may apply again.
func (s *Store) CloseApplication(ctx context.Context, m campus.Move) (campus.Moved, error) {
	change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: string(m.Outcome)}
	return s.moveAs(ctx, m, part{sql: closedCardSQL + cardChangedSQL + endedSQL,
		words: cardWords(uuid.Nil, campus.CardClosed, change)}, nil)
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
