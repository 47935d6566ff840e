package storage

import (
	"context"
	"crypto/hmac"
	"errors"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// NewApplication is what a student hands in.
type NewApplication struct {
	Person            uuid.UUID
	Kiosk             string      // empty: one of the home campus (D2)
	DocumentNumber    string      // as typed; compared with the roster's and not kept
	DocumentExpiresOn campus.Date // zero: 长期, never
	DocumentUpload    uuid.UUID
	CertificateUpload uuid.UUID
	CertificateCode   string
	ConsentVersion    string
	Liveness          LivenessAnswer
	PolicyVersion     string
	Packages          []campus.ChosenPackage // C2: granted when the card is active
}

// Accepted is the answer to an application.
type Accepted struct {
	ID    uuid.UUID    `json:"id"`
	Stage campus.Stage `json:"stage"`
}

// Apply takes an application: the case, its evidence, and the start of its workflow, in one transaction. It needs
// neither Temporal nor any of the school's systems (A1, C5). Conflicts: application_open, card_exists. Invalid:
// document_mismatch, upload_missing, challenge_unusable, kiosk_unknown.
func (s *Store) Apply(ctx context.Context, req Request, a NewApplication) (Accepted, error) {
	return once(ctx, s, "take an application", req, func(t tx) (Accepted, error) {
		owner, kiosk, err := checkApplicant(t, a)
		if err != nil {
			return Accepted{}, err
		}
		a.Kiosk = kiosk
		ref := campus.CaseRef{Kind: campus.ApplicationCase, ID: req.ID}
		if err := openCase(t, ref, owner, a.PolicyVersion); err != nil {
			return Accepted{}, err
		}
		if err := insertApplication(t, ref.ID, owner, a); err != nil {
			return Accepted{}, err
		}
		if err := keepChoice(t, ref.ID, a.Packages); err != nil {
			return Accepted{}, err
		}
		if err := takeUploads(t, ref.ID, a); err != nil {
			return Accepted{}, err
		}
		if err := insertLivenessTry(t, ref.ID, a.Person, a.Liveness); err != nil {
			return Accepted{}, err
		}
		if err := upsertFinding(t, ref.ID, campus.Finding{Item: campus.DocumentItem, Verdict: campus.Pass}); err != nil {
			return Accepted{}, err
		}
		student := campus.Student(a.Person)
		if err := addEvent(t, ref.ID, campus.Event{Kind: "applied", Actor: student, Public: true}, uuid.Nil); err != nil {
			return Accepted{}, err
		}
		if err := addAudit(t, student, "application.apply", ref.WorkflowID(), owner.University); err != nil {
			return Accepted{}, err
		}
		input := campus.CaseInput{Case: ref, University: owner.University, Campus: owner.Campus}
		return Accepted{ID: ref.ID, Stage: campus.StageQueued}, enqueueStart(ctx, t, ref, string(ref.Kind), input)
	})
}

// checkApplicant looks at the person in SQL only (A1).
func checkApplicant(t tx, a NewApplication) (owner caseOwner, kiosk string, err error) {
	var who struct {
		Owner        caseOwner `gorm:"embedded"` // gorm passes over what is embedded without a name
		Status       string
		DocumentHash []byte
		KioskID      *string
		HasCard      bool
	}
	err = t.Raw(`select p.id as person_id, p.university, p.campus, p.status, p.document_hash, k.id as kiosk_id,
			exists (select 1 from cards where person_id = p.id and state in ('pending', 'active', 'frozen', 'lost')) as has_card
		from people p left join kiosks k on k.university = p.university and k.retired_at is null
			and (k.id = @kiosk or (@kiosk = '' and k.campus = p.campus))
		where p.id = @person order by k.id limit 1`, map[string]any{"kiosk": a.Kiosk, "person": a.Person}).Scan(&who).Error
	switch {
	case err != nil:
		return owner, "", err
	case who.Owner.PersonID == uuid.Nil:
		return owner, "", campus.Errorf(campus.NotFound, "", "no person %s", a.Person)
	case who.Status != "registered":
		return owner, "", campus.Errorf(campus.Refused, "not_registered", "the roster does not have the person as registered")
	case who.HasCard:
		return owner, "", campus.Errorf(campus.Conflict, "card_exists", "the person has a card already")
	case who.KioskID == nil:
		return owner, "", campus.FieldErrorf("kiosk", "kiosk_unknown", "no kiosk of that name at the university")
	case !hmac.Equal(who.DocumentHash, t.keys.document(a.DocumentNumber)):
		return owner, "", campus.FieldErrorf("identity_document.number", "document_mismatch",
			"the document number is not the one on the roster")
	}
	return who.Owner, *who.KioskID, nil
}

func insertApplication(t tx, id uuid.UUID, owner caseOwner, a NewApplication) error {
	err := t.Exec(`insert into applications (id, person_id, university, kiosk_id, document_expires_on, document_upload,
			certificate_upload, certificate_code, consent_version, consent_at, created_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, a.Person, owner.University, a.Kiosk, a.DocumentExpiresOn, a.DocumentUpload, a.CertificateUpload,
		a.CertificateCode, a.ConsentVersion, t.now, t.now).Error
	switch violated(err) {
	case "applications_one_open":
		return campus.Errorf(campus.Conflict, "application_open", "the person has an open application")
	case "applications_document_upload_fkey":
		return uploadMissing("identity_document.upload")
	case "applications_certificate_upload_fkey":
		return uploadMissing("certificate.upload")
	}
	return err
}

func uploadMissing(field string) error {
	return campus.FieldErrorf(field, "upload_missing", "no such upload for this purpose")
}

// takeUploads marks the files as used by the application. Somebody else's file, one of another purpose and one that
// is used or gone are all the same: missing.
func takeUploads(t tx, application uuid.UUID, a NewApplication) error {
	if err := takeUpload(t, application, a.Person, a.DocumentUpload, campus.DocumentUpload, "identity_document.upload"); err != nil {
		return err
	}
	return takeUpload(t, application, a.Person, a.CertificateUpload, campus.CertificateUpload, "certificate.upload")
}

func takeUpload(t tx, application, person, upload uuid.UUID, purpose campus.UploadPurpose, field string) error {
	taken := t.Exec(`update uploads set taken_by = ? where id = ? and person_id = ? and purpose = ?
		and taken_by is null and deleted_at is null`, application, upload, person, purpose)
	if taken.Error == nil && taken.RowsAffected == 0 {
		return uploadMissing(field)
	}
	return taken.Error
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
}

// BeginApplication takes the case out of the queue, unless the student has taken it back before.
func (s *Store) BeginApplication(ctx context.Context, m campus.Move) (Begun, error) {
	var begun Begun
	err := s.inTx(ctx, "begin an application", func(t tx) error {
		row, err := lockCase(t, m.Case)
		if err != nil {
			return err
		}
		begun = Begun{Withdrawn: row.Outcome == campus.Withdrawn, PolicyVersion: row.PolicyVersion}
		if begun.Withdrawn || row.Version >= m.Version {
			return nil
		}
		owner, err := moveCase(t, m)
		if err != nil {
			return err
		}
		return recordMove(t, m, owner)
	})
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

// NewEvidence is what a student brings after a reviewer asked for more; what is left out stays as it is.
type NewEvidence struct {
	DocumentUpload    uuid.UUID   `json:"document_upload,omitzero"`
	DocumentExpiresOn campus.Date `json:"document_expires_on,omitzero"`
	CertificateUpload uuid.UUID   `json:"certificate_upload,omitzero"`
	CertificateCode   string      `json:"certificate_code,omitempty"`
}

// ReplaceEvidence puts the evidence of the move's decision in the place of the old. Invalid: upload_missing.
func (s *Store) ReplaceEvidence(ctx context.Context, m campus.Move) error {
	return s.move(ctx, m, func(t tx) error {
		e, err := readDecision[NewEvidence](t, m.Decision)
		if err != nil {
			return err
		}
		person, err := applicant(t, m.Case.ID)
		if err != nil {
			return err
		}
		if e.DocumentUpload != uuid.Nil {
			if err := takeUpload(t, m.Case.ID, person, e.DocumentUpload, campus.DocumentUpload, "identity_document.upload"); err != nil {
				return err
			}
			if err := t.Exec(`update applications set document_upload = ?, document_expires_on = ? where id = ?`,
				e.DocumentUpload, e.DocumentExpiresOn, m.Case.ID).Error; err != nil {
				return err
			}
		}
		if e.CertificateUpload == uuid.Nil {
			return nil
		}
		if err := takeUpload(t, m.Case.ID, person, e.CertificateUpload, campus.CertificateUpload, "certificate.upload"); err != nil {
			return err
		}
		return t.Exec(`update applications set certificate_upload = ?, certificate_code = ? where id = ?`,
			e.CertificateUpload, e.CertificateCode, m.Case.ID).Error
	})
}

func applicant(t tx, application uuid.UUID) (person uuid.UUID, err error) {
	err = t.Raw(`select person_id from applications where id = ?`, application).Row().Scan(&person)
	return person, err
}

// LivenessAnswer answers a challenge with frames.
type LivenessAnswer struct {
	Challenge uuid.UUID   `json:"challenge"`
	Frames    []uuid.UUID `json:"frames"`
}

// AddLivenessTry takes the answer of the move's decision (B1). Invalid: challenge_unusable, upload_missing.
func (s *Store) AddLivenessTry(ctx context.Context, m campus.Move) error {
	return s.move(ctx, m, func(t tx) error {
		answer, err := readDecision[LivenessAnswer](t, m.Decision)
		if err != nil {
			return err
		}
		person, err := applicant(t, m.Case.ID)
		if err != nil {
			return err
		}
		return insertLivenessTry(t, m.Case.ID, person, answer)
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

// ApplicationFile is what activities need to know of an application, personal data included.
type ApplicationFile struct {
	ID                uuid.UUID
	PersonID          uuid.UUID
	University        string
	KioskID           string
	DocumentExpiresOn campus.Date
	CertificateCode   string
	ReviewNote        string
	Flagged           string
	CreatedAt         time.Time
	DocumentUpload    uuid.UUID
	CertificateUpload uuid.UUID
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
