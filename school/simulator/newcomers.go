package simulator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"campuscard/campus"
	"campuscard/school"
)

// The newcomers are everybody who came to the simulator after the first n students: applicants with other documents
// (A4), freshmen before enrolment (A6), staff (A2). They have random numbers and numbers of their own, so that the
// first n are the same with and without them, and come after them in every list.

// profile is one newcomer to be made. Document "82" is a residence permit that begins so, "M" a travel permit that
// does, "mainland" a resident identity card.
type profile struct{ university, document, level, kind string }

// round is made again and again; the smallest city has it once.
func round() []profile {
	var all []profile
	add := func(times int, university, kind, level string, documents ...string) {
		for range times {
			for _, d := range documents {
				all = append(all, profile{university, d, level, kind})
			}
		}
	}
	add(2, "lcu", kindPlain, "undergraduate", "passport", "H", "83")
	add(1, "lcu", kindPlain, "undergraduate", "M", "81", "82")
	add(1, "lcu", kindPlain, "postgraduate", "passport", "H", "81", "83")
	add(1, "lcu", kindPlain, "exchange", "passport", "83", "mainland")
	add(1, "lcu", kindNoLetter, "undergraduate", "passport")
	add(1, "lcu", kindLetterExpired, "undergraduate", "passport")
	add(1, "lcu", kindLetterRevoked, "undergraduate", "83")
	add(1, "lcu", kindLetterOfAnother, "undergraduate", "passport")
	add(1, "lcu", kindRegistrationExpired, "undergraduate", "passport")
	add(1, "lcu", kindRegistrationCancelled, "undergraduate", "H")
	add(1, "lcu", kindRegistrationLater, "undergraduate", "passport")
	add(1, "lcu", kindRegistrationOfAnother, "undergraduate", "passport")
	add(1, "lcu", kindStalePhoto, "undergraduate", "passport")
	add(1, "lcu", kindPhoneMismatch, "undergraduate", "passport")
	add(6, "lcu", kindAdmitted, "undergraduate", "mainland")
	add(1, "lcu", kindAdmitted, "undergraduate", "passport", "H", "83")
	add(1, "lcu", kindDeclined, "undergraduate", "mainland")
	add(1, "lcu", kindNotAdmitted, "undergraduate", "mainland")
	add(6, "lcu", kindStaff, levelStaff, "mainland")
	add(1, "lcu", kindStaff, levelStaff, "passport", "H")
	add(1, "lcu", kindStaffLeft, levelStaff, "mainland")
	add(1, "lcu", kindStaffStalePhoto, levelStaff, "mainland")
	add(1, "lcvtc", kindPlain, "undergraduate", "passport", "H", "82", "83")
	add(1, "lcvtc", kindPlain, "postgraduate", "mainland", "passport")
	add(1, "lcvtc", kindPlain, "exchange", "mainland", "passport", "83")
	add(1, "lcvtc", kindLetterExpired, "undergraduate", "passport")
	add(1, "lcvtc", kindRegistrationLater, "undergraduate", "M")
	add(3, "lcvtc", kindAdmitted, "undergraduate", "mainland")
	add(1, "lcvtc", kindDeclined, "undergraduate", "mainland")
	add(3, "lcvtc", kindStaff, levelStaff, "mainland")
	add(1, "lcvtc", kindStaffLeft, levelStaff, "mainland")
	return all
}

// newcomers makes a twentieth of n, and one round at least.
func newcomers(first *generator, n int) []*person {
	g := &newcomerGenerator{*first}
	g.rng = rand.New(rand.NewPCG(first.seed, 2))
	profiles := round()
	people := make([]*person, max(n/20, len(profiles)))
	for i := range people {
		people[i] = g.person(i, profiles[i%len(profiles)])
	}
	return people
}

type newcomerGenerator struct{ generator }

const firstNewcomerPhone = 5_000_000 // the first n never get so far

func (g *newcomerGenerator) person(i int, is profile) *person {
	u := g.city[is.university]
	c := g.rng.IntN(len(u.colleges))
	p := &person{University: is.university, Kind: is.kind}
	p.Student = school.Student{Level: is.level, College: u.colleges[c].name, Campus: u.colleges[c].campus,
		Status: "registered", Phone: g.phone(firstNewcomerPhone + i), PhotoVersion: "1"}
	switch {
	case is.level == levelStaff:
		g.employ(p)
	case is.kind == kindAdmitted || is.kind == kindDeclined || is.kind == kindNotAdmitted:
		g.admit(p, c)
	default:
		g.enrol(p, c)
	}
	g.document(p, is.document)
	g.spoil(p)
	return p
}

