package school

import (
	"context"
	"net/http"

	"campuscard/campus"
)

// Admission is a line of the admission list: a freshman before enrolment (报到), who is in no registry and has no
// enrolment certificate yet (A6).
type Admission struct {
	Number         string      `json:"number"`
	Name           string      `json:"name"`
	DocumentType   string      `json:"document_type"`
	DocumentNumber string      `json:"document_number"`
	Status         string      `json:"status"`    // admitted, enrolled, declined
	EnrolsOn       campus.Date `json:"enrols_on"` // the day on which they are expected
	// of the photo from the entrance examination, as Academic.Photo has it
	PhotoVersion string `json:"photo_version"`
}

func (a *Admission) complete() bool {
	if a.Number == "" || a.Name == "" || a.DocumentNumber == "" || a.EnrolsOn.IsZero() || !knownDocument(a.DocumentType) ||
		!opaque(a.PhotoVersion) {
		return false
	}
	switch a.Status {
	case "admitted", "enrolled", "declined":
		return true
	}
	return false
}

// Admission looks a freshman up on the admission list. NotFound if the list has nobody of that number.
func (a *Academic) Admission(ctx context.Context, university, number string) (Admission, error) {
	var got Admission
	c := call{method: http.MethodGet, university: university, path: []string{"admissions", number}}
	if err := a.client.json(ctx, c, &got); err != nil {
		return Admission{}, err
	}
	if got.Number != number {
		return Admission{}, a.client.badAnswer("about somebody else")
	}
	return got, nil
}
