package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// D2: what would be promised for an activation on a day, and that it is an estimate where the year is not announced.
func TestPromises(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
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
