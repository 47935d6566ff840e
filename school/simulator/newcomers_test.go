package simulator

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

// isNewcomer tells by the number: the first n are of the classes 01 to 08 of 2023 to 2026.
func isNewcomer(p *person) bool {
	return p.staff() || p.Number >= "202650"
}

// The first n are in databases, histories and demonstrations: they stay as they were before there were newcomers.
func TestNewcomersChangeNobodyElse(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{400: "9ba0543662b7fd73", 3000: "2fdb8ccfca9d3381", 10_000: "cc2257c06ed7b78d"} {
		h, count := sha256.New(), 0
		for _, p := range newPopulation(1, n).all {
			if isNewcomer(p) {
				continue
			}
			count++
			_, _ = fmt.Fprintln(h, p.id(), p.Kind, p.Name, p.ListedName, p.DocumentType, p.DocumentNumber, p.Phone, p.Email,
				p.Level,
				p.College, p.Campus, p.Dormitory, p.Status, p.ListedStatus, p.EnrolledOn, p.GraduatesOn, p.PhotoVersion,
				p.CertificateCode, p.CertificateUntil, p.PhoneForeign)
		}
		require.Equal(t, n, count)
		require.Equal(t, want, fmt.Sprintf("%x", h.Sum(nil)[:8]))
	}
}

func TestNewcomersComeLast(t *testing.T) {
	t.Parallel()
	came := map[string]bool{}
	for _, p := range newPopulation(1, 3000).all {
		require.False(t, came[p.University] && !isNewcomer(p), p.Number)
		came[p.University] = came[p.University] || isNewcomer(p)
	}
	require.Len(t, came, 2)
}

func TestSmallestCityHasEverybodyOnce(t *testing.T) {
	t.Parallel()
	pop := newPopulation(1, 1)
	require.Len(t, pop.all, 1+len(round()))
	there := map[string]bool{}
	for _, p := range pop.all {
		there[p.University+" "+p.Level] = true
		there[p.University+" "+p.Category] = true
		there[p.University+" "+p.Kind] = true
		there[p.DocumentType+" "+p.DocumentNumber[:1]] = true
	}
	for _, university := range []string{"lcu", "lcvtc"} {
		for _, what := range []string{"undergraduate", "postgraduate", "exchange", levelStaff, "mainland", "hong_kong_macau",
			"taiwan", "foreign", kindPlain, kindAdmitted, kindStaff, kindStaffLeft, kindDeclined, kindLetterExpired, kindRegistrationLater} {
			require.True(t, there[university+" "+what], "%s %s", university, what)
		}
	}
	for _, what := range []string{kindNoLetter, kindLetterRevoked, kindLetterOfAnother, kindRegistrationExpired,
		kindRegistrationCancelled, kindRegistrationOfAnother, kindNotAdmitted, kindStaffStalePhoto} {
		require.True(t, there["lcu "+what], what)
	}
	require.True(t, there["travel_permit H"] && there["travel_permit M"])
}

func TestEveryDocumentIsValidForItsCategory(t *testing.T) {
	t.Parallel()
	today := campus.Date{Year: 2026, Month: time.November, Day: 22}
	forms := map[string]*regexp.Regexp{
		"mainland resident_card":           regexp.MustCompile(`^[1-6]\d{16}[\dX]$`),
		"hong_kong_macau travel_permit":    regexp.MustCompile(`^[HM]\d{8}$`),
		"hong_kong_macau residence_permit": regexp.MustCompile(`^8[12]0000\d{11}[\dX]$`),
		"taiwan residence_permit":          regexp.MustCompile(`^830000\d{11}[\dX]$`),
		"foreign passport":                 regexp.MustCompile(`^[A-Z0-9]{5,17}$`),
	}
	latin, seen := regexp.MustCompile(`^[\p{Latin}' -]+$`), map[string]bool{}
	for _, p := range newPopulation(1, 10_000).all {
		what := p.Category + " " + p.DocumentType
		require.Contains(t, forms, what)
		require.Regexp(t, forms[what], p.DocumentNumber)
		if len(p.DocumentNumber) == 18 {
			require.NoError(t, campus.CheckResidentNumber(p.DocumentNumber, today))
		}
		require.Equal(t, p.Category == "foreign", latin.MatchString(p.Name), p.Name)
		seen[what] = true
	}
	require.Len(t, seen, len(forms))
}

func TestPapersAreAsTheKindSays(t *testing.T) {
	t.Parallel()
	pop := newPopulation(1, 3000)
	today, seen := campus.Date{Year: 2026, Month: time.November, Day: 22}, map[string]bool{}
	for _, p := range pop.all {
		letter, hasLetter := pop.letters[p.University+"/"+p.LetterCode]
		entry, hasEntry := pop.registrations[p.University+"/"+p.RegistrationCode]
		if p.Category == "mainland" {
			require.False(t, hasLetter || hasEntry)
			require.Empty(t, p.LetterCode+p.RegistrationCode)
			continue
		}
		seen[p.Kind] = true
		require.Equal(t, p.Kind != kindNoLetter, hasLetter)
		require.True(t, hasEntry)
		require.Equal(t, wrongWithLetter(p, letter, today), p.Kind == kindNoLetter || p.Kind == kindLetterExpired ||
			p.Kind == kindLetterRevoked || p.Kind == kindLetterOfAnother, p.Kind)
		require.Equal(t, wrongWithEntry(p, entry, today), slices.Contains([]string{kindRegistrationExpired,
			kindRegistrationCancelled, kindRegistrationLater, kindRegistrationOfAnother}, p.Kind), p.Kind)
	}
	require.Greater(t, len(seen), 10)
}

func wrongWithLetter(p *person, l school.Letter, today campus.Date) bool {
	return l.Number != p.Number || l.Status != "valid" || today.Before(l.IssuedOn) || l.ValidUntil.Before(today)
}

func wrongWithEntry(p *person, r school.ResidenceRegistration, today campus.Date) bool {
	return r.Number != p.Number || r.Status != "valid" || today.Before(r.ValidFrom) || r.ValidUntil.Before(today)
}

func TestFreshmenAndStaffArePlausible(t *testing.T) {
	t.Parallel()
	freshmen, staff := 0, 0
	for _, p := range newPopulation(1, 10_000).all {
		listed := p.listed()
		switch {
		case p.staff():
			staff++
			require.Regexp(t, `^T20\d{5}$`, p.Number)
			require.Equal(t, "employed", listed.Status)
			require.Equal(t, p.Kind == kindStaffLeft, p.Status == "left")
		case !p.EnrolsOn.IsZero():
			freshmen++
			require.Equal(t, "admitted", listed.Status)
			require.Equal(t, "undergraduate", p.Level)
			require.Empty(t, p.CertificateCode)
			require.True(t, p.EnrolledOn.IsZero())
			require.Equal(t, p.Kind == kindDeclined, p.Status == "declined")
		default:
			require.NotEmpty(t, p.CertificateCode)
		}
		require.NotEmpty(t, p.PhotoVersion+p.Kind)
	}
	require.Greater(t, freshmen, 50)
	require.Greater(t, staff, 50)
}
