package activities

import (
	"context"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/people"
)

// registered is a person as the register that answers for them has them.
type registered struct {
	name, documentType, document, category string
	photo                                  string // version of the photo on file; empty without one
	good                                   bool   // they may have a card
	graduates                              campus.Date
}

// CheckRegistry asks the register whether the applicant is the person that the roster says: Academic Affairs for
// students (A1), its admission list for freshmen (A6), the HR system for staff (A2).
func (a *Activities) CheckRegistry(ctx context.Context, ref campus.StepRef) (campus.Finding, error) {
	return attemptFor(ctx, a, ref, func(ctx context.Context, who cards.Applicant) (campus.Finding, error) {
		finding := campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail}
		route := who.Route
		found, err := a.lookUp(ctx, route, who.Identity)
		switch {
		case campus.CodeOf(err) == campus.NotFound:
			finding.Reason = ofRoute(route, "registry_unknown", "admission_unknown", "employee_not_known")
		case err != nil:
			return campus.Finding{Item: campus.RegistryItem}, err
		case !found.good:
			finding.Reason = ofRoute(route, "registry_not_registered", "admission_declined", "not_employed")
		case !found.is(who.Identity):
			finding.Reason = ofRoute(route, "registry_disagrees", "registry_disagrees", "hr_disagrees")
		default:
			ahead, err := a.studiesAhead(ctx, who.Identity, found.graduates)
			if err != nil {
				return campus.Finding{Item: campus.RegistryItem}, err
			}
			if finding.Verdict = campus.Pass; !ahead {
				finding.Verdict, finding.Reason = campus.Fail, campus.StudiesOver
			}
		}
		return finding, nil
	})
}

// studiesAhead tells whether a card of the person would be good for a while: until the day on which the studies end,
// which is the registry's if it has one, and kept. A person without such a day has none that is over.
func (a *Activities) studiesAhead(ctx context.Context, who people.Identity, day campus.Date) (bool, error) {
	if day.IsZero() {
		day = who.GraduatesOn
	} else if day != who.GraduatesOn {
		if err := a.store.People.KeepGraduation(ctx, who.ID, day); err != nil {
			return false, err
		}
	}
	return day.IsZero() || campus.DateOf(a.store.Now()).Before(day), nil
}

func ofRoute(route campus.Route, student, freshman, staff string) string {
	switch route {
	case campus.FreshmanRoute:
		return freshman
	case campus.StaffRoute:
		return staff
	}
	return student
}

func (r registered) is(who people.Identity) bool {
	return campus.SameName(r.name, who.Name) && campus.SameDocument(who.DocumentType, r.document, who.DocumentNumber) &&
		(r.documentType == "" || campus.DocumentType(r.documentType) == who.DocumentType) &&
		(r.category == "" || campus.Category(r.category) == who.Category)
}

func (a *Activities) lookUp(ctx context.Context, route campus.Route, who people.Identity) (registered, error) {
	switch route {
	case campus.FreshmanRoute:
		admission, err := a.school.Academic.Admission(ctx, who.University, who.Number)
		return registered{name: admission.Name, documentType: admission.DocumentType, document: admission.DocumentNumber,
			photo: admission.PhotoVersion,
			good:  admission.Status == "admitted" || admission.Status == "enrolled"}, err
	case campus.StaffRoute:
		employee, err := a.school.HR.Employee(ctx, who.University, who.Number)
		return registered{name: employee.Name, documentType: employee.DocumentType, document: employee.DocumentNumber,
			photo: employee.PhotoVersion, category: employee.Category,
			good: employee.Status == "employed"}, err
	default:
		student, err := a.school.Academic.Student(ctx, who.University, who.Number)
		return registered{name: student.Name, documentType: student.DocumentType, document: student.DocumentNumber,
			category: student.Category, photo: student.PhotoVersion, good: student.Status == "registered",
			graduates: student.GraduatesOn}, err
	}
}

// LookForEnrolment asks whether a freshman has enrolled (A6): Academic Affairs has them as a registered student then.
func (a *Activities) LookForEnrolment(ctx context.Context, ref campus.StepRef) (bool, error) {
	return attemptFor(ctx, a, ref, func(ctx context.Context, who cards.Applicant) (bool, error) {
		student, err := a.school.Academic.Student(ctx, who.University, who.Number)
		if campus.CodeOf(err) == campus.NotFound {
			return false, nil
		}
		if err != nil || student.Status != "registered" {
			return false, err
		}
		_, err = a.studiesAhead(ctx, who.Identity, student.GraduatesOn) // keeps the day, by which the activation goes
		return true, err
	})
}