// enrol makes a student of this year, in a class that the first n do not have.
func (g *newcomerGenerator) enrol(p *person, college int) {
	const year = 2026
	p.Number = g.next(p.University, fmt.Sprintf("%d%d", year, 51+college), 4)
	p.EnrolledOn = campus.Date{Year: year, Month: time.September, Day: 1}
	p.GraduatesOn = campus.Date{Year: year + years(p.University, p.Level), Month: time.June, Day: 30}
	p.CertificateCode, p.CertificateUntil = certificateCode(g.seed, p.id()), p.GraduatesOn
	g.settle(p)
}

// admit makes a freshman of next year. The certificate comes with the enrolment.
func (g *newcomerGenerator) admit(p *person, college int) {
	const year = 2027
	p.Number = g.next(p.University, fmt.Sprintf("%d%02d", year, 1+college), 4)
	p.Status = "admitted"
	p.EnrolsOn = campus.Date{Year: year, Month: time.September, Day: 1}
	p.GraduatesOn = campus.Date{Year: year + years(p.University, p.Level), Month: time.June, Day: 30}
	g.settle(p)
}

// settle gives a student a bed and an address.
func (g *newcomerGenerator) settle(p *person) {
	p.Dormitory = fmt.Sprintf("%s-%02d-%d%02d", p.Campus, 1+g.rng.IntN(12), 1+g.rng.IntN(6), 1+g.rng.IntN(30))
	p.Email = p.Number + "@stu." + p.University + ".example"
}

func (g *newcomerGenerator) employ(p *person) {
	p.Number = g.next(p.University, fmt.Sprintf("T%d", 2005+g.rng.IntN(20)), 3)
	p.Status = "employed"
	p.Email = strings.ToLower(p.Number) + "@" + p.University + ".example"
}

// next returns the next number of a class.
func (g *newcomerGenerator) next(university, class string, digits int) string {
	g.counts[university+class]++
	return fmt.Sprintf("%s%0*d", class, digits, g.counts[university+class])
}

// document gives a name and a document as the profile asks for.
func (g *newcomerGenerator) document(p *person, of string) {
	born := 2008 - g.rng.IntN(3)
	if p.staff() {
		born = 1998 - g.rng.IntN(35)
	}
	birthday := fmt.Sprintf("%04d%02d%02d", born, 1+g.rng.IntN(12), 1+g.rng.IntN(28))
	p.Name = g.chineseName()
	for p.DocumentNumber == "" || g.documents[p.DocumentNumber] {
		switch of {
		case "passport":
			p.Name = g.latinName()
			p.DocumentType, p.DocumentNumber = "passport", g.passport()
		case "H", "M":
			p.DocumentType, p.DocumentNumber = "travel_permit", fmt.Sprintf("%s%08d", of, g.rng.IntN(100_000_000))
		case "81", "82", "83":
			p.DocumentType, p.DocumentNumber = "residence_permit", g.resident(of+"0000", birthday)
		default:
			p.DocumentType, p.DocumentNumber = "resident_card", g.resident(g.district(), birthday)
		}
	}
	g.documents[p.DocumentNumber] = true
	p.Category = categoryOf(p.DocumentType, p.DocumentNumber)
}

// passport returns a number as some countries write them: letters and digits, 7 to 9 of them.
func (g *newcomerGenerator) passport() string {
	const letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
	letter := func() string { return string(letters[g.rng.IntN(len(letters))]) }
	switch g.rng.IntN(4) {
	case 0:
		return fmt.Sprintf("%09d", g.rng.IntN(1_000_000_000))
	case 1:
		return fmt.Sprintf("%s%07d", letter(), g.rng.IntN(10_000_000))
	case 2:
		return fmt.Sprintf("%s%s%07d", letter(), letter(), g.rng.IntN(10_000_000))
	}
	return fmt.Sprintf("%s%02d%s%s%04d", letter(), g.rng.IntN(100), letter(), letter(), g.rng.IntN(10_000))
}

// latinName returns a name as passports print it; some have several parts, hyphens or apostrophes.
func (g *newcomerGenerator) latinName() string {
	first := []string{"Aisha", "Carlos Eduardo", "Dilnoza", "Emma", "Hassan", "Ji-woo", "Mai", "Sipho", "Tomáš", "Yuki"}
	last := []string{"ABDULLAH", "DOS SANTOS", "HERNÁNDEZ", "KARIMOVA", "MACDONALD", "N'DIAYE", "O'CONNOR", "PARK",
		"RAHMAN", "TANAKA"}
	return last[g.rng.IntN(len(last))] + " " + first[g.rng.IntN(len(first))]
}

// spoil puts in what the kind says; the papers' kinds are in papers.
func (g *newcomerGenerator) spoil(p *person) {
	switch p.Kind {
	case kindDeclined:
		p.Status, p.ListedStatus = "declined", "admitted"
	case kindNotAdmitted:
		p.NotOnList = true
	case kindStaffLeft:
		p.Status, p.ListedStatus = "left", "employed"
	default:
		g.generator.spoil(p)
	}
}
