package cards

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Evidence is one item that somebody has handed in.
type Evidence struct {
	Item      campus.Item `json:"item"`
	Upload    uuid.UUID   `json:"upload,omitzero"`
	Code      string      `json:"code,omitempty"`
	ValidFrom campus.Date `json:"valid_from,omitzero"` // zero: not said
	ExpiresOn campus.Date `json:"expires_on,omitzero"` // zero: 长期, never
}

// NewEvidence is the evidence an applicant brings after a reviewer or a check asked for it; items that are left out
// stay as they are. It may be empty: an item that was put right elsewhere, such as a phone at the carrier, is checked
// again in any case.
type NewEvidence struct {
	Evidence []Evidence `json:"evidence,omitempty"`
}

// ReplaceEvidence puts the evidence of the move's decision in the place of the old, and answers how the papers stand
// then. Invalid: upload_missing, item_not_asked.
func (s *Store) ReplaceEvidence(ctx context.Context, m campus.Move) (campus.Moved, []campus.Finding, error) {
	moved, err := s.casework.Move(ctx, m, func(t db.Tx) error {
		brought, err := casework.ReadDecision[NewEvidence](t, m.Decision.ID)
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
		return moved, nil, err
	}
	who, err := applicantOf(s.Read(ctx), m.Case.ID)
	if err != nil {
		return moved, nil, err
	}
	brought, err := s.Evidence(ctx, m.Case.ID)
	return moved, papers(who.Route, who.Category, brought, campus.DateOf(s.Now())), err
}

// applicant is who an application is about, as far as its evidence depends on it.
type applicant struct {
	PersonID uuid.UUID
	Route    campus.Route
	Category campus.Category
	Document campus.DocumentType
}

func applicantOf(t db.Tx, application uuid.UUID) (applicant, error) {
	var who applicant
	err := t.Raw(`select a.person_id, a.route, p.category, p.document_type as document
		from applications a join people p on p.id = a.person_id where a.id = ?`,
		application).Scan(&who).Error
	if err == nil && who.PersonID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "no application %s", application)
	}
	return who, err
}

// brought is an item of evidence somebody has handed in, and for what.
type brought struct {
	application, person uuid.UUID
	Evidence
}

// file returns the upload of the item.
func (b brought) file() wantedFile {
	return wantedFile{b.Upload, b.person, b.application, campus.UploadPurpose(b.Item), string(b.Item) + ".upload"}
}

// handedIn returns the items as an application's evidence.
func handedIn(application, person uuid.UUID, evidence []Evidence) []brought {
	items := make([]brought, len(evidence))
	for i, e := range evidence {
		items[i] = brought{application, person, e}
	}
	return items
}

// checkAsked refuses evidence nobody has asked for. Invalid: item_not_asked.
func checkAsked(route campus.Route, category campus.Category, evidence []Evidence) error {
	papers := campus.Papers(route, category)
	for _, e := range evidence {
		if !slices.Contains(papers, e.Item) {
			return campus.FieldErrorf(string(e.Item), "item_not_asked", "%s is not on the checklist", e.Item)
		}
	}
	return nil
}

// checkLastDay refuses a document that is said to be valid for ever, when none of its kind is (A3). Invalid:
// document_lasts.
func checkLastDay(kind campus.DocumentType, evidence []Evidence) error {
	for _, e := range evidence {
		if e.Item != campus.DocumentItem {
			continue
		}
		if err := campus.CheckLastDay(kind, e.ExpiresOn.IsZero()); err != nil {
			return campus.FieldErrorf("identity_document.expires_on", campus.ReasonOf(err), "%s", err)
		}
	}
	return nil
}

