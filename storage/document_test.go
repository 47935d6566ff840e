package storage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// permitHolder has the permit that the roster prints with two signs for its renewals (A4).
func permitHolder(p *storage.RosterPerson) {
	p.Category, p.DocumentType, p.DocumentNumber = campus.HongKongMacau, campus.TravelPermit, "H1234567801"
}

// A4: every renewal of a travel permit names the same holder, wherever a number is compared. Another holder is another one.
func TestRenewedPermitsNameTheSameHolder(t *testing.T) {
	t.Parallel()
	for number, same := range map[string]bool{"H12345678": true, "H1234567801": true, "H1234567802": true, "H1234567901": false,
		"M1234567801": false, "H123456780": false} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			c := atCounter(t)
			roster := c.person.Roster
			permitHolder(&roster)
			faults, err := c.ImportPeople(t.Context(), storagetest.University, []storage.RosterPerson{roster})
			require.NoError(t, err)
			require.Empty(t, faults)

			act, err := c.VerifyAtCounter(t.Context(), storagetest.Request(campus.Staff(c.who.ID)), c.who, c.policy,
				storage.Verification{Person: c.person.ID, DocumentType: campus.TravelPermit, DocumentNumber: number})
			require.NoError(t, err)
			require.Equal(t, same, act.Verdict == campus.Pass, "counter")

			pickup := c.pickup(c.deliver())
			pickup.DocumentNumber = number
			require.Equal(t, map[bool]string{true: "done", false: "pickup_document"}[same], outcome(c.try(pickup)), "kiosk")

			applicant := c.Person(permitHolder)
			_, err = c.Apply(t.Context(), storagetest.Request(campus.Student(applicant.ID)),
				c.NewApplication(applicant, func(a *storage.NewApplication) { a.DocumentNumber = number }))
			require.Equal(t, same, err == nil, "application: %v", err)
		})
	}
}

// A5: the first password is the last six as the roster prints them; the signs of another renewal are not.
func TestFirstPasswordIsOfTheRostersPermit(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	p := h.Person(permitHolder)
	policy := h.Policy().SignIn
	for password, reason := range map[string]string{"567802": "wrong_password", "345678": "wrong_password", "567801": ""} {
		_, err := h.SignInStudent(t.Context(), policy, credentials(p, password))
		require.Equal(t, reason, campus.ReasonOf(err), password)
	}
	facts, err := h.KeysFit(t.Context())
	require.NoError(t, err)
	require.Equal(t, storage.KeyFacts{Tried: true, Data: true, Pepper: true}, facts)
}
