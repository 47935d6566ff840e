package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// D2: what would be promised for an activation on a day, and that it is an estimate where the year is not announced.
func TestPromises(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	asked := func(university, query string) call {
		return call{method: "GET", path: "/api/v1/universities/" + university + "/promise?" + query}
	}
	type promise struct {
		PromisedOn string `json:"promised_on"`
		Note       string `json:"promise_note"`
	}
	const estimate = "The holidays of 2027 are not announced yet; the day is an estimate and may turn out later."
	for activated, want := range map[string]promise{
		"2026-09-30": {"2026-10-10", ""}, "2026-12-28": {"2026-12-31", ""}, "2026-12-31": {"2027-01-06", estimate},
		"2027-02-03": {"2027-02-10", estimate},
	} {
		got := h.do(t, asked("lcu", "activated_on="+activated).in(campus.English))
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, want, read[promise](t, got), activated)
	}
	h.play(t, map[string]scenario{
		"a day too far ahead":         {asked("lcu", "activated_on=2029-01-01"), 422, "promise_far", "activated_on"},
		"a day too far back":          {asked("lcu", "activated_on=2021-01-01"), 422, "promise_far", "activated_on"},
		"the last day of all":         {asked("lcu", "activated_on=9999-12-31"), 422, "", "activated_on"},
		"the first day of all":        {asked("lcu", "activated_on=0001-01-01"), 422, "", "activated_on"},
		"no day":                      {asked("lcu", "activated_on="), 422, "", "activated_on"},
		"a day that does not exist":   {asked("lcu", "activated_on=2027-02-29"), 422, "", "activated_on"},
		"a university that is not us": {asked("moon", "activated_on=2026-12-31"), 404, "university_unknown", ""},
	})
}

// D2, C3: every date that was counted in working days is told as an estimate, to whomever it is told, while the
// holidays of its year are not announced; and no other date is.
func TestDatesOfAnUnknownYearAreToldAsEstimates(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	application, _ := h.inReview(t, "student")
	h.enrol("other student")
	plastic := h.inProduction(t, "other student")
	order := storagetest.One[uuid.UUID](h.Env, `select case_id from plastics where id = $1`, plastic)
	type noted struct {
		DueNote string `json:"due_note"`
		Note    string `json:"promise_note"`
	}
	look := func(who, path string) []byte {
		t.Helper()
		got := h.do(t, call{who: who, method: "GET", path: "/api/v1" + path}.in(campus.English))
		require.Equal(t, 200, got.status, "%s", got.body)
		return got.body
	}
	type many struct{ Items []noted }
	type holder struct {
		noted
		Plastic noted
	}
	notes := func() map[string]string {
		t.Helper()
		var one, made holder
		var list, items many
		var seen struct {
			noted
			WorkItems []noted `json:"work_items"`
		}
		var cards, staffCards struct{ Items []struct{ Plastics []noted } }
		for path, into := range map[[2]string]any{
			{"student", "/applications/" + application.ID.String()}:                         &one,
			{"student", "/applications"}:                                                    &list,
			{"reviewer", "/staff/cases/" + application.ID.String()}:                         &seen,
			{"reviewer", "/staff/work-items"}:                                               &items,
			{"other student", "/applications/" + order.String()}:                            &made,
			{"other student", "/cards"}:                                                     &cards,
			{"centre", "/staff/people/" + h.people["other student"].ID.String() + "/cards"}: &staffCards,
		} {
			require.NoError(t, json.Unmarshal(look(path[0], path[1]), into), "%v", path)
		}
		return map[string]string{
			"a review, to the applicant": one.DueNote, "a review, in the applicant's list": list.Items[0].DueNote,
			"a review, to staff": seen.DueNote, "its item, in the case": seen.WorkItems[0].DueNote, "its item, in the list": items.Items[0].DueNote,
			"the production, to the holder": made.DueNote, "the plastic, in its case": made.Plastic.Note,
			"the plastic, with the card": cards.Items[0].Plastics[0].Note, "the plastic, to staff": staffCards.Items[0].Plastics[0].Note,
		}
	}
	due := func(day campus.Date) {
		h.Exec(`update cases set due = $1 where closed_at is null`, day.End())
		h.Exec(`update work_items set due = $1`, day.End())
		h.Exec(`update plastics set promised_at = $1`, day.End())
	}
	known := campus.Date{Year: 2026, Month: time.December, Day: 31}
	due(known)
	for what, note := range notes() {
		require.Empty(t, note, what)
	}
	due(known.AddDays(5))
	for what, note := range notes() {
		require.Equal(t, "The holidays of 2027 are not announced yet; the day is an estimate and may turn out later.", note,
			what)
	}
	h.Exec(`update cases set stage = 'evidence' where id = $1`, application.ID)
	require.Empty(t, notes()["a review, to the applicant"], "what is not counted in working days is certain")
}
