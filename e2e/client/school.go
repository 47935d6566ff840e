package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/simulator"
)

// School is the admin side of the simulator: what the school's systems know, have done, and how they fail.
type School struct{ client *Client }

// NewSchool speaks to the simulator at base.
func NewSchool(base string, patience time.Duration) *School {
	return &School{New(base, campus.English, patience)}
}

// Person is somebody at the school.
type Person struct {
	school.Student
	University      string `json:"university"`
	Kind            string `json:"kind"`
	CertificateCode string `json:"certificate_code"`
	LetterCode      string `json:"letter_code"`
	ResidenceCode   string `json:"residence_registration_code"`
	Identity        string `json:"identity"` // whose face they have
}

// PersonFilter narrows a list of people.
type PersonFilter struct {
	Kind, University, Category, Level, DocumentType string
	Offset, Limit                                   int
}

// People that match, and how many there are in all.
func (s *School) People(ctx context.Context, f PersonFilter) ([]Person, int, error) {
	var list struct {
		People []Person `json:"people"`
		Count  int      `json:"count"`
	}
	query := url.Values{
		"kind": {f.Kind}, "university": {f.University}, "category": {f.Category}, "level": {f.Level},
		"document_type": {f.DocumentType},
		"offset":        {strconv.Itoa(f.Offset)}, "limit": {strconv.Itoa(f.Limit)},
	}
	err := s.client.do(ctx, get("", "/admin/people", query), &list)
	return list.People, list.Count, err
}

// RenewPhoto has Academic Affairs take a new photo of somebody.
func (s *School) RenewPhoto(ctx context.Context, p Person) error {
	return s.client.put(ctx, "", "/admin/photos/"+p.University+"/"+p.Number, map[string]string{"identity": p.Identity})
}

// Enrol has a freshman enrol (报到).
func (s *School) Enrol(ctx context.Context, p Person) error {
	return s.client.put(ctx, "", "/admin/people/"+p.University+"/"+p.Number, map[string]string{"status": "registered"})
}

// SubmitStaff has the HR system of a university submit members of staff.
func (s *School) SubmitStaff(ctx context.Context, university string, numbers ...string) error {
	return s.client.post(ctx, "", "/admin/hr/"+university+"/submissions", map[string][]string{"numbers": numbers}, nil)
}

// Break makes a system fail at one university as the fault says; Mend ends it.
func (s *School) Break(ctx context.Context, f simulator.Fault) error {
	return s.client.put(ctx, "", "/admin/faults/"+f.System, f)
}

// Mend ends every fault of a system at one university.
func (s *School) Mend(ctx context.Context, system, university string) error {
	return s.Break(ctx, simulator.Fault{System: system, University: university, Mode: "none"})
}

// Chip tells what the chip of a plastic was written with at the bureau.
func (s *School) Chip(ctx context.Context, plastic uuid.UUID) (c campus.Chip, err error) {
	return c, s.client.do(ctx, get("", "/admin/chips/"+plastic.String(), nil), &c)
}

// Message is a text message in somebody's inbox.
type Message struct {
	ID   string    `json:"id"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Messages returns the text messages of a phone, oldest first.
func (s *School) Messages(ctx context.Context, phone string) ([]Message, error) {
	var list struct {
		Messages []Message `json:"messages"`
	}
	err := s.client.do(ctx, get("", "/admin/messages", url.Values{"phone": {phone}}), &list)
	return list.Messages, err
}

// Mail is a mail in somebody's inbox.
type Mail struct {
	MessageID string `json:"message_id"`
	Subject   string `json:"subject"`
	Text      string `json:"text"`
}

// Mails returns the mails to an address, oldest first.
func (s *School) Mails(ctx context.Context, to string) ([]Mail, error) {
	var list struct {
		Mails []Mail `json:"mails"`
	}
	err := s.client.do(ctx, get("", "/admin/mails", url.Values{"to": {to}}), &list)
	return list.Mails, err
}

// Done names something that a system may have done or been asked for.
type Done struct{ System, Operation, Reference, Key string }

func (d Done) query() url.Values {
	query := url.Values{"limit": {"1"}}
	for name, value := range map[string]string{"system": d.System, "operation": d.Operation, "reference": d.Reference,
		"key": d.Key} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// Effects counts how often it was done.
func (s *School) Effects(ctx context.Context, d Done) (int, error) {
	return s.count(ctx, "/admin/effects", d)
}

// Calls counts how often it was asked for, with or without success.
func (s *School) Calls(ctx context.Context, d Done) (int, error) {
	return s.count(ctx, "/admin/calls", d)
}

func (s *School) count(ctx context.Context, path string, d Done) (int, error) {
	var list struct {
		Count int `json:"count"`
	}
	err := s.client.do(ctx, get("", path, d.query()), &list)
	return list.Count, err
}
