package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
)

// D2: two months before a year whose holidays are not known the doctor says so, and not before.
func TestUnknownHolidaysAreFound(t *testing.T) {
	t.Parallel()
	policies, err := campus.LoadPolicies(deploy.Policy)
	require.NoError(t, err)
	for day, want := range map[string]Finding{
		"2026-10-31": well("calendar.fine", values{"year": "2026"})[0],
		"2026-11-01": warn("calendar.unknown", values{"year": "2027"})[0],
		"2027-06-01": warn("calendar.unknown", values{"year": "2027"})[0],
	} {
		today, err := campus.ParseDate(day)
		require.NoError(t, err)
		d := &doctor{policies: policies, Settings: Settings{Now: today.Start}}
		require.Equal(t, []Finding{want}, d.lookAtCalendar(t.Context()), day)
	}

	demo, err := campus.LoadPolicies(deploy.Policy, deploy.DemoPolicy)
	require.NoError(t, err)
	d := &doctor{policies: demo, Settings: Settings{Now: campus.Date{Year: 2026, Month: 12, Day: 1}.Start}}
	require.Equal(t, well("calendar.short", nil), d.lookAtCalendar(t.Context()),
		"it says nothing of years that are not known")
}
