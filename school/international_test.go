package school_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

func TestLettersAreLookedUpByCode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	today := campus.DateOf(time.Now())
	tests := map[string]struct {
		status       string
		own, stillOn bool
	}{
		"kind=plain&category=foreign":         {"valid", true, true},
		"kind=plain&category=taiwan":          {"valid", true, true},
		"kind=plain&category=hong_kong_macau": {"valid", true, true},
		"kind=admitted&category=foreign":      {"valid", true, true},
		"kind=staff&category=foreign":         {"valid", true, true},
		"kind=letter_expired":                 {"valid", true, false},
		"kind=letter_revoked":                 {"revoked", true, true},
		"kind=letter_of_another":              {"valid", false, true},
	}
	for query, want := range tests {
		p := b.one(query)
		got, err := b.International.Letter(t.Context(), lcu, p.LetterCode)
		require.NoError(t, err, query)
		require.Equal(t, want.status, got.Status, query)
		require.Equal(t, want.own, got.Number == p.Number, query)
		require.Equal(t, want.stillOn, !got.ValidUntil.Before(today), query)
	}
	require.Empty(t, b.one("kind=no_letter").LetterCode)
	_, err := b.International.Letter(t.Context(), lcu, "AAAAAAAAAAAAAAAA")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
	_, err = b.International.Letter(t.Context(), "lcvtc", b.one("kind=letter_revoked").LetterCode)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "another university's")
}

func TestResidenceRegistrationsAreLookedUpByCode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	today := campus.DateOf(time.Now())
	tests := map[string]struct {
		status              string
		own, begun, stillOn bool
	}{
		"kind=plain&category=foreign":  {"valid", true, true, true},
		"kind=registration_expired":    {"valid", true, true, false},
		"kind=registration_cancelled":  {"cancelled", true, true, true},
		"kind=registration_later":      {"valid", true, false, true},
		"kind=registration_of_another": {"valid", false, true, true},
	}
	for query, want := range tests {
		p := b.one(query)
		got, err := b.International.ResidenceRegistration(t.Context(), lcu, p.RegistrationCode)
		require.NoError(t, err, query)
		require.Equal(t, want.status, got.Status, query)
		require.Equal(t, want.own, got.Number == p.Number, query)
		require.Equal(t, want.begun, !today.Before(got.ValidFrom), query)
		require.Equal(t, want.stillOn, !got.ValidUntil.Before(today), query)
	}
	_, err := b.International.ResidenceRegistration(t.Context(), lcu, "AAAAAAAAAAAAAAAA")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
}

func TestPapersAreMadeAndChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, p := t.Context(), b.one("kind=no_letter")
	until := campus.Date{Year: 2030, Month: time.June, Day: 30}
	b.admin(http.MethodPut, "/admin/letters/lcu/NEW1", fields{"number": p.Number, "status": "valid",
		"issued_on": "2026-09-01", "valid_until": "2030-06-30"}, nil)
	letter, err := b.International.Letter(ctx, lcu, "NEW1")
	require.NoError(t, err)
	require.Equal(t, school.Letter{Code: "NEW1", Number: p.Number, Status: "valid",
		IssuedOn: campus.Date{Year: 2026, Month: time.September, Day: 1}, ValidUntil: until}, letter)
	b.admin(http.MethodPut, "/admin/letters/lcu/NEW1", fields{"status": "revoked"}, nil)
	letter, err = b.International.Letter(ctx, lcu, "NEW1")
	require.NoError(t, err)
	require.Equal(t, "revoked", letter.Status)
	require.Equal(t, until, letter.ValidUntil, "the rest stays")

	later := b.one("kind=registration_later")
	b.admin(http.MethodPut, "/admin/residence-registrations/lcu/"+later.RegistrationCode,
		fields{"valid_from": "2026-09-01"}, nil)
	entry, err := b.International.ResidenceRegistration(ctx, lcu, later.RegistrationCode)
	require.NoError(t, err)
	require.Equal(t, school.ResidenceRegistration{Code: later.RegistrationCode, Number: later.Number, Name: later.Name,
		Status:    "valid",
		ValidFrom: campus.Date{Year: 2026, Month: time.September, Day: 1}, ValidUntil: later.GraduatesOn}, entry)
}
