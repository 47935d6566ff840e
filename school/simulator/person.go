package simulator

import (
	"fmt"

	"campuscard/campus"
	"campuscard/school"

	"go.etcd.io/bbolt"
)

// person is somebody as all of the school's systems have them together.
type person struct {
	school.Student
	University       string      `json:"university"`
	Kind             string      `json:"kind"`
	CertificateCode  string      `json:"certificate_code"`
	CertificateUntil campus.Date `json:"certificate_until"`
	ListedName       string      `json:"listed_name,omitempty"`   // in the roster, where it differs from the registry
	ListedStatus     string      `json:"listed_status,omitempty"` // the same
	PhoneForeign     bool        `json:"phone_foreign"`           // the carrier has the phone under another name
}

// The kinds of people. All but plain have something that a process must cope with.
const (
	kindPlain         = "plain"
	kindStalePhoto    = "stale_photo"         // the registry's photo looks like somebody else
	kindNoPhoto       = "no_photo"            // the registry has no photo
	kindPhoneMismatch = "phone_mismatch"      // the phone is somebody else's
	kindNotRegistered = "not_registered"      // withdrawn; the roster does not know it yet
	kindNameMismatch  = "name_mismatch"       // registry and roster have different names
	kindExpired       = "expired_certificate" // the certificate's last day is over
	kindInactive      = "inactive"            // suspended, in roster and registry
)

// id is the person's place in the state, and the identity whose face they have.
func (p *person) id() string { return personID(p.University, p.Number) }

func personID(university, number string) string { return university + "/" + number }

// listed is the person as in the roster: last night's export.
func (p *person) listed() school.Student {
	s := p.Student
	if p.ListedName != "" {
		s.Name = p.ListedName
	}
	if p.ListedStatus != "" {
		s.Status = p.ListedStatus
	}
	return s
}

// person is who has the number now: as seeded, or as changed since.
func (s *Simulator) person(tx *bbolt.Tx, university, number string) (person, bool, error) {
	id := personID(university, number)
	seeded, found := s.people.byID[id]
	if !found {
		return person{}, false, nil
	}
	changed, found, err := get[person](tx, personBucket, id)
	if err != nil {
		return person{}, false, fmt.Errorf("person: %w", err)
	}
	if found {
		return changed, true, nil
	}
	return *seeded, true, nil
}

// phoneOwner is whose phone it is, if anybody's here.
func (s *Simulator) phoneOwner(tx *bbolt.Tx, phone string) (person, bool, error) {
	id, found, err := get[[2]string](tx, settingBucket, "phone/"+phone)
	if err != nil {
		return person{}, false, err
	}
	if seeded, ok := s.people.byPhone[phone]; !found && ok {
		id, found = [2]string{seeded.University, seeded.Number}, true
	}
	if !found {
		return person{}, false, nil
	}
	p, found, err := s.person(tx, id[0], id[1])
	return p, found && p.Phone == phone, err
}
