package campus_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// Go takes years that Postgres does not, and nobody means most of them.
func TestDatesOfPlausibleYearsOnly(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"1900-01-01": "", "2199-12-31": "", "2028-02-29": "",
		"1899-12-31": "date_range", "2200-01-01": "date_range", "0000-12-31": "date_range", "0001-01-01": "date_range",
		"9999-12-31": "date_range",
		"2026-02-29": "date_invalid", "2026-13-01": "date_invalid", "20261201": "date_invalid", "12026-01-01": "date_invalid", "-001-01-01": "date_invalid",
	} {
		read, err := campus.ParseDate(text)
		require.Equal(t, reason, campus.ReasonOf(err), text)
		var sent campus.Date
		err = json.Unmarshal([]byte(`"`+text+`"`), &sent)
		require.Equal(t, reason == "", err == nil, text)
		if reason == "" {
			require.Equal(t, text, read.String())
			require.Equal(t, read, sent)
		}
	}
	require.False(t, campus.Date{Month: time.December, Day: 31}.Plausible(), "of the year 0")
	require.True(t, campus.Date{}.Plausible(), "no date")
	require.False(t, campus.PlausibleTime(time.Time{}))
	require.False(t, campus.PlausibleTime(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.True(t, campus.PlausibleTime(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)))
}
