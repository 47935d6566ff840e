package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"campuscard/campus"
)

// shownPerson is what a demonstration needs to know of somebody. Identity is whose face they have, for drawing them.
type shownPerson struct {
	person
	Identity string `json:"identity"`
}

func (s *Simulator) listPeople(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	kind, university, level, document := q.Get("kind"), q.Get("university"), q.Get("level"), q.Get("document_type")
	category, status := q.Get("category"), q.Get("status")
	skip, _ := strconv.Atoi(q.Get("offset"))
	people, count, most := []shownPerson{}, 0, limit(r, 100)
	err := s.store.view(func(tx *bbolt.Tx) error {
		for _, seeded := range s.people.all {
			p, _, err := s.person(tx, seeded.University, seeded.Number)
			if err != nil {
				return err
			}
			if !is(kind, p.Kind) || !is(university, p.University) || !is(level, p.Level) || !is(document, p.DocumentType) ||
				!is(category, p.Category) || !is(status, p.Status) {
				continue
			}
			if count++; count > skip && len(people) < most {
				people = append(people, shownPerson{p, p.id()})
			}
		}
		return nil
	})
	s.show(w, map[string]any{"people": people, "count": count}, err)
}

func (s *Simulator) getPerson(w http.ResponseWriter, r *http.Request) {
	var p person
	var found bool
	err := s.store.view(func(tx *bbolt.Tx) (err error) {
		p, found, err = s.person(tx, r.PathValue("university"), r.PathValue("number"))
		return err
	})
	if err == nil && !found {
		notFound().write(w)
		return
	}
	s.show(w, shownPerson{p, p.id()}, err)
}

// changePerson lays the fields that are given over the person's.
func (s *Simulator) changePerson(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	var a answer
	err = s.store.update(func(tx *bbolt.Tx) error {
		before, found, err := s.person(tx, r.PathValue("university"), r.PathValue("number"))
		if err != nil || !found {
			a = notFound()
			return err
		}
		p, err := before.changed(body, s.cfg.Seed)
		if err != nil {
			a = refuse(http.StatusUnprocessableEntity, "unknown_field_or_value")
			return nil
		}
		a = jsonAnswer(http.StatusOK, shownPerson{p, p.id()})
		if err := put(tx, settingBucket, "phone/"+p.Phone, [2]string{p.University, p.Number}); err != nil {
			return err
		}
		return put(tx, personBucket, p.id(), p)
	})
	if err != nil {
		s.show(w, nil, err)
		return
	}
	a.write(w)
}

func (p *person) changed(body []byte, seed uint64) (person, error) {
	after := *p
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&after); err != nil {
		return person{}, fmt.Errorf("change of a person: %w", err)
	}
	if err := after.check(p); err != nil {
		return person{}, err
	}
	after.University, after.Number, after.CertificateCode = p.University, p.Number, p.CertificateCode
	if after.Name != p.Name { // the next export of the roster has it too
		after.ListedName = ""
	}
	if after.Status != p.Status {
		after.ListedStatus = ""
		after.enrol(seed)
	}
	return after, nil
}

// check looks for what no system of the school could have written.
func (p *person) check(before *person) error {
	statuses := []string{"registered", "suspended", "graduated", "withdrawn"}
	switch {
	case p.staff() != before.staff():
		return errors.New("a member of staff is a person of their own")
	case p.staff():
		statuses = []string{"employed", "left"}
	case !p.EnrolsOn.IsZero():
		statuses = append(statuses, "admitted", "declined")
	}
	if !slices.Contains(statuses, p.Status) {
		return fmt.Errorf("status %q", p.Status)
	}
	if !slices.Contains([]string{"mainland", "hong_kong_macau", "taiwan", "foreign"}, p.Category) {
		return fmt.Errorf("category %q", p.Category)
	}
	if !campus.DocumentType(p.DocumentType).Known() {
		return fmt.Errorf("document type %q", p.DocumentType)
	}
	return nil
}

// enrol gives a certificate to who has come to enrol (报到), and takes it from who has not.
func (p *person) enrol(seed uint64) {
	switch {
	case p.staff():
	case !p.enrolled():
		p.CertificateCode, p.CertificateUntil, p.EnrolledOn = "", campus.Date{}, campus.Date{}
	case p.CertificateCode == "":
		p.CertificateCode, p.CertificateUntil = certificateCode(seed, p.id()), p.GraduatesOn
		if p.EnrolledOn.IsZero() {
			p.EnrolledOn = campus.DateOf(now())
		}
	}
}

// renewPhoto takes a picture of any kind, or {"identity": "lcu/2025010001"} for a drawn one; with an empty identity,
// the person's own.
func (s *Simulator) renewPhoto(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 12<<20))
	if err != nil {
		refuse(http.StatusRequestEntityTooLarge, "too_large").write(w)
		return
	}
	photo := renewed{}
	if looks := http.DetectContentType(body); strings.HasPrefix(looks, "image/") {
		photo = renewed{ContentType: looks, Content: body}
	} else if err := json.Unmarshal(body, &photo); err != nil || photo.Content != nil {
		refuse(http.StatusUnprocessableEntity, "not_a_picture").write(w)
		return
	}
	var a answer
	err = s.store.update(func(tx *bbolt.Tx) error {
		p, found, err := s.person(tx, r.PathValue("university"), r.PathValue("number"))
		if err != nil || !found {
			a = notFound()
			return err
		}
		if photo.Content == nil && photo.Identity == "" {
			photo.Identity = p.id()
		}
		version, _ := strconv.Atoi(p.PhotoVersion) // without a photo: 0
		p.PhotoVersion = strconv.Itoa(version + 1)
		a = jsonAnswer(http.StatusOK, map[string]string{"photo_version": p.PhotoVersion})
		if err := put(tx, photoBucket, p.id(), photo); err != nil {
			return err
		}
		return put(tx, personBucket, p.id(), p)
	})
	if err != nil {
		s.show(w, nil, err)
		return
	}
	a.write(w)
}
