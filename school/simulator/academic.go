package simulator

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/portrait"
)

func notFound() answer { return refuse(http.StatusNotFound, "not_found") }

func (s *Simulator) student(c *call) act {
	c.reference = c.request.PathValue("number")
	return func(tx *bbolt.Tx) (answer, error) {
		p, found, err := s.person(tx, c.university, c.reference)
		if err != nil || !found || !p.enrolled() {
			return notFound(), err
		}
		return jsonAnswer(http.StatusOK, p.Student), nil
	}
}

const longestPage = 1000

// roster returns last night's export: students, and who is admitted.
func (s *Simulator) roster(c *call) act {
	students := []school.Student{}
	next, err := s.page(c, func(p *person) bool { return !p.staff() },
		func(p person) { students = append(students, p.listed()) })
	return exported(map[string]any{"students": students, "next": next}, err)
}

var errLimit = errors.New("the limit is out of range")

func exported(page any, err error) act {
	if errors.Is(err, errLimit) {
		return always(refuse(http.StatusBadRequest, "limit_out_of_range"))
	}
	a := jsonAnswer(http.StatusOK, page)
	return func(*bbolt.Tx) (answer, error) { return a, err }
}

// page takes who is wanted of the call's page, and answers the cursor of the next one. It pages by number, so that
// people who come or go in between shift nobody.
func (s *Simulator) page(c *call, wanted func(*person) bool, take func(person)) (next string, err error) {
	q := c.request.URL.Query()
	most, err := strconv.Atoi(q.Get("limit"))
	if err != nil || most < 1 || most > longestPage {
		return "", errLimit
	}
	err = s.store.view(func(tx *bbolt.Tx) error {
		after := personID(c.university, q.Get("cursor"))
		at, found := slices.BinarySearchFunc(s.people.all, after,
			func(p *person, id string) int { return cmp.Compare(p.id(), id) })
		if found {
			at++
		}
		taken, last := 0, ""
		for ; at < len(s.people.all) && s.people.all[at].University == c.university; at++ {
			if !wanted(s.people.all[at]) {
				continue
			}
			if taken == most {
				next = last
				return nil
			}
			p, _, err := s.person(tx, c.university, s.people.all[at].Number)
			if err != nil {
				return err
			}
			take(p)
			taken, last = taken+1, p.Number
		}
		return nil
	})
	return next, err
}

// renewed is a photo that took the place of the seeded one: a picture, or the face of an identity.
type renewed struct {
	Identity    string `json:"identity,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Content     []byte `json:"content,omitempty"`
}

// photo serves Academic Affairs, which has the photos of students and freshmen, and HR, which has those of staff. It
// draws outside the transaction; drawing takes milliseconds.
func (s *Simulator) photo(c *call) act {
	c.reference = c.request.PathValue("number")
	var p person
	var r renewed
	var found, replaced bool
	err := s.store.view(func(tx *bbolt.Tx) (err error) {
		if p, found, err = s.person(tx, c.university, c.reference); err != nil {
			return err
		}
		r, replaced, err = get[renewed](tx, photoBucket, personID(c.university, c.reference))
		return err
	})
	if err != nil {
		return func(*bbolt.Tx) (answer, error) { return answer{}, err }
	}
	if !found || p.PhotoVersion == "" || p.staff() != (c.system == "hr") {
		return always(notFound())
	}
	if !replaced {
		r.Identity = p.photographed()
	}
	if r.Content == nil {
		r.Content, r.ContentType = portrait.Photo(r.Identity), "image/jpeg"
	}
	return always(answer{Status: http.StatusOK, ContentType: r.ContentType, Version: p.PhotoVersion, Body: r.Content})
}

// photographed returns whose face the seeded photo shows. Stale photos show somebody who is nobody.
func (p *person) photographed() string {
	if p.Kind == kindStalePhoto || p.Kind == kindStaffStalePhoto {
		return p.id() + "#former"
	}
	return p.id()
}

func (s *Simulator) certificate(c *call) act {
	code := c.request.PathValue("code")
	seeded, found := s.people.byCertificate[c.university+"/"+code]
	if !found {
		return always(notFound())
	}
	c.reference = seeded.Number
	return func(tx *bbolt.Tx) (answer, error) {
		p, _, err := s.person(tx, c.university, seeded.Number)
		if err != nil || !p.enrolled() {
			return notFound(), err
		}
		return jsonAnswer(http.StatusOK, school.Certificate{Code: code, Number: p.Number,
			Status: p.certificateStatus(), ValidUntil: p.CertificateUntil}), nil
	}
}

// admission answers from the list of freshmen (A6). Freshmen who have enrolled stay on it.
func (s *Simulator) admission(c *call) act {
	c.reference = c.request.PathValue("number")
	return func(tx *bbolt.Tx) (answer, error) {
		p, found, err := s.person(tx, c.university, c.reference)
		if err != nil || !found || p.EnrolsOn.IsZero() || p.NotOnList {
			return notFound(), err
		}
		status := p.Status
		if p.enrolled() {
			status = "enrolled"
		}
		return jsonAnswer(http.StatusOK, school.Admission{Number: p.Number, Name: p.Name, DocumentType: p.DocumentType,
			DocumentNumber: p.DocumentNumber, Status: status, EnrolsOn: p.EnrolsOn, PhotoVersion: p.PhotoVersion}), nil
	}
}

func (p *person) certificateStatus() string {
	switch {
	case p.CertificateUntil.Before(campus.DateOf(now())):
		return "expired"
	case p.Status != "registered":
		return "revoked"
	}
	return "valid"
}
