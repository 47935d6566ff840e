package storage

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Evidence is one item that somebody has handed in.
type Evidence struct {
	Item      campus.Item `json:"item"`
	Upload    uuid.UUID   `json:"upload,omitzero"`
	Code      string      `json:"code,omitempty"`
	ValidFrom campus.Date `json:"valid_from,omitzero"` // zero: not said
	ExpiresOn campus.Date `json:"expires_on,omitzero"` // zero: 长期, never
}

// NewEvidence is what an applicant brings after something was asked for; what is left out stays as it is. Recheck names
// items that were put right elsewhere, such as a phone at the carrier.
type NewEvidence struct {
	Evidence []Evidence    `json:"evidence,omitempty"`
	Recheck  []campus.Item `json:"recheck,omitempty"`
}

// ReplaceEvidence puts the evidence of the move's decision in the place of the old, and answers how the papers stand
// then. Invalid: upload_missing, item_not_asked.
func (s *Store) ReplaceEvidence(ctx context.Context, m campus.Move) ([]campus.Finding, error) {
	err := s.move(ctx, m, func(t tx) error {
		brought, err := readDecision[NewEvidence](t, m.Decision)
		if err != nil {
			return err
		}
		who, err := applicantOf(t, m.Case.ID)
		if err != nil {
			return err
		}
		return takeEvidence(t, m.Case.ID, who, brought.Evidence)
	})
	if err != nil {
		return nil, err
	}
	return s.papers(ctx, m.Case.ID)
}

// applicant is who an application is about, as far as its evidence depends on it.
type applicant struct {
	PersonID uuid.UUID
	Route    campus.Route
	Category campus.Category
}

func applicantOf(t tx, application uuid.UUID) (applicant, error) {
	var who applicant
	err := t.Raw(`select a.person_id, a.route, p.category from applications a join people p on p.id = a.person_id where a.id = ?`,
		application).Scan(&who).Error
	if err == nil && who.PersonID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "no application %s", application)
	}
	return who, err
}

// takeEvidence marks the files as used by the application and keeps what came with them. Somebody else's file, one of
// another purpose and one that is used or gone are all the same: missing.
func takeEvidence(t tx, application uuid.UUID, who applicant, brought []Evidence) error {
	papers := campus.Papers(who.Route, who.Category)
	for _, e := range brought {
		if !slices.Contains(papers, e.Item) {
			return campus.FieldErrorf(string(e.Item), "item_not_asked", "%s is not on the checklist", e.Item)
		}
		if err := takeUpload(t, application, who.PersonID, e.Upload, campus.UploadPurpose(e.Item), string(e.Item)+".upload"); err != nil {
			return err
		}
		if err := t.Exec(`insert into evidence (application_id, item, upload_id, code, valid_from, expires_on, brought_at)
			values (?, ?, ?, ?, ?, ?, ?) on conflict (application_id, item) do update set upload_id = excluded.upload_id,
			code = excluded.code, valid_from = excluded.valid_from, expires_on = excluded.expires_on, brought_at = excluded.brought_at`,
			application, e.Item, nullable(e.Upload), e.Code, e.ValidFrom, e.ExpiresOn, t.now).Error; err != nil {
			return err
		}
	}
	return nil
}

func uploadMissing(field string) error {
	return campus.FieldErrorf(field, "upload_missing", "no such upload for this purpose")
}

func takeUpload(t tx, application, person, upload uuid.UUID, purpose campus.UploadPurpose, field string) error {
	taken := t.Exec(`update uploads set taken_by = ? where id = ? and person_id = ? and purpose = ?
		and taken_by is null and deleted_at is null`, application, upload, person, purpose)
	if taken.Error == nil && taken.RowsAffected == 0 {
		return uploadMissing(field)
	}
	return taken.Error
}