// takeEvidence marks the files as used by the application and keeps what came with them, in the place of what was
// there.
func takeEvidence(t db.Tx, application uuid.UUID, who applicant, evidence []Evidence) error {
	if err := checkAsked(who.Route, who.Category, evidence); err != nil {
		return err
	}
	if err := checkLastDay(who.Document, evidence); err != nil {
		return err
	}
	items := handedIn(application, who.PersonID, evidence)
	if err := takeFiles(t, filesOf(items)); err != nil {
		return err
	}
	return keepEvidence(t, items)
}

func filesOf(items []brought) []wantedFile {
	files := make([]wantedFile, len(items))
	for i, item := range items {
		files[i] = item.file()
	}
	return files
}

// keepEvidence keeps items in the place of earlier ones of the same kind.
func keepEvidence(t db.Tx, items []brought) error {
	if len(items) == 0 {
		return nil
	}
	return t.Write(evidenceSQL, evidenceWords(t, items))
}

const evidenceSQL = `insert into evidence (application_id, item, upload_id, code, valid_from, expires_on, brought_at)
	select e.application, e.item, e.upload, e.code, nullif(e.valid_from, '')::date, nullif(e.expires_on, '')::date,
		cast(@now as timestamptz)
	from unnest(cast(@item_of as uuid[]), cast(@items as text[]), cast(@uploads as uuid[]), cast(@codes as text[]),
			cast(@valid_from as text[]), cast(@expires_on as text[]))
		e (application, item, upload, code, valid_from, expires_on)
	on conflict (application_id, item) do update set upload_id = excluded.upload_id, code = excluded.code,
		valid_from = excluded.valid_from, expires_on = excluded.expires_on, brought_at = excluded.brought_at`

func evidenceWords(t db.Tx, items []brought) map[string]any {
	return map[string]any{
		"now":        t.Now,
		"item_of":    db.IDs(items, func(b brought) uuid.UUID { return b.application }),
		"items":      db.Column(items, func(b brought) string { return string(b.Item) }),
		"uploads":    db.IDs(items, func(b brought) uuid.UUID { return b.Upload }),
		"codes":      db.Column(items, func(b brought) string { return b.Code }),
		"valid_from": db.Column(items, func(b brought) string { return b.ValidFrom.String() }),
		"expires_on": db.Column(items, func(b brought) string { return b.ExpiresOn.String() }),
	}
}

// papers returns the items that an applicant has to hand in, with what can be said of those without asking anybody:
// that one is missing, or outside of its days (A3, A4).
func papers(route campus.Route, category campus.Category, brought []Evidence, today campus.Date) []campus.Finding {
	findings := []campus.Finding{}
	for _, item := range campus.Papers(route, category) {
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
	return findings
}

// checkStillValid refuses papers that were valid when they were handed in and are no longer (A3). Conflict:
// document_expired_meanwhile.
func checkStillValid(t db.Tx, application uuid.UUID) error {
	var expired []campus.Item
	err := t.Raw(`select item from evidence where application_id = ? and expires_on < ? order by item`, application,
		campus.DateOf(t.Now)).
		Scan(&expired).Error
	if err == nil && len(expired) > 0 {
		err = campus.Errorf(campus.Conflict, "document_expired_meanwhile",
			"%s of application %s has expired since it was handed in", expired[0], application)
	}
	return err
}

// evidenceColumn is what has been handed in with the application a.
const evidenceColumn = `(select coalesce(jsonb_agg(jsonb_build_object('item', item, 'upload', upload_id, 'code', code,
		'valid_from', coalesce(valid_from::text, ''), 'expires_on', coalesce(expires_on::text, '')) order by item), '[]')
	from evidence where application_id = a.id) as evidence`

// Evidence returns what has been handed in with an application.
func (s *Store) Evidence(ctx context.Context, application uuid.UUID) ([]Evidence, error) {
	brought, err := db.All[Evidence](ctx, s.DB,
		`select item, upload_id as upload, code, valid_from, expires_on from evidence where application_id = @id
		order by item`, map[string]any{"id": application})
	return brought, db.Wrap("read the evidence", err)
}
