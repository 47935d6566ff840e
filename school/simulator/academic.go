package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/portrait"

	"go.etcd.io/bbolt"
)

func notFound() answer { return refuse(http.StatusNotFound, "not_found") }

func (s *Simulator) student(c *call) act {
	c.reference = c.request.PathValue("number")
	return func(tx *bbolt.Tx) (answer, error) {
		p, found, err := s.person(tx, c.university, c.reference)
		if err != nil || !found {
			return notFound(), err
		}
		return jsonAnswer(http.StatusOK, p.Student), nil
	}
}

const longestPage = 1000

// roster pages by number, so that people who come or go in between shift nobody.
func (s *Simulator) roster(c *call) act {
	q := c.request.URL.Query()
	most, err := strconv.Atoi(q.Get("limit"))
	if err != nil || most < 1 || most > longestPage {
		return always(refuse(http.StatusBadRequest, "limit_out_of_range"))
	}
	page := struct {
		Students []school.Student `json:"students"`
		Next     string           `json:"next"`
	}{Students: []school.Student{}}
	err = s.store.view(func(tx *bbolt.Tx) error {
		after := personID(c.university, q.Get("cursor"))
		at, found := slices.BinarySearchFunc(s.people.all, after, func(p *person, id string) int { return cmp.Compare(p.id(), id) })
		if found {
			at++
		}
		for ; at < len(s.people.all) && s.people.all[at].University == c.university; at++ {
			if len(page.Students) == most {
				page.Next = page.Students[most-1].Number
				return nil
			}
			p, _, err := s.person(tx, c.university, s.people.all[at].Number)
			if err != nil {
				return err
			}
			page.Students = append(page.Students, p.listed())
		}
		return nil
	})
	a := jsonAnswer(http.StatusOK, page)
	return func(*bbolt.Tx) (answer, error) { return a, err }
}

// renewed is a photo that took the place of the seeded one: a picture, or the face of an identity.
type renewed struct {
	Identity    string `json:"identity,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Content     []byte `json:"content,omitempty"`
}

// photo draws outside the transaction; drawing takes milliseconds.
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
	if !found || p.PhotoVersion == "" {
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

// photographed is whose face the seeded photo shows. Stale photos show somebody who is nobody.
func (p *person) photographed() string {
	if p.Kind == kindStalePhoto {
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
		if err != nil {
			return answer{}, err
		}
		return jsonAnswer(http.StatusOK, school.Certificate{Code: code, Number: p.Number,
			Status: p.certificateStatus(), ValidUntil: p.CertificateUntil}), nil
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
