package core

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// The interface describes days as campus takes them: a pattern cannot be made of the years, so this keeps them
// together.
func TestPlausibleDaysAreThoseOfTheRule(t *testing.T) {
	t.Parallel()
	described := regexp.MustCompile(PlausibleDays)
	for year := 1; year <= 9999; year++ {
		day := campus.Date{Year: year, Month: 6, Day: 1}
		require.Equal(t, day.Plausible(), described.MatchString(day.String()), strconv.Itoa(year))
	}
}
