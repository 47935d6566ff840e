package simulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"campuscard/campus"
	"campuscard/school"
)

// population is everybody, the same for the same seed, whatever the day.
type population struct {
	all           []*person // by university and number
	byID          map[string]*person
	byPhone       map[string]*person
	byCertificate map[string]*person // also of freshmen, who get theirs when they enrol
	letters       map[string]school.Letter
	registrations map[string]school.ResidenceRegistration
}

// newPopulation makes n students as the registry has had them always, and more people after them: see newcomers.go.
func newPopulation(seed uint64, n int) *population {
	g := &generator{seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), city: universities(),
		counts: map[string]int{}, documents: map[string]bool{}}
	pop := &population{byID: map[string]*person{}, byPhone: map[string]*person{}, byCertificate: map[string]*person{},
		letters: map[string]school.Letter{}, registrations: map[string]school.ResidenceRegistration{}}
	for i := range n {
		pop.all = append(pop.all, g.person(i))
	}
	pop.all = append(pop.all, newcomers(g, n)...)
	for _, p := range pop.all {
		pop.byID[p.id()] = p
		pop.byPhone[p.Phone] = p
		if !p.staff() {
			pop.byCertificate[p.University+"/"+certificateCode(seed, p.id())] = p
		}
	}
	pop.papers(seed)
	slices.SortFunc(pop.all, func(a, b *person) int { return cmp.Compare(a.id(), b.id()) })
	return pop
}

type generator struct {
	seed      uint64
	rng       *rand.Rand
	city      map[string]university
	counts    map[string]int // people so far, by university, year and college
	documents map[string]bool
}

func (g *generator) person(i int) *person {
	code := "lcu"
	if i%10 >= 7 {
		code = "lcvtc"
	}
	u := g.city[code]
	year := u.years[g.rng.IntN(len(u.years))]
	c := g.rng.IntN(len(u.colleges))
	class := fmt.Sprintf("%04d%02d", year, c+1)
	g.counts[code+class]++
	nth := g.counts[code+class]
	p := &person{University: code, Kind: kindOf(nth)}
	p.Student = school.Student{
		Number: fmt.Sprintf("%s%04d", class, nth), Level: g.level(code, year),
		College: u.colleges[c].name, Campus: u.colleges[c].campus, Status: "registered",
		Phone: g.phone(i), PhotoVersion: "1", EnrolledOn: campus.Date{Year: year, Month: time.September, Day: 1},
		Dormitory: fmt.Sprintf("%s-%02d-%d%02d", u.colleges[c].campus, 1+g.rng.IntN(12), 1+g.rng.IntN(6), 1+g.rng.IntN(30)),
	}
	p.Email = p.Number + "@stu." + code + ".example"
	p.GraduatesOn = campus.Date{Year: year + years(code, p.Level), Month: time.June, Day: 30}
	g.identify(p, year)
	p.CertificateCode, p.CertificateUntil = certificateCode(g.seed, p.id()), p.GraduatesOn
	g.spoil(p)
	return p
}

// kindOf makes the first of every college plain, and about one in ten of all people something else.
func kindOf(nth int) string {
	kinds := map[int]string{7: kindStalePhoto, 17: kindPhoneMismatch, 27: kindNotRegistered, 37: kindNameMismatch,
		47: kindExpired, 53: kindNoPhoto, 57: kindInactive}
	if kind, ok := kinds[nth%60]; ok {
		return kind
	}
	return kindPlain
}

func (g *generator) level(code string, year int) string {
	switch n := g.rng.IntN(100); {
	case code == "lcu" && n < 2 && year == 2026:
		return "exchange"
	case code == "lcu" && n < 12 && year > 2023:
		return "postgraduate"
	}
	return "undergraduate"
}

// years of study.
func years(code, level string) int {
	switch {
	case level == "exchange":
		return 1
	case level == "postgraduate" || code == "lcvtc":
		return 3
	}
	return 4
}

// phone returns a unique number: the step has no factor in common with ten million.
func (g *generator) phone(i int) string {
	prefixes := []string{"1380", "1391", "1586", "1866", "1996"}
	return fmt.Sprintf("+86%s%07d", prefixes[i%len(prefixes)], (i*7919+int(g.seed%1000))%10_000_000)
}

// certificateCode returns the verification code of somebody's enrolment certificate, 16 letters and digits.
func certificateCode(seed uint64, id string) string { return codeOf(fmt.Sprintf("%d/%s", seed, id)) }

func codeOf(what string) string {
	sum := sha256.Sum256([]byte(what))
	return base32.StdEncoding.EncodeToString(sum[:10])
}

// spoil puts in what the kind says.
func (g *generator) spoil(p *person) {
	switch p.Kind {
	case kindNoPhoto:
		p.PhotoVersion = ""
	case kindPhoneMismatch:
		p.PhoneForeign = true
	case kindNotRegistered:
		p.Status, p.ListedStatus = "withdrawn", "registered"
	case kindNameMismatch:
		p.ListedName = p.Name
		for p.Name == p.ListedName {
			p.Name = g.chineseName()
		}
	case kindExpired:
		p.CertificateUntil = campus.Date{Year: 2026, Month: time.August, Day: 31}
	case kindInactive:
		p.Status = "suspended"
	}
}