// papers are the items of an application that are handed in, with what can be said of them without asking anybody: that
// one is missing, or outside of its days (A3, A4).
func (s *Store) papers(ctx context.Context, application uuid.UUID) ([]campus.Finding, error) {
	who, err := applicantOf(s.read(ctx), application)
	if err != nil {
		return nil, err
	}
	brought, err := s.Evidence(ctx, application)
	if err != nil {
		return nil, err
	}
	today := campus.DateOf(s.Now())
	findings := []campus.Finding{}
	for _, item := range campus.Papers(who.Route, who.Category) {
		finding := campus.Finding{Item: item, Verdict: campus.Pass}
		i := slices.IndexFunc(brought, func(e Evidence) bool { return e.Item == item })
		switch {
		case i < 0:
			finding.Verdict, finding.Reason = campus.Unknown, campus.MissingReason
		case !brought[i].ExpiresOn.IsZero() && brought[i].ExpiresOn.Before(today):
			finding.Verdict, finding.Reason = campus.Fail, "document_expired"
		case today.Before(brought[i].ValidFrom):
			finding.Verdict, finding.Reason = campus.Fail, "document_not_yet_valid"
		}
		findings = append(findings, finding)
	}
	return findings, nil
}

// Evidence is what has been handed in with an application.
func (s *Store) Evidence(ctx context.Context, application uuid.UUID) ([]Evidence, error) {
	brought := []Evidence{}
	err := s.read(ctx).Raw(`select item, upload_id as upload, code, valid_from, expires_on from evidence where application_id = ?
		order by item`, application).Scan(&brought).Error
	return brought, wrap("read the evidence", err)
}

// Submission is one member of staff whom the HR system has submitted (A2).
type Submission struct {
	Number  string    `json:"number"`
	Outcome string    `json:"outcome"` // opened, application_open, card_exists
	ID      uuid.UUID `json:"application_id,omitzero"`
}

// SubmitEmployees takes what the HR system says in one signed call (A2): an application is opened for each, for which
// they then bring their evidence themselves. All are taken or none. Who has an open application or a card already is
// left as they are. Invalid: employee_unknown. Conflict: callback_replayed.
func (s *Store) SubmitEmployees(ctx context.Context, call Callback, university string, numbers []string, policyVersion string) ([]Submission, error) {
	results := make([]Submission, 0, len(numbers))
	err := s.inTx(ctx, "take a submission of staff", func(t tx) error {
		if err := takeCallback(t, call); err != nil {
			return err
		}
		for _, number := range numbers {
			result, err := submitEmployee(ctx, t, university, number, policyVersion)
			if err != nil {
				return err
			}
			results = append(results, result)
		}
		return nil
	})
	return results, err
}

func submitEmployee(ctx context.Context, t tx, university, number, policyVersion string) (Submission, error) {
	result := Submission{Number: number, Outcome: "opened"}
	var who struct {
		ID      uuid.UUID
		Applied bool
	}
	err := t.Raw(`select id, exists (select 1 from applications where person_id = p.id and closed_at is null) as applied
		from people p where university = ? and number = ? and status = 'employed'`, university, number).Scan(&who).Error
	switch {
	case err != nil:
		return result, err
	case who.ID == uuid.Nil:
		return result, campus.FieldErrorf("employees", "employee_unknown", "the call names somebody who is no employee on the roster")
	case who.Applied: // looked at first: a violated constraint would end the transaction
		result.Outcome = "application_open"
		return result, nil
	}
	if result.ID, err = uuid.NewV7(); err != nil {
		return result, err
	}
	err = openApplication(ctx, t, result.ID, campus.Machine("hr"),
		NewApplication{Person: who.ID, PolicyVersion: policyVersion, Route: campus.StaffRoute})
	if campus.ReasonOf(err) == "card_exists" {
		return Submission{Number: number, Outcome: "card_exists"}, nil
	}
	return result, err
}

// consentAt is when biometric data were agreed to be used, if they were.
func consentAt(a NewApplication, now time.Time) (version *string, at *time.Time) {
	if a.ConsentVersion == "" {
		return nil, nil
	}
	return &a.ConsentVersion, &now
}
