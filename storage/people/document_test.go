package people_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/cards"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// permitHolder has the permit that the roster prints with two signs for its renewals (A4).
func permitHolder(p *people.RosterPerson) {
	p.Category, p.DocumentType, p.DocumentNumber = campus.HongKongMacau, campus.TravelPermit, "H1234567801"
}

// A4: every renewal of a travel permit names the same holder, wherever a number is compared. Another holder is another
// one.
func TestRenewedPermitsNameTheSameHolder(t *testing.T) {
	t.Parallel()
	for number, same := range map[string]bool{"H12345678": true, "H1234567801": true, "H1234567802": true,
		"H1234567901": false,
		"M1234567801": false, "H123456780": false} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			c := atCounter(t)
			roster := c.Holder.Roster
			permitHolder(&roster)
			faults, err := c.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{roster})
			require.NoError(t, err)
			require.Empty(t, faults)

			act, err := c.People.VerifyAtCounter(t.Context(), storagetest.Request(campus.Staff(c.who.ID)), c.who, c.policy,
				people.Verification{Person: c.Holder.ID, DocumentType: campus.TravelPermit, DocumentNumber: number})
			require.NoError(t, err)
			require.Equal(t, same, act.Verdict == campus.Pass, "counter")

			pickup := c.Pickup(c.Deliver())
			pickup.DocumentNumber = number
			require.Equal(t, map[bool]string{true: "done", false: "pickup_document"}[same], storagetest.Outcome(c.Try(pickup)),
				"kiosk")

			applicant := c.Person(permitHolder)
			_, err = c.Apply(t.Context(), storagetest.Request(campus.Student(applicant.ID)),
				c.NewApplication(applicant, func(a *cards.NewApplication) { a.DocumentNumber = number }))
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
		_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, password))
		require.Equal(t, reason, campus.ReasonOf(err), password)
	}
	facts, err := h.KeysFit(t.Context())
	require.NoError(t, err)
	require.Equal(t, storage.KeyFacts{Tried: true, Data: true, Pepper: true}, facts)
}

// A3, A4: a foreigner's permanent residence card, the older one too, is taken to its last day, and always has one. The
// number of a newer one is that of no mainland card.
func TestPermanentResidenceCards(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	today := campus.DateOf(h.Clock.Now())
	for _, number := range []string{"911124198108030024", "USA110098010112"} {
		holder := func(p *people.RosterPerson) {
			p.Category, p.DocumentType, p.DocumentNumber = campus.Foreign, campus.PermanentCard, number
		}
		apply := func(change func(*cards.NewApplication)) (storagetest.Person, cards.Accepted, error) {
			p := h.Person(holder)
			accepted, err := h.Apply(t.Context(), storagetest.Request(campus.Student(p.ID)), h.NewApplication(p, change))
			return p, accepted, err
		}
		until := func(day campus.Date) func(*cards.NewApplication) {
			return func(a *cards.NewApplication) { a.Evidence[0].ExpiresOn = day }
		}
		p, accepted, err := apply(until(today))
		require.NoError(t, err)
		_, _, err = apply(until(campus.Date{}))
		require.Equal(t, "document_lasts", campus.ReasonOf(err))
		_, _, err = apply(func(a *cards.NewApplication) { a.DocumentType = campus.Passport })
		require.Contains(t, []string{"document_mismatch", "passport_form"}, campus.ReasonOf(err))
		_, _, err = apply(func(a *cards.NewApplication) { a.DocumentType = campus.ResidentCard })
		require.Contains(t, []string{"document_category", "document_form"}, campus.ReasonOf(err))

		ref := campus.CaseRef{Kind: campus.ApplicationCase, ID: accepted.ID}
		bring := func(day campus.Date) error {
			brought := []cards.Evidence{{Item: campus.DocumentItem, Upload: h.Upload(p.ID, campus.DocumentUpload).ID,
				ExpiresOn: day}}
			m := h.NextMove(ref, campus.StageEvidence, campus.WaitsForStudent)
			m.Decision = h.Decision(ref, campus.Student(p.ID), campus.BringEvidenceUpdate, campus.Said{},
				cards.NewEvidence{Evidence: brought})
			m.Name, m.Version = campus.BringEvidenceUpdate, storagetest.One[int64](h,
				`select version + 1 from cases where id = $1`, ref.ID)
			_, _, err := h.Cards.ReplaceEvidence(t.Context(), m)
			return err
		}
		require.Equal(t, "document_lasts", campus.ReasonOf(bring(campus.Date{})), "brought later")
	}
}
