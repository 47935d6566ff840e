package storage

import (
	"context"
	"crypto/hmac"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// NewApplication is what an applicant hands in.
type NewApplication struct {
	Person         uuid.UUID
	Route          campus.Route // the only one that is let in; empty: any but that of staff, who come through HR (A2)
	Levels         []string     // that the university serves (A1); empty: all
	Kiosk          string       // empty: one of the home campus (D2)
	DocumentType   campus.DocumentType
	DocumentNumber string     // as typed; compared with the roster's and not kept
	Evidence       []Evidence // what is left out is asked for later (A4)
	Counter        bool       // B3: the route without a face; then there is neither consent nor liveness
	ConsentVersion string
	Liveness       LivenessAnswer
	PolicyVersion  string
	Packages       []campus.ChosenPackage // C2: granted when the card is active
	Rush           campus.RushPolicy      // C5: where in the line it stands
}

// Accepted is the answer to an application.
type Accepted struct {
	ID    uuid.UUID    `json:"id"`
	Stage campus.Stage `json:"stage"`
}

// Apply takes an application: the case, its evidence, and the start of its workflow, in one transaction. It needs
// neither Temporal nor any of the school's systems (A1, C5). Conflicts: application_open, card_exists. Refused:
// not_registered, level_not_served, apply_through_hr. Invalid: document_mismatch and what campus.CheckDocument says,
// item_not_asked, upload_missing, challenge_unusable, kiosk_unknown.
func (s *Store) Apply(ctx context.Context, req Request, a NewApplication) (Accepted, error) {
	return once(ctx, s, "take an application", req, func(t tx) (Accepted, error) {
		return Accepted{ID: req.ID, Stage: campus.StageQueued}, openApplication(ctx, t, req.ID, campus.Student(a.Person), a)
	})
}

func openApplication(ctx context.Context, t tx, id uuid.UUID, by campus.Actor, a NewApplication) error {
	found, err := checkApplicant(t, a)
	if err != nil {
		return err
	}
	a.Kiosk, a.Route = *found.KioskID, found.Route
	ref := campus.CaseRef{Kind: campus.ApplicationCase, ID: id}
	owner := found.Owner
	if err := openCase(t, ref, owner, a.PolicyVersion); err != nil {
		return err
	}
	if err := insertApplication(t, id, owner, a); err != nil {
		return err
	}
	if err := keepChoice(t, id, a.Packages); err != nil {
		return err
	}
	if err := takeEvidence(t, id, applicant{a.Person, a.Route, found.Category}, a.Evidence); err != nil {
		return err
	}
	if !a.Counter && a.Route != campus.StaffRoute {
		if err := insertLivenessTry(t, id, a.Person, a.Liveness); err != nil {
			return err
		}
	}
	if err := addEvent(t, id, campus.Event{Kind: "applied", Actor: by, Public: true}, uuid.Nil); err != nil {
		return err
	}
	if err := addAudit(t, by, "application.apply", ref.WorkflowID(), owner.University); err != nil {
		return err
	}
	input := campus.CaseInput{Case: ref, University: owner.University, Campus: owner.Campus}
	return joinLine(ctx, t, ref, owner.University, a.Rush.Place(t.now, found.deadline()), input)
}

// applicantRow is what intake needs to know of a person.
type applicantRow struct {
	Owner        caseOwner `gorm:"embedded"` // gorm passes over what is embedded without a name
	Status       string
	Level        string
	Category     campus.Category
	DocumentType campus.DocumentType
	DocumentHash []byte
	KioskID      *string
	HasCard      bool
	Applied      bool
	Route        campus.Route `gorm:"-"`
	EnrolledOn   campus.Date
}

// deadline is the day a freshman enrols; the others have none.
func (r applicantRow) deadline() campus.Date {
	if r.Route != campus.FreshmanRoute {
		return campus.Date{}
	}
	return r.EnrolledOn
}

// checkApplicant looks at the person in SQL only (A1).
func checkApplicant(t tx, a NewApplication) (applicantRow, error) {
	var who applicantRow
	err := t.Raw(`select p.id as person_id, p.university, p.campus, p.status, p.level, p.category, p.document_type, p.document_hash, p.enrolled_on,
			k.id as kiosk_id,
			exists (select 1 from cards where person_id = p.id and state in ('pending', 'active', 'frozen', 'lost')) as has_card,
			exists (select 1 from applications where person_id = p.id and closed_at is null) as applied
		from people p left join kiosks k on k.university = p.university and k.retired_at is null
			and (k.id = @kiosk or (@kiosk = '' and k.campus = p.campus))
		where p.id = @person order by k.id limit 1`, map[string]any{"kiosk": a.Kiosk, "person": a.Person}).Scan(&who).Error
	if err != nil {
		return who, err
	}
	if who.Owner.PersonID == uuid.Nil {
		return who, campus.Errorf(campus.NotFound, "", "no person %s", a.Person)
	}
	if who.Route, err = routeOf(who, a); err != nil {
		return who, err
	}
	switch {
	case who.HasCard:
		return who, campus.Errorf(campus.Conflict, "card_exists", "the person has a card already")
	case who.Applied:
		return who, applicationOpen()
	case who.KioskID == nil:
		return who, campus.FieldErrorf("kiosk", "kiosk_unknown", "no kiosk of that name at the university")
	case who.Route == campus.StaffRoute: // HR has said who it is; the document comes with the evidence
		return who, nil
	}
	return who, checkClaim(t, who, a)
}

// routeOf is the way on which the person becomes a holder, if it is one that is open here (A1, A2, A6).
func routeOf(who applicantRow, a NewApplication) (campus.Route, error) {
	route, open := campus.RouteOf(who.Status)
	switch {
	case !open, a.Route != "" && a.Route != route:
		return "", campus.Errorf(campus.Refused, "not_registered", "the roster does not have the person as registered")
	case a.Route == "" && route == campus.StaffRoute && !who.Applied:
		return "", campus.Errorf(campus.Refused, "apply_through_hr", "staff apply through the HR system")
	case route != campus.StaffRoute && len(a.Levels) > 0 && !slices.Contains(a.Levels, who.Level):
		return "", campus.Errorf(campus.Refused, "level_not_served", "the university has no card for the level %s", who.Level)
	}
	return route, nil
}

// checkClaim compares the document that is claimed with the roster's (A3, A4).
func checkClaim(t tx, who applicantRow, a NewApplication) error {
	err := campus.CheckDocument(a.DocumentType, a.DocumentNumber, who.Category, campus.DateOf(t.now))
	if known, ok := errors.AsType[*campus.Error](err); ok {
		field := "identity_document.number"
		if known.Reason == "document_category" {
			field = "identity_document.type"
		}
		return campus.FieldErrorf(field, known.Reason, "%s", known.Message)
	}
	if who.DocumentType != a.DocumentType || !hmac.Equal(who.DocumentHash, t.keys.document(a.DocumentNumber)) {
		return campus.FieldErrorf("identity_document.number", "document_mismatch", "the document number is not the one on the roster")
	}
	return nil
}

func applicationOpen() error {
	return campus.Errorf(campus.Conflict, "application_open", "the person has an open application")
}

func insertApplication(t tx, id uuid.UUID, owner caseOwner, a NewApplication) error {
	version, at := consentAt(a, t.now)
	err := t.Exec(`insert into applications (id, person_id, university, kiosk_id, route, counter, consent_version, consent_at, created_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, a.Person, owner.University, a.Kiosk, a.Route, a.Counter, version, at, t.now).Error
	if violated(err) == "applications_one_open" { // another request was as fast
		return applicationOpen()
	}
	return err
}

// insertLivenessTry takes the answer to a challenge: one's own, in time, and only once (B1).
func insertLivenessTry(t tx, application, person uuid.UUID, answer LivenessAnswer) error {
	if len(answer.Frames) == 0 {
		return uploadMissing("liveness.frames")
	}
	var gesture string
	used := t.Raw(`update challenges set used_at = ? where id = ? and person_id = ? and used_at is null and expires_at > ?
		returning gesture`, t.now, answer.Challenge, person, t.now).Scan(&gesture)
	if used.Error != nil {
		return used.Error
	}
	if used.RowsAffected == 0 {
		return campus.FieldErrorf("liveness.challenge", "challenge_unusable", "no such challenge, or it is used or too old")
	}
	taken := t.Exec(`update uploads set taken_by = ? where id in ? and person_id = ? and purpose = ? and taken_by is null
		and deleted_at is null`, application, answer.Frames, person, campus.FrameUpload)
	if taken.Error != nil {
		return taken.Error
	}
	if int(taken.RowsAffected) != len(answer.Frames) {
		return uploadMissing("liveness.frames")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return t.Exec(`insert into liveness_tries (id, application_id, seq, challenge_id, gesture, frames, created_at)
		values (?, ?, (select count(*) + 1 from liveness_tries where application_id = ?), ?, ?, ?, ?)`,
		id, application, application, answer.Challenge, gesture, jsonList[uuid.UUID](answer.Frames), t.now).Error
}

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

// LivenessAnswer answers a challenge with frames.
type LivenessAnswer struct {
	Challenge uuid.UUID   `json:"challenge"`
	Frames    []uuid.UUID `json:"frames"`
	Consent   string      `json:"consent,omitempty"` // B4: version of the text agreed to, where none was agreed to before
}

// AddLivenessTry takes the answer of the move's decision (B1), and the consent that must be there before (B4). Invalid:
// consent_missing, challenge_unusable, upload_missing.
func (s *Store) AddLivenessTry(ctx context.Context, m campus.Move) error {
	return s.move(ctx, m, func(t tx) error {
		answer, err := readDecision[LivenessAnswer](t, m.Decision)
		if err != nil {
			return err
		}
		agreed := t.Exec(`update applications set consent_version = coalesce(consent_version, ?), consent_at = coalesce(consent_at, ?)
			where id = ? and coalesce(consent_version, ?) <> ''`, answer.Consent, t.now, m.Case.ID, answer.Consent)
		if agreed.Error != nil {
			return agreed.Error
		}
		if agreed.RowsAffected == 0 {
			return campus.FieldErrorf("consent", "consent_missing", "the check of the face needs consent")
		}
		who, err := applicantOf(t, m.Case.ID)
		if err != nil {
			return err
		}
		return insertLivenessTry(t, m.Case.ID, who.PersonID, answer)
	})
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
