package simulator

import (
	"fmt"

	"go.etcd.io/bbolt"

	"campuscard/campus"
	"campuscard/school"
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
	NotOnList        bool        `json:"not_on_admission_list"`   // the admission list does not know this freshman
	LetterCode       string      `json:"letter_code"`             // of the letter that the person hands in, if any (A4)
	RegistrationCode string      `json:"residence_registration_code"`
}

// levelStaff marks members of staff: HR has them, and Academic Affairs does not. It stands where a student's level is.
const levelStaff = "staff"

func (p *person) staff() bool { return p.Level == levelStaff }

// enrolled tells whether the registry of Academic Affairs has the person, and a certificate for them.
func (p *person) enrolled() bool {
	return !p.staff() && p.Status != "admitted" && p.Status != "declined"
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

// Kinds of who has more papers, in population.papers (A4). Everybody from outside the mainland has a letter and a
// registration; all is well with both of those of another kind.
const (
	kindNoLetter              = "no_letter"               // has none to hand in
	kindLetterExpired         = "letter_expired"          // its last day is over
	kindLetterRevoked         = "letter_revoked"          // the centre took it back
	kindLetterOfAnother       = "letter_of_another"       // it is about somebody else
	kindRegistrationExpired   = "registration_expired"    // its last day is over
	kindRegistrationCancelled = "registration_cancelled"  // ended early
	kindRegistrationLater     = "registration_later"      // it has not begun
	kindRegistrationOfAnother = "registration_of_another" // it is about somebody else
)

// Kinds of freshmen (A6) and of staff (A2).
const (
	kindAdmitted        = "admitted"           // on the admission list, in no registry, without a certificate
	kindDeclined        = "admission_declined" // does not come; the roster does not know it yet
	kindNotAdmitted     = "not_admitted"       // in the roster, and not on the admission list
	kindStaff           = "staff"
	kindStaffLeft       = "staff_left"        // left; HR's export does not know it yet
	kindStaffStalePhoto = "staff_stale_photo" // HR's photo looks like somebody else
)

// id returns the person's place in the state, and the identity whose face they have.
func (p *person) id() string { return personID(p.University, p.Number) }

func personID(university, number string) string { return university + "/" + number }

// listed returns the person as in the roster: last night's export.
func (p *person) listed() school.Student {
	s := p.Student
	if p.ListedName != "" {
		s.Name = p.ListedName
	}
	switch {
	case p.ListedStatus != "":
		s.Status = p.ListedStatus
	case s.Status == "declined": // which only the admission list tells apart
		s.Status = "withdrawn"
	}
	return s
}

// person returns who has the number now: as seeded, or as changed since.
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
	if !found {
		return *seeded, true, nil
	}
	if changed.Category == "" { // written before there were categories
		changed.Category, changed.LetterCode, changed.RegistrationCode = seeded.Category, seeded.LetterCode,
			seeded.RegistrationCode
	}
	return changed, true, nil
}

// phoneOwner returns whose phone it is, if anybody's here.
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
