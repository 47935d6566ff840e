package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// C4, D4: who has a card under another number is not asked for an activation that is refused, and is told what ends
// with one that is not. Staff see the same at the case.
func TestNextTellsOfACardUnderAnotherNumber(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.inProduction(t, "student")
	twice := h.Person(registered, func(p *people.RosterPerson) {
		p.DocumentNumber, p.Name = h.holder.Roster.DocumentNumber, h.holder.Roster.Name
	})
	h.people["twice"] = twice
	h.tokens.Store("twice", h.SignedIn(twice.ID))
	ref := h.apply(t, "twice")
	const refused, ends = "keep to that one", "ends with the activation"
	for _, line := range []struct {
		sentence, status string // of the other number
		card             campus.CardState
		stage            campus.Stage
		says, notSays    string
		first            string // what can be done
	}{
		{"not before the activation", "registered", campus.CardActive, campus.StageReview, "", "number", "withdrawal"},
		{"a student twice", "registered", campus.CardActive, campus.StageActivation, refused, "Please activate",
			"withdrawal"},
		{"whose other card is lost", "registered", campus.CardLost, campus.StageActivation, refused, "Please activate",
			"withdrawal"},
		{"before the enrolment", "registered", campus.CardActive, campus.StageEnrolment, refused, "by itself when",
			"withdrawal"},
		{"who has become another student", "graduated", campus.CardActive, campus.StageActivation, ends, refused,
			"activation"},
		{"who works here and enrols", "employed", campus.CardActive, campus.StageEnrolment, ends, refused, "activation"},
		{"whose other card has ended", "registered", campus.CardClosed, campus.StageActivation, "Please activate", "number",
			"activation"},
		{"who has not activated in time", "registered", campus.CardActive, campus.StageLapsed, refused, "If you still want",
			"reopening"},
		{"who has not, and works here", "employed", campus.CardActive, campus.StageLapsed, ends, refused, "reopening"},
		{"who has not, and has no other card any more", "registered", campus.CardClosed, campus.StageLapsed,
			"please re-open", "number", "reopening"},
	} {
		h.record(t, h.NextMove(ref, line.stage, campus.WaitsForStudent))
		h.Exec(`update people set status = $1 where id = $2`, line.status, h.holder.ID)
		h.Exec(`update cards set state = $1 where person_id = $2`, line.card, h.holder.ID)
		for who, path := range map[string]string{"twice": "/api/v1/applications/", "reviewer": staffCases + "/"} {
			got := h.do(t, call{who: who, method: "GET", path: path + ref.ID.String()}.in(campus.English))
			require.Equal(t, 200, got.status, "%s", got.body)
			next := read[shownCase](t, got).Next
			require.Contains(t, next.Text, line.says, line.sentence)
			require.NotContains(t, next.Text, line.notSays, line.sentence)
			require.Equal(t, "/api/v1/applications/"+ref.ID.String()+"/"+line.first, next.Actions[0].Href, line.sentence)
		}
	}
	expired := h.NextMove(ref, campus.StageDone, campus.WaitsForNobody)
	expired.Outcome = campus.Expired
	h.record(t, expired)
	for card, says := range map[campus.CardState]string{campus.CardActive: refused, campus.CardClosed: "whenever you like"} {
		h.Exec(`update cards set state = $1 where person_id = $2`, card, h.holder.ID)
		got := h.do(t, call{who: "twice", method: "GET", path: "/api/v1/applications/" + ref.ID.String()}.in(campus.English))
		require.Contains(t, read[shownCase](t, got).Next.Text, says, "an application that has expired")
	}
	require.Equal(t, 1, storagetest.One[int](h.Env, `select count(*) from cards`),
		"they are looked at, and nothing is done")
}
