package school

import (
	"context"
	"encoding/json"
	"net/http"

	"campuscard/campus"
)

// Academic is Academic Affairs (教务) of each university: who studies here, and with which photo.
type Academic struct{ client *client }

// Student is a person as Academic Affairs has them.
type Student struct {
	Number         string `json:"number"` // unique within the university
	Name           string `json:"name"`
	Category       string `json:"category"`      // mainland, hong_kong_macau, taiwan, foreign
	DocumentType   string `json:"document_type"` // one of campus.DocumentType
	DocumentNumber string `json:"document_number"`
	Phone          string `json:"phone"` // E.164
	Email          string `json:"email"`
	Level          string `json:"level"` // undergraduate, postgraduate, exchange, or one the university adds
	College        string `json:"college"`
	Campus         string `json:"campus"`    // campus code
	Dormitory      string `json:"dormitory"` // empty for who lives elsewhere
	// registered, suspended, graduated, withdrawn; in the roster also admitted
	Status       string      `json:"status"`
	EnrolsOn     campus.Date `json:"enrols_on"` // day of enrolment (报到) of who was admitted; none for others
	EnrolledOn   campus.Date `json:"enrolled_on"`
	GraduatesOn  campus.Date `json:"graduates_on"`
	PhotoVersion string      `json:"photo_version"` // changes when the photo is renewed; empty without a photo
}

func (s *Student) complete() bool {
	for _, required := range []string{s.Number, s.Name, s.DocumentNumber, s.Level, s.Campus} {
		if required == "" {
			return false
		}
	}
	if !knownCategory(s.Category) || !knownDocument(s.DocumentType) || !opaque(s.PhotoVersion) {
		return false
	}
	switch s.Status {
	case "registered", "suspended", "graduated", "withdrawn":
		return true
	case "admitted":
		return !s.EnrolsOn.IsZero()
	}
	return false
}

// knownCategory tells whether it says where somebody's documents come from (A4).
func knownCategory(category string) bool {
	switch category {
	case "mainland", "hong_kong_macau", "taiwan", "foreign":
		return true
	}
	return false
}

// knownDocument tells whether it is a kind of identity document (A3, A4).
func knownDocument(documentType string) bool { return campus.DocumentType(documentType).Known() }

// Student looks one person up. NotFound if the registry has nobody of that number; who is admitted and has not enrolled
// yet is not in the registry.
func (a *Academic) Student(ctx context.Context, university, number string) (Student, error) {
	var s Student
	if err := a.client.json(ctx, studentCall(university, number), &s); err != nil {
		return Student{}, err
	}
	if s.Number != number {
		return Student{}, a.client.badAnswer("about somebody else")
	}
	if s.Status == "admitted" {
		return Student{}, a.client.badAnswer("somebody in the registry who has not enrolled")
	}
	return s, nil
}

func studentCall(university, number string, more ...string) call {
	return call{method: http.MethodGet, university: university, path: append([]string{"students", number}, more...)}
}

type rosterPage struct {
	Students []json.RawMessage `json:"students"`
	Next     *string           `json:"next"`
}

func (p *rosterPage) complete() bool { return p.Students != nil && isNext(p.Next) }

// Roster reads a page of the roster, students and admitted freshmen, in the order of numbers. An empty cursor begins,
// an empty next ends. A line that cannot be read says so, and the others are read.
func (a *Academic) Roster(ctx context.Context, university, cursor string, limit int) (students []Line[Student],
	next string, err error) {
	var page rosterPage
	if err := a.client.json(ctx, exportCall(university, "students", cursor, limit), &page); err != nil {
		return nil, "", err
	}
	return readLines[Student](page.Students), *page.Next, nil
}

// Photo fetches the registry's picture. NotFound if there is no person or no picture.
func (a *Academic) Photo(ctx context.Context, university, number string) (Photo, error) {
	return a.client.photo(ctx, studentCall(university, number, "photo"))
}

// Certificate is an electronic enrolment certificate.
type Certificate struct {
	Code       string      `json:"code"`        // verification code, printed on it
	Number     string      `json:"number"`      // whose it is
	Status     string      `json:"status"`      // valid, expired, revoked
	ValidUntil campus.Date `json:"valid_until"` // last day
}

func (c *Certificate) complete() bool {
	return c.Code != "" && c.Number != "" && c.Status != "" && !c.ValidUntil.IsZero()
}

// Certificate looks an enrolment certificate up by its verification code. NotFound if there is none.
func (a *Academic) Certificate(ctx context.Context, university, code string) (Certificate, error) {
	var got Certificate
	c := call{method: http.MethodGet, university: university, path: []string{"certificates", code}}
	if err := a.client.json(ctx, c, &got); err != nil {
		return Certificate{}, err
	}
	if got.Code != code {
		return Certificate{}, a.client.badAnswer("about another certificate")
	}
	return got, nil
}
