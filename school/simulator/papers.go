package simulator

import (
	"fmt"
	"time"

	"campuscard/campus"
	"campuscard/school"
)

// papers gives everybody from outside the mainland a letter of the International Student Service Centre and a
// registration of temporary residence, as good as their kind says (A4). Nothing here is random.
func (pop *population) papers(seed uint64) {
	lenders := map[string]*person{} // whose papers others hand in, by university
	for _, p := range pop.all {
		if p.Category == "mainland" {
			continue
		}
		if p.Kind != kindNoLetter {
			p.LetterCode = codeOf(fmt.Sprintf("letter/%d/%s", seed, p.id()))
			pop.letters[p.University+"/"+p.LetterCode] = letterOf(p)
		}
		p.RegistrationCode = codeOf(fmt.Sprintf("residence/%d/%s", seed, p.id()))
		if lenders[p.University] == nil && p.Kind == kindPlain {
			lenders[p.University] = p
		}
		pop.registrations[p.University+"/"+p.RegistrationCode] = registrationOf(p)
		switch p.Kind {
		case kindLetterOfAnother:
			p.LetterCode = lenders[p.University].LetterCode
		case kindRegistrationOfAnother:
			p.RegistrationCode = lenders[p.University].RegistrationCode
		}
	}
}

func letterOf(p *person) school.Letter {
	l := school.Letter{Code: p.LetterCode, Number: p.Number, Name: p.Name, Status: "valid",
		IssuedOn: campus.Date{Year: 2026, Month: time.August, Day: 20}, ValidUntil: stay(p)}
	switch p.Kind {
	case kindLetterExpired:
		l.IssuedOn = campus.Date{Year: 2025, Month: time.August, Day: 20}
		l.ValidUntil = campus.Date{Year: 2026, Month: time.August, Day: 31}
	case kindLetterRevoked:
		l.Status = "revoked"
	}
	return l
}

func registrationOf(p *person) school.ResidenceRegistration {
	r := school.ResidenceRegistration{Code: p.RegistrationCode, Number: p.Number, Name: p.Name, Status: "valid",
		ValidFrom: campus.Date{Year: 2026, Month: time.August, Day: 25}, ValidUntil: stay(p)}
	switch p.Kind {
	case kindRegistrationExpired:
		r.ValidFrom = campus.Date{Year: 2025, Month: time.August, Day: 25}
		r.ValidUntil = campus.Date{Year: 2026, Month: time.August, Day: 31}
	case kindRegistrationCancelled:
		r.Status = "cancelled"
	case kindRegistrationLater:
		r.ValidFrom = campus.Date{Year: 2027, Month: time.September, Day: 1}
	}
	return r
}

// stay returns the last day for which somebody is here.
func stay(p *person) campus.Date {
	if p.GraduatesOn.IsZero() { // staff
		return campus.Date{Year: 2029, Month: time.August, Day: 31}
	}
	return p.GraduatesOn
}
