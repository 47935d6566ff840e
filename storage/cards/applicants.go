package cards

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

// Applicant is who has made an application, with what identifies them and the route they came by. Activities only.
type Applicant struct {
	people.Identity
	Route    campus.Route
	Evidence []Evidence // what has been handed in, where that was asked for
}

type applicantFound struct {
	people.PersonRow
	Route    campus.Route
	Evidence db.JSONList[Evidence]
}

// OpenApplicantAttempt opens a try of a step that needs the applicant of its case, and reads the applicant. If it
// returns an id with an error, the try is open and reading has failed. The other functions that open a try and read its
// subject do the same.
func (s *Store) OpenApplicantAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, Applicant, error) {
	return s.openApplicantAttempt(ctx, ref, try, casework.OpenAttemptSQL+selectApplicant)
}

// OpenPaperAttempt returns OpenApplicantAttempt that also reads the papers that were handed in.
func (s *Store) OpenPaperAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, Applicant, error) {
	return s.openApplicantAttempt(ctx, ref, try, casework.OpenAttemptSQL+selectPapers)
}

func (s *Store) openApplicantAttempt(ctx context.Context, ref campus.StepRef, try int, query db.Statement) (uuid.UUID,
	Applicant, error) {
	id, row, found, err := casework.OpenAttempt[applicantFound](ctx, s.casework, ref, try, query, ref.Case.ID)
	switch {
	case err != nil:
		return id, Applicant{}, err
	case !found:
		return id, Applicant{}, campus.Errorf(campus.NotFound, "", "no application %s", ref.Case.ID)
	}
	who, err := s.people.Identify(row.PersonRow)
	return id, Applicant{who, row.Route, row.Evidence}, err
}

// OpenPhotoAttempt is OpenApplicantAttempt for a try to fetch the photo on file. One that was forgotten before may be
// kept again from here on.
func (s *Store) OpenPhotoAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, Applicant, error) {
	return s.openApplicantAttempt(ctx, ref, try,
		casework.OpenAttemptSQL+db.KeptAgain+`'`+photoFolder+`' || cast(@case as uuid)) `+selectApplicant)
}

const (
	selectApplicant  = `select ` + applicantColumns + ofApplicant
	selectPapers     = `select ` + applicantColumns + `, ` + evidenceColumn + ofApplicant
	ofApplicant      = ` from applications a join people p on p.id = a.person_id where a.id = @about`
	applicantColumns = `p.id, p.university, p.number, p.name, p.name_delivered, p.document_type, p.document, p.phone,
		p.email, p.language, p.level, p.college, p.campus, p.dormitory, p.status, p.category, p.enrolled_on, p.graduates_on, a.route`
)
