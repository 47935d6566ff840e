package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"go.etcd.io/bbolt"

	"campuscard/campus"
	"campuscard/school"
)

func (s *Simulator) letter(c *call) act {
	return lookUp(c, letterBucket, s.people.letters, func(l school.Letter) string { return l.Number })
}

func (s *Simulator) residenceRegistration(c *call) act {
	return lookUp(c, registrationBucket, s.people.registrations,
		func(r school.ResidenceRegistration) string { return r.Number })
}

// lookUp answers a paper by its code: as changed, or as seeded.
func lookUp[T any](c *call, bucket string, seeded map[string]T, number func(T) string) act {
	place := c.university + "/" + c.request.PathValue("code")
	return func(tx *bbolt.Tx) (answer, error) {
		paper, found, err := paperAt(tx, bucket, place, seeded)
		if err != nil || !found {
			return notFound(), err
		}
		c.reference = number(paper)
		return jsonAnswer(http.StatusOK, paper), nil
	}
}

func paperAt[T any](tx *bbolt.Tx, bucket, place string, seeded map[string]T) (T, bool, error) {
	paper, found, err := get[T](tx, bucket, place)
	if err != nil || found {
		return paper, found, err
	}
	paper, found = seeded[place]
	return paper, found, nil
}

// changeLetter makes a letter, or lays the fields that are given over the one of that code.
func (s *Simulator) changeLetter(w http.ResponseWriter, r *http.Request) {
	code := r.PathValue("code")
	changePaper(s, w, r, letterBucket, s.people.letters, func(l *school.Letter) error {
		l.Code = code
		return checkPaper(s, r, l.Number, l.Status, "revoked", l.IssuedOn, l.ValidUntil)
	})
}

// changeRegistration does the same with a registration of temporary residence.
func (s *Simulator) changeRegistration(w http.ResponseWriter, r *http.Request) {
	code := r.PathValue("code")
	changePaper(s, w, r, registrationBucket, s.people.registrations, func(p *school.ResidenceRegistration) error {
		p.Code = code
		return checkPaper(s, r, p.Number, p.Status, "cancelled", p.ValidFrom, p.ValidUntil)
	})
}

func checkPaper(s *Simulator, r *http.Request, number, status, ended string, first, last campus.Date) error {
	switch {
	case s.people.byID[personID(r.PathValue("university"), number)] == nil:
		return errors.New("about nobody")
	case status != "valid" && status != ended:
		return fmt.Errorf("status %q", status)
	case first.IsZero() || last.IsZero() || last.Before(first):
		return errors.New("its days are missing, or not in their order")
	}
	return nil
}

func changePaper[T any](s *Simulator, w http.ResponseWriter, r *http.Request, bucket string, seeded map[string]T,
	check func(*T) error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	var a answer
	err = s.store.update(func(tx *bbolt.Tx) error {
		place := r.PathValue("university") + "/" + r.PathValue("code")
		paper, _, err := paperAt(tx, bucket, place, seeded)
		if err != nil {
			return err
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if d.Decode(&paper) != nil || check(&paper) != nil {
			a = refuse(http.StatusUnprocessableEntity, "unknown_field_or_value")
			return nil
		}
		a = jsonAnswer(http.StatusOK, paper)
		return put(tx, bucket, place, paper)
	})
	if err != nil {
		s.show(w, nil, err)
		return
	}
	a.write(w)
}
